/* capture.c - see capture.h. */
#include "store/capture.h"

#include "base/clock.h"
#include "base/mem.h"
#include "store/db_internal.h"
#include "store/garbage.h"
#include "store/object.h"

#define LENT_BUCKETS 1024                              /* power of two */
#define CAPTURE_WORK_BYTES ((size_t)4 * CAPTURE_BYTES) /* a capture has no more, or little more */

/* What is on its way when the walk pauses is not all in the open capture. */
static_assert(CAPTURE_AHEAD_BYTES >= 2 * CAPTURE_WORK_BYTES, "core/snapshot");

struct lent {
    struct lent *next;         /* of its bucket */
    struct lent *next_of_same; /* of its capture */
    struct capture *capture;
    void *value; /* an object, or a large blob */
    enum entry_type type;
    bool is_object, is_large;
    bool orphan; /* an object without a key */
    void *still; /* that the capture has in the object's place; NULL: none */
    struct lent *next_with_still;
    void (*returned)(void *ctx);
    void *ctx;
};

/* A database at the cut. */
struct part {
    struct shelf *shelf;
    size_t keys, ttls;
    bool over;
};

struct cut {
    struct keyspace *ks;
    void (*give)(void *ctx, struct capture *c);
    void *ctx;
    struct capture *open; /* not full yet, NULL: none */
    struct capture *spare;
    struct part *parts; /* by database number */
    int part;           /* that the walk is in */
    uint64_t at;
    bool timed_fields;
    struct cut_figures figures;
    struct shelf **kept; /* shelves that no database has any more */
    size_t kept_count, kept_room;
    struct lent *lents[LENT_BUCKETS];
    struct lent *with_still; /* few: large values that are on their way */
    size_t still_max;
};

/* ---- captures ----------------------------------------------------------------------- */

static size_t entry_bytes_of(const struct entry *e) {
    size_t value = e->vlen == ENTRY_ELSEWHERE ? sizeof(void *) : e->vlen;
    return (size_t)(entry_value(e) - (const char *)e) + value;
}

void capture_each(const struct capture *c, void (*visit)(void *ctx, const struct entry *e),
                  void *ctx) {
    const char *at = c->data;
    for (uint32_t i = 0; i < c->count; i++) {
        const struct entry *e = (const struct entry *)at;
        visit(ctx, e);
        at += entry_bytes_of(e);
    }
}

static void unref_blob(void *ctx, const struct entry *e) {
    (void)ctx;
    struct blob *b = entry_blob(e);
    if (b) blob_unref_now(b);
}

void capture_unref(const struct capture *c) { capture_each(c, unref_blob, NULL); }

static struct capture *capture_new(struct cut *cut, size_t room) {
    struct capture *c = cut->spare;
    if (c && room <= c->room) {
        cut->spare = NULL;
    } else {
        if (room < CAPTURE_BYTES) room = CAPTURE_BYTES;
        c = mem_alloc(sizeof *c + room);
        c->room = room;
    }
    *c = (struct capture){.room = c->room, .held_bytes = sizeof *c + c->room};
    cut->figures.held_bytes += c->held_bytes;
    return c;
}

static void seal(struct cut *cut) {
    struct capture *c = cut->open;
    cut->open = NULL;
    if (c) cut->give(cut->ctx, c);
}

static struct capture *open_for(struct cut *cut, int db, size_t n) {
    struct capture *c = cut->open;
    if (c && c->db == db && c->room - c->used >= n) return c;
    seal(cut);
    c = cut->open = capture_new(cut, n);
    c->db = db;
    return c;
}

static void add_work(struct cut *cut, struct capture *c, size_t bytes) {
    c->work_bytes += bytes;
    cut->figures.work_bytes += bytes;
}

static void add_held(struct cut *cut, struct capture *c, size_t bytes) {
    c->held_bytes += bytes;
    cut->figures.held_bytes += bytes;
}

/* ---- what is lent ------------------------------------------------------------------- */

static struct lent **lent_bucket(struct cut *cut, const void *value) {
    uint64_t mixed = (uint64_t)(uintptr_t)value * 0x9e3779b97f4a7c15u;
    return &cut->lents[mixed >> 54 & (LENT_BUCKETS - 1)];
}

static struct lent *lent_find(struct cut *cut, const void *value) {
    struct lent *l = *lent_bucket(cut, value);
    while (l && l->value != value) l = l->next;
    return l;
}

/* Makes a still, if it can be had, for the entry that the capture has. */
static void lend_still(struct cut *cut, struct lent *l, struct entry *captured) {
    const struct object_ops *ops = object_ops(l->type);
    l->still = ops->still ? ops->still(l->value) : NULL;
    if (!l->still) return;
    memcpy((char *)entry_value(captured), &l->still, sizeof l->still);
    l->next_with_still = cut->with_still;
    cut->with_still = l;
}

static void still_end(struct cut *cut, struct lent *l) {
    struct lent **link = &cut->with_still;
    while (*link != l) link = &(*link)->next_with_still;
    *link = l->next_with_still;
    cut->figures.copied_bytes += object_ops(l->type)->still_bytes(l->value);
    object_ops(l->type)->still_end(l->value, l->still);
}

static size_t still_bytes(const struct cut *cut) {
    size_t sum = 0;
    for (const struct lent *l = cut->with_still; l; l = l->next_with_still)
        sum += object_ops(l->type)->still_bytes(l->value);
    return sum;
}

/* Whether an edit of what is lent would change what the capture holds. */
static bool is_exposed(const struct lent *l) { return l && !l->still; }

static struct lent *lend(struct cut *cut, struct capture *c, struct lent what) {
    struct lent *l = mem_alloc(sizeof *l), **bucket = lent_bucket(cut, what.value);
    *l = what;
    l->capture = c;
    l->next = *bucket;
    *bucket = l;
    l->next_of_same = c->lents;
    c->lents = l;
    return l;
}

static void lent_return(struct cut *cut, struct lent *l) {
    struct lent **link = lent_bucket(cut, l->value);
    while (*link != l) link = &(*link)->next;
    *link = l->next;
    if (l->still) still_end(cut, l);
    if (l->orphan) garbage_add_object(cut->ks, l->type, l->value);
    if (l->returned) l->returned(l->ctx);
    mem_free(l);
}

struct capture *lent_capture(const struct lent *l) {
    return l->capture;
}

bool lent_is_waited_for(const struct lent *l) { return l->returned; }

void lent_on_return(struct lent *l, void (*returned)(void *ctx), void *ctx) {
    l->returned = returned;
    l->ctx = ctx;
}

/* ---- capturing ---------------------------------------------------------------------- */

/* References or lends what the copy of an entry, in the capture, points to. Returns whether it is
 * large. */
static bool take_value(struct cut *cut, struct capture *c, struct entry *e) {
    struct blob *b = entry_blob(e);
    size_t bytes = 0;
    if (b) {
        blob_ref(b);
        bytes = b->len;
        if (bytes >= CAPTURE_LARGE_BYTES) lend(cut, c, (struct lent){.value = b, .is_large = true});
    } else if (entry_encoding(e) == ENC_OBJECT) {
        void *object = entry_object(e);
        bytes = object_ops(entry_type(e))->memory(object);
        struct lent *l = lend(cut, c,
                              (struct lent){
                                  .value = object,
                                  .type = entry_type(e),
                                  .is_object = true,
                                  .is_large = bytes >= CAPTURE_LARGE_BYTES,
                              });
        if (l->is_large) lend_still(cut, l, e);
    }
    add_work(cut, c, bytes);
    return bytes >= CAPTURE_LARGE_BYTES;
}

/* What is large ends its capture, so that it comes back when it is written; so does what is more
 * than the walk lets be on its way, even by names alone: it would wait for itself. */
static struct capture *take(struct cut *cut, int db, const struct entry *e) {
    size_t n = entry_bytes_of(e);
    struct capture *c = open_for(cut, db, n);
    struct entry *copy = memcpy(c->data + c->used, e, n);
    c->used += n;
    c->count++;
    cut->figures.keys_given++;
    add_work(cut, c, n);
    bool large = copy->vlen == ENTRY_ELSEWHERE && take_value(cut, c, copy);
    if (large || c->work_bytes >= CAPTURE_WORK_BYTES) seal(cut);
    return c;
}

static void walk_visit(void *ctx, void *item) {
    struct cut *cut = ctx;
    take(cut, cut->part, item);
}

/* To the next part that is not over; false if there is none. */
static bool next_part(struct cut *cut) {
    while (cut->part < cut->ks->db_count && cut->parts[cut->part].over) cut->part++;
    return cut->part < cut->ks->db_count;
}

static void come_through(struct cut *cut) {
    struct capture *c = cut->open ? cut->open : capture_new(cut, 0);
    c->last = true;
    cut->open = c;
    cut->figures.through = true;
    seal(cut);
}

bool cut_step(struct cut *cut, size_t work_max, int64_t budget_us) {
    uint64_t deadline = clock_ticks() + clock_us_to_ticks((uint64_t)budget_us);
    if (cut->figures.through) return false;
    while (next_part(cut)) {
        if (cut->figures.work_bytes >= work_max) return true;
        struct part *p = &cut->parts[cut->part];
        cut->at = table_walk_step(&p->shelf->table, cut->at, walk_visit, cut);
        if (!cut->at) p->over = true;
        if (budget_us && clock_ticks() > deadline) return true;
    }
    come_through(cut);
    return false;
}

void cut_take_back(struct cut *cut, struct capture *c) {
    for (struct lent *l = c->lents, *next; l; l = next) {
        next = l->next_of_same;
        lent_return(cut, l);
    }
    cut->figures.work_bytes -= c->work_bytes;
    cut->figures.held_bytes -= c->held_bytes;
    if (!cut->spare && c->room == CAPTURE_BYTES) {
        cut->spare = c;
    } else {
        mem_free(c);
    }
}

/* ---- the cut ------------------------------------------------------------------------ */

struct cut *cut_begin(struct keyspace *ks, void (*give)(void *ctx, struct capture *c), void *ctx) {
    ASSERT(!ks->cut);
    struct cut *cut = mem_calloc(sizeof *cut);
    cut->ks = ks;
    cut->give = give;
    cut->ctx = ctx;
    cut->still_max = SIZE_MAX;
    cut->parts = mem_calloc((size_t)ks->db_count * sizeof *cut->parts);
    ks->walks++;
    for (int i = 0; i < ks->db_count; i++) {
        struct shelf *s = ks->dbs[i].shelf;
        cut->parts[i] = (struct part){s, s->table.count, s->ttl_count, s->table.count == 0};
        cut->figures.keys_total += s->table.count;
        cut->timed_fields = cut->timed_fields || s->timed_hashes;
        table_walk_begin(&s->table, ks->walks);
        s->cut_db = i;
    }
    ks->cut = cut;
    return cut;
}

void cut_set_still_max(struct cut *cut, size_t bytes) { cut->still_max = bytes; }

void cut_end(struct cut *cut) {
    struct keyspace *ks = cut->ks;
    if (cut->open) {
        capture_unref(cut->open);
        cut_take_back(cut, cut->open);
    }
    for (int i = 0; i < LENT_BUCKETS; i++) ASSERT(!cut->lents[i]);
    for (int i = 0; i < ks->db_count; i++) table_walk_end(&cut->parts[i].shelf->table);
    ks->cut = NULL;
    for (size_t i = 0; i < cut->kept_count; i++) garbage_add_shelf(ks, cut->kept[i]);
    mem_free(cut->kept);
    mem_free(cut->parts);
    mem_free(cut->spare);
    mem_free(cut);
}

struct cut_figures cut_figures(const struct cut *cut) {
    return cut->figures;
}

int cut_dbs(const struct cut *cut, struct cut_db *out, int max) {
    int n = 0;
    for (int i = 0; i < cut->ks->db_count; i++) {
        const struct part *p = &cut->parts[i];
        if (!p->keys) continue;
        if (n < max) out[n] = (struct cut_db){i, p->keys, p->ttls};
        n++;
    }
    return n;
}

bool cut_has_timed_fields(const struct cut *cut) { return cut->timed_fields; }

/* ---- for db.c ----------------------------------------------------------------------- */

/* Captures the entry if the walk has not; what it then holds will, mostly, lose its place. */
static void claim(struct db *db, uint64_t hash, struct table_place place, const struct entry *e) {
    struct cut *cut = db->ks->cut;
    if (!table_walk_claim(&db->shelf->table, hash, place)) return;
    const struct blob *b = entry_blob(e);
    struct capture *c = take(cut, db->shelf->cut_db, e);
    if (b) add_held(cut, c, b->len);
    cut->figures.copied_bytes += entry_bytes_of(e) + (b ? b->len : 0);
}

void cut_note_change(struct db *db, uint64_t hash, struct table_place place, struct entry *e) {
    claim(db, hash, place, e);
}

static void disown(struct cut *cut, struct lent *l) {
    l->orphan = true;
    add_held(cut, l->capture, object_ops(l->type)->memory(l->value));
}

/* Puts a copy in the place of a lent object. */
static void replace(struct cut *cut, struct entry *e, struct lent *l) {
    void *copy = object_ops(l->type)->copy(l->value);
    memcpy((char *)entry_value(e), &copy, sizeof copy);
    disown(cut, l);
    cut->figures.copied_bytes += object_ops(l->type)->memory(l->value);
}

void cut_note_edit(struct db *db, uint64_t hash, struct table_place place, struct entry *e) {
    claim(db, hash, place, e);
    if (entry_encoding(e) != ENC_OBJECT) return;
    struct lent *l = lent_find(db->ks->cut, entry_object(e));
    if (is_exposed(l)) replace(db->ks->cut, e, l);
}

bool cut_may_edit(struct db *db, uint64_t hash, struct table_place place, struct entry *e) {
    claim(db, hash, place, e);
    if (entry_encoding(e) != ENC_OBJECT) return true;
    struct lent *l = lent_find(db->ks->cut, entry_object(e));
    if (!is_exposed(l)) return true;
    if (l->is_large) return false;
    replace(db->ks->cut, e, l);
    return true;
}

bool cut_disown(struct cut *cut, void *object) {
    struct lent *l = lent_find(cut, object);
    if (l) disown(cut, l);
    return l;
}

void cut_keep_shelf(struct cut *cut, struct shelf *shelf) {
    if (cut->kept_count == cut->kept_room) {
        cut->kept_room = cut->kept_room ? 2 * cut->kept_room : 4;
        cut->kept = mem_realloc(cut->kept, cut->kept_room * sizeof(struct shelf *));
    }
    cut->kept[cut->kept_count++] = shelf;
}

/* ---- for who can wait --------------------------------------------------------------- */

static bool is_large(const struct entry *e) {
    const struct blob *b = entry_blob(e);
    if (b) return b->len >= CAPTURE_LARGE_BYTES;
    return entry_encoding(e) == ENC_OBJECT &&
           object_ops(entry_type(e))->memory(entry_object(e)) >= CAPTURE_LARGE_BYTES;
}

struct lent *cut_find_lent(struct cut *cut, struct db *db, struct key k) {
    struct table_place place;
    const struct entry *e = table_find(&db->shelf->table, &entry_ops, key_slice(k), k.hash, &place);
    if (!e || e->vlen != ENTRY_ELSEWHERE || !is_large(e)) return NULL;
    claim(db, k.hash, place, e);
    struct lent *l =
        lent_find(cut, entry_encoding(e) == ENC_OBJECT ? entry_object(e) : (void *)entry_blob(e));
    return is_exposed(l) || (l && still_bytes(cut) > cut->still_max) ? l : NULL;
}
