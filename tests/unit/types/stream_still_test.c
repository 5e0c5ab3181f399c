/* stream_still_test.c - stills of streams against copies that were made with them. The rest of
 * streams: stream_test.c, stream_group_test.c. */
#include <stdio.h>

#include "base/limits.h"
#include "base/mem.h"
#include "still_reader.h"
#include "stills.h"
#include "support/suite.h"
#include "tree_check.h"
#include "types/stream_group.h"
#include "types/stream_idmp.h"
#include "types/stream_internal.h"

enum {
    TEXT_BYTES_MAX = 1200,
    GROUPS = 3,
    CONSUMERS = 4,
    PENDING_MAX = STREAM_STILL_PENDING_MAX / 2 / GROUPS, /* in each group */
};

static struct random rng;
static struct stream_limits limits;
static size_t text_bytes_max;

static uint64_t below(uint64_t n) { return random_next_below(&rng, n); }

/* ---- as bytes ---- */

static bool tell_node(void *ctx, struct stream_id base, struct slice lp) {
    still_bytes_add(ctx, &base, sizeof base);
    still_bytes_add(ctx, lp.p, lp.n);
    return true;
}

static void tell_number(struct still_bytes *to, uint64_t n) { still_bytes_add(to, &n, sizeof n); }

static void tell_text(struct still_bytes *to, struct slice text) {
    tell_number(to, text.n);
    still_bytes_add(to, text.p, text.n);
}

static void tell_pel(struct still_bytes *to, const struct stream_pel *pel) {
    struct stream_pel_iter it = stream_pel_start(pel);
    tell_number(to, stream_pel_count(pel));
    for (const struct stream_nack *n; (n = stream_pel_next(&it));) {
        still_bytes_add(to, &n->id, sizeof n->id);
        tell_number(to, (uint64_t)n->delivered_ms);
        tell_number(to, n->deliveries);
        tell_text(to, n->consumer ? n->consumer->name : slice_cstr("?"));
    }
}

static void tell_group(struct still_bytes *to, const struct stream_group *g) {
    tell_text(to, g->name);
    still_bytes_add(to, &g->last, sizeof g->last);
    tell_number(to, (uint64_t)g->entries_read);
    tell_number(to, g->nacked);
    tell_pel(to, &g->pel);
    tell_number(to, stream_consumer_count(g));
    for (uint64_t i = 0; i < stream_consumer_count(g); i++) {
        const struct stream_consumer *c = stream_consumer_at(g, i);
        tell_text(to, c->name);
        tell_number(to, (uint64_t)c->seen_ms);
        tell_number(to, (uint64_t)c->active_ms);
        tell_pel(to, &c->pel);
    }
}

static void tell(struct still_bytes *to, const void *still) {
    still_bytes_add(to, stream_state(still), sizeof(struct stream_state));
    tell_number(to, stream_node_count(still));
    stream_each_node(still, tell_node, to);
    for (uint64_t i = 0; i < stream_group_count(still); i++) {
        tell_group(to, stream_group_at(still, i));
    }
}

static void tell_now(struct still_bytes *to, void *object) {
    struct stream *copy = stream_copy(object);
    tell(to, copy);
    stream_free(copy);
}

static void *make(void *object) { return stream_still(object); }
static void end(void *object, void *still) { stream_still_end(object, still); }

static const struct still_kind kind = {make, end, tell_now, tell};

/* ---- changes of entries ---- */

static void append(struct stream *s) {
    static char bytes[TEXT_BYTES_MAX];
    struct slice texts[4];
    size_t pairs = 1 + below(2);
    struct stream_id id = stream_state(s)->last;
    if (below(20)) {
        id.seq++;
    } else {
        id = (struct stream_id){id.ms + 1 + below(5), 0};
    }
    for (size_t i = 0; i < sizeof bytes; i += 1 + below(100)) bytes[i] = (char)below(256);
    for (size_t i = 0; i < 2 * pairs; i++) {
        texts[i] = i % 2 ? slice_of(bytes, below(text_bytes_max)) : slice_cstr("field");
    }
    CU_ASSERT_FATAL(stream_append(s, id, texts, pairs, &limits));
}

/* The ID of an entry, most likely, somewhere in the stream, or near its beginning or its end. */
static struct stream_id any_id(const struct stream *s) {
    const struct stream_state *st = stream_state(s);
    struct stream_id id = st->first;
    struct stream_iter it;
    struct stream_entry e;
    bool backward = below(2);
    switch (below(3)) {
    case 0:
        id.ms += below(st->last.ms - id.ms + 1);
        id.seq = below(20);
        break;
    case 1: id = st->last; break;
    default: break;
    }
    stream_iter_start(&it, s, backward ? STREAM_ID_MIN : id, backward ? id : STREAM_ID_MAX,
                      backward);
    for (uint64_t n = below(10); stream_iter_next(&it, &e); n--) {
        id = e.id;
        if (!n) break;
    }
    return id;
}

static void trim(struct stream *s) {
    uint64_t length = stream_state(s)->length;
    struct stream_trim t = {.by_id = below(2), .approx = below(2), .refs = (int)below(3)};
    if (t.by_id) {
        t.id_min = any_id(s);
    } else {
        t.length_max = below(20) ? length - length / (10 + below(30)) : below(length + 1);
    }
    if (t.approx && below(2)) t.limit = 1 + below(30);
    stream_trim(s, &t);
}

static void set_state(struct stream *s) {
    struct stream_state st = *stream_state(s);
    if (below(2)) stream_set_last(s, (struct stream_id){st.last.ms + below(3), st.last.seq + 1});
    if (below(2)) stream_set_added(s, st.added + below(5));
    if (below(2)) stream_set_deleted_max(s, any_id(s));
}

/* ---- changes of groups ---- */

static struct slice name_of(uint64_t i) {
    static const char *const names[] = {"", "a", "b", "c"};
    return slice_cstr(names[i]);
}

static void change_pending(struct stream *s, struct stream_group *g) {
    struct stream_id id = any_id(s);
    struct stream_nack *nack = stream_nack_find(g, id);
    struct stream_consumer *c = stream_consumer_find(g, name_of(below(CONSUMERS)));
    int64_t now_ms = (int64_t)below(5);
    if (!nack) {
        if (stream_pel_count(&g->pel) < PENDING_MAX) stream_nack_add(g, c, id, now_ms, below(3));
        return;
    }
    switch (below(4)) {
    case 0: stream_nack_assign(g, nack, c, now_ms); break;
    case 1: stream_nack_set_deliveries(nack, below(9)); break;
    case 2: stream_unreference(s, id); break;
    default: stream_nack_remove(g, nack);
    }
}

static void change_groups(struct stream *s) {
    struct slice name = name_of(1 + below(GROUPS));
    struct stream_group *g = stream_group_find(s, name);
    struct stream_consumer *c;
    if (!g) {
        stream_group_add(s, name, any_id(s), (int64_t)below(100));
        return;
    }
    c = stream_consumer_find(g, name = name_of(below(CONSUMERS)));
    switch (below(12)) {
    case 0: stream_group_set(g, any_id(s), STREAM_READ_UNKNOWN); break;
    case 1: stream_group_advance(s, g, any_id(s)); break;
    case 2:
        if (!below(5)) stream_free(stream_group_take(s, g));
        break;
    case 3:
        if (c && !below(3)) stream_consumer_remove(g, c);
        break;
    case 4:
    case 5:
        if (!c) c = stream_consumer_add(g, name, (int64_t)below(100));
        stream_consumer_seen(c, (int64_t)below(100));
        stream_consumer_active(c, (int64_t)below(100));
        break;
    default: change_pending(s, g);
    }
}

static void remember(struct stream *s) {
    static uint64_t iid;
    struct stream_idmp *m = stream_idmp_make(s, (struct stream_idmp_limits){100, 10});
    iid++;
    stream_idmp_add(m, slice_cstr("p"), slice_of((char *)&iid, sizeof iid), any_id(s), 0);
}

/* ---- lives ---- */

struct life {
    struct stream_limits limits;
    size_t text_bytes_max;
    uint64_t length; /* about */
};

/* Trees of one node and of three levels, with packs and without, entries alone and together. */
static const struct life lives[] = {
    {{4096, 100}, 40, 50},
    {{4096, 100}, 40, 6000},
    {{4096, 1}, TEXT_BYTES_MAX, 900},
    {{0, 1}, 10, 1500},
    {{4096, 3}, 300, 3000},
    {{4096, 0}, 900, 1500},
    {{STREAM_STILL_TAIL_BYTES_MAX / 2, 0}, 500, 50},
    {{0, 10}, 40, 2000},
};

static void change(struct stream *s, const struct life *l) {
    uint64_t what = below(1000), length = stream_state(s)->length;
    if (what < 30) {
        change_groups(s);
    } else if (what < 35) {
        set_state(s);
    } else if (what < 37) {
        remember(s);
    } else if (what < 45) {
        if (length > l->length / 2) trim(s);
    } else if (what < 600 && length < l->length) {
        append(s);
    } else if (what < 600 && !below(10)) {
        stream_trim(s, &(struct stream_trim){.length_max = l->length * 9 / 10, .approx = true});
    } else {
        stream_delete(s, any_id(s));
    }
}

static struct stream *begin(const struct life *l) {
    struct stream *s = stream_new();
    limits = l->limits;
    text_bytes_max = l->text_bytes_max;
    for (uint64_t i = 0; i < l->length; i++) append(s);
    return s;
}

static void check(const struct stream *s) {
    struct still_case now = {.kind = &kind, .still = (struct stream *)s};
    tree_check(&s->nodes, NULL);
    tell_now(&now.right, (struct stream *)s);
    CU_ASSERT(still_case_agrees(&now));
    mem_free(now.right.p);
}

static void stills_stay(void) {
    for (unsigned i = 0; i < 4 * sizeof lives / sizeof *lives; i++) {
        random_seed(&rng, i);
        const struct life *l = &lives[i % (sizeof lives / sizeof *lives)];
        struct stream *s = begin(l);
        struct stills stills = {0};
        for (unsigned step = 0; step < 4000; step++) {
            stills_step(&stills, &kind, s, &rng, 40);
            change(s, l);
            if (!below(1000)) check(s);
        }
        CU_ASSERT(stills.made > 20);
        stills_end(&stills, s, &rng);
        CU_ASSERT_EQUAL(stream_still_bytes(s), 0);
        check(s);
        for (unsigned step = 0; step < 500; step++) change(s, l);
        check(s);
        while (stream_state(s)->length) stream_delete(s, stream_state(s)->first);
        CU_ASSERT(s->heap.bytes == 0 && s->heap.blocks == 0);
        stream_free(s);
    }
}

static void stills_are_read_meanwhile(void) {
    for (unsigned i = 0; i < sizeof lives / sizeof *lives; i++) {
        random_seed(&rng, i);
        struct stream *s = begin(&lives[i]);
        struct stills others = {0};
        for (unsigned round = 0; round < 3; round++) {
            struct still_case c;
            struct still_reader reader;
            if (!still_case_make(&c, &kind, s)) continue;
            still_reader_start(&reader, still_case_agrees, &c);
            for (unsigned step = 0; step < 800; step++) {
                stills_step(&others, &kind, s, &rng, 100);
                change(s, &lives[i]);
            }
            CU_ASSERT(still_reader_stop(&reader));
            still_case_end(&c, s);
        }
        stills_end(&others, s, &rng);
        check(s);
        stream_free(s);
    }
}

/* ---- bounds ---- */

/* An edit copies a node once for a still, not with each entry. */
static void a_node_is_copied_once(void) {
    random_seed(&rng, 1);
    struct stream *s = begin(&(struct life){{2000, 100}, 40, 5000});
    size_t bytes = stream_memory(s);
    struct stream_entry e;
    struct stream *still = stream_still(s);
    CU_ASSERT_FATAL(still != NULL);
    CU_ASSERT(stream_still_bytes(s) < 1500);
    for (unsigned i = 0; i < 2000; i++) stream_delete(s, any_id(s));
    while (stream_edge(s, true, &e)) stream_delete(s, e.id);
    CU_ASSERT(stream_still_bytes(s) > bytes / 3);
    CU_ASSERT(stream_still_bytes(s) < 4 * bytes);
    CU_ASSERT(stream_memory(s) >= stream_still_bytes(s));
    stream_still_end(s, still);
    CU_ASSERT_EQUAL(stream_still_bytes(s), 0);
    stream_free(s);
}

static void what_would_take_long_is_not_copied(void) {
    static char big[STREAM_STILL_TAIL_BYTES_MAX + 1];
    struct slice texts[2] = {slice_cstr("f"), slice_of(big, sizeof big)};
    struct stream *s = stream_new(), *still;
    limits = (struct stream_limits){0, 1};
    CU_ASSERT(stream_append(s, (struct stream_id){1, 0}, texts, 1, &limits));
    CU_ASSERT_PTR_NULL(stream_still(s));
    texts[1].n = 1;
    CU_ASSERT(stream_append(s, (struct stream_id){2, 0}, texts, 1, &limits));
    struct stream_group *g = stream_group_add(s, slice_cstr("g"), STREAM_ID_MIN, 0);
    for (uint64_t i = 1; i < STREAM_STILL_PENDING_MAX; i++) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(still = stream_still(s));
        CU_ASSERT_EQUAL(stream_pel_count(&stream_group_at(still, 0)->pel), i - 1);
        stream_nack_add(g, NULL, (struct stream_id){i, 0}, 0, 1);
        stream_still_end(s, still);
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(still = stream_still(s));
    stream_still_end(s, still);
    stream_nack_add(g, NULL, STREAM_ID_MAX, 0, 1);
    CU_ASSERT_PTR_NULL(stream_still(s));
    stream_free(s);
}

/* What a reader has begun with goes on beside a still that comes and goes. */
static void iterators_stay_good(void) {
    random_seed(&rng, 1);
    struct stream *s = begin(&(struct life){{4096, 5}, 40, 300});
    struct stream_iter it;
    struct stream_entry e;
    stream_iter_start(&it, s, STREAM_ID_MIN, STREAM_ID_MAX, false);
    for (unsigned i = 0; i < 300; i++) {
        struct stream *still = i % 3 ? stream_still(s) : NULL;
        CU_ASSERT(stream_iter_next(&it, &e));
        if (still) stream_still_end(s, still);
    }
    CU_ASSERT(!stream_iter_next(&it, &e));
    stream_free(s);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"stills stay", stills_stay},
        {"stills are read meanwhile", stills_are_read_meanwhile},
        {"a node is copied once", a_node_is_copied_once},
        {"what would take long is not copied", what_would_take_long_is_not_copied},
        {"iterators stay good", iterators_stay_good},
        {NULL, NULL},
    };
    return suite_main("stream_still", tests);
}
