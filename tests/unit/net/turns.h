/* turns.h - turning a loop until something happened, with a deadline. */
#ifndef UNIT_NET_TURNS_H
#define UNIT_NET_TURNS_H

#include <stdbool.h>
#include <string.h>

#include "net/loop.h"
#include "net/timer.h"
#include "support/suite.h"

enum { TURNS_DEADLINE_US = 10000000 };

static inline void turns_expire(void *ctx) { *(bool *)ctx = true; }

/* True when *count reached `want` within the deadline. */
static inline bool turn_until(struct net_loop *loop, const int *count, int want) {
    bool expired = false;
    struct net_timer deadline;
    net_timer_init(&deadline, loop, turns_expire, &expired);
    net_timer_start(&deadline, TURNS_DEADLINE_US, 0);
    while (*count < want && !expired) {
        net_loop_turn(loop, true);
    }
    net_timer_stop(&deadline);
    return *count >= want;
}

/* Turns for a while, for what must not happen. */
static inline void turn_for(struct net_loop *loop, uint64_t us) {
    bool expired = false;
    struct net_timer timer;
    net_timer_init(&timer, loop, turns_expire, &expired);
    net_timer_start(&timer, us, 0);
    while (!expired) {
        net_loop_turn(loop, true);
    }
}

static inline struct net_loop *new_loop(void) {
    struct net_error error;
    struct net_loop *loop = net_loop_new(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(loop);
    return loop;
}

#endif
