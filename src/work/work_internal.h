/* work_internal.h - what the pool and its queues share.
 *
 * W1  A queue is in pool->ready exactly while a job of it may begin: one waits, and fewer than
 *     running_max run. Threads take the first, and put it back behind the others.
 * All under the pool's lock, but for what does not change.
 */
#ifndef WORK_WORK_INTERNAL_H
#define WORK_WORK_INTERNAL_H

#include <pthread.h>

#include "base/limits.h"
#include "work/queue.h"

struct work_queue {
    struct work_pool *pool;
    const char *name;
    int running_max;
    struct list_link in_pool, in_ready;
    struct list jobs;
    struct work_queue_counts counts;
};

/* A thread, or where one may be. */
struct worker {
    struct work_pool *pool;
    pthread_t thread;
    bool made;  /* to be joined; the owner's */
    bool alive; /* it will look for jobs again */
};

struct work_pool {
    pthread_mutex_t lock;
    pthread_cond_t more; /* a queue has become ready, or threads are to end */
    pthread_cond_t idle; /* pending is 0 */
    struct list queues, ready;
    size_t pending;   /* jobs that wait or run */
    int thread_count; /* of workers, the first ones: those behind them end */
    struct worker workers[WORK_THREADS_MAX];
};

/* Under the lock: the number of threads has changed. */
void work_queues_follow(struct work_pool *pool);

/* Under the lock: the next job of a ready queue, NULL if there is none; and the job's end. */
struct work_job *work_queue_take(struct work_pool *pool);
void work_queue_finished(struct work_queue *queue, uint64_t run_us);

#endif
