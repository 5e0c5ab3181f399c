/* cmd_hash_write.c - the commands that change hashes.
 *
 * Threads: the loop.
 * Specification: Redis 7.2's replies, errors and events; HGETDEL: Redis 8.0.
 */
#include <math.h>

#include "base/err.h"
#include "base/num.h"
#include "commands/cmd_hash_edit.h"
#include "core/ongoing.h"

/* -- HSET and the like --------------------------------------------------------------- */

/* A hash whose fields are being set. */
struct setting {
    struct entry *e;
    void (*reply)(struct reply *r, int64_t added); /* of HSET and HMSET */
    bool open;
    struct hash_edit ed;
};

/* Sets pairs in the hash of x->e, their times as in hash_edit_set, and says so. Returns how many
 * fields are new, or -1 with the error replied. Between the command's own arguments others may have
 * their turn, but not if the hash is a packed one, which may lie in the key. */
static int64_t set_pairs(struct ctx *c, struct setting *x, struct key k, struct hash_texts pairs,
                         int64_t time_ms, const char *event) {
    struct hash_edit *ed = &x->ed;
    bool own = pairs.v == c->argv + 2;
    int64_t added = 0;
    if (!hash_edit_begin(ed, c, k, x->e, (struct hash_plan){.set = pairs})) return -1;
    x->open = true;
    for (size_t i = 0; i < pairs.n; i += 2) {
        hash_prefetch(ed->large, pairs, i);
        added += hash_edit_set(ed, pairs.v[i], pairs.v[i + 1], time_ms);
        if (!own || !ed->large) continue;
        ongoing_rest(c);
        pairs.v = c->argv + 2;
    }
    if (own) ed->k = ctx_key(c, 1);
    x->open = false;
    hash_edit_finish(ed, event, NULL);
    if (pairs.n) ctx_counts(c, pairs.n / 2);
    return added;
}

static void set_each(struct ctx *c, void *state) {
    struct setting *x = state;
    struct hash_texts pairs = {c->argv + 2, (size_t)c->argc - 2, 2};
    int64_t added = set_pairs(c, x, ctx_key(c, 1), pairs, HASH_NO_TIME, "hset");
    if (added >= 0) x->reply(c->r, added);
}

static void drop_setting(void *state) {
    struct setting *x = state;
    if (x->open) hash_edit_drop(&x->ed);
}

static void set_arguments(struct ctx *c, void (*reply)(struct reply *r, int64_t added)) {
    struct setting x;
    x.reply = reply;
    x.open = false;
    if (c->argc % 2) {
        ctx_arity_error(c);
    } else if (hash_find(c, ctx_key(c, 1), &x.e)) {
        ongoing_command(c, &(struct ongoing_steps){.units = (uint64_t)c->argc,
                                                   .state = &x,
                                                   .state_bytes = sizeof x,
                                                   .body = set_each,
                                                   .drop = drop_setting});
    }
}

static void reply_added(struct reply *r, int64_t added) { reply_int(r, added); }
static void reply_done(struct reply *r, int64_t added) {
    (void)added;
    reply_ok(r);
}

void hash_set(struct ctx *c) { set_arguments(c, reply_added); }
void hash_mset(struct ctx *c) { set_arguments(c, reply_done); }

void hash_setnx(struct ctx *c) {
    struct setting x;
    struct lp_value value;
    struct key k = ctx_key(c, 1);
    struct hash_texts pair = {c->argv + 2, 2, 2};
    if (!hash_find(c, k, &x.e)) return;
    if (hash_view_get(hash_look(c, x.e), c->argv[2], &value)) {
        reply_int(c->r, 0);
    } else if (set_pairs(c, &x, k, pair, HASH_NO_TIME, "hset") >= 0) {
        reply_int(c->r, 1);
    }
}

static void tell_replaced(struct ctx *c, struct key k, struct hash_texts texts) {
    effect_delete(c, key_slice(k));
    effect_begin(c, 2 + texts.n);
    effect_word(c, "HSET");
    effect_bytes(c, key_slice(k));
    for (size_t i = 0; i < texts.n; i++) effect_bytes(c, texts.v[i]);
}

bool hash_replace(struct ctx *c, struct key k, const struct slice *pairs, size_t n) {
    struct hash_texts texts = {pairs, 2 * n, 2};
    struct setting x;
    x.e = NULL;
    if (set_pairs(c, &x, k, texts, HASH_NO_TIME, "hset") < 0) return false;
    db_set_expire(c->db, k, DB_NO_TTL);
    if (effects_wanted(c)) tell_replaced(c, k, texts);
    return true;
}

/* -- numbers ------------------------------------------------------------------------- */

/* Sets the field in argument 2 to a number as text; its time stays. False: an error was replied. */
static bool set_number(struct ctx *c, struct key k, struct entry *e, struct slice text,
                       const char *event) {
    struct slice pair[] = {c->argv[2], text};
    struct setting x;
    x.e = e;
    return set_pairs(c, &x, k, (struct hash_texts){pair, 2, 2}, HASH_KEEP_TIME, event) >= 0;
}

/* A float as it came out, whose time HSET takes: it is set again. */
static void tell_float(struct ctx *c, struct key k, struct slice text) {
    int64_t time_ms = HASH_NO_TIME;
    effect_begin(c, 4);
    effect_word(c, "HSET");
    effect_bytes(c, key_slice(k));
    effect_bytes(c, c->argv[2]);
    effect_bytes(c, text);
    hash_view_time(hash_look(c, db_peek(c->db, k)), c->argv[2], &time_ms);
    if (time_ms != HASH_NO_TIME) hash_tell_time(c, k, &c->argv[2], 1, time_ms);
}

void hash_incrby(struct ctx *c) {
    int64_t by, v = 0;
    struct entry *e;
    struct lp_value old;
    char text[NUM_INT_BYTES_MAX];
    struct key k = ctx_key(c, 1);
    if (!ctx_int(c, 3, &by) || !hash_find(c, k, &e)) return;
    if (hash_view_get(hash_look(c, e), c->argv[2], &old)) {
        v = old.i;
        if (old.text.p && !num_parse_i64(old.text, &v)) {
            reply_err(c->r, ERR_HASH_NOT_INT);
            return;
        }
    }
    if (__builtin_add_overflow(v, by, &v)) {
        reply_err(c->r, ERR_OVERFLOW);
        return;
    }
    if (set_number(c, k, e, slice_of(text, num_format_i64(text, v)), "hincrby")) {
        reply_int(c->r, v);
    }
}

void hash_incrbyfloat(struct ctx *c) {
    long double by, v = 0;
    struct entry *e;
    struct lp_value old;
    char text[NUM_FLOAT_BYTES_MAX];
    struct key k = ctx_key(c, 1);
    if (!num_parse_ld(c->argv[3], &by)) {
        reply_err(c->r, ERR_NOT_FLOAT);
        return;
    }
    if (!isfinite(by)) {
        reply_err(c->r, ERR_VALUE_NAN_OR_INF);
        return;
    }
    if (!hash_find(c, k, &e)) return;
    if (hash_view_get(hash_look(c, e), c->argv[2], &old)) {
        v = (long double)old.i;
        if (old.text.p && !num_parse_ld(old.text, &v)) {
            reply_err(c->r, ERR_HASH_NOT_FLOAT);
            return;
        }
    }
    v += by;
    if (!isfinite(v)) {
        reply_err(c->r, ERR_NAN_OR_INF);
        return;
    }
    struct slice s = slice_of(text, num_format_ld_human(text, v));
    if (!set_number(c, k, e, s, "hincrbyfloat")) return;
    if (effects_wanted(c)) tell_float(c, k, s);
    reply_bulk(c->r, s);
}

/* -- removal ------------------------------------------------------------------------- */

static void delete_each(struct ctx *c, void *state) {
    struct hash_edit ed;
    int64_t count = 0;
    struct entry *e = *(struct entry **)state;
    if (!hash_edit_begin(&ed, c, ctx_key(c, 1), e, (struct hash_plan){.times = 0})) return;
    for (int i = 2; i < c->argc; i++) {
        count += hash_edit_delete(&ed, c->argv[i]);
        ongoing_rest(c);
    }
    ed.k = ctx_key(c, 1);
    hash_edit_finish(&ed, "hdel", NULL);
    if (count) ctx_counts(c, (uint64_t)count);
    reply_int(c->r, count);
}

void hash_del(struct ctx *c) {
    struct entry *e;
    if (!hash_find(c, ctx_key(c, 1), &e)) return;
    if (e) {
        ongoing_edits(c, e, delete_each);
    } else {
        reply_int(c->r, 0);
    }
}

void hash_getdel(struct ctx *c) {
    struct hash_edit ed;
    struct entry *e;
    struct hash_texts fields;
    bool deleted = false;
    struct key k = ctx_key(c, 1);
    if (!hash_find(c, k, &e) || !hash_parse_fields(c, 2, HASH_NUMFIELDS_ERROR, &fields)) return;
    if (e && !hash_edit_begin(&ed, c, k, e, (struct hash_plan){.times = 0})) return;
    reply_array(c->r, fields.n);
    for (size_t i = 0; i < fields.n; i++) {
        if (!e) {
            reply_null(c->r);
        } else if (hash_reply_field(c->r, hash_edit_view(&ed), fields.v[i])) {
            deleted |= hash_edit_delete(&ed, fields.v[i]);
        } else {
            hash_edit_drop_past(&ed, fields.v[i]);
        }
    }
    if (e) hash_edit_finish(&ed, deleted ? "hdel" : NULL, NULL);
    if (effects_due(c)) hash_tell_deleted(c, k, fields);
}
