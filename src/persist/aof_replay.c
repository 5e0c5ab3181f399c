/* aof_replay.c - runs the commands of one file of the log.
 *
 * The file is mapped; commands are cut out of it in batches and run by their rows, without gates
 * and without a reply, while no key's time passes (core_replay_begin).
 *
 * Y1  A group that a #CRC line vouches for is run if it is there whole and as it was written.
 *     Since groups are whole units, a transaction in it is whole.
 * Y2  Elsewhere (files of other servers have no such lines) commands are run one by one; those of a
 *     transaction when its end is there.
 * Y3  What is wrong at the end of the file is torn: the server died while writing. If a group
 *     that is right stands behind it, it is damage.
 * Threads: the loop. Specification: Redis 7's format, in which a line that begins with # is a
 * comment.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "core/exec.h"
#include "core/loading.h"
#include "persist/aof_internal.h"
#include "wire/aof.h"
#include "wire/resp.h"

#define BATCH 32
#define PREFETCH_KEYS_MIN 16384
#define TICK_BYTES (64 * 1024)
#define ERRORS_LOGGED_MAX 10

struct player {
    struct core *core;
    struct session s;
    struct reply_place start; /* of the reply */
    struct replay *r;
    const char *name; /* of the file, for messages */
    const char *begin, *end;
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
        snprintf(text, sizeof text, "Unknown command '%.*s'",
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
    bool prefetch = db_size(db) >= PREFETCH_KEYS_MIN;
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
    loading_progress(core, p->r->bytes_before + (uint64_t)(at - p->begin));
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
        p->r->whole = (uint64_t)(*at - p->begin);
    }
    return v;
}

static bool is_zeros(const char *at, const char *end) {
    while (at < end && !*at) at++;
    return at == end;
}

static enum replay_status play(struct player *p, const char *at) {
    enum verdict v = run_all(p, &at);
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
    *p = (struct player){.core = core, .r = r, .name = path};
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

enum replay_status aof_replay(struct core *core, const char *path, uint64_t offset,
                              struct replay *r) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        snprintf(r->why, sizeof r->why, "%s", strerror(errno));
        if (fd >= 0) close(fd);
        return REPLAY_FAILED;
    }
    r->bytes = (uint64_t)st.st_size;
    r->whole = offset;
    if (r->bytes <= offset) {
        close(fd);
        return REPLAY_EMPTY;
    }
    char *map = mmap(NULL, r->bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (map == MAP_FAILED) {
        snprintf(r->why, sizeof r->why, "%s", strerror(errno));
        return REPLAY_FAILED;
    }
    madvise(map, r->bytes, MADV_SEQUENTIAL);
    struct player *p = mem_alloc(sizeof *p);
    player_init(p, core, path, r);
    p->begin = p->tick = map;
    p->end = map + r->bytes;
    enum replay_status status = play(p, map + offset);
    player_fini(p);
    mem_free(p);
    munmap(map, r->bytes);
    return status;
}
