/* aof_rewrite.c - new bases for the append log: begun, ended, given up; when they are due.
 *
 *     open      a worker opens another incr file, which the manifest names    aof_steps.c
 *     the cut   commands go there from now on; the snapshot is written        save.c
 *     convert   into a base of commands, if so asked: a worker                aof_base.c
 *     adopt     the manifest names the new base and that file alone; the      aof_steps.c
 *               others are removed: a worker
 *     discard   if it fails: what it has made is removed, by a worker         aof_steps.c
 *
 * With `first` (appendonly was switched on) the new file has a temporary name and is in no manifest
 * before the base is there. Threads: the loop, but for run_step.
 */
#include <stdio.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/config.h"
#include "persist/aof_internal.h"
#include "persist/save.h"

#define FAILURES_FREE 3     /* rewrites that fail are tried again at once so many times */
#define RETRY_BEGIN_MS 1000 /* if not even a file can be opened */
#define RETRY_MS_MIN 60000
#define RETRY_MS_MAX 3600000

#define SWITCHED_OFF "the append log is switched off"

/* ---- steps --------------------------------------------------------------------------- */

static void run_step(struct work_job *job) {
    struct rewrite *rw = (struct rewrite *)job;
    rw->step_err = rw->step(rw);
    pthread_mutex_lock(&rw->lock);
    rw->state = REWRITE_STEPPED;
    pthread_cond_signal(&rw->stepped);
    rw->wake(rw->wake_ctx); /* under the lock: the loop may free both as soon as it has it */
    pthread_mutex_unlock(&rw->lock);
}

static void start_step(struct aof *a, int (*step)(struct rewrite *rw),
                       void (*then)(struct aof *a, int err)) {
    struct rewrite *rw = &a->rewrite;
    rw->job.run = run_step;
    rw->step = step;
    rw->then = then;
    rw->state = REWRITE_IN_STEP;
    bool taken = work_queue_submit(a->core->queues.files, &rw->job);
    ASSERT(taken); /* there is one at a time */
}

/* Whether a step is over, of which nothing was done yet. With `wait` one that is being taken is
 * waited for. */
static bool has_stepped(struct rewrite *rw, bool wait) {
    pthread_mutex_lock(&rw->lock);
    while (wait && rw->state == REWRITE_IN_STEP) pthread_cond_wait(&rw->stepped, &rw->lock);
    bool over = rw->state == REWRITE_STEPPED;
    if (over) rw->state = REWRITE_RESTS;
    pthread_mutex_unlock(&rw->lock);
    return over;
}

void aof_rewrite_collect(struct aof *a) {
    if (has_stepped(&a->rewrite, false)) a->rewrite.then(a, a->rewrite.step_err);
}

void aof_rewrite_wait(struct aof *a) {
    while (has_stepped(&a->rewrite, true)) a->rewrite.then(a, a->rewrite.step_err);
}

/* ---- the end ------------------------------------------------------------------------- */

static void free_path(char **path) {
    mem_free(*path);
    *path = NULL;
}

static void end(struct aof *a) {
    struct rewrite *rw = &a->rewrite;
    struct core_log *log = &a->core->log;
    log->rewriting = rw->running = rw->given_up = rw->cut_due = rw->saving = false;
    log->rewrite_took_s = a->core->now_ms / 1000 - log->rewrite_begun_s;
    log->rewrite_begun_s = -1;
    manifest_fini(&rw->now);
    manifest_fini(&rw->next);
    key_slot_wipe(&rw->key);
    free_path(&rw->dir);
    free_path(&rw->manifest_path);
    free_path(&rw->base_path);
    free_path(&rw->rdb_path);
    free_path(&rw->incr_path);
    free_path(&rw->incr_named);
    aof_follow_sync(a);
}

static void discarded(struct aof *a, int err) {
    (void)err;
    end(a);
}

/* It is tried again, the later the more often it has failed. */
static void count_failure(struct aof *a) {
    struct rewrite *rw = &a->rewrite;
    struct core_log *log = &a->core->log;
    log->rewrite_failed = true;
    if (++log->rewrite_failures >= FAILURES_FREE) {
        uint64_t steps = log->rewrite_failures - FAILURES_FREE;
        int64_t wait_ms = steps < 6 ? (int64_t)RETRY_MS_MIN << steps : RETRY_MS_MAX;
        if (log->error) wait_ms = RETRY_MS_MIN; /* writes are refused until it succeeds */
        rw->retry_ms = a->core->now_ms + (wait_ms < RETRY_MS_MAX ? wait_ms : RETRY_MS_MAX);
    }
}

static void failed(struct aof *a, const char *why) {
    struct rewrite *rw = &a->rewrite;
    struct core_log *log = &a->core->log;
    if (rw->given_up) {
        log_notice("the rewrite of the append log is given up: %s", why);
    } else {
        log_warning("rewriting the append log has failed: %s", why);
        count_failure(a);
    }
    if (rw->first && a->writer) {
        bool starting = log->starting;
        rw->writer = aof_release_writer(a);
        log->starting = log->rewrite_scheduled = starting; /* it is tried again */
    }
    start_step(a, aof_step_discard, discarded);
}

static void succeeded(struct aof *a) {
    struct rewrite *rw = &a->rewrite;
    struct core_log *log = &a->core->log;
    manifest_fini(&a->manifest);
    a->manifest = rw->next;
    manifest_init(&rw->next);
    if (rw->first && a->writer) {
        log->on = true;
        log->starting = false;
    }
    if (a->writer && !rw->in_doubt) log_writer_forgive(a->writer, rw->cut);
    log->rewrites++;
    log->rewrite_failed = false;
    log->rewrite_failures = 0;
    rw->retry_ms = rw->in_doubt ? a->core->now_ms + RETRY_MS_MIN : 0;
    log->rewrite_scheduled |= rw->in_doubt;
    a->older_bytes = rw->older_bytes;
    log->base_bytes = log->bytes =
        a->older_bytes + (a->writer ? log_writer_state(a->writer).bytes : 0);
    end(a);
    log_notice("the append log was rewritten");
    aof_collect(a);
    core_update_gates(a->core);
}

static void adopted(struct aof *a, int err) {
    char text[128];
    if (!err) {
        succeeded(a);
        return;
    }
    snprintf(text, sizeof text, "the manifest: %s", strerror(-err));
    failed(a, text);
}

/* The base is there: the manifest follows. */
static void adopt(struct aof *a) {
    struct rewrite *rw = &a->rewrite;
    manifest_retire_incr(&rw->next, rw->logs ? 1 : 0);
    rw->keeps_history = a->core->config->aof_disable_auto_gc;
    start_step(a, aof_step_adopt, adopted);
}

static void converted(struct aof *a, int err) {
    if (err) {
        failed(a, strerror(-err));
    } else if (a->rewrite.given_up) {
        failed(a, SWITCHED_OFF);
    } else {
        adopt(a);
    }
}

static void on_saved(void *ctx, int err, const char *why) {
    struct aof *a = ctx;
    a->rewrite.saving = false;
    if (err) {
        failed(a, why);
    } else if (a->rewrite.of_commands) {
        start_step(a, aof_step_convert, converted);
    } else {
        adopt(a);
    }
}

/* ---- the cut ------------------------------------------------------------------------- */

static void on_cut(void *ctx) {
    struct aof *a = ctx;
    struct rewrite *rw = &a->rewrite;
    effects_flush(a->core);
    rw->cut = a->core->effects.offset;
}

/* Behind the cut: the next file takes what comes. */
static void enter_next(struct aof *a) {
    struct rewrite *rw = &a->rewrite;
    struct outfile *file = rw->file;
    rw->file = NULL;
    if (rw->first) {
        aof_open_writer(a, file);
    } else {
        a->older_bytes += log_writer_state(a->writer).bytes;
        log_writer_switch(a->writer, file);
        effects_select_anew(a->core);
    }
}

/* Later, if it must not be now. */
static void make_cut(struct aof *a) {
    struct core *core = a->core;
    struct rewrite *rw = &a->rewrite;
    if (save_is_running(core) || core->ongoing.on || core->replaying || core->loading.on) return;
    rw->cut_due = false;
    struct save_job job = {
        .path = rw->of_commands ? rw->rdb_path : rw->base_path,
        .aof_base = !rw->of_commands,
        .key = key_slot_get(&rw->key),
        .cpus = core->config->aof_rewrite_cpulist,
        .cut = on_cut,
        .done = on_saved,
        .ctx = a,
    };
    int err = save_begin(core, &job);
    ASSERT(!err);
    rw->saving = true;
    if (rw->logs) enter_next(a);
    log_notice("rewriting the append log has begun");
    aof_follow_sync(a);
}

/* ---- the beginning ------------------------------------------------------------------- */

static void opened(struct aof *a, int err) {
    struct core *core = a->core;
    struct rewrite *rw = &a->rewrite;
    if (err) {
        core->log.rewrite_failed = true;
        core->log.rewrite_scheduled = core->log.starting; /* there is no log before it */
        rw->retry_ms = core->now_ms + RETRY_BEGIN_MS;
        start_step(a, aof_step_discard, discarded);
        return;
    }
    if (rw->logs && !rw->first) {
        manifest_fini(&a->manifest);
        a->manifest = rw->now;
        manifest_init(&rw->now);
    }
    if (rw->given_up) {
        failed(a, SWITCHED_OFF);
    } else {
        rw->cut_due = true;
        make_cut(a);
    }
}

/* What the steps go by. */
static void plan(struct aof *a) {
    struct rewrite *rw = &a->rewrite;
    const struct config *conf = a->core->config;
    const char *name = conf->appendfilename;
    rw->key = a->key;
    rw->dir = mem_dup(conf->appenddirname, strlen(conf->appenddirname));
    rw->manifest_path = aof_manifest_path(a);
    manifest_copy(&rw->now, &a->manifest);
    manifest_copy(&rw->next, &a->manifest);
    if (rw->logs) {
        manifest_next_incr(&rw->now, name);
        rw->incr_named = aof_path(a, manifest_next_incr(&rw->next, name));
        rw->incr_path =
            rw->first ? aof_temporary_incr(a) : mem_dup(rw->incr_named, strlen(rw->incr_named));
    }
    rw->base_path = aof_path(a, manifest_next_base(&rw->next, name, !rw->of_commands));
    if (rw->of_commands) rw->rdb_path = aof_path(a, "temp-rewriteaof.rdb");
}

bool aof_rewrite_begin(struct aof *a, bool first, bool here) {
    struct core *core = a->core;
    struct rewrite *rw = &a->rewrite;
    core->log.rewrite_scheduled = false;
    rw->running = core->log.rewriting = true;
    core->log.rewrite_begun_s = core->now_ms / 1000;
    rw->first = first;
    rw->logs = core->log.on || first;
    rw->of_commands = !core->config->aof_rdb_preamble;
    rw->in_doubt = false;
    plan(a);
    if (here) {
        opened(a, aof_step_open(rw));
    } else {
        start_step(a, aof_step_open, opened);
    }
    return !here || rw->cut_due || rw->saving;
}

void aof_rewrite_finish(struct aof *a) {
    while (a->rewrite.running) {
        aof_rewrite_wait(a);
        if (a->rewrite.cut_due || a->rewrite.saving) save_finish(a->core);
        if (a->rewrite.cut_due) make_cut(a);
    }
}

void aof_rewrite_give_up(struct aof *a) {
    struct rewrite *rw = &a->rewrite;
    if (rw->running) {
        log_notice(
            "Killing the AOF rewrite, which is a thread and no child: the log is switched off");
        rw->given_up = true;
    }
    if (rw->saving) save_abort(a->core, SWITCHED_OFF);
    if (rw->cut_due) {
        rw->cut_due = false;
        failed(a, SWITCHED_OFF);
    }
    a->core->log.rewrite_scheduled = false;
}

/* Whether the log has grown as much as auto-aof-rewrite-percentage says. */
static bool has_grown(const struct aof *a) {
    const struct config *conf = a->core->config;
    const struct core_log *log = &a->core->log;
    if (!log->on || !conf->aof_rewrite_percent ||
        log->bytes <= (uint64_t)conf->aof_rewrite_min_bytes)
        return false;
    uint64_t base = log->base_bytes ? log->base_bytes : 1;
    uint64_t growth = log->bytes * 100 / base - 100;
    if (log->bytes < base || growth < (uint64_t)conf->aof_rewrite_percent) return false;
    log_notice("rewriting the append log, which has grown by %llu%%", (unsigned long long)growth);
    return true;
}

void aof_rewrite_cron(struct aof *a) {
    struct core *core = a->core;
    if (a->rewrite.cut_due) make_cut(a);
    if (a->rewrite.running || save_is_running(core) || core->ongoing.on || core->replaying) return;
    if (core->now_ms < a->rewrite.retry_ms) return;
    if (core->log.rewrite_scheduled || has_grown(a))
        aof_rewrite_begin(a, core->log.starting, false);
}
