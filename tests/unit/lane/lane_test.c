/* lane_test.c - lanes under a simulated scheduler, against a plain list of tickets.
 *
 * Tickets join with random keys and modes, run for a random time once granted, and leave, granted
 * or not. After every step a ticket must be granted exactly if the rule of lane.h says so,
 * looking at all that joined before it and have not left. */
#include "lane/lane.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/random.h"
#include "support/suite.h"

#define SLOTS 64
#define KEYS 12
#define KEYS_A_TICKET 4

struct sim {
    struct lane_ticket t; /* first: the ticket is the struct */
    bool in, all;
    int told;                      /* times that on_granted was called */
    bool asks, wanted, was_wanted; /* on_wanted is there, was called, before this step too */
    bool at_once;
    uint64_t turn;  /* when it joined */
    int mode[KEYS]; /* -1: not wanted */
};

static struct lanes *lanes;
static struct sim sims[SLOTS];
static uint64_t turns;
static struct random rnd;

static void told(struct lane_ticket *t) { ((struct sim *)t)->told++; }

static void wanted(struct lane_ticket *t) { ((struct sim *)t)->wanted = true; }

static bool modes_go(int a, int b) {
    if (a == LANE_ALONE || b == LANE_ALONE) return false;
    if (a == LANE_READS || b == LANE_READS) return true;
    return a == LANE_SHARES && b == LANE_SHARES;
}

/* The rule, from scratch. */
static bool should_go(const struct sim *x) {
    for (int i = 0; i < SLOTS; i++) {
        const struct sim *y = &sims[i];
        if (!y->in || y->turn >= x->turn) continue;
        if (x->all || y->all) return false;
        for (int k = 0; k < KEYS; k++) {
            if (x->mode[k] >= 0 && y->mode[k] >= 0 && !modes_go(x->mode[k], y->mode[k]))
                return false;
        }
    }
    return true;
}

/* Whether somebody came behind x, which shares, who cannot go with it. */
static bool is_wanted(const struct sim *x) {
    for (int i = 0; i < SLOTS; i++) {
        const struct sim *y = &sims[i];
        if (!y->in || y->turn <= x->turn) continue;
        if (y->all) return true;
        for (int k = 0; k < KEYS; k++) {
            if (x->mode[k] == LANE_SHARES && y->mode[k] > LANE_SHARES) return true;
        }
    }
    return false;
}

static void join(struct sim *x) {
    struct lane_want wants[KEYS_A_TICKET];
    int n = (int)random_next_below(&rnd, KEYS_A_TICKET + 1);
    for (int k = 0; k < KEYS; k++) x->mode[k] = -1;
    for (int i = 0; i < n; i++) {
        int k = (int)random_next_below(&rnd, KEYS), mode = (int)random_next_below(&rnd, LANE_MODES);
        wants[i] = (struct lane_want){(uint64_t)k * 64, slice_of("key", 3), (enum lane_mode)mode};
        if (mode > x->mode[k]) x->mode[k] = mode;
    }
    x->all = random_next_below(&rnd, 16) == 0;
    x->in = true;
    x->told = 0;
    x->turn = ++turns;
    x->wanted = x->was_wanted = false;
    x->asks = !x->all;
    for (int i = 0; i < n; i++) x->asks &= wants[i].mode == LANE_SHARES;
    x->t = (struct lane_ticket){
        .what = "test", .on_granted = told, .on_wanted = x->asks ? wanted : NULL};
    bool would = !x->all && lane_would_grant(lanes, wants, n);
    x->at_once = lane_join(lanes, &x->t, wants, n, x->all, (int64_t)turns);
    if (!x->all && would != x->at_once) CU_FAIL_FATAL("what would be granted is said wrongly");
    for (int i = 0; i < SLOTS; i++) {
        struct sim *y = &sims[i];
        if (!y->in || !y->asks) continue;
        if (y->wanted != (y->was_wanted || is_wanted(y)))
            CU_FAIL_FATAL("who shares is told wrongly");
        y->was_wanted = y->wanted;
    }
}

/* Somebody waits for a key who does not join. */
static void ask(void) {
    int k = (int)random_next_below(&rnd, KEYS), mode = (int)random_next_below(&rnd, LANE_MODES);
    lane_ask(lanes, (uint64_t)k * 64, (enum lane_mode)mode);
    for (int i = 0; i < SLOTS; i++) {
        struct sim *y = &sims[i];
        if (!y->in || !y->asks) continue;
        bool in_the_way = mode > LANE_SHARES && y->mode[k] == LANE_SHARES;
        if (y->wanted != (y->was_wanted || in_the_way))
            CU_FAIL_FATAL("who shares is told wrongly when somebody asks");
        y->was_wanted = y->wanted;
    }
}

static void leave(struct sim *x) {
    x->in = false;
    lane_leave(lanes, &x->t, (int64_t)++turns);
}

static void check_all(void) {
    size_t in = 0, waiting = 0;
    for (int i = 0; i < SLOTS; i++) {
        const struct sim *x = &sims[i];
        if (!x->in) continue;
        in++;
        bool go = should_go(x);
        waiting += !go;
        if (lane_is_granted(&x->t) != go) CU_FAIL_FATAL("a ticket is granted against the rule");
        if (x->told != (go && !x->at_once)) CU_FAIL_FATAL("a grant was not told once");
    }
    struct lane_counts counts = lane_counts(lanes);
    if (counts.tickets != in || counts.waiting != waiting) CU_FAIL_FATAL("tickets are miscounted");
}

static void check_stops(void) {
    bool all = false;
    for (int i = 0; i < SLOTS; i++) all = all || (sims[i].in && sims[i].all);
    if (lane_stops_all(lanes) != all) CU_FAIL_FATAL("a ticket for all keys is not told");
    for (int k = 0; k < KEYS; k++) {
        for (int mode = 0; mode < LANE_MODES; mode++) {
            bool stops = false;
            for (int i = 0; i < SLOTS; i++) {
                const struct sim *x = &sims[i];
                if (!x->in) continue;
                bool one = x->mode[k] >= 0 && !modes_go(x->mode[k], mode);
                if (lane_ticket_stops(lanes, &x->t, (uint64_t)k * 64, (enum lane_mode)mode) != one)
                    CU_FAIL_FATAL("a ticket stops a command wrongly");
                if (!one) continue;
                if (mode != LANE_READS) stops = true;
                /* A place may be granted though its ticket waits elsewhere; a reader minds. */
                if (mode == LANE_READS && should_go(x)) stops = true;
            }
            bool said = lane_stops(lanes, (uint64_t)k * 64, (enum lane_mode)mode);
            if (mode == LANE_READS ? stops && !said : stops != said)
                CU_FAIL_FATAL("an inline command is stopped wrongly");
        }
    }
}

static void follow_the_rule(void) {
    lanes = lanes_new();
    random_seed(&rnd, 20);
    for (int step = 0; step < 60000; step++) {
        struct sim *x = &sims[random_next_below(&rnd, SLOTS)];
        if (!x->in) {
            join(x);
        } else if (lane_is_granted(&x->t) || random_next_below(&rnd, 8) == 0) {
            leave(x);
        }
        if (random_next_below(&rnd, 8) == 0) ask();
        check_all();
        if (step % 16 == 0) check_stops();
    }
    for (int i = 0; i < SLOTS; i++) {
        if (sims[i].in) leave(&sims[i]);
    }
    CU_ASSERT_FALSE(lanes_busy(lanes));
    CU_ASSERT_EQUAL(lane_counts(lanes).lanes, 0);
    lanes_free(lanes);
}

/* Whatever waits is granted when those before it have run: nobody starves, nothing locks up. */
static void everybody_gets_there(void) {
    lanes = lanes_new();
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < SLOTS; i++) join(&sims[i]);
        for (int done = 0; done < SLOTS;) {
            int ran = 0;
            for (int i = 0; i < SLOTS; i++) {
                if (!sims[i].in || !lane_is_granted(&sims[i].t)) continue;
                leave(&sims[i]);
                ran++;
            }
            if (!ran) CU_FAIL_FATAL("nobody can go on");
            done += ran;
        }
    }
    CU_ASSERT_EQUAL(lane_counts(lanes).lanes, 0);
    lanes_free(lanes);
}

static void visit(void *ctx, struct slice key, const struct lane_ticket *t, enum lane_mode mode,
                  bool granted) {
    int *seen = ctx;
    CU_ASSERT_STRING_EQUAL(t->what, "test");
    if (key.n) CU_ASSERT_TRUE(slice_eq(key, slice_cstr("key")));
    if (mode == LANE_ALONE) CU_ASSERT_TRUE(granted);
    (*seen)++;
}

static void places_are_listed(void) {
    struct lane_want want = {7, slice_cstr("key"), LANE_ALONE};
    struct lane_ticket t = {.what = "test", .on_granted = told};
    int seen = 0;
    lanes = lanes_new();
    CU_ASSERT_TRUE(lane_join(lanes, &t, &want, 1, false, 1));
    lane_each(lanes, visit, &seen);
    CU_ASSERT_EQUAL(seen, 2);
    CU_ASSERT_TRUE(lane_is_held(lanes, 7));
    lane_leave(lanes, &t, 2);
    CU_ASSERT_FALSE(lane_is_held(lanes, 7));
    lanes_free(lanes);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"follow_the_rule", follow_the_rule},
        {"everybody_gets_there", everybody_gets_there},
        {"places_are_listed", places_are_listed},
        {NULL, NULL},
    };
    return suite_main("lane", tests);
}
