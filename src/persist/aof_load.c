/* aof_load.c - reads the log at start: manifest, base, files of commands.
 *
 * An older server's log, one file beside the directory, becomes the base of a new manifest: it is
 * moved into the directory, as Redis 7 does.
 * Threads: the loop. Specification: Redis 7.2.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/config.h"
#include "core/loading.h"
#include "persist/aof_internal.h"
#include "persist/load.h"
#include "persist/log_in.h"
#include "store/db.h"

#define MAGIC "REDIS"

static bool exists(const char *path) { return access(path, F_OK) == 0; }

/* Whether the file, or what is sealed in it, begins as an RDB does. */
static bool begins_with_rdb(const struct aof *a, const char *path) {
    struct file_in in;
    struct slice first;
    bool is = !file_in_open(&in, path, 0, key_slot_get(&a->key)) &&
              file_in_next(&in, &first) == 1 && first.n >= sizeof MAGIC - 1 &&
              memcmp(first.p, MAGIC, sizeof MAGIC - 1) == 0;
    file_in_close(&in);
    return is;
}

/* ---- the old form ------------------------------------------------------------------- */

/* Moves the log of one file into the directory, with a manifest that calls it the base. */
static bool adopt(struct aof *a) {
    const struct config *conf = a->core->config;
    const char *name = conf->appendfilename;
    log_notice("moving the append log %s, of one file, into the directory %s", name,
               conf->appenddirname);
    int err = file_make_dir(conf->appenddirname, 0755);
    if (!err) {
        manifest_adopt_base(&a->manifest, name);
        err = aof_save_manifest(a, &a->manifest);
    }
    char *to = aof_path(a, name);
    if (!err && rename(name, to) < 0) err = -errno;
    if (!err) err = file_sync_dir_of(to);
    if (!err) err = file_sync_dir_of(name);
    mem_free(to);
    if (err) log_warning("cannot move the append log into the directory: %s", strerror(-err));
    return !err;
}

/* Finds out which files there are. False: there is something that cannot be understood. */
static bool find(struct aof *a) {
    const struct config *conf = a->core->config;
    char why[MANIFEST_WHY_BYTES];
    char *path = aof_manifest_path(a), *same = aof_path(a, conf->appendfilename);
    bool ok = true;
    int err = manifest_read(&a->manifest, path, why);
    if (err && err != -ENOENT) {
        log_warning("cannot read the manifest %s: %s", path, why);
        ok = false;
    } else if (err && exists(conf->appendfilename) && !file_is_dir(conf->appendfilename)) {
        ok = exists(same) ? false : adopt(a);
        if (exists(same) && !ok)
            log_warning("%s and %s are both there: which one is the data?", same,
                        conf->appendfilename);
    } else if (!err && a->manifest.base.name &&
               strcmp(a->manifest.base.name, conf->appendfilename) == 0 && !exists(same) &&
               exists(conf->appendfilename)) {
        ok = rename(conf->appendfilename, same) == 0; /* it died while moving */
    }
    mem_free(path);
    mem_free(same);
    return ok;
}

/* ---- one file ----------------------------------------------------------------------- */

static bool cut_off(const char *path, const struct replay *r, bool allowed) {
    if (!allowed) {
        log_warning("Unexpected end of file reading the append only file %s, at offset %llu of "
                    "%llu. You can: 1) Make a backup of your AOF file, then use check-aof "
                    "--fix <filename.manifest>. 2) Alternatively you can set the "
                    "'aof-load-truncated' configuration option to yes and restart the server.",
                    path, (unsigned long long)r->whole, (unsigned long long)r->bytes);
        return false;
    }
    log_warning("!!! Warning: short read while loading the AOF file %s!!!", path);
    log_warning("AOF %s loaded anyway because aof-load-truncated is enabled", path);
    log_warning("Truncating the AOF %s at offset %llu: %llu bytes go", path,
                (unsigned long long)r->whole, (unsigned long long)(r->bytes - r->whole));
    int fd = open(path, O_WRONLY | O_CLOEXEC), err = fd < 0 ? -errno : 0;
    if (!err && ftruncate(fd, (off_t)r->whole) < 0) err = -errno;
    if (!err && fsync(fd) < 0) err = -errno;
    if (fd >= 0) close(fd);
    if (err) log_warning("Error truncating the AOF file %s: %s", path, strerror(-err));
    return !err;
}

/* *only: there is nothing but that. */
static bool load_preamble(struct aof *a, const char *path, uint64_t *offset, bool *only) {
    struct load_result result = {.replace = a->again};
    *only = false;
    if (!begins_with_rdb(a, path)) return true;
    if (load_rdb(a->core, path, key_slot_get(&a->key), &result) != LOAD_OK) {
        log_warning("Error reading the RDB preamble of the AOF file %s, AOF loading aborted: %s",
                    path, result.why);
        return false;
    }
    *offset = result.offset;
    *only = result.sealed && !result.more;
    return true;
}

static bool load_file(struct aof *a, const char *name, bool last) {
    bool base = name == a->manifest.base.name, only;
    struct replay r = {.bytes_before = a->core->loading.loaded_bytes, .ends = base || !last};
    uint64_t offset = 0, began_us = clock_mono_us();
    char *path = aof_path(a, name);
    bool ok = load_preamble(a, path, &offset, &only);
    enum replay_status status = ok ? REPLAY_EMPTY : REPLAY_FAILED;
    if (ok && !only) status = aof_replay(a->core, path, key_slot_get(&a->key), offset, &r);
    if (ok && status == REPLAY_TORN && !last) {
        log_warning("Fatal error: the truncated file %s (offset %llu) is not the last file", path,
                    (unsigned long long)r.whole);
        ok = false;
    } else if (ok && status == REPLAY_TORN) {
        ok = cut_off(path, &r, a->core->config->aof_load_truncated);
    } else if (ok && status == REPLAY_FAILED) {
        log_warning("Bad file format reading the append only file %s at offset %llu: %s. Make a "
                    "backup of your AOF file, then use check-aof --fix "
                    "<filename.manifest>",
                    path, (unsigned long long)r.whole, r.why);
        ok = false;
    }
    if (ok) {
        log_notice("DB loaded from %s file %s: %.3f seconds, %llu commands", base ? "base" : "incr",
                   path, (double)(clock_mono_us() - began_us) / 1e6,
                   (unsigned long long)r.commands);
    }
    mem_free(path);
    return ok;
}

size_t aof_count_written(const struct aof *a) {
    const struct manifest *m = &a->manifest;
    size_t n = m->incr_count;
    for (bool empty = true; n && empty; n -= empty) {
        char *path = aof_path(a, m->incr[n - 1].name);
        empty = log_in_is_empty(path);
        mem_free(path);
    }
    return n;
}

static bool load_files(struct aof *a) {
    const struct manifest *m = &a->manifest;
    size_t written = aof_count_written(a);
    if (m->base.name && !load_file(a, m->base.name, m->incr_count == 0)) return false;
    for (size_t i = 0; i < m->incr_count; i++) {
        if (!load_file(a, m->incr[i].name, i + 1 >= written)) return false;
    }
    return true;
}

static bool load_all(struct aof *a) {
    loading_begin(a->core, aof_bytes(a));
    core_replay_begin(a->core);
    bool ok = load_files(a);
    core_replay_end(a->core);
    loading_end(a->core);
    return ok;
}

static bool is_empty(const struct aof *a) {
    return !a->manifest.base.name && !a->manifest.incr_count;
}

bool aof_load(struct aof *a) {
    if (!find(a)) return false;
    if (is_empty(a)) return true;
    bool ok = load_all(a);
    if (ok) aof_remove_history(a);
    return ok;
}

bool aof_reload(struct aof *a) {
    struct core *core = a->core;
    aof_rewrite_wait(a); /* it may be removing files */
    if (!core->log.on && is_empty(a)) return false;
    aof_finish(a);
    for (int i = 0; i < core->ks->db_count; i++) db_flush(&core->ks->dbs[i]);
    a->again = true;
    bool ok = load_all(a);
    a->again = false;
    return ok;
}
