/* tracking.h - client-side caching: which clients may have which keys in caches of their own, and
 * who tells them when these change.
 *
 * By default what a session reads is remembered (topic/tracked.h), and the first change of a key
 * tells all who have read it, once. With BCAST nothing is remembered: a session names prefixes
 * (topic/prefixes.h), and is told at the end of a turn of all keys that begin so and have changed
 * in it; what a command changes that takes several turns is told at its end. Messages go to the
 * session itself, in RESP3, or to the one that REDIRECT names; that gets them as messages of the
 * channel __redis__:invalidate if it speaks RESP2 and is subscribed to anything.
 *
 * C1  A key that a session has read is remembered before anybody else can change it: exec says
 *     so (tracking_hooks.has_run) between the end of the handler and whatever comes next. A read
 *     that a worker computes is remembered when it is planned, and again when it is committed,
 *     until when its keys are in its lanes: what was remembered first may have been told, or have
 *     been one too many for the table, before its reply.
 * C2  Every change of a value is heard (core/feed.h, FEED_WRITES), and every key that leaves by
 *     itself. What is heard is told at once, but a push does not stand within a reply: who changes
 *     what it has read itself gets its reply first (core/push.h).
 * C3  What cannot be remembered, or told by name, is told as if everything had changed.
 * C4  A session that does not track costs its commands nothing. While nobody does, and nobody has
 *     since it connected, neither do changes.
 * Keys are named without a database, as in Redis. SWAPDB, which changes what all names mean, tells
 * that everything has changed; Redis does not tell anything.
 * Threads: the loop.
 * Specification: Redis 7.2's client-side caching.
 */
#ifndef TOPIC_TRACKING_H
#define TOPIC_TRACKING_H

#include "core/core.h"
#include "core/session.h"

/* The order is that of CLIENT TRACKINGINFO. */
enum tracking_option {
    TRACKING_BCAST = 1 << 0,
    TRACKING_OPTIN = 1 << 1,
    TRACKING_OPTOUT = 1 << 2,
    TRACKING_NOLOOP = 1 << 3,
};

/* How a session tracks. */
struct tracking_state {
    bool on;
    bool caching;      /* CLIENT CACHING was said for the command that runs, or the next one */
    bool broken;       /* who gets its messages has left */
    unsigned options;  /* enum tracking_option */
    uint64_t redirect; /* a session's id, 0: itself */
    size_t prefix_count;
};

/* Sets core->tracking and the hooks. Freed when no session is left. */
void tracking_new(struct core *core);
void tracking_free(struct core *core);

struct tracking_state tracking_state(const struct session *s);
/* In the order of their bytes. Good until it tracks otherwise. */
struct slice tracking_prefix(const struct session *s, size_t i);

/* Two prefixes that a key may both begin with. */
struct tracking_overlap {
    struct slice prefix, other;
    bool is_own; /* other is what the session has already */
};

/* Whether one of the prefixes meets another, or one that s has; *o is the first that does, in their
 * order. Cost: O(n log n). */
bool tracking_overlaps(const struct session *s, const struct slice *prefixes, size_t n,
                       struct tracking_overlap *o);

/* From now on s tracks so; with TRACKING_BCAST prefixes are added to those that it has, n being 0
 * stands for the empty one. The caller has seen to it that they do not overlap, and that a session
 * that tracks goes on with BCAST or without. */
void tracking_start(struct session *s, unsigned options, uint64_t redirect,
                    const struct slice *prefixes, size_t n);
/* Harmless if it does not. */
void tracking_stop(struct session *s);

/* CLIENT CACHING, for the next command or transaction of s. */
void tracking_set_caching(struct session *s);

/* All keys of one or all databases have changed: a command says so once. */
void tracking_flushed(struct core *core);

#endif
