/* pool.c - see pool.h. */
#include "work/pool.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/nap.h"
#include "work/thread.h"
#include "work/work_internal.h"

static void run(struct work_job *job, struct work_queue *q) {
    uint64_t start = clock_ticks();
    pthread_mutex_unlock(&q->pool->lock);
    nap_unwanted = &job->cancelled;
    job->run(job);
    nap_unwanted = NULL;
    pthread_mutex_lock(&q->pool->lock);
    work_queue_finished(q, clock_ticks_to_us(clock_ticks() - start));
}

static void worker(void *arg) {
    struct work_pool *pool = arg;
    pthread_mutex_lock(&pool->lock);
    while (true) {
        struct work_job *job = work_queue_take(pool);
        if (job) {
            run(job, job->queue);
        } else if (pool->stopping) {
            break;
        } else {
            pthread_cond_wait(&pool->more, &pool->lock);
        }
    }
    pthread_mutex_unlock(&pool->lock);
}

struct work_pool *work_pool_new(int threads) {
    struct work_pool *pool = mem_calloc(sizeof *pool + (size_t)threads * sizeof *pool->threads);
    pthread_mutex_init(&pool->lock, NULL);
    work_cond_init(&pool->more);
    work_cond_init(&pool->idle);
    list_init(&pool->queues);
    list_init(&pool->ready);
    int n = 0;
    while (n < threads && work_thread_start(&pool->threads[n], "worker", worker, pool)) n++;
    ASSERT(n > 0);
    pool->thread_count = n;
    return pool;
}

int work_pool_threads(const struct work_pool *pool) { return pool->thread_count; }

bool work_pool_drain(struct work_pool *pool, int ms_max) {
    uint64_t until_ns = work_deadline_ns(ms_max);
    pthread_mutex_lock(&pool->lock);
    while (pool->pending && work_cond_wait(&pool->idle, &pool->lock, until_ns)) continue;
    bool idle = !pool->pending;
    pthread_mutex_unlock(&pool->lock);
    return idle;
}

void work_pool_free(struct work_pool *pool) {
    work_pool_drain(pool, -1);
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->more);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->thread_count; i++) pthread_join(pool->threads[i], NULL);
    for (struct work_queue *q; (q = work_queue_next(pool, NULL));) {
        list_unlink(&q->in_pool);
        mem_free(q);
    }
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->more);
    pthread_cond_destroy(&pool->idle);
    mem_free(pool);
}
