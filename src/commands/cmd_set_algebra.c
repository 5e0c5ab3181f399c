/* cmd_set_algebra.c - several sets: intersections, unions and differences, replied, stored,
 * counted.
 *
 * Each operation walks members into a sink, which replies, collects or counts them. A key that
 * is not there is a set without members.
 * Threads: the loop, but for the functions named compute_ and what they call.
 * Specification: Redis 7.2's replies, errors and events; SUNIONCARD and
 * SDIFFCARD as Redis 8.10 documents them.
 * To add an operation: a function that walks `sources` into a sink; for each thing to do with
 * the outcome a handler, and a row.
 */
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "commands/cmd_generic_internal.h"
#include "commands/cmd_set_internal.h"
#include "commands/families.h"
#include "core/offload.h"
#include "types/hll.h"

#define SCAN_STEP 64

/* ---- sources and sinks -------------------------------------------------------------- */

struct sources {
    struct set_view *views; /* sources_close frees them */
    size_t n;
};

/* The sets in n arguments from `first`; false with an error reply if one holds something else. */
static bool sources_open(struct ctx *c, int first, size_t n, struct sources *from) {
    *from = (struct sources){mem_alloc(n * sizeof *from->views), n};
    for (size_t i = 0; i < n; i++) {
        const struct entry *e = db_read(c->db, ctx_key(c, first + (int)i));
        if (!ctx_is_type(c, e, TYPE_SET)) {
            mem_free(from->views);
            return false;
        }
        from->views[i] = set_view_or_empty(e);
    }
    return true;
}

static void sources_close(struct sources *from) { mem_free(from->views); }

/* Where the members of an outcome go. */
struct sink {
    struct reply *r;       /* replies them */
    struct set_edit *edit; /* or collects them, each once */
    size_t limit;          /* 0: none */
    size_t count;
    const struct set_limits *limits; /* of a set to be made on the way */
};

static bool sink_is_full(const struct sink *to) { return to->limit && to->count >= to->limit; }

static void sink_take(void *ctx, struct slice member) {
    struct sink *to = ctx;
    if (sink_is_full(to) || (to->edit && !set_edit_add(to->edit, member))) return;
    to->count++;
    if (to->r) reply_bulk(to->r, member);
}

/* Visits the members of a set until the sink is full. */
static void walk(struct set_view s, const struct sink *to, set_visit *visit, void *ctx) {
    uint64_t cursor = 0;
    if (!to->limit) {
        set_each(s, visit, ctx);
        return;
    }
    do {
        cursor = set_scan(s, cursor, SCAN_STEP, visit, ctx);
    } while (cursor && !sink_is_full(to));
}

/* ---- operations --------------------------------------------------------------------- */

typedef void operation(struct sources *from, struct sink *to);

/* A member that passes if it is in all others, or in none of them. */
struct sieve {
    const struct set_view *others;
    size_t n;
    bool in_all;
    struct sink *to;
};

static void sift(void *ctx, struct slice member) {
    const struct sieve *x = ctx;
    if (sink_is_full(x->to)) return;
    for (size_t i = 0; i < x->n; i++) {
        if (set_has(x->others[i], member) != x->in_all) return;
    }
    sink_take(x->to, member);
}

static int by_count(const void *a, const void *b) {
    size_t x = set_count(*(const struct set_view *)a), y = set_count(*(const struct set_view *)b);
    return (x > y) - (x < y);
}

static void intersect(struct sources *from, struct sink *to) {
    qsort(from->views, from->n, sizeof *from->views, by_count);
    if (!set_count(from->views[0])) return;
    struct sieve x = {from->views + 1, from->n - 1, true, to};
    walk(from->views[0], to, sift, &x);
}

static void collect(const struct set_view *views, size_t n, struct sink *to) {
    for (size_t i = 0; i < n && !sink_is_full(to); i++) walk(views[i], to, sink_take, to);
}

static void unite(struct sources *from, struct sink *to) {
    char room[SET_ROOM_BYTES];
    struct set_edit seen;
    if (to->edit || from->n == 1) {
        collect(from->views, from->n, to);
        return;
    }
    set_edit_new(&seen, to->limits, room, sizeof room);
    to->edit = &seen;
    collect(from->views, from->n, to);
    to->edit = NULL;
    set_edit_drop(&seen);
}

/* Asks the others one by one, unless they are so many or so small that one set of all their
 * members costs less. */
static void subtract(struct sources *from, struct sink *to) {
    char room[SET_ROOM_BYTES];
    struct set_edit all;
    size_t members = set_count(from->views[0]), others = 0;
    for (size_t i = 1; i < from->n; i++) others += set_count(from->views[i]);
    struct sieve x = {from->views + 1, from->n - 1, false, to};
    if (x.n <= 1 || members * (x.n - 1) / 2 <= others) {
        walk(from->views[0], to, sift, &x);
        return;
    }
    set_edit_new(&all, to->limits, room, sizeof room);
    collect(x.others, x.n, &(struct sink){.edit = &all});
    struct set_view united = set_edit_view(&all);
    walk(from->views[0], to, sift, &(struct sieve){&united, 1, false, to});
    set_edit_drop(&all);
}

/* ---- what becomes of the outcome ---------------------------------------------------- */

/* A command of this file on its way (core/offload). */
struct algebra {
    struct sources from;
    operation *run;
    struct set_limits limits;
    const char *event; /* of a command that stores */
    size_t limit, count;
    bool made; /* what is to be stored, in edit */
    struct set_edit edit;
    char room[SET_ROOM_BYTES];
};

/* Members to be looked at: of all sets, since most have to be. */
static uint64_t members_of(const struct sources *from) {
    uint64_t n = 0;
    for (size_t i = 0; i < from->n; i++) n += set_count(from->views[i]);
    return n;
}

static void algebra_drop(void *state) {
    struct algebra *x = state;
    sources_close(&x->from);
    if (x->made) set_edit_drop(&x->edit);
}

/* The sets are `keys` arguments from `first`. */
static void algebra(struct ctx *c, struct algebra *x, int first, size_t keys,
                    void (*compute)(void *state, struct reply *r),
                    void (*commit)(struct ctx *c, void *state)) {
    if (!sources_open(c, first, keys, &x->from)) return;
    x->made = false;
    x->limits = set_limits_of(c);
    offload(c, &(struct offload){
                   .units = members_of(&x->from),
                   .state = x,
                   .state_bytes = sizeof *x,
                   .compute = compute,
                   .commit = commit,
                   .drop = algebra_drop,
               });
}

static void compute_reply(void *state, struct reply *r) {
    struct algebra *x = state;
    struct sink to = {.r = r, .limits = &x->limits};
    struct reply_mark mark = reply_begin(r);
    x->run(&x->from, &to);
    reply_end_set(r, mark, to.count);
}

static void reply_outcome(struct ctx *c, operation *run) {
    struct algebra x;
    x.run = run;
    algebra(c, &x, 1, (size_t)c->argc - 1, compute_reply, NULL);
}

static void compute_set(void *state, struct reply *r) {
    (void)r;
    struct algebra *x = state;
    set_edit_new(&x->edit, &x->limits, x->room, sizeof x->room);
    x->made = true;
    struct sink to = {.edit = &x->edit, .limits = &x->limits};
    x->run(&x->from, &to);
    x->count = to.count;
}

static void commit_set(struct ctx *c, void *state) {
    struct algebra *x = state;
    struct key k = ctx_key(c, 1);
    x->made = false;
    if (x->count) {
        set_put(c, k, &x->edit);
        db_set_expire(c->db, k, DB_NO_TTL);
        ctx_changed(c, k, FEED_SET, x->event);
    } else {
        set_edit_drop(&x->edit);
        if (db_delete(c->db, k)) ctx_changed(c, k, FEED_GENERIC, "del");
    }
    reply_int(c->r, (int64_t)x->count);
}

static void store_outcome(struct ctx *c, operation *run, const char *event) {
    struct algebra x;
    x.run = run;
    x.event = event;
    algebra(c, &x, 2, (size_t)c->argc - 2, compute_set, commit_set);
}

static void inter(struct ctx *c) { reply_outcome(c, intersect); }
static void sunion(struct ctx *c) { reply_outcome(c, unite); }
static void diff(struct ctx *c) { reply_outcome(c, subtract); }
static void inter_store(struct ctx *c) { store_outcome(c, intersect, "sinterstore"); }
static void union_store(struct ctx *c) { store_outcome(c, unite, "sunionstore"); }
static void diff_store(struct ctx *c) { store_outcome(c, subtract, "sdiffstore"); }

/* The arguments of the counting commands. `approx` is NULL if the command has no such option. */
struct count_options {
    int64_t keys, limit;
    bool *approx;
};

static bool parse_count(struct ctx *c, struct count_options *o) {
    o->limit = 0;
    if (!ctx_int_range(c, 1, 1, INT64_MAX, &o->keys, "ERR numkeys should be greater than 0"))
        return false;
    if (o->keys > c->argc - 2) {
        reply_error(c->r, "ERR Number of keys can't be greater than number of args");
        return false;
    }
    for (int i = 2 + (int)o->keys; i < c->argc; i++) {
        if (slice_is(c->argv[i], "limit") && i + 1 < c->argc) {
            if (!ctx_int_range(c, ++i, 0, INT64_MAX, &o->limit, "ERR LIMIT can't be negative"))
                return false;
        } else if (o->approx && slice_is(c->argv[i], "approx")) {
            *o->approx = true;
        } else {
            reply_err(c->r, ERR_SYNTAX);
            return false;
        }
    }
    return true;
}

static void compute_count(void *state, struct reply *r) {
    struct algebra *x = state;
    struct sink to = {.limit = x->limit, .limits = &x->limits};
    x->run(&x->from, &to);
    reply_int(r, (int64_t)to.count);
}

static void count_outcome(struct ctx *c, operation *run, const struct count_options *o) {
    struct algebra x;
    x.run = run;
    x.limit = (size_t)o->limit;
    algebra(c, &x, 2, (size_t)o->keys, compute_count, NULL);
}

static void inter_card(struct ctx *c) {
    struct count_options o = {0};
    if (parse_count(c, &o)) count_outcome(c, intersect, &o);
}

static void diff_card(struct ctx *c) {
    struct count_options o = {0};
    if (parse_count(c, &o)) count_outcome(c, subtract, &o);
}

static void estimate_take(void *ctx, struct slice member) {
    struct hll *h = ctx;
    hll_add_dense(h->p, member);
}

/* The union by a HyperLogLog: no memory for the members, and some 0.8 % of error. */
static void compute_estimate(void *state, struct reply *r) {
    struct algebra *x = state;
    struct hll h;
    uint64_t count = 0;
    hll_init(&h);
    hll_make_dense(&h);
    for (size_t i = 0; i < x->from.n; i++) set_each(x->from.views[i], estimate_take, &h);
    hll_count(slice_of(h.p, h.n), &count);
    hll_fini(&h);
    if (x->limit && count > x->limit) count = x->limit;
    reply_int(r, (int64_t)count);
}

static void union_estimate(struct ctx *c, const struct count_options *o) {
    struct algebra x;
    x.limit = (size_t)o->limit;
    algebra(c, &x, 2, (size_t)o->keys, compute_estimate, NULL);
}

static void union_card(struct ctx *c) {
    bool approx = false;
    struct count_options o = {.approx = &approx};
    if (!parse_count(c, &o)) return;
    if (approx) {
        union_estimate(c, &o);
    } else {
        count_outcome(c, unite, &o);
    }
}

/* ---- rows --------------------------------------------------------------------------- */

static const struct row_arg keys_args[] = {
    {.name = "key", .type = ARG_KEY, .flags = ARG_MULTIPLE},
    {0},
};
static const struct row_arg store_args[] = {
    {.name = "destination", .type = ARG_KEY},
    {.name = "key", .type = ARG_KEY, .flags = ARG_MULTIPLE, .key_spec = 1},
    {0},
};
static const struct row_arg card_args[] = {
    {.name = "numkeys", .type = ARG_INTEGER},
    {.name = "key", .type = ARG_KEY, .flags = ARG_MULTIPLE},
    {.name = "limit", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "LIMIT"},
    {0},
};
static const struct row_arg union_card_args[] = {
    {.name = "numkeys", .type = ARG_INTEGER},
    {.name = "key", .type = ARG_KEY, .flags = ARG_MULTIPLE},
    {.name = "approx", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "APPROX"},
    {.name = "limit", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "LIMIT"},
    {0},
};
static const char *const order_tips[] = {"nondeterministic_output_order", NULL};

#define SOURCES_AFTER_NUMBER                                                                       \
    {                                                                                              \
        .flags = KEY_RO | KEY_ACCESS, .begin = BEGIN_INDEX, .find = FIND_KEYNUM, .index = 1,       \
        .keynum = 0, .first_key = 1, .key_step = 1                                                 \
    }

#define INTER_COMPLEXITY "O(N*M) in the size of the smallest set and the number of sets"
#define SUM_COMPLEXITY "O(N) in the number of members of all sets"

const struct row set_algebra_rows[] = {
    {
        .name = "sdiff",
        .run = diff,
        .arity = -2,
        .flags = ROW_READONLY,
        .acl = ACL_SET,
        .keys = {KEYS_TO_END(1, KEY_RO | KEY_ACCESS)},
        .since = "1.0.0",
        .summary = "Returns the members of the first set that no other set has.",
        .complexity = SUM_COMPLEXITY,
        .group = GROUP_SET,
        .args = keys_args,
        .tips = order_tips,
    },
    {
        .name = "sdiffcard",
        .run = diff_card,
        .arity = -3,
        .flags = ROW_READONLY | ROW_MOVABLEKEYS,
        .acl = ACL_SET,
        .keys = {SOURCES_AFTER_NUMBER},
        .since = "8.10.0",
        .summary = "Counts the members of the first set that no other set has.",
        .complexity = SUM_COMPLEXITY,
        .group = GROUP_SET,
        .args = card_args,
    },
    {
        .name = "sdiffstore",
        .run = diff_store,
        .arity = -3,
        .flags = ROW_WRITE | ROW_DENYOOM,
        .acl = ACL_SET,
        .keys = {KEY_IN(1, KEY_OW | KEY_UPDATE), KEYS_TO_END(2, KEY_RO | KEY_ACCESS)},
        .since = "1.0.0",
        .summary = "Stores the members of the first set that no other set has.",
        .complexity = SUM_COMPLEXITY,
        .group = GROUP_SET,
        .args = store_args,
    },
    {
        .name = "sinter",
        .run = inter,
        .arity = -2,
        .flags = ROW_READONLY,
        .acl = ACL_SET,
        .keys = {KEYS_TO_END(1, KEY_RO | KEY_ACCESS)},
        .since = "1.0.0",
        .summary = "Returns the members that all sets have.",
        .complexity = INTER_COMPLEXITY,
        .group = GROUP_SET,
        .args = keys_args,
        .tips = order_tips,
    },
    {
        .name = "sintercard",
        .run = inter_card,
        .arity = -3,
        .flags = ROW_READONLY | ROW_MOVABLEKEYS,
        .acl = ACL_SET,
        .keys = {SOURCES_AFTER_NUMBER},
        .since = "7.0.0",
        .summary = "Counts the members that all sets have.",
        .complexity = INTER_COMPLEXITY,
        .group = GROUP_SET,
        .args = card_args,
    },
    {
        .name = "sinterstore",
        .run = inter_store,
        .arity = -3,
        .flags = ROW_WRITE | ROW_DENYOOM,
        .acl = ACL_SET,
        .keys = {KEY_IN(1, KEY_RW | KEY_UPDATE), KEYS_TO_END(2, KEY_RO | KEY_ACCESS)},
        .since = "1.0.0",
        .summary = "Stores the members that all sets have.",
        .complexity = INTER_COMPLEXITY,
        .group = GROUP_SET,
        .args = store_args,
    },
    {
        .name = "sunion",
        .run = sunion,
        .arity = -2,
        .flags = ROW_READONLY,
        .acl = ACL_SET,
        .keys = {KEYS_TO_END(1, KEY_RO | KEY_ACCESS)},
        .since = "1.0.0",
        .summary = "Returns the members that any of the sets has.",
        .complexity = SUM_COMPLEXITY,
        .group = GROUP_SET,
        .args = keys_args,
        .tips = order_tips,
    },
    {
        .name = "sunioncard",
        .run = union_card,
        .arity = -3,
        .flags = ROW_READONLY | ROW_MOVABLEKEYS,
        .acl = ACL_SET,
        .keys = {SOURCES_AFTER_NUMBER},
        .since = "8.10.0",
        .summary = "Counts the members that any of the sets has, exactly or about.",
        .complexity = SUM_COMPLEXITY,
        .group = GROUP_SET,
        .args = union_card_args,
    },
    {
        .name = "sunionstore",
        .run = union_store,
        .arity = -3,
        .flags = ROW_WRITE | ROW_DENYOOM,
        .acl = ACL_SET,
        .keys = {KEY_IN(1, KEY_OW | KEY_UPDATE), KEYS_TO_END(2, KEY_RO | KEY_ACCESS)},
        .since = "1.0.0",
        .summary = "Stores the members that any of the sets has.",
        .complexity = SUM_COMPLEXITY,
        .group = GROUP_SET,
        .args = store_args,
    },
    {0},
};
