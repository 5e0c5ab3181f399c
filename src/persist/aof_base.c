/* aof_base.c - a base of commands (aof-use-rdb-preamble no), made of a snapshot.
 *
 * A value of an RDB file is what RESTORE takes, but for a trailer: so each becomes a RESTORE with
 * the absolute time at which it ends, and nothing is decoded. A worker reads the file that the
 * snapshot has become and writes the base. Threads: a worker.
 * Specification: Redis 7's DUMP payload.
 */
#include <endian.h>
#include <errno.h>
#include <unistd.h>

#include "base/crc64.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "persist/aof_internal.h"
#include "persist/file_in.h"
#include "wire/aof.h"
#include "wire/rdb_pass.h"

#define GROUP_BYTES (256 * 1024)

/* Commands on their way into the file. */
struct out {
    struct outfile *file;
    char *bytes;
    size_t n, size;
    int err;
};

static void put(struct out *o, const void *p, size_t n) {
    if (o->n + n > o->size) {
        o->size = 2 * (o->n + n);
        o->bytes = mem_realloc(o->bytes, o->size);
    }
    if (n) memcpy(o->bytes + o->n, p, n);
    o->n += n;
}

static void put_header(struct out *o, char kind, size_t v) {
    char text[NUM_INT_BYTES_MAX + 3] = {kind};
    size_t n = 1 + num_format_u64(text + 1, v);
    memcpy(text + n, "\r\n", 2);
    put(o, text, n + 2);
}

static void put_bulk(struct out *o, struct slice s) {
    put_header(o, '$', s.n);
    put(o, s.p, s.n);
    put(o, "\r\n", 2);
}

static void put_word(struct out *o, const char *word) { put_bulk(o, slice_cstr(word)); }

static void put_int(struct out *o, int64_t v) {
    char text[NUM_INT_BYTES_MAX];
    put_bulk(o, slice_of(text, num_format_i64(text, v)));
}

static void flush(struct out *o, bool all) {
    char line[AOF_GROUP_LINE_BYTES_MAX];
    if (o->err || !o->n || (!all && o->n < GROUP_BYTES)) return;
    struct slice group = slice_of(o->bytes, o->n);
    struct slice parts[] = {slice_of(line, aof_put_group(line, group)), group};
    o->err = outfile_write(o->file, parts, 2);
    o->n = 0;
}

/* RESTORE key ttl payload [ABSTTL]: the payload is type, body, version and checksum. */
static void put_restore(struct out *o, const struct rdb_key *key, struct slice name,
                        struct slice body) {
    char type = (char)key->type, version[2] = {(char)rdb_version_of(key->type), 0};
    bool ends = key->expire_ms >= 0;
    put_header(o, '*', ends ? 5 : 4);
    put_word(o, "RESTORE");
    put_bulk(o, name);
    put_int(o, ends ? key->expire_ms : 0);
    put_header(o, '$', 1 + body.n + RDB_DUMP_END_BYTES);
    uint64_t crc = crc64(crc64(crc64(0, &type, 1), body.p, body.n), version, 2);
    crc = htole64(crc);
    put(o, &type, 1);
    put(o, body.p, body.n);
    put(o, version, 2);
    put(o, &crc, sizeof crc);
    put(o, "\r\n", 2);
    if (ends) put_word(o, "ABSTTL");
}

static void put_record(struct out *o, const struct rdb_record *rec) {
    if (rec->kind == RDB_RECORD_SELECT_DB) {
        put_header(o, '*', 2);
        put_word(o, "SELECT");
        put_int(o, (int64_t)rec->index);
    } else if (rec->kind == RDB_RECORD_FUNCTION) {
        put_header(o, '*', 3);
        put_word(o, "FUNCTION");
        put_word(o, "LOAD");
        put_bulk(o, rec->text);
    }
}

/* The RDB as it comes, of which the bytes from `from` on are kept. */
struct source {
    struct file_in in;
    char *kept;
    size_t n, room;
    uint64_t begin, from; /* offsets in the RDB; of kept[0], and what is wanted */
};

static int refill(void *ctx, struct slice *next) {
    struct source *s = ctx;
    int got = file_in_next(&s->in, next);
    if (got <= 0) return got;
    size_t gone = s->from - s->begin < s->n ? (size_t)(s->from - s->begin) : s->n;
    if (gone) memmove(s->kept, s->kept + gone, s->n - gone);
    s->begin += gone;
    s->n -= gone;
    if (s->n + next->n > s->room) {
        s->room = 2 * (s->n + next->n);
        s->kept = mem_realloc(s->kept, s->room);
    }
    memcpy(s->kept + s->n, next->p, next->n);
    *next = slice_of(s->kept + s->n, next->n);
    s->n += next->n;
    return 1;
}

static int put_value(struct out *o, struct source *s, struct rdb_reader *in,
                     const struct rdb_record *rec) {
    char *name = mem_dup(rec->key.name.p, rec->key.name.n);
    s->from = rdb_reader_offset(in);
    int err = rdb_pass_value(in, rec->key.type);
    if (!err) {
        struct slice body =
            slice_of(s->kept + (s->from - s->begin), (size_t)(rdb_reader_offset(in) - s->from));
        put_restore(o, &rec->key, slice_of(name, rec->key.name.n), body);
    }
    mem_free(name);
    return err;
}

static int convert_records(struct out *o, struct source *s) {
    struct rdb_reader in;
    struct rdb_record rec;
    rdb_reader_init_refill(&in, refill, s);
    int err = rdb_get_header(&in);
    while (!err && !o->err && !(err = rdb_next(&in, &rec)) && rec.kind != RDB_RECORD_END) {
        put_record(o, &rec);
        if (rec.kind == RDB_RECORD_KEY) err = put_value(o, s, &in, &rec);
        s->from = rdb_reader_offset(&in);
        flush(o, false);
    }
    flush(o, true);
    rdb_reader_fini(&in);
    return err ? -EINVAL : o->err;
}

/* 0 or a negative errno. */
static int convert(const char *from, const char *to, const struct sealed_key *key) {
    struct out o = {0};
    struct source s = {0};
    int err = file_in_open(&s.in, from, 0, key);
    unlink(to);
    if (!err) err = outfile_open(to, key, &o.file);
    if (!err) err = convert_records(&o, &s);
    if (!err) err = outfile_end(o.file);
    if (!err) err = outfile_sync(o.file);
    if (!err) err = file_sync_dir_of(to);
    outfile_close(o.file);
    file_in_close(&s.in);
    mem_free(o.bytes);
    mem_free(s.kept);
    return err;
}

int aof_step_convert(struct rewrite *rw) {
    int err = convert(rw->rdb_path, rw->base_path, key_slot_get(&rw->key));
    unlink(rw->rdb_path);
    return err;
}
