/* interim.c - stands in for the real saving and loading while these are being built. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "core/core.h"
#include "core/dump.h"
#include "persist/load.h"
#include "persist/save.h"

static struct save_job pending;
static bool running;
static int result;

static void put_entry(void *ctx, const struct entry *e) {
    struct rdb_writer *w = ctx;
    enum rdb_type as = dump_rdb_type(e, 10);
    struct rdb_key key = {entry_key(e), as, entry_expire_ms(e), -1, -1};
    rdb_put_key(w, &key);
    dump_put_body(w, e, as);
}

int save_begin(struct core *core, const struct save_job *job) {
    struct rdb_writer w;
    if (running) return -1;
    running = true;
    pending = *job;
    char *path = mem_dup(job->path, strlen(job->path));
    if (job->cut) job->cut(job->ctx);
    core->ks->expire_paused = true;
    rdb_writer_init(&w, NULL, NULL);
    rdb_put_header(&w, 10);
    rdb_put_aux(&w, "redis-ver", slice_cstr("7.2.0"));
    if (job->aof_base) rdb_put_aux_int(&w, "aof-base", 1);
    for (int i = 0; i < core->ks->db_count; i++) {
        struct db *db = &core->ks->dbs[i];
        if (!db_size(db)) continue;
        rdb_put_select_db(&w, (uint64_t)i);
        uint64_t cursor = 0;
        do cursor = db_scan(db, cursor, 100, put_entry, &w);
        while (cursor);
    }
    rdb_put_end(&w);
    core->ks->expire_paused = false;
    result = file_write_atomic(path, rdb_writer_bytes(&w), 0644);
    rdb_writer_fini(&w);
    mem_free(path);
    return 0;
}

void save_finish(struct core *core) {
    (void)core;
    if (!running) return;
    running = false;
    pending.done(pending.ctx, result, "failed");
}
void save_abort(struct core *core, const char *why) {
    (void)why;
    save_finish(core);
}
bool save_is_running(const struct core *core) {
    (void)core;
    return running;
}

enum load_status load_rdb(struct core *core, const char *path, uint64_t offset,
                          struct load_result *r) {
    char *text;
    struct rdb_reader in;
    struct rdb_record rec;
    ssize_t n = file_read(path, (size_t)1 << 40, &text);
    if (n < 0) return LOAD_NO_FILE;
    rdb_reader_init(&in, slice_of(text + offset, (size_t)n - offset));
    int err = rdb_get_header(&in);
    struct db *db = &core->ks->dbs[0];
    while (!err && !(err = rdb_next(&in, &rec)) && rec.kind != RDB_RECORD_END) {
        if (rec.kind == RDB_RECORD_SELECT_DB) db = &core->ks->dbs[rec.index];
        if (rec.kind != RDB_RECORD_KEY) continue;
        struct dump_value v;
        char *name = mem_dup(rec.key.name.p, rec.key.name.n);
        err = dump_get_value(&in, rec.key.type, core->config, &v);
        if (!err) dump_put_value(db, key_of(slice_of(name, rec.key.name.n)), &v, rec.key.expire_ms);
        mem_free(name);
    }
    r->offset = offset + rdb_reader_offset(&in);
    snprintf(r->why, sizeof r->why, "error %d at %llu", err, (unsigned long long)r->offset);
    rdb_reader_fini(&in);
    mem_free(text);
    return err ? LOAD_FAILED : LOAD_OK;
}
