/* pool.c - see pool.h. */
#include "work/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/nap.h"

#define WORKER_NICE 10

struct work_pool {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct work_job *first, **last;
    bool stopping;
    int thread_count;
    pthread_t threads[];
};

static struct work_job *take(struct work_pool *pool) {
    pthread_mutex_lock(&pool->lock);
    while (!pool->first && !pool->stopping) pthread_cond_wait(&pool->more, &pool->lock);
    struct work_job *job = pool->first;
    if (job) {
        pool->first = job->next;
        if (!pool->first) pool->last = &pool->first;
    }
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static void *worker(void *arg) {
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), WORKER_NICE);
    nap_enable();
    mem_thread_init();
    for (struct work_job *job; (job = take(arg));) job->run(job);
    mem_thread_fini();
    return NULL;
}

struct work_pool *work_pool_new(int threads) {
    struct work_pool *pool = mem_calloc(sizeof *pool + (size_t)threads * sizeof *pool->threads);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->more, NULL);
    pool->last = &pool->first;
    sigset_t all, old; /* signals are the loop's */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (int i = 0; i < threads; i++) {
        if (pthread_create(&pool->threads[i], NULL, worker, pool)) break;
        pool->thread_count++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    ASSERT(pool->thread_count > 0);
    return pool;
}

void work_pool_free(struct work_pool *pool) {
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->more);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->thread_count; i++) pthread_join(pool->threads[i], NULL);
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->more);
    mem_free(pool);
}

void work_pool_submit(struct work_pool *pool, struct work_job *job) {
    job->next = NULL;
    pthread_mutex_lock(&pool->lock);
    *pool->last = job;
    pool->last = &job->next;
    pthread_cond_signal(&pool->more);
    pthread_mutex_unlock(&pool->lock);
}
