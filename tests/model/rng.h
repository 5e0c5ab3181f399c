/* rng.h - the random source of the model test (splitmix64).
 *
 * The same seed gives the same run: nothing else in the program may be random.
 * Threads: one.
 */
#ifndef MODEL_RNG_H
#define MODEL_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
    uint64_t state;
};

static inline uint64_t rng_next(struct rng *r) {
    uint64_t z = (r->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* 0 .. n-1; n > 0. The bias is of no interest here. */
static inline uint64_t rng_below(struct rng *r, uint64_t n) { return rng_next(r) % n; }

/* low .. high, both included. */
static inline int64_t rng_range(struct rng *r, int64_t low, int64_t high) {
    uint64_t width = (uint64_t)high - (uint64_t)low + 1;
    return (int64_t)((uint64_t)low + (width ? rng_below(r, width) : rng_next(r)));
}

static inline bool rng_percent(struct rng *r, unsigned percent) {
    return rng_below(r, 100) < percent;
}

#endif
