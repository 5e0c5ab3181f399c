/* stream_test.c - entries of streams against an array of them, in one long random life after
 * another; and what comes from outside. Groups: stream_group_test.c. */
#include "types/stream.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/random.h"
#include "support/suite.h"
#include "tree_check.h"
#include "types/stream_group.h"
#include "types/stream_internal.h"
#include "types/stream_node.h"

enum { MODEL_MAX = 4000, PAIRS_MAX = 40, TEXT_BYTES_MAX = 9000 };

struct model_entry {
    struct stream_id id;
    size_t pairs;
    struct slice *texts;
};

static struct random rng;
static struct model_entry model[MODEL_MAX];
static size_t count;
static struct stream_state state;
static struct stream_limits limits;

static uint64_t below(uint64_t n) { return random_next_below(&rng, n); }

/* ---- texts ---- */

static struct slice any_text(void) {
    static const char *const common[] = {"a",   "temp", "",      "0",
                                         "127", "128",  "-4096", "12345678901"};
    size_t n = below(4) ? below(12) : below(100);
    if (!below(300)) n = below(TEXT_BYTES_MAX);
    if (below(3)) {
        const char *s = common[below(sizeof common / sizeof *common)];
        return slice_of(mem_dup(s, strlen(s)), strlen(s));
    }
    char *p = mem_alloc(n + 1);
    for (size_t i = 0; i < n; i++) p[i] = (char)below(256);
    return slice_of(p, n);
}

/* Fields are often those of the entry before. */
static struct slice *any_texts(size_t *pairs) {
    const struct model_entry *before = count && below(5) ? &model[count - 1] : NULL;
    *pairs = before ? before->pairs : 1 + below(below(10) ? 4 : PAIRS_MAX);
    struct slice *texts = mem_alloc(2 * *pairs * sizeof *texts);
    for (size_t i = 0; i < 2 * *pairs; i++) {
        bool same = before && i % 2 == 0;
        texts[i] =
            same ? slice_of(mem_dup(before->texts[i].p, before->texts[i].n), before->texts[i].n)
                 : any_text();
    }
    return texts;
}

static void texts_free(struct model_entry *e) {
    for (size_t i = 0; i < 2 * e->pairs; i++) mem_free((char *)(uintptr_t)e->texts[i].p);
    mem_free(e->texts);
}

/* ---- the model ---- */

static void model_drop(size_t at) {
    texts_free(&model[at]);
    memmove(model + at, model + at + 1, (count - at - 1) * sizeof *model);
    count--;
    state.length--;
    state.first = count ? model[0].id : STREAM_ID_MIN;
}

static void model_clear(void) {
    while (count) model_drop(count - 1);
    state = (struct stream_state){0};
}

static struct stream_id any_id(void) {
    struct stream_id id = count ? model[below(count)].id : STREAM_ID_MIN;
    if (!below(4)) id.seq += below(3) - 1;
    if (!below(10)) id = below(2) ? STREAM_ID_MIN : STREAM_ID_MAX;
    if (!below(10)) id = state.last;
    return id;
}

static struct stream_id id_above(struct stream_id id) {
    switch (below(20)) {
    case 0: id = (struct stream_id){id.ms + 1 + below(1000), below(5)}; break;
    case 1: id.ms += (uint64_t)1 << below(40); break;
    case 2: id.seq += (uint64_t)1 << below(40); break;
    case 3: id = (struct stream_id){id.ms + 1, UINT64_MAX - below(3)}; break;
    default: id.seq++;
    }
    return stream_id_cmp(id, state.last) > 0 ? id : (struct stream_id){state.last.ms + 1, 0};
}

static void check_entry(struct stream_entry e, const struct model_entry *m) {
    char digits[LP_INT_TEXT_BYTES];
    struct lp_value field, value;
    CU_ASSERT(stream_id_eq(e.id, m->id));
    CU_ASSERT_EQUAL_FATAL(e.fields, m->pairs);
    for (size_t i = 0; i < m->pairs; i++) {
        CU_ASSERT_FATAL(stream_field_next(&e, &field, &value));
        CU_ASSERT(slice_eq(lp_text(&field, digits), m->texts[2 * i]));
        CU_ASSERT(slice_eq(lp_text(&value, digits), m->texts[2 * i + 1]));
    }
    CU_ASSERT(!stream_field_next(&e, &field, &value));
}

static void check_range(const struct stream *s, struct stream_id from, struct stream_id to,
                        bool backward) {
    struct stream_iter it;
    struct stream_entry e;
    size_t a = 0, b = count;
    while (a < count && stream_id_cmp(model[a].id, from) < 0) a++;
    while (b > a && stream_id_cmp(model[b - 1].id, to) > 0) b--;
    stream_iter_start(&it, s, from, to, backward);
    for (size_t i = a; i < b; i++) {
        size_t left = b - i;
        CU_ASSERT_EQUAL_FATAL(stream_iter_count(it, UINT64_MAX), left);
        CU_ASSERT_EQUAL(stream_iter_count(it, left / 2), left / 2);
        CU_ASSERT_FATAL(stream_iter_next(&it, &e));
        check_entry(e, &model[backward ? a + b - 1 - i : i]);
    }
    CU_ASSERT_EQUAL(stream_iter_count(it, UINT64_MAX), 0);
    CU_ASSERT(!stream_iter_next(&it, &e));
    CU_ASSERT(!stream_iter_next(&it, &e));
    CU_ASSERT_EQUAL(stream_iter_count(it, UINT64_MAX), 0);
    uint64_t about = stream_entries_about(s, from, to, UINT64_MAX), nodes = stream_node_count(s);
    CU_ASSERT(about <= count + 1);
    if (a == 0 && b == count && count) CU_ASSERT(about >= count);
    if (a == b && count > 256) CU_ASSERT(about <= count / (nodes + 1) * 2 + 2 || nodes < 2);
}

struct node_sums {
    struct stream_id last;
    uint64_t live, nodes;
};

static bool check_node(void *ctx, struct stream_id base, struct slice lp) {
    struct node_sums *sums = ctx;
    CU_ASSERT(stream_id_cmp(base, sums->last) > 0);
    CU_ASSERT(stream_node_check(lp.p, lp.n, base, &sums->last));
    sums->live += stream_node_live((const uint8_t *)lp.p);
    sums->nodes++;
    return true;
}

/* Everything that lies in the heap is reached from the tree, and each node is one. */
static void check_nodes(const struct stream *s) {
    struct node_sums sums = {0};
    tree_check(&s->nodes, NULL);
    CU_ASSERT(stream_each_node(s, check_node, &sums));
    CU_ASSERT_EQUAL(sums.nodes, stream_node_count(s));
    CU_ASSERT_EQUAL(sums.live, count);
    CU_ASSERT_EQUAL(!sums.nodes, !s->tail.len);
    if (sums.nodes <= 1) CU_ASSERT(s->heap.bytes == 0 && s->heap.blocks == 0);
}

static void check(const struct stream *s) {
    const struct stream_state *st = stream_state(s);
    CU_ASSERT_EQUAL(st->length, state.length);
    CU_ASSERT_EQUAL(st->added, state.added);
    CU_ASSERT(stream_id_eq(st->last, state.last));
    CU_ASSERT(stream_id_eq(st->first, state.first));
    CU_ASSERT(stream_id_eq(st->deleted_max, state.deleted_max));
    check_nodes(s);
    check_range(s, STREAM_ID_MIN, STREAM_ID_MAX, false);
    check_range(s, STREAM_ID_MIN, STREAM_ID_MAX, true);
}

/* ---- what is done to both ---- */

static void append(struct stream *s) {
    if (count == MODEL_MAX) return;
    struct model_entry *m = &model[count];
    *m = (struct model_entry){.id = id_above(state.last)};
    m->texts = any_texts(&m->pairs);
    CU_ASSERT_FATAL(stream_append(s, m->id, m->texts, m->pairs, &limits));
    state.last = m->id;
    state.added++;
    state.length++;
    if (!count++) state.first = m->id;
}

static void delete (struct stream *s) {
    struct stream_id id = any_id();
    size_t at = 0;
    while (at < count && !stream_id_eq(model[at].id, id)) at++;
    CU_ASSERT_EQUAL(stream_delete(s, id), at < count);
    if (at == count) return;
    if (stream_id_cmp(id, state.deleted_max) > 0) state.deleted_max = id;
    model_drop(at);
}

struct model_trim {
    const struct stream_trim *trim;
    uint64_t deleted;
};

static bool model_trim_node(void *ctx, struct stream_id base, struct slice lp) {
    struct model_trim *m = ctx;
    const struct stream_trim *t = m->trim;
    struct stream_id last;
    uint64_t live = stream_node_live((const uint8_t *)lp.p);
    if (!t->by_id && state.length <= t->length_max) return false;
    if (t->limit && m->deleted + live > t->limit) return false;
    CU_ASSERT(stream_node_check(lp.p, lp.n, base, &last));
    bool whole =
        t->by_id ? stream_id_cmp(last, t->id_min) < 0 : state.length - live >= t->length_max;
    if (!whole && t->approx && t->refs == STREAM_REFS_KEEP) return false;
    for (; live; live--, m->deleted++) {
        if (!whole && (t->by_id ? stream_id_cmp(model[0].id, t->id_min) >= 0
                                : state.length <= t->length_max)) {
            break;
        }
        model_drop(0);
    }
    return whole;
}

/* What Redis does, without regard to cost: by the nodes as they are. */
static uint64_t model_trim(const struct stream *s, const struct stream_trim *t) {
    struct model_trim m = {t, 0};
    stream_each_node(s, model_trim_node, &m);
    return m.deleted;
}

static void trim(struct stream *s) {
    struct stream_trim t = {.by_id = below(2), .approx = below(2), .refs = (int)below(3)};
    if (t.by_id) {
        t.id_min = any_id();
    } else {
        t.length_max = below(3) ? count - below(count / 8 + 1) : below(count + 5);
    }
    if (t.approx && below(2)) t.limit = 1 + below(300);
    struct stream *before = stream_copy(s);
    uint64_t deleted = stream_trim(s, &t);
    CU_ASSERT_EQUAL(deleted, model_trim(before, &t));
    stream_free(before);
}

static void read(const struct stream *s) {
    struct stream_entry e;
    struct stream_id id = any_id();
    size_t at = 0;
    while (at < count && !stream_id_eq(model[at].id, id)) at++;
    bool found = stream_find(s, id, &e);
    CU_ASSERT_EQUAL(found, at < count);
    if (found) check_entry(e, &model[at]);
    for (int last = 0; last < 2; last++) {
        CU_ASSERT_EQUAL(stream_edge(s, last, &e), count > 0);
        if (count) check_entry(e, &model[last ? count - 1 : 0]);
    }
    check_range(s, any_id(), any_id(), below(2));
}

static void set_state(struct stream *s) {
    if (!below(3)) stream_set_last(s, state.last = id_above(state.last));
    if (!below(3)) stream_set_added(s, state.added = count + below(1000));
    if (!below(3)) stream_set_deleted_max(s, state.deleted_max = any_id());
}

static bool load_node(void *ctx, struct stream_id base, struct slice lp) {
    CU_ASSERT_EQUAL(stream_load_node(ctx, base, lp), STREAM_LOADED);
    return true;
}

static struct stream *reloaded(const struct stream *s) {
    struct stream *made = stream_new();
    stream_each_node(s, load_node, made);
    CU_ASSERT(stream_load_end(made, &state));
    return made;
}

static void set_limits(void) {
    static const uint64_t bytes[] = {4096, 4096, 0, 100, 1000}, entries[] = {100, 0, 1, 3, 200};
    limits = (struct stream_limits){bytes[below(5)], entries[below(5)]};
}

static void live_as_the_model(void) {
    for (unsigned life = 0; life < 40; life++) {
        random_seed(&rng, life);
        struct stream *s = stream_new(), *other;
        unsigned steps = life % 8 ? 200 : 1500, grow = 4 + (unsigned)below(12);
        set_limits();
        check(s);
        for (unsigned i = 0; i < steps; i++) {
            uint64_t what = below(grow + 5);
            if (what == 0 && !below(20)) trim(s);
            if (what == 1) delete (s);
            if (what == 2) read(s);
            if (what == 3 && !below(20)) set_state(s);
            if (what == 4 && !below(20)) set_limits();
            if (what > 4) append(s);
            if (!below(steps / 8)) check(s);
        }
        check(s);
        other = stream_copy(s);
        check(other);
        stream_free(s);
        s = reloaded(other);
        check(s);
        stream_free(other);
        while (count) { /* what is left goes one by one, and nothing stays */
            delete (s);
            if (!below(50)) check_nodes(s);
        }
        check_nodes(s);
        stream_free(s);
        model_clear();
    }
}

/* ---- IDs ---- */

static void ids_are_read_as_redis_reads_them(void) {
    static const struct {
        const char *text;
        enum stream_id_form form;
        struct stream_id id;
    } cases[] = {
        {"5", STREAM_ID_FULL, {5, 7}},
        {"5-3", STREAM_ID_FULL, {5, 3}},
        {"5-*", STREAM_ID_AUTO, {5, 0}},
        {"0-0", STREAM_ID_FULL, {0, 0}},
        {"18446744073709551615-18446744073709551615", STREAM_ID_FULL, {UINT64_MAX, UINT64_MAX}},
        {"18446744073709551616", STREAM_ID_BAD, {0, 0}},
        {"007-+3", STREAM_ID_FULL, {7, 3}},
        {" 5- 3", STREAM_ID_FULL, {5, 3}},
        {"5--18446744073709551615", STREAM_ID_FULL, {5, 1}},
        {"5--1", STREAM_ID_BAD, {0, 0}},
        {"5-3 ", STREAM_ID_BAD, {0, 0}},
        {"5-", STREAM_ID_BAD, {0, 0}},
        {"", STREAM_ID_BAD, {0, 0}},
        {"-", STREAM_ID_BAD, {0, 0}},
        {"*", STREAM_ID_BAD, {0, 0}},
        {"*-5", STREAM_ID_BAD, {0, 0}},
        {"5-**", STREAM_ID_BAD, {0, 0}},
        {"a-1", STREAM_ID_BAD, {0, 0}},
        {"5-0x3", STREAM_ID_BAD, {0, 0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stream_id id = {0, 0};
        CU_ASSERT_EQUAL(stream_id_parse(slice_cstr(cases[i].text), 7, &id), cases[i].form);
        CU_ASSERT(stream_id_eq(id, cases[i].id));
    }
    char longest[129];
    struct stream_id id = {1, 1};
    memset(longest, '0', sizeof longest);
    CU_ASSERT_EQUAL(stream_id_parse(slice_of(longest, 127), 0, &id), STREAM_ID_FULL);
    CU_ASSERT_EQUAL(stream_id_parse(slice_of(longest, 128), 0, &id), STREAM_ID_BAD);
    CU_ASSERT_EQUAL(stream_id_parse(slice_of("5\0x", 3), 0, &id), STREAM_ID_FULL);
    CU_ASSERT(stream_id_eq(id, ((struct stream_id){5, 0})));
}

static void ids_have_neighbours(void) {
    char buf[STREAM_ID_TEXT_BYTES];
    struct stream_id id = {1, UINT64_MAX};
    CU_ASSERT(stream_id_next(&id) && stream_id_eq(id, ((struct stream_id){2, 0})));
    CU_ASSERT(stream_id_prev(&id) && stream_id_eq(id, ((struct stream_id){1, UINT64_MAX})));
    id = STREAM_ID_MAX;
    CU_ASSERT(!stream_id_next(&id) && stream_id_eq(id, STREAM_ID_MAX));
    CU_ASSERT(
        slice_eq(stream_id_text(id, buf), slice_cstr("18446744073709551615-18446744073709551615")));
    id = STREAM_ID_MIN;
    CU_ASSERT(!stream_id_prev(&id) && stream_id_is_zero(id));
    CU_ASSERT(slice_eq(stream_id_text(id, buf), slice_cstr("0-0")));
}

static void next_ids(void) {
    struct stream *s = stream_new();
    struct stream_id id;
    CU_ASSERT(stream_next_id(s, 5, &id) && stream_id_eq(id, ((struct stream_id){5, 0})));
    CU_ASSERT(stream_next_seq(s, 0, &id) && stream_id_eq(id, ((struct stream_id){0, 1})));
    stream_set_last(s, (struct stream_id){5, 2});
    CU_ASSERT(stream_next_id(s, 5, &id) && stream_id_eq(id, ((struct stream_id){5, 3})));
    CU_ASSERT(stream_next_id(s, 4, &id) && stream_id_eq(id, ((struct stream_id){5, 3})));
    CU_ASSERT(stream_next_id(s, 6, &id) && stream_id_eq(id, ((struct stream_id){6, 0})));
    CU_ASSERT(stream_next_seq(s, 6, &id) && stream_id_eq(id, ((struct stream_id){6, 0})));
    stream_set_last(s, (struct stream_id){5, UINT64_MAX});
    CU_ASSERT(stream_next_id(s, 5, &id) && stream_id_eq(id, ((struct stream_id){6, 0})));
    CU_ASSERT(!stream_next_seq(s, 5, &id));
    stream_set_last(s, STREAM_ID_MAX);
    CU_ASSERT(!stream_next_id(s, 5, &id));
    stream_free(s);
}

/* ---- sizes ---- */

static const struct stream_limits usual = {4096, 100};

static void add_numbers(struct stream *s, uint64_t from, uint64_t n) {
    for (uint64_t i = from; i < from + n; i++) {
        char a[24], b[24];
        struct slice texts[4] = {slice_cstr("temp"), slice_of(a, 0), slice_cstr("hum"),
                                 slice_of(b, 0)};
        texts[1].n = (size_t)sprintf(a, "%d", (int)(i % 40));
        texts[3].n = (size_t)sprintf(b, "%d", (int)(i % 100));
        CU_ASSERT_FATAL(
            stream_append(s, (struct stream_id){1 + i / 250, i % 250}, texts, 2, &usual));
    }
}

static bool add_bytes(void *ctx, struct stream_id base, struct slice lp) {
    (void)base;
    *(size_t *)ctx += lp.n;
    return true;
}

static void entries_take_little_more_than_their_bytes(void) {
    enum { N = 300000 };
    struct stream *s = stream_new();
    size_t bytes = 0;
    add_numbers(s, 0, N);
    stream_each_node(s, add_bytes, &bytes);
#ifndef STRESS
    CU_ASSERT(stream_memory(s) < bytes + bytes / 20);
    CU_ASSERT(stream_memory(s) < (size_t)(13.3 * N));
    CU_ASSERT(stream_free_cost(s) < N / 1000);
#endif
    CU_ASSERT_EQUAL(stream_node_count(s), N / 100);
    struct stream *copy = stream_copy(s);
    CU_ASSERT(stream_memory(copy) <= stream_memory(s) + 65536);
    stream_free(copy);
    stream_free(s);
}

/* Entries go here and there until few nodes are left in each pack. */
static void sparse_packs_go(void) {
    enum { N = 200000, KEPT_OF = 5000 };
    struct stream *s = stream_new();
    add_numbers(s, 0, N);
    size_t full = stream_memory(s);
    for (uint64_t i = 0; i < N; i++) {
        if (i % KEPT_OF < 100) continue;
        CU_ASSERT(stream_delete(s, (struct stream_id){1 + i / 250, i % 250}));
    }
    CU_ASSERT_EQUAL(stream_state(s)->length, N / KEPT_OF * 100);
    CU_ASSERT(stream_memory(s) < full / 8);
    stream_free(s);
}

static void a_stream_that_is_trimmed_stays_small(void) {
    struct stream *s = stream_new();
    struct stream_trim t = {.length_max = 1000, .approx = true};
    size_t most = 0;
    for (uint64_t i = 0; i < 100000; i += 50) {
        add_numbers(s, i, 50);
        stream_trim(s, &t);
        if (stream_memory(s) > most) most = stream_memory(s);
    }
    CU_ASSERT(stream_state(s)->length < 1200);
    CU_ASSERT(most < 40000);
    t.length_max = 0;
    t.approx = false;
    CU_ASSERT_EQUAL(stream_trim(s, &t), 1000);
    CU_ASSERT(stream_memory(s) < 4096 && stream_node_count(s) == 0);
    CU_ASSERT(stream_id_is_zero(stream_state(s)->first));
    stream_free(s);
}

static void entries_may_be_large(void) {
    enum { PAIRS = 5000 };
    struct stream *s = stream_new();
    struct slice *texts = mem_alloc(2 * PAIRS * sizeof *texts);
    char *big = mem_calloc(LP_BYTES_MAX / 2 + 1);
    struct stream_entry e;
    for (int i = 0; i < 2 * PAIRS; i++) texts[i] = slice_of(big, (size_t)i % 200);
    for (uint64_t i = 1; i < 6; i++) {
        CU_ASSERT(
            stream_append(s, (struct stream_id){i, 0}, texts, i % 2 ? PAIRS : PAIRS - i, &usual));
        CU_ASSERT(stream_edge(s, true, &e));
        check_entry(e, &(struct model_entry){{i, 0}, i % 2 ? PAIRS : PAIRS - i, texts});
    }
    CU_ASSERT_EQUAL(stream_node_count(s), 5);
    struct stream_limits none = {0, 0};
    for (uint64_t i = 6; i < 300; i++) {
        CU_ASSERT(
            stream_append(s, (struct stream_id){i, 0}, texts, i == 8 ? 70 : 1 + i % 3, &none));
    }
    CU_ASSERT_EQUAL(stream_node_count(s), 5);
    texts[0] = slice_of(big, LP_BYTES_MAX / 2);
    texts[1] = slice_of(big, LP_BYTES_MAX / 2 + 1);
    struct stream_state before = *stream_state(s);
    CU_ASSERT(!stream_append(s, (struct stream_id){900, 0}, texts, 1, &none));
    CU_ASSERT(!memcmp(&before, stream_state(s), sizeof before));
    mem_free(big);
    mem_free(texts);
    stream_free(s);
}

/* ---- from outside ---- */

/* Nodes in a short notation: integers, and texts where a word is. */
static struct lp_buf node_of(const char *text) {
    struct lp_buf b = lp_buf_heap();
    CU_ASSERT(lp_init(&b));
    while (*text) {
        size_t n = strcspn(text, " ");
        CU_ASSERT(lp_append_text(&b, slice_of(text, n)));
        text += n + (text[n] == ' ');
    }
    return b;
}

static void nodes_are_looked_at(void) {
    static const struct {
        const char *node;
        bool good;
    } cases[] = {
        {"1 0 1 f 0 2 0 0 v 4", true},
        {"1 0 1 f 0 0 0 0 1 f v 6", true},
        {"1 1 1 f 0 2 0 0 v 4 3 0 1 v 4", true},
        {"0 1 1 f 0 3 0 0 v 4", true},
        {"1 0 0 0 2 0 0 3", true},
        {"1 0 0 0 0 0 0 0 4", true},
        {"2 0 1 f 0 2 0 0 v 4 2 1 -5 v 4", true},
        {"1 0 2 f g 0 2 5 9 v w 5", true},
        {"", false},
        {"1", false},
        {"1 0 1 f 0", false},
        {"0 0 1 f 0", false},
        {"2 0 1 f 0 2 0 0 v 4", false},
        {"1 1 1 f 0 2 0 0 v 4", false},
        {"0 1 1 f 0 2 0 0 v 4", false},
        {"-1 2 1 f 0 3 0 0 v 4", false},
        {"x 0 1 f 0 2 0 0 v 4", false},
        {"1 x 1 f 0 2 0 0 v 4", false},
        {"1 0 x f 0 2 0 0 v 4", false},
        {"1 0 -1 0 2 0 0 3", false},
        {"1 0 9223372036854775807 f 0 2 0 0 v 4", false},
        {"1 0 1 f 1 2 0 0 v 4", false},
        {"1 0 1 f x 2 0 0 v 4", false},
        {"1 0 1 f 0 2 0 0 v 5", false},
        {"1 0 1 f 0 2 0 0 v x", false},
        {"1 0 1 f 0 2 0 0 v", false},
        {"1 0 1 f 0 2 0 0", false},
        {"1 0 1 f 0 2 0 x v 4", false},
        {"1 0 1 f 0 2 x 0 v 4", false},
        {"1 0 1 f 0 x 0 0 v 4", false},
        {"1 0 1 f 0 6 0 0 v 4", false},
        {"1 0 1 f 0 200 0 0 v 4", false},
        {"1 0 1 f 0 -2 0 0 v 4", false},
        {"1 0 1 f 0 2 0 0 v 4 9", false},
        {"1 0 1 f 0 0 0 0 2 f v 6", false},
        {"1 0 1 f 0 0 0 0 -1 4", false},
        {"1 0 1 f 0 0 0 0 9223372036854775807 f v 6", false},
        {"1 0 1 f 0 2 0 -1 v 4", false},
        {"1 0 1 f 0 2 -9 5 v 4", true}, /* beyond 2^63 from the base */
        {"1 0 1 f 0 2 -3 5 v 4", false},
        {"2 0 1 f 0 2 0 0 v 4 2 0 0 v 4", false},
        {"2 0 1 f 0 2 1 0 v 4 2 0 5 v 4", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lp_buf b = node_of(cases[i].node);
        struct stream_id last;
        CU_ASSERT_EQUAL(stream_node_check(b.p, b.len, (struct stream_id){7, 9}, &last),
                        cases[i].good);
        CU_ASSERT(!stream_node_check(b.p, b.len, STREAM_ID_MIN, &last));
        CU_ASSERT(!stream_node_check(b.p, b.len - 1, (struct stream_id){7, 9}, &last));
        lp_buf_free(&b);
    }
}

static void streams_are_looked_at(void) {
    struct lp_buf b = node_of("2 0 1 f 0 2 0 0 v 4 2 1 3 v 4");
    struct slice lp = slice_of(b.p, b.len);
    struct stream *s = stream_new();
    struct stream_state st = {4, {9, 9}, {1, 1}, {0, 0}, 4};
    CU_ASSERT_EQUAL(stream_load_node(s, (struct stream_id){7, 9}, lp), STREAM_LOADED);
    CU_ASSERT_EQUAL(stream_load_node(s, (struct stream_id){8, 12}, lp), STREAM_LOAD_BAD);
    CU_ASSERT_EQUAL(stream_load_node(s, (struct stream_id){8, 13}, lp), STREAM_LOADED);
    CU_ASSERT(stream_load_end(s, &(struct stream_state){4, {9, 16}, {1, 1}, {0, 0}, 4}));
    CU_ASSERT(stream_id_eq(stream_state(s)->first, ((struct stream_id){7, 9})));
    stream_free(s);
    for (int i = 0; i < 4; i++) {
        struct stream_state bad = st;
        bad.last.seq = 16;
        if (i == 1) bad.length = 3;
        if (i == 2) bad.last.seq = 15;
        if (i == 3) bad.added = 3;
        s = stream_new();
        stream_load_node(s, (struct stream_id){7, 9}, lp);
        stream_load_node(s, (struct stream_id){8, 13}, lp);
        CU_ASSERT_EQUAL(stream_load_end(s, &bad), i == 0);
        stream_free(s);
    }
    lp_buf_free(&b);
}

/* A node whose counts take another number of bytes than before, in a pack. */
static void counts_grow_in_packs(void) {
    struct stream *s = stream_new();
    struct stream_limits large = {0, 300};
    struct slice texts[2] = {slice_cstr("f"), slice_cstr("v")};
    for (uint64_t i = 1; i <= 60000; i++) {
        CU_ASSERT_FATAL(stream_append(s, (struct stream_id){i, 0}, texts, 1, &large));
    }
    for (uint64_t i = 1; i <= 60000; i++) {
        if (i % 300) CU_ASSERT_FATAL(stream_delete(s, (struct stream_id){i, 0}));
    }
    struct stream_iter it;
    struct stream_entry e;
    stream_iter_start(&it, s, STREAM_ID_MIN, STREAM_ID_MAX, false);
    for (uint64_t i = 300; i <= 60000; i += 300) {
        CU_ASSERT_FATAL(stream_iter_next(&it, &e));
        CU_ASSERT_EQUAL(e.id.ms, i);
    }
    CU_ASSERT_EQUAL(stream_state(s)->length, 200);
    CU_ASSERT_EQUAL(stream_node_count(s), 200);
    stream_free(s);
}

/* ---- the radix tree ---- */

struct key {
    uint8_t bytes[16];
};

/* Nodes of a radix tree below `depth`, of the keys [from, to), which share what is before. */
static uint64_t radix_nodes(const struct key *keys, size_t from, size_t to, unsigned depth) {
    unsigned shared = depth;
    if (to - from == 1) return (depth < 16) + 1u;
    while (keys[from].bytes[shared] == keys[to - 1].bytes[shared]) shared++;
    uint64_t nodes = (shared > depth) + 1u;
    for (size_t i = from, next; i < to; i = next) {
        next = i;
        while (next < to && keys[next].bytes[shared] == keys[i].bytes[shared]) next++;
        nodes += radix_nodes(keys, i, next, shared + 1);
    }
    return nodes;
}

static void radix_nodes_are_counted(void) {
    struct stream_limits one = {0, 1};
    struct slice texts[2] = {slice_cstr("f"), slice_cstr("v")};
    static struct key keys[2000];
    for (unsigned life = 0; life < 40; life++) {
        random_seed(&rng, life);
        struct stream *s = stream_new();
        struct stream_id id = {0, 0};
        size_t n = life < 5 ? life : below(2000);
        CU_ASSERT_EQUAL(stream_radix_nodes(s), 1);
        for (size_t i = 0; i < n; i++) {
            unsigned bits = (unsigned)below(life % 2 ? 12 : 50);
            if (below(2)) id = (struct stream_id){id.ms + ((uint64_t)1 << bits), below(300)};
            id.seq += 1 + below(300);
            CU_ASSERT_FATAL(stream_append(s, id, texts, 1, &one));
            for (int b = 0; b < 8; b++) {
                keys[i].bytes[b] = (uint8_t)(id.ms >> (56 - 8 * b));
                keys[i].bytes[8 + b] = (uint8_t)(id.seq >> (56 - 8 * b));
            }
        }
        if (n) CU_ASSERT_EQUAL(stream_radix_nodes(s), radix_nodes(keys, 0, n, 0));
        stream_free(s);
    }
}

int main(void) {
    static const struct suite_test tests[] = {
        {"live as the model", live_as_the_model},
        {"ids are read as redis reads them", ids_are_read_as_redis_reads_them},
        {"ids have neighbours", ids_have_neighbours},
        {"next ids", next_ids},
        {"entries take little more than their bytes", entries_take_little_more_than_their_bytes},
        {"sparse packs go", sparse_packs_go},
        {"a stream that is trimmed stays small", a_stream_that_is_trimmed_stays_small},
        {"entries may be large", entries_may_be_large},
        {"nodes are looked at", nodes_are_looked_at},
        {"streams are looked at", streams_are_looked_at},
        {"counts grow in packs", counts_grow_in_packs},
        {"radix nodes are counted", radix_nodes_are_counted},
        {NULL, NULL},
    };
    return suite_main("stream", tests);
}
