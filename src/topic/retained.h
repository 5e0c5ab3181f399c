/* retained.h - subscribers of retained topics: what has been, then what comes, without a gap or a
 * double.
 *
 * A retained topic is a key of database 0 with a ring of messages (types/topic_ring); what is
 * published to the channel of that name goes into it. Whoever is subscribed to it (TOPIC.SUBSCRIBE)
 * has a place in it, an epoch and an offset, and is up with it or behind:
 *
 *     up        a message goes to him as it is published
 *     behind    it does not: parts of what he has not seen are read from the ring, the next one
 *               when all that he was to be sent has been, until his place is the ring's end
 *
 * So a new subscriber is behind, and so is one that takes less than comes: from then on the ring
 * alone keeps messages for him. A place that the ring has left is told as `lag`, how many messages
 * he will never see; a ring of another epoch, or one that has not come as far as he, as `reset`.
 *
 * H1  Who is up has the ring's epoch and next offset as his place, unless the ring was changed
 *     otherwise than by PUBLISH; then he is found in the next turns, and is behind.
 * H2  A subscriber gets each message from his place on once, in order, or a lag that counts it.
 * H3  What is written for one session and is not sent is bounded: TOPIC_AHEAD_BYTES,
 *     TOPIC_PART_BYTES and a message, however much it is behind.
 * H4  A topic whose key is gone has its subscribers: they hear on when there is one again.
 * Threads: the loop.
 */
#ifndef TOPIC_RETAINED_H
#define TOPIC_RETAINED_H

#include "core/core.h"
#include "core/session.h"
#include "types/topic_ring.h"

struct net_loop;

/* Behind topics_new, and before topics_free. */
void retained_new(struct core *core, struct net_loop *loop);
void retained_free(struct core *core);

/* The ring of a retained topic, or NULL. */
const struct topic_ring *retained_ring(struct core *core, struct key k);

/* Gives a message that has come into the ring of k to its subscribers. `shared`, or NULL, is its
 * blob. Returns how many they are, those behind among them. */
size_t retained_deliver(struct core *core, struct key k, const struct topic_state *state,
                        struct slice payload, struct blob *shared);

/* A ring was changed otherwise. */
void retained_changed(struct core *core);

/* Where to begin. */
struct retained_from {
    enum { RETAINED_OFFSET, RETAINED_EARLIEST, RETAINED_LAST } at;
    uint64_t offset;
    bool epoch_given; /* the offset is one of this epoch */
    uint64_t epoch;
};

/* The offset in a ring at a time. */
uint64_t retained_offset(const struct topic_ring *t, const struct retained_from *from,
                         int64_t now_ms);

/* Subscribes s to k, whose ring is t; one that was subscribed begins anew. Writes what tells it so
 * into r, and `reset` if the place is not one of this ring. */
void retained_subscribe(struct session *s, struct reply *r, struct key k,
                        const struct topic_ring *t, const struct retained_from *from);

/* An epoch as text. */
#define RETAINED_EPOCH_BYTES 16
void retained_epoch_text(uint64_t epoch, char text[RETAINED_EPOCH_BYTES + 1]);

#endif
