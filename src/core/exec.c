/* exec.c - see exec.h.
 *
 * exec_run is the short way: no gate is shut for this session and this row. Everything
 * that has to be asked or done for some commands only is in exec_gated, behind one test.
 * To add a gate: a ROW_ flag in core_update_gates or a GATE_ of the session, and a line in
 * refusal().
 */
#include "core/exec.h"

#include <stdio.h>
#include <strings.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "core/blocked.h"
#include "core/config.h"
#include "core/latency.h"
#include "core/monitor.h"
#include "core/multi.h"
#include "core/offload.h"
#include "core/places.h"
#include "core/push.h"
#include "core/slowlog.h"
#include "core/snapshot.h"
#include "core/stats.h"

/* Every command comes through here: the hash of its key is computed in place. */
__attribute__((flatten)) const struct row *exec_prepare(struct core *core, struct request *req,
                                                        const struct row *known) {
    const struct row *row = known ? known : row_find(core->rows, req->argv[0]);
    req->row = row;
    if (unlikely(req->argc < 2 || !row)) return row;
    req->key_hash = hash_bytes(req->argv[1].p, req->argv[1].n);
    if (unlikely(row->flags & ROW_CONTAINER)) {
        const struct row *sub = row_find_sub(row, req->argv[1]);
        if (sub) req->row = sub;
    }
    return row;
}

const struct row *exec_choose(struct core *core, const struct request *req) {
    struct slice name = req->argv[1];
    bool other = core->topic_counts.rings &&
                 core->topic_hooks.is_retained(core, name.p, name.n, req->key_hash);
    return other ? req->row->retained : req->row->plain;
}

/* ---- accounting --------------------------------------------------------------------- */

static __attribute__((noinline)) void note_slow(struct core *core, struct session *s,
                                                const struct request *req, uint64_t ticks) {
    int64_t us = (int64_t)clock_ticks_to_us(ticks);
    const struct row *row = req->row;
    if (!(row->flags & ROW_SKIP_SLOWLOG)) slowlog_note(core->slowlog, s, req, us);
    latency_note(core->latency, row->flags & ROW_FAST ? "fast-command" : "command", us / 1000);
}

static __attribute__((noinline)) void note_reply(struct core *core, struct session *s,
                                                 const struct request *req) {
    if (s->reply.noted & REPLY_HAS_ERROR) {
        row_stats(req->row)->failed++;
        if (!(s->reply.noted & REPLY_ERROR_IS_COUNTED)) stats_error(core, s->reply.error_prefix);
    }
    if (s->reply.noted & REPLY_IS_LARGE) {
        slowlog_note_bytes(core->slowlog, SLOWLOG_REPLY, s, req, s->reply.grown);
    }
}

static inline __attribute__((always_inline)) void count(struct core *core, struct session *s,
                                                        const struct request *req, uint64_t ticks) {
    struct row_stats *stats = row_stats(req->row);
    stats->calls++;
    stats->ticks += ticks;
    if (likely(core->histograms)) row_stats_time(stats, ticks);
    if (unlikely(s->reply.noted)) note_reply(core, s, req);
    if (unlikely(ticks >= core->note_ticks)) note_slow(core, s, req, ticks);
}

static inline __attribute__((always_inline)) void account(struct core *core, struct session *s,
                                                          const struct request *req) {
    uint64_t now = clock_ticks(), ticks = now - core->tick_mark;
    core->tick_mark = now;
    count(core, s, req, ticks);
}

void exec_account(struct core *core, struct session *s, const struct request *req, uint64_t ticks) {
    count(core, s, req, ticks);
}

void exec_after(struct core *core) {
    if (core->ongoing.exclusive) return; /* its end comes here again */
    while (core->after_due) {
        core->after_due = false;
        blocked_serve(core);
        offload_serve(core);
    }
}

/* The end of a command that waits (it is accounted for when that is over), or that others waited
 * for, or that its own session heard of. */
static __attribute__((noinline)) void run_end(struct core *core, struct session *s,
                                              struct request *req) {
    if (!(s->state & (SESSION_BLOCKED | SESSION_BUSY))) account(core, s, req);
    push_release(s);
    exec_after(core);
}

/* With what is done for some sessions or some commands only. What the command has read is
 * remembered before anybody else can change it. */
static __attribute__((noinline)) void run_gated(struct core *core, struct session *s,
                                                struct ctx *c) {
    const struct row *row = c->row;
    if (core->effects.wanted && row->flags & ROW_TOLD) {
        uint64_t offset = core->effects.offset;
        struct effects_frame before = effects_enter(core);
        row->run(c);
        effects_leave(core, before, c->req, c->db->id);
        if (core->effects.offset != offset) s->told_to = core->effects.offset;
    } else {
        row->run(c);
    }
    if (s->gates & GATE_TRACKS) core->tracking_hooks.has_run(s, c->req);
}

static inline __attribute__((always_inline)) void run(struct core *core, struct session *s,
                                                      struct request *req, bool gated) {
    struct ctx c = {
        .core = core,
        .s = s,
        .db = s->db,
        .r = &s->reply,
        .row = req->row,
        .argv = req->argv,
        .argc = req->argc,
        .req = req,
    };
    s->reply.noted = 0;
    s->reply.grown = 0;
    s->last_row = req->row;
    core->running = req;
    core->replying = s;
    if (gated) {
        run_gated(core, s, &c);
    } else {
        req->row->run(&c);
    }
    core->running = NULL;
    if (unlikely(core->after_due)) {
        run_end(core, s, req);
    } else {
        account(core, s, req);
    }
}

__attribute__((noinline)) void exec_again(struct core *core, struct session *s,
                                          struct request *req) {
    run(core, s, req, true);
}

static void call(struct core *core, struct ctx *c) {
    const struct row *row = c->req->row;
    if (unlikely(core->ks->cut) && row->flags & ROW_WRITE) snapshot_wait(core, c->db, c->req);
    if (likely(!core->effects.wanted) || !(row->flags & ROW_TOLD)) {
        row->run(c);
        return;
    }
    struct effects_frame before = effects_enter(core);
    row->run(c);
    effects_leave(core, before, c->req, c->db->id);
}

void exec_inner(struct core *core, struct session *s, struct request *req) {
    const struct row *row = req->row;
    struct ctx c = {core, s, s->db, &s->reply, row, req->argv, req->argc, req};
    uint64_t start = clock_ticks() - core->ongoing.away;
    s->reply.noted = 0;
    s->reply.grown = 0;
    bool no_touch = core->ks->no_touch;
    core->ks->no_touch = no_touch && !(row->flags & ROW_TOUCHES);
    call(core, &c);
    core->ks->no_touch = no_touch;
    if (unlikely(core->replying->gates & GATE_TRACKS))
        core->tracking_hooks.has_run(core->replying, req);
    uint64_t ticks = clock_ticks() - core->ongoing.away - start;
    struct row_stats *stats = row_stats(row);
    stats->calls++;
    stats->ticks += ticks;
    if (likely(core->histograms)) row_stats_time(stats, ticks);
    if (unlikely(s->reply.noted)) note_reply(core, s, req);
    if (unlikely(ticks >= core->note_ticks)) note_slow(core, s, req, ticks);
    if (unlikely(!list_empty(&core->monitors)) && !(row->flags & (ROW_SKIP_MONITOR | ROW_ADMIN))) {
        monitor_feed(core, s, req);
    }
}

void exec_load(struct core *core, struct session *s, struct request *req) {
    struct ctx c = {core, s, s->db, &s->reply, req->row, req->argv, req->argc, req};
    s->reply.noted = 0;
    core->running = req;
    core->replying = s;
    req->row->run(&c);
    core->running = NULL;
}

/* ---- refusals ----------------------------------------------------------------------- */

#define ARGS_SHOWN_BYTES 128

/* The first bytes of a request that a browser was tricked into sending here. */
static bool is_http(const struct request *req) {
    return slice_is(req->argv[0], "post") || slice_is(req->argv[0], "host:");
}

static void refuse_unknown(struct core *core, struct session *s, const struct request *req) {
    if (is_http(req)) {
        log_warning("Possible cross-protocol attack from %s: a web request came in place of a "
                    "command; the connection is closed",
                    s->addr);
        s->state |= SESSION_CLOSE_NOW;
        return;
    }
    char args[ARGS_SHOWN_BYTES + 8] = "";
    size_t n = 0;
    for (int i = 1; i < req->argc && n < ARGS_SHOWN_BYTES; i++) {
        n += (size_t)snprintf(
            args + n, sizeof args - n, "'%.*s' ",
            (int)(req->argv[i].n < ARGS_SHOWN_BYTES - n ? req->argv[i].n : ARGS_SHOWN_BYTES - n),
            req->argv[i].p);
    }
    reply_errorf(&s->reply, "ERR unknown command '%.*s', with args beginning with: %s",
                 (int)(req->argv[0].n < 128 ? req->argv[0].n : 128), req->argv[0].p, args);
    if (s->multi) s->multi->failed = true;
    stats_error(core, "ERR");
}

/* The row's counters and the error kinds know of a refusal, and a transaction fails by it. */
static void refused(struct core *core, struct session *s, const struct row *row) {
    if (s->multi) s->multi->failed = true;
    row_stats(row)->rejected++;
    stats_error(core, s->reply.error_prefix);
}

/* EXEC that is refused ends its transaction. */
static bool aborts(struct session *s, const struct row *row) {
    const uint32_t exec = ROW_RUNS_OTHERS | ROW_NOT_QUEUED;
    if ((row->flags & exec) != exec) return false;
    multi_end(s);
    return true;
}

#define ABORTED "EXECABORT Transaction discarded because of: "

static void refuse_arity(struct core *core, struct session *s, const struct row *row) {
    char name[64];
    reply_errorf(&s->reply, "%swrong number of arguments for '%s' command",
                 aborts(s, row) ? ABORTED : "ERR ", row_full_name(core->rows, row, name));
    refused(core, s, row);
}

static void refuse_subcommand(struct core *core, struct session *s, const struct request *req) {
    char name[64];
    row_full_name(core->rows, req->row, name);
    for (char *p = name; *p; p++) *p = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
    reply_errorf(&s->reply, "ERR unknown subcommand '%.*s'. Try %s HELP.",
                 (int)(req->argv[1].n < 128 ? req->argv[1].n : 128), req->argv[1].p, name);
    refused(core, s, req->row);
}

/* What the command does, or, of EXEC, what those do that it runs. */
static uint32_t effects(const struct session *s, const struct row *row) {
    bool all = s->multi && row->flags & ROW_RUNS_OTHERS;
    return row->flags | (all ? s->multi->flags & (ROW_WRITE | ROW_MAY_REPLICATE) : 0);
}

/* Whether one of them could go on itself. */
static bool could_go_on(struct db *db, const struct request *requests, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct request *req = &requests[i];
        if (req->row->takes_long && req->row->takes_long(db, req->argv, req->argc)) return true;
    }
    return false;
}

/* Whether the command that goes on makes this one wait, whatever keys are asked for. */
static bool is_excluded(const struct core *core, const struct session *s,
                        const struct request *req) {
    if (!core->ongoing.on || req->row->flags & ROW_ALLOW_BUSY) return false;
    if (core->ongoing.exclusive) return true;
    size_t count;
    const struct request *requests = multi_commands(s, req, &count);
    uint32_t flags = requests == req ? req->row->flags : s->multi->flags;
    return flags & ROW_NOT_BESIDE || could_go_on(s->db, requests, count) ||
           !places_are_told(s->db, requests, count);
}

/* Memory and disk. */
static const char *resource_refusal(struct core *core, struct session *s, const struct row *row) {
    /* What is queued takes memory, whatever it will do. */
    bool takes = row->flags & ROW_DENYOOM || (s->multi && !(row->flags & ROW_NOT_QUEUED));
    /* What a client remembers and has to be evicted is told before it is read again. */
    bool evicts = core->config->maxmemory_bytes && (takes || s->gates & GATE_TRACKS);
    if (evicts && !core_evict(core) && takes) return err_text(ERR_OOM);
    return effects(s, row) & (ROW_WRITE | ROW_TELLS_OF_DISK) ? core_write_refusal(core) : NULL;
}

/* In RESP2 nothing tells the reply to a command from what a subscriber hears. */
static const char *subscribed_refusal(struct core *core, struct session *s, const struct row *row) {
    static char text[ROW_FULL_NAME_BYTES_MAX + 128];
    char name[ROW_FULL_NAME_BYTES_MAX];
    const char *no = resource_refusal(core, s, row);
    if (no) return no;
    snprintf(text, sizeof text,
             "ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET "
             "are allowed in this context",
             row_full_name(core->rows, row, name));
    return text;
}

/* The error that a shut gate answers with, NULL if the command may run. Good until the next call.
 */
static const char *refusal(struct core *core, struct session *s, const struct request *req) {
    const struct row *row = req->row;
    if (s->gates & GATE_UNAUTHENTICATED && !(row->flags & ROW_NO_AUTH)) {
        return err_text(ERR_NOAUTH);
    }
    if (row->flags & ROW_PROTECTED && !session_permitted(s, core->config->enable_debug_command)) {
        return "ERR DEBUG command not allowed. If the enable-debug-command option is set to "
               "\"local\", you can run it from a local connection, otherwise you need to set this "
               "option in the configuration file, and then restart the server.";
    }
    if (s->gates & GATE_MONITOR && row->flags & (ROW_WRITE | ROW_READONLY | ROW_MAY_REPLICATE)) {
        return "ERR Replica can't interact with the keyspace";
    }
    if (s->gates & GATE_SUBSCRIBED && !(row->flags & ROW_SUBSCRIBED_MAY))
        return subscribed_refusal(core, s, row);
    if (core->loading.on && !(row->flags & ROW_LOADING)) return err_text(ERR_LOADING);
    if (core->ongoing.refusing && is_excluded(core, s, req)) return core->ongoing.busy;
    if (s->multi && row->flags & ROW_NO_MULTI)
        return "ERR Command not allowed inside a transaction";
    return resource_refusal(core, s, row);
}

static bool must_wait(struct core *core, const struct session *s, const struct request *req) {
    const struct row *row = req->row;
    if (is_excluded(core, s, req)) return true;
    if (core->log.behind && effects(s, row) & ROW_WRITE) return true;
    if (snapshot_is_full(core) && effects(s, row) & ROW_WRITE) return true;
    if (!core->pause_until_ms || row->flags & ROW_PAUSE_EXEMPT) return false;
    if (core->pause_all) return true;
    return effects(s, row) & (ROW_WRITE | ROW_MAY_REPLICATE) &&
           !(row->only_reads && row->only_reads(core, req->argv, req->argc));
}

/* Whether somebody may be in the lanes of the command's keys: readers meet only who goes on. */
static bool asks_lanes(const struct core *core, const struct session *s, const struct row *row) {
    if (!core->lanes_busy) return false;
    return s->park || row->flags & (ROW_WRITE | ROW_RUNS_OTHERS) ||
           (core->ongoing.on && !(row->flags & ROW_ALLOW_BUSY));
}

static bool exec_gated(struct core *core, struct session *s, struct request *req) {
    const struct row *row = req->row = exec_row(core, req);
    if (s->multi && row->flags & ROW_RUNS_OTHERS) multi_choose_rows(core, s->multi);
    const char *no = refusal(core, s, req);
    if (!no && must_wait(core, s, req)) {
        places_passed(s); /* nobody waits for a lane of one that may not go on */
        s->state |= SESSION_HELD;
        list_unlink(&s->in_held);
        list_push_back(&core->held, &s->in_held);
        return false;
    }
    bool queued = s->gates & GATE_MULTI && !(row->flags & ROW_NOT_QUEUED);
    if (!no && !queued) {
        if (core->ks->cut && row->flags & (ROW_WRITE | ROW_RUNS_OTHERS))
            snapshot_gate(core, s, req);
        if (asks_lanes(core, s, row) && places_gate(core, s, req, &no) == LANE_WAIT) return false;
    }
    if (no) {
        bool aborted = aborts(s, row);
        if (aborted && strncmp(no, "ERR ", 4) == 0) no += 4;
        reply_errorf(&s->reply, "%s%s", aborted ? ABORTED : "", no);
        refused(core, s, row);
        places_passed(s);
        return true;
    }
    if (queued) {
        multi_queue(s, req);
        reply_simple(&s->reply, "QUEUED");
        return true;
    }
    core->ks->no_touch = s->gates & GATE_NO_TOUCH && !(row->flags & ROW_TOUCHES);
    core->in_own_lanes = s->park;
    core->retaking = s;
    run(core, s, req, true);
    core->in_own_lanes = false;
    core->ks->no_touch = false;
    if (s->state & SESSION_BUSY) return true; /* the rest comes at its end: core/ongoing.c */
    if (!list_empty(&core->monitors) && !(row->flags & (ROW_SKIP_MONITOR | ROW_ADMIN))) {
        monitor_feed(core, s, req);
    }
    if (s->park) places_passed(s);
    return true;
}

/* A command that will not reach its handler, or not without a gate's word. */
static bool exec_otherwise(struct core *core, struct session *s, struct request *req) {
    const struct row *row = req->row;
    if (!row) {
        refuse_unknown(core, s, req);
    } else if (row->subs && req->argc > 1) {
        refuse_subcommand(core, s, req);
    } else if (!row_arity_ok(row, req->argc) || !row->run) {
        refuse_arity(core, s, row);
    } else {
        return exec_gated(core, s, req);
    }
    return true;
}

/* The same, minding CLIENT REPLY: what a silenced session would have been told is taken back. What
 * is pushed to another one before the command runs (it evicts) stands before the reply. */
static __attribute__((noinline)) bool exec_slowly(struct core *core, struct session *s,
                                                  struct request *req) {
    const uint32_t silent = GATE_REPLY_OFF | GATE_REPLY_SKIPPING;
    push_before_reply(s);
    if (s->gates & GATE_REPLY_SKIP) s->gates ^= GATE_REPLY_SKIP | GATE_REPLY_SKIPPING;
    struct reply_place before = reply_here(&s->reply);
    struct session *outer = core->retaking;
    if (s->gates & silent) core->retaking = s;
    if (s->gates & GATE_TRACKS) core->tracking_hooks.before(s);
    bool over = exec_otherwise(core, s, req);
    core->retaking = outer;
    if (!over) return false;
    if (s->gates & GATE_TRACKS) core->tracking_hooks.after(s, req);
    if (s->gates & silent) reply_rewind(&s->reply, before);
    s->gates &= ~(uint32_t)GATE_REPLY_SKIPPING;
    push_release(s);
    return true;
}

bool exec_run(struct core *core, struct session *s, struct request *req) {
    const struct row *row = req->row;
    if (unlikely(!row || !row_arity_ok(row, req->argc) || s->gates | (core->gates & row->flags))) {
        return exec_slowly(core, s, req);
    }
    run(core, s, req, false);
    return true;
}

/* ---- requests that are kept ---------------------------------------------------------- */

void request_copy(struct request *to, const struct request *from, const struct slice *argv) {
    size_t argc = (size_t)from->argc, bytes = 0;
    for (size_t i = 0; i < argc; i++) bytes += argv[i].n;
    struct slice *copies = mem_alloc(argc * sizeof *copies + bytes);
    char *at = (char *)(copies + argc);
    for (size_t i = 0; i < argc; i++) {
        if (argv[i].n) memcpy(at, argv[i].p, argv[i].n);
        copies[i] = slice_of(at, argv[i].n);
        at += argv[i].n;
    }
    *to = (struct request){
        .argv = copies, .argc = from->argc, .row = from->row, .key_hash = from->key_hash};
}

void request_free(struct request *req) {
    mem_free((void *)req->argv);
    req->argv = NULL;
}

/* ---- what handlers use -------------------------------------------------------------- */

struct blob *ctx_take_blob(struct ctx *c, int i) {
    if (likely(!c->req->blobs) || !c->req->blobs[i]) return NULL;
    return blob_ref(c->req->blobs[i]); /* the request drops its own when the command is over */
}

bool ctx_int(struct ctx *c, int i, int64_t *v) {
    if (likely(num_parse_i64(c->argv[i], v))) return true;
    reply_err(c->r, ERR_NOT_INT);
    return false;
}

bool ctx_int_range(struct ctx *c, int i, int64_t min, int64_t max, int64_t *v, const char *error) {
    if (num_parse_i64(c->argv[i], v) && *v >= min && *v <= max) return true;
    if (error) {
        reply_error(c->r, error);
    } else {
        reply_err(c->r, ERR_OUT_OF_RANGE);
    }
    return false;
}

bool ctx_db(struct ctx *c, int i, struct db **db) {
    int64_t id;
    if (!ctx_int(c, i, &id)) return false;
    if (id != (int32_t)id) {
        reply_error(c->r,
                    "ERR value is out of range, value must between -2147483648 and 2147483647");
        return false;
    }
    if (id < 0 || id >= c->core->ks->db_count) {
        reply_err(c->r, ERR_BAD_DB);
        return false;
    }
    *db = &c->core->ks->dbs[id];
    return true;
}

bool ctx_is_type(struct ctx *c, const struct entry *e, enum entry_type type) {
    if (!e || likely(entry_type(e) == type)) return true;
    reply_err(c->r, ERR_WRONGTYPE);
    return false;
}

void ctx_changed_at(struct ctx *c, enum feed_class class, const char *event, const char *p,
                    size_t n, uint64_t hash) {
    feed_key(&c->core->feed, c->db->id, class, event, (struct key){p, n, hash});
}

void ctx_arity_error(struct ctx *c) {
    char name[64];
    reply_errorf(c->r, "ERR wrong number of arguments for '%s' command",
                 row_full_name(c->core->rows, c->row, name));
}

/* The name of the row of c, or of its container, in capitals. */
static const char *container_name(struct ctx *c, char name[ROW_FULL_NAME_BYTES_MAX]) {
    const struct row *parent = row_parent(c->core->rows, c->row);
    row_full_name(c->core->rows, parent ? parent : c->row, name);
    for (char *p = name; *p; p++) *p = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
    return name;
}

void ctx_subcommand_error(struct ctx *c) {
    char name[ROW_FULL_NAME_BYTES_MAX];
    int n = c->argv[1].n < ARGS_SHOWN_BYTES ? (int)c->argv[1].n : ARGS_SHOWN_BYTES;
    reply_errorf(c->r,
                 "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try %s HELP.", n,
                 c->argv[1].p, container_name(c, name));
}

void ctx_help(struct ctx *c, const char *const *lines) {
    size_t n = 0;
    while (lines[n]) n++;
    char name[ROW_FULL_NAME_BYTES_MAX], title[256];
    container_name(c, name);
    snprintf(title, sizeof title,
             "%s <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", name);
    reply_array(c->r, n + 3);
    reply_simple(c->r, title);
    for (size_t i = 0; i < n; i++) reply_simple(c->r, lines[i]);
    reply_simple(c->r, "HELP");
    reply_simple(c->r, "    Print this help.");
}
