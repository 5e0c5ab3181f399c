/* hash.h - the keyed hash of keys and fields.
 *
 * XXH3 (64 bits) with a random secret of the process, so that nobody outside can make
 * keys collide. hash_init is called once, before the first table exists; a fixed seed
 * (tests, DEBUG) gives the same order in every run.
 * Specification: xxHash, XXH3_64bits_withSecret. Threads: any, after hash_init.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define HASH_SECRET_BYTES 192

extern uint8_t hash_secret[HASH_SECRET_BYTES];

/* seed 0: take the secret from the system's random source. */
void hash_init(uint64_t seed);

/* What hash_bytes does with more than 16 bytes. */
uint64_t hash_long(const void *p, size_t n);

static inline uint64_t hash_bytes(const void *p, size_t n) {
    if (__builtin_expect(n > 16, 0)) return hash_long(p, n);
    return XXH3_64bits_withSecret(p, n, hash_secret, HASH_SECRET_BYTES); /* its short part only */
}

#endif
