/* dump_hash.c - hashes in bytes of RDB. See dump.h.
 *
 * Single fields gather in a listpack, until there are too many or one is too long. Whether they are
 * unique is asked once, of the listpack, and from then on by the table.
 */
#include "base/err.h"
#include "base/mem.h"
#include "core/config.h"
#include "core/dump.h"
#include "types/hash.h"

/* ---- saving ---- */

static enum rdb_type hash_type(const struct entry *e, int version) {
    (void)version;
    return entry_encoding(e) == ENC_OBJECT ? RDB_HASH : RDB_HASH_LISTPACK;
}

static void put_member(void *ctx, const struct hash_member *m) {
    rdb_put_field(ctx, hash_member_field(m), hash_member_value(m));
}

static void put_hash(struct rdb_writer *w, const struct entry *e, enum rdb_type as) {
    if (as == RDB_HASH_LISTPACK) {
        rdb_put_string(w, entry_packed(e));
        return;
    }
    const struct hash_value *h = entry_object(e);
    rdb_put_len(w, hash_value_count(h));
    hash_value_each(h, put_member, w);
}

/* ---- loading ---- */

static void become_large(struct dump_load *load, struct hash_value *h) {
    load->value->encoding = ENC_OBJECT;
    load->value->object = h;
}

static int begin_hash(void *ctx, const struct rdb_value *value) {
    struct dump_load *load = ctx;
    load->value->type = TYPE_HASH;
    load->value->encoding = ENC_LISTPACK;
    switch (value->type) {
    case RDB_HASH: break;
    case RDB_HASH_ZIPMAP:
    case RDB_HASH_ZIPLIST:
    case RDB_HASH_LISTPACK: return 0;
    default: return RDB_UNSUPPORTED; /* fields with an expiry */
    }
    if (value->count > (uint64_t)load->config->hash_listpack_entries) {
        become_large(load, hash_value_new());
        return 0;
    }
    struct lp_buf *lp = load->state = mem_alloc(sizeof *lp);
    *lp = lp_buf_heap();
    return lp_init(lp) ? 0 : ERR_NO_MEMORY;
}

static void end_state(struct dump_load *load) {
    if (load->state) lp_buf_free(load->state);
    mem_free(load->state);
}

static bool outgrows(const struct dump_load *load, const struct lp_buf *lp, struct slice field,
                     struct slice value) {
    uint64_t max = (uint64_t)load->config->hash_listpack_bytes;
    return field.n > max || value.n > max || !lp_safe_to_add(lp->p, field.n + value.n);
}

static int take_field(void *ctx, struct slice field, struct slice value, int64_t expire_ms) {
    (void)expire_ms; /* the types that are taken have none */
    struct dump_load *load = ctx;
    struct lp_buf *lp = load->state;
    if (field.n > HASH_TEXT_BYTES_MAX || value.n > HASH_TEXT_BYTES_MAX) return ERR_STRING_LIMIT;
    if (!load->value->object && outgrows(load, lp, field, value)) {
        if (!lp_unique(lp->p, 2)) return RDB_CORRUPT;
        become_large(load, hash_value_unpack(lp->p));
    }
    if (load->value->object) {
        return hash_value_set(load->value->object, field, value) ? 0 : RDB_CORRUPT;
    }
    struct lp_item pair[2] = {lp_item_text(field), lp_item_text(value)};
    return lp_append(lp, pair, 2) ? 0 : ERR_NO_MEMORY;
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
    if (lp_count(lp) / 2 > (uint64_t)conf->hash_listpack_entries ||
        (form == RDB_FORM_ZIPMAP && has_long(lp, (uint64_t)conf->hash_listpack_bytes))) {
        become_large(load, hash_value_unpack(lp));
        return 0;
    }
    return dump_take_bytes(load, ENC_LISTPACK, slice_of(lp, lp_bytes(lp)));
}

static int take_packed(void *ctx, enum rdb_form form, struct slice bytes) {
    struct lp_buf own = lp_buf_heap();
    int err = take_pairs(ctx, form, dump_pairs(form, bytes, &own));
    lp_buf_free(&own);
    return err;
}

static int end_hash(void *ctx) {
    struct dump_load *load = ctx;
    struct lp_buf *lp = load->state;
    if (!lp || load->value->object) return 0;
    if (!lp_unique(lp->p, 2)) return RDB_CORRUPT;
    return dump_take_bytes(load, ENC_LISTPACK, slice_of(lp->p, lp->len));
}

static const struct rdb_visitor visitor = {
    .begin = begin_hash,
    .field = take_field,
    .packed = take_packed,
    .end = end_hash,
};

const struct dump_type dump_hash = {hash_type, put_hash, &visitor, end_state};
