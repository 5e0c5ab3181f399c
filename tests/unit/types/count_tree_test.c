/* count_tree_test.c - nodes of four rows, so that the tree is deep, against an array. */
#include "types/count_tree.h"

#include "base/random.h"
#include "support/suite.h"
#include "tree_check.h"

#include <stdlib.h>

enum { MODEL_MAX = 4000, LEAF_ROWS = 4, WEIGHT_COLUMN = 1 };

static const struct count_kind weighted = {
    .leaf = {LEAF_ROWS, 2, {{16, 8}, {64, 6}}},
    .inner = {4, 3, {{8, 8}, {64, 6}, {128, 6}}},
    .keys = 1,
    .weight = WEIGHT_COLUMN,
};

struct item {
    uint64_t key, weight;
};

static struct random rng;
static struct item model[MODEL_MAX];
static unsigned items;
static unsigned told; /* the item that is to go next */

static uint64_t key_at(const struct count_node *leaf, unsigned slot) {
    uint64_t key;
    memcpy(&key, count_column(leaf, 16) + slot * 8, 8);
    return key;
}

static uint64_t weight_before(unsigned item) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < item; i++) sum += model[i].weight;
    return sum;
}

static void insert(struct count_tree *t, unsigned at) {
    struct item item = {random_next(&rng), 1 + random_next_below(&rng, 3)};
    struct count_path path;
    struct count_row row = {{item.key, item.weight}};
    count_tree_find(t, weight_before(at), &path);
    count_tree_insert(t, &path, &row);
    CU_ASSERT_EQUAL_FATAL(key_at(path.node[0], path.slot[0]), item.key);
    CU_ASSERT_EQUAL_FATAL(count_path_before(t, &path), weight_before(at));
    memmove(model + at + 1, model + at, (items - at) * sizeof *model);
    model[at] = item;
    items++;
}

static void gone(void *ctx, const struct count_node *leaf, unsigned slot) {
    CU_ASSERT_EQUAL_FATAL(key_at(leaf, slot), model[told].key);
    told += *(int *)ctx;
}

static void cut(struct count_tree *t, unsigned from, unsigned to) {
    int step = 1;
    told = from;
    count_tree_cut(t, weight_before(from), weight_before(to), (struct count_gone){gone, &step});
    CU_ASSERT_EQUAL_FATAL(told, to);
    memmove(model + from, model + to, (items - to) * sizeof *model);
    items -= to - from;
}

static void compare(const struct count_tree *t) {
    unsigned i = 0;
    tree_check(t, NULL);
    for (const struct count_node *leaf = t->first; leaf; leaf = count_next(leaf)) {
        for (unsigned slot = 0; slot < leaf->n; slot++, i++) {
            CU_ASSERT_EQUAL_FATAL(key_at(leaf, slot), model[i].key);
        }
    }
    CU_ASSERT_EQUAL_FATAL(i, items);
}

static void release(struct count_tree *t) {
    int step = -1;
    told = items - 1;
    while (!count_tree_free_some(t, 7, (struct count_gone){gone, &step})) continue;
    CU_ASSERT_EQUAL(t->nodes, 0);
    CU_ASSERT_EQUAL(t->weight, 0);
    CU_ASSERT_PTR_NULL(t->first);
    items = 0;
}

static void one_step(struct count_tree *t, unsigned size) {
    struct count_path path;
    unsigned at = items ? (unsigned)random_next_below(&rng, items) : 0;
    unsigned grow = items < size ? 60 : 40, kind = (unsigned)random_next_below(&rng, 100);
    if (!items || (kind < grow && items < MODEL_MAX)) {
        insert(t, (unsigned)random_next_below(&rng, items + 1));
    } else if (kind < 95) {
        uint64_t inside = random_next_below(&rng, model[at].weight);
        CU_ASSERT_EQUAL_FATAL(count_tree_find(t, weight_before(at) + inside, &path), inside);
        CU_ASSERT_EQUAL_FATAL(key_at(path.node[0], path.slot[0]), model[at].key);
        count_tree_remove(t, &path);
        memmove(model + at, model + at + 1, (--items - at) * sizeof *model);
    } else {
        unsigned most = kind < 99 ? 12 : size / 2 + 1;
        unsigned to = at + (unsigned)random_next_below(&rng, most);
        cut(t, at, to < items ? to : items);
    }
}

static void agrees_with_an_array(void) {
    for (unsigned round = 0; round < 12; round++) {
        struct count_tree t;
        count_tree_init(&t, &weighted);
        for (unsigned i = 0; i < 3000; i++) {
            one_step(&t, 20u << (round % 6));
            if (i % 16 == 0) compare(&t);
        }
        compare(&t);
        release(&t);
    }
}

static void sorted_input_fills_nodes(void) {
    for (int front = 0; front < 2; front++) {
        struct count_tree t;
        count_tree_init(&t, &weighted);
        for (unsigned i = 0; i < 1000; i++) insert(&t, front ? 0 : items);
        compare(&t);
        CU_ASSERT_EQUAL(tree_fill_permille(&t), 1000);
        release(&t);
    }
}

/* Every way to cut a small tree in one piece, and what it then weighs. */
static void cuts_anywhere(void) {
    enum { N = 70 };
    for (unsigned from = 0; from <= N; from++) {
        for (unsigned to = from; to <= N; to++) {
            struct count_tree t;
            count_tree_init(&t, &weighted);
            for (unsigned i = 0; i < N; i++) insert(&t, (unsigned)random_next_below(&rng, i + 1));
            cut(&t, from, to);
            compare(&t);
            release(&t);
        }
    }
}

/* Removals leave no tree of nearly empty nodes. */
static void stays_filled(void) {
    struct count_tree t;
    count_tree_init(&t, &weighted);
    while (items < MODEL_MAX) insert(&t, (unsigned)random_next_below(&rng, items + 1));
    CU_ASSERT(tree_fill_permille(&t) > 700);
    while (items > 300) {
        unsigned at = (unsigned)random_next_below(&rng, items - 5);
        cut(&t, at, at + 1 + (unsigned)random_next_below(&rng, 4));
    }
    compare(&t);
    CU_ASSERT(tree_fill_permille(&t) > 500);
    release(&t);
}

static void changes_weights_and_keys(void) {
    struct count_tree t;
    count_tree_init(&t, &weighted);
    for (unsigned i = 0; i < 500; i++) insert(&t, items);
    for (unsigned i = 0; i < 500; i++) {
        struct count_path path;
        unsigned at = (unsigned)random_next_below(&rng, items);
        count_tree_find(&t, weight_before(at), &path);
        uint8_t *leaf = (uint8_t *)path.node[0];
        uint64_t weight = 1 + random_next_below(&rng, 9), old = model[at].weight;
        model[at] = (struct item){random_next(&rng), weight};
        memcpy(leaf + 16 + path.slot[0] * 8, &model[at].key, 8);
        count_store48(leaf + 64 + path.slot[0] * 6, weight);
        count_tree_rekey(&t, &path);
        count_tree_reweigh(&t, &path, (int64_t)(weight - old));
        tree_check(&t, NULL);
    }
    compare(&t);
    release(&t);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"agrees_with_an_array", agrees_with_an_array},
        {"sorted_input_fills_nodes", sorted_input_fills_nodes},
        {"cuts_anywhere", cuts_anywhere},
        {"stays_filled", stays_filled},
        {"changes_weights_and_keys", changes_weights_and_keys},
        {NULL, NULL},
    };
    random_seed(&rng, 1);
    return suite_main("count_tree", tests);
}
