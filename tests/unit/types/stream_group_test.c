/* stream_group_test.c - groups of a stream, their consumers and what is pending, against plain
 * arrays. */
#include "types/stream_group.h"

#include <stdio.h>

#include "base/random.h"
#include "support/suite.h"
#include "tree_check.h"

enum { NACKS_MAX = 400, CONSUMERS_MAX = 12, GROUPS_MAX = 4, NAME_BYTES = 4 };

struct model_nack {
    struct stream_id id;
    int64_t delivered_ms;
    uint64_t deliveries, turn;
    int consumer; /* -1: none */
};

struct model_group {
    bool is_there;
    struct stream_id last;
    uint64_t turns;
    bool consumer_is_there[CONSUMERS_MAX];
    struct model_nack nacks[NACKS_MAX]; /* by ID */
    size_t count;
};

static struct random rng;
static struct model_group model[GROUPS_MAX];
static struct stream *s;

static uint64_t below(uint64_t n) { return random_next_below(&rng, n); }

/* Names whose order is that of their numbers; the first is empty. */
static struct slice name_of(unsigned i) {
    static char names[CONSUMERS_MAX][NAME_BYTES];
    if (i) snprintf(names[i], NAME_BYTES, "%c%c", "a\xf0"[i / 6], (char)('a' + i % 6));
    return slice_cstr(names[i]);
}

static struct stream_group *group(unsigned g) { return stream_group_find(s, name_of(g)); }

static struct stream_consumer *consumer(unsigned g, int c) {
    return c < 0 ? NULL : stream_consumer_find(group(g), name_of((unsigned)c));
}

static struct stream_id any_id(void) { return (struct stream_id){below(5), below(NACKS_MAX / 2)}; }

static size_t find(const struct model_group *m, struct stream_id id) {
    size_t at = 0;
    while (at < m->count && stream_id_cmp(m->nacks[at].id, id) < 0) at++;
    return at;
}

static bool has(const struct model_group *m, struct stream_id id) {
    size_t at = find(m, id);
    return at < m->count && stream_id_eq(m->nacks[at].id, id);
}

static void model_remove(struct model_group *m, size_t at) {
    m->count--;
    memmove(m->nacks + at, m->nacks + at + 1, (m->count - at) * sizeof *m->nacks);
}

/* ---- checks ---- */

static void check_nack(const struct stream_nack *n, const struct model_nack *m) {
    CU_ASSERT_FATAL(n != NULL);
    CU_ASSERT(stream_id_eq(n->id, m->id));
    CU_ASSERT_EQUAL(n->delivered_ms, m->delivered_ms);
    CU_ASSERT_EQUAL(n->deliveries, m->deliveries);
    CU_ASSERT_EQUAL(!n->consumer, m->consumer < 0);
    if (n->consumer) CU_ASSERT(slice_eq(n->consumer->name, name_of((unsigned)m->consumer)));
}

static void check_times(const struct model_group *m, const struct stream_group *g) {
    struct stream_pel_iter it = stream_pel_start(&g->times);
    const struct stream_nack *last = NULL;
    tree_check(&g->times.tree, NULL);
    CU_ASSERT_EQUAL(stream_pel_count(&g->times), m->count);
    for (const struct stream_nack *n; (n = stream_pel_next(&it)); last = n) {
        size_t at = find(m, n->id);
        CU_ASSERT_FATAL(at < m->count);
        check_nack(n, &m->nacks[at]);
        if (!last) continue;
        size_t before = find(m, last->id);
        CU_ASSERT(
            last->delivered_ms < n->delivered_ms ||
            (last->delivered_ms == n->delivered_ms && m->nacks[before].turn < m->nacks[at].turn));
        CU_ASSERT_PTR_EQUAL(stream_pel_after(&g->times, last), n);
    }
    CU_ASSERT_PTR_EQUAL(stream_pel_last(&g->times), last);
    if (last) CU_ASSERT_PTR_NULL(stream_pel_after(&g->times, last));
}

static void check_consumers(const struct model_group *m, const struct stream_group *g) {
    uint64_t index = 0, given = 0;
    for (int c = -1; c < CONSUMERS_MAX; c++) {
        struct stream_pel_iter it = {NULL, 0};
        if (c >= 0 && m->consumer_is_there[c]) {
            const struct stream_consumer *at = stream_consumer_at(g, index++);
            CU_ASSERT(slice_eq(at->name, name_of((unsigned)c)));
            CU_ASSERT_PTR_EQUAL(at, stream_consumer_find(g, name_of((unsigned)c)));
            tree_check(&at->pel.tree, NULL);
            it = stream_pel_start(&at->pel);
        }
        for (size_t i = 0; i < m->count; i++) {
            if (m->nacks[i].consumer != c) continue;
            if (c < 0) {
                given++;
            } else {
                check_nack(stream_pel_next(&it), &m->nacks[i]);
            }
        }
        CU_ASSERT_PTR_NULL(stream_pel_next(&it));
    }
    CU_ASSERT_EQUAL(stream_consumer_count(g), index);
    CU_ASSERT_EQUAL(g->nacked, given);
}

static void check(void) {
    uint64_t index = 0;
    for (unsigned i = 0; i < GROUPS_MAX; i++) {
        const struct model_group *m = &model[i];
        const struct stream_group *g = group(i);
        CU_ASSERT_EQUAL_FATAL(g != NULL, m->is_there);
        if (!g) continue;
        CU_ASSERT_PTR_EQUAL(stream_group_at(s, index++), g);
        CU_ASSERT(stream_id_eq(g->last, m->last));
        CU_ASSERT_EQUAL(stream_pel_count(&g->pel), m->count);
        tree_check(&g->pel.tree, NULL);
        struct stream_pel_iter it = stream_pel_start(&g->pel);
        for (size_t n = 0; n < m->count; n++) check_nack(stream_pel_next(&it), &m->nacks[n]);
        CU_ASSERT_PTR_NULL(stream_pel_next(&it));
        check_times(m, g);
        check_consumers(m, g);
    }
    CU_ASSERT_EQUAL(stream_group_count(s), index);
}

/* ---- what is done to both ---- */

static void change_groups(unsigned i) {
    struct model_group *m = &model[i];
    struct stream_id last = any_id();
    if (below(3)) {
        struct stream_group *g = stream_group_add(s, name_of(i), last, STREAM_READ_UNKNOWN);
        CU_ASSERT_EQUAL(g != NULL, !m->is_there);
        if (g) *m = (struct model_group){.is_there = true, .last = last};
    } else if (m->is_there && !below(4)) {
        struct stream *alone = stream_group_take(s, group(i));
        CU_ASSERT_EQUAL(stream_group_count(alone), 1);
        CU_ASSERT_EQUAL(stream_pel_count(&stream_group_at(alone, 0)->pel), m->count);
        stream_free(alone);
        m->is_there = false;
    } else if (m->is_there) {
        stream_group_set(group(i), last, 5);
        m->last = last;
    }
}

static void change_consumers(unsigned i, unsigned c) {
    struct model_group *m = &model[i];
    struct stream_consumer *is = consumer(i, (int)c);
    CU_ASSERT_EQUAL(is != NULL, m->consumer_is_there[c]);
    if (below(3) || !is) {
        struct stream_consumer *made = stream_consumer_add(group(i), name_of(c), 77);
        CU_ASSERT_EQUAL(made != NULL, !m->consumer_is_there[c]);
        if (made) CU_ASSERT(made->seen_ms == 77 && made->active_ms == STREAM_NEVER_ACTIVE);
        m->consumer_is_there[c] = true;
        return;
    }
    uint64_t pending = 0;
    for (size_t n = 0; n < m->count;) {
        if (m->nacks[n].consumer != (int)c) {
            n++;
            continue;
        }
        model_remove(m, n);
        pending++;
    }
    CU_ASSERT_EQUAL(stream_consumer_remove(group(i), is), pending);
    m->consumer_is_there[c] = false;
}

static int any_consumer(const struct model_group *m) {
    int c = (int)below(CONSUMERS_MAX + 1) - 1;
    return c < 0 || m->consumer_is_there[c] ? c : -1;
}

static void change_nacks(unsigned i) {
    struct model_group *m = &model[i];
    struct stream_id id = any_id();
    size_t at = find(m, id);
    int c = any_consumer(m);
    int64_t ms = c < 0 ? 0 : (int64_t)below(10) * 10;
    struct stream_nack *is = stream_nack_find(group(i), id);
    CU_ASSERT_EQUAL(is != NULL, has(m, id));
    if (!is) {
        if (m->count == NACKS_MAX) return;
        memmove(m->nacks + at + 1, m->nacks + at, (m->count++ - at) * sizeof *m->nacks);
        m->nacks[at] = (struct model_nack){id, ms, below(9), m->turns++, c};
        check_nack(stream_nack_add(group(i), consumer(i, c), id, ms, m->nacks[at].deliveries),
                   &m->nacks[at]);
    } else if (below(3)) {
        stream_nack_assign(group(i), is, consumer(i, c), ms);
        stream_nack_set_deliveries(is, 1000);
        m->nacks[at] = (struct model_nack){id, ms, 1000, m->turns++, c};
        check_nack(is, &m->nacks[at]);
    } else {
        stream_nack_remove(group(i), is);
        model_remove(m, at);
    }
}

static void references(void) {
    struct stream_id id = any_id();
    uint64_t in = 0;
    bool unread = false;
    for (unsigned i = 0; i < GROUPS_MAX; i++) {
        if (!model[i].is_there) continue;
        unread |= stream_id_cmp(model[i].last, id) < 0;
        in += has(&model[i], id);
    }
    CU_ASSERT_EQUAL(stream_referenced(s, id), unread || in);
    if (!below(4)) {
        CU_ASSERT_EQUAL(stream_unreference(s, id), in);
        for (unsigned i = 0; i < GROUPS_MAX; i++) {
            if (model[i].is_there && has(&model[i], id))
                model_remove(&model[i], find(&model[i], id));
        }
        CU_ASSERT_EQUAL(stream_unreference(s, id), 0);
    }
}

static void from_an_id(unsigned i) {
    const struct model_group *m = &model[i];
    struct stream_id id = any_id();
    struct stream_pel_iter it = stream_pel_from(&group(i)->pel, id);
    for (size_t n = find(m, id); n < m->count; n++) check_nack(stream_pel_next(&it), &m->nacks[n]);
    CU_ASSERT_PTR_NULL(stream_pel_next(&it));
}

static void groups_live_as_the_model(void) {
    for (unsigned life = 0; life < 20; life++) {
        random_seed(&rng, life);
        memset(model, 0, sizeof model);
        s = stream_new();
        for (unsigned step = 0; step < 4000; step++) {
            unsigned i = (unsigned)below(GROUPS_MAX), what = (unsigned)below(100);
            if (what == 0) change_groups(i);
            if (what == 1) references();
            if (!below(300)) check();
            if (!model[i].is_there) continue;
            if (what == 2 || what == 3) change_consumers(i, (unsigned)below(CONSUMERS_MAX));
            if (what == 4) from_an_id(i);
            if (what > 4) change_nacks(i);
        }
        check();
        struct stream *copy = stream_copy(s);
        CU_ASSERT(stream_memory(copy) > stream_group_count(s) * sizeof(struct stream_group));
        stream_free(s);
        s = copy;
        check();
        stream_free(s);
    }
}

/* ---- what a group has read ---- */

static const struct stream_limits limits = {4096, 3};

static void add(uint64_t ms) {
    struct slice texts[2] = {slice_cstr("f"), slice_cstr("v")};
    CU_ASSERT(stream_append(s, (struct stream_id){ms, 0}, texts, 1, &limits));
}

static void reads(struct stream_group *g, uint64_t ms, int64_t entries_read, int64_t lag) {
    int64_t now = -1;
    stream_group_advance(s, g, (struct stream_id){ms, 0});
    CU_ASSERT(stream_id_eq(g->last, ((struct stream_id){ms, 0})));
    CU_ASSERT_EQUAL(g->entries_read, entries_read);
    CU_ASSERT_EQUAL(stream_group_lag(s, g, &now), lag != STREAM_READ_UNKNOWN);
    if (lag != STREAM_READ_UNKNOWN) CU_ASSERT_EQUAL(now, lag);
}

static void what_was_read_is_known_as_far_as_it_can_be(void) {
    int64_t lag;
    s = stream_new();
    struct stream_group *g =
        stream_group_add(s, slice_cstr("g"), STREAM_ID_MIN, STREAM_READ_UNKNOWN);
    CU_ASSERT(stream_group_lag(s, g, &lag) && lag == 0);
    CU_ASSERT_EQUAL(stream_added_until(s, (struct stream_id){9, 9}), 0);
    for (uint64_t i = 1; i <= 10; i++) add(i);
    CU_ASSERT(stream_group_lag(s, g, &lag) && lag == 10);
    reads(g, 1, 1, 9);
    reads(g, 2, 2, 8);
    stream_delete(s, (struct stream_id){5, 0}); /* a hole ahead */
    reads(g, 3, STREAM_READ_UNKNOWN, STREAM_READ_UNKNOWN);
    reads(g, 5, STREAM_READ_UNKNOWN, STREAM_READ_UNKNOWN);
    reads(g, 6, STREAM_READ_UNKNOWN, STREAM_READ_UNKNOWN);
    reads(g, 10, 10, 0);
    stream_trim(s, &(struct stream_trim){.by_id = true, .id_min = {6, 0}}); /* the hole is behind */
    CU_ASSERT_EQUAL(stream_added_until(s, (struct stream_id){6, 0}), 6);
    CU_ASSERT_EQUAL(stream_added_until(s, (struct stream_id){2, 0}), 5);
    CU_ASSERT_EQUAL(stream_added_until(s, (struct stream_id){7, 0}), STREAM_READ_UNKNOWN);
    CU_ASSERT_EQUAL(stream_added_until(s, (struct stream_id){11, 0}), STREAM_READ_UNKNOWN);
    stream_group_set(g, (struct stream_id){10, 0}, 100);
    CU_ASSERT(stream_group_lag(s, g, &lag) && lag == -90);
    stream_group_set(g, (struct stream_id){4, 0}, 20); /* it is none from there on either */
    CU_ASSERT(stream_group_lag(s, g, &lag) && lag == -10);
    stream_trim(s, &(struct stream_trim){.length_max = 0});
    CU_ASSERT_EQUAL(stream_added_until(s, (struct stream_id){7, 0}), 10);
    stream_free(s);
}

/* ---- references and trimming ---- */

static void trimming_respects_what_is_referenced(void) {
    s = stream_new();
    for (uint64_t i = 1; i <= 20; i++) add(i);
    struct stream_trim t = {.length_max = 0, .approx = true, .refs = STREAM_REFS_ACKED};
    struct stream_group *a = stream_group_add(s, slice_cstr("a"), (struct stream_id){10, 0}, 10);
    struct stream_group *b = stream_group_add(s, slice_cstr("b"), (struct stream_id){15, 0}, 15);
    stream_nack_add(b, NULL, (struct stream_id){2, 0}, 0, 1);
    stream_nack_add(a, NULL, (struct stream_id){8, 0}, 0, 1);
    stream_nack_add(b, NULL, (struct stream_id){8, 0}, 0, 1);
    t.limit = 3;
    CU_ASSERT_EQUAL(stream_trim(s, &t), 2); /* the first node, without 2 */
    t.limit = 0;
    CU_ASSERT_EQUAL(stream_trim(s, &t), 6); /* 4 to 10, without 8 */
    CU_ASSERT_EQUAL(stream_state(s)->length, 12);
    CU_ASSERT(stream_id_eq(stream_state(s)->first, ((struct stream_id){2, 0})));
    CU_ASSERT(stream_id_is_zero(stream_state(s)->deleted_max));
    t.refs = STREAM_REFS_DROP;
    t.by_id = true;
    t.id_min = (struct stream_id){9, 0};
    CU_ASSERT_EQUAL(stream_trim(s, &t), 2);
    CU_ASSERT_EQUAL(stream_pel_count(&a->pel) + stream_pel_count(&b->pel), 0);
    CU_ASSERT(stream_id_eq(stream_state(s)->first, ((struct stream_id){11, 0})));
    stream_free(s);
}

static void pending_entries_are_small(void) {
    enum { N = 200000 };
    s = stream_new();
    struct stream_group *g = stream_group_add(s, slice_cstr("g"), STREAM_ID_MIN, 0);
    struct stream_consumer *c = stream_consumer_add(g, slice_cstr("c"), 1);
    struct stream_consumer *d = stream_consumer_add(g, slice_cstr("d"), 1);
    for (uint64_t i = 1; i <= N; i++) {
        stream_nack_add(g, i % 1000 ? c : d, (struct stream_id){i, 0}, (int64_t)(i / 100), 1);
    }
#ifndef STRESS
    CU_ASSERT(stream_memory(s) / N <= 70);
#endif
    CU_ASSERT(stream_free_cost(s) > N / 100);
    CU_ASSERT_EQUAL(stream_consumer_remove(g, d), N / 1000); /* one by one */
    CU_ASSERT_EQUAL(stream_pel_count(&g->times), N - N / 1000);
    CU_ASSERT_EQUAL(stream_consumer_remove(g, c), N - N / 1000); /* all at once */
    CU_ASSERT_EQUAL(stream_pel_count(&g->pel), 0);
    CU_ASSERT_EQUAL(stream_pel_count(&g->times), 0);
    stream_free(s);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"groups live as the model", groups_live_as_the_model},
        {"what was read is known as far as it can be", what_was_read_is_known_as_far_as_it_can_be},
        {"trimming respects what is referenced", trimming_respects_what_is_referenced},
        {"pending entries are small", pending_entries_are_small},
        {NULL, NULL},
    };
    return suite_main("stream_group", tests);
}
