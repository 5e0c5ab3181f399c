/* cmd_zset.c - sorted sets: their members and scores, one or a few at a time.
 *
 * N1  A command looks its key up once; if it changes nothing it copies nothing.
 * Threads: the loop.
 * To add a command: a handler, a row at the end of this file.
 * Specification: Redis 7.2's replies, errors and events.
 */
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/nap.h"
#include "base/random.h"
#include "commands/cmd_generic_internal.h"
#include "commands/cmd_zset_internal.h"
#include "commands/families.h"
#include "commands/scan_options.h"
#include "core/config.h"
#include "core/offload.h"
#include "core/ongoing.h"

/* -- what the family shares ---------------------------------------------------------- */

bool zset_read(struct ctx *c, int i, struct zset_view *v) {
    const struct entry *e = db_read(c->db, ctx_key(c, i));
    *v = zset_view_none;
    if (!ctx_is_type(c, e, TYPE_ZSET)) return false;
    if (e) *v = zset_view_of(e);
    return true;
}

struct zset_limits zset_limits(const struct ctx *c) {
    const struct config *conf = c->core->config;
    return (struct zset_limits){conf->zset_listpack_entries, conf->zset_listpack_bytes};
}

bool zset_write_open(struct ctx *c, struct key k, struct zset_write *w) {
    const struct entry *e = db_find(c->db, k);
    if (!ctx_is_type(c, e, TYPE_ZSET)) return false;
    w->key = k;
    w->exists = e;
    if (e) {
        zset_edit_open(&w->edit, zset_limits(c), zset_view_of(e), w->room, sizeof w->room);
    } else {
        zset_edit_new(&w->edit, zset_limits(c), w->room, sizeof w->room);
    }
    return true;
}

void zset_write_new(struct zset_write *w, struct zset_limits limits) {
    w->exists = false;
    zset_edit_new(&w->edit, limits, w->room, sizeof w->room);
}

/* The key takes over what the edit made. */
static void put_edit(struct ctx *c, struct zset_write *w) {
    struct zset_edit *e = &w->edit;
    if (e->value_is_new) {
        db_put_object(c->db, w->key, TYPE_ZSET, e->value);
        e->value = NULL;
    } else if (!e->value) {
        db_put_packed(c->db, w->key, TYPE_ZSET, ENC_LISTPACK, slice_of(e->buf.p, e->buf.len));
    }
}

void zset_write_close(struct ctx *c, struct zset_write *w) {
    if (w->edit.changed) {
        if (zset_count(zset_edit_view(&w->edit))) {
            put_edit(c, w);
        } else if (w->exists) {
            db_delete(c->db, w->key);
            ctx_deleted(c, w->key);
        }
    }
    zset_edit_drop(&w->edit);
}

void zset_write_store(struct ctx *c, struct zset_write *w, const char *event) {
    size_t count = zset_count(zset_edit_view(&w->edit));
    if (count) {
        put_edit(c, w);
        db_set_expire(c->db, w->key, DB_NO_TTL);
        ctx_changed(c, w->key, FEED_ZSET, event);
    } else if (db_delete(c->db, w->key)) {
        ctx_changed(c, w->key, FEED_GENERIC, "del");
    }
    zset_edit_drop(&w->edit);
    reply_int(c->r, (int64_t)count);
}

static void reply_member(struct reply *r, const struct zset_item *item, bool score) {
    if (score && r->proto == 3) reply_array(r, 2);
    reply_bulk(r, item->member);
    if (score) reply_double(r, item->score);
}

void zset_listing_begin(struct zset_listing *l, struct reply *r, struct zset_view v,
                        const struct zset_span *span) {
    uint64_t n = span->from < span->to ? span->to - span->from : 0;
    reply_array(r, span->scores && r->proto == 2 ? 2 * n : n);
    l->left = n;
    l->scores = span->scores;
    if (n) zset_iter_start(&l->next, v, span->down ? span->to - 1 : span->from, span->down);
}

bool zset_listing_more(struct zset_listing *l, struct reply *r) {
    struct zset_item item;
    while (l->left && !reply_is_full(r) && !nap_step(l->left) && zset_iter_next(&l->next, &item)) {
        reply_member(r, &item, l->scores);
        l->left--;
    }
    return l->left;
}

void zset_reply_span(struct reply *r, struct zset_view v, const struct zset_span *span) {
    struct zset_listing l;
    zset_listing_begin(&l, r, v, span);
    zset_listing_more(&l, r);
}

/* -- adding -------------------------------------------------------------------------- */

static unsigned add_flag(struct slice word) {
    static const struct {
        const char *word;
        unsigned flag;
    } words[] = {{"nx", ZSET_ADD_NX}, {"xx", ZSET_ADD_XX}, {"gt", ZSET_ADD_GT},
                 {"lt", ZSET_ADD_LT}, {"ch", ZSET_ADD_CH}, {"incr", ZSET_ADD_INCR}};
    if (word.n < 2 || (unsigned char)word.p[0] < 'A') return 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (slice_is(word, words[i].word)) return words[i].flag;
    }
    return 0;
}

static bool add_parse(struct ctx *c, struct zset_add *a) {
    unsigned flag, f;
    for (a->first = 2; a->first < c->argc && (flag = add_flag(c->argv[a->first])); a->first++)
        a->flags |= flag;
    f = a->flags;
    int words = c->argc - a->first;
    a->count = words / 2;
    if (!words || words % 2) {
        reply_err(c->r, ERR_SYNTAX);
    } else if (f & ZSET_ADD_NX && f & ZSET_ADD_XX) {
        reply_error(c->r, "ERR XX and NX options at the same time are not compatible");
    } else if ((f & ZSET_ADD_NX && f & (ZSET_ADD_GT | ZSET_ADD_LT)) ||
               (f & ZSET_ADD_GT && f & ZSET_ADD_LT)) {
        reply_error(c->r, "ERR GT, LT, and/or NX options at the same time are not compatible");
    } else if (f & ZSET_ADD_INCR && words > 2) {
        reply_error(c->r, "ERR INCR option supports a single increment-element pair");
    } else {
        return true;
    }
    return false;
}

/* What became of the members. */
struct added {
    int64_t added, updated;
    bool done;    /* INCR did something */
    double score; /* and this is what became of it */
};

/* One member; false if the score would not be a number. */
static bool add_member(struct zset_edit *e, unsigned flags, struct slice member, double score,
                       struct added *out) {
    struct zset_place place;
    zset_edit_find(e, member, &place);
    if (!place.found) {
        if (flags & ZSET_ADD_XX) return true;
        zset_edit_put(e, &place, member, score);
        out->added++;
    } else {
        if (flags & ZSET_ADD_NX) return true;
        if (flags & ZSET_ADD_INCR) score += place.score;
        if (isnan(score)) return false;
        if (flags & ZSET_ADD_LT && score >= place.score) return true;
        if (flags & ZSET_ADD_GT && score <= place.score) return true;
        if (score != place.score) {
            zset_edit_put(e, &place, member, score);
            out->updated++;
        }
    }
    out->done = true;
    out->score = score;
    return true;
}

static void add_reply(struct ctx *c, unsigned flags, const struct added *out) {
    if (!(flags & ZSET_ADD_INCR)) {
        reply_int(c->r, flags & ZSET_ADD_CH ? out->added + out->updated : out->added);
    } else if (out->done) {
        reply_double(c->r, out->score);
    } else {
        reply_null(c->r);
    }
}

#define SCORES_HERE 16 /* more are allocated */

struct adding {
    struct zset_add what;
    double *scores, here[SCORES_HERE];
    bool open;
    struct zset_write w;
};

/* The scores, before anything is added. */
static bool find_scores(struct ctx *c, struct adding *x) {
    const struct zset_add *a = &x->what;
    bool ok = true;
    x->scores = x->here;
    if (a->count > SCORES_HERE) x->scores = mem_alloc((size_t)a->count * sizeof *x->scores);
    for (int i = 0; ok && i < a->count; i++) {
        ok = a->score(c, a->first + a->step * i, &x->scores[i]);
        ongoing_rest(c);
    }
    return ok;
}

static void add_each(struct ctx *c, void *state) {
    struct adding *x = state;
    const struct zset_add *a = &x->what;
    struct zset_write *w = &x->w;
    struct added out = {0};
    bool number = true;
    int member = a->first + a->step - 1; /* the first one's argument */
    if (!find_scores(c, x) || !zset_write_open(c, ctx_key(c, 1), w)) return;
    x->open = true;
    /* Redis looks at no more than this to find the form at once. */
    if (w->exists || !(a->flags & ZSET_ADD_XX))
        zset_edit_expect(&w->edit, (size_t)a->count, w->exists ? 0 : c->argv[member].n);
    for (int i = 0; number && i < a->count; i++, member += a->step) {
        number = add_member(&w->edit, a->flags, c->argv[member], x->scores[i], &out);
        ongoing_rest(c);
    }
    w->key = ctx_key(c, 1);
    x->open = false;
    zset_write_close(c, w);
    if (number) {
        add_reply(c, a->flags, &out);
    } else {
        reply_error(c->r, "ERR resulting score is not a number (NaN)");
    }
    if (!(out.added + out.updated)) return;
    ctx_changed(c, w->key, FEED_ZSET, a->flags & ZSET_ADD_INCR ? "zincr" : "zadd");
    ctx_counts(c, (uint64_t)(out.added + out.updated));
}

static void drop_adding(void *state) {
    struct adding *x = state;
    if (x->open) zset_edit_drop(&x->w.edit);
    if (x->scores != x->here) mem_free(x->scores);
}

void zset_add_members(struct ctx *c, const struct zset_add *add) {
    struct adding x;
    x.what = *add;
    x.scores = NULL;
    x.open = false;
    ongoing_command(c, &(struct ongoing_steps){.units = (uint64_t)c->argc,
                                               .state = &x,
                                               .state_bytes = sizeof x,
                                               .body = add_each,
                                               .drop = drop_adding});
}

static bool score_in(struct ctx *c, int i, double *score) {
    if (num_parse_double(c->argv[i], score)) return true;
    reply_err(c->r, ERR_NOT_FLOAT);
    return false;
}

static void add_scored(struct ctx *c, unsigned flags) {
    struct zset_add a = {.flags = flags, .step = 2, .score = score_in};
    if (add_parse(c, &a)) zset_add_members(c, &a);
}

static void zset_add(struct ctx *c) { add_scored(c, 0); }
static void zset_incrby(struct ctx *c) { add_scored(c, ZSET_ADD_INCR); }

static void remove_each(struct ctx *c, void *state) {
    struct zset_write w;
    struct zset_place place;
    int64_t removed = 0;
    (void)state;
    if (!zset_write_open(c, ctx_key(c, 1), &w)) return;
    for (int i = 2; i < c->argc; i++) {
        ongoing_rest(c);
        zset_edit_find(&w.edit, c->argv[i], &place);
        if (!place.found) continue;
        zset_edit_remove(&w.edit, &place, c->argv[i]);
        removed++;
    }
    w.key = ctx_key(c, 1);
    if (removed) {
        ctx_changed(c, w.key, FEED_ZSET, "zrem");
        ctx_counts(c, (uint64_t)removed);
    }
    zset_write_close(c, &w);
    reply_int(c->r, removed);
}

static void zset_rem(struct ctx *c) {
    ongoing_edits(c, db_find(c->db, ctx_key(c, 1)), remove_each);
}

/* -- asking -------------------------------------------------------------------------- */

static void reply_score(struct ctx *c, struct zset_view v, struct slice member) {
    double score;
    if (zset_score(v, member, &score)) {
        reply_double(c->r, score);
    } else {
        reply_null(c->r);
    }
}

static void zset_score_of(struct ctx *c) {
    struct zset_view v;
    if (zset_read(c, 1, &v)) reply_score(c, v, c->argv[2]);
}

static void reply_scores(struct ctx *c, void *state) {
    const struct zset_view *v = state;
    reply_array(c->r, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) {
        reply_score(c, *v, c->argv[i]);
        ongoing_rest(c);
    }
}

static void zset_scores_of(struct ctx *c) {
    struct zset_view v;
    if (!zset_read(c, 1, &v)) return;
    ongoing_command(c, &(struct ongoing_steps){.units = v.value ? (uint64_t)c->argc : 0,
                                               .state = &v,
                                               .state_bytes = sizeof v,
                                               .body = reply_scores});
}

static void zset_card(struct ctx *c) {
    struct zset_view v;
    if (zset_read(c, 1, &v)) reply_int(c->r, (int64_t)zset_count(v));
}

static void rank_of(struct ctx *c, bool down) {
    struct zset_view v;
    uint64_t rank;
    double score;
    bool scored = c->argc == 4;
    if (c->argc > 4) {
        ctx_arity_error(c);
        return;
    }
    if (scored && !slice_is(c->argv[3], "withscore")) {
        reply_err(c->r, ERR_SYNTAX);
        return;
    }
    if (!zset_read(c, 1, &v)) return;
    if (!zset_rank(v, c->argv[2], &rank, &score)) {
        if (scored) {
            reply_null_array(c->r);
        } else {
            reply_null(c->r);
        }
        return;
    }
    if (scored) reply_array(c->r, 2);
    reply_int(c->r, (int64_t)(down ? zset_count(v) - 1 - rank : rank));
    if (scored) reply_double(c->r, score);
}

static void zset_rank_up(struct ctx *c) { rank_of(c, false); }
static void zset_rank_down(struct ctx *c) { rank_of(c, true); }

/* -- popping ------------------------------------------------------------------------- */

static void pop_one_key(struct ctx *c, bool max) {
    int64_t n = 1;
    if (c->argc > 3) {
        reply_err(c->r, ERR_SYNTAX);
        return;
    }
    if (c->argc == 3 && !ctx_int_range(c, 2, 0, INT64_MAX, &n, err_text(ERR_RANGE_POSITIVE))) {
        return;
    }
    bool pairs = c->r->proto == 3 && c->argc == 3;
    struct zset_pop pop = {max, pairs ? ZSET_POP_PAIRS : ZSET_POP_FLAT, (uint64_t)n};
    if (!zset_pop(c, 1, &pop)) reply_array(c->r, 0);
}

static void zset_popmin(struct ctx *c) { pop_one_key(c, false); }
static void zset_popmax(struct ctx *c) { pop_one_key(c, true); }

bool zset_mpop_parse(struct ctx *c, int at, struct zset_mpop *m) {
    int64_t keys, count = -1;
    if (!ctx_int_range(c, at, 1, INT64_MAX, &keys, "ERR numkeys should be greater than 0")) {
        return false;
    }
    if (keys > c->argc - at - 2) {
        reply_err(c->r, ERR_SYNTAX);
        return false;
    }
    *m = (struct zset_mpop){
        .first_key = at + 1, .key_count = (int)keys, .pop = {.how = ZSET_POP_NAMED_PAIRS}};
    int i = at + 1 + m->key_count;
    m->pop.max = slice_is(c->argv[i], "max");
    bool ok = m->pop.max || slice_is(c->argv[i], "min");
    for (i++; ok && i < c->argc; i += 2) {
        ok = count < 0 && i + 1 < c->argc && slice_is(c->argv[i], "count");
        if (ok &&
            !ctx_int_range(c, i + 1, 1, INT64_MAX, &count, "ERR count should be greater than 0")) {
            return false;
        }
    }
    if (!ok) reply_err(c->r, ERR_SYNTAX);
    m->pop.count = count < 0 ? 1 : (uint64_t)count;
    return ok;
}

bool zset_mpop_take(struct ctx *c, const struct zset_mpop *m) {
    for (int i = m->first_key; i < m->first_key + m->key_count; i++) {
        if (zset_pop(c, i, &m->pop)) return true;
    }
    return false;
}

static void zset_mpop(struct ctx *c) {
    struct zset_mpop m;
    if (zset_mpop_parse(c, 1, &m) && !zset_mpop_take(c, &m)) reply_null_array(c->r);
}

/* -- picking ------------------------------------------------------------------------- */

static int compare_ranks(const void *a, const void *b) {
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* n different ranks below `count`, every choice as likely, rising: Floyd's sample, with a hash
 * table of open addressing to know what was chosen. The caller frees. */
static uint64_t *sample_ranks(uint64_t n, uint64_t count) {
    size_t slots = 4;
    while (slots < 2 * n) slots *= 2;
    uint64_t *chosen = mem_calloc(slots * sizeof *chosen); /* ranks + 1 */
    uint64_t *ranks = mem_alloc(n * sizeof *ranks);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t top = count - n + i, pick = random_below(top + 1);
        for (;;) {
            size_t at = (pick * 0x9e3779b97f4a7c15u >> 32) & (slots - 1);
            while (chosen[at] && chosen[at] != pick + 1) at = (at + 1) & (slots - 1);
            if (!chosen[at]) {
                chosen[at] = pick + 1;
                break;
            }
            pick = top; /* which nobody could have chosen yet */
        }
        ranks[i] = pick;
    }
    mem_free(chosen);
    qsort(ranks, n, sizeof *ranks, compare_ranks);
    return ranks;
}

static bool item_at(struct zset_view v, uint64_t rank, struct zset_item *item) {
    struct zset_iter it;
    zset_iter_start(&it, v, rank, false);
    return zset_iter_next(&it, item);
}

/* Picks on their way (core/offload). */
struct picking {
    struct zset_view v;
    uint64_t n; /* with repetitions, still to be given */
    bool scores, repeated;
    bool whole;                  /* every member once */
    struct zset_listing listing; /* of that */
};

static void reply_sample(struct reply *r, const struct picking *x) {
    struct zset_view v = x->v;
    uint64_t n = x->n, *ranks = sample_ranks(n, zset_count(v)), rank = 0;
    struct zset_iter it;
    struct zset_item item;
    zset_iter_start(&it, v, 0, false);
    for (uint64_t i = 0; i < n && !nap_step(i); i++) {
        if (v.packed) {
            do zset_iter_next(&it, &item);
            while (rank++ < ranks[i]);
        } else {
            item_at(v, ranks[i], &item);
        }
        reply_member(r, &item, x->scores);
    }
    mem_free(ranks);
}

static bool more_picks(void *state, struct reply *r) {
    struct picking *x = state;
    struct zset_item item;
    uint64_t count = zset_count(x->v);
    if (x->whole) return zset_listing_more(&x->listing, r);
    if (!x->repeated) return false;
    for (; x->n && !nap_step(x->n); x->n--) {
        if (reply_is_full(r)) return true;
        item_at(x->v, random_below(count), &item);
        reply_member(r, &item, x->scores);
    }
    return false;
}

static void compute_picking(void *state, struct reply *r) {
    struct picking *x = state;
    if (x->whole) {
        uint64_t count = zset_count(x->v);
        zset_listing_begin(&x->listing, r, x->v, &(struct zset_span){0, count, true, x->scores});
        return;
    }
    reply_array(r, x->scores && r->proto == 2 ? 2 * x->n : x->n);
    if (!x->repeated) reply_sample(r, x);
}

static bool pick_parse(struct ctx *c, int64_t *n, bool *scores) {
    if (!ctx_int(c, 2, n)) return false;
    if (*n == INT64_MIN) {
        reply_errorf(c->r, "ERR value is out of range, value must between %lld and %lld",
                     -(long long)INT64_MAX, (long long)INT64_MAX);
        return false;
    }
    *scores = c->argc == 4;
    if (c->argc > 4 || (*scores && !slice_is(c->argv[3], "withscores"))) {
        reply_err(c->r, ERR_SYNTAX);
        return false;
    }
    if (*scores && (*n < -INT64_MAX / 2 || *n > INT64_MAX / 2)) {
        reply_err(c->r, ERR_OUT_OF_RANGE);
        return false;
    }
    return true;
}

static void zset_randmember(struct ctx *c) {
    struct picking x = {.scores = false};
    struct zset_item item;
    int64_t n = 1;
    if (c->argc > 2 && !pick_parse(c, &n, &x.scores)) return;
    if (!zset_read(c, 1, &x.v)) return;
    uint64_t count = zset_count(x.v);
    if (c->argc == 2) {
        if (count && item_at(x.v, random_below(count), &item)) {
            reply_bulk(c->r, item.member);
        } else {
            reply_null(c->r);
        }
        return;
    }
    if (!count || !n) {
        reply_array(c->r, 0);
        return;
    }
    x.repeated = n < 0;
    if (n < -RANDOM_PICKS_MAX) n = -RANDOM_PICKS_MAX;
    x.n = n < 0 ? (uint64_t)-n : (uint64_t)n;
    x.whole = !x.repeated && x.n >= count;
    offload(c, &(struct offload){
                   .units = x.whole ? count : x.n,
                   .state = &x,
                   .state_bytes = sizeof x,
                   .compute = compute_picking,
                   .more = more_picks,
               });
}

/* -- scanning ------------------------------------------------------------------------ */

struct scan_found {
    struct slice member;
    double score;
};

struct scan_step {
    const struct scan_options *options;
    struct reply *r;
    struct scan_found *found;
    size_t count, room;
};

static void reply_found(struct scan_step *step, struct slice member, double score) {
    char text[NUM_DOUBLE_BYTES_MAX];
    reply_bulk(step->r, member);
    reply_bulk(step->r, slice_of(text, num_format_double(text, score)));
}

/* A listpack is scanned in one step, so its members are replied as they come. */
static void scan_packed(void *ctx, struct slice member, double score) {
    struct scan_step *step = ctx;
    if (!scan_matches(step->options, member)) return;
    reply_found(step, member, score);
    step->count++;
}

/* The cursor goes out before the members, which are kept until then. */
static void scan_large(void *ctx, struct slice member, double score) {
    struct scan_step *step = ctx;
    if (!scan_matches(step->options, member)) return;
    if (step->count == step->room) {
        step->room = step->room ? 2 * step->room : 32;
        step->found = mem_realloc(step->found, step->room * sizeof *step->found);
    }
    step->found[step->count++] = (struct scan_found){member, score};
}

static void zset_scan_members(struct ctx *c) {
    struct zset_view v;
    struct scan_options o;
    struct scan_step step = {.options = &o, .r = c->r};
    uint64_t cursor;
    if (!scan_cursor_parse(c, 2, &cursor) || !zset_read(c, 1, &v)) return;
    if (!zset_count(v)) { /* as in Redis, the options are not looked at then */
        scan_reply_cursor(c, 0);
        reply_array(c->r, 0);
        return;
    }
    if (!scan_options_parse(c, 3, 0, &o)) return;
    if (v.packed) {
        scan_reply_cursor(c, 0);
        struct reply_mark mark = reply_begin(c->r);
        zset_scan(v, 0, (size_t)o.count, scan_packed, &step);
        reply_end_array(c->r, mark, 2 * step.count);
        return;
    }
    scan_reply_cursor(c, zset_scan(v, cursor, (size_t)o.count, scan_large, &step));
    reply_array(c->r, 2 * step.count);
    for (size_t i = 0; i < step.count; i++) {
        reply_found(&step, step.found[i].member, step.found[i].score);
    }
    mem_free(step.found);
}

/* -- rows ---------------------------------------------------------------------------- */

static const struct row_arg condition_words[] = {
    {.name = "nx", .type = ARG_PURE_TOKEN, .token = "NX"},
    {.name = "xx", .type = ARG_PURE_TOKEN, .token = "XX"},
    {0},
};
static const struct row_arg comparison_words[] = {
    {.name = "gt", .type = ARG_PURE_TOKEN, .token = "GT"},
    {.name = "lt", .type = ARG_PURE_TOKEN, .token = "LT"},
    {0},
};
static const struct row_arg score_member_parts[] = {
    {.name = "score", .type = ARG_DOUBLE},
    {.name = "member", .type = ARG_STRING},
    {0},
};
static const struct row_arg zadd_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "condition",
     .type = ARG_ONEOF,
     .flags = ARG_OPTIONAL,
     .since = "3.0.2",
     .sub = condition_words},
    {.name = "comparison",
     .type = ARG_ONEOF,
     .flags = ARG_OPTIONAL,
     .since = "6.2.0",
     .sub = comparison_words},
    {.name = "change",
     .type = ARG_PURE_TOKEN,
     .flags = ARG_OPTIONAL,
     .token = "CH",
     .since = "3.0.2"},
    {.name = "increment",
     .type = ARG_PURE_TOKEN,
     .flags = ARG_OPTIONAL,
     .token = "INCR",
     .since = "3.0.2"},
    {.name = "score_member", .type = ARG_BLOCK, .flags = ARG_MULTIPLE, .sub = score_member_parts},
    {0},
};
static const struct row_change zadd_history[] = {
    {"2.4.0", "Takes several members."},
    {"3.0.2", "Takes `XX`, `NX`, `CH` and `INCR`."},
    {"6.2.0", "Takes `GT` and `LT`."},
    {0},
};
static const struct row_arg zcard_args[] = {
    {.name = "key", .type = ARG_KEY},
    {0},
};
static const struct row_arg zincrby_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "increment", .type = ARG_INTEGER},
    {.name = "member", .type = ARG_STRING},
    {0},
};
static const struct row_arg where_words[] = {
    {.name = "min", .type = ARG_PURE_TOKEN, .token = "MIN"},
    {.name = "max", .type = ARG_PURE_TOKEN, .token = "MAX"},
    {0},
};
static const struct row_arg zmpop_args[] = {
    {.name = "numkeys", .type = ARG_INTEGER},
    {.name = "key", .type = ARG_KEY, .flags = ARG_MULTIPLE},
    {.name = "where", .type = ARG_ONEOF, .sub = where_words},
    {.name = "count", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "COUNT"},
    {0},
};
static const struct row_arg zmscore_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "member", .type = ARG_STRING, .flags = ARG_MULTIPLE},
    {0},
};
static const struct row_arg zpopmax_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "count", .type = ARG_INTEGER, .flags = ARG_OPTIONAL},
    {0},
};
static const struct row_arg options_parts[] = {
    {.name = "count", .type = ARG_INTEGER},
    {.name = "withscores", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "WITHSCORES"},
    {0},
};
static const struct row_arg zrandmember_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "options", .type = ARG_BLOCK, .flags = ARG_OPTIONAL, .sub = options_parts},
    {0},
};
static const char *const random_tips[] = {"nondeterministic_output", NULL};
static const struct row_arg zrank_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "member", .type = ARG_STRING},
    {.name = "withscore", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "WITHSCORE"},
    {0},
};
static const struct row_change zrank_history[] = {
    {"7.2.0", "Takes `WITHSCORE`."},
    {0},
};
static const struct row_change zrem_history[] = {
    {"2.4.0", "Takes several members."},
    {0},
};
static const struct row_arg zscan_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "cursor", .type = ARG_INTEGER},
    {.name = "pattern", .type = ARG_PATTERN, .flags = ARG_OPTIONAL, .token = "MATCH"},
    {.name = "count", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "COUNT"},
    {0},
};
static const struct row_arg zscore_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "member", .type = ARG_STRING},
    {0},
};

const struct row zset_rows[] = {
    {
        .name = "zadd",
        .run = zset_add,
        .member = 3,
        .takes_long = ongoing_has_many_arguments,
        .arity = -4,
        .flags = ROW_WRITE | ROW_DENYOOM | ROW_FAST,
        .acl = ACL_SORTEDSET,
        .keys = {KEY_IN(1, KEY_RW | KEY_UPDATE)},
        .since = "1.2.0",
        .summary =
            "Adds members with their scores to a sorted set, or changes the scores of those there.",
        .complexity = "O(log N) for each member, N being the size of the set",
        .group = GROUP_SORTED_SET,
        .args = zadd_args,
        .history = zadd_history,
    },
    {
        .name = "zcard",
        .run = zset_card,
        .arity = 2,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_SORTEDSET,
        .keys = {KEY_IN(1, KEY_RO)},
        .since = "1.2.0",
        .summary = "Counts the members of a sorted set.",
        .complexity = "O(1)",
        .group = GROUP_SORTED_SET,
        .args = zcard_args,
    },
    {
        .name = "zincrby",
        .run = zset_incrby,
        .member = 3,
        .arity = 4,
        .flags = ROW_WRITE | ROW_DENYOOM | ROW_FAST,
        .acl = ACL_SORTEDSET,
        .keys = {KEY_IN(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
        .since = "1.2.0",
        .summary = "Adds to the score of a member, which begins at 0.",
        .complexity = "O(log N), N being the size of the set",
        .group = GROUP_SORTED_SET,
        .args = zincrby_args,
    },
    {
        .name = "zmpop",
        .run = zset_mpop,
        .arity = -4,
        .flags = ROW_WRITE | ROW_MOVABLEKEYS,
        .acl = ACL_SORTEDSET,
        .keys = {ZSET_KEYS_COUNTED(1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
        .since = "7.0.0",
        .summary = "Removes and returns members from one end of the first sorted set that has any.",
        .complexity =
            "O(K + M log N), K being the keys, N the size of the set and M the members popped",
        .group = GROUP_SORTED_SET,
        .args = zmpop_args,
    },
    {
        .name = "zmscore",
        .run = zset_scores_of,
        .member = 2,
        .takes_long = ongoing_has_many_arguments,
        .arity = -3,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_SORTEDSET,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "6.2.0",
        .summary = "Tells the scores of several members.",
        .complexity = "O(N) in the number of members asked for",
        .group = GROUP_SORTED_SET,
        .args = zmscore_args,
    },
    {
        .name = "zpopmax",
        .run = zset_popmax,
        .arity = -2,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_SORTEDSET,
        .keys = {KEY_IN(1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
        .since = "5.0.0",
        .summary = "Removes and returns the members with the highest scores.",
        .complexity = "O(M log N), N being the size of the set and M the members popped",
        .group = GROUP_SORTED_SET,
        .args = zpopmax_args,
    },
    {
        .name = "zpopmin",
        .run = zset_popmin,
        .arity = -2,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_SORTEDSET,
        .keys = {KEY_IN(1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
        .since = "5.0.0",
        .summary = "Removes and returns the members with the lowest scores.",
        .complexity = "O(M log N), N being the size of the set and M the members popped",
        .group = GROUP_SORTED_SET,
        .args = zpopmax_args,
    },
    {
        .name = "zrandmember",
        .run = zset_randmember,
        .arity = -2,
        .flags = ROW_READONLY,
        .acl = ACL_SORTEDSET,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "6.2.0",
        .summary = "Returns members picked by chance.",
        .complexity = "O(N log S), N being the members returned and S the size of the set",
        .group = GROUP_SORTED_SET,
        .args = zrandmember_args,
        .tips = random_tips,
    },
    {
        .name = "zrank",
        .run = zset_rank_up,
        .member = 2,
        .arity = -3,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_SORTEDSET,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "2.0.0",
        .summary = "Tells how many members stand before a member, from the lowest score up.",
        .complexity = "O(log N), N being the size of the set",
        .group = GROUP_SORTED_SET,
        .args = zrank_args,
        .history = zrank_history,
    },
    {
        .name = "zrem",
        .run = zset_rem,
        .member = 2,
        .takes_long = ongoing_has_many_arguments,
        .arity = -3,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_SORTEDSET,
        .keys = {KEY_IN(1, KEY_RW | KEY_DELETE)},
        .since = "1.2.0",
        .summary = "Removes members from a sorted set.",
        .complexity = "O(M log N), N being the size of the set and M the members removed",
        .group = GROUP_SORTED_SET,
        .args = zmscore_args,
        .history = zrem_history,
    },
    {
        .name = "zrevrank",
        .run = zset_rank_down,
        .member = 2,
        .arity = -3,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_SORTEDSET,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "2.0.0",
        .summary = "Tells how many members stand before a member, from the highest score down.",
        .complexity = "O(log N), N being the size of the set",
        .group = GROUP_SORTED_SET,
        .args = zrank_args,
        .history = zrank_history,
    },
    {
        .name = "zscan",
        .run = zset_scan_members,
        .arity = -3,
        .flags = ROW_READONLY,
        .acl = ACL_SORTEDSET,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "2.8.0",
        .summary = "Lists members and scores, some at each call.",
        .complexity =
            "O(1) for a call; O(N) in the members for all calls until the cursor is 0 again",
        .group = GROUP_SORTED_SET,
        .args = zscan_args,
        .tips = random_tips,
    },
    {
        .name = "zscore",
        .run = zset_score_of,
        .member = 2,
        .arity = 3,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_SORTEDSET,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "1.2.0",
        .summary = "Tells the score of a member.",
        .complexity = "O(1)",
        .group = GROUP_SORTED_SET,
        .args = zscore_args,
    },
    {0},
};
