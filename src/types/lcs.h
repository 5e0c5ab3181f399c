/* lcs.h - the longest common subsequence of two strings.
 *
 * G1  Of several longest ones, the one that Redis finds: walking back from both ends, a
 *     mismatch drops the last byte of `b` unless only dropping that of `a` keeps the length.
 * G2  Memory: one bit per pair of bytes (Redis: four bytes), plus 1/8 byte per byte of b
 *     for every distinct byte in it; the length alone needs the latter only. Requests are
 *     refused by Redis' figure all the same, so that limits mean what they mean there.
 * Threads: any, a worker for big inputs. Cost: a.n * b.n / 64 steps.
 * Spec: Redis 7.2's LCS; M. Crochemore et al., "A fast and practical bit-vector algorithm
 * for the longest common subsequence problem", 2001.
 */
#ifndef TYPES_LCS_H
#define TYPES_LCS_H

#include "base/bytes.h"

enum lcs_err {
    LCS_ERR_TOO_LONG = -1,  /* a string of 2^32-2 bytes or more */
    LCS_ERR_TOO_BIG = -2,   /* Redis' table would exceed the caller's limit */
    LCS_ERR_NO_MEMORY = -3, /* the allocator had none */
};

/* Positions of equal runs in both strings; both ends included. */
struct lcs_range {
    uint32_t a_first, a_last;
    uint32_t b_first, b_last;
};

struct lcs_result {
    size_t length;
    char *text;               /* `length` bytes */
    struct lcs_range *ranges; /* from the end of the strings to their start */
    size_t range_count;
};

/* The wire text of a negative lcs_err. */
const char *lcs_err_text(int err);

/* Sets *length; 0 or an lcs_err. table_bytes_max bounds (a.n+1) * (b.n+1) * 4, the figure
 * that Redis compares with proto-max-bulk-len. */
int lcs_length(struct slice a, struct slice b, size_t table_bytes_max, size_t *length);

/* Fills *out, which lcs_result_fini releases; 0 or an lcs_err, and then there is nothing to
 * release. Ranges shorter than range_bytes_min are left out; the text is always whole. */
int lcs_find(struct slice a, struct slice b, size_t range_bytes_min, size_t table_bytes_max,
             struct lcs_result *out);
void lcs_result_fini(struct lcs_result *r);

#endif
