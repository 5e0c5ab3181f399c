/* num_shortest_test.c - doubles printed and read back; that they have the fewest digits possible,
 * and of those the nearest, is found out by the C library's printing. The powers of ten are
 * computed again.
 *
 * Environment: NUM_DOUBLES=100000000 prints so many (2,000,000 by default) and tells the figures;
 * SUITE_SECONDS is then to be set too.
 */
#include "base/num.h"

#include "base/num_powers.h"
#include "base/random.h"
#include "support/suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOUBLES 2000000

static struct random rng;
static size_t doubles = DOUBLES;

/* What the texts of some doubles were like. */
struct figures {
    size_t printed, lost, longer, off, text_bytes;
};

/* The significant digits of a text, without zeros at either end; returns how many. */
static int digits_of(const char *text, char digits[32]) {
    int n = 0;
    for (const char *p = text; *p && *p != 'e'; p++) {
        if (*p >= '0' && *p <= '9' && (n || *p != '0')) digits[n++] = *p;
        CU_ASSERT_FATAL(n < 32);
    }
    while (n > 1 && digits[n - 1] == '0') n--;
    digits[n] = 0;
    return n;
}

/* Whether so many digits, chosen by the C library, read back. */
static bool suffices(double v, int digits, char text[40]) {
    snprintf(text, 40, "%.*e", digits - 1, v);
    return strtod(text, NULL) == v;
}

static void count(struct figures *f, double v) {
    char text[NUM_DOUBLE_BYTES_MAX], digits[32], other[40], other_digits[32];
    double back = 0;
    size_t bytes = num_format_double(text, v);
    f->printed++;
    f->text_bytes += bytes;
    if (!num_parse_double(slice_of(text, bytes), &back) || memcmp(&back, &v, sizeof v) != 0 ||
        strtod(text, NULL) != v) {
        if (f->lost++ < 10) printf("%a became %s\n", v, text);
    }
    if (fabs(v) <= 0x1p62 && v == trunc(v)) return; /* printed as the whole number that it is */
    int n = digits_of(text, digits);
    if (n > 1 && suffices(v, n - 1, other)) {
        if (f->longer++ < 10) printf("%a became %s, and not %s\n", v, text, other);
    } else if (suffices(v, n, other)) {
        digits_of(other, other_digits);
        if (strcmp(digits, other_digits) != 0 && f->off++ < 10)
            printf("%a became %s, and not %s\n", v, text, other);
    }
}

static double any_double(void) {
    double v;
    do {
        uint64_t bits = random_next(&rng);
        memcpy(&v, &bits, sizeof v);
    } while (!isfinite(v));
    return v;
}

static void check(const char *kind, const struct figures *f) {
    if (doubles != DOUBLES) {
        printf("%s: %zu doubles: %zu did not read back, %zu had digits too many, %zu were not the "
               "nearest; %.2f bytes each\n",
               kind, f->printed, f->lost, f->longer, f->off,
               (double)f->text_bytes / (double)f->printed);
    }
    CU_ASSERT_EQUAL(f->lost, 0);
    CU_ASSERT_EQUAL(f->longer, 0);
    CU_ASSERT_EQUAL(f->off, 0);
}

static void of_any_bits(void) {
    struct figures f = {0};
    while (f.printed < doubles) count(&f, any_double());
    check("any bits", &f);
}

/* As clients send them: prices, percentages, coordinates, times. */
static void of_few_digits(void) {
    static const double steps[] = {1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e9, 1e12, 1e15};
    struct figures f = {0};
    while (f.printed < doubles / 10) {
        double whole = (double)(int64_t)random_next_below(&rng, 1000000000000);
        count(&f, whole / steps[random_next_below(&rng, sizeof steps / sizeof *steps)]);
    }
    check("few digits", &f);
}

/* Powers of two, whose neighbours are not at the same distance, and of ten, and what is beside. */
static void of_the_edges(void) {
    struct figures f = {0};
    for (int e = -1074; e <= 1023; e++) {
        double v = ldexp(1, e);
        count(&f, v);
        count(&f, -nextafter(v, INFINITY));
        count(&f, nextafter(v, 0) + (e == -1074 ? v : 0));
    }
    for (int e = -323; e <= 308; e++) {
        char text[16];
        snprintf(text, sizeof text, "1e%d", e);
        double v = strtod(text, NULL);
        count(&f, v);
        count(&f, nextafter(v, INFINITY));
        count(&f, nextafter(v, 1));
    }
    check("powers", &f);
}

/* What a client sends with 15 digits comes back with them. */
static void fifteen_digits_come_back(void) {
    for (size_t i = 0; i < doubles / 20; i++) {
        char sent[40], text[NUM_DOUBLE_BYTES_MAX];
        unsigned long long digits = 100000000000000 + random_next_below(&rng, 900000000000000);
        if (digits % 10 == 0) digits++;
        snprintf(sent, sizeof sent, "%llu.%015llu", digits % 100, digits);
        sent[strlen(sent) - 2] = 0; /* 13 decimals and at most two digits before them */
        while (sent[strlen(sent) - 1] == '0') sent[strlen(sent) - 1] = 0;
        num_format_double(text, strtod(sent, NULL));
        if (strchr(text, 'e')) continue; /* another form of the same digits */
        CU_ASSERT_STRING_EQUAL(text, sent);
    }
}

/* Numbers of 2560 bits, the lowest word first. */
#define WORDS 80
struct big {
    uint32_t w[WORDS];
};

static void big_multiply(struct big *b, uint32_t by) {
    uint64_t carry = 0;
    for (int i = 0; i < WORDS; i++) {
        carry += (uint64_t)b->w[i] * by;
        b->w[i] = (uint32_t)carry;
        carry >>= 32;
    }
}

static void big_double(struct big *b, int times) {
    for (; times >= 31; times -= 31) big_multiply(b, 1u << 31);
    big_multiply(b, 1u << times);
}

static int big_compare(const struct big *a, const struct big *b) {
    for (int i = WORDS - 1; i >= 0; i--) {
        if (a->w[i] != b->w[i]) return a->w[i] < b->w[i] ? -1 : 1;
    }
    return 0;
}

/* g * 2^s is 10^e rounded up: not below it, while (g - 1) * 2^s is. */
static void powers_of_ten_are_exact(void) {
    for (int e = NUM_POWER_FIRST; e <= NUM_POWER_LAST; e++) {
        const struct num_power *g = &num_powers_of_ten[e - NUM_POWER_FIRST];
        int s = num_log2_of_power(e) - 127;
        struct big power = {{1}}, high = {{(uint32_t)g->low, (uint32_t)(g->low >> 32),
                                           (uint32_t)g->high, (uint32_t)(g->high >> 32)}};
        struct big low = high;
        for (int i = 0; low.w[i]-- == 0; i++) continue;
        for (int i = 0; i < abs(e); i++) {
            if (e > 0) big_multiply(&power, 10);
            if (e < 0) big_multiply(&high, 10), big_multiply(&low, 10);
        }
        big_double(&power, s < 0 ? -s : 0);
        big_double(&high, s > 0 ? s : 0);
        big_double(&low, s > 0 ? s : 0);
        CU_ASSERT(g->high >> 63);
        CU_ASSERT(big_compare(&high, &power) >= 0 && big_compare(&low, &power) < 0);
    }
}

int main(void) {
    static const struct suite_test tests[] = {
        {"of_any_bits", of_any_bits},
        {"of_few_digits", of_few_digits},
        {"of_the_edges", of_the_edges},
        {"fifteen_digits_come_back", fifteen_digits_come_back},
        {"powers_of_ten_are_exact", powers_of_ten_are_exact},
        {NULL, NULL},
    };
    const char *asked = getenv("NUM_DOUBLES");
    if (asked) doubles = strtoull(asked, NULL, 10);
    random_seed(&rng, 1);
    return suite_main("num_shortest", tests);
}
