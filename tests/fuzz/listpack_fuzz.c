/* listpack_fuzz.c - any bytes as a listpack: what lp_check takes can be read and edited.
 *
 * The first byte chooses the place of the edits and whether the rest is a whole listpack, or
 * only its entries, with a head made to fit so that more inputs get through. Checked: walking
 * both ways, seeking, searching and reading agree, and every edit leaves a listpack.
 */
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"
#include "types/listpack.h"

int fuzz_one(const uint8_t *data, size_t size);

enum { SEARCHES = 64 };

static void check_reads(const uint8_t *lp) {
    size_t count = lp_count(lp), end = lp_end(lp), before = LP_NONE, i = 0;
    for (size_t at = LP_HEAD_BYTES, after; at != end; at = after, i++) {
        struct lp_value v;
        char digits[LP_INT_TEXT_BYTES];
        after = lp_read(lp, at, &v);
        struct slice text = lp_text(&v, digits);
        ASSERT(lp_prev(lp, at) == before && lp_equals(lp, at, text));
        ASSERT(lp_find(lp, at, text, (unsigned)(i % 3)) == at);
        if (i < SEARCHES) {
            size_t found = lp_find(lp, LP_HEAD_BYTES, text, 0);
            ASSERT(found && found <= at && lp_equals(lp, found, text));
            ASSERT(lp_seek(lp, (int64_t)i) == at);
            ASSERT(lp_seek(lp, (int64_t)i - (int64_t)count) == at);
        }
        before = at;
    }
    ASSERT(i == count && lp_last(lp) == before);
    ASSERT(lp_prev(lp, end) == before && lp_seek(lp, (int64_t)count) == LP_NONE);
}

static size_t offset_of(const uint8_t *lp, size_t index) {
    return index < lp_count(lp) ? lp_seek(lp, (int64_t)index) : lp_end(lp);
}

static void check_edits(const uint8_t *lp, size_t choice) {
    size_t count = lp_count(lp), at = count ? choice % (count + 1) : 0;
    struct lp_buf b = lp_buf_heap();
    ASSERT(lp_init(&b) && lp_merge(&b, lp));
    ASSERT(lp_check(b.p, b.len, 1) && lp_count(b.p) == count);
    struct lp_item items[2] = {lp_item_text(slice_cstr("some text")),
                               lp_item_i64((int64_t)choice << 20)};
    ASSERT(lp_insert(&b, offset_of(b.p, at), items, 2) && lp_check(b.p, b.len, 1));
    ASSERT(lp_replace(&b, offset_of(b.p, count), items) && lp_check(b.p, b.len, 1));
    struct lp_run run = {lp, LP_HEAD_BYTES, offset_of(lp, at), at};
    ASSERT(lp_insert_run(&b, lp_end(b.p), &run) && lp_check(b.p, b.len, 1));
    ASSERT(lp_count(b.p) == count + 2 + at);
    check_reads(b.p);
    ASSERT(lp_delete(&b, offset_of(b.p, at), 3) <= 3 && lp_check(b.p, b.len, 1));
    lp_delete(&b, LP_HEAD_BYTES, SIZE_MAX);
    ASSERT(b.len == LP_EMPTY_BYTES && lp_check(b.p, b.len, 1));
    lp_buf_free(&b);
}

/* What is written by its texts again is a listpack of the same texts, in the shortest forms. */
static void check_rewrite(const uint8_t *lp) {
    struct lp_buf b = lp_buf_heap();
    ASSERT(lp_init(&b));
    for (size_t at = LP_HEAD_BYTES, end = lp_end(lp); at != end;) {
        struct lp_value v;
        char digits[LP_INT_TEXT_BYTES];
        at = lp_read(lp, at, &v);
        ASSERT(lp_append_text(&b, lp_text(&v, digits)));
    }
    ASSERT(b.len <= lp_bytes(lp) && lp_check(b.p, b.len, 1) && lp_count(b.p) == lp_count(lp));
    ASSERT(lp_unique(b.p, 1) == lp_unique(lp, 1) && lp_unique(b.p, 2) == lp_unique(lp, 2));
    lp_buf_free(&b);
}

static void try_listpack(const uint8_t *lp, size_t n, size_t choice) {
    if (!lp_check(lp, n, 1)) return;
    check_reads(lp);
    check_edits(lp, choice);
    check_rewrite(lp);
}

int fuzz_one(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    hash_init(1);
    size_t n = size - 1;
    if (data[0] % 4 == 0) {
        uint8_t *whole = mem_alloc(n ? n : 1);
        if (n) memcpy(whole, data + 1, n);
        try_listpack(whole, n, data[0] / 4);
        mem_free(whole);
        return 0;
    }
    uint32_t total = (uint32_t)(n + LP_EMPTY_BYTES);
    uint8_t *made = mem_alloc(total);
    memcpy(made, &total, sizeof total);
    memset(made + 4, 0xff, 2);
    if (n) memcpy(made + LP_HEAD_BYTES, data + 1, n);
    made[total - 1] = 0xff;
    try_listpack(made, total, data[0] / 4);
    mem_free(made);
    return 0;
}
