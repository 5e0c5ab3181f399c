/* thread.c - see thread.h. */
#define _GNU_SOURCE /* pthread_setname_np */
#include "work/thread.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/affinity.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/nap.h"

struct begin {
    void (*run)(void *arg);
    void *arg;
    struct work_thread_kind kind;
};

static void *enter(void *arg) {
    struct begin b = *(struct begin *)arg;
    mem_free(arg);
    /* 0 is this thread, which began with the priority of the one that started it. */
    setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + b.kind.nice);
    pthread_setname_np(pthread_self(), b.kind.name);
    if (!b.kind.cpus || !affinity_bind(b.kind.cpus)) affinity_bind("");
    if (b.kind.nice > 0) nap_enable();
    mem_thread_init();
    b.run(b.arg);
    mem_thread_fini();
    return NULL;
}

bool work_thread_start(pthread_t *thread, struct work_thread_kind kind, void (*run)(void *arg),
                       void *arg) {
    struct begin *b = mem_alloc(sizeof *b);
    *b = (struct begin){run, arg, kind};
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    bool started = pthread_create(thread, NULL, enter, b) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!started) mem_free(b);
    return started;
}

void work_cond_init(pthread_cond_t *cond) {
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

uint64_t work_deadline_ns(int ms) {
    return ms < 0 ? WORK_FOR_EVER : clock_mono_ns() + (uint64_t)ms * 1000000;
}

bool work_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t until_ns) {
    if (until_ns == WORK_FOR_EVER) return pthread_cond_wait(cond, lock) == 0;
    struct timespec until = {(time_t)(until_ns / 1000000000), (long)(until_ns % 1000000000)};
    return pthread_cond_timedwait(cond, lock, &until) != ETIMEDOUT;
}
