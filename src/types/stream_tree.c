/* stream_tree.c - see stream_tree.h. */
#include "types/stream_tree.h"

#include "base/assert.h"
#include "types/stream_heap.h"

/* Columns: milliseconds, sequence numbers, and references, or children and weights. */
#define LEAF_MS 16
#define LEAF_SEQ (LEAF_MS + STREAM_LEAF_ROWS * 8)
#define LEAF_REF (LEAF_SEQ + STREAM_LEAF_ROWS * 8)
#define INNER_MS 8
#define INNER_SEQ (INNER_MS + STREAM_INNER_ROWS * 8)
#define INNER_CHILD (INNER_SEQ + STREAM_INNER_ROWS * 8)
#define INNER_WEIGHT (INNER_CHILD + STREAM_INNER_ROWS * 6)
_Static_assert(LEAF_REF + STREAM_LEAF_ROWS * 6 + 2 <= COUNT_COLUMNS_END, "a leaf fits");
_Static_assert(INNER_WEIGHT + STREAM_INNER_ROWS * 6 + 2 <= COUNT_COLUMNS_END, "so do the rest");

static void store_ref(struct count_node *leaf, unsigned slot, uint64_t ref) {
    count_store48((uint8_t *)leaf + LEAF_REF + slot * 6, ref);
}

static void mark_shared(struct count_node *leaf) {
    for (unsigned i = 0; i < leaf->n; i++) {
        store_ref(leaf, i, stream_place_ref((struct stream_place){leaf, i}) | STREAM_REF_SHARED);
    }
}

static const struct count_kind kind = {
    .leaf = {STREAM_LEAF_ROWS, 3, {{LEAF_MS, 8}, {LEAF_SEQ, 8}, {LEAF_REF, 6}}},
    .inner = {STREAM_INNER_ROWS,
              4,
              {{INNER_MS, 8}, {INNER_SEQ, 8}, {INNER_CHILD, 6}, {INNER_WEIGHT, 6}}},
    .keys = 2,
    .weight = COUNT_WEIGHT_ONE,
    .copied = mark_shared,
};

void stream_tree_init(struct count_tree *t) { count_tree_init(t, &kind); }

static struct stream_id id_at(const struct count_node *node, unsigned slot) {
    struct stream_id id;
    unsigned ms = node->level ? INNER_MS : LEAF_MS, seq = node->level ? INNER_SEQ : LEAF_SEQ;
    memcpy(&id.ms, count_column(node, ms) + slot * 8, 8);
    memcpy(&id.seq, count_column(node, seq) + slot * 8, 8);
    return id;
}

/* How many rows of a node are not above an ID. */
static unsigned rows_up_to(const struct count_node *node, struct stream_id id) {
    unsigned from = 0, to = node->n;
    while (from < to) {
        unsigned mid = (from + to) / 2;
        if (stream_id_cmp(id_at(node, mid), id) <= 0) {
            from = mid + 1;
        } else {
            to = mid;
        }
    }
    return from;
}

/* The way to the last row that is not above an ID, of a tree that is not empty; slot[0] is one
 * further. */
static void path_to(const struct count_tree *t, struct stream_id id, struct count_path *path) {
    count_path_start(t, path);
    struct count_node *node = t->root;
    for (; node->level; node = (struct count_node *)(uintptr_t)count_load48(
                            count_column(node, INNER_CHILD) + path->slot[node->level] * 6)) {
        unsigned n = rows_up_to(node, id);
        path->node[node->level] = node;
        path->slot[node->level] = n - (n > 0);
    }
    path->node[0] = node;
    path->slot[0] = rows_up_to(node, id);
}

struct stream_place stream_tree_find(const struct count_tree *t, struct stream_id id) {
    struct count_path path;
    if (!t->root) return (struct stream_place){NULL, 0};
    path_to(t, id, &path);
    if (!path.slot[0]) return (struct stream_place){NULL, 0};
    return (struct stream_place){path.node[0], path.slot[0] - 1};
}

uint64_t stream_tree_rank(const struct count_tree *t, struct stream_id id) {
    struct count_path path;
    if (!t->root) return 0;
    path_to(t, id, &path);
    return count_path_before(t, &path);
}

struct stream_place stream_tree_end(const struct count_tree *t, bool last) {
    if (!t->root) return (struct stream_place){NULL, 0};
    return last ? (struct stream_place){t->last, t->last->n - 1u}
                : (struct stream_place){t->first, 0};
}

struct stream_id stream_place_base(struct stream_place p) {
    return id_at(p.leaf, p.slot);
}

uint64_t stream_place_ref(struct stream_place p) {
    return count_load48(count_column(p.leaf, LEAF_REF) + p.slot * 6);
}

void stream_place_own(struct count_tree *t, struct stream_place *p) {
    struct count_path path;
    if (likely(count_is_own(t, p->leaf))) return;
    path_to(t, stream_place_base(*p), &path);
    path.slot[0]--;
    count_path_own(t, &path);
    p->leaf = path.node[0];
}

void stream_place_set(struct count_tree *t, struct stream_place *p, uint64_t ref) {
    stream_place_own(t, p);
    store_ref(p->leaf, p->slot, ref);
}

void stream_tree_push(struct count_tree *t, struct stream_id base, uint64_t ref) {
    struct count_path path;
    struct count_row row = {{base.ms, base.seq, ref}};
    count_tree_find(t, t->weight, &path);
    count_tree_insert(t, &path, &row);
}

void stream_tree_remove(struct count_tree *t, struct stream_id base) {
    struct count_path path;
    path_to(t, base, &path);
    ASSERT(path.slot[0]);
    path.slot[0]--;
    count_tree_remove(t, &path);
}
