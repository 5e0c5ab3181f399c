/* save_write.c - the thread of a save: captures into bytes, bytes into the file.
 *
 * It is of low priority and takes naps (base/nap), so that the loop keeps its processor. After a
 * failure, or when it is to stop, it goes on to hand captures back, unwritten.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/nap.h"
#include "core/dump.h"
#include "core/version.h"
#include "net/wake.h"
#include "persist/save_internal.h"

static int write_out(void *ctx, struct slice bytes) {
    struct save *s = ctx;
    nap_point();
    if (atomic_load_explicit(&s->stopped, memory_order_relaxed)) return -ECANCELED;
    return file_out_write(&s->out, bytes);
}

/* ---- the parts of the file ----------------------------------------------------------- */

static void put_head(struct save *s) {
    struct rdb_writer *w = &s->w;
    rdb_put_header(w, s->version);
    rdb_put_aux(w, "redis-ver", slice_cstr(REDIS_VERSION));
    rdb_put_aux_int(w, "redis-bits", sizeof(void *) * 8);
    rdb_put_aux_int(w, "ctime", s->created_s);
    rdb_put_aux_int(w, "used-mem", (int64_t)s->used_bytes);
    rdb_put_aux_int(w, "aof-base", s->job.aof_base);
    rdb_put_raw(w, s->functions, s->function_bytes);
    for (int i = 0; i < s->db_count; i++) {
        s->db = s->dbs[i].db;
        rdb_put_select_db(w, (uint64_t)s->db);
        rdb_put_resize_db(w, s->dbs[i].keys, s->dbs[i].ttls);
    }
}

static void put_entry(void *ctx, const struct entry *e) {
    struct save *s = ctx;
    struct db db = {NULL, &s->clocks, 0};
    enum rdb_type as = dump_rdb_type(e, s->write_version);
    ASSERT(rdb_version_of(as) <= s->version);
    struct rdb_key key = {
        .name = entry_key(e),
        .type = as,
        .expire_ms = entry_has_ttl(e) ? entry_expire_ms(e) : RDB_NO_EXPIRY,
        .idle_s = s->idle ? db_idle_seconds(&db, e) : -1,
        .freq = s->freq ? db_lfu_counter(&db, e) : -1,
    };
    rdb_put_key(&s->w, &key);
    dump_put_body(&s->w, e, as);
    nap_point();
    if (unlikely(s->key_delay)) nap_delay(s->key_delay, s->keys_written++, &s->stopped);
}

static void put_capture(struct save *s, const struct capture *c) {
    if (c->count && c->db != s->db) {
        s->db = c->db;
        rdb_put_select_db(&s->w, (uint64_t)s->db);
    }
    capture_each(c, put_entry, s);
}

/* ---- the thread ---------------------------------------------------------------------- */

static void tell(struct save *s) {
    pthread_cond_signal(&s->news);
    pthread_mutex_unlock(&s->lock);
    net_wake_send(s->wake);
}

/* Notes a failure, if it is the first: the loop will give up then. */
static void fail(struct save *s, int err, const char *doing) {
    pthread_mutex_lock(&s->lock);
    if (!s->err) {
        s->err = err;
        snprintf(s->why, sizeof s->why, "%s %s: %s", doing, s->path,
                 err == ERR_NO_MEMORY ? "not enough memory" : strerror(-err));
    }
    tell(s);
}

static struct capture *take(struct save *s) {
    pthread_mutex_lock(&s->lock);
    while (!s->queue && !s->stop) pthread_cond_wait(&s->more, &s->lock);
    struct capture *c = s->queue;
    if (c) {
        s->queue = c->next;
        if (!s->queue) s->queue_last = &s->queue;
    }
    pthread_mutex_unlock(&s->lock);
    return c;
}

static void hand_back(struct save *s, struct capture *c) {
    capture_unref(c);
    pthread_mutex_lock(&s->lock);
    c->next = s->read;
    s->read = c;
    tell(s);
}

/* Whether all was written, up to the last capture. */
static bool write_captures(struct save *s, bool ok) {
    bool last = false;
    for (struct capture *c; !last && (c = take(s));) {
        last = c->last;
        if (ok && !s->w.err) {
            put_capture(s, c);
            if (s->w.err) fail(s, s->w.err, "cannot write");
        }
        hand_back(s, c);
    }
    return last && ok && !s->w.err;
}

static void write_file(struct save *s) {
    char temp[64];
    snprintf(temp, sizeof temp, "temp-%d.rdb", (int)getpid());
    int err = file_out_open(&s->out, s->path, temp, key_slot_get(&s->key));
    if (err) fail(s, err, "cannot open a temporary file beside");
    s->out.steady = s->steady;
    rdb_writer_init(&s->w, write_out, s);
    s->w.compress = s->compress;
    s->w.checksum = s->checksum;
    if (!err) put_head(s);
    bool whole = write_captures(s, !err);
    if (whole) {
        rdb_put_end(&s->w);
        rdb_writer_flush(&s->w);
        if (s->w.err) fail(s, s->w.err, "cannot write");
    }
    if (whole && !s->w.err) {
        err = file_out_commit(&s->out);
        if (err) fail(s, err, "cannot sync or rename to");
    } else if (!err) {
        file_out_discard(&s->out);
    }
    rdb_writer_fini(&s->w);
}

void save_write(void *arg) {
    struct save *s = arg;
    write_file(s);
    pthread_mutex_lock(&s->lock);
    s->finished = true;
    tell(s);
}
