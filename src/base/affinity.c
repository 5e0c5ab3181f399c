/* affinity.c - see affinity.h. */
#define _GNU_SOURCE /* sched_getcpu, CPU_* */
#include "base/affinity.h"

#include <ctype.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/rseq.h>
#include <time.h>

#include "base/clock.h"
#include "base/limits.h"

#define NOWHERE -1

static cpu_set_t others; /* are here by default; none: not known */

static const uint32_t *loop_cpu; /* the kernel writes it; NULL: threads are not kept apart */
static bool loop_has_clock;
static clockid_t loop_clock;

static _Thread_local bool own_known;
static _Thread_local cpu_set_t own;               /* where it may be, if nothing is excluded */
static _Thread_local int excluded = NOWHERE;      /* of those */
static _Thread_local uint64_t looked_ns, loop_ns; /* at the last look */

/* ---- lists -------------------------------------------------------------------------- */

static bool take_number(const char **s, size_t *n) {
    char *end;
    if (!isdigit((unsigned char)**s)) return false;
    *n = strtoul(*s, &end, 10);
    *s = end;
    return true;
}

/* One part: a, a-b or a-b:stride. */
static bool take_part(const char **s, cpu_set_t *set) {
    size_t from, to, stride = 1;
    if (!take_number(s, &from)) return false;
    to = from;
    if (**s == '-') {
        ++*s;
        if (!take_number(s, &to) || to < from) return false;
        if (**s == ':') {
            ++*s;
            if (!take_number(s, &stride) || !stride) return false;
        }
    }
    for (size_t cpu = from; cpu <= to && cpu < CPU_SETSIZE; cpu += stride) {
        CPU_SET(cpu, set);
        if (stride > to - cpu) break;
    }
    return true;
}

static bool parse(const char *list, cpu_set_t *set) {
    CPU_ZERO(set);
    for (; take_part(&list, set); list++) {
        if (!*list) return true;
        if (*list != ',') return false;
    }
    return false;
}

bool affinity_is_list(const char *list) {
    cpu_set_t set;
    return !*list || parse(list, &set);
}

bool affinity_bind(const char *list) {
    cpu_set_t set = others;
    if (*list && !parse(list, &set)) return false;
    if (sched_setaffinity(0, sizeof set, &set)) return false;
    own = set;
    own_known = true;
    excluded = NOWHERE;
    return true;
}

bool affinity_others(const char *list) {
    cpu_set_t set;
    if (!*list) return true;
    if (!parse(list, &set)) return false;
    CPU_AND(&set, &set, &others);
    if (!CPU_COUNT(&set)) return false;
    others = set;
    return true;
}

/* ---- keeping apart ------------------------------------------------------------------ */

void affinity_loop_here(void) {
    loop_has_clock = !pthread_getcpuclockid(pthread_self(), &loop_clock);
    if (sched_getaffinity(0, sizeof others, &others)) return;
    if (CPU_COUNT(&others) < 2 || !__rseq_size || !loop_has_clock) return;
    const struct rseq *mine =
        (const void *)((const char *)__builtin_thread_pointer() + __rseq_offset);
    loop_cpu = &mine->cpu_id;
}

uint64_t affinity_loop_used_ns(void) {
    struct timespec t;
    if (!loop_has_clock) return 0;
    clock_gettime(loop_clock, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* The processor to be excluded, by how much of the time since the last look the loop has used. */
static int to_exclude(uint64_t used_ns, uint64_t passed_ns) {
    if (used_ns < passed_ns / 100 * LOOP_CALM_PERCENT) return NOWHERE;
    if (used_ns < passed_ns / 100 * LOOP_BUSY_PERCENT) return excluded;
    int at = (int)__atomic_load_n(loop_cpu, __ATOMIC_RELAXED);
    return excluded != NOWHERE || at == sched_getcpu() ? at : NOWHERE;
}

void affinity_look(void) {
    if (!loop_cpu) return;
    uint64_t now = clock_mono_ns();
    if (now - looked_ns < AFFINITY_LOOK_MS * 1000000) return;
    uint64_t used = affinity_loop_used_ns();
    int cpu = to_exclude(used - loop_ns, now - looked_ns);
    looked_ns = now;
    loop_ns = used;
    if (cpu == excluded) return;
    if (!own_known && sched_getaffinity(0, sizeof own, &own)) return;
    own_known = true;
    cpu_set_t set = own;
    if (cpu != NOWHERE) CPU_CLR((size_t)cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) == 0) excluded = cpu;
}
