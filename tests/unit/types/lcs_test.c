/* lcs_test.c - against the plain table of lengths, walked back as Redis does. */
#include "types/lcs.h"

#include "base/random.h"
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>

enum { LENGTH_MAX = 300, ROUNDS = 1500 };

static struct random rng;
static uint32_t table[LENGTH_MAX + 1][LENGTH_MAX + 1];

struct model {
    size_t length, range_count;
    char text[LENGTH_MAX];
    struct lcs_range ranges[LENGTH_MAX];
};

static void fill_table(struct slice a, struct slice b) {
    for (size_t i = 0; i <= a.n; i++) {
        for (size_t j = 0; j <= b.n; j++) {
            uint32_t up = i ? table[i - 1][j] : 0, left = j ? table[i][j - 1] : 0;
            table[i][j] = !i || !j ? 0 : up > left ? up : left;
            if (i && j && a.p[i - 1] == b.p[j - 1]) table[i][j] = table[i - 1][j - 1] + 1;
        }
    }
}

static void add_run(struct model *m, size_t i, size_t j, size_t run, size_t min) {
    if (!run || run < min) return;
    m->ranges[m->range_count++] = (struct lcs_range){(uint32_t)i, (uint32_t)(i + run - 1),
                                                     (uint32_t)j, (uint32_t)(j + run - 1)};
}

static void solve(struct slice a, struct slice b, size_t min, struct model *m) {
    fill_table(a, b);
    size_t i = a.n, j = b.n, run = 0;
    m->length = table[i][j];
    m->range_count = 0;
    size_t left = m->length;
    while (i && j) {
        if (a.p[i - 1] == b.p[j - 1]) {
            m->text[--left] = a.p[i - 1];
            i--, j--, run++;
            continue;
        }
        add_run(m, i, j, run, min);
        run = 0;
        if (table[i - 1][j] > table[i][j - 1]) {
            i--;
        } else {
            j--;
        }
    }
    add_run(m, i, j, run, min);
}

/* `letters` distinct bytes: few make long common parts, many make short ones. */
static struct slice random_text(size_t n, uint64_t letters) {
    char *p = malloc(n ? n : 1);
    for (size_t i = 0; i < n; i++) p[i] = (char)(250 + random_next_below(&rng, letters));
    return slice_of(p, n);
}

static bool same_ranges(const struct model *m, const struct lcs_result *r) {
    if (m->range_count != r->range_count) return false;
    for (size_t i = 0; i < m->range_count; i++) {
        struct lcs_range x = m->ranges[i], y = r->ranges[i];
        if (x.a_first != y.a_first || x.a_last != y.a_last) return false;
        if (x.b_first != y.b_first || x.b_last != y.b_last) return false;
    }
    return true;
}

static void as_the_model(void) {
    static struct model m;
    for (int i = 0; i < ROUNDS; i++) {
        static const uint64_t letters[] = {1, 2, 4, 26, 256};
        uint64_t alphabet = letters[random_next_below(&rng, 5)];
        size_t bound = i % 10 ? 70 : LENGTH_MAX + 1;
        struct slice a = random_text(random_next_below(&rng, bound), alphabet);
        struct slice b = random_text(random_next_below(&rng, bound), alphabet);
        size_t min = random_next_below(&rng, 4), length;
        solve(a, b, min, &m);
        struct lcs_result r;
        CU_ASSERT(lcs_length(a, b, SIZE_MAX, &length) == 0 && length == m.length);
        CU_ASSERT_EQUAL_FATAL(lcs_find(a, b, min, SIZE_MAX, &r), 0);
        CU_ASSERT(r.length == m.length && memcmp(r.text, m.text, m.length) == 0);
        CU_ASSERT(same_ranges(&m, &r));
        lcs_result_fini(&r);
        free((char *)a.p);
        free((char *)b.p);
    }
}

static void as_documented(void) {
    struct lcs_result r;
    struct slice a = slice_cstr("ohmytext"), b = slice_cstr("mynewtext");
    CU_ASSERT_EQUAL_FATAL(lcs_find(a, b, 0, SIZE_MAX, &r), 0);
    CU_ASSERT(r.length == 6 && memcmp(r.text, "mytext", 6) == 0);
    CU_ASSERT_EQUAL_FATAL(r.range_count, 2);
    CU_ASSERT(r.ranges[0].a_first == 4 && r.ranges[0].a_last == 7);
    CU_ASSERT(r.ranges[0].b_first == 5 && r.ranges[0].b_last == 8);
    CU_ASSERT(r.ranges[1].a_first == 2 && r.ranges[1].b_last == 1);
    lcs_result_fini(&r);
    CU_ASSERT_EQUAL_FATAL(lcs_find(a, b, 4, SIZE_MAX, &r), 0);
    CU_ASSERT(r.length == 6 && r.range_count == 1);
    lcs_result_fini(&r);
    lcs_result_fini(&r);
    CU_ASSERT_EQUAL_FATAL(lcs_find(a, slice_cstr(""), 0, SIZE_MAX, &r), 0);
    CU_ASSERT(r.length == 0 && r.range_count == 0);
    lcs_result_fini(&r);
}

static void limits_are_those_of_redis(void) {
    struct slice a = slice_cstr("abc"), b = slice_cstr("abcd");
    struct lcs_result r;
    size_t length;
    CU_ASSERT_EQUAL(lcs_length(a, b, 4 * 5 * 4, &length), 0);
    CU_ASSERT_EQUAL(lcs_length(a, b, 4 * 5 * 4 - 1, &length), LCS_ERR_TOO_BIG);
    CU_ASSERT_EQUAL(lcs_find(a, b, 0, 4 * 5 * 4 - 1, &r), LCS_ERR_TOO_BIG);
    /* The bytes of so long a slice are never looked at. */
    struct slice endless = slice_of(a.p, UINT32_MAX - 1);
    CU_ASSERT_EQUAL(lcs_length(endless, b, SIZE_MAX, &length), LCS_ERR_TOO_LONG);
    CU_ASSERT_EQUAL(lcs_find(a, endless, 0, SIZE_MAX, &r), LCS_ERR_TOO_LONG);
    for (int e = LCS_ERR_NO_MEMORY; e < 0; e++) {
        CU_ASSERT_EQUAL(strncmp(lcs_err_text(e), "ERR ", 4), 0);
    }
}

int main(void) {
    static const struct suite_test tests[] = {
        {"as_the_model", as_the_model},
        {"as_documented", as_documented},
        {"limits_are_those_of_redis", limits_are_those_of_redis},
        {NULL, NULL},
    };
    random_seed(&rng, 5);
    return suite_main("lcs", tests);
}
