/* topics_internal.h - what topics.c keeps for retained.c: with each subscription to a retained
 * topic a replay, with each session that has fallen behind in some a replayer.
 * Threads: the loop.
 */
#ifndef TOPIC_TOPICS_INTERNAL_H
#define TOPIC_TOPICS_INTERNAL_H

#include "core/session.h"

/* How far a session is in a retained topic. */
struct replay {
    struct session *s;
    struct key key; /* the subscription's name */
    uint64_t epoch;
    uint64_t offset;            /* of the next message that it is to get */
    struct list_link in_behind; /* the replayer's, while it is behind */
};

/* The topics that a session is behind in. */
struct replayer {
    struct session *s;
    struct list behind;
    struct list_link in_ready; /* retained.c: it can be sent more */
};

/* Where the replay of a subscription, which there is, is to be kept, and the subscription's own
 * name, good until it ends. */
struct replay **topics_replay(const struct session *s, struct slice name, struct slice *own_name);

/* Of a session that has subscriptions. */
struct replayer **topics_replayer(const struct session *s);

/* Visits those subscribed to a retained topic; returns how many there are. */
size_t topics_each_replay(const struct core *core, struct slice name,
                          void (*visit)(void *ctx, struct replay *replay), void *ctx);

/* Some names of topics so subscribed to, as table_scan. */
uint64_t topics_scan_retained(const struct core *core, uint64_t cursor,
                              void (*visit)(void *ctx, struct slice name), void *ctx);

/* ---- of retained.c: the subscription ends, or the last one of a session does. NULL: nothing. */
void retained_end(struct replay *replay);
void retained_end_all(struct replayer *replayer);

#endif
