/* exec.h - the way of a command: row, gates, handler, accounting.
 *
 * The door parses a request, exec_prepare finds its row and hashes its first key (so that
 * the table can be prefetched for a batch), exec_run does the rest. A handler gets a ctx
 * and nothing global.
 *
 * X1  A handler runs to its end on the loop; it replies exactly once, or closes the session.
 * X2  Arguments are borrowed: good until the handler returns.
 * Threads: the loop.
 */
#ifndef CORE_EXEC_H
#define CORE_EXEC_H

#include "core/core.h"
#include "core/feed.h"
#include "core/reply.h"
#include "core/row.h"
#include "core/session.h"
#include "store/db.h"

/* A parsed command. */
struct request {
    const struct slice *argv;
    int argc;
    bool lasts;              /* argv and blobs stay as they are until its session's command ends */
    const struct row *row;   /* NULL: unknown command */
    uint64_t key_hash;       /* of argv[1], if row_has_first_key */
    struct blob **blobs;     /* blobs[i] backs argv[i], or NULL; NULL: no argument is a blob */
    struct offload_job *job; /* that the command has become, see core/offload.h; mostly NULL */
};

/* What a handler gets. */
struct ctx {
    struct core *core;
    struct session *s;
    struct db *db; /* the session's */
    struct reply *r;
    const struct row *row;    /* of the subcommand, where there is one */
    const struct slice *argv; /* argv[0] is the name as sent */
    int argc;
    struct request *req;
};

/* Fills row and key_hash of a request whose argv and argc are set. Returns the row of its name (of
 * the container, if a subcommand was named), which may be given as `known` for the next request of
 * the same name; NULL: look it up. */
const struct row *exec_prepare(struct core *core, struct request *req, const struct row *known);

/* The row that the command has now: of one that is another command for a retained topic
 * (row->retained) that changes with the data, so it is asked when the command is about to run. */
const struct row *exec_choose(struct core *core, const struct request *req);
static inline const struct row *exec_row(struct core *core, const struct request *req) {
    return likely(!req->row->retained) ? req->row : exec_choose(core, req);
}

/* Runs the command, or refuses it with an error reply. False: it must wait (a pause); nothing
 * was done, and the session is in core->held. Cost over the handler's own: some 60 instructions. */
bool exec_run(struct core *core, struct session *s, struct request *req);

/* Runs a command within another one's handler, for a session of its own that replies nowhere
 * (session_init_inner): no gates, counted and told to monitors as Redis does. */
void exec_inner(struct core *core, struct session *s, struct request *req);

/* Runs a command of the log at start: no gates, nothing counted. */
void exec_load(struct core *core, struct session *s, struct request *req);

/* Runs the command of a session that waited (core/blocked.c), which went through the gates then. */
void exec_again(struct core *core, struct session *s, struct request *req);

/* The same arguments (argv has from->argc of them; mostly it is from->argv) in memory of their own,
 * which request_free frees. */
void request_copy(struct request *to, const struct request *from, const struct slice *argv);
void request_free(struct request *req);

/* Whether a command may let its session wait, be it for a key or for a worker. */
static inline bool exec_may_wait(const struct ctx *c) { return !(c->s->state & SESSION_NO_WAIT); }

/* For who ends a command outside of exec: counts it, and does what is due after a command. */
void exec_account(struct core *core, struct session *s, const struct request *req, uint64_t ticks);
void exec_after(struct core *core);

/* The key in argument i; the hash of the first key is at hand already. */
static inline struct key ctx_key(struct ctx *c, int i) {
    struct slice a = c->argv[i];
    return (struct key){a.p, a.n, i == 1 ? c->req->key_hash : hash_bytes(a.p, a.n)};
}

/* Takes the blob behind argument i, for the store to keep, or NULL if it is not one. The bytes
 * of the argument stay good until the handler returns. */
struct blob *ctx_take_blob(struct ctx *c, int i);

/* Argument parsing that replies the error itself; false then. */
bool ctx_int(struct ctx *c, int i, int64_t *v); /* ERR_NOT_INT */
bool ctx_int_range(struct ctx *c, int i, int64_t min, int64_t max, int64_t *v,
                   const char *error /* or NULL: ERR_OUT_OF_RANGE */);
bool ctx_db(struct ctx *c, int i, struct db **db); /* ERR_BAD_DB / not an integer */

/* True if e is NULL or of the type; otherwise replies WRONGTYPE. */
bool ctx_is_type(struct ctx *c, const struct entry *e, enum entry_type type);

/* ctx_changed, the key in registers: three words go through memory, where a copy by 16 bytes waits
 * for stores of 8. */
void ctx_changed_at(struct ctx *c, enum feed_class class, const char *event, const char *p,
                    size_t n, uint64_t hash);

/* Says that a command changed a key: dirty counter, feed (and all that hangs on it).
 * Call it once per key and event, after the change, with Redis' class and event name. */
static inline void ctx_changed(struct ctx *c, struct key k, enum feed_class class,
                               const char *event) {
    ctx_changed_at(c, class, event, k.p, k.n, k.hash);
}

/* The same of a change that leaves those who wait for the key waiting, since it gives them nothing:
 * elements went, say. */
static inline void ctx_changed_calmly(struct ctx *c, struct key k, enum feed_class class,
                                      const char *event) {
    feed_key_calmly(&c->core->feed, c->db->id, class, event, k);
}

/* The same of a change beside the value, which WATCH does not mind either: in a consumer group,
 * say. If it is something to those who wait for the key, ctx_wake follows. */
static inline void ctx_changed_aside(struct ctx *c, struct key k, enum feed_class class,
                                     const char *event) {
    feed_key_aside(&c->core->feed, c->db->id, class, event, k);
}
static inline void ctx_wake(struct ctx *c, struct key k) {
    feed_wake(&c->core->feed, c->db->id, k);
}

/* Of the change that was told last Redis counts n (feed_counts). */
static inline void ctx_counts(struct ctx *c, uint64_t n) { feed_counts(&c->core->feed, n); }

/* Says that the key went with its last element, which was told before. */
static inline void ctx_deleted(struct ctx *c, struct key k) {
    ctx_changed(c, k, FEED_GENERIC, "del");
    ctx_counts(c, 0);
}

/* "ERR wrong number of arguments for 'x' command" for the row of c. */
void ctx_arity_error(struct ctx *c);
/* "ERR unknown subcommand or wrong number of arguments for 'sub'. Try X HELP.", where Redis does
 * not tell these apart. */
void ctx_subcommand_error(struct ctx *c);
/* HELP of a container: lines end with NULL; the two lines at the ends that every command has are
 * added. */
void ctx_help(struct ctx *c, const char *const *lines);

#endif
