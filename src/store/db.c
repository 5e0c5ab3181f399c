/* db.c - see db.h: making, finding and changing entries.
 *
 * An entry is remade when its size class or its layout changes, and written in place
 * otherwise. put() is the one way in which a key gets a value.
 */
#include "store/db_internal.h"

#include <endian.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/nap.h"
#include "base/num.h"
#include "base/random.h"
#include "store/garbage.h"
#include "store/object.h"

#define KIND(type, enc) ((uint8_t)((type) << 4 | (enc)))

/* A block that is edited grows by as much again, up to this. */
#define EDIT_SPARE_BYTES_MAX (1024 * 1024)

/* ---- access times ------------------------------------------------------------------- */

uint16_t lfu_minutes(const struct keyspace *ks) { return (uint16_t)(ks->wall_ms / 60000); }

int lfu_decayed(const struct keyspace *ks, const struct entry *e) {
    uint16_t then = (uint16_t)(e->lru[0] | e->lru[1] << 8);
    uint16_t passed = (uint16_t)(lfu_minutes(ks) - then);
    int periods = ks->lfu_decay_minutes ? passed / ks->lfu_decay_minutes : 0;
    return periods > e->lru[2] ? 0 : e->lru[2] - periods;
}

static void lru_write(struct entry *e, uint32_t v) {
    e->lru[0] = (uint8_t)v;
    e->lru[1] = (uint8_t)(v >> 8);
    e->lru[2] = (uint8_t)(v >> 16);
}

/* A logarithmic counter: the higher it is, the rarer it rises. */
static __attribute__((noinline)) void lfu_touch(struct keyspace *ks, struct entry *e) {
    int counter = lfu_decayed(ks, e);
    if (counter < 255) {
        int over = counter > LFU_INIT ? counter - LFU_INIT : 0;
        if (random_unit() * ((double)over * ks->lfu_log_factor + 1) < 1) counter++;
    }
    lru_write(e, lfu_minutes(ks) | (uint32_t)counter << 16);
}

static inline uint32_t lru_read(const struct entry *e) {
    uint32_t v; /* one byte too many, which is in the header too */
    memcpy(&v, e->lru, 4);
    return le32toh(v) & 0xffffff;
}

static inline void touch_lru(const struct keyspace *ks, struct entry *e) {
    if (lru_read(e) != ks->lru_clock && !ks->no_touch) lru_write(e, ks->lru_clock);
}

static inline void touch(struct keyspace *ks, struct entry *e) {
    if (likely(!ks->lfu)) {
        touch_lru(ks, e);
    } else if (!ks->no_touch) {
        lfu_touch(ks, e);
    }
}

static void lru_begin(const struct keyspace *ks, struct entry *e) {
    lru_write(e, ks->lfu ? lfu_minutes(ks) | (uint32_t)LFU_INIT << 16 : ks->lru_clock);
}

void db_touch(struct db *db, struct entry *e) { touch(db->ks, e); }

int64_t db_idle_seconds(const struct db *db, const struct entry *e) {
    return (db->ks->lru_clock - lru_read(e)) & 0xffffff;
}

int db_lfu_counter(const struct db *db, const struct entry *e) { return lfu_decayed(db->ks, e); }

void db_set_idle(struct db *db, struct entry *e, int64_t idle_s) {
    if (!db->ks->lfu) lru_write(e, (db->ks->lru_clock - (uint32_t)idle_s) & 0xffffff);
}

void db_set_lfu(struct db *db, struct entry *e, int counter) {
    if (db->ks->lfu) lru_write(e, lfu_minutes(db->ks) | (uint32_t)counter << 16);
}

/* ---- finding ------------------------------------------------------------------------ */

/* Removes a key whose time has passed, unless expiry is paused. */
static __attribute__((noinline)) void expire_now(struct db *db, uint64_t hash,
                                                 struct table_place place, struct entry *e) {
    struct keyspace *ks = db->ks;
    if (ks->expire_paused) return;
    if (ks->pinned && ks->pinned(ks->pinned_ctx, hash)) {
        if (ks->on_hidden) ks->on_hidden(ks->on_leave_ctx, db, e);
        return;
    }
    ks->expired++;
    if (ks->on_leave) ks->on_leave(ks->on_leave_ctx, db, e, LEAVE_EXPIRED);
    db_drop(db, hash, place, e);
}

static inline bool is_expired(const struct db *db, const struct entry *e) {
    return unlikely(entry_has_ttl(e)) && entry_expire_ms(e) < db->ks->now_ms;
}

static struct entry *find_at(struct db *db, const char *p, size_t n, uint64_t hash,
                             struct table_place *place) {
    struct entry *e = table_find(&db->shelf->table, &entry_ops, slice_of(p, n), hash, place);
    if (e && unlikely(is_expired(db, e))) {
        expire_now(db, hash, *place, e);
        return NULL;
    }
    return e;
}

static inline struct entry *find(struct db *db, const struct key *k, struct table_place *place) {
    return find_at(db, k->p, k->n, k->hash, place);
}

static void note_miss(struct db *db, const struct key *k) {
    struct keyspace *ks = db->ks;
    ks->misses++;
    if (unlikely(ks->on_miss != NULL)) ks->on_miss(ks->on_new_ctx, db, *k);
}

static void note_new(struct db *db, const struct key *k) {
    struct keyspace *ks = db->ks;
    if (unlikely(ks->on_new != NULL)) ks->on_new(ks->on_new_ctx, db, *k);
}

/* What db_read_at found where it is not simply to be given out. */
static const struct entry *read_checked(struct db *db, const struct key *k,
                                        struct table_place place, struct entry *e) {
    if (e && unlikely(is_expired(db, e))) {
        expire_now(db, k->hash, place, e);
        e = NULL;
    }
    if (!e) {
        note_miss(db, k);
        return NULL;
    }
    db->ks->hits++;
    touch(db->ks, e);
    return e;
}

static __attribute__((noinline)) const struct entry *
read_here(struct db *db, const char *p, size_t n, uint64_t hash, struct table_bucket *home, int i) {
    struct table_place place = {home, (unsigned)i};
    return read_checked(db, &(struct key){p, n, hash}, place, bucket_item(home, (unsigned)i));
}

static __attribute__((noinline)) const struct entry *read_far(struct db *db, const char *p,
                                                              size_t n, uint64_t hash) {
    struct table_place place;
    struct entry *e = table_find_far(&db->shelf->table, slice_of(p, n), hash, &place);
    return read_checked(db, &(struct key){p, n, hash}, place, e);
}

static __attribute__((noinline)) const struct entry *read_missed(struct db *db, const char *p,
                                                                 size_t n, uint64_t hash) {
    note_miss(db, &(struct key){p, n, hash});
    return NULL;
}

/* The way of GET. Nothing lives across a call here, so that no register has to be saved. */
const struct entry *db_read_at(struct db *db, const char *p, size_t n, uint64_t hash) {
    struct keyspace *ks = db->ks;
    struct table_bucket *home = table_home(&db->shelf->table, hash);
    int i = bucket_find(home, &entry_ops, slice_of(p, n), hash);
    if (unlikely(i < 0)) {
        return home->ovf ? read_far(db, p, n, hash) : read_missed(db, p, n, hash);
    }
    struct entry *e = bucket_item(home, (unsigned)i);
    if (unlikely(entry_has_ttl(e) | ks->lfu)) return read_here(db, p, n, hash, home, i);
    ks->hits++;
    touch_lru(ks, e);
    return e;
}

struct entry *db_find_at(struct db *db, const char *p, size_t n, uint64_t hash) {
    struct table_place place;
    struct entry *e = find_at(db, p, n, hash, &place);
    if (!e) return NULL;
    touch(db->ks, e);
    note_edit(db, hash, place, e);
    return e;
}

struct entry *db_own(struct db *db, struct key k) {
    struct table_place place;
    struct entry *e = find(db, &k, &place);
    if (e) note_edit(db, k.hash, place, e);
    return e;
}

struct entry *db_peek(struct db *db, struct key k) {
    struct table_place place;
    return find(db, &k, &place);
}

const struct entry *db_glance(struct db *db, struct key k) {
    struct table_place place;
    const struct entry *e = table_find(&db->shelf->table, &entry_ops, key_slice(k), k.hash, &place);
    return e && !is_expired(db, e) ? e : NULL;
}

int64_t db_due_ms(const struct entry *e) {
    bool ends;
    int64_t ms = entry_due_of(e, &ends);
    return ms < 0 ? INT64_MAX : ms;
}

const struct entry *db_past(struct db *db, struct key k) {
    struct table_place place;
    const struct entry *e = table_find(&db->shelf->table, &entry_ops, key_slice(k), k.hash, &place);
    return e && is_expired(db, e) ? e : NULL;
}

struct entry *db_own_cheaply(struct db *db, struct key k) {
    struct table_place place;
    struct entry *e = find(db, &k, &place);
    bool cheap = e && (likely(!db->ks->cut) || cut_may_edit(db, k.hash, place, e));
    return cheap ? e : NULL;
}

const struct entry *db_look(struct db *db, struct key k) {
    const struct entry *e = db_peek(db, k);
    if (e) {
        db->ks->hits++;
    } else {
        note_miss(db, &k);
    }
    return e;
}

void db_expect(struct db *db, uint64_t keys) {
    table_expect(&db->shelf->table, keys ? db_size(db) + keys : 0);
}

bool db_exists(struct db *db, struct key k) { return db_peek(db, k) != NULL; }

/* ---- entries ------------------------------------------------------------------------ */

/* What an entry is to be, apart from its key and value. */
struct shape {
    uint8_t kind;
    uint8_t vlen;      /* as in the entry */
    int64_t expire_ms; /* -1: none */
};

static inline size_t value_bytes(uint8_t vlen) {
    return vlen == ENTRY_ELSEWHERE ? sizeof(void *) : vlen;
}

static inline size_t entry_size(size_t klen, uint8_t vlen, bool ttl) {
    return ENTRY_HEADER_BYTES + (ttl ? 8 : 0) + (klen >= ENTRY_ELSEWHERE ? 4 : 0) + klen +
           value_bytes(vlen);
}

/* A new entry in no table, its value unwritten, its access time not set. */
static struct entry *entry_new(struct db *db, struct slice key, struct shape sh) {
    bool ttl = sh.expire_ms >= 0;
    uint8_t cls;
    struct entry *e = slab_alloc(&db->shelf->slab, entry_size(key.n, sh.vlen, ttl), &cls);
    e->kind = sh.kind;
    e->flags = ttl ? ENTRY_TTL : 0;
    e->cls = cls;
    e->klen = key.n < ENTRY_ELSEWHERE ? (uint8_t)key.n : ENTRY_ELSEWHERE;
    e->vlen = sh.vlen;
    char *p = e->body;
    if (ttl) {
        memcpy(p, &sh.expire_ms, 8);
        p += 8;
    }
    if (unlikely(e->klen == ENTRY_ELSEWHERE)) {
        uint32_t n = (uint32_t)key.n;
        memcpy(p, &n, 4);
        p += 4;
    }
    memcpy(p, key.p, key.n);
    return e;
}

static char *value_of(struct entry *e) { return (char *)entry_value(e); }

static void set_pointer(struct entry *e, const void *p) { memcpy(value_of(e), &p, sizeof p); }

/* Gives up what a value keeps outside of its entry. */
static void value_release(struct db *db, struct entry *e) {
    if (entry_encoding(e) == ENC_OBJECT) {
        const struct object_ops *ops = object_ops(entry_type(e));
        if (unlikely(db->ks->cut != NULL) && cut_disown(db->ks->cut, entry_object(e))) return;
        if (ops->free_cost(entry_object(e)) >= OBJECT_FREE_COST_MAX) {
            garbage_add_object(db->ks, entry_type(e), entry_object(e));
        } else {
            ops->free(entry_object(e));
        }
        return;
    }
    struct blob *b = entry_blob(e);
    if (!b) return;
    if (b->cap >= GARBAGE_BLOB_BYTES_MIN) {
        garbage_add_blob(db->ks, b);
    } else {
        blob_unref(b);
    }
}

static void ttl_count(struct db *db, int64_t expire_ms, int sign) {
    if (expire_ms < 0) return;
    db->shelf->ttl_count += (size_t)sign;
    db->shelf->ttl_sum_ms += sign * expire_ms;
}

/* Frees the entry's block alone. */
static void entry_free(struct db *db, struct entry *e) { slab_free(&db->shelf->slab, e, e->cls); }

void db_release(struct db *db, struct entry *e) {
    fields_forget(db, e);
    if (unlikely(e->vlen == ENTRY_ELSEWHERE)) value_release(db, e);
    ttl_count(db, entry_expire_ms(e), -1);
    entry_free(db, e);
}

void db_drop(struct db *db, uint64_t hash, struct table_place place, struct entry *e) {
    note_change(db, hash, place, e);
    table_remove(&db->shelf->table, hash, place);
    db_release(db, e);
}

/* Makes way for a new value of k: not even a pause keeps a key that is past its time then. */
static void vacate(struct db *db, const struct key *k) {
    struct table_place place;
    struct entry *e = table_find(&db->shelf->table, &entry_ops, key_slice(*k), k->hash, &place);
    if (e) db_drop(db, k->hash, place, e);
}

/* Puts `to` where `from` is, and frees from's block. */
static void entry_swap(struct db *db, uint64_t hash, struct table_place place, struct entry *from,
                       struct entry *to) {
    table_replace(&db->shelf->table, hash, place, to);
    entry_free(db, from);
}

/* Gives an entry without ENTRY_FIELDS the shape, in place if its block and layout allow, its value
 * to be written anew by the caller: what it held outside is the caller's matter. */
static inline struct entry *reshape(struct db *db, const struct key *k, struct table_place place,
                                    struct entry *e, struct shape sh) {
    bool ttl = sh.expire_ms >= 0;
    int64_t old_ms = entry_expire_ms(e);
    ttl_count(db, old_ms, -1);
    ttl_count(db, sh.expire_ms, 1);
    if (ttl == entry_has_ttl(e) && e->cls && slab_class(entry_size(k->n, sh.vlen, ttl)) == e->cls) {
        e->kind = sh.kind;
        e->vlen = sh.vlen;
        if (ttl && old_ms != sh.expire_ms) {
            memcpy(e->body, &sh.expire_ms, 8);
            table_replace(&db->shelf->table, k->hash, place, e);
        }
        return e;
    }
    struct entry *made = entry_new(db, key_slice(*k), sh);
    memcpy(made->lru, e->lru, sizeof e->lru);
    entry_swap(db, k->hash, place, e, made);
    return made;
}

/* Makes k an entry of the shape, whatever it was, and returns it for its value to be written. */
static inline __attribute__((always_inline)) struct entry *put(struct db *db, const struct key *k,
                                                               struct shape sh) {
    struct table_place place;
    struct entry *e = find(db, k, &place);
    if (likely(e)) {
        note_change(db, k->hash, place, e);
        if (likely(e->vlen == sh.vlen && sh.expire_ms < 0 && !e->flags &&
                   e->vlen != ENTRY_ELSEWHERE)) {
            e->kind = sh.kind; /* the usual overwrite: nothing moves */
            touch(db->ks, e);
            return e;
        }
        if (sh.expire_ms == DB_KEEP_TTL) sh.expire_ms = entry_expire_ms(e);
        fields_forget(db, e);
        if (unlikely(e->vlen == ENTRY_ELSEWHERE)) value_release(db, e);
        e = reshape(db, k, place, e, sh);
        touch(db->ks, e);
        return e;
    }
    if (unlikely(db->ks->expire_paused || db->ks->pinned))
        vacate(db, k); /* find hides it, the table has it */
    if (sh.expire_ms == DB_KEEP_TTL) sh.expire_ms = DB_NO_TTL;
    e = entry_new(db, key_slice(*k), sh);
    lru_begin(db->ks, e);
    ttl_count(db, sh.expire_ms, 1);
    table_insert(&db->shelf->table, k->hash, e);
    note_new(db, k);
    return e;
}

/* ---- strings ------------------------------------------------------------------------ */

static uint8_t int_bytes(int64_t v) { return v == (int32_t)v ? 4 : 8; }

static void int_write(struct entry *e, int64_t v) {
    int32_t small = (int32_t)v;
    if (e->vlen == 4) {
        memcpy(value_of(e), &small, 4);
    } else {
        memcpy(value_of(e), &v, 8);
    }
}

void db_set_int(struct db *db, struct key k, int64_t v, int64_t expire_ms) {
    int_write(put(db, &k, (struct shape){KIND(TYPE_STRING, ENC_INT), int_bytes(v), expire_ms}), v);
}

void db_set_text(struct db *db, struct key k, struct slice v, int64_t expire_ms) {
    if (unlikely(v.n > ENTRY_INLINE_BYTES_MAX)) {
        struct blob *b = blob_new(v.n);
        memcpy(b->data, v.p, v.n);
        b->len = v.n;
        db_set_blob(db, k, b, expire_ms);
        return;
    }
    uint8_t enc = v.n <= ENTRY_EMBSTR_BYTES_MAX ? ENC_EMBSTR : ENC_RAW;
    struct entry *e = put(db, &k, (struct shape){KIND(TYPE_STRING, enc), (uint8_t)v.n, expire_ms});
    memcpy(value_of(e), v.p, v.n);
}

/* Most values are no numbers, and most of those begin so. */
static inline bool may_be_number(struct slice v) {
    return v.n - 1 < 20 && ((unsigned char)(v.p[0] - '0') < 10 || v.p[0] == '-');
}

void db_set(struct db *db, struct key k, struct slice v, int64_t expire_ms) {
    int64_t number;
    if (may_be_number(v) && num_parse_i64(v, &number)) {
        db_set_int(db, k, number, expire_ms);
    } else {
        db_set_text(db, k, v, expire_ms);
    }
}

void db_set_blob(struct db *db, struct key k, struct blob *b, int64_t expire_ms) {
    if (b->len <= ENTRY_INLINE_BYTES_MAX) {
        db_set(db, k, slice_of(b->data, b->len), expire_ms);
        blob_unref(b);
        return;
    }
    set_pointer(put(db, &k, (struct shape){KIND(TYPE_STRING, ENC_RAW), ENTRY_ELSEWHERE, expire_ms}),
                b);
}

int db_incr(struct db *db, struct key k, int64_t delta, int64_t *sum) {
    struct table_place place;
    struct entry *e = find(db, &k, &place);
    int64_t v = 0;
    if (!e) {
        *sum = delta;
        db_set_int(db, k, delta, DB_NO_TTL);
        return 0;
    }
    touch(db->ks, e);
    note_change(db, k.hash, place, e);
    if (entry_type(e) != TYPE_STRING) return ERR_WRONGTYPE;
    if (likely(entry_encoding(e) == ENC_INT)) {
        v = entry_int(e);
    } else {
        char digits[ENTRY_DIGITS_MAX];
        if (!num_parse_i64(entry_bytes(e, digits), &v)) return ERR_NOT_INT;
    }
    if (__builtin_add_overflow(v, delta, &v)) return ERR_OVERFLOW;
    *sum = v;
    if (likely(entry_encoding(e) == ENC_INT && e->vlen == int_bytes(v))) {
        int_write(e, v);
        return 0;
    }
    if (e->vlen == ENTRY_ELSEWHERE) value_release(db, e);
    struct shape sh = {KIND(TYPE_STRING, ENC_INT), int_bytes(v), entry_expire_ms(e)};
    int_write(reshape(db, &k, place, e, sh), v);
    return 0;
}

/* Room to grow for a block that is being edited. */
static size_t edit_cap(size_t len, size_t old_len) {
    if (!old_len) return len;
    return len + (len < EDIT_SPARE_BYTES_MAX ? len : EDIT_SPARE_BYTES_MAX);
}

#define COPY_STEP_BYTES (64 * 1024)

/* A new blob of len bytes: the old ones and zeros. NULL without memory. */
static struct blob *extended(struct slice old, size_t len) {
    struct blob *b = blob_try_zeroed(edit_cap(len, old.n));
    if (!b) return NULL;
    for (size_t at = 0; at < old.n; at += COPY_STEP_BYTES) {
        size_t rest = old.n - at;
        memcpy(b->data + at, old.p + at, rest < COPY_STEP_BYTES ? rest : COPY_STEP_BYTES);
        nap_point();
    }
    b->len = len;
    return b;
}

/* Whether the blob, to be edited, is shared or more than doubles. */
static bool is_to_be_copied(const struct blob *b, size_t len) {
    return b->refs > 1 || (len > b->cap && len - b->len > b->len);
}

bool db_edit_copies(const struct entry *e, size_t len) {
    const struct blob *b = entry_blob(e);
    return b && is_to_be_copied(b, len < b->len ? b->len : len);
}

struct blob *db_edit_copy(const struct entry *e, size_t len) {
    const struct blob *b = entry_blob(e);
    return extended(slice_of(b->data, b->len), len < b->len ? b->len : len);
}

/* A blob of this holder alone with len bytes, the new ones zero: `b` itself, moved, or a copy. b's
 * reference is consumed. NULL, b untouched, without memory. */
static struct blob *blob_for_edit(struct keyspace *ks, struct blob *b, size_t len) {
    size_t old_len = b->len;
    struct blob *to = b;
    if (ks->edit_copy || is_to_be_copied(b, len)) {
        to = ks->edit_copy ? ks->edit_copy : extended(slice_of(b->data, old_len), len);
        ks->edit_copy = NULL;
        if (to) blob_unref(b);
        return to;
    }
    if (len > b->cap) {
        to = blob_try_grow(b, edit_cap(len, old_len));
        if (!to) return NULL;
    }
    memset(to->data + old_len, 0, len - old_len);
    to->len = len;
    return to;
}

/* db_edit beyond what fits in place. */
static char *edit_blob(struct db *db, struct key k, struct table_place place, struct entry *e,
                       size_t len) {
    const struct shape sh = {KIND(TYPE_STRING, ENC_RAW), ENTRY_ELSEWHERE,
                             e ? entry_expire_ms(e) : DB_NO_TTL};
    struct blob *b = e ? entry_blob(e) : NULL;
    if (b) {
        b = blob_for_edit(db->ks, b, len);
        if (b) set_pointer(e, b);
        return b ? b->data : NULL;
    }
    char digits[ENTRY_DIGITS_MAX];
    struct slice old = e ? entry_bytes(e, digits) : slice_of(NULL, 0);
    b = extended(old, len);
    if (!b) return NULL;
    set_pointer(e ? reshape(db, &k, place, e, sh) : put(db, &k, sh), b);
    return b->data;
}

char *db_edit(struct db *db, struct key k, size_t len, size_t *len_now) {
    struct table_place place;
    char digits[ENTRY_DIGITS_MAX], copy[ENTRY_INLINE_BYTES_MAX];
    struct entry *e = find(db, &k, &place);
    size_t old_len = e ? entry_strlen(e) : 0;
    if (len < old_len) len = old_len;
    *len_now = len;
    if (e) touch(db->ks, e);
    if (e) note_change(db, k.hash, place, e);
    if (len > ENTRY_INLINE_BYTES_MAX || (e && entry_blob(e)))
        return edit_blob(db, k, place, e, len);
    struct shape sh = {KIND(TYPE_STRING, ENC_RAW), (uint8_t)len,
                       e ? entry_expire_ms(e) : DB_NO_TTL};
    if (e) {
        struct slice old = entry_bytes(e, digits);
        memcpy(copy, old.p, old.n);
        e = reshape(db, &k, place, e, sh);
    } else {
        e = put(db, &k, sh);
    }
    memcpy(value_of(e), copy, old_len);
    memset(value_of(e) + old_len, 0, len - old_len);
    return value_of(e);
}

/* ---- packed values and objects ------------------------------------------------------- */

static uint8_t packed_vlen(size_t n) {
    return n <= ENTRY_INLINE_BYTES_MAX ? (uint8_t)n : ENTRY_ELSEWHERE;
}

/* Writes a packed value into an entry of the shape for it. */
static void packed_write(struct entry *e, struct slice bytes) {
    if (e->vlen != ENTRY_ELSEWHERE) {
        memcpy(value_of(e), bytes.p, bytes.n);
        return;
    }
    struct blob *b = blob_new(bytes.n);
    memcpy(b->data, bytes.p, bytes.n);
    b->len = bytes.n;
    set_pointer(e, b);
}

void db_put_packed(struct db *db, struct key k, enum entry_type type, enum entry_encoding enc,
                   struct slice bytes) {
    struct shape sh = {KIND(type, enc), packed_vlen(bytes.n), DB_KEEP_TTL};
    struct entry *e = put(db, &k, sh);
    packed_write(e, bytes);
    if (unlikely(enc == ENC_LISTPACK_EX)) db_fields_changed(db, k, e);
}

struct entry *db_repack(struct db *db, struct entry *e, struct slice bytes) {
    struct shape sh = {e->kind, packed_vlen(bytes.n), entry_expire_ms(e)};
    size_t size = entry_size(entry_key(e).n, sh.vlen, entry_has_ttl(e));
    bool inside = e->vlen != ENTRY_ELSEWHERE && sh.vlen != ENTRY_ELSEWHERE;
    if (inside && e->cls && slab_class(size) == e->cls) {
        memmove(value_of(e), bytes.p, bytes.n);
        e->vlen = sh.vlen;
        return e;
    }
    struct entry *made = entry_new(db, entry_key(e), sh);
    memcpy(made->lru, e->lru, sizeof e->lru);
    packed_write(made, bytes);
    ttl_count(db, sh.expire_ms, 1);
    if (e->flags & ENTRY_FIELDS) {
        made->flags |= ENTRY_FIELDS;
        ++*timed_count(db, made);
    }
    db_release(db, e);
    return made;
}

struct blob *db_own_packed(struct entry *e, size_t more) {
    struct blob *b = entry_blob(e), *own;
    if (!b) return NULL;
    if (b->refs == 1) {
        own = blob_try_grow(b, b->len + more);
    } else {
        own = blob_try(b->len + more);
        if (own) {
            memcpy(own->data, b->data, b->len);
            own->len = b->len;
            blob_unref(b);
        }
    }
    if (own) set_pointer(e, own);
    return own;
}

static void note_topic(struct db *db) {
    if (db->ks->on_topic) db->ks->on_topic(db->ks->on_leave_ctx);
}

void db_put_object(struct db *db, struct key k, enum entry_type type, void *object) {
    struct shape sh = {KIND(type, ENC_OBJECT), ENTRY_ELSEWHERE, DB_KEEP_TTL};
    struct entry *e = put(db, &k, sh);
    set_pointer(e, object);
    if (type == TYPE_HASH || type == TYPE_TOPIC) db_fields_changed(db, k, e);
    if (unlikely(type == TYPE_TOPIC)) note_topic(db);
}

/* ---- keys --------------------------------------------------------------------------- */

bool db_delete(struct db *db, struct key k) {
    struct table_place place;
    struct entry *e = find(db, &k, &place);
    if (!e) return false;
    db_drop(db, k.hash, place, e);
    return true;
}

/* An entry for `key` in dst with e's value (the same bytes, so a blob is referenced by both),
 * times and access time. */
static struct entry *entry_like(struct db *dst, struct slice key, const struct entry *e) {
    struct shape sh = {e->kind, e->vlen, entry_expire_ms(e)};
    struct entry *made = entry_new(dst, key, sh);
    memcpy(made->lru, e->lru, sizeof e->lru);
    memcpy(value_of(made), entry_value(e), value_bytes(e->vlen));
    ttl_count(dst, sh.expire_ms, 1);
    made->flags |= e->flags & ENTRY_FIELDS;
    if (e->flags & ENTRY_FIELDS) ++*timed_count(dst, made);
    return made;
}

void db_set_expire(struct db *db, struct key k, int64_t ms) {
    struct table_place place;
    struct entry *e = table_find(&db->shelf->table, &entry_ops, key_slice(k), k.hash, &place);
    ASSERT(e);
    if (ms < 0 && !entry_has_ttl(e)) return;
    note_change(db, k.hash, place, e);
    char value[ENTRY_INLINE_BYTES_MAX];
    size_t n = value_bytes(e->vlen);
    bool fields = e->flags & ENTRY_FIELDS;
    memcpy(value, entry_value(e), n); /* reshape may free the block */
    fields_forget(db, e);
    e = reshape(db, &k, place, e, (struct shape){e->kind, e->vlen, ms});
    memcpy(value_of(e), value, n);
    if (fields) db_fields_changed(db, k, e);
}

void db_rename(struct db *db, struct key from, struct db *dst, struct key to) {
    struct table_place place;
    vacate(dst, &to);
    struct entry *e = table_find(&db->shelf->table, &entry_ops, key_slice(from), from.hash, &place);
    ASSERT(e);
    note_change(db, from.hash, place, e);
    struct entry *made = entry_like(dst, key_slice(to), e);
    table_remove(&db->shelf->table, from.hash, place);
    fields_forget(db, e);
    ttl_count(db, entry_expire_ms(e), -1);
    entry_free(db, e);
    table_insert(&dst->shelf->table, to.hash, made);
    note_new(dst, &to);
    if (unlikely(entry_type(made) == TYPE_TOPIC)) note_topic(dst);
}

void db_copy(struct db *db, struct key from, struct db *dst, struct key to) {
    struct table_place place;
    vacate(dst, &to);
    struct entry *e = table_find(&db->shelf->table, &entry_ops, key_slice(from), from.hash, &place);
    ASSERT(e);
    struct entry *made = entry_like(dst, key_slice(to), e);
    if (entry_encoding(e) == ENC_OBJECT) {
        set_pointer(made, object_ops(entry_type(e))->copy(entry_object(e)));
    } else if (e->vlen == ENTRY_ELSEWHERE) {
        blob_ref(entry_blob(e)); /* copied when either is edited */
    }
    lru_begin(dst->ks, made);
    table_insert(&dst->shelf->table, to.hash, made);
    note_new(dst, &to);
    if (unlikely(entry_type(made) == TYPE_TOPIC)) note_topic(dst);
}

int64_t db_ttl_average_ms(const struct db *db) {
    const struct shelf *s = db->shelf;
    if (!s->ttl_count) return 0;
    int64_t left = (int64_t)(s->ttl_sum_ms / (__int128)s->ttl_count) - db->ks->now_ms;
    return left > 0 ? left : 0;
}

const struct entry *db_random(struct db *db) {
    const struct entry *e = NULL;
    for (int tries = 0; tries < 100; tries++) {
        e = table_random(&db->shelf->table, false, random_u64);
        if (!e || !is_expired(db, e)) return e;
    }
    return db->ks->expire_paused ? e : NULL;
}

struct scan {
    const struct db *db;
    db_visit *visit, *past; /* past: or NULL */
    void *ctx;
    size_t visited;
};

static void scan_visit(void *ctx, void *item) {
    struct scan *s = ctx;
    s->visited++;
    if (!is_expired(s->db, item)) {
        s->visit(s->ctx, item);
    } else if (s->past) {
        s->past(s->ctx, item);
    }
}

uint64_t db_scan(struct db *db, uint64_t cursor, size_t count, db_visit *visit, db_visit *past,
                 void *ctx) {
    struct scan s = {db, visit, past, ctx, 0};
    size_t buckets_max = count > SIZE_MAX / 10 ? count : count * 10;
    do {
        cursor = table_scan(&db->shelf->table, cursor, scan_visit, &s);
    } while (cursor && s.visited < count && --buckets_max);
    return cursor;
}

uint64_t db_walk(struct db *db, uint64_t from, db_visit *visit, void *ctx) {
    struct scan s = {db, visit, NULL, ctx, 0};
    return table_visit_from(&db->shelf->table, from, scan_visit, &s);
}
