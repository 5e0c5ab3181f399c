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

/* The items at `from` of such keys, as redis-server's SORT BY ALPHA LIMIT gives them. */
static void equals_come_as_specified(void) {
    static const struct {
        size_t n, keys, from, shown;
        uint32_t at[16];
    } cases[] = {
        {7, 2, 0, 5, {3, 4, 5, 2, 0}},
        {30, 3, 4, 12, {0, 8, 9, 12, 13, 29, 1, 2, 5, 6, 15, 16}},
        {60, 1, 0, 9, {59, 1, 2, 3, 4, 5, 6, 7, 8}},
        {60, 4, 20, 14, {47, 49, 51, 54, 56, 58, 8, 48, 34, 1, 13, 55, 15, 41}},
        {300, 6, 140, 16, {39, 45, 46, 52, 53, 59, 60, 66, 67, 73, 74, 80, 81, 87, 88, 94}},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        size_t n = cases[k].n, from = cases[k].from, shown = cases[k].shown;
        for (size_t i = 0; i < n; i++)
            items[i] = (struct item){(uint32_t)(i * i % 7 % cases[k].keys), (uint32_t)i, ""};
        part_sort(&(struct part_sort){items, n, sizeof *items, from, from + shown}, by_key, &rng);
        for (size_t i = 0; i < shown; i++) CU_ASSERT_EQUAL(items[from + i].at, cases[k].at[i]);
    }
}

/* M. D. McIlroy's "A Killer Adversary for Quicksort", 1999: a key is decided when it is compared,
 * so that the pivot to come is among the least. Of a key that is not, UNDECIDED stands. */
enum { UNDECIDED = COUNT_MAX };
static uint32_t decided[COUNT_MAX], decided_n, candidate;

static int as_is_worst(const void *a, const void *b, void *ctx) {
    uint32_t x = ((const struct item *)a)->at, y = ((const struct item *)b)->at;
    (void)ctx;
    if (decided[x] == UNDECIDED && decided[y] == UNDECIDED)
        decided[x == candidate ? x : y] = decided_n++;
    if (decided[x] == UNDECIDED) candidate = x;
    if (decided[y] == UNDECIDED) candidate = y;
    return (decided[x] > decided[y]) - (decided[x] < decided[y]);
}

static void what_is_sent_cannot_make_it_slow(void) {
    decided_n = candidate = 0;
    make(COUNT_MAX, 1, 0);
    for (size_t i = 0; i < COUNT_MAX; i++) decided[i] = UNDECIDED;
    part_sort(&(struct part_sort){items, COUNT_MAX, sizeof *items, 0, COUNT_MAX}, as_is_worst,
              NULL);
    for (uint32_t i = 0; i < COUNT_MAX; i++) items[i] = (struct item){.key = decided[i], .at = i};
    memcpy(sorted, items, sizeof items);
    qsort(sorted, COUNT_MAX, sizeof *sorted, keys_only);
    comparisons = 0;
    check(COUNT_MAX, 0, COUNT_MAX);
    CU_ASSERT(comparisons < 80 * COUNT_MAX);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"ranges_are_those_of_a_whole_sort", ranges_are_those_of_a_whole_sort},
        {"a_small_part_is_cheap", a_small_part_is_cheap},
        {"equals_come_as_specified", equals_come_as_specified},
        {"what_is_sent_cannot_make_it_slow", what_is_sent_cannot_make_it_slow},
        {NULL, NULL},
    };
    random_seed(&rng, 1);
    return suite_main("part_sort", tests);
}
