/* db.h - the databases: finding, creating, changing and removing keys.
 *
 * D1  A key past its time does not exist: every lookup here removes it and says so.
 * D2  Every change of the table or of an entry passes through this file.
 * D3  What a removal leaves behind and would take long to free goes to
 *     ks->garbage; the loop never frees it (see keyspace_take_garbage).
 * D4  While a cut is under way (store/capture.h), whatever changes an entry notes it first.
 * D5  An entry pointer is good until the next call that writes to its database.
 * Threads: the loop.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "base/hash.h"
#include "base/slab.h"
#include "base/table.h"
#include "base/wheel.h"
#include "store/entry.h"

/* A key with its hash. */
struct key {
    const char *p;
    size_t n;
    uint64_t hash;
};

static inline struct key key_of(struct slice s) {
    return (struct key){s.p, s.n, hash_bytes(s.p, s.n)};
}
static inline struct slice key_slice(struct key k) { return slice_of(k.p, k.n); }

struct keyspace;
struct cut;

/* What a database is made of; FLUSHDB and SWAPDB hand it on whole. */
struct shelf {
    struct table table;
    struct slab slab;
    struct wheel wheel;
    size_t ttl_count;                  /* keys with an expiry */
    size_t timed_hashes, timed_topics; /* keys with ENTRY_FIELDS: hashes, retained topics */
    __int128 ttl_sum_ms;               /* sum of their times, for the average in INFO */
    int cut_db;                        /* the database that it was at the cut (store/capture) */
};

struct db {
    struct shelf *shelf;
    struct keyspace *ks;
    int id;
};

enum evict_policy {
    EVICT_NOEVICTION,
    EVICT_ALLKEYS_LRU,
    EVICT_ALLKEYS_LFU,
    EVICT_ALLKEYS_RANDOM,
    EVICT_VOLATILE_LRU,
    EVICT_VOLATILE_LFU,
    EVICT_VOLATILE_RANDOM,
    EVICT_VOLATILE_TTL,
};

/* Why a key left without a command naming it. */
enum leave_reason { LEAVE_EXPIRED, LEAVE_EVICTED };

/* All databases and what they share. */
struct keyspace {
    struct db *dbs;
    int db_count;
    int64_t now_ms;     /* what has passed: Unix time, set once per turn of the loop; 0: nothing */
    int64_t wall_ms;    /* Unix time, also while nothing passes */
    uint32_t lru_clock; /* seconds, 24 bits (LRU) */
    bool lfu;           /* the lru field holds minutes and a counter */
    bool no_touch;      /* the running command leaves access times alone */
    /* Whether a key may not leave by itself now; NULL: none is so. */
    bool (*pinned)(void *ctx, uint64_t hash);
    void *pinned_ctx;
    bool expire_paused; /* CLIENT PAUSE, or a test: keys past their time stay, hidden */
    int lfu_log_factor;
    int lfu_decay_minutes;
    uint64_t hits, misses, expired, evicted, expired_fields;
    struct blob *edit_copy;           /* for the next db_edit, or NULL: see db_edit_copy */
    struct cut *cut;                  /* the snapshot under way, or NULL: store/capture.h */
    uint32_t walks;                   /* that were begun */
    struct garbage *garbage;          /* see keyspace_take_garbage */
    _Atomic size_t leaving_bytes;     /* of blobs that are garbage and not freed yet */
    _Atomic uint32_t leaving_shelves; /* databases likewise */
    int expire_turn;                  /* the database that keyspace_expire_step begins with */
    struct evict_pool *evict_pool;
    /* Called for each key that leaves by itself, before it is gone. May be NULL; must not write to
     * the database. */
    void (*on_leave)(void *ctx, struct db *db, const struct entry *e, enum leave_reason why);
    void *on_leave_ctx;
    /* Called when a key that was not there is made (its value is not yet), and when a command that
     * reads misses one; NULL: nobody wants that. Likewise. */
    void (*on_new)(void *ctx, struct db *db, struct key k);
    void (*on_miss)(void *ctx, struct db *db, struct key k);
    void *on_new_ctx;
    void (*on_topic)(void *ctx); /* a retained topic has come to a key; likewise */
    /* Called when a command asks for a key past its time that `pinned` keeps. Likewise. */
    void (*on_hidden)(void *ctx, struct db *db, const struct entry *e);
    /* Called for each field of a hash that leaves by itself, before it is gone. Likewise. */
    void (*on_field)(void *ctx, struct db *db, const struct entry *e, struct slice field);
    /* Called when fields of a hash have left by themselves; `all`: the hash ends with them, and is
     * still there. Likewise. */
    void (*on_fields)(void *ctx, struct db *db, const struct entry *e, bool all);
    void *on_fields_ctx;
};

struct keyspace *keyspace_new(int db_count);
void keyspace_free(struct keyspace *ks);

/* Sets the time of this turn and the access clocks. */
void keyspace_set_now(struct keyspace *ks, int64_t now_ms);

/* Bytes held by data and everything else, as maxmemory counts them. */
size_t keyspace_memory(const struct keyspace *ks);

/* Whether that is at most max_bytes, or soon will be without anything more being removed: garbage
 * that waits for a worker counts as freed. */
bool keyspace_fits(const struct keyspace *ks, size_t max_bytes);

/* A database of no number, for values that are kept aside for a time: nobody sees it, nothing
 * expires or is evicted in it. Freed before its keyspace, by a worker. */
struct db *db_aside_new(struct keyspace *ks);
void db_aside_free(struct db *db);

/* -- finding ------------------------------------------------------------------------- */

/* db_read and db_find, the key in registers. */
const struct entry *db_read_at(struct db *db, const char *p, size_t n, uint64_t hash);
struct entry *db_find_at(struct db *db, const char *p, size_t n, uint64_t hash);
/* For a command that reads: counts a hit or a miss and marks the access. NULL if absent. */
static inline const struct entry *db_read(struct db *db, struct key k) {
    return db_read_at(db, k.p, k.n, k.hash);
}

/* For one that reads and marks no access. */
const struct entry *db_look(struct db *db, struct key k);
/* For a command that will write: marks the access, counts nothing. */
static inline struct entry *db_find(struct db *db, struct key k) {
    return db_find_at(db, k.p, k.n, k.hash);
}

/* Neither counts nor marks (OBJECT, DEBUG, TTL, TOUCH decides for itself). */
struct entry *db_peek(struct db *db, struct key k);
bool db_exists(struct db *db, struct key k);
/* As db_peek, but nothing happens to a key whose time is over: NULL. */
const struct entry *db_glance(struct db *db, struct key k);

/* When time may take the key, or a field of its hash; before now: it has. INT64_MAX: never. */
int64_t db_due_ms(const struct entry *e);
/* A key that is still there although its time is over; nothing is removed. NULL: none is. */
const struct entry *db_past(struct db *db, struct key k);

/* For a command that found the key otherwise and changes its value where it lies: as db_peek. */
struct entry *db_own(struct db *db, struct key k);
/* The same for a change that can as well be made later: NULL, too, when it would cost the copy of a
 * large value now. */
struct entry *db_own_cheaply(struct db *db, struct key k);

/* -- strings ------------------------------------------------------------------------- */

#define DB_NO_TTL (-1)   /* the key will have no expiry */
#define DB_KEEP_TTL (-2) /* the key keeps the expiry that it has, if any */

/* Makes k hold the bytes of v, whatever it held: a number is kept as one. */
void db_set(struct db *db, struct key k, struct slice v, int64_t expire_ms);

/* As db_set, but digits stay text (INCRBYFLOAT, and what else Redis does not make a number). */
void db_set_text(struct db *db, struct key k, struct slice v, int64_t expire_ms);

/* As db_set, taking b (one reference moves) instead of copying its bytes. */
void db_set_blob(struct db *db, struct key k, struct blob *b, int64_t expire_ms);

/* Makes k hold a number. */
void db_set_int(struct db *db, struct key k, int64_t v, int64_t expire_ms);

/* Adds delta to the number in k (0 if absent), keeping its expiry. Returns 0 with *sum, or
 * ERR_WRONGTYPE, ERR_NOT_INT, ERR_OVERFLOW; k is then as it was. One lookup. */
int db_incr(struct db *db, struct key k, int64_t delta, int64_t *sum);

/* Makes k a string of max(len, its length) bytes, new ones zero, and returns them for
 * writing (good until the next call on db). k must be absent or a string. The encoding becomes raw;
 * the expiry stays. NULL when there is no memory for it. Amortised cost: the growth. */
char *db_edit(struct db *db, struct key k, size_t len, size_t *len_now);

/* Whether db_edit of an existing string would copy it, as it is shared or grows much; that copy,
 * NULL without memory, made on any thread: the next db_edit, of that key and length, takes it from
 * ks->edit_copy. */
bool db_edit_copies(const struct entry *e, size_t len);
struct blob *db_edit_copy(const struct entry *e, size_t len);

/* -- packed values and objects --------------------------------------------------------- */

/* Makes k a value of the type in its packed form (ENC_LISTPACK, ENC_INTSET, ENC_LISTPACK_EX),
 * copying the bytes, which must not be k's own. The expiry stays, if there was a key; what k held
 * is released. */
void db_put_packed(struct db *db, struct key k, enum entry_type type, enum entry_encoding enc,
                   struct slice bytes);

/* For editing a packed value where it lies: e (of db_find or db_own)'s blob, from now on e's alone,
 * with room for `more` bytes behind its len, both for the caller to change. NULL, e as it was, if
 * the value lies in the entry or there is no memory. */
struct blob *db_own_packed(struct entry *e, size_t more);

/* Makes k an object of the type, which the store takes. Likewise. */
void db_put_object(struct db *db, struct key k, enum entry_type type, void *object);

/* -- fields that end ----------------------------------------------------------------- */

/* Tells that the hash (or retained topic) of e, the entry of k, was changed where it lies, so that
 * a field (or message) now ends earlier, or the first one at all, or none any more. */
void db_fields_changed(struct db *db, struct key k, struct entry *e);

/* Lets the fields of the hash in k whose time has come leave, for at most budget_us. True if more
 * are due. k may be gone then. */
bool db_fields_expire(struct db *db, struct key k, int64_t budget_us);

/* -- keys ---------------------------------------------------------------------------- */

bool db_delete(struct db *db, struct key k);
/* Sets (ms >= 0) or removes (DB_NO_TTL) the expiry of an existing key. */
void db_set_expire(struct db *db, struct key k, int64_t ms);

/* Moves the value and expiry of `from`, which must exist, to `to` in the database `dst` (which may
 * be db), replacing what is there. */
void db_rename(struct db *db, struct key from, struct db *dst, struct key to);

/* A copy of `from`, expiry included, as `to` in dst, replacing. Cost: the size of the value. */
void db_copy(struct db *db, struct key from, struct db *dst, struct key to);

/* Marks an access, as db_find does (TOUCH). */
void db_touch(struct db *db, struct entry *e);
/* Access time and frequency, for OBJECT. */
int64_t db_idle_seconds(const struct db *db, const struct entry *e);
int db_lfu_counter(const struct db *db, const struct entry *e);

/* Sets them, each if the policy keeps it: seconds since the last access, 0 to 255 (RESTORE). */
void db_set_idle(struct db *db, struct entry *e, int64_t idle_s);
void db_set_lfu(struct db *db, struct entry *e, int counter);

/* Keys, and those of them with an expiry, some whose time has just come included. */
static inline size_t db_size(const struct db *db) { return db->shelf->table.count; }
static inline size_t db_ttl_size(const struct db *db) { return db->shelf->ttl_count; }

/* Average time to live in ms of the keys with an expiry, 0 if there is none. */
int64_t db_ttl_average_ms(const struct db *db);

/* Hints for a batch of lookups: the bucket first, some time later the entry. */
static inline void db_prefetch(const struct db *db, uint64_t hash) {
    table_prefetch(&db->shelf->table, hash);
}
static inline void db_prefetch_entry(const struct db *db, uint64_t hash) {
    table_prefetch_item(&db->shelf->table, hash);
}

/* A random key that exists, or NULL; while expiry is paused it may be past its time. */
const struct entry *db_random(struct db *db);

typedef void db_visit(void *ctx, const struct entry *e);
/* Visits keys from `cursor` (0 starts) until at least `count` table positions were seen;
 * returns the cursor to go on with, 0 at the end. A key there during the whole iteration is
 * visited exactly once. Those past their time go to `past`, or nowhere. Neither writes to db. */
uint64_t db_scan(struct db *db, uint64_t cursor, size_t count, db_visit *visit, db_visit *past,
                 void *ctx);

/* The same for who wants all keys, as fast as can be: some hundreds from `from` on, 0 at first;
 * returns where to go on, 0 at the end. */
uint64_t db_walk(struct db *db, uint64_t from, db_visit *visit, void *ctx);

/* So many keys will come soon (table_expect), 0: no more than there are. */
void db_expect(struct db *db, uint64_t keys);

/* Empties one database; what it held becomes garbage. Returns the number of keys it had. */
size_t db_flush(struct db *db);

/* The two databases change places. */
void db_swap(struct db *a, struct db *b);

/* -- by itself ----------------------------------------------------------------------- */

/* Removes keys, and fields of hashes, whose time has come, for at most budget_us. Returns true if
 * more are due. */
bool keyspace_expire_step(struct keyspace *ks, int64_t budget_us);

/* Unix ms of the next time that a key, or a field, may end, or INT64_MAX. */
int64_t keyspace_next_expire(const struct keyspace *ks);

/* Removes one key by the policy, looking at `samples` candidates per database. False if there is
 * none to remove. */
bool keyspace_evict_one(struct keyspace *ks, enum evict_policy policy, int samples);

/* Detaches the garbage so far, NULL if none; garbage_free may be called on any thread, before
 * keyspace_free. */
struct garbage *keyspace_take_garbage(struct keyspace *ks);
void garbage_free(struct garbage *g);
size_t garbage_count(const struct garbage *g);

#endif
