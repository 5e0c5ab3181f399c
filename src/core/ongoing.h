/* ongoing.h - the command that goes on over several turns of the loop: a script that takes long.
 *
 * A handler that has done its share of a turn calls ongoing_begin instead of replying and is
 * stepped at the end of each turn until it is over. To the others it is one command: what they
 * send meanwhile is held, or refused once ongoing_refuse was called, but for commands with
 * ROW_ALLOW_BUSY; no key expires or is evicted, no waiting session is served, and the time that
 * the command sees stands still.
 *
 * O1  At most one command goes on (core->ongoing.step is set); its session has SESSION_BUSY.
 * O2  When the session leaves, the command still comes to its end; its reply goes nowhere.
 * Who is held is decided by must_wait in exec.c alone: everybody today, whoever shares its keys
 * once lanes are there.
 * Threads: the loop.
 */
#ifndef CORE_ONGOING_H
#define CORE_ONGOING_H

#include "core/exec.h"

/* Lets the command of c go on: `step` is called with `arg` until it returns true. Copies the
 * arguments. `busy` is the error for who asks for something else; it must stay good. */
void ongoing_begin(struct ctx *c, bool (*step)(void *arg), void *arg, const char *busy);

/* Whether the command of a session may go on beyond its handler. */
static inline bool ongoing_may_begin(const struct session *s) {
    return !(s->state & SESSION_NO_WAIT);
}

/* From now on others get the error, those held until now too. */
void ongoing_refuse(struct core *core);

/* Where the command replies to: its session, or nowhere. Ask again in each step. */
struct reply *ongoing_reply(struct core *core);

/* The command's arguments, as long as it goes on. */
const struct request *ongoing_request(const struct core *core);

/* One step; true if a command goes on, or has just come to its end. */
bool ongoing_step(struct core *core);

/* The session is leaving; harmless if the command is not its. */
void ongoing_leave(struct session *s);

/* Frees the copy of a command that will not be stepped again. */
void ongoing_drop(struct core *core);

#endif
