/* hll_fuzz.c - strings that claim to be HyperLogLogs.
 *
 * The first byte chooses the limit of the sparse encoding and how many items are added; the
 * rest is the value. Checked: the readers agree on what is corrupt, both encodings give the
 * same registers and count, and changes keep a sound value sound.
 */
#include <stdint.h>

#include "base/assert.h"
#include "base/mem.h"
#include "types/hll.h"

int fuzz_one(const uint8_t *data, size_t size);

static struct slice bytes_of(const struct hll *h) { return slice_of(h->p, h->n); }

static void check_decode(struct slice s) {
    char *text = mem_alloc(HLL_DECODE_BYTES_MAX(s.n));
    ASSERT(hll_decode(s, text) <= HLL_DECODE_BYTES_MAX(s.n));
    mem_free(text);
}

static void check_sound(struct hll *h, size_t sparse_bytes_max) {
    static struct hll_union before, after;
    uint64_t count, dense_count;
    hll_union_init(&before);
    ASSERT(hll_union_add(&before, bytes_of(h)));
    ASSERT(hll_count(bytes_of(h), &count) && hll_union_count(&before) == count);
    struct hll copy;
    hll_init(&copy);
    ASSERT(hll_put_union(&copy, &before, sparse_bytes_max) && hll_is_sound(bytes_of(&copy)));
    hll_union_init(&after);
    ASSERT(hll_union_add(&after, bytes_of(&copy)));
    ASSERT(memcmp(before.registers, after.registers, HLL_REGISTERS) == 0);
    hll_fini(&copy);
    ASSERT(hll_make_dense(h));
    ASSERT(hll_count(bytes_of(h), &dense_count) && dense_count == count);
}

int fuzz_one(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    struct slice s = slice_of(data + 1, size - 1);
    if (!hll_is(s)) return 0;
    size_t sparse_bytes_max = (size_t)(data[0] & 15) * 200;
    bool sound = hll_is_sound(s);
    uint64_t count;
    ASSERT(hll_count(s, &count) == sound);
    if (!hll_is_dense(s)) check_decode(s);
    struct hll h;
    hll_init_copy(&h, s);
    for (uint64_t i = 0; i < data[0] >> 4; i++) {
        uint64_t item = i * 0x9e3779b97f4a7c15u + size;
        enum hll_change change = hll_add(&h, slice_of(&item, sizeof item), sparse_bytes_max);
        ASSERT(!sound || change != HLL_CORRUPT);
        ASSERT(hll_is(bytes_of(&h)) && hll_is_sound(bytes_of(&h)) == sound);
    }
    if (sound) check_sound(&h, sparse_bytes_max);
    hll_fini(&h);
    return 0;
}
