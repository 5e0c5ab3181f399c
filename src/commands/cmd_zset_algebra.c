/* cmd_zset_algebra.c - sorted sets: unions, intersections and differences.
 *
 * J1  Sources are sorted sets, or sets, whose members have score 1; a source is read through
 *     struct source_ops only.
 * J2  A result is gathered out of order, then sorted once, then replied or stored; so a
 *     destination may be a source too.
 * J3  Sources are taken smallest first, as Redis does: sums of floats depend on the order.
 * Threads: the loop, but for compute_join and what it calls. Cost: the members of all sources of a
 * union, of the smallest of an intersection, of the first of a difference, each looked up in the
 * others. To add a type of source: a row in source_ops. Specification: Redis 7.2's replies, errors
 * and events; AGGREGATE COUNT as Redis 8.8 has it.
 */
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/nap.h"
#include "commands/cmd_generic_internal.h"
#include "commands/cmd_zset_internal.h"
#include "commands/families.h"
#include "core/offload.h"
#include "store/set_entry.h"

/* -- sources ------------------------------------------------------------------------- */

typedef void member_visit(void *ctx, struct slice member, double score);

/* How a type is read; e is of the type. */
struct source_ops {
    size_t (*count)(const struct entry *e);
    bool (*score)(const struct entry *e, struct slice member, double *score);
    void (*each)(const struct entry *e, member_visit *visit, void *ctx);
};

static size_t sorted_count(const struct entry *e) { return zset_count(zset_view_of(e)); }

static bool sorted_score(const struct entry *e, struct slice member, double *score) {
    return zset_score(zset_view_of(e), member, score);
}

static void sorted_each(const struct entry *e, member_visit *visit, void *ctx) {
    struct zset_iter it;
    struct zset_item item;
    zset_iter_start(&it, zset_view_of(e), 0, false);
    for (uint64_t i = 0; zset_iter_next(&it, &item) && !nap_step(i); i++)
        visit(ctx, item.member, item.score);
}

static size_t plain_count(const struct entry *e) { return set_count(set_view_of(e)); }

static bool plain_score(const struct entry *e, struct slice member, double *score) {
    *score = 1;
    return set_has(set_view_of(e), member);
}

/* A visit of a set's members, passed on as one of scored ones. */
struct plain_visit {
    member_visit *visit;
    void *ctx;
};

static void pass_on(void *ctx, struct slice member) {
    const struct plain_visit *p = ctx;
    p->visit(p->ctx, member, 1);
}

static void plain_each(const struct entry *e, member_visit *visit, void *ctx) {
    set_each(set_view_of(e), pass_on, &(struct plain_visit){visit, ctx});
}

static const struct source_ops source_ops[TYPE_COUNT] = {
    [TYPE_SET] = {plain_count, plain_score, plain_each},
    [TYPE_ZSET] = {sorted_count, sorted_score, sorted_each},
};

struct source {
    const struct entry *e; /* NULL: no key, an empty set */
    const struct source_ops *ops;
    size_t count;
    double weight;
    int at; /* among the keys, as given */
};

/* -- arguments ----------------------------------------------------------------------- */

enum join_op { JOIN_UNION, JOIN_INTER, JOIN_DIFF };
enum aggregate { AGGREGATE_SUM, AGGREGATE_MIN, AGGREGATE_MAX, AGGREGATE_COUNT };

struct join {
    enum join_op op;
    bool store;     /* into argument 1 */
    bool only_card; /* ZINTERCARD */
    bool scores;
    enum aggregate aggregate;
    int64_t limit; /* ZINTERCARD; 0: none */
    struct source *src;
    int n;
    struct zset_value *result;
    size_t longest; /* member of the result */
    int64_t card;
    struct zset_limits limits;
    bool made; /* what is to be stored, in write */
    struct zset_write write;
};

/* Looks the keys up. The error is replied, and nothing is held then. */
static bool join_open(struct ctx *c, struct join *j, int *next) {
    int64_t n;
    int at = j->store ? 2 : 1;
    char name[ROW_FULL_NAME_BYTES_MAX];
    if (!ctx_int(c, at, &n)) return false;
    if (n < 1) {
        reply_errorf(c->r, "ERR at least 1 input key is needed for '%s' command",
                     row_full_name(c->core->rows, c->row, name));
        return false;
    }
    if (n > c->argc - at - 1) {
        reply_err(c->r, ERR_SYNTAX);
        return false;
    }
    j->n = (int)n;
    j->src = mem_calloc((size_t)n * sizeof *j->src);
    for (int i = 0; i < j->n; i++) {
        struct source *s = &j->src[i];
        s->e = db_read(c->db, ctx_key(c, at + 1 + i));
        s->weight = 1;
        s->at = i;
        if (!s->e) continue;
        s->ops = &source_ops[entry_type(s->e)];
        if (!s->ops->each) {
            reply_err(c->r, ERR_WRONGTYPE);
            mem_free(j->src);
            return false;
        }
        s->count = s->ops->count(s->e);
    }
    *next = at + 1 + j->n;
    return true;
}

static bool parse_weights(struct ctx *c, struct join *j, int i) {
    for (int k = 0; k < j->n; k++) {
        if (!num_parse_double(c->argv[i + k], &j->src[k].weight)) {
            reply_error(c->r, "ERR weight value is not a float");
            return false;
        }
    }
    return true;
}

static bool parse_aggregate(struct slice word, enum aggregate *a) {
    if (slice_is(word, "sum")) {
        *a = AGGREGATE_SUM;
    } else if (slice_is(word, "min")) {
        *a = AGGREGATE_MIN;
    } else if (slice_is(word, "max")) {
        *a = AGGREGATE_MAX;
    } else if (slice_is(word, "count")) {
        *a = AGGREGATE_COUNT;
    } else {
        return false;
    }
    return true;
}

/* The option at argument i: returns how many arguments it takes, 0 for a syntax error, -1 for one
 * that is replied. */
static int join_option(struct ctx *c, struct join *j, int i) {
    struct slice word = c->argv[i];
    int left = c->argc - i;
    bool weighted = j->op != JOIN_DIFF && !j->only_card;
    if (weighted && left >= j->n + 1 && slice_is(word, "weights")) {
        return parse_weights(c, j, i + 1) ? j->n + 1 : -1;
    }
    if (weighted && left >= 2 && slice_is(word, "aggregate")) {
        return parse_aggregate(c->argv[i + 1], &j->aggregate) ? 2 : 0;
    }
    if (!j->store && !j->only_card && slice_is(word, "withscores")) {
        j->scores = true;
        return 1;
    }
    if (j->only_card && left >= 2 && slice_is(word, "limit")) {
        const char *error = "ERR LIMIT can't be negative";
        return ctx_int_range(c, i + 1, 0, INT64_MAX, &j->limit, error) ? 2 : -1;
    }
    return 0;
}

static int smaller_first(const void *a, const void *b) {
    const struct source *x = a, *y = b;
    if (x->count != y->count) return x->count < y->count ? -1 : 1;
    return x->at - y->at;
}

static bool join_parse(struct ctx *c, struct join *j) {
    int i = 0;
    if (!join_open(c, j, &i)) return false;
    for (int n; i < c->argc; i += n) {
        n = join_option(c, j, i);
        if (n == 0) reply_err(c->r, ERR_SYNTAX);
        if (n <= 0) {
            mem_free(j->src);
            return false;
        }
    }
    if (j->op != JOIN_DIFF) qsort(j->src, (size_t)j->n, sizeof *j->src, smaller_first);
    return true;
}

/* -- joining ------------------------------------------------------------------------- */

/* inf times 0, and inf - inf, count as 0. */
static double number(double v) { return isnan(v) ? 0 : v; }

/* What a source adds for a member of that score: to a COUNT its weight alone. */
static double weighted(const struct join *j, const struct source *s, double score) {
    return j->aggregate == AGGREGATE_COUNT ? s->weight : score * s->weight;
}

static double aggregated(enum aggregate a, double x, double y) {
    if (a == AGGREGATE_MIN) return y < x ? y : x;
    if (a == AGGREGATE_MAX) return y > x ? y : x;
    return number(x + y);
}

static bool source_score(const struct source *s, struct slice member, double *score) {
    return s->e && s->ops->score(s->e, member, score);
}

/* Puts a member into the result, and returns its blob. */
static void *gather(struct join *j, struct slice member, double score, bool *added) {
    void *blob = zset_value_gather(j->result, member, score, added);
    if (*added && member.n > j->longest) j->longest = member.n;
    return blob;
}

/* What a visit of one source's members needs. */
struct walk {
    struct join *j;
    const struct source *s;
};

static void add_to_union(void *ctx, struct slice member, double score) {
    struct walk *w = ctx;
    bool added;
    score = number(weighted(w->j, w->s, score));
    void *blob = gather(w->j, member, score, &added);
    if (added) return;
    zset_value_rescore(blob, aggregated(w->j->aggregate, zset_blob_score(blob), score));
}

static void keep_common(void *ctx, struct slice member, double score) {
    struct walk *w = ctx;
    struct join *j = w->j;
    bool added;
    if (j->limit && j->card == j->limit) return;
    score = number(weighted(j, w->s, score));
    for (int i = 1; i < j->n; i++) {
        double other;
        if (!source_score(&j->src[i], member, &other)) return;
        score = aggregated(j->aggregate, score, weighted(j, &j->src[i], other));
    }
    j->card++;
    if (!j->only_card) gather(j, member, score, &added);
}

static void keep_alone(void *ctx, struct slice member, double score) {
    struct walk *w = ctx;
    struct join *j = w->j;
    bool added;
    double other;
    for (int i = 1; i < j->n; i++) {
        if (source_score(&j->src[i], member, &other)) return;
    }
    gather(j, member, score, &added);
}

static void join_run(struct join *j) {
    static member_visit *const visits[] = {
        [JOIN_UNION] = add_to_union, [JOIN_INTER] = keep_common, [JOIN_DIFF] = keep_alone};
    int walked = j->op == JOIN_UNION ? j->n : 1;
    for (int i = 0; i < walked; i++) {
        const struct source *s = &j->src[i];
        if (s->e) s->ops->each(s->e, visits[j->op], &(struct walk){j, s});
    }
}

static void compute_join(void *state, struct reply *r) {
    struct join *j = state;
    if (j->only_card) {
        join_run(j);
        reply_int(r, j->card);
        return;
    }
    j->result = zset_value_new();
    join_run(j);
    if (j->store) {
        zset_write_new(&j->write, j->limits);
        zset_edit_take(&j->write.edit, j->result, j->longest);
        j->made = true;
        return;
    }
    zset_value_sort(j->result);
    struct zset_view v = {NULL, j->result};
    zset_reply_span(r, v, &(struct zset_span){0, zset_count(v), false, j->scores});
    zset_value_free(j->result);
}

static void commit_join(struct ctx *c, void *state) {
    static const char *const events[] = {
        [JOIN_UNION] = "zunionstore", [JOIN_INTER] = "zinterstore", [JOIN_DIFF] = "zdiffstore"};
    struct join *j = state;
    j->made = false;
    j->write.key = ctx_key(c, 1);
    zset_write_store(c, &j->write, events[j->op]);
}

static void join_drop(void *state) {
    struct join *j = state;
    mem_free(j->src);
    if (j->made) zset_edit_drop(&j->write.edit);
}

/* Members to be looked at, each looked up in all the other sets or put into the result. */
static uint64_t join_units(const struct join *j) {
    uint64_t n = 0;
    if (j->op != JOIN_UNION) return (uint64_t)j->src[0].count * (uint64_t)j->n;
    for (int i = 0; i < j->n; i++) n += j->src[i].count;
    return n;
}

static void run_join(struct ctx *c, struct join *j) {
    if (!join_parse(c, j)) return;
    j->limits = zset_limits(c);
    offload(c, &(struct offload){
                   .units = join_units(j),
                   .state = j,
                   .state_bytes = sizeof *j,
                   .compute = compute_join,
                   .commit = j->store ? commit_join : NULL,
                   .drop = join_drop,
               });
}

static void zset_union(struct ctx *c) { run_join(c, &(struct join){.op = JOIN_UNION}); }
static void zset_inter(struct ctx *c) { run_join(c, &(struct join){.op = JOIN_INTER}); }
static void zset_diff(struct ctx *c) { run_join(c, &(struct join){.op = JOIN_DIFF}); }
static void zset_unionstore(struct ctx *c) {
    run_join(c, &(struct join){.op = JOIN_UNION, .store = true});
}
static void zset_interstore(struct ctx *c) {
    run_join(c, &(struct join){.op = JOIN_INTER, .store = true});
}
static void zset_diffstore(struct ctx *c) {
    run_join(c, &(struct join){.op = JOIN_DIFF, .store = true});
}
static void zset_intercard(struct ctx *c) {
    run_join(c, &(struct join){.op = JOIN_INTER, .only_card = true});
}

/* -- rows ---------------------------------------------------------------------------- */

static const struct row_arg zdiff_args[] = {
    {.name = "numkeys", .type = ARG_INTEGER},
    {.name = "key", .type = ARG_KEY, .flags = ARG_MULTIPLE},
    {.name = "withscores", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "WITHSCORES"},
    {0},
};
static const struct row_arg zdiffstore_args[] = {
    {.name = "destination", .type = ARG_KEY},
    {.name = "numkeys", .type = ARG_INTEGER},
    {.name = "key", .type = ARG_KEY, .flags = ARG_MULTIPLE, .key_spec = 1},
    {0},
};
static const struct row_arg aggregate_words[] = {
    {.name = "sum", .type = ARG_PURE_TOKEN, .token = "SUM"},
    {.name = "min", .type = ARG_PURE_TOKEN, .token = "MIN"},
    {.name = "max", .type = ARG_PURE_TOKEN, .token = "MAX"},
    {.name = "count", .type = ARG_PURE_TOKEN, .token = "COUNT", .since = "8.8.0"},
    {0},
};
static const struct row_change aggregate_history[] = {
    {"8.8.0", "Takes `COUNT` as an aggregate."},
    {0},
};
static const struct row_arg zinter_args[] = {
    {.name = "numkeys", .type = ARG_INTEGER},
    {.name = "key", .type = ARG_KEY, .flags = ARG_MULTIPLE},
    {.name = "weight",
     .type = ARG_INTEGER,
     .flags = ARG_OPTIONAL | ARG_MULTIPLE,
     .token = "WEIGHTS"},
    {.name = "aggregate",
     .type = ARG_ONEOF,
     .flags = ARG_OPTIONAL,
     .token = "AGGREGATE",
     .sub = aggregate_words},
    {.name = "withscores", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "WITHSCORES"},
    {0},
};
static const struct row_arg zintercard_args[] = {
    {.name = "numkeys", .type = ARG_INTEGER},
    {.name = "key", .type = ARG_KEY, .flags = ARG_MULTIPLE},
    {.name = "limit", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "LIMIT"},
    {0},
};
static const struct row_arg zinterstore_args[] = {
    {.name = "destination", .type = ARG_KEY},
    {.name = "numkeys", .type = ARG_INTEGER},
    {.name = "key", .type = ARG_KEY, .flags = ARG_MULTIPLE, .key_spec = 1},
    {.name = "weight",
     .type = ARG_INTEGER,
     .flags = ARG_OPTIONAL | ARG_MULTIPLE,
     .token = "WEIGHTS"},
    {.name = "aggregate",
     .type = ARG_ONEOF,
     .flags = ARG_OPTIONAL,
     .token = "AGGREGATE",
     .sub = aggregate_words},
    {0},
};

const struct row zset_algebra_rows[] = {
    {
        .name = "zdiff",
        .run = zset_diff,
        .arity = -3,
        .flags = ROW_READONLY | ROW_MOVABLEKEYS,
        .acl = ACL_SORTEDSET,
        .keys = {ZSET_KEYS_COUNTED(1, KEY_RO | KEY_ACCESS)},
        .since = "6.2.0",
        .summary = "Lists the members of the first sorted set that none of the others has.",
        .complexity =
            "O(L + M log M), L being the members of the first set times the keys, M the result's",
        .group = GROUP_SORTED_SET,
        .args = zdiff_args,
    },
    {
        .name = "zdiffstore",
        .run = zset_diffstore,
        .arity = -4,
        .flags = ROW_WRITE | ROW_DENYOOM | ROW_MOVABLEKEYS,
        .acl = ACL_SORTEDSET,
        .keys = {KEY_IN(1, KEY_OW | KEY_UPDATE), ZSET_KEYS_COUNTED(2, KEY_RO | KEY_ACCESS)},
        .since = "6.2.0",
        .summary = "Makes a key what the first sorted set has and none of the others.",
        .complexity =
            "O(L + M log M), L being the members of the first set times the keys, M the result's",
        .group = GROUP_SORTED_SET,
        .args = zdiffstore_args,
    },
    {
        .name = "zinter",
        .run = zset_inter,
        .arity = -3,
        .flags = ROW_READONLY | ROW_MOVABLEKEYS,
        .acl = ACL_SORTEDSET,
        .keys = {ZSET_KEYS_COUNTED(1, KEY_RO | KEY_ACCESS)},
        .since = "6.2.0",
        .summary = "Lists the members that several sorted sets have in common.",
        .complexity =
            "O(N*K + M log M), N being the members of the smallest set, K the keys and M the result's",
        .group = GROUP_SORTED_SET,
        .args = zinter_args,
        .history = aggregate_history,
    },
    {
        .name = "zintercard",
        .run = zset_intercard,
        .arity = -3,
        .flags = ROW_READONLY | ROW_MOVABLEKEYS,
        .acl = ACL_SORTEDSET,
        .keys = {ZSET_KEYS_COUNTED(1, KEY_RO | KEY_ACCESS)},
        .since = "7.0.0",
        .summary = "Counts the members that several sorted sets have in common.",
        .complexity = "O(N*K), N being the members of the smallest set and K the keys",
        .group = GROUP_SORTED_SET,
        .args = zintercard_args,
    },
    {
        .name = "zinterstore",
        .run = zset_interstore,
        .arity = -4,
        .flags = ROW_WRITE | ROW_DENYOOM | ROW_MOVABLEKEYS,
        .acl = ACL_SORTEDSET,
        .keys = {KEY_IN(1, KEY_OW | KEY_UPDATE), ZSET_KEYS_COUNTED(2, KEY_RO | KEY_ACCESS)},
        .since = "2.0.0",
        .summary = "Makes a key the intersection of several sorted sets.",
        .complexity =
            "O(N*K + M log M), N being the members of the smallest set, K the keys and M the result's",
        .group = GROUP_SORTED_SET,
        .args = zinterstore_args,
        .history = aggregate_history,
    },
    {
        .name = "zunion",
        .run = zset_union,
        .arity = -3,
        .flags = ROW_READONLY | ROW_MOVABLEKEYS,
        .acl = ACL_SORTEDSET,
        .keys = {ZSET_KEYS_COUNTED(1, KEY_RO | KEY_ACCESS)},
        .since = "6.2.0",
        .summary = "Lists the members of any of several sorted sets.",
        .complexity = "O(N + M log M), N being the members of all sets and M the result's",
        .group = GROUP_SORTED_SET,
        .args = zinter_args,
        .history = aggregate_history,
    },
    {
        .name = "zunionstore",
        .run = zset_unionstore,
        .arity = -4,
        .flags = ROW_WRITE | ROW_DENYOOM | ROW_MOVABLEKEYS,
        .acl = ACL_SORTEDSET,
        .keys = {KEY_IN(1, KEY_OW | KEY_UPDATE), ZSET_KEYS_COUNTED(2, KEY_RO | KEY_ACCESS)},
        .since = "2.0.0",
        .summary = "Makes a key the union of several sorted sets.",
        .complexity = "O(N + M log M), N being the members of all sets and M the result's",
        .group = GROUP_SORTED_SET,
        .args = zinterstore_args,
        .history = aggregate_history,
    },
    {0},
};
