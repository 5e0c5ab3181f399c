/* bytes_test.c - slices, and the table of error texts. */
#include "base/bytes.h"

#include "base/err.h"
#include "support/suite.h"

static int sign(int v) { return v < 0 ? -1 : v > 0; }

static void slices_have_an_order(void) {
    static const char *const rising[] = {"", "a", "aa", "ab", "b", "\xff"};
    enum { N = sizeof rising / sizeof *rising };
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            struct slice a = slice_cstr(rising[i]), b = slice_cstr(rising[j]);
            CU_ASSERT_EQUAL(sign(slice_cmp(a, b)), sign(i - j));
            CU_ASSERT_EQUAL(slice_eq(a, b), i == j);
        }
    }
    CU_ASSERT(slice_cmp(slice_of("a\0b", 3), slice_of("a\0c", 3)) < 0);
}

/* Each byte counts, at every length. */
static void names_are_compared_whole(void) {
    char a[40], b[40];
    for (size_t i = 0; i < sizeof a; i++) a[i] = b[i] = (char)(i * 37);
    for (size_t n = 0; n <= sizeof a; n++) {
        CU_ASSERT_TRUE(bytes_eq_short(a, b, n));
        for (size_t i = 0; i < sizeof a; i++) {
            b[i] ^= 64;
            CU_ASSERT_EQUAL(bytes_eq_short(a, b, n), i >= n);
            b[i] ^= 64;
        }
    }
}

static void words_match_in_either_case(void) {
    CU_ASSERT(slice_is(slice_cstr("MaTcH"), "match"));
    CU_ASSERT_FALSE(slice_is(slice_cstr("matc"), "match"));
    CU_ASSERT_FALSE(slice_is(slice_cstr("matchx"), "match"));
    CU_ASSERT_FALSE(slice_is(slice_of("match\0", 6), "match"));
}

static void errors_have_texts(void) {
    CU_ASSERT_STRING_EQUAL(err_text(ERR_SYNTAX), "ERR syntax error");
    for (int e = 1; e < ERR_COUNT; e++) CU_ASSERT(strchr(err_text(-e), ' ') != NULL);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"slices_have_an_order", slices_have_an_order},
        {"names_are_compared_whole", names_are_compared_whole},
        {"words_match_in_either_case", words_match_in_either_case},
        {"errors_have_texts", errors_have_texts},
        {NULL, NULL},
    };
    return suite_main("bytes", tests);
}
