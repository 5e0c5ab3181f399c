/* rank_tree.c - what of rank_tree.h compares no members, or few. */
#include "types/rank_tree.h"

static const struct count_kind kind = {
    .leaf = {RANK_LEAF_ROWS, 2, {{RANK_LEAF_AT, 8}, {RANK_LEAF_BLOBS, 6}}},
    .inner = {RANK_INNER_ROWS,
              4,
              {{RANK_INNER_AT, 8},
               {RANK_INNER_BLOBS, 6},
               {RANK_INNER_CHILDREN, 6},
               {RANK_INNER_WEIGHTS, 6}}},
    .keys = 2,
    .weight = COUNT_WEIGHT_ONE,
};

void rank_tree_init(struct rank_tree *t) { count_tree_init(&t->tree, &kind); }

struct rank_cursor rank_tree_at(const struct rank_tree *t, uint64_t rank) {
    struct count_path path;
    if (rank >= t->tree.weight) return (struct rank_cursor){NULL, 0};
    count_tree_find(&t->tree, rank, &path);
    return (struct rank_cursor){path.node[0], path.slot[0]};
}

uint64_t rank_tree_below(const struct rank_tree *t, double score, bool equal_too) {
    struct count_path path;
    if (!count_path_start(&t->tree, &path)) return 0;
    struct count_node *node = t->tree.root;
    for (unsigned at = RANK_INNER_AT;;) {
        if (!node->level) at = RANK_LEAF_AT;
        const double *scores = (const double *)(const void *)count_column(node, at);
        unsigned n = rank_scores_below(count_column(node, at), node->n, score);
        while (equal_too && n < node->n && scores[n] == score) n++;
        path.node[node->level] = node;
        path.slot[node->level] = node->level ? n - (n > 0) : n;
        if (!node->level) break;
        node = (struct count_node *)rank_child(node, path.slot[node->level]);
    }
    return count_path_before(&t->tree, &path);
}

uint64_t rank_tree_below_member(const struct rank_tree *t, const struct rank_ops *ops,
                                struct slice member, bool equal_too) {
    struct count_path path;
    if (!count_path_start(&t->tree, &path)) return 0;
    struct count_node *node = t->tree.root;
    for (unsigned at = RANK_INNER_BLOBS;;) {
        if (!node->level) at = RANK_LEAF_BLOBS;
        unsigned n = rank_members_below(count_column(node, at), 0, node->n, ops, member, equal_too);
        path.node[node->level] = node;
        path.slot[node->level] = node->level ? n - (n > 0) : n;
        if (!node->level) break;
        node = (struct count_node *)rank_child(node, path.slot[node->level]);
    }
    return count_path_before(&t->tree, &path);
}

static struct count_row row_of(double score, const void *blob) {
    struct count_row row;
    memcpy(&row.column[0], &score, 8);
    row.column[1] = (uintptr_t)blob;
    return row;
}

void rank_path_insert(struct rank_tree *t, struct count_path *path, double score, void *blob) {
    ASSERT(score == score); /* not NaN */
    struct count_row row = row_of(score, blob);
    count_tree_insert(&t->tree, path, &row);
}

void rank_path_set(struct rank_tree *t, struct count_path *path, double score, void *blob) {
    ASSERT(score == score);
    count_path_own(&t->tree, path);
    uint8_t *leaf = (uint8_t *)path->node[0];
    memcpy(leaf + RANK_LEAF_AT + path->slot[0] * 8, &score, 8);
    count_store48(leaf + RANK_LEAF_BLOBS + path->slot[0] * 6, (uintptr_t)blob);
    count_tree_rekey(&t->tree, path);
}

/* Whether the row at `c` is below (score, member). */
static bool row_below(struct rank_cursor c, const struct rank_ops *ops, double score,
                      struct slice member) {
    double own = rank_cursor_score(c);
    if (own != score) return own < score;
    return slice_cmp(ops->member(rank_cursor_blob(c)), member) < 0;
}

bool rank_path_move(struct rank_tree *t, const struct rank_ops *ops, struct count_path *path,
                    struct slice member, double score) {
    struct rank_cursor row = {path->node[0], path->slot[0]}, before = row, behind = row;
    rank_cursor_prev(&before);
    rank_cursor_next(&behind);
    if (before.leaf && !row_below(before, ops, score, member)) return false;
    if (behind.leaf && row_below(behind, ops, score, member)) return false;
    rank_path_set(t, path, score, rank_cursor_blob(row));
    return true;
}

void *rank_path_remove(struct rank_tree *t, struct count_path *path) {
    void *blob = rank_cursor_blob((struct rank_cursor){path->node[0], path->slot[0]});
    count_tree_remove(&t->tree, path);
    return blob;
}

void rank_tree_push(struct rank_tree *t, enum rank_end end, double score, void *blob) {
    struct count_path path;
    count_tree_find(&t->tree, end == RANK_FIRST ? 0 : t->tree.weight, &path);
    rank_path_insert(t, &path, score, blob);
}

void *rank_tree_take(struct rank_tree *t, uint64_t rank) {
    struct count_path path;
    ASSERT(rank < t->tree.weight);
    count_tree_find(&t->tree, rank, &path);
    return rank_path_remove(t, &path);
}

static void row_gone(void *ctx, const struct count_node *leaf, unsigned slot) {
    const struct rank_gone *gone = ctx;
    gone->blob(gone->ctx, rank_cursor_blob((struct rank_cursor){leaf, slot}));
}

void rank_tree_cut(struct rank_tree *t, uint64_t from, uint64_t to, struct rank_gone gone) {
    count_tree_cut(&t->tree, from, to, (struct count_gone){row_gone, &gone});
}

bool rank_tree_free_some(struct rank_tree *t, size_t rows_max, struct rank_gone gone) {
    return count_tree_free_some(&t->tree, rows_max, (struct count_gone){row_gone, &gone});
}
