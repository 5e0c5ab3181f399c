/* dump_list.c - lists in bytes of RDB. See dump.h.
 *
 * A list is written as it lies in memory: its listpacks, and the elements that are too long for
 * one. Loading pushes the elements one by one, so that every limit holds for what comes of it.
 */
#include "core/config.h"
#include "core/dump.h"
#include "types/list.h"
#include "types/ziplist.h"

/* ---- saving ---- */

static enum rdb_type list_type(const struct entry *e, int version) {
    (void)e;
    (void)version;
    return RDB_LIST_NODES;
}

struct put {
    struct rdb_writer *w;
    struct lp_buf scratch;
};

static void put_chunk(void *ctx, struct chunk chunk) {
    struct put *put = ctx;
    struct blob *blob = list_chunk_blob(chunk);
    if (blob) {
        rdb_put_list_plain(put->w, slice_of(blob->data, blob->len));
    } else {
        const uint8_t *lp = list_chunk_packed(chunk, &put->scratch);
        rdb_put_list_listpack(put->w, slice_of(lp, lp_bytes(lp)));
    }
}

/* It may be a still. */
static void put_object(struct rdb_writer *w, const struct list_value *l) {
    struct put put = {w, lp_buf_heap()};
    rdb_put_len(w, chunk_tree_chunks(&l->chunks));
    chunk_tree_each(&l->chunks, put_chunk, &put);
    lp_buf_free(&put.scratch);
}

static void put_list(struct rdb_writer *w, const struct entry *e, enum rdb_type as) {
    (void)as;
    if (entry_encoding(e) == ENC_OBJECT) {
        put_object(w, entry_object(e));
        return;
    }
    rdb_put_len(w, 1);
    rdb_put_list_listpack(w, entry_packed(e));
}

/* ---- loading ---- */

static int begin_list(void *ctx, const struct rdb_value *value) {
    (void)value;
    struct dump_load *load = ctx;
    load->value->type = TYPE_LIST;
    load->value->encoding = ENC_OBJECT;
    load->value->object = list_value_new(list_limit_of(load->config->list_listpack_size));
    return 0;
}

static int push_element(void *ctx, struct slice s) {
    struct dump_load *load = ctx;
    list_value_push(load->value->object, true, (struct list_item){s, NULL});
    return 0;
}

static void push_listpack(struct dump_load *load, const uint8_t *lp) {
    char digits[LP_INT_TEXT_BYTES];
    struct list_element element;
    if (!lp_count(lp)) return; /* Redis passes over empty nodes */
    struct list_cursor cursor = list_cursor_packed(lp, 0, false);
    while (list_cursor_next(&cursor, &element)) push_element(load, lp_text(&element.value, digits));
}

static int push_packed(void *ctx, enum rdb_form form, struct slice bytes) {
    if (form == RDB_FORM_PLAIN) return bytes.n ? push_element(ctx, bytes) : RDB_CORRUPT;
    if (form == RDB_FORM_LISTPACK) {
        if (!lp_check(bytes.p, bytes.n, 1)) return RDB_CORRUPT;
        push_listpack(ctx, (const uint8_t *)bytes.p);
        return 0;
    }
    struct lp_buf lp = lp_buf_heap();
    bool ok = form == RDB_FORM_ZIPLIST && ziplist_to_listpack(bytes.p, bytes.n, &lp);
    if (ok) push_listpack(ctx, lp.p);
    lp_buf_free(&lp);
    return ok ? 0 : RDB_CORRUPT;
}

/* The listpack of a list that is one and within the limit; NULL for all others. */
static const uint8_t *only_listpack(const struct list_value *l) {
    struct chunk chunk = chunk_at(chunk_tree_end(&l->chunks, false));
    if (chunk.count < list_value_count(l) || list_chunk_blob(chunk)) return NULL;
    return list_limit_allows(l->limit, chunk.bytes, chunk.count) ? chunk.p : NULL;
}

static int end_list(void *ctx) {
    struct dump_load *load = ctx;
    struct list_value *l = load->value->object;
    if (!list_value_count(l)) return RDB_EMPTY;
    const uint8_t *lp = only_listpack(l);
    if (!lp) return 0;
    int err = dump_take_bytes(load, ENC_LISTPACK, slice_of(lp, lp_bytes(lp)));
    if (err) return err;
    list_value_free(l);
    load->value->object = NULL;
    return 0;
}

static const struct rdb_visitor visitor = {
    .begin = begin_list,
    .string = push_element,
    .packed = push_packed,
    .end = end_list,
};

const struct dump_type dump_list = {list_type, put_list, &visitor, NULL};
