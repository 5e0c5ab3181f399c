/* tracking_internal.h - what the files of tracking share.
 * Threads: the loop.
 */
#ifndef TOPIC_TRACKING_INTERNAL_H
#define TOPIC_TRACKING_INTERNAL_H

#include "topic/prefixes.h"
#include "topic/tracked.h"
#include "topic/tracking.h"

struct membership;

/* s->tracker: from the first CLIENT TRACKING ON to the session's end. */
struct tracker {
    struct session *s;
    struct list_link in_all; /* tracking.trackers, while it is on */
    struct tracking_state state;
    bool after_client;          /* with state.caching: the last command was one of CLIENT */
    struct membership **joined; /* prefixes, in the order of their bytes */
    size_t room;
    size_t prefix_bytes; /* of their texts */
};

struct tracking {
    struct core *core;
    size_t tracker_count;
    struct list trackers;
    struct tracked tracked;
    struct prefixes prefixes;
    struct list dirty; /* prefixes with changes */
    struct table held; /* struct changed, of the command that goes on: tracking_broadcast.c */
    struct feed_observer observer;
    struct blob *nothing[2]; /* null in RESP2 and RESP3: everything */
};

/* Sends a message of the session's tracking: the keys, an array of RESP, or NULL for all keys. To
 * nobody, where nobody would get it. */
struct session *tracking_recipient(struct session *s);
void tracking_send(const struct tracking *t, struct session *to, struct blob *keys);

/* ---- BCAST: tracking_broadcast.c ---- */

void tracking_join(struct tracking *t, struct tracker *tr, const struct slice *prefixes, size_t n);
void tracking_leave(struct tracking *t, struct tracker *tr);

/* A key has changed; `by` is the id of the session whose command it was, 0: of none. */
void tracking_gather(struct tracking *t, struct key k, uint64_t by);
/* Tells what has been gathered and is not held; false: nothing. */
bool tracking_broadcast(struct tracking *t);
void tracking_broadcast_init(struct tracking *t);
void tracking_broadcast_fini(struct tracking *t);

#endif
