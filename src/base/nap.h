/* nap.h - rests of a worker, so that a loop on the same processor goes on, and its early end.
 *
 * A thread of low priority that never rests still keeps a processor for a whole tick of the
 * scheduler (4 ms) whenever its turn comes, and what else runs there waits. One that yields every
 * NAP_AFTER_US is overtaken at that moment, and goes on at once if nobody wants to run. (To sleep
 * for an instant does the same, but a virtual processor that falls idle takes long to wake: a third
 * of the worker's time.)
 * Where processes besides the server want the processor, a yield gives them a whole slice, and a
 * worker that did so every NAP_AFTER_US would get hardly anything: it works as long again as it has
 * waited for others than the loop before it yields anew.
 * What is long inside the kernel, where nobody yields, asks affinity_look before (base/affinity).
 * Long work therefore calls nap_point every few microseconds of its own; elsewhere than on a worker
 * it does nothing. There it is told as well that nobody waits for the result any more: then the
 * work may end at once, with a result that is not used but can be freed.
 * Threads: any; nap_enable is called by a worker, for itself.
 */
#ifndef BASE_NAP_H
#define BASE_NAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"

/* From now on nap_point may yield on this thread. */
void nap_enable(void);

/* The clock_ticks at which this thread rests next; UINT64_MAX where it never does. */
extern _Thread_local uint64_t nap_at_ticks;

/* True while it is set: nobody wants what this thread works on. NULL: somebody always does. */
extern _Thread_local const _Atomic bool *nap_unwanted;

static inline bool nap_is_enabled(void) { return nap_at_ticks != UINT64_MAX; }

bool nap_take(void);

/* Rests if it is time to. True: the work may end. */
static inline bool nap_point(void) {
    if (likely(!nap_is_enabled())) return false;
    return nap_take();
}

/* The same for what is called for each of many small steps: looks once in NAP_STEPS of them. */
#define NAP_STEPS 64
static inline bool nap_step(uint64_t step) { return step % NAP_STEPS == 0 && nap_point(); }

/* For tests of what takes long: sleeps so many us, or, for -n, one us each n-th time (`number`); no
 * longer than until *stopped, which may be NULL. */
void nap_delay(int us, uint64_t number, const atomic_bool *stopped);

#endif
