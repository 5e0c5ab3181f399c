/* num.h - numbers to text and back, in the forms that Redis takes and prints.
 *
 * Integers are strict: decimal digits, one '-' at most (signed only), no '+', no space, no
 * leading zero, no "-0", and the whole slice. Floats take what strtod takes (decimal, hex,
 * "inf", "infinity", any case), but neither NaN, a leading space, nor a value that overflows
 * or underflows to zero.
 * num_format_double prints as Redis 7.2 prints scores and RESP3 doubles:
 *   nan  inf  -inf  0  -0; a whole number within +-2^62 as an integer; otherwise the fewest
 *   digits that read back as the same double, the nearest of them, as d1..dn * 10^k:
 *     k >= 0 and |k+n-1| < n+7            the digits, then k zeros: 2^63 is 9223372036854776000
 *     k < 0 and (k > -7 or |k+n-1| < 4)   plain decimal: 0.000001, 0.0012345678901
 *     otherwise                           d1[.d2..dn]e(+|-)x: 1e-7, 1e+20, 1.5e+300
 *   Redis' routine finds other digits for about two doubles in a thousand: one or more too many.
 * num_format_ld_human prints as INCRBYFLOAT does: %.17Lf without trailing zeros.
 * Threads: any; nothing is shared. The process' locale must keep '.' as the decimal point.
 * Spec: Redis 7.2's replies; R. Giulietti, "The Schubfach way to render doubles", 2020.
 */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include "base/bytes.h"

#define NUM_INT_BYTES_MAX 21     /* longest integer text with its zero */
#define NUM_DOUBLE_BYTES_MAX 32  /* longest num_format_double with its zero, rounded up */
#define NUM_FLOAT_BYTES_MAX 5120 /* longest float text read; longest num_format_ld_human */

/* True when the whole slice is an integer in range; *out is untouched otherwise. */
bool num_parse_i64(struct slice s, int64_t *out);
bool num_parse_u64(struct slice s, uint64_t *out);

/* Writes the digits and a zero, NUM_INT_BYTES_MAX bytes at most; returns the length without
 * the zero. */
size_t num_format_i64(char *buf, int64_t v);
size_t num_format_u64(char *buf, uint64_t v);

/* "00" to "99", for what writes numbers of two digits in place. */
extern const char num_two_digits[200];

/* How many decimal digits v has: 1 to 20. */
unsigned num_digits_u64(uint64_t v);

/* True when the whole slice is a float; *out is untouched otherwise. Texts of
 * NUM_FLOAT_BYTES_MAX bytes or more are refused. Short decimals take a fast path. */
bool num_parse_double(struct slice s, double *out);
bool num_parse_ld(struct slice s, long double *out);

/* What the C library makes of a C string, as SORT weighs: only what stands before a zero byte
 * counts, all of which must be the number; spaces may lead, and no bytes at all are 0. Neither NaN
 * nor what overflows or is too small to be exact. Of any length. */
bool num_parse_double_c(struct slice s, double *out);

/* Writes the text and a zero, NUM_DOUBLE_BYTES_MAX bytes at most; returns the length
 * without the zero. */
size_t num_format_double(char *buf, double v);

/* The same, up to NUM_FLOAT_BYTES_MAX bytes. */
size_t num_format_ld_human(char *buf, long double v);

/* A size of a configuration file: digits and a unit in either case: none or b = 1,
 * k = 1000, kb = 1024, likewise m, mb, g, gb. As in Redis, no digits at all mean 0.
 * Unlike Redis, a product above 64 bits is refused. */
bool num_parse_bytes(struct slice s, uint64_t *out);

/* A whole number >= 0 followed by '%'; *out is the number. */
bool num_parse_percent(struct slice s, int64_t *out);

#endif
