/* retry.h - how long to wait before the next try of something that failed.
 *
 * The wait doubles with each failure in a row up to a cap, and a part of it is left to chance, so
 * that those who failed together do not come back together.
 * Threads: any. Specification: "exponential back-off with jitter".
 */
#ifndef BASE_RETRY_H
#define BASE_RETRY_H

#include <stdbool.h>
#include <stdint.h>

struct retry_policy {
    uint32_t first_ms;       /* behind the first failure */
    uint32_t most_ms;        /* never longer; at least first_ms */
    uint32_t jitter_percent; /* a wait is shorter by up to so much of it; at most 100 */
    uint32_t failures_max;   /* in a row, then nothing is tried any more; 0: no bound */
};

/* Whether so many failures in a row are too many. */
bool retry_exhausted(const struct retry_policy *policy, uint32_t failures);

/* The wait in ms behind the failure of this number, counted from 1. `random`: any bits. */
uint32_t retry_delay_ms(const struct retry_policy *policy, uint32_t failures, uint64_t random);

#endif
