/* evict.c - which key goes when memory is short.
 *
 * Each call looks at some random keys of every database and remembers the best of all
 * calls in a pool of EVICT_POOL keys by score, so that the choice comes near to that of a full
 * order at the cost of a few samples. A remembered key may have gone or been used since:
 * it is looked up and scored again before it is taken.
 */
#include "store/evict.h"

#include "base/mem.h"
#include "base/random.h"
#include "store/db_internal.h"

#define EVICT_POOL 16
#define EVICT_KEY_BYTES_MAX 128 /* a longer key is not remembered, but may be taken at once */

struct candidate {
    uint64_t score; /* the higher, the sooner it goes; 0: none */
    uint64_t hash;
    struct db *db;
    size_t n;
    char key[EVICT_KEY_BYTES_MAX];
};

/* Ascending by score. */
struct evict_pool {
    struct candidate at[EVICT_POOL];
};

struct evict_pool *evict_pool_new(void) {
    return mem_calloc(sizeof(struct evict_pool));
}
void evict_pool_free(struct evict_pool *p) { mem_free(p); }

static bool only_ttl(enum evict_policy policy) { return policy >= EVICT_VOLATILE_LRU; }

static uint64_t score(const struct db *db, const struct entry *e, enum evict_policy policy) {
    switch (policy) {
    case EVICT_ALLKEYS_LRU:
    case EVICT_VOLATILE_LRU: return (uint64_t)db_idle_seconds(db, e) + 1;
    case EVICT_ALLKEYS_LFU:
    case EVICT_VOLATILE_LFU: return (uint64_t)(256 - db_lfu_counter(db, e));
    case EVICT_VOLATILE_TTL: return UINT64_MAX - (uint64_t)entry_expire_ms(e);
    default: return 1;
    }
}

/* Keeps a key if it is among the best. */
static void pool_add(struct evict_pool *p, struct db *db, const struct entry *e, uint64_t sc) {
    struct slice key = entry_key(e);
    if (key.n > EVICT_KEY_BYTES_MAX || sc <= p->at[0].score) return;
    uint64_t hash = hash_bytes(key.p, key.n);
    int at = 0;
    for (int i = 0; i < EVICT_POOL; i++) {
        if (p->at[i].score && p->at[i].hash == hash && p->at[i].db == db) return;
        if (p->at[i].score < sc) at = i;
    }
    memmove(p->at, p->at + 1, (size_t)at * sizeof p->at[0]);
    p->at[at] = (struct candidate){.score = sc, .hash = hash, .db = db, .n = key.n};
    memcpy(p->at[at].key, key.p, key.n);
}

static void leave(struct db *db, struct key k, struct table_place place, struct entry *e) {
    struct keyspace *ks = db->ks;
    ks->evicted++;
    if (ks->on_leave) ks->on_leave(ks->on_leave_ctx, db, e, LEAVE_EVICTED);
    db_drop(db, k.hash, place, e);
}

/* Removes the key if it is there and, for a remembered one, as good as it was. */
static bool take(struct db *db, struct key k, enum evict_policy policy, uint64_t at_least) {
    struct table_place place;
    struct entry *e = table_find(&db->shelf->table, &entry_ops, key_slice(k), k.hash, &place);
    if (!e || (only_ttl(policy) && !entry_has_ttl(e)) || score(db, e, policy) < at_least)
        return false;
    if (db->ks->pinned && db->ks->pinned(db->ks->pinned_ctx, k.hash)) return false;
    leave(db, k, place, e);
    return true;
}

static bool take_best(struct evict_pool *p, enum evict_policy policy) {
    for (int i = EVICT_POOL - 1; i >= 0; i--) {
        struct candidate c = p->at[i];
        if (!c.score) break;
        memmove(p->at + 1, p->at, (size_t)i * sizeof p->at[0]);
        p->at[0] = (struct candidate){0};
        i++; /* what was below has moved up */
        if (take(c.db, (struct key){c.key, c.n, c.hash}, policy, c.score)) return true;
    }
    return false;
}

/* One key of the database with random turn, without a score. */
static bool take_any(struct keyspace *ks, enum evict_policy policy) {
    int first = (int)random_below((uint64_t)ks->db_count);
    for (int i = 0; i < ks->db_count; i++) {
        struct db *db = &ks->dbs[(first + i) % ks->db_count];
        struct entry *e = table_random(&db->shelf->table, only_ttl(policy), random_u64);
        if (e && take(db, key_of(entry_key(e)), policy, 0)) return true;
    }
    return false;
}

bool keyspace_evict_one(struct keyspace *ks, enum evict_policy policy, int samples) {
    if (policy == EVICT_NOEVICTION) return false;
    if (policy == EVICT_ALLKEYS_RANDOM || policy == EVICT_VOLATILE_RANDOM)
        return take_any(ks, policy);
    for (int d = 0; d < ks->db_count; d++) {
        struct db *db = &ks->dbs[d];
        size_t n = only_ttl(policy) ? db_ttl_size(db) : db_size(db);
        for (int i = 0; n && i < samples; i++) {
            struct entry *e = table_random(&db->shelf->table, only_ttl(policy), random_u64);
            if (e) pool_add(ks->evict_pool, db, e, score(db, e, policy));
        }
    }
    return take_best(ks->evict_pool, policy) || take_any(ks, policy);
}
