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

static void work(void *arg) {
    struct worker *self = arg;
    struct work_pool *pool = self->pool;
    pthread_mutex_lock(&pool->lock);
    while (self < pool->workers + pool->thread_count) {
        struct work_job *job = work_queue_take(pool);
        if (job) {
            run(job, job->queue);
        } else {
            pthread_cond_wait(&pool->more, &pool->lock);
        }
    }
    /* Its last job may have made a queue ready, for it to look at. */
    if (!list_empty(&pool->ready)) pthread_cond_signal(&pool->more);
    self->alive = false;
    pthread_mutex_unlock(&pool->lock);
}

static void join(struct worker *w) {
    if (w->made) pthread_join(w->thread, NULL);
    w->made = false;
}

/* Under the lock. */
static bool make_worker(struct work_pool *pool, struct worker *w) {
    if (w->alive) return true; /* it was to end, and has not yet */
    join(w);
    w->pool = pool;
    w->made = w->alive = work_thread_start(
        &w->thread, (struct work_thread_kind){"worker", WORK_NICE, NULL}, work, w);
    return w->made;
}

/* Who waited for its job's signal may be one that ends: all look for jobs then. */
static void set_count(struct work_pool *pool, int threads) {
    pool->thread_count = threads;
    work_queues_follow(pool);
    pthread_cond_broadcast(&pool->more);
}

bool work_pool_resize(struct work_pool *pool, int threads) {
    ASSERT(threads > 0 && threads <= WORK_THREADS_MAX);
    pthread_mutex_lock(&pool->lock);
    int n = pool->thread_count < threads ? pool->thread_count : threads;
    while (n < threads && make_worker(pool, &pool->workers[n])) n++;
    set_count(pool, n);
    pthread_mutex_unlock(&pool->lock);
    return n == threads;
}

struct work_pool *work_pool_new(int threads) {
    struct work_pool *pool = mem_calloc(sizeof *pool);
    pthread_mutex_init(&pool->lock, NULL);
    work_cond_init(&pool->more);
    work_cond_init(&pool->idle);
    list_init(&pool->queues);
    list_init(&pool->ready);
    work_pool_resize(pool, threads);
    ASSERT(pool->thread_count > 0);
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
    set_count(pool, 0);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < WORK_THREADS_MAX; i++) join(&pool->workers[i]);
    for (struct work_queue *q; (q = work_queue_next(pool, NULL));) {
        list_unlink(&q->in_pool);
        mem_free(q);
    }
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->more);
    pthread_cond_destroy(&pool->idle);
    mem_free(pool);
}
