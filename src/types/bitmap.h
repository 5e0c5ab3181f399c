/* bitmap.h - bits in strings: counting, searching, combining, packed integers.
 *
 * Bit 0 is the highest bit of byte 0, as in Redis. Everything works on raw bytes and knows
 * no keys; bits beyond the end of an input are zero.
 * Threads: any; nothing is shared. Cost: linear, 8 bytes or more a cycle while in cache.
 * Spec: Redis 7.2's BITCOUNT, BITPOS, BITOP, BITFIELD; Redis 8.2's BITOP DIFF, DIFF1,
 * ANDOR, ONE.
 * To add an operator: the enum, combine_block in bitmap.c, the model in bitmap_test.c.
 */
#ifndef TYPES_BITMAP_H
#define TYPES_BITMAP_H

#include "base/bytes.h"

static inline int bitmap_get(struct slice s, uint64_t offset) {
    uint64_t byte = offset >> 3;
    return byte < s.n ? ((uint8_t)s.p[byte] >> (7 - (offset & 7))) & 1 : 0;
}

/* Sets one bit and returns the old one. The byte must exist. */
static inline int bitmap_put(uint8_t *p, uint64_t offset, int bit) {
    unsigned shift = 7 - (offset & 7);
    uint8_t *byte = p + (offset >> 3);
    int old = (*byte >> shift) & 1;
    *byte = (uint8_t)((*byte & ~(1u << shift)) | ((unsigned)bit << shift));
    return old;
}

/* How many bits are set: in all bytes, or from bit `first` to bit `last`, both included;
 * the range is cut to the slice, and empty when first > last. */
uint64_t bitmap_count(struct slice s);
uint64_t bitmap_count_range(struct slice s, uint64_t first, uint64_t last);

/* bitmap_count without the processor's instruction, for machines that lack it. */
uint64_t bitmap_count_portable(struct slice s);

/* The first place of `bit` (0 or 1) in the same ranges, counted from bit 0 of the slice;
 * -1 if there is none. Redis' rule that a missing end makes a search for 0 succeed just
 * behind the last byte is the caller's. */
int64_t bitmap_find(struct slice s, int bit);
int64_t bitmap_find_range(struct slice s, int bit, uint64_t first, uint64_t last);

/* With X the first input and Y.. the others. */
enum bitmap_op {
    BITMAP_AND,
    BITMAP_OR,
    BITMAP_XOR,
    BITMAP_NOT,   /* one input */
    BITMAP_DIFF,  /* X and none of Y..; two inputs or more, as the next two */
    BITMAP_DIFF1, /* one of Y.. and not X */
    BITMAP_ANDOR, /* X and one of Y.. */
    BITMAP_ONE,   /* exactly one input */
};

/* Combines `inputs` slices, each extended with zeros, into out_bytes bytes at `out`, which
 * overlap no input (the caller passes the longest input's length). */
void bitmap_combine(enum bitmap_op op, const struct slice *in, size_t inputs, uint8_t *out,
                    size_t out_bytes);

/* An integer of `bits` bits (unsigned 1 to 63, signed 1 to 64) whose highest bit is at
 * `offset`. What lies beyond the slice reads as zeros. */
uint64_t bitmap_field_unsigned(struct slice s, uint64_t offset, unsigned bits);
int64_t bitmap_field_signed(struct slice s, uint64_t offset, unsigned bits);

/* Stores the low `bits` bits of `value`; all bytes touched must exist. */
void bitmap_field_put(uint8_t *p, uint64_t offset, unsigned bits, uint64_t value);

enum bitmap_overflow {
    BITMAP_WRAP,
    BITMAP_SAT,
    BITMAP_FAIL,
};

/* value + incr brought into `bits` bits by the rule; false when the rule is BITMAP_FAIL
 * and it does not fit. BITFIELD SET is an increment of 0: a negative argument of an
 * unsigned SET comes as its two's complement, and so saturates upwards, as in Redis; so
 * does a signed value that is 2^63 or more below the maximum. */
bool bitmap_add_unsigned(uint64_t value, int64_t incr, unsigned bits, enum bitmap_overflow rule,
                         uint64_t *out);
bool bitmap_add_signed(int64_t value, int64_t incr, unsigned bits, enum bitmap_overflow rule,
                       int64_t *out);

#endif
