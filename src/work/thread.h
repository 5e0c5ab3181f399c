/* thread.h - threads beside the loop: of low priority, without signals, with a name; and waiting.
 *
 * Low priority, so that the loop keeps its core; signals are the loop's; the name is what
 * `top -H` shows. Threads: any may start one.
 */
#ifndef WORK_THREAD_H
#define WORK_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Runs run(arg) on a thread of its own, ready for base/mem and base/nap. False if the system gives
 * none. The name is static and has at most 15 bytes. Its end is for pthread_join. */
bool work_thread_start(pthread_t *thread, const char *name, void (*run)(void *arg), void *arg);

/* A condition for work_cond_wait. */
void work_cond_init(pthread_cond_t *cond);

/* clock_mono_ns in so many milliseconds; no bound if that is negative. */
#define WORK_FOR_EVER UINT64_MAX
uint64_t work_deadline_ns(int ms);

/* Waits for a signal, but no longer than until this clock_mono_ns; false if that is over. */
bool work_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t until_ns);

#endif
