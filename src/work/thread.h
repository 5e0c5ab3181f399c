/* thread.h - threads beside the loop: with a priority, processors and a name, without signals; and
 * waiting.
 *
 * A low priority, so that the loop keeps its core, for all but those that it waits for; signals are
 * the loop's; the name is what `top -H` shows. Threads: any may start one.
 */
#ifndef WORK_THREAD_H
#define WORK_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct work_thread_kind {
    const char *name; /* at most 15 bytes */
    int nice;         /* beside the loop's; with more than 0 it rests (base/nap) */
    const char *cpus; /* for affinity_bind; NULL: where all may be */
};

#define WORK_NICE 5

/* Runs run(arg) on a thread of its own, ready for base/mem. False if the system gives none. The
 * strings of the kind are static. Its end is for pthread_join. */
bool work_thread_start(pthread_t *thread, struct work_thread_kind kind, void (*run)(void *arg),
                       void *arg);

/* A condition for work_cond_wait. */
void work_cond_init(pthread_cond_t *cond);

/* clock_mono_ns in so many milliseconds; no bound if that is negative. */
#define WORK_FOR_EVER UINT64_MAX
uint64_t work_deadline_ns(int ms);

/* Waits for a signal, but no longer than until this clock_mono_ns; false if that is over. */
bool work_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t until_ns);

#endif
