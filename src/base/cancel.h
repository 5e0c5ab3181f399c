/* cancel.h - work that nobody waits for any more may end early.
 *
 * Who gives a thread something to do may lend it a flag; long work asks cancel_asked now and
 * then (where it calls nap_point) and leaves as soon as its state may be dropped. Elsewhere than
 * on such a thread the answer is no.
 * Threads: the flag is set by any; the rest is each thread's own.
 */
#ifndef BASE_CANCEL_H
#define BASE_CANCEL_H

#include <stdatomic.h>
#include <stdbool.h>

/* The flag of what this thread does now; NULL: nobody can cancel it. Borrowed. */
extern _Thread_local const _Atomic bool *cancel_flag;

static inline bool cancel_asked(void) {
    return cancel_flag && atomic_load_explicit(cancel_flag, memory_order_relaxed);
}

#endif
