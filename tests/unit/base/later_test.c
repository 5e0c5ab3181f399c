/* later_test.c - base/later: what is freed at once, what is set aside. */
#include "base/later.h"

#include <pthread.h>

#include "base/blob.h"
#include "base/limits.h"
#include "base/mem.h"
#include "support/suite.h"

enum { BLOCKS = 3000, BYTES = LATER_BLOCK_BYTES_MIN * 2 };

static uint64_t mark;

static size_t set_aside(void) { return later_free_all(later_take()); }

static void give_up(size_t blocks, size_t bytes) {
    for (size_t i = 0; i < blocks; i++) later_free(mem_alloc(bytes), bytes);
}

static void nothing_waits_unless_enabled(void) {
    give_up(BLOCKS, BYTES);
    give_up(1, GARBAGE_BLOB_BYTES_MIN);
    CU_ASSERT_FALSE(later_waits());
    CU_ASSERT_PTR_NULL(later_take());
}

static void few_are_freed_at_once(void) {
    mark++;
    later_enable(&mark);
    for (int command = 0; command < 100; command++, mark++) give_up(1, LATER_HERE_BYTES / 2);
    CU_ASSERT_FALSE(later_waits());
    give_up(BLOCKS, LATER_BLOCK_BYTES_MIN - 1);
    CU_ASSERT_FALSE(later_waits());
    later_enable(NULL);
}

static void many_of_one_command_wait(void) {
    mark++;
    later_enable(&mark);
    give_up(BLOCKS, BYTES);
    CU_ASSERT(later_waits());
    CU_ASSERT_EQUAL(later_pending_bytes(), (BLOCKS - LATER_HERE_BYTES / BYTES) * BYTES);
    CU_ASSERT_EQUAL(set_aside(), BLOCKS - LATER_HERE_BYTES / BYTES);
    CU_ASSERT_EQUAL(later_pending_bytes(), 0);
    give_up(10, BYTES); /* the same command still */
    CU_ASSERT_EQUAL(set_aside(), 10);
    mark++;
    give_up(1, BYTES);
    CU_ASSERT_FALSE(later_waits());
    later_enable(NULL);
}

static void large_ones_wait(void) {
    mark++;
    later_enable(&mark);
    give_up(1, GARBAGE_BLOB_BYTES_MIN);
    CU_ASSERT_EQUAL(set_aside(), 1);
    later_enable(NULL);
}

static void bag_of(struct later_bag *bag, size_t blocks) {
    size_t before = bag->bytes;
    for (size_t i = 0; i < blocks; i++) later_bag_add(bag, mem_alloc(BYTES), BYTES);
    CU_ASSERT_EQUAL(bag->bytes, before + blocks * BYTES);
}

static void a_bag_goes_as_a_whole(void) {
    struct later_bag bag = {NULL, NULL, 0};
    later_bag_free(&bag);
    bag_of(&bag, BLOCKS);
    later_bag_free(&bag); /* at once */
    CU_ASSERT(!bag.first && !bag.last && !bag.bytes);
    CU_ASSERT_EQUAL(later_pending_bytes(), 0);
    mark++;
    later_enable(&mark);
    bag_of(&bag, 1);
    later_bag_free(&bag);
    CU_ASSERT_FALSE(later_waits());
    mark++;
    give_up(BLOCKS, BYTES);
    bag_of(&bag, BLOCKS);
    later_bag_free(&bag);
    give_up(BLOCKS, BYTES);
    CU_ASSERT_EQUAL(later_pending_bytes(), (3 * BLOCKS - LATER_HERE_BYTES / BYTES) * BYTES);
    CU_ASSERT_EQUAL(set_aside(), 3 * BLOCKS - LATER_HERE_BYTES / BYTES);
    CU_ASSERT_EQUAL(later_pending_bytes(), 0);
    later_enable(NULL);
}

/* A reference goes with the bag; who has another one goes on. */
static void a_bag_holds_references(void) {
    struct later_bag bag = {NULL, NULL, 0};
    struct blob *b = blob_new(GARBAGE_BLOB_BYTES_MIN);
    mark++;
    later_enable(&mark);
    later_bag_add_blob(&bag, blob_ref(b));
    later_bag_add_blob(&bag, blob_ref(b));
    bag_of(&bag, 1);
    later_bag_free(&bag);
    CU_ASSERT_EQUAL(b->refs, 3);
    CU_ASSERT_EQUAL(set_aside(), 3);
    CU_ASSERT_EQUAL(b->refs, 1);
    blob_unref_now(b);
    later_enable(NULL);
}

static void *elsewhere(void *ctx) {
    *(size_t *)ctx = later_free_all(*(struct later **)ctx);
    return NULL;
}

static void another_thread_frees(void) {
    mark++;
    pthread_t thread;
    union {
        struct later *l;
        size_t n;
    } x;
    later_enable(&mark);
    give_up(BLOCKS, BYTES);
    x.l = later_take();
    later_enable(NULL);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, elsewhere, &x), 0);
    pthread_join(thread, NULL);
    CU_ASSERT_EQUAL(x.n, BLOCKS - LATER_HERE_BYTES / BYTES);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"nothing_waits_unless_enabled", nothing_waits_unless_enabled},
        {"few_are_freed_at_once", few_are_freed_at_once},
        {"many_of_one_command_wait", many_of_one_command_wait},
        {"large_ones_wait", large_ones_wait},
        {"a_bag_goes_as_a_whole", a_bag_goes_as_a_whole},
        {"a_bag_holds_references", a_bag_holds_references},
        {"another_thread_frees", another_thread_frees},
        {NULL, NULL},
    };
    return suite_main("later", tests);
}
