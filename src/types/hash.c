/* hash.c - see hash.h. */
#include "types/hash.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/table_still.h"

/* Buckets that one step of a scan may pass for each member that it was asked for. */
#define SCAN_BUCKETS_PER_MEMBER 10

/* ---- members ---- */

static struct slice member_key(const void *item) { return hash_member_field(item); }

static int64_t member_due_ms(const void *item, bool *ends) {
    *ends = true;
    return hash_member_time(item);
}

static const struct table_ops member_ops = {member_key, member_due_ms};

static inline size_t text_room(size_t n, size_t far) { return n < far ? n : n + sizeof(uint32_t); }

static inline size_t member_room(size_t field_bytes, size_t value_bytes, bool timed) {
    return 2 + text_room(field_bytes, HASH_FIELD_FAR) + text_room(value_bytes, HASH_VALUE_FAR) +
           (timed ? HASH_TIME_BYTES : 0);
}

static inline size_t member_bytes(const struct hash_member *m) {
    struct slice value = hash_member_value(m);
    return (size_t)((const uint8_t *)value.p + value.n - (const uint8_t *)m);
}

/* Writes the bytes of a text, and before them its length if that is far. */
static inline uint8_t *put_text(uint8_t *p, struct slice s, size_t far) {
    if (unlikely(s.n >= far)) {
        uint32_t n = (uint32_t)s.n;
        memcpy(p, &n, sizeof n);
        p += sizeof n;
    }
    if (s.n) memcpy(p, s.p, s.n);
    return p + s.n;
}

static inline void put_value(uint8_t *p, struct slice value) {
    *p = (uint8_t)(value.n < HASH_VALUE_FAR ? value.n : HASH_VALUE_FAR);
    put_text(p + 1, value, HASH_VALUE_FAR);
}

static inline void put_time(struct hash_member *m, int64_t time_ms) {
    uint64_t ms = htole64((uint64_t)time_ms);
    memcpy(m->rest, &ms, HASH_TIME_BYTES);
}

static struct hash_member *member_new(struct hash_value *h, struct slice field, struct slice value,
                                      int64_t time_ms) {
    ASSERT(field.n <= HASH_TEXT_BYTES_MAX && value.n <= HASH_TEXT_BYTES_MAX);
    ASSERT(time_ms < HASH_TIME_MS_END);
    bool in_slab, timed = time_ms >= 0;
    struct hash_member *m = member_alloc(&h->heap, member_room(field.n, value.n, timed), &in_slab);
    size_t head = field.n < HASH_FIELD_FAR ? field.n : HASH_FIELD_FAR;
    m->head = (uint8_t)(head << 2 | (timed ? HASH_TIMED : 0) | (in_slab ? HASH_IN_SLAB : 0));
    if (timed) put_time(m, time_ms);
    h->timed += timed;
    put_value(put_text(m->rest + (timed ? HASH_TIME_BYTES : 0), field, HASH_FIELD_FAR), value);
    return m;
}

static void member_drop(struct hash_value *h, struct hash_member *m) {
    if (m->head & HASH_TIMED) h->timed--;
    member_free(&h->heap, m, member_bytes(m), m->head & HASH_IN_SLAB);
}

/* Whether a block of `old` bytes may hold `n`, without wasting more than a new one would. */
static inline bool fits(struct hash_member *m, size_t old, size_t n) {
    if (n == old) return true;
    if (m->head & HASH_IN_SLAB) return slab_class(n) == slab_class(old);
    size_t room = mem_usable(m);
    return n <= room && n > room / 2;
}

/* ---- large hashes ---- */

struct hash_value *hash_value_new(void) {
    struct hash_value *h = mem_alloc(sizeof *h);
    table_init(&h->table, &member_ops, NULL);
    member_heap_init(&h->heap);
    h->timed = 0;
    return h;
}

static inline struct hash_member *find(const struct hash_value *h, struct slice field,
                                       uint64_t hash, struct table_place *place) {
    return table_find(&h->table, &member_ops, field, hash, place);
}

static inline uint64_t field_hash(struct slice field) { return hash_bytes(field.p, field.n); }

const struct hash_member *hash_value_find(const struct hash_value *h, struct slice field) {
    struct table_place place;
    return find(h, field, field_hash(field), &place);
}

void hash_value_prefetch(const struct hash_value *h, const struct slice *fields, size_t n,
                         size_t step) {
    uint64_t hashes[HASH_PREFETCH_MAX];
    if (n > HASH_PREFETCH_MAX) n = HASH_PREFETCH_MAX;
    for (size_t i = 0; i < n; i++) hashes[i] = field_hash(fields[i * step]);
    table_prefetch_all(&h->table, hashes, n);
}

/* Writes value and time over those of m, if its block has room for just these; false if not. */
static bool overwrite(struct hash_value *h, uint64_t hash, struct table_place place,
                      struct hash_member *m, struct slice value, int64_t time_ms) {
    struct slice field = hash_member_field(m);
    bool timed = time_ms >= 0;
    if (timed != ((m->head & HASH_TIMED) != 0) || member_heap_is_held(&h->heap)) return false;
    if (!fits(m, member_bytes(m), member_room(field.n, value.n, timed))) return false;
    put_value((uint8_t *)field.p + field.n, value);
    if (unlikely(timed) && time_ms != hash_member_time(m)) {
        put_time(m, time_ms);
        table_replace(&h->table, hash, place, m);
    }
    return true;
}

bool hash_value_set(struct hash_value *h, struct slice field, struct slice value, int64_t time_ms) {
    struct table_place place;
    uint64_t hash = field_hash(field);
    struct hash_member *m = find(h, field, hash, &place);
    if (!m) {
        table_insert(&h->table, hash, member_new(h, field, value, time_ms));
        return true;
    }
    if (time_ms == HASH_KEEP_TIME) time_ms = hash_member_time(m);
    if (overwrite(h, hash, place, m, value, time_ms)) return false;
    table_replace(&h->table, hash, place, member_new(h, field, value, time_ms));
    member_drop(h, m);
    return false;
}

bool hash_value_set_time(struct hash_value *h, struct slice field, int64_t time_ms) {
    struct table_place place;
    uint64_t hash = field_hash(field);
    struct hash_member *m = find(h, field, hash, &place);
    if (!m || hash_member_time(m) == time_ms) return m != NULL;
    if (m->head & HASH_TIMED && time_ms >= 0 && !member_heap_is_held(&h->heap)) {
        put_time(m, time_ms);
        table_replace(&h->table, hash, place, m);
        return true;
    }
    table_replace(&h->table, hash, place, member_new(h, field, hash_member_value(m), time_ms));
    member_drop(h, m);
    return true;
}

bool hash_value_delete(struct hash_value *h, struct slice field) {
    struct table_place place;
    uint64_t hash = field_hash(field);
    struct hash_member *m = find(h, field, hash, &place);
    if (!m) return false;
    table_remove(&h->table, hash, place);
    member_drop(h, m);
    return true;
}

struct expiry {
    struct hash_value *h;
    struct hash_leavers *leavers;
};

static void *member_due(void *ctx, struct table *t, void *item) {
    struct expiry *x = ctx;
    (void)t;
    if (x->leavers->tell) x->leavers->tell(x->leavers->ctx, hash_member_field(item));
    member_drop(x->h, item);
    x->leavers->count++;
    return NULL;
}

bool hash_value_expire(struct hash_value *h, int64_t now_ms, struct hash_leavers *leavers) {
    struct expiry x = {h, leavers};
    return h->timed && table_expire(&h->table, now_ms, member_due, &x);
}

const struct hash_member *hash_value_random(const struct hash_value *h) {
    return table_random(&h->table, false, random_u64);
}

struct walk {
    void (*visit)(void *ctx, const struct hash_member *m);
    void *ctx;
    size_t seen;
};

static void walk_visit(void *ctx, void *item) {
    struct walk *w = ctx;
    w->seen++;
    w->visit(w->ctx, item);
}

void hash_value_each(const struct hash_value *h,
                     void (*visit)(void *ctx, const struct hash_member *m), void *ctx) {
    table_each_wanted(&h->table, walk_visit, &(struct walk){visit, ctx, 0});
}

uint64_t hash_value_scan(const struct hash_value *h, uint64_t cursor, size_t count,
                         void (*visit)(void *ctx, const struct hash_member *m), void *ctx) {
    struct walk w = {visit, ctx, 0};
    size_t buckets_max =
        count > SIZE_MAX / SCAN_BUCKETS_PER_MEMBER ? count : count * SCAN_BUCKETS_PER_MEMBER;
    do {
        cursor = table_scan(&h->table, cursor, walk_visit, &w);
    } while (cursor && w.seen < count && --buckets_max);
    return cursor;
}

static void add_pair(void *ctx, const struct hash_pair *p) {
    char field_digits[LP_INT_TEXT_BYTES], value_digits[LP_INT_TEXT_BYTES];
    struct hash_value *h = ctx;
    struct slice name = lp_text(&p->field, field_digits);
    struct slice value = lp_text(&p->value, value_digits);
    table_insert(&h->table, field_hash(name), member_new(h, name, value, p->time_ms));
}

static struct hash_value *copy_of(struct hash_view v) {
    struct hash_value *h = hash_value_new();
    v.now_ms = HASH_ALL_TIMES;
    hash_view_each(v, add_pair, h);
    return h;
}

struct hash_value *hash_value_unpack(const uint8_t *lp, bool triples) {
    return copy_of((struct hash_view){.packed = lp, .triples = triples});
}

struct hash_value *hash_value_copy(const struct hash_value *h) {
    return copy_of((struct hash_view){.large = h});
}

static void free_loose(void *ctx, void *item) {
    (void)ctx;
    struct hash_member *m = item;
    if (!(m->head & HASH_IN_SLAB)) mem_free(m);
}

void hash_value_free(struct hash_value *h) {
    if (h->heap.loose_bytes) table_each(&h->table, free_loose, NULL);
    table_fini(&h->table);
    member_heap_fini(&h->heap);
    mem_free(h);
}

size_t hash_value_free_cost(const struct hash_value *h) {
    return h->table.count + h->table.segs + h->heap.slab.runs;
}

size_t hash_value_memory(const struct hash_value *h) {
    return sizeof *h + h->table.bytes + table_still_bytes(&h->table) + member_heap_bytes(&h->heap);
}

struct hash_value *hash_value_still(struct hash_value *h) {
    struct hash_value *still = mem_alloc(sizeof *still);
    *still = (struct hash_value){.timed = h->timed};
    table_still(&h->table, &still->table);
    member_heap_hold(&h->heap);
    return still;
}

void hash_value_still_end(struct hash_value *h, struct hash_value *still) {
    table_still_end(&h->table, &still->table);
    member_heap_release(&h->heap);
    mem_free(still);
}

size_t hash_value_still_bytes(const struct hash_value *h) {
    return table_still_bytes(&h->table) + member_heap_held_bytes(&h->heap);
}

/* ---- either form ---- */

size_t hash_view_kept(struct hash_view v) {
    if (v.large) return hash_value_count(v.large);
    return v.packed ? hash_packed_count(v.packed, v.triples) : 0;
}

int64_t hash_view_next_ms(struct hash_view v) {
    if (v.large) return hash_value_next_ms(v.large);
    return v.triples ? hash_packed_next_ms(v.packed) : INT64_MAX;
}

bool hash_view_is_timed(struct hash_view v) {
    if (v.large) return v.large->timed;
    return v.triples && hash_packed_next_ms(v.packed) != INT64_MAX;
}

static void count_pair(void *ctx, const struct hash_pair *p) {
    (void)p;
    ++*(size_t *)ctx;
}

bool hash_view_may_hide(struct hash_view v) {
    if (v.triples) return hash_packed_next_ms(v.packed) <= v.now_ms;
    if (likely(!v.large || !v.large->timed)) return false;
    return hash_value_next_ms(v.large) - TABLE_LATE_MS <= v.now_ms;
}

size_t hash_view_count(struct hash_view v) {
    size_t kept = hash_view_kept(v), shown = 0;
    if (likely(!hash_view_may_hide(v))) return kept;
    if (v.triples) return kept - hash_packed_past(v.packed, v.now_ms);
    hash_view_each(v, count_pair, &shown);
    return shown;
}

static bool shows(struct hash_view v, int64_t time_ms) {
    return time_ms == HASH_NO_TIME || time_ms >= v.now_ms;
}

static size_t find_packed(struct hash_view v, struct slice field) {
    size_t at = v.packed ? hash_packed_find(v.packed, v.triples, field) : LP_NONE;
    if (likely(!v.triples) || at == LP_NONE) return at;
    return shows(v, hash_packed_time(v.packed, true, at)) ? at : LP_NONE;
}

static const struct hash_member *find_large(struct hash_view v, struct slice field) {
    const struct hash_member *m = hash_value_find(v.large, field);
    return m && hash_view_shows(v, m) ? m : NULL;
}

bool hash_view_get(struct hash_view v, struct slice field, struct lp_value *value) {
    if (v.large) {
        const struct hash_member *m = find_large(v, field);
        if (m) *value = (struct lp_value){hash_member_value(m), 0};
        return m != NULL;
    }
    size_t at = find_packed(v, field);
    if (at == LP_NONE) return false;
    *value = lp_get(v.packed, lp_after(v.packed, at));
    return true;
}

bool hash_view_time(struct hash_view v, struct slice field, int64_t *time_ms) {
    if (v.large) {
        const struct hash_member *m = find_large(v, field);
        if (m) *time_ms = hash_member_time(m);
        return m != NULL;
    }
    size_t at = find_packed(v, field);
    if (at == LP_NONE) return false;
    *time_ms = hash_packed_time(v.packed, v.triples, at);
    return true;
}

struct pairs {
    struct hash_view v;
    void (*visit)(void *ctx, const struct hash_pair *p);
    void *ctx;
};

static void visit_pair(void *ctx, const struct hash_member *m) {
    const struct pairs *p = ctx;
    if (!hash_view_shows(p->v, m)) return;
    p->visit(p->ctx, &(struct hash_pair){{hash_member_field(m), 0},
                                         {hash_member_value(m), 0},
                                         hash_member_time(m)});
}

static void visit_item(void *ctx, void *item) { visit_pair(ctx, item); }

static void packed_each(struct hash_view v, void (*visit)(void *ctx, const struct hash_pair *p),
                        void *ctx) {
    struct hash_pair p = {.time_ms = HASH_NO_TIME};
    struct lp_value time = {.i = 0};
    size_t end = lp_end(v.packed);
    for (size_t at = LP_HEAD_BYTES; at != end;) {
        at = lp_read(v.packed, at, &p.field);
        at = lp_read(v.packed, at, &p.value);
        if (v.triples) at = lp_read(v.packed, at, &time);
        p.time_ms = time.i ? time.i : HASH_NO_TIME;
        if (shows(v, p.time_ms)) visit(ctx, &p);
    }
}

bool hash_view_step(struct hash_view v, struct table_walk *w,
                    void (*visit)(void *ctx, const struct hash_pair *p), void *ctx) {
    if (v.large) return table_step(&v.large->table, w, visit_item, &(struct pairs){v, visit, ctx});
    if (v.packed) packed_each(v, visit, ctx);
    return false;
}

void hash_view_each(struct hash_view v, void (*visit)(void *ctx, const struct hash_pair *p),
                    void *ctx) {
    struct table_walk w = {0, 0};
    while (hash_view_step(v, &w, visit, ctx)) {
    }
}
