/* rank_tree.h - the order of a sorted set: by score, then by member.
 *
 * A counted B+tree (count_tree.h) of rows of 14 bytes: the score and the address of the member's
 * blob, which belongs to the caller. Searches compare the scores, which lie in the nodes, and
 * follow a blob's address on equal scores only.
 *
 * K1  Rows are unique and rise by score, members of one score by slice_cmp. -0 equals 0. No score
 *     is NaN.
 * K2  A blob in the tree has a member that does not change; one that moves is announced by
 *     rank_tree_replace before the old one is freed.
 * K3  A cursor is void after any change of the tree, a rank may then mean another row: what is
 *     to outlive a writer keeps the score and a copy of the member, and goes on from
 *     rank_tree_seek, which finds the next row whether that one still exists or not.
 * Positions are ranks from 0, the lowest first. A range is a pair of ranks [from, to), which
 * rank_tree_below and rank_tree_below_member make of bounds.
 * Functions that take a struct rank_ops and run often are inlined, with it as a constant: call
 * each from few places. Cost: O(log n) unless said otherwise; some 20 bytes a row. Threads: as
 * count_tree.h.
 */
#ifndef TYPES_RANK_TREE_H
#define TYPES_RANK_TREE_H

#include "base/assert.h"
#include "types/count_tree.h"

/* Nodes of a few rows in builds that are to meet rare cases often. */
#ifdef STRESS
#define RANK_LEAF_ROWS 5
#define RANK_INNER_ROWS 4
#else
#define RANK_LEAF_ROWS 35
#define RANK_INNER_ROWS 19
#endif

/* Where the columns of nodes begin: scores, blobs, and in inner nodes children and weights. */
#define RANK_LEAF_AT 16
#define RANK_INNER_AT 8
#define RANK_LEAF_BLOBS (RANK_LEAF_AT + RANK_LEAF_ROWS * 8)
#define RANK_INNER_BLOBS (RANK_INNER_AT + RANK_INNER_ROWS * 8)
#define RANK_INNER_CHILDREN (RANK_INNER_BLOBS + RANK_INNER_ROWS * 6)
#define RANK_INNER_WEIGHTS (RANK_INNER_CHILDREN + RANK_INNER_ROWS * 6)
_Static_assert(RANK_LEAF_BLOBS + RANK_LEAF_ROWS * 6 + 2 <= COUNT_COLUMNS_END, "a leaf fits");
_Static_assert(RANK_INNER_WEIGHTS + RANK_INNER_ROWS * 6 + 2 <= COUNT_COLUMNS_END, "so do the rest");

struct rank_tree {
    struct count_tree tree;
};

/* What the tree must know of blobs. */
struct rank_ops {
    struct slice (*member)(const void *blob);
};

/* A row; slot may be behind the leaf's last one only while the cursor is being made. */
struct rank_cursor {
    const struct count_node *leaf; /* NULL: none */
    unsigned slot;
};

/* Is told of a blob that the tree lets go of; must not touch the tree. */
struct rank_gone {
    void (*blob)(void *ctx, void *blob);
    void *ctx;
};

enum rank_end { RANK_FIRST, RANK_LAST };

void rank_tree_init(struct rank_tree *t);
static inline uint64_t rank_tree_count(const struct rank_tree *t) { return t->tree.weight; }

/* The tree's own memory, without struct rank_tree and the blobs. */
static inline size_t rank_tree_bytes(const struct rank_tree *t) {
    return count_tree_bytes(&t->tree);
}

/* Adds a row that is the lowest, or the highest, of all: for loading what is sorted. It fills
 * nodes, and compares nothing. */
void rank_tree_push(struct rank_tree *t, enum rank_end end, double score, void *blob);

/* Takes the row of a rank below the count out and returns its blob. */
void *rank_tree_take(struct rank_tree *t, uint64_t rank);

/* Takes the rows of [from, to) out, to <= the count, each blob told to `gone` in order. Cost:
 * O(log n) and the rows. */
void rank_tree_cut(struct rank_tree *t, uint64_t from, uint64_t to, struct rank_gone gone);

/* Frees the tree from its end, at most rows_max rows; true when all is gone. From the first call
 * until then nothing else may be done with it. */
bool rank_tree_free_some(struct rank_tree *t, size_t rows_max, struct rank_gone gone);

/* How many rows have a score below this one, or, with `equal_too`, not above it. */
uint64_t rank_tree_below(const struct rank_tree *t, double score, bool equal_too);

/* How many rows have a member below this one, or, with `equal_too`, not above it, where all
 * scores are equal. (Where they are not, some number up to the count.) */
uint64_t rank_tree_below_member(const struct rank_tree *t, const struct rank_ops *ops,
                                struct slice member, bool equal_too);

/* ---- cursors: a step is O(1) ---- */

/* The row of a rank, none when it is not below the count. */
struct rank_cursor rank_tree_at(const struct rank_tree *t, uint64_t rank);

static inline bool rank_cursor_valid(struct rank_cursor c) { return c.leaf; }

static inline void rank_cursor_next(struct rank_cursor *c) {
    if (++c->slot < c->leaf->n) return;
    *c = (struct rank_cursor){count_next(c->leaf), 0};
}
static inline void rank_cursor_prev(struct rank_cursor *c) {
    if (!c->slot) {
        c->leaf = count_prev(c->leaf);
        c->slot = c->leaf ? c->leaf->n : 1;
    }
    c->slot--;
}

static inline double rank_cursor_score(struct rank_cursor c) {
    double score;
    memcpy(&score, count_column(c.leaf, RANK_LEAF_AT) + c.slot * 8, 8);
    return score;
}
static inline void *rank_cursor_blob(struct rank_cursor c) {
    const uint8_t *p = count_column(c.leaf, RANK_LEAF_BLOBS) + c.slot * 6;
    return (void *)(uintptr_t)count_load48(p);
}

/* ---- searching ---- */

typedef double rank_pair __attribute__((vector_size(16)));
typedef int64_t rank_mask __attribute__((vector_size(16)));

/* The scores below x among the n from p on, which rise. Counted, two at a time and without a
 * branch to guess wrong: cheaper than halving. */
static inline unsigned rank_scores_below(const uint8_t *p, unsigned n, double x) {
    rank_pair with = {x, x}, pair;
    rank_mask below = {0, 0};
    unsigned i = 0;
    for (; i + 2 <= n; i += 2) {
        memcpy(&pair, p + i * 8, sizeof pair);
        below -= (rank_mask)(pair < with);
    }
    double last = x;
    if (i < n) memcpy(&last, p + i * 8, sizeof last);
    return (unsigned)(below[0] + below[1]) + (last < x);
}

static inline const void *rank_blob(const uint8_t *blobs, unsigned slot) {
    return (const void *)(uintptr_t)count_load48(blobs + slot * 6);
}

/* The first of [from, to) whose member is not below this one, or, `equal_too`, is above it. Both
 * members that may be asked next are fetched while this one is compared. */
static inline __attribute__((always_inline)) unsigned
rank_members_below(const uint8_t *blobs, unsigned from, unsigned to, const struct rank_ops *ops,
                   struct slice member, bool equal_too) {
    while (from < to) {
        unsigned mid = (from + to) / 2, above = (mid + 1 + to) / 2;
        __builtin_prefetch(rank_blob(blobs, (from + mid) / 2));
        __builtin_prefetch(rank_blob(blobs, above < to ? above : mid));
        int order = slice_cmp(ops->member(rank_blob(blobs, mid)), member);
        if (order < 0 || (equal_too && order == 0)) {
            from = mid + 1;
        } else {
            to = mid;
        }
    }
    return from;
}

/* The rows of a node below (score, member), or, `equal_too`, not above it. */
static inline __attribute__((always_inline)) unsigned
rank_rows_below(const struct count_node *node, unsigned scores_at, unsigned blobs_at,
                const struct rank_ops *ops, double score, struct slice member, bool equal_too) {
    const uint8_t *scores = count_column(node, scores_at);
    unsigned from = rank_scores_below(scores, node->n, score), to = from;
    const double *s = (const double *)(const void *)scores;
    while (to < node->n && s[to] == score) to++;
    if (likely(from == to)) return from;
    return rank_members_below(count_column(node, blobs_at), from, to, ops, member, equal_too);
}

static inline const struct count_node *rank_child(const struct count_node *inner, unsigned slot) {
    const uint8_t *p = count_column(inner, RANK_INNER_CHILDREN) + slot * 6;
    return (const struct count_node *)(uintptr_t)count_load48(p);
}

/* The leaf, and in it the first row that is not below (score, member), its end if there is
 * none; in a tree that is not empty. */
static inline __attribute__((always_inline)) void rank_path(const struct rank_tree *t,
                                                            const struct rank_ops *ops,
                                                            double score, struct slice member,
                                                            struct count_path *path) {
    struct count_node *node = t->tree.root;
    for (; node->level; node = (struct count_node *)rank_child(node, path->slot[node->level])) {
        unsigned n =
            rank_rows_below(node, RANK_INNER_AT, RANK_INNER_BLOBS, ops, score, member, true);
        path->node[node->level] = node;
        path->slot[node->level] = n - (n > 0);
    }
    path->node[0] = node;
    path->slot[0] = rank_rows_below(node, RANK_LEAF_AT, RANK_LEAF_BLOBS, ops, score, member, false);
}

/* The path to a row; false when there is none with this score and member. */
static inline __attribute__((always_inline)) bool rank_path_exact(const struct rank_tree *t,
                                                                  const struct rank_ops *ops,
                                                                  double score, struct slice member,
                                                                  struct count_path *path) {
    if (!count_path_start(&t->tree, path)) return false;
    rank_path(t, ops, score, member, path);
    struct rank_cursor c = {path->node[0], path->slot[0]};
    return c.slot < c.leaf->n && rank_cursor_score(c) == score &&
           slice_eq(ops->member(rank_cursor_blob(c)), member);
}

/* The first row not below (score, member), or, `after`, above it; none if all are lower. */
static inline __attribute__((always_inline)) struct rank_cursor
rank_tree_seek(const struct rank_tree *t, const struct rank_ops *ops, double score,
               struct slice member, bool after) {
    struct count_path path;
    struct rank_cursor c = {NULL, 0};
    if (!count_path_start(&t->tree, &path)) return c;
    rank_path(t, ops, score, member, &path);
    c = (struct rank_cursor){path.node[0], path.slot[0]};
    if (c.slot == c.leaf->n) c = (struct rank_cursor){count_next(c.leaf), 0};
    if (after && c.leaf && rank_cursor_score(c) == score &&
        slice_eq(ops->member(rank_cursor_blob(c)), member)) {
        rank_cursor_next(&c);
    }
    return c;
}

/* Sets *rank and returns true if the row is there. */
static inline __attribute__((always_inline)) bool rank_tree_rank(const struct rank_tree *t,
                                                                 const struct rank_ops *ops,
                                                                 double score, struct slice member,
                                                                 uint64_t *rank) {
    struct count_path path;
    if (!rank_path_exact(t, ops, score, member, &path)) return false;
    *rank = count_path_before(&t->tree, &path);
    return true;
}

/* ---- changing ---- */

/* The ends of the functions below; rank_path_move is false where the order would not stay. */
void rank_path_insert(struct rank_tree *t, struct count_path *path, double score, void *blob);
void *rank_path_remove(struct rank_tree *t, struct count_path *path);
void rank_path_set(struct rank_tree *t, struct count_path *path, double score, void *blob);
bool rank_path_move(struct rank_tree *t, const struct rank_ops *ops, struct count_path *path,
                    struct slice member, double score);

/* Adds a row that is not there yet, with the member of `blob`. */
static inline __attribute__((always_inline)) void
rank_tree_insert(struct rank_tree *t, const struct rank_ops *ops, double score, void *blob) {
    struct count_path path;
    if (count_path_start(&t->tree, &path)) rank_path(t, ops, score, ops->member(blob), &path);
    rank_path_insert(t, &path, score, blob);
}

/* Takes a row out and returns its blob, NULL if there is none. */
static inline __attribute__((always_inline)) void *rank_tree_remove(struct rank_tree *t,
                                                                    const struct rank_ops *ops,
                                                                    double score,
                                                                    struct slice member) {
    struct count_path path;
    return rank_path_exact(t, ops, score, member, &path) ? rank_path_remove(t, &path) : NULL;
}

/* Puts another blob with the same member in a row's place; the row must exist. */
static inline __attribute__((always_inline)) void
rank_tree_replace(struct rank_tree *t, const struct rank_ops *ops, double score, void *blob) {
    struct count_path path;
    bool found = rank_path_exact(t, ops, score, ops->member(blob), &path);
    ASSERT(found);
    rank_path_set(t, &path, score, blob);
}

/* Gives a row, which must exist, another score. In place when the order stays. */
static inline __attribute__((always_inline)) void rank_tree_move(struct rank_tree *t,
                                                                 const struct rank_ops *ops,
                                                                 double score, struct slice member,
                                                                 double new_score) {
    struct count_path path;
    bool found = rank_path_exact(t, ops, score, member, &path);
    ASSERT(found);
    if (rank_path_move(t, ops, &path, member, new_score)) return;
    void *blob = rank_path_remove(t, &path);
    rank_tree_insert(t, ops, new_score, blob);
}

#endif
