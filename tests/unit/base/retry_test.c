/* retry_test.c - waits between tries. */
#include "base/retry.h"

#include "support/suite.h"

static void doubles_up_to_the_cap(void) {
    const struct retry_policy p = {.first_ms = 100, .most_ms = 1500};
    static const uint32_t waits[] = {100, 200, 400, 800, 1500, 1500};
    for (uint32_t i = 0; i < 6; i++) CU_ASSERT_EQUAL(retry_delay_ms(&p, i + 1, 12345), waits[i]);
    CU_ASSERT_EQUAL(retry_delay_ms(&p, UINT32_MAX, UINT64_MAX), 1500);
    const struct retry_policy most = {.first_ms = UINT32_MAX, .most_ms = UINT32_MAX};
    CU_ASSERT_EQUAL(retry_delay_ms(&most, 1000, 0), UINT32_MAX);
    const struct retry_policy none = {0};
    CU_ASSERT_EQUAL(retry_delay_ms(&none, 7, 99), 0);
}

static void leaves_a_part_to_chance(void) {
    const struct retry_policy p = {.first_ms = 1000, .most_ms = 60000, .jitter_percent = 20};
    uint32_t least = UINT32_MAX, most = 0;
    for (uint64_t random = 0; random < 1000; random++) {
        uint32_t ms = retry_delay_ms(&p, 2, random);
        if (ms < least) least = ms;
        if (ms > most) most = ms;
    }
    CU_ASSERT_EQUAL(least, 1600);
    CU_ASSERT_EQUAL(most, 2000);
}

static void gives_up(void) {
    const struct retry_policy bounded = {.failures_max = 3}, free = {0};
    CU_ASSERT_FALSE(retry_exhausted(&bounded, 2));
    CU_ASSERT_TRUE(retry_exhausted(&bounded, 3));
    CU_ASSERT_FALSE(retry_exhausted(&free, UINT32_MAX));
}

int main(void) {
    static const struct suite_test tests[] = {
        {"doubles_up_to_the_cap", doubles_up_to_the_cap},
        {"leaves_a_part_to_chance", leaves_a_part_to_chance},
        {"gives_up", gives_up},
        {NULL, NULL},
    };
    return suite_main("retry", tests);
}
