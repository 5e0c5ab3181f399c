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
