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
#include "core/feed.h"
#include "core/reply.h"
#include "work/pool.h"

struct blocked;
struct config;
struct row;
struct request;
struct keyspace;
struct row_table;
struct scripts;
struct session;
struct slowlog;
struct latency;
struct monitor;
struct offloads;
struct watches;

/* Counters of INFO, reset by CONFIG RESETSTAT. */
struct core_stats {
    uint64_t commands, connections, rejected_connections;
    uint64_t net_in, net_out;
    uint64_t errors; /* error replies */
    uint64_t unexpected_errors;
    uint64_t reads, writes; /* system calls of the doors */
    uint64_t query_limit_kills, output_limit_kills;
    uint64_t evicted_clients, auth_failures;
    uint64_t evict_stalls_us; /* time spent over maxmemory */
    uint64_t expire_us;       /* time spent on keys whose time had come */
    uint64_t loop_turns, loop_us, loop_us_max;
    size_t memory_peak;
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

/* The job that keeps memory ready for growth; see base/chunk.h. */
struct core_reserve {
    struct work_job job; /* first: the job is the struct */
    _Atomic bool running;
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
    const char *busy;       /* what others are told of the script that runs; NULL: none does */
    int64_t begun_us;       /* the time that it sees, Unix us */
    uint64_t ticks;         /* that it has run */
    uint64_t slice_end;     /* ticks */
    uint64_t left_at, away; /* ticks: when the fiber stopped; how long it has been so, in all */
};

/* What INFO and MEMORY tell about scripts, kept up to date by script/. */
struct script_counts {
    size_t cached, evicted; /* scripts of EVAL and SCRIPT LOAD; those that had to go */
    size_t functions, libraries;
    size_t eval_vm_bytes, function_vm_bytes; /* of the interpreters */
    size_t eval_bytes, function_bytes;       /* of sources and what is kept with them */
};

struct core {
    struct config *config;
    struct keyspace *ks;
    struct row_table *rows;
    struct work_pool *work;
    struct feed feed;
    struct blocked *blocked;
    struct offloads *offloads;
    struct watches *watches;
    struct slowlog *slowlog;
    struct latency *latency;
    struct scripts *scripts; /* script/scripts.h; NULL in tests of what is below it */
    struct script_counts script_counts;
    struct ongoing ongoing;
    struct core_stats stats;
    struct core_rate rates[METRIC_COUNT];
    struct error_kind error_kinds[CORE_ERROR_KINDS_MAX];
    int error_kind_count;
    struct list sessions; /* struct session, in_all, oldest first */
    size_t session_count;
    struct list monitors; /* in_class */
    struct list held;     /* in_held: sessions that a pause stopped */
    uint64_t next_session_id;
    uint64_t undone;        /* scripts that were taken back: see core/undo.h */
    uint32_t gates;         /* ROW_ flags of commands that must take exec's slow way now */
    int64_t pause_until_ms; /* CLIENT PAUSE; 0: none */
    bool pause_all;         /* all commands, not only writes */
    int64_t now_ms, now_us; /* Unix time of this turn (now_us: of the running command) */
    int64_t started_ms;
    char run_id[41];
    const char *config_file; /* absolute, or NULL */
    const char *executable;  /* absolute */
    int port;
    bool active_expire;   /* keys leave at their time, not only when looked up */
    bool scripts_may_all; /* a test: scripts call what is not for scripts */
    bool shutdown_asked, shutdown_now;
    struct request *running; /* for the crash report, NULL between commands */
    size_t startup_bytes;    /* in use when the first sample was taken: an empty server's */
    uint64_t tick_mark;      /* clock_ticks when the last command ended */
    uint64_t note_ticks;     /* commands that take this long go to slowlog or latency */
    bool histograms;         /* latency-tracking */
    bool after_due;          /* a session waits, or what it waits for is there: see
                              * blocked.h, offload.h */
    bool lanes_busy;         /* somebody holds lanes: see offload.h */
    bool evict_more;         /* eviction ran out of time: the end of the turn goes on with it */
    bool over_memory;        /* maxmemory was found exceeded and could not be met */
    _Atomic size_t lazyfree_pending, lazyfree_done;
    struct core_reserve reserve;
};

/* Takes the configuration (borrowed; it outlives the core) and makes all that hangs on it. */
struct core *core_new(struct config *config, const struct row *const *families,
                      struct work_pool *work);
void core_free(struct core *core);

/* At the start of a turn of the loop: time. At its end: what waits for a turn's end (garbage goes
 * to a worker, keys whose time has come leave). Returns true if more is to be done at once. */
void core_turn_begin(struct core *core);
bool core_turn_end(struct core *core);

/* Ten times a second: rates, peaks, eviction, the end of a pause. */
#define CORE_CRON_MS 100
void core_cron(struct core *core);

/* When core_turn_end has something to do next: Unix ms. */
int64_t core_next_ms(const struct core *core);

/* Brings memory below maxmemory by the policy, for a bounded time; true if it is (or there is no
 * limit). */
bool core_evict(struct core *core);

/* Recomputes core->gates and the thresholds after a change of what they follow from. */
void core_update_gates(struct core *core);

/* Lets the loop end; `how` is of enum config_shutdown. False, with the reason in the log, if
 * the data was to be saved: it cannot be, and `force` was not said. */
bool core_shutdown(struct core *core, int how);

/* Sets or ends CLIENT PAUSE; sessions that it held go on when it ends. */
void core_pause(struct core *core, int64_t until_ms, bool all);
void core_unpause(struct core *core);

/* Lets held sessions try again; the gates hold them anew if they must. */
void core_release_held(struct core *core);

/* Sets the time that commands see: Unix us. */
void core_set_now(struct core *core, int64_t now_us);

#endif
