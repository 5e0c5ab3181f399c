/* stream_pel.h - pending entries of a stream's consumer group, in an order: by ID, or by time.
 *
 * A B+tree (count_tree.h) of the addresses of nacks: some 7 bytes each. Searches follow them.
 *
 * E1  Rows rise strictly: by ID, or by time of delivery and, among equal times, by turn.
 * E2  What a pel is ordered by does not change in a nack that is in it.
 * E3  Any change of a pel makes its iterators void; nacks stay where they are.
 * Cost: O(log n) unless said otherwise. Threads: the stream's; readers change nothing.
 */
#ifndef TYPES_STREAM_PEL_H
#define TYPES_STREAM_PEL_H

#include "types/count_tree.h"
#include "types/stream_id.h"

struct stream_consumer;

/* An entry that was delivered and not acknowledged. Read freely; stream_group.h changes it. */
struct stream_nack {
    struct stream_id id;
    int64_t delivered_ms; /* 0 when given back */
    uint64_t deliveries;
    struct stream_consumer *consumer; /* NULL: given back */
    uint64_t turn : 63;               /* among nacks of one time: the later one, the higher */
    uint64_t in_slab : 1;             /* where its memory is from */
};

struct stream_pel {
    struct count_tree tree;
    bool by_time;
};

void stream_pel_init(struct stream_pel *pel, bool by_time);
/* Frees the tree, not the nacks. Linear in its nodes. */
void stream_pel_fini(struct stream_pel *pel);

static inline uint64_t stream_pel_count(const struct stream_pel *pel) { return pel->tree.weight; }
static inline size_t stream_pel_bytes(const struct stream_pel *pel) {
    return count_tree_bytes(&pel->tree);
}

/* ---- reading ---- */

struct stream_pel_iter {
    const struct count_node *leaf;
    unsigned slot;
};

/* From the first in order; or, in a pel by ID, from the first whose ID is not below this. */
struct stream_pel_iter stream_pel_start(const struct stream_pel *pel);
struct stream_pel_iter stream_pel_from(const struct stream_pel *pel, struct stream_id id);

/* The nack, stepping over it; NULL at the end. O(1). */
struct stream_nack *stream_pel_next(struct stream_pel_iter *it);

/* The nack of an ID, in a pel by ID; NULL if there is none. */
struct stream_nack *stream_pel_find(const struct stream_pel *pel, struct stream_id id);

/* The first nack, the last; NULL if there is none. O(1). */
struct stream_nack *stream_pel_first(const struct stream_pel *pel);
struct stream_nack *stream_pel_last(const struct stream_pel *pel);

/* The nack behind one of this pel, NULL at the end: for a walk that moves or removes the nacks that
 * it visits, and asks before it does. */
struct stream_nack *stream_pel_after(const struct stream_pel *pel, const struct stream_nack *nack);

/* ---- changing: for stream_group.c ---- */

/* O(1), nearly, at the end. */
void stream_pel_insert(struct stream_pel *pel, struct stream_nack *nack);
void stream_pel_remove(struct stream_pel *pel, const struct stream_nack *nack);

/* Takes all nacks of a consumer out. Linear in the pel. */
void stream_pel_drop(struct stream_pel *pel, const struct stream_consumer *c);

#endif
