/* tree_check.c - see tree_check.h. */
#include "tree_check.h"

#include "support/suite.h"

struct walk {
    const struct count_tree *t;
    const struct count_node *leaf; /* the last one seen */
    size_t nodes;
};

static uint64_t column(const struct count_shape *s, const struct count_node *node, unsigned c,
                       unsigned slot) {
    const uint8_t *p = count_column(node, s->column[c].at) + slot * s->column[c].size;
    uint64_t v = 0;
    memcpy(&v, p, s->column[c].size);
    return v;
}

/* Checks what is below and returns its weight. */
static uint64_t check_node(struct walk *w, const struct count_node *node, int64_t first_late,
                           int64_t last_late) {
    const struct count_kind *kind = w->t->kind;
    const struct count_shape *s = node->level ? &kind->inner : &kind->leaf;
    uint64_t sum = 0;
    w->nodes++;
    CU_ASSERT_FATAL(node->n > 0 && node->n <= s->rows_max);
    if (!node->level) {
        CU_ASSERT_PTR_EQUAL_FATAL(count_prev(node), w->leaf);
        if (w->leaf) CU_ASSERT_PTR_EQUAL_FATAL(count_next(w->leaf), node);
        if (!w->leaf) CU_ASSERT_PTR_EQUAL_FATAL(w->t->first, node);
        w->leaf = node;
    }
    for (unsigned i = 0; i < node->n; i++) {
        uint64_t weight = 1;
        if (node->level) {
            const struct count_node *child =
                (const void *)(uintptr_t)column(s, node, kind->keys, i);
            int64_t a = i == 0 ? first_late : 0, b = i + 1u == node->n ? last_late : 0;
            CU_ASSERT_EQUAL_FATAL(child->level, node->level - 1);
            CU_ASSERT_FATAL(count_is_own(w->t, node) || !count_is_own(w->t, child));
            weight = check_node(w, child, a, b);
            CU_ASSERT_EQUAL_FATAL(column(s, node, kind->keys + 1u, i) + (uint64_t)(a + b), weight);
            const struct count_shape *cs = child->level ? s : &kind->leaf;
            for (unsigned k = 0; k < kind->keys; k++) {
                CU_ASSERT_EQUAL_FATAL(column(s, node, k, i), column(cs, child, k, 0));
            }
        } else if (kind->weight != COUNT_WEIGHT_ONE) {
            weight = column(s, node, kind->weight, i);
        }
        CU_ASSERT_FATAL(weight > 0);
        sum += weight;
    }
    return sum;
}

void tree_check(const struct count_tree *t, const int64_t late[2]) {
    struct walk w = {t, NULL, 0};
    uint64_t sum = t->root ? check_node(&w, t->root, late ? late[0] : 0, late ? late[1] : 0) : 0;
    CU_ASSERT_EQUAL_FATAL(sum, t->weight);
    CU_ASSERT_EQUAL_FATAL(w.nodes, t->nodes);
    CU_ASSERT_PTR_EQUAL_FATAL(w.leaf, t->last);
    if (w.leaf) CU_ASSERT_PTR_NULL_FATAL(count_next(w.leaf));
    if (!w.leaf) CU_ASSERT_PTR_NULL_FATAL(t->first);
    if (t->root && t->root->level) CU_ASSERT_FATAL(t->root->n > 1);
}

unsigned tree_fill_permille(const struct count_tree *t) {
    size_t rows = 0, room = 0;
    for (const struct count_node *leaf = t->first; leaf; leaf = count_next(leaf)) {
        rows += leaf->n;
        room += t->kind->leaf.rows_max;
    }
    return room ? (unsigned)(rows * 1000 / room) : 0;
}
