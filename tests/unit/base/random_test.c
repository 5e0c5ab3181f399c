/* random_test.c - the published sequence, fair bounds, and bytes that differ. */
#include "base/random.h"

#include "support/suite.h"

#include <ctype.h>
#include <pthread.h>
#include <string.h>

static void a_seed_fixes_the_sequence(void) {
    static const uint64_t expected[] = {0xb3f2af6d0fc710c5, 0x853b559647364cea, 0x92f89756082a4514};
    struct random r;
    random_seed(&r, 1);
    for (int i = 0; i < 3; i++) CU_ASSERT_EQUAL(random_next(&r), expected[i]);
}

static void bounds_are_fair(void) {
    enum { SIDES = 7, THROWS = 70000 };
    int seen[SIDES] = {0}, threads_own[SIDES] = {0};
    struct random r;
    random_seed(&r, 2);
    for (int i = 0; i < THROWS; i++) {
        seen[random_next_below(&r, SIDES)]++;
        threads_own[random_below(SIDES)]++;
    }
    for (int i = 0; i < SIDES; i++) {
        /* Five standard deviations and more. */
        CU_ASSERT(seen[i] > 9400 && seen[i] < 10600);
        CU_ASSERT(threads_own[i] > 9400 && threads_own[i] < 10600);
    }
    /* A bound of 3/4 of the range rejects a quarter of the products. */
    uint64_t bound = 3ull << 62, upper_third = 0;
    for (int i = 0; i < 30000; i++) {
        uint64_t v = random_next_below(&r, bound);
        CU_ASSERT(v < bound);
        upper_third += v >= 2ull << 62;
    }
    CU_ASSERT(upper_third > 9400 && upper_third < 10600);
    CU_ASSERT_EQUAL(random_below(1), 0);
    for (int i = 0; i < 1000; i++) {
        double u = random_unit();
        CU_ASSERT(u >= 0 && u < 1);
    }
}

static void *first_number(void *out) {
    *(uint64_t *)out = random_u64();
    return NULL;
}

static void threads_differ(void) {
    pthread_t t[2];
    uint64_t v[2];
    for (int i = 0; i < 2; i++) pthread_create(&t[i], NULL, first_number, &v[i]);
    for (int i = 0; i < 2; i++) pthread_join(t[i], NULL);
    CU_ASSERT_NOT_EQUAL(v[0], v[1]);
}

static void ids_are_hex(void) {
    char a[300], b[300];
    for (size_t n = 0; n < sizeof a; n += 13) {
        memset(a, '!', sizeof a);
        random_hex(a, n);
        for (size_t i = 0; i < sizeof a; i++) {
            CU_ASSERT(i < n ? isxdigit((unsigned char)a[i]) && !isupper((unsigned char)a[i])
                            : a[i] == '!');
        }
    }
    random_hex(a, 40);
    random_hex(b, 40);
    CU_ASSERT_NOT_EQUAL(memcmp(a, b, 40), 0);
    random_bytes(a, sizeof a);
    random_bytes(b, sizeof b);
    CU_ASSERT_NOT_EQUAL(memcmp(a, b, sizeof a), 0);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"a_seed_fixes_the_sequence", a_seed_fixes_the_sequence},
        {"bounds_are_fair", bounds_are_fair},
        {"threads_differ", threads_differ},
        {"ids_are_hex", ids_are_hex},
        {NULL, NULL},
    };
    return suite_main("random", tests);
}
