/* part_sort_test.c - ranges of arrays against a whole sort, and what it costs. */
#include "base/part_sort.h"

#include "base/random.h"
#include "support/suite.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_MAX 3000

struct item {
    uint32_t key, at;
    char rest[16];
};

static struct random rng;
static size_t comparisons;

static int by_key(const void *a, const void *b, void *ctx) {
    const struct item *x = a, *y = b;
    CU_ASSERT_PTR_EQUAL(ctx, &rng);
    comparisons++;
    return (x->key > y->key) - (x->key < y->key);
}

static int all_of_it(const void *a, const void *b) { return memcmp(a, b, sizeof(struct item)); }

static int keys_only(const void *a, const void *b) {
    const struct item *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

static struct item items[COUNT_MAX], sorted[COUNT_MAX];

static void make(size_t n, uint32_t keys, int shape) {
    memset(items, 0, sizeof items);
    for (size_t i = 0; i < n; i++) {
        uint32_t by_chance = (uint32_t)random_next_below(&rng, keys);
        items[i].key = shape == 1 ? (uint32_t)i : shape == 2 ? (uint32_t)(n - i) : by_chance;
        items[i].at = (uint32_t)i;
    }
    memcpy(sorted, items, sizeof items);
    qsort(sorted, n, sizeof *sorted, keys_only);
}

static void check(size_t n, size_t from, size_t to) {
    part_sort(&(struct part_sort){items, n, sizeof *items, from, to}, by_key, &rng);
    for (size_t i = 0; i < n; i++) {
        if (i >= from && i < to) CU_ASSERT_EQUAL(items[i].key, sorted[i].key);
        if (from == to) continue;
        if (i < from) CU_ASSERT(items[i].key <= sorted[from].key);
        if (i >= to) CU_ASSERT(items[i].key >= sorted[to - 1].key);
    }
    /* All are still there. */
    qsort(items, n, sizeof *items, all_of_it);
    qsort(sorted, n, sizeof *sorted, all_of_it);
    CU_ASSERT(memcmp(items, sorted, n * sizeof *items) == 0);
}

static void ranges_are_those_of_a_whole_sort(void) {
    for (int round = 0; round < 4000; round++) {
        size_t n = random_next_below(&rng, round % 10 ? 60 : COUNT_MAX);
        uint32_t keys = 1 + (uint32_t)random_next_below(&rng, round % 3 ? 10 : 1000000);
        size_t from = random_next_below(&rng, n + 1);
        size_t to = from + random_next_below(&rng, n - from + 1);
        if (round % 7 == 0) from = 0, to = n;
        make(n, keys, round % 5);
        check(n, from, to);
    }
}

/* Ten of many cost a few looks at each, sorted, reversed and equal ones too. */
static void a_small_part_is_cheap(void) {
    for (int shape = 0; shape < 4; shape++) {
        make(COUNT_MAX, shape == 3 ? 1 : UINT32_MAX, shape);
        comparisons = 0;
        check(COUNT_MAX, 1500, 1510);
        CU_ASSERT(comparisons < 12 * COUNT_MAX);
        make(COUNT_MAX, shape == 3 ? 1 : UINT32_MAX, shape);
        comparisons = 0;
        check(COUNT_MAX, 0, COUNT_MAX);
        CU_ASSERT(comparisons < 25 * COUNT_MAX);
    }
}

int main(void) {
    static const struct suite_test tests[] = {
        {"ranges_are_those_of_a_whole_sort", ranges_are_those_of_a_whole_sort},
        {"a_small_part_is_cheap", a_small_part_is_cheap},
        {NULL, NULL},
    };
    random_seed(&rng, 1);
    return suite_main("part_sort", tests);
}
