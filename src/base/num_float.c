/* num_float.c - floats to text and back; see num.h for the forms.
 *
 * Printing is Schubfach. A double is c * 2^q; every number between its two neighbours' midpoints
 * reads back as it, and the midpoints too if c is even. The interval is scaled by 10^-k, so that it
 * is at least 1 and less than 10 long: an integer is inside, and at most one multiple of ten.
 * Products with the power, whose last bit tells whether anything was cut off, are enough to compare
 * exactly.
 *
 * D1  The digits are the fewest that read back as the same double, and of those the nearest to it.
 *     (Redis' own routine, Grisu2, misses that for about two doubles in a thousand.)
 */
#include "base/num.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/num_powers.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MANTISSA_BITS 52
#define HIDDEN_BIT ((uint64_t)1 << MANTISSA_BITS)
#define DIGITS_MAX 17

/* The decimal d1d2..dn * 10^exponent. */
struct decimal {
    char digits[NUM_INT_BYTES_MAX];
    int n;
    int exponent;
};

/* The integer part of g * x / 2^128, its last bit set if there is more than rounding to the right
 * of it. */
static uint64_t multiply(const struct num_power *g, uint64_t x) {
    unsigned __int128 low = (unsigned __int128)g->low * x;
    unsigned __int128 high = (unsigned __int128)g->high * x + (uint64_t)(low >> 64);
    return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

/* Of v * 10^exponent, which has at most 15 zeros at its end. */
static struct decimal decimal_of(uint64_t v, int exponent) {
    struct decimal d = {.exponent = exponent};
    if (v % 100000000 == 0) v /= 100000000, d.exponent += 8;
    if (v % 10000 == 0) v /= 10000, d.exponent += 4;
    if (v % 100 == 0) v /= 100, d.exponent += 2;
    if (v % 10 == 0) v /= 10, d.exponent += 1;
    d.n = (int)num_format_u64(d.digits, v);
    return d;
}

/* v is finite and above zero. */
static struct decimal shortest(double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    uint64_t c = bits & (HIDDEN_BIT - 1);
    int q = (int)(bits >> MANTISSA_BITS);
    /* The lower neighbour of a power of two is twice as near. */
    bool is_near = c == 0 && q > 1;
    if (q) {
        c += HIDDEN_BIT;
    } else {
        q = 1;
    }
    q -= 1023 + MANTISSA_BITS;

    /* floor(log10) of 2^q, the length of the interval, or of 3/4 of that. */
    int k = (q * 1262611 - (is_near ? 524031 : 0)) >> 22;
    int shift = q + num_log2_of_power(-k) + 1;
    const struct num_power *g = &num_powers_of_ten[-k - NUM_POWER_FIRST];
    bool is_odd = c & 1;
    /* All in quarters of 10^k. */
    uint64_t number = multiply(g, 4 * c << shift);
    uint64_t lower = multiply(g, (4 * c - 2 + is_near) << shift) + is_odd;
    uint64_t upper = multiply(g, (4 * c + 2) << shift) - is_odd;

    uint64_t below = number / 4, tens = below / 10;
    bool down_fits = lower <= 40 * tens, up_fits = 40 * tens + 40 <= upper;
    if (tens && down_fits != up_fits) return decimal_of(tens + up_fits, k + 1);
    down_fits = lower <= 4 * below;
    up_fits = 4 * below + 4 <= upper;
    if (down_fits != up_fits) return decimal_of(below + up_fits, k);
    uint64_t middle = 4 * below + 2;
    bool up = number > middle || (number == middle && below & 1);
    return decimal_of(below + up, k);
}

static size_t print_decimal(char *out, const struct decimal *d) {
    int n = d->n, k = d->exponent;
    int scientific = k + n - 1, magnitude = abs(scientific);
    char *p = out;
    if (k >= 0 && magnitude < n + 7) {
        memcpy(p, d->digits, (size_t)n);
        memset(p + n, '0', (size_t)k);
        return (size_t)(n + k);
    }
    if (k < 0 && (k > -7 || magnitude < 4)) {
        int whole = n + k; /* digits before the point */
        if (whole > 0) {
            memcpy(p, d->digits, (size_t)whole);
            p += whole;
            *p++ = '.';
            memcpy(p, d->digits + whole, (size_t)-k);
            return (size_t)(n + 1);
        }
        memcpy(p, "0.", 2);
        memset(p + 2, '0', (size_t)-whole);
        memcpy(p + 2 - whole, d->digits, (size_t)n);
        return (size_t)(2 - whole + n);
    }
    *p++ = d->digits[0];
    if (n > 1) {
        *p++ = '.';
        memcpy(p, d->digits + 1, (size_t)(n - 1));
        p += n - 1;
    }
    *p++ = 'e';
    *p++ = scientific < 0 ? '-' : '+';
    char exponent[NUM_INT_BYTES_MAX];
    size_t length = num_format_u64(exponent, (uint64_t)magnitude);
    memcpy(p, exponent, length);
    return (size_t)(p - out) + length;
}

size_t num_format_double(char *buf, double v) {
    static const double whole_max = 0x1p62;
    char *p = buf;
    if (isnan(v)) {
        memcpy(buf, "nan", 4);
        return 3;
    }
    if (v >= -whole_max && v <= whole_max && v == (double)(int64_t)v && v != 0) {
        return num_format_i64(buf, (int64_t)v);
    }
    if (signbit(v)) *p++ = '-';
    if (isinf(v)) {
        memcpy(p, "inf", 3);
        p += 3;
    } else if (v == 0) {
        *p++ = '0';
    } else {
        struct decimal d = shortest(fabs(v));
        p += print_decimal(p, &d);
    }
    *p = 0;
    return (size_t)(p - buf);
}

size_t num_format_ld_human(char *buf, long double v) {
    if (isinf(v)) return (size_t)snprintf(buf, NUM_FLOAT_BYTES_MAX, v > 0 ? "inf" : "-inf");
    int length = snprintf(buf, NUM_FLOAT_BYTES_MAX, "%.17Lf", v);
    ASSERT(length > 0 && length < NUM_FLOAT_BYTES_MAX);
    size_t n = (size_t)length;
    if (memchr(buf, '.', n)) {
        while (buf[n - 1] == '0') n--;
        if (buf[n - 1] == '.') n--;
    }
    if (n == 2 && memcmp(buf, "-0", 2) == 0) {
        buf[0] = '0';
        n = 1;
    }
    buf[n] = 0;
    return n;
}

/* [-]digits[.digits] whose digits make an integer that a double holds exactly: dividing by
 * a power of ten that is exact too rounds once, so the result is the correct one. */
static bool parse_short_decimal(struct slice s, double *out) {
    static const double powers[] = {1e0, 1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7, 1e8,
                                    1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16};
    size_t i = 0, digits = 0, behind_point = 0;
    bool negative = s.n > 0 && s.p[0] == '-', point = false;
    if (negative) i++;
    if (s.n - i > DIGITS_MAX) return false;
    uint64_t m = 0;
    for (; i < s.n; i++) {
        unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';
        if (digit <= 9) {
            m = m * 10 + digit;
            digits++;
            behind_point += point;
        } else if (s.p[i] == '.' && !point) {
            point = true;
        } else {
            return false;
        }
    }
    if (digits == 0 || digits > 16 || m > 2 * HIDDEN_BIT) return false;
    double v = (double)m / powers[behind_point];
    *out = negative ? -v : v;
    return true;
}

/* A terminated copy for the C library; false when there is nothing that it should read. */
static bool copy_text(char *buf, struct slice s) {
    if (s.n == 0 || s.n >= NUM_FLOAT_BYTES_MAX) return false;
    if (memchr(" \t\n\v\f\r", s.p[0], 6)) return false;
    memcpy(buf, s.p, s.n);
    buf[s.n] = 0;
    return true;
}

bool num_parse_double(struct slice s, double *out) {
    if (parse_short_decimal(s, out)) return true;
    char buf[NUM_FLOAT_BYTES_MAX], *end;
    if (!copy_text(buf, s)) return false;
    errno = 0;
    double v = strtod(buf, &end);
    if (end != buf + s.n || isnan(v)) return false;
    if (errno == ERANGE && (isinf(v) || v == 0)) return false;
    *out = v;
    return true;
}

bool num_parse_double_c(struct slice s, double *out) {
    char here[NUM_FLOAT_BYTES_MAX], *buf = here, *end;
    const char *zero = s.n ? memchr(s.p, 0, s.n) : NULL;
    size_t n = zero ? (size_t)(zero - s.p) : s.n;
    *out = 0;
    if (n == 0 || parse_short_decimal(slice_of(s.p, n), out)) return true;
    if (n >= sizeof here) buf = mem_alloc(n + 1);
    memcpy(buf, s.p, n);
    buf[n] = 0;
    errno = 0;
    *out = strtod(buf, &end);
    bool ok = end == buf + n && errno != ERANGE && !isnan(*out);
    if (buf != here) mem_free(buf);
    return ok;
}

bool num_parse_ld(struct slice s, long double *out) {
    char buf[NUM_FLOAT_BYTES_MAX], *end;
    if (!copy_text(buf, s)) return false;
    errno = 0;
    long double v = strtold(buf, &end);
    if (end != buf + s.n || isnan(v)) return false;
    /* Underflow to zero and overflow; Redis compares with the double's HUGE_VAL, which is
     * the same infinity. */
    if (errno == ERANGE && (isinf(v) || v == 0)) return false;
    *out = v;
    return true;
}
