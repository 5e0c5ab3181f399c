/* keyspace.c - see db.h: the databases as wholes, their clock, and expiry by itself. */
#include "base/clock.h"
#include "base/later.h"
#include "base/mem.h"
#include "store/db_internal.h"
#include "store/evict.h"
#include "store/garbage.h"

static struct shelf *shelf_new(const struct keyspace *ks) {
    struct shelf *s = mem_calloc(sizeof *s);
    wheel_init(&s->wheel, ks->wall_ms);
    slab_init(&s->slab);
    table_init(&s->table, &entry_ops, &s->wheel);
    return s;
}

struct keyspace *keyspace_new(int db_count) {
    struct keyspace *ks = mem_calloc(sizeof *ks);
    keyspace_set_now(ks, clock_unix_ms());
    ks->db_count = db_count;
    ks->dbs = mem_calloc((size_t)db_count * sizeof *ks->dbs);
    ks->evict_pool = evict_pool_new();
    for (int i = 0; i < db_count; i++) ks->dbs[i] = (struct db){shelf_new(ks), ks, i};
    return ks;
}

void keyspace_free(struct keyspace *ks) {
    ASSERT(!ks->cut);
    for (int i = 0; i < ks->db_count; i++) garbage_add_shelf(ks, ks->dbs[i].shelf);
    garbage_free(keyspace_take_garbage(ks));
    evict_pool_free(ks->evict_pool);
    mem_free(ks->dbs);
    mem_free(ks);
}

struct db *db_aside_new(struct keyspace *ks) {
    struct db *db = mem_calloc(sizeof *db);
    *db = (struct db){shelf_new(ks), ks, -1};
    return db;
}

void db_aside_free(struct db *db) {
    garbage_add_shelf(db->ks, db->shelf);
    mem_free(db);
}

void keyspace_set_now(struct keyspace *ks, int64_t now_ms) {
    ks->now_ms = ks->wall_ms = now_ms;
    ks->lru_clock = (uint32_t)(now_ms / 1000) & 0xffffff;
}

size_t keyspace_memory(const struct keyspace *ks) {
    size_t n = mem_used();
    for (int i = 0; i < ks->db_count; i++) n += ks->dbs[i].shelf->slab.live;
    return n;
}

bool keyspace_fits(const struct keyspace *ks, size_t max_bytes) {
    /* First: what a worker frees meanwhile must not be missing from both. */
    size_t leaving = later_pending_bytes() + ks->leaving_bytes;
    size_t used = keyspace_memory(ks);
    if (used <= max_bytes) return true;
    /* How much of a database lies outside of its slab is not known before it is freed. */
    return ks->leaving_shelves || used - max_bytes <= leaving;
}

#define FLUSH_FEW 64

struct few {
    struct entry *at[FLUSH_FEW];
    size_t n;
};

static void note_one(void *ctx, void *item) {
    struct few *few = ctx;
    few->at[few->n++] = item;
}

/* What they held is known then, so that maxmemory holds at once; large values are garbage. */
static void drop_few(struct db *db) {
    struct few few = {.n = 0};
    table_each(&db->shelf->table, note_one, &few);
    for (size_t i = 0; i < few.n; i++) {
        struct table_place place;
        struct key k = key_of(entry_key(few.at[i]));
        table_find(&db->shelf->table, &entry_ops, key_slice(k), k.hash, &place);
        db_drop(db, k.hash, place, few.at[i]);
    }
}

size_t db_flush(struct db *db) {
    size_t n = db_size(db);
    if (!n) return 0;
    if (n <= FLUSH_FEW && db->shelf->table.segs == 1) {
        drop_few(db);
        return n;
    }
    if (db->ks->cut) {
        cut_keep_shelf(db->ks->cut, db->shelf);
    } else {
        garbage_add_shelf(db->ks, db->shelf);
    }
    db->shelf = shelf_new(db->ks);
    return n;
}

void db_swap(struct db *a, struct db *b) {
    struct shelf *s = a->shelf;
    a->shelf = b->shelf;
    b->shelf = s;
}

struct expire_step {
    struct db *db;
    uint64_t deadline; /* clock_ticks */
};

/* Before an entry that is due leaves, or loses fields: false if that has to wait. */
static bool note_due(struct db *db, struct entry *e, bool leaves) {
    struct table_place place;
    struct key k = key_of(entry_key(e));
    void *there = table_find(&db->shelf->table, &entry_ops, key_slice(k), k.hash, &place);
    ASSERT(there == e);
    if (!leaves) return cut_may_edit(db, k.hash, place, e);
    cut_note_change(db, k.hash, place, e);
    return true;
}

static void *entry_due(void *ctx, struct table *t, void *item) {
    const struct expire_step *step = ctx;
    struct keyspace *ks = step->db->ks;
    struct entry *e = item;
    (void)t;
    if (unlikely(ks->pinned) && entry_is_pinned(ks, e)) return e;
    bool leaves = entry_has_ttl(e) && entry_expire_ms(e) < ks->now_ms;
    if (unlikely(ks->cut) && !note_due(step->db, e, leaves)) return e;
    if (!leaves) {
        bool later = entry_encoding(e) == ENC_OBJECT && clock_ticks() > step->deadline;
        return later ? e : fields_expire(step->db, e, 0);
    }
    ks->expired++;
    if (ks->on_leave) ks->on_leave(ks->on_leave_ctx, step->db, e, LEAVE_EXPIRED);
    db_release(step->db, e);
    return NULL;
}

static inline bool may_expire(const struct shelf *s) {
    return s->ttl_count || s->timed_hashes || s->timed_topics;
}

bool keyspace_expire_step(struct keyspace *ks, int64_t budget_us) {
    if (ks->expire_paused) return false;
    struct expire_step step = {NULL, clock_ticks() + clock_us_to_ticks((uint64_t)budget_us)};
    for (int i = 0; i < ks->db_count; i++) {
        struct db *db = step.db = &ks->dbs[(ks->expire_turn + i) % ks->db_count];
        if (!may_expire(db->shelf)) continue;
        while (table_expire(&db->shelf->table, ks->now_ms, entry_due, &step)) {
            if (clock_ticks() <= step.deadline) continue;
            ks->expire_turn = (db->id + 1) % ks->db_count;
            return true;
        }
    }
    return false;
}

int64_t keyspace_next_expire(const struct keyspace *ks) {
    int64_t next = INT64_MAX;
    for (int i = 0; i < ks->db_count && !ks->expire_paused; i++) {
        const struct shelf *s = ks->dbs[i].shelf;
        int64_t at = may_expire(s) ? table_next_ms(&s->table) : INT64_MAX;
        if (at < next) next = at;
    }
    return next;
}
