/* topic_ring_test.c - the messages of a retained topic, against a plain list of them. */
#include "types/topic_ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/random.h"
#include "support/suite.h"

#define MESSAGES_MAX 20000
#define BYTES_MAX (3 * TOPIC_BLOB_BYTES_MIN)

/* The model: all messages that ever came; those from `first` on are there. */
static struct {
    int64_t ms;
    size_t n;
    unsigned char fill;
} all[MESSAGES_MAX];
static uint64_t first, next, base;
static struct random rng;

static unsigned char byte_of(uint64_t i, size_t k) { return (unsigned char)(all[i].fill + k); }

static void start(uint64_t offset) {
    first = next = 0;
    base = offset;
    random_seed(&rng, 7);
}

static void add(struct topic_ring *t, int64_t ms, size_t n) {
    char bytes[BYTES_MAX + 1];
    struct blob *b;
    all[next].ms = next && ms < all[next - 1].ms ? all[next - 1].ms : ms;
    all[next].n = n;
    all[next].fill = (unsigned char)random_next(&rng);
    for (size_t k = 0; k < n; k++) bytes[k] = (char)byte_of(next, k);
    CU_ASSERT_FATAL(topic_ring_append(t, ms, slice_of(bytes, n), &b));
    CU_ASSERT_EQUAL(b != NULL, n >= TOPIC_BLOB_BYTES_MIN);
    next++;
}

static bool same(const struct topic_message *m, uint64_t i) {
    if (m->offset != base + i || m->ms != all[i].ms || m->payload.n != all[i].n) return false;
    for (size_t k = 0; k < m->payload.n; k++) {
        if ((unsigned char)m->payload.p[k] != byte_of(i, k)) return false;
    }
    return !m->blob || (m->blob->len == m->payload.n + 2 && m->blob->data == m->payload.p &&
                        memcmp(m->payload.p + m->payload.n, "\r\n", 2) == 0);
}

static uint64_t bytes_from(uint64_t i) {
    uint64_t sum = 0;
    for (; i < next; i++) sum += all[i].n + TOPIC_MESSAGE_BYTES;
    return sum;
}

static void check_from(const struct topic_ring *t, uint64_t i) {
    struct topic_cursor c = topic_cursor_at(t, base + i);
    struct topic_message m;
    bool ok = true;
    for (i = i < first ? first : i; i < next && ok; i++)
        ok = topic_cursor_next(&c, &m) && same(&m, i);
    CU_ASSERT(ok);
    CU_ASSERT(!topic_cursor_next(&c, &m));
}

static void check(const struct topic_ring *t) {
    const struct topic_state *s = topic_ring_state(t);
    CU_ASSERT_EQUAL(s->first, base + first);
    CU_ASSERT_EQUAL(s->next, base + next);
    CU_ASSERT_EQUAL(s->bytes, bytes_from(first));
    check_from(t, 0);
    if (next) check_from(t, random_next_below(&rng, next));
    check_from(t, next);
}

static uint64_t model_keeps(const struct topic_limits *l, int64_t now_ms) {
    uint64_t i = first;
    while (i < next && l->ms && all[i].ms < now_ms - (int64_t)l->ms) i++;
    while (i < next && l->count && next - i > l->count) i++;
    while (i < next && l->bytes && bytes_from(i) > l->bytes) i++;
    return i;
}

static void trim(struct topic_ring *t, int64_t now_ms, size_t cost_max) {
    uint64_t want = model_keeps(&topic_ring_state(t)->limits, now_ms);
    CU_ASSERT_EQUAL_FATAL(topic_ring_keeps(t, now_ms), base + want);
    struct topic_ring *gone = topic_ring_cut(t, base + want, cost_max);
    CU_ASSERT(!gone || topic_ring_free_cost(gone) > cost_max);
    if (gone) topic_ring_free(gone);
    first = want;
}

static void an_empty_one_has_nothing(void) {
    struct topic_ring *t = topic_ring_new(5, 100);
    start(100);
    check(t);
    CU_ASSERT_EQUAL(topic_ring_state(t)->epoch, 5);
    CU_ASSERT_EQUAL(topic_ring_first(t, 1000), 100);
    CU_ASSERT_EQUAL(topic_ring_keeps(t, 1000), 100);
    CU_ASSERT_EQUAL(topic_ring_due_ms(t), INT64_MAX);
    CU_ASSERT_PTR_NULL(topic_ring_cut(t, 100, 0));
    struct topic_ring *copy = topic_ring_copy(t);
    add(copy, 1, 3);
    check(copy);
    topic_ring_free(copy);
    CU_ASSERT_EQUAL(topic_ring_count(), 1);
    topic_ring_free(t);
    CU_ASSERT_EQUAL(topic_ring_count(), 0);
}

static size_t some_bytes(void) {
    switch (random_next_below(&rng, 12)) {
    case 0: return TOPIC_BLOB_BYTES_MIN - 1 + random_next_below(&rng, 3);
    case 1: return random_next_below(&rng, BYTES_MAX);
    case 2: return 0;
    default: return random_next_below(&rng, 30);
    }
}

/* Random messages, limits and times. */
static void keeps_what_its_limits_say(void) {
    struct topic_ring *t = topic_ring_new(1, 7);
    int64_t now_ms = 1000000;
    start(7);
    for (int i = 0; i < 4000; i++) {
        uint64_t what = random_next_below(&rng, 100);
        now_ms += (int64_t)random_next_below(&rng, 20);
        if (what < 90) {
            add(t, now_ms - (int64_t)random_next_below(&rng, 10), some_bytes());
        } else if (what < 96) {
            trim(t, now_ms, random_next_below(&rng, 30));
        } else {
            struct topic_limits l = {random_next_below(&rng, 3) ? random_next_below(&rng, 300) : 0,
                                     random_next_below(&rng, 3) ? random_next_below(&rng, 9000) : 0,
                                     random_next_below(&rng, 3) ? random_next_below(&rng, 900) : 0};
            topic_ring_limit(t, l);
        }
        if (i % 20 == 0) check(t);
    }
    check(t);
    topic_ring_limit(t, (struct topic_limits){0, TOPIC_MESSAGE_BYTES - 1, 0});
    trim(t, now_ms, 10);
    CU_ASSERT_EQUAL(first, next);
    check(t);
    add(t, now_ms, 5);
    check(t);
    topic_ring_free(t);
}

static void passes_over_what_is_too_old(void) {
    struct topic_ring *t = topic_ring_new(1, 0);
    start(0);
    for (int i = 0; i < 1000; i++) add(t, 1000 + i / 3, 20);
    topic_ring_limit(t, (struct topic_limits){0, 0, 80});
    for (int64_t now_ms = 1000; now_ms < 1500; now_ms++) {
        uint64_t want = first;
        while (want < next && all[want].ms < now_ms - 80) want++;
        CU_ASSERT_EQUAL(topic_ring_first(t, now_ms), want);
    }
    CU_ASSERT_EQUAL(topic_ring_due_ms(t), 1000 + 80 + 10 + 1);
    check(t); /* nothing has left */
    trim(t, 1200, 1000);
    check(t);
    CU_ASSERT_EQUAL(topic_ring_due_ms(t), 1120 + 80 + 10 + 1);
    topic_ring_free(t);
}

static void a_copy_stays_as_it_is(void) {
    struct topic_ring *t = topic_ring_new(1, 0), *copy;
    start(0);
    topic_ring_limit(t, (struct topic_limits){100, 0, 0});
    for (int i = 0; i < 500; i++) add(t, i, some_bytes());
    trim(t, 500, 1000);
    copy = topic_ring_copy(t);
    CU_ASSERT(topic_ring_memory(copy) <= topic_ring_memory(t));
    CU_ASSERT_EQUAL(topic_ring_free_cost(copy), topic_ring_free_cost(t));
    uint64_t first_then = first, next_then = next;
    for (int i = 0; i < 500; i++) add(t, i, some_bytes());
    trim(t, 500, 1000);
    check(t);
    topic_ring_free(t);
    first = first_then;
    next = next_then;
    check(copy);
    topic_ring_free(copy);
    CU_ASSERT_EQUAL(topic_ring_count(), 0);
}

/* What a ring says that it holds is what the allocator has handed out, about. */
static void takes_little_memory(void) {
    struct topic_ring *t = topic_ring_new(1, 0);
    start(0);
    add(t, 1, 20);
    CU_ASSERT(topic_ring_memory(t) < 320);
    for (int i = 0; i < 9999; i++) add(t, i, 20);
    CU_ASSERT(topic_ring_memory(t) < 10000 * (TOPIC_NODE_BYTES >= 4096 ? 24 : 100));
    topic_ring_limit(t, (struct topic_limits){1, 0, 0});
    trim(t, 10000, 1000000);
    CU_ASSERT(topic_ring_memory(t) < TOPIC_NODE_BYTES + 1000);
    check(t);
    topic_ring_limit(t, (struct topic_limits){0});
    for (int i = 0; i < 40; i++) add(t, 1, TOPIC_BLOB_BYTES_MIN);
    CU_ASSERT(topic_ring_memory(t) > 40 * TOPIC_BLOB_BYTES_MIN);
    struct topic_ring *gone = topic_ring_cut(t, topic_ring_state(t)->next, 3);
    CU_ASSERT_PTR_NOT_NULL_FATAL(gone);
    CU_ASSERT(topic_ring_free_cost(gone) > 40);
    CU_ASSERT(topic_ring_memory(gone) > 40 * TOPIC_BLOB_BYTES_MIN);
    CU_ASSERT(topic_ring_memory(t) < 1000);
    topic_ring_free(gone);
    topic_ring_free(t);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"an_empty_one_has_nothing", an_empty_one_has_nothing},
        {"keeps_what_its_limits_say", keeps_what_its_limits_say},
        {"passes_over_what_is_too_old", passes_over_what_is_too_old},
        {"a_copy_stays_as_it_is", a_copy_stays_as_it_is},
        {"takes_little_memory", takes_little_memory},
        {NULL, NULL},
    };
    return suite_main("topic_ring", tests);
}
