/* num_float.c - floats to text and back; see num.h for the forms.
 *
 * Printing is Grisu2. A double is m * 2^e; every number between its two neighbours'
 * midpoints reads back as it. The interval is scaled by a power of ten, kept to 64 bits,
 * so that its integer part fits 32 bits; digits of its upper end are produced until the
 * rest is inside the interval, and the last one is moved towards the number itself. The
 * interval is made one unit narrower at each end, to allow for the rounding of the product.
 * D1  The result reads back as the same double, always. It is the shortest in 99.9% of all
 *     cases, and not the closest in a few: which ones is part of Redis' output, so the
 *     choice of the power (the smallest that will do), the rounding of products (half up)
 *     and the comparisons are not free to change.
 */
#include "base/num.h"

#include "base/assert.h"
#include "base/mem.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MANTISSA_BITS 52
#define HIDDEN_BIT ((uint64_t)1 << MANTISSA_BITS)
#define DIGITS_MAX 17
#define POWER_FIRST (-348)
#define POWER_STEP 8

/* 10^-348, 10^-340 ... 10^340, each as 64 bits rounded to nearest, the highest bit set. */
static const uint64_t powers_of_ten[] = {
    0xfa8fd5a0081c0288, 0xbaaee17fa23ebf76, 0x8b16fb203055ac76, 0xcf42894a5dce35ea,
    0x9a6bb0aa55653b2d, 0xe61acf033d1a45df, 0xab70fe17c79ac6ca, 0xff77b1fcbebcdc4f,
    0xbe5691ef416bd60c, 0x8dd01fad907ffc3c, 0xd3515c2831559a83, 0x9d71ac8fada6c9b5,
    0xea9c227723ee8bcb, 0xaecc49914078536d, 0x823c12795db6ce57, 0xc21094364dfb5637,
    0x9096ea6f3848984f, 0xd77485cb25823ac7, 0xa086cfcd97bf97f4, 0xef340a98172aace5,
    0xb23867fb2a35b28e, 0x84c8d4dfd2c63f3b, 0xc5dd44271ad3cdba, 0x936b9fcebb25c996,
    0xdbac6c247d62a584, 0xa3ab66580d5fdaf6, 0xf3e2f893dec3f126, 0xb5b5ada8aaff80b8,
    0x87625f056c7c4a8b, 0xc9bcff6034c13053, 0x964e858c91ba2655, 0xdff9772470297ebd,
    0xa6dfbd9fb8e5b88f, 0xf8a95fcf88747d94, 0xb94470938fa89bcf, 0x8a08f0f8bf0f156b,
    0xcdb02555653131b6, 0x993fe2c6d07b7fac, 0xe45c10c42a2b3b06, 0xaa242499697392d3,
    0xfd87b5f28300ca0e, 0xbce5086492111aeb, 0x8cbccc096f5088cc, 0xd1b71758e219652c,
    0x9c40000000000000, 0xe8d4a51000000000, 0xad78ebc5ac620000, 0x813f3978f8940984,
    0xc097ce7bc90715b3, 0x8f7e32ce7bea5c70, 0xd5d238a4abe98068, 0x9f4f2726179a2245,
    0xed63a231d4c4fb27, 0xb0de65388cc8ada8, 0x83c7088e1aab65db, 0xc45d1df942711d9a,
    0x924d692ca61be758, 0xda01ee641a708dea, 0xa26da3999aef774a, 0xf209787bb47d6b85,
    0xb454e4a179dd1877, 0x865b86925b9bc5c2, 0xc83553c5c8965d3d, 0x952ab45cfa97a0b3,
    0xde469fbd99a05fe3, 0xa59bc234db398c25, 0xf6c69a72a3989f5c, 0xb7dcbf5354e9bece,
    0x88fcf317f22241e2, 0xcc20ce9bd35c78a5, 0x98165af37b2153df, 0xe2a0b5dc971f303a,
    0xa8d9d1535ce3b396, 0xfb9b7cd9a4a7443c, 0xbb764c4ca7a44410, 0x8bab8eefb6409c1a,
    0xd01fef10a657842c, 0x9b10a4e5e9913129, 0xe7109bfba19c0c9d, 0xac2820d9623bf429,
    0x80444b5e7aa7cf85, 0xbf21e44003acdd2d, 0x8e679c2f5e44ff8f, 0xd433179d9c8cb841,
    0x9e19db92b4e31ba9, 0xeb96bf6ebadf77d9, 0xaf87023b9bf0ee6b};

/* The decimal d1d2..dn * 10^exponent. */
struct decimal {
    char digits[DIGITS_MAX + 1];
    int n;
    int exponent;
};

/* What is left of the interval while digits come out; all in one unit of scale. */
struct remainder {
    uint64_t rest;   /* from the digits so far to the upper end */
    uint64_t width;  /* of the interval */
    uint64_t target; /* from the number to the upper end */
    uint64_t unit;   /* of the last digit */
};

static uint64_t multiply(uint64_t a, uint64_t b) {
    return (uint64_t)(((unsigned __int128)a * b + ((uint64_t)1 << 63)) >> 64);
}

/* Lowers the last digit while that stays in the interval and comes closer. */
static void move_to_target(struct decimal *d, struct remainder r) {
    while (r.rest < r.target && r.width - r.rest >= r.unit &&
           (r.rest + r.unit < r.target || r.target - r.rest > r.rest + r.unit - r.target)) {
        d->digits[d->n - 1]--;
        r.rest += r.unit;
    }
}

/* `upper` has `shift` bits behind the binary point. */
static void generate(struct decimal *d, uint64_t upper, uint64_t target, uint64_t width,
                     int shift) {
    uint64_t mask = ((uint64_t)1 << shift) - 1;
    uint64_t whole = upper >> shift, fraction = upper & mask;
    int left = (int)num_digits_u64(whole);
    uint64_t ten = 1;
    for (int i = 1; i < left; i++) ten *= 10;
    for (; left > 0; ten /= 10) {
        d->digits[d->n++] = (char)('0' + whole / ten);
        whole %= ten;
        left--;
        uint64_t rest = (whole << shift) + fraction;
        if (rest <= width) {
            d->exponent += left;
            move_to_target(d, (struct remainder){rest, width, target, ten << shift});
            return;
        }
    }
    do {
        fraction *= 10;
        width *= 10;
        target *= 10;
        d->digits[d->n++] = (char)('0' + (fraction >> shift));
        fraction &= mask;
        d->exponent--;
    } while (fraction >= width);
    move_to_target(d, (struct remainder){fraction, width, target, mask + 1});
}

/* v is finite and above zero. */
static struct decimal shortest(double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    uint64_t m = bits & (HIDDEN_BIT - 1);
    int e = (int)(bits >> MANTISSA_BITS);
    if (e) {
        m += HIDDEN_BIT;
    } else {
        e = 1;
    }
    e -= 1023 + MANTISSA_BITS;

    /* All three with the highest bit of `upper` set: units of 2^e. The lower neighbour of
     * a power of two is twice as near. */
    int up = __builtin_clzll(m);
    e -= up;
    uint64_t number = m << up;
    uint64_t upper = (2 * m + 1) << (up - 1);
    uint64_t lower = m == HIDDEN_BIT ? (4 * m - 1) << (up - 2) : (2 * m - 1) << (up - 1);

    /* The smallest cached power that leaves at most 60 bits behind the point. The shifts
     * are by log10(2) and log2(10). */
    int power = (((-61 - e) * 78913) >> 18) + 1;
    int index = (power - POWER_FIRST + POWER_STEP - 1) / POWER_STEP;
    power = POWER_FIRST + index * POWER_STEP;
    int power_e = ((power * 217706) >> 16) - 63;
    uint64_t ten = powers_of_ten[index];
    uint64_t high = multiply(upper, ten) - 1, low = multiply(lower, ten) + 1;

    struct decimal d = {.exponent = -power};
    generate(&d, high, high - multiply(number, ten), high - low, -(e + power_e + 64));
    return d;
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
