/* cmd_list_move.c - elements from one list to another, or from the first list that has any.
 *
 * M1  Elements are copied out of the source before anything is written; long ones are shared.
 * M2  The push is told before the pop, also within one list.
 * Threads: the loop.
 * Specification: Redis 7.2; LMOVEM of Redis 8.10.
 */
#include "base/assert.h"
#include "base/mem.h"
#include "commands/cmd_list_internal.h"

#define BATCH_SPACE_BYTES 256

/* Elements on their way, in the order that they have in the source. */
struct batch {
    struct list_item *items;
    uint64_t count;
    size_t bytes;
    struct list_item one;
    char *texts;
    char space[BATCH_SPACE_BYTES];
};

static struct slice element_text(const struct list_element *e, char digits[LP_INT_TEXT_BYTES]) {
    return lp_text(&e->value, digits);
}

/* Reads `count` elements, which must be there. */
static void batch_read(struct batch *b, const struct entry *e, uint64_t from, uint64_t count) {
    char digits[LP_INT_TEXT_BYTES];
    struct list_element element;
    size_t copied = 0;
    b->count = count;
    b->bytes = 0;
    b->items = count == 1 ? &b->one : mem_alloc(count * sizeof *b->items);
    struct list_cursor cursor = list_cursor(e, from, false);
    for (uint64_t i = 0; i < count; i++) {
        list_cursor_next(&cursor, &element);
        size_t n = element_text(&element, digits).n;
        b->bytes += n;
        if (!element.blob) copied += n;
    }
    b->texts = copied <= sizeof b->space ? b->space : mem_alloc(copied);
    char *to = b->texts;
    cursor = list_cursor(e, from, false);
    for (uint64_t i = 0; i < count; i++) {
        list_cursor_next(&cursor, &element);
        struct slice text = element_text(&element, digits);
        if (element.blob) {
            b->items[i] = (struct list_item){text, blob_ref(element.blob)};
            continue;
        }
        if (text.n) memcpy(to, text.p, text.n);
        b->items[i] = (struct list_item){slice_of(to, text.n), NULL};
        to += text.n;
    }
}

static void batch_reverse(struct batch *b) {
    for (uint64_t i = 0, k = b->count; i + 1 < k--; i++) {
        struct list_item item = b->items[i];
        b->items[i] = b->items[k];
        b->items[k] = item;
    }
}

static void batch_reply(const struct batch *b, struct reply *r, bool array) {
    if (array) reply_array(r, b->count);
    for (uint64_t i = 0; i < b->count; i++) {
        if (b->items[i].blob) {
            reply_bulk_blob(r, b->items[i].blob, b->items[i].text.n);
        } else {
            reply_bulk(r, b->items[i].text);
        }
    }
}

/* Pushes all, so that they stand in their order at the end; their references go. */
static void batch_push(const struct batch *b, struct list_edit *ed, bool last) {
    list_edit_grow(ed, b->bytes, b->count);
    for (uint64_t i = 0; i < b->count; i++)
        list_edit_push(ed, last, b->items[last ? i : b->count - 1 - i]);
}

static void batch_free(struct batch *b) {
    if (b->texts != b->space) mem_free(b->texts);
    if (b->items != &b->one) mem_free(b->items);
}

static const char *push_event(bool last) { return last ? "rpush" : "lpush"; }

static void move_batch(struct ctx *c, const struct list_move *m, const struct entry *e,
                       uint64_t count, const struct batch *b) {
    struct key from = ctx_key(c, 1), to = ctx_key(c, 2);
    bool same = slice_eq(c->argv[1], c->argv[2]);
    uint64_t index = m->from_last ? list_length(e) - count : 0;
    struct list_edit ed;
    if (same) {
        list_edit_open(&ed, c, from, e);
        list_edit_drop(&ed, index, count);
    } else {
        list_edit_open(&ed, c, to, db_find(c->db, to));
    }
    batch_push(b, &ed, m->to_last);
    list_edit_close(&ed, same, push_event(m->to_last));
    ctx_counts(c, 0); /* the pop counts */
    if (same) {
        ctx_changed(c, from, FEED_LIST, list_pop_event(m->from_last));
        ctx_counts(c, count);
    } else {
        list_take(c, from, db_find(c->db, from), index, count, list_pop_event(m->from_last));
    }
}

bool list_move(struct ctx *c, const struct list_move *m) {
    struct key from = ctx_key(c, 1);
    const struct entry *e = db_find(c->db, from);
    if (!e) return false;
    if (!ctx_is_type(c, e, TYPE_LIST)) return true;
    uint64_t length = list_length(e), count = m->max < length ? m->max : length;
    if (m->exactly && count < m->max) return false;
    if (!ctx_is_type(c, db_find(c->db, ctx_key(c, 2)), TYPE_LIST)) return true;
    e = db_find(c->db, from);
    struct batch b;
    batch_read(&b, e, m->from_last ? length - count : 0, count);
    if (m->one_by_one && m->from_last == m->to_last) batch_reverse(&b);
    batch_reply(&b, c->r, m->array);
    move_batch(c, m, e, count, &b);
    batch_free(&b);
    return true;
}

bool list_move_one(struct ctx *c, bool from_last, bool to_last) {
    return list_move(c, &(struct list_move){.from_last = from_last, .to_last = to_last, .max = 1});
}

void list_lmove(struct ctx *c) {
    bool from_last, to_last;
    if (!list_end(c, 3, &from_last) || !list_end(c, 4, &to_last)) return;
    if (!list_move_one(c, from_last, to_last)) reply_null(c->r);
}

void list_rpoplpush(struct ctx *c) {
    if (!list_move_one(c, true, false)) reply_null(c->r);
}

static bool count_arg(struct ctx *c, int i, uint64_t *count) {
    int64_t v;
    if (!ctx_int_range(c, i, 1, INT64_MAX, &v, "ERR count should be greater than 0")) return false;
    *count = (uint64_t)v;
    return true;
}

bool list_movem_parse(struct ctx *c, int at, struct list_move *m) {
    *m = (struct list_move){.max = 1, .array = true};
    if (!list_end(c, 3, &m->from_last) || !list_end(c, 4, &m->to_last)) return false;
    if (c->argc == at) return true;
    bool well_formed = c->argc == at + 3;
    if (well_formed) {
        m->exactly = slice_is(c->argv[at], "exactly");
        m->one_by_one = slice_is(c->argv[at + 2], "obo");
        well_formed = (m->exactly || slice_is(c->argv[at], "count")) &&
                      (m->one_by_one || slice_is(c->argv[at + 2], "bulk"));
    }
    if (!well_formed) {
        reply_err(c->r, ERR_SYNTAX);
        return false;
    }
    return count_arg(c, at + 1, &m->max);
}

void list_lmovem(struct ctx *c) {
    struct list_move m;
    if (list_movem_parse(c, 5, &m) && !list_move(c, &m)) reply_null_array(c->r);
}

/* Arguments behind the keys of LMPOP: the end and, perhaps, COUNT. */
static bool mpop_options(struct ctx *c, int i, bool *last, uint64_t *max) {
    bool counted = false;
    if (!list_end(c, i++, last)) return false;
    for (; i < c->argc; i++) {
        if (counted || !slice_is(c->argv[i], "count") || i + 1 >= c->argc) {
            reply_err(c->r, ERR_SYNTAX);
            return false;
        }
        if (!count_arg(c, ++i, max)) return false;
        counted = true;
    }
    return true;
}

bool list_mpop_parse(struct ctx *c, int at, struct list_mpop *m) {
    int64_t keys;
    if (!ctx_int_range(c, at, 1, INT64_MAX, &keys, "ERR numkeys should be greater than 0"))
        return false;
    if (keys >= c->argc - at - 1) {
        reply_err(c->r, ERR_SYNTAX);
        return false;
    }
    *m = (struct list_mpop){.first_key = at + 1, .key_count = (int)keys, .max = 1};
    return mpop_options(c, at + 1 + (int)keys, &m->last, &m->max);
}

void list_tell_pop(struct ctx *c, struct key k, bool last, uint64_t count) {
    effect_begin(c, count ? 3 : 2);
    effect_word(c, last ? "RPOP" : "LPOP");
    effect_bytes(c, key_slice(k));
    if (count) effect_int(c, (int64_t)count);
}

bool list_mpop_take(struct ctx *c, const struct list_mpop *m) {
    for (int i = m->first_key; i < m->first_key + m->key_count; i++) {
        const struct entry *e = db_find(c->db, ctx_key(c, i));
        if (!ctx_is_type(c, e, TYPE_LIST)) return true;
        if (!e) continue;
        list_pop_some(c, i, true, e, m->max, m->last);
        return true;
    }
    return false;
}

void list_lmpop(struct ctx *c) {
    struct list_mpop m;
    if (list_mpop_parse(c, 1, &m) && !list_mpop_take(c, &m)) reply_null_array(c->r);
}
