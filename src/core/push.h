/* push.h - what a session is told beside the replies to its commands: messages of topics,
 * invalidations.
 *
 *     push_write(s, head, tail);            or
 *     struct reply *r = push_begin(s); ... one whole RESP value ... push_end(s);
 *
 * P1  A push never stands within a reply. While a command of the session has begun, and its reply
 *     may not have ended (its handler runs, it goes on, its reply comes in parts, CLIENT REPLY may
 *     take it back), pushes gather in s->aside; they follow the reply.
 * P2  CLIENT REPLY silences replies, not pushes.
 * P3  A session that is to be closed gets none. One whose output is over its limit is to be closed.
 * P4  Nothing here runs a command or frees a session, so whoever walks sessions may push.
 *
 * A push waits for the disk as a reply does (core->log): it may tell of a change that is not safe
 * yet, and nothing overtakes on a connection. Threads: the loop.
 * Specification: the order of pushes and replies of Redis 7.2.
 */
#ifndef CORE_PUSH_H
#define CORE_PUSH_H

#include "core/core.h"
#include "core/session.h"

/* Where to write a push, in the protocol of s: until push_end nothing else is done with s. */
struct reply *push_begin(struct session *s);
void push_end(struct session *s);

/* The usual push: both in one, by reply_shared. Nothing for a session that is to be closed. */
void push_write(struct session *s, struct slice head, struct blob *tail);

/* The session's command is over, and what CLIENT REPLY silences is taken back: what has gathered
 * follows, unless the reply goes on. */
void push_release_some(struct session *s);
static inline void push_release(struct session *s) {
    if (unlikely(s->aside != NULL)) push_release_some(s);
}

/* Whether pushes gather now. */
bool push_waits(const struct session *s);

/* A reply of the session may begin: messages that are held for it (topic/outbox.h) go before it,
 * unless it has begun before. */
static inline void push_before_reply(struct session *s) {
    if (unlikely(s->state & SESSION_HOLDS) && !push_waits(s)) s->core->topic_hooks.send_held(s);
}

/* For a command whose own reply is a push, as SUBSCRIBE's: where to write it, so that
 * CLIENT REPLY does not take it back. */
struct reply *push_as_reply(struct session *s);

/* Forgets what has gathered: the session ends. */
void push_drop(struct session *s);

/* Bytes that have gathered. */
static inline size_t push_memory(const struct session *s) {
    return s->aside ? sizeof *s->aside + reply_memory(s->aside) : 0;
}

#endif
