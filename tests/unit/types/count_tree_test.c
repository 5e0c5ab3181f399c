/* count_tree_test.c - nodes of four rows, so that the tree is deep, against an array. */
#include "types/count_tree.h"

#include "base/mem.h"
#include "base/random.h"
#include "still_reader.h"
#include "support/suite.h"
#include "tree_check.h"

#include <stdlib.h>

enum { MODEL_MAX = 4000, LEAF_ROWS = 4, WEIGHT_COLUMN = 1, STILLS_MAX = 3, MARK = 1 << 20 };

static void mark_rows(struct count_node *leaf);

/* The leaves' third column is marked when a leaf is copied. */
static const struct count_kind weighted = {
    .leaf = {LEAF_ROWS, 3, {{16, 8}, {64, 6}, {128, 6}}},
    .inner = {4, 3, {{8, 8}, {64, 6}, {128, 6}}},
    .keys = 1,
    .weight = WEIGHT_COLUMN,
    .copied = mark_rows,
};

struct item {
    uint64_t key, weight;
};

static struct random rng;
static struct item model[MODEL_MAX];
static unsigned items;
static unsigned told; /* the item that is to go next */

static uint64_t mark_at(const struct count_node *leaf, unsigned slot) {
    return count_load48(count_column(leaf, 128) + slot * 6);
}

static void mark_rows(struct count_node *leaf) {
    for (unsigned i = 0; i < leaf->n; i++) {
        count_store48((uint8_t *)leaf + 128 + i * 6, mark_at(leaf, i) | MARK);
    }
}

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
    struct count_row row = {{item.key, item.weight, t->number}}; /* a still made later is seen */
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

/* ---- stills ---- */

/* A still, and what it has to say. */
struct image {
    struct count_tree tree;
    struct item *item;
    unsigned items;
};

static struct image image[STILLS_MAX];
static unsigned images;

struct reading {
    const struct image *image;
    unsigned at, step;
};

static bool leaf_agrees(void *ctx, const struct count_node *leaf) {
    struct reading *r = ctx;
    for (unsigned i = 0; i < leaf->n; i++, r->at += r->step) {
        unsigned slot = r->step == 1 ? i : leaf->n - 1u - i;
        if (r->at >= r->image->items || key_at(leaf, slot) != r->image->item[r->at].key)
            return false;
    }
    return true;
}

static bool image_agrees(const void *ctx) {
    const struct image *im = ctx;
    struct reading up = {im, 0, 1}, down = {im, im->items - 1, -1u};
    if (!count_tree_each_leaf(&im->tree, false, leaf_agrees, &up) || up.at != im->items)
        return false;
    if (!count_tree_each_leaf(&im->tree, true, leaf_agrees, &down) || down.at != -1u) return false;
    uint64_t weight = 0;
    struct count_path path;
    for (unsigned i = 0; i < im->items; weight += im->item[i++].weight) {
        if (i % 64) continue;
        count_tree_find(&im->tree, weight, &path);
        if (key_at(path.node[0], path.slot[0]) != im->item[i].key) return false;
    }
    return weight == im->tree.weight;
}

static void make_still(struct count_tree *t) {
    struct image *im = &image[images++];
    count_tree_still(t, &im->tree);
    im->items = items;
    im->item = mem_alloc(sizeof *model * (items + 1));
    memcpy(im->item, model, sizeof *model * items);
}

static void end_still(struct count_tree *t) {
    unsigned at = (unsigned)random_next_below(&rng, images);
    CU_ASSERT_FATAL(image_agrees(&image[at]));
    mem_free(image[at].item);
    image[at] = image[--images];
    count_tree_still_end(t);
    CU_ASSERT_EQUAL(count_tree_still_bytes(t) > 0, images > 0);
}

/* A row that a still can see is marked, or its leaf is not own. */
static bool is_marked(void *ctx, const struct count_node *leaf) {
    const struct count_tree *t = ctx;
    for (unsigned i = 0; i < leaf->n; i++) {
        uint64_t mark = mark_at(leaf, i);
        if (mark & MARK) continue;
        if (count_is_own(t, leaf) && mark < t->number) return false;
    }
    return true;
}

/* A row is written where it lies. */
static void change_row(struct count_tree *t) {
    if (!items) return;
    struct count_path path;
    unsigned at = (unsigned)random_next_below(&rng, items);
    uint64_t weight = 1 + random_next_below(&rng, 9), old = model[at].weight;
    count_tree_find(t, weight_before(at), &path);
    model[at] = (struct item){random_next(&rng), weight};
    count_path_own(t, &path);
    uint8_t *leaf = (uint8_t *)path.node[0];
    memcpy(leaf + 16 + path.slot[0] * 8, &model[at].key, 8);
    count_store48(leaf + 64 + path.slot[0] * 6, weight);
    count_tree_rekey(t, &path);
    count_tree_reweigh(t, &path, (int64_t)(weight - old));
}

/* What is left undone above an end, and then carried up. */
static void change_end(struct count_tree *t, bool last) {
    if (!items) return;
    struct count_path path;
    unsigned at = last ? items - 1 : 0;
    count_tree_settle(t, last, 1);
    count_tree_find(t, weight_before(at), &path);
    count_path_own(t, &path);
    count_store48((uint8_t *)path.node[0] + 64 + path.slot[0] * 6, ++model[at].weight);
    t->weight++;
}

static void still_step(struct count_tree *t, unsigned size) {
    unsigned what = (unsigned)random_next_below(&rng, 40);
    if (what == 0 && images < STILLS_MAX) make_still(t);
    if (what == 1 && images) end_still(t);
    what = (unsigned)random_next_below(&rng, 40);
    if (what < 6) change_row(t);
    if (what >= 36) change_end(t, what & 1);
    if (what < 36) one_step(t, size);
}

/* Every way to cut a small tree in one piece, what it then weighs, and what a still of
 * it says. */
static void cuts_anywhere(void) {
    enum { N = 70 };
    for (unsigned from = 0; from <= N; from++) {
        for (unsigned to = from; to <= N; to++) {
            struct count_tree t;
            count_tree_init(&t, &weighted);
            for (unsigned i = 0; i < N; i++) insert(&t, (unsigned)random_next_below(&rng, i + 1));
            make_still(&t);
            cut(&t, from, to);
            compare(&t);
            end_still(&t);
            release(&t);
        }
    }
}

static void stills_stay(void) {
    for (unsigned round = 0; round < 12; round++) {
        struct count_tree t;
        count_tree_init(&t, &weighted);
        for (unsigned i = 0; i < 4000; i++) {
            still_step(&t, 20u << (round % 6));
            if (i % 16) continue;
            compare(&t);
            if (images) CU_ASSERT_FATAL(count_tree_each_leaf(&t, false, is_marked, &t));
            for (unsigned k = 0; k < images; k++) CU_ASSERT_FATAL(image_agrees(&image[k]));
        }
        while (images) end_still(&t);
        compare(&t);
        release(&t);
    }
}

/* Each change alone costs no more than the nodes on its way, and a second one nothing. */
static void copies_only_what_changes(void) {
    struct count_tree t;
    count_tree_init(&t, &weighted);
    for (unsigned i = 0; i < 1000; i++) insert(&t, items);
    CU_ASSERT_EQUAL(count_tree_still_bytes(&t), 0);
    make_still(&t);
    make_still(&t);
    size_t none = count_tree_still_bytes(&t);
    for (unsigned i = 0; i < 100; i++) {
        struct count_path path;
        count_tree_find(&t, weight_before(500), &path);
        count_path_own(&t, &path);
        CU_ASSERT_EQUAL(count_tree_still_bytes(&t) - none, (path.height + 1) * COUNT_NODE_BYTES);
    }
    end_still(&t);
    CU_ASSERT(count_tree_still_bytes(&t) > none);
    end_still(&t);
    compare(&t);
    release(&t);
}

static void stills_are_read_meanwhile(void) {
    for (unsigned round = 0; round < 20; round++) {
        struct count_tree t;
        struct still_reader reader;
        count_tree_init(&t, &weighted);
        while (items < 1500) insert(&t, (unsigned)random_next_below(&rng, items + 1));
        if (round % 2) make_still(&t);
        for (unsigned i = 0; i < 50; i++) one_step(&t, 1500);
        make_still(&t);
        still_reader_start(&reader, image_agrees, &image[images - 1]);
        for (unsigned i = 0; i < 1500; i++) {
            one_step(&t, round % 3 ? 1500 : 20);
            change_row(&t);
            change_end(&t, i & 1);
        }
        CU_ASSERT(still_reader_stop(&reader));
        while (images) end_still(&t);
        compare(&t);
        release(&t);
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
        count_path_own(&t, &path);
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
        {"stills_stay", stills_stay},
        {"copies_only_what_changes", copies_only_what_changes},
        {"stills_are_read_meanwhile", stills_are_read_meanwhile},
        {NULL, NULL},
    };
    random_seed(&rng, 1);
    return suite_main("count_tree", tests);
}
