/* multi.h - the commands that a session has queued since MULTI.
 *
 * N1  s->multi is set, and GATE_MULTI shut, from MULTI to EXEC, DISCARD, RESET or the end.
 * N2  What is refused while commands are queued makes EXEC fail.
 * Threads: the loop. Specification: Redis 7.2's transactions.
 */
#ifndef CORE_MULTI_H
#define CORE_MULTI_H

#include "core/exec.h"

struct multi {
    struct session *s;
    struct request *requests;
    size_t count, room;
    size_t bytes;   /* of their arguments */
    uint32_t flags; /* of all their rows */
    bool failed;    /* a command was refused: EXEC will be, too */
};

void multi_begin(struct session *s);

/* Adds a copy of the command. */
void multi_queue(struct session *s, const struct request *req);

/* Gives the commands the rows that they have now (exec_row): before EXEC. */
void multi_choose_rows(struct core *core, struct multi *m);

/* Forgets everything, watched keys too. Harmless without MULTI. */
void multi_end(struct session *s);

/* Takes the queue out of the session, which is out of MULTI then; multi_free it. */
struct multi *multi_detach(struct session *s);
void multi_free(struct multi *m);

/* What a request stands for: if it is EXEC, what that will run, else itself. */
const struct request *multi_commands(const struct session *s, const struct request *req,
                                     size_t *count);

static inline size_t multi_memory(const struct session *s) {
    return s->multi ? sizeof *s->multi + s->multi->room * sizeof(struct request) + s->multi->bytes
                    : 0;
}

#endif
