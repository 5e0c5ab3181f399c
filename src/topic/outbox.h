/* outbox.h - what a subscriber with a policy other than `close` has not been sent.
 *
 * Messages for a session whose unsent output is small go to its reply at once, as for anybody.
 * Beyond OUTBOX_AHEAD_BYTES they are held here, by reference, and follow as the socket takes what
 * is before them. What would take the unsent output (reply and what is held) over the session's
 * limit, the hard one of client-output-buffer-limit's class pubsub, or OUTBOX_BYTES if that is 0,
 * has messages dropped:
 *
 *     drop-oldest   the one held longest, until the rest fits
 *     drop-newest   the one that comes
 *     conflate      all but the newest of each topic, and so on until nothing is held any more; if
 *                   those are too many, as drop-oldest
 *
 *     >4 lag <topic> <count> message|pmessage|smessage      tells how many of a topic were
 *
 * where the topic is what is subscribed to (a pattern's messages are told as the pattern's), and
 * the last part the form that its messages have. In RESP2 it is an array.
 *
 * O1  Messages are dropped whole, and only while they are held: what was given to the reply is as
 *     good as sent.
 * O2  What is not dropped arrives in the order in which it was published, across all topics.
 * O3  The count of a lag is exact: of that topic so many are missing between the message of it that
 *     came last and the place of the lag. It stands directly before the next message of the topic,
 *     or, if there is none behind what was dropped, where all that was held has been sent.
 * O4  A reply never overtakes messages: what is held when a command begins its reply goes before it
 *     (core/push.h, push_before_reply), lags included. So it cannot be dropped any more; it counts
 * for the limit, and newer ones are dropped instead. A subscription that ends is a command as well:
 *     behind its confirmation comes nothing of it.
 * O5  Nothing else waits here or is dropped: replies, confirmations, invalidations, messages of
 *     retained topics, which may be before what is held. They alone can take the session over its
 *     limit, and it is closed then as any other.
 * O6  What a session has not been sent of messages is at most its limit, OUTBOX_AHEAD_BYTES and a
 *     message. A message counts for the limit with all of its bytes, however many share them.
 * O7  Putting a message costs the same however many are held: each is dropped or sent once.
 * Threads: the loop.
 */
#ifndef TOPIC_OUTBOX_H
#define TOPIC_OUTBOX_H

#include "core/session.h"

/* What a held message counts for beside its bytes: what holding it takes. */
#define OUTBOX_RECORD_BYTES 72

struct outbox;      /* of a session */
struct outbox_line; /* of one of its subscriptions */

struct outbox *outbox_new(struct session *s);
/* Of an outbox without lines. */
void outbox_free(struct outbox *o);

/* Forgets what is held, and what was dropped. */
void outbox_clear(struct outbox *o);

/* `form` is the first part of its messages, and lives for ever. What all its messages begin with,
 * `head`, and the topic's name are borrowed; the first byte of head is changed to suit the session.
 */
struct outbox_line *outbox_line_new(struct outbox *o, const char *form, struct slice name,
                                    char *head, size_t head_bytes);
/* Nothing of it is held: outbox_send_all or outbox_clear came before. */
void outbox_line_free(struct outbox_line *line);

/* A message for the subscription: sent, held or dropped. */
void outbox_put(struct outbox_line *line, struct blob *tail);

/* All that the session had to be sent was: gives it more. Does nothing while its reply goes on; it
 * is to be told again then. */
void outbox_refill(struct outbox *o);

/* Everything that is held goes to the session's output now. */
void outbox_send_all(struct outbox *o);

/* Bytes of messages that are held, as if this session alone had them; and what holding them takes.
 */
size_t outbox_memory(const struct outbox *o);

/* How much of the reply at most are messages: what they take of the limit does not close. */
size_t outbox_spared(const struct outbox *o);

/* Messages that are held; that were dropped since the outbox was made. */
size_t outbox_held(const struct outbox *o);
uint64_t outbox_dropped(const struct outbox *o);

#endif
