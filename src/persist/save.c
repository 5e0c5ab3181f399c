/* save.c - see save.h: the loop's side of a save. */
#include "persist/save_internal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/config.h"
#include "core/dump.h"
#include "net/wake.h"
#include "persist/persist_internal.h"
#include "work/thread.h"

#define LOOK_UP_NS 100000000 /* what waits for the thread looks up so often */

/* ---- captures ------------------------------------------------------------------------ */

/* Under the lock. */
static void put_in_queue(struct save *s) {
    if (!s->outbox) return;
    *s->queue_last = s->outbox;
    s->queue_last = s->outbox_last;
    s->outbox = NULL;
    s->outbox_last = &s->outbox;
    pthread_cond_signal(&s->more);
}

/* The lock, if it is free. The thread may lose its processor while it holds it, and the loop does
 * not wait for that: it comes again in its next turn. */
static bool lock_now(struct save *s) {
    if (pthread_mutex_trylock(&s->lock) == 0) return true;
    net_wake_send(s->wake);
    return false;
}

static void give(void *ctx, struct capture *c) {
    struct save *s = ctx;
    c->next = NULL;
    *s->outbox_last = c;
    s->outbox_last = &c->next;
    if (!lock_now(s)) return;
    put_in_queue(s);
    pthread_mutex_unlock(&s->lock);
}

/* One of the queue is written next; the last one stays the last. */
static void hurry(void *ctx, struct capture *c) {
    struct save *s = ctx;
    if (!lock_now(s)) return;
    put_in_queue(s);
    struct capture **link = &s->queue;
    while (*link && *link != c) link = &(*link)->next;
    if (*link && !c->last) {
        *link = c->next;
        if (!*link) s->queue_last = link;
        c->next = s->queue;
        if (!s->queue) s->queue_last = &c->next;
        s->queue = c;
    }
    pthread_mutex_unlock(&s->lock);
}

/* ---- the beginning ------------------------------------------------------------------- */

/* The records of all libraries, as FUNCTION DUMP gives them. */
static void take_functions(struct save *s) {
    struct slice argv[2] = {slice_cstr("function"), slice_cstr("dump")}, reply, body;
    if (!s->core->script_counts.libraries) return;
    persist_run(s->core, argv, 2, &reply);
    const char *text = memchr(reply.p, '\n', reply.n);
    ASSERT(*reply.p == '$' && text++);
    int err = rdb_dump_open(slice_of(text, (size_t)(reply.p + reply.n - text) - 2), &body);
    ASSERT(!err);
    s->functions = mem_dup(body.p, body.n);
    s->function_bytes = body.n;
    mem_free((void *)reply.p);
}

/* All that the thread must not ask the loop's data for. */
static void take_settings(struct save *s) {
    const struct config *conf = s->core->config;
    const struct keyspace *ks = s->core->ks;
    int policy = conf->maxmemory_policy;
    s->clocks = (struct keyspace){
        .now_ms = ks->now_ms,
        .wall_ms = ks->wall_ms,
        .lru_clock = ks->lru_clock,
        .lfu_decay_minutes = ks->lfu_decay_minutes,
    };
    s->idle = policy == EVICT_ALLKEYS_LRU || policy == EVICT_VOLATILE_LRU;
    s->freq = ks->lfu;
    s->write_version = conf->rdb_write_version;
    s->compress = conf->rdbcompression;
    s->checksum = conf->rdbchecksum;
    s->steady = conf->rdb_incremental_fsync;
    s->key_delay = conf->rdb_key_save_delay;
    s->created_s = s->core->now_ms / 1000;
    s->used_bytes = keyspace_memory(ks);
    s->db = -1;
    take_functions(s);
}

static void take_cut(struct save *s) {
    snapshot_begin(s->core, &s->writer);
    const struct cut *cut = s->core->ks->cut;
    int n = cut_dbs(cut, NULL, 0);
    s->dbs = mem_calloc((size_t)n * sizeof *s->dbs + 1);
    s->db_count = cut_dbs(cut, s->dbs, n);
    s->version = s->write_version;
    if (cut_has_timed_fields(cut) && s->version < rdb_version_of(RDB_HASH_EXPIRES))
        s->version = rdb_version_of(RDB_HASH_EXPIRES);
    if (s->job.cut) s->job.cut(s->job.ctx);
}

static bool start_thread(struct save *s, const struct save_job *job) {
    const struct work_thread_kind kind = {"save", WORK_NICE, job->cpus};
    return work_thread_start(&s->thread, kind, save_write, s);
}

static void save_free(struct save *s) {
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->more);
    pthread_cond_destroy(&s->news);
    mem_free(s->path);
    key_slot_wipe(&s->key);
    mem_free(s->dbs);
    mem_free(s->functions);
    mem_free(s);
}

static struct save *save_new(struct core *core, const struct save_job *job) {
    struct save *s = mem_calloc(sizeof *s);
    s->core = core;
    s->job = *job;
    if (job->key) s->key = (struct key_slot){true, *job->key};
    s->writer = (struct snapshot_writer){give, hurry, s};
    s->path = file_absolute(job->path);
    if (!s->path) s->path = mem_dup(job->path, strlen(job->path));
    s->wake = core->persist->wake;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->more, NULL);
    pthread_cond_init(&s->news, NULL);
    s->queue_last = &s->queue;
    s->outbox_last = &s->outbox;
    return s;
}

int save_begin(struct core *core, const struct save_job *job) {
    if (core->persist->save || core->ongoing.on) return ERR_SAVING;
    struct save *s = save_new(core, job);
    take_settings(s);
    take_cut(s);
    core->persist->save = s;
    bool started = start_thread(s, job);
    ASSERT(started);
    return 0;
}

bool save_is_running(const struct core *core) { return core->persist && core->persist->save; }

/* ---- the end ------------------------------------------------------------------------- */

static void stop(struct save *s) {
    atomic_store(&s->stopped, true);
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_signal(&s->more);
    pthread_mutex_unlock(&s->lock);
}

static void take_back(struct save *s, struct capture *c) {
    for (struct capture *next; c; c = next) {
        next = c->next;
        snapshot_take_back(s->core, c);
    }
}

/* The thread has ended. */
static void finish(struct core *core, struct save *s) {
    pthread_join(s->thread, NULL);
    put_in_queue(s);
    for (struct capture *c = s->queue; c; c = c->next) capture_unref(c);
    take_back(s, s->queue);
    core->persistence.save_cow_bytes = cut_figures(core->ks->cut).copied_bytes;
    snapshot_end(core);
    core->persist->save = NULL;
    if (s->job.done) s->job.done(s->job.ctx, s->err, s->err ? s->why : NULL);
    save_free(s);
}

void save_collect(struct core *core) {
    struct save *s = core->persist->save;
    if (!s || !lock_now(s)) return;
    put_in_queue(s);
    struct capture *read = s->read;
    bool finished = s->finished, give_up = s->err && !s->stop;
    s->read = NULL;
    pthread_mutex_unlock(&s->lock);
    take_back(s, read);
    if (give_up) stop(s);
    if (finished) finish(core, s);
}

/* Or for LOOK_UP_NS. */
static void wait_for_news(struct save *s) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    if ((until.tv_nsec += LOOK_UP_NS) >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_mutex_lock(&s->lock);
    put_in_queue(s);
    if (!s->read && !s->finished) pthread_cond_timedwait(&s->news, &s->lock, &until);
    pthread_mutex_unlock(&s->lock);
}

void save_finish(struct core *core) { save_finish_unless(core, NULL, NULL); }

void save_finish_unless(struct core *core, bool (*breaks)(void), const char *why) {
    struct save *s;
    while ((s = core->persist->save)) {
        while (snapshot_step(core)) continue;
        wait_for_news(s);
        save_collect(core);
        if (breaks && breaks()) save_abort(core, why);
    }
}

void save_give_up(struct core *core, const char *why) {
    struct save *s = core->persist->save;
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    if (!s->err) {
        s->err = ERR_SAVING;
        snprintf(s->why, sizeof s->why, "%s", why);
    }
    pthread_mutex_unlock(&s->lock);
    stop(s);
}

void save_abort(struct core *core, const char *why) {
    save_give_up(core, why);
    for (struct save *s; (s = core->persist->save);) {
        wait_for_news(s);
        save_collect(core);
    }
}
