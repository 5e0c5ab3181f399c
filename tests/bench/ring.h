/* ring.h - commands made ahead of time, so that sending them costs nothing.
 *
 * A workload is a line of words, such as "SET key:%k %v". In a word stand
 *   %k  a key number, drawn anew, in 12 digits      %s  the key number drawn last
 *   %v  the value (value_bytes long)                %b  a random bit number within a value
 *   %t  a wall clock time in ms (see make_from)
 * A ';' separates commands that take turns; `repeat` copies of the words after the first make
 * one command of many keys.
 * To add a workload: a row in ring.c.
 */
#ifndef BENCH_RING_H
#define BENCH_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct workload {
    const char *name;
    const char *words;
    int repeat;
    const char *heads;   /* first bytes that its replies may have */
    const char *fill;    /* the workload that makes its keys; NULL: none is needed */
    bool gives_value;    /* every bulk in a reply is a value */
    bool gives_elements; /* a reply has `repeat` elements */
};

/* NULL when there is none of that name. */
const struct workload *workload_find(const char *name);

/* The names, separated by blanks, for messages. The caller frees it. */
char *workload_names(void);

/* What a maker draws from. */
struct make_from {
    uint64_t keys;
    uint64_t value_bytes;
    uint64_t seed;   /* 0: the keys in sequence, from 0 on; else at random */
    int64_t time_ms; /* %t is time_ms + (number of the key) % time_spread_ms */
    int64_t time_spread_ms;
};

/* Turns words into the bytes of commands. */
struct maker;
struct maker *maker_new(const char *words, int repeat, const struct make_from *from);
void maker_free(struct maker *m);

/* The most bytes that one command takes. */
size_t maker_bytes_max(const struct maker *m);

/* Writes the next command to `to` (maker_bytes_max bytes long) and returns its length. */
size_t maker_next(struct maker *m, char *to);

/* `count` commands in a row. Command i lies at at[i] .. at[i + 1]. */
struct ring {
    char *bytes;
    size_t *at;
    size_t count;
};

void ring_init(struct ring *r, struct maker *m, size_t count);
void ring_fini(struct ring *r);

#endif
