/* queue.c - see queue.h. */
#include "work/queue.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "work/work_internal.h"

struct work_queue *work_queue_new(struct work_pool *pool, const char *name, size_t capacity,
                                  int running_max) {
    ASSERT(capacity > 0);
    struct work_queue *q = mem_calloc(sizeof *q);
    q->pool = pool;
    q->name = name;
    q->running_max = running_max;
    q->counts.capacity = capacity;
    list_init(&q->jobs);
    list_link_init(&q->in_ready);
    list_link_init(&q->in_pool);
    pthread_mutex_lock(&pool->lock);
    list_push_back(&pool->queues, &q->in_pool);
    pthread_mutex_unlock(&pool->lock);
    return q;
}

static int running_max(const struct work_queue *q) {
    if (q->running_max > 0) return q->running_max;
    int but = q->pool->thread_count + q->running_max;
    return but > 1 ? but : 1;
}

/* Under the lock: puts the queue where W1 says. */
static void follow(struct work_queue *q) {
    bool may_begin = !list_empty(&q->jobs) && q->counts.running < running_max(q);
    if (may_begin == list_linked(&q->in_ready)) return;
    if (may_begin) {
        list_push_back(&q->pool->ready, &q->in_ready);
    } else {
        list_unlink(&q->in_ready);
    }
}

void work_queues_follow(struct work_pool *pool) {
    for (struct work_queue *q = NULL; (q = work_queue_next(pool, q));) follow(q);
}

bool work_queue_submit(struct work_queue *q, struct work_job *job) {
    struct work_pool *pool = q->pool;
    job->queue = q;
    job->queued_ticks = clock_ticks();
    list_link_init(&job->in_queue);
    atomic_store_explicit(&job->cancelled, false, memory_order_relaxed);
    pthread_mutex_lock(&pool->lock);
    bool taken = q->counts.queued < q->counts.capacity;
    if (taken) {
        list_push_back(&q->jobs, &job->in_queue);
        q->counts.queued++;
        pool->pending++;
        follow(q);
        if (list_linked(&q->in_ready)) pthread_cond_signal(&pool->more);
    } else {
        q->counts.refused++;
    }
    pthread_mutex_unlock(&pool->lock);
    return taken;
}

bool work_queue_has_room(struct work_queue *q) {
    pthread_mutex_lock(&q->pool->lock);
    bool room = q->counts.queued < q->counts.capacity;
    pthread_mutex_unlock(&q->pool->lock);
    return room;
}

/* Under the lock. */
static void one_less(struct work_pool *pool) {
    if (--pool->pending == 0) pthread_cond_broadcast(&pool->idle);
}

bool work_job_cancel(struct work_job *job) {
    struct work_queue *q = job->queue;
    pthread_mutex_lock(&q->pool->lock);
    bool waits = list_linked(&job->in_queue);
    if (waits) {
        list_unlink(&job->in_queue);
        q->counts.queued--;
        q->counts.cancelled++;
        follow(q);
        one_less(q->pool);
    } else {
        atomic_store_explicit(&job->cancelled, true, memory_order_relaxed);
    }
    pthread_mutex_unlock(&q->pool->lock);
    return waits;
}

struct work_job *work_queue_take(struct work_pool *pool) {
    struct list_link *l = list_pop_front(&pool->ready);
    if (!l) return NULL;
    struct work_queue *q = LIST_MEMBER(l, struct work_queue, in_ready);
    struct work_job *job = LIST_MEMBER(list_pop_front(&q->jobs), struct work_job, in_queue);
    uint64_t wait_us = clock_ticks_to_us(clock_ticks() - job->queued_ticks);
    if (wait_us > q->counts.wait_us_max) q->counts.wait_us_max = wait_us;
    q->counts.queued--;
    q->counts.running++;
    follow(q);
    return job;
}

void work_queue_finished(struct work_queue *q, uint64_t run_us) {
    q->counts.running--;
    q->counts.done++;
    q->counts.run_us_last = run_us;
    if (run_us > q->counts.run_us_max) q->counts.run_us_max = run_us;
    follow(q); /* for the caller, who looks for more at once */
    one_less(q->pool);
}

struct work_queue_counts work_queue_counts(struct work_queue *q) {
    pthread_mutex_lock(&q->pool->lock);
    struct work_queue_counts counts = q->counts;
    pthread_mutex_unlock(&q->pool->lock);
    return counts;
}

size_t work_queue_capacity(const struct work_queue *q) { return q->counts.capacity; }

const char *work_queue_name(const struct work_queue *q) { return q->name; }

struct work_queue *work_queue_next(const struct work_pool *pool, const struct work_queue *q) {
    const struct list_link *at = q ? &q->in_pool : &pool->queues.head;
    struct list_link *next = list_next(&pool->queues, at);
    return next ? LIST_MEMBER(next, struct work_queue, in_pool) : NULL;
}
