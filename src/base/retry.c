/* retry.c - see retry.h. */
#include "base/retry.h"

#include "base/assert.h"

bool retry_exhausted(const struct retry_policy *policy, uint32_t failures) {
    return policy->failures_max && failures >= policy->failures_max;
}

uint32_t retry_delay_ms(const struct retry_policy *policy, uint32_t failures, uint64_t random) {
    ASSERT(failures > 0 && policy->jitter_percent <= 100);
    uint64_t wait = policy->first_ms;
    for (uint32_t i = 1; i < failures && wait < policy->most_ms; i++) wait *= 2;
    if (wait > policy->most_ms) wait = policy->most_ms;
    uint64_t jitter = wait * policy->jitter_percent / 100;
    return (uint32_t)(wait - random % (jitter + 1));
}
