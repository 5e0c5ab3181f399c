/* options.h - what the command line of `load` asks for, and its modes.
 *
 * To add a mode: its function here, a row in load.c.
 */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "drive.h"
#include "ring.h"

struct options {
    struct endpoint at;
    int conns;
    uint64_t pipeline;
    uint64_t requests; /* 0: by time */
    double seconds;
    double warm_seconds;
    double rate; /* requests per second */
    uint64_t keys;
    uint64_t value_bytes;
    struct workload workload;
    uint64_t ring; /* commands made ahead; 0: as the key space asks */
    uint64_t seed;
    pid_t pid;
    bool json;
    int64_t ttl_ms;    /* fill: 0 for none */
    int64_t spread_ms; /* expire: the deadlines lie within so long */
    int64_t lead_ms;   /* expire: time left to the fill; 0: estimated */
    double limit_seconds;
};

/* Each prints one result line and returns the program's status: 1 after error replies,
 * replies of the wrong form, or a limit that was passed. */
int mode_run(const struct options *o);
int mode_rate(const struct options *o);
int mode_fill(const struct options *o);
int mode_grow(const struct options *o);
int mode_expire(const struct options *o);

/* The replies that the workload may get. */
struct reply_rules options_rules(const struct options *o);

/* Reads the server's use so far; zeros when its process is not known. */
void options_usage(const struct options *o, struct usage *u);

/* Adds errors and odd replies to the line. Returns the status that they make. */
int report_tally(struct report *r, const struct reply_tally *t);

/* Adds the server's CPU use between the two per request, the steal, and its waits. */
void report_usage(struct report *r, const struct usage *before, const struct usage *after,
                  uint64_t requests);

#endif
