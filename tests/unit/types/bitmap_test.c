/* bitmap_test.c - every function against a model that goes bit by bit. */
#include "types/bitmap.h"

#include "base/random.h"
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 3000, BYTES_MAX = 200, INPUTS_MAX = 5 };

static struct random rng;

static uint64_t below(uint64_t n) { return random_next_below(&rng, n); }

static int bit_of(struct slice s, uint64_t i) {
    return i / 8 < s.n ? (s.p[i / 8] >> (7 - i % 8)) & 1 : 0;
}

/* Bytes in a block of exactly their length; mostly equal, with a few that differ, or all
 * different. The caller frees them. */
static struct slice random_bytes_of(size_t n) {
    char *p = malloc(n ? n : 1);
    int kind = (int)below(4);
    for (size_t i = 0; i < n; i++) {
        uint64_t r = random_next(&rng);
        bool odd_one = (r >> 8) % 64 == 0;
        p[i] = (char)(kind == 0 || odd_one ? r : kind == 1 ? 0 : 0xff);
    }
    return slice_of(p, n);
}

static void single_bits(void) {
    uint8_t p[4] = {0x80, 0x01, 0, 0};
    struct slice s = slice_of(p, sizeof p);
    CU_ASSERT(bitmap_get(s, 0) == 1 && bitmap_get(s, 1) == 0 && bitmap_get(s, 15) == 1);
    CU_ASSERT_EQUAL(bitmap_get(s, 1000000000000), 0);
    CU_ASSERT_EQUAL(bitmap_put(p, 0, 0), 1);
    CU_ASSERT_EQUAL(bitmap_put(p, 9, 1), 0);
    CU_ASSERT_EQUAL(bitmap_put(p, 9, 1), 1);
    CU_ASSERT(p[0] == 0 && p[1] == 0x41);
}

static void check_range(struct slice s, uint64_t first, uint64_t last) {
    uint64_t count = 0;
    int64_t place[2] = {-1, -1};
    for (uint64_t i = first; i <= last && i < s.n * 8; i++) {
        int bit = bit_of(s, i);
        count += (uint64_t)bit;
        if (place[bit] < 0) place[bit] = (int64_t)i;
    }
    CU_ASSERT_EQUAL(bitmap_count_range(s, first, last), count);
    CU_ASSERT_EQUAL(bitmap_find_range(s, 0, first, last), place[0]);
    CU_ASSERT_EQUAL(bitmap_find_range(s, 1, first, last), place[1]);
    if (first == 0 && last >= s.n * 8) {
        CU_ASSERT_EQUAL(bitmap_count(s), count);
        CU_ASSERT_EQUAL(bitmap_count_portable(s), count);
        CU_ASSERT_EQUAL(bitmap_find(s, 0), place[0]);
        CU_ASSERT_EQUAL(bitmap_find(s, 1), place[1]);
    }
}

static void counts_and_searches(void) {
    for (int i = 0; i < ROUNDS; i++) {
        struct slice s = random_bytes_of(below(BYTES_MAX));
        check_range(s, 0, UINT64_MAX);
        for (int k = 0; k < 5; k++) check_range(s, below(s.n * 8 + 20), below(s.n * 8 + 20));
        free((char *)s.p);
    }
}

static void large_counts(void) {
    size_t n = 100003;
    char *p = malloc(n);
    memset(p, 0xff, n);
    CU_ASSERT_EQUAL(bitmap_count(slice_of(p, n)), n * 8);
    CU_ASSERT_EQUAL(bitmap_count_portable(slice_of(p, n)), n * 8);
    CU_ASSERT_EQUAL(bitmap_find(slice_of(p, n), 0), -1);
    p[n - 1] = (char)0xfe;
    CU_ASSERT_EQUAL(bitmap_find(slice_of(p, n), 0), (int64_t)n * 8 - 1);
    free(p);
}

static int model_combine(enum bitmap_op op, const struct slice *in, size_t inputs, uint64_t i) {
    int x = bit_of(in[0], i), all = x, parity = x, sum = x, others = 0;
    for (size_t k = 1; k < inputs; k++) {
        int bit = bit_of(in[k], i);
        all &= bit;
        parity ^= bit;
        sum += bit;
        others |= bit;
    }
    switch (op) {
    case BITMAP_AND: return all;
    case BITMAP_OR: return sum > 0;
    case BITMAP_XOR: return parity;
    case BITMAP_NOT: return !x;
    case BITMAP_DIFF: return x && !others;
    case BITMAP_DIFF1: return others && !x;
    case BITMAP_ANDOR: return x && others;
    case BITMAP_ONE: return sum == 1;
    }
    return -1;
}

static void check_combine(enum bitmap_op op, size_t bytes_max) {
    struct slice in[INPUTS_MAX];
    size_t inputs = op == BITMAP_NOT ? 1 : 1 + below(INPUTS_MAX), longest = 0;
    if (inputs == 1 && op >= BITMAP_DIFF && op <= BITMAP_ANDOR) inputs = 2;
    for (size_t k = 0; k < inputs; k++) {
        in[k] = random_bytes_of(below(bytes_max));
        if (in[k].n > longest) longest = in[k].n;
    }
    uint8_t *out = malloc(longest + 1);
    out[longest] = 0x5a;
    bitmap_combine(op, in, inputs, out, longest);
    bool same = true;
    for (uint64_t i = 0; i < longest * 8; i++) {
        same &= bit_of(slice_of(out, longest), i) == model_combine(op, in, inputs, i);
    }
    CU_ASSERT(same);
    CU_ASSERT_EQUAL(out[longest], 0x5a);
    if (!same) printf("operator %d, %zu inputs\n", op, inputs);
    for (size_t k = 0; k < inputs; k++) free((char *)in[k].p);
    free(out);
}

static void combinations(void) {
    for (int op = BITMAP_AND; op <= BITMAP_ONE; op++) {
        for (int i = 0; i < 300; i++) check_combine((enum bitmap_op)op, BYTES_MAX);
        for (int i = 0; i < 10; i++) check_combine((enum bitmap_op)op, 10000);
    }
}

static uint64_t low_bits(unsigned bits) { return UINT64_MAX >> (64 - bits); }

static void fields(void) {
    for (int i = 0; i < 20 * ROUNDS; i++) {
        struct slice s = random_bytes_of(below(20));
        unsigned bits = 1 + (unsigned)below(64);
        uint64_t offset = below(s.n * 8 + 70), expected = 0;
        for (unsigned k = 0; k < bits; k++) {
            expected = expected << 1 | (uint64_t)bit_of(s, offset + k);
        }
        CU_ASSERT_EQUAL(bitmap_field_unsigned(s, offset, bits), expected);
        bool negative = expected >> (bits - 1);
        CU_ASSERT_EQUAL(bitmap_field_signed(s, offset, bits),
                        (int64_t)(negative ? expected | ~low_bits(bits) : expected));
        if (offset + bits <= s.n * 8) {
            uint64_t value = random_next(&rng);
            char *copy = malloc(s.n);
            memcpy(copy, s.p, s.n);
            bitmap_field_put((uint8_t *)copy, offset, bits, value);
            bool same = bitmap_field_unsigned(slice_of(copy, s.n), offset, bits) ==
                        (value & low_bits(bits));
            for (uint64_t k = 0; k < s.n * 8; k++) {
                if (k >= offset && k < offset + bits) continue;
                same &= bit_of(slice_of(copy, s.n), k) == bit_of(s, k);
            }
            CU_ASSERT(same);
            free(copy);
        }
        free((char *)s.p);
    }
    CU_ASSERT_EQUAL(bitmap_field_unsigned(slice_of("\xff", 1), UINT64_MAX / 2, 63), 0);
}

/* Small widths by wide arithmetic, for all values and increments nearby. */
static void check_small(unsigned bits) {
    int64_t count = 1 << bits;
    for (int64_t value = -count * 2; value <= count * 2; value++) {
        for (int64_t incr = -count * 2; incr <= count * 2; incr++) {
            int64_t sum = value + incr, got;
            uint64_t got_u;
            int64_t wrapped = ((sum + count / 2) % count + count) % count - count / 2;
            bool fits = sum >= -count / 2 && sum < count / 2;
            CU_ASSERT(bitmap_add_signed(value, incr, bits, BITMAP_WRAP, &got) && got == wrapped);
            CU_ASSERT(bitmap_add_signed(value, incr, bits, BITMAP_SAT, &got));
            CU_ASSERT_EQUAL(got, fits ? sum : sum < 0 ? -count / 2 : count / 2 - 1);
            CU_ASSERT_EQUAL(bitmap_add_signed(value, incr, bits, BITMAP_FAIL, &got), fits);
            if (value < 0 || value >= count) continue;
            fits = sum >= 0 && sum < count;
            uint64_t wrapped_u = (uint64_t)((sum % count + count) % count);
            CU_ASSERT(bitmap_add_unsigned((uint64_t)value, incr, bits, BITMAP_WRAP, &got_u));
            CU_ASSERT_EQUAL(got_u, wrapped_u);
            CU_ASSERT(bitmap_add_unsigned((uint64_t)value, incr, bits, BITMAP_SAT, &got_u));
            CU_ASSERT_EQUAL(got_u, (uint64_t)(fits ? sum : sum < 0 ? 0 : count - 1));
            CU_ASSERT_EQUAL(bitmap_add_unsigned((uint64_t)value, incr, bits, BITMAP_FAIL, &got_u),
                            fits);
        }
    }
}

static void overflow_rules(void) {
    for (unsigned bits = 1; bits <= 4; bits++) check_small(bits);
    int64_t i;
    uint64_t u;
    CU_ASSERT(bitmap_add_signed(INT64_MAX, 1, 64, BITMAP_WRAP, &i) && i == INT64_MIN);
    CU_ASSERT(bitmap_add_signed(INT64_MAX, 1, 64, BITMAP_SAT, &i) && i == INT64_MAX);
    CU_ASSERT(bitmap_add_signed(INT64_MIN, -1, 64, BITMAP_WRAP, &i) && i == INT64_MAX);
    CU_ASSERT(bitmap_add_signed(INT64_MIN, INT64_MIN, 64, BITMAP_SAT, &i) && i == INT64_MIN);
    CU_ASSERT_FALSE(bitmap_add_signed(INT64_MIN, -1, 64, BITMAP_FAIL, &i));
    uint64_t max63 = UINT64_MAX >> 1;
    CU_ASSERT(bitmap_add_unsigned(max63, 1, 63, BITMAP_WRAP, &u) && u == 0);
    CU_ASSERT(bitmap_add_unsigned(max63, INT64_MAX, 63, BITMAP_SAT, &u) && u == max63);
    CU_ASSERT(bitmap_add_unsigned(0, INT64_MIN, 63, BITMAP_SAT, &u) && u == 0);
    /* BITFIELD k OVERFLOW SAT SET u8 0 -1 stores 255. */
    CU_ASSERT(bitmap_add_unsigned((uint64_t)-1, 0, 8, BITMAP_SAT, &u) && u == 255);
    CU_ASSERT(bitmap_add_unsigned((uint64_t)-2, 0, 8, BITMAP_WRAP, &u) && u == 254);
    CU_ASSERT_FALSE(bitmap_add_unsigned(256, 0, 8, BITMAP_FAIL, &u));
    /* And SET i8 0 stores 127 for the lowest 64-bit integers, -128 for the others. */
    CU_ASSERT(bitmap_add_signed(INT64_MIN, 0, 8, BITMAP_SAT, &i) && i == 127);
    CU_ASSERT(bitmap_add_signed(INT64_MIN + 127, 0, 8, BITMAP_SAT, &i) && i == 127);
    CU_ASSERT(bitmap_add_signed(INT64_MIN + 128, 0, 8, BITMAP_SAT, &i) && i == -128);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"single_bits", single_bits},
        {"counts_and_searches", counts_and_searches},
        {"large_counts", large_counts},
        {"combinations", combinations},
        {"fields", fields},
        {"overflow_rules", overflow_rules},
        {NULL, NULL},
    };
    random_seed(&rng, 4);
    return suite_main("bitmap", tests);
}
