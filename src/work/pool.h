/* pool.h - threads for what the loop must not do itself.
 *
 * The threads take jobs from the queues of the pool (work/queue), which get their turns one
 * after the other: a queue with a thousand jobs does not make the others wait. Long jobs call
 * nap_point (base/nap) now and then, which also tells them that they were cancelled.
 * Threads: the owner's.
 */
#ifndef WORK_POOL_H
#define WORK_POOL_H

#include <stdbool.h>
#include <stdint.h>

struct work_pool;

/* 1 to WORK_THREADS_MAX threads; fewer than asked for if the system gives no more. */
struct work_pool *work_pool_new(int threads);

/* Changes their number, without waiting: those that are too many end after their jobs. False if the
 * system does not give so many; there are as many as before then, or more. */
bool work_pool_resize(struct work_pool *pool, int threads);

int work_pool_threads(const struct work_pool *pool);

/* Waits until all jobs have run, those included that they submit meanwhile; false if that takes
 * longer than so many milliseconds (negative: no bound). */
bool work_pool_drain(struct work_pool *pool, int ms_max);

/* Drains, then stops the threads and frees the queues. */
void work_pool_free(struct work_pool *pool);

#endif
