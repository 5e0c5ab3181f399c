/* cmd_persist.c - SAVE, BGSAVE, LASTSAVE: the RDB file by command.
 *
 * SAVE answers when the file is there, as in Redis, and so does FLUSHALL with save points; others
 * are served meanwhile, and what they write is not in it. Threads: the loop. Specification:
 * Redis 7.2.
 */
#include "base/err.h"
#include "base/mem.h"
#include "commands/cmd_server_internal.h"
#include "commands/families.h"
#include "core/exec.h"
#include "core/push.h"
#include "persist/persist.h"
#include "persist/save.h"

/* ---- SAVE ---------------------------------------------------------------------------- */

/* A client that waits for its file. */
struct saver {
    struct core *core;
    uint64_t session_id;
    struct request req;
    bool silent, or_not;
};

static void saved(void *ctx, bool ok) {
    struct saver *w = ctx;
    struct session *s = session_by_id(w->core, w->session_id);
    if (s) {
        s->state &= ~(uint32_t)(SESSION_BLOCKED | SESSION_SAVES);
        s->reply.noted = 0;
        struct reply_place before = reply_here(&s->reply);
        if (ok || w->or_not) {
            reply_ok(&s->reply);
        } else {
            reply_error(&s->reply, "ERR");
        }
        if (w->silent) reply_rewind(&s->reply, before);
        exec_account(w->core, s, &w->req, 0);
        push_release(s); /* what FLUSHALL has told its own session comes behind its reply */
        s->kick(s);
    }
    request_free(&w->req);
    mem_free(w);
}

int server_reply_when_saved(struct ctx *c, bool or_not) {
    if (save_is_running(c->core)) return ERR_SAVING;
    struct saver *w = mem_calloc(sizeof *w);
    w->core = c->core;
    w->session_id = c->s->id;
    w->or_not = or_not;
    w->silent = c->s->gates & (GATE_REPLY_OFF | GATE_REPLY_SKIPPING);
    request_copy(&w->req, c->req, c->argv);
    int err = persist_begin_foreground(c->core, saved, w);
    if (err) {
        request_free(&w->req);
        mem_free(w);
        return err;
    }
    c->s->state |= SESSION_BLOCKED | SESSION_SAVES;
    c->core->after_due = true;
    return 0;
}

static void save(struct ctx *c) {
    int err = server_reply_when_saved(c, false);
    if (err) reply_err(c->r, err);
}

/* ---- BGSAVE -------------------------------------------------------------------------- */

static void bgsave(struct ctx *c) {
    bool schedule = c->argc == 2 && slice_is(c->argv[1], "schedule");
    if (c->argc > 1 && !schedule) {
        reply_err(c->r, ERR_SYNTAX);
    } else if (c->core->persistence.saving) {
        reply_err(c->r, ERR_SAVING);
    } else if (!exec_may_wait(c) || (schedule && save_is_running(c->core))) {
        persist_schedule(c->core);
        reply_simple(c->r, "Background saving scheduled");
    } else if (persist_begin(c->core, NULL, NULL)) {
        reply_error(c->r, "ERR Another child process is active (AOF?): can't BGSAVE right now. Use "
                          "BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible.");
    } else {
        reply_simple(c->r, "Background saving started");
    }
}

static void lastsave(struct ctx *c) { reply_int(c->r, c->core->persistence.last_save_s); }

/* ---- rows ---------------------------------------------------------------------------- */

static const struct row_arg bgsave_args[] = {
    {.name = "schedule",
     .type = ARG_PURE_TOKEN,
     .flags = ARG_OPTIONAL,
     .token = "SCHEDULE",
     .since = "3.2.2"},
    {0},
};
static const struct row_change bgsave_history[] = {
    {"3.2.2", "Takes SCHEDULE."},
    {0},
};
static const char *const lastsave_tips[] = {"nondeterministic_output", NULL};

const struct row persist_rows[] = {
    {
        .name = "bgsave",
        .run = bgsave,
        .arity = -1,
        .flags = ROW_ADMIN | ROW_NOSCRIPT | ROW_NO_ASYNC_LOADING | ROW_NOT_BESIDE,
        .since = "1.0.0",
        .summary = "Saves the data into the RDB file in the background.",
        .complexity = "O(1)",
        .group = GROUP_SERVER,
        .args = bgsave_args,
        .history = bgsave_history,
    },
    {
        .name = "lastsave",
        .run = lastsave,
        .arity = 1,
        .flags = ROW_LOADING | ROW_STALE | ROW_FAST,
        .acl = ACL_ADMIN | ACL_DANGEROUS,
        .since = "1.0.0",
        .summary = "Returns the Unix time of the last save, or of the start.",
        .complexity = "O(1)",
        .group = GROUP_SERVER,
        .tips = lastsave_tips,
    },
    {
        .name = "save",
        .run = save,
        .arity = 1,
        .flags = ROW_ADMIN | ROW_NOSCRIPT | ROW_NO_ASYNC_LOADING | ROW_NO_MULTI | ROW_NOT_BESIDE,
        .since = "1.0.0",
        .summary = "Saves the data into the RDB file, and answers when that is done.",
        .complexity = "O(N) in the keys of all databases",
        .group = GROUP_SERVER,
    },
    {0},
};
