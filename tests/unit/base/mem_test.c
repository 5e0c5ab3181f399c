/* mem_test.c - blocks, and that mem_used follows them across threads. */
#include "base/mem.h"

#include "support/suite.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define BIG_BYTES (8 << 20)

#ifdef __SANITIZE_ADDRESS__
/* Its allocator aborts where ours returns NULL. */
const char *__asan_default_options(void) { return "allocator_may_return_null=1"; }
#endif
#ifdef __SANITIZE_THREAD__
const char *__tsan_default_options(void) { return "allocator_may_return_null=1"; }
#endif

static bool near(size_t a, size_t b) { return (a > b ? a - b : b - a) < 256 << 10; }

static void blocks(void) {
    char *p = mem_calloc(100);
    for (int i = 0; i < 100; i++) CU_ASSERT_EQUAL(p[i], 0);
    CU_ASSERT(mem_usable(p) >= 100);
    memset(p, 7, 100);
    p = mem_realloc(p, 100000);
    CU_ASSERT(p[0] == 7 && p[99] == 7);
    mem_free(p);
    mem_free(NULL);
    char *copy = mem_dup("a\0b", 3);
    CU_ASSERT(memcmp(copy, "a\0b", 4) == 0);
    mem_free(copy);
    char *empty = mem_dup(NULL, 0);
    CU_ASSERT_EQUAL(*empty, 0);
    mem_free(empty);
}

static void too_much_is_refused(void) {
    volatile size_t n = SIZE_MAX / 4;
    CU_ASSERT_PTR_NULL(mem_try(n));
    void *p = mem_try(10);
    CU_ASSERT_PTR_NULL(mem_try_realloc(p, n));
    mem_free(p);
}

static void used_follows_blocks(void) {
    size_t before = mem_used();
    void *p = mem_alloc(BIG_BYTES);
    CU_ASSERT(near(mem_used(), before + BIG_BYTES));
    p = mem_realloc(p, 3 * BIG_BYTES);
    CU_ASSERT(near(mem_used(), before + 3 * BIG_BYTES));
    mem_free(p);
    CU_ASSERT(near(mem_used(), before));
    mem_account(12345678);
    CU_ASSERT(near(mem_used(), before + 12345678));
    mem_account(-12345678);
    CU_ASSERT(near(mem_used(), before));
}

static void *take_and_end(void *registered) {
    if (registered) mem_thread_init();
    void *p = mem_alloc(BIG_BYTES);
    if (registered) mem_thread_fini();
    return p;
}

static void *give_back(void *p) {
    mem_thread_init();
    mem_free(p);
    mem_thread_fini();
    return NULL;
}

static void *in_thread(void *(*f)(void *), void *arg) {
    pthread_t t;
    void *result;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&t, NULL, f, arg), 0);
    CU_ASSERT_EQUAL_FATAL(pthread_join(t, &result), 0);
    return result;
}

static void threads_are_summed(void) {
    size_t before = mem_used();
    void *p = in_thread(take_and_end, &before);
    CU_ASSERT(near(mem_used(), before + BIG_BYTES)); /* of a thread that is gone */
    mem_free(p);
    CU_ASSERT(near(mem_used(), before));
    in_thread(give_back, mem_alloc(BIG_BYTES));
    CU_ASSERT(near(mem_used(), before));
}

static void registering_twice_counts_once(void) {
    size_t before = mem_used();
    mem_thread_init();
    CU_ASSERT(near(mem_used(), before));
    mem_thread_fini();
    mem_thread_fini();
    CU_ASSERT(near(mem_used(), before));
    mem_thread_init();
    CU_ASSERT(near(mem_used(), before));
}

static void figures_are_there(void) {
    char *p = mem_alloc(BIG_BYTES);
    memset(p, 1, BIG_BYTES);
    struct mem_stats s;
    mem_background(true);
    mem_allocator_refresh();
    mem_allocator_stats(&s);
    CU_ASSERT(s.allocated >= BIG_BYTES && s.active >= BIG_BYTES && s.resident >= BIG_BYTES);
    CU_ASSERT(mem_rss() >= BIG_BYTES);
    CU_ASSERT(strlen(mem_allocator()) >= 4);
    mem_free(p);
    mem_purge();
}

/* The pages of blocks that were freed are there a second later, if so asked for; else they go. */
static void free_pages_stay(void) {
#ifndef NO_JEMALLOC
    char *p[8]; /* of a larger block they go at once */
    mem_background(true);
    mem_keep_free_pages(true);
    for (int i = 0; i < 8; i++) memset(p[i] = mem_alloc(BIG_BYTES / 8), 1, BIG_BYTES / 8);
    size_t with = mem_rss();
    for (int i = 0; i < 8; i++) mem_free(p[i]);
    usleep(1200000);
    CU_ASSERT(mem_rss() + BIG_BYTES / 2 > with);
    mem_keep_free_pages(false);
    for (int i = 0; i < 200 && mem_rss() + BIG_BYTES / 2 > with; i++) usleep(100000);
    CU_ASSERT(mem_rss() + BIG_BYTES / 2 < with);
#endif
}

int main(void) {
    static const struct suite_test tests[] = {
        {"blocks", blocks},
        {"too_much_is_refused", too_much_is_refused},
        {"used_follows_blocks", used_follows_blocks},
        {"threads_are_summed", threads_are_summed},
        {"registering_twice_counts_once", registering_twice_counts_once},
        {"figures_are_there", figures_are_there},
        {"free_pages_stay", free_pages_stay},
        {NULL, NULL},
    };
    mem_thread_init();
    return suite_main("mem", tests);
}
