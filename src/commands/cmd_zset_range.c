/* cmd_zset_range.c - sorted sets: runs of members by rank, score or text.
 *
 * U1  Bounds of any kind become a run of ranks [from, to) first; all else is done with that.
 * Threads: the loop.
 * To add a kind of bounds: struct range, range_parse, range_ranks.
 * Specification: Redis 7.2's replies, errors and events.
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

/* -- bounds -------------------------------------------------------------------------- */

enum range_by { BY_RANK, BY_SCORE, BY_LEX };

/* One end of a range. */
struct bound {
    int64_t rank;
    double score;
    struct slice member;
    int side;  /* BY_LEX: -1 below all members, 1 above all, 0 at `member` */
    bool open; /* what equals the bound is outside */
};

struct range {
    enum range_by by;
    struct bound min, max;
};

#define SCORE_TEXT_MAX 64

/* A score as strtod reads it, which takes more than ZADD does: leading space, the empty text, what
 * overflows. As in Redis a zero byte ends it. */
static bool parse_score(struct slice text, struct bound *b) {
    char here[SCORE_TEXT_MAX], *copy = here, *end;
    b->open = text.n && text.p[0] == '(';
    if (text.n >= sizeof here) copy = mem_alloc(text.n + 1);
    if (text.n) memcpy(copy, text.p, text.n);
    copy[text.n] = 0;
    b->score = strtod(copy + b->open, &end);
    bool ok = !*end && !isnan(b->score);
    if (copy != here) mem_free(copy);
    return ok;
}

static bool parse_lex(struct slice text, struct bound *b) {
    if (!text.n) return false;
    char kind = text.p[0];
    *b = (struct bound){.member = slice_of(text.p + 1, text.n - 1)};
    b->side = kind == '-' ? -1 : kind == '+';
    b->open = kind == '(';
    if (b->side) return text.n == 1 || !text.p[1];
    return kind == '(' || kind == '[';
}

/* The bounds in two arguments; replies the error. */
static bool range_parse(struct ctx *c, int min, int max, struct range *r) {
    const struct slice *lo = &c->argv[min], *hi = &c->argv[max];
    switch (r->by) {
    case BY_RANK: return ctx_int(c, min, &r->min.rank) && ctx_int(c, max, &r->max.rank);
    case BY_SCORE:
        if (parse_score(*lo, &r->min) && parse_score(*hi, &r->max)) return true;
        reply_error(c->r, "ERR min or max is not a float");
        return false;
    default:
        if (parse_lex(*lo, &r->min) && parse_lex(*hi, &r->max)) return true;
        reply_error(c->r, "ERR min or max not valid string range item");
        return false;
    }
}

/* The rank that a bound by text stands before. */
static uint64_t lex_rank(struct zset_view v, const struct bound *b, bool after_equal) {
    if (b->side) return b->side < 0 ? 0 : zset_count(v);
    return zset_below_member(v, b->member, after_equal);
}

/* The run of ranks that a range is; from <= to. By rank, a reversed one counts from the top. */
static void range_ranks(struct zset_view v, const struct range *r, bool down, uint64_t *from,
                        uint64_t *to) {
    int64_t count = (int64_t)zset_count(v);
    if (r->by == BY_SCORE) {
        *from = zset_below(v, r->min.score, r->min.open);
        *to = zset_below(v, r->max.score, !r->max.open);
    } else if (r->by == BY_LEX) {
        *from = lex_rank(v, &r->min, r->min.open);
        *to = lex_rank(v, &r->max, !r->max.open);
    } else {
        int64_t first = r->min.rank < 0 ? r->min.rank + count : r->min.rank;
        int64_t last = r->max.rank < 0 ? r->max.rank + count : r->max.rank;
        if (first < 0) first = 0;
        if (last >= count) last = count - 1;
        if (last < first) first = count, last = count - 1;
        *from = (uint64_t)(down ? count - 1 - last : first);
        *to = (uint64_t)(down ? count - first : last + 1);
    }
    if (*to < *from) *to = *from;
}

/* -- counting ------------------------------------------------------------------------ */

static void count_range(struct ctx *c, enum range_by by) {
    struct range r = {.by = by};
    struct zset_view v;
    uint64_t from, to;
    if (!range_parse(c, 2, 3, &r) || !zset_read(c, 1, &v)) return;
    range_ranks(v, &r, false, &from, &to);
    reply_int(c->r, (int64_t)(to - from));
}

static void zset_count_scores(struct ctx *c) { count_range(c, BY_SCORE); }
static void zset_count_lex(struct ctx *c) { count_range(c, BY_LEX); }

/* -- reading ------------------------------------------------------------------------- */

/* A command of the ZRANGE family: what its name says, and what its arguments do. */
struct query {
    struct range range;
    bool by_given, down_given; /* by the name: the words that say so are not taken then */
    bool down, scores;
    int64_t offset, limit; /* limit below 0: none */
    int key;               /* argument; the bounds follow */
    bool store;            /* into argument 1 */
};

/* The word at argument i, and what belongs to it; returns how many arguments that was, 0 for a
 * syntax error, -1 for one that is replied. */
static int query_word(struct ctx *c, struct query *q, int i) {
    struct slice word = c->argv[i];
    if (!q->store && slice_is(word, "withscores")) {
        q->scores = true;
    } else if (slice_is(word, "limit") && i + 2 < c->argc) {
        return ctx_int(c, i + 1, &q->offset) && ctx_int(c, i + 2, &q->limit) ? 3 : -1;
    } else if (!q->down_given && slice_is(word, "rev")) {
        q->down = q->down_given = true;
    } else if (!q->by_given && slice_is(word, "bylex")) {
        q->range.by = BY_LEX;
        q->by_given = true;
    } else if (!q->by_given && slice_is(word, "byscore")) {
        q->range.by = BY_SCORE;
        q->by_given = true;
    } else {
        return 0;
    }
    return 1;
}

static bool query_parse(struct ctx *c, struct query *q) {
    q->limit = -1;
    for (int i = q->key + 3, n; i < c->argc; i += n) {
        n = query_word(c, q, i);
        if (n == 0) reply_err(c->r, ERR_SYNTAX);
        if (n <= 0) return false;
    }
    if (q->limit != -1 && q->range.by == BY_RANK) {
        reply_error(c->r, "ERR syntax error, LIMIT is only supported in combination with either "
                          "BYSCORE or BYLEX");
        return false;
    }
    if (q->scores && q->range.by == BY_LEX) {
        reply_error(c->r, "ERR syntax error, WITHSCORES not supported in combination with BYLEX");
        return false;
    }
    bool swapped = q->down && q->range.by != BY_RANK;
    return range_parse(c, q->key + 1 + swapped, q->key + 2 - swapped, &q->range);
}

/* What LIMIT leaves of a run. */
static void apply_limit(const struct query *q, uint64_t *from, uint64_t *to) {
    uint64_t n = *to - *from;
    if (q->range.by == BY_RANK) return;
    uint64_t skipped = q->offset < 0 || (uint64_t)q->offset > n ? n : (uint64_t)q->offset;
    uint64_t left = n - skipped;
    if (q->limit >= 0 && (uint64_t)q->limit < left) left = (uint64_t)q->limit;
    *from = q->down ? *to - skipped - left : *from + skipped;
    *to = *from + left;
}

/* A run on its way (core/offload). */
struct run {
    struct zset_view v;
    struct zset_span span;
    struct zset_limits limits;
    bool made; /* what ZRANGESTORE stores, in write */
    struct zset_write write;
    struct zset_listing listing;
};

static void compute_store(void *state, struct reply *r) {
    struct run *x = state;
    const struct zset_span *span = &x->span;
    struct zset_iter it;
    struct zset_item item;
    uint64_t n = span->to - span->from;
    (void)r;
    zset_write_new(&x->write, x->limits);
    x->made = true;
    zset_edit_expect(&x->write.edit, n, 0);
    if (n) zset_iter_start(&it, x->v, span->down ? span->to - 1 : span->from, span->down);
    for (; n && zset_iter_next(&it, &item); n--) {
        nap_step(n);
        enum rank_end end = span->down ? RANK_FIRST : RANK_LAST;
        zset_edit_push(&x->write.edit, end, item.member, item.score);
    }
}

static void commit_store(struct ctx *c, void *state) {
    struct run *x = state;
    x->made = false;
    x->write.key = ctx_key(c, 1);
    zset_write_store(c, &x->write, "zrangestore");
}

static void run_drop(void *state) {
    struct run *x = state;
    if (x->made) zset_edit_drop(&x->write.edit);
}

static void begin_reply(void *state, struct reply *r) {
    struct run *x = state;
    zset_listing_begin(&x->listing, r, x->v, &x->span);
}

static bool more_of_reply(void *state, struct reply *r) {
    return zset_listing_more(&((struct run *)state)->listing, r);
}

static void run_query(struct ctx *c, struct query *q) {
    struct run x;
    if (!query_parse(c, q) || !zset_read(c, q->key, &x.v)) return;
    x.span.down = q->down;
    x.span.scores = q->scores;
    x.made = false;
    x.limits = zset_limits(c);
    range_ranks(x.v, &q->range, q->down, &x.span.from, &x.span.to);
    apply_limit(q, &x.span.from, &x.span.to);
    offload(c, &(struct offload){
                   .units = x.span.to - x.span.from,
                   .state = &x,
                   .state_bytes = sizeof x,
                   .compute = q->store ? compute_store : begin_reply,
                   .more = q->store ? NULL : more_of_reply,
                   .commit = q->store ? commit_store : NULL,
                   .drop = run_drop,
               });
}

static void zset_range(struct ctx *c) { run_query(c, &(struct query){.key = 1}); }
static void zset_rangestore(struct ctx *c) {
    run_query(c, &(struct query){.key = 2, .store = true});
}

static void range_of(struct ctx *c, enum range_by by, bool down) {
    run_query(
        c, &(struct query){
               .range = {.by = by}, .by_given = true, .down = down, .down_given = true, .key = 1});
}

static void zset_revrange(struct ctx *c) { range_of(c, BY_RANK, true); }
static void zset_rangebyscore(struct ctx *c) { range_of(c, BY_SCORE, false); }
static void zset_revrangebyscore(struct ctx *c) { range_of(c, BY_SCORE, true); }
static void zset_rangebylex(struct ctx *c) { range_of(c, BY_LEX, false); }
static void zset_revrangebylex(struct ctx *c) { range_of(c, BY_LEX, true); }

/* -- removing ------------------------------------------------------------------------ */

static void remove_range(struct ctx *c, enum range_by by, const char *event) {
    struct range r = {.by = by};
    struct zset_write w;
    struct zset_cut cut = {.key = 1, .how = ZSET_POP_COUNTED, .event = event};
    if (!range_parse(c, 2, 3, &r) || !zset_write_open(c, ctx_key(c, 1), &w)) return;
    range_ranks(zset_edit_view(&w.edit), &r, false, &cut.from, &cut.to);
    zset_cut(c, &w, &cut);
}

static void zset_remrangebyrank(struct ctx *c) { remove_range(c, BY_RANK, "zremrangebyrank"); }
static void zset_remrangebyscore(struct ctx *c) { remove_range(c, BY_SCORE, "zremrangebyscore"); }
static void zset_remrangebylex(struct ctx *c) { remove_range(c, BY_LEX, "zremrangebylex"); }

/* -- rows ---------------------------------------------------------------------------- */

static const struct row_arg zcount_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "min", .type = ARG_DOUBLE},
    {.name = "max", .type = ARG_DOUBLE},
    {0},
};
static const struct row_arg zlexcount_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "min", .type = ARG_STRING},
    {.name = "max", .type = ARG_STRING},
    {0},
};
static const struct row_arg sortby_words[] = {
    {.name = "byscore", .type = ARG_PURE_TOKEN, .token = "BYSCORE"},
    {.name = "bylex", .type = ARG_PURE_TOKEN, .token = "BYLEX"},
    {0},
};
static const struct row_arg offset_count_parts[] = {
    {.name = "offset", .type = ARG_INTEGER},
    {.name = "count", .type = ARG_INTEGER},
    {0},
};
static const struct row_arg zrange_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "start", .type = ARG_STRING},
    {.name = "stop", .type = ARG_STRING},
    {.name = "sortby",
     .type = ARG_ONEOF,
     .flags = ARG_OPTIONAL,
     .since = "6.2.0",
     .sub = sortby_words},
    {.name = "rev",
     .type = ARG_PURE_TOKEN,
     .flags = ARG_OPTIONAL,
     .token = "REV",
     .since = "6.2.0"},
    {.name = "offset_count",
     .type = ARG_BLOCK,
     .flags = ARG_OPTIONAL,
     .token = "LIMIT",
     .since = "6.2.0",
     .sub = offset_count_parts},
    {.name = "withscores", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "WITHSCORES"},
    {0},
};
static const struct row_change zrange_history[] = {
    {"6.2.0", "Takes `REV`, `BYSCORE`, `BYLEX` and `LIMIT`."},
    {0},
};
static const struct row_arg zrangebylex_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "min", .type = ARG_STRING},
    {.name = "max", .type = ARG_STRING},
    {.name = "offset_count",
     .type = ARG_BLOCK,
     .flags = ARG_OPTIONAL,
     .token = "LIMIT",
     .sub = offset_count_parts},
    {0},
};
static const struct row_arg zrangebyscore_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "min", .type = ARG_DOUBLE},
    {.name = "max", .type = ARG_DOUBLE},
    {.name = "withscores",
     .type = ARG_PURE_TOKEN,
     .flags = ARG_OPTIONAL,
     .token = "WITHSCORES",
     .since = "2.0.0"},
    {.name = "offset_count",
     .type = ARG_BLOCK,
     .flags = ARG_OPTIONAL,
     .token = "LIMIT",
     .sub = offset_count_parts},
    {0},
};
static const struct row_change zrangebyscore_history[] = {
    {"2.0.0", "Takes `WITHSCORES`."},
    {0},
};
static const struct row_arg zrangestore_args[] = {
    {.name = "dst", .type = ARG_KEY},
    {.name = "src", .type = ARG_KEY, .key_spec = 1},
    {.name = "min", .type = ARG_STRING},
    {.name = "max", .type = ARG_STRING},
    {.name = "sortby", .type = ARG_ONEOF, .flags = ARG_OPTIONAL, .sub = sortby_words},
    {.name = "rev", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "REV"},
    {.name = "offset_count",
     .type = ARG_BLOCK,
     .flags = ARG_OPTIONAL,
     .token = "LIMIT",
     .sub = offset_count_parts},
    {0},
};
static const struct row_arg zremrangebyrank_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "start", .type = ARG_INTEGER},
    {.name = "stop", .type = ARG_INTEGER},
    {0},
};
static const struct row_arg zrevrange_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "start", .type = ARG_INTEGER},
    {.name = "stop", .type = ARG_INTEGER},
    {.name = "withscores", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "WITHSCORES"},
    {0},
};
static const struct row_arg zrevrangebylex_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "max", .type = ARG_STRING},
    {.name = "min", .type = ARG_STRING},
    {.name = "offset_count",
     .type = ARG_BLOCK,
     .flags = ARG_OPTIONAL,
     .token = "LIMIT",
     .sub = offset_count_parts},
    {0},
};
static const struct row_arg zrevrangebyscore_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "max", .type = ARG_DOUBLE},
    {.name = "min", .type = ARG_DOUBLE},
    {.name = "withscores", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "WITHSCORES"},
    {.name = "offset_count",
     .type = ARG_BLOCK,
     .flags = ARG_OPTIONAL,
     .token = "LIMIT",
     .sub = offset_count_parts},
    {0},
};
static const struct row_change zrevrangebyscore_history[] = {
    {"2.1.6", "Bounds can be exclusive."},
    {0},
};

const struct row zset_range_rows[] = {
    {
        .name = "zcount",
        .run = zset_count_scores,
        .arity = 4,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_SORTEDSET,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "2.0.0",
        .summary = "Counts the members whose scores lie between two bounds.",
        .complexity = "O(log N), N being the size of the set",
        .group = GROUP_SORTED_SET,
        .args = zcount_args,
    },
    {
        .name = "zlexcount",
        .run = zset_count_lex,
        .arity = 4,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_SORTEDSET,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "2.8.9",
        .summary = "Counts the members between two texts, where all scores are equal.",
        .complexity = "O(log N), N being the size of the set",
        .group = GROUP_SORTED_SET,
        .args = zlexcount_args,
    },
    {
        .name = "zrange",
        .run = zset_range,
        .arity = -4,
        .flags = ROW_READONLY,
        .acl = ACL_SORTEDSET,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "1.2.0",
        .summary = "Lists a run of members, by rank, score or text.",
        .complexity = "O(log N + M), N being the size of the set and M the members returned",
        .group = GROUP_SORTED_SET,
        .args = zrange_args,
        .history = zrange_history,
    },
    {
        .name = "zrangebylex",
        .run = zset_rangebylex,
        .arity = -4,
        .flags = ROW_READONLY,
        .acl = ACL_SORTEDSET,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "2.8.9",
        .summary = "Lists the members between two texts, where all scores are equal.",
        .complexity = "O(log N + M), N being the size of the set and M the members returned",
        .group = GROUP_SORTED_SET,
        .deprecated_since = "6.2.0",
        .replaced_by = "`ZRANGE` with the `BYLEX` argument",
        .args = zrangebylex_args,
    },
    {
        .name = "zrangebyscore",
        .run = zset_rangebyscore,
        .arity = -4,
        .flags = ROW_READONLY,
        .acl = ACL_SORTEDSET,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "1.0.5",
        .summary = "Lists the members whose scores lie between two bounds.",
        .complexity = "O(log N + M), N being the size of the set and M the members returned",
        .group = GROUP_SORTED_SET,
        .deprecated_since = "6.2.0",
        .replaced_by = "`ZRANGE` with the `BYSCORE` argument",
        .args = zrangebyscore_args,
        .history = zrangebyscore_history,
    },
    {
        .name = "zrangestore",
        .run = zset_rangestore,
        .arity = -5,
        .flags = ROW_WRITE | ROW_DENYOOM,
        .acl = ACL_SORTEDSET,
        .keys = {KEY_IN(1, KEY_OW | KEY_UPDATE), KEY_IN(2, KEY_RO | KEY_ACCESS)},
        .since = "6.2.0",
        .summary = "Makes a key the sorted set of a run of another one's members.",
        .complexity = "O(log N + M), N being the size of the set and M the members stored",
        .group = GROUP_SORTED_SET,
        .args = zrangestore_args,
    },
    {
        .name = "zremrangebylex",
        .run = zset_remrangebylex,
        .arity = 4,
        .flags = ROW_WRITE,
        .acl = ACL_SORTEDSET,
        .keys = {KEY_IN(1, KEY_RW | KEY_DELETE)},
        .since = "2.8.9",
        .summary = "Removes the members between two texts, where all scores are equal.",
        .complexity = "O(log N + M), N being the size of the set and M the members removed",
        .group = GROUP_SORTED_SET,
        .args = zlexcount_args,
    },
    {
        .name = "zremrangebyrank",
        .run = zset_remrangebyrank,
        .arity = 4,
        .flags = ROW_WRITE,
        .acl = ACL_SORTEDSET,
        .keys = {KEY_IN(1, KEY_RW | KEY_DELETE)},
        .since = "2.0.0",
        .summary = "Removes the members of a run of ranks.",
        .complexity = "O(log N + M), N being the size of the set and M the members removed",
        .group = GROUP_SORTED_SET,
        .args = zremrangebyrank_args,
    },
    {
        .name = "zremrangebyscore",
        .run = zset_remrangebyscore,
        .arity = 4,
        .flags = ROW_WRITE,
        .acl = ACL_SORTEDSET,
        .keys = {KEY_IN(1, KEY_RW | KEY_DELETE)},
        .since = "1.2.0",
        .summary = "Removes the members whose scores lie between two bounds.",
        .complexity = "O(log N + M), N being the size of the set and M the members removed",
        .group = GROUP_SORTED_SET,
        .args = zcount_args,
    },
    {
        .name = "zrevrange",
        .run = zset_revrange,
        .arity = -4,
        .flags = ROW_READONLY,
        .acl = ACL_SORTEDSET,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "1.2.0",
        .summary = "Lists a run of members by rank, from the highest score down.",
        .complexity = "O(log N + M), N being the size of the set and M the members returned",
        .group = GROUP_SORTED_SET,
        .deprecated_since = "6.2.0",
        .replaced_by = "`ZRANGE` with the `REV` argument",
        .args = zrevrange_args,
    },
    {
        .name = "zrevrangebylex",
        .run = zset_revrangebylex,
        .arity = -4,
        .flags = ROW_READONLY,
        .acl = ACL_SORTEDSET,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "2.8.9",
        .summary =
            "Lists the members between two texts, the last first, where all scores are equal.",
        .complexity = "O(log N + M), N being the size of the set and M the members returned",
        .group = GROUP_SORTED_SET,
        .deprecated_since = "6.2.0",
        .replaced_by = "`ZRANGE` with the `REV` and `BYLEX` arguments",
        .args = zrevrangebylex_args,
    },
    {
        .name = "zrevrangebyscore",
        .run = zset_revrangebyscore,
        .arity = -4,
        .flags = ROW_READONLY,
        .acl = ACL_SORTEDSET,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "2.2.0",
        .summary = "Lists the members whose scores lie between two bounds, the highest first.",
        .complexity = "O(log N + M), N being the size of the set and M the members returned",
        .group = GROUP_SORTED_SET,
        .deprecated_since = "6.2.0",
        .replaced_by = "`ZRANGE` with the `REV` and `BYSCORE` arguments",
        .args = zrevrangebyscore_args,
        .history = zrevrangebyscore_history,
    },
    {0},
};
