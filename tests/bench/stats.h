/* stats.h - clocks, latency histograms, a process' CPU use, and the result line.
 *
 * S1  A histogram keeps each value to within 1/32 of itself, and the maximum exactly.
 * S2  CPU time is summed over the live threads of the process: a thread that ends between
 *     two readings takes its time along, so the pools of a server must stand still.
 * Threads: the caller's one.
 */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum { HIST_SLOTS = 60 * 32 };

struct hist {
    uint64_t count;
    uint64_t max_ns;
    uint64_t slot[HIST_SLOTS];
};

/* Counts `times` values of ns. */
void hist_add(struct hist *h, uint64_t ns, uint64_t times);

/* The value below which the share q (0..1) lies, in ns; 0 when there is none. */
uint64_t hist_quantile_ns(const struct hist *h, double q);

/* Nanoseconds of the monotonic clock; milliseconds of the wall clock. */
uint64_t clock_ns(void);
int64_t wall_ms(void);

/* What a process has used, and what the hypervisor took from the machine, so far. */
struct usage {
    uint64_t cpu_ns;      /* scheduler's account, nanoseconds */
    uint64_t wait_ns;     /* runnable, but another had the CPU */
    uint64_t tick_us;     /* user and system time of /proc/PID/stat, in whole ticks */
    uint64_t steal_ticks; /* of the machine */
    uint64_t all_ticks;   /* of the machine, steal included */
};

/* False when there is no such process (or no /proc). */
bool usage_read(pid_t pid, struct usage *u);

/* The share of the machine's time between the two that was stolen, in percent. */
double usage_steal_percent(const struct usage *before, const struct usage *after);

/* One result: `name=value` separated by blanks, or one JSON object on a line. */
struct report {
    FILE *to;
    bool json;
    bool begun;
};

void report_text(struct report *r, const char *name, const char *text);
void report_number(struct report *r, const char *name, double value, int decimals);
void report_end(struct report *r);

/* The count, median, p99, p99.9 and maximum of h, in microseconds, as PREFIX_p50_us etc. */
void report_hist(struct report *r, const char *prefix, const struct hist *h);

/* Prints one line to stderr and ends the program with status 1. */
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *fmt, ...);

#endif
