/* stream_group.h - consumer groups of a stream: who has read what, and what is pending.
 *
 * A group has a place in the stream, consumers, and entries that were delivered and not
 * acknowledged: a struct stream_nack each, which is in three orders at once: the group's by ID, its
 * consumer's by ID, the group's by the time of delivery.
 *
 * N1  A nack's ID is unique in its group. It is in the list of its consumer, or of none if it was
 *     given back (XNACK).
 * N2  The entry need not exist any more.
 * N3  Groups and consumers are in the order of their names, as bytes.
 * N4  A change of what is pending makes pel iterators of that group void. A nack stays where it is
 *     until it is removed, a consumer and a group likewise.
 * Fields of the structs below are read freely, and changed by the functions alone.
 * Cost: O(log n) unless said otherwise. Memory: some 64 bytes a nack. Threads: the stream's.
 * Specification: Redis 7.2's t_stream; 8.2's references; 8.8's XNACK.
 */
#ifndef TYPES_STREAM_GROUP_H
#define TYPES_STREAM_GROUP_H

#include "types/count_tree.h"
#include "types/member_heap.h"
#include "types/rank_tree.h"
#include "types/stream.h"

#define STREAM_READ_UNKNOWN (-1) /* entries_read that nobody can tell */
#define STREAM_NEVER_ACTIVE (-1) /* active_ms of a consumer that got nothing yet */

/* Nacks in an order, by ID or by time. */
struct stream_pel {
    struct count_tree tree;
    bool by_time; /* by time; among equal times in the order in which they came to have it */
};

static inline uint64_t stream_pel_count(const struct stream_pel *pel) { return pel->tree.weight; }

struct stream_consumer {
    struct slice name; /* its own; the first member of both: see stream_group.c */
    int64_t seen_ms;   /* when it last tried to read or claim */
    int64_t active_ms; /* when it last got something, or STREAM_NEVER_ACTIVE */
    struct stream_pel pel;
};

struct stream_group {
    struct slice name;
    struct stream_id last; /* delivered */
    int64_t entries_read;  /* or STREAM_READ_UNKNOWN */
    uint64_t nacked;       /* pending of no consumer */
    struct stream_pel pel;
    struct stream_pel times;
    struct rank_tree consumers;
    uint64_t turns; /* given out so far */
    struct member_heap nacks;
};

struct stream_nack {
    struct stream_id id;
    int64_t delivered_ms; /* 0 when given back */
    uint64_t deliveries;
    struct stream_consumer *consumer; /* NULL: given back */
    uint64_t turn; /* orders nacks of one time: the later put there, the higher */
};

/* ---- groups ---- */

uint64_t stream_group_count(const struct stream *s);

/* NULL if there is none. By index in the order of names, below the count. */
struct stream_group *stream_group_find(const struct stream *s, struct slice name);
struct stream_group *stream_group_at(const struct stream *s, uint64_t index);

/* NULL if there is one of this name already. */
struct stream_group *stream_group_add(struct stream *s, struct slice name, struct stream_id last,
                                      int64_t entries_read);

/* Takes a group out: into a stream that has nothing else, for the caller to free (stream_free_cost
 * tells where). O(log n). */
struct stream *stream_group_take(struct stream *s, struct stream_group *g);

/* XGROUP SETID. */
void stream_group_set(struct stream_group *g, struct stream_id last, int64_t entries_read);

/* Notes that a group reads an entry, which is above its last: last and entries_read follow, the
 * latter as far as it can be known. */
void stream_group_advance(const struct stream *s, struct stream_group *g, struct stream_id id);

/* Entries that a group has not read yet; false if this cannot be known. */
bool stream_group_lag(const struct stream *s, const struct stream_group *g, uint64_t *lag);

/* How many entries were ever added up to an ID, STREAM_READ_UNKNOWN if nobody can tell. */
int64_t stream_added_until(const struct stream *s, struct stream_id id);

/* ---- consumers ---- */

uint64_t stream_consumer_count(const struct stream_group *g);
struct stream_consumer *stream_consumer_find(const struct stream_group *g, struct slice name);
struct stream_consumer *stream_consumer_at(const struct stream_group *g, uint64_t index);

/* A consumer that was seen now, and never active. NULL if there is one of this name already. */
struct stream_consumer *stream_consumer_add(struct stream_group *g, struct slice name,
                                            int64_t now_ms);
void stream_consumer_seen(struct stream_consumer *c, int64_t now_ms);
void stream_consumer_active(struct stream_consumer *c, int64_t now_ms);

/* Removes a consumer with what it has pending; returns how many entries that were. */
uint64_t stream_consumer_remove(struct stream_group *g, struct stream_consumer *c);

/* ---- pending entries ---- */

/* NULL if the ID is not pending. */
struct stream_nack *stream_nack_find(const struct stream_group *g, struct stream_id id);

/* Makes an ID pending, which must not be so yet. The consumer may be NULL. */
struct stream_nack *stream_nack_add(struct stream_group *g, struct stream_consumer *c,
                                    struct stream_id id, int64_t delivered_ms, uint64_t deliveries);

/* Gives a nack to a consumer, its own or another, or, NULL, to none; with a time of delivery. */
void stream_nack_assign(struct stream_group *g, struct stream_nack *nack, struct stream_consumer *c,
                        int64_t delivered_ms);
void stream_nack_set_deliveries(struct stream_nack *nack, uint64_t deliveries);

/* XACK: the entry is pending no more, and the nack is freed. */
void stream_nack_remove(struct stream_group *g, struct stream_nack *nack);

/* The nacks of a pel, of a group or of a consumer. */
struct stream_pel_iter {
    const struct count_node *leaf;
    unsigned slot;
};

/* From the first whose ID is at least this, in a pel by ID. */
struct stream_pel_iter stream_pel_from(const struct stream_pel *pel, struct stream_id id);
/* From the first in order; the last alone. */
struct stream_pel_iter stream_pel_start(const struct stream_pel *pel);
struct stream_nack *stream_pel_last(const struct stream_pel *pel);

/* The nack, stepping over it; NULL at the end. O(1). */
struct stream_nack *stream_pel_next(struct stream_pel_iter *it);

/* The nack behind one of this pel, NULL at the end: for a walk that moves or removes the nacks that
 * it visits, and asks before it does. */
struct stream_nack *stream_pel_after(const struct stream_pel *pel, const struct stream_nack *nack);

/* ---- references: Redis 8.2 ---- */

/* Whether a group has not read an entry yet, or has it pending. Cost: O(log n) a group whose
 * pending IDs reach around this one; else a comparison a group. */
bool stream_referenced(const struct stream *s, struct stream_id id);

/* Makes an ID pending in no group; returns in how many it was. Cost: as stream_referenced. */
uint64_t stream_unreference(struct stream *s, struct stream_id id);

#endif
