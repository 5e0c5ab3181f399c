/* num_powers.h - powers of ten for printing doubles: 128 bits of each, rounded up, the highest bit
 * set.
 *
 * Private to base/num_float.c and its test.
 */
#ifndef BASE_NUM_POWERS_H
#define BASE_NUM_POWERS_H

#include <stdint.h>

#define NUM_POWER_FIRST (-292)
#define NUM_POWER_LAST 324
#define NUM_POWERS (NUM_POWER_LAST - NUM_POWER_FIRST + 1)

struct num_power {
    uint64_t high, low;
};

/* 10^NUM_POWER_FIRST and so on. */
extern const struct num_power num_powers_of_ten[NUM_POWERS];

/* floor(log2(10^e)) for these and some more. */
static inline int num_log2_of_power(int e) { return (e * 1741647) >> 19; }

#endif
