/* cmd_list.c - lists: pushing, popping, reading and editing one of them.
 *
 * Threads: the loop.
 * To add a command: a handler, a row at the end of this file.
 * Specification: Redis 7.2's replies, errors and events. The blocking forms are not here.
 */
#include "base/nap.h"
#include "base/num.h"
#include "commands/cmd_list_internal.h"
#include "commands/families.h"
#include "core/offload.h"
#include "core/ongoing.h"
#include "core/reply_run.h"

/* -- arguments and replies ----------------------------------------------------------- */

bool list_end(struct ctx *c, int i, bool *last) {
    *last = slice_is(c->argv[i], "right");
    if (*last || slice_is(c->argv[i], "left")) return true;
    reply_err(c->r, ERR_SYNTAX);
    return false;
}

static inline void reply_value(struct reply_run *run, const struct lp_value *v) {
    if (v->text.p) {
        reply_run_bulk(run, v->text);
    } else {
        reply_run_bulk_int(run, v->i);
    }
}

/* Replies what is left of the cursor's listpack, but at most so many elements; returns how many. */
static uint64_t reply_packed(struct reply *r, struct list_cursor *cursor, uint64_t max) {
    const uint8_t *lp = cursor->lp;
    size_t at = cursor->at, end = lp_end(lp);
    struct reply_run run = reply_run_begin(r, lp + end);
    uint64_t left = max;
    for (; left && at != end; left--) {
        struct lp_value v;
        at = lp_read(lp, at, &v);
        reply_value(&run, &v);
    }
    reply_run_end(&run);
    cursor->at = at == end ? LP_NONE : at;
    return max - left;
}

/* The same for a sealed chunk. */
static uint64_t reply_sealed(struct reply *r, struct list_cursor *cursor, uint64_t max) {
    struct lp_sealed_place place = cursor->sealed;
    struct reply_run run = reply_run_begin(r, place.end);
    uint64_t count = max < cursor->sealed_left ? max : cursor->sealed_left;
    for (uint64_t left = count; left; left--) {
        struct lp_value v = lp_sealed_next(&place);
        reply_value(&run, &v);
    }
    reply_run_end(&run);
    cursor->sealed = place;
    cursor->sealed_left -= count;
    return count;
}

uint64_t list_reply_some(struct reply *r, struct list_cursor *cursor, uint64_t count) {
    struct list_element element;
    while (count && !reply_is_full(r)) {
        if ((cursor->at != LP_NONE || cursor->sealed_left) && !cursor->backward) {
            count -= cursor->sealed_left ? reply_sealed(r, cursor, count)
                                         : reply_packed(r, cursor, count);
            if (nap_point()) break;
        } else if (list_cursor_next(cursor, &element)) {
            list_reply(r, &element);
            if (nap_step(count--)) break;
        }
    }
    return count;
}

void list_reply_range(struct reply *r, const struct entry *e, uint64_t index, uint64_t count,
                      bool backward) {
    reply_array(r, count);
    if (!count) return;
    struct list_cursor cursor = list_cursor(e, index, backward);
    list_reply_some(r, &cursor, count);
}

/* An index that counts from the end if negative; false if there is no such element. */
static bool index_in(int64_t index, uint64_t length, uint64_t *at) {
    if (index < 0) index += (int64_t)length;
    *at = (uint64_t)index;
    return index >= 0 && *at < length;
}

/* Redis' rule for a range; false if it is empty. */
static bool range_in(int64_t first, int64_t last, uint64_t length, uint64_t *from,
                     uint64_t *count) {
    int64_t n = (int64_t)length;
    if (first < 0) first += n;
    if (last < 0) last += n;
    if (first < 0) first = 0;
    if (last >= n) last = n - 1;
    *from = (uint64_t)first;
    *count = 0;
    if (first > last || first >= n) return false;
    *count = (uint64_t)(last - first + 1);
    return true;
}

/* -- the ends ------------------------------------------------------------------------ */

/* Elements on their way in. */
struct pushing {
    const struct entry *e;
    bool last, open;
    struct list_edit ed;
};

/* A small list is none to stop at: it is in the edit's own bytes. */
static void push_each(struct ctx *c, void *state) {
    struct pushing *x = state;
    size_t bytes = 0;
    for (int i = 2; i < c->argc; i++) bytes += c->argv[i].n;
    list_edit_open(&x->ed, c, ctx_key(c, 1), x->e);
    x->open = true;
    list_edit_grow(&x->ed, bytes, (uint64_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) {
        list_edit_push(&x->ed, x->last, list_arg(c, i));
        if (x->ed.object) ongoing_rest(c);
    }
    x->ed.k = ctx_key(c, 1);
    x->open = false;
    reply_int(c->r, (int64_t)list_edit_count(&x->ed));
    list_edit_close(&x->ed, false, x->last ? "rpush" : "lpush");
    ctx_counts(c, (uint64_t)c->argc - 2);
}

static void drop_pushing(void *state) {
    struct pushing *x = state;
    if (x->open) list_edit_cancel(&x->ed);
}

static __attribute__((noinline)) void push_by_steps(struct ctx *c, const struct entry *e,
                                                    bool last) {
    struct pushing x;
    x.e = e;
    x.last = last;
    x.open = false;
    ongoing_command(c, &(struct ongoing_steps){.units = (uint64_t)c->argc,
                                               .state = &x,
                                               .state_bytes = sizeof x,
                                               .body = push_each,
                                               .drop = drop_pushing});
}

static void push(struct ctx *c, bool last, bool existing_only) {
    struct key k = ctx_key(c, 1);
    const struct entry *e = db_find(c->db, k);
    if (!ctx_is_type(c, e, TYPE_LIST)) return;
    if (!e && existing_only) {
        reply_int(c->r, 0);
        return;
    }
    if (e && entry_encoding(e) == ENC_OBJECT && c->argc < ONGOING_UNITS_MIN) {
        struct list_value *l = entry_object(e);
        for (int i = 2; i < c->argc; i++) list_value_push(l, last, list_arg(c, i));
        ctx_changed(c, k, FEED_LIST, last ? "rpush" : "lpush");
        ctx_counts(c, (uint64_t)c->argc - 2);
        reply_int(c->r, (int64_t)list_value_count(l));
        return;
    }
    push_by_steps(c, e, last);
}

static void list_lpush(struct ctx *c) { push(c, false, false); }
static void list_rpush(struct ctx *c) { push(c, true, false); }
static void list_lpushx(struct ctx *c) { push(c, false, true); }
static void list_rpushx(struct ctx *c) { push(c, true, true); }

/* Elements on their way out (core/offload): a worker replies them. */
struct popping {
    const struct entry *e;
    uint64_t length, count;
    int key; /* argument */
    bool named, last;
    struct slice name;
};

static void compute_popping(void *state, struct reply *r) {
    const struct popping *x = state;
    if (x->named) {
        reply_array(r, 2);
        reply_bulk(r, x->name);
    }
    list_reply_range(r, x->e, x->last ? x->length - 1 : 0, x->count, x->last);
}

static void commit_popping(struct ctx *c, void *state) {
    const struct popping *x = state;
    if (!x->count) return;
    list_take(c, ctx_key(c, x->key), x->e, x->last ? x->length - x->count : 0, x->count,
              list_pop_event(x->last));
    if (effects_wanted(c)) list_tell_pop(c, ctx_key(c, x->key), x->last, x->count);
}

void list_pop_some(struct ctx *c, int key, bool named, const struct entry *e, uint64_t max,
                   bool last) {
    struct popping x = {.e = e, .length = list_length(e), .key = key, .named = named, .last = last};
    x.count = max < x.length ? max : x.length;
    x.name = c->argv[key];
    offload(c, &(struct offload){
                   .units = x.count,
                   .state = &x,
                   .state_bytes = sizeof x,
                   .compute = compute_popping,
                   .commit = commit_popping,
               });
}

static void pop(struct ctx *c, bool last) {
    bool counted = c->argc > 2;
    int64_t max = 1;
    if (c->argc > 3) {
        ctx_arity_error(c);
        return;
    }
    if (counted && !ctx_int_range(c, 2, 0, INT64_MAX, &max, err_text(ERR_RANGE_POSITIVE))) return;
    struct key k = ctx_key(c, 1);
    const struct entry *e = db_find(c->db, k);
    if (!e) {
        if (counted) {
            reply_null_array(c->r);
        } else {
            reply_null(c->r);
        }
        return;
    }
    if (!ctx_is_type(c, e, TYPE_LIST)) return;
    if (counted) {
        list_pop_some(c, 1, false, e, (uint64_t)max, last);
        return;
    }
    uint64_t length = list_length(e);
    struct list_element element;
    struct list_cursor cursor = list_cursor(e, last ? length - 1 : 0, last);
    list_cursor_next(&cursor, &element);
    list_reply(c->r, &element);
    list_take(c, k, e, last ? length - 1 : 0, 1, list_pop_event(last));
}

static void list_lpop(struct ctx *c) { pop(c, false); }
static void list_rpop(struct ctx *c) { pop(c, true); }

/* -- reading ------------------------------------------------------------------------- */

static void list_llen(struct ctx *c) {
    const struct entry *e = db_read(c->db, ctx_key(c, 1));
    if (!ctx_is_type(c, e, TYPE_LIST)) return;
    reply_int(c->r, e ? (int64_t)list_length(e) : 0);
}

static void list_lindex(struct ctx *c) {
    int64_t index;
    uint64_t at;
    const struct entry *e = db_read(c->db, ctx_key(c, 1));
    if (!e) {
        reply_null(c->r);
        return;
    }
    if (!ctx_is_type(c, e, TYPE_LIST) || !ctx_int(c, 2, &index)) return;
    if (!index_in(index, list_length(e), &at)) {
        reply_null(c->r);
        return;
    }
    struct list_element element;
    struct list_cursor cursor = list_cursor(e, at, false);
    list_cursor_next(&cursor, &element);
    list_reply(c->r, &element);
}

/* A run of elements on its way (core/offload). */
struct run {
    const struct entry *e;
    uint64_t from, count;
    struct list_cursor cursor; /* of the next element, `count` being left */
};

static void begin_run(void *state, struct reply *r) {
    struct run *x = state;
    reply_array(r, x->count);
    x->cursor = list_cursor(x->e, x->from, false);
}

static bool more_of_run(void *state, struct reply *r) {
    struct run *x = state;
    x->count = list_reply_some(r, &x->cursor, x->count);
    return x->count;
}

static void list_lrange(struct ctx *c) {
    int64_t first, last;
    struct run x;
    if (!ctx_int(c, 2, &first) || !ctx_int(c, 3, &last)) return;
    x.e = db_read(c->db, ctx_key(c, 1));
    if (!ctx_is_type(c, x.e, TYPE_LIST)) return;
    if (!x.e || !range_in(first, last, list_length(x.e), &x.from, &x.count)) {
        reply_array(c->r, 0);
        return;
    }
    offload(c, &(struct offload){
                   .units = x.count,
                   .state = &x,
                   .state_bytes = sizeof x,
                   .compute = begin_run,
                   .more = more_of_run,
               });
}

struct lpos {
    int64_t rank;    /* below zero: counted from the end */
    int64_t matches; /* to be found; 0: all */
    int64_t max;     /* elements to be looked at; 0: all */
    bool counted;
    struct slice wanted;   /* an argument */
    const struct entry *e; /* NULL: no list */
};

static bool lpos_rank(struct ctx *c, int i, int64_t *rank) {
    if (!ctx_int(c, i, rank)) return false;
    if (*rank == INT64_MIN) {
        reply_error(c->r, "ERR value is out of range, value must between -9223372036854775807 "
                          "and 9223372036854775807");
        return false;
    }
    if (*rank) return true;
    reply_error(c->r, "ERR RANK can't be zero: use 1 to start from the first match, 2 from the "
                      "second ... or use negative to start from the end of the list");
    return false;
}

static bool lpos_options(struct ctx *c, struct lpos *o) {
    for (int i = 3; i < c->argc; i++) {
        struct slice word = c->argv[i];
        if (++i >= c->argc) break;
        if (slice_is(word, "rank")) {
            if (!lpos_rank(c, i, &o->rank)) return false;
        } else if (slice_is(word, "count")) {
            o->counted = true;
            if (!ctx_int_range(c, i, 0, INT64_MAX, &o->matches, "ERR COUNT can't be negative"))
                return false;
        } else if (slice_is(word, "maxlen")) {
            if (!ctx_int_range(c, i, 0, INT64_MAX, &o->max, "ERR MAXLEN can't be negative"))
                return false;
        } else {
            reply_err(c->r, ERR_SYNTAX);
            return false;
        }
    }
    if (c->argc % 2) return true;
    reply_err(c->r, ERR_SYNTAX);
    return false;
}

/* Replies the indexes, one after the other; returns how many there are. */
static size_t lpos_find(struct reply *r, const struct lpos *o) {
    const struct entry *e = o->e;
    bool backward = o->rank < 0;
    int64_t rank = backward ? -o->rank : o->rank, seen = 0, found = 0;
    uint64_t length = list_length(e);
    struct list_element element;
    struct list_cursor cursor = list_cursor(e, backward ? length - 1 : 0, backward);
    for (; (!o->max || seen < o->max) && list_cursor_next(&cursor, &element); seen++) {
        if (nap_step((uint64_t)seen)) break;
        if (!list_element_is(&element, o->wanted) || ++found < rank) continue;
        reply_int(r, backward ? (int64_t)length - 1 - seen : seen);
        if (o->matches && found - rank + 1 >= o->matches) break;
    }
    return found >= rank ? (size_t)(found - rank + 1) : 0;
}

static void compute_lpos(void *state, struct reply *r) {
    const struct lpos *o = state;
    if (!o->counted) {
        if (!o->e || !lpos_find(r, o)) reply_null(r);
        return;
    }
    struct reply_mark mark = reply_begin(r);
    reply_end_array(r, mark, o->e ? lpos_find(r, o) : 0);
}

static void list_lpos(struct ctx *c) {
    struct lpos o = {.rank = 1, .matches = 1, .wanted = c->argv[2]};
    if (!lpos_options(c, &o)) return;
    o.e = db_read(c->db, ctx_key(c, 1));
    if (!ctx_is_type(c, o.e, TYPE_LIST)) return;
    uint64_t units = o.e ? list_length(o.e) : 0;
    if (o.max && (uint64_t)o.max < units) units = (uint64_t)o.max;
    offload(c, &(struct offload){
                   .units = units,
                   .state = &o,
                   .state_bytes = sizeof o,
                   .compute = compute_lpos,
               });
}

/* -- the middle ---------------------------------------------------------------------- */

static void list_lset(struct ctx *c) {
    int64_t index;
    uint64_t at;
    struct key k = ctx_key(c, 1);
    const struct entry *e = db_find(c->db, k);
    if (!e) {
        reply_err(c->r, ERR_NO_KEY);
        return;
    }
    if (!ctx_is_type(c, e, TYPE_LIST) || !ctx_int(c, 2, &index)) return;
    if (!index_in(index, list_length(e), &at)) {
        reply_err(c->r, ERR_INDEX_RANGE);
        return;
    }
    struct list_edit ed;
    list_edit_open(&ed, c, k, e);
    list_edit_grow(&ed, c->argv[3].n, 1);
    list_edit_replace(&ed, at, list_arg(c, 3));
    list_edit_close(&ed, true, "lset");
    reply_ok(c->r);
}

/* The index of the first element that equals s, or the length. */
static uint64_t index_of(const struct entry *e, struct slice s) {
    struct list_element element;
    struct list_cursor cursor = list_cursor(e, 0, false);
    uint64_t i = 0;
    while (list_cursor_next(&cursor, &element) && !list_element_is(&element, s)) {
        i++;
        nap_step(i);
    }
    return i;
}

/* An insertion, whose place is looked for. */
struct insertion {
    const struct entry *e;
    struct slice pivot; /* an argument */
    bool after;
    uint64_t at; /* of the pivot; the length: there is none */
};

static void compute_insertion(void *state, struct reply *r) {
    struct insertion *x = state;
    (void)r;
    x->at = index_of(x->e, x->pivot);
}

static void commit_insertion(struct ctx *c, void *state) {
    const struct insertion *x = state;
    struct key k = ctx_key(c, 1);
    uint64_t length = list_length(x->e);
    if (x->at == length) {
        reply_int(c->r, -1);
        return;
    }
    struct list_edit ed;
    list_edit_open(&ed, c, k, x->e);
    list_edit_grow(&ed, c->argv[4].n, 1);
    list_edit_insert(&ed, x->at + x->after, list_arg(c, 4));
    list_edit_close(&ed, false, "linsert");
    reply_int(c->r, (int64_t)length + 1);
}

static void list_linsert(struct ctx *c) {
    bool after = slice_is(c->argv[2], "after");
    if (!after && !slice_is(c->argv[2], "before")) {
        reply_err(c->r, ERR_SYNTAX);
        return;
    }
    struct key k = ctx_key(c, 1);
    const struct entry *e = db_find(c->db, k);
    if (!e) {
        reply_int(c->r, 0);
        return;
    }
    if (!ctx_is_type(c, e, TYPE_LIST)) return;
    struct insertion x = {.e = e, .pivot = c->argv[3], .after = after};
    offload(c, &(struct offload){
                   .units = list_length(e),
                   .state = &x,
                   .state_bytes = sizeof x,
                   .compute = compute_insertion,
                   .commit = commit_insertion,
               });
}

/* LREM of a long list, for which a worker makes the list that is left. */
struct removal {
    const struct entry *e;
    struct slice s; /* an argument */
    uint64_t max, removed;
    bool backward;
    struct list_value *left; /* NULL: nothing was removed */
};

static void compute_removal(void *state, struct reply *r) {
    struct removal *x = state;
    (void)r;
    if (index_of(x->e, x->s) == list_length(x->e)) return;
    x->left = list_value_copy(entry_object(x->e));
    x->removed = list_value_remove(x->left, x->s, x->max, x->backward);
}

static void commit_removal(struct ctx *c, void *state) {
    struct removal *x = state;
    struct key k = ctx_key(c, 1);
    if (x->removed) {
        struct list_edit ed;
        db_put_object(c->db, k, TYPE_LIST, x->left);
        x->left = NULL;
        list_edit_open(&ed, c, k, db_find(c->db, k));
        list_edit_close(&ed, true, "lrem");
    }
    reply_int(c->r, (int64_t)x->removed);
}

static void removal_drop(void *state) {
    struct removal *x = state;
    if (x->left) list_value_free(x->left);
}

/* Bytes of elements that cost as much to be looked at and freed as another element does. */
#define UNIT_BYTES 1024

static void list_lrem(struct ctx *c) {
    int64_t count;
    if (!ctx_int(c, 2, &count)) return;
    struct key k = ctx_key(c, 1);
    const struct entry *e = db_find(c->db, k);
    if (!ctx_is_type(c, e, TYPE_LIST)) return;
    uint64_t max = count < 0 ? -(uint64_t)count : (uint64_t)count;
    bool large = e && entry_encoding(e) == ENC_OBJECT;
    uint64_t units = large ? list_length(e) + list_value_memory(entry_object(e)) / UNIT_BYTES : 0;
    if (large && offload_would(c, units)) {
        struct removal x = {
            .e = e, .s = c->argv[3], .max = max ? max : UINT64_MAX, .backward = count < 0};
        offload(c, &(struct offload){
                       .units = units,
                       .state = &x,
                       .state_bytes = sizeof x,
                       .compute = compute_removal,
                       .commit = commit_removal,
                       .drop = removal_drop,
                   });
        return;
    }
    if (!e || index_of(e, c->argv[3]) == list_length(e)) {
        reply_int(c->r, 0);
        return;
    }
    struct list_edit ed;
    list_edit_open(&ed, c, k, e);
    uint64_t removed = list_edit_remove(&ed, c->argv[3], max ? max : UINT64_MAX, count < 0);
    list_edit_close(&ed, true, "lrem");
    reply_int(c->r, (int64_t)removed);
}

static void list_ltrim(struct ctx *c) {
    int64_t first, last;
    uint64_t from, count;
    if (!ctx_int(c, 2, &first) || !ctx_int(c, 3, &last)) return;
    struct key k = ctx_key(c, 1);
    const struct entry *e = db_find(c->db, k);
    if (!ctx_is_type(c, e, TYPE_LIST)) return;
    reply_ok(c->r);
    if (!e) return;
    uint64_t length = list_length(e);
    if (!range_in(first, last, length, &from, &count)) from = length;
    struct list_edit ed;
    list_edit_open(&ed, c, k, e);
    list_edit_drop(&ed, from + count, length - from - count);
    list_edit_drop(&ed, 0, from);
    list_edit_close(&ed, true, "ltrim");
}

/* -- rows ---------------------------------------------------------------------------- */

static const struct row_arg end_args[] = {
    {.name = "left", .type = ARG_PURE_TOKEN, .token = "LEFT"},
    {.name = "right", .type = ARG_PURE_TOKEN, .token = "RIGHT"},
    {0},
};

static const struct row_arg side_args[] = {
    {.name = "before", .type = ARG_PURE_TOKEN, .token = "BEFORE"},
    {.name = "after", .type = ARG_PURE_TOKEN, .token = "AFTER"},
    {0},
};

static const struct row_arg selector_args[] = {
    {.name = "count", .type = ARG_INTEGER, .token = "COUNT"},
    {.name = "exactly", .type = ARG_INTEGER, .token = "EXACTLY"},
    {0},
};

static const struct row_arg ordering_args[] = {
    {.name = "obo", .type = ARG_PURE_TOKEN, .token = "OBO"},
    {.name = "bulk", .type = ARG_PURE_TOKEN, .token = "BULK"},
    {0},
};

static const struct row_arg how_many_args[] = {
    {.name = "selector", .type = ARG_ONEOF, .sub = selector_args},
    {.name = "ordering", .type = ARG_ONEOF, .sub = ordering_args},
    {0},
};

static const struct row_arg key_args[] = {
    {.name = "key", .type = ARG_KEY},
    {0},
};

static const struct row_arg push_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "element", .type = ARG_STRING, .flags = ARG_MULTIPLE},
    {0},
};

static const struct row_arg pop_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "count", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .since = "6.2.0"},
    {0},
};

static const struct row_arg index_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "index", .type = ARG_INTEGER},
    {0},
};

static const struct row_arg set_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "index", .type = ARG_INTEGER},
    {.name = "element", .type = ARG_STRING},
    {0},
};

static const struct row_arg insert_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "where", .type = ARG_ONEOF, .sub = side_args},
    {.name = "pivot", .type = ARG_STRING},
    {.name = "element", .type = ARG_STRING},
    {0},
};

static const struct row_arg range_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "start", .type = ARG_INTEGER},
    {.name = "stop", .type = ARG_INTEGER},
    {0},
};

static const struct row_arg rem_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "count", .type = ARG_INTEGER},
    {.name = "element", .type = ARG_STRING},
    {0},
};

static const struct row_arg pos_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "element", .type = ARG_STRING},
    {.name = "rank", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "RANK"},
    {.name = "num-matches", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "COUNT"},
    {.name = "len", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "MAXLEN"},
    {0},
};

static const struct row_arg rpoplpush_args[] = {
    {.name = "source", .type = ARG_KEY},
    {.name = "destination", .type = ARG_KEY, .key_spec = 1},
    {0},
};

static const struct row_arg move_args[] = {
    {.name = "source", .type = ARG_KEY},
    {.name = "destination", .type = ARG_KEY, .key_spec = 1},
    {.name = "wherefrom", .type = ARG_ONEOF, .sub = end_args},
    {.name = "whereto", .type = ARG_ONEOF, .sub = end_args},
    {0},
};

static const struct row_arg movem_args[] = {
    {.name = "source", .type = ARG_KEY},
    {.name = "destination", .type = ARG_KEY, .key_spec = 1},
    {.name = "wherefrom", .type = ARG_ONEOF, .sub = end_args},
    {.name = "whereto", .type = ARG_ONEOF, .sub = end_args},
    {.name = "how-many", .type = ARG_BLOCK, .flags = ARG_OPTIONAL, .sub = how_many_args},
    {0},
};

static const struct row_arg mpop_args[] = {
    {.name = "numkeys", .type = ARG_INTEGER},
    {.name = "key", .type = ARG_KEY, .flags = ARG_MULTIPLE},
    {.name = "where", .type = ARG_ONEOF, .sub = end_args},
    {.name = "count", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "COUNT"},
    {0},
};

static const struct row_change push_history[] = {{"2.4.0", "Takes several elements."}, {0}};

static const struct row_change pushx_history[] = {{"4.0.0", "Takes several elements."}, {0}};

static const struct row_change pop_history[] = {{"6.2.0", "Takes the argument `count`."}, {0}};

/* A key in argument `at`. */
#define KEY_IN(at, how)                                                                            \
    { .flags = (how), .begin = BEGIN_INDEX, .index = (at), .find = FIND_RANGE, .step = 1 }
#define KEYS_MOVE                                                                                  \
    { KEY_IN(1, KEY_RW | KEY_ACCESS | KEY_DELETE), KEY_IN(2, KEY_RW | KEY_INSERT) }
#define WRITE_GROWS (ROW_WRITE | ROW_DENYOOM)

const struct row list_rows[] = {
    {
        .name = "lindex",
        .run = list_lindex,
        .arity = 3,
        .flags = ROW_READONLY,
        .acl = ACL_LIST,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "1.0.0",
        .summary = "Returns the element of an index.",
        .complexity = "O(log N) in the length of the list; O(1) at the ends",
        .group = GROUP_LIST,
        .args = index_args,
    },
    {
        .name = "linsert",
        .run = list_linsert,
        .arity = 5,
        .flags = WRITE_GROWS,
        .acl = ACL_LIST,
        .keys = {KEY_IN(1, KEY_RW | KEY_INSERT)},
        .since = "2.2.0",
        .summary = "Inserts an element before or after the first one that equals another.",
        .complexity = "O(N) in the elements before that one",
        .group = GROUP_LIST,
        .args = insert_args,
    },
    {
        .name = "llen",
        .run = list_llen,
        .arity = 2,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_LIST,
        .keys = {KEY_IN(1, KEY_RO)},
        .since = "1.0.0",
        .summary = "Tells the number of elements.",
        .complexity = "O(1)",
        .group = GROUP_LIST,
        .args = key_args,
    },
    {
        .name = "lmove",
        .run = list_lmove,
        .arity = 5,
        .flags = WRITE_GROWS,
        .acl = ACL_LIST,
        .keys = KEYS_MOVE,
        .since = "6.2.0",
        .summary = "Takes an element off one list, adds it to another and returns it.",
        .complexity = "O(1)",
        .group = GROUP_LIST,
        .args = move_args,
    },
    {
        .name = "lmovem",
        .run = list_lmovem,
        .arity = -5,
        .flags = WRITE_GROWS,
        .acl = ACL_LIST,
        .keys = KEYS_MOVE,
        .since = "8.10.0",
        .summary = "Takes elements off one list, adds them to another and returns them.",
        .complexity = "O(N) in the number of elements moved",
        .group = GROUP_LIST,
        .args = movem_args,
    },
    {
        .name = "lmpop",
        .run = list_lmpop,
        .arity = -4,
        .flags = ROW_WRITE | ROW_MOVABLEKEYS,
        .acl = ACL_LIST,
        .keys = {{.flags = KEY_RW | KEY_ACCESS | KEY_DELETE,
                  .begin = BEGIN_INDEX,
                  .find = FIND_KEYNUM,
                  .index = 1,
                  .keynum = 0,
                  .first_key = 1,
                  .key_step = 1}},
        .since = "7.0.0",
        .summary = "Takes elements off the first of several lists that has any.",
        .complexity = "O(N+M) in the number of keys and of elements returned",
        .group = GROUP_LIST,
        .args = mpop_args,
    },
    {
        .name = "lpop",
        .run = list_lpop,
        .arity = -2,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_LIST,
        .keys = {KEY_IN(1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
        .since = "1.0.0",
        .summary = "Takes the first elements off and returns them.",
        .complexity = "O(N) in the number of elements returned",
        .group = GROUP_LIST,
        .args = pop_args,
        .history = pop_history,
    },
    {
        .name = "lpos",
        .run = list_lpos,
        .arity = -3,
        .flags = ROW_READONLY,
        .acl = ACL_LIST,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "6.0.6",
        .summary = "Finds the indexes at which an element stands.",
        .complexity = "O(N) in the number of elements looked at",
        .group = GROUP_LIST,
        .args = pos_args,
    },
    {
        .name = "lpush",
        .run = list_lpush,
        .takes_long = ongoing_has_many_arguments,
        .arity = -3,
        .flags = WRITE_GROWS | ROW_FAST,
        .acl = ACL_LIST,
        .keys = {KEY_IN(1, KEY_RW | KEY_INSERT)},
        .since = "1.0.0",
        .summary = "Adds elements at the head.",
        .complexity = "O(1) for each element",
        .group = GROUP_LIST,
        .args = push_args,
        .history = push_history,
    },
    {
        .name = "lpushx",
        .run = list_lpushx,
        .takes_long = ongoing_has_many_arguments,
        .arity = -3,
        .flags = WRITE_GROWS | ROW_FAST,
        .acl = ACL_LIST,
        .keys = {KEY_IN(1, KEY_RW | KEY_INSERT)},
        .since = "2.2.0",
        .summary = "Adds elements at the head of a list that exists.",
        .complexity = "O(1) for each element",
        .group = GROUP_LIST,
        .args = push_args,
        .history = pushx_history,
    },
    {
        .name = "lrange",
        .run = list_lrange,
        .arity = 4,
        .flags = ROW_READONLY,
        .acl = ACL_LIST,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "1.0.0",
        .summary = "Returns the elements of a range of indexes.",
        .complexity = "O(log L + N) in the length of the list and the number of elements returned",
        .group = GROUP_LIST,
        .args = range_args,
    },
    {
        .name = "lrem",
        .run = list_lrem,
        .arity = 4,
        .flags = ROW_WRITE,
        .acl = ACL_LIST,
        .keys = {KEY_IN(1, KEY_RW | KEY_DELETE)},
        .since = "1.0.0",
        .summary = "Takes out elements that equal another.",
        .complexity = "O(N) in the length of the list",
        .group = GROUP_LIST,
        .args = rem_args,
    },
    {
        .name = "lset",
        .run = list_lset,
        .arity = 4,
        .flags = WRITE_GROWS,
        .acl = ACL_LIST,
        .keys = {KEY_IN(1, KEY_RW | KEY_UPDATE)},
        .since = "1.0.0",
        .summary = "Replaces the element of an index.",
        .complexity = "O(log N) in the length of the list",
        .group = GROUP_LIST,
        .args = set_args,
    },
    {
        .name = "ltrim",
        .run = list_ltrim,
        .arity = 4,
        .flags = ROW_WRITE,
        .acl = ACL_LIST,
        .keys = {KEY_IN(1, KEY_RW | KEY_DELETE)},
        .since = "1.0.0",
        .summary = "Takes out all elements but those of a range of indexes.",
        .complexity = "O(log L + N) in the length of the list and the number of elements taken out",
        .group = GROUP_LIST,
        .args = range_args,
    },
    {
        .name = "rpop",
        .run = list_rpop,
        .arity = -2,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_LIST,
        .keys = {KEY_IN(1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
        .since = "1.0.0",
        .summary = "Takes the last elements off and returns them.",
        .complexity = "O(N) in the number of elements returned",
        .group = GROUP_LIST,
        .args = pop_args,
        .history = pop_history,
    },
    {
        .name = "rpoplpush",
        .run = list_rpoplpush,
        .arity = 3,
        .flags = WRITE_GROWS,
        .acl = ACL_LIST,
        .keys = KEYS_MOVE,
        .since = "1.2.0",
        .summary =
            "Takes the last element off one list, adds it at the head of another and returns it.",
        .complexity = "O(1)",
        .group = GROUP_LIST,
        .args = rpoplpush_args,
        .deprecated_since = "6.2.0",
        .replaced_by = "`LMOVE` with the `RIGHT` and `LEFT` arguments",
    },
    {
        .name = "rpush",
        .run = list_rpush,
        .takes_long = ongoing_has_many_arguments,
        .arity = -3,
        .flags = WRITE_GROWS | ROW_FAST,
        .acl = ACL_LIST,
        .keys = {KEY_IN(1, KEY_RW | KEY_INSERT)},
        .since = "1.0.0",
        .summary = "Adds elements at the tail.",
        .complexity = "O(1) for each element",
        .group = GROUP_LIST,
        .args = push_args,
        .history = push_history,
    },
    {
        .name = "rpushx",
        .run = list_rpushx,
        .takes_long = ongoing_has_many_arguments,
        .arity = -3,
        .flags = WRITE_GROWS | ROW_FAST,
        .acl = ACL_LIST,
        .keys = {KEY_IN(1, KEY_RW | KEY_INSERT)},
        .since = "2.2.0",
        .summary = "Adds elements at the tail of a list that exists.",
        .complexity = "O(1) for each element",
        .group = GROUP_LIST,
        .args = push_args,
        .history = pushx_history,
    },
    {0},
};
