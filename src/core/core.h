/* core.h - what the parts of the server share while it runs.
 *
 * One struct core is made by main and handed down; it owns nothing that its members do
 * not say. Handlers reach it through ctx->core and take from it just the part that they
 * are about. Members are objects with modules of their own.
 * Threads: the loop, but where a member's header says otherwise.
 */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include <stdatomic.h>

#include "base/list.h"
#include "core/append_log.h"
#include "core/effects.h"
#include "core/features.h"
#include "core/feed.h"
#include "core/reply.h"
#include "work/pool.h"
#include "work/queue.h"
#include "work/service.h"
#include "work/task.h"

struct blocked;
struct config;
struct row;
struct keyspace;
struct row_table;
struct scripts;
struct session;
struct slowlog;
struct latency;
struct offloads;
struct places;
struct watches;
struct snapshot_writer;
struct persist;

/* Counters of INFO, reset by CONFIG RESETSTAT. */
struct core_stats {
    uint64_t commands, connections, rejected_connections;
    uint64_t net_in, net_out;
    uint64_t errors, unexpected_errors; /* error replies */
    uint64_t reads, writes;             /* system calls of the doors */
    uint64_t query_limit_kills, output_limit_kills, stall_kills, dropped_messages;
    uint64_t evicted_clients, auth_failures;
    uint64_t evict_stalls_us; /* time spent over maxmemory */
    uint64_t expire_us;       /* time spent on keys whose time had come */
    uint64_t loop_turns, loop_us, loop_us_max, loop_commands_max, tasks_us;
    size_t memory_peak, memory_seen; /* seen: as INFO was asked for, before its text was made */
};

/* errorstats: replies by prefix. */
#define CORE_ERROR_KINDS_MAX 128
struct error_kind {
    char prefix[32];
    uint64_t count;
};

/* Rates over the last 16 samples of 100 ms: per second, but METRIC_TURN_US per turn. */
enum core_metric {
    METRIC_COMMANDS,
    METRIC_NET_IN,
    METRIC_NET_OUT,
    METRIC_TURNS, /* of the loop */
    METRIC_TURN_US,
    METRIC_COUNT,
};
#define CORE_RATE_SAMPLES 16
struct core_rate {
    uint64_t last_value;
    uint64_t last_base; /* what it is a rate by; 0 before the first sample */
    uint64_t samples[CORE_RATE_SAMPLES];
    int next;
};

/* What workers do, by kind (work/queue.h). */
struct core_queues {
    struct work_queue *commands;  /* core/offload */
    struct work_queue *garbage;   /* what the loop has detached and need not free itself */
    struct work_queue *files;     /* what is rewritten on the disk: persist/ */
    struct work_queue *allocator; /* its figures and its housekeeping */
};

/* What the loop does by itself (work/task.h). */
struct core_tasks {
    struct work_task statistics, eviction, expiry, lanes, allocator;
};

/* The command that goes on over several turns: see core/ongoing.h, which alone writes here. */
struct ongoing {
    bool on;             /* there is one, stopped on the fiber */
    bool inside;         /* the fiber runs */
    bool may_pause;      /* the fiber's command may stop */
    bool exclusive;      /* everybody waits for it, not only who shares its keys */
    bool strayed;        /* it goes beyond the keys that it has told */
    bool draining;       /* it waits for all workers, and no more work is given to them */
    bool computing;      /* it waits for its own work on one */
    bool refusing;       /* who has to wait is told `busy` instead */
    bool silent;         /* CLIENT REPLY swallows the reply */
    bool no_touch;       /* CLIENT NO-TOUCH */
    struct fiber *fiber; /* NULL until used */
    struct session *s;
    struct request *req;  /* a copy */
    struct work_job *job; /* for a worker, when the fiber has stopped */
    void (*drop)(void *arg);
    void *arg;
    const struct ctx *resting; /* of the command of many steps that runs within: ongoing_rest */
    const char *busy;          /* what others are told of the script that runs; NULL: none does */
    int64_t begun_us;          /* the time that it sees, Unix us */
    uint64_t ticks;            /* that it has run */
    uint64_t slice_end;        /* ticks */
    uint64_t left_at, away;    /* ticks: when the fiber stopped; how long it has been so, in all */
};

/* Saving and loading, as INFO tells of it; kept by persist/. */
struct core_persistence {
    bool saving;                      /* into an RDB file, in the background */
    bool save_failed;                 /* the last one did */
    uint64_t saves;                   /* that succeeded */
    uint64_t changes_saved;           /* feed_counted at the cut of the last that succeeded */
    int64_t last_save_s;              /* Unix time of that, or of the start */
    int64_t save_begun_ms;            /* of the one under way, or the last */
    int64_t save_took_s;              /* of the last; -1: none yet */
    uint64_t save_cow_bytes;          /* that the last one copied because of changes */
    uint64_t load_keys, load_expired; /* by the last load */
};

/* Loading: see core/loading.h. */
struct core_loading {
    bool on, turned; /* turned: the loop has, in this load */
    int64_t begun_ms, told_ms;
    uint64_t total_bytes, loaded_bytes;
    size_t rdb_used_mem;     /* as the file says */
    uint64_t turned_ticks;   /* clock_ticks when the loop turned last */
    void (*turn)(void *ctx); /* lets the loop turn once, without waiting; NULL: it must not */
    void *turn_ctx;
};

struct core {
    struct config *config;
    struct keyspace *ks;
    struct row_table *rows;
    struct work_pool *work;
    struct core_queues queues;
    struct work_tasks *tasks; /* its own and the higher ranks' */
    struct core_tasks own_tasks;
    struct work_services *services; /* main's; NULL in tests */
    struct work_service *memory;    /* touches it ahead: core_keep_memory; likewise */
    struct feed feed;
    struct effects effects;
    struct core_log log;
    struct aof *aof; /* persist/aof.h; NULL in tests of what is below it */
    struct blocked *blocked;
    struct places *places;
    struct offloads *offloads;
    struct watches *watches;
    struct slowlog *slowlog;
    struct latency *latency;
    struct scripts *scripts; /* script/scripts.h; NULL in tests of what is below it */
    struct script_counts script_counts;
    struct topics *topics;     /* topic/topics.h; NULL in tests of what is below it */
    struct notify *notify;     /* topic/notify.h; likewise */
    struct retained *retained; /* topic/retained.h; likewise */
    struct topic_counts topic_counts;
    struct topic_hooks topic_hooks;
    struct tracking *tracking; /* topic/tracking.h; likewise */
    struct tracking_counts tracking_counts;
    struct tracking_hooks tracking_hooks;
    struct ongoing ongoing;
    const struct snapshot_writer *snapshot; /* core/snapshot.h: of the one under way, or NULL */
    struct persist *persist;                /* persist/persist.h; NULL in tests of what is below */
    struct core_persistence persistence;
    struct core_loading loading;
    /* Saves the data before the server ends, if it is to be (enum config_shutdown); false: that
     * failed. NULL: nothing is saved. */
    bool (*before_exit)(struct core *core, int how);
    struct core_stats stats;
    struct core_rate rates[METRIC_COUNT];
    struct error_kind error_kinds[CORE_ERROR_KINDS_MAX];
    int error_kind_count;
    struct list sessions; /* struct session, in_all, oldest first */
    size_t session_count;
    struct list monitors; /* in_class */
    struct list held;     /* in_held: sessions that a pause stopped */
    uint64_t next_session_id;
    uint32_t gates;         /* ROW_ flags of commands that must take exec's slow way now */
    int64_t pause_until_ms; /* CLIENT PAUSE; 0: none */
    bool pause_all;         /* all commands, not only writes */
    bool is_busy;           /* the loop was, in the last CORE_TASK_MS: see stats_sample */
    int64_t now_ms, now_us; /* Unix time of this turn, or of when a waiter was served in it */
    int64_t started_ms;
    char run_id[41];
    const char *config_file; /* absolute, or NULL */
    const char *executable;  /* absolute */
    int port;
    bool replaying;       /* the data is being read: see core_replay_begin */
    bool active_expire;   /* keys leave at their time, not only when looked up */
    bool scripts_may_all; /* a test: scripts call what is not for scripts */
    bool clock_stands;    /* a test: the time is what it sets */
    bool shutdown_asked, shutdown_now;
    bool shutdown_waits; /* for the end of the command that goes on */
    int shutdown_how;
    struct request *running;  /* for the crash report, NULL between commands */
    struct session *replying; /* whose command that is: see push.h */
    struct session *retaking; /* whose reply may be taken back (CLIENT REPLY): likewise */
    size_t startup_bytes;     /* in use when the first sample was taken: an empty server's */
    uint64_t tick_mark;       /* clock_ticks when the last command ended */
    uint64_t note_ticks;      /* commands that take this long go to slowlog or latency */
    bool histograms;          /* latency-tracking */
    bool after_due;           /* a session waits, or what it waits for is there: blocked.h */
    bool in_own_lanes;        /* the running command holds the lanes of its keys */
    bool snapshot_full;       /* commands that write wait: see snapshot.h */
    bool tracking_due;        /* the end of the turn has something to tell: see tracking_hooks */
    bool lanes_busy;          /* somebody holds lanes: see places.h */
    bool evict_more;          /* eviction ran out of time: the end of the turn goes on with it */
    bool over_memory;         /* maxmemory was found exceeded and could not be met */
    _Atomic size_t lazyfree_pending, lazyfree_done;
};

/* Takes the configuration (borrowed; it outlives the core) and makes all that hangs on it. */
struct core *core_new(struct config *config, const struct row *const *families,
                      struct work_pool *work);
void core_free(struct core *core);

/* At the start of a turn of the loop: time. At its end: what waits for a turn's end (garbage goes
 * to a worker, keys whose time has come leave). Returns true if more is to be done at once. */
void core_turn_begin(struct core *core);
bool core_turn_end(struct core *core);

/* The period of most tasks. */
#define CORE_TASK_MS 100

/* The function of the service that keeps memory ready for growth (base/chunk.h); pokes come from
 * core_turn_end. */
bool core_keep_memory(struct work_service *self, void *ctx, char why[WORK_WHY_BYTES]);

/* When core_turn_end has something to do next: Unix ms. */
int64_t core_next_ms(const struct core *core);

/* Brings memory below maxmemory by the policy, for a bounded time; true if it is (or there is no
 * limit). */
bool core_evict(struct core *core);

/* Recomputes core->gates and the thresholds after a change of what they follow from. */
void core_update_gates(struct core *core);

/* The error that commands which write are refused with because the data cannot be saved, or NULL.
 * Good until the next call. */
const char *core_write_refusal(const struct core *core);

/* Lets the loop end; `how` is of enum config_shutdown. False, with the reason in the log, if
 * the data was to be saved: it cannot be, and `force` was not said. What goes on (core/ongoing.h)
 * is not saved half done: the loop ends later then. */
bool core_shutdown(struct core *core, int how);

/* Whether replies wait, after a change of what that follows from: those to writes until these are
 * written, so that a killed process has lost nothing that it told of; with `always` all replies,
 * and those of who asked, until everything is synced. */
static inline void core_log_update(struct core *core) {
    struct core_log *log = &core->log;
    bool durable = log->always || log->askers;
    uint64_t safe = durable && log->synced < log->written ? log->synced : log->written;
    log->holds =
        log->on && (safe < core->effects.offset || (durable && effects_are_aside(&core->effects)));
}

/* Sets or ends CLIENT PAUSE; sessions that it held go on when it ends. */
void core_pause(struct core *core, int64_t until_ms, bool all);
void core_unpause(struct core *core);
/* Lets held sessions try again; the gates hold them anew if they must. */
void core_release_held(struct core *core);

/* From the first to the second the data is read from disk. No key's time passes meanwhile: what
 * has left is told by the log, in its order. */
void core_replay_begin(struct core *core);
void core_replay_end(struct core *core);

/* Sets the time that commands see, Unix us; or lets it be the present again, unless it stands. */
void core_set_now(struct core *core, int64_t now_us);
void core_refresh_now(struct core *core);

#endif
