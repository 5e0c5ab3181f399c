/* table.c - see table.h: growing, shrinking, scanning and expiring.
 *
 * minexp counts units of 2,048 ms from the segment's base time, and means nothing without an item
 * that expires; EXPIRY_FAR (a lower bound too) stands beyond reach. A segment whose base is older
 * than half the reach computes all its values anew when it is next due, so that FAR never lies.
 *
 * U1  A directory slot and its table_seg agree on page, depth and buckets.
 * U2  A segment's depth is at least its leaf's: no segment spans two leaves.
 */
#include "base/table.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/later.h"
#include "base/mem.h"
#include "base/nap.h"
#include "base/table_still.h"

#define BUCKETS_FULL 64 /* of a segment, before and after a split */
#define BUCKETS_STRETCHED 128
#define BUCKETS_STEP 16         /* by which a full segment is stretched before it splits */
#define BUCKET_ITEMS_LIKELY 6.5 /* a segment of so many in a bucket is hardly ever full */
#define EXPECTED_SHARE 16       /* of what is expected has to be there before it is believed */
#define SEG_ITEMS_MAX (BUCKETS_STRETCHED * TABLE_SLOTS)

#define RANDOM_TRIES 1000
#define RANDOM_TTL_TRIES 100
#define RANDOM_TTL_SEGS 1000

#define EXPIRY_UNIT_SHIFT 11 /* 2,048 ms */
#define EXPIRY_FAR 0xfffe
#define EXPIRY_REBASE_MS ((int64_t)(EXPIRY_FAR / 2) << EXPIRY_UNIT_SHIFT)

struct table_seg {
    struct wheel_node node; /* first: the wheel gives it out; without a wheel only due_ms counts */
    struct table *table;
    struct table_bucket *page;
    uint64_t prefix; /* the first hash of the segment */
    int64_t base_ms; /* of minexp */
    uint16_t count;
    uint8_t depth, buckets;
    uint16_t turn;    /* of expiry: where it begins, so that none waits for the others always */
    uint32_t walked;  /* the last walk that has taken it */
    uint32_t passing; /* the walk that the marks `passed` belong to: those of others mean nothing */
    uint32_t own;     /* the last still when the page was made: later ones share it */
};

struct table_stills {
    unsigned count;
    struct later_bag pages; /* that only they know */
};

/* An item on its way to another page. */
struct moving {
    uint64_t hash;
    void *item;
    bool ttl, passed;
};

/* When an item is due, -1: never. */
static inline int64_t due_of(const struct table *t, const void *item, bool *ends) {
    *ends = false;
    return t->ops->due_ms ? t->ops->due_ms(item, ends) : -1;
}

/* ---- directory ---------------------------------------------------------------------- */

static uint64_t seg_slot(const struct table_seg *s) {
    return (uint64_t)(uintptr_t)s->page | s->depth | (uint64_t)s->buckets << 56;
}

static struct table_leaf *top_leaf(uint64_t top) {
    return (struct table_leaf *)(uintptr_t)(top & ~TABLE_DEPTH_MASK);
}
static unsigned top_depth(uint64_t top) { return (unsigned)(top & TABLE_DEPTH_MASK); }
static unsigned top_bits(const struct table *t) { return 63 - t->top_shift; }

static size_t top_index(const struct table *t, uint64_t hash) {
    return (size_t)((hash >> 1) >> t->top_shift);
}

static struct table_seg *seg_of(const struct table *t, uint64_t hash) {
    if (!t->top) return t->root_seg;
    uint64_t top = t->top[top_index(t, hash)];
    return top_leaf(top)->seg[(hash << top_depth(top)) >> (64 - TABLE_LEAF_BITS)];
}

/* The segment behind one in hash order, NULL behind the last. */
static struct table_seg *seg_behind(const struct table *t, const struct table_seg *s) {
    uint64_t hash = s->depth ? s->prefix + ((uint64_t)1 << (64 - s->depth)) : 0;
    return hash ? seg_of(t, hash) : NULL;
}

/* Writes a segment's slot wherever the directory names it. */
static void dir_set(struct table *t, struct table_seg *s) {
    if (!t->top) {
        t->root_seg = s;
        t->root = seg_slot(s);
        return;
    }
    uint64_t top = t->top[top_index(t, s->prefix)];
    struct table_leaf *leaf = top_leaf(top);
    unsigned depth = top_depth(top);
    size_t first = (size_t)((s->prefix << depth) >> (64 - TABLE_LEAF_BITS));
    size_t n = (size_t)1 << (depth + TABLE_LEAF_BITS - s->depth);
    for (size_t i = first; i < first + n; i++) {
        leaf->slot[i] = seg_slot(s);
        leaf->seg[i] = s;
    }
}

static void top_set(struct table *t, uint64_t prefix, unsigned depth, struct table_leaf *leaf) {
    size_t first = top_index(t, prefix), n = (size_t)1 << (top_bits(t) - depth);
    for (size_t i = first; i < first + n; i++) t->top[i] = (uint64_t)(uintptr_t)leaf | depth;
}

static struct table_leaf *leaf_new(struct table *t) {
    t->bytes += sizeof(struct table_leaf);
    return mem_alloc_lines(sizeof(struct table_leaf));
}

/* The first split: a top of one leaf, all of it the one segment. */
static void dir_begin(struct table *t) {
    struct table_seg *s = t->root_seg;
    t->top = mem_alloc(sizeof *t->top);
    t->top_shift = 63;
    t->bytes += sizeof *t->top;
    top_set(t, 0, 0, leaf_new(t));
    dir_set(t, s);
}

static void top_double(struct table *t) {
    size_t n = (size_t)1 << top_bits(t);
    uint64_t *top = mem_alloc(2 * n * sizeof *top);
    for (size_t i = 0; i < n; i++) top[2 * i] = top[2 * i + 1] = t->top[i];
    mem_free(t->top);
    t->top = top;
    t->top_shift--;
    t->bytes += n * sizeof *top;
}

static struct table_seg *seg_split(struct table *t, struct table_seg *s);

/* Splits the leaf that holds s, so that s may split once more. */
static void leaf_split(struct table *t, const struct table_seg *s) {
    uint64_t top = t->top[top_index(t, s->prefix)];
    struct table_leaf *leaf = top_leaf(top);
    unsigned depth = top_depth(top);
    for (size_t i = 0; i < TABLE_LEAF_SLOTS; i++) { /* U2 */
        if (leaf->seg[i]->depth == depth) seg_split(t, leaf->seg[i]);
    }
    if (depth == top_bits(t)) top_double(t);
    uint64_t prefix = depth ? s->prefix >> (64 - depth) << (64 - depth) : 0;
    for (unsigned half = 0; half < 2; half++) {
        struct table_leaf *to = leaf_new(t);
        for (size_t i = 0; i < TABLE_LEAF_SLOTS; i++) {
            size_t from = half * (TABLE_LEAF_SLOTS / 2) + i / 2;
            to->slot[i] = leaf->slot[from];
            to->seg[i] = leaf->seg[from];
        }
        top_set(t, prefix | (uint64_t)half << (63 - depth), depth + 1, to);
    }
    mem_free(leaf);
    t->bytes -= sizeof *leaf;
}

/* The other way: two leaves of one segment each become one leaf, and a table of one segment does
 * without a directory. s is the segment of a leaf of its own; false if its neighbour has more. */
static bool leaf_merge(struct table *t, struct table_seg *s) {
    uint64_t own = t->top[top_index(t, s->prefix)];
    unsigned depth = top_depth(own);
    struct table_leaf *leaf = top_leaf(own);
    if (!depth) {
        t->bytes -= sizeof *leaf + ((size_t)1 << top_bits(t)) * sizeof *t->top;
        mem_free(leaf);
        mem_free(t->top);
        t->top = NULL;
        dir_set(t, s);
        return true;
    }
    uint64_t bit = (uint64_t)1 << (64 - depth);
    uint64_t other = t->top[top_index(t, s->prefix ^ bit)];
    struct table_seg *buddy = top_leaf(other)->seg[0];
    if (top_depth(other) != depth || buddy->depth != depth) return false;
    mem_free(top_leaf(other));
    t->bytes -= sizeof *leaf;
    top_set(t, s->prefix & ~bit, depth - 1, leaf);
    dir_set(t, s);
    dir_set(t, buddy);
    return true;
}

/* ---- buckets ------------------------------------------------------------------------ */

static void item_put(struct table_bucket *b, unsigned i, const void *item) {
    uint64_t v = (uint64_t)(uintptr_t)item;
    memcpy(b->items + i * 6, &v, 6);
}

/* Puts an item into its home or a neighbour; false when there is no room. */
static inline bool page_place(struct table_bucket *page, unsigned buckets, unsigned home,
                              uint8_t tag, const void *item, struct table_place *place) {
    unsigned probes = buckets < TABLE_PROBES ? buckets : TABLE_PROBES;
    for (unsigned probe = 0; probe < probes; probe++) {
        unsigned at = home + probe;
        if (at >= buckets) at -= buckets;
        struct table_bucket *b = page + at;
        if (b->occ == 0xff) continue;
        unsigned i = (unsigned)__builtin_ctz(~(unsigned)b->occ);
        item_put(b, i, item);
        b->tags[i] = tag;
        b->occ |= (uint8_t)(1u << i);
        if (probe) {
            b->foreign |= (uint8_t)(1u << i);
            page[home].ovf++;
        }
        *place = (struct table_place){b, i};
        return true;
    }
    return false;
}

static uint16_t expiry_units(const struct table_seg *s, int64_t ms) {
    if (ms <= s->base_ms) return 0;
    int64_t units = (ms - s->base_ms) >> EXPIRY_UNIT_SHIFT;
    return units < EXPIRY_FAR ? (uint16_t)units : EXPIRY_FAR;
}

static int64_t expiry_bound_ms(const struct table_seg *s, const struct table_bucket *b) {
    return s->base_ms + ((int64_t)b->minexp << EXPIRY_UNIT_SHIFT);
}

/* An item is gone when its time is before now: a millisecond after it. */
static int64_t due_after(int64_t ms) { return ms < INT64_MAX ? ms + 1 : ms; }

static void own_wheel(struct table *t) {
    t->wheel = mem_alloc(sizeof *t->wheel);
    wheel_init(t->wheel, clock_unix_ms());
    t->own_wheel = true;
    t->bytes += sizeof *t->wheel;
}

/* Lets a segment become due at `ms`, or before. */
static void seg_due_by(struct table *t, struct table_seg *s, int64_t ms) {
    if (!t->wheel && t->segs > 1) own_wheel(t);
    if (!t->wheel) {
        if (ms < s->node.due_ms) s->node.due_ms = ms;
    } else if (!wheel_has(&s->node) || ms < s->node.due_ms) {
        wheel_set(t->wheel, &s->node, ms);
    }
}

static void seg_never_due(struct table *t, struct table_seg *s) {
    if (t->wheel) wheel_drop(t->wheel, &s->node);
    s->node.due_ms = INT64_MAX;
}

/* Marks an item as one without a time, or one that has an end itself, or has not. */
static inline void mark(struct table_bucket *b, unsigned slot, int64_t ms, bool ends) {
    uint8_t bit = (uint8_t)(1u << slot);
    b->ttl = (uint8_t)(ms < 0 ? b->ttl & ~bit : b->ttl | bit);
    b->stays = (uint8_t)(ms < 0 || ends ? b->stays & ~bit : b->stays | bit);
}

/* Keeps T3 for an item at a place. */
static void expiry_note(struct table *t, struct table_seg *s, struct table_place at, int64_t ms,
                        bool ends) {
    if (ms >= 0) {
        uint16_t units = expiry_units(s, ms);
        if (!at.bucket->ttl || units < at.bucket->minexp) at.bucket->minexp = units;
        seg_due_by(t, s, due_after(ms));
    }
    mark(at.bucket, at.slot, ms, ends);
}

/* ---- walks -------------------------------------------------------------------------- */

/* Whether the walk under way has still to come to the segment. */
static inline bool seg_is_ahead(const struct table *t, const struct table_seg *s) {
    return t->walk && s->walked != t->walk;
}

static bool seg_passes(const struct table *t, const struct table_seg *s,
                       const struct table_bucket *b, unsigned slot) {
    return t->walk && s->passing == t->walk && b->passed >> slot & 1;
}

static void seg_pass(const struct table *t, struct table_seg *s, struct table_place at) {
    if (s->passing != t->walk) {
        for (unsigned i = 0; i < s->buckets; i++) s->page[i].passed = 0;
        s->passing = t->walk;
    }
    at.bucket->passed |= (uint8_t)(1u << at.slot);
}

void table_walk_begin(struct table *t, uint32_t number) {
    ASSERT(!t->stills);
    t->walk = number;
}
void table_walk_end(struct table *t) { t->walk = 0; }

bool table_walk_claim(struct table *t, uint64_t hash, struct table_place place) {
    if (!t->walk) return false;
    struct table_seg *s = seg_of(t, hash);
    if (!seg_is_ahead(t, s) || seg_passes(t, s, place.bucket, place.slot)) return false;
    seg_pass(t, s, place);
    return true;
}

/* ---- segments ----------------------------------------------------------------------- */

static struct table_bucket *page_new(struct table *t, unsigned buckets) {
    size_t n = buckets * sizeof(struct table_bucket);
    t->bytes += n;
    struct table_bucket *page = mem_alloc_lines(n);
    for (unsigned i = 0; i < buckets; i++) {
        memset(page[i].tags, 0, sizeof page[i] - sizeof page[i].items);
    }
    return page;
}

static void page_free(struct table *t, struct table_bucket *page, unsigned buckets) {
    t->bytes -= buckets * sizeof *page;
    mem_free(page);
}

/* A page that its segment is about to give up. */
struct spent {
    struct table_bucket *page;
    unsigned buckets;
    bool shared;
};

static bool seg_is_shared(const struct table *t, const struct table_seg *s) {
    return unlikely(t->stills != NULL) && s->own != t->still;
}

static struct spent seg_spend(const struct table *t, const struct table_seg *s) {
    return (struct spent){s->page, s->buckets, seg_is_shared(t, s)};
}

static void spent_free(struct table *t, struct spent spent) {
    size_t bytes = spent.buckets * sizeof *spent.page;
    if (!spent.shared) {
        page_free(t, spent.page, spent.buckets);
        return;
    }
    t->bytes -= bytes;
    later_bag_add(&t->stills->pages, spent.page, bytes);
}

/* Before a write to the segment's page, which may then be another one. */
static void seg_own(struct table *t, struct table_seg *s) {
    if (likely(!seg_is_shared(t, s))) return;
    struct spent old = seg_spend(t, s);
    size_t bytes = old.buckets * sizeof *old.page;
    s->page = mem_alloc_lines(bytes);
    memcpy(s->page, old.page, bytes);
    t->bytes += bytes;
    s->own = t->still;
    dir_set(t, s);
    spent_free(t, old);
}

/* The same for a place in it. */
static struct table_place place_own(struct table *t, uint64_t hash, struct table_place place) {
    if (likely(!t->stills)) return place;
    struct table_seg *s = seg_of(t, hash);
    size_t at = (size_t)(place.bucket - s->page);
    seg_own(t, s);
    return (struct table_place){s->page + at, place.slot};
}

static struct table_seg *seg_new(struct table *t, uint64_t prefix, unsigned depth) {
    struct table_seg *s = mem_calloc(sizeof *s);
    s->table = t;
    s->prefix = prefix;
    s->depth = (uint8_t)depth;
    s->node.due_ms = INT64_MAX;
    if (t->wheel) s->base_ms = t->wheel->tick * WHEEL_TICK_MS;
    t->segs++;
    t->bytes += sizeof *s;
    return s;
}

static void seg_free(struct table *t, struct table_seg *s) {
    seg_never_due(t, s);
    t->segs--;
    t->bytes -= sizeof *s;
    mem_free(s);
}

/* Lists a segment's items with their hashes; all are fetched ahead, since each is a miss. */
static unsigned seg_collect(const struct table_seg *s, struct moving *out) {
    unsigned n = 0;
    for (unsigned i = 0; i < s->buckets; i++) {
        const struct table_bucket *b = s->page + i;
        for (unsigned m = b->occ; m; m &= m - 1) {
            unsigned slot = (unsigned)__builtin_ctz(m);
            out[n].item = bucket_item(b, slot);
            out[n].ttl = b->ttl >> slot & 1;
            out[n].passed = seg_passes(s->table, s, b, slot);
            __builtin_prefetch(out[n++].item);
        }
    }
    for (unsigned i = 0; i < n; i++) {
        struct slice key = s->table->ops->key(out[i].item);
        out[i].hash = hash_bytes(key.p, key.n);
    }
    return n;
}

/* Gives s a new page with the items; false, s as it was, when they do not fit. The old page is
 * the caller's. */
static bool seg_fill(struct table *t, struct table_seg *s, unsigned buckets,
                     const struct moving *items, unsigned n) {
    struct table_bucket *old_page = s->page;
    uint8_t old_buckets = s->buckets;
    uint32_t old_passing = s->passing, old_own = s->own;
    s->page = page_new(t, buckets);
    s->buckets = (uint8_t)buckets;
    s->own = t->still;
    uint64_t slot = seg_slot(s);
    for (unsigned i = 0; i < n; i++) {
        struct table_place at;
        if (!page_place(s->page, buckets, slot_home(slot, items[i].hash), (uint8_t)items[i].hash,
                        items[i].item, &at)) {
            page_free(t, s->page, buckets);
            s->page = old_page;
            s->buckets = old_buckets;
            s->passing = old_passing;
            s->own = old_own;
            return false;
        }
        if (unlikely(items[i].passed)) seg_pass(t, s, at);
        if (!items[i].ttl) continue;
        bool ends;
        int64_t ms = due_of(t, items[i].item, &ends);
        expiry_note(t, s, at, ms, ends);
    }
    s->count = (uint16_t)n;
    return true;
}

/* Of a full-sized page that so many items hardly ever fill. */
static unsigned buckets_for(double items) {
    unsigned buckets = BUCKETS_FULL;
    while (buckets < BUCKETS_STRETCHED && items > buckets * BUCKET_ITEMS_LIKELY) {
        buckets += BUCKETS_STEP;
    }
    return buckets;
}

/* The smallest such page that takes the items. */
static void seg_fill_full(struct table *t, struct table_seg *s, const struct moving *items,
                          unsigned n) {
    unsigned buckets = buckets_for(n);
    while (!seg_fill(t, s, buckets, items, n)) {
        buckets += BUCKETS_STEP;
        ASSERT(buckets <= BUCKETS_STRETCHED); /* half a segment's items: not with a keyed hash */
    }
}

/* Returns the new one, the upper half. */
static struct table_seg *seg_split(struct table *t, struct table_seg *s) {
    struct moving items[SEG_ITEMS_MAX], *half[2] = {items, NULL};
    ASSERT(s->depth < TABLE_DEPTH_MAX);
    if (!t->top) dir_begin(t);
    if (s->depth == top_depth(t->top[top_index(t, s->prefix)]) + TABLE_LEAF_BITS) leaf_split(t, s);
    unsigned n = seg_collect(s, items), low = 0;
    uint64_t bit = (uint64_t)1 << (63 - s->depth);
    for (unsigned i = 0; i < n; i++) {
        if (items[i].hash & bit) continue;
        struct moving other = items[low];
        items[low++] = items[i];
        items[i] = other;
    }
    half[1] = items + low;
    struct spent old = seg_spend(t, s);
    seg_never_due(t, s);
    if (t->wheel) s->base_ms = t->wheel->tick * WHEEL_TICK_MS;
    s->depth++;
    struct table_seg *right = seg_new(t, s->prefix | bit, s->depth);
    right->walked = s->walked;
    seg_fill_full(t, s, half[0], low);
    seg_fill_full(t, right, half[1], n - low);
    dir_set(t, s);
    dir_set(t, right);
    spent_free(t, old);
    return right;
}

/* Rebuilds s with another number of buckets; false if its items do not fit. */
static bool seg_resize(struct table *t, struct table_seg *s, unsigned buckets) {
    struct moving items[SEG_ITEMS_MAX];
    unsigned n = seg_collect(s, items);
    struct spent old = seg_spend(t, s);
    if (!seg_fill(t, s, buckets, items, n)) return false;
    dir_set(t, s);
    spent_free(t, old);
    return true;
}

/* Makes of s what it will be when all that is expected is there: pages of so many buckets. */
static void seg_spread(struct table *t, struct table_seg *s, unsigned depth, unsigned buckets) {
    if (s->depth < depth) {
        struct table_seg *right = seg_split(t, s);
        seg_spread(t, s, depth, buckets);
        seg_spread(t, right, depth, buckets);
    } else if (s->buckets < buckets) {
        seg_resize(t, s, buckets);
    }
}

/* False: nothing is expected, or it has come true here. */
static bool seg_grow_ahead(struct table *t, struct table_seg *s) {
    if (likely(t->count >= t->expected) || !t->top) return false;
    if (t->count < t->expected / EXPECTED_SHARE) return false;
    double items = (double)t->expected;
    unsigned depth = 0;
    for (; items > BUCKETS_STRETCHED * BUCKET_ITEMS_LIKELY && depth < TABLE_DEPTH_MAX; depth++) {
        items /= 2;
    }
    unsigned buckets = buckets_for(items);
    if (s->depth >= depth && s->buckets >= buckets) return false;
    seg_spread(t, s, depth, buckets);
    return true;
}

/* Makes room where an item found none. */
static void seg_grow(struct table *t, struct table_seg *s) {
    if (seg_grow_ahead(t, s)) return;
    for (unsigned buckets = s->buckets * 2; buckets <= BUCKETS_FULL; buckets *= 2) {
        if (seg_resize(t, s, buckets)) return;
    }
    unsigned stretched = s->buckets < BUCKETS_FULL ? BUCKETS_FULL : s->buckets;
    while ((stretched += BUCKETS_STEP) <= BUCKETS_STRETCHED) {
        if (seg_resize(t, s, stretched)) return;
    }
    seg_split(t, s);
}

/* Joins two neighbours that together fill at most half a page; the left one stays. NULL if their
 * items do not fit. */
static struct table_seg *seg_merge(struct table *t, struct table_seg *a, struct table_seg *b) {
    struct moving items[SEG_ITEMS_MAX];
    struct table_seg *left = a->prefix < b->prefix ? a : b, *right = left == a ? b : a;
    unsigned n = seg_collect(left, items);
    n += seg_collect(right, items + n);
    struct spent old[2] = {seg_spend(t, left), seg_spend(t, right)};
    left->depth--;
    if (!seg_fill(t, left, BUCKETS_FULL, items, n)) {
        left->depth++;
        return NULL;
    }
    dir_set(t, left);
    spent_free(t, old[0]);
    spent_free(t, old[1]);
    seg_free(t, right);
    return left;
}

/* One step of giving back memory: the segment that came of it, NULL if there is nothing to do. */
static struct table_seg *seg_shrink_step(struct table *t, struct table_seg *s) {
    if (s->buckets > BUCKETS_FULL) return seg_resize(t, s, BUCKETS_FULL) ? s : NULL;
    if (!t->top) return s->buckets > 1 && seg_resize(t, s, s->buckets / 2u) ? s : NULL;
    if (s->depth == top_depth(t->top[top_index(t, s->prefix)])) return leaf_merge(t, s) ? s : NULL;
    struct table_seg *buddy = seg_of(t, s->prefix ^ ((uint64_t)1 << (64 - s->depth)));
    if (buddy->depth != s->depth || buddy->count + s->count > BUCKETS_FULL * TABLE_SLOTS / 2)
        return NULL;
    if (seg_is_ahead(t, buddy) != seg_is_ahead(t, s)) return NULL;
    return seg_merge(t, s, buddy);
}

/* After removals: while a segment is less than a quarter used. */
static void seg_shrink(struct table *t, struct table_seg *s) {
    while (s && s->count * 4u <= s->buckets * TABLE_SLOTS) s = seg_shrink_step(t, s);
}

/* Worth a look after one removal; not after each, as the neighbour may be full. */
static bool seg_is_sparse(const struct table_seg *s) {
    return s->count * 4u <= s->buckets * TABLE_SLOTS && s->count % TABLE_SLOTS == 0;
}

/* ---- the interface ------------------------------------------------------------------ */

void table_init(struct table *t, const struct table_ops *ops, struct wheel *wheel) {
    *t = (struct table){.ops = ops, .wheel = wheel, .bytes = sizeof *t};
    struct table_seg *s = seg_new(t, 0, 0);
    s->buckets = 1;
    s->page = page_new(t, 1);
    dir_set(t, s);
}

static void dir_free(struct table *t) {
    if (!t->top) return;
    for (size_t i = 0; i < (size_t)1 << top_bits(t);) {
        size_t span = (size_t)1 << (top_bits(t) - top_depth(t->top[i]));
        mem_free(top_leaf(t->top[i]));
        i += span;
    }
    mem_free(t->top);
}

void table_fini(struct table *t) {
    ASSERT(!t->stills);
    for (struct table_seg *s = seg_of(t, 0), *next; s; s = next) {
        next = seg_behind(t, s);
        page_free(t, s->page, s->buckets);
        seg_free(t, s);
        nap_point();
    }
    dir_free(t);
    if (t->own_wheel) mem_free(t->wheel);
    *t = (struct table){0};
}

void *table_find_far(const struct table *t, struct slice key, uint64_t hash,
                     struct table_place *place) {
    uint64_t slot = table_slot(t, hash);
    unsigned buckets = slot_buckets(slot), at = slot_home(slot, hash);
    unsigned probes = buckets < TABLE_PROBES ? buckets : TABLE_PROBES;
    for (unsigned probe = 1; probe < probes; probe++) {
        if (++at >= buckets) at = 0;
        struct table_bucket *b = slot_page(slot) + at;
        int i = bucket_find(b, t->ops, key, hash);
        if (i < 0) continue;
        *place = (struct table_place){b, (unsigned)i};
        return bucket_item(b, (unsigned)i);
    }
    return NULL;
}

void table_expect(struct table *t, size_t items) { t->expected = items; }

void table_insert(struct table *t, uint64_t hash, void *item) {
    for (;;) {
        struct table_seg *s = seg_of(t, hash);
        seg_own(t, s);
        uint64_t slot = seg_slot(s);
        struct table_place at;
        if (likely(
                page_place(s->page, s->buckets, slot_home(slot, hash), (uint8_t)hash, item, &at))) {
            s->count++;
            t->count++;
            bool ends;
            int64_t ms = due_of(t, item, &ends);
            if (ms >= 0) expiry_note(t, s, at, ms, ends);
            if (unlikely(t->walk) && seg_is_ahead(t, s)) seg_pass(t, s, at);
            return;
        }
        seg_grow(t, s);
    }
}

void table_replace(struct table *t, uint64_t hash, struct table_place place, void *item) {
    place = place_own(t, hash, place);
    item_put(place.bucket, place.slot, item);
    bool ends;
    int64_t ms = due_of(t, item, &ends);
    if (ms >= 0 || place.bucket->ttl >> place.slot & 1)
        expiry_note(t, seg_of(t, hash), place, ms, ends);
}

/* Empties a slot; `hash` matters only for an item away from home. */
static void slot_clear(struct table_seg *s, struct table_bucket *b, unsigned i, uint64_t hash) {
    uint8_t keep = (uint8_t) ~(1u << i);
    if (b->foreign >> i & 1) s->page[slot_home(seg_slot(s), hash)].ovf--;
    b->occ &= keep;
    b->foreign &= keep;
    b->ttl &= keep;
    b->stays &= keep;
    b->passed &= keep;
    s->count--;
}

void table_remove(struct table *t, uint64_t hash, struct table_place place) {
    struct table_seg *s = seg_of(t, hash);
    place = place_own(t, hash, place);
    slot_clear(s, place.bucket, place.slot, hash);
    t->count--;
    if (unlikely(seg_is_sparse(s))) seg_shrink(t, s);
}

/* The 16-bit fraction at which a bucket's range begins. */
static uint64_t bucket_begin(unsigned bucket, unsigned buckets) {
    return (((uint64_t)bucket << 16) + buckets - 1) / buckets;
}

uint64_t table_scan(const struct table *t, uint64_t cursor, void (*visit)(void *ctx, void *item),
                    void *ctx) {
    uint64_t from = cursor << 16;
    const struct table_seg *s = seg_of(t, from);
    uint64_t slot = seg_slot(s);
    unsigned home = slot_home(slot, from), probes = TABLE_PROBES;
    if (!s->page[home].ovf) probes = 1;
    if (probes > s->buckets) probes = s->buckets;
    for (unsigned probe = 0; probe < probes; probe++) {
        unsigned at = home + probe;
        if (at >= s->buckets) at -= s->buckets;
        const struct table_bucket *b = s->page + at;
        unsigned mask = probe ? b->occ & b->foreign : b->occ & (unsigned)~b->foreign;
        for (unsigned m = mask; m; m &= m - 1) {
            void *item = bucket_item(b, (unsigned)__builtin_ctz(m));
            struct slice key = t->ops->key(item);
            uint64_t hash = hash_bytes(key.p, key.n);
            if (slot_home(slot, hash) == home && hash >= from) visit(ctx, item);
        }
    }
    uint64_t next = bucket_begin(home + 1, s->buckets); /* 1 << 16 behind the last bucket */
    return (s->prefix + (next << (48 - s->depth))) >> 16;
}

/* The slots that may be picked. */
static unsigned pickable(const struct table_bucket *b, bool ttl_only) {
    return ttl_only ? b->ttl & (unsigned)~b->stays : b->occ;
}

static void *first_in(const struct table_seg *s, unsigned from, bool ttl_only) {
    for (unsigned i = 0; i < s->buckets; i++) {
        const struct table_bucket *b = s->page + (from + i) % s->buckets;
        unsigned mask = pickable(b, ttl_only);
        if (mask) return bucket_item(b, (unsigned)__builtin_ctz(mask));
    }
    return NULL;
}

static bool seg_has_times(const struct table_seg *s) {
    for (unsigned i = 0; i < s->buckets; i++) {
        if (s->page[i].ttl) return true;
    }
    return false;
}

/* Where few items have a time the wheel knows the segments that they are in. It may know some
 * that have lost theirs; these leave it here, so that each is looked through in vain once. */
static void *random_expiring(const struct table *t, uint64_t (*random)(void)) {
    struct wheel_node *node;
    for (int tries = RANDOM_TTL_TRIES; tries && t->wheel; tries--) {
        if (!(node = wheel_pick(t->wheel, random()))) break;
        const struct table_seg *s = (const struct table_seg *)(const void *)node;
        void *item = first_in(s, (unsigned)(random() % s->buckets), true);
        if (item) return item;
        if (!seg_has_times(s)) wheel_drop(t->wheel, node);
    }
    return NULL;
}

/* The next in hash order, of at most `segs_max` segments. */
static void *next_item(const struct table *t, uint64_t hash, bool ttl_only, size_t segs_max) {
    for (size_t seen = 0; seen <= t->segs && seen < segs_max; seen++) {
        const struct table_seg *s = seg_of(t, hash);
        void *item = s->count ? first_in(s, 0, ttl_only) : NULL;
        if (item) return item;
        hash = s->depth ? s->prefix + ((uint64_t)1 << (64 - s->depth)) : 0;
    }
    return NULL;
}

void *table_random(const struct table *t, bool ttl_only, uint64_t (*random)(void)) {
    if (!t->count) return NULL;
    uint64_t r = 0;
    for (int tries = ttl_only ? RANDOM_TTL_TRIES : RANDOM_TRIES; tries; tries--) {
        r = random();
        const struct table_seg *s = seg_of(t, r);
        const struct table_bucket *b = s->page + slot_home(seg_slot(s), r);
        unsigned i = (unsigned)(r % TABLE_SLOTS);
        if (pickable(b, ttl_only) >> i & 1) return bucket_item(b, i);
    }
    if (!ttl_only) return next_item(t, r, false, SIZE_MAX);
    void *item = random_expiring(t, random);
    return item || !t->wheel || wheel_next(t->wheel) == INT64_MAX
               ? item
               : next_item(t, r, true, RANDOM_TTL_SEGS);
}

struct each {
    void (*visit)(void *ctx, void *item);
    void *ctx;
};

static void bucket_visit(const struct table_bucket *page, unsigned buckets, unsigned i,
                         const struct each *e) {
    if (i + 2 < buckets) {
        for (unsigned m = page[i + 2].occ; m; m &= m - 1) {
            __builtin_prefetch(bucket_item(page + i + 2, (unsigned)__builtin_ctz(m)));
        }
    }
    for (unsigned m = page[i].occ; m; m &= m - 1) {
        e->visit(e->ctx, bucket_item(page + i, (unsigned)__builtin_ctz(m)));
    }
}

static void page_visit(uint64_t slot, const struct each *e) {
    unsigned buckets = slot_buckets(slot);
    for (unsigned i = 0; i < buckets; i++) bucket_visit(slot_page(slot), buckets, i, e);
}

/* Where the hashes behind a segment begin, 0 behind the last; `first` is the segment's own first.
 */
static uint64_t slot_behind(uint64_t slot, uint64_t first) {
    unsigned depth = slot_depth(slot);
    return depth ? first + ((uint64_t)1 << (64 - depth)) : 0;
}

bool table_step(const struct table *t, struct table_walk *w, void (*visit)(void *ctx, void *item),
                void *ctx) {
    uint64_t slot = table_slot(t, w->hash);
    bucket_visit(slot_page(slot), slot_buckets(slot), w->bucket, &(struct each){visit, ctx});
    if (++w->bucket < slot_buckets(slot)) return true;
    *w = (struct table_walk){slot_behind(slot, w->hash), 0};
    return !nap_point() && w->hash;
}

/* All of them, or, if `while_wanted`, until nobody wants the outcome. */
static void each(const struct table *t, bool while_wanted, const struct each *e) {
    uint64_t hash = 0;
    do {
        uint64_t slot = table_slot(t, hash);
        page_visit(slot, e);
        hash = slot_behind(slot, hash);
    } while (!(nap_point() && while_wanted) && hash);
}

void table_each(const struct table *t, void (*visit)(void *ctx, void *item), void *ctx) {
    each(t, false, &(struct each){visit, ctx});
}

void table_each_wanted(const struct table *t, void (*visit)(void *ctx, void *item), void *ctx) {
    each(t, true, &(struct each){visit, ctx});
}

struct rest {
    const struct table *t;
    uint64_t from;
    struct each each;
};

static void visit_rest(void *ctx, void *item) {
    const struct rest *r = ctx;
    struct slice key = r->t->ops->key(item);
    if (hash_bytes(key.p, key.n) >= r->from) r->each.visit(r->each.ctx, item);
}

uint64_t table_visit_from(const struct table *t, uint64_t from,
                          void (*visit)(void *ctx, void *item), void *ctx) {
    uint64_t slot = table_slot(t, from);
    unsigned depth = slot_depth(slot);
    uint64_t first = depth ? from >> (64 - depth) << (64 - depth) : 0;
    struct rest rest = {t, from, {visit, ctx}};
    /* Only what has become one segment since the last call begins before `from`. */
    page_visit(slot, first == from ? &rest.each : &(struct each){visit_rest, &rest});
    return slot_behind(slot, first);
}

/* The buckets' items that are fetched ahead: a bucket's worth of misses at once. */
#define WALK_AHEAD 4

static void bucket_fetch(const struct table_bucket *b) {
    for (unsigned m = b->occ; m; m &= m - 1)
        __builtin_prefetch(bucket_item(b, (unsigned)__builtin_ctz(m)));
}

uint64_t table_walk_step(struct table *t, uint64_t from, void (*visit)(void *ctx, void *item),
                         void *ctx) {
    struct table_seg *s = seg_of(t, from);
    uint64_t next = s->depth ? s->prefix + ((uint64_t)1 << (64 - s->depth)) : 0;
    if (!seg_is_ahead(t, s)) return next;
    bool marked = s->passing == t->walk;
    for (unsigned i = 0; i < s->buckets && i < WALK_AHEAD; i++) bucket_fetch(s->page + i);
    for (unsigned i = 0; i < s->buckets; i++) {
        const struct table_bucket *b = s->page + i;
        if (i + WALK_AHEAD < s->buckets) bucket_fetch(b + WALK_AHEAD);
        for (unsigned m = b->occ & (marked ? (unsigned)~b->passed : ~0u); m; m &= m - 1)
            visit(ctx, bucket_item(b, (unsigned)__builtin_ctz(m)));
    }
    s->walked = t->walk;
    return next;
}

unsigned table_load_permille(const struct table *t) {
    size_t slots = 0;
    for (const struct table_seg *s = seg_of(t, 0); s; s = seg_behind(t, s))
        slots += s->buckets * TABLE_SLOTS;
    return (unsigned)(t->count * 1000 / slots);
}

/* ---- expiry ------------------------------------------------------------------------- */

struct expiring {
    struct table *table;
    struct table_seg *seg;
    int64_t now_ms;
    int64_t next_ms; /* the earliest time that is left */
    size_t gone_count;
    table_due_fn *due;
    void *ctx;
};

static void bucket_prefetch_ttl(const struct table_bucket *b) {
    for (unsigned m = b->ttl; m; m &= m - 1)
        __builtin_prefetch(bucket_item(b, (unsigned)__builtin_ctz(m)));
}

/* Asks about an item whose time has come; what is in its slot then, NULL: it is empty. */
static void *item_due(struct expiring *x, struct table_bucket *b, unsigned i, void *item) {
    uint64_t hash = 0;
    if (b->foreign >> i & 1) {
        struct slice key = x->table->ops->key(item);
        hash = hash_bytes(key.p, key.n);
    }
    void *after = x->due(x->ctx, x->table, item);
    if (!after) {
        slot_clear(x->seg, b, i, hash);
        x->table->count--;
        x->gone_count++;
    } else if (after != item) {
        item_put(b, i, after);
    }
    return after;
}

static void bucket_expire(struct expiring *x, struct table_bucket *b) {
    const struct table *t = x->table;
    int64_t left_ms = INT64_MAX;
    for (unsigned m = b->ttl; m; m &= m - 1) {
        unsigned i = (unsigned)__builtin_ctz(m);
        void *item = bucket_item(b, i);
        bool ends;
        int64_t ms = due_of(t, item, &ends);
        if (ms >= 0 && ms < x->now_ms) {
            item = item_due(x, b, i, item);
            if (!item) continue;
            ms = due_of(t, item, &ends);
        }
        mark(b, i, ms, ends);
        if (ms >= 0 && ms < left_ms) left_ms = ms;
    }
    if (left_ms == INT64_MAX) return;
    b->minexp = expiry_units(x->seg, left_ms);
    if (left_ms < x->next_ms) x->next_ms = left_ms;
}

/* A segment that is due, which then is no more; NULL if there is none. */
static struct table_seg *seg_take_due(struct table *t, int64_t now_ms) {
    if (t->wheel) return (struct table_seg *)(void *)wheel_due(t->wheel, now_ms);
    struct table_seg *s = t->segs == 1 ? seg_of(t, 0) : NULL;
    if (!s || s->node.due_ms > now_ms) return NULL;
    s->node.due_ms = INT64_MAX;
    return s;
}

bool table_expire(struct table *t, int64_t now_ms, table_due_fn *due, void *ctx) {
    struct table_seg *s = seg_take_due(t, now_ms);
    if (!s) return false;
    struct expiring x = {t, s, now_ms, INT64_MAX, 0, due, ctx};
    seg_own(t, s);
    /* A base ahead of now (the clock was set back) bounds nothing. */
    bool rebase = now_ms - s->base_ms > EXPIRY_REBASE_MS || now_ms < s->base_ms;
    int64_t old_base_ms = s->base_ms;
    unsigned at = s->turn++ % s->buckets;
    for (unsigned left = s->buckets; left; left--, at = at + 1 < s->buckets ? at + 1 : 0) {
        struct table_bucket *b = s->page + at;
        if (at + 2 < s->buckets && b[2].ttl) bucket_prefetch_ttl(b + 2);
        if (!b->ttl) continue;
        s->base_ms = old_base_ms;
        int64_t bound_ms = expiry_bound_ms(s, b);
        if (rebase) s->base_ms = now_ms;
        if (rebase || bound_ms <= now_ms) {
            bucket_expire(&x, b);
        } else if (bound_ms < x.next_ms) {
            x.next_ms = bound_ms;
        }
    }
    if (x.next_ms != INT64_MAX) seg_due_by(t, s, due_after(x.next_ms));
    if (x.gone_count) seg_shrink(t, s);
    return true;
}

int64_t table_next_ms(const struct table *t) {
    if (t->wheel) return wheel_next(t->wheel);
    return t->segs == 1 ? seg_of(t, 0)->node.due_ms : INT64_MAX;
}

/* ---- stills ------------------------------------------------------------------------- */

/* Of a leaf, a still has the slots alone. */
static uint64_t leaf_copy(uint64_t top) {
    const size_t bytes = sizeof top_leaf(top)->slot, line = sizeof(struct table_bucket);
    struct table_leaf *copy = mem_alloc_lines((bytes + line - 1) / line * line);
    memcpy(copy->slot, top_leaf(top)->slot, bytes);
    return (uint64_t)(uintptr_t)copy | top_depth(top);
}

static void dir_copy(const struct table *t, struct table *still) {
    size_t n = (size_t)1 << top_bits(t);
    still->top = mem_alloc(n * sizeof *still->top);
    for (size_t i = 0; i < n;) {
        uint64_t copy = leaf_copy(t->top[i]);
        for (size_t end = i + ((size_t)1 << (top_bits(t) - top_depth(copy))); i < end; i++)
            still->top[i] = copy;
    }
}

void table_still(struct table *t, struct table *still) {
    ASSERT(!t->walk);
    *still = (struct table){
        .root = t->root,
        .top_shift = t->top_shift,
        .count = t->count,
        .segs = t->segs,
        .ops = t->ops,
    };
    if (t->top) dir_copy(t, still);
    if (!t->stills) t->stills = mem_calloc(sizeof *t->stills);
    t->stills->count++;
    t->still++;
}

void table_still_end(struct table *t, struct table *still) {
    dir_free(still);
    if (--t->stills->count) return;
    later_bag_free(&t->stills->pages);
    mem_free(t->stills);
    t->stills = NULL;
}

size_t table_still_bytes(const struct table *t) { return t->stills ? t->stills->pages.bytes : 0; }
