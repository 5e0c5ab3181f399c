/* affinity_test.c - base/affinity: lists of processors, and threads that are bound to them; a
 * thread leaves the processor of a loop that is busy, and may come back when that rests. What is
 * awaited takes milliseconds; the limit is for machines in use. */
#define _GNU_SOURCE /* CPU_*, sched_getcpu */
#include "base/affinity.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/suite.h"

#define WAIT_MS_MAX 20000

static cpu_set_t all;
static int loops_cpu;
static bool went, came;
static atomic_bool done[2];

static cpu_set_t only(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    return set;
}

static int own_cpus(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) ? 0 : CPU_COUNT(&set);
}

static bool soon(bool (*is_so)(void)) {
    uint64_t until_ms = clock_mono_ms() + WAIT_MS_MAX;
    while (!is_so() && clock_mono_ms() < until_ms) affinity_look();
    return is_so();
}

static void go_to_the_loop(void) {
    cpu_set_t there = only(loops_cpu);
    sched_setaffinity(0, sizeof there, &there);
    sched_setaffinity(0, sizeof all, &all);
}

/* The system may have moved it, too. */
static bool is_kept_off(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && !CPU_ISSET((size_t)loops_cpu, &set))
        return sched_getcpu() != loops_cpu && CPU_COUNT(&set) == CPU_COUNT(&all) - 1;
    if (sched_getcpu() != loops_cpu) go_to_the_loop();
    return false;
}

static bool may_be_anywhere(void) { return own_cpus() == CPU_COUNT(&all); }

/* Begins where the loop is, with a worker's low priority. */
static void *work(void *ctx) {
    (void)ctx;
    go_to_the_loop();
    setpriority(PRIO_PROCESS, 0, 10);
    went = soon(is_kept_off);
    atomic_store(&done[0], true);
    came = soon(may_be_anywhere);
    atomic_store(&done[1], true);
    return NULL;
}

static void lists_are_read(void) {
    static const char *const good[] = {"",    "0",      "0,1",         "0-3",
                                       "3-3", "0-20:3", "0-1,5-7:2,9", "4000"};
    static const char *const bad[] = {
        ",", "0,", ",0", "-1", "1-", "3-2", "0-3:", "0-3:0", "0:2", "a", "0 1", "0-3-4", "0x1"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        CU_ASSERT_TRUE(affinity_is_list(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CU_ASSERT_FALSE(affinity_is_list(bad[i]));
}

static void *bind_thread(void *list) {
    return affinity_bind(list) && own_cpus() == 1 ? list : NULL;
}

static void threads_are_bound(void) {
    char here[32];
    void *result;
    pthread_t thread;
    snprintf(here, sizeof here, "%d", sched_getcpu());
    affinity_loop_here();
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, bind_thread, here), 0);
    pthread_join(thread, &result);
    CU_ASSERT_PTR_EQUAL(result, here);
    CU_ASSERT_FALSE(affinity_bind("1023"));
    CU_ASSERT_FALSE(affinity_others("1023"));
    CU_ASSERT_TRUE(affinity_others(""));
    CU_ASSERT_EQUAL(own_cpus(), CPU_COUNT(&all));
    CU_ASSERT_TRUE(affinity_others(here));
    CU_ASSERT_TRUE(affinity_bind(""));
    CU_ASSERT_EQUAL(own_cpus(), 1);
    sched_setaffinity(0, sizeof all, &all);
    affinity_loop_here();
}

static void a_busy_loop_has_its_processor(void) {
    if (CPU_COUNT(&all) < 2) {
        affinity_look(); /* does nothing */
        CU_ASSERT_EQUAL(own_cpus(), 1);
        return;
    }
    loops_cpu = sched_getcpu();
    cpu_set_t here = only(loops_cpu);
    affinity_loop_here();
    sched_setaffinity(0, sizeof here, &here);
    pthread_t thread;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, work, NULL), 0);
    while (!atomic_load(&done[0])) continue;
    while (!atomic_load(&done[1])) usleep(1000);
    pthread_join(thread, NULL);
    CU_ASSERT_TRUE(went);
    CU_ASSERT_TRUE(came);
    sched_setaffinity(0, sizeof all, &all);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"lists_are_read", lists_are_read},
        {"threads_are_bound", threads_are_bound},
        {"a_busy_loop_has_its_processor", a_busy_loop_has_its_processor},
        {NULL, NULL},
    };
    clock_init();
    if (sched_getaffinity(0, sizeof all, &all)) return 1;
    return suite_main("affinity", tests);
}
