/* service_test.c - supervision by a clock that the test moves; threads wait at gates. */
#include "work/service.h"

#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "support/suite.h"

static struct work_services *services;
static char told[64]; /* starts in capitals, stops in small letters */
static const char *refusal;

static void tell(char c) {
    size_t n = strlen(told);
    told[n] = c;
    told[n + 1] = 0;
}

static bool start(void *ctx, char why[WORK_WHY_BYTES]) {
    if (refusal) snprintf(why, WORK_WHY_BYTES, "%s", refusal);
    if (!refusal) tell(*(const char *)ctx);
    return !refusal;
}

static bool stop(void *ctx, int ms_max) {
    tell((char)(*(const char *)ctx + ('a' - 'A')));
    return ms_max > 0;
}

static void begin(void) {
    log_set_level(LOG_LEVEL_NOTHING);
    told[0] = 0;
    refusal = NULL;
    services = work_services_new();
}

static struct work_service service_of(const char *name, enum work_restart restart) {
    return (struct work_service){
        .name = name,
        .start = start,
        .stop = stop,
        .ctx = (void *)name,
        .restart = restart,
        .retry = {.first_ms = 100, .most_ms = 400, .failures_max = 5},
        .stable_ms = 1000,
        .stop_ms_max = 1,
    };
}

static void stop_in_reverse(void) {
    begin();
    struct work_service a = service_of("A", 0), b = service_of("B", 0), c = service_of("C", 0);
    CU_ASSERT_TRUE(work_service_start(services, &a, 0));
    CU_ASSERT_TRUE(work_service_start(services, &b, 0));
    CU_ASSERT_TRUE(work_service_start(services, &c, 0));
    CU_ASSERT(a.state == WORK_RUNNING && b.state == WORK_RUNNING && c.state == WORK_RUNNING);
    work_service_failed(&b, 5, "reason %d", 7);
    CU_ASSERT_EQUAL(b.state, WORK_FAILED); /* never again */
    CU_ASSERT_STRING_EQUAL(b.error, "reason 7");
    a.stop_ms_max = 0; /* takes longer */
    CU_ASSERT_FALSE(work_services_stop(services, 9));
    CU_ASSERT_STRING_EQUAL(told, "ABCca");
    CU_ASSERT(a.state == WORK_STUCK && c.state == WORK_STOPPED && c.since_ms == 9);
    CU_ASSERT_STRING_EQUAL(work_state_name(a.state), "stuck");
    CU_ASSERT_PTR_EQUAL(work_service_next(services, &b), &c);
    work_services_free(services);
}

static void a_first_start_that_fails(void) {
    begin();
    struct work_service never = service_of("N", WORK_RESTART_NEVER),
                        later = service_of("L", WORK_RESTART_ON_FAILURE);
    refusal = "port in use";
    CU_ASSERT_FALSE(work_service_start(services, &never, 0));
    CU_ASSERT_STRING_EQUAL(never.error, "port in use");
    CU_ASSERT_PTR_NULL(work_service_next(services, NULL));
    CU_ASSERT_TRUE(work_service_start(services, &later, 0));
    CU_ASSERT(later.state == WORK_WAITING && later.restart_ms == 100 && later.failures == 1);
    work_services_run(services, 99);
    CU_ASSERT_EQUAL(later.restarts, 0);
    work_services_run(services, 100); /* fails again: it waits for longer */
    CU_ASSERT(later.state == WORK_WAITING && later.restart_ms == 300 && later.restarts == 1);
    refusal = NULL;
    work_services_run(services, 300);
    CU_ASSERT(later.state == WORK_RUNNING && later.restarts == 2 && later.failures == 2);
    CU_ASSERT_STRING_EQUAL(later.error, "port in use"); /* the last one is remembered */
    CU_ASSERT_TRUE(work_services_stop(services, 301));
    CU_ASSERT_STRING_EQUAL(told, "Ll");
    work_services_free(services);
}

static void failures_in_a_row_are_too_many(void) {
    begin();
    struct work_service a = service_of("A", WORK_RESTART_ON_FAILURE);
    static const int64_t waits[] = {100, 200, 400, 400};
    int64_t now = 0;
    work_service_start(services, &a, now);
    for (int i = 0; i < 4; i++) {
        work_service_failed(&a, now += 10, "again");
        CU_ASSERT(a.state == WORK_WAITING && a.restart_ms == now + waits[i]);
        work_services_run(services, now = a.restart_ms);
        CU_ASSERT_EQUAL(a.state, WORK_RUNNING);
    }
    work_service_failed(&a, now += 10, "the last");
    CU_ASSERT(a.state == WORK_FAILED && a.restarts == 4);
    work_services_run(services, now + 1000000);
    CU_ASSERT_EQUAL(a.state, WORK_FAILED);
    CU_ASSERT_TRUE(work_services_stop(services, now));
    CU_ASSERT_STRING_EQUAL(told, "AAAAA"); /* there was nothing to stop */
    work_services_free(services);
}

static void what_was_stable_starts_over(void) {
    begin();
    struct work_service a = service_of("A", WORK_RESTART_ON_FAILURE);
    work_service_start(services, &a, 0);
    work_service_failed(&a, 10, "x");
    work_services_run(services, 110);
    work_services_run(services, 1109);
    CU_ASSERT_EQUAL(a.failures, 1);
    work_services_run(services, 1110);
    CU_ASSERT_EQUAL(a.failures, 0);
    work_service_failed(&a, 2000, "x");
    CU_ASSERT_EQUAL(a.restart_ms, 2100);
    work_services_run(services, 2100);
    work_service_failed(&a, 9000, "x"); /* nobody had looked meanwhile */
    CU_ASSERT_EQUAL(a.restart_ms, 9100);
    work_services_stop(services, 9000);
    work_services_free(services);
}

/* ---- threads ------------------------------------------------------------------------ */

static sem_t entered, gate;
static const char *failure; /* what the thread ends with; NULL: well */

static bool run_until_gate(struct work_service *self, void *ctx, char why[WORK_WHY_BYTES]) {
    (void)self;
    (void)ctx;
    sem_post(&entered);
    sem_wait(&gate);
    if (failure) snprintf(why, WORK_WHY_BYTES, "%s", failure);
    return !failure;
}

static bool run_pokes(struct work_service *self, void *ctx, char why[WORK_WHY_BYTES]) {
    (void)why;
    while (work_service_wait(self)) {
        (*(int *)ctx)++;
        sem_post(&entered);
    }
    return true;
}

static void begin_threads(void) {
    begin();
    sem_init(&entered, 0, 0);
    sem_init(&gate, 0, 0);
    failure = NULL;
}

/* The thread leaves, which is seen when the supervisor looks. */
static void let_end(struct work_service *s, int64_t now_ms) {
    sem_post(&gate);
    while (s->state == WORK_RUNNING) {
        work_services_run(services, now_ms);
        sched_yield();
    }
}

static struct work_service thread_of(const char *name, enum work_restart restart) {
    struct work_service s = service_of(name, restart);
    s.start = NULL;
    s.stop = NULL;
    s.run = run_until_gate;
    return s;
}

static void threads_end_and_start_again(void) {
    begin_threads();
    struct work_service a = thread_of("A", WORK_RESTART_ON_FAILURE);
    CU_ASSERT_TRUE(work_service_start(services, &a, 0));
    sem_wait(&entered);
    failure = "disk full";
    let_end(&a, 50);
    CU_ASSERT(a.state == WORK_WAITING && a.restart_ms == 150);
    CU_ASSERT_STRING_EQUAL(a.error, "disk full");
    work_service_poke(&a); /* nobody is there */
    failure = NULL;
    work_services_run(services, 150);
    sem_wait(&entered);
    CU_ASSERT(a.state == WORK_RUNNING && a.restarts == 1);
    let_end(&a, 200);
    CU_ASSERT_EQUAL(a.state, WORK_STOPPED); /* well: not a failure */
    CU_ASSERT_TRUE(work_services_stop(services, 201));

    struct work_service b = thread_of("B", WORK_RESTART_ALWAYS);
    CU_ASSERT_TRUE(work_service_start(services, &b, 300));
    sem_wait(&entered);
    let_end(&b, 300);
    CU_ASSERT_EQUAL(b.state, WORK_WAITING);
    CU_ASSERT_TRUE(work_services_stop(services, 301)); /* while it waits */
    CU_ASSERT_EQUAL(b.state, WORK_STOPPED);
    work_services_free(services);
}

static void threads_are_poked_and_told_to_end(void) {
    begin_threads();
    int pokes = 0;
    struct work_service a = thread_of("A", WORK_RESTART_NEVER);
    a.run = run_pokes;
    a.ctx = &pokes;
    a.stop_ms_max = -1;
    CU_ASSERT_TRUE(work_service_start(services, &a, 0));
    for (int i = 1; i <= 100; i++) {
        work_service_poke(&a);
        sem_wait(&entered);
        CU_ASSERT_EQUAL(pokes, i);
    }
    CU_ASSERT_TRUE(work_services_stop(services, 1));
    CU_ASSERT_EQUAL(a.state, WORK_STOPPED);
    work_service_poke(&a); /* has no effect */
    work_services_free(services);
}

static void a_stuck_thread_is_told(void) {
    begin_threads();
    static struct work_service a; /* the thread may outlive the test */
    a = thread_of("A", WORK_RESTART_NEVER);
    a.stop_ms_max = 0;
    CU_ASSERT_TRUE(work_service_start(services, &a, 0));
    sem_wait(&entered);
    CU_ASSERT_FALSE(work_services_stop(services, 1));
    CU_ASSERT_EQUAL(a.state, WORK_STUCK);
    a.state = WORK_RUNNING; /* then it ends after all */
    a.stop_ms_max = -1;
    sem_post(&gate);
    CU_ASSERT_TRUE(work_services_stop(services, 2));
    work_services_free(services);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"stop_in_reverse", stop_in_reverse},
        {"a_first_start_that_fails", a_first_start_that_fails},
        {"failures_in_a_row_are_too_many", failures_in_a_row_are_too_many},
        {"what_was_stable_starts_over", what_was_stable_starts_over},
        {"threads_end_and_start_again", threads_end_and_start_again},
        {"threads_are_poked_and_told_to_end", threads_are_poked_and_told_to_end},
        {"a_stuck_thread_is_told", a_stuck_thread_is_told},
        {NULL, NULL},
    };
    return suite_main("service", tests);
}
