/* stats.h - the figures that INFO shows: counting, rates, percentiles.
 *
 * The counters themselves lie in struct core and in the rows' struct row_stats; whoever does
 * what is counted adds to them. Here is what takes more than an addition.
 * Threads: the loop.
 */
#ifndef CORE_STATS_H
#define CORE_STATS_H

#include "core/core.h"
#include "core/row.h"

/* Takes a sample of every rate: each CORE_TASK_MS. Tells the allocator when the loop becomes busy,
 * or calm again. */
void stats_sample(struct core *core);

/* Has a worker refresh the allocator's figures. */
void stats_refresh_allocator(struct core *core);

/* The average of the last CORE_RATE_SAMPLES samples. */
uint64_t stats_rate(const struct core *core, enum core_metric metric);

/* Counts an error reply that begins with this word. Beyond CORE_ERROR_KINDS_MAX words only the
 * sum is kept, so that clients cannot fill memory with words of their own (DEBUG ERROR, scripts).
 */
void stats_error(struct core *core, const char *prefix);

/* CONFIG RESETSTAT: everything that counts begins at zero. */
void stats_reset(struct core *core);

/* Calls in a row's histogram, 0 without one. */
uint64_t stats_histogram_calls(const struct row_stats *stats);

/* The time in microseconds that `percent` of the calls did not exceed, placed evenly within
 * its power of two; 0 without calls. */
double stats_percentile_us(const struct row_stats *stats, double percent);

#endif
