/* stream_tree.h - a stream's nodes by their base IDs: a B+tree (count_tree.h) of base and
 * reference.
 *
 * Rows rise by base. A place is void after any change of the tree; stream_place_own and _set make
 * all others void that are in the same leaf. Leaves that a still sees as well have all references
 * marked when they are copied (STREAM_REF_SHARED, stream_heap.h). A still is read by
 * count_tree_each_leaf alone, from each leaf's first slot on. Cost: a step O(1), the rest O(log n).
 * Threads: as count_tree.h.
 */
#ifndef TYPES_STREAM_TREE_H
#define TYPES_STREAM_TREE_H

#include "types/count_tree.h"
#include "types/stream_id.h"

#ifdef STRESS
#define STREAM_LEAF_ROWS 4
#define STREAM_INNER_ROWS 4
#else
#define STREAM_LEAF_ROWS 22
#define STREAM_INNER_ROWS 17
#endif

struct stream_place {
    struct count_node *leaf; /* NULL: none */
    unsigned slot;
};

void stream_tree_init(struct count_tree *t);

/* The last node whose base is not above the ID; none if all are above. */
struct stream_place stream_tree_find(const struct count_tree *t, struct stream_id id);

/* How many nodes have a base that is not above the ID. */
uint64_t stream_tree_rank(const struct count_tree *t, struct stream_id id);

/* The first node, or the last; none if there is none. */
struct stream_place stream_tree_end(const struct count_tree *t, bool last);

static inline struct stream_place stream_place_next(struct stream_place p) {
    if (p.slot + 1u < p.leaf->n) return (struct stream_place){p.leaf, p.slot + 1};
    return (struct stream_place){count_next(p.leaf), 0};
}
static inline struct stream_place stream_place_prev(struct stream_place p) {
    if (p.slot) return (struct stream_place){p.leaf, p.slot - 1};
    struct count_node *leaf = count_prev(p.leaf);
    return (struct stream_place){leaf, leaf ? leaf->n - 1u : 0};
}

struct stream_id stream_place_base(struct stream_place p);
uint64_t stream_place_ref(struct stream_place p);

/* Sees that the leaf may be written; the place follows. O(1) if no still has to do with it. */
void stream_place_own(struct count_tree *t, struct stream_place *p);

/* Writes the reference; likewise. */
void stream_place_set(struct count_tree *t, struct stream_place *p, uint64_t ref);

/* Adds a node behind all others. */
void stream_tree_push(struct count_tree *t, struct stream_id base, uint64_t ref);

/* Takes the node of this base out, which is there. */
void stream_tree_remove(struct count_tree *t, struct stream_id base);

#endif
