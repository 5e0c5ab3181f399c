/* count_tree.h - a counted B+tree: rows in an order, found by position in O(log n).
 *
 * What rank_tree (sorted sets) and chunk_tree (lists) have in common. A row is a few columns
 * of 6 or 8 bytes; a node keeps each column apart, so that a search runs over one of them.
 * Leaves hold the rows; an inner row holds the key of its child's first row, the child, and
 * the weight below it. The kind of a tree says which columns there are.
 *
 * C1  Rows lie in the leaves alone, in order; all leaves have level 0 and are chained.
 * C2  An inner row's weight is the sum over its child; a row weighs one, or what the kind's
 *     weight column says, at least one.
 * C3  The key columns of an inner row equal those of the first row below it, always: no key
 *     outlives its row, so a pointer in a key may be followed.
 * C4  No node but an emptied root is empty. One that falls below 2/5 of its rows is merged or
 *     refilled, as long as it has a neighbour under the same parent.
 * C5  A full node gives rows to a neighbour before it splits; at either end of the tree it
 *     splits off an empty node, so that sorted input leaves full nodes behind.
 * C6  Stills: a node that a still may see is not written, but for its chain, which no still uses.
 *     A change first makes the nodes that it writes the tree's own: a copy takes the place of one
 *     that became part of the tree before the last still was made, and the node is kept until no
 *     still is left. Above an own node all are own.
 * Cost: a change touches a node a level, a split or merge moves at most a node's rows. Threads:
 * readers change nothing, so any number of them while nobody writes; of a still at any time.
 * To add a kind: a const struct count_kind (little-endian columns, inner ones in the order
 * keys, child, weight; 6-byte columns need 2 more bytes behind them within the node).
 * After: Bayer and Unterauer's B+tree, Knuth's B*-tree (redistribution before a split); Rodeh's
 * shadowing for the stills.
 */
#ifndef TYPES_COUNT_TREE_H
#define TYPES_COUNT_TREE_H

#include "base/assert.h"
#include "base/bytes.h"
#include "base/later.h"

#define COUNT_NODE_BYTES 512
#define COUNT_LEVELS_MAX 32
#define COUNT_COLUMNS_MAX 4
#define COUNT_WEIGHT_ONE 0xff

struct count_node {
    _Alignas(8) uint8_t n; /* rows */
    uint8_t level;         /* 0: a leaf */
    uint8_t next[6];       /* of leaves: their chain. The columns of leaves begin at byte 16, */
    uint8_t prev[6];       /* those of inner nodes here */
    uint8_t columns[COUNT_NODE_BYTES - 14 - 4];
    uint32_t own; /* the tree's number when the node became part of it */
};
_Static_assert(sizeof(struct count_node) == COUNT_NODE_BYTES, "a node has its size class");

/* Where the columns end: those of 6 bytes are read by 8. */
#define COUNT_COLUMNS_END (COUNT_NODE_BYTES - 4)

struct count_shape {
    uint8_t rows_max;
    uint8_t columns;
    struct {
        uint16_t at;   /* offset in the node */
        uint16_t size; /* bytes a row: 6 or 8 */
    } column[COUNT_COLUMNS_MAX];
};

struct count_kind {
    struct count_shape leaf, inner;
    uint8_t keys;   /* the first columns of both shapes */
    uint8_t weight; /* a leaf's column, or COUNT_WEIGHT_ONE */
    /* Is told of a leaf that is a copy, so that what its rows point to is a still's too; NULL: of
     * no interest. May write the rows, but not their keys and weights. */
    void (*copied)(struct count_node *leaf);
};

struct count_stills;

struct count_tree {
    struct count_node *root; /* NULL: empty */
    struct count_node *first, *last;
    uint64_t weight;
    size_t nodes;
    const struct count_kind *kind;
    struct count_stills *stills; /* NULL: none is out */
    uint32_t number;             /* of stills made so far */
};

/* A place, and the way to it: in node[0], a leaf, the row slot[0], or behind its last row; above,
 * the inner rows that lead there. Any change of the tree makes it void. */
struct count_path {
    unsigned height; /* the root's level */
    struct count_node *node[COUNT_LEVELS_MAX];
    unsigned slot[COUNT_LEVELS_MAX];
};

/* The values of a row's columns. */
struct count_row {
    uint64_t column[COUNT_COLUMNS_MAX];
};

/* Is told of a row that goes; `leaf` and `slot` hold it for the last time. Must not touch the
 * tree. */
struct count_gone {
    void (*row)(void *ctx, const struct count_node *leaf, unsigned slot);
    void *ctx;
};

static inline uint64_t count_load48(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, 8);
    return v & (((uint64_t)1 << 48) - 1);
}
static inline void count_store48(uint8_t *p, uint64_t v) { memcpy(p, &v, 6); }

static inline const uint8_t *count_column(const struct count_node *node, unsigned at) {
    return (const uint8_t *)node + at;
}

/* The neighbours of a leaf; NULL at the ends. */
static inline struct count_node *count_next(const struct count_node *leaf) {
    return (struct count_node *)(uintptr_t)count_load48(leaf->next);
}
static inline struct count_node *count_prev(const struct count_node *leaf) {
    return (struct count_node *)(uintptr_t)count_load48(leaf->prev);
}

/* A path's beginning at the root, before its slots are chosen; false when the tree is empty. */
static inline bool count_path_start(const struct count_tree *t, struct count_path *path) {
    path->height = t->root ? t->root->level : 0;
    path->node[path->height] = t->root;
    path->slot[path->height] = 0;
    return t->root;
}

void count_tree_init(struct count_tree *t, const struct count_kind *kind);

/* The row that contains position `at`, counted in weight; from the weight of the tree on, the
 * place behind the last row. Returns how far into the row the position is. */
uint64_t count_tree_find(const struct count_tree *t, uint64_t at, struct count_path *path);

/* The weight before a place. */
uint64_t count_path_before(const struct count_tree *t, const struct count_path *path);

/* Puts a row at a place, before the row that is there. The path follows: it leads to the new row.
 */
void count_tree_insert(struct count_tree *t, struct count_path *path, const struct count_row *row);

/* Takes the row at a place out, which makes the path void. */
void count_tree_remove(struct count_tree *t, struct count_path *path);

/* Whether no still sees a node. All that the rows of a leaf that is not own point to, stills see.
 */
static inline bool count_is_own(const struct count_tree *t, const struct count_node *node) {
    return !t->stills || node->own == t->number;
}

/* Makes the nodes of a path own, and the path follow. To be called before a row is written where it
 * lies. */
void count_path_copy(struct count_tree *t, struct count_path *path);
static inline void count_path_own(struct count_tree *t, struct count_path *path) {
    if (unlikely(t->stills)) count_path_copy(t, path);
}

/* To be called after a row's weight has changed by `delta` (the row itself already has it), and
 * after its key columns have. The path is own. */
void count_tree_reweigh(struct count_tree *t, const struct count_path *path, int64_t delta);
void count_tree_rekey(struct count_tree *t, const struct count_path *path);

/* Adds to the weights above the first leaf, or the last, without the tree's own total: for
 * an owner who puts off carrying the changes at the ends upwards. */
void count_tree_settle(struct count_tree *t, bool last, int64_t delta);

/* Takes out the rows of [from, to), positions at which rows begin or end, each told to `gone` in
 * order. Cost: O(log n) and the rows. */
void count_tree_cut(struct count_tree *t, uint64_t from, uint64_t to, struct count_gone gone);

/* Takes rows off the end, at most `rows_max`, and the memory with them; true when the tree is
 * empty. From the first call on until then, nothing else may be done with the tree, of which no
 * still may be out. Any thread that owns it. */
bool count_tree_free_some(struct count_tree *t, size_t rows_max, struct count_gone gone);

/* Visits the leaves in order, or, backward, from the last to the first, until `visit` returns
 * false; then it does so itself. Goes by way of the inner nodes, so it can be used on a still. */
typedef bool count_leaf_visit(void *ctx, const struct count_node *leaf);
bool count_tree_each_leaf(const struct count_tree *t, bool backward, count_leaf_visit *visit,
                          void *ctx);

/* Bytes of the nodes, without those kept for stills. */
static inline size_t count_tree_bytes(const struct count_tree *t) {
    return t->nodes * COUNT_NODE_BYTES;
}

/* ---- stills ---- */

/* Makes *still a tree that stays as this one is now. It has no memory of its own, is not to be
 * changed, and has no chain: what reads it goes from the root down. Cost: O(1). By the owner of
 * the tree; the still is anybody's. */
void count_tree_still(struct count_tree *t, struct count_tree *still);

/* Nobody reads one of the stills any more. With the last one goes what was kept for them. */
void count_tree_still_end(struct count_tree *t);

/* Holds what is kept until the last still has ended; one is out. The nodes are in it, and what the
 * rows point to may be put there. */
struct later_bag *count_tree_kept(struct count_tree *t);

/* Bytes that are kept for stills alone. Cost: O(1). */
size_t count_tree_still_bytes(const struct count_tree *t);

#endif
