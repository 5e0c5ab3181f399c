/* cmd_hash_write.c - the commands that change hashes.
 *
 * W1  A packed hash that lies in its entry is edited in a copy, which replaces it at the end
 *     (struct edit); one in a blob, and a large one, in place, and then nothing fails. So a command
 *     that ends with an error has changed nothing.
 * W2  A hash becomes large when a field or a value is longer than hash-max-listpack-value, when
 *     it has more than hash-max-listpack-entries fields after a command that sets some, or a
 *     command brings more than that; it never becomes packed again.
 * Threads: the loop.
 * Specification: Redis 7.2's replies, errors and events; HGETDEL: Redis 8.0.
 */
#include <math.h>

#include "base/err.h"
#include "base/num.h"
#include "commands/cmd_hash_internal.h"
#include "core/config.h"

#define EDIT_STACK_BYTES 4096

/* -- the edit ------------------------------------------------------------------------ */

struct edit {
    struct ctx *c;
    struct key k;
    struct hash_value *large; /* NULL: packed */
    bool made;                /* `large` is not in the key yet */
    struct blob *own;         /* of the key: `packed` is in it; NULL: in a copy */
    struct lp_buf packed;
    uint8_t stack[EDIT_STACK_BYTES];
};

/* New texts of a command: pairs of them, or a single one. */
struct texts {
    const struct slice *v;
    size_t n;
};

/* Whether texts of these lengths make a packed hash large (W2). */
static bool outgrow(const struct config *conf, const uint8_t *packed, const struct texts *add) {
    size_t sum = 0;
    if ((int64_t)(add->n / 2) > conf->hash_listpack_entries) return true;
    for (size_t i = 0; i < add->n; i++) {
        if (add->v[i].n > (uint64_t)conf->hash_listpack_bytes) return true;
        sum += add->v[i].n;
    }
    return !lp_safe_to_add(packed, sum);
}

/* Copies the listpack, if any, into the edit's buffer. */
static bool edit_copy(struct edit *ed, struct slice old) {
    ed->packed = lp_buf_spill(ed->stack, 0, sizeof ed->stack);
    if (!old.n) return lp_init(&ed->packed);
    if (!lp_buf_room(&ed->packed, old.n)) return false;
    memcpy(ed->packed.p, old.p, old.n);
    ed->packed.len = old.n;
    return true;
}

/* What a text adds to a listpack beside its bytes, at most. */
#define TEXT_OVERHEAD_BYTES 11

/* Makes ed->packed the listpack of e, the entry or NULL, with room for the texts to be set. */
static bool edit_packed(struct edit *ed, struct entry *e, struct texts add) {
    size_t more = add.n * TEXT_OVERHEAD_BYTES;
    for (size_t i = 0; i < add.n; i++) more += add.v[i].n;
    ed->own = e ? db_own_packed(e, more) : NULL;
    if (!ed->own) return edit_copy(ed, e ? entry_packed(e) : slice_of(NULL, 0));
    ed->packed = lp_buf_fixed(ed->own->data, ed->own->len, ed->own->cap);
    return true;
}

/* Opens the hash in e, the entry of k or NULL, for `add` to be set. Replies and returns false when
 * that cannot be. */
static bool edit_begin(struct edit *ed, struct ctx *c, struct key k, struct entry *e,
                       struct texts add) {
    ed->c = c;
    ed->k = k;
    ed->large = NULL;
    ed->made = false;
    ed->own = NULL;
    ed->packed = lp_buf_heap();
    for (size_t i = 0; i < add.n; i++) {
        if (likely(add.v[i].n <= HASH_TEXT_BYTES_MAX)) continue;
        reply_err(c->r, ERR_STRING_LIMIT);
        return false;
    }
    if (e && entry_encoding(e) == ENC_OBJECT) {
        ed->large = entry_object(e);
        return true;
    }
    struct slice old = e ? entry_packed(e) : slice_of(NULL, 0);
    if (outgrow(c->core->config, (const uint8_t *)old.p, &add)) {
        ed->large = old.n ? hash_value_unpack((const uint8_t *)old.p) : hash_value_new();
        ed->made = true;
        return true;
    }
    if (edit_packed(ed, e, add)) return true;
    reply_err(c->r, ERR_NO_MEMORY);
    return false;
}

enum edit_set { EDIT_NO_MEMORY = -1, EDIT_REPLACED, EDIT_ADDED };

static enum edit_set edit_set(struct edit *ed, struct slice field, struct slice value) {
    if (ed->large) return hash_value_set(ed->large, field, value) ? EDIT_ADDED : EDIT_REPLACED;
    struct lp_buf *b = &ed->packed;
    struct lp_item item[2];
    size_t at = lp_find(b->p, lp_first(b->p), field, 1);
    item[1] = lp_item_text(value);
    if (at != LP_NONE) {
        return lp_replace(b, lp_after(b->p, at), &item[1]) ? EDIT_REPLACED : EDIT_NO_MEMORY;
    }
    item[0] = lp_item_text(field);
    return lp_append(b, item, 2) ? EDIT_ADDED : EDIT_NO_MEMORY;
}

static bool edit_delete(struct edit *ed, struct slice field) {
    if (ed->large) return hash_value_delete(ed->large, field);
    size_t at = lp_find(ed->packed.p, lp_first(ed->packed.p), field, 1);
    return at != LP_NONE && lp_delete(&ed->packed, at, 2);
}

static struct hash_view edit_view(const struct edit *ed) {
    return (struct hash_view){ed->large ? NULL : ed->packed.p, ed->large};
}

/* Ends the edit without effect. Not for one that changed a large hash of the key. */
static void edit_drop(struct edit *ed) {
    if (ed->made) hash_value_free(ed->large);
    lp_buf_free(&ed->packed);
}

/* Puts the listpack into the key, from which it has not gone if it was edited there: then it moves
 * only if it has become much smaller. */
static void put_packed(struct edit *ed) {
    struct blob *own = ed->own;
    if (own) {
        own->len = ed->packed.len;
        if (own->len > ENTRY_INLINE_BYTES_MAX && own->len >= own->cap / 2) return;
        if (!edit_copy(ed, slice_of(own->data, own->len))) return;
    }
    db_put_packed(ed->c->db, ed->k, TYPE_HASH, ENC_LISTPACK,
                  slice_of(ed->packed.p, ed->packed.len));
}

/* Puts what was edited into the key. */
static void edit_store(struct edit *ed) {
    if (!ed->large) {
        size_t entries_max = (size_t)ed->c->core->config->hash_listpack_entries;
        if (likely(lp_count(ed->packed.p) / 2 <= entries_max)) {
            put_packed(ed);
        } else {
            ed->large = hash_value_unpack(ed->packed.p);
            ed->made = true;
        }
    }
    if (ed->made) db_put_object(ed->c->db, ed->k, TYPE_HASH, ed->large);
    lp_buf_free(&ed->packed);
}

/* edit_store after deletions: a hash that lost all its fields goes. */
static void edit_store_rest(struct edit *ed) {
    bool empty = hash_view_count(edit_view(ed)) == 0;
    if (!empty && !ed->large) put_packed(ed);
    lp_buf_free(&ed->packed);
    if (empty) db_delete(ed->c->db, ed->k);
    ctx_changed(ed->c, ed->k, FEED_HASH, "hdel");
    if (empty) ctx_changed(ed->c, ed->k, FEED_GENERIC, "del");
}

/* The entry of the hash in argument 1, NULL if absent; false: another type, as replied. */
static inline bool find_hash(struct ctx *c, struct key k, struct entry **e) {
    *e = db_find(c->db, k);
    return ctx_is_type(c, *e, TYPE_HASH);
}

/* -- HSET and the like --------------------------------------------------------------- */

/* Sets n texts, fields and values in turn, in the hash of entry e and says so. Returns how many
 * fields are new, or -1 with the error replied. */
static int64_t set_pairs(struct ctx *c, struct key k, struct entry *e, struct texts pairs,
                         const char *event) {
    struct edit ed;
    int64_t added = 0;
    if (!edit_begin(&ed, c, k, e, pairs)) return -1;
    for (size_t i = 0; i < pairs.n; i += 2) {
        hash_prefetch(ed.large, pairs.v, pairs.n, i, 2);
        enum edit_set done = edit_set(&ed, pairs.v[i], pairs.v[i + 1]);
        if (unlikely(done == EDIT_NO_MEMORY)) {
            edit_drop(&ed);
            reply_err(c->r, ERR_NO_MEMORY);
            return -1;
        }
        added += done;
    }
    edit_store(&ed);
    ctx_changed(c, k, FEED_HASH, event);
    return added;
}

/* The pairs of HSET and HMSET; -1 likewise. */
static int64_t set_args(struct ctx *c) {
    struct entry *e;
    struct key k = ctx_key(c, 1);
    if (c->argc % 2) {
        ctx_arity_error(c);
        return -1;
    }
    if (!find_hash(c, k, &e)) return -1;
    return set_pairs(c, k, e, (struct texts){c->argv + 2, (size_t)c->argc - 2}, "hset");
}

void hash_set(struct ctx *c) {
    int64_t added = set_args(c);
    if (added >= 0) reply_int(c->r, added);
}

void hash_mset(struct ctx *c) {
    if (set_args(c) >= 0) reply_ok(c->r);
}

void hash_setnx(struct ctx *c) {
    struct entry *e;
    struct lp_value value;
    struct key k = ctx_key(c, 1);
    if (!find_hash(c, k, &e)) return;
    if (hash_view_get(hash_view_of(e), c->argv[2], &value)) {
        reply_int(c->r, 0);
    } else if (set_pairs(c, k, e, (struct texts){c->argv + 2, 2}, "hset") >= 0) {
        reply_int(c->r, 1);
    }
}

bool hash_replace(struct ctx *c, struct key k, const struct slice *pairs, size_t n) {
    if (set_pairs(c, k, NULL, (struct texts){pairs, 2 * n}, "hset") < 0) return false;
    db_set_expire(c->db, k, DB_NO_TTL);
    return true;
}

/* -- numbers ------------------------------------------------------------------------- */

/* Sets the field in argument 2 to a number as text. False: an error was replied. */
static bool set_number(struct ctx *c, struct key k, struct entry *e, struct slice text,
                       const char *event) {
    struct slice pair[] = {c->argv[2], text};
    return set_pairs(c, k, e, (struct texts){pair, 2}, event) >= 0;
}

void hash_incrby(struct ctx *c) {
    int64_t by, v = 0;
    struct entry *e;
    struct lp_value old;
    char text[NUM_INT_BYTES_MAX];
    struct key k = ctx_key(c, 1);
    if (!ctx_int(c, 3, &by) || !find_hash(c, k, &e)) return;
    if (hash_view_get(hash_view_of(e), c->argv[2], &old)) {
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
    if (!find_hash(c, k, &e)) return;
    if (hash_view_get(hash_view_of(e), c->argv[2], &old)) {
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
    if (set_number(c, k, e, s, "hincrbyfloat")) reply_bulk(c->r, s);
}

/* -- removal ------------------------------------------------------------------------- */

static const struct texts no_texts = {NULL, 0};

void hash_del(struct ctx *c) {
    struct edit ed;
    struct entry *e;
    int64_t count = 0;
    struct key k = ctx_key(c, 1);
    if (!find_hash(c, k, &e)) return;
    if (e) {
        if (!edit_begin(&ed, c, k, e, no_texts)) return;
        for (int i = 2; i < c->argc; i++) count += edit_delete(&ed, c->argv[i]);
        if (count) {
            edit_store_rest(&ed);
        } else {
            edit_drop(&ed);
        }
    }
    reply_int(c->r, count);
}

/* The fields of HGETDEL from argument 4 on; false: an error was replied. */
static bool getdel_fields(struct ctx *c) {
    int64_t count;
    if (!slice_is(c->argv[2], "fields")) {
        reply_error(c->r, "ERR Mandatory argument FIELDS is missing or not at the right position");
        return false;
    }
    if (!ctx_int_range(c, 3, 1, INT64_MAX, &count,
                       "ERR Number of fields must be a positive integer")) {
        return false;
    }
    if (count == c->argc - 4) return true;
    reply_error(c->r, "ERR The `numfields` parameter must match the number of arguments");
    return false;
}

void hash_getdel(struct ctx *c) {
    struct edit ed;
    struct entry *e;
    int64_t count = 0;
    struct key k = ctx_key(c, 1);
    if (!find_hash(c, k, &e) || !getdel_fields(c)) return;
    if (e && !edit_begin(&ed, c, k, e, no_texts)) return;
    reply_array(c->r, (size_t)c->argc - 4);
    for (int i = 4; i < c->argc; i++) {
        hash_reply_field(c->r, e ? edit_view(&ed) : hash_view_of(NULL), c->argv[i]);
        if (e) count += edit_delete(&ed, c->argv[i]);
    }
    if (count) {
        edit_store_rest(&ed);
    } else if (e) {
        edit_drop(&ed);
    }
}
