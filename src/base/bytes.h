/* bytes.h - a borrowed run of bytes.
 *
 * A slice owns nothing: whoever hands one out says how long the bytes live. It is
 * passed by value, in two registers. Bytes are binary; none of them is special and
 * there is no terminating zero.
 * Threads: any.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *p;
    size_t n;
};

static inline struct slice slice_of(const void *p, size_t n) { return (struct slice){p, n}; }

/* The bytes of a C string, without its terminating zero. */
static inline struct slice slice_cstr(const char *s) { return (struct slice){s, strlen(s)}; }

static inline bool slice_eq(struct slice a, struct slice b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool slice_begins(struct slice a, struct slice with) {
    return a.n >= with.n && (with.n == 0 || memcmp(a.p, with.p, with.n) == 0);
}

/* Equality of less than eight bytes. */
bool bytes_eq_few(const char *a, const char *b, size_t n);

/* Equality of names: short, and the same more often than not. */
static inline bool bytes_eq_short(const char *a, const char *b, size_t n) {
    uint64_t x, y;
    if (n < 8) return bytes_eq_few(a, b, n);
    for (size_t i = 0; i + 8 < n; i += 8) {
        memcpy(&x, a + i, 8);
        memcpy(&y, b + i, 8);
        if (x != y) return false;
    }
    memcpy(&x, a + n - 8, 8);
    memcpy(&y, b + n - 8, 8);
    return x == y;
}

/* Order of the bytes as unsigned values, the shorter first on a tie: <0, 0, >0. */
int slice_cmp(struct slice a, struct slice b);

/* Equality with a C string, ASCII letters in either case. This is how option words
 * and subcommand names are compared. */
bool slice_is(struct slice a, const char *word);

#endif
