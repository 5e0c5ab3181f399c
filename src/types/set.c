/* set.c - see set.h.
 *
 * M1  A table item with bit 0 set is a number: blocks of the allocator and of slabs are aligned.
 * M2  What the table's operations return for a number lies in a buffer of the thread, good until
 *     they are called again; whatever leaves this file has its digits in the caller's memory.
 */
#include "types/set.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/random.h"
#include "base/table_still.h"
#include "types/intset.h"
#include "types/listpack.h"
#include "types/member_heap.h"

#define IN_SLAB 1u
#define LENGTH_SHIFT 2
#define LENGTH_ELSEWHERE 63
#define NUMBER_MAX (((int64_t)1 << 46) - 1)
#define INTSET_ENTRIES_MAX ((size_t)1 << 30)

struct set_value {
    struct table table;
    struct member_heap heap;
};

/* ---- members ------------------------------------------------------------------------ */

static bool is_number(const void *item) { return (uintptr_t)item & 1; }

static int64_t item_number(const void *item) {
    return (int64_t)((uint64_t)(uintptr_t)item << 16) >> 17;
}

static void *number_item(int64_t v) {
    return (void *)(uintptr_t)(((uint64_t)v << 1 | 1) & TABLE_PTR_MASK);
}

static struct slice blob_text(const uint8_t *blob) {
    unsigned n = blob[0] >> LENGTH_SHIFT;
    if (likely(n != LENGTH_ELSEWHERE)) return slice_of(blob + 1, n);
    uint32_t length;
    memcpy(&length, blob + 1, sizeof length);
    return slice_of(blob + 1 + sizeof length, length);
}

static inline struct slice item_text(const void *item, char digits[SET_DIGITS_MAX]) {
    if (!is_number(item)) return blob_text(item);
    return slice_of(digits, num_format_i64(digits, item_number(item)));
}

static struct slice member_key(const void *item) {
    static _Thread_local char digits[SET_DIGITS_MAX];
    return item_text(item, digits);
}

static const struct table_ops member_ops = {.key = member_key};

static size_t blob_bytes(size_t length) {
    return 1 + length + (length < LENGTH_ELSEWHERE ? 0 : sizeof(uint32_t));
}

static void *blob_new_member(struct set_value *s, struct slice text) {
    bool in_slab;
    uint8_t *blob = member_alloc(&s->heap, blob_bytes(text.n), &in_slab);
    unsigned n = text.n < LENGTH_ELSEWHERE ? (unsigned)text.n : LENGTH_ELSEWHERE;
    uint8_t *p = blob + 1;
    blob[0] = (uint8_t)(n << LENGTH_SHIFT | (in_slab ? IN_SLAB : 0));
    if (n == LENGTH_ELSEWHERE) {
        uint32_t length = (uint32_t)text.n;
        memcpy(p, &length, sizeof length);
        p += sizeof length;
    }
    if (text.n) memcpy(p, text.p, text.n);
    return blob;
}

static void *item_new(struct set_value *s, struct slice text) {
    int64_t v;
    if (num_parse_i64(text, &v) && v <= NUMBER_MAX && v >= -NUMBER_MAX - 1) return number_item(v);
    return blob_new_member(s, text);
}

static void item_free(struct set_value *s, void *item) {
    if (is_number(item)) return;
    bool in_slab = *(uint8_t *)item & IN_SLAB;
    member_free(&s->heap, item, blob_bytes(blob_text(item).n), in_slab);
}

/* ---- the large form ----------------------------------------------------------------- */

struct set_value *set_value_new(void) {
    struct set_value *s = mem_alloc(sizeof *s);
    table_init(&s->table, &member_ops, NULL);
    member_heap_init(&s->heap);
    return s;
}

static void free_loose(void *ctx, void *item) {
    struct set_value *s = ctx;
    if (!is_number(item) && !(*(uint8_t *)item & IN_SLAB)) item_free(s, item);
}

void set_value_free(struct set_value *s) {
    if (s->heap.loose_bytes) table_each(&s->table, free_loose, s);
    table_fini(&s->table);
    member_heap_fini(&s->heap);
    mem_free(s);
}

size_t set_value_free_cost(const struct set_value *s) {
    size_t loose = s->heap.count < MEMBER_HEAP_SLAB_MIN ? s->heap.count : MEMBER_HEAP_SLAB_MIN;
    return 2 * s->table.segs + s->heap.slab.runs + loose;
}

const struct table *set_value_table(const struct set_value *s) { return &s->table; }

size_t set_value_memory(const struct set_value *s) {
    return sizeof *s - sizeof s->table + s->table.bytes + table_still_bytes(&s->table) +
           member_heap_bytes(&s->heap);
}

struct set_value *set_value_still(struct set_value *s) {
    struct set_value *still = mem_calloc(sizeof *still);
    table_still(&s->table, &still->table);
    member_heap_hold(&s->heap);
    return still;
}

void set_value_still_end(struct set_value *s, struct set_value *still) {
    table_still_end(&s->table, &still->table);
    member_heap_release(&s->heap);
    mem_free(still);
}

size_t set_value_still_bytes(const struct set_value *s) {
    return table_still_bytes(&s->table) + member_heap_held_bytes(&s->heap);
}

static bool value_add(struct set_value *s, struct slice member) {
    struct table_place at;
    uint64_t hash = hash_bytes(member.p, member.n);
    if (table_find(&s->table, &member_ops, member, hash, &at)) return false;
    table_insert(&s->table, hash, item_new(s, member));
    return true;
}

static bool value_remove(struct set_value *s, struct slice member) {
    struct table_place at;
    uint64_t hash = hash_bytes(member.p, member.n);
    void *item = table_find(&s->table, &member_ops, member, hash, &at);
    if (!item) return false;
    table_remove(&s->table, hash, at);
    item_free(s, item);
    return true;
}

/* For a member that is known to be new, and not to lie in the thread's buffer (M2). */
static void add_absent(void *ctx, struct slice member) {
    struct set_value *s = ctx;
    table_insert(&s->table, hash_bytes(member.p, member.n), item_new(s, member));
}

struct set_value *set_value_copy(const struct set_value *s) {
    struct set_value *copy = set_value_new();
    set_each((struct set_view){.form = SET_VALUE, .value = s}, add_absent, copy);
    return copy;
}

/* ---- reading ------------------------------------------------------------------------ */

size_t set_count(struct set_view s) {
    switch (s.form) {
    case SET_INTSET: return intset_count(s.packed);
    case SET_LISTPACK: return lp_count(s.packed);
    case SET_VALUE: break;
    }
    return s.value->table.count;
}

static bool intset_has(const uint8_t *set, struct slice member, size_t *place) {
    int64_t v;
    return num_parse_i64(member, &v) && intset_find(set, v, place);
}

bool set_has(struct set_view s, struct slice member) {
    struct table_place at;
    size_t place;
    switch (s.form) {
    case SET_INTSET: return intset_has(s.packed, member, &place);
    case SET_LISTPACK: return lp_find(s.packed, lp_first(s.packed), member, 0) != LP_NONE;
    case SET_VALUE: break;
    }
    return table_find(&s.value->table, &member_ops, member, hash_bytes(member.p, member.n), &at);
}

struct slice set_random(struct set_view s, char digits[SET_DIGITS_MAX]) {
    switch (s.form) {
    case SET_INTSET: return slice_of(digits, num_format_i64(digits, intset_random(s.packed)));
    case SET_LISTPACK: {
        int64_t index = (int64_t)random_below(lp_count(s.packed));
        struct lp_value v = lp_get(s.packed, lp_seek(s.packed, index));
        return lp_text(&v, digits);
    }
    case SET_VALUE: break;
    }
    return item_text(table_random(&s.value->table, false, random_u64), digits);
}

static void each_packed(struct set_view s, set_visit *visit, void *ctx) {
    char digits[SET_DIGITS_MAX];
    if (s.form == SET_INTSET) {
        for (size_t i = 0; i < intset_count(s.packed); i++)
            visit(ctx, slice_of(digits, num_format_i64(digits, intset_get(s.packed, i))));
        return;
    }
    size_t end = lp_end(s.packed);
    struct lp_value v;
    for (size_t at = LP_HEAD_BYTES; at != end;) {
        at = lp_read(s.packed, at, &v);
        visit(ctx, lp_text(&v, digits));
    }
}

struct each {
    set_visit *visit;
    void *ctx;
    size_t count;
};

static void each_item(void *ctx, void *item) {
    struct each *e = ctx;
    char digits[SET_DIGITS_MAX];
    e->count++;
    e->visit(e->ctx, item_text(item, digits));
}

bool set_step(struct set_view s, struct table_walk *w, set_visit *visit, void *ctx) {
    if (s.form == SET_VALUE)
        return table_step(&s.value->table, w, each_item, &(struct each){visit, ctx, 0});
    each_packed(s, visit, ctx);
    return false;
}

void set_each(struct set_view s, set_visit *visit, void *ctx) {
    struct table_walk w = {0, 0};
    while (set_step(s, &w, visit, ctx)) {
    }
}

uint64_t set_scan(struct set_view s, uint64_t cursor, size_t count, set_visit *visit, void *ctx) {
    if (s.form != SET_VALUE) {
        each_packed(s, visit, ctx);
        return 0;
    }
    struct each e = {visit, ctx, 0};
    size_t buckets_max = count > SIZE_MAX / 10 ? count : count * 10;
    do {
        cursor = table_scan(&s.value->table, cursor, each_item, &e);
    } while (cursor && e.count < count && --buckets_max);
    return cursor;
}

/* ---- editing ------------------------------------------------------------------------ */

void set_edit_new(struct set_edit *e, const struct set_limits *limits, void *room,
                  size_t room_bytes) {
    *e = (struct set_edit){.form = SET_INTSET, .limits = *limits};
    e->buf = lp_buf_spill(room, 0, room_bytes);
    bool ok = intset_init(&e->buf);
    ASSERT(ok); /* the room has a head's size at least */
}

void set_edit_open(struct set_edit *e, const struct set_limits *limits, struct set_view s,
                   void *room, size_t room_bytes) {
    *e = (struct set_edit){.form = s.form, .limits = *limits};
    if (s.form == SET_VALUE) {
        e->value = (struct set_value *)s.value; /* the caller's, which it may change */
        return;
    }
    size_t n = s.form == SET_INTSET ? intset_bytes(s.packed) : lp_bytes(s.packed);
    e->buf = lp_buf_spill(room, 0, room_bytes);
    if (n > room_bytes) {
        size_t cap = lp_buf_heap_bytes(n);
        e->buf = lp_buf_take(mem_alloc(cap), 0, cap);
    }
    memcpy(e->buf.p, s.packed, n);
    e->buf.len = n;
}

void set_edit_drop(struct set_edit *e) {
    if (e->value_is_new) set_value_free(e->value);
    lp_buf_free(&e->buf);
    *e = (struct set_edit){0};
}

static void become_value(struct set_edit *e) {
    struct set_value *value = set_value_new();
    set_each(set_edit_view(e), add_absent, value);
    lp_buf_free(&e->buf);
    e->value = value;
    e->form = SET_VALUE;
    e->value_is_new = true;
}

/* An intset as a listpack; false, as it was, without memory. */
static bool become_listpack(struct set_edit *e) {
    const uint8_t *set = e->buf.p;
    struct lp_buf lp = lp_buf_heap();
    bool ok = lp_init(&lp);
    for (size_t i = 0; ok && i < intset_count(set); i++)
        ok = lp_append_i64(&lp, intset_get(set, i));
    struct lp_buf *gone = ok ? &e->buf : &lp;
    lp_buf_free(gone);
    if (!ok) return false;
    e->buf = lp;
    e->form = SET_LISTPACK;
    return true;
}

void set_edit_expect(struct set_edit *e, struct slice first, size_t count) {
    int64_t v;
    bool empty = e->form == SET_INTSET && intset_count(e->buf.p) == 0;
    if (e->form == SET_VALUE) return;
    if (empty && (count > e->limits.intset_entries || !num_parse_i64(first, &v))) {
        if (count > e->limits.listpack_entries || !become_listpack(e)) become_value(e);
        return;
    }
    size_t max = e->form == SET_INTSET ? e->limits.intset_entries : e->limits.listpack_entries;
    if (count > max) become_value(e);
}

/* Whether the members of an intset, none longer than the longest text, and one more of n bytes
 * stay within the limits of a listpack. */
static bool fits_listpack(const struct set_edit *e, size_t n) {
    const uint8_t *set = e->buf.p;
    char digits[SET_DIGITS_MAX];
    size_t count = intset_count(set), longest = 0;
    if (count >= e->limits.listpack_entries || n > e->limits.listpack_bytes) return false;
    for (size_t i = 0; i<count; i += count> 1 ? count - 1 : 1) { /* the least and the largest */
        size_t length = num_format_i64(digits, intset_get(set, i));
        if (length > longest) longest = length;
    }
    return longest <= e->limits.listpack_bytes && lp_safe_to_add(NULL, count * (longest + 2) + n);
}

static bool intset_add(struct set_edit *e, struct slice member) {
    int64_t v;
    size_t place;
    if (!num_parse_i64(member, &v)) {
        if (!fits_listpack(e, member.n) || !become_listpack(e)) become_value(e);
        return set_edit_add(e, member);
    }
    if (intset_find(e->buf.p, v, &place)) return false;
    if (intset_count(e->buf.p) >= INTSET_ENTRIES_MAX || !intset_insert(&e->buf, place, v)) {
        become_value(e);
        return set_edit_add(e, member);
    }
    if (intset_count(e->buf.p) > e->limits.intset_entries) become_value(e);
    return true;
}

static bool listpack_add(struct set_edit *e, struct slice member) {
    const uint8_t *lp = e->buf.p;
    if (lp_find(lp, lp_first(lp), member, 0) != LP_NONE) return false;
    if (lp_count(lp) < e->limits.listpack_entries && member.n <= e->limits.listpack_bytes &&
        lp_safe_to_add(lp, member.n) && lp_append_text(&e->buf, member))
        return true;
    become_value(e);
    return value_add(e->value, member);
}

bool set_edit_add(struct set_edit *e, struct slice member) {
    switch (e->form) {
    case SET_INTSET: return intset_add(e, member);
    case SET_LISTPACK: return listpack_add(e, member);
    case SET_VALUE: break;
    }
    return value_add(e->value, member);
}

bool set_edit_remove(struct set_edit *e, struct slice member) {
    size_t at;
    switch (e->form) {
    case SET_INTSET:
        if (!intset_has(e->buf.p, member, &at)) return false;
        intset_remove(&e->buf, at);
        return true;
    case SET_LISTPACK:
        at = lp_find(e->buf.p, lp_first(e->buf.p), member, 0);
        if (at == LP_NONE) return false;
        lp_delete(&e->buf, at, 1);
        return true;
    case SET_VALUE: break;
    }
    return value_remove(e->value, member);
}
