/* cmd_memory.c - MEMORY: where the memory goes; core/memory_report.h has the figures.
 *
 * Threads: the loop; giving pages back is a worker's.
 * To add a subcommand: a handler, a row at the end of this file, its lines in HELP.
 * Specification: Redis 7.2.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/mem.h"
#include "commands/cmd_server_internal.h"
#include "core/config.h"
#include "core/memory_report.h"

#define MIB ((size_t)1024 * 1024)
#define SMALL_BYTES (5 * MIB)

/* -- the doctor ---------------------------------------------------------------------- */

static void write_findings(const struct core *core, const struct memory_report *m, FILE *out) {
    size_t sessions = core->session_count ? core->session_count : 1;
    if (m->peak > m->used + m->used / 2)
        fprintf(out,
                " * Peak: %zu MiB were in use once, %zu MiB are now. What is free again may stay "
                "resident; MEMORY PURGE gives it back.\n\n",
                m->peak / MIB, m->used / MIB);
    if (m->frag_ratio > 1.1 && m->frag_bytes > (int64_t)(10 * MIB))
        fprintf(out,
                " * Fragmentation: %.2f bytes are held in pages for each byte in use (%" PRId64
                " MiB over). Values of very different sizes came and went.\n\n",
                m->frag_ratio, m->frag_bytes / (int64_t)MIB);
    if (m->allocator_rss_ratio > 1.1 && m->allocator_rss_bytes > (int64_t)(10 * MIB))
        fprintf(out,
                " * Free pages: the allocator keeps %" PRId64 " MiB resident that hold nothing. "
                "MEMORY PURGE gives them back.\n\n",
                m->allocator_rss_bytes / (int64_t)MIB);
    if (m->rss_overhead_ratio > 1.1 && m->rss_overhead_bytes > (int64_t)(10 * MIB))
        fprintf(out,
                " * Process: %" PRId64 " MiB are resident that no data accounts for, such as "
                "stacks, libraries and huge pages.\n\n",
                m->rss_overhead_bytes / (int64_t)MIB);
    if (m->clients / sessions > MIB / 5)
        fprintf(out,
                " * Clients: connections hold %zu KiB each on average. Look at CLIENT LIST for "
                "those that do not read their replies.\n\n",
                m->clients / sessions / 1024);
    if (core->over_memory)
        fputs(" * Limit: maxmemory is exceeded and nothing can be evicted, so writes are "
              "refused. See maxmemory-policy.\n\n",
              out);
}

static void memory_doctor(struct ctx *c) {
    struct memory_report m;
    char *text = NULL;
    size_t bytes;
    memory_report(c->core, keyspace_memory(c->core->ks), &m);
    FILE *out = open_memstream(&text, &bytes);
    ASSERT(out);
    if (m.used < SMALL_BYTES) {
        fputs("There is too little data here for a diagnosis: ratios mean nothing yet. Ask again "
              "with some data in the server.\n",
              out);
    } else {
        write_findings(c->core, &m, out);
        if (!ftell(out)) fputs("Memory is in order: nothing to report.\n", out);
    }
    fclose(out);
    server_reply_text(c, text, bytes);
}

/* -- figures ------------------------------------------------------------------------- */

static void put(struct reply *r, const char *name, size_t v) {
    reply_bulk_cstr(r, name);
    reply_int(r, (int64_t)v);
}

static void put_ratio(struct reply *r, const char *name, double v, const char *bytes_name,
                      int64_t bytes) {
    reply_bulk_cstr(r, name);
    reply_double(r, v);
    reply_bulk_cstr(r, bytes_name);
    reply_int(r, bytes);
}

static size_t put_databases(struct reply *r, const struct keyspace *ks) {
    size_t n = 0;
    for (int i = 0; i < ks->db_count; i++) {
        const struct db *db = &ks->dbs[i];
        if (!db_size(db)) continue;
        reply_bulkf(r, "db.%d", i);
        reply_map(r, 3);
        put(r, "overhead.hashtable.main", memory_of_table(db));
        put(r, "overhead.hashtable.expires", memory_of_expires(db));
        put(r, "overhead.hashtable.slot-to-keys", 0);
        n++;
    }
    return n;
}

static void memory_stats(struct ctx *c) {
    struct memory_report m;
    struct reply *r = c->r;
    memory_report(c->core, keyspace_memory(c->core->ks), &m);
    struct reply_mark mark = reply_begin(r);
    put(r, "peak.allocated", m.peak);
    put(r, "total.allocated", m.used);
    put(r, "startup.allocated", m.startup);
    put(r, "replication.backlog", 0);
    put(r, "clients.slaves", 0);
    put(r, "clients.normal", m.clients);
    put(r, "cluster.links", 0);
    put(r, "aof.buffer", 0);
    put(r, "lua.caches", c->core->script_counts.eval_bytes);
    put(r, "functions.caches", c->core->script_counts.function_bytes);
    size_t dbs = put_databases(r, c->core->ks);
    put(r, "overhead.total", m.overhead);
    put(r, "keys.count", m.keys);
    put(r, "keys.bytes-per-key", m.bytes_per_key);
    put(r, "dataset.bytes", m.dataset);
    reply_bulk_cstr(r, "dataset.percentage");
    reply_double(r, m.dataset_percent);
    reply_bulk_cstr(r, "peak.percentage");
    reply_double(r, m.peak_percent);
    put(r, "allocator.allocated", m.allocated);
    put(r, "allocator.active", m.active);
    put(r, "allocator.resident", m.resident);
    put_ratio(r, "allocator-fragmentation.ratio", m.frag_ratio, "allocator-fragmentation.bytes",
              m.frag_bytes);
    put_ratio(r, "allocator-rss.ratio", m.allocator_rss_ratio, "allocator-rss.bytes",
              m.allocator_rss_bytes);
    put_ratio(r, "rss-overhead.ratio", m.rss_overhead_ratio, "rss-overhead.bytes",
              m.rss_overhead_bytes);
    put_ratio(r, "fragmentation", m.total_ratio, "fragmentation.bytes", m.total_bytes);
    reply_end_map(r, mark, 27 + dbs);
}

static void memory_malloc_stats(struct ctx *c) {
    struct mem_stats stats;
    size_t live = 0, runs = 0, bytes;
    char *text = NULL;
    mem_allocator_stats(&stats);
    for (int i = 0; i < c->core->ks->db_count; i++) {
        live += c->core->ks->dbs[i].shelf->slab.live;
        runs += c->core->ks->dbs[i].shelf->slab.runs;
    }
    FILE *out = open_memstream(&text, &bytes);
    ASSERT(out);
    fprintf(out,
            "___ Begin %s statistics ___\n"
            "Allocated: %zu, active: %zu, metadata: %zu, resident: %zu, retained: %zu\n"
            "___ Entry slabs ___\n"
            "Mapped: %zu, runs: %zu, in use: %zu\n",
            mem_allocator(), stats.allocated, stats.active, stats.metadata, stats.resident,
            stats.retained, slab_mapped(), runs, live);
    fclose(out);
    server_reply_text(c, text, bytes);
}

static void purge(struct work_job *job) {
    mem_purge();
    mem_free(job);
}

static void memory_purge(struct ctx *c) {
    struct work_job *job = mem_alloc(sizeof *job);
    *job = (struct work_job){.run = purge};
    if (!work_queue_submit(c->core->queues.allocator, job)) mem_free(job); /* much goes on there */
    reply_ok(c->r);
}

/* SAMPLES is taken and has no use: what there is to count is counted. */
static void memory_usage(struct ctx *c) {
    for (int i = 3; i < c->argc; i += 2) {
        int64_t samples;
        if (!slice_is(c->argv[i], "samples") || i + 1 == c->argc) {
            reply_err(c->r, ERR_SYNTAX);
            return;
        }
        if (!ctx_int(c, i + 1, &samples)) return;
        if (samples < 0) {
            reply_err(c->r, ERR_SYNTAX);
            return;
        }
    }
    const struct entry *e = db_peek(c->db, ctx_key(c, 2));
    if (e) {
        reply_int(c->r, (int64_t)entry_memory(e));
    } else {
        reply_null(c->r);
    }
}

static void memory_help(struct ctx *c) {
    static const char *const lines[] = {
        "DOCTOR",
        "    Report problems of memory use, and what helps.",
        "MALLOC-STATS",
        "    Show figures of the allocator and of the entry slabs.",
        "PURGE",
        "    Give free pages back to the system.",
        "STATS",
        "    Show where the memory of the server goes.",
        "USAGE <key> [SAMPLES <count>]",
        "    Show the bytes that <key> and its value take. SAMPLES is accepted; every",
        "    element counts.",
        NULL,
    };
    ctx_help(c, lines);
}

/* -- rows ---------------------------------------------------------------------------- */

static const char *const tips_report[] = {
    "nondeterministic_output",
    "request_policy:all_shards",
    "response_policy:special",
    NULL,
};
static const char *const tips_purge[] = {
    "request_policy:all_shards",
    "response_policy:all_succeeded",
    NULL,
};
static const struct row_arg args_usage[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "count", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "SAMPLES"},
    {0},
};

const struct row memory_subs[] = {
    {
        .name = "doctor",
        .run = memory_doctor,
        .arity = 2,
        .since = "4.0.0",
        .summary = "Reports problems of memory use.",
        .complexity = "O(N) in the connections",
        .group = GROUP_SERVER,
        .tips = tips_report,
    },
    {
        .name = "help",
        .run = memory_help,
        .arity = 2,
        .flags = ROW_LOADING | ROW_STALE,
        .since = "4.0.0",
        .summary = "Explains the subcommands.",
        .complexity = "O(1)",
        .group = GROUP_SERVER,
    },
    {
        .name = "malloc-stats",
        .run = memory_malloc_stats,
        .arity = 2,
        .since = "4.0.0",
        .summary = "Returns figures of the memory allocator.",
        .complexity = "O(1)",
        .group = GROUP_SERVER,
        .tips = tips_report,
    },
    {
        .name = "purge",
        .run = memory_purge,
        .arity = 2,
        .since = "4.0.0",
        .summary = "Gives free memory back to the system.",
        .complexity = "O(1); the work is done beside the loop",
        .group = GROUP_SERVER,
        .tips = tips_purge,
    },
    {
        .name = "stats",
        .run = memory_stats,
        .arity = 2,
        .since = "4.0.0",
        .summary = "Returns where the memory goes.",
        .complexity = "O(N) in the connections",
        .group = GROUP_SERVER,
        .tips = tips_report,
    },
    {
        .name = "usage",
        .run = memory_usage,
        .arity = -3,
        .flags = ROW_READONLY,
        .keys =
            {{.flags = KEY_RO, .begin = BEGIN_INDEX, .index = 2, .find = FIND_RANGE, .step = 1}},
        .since = "4.0.0",
        .summary = "Tells how many bytes a key and its value take.",
        .complexity = "O(1) for a string",
        .group = GROUP_SERVER,
        .args = args_usage,
    },
    {0},
};
