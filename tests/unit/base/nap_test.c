/* nap_test.c - base/nap: elsewhere than on a worker nothing happens; on one it rests, and is told
 * when nobody wants the work any more. */
#include "base/nap.h"

#include <pthread.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/table.h"
#include "support/suite.h"

#define ITEMS 20000

static struct slice key_of_item(const void *item) { return slice_of(item, 8); }

static const struct table_ops ops = {key_of_item, NULL};
static uint64_t items[ITEMS];
static struct table table;

static void count_item(void *ctx, void *item) {
    (void)item;
    ++*(size_t *)ctx;
}

static void fill(void) {
    table_init(&table, &ops, NULL);
    for (uint64_t i = 0; i < ITEMS; i++) {
        items[i] = i;
        table_insert(&table, hash_bytes((const char *)&items[i], 8), &items[i]);
    }
}

static void *work(void *ctx) {
    _Atomic bool unwanted = false;
    size_t *seen = ctx;
    nap_enable();
    nap_unwanted = &unwanted;
    if (nap_point()) seen[0]++;
    table_each_wanted(&table, count_item, &seen[1]);
    unwanted = true;
    if (nap_point()) seen[2]++;
    if (nap_step(1)) seen[2]++;
    if (nap_step(0)) seen[2]++;
    table_each_wanted(&table, count_item, &seen[3]);
    table_each(&table, count_item, &seen[4]);
    nap_unwanted = NULL;
    if (nap_point()) seen[5]++;
    return NULL;
}

static void workers_are_told(void) {
    size_t seen[6] = {0};
    pthread_t thread;
    fill();
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, work, seen), 0);
    pthread_join(thread, NULL);
    CU_ASSERT_EQUAL(seen[0], 0);
    CU_ASSERT_EQUAL(seen[1], ITEMS);
    CU_ASSERT_EQUAL(seen[2], 2);
    CU_ASSERT_TRUE(seen[3] < ITEMS);
    CU_ASSERT_EQUAL(seen[4], ITEMS);
    CU_ASSERT_EQUAL(seen[5], 0);
    table_fini(&table);
}

static void others_are_not(void) {
    _Atomic bool unwanted = true;
    size_t seen = 0;
    nap_unwanted = &unwanted;
    fill();
    CU_ASSERT_FALSE(nap_point());
    table_each_wanted(&table, count_item, &seen);
    CU_ASSERT_EQUAL(seen, ITEMS);
    table_fini(&table);
    nap_unwanted = NULL;
}

int main(void) {
    static const struct suite_test tests[] = {
        {"workers_are_told", workers_are_told},
        {"others_are_not", others_are_not},
        {NULL, NULL},
    };
    return suite_main("nap", tests);
}
