/* reply.h - counts the replies in a stream of bytes, and checks their form.
 *
 * R1  The scanner holds no bytes: it can stop and go on after any byte.
 * R2  An element owes itself; the head of an aggregate of n pays one debt and makes n (2n for
 *     a map). A reply is complete when nothing is owed, so nesting needs no stack.
 * Threads: the caller's one.  Follows the RESP2 and RESP3 protocol specifications.
 */
#ifndef BENCH_REPLY_H
#define BENCH_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the replies may look like. */
struct reply_rules {
    bool head[256];     /* first bytes that a reply may have ('-' never needs to be in it) */
    int64_t bulk_bytes; /* length that every bulk must have, unless null; -1: any */
    int64_t elements;   /* length of an outer array; -1: any */
};

/* heads: the first bytes allowed, as a string. Lengths are left free. */
struct reply_rules reply_rules_of(const char *heads);

/* What was seen so far, over all the connections that share it. */
struct reply_tally {
    uint64_t replies;
    uint64_t errors; /* error replies, nested ones included */
    uint64_t odd;    /* of another type or length than the rules say */
    char first[120]; /* the first error's or odd reply's line */
};

struct reply_scan {
    int state;
    bool negative;
    bool noting; /* the line is being copied into tally.first */
    char head;
    int64_t number;
    int64_t owed;
    int64_t skip; /* payload bytes still to come */
};

/* Scans n bytes. Returns how many replies ended in them, or -1 when they are not RESP. */
int64_t reply_scan(struct reply_scan *s, const struct reply_rules *rules, struct reply_tally *t,
                   const char *p, size_t n);

#endif
