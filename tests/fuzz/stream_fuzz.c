/* stream_fuzz.c - any bytes as a node of a stream: on what stream_load_node takes everything works.
 *
 * The first byte chooses: a whole listpack, or only its elements, to which a head is made that
 * fits; the second the base ID, and what is deleted and trimmed. Checked: the ways to read agree,
 * forth, back and by ID; and so they do while entries are deleted, trimmed off and added, until
 * none is left.
 */
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "types/stream_internal.h"
#include "types/stream_node.h"

int fuzz_one(const uint8_t *data, size_t size);

enum { ENTRIES_MAX = 200 }; /* of which each is looked for, as it costs the square */

static const struct stream_id bases[] = {
    {0, 1}, {1, 0}, {1700000000000, 5}, {UINT64_MAX - 3, UINT64_MAX - 3}, {UINT64_MAX, 0}};

/* The texts of an entry, hashed; reading them is what matters. */
static uint64_t read_fields(struct stream_entry e, uint64_t *fields) {
    struct lp_value v[2];
    char digits[LP_INT_TEXT_BYTES];
    uint64_t sum = 0;
    for (*fields = 0; stream_field_next(&e, &v[0], &v[1]); ++*fields) {
        for (int i = 0; i < 2; i++) {
            struct slice s = lp_text(&v[i], digits);
            for (size_t n = 0; n < s.n; n++) sum = sum * 31 + (uint8_t)s.p[n];
        }
    }
    return sum;
}

static void check_same(struct stream_entry a, struct stream_entry b) {
    uint64_t fields[2];
    ASSERT(stream_id_eq(a.id, b.id) && a.fields == b.fields);
    ASSERT(read_fields(a, &fields[0]) == read_fields(b, &fields[1]) && fields[0] == fields[1]);
    ASSERT(fields[0] == a.fields);
}

static void check_reads(const struct stream *s) {
    const struct stream_state *st = stream_state(s);
    struct stream_iter forth, back;
    struct stream_entry e, found;
    uint64_t n = 0;
    size_t backward = 0;
    stream_iter_start(&forth, s, STREAM_ID_MIN, STREAM_ID_MAX, false);
    for (struct stream_id last = STREAM_ID_MIN; stream_iter_next(&forth, &e); last = e.id) {
        ASSERT(stream_id_cmp(last, e.id) < 0 && stream_id_cmp(e.id, st->last) <= 0);
        ASSERT(n || stream_id_eq(e.id, st->first));
        if (n++ >= ENTRIES_MAX) continue;
        ASSERT(stream_find(s, e.id, &found));
        check_same(e, found);
        stream_iter_start(&back, s, STREAM_ID_MIN, e.id, true);
        ASSERT(stream_iter_next(&back, &found));
        check_same(e, found);
    }
    ASSERT(n == st->length && stream_edge(s, true, &e) == (n > 0));
    stream_iter_start(&back, s, STREAM_ID_MIN, STREAM_ID_MAX, true);
    while (stream_iter_next(&back, &e)) backward++;
    ASSERT(backward == n);
}

static bool check_node(void *ctx, struct stream_id base, struct slice lp) {
    struct stream_id last;
    (void)ctx;
    ASSERT(stream_node_check(lp.p, lp.n, base, &last));
    return true;
}

static void check_nodes(const struct stream *s) { stream_each_node(s, check_node, NULL); }

static void delete_some(struct stream *s, unsigned choice) {
    struct stream_iter it;
    struct stream_entry e;
    struct stream_id from = STREAM_ID_MIN;
    for (unsigned i = 0; i < ENTRIES_MAX; i++) {
        stream_iter_start(&it, s, from, STREAM_ID_MAX, false);
        if (!stream_iter_next(&it, &e)) break;
        from = e.id;
        if (i % 3 == choice % 3) {
            ASSERT(stream_delete(s, from) && !stream_delete(s, from));
            ASSERT(!stream_find(s, from, &e));
        }
        if (!stream_id_next(&from)) break;
    }
    check_nodes(s);
}

static void append_some(struct stream *s) {
    struct slice texts[4] = {slice_cstr("f"), slice_cstr("1"), slice_cstr("g"), slice_cstr("w")};
    struct stream_limits limits = {0, 0};
    struct stream_id id;
    for (size_t pairs = 1; pairs <= 2 && stream_next_id(s, 0, &id); pairs++) {
        ASSERT(stream_append(s, id, texts, pairs, &limits));
    }
    check_nodes(s);
}

static void check_edits(struct stream *s, unsigned choice) {
    struct stream_trim trim = {.by_id = choice & 8, .length_max = stream_state(s)->length / 2};
    trim.id_min = stream_state(s)->last;
    trim.approx = choice & 16;
    trim.refs = choice & 32 ? STREAM_REFS_ACKED : STREAM_REFS_KEEP;
    delete_some(s, choice);
    check_reads(s);
    append_some(s);
    stream_trim(s, &trim);
    check_nodes(s);
    check_reads(s);
    struct stream *copy = stream_copy(s);
    stream_trim(copy, &(struct stream_trim){.length_max = 0});
    check_reads(copy);
    ASSERT(stream_state(copy)->length == 0);
    append_some(copy);
    check_reads(copy);
    stream_free(copy);
}

static void try_node(struct slice lp, unsigned choice) {
    struct stream *s = stream_new();
    struct stream_id base = bases[choice % (sizeof bases / sizeof *bases)], last;
    if (stream_load_node(s, base, lp) == STREAM_LOADED) {
        ASSERT(stream_node_check(lp.p, lp.n, base, &last));
        uint64_t live = stream_node_live((const uint8_t *)lp.p);
        ASSERT(stream_load_end(
            s, &(struct stream_state){.length = live, .added = live, .last = last}));
        check_reads(s);
        check_edits(s, choice);
    }
    stream_free(s);
}

int fuzz_one(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    size_t n = size - 2;
    bool whole = data[0] % 4 == 0;
    size_t total = whole ? n : n + LP_EMPTY_BYTES;
    uint8_t *lp = mem_alloc(total ? total : 1); /* the exact size, so that an overrun shows */
    if (n) memcpy(whole ? lp : lp + LP_HEAD_BYTES, data + 2, n);
    if (!whole) {
        memcpy(lp, &(uint32_t){(uint32_t)total}, sizeof(uint32_t));
        memset(lp + 4, 0xff, 2);
        lp[total - 1] = 0xff;
    }
    try_node(slice_of(lp, total), data[1]);
    mem_free(lp);
    return 0;
}
