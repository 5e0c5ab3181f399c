/* info.c - see info.h. */
#define _GNU_SOURCE /* RUSAGE_THREAD */
#include "core/info.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/num.h"
#include "core/blocked.h"
#include "core/config.h"
#include "core/memory_report.h"
#include "core/offload.h"
#include "core/places.h"
#include "core/process.h"
#include "core/session.h"
#include "core/stats.h"
#include "core/version.h"
#include "core/watch.h"
#include "store/capture.h"
#include "store/garbage.h"

#define TEXT(x) #x
#define TEXT_OF(x) TEXT(x)
#define GCC_VERSION TEXT_OF(__GNUC__) "." TEXT_OF(__GNUC_MINOR__) "." TEXT_OF(__GNUC_PATCHLEVEL__)

/* A line for people behind one for programs: "name_human:1.50M". */
static void put_human(FILE *out, const char *name, size_t bytes) {
    static const char units[] = "BKMGTPE";
    double v = (double)bytes;
    int unit = 0;
    for (; v >= 1024 && unit < 6; unit++) v /= 1024;
    if (unit == 0) {
        fprintf(out, "%s_human:%zuB\r\n", name, bytes);
    } else {
        fprintf(out, "%s_human:%.2f%c\r\n", name, v, units[unit]);
    }
}

static void put_bytes(FILE *out, const char *name, size_t bytes) {
    fprintf(out, "%s:%zu\r\n", name, bytes);
    put_human(out, name, bytes);
}

/* -- server -------------------------------------------------------------------------- */

static const char *clock_name(void) {
    if (!clock_has_counter) return "POSIX clock_gettime";
#if defined(__x86_64__)
    return "X86 TSC";
#else
    return "ARM CNTVCT";
#endif
}

static const char *supervised_name(const struct config *conf) {
    switch (process_supervisor(conf)) {
    case CONFIG_SUPERVISED_SYSTEMD: return "systemd";
    case CONFIG_SUPERVISED_UPSTART: return "upstart";
    default: return "no";
    }
}

static void put_listeners(const struct core *core, FILE *out) {
    const struct config *conf = core->config;
    int n = 0;
    if (conf->bind_count && core->port) {
        fprintf(out, "listener%d:name=tcp", n++);
        for (size_t i = 0; i < conf->bind_count; i++) fprintf(out, ",bind=%s", conf->bind[i]);
        fprintf(out, ",port=%d\r\n", core->port);
    }
    if (conf->unixsocket[0]) fprintf(out, "listener%d:name=unix,bind=%s\r\n", n, conf->unixsocket);
}

static void put_server(struct core *core, FILE *out) {
    static const char build[] = CLEARLANE_VERSION " gcc " __VERSION__;
    const struct config *conf = core->config;
    int64_t up_s = (core->now_ms - core->started_ms) / 1000;
    struct utsname os;
    uname(&os);
    fputs("redis_version:" REDIS_VERSION "\r\n"
          "server_name:clearlane\r\n"
          "clearlane_version:" CLEARLANE_VERSION "\r\n"
          "redis_git_sha1:00000000\r\n"
          "redis_git_dirty:0\r\n",
          out);
    fprintf(out, "redis_build_id:%" PRIx64 "\r\n", (uint64_t)XXH3_64bits(build, sizeof build - 1));
    fprintf(out,
            "redis_mode:standalone\r\n"
            "os:%s %s %s\r\n"
            "arch_bits:%zu\r\n"
            "monotonic_clock:%s\r\n"
            "multiplexing_api:epoll\r\n"
            "atomicvar_api:c11-builtin\r\n"
            "gcc_version:" GCC_VERSION "\r\n"
            "process_id:%d\r\n"
            "process_supervised:%s\r\n"
            "run_id:%s\r\n"
            "tcp_port:%d\r\n"
            "server_time_usec:%" PRId64 "\r\n",
            os.sysname, os.release, os.machine, sizeof(void *) * 8, clock_name(), (int)getpid(),
            supervised_name(conf), core->run_id, core->port, core->now_us);
    fprintf(out,
            "uptime_in_seconds:%" PRId64 "\r\n"
            "uptime_in_days:%" PRId64 "\r\n"
            "hz:%d\r\n"
            "configured_hz:%d\r\n"
            "lru_clock:%u\r\n"
            "executable:%s\r\n"
            "config_file:%s\r\n"
            "io_threads_active:0\r\n",
            up_s, (up_s / 86400), conf->hz, conf->hz, core->ks->lru_clock,
            core->executable ? core->executable : "", conf->config_file);
    put_listeners(core, out);
}

/* -- clients ------------------------------------------------------------------------- */

static void put_clients(struct core *core, FILE *out) {
    size_t input_max = 0, output_max = 0, held = 0, watching = 0;
    struct blocked_counts waiting = blocked_counts(core->blocked);
    for (struct list_link *l = list_first(&core->sessions); l; l = list_next(&core->sessions, l)) {
        struct session *s = LIST_MEMBER(l, struct session, in_all);
        size_t input = (size_t)s->query_bytes + s->query_free, output = reply_memory(&s->reply);
        held += (s->state & SESSION_HELD) != 0;
        watching += s->watch_count != 0;
        if (input > input_max) input_max = input;
        if (output > output_max) output_max = output;
    }
    fprintf(out,
            "connected_clients:%zu\r\n"
            "cluster_connections:0\r\n"
            "maxclients:%u\r\n"
            "client_recent_max_input_buffer:%zu\r\n"
            "client_recent_max_output_buffer:%zu\r\n"
            "blocked_clients:%zu\r\n"
            "tracking_clients:%zu\r\n"
            "pubsub_clients:%zu\r\n"
            "watching_clients:%zu\r\n"
            "clients_in_timeout_table:%zu\r\n"
            "total_watched_keys:%zu\r\n"
            "total_blocking_keys:%zu\r\n"
            "total_blocking_keys_on_nokey:%zu\r\n",
            core->session_count, core->config->maxclients, input_max, output_max,
            waiting.sessions + held, core->tracking_counts.sessions, core->topic_counts.sessions,
            watching, waiting.timed, watch_keys(core), waiting.keys, waiting.any_keys);
}

/* -- memory -------------------------------------------------------------------------- */

static const char *policy_name(int policy) {
    static const char *const names[] = {
        [EVICT_NOEVICTION] = "noeviction",           [EVICT_ALLKEYS_LRU] = "allkeys-lru",
        [EVICT_ALLKEYS_LFU] = "allkeys-lfu",         [EVICT_ALLKEYS_RANDOM] = "allkeys-random",
        [EVICT_VOLATILE_LRU] = "volatile-lru",       [EVICT_VOLATILE_LFU] = "volatile-lfu",
        [EVICT_VOLATILE_RANDOM] = "volatile-random", [EVICT_VOLATILE_TTL] = "volatile-ttl",
    };
    return names[policy];
}

static void put_scripts_memory(const struct script_counts *n, FILE *out) {
    put_bytes(out, "used_memory_lua", n->eval_vm_bytes);
    fprintf(out,
            "used_memory_vm_eval:%zu\r\n"
            "used_memory_scripts_eval:%zu\r\n"
            "number_of_cached_scripts:%zu\r\n"
            "number_of_functions:%zu\r\n"
            "number_of_libraries:%zu\r\n"
            "used_memory_vm_functions:%zu\r\n",
            n->eval_vm_bytes, n->eval_bytes, n->cached, n->functions, n->libraries,
            n->function_vm_bytes);
    put_bytes(out, "used_memory_vm_total", n->eval_vm_bytes + n->function_vm_bytes);
    fprintf(out, "used_memory_functions:%zu\r\n", n->function_bytes);
    put_bytes(out, "used_memory_scripts", n->eval_bytes + n->function_bytes);
}

static void put_memory_ratios(const struct memory_report *m, FILE *out) {
    fprintf(out,
            "allocator_frag_ratio:%.2f\r\n"
            "allocator_frag_bytes:%" PRId64 "\r\n"
            "allocator_rss_ratio:%.2f\r\n"
            "allocator_rss_bytes:%" PRId64 "\r\n"
            "rss_overhead_ratio:%.2f\r\n"
            "rss_overhead_bytes:%" PRId64 "\r\n"
            "mem_fragmentation_ratio:%.2f\r\n"
            "mem_fragmentation_bytes:%" PRId64 "\r\n",
            m->frag_ratio, m->frag_bytes, m->allocator_rss_ratio, m->allocator_rss_bytes,
            m->rss_overhead_ratio, m->rss_overhead_bytes, m->total_ratio, m->total_bytes);
}

static void put_memory(struct core *core, FILE *out) {
    struct memory_report m;
    memory_report(core, core->stats.memory_seen, &m);
    put_bytes(out, "used_memory", m.used);
    put_bytes(out, "used_memory_rss", m.rss);
    put_bytes(out, "used_memory_peak", m.peak);
    fprintf(out,
            "used_memory_peak_perc:%.2f%%\r\n"
            "used_memory_overhead:%zu\r\n"
            "used_memory_startup:%zu\r\n"
            "used_memory_dataset:%zu\r\n"
            "used_memory_dataset_perc:%.2f%%\r\n"
            "allocator_allocated:%zu\r\n"
            "allocator_active:%zu\r\n"
            "allocator_resident:%zu\r\n",
            m.peak_percent, m.overhead, m.startup, m.dataset, m.dataset_percent, m.allocated,
            m.active, m.resident);
    put_bytes(out, "total_system_memory", m.system);
    put_scripts_memory(&core->script_counts, out);
    put_bytes(out, "maxmemory", core->config->maxmemory_bytes);
    fprintf(out, "maxmemory_policy:%s\r\n", policy_name(core->config->maxmemory_policy));
    put_memory_ratios(&m, out);
    fprintf(out,
            "mem_not_counted_for_evict:0\r\n"
            "mem_replication_backlog:0\r\n"
            "mem_total_replication_buffers:0\r\n"
            "mem_clients_slaves:0\r\n"
            "mem_clients_normal:%zu\r\n"
            "mem_cluster_links:0\r\n"
            "mem_aof_buffer:0\r\n"
            "mem_allocator:%s\r\n"
            "active_defrag_running:0\r\n"
            "lazyfree_pending_objects:%zu\r\n"
            "lazyfreed_objects:%zu\r\n",
            m.clients, mem_allocator(), core->lazyfree_pending + garbage_count(core->ks->garbage),
            core->lazyfree_done);
}

/* -- persistence --------------------------------------------------------------------- */

static void put_log(const struct core *core, FILE *out) {
    const struct core_log *log = &core->log;
    int64_t now_s = core->now_ms / 1000;
    fprintf(out,
            "aof_enabled:%d\r\n"
            "aof_rewrite_in_progress:%d\r\n"
            "aof_rewrite_scheduled:%d\r\n"
            "aof_last_rewrite_time_sec:%" PRId64 "\r\n"
            "aof_current_rewrite_time_sec:%" PRId64 "\r\n"
            "aof_last_bgrewrite_status:%s\r\n"
            "aof_rewrites:%" PRIu64 "\r\n"
            "aof_rewrites_consecutive_failures:%" PRIu64 "\r\n"
            "aof_last_write_status:%s\r\n"
            "aof_last_cow_size:0\r\n",
            log->on || log->starting, log->rewriting, log->rewrite_scheduled, log->rewrite_took_s,
            log->rewriting ? now_s - log->rewrite_begun_s : -1, log->rewrite_failed ? "err" : "ok",
            log->rewrites, log->rewrite_failures, log->error ? "err" : "ok");
}

static void put_log_sizes(const struct core *core, FILE *out) {
    const struct core_log *log = &core->log;
    if (!log->on && !log->starting) return;
    fprintf(out,
            "aof_current_size:%" PRIu64 "\r\n"
            "aof_base_size:%" PRIu64 "\r\n"
            "aof_pending_rewrite:0\r\n"
            "aof_buffer_length:%" PRIu64 "\r\n"
            "aof_pending_bio_fsync:%d\r\n"
            "aof_delayed_fsync:%" PRIu64 "\r\n",
            log->bytes, log->base_bytes, log->waiting_bytes, log->syncing, log->delayed);
}

/* What is copied because of changes is what a fork would have copied. */
static void put_cut(const struct core *core, FILE *out) {
    struct cut_figures f = core->ks->cut ? cut_figures(core->ks->cut) : (struct cut_figures){0};
    fprintf(out,
            "current_cow_peak:%" PRIu64 "\r\n"
            "current_cow_size:%" PRIu64 "\r\n"
            "current_cow_size_age:0\r\n"
            "current_fork_perc:%.2f\r\n"
            "current_save_keys_processed:%zu\r\n"
            "current_save_keys_total:%zu\r\n",
            f.copied_bytes, f.copied_bytes,
            f.keys_total ? (double)f.keys_given * 100 / (double)f.keys_total : 0.0, f.keys_given,
            f.keys_total);
}

static void put_rdb(const struct core *core, FILE *out) {
    const struct core_persistence *p = &core->persistence;
    fprintf(out,
            "rdb_changes_since_last_save:%" PRIu64 "\r\n"
            "rdb_bgsave_in_progress:%d\r\n"
            "rdb_last_save_time:%" PRId64 "\r\n"
            "rdb_last_bgsave_status:%s\r\n"
            "rdb_last_bgsave_time_sec:%" PRId64 "\r\n"
            "rdb_current_bgsave_time_sec:%" PRId64 "\r\n"
            "rdb_saves:%" PRIu64 "\r\n"
            "rdb_last_cow_size:%" PRIu64 "\r\n"
            "rdb_last_load_keys_expired:%" PRIu64 "\r\n"
            "rdb_last_load_keys_loaded:%" PRIu64 "\r\n",
            feed_counted(&core->feed) - p->changes_saved, p->saving, p->last_save_s,
            p->save_failed ? "err" : "ok", p->save_took_s,
            p->saving ? (core->now_ms - p->save_begun_ms) / 1000 : -1, p->saves, p->save_cow_bytes,
            p->load_expired, p->load_keys);
}

static void put_loading(const struct core *core, FILE *out) {
    const struct core_loading *l = &core->loading;
    int64_t took_s = (core->now_ms - l->begun_ms) / 1000, left_s = 1;
    if (!l->on) return;
    if (took_s && l->total_bytes > l->loaded_bytes)
        left_s =
            took_s * (int64_t)(l->total_bytes - l->loaded_bytes) / (int64_t)(l->loaded_bytes + 1);
    fprintf(out,
            "loading_start_time:%" PRId64 "\r\n"
            "loading_total_bytes:%" PRIu64 "\r\n"
            "loading_rdb_used_mem:%zu\r\n"
            "loading_loaded_bytes:%" PRIu64 "\r\n"
            "loading_loaded_perc:%.2f\r\n"
            "loading_eta_seconds:%" PRId64 "\r\n",
            l->begun_ms / 1000, l->total_bytes, l->rdb_used_mem, l->loaded_bytes,
            l->total_bytes ? (double)l->loaded_bytes * 100 / (double)l->total_bytes : 0.0, left_s);
}

static void put_persistence(struct core *core, FILE *out) {
    fprintf(out,
            "loading:%d\r\n"
            "async_loading:0\r\n",
            core->loading.on);
    put_cut(core, out);
    put_rdb(core, out);
    put_log(core, out);
    fputs("module_fork_in_progress:0\r\n"
          "module_fork_last_cow_size:0\r\n",
          out);
    put_log_sizes(core, out);
    put_loading(core, out);
}

/* -- stats --------------------------------------------------------------------------- */

static void put_traffic(const struct core *core, FILE *out) {
    const struct core_stats *st = &core->stats;
    fprintf(out,
            "total_connections_received:%" PRIu64 "\r\n"
            "total_commands_processed:%" PRIu64 "\r\n"
            "instantaneous_ops_per_sec:%" PRIu64 "\r\n"
            "total_net_input_bytes:%" PRIu64 "\r\n"
            "total_net_output_bytes:%" PRIu64 "\r\n"
            "total_net_repl_input_bytes:0\r\n"
            "total_net_repl_output_bytes:0\r\n"
            "instantaneous_input_kbps:%.2f\r\n"
            "instantaneous_output_kbps:%.2f\r\n"
            "instantaneous_input_repl_kbps:0.00\r\n"
            "instantaneous_output_repl_kbps:0.00\r\n"
            "rejected_connections:%" PRIu64 "\r\n"
            "sync_full:0\r\n"
            "sync_partial_ok:0\r\n"
            "sync_partial_err:0\r\n",
            st->connections, st->commands, stats_rate(core, METRIC_COMMANDS), st->net_in,
            st->net_out, (double)stats_rate(core, METRIC_NET_IN) / 1024,
            (double)stats_rate(core, METRIC_NET_OUT) / 1024, st->rejected_connections);
}

static void put_keys_stats(const struct core *core, FILE *out) {
    const struct keyspace *ks = core->ks;
    fprintf(out,
            "expired_subkeys:%" PRIu64 "\r\n"
            "expired_keys:%" PRIu64 "\r\n"
            "expired_stale_perc:0.00\r\n"
            "expired_time_cap_reached_count:0\r\n"
            "expire_cycle_cpu_milliseconds:%" PRIu64 "\r\n"
            "evicted_keys:%" PRIu64 "\r\n"
            "evicted_clients:%" PRIu64 "\r\n"
            "evicted_scripts:%zu\r\n"
            "total_eviction_exceeded_time:%" PRIu64 "\r\n"
            "current_eviction_exceeded_time:0\r\n"
            "keyspace_hits:%" PRIu64 "\r\n"
            "keyspace_misses:%" PRIu64 "\r\n",
            ks->expired_fields, ks->expired, core->stats.expire_us / 1000, ks->evicted,
            core->stats.evicted_clients, core->script_counts.evicted,
            (core->stats.evict_stalls_us / 1000), ks->hits, ks->misses);
    fprintf(out,
            "pubsub_channels:%zu\r\n"
            "pubsub_patterns:%zu\r\n"
            "pubsubshard_channels:%zu\r\n"
            "topic_subscriptions:%zu\r\n"
            "subscriber_dropped_messages:%" PRIu64 "\r\n"
            "subscriber_stall_disconnections:%" PRIu64 "\r\n",
            core->topic_counts.channels, core->topic_counts.patterns,
            core->topic_counts.shard_channels, core->topic_counts.retained,
            core->stats.dropped_messages, core->stats.stall_kills);
    fputs("latest_fork_usec:0\r\n"
          "total_forks:0\r\n"
          "migrate_cached_sockets:0\r\n"
          "slave_expires_tracked_keys:0\r\n"
          "active_defrag_hits:0\r\n"
          "active_defrag_misses:0\r\n"
          "active_defrag_key_hits:0\r\n"
          "active_defrag_key_misses:0\r\n"
          "total_active_defrag_time:0\r\n"
          "current_active_defrag_time:0\r\n",
          out);
    fprintf(out,
            "tracking_total_keys:%zu\r\n"
            "tracking_total_items:%zu\r\n"
            "tracking_total_prefixes:%zu\r\n",
            core->tracking_counts.keys, core->tracking_counts.items,
            core->tracking_counts.prefixes);
}

/* Microseconds spent in commands. */
static uint64_t command_us(const struct core *core) {
    uint64_t ticks = 0;
    for (size_t i = 0; i < row_count(core->rows); i++) {
        const struct row *row = row_at(core->rows, i);
        ticks += row_stats(row)->ticks;
        for (const struct row *sub = row->subs; sub && sub->name; sub++)
            ticks += row_stats(sub)->ticks;
    }
    return clock_ticks_to_us(ticks);
}

static void put_stats(struct core *core, FILE *out) {
    const struct core_stats *st = &core->stats;
    put_traffic(core, out);
    put_keys_stats(core, out);
    fprintf(out,
            "unexpected_error_replies:%" PRIu64 "\r\n"
            "total_error_replies:%" PRIu64 "\r\n"
            "dump_payload_sanitizations:0\r\n"
            "total_reads_processed:%" PRIu64 "\r\n"
            "total_writes_processed:%" PRIu64 "\r\n"
            "io_threaded_reads_processed:0\r\n"
            "io_threaded_writes_processed:0\r\n"
            "client_query_buffer_limit_disconnections:%" PRIu64 "\r\n"
            "client_output_buffer_limit_disconnections:%" PRIu64 "\r\n"
            "reply_buffer_shrinks:0\r\n"
            "reply_buffer_expands:0\r\n",
            st->unexpected_errors, st->errors, st->reads, st->writes, st->query_limit_kills,
            st->output_limit_kills);
    fprintf(out,
            "eventloop_cycles:%" PRIu64 "\r\n"
            "eventloop_duration_sum:%" PRIu64 "\r\n"
            "eventloop_duration_cmd_sum:%" PRIu64 "\r\n"
            "instantaneous_eventloop_cycles_per_sec:%" PRIu64 "\r\n"
            "instantaneous_eventloop_duration_usec:%" PRIu64 "\r\n",
            st->loop_turns, st->loop_us, command_us(core), stats_rate(core, METRIC_TURNS),
            stats_rate(core, METRIC_TURN_US));
    fprintf(out,
            "acl_access_denied_auth:%" PRIu64 "\r\n"
            "acl_access_denied_cmd:0\r\n"
            "acl_access_denied_key:0\r\n"
            "acl_access_denied_channel:0\r\n",
            st->auth_failures);
}

/* -- replication, cpu, modules ------------------------------------------------------- */

static void put_replication(struct core *core, FILE *out) {
    fprintf(out,
            "role:master\r\n"
            "connected_slaves:0\r\n"
            "master_failover_state:no-failover\r\n"
            "master_replid:%s\r\n"
            "master_replid2:0000000000000000000000000000000000000000\r\n"
            "master_repl_offset:0\r\n"
            "second_repl_offset:-1\r\n"
            "repl_backlog_active:0\r\n"
            "repl_backlog_size:%" PRId64 "\r\n"
            "repl_backlog_first_byte_offset:0\r\n"
            "repl_backlog_histlen:0\r\n",
            core->run_id, core->config->repl_backlog_bytes);
}

static void put_usage(FILE *out, int who, const char *suffix) {
    struct rusage u;
    getrusage(who, &u);
    fprintf(out, "used_cpu_sys%s:%lld.%06lld\r\nused_cpu_user%s:%lld.%06lld\r\n", suffix,
            (long long)u.ru_stime.tv_sec, (long long)u.ru_stime.tv_usec, suffix,
            (long long)u.ru_utime.tv_sec, (long long)u.ru_utime.tv_usec);
}

static void put_cpu(struct core *core, FILE *out) {
    (void)core;
    put_usage(out, RUSAGE_SELF, "");
    put_usage(out, RUSAGE_CHILDREN, "_children");
    put_usage(out, RUSAGE_THREAD, "_main_thread");
}

static void put_nothing(struct core *core, FILE *out) {
    (void)core;
    (void)out;
}

/* -- commands ------------------------------------------------------------------------ */

static void put_rows(struct core *core, FILE *out,
                     void (*put)(struct core *core, FILE *out, const struct row *row,
                                 const char *name)) {
    char name[ROW_FULL_NAME_BYTES_MAX];
    for (size_t i = 0; i < row_count(core->rows); i++) {
        const struct row *row = row_at(core->rows, i);
        put(core, out, row, row->name);
        for (const struct row *sub = row->subs; sub && sub->name; sub++)
            put(core, out, sub, row_full_name(core->rows, sub, name));
    }
}

static void put_calls(struct core *core, FILE *out, const struct row *row, const char *name) {
    (void)core;
    const struct row_stats *st = row_stats(row);
    if (!st->calls && !st->rejected && !st->failed) return;
    uint64_t us = clock_ticks_to_us(st->ticks);
    fprintf(out,
            "cmdstat_%s:calls=%" PRIu64 ",usec=%" PRIu64
            ",usec_per_call=%.2f,rejected_calls=%" PRIu64 ","
            "failed_calls=%" PRIu64 "\r\n",
            name, st->calls, us, st->calls ? (double)us / (double)st->calls : 0.0, st->rejected,
            st->failed);
}

static void put_commandstats(struct core *core, FILE *out) { put_rows(core, out, put_calls); }

static void put_errorstats(struct core *core, FILE *out) {
    for (int i = 0; i < core->error_kind_count; i++) {
        const struct error_kind *kind = &core->error_kinds[i];
        fprintf(out, "errorstat_%s:count=%" PRIu64 "\r\n", kind->prefix, kind->count);
    }
}

static void put_percentiles(struct core *core, FILE *out, const struct row *row, const char *name) {
    const struct row_stats *st = row_stats(row);
    const struct config *conf = core->config;
    if (!st->histogram) return;
    fprintf(out, "latency_percentiles_usec_%s:", name);
    for (size_t i = 0; i < conf->latency_percentile_count; i++) {
        char percent[NUM_DOUBLE_BYTES_MAX];
        num_format_double(percent, conf->latency_percentiles[i]);
        fprintf(out, "%sp%s=%.3f", i ? "," : "", percent,
                stats_percentile_us(st, conf->latency_percentiles[i]));
    }
    fputs("\r\n", out);
}

static void put_latencystats(struct core *core, FILE *out) { put_rows(core, out, put_percentiles); }

/* -- cluster, keyspace, debug -------------------------------------------------------- */

static void put_cluster(struct core *core, FILE *out) {
    (void)core;
    fputs("cluster_enabled:0\r\n", out);
}

static void put_keyspace(struct core *core, FILE *out) {
    for (int i = 0; i < core->ks->db_count; i++) {
        const struct db *db = &core->ks->dbs[i];
        if (!db_size(db)) continue;
        fprintf(out, "db%d:keys=%zu,expires=%zu,avg_ttl=%" PRId64 ",subexpiry=%zu\r\n", i,
                db_size(db), db_ttl_size(db), db_ttl_average_ms(db), db->shelf->timed_hashes);
    }
}

static void put_lanes(struct core *core, FILE *out) {
    struct lane_counts lanes = lane_counts(places_lanes(core));
    struct offload_counts jobs = offload_counts(core);
    fprintf(out,
            "lanes_held:%zu\r\n"
            "lane_tickets:%zu\r\n"
            "lane_tickets_waiting:%zu\r\n"
            "lane_tickets_refused:%" PRIu64 "\r\n"
            "lane_wait_ms_total:%" PRId64 "\r\n"
            "lane_wait_ms_max:%" PRId64 "\r\n"
            "offloaded_commands_running:%zu\r\n"
            "streamed_replies:%zu\r\n"
            "offloaded_commands:%" PRIu64 "\r\n",
            lanes.lanes, lanes.tickets, lanes.waiting, lanes.refused, lanes.wait_ms,
            lanes.wait_ms_max, jobs.running, jobs.streams, jobs.done);
}

/* -- services ------------------------------------------------------------------------ */

static void put_tasks(const struct core *core, FILE *out) {
    for (struct work_task *t = NULL; (t = work_task_next(core->tasks, t));) {
        fprintf(out,
                "task_%s:period_ms=%u,runs=%" PRIu64 ",usec_last=%" PRIu64 ",usec_max=%" PRIu64
                "\r\n",
                t->name, t->period_ms, t->runs, t->us_last, t->us_max);
    }
}

static void put_queues(const struct core *core, FILE *out) {
    for (struct work_queue *q = NULL; (q = work_queue_next(core->work, q));) {
        struct work_queue_counts n = work_queue_counts(q);
        fprintf(out,
                "queue_%s:state=%s,capacity=%zu,queued=%zu,running=%d,runs=%" PRIu64
                ",refused=%" PRIu64 ",cancelled=%" PRIu64 ",wait_usec_max=%" PRIu64
                ",usec_last=%" PRIu64 ",usec_max=%" PRIu64 "\r\n",
                work_queue_name(q),
                n.queued == n.capacity         ? "full"
                : n.queued + (size_t)n.running ? "busy"
                                               : "idle",
                n.capacity, n.queued, n.running, n.done, n.refused, n.cancelled, n.wait_us_max,
                n.run_us_last, n.run_us_max);
    }
}

/* What a reader that splits lines at commas would stumble over. */
static void put_plain(FILE *out, const char *text) {
    for (; *text; text++) fputc((unsigned char)*text < ' ' ? ' ' : *text == ',' ? ';' : *text, out);
}

static void put_supervised(const struct core *core, FILE *out) {
    static const char *const rules[] = {"never", "on-failure", "always"};
    int64_t now_ms = (int64_t)clock_mono_ms();
    if (!core->services) return;
    for (struct work_service *s = NULL; (s = work_service_next(core->services, s));) {
        bool waits = s->state == WORK_WAITING;
        fprintf(out,
                "service_%s:state=%s,since_ms=%" PRId64 ",restart=%s,restarts=%" PRIu64
                ",failures=%u,next_start_ms=%" PRId64 ",last_error=",
                s->name, work_state_name(s->state), now_ms - s->since_ms, rules[s->restart],
                s->restarts, s->failures, waits ? s->restart_ms - now_ms : 0);
        put_plain(out, s->error);
        fputs("\r\n", out);
    }
}

static void put_services(struct core *core, FILE *out) {
    put_supervised(core, out);
    put_queues(core, out);
    put_tasks(core, out);
}

/* The loop spends no time on the log: a thread of its own writes it. */
static void put_debug(struct core *core, FILE *out) {
    const struct core_stats *st = &core->stats;
    fprintf(out,
            "eventloop_duration_aof_sum:0\r\n"
            "eventloop_duration_cron_sum:%" PRIu64 "\r\n"
            "eventloop_duration_max:%" PRIu64 "\r\n"
            "eventloop_cmd_per_cycle_max:%" PRIu64 "\r\n",
            st->tasks_us, st->loop_us_max, st->loop_commands_max);
}

/* -- choosing ------------------------------------------------------------------------ */

enum { IN_DEFAULT = 1, IN_ALL = 2, IN_EVERYTHING = 4 };
#define EVERYWHERE (IN_DEFAULT | IN_ALL | IN_EVERYTHING)

static const struct section {
    const char *name, *title;
    unsigned in;
    void (*put)(struct core *core, FILE *out);
} sections[] = {
    {"server", "Server", EVERYWHERE, put_server},
    {"clients", "Clients", EVERYWHERE, put_clients},
    {"memory", "Memory", EVERYWHERE, put_memory},
    {"persistence", "Persistence", EVERYWHERE, put_persistence},
    {"stats", "Stats", EVERYWHERE, put_stats},
    {"replication", "Replication", EVERYWHERE, put_replication},
    {"cpu", "CPU", EVERYWHERE, put_cpu},
    {"modules", "Modules", EVERYWHERE, put_nothing},
    {"commandstats", "Commandstats", IN_ALL | IN_EVERYTHING, put_commandstats},
    {"errorstats", "Errorstats", EVERYWHERE, put_errorstats},
    {"latencystats", "Latencystats", IN_ALL | IN_EVERYTHING, put_latencystats},
    {"cluster", "Cluster", EVERYWHERE, put_cluster},
    {"keyspace", "Keyspace", EVERYWHERE, put_keyspace},
    {"lanes", "Lanes", IN_EVERYTHING, put_lanes},
    {"services", "Services", IN_EVERYTHING, put_services},
    {"debug", "Debug", 0, put_debug},
};
#define SECTION_COUNT (sizeof sections / sizeof *sections)

static unsigned chosen_by(struct slice name) {
    unsigned in = slice_is(name, "default")      ? IN_DEFAULT
                  : slice_is(name, "all")        ? IN_ALL
                  : slice_is(name, "everything") ? IN_EVERYTHING
                                                 : 0;
    unsigned bits = 0;
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        bool hit = slice_is(name, sections[i].name) ||
                   (sections[i].put == put_nothing && slice_is(name, "module_list"));
        if (sections[i].in & in || hit) bits |= 1u << i;
    }
    return bits;
}

char *info_text(struct core *core, const struct slice *names, int count, size_t *bytes) {
    unsigned chosen = count ? 0 : chosen_by(slice_cstr("default"));
    for (int i = 0; i < count; i++) chosen |= chosen_by(names[i]);
    char *text = NULL;
    core->stats.memory_seen = keyspace_memory(core->ks);
    FILE *out = open_memstream(&text, bytes);
    ASSERT(out);
    for (size_t i = 0, shown = 0; i < SECTION_COUNT; i++) {
        if (!(chosen & 1u << i)) continue;
        fprintf(out, "%s# %s\r\n", shown++ ? "\r\n" : "", sections[i].title);
        sections[i].put(core, out);
    }
    fclose(out);
    return text;
}
