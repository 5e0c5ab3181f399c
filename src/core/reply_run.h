/* reply_run.h - many bulk strings in a row, with the reply's place in registers.
 *
 *     struct reply_run run = reply_run_begin(r);
 *     while (...) reply_run_bulk(&run, s);
 *     reply_run_end(&run);
 *
 * What is written through a `char *` may change anything that is in memory for all the compiler
 * knows, the place to write at too; a run's place is a local variable, which is a third of the
 * instructions of LRANGE.
 *
 * Between begin and end nothing else may be written to the reply. Cost: some thirty instructions a
 * short string; a longer one is a call of reply_bulk.
 */
#ifndef CORE_REPLY_RUN_H
#define CORE_REPLY_RUN_H

#include <string.h>

#include "base/assert.h"
#include "base/num.h"
#include "core/reply.h"

#define REPLY_SHORT_BYTES 32                             /* of a bulk string made without a call */
#define REPLY_SHORT_ROOM (REPLY_SHORT_BYTES + 3 + 2 + 2) /* "$32\r\n", the text, "\r\n" */

/* memcpy of at most REPLY_SHORT_BYTES, without a call: both ends, which may overlap. Behind the
 * text so much may be read as lies before `end`, and eight bytes may be written in any case. */
static inline void reply_copy_short(char *to, const char *from, size_t n, const char *end) {
    if (n <= 8 && end - from >= 8) {
        memcpy(to, from, 8);
    } else if (n >= 16) {
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

/* Writes a bulk string of at most REPLY_SHORT_BYTES to where REPLY_SHORT_ROOM is free, and returns
 * where it ends. */
static inline char *reply_put_short(char *p, struct slice s, const char *end) {
    if (s.n < 10) {
        uint32_t head = 0x0a0d3024 + ((uint32_t)s.n << 8); /* "$0\r\n", little-endian */
        memcpy(p, &head, 4);
        p += 4;
    } else {
        p[0] = '$';
        memcpy(p + 1, num_two_digits + s.n * 2, 2);
        memcpy(p + 3, "\r\n", 2);
        p += 5;
    }
    reply_copy_short(p, s.p, s.n, end);
    memcpy(p + s.n, "\r\n", 2);
    return p + s.n + 2;
}

struct reply_run {
    struct reply *r;
    char *at, *full; /* at which there is no REPLY_SHORT_ROOM; NULL: at any place */
};

static inline struct reply_run reply_run_begin(struct reply *r) {
    bool has_room = (size_t)(r->end - r->at) >= REPLY_SHORT_ROOM;
    return (struct reply_run){r, r->at, has_room ? r->end - REPLY_SHORT_ROOM + 1 : NULL};
}

static inline void reply_run_end(const struct reply_run *run) { run->r->at = run->at; }

/* The bytes from s.p to `end` are there to be read. */
static inline void reply_run_bulk(struct reply_run *run, struct slice s, const void *end) {
    if (likely(s.n <= REPLY_SHORT_BYTES && run->at < run->full)) {
        run->at = reply_put_short(run->at, s, end);
        return;
    }
    reply_run_end(run);
    reply_bulk(run->r, s);
    *run = reply_run_begin(run->r);
}

static inline void reply_run_bulk_int(struct reply_run *run, int64_t v) {
    reply_run_end(run);
    reply_bulk_int(run->r, v);
    *run = reply_run_begin(run->r);
}

#endif
