/* queue_test.c - the pool and its queues. Jobs wait at gates that the test opens. */
#include "work/queue.h"

#include <semaphore.h>
#include <string.h>

#include "base/mem.h"
#include "base/nap.h"
#include "support/suite.h"
#include "work/pool.h"

/* A job that tells its letter when it begins, then waits for its gate if it has one. */
struct step {
    struct work_job job; /* first: the job is the struct */
    char letter;
    sem_t *gate;
    bool saw_cancel;
};

static struct work_pool *pool;
static sem_t begun, gate;
static _Atomic int order_count;
static char order[64];

static void run_step(struct work_job *job) {
    struct step *s = (struct step *)job;
    order[atomic_fetch_add(&order_count, 1)] = s->letter;
    sem_post(&begun);
    if (s->gate) sem_wait(s->gate);
    s->saw_cancel = nap_take();
}

static struct step step_of(char letter, sem_t *at) {
    return (struct step){.job.run = run_step, .letter = letter, .gate = at};
}

static void submit(struct work_queue *q, struct step *s, char letter) {
    *s = step_of(letter, NULL);
    CU_ASSERT_TRUE(work_queue_submit(q, &s->job));
}

static void begin(int threads) {
    sem_init(&begun, 0, 0);
    sem_init(&gate, 0, 0);
    order_count = 0;
    memset(order, 0, sizeof order);
    pool = work_pool_new(threads);
}

static void end(void) {
    work_pool_free(pool);
    sem_destroy(&begun);
    sem_destroy(&gate);
}

static void a_full_queue_refuses_at_once(void) {
    begin(1);
    struct work_queue *q = work_queue_new(pool, "q", 2, 1);
    struct step a = step_of('a', &gate), b = step_of('b', NULL), c = b, d = b;
    CU_ASSERT_TRUE(work_queue_submit(q, &a.job));
    sem_wait(&begun); /* it runs, and waits no more */
    CU_ASSERT_TRUE(work_queue_submit(q, &b.job));
    CU_ASSERT_TRUE(work_queue_has_room(q));
    CU_ASSERT_TRUE(work_queue_submit(q, &c.job));
    CU_ASSERT_FALSE(work_queue_has_room(q));
    CU_ASSERT_FALSE(work_queue_submit(q, &d.job));
    struct work_queue_counts n = work_queue_counts(q);
    CU_ASSERT(n.capacity == 2 && n.queued == 2 && n.running == 1 && n.refused == 1 && n.done == 0);
    CU_ASSERT_FALSE(work_pool_drain(pool, 0)); /* it would take longer */
    sem_post(&gate);
    CU_ASSERT_TRUE(work_pool_drain(pool, -1));
    n = work_queue_counts(q);
    CU_ASSERT(n.queued == 0 && n.running == 0 && n.refused == 1 && n.done == 3);
    CU_ASSERT(n.wait_us_max > 0 || n.run_us_max > 0);
    CU_ASSERT_TRUE(work_pool_drain(pool, 0));
    end();
}

/* One thread; a holds it while the others come. */
static void queues_take_turns(void) {
    begin(1);
    struct work_queue *p = work_queue_new(pool, "p", 10, 1), *q = work_queue_new(pool, "q", 10, 1);
    struct step a = step_of('a', &gate), ps[4], qs[2];
    work_queue_submit(p, &a.job);
    sem_wait(&begun);
    for (int i = 0; i < 4; i++) submit(p, &ps[i], 'p');
    for (int i = 0; i < 2; i++) submit(q, &qs[i], 'q');
    sem_post(&gate);
    work_pool_drain(pool, -1);
    CU_ASSERT_STRING_EQUAL(order, "aqpqppp"); /* p may only begin when a has ended */
    end();
}

static void one_kind_does_not_take_all_threads(void) {
    begin(2);
    struct work_queue *p = work_queue_new(pool, "p", 10, 1), *q = work_queue_new(pool, "q", 10, 2);
    struct step a = step_of('a', &gate), b = step_of('b', NULL), c = step_of('c', NULL);
    work_queue_submit(p, &a.job);
    sem_wait(&begun);
    work_queue_submit(p, &b.job); /* must wait for a */
    work_queue_submit(q, &c.job);
    sem_wait(&begun);
    CU_ASSERT_STRING_EQUAL(order, "ac");
    CU_ASSERT(work_queue_counts(p).running == 1 && work_queue_counts(p).queued == 1);
    sem_post(&gate);
    work_pool_drain(pool, -1);
    CU_ASSERT_STRING_EQUAL(order, "acb");
    CU_ASSERT_PTR_EQUAL(work_queue_next(pool, NULL), p);
    CU_ASSERT_PTR_EQUAL(work_queue_next(pool, p), q);
    CU_ASSERT_PTR_NULL(work_queue_next(pool, q));
    CU_ASSERT_STRING_EQUAL(work_queue_name(q), "q");
    end();
}

static void threads_come_and_go(void) {
    begin(1);
    struct work_queue *q = work_queue_new(pool, "q", 10, 0);
    struct step a = step_of('a', &gate), b = step_of('b', &gate), c = step_of('c', &gate);
    work_queue_submit(q, &a.job);
    sem_wait(&begun);
    work_queue_submit(q, &b.job);
    CU_ASSERT_EQUAL(work_queue_counts(q).running, 1);
    CU_ASSERT_TRUE(work_pool_resize(pool, 3));
    CU_ASSERT_EQUAL(work_pool_threads(pool), 3);
    sem_wait(&begun);
    CU_ASSERT_TRUE(work_pool_resize(pool, 1)); /* both go on to their ends */
    work_queue_submit(q, &c.job);
    CU_ASSERT(work_queue_counts(q).running == 2 && work_queue_counts(q).queued == 1);
    sem_post(&gate);
    sem_post(&gate);
    sem_post(&gate);
    CU_ASSERT_TRUE(work_pool_drain(pool, -1));
    for (int i = 0; i < 300; i++) { /* those that end meet those that begin */
        order_count = 0;
        CU_ASSERT_TRUE(work_pool_resize(pool, 1 + i % 7));
        struct step some[3];
        for (int k = 0; k < 3; k++) submit(q, &some[k], 'x');
        CU_ASSERT_TRUE(work_pool_drain(pool, -1));
    }
    end();
}

static void jobs_are_cancelled(void) {
    begin(1);
    struct work_queue *q = work_queue_new(pool, "q", 3, 1);
    struct step a = step_of('a', &gate), b = step_of('b', NULL), c = step_of('c', NULL);
    work_queue_submit(q, &a.job);
    sem_wait(&begun);
    work_queue_submit(q, &b.job);
    work_queue_submit(q, &c.job);
    CU_ASSERT_TRUE(work_job_cancel(&b.job));  /* had not begun */
    CU_ASSERT_FALSE(work_job_cancel(&a.job)); /* runs, and is told */
    CU_ASSERT_FALSE(work_job_cancel(&b.job)); /* is out already */
    sem_post(&gate);
    work_pool_drain(pool, -1);
    CU_ASSERT_STRING_EQUAL(order, "ac");
    CU_ASSERT_TRUE(a.saw_cancel);
    CU_ASSERT_FALSE(c.saw_cancel);
    CU_ASSERT_FALSE(work_job_cancel(&c.job)); /* has run */
    struct work_queue_counts n = work_queue_counts(q);
    CU_ASSERT(n.done == 2 && n.cancelled == 1 && n.queued == 0 && n.refused == 0);
    CU_ASSERT_FALSE(nap_take()); /* this thread has nobody who could */
    end();
}

/* The last one is taken out: the queue has nothing that could begin. */
static void an_emptied_queue_rests(void) {
    begin(1);
    struct work_queue *p = work_queue_new(pool, "p", 3, 1), *q = work_queue_new(pool, "q", 3, 1);
    struct step a = step_of('a', &gate), b = step_of('b', NULL);
    work_queue_submit(p, &a.job);
    sem_wait(&begun);
    work_queue_submit(q, &b.job);
    CU_ASSERT_TRUE(work_job_cancel(&b.job));
    sem_post(&gate);
    CU_ASSERT_TRUE(work_pool_drain(pool, -1));
    b.letter = 'B';
    work_queue_submit(q, &b.job); /* a job may come again */
    CU_ASSERT_TRUE(work_pool_drain(pool, -1));
    CU_ASSERT_STRING_EQUAL(order, "aB");
    end();
}

struct chain {
    struct work_job job;
    struct work_queue *q;
    int left;
};

static void run_chain(struct work_job *job) {
    struct chain *c = (struct chain *)job;
    if (c->left--) {
        while (!work_queue_submit(c->q, job)) continue;
    } else {
        mem_free(c);
        sem_post(&begun);
    }
}

/* Jobs that submit themselves again, on all threads, through queues that are narrow. */
static void jobs_may_submit_and_free_themselves(void) {
    enum { CHAINS = 12, LENGTH = 500 };
    begin(4);
    struct work_queue *qs[3];
    for (int i = 0; i < 3; i++) qs[i] = work_queue_new(pool, "q", CHAINS, i + 1);
    for (int i = 0; i < CHAINS; i++) {
        struct chain *c = mem_alloc(sizeof *c);
        *c = (struct chain){.job.run = run_chain, .q = qs[i % 3], .left = LENGTH};
        CU_ASSERT_TRUE(work_queue_submit(c->q, &c->job));
    }
    CU_ASSERT_TRUE(work_pool_drain(pool, -1));
    uint64_t done = 0;
    for (int i = 0; i < 3; i++) done += work_queue_counts(qs[i]).done;
    CU_ASSERT_EQUAL(done, CHAINS * (LENGTH + 1));
    for (int i = 0; i < CHAINS; i++) CU_ASSERT_EQUAL(sem_trywait(&begun), 0);
    end();
}

int main(void) {
    static const struct suite_test tests[] = {
        {"a_full_queue_refuses_at_once", a_full_queue_refuses_at_once},
        {"queues_take_turns", queues_take_turns},
        {"one_kind_does_not_take_all_threads", one_kind_does_not_take_all_threads},
        {"threads_come_and_go", threads_come_and_go},
        {"jobs_are_cancelled", jobs_are_cancelled},
        {"an_emptied_queue_rests", an_emptied_queue_rests},
        {"jobs_may_submit_and_free_themselves", jobs_may_submit_and_free_themselves},
        {NULL, NULL},
    };
    return suite_main("queue", tests);
}
