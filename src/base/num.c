/* num.c - integers, sizes and percentages; see num.h. Floats are in num_float.c.
 *
 * Parsing takes eight digits a step with word arithmetic: SET tries every value as an
 * integer, so both the yes and the no have to be quick. Both supported machines are
 * little-endian.
 */
#include "base/num.h"

#include <assert.h>
#include <ctype.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "digits are read as words");

const char num_two_digits[200] = "00010203040506070809101112131415161718192021222324"
                                 "25262728293031323334353637383940414243444546474849"
                                 "50515253545556575859606162636465666768697071727374"
                                 "75767778798081828384858687888990919293949596979899";

/* Eight, or four, digits to their value; false when one of them is no digit. */
static inline bool read_8_digits(const char *p, uint64_t *v) {
    uint64_t w;
    memcpy(&w, p, 8);
    if ((w & 0xf0f0f0f0f0f0f0f0u) != 0x3030303030303030u) return false;
    if (((w + 0x0606060606060606u) & 0xf0f0f0f0f0f0f0f0u) != 0x3030303030303030u) return false;
    w &= 0x0f0f0f0f0f0f0f0fu;
    w = (w * 10 + (w >> 8)) & 0x00ff00ff00ff00ffu;
    w = (w * 100 + (w >> 16)) & 0x0000ffff0000ffffu;
    *v = (w * 10000 + (w >> 32)) & 0xffffffffu;
    return true;
}

static inline bool read_4_digits(const char *p, uint64_t *v) {
    uint32_t w;
    memcpy(&w, p, 4);
    if ((w & 0xf0f0f0f0u) != 0x30303030u) return false;
    if (((w + 0x06060606u) & 0xf0f0f0f0u) != 0x30303030u) return false;
    w &= 0x0f0f0f0fu;
    w = (w * 10 + (w >> 8)) & 0x00ff00ffu;
    *v = (w * 100 + (w >> 16)) & 0xffffu;
    return true;
}

/* One to twenty digits, the first of them not zero. */
static inline bool read_digits(const char *p, size_t n, uint64_t *out) {
    uint64_t v = 0, part;
    for (; n >= 8; p += 8, n -= 8) {
        if (!read_8_digits(p, &part)) return false;
        v = v * 100000000 + part;
    }
    if (n >= 4) {
        /* Only here a twentieth digit can come, and with it more than 64 bits. */
        if (!read_4_digits(p, &part)) return false;
        if (__builtin_mul_overflow(v, 10000, &v) || __builtin_add_overflow(v, part, &v)) {
            return false;
        }
        p += 4;
        n -= 4;
    }
    for (; n; p++, n--) {
        unsigned digit = (unsigned)(unsigned char)*p - '0';
        if (digit > 9) return false;
        v = v * 10 + digit;
    }
    *out = v;
    return true;
}

bool num_parse_u64(struct slice s, uint64_t *out) {
    if (s.n == 0 || s.n > 20) return false;
    if (s.p[0] < '1' || s.p[0] > '9') {
        if (s.n != 1 || s.p[0] != '0') return false;
        *out = 0;
        return true;
    }
    return read_digits(s.p, s.n, out);
}

bool num_parse_i64(struct slice s, int64_t *out) {
    if (s.n == 0 || s.n > 20) return false;
    bool negative = s.p[0] == '-';
    const char *p = s.p + negative;
    size_t n = s.n - negative;
    uint64_t v;
    if (n == 0 || n > 19) return false;
    if (*p < '1' || *p > '9') {
        if (s.n != 1 || *p != '0') return false;
        *out = 0;
        return true;
    }
    if (!read_digits(p, n, &v) || v > (uint64_t)INT64_MAX + negative) return false;
    *out = (int64_t)(negative ? -v : v);
    return true;
}

unsigned num_digits_u64(uint64_t v) {
    static const uint64_t powers[20] = {0, /* so that 0 has one digit */
                                        10,
                                        100,
                                        1000,
                                        10000,
                                        100000,
                                        1000000,
                                        10000000,
                                        100000000,
                                        1000000000,
                                        10000000000,
                                        100000000000,
                                        1000000000000,
                                        10000000000000,
                                        100000000000000,
                                        1000000000000000,
                                        10000000000000000,
                                        100000000000000000,
                                        1000000000000000000,
                                        10000000000000000000u};
    unsigned bits = 64 - (unsigned)__builtin_clzll(v | 1);
    unsigned guess = bits * 1233 >> 12; /* bits * log10(2), one too few at most */
    return guess + (v >= powers[guess]);
}

static void put_two(char *p, uint32_t v) { memcpy(p, num_two_digits + v * 2, 2); }

size_t num_format_u64(char *buf, uint64_t v) {
    unsigned n = num_digits_u64(v);
    char *p = buf + n;
    *p = 0;
    for (; v >= 10000; v /= 10000) {
        uint32_t four = v % 10000;
        p -= 4;
        put_two(p, four / 100);
        put_two(p + 2, four % 100);
    }
    uint32_t rest = (uint32_t)v;
    if (rest >= 100) {
        p -= 2;
        put_two(p, rest % 100);
        rest /= 100;
    }
    if (rest >= 10) {
        put_two(p - 2, rest);
    } else {
        p[-1] = (char)('0' + rest);
    }
    return n;
}

size_t num_format_i64(char *buf, int64_t v) {
    if (v >= 0) return num_format_u64(buf, (uint64_t)v);
    *buf = '-';
    return 1 + num_format_u64(buf + 1, -(uint64_t)v);
}

bool num_parse_bytes(struct slice s, uint64_t *out) {
    static const struct {
        char text[3];
        uint64_t factor;
    } units[] = {{"", 1},        {"b", 1},        {"k", 1000},       {"kb", 1 << 10},
                 {"m", 1000000}, {"mb", 1 << 20}, {"g", 1000000000}, {"gb", 1 << 30}};
    uint64_t v = 0;
    size_t i = 0;
    for (; i < s.n && isdigit((unsigned char)s.p[i]); i++) {
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v)) {
            return false;
        }
    }
    struct slice unit = {s.p + i, s.n - i};
    for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
        if (slice_is(unit, units[u].text)) return !__builtin_mul_overflow(v, units[u].factor, out);
    }
    return false;
}

bool num_parse_percent(struct slice s, int64_t *out) {
    int64_t v;
    if (s.n < 2 || s.p[s.n - 1] != '%') return false;
    if (!num_parse_i64(slice_of(s.p, s.n - 1), &v) || v < 0) return false;
    *out = v;
    return true;
}
