/* timer.c - a binary heap of timers on one timerfd.
 *
 * H1  heap[1] has the smallest (due_ns, order); heap[t->place] == t for every active t.
 * H2  Outside on_due, armed_ns is not after heap[1]->due_ns. It may be before it, when the
 *     earliest timer was stopped: one event too many then corrects it.
 * Setting a timerfd clears what it had to announce, so it is never read.
 */
#include "net/timer.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "net/loop_internal.h"

enum { NS_PER_US = 1000, NS_PER_S = 1000000000 };

/* Longer than any machine runs, and far from overflow in ns. */
static const uint64_t after_us_max = UINT64_C(100) * 365 * 86400 * 1000000;

static bool earlier(const struct net_timer *a, const struct net_timer *b) {
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

static void put(struct net_timers *timers, size_t place, struct net_timer *timer) {
    timers->heap[place] = timer;
    timer->place = place;
}

/* Puts the timer at the free place, or where the heap's order wants it from there. */
static void settle(struct net_timers *timers, size_t place, struct net_timer *timer) {
    struct net_timer **heap = timers->heap;
    while (place > 1 && earlier(timer, heap[place / 2])) {
        put(timers, place, heap[place / 2]);
        place /= 2;
    }
    for (size_t child; (child = place * 2) <= timers->n; place = child) {
        if (child < timers->n && earlier(heap[child + 1], heap[child])) {
            child++;
        }
        if (!earlier(heap[child], timer)) {
            break;
        }
        put(timers, place, heap[child]);
    }
    put(timers, place, timer);
}

static void insert(struct net_timers *timers, struct net_timer *timer) {
    if (timers->n + 1 >= timers->room) {
        timers->room = timers->room ? timers->room * 2 : 16;
        timers->heap = mem_realloc(timers->heap, timers->room * sizeof *timers->heap);
    }
    timer->order = timers->starts++;
    timers->n++;
    settle(timers, timers->n, timer);
}

static void take_out(struct net_timers *timers, struct net_timer *timer) {
    size_t place = timer->place;
    timer->place = 0;
    struct net_timer *last = timers->heap[timers->n--];
    if (last != timer) {
        settle(timers, place, last);
    }
}

/* 0 unsets it. */
static void set_fd(const struct net_timers *timers, uint64_t due_ns) {
    struct itimerspec spec = {
        .it_value = {.tv_sec = (time_t)(due_ns / NS_PER_S), .tv_nsec = (long)(due_ns % NS_PER_S)}};
    ASSERT(timerfd_settime(timers->fd, TFD_TIMER_ABSTIME, &spec, NULL) == 0);
}

static void on_due(struct net_watch *watch) {
    struct net_timers *timers = &watch->loop->timers;
    timers->armed_ns = 0; /* nothing that starts now needs to set the timerfd */
    uint64_t now_ns = clock_mono_ns();
    while (timers->n > 0 && timers->heap[1]->due_ns <= now_ns) {
        struct net_timer *timer = timers->heap[1];
        take_out(timers, timer);
        if (timer->period_us != 0) {
            uint64_t period_ns = timer->period_us * NS_PER_US;
            timer->due_ns += ((now_ns - timer->due_ns) / period_ns + 1) * period_ns;
            insert(timers, timer);
        }
        timer->run(timer->ctx);
    }
    timers->armed_ns = timers->n > 0 ? timers->heap[1]->due_ns : UINT64_MAX;
    set_fd(timers, timers->n > 0 ? timers->armed_ns : 0);
}

int net_timers_init(struct net_loop *loop, struct net_error *error) {
    struct net_timers *timers = &loop->timers;
    timers->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (timers->fd < 0) {
        return net_error_set(error, errno, "timerfd");
    }
    timers->armed_ns = UINT64_MAX;
    net_watch_init(&timers->watch, loop, timers->fd, NET_WATCH_READ, on_due);
    if (!net_watch_start(&timers->watch)) {
        close(timers->fd);
        return net_error_set(error, errno, "watch timerfd");
    }
    return 0;
}

void net_timers_fini(struct net_loop *loop) {
    struct net_timers *timers = &loop->timers;
    ASSERT(timers->n == 0);
    net_watch_stop(&timers->watch);
    close(timers->fd);
    mem_free(timers->heap);
}

void net_timer_init(struct net_timer *timer, struct net_loop *loop, void (*run)(void *ctx),
                    void *ctx) {
    *timer = (struct net_timer){.loop = loop, .run = run, .ctx = ctx};
}

void net_timer_start(struct net_timer *timer, uint64_t after_us, uint64_t period_us) {
    struct net_timers *timers = &timer->loop->timers;
    net_timer_stop(timer);
    timer->due_ns =
        clock_mono_ns() + (after_us < after_us_max ? after_us : after_us_max) * NS_PER_US;
    timer->period_us = period_us < after_us_max ? period_us : after_us_max;
    insert(timers, timer);
    if (timer->due_ns < timers->armed_ns) {
        timers->armed_ns = timer->due_ns;
        set_fd(timers, timer->due_ns);
    }
}

void net_timer_stop(struct net_timer *timer) {
    if (timer->place != 0) {
        take_out(&timer->loop->timers, timer);
    }
}

bool net_timer_active(const struct net_timer *timer) { return timer->place != 0; }
