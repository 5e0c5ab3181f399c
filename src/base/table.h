/* table.h - a hash table that grows a piece at a time and keeps hash order.
 *
 * Items are pointers with a key inside; the table is split into segments by the leading bits of
 * the hash, found over a two-level directory (an array of leaves of 512 slots). A
 * segment is a page of 1, 2, 4 ... 64, 80, 96, 112 or 128 buckets of 64 bytes; a full one grows,
 * and one of 128 splits in two of 64 or 80. Within a segment the home bucket follows from the next
 * 16 bits, rising with the hash, so the whole table is ordered by hash and a place in a scan is
 * a hash value. An item that finds its home full goes to one of the next seven buckets.
 *
 * T1  An item lies in its home bucket or in one of the following TABLE_PROBES - 1 (cyclic
 *     within its segment); in the latter case its `foreign` bit is set and its home's
 *     `ovf` counts it. So a home with ovf 0 answers a miss alone.
 * T2  Keys are unique; the tag of an item is the low byte of its hash.
 * T3  `ttl` marks the items that have a time, `stays` those of them that have no end themselves
 *     (something inside has); `minexp` is a lower bound of the times. The segment's node
 *     is due at or before the earliest of them. Marks may lag behind an item that lost its time.
 * T4  While a walk is under way each item of its begin is given to it once: by table_walk_step,
 *     or claimed before it is changed or taken out. `passed` marks what a segment that the walk
 *     has not come to yet does not give any more, or never had.
 * T5  No segment has more than TABLE_DEPTH_MAX leading bits, so that a bucket's first hash
 *     position fits into the 48 bits of a scan cursor.
 * Cost: a find is one directory walk (two loads, cached) and, mostly, one line of buckets. A split
 * handles about 450 items: some 15 us. Removals merge segments and leaves again; the top array
 * alone stays at its largest (8 bytes per 512 segments). A table that is given no wheel makes its
 * own (10 KiB) when it has more than one segment and an item with a time.
 * Threads: the owner's.
 * After: extendible hashing (Fagin et al. 1979); Dash (VLDB 2020) for segments; F14 for `ovf`.
 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include "base/assert.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "base/wheel.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define TABLE_SLOTS 8
#define TABLE_PROBES 8
#define TABLE_LEAF_SLOTS (1 << TABLE_LEAF_BITS)
#define TABLE_DEPTH_MAX 32

struct table_bucket {
    uint8_t items[TABLE_SLOTS * 6]; /* 48-bit pointers */
    uint8_t tags[TABLE_SLOTS];
    uint8_t occ;     /* slots in use */
    uint8_t ovf;     /* items whose home this is, kept elsewhere */
    uint8_t foreign; /* slots whose item has another home */
    uint8_t ttl;     /* slots whose item has a time */
    uint16_t minexp; /* see table.c */
    uint8_t stays;   /* slots of ttl whose item has no end itself */
    uint8_t passed;  /* slots that the walk under way passes over, see table_walk_begin */
};
_Static_assert(sizeof(struct table_bucket) == 64, "a bucket is a cache line");

/* What the table must know of its items. */
struct table_ops {
    struct slice (*key)(const void *item);
    /* When the item ends or is to be looked at, -1: never; *ends: whether it has an end itself.
     * NULL: no item ever does. */
    int64_t (*due_ms)(const void *item, bool *ends);
};

struct table_seg;

struct table_leaf {
    uint64_t slot[TABLE_LEAF_SLOTS]; /* page | buckets << 56 | depth: pages lie at cache lines */
    struct table_seg *seg[TABLE_LEAF_SLOTS];
};

struct table {
    uint64_t *top;      /* leaf | its depth << 48; NULL while there is one segment */
    uint64_t root;      /* that segment's slot */
    uint32_t top_shift; /* 63 - the bits of a hash that choose an element of top */
    struct table_seg *root_seg;
    size_t count, segs;
    size_t bytes; /* of pages, segments and the directory */
    const struct table_ops *ops;
    struct wheel *wheel;         /* of this table alone; NULL: not needed (yet) */
    bool own_wheel;              /* made by the table, to be freed with it */
    uint32_t walk;               /* the walk under way, 0: none */
    uint32_t still;              /* the number of the last still: see base/table_still.h */
    struct table_stills *stills; /* what there is for their sake, NULL: there is none */
    size_t expected;             /* see table_expect; 0: nothing is known */
};

/* Where an item was found; good until the table changes. */
struct table_place {
    struct table_bucket *bucket;
    unsigned slot;
};

/* `wheel` is borrowed and outlives the table; NULL: see above. */
void table_init(struct table *t, const struct table_ops *ops, struct wheel *wheel);

/* Frees the table's own memory, not the items, and takes its segments off the wheel. */
void table_fini(struct table *t);

#define TABLE_PTR_MASK (((uint64_t)1 << 48) - 1)
#define TABLE_DEPTH_MASK ((uint64_t)63)

static inline uint64_t table_slot(const struct table *t, uint64_t hash) {
    if (unlikely(!t->top)) return t->root;
    uint64_t top = t->top[(hash >> 1) >> t->top_shift];
    const struct table_leaf *leaf = (const void *)(uintptr_t)(top & ~TABLE_DEPTH_MASK);
    return leaf->slot[(hash << (top & TABLE_DEPTH_MASK)) >> (64 - TABLE_LEAF_BITS)];
}

static inline struct table_bucket *slot_page(uint64_t slot) {
    return (struct table_bucket *)(uintptr_t)(slot & TABLE_PTR_MASK & ~TABLE_DEPTH_MASK);
}
static inline unsigned slot_buckets(uint64_t slot) { return slot >> 56; }
static inline unsigned slot_depth(uint64_t slot) { return slot & TABLE_DEPTH_MASK; }

/* The home bucket's index: the 16 bits behind the segment's prefix, scaled. */
static inline unsigned slot_home(uint64_t slot, uint64_t hash) {
    return (unsigned)(((hash << slot_depth(slot)) >> 48) * slot_buckets(slot) >> 16);
}

static inline void *bucket_item(const struct table_bucket *b, unsigned i) {
    uint64_t v;
    memcpy(&v, b->items + i * 6, 8);
    return (void *)(uintptr_t)(v & TABLE_PTR_MASK);
}

/* The slots in use whose tag may be this one. */
static inline unsigned bucket_match(const struct table_bucket *b, uint8_t tag) {
#ifdef __SSE2__
    __m128i tags = _mm_loadl_epi64((const __m128i *)(const void *)b->tags);
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(tags, _mm_set1_epi8((char)tag))) & b->occ;
#else
    uint64_t v;
    memcpy(&v, b->tags, 8);
    v ^= tag * 0x0101010101010101u;
    v = (v - 0x0101010101010101u) & ~v & 0x8080808080808080u; /* may name a slot too many */
    return (unsigned)(v * 0x0002040810204081u >> 56) & b->occ;
#endif
}

/* The slot of a key in one bucket, or -1. */
static inline __attribute__((always_inline)) int bucket_find(const struct table_bucket *b,
                                                             const struct table_ops *ops,
                                                             struct slice key, uint64_t hash) {
    for (unsigned m = bucket_match(b, (uint8_t)hash); m; m &= m - 1) {
        unsigned i = (unsigned)__builtin_ctz(m);
        struct slice k = ops->key(bucket_item(b, i));
        if (likely(k.n == key.n && bytes_eq_short(k.p, key.p, k.n))) return (int)i;
    }
    return -1;
}

/* The home bucket of a hash. What is not in it, while its ovf is 0, is not in the table. */
static inline struct table_bucket *table_home(const struct table *t, uint64_t hash) {
    uint64_t slot = table_slot(t, hash);
    return slot_page(slot) + slot_home(slot, hash);
}

/* The rest of table_find: the neighbours of a home that has given items to them. */
void *table_find_far(const struct table *t, struct slice key, uint64_t hash,
                     struct table_place *place);

/* The item of a key, NULL if absent; *place tells where it is. `ops` are those of the
 * table, given as a constant so that the compiler sees through them. */
static inline __attribute__((always_inline)) void *table_find(const struct table *t,
                                                              const struct table_ops *ops,
                                                              struct slice key, uint64_t hash,
                                                              struct table_place *place) {
    struct table_bucket *home = table_home(t, hash);
    int i = bucket_find(home, ops, key, hash);
    if (likely(i >= 0)) {
        *place = (struct table_place){home, (unsigned)i};
        return bucket_item(home, (unsigned)i);
    }
    return likely(!home->ovf) ? NULL : table_find_far(t, key, hash, place);
}

/* The empty statement is an effect: gcc drops calls of what does nothing but prefetch. */
static inline void table_fetch(const void *p) {
    __builtin_prefetch(p);
    __asm__ volatile("");
}

/* Hints, for a batch: first the bucket, then, some time later, the item. */
static inline void table_prefetch(const struct table *t, uint64_t hash) {
    table_fetch(table_home(t, hash));
}
static inline void table_prefetch_item(const struct table *t, uint64_t hash) {
    const struct table_bucket *b = table_home(t, hash);
    unsigned m = bucket_match(b, (uint8_t)hash);
    if (m) table_fetch(bucket_item(b, (unsigned)__builtin_ctz(m)));
}
/* Both, for a batch that is at hand. */
static inline void table_prefetch_all(const struct table *t, const uint64_t *hashes, size_t n) {
    for (size_t i = 0; i < n; i++) table_prefetch(t, hashes[i]);
    for (size_t i = 0; i < n; i++) table_prefetch_item(t, hashes[i]);
}

/* Tells how many items there will be: once a sixteenth of them is there a segment that is full
 * becomes what it will be in the end at once, so that most items are never moved. Too large a
 * number costs memory, sixteen times as much at worst. 0: nothing is known any more. */
void table_expect(struct table *t, size_t items);

/* Adds an item whose key is absent. */
void table_insert(struct table *t, uint64_t hash, void *item);

/* Puts an item with the same key where another is, or tells that the item's time changed. A time
 * that became later, or was lost, need not be told: it is found out when it comes. */
void table_replace(struct table *t, uint64_t hash, struct table_place place, void *item);

/* Takes an item out. Places become void. */
void table_remove(struct table *t, uint64_t hash, struct table_place place);

/* Visits the items of one bucket of hash order and returns the cursor of the next; 0 ends (and
 * begins). */
uint64_t table_scan(const struct table *t, uint64_t cursor, void (*visit)(void *ctx, void *item),
                    void *ctx);

/* An item picked by chance, of all or of those that have an end; NULL if there is none.
 * `random` gives 64 random bits a call. Nearly even, but where less than some hundredth of all
 * slots qualifies. Cost: a few probes, a thousand at most, and then a look at some segments; where
 * those that end are few among many that stay, they may be missed. */
void *table_random(const struct table *t, bool ttl_only, uint64_t (*random)(void));

/* Where a walk stands; all zero: at the beginning. Void after any change of the table. */
struct table_walk {
    uint64_t hash;
    unsigned bucket;
};

/* Visits the items of one bucket, in memory's order; false behind the last one, or when nobody
 * wants any more what is made of them (base/nap). A visit may free its item. */
bool table_step(const struct table *t, struct table_walk *w, void (*visit)(void *ctx, void *item),
                void *ctx);

/* Every item, in the order of a walk, while the table stays as it is. */
void table_each(const struct table *t, void (*visit)(void *ctx, void *item), void *ctx);

/* The same, but it ends early when nobody wants any more what is made of them. */
void table_each_wanted(const struct table *t, void (*visit)(void *ctx, void *item), void *ctx);

/* Visits the items of one segment, some hundreds, from the hash `from` on (0 begins); returns where
 * to go on, 0 at the end. Others may write between two calls: an item that is there all the time is
 * visited once. Faster than table_scan. */
uint64_t table_visit_from(const struct table *t, uint64_t from,
                          void (*visit)(void *ctx, void *item), void *ctx);

/* What becomes of an item whose time has come: the item itself, if it stays, perhaps with a new
 * time (one that has still passed is asked about again in the next round); another one with the
 * same key; or NULL: it has left the table. Owns the item, and must not call the table. */
typedef void *table_due_fn(void *ctx, struct table *t, void *item);

/* Asks `due` about the items of one due segment whose time is before now_ms. False if no segment
 * is due. Cost: at most one segment. */
bool table_expire(struct table *t, int64_t now_ms, table_due_fn *due, void *ctx);

/* From when on table_expire may have something to do: at most TABLE_LATE_MS after the first item's
 * time, perhaps long before, and after the `now_ms` for which it has last returned false.
 * INT64_MAX: never. */
#define TABLE_LATE_MS WHEEL_TICK_MS
int64_t table_next_ms(const struct table *t);

/* ---- walks: the items of one instant, while the table goes on changing ---- */

/* Begins a walk over what is in the table now. `number` is more than that of any walk before. */
void table_walk_begin(struct table *t, uint32_t number);

/* Ends it, whether it came to its end or not. Cost: none. */
void table_walk_end(struct table *t);

/* Gives the items of the segment that `from` lies in, but for those that it must not, and returns
 * where the next segment begins; 0 ends (and begins). visit must not change the table. Cost: a
 * segment, whose items are fetched ahead. */
uint64_t table_walk_step(struct table *t, uint64_t from, void (*visit)(void *ctx, void *item),
                         void *ctx);

/* Whether the item at a place is still to be given; then it counts as given, and the caller sees to
 * it. To be asked before an item is changed or taken out; new ones are never given. */
bool table_walk_claim(struct table *t, uint64_t hash, struct table_place place);

/* How full the table is: items per 1,000 slots, for DEBUG and tests. */
unsigned table_load_permille(const struct table *t);

#endif
