/* service.c - see service.h.
 *
 * A struct work_thread is made for each start of a thread and belongs to the supervisor, which
 * frees it once the thread is joined; a stuck one stays for ever.
 */
#include "work/service.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "work/thread.h"

struct work_services {
    struct list list;
};

struct work_thread {
    pthread_t id;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* poked, stopping or ended */
    _Atomic bool poked;
    bool stopping, ended, well; /* under the lock */
    char why[WORK_WHY_BYTES];
    struct work_service *service;
};

struct work_services *work_services_new(void) {
    struct work_services *services = mem_calloc(sizeof *services);
    list_init(&services->list);
    return services;
}

void work_services_free(struct work_services *services) {
    while (list_pop_front(&services->list)) continue;
    mem_free(services);
}

static void enter(struct work_service *s, enum work_state state, int64_t now_ms) {
    s->state = state;
    s->since_ms = now_ms;
}

/* ---- threads ------------------------------------------------------------------------ */

static void thread_main(void *arg) {
    struct work_thread *t = arg;
    bool well = t->service->run(t->service, t->service->ctx, t->why);
    pthread_mutex_lock(&t->lock);
    t->well = well;
    t->ended = true;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

static void thread_free(struct work_thread *t) {
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->changed);
    mem_free(t);
}

static bool thread_start(struct work_service *s, char why[WORK_WHY_BYTES]) {
    struct work_thread *t = mem_calloc(sizeof *t);
    pthread_mutex_init(&t->lock, NULL);
    work_cond_init(&t->changed);
    t->service = s;
    s->thread = t; /* before the thread looks for it */
    const struct work_thread_kind kind = {s->name, WORK_NICE, NULL};
    if (work_thread_start(&t->id, kind, thread_main, t)) return true;
    s->thread = NULL;
    thread_free(t);
    snprintf(why, WORK_WHY_BYTES, "the system gives no thread");
    return false;
}

static bool thread_ended(struct work_thread *t) {
    pthread_mutex_lock(&t->lock);
    bool ended = t->ended;
    pthread_mutex_unlock(&t->lock);
    return ended;
}

/* The end of a thread that has ended. */
static void thread_join(struct work_service *s) {
    pthread_join(s->thread->id, NULL);
    thread_free(s->thread);
    s->thread = NULL;
}

static bool thread_stop(struct work_service *s) {
    struct work_thread *t = s->thread;
    uint64_t until_ns = work_deadline_ns(s->stop_ms_max);
    pthread_mutex_lock(&t->lock);
    t->stopping = true;
    pthread_cond_broadcast(&t->changed);
    while (!t->ended && work_cond_wait(&t->changed, &t->lock, until_ns)) continue;
    bool ended = t->ended;
    pthread_mutex_unlock(&t->lock);
    if (ended) thread_join(s);
    return ended;
}

bool work_service_wait(struct work_service *self) {
    struct work_thread *t = self->thread;
    pthread_mutex_lock(&t->lock);
    while (!t->stopping && !atomic_load_explicit(&t->poked, memory_order_relaxed)) {
        work_cond_wait(&t->changed, &t->lock, WORK_FOR_EVER);
    }
    atomic_exchange(&t->poked, false); /* what the one who poked has done is seen from here on */
    bool go_on = !t->stopping;
    pthread_mutex_unlock(&t->lock);
    return go_on;
}

void work_service_poke(struct work_service *service) {
    struct work_thread *t = service->thread;
    if (!t || atomic_exchange(&t->poked, true)) return;
    pthread_mutex_lock(&t->lock);
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

/* ---- the supervisor ----------------------------------------------------------------- */

/* It has ended by itself, or could not start. */
static void after_end(struct work_service *s, bool well, int64_t now_ms) {
    bool again =
        s->restart == WORK_RESTART_ALWAYS || (s->restart == WORK_RESTART_ON_FAILURE && !well);
    if (s->state == WORK_RUNNING && now_ms - s->since_ms >= s->stable_ms) s->failures = 0;
    s->failures++;
    if (!again || retry_exhausted(&s->retry, s->failures)) {
        enter(s, well ? WORK_STOPPED : WORK_FAILED, now_ms);
        if (!well) log_warning("%s has failed: %s", s->name, s->error);
        return;
    }
    uint32_t wait_ms = retry_delay_ms(&s->retry, s->failures, random_u64());
    enter(s, WORK_WAITING, now_ms);
    s->restart_ms = now_ms + wait_ms;
    log_warning("%s %s%s; it starts again in %u ms", s->name,
                well ? "has ended" : "has failed: ", well ? "" : s->error, wait_ms);
}

static bool begin(struct work_service *s, int64_t now_ms) {
    char why[WORK_WHY_BYTES] = "";
    bool begun = s->run ? thread_start(s, why) : s->start(s->ctx, why);
    if (begun) {
        enter(s, WORK_RUNNING, now_ms);
    } else {
        work_service_note(s, "%s", why);
    }
    return begun;
}

bool work_service_start(struct work_services *services, struct work_service *s, int64_t now_ms) {
    s->thread = NULL;
    s->state = WORK_STOPPED;
    s->failures = 0;
    s->restarts = 0;
    s->error[0] = 0;
    list_link_init(&s->in_services);
    bool begun = begin(s, now_ms);
    if (!begun && s->restart == WORK_RESTART_NEVER) {
        enter(s, WORK_FAILED, now_ms);
        return false;
    }
    list_push_back(&services->list, &s->in_services);
    if (!begun) after_end(s, false, now_ms);
    return true;
}

void work_service_note(struct work_service *s, const char *why, ...) {
    va_list args;
    va_start(args, why);
    vsnprintf(s->error, sizeof s->error, why, args);
    va_end(args);
}

void work_service_failed(struct work_service *s, int64_t now_ms, const char *why, ...) {
    va_list args;
    ASSERT(!s->run && s->state == WORK_RUNNING);
    va_start(args, why);
    vsnprintf(s->error, sizeof s->error, why, args);
    va_end(args);
    after_end(s, false, now_ms);
}

static void look_after(struct work_service *s, int64_t now_ms) {
    if (s->state == WORK_RUNNING) {
        if (s->thread && thread_ended(s->thread)) {
            bool well = s->thread->well;
            if (!well) work_service_note(s, "%s", s->thread->why);
            thread_join(s);
            after_end(s, well, now_ms);
        } else if (now_ms - s->since_ms >= s->stable_ms) {
            s->failures = 0;
        }
    } else if (s->state == WORK_WAITING && now_ms >= s->restart_ms) {
        s->restarts++;
        if (!begin(s, now_ms)) after_end(s, false, now_ms);
    }
}

void work_services_run(struct work_services *services, int64_t now_ms) {
    for (struct work_service *s = NULL; (s = work_service_next(services, s));)
        look_after(s, now_ms);
}

bool work_services_stop(struct work_services *services, int64_t now_ms) {
    bool all = true;
    struct list_link *l;
    for (l = list_last(&services->list); l; l = list_prev(&services->list, l)) {
        struct work_service *s = LIST_MEMBER(l, struct work_service, in_services);
        bool ended = true;
        if (s->state == WORK_RUNNING) {
            ended = s->run ? thread_stop(s) : !s->stop || s->stop(s->ctx, s->stop_ms_max);
        }
        enter(s, ended ? WORK_STOPPED : WORK_STUCK, now_ms);
        if (!ended) log_warning("%s did not end within %d ms", s->name, s->stop_ms_max);
        all = all && ended;
    }
    return all;
}

struct work_service *work_service_next(const struct work_services *services,
                                       const struct work_service *s) {
    const struct list_link *at = s ? &s->in_services : &services->list.head;
    struct list_link *next = list_next(&services->list, at);
    return next ? LIST_MEMBER(next, struct work_service, in_services) : NULL;
}

const char *work_state_name(enum work_state state) {
    static const char *const names[] = {
        [WORK_STOPPED] = "stopped", [WORK_RUNNING] = "running", [WORK_WAITING] = "waiting",
        [WORK_FAILED] = "failed",   [WORK_STUCK] = "stuck",
    };
    return names[state];
}
