/* blocked.h - sessions that wait for a key: BLPOP and its kin.
 *
 * A command that finds nothing to do calls blocked_wait: its session is marked, runs nothing
 * more, and is kept with a copy of the arguments under each key that it names. A change of
 * such a key, which the feed tells, marks the key ready. When the command that did it is over,
 * blocked_serve runs the waiting commands again, first come, first served. One that still finds
 * nothing calls blocked_wait again, and keeps its place.
 *
 * W1  A session waits (s->waiter is set, SESSION_BLOCKED too) from blocked_wait until it is
 *     served, its time is over, CLIENT UNBLOCK names it, or it is gone.
 * W2  Keys are served in the order in which they became ready, those that become so meanwhile
 *     last; the sessions of a key in the order in which they came.
 * W3  A waiting command runs again only if there is a value of its type, or any_change; when its
 *     again_ms has come, its keys are ready.
 * W4  A command that waits has replied nothing, and is counted when it is over.
 * A database is meant by its number: SWAPDB brings other keys to those who wait.
 * Cost: a change of a key while anyone waits looks one list of keys up; when nobody waits, nothing.
 * To add a command: its handler calls blocked_parse_seconds or _ms, then blocked_wait instead of
 * replying. A session with SESSION_NO_WAIT does not wait: its time is over at once.
 * Threads: the loop.
 * Specification: Redis 7.2's order, replies and errors.
 */
#ifndef CORE_BLOCKED_H
#define CORE_BLOCKED_H

#include "core/exec.h"

struct blocked;

struct blocked_counts {
    size_t sessions, timed; /* waiting; those with a timeout */
    size_t keys, any_keys;  /* waited for; those with a session that minds any change */
};

struct blocked *blocked_new(struct feed *feed, int64_t now_ms);
void blocked_free(struct blocked *b);

struct blocked_counts blocked_counts(const struct blocked *b);

/* -- for handlers ------------------------------------------------------------------------ */

#define BLOCKED_FOREVER 0

/* The timeout in argument i, seconds as a float or milliseconds, as the Unix ms at which it ends or
 * BLOCKED_FOREVER. Replies an error and returns false if it is none. */
bool blocked_parse_seconds(struct ctx *c, int i, int64_t *until_ms);
bool blocked_parse_ms(struct ctx *c, int i, int64_t *until_ms);

struct blocked_on {
    int first_key, key_count; /* arguments that are keys; one may come twice */
    enum entry_type type;
    bool any_change;  /* run again whatever has become of the key (XREADGROUP) */
    int64_t until_ms; /* then a null array is replied */
    int64_t again_ms; /* then it is run again, whatever has changed; or BLOCKED_FOREVER */
    /* Replies when the time is over, in place of a null array; NULL: that. */
    void (*at_end)(struct session *s);
    const struct slice *argv; /* c->argc arguments to run again with, or NULL: those of c */
};

/* Lets the session wait. It copies what it needs. */
void blocked_wait(struct ctx *c, const struct blocked_on *on);

/* Two databases have changed places, or one was emptied: all keys waited for may have changed. */
void blocked_touch_db(struct blocked *b, int db);

/* CLIENT UNBLOCK, and what is waited for without a key: as if the time were over, or with an error.
 * False if s does not wait. */
bool blocked_end(struct session *s, bool with_error);

/* -- for whoever runs the core ------------------------------------------------------------ */

/* Runs the commands whose keys are ready: to be called after a command when core->after_due says
 * so. */
void blocked_serve(struct core *core);

/* Keys have left their lanes: commands that could not run for that may be able to. */
void blocked_retry(struct core *core);

/* Replies to those whose time is over, true if there were any; and makes the keys ready of those
 * who are to be run again. */
bool blocked_expire(struct core *core);

/* Unix ms of the next end of a timeout or running again, INT64_MAX without one. */
int64_t blocked_next_ms(const struct blocked *b);

/* The session is leaving; harmless if it does not wait. */
void blocked_leave(struct session *s);

#endif
