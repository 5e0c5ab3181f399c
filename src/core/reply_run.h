/* reply_run.h - many bulk strings in a row out of one block, with the reply's place in registers.
 *
 *     struct reply_run run = reply_run_begin(r, the block's end);
 *     while (...) reply_run_bulk(&run, s);
 *     reply_run_end(&run);
 *
 * What is written through a `char *` may change anything that is in memory for all the compiler
 * knows, the place to write at too; a run's place is a local variable, which halves what LRANGE
 * costs.
 *
 * Between begin and end nothing else may be written to the reply. Cost: some 25 instructions for up
 * to eight bytes, 40 for REPLY_SHORT_BYTES; a longer string is a call of reply_bulk.
 */
#ifndef CORE_REPLY_RUN_H
#define CORE_REPLY_RUN_H

#include "base/assert.h"
#include "base/num.h"
#include "core/reply.h"
#include "wire/resp.h"

#define REPLY_SHORT_BYTES 32                             /* of a bulk string made without a call */
#define REPLY_SHORT_ROOM (REPLY_SHORT_BYTES + 3 + 2 + 2) /* "$32\r\n", the text, "\r\n" */

/* memcpy of at most REPLY_SHORT_BYTES, without a call: both ends, which may overlap. */
static inline void reply_copy_short(char *to, const char *from, size_t n) {
    if (n >= 16) {
        memcpy(to, from, 16);
        memcpy(to + n - 16, from + n - 16, 16);
    } else if (n >= 8) {
        memcpy(to, from, 8);
        memcpy(to + n - 8, from + n - 8, 8);
    } else if (n >= 4) {
        memcpy(to, from, 4);
        memcpy(to + n - 4, from + n - 4, 4);
    } else if (n) {
        to[0] = from[0];
        to[n / 2] = from[n / 2];
        to[n - 1] = from[n - 1];
    }
}

/* The header of a bulk string of less than ten bytes. */
static inline char *reply_put_digit_header(char *p, size_t n) {
    uint32_t header = 0x0a0d3024 + ((uint32_t)n << 8); /* little-endian */
    memcpy(p, &header, 4);
    return p + 4;
}

/* Writes a bulk string of at most REPLY_SHORT_BYTES to where REPLY_SHORT_ROOM is free, and returns
 * where it ends. */
static inline char *reply_put_short(char *p, struct slice s) {
    if (s.n < 10) {
        p = reply_put_digit_header(p, s.n);
    } else {
        p[0] = '$';
        memcpy(p + 1, num_two_digits + s.n * 2, 2);
        p = resp_put_line_end(p + 3);
    }
    reply_copy_short(p, s.p, s.n);
    return resp_put_line_end(p + s.n);
}

struct reply_run {
    struct reply *r;
    char *at, *full; /* at which there is no REPLY_SHORT_ROOM; NULL: at any place */
    uintptr_t word;  /* the last place in the block from which eight bytes may be read */
};

/* Takes the place over from the reply, to which something else was written. */
static inline void reply_run_follow(struct reply_run *run) {
    const struct reply *r = run->r;
    bool has_room = (size_t)(r->end - r->at) >= REPLY_SHORT_ROOM;
    run->at = r->at;
    run->full = has_room ? r->end - REPLY_SHORT_ROOM + 1 : NULL;
}

/* The strings will lie in the block that ends at `end`, and may be read up to there. */
static inline struct reply_run reply_run_begin(struct reply *r, const void *end) {
    struct reply_run run = {.r = r, .word = (uintptr_t)end - 8};
    reply_run_follow(&run);
    return run;
}

static inline void reply_run_end(const struct reply_run *run) { run->r->at = run->at; }

static inline void reply_run_bulk(struct reply_run *run, struct slice s) {
    if (likely(s.n <= 8 && (uintptr_t)s.p <= run->word && run->at < run->full)) {
        char *p = reply_put_digit_header(run->at, s.n);
        memcpy(p, s.p, 8);
        run->at = resp_put_line_end(p + s.n);
    } else if (s.n <= REPLY_SHORT_BYTES && run->at < run->full) {
        run->at = reply_put_short(run->at, s);
    } else {
        reply_run_end(run);
        reply_bulk(run->r, s);
        reply_run_follow(run);
    }
}

static inline void reply_run_bulk_int(struct reply_run *run, int64_t v) {
    reply_run_end(run);
    reply_bulk_int(run->r, v);
    reply_run_follow(run);
}

#endif
