/* cmd_zset_cut.c - sorted sets: a run of ranks taken out. See cmd_zset_internal.h.
 *
 * C1  What is taken out of a large set is looked up member by member. Where that takes long, a
 *     worker copies what is left instead, and the old set is freed as a whole by another; but not
 *     if much more is left than goes, since then the copy would take much longer (core/offload).
 * Threads: the loop, but for compute_cut and what it calls.
 */
#include "base/nap.h"
#include "commands/cmd_zset_internal.h"
#include "core/effects.h"
#include "core/offload.h"

/* Members that may be copied for one that goes, and how many times the least that is offloaded has
 * to go in any case. */
#define LEFT_FOR_ONE_MAX 16
#define GONE_ALWAYS 20

/* A cut on its way (core/offload). */
struct cutting {
    struct zset_cut cut;
    struct zset_view v;
    struct slice name;       /* of the key, an argument */
    struct zset_value *left; /* NULL: nothing is */
};

static bool takes_all(const struct zset_cut *cut, struct zset_view v) {
    return cut->to - cut->from == zset_count(v);
}

/* The members [from, to) as the last ones of z. */
static void append(struct zset_value *z, struct zset_view v, uint64_t from, uint64_t to) {
    struct zset_iter it;
    struct zset_item item;
    if (from == to) return;
    zset_iter_start(&it, v, from, false);
    for (uint64_t n = to - from; n && zset_iter_next(&it, &item); n--)
        zset_value_push(z, RANK_LAST, item.member, item.score);
}

static void reply_popped(struct reply *r, const struct cutting *x) {
    const struct zset_cut *cut = &x->cut;
    struct zset_iter it;
    struct zset_item item;
    uint64_t n = cut->to - cut->from;
    bool pairs = cut->how == ZSET_POP_PAIRS || cut->how == ZSET_POP_NAMED_PAIRS;
    if (cut->how == ZSET_POP_NAMED_ONE) {
        reply_array(r, 3);
        reply_bulk(r, x->name);
    } else if (cut->how == ZSET_POP_NAMED_PAIRS) {
        reply_array(r, 2);
        reply_bulk(r, x->name);
    }
    if (cut->how != ZSET_POP_NAMED_ONE) reply_array(r, pairs ? n : 2 * n);
    if (!n) return;
    zset_iter_start(&it, x->v, cut->down ? cut->to - 1 : cut->from, cut->down);
    for (uint64_t i = 0; i < n && zset_iter_next(&it, &item); i++) {
        nap_step(i);
        if (pairs) reply_array(r, 2);
        reply_bulk(r, item.member);
        reply_double(r, item.score);
    }
}

static void compute_cut(void *state, struct reply *r) {
    struct cutting *x = state;
    if (x->cut.how) reply_popped(r, x);
    if (takes_all(&x->cut, x->v)) return;
    x->left = zset_value_new();
    append(x->left, x->v, 0, x->cut.from);
    append(x->left, x->v, x->cut.to, zset_count(x->v));
}

/* ZMPOP and those that wait, too. */
static void tell_pop(struct ctx *c, struct key k, const struct zset_cut *cut) {
    uint64_t n = cut->to - cut->from;
    effect_begin(c, n == 1 ? 2 : 3);
    effect_word(c, cut->down ? "ZPOPMAX" : "ZPOPMIN");
    effect_bytes(c, key_slice(k));
    if (n != 1) effect_int(c, (int64_t)n);
}

static void tell_cut(struct ctx *c, struct key k, const struct zset_cut *cut) {
    ctx_changed(c, k, FEED_ZSET, cut->event);
    ctx_counts(c, cut->to - cut->from);
}

static void commit_cut(struct ctx *c, void *state) {
    struct cutting *x = state;
    struct key k = ctx_key(c, x->cut.key);
    if (x->left) {
        db_put_object(c->db, k, TYPE_ZSET, x->left);
        x->left = NULL;
        tell_cut(c, k, &x->cut);
    } else {
        db_delete(c->db, k);
        tell_cut(c, k, &x->cut);
        ctx_deleted(c, k);
    }
    if (x->cut.how && effects_wanted(c)) tell_pop(c, k, &x->cut);
    if (!x->cut.how) reply_int(c->r, (int64_t)(x->cut.to - x->cut.from));
}

static void cut_drop(void *state) {
    struct cutting *x = state;
    if (x->left) zset_value_free(x->left);
}

/* Whether a worker is to copy what is left. */
static bool is_long(const struct ctx *c, const struct zset_cut *cut, struct zset_view v) {
    uint64_t gone = cut->to - cut->from, left = zset_count(v) - gone;
    if (v.packed || !gone || !offload_would(c, gone)) return false;
    if (!left) return cut->how;
    return gone >= left / LEFT_FOR_ONE_MAX || offload_would(c, gone / GONE_ALWAYS);
}

void zset_cut(struct ctx *c, struct zset_write *w, const struct zset_cut *cut) {
    struct cutting x = {*cut, zset_edit_view(&w->edit), c->argv[cut->key], NULL};
    if (is_long(c, cut, x.v)) {
        zset_edit_drop(&w->edit);
        offload(c, &(struct offload){
                       .units = zset_count(x.v),
                       .state = &x,
                       .state_bytes = sizeof x,
                       .compute = compute_cut,
                       .commit = commit_cut,
                       .drop = cut_drop,
                   });
        return;
    }
    if (cut->how) reply_popped(c->r, &x);
    if (cut->from < cut->to) {
        tell_cut(c, w->key, cut);
        if (cut->how && effects_wanted(c)) tell_pop(c, w->key, cut);
    }
    if (cut->from < cut->to && takes_all(cut, x.v)) {
        db_delete(c->db, w->key); /* whole, which costs no walk */
        ctx_deleted(c, w->key);
    } else {
        zset_edit_cut(&w->edit, cut->from, cut->to);
    }
    zset_write_close(c, w);
    if (!cut->how) reply_int(c->r, (int64_t)(cut->to - cut->from));
}

bool zset_pop(struct ctx *c, int key, const struct zset_pop *pop) {
    struct zset_write w;
    if (!zset_write_open(c, ctx_key(c, key), &w)) return true;
    uint64_t count = zset_count(zset_edit_view(&w.edit));
    uint64_t n = pop->count < count ? pop->count : count;
    if (!count) {
        zset_edit_drop(&w.edit);
        return false;
    }
    zset_cut(c, &w,
             &(struct zset_cut){
                 .key = key,
                 .from = pop->max ? count - n : 0,
                 .to = pop->max ? count : n,
                 .down = pop->max,
                 .how = pop->how,
                 .event = pop->max ? "zpopmax" : "zpopmin",
             });
    return true;
}
