/* offload.h - commands that would take long are computed on a worker.
 *
 * The handler of such a command looks at its keys and arguments, and ends with offload(): what is
 * to be computed, how to bring it into the database, and how much work that is. Little work is done
 * at once. For much of it the session waits, as one that waits for a key does; its ticket joins the
 * lanes of the command's keys (src/lane); when it is granted, the handler runs anew with
 * arguments that stay, and what it hands over then is computed by a worker and committed on the
 * loop. So the same code computes both.
 *
 * A long reply need not be written at once: `more` writes it in parts. While the client takes them,
 * the job keeps its places; the next part is written when most of those before are sent. When
 * somebody begins to wait for a key of it, the rest is written at once, whether the client takes it
 * or not: no writer waits for a reader's connection.
 *
 * O1  From the second run of the handler to the commit nobody else changes a key of the command,
 *     nor the database number that it goes by; what the handler found stays where it is.
 * O2  compute touches its state and its reply, and reads values; nothing else. What may take long
 *     in it calls nap_point (base/nap) and ends when that says so: the client of a command that
 *     changes nothing has left.
 * O3  Between compute and commit others may have run, but not on these keys: the command counts as
 *     done in the instant of its commit, or of the first part of its reply, which all the others go
 *     with.
 * O4  What only the loop can read, as it is in no lane (all keys of a database), is gathered before
 *     in slices, turn after turn; between two of them others run, and change what is not in the
 *     command's lanes.
 * To use it: the row's key specifications say what is read (KEY_RO) and what is changed; the
 * handler has written nothing, and replied nothing, before it calls offload.
 * Threads: the loop, but for compute.
 */
#ifndef CORE_OFFLOAD_H
#define CORE_OFFLOAD_H

#include "core/exec.h"

/* What a command does when it has computed. */
enum offload_next {
    OFFLOAD_COMMITS,
    OFFLOAD_GATHERS, /* and computes, once more; nothing was replied yet */
    OFFLOAD_BEGINS_ANEW,
};

struct offload {
    uint64_t units; /* of work, in a unit of the command's own; 0: about nothing */
    /* So many bytes, on the handler's stack; copied if they go to a worker, so that nothing may
     * point into them before compute. What they hold is taken: drop lets it go in the end. */
    void *state;
    size_t state_bytes;
    /* The loop, before compute: works until clock_ticks is about `until`; false: there is more to
     * do, and it is called again. May reply in c->r. c->s may be NULL. NULL: none. */
    bool (*gather)(struct ctx *c, void *state, uint64_t until);
    /* Any thread. May reply; r speaks the session's protocol. NULL: gather did all. */
    void (*compute)(void *state, struct reply *r);
    /* Or NULL: it is over. The loop, behind compute; c->s may be NULL. What is found out by looking
     * at keys that are in no lane must not be gathered, nor relied on, while another command goes
     * on (core/ongoing.h), which may be halfway through with them: then it begins anew. */
    enum offload_next (*next)(struct ctx *c, void *state);
    /* Or NULL. Goes on with a reply that compute has begun, until reply_is_full(r) or its end;
     * false then. Any thread, for a command that changes nothing and has no commit. */
    bool (*more)(void *state, struct reply *r);
    /* The loop, behind compute; NULL: nothing is to be done. c->s may be NULL: the client has left,
     * its command counts nevertheless. May reply, behind what compute replied. */
    void (*commit)(struct ctx *c, void *state);
    void (*drop)(void *state); /* any thread; NULL: holds nothing */
};

/* The last thing that a handler does. */
void offload(struct ctx *c, const struct offload *o);

/* Whether so much work would go to a worker: for a command that does little work in place. */
bool offload_would(const struct ctx *c, uint64_t units);

/* ---- for exec, the core and sessions ---- */

struct offloads;

/* wake makes the loop call offload_collect; NULL: everything is done at once. */
struct offloads *offloads_new(void);
void offloads_free(struct offloads *o);
void offloads_set_wake(struct offloads *o, void (*wake)(void *ctx), void *ctx);

/* Commits what workers have finished. */
void offload_collect(struct core *core);

/* A slice of what is gathered on the loop: true if there was anything to do. */
bool offload_gather(struct core *core);

/* Commits what had to wait for a snapshot (snapshot_may_commit), if it has not to any more: at the
 * end of turns. */
void offload_finish_late(struct core *core);

/* Starts what has been granted: to be called after a command when core->after_due says so. */
void offload_serve(struct core *core);

/* Whether any command has been planned and is not over: it relies on what it found. */
bool offload_is_computing(const struct core *core);

/* Long replies are written to their end, whether their clients take them or not. */
void offload_hurry(struct core *core);

/* The session's door has sent some of its replies. */
void offload_drained(struct session *s);

/* The session ends: it leaves its lanes; what a worker has begun for it goes on if it changes
 * something. */
void offload_leave(struct session *s);

/* Ends the waiting of those whose CLIENT LANE-TIMEOUT is over. */
void offload_expire(struct core *core);

struct offload_counts {
    size_t queued, running; /* now */
    size_t streams;         /* now: replies that come in parts */
    uint64_t done;
};
struct offload_counts offload_counts(const struct core *core);

#endif
