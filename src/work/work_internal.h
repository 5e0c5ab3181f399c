/* work_internal.h - what the pool and its queues share.
 *
 * W1  A queue is in pool->ready exactly while a job of it may begin: one waits, and fewer than
 *     running_max run. Threads take the first, and put it back behind the others.
 * All under the pool's lock, but for what does not change.
 */
#ifndef WORK_WORK_INTERNAL_H
#define WORK_WORK_INTERNAL_H

#include <pthread.h>

#include "work/queue.h"

struct work_queue {
    struct work_pool *pool;
    const char *name;
    int running_max;
    struct list_link in_pool, in_ready;
    struct list jobs;
    struct work_queue_counts counts;
};

struct work_pool {
    pthread_mutex_t lock;
    pthread_cond_t more; /* a queue has become ready, or the end has come */
    pthread_cond_t idle; /* pending is 0 */
    struct list queues, ready;
    size_t pending; /* jobs that wait or run */
    bool stopping;
    int thread_count;
    pthread_t threads[];
};

/* Under the lock: the next job of a ready queue, NULL if there is none; and the job's end. */
struct work_job *work_queue_take(struct work_pool *pool);
void work_queue_finished(struct work_queue *queue, uint64_t run_us);

#endif
