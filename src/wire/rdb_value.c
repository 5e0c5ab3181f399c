/* rdb_value.c - bodies of values, and DUMP payloads.
 *
 * V1  begin is the first call of a value and end the last; after a failure there is none.
 * V2  IDs of nodes, of pending entries and of claims ascend, as every writer has them.
 * To add a type: a case in read_body; see rdb.h.
 * Threads: one at a time for a reader. Specification: rdb.h.
 */
#include <endian.h>
#include <math.h>

#include "base/crc64.h"
#include "wire/rdb_read.h"

struct reading {
    struct rdb_reader *r;
    const struct rdb_visitor *v;
    void *ctx;
    struct rdb_value value;
};

/* What a callback returned, as a step of reading. False without an error: it is empty. */
static bool took(struct reading *g, int result) {
    if (result == RDB_EMPTY) return false;
    return result < 0 ? rdb_reader_fail(g->r, result, "the value was refused") : true;
}

static bool begin(struct reading *g) { return took(g, g->v->begin(g->ctx, &g->value)); }

/* The count of a collection, then begin. False without an error: the collection is empty. */
static bool begin_counted(struct reading *g, size_t part_bytes_min) {
    if (!rdb_get_count(g->r, part_bytes_min, &g->value.count)) return false;
    return g->value.count ? begin(g) : false;
}

static bool read_string(struct reading *g) {
    struct slice s;
    g->value.count = 1;
    return begin(g) && rdb_get_string(g->r, &s) && took(g, g->v->string(g->ctx, s));
}

static bool read_strings(struct reading *g) {
    struct slice s;
    if (!begin_counted(g, 1)) return false;
    for (uint64_t i = 0; i < g->value.count; i++) {
        if (!rdb_get_string(g->r, &s) || !took(g, g->v->string(g->ctx, s))) return false;
    }
    return true;
}

static bool read_members(struct reading *g, bool text) {
    if (!begin_counted(g, text ? 2 : 9)) return false;
    for (uint64_t i = 0; i < g->value.count; i++) {
        struct slice s;
        double score;
        if (!rdb_get_held(g->r, RDB_HOLD_FIELD, &s)) return false;
        if (!(text ? rdb_get_double_text(g->r, &score) : rdb_get_double(g->r, &score)))
            return false;
        if (isnan(score)) return rdb_reader_fail(g->r, RDB_CORRUPT, "a score is no number");
        if (!took(g, g->v->member(g->ctx, s, score))) return false;
    }
    return true;
}

/* The expiry before a field: 0 for none; else absolute, or 1 for least_ms and so on. */
static bool read_field_expiry(struct reading *g, int64_t *expire_ms) {
    uint64_t n;
    if (!rdb_get_len(g->r, &n)) return false;
    *expire_ms = RDB_NO_EXPIRY;
    if (n == 0) return true;
    uint64_t ms = n;
    if (g->value.type == RDB_HASH_EXPIRES) ms = n - 1 + (uint64_t)g->value.least_ms;
    if (n > RDB_FIELD_EXPIRY_MS_END || ms >= RDB_FIELD_EXPIRY_MS_END)
        return rdb_reader_fail(g->r, RDB_CORRUPT, "the expiry of a field is too late");
    *expire_ms = (int64_t)ms;
    return true;
}

static bool read_fields(struct reading *g, bool expires) {
    if (!begin_counted(g, expires ? 3 : 2)) return false;
    for (uint64_t i = 0; i < g->value.count; i++) {
        struct slice field, value;
        int64_t expire_ms = RDB_NO_EXPIRY;
        if (expires && !read_field_expiry(g, &expire_ms)) return false;
        if (!rdb_get_held(g->r, RDB_HOLD_FIELD, &field) || !rdb_get_string(g->r, &value))
            return false;
        if (!took(g, g->v->field(g->ctx, field, value, expire_ms))) return false;
    }
    return true;
}

/* Without a field that expires it is 0, or, in some release of Redis, just behind the last. */
static bool read_least_expiry(struct reading *g) {
    if (!rdb_get_ms(g->r, &g->value.least_ms)) return false;
    if ((uint64_t)g->value.least_ms <= RDB_FIELD_EXPIRY_MS_END) return true;
    return rdb_reader_fail(g->r, RDB_CORRUPT, "the least expiry of fields is too late");
}

static bool read_packed(struct reading *g, enum rdb_form form) {
    struct slice s;
    g->value.count = 1;
    return begin(g) && rdb_get_string(g->r, &s) && took(g, g->v->packed(g->ctx, form, s));
}

static bool read_list_nodes(struct reading *g) {
    bool typed = g->value.type == RDB_LIST_NODES;
    if (!begin_counted(g, typed ? 2 : 1)) return false;
    for (uint64_t i = 0; i < g->value.count; i++) {
        enum rdb_form form = RDB_FORM_ZIPLIST;
        struct slice s;
        if (typed) {
            uint64_t container;
            if (!rdb_get_len(g->r, &container)) return false;
            if (container != 1 && container != 2)
                return rdb_reader_fail(g->r, RDB_CORRUPT, "no such kind of list node");
            form = container == 1 ? RDB_FORM_PLAIN : RDB_FORM_LISTPACK;
        }
        if (!rdb_get_string(g->r, &s) || !took(g, g->v->packed(g->ctx, form, s))) return false;
    }
    return true;
}

/* ---- streams ---- */

static struct rdb_stream_id id_of(const uint64_t raw[2]) {
    return (struct rdb_stream_id){be64toh(raw[0]), be64toh(raw[1])};
}

/* An ID of a list of them: *last, if it is not the first, comes before it. */
static bool next_id(struct reading *g, bool first, const uint64_t raw[2],
                    struct rdb_stream_id *last) {
    struct rdb_stream_id id = id_of(raw);
    if (!first && rdb_stream_id_cmp(*last, id) >= 0)
        return rdb_reader_fail(g->r, RDB_CORRUPT, "IDs are out of order");
    *last = id;
    return true;
}

static bool read_id_lens(struct reading *g, struct rdb_stream_id *id) {
    return rdb_get_len(g->r, &id->ms) && rdb_get_len(g->r, &id->seq);
}

static bool read_stream_nodes(struct reading *g) {
    struct rdb_stream_id id = {0, 0};
    for (uint64_t i = 0; i < g->value.count; i++) {
        struct slice s;
        uint64_t raw[2];
        if (!rdb_get_string(g->r, &s)) return false;
        if (s.n != sizeof(raw))
            return rdb_reader_fail(g->r, RDB_CORRUPT, "the name of a stream's node is no ID");
        memcpy(raw, s.p, sizeof(raw));
        if (!next_id(g, i == 0, raw, &id) || !rdb_get_string(g->r, &s)) return false;
        if (!took(g, g->v->stream_node(g->ctx, id, s))) return false;
    }
    return true;
}

static bool read_stream_meta(struct reading *g, uint64_t *groups) {
    struct rdb_stream_meta meta = {0};
    if (!rdb_get_len(g->r, &meta.length) || !read_id_lens(g, &meta.last)) return false;
    if (g->value.type == RDB_STREAM_1) {
        meta.added = meta.length;
    } else if (!read_id_lens(g, &meta.first) || !read_id_lens(g, &meta.deleted_max) ||
               !rdb_get_len(g->r, &meta.added)) {
        return false;
    }
    if (!rdb_get_count(g->r, 5, &meta.groups)) return false;
    *groups = meta.groups;
    return took(g, g->v->stream_meta(g->ctx, &meta));
}

static bool read_pending(struct reading *g) {
    struct rdb_pending p = {0};
    uint64_t count, raw[2];
    if (!rdb_get_count(g->r, 25, &count)) return false;
    for (uint64_t i = 0; i < count; i++) {
        if (!rdb_get_raw(g->r, raw, sizeof(raw)) || !next_id(g, i == 0, raw, &p.id) ||
            !rdb_get_ms(g->r, &p.delivered_ms) || !rdb_get_len(g->r, &p.deliveries) ||
            !took(g, g->v->pending(g->ctx, &p)))
            return false;
    }
    return true;
}

static bool read_consumer(struct reading *g) {
    struct rdb_consumer c;
    struct rdb_stream_id id = {0, 0};
    uint64_t count, raw[2];
    if (!rdb_get_held(g->r, RDB_HOLD_FIELD, &c.name) || !rdb_get_ms(g->r, &c.seen_ms)) return false;
    c.active_ms = c.seen_ms;
    if (g->value.type == RDB_STREAM_3 && !rdb_get_ms(g->r, &c.active_ms)) return false;
    if (!took(g, g->v->consumer(g->ctx, &c)) || !rdb_get_count(g->r, 16, &count)) return false;
    for (uint64_t i = 0; i < count; i++) {
        if (!rdb_get_raw(g->r, raw, sizeof(raw)) || !next_id(g, i == 0, raw, &id) ||
            !took(g, g->v->claim(g->ctx, id)))
            return false;
    }
    return true;
}

static bool read_group(struct reading *g) {
    struct rdb_group group;
    uint64_t consumers, entries_read = (uint64_t)RDB_READ_UNKNOWN;
    if (!rdb_get_held(g->r, RDB_HOLD_FIELD, &group.name) || !read_id_lens(g, &group.last))
        return false;
    if (g->value.type != RDB_STREAM_1 && !rdb_get_len(g->r, &entries_read)) return false;
    group.entries_read = (int64_t)entries_read;
    if (!took(g, g->v->group(g->ctx, &group)) || !read_pending(g)) return false;
    if (!rdb_get_count(g->r, 10, &consumers)) return false;
    for (uint64_t i = 0; i < consumers; i++) {
        if (!read_consumer(g)) return false;
    }
    return true;
}

static bool read_stream(struct reading *g) {
    uint64_t groups;
    if (!rdb_get_count(g->r, 18, &g->value.count) || !begin(g)) return false;
    if (!read_stream_nodes(g) || !read_stream_meta(g, &groups)) return false;
    for (uint64_t i = 0; i < groups; i++) {
        if (!read_group(g)) return false;
    }
    return true;
}

/* ---- of modules ---- */

bool rdb_get_datum(struct rdb_reader *r, struct rdb_datum *datum) {
    uint64_t opcode;
    *datum = (struct rdb_datum){0};
    if (!rdb_get_len(r, &opcode)) return false;
    datum->kind = opcode <= RDB_DATUM_STRING ? (enum rdb_datum_kind)opcode : RDB_DATUM_END;
    switch (opcode) {
    case RDB_DATUM_END: return true;
    case RDB_DATUM_SIGNED:
    case RDB_DATUM_UNSIGNED: return rdb_get_len(r, &datum->number);
    case RDB_DATUM_FLOAT: return rdb_get_raw(r, &datum->number, 4);
    case RDB_DATUM_DOUBLE: return rdb_get_raw(r, &datum->number, 8);
    case RDB_DATUM_STRING: return rdb_get_string(r, &datum->text);
    default: return rdb_reader_fail(r, RDB_CORRUPT, "unknown data of a module");
    }
}

static bool read_module(struct reading *g) {
    struct rdb_datum datum;
    uint64_t number;
    if (!rdb_get_len(g->r, &number) || !begin(g)) return false;
    int known = g->v->module ? g->v->module(g->ctx, number) : RDB_UNSUPPORTED;
    if (known == RDB_UNSUPPORTED)
        return rdb_reader_fail(g->r, RDB_UNSUPPORTED, "a value of a module's own type");
    if (!took(g, known)) return false;
    for (;;) {
        if (!rdb_get_datum(g->r, &datum)) return false;
        if (datum.kind == RDB_DATUM_END) return true;
        if (!took(g, g->v->datum(g->ctx, &datum))) return false;
    }
}

/* ---- values ---- */

static bool read_body(struct reading *g) {
    switch (g->value.type) {
    case RDB_STRING: return read_string(g);
    case RDB_LIST:
    case RDB_SET: return read_strings(g);
    case RDB_ZSET_TEXT: return read_members(g, true);
    case RDB_ZSET: return read_members(g, false);
    case RDB_HASH: return read_fields(g, false);
    case RDB_HASH_EXPIRES: return read_least_expiry(g) && read_fields(g, true);
    case RDB_HASH_EXPIRES_RC: return read_fields(g, true);
    case RDB_HASH_ZIPMAP: return read_packed(g, RDB_FORM_ZIPMAP);
    case RDB_SET_INTSET: return read_packed(g, RDB_FORM_INTSET);
    case RDB_LIST_ZIPLIST:
    case RDB_ZSET_ZIPLIST:
    case RDB_HASH_ZIPLIST: return read_packed(g, RDB_FORM_ZIPLIST);
    case RDB_HASH_LISTPACK:
    case RDB_ZSET_LISTPACK:
    case RDB_SET_LISTPACK: return read_packed(g, RDB_FORM_LISTPACK);
    case RDB_HASH_LISTPACK_EX: return read_least_expiry(g) && read_packed(g, RDB_FORM_LISTPACK_EX);
    case RDB_HASH_LISTPACK_RC: return read_packed(g, RDB_FORM_LISTPACK_EX);
    case RDB_LIST_ZIPLISTS:
    case RDB_LIST_NODES: return read_list_nodes(g);
    case RDB_STREAM_1:
    case RDB_STREAM_2:
    case RDB_STREAM_3: return read_stream(g);
    case RDB_MODULE: return read_module(g);
    case RDB_MODULE_OLD:
        return rdb_reader_fail(g->r, RDB_UNSUPPORTED, "a value of a module's own type");
    default: return rdb_reader_fail(g->r, RDB_UNSUPPORTED, "an unknown type of value");
    }
}

int rdb_get_value(struct rdb_reader *r, unsigned type, const struct rdb_visitor *v, void *ctx) {
    struct reading g = {r, v, ctx, {.kind = rdb_kind_of(type), .type = type}};
    if (r->err) return r->err;
    bool there = read_body(&g) && took(&g, v->end(ctx));
    return there || r->err ? r->err : RDB_EMPTY;
}

/* ---- DUMP ---- */

int rdb_dump_open(struct slice payload, struct slice *body) {
    uint16_t version;
    uint64_t sum;
    if (payload.n < RDB_DUMP_END_BYTES) return RDB_BAD_DUMP;
    size_t n = payload.n - RDB_DUMP_END_BYTES;
    memcpy(&version, payload.p + n, sizeof(version));
    memcpy(&sum, payload.p + n + sizeof(version), sizeof(sum));
    if (le16toh(version) > RDB_VERSION_MAX) return RDB_BAD_DUMP;
    if (rdb_checksums() && crc64(0, payload.p, n + sizeof(version)) != le64toh(sum))
        return RDB_BAD_DUMP;
    *body = slice_of(payload.p, n);
    return 0;
}

int rdb_dump_read(struct slice payload, const struct rdb_visitor *v, void *ctx, const char **why) {
    struct rdb_reader r;
    struct slice body;
    unsigned type;
    int err = rdb_dump_open(payload, &body);
    if (err) {
        if (why) *why = "the version is too new or the checksum wrong";
        return err;
    }
    rdb_reader_init(&r, body);
    if (rdb_get_byte(&r, &type))
        err = rdb_get_value(&r, type, v, ctx);
    else
        err = r.err;
    if (why) *why = err == RDB_EMPTY ? "a collection without elements" : r.reason;
    rdb_reader_fini(&r);
    return err;
}
