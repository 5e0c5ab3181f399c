/* clock.c - see clock.h.
 *
 * Ticks become nanoseconds by one 128-bit multiplication: ns = ticks * ns_per_tick_q32
 * >> 32, and back by the reciprocal. The rate comes from the processor where it tells it
 * (aarch64), and from two readings of both clocks a few milliseconds apart otherwise.
 */
#include "base/clock.h"

#include <time.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define NS_PER_S 1000000000u
#define CALIBRATION_NS 2000000u
#define ONE_Q32 ((uint64_t)1 << 32)

bool clock_has_counter;
static uint64_t ns_per_tick_q32 = ONE_Q32;
static uint64_t ticks_per_ns_q32 = ONE_Q32;

static uint64_t read_ns(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t clock_mono_ns(void) { return read_ns(CLOCK_MONOTONIC); }

uint64_t clock_mono_us(void) { return clock_mono_ns() / 1000; }

uint64_t clock_mono_ms(void) { return clock_mono_ns() / 1000000; }

int64_t clock_unix_us(void) { return (int64_t)(read_ns(CLOCK_REALTIME) / 1000); }

int64_t clock_unix_ms(void) { return (int64_t)(read_ns(CLOCK_REALTIME) / 1000000); }

#if defined(__x86_64__)

static bool counter_is_invariant(void) {
    unsigned a, b, c, d;
    return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & (1u << 8));
}

struct moment {
    uint64_t ticks, ns;
};

/* Both clocks at once: of several tries, the one that was interrupted least. */
static struct moment read_both(void) {
    struct moment m = {0};
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < 8; i++) {
        uint64_t before = __rdtsc(), now = clock_mono_ns(), took = __rdtsc() - before;
        if (took < best) {
            best = took;
            m = (struct moment){before + took / 2, now};
        }
    }
    return m;
}

static uint64_t counter_hz(void) {
    struct moment start = read_both();
    while (clock_mono_ns() - start.ns < CALIBRATION_NS) {
    }
    struct moment end = read_both();
    return (uint64_t)((unsigned __int128)(end.ticks - start.ticks) * NS_PER_S /
                      (end.ns - start.ns));
}

#elif defined(__aarch64__)

static bool counter_is_invariant(void) { return true; }

static uint64_t counter_hz(void) {
    uint64_t hz;
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(hz));
    return hz;
}

#else

static bool counter_is_invariant(void) { return false; }

static uint64_t counter_hz(void) { return NS_PER_S; }

#endif

void clock_init(void) {
    if (!counter_is_invariant()) return;
    uint64_t hz = counter_hz();
    if (hz < 1000000) return; /* too coarse to time a command by */
    ns_per_tick_q32 = (uint64_t)(((unsigned __int128)NS_PER_S << 32) / hz);
    ticks_per_ns_q32 = (uint64_t)(((unsigned __int128)hz << 32) / NS_PER_S);
    clock_has_counter = true;
}

uint64_t clock_ticks_to_ns(uint64_t ticks) {
    return (uint64_t)(((unsigned __int128)ticks * ns_per_tick_q32) >> 32);
}

uint64_t clock_ticks_to_us(uint64_t ticks) { return clock_ticks_to_ns(ticks) / 1000; }

uint64_t clock_us_to_ticks(uint64_t us) {
    return (uint64_t)(((unsigned __int128)us * 1000 * ticks_per_ns_q32) >> 32);
}
