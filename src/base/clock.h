/* clock.h - the time of day, monotonic time, and a counter that costs a few cycles.
 *
 * C1  Ticks are only good for differences taken in one process.
 * C2  Before clock_init, and on a processor whose counter is not invariant, a tick is a
 *     nanosecond of the monotonic clock: correct everywhere, merely dearer.
 * Threads: any, after clock_init; it runs once, before other threads exist.
 * The figures of a turn of the loop (now_ms) come from the loop, not from here.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

/* Picks the counter and measures its rate. Cost: about 2 ms on x86-64, none on aarch64. */
void clock_init(void);

/* Since an arbitrary start; never runs backwards. */
uint64_t clock_mono_ns(void);
uint64_t clock_mono_us(void);
uint64_t clock_mono_ms(void);

/* Since 1970, UTC; jumps when the machine's clock is set. */
int64_t clock_unix_us(void);
int64_t clock_unix_ms(void);

/* Whether ticks come from the processor's counter. Written by clock_init only. */
extern bool clock_has_counter;

static inline uint64_t clock_ticks(void) {
    if (__builtin_expect(!clock_has_counter, 0)) return clock_mono_ns();
#if defined(__x86_64__)
    return __rdtsc();
#elif defined(__aarch64__)
    uint64_t t;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(t));
    return t;
#else
    return clock_mono_ns();
#endif
}

/* A difference of two clock_ticks, converted, rounded down; up to about 30 years. */
uint64_t clock_ticks_to_ns(uint64_t ticks);
uint64_t clock_ticks_to_us(uint64_t ticks);

/* The other way, for budgets: "stop once clock_ticks() - start exceeds this". */
uint64_t clock_us_to_ticks(uint64_t us);

#endif
