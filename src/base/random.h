/* random.h - random numbers: fast ones for sampling, secure ones for secrets and ids.
 *
 * R1  The fast generator (xoshiro256**) is for choices that an attacker may guess:
 *     sampling, jitter, SPOP. Hash secrets, ids and tokens come from random_bytes.
 * R2  A struct random seeded with the same number gives the same sequence for ever.
 * Threads: the functions without a struct keep a state per thread, seeded by the kernel
 * at first use; a struct random belongs to its owner.
 * Spec: D. Blackman, S. Vigna, "Scrambled linear pseudorandom number generators", 2018.
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t s[4];
};

/* For tests and reproducible runs. */
void random_seed(struct random *r, uint64_t seed);
uint64_t random_next(struct random *r);

/* Uniform in [0, n); n must not be 0. */
uint64_t random_next_below(struct random *r, uint64_t n);

/* The same, from this thread's generator. */
uint64_t random_u64(void);
uint64_t random_below(uint64_t n);

/* Uniform in [0, 1), 53 bits. */
double random_unit(void);

/* n bytes from the kernel; panics if it has none to give. Cost: a system call. */
void random_bytes(void *p, size_t n);

/* n hexadecimal digits from the kernel, without a terminating zero (run ids are 40). */
void random_hex(char *p, size_t n);

#endif
