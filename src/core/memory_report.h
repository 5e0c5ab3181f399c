/* memory_report.h - where the memory goes: the figures of INFO memory and MEMORY.
 *
 * Names and ratios are Redis'. The entry slabs lie outside of the allocator; they are added to
 * its figures, so that the ratios speak of the whole process.
 * Threads: the loop. Cost: a walk over the sessions, and reading /proc.
 */
#ifndef CORE_MEMORY_REPORT_H
#define CORE_MEMORY_REPORT_H

#include "core/core.h"

struct db;

struct memory_report {
    size_t used, peak, startup, rss, system; /* bytes */
    size_t clients;                          /* of connections and their buffers */
    size_t overhead;                         /* startup, clients, tables */
    size_t dataset;                          /* the rest */
    double dataset_percent;                  /* of what was taken since the start */
    double peak_percent;
    size_t keys, bytes_per_key;
    /* Handed out, in pages with something handed out, in pages that may be resident. */
    size_t allocated, active, resident;
    double frag_ratio, allocator_rss_ratio, rss_overhead_ratio, total_ratio;
    int64_t frag_bytes, allocator_rss_bytes, rss_overhead_bytes, total_bytes;
};

/* `used`: keyspace_memory, now or before the report began to take memory itself. */
void memory_report(const struct core *core, size_t used, struct memory_report *out);

/* Bytes that a database's table takes, and its times, beyond the entries. */
size_t memory_of_table(const struct db *db);
size_t memory_of_expires(const struct db *db);

#endif
