/* stats.c - see stats.h. */
#include "core/stats.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/mem.h"
#include "store/db.h"

/* -- rates --------------------------------------------------------------------------- */

static uint64_t metric_value(const struct core *core, enum core_metric metric) {
    switch (metric) {
    case METRIC_COMMANDS: return core->stats.commands;
    case METRIC_NET_IN: return core->stats.net_in;
    case METRIC_NET_OUT: return core->stats.net_out;
    case METRIC_TURNS: return core->stats.loop_turns;
    case METRIC_TURN_US: return core->stats.loop_us;
    default: return 0;
    }
}

/* `factor` is what a unit of the rate has of the base. */
static void rate_sample(struct core_rate *rate, uint64_t value, uint64_t base, uint64_t factor) {
    if (rate->last_base && base > rate->last_base) {
        rate->samples[rate->next] = (value - rate->last_value) * factor / (base - rate->last_base);
        rate->next = (rate->next + 1) % CORE_RATE_SAMPLES;
    }
    rate->last_value = value;
    rate->last_base = base;
}

static void keep_pages(struct work_job *job) {
    mem_keep_free_pages(true);
    mem_free(job);
}

static void give_pages(struct work_job *job) {
    mem_keep_free_pages(false);
    mem_free(job);
}

/* Giving pages back takes a processor, and the loop a fault each when it wants them again: not
 * while it fills one. To be called before the sample that it compares with is replaced. */
static void follow_load(struct core *core) {
    uint64_t begun_ms = core->rates[METRIC_COMMANDS].last_base;
    uint64_t passed_us = ((uint64_t)core->now_ms - begun_ms) * 1000;
    uint64_t used_us = core->stats.loop_us - core->rates[METRIC_TURN_US].last_value;
    bool busy = used_us > passed_us / 100 * (core->is_busy ? LOOP_CALM_PERCENT : LOOP_BUSY_PERCENT);
    if (!begun_ms || busy == core->is_busy) return;
    struct work_job *job = mem_alloc(sizeof *job);
    *job = (struct work_job){.run = busy ? keep_pages : give_pages};
    if (work_queue_submit(core->queues.allocator, job)) {
        core->is_busy = busy;
    } else {
        mem_free(job); /* the next sample will say so again */
    }
}

void stats_sample(struct core *core) {
    if (!core->startup_bytes) core->startup_bytes = keyspace_memory(core->ks);
    follow_load(core);
    for (enum core_metric m = 0; m < METRIC_COUNT; m++) {
        bool by_turn = m == METRIC_TURN_US;
        rate_sample(&core->rates[m], metric_value(core, m),
                    by_turn ? core->stats.loop_turns : (uint64_t)core->now_ms, by_turn ? 1 : 1000);
    }
}

static void refresh_allocator(struct work_job *job) {
    mem_allocator_refresh();
    mem_free(job);
}

void stats_refresh_allocator(struct core *core) {
    struct work_job *job = mem_alloc(sizeof *job);
    *job = (struct work_job){.run = refresh_allocator};
    if (!work_queue_submit(core->queues.allocator, job)) mem_free(job); /* one is on its way */
}

uint64_t stats_rate(const struct core *core, enum core_metric metric) {
    uint64_t sum = 0;
    for (int i = 0; i < CORE_RATE_SAMPLES; i++) sum += core->rates[metric].samples[i];
    return sum / CORE_RATE_SAMPLES;
}

/* -- errors -------------------------------------------------------------------------- */

void stats_error(struct core *core, const char *prefix) {
    struct error_kind *kinds = core->error_kinds;
    int i = 0, order = 1;
    core->stats.errors++;
    while (i < core->error_kind_count && (order = strcmp(kinds[i].prefix, prefix)) < 0) i++;
    if (order != 0) {
        if (core->error_kind_count == CORE_ERROR_KINDS_MAX) return;
        memmove(kinds + i + 1, kinds + i, (size_t)(core->error_kind_count - i) * sizeof *kinds);
        core->error_kind_count++;
        kinds[i].count = 0;
        snprintf(kinds[i].prefix, sizeof kinds[i].prefix, "%s", prefix);
    }
    kinds[i].count++;
}

void stats_reset(struct core *core) {
    struct keyspace *ks = core->ks;
    core->stats = (struct core_stats){.memory_peak = keyspace_memory(ks)};
    memset(core->rates, 0, sizeof core->rates);
    core->error_kind_count = 0;
    ks->hits = ks->misses = ks->expired = ks->evicted = ks->expired_fields = 0;
    core->lazyfree_done = 0;
    row_stats_reset(core->rows);
}

/* -- histograms ---------------------------------------------------------------------- */

uint64_t stats_histogram_calls(const struct row_stats *stats) {
    uint64_t n = 0;
    for (int i = 0; stats->histogram && i < ROW_HISTOGRAM_BUCKETS; i++) n += stats->histogram[i];
    return n;
}

double stats_percentile_us(const struct row_stats *stats, double percent) {
    uint64_t calls = stats_histogram_calls(stats), below = 0;
    if (!calls) return 0;
    double rank = percent / 100 * (double)calls;
    for (int i = 0; i < ROW_HISTOGRAM_BUCKETS; i++) {
        uint32_t here = stats->histogram[i];
        if (here && (double)(below + here) >= rank) {
            double low_ns = (double)(UINT64_C(1) << i);
            double part = rank > (double)below ? (rank - (double)below) / here : 0;
            return (low_ns + low_ns * part) / 1000;
        }
        below += here;
    }
    return 0;
}
