/* config.h - the configuration: its values, and how they are read and changed.
 *
 * The program reads the fields of struct config directly; it never writes them. A value
 * comes in by a directive: from the file and the command line at start, by CONFIG SET
 * later. config_table.c says what directives there are.
 *
 * C1  A field always holds a valid value; a change that is refused leaves no trace.
 * C2  A text field is never NULL: unset is "".
 * C3  The names GET answers with, the names SET takes and the names of the file are one set.
 * Threads: the loop. A field that a worker needs is handed to it when its work starts.
 * To add a directive: a field here, a row in config_table.c, a paragraph in
 * redis-compat.conf; config_test.c checks the three against each other.
 * Specification: Redis 7.2, redis.conf and CONFIG GET, SET, REWRITE.
 */
#ifndef CORE_CONFIG_H
#define CORE_CONFIG_H

#include "base/bytes.h"

#define CONFIG_BIND_MAX 16
#define CONFIG_WHY_BYTES 512 /* room for the reason of a refusal, one line */

/* Who may do what is dangerous. */
enum config_permission { CONFIG_PERMIT_NO, CONFIG_PERMIT_YES, CONFIG_PERMIT_LOCAL };
enum config_oom { CONFIG_OOM_NO, CONFIG_OOM_RELATIVE, CONFIG_OOM_ABSOLUTE };
enum config_supervised {
    CONFIG_SUPERVISED_NO,
    CONFIG_SUPERVISED_AUTO,
    CONFIG_SUPERVISED_SYSTEMD,
    CONFIG_SUPERVISED_UPSTART,
};
/* Flags of shutdown-on-sigterm and -sigint; 0 is "default". */
enum config_shutdown {
    CONFIG_SHUTDOWN_SAVE = 1,
    CONFIG_SHUTDOWN_NOSAVE = 2,
    CONFIG_SHUTDOWN_NOW = 4,
    CONFIG_SHUTDOWN_FORCE = 8,
    CONFIG_SHUTDOWN_ON_SIGNAL = 16, /* not in a directive: SIGINT breaks the save off */
};
enum config_appendfsync { CONFIG_FSYNC_NO, CONFIG_FSYNC_ALWAYS, CONFIG_FSYNC_EVERYSEC };

/* Classes of clients that have output limits of their own. */
enum config_client_class {
    CONFIG_CLIENT_NORMAL,
    CONFIG_CLIENT_REPLICA,
    CONFIG_CLIENT_PUBSUB,
    CONFIG_CLIENT_CLASSES,
};
/* What becomes of messages for a subscriber that does not take them: topic/outbox.h. */
enum config_subscriber_policy {
    CONFIG_POLICY_CLOSE,
    CONFIG_POLICY_DROP_OLDEST,
    CONFIG_POLICY_DROP_NEWEST,
    CONFIG_POLICY_CONFLATE,
};
/* Their names; -1 if there is none of that name. */
const char *config_policy_name(int policy);
int config_policy_of(struct slice name);

/* A client goes when it has hard_bytes queued, or soft_bytes for soft_s. 0: no limit. */
struct config_output_limit {
    uint64_t hard_bytes, soft_bytes;
    int64_t soft_s;
};

struct config_save_point {
    int64_t seconds;
    int changes;
};

/* rename-command: `to` is empty when the command goes away. Whoever owns the commands checks
 * the names; `where` begins the line that says what is wrong ("redis.conf:12"). */
struct config_rename {
    char *from, *to, *where;
};

struct config_hook;

struct config {
    /* Network. */
    char *bind[CONFIG_BIND_MAX]; /* as given: "-::1", "*"; bind_count 0: no TCP */
    size_t bind_count;
    int port, tcp_backlog, tcp_keepalive_s, timeout_s; /* 0: off */
    int tls_port;
    char *unixsocket, *bind_source_addr;
    int unixsocket_mode; /* 0: by the umask */
    int64_t socket_mark;
    bool protected_mode;
    unsigned maxclients;

    /* The process. */
    bool daemonize, crash_log, crash_memcheck, exit_on_panic, always_show_logo, set_proc_title,
        disable_thp;
    bool jemalloc_bg_thread;
    int supervised; /* enum config_supervised */
    int databases, io_threads;
    bool io_threads_do_reads;
    char *pidfile, *proc_title_template, *locale_collate, *ignore_warnings;
    char *server_cpulist, *bio_cpulist, *aof_rewrite_cpulist, *bgsave_cpulist;
    int oom_score_adj, oom_score_adj_values[3];  /* enum config_oom; as in the file */
    int shutdown_on_sigterm, shutdown_on_sigint; /* enum config_shutdown */
    int shutdown_timeout_s;
    int hz;
    bool dynamic_hz, activerehashing;

    /* Logging. */
    int loglevel;  /* enum log_level */
    char *logfile; /* "": standard output */
    bool syslog_enabled;
    char *syslog_ident, *syslog_facility;

    /* Who may. */
    char *requirepass, *aclfile;
    int enable_debug_command, enable_protected_configs, enable_module_command;
    int acl_pubsub_all; /* 1: a new user sees all channels */
    int64_t acllog_max_len;
    struct config_rename *renames;
    size_t rename_count;

    /* Memory. */
    uint64_t maxmemory_bytes; /* 0: no limit */
    int maxmemory_policy;     /* enum evict_policy */
    int maxmemory_samples, maxmemory_eviction_tenacity;
    int64_t maxmemory_clients; /* bytes; below zero: percent of maxmemory, negated */
    int lfu_log_factor, lfu_decay_time_min, active_expire_effort;
    bool lazyfree_eviction, lazyfree_expire, lazyfree_server_del, lazyfree_user_del;
    bool lazyfree_user_flush;
    bool activedefrag;
    int64_t defrag_ignore_bytes, defrag_scan_fields_max;
    int defrag_threshold_lower, defrag_threshold_upper, defrag_cycle_min, defrag_cycle_max;

    /* Limits of a client. */
    int64_t proto_max_bulk_bytes, query_buffer_limit_bytes;
    struct config_output_limit output_limit[CONFIG_CLIENT_CLASSES];
    int subscriber_policy;  /* enum config_subscriber_policy */
    int subscriber_stall_s; /* 0: never */
    int64_t tracking_table_max_keys;

    /* Looking at the server. */
    int64_t slowlog_slower_than_us; /* below zero: off */
    int64_t slowlog_max_len;
    int64_t latency_threshold_ms; /* 0: off */
    bool latency_tracking;
    double *latency_percentiles;
    size_t latency_percentile_count;
    uint32_t notify_events; /* feed_class_bit of what is told; 0: nothing */

    /* When a value changes its encoding. */
    int64_t hash_listpack_entries, hash_listpack_bytes;
    int64_t set_intset_entries, set_listpack_entries, set_listpack_bytes;
    int64_t zset_listpack_entries, zset_listpack_bytes;
    int list_listpack_size, list_compress_depth;
    int64_t stream_node_bytes, stream_node_entries, hll_sparse_bytes;
    int64_t stream_idmp_s, stream_idmp_entries;

    /* Work beside the loop. */
    int worker_threads;
    unsigned lane_max_waiting;

    /* Scripts. */
    int64_t busy_reply_ms;
    bool script_rollback;

    /* Persistence. */
    struct config_save_point *save;
    size_t save_count;
    bool save_given; /* not the default's any more, which the first line of a file replaces */
    char *dbfilename, *appendfilename, *appenddirname;
    char *rdb_key_file, *aof_key_file; /* "": files are not encrypted */
    bool rdbcompression, rdbchecksum, rdb_del_sync_files, rdb_incremental_fsync;
    bool stop_writes_on_bgsave_error;
    int rdb_key_save_delay, key_load_delay; /* for tests: us a key; -n: one us after n keys */
    int loading_interval_bytes;             /* of a load, until the loop turns */
    int sanitize_dump_payload;
    int rdb_write_version; /* at least; the value may need a later one */
    bool appendonly, no_appendfsync_on_rewrite, aof_load_truncated, aof_rdb_preamble;
    bool aof_timestamp, aof_incremental_fsync, aof_disable_auto_gc;
    int appendfsync; /* enum config_appendfsync */
    int aof_rewrite_percent;
    int64_t aof_rewrite_min_bytes;

    /* Replication. */
    char *masteruser, *masterauth, *replica_announce_ip;
    int replica_announce_port, replica_priority;
    bool replica_announced, replica_serve_stale_data, replica_read_only, replica_lazy_flush;
    bool replica_ignore_maxmemory, replica_ignore_disk_errors;
    bool repl_diskless_sync, repl_disable_tcp_nodelay;
    int repl_diskless_load, repl_diskless_delay_s, repl_diskless_replicas_max;
    int repl_ping_period_s, repl_timeout_s;
    int64_t repl_backlog_bytes, repl_backlog_ttl_s;
    int min_replicas_to_write, min_replicas_lag_max_s;
    int propagation_error_behavior;

    /* Cluster. */
    bool cluster_enabled, cluster_full_coverage, cluster_reads_when_down;
    bool cluster_pubsubshard_when_down, cluster_replica_migration, cluster_replica_no_failover;
    char *cluster_config_file, *cluster_announce_ip, *cluster_announce_hostname;
    char *cluster_announce_human_nodename;
    int cluster_port, cluster_announce_port, cluster_announce_bus_port, cluster_announce_tls_port;
    int cluster_migration_barrier, cluster_replica_validity_factor, cluster_endpoint_type;
    int64_t cluster_node_timeout_ms;
    uint64_t cluster_link_sendbuf_bytes;

    /* TLS. */
    bool tls_replication, tls_cluster, tls_prefer_server_ciphers, tls_session_caching;
    int tls_auth_clients, tls_session_cache_size, tls_session_cache_timeout_s;
    char *tls_cert_file, *tls_key_file, *tls_key_file_pass, *tls_client_cert_file;
    char *tls_client_key_file, *tls_client_key_file_pass, *tls_dh_params_file;
    char *tls_ca_cert_file, *tls_ca_cert_dir, *tls_protocols, *tls_ciphers, *tls_ciphersuites;

    /* Where it came from: absolute, or "" without a file. */
    char *config_file;

    struct config_hook *hooks;
    size_t hook_count;
};

/* All directives at their defaults. */
struct config *config_new(void);
void config_free(struct config *conf);

/* Takes the arguments behind the program's name: [FILE] [-] [--directive value ...], applied
 * in the order file, standard input ("-", first or last), arguments. False: `why` says in one
 * line what is wrong and where. The `dir` directive changes the working directory at once. */
bool config_load(struct config *conf, int argc, char *const argv[], char why[CONFIG_WHY_BYTES]);

/* Applies the lines of a file's text; `name` is what errors call it. */
bool config_load_text(struct config *conf, struct slice text, const char *name,
                      char why[CONFIG_WHY_BYTES]);

/* Calls `hook` once for each CONFIG SET that changes the directive, after the fields hold the
 * new values. A hook that cannot follow writes the reason into `why` and returns false: all
 * fields go back, and the hooks that had run are called again. The name must exist. One
 * hook and ctx may serve several directives: it runs once a CONFIG SET. */
void config_on_change(struct config *conf, const char *name,
                      bool (*hook)(void *ctx, char why[CONFIG_WHY_BYTES]), void *ctx);

/* Whether one of the pairs' directives cannot change while data is loaded. */
bool config_set_is_early(const struct slice *pairs, size_t pair_count);

enum config_set_result { CONFIG_SET_OK, CONFIG_SET_UNKNOWN, CONFIG_SET_FAILED };

struct config_set_error {
    struct slice name; /* the directive at fault: borrowed from the arguments, or static */
    char why[CONFIG_WHY_BYTES];
};

/* CONFIG SET: pairs[2i] is a name, pairs[2i + 1] its value. All are set, or none is. Directives
 * under enable-protected-configs change only if allow_protected. */
enum config_set_result config_set(struct config *conf, const struct slice *pairs, size_t pair_count,
                                  bool allow_protected, struct config_set_error *error);

/* True if values of the directive must not be shown (logs, MONITOR, SLOWLOG). */
bool config_is_secret(struct slice name);

/* CONFIG GET: one for each name or alias that a pattern hits. `name` is borrowed from the
 * pattern, if that is no glob, or static. */
struct config_hit {
    struct slice name;
    size_t row;
};

/* The hits, each name once, in the order of the table. The caller frees. */
struct config_hit *config_match(const struct slice *patterns, size_t pattern_count,
                                size_t *hit_count);

/* The value of a hit as CONFIG GET shows it. The caller frees. */
char *config_value(const struct config *conf, size_t row);

/* What proc-title-template makes of a program started as `name`. The caller frees. */
char *config_title(const struct config *conf, const char *name);

/* CONFIG REWRITE: brings the file to the values now held, comments and order kept; it is
 * replaced whole or not at all. `all`: what is at its default gets lines, too. Blocks for the
 * disk. False: `why`. */
bool config_rewrite(const struct config *conf, bool all, char why[CONFIG_WHY_BYTES]);

/* The rows in order, for documentation and its test: the name, NULL behind the last. */
const char *config_row_name(size_t row);
const char *config_row_alias(size_t row);   /* or NULL */
const char *config_row_default(size_t row); /* as a file would have it */

#endif
