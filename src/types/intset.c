/* intset.c - see intset.h. */
#include "types/intset.h"

#include "base/assert.h"
#include "base/random.h"

#include <assert.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "elements are copied as they lie");

static inline int64_t load(const uint8_t *elements, size_t width, size_t index) {
    const uint8_t *p = elements + index * width;
    int16_t v16;
    int32_t v32;
    int64_t v64;
    if (width == sizeof v16) return memcpy(&v16, p, sizeof v16), v16;
    if (width == sizeof v32) return memcpy(&v32, p, sizeof v32), v32;
    return memcpy(&v64, p, sizeof v64), v64;
}

static inline void store(uint8_t *elements, size_t width, size_t index, int64_t v) {
    memcpy(elements + index * width, &v, width);
}

static inline uint32_t width_of(int64_t v) {
    if (v == (int16_t)v) return sizeof(int16_t);
    return v == (int32_t)v ? sizeof(int32_t) : sizeof(int64_t);
}

static inline void put_head(uint8_t *set, uint32_t width, uint32_t count) {
    memcpy(set, &width, sizeof width);
    memcpy(set + 4, &count, sizeof count);
}

int64_t intset_get(const uint8_t *set, size_t index) {
    return load(set + INTSET_HEAD_BYTES, intset_width(set), index);
}

int64_t intset_random(const uint8_t *set) {
    return intset_get(set, random_below(intset_count(set)));
}

/* How many of n > 0 elements are below v. With a constant width the loop has no branch to
 * predict but its own. */
static inline size_t rank(const uint8_t *elements, size_t width, size_t n, int64_t v) {
    size_t low = 0;
    while (n > 1) {
        size_t half = n / 2;
        low += load(elements, width, low + half - 1) < v ? half : 0;
        n -= half;
    }
    return low + (load(elements, width, low) < v);
}

bool intset_find(const uint8_t *set, int64_t v, size_t *place) {
    size_t width = intset_width(set), count = intset_count(set);
    const uint8_t *elements = set + INTSET_HEAD_BYTES;
    size_t at = count;
    if (count && load(elements, width, count - 1) >= v) {
        at = width == 2   ? rank(elements, 2, count, v)
             : width == 4 ? rank(elements, 4, count, v)
                          : rank(elements, 8, count, v);
    }
    *place = at;
    return at < count && load(elements, width, at) == v;
}

size_t intset_bytes_with(const uint8_t *set, int64_t v) {
    size_t width = intset_width(set), needed = width_of(v);
    if (needed > width) width = needed;
    return INTSET_HEAD_BYTES + ((size_t)intset_count(set) + 1) * width;
}

bool intset_init(struct lp_buf *b) {
    if (!lp_buf_room(b, INTSET_HEAD_BYTES)) return false;
    b->len = INTSET_HEAD_BYTES;
    put_head(b->p, sizeof(int16_t), 0);
    return true;
}

bool intset_insert(struct lp_buf *b, size_t place, int64_t v) {
    size_t width = intset_width(b->p), needed = width_of(v), len = intset_bytes_with(b->p, v);
    uint32_t count = intset_count(b->p);
    DASSERT(place <= count);
    if (unlikely(count == UINT32_MAX) || !lp_buf_room(b, len)) return false;
    uint8_t *elements = b->p + INTSET_HEAD_BYTES;
    if (unlikely(needed > width)) {
        /* It is the least or the greatest. The highest elements go first, as they grow upwards. */
        for (size_t i = count; i-- > 0;) {
            store(elements, needed, i + (place == 0), load(elements, width, i));
        }
        width = needed;
    } else {
        uint8_t *p = elements + place * width;
        memmove(p + width, p, (count - place) * width);
    }
    store(elements, width, place, v);
    put_head(b->p, (uint32_t)width, count + 1);
    b->len = len;
    return true;
}

void intset_remove(struct lp_buf *b, size_t index) {
    size_t width = intset_width(b->p);
    uint32_t count = intset_count(b->p);
    ASSERT(index < count);
    uint8_t *p = b->p + INTSET_HEAD_BYTES + index * width;
    memmove(p, p + width, (count - index - 1) * width);
    put_head(b->p, (uint32_t)width, count - 1);
    b->len -= width;
}

bool intset_check(const void *p, size_t n) {
    const uint8_t *set = p;
    if (n < INTSET_HEAD_BYTES) return false;
    size_t width = intset_width(set), count = intset_count(set);
    if (width != 2 && width != 4 && width != 8) return false;
    if (count == 0 || n != intset_bytes(set)) return false;
    for (size_t i = 1; i < count; i++) {
        if (intset_get(set, i - 1) >= intset_get(set, i)) return false;
    }
    return true;
}
