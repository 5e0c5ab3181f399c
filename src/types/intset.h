/* intset.h - Redis' intset: a set of integers as a sorted array.
 *
 * Layout: u32 width of an element (2, 4 or 8 bytes), u32 count, the elements in ascending order,
 * all little-endian.
 *
 * I1  The width is the least that held every element since the set was made: an addition may
 *     widen it, a removal never narrows it. So the same operations give Redis' bytes.
 * I2  Reads trust the bytes and change nothing: what comes from outside goes through
 *     intset_check first; any thread can work on a pinned value.
 * I3  An edit that finds no room (lp_buf.h) returns false and has done nothing.
 * Threads: as the bytes' owner says. Cost: finding is logarithmic, edits move the bytes behind.
 * Specification: Redis 7.2.
 */
#ifndef TYPES_INTSET_H
#define TYPES_INTSET_H

#include "types/lp_buf.h"

#include <string.h>

#define INTSET_HEAD_BYTES 8 /* also those of an empty set */

static inline uint32_t intset_width(const uint8_t *set) {
    uint32_t n;
    memcpy(&n, set, sizeof n);
    return n;
}

static inline uint32_t intset_count(const uint8_t *set) {
    uint32_t n;
    memcpy(&n, set + 4, sizeof n);
    return n;
}

static inline size_t intset_bytes(const uint8_t *set) {
    return INTSET_HEAD_BYTES + (size_t)intset_count(set) * intset_width(set);
}

/* The element of an index below the count: index 0 is the least. */
int64_t intset_get(const uint8_t *set, size_t index);

/* Any element of a set that is not empty, each as likely; random.h's fast generator. */
int64_t intset_random(const uint8_t *set);

/* Whether v is in the set; *place is its index, or the one that it would get. */
bool intset_find(const uint8_t *set, int64_t v, size_t *place);

/* The bytes that the set would have with v, which is not in it. */
size_t intset_bytes_with(const uint8_t *set, int64_t v);

/* Makes b an empty set, whatever it held. */
bool intset_init(struct lp_buf *b);

/* Adds v, which is not in the set, at the place that intset_find gave. Linear if it widens. */
bool intset_insert(struct lp_buf *b, size_t place, int64_t v);

/* Removes the element of an index. Memory stays: lp_buf_trim. */
void intset_remove(struct lp_buf *b, size_t index);

/* Whether n bytes are an intset on which everything above is safe: size, width, order. As in
 * Redis an empty one is none. Linear. */
bool intset_check(const void *p, size_t n);

#endif
