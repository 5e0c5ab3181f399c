/* nap.c - see nap.h. */
#include "base/nap.h"

#include <sched.h>
#include <time.h>

#include "base/affinity.h"
#include "base/clock.h"
#include "base/limits.h"

_Thread_local uint64_t nap_at_ticks = UINT64_MAX;
_Thread_local const _Atomic bool *nap_unwanted;

static _Thread_local uint64_t loop_used_ns; /* at the last long yield */

void nap_enable(void) { nap_at_ticks = clock_ticks() + clock_us_to_ticks(NAP_AFTER_US); }

static bool is_unwanted(void) {
    return nap_unwanted && atomic_load_explicit(nap_unwanted, memory_order_relaxed);
}

/* Lets others go first, and returns for how long that was somebody else than the loop: all of a
 * yield that took a slice of the scheduler's, of which the loop had less than half; else 0. What
 * the loop ran elsewhere counts too, and where its time is not known it is taken for the loop. */
static uint64_t yield(void) {
    uint64_t begun = clock_ticks();
    sched_yield();
    uint64_t took = clock_ticks() - begun;
    if (likely(took < clock_us_to_ticks(NAP_LONG_US))) return 0;
    uint64_t used = affinity_loop_used_ns(), lately = used - loop_used_ns;
    loop_used_ns = used;
    if (!used || lately >= clock_ticks_to_ns(took) / 2) return 0;
    uint64_t most = clock_us_to_ticks(NAP_GIVEN_US_MAX);
    return took < most ? took : most;
}

bool nap_take(void) {
    if (clock_ticks() < nap_at_ticks) return is_unwanted();
    uint64_t after = clock_us_to_ticks(NAP_AFTER_US), given = yield();
    nap_at_ticks = clock_ticks() + (given > after ? given : after);
    return is_unwanted();
}

#define DELAY_PIECE_US 10000

void nap_delay(int us, uint64_t number, const atomic_bool *stopped) {
    int64_t left = us > 0 ? us : number % (uint64_t) - (int64_t)us == 0;
    while (left > 0 && !(stopped && atomic_load_explicit(stopped, memory_order_relaxed))) {
        int64_t piece = left < DELAY_PIECE_US ? left : DELAY_PIECE_US;
        struct timespec t = {0, piece * 1000};
        nanosleep(&t, NULL);
        left -= piece;
    }
}
