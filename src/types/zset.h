/* zset.h - sorted sets: the large form, and one way to read both forms.
 *
 * A sorted set is a listpack of members and scores in turn while it holds few short members, and
 * a struct zset_value otherwise: a hash table (base/table.h) that finds members and a tree
 * (rank_tree.h) that keeps their order. Both point to the member's blob:
 *
 *     0     | [1..4]               | 8 bytes | member
 *     head  | [length, if >= 63]   | score   |         head: bit 0 in the slab, bits 2-7 length or
 * 63
 *
 * Z1  Order is by score, then by the bytes of the member; ranks count from 0, the lowest first.
 * Z2  Every blob is in the table and, with the score that it holds, in the tree; only between
 *     zset_value_gather and zset_value_sort the tree is empty.
 * Z3  In a listpack a whole score of at most 52 bits is an integer, any other the shortest text
 *     that reads back as it: Redis' bytes, where Redis finds the shortest.
 * Z4  Reads change nothing: any thread may work on a view that nobody writes.
 * Z5  A still (zset_value_still) is the order alone: scores are read from its rows, members from
 *     the blobs, of which the score may be written all the while. Blobs that are freed stay in
 *     limbo.
 * Changing either form, and passing from one to the other: zset_edit.h.
 * Threads: as the owner says. Specification: Redis 7.2.
 */
#ifndef TYPES_ZSET_H
#define TYPES_ZSET_H

#include "base/num.h"
#include "base/table.h"
#include "types/listpack.h"
#include "types/member_heap.h"
#include "types/rank_tree.h"

/* ---- the large form ---- */

struct zset_value {
    struct table members;
    struct rank_tree order;
    struct member_heap heap;
};

struct zset_value *zset_value_new(void);

/* Frees all; callable on a worker. Cost: the nodes, and the members that are blocks of the
 * allocator (the first some 2,000, and long ones), for which all members are looked at. */
void zset_value_free(struct zset_value *z);
size_t zset_value_free_cost(const struct zset_value *z); /* allocations, about */
size_t zset_value_memory(const struct zset_value *z);
struct zset_value *zset_value_copy(const struct zset_value *z);

/* The parts of a blob. */
static inline const uint8_t *zset_blob_score_at(const void *blob) {
    const uint8_t *p = blob;
    return p + (p[0] >> 2 == 63 ? 5 : 1);
}
static inline double zset_blob_score(const void *blob) {
    double score;
    memcpy(&score, zset_blob_score_at(blob), sizeof score);
    return score;
}
static inline struct slice zset_blob_member(const void *blob) {
    const uint8_t *p = blob;
    uint32_t n = p[0] >> 2;
    if (unlikely(n == 63)) {
        memcpy(&n, p + 1, sizeof n);
        return slice_of(p + 13, n);
    }
    return slice_of(p + 9, n);
}

/* Not between zset_value_gather and zset_value_sort. */
static inline size_t zset_value_count(const struct zset_value *z) {
    return rank_tree_count(&z->order);
}

/* The blob of a member, NULL if it is not there. The hash is hash_bytes'. */
void *zset_value_find(const struct zset_value *z, struct slice member, uint64_t hash);

/* Adds a member that is not there. */
void zset_value_add(struct zset_value *z, struct slice member, uint64_t hash, double score);

/* The same for one that is below all others, or above them. */
void zset_value_push(struct zset_value *z, enum rank_end end, struct slice member, double score);

/* Gives a member another score. */
void zset_value_move(struct zset_value *z, void *blob, double score);

/* False if the member is not there. */
bool zset_value_remove(struct zset_value *z, struct slice member, uint64_t hash);

/* Removes the ranks [from, to), to <= the count. Cost: O(log n), and the members. */
void zset_value_cut(struct zset_value *z, uint64_t from, uint64_t to);

/* For making a set out of order: the blob of a member, added with the score if it is not there yet
 * (*added). zset_value_sort must follow before anything but this and zset_blob_* is used. */
void *zset_value_gather(struct zset_value *z, struct slice member, double score, bool *added);
static inline void zset_value_rescore(void *blob, double score) {
    memcpy((uint8_t *)zset_blob_score_at(blob), &score, sizeof score);
}
void zset_value_sort(struct zset_value *z);

/* Visits all members, the highest first. */
void zset_value_each_down(const struct zset_value *z,
                          void (*visit)(void *ctx, struct slice member, double score), void *ctx);

/* A still of z, which is in order: reads as z does now, whatever becomes of z; by any thread, with
 * zset_value_count and zset_value_each_down. z is to outlive it. Several may be out. Making one
 * changes nothing of z that anybody reads. O(1). */
struct zset_value *zset_value_still(struct zset_value *z);
/* Nobody reads the still any more. */
void zset_value_still_end(struct zset_value *z, struct zset_value *still);
/* Bytes that are kept for stills alone. O(1). */
size_t zset_value_still_bytes(const struct zset_value *z);

/* ---- both forms ---- */

/* A sorted set, borrowed. An absent one is an empty listpack. */
struct zset_view {
    const uint8_t *packed; /* NULL: the large form */
    const struct zset_value *value;
};

extern const struct zset_view zset_view_none;

/* A member, as an iterator gives it: good until the next one, the set unchanged. */
struct zset_item {
    struct slice member; /* digits may back it */
    double score;
    char digits[LP_INT_TEXT_BYTES];
};

/* The score that a listpack's element is. */
double zset_packed_score(const struct lp_value *v);

size_t zset_count(struct zset_view v);

/* False if the member is not there. */
bool zset_score(struct zset_view v, struct slice member, double *score);
bool zset_rank(struct zset_view v, struct slice member, uint64_t *rank, double *score);

/* How many members have a score below this one, or, `equal_too`, not above it. */
uint64_t zset_below(struct zset_view v, double score, bool equal_too);

/* How many members are below this one, or, `equal_too`, not above it, where all scores are equal;
 * where they are not, some number up to the count. */
uint64_t zset_below_member(struct zset_view v, struct slice member, bool equal_too);

/* Goes up or down from a rank. Cost of a step: O(1). */
struct zset_iter {
    struct zset_view view;
    bool down;
    size_t at;                 /* packed: the next member, LP_NONE at the end */
    struct rank_cursor cursor; /* large: the next row */
};

void zset_iter_start(struct zset_iter *it, struct zset_view v, uint64_t rank, bool down);
/* False at the end. */
bool zset_iter_next(struct zset_iter *it, struct zset_item *item);

/* Visits members from `cursor` (0 begins) until at least `count` were seen; returns where to go on,
 * 0 at the end. One that is there all the time is visited once. A listpack is visited whole. */
uint64_t zset_scan(struct zset_view v, uint64_t cursor, size_t count,
                   void (*visit)(void *ctx, struct slice member, double score), void *ctx);

#endif
