/* listpack_sealed_test.c - sealed listpacks read as the ones that they were, and are those again.
 */
#include "types/listpack_sealed.h"

#include "base/mem.h"
#include "base/random.h"
#include "support/suite.h"

enum { ROUNDS = 3000, ENTRIES_MAX = 600, TEXT_MAX = LP_SHORT_TEXT_BYTES };

static struct random rng;

static size_t below(size_t n) { return (size_t)random_next_below(&rng, n); }

/* ---- comparing ---- */

static void expect_value(const uint8_t *lp, size_t at, struct lp_value v) {
    char digits[LP_INT_TEXT_BYTES];
    CU_ASSERT_FATAL(lp_equals(lp, at, lp_text(&v, digits)));
    CU_ASSERT_EQUAL_FATAL(v.text.p == NULL, lp_get(lp, at).text.p == NULL);
}

/* Both ways, and each entry by itself. */
static void expect_reads(const uint8_t *lp, struct lp_sealed s) {
    struct lp_sealed_place place = lp_sealed_seek(s, 0);
    size_t i = 0;
    for (size_t at = lp_first(lp); at; at = lp_next(lp, at), i++) {
        struct lp_sealed_place sought = lp_sealed_seek(s, i);
        CU_ASSERT_FATAL(sought.tag == place.tag && sought.body == place.body);
        expect_value(lp, at, lp_sealed_next(&place));
    }
    CU_ASSERT_EQUAL_FATAL(i, s.count);
    CU_ASSERT_FATAL(place.tag == s.p + s.count && place.body == s.p + s.bytes);
    for (size_t at = lp_last(lp); at; at = lp_prev(lp, at))
        expect_value(lp, at, lp_sealed_prev(&place));
    CU_ASSERT_FATAL(place.tag == s.p && place.body == s.p + s.count);
}

/* The blocks have not a byte more than they need, so that a sanitizer sees one too many. */
static void expect_round_trip(const struct lp_buf *b) {
    size_t count = lp_count(b->p), bytes = lp_sealed_bytes(b->len, count);
    uint8_t *lp = mem_alloc(b->len), *sealed = mem_alloc(bytes ? bytes : 1);
    memcpy(lp, b->p, b->len);
    CU_ASSERT_FATAL(lp_is_sealable(lp) && lp_seal(sealed, lp));
    struct lp_sealed s = {sealed, bytes, count};
    expect_reads(lp, s);
    memset(lp, 0xee, b->len);
    CU_ASSERT_EQUAL_FATAL(lp_unsealed_bytes(bytes, count), b->len);
    lp_unseal(lp, s);
    CU_ASSERT_FATAL(memcmp(lp, b->p, b->len) == 0);
    mem_free(lp);
    mem_free(sealed);
}

/* One that cannot be sealed, within the memory that one that can be would take. */
static void expect_refused(const struct lp_buf *b) {
    uint8_t *sealed = mem_alloc(lp_sealed_bytes(b->len, lp_count(b->p)));
    CU_ASSERT_FATAL(!lp_is_sealable(b->p) && !lp_seal(sealed, b->p));
    mem_free(sealed);
}

/* ---- entries ---- */

static struct lp_item any_short(char text[TEXT_MAX], size_t text_max) {
    if (below(3) == 0) {
        uint64_t v = random_next(&rng) >> below(64);
        return lp_item_i64(below(2) ? (int64_t)v : -(int64_t)(v >> 1));
    }
    size_t n = below(text_max + 1);
    for (size_t i = 0; i < n; i++) text[i] = (char)below(256);
    return lp_item_text(slice_of(text, n));
}

static void any_listpacks(void) {
    char text[TEXT_MAX];
    struct lp_buf b = lp_buf_heap();
    for (int round = 0; round < ROUNDS; round++) {
        size_t n = below(round % 10 ? 30 : ENTRIES_MAX), text_max = below(TEXT_MAX + 1);
        CU_ASSERT_FATAL(lp_init(&b));
        while (n--) {
            struct lp_item item = any_short(text, text_max);
            CU_ASSERT_FATAL(lp_append(&b, &item, 1));
        }
        expect_round_trip(&b);
    }
    lp_buf_free(&b);
}

/* Splices against edits of the listpack. */
static void splices(void) {
    char text[TEXT_MAX];
    struct lp_buf b = lp_buf_heap();
    for (int round = 0; round < 100; round++) {
        size_t text_max = below(TEXT_MAX + 1);
        CU_ASSERT_FATAL(lp_init(&b));
        struct lp_sealed s = {mem_calloc(1), 0, 0};
        for (int step = 0; step < 200; step++) {
            struct lp_item item = any_short(text, text_max);
            bool add = below(3) || !s.count;
            size_t index = below(s.count + 1), cut = below(4);
            if (cut > s.count - index) cut = s.count - index;
            struct lp_sealed made = lp_sealed_splice(s, index, cut, add ? &item : NULL);
            size_t at = index < s.count ? lp_seek(b.p, (int64_t)index) : lp_end(b.p);
            if (cut) lp_delete(&b, at, cut);
            if (add) CU_ASSERT_FATAL(lp_insert(&b, at, &item, 1));
            mem_free((uint8_t *)(uintptr_t)s.p);
            s = made;
            CU_ASSERT_EQUAL_FATAL(lp_unsealed_bytes(s.bytes, s.count), b.len);
            expect_reads(b.p, s);
        }
        char big[TEXT_MAX + 1] = "";
        struct lp_item long_one = lp_item_text(slice_of(big, sizeof big));
        CU_ASSERT_PTR_NULL(lp_sealed_splice(s, 0, 0, &long_one).p);
        mem_free((uint8_t *)(uintptr_t)s.p);
    }
    lp_buf_free(&b);
}

/* Every form next to each other, at the edges of its range, and each alone. */
static void edges_of_forms(void) {
    static const int64_t edges[] = {0,           127,        128,         4095,      -1,
                                    -4096,       4096,       32767,       -4097,     -32768,
                                    32768,       8388607,    -32769,      -8388608,  8388608,
                                    2147483647,  -8388609,   -2147483648, INT64_MAX, INT64_MIN,
                                    -2147483649, 2147483648, 1,           64,        63};
    char text[TEXT_MAX];
    memset(text, 'x', sizeof text);
    struct lp_buf all = lp_buf_heap(), one = lp_buf_heap();
    CU_ASSERT_FATAL(lp_init(&all));
    for (size_t i = 0; i <= TEXT_MAX; i++) {
        struct lp_item items[2] = {lp_item_i64(edges[i % (sizeof edges / sizeof *edges)]),
                                   lp_item_text(slice_of(text, i))};
        for (int k = 0; k < 2; k++) {
            CU_ASSERT_FATAL(lp_init(&one) && lp_append(&one, &items[k], 1));
            expect_round_trip(&one);
        }
        CU_ASSERT_FATAL(lp_append(&all, items, 2));
        expect_round_trip(&all);
    }
    lp_buf_free(&all);
    lp_buf_free(&one);
}

/* A long text among short entries, first, last, or anywhere. */
static void long_texts_are_refused(void) {
    static const size_t sizes[] = {64, 65, 125, 126, 127, 4095, 4096, 20000};
    char *text = mem_calloc(20000), small[TEXT_MAX];
    struct lp_buf b = lp_buf_heap();
    for (int round = 0; round < 400; round++) {
        size_t n = 1 + below(100), at = below(3) ? below(n) : below(2) ? 0 : n - 1;
        CU_ASSERT_FATAL(lp_init(&b));
        for (size_t i = 0; i < n; i++) {
            size_t size = sizes[below(sizeof sizes / sizeof *sizes)];
            struct lp_item item =
                i == at ? lp_item_text(slice_of(text, size)) : any_short(small, round % 64);
            CU_ASSERT_FATAL(lp_append(&b, &item, 1));
        }
        expect_refused(&b);
    }
    CU_ASSERT(lp_may_seal(63) && !lp_may_seal(64));
    lp_buf_free(&b);
    mem_free(text);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"any_listpacks", any_listpacks},
        {"splices", splices},
        {"edges_of_forms", edges_of_forms},
        {"long_texts_are_refused", long_texts_are_refused},
        {NULL, NULL},
    };
    random_seed(&rng, 11);
    return suite_main("listpack_sealed", tests);
}
