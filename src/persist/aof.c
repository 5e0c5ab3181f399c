/* aof.c - see aof.h: the log while the server runs. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/blocked.h"
#include "core/config.h"
#include "persist/aof_internal.h"
#include "persist/log_in.h"
#include "persist/save.h"

/* What waits longer to be written, or a sync that takes longer, makes writers wait. */
#define BEHIND_MS 2000

/* ---- paths -------------------------------------------------------------------------- */

static char *joined(const char *dir, const char *name, const char *suffix) {
    size_t n = strlen(dir) + strlen(name) + strlen(suffix) + 2;
    char *path = mem_alloc(n);
    snprintf(path, n, "%s/%s%s", dir, name, suffix);
    return path;
}

char *aof_join(const char *dir, const char *name) { return joined(dir, name, ""); }

char *aof_path(const struct aof *a, const char *name) {
    return aof_join(a->core->config->appenddirname, name);
}

char *aof_manifest_path(const struct aof *a) {
    const struct config *conf = a->core->config;
    return joined(conf->appenddirname, conf->appendfilename, ".manifest");
}

char *aof_temporary_incr(const struct aof *a) {
    const struct config *conf = a->core->config;
    size_t n = strlen(conf->appendfilename) + sizeof "temp-.incr";
    char *file = mem_alloc(n);
    snprintf(file, n, "temp-%s.incr", conf->appendfilename);
    char *path = aof_path(a, file);
    mem_free(file);
    return path;
}

int aof_name_temporary_incr(const struct aof *a, const char *name) {
    char *from = aof_temporary_incr(a), *to = aof_path(a, name);
    int err = rename(from, to) < 0 ? -errno : file_sync_dir_of(to);
    mem_free(from);
    mem_free(to);
    return err;
}

int aof_save_manifest(struct aof *a, const struct manifest *m) {
    char *path = aof_manifest_path(a);
    bool in_place;
    int err = manifest_write(m, path, &in_place);
    if (err) log_warning("cannot write the manifest %s: %s", path, strerror(-err));
    mem_free(path);
    return err;
}

static uint64_t count_bytes(const struct aof *a, size_t but_last) {
    return aof_count_bytes(&a->manifest, a->core->config->appenddirname, but_last);
}

uint64_t aof_bytes(const struct aof *a) { return count_bytes(a, 0); }
uint64_t aof_older_bytes(const struct aof *a) { return count_bytes(a, 1); }

void aof_remove_history(struct aof *a) {
    const struct config *conf = a->core->config;
    if (!a->manifest.history_count || conf->aof_disable_auto_gc) return;
    aof_unlink_history(&a->manifest, conf->appenddirname);
    aof_save_manifest(a, &a->manifest);
}

/* ---- the writer --------------------------------------------------------------------- */

/* "#TS:" and the time before the first effects of a second. */
static void put_stamp(struct aof *a) {
    char line[32];
    int64_t now_s = a->core->now_ms / 1000;
    if (!a->core->config->aof_timestamp || now_s <= a->stamp_s) return;
    a->stamp_s = now_s;
    int n = snprintf(line, sizeof line, "#TS:%lld\r\n", (long long)now_s);
    log_writer_append(a->writer, line, (size_t)n, log_writer_state(a->writer).appended);
}

static void take(void *ctx, const char *p, size_t n) {
    struct aof *a = ctx;
    put_stamp(a);
    log_writer_append(a->writer, p, n, a->core->effects.offset);
}

static void woken(void *ctx) {
    struct aof *a = ctx;
    a->wake(a->wake_ctx);
}

static void hurry(void *ctx) {
    struct aof *a = ctx;
    effects_flush(a->core);
    if (a->writer) log_writer_hurry(a->writer);
}

void aof_follow_sync(struct aof *a) {
    struct core *core = a->core;
    const struct config *conf = core->config;
    enum log_sync sync = LOG_SYNC_NEVER;
    bool busy = conf->no_appendfsync_on_rewrite && save_is_running(core);
    core->log.always = conf->appendfsync == CONFIG_FSYNC_ALWAYS;
    if (core->log.always) {
        sync = LOG_SYNC_ALWAYS;
    } else if (conf->appendfsync == CONFIG_FSYNC_EVERYSEC && !busy) {
        sync = LOG_SYNC_EVERY_SECOND;
    }
    if (a->writer) log_writer_set_sync(a->writer, sync);
    core_log_update(core);
}

/* WAITAOF. */
static void serve_waiting(struct core *core) {
    struct list_link *next;
    for (struct list_link *l = list_first(&core->log.waiting); l; l = next) {
        struct session *s = LIST_MEMBER(l, struct session, in_held);
        next = list_next(&core->log.waiting, l);
        if (s->sync_to > core->log.synced) continue;
        list_unlink(l);
        blocked_end(s, false);
    }
}

void aof_open_writer(struct aof *a, struct outfile *file) {
    struct core *core = a->core;
    effects_flush(core);
    a->writer = log_writer_new(file, core->effects.offset, woken, a);
    log_writer_set_delay(a->writer, a->delay_us);
    a->stamp_s = 0;
    core->log.written = core->log.synced = core->effects.offset;
    effects_listen(core, (struct effects_listener){take, a});
    aof_follow_sync(a);
}

struct log_writer *aof_release_writer(struct aof *a) {
    struct core *core = a->core;
    struct log_writer *w = a->writer;
    if (!w) return NULL;
    effects_unlisten(core, a);
    a->writer = NULL;
    core->log.on = core->log.starting = core->log.behind = false;
    core->log.error = 0;
    core->log.written = core->log.synced = core->effects.offset;
    serve_waiting(core);
    core_log_update(core);
    core_update_gates(core);
    core_release_held(core);
    if (core->log.on_moved) core->log.on_moved(core->log.on_moved_ctx);
    return w;
}

void aof_close_writer(struct aof *a) {
    if (!a->writer) return;
    effects_flush(a->core); /* this turn's too */
    log_writer_finish(a->writer);
    log_writer_free(aof_release_writer(a));
}

/* ---- what the writer has done ------------------------------------------------------- */

/* As Redis does: what clients were not told is gone, but no more than that. */
static void die(const char *what, int err) {
    log_warning("%s: %s. With appendfsync always this cannot be made good. Exiting...", what,
                strerror(-err));
    _exit(1);
}

static void note_error(struct aof *a, const struct log_writer_state *s) {
    struct core *core = a->core;
    int err = s->write_error ? s->write_error : s->sync_error;
    if (err && core->log.always)
        die(s->write_error ? "cannot write the append log" : "cannot sync the append log", err);
    if (s->sync_error && !a->rewrite.running) core->log.rewrite_scheduled = true;
    if (err == core->log.error) return;
    core->log.error = err;
    if (s->write_error) {
        log_warning("cannot write the append log: %s; commands that write are refused",
                    strerror(-err));
    } else if (err) {
        log_warning("cannot sync the append log: %s; commands that write are refused until a "
                    "rewrite has succeeded",
                    strerror(-err));
    } else {
        log_warning("the append log can be written again");
    }
    core_update_gates(core);
}

void aof_collect(struct aof *a) {
    struct core *core = a->core;
    aof_rewrite_collect(a);
    if (!a->writer) return;
    struct log_writer_state s = log_writer_state(a->writer);
    uint64_t written = s.write_error ? UINT64_MAX : s.written;
    bool synced = s.synced != core->log.synced, moved = synced || written != core->log.written;
    core->log.written = written;
    core->log.synced = s.synced;
    core->log.bytes = a->older_bytes + s.bytes;
    core->log.waiting_bytes = s.waiting_bytes;
    core->log.syncing = s.syncing_since_ms;
    core_log_update(core);
    note_error(a, &s);
    if (synced) serve_waiting(core);
    if (moved && core->log.on_moved) core->log.on_moved(core->log.on_moved_ctx);
}

static bool is_long_ago(uint64_t since_ms) {
    return since_ms && clock_mono_ms() - since_ms > BEHIND_MS;
}

/* The disk does not follow: commands that write wait until it does, so that what a power failure
 * takes is no more than was told in these times and the second. */
static void mind_delay(struct aof *a) {
    struct core *core = a->core;
    struct log_writer_state s = log_writer_state(a->writer);
    bool behind = core->config->appendfsync == CONFIG_FSYNC_EVERYSEC && !s.write_error &&
                  (is_long_ago(s.waiting_since_ms) || is_long_ago(s.syncing_since_ms));
    if (behind == core->log.behind) return;
    core->log.behind = behind;
    if (behind) {
        core->log.delayed++;
        log_notice("the append log is %d ms behind, the disk is busy: commands that write wait",
                   BEHIND_MS);
    } else {
        core_release_held(core);
    }
}

void aof_cron(struct aof *a) {
    aof_rewrite_collect(a);
    if (a->writer) {
        aof_collect(a);
        mind_delay(a);
        aof_follow_sync(a);
    }
    aof_rewrite_cron(a);
}

/* ---- on and off --------------------------------------------------------------------- */

/* CONFIG SET appendonly. */
static bool follow_appendonly(void *ctx, char why[CONFIG_WHY_BYTES]) {
    struct aof *a = ctx;
    struct core *core = a->core;
    bool on = core->log.on || core->log.starting;
    if (core->config->appendonly == on) return true;
    if (on) {
        aof_rewrite_give_up(a);
        aof_close_writer(a);
        core->log.on = core->log.starting = false;
        log_notice("the append log is switched off");
        return true;
    }
    core->log.starting = true;
    bool within = core->ongoing.on || core->ongoing.inside || core->effects.unit.depth;
    if (within || save_is_running(core) || a->rewrite.running) {
        core->log.rewrite_scheduled = true;
    } else if (!aof_rewrite_begin(a, true, true)) {
        core->log.starting = core->log.rewrite_scheduled = false;
        snprintf(why, CONFIG_WHY_BYTES, "Unable to turn on AOF. Check server logs.");
        return false;
    }
    return true;
}

static bool follow_appendfsync(void *ctx, char why[CONFIG_WHY_BYTES]) {
    (void)why;
    struct aof *a = ctx;
    aof_follow_sync(a);
    if (a->core->log.askers) hurry(a); /* their replies may wait for a sync that none begins now */
    if (a->core->log.on_moved) a->core->log.on_moved(a->core->log.on_moved_ctx);
    return true;
}

bool aof_read_key(struct aof *a, char why[CONFIG_WHY_BYTES]) {
    return key_slot_set(&a->key, a->core->config->aof_key_file, why);
}

/* CONFIG SET aof-key-file. Files of two keys make no log that a start can read. */
static bool follow_key_file(void *ctx, char why[CONFIG_WHY_BYTES]) {
    struct aof *a = ctx;
    if (!a->core->log.on && !a->core->log.starting) return aof_read_key(a, why);
    snprintf(why, CONFIG_WHY_BYTES, "aof-key-file can be changed while appendonly is no");
    return false;
}

struct aof *aof_new(struct core *core, void (*wake)(void *ctx), void *wake_ctx) {
    struct aof *a = mem_calloc(sizeof *a);
    a->core = core;
    a->wake = wake;
    a->wake_ctx = wake_ctx;
    manifest_init(&a->manifest);
    pthread_mutex_init(&a->rewrite.lock, NULL);
    pthread_cond_init(&a->rewrite.stepped, NULL);
    a->rewrite.wake = wake;
    a->rewrite.wake_ctx = wake_ctx;
    core->log.rewrite_took_s = core->log.rewrite_begun_s = -1;
    core->log.hurry = hurry;
    core->log.hurry_ctx = a;
    config_on_change(core->config, "appendonly", follow_appendonly, a);
    config_on_change(core->config, "appendfsync", follow_appendfsync, a);
    config_on_change(core->config, "aof-key-file", follow_key_file, a);
    config_on_change(core->config, "no-appendfsync-on-rewrite", follow_appendfsync, a);
    return a;
}

void aof_free(struct aof *a) {
    aof_rewrite_give_up(a);
    aof_close_writer(a);
    aof_rewrite_finish(a);
    pthread_mutex_destroy(&a->rewrite.lock);
    pthread_cond_destroy(&a->rewrite.stepped);
    manifest_fini(&a->manifest);
    key_slot_wipe(&a->key);
    mem_free(a);
}

/* Ends an incr file that is sealed, unless it is the last one and has a head alone; *empty: nothing
 * is in it. 0 or a negative errno. */
static int end_incr(const struct aof *a, const char *name, bool last, bool *sealed, bool *empty) {
    char *path = aof_path(a, name);
    int err = 0;
    *sealed = file_in_is_sealed(path);
    *empty = *sealed && last && log_in_is_empty(path);
    if (*sealed && !*empty) err = outfile_end_left(path, key_slot_get(&a->key), empty);
    if (err) log_warning("cannot end the append log %s: %s", path, strerror(-err));
    mem_free(path);
    return err;
}

/* The last incr file, if more can be added to it; NULL: another one is to be begun. Sealed ones
 * that have no end get it, in their order; if nothing is in the last one, *empty, and another can
 * take its place. */
static const char *last_incr(const struct aof *a, bool *empty, int *err) {
    const struct manifest *m = &a->manifest;
    size_t written = aof_count_written(a);
    bool sealed = false;
    *empty = false;
    *err = 0;
    for (size_t i = written ? written - 1 : 0; i < m->incr_count && !*err; i++)
        *err = end_incr(a, m->incr[i].name, i + 1 == m->incr_count, &sealed, empty);
    bool goes_on = m->incr_count && (*empty || !(sealed || a->key.there));
    return goes_on ? m->incr[m->incr_count - 1].name : NULL;
}

/* Opens the incr file that is gone on with, or another one. */
static struct outfile *open_incr(struct aof *a) {
    struct outfile *file = NULL;
    bool empty;
    int err;
    const char *name = last_incr(a, &empty, &err);
    if (err) return NULL;
    bool anew = !name;
    if (anew) name = manifest_next_incr(&a->manifest, a->core->config->appendfilename);
    char *path = empty ? aof_temporary_incr(a) : aof_path(a, name);
    if (anew) unlink(path); /* in no manifest, so that it is nothing */
    err = outfile_open(path, key_slot_get(&a->key), &file);
    if (!err) err = empty ? aof_name_temporary_incr(a, name) : file_sync_dir_of(path);
    if (err) log_warning("cannot open the append log %s: %s", path, strerror(-err));
    mem_free(path);
    if (!err) return file;
    outfile_close(file);
    return NULL;
}

/* Snapshots and manifests that a crash has left half written. */
static void remove_temporary(const struct aof *a) {
    DIR *dir = opendir(a->core->config->appenddirname);
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        if (strncmp(e->d_name, "temp-", 5) != 0 && !strstr(e->d_name, ".manifest.tmp-")) continue;
        char *path = aof_path(a, e->d_name);
        unlink(path);
        mem_free(path);
    }
    if (dir) closedir(dir);
}

bool aof_start(struct aof *a) {
    struct core *core = a->core;
    const struct config *conf = core->config;
    if (!conf->appendonly) return true;
    int err = file_make_dir(conf->appenddirname, 0755);
    if (err) {
        log_warning("cannot make the directory %s: %s", conf->appenddirname, strerror(-err));
        return false;
    }
    remove_temporary(a);
    if (!a->manifest.base.name && !a->manifest.incr_count) {
        core->log.starting = true;
        if (!aof_rewrite_begin(a, true, true)) return false;
        aof_rewrite_finish(a);
        return core->log.on;
    }
    struct outfile *file = open_incr(a);
    if (!file || aof_save_manifest(a, &a->manifest)) return false;
    a->older_bytes = core->log.base_bytes = aof_older_bytes(a);
    core->log.base_bytes += file->bytes;
    core->log.bytes = core->log.base_bytes;
    core->log.on = true;
    aof_open_writer(a, file);
    return true;
}

void aof_set_flush_delay(struct aof *a, int us) {
    a->delay_us = us;
    if (a->writer) log_writer_set_delay(a->writer, us);
}

void aof_finish(struct aof *a) {
    if (!a->writer) return;
    effects_flush(a->core);
    if (!log_writer_finish(a->writer)) log_warning("the append log could not be synced");
    aof_collect(a);
}

enum aof_rewrite_reply aof_rewrite(struct aof *a, bool not_now) {
    struct core *core = a->core;
    if (a->rewrite.running) return AOF_REWRITE_UNDER_WAY;
    if (not_now || save_is_running(core)) {
        core->log.rewrite_scheduled = true;
        return AOF_REWRITE_SCHEDULED;
    }
    aof_rewrite_begin(a, core->log.starting, false);
    return AOF_REWRITE_STARTED;
}
