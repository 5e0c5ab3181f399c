/* apart.c - see apart.h. */
#define _GNU_SOURCE /* sched_getcpu, CPU_* */
#include "base/apart.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/rseq.h>
#include <time.h>

#include "base/clock.h"
#include "base/limits.h"

#define NOWHERE -1

static const uint32_t *loop_cpu; /* the kernel writes it; NULL: threads are not kept apart */
static clockid_t loop_clock;
static cpu_set_t allowed;

static _Thread_local uint64_t looked_ns, loop_ns; /* at the last look */
static _Thread_local int excluded = NOWHERE;

void apart_loop_here(void) {
    if (sched_getaffinity(0, sizeof allowed, &allowed) || CPU_COUNT(&allowed) < 2) return;
    if (!__rseq_size || pthread_getcpuclockid(pthread_self(), &loop_clock)) return;
    const struct rseq *mine =
        (const void *)((const char *)__builtin_thread_pointer() + __rseq_offset);
    loop_cpu = &mine->cpu_id;
}

static uint64_t loop_used_ns(void) {
    struct timespec t;
    clock_gettime(loop_clock, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* The processor to be excluded, by how much of the time since the last look the loop has used. */
static int to_exclude(uint64_t used_ns, uint64_t passed_ns) {
    if (used_ns < passed_ns / 100 * APART_CALM_PERCENT) return NOWHERE;
    if (used_ns < passed_ns / 100 * APART_BUSY_PERCENT) return excluded;
    int at = (int)__atomic_load_n(loop_cpu, __ATOMIC_RELAXED);
    return excluded != NOWHERE || at == sched_getcpu() ? at : NOWHERE;
}

void apart_look(void) {
    if (!loop_cpu) return;
    uint64_t now = clock_mono_ns();
    if (now - looked_ns < APART_LOOK_MS * 1000000) return;
    uint64_t used = loop_used_ns();
    int cpu = to_exclude(used - loop_ns, now - looked_ns);
    looked_ns = now;
    loop_ns = used;
    if (cpu == excluded) return;
    cpu_set_t set = allowed;
    if (cpu != NOWHERE) CPU_CLR((size_t)cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) == 0) excluded = cpu;
}
