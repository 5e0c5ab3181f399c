/* random.c - see random.h. */
#include "base/random.h"

#include "base/assert.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/random.h>

static uint64_t rotate_left(uint64_t x, unsigned k) { return x << k | x >> (64 - k); }

/* splitmix64 spreads a small seed over the whole state, which must not be all zeros. */
void random_seed(struct random *r, uint64_t seed) {
    for (int i = 0; i < 4; i++) {
        seed += 0x9e3779b97f4a7c15u;
        uint64_t z = seed;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        r->s[i] = z ^ (z >> 31);
    }
}

uint64_t random_next(struct random *r) {
    uint64_t *s = r->s;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

/* The high half of a product is uniform once the few low halves that make some results
 * likelier are thrown away. */
uint64_t random_next_below(struct random *r, uint64_t n) {
    ASSERT(n != 0);
    unsigned __int128 product = (unsigned __int128)random_next(r) * n;
    if ((uint64_t)product < n) {
        uint64_t unfair = -n % n;
        while ((uint64_t)product < unfair) product = (unsigned __int128)random_next(r) * n;
    }
    return (uint64_t)(product >> 64);
}

static struct random *thread_state(void) {
    static _Thread_local struct random state;
    static _Thread_local bool seeded;
    if (unlikely(!seeded)) {
        do {
            random_bytes(&state, sizeof state);
        } while (!(state.s[0] | state.s[1] | state.s[2] | state.s[3]));
        seeded = true;
    }
    return &state;
}

uint64_t random_u64(void) { return random_next(thread_state()); }

uint64_t random_below(uint64_t n) { return random_next_below(thread_state(), n); }

double random_unit(void) { return (double)(random_u64() >> 11) * 0x1p-53; }

void random_bytes(void *p, size_t n) {
    char *at = p;
    while (n) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) panic(__FILE__, __LINE__, "getrandom failed (errno %d)", errno);
        at += got;
        n -= (size_t)got;
    }
}

void random_hex(char *p, size_t n) {
    uint8_t raw[64];
    while (n) {
        size_t digits = n < 2 * sizeof raw ? n : 2 * sizeof raw;
        random_bytes(raw, (digits + 1) / 2);
        for (size_t i = 0; i < digits; i++) {
            *p++ = "0123456789abcdef"[(raw[i / 2] >> (i % 2 * 4)) & 15];
        }
        n -= digits;
    }
}
