/* num_test.c - integers against a strict model, floats against the C library and against
 * the forms that num.h states. */
#include "base/num.h"

#include "base/random.h"
#include "support/suite.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 200000

static struct random rng;

/* The rule of num.h said plainly: what is printed back must be the text itself. */
static bool model_i64(const char *text, int64_t *out) {
    char *end, again[32];
    long long v = strtoll(text, &end, 10);
    snprintf(again, sizeof again, "%lld", v);
    *out = v;
    return strcmp(again, text) == 0;
}

static bool model_u64(const char *text, uint64_t *out) {
    char *end, again[32];
    unsigned long long v = strtoull(text, &end, 10);
    snprintf(again, sizeof again, "%llu", v);
    *out = v;
    return strcmp(again, text) == 0;
}

static void check_integer(const char *text) {
    int64_t i = 77, i_model;
    uint64_t u = 77, u_model;
    bool i_ok = model_i64(text, &i_model), u_ok = model_u64(text, &u_model);
    /* Exactly as long as the text, so that a sanitizer sees a byte read too many. */
    size_t n = strlen(text);
    char *copy = malloc(n ? n : 1);
    memcpy(copy, text, n);
    bool agrees = num_parse_i64(slice_of(copy, n), &i) == i_ok && i == (i_ok ? i_model : 77) &&
                  num_parse_u64(slice_of(copy, n), &u) == u_ok && u == (u_ok ? u_model : 77);
    free(copy);
    CU_ASSERT(agrees);
    if (!agrees) printf("differs: [%s]\n", text);
}

static void integers_of_the_edges(void) {
    static const char *const texts[] = {"",
                                        "-",
                                        "0",
                                        "-0",
                                        "00",
                                        "01",
                                        "-01",
                                        "+1",
                                        " 1",
                                        "1 ",
                                        "9",
                                        "-9",
                                        "1a",
                                        "a",
                                        "9223372036854775807",
                                        "9223372036854775808",
                                        "-9223372036854775808",
                                        "-9223372036854775809",
                                        "18446744073709551615",
                                        "18446744073709551616",
                                        "18446744073709551620",
                                        "99999999999999999999",
                                        "10000000000000000000",
                                        "100000000000000000000",
                                        "-10000000000000000000",
                                        "1/",
                                        "1:",
                                        "12345678:",
                                        "1234567/",
                                        "--1",
                                        "0x1",
                                        "1.0",
                                        "9999999999999999999"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) check_integer(texts[i]);
}

static void integers_at_random(void) {
    char text[40];
    for (int i = 0; i < ROUNDS; i++) {
        int n = 0, digits = (int)random_next_below(&rng, 22);
        if (random_next_below(&rng, 3) == 0) text[n++] = '-';
        while (digits--) text[n++] = (char)('0' + random_next_below(&rng, 10));
        if (n && random_next_below(&rng, 4) == 0) {
            text[random_next_below(&rng, (uint64_t)n)] = (char)(1 + random_next_below(&rng, 255));
        }
        text[n] = 0;
        check_integer(text);
    }
}

static void integers_printed(void) {
    char buf[NUM_INT_BYTES_MAX], expected[32];
    for (unsigned i = 0; i < 10000; i++) { /* each group of four digits, on either side */
        uint64_t v = i * 10000u + (9999u - i);
        snprintf(expected, sizeof expected, "%" PRIu64, v);
        CU_ASSERT_EQUAL(num_format_u64(buf, v), strlen(expected));
        CU_ASSERT_STRING_EQUAL(buf, expected);
    }
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t v = random_next(&rng) >> random_next_below(&rng, 64);
        if (i < 20) v = i < 10 ? (uint64_t)i : UINT64_MAX - (uint64_t)i + 10;
        snprintf(expected, sizeof expected, "%" PRIu64, v);
        CU_ASSERT_EQUAL(num_format_u64(buf, v), strlen(expected));
        CU_ASSERT_STRING_EQUAL(buf, expected);
        CU_ASSERT_EQUAL(num_digits_u64(v), strlen(expected));
        int64_t signed_v = i == 0 ? INT64_MIN : (int64_t)(i & 1 ? v : -v);
        snprintf(expected, sizeof expected, "%" PRId64, signed_v);
        CU_ASSERT_EQUAL(num_format_i64(buf, signed_v), strlen(expected));
        CU_ASSERT_STRING_EQUAL(buf, expected);
    }
    uint64_t power = 1;
    for (unsigned digits = 1; digits <= 19; digits++, power *= 10) {
        CU_ASSERT_EQUAL(num_digits_u64(power), digits);
        CU_ASSERT_EQUAL(num_digits_u64(power * 10 - 1), digits);
    }
    CU_ASSERT_EQUAL(num_digits_u64(0), 1);
}

static void doubles_have_redis_forms(void) {
    static const struct {
        double v;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "-0"},
        {INFINITY, "inf"},
        {-INFINITY, "-inf"},
        {NAN, "nan"},
        {3, "3"},
        {-17, "-17"},
        {0x1p62, "4611686018427387904"},
        {-0x1p62, "-4611686018427387904"},
        {0x1p63, "9223372036854776000"},
        {1e17, "100000000000000000"},
        {1e19, "1e+19"},
        {1e20, "1e+20"},
        {1e23, "1e+23"}, /* half-way between two doubles: Redis has 99999999999999990000000 */
        {1.5e300, "1.5e+300"},
        {0.1, "0.1"},
        {0.30000000000000004, "0.30000000000000004"},
        {3.14159, "3.14159"},
        {-2.5, "-2.5"},
        {0.000001, "0.000001"},
        {1e-7, "1e-7"},
        {1.5e-7, "1.5e-7"},
        {0.0012345678901, "0.0012345678901"},
        {1.2345678901e-4, "1.2345678901e-4"},
        {1.2345678901e-10, "1.2345678901e-10"},
        {1234567.891, "1234567.891"},
        {5e-324, "5e-324"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
    };
    char buf[NUM_DOUBLE_BYTES_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CU_ASSERT_EQUAL(num_format_double(buf, cases[i].v), strlen(cases[i].text));
        CU_ASSERT_STRING_EQUAL(buf, cases[i].text);
        if (strcmp(buf, cases[i].text) != 0) printf("%s: %s\n", cases[i].text, buf);
    }
}

static void doubles_read_back(void) {
    char buf[NUM_DOUBLE_BYTES_MAX];
    int longer = 0;
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t bits = random_next(&rng);
        double v, back;
        memcpy(&v, &bits, sizeof v);
        if (i & 1) v = (double)(int64_t)random_next_below(&rng, 1000000000) / 1000;
        if (isnan(v)) continue;
        size_t n = num_format_double(buf, v);
        CU_ASSERT(n < sizeof buf && n == strlen(buf));
        CU_ASSERT(num_parse_double(slice_of(buf, n), &back) && memcmp(&back, &v, sizeof v) == 0);
        char shortest[40];
        int precision = 1;
        do {
            snprintf(shortest, sizeof shortest, "%.*g", precision, v);
        } while (precision++ < 17 && strtod(shortest, NULL) != v);
        if (n > strlen(shortest) + 6) longer++; /* forms differ by the exponent's text */
    }
    CU_ASSERT(longer < ROUNDS / 500);
}

static void check_double(const char *text) {
    char *end;
    double expected = strtod(text, &end), v = 77;
    bool refused = !*text || strchr(" \t\n\v\f\r", *text) || *end || isnan(expected) ||
                   (isinf(expected) && !strpbrk(text, "iI"));
    bool underflow = expected == 0 && strpbrk(text, "123456789") && !strpbrk(text, "xX");
    bool ok = num_parse_double(slice_cstr(text), &v);
    CU_ASSERT_EQUAL(ok, !refused && !underflow);
    if (ok) CU_ASSERT_EQUAL(memcmp(&v, &expected, sizeof v), 0);
}

static void doubles_parsed(void) {
    static const char *const texts[] = {"",
                                        "-",
                                        ".",
                                        "-.",
                                        "1",
                                        "-1",
                                        "+1",
                                        "1.",
                                        ".5",
                                        "-.5",
                                        "-0",
                                        "0.0",
                                        "007",
                                        "1..2",
                                        "1.2.3",
                                        "1e5",
                                        "1E-5",
                                        "1e",
                                        "inf",
                                        "-inf",
                                        "+inf",
                                        "INFINITY",
                                        "infinit",
                                        "nan",
                                        "-nan",
                                        "nan(1)",
                                        " 1",
                                        "1 ",
                                        "\t1",
                                        "0x10",
                                        "0x1p-1074",
                                        "0x",
                                        "1e400",
                                        "-1e400",
                                        "1e-400",
                                        "1e-310",
                                        "9007199254740992",
                                        "9007199254740993",
                                        "0.1234567890123456",
                                        "1,5",
                                        "12a",
                                        "1234567890123456.7",
                                        "-123.456e-7",
                                        "0.3",
                                        "179769313486231580793728971405301e276"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) check_double(texts[i]);
    char text[32];
    for (int i = 0; i < ROUNDS; i++) {
        int digits = 1 + (int)random_next_below(&rng, 17), n = 0, point = -1;
        if (random_next_below(&rng, 2)) text[n++] = '-';
        if (random_next_below(&rng, 2)) point = (int)random_next_below(&rng, (uint64_t)digits);
        for (int k = 0; k < digits; k++) {
            if (k == point) text[n++] = '.';
            text[n++] = (char)('0' + random_next_below(&rng, 10));
        }
        text[n] = 0;
        check_double(text);
    }
    double v;
    CU_ASSERT_FALSE(num_parse_double(slice_of("1\0", 2), &v));
    CU_ASSERT(num_parse_double(slice_of("15", 1), &v) && v == 1);
    CU_ASSERT(num_parse_double(slice_of("1e55", 3), &v) && v == 1e5);
    static char long_text[NUM_FLOAT_BYTES_MAX + 1];
    memset(long_text, '0', sizeof long_text);
    CU_ASSERT(num_parse_double(slice_of(long_text, NUM_FLOAT_BYTES_MAX - 1), &v) && v == 0);
    CU_ASSERT_FALSE(num_parse_double(slice_of(long_text, NUM_FLOAT_BYTES_MAX), &v));
}

/* A number that SORT takes, or not. */
static void doubles_of_c_strings(void) {
    static const struct {
        struct slice text;
        double v;
    } taken[] = {
        {{"", 0}, 0},
        {{NULL, 0}, 0},
        {{"\0abc", 4}, 0},
        {{"12\0abc", 6}, 12},
        {{" \t\n7", 4}, 7},
        {{"0x10", 4}, 16},
        {{"-inf", 4}, -INFINITY},
        {{"infinity", 8}, INFINITY},
        {{"1e2", 3}, 100},
        {{"+5", 2}, 5},
        {{"007", 3}, 7},
        {{"-.5", 3}, -.5},
        {{"0x1p-1074", 9}, 0x1p-1074},
    };
    static const char *const refused[] = {" ",   "5 ",    "nan",    "-nan", "1e400", "-1e400",
                                          "abc", "1_000", "1e-400", "0x",   "1e",    "1e-310"};
    double v;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        CU_ASSERT(num_parse_double_c(taken[i].text, &v));
        CU_ASSERT_EQUAL(v, taken[i].v);
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        CU_ASSERT_FALSE(num_parse_double_c(slice_cstr(refused[i]), &v));
    }
    static char text[3 * NUM_FLOAT_BYTES_MAX];
    memset(text, '0', sizeof text);
    text[sizeof text - 1] = '7';
    CU_ASSERT(num_parse_double_c(slice_of(text, sizeof text), &v) && v == 7);
    text[sizeof text - 1] = 'x';
    CU_ASSERT_FALSE(num_parse_double_c(slice_of(text, sizeof text), &v));
}

static void long_doubles(void) {
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"10.5", "10.5"}, {"5.0e3", "5000"},
        {"0.1", "0.1"},   {"-0", "0"},
        {"-1e-30", "0"},  {"3.0", "3"},
        {"100", "100"},   {"1e20", "100000000000000000000"},
        {"inf", "inf"},   {"-inf", "-inf"},
        {"0x10", "16"},   {"1.23456789012345678", "1.23456789012345678"},
    };
    static char buf[NUM_FLOAT_BYTES_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        long double v = 0;
        CU_ASSERT(num_parse_ld(slice_cstr(cases[i].in), &v));
        size_t n = num_format_ld_human(buf, v);
        CU_ASSERT_EQUAL(n, strlen(buf));

        CU_ASSERT_STRING_EQUAL(buf, cases[i].out);
    }
    long double v = 77;
    static const char *const refused[] = {"", " 1", "1 ", "nan", "1e5000", "1e-5000", "abc", "0x"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        CU_ASSERT_FALSE(num_parse_ld(slice_cstr(refused[i]), &v));
    }
    CU_ASSERT(v == 77);
    CU_ASSERT(num_parse_ld(slice_cstr("1e4932"), &v));
    CU_ASSERT_EQUAL(num_format_ld_human(buf, v), 4933);
}

static void sizes_and_percentages(void) {
    static const struct {
        const char *text;
        uint64_t v;
    } sizes[] = {
        {"0", 0},           {"", 0},
        {"b", 0},           {"100", 100},
        {"100b", 100},      {"1k", 1000},
        {"1kb", 1024},      {"1KB", 1024},
        {"3m", 3000000},    {"3Mb", 3 << 20},
        {"2g", 2000000000}, {"1gb", 1 << 30},
        {"0100", 100},      {"18446744073709551615", UINT64_MAX},
    };
    static const char *const refused[] = {"-1",
                                          "1x",
                                          "1.5gb",
                                          " 1",
                                          "1 ",
                                          "+5",
                                          "1tb",
                                          "kbb",
                                          "18446744073709551616",
                                          "99999999999999gb"};
    uint64_t v;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        CU_ASSERT(num_parse_bytes(slice_cstr(sizes[i].text), &v) && v == sizes[i].v);
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        CU_ASSERT_FALSE(num_parse_bytes(slice_cstr(refused[i]), &v));
    }
    int64_t p;
    CU_ASSERT(num_parse_percent(slice_cstr("50%"), &p) && p == 50);
    CU_ASSERT(num_parse_percent(slice_cstr("0%"), &p) && p == 0);
    CU_ASSERT_FALSE(num_parse_percent(slice_cstr("%"), &p));
    CU_ASSERT_FALSE(num_parse_percent(slice_cstr("50"), &p));
    CU_ASSERT_FALSE(num_parse_percent(slice_cstr("-1%"), &p));
    CU_ASSERT_FALSE(num_parse_percent(slice_cstr("5 %"), &p));
}

int main(void) {
    static const struct suite_test tests[] = {
        {"integers_of_the_edges", integers_of_the_edges},
        {"integers_at_random", integers_at_random},
        {"integers_printed", integers_printed},
        {"doubles_have_redis_forms", doubles_have_redis_forms},
        {"doubles_read_back", doubles_read_back},
        {"doubles_parsed", doubles_parsed},
        {"doubles_of_c_strings", doubles_of_c_strings},
        {"long_doubles", long_doubles},
        {"sizes_and_percentages", sizes_and_percentages},
        {NULL, NULL},
    };
    random_seed(&rng, 1);
    return suite_main("num", tests);
}
