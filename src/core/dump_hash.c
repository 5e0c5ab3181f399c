/* dump_hash.c - hashes in bytes of RDB. See dump.h.
 *
 * A hash of which no field has a time is written in the types that RDB 10 has, whatever its form;
 * otherwise triples go out as they are, with the first of their times before them, and a large hash
 * field by field.
 *
 * Single fields gather in a listpack, until there are too many or one is too long. Whether they are
 * unique is asked once, of the listpack, and from then on by the table. Fields whose time has come
 * are loaded too: they leave as soon as the key is there.
 */
#include "base/err.h"
#include "base/mem.h"
#include "core/config.h"
#include "core/dump.h"
#include "store/hash_entry.h"

static_assert(RDB_FIELD_EXPIRY_MS_END == HASH_TIME_MS_END, "what is loaded can be kept");
static_assert(RDB_NO_EXPIRY == HASH_NO_TIME, "likewise");

/* ---- saving ---- */

static enum rdb_type hash_type(const struct entry *e, int version) {
    (void)version;
    bool timed = hash_view_is_timed(hash_view_of(e, HASH_ALL_TIMES));
    if (entry_encoding(e) == ENC_OBJECT) return timed ? RDB_HASH_EXPIRES : RDB_HASH;
    return timed ? RDB_HASH_LISTPACK_EX : RDB_HASH_LISTPACK;
}

static void put_member(void *ctx, const struct hash_member *m) {
    rdb_put_field(ctx, hash_member_field(m), hash_member_value(m));
}

static void find_least(void *ctx, const struct hash_member *m) {
    int64_t *least_ms = ctx, ms = hash_member_time(m);
    if (ms != HASH_NO_TIME && ms < *least_ms) *least_ms = ms;
}

struct timed {
    struct rdb_writer *w;
    int64_t least_ms;
};

static void put_timed(void *ctx, const struct hash_member *m) {
    const struct timed *t = ctx;
    rdb_put_expires_field(t->w, t->least_ms, hash_member_time(m), hash_member_field(m),
                          hash_member_value(m));
}

static void put_large(struct rdb_writer *w, const struct hash_value *h, bool timed) {
    if (!timed) {
        rdb_put_len(w, hash_value_count(h));
        hash_value_each(h, put_member, w);
        return;
    }
    struct timed t = {w, INT64_MAX};
    hash_value_each(h, find_least, &t.least_ms);
    rdb_put_expires_head(w, t.least_ms, hash_value_count(h));
    hash_value_each(h, put_timed, &t);
}

/* A listpack of triples none of which has a time. */
static void put_as_pairs(struct rdb_writer *w, const uint8_t *lp) {
    struct lp_buf pairs = lp_buf_heap();
    if (hash_packed_convert(lp, false, &pairs)) {
        rdb_put_string(w, slice_of(pairs.p, pairs.len));
    } else if (!w->err) {
        w->err = ERR_NO_MEMORY;
    }
    lp_buf_free(&pairs);
}

static void put_hash(struct rdb_writer *w, const struct entry *e, enum rdb_type as) {
    struct hash_view v = hash_view_of(e, HASH_ALL_TIMES);
    if (v.large) {
        put_large(w, v.large, as == RDB_HASH_EXPIRES);
    } else if (as == RDB_HASH_LISTPACK_EX) {
        rdb_put_listpack_ex(w, hash_packed_time(v.packed, true, LP_HEAD_BYTES), entry_packed(e));
    } else if (v.triples) {
        put_as_pairs(w, v.packed);
    } else {
        rdb_put_string(w, entry_packed(e));
    }
}

/* ---- loading ---- */

static void become_large(struct dump_load *load, struct hash_value *h) {
    load->value->encoding = ENC_OBJECT;
    load->value->object = h;
}

/* Single fields on their way into a hash. */
struct gathered {
    struct lp_buf lp;
    bool triples;
};

static int begin_hash(void *ctx, const struct rdb_value *value) {
    struct dump_load *load = ctx;
    bool triples = value->type == RDB_HASH_EXPIRES_RC || value->type == RDB_HASH_EXPIRES;
    load->value->type = TYPE_HASH;
    load->value->encoding = ENC_LISTPACK;
    if (value->type != RDB_HASH && !triples) return 0; /* packed */
    if (value->count > (uint64_t)load->config->hash_listpack_entries) {
        become_large(load, hash_value_new());
        return 0;
    }
    struct gathered *g = load->state = mem_alloc(sizeof *g);
    *g = (struct gathered){lp_buf_heap(), triples};
    return lp_init(&g->lp) ? 0 : ERR_NO_MEMORY;
}

static void end_state(struct dump_load *load) {
    struct gathered *g = load->state;
    if (g) lp_buf_free(&g->lp);
    mem_free(g);
}

static bool outgrows(const struct dump_load *load, const struct lp_buf *lp, struct slice field,
                     struct slice value) {
    uint64_t max = (uint64_t)load->config->hash_listpack_bytes;
    return field.n > max || value.n > max || !lp_safe_to_add(lp->p, field.n + value.n);
}

static bool unique(const struct gathered *g) {
    return lp_unique(g->lp.p, hash_packed_step(g->triples));
}

/* Adds a field to those of its kind, in the order of times. Whether it is new is asked at the end.
 */
static bool gather(struct gathered *g, struct slice field, struct slice value, int64_t time_ms) {
    struct lp_item item[3] = {lp_item_text(field), lp_item_text(value)};
    if (!g->triples) return lp_append(&g->lp, item, 2);
    item[2] = lp_item_i64(time_ms == HASH_NO_TIME ? 0 : time_ms);
    return lp_insert(&g->lp, hash_packed_place(g->lp.p, time_ms), item, 3);
}

static int take_field(void *ctx, struct slice field, struct slice value, int64_t expire_ms) {
    struct dump_load *load = ctx;
    struct gathered *g = load->state;
    if (field.n > HASH_TEXT_BYTES_MAX || value.n > HASH_TEXT_BYTES_MAX) return ERR_STRING_LIMIT;
    if (expire_ms == 0) expire_ms = HASH_NO_TIME; /* so does Redis take it */
    if (!load->value->object && outgrows(load, &g->lp, field, value)) {
        if (!unique(g)) return RDB_CORRUPT;
        become_large(load, hash_value_unpack(g->lp.p, g->triples));
    }
    if (load->value->object) {
        return hash_value_set(load->value->object, field, value, expire_ms) ? 0 : RDB_CORRUPT;
    }
    return gather(g, field, value, expire_ms) ? 0 : ERR_NO_MEMORY;
}

/* Whether a text is longer than the limit, which a zipmap, unlike the others, may not have been
 * made by. */
static bool has_long(const uint8_t *lp, uint64_t max) {
    char digits[LP_INT_TEXT_BYTES];
    struct lp_value v;
    size_t end = lp_end(lp);
    for (size_t at = LP_HEAD_BYTES; at != end;) {
        at = lp_read(lp, at, &v);
        if (lp_text(&v, digits).n > max) return true;
    }
    return false;
}

static int take_pairs(struct dump_load *load, enum rdb_form form, const uint8_t *lp) {
    const struct config *conf = load->config;
    if (!lp) return RDB_CORRUPT;
    if (lp_is_empty(lp)) return RDB_EMPTY;
    if (lp_count(lp) / 2 > (uint64_t)conf->hash_listpack_entries ||
        (form == RDB_FORM_ZIPMAP && has_long(lp, (uint64_t)conf->hash_listpack_bytes))) {
        become_large(load, hash_value_unpack(lp, false));
        return 0;
    }
    return dump_take_bytes(load, ENC_LISTPACK, slice_of(lp, lp_bytes(lp)));
}

static int take_triples(struct dump_load *load, struct slice bytes) {
    const uint8_t *lp = (const uint8_t *)bytes.p;
    if (!lp_check(lp, bytes.n, 3)) return RDB_CORRUPT;
    if (lp_is_empty(lp)) return RDB_EMPTY;
    if (!lp_unique(lp, 3) || !hash_packed_times_check(lp, HASH_TIME_MS_END)) return RDB_CORRUPT;
    if (hash_packed_count(lp, true) > (uint64_t)load->config->hash_listpack_entries) {
        become_large(load, hash_value_unpack(lp, true));
        return 0;
    }
    return dump_take_bytes(load, ENC_LISTPACK_EX, bytes);
}

static int take_packed(void *ctx, enum rdb_form form, struct slice bytes) {
    struct lp_buf own = lp_buf_heap();
    if (form == RDB_FORM_LISTPACK_EX) return take_triples(ctx, bytes);
    int err = take_pairs(ctx, form, dump_pairs(form, bytes, &own));
    lp_buf_free(&own);
    return err;
}

static int end_hash(void *ctx) {
    struct dump_load *load = ctx;
    struct gathered *g = load->state;
    if (!g || load->value->object) return 0;
    if (!unique(g)) return RDB_CORRUPT;
    return dump_take_bytes(load, g->triples ? ENC_LISTPACK_EX : ENC_LISTPACK,
                           slice_of(g->lp.p, g->lp.len));
}

static const struct rdb_visitor visitor = {
    .begin = begin_hash,
    .field = take_field,
    .packed = take_packed,
    .end = end_hash,
};

const struct dump_type dump_hash = {hash_type, put_hash, &visitor, end_state};
