/* count_tree.c - nodes that split, lean on each other and merge. See count_tree.h.
 *
 * A path's slot at an inner level is the row that leads on; while a node is about to be put there,
 * it is where the node's row will be, one further.
 *
 * What becomes own when (C6): a path as a whole at the beginning of a change; a neighbour in shift;
 * and where there is no path, a child as the way leads to it (own_child).
 */
#include "types/count_tree.h"

#include "base/assert.h"
#include "base/mem.h"

/* ---- rows ---- */

static const struct count_shape *shape_of(const struct count_tree *t, const struct count_node *n) {
    return n->level ? &t->kind->inner : &t->kind->leaf;
}

static uint64_t get(const struct count_shape *s, const struct count_node *node, unsigned column,
                    unsigned slot) {
    const uint8_t *p = (const uint8_t *)node + s->column[column].at;
    if (s->column[column].size == 6) return count_load48(p + slot * 6);
    uint64_t v;
    memcpy(&v, p + slot * 8, 8);
    return v;
}

static void put(const struct count_shape *s, struct count_node *node, unsigned column,
                unsigned slot, uint64_t v) {
    uint8_t *p = (uint8_t *)node + s->column[column].at;
    if (s->column[column].size == 6) {
        count_store48(p + slot * 6, v);
    } else {
        memcpy(p + slot * 8, &v, 8);
    }
}

/* Copies n rows; within one node they may overlap. The nodes' counts are the caller's. */
static void move_rows(const struct count_shape *s, struct count_node *to, unsigned to_slot,
                      const struct count_node *from, unsigned from_slot, unsigned n) {
    if (!n) return;
    for (unsigned c = 0; c < s->columns; c++) {
        unsigned at = s->column[c].at, size = s->column[c].size;
        memmove((uint8_t *)to + at + to_slot * size, (const uint8_t *)from + at + from_slot * size,
                n * size);
    }
}

static void open_row(const struct count_shape *s, struct count_node *node, unsigned slot,
                     const struct count_row *row) {
    move_rows(s, node, slot + 1, node, slot, node->n - slot);
    for (unsigned c = 0; c < s->columns; c++) put(s, node, c, slot, row->column[c]);
    node->n++;
}

static void close_row(const struct count_shape *s, struct count_node *node, unsigned slot) {
    move_rows(s, node, slot, node, slot + 1, node->n - slot - 1);
    node->n--;
}

static struct count_node *child_of(const struct count_tree *t, const struct count_node *node,
                                   unsigned slot) {
    uint64_t v = get(&t->kind->inner, node, t->kind->keys, slot);
    return (struct count_node *)(uintptr_t)v;
}

static uint64_t weight_of(const struct count_tree *t, const struct count_node *node,
                          unsigned slot) {
    if (node->level) return get(&t->kind->inner, node, t->kind->keys + 1u, slot);
    return t->kind->weight == COUNT_WEIGHT_ONE ? 1
                                               : get(&t->kind->leaf, node, t->kind->weight, slot);
}

static uint64_t sum_weights(const struct count_tree *t, const struct count_node *node,
                            unsigned slot, unsigned n) {
    if (!node->level && t->kind->weight == COUNT_WEIGHT_ONE) return n;
    uint64_t sum = 0;
    for (unsigned i = slot; i < slot + n; i++) sum += weight_of(t, node, i);
    return sum;
}

static void add_weight(const struct count_tree *t, struct count_node *inner, unsigned slot,
                       uint64_t delta) {
    unsigned column = t->kind->keys + 1u;
    put(&t->kind->inner, inner, column, slot, get(&t->kind->inner, inner, column, slot) + delta);
}

/* Brings an inner row's key up to date with its child, which is not empty. */
static void copy_key(const struct count_tree *t, struct count_node *inner, unsigned slot) {
    const struct count_node *child = child_of(t, inner, slot);
    for (unsigned c = 0; c < t->kind->keys; c++) {
        put(&t->kind->inner, inner, c, slot, get(shape_of(t, child), child, c, 0));
    }
}

/* ---- nodes ---- */

struct count_stills {
    unsigned out;
    struct later_bag kept; /* what is the tree's no more */
};

static struct count_node *node_new(struct count_tree *t, unsigned level) {
    struct count_node *node = mem_alloc(sizeof *node);
    node->n = 0;
    node->level = (uint8_t)level;
    memset(node->next, 0, sizeof node->next);
    memset(node->prev, 0, sizeof node->prev);
    node->own = t->number;
    t->nodes++;
    return node;
}

static void node_free(struct count_tree *t, struct count_node *node) {
    t->nodes--;
    if (likely(count_is_own(t, node))) {
        mem_free(node);
    } else {
        later_bag_add(&t->stills->kept, node, sizeof *node);
    }
}

static void chain(struct count_tree *t, struct count_node *left, struct count_node *right) {
    if (left) {
        count_store48(left->next, (uintptr_t)right);
    } else {
        t->first = right;
    }
    if (right) {
        count_store48(right->prev, (uintptr_t)left);
    } else {
        t->last = left;
    }
}

/* A copy for the tree in the place of a node that stills see. */
static __attribute__((noinline)) struct count_node *copy_node(struct count_tree *t,
                                                              struct count_node *node) {
    struct count_node *copy = mem_alloc(sizeof *copy);
    memcpy(copy, node, sizeof *copy);
    copy->own = t->number;
    if (!node->level) {
        struct count_node *prev = count_prev(node), *next = count_next(node);
        chain(t, prev, copy);
        chain(t, copy, next);
        if (t->kind->copied) t->kind->copied(copy);
    }
    later_bag_add(&t->stills->kept, node, sizeof *node);
    return copy;
}

static struct count_node *own_root(struct count_tree *t) {
    if (unlikely(t->root && !count_is_own(t, t->root))) t->root = copy_node(t, t->root);
    return t->root;
}

/* The parent is own. */
static struct count_node *own_child(struct count_tree *t, struct count_node *parent,
                                    unsigned slot) {
    struct count_node *child = child_of(t, parent, slot);
    if (likely(count_is_own(t, child))) return child;
    child = copy_node(t, child);
    put(&t->kind->inner, parent, t->kind->keys, slot, (uintptr_t)child);
    return child;
}

void count_path_copy(struct count_tree *t, struct count_path *path) {
    if (!t->root) return;
    path->node[path->height] = own_root(t);
    for (unsigned l = path->height; l-- > 0;) {
        path->node[l] = own_child(t, path->node[l + 1], path->slot[l + 1]);
    }
}

/* Frees a node that is out of use, or about to be. */
static void discard(struct count_tree *t, struct count_node *node) {
    if (!node->level) chain(t, count_prev(node), count_next(node));
    node_free(t, node);
}

static void drop_child(struct count_tree *t, struct count_node *parent, unsigned slot) {
    discard(t, child_of(t, parent, slot));
    close_row(&t->kind->inner, parent, slot);
}

void count_tree_init(struct count_tree *t, const struct count_kind *kind) {
    *t = (struct count_tree){.kind = kind};
}

/* A root that leads to one child alone gives way to it; an empty one goes. */
static void trim_root(struct count_tree *t) {
    struct count_node *root;
    while ((root = t->root) && root->level && root->n == 1) {
        t->root = child_of(t, root, 0);
        node_free(t, root);
    }
    if (root && !root->n) {
        discard(t, root);
        t->root = NULL;
    }
}

/* ---- finding ---- */

/* The row that contains position *at, or the last; *at becomes the position in it. */
static unsigned row_at(const struct count_tree *t, const struct count_node *node, uint64_t *at) {
    unsigned slot = 0;
    for (uint64_t w; slot + 1u < node->n && *at >= (w = weight_of(t, node, slot)); slot++) *at -= w;
    return slot;
}

uint64_t count_tree_find(const struct count_tree *t, uint64_t at, struct count_path *path) {
    if (!count_path_start(t, path)) return 0;
    struct count_node *node = t->root;
    for (; node->level; node = child_of(t, node, path->slot[node->level])) {
        path->node[node->level] = node;
        path->slot[node->level] = row_at(t, node, &at);
    }
    path->node[0] = node;
    if (t->kind->weight == COUNT_WEIGHT_ONE) {
        path->slot[0] = at < node->n ? (unsigned)at : node->n;
        return 0;
    }
    path->slot[0] = row_at(t, node, &at);
    uint64_t w = weight_of(t, node, path->slot[0]);
    if (at < w) return at;
    path->slot[0]++;
    return at - w;
}

uint64_t count_path_before(const struct count_tree *t, const struct count_path *path) {
    uint64_t sum = 0;
    for (unsigned l = 0; t->root && l <= path->height; l++) {
        sum += sum_weights(t, path->node[l], 0, path->slot[l]);
    }
    return sum;
}

/* ---- growing ---- */

/* Where a row comes in that meets a full node: sorted input at an end of the tree is worth a
 * split of its own (C5). */
enum edge { EDGE_NONE, EDGE_FIRST, EDGE_LAST };

/* Moves rows over the border between the children `slot` and `slot` + 1: `rows` of them to the
 * left, or, negative, to the right. */
static void shift(struct count_tree *t, struct count_node *parent, unsigned slot, int rows) {
    struct count_node *left = own_child(t, parent, slot), *right = own_child(t, parent, slot + 1);
    const struct count_shape *s = shape_of(t, left);
    uint64_t w;
    if (rows > 0) {
        unsigned n = (unsigned)rows;
        w = sum_weights(t, right, 0, n);
        move_rows(s, left, left->n, right, 0, n);
        move_rows(s, right, 0, right, n, right->n - n);
    } else {
        unsigned n = (unsigned)-rows;
        w = -sum_weights(t, left, left->n - n, n);
        move_rows(s, right, n, right, 0, right->n);
        move_rows(s, right, 0, left, left->n - n, n);
    }
    left->n = (uint8_t)(left->n + rows);
    right->n = (uint8_t)(right->n - rows);
    add_weight(t, parent, slot, w);
    add_weight(t, parent, slot + 1, -w);
    if (right->n) copy_key(t, parent, slot + 1);
}

/* Half the room of a neighbour, 0 when asking it would not last. */
static unsigned spare(const struct count_tree *t, const struct count_node *node) {
    unsigned max = shape_of(t, node)->rows_max, room = max - node->n;
    return room >= 2 && room * 8 >= max ? room / 2 : 0;
}

/* Makes room in the full node of a level by giving rows to a neighbour; false if none has room. */
static bool lean(struct count_tree *t, struct count_path *path, unsigned level) {
    struct count_node *node = path->node[level], *parent = path->node[level + 1];
    unsigned at = path->slot[level], up = path->slot[level + 1], rows;
    if (up > 0 && (rows = spare(t, child_of(t, parent, up - 1)))) {
        unsigned end = child_of(t, parent, up - 1)->n;
        shift(t, parent, up - 1, (int)rows);
        if (at > rows) {
            path->slot[level] = at - rows;
        } else {
            path->node[level] = child_of(t, parent, up - 1);
            path->slot[level] = end + at;
            path->slot[level + 1] = up - 1;
        }
        return true;
    }
    if (up + 1 < parent->n && (rows = spare(t, child_of(t, parent, up + 1)))) {
        shift(t, parent, up, -(int)rows);
        if (at > node->n) {
            path->node[level] = child_of(t, parent, up + 1);
            path->slot[level] = at - node->n;
            path->slot[level + 1] = up + 1;
        }
        return true;
    }
    return false;
}

static void grow_root(struct count_tree *t, struct count_path *path) {
    unsigned level = ++path->height;
    ASSERT(level < COUNT_LEVELS_MAX);
    struct count_node *root = node_new(t, level);
    struct count_row row = {0};
    row.column[t->kind->keys] = (uintptr_t)t->root;
    row.column[t->kind->keys + 1] = sum_weights(t, t->root, 0, t->root->n);
    open_row(&t->kind->inner, root, 0, &row);
    copy_key(t, root, 0);
    t->root = path->node[level] = root;
    path->slot[level] = 0;
}

static void reweigh_above(struct count_tree *t, const struct count_path *path, unsigned level,
                          uint64_t delta) {
    for (unsigned l = level + 1; l <= path->height; l++) {
        add_weight(t, path->node[l], path->slot[l], delta);
    }
}

static void make_room(struct count_tree *t, struct count_path *path, unsigned level,
                      enum edge edge);

/* Halves the full node of a level. While room is made above for the new node's row, the weights
 * there are without it. */
static void split(struct count_tree *t, struct count_path *path, unsigned level, enum edge edge) {
    struct count_node *node = path->node[level], *right = node_new(t, level);
    const struct count_shape *s = shape_of(t, node);
    unsigned at = path->slot[level], keep = node->n / 2u;
    if (edge == EDGE_LAST) keep = node->n;
    if (edge == EDGE_FIRST) keep = level > 0; /* an inner row leads to the new row's leaf */
    right->n = (uint8_t)(node->n - keep);
    node->n = (uint8_t)keep;
    move_rows(s, right, 0, node, keep, right->n);
    if (!level) {
        chain(t, right, count_next(node));
        chain(t, node, right);
    }
    struct count_row row = {0};
    uint64_t w = sum_weights(t, right, 0, right->n);
    row.column[t->kind->keys] = (uintptr_t)right;
    row.column[t->kind->keys + 1] = w;
    for (unsigned c = 0; right->n && c < t->kind->keys; c++) row.column[c] = get(s, right, c, 0);
    reweigh_above(t, path, level, -w);
    path->slot[level + 1]++;
    make_room(t, path, level + 1, edge);
    open_row(&t->kind->inner, path->node[level + 1], path->slot[level + 1], &row);
    reweigh_above(t, path, level + 1, w);
    if (at > keep || edge == EDGE_LAST) {
        path->node[level] = right;
        path->slot[level] = at - keep;
    } else {
        path->slot[level + 1]--;
    }
}

/* Sees that the node at a level of the path, or the one that the path leads to afterwards, can
 * take one row more at its slot. */
static void make_room(struct count_tree *t, struct count_path *path, unsigned level,
                      enum edge edge) {
    const struct count_node *node = path->node[level];
    if (node->n < shape_of(t, node)->rows_max) return;
    if (level == path->height) grow_root(t, path);
    if (edge == EDGE_NONE && lean(t, path, level)) return;
    split(t, path, level, edge);
}

void count_tree_rekey(struct count_tree *t, const struct count_path *path) {
    for (unsigned l = 1; l <= path->height && !path->slot[l - 1]; l++) {
        copy_key(t, path->node[l], path->slot[l]);
    }
}

void count_tree_reweigh(struct count_tree *t, const struct count_path *path, int64_t delta) {
    reweigh_above(t, path, 0, (uint64_t)delta);
    t->weight += (uint64_t)delta;
}

void count_tree_settle(struct count_tree *t, bool last, int64_t delta) {
    for (struct count_node *node = own_root(t); node && node->level;) {
        unsigned slot = last ? node->n - 1u : 0;
        add_weight(t, node, slot, (uint64_t)delta);
        node = own_child(t, node, slot);
    }
}

void count_tree_insert(struct count_tree *t, struct count_path *path, const struct count_row *row) {
    if (unlikely(!t->root)) {
        t->root = t->first = t->last = path->node[0] = node_new(t, 0);
        path->height = path->slot[0] = 0;
    }
    count_path_own(t, path);
    const struct count_node *leaf = path->node[0];
    if (unlikely(leaf->n == t->kind->leaf.rows_max)) {
        enum edge edge = EDGE_NONE;
        if (leaf == t->first && !path->slot[0]) edge = EDGE_FIRST;
        if (leaf == t->last && path->slot[0] == leaf->n) edge = EDGE_LAST;
        make_room(t, path, 0, edge);
    }
    open_row(&t->kind->leaf, path->node[0], path->slot[0], row);
    count_tree_reweigh(t, path, (int64_t)weight_of(t, path->node[0], path->slot[0]));
    count_tree_rekey(t, path);
}

/* ---- shrinking ---- */

static bool is_low(const struct count_tree *t, const struct count_node *node) {
    return node->n * 5u < shape_of(t, node)->rows_max * 2u;
}

/* Merges or refills a child that is low; without a neighbour it stays so. */
static void mend_child(struct count_tree *t, struct count_node *parent, unsigned slot) {
    struct count_node *child = child_of(t, parent, slot);
    if (!child->n) {
        drop_child(t, parent, slot);
        return;
    }
    unsigned n = child->n, full = shape_of(t, child)->rows_max * 9u / 10u;
    unsigned left = slot ? child_of(t, parent, slot - 1)->n : 0;
    unsigned right = slot + 1u < parent->n ? child_of(t, parent, slot + 1)->n : 0;
    if (left && left + n <= full) {
        shift(t, parent, slot - 1, (int)n);
        drop_child(t, parent, slot);
    } else if (right && right + n <= full) {
        shift(t, parent, slot, (int)right);
        drop_child(t, parent, slot + 1);
    } else if (left > right) {
        shift(t, parent, slot - 1, -(int)((left - n) / 2));
    } else if (right) {
        shift(t, parent, slot, (int)((right - n) / 2));
    }
}

void count_tree_remove(struct count_tree *t, struct count_path *path) {
    count_path_own(t, path);
    count_tree_reweigh(t, path, -(int64_t)weight_of(t, path->node[0], path->slot[0]));
    close_row(&t->kind->leaf, path->node[0], path->slot[0]);
    bool first = !path->slot[0]; /* the first row of the node has changed */
    for (unsigned l = 0; l < path->height; l++) {
        struct count_node *node = path->node[l], *parent = path->node[l + 1];
        bool low = is_low(t, node);
        if (!low && !first) break;
        if (first && node->n) copy_key(t, parent, path->slot[l + 1]);
        if (low) mend_child(t, parent, path->slot[l + 1]);
        first = first && !path->slot[l + 1];
    }
    trim_root(t);
}

/* ---- cutting ---- */

static void free_subtree(struct count_tree *t, struct count_node *node,
                         const struct count_gone *gone) {
    for (unsigned i = 0; i < node->n; i++) {
        if (node->level) {
            free_subtree(t, child_of(t, node, i), gone);
        } else {
            gone->row(gone->ctx, node, i);
        }
    }
    discard(t, node);
}

static void cut_leaf(struct count_tree *t, struct count_node *leaf, uint64_t from, uint64_t to,
                     const struct count_gone *gone) {
    unsigned begin = 0, end;
    uint64_t at = 0;
    while (at < from) at += weight_of(t, leaf, begin++);
    for (end = begin; at < to; end++) {
        at += weight_of(t, leaf, end);
        gone->row(gone->ctx, leaf, end);
    }
    ASSERT(at == to);
    move_rows(&t->kind->leaf, leaf, begin, leaf, end, leaf->n - end);
    leaf->n = (uint8_t)(leaf->n - (end - begin));
}

/* Cuts [from, to), less than all of the node, out of it, which is own. What it leaves may be low.
 */
static void cut(struct count_tree *t, struct count_node *node, uint64_t from, uint64_t to,
                const struct count_gone *gone) {
    if (!node->level) {
        cut_leaf(t, node, from, to, gone);
        return;
    }
    unsigned kept = 0;
    for (unsigned i = 0; i < node->n; i++) {
        uint64_t w = weight_of(t, node, i), a = from < w ? from : w, b = to < w ? to : w;
        from -= a;
        to -= b;
        if (b - a == w) {
            free_subtree(t, child_of(t, node, i), gone);
            continue;
        }
        move_rows(&t->kind->inner, node, kept, node, i, 1);
        if (a < b) {
            cut(t, own_child(t, node, kept), a, b, gone);
            add_weight(t, node, kept, a - b);
            copy_key(t, node, kept);
        }
        kept++;
    }
    node->n = (uint8_t)kept;
}

static unsigned row_before(const struct count_tree *t, const struct count_node *node, uint64_t at) {
    uint64_t in = at ? at - 1 : 0;
    return row_at(t, node, &in);
}

/* Mends the children on both sides of a position. */
static void mend_around(struct count_tree *t, struct count_node *node, uint64_t at) {
    while (node->n > 1) {
        uint64_t in = at;
        unsigned slot = row_before(t, node, at);
        if (!is_low(t, child_of(t, node, slot))) {
            slot = row_at(t, node, &in);
            if (!is_low(t, child_of(t, node, slot))) return;
        }
        mend_child(t, node, slot);
    }
}

/* Mends what a cut has left low on either side of it, in a node that is own. Downwards first, so
 * that the nodes below have neighbours; their merging may leave a node low again, which is mended
 * on the way back. */
static void mend_seam(struct count_tree *t, struct count_node *node, uint64_t at) {
    if (!node->level) return;
    mend_around(t, node, at);
    uint64_t in = at;
    unsigned left = row_before(t, node, at), right = row_at(t, node, &in);
    struct count_node *before = own_child(t, node, left), *behind = own_child(t, node, right);
    mend_seam(t, before, left == right ? in : weight_of(t, node, left));
    if (behind != before) mend_seam(t, behind, in);
    mend_around(t, node, at);
}

void count_tree_cut(struct count_tree *t, uint64_t from, uint64_t to, struct count_gone gone) {
    ASSERT(from <= to && to <= t->weight);
    if (from == to) return;
    if (to - from == t->weight) {
        free_subtree(t, t->root, &gone);
        t->root = NULL;
        t->weight = 0;
        return;
    }
    cut(t, own_root(t), from, to, &gone);
    t->weight -= to - from;
    trim_root(t);
    mend_seam(t, own_root(t), from);
    trim_root(t);
}

bool count_tree_free_some(struct count_tree *t, size_t rows_max, struct count_gone gone) {
    ASSERT(!t->stills);
    while (t->root) {
        struct count_node *node = t->root, *parent = NULL;
        while (node->level && node->n) {
            parent = node;
            node = child_of(t, node, node->n - 1u);
        }
        for (; !node->level && node->n; rows_max--) {
            if (!rows_max) return false;
            t->weight -= weight_of(t, node, node->n - 1u);
            gone.row(gone.ctx, node, node->n - 1u);
            node->n--;
        }
        discard(t, node);
        if (parent) {
            parent->n--;
        } else {
            t->root = NULL;
        }
    }
    return true;
}

/* ---- visiting ---- */

static void prefetch_node(const struct count_node *node) {
    for (unsigned at = 0; at < COUNT_NODE_BYTES; at += 64)
        __builtin_prefetch(count_column(node, at));
}

static bool each_leaf_below(const struct count_tree *t, const struct count_node *node,
                            bool backward, count_leaf_visit *visit, void *ctx) {
    if (!node->level) return visit(ctx, node);
    for (unsigned i = 0; i < node->n; i++) {
        unsigned slot = backward ? node->n - 1u - i : i;
        if (i + 1u < node->n) prefetch_node(child_of(t, node, backward ? slot - 1 : slot + 1));
        if (!each_leaf_below(t, child_of(t, node, slot), backward, visit, ctx)) return false;
    }
    return true;
}

bool count_tree_each_leaf(const struct count_tree *t, bool backward, count_leaf_visit *visit,
                          void *ctx) {
    return !t->root || each_leaf_below(t, t->root, backward, visit, ctx);
}

/* ---- stills ---- */

void count_tree_still(struct count_tree *t, struct count_tree *still) {
    if (!t->stills) t->stills = mem_calloc(sizeof *t->stills);
    t->stills->out++;
    t->number++;
    *still = (struct count_tree){.root = t->root, .weight = t->weight, .kind = t->kind};
}

void count_tree_still_end(struct count_tree *t) {
    ASSERT(t->stills && t->stills->out);
    if (--t->stills->out) return;
    later_bag_free(&t->stills->kept);
    mem_free(t->stills);
    t->stills = NULL;
}

struct later_bag *count_tree_kept(struct count_tree *t) {
    ASSERT(t->stills);
    return &t->stills->kept;
}

size_t count_tree_still_bytes(const struct count_tree *t) {
    return t->stills ? sizeof *t->stills + t->stills->kept.bytes : 0;
}
