/* rdb_write.h - values, keys and files into the bytes of RDB.
 *
 * Bytes gather in one buffer; with a flush function they leave it in chunks, so that a large
 * value or a file needs no buffer of its size. The put functions return nothing: the first
 * failure stays in err, and what is put after it is dropped.
 *
 *     struct rdb_writer w;                          DUMP of a set of two members
 *     rdb_writer_init(&w, NULL, NULL);
 *     rdb_put_byte(&w, RDB_SET);
 *     rdb_put_len(&w, 2);
 *     rdb_put_string(&w, a);
 *     rdb_put_string(&w, b);
 *     rdb_put_dump_end(&w, rdb_version_of(RDB_SET));
 *     if (!w.err) use(rdb_writer_bytes(&w));
 *     rdb_writer_fini(&w);
 *
 * W1  Before the n-th byte is handed to flush, all before it were.
 * W2  crc is the checksum of the first `flushed + summed` bytes.
 * Threads: one at a time. Compression takes 256 KiB of stack.
 * Specification: rdb.h.
 */
#ifndef WIRE_RDB_WRITE_H
#define WIRE_RDB_WRITE_H

#include "wire/rdb.h"

#define RDB_CHUNK_BYTES (64 * 1024)

/* Takes the next bytes, which it must not keep. 0, or a negative code that ends writing. */
typedef int rdb_flush_fn(void *ctx, struct slice bytes);

struct rdb_writer {
    char *buf;
    size_t len, cap;
    size_t summed;    /* bytes of buf that crc covers */
    uint64_t flushed; /* bytes that have left buf */
    uint64_t crc;
    rdb_flush_fn *flush;
    void *flush_ctx;
    char *packed; /* where strings are compressed to */
    size_t packed_cap;
    int err;       /* the first failure: of flush, or ERR_NO_MEMORY */
    bool compress; /* rdbcompression; set by init, to be changed by the caller */
    bool checksum; /* rdbchecksum, likewise; DUMP needs it */
};

/* flush may be NULL: all bytes stay in the writer. */
void rdb_writer_init(struct rdb_writer *w, rdb_flush_fn *flush, void *ctx);
void rdb_writer_fini(struct rdb_writer *w);

/* Empties the writer for the next value; its memory is kept, its options too. */
void rdb_writer_reset(struct rdb_writer *w);

/* Hands what is left to flush, if there is one. Returns err. */
int rdb_writer_flush(struct rdb_writer *w);

/* The bytes that no flush has taken. Good until the next put. */
static inline struct slice rdb_writer_bytes(const struct rdb_writer *w) {
    return slice_of(w->buf, w->len);
}

/* ---- primitives ---- */

void rdb_put_byte(struct rdb_writer *w, unsigned byte);
void rdb_put_len(struct rdb_writer *w, uint64_t n);
/* As Redis stores it: an integer of 32 bits as such, more than 20 bytes compressed if that
 * saves 4, else as it is. */
void rdb_put_string(struct rdb_writer *w, struct slice s);
/* The same bytes as rdb_put_string for its decimal digits. */
void rdb_put_int(struct rdb_writer *w, int64_t v);
void rdb_put_double(struct rdb_writer *w, double v);
void rdb_put_ms(struct rdb_writer *w, int64_t ms);
/* Bytes that another writer has made, as they are. */
void rdb_put_raw(struct rdb_writer *w, const void *p, size_t n);

/* ---- bodies of values ----
 *
 * RDB_STRING and the types of one packed form (RDB_SET_INTSET, RDB_SET_LISTPACK,
 * RDB_HASH_LISTPACK, RDB_ZSET_LISTPACK): rdb_put_string.
 * RDB_SET: rdb_put_len with the count, rdb_put_string for each member.
 * RDB_HASH, RDB_ZSET, RDB_LIST_NODES: rdb_put_len, then these, one for each element: */
void rdb_put_field(struct rdb_writer *w, struct slice field, struct slice value);
void rdb_put_member(struct rdb_writer *w, struct slice member, double score);
void rdb_put_list_listpack(struct rdb_writer *w, struct slice listpack);
void rdb_put_list_plain(struct rdb_writer *w, struct slice element);

/* RDB_HASH_EXPIRES: least_ms is the least expiry of the fields (0 if none has one), the same
 * in all calls; expire_ms of a field may be RDB_NO_EXPIRY. */
void rdb_put_expires_head(struct rdb_writer *w, int64_t least_ms, uint64_t fields);
void rdb_put_expires_field(struct rdb_writer *w, int64_t least_ms, int64_t expire_ms,
                           struct slice field, struct slice value);
/* RDB_HASH_LISTPACK_EX: triples of field, value and expiry (0: none). */
void rdb_put_listpack_ex(struct rdb_writer *w, int64_t least_ms, struct slice listpack);

/* RDB_STREAM_2 and RDB_STREAM_3, which `type` tells apart: rdb_put_len with the count of
 * nodes, each node, the meta; then for each group: the group, rdb_put_len with the count of
 * its pending entries, each of these in the order of IDs, rdb_put_len with the count of its
 * consumers; for each of these: the consumer, rdb_put_len with the count of its pending
 * entries, the ID of each in order. */
void rdb_put_stream_node(struct rdb_writer *w, struct rdb_stream_id first, struct slice listpack);
void rdb_put_stream_meta(struct rdb_writer *w, const struct rdb_stream_meta *meta);
void rdb_put_group(struct rdb_writer *w, const struct rdb_group *group);
void rdb_put_pending(struct rdb_writer *w, const struct rdb_pending *pending);
void rdb_put_consumer(struct rdb_writer *w, unsigned type, const struct rdb_consumer *consumer);
void rdb_put_stream_id(struct rdb_writer *w, struct rdb_stream_id id);

/* RDB_MODULE: the number of rdb_module_number, then these, then the end. */
void rdb_put_module(struct rdb_writer *w, uint64_t number);
void rdb_put_module_uint(struct rdb_writer *w, uint64_t v);
void rdb_put_module_string(struct rdb_writer *w, struct slice s);
void rdb_put_module_end(struct rdb_writer *w);

/* ---- DUMP and files ---- */

/* Version and checksum of all that was put before. */
void rdb_put_dump_end(struct rdb_writer *w, int version);

void rdb_put_header(struct rdb_writer *w, int version);
void rdb_put_aux(struct rdb_writer *w, const char *name, struct slice value);
void rdb_put_aux_int(struct rdb_writer *w, const char *name, int64_t value);
void rdb_put_function(struct rdb_writer *w, struct slice code);
void rdb_put_select_db(struct rdb_writer *w, uint64_t db);
void rdb_put_resize_db(struct rdb_writer *w, uint64_t keys, uint64_t expires);
void rdb_put_slot_info(struct rdb_writer *w, unsigned slot, uint64_t keys, uint64_t expires);
/* All that stands before a value's body: expiry, idleness, frequency, type and name. */
void rdb_put_key(struct rdb_writer *w, const struct rdb_key *key);
/* The end of a file with its checksum, zero when checksum is off. */
void rdb_put_end(struct rdb_writer *w);

#endif
