/* load_read.c - the thread of a load: the file into keys and values.
 *
 * Small values go as bytes of their batch, so that they are allocated once, where they will lie.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/nap.h"
#include "base/num.h"
#include "persist/load_internal.h"

/* So many keys without elements are named, and so much of their names. */
#define EMPTY_TOLD_MAX 10
#define EMPTY_BYTES_MAX 100

static int refill(void *ctx, struct slice *next) { return file_in_next(ctx, next); }

/* ---- batches ------------------------------------------------------------------------- */

static void send(struct load *l, uint64_t offset) {
    struct load_batch *b = l->open;
    l->open = NULL;
    if (!b) return;
    b->offset = offset;
    b->next = NULL;
    pthread_mutex_lock(&l->lock);
    *l->ready_last = b;
    l->ready_last = &b->next;
    pthread_cond_signal(&l->full);
    pthread_mutex_unlock(&l->lock);
}

/* An empty batch; NULL: the load has been given up. */
static struct load_batch *take_spare(struct load *l) {
    pthread_mutex_lock(&l->lock);
    while (!l->spare && !l->stop) pthread_cond_wait(&l->empty, &l->lock);
    struct load_batch *b = l->stop ? NULL : l->spare;
    if (b) l->spare = b->next;
    pthread_mutex_unlock(&l->lock);
    if (b) b->count = b->used = 0;
    return b;
}

/* A place for an item whose texts take so many bytes of the batch; NULL: given up. */
static struct load_item *item_for(struct load *l, struct rdb_reader *r, size_t bytes) {
    struct load_batch *b = l->open;
    if (b && (b->count == LOAD_BATCH_ITEMS || LOAD_BATCH_BYTES - b->used < bytes))
        send(l, rdb_reader_offset(r));
    if (!l->open) l->open = take_spare(l);
    return l->open ? &l->open->items[l->open->count] : NULL;
}

static struct slice copy_in(struct load_batch *b, struct slice s) {
    char *to = b->data + b->used;
    if (s.n) memcpy(to, s.p, s.n);
    b->used += s.n;
    return slice_of(to, s.n);
}

/* ---- records ------------------------------------------------------------------------- */

static bool fail(struct load *l, const char *why) {
    if (l->status == LOAD_OK) snprintf(l->result.why, LOAD_WHY_BYTES, "%s", why);
    l->status = LOAD_FAILED;
    return false;
}

static bool is_over(const struct load *l, const struct rdb_key *key) {
    return key->expire_ms != RDB_NO_EXPIRY && key->expire_ms < l->now_ms && !l->keep_expired;
}

/* Whether the value goes as bytes: then it needs no memory of its own. */
static bool is_small(const struct dump_value *v) {
    return v->bytes && v->bytes->len <= ENTRY_INLINE_BYTES_MAX;
}

/* The value of a key as read: `value` or, of a short string, `text`, which is the reader's. */
struct read_value {
    struct dump_value value;
    struct slice text;
};

static int read_value(struct load *l, struct rdb_reader *r, unsigned type, struct read_value *v) {
    v->text = slice_of(NULL, 0);
    if (type != RDB_STRING) return dump_get_value(r, type, &l->config, &v->value);
    v->value = (struct dump_value){.type = TYPE_STRING, .encoding = ENC_RAW};
    if (!rdb_get_string(r, &v->text)) return r->err;
    if (v->text.n <= ENTRY_INLINE_BYTES_MAX) return 0;
    struct blob *b = blob_try(v->text.n);
    if (!b) return ERR_NO_MEMORY;
    memcpy(b->data, v->text.p, v->text.n);
    b->len = v->text.n;
    v->value.bytes = b;
    return 0;
}

static bool add_key(struct load *l, struct rdb_reader *r, int db, const struct rdb_key *key,
                    struct read_value *v) {
    bool inside = key->name.n <= LOAD_BATCH_BYTES / 4;
    bool small = !v->value.bytes ? !v->value.object : is_small(&v->value);
    struct slice bytes =
        v->value.bytes ? slice_of(v->value.bytes->data, v->value.bytes->len) : v->text;
    struct load_item *item = item_for(l, r, (inside ? key->name.n : 0) + (small ? bytes.n : 0));
    if (!item) {
        dump_value_free(&v->value);
        return fail(l, "the load was given up");
    }
    *item = (struct load_item){
        .kind = small ? LOAD_SMALL : LOAD_VALUE,
        .db = db,
        .freq = (int16_t)key->freq,
        .expire_ms = key->expire_ms,
        .idle_s = key->idle_s,
        .own = inside ? NULL : mem_dup(key->name.p, key->name.n),
        .type = v->value.type,
        .encoding = v->value.encoding,
    };
    struct slice name = inside ? copy_in(l->open, key->name) : slice_of(item->own, key->name.n);
    item->key = key_of(name);
    if (small) {
        item->bytes = copy_in(l->open, bytes);
        dump_value_free(&v->value);
    } else {
        item->value = v->value;
    }
    l->open->count++;
    return true;
}

static bool read_key(struct load *l, struct rdb_reader *r, int db, const struct rdb_key *key) {
    struct read_value v;
    int delay = l->config.key_load_delay;
    if (unlikely(delay)) nap_delay(delay, l->keys_read++, NULL);
    int err = read_value(l, r, key->type, &v);
    if (err == RDB_EMPTY) {
        if (l->result.empty++ < EMPTY_TOLD_MAX) {
            log_notice("skipping empty key: %.*s",
                       (int)(key->name.n < EMPTY_BYTES_MAX ? key->name.n : EMPTY_BYTES_MAX),
                       key->name.p);
        }
        return true;
    }
    if (err) return rdb_reader_fail(r, err, "no memory for a value");
    if (!is_over(l, key)) return add_key(l, r, db, key, &v);
    l->result.expired++;
    dump_value_free(&v.value);
    return true;
}

static bool add_function(struct load *l, struct rdb_reader *r, struct slice code) {
    struct load_item *item = item_for(l, r, 0);
    if (!item) return fail(l, "the load was given up");
    char *own = mem_dup(code.p, code.n);
    *item = (struct load_item){.kind = LOAD_CODE, .own = own, .key = {.p = own, .n = code.n}};
    l->open->count++;
    return true;
}

static bool add_count(struct load *l, struct rdb_reader *r, int db, uint64_t keys) {
    struct load_item *item = item_for(l, r, 0);
    if (!item) return fail(l, "the load was given up");
    *item = (struct load_item){.kind = LOAD_COUNT, .db = db, .count = keys};
    l->open->count++;
    return true;
}

static void note_aux(struct load *l, const struct rdb_record *rec) {
    int64_t v;
    if (slice_is(rec->name, "used-mem") && num_parse_i64(rec->text, &v)) l->used_mem = (uint64_t)v;
    if (slice_is(rec->name, "aof-base") || slice_is(rec->name, "aof-preamble"))
        l->keep_expired = slice_is(rec->text, "1");
    if (slice_is(rec->name, "redis-ver"))
        log_notice("Loading RDB produced by version %.*s",
                   (int)(rec->text.n < 64 ? rec->text.n : 64), rec->text.p);
}

static bool select_db(struct load *l, struct rdb_reader *r, uint64_t index, int *db) {
    if (index >= (uint64_t)l->db_count)
        return rdb_reader_fail(r, RDB_UNSUPPORTED,
                               "a database that `databases` does not allow for");
    *db = (int)index;
    return true;
}

/* False after a failure, and at the end. */
static bool read_record(struct load *l, struct rdb_reader *r, int *db) {
    struct rdb_record rec;
    if (rdb_next(r, &rec)) return false;
    switch (rec.kind) {
    case RDB_RECORD_AUX: note_aux(l, &rec); return true;
    case RDB_RECORD_FUNCTION: return add_function(l, r, rec.text);
    case RDB_RECORD_MODULE_AUX: return rdb_reader_fail(r, RDB_UNSUPPORTED, "data of a module");
    case RDB_RECORD_RESIZE_DB: return add_count(l, r, *db, rec.keys);
    case RDB_RECORD_SELECT_DB: return select_db(l, r, rec.index, db);
    case RDB_RECORD_KEY: return read_key(l, r, *db, &rec.key);
    case RDB_RECORD_END: return false;
    default: return true;
    }
}

static void fail_sealed(struct load *l) {
    char why[LOAD_WHY_BYTES];
    snprintf(why, sizeof why, "it cannot be decrypted: %s", l->in.why);
    fail(l, why);
}

/* A sealed file is read to its end: what was cut off behind the RDB is missed, too. */
static void read_to_end(struct load *l, const struct rdb_reader *r) {
    struct slice rest;
    if (!l->in.unsealer || r->err || l->status != LOAD_OK) return;
    l->result.more = l->in.given > rdb_reader_offset(r);
    int got;
    while ((got = file_in_next(&l->in, &rest)) > 0) l->result.more = true;
    if (got < 0 && l->in.fault) fail_sealed(l);
    if (got < 0 && !l->in.fault) fail(l, strerror(-got));
}

static void tell_failure(struct load *l, const struct rdb_reader *r) {
    char why[LOAD_WHY_BYTES];
    const char *what = r->err == RDB_UNSUPPORTED ? "cannot be loaded" : "is damaged";
    const char *reason = r->reason;
    if (r->err == ERR_NO_MEMORY) what = "does not fit into memory";
    if (r->err > RDB_SHORT && r->err != ERR_NO_MEMORY) { /* of the file system */
        what = "cannot be read";
        reason = strerror(-r->err);
    }
    if (l->in.fault) { /* it is the file's offset that says where */
        fail_sealed(l);
        return;
    }
    snprintf(why, sizeof why, "it %s: offset %llu: %s", what, (unsigned long long)r->err_at,
             reason);
    fail(l, why);
}

void load_read(void *arg) {
    struct load *l = arg;
    struct rdb_reader r;
    int db = 0;
    rdb_reader_init_refill(&r, refill, &l->in);
    r.checksum = r.checksum && l->config.rdbchecksum;
    if (!rdb_get_header(&r)) {
        l->result.version = r.version;
        while (read_record(l, &r, &db)) continue;
    }
    if (r.err) tell_failure(l, &r);
    read_to_end(l, &r);
    l->result.offset = r.err ? r.err_at : rdb_reader_offset(&r);
    send(l, l->result.offset);
    rdb_reader_fini(&r);
    pthread_mutex_lock(&l->lock);
    l->finished = true;
    pthread_cond_signal(&l->full);
    pthread_mutex_unlock(&l->lock);
}
