/* aof_steps.c - what a rewrite of the append log does with files: opens, names and removes them,
 * writes manifests. Disks are slow when a base has just been written, and removing a large file
 * takes long, so that a worker does it.
 *
 * Order is what keeps A1 (aof.h): a file is on disk before a manifest names it, and a manifest is
 * before what it names no more is removed. Threads: a worker, for the loop that waits for it.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "persist/aof_internal.h"

static int save_manifest(const struct rewrite *rw, const struct manifest *m) {
    bool in_place;
    int err = manifest_write(m, rw->manifest_path, &in_place);
    if (err) log_warning("cannot write the manifest %s: %s", rw->manifest_path, strerror(-err));
    return err;
}

static void remove_file(const char *path) {
    if (path && unlink(path) < 0 && errno != ENOENT)
        log_warning("cannot remove %s: %s", path, strerror(errno));
}

void aof_unlink_history(struct manifest *m, const char *dir) {
    for (size_t i = 0; i < m->history_count; i++) {
        char *path = aof_join(dir, m->history[i].name);
        remove_file(path);
        mem_free(path);
    }
    manifest_forget_history(m);
}

static uint64_t size_of(const char *dir, const char *name) {
    struct stat st;
    char *path = aof_join(dir, name);
    uint64_t n = stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
    mem_free(path);
    return n;
}

uint64_t aof_count_bytes(const struct manifest *m, const char *dir, size_t but_last) {
    uint64_t n = m->base.name ? size_of(dir, m->base.name) : 0;
    for (size_t i = 0; i + but_last < m->incr_count; i++) n += size_of(dir, m->incr[i].name);
    return n;
}

/* ---- steps -------------------------------------------------------------------------- */

static int open_next(struct rewrite *rw) {
    unlink(rw->incr_path); /* in no manifest, so that it is nothing */
    int err = outfile_open(rw->incr_path, key_slot_get(&rw->key), &rw->file);
    if (!err) err = file_sync_dir_of(rw->incr_path);
    if (err) log_warning("cannot open the append log %s: %s", rw->incr_path, strerror(-err));
    return err;
}

int aof_step_open(struct rewrite *rw) {
    int err = file_make_dir(rw->dir, 0755);
    if (err) log_warning("cannot make the directory %s: %s", rw->dir, strerror(-err));
    if (!err && rw->logs) err = open_next(rw);
    if (!err && rw->logs && !rw->first) err = save_manifest(rw, &rw->now);
    return err;
}

/* A manifest that is in place and not certain to stay counts, and what it and the one before it
 * name is kept: the log is whole after a crash, whichever is there then. Of a first log there is
 * none before. */
static int adopt_manifest(struct rewrite *rw) {
    int err = manifest_write(&rw->next, rw->manifest_path, &rw->in_doubt);
    if (!err) rw->in_doubt = false;
    if (err)
        log_warning("cannot write the manifest %s%s: %s", rw->manifest_path,
                    rw->in_doubt ? " for certain" : "", strerror(-err));
    return rw->in_doubt && !rw->first ? 0 : err;
}

int aof_step_adopt(struct rewrite *rw) {
    int err = 0;
    if (rw->logs && rw->first && rename(rw->incr_path, rw->incr_named) < 0) err = -errno;
    if (!err && rw->logs && rw->first) err = file_sync_dir_of(rw->incr_named);
    if (!err) err = adopt_manifest(rw);
    if (err) return err;
    if (rw->next.history_count && !rw->keeps_history && !rw->in_doubt) {
        aof_unlink_history(&rw->next, rw->dir);
        save_manifest(rw, &rw->next);
    }
    rw->older_bytes = aof_count_bytes(&rw->next, rw->dir, 1);
    return 0;
}

int aof_step_discard(struct rewrite *rw) {
    if (rw->writer) log_writer_free(rw->writer);
    outfile_close(rw->file);
    rw->writer = NULL;
    rw->file = NULL;
    if (!rw->in_doubt) remove_file(rw->base_path);
    remove_file(rw->rdb_path);
    if (rw->first) remove_file(rw->incr_path);
    return 0;
}
