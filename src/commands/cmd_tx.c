/* cmd_tx.c - transactions: MULTI, EXEC, DISCARD, WATCH, UNWATCH.
 *
 * EXEC waits until nobody holds its commands' keys in lanes. One that takes long goes on over
 * several turns (core/ongoing.h), stopping between its commands or in a long one that a worker
 * computes, alone in the lanes of all its keys. Its commands do not wait for a key. Threads: the
 * loop. Specification: Redis 7.2's replies and errors.
 */
#include "base/err.h"
#include "commands/families.h"
#include "core/config.h"
#include "core/multi.h"
#include "core/offload.h"
#include "core/ongoing.h"
#include "core/places.h"
#include "core/watch.h"

static void tx_multi(struct ctx *c) {
    if (c->s->multi) {
        reply_error(c->r, "ERR MULTI calls can not be nested");
        return;
    }
    if (!exec_may_wait(c)) {
        reply_error(c->r, "ERR Command not allowed inside a transaction");
        return;
    }
    multi_begin(c->s);
    reply_ok(c->r);
}

static void tx_discard(struct ctx *c) {
    if (!c->s->multi) {
        reply_error(c->r, "ERR DISCARD without MULTI");
        return;
    }
    multi_end(c->s);
    reply_ok(c->r);
}

static void tx_watch(struct ctx *c) {
    if (c->s->multi) {
        reply_error(c->r, "ERR WATCH inside MULTI is not allowed");
        return;
    }
    for (int i = 1; i < c->argc && !(c->s->state & SESSION_CAS_FAILED); i++) {
        watch_key(c->s, ctx_key(c, i));
    }
    reply_ok(c->r);
}

static void tx_unwatch(struct ctx *c) {
    unwatch_all(c->s);
    reply_ok(c->r);
}

static void drop(void *arg) { multi_free(arg); }

/* Others may have run before ongoing_stray returns. */
static bool watched_has_changed(struct session *s, const struct multi *m) {
    if (offload_is_computing(s->core) && !places_are_told(s->db, m->requests, m->count))
        ongoing_stray(s->core);
    bool changed = watch_failed(s);
    unwatch_all(s);
    return changed;
}

static void run_all(void *arg) {
    struct multi *m = arg;
    struct session *s = m->s;
    struct core *core = s->core;
    if (watched_has_changed(s, m)) {
        reply_null_array(&s->reply);
        multi_free(m);
        return;
    }
    reply_array(&s->reply, m->count);
    s->state |= SESSION_NO_WAIT;
    for (size_t i = 0; i < m->count; i++) {
        if (i && ongoing_is_due(core)) ongoing_pause(core);
        core->running = &m->requests[i];
        exec_inner(core, s, &m->requests[i]);
    }
    s->state &= ~(uint32_t)SESSION_NO_WAIT;
    s->reply.noted = 0; /* it was counted of the last command */
    core->running = NULL;
    multi_free(m);
}

static void tx_exec(struct ctx *c) {
    struct session *s = c->s;
    if (!s->multi) {
        reply_error(c->r, "ERR EXEC without MULTI");
        return;
    }
    bool aborted = s->multi->failed;
    bool changed = watch_failed(s);
    struct multi *m = multi_detach(s);
    bool runs = false;
    if (aborted) {
        reply_error(c->r, "EXECABORT Transaction discarded because of previous errors.");
    } else if (changed) {
        reply_null_array(c->r);
    } else if (m->flags & ROW_DENYOOM && c->core->config->maxmemory_bytes && !core_evict(c->core)) {
        reply_errorf(c->r, "EXECABORT Transaction discarded because of: %s", err_text(ERR_OOM));
    } else {
        runs = true;
        ongoing_run(c, &(struct ongoing_work){.body = run_all,
                                              .drop = drop,
                                              .arg = m,
                                              .requests = m->requests,
                                              .request_count = m->count});
    }
    if (runs) return;
    multi_free(m);
    unwatch_all(s);
}

/* ---- rows --------------------------------------------------------------------------- */

static const struct row_arg watch_args[] = {
    {.name = "key", .type = ARG_KEY, .flags = ARG_MULTIPLE},
    {0},
};

#define TX_FLAGS                                                                                   \
    (ROW_NOSCRIPT | ROW_LOADING | ROW_STALE | ROW_FAST | ROW_ALLOW_BUSY | ROW_NOT_QUEUED)

const struct row tx_rows[] = {
    {
        .name = "discard",
        .run = tx_discard,
        .arity = 1,
        .flags = TX_FLAGS,
        .acl = ACL_TRANSACTION,
        .since = "2.0.0",
        .summary = "Forgets the commands that were queued since MULTI.",
        .complexity = "O(N) in the number of queued commands",
        .group = GROUP_TRANSACTIONS,
    },
    {
        .name = "exec",
        .run = tx_exec,
        .arity = 1,
        .flags = ROW_NOSCRIPT | ROW_LOADING | ROW_STALE | ROW_SKIP_SLOWLOG | ROW_NOT_QUEUED |
                 ROW_RUNS_OTHERS,
        .acl = ACL_TRANSACTION,
        .since = "1.2.0",
        .summary = "Runs the commands that were queued since MULTI.",
        .complexity = "That of the queued commands",
        .group = GROUP_TRANSACTIONS,
    },
    {
        .name = "multi",
        .run = tx_multi,
        .arity = 1,
        .flags = TX_FLAGS,
        .acl = ACL_TRANSACTION,
        .since = "1.2.0",
        .summary = "Begins to queue commands for a transaction.",
        .complexity = "O(1)",
        .group = GROUP_TRANSACTIONS,
    },
    {
        .name = "unwatch",
        .run = tx_unwatch,
        .arity = 1,
        .flags = TX_FLAGS & ~ROW_NOT_QUEUED,
        .acl = ACL_TRANSACTION,
        .since = "2.2.0",
        .summary = "Stops watching keys.",
        .complexity = "O(1)",
        .group = GROUP_TRANSACTIONS,
    },
    {
        .name = "watch",
        .run = tx_watch,
        .arity = -2,
        .flags = TX_FLAGS,
        .acl = ACL_TRANSACTION,
        .keys = {{.flags = KEY_RO,
                  .begin = BEGIN_INDEX,
                  .index = 1,
                  .find = FIND_RANGE,
                  .last = -1,
                  .step = 1}},
        .since = "2.2.0",
        .summary = "Lets the next transaction fail if a key changes before.",
        .complexity = "O(1) for each key",
        .group = GROUP_TRANSACTIONS,
        .args = watch_args,
    },
    {0},
};
