/* apart_test.c - base/apart: a thread leaves the processor of a loop that is busy, and may come
 * back when that rests. What is awaited takes milliseconds; the limit is for machines in use. */
#define _GNU_SOURCE /* CPU_*, sched_getcpu */
#include "base/apart.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/nap.h"
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
    while (!is_so() && clock_mono_ms() < until_ms) nap_point();
    return is_so();
}

static bool is_elsewhere(void) { return sched_getcpu() != loops_cpu; }
static bool may_be_anywhere(void) { return own_cpus() == CPU_COUNT(&all); }

/* Begins where the loop is, with a worker's low priority. */
static void *work(void *ctx) {
    (void)ctx;
    cpu_set_t there = only(loops_cpu);
    sched_setaffinity(0, sizeof there, &there);
    setpriority(PRIO_PROCESS, 0, 10);
    nap_enable();
    went = soon(is_elsewhere) && own_cpus() == CPU_COUNT(&all) - 1;
    atomic_store(&done[0], true);
    came = soon(may_be_anywhere);
    atomic_store(&done[1], true);
    return NULL;
}

static void a_busy_loop_has_its_processor(void) {
    if (CPU_COUNT(&all) < 2) {
        apart_look(); /* does nothing */
        CU_ASSERT_EQUAL(own_cpus(), 1);
        return;
    }
    loops_cpu = sched_getcpu();
    cpu_set_t here = only(loops_cpu);
    apart_loop_here();
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
        {"a_busy_loop_has_its_processor", a_busy_loop_has_its_processor},
        {NULL, NULL},
    };
    clock_init();
    if (sched_getaffinity(0, sizeof all, &all)) return 1;
    return suite_main("apart", tests);
}
