/* wheel_test.c - base/wheel against a plain list of deadlines. */
#include "base/wheel.h"

#include <string.h>

#include "base/random.h"
#include "support/suite.h"

#define NODES 3000

static struct wheel wheel;
static struct wheel_node nodes[NODES];
static int64_t due[NODES]; /* 0: not in the wheel */

static void set(int i, int64_t at) {
    wheel_set(&wheel, &nodes[i], at);
    due[i] = at;
}

static int64_t earliest(void) {
    int64_t best = INT64_MAX;
    for (int i = 0; i < NODES; i++) {
        if (due[i] && due[i] < best) best = due[i];
    }
    return best;
}

static void take_due(int64_t now_ms) {
    struct wheel_node *node;
    while ((node = wheel_due(&wheel, now_ms))) {
        int i = (int)(node - nodes);
        if (!due[i] || due[i] > now_ms) CU_FAIL("early, or not in the wheel");
        if (wheel_has(node)) CU_FAIL("given out, but still in");
        due[i] = 0;
    }
    int64_t next = earliest();
    if (next < now_ms - WHEEL_TICK_MS) CU_FAIL("left in after its time");
    if (next != INT64_MAX && wheel_next(&wheel) > next + WHEEL_TICK_MS)
        CU_FAIL("wheel_next is after the earliest");
}

static void random_deadlines(void) {
    struct random rnd;
    random_seed(&rnd, 3);
    int64_t now_ms = 1700000000000;
    static const int64_t reach[] = {10, 3000, 400000, 50000000, 20000000000, 9000000000000};
    memset(due, 0, sizeof due);
    memset(nodes, 0, sizeof nodes);
    wheel_init(&wheel, now_ms);
    for (int step = 0; step < 3000; step++) {
        int64_t far = reach[random_next_below(&rnd, 6)];
        for (int k = 0; k < 5; k++) {
            int i = (int)random_next_below(&rnd, NODES);
            if (random_next_below(&rnd, 5) == 0) {
                wheel_drop(&wheel, &nodes[i]);
                due[i] = 0;
            } else {
                set(i, now_ms - 5 + (int64_t)random_next_below(&rnd, (uint64_t)far));
            }
        }
        now_ms += (int64_t)random_next_below(&rnd, (uint64_t)reach[random_next_below(&rnd, 4)]);
        take_due(now_ms);
    }
    take_due(now_ms + 90000000000000);
    CU_ASSERT_EQUAL(earliest(), INT64_MAX);
    CU_ASSERT_EQUAL(wheel_next(&wheel), INT64_MAX);
}

/* Boundaries of the levels, seen from a time on and off them. */
static void edges(void) {
    for (int64_t start = 0; start < 3; start++) {
        int64_t now_ms = ((int64_t)1 << 40) + start * 4 - 4;
        memset(nodes, 0, sizeof nodes);
        memset(due, 0, sizeof due);
        wheel_init(&wheel, now_ms);
        int n = 0;
        for (int level = 1; level <= 4; level++) {
            for (int64_t d = -2; d <= 2; d++)
                set(n++, now_ms + ((int64_t)4 << (8 * level)) + d * 4);
        }
        while (earliest() != INT64_MAX) {
            int64_t next = earliest();
            take_due(next - 1);
            CU_ASSERT_EQUAL(earliest(), next);
            take_due(next + WHEEL_TICK_MS);
            CU_ASSERT_TRUE(earliest() > next);
        }
    }
}

/* What is set when it is due already comes behind what waits; W3. */
static void due_nodes_take_turns(void) {
    memset(nodes, 0, sizeof nodes);
    wheel_init(&wheel, 1000);
    for (int i = 0; i < 4; i++) wheel_set(&wheel, &nodes[i], 500);
    for (int turn = 0; turn < 12; turn++) {
        struct wheel_node *node = wheel_due(&wheel, 1000);
        CU_ASSERT_PTR_EQUAL(node, &nodes[turn % 4]);
        wheel_set(&wheel, node, 900);
    }
    wheel_drop(&wheel, &nodes[3]); /* the last one */
    wheel_set(&wheel, &nodes[4], 800);
    wheel_drop(&wheel, &nodes[0]); /* the first one */
    static const int left[] = {1, 2, 4};
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_PTR_EQUAL(wheel_due(&wheel, 1000), &nodes[left[i]]);
    }
    CU_ASSERT_PTR_NULL(wheel_due(&wheel, 1000));
    wheel_set(&wheel, &nodes[5], 700);
    CU_ASSERT_PTR_EQUAL(wheel_due(&wheel, 1000), &nodes[5]);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"random_deadlines", random_deadlines},
        {"edges", edges},
        {"due_nodes_take_turns", due_nodes_take_turns},
        {NULL, NULL},
    };
    return suite_main("wheel", tests);
}
