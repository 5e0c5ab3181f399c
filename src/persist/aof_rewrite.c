/* aof_rewrite.c - new bases for the append log: begun, ended, given up; when they are due.
 *
 *     begin: a new incr file, the cut (commands go there from now on), the manifest names it
 *     done:  the manifest names the new base and that file alone; the others are removed
 *
 * With `first` (appendonly was switched on) the new file has a temporary name and is in no manifest
 * before the base is there. Threads: the loop.
 */
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/config.h"
#include "persist/aof_internal.h"
#include "persist/save.h"

#define FAILURES_FREE 3 /* rewrites that fail are tried again at once so many times */
#define WAIT_NS 1000000
#define RETRY_BEGIN_MS 1000 /* if not even a file can be opened */
#define RETRY_MS_MIN 60000
#define RETRY_MS_MAX 3600000

/* The snapshot that becomes a base of commands. */
static char *temporary_rdb(const struct aof *a) { return aof_path(a, "temp-rewriteaof.rdb"); }

/* Opens the file that commands go to behind the cut. NULL, with the reason in the log. */
static struct outfile *open_next(struct aof *a) {
    struct rewrite *rw = &a->rewrite;
    struct outfile *file = NULL;
    const char *name = manifest_next_incr(&rw->next, a->core->config->appendfilename);
    char *path = rw->first ? aof_temporary_incr(a) : aof_path(a, name);
    unlink(path);
    int err = outfile_open(path, key_slot_get(&a->key), &file);
    if (!err) err = file_sync_dir_of(path);
    if (err) log_warning("cannot open the append log %s: %s", path, strerror(-err));
    mem_free(path);
    return err ? NULL : file;
}

static void on_cut(void *ctx) {
    struct aof *a = ctx;
    struct rewrite *rw = &a->rewrite;
    effects_flush(a->core);
    rw->cut = a->core->effects.offset;
    rw->cut_made = true;
}

/* ---- the end ------------------------------------------------------------------------ */

static void end(struct aof *a) {
    struct rewrite *rw = &a->rewrite;
    struct core_log *log = &a->core->log;
    log->rewriting = rw->running = rw->cut_made = false;
    log->rewrite_took_s = a->core->now_ms / 1000 - log->rewrite_begun_s;
    log->rewrite_begun_s = -1;
    manifest_fini(&rw->next);
    mem_free(rw->base_path);
    rw->base_path = NULL;
    aof_follow_sync(a);
}

static void failed(struct aof *a, const char *why) {
    struct rewrite *rw = &a->rewrite;
    struct core_log *log = &a->core->log;
    log_warning("rewriting the append log has failed: %s", why);
    log->rewrite_failed = true;
    if (++log->rewrite_failures >= FAILURES_FREE) {
        uint64_t steps = log->rewrite_failures - FAILURES_FREE;
        int64_t wait_ms = steps < 6 ? (int64_t)RETRY_MS_MIN << steps : RETRY_MS_MAX;
        if (log->error) wait_ms = RETRY_MS_MIN; /* writes are refused until it succeeds */
        rw->retry_ms = a->core->now_ms + (wait_ms < RETRY_MS_MAX ? wait_ms : RETRY_MS_MAX);
    }
    unlink(rw->base_path);
    if (rw->first && a->writer) {
        bool starting = a->core->log.starting;
        char *path = aof_temporary_incr(a);
        aof_close_writer(a);
        unlink(path);
        mem_free(path);
        a->core->log.starting = starting; /* it is tried again */
        log->rewrite_scheduled = starting;
    }
    end(a);
}

static void succeeded(struct aof *a) {
    struct rewrite *rw = &a->rewrite;
    struct core_log *log = &a->core->log;
    manifest_fini(&a->manifest);
    manifest_copy(&a->manifest, &rw->next);
    if (rw->first && a->writer) {
        log->on = true;
        log->starting = false;
    }
    if (a->writer) log_writer_forgive(a->writer, rw->cut);
    log->rewrites++;
    log->rewrite_failed = false;
    log->rewrite_failures = 0;
    rw->retry_ms = 0;
    aof_remove_history(a);
    a->older_bytes = aof_older_bytes(a);
    log->base_bytes = log->bytes =
        a->older_bytes + (a->writer ? log_writer_state(a->writer).bytes : 0);
    end(a);
    log_notice("the append log was rewritten");
    aof_collect(a);
    core_update_gates(a->core);
}

/* The base is there: the manifest follows. */
static void finish(struct aof *a) {
    struct rewrite *rw = &a->rewrite;
    char text[128];
    bool logs = a->writer != NULL;
    manifest_retire_incr(&rw->next, logs ? 1 : 0);
    int err = 0;
    if (logs && rw->first)
        err = aof_name_temporary_incr(a, rw->next.incr[rw->next.incr_count - 1].name);
    if (!err) err = aof_save_manifest(a, &rw->next);
    if (!err) {
        succeeded(a);
        return;
    }
    snprintf(text, sizeof text, "the manifest: %s", strerror(-err));
    failed(a, text);
}

static void on_done(void *ctx, int err, const char *why) {
    struct aof *a = ctx;
    struct rewrite *rw = &a->rewrite;
    if (err) {
        failed(a, why);
    } else if (rw->of_commands) {
        char *from = temporary_rdb(a);
        aof_base_begin(a, from, rw->base_path);
        mem_free(from);
    } else {
        finish(a);
    }
}

void aof_rewrite_collect(struct aof *a) {
    int err;
    if (!aof_base_end(a, &err)) return;
    if (err) {
        failed(a, strerror(-err));
    } else {
        finish(a);
    }
}

/* ---- the beginning ------------------------------------------------------------------ */

/* Behind the cut: the new file takes what comes. */
static bool enter_next(struct aof *a, struct outfile *file) {
    struct rewrite *rw = &a->rewrite;
    if (rw->first) {
        aof_open_writer(a, file);
        return true;
    }
    struct manifest with_next;
    manifest_copy(&with_next, &a->manifest);
    manifest_next_incr(&with_next, a->core->config->appendfilename);
    if (aof_save_manifest(a, &with_next)) {
        manifest_fini(&with_next);
        outfile_close(file);
        return false;
    }
    manifest_fini(&a->manifest);
    a->manifest = with_next;
    a->older_bytes += log_writer_state(a->writer).bytes;
    log_writer_switch(a->writer, file);
    effects_select_anew(a->core);
    return true;
}

bool aof_rewrite_begin(struct aof *a, bool first) {
    struct core *core = a->core;
    const struct config *conf = core->config;
    struct rewrite *rw = &a->rewrite;
    struct outfile *file = NULL;
    bool logs = core->log.on || first;
    core->log.rewrite_scheduled = false;
    int err = file_make_dir(conf->appenddirname, 0755);
    if (err) {
        log_warning("cannot make the directory %s: %s", conf->appenddirname, strerror(-err));
        return false;
    }
    rw->first = first;
    manifest_copy(&rw->next, &a->manifest);
    if (logs && !(file = open_next(a))) {
        manifest_fini(&rw->next);
        return false;
    }
    rw->of_commands = !conf->aof_rdb_preamble;
    const char *base = manifest_next_base(&rw->next, conf->appendfilename, !rw->of_commands);
    rw->base_path = aof_path(a, base);
    rw->running = true;
    core->log.rewriting = true;
    core->log.rewrite_begun_s = core->now_ms / 1000;
    char *rdb = rw->of_commands ? temporary_rdb(a) : NULL;
    struct save_job job = {
        .path = rdb ? rdb : rw->base_path,
        .aof_base = !rdb,
        .key = key_slot_get(&a->key),
        .cpus = conf->aof_rewrite_cpulist,
        .cut = on_cut,
        .done = on_done,
        .ctx = a,
    };
    err = save_begin(core, &job);
    mem_free(rdb);
    if (!err && logs && !enter_next(a, file)) err = -EIO;
    if (!err) {
        log_notice("rewriting the append log has begun");
        aof_follow_sync(a);
        return true;
    }
    if (rw->cut_made) save_abort(core, "the manifest cannot be written");
    if (rw->running) end(a);
    return false;
}

void aof_rewrite_wait(struct aof *a) {
    struct timespec moment = {0, WAIT_NS};
    while (atomic_load(&a->rewrite.base.state) == BASE_IN_WORK) nanosleep(&moment, NULL);
    aof_rewrite_collect(a);
}

void aof_rewrite_give_up(struct aof *a) {
    struct rewrite *rw = &a->rewrite;
    aof_rewrite_wait(a);
    if (rw->running) {
        log_notice(
            "Killing the AOF rewrite, which is a thread and no child: the log is switched off");
        save_abort(a->core, "the append log is switched off");
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
    if (a->rewrite.running || save_is_running(core) || core->ongoing.on || core->replaying) return;
    if (core->now_ms < a->rewrite.retry_ms) return;
    if (!core->log.rewrite_scheduled && !has_grown(a)) return;
    bool begun = aof_rewrite_begin(a, core->log.starting);
    int64_t soon_ms = core->now_ms + RETRY_BEGIN_MS;
    if (!begun && a->rewrite.retry_ms < soon_ms) a->rewrite.retry_ms = soon_ms;
}
