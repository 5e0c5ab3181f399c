/* rdb_write.c - the writer of rdb_write.h.
 *
 * What Redis chooses, this chooses: an oracle's DUMP and ours agree byte for byte wherever
 * the encodings of the values do.
 * To add a type: see rdb.h.
 * Threads: one at a time for a writer. Specification: rdb.h.
 */
#include "wire/rdb_write.h"

#include <endian.h>
#include <liblzf/lzf.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/crc64.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"

#define FIRST_BYTES 256
#define INT_DIGITS_MAX 11     /* longer texts are not tried as integers */
#define COMPRESS_BYTES_MIN 21 /* shorter ones are not compressed */
#define COMPRESS_SAVED_MIN 4  /* bytes; otherwise it is stored as it is */
#define PACKED_KEPT_MAX (1 << 20)

void rdb_writer_init(struct rdb_writer *w, rdb_flush_fn *flush, void *ctx) {
    *w = (struct rdb_writer){.flush = flush, .flush_ctx = ctx, .compress = true, .checksum = true};
}

void rdb_writer_fini(struct rdb_writer *w) {
    mem_free(w->buf);
    mem_free(w->packed);
    w->buf = w->packed = NULL;
}

void rdb_writer_reset(struct rdb_writer *w) {
    w->len = w->summed = 0;
    w->flushed = w->crc = 0;
    w->err = 0;
}

static void sum(struct rdb_writer *w) {
    if (w->checksum && w->summed < w->len)
        w->crc = crc64(w->crc, w->buf + w->summed, w->len - w->summed);
    w->summed = w->len;
}

static void hand_out(struct rdb_writer *w, struct slice bytes) {
    if (w->err || bytes.n == 0) return;
    w->err = w->flush(w->flush_ctx, bytes);
    w->flushed += bytes.n;
}

int rdb_writer_flush(struct rdb_writer *w) {
    if (!w->flush) return w->err;
    sum(w);
    hand_out(w, rdb_writer_bytes(w));
    w->len = w->summed = 0;
    return w->err;
}

/* Room for n more bytes; false once the writer has failed. */
static bool make_room(struct rdb_writer *w, size_t n) {
    if (w->flush && w->len) rdb_writer_flush(w);
    if (w->err) return false;
    if (w->cap - w->len >= n) return true;
    size_t cap = w->flush ? RDB_CHUNK_BYTES : w->cap ? w->cap * 2 : FIRST_BYTES;
    if (cap < w->len + n) cap = w->len + n;
    char *buf = mem_try_realloc(w->buf, cap);
    if (!buf) {
        w->err = ERR_NO_MEMORY;
        return false;
    }
    w->buf = buf;
    w->cap = cap;
    return true;
}

static inline bool room(struct rdb_writer *w, size_t n) {
    if (likely(w->cap - w->len >= n && !w->err)) return true;
    return make_room(w, n);
}

void rdb_put_raw(struct rdb_writer *w, const void *p, size_t n) {
    if (n == 0) return;
    if (w->flush && n >= RDB_CHUNK_BYTES) {
        rdb_writer_flush(w);
        if (w->checksum) w->crc = crc64(w->crc, p, n);
        hand_out(w, slice_of(p, n));
    } else if (room(w, n)) {
        memcpy(w->buf + w->len, p, n);
        w->len += n;
    }
}

static void put_le64(struct rdb_writer *w, uint64_t v) {
    v = htole64(v);
    rdb_put_raw(w, &v, sizeof(v));
}

/* ---- primitives ---- */

void rdb_put_byte(struct rdb_writer *w, unsigned byte) {
    if (room(w, 1)) w->buf[w->len++] = (char)byte;
}

void rdb_put_len(struct rdb_writer *w, uint64_t n) {
    if (n < 1 << 6) {
        rdb_put_byte(w, (unsigned)n);
    } else if (n < 1 << 14) {
        rdb_put_byte(w, 0x40 | (unsigned)(n >> 8));
        rdb_put_byte(w, n & 0xff);
    } else if (n <= UINT32_MAX) {
        rdb_put_byte(w, 0x80);
        uint32_t big = htobe32((uint32_t)n);
        rdb_put_raw(w, &big, sizeof(big));
    } else {
        rdb_put_byte(w, 0x81);
        uint64_t big = htobe64(n);
        rdb_put_raw(w, &big, sizeof(big));
    }
}

/* False, and nothing put, for what does not fit in 32 bits. */
static bool put_packed_int(struct rdb_writer *w, int64_t v) {
    if (v != (int32_t)v) return false;
    int log = v == (int8_t)v ? 0 : v == (int16_t)v ? 1 : 2;
    uint32_t bits = htole32((uint32_t)v);
    rdb_put_byte(w, 0xc0 | (unsigned)log);
    rdb_put_raw(w, &bits, (size_t)1 << log);
    return true;
}

static bool packed_room(struct rdb_writer *w, size_t n) {
    if (w->packed_cap >= n) return true;
    mem_free(w->packed);
    w->packed = mem_try(n);
    w->packed_cap = w->packed ? n : 0;
    return w->packed != NULL;
}

/* False, and nothing put, when it does not pay. A writer short of memory goes on without. */
static bool put_compressed(struct rdb_writer *w, struct slice s) {
    if (s.n < COMPRESS_BYTES_MIN || s.n > UINT32_MAX || !packed_room(w, s.n)) return false;
    unsigned n = lzf_compress(s.p, (unsigned)s.n, w->packed, (unsigned)(s.n - COMPRESS_SAVED_MIN));
    if (n) {
        rdb_put_byte(w, 0xc3);
        rdb_put_len(w, n);
        rdb_put_len(w, s.n);
        rdb_put_raw(w, w->packed, n);
    }
    if (w->packed_cap > PACKED_KEPT_MAX) {
        mem_free(w->packed);
        w->packed = NULL;
        w->packed_cap = 0;
    }
    return n != 0;
}

void rdb_put_string(struct rdb_writer *w, struct slice s) {
    int64_t v;
    if (s.n <= INT_DIGITS_MAX && num_parse_i64(s, &v) && put_packed_int(w, v)) return;
    if (w->compress && put_compressed(w, s)) return;
    rdb_put_len(w, s.n);
    rdb_put_raw(w, s.p, s.n);
}

void rdb_put_int(struct rdb_writer *w, int64_t v) {
    if (put_packed_int(w, v)) return;
    char digits[NUM_INT_BYTES_MAX];
    size_t n = num_format_i64(digits, v);
    rdb_put_len(w, n);
    rdb_put_raw(w, digits, n);
}

void rdb_put_double(struct rdb_writer *w, double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof(bits));
    put_le64(w, bits);
}

void rdb_put_ms(struct rdb_writer *w, int64_t ms) { put_le64(w, (uint64_t)ms); }

/* ---- bodies of values ---- */

void rdb_put_field(struct rdb_writer *w, struct slice field, struct slice value) {
    rdb_put_string(w, field);
    rdb_put_string(w, value);
}

void rdb_put_member(struct rdb_writer *w, struct slice member, double score) {
    rdb_put_string(w, member);
    rdb_put_double(w, score);
}

void rdb_put_list_plain(struct rdb_writer *w, struct slice element) {
    rdb_put_len(w, 1);
    rdb_put_string(w, element);
}

void rdb_put_list_listpack(struct rdb_writer *w, struct slice listpack) {
    rdb_put_len(w, 2);
    rdb_put_string(w, listpack);
}

void rdb_put_expires_head(struct rdb_writer *w, int64_t least_ms, uint64_t fields) {
    rdb_put_ms(w, least_ms);
    rdb_put_len(w, fields);
}

void rdb_put_expires_field(struct rdb_writer *w, int64_t least_ms, int64_t expire_ms,
                           struct slice field, struct slice value) {
    ASSERT(expire_ms == RDB_NO_EXPIRY || expire_ms >= least_ms);
    rdb_put_len(w, expire_ms == RDB_NO_EXPIRY ? 0 : (uint64_t)(expire_ms - least_ms) + 1);
    rdb_put_field(w, field, value);
}

void rdb_put_listpack_ex(struct rdb_writer *w, int64_t least_ms, struct slice listpack) {
    rdb_put_ms(w, least_ms);
    rdb_put_string(w, listpack);
}

void rdb_put_stream_id(struct rdb_writer *w, struct rdb_stream_id id) {
    uint64_t raw[2] = {htobe64(id.ms), htobe64(id.seq)};
    rdb_put_raw(w, raw, sizeof(raw));
}

void rdb_put_stream_node(struct rdb_writer *w, struct rdb_stream_id first, struct slice listpack) {
    rdb_put_len(w, 2 * sizeof(uint64_t));
    rdb_put_stream_id(w, first);
    rdb_put_string(w, listpack);
}

static void put_id_lens(struct rdb_writer *w, struct rdb_stream_id id) {
    rdb_put_len(w, id.ms);
    rdb_put_len(w, id.seq);
}

void rdb_put_stream_meta(struct rdb_writer *w, const struct rdb_stream_meta *meta) {
    rdb_put_len(w, meta->length);
    put_id_lens(w, meta->last);
    put_id_lens(w, meta->first);
    put_id_lens(w, meta->deleted_max);
    rdb_put_len(w, meta->added);
    rdb_put_len(w, meta->groups);
}

void rdb_put_group(struct rdb_writer *w, const struct rdb_group *group) {
    rdb_put_string(w, group->name);
    put_id_lens(w, group->last);
    rdb_put_len(w, (uint64_t)group->entries_read);
}

void rdb_put_pending(struct rdb_writer *w, const struct rdb_pending *pending) {
    rdb_put_stream_id(w, pending->id);
    rdb_put_ms(w, pending->delivered_ms);
    rdb_put_len(w, pending->deliveries);
}

void rdb_put_consumer(struct rdb_writer *w, unsigned type, const struct rdb_consumer *consumer) {
    rdb_put_string(w, consumer->name);
    rdb_put_ms(w, consumer->seen_ms);
    if (type == RDB_STREAM_3) rdb_put_ms(w, consumer->active_ms);
}

void rdb_put_module(struct rdb_writer *w, uint64_t number) { rdb_put_len(w, number); }

void rdb_put_module_uint(struct rdb_writer *w, uint64_t v) {
    rdb_put_len(w, RDB_DATUM_UNSIGNED);
    rdb_put_len(w, v);
}

void rdb_put_module_string(struct rdb_writer *w, struct slice s) {
    rdb_put_len(w, RDB_DATUM_STRING);
    rdb_put_string(w, s);
}

void rdb_put_module_end(struct rdb_writer *w) { rdb_put_len(w, RDB_DATUM_END); }

/* ---- DUMP and files ---- */

void rdb_put_dump_end(struct rdb_writer *w, int version) {
    ASSERT(w->checksum);
    uint16_t little = htole16((uint16_t)version);
    rdb_put_raw(w, &little, sizeof(little));
    sum(w);
    put_le64(w, w->crc);
}

void rdb_put_header(struct rdb_writer *w, int version) {
    char text[16];
    int n = snprintf(text, sizeof(text), "REDIS%04d", version);
    rdb_put_raw(w, text, (size_t)n);
}

void rdb_put_aux(struct rdb_writer *w, const char *name, struct slice value) {
    rdb_put_byte(w, RDB_OP_AUX);
    rdb_put_field(w, slice_cstr(name), value);
}

void rdb_put_aux_int(struct rdb_writer *w, const char *name, int64_t value) {
    rdb_put_byte(w, RDB_OP_AUX);
    rdb_put_string(w, slice_cstr(name));
    rdb_put_int(w, value);
}

void rdb_put_function(struct rdb_writer *w, struct slice code) {
    rdb_put_byte(w, RDB_OP_FUNCTION);
    rdb_put_string(w, code);
}

void rdb_put_select_db(struct rdb_writer *w, uint64_t db) {
    rdb_put_byte(w, RDB_OP_SELECT_DB);
    rdb_put_len(w, db);
}

void rdb_put_resize_db(struct rdb_writer *w, uint64_t keys, uint64_t expires) {
    rdb_put_byte(w, RDB_OP_RESIZE_DB);
    rdb_put_len(w, keys);
    rdb_put_len(w, expires);
}

void rdb_put_slot_info(struct rdb_writer *w, unsigned slot, uint64_t keys, uint64_t expires) {
    rdb_put_byte(w, RDB_OP_SLOT_INFO);
    rdb_put_len(w, slot);
    rdb_put_len(w, keys);
    rdb_put_len(w, expires);
}

void rdb_put_key(struct rdb_writer *w, const struct rdb_key *key) {
    if (key->expire_ms != RDB_NO_EXPIRY) {
        rdb_put_byte(w, RDB_OP_EXPIRE_MS);
        rdb_put_ms(w, key->expire_ms);
    }
    if (key->idle_s >= 0) {
        rdb_put_byte(w, RDB_OP_IDLE);
        rdb_put_len(w, (uint64_t)key->idle_s);
    }
    if (key->freq >= 0) {
        rdb_put_byte(w, RDB_OP_FREQ);
        rdb_put_byte(w, (unsigned)key->freq);
    }
    rdb_put_byte(w, key->type);
    rdb_put_string(w, key->name);
}

void rdb_put_end(struct rdb_writer *w) {
    rdb_put_byte(w, RDB_OP_END);
    sum(w);
    put_le64(w, w->checksum ? w->crc : 0);
}
