/* dump.c - see dump.h. */
#include "core/dump.h"

#include "base/assert.h"
#include "base/err.h"
#include "store/object.h"
#include "types/listpack.h"
#include "types/ziplist.h"
#include "types/zipmap.h"

/* NULL for what this server has no values of. */
static const struct dump_type *const types[TYPE_COUNT] = {
    [TYPE_STRING] = &dump_string, [TYPE_LIST] = &dump_list, [TYPE_SET] = &dump_set,
    [TYPE_ZSET] = &dump_zset,     [TYPE_HASH] = &dump_hash, [TYPE_STREAM] = &dump_stream,
    [TYPE_TOPIC] = &dump_topic,
};

static const struct dump_type *type_of_kind(enum rdb_kind kind) {
    static const enum entry_type of[] = {
        [RDB_KIND_STRING] = TYPE_STRING, [RDB_KIND_LIST] = TYPE_LIST,
        [RDB_KIND_SET] = TYPE_SET,       [RDB_KIND_ZSET] = TYPE_ZSET,
        [RDB_KIND_HASH] = TYPE_HASH,     [RDB_KIND_STREAM] = TYPE_STREAM,
        [RDB_KIND_MODULE] = TYPE_TOPIC,
    };
    return kind == RDB_KIND_NONE ? NULL : types[of[kind]];
}

/* ---- saving ---- */

enum rdb_type dump_rdb_type(const struct entry *e, int version) {
    ASSERT(types[entry_type(e)]);
    return types[entry_type(e)]->rdb_type(e, version);
}

void dump_put_body(struct rdb_writer *w, const struct entry *e, enum rdb_type as) {
    types[entry_type(e)]->put_body(w, e, as);
}

/* ---- loading ---- */

int dump_get_value(struct rdb_reader *r, unsigned rdb_type, const struct config *config,
                   struct dump_value *value) {
    const struct dump_type *type = type_of_kind(rdb_kind_of(rdb_type));
    struct dump_load load = {config, value, NULL};
    *value = (struct dump_value){0};
    if (!type) {
        rdb_reader_fail(r, RDB_UNSUPPORTED,
                        rdb_type == RDB_MODULE_OLD ? "a value of a module's own type"
                                                   : "an unknown type of value");
        return r->err;
    }
    int err = rdb_get_value(r, rdb_type, type->visitor, &load);
    if (type->fini) type->fini(&load);
    if (err) dump_value_free(value);
    return err;
}

int dump_read_payload(struct slice payload, const struct config *config, struct dump_value *value) {
    struct rdb_reader r;
    struct slice body;
    unsigned type;
    int err = rdb_dump_open(payload, &body);
    if (err) return err;
    rdb_reader_init(&r, body);
    err = rdb_get_byte(&r, &type) ? dump_get_value(&r, type, config, value) : r.err;
    rdb_reader_fini(&r);
    return err;
}

void dump_put_value(struct db *db, struct key k, struct dump_value *value, int64_t expire_ms) {
    if (value->type == TYPE_STRING) {
        db_set_blob(db, k, value->bytes, expire_ms);
    } else if (value->encoding == ENC_OBJECT) {
        db_put_object(db, k, value->type, value->object);
    } else {
        db_put_packed(db, k, value->type, value->encoding,
                      slice_of(value->bytes->data, value->bytes->len));
        blob_unref(value->bytes);
    }
    if (value->type != TYPE_STRING && expire_ms >= 0) db_set_expire(db, k, expire_ms);
    *value = (struct dump_value){0};
}

void dump_value_free(struct dump_value *value) {
    if (value->object) object_ops(value->type)->free(value->object);
    if (value->bytes) blob_unref_now(value->bytes);
    *value = (struct dump_value){0};
}

/* ---- for visitors ---- */

int dump_take_bytes(struct dump_load *load, enum entry_encoding encoding, struct slice s) {
    struct blob *b = blob_try(s.n);
    if (!b) return ERR_NO_MEMORY;
    if (s.n) memcpy(b->data, s.p, s.n);
    b->len = s.n;
    load->value->encoding = encoding;
    load->value->bytes = b;
    return 0;
}

static const uint8_t *listpack_of(enum rdb_form form, struct slice s, struct lp_buf *buf) {
    switch (form) {
    case RDB_FORM_LISTPACK: return lp_check(s.p, s.n, 2) ? (const uint8_t *)s.p : NULL;
    case RDB_FORM_ZIPLIST: return ziplist_to_listpack(s.p, s.n, buf) ? buf->p : NULL;
    case RDB_FORM_ZIPMAP: return zipmap_to_listpack(s.p, s.n, buf) ? buf->p : NULL;
    default: return NULL;
    }
}

const uint8_t *dump_pairs(enum rdb_form form, struct slice s, struct lp_buf *buf) {
    const uint8_t *lp = listpack_of(form, s, buf);
    size_t count = lp ? lp_count(lp) : 0;
    return count % 2 == 0 && lp && lp_unique(lp, 2) ? lp : NULL;
}
