/* load.c - see load.h: the loop's side of a load. */
#include "persist/load.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "core/loading.h"
#include "persist/load_internal.h"
#include "persist/persist_internal.h"
#include "work/thread.h"

#define WAIT_US 1000 /* for the thread, before the loop may turn */
#define FETCH_AHEAD 16

/* ---- batches ------------------------------------------------------------------------- */

static void give_spare(struct load *l, struct load_batch *b) {
    pthread_mutex_lock(&l->lock);
    b->next = l->spare;
    l->spare = b;
    pthread_cond_signal(&l->empty);
    pthread_mutex_unlock(&l->lock);
}

/* The next batch that is read; NULL, *over: there will be none; NULL else: not yet. */
static struct load_batch *take_ready(struct load *l, bool *over) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += WAIT_US * 1000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_mutex_lock(&l->lock);
    if (!l->ready && !l->finished) pthread_cond_timedwait(&l->full, &l->lock, &until);
    struct load_batch *b = l->ready;
    if (b) {
        l->ready = b->next;
        if (!l->ready) l->ready_last = &l->ready;
    }
    *over = !b && l->finished;
    pthread_mutex_unlock(&l->lock);
    return b;
}

/* ---- items --------------------------------------------------------------------------- */

static void item_free(struct load_item *item) {
    if (item->kind == LOAD_VALUE) dump_value_free(&item->value);
    mem_free(item->own);
}

static bool refuse(struct load_result *result, const char *text, struct slice about) {
    snprintf(result->why, LOAD_WHY_BYTES, "%s: '%.*s'", text, (int)(about.n < 100 ? about.n : 100),
             about.p);
    return false;
}

static void put_value(struct db *db, struct load_item *item) {
    if (item->kind == LOAD_VALUE) {
        dump_put_value(db, item->key, &item->value, item->expire_ms);
    } else if (item->type == TYPE_STRING) {
        db_set(db, item->key, item->bytes, item->expire_ms);
    } else {
        db_put_packed(db, item->key, item->type, item->encoding, item->bytes);
        if (item->expire_ms >= 0) db_set_expire(db, item->key, item->expire_ms);
    }
}

/* One whose time has passed stays hidden in the table, until the log tells that it went. */
static bool put_key(struct core *core, struct load_item *item, struct load_result *result) {
    struct db *db = &core->ks->dbs[item->db];
    size_t before = db_size(db);
    if (result->replace && db_delete(db, item->key)) before--;
    if (item->expire_ms != RDB_NO_EXPIRY && item->expire_ms < 0) item->expire_ms = 0;
    put_value(db, item);
    if (db_size(db) == before)
        return refuse(result, "it has a key that is there already", key_slice(item->key));
    result->keys++;
    bool over = item->expire_ms >= 0 && item->expire_ms < core->ks->now_ms;
    if (over || (item->idle_s < 0 && item->freq < 0)) return true;
    struct entry *e = db_peek(db, item->key);
    if (e && item->idle_s >= 0) db_set_idle(db, e, item->idle_s);
    if (e && item->freq >= 0) db_set_lfu(db, e, item->freq);
    return true;
}

static bool put_function(struct core *core, struct load_item *item, struct load_result *result) {
    struct slice argv[4] = {slice_cstr("function"), slice_cstr("load"), slice_cstr("replace")};
    struct slice reply;
    int argc = result->replace ? 4 : 3;
    argv[argc - 1] = slice_of(item->own, item->key.n);
    persist_run(core, argv, argc, &reply);
    bool ok = *reply.p != '-';
    if (!ok)
        refuse(result, "it has functions that cannot be loaded",
               slice_of(reply.p + 1, reply.n - 3));
    if (ok) result->functions++;
    mem_free((void *)reply.p);
    return ok;
}

static bool is_key(const struct load_item *item) {
    return item->kind == LOAD_SMALL || item->kind == LOAD_VALUE;
}

static bool put_item(struct core *core, struct load_item *item, struct load_result *result) {
    if (is_key(item)) return put_key(core, item, result);
    if (item->kind == LOAD_CODE) return put_function(core, item, result);
    db_expect(&core->ks->dbs[item->db], item->count);
    return true;
}

/* Puts what was read into the databases; once it fails the rest is dropped. */
static bool put_batch(struct core *core, struct load_batch *b, struct load_result *result,
                      bool ok) {
    for (size_t i = 0; i < b->count; i++) {
        struct load_item *item = &b->items[i];
        if (i + FETCH_AHEAD < b->count && is_key(&item[FETCH_AHEAD]))
            db_prefetch(&core->ks->dbs[item[FETCH_AHEAD].db], item[FETCH_AHEAD].key.hash);
        if (ok) ok = put_item(core, item, result);
        item_free(item);
    }
    return ok;
}

/* ---- the load ------------------------------------------------------------------------ */

static struct load *load_new(struct core *core) {
    struct load *l = mem_calloc(sizeof *l);
    l->config = *core->config;
    l->db_count = core->ks->db_count;
    l->now_ms = core->now_ms;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->full, NULL);
    pthread_cond_init(&l->empty, NULL);
    l->ready_last = &l->ready;
    for (int i = 0; i < LOAD_BATCHES; i++) give_spare(l, mem_alloc(sizeof(struct load_batch)));
    return l;
}

static void load_free(struct load *l) {
    for (struct load_batch *b = l->spare, *next; b; b = next) {
        next = b->next;
        mem_free(b);
    }
    mem_free(l->open);
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->full);
    pthread_cond_destroy(&l->empty);
    file_in_close(&l->in);
    mem_free(l);
}

static void give_up(struct load *l) {
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    pthread_cond_signal(&l->empty);
    pthread_mutex_unlock(&l->lock);
}

/* All batches, in order. */
static bool put_batches(struct core *core, struct load *l, struct load_result *result) {
    bool ok = true;
    for (bool over = false; !over;) {
        struct load_batch *b = take_ready(l, &over);
        if (b) {
            ok = put_batch(core, b, result, ok);
            loading_progress(core, b->offset);
            give_spare(l, b);
        } else if (!over) {
            loading_progress(core, core->loading.loaded_bytes);
        }
        core->loading.rdb_used_mem = l->used_mem;
        if (ok && core->shutdown_asked) {
            snprintf(result->why, LOAD_WHY_BYTES, "the server was told to end");
            ok = false;
        }
        if (!ok) give_up(l);
    }
    return ok;
}

static enum load_status run(struct core *core, struct load *l, struct load_result *result) {
    bool began = !core->loading.on;
    if (began) loading_begin(core, l->in.total);
    bool started =
        work_thread_start(&l->thread, (struct work_thread_kind){"load", 0, NULL}, load_read, l);
    ASSERT(started);
    bool ok = put_batches(core, l, result);
    pthread_join(l->thread, NULL);
    for (int i = 0; i < core->ks->db_count; i++) db_expect(&core->ks->dbs[i], 0);
    if (began) loading_end(core);
    result->expired = l->result.expired;
    result->empty = l->result.empty;
    result->version = l->result.version;
    result->offset = l->result.offset;
    result->sealed = l->in.unsealer != NULL;
    result->more = l->result.more;
    if (ok && l->status == LOAD_FAILED) memcpy(result->why, l->result.why, LOAD_WHY_BYTES);
    return ok ? l->status : LOAD_FAILED;
}

enum load_status load_rdb(struct core *core, const char *path, const struct sealed_key *key,
                          struct load_result *result) {
    struct load *l = load_new(core);
    int err = file_in_open(&l->in, path, 0, key);
    if (err) {
        snprintf(result->why, LOAD_WHY_BYTES, "%s", file_in_why(&l->in, err));
        load_free(l);
        return err == -ENOENT ? LOAD_NO_FILE : LOAD_FAILED;
    }
    enum load_status status = run(core, l, result);
    load_free(l);
    return status;
}
