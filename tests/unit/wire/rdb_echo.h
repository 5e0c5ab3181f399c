/* rdb_echo.h - a visitor that writes back what it is told of, and a source in small pieces.
 *
 * What Redis wrote comes out as the same bytes, whatever the version; types that are no longer
 * written go out as their successors of the same content (rdb_echo_type). For tests and for the
 * fuzz target.
 * Threads: one at a time.
 */
#ifndef UNIT_WIRE_RDB_ECHO_H
#define UNIT_WIRE_RDB_ECHO_H

#include "base/assert.h"
#include "base/mem.h"
#include "wire/rdb_read.h"
#include "wire/rdb_write.h"

/* A list whose count precedes it in the bytes and is known only behind it. */
struct rdb_echo_list {
    struct rdb_writer w;
    uint64_t count;
};

struct rdb_echo {
    struct rdb_writer *out;
    struct rdb_value value;
    uint64_t groups; /* seen */
    struct rdb_echo_list pending, consumers, claims;
    uint64_t calls;
    uint64_t refuse_at; /* the call to refuse, from 1 on; 0: none */
    bool ended;
};

#define RDB_ECHO_REFUSED (-77)

static inline void rdb_echo_init(struct rdb_echo *e, struct rdb_writer *out) {
    *e = (struct rdb_echo){.out = out};
    rdb_writer_init(&e->pending.w, NULL, NULL);
    rdb_writer_init(&e->consumers.w, NULL, NULL);
    rdb_writer_init(&e->claims.w, NULL, NULL);
}

static inline void rdb_echo_fini(struct rdb_echo *e) {
    rdb_writer_fini(&e->pending.w);
    rdb_writer_fini(&e->consumers.w);
    rdb_writer_fini(&e->claims.w);
}

static inline unsigned rdb_echo_type(unsigned type) {
    return type == RDB_ZSET_TEXT ? RDB_ZSET : type == RDB_STREAM_1 ? RDB_STREAM_2 : type;
}

static inline int rdb_echo_called(struct rdb_echo *e) {
    ASSERT(!e->ended);
    return ++e->calls == e->refuse_at ? RDB_ECHO_REFUSED : 0;
}

static inline void rdb_echo_close(struct rdb_writer *to, struct rdb_echo_list *l) {
    rdb_put_len(to, l->count);
    rdb_put_raw(to, l->w.buf, l->w.len);
    rdb_writer_reset(&l->w);
    l->count = 0;
}

static inline int rdb_echo_begin(void *ctx, const struct rdb_value *v) {
    struct rdb_echo *e = ctx;
    e->value = *v;
    e->ended = false;
    e->groups = 0;
    switch (v->type) {
    case RDB_STRING:
    case RDB_MODULE:
    case RDB_HASH_ZIPMAP:
    case RDB_LIST_ZIPLIST:
    case RDB_SET_INTSET:
    case RDB_ZSET_ZIPLIST:
    case RDB_HASH_ZIPLIST:
    case RDB_HASH_LISTPACK:
    case RDB_ZSET_LISTPACK:
    case RDB_SET_LISTPACK:
    case RDB_HASH_LISTPACK_RC:
    case RDB_HASH_LISTPACK_EX: break;
    case RDB_HASH_EXPIRES: rdb_put_expires_head(e->out, v->least_ms, v->count); break;
    default: rdb_put_len(e->out, v->count);
    }
    return rdb_echo_called(e);
}

static inline int rdb_echo_string(void *ctx, struct slice s) {
    struct rdb_echo *e = ctx;
    rdb_put_string(e->out, s);
    return rdb_echo_called(e);
}

static inline int rdb_echo_field(void *ctx, struct slice field, struct slice value,
                                 int64_t expire_ms) {
    struct rdb_echo *e = ctx;
    if (e->value.type == RDB_HASH_EXPIRES)
        rdb_put_expires_field(e->out, e->value.least_ms, expire_ms, field, value);
    else if (e->value.type == RDB_HASH_EXPIRES_RC)
        rdb_put_len(e->out, expire_ms == RDB_NO_EXPIRY ? 0 : (uint64_t)expire_ms);
    if (e->value.type != RDB_HASH_EXPIRES) rdb_put_field(e->out, field, value);
    return rdb_echo_called(e);
}

static inline int rdb_echo_member(void *ctx, struct slice member, double score) {
    struct rdb_echo *e = ctx;
    rdb_put_member(e->out, member, score);
    return rdb_echo_called(e);
}

static inline int rdb_echo_packed(void *ctx, enum rdb_form form, struct slice bytes) {
    struct rdb_echo *e = ctx;
    if (e->value.type == RDB_HASH_LISTPACK_EX)
        rdb_put_listpack_ex(e->out, e->value.least_ms, bytes);
    else if (e->value.type != RDB_LIST_NODES)
        rdb_put_string(e->out, bytes);
    else if (form == RDB_FORM_PLAIN)
        rdb_put_list_plain(e->out, bytes);
    else
        rdb_put_list_listpack(e->out, bytes);
    return rdb_echo_called(e);
}

static inline int rdb_echo_stream_node(void *ctx, struct rdb_stream_id first, struct slice lp) {
    struct rdb_echo *e = ctx;
    rdb_put_stream_node(e->out, first, lp);
    return rdb_echo_called(e);
}

static inline int rdb_echo_stream_meta(void *ctx, const struct rdb_stream_meta *meta) {
    struct rdb_echo *e = ctx;
    rdb_put_stream_meta(e->out, meta);
    return rdb_echo_called(e);
}

/* Ends the consumer, the group that was told of last. */
static inline void rdb_echo_end_consumer(struct rdb_echo *e) {
    if (e->consumers.count) rdb_echo_close(&e->consumers.w, &e->claims);
}

static inline void rdb_echo_end_group(struct rdb_echo *e) {
    if (e->groups == 0) return;
    rdb_echo_end_consumer(e);
    rdb_echo_close(e->out, &e->pending);
    rdb_echo_close(e->out, &e->consumers);
}

static inline int rdb_echo_group(void *ctx, const struct rdb_group *group) {
    struct rdb_echo *e = ctx;
    rdb_echo_end_group(e);
    e->groups++;
    rdb_put_group(e->out, group);
    return rdb_echo_called(e);
}

static inline int rdb_echo_pending(void *ctx, const struct rdb_pending *pending) {
    struct rdb_echo *e = ctx;
    e->pending.count++;
    rdb_put_pending(&e->pending.w, pending);
    return rdb_echo_called(e);
}

static inline int rdb_echo_consumer(void *ctx, const struct rdb_consumer *consumer) {
    struct rdb_echo *e = ctx;
    rdb_echo_end_consumer(e);
    e->consumers.count++;
    rdb_put_consumer(&e->consumers.w, e->value.type, consumer);
    return rdb_echo_called(e);
}

static inline int rdb_echo_claim(void *ctx, struct rdb_stream_id id) {
    struct rdb_echo *e = ctx;
    e->claims.count++;
    rdb_put_stream_id(&e->claims.w, id);
    return rdb_echo_called(e);
}

static inline int rdb_echo_module(void *ctx, uint64_t number) {
    struct rdb_echo *e = ctx;
    rdb_put_module(e->out, number);
    return rdb_echo_called(e);
}

static inline int rdb_echo_datum(void *ctx, const struct rdb_datum *d) {
    struct rdb_echo *e = ctx;
    if (d->kind == RDB_DATUM_STRING) {
        rdb_put_module_string(e->out, d->text);
    } else {
        rdb_put_len(e->out, d->kind);
        if (d->kind <= RDB_DATUM_UNSIGNED)
            rdb_put_len(e->out, d->number);
        else
            rdb_put_raw(e->out, &d->number, d->kind == RDB_DATUM_FLOAT ? 4 : 8);
    }
    return rdb_echo_called(e);
}

static inline int rdb_echo_end(void *ctx) {
    struct rdb_echo *e = ctx;
    rdb_echo_end_group(e);
    if (e->value.type == RDB_MODULE) rdb_put_module_end(e->out);
    int result = rdb_echo_called(e);
    e->ended = result == 0;
    return result;
}

static const struct rdb_visitor rdb_echo_visitor = {
    .begin = rdb_echo_begin,
    .string = rdb_echo_string,
    .field = rdb_echo_field,
    .member = rdb_echo_member,
    .packed = rdb_echo_packed,
    .stream_node = rdb_echo_stream_node,
    .stream_meta = rdb_echo_stream_meta,
    .group = rdb_echo_group,
    .pending = rdb_echo_pending,
    .consumer = rdb_echo_consumer,
    .claim = rdb_echo_claim,
    .module = rdb_echo_module,
    .datum = rdb_echo_datum,
    .end = rdb_echo_end,
};

/* A source that gives `step` bytes at a time, each time in a block of its own, so that a use
 * of the former one is seen by a sanitizer. */
struct rdb_pieces {
    struct slice left;
    size_t step;
    char *last;
};

static inline int rdb_pieces_refill(void *ctx, struct slice *next) {
    struct rdb_pieces *p = ctx;
    mem_free(p->last);
    p->last = NULL;
    size_t n = p->left.n < p->step ? p->left.n : p->step;
    if (n == 0) return 0;
    p->last = mem_alloc(n);
    memcpy(p->last, p->left.p, n);
    *next = slice_of(p->last, n);
    p->left = slice_of(p->left.p + n, p->left.n - n);
    return 1;
}

/* A whole file, written back to `out` without the data of modules. */
static inline int rdb_echo_file(struct rdb_reader *r, struct rdb_writer *out) {
    struct rdb_echo e;
    struct rdb_record rec;
    unsigned type;
    int err = rdb_get_header(r);
    rdb_echo_init(&e, out);
    if (!err) rdb_put_header(out, r->version);
    while (!err && !(err = rdb_next(r, &rec)) && rec.kind != RDB_RECORD_END) {
        switch (rec.kind) {
        case RDB_RECORD_AUX:
            rdb_put_byte(out, RDB_OP_AUX);
            rdb_put_field(out, rec.name, rec.text);
            break;
        case RDB_RECORD_FUNCTION: rdb_put_function(out, rec.text); break;
        case RDB_RECORD_SELECT_DB: rdb_put_select_db(out, rec.index); break;
        case RDB_RECORD_RESIZE_DB: rdb_put_resize_db(out, rec.keys, rec.expires); break;
        case RDB_RECORD_SLOT_INFO:
            rdb_put_slot_info(out, (unsigned)rec.index, rec.keys, rec.expires);
            break;
        case RDB_RECORD_KEY:
            type = rec.key.type;
            rec.key.type = rdb_echo_type(type);
            rdb_put_key(out, &rec.key);
            err = rdb_get_value(r, type, &rdb_echo_visitor, &e);
            break;
        default: break;
        }
    }
    if (!err) rdb_put_end(out);
    rdb_echo_fini(&e);
    return err;
}

#endif
