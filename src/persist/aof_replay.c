/* aof_replay.c - runs the commands of one file of the log.
 *
 * Commands are cut out of the file (log_in.h) in batches and run by their rows, without gates
 * and without a reply, while no key's time passes (core_replay_begin).
 *
 * Y1  A group that a #CRC line vouches for is run if it is there whole and as it was written.
 *     Since groups are whole units, a transaction in it is whole.
 * Y2  Elsewhere (files of other servers have no such lines) commands are run one by one; those of a
 *     transaction when its end is there.
 * Y3  What is wrong at the end of the file is torn: the server died while writing. If a group
 *     that is right stands behind it, it is damage. So with the chunks of a sealed file; in what
 * they hold nothing is wrong, as it was found right, but the last group may not be there whole.
 * Threads: the loop. Specification: Redis 7's format, in which a line that begins with # is a
 * comment.
 */
#include <stdio.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/exec.h"
#include "core/loading.h"
#include "persist/aof_internal.h"
#include "persist/log_in.h"
#include "wire/aof.h"
#include "wire/resp.h"

#define BATCH 32
#define TICK_BYTES (64 * 1024)
#define ERRORS_LOGGED_MAX 10

struct player {
    struct core *core;
    struct session s;
    struct reply_place start; /* of the reply */
    struct replay *r;
    const char *name; /* of the file, for messages */
    struct log_in in;
    const char *end;  /* of the window */
    const char *tick; /* the loop is given a turn behind this */
    const char *sure; /* a transaction before this is there whole */
    bool groups;      /* #CRC lines have been seen: the file is a server's own */
    bool unknown;     /* it is not the bytes that are wrong, but what they ask for */
    struct resp_cutter cutter;
    struct resp_command commands[BATCH];
    struct request requests[BATCH];
    const struct row *row;
    struct slice *args; /* of a command that resp_cut does not take */
    size_t args_size;
    uint64_t errors;
};

enum verdict { GOOD, SHORT, BAD };

/* ---- running ------------------------------------------------------------------------ */

static enum verdict bad(struct player *p, const char *text) {
    if (!p->r->why[0]) snprintf(p->r->why, sizeof p->r->why, "%s", text);
    return BAD;
}

static void note_error(struct player *p, const struct request *req) {
    struct iovec piece;
    if (++p->errors > ERRORS_LOGGED_MAX) return;
    int n = reply_pieces(&p->s.reply, &piece, 1) ? (int)piece.iov_len : 0;
    log_warning("%s: the command %s was answered with an error: %.*s", p->name, req->row->name,
                n > 200 ? 200 : n, n ? (const char *)piece.iov_base : "");
}

static enum verdict run(struct player *p, struct request *req) {
    const struct row *row = req->row;
    if (unlikely(!row || !row->run || !row_arity_ok(row, req->argc))) {
        char text[200];
        snprintf(text, sizeof text, "Unknown command '%.*s' reading the append only file",
                 (int)(req->argv[0].n < 100 ? req->argv[0].n : 100), req->argv[0].p);
        p->unknown = true;
        return bad(p, text);
    }
    exec_load(p->core, &p->s, req);
    if (unlikely(p->s.reply.noted & REPLY_HAS_ERROR)) note_error(p, req);
    reply_rewind(&p->s.reply, p->start);
    p->r->commands++;
    return GOOD;
}

static bool is(const struct slice *argv, int argc, const char *word) {
    return unlikely(argc == 1) && slice_is(argv[0], word);
}

/* What a command means for the player. */
enum meaning { PLAIN, BEGINS, ENDS };

static enum meaning meaning_of(const struct slice *argv, int argc) {
    return is(argv, argc, "multi") ? BEGINS : is(argv, argc, "exec") ? ENDS : PLAIN;
}

/* ---- cutting ------------------------------------------------------------------------ */

/* A command that resp_cut does not take. */
static enum verdict take_command(struct player *p, const char **at, const char *end,
                                 struct request *req) {
    int argc;
    enum aof_result result = aof_take_command(at, end, &p->args, &p->args_size, &argc);
    if (result == AOF_BAD) return bad(p, "Bad file format");
    if (result == AOF_SHORT) return SHORT;
    *req = (struct request){.argv = p->args, .argc = argc};
    return GOOD;
}

/* Hashes a batch of small commands, and asks for their keys. */
static int look_up(struct player *p, const char *at, const char *end) {
    p->cutter.args = 0;
    int n = resp_cut(&p->cutter, &at, end, p->commands, BATCH);
    const struct db *db = p->s.db;
    bool prefetch = db_size(db) >= FETCH_ITEMS_MIN;
    for (int i = 0; i < n; i++) {
        const struct resp_command *cmd = &p->commands[i];
        struct request *req = &p->requests[i];
        *req = (struct request){.argv = cmd->argv, .argc = cmd->argc};
        p->row = exec_prepare(p->core, req, cmd->same_name ? p->row : NULL);
        if (prefetch && cmd->argc > 1) db_prefetch(db, req->key_hash);
    }
    for (int i = 0; prefetch && i < n; i++) {
        if (p->requests[i].argc > 1) db_prefetch_entry(db, p->requests[i].key_hash);
    }
    return n;
}

/* ---- the file ----------------------------------------------------------------------- */

/* Garbage goes, INFO knows, the loop may turn. */
static void give_turn(struct player *p, const char *at) {
    struct core *core = p->core;
    if (likely(at < p->tick)) return;
    p->tick = at + TICK_BYTES;
    core_turn_begin(core);
    core_turn_end(core);
    loading_progress(core, p->r->bytes_before + log_in_progress(&p->in, at));
}

/* Finds the EXEC of the transaction that begins at `at` (behind MULTI); *behind it. */
static enum verdict find_exec(struct player *p, const char *at, const char *end,
                              const char **behind) {
    struct request req;
    while (at < end) {
        if (*at == '#') {
            if (aof_take_comment(&at, end) != AOF_GOOD) return SHORT;
            continue;
        }
        enum verdict v = take_command(p, &at, end, &req);
        if (v != GOOD) return v;
        if (meaning_of(req.argv, req.argc) != ENDS) continue;
        *behind = at;
        return GOOD;
    }
    return SHORT;
}

/* The command that ends at `behind`: MULTI is passed over if its EXEC is there. */
static enum verdict step(struct player *p, struct request *req, const char *behind,
                         const char *end) {
    enum meaning m = meaning_of(req->argv, req->argc);
    if (likely(m == PLAIN)) return run(p, req);
    if (m == BEGINS && behind > p->sure) return find_exec(p, behind, end, &p->sure);
    return GOOD;
}

/* Runs what lies in [*at, end) up to a comment; *at is behind what was run. */
static enum verdict run_region(struct player *p, const char **at, const char *end) {
    enum verdict v = GOOD;
    while (*at < end && **at != '#') {
        int n = look_up(p, *at, end);
        for (int i = 0; i < n; i++) {
            v = step(p, &p->requests[i], p->commands[i].end, end);
            if (v != GOOD) return v;
            *at = p->commands[i].end;
        }
        if (!n) {
            struct request req;
            const char *behind = *at;
            v = take_command(p, &behind, end, &req);
            if (v != GOOD) return v;
            exec_prepare(p->core, &req, NULL);
            v = step(p, &req, behind, end);
            if (v != GOOD) return v;
            *at = behind;
        }
        give_turn(p, *at);
    }
    return GOOD;
}

/* A comment at *at: a group that is run as a whole, or a line that is passed over. */
static enum verdict take_comment(struct player *p, const char **at) {
    const char *body = *at;
    struct aof_group g;
    if (!aof_take_group(&body, p->end, &g)) {
        enum aof_result result = aof_take_comment(at, p->end);
        if (result == AOF_BAD) return bad(p, "the line of a group is damaged");
        return result == AOF_GOOD ? GOOD : SHORT;
    }
    p->groups = true;
    if (g.bytes > (uint64_t)(p->end - body)) return SHORT;
    if (!aof_group_is_right(&g, body, p->end)) return bad(p, "a checksum is wrong");
    const char *stop = body + g.bytes;
    p->sure = stop;
    while (body < stop) {
        enum verdict v = GOOD;
        if (*body == '#') {
            if (aof_take_comment(&body, stop) != AOF_GOOD) v = BAD;
        } else {
            v = run_region(p, &body, stop);
        }
        if (v != GOOD) {
            p->unknown = true;
            return bad(p, "a group is not whole");
        }
    }
    *at = stop;
    return GOOD;
}

static enum verdict run_all(struct player *p, const char **at) {
    enum verdict v = GOOD;
    while (v == GOOD && *at < p->end) {
        v = **at == '#' ? take_comment(p, at) : run_region(p, at, p->end);
    }
    return v;
}

/* The same for all windows. */
static enum verdict run_windows(struct player *p, const char **at) {
    for (;;) {
        enum verdict v = run_all(p, at);
        if (v == BAD || !log_in_more(&p->in, at)) return v;
        p->end = p->in.end;
        p->tick = p->sure = NULL;
    }
}

static bool is_zeros(const char *at, const char *end) {
    while (at < end && !*at) at++;
    return at == end;
}

/* What is wrong with the file, if not with the bytes that were sealed, and at which offset. */
static enum replay_status judge_sealed(struct player *p, enum verdict v) {
    struct log_in *in = &p->in;
    struct replay *r = p->r;
    bool left = log_in_was_left(in);
    if (v == GOOD && (log_in_was_ended(in) || (left && !r->ends))) return REPLAY_OK;
    if (v == BAD) return REPLAY_FAILED;
    if (!in->err) {
        bad(p, "the end of a group is missing");
        return REPLAY_FAILED;
    }
    bool torn = (left || in->in.fault == FILE_IN_WRONG) && !in->damaged && !r->ends;
    if (torn) return REPLAY_TORN;
    bad(p, log_in_why(in, in->err));
    if (in->in.fault) r->whole = in->in.at_offset;
    return REPLAY_FAILED;
}

static enum replay_status play(struct player *p, const char *at) {
    enum verdict v = run_windows(p, &at);
    p->r->whole = log_in_place(&p->in, p->in.offset + (uint64_t)(at - p->in.begin));
    if (p->in.sealed) return judge_sealed(p, v);
    if (v == GOOD) return REPLAY_OK;
    /* Only other servers write commands that stand alone; zeros were never written at all. */
    bool torn = v == SHORT || is_zeros(at, p->end) || (p->groups && !p->unknown && *at != '*');
    if (torn && aof_right_group_behind(at + 1, p->end)) {
        bad(p, "the end of a command is missing");
        torn = false;
    }
    return torn ? REPLAY_TORN : REPLAY_FAILED;
}

static void player_init(struct player *p, struct core *core, const char *path, struct replay *r) {
    p->core = core;
    p->r = r;
    p->name = path;
    session_init_inner(&p->s, core, "aof");
    reply_raw(&p->s.reply, " ", 1);
    p->start = reply_here(&p->s.reply);
    p->start.used = 0;
    resp_cutter_init(&p->cutter);
}

static void player_fini(struct player *p) {
    session_fini_inner(&p->s);
    mem_free(p->args);
}

/* The place in the window at which the commands begin; NULL: there are none. */
static const char *find_begin(struct log_in *in, uint64_t offset) {
    const char *at = in->begin;
    for (;;) {
        if (in->offset + (uint64_t)(in->end - in->begin) > offset)
            return in->begin + (offset - in->offset);
        at = in->end;
        if (!log_in_more(in, &at)) return in->err ? in->end : NULL;
    }
}

enum replay_status aof_replay(struct core *core, const char *path, const struct sealed_key *key,
                              uint64_t offset, struct replay *r) {
    struct player *p = mem_calloc(sizeof *p);
    enum replay_status status = REPLAY_FAILED;
    int err = log_in_open(&p->in, path, key);
    r->bytes = p->in.bytes;
    r->whole = offset;
    if (err) {
        snprintf(r->why, sizeof r->why, "%s", log_in_why(&p->in, err));
    } else {
        const char *at = find_begin(&p->in, offset);
        player_init(p, core, path, r);
        p->end = p->in.end;
        status = at ? play(p, at) : REPLAY_EMPTY;
        player_fini(p);
    }
    log_in_close(&p->in);
    mem_free(p);
    return status;
}
