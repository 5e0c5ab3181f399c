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
 * Cost: O(log n) unless said otherwise. Memory: some 66 bytes a nack. Threads: the stream's.
 * Specification: Redis 7.2's t_stream; 8.2's references; 8.8's XNACK.
 */
#ifndef TYPES_STREAM_GROUP_H
#define TYPES_STREAM_GROUP_H

#include "types/member_heap.h"
#include "types/rank_tree.h"
#include "types/stream.h"
#include "types/stream_pel.h"

#define STREAM_READ_UNKNOWN (-1) /* entries_read that nobody can tell */
#define STREAM_NEVER_ACTIVE (-1) /* active_ms of a consumer that got nothing yet */

/* How long ago that was, both in Unix ms. What RESTORE was given may be any number: then it wraps.
 */
static inline int64_t stream_ms_since(int64_t then_ms, int64_t now_ms) {
    return (int64_t)((uint64_t)now_ms - (uint64_t)then_ms);
}

struct stream_consumer {
    struct slice name; /* its own; the first member of both: see stream_group.c */
    int64_t seen_ms;   /* when it last tried to read or claim */
    int64_t active_ms; /* when it last got something, or STREAM_NEVER_ACTIVE */
    struct stream_pel pel;
};

struct stream_group {
    struct slice name;
    struct stream_id last;   /* delivered */
    int64_t entries_read;    /* or STREAM_READ_UNKNOWN */
    uint64_t nacked;         /* pending of no consumer */
    struct stream_pel pel;   /* by ID */
    struct stream_pel times; /* by time */
    struct rank_tree consumers;
    uint64_t turns; /* given out so far */
    struct member_heap nacks;
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
bool stream_group_lag(const struct stream *s, const struct stream_group *g, int64_t *lag);

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

/* Removes a consumer with what it has pending; returns how many entries that were. Cost: O(log n)
 * for each of these, but not above O(n). */
uint64_t stream_consumer_remove(struct stream_group *g, struct stream_consumer *c);

/* ---- pending entries ---- */

/* NULL if the ID is not pending. */
struct stream_nack *stream_nack_find(const struct stream_group *g, struct stream_id id);

/* Makes an ID pending, which must not be so yet. The consumer may be NULL. */
struct stream_nack *stream_nack_add(struct stream_group *g, struct stream_consumer *c,
                                    struct stream_id id, int64_t delivered_ms, uint64_t deliveries);

/* Gives a nack to a consumer, its own or another, or, NULL, to none; with a time of delivery, among
 * equal ones the latest. */
void stream_nack_assign(struct stream_group *g, struct stream_nack *nack, struct stream_consumer *c,
                        int64_t delivered_ms);
void stream_nack_set_deliveries(struct stream_nack *nack, uint64_t deliveries);

/* Gives a nack of no consumer to one, and nothing else changes: for loading. */
void stream_nack_own(struct stream_group *g, struct stream_nack *nack, struct stream_consumer *c);

/* XACK: the entry is pending no more, and the nack is freed. */
void stream_nack_remove(struct stream_group *g, struct stream_nack *nack);

/* ---- references: Redis 8.2 ---- */

/* Whether a group has not read an entry yet, or has it pending. Cost: O(log n) a group whose
 * pending IDs reach around this one; else a comparison a group. */
bool stream_referenced(const struct stream *s, struct stream_id id);

/* Makes an ID pending in no group; returns in how many it was. Cost: as stream_referenced. */
uint64_t stream_unreference(struct stream *s, struct stream_id id);

#endif
