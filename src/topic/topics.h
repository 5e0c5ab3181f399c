/* topics.h - publish and subscribe: who hears what.
 *
 * A topic is a channel, a shard channel or a pattern that somebody is subscribed to. A message is
 * encoded once: what all of its forms end with (channel and payload; RESP2 and RESP3, message,
 * pmessage and smessage differ before that only) is one blob, which subscribers share from
 * REPLY_PUSH_SHARE_BYTES on (reply_shared); each form's beginning is at hand in its topic.
 *
 * T1  A topic exists while it has subscribers; s->topics while s has subscriptions.
 * T2  A delivery appends to the replies of the subscribers, marks those that are over their limit,
 *     and wakes the door. It runs no command and ends no session, so the lists that it walks stay
 *     as they are: who subscribes, leaves or closes does so before or after. To let a delivery run
 *     something, have it done at the end of the command (core->after_due).
 * T3  A session gets what is published in the order in which it was: first as subscriber of the
 *     channel, then of patterns, the older pattern first.
 * T4  Nobody who publishes waits for a subscriber.
 * A session that is closing counts as a subscriber until its connection is closed, as in Redis.
 * Threads: the loop.
 * Specification: Redis 7.2's Pub/Sub.
 */
#ifndef TOPIC_TOPICS_H
#define TOPIC_TOPICS_H

#include "core/core.h"
#include "core/session.h"

/* The last one: a channel as retained topic (topic/retained.h), which is subscribed to there. */
enum topic_kind { TOPIC_CHANNEL, TOPIC_PATTERN, TOPIC_SHARD, TOPIC_RETAINED, TOPIC_KINDS };

/* Sets core->topics and the hooks that sessions use. Freed when no session is left. */
void topics_new(struct core *core);
void topics_free(struct core *core);

/* False: s is subscribed already, or not, respectively. Cost: O(1), for a pattern its length. */
bool topics_subscribe(struct session *s, enum topic_kind kind, struct slice name);
bool topics_unsubscribe(struct session *s, enum topic_kind kind, struct slice name);

/* The oldest subscription of s of that kind, false if there is none. Good until it ends. */
bool topics_first(const struct session *s, enum topic_kind kind, struct slice *name);

/* How many subscriptions of that kind s has. */
size_t topics_of(const struct session *s, enum topic_kind kind);

/* Gives a message to the subscribers of the channel and, of one that is no shard channel, of the
 * patterns that match it. Returns how many that were (a session may count several times), or -1,
 * nothing done, if there is no memory for it. Cost: see patterns.h; then some 20 ns a subscriber,
 * and copies of what is not shared. */
int64_t topics_publish(struct core *core, enum topic_kind kind, struct slice channel,
                       struct slice payload);

/* Subscribers of a channel or shard channel. */
size_t topics_subscribers(const struct core *core, enum topic_kind kind, struct slice name);

/* What is held for s, or was; NULL: nothing. */
const struct outbox *topics_outbox(const struct session *s);

/* Names of all channels or shard channels, in no order. */
void topics_each(const struct core *core, enum topic_kind kind,
                 void (*visit)(void *ctx, struct slice name), void *ctx);

/* Whether anybody is subscribed to a channel or a pattern: if not, publishing is in vain. */
static inline bool topics_are_heard(const struct core *core) {
    return core->topic_counts.channels || core->topic_counts.patterns;
}

#endif
