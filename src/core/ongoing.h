/* ongoing.h - the command that goes on over several turns of the loop: a script or a transaction
 * that takes long.
 *
 * Its handler calls ongoing_run with a body, which runs on a stack of its own (core/fiber.h) and
 * stops there when its share of the turn is over; at the end of each turn it goes on. To the others
 * it is one command, done in the instant of its end:
 *
 *     it keeps to its keys     it is alone in their lanes (core/offload.h), as it says which they
 *                              are before it runs; who asks for other keys goes on
 *     it names none, or goes   it is exclusive: everybody waits (ROW_ALLOW_BUSY aside), no key
 *     beyond them              expires or is evicted, no waiting session is served
 *
 * O1  At most one command goes on. Others that could are run to their end without a stop.
 * O2  From its first stop to its end its session is SESSION_BUSY and stays, even when its client
 *     has left: the body may use it, and replies to it, throughout.
 * O3  Before the first key that it has not told, ongoing_stray waits until no worker computes for a
 *     command, and gives no more to them; nobody waits meanwhile. From then on nothing can change
 *     beside it, as it is exclusive when it stops.
 * O4  When it stops first, nobody else is in the lanes of its keys: exec let it begin only then.
 * O5  The time that it sees stands still.
 * What is done whenever the loop goes to or comes from the fiber is in enter and leave.
 * Who waits is decided in exec.c (is_excluded) and, key by key, by the lanes.
 *
 * A command that changes its keys in very many small steps (XACK of a hundred thousand IDs) goes
 * on by itself: ongoing_command. Its row says when (row.h, takes_long), so that it waits while
 * another one goes on (O1).
 * Threads: the loop.
 */
#ifndef CORE_ONGOING_H
#define CORE_ONGOING_H

#include "base/limits.h"
#include "core/exec.h"

struct ongoing_work {
    void (*body)(void *arg);
    /* Lets arg go if the body will not come to its end, as the server stops; NULL: nothing. */
    void (*drop)(void *arg);
    void *arg;
    /* The commands that tell its keys; good until the body ends or stops. */
    const struct request *requests;
    size_t request_count;
    bool only_reads;
};

/* Runs the body as all that the command of c has left to do: to its end, or beyond the handler's,
 * which then returns. Within the body of another one, or while another one goes on, just calls it.
 * Cost: some 30 instructions. */
void ongoing_run(struct ctx *c, const struct ongoing_work *w);

/* A command of many steps, each of which is one unit. */
struct ongoing_steps {
    uint64_t units;
    /* So many bytes, on the handler's stack, which are copied; `drop` lets go what they hold in the
     * end, also when the body does not come to its end; NULL: nothing. */
    void *state;
    size_t state_bytes;
    /* Does all of it, with ongoing_rest between the steps; replies in c->r, which may have open
     * marks then. */
    void (*body)(struct ctx *c, void *state);
    void (*drop)(void *state);
};

/* The last thing that a handler does which has written and replied nothing yet: few units are done
 * at once. Of what the body has from outside only its arguments move while it rests: c has them
 * anew. The keys are those that the arguments tell. */
void ongoing_many_steps(struct ctx *c, const struct ongoing_steps *o);
static inline void ongoing_command(struct ctx *c, const struct ongoing_steps *o) {
    if (unlikely(o->units >= ONGOING_UNITS_MIN)) {
        ongoing_many_steps(c, o);
        return;
    }
    o->body(c, o->state);
    if (o->drop) o->drop(o->state);
}

/* The same for a command with a step for each argument that changes the value of e, to which `body`
 * gets a pointer: in steps if that is an object, as a packed one is edited in a copy, which nothing
 * would keep. */
void ongoing_edits(struct ctx *c, const struct entry *e, void (*body)(struct ctx *c, void *state));

/* Between two steps: the others have their turn if it is theirs. Cost: a read of the clock, if the
 * command goes on. */
void ongoing_rest_now(struct ctx *c);
static inline void ongoing_rest(struct ctx *c) {
    if (unlikely(c->core->ongoing.inside)) ongoing_rest_now(c);
}

/* A row's takes_long, by the number of arguments. */
bool ongoing_has_many_arguments(struct db *db, const struct slice *argv, int argc);

/* ---- within a body ---- */

/* Whether the running code may call ongoing_pause; and whether it should now. */
static inline bool ongoing_may_pause(const struct core *core) {
    return core->ongoing.inside && core->ongoing.may_pause;
}
bool ongoing_is_due(const struct core *core);

/* Lets the others have their turn; returns when the command is to go on. */
void ongoing_pause(struct core *core);

/* Before a key that none of the work's requests tells. */
void ongoing_stray(struct core *core);

/* Lets a worker run the job, which ends with ongoing_computed on the loop; returns then. */
void ongoing_compute(struct core *core, struct work_job *job);
void ongoing_computed(struct core *core);

/* A script begins, and ends (NULL): what others are told if they are refused for its sake. */
void ongoing_set_busy(struct core *core, const char *text);

/* From now on others get the error, those held until now too. */
void ongoing_refuse(struct core *core);

/* ---- for who runs the core ---- */

/* One slice; true if there is more to be done at once. */
bool ongoing_step(struct core *core);

/* The arguments of the command that goes on. */
static inline const struct request *ongoing_request(const struct core *core) {
    return core->ongoing.req;
}

/* Whether one goes on and is halfway through, now that another one runs. */
static inline bool ongoing_has_stopped(const struct core *core) {
    return core->ongoing.on && !core->ongoing.inside;
}

/* Whether keys and values cannot change but by the command that goes on. */
static inline bool ongoing_is_exclusive(const struct core *core) { return core->ongoing.exclusive; }

/* Gives up the command that goes on, if there is one: the server stops. */
void ongoing_drop(struct core *core);

/* Frees the fiber; no worker computes any more. */
void ongoing_fini(struct core *core);

#endif
