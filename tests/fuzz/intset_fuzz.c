/* intset_fuzz.c - any bytes as an intset: what intset_check takes can be read and edited.
 *
 * The first byte chooses whether the rest is a whole intset, or elements of some width to which
 * a head is made. Checked: every element is found where it is, and edits leave an intset.
 */
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "types/intset.h"

int fuzz_one(const uint8_t *data, size_t size);

static void check_edits(const uint8_t *set, int64_t v) {
    struct lp_buf b = lp_buf_heap();
    size_t n = intset_bytes(set), place;
    ASSERT(lp_buf_room(&b, n));
    memcpy(b.p, set, n);
    b.len = n;
    if (!intset_find(b.p, v, &place)) {
        n = intset_bytes_with(b.p, v);
        ASSERT(intset_insert(&b, place, v) && b.len == n && intset_check(b.p, b.len));
    }
    ASSERT(intset_find(b.p, v, &place) && intset_get(b.p, place) == v);
    intset_remove(&b, place);
    ASSERT(!intset_find(b.p, v, &place) && b.len == intset_bytes(b.p));
    while (intset_count(b.p)) {
        ASSERT(intset_check(b.p, b.len));
        intset_remove(&b, intset_count(b.p) / 2);
    }
    lp_buf_free(&b);
}

static void try_intset(const uint8_t *set, size_t n) {
    if (!intset_check(set, n)) return;
    size_t count = intset_count(set), place;
    for (size_t i = 0; i < count; i++) {
        ASSERT(intset_find(set, intset_get(set, i), &place) && place == i);
    }
    intset_random(set);
    if (n > 1 << 12) return; /* the edits are quadratic */
    static const int64_t values[] = {0, 1 << 20, -((int64_t)1 << 40), INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) check_edits(set, values[i]);
    check_edits(set, intset_get(set, count / 2));
}

int fuzz_one(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    uint32_t n = (uint32_t)size - 1, width = 1u << data[0] % 4;
    uint8_t *set = mem_alloc(n + INTSET_HEAD_BYTES);
    if (width == 1) {
        if (n) memcpy(set, data + 1, n);
        set = mem_realloc(set, n ? n : 1);
        try_intset(set, n);
    } else {
        n -= n % width;
        set = mem_realloc(set, n + INTSET_HEAD_BYTES);
        uint32_t count = n / width;
        memcpy(set, &width, sizeof width);
        memcpy(set + 4, &count, sizeof count);
        if (n) memcpy(set + INTSET_HEAD_BYTES, data + 1, n);
        try_intset(set, n + INTSET_HEAD_BYTES);
    }
    mem_free(set);
    return 0;
}
