/* core.c - see core.h: the turn of the loop, and what the loop does by itself. */
#include "core/core.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/chunk.h"
#include "base/clock.h"
#include "base/later.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "core/blocked.h"
#include "core/config.h"
#include "core/latency.h"
#include "core/offload.h"
#include "core/ongoing.h"
#include "core/places.h"
#include "core/row.h"
#include "core/session.h"
#include "core/slowlog.h"
#include "core/snapshot.h"
#include "core/stats.h"
#include "core/watch.h"
#include "store/db.h"

/* The part of a turn for eviction, so that clients wait no longer. */
#define EVICT_BUDGET_US 500 /* at the usual maxmemory-eviction-tenacity */

/* ---- configuration that is used in another form ------------------------------------- */

static void on_field(void *ctx, struct db *db, const struct entry *e, struct slice field) {
    effects_field_left(ctx, db->id, entry_key(e), field);
}

void core_update_gates(struct core *core) {
    const struct config *conf = core->config;
    core->gates = ROW_PROTECTED | ROW_CONTAINER;
    if (conf->maxmemory_bytes) core->gates |= ROW_DENYOOM;
    if (core->lanes_busy || core->ks->cut) core->gates |= ROW_WRITE | ROW_RUNS_OTHERS;
    if (core->effects.wanted) core->gates |= ROW_TOLD;
    if (core->topic_counts.rings) core->gates |= ROW_MAY_REPLICATE; /* exec_row */
    if (core_write_refusal(core)) core->gates |= ROW_WRITE | ROW_RUNS_OTHERS | ROW_TELLS_OF_DISK;
    core->ks->on_field = core->effects.wanted ? on_field : NULL;
    if (core->loading.on) core->gates = ~(uint32_t)0;
    if (core->pause_until_ms || core->ongoing.on || !list_empty(&core->monitors)) {
        core->gates = ~(uint32_t)0;
    }
    int64_t us = conf->slowlog_slower_than_us;
    int64_t latency_us = conf->latency_threshold_ms * 1000;
    if (us < 0 || (latency_us > 0 && latency_us < us)) us = latency_us > 0 ? latency_us : -1;
    core->note_ticks = us < 0 ? UINT64_MAX : clock_us_to_ticks((uint64_t)us);
    core->histograms = conf->latency_tracking;
}

static bool follow_config(void *ctx, char why[CONFIG_WHY_BYTES]) {
    (void)why;
    struct core *core = ctx;
    const struct config *conf = core->config;
    core->ks->lfu =
        conf->maxmemory_policy == EVICT_ALLKEYS_LFU || conf->maxmemory_policy == EVICT_VOLATILE_LFU;
    core->ks->lfu_log_factor = conf->lfu_log_factor;
    core->ks->lfu_decay_minutes = conf->lfu_decay_time_min;
    core_update_gates(core);
    return true;
}

/* The keys beyond it go from the end of this turn on. */
static bool follow_maxmemory(void *ctx, char why[CONFIG_WHY_BYTES]) {
    struct core *core = ctx;
    core->evict_more = !core->loading.on;
    return follow_config(core, why);
}

const char *core_write_refusal(const struct core *core) {
    static char text[128];
    const struct config *conf = core->config;
    if (core->log.error) {
        snprintf(text, sizeof text, "MISCONF Errors writing to the AOF file: %s",
                 strerror(-core->log.error));
        return text;
    }
    if (!core->persistence.save_failed || !conf->stop_writes_on_bgsave_error || !conf->save_count)
        return NULL;
    return "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist "
           "to disk. Commands that may modify the data set are disabled, because this instance is "
           "configured to report errors during writes if RDB snapshotting fails "
           "(stop-writes-on-bgsave-error option). Please check the Redis logs for details about the "
           "RDB error.";
}

/* Without a password nobody is kept waiting for one. */
static bool follow_password(void *ctx, char why[CONFIG_WHY_BYTES]) {
    (void)why;
    struct core *core = ctx;
    if (core->config->requirepass[0]) return true;
    for (struct list_link *l = list_first(&core->sessions); l; l = list_next(&core->sessions, l)) {
        LIST_MEMBER(l, struct session, in_all)->gates &= ~(uint32_t)GATE_UNAUTHENTICATED;
    }
    return true;
}

static bool follow_subscriber_policy(void *ctx, char why[CONFIG_WHY_BYTES]) {
    const struct core *core = ctx;
    (void)why;
    for (struct list_link *l = list_first(&core->sessions); l; l = list_next(&core->sessions, l))
        session_follow_policy(LIST_MEMBER(l, struct session, in_all));
    return true;
}

static void watch_config(struct core *core) {
    static const char *const names[] = {
        "lfu-log-factor",
        "lfu-decay-time",
        "slowlog-log-slower-than",
        "latency-monitor-threshold",
        "latency-tracking",
        "stop-writes-on-bgsave-error",
        "save",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        config_on_change(core->config, names[i], follow_config, core);
    }
    config_on_change(core->config, "maxmemory", follow_maxmemory, core);
    config_on_change(core->config, "maxmemory-policy", follow_maxmemory, core);
    config_on_change(core->config, "requirepass", follow_password, core);
    config_on_change(core->config, "subscriber-policy", follow_subscriber_policy, core);
    char why[CONFIG_WHY_BYTES];
    follow_config(core, why);
}

/* One thread is left for commands when much is to be freed. */
static void make_queues(struct core *core) {
    struct work_pool *pool = core->work;
    core->queues.commands = work_queue_new(pool, "commands", QUEUE_COMMANDS_MAX, 0);
    core->queues.garbage = work_queue_new(pool, "garbage", QUEUE_GARBAGE_MAX, -1);
    core->queues.files = work_queue_new(pool, "files", QUEUE_FILES_MAX, 1);
    core->queues.allocator = work_queue_new(pool, "allocator", QUEUE_ALLOCATOR_MAX, 1);
}

static void run_statistics(void *ctx) {
    struct core *core = ctx;
    size_t used = keyspace_memory(core->ks);
    if (used > core->stats.memory_peak) core->stats.memory_peak = used;
    stats_sample(core);
}

static void run_allocator(void *ctx) { stats_refresh_allocator(ctx); }

static void run_eviction(void *ctx) {
    struct core *core = ctx;
    if (!core->loading.on) core_evict(core);
}

static void run_lanes(void *ctx) {
    places_expire(ctx);
    offload_expire(ctx);
}

static void make_tasks(struct core *core) {
    core->tasks = work_tasks_new();
    core->own_tasks = (struct core_tasks){
        .statistics = work_task_of("statistics", CORE_TASK_MS, run_statistics, core),
        .eviction = work_task_of("eviction", CORE_TASK_MS, run_eviction, core),
        .expiry = {.name = "expiry"}, /* at the end of a turn, when a key's time has come */
        .lanes = work_task_of("lanes", CORE_TASK_MS, run_lanes, core),
        .allocator = work_task_of("allocator", 1000, run_allocator, core),
    };
    work_task_add(core->tasks, &core->own_tasks.statistics);
    work_task_add(core->tasks, &core->own_tasks.eviction);
    work_task_add(core->tasks, &core->own_tasks.expiry);
    work_task_add(core->tasks, &core->own_tasks.lanes);
    work_task_add(core->tasks, &core->own_tasks.allocator);
}

/* XREADGROUP minds a key that goes. */
static void on_leave(void *ctx, struct db *db, const struct entry *e, enum leave_reason why) {
    struct core *core = ctx;
    const struct config *conf = core->config;
    effects_key_left(core, db->id, entry_key(e),
                     why == LEAVE_EVICTED ? conf->lazyfree_eviction : conf->lazyfree_expire);
    if (likely(!core->feed.heard)) return;
    struct key k = key_of(entry_key(e));
    watch_left(core, db, k.hash);
    feed_left(&core->feed, db->id, k);
    if (why == LEAVE_EVICTED) {
        feed_event(&core->feed, db->id, FEED_EVICTED, "evicted", k);
    } else {
        feed_event(&core->feed, db->id, FEED_EXPIRED, "expired", k);
    }
    feed_wake(&core->feed, db->id, k);
}

/* For a command that is alone on its keys, such a key is gone; the log is to know. */
static void on_hidden(void *ctx, struct db *db, const struct entry *e) {
    struct core *core = ctx;
    if (unlikely(core->feed.observers != NULL))
        feed_left(&core->feed, db->id, key_of(entry_key(e)));
    if (core->in_own_lanes)
        effects_key_left(core, db->id, entry_key(e), core->config->lazyfree_expire);
}

static void on_fields(void *ctx, struct db *db, const struct entry *e, bool all) {
    struct core *core = ctx;
    struct key k = key_of(entry_key(e));
    uint64_t changes = core->feed.changes;
    feed_key(&core->feed, db->id, FEED_HASH, "hexpired", k);
    if (all) {
        feed_key(&core->feed, db->id, FEED_GENERIC, "del", k);
        feed_counts(&core->feed, 0);
    }
    effects_not_own(core, changes);
}

struct core *core_new(struct config *config, const struct row *const *families,
                      struct work_pool *work) {
    struct core *core = mem_calloc(sizeof *core);
    core->config = config;
    core->work = work;
    make_queues(core);
    make_tasks(core);
    core->active_expire = true;
    core->ks = keyspace_new(config->databases);
    core->ks->on_leave = on_leave;
    core->ks->on_hidden = on_hidden;
    core->ks->on_leave_ctx = core;
    core->ks->on_fields = on_fields;
    core->ks->on_fields_ctx = core;
    effects_init(&core->effects);
    core->rows = row_table_new(families);
    core->slowlog = slowlog_new(config);
    core->latency = latency_new(config);
    list_init(&core->sessions);
    list_init(&core->monitors);
    list_init(&core->held);
    list_init(&core->log.waiting);
    core_turn_begin(core);
    later_enable(&core->tick_mark);
    core->blocked = blocked_new(&core->feed, core->now_ms);
    core->places = places_new();
    core->offloads = offloads_new();
    core->watches = watches_new();
    core->started_ms = core->now_ms;
    core->persistence.last_save_s = core->now_ms / 1000;
    core->persistence.save_took_s = -1;
    random_hex(core->run_id, sizeof core->run_id - 1);
    watch_config(core);
    return core;
}

void core_free(struct core *core) {
    offloads_free(core->offloads); /* what leaves its lanes is told to those who are blocked */
    places_free(core->places);
    ongoing_fini(core);
    blocked_free(core->blocked);
    watches_free(core->watches);
    keyspace_free(core->ks);
    effects_fini(&core->effects);
    later_free_all(later_take());
    later_enable(NULL);
    row_table_free(core->rows);
    slowlog_free(core->slowlog);
    latency_free(core->latency);
    work_tasks_free(core->tasks);
    mem_free(core);
}

/* ---- the turn ----------------------------------------------------------------------- */

void core_set_now(struct core *core, int64_t now_us) {
    core->now_us = now_us;
    core->now_ms = now_us / 1000;
    keyspace_set_now(core->ks, core->now_ms);
    if (unlikely(core->replaying)) core->ks->now_ms = 0;
}

void core_refresh_now(struct core *core) {
    if (likely(!core->clock_stands)) core_set_now(core, clock_unix_us());
}

void core_replay_begin(struct core *core) {
    core->replaying = true;
    core->effects.wanted = false; /* what is read is told already */
    core->ks->now_ms = 0;
    core_update_gates(core);
}

void core_replay_end(struct core *core) {
    core->replaying = false;
    core->effects.wanted = core->effects.listener_count;
    core->ks->now_ms = core->now_ms;
    core_update_gates(core);
}

void core_turn_begin(struct core *core) {
    core_set_now(core, clock_unix_us());
    core->tick_mark = clock_ticks();
}

struct free_job {
    struct work_job job;
    struct core *core;
    struct garbage *garbage;
    struct later *blocks; /* that the loop was the last to hold */
};

static void free_garbage(struct work_job *job) {
    struct free_job *f = (struct free_job *)job;
    size_t n = garbage_count(f->garbage);
    garbage_free(f->garbage);
    later_free_all(f->blocks);
    atomic_fetch_sub(&f->core->lazyfree_pending, n);
    atomic_fetch_add(&f->core->lazyfree_done, n);
    mem_free(f);
}

/* While the queue is full, what is there stays for the next time. */
static void send_garbage(struct core *core) {
    if (likely(!core->ks->garbage && !later_waits())) return;
    if (!work_queue_has_room(core->queues.garbage)) return;
    struct garbage *g = keyspace_take_garbage(core->ks);
    struct later *blocks = later_take();
    struct free_job *f = mem_alloc(sizeof *f);
    *f = (struct free_job){.job.run = free_garbage, .core = core, .garbage = g, .blocks = blocks};
    atomic_fetch_add(&core->lazyfree_pending, garbage_count(g));
    bool taken = work_queue_submit(core->queues.garbage, &f->job);
    ASSERT(taken);
}

static bool expire(struct core *core) {
    if (ongoing_is_exclusive(core) || core->replaying) return false;
    if (!core->active_expire || keyspace_next_expire(core->ks) > core->now_ms) return false;
    uint64_t start = clock_ticks();
    bool more = keyspace_expire_step(core->ks, EXPIRE_BUDGET_US);
    work_task_note(&core->own_tasks.expiry, clock_ticks() - start);
    uint64_t us = core->own_tasks.expiry.us_last;
    core->stats.expire_us += us;
    latency_note(core->latency, "expire-cycle", (int64_t)us / 1000);
    return more;
}

/* Growth finds memory that another thread has touched. */
bool core_keep_memory(struct work_service *self, void *ctx, char why[WORK_WHY_BYTES]) {
    (void)ctx;
    (void)why;
    while (work_service_wait(self)) chunk_reserve_keep();
    return true;
}

bool core_turn_end(struct core *core) {
    bool more = ongoing_step(core);
    if (offload_gather(core)) more = true;
    if (snapshot_step(core)) more = true;
    offload_finish_late(core);
    if (expire(core)) more = true;
    if (blocked_expire(core)) more = true; /* replies are to be sent */
    if (unlikely(core->evict_more)) {
        core_evict(core);
        more = more || core->evict_more;
    }
    if (unlikely(core->after_due) &&
        !ongoing_is_exclusive(core)) { /* by time, or by keys that left by themselves */
        exec_after(core);
        more = true;
    }
    if (unlikely(core->tracking_due) && core->tracking_hooks.at_turn_end(core)) more = true;
    send_garbage(core);
    if (unlikely(chunk_reserve_due()) && core->memory) work_service_poke(core->memory);
    effects_flush(core);
    return more;
}

int64_t core_next_ms(const struct core *core) {
    int64_t next = core->active_expire ? keyspace_next_expire(core->ks) : INT64_MAX;
    int64_t timeout_ms = blocked_next_ms(core->blocked);
    if (timeout_ms < next) next = timeout_ms;
    if (core->pause_until_ms && core->pause_until_ms < next) next = core->pause_until_ms;
    return next;
}

/* ---- memory ------------------------------------------------------------------------- */

/* Up to 10 the tenacity is a share of the usual budget, each step above adds 15 percent, and
 * 100 is no bound. */
static uint64_t evict_budget_ticks(int tenacity) {
    if (tenacity >= 100) return UINT64_MAX;
    double us = EVICT_BUDGET_US * (tenacity < 10 ? tenacity / 10.0 : 1.0);
    for (int i = 10; i < tenacity; i++) us *= 1.15;
    return clock_us_to_ticks((uint64_t)us);
}

bool core_evict(struct core *core) {
    const struct config *conf = core->config;
    uint64_t max = conf->maxmemory_bytes;
    if (ongoing_is_exclusive(core)) return !core->over_memory;
    /* As in Redis, nothing leaves during a pause. */
    core->evict_more = false;
    if (!max || core->pause_until_ms || keyspace_fits(core->ks, max)) {
        core->over_memory = false;
        return true;
    }
    uint64_t start = clock_ticks();
    uint64_t budget = evict_budget_ticks(conf->maxmemory_eviction_tenacity);
    bool met = false;
    while (!met && keyspace_evict_one(core->ks, (enum evict_policy)conf->maxmemory_policy,
                                      conf->maxmemory_samples)) {
        met = keyspace_fits(core->ks, max);
        /* Out of time, but on the way: the command may run, and the next turn goes on. */
        core->evict_more = !met && clock_ticks() - start > budget;
        if (core->evict_more) met = true;
    }
    send_garbage(core);
    uint64_t us = clock_ticks_to_us(clock_ticks() - start);
    core->stats.evict_stalls_us += us;
    latency_note(core->latency, "eviction-cycle", (int64_t)us / 1000);
    core->over_memory = !met;
    return met;
}

/* ---- pause -------------------------------------------------------------------------- */

void core_pause(struct core *core, int64_t until_ms, bool all) {
    bool longer = until_ms > core->pause_until_ms;
    core->pause_all = all || (core->pause_until_ms && core->pause_all);
    if (longer) core->pause_until_ms = until_ms;
    core->ks->expire_paused = true;
    core_update_gates(core);
}

void core_unpause(struct core *core) {
    core->pause_until_ms = 0;
    core->pause_all = false;
    core->ks->expire_paused = false;
    core_update_gates(core);
    core_release_held(core);
}

void core_release_held(struct core *core) {
    for (struct list_link *l; (l = list_pop_front(&core->held));) {
        struct session *s = LIST_MEMBER(l, struct session, in_held);
        s->state &= ~(uint32_t)SESSION_HELD;
        s->kick(s);
    }
}

/* ---- the end ------------------------------------------------------------------------ */

static bool saves_at_exit(const struct core *core, int how) {
    if (!core->before_exit || how & CONFIG_SHUTDOWN_NOSAVE) return false;
    return how & CONFIG_SHUTDOWN_SAVE || core->config->save_count;
}

bool core_shutdown(struct core *core, int how) {
    core->shutdown_waits = core->ongoing.on && saves_at_exit(core, how);
    if (core->shutdown_waits) {
        core->shutdown_how = how;
        log_notice("the server ends when the script or transaction that runs is over");
        return true;
    }
    if (core->before_exit && !core->before_exit(core, how) && !(how & CONFIG_SHUTDOWN_FORCE))
        return false;
    core->shutdown_asked = true;
    core->shutdown_now = how & CONFIG_SHUTDOWN_NOW;
    return true;
}
