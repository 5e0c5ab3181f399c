/* hash_packed.h - small hashes: listpacks of fields with their values.
 *
 * Two forms: pairs (field, value); and triples (field, value, time), which a hash takes when one of
 * its fields is to end at a time. Both are the bytes that Redis has ("listpack", "listpackex").
 *
 * Q1  The fields differ.
 * Q2  A time is an integer: Unix ms, or 0 for none. Triples lie in the order of their times, those
 *     without one at the end; one that gets a time comes before those with the same.
 * Q3  An edit that finds no room (types/lp_buf.h) has done nothing.
 * Threads: as for listpacks. Cost: linear in the listpack, but for hash_packed_next_ms.
 * Specification: Redis 7.4, the encoding listpackex and RDB type 25.
 */
#ifndef TYPES_HASH_PACKED_H
#define TYPES_HASH_PACKED_H

#include "types/listpack.h"

#define HASH_NO_TIME (-1)
#define HASH_KEEP_TIME (-2) /* what the field has */

/* Entries of the listpack that belong to a field. */
static inline unsigned hash_packed_step(bool triples) { return triples ? 3 : 2; }

static inline size_t hash_packed_count(const uint8_t *lp, bool triples) {
    return lp_count(lp) / hash_packed_step(triples);
}

/* Where a field lies, LP_NONE if it is not there. Its value is the entry behind. */
static inline size_t hash_packed_find(const uint8_t *lp, bool triples, struct slice field) {
    return lp_find(lp, lp_first(lp), field, triples ? 2 : 1);
}

/* The time of the field at `at`, or HASH_NO_TIME. */
int64_t hash_packed_time(const uint8_t *lp, bool triples, size_t at);

/* When the first field of a listpack of triples will have ended: a ms after its time. INT64_MAX
 * if none has one. */
int64_t hash_packed_next_ms(const uint8_t *lp);

/* How many fields of a listpack of triples have a time before now_ms: they lie in front. */
size_t hash_packed_past(const uint8_t *lp, int64_t now_ms);

/* Where a triple with the time (or HASH_NO_TIME) is to be inserted; see Q2. */
size_t hash_packed_place(const uint8_t *lp, int64_t time_ms);

/* Sets a field, in a listpack of pairs without a time; true in *added if it is new. */
bool hash_packed_set(struct lp_buf *b, bool triples, struct slice field, struct slice value,
                     int64_t time_ms, bool *added);

/* Gives the field at `at` in a listpack of triples another time, or none. */
bool hash_packed_set_time(struct lp_buf *b, size_t at, int64_t time_ms);

void hash_packed_delete(struct lp_buf *b, bool triples, size_t at);

/* Makes `to`, an empty buffer, the listpack in the other form; to pairs: without the times. */
bool hash_packed_convert(const uint8_t *lp, bool to_triples, struct lp_buf *to);

/* Whether the times of a listpack of triples (lp_check) are as in Q2, and before end_ms. */
bool hash_packed_times_check(const uint8_t *lp, int64_t end_ms);

#endif
