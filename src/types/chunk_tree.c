/* chunk_tree.c - chunks as rows of a counted tree. See chunk_tree.h. */
#include "types/chunk_tree.h"

#include "base/assert.h"

enum { COUNTS, ADDRESSES, BYTES };

#define LEAF_AT(column) (16 + (column)*CHUNK_LEAF_ROWS * 6)
#define INNER_AT(column) (8 + (column)*CHUNK_INNER_ROWS * 6)
_Static_assert(LEAF_AT(3) + 2 <= COUNT_COLUMNS_END, "a leaf fits");
_Static_assert(INNER_AT(2) + 2 <= COUNT_COLUMNS_END, "an inner node fits");

/* In the bytes of a row: the chunk was there when its leaf was copied. */
#define MARK ((uint64_t)1 << 47)

static void mark_rows(struct count_node *leaf);

static const struct count_kind kind = {
    .leaf = {CHUNK_LEAF_ROWS, 3, {{LEAF_AT(0), 6}, {LEAF_AT(1), 6}, {LEAF_AT(2), 6}}},
    .inner = {CHUNK_INNER_ROWS, 2, {{INNER_AT(0), 6}, {INNER_AT(1), 6}}},
    .keys = 0,
    .weight = COUNTS,
    .copied = mark_rows,
};

static uint64_t column_of(const struct count_node *leaf, int column, unsigned slot) {
    return count_load48(count_column(leaf, (unsigned)LEAF_AT(column)) + slot * 6);
}

static void set_column(struct count_node *leaf, int column, unsigned slot, uint64_t v) {
    DASSERT(v < (uint64_t)1 << 48);
    count_store48((uint8_t *)leaf + LEAF_AT(column) + slot * 6, v);
}

static struct chunk chunk_in(const struct count_node *leaf, unsigned slot) {
    return (struct chunk){
        .p = (void *)(uintptr_t)column_of(leaf, ADDRESSES, slot),
        .bytes = column_of(leaf, BYTES, slot) & ~MARK,
        .count = column_of(leaf, COUNTS, slot),
    };
}

static void mark_rows(struct count_node *leaf) {
    for (unsigned i = 0; i < leaf->n; i++) {
        set_column(leaf, BYTES, i, column_of(leaf, BYTES, i) | MARK);
    }
}

static bool is_shared(const struct chunk_tree *t, const struct count_node *leaf, unsigned slot) {
    return t->tree.stills && (!count_is_own(&t->tree, leaf) || column_of(leaf, BYTES, slot) & MARK);
}

static const struct chunk_place nowhere = {NULL, 0, 0};

/* ---- finding ---- */

void chunk_tree_init(struct chunk_tree *t) {
    *t = (struct chunk_tree){.bytes = 0};
    count_tree_init(&t->tree, &kind);
}

struct chunk chunk_at(struct chunk_place place) {
    return chunk_in(place.leaf, place.slot);
}

struct chunk_place chunk_tree_end(const struct chunk_tree *t, bool last) {
    if (!t->tree.root) return nowhere;
    if (!last) return (struct chunk_place){t->tree.first, 0, 0};
    struct count_node *leaf = t->tree.last;
    uint64_t count = column_of(leaf, COUNTS, leaf->n - 1u);
    return (struct chunk_place){leaf, leaf->n - 1u, t->tree.weight - count};
}

/* Both ends are looked at first, as they are the common case, and as what is late there would send
 * the walk down astray: in between, indices as the sums above have them differ by late[0]. */
struct chunk_place chunk_tree_find(const struct chunk_tree *t, uint64_t index, uint64_t *inside) {
    if (index >= t->tree.weight) return nowhere;
    for (int last = 0; last < 2; last++) {
        struct chunk_place end = chunk_tree_end(t, last);
        *inside = index - end.first;
        if (last ? index >= end.first : index < chunk_at(end).count) return end;
    }
    struct count_path path;
    uint64_t late = (uint64_t)t->late[0];
    *inside = count_tree_find(&t->tree, index - late, &path);
    if (path.node[0] == t->tree.first && late) { /* the first leaf's own counts are never late */
        uint64_t before = index;
        unsigned slot = 0;
        for (uint64_t n; before >= (n = column_of(path.node[0], COUNTS, slot)); slot++) before -= n;
        path.slot[0] = slot;
        *inside = before;
    }
    return (struct chunk_place){path.node[0], path.slot[0], index - *inside};
}

struct chunk_place chunk_place_next(struct chunk_place place) {
    place.first += chunk_at(place).count;
    if (++place.slot < place.leaf->n) return place;
    place.leaf = count_next(place.leaf);
    place.slot = 0;
    return place.leaf ? place : nowhere;
}

struct chunk_place chunk_place_prev(struct chunk_place place) {
    if (!place.slot) {
        place.leaf = count_prev(place.leaf);
        if (!place.leaf) return nowhere;
        place.slot = place.leaf->n;
    }
    place.slot--;
    place.first -= chunk_at(place).count;
    return place;
}

bool chunk_tree_is_shared(const struct chunk_tree *t, struct chunk_place place) {
    return is_shared(t, place.leaf, place.slot);
}

/* ---- changing ---- */

/* The path to a place in a tree whose sums are all true, which it becomes. */
static void path_of(struct chunk_tree *t, uint64_t first, struct count_path *path) {
    for (int last = 0; last < 2; last++) {
        if (t->late[last]) count_tree_settle(&t->tree, last, t->late[last]);
        t->late[last] = 0;
    }
    count_tree_find(&t->tree, first, path);
}

static void add_late(struct chunk_tree *t, bool last, int64_t delta) {
    t->tree.weight += (uint64_t)delta;
    if (t->tree.root->level) t->late[last] += delta;
}

static __attribute__((noinline)) void own(struct chunk_tree *t, struct chunk_place *place) {
    struct count_path path;
    path_of(t, place->first, &path);
    count_path_own(&t->tree, &path);
    place->leaf = path.node[0];
}

void chunk_tree_set(struct chunk_tree *t, struct chunk_place *place, struct chunk chunk) {
    ASSERT(chunk.count);
    DASSERT(chunk.bytes < MARK);
    if (unlikely(!count_is_own(&t->tree, place->leaf))) own(t, place);
    struct chunk old = chunk_at(*place);
    int64_t delta = (int64_t)(chunk.count - old.count);
    struct count_path path;
    bool first = place->leaf == t->tree.first && !place->slot;
    bool last = place->leaf == t->tree.last && place->slot + 1u == place->leaf->n;
    bool middle = delta && !first && !last;
    if (middle) path_of(t, place->first, &path);
    set_column(place->leaf, ADDRESSES, place->slot, (uintptr_t)chunk.p);
    set_column(place->leaf, BYTES, place->slot, chunk.bytes);
    set_column(place->leaf, COUNTS, place->slot, chunk.count);
    t->bytes += chunk.bytes - old.bytes;
    if (middle) {
        count_tree_reweigh(&t->tree, &path, delta);
    } else {
        add_late(t, !first, delta);
    }
}

void chunk_tree_grow_end(struct chunk_tree *t, bool last, void *p, uint64_t bytes) {
    struct count_node *leaf = last ? t->tree.last : t->tree.first;
    unsigned slot = last ? leaf->n - 1u : 0;
    DASSERT(!is_shared(t, leaf, slot));
    set_column(leaf, ADDRESSES, slot, (uintptr_t)p);
    set_column(leaf, BYTES, slot, column_of(leaf, BYTES, slot) + bytes);
    set_column(leaf, COUNTS, slot, column_of(leaf, COUNTS, slot) + 1);
    t->bytes += bytes;
    add_late(t, leaf != t->tree.first || slot, 1); /* the only chunk is the first one */
}

/* Adds a chunk before the element of an index, where one begins. */
static struct chunk_place insert(struct chunk_tree *t, uint64_t first, struct chunk chunk) {
    ASSERT(chunk.count);
    struct count_path path;
    struct count_row row = {{chunk.count, (uintptr_t)chunk.p, chunk.bytes}};
    path_of(t, first, &path);
    count_tree_insert(&t->tree, &path, &row);
    t->bytes += chunk.bytes;
    return (struct chunk_place){path.node[0], path.slot[0], first};
}

void chunk_tree_insert_before(struct chunk_tree *t, struct chunk_place *place, struct chunk chunk) {
    *place = insert(t, place->first, chunk);
}

void chunk_tree_insert_after(struct chunk_tree *t, struct chunk_place *place, struct chunk chunk) {
    *place = insert(t, place->first + chunk_at(*place).count, chunk);
}

void chunk_tree_push(struct chunk_tree *t, bool last, struct chunk chunk) {
    insert(t, last ? t->tree.weight : 0, chunk);
}

void chunk_tree_split(struct chunk_tree *t, struct chunk_place *place, struct chunk first,
                      struct chunk second) {
    chunk_tree_set(t, place, first);
    chunk_tree_insert_after(t, place, second);
    *place = chunk_place_prev(*place);
}

struct chunk chunk_tree_remove(struct chunk_tree *t, struct chunk_place *place) {
    struct chunk chunk = chunk_at(*place);
    struct count_path path;
    path_of(t, place->first, &path);
    count_tree_remove(&t->tree, &path);
    t->bytes -= chunk.bytes;
    uint64_t inside;
    *place = chunk_tree_find(t, place->first, &inside);
    return chunk;
}

struct teller {
    struct chunk_tree *t;
    const struct chunk_gone *gone;
};

static void row_gone(void *ctx, const struct count_node *leaf, unsigned slot) {
    struct teller *teller = ctx;
    struct chunk chunk = chunk_in(leaf, slot);
    teller->t->bytes -= chunk.bytes;
    teller->gone->chunk(teller->gone->ctx, chunk, is_shared(teller->t, leaf, slot));
}

void chunk_tree_cut(struct chunk_tree *t, uint64_t from, uint64_t to, struct chunk_gone gone) {
    struct teller teller = {t, &gone};
    struct count_path path;
    path_of(t, from, &path);
    count_tree_cut(&t->tree, from, to, (struct count_gone){row_gone, &teller});
}

bool chunk_tree_free_some(struct chunk_tree *t, size_t chunks_max, struct chunk_gone gone) {
    struct teller teller = {t, &gone};
    t->late[0] = t->late[1] = 0;
    return count_tree_free_some(&t->tree, chunks_max, (struct count_gone){row_gone, &teller});
}

/* ---- stills ---- */

void chunk_tree_still(struct chunk_tree *t, struct chunk_tree *still) {
    *still = (struct chunk_tree){.bytes = t->bytes};
    count_tree_still(&t->tree, &still->tree);
}

static bool count_leaf(void *ctx, const struct count_node *leaf) {
    *(uint64_t *)ctx += leaf->n;
    return true;
}

uint64_t chunk_tree_chunks(const struct chunk_tree *t) {
    uint64_t chunks = 0;
    count_tree_each_leaf(&t->tree, false, count_leaf, &chunks);
    return chunks;
}

struct visitor {
    chunk_visit *visit;
    void *ctx;
};

static bool visit_leaf(void *ctx, const struct count_node *leaf) {
    const struct visitor *v = ctx;
    for (unsigned i = 0; i < leaf->n; i++) v->visit(v->ctx, chunk_in(leaf, i));
    return true;
}

void chunk_tree_each(const struct chunk_tree *t, chunk_visit *visit, void *ctx) {
    struct visitor v = {visit, ctx};
    count_tree_each_leaf(&t->tree, false, visit_leaf, &v);
}
