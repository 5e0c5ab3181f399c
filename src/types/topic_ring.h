/* topic_ring.h - the messages that a retained topic keeps.
 *
 * A message has an offset (0, 1, 2 ... without a gap, whatever has left) and a time. New ones come
 * at the end; limits say how many stay. The epoch, a random number, tells rings of the same name
 * apart: offsets of one epoch belong to one row of messages.
 *
 * G1  Offsets first to next - 1 are there, none other; times never go down from one to the next.
 * G2  What the limits keep is always the last so many messages. So it does not matter in which
 *     order they are asked, and how often: what they let go has a lowest offset that stays.
 * G3  Limits of count and bytes hold whenever topic_ring_cut has been called with
 *     topic_ring_keeps; what is too old is there for longer, and to be passed over by readers
 *     (topic_ring_first).
 * Messages lie one behind the other in nodes of some KiB, a head of two or three bytes each; large
 * ones are blobs, which replies can share. A ring of few messages takes little more than these.
 * Threads: topic_ring_free any; a ring that nobody changes may be read and copied by any.
 */
#ifndef TYPES_TOPIC_RING_H
#define TYPES_TOPIC_RING_H

#include "base/blob.h"
#include "base/bytes.h"

/* Above the greatest offset, limit and time. */
#define TOPIC_NUMBER_END ((uint64_t)1 << 60)

/* What a message counts for the limit of bytes, beside those that it has. */
#define TOPIC_MESSAGE_BYTES 16

/* What follows a message in its blob, as in the protocol. */
#define TOPIC_BLOB_END_BYTES 2

struct topic_ring;

/* 0: no limit. */
struct topic_limits {
    uint64_t count;
    uint64_t bytes; /* of messages, TOPIC_MESSAGE_BYTES more for each */
    uint64_t ms;    /* from its time on */
};

struct topic_state {
    uint64_t epoch;
    uint64_t first, next; /* offsets: of the oldest message, and of the one that comes */
    uint64_t bytes;       /* as the limit counts them */
    int64_t last_ms;      /* of the last message that came; 0: none has */
    struct topic_limits limits;
};

struct topic_message {
    uint64_t offset;
    int64_t ms; /* Unix time */
    struct slice payload;
    struct blob *blob; /* holds the payload and a line end; NULL: it is no blob */
};

/* An empty ring whose first message will have the offset `next`. */
struct topic_ring *topic_ring_new(uint64_t epoch, uint64_t next);
void topic_ring_free(struct topic_ring *t);
/* Blobs are shared. */
struct topic_ring *topic_ring_copy(const struct topic_ring *t);

/* Allocations, about; bytes in memory. */
size_t topic_ring_free_cost(const struct topic_ring *t);
size_t topic_ring_memory(const struct topic_ring *t);

/* Rings that there are in the process, those that wait to be freed included. Threads: any. */
size_t topic_ring_count(void);

const struct topic_state *topic_ring_state(const struct topic_ring *t);
void topic_ring_limit(struct topic_ring *t, struct topic_limits limits);

/* Adds a message, which gets the time `ms`, or that of the one before if that is later. *shared is
 * its blob, the ring's, or NULL. False: there is no memory. */
bool topic_ring_append(struct topic_ring *t, int64_t ms, struct slice payload,
                       struct blob **shared);

/* The oldest message that is not too old at a time; state->next if there is none. O(log n). */
uint64_t topic_ring_first(const struct topic_ring *t, int64_t now_ms);

/* The oldest message that all limits let stay at a time. Cost: the nodes that they do not. */
uint64_t topic_ring_keeps(const struct topic_ring *t, int64_t now_ms);

/* Lets the messages before `first` go. If that would take more than cost_max allocations to be
 * freed, what has gone is returned as a ring, for any thread to free; else NULL. */
struct topic_ring *topic_ring_cut(struct topic_ring *t, uint64_t first, size_t cost_max);

/* When something will have become too old and is worth to be let go: Unix ms, or INT64_MAX. */
int64_t topic_ring_due_ms(const struct topic_ring *t);

/* ---- reading ---- */

/* Good until the ring changes. */
struct topic_cursor {
    const struct topic_ring *ring;
    size_t node;
    uint32_t at;
    uint64_t offset; /* of the next message */
    int64_t ms;      /* of the one before */
};

/* At the message of that offset, or the oldest one if that is later. Cost: O(log n), and a walk in
 * a node. */
struct topic_cursor topic_cursor_at(const struct topic_ring *t, uint64_t offset);

/* The next message, borrowed; false at the end. */
bool topic_cursor_next(struct topic_cursor *c, struct topic_message *m);

#endif
