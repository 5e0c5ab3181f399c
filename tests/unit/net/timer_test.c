/* timer_test.c - order, precision, periods, and timers that change timers. */
#include "net/timer.h"

#include <stdlib.h>

#include "base/clock.h"
#include "unit/net/turns.h"

enum { MANY = 300, LATE_US_MAX = 20000 }; /* late: on a machine shared with others */

struct shot {
    struct net_timer timer;
    uint64_t due_us;
    struct shots *all;
};

struct shots {
    struct shot one[MANY];
    int order[MANY];
    int ran;
    bool early;
    int late;
};

static void on_shot(void *ctx) {
    struct shot *shot = ctx;
    struct shots *all = shot->all;
    uint64_t now_us = clock_mono_us();
    all->early |= now_us < shot->due_us;
    all->late += now_us > shot->due_us + LATE_US_MAX;
    all->order[all->ran++] = (int)(shot - all->one);
}

static void shots_init(struct shots *shots, struct net_loop *loop) {
    memset(shots, 0, sizeof *shots);
    for (int i = 0; i < MANY; i++) {
        shots->one[i].all = shots;
        net_timer_init(&shots->one[i].timer, loop, on_shot, &shots->one[i]);
    }
}

static void shot_start(struct shot *shot, uint64_t after_us) {
    shot->due_us = clock_mono_us() + after_us;
    net_timer_start(&shot->timer, after_us, 0);
}

static void run_in_order_and_in_time(void) {
    struct net_loop *loop = new_loop();
    static struct shots shots;
    shots_init(&shots, loop);
    srand(7);
    int active = 0;
    for (int i = 0; i < MANY; i++) {
        shot_start(&shots.one[i], 1000 + (uint64_t)(rand() % 100000));
    }
    for (int i = 0; i < MANY; i++) {
        int what = rand() % 3;
        if (what == 0) {
            net_timer_stop(&shots.one[i].timer);
        } else if (what == 1) {
            shot_start(&shots.one[i], 1000 + (uint64_t)(rand() % 100000));
        }
        active += what != 0;
        CU_ASSERT_EQUAL(net_timer_active(&shots.one[i].timer), what != 0);
    }
    CU_ASSERT(turn_until(loop, &shots.ran, active));
    CU_ASSERT_EQUAL(shots.ran, active);
    CU_ASSERT_FALSE(shots.early);
    CU_ASSERT(shots.late <= active / 2);
    for (int i = 1; i < shots.ran; i++) {
        uint64_t before = shots.one[shots.order[i - 1]].timer.due_ns;
        CU_ASSERT(before <= shots.one[shots.order[i]].timer.due_ns);
    }
    net_loop_free(loop);
}

static void start_in_their_order_at_once(void) {
    struct net_loop *loop = new_loop();
    static struct shots shots;
    shots_init(&shots, loop);
    for (int i = 0; i < MANY; i++) {
        net_timer_start(&shots.one[i].timer, 0, 0);
    }
    CU_ASSERT(turn_until(loop, &shots.ran, MANY));
    for (int i = 0; i < MANY; i++) {
        CU_ASSERT_EQUAL(shots.order[i], i);
    }
    net_loop_free(loop);
}

static void an_earlier_start_moves_the_alarm(void) {
    struct net_loop *loop = new_loop();
    static struct shots shots;
    shots_init(&shots, loop);
    net_timer_start(&shots.one[0].timer, UINT64_MAX, 0);
    shot_start(&shots.one[1], 60000000);
    shot_start(&shots.one[2], 500);
    CU_ASSERT(turn_until(loop, &shots.ran, 1));
    CU_ASSERT_EQUAL(shots.order[0], 2);
    CU_ASSERT_FALSE(shots.early);
    CU_ASSERT(net_timer_active(&shots.one[0].timer));
    CU_ASSERT(net_timer_active(&shots.one[1].timer));
    CU_ASSERT_FALSE(net_timer_active(&shots.one[2].timer));
    net_timer_stop(&shots.one[0].timer);
    net_timer_stop(&shots.one[1].timer);
    net_timer_stop(&shots.one[1].timer);
    turn_for(loop, 2000);
    CU_ASSERT_EQUAL(shots.ran, 1);
    net_loop_free(loop);
}

static void count_up(void *ctx) { ++*(int *)ctx; }

static void periods_do_not_drift(void) {
    struct net_loop *loop = new_loop();
    struct net_timer timer;
    int ticks = 0;
    net_timer_init(&timer, loop, count_up, &ticks);
    net_timer_start(&timer, 700, 1000);
    uint64_t first_ns = timer.due_ns;
    CU_ASSERT(turn_until(loop, &ticks, 50));
    CU_ASSERT(clock_mono_ns() >= first_ns + 49 * 1000000);
    CU_ASSERT_EQUAL((timer.due_ns - first_ns) % 1000000, 0);
    net_timer_stop(&timer);
    net_loop_free(loop);
}

static void missed_periods_are_skipped(void) {
    struct net_loop *loop = new_loop();
    struct net_timer timer;
    int ticks = 0;
    net_timer_init(&timer, loop, count_up, &ticks);
    net_timer_start(&timer, 0, 1000);
    uint64_t until_us = clock_mono_us() + 10500;
    while (clock_mono_us() < until_us) {
    }
    net_loop_turn(loop, true);
    CU_ASSERT_EQUAL(ticks, 1);
    CU_ASSERT(timer.due_ns / 1000 + 1 >= until_us);
    net_timer_stop(&timer);
    net_loop_free(loop);
}

struct pair {
    struct net_timer a, b;
    int ran;
};

static void stop_both(void *ctx) {
    struct pair *pair = ctx;
    net_timer_stop(&pair->a);
    net_timer_stop(&pair->b);
    pair->ran++;
}

static void free_both(void *ctx) {
    struct pair *pair = ctx;
    net_timer_stop(&pair->b);
    free(pair);
}

static void a_timer_stops_others_that_are_due(void) {
    struct net_loop *loop = new_loop();
    struct pair pair = {.ran = 0};
    net_timer_init(&pair.a, loop, stop_both, &pair);
    net_timer_init(&pair.b, loop, stop_both, &pair);
    net_timer_start(&pair.a, 0, 10);
    net_timer_start(&pair.b, 0, 10);
    turn_for(loop, 3000);
    CU_ASSERT_EQUAL(pair.ran, 1);
    struct pair *heaped = calloc(1, sizeof *heaped);
    net_timer_init(&heaped->a, loop, free_both, heaped);
    net_timer_init(&heaped->b, loop, free_both, heaped);
    net_timer_start(&heaped->a, 0, 0);
    net_timer_start(&heaped->b, 1, 0);
    turn_for(loop, 3000);
    net_loop_free(loop);
}

struct restarter {
    struct net_timer timer;
    int ran;
};

static void start_again(void *ctx) {
    struct restarter *restarter = ctx;
    if (++restarter->ran < 20) {
        net_timer_start(&restarter->timer, (uint64_t)(restarter->ran % 2) * 200, 0);
    }
}

static void a_timer_starts_itself(void) {
    struct net_loop *loop = new_loop();
    struct restarter restarter = {.ran = 0};
    net_timer_init(&restarter.timer, loop, start_again, &restarter);
    net_timer_start(&restarter.timer, 0, 0);
    CU_ASSERT(turn_until(loop, &restarter.ran, 20));
    CU_ASSERT_FALSE(net_timer_active(&restarter.timer));
    net_loop_free(loop);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"run_in_order_and_in_time", run_in_order_and_in_time},
        {"start_in_their_order_at_once", start_in_their_order_at_once},
        {"an_earlier_start_moves_the_alarm", an_earlier_start_moves_the_alarm},
        {"periods_do_not_drift", periods_do_not_drift},
        {"missed_periods_are_skipped", missed_periods_are_skipped},
        {"a_timer_stops_others_that_are_due", a_timer_stops_others_that_are_due},
        {"a_timer_starts_itself", a_timer_starts_itself},
        {NULL, NULL},
    };
    return suite_main("net/timer", tests);
}
