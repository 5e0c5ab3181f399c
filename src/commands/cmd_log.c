/* cmd_log.c - where else is what was written: BGREWRITEAOF, WAIT, WAITAOF.
 *
 * Threads: the loop. Specification: Redis 7.2's replies and errors. WAITAOF does not wait for the
 * second to be over with appendfsync everysec: it lets the log be synced. No server replicates this
 * one, so WAIT for any waits for its time to be over.
 */
#include "base/err.h"
#include "commands/families.h"
#include "core/blocked.h"
#include "persist/aof.h"

static void log_rewrite(struct ctx *c) {
    bool not_now = !exec_may_wait(c) || c->core->ongoing.on;
    switch (aof_rewrite(c->core->aof, not_now)) {
    case AOF_REWRITE_STARTED:
        reply_simple(c->r, "Background append only file rewriting started");
        break;
    case AOF_REWRITE_SCHEDULED:
        reply_simple(c->r, "Background append only file rewriting scheduled");
        break;
    case AOF_REWRITE_UNDER_WAY:
        reply_error(c->r, "ERR Background append only file rewriting already in progress");
        break;
    }
}

/* What everybody had written when the session asked is on disk. */
static bool is_local(const struct session *s) {
    const struct core_log *log = &s->core->log;
    return log->on && log->synced >= s->sync_to;
}

static void reply_copies(struct session *s) {
    list_unlink(&s->in_held);
    reply_array(&s->reply, 2);
    reply_int(&s->reply, is_local(s));
    reply_int(&s->reply, 0);
}

static void log_wait(struct ctx *c) {
    int64_t local, replicas, until_ms;
    struct core_log *log = &c->core->log;
    if (!ctx_int_range(c, 1, 0, 1, &local,
                       "ERR value is out of range, value must between 0 and 1") ||
        !ctx_int_range(c, 2, 0, INT64_MAX, &replicas, err_text(ERR_RANGE_POSITIVE)) ||
        !blocked_parse_ms(c, 3, &until_ms)) {
        return;
    }
    if (local && !log->on) {
        reply_error(c->r, "ERR WAITAOF cannot be used when numlocal is set but appendonly is "
                          "disabled.");
        return;
    }
    c->s->sync_to = c->core->effects.offset;
    if ((is_local(c->s) >= local && !replicas) || !exec_may_wait(c)) {
        reply_copies(c->s);
        return;
    }
    blocked_wait(c, &(struct blocked_on){.until_ms = until_ms, .at_end = reply_copies});
    if (!replicas) list_push_back(&log->waiting, &c->s->in_held);
    log->hurry(log->hurry_ctx);
}

static void reply_no_replicas(struct session *s) { reply_int(&s->reply, 0); }

static void replicas_wait(struct ctx *c) {
    int64_t replicas, until_ms;
    if (!ctx_int(c, 1, &replicas) || !blocked_parse_ms(c, 2, &until_ms)) return;
    if (replicas <= 0 || !exec_may_wait(c)) {
        reply_no_replicas(c->s);
        return;
    }
    blocked_wait(c, &(struct blocked_on){.until_ms = until_ms, .at_end = reply_no_replicas});
}

/* -- rows ---------------------------------------------------------------------------- */

static const struct row_arg wait_args[] = {
    {.name = "numreplicas", .type = ARG_INTEGER},
    {.name = "timeout", .type = ARG_INTEGER},
    {0},
};
static const struct row_arg waitaof_args[] = {
    {.name = "numlocal", .type = ARG_INTEGER},
    {.name = "numreplicas", .type = ARG_INTEGER},
    {.name = "timeout", .type = ARG_INTEGER},
    {0},
};
static const char *const wait_tips[] = {"request_policy:all_shards", "response_policy:agg_min",
                                        NULL};

const struct row log_rows[] = {
    {
        .name = "bgrewriteaof",
        .run = log_rewrite,
        .arity = 1,
        .flags = ROW_ADMIN | ROW_NOSCRIPT | ROW_NO_ASYNC_LOADING | ROW_NOT_BESIDE,
        .since = "1.0.0",
        .summary = "Lets the append log begin anew with a snapshot, beside the clients.",
        .complexity = "O(1) for the clients",
        .group = GROUP_SERVER,
    },
    {
        .name = "wait",
        .run = replicas_wait,
        .arity = 3,
        .flags = ROW_BLOCKING,
        .acl = ACL_CONNECTION,
        .since = "3.0.0",
        .summary = "Waits until replicas have what the connection has written.",
        .complexity = "O(1)",
        .group = GROUP_GENERIC,
        .args = wait_args,
        .tips = wait_tips,
    },
    {
        .name = "waitaof",
        .run = log_wait,
        .arity = 4,
        .flags = ROW_BLOCKING,
        .acl = ACL_CONNECTION,
        .since = "7.2.0",
        .summary = "Waits until what the connection has written is on disk, here and at replicas.",
        .complexity = "O(1)",
        .group = GROUP_GENERIC,
        .args = waitaof_args,
        .tips = wait_tips,
    },
    {0},
};
