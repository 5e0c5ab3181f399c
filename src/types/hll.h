/* hll.h - HyperLogLog: how many different items were added, within 0.81 %, in 12 KiB.
 *
 * The value is a string of Redis' own bytes, so that GET, DUMP and PFADD of either server go
 * together:
 *
 *   "HYLL" | encoding 1 | reserved 3 | count 8 | registers
 *
 *   count      the last estimate, little endian; its highest bit says that it is out of date
 *   dense (0)  16384 registers of 6 bits, the first in the low bits of the first byte
 *   sparse (1) runs of registers, in order:
 *                00llllll           ZERO   l+1 registers are 0
 *                01llllll llllllll  XZERO  l+1 registers are 0 (high bits first)
 *                1vvvvvll           VAL    l+1 registers are v+1
 *
 * H1  Readers take a slice and change nothing: no function here updates the count of what it
 *     reads. The commands that may do so call hll_store_count.
 * H2  No function trusts the bytes: runs that do not cover exactly the 16384 registers are
 *     corrupt for whoever reads all of them. Adding looks at the runs up to its register
 *     only, as Redis does.
 * H3  The same items in the same order give the same bytes as in Redis. The places where
 *     that is decided are set_sparse and join_runs.
 * Threads: any; nothing is shared.
 * To add an encoding: hll_is, each_run and hll_add in hll.c, the model in hll_test.c.
 * Spec: Redis 7.2's PFADD, PFCOUNT, PFMERGE, PFDEBUG, PFSELFTEST; O. Ertl, "New cardinality
 * estimation algorithms for HyperLogLog sketches", 2017, section 4; A. Appleby's
 * MurmurHash64A.
 */
#ifndef TYPES_HLL_H
#define TYPES_HLL_H

#include "base/bytes.h"

#define HLL_REGISTERS 16384
#define HLL_HEADER_BYTES 16
#define HLL_DENSE_BYTES (HLL_HEADER_BYTES + HLL_REGISTERS * 6 / 8)

/* -- reading ------------------------------------------------------------------------- */

/* Whether the header, and the length of a dense one, are those of a HyperLogLog. What is
 * not is another kind of string to every function below, and must not be passed to them. */
bool hll_is(struct slice s);

bool hll_is_dense(struct slice s);

/* Whether the registers are sound as well. Cost: the bytes of a sparse one. */
bool hll_is_sound(struct slice s);

/* The count in the header; false when it is out of date. */
bool hll_cached_count(struct slice s, uint64_t *count);

/* Estimates from the registers; false when they are corrupt. Cost: a few microseconds. */
bool hll_count(struct slice s, uint64_t *count);

/* The registers of several values taken together: each the largest of its place. Also the
 * way to read the registers of one (PFDEBUG GETREG). */
struct hll_union {
    bool dense; /* one of the values was dense */
    uint8_t registers[HLL_REGISTERS];
};

void hll_union_init(struct hll_union *u);

/* False when s is corrupt; u may then hold a part of it. Cost: a microsecond for a dense one. */
bool hll_union_add(struct hll_union *u, struct slice s);

uint64_t hll_union_count(const struct hll_union *u);

/* Writes the runs of a sparse value as PFDEBUG DECODE prints them into HLL_DECODE_BYTES_MAX(s.n)
 * bytes; returns the length. Not checked: the runs may be corrupt. */
#define HLL_DECODE_BYTES_MAX(n) (8 * (n))
size_t hll_decode(struct slice s, char *out);

/* -- writing ------------------------------------------------------------------------- */

/* A value being changed: n bytes in a block of its own. */
struct hll {
    uint8_t *p;
    size_t n;
    size_t cap;
};

enum hll_change {
    HLL_CORRUPT = -1, /* nothing was changed */
    HLL_SAME = 0,
    HLL_CHANGED = 1, /* the count in the header is now out of date */
};

/* The empty value (sparse, with a count of 0), or a copy of s. hll_fini frees the block. */
void hll_init(struct hll *h);
void hll_init_copy(struct hll *h, struct slice s);
void hll_fini(struct hll *h);

/* Adds an item. A sparse value becomes dense when it would exceed sparse_bytes_max
 * (hll-sparse-max-bytes) or its register a value of 32. Cost: the runs before the register
 * in a sparse value; constant in a dense one. */
enum hll_change hll_add(struct hll *h, struct slice item, size_t sparse_bytes_max);

/* The same on the HLL_DENSE_BYTES bytes of a dense value, in place. */
enum hll_change hll_add_dense(uint8_t *p, struct slice item);

/* Makes the value dense; false, h untouched, when it is corrupt. */
bool hll_make_dense(struct hll *h);

/* Makes h hold u, which h itself was added to; the count is out of date afterwards. Dense if
 * one of the values was, as PFMERGE does it. False when h is corrupt. */
bool hll_put_union(struct hll *h, const struct hll_union *u, size_t sparse_bytes_max);

/* Writes the count into the header of a value. */
void hll_store_count(uint8_t *p, uint64_t count);

/* -- testing ------------------------------------------------------------------------- */

/* PFSELFTEST: registers of random values, then the error of estimates while `items` items are
 * added (Redis: 10 million, a second's work: on a worker). False with a text in `error`. */
bool hll_self_test(uint64_t seed, uint64_t items, size_t sparse_bytes_max, char *error,
                   size_t error_bytes);

/* hll_union_add of a dense value without the processor's wide instructions. */
void hll_union_add_dense_portable(struct hll_union *u, struct slice s);

#endif
