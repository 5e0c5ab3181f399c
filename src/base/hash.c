/* hash.c - the secret behind hash.h. */
#include "base/hash.h"

#include <sys/random.h>

#include "base/assert.h"

uint8_t hash_secret[HASH_SECRET_BYTES];

void hash_init(uint64_t seed) {
    if (seed) {
        XXH3_generateSecret(hash_secret, HASH_SECRET_BYTES, &seed, sizeof seed);
        return;
    }
    ASSERT(getrandom(hash_secret, HASH_SECRET_BYTES, 0) == HASH_SECRET_BYTES);
}

/* The prologue of XXH3's long loop is kept out of the middle lengths. */
static __attribute__((noinline)) uint64_t hash_longest(const void *p, size_t n) {
    return XXH3_64bits_withSecret(p, n, hash_secret, HASH_SECRET_BYTES);
}

uint64_t hash_long(const void *p, size_t n) {
    if (n > 240) return hash_longest(p, n);
    return XXH3_64bits_withSecret(p, n, hash_secret, HASH_SECRET_BYTES);
}
