/* pool.h - threads for what the loop must not do itself.
 *
 * Jobs start in the order given, on threads of low priority, so that the loop keeps its
 * core; long ones call nap_point (base/nap) now and then. A job lies in its owner's memory, which
 * it may free when it runs. Threads: work_pool_submit any; the rest the owner's.
 */
#ifndef WORK_POOL_H
#define WORK_POOL_H

struct work_pool;

struct work_job {
    struct work_job *next;
    void (*run)(struct work_job *job);
};

struct work_pool *work_pool_new(int threads);

/* Runs what was submitted to its end, then stops the threads. */
void work_pool_free(struct work_pool *pool);

void work_pool_submit(struct work_pool *pool, struct work_job *job);

#endif
