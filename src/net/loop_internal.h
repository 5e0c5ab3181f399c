/* loop_internal.h - what the loop keeps, for the files that are parts of it. */
#ifndef NET_LOOP_INTERNAL_H
#define NET_LOOP_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/error.h"
#include "net/loop.h"
#include "net/watch.h"

struct event_base;
struct net_timer;
struct net_wake;

struct net_timers {
    struct net_watch watch;
    int fd;
    uint64_t armed_ns;       /* what the timerfd is set to; UINT64_MAX when unset */
    uint64_t starts;         /* how many starts there were, for net_timer.order */
    struct net_timer **heap; /* the earliest at 1 */
    size_t n, room;
};

struct net_wakes {
    struct net_watch watch;
    int fd;
    struct net_wake *first;
    struct net_wake *next; /* the one to look at next while they are run */
};

struct net_loop {
    struct event_base *base;
    atomic_bool asleep; /* a wake must write to the eventfd */
    int handled;        /* in this turn */
    struct net_again *again;
    struct net_again **again_end;
    struct net_again *again_now; /* those whose turn it is */
    struct net_timers timers;
    struct net_wakes wakes;
};

/* Notes that an event is being handled; from here on, wakes need no system call. */
static inline void net_loop_handling(struct net_loop *loop) {
    loop->handled++;
    if (atomic_load_explicit(&loop->asleep, memory_order_relaxed)) {
        atomic_store_explicit(&loop->asleep, false, memory_order_relaxed);
    }
}

int net_timers_init(struct net_loop *loop, struct net_error *error);
void net_timers_fini(struct net_loop *loop);

int net_wakes_init(struct net_loop *loop, struct net_error *error);
void net_wakes_fini(struct net_loop *loop);
bool net_wakes_pending(const struct net_loop *loop);
void net_wakes_run(struct net_loop *loop);

#endif
