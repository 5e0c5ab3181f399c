/* stream_pel.c - see stream_pel.h. */
#include "types/stream_pel.h"

#include "base/assert.h"

#ifdef STRESS
#define LEAF_ROWS 4
#define INNER_ROWS 4
#else
#define LEAF_ROWS 81
#define INNER_ROWS 27
#endif

/* Columns: nacks, and in inner nodes children and weights. */
#define LEAF_NACK 16
#define INNER_NACK 8
#define INNER_CHILD (INNER_NACK + INNER_ROWS * 6)
#define INNER_WEIGHT (INNER_CHILD + INNER_ROWS * 6)
_Static_assert(LEAF_NACK + LEAF_ROWS * 6 + 2 <= COUNT_COLUMNS_END, "a leaf fits");
_Static_assert(INNER_WEIGHT + INNER_ROWS * 6 + 2 <= COUNT_COLUMNS_END, "so do the rest");

static const struct count_kind kind = {
    .leaf = {LEAF_ROWS, 1, {{LEAF_NACK, 6}}},
    .inner = {INNER_ROWS, 3, {{INNER_NACK, 6}, {INNER_CHILD, 6}, {INNER_WEIGHT, 6}}},
    .keys = 1,
    .weight = COUNT_WEIGHT_ONE,
};

void stream_pel_init(struct stream_pel *pel, bool by_time) {
    count_tree_init(&pel->tree, &kind);
    pel->by_time = by_time;
}

static void row_gone(void *ctx, const struct count_node *leaf, unsigned slot) {
    (void)ctx;
    (void)leaf;
    (void)slot;
}

void stream_pel_fini(struct stream_pel *pel) {
    count_tree_free_some(&pel->tree, SIZE_MAX, (struct count_gone){row_gone, NULL});
}

/* ---- searching ---- */

static void *address_at(const struct count_node *node, unsigned column, unsigned slot) {
    return (void *)(uintptr_t)count_load48(count_column(node, column) + slot * 6);
}

static struct stream_nack *nack_at(const struct count_node *node, unsigned slot) {
    return address_at(node, node->level ? INNER_NACK : LEAF_NACK, slot);
}

static int order(const struct stream_pel *pel, const struct stream_nack *a,
                 const struct stream_nack *b) {
    if (!pel->by_time) return stream_id_cmp(a->id, b->id);
    if (a->delivered_ms != b->delivered_ms) return a->delivered_ms < b->delivered_ms ? -1 : 1;
    return a->turn == b->turn ? 0 : a->turn < b->turn ? -1 : 1;
}

/* The rows of a node below a nack, which need not be in the pel; or, `equal_too`, not above it. */
static unsigned rows_below(const struct stream_pel *pel, const struct count_node *node,
                           const struct stream_nack *nack, bool equal_too) {
    unsigned from = 0, to = node->n;
    while (from < to) {
        unsigned mid = (from + to) / 2;
        if (order(pel, nack_at(node, mid), nack) < equal_too) {
            from = mid + 1;
        } else {
            to = mid;
        }
    }
    return from;
}

/* The way to the first row that is not below a nack, or behind the last row. */
static void path_to(const struct stream_pel *pel, const struct stream_nack *nack,
                    struct count_path *path) {
    if (!count_path_start(&pel->tree, path)) return;
    struct count_node *node = pel->tree.root;
    for (; node->level; node = address_at(node, INNER_CHILD, path->slot[node->level])) {
        unsigned n = rows_below(pel, node, nack, true);
        path->node[node->level] = node;
        path->slot[node->level] = n - (n > 0);
    }
    path->node[0] = node;
    path->slot[0] = rows_below(pel, node, nack, false);
}

static struct stream_pel_iter iter_at(const struct stream_pel *pel,
                                      const struct stream_nack *nack) {
    struct count_path path;
    if (!pel->tree.root) return (struct stream_pel_iter){NULL, 0};
    path_to(pel, nack, &path);
    struct stream_pel_iter it = {path.node[0], path.slot[0]};
    if (it.slot == it.leaf->n) it = (struct stream_pel_iter){count_next(it.leaf), 0};
    return it;
}

/* ---- reading ---- */

struct stream_pel_iter stream_pel_start(const struct stream_pel *pel) {
    return (struct stream_pel_iter){pel->tree.first, 0};
}

struct stream_pel_iter stream_pel_from(const struct stream_pel *pel, struct stream_id id) {
    ASSERT(!pel->by_time);
    return iter_at(pel, &(struct stream_nack){.id = id});
}

struct stream_nack *stream_pel_next(struct stream_pel_iter *it) {
    if (!it->leaf) return NULL;
    struct stream_nack *nack = nack_at(it->leaf, it->slot);
    if (++it->slot == it->leaf->n) *it = (struct stream_pel_iter){count_next(it->leaf), 0};
    return nack;
}

struct stream_nack *stream_pel_first(const struct stream_pel *pel) {
    return pel->tree.root ? nack_at(pel->tree.first, 0) : NULL;
}

struct stream_nack *stream_pel_last(const struct stream_pel *pel) {
    return pel->tree.root ? nack_at(pel->tree.last, pel->tree.last->n - 1u) : NULL;
}

struct stream_nack *stream_pel_find(const struct stream_pel *pel, struct stream_id id) {
    if (!pel->tree.root || stream_id_cmp(stream_pel_last(pel)->id, id) < 0) return NULL;
    struct stream_pel_iter it = stream_pel_from(pel, id);
    struct stream_nack *nack = stream_pel_next(&it);
    return stream_id_eq(nack->id, id) ? nack : NULL;
}

struct stream_nack *stream_pel_after(const struct stream_pel *pel, const struct stream_nack *nack) {
    struct stream_pel_iter it = iter_at(pel, nack);
    struct stream_nack *same = stream_pel_next(&it);
    ASSERT(same == nack);
    return stream_pel_next(&it);
}

/* ---- changing ---- */

/* The way behind the last row. */
static void path_to_end(const struct stream_pel *pel, struct count_path *path) {
    if (!count_path_start(&pel->tree, path)) return;
    struct count_node *node = pel->tree.root;
    for (; node->level; node = address_at(node, INNER_CHILD, path->slot[node->level])) {
        path->node[node->level] = node;
        path->slot[node->level] = node->n - 1u;
    }
    path->node[0] = node;
    path->slot[0] = node->n;
}

static void insert(struct stream_pel *pel, struct count_path *path, struct stream_nack *nack) {
    struct count_row row = {{(uintptr_t)nack}};
    count_tree_insert(&pel->tree, path, &row);
}

void stream_pel_insert(struct stream_pel *pel, struct stream_nack *nack) {
    struct count_path path;
    if (!pel->tree.root || order(pel, stream_pel_last(pel), nack) < 0) {
        path_to_end(pel, &path);
    } else {
        path_to(pel, nack, &path);
    }
    insert(pel, &path, nack);
}

void stream_pel_remove(struct stream_pel *pel, const struct stream_nack *nack) {
    struct count_path path;
    ASSERT(pel->tree.root);
    path_to(pel, nack, &path);
    ASSERT(path.slot[0] < path.node[0]->n && nack_at(path.node[0], path.slot[0]) == nack);
    count_tree_remove(&pel->tree, &path);
}

void stream_pel_drop(struct stream_pel *pel, const struct stream_consumer *c) {
    struct stream_pel kept;
    struct stream_nack *nack;
    struct count_path path;
    struct stream_pel_iter it = stream_pel_start(pel);
    stream_pel_init(&kept, pel->by_time);
    path_to_end(&kept, &path);
    while ((nack = stream_pel_next(&it))) {
        if (nack->consumer == c) continue;
        insert(&kept, &path, nack);
        path.slot[0]++;
    }
    stream_pel_fini(pel);
    *pel = kept;
}
