/* timer.h - one-shot and periodic timers of microseconds.
 *
 * T1  A timer never runs early; equal times run in the order of starting.
 * T2  After net_timer_stop the callback does not run. The callback may start or stop any
 *     timer, and free the memory of its own.
 * All timers of a loop share one timerfd, set only when the earliest time becomes
 * earlier or has passed: a loop without due timers pays nothing for them. Start and stop
 * are O(log n) without a system call in the usual case. Meant for tens of timers (cron,
 * dials, services); thousands of deadlines belong in a wheel driven by one of these.
 * Threads: the loop's.
 */
#ifndef NET_TIMER_H
#define NET_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct net_loop;

struct net_timer {
    struct net_loop *loop;
    void (*run)(void *ctx);
    void *ctx;
    uint64_t due_ns; /* CLOCK_MONOTONIC */
    uint64_t period_us;
    uint64_t order; /* breaks ties: the number of this start */
    size_t place;   /* in the heap, from 1; 0 when stopped */
};

/* Stopped at first. */
void net_timer_init(struct net_timer *timer, struct net_loop *loop, void (*run)(void *ctx),
                    void *ctx);

/* Runs after `after_us` (0: in the next turn), then every `period_us` if that is not 0.
 * Periods are kept without drift; those missed altogether are skipped. A running timer
 * starts over. */
void net_timer_start(struct net_timer *timer, uint64_t after_us, uint64_t period_us);
void net_timer_stop(struct net_timer *timer);
bool net_timer_active(const struct net_timer *timer);

#endif
