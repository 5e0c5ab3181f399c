/* cmd_list_edit.c - changing a list in either form. See cmd_list_internal.h. */
#include "base/assert.h"
#include "commands/cmd_list_internal.h"
#include "core/config.h"

static struct list_limit limit_of(const struct ctx *c) {
    return list_limit_of(c->core->config->list_listpack_size);
}

void list_edit_open(struct list_edit *ed, struct ctx *c, struct key k, const struct entry *e) {
    ed->c = c;
    ed->k = k;
    ed->object = NULL;
    ed->exists = e != NULL;
    ed->made = false;
    ed->packed = lp_buf_spill(ed->space, 0, sizeof ed->space);
    if (!e) {
        lp_init(&ed->packed);
    } else if (entry_encoding(e) == ENC_OBJECT) {
        ed->object = entry_object(e);
    } else {
        struct slice bytes = entry_packed(e);
        bool done = lp_buf_room(&ed->packed, bytes.n);
        ASSERT(done);
        memcpy(ed->packed.p, bytes.p, bytes.n);
        ed->packed.len = bytes.n;
    }
}

uint64_t list_edit_count(const struct list_edit *ed) {
    return ed->object ? list_value_count(ed->object) : lp_count(ed->packed.p);
}

void list_edit_grow(struct list_edit *ed, size_t bytes, uint64_t count) {
    struct list_limit limit = limit_of(ed->c);
    if (ed->object) return;
    if (list_limit_allows(limit, ed->packed.len + bytes, lp_count(ed->packed.p) + count)) return;
    ed->object = list_value_from(limit, ed->packed.p);
    ed->made = true;
    lp_buf_free(&ed->packed);
}

/* Where the element of an index is, or where one that is appended comes. */
static size_t place_of(const struct list_edit *ed, uint64_t index) {
    size_t at = lp_seek(ed->packed.p, (int64_t)index);
    return at ? at : lp_end(ed->packed.p);
}

void list_edit_push(struct list_edit *ed, bool last, struct list_item item) {
    if (ed->object) {
        list_value_push(ed->object, last, item);
        return;
    }
    struct lp_item add = lp_item_text(item.text);
    bool done = lp_insert(&ed->packed, last ? lp_end(ed->packed.p) : LP_HEAD_BYTES, &add, 1);
    ASSERT(done);
    if (item.blob) blob_unref(item.blob);
}

void list_edit_insert(struct list_edit *ed, uint64_t index, struct list_item item) {
    if (ed->object) {
        list_value_insert(ed->object, index, item);
        return;
    }
    struct lp_item add = lp_item_text(item.text);
    bool done = lp_insert(&ed->packed, place_of(ed, index), &add, 1);
    ASSERT(done);
    if (item.blob) blob_unref(item.blob);
}

void list_edit_replace(struct list_edit *ed, uint64_t index, struct list_item item) {
    if (ed->object) {
        list_value_replace(ed->object, index, item);
        return;
    }
    struct lp_item add = lp_item_text(item.text);
    bool done = lp_replace(&ed->packed, place_of(ed, index), &add);
    ASSERT(done);
    if (item.blob) blob_unref(item.blob);
}

void list_edit_drop(struct list_edit *ed, uint64_t from, uint64_t count) {
    if (ed->object) {
        list_value_drop(ed->object, from, count);
    } else if (count) {
        lp_delete(&ed->packed, place_of(ed, from), count);
    }
}

uint64_t list_edit_remove(struct list_edit *ed, struct slice s, uint64_t max, bool backward) {
    if (ed->object) return list_value_remove(ed->object, s, max, backward);
    return list_packed_remove(&ed->packed, s, max, backward);
}

/* Takes the listpack out of an object that has become small enough for one. */
static void become_small(struct list_edit *ed) {
    const uint8_t *lp = list_value_small(ed->object);
    if (!lp) return;
    bool done = lp_buf_room(&ed->packed, lp_bytes(lp));
    ASSERT(done);
    ed->packed.len = lp_bytes(lp);
    memcpy(ed->packed.p, lp, ed->packed.len);
    if (ed->made) list_value_free(ed->object);
    ed->object = NULL;
}

static void store(struct list_edit *ed) {
    struct db *db = ed->c->db;
    if (!ed->object) {
        struct slice bytes = slice_of(ed->packed.p, ed->packed.len);
        db_put_packed(db, ed->k, TYPE_LIST, ENC_LISTPACK, bytes);
        lp_buf_free(&ed->packed);
    } else if (ed->made) {
        db_put_object(db, ed->k, TYPE_LIST, ed->object);
    }
}

void list_edit_cancel(struct list_edit *ed) {
    if (ed->made) list_value_free(ed->object);
    lp_buf_free(&ed->packed);
}

void list_edit_close(struct list_edit *ed, bool shrunk, const char *event) {
    if (shrunk && ed->object) become_small(ed);
    bool empty = list_edit_count(ed) == 0;
    if (!empty) {
        store(ed);
    } else {
        list_edit_cancel(ed);
        db_delete(ed->c->db, ed->k);
    }
    ctx_changed(ed->c, ed->k, FEED_LIST, event);
    if (empty) ctx_deleted(ed->c, ed->k);
}

void list_take(struct ctx *c, struct key k, const struct entry *e, uint64_t from, uint64_t count,
               const char *event) {
    struct list_edit ed;
    list_edit_open(&ed, c, k, e);
    list_edit_drop(&ed, from, count);
    list_edit_close(&ed, true, event);
    ctx_counts(c, count);
}
