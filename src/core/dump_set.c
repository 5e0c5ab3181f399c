/* dump_set.c - sets in bytes of RDB. See dump.h.
 *
 * A packed set is written as it lies in memory, if the version has a type for it, and any other one
 * member by member. Packed bytes that keep within the limits are loaded as they are; otherwise they
 * become a table, as in Redis 7.2. Members that come one by one are added as SADD would do it: so a
 * listpack that had to be written that way is one again.
 */
#include "base/err.h"
#include "base/mem.h"
#include "core/config.h"
#include "core/dump.h"
#include "store/set_entry.h"
#include "types/intset.h"
#include "types/listpack.h"

#define ROOM_BYTES 512 /* for small sets, to be built without another allocation */

/* ---- saving ---- */

static enum rdb_type set_type(const struct entry *e, int version) {
    switch (set_view_of(e).form) {
    case SET_INTSET: return RDB_SET_INTSET;
    case SET_LISTPACK:
        return version >= rdb_version_of(RDB_SET_LISTPACK) ? RDB_SET_LISTPACK : RDB_SET;
    case SET_VALUE: break;
    }
    return RDB_SET;
}

static void put_member(void *ctx, struct slice member) { rdb_put_string(ctx, member); }

static void put_set(struct rdb_writer *w, const struct entry *e, enum rdb_type as) {
    if (as != RDB_SET) {
        rdb_put_string(w, entry_packed(e));
        return;
    }
    rdb_put_len(w, set_count(set_view_of(e)));
    set_each(set_view_of(e), put_member, w);
}

/* ---- loading ---- */

struct set_load {
    struct set_edit edit;
    size_t count; /* members to come, as the input claims; 0 once the first is there */
    char room[ROOM_BYTES];
};

static struct set_limits limits_of(const struct config *config) {
    return (struct set_limits){
        .intset_entries = (size_t)config->set_intset_entries,
        .listpack_entries = (size_t)config->set_listpack_entries,
        .listpack_bytes = (size_t)config->set_listpack_bytes,
    };
}

static int begin_set(void *ctx, const struct rdb_value *value) {
    struct dump_load *load = ctx;
    struct set_limits limits = limits_of(load->config);
    struct set_load *s = mem_alloc(sizeof *s);
    load->state = s;
    load->value->type = TYPE_SET;
    s->count = value->count;
    set_edit_new(&s->edit, &limits, s->room, sizeof s->room);
    return 0;
}

static int add_member(void *ctx, struct slice member) {
    struct set_load *s = ((struct dump_load *)ctx)->state;
    if (s->count) set_edit_expect(&s->edit, member, s->count);
    s->count = 0;
    return set_edit_add(&s->edit, member) ? 0 : RDB_CORRUPT;
}

static void add_checked(void *ctx, struct slice member) { set_edit_add(ctx, member); }

static void note_longest(void *ctx, struct slice member) {
    size_t *longest = ctx;
    if (member.n > *longest) *longest = member.n;
}

static bool within_limits(struct set_view view, const struct set_limits *limits) {
    size_t longest = 0;
    if (view.form == SET_INTSET) return set_count(view) <= limits->intset_entries;
    if (set_count(view) > limits->listpack_entries) return false;
    set_each(view, note_longest, &longest);
    return longest <= limits->listpack_bytes;
}

static bool packed_view(enum rdb_form form, struct slice bytes, struct set_view *view) {
    view->packed = (const uint8_t *)bytes.p;
    view->form = form == RDB_FORM_INTSET ? SET_INTSET : SET_LISTPACK;
    if (form == RDB_FORM_INTSET) return intset_check(bytes.p, bytes.n);
    return form == RDB_FORM_LISTPACK && lp_check(bytes.p, bytes.n, 1) && lp_unique(view->packed, 1);
}

static int take_packed(void *ctx, enum rdb_form form, struct slice bytes) {
    struct set_load *s = ((struct dump_load *)ctx)->state;
    struct set_limits limits = s->edit.limits;
    struct set_view view;
    if (form == RDB_FORM_INTSET && bytes.n == INTSET_HEAD_BYTES) return RDB_EMPTY;
    if (!packed_view(form, bytes, &view)) return RDB_CORRUPT;
    if (!set_count(view)) return RDB_EMPTY;
    set_edit_drop(&s->edit);
    if (within_limits(view, &limits)) {
        set_edit_open(&s->edit, &limits, view, s->room, sizeof s->room);
        return 0;
    }
    struct set_view table = {.form = SET_VALUE, .value = set_value_new()};
    set_edit_open(&s->edit, &limits, table, s->room, sizeof s->room);
    s->edit.value_is_new = true;
    set_each(view, add_checked, &s->edit);
    return 0;
}

static int end_set(void *ctx) {
    struct dump_load *load = ctx;
    struct set_edit *edit = &((struct set_load *)load->state)->edit;
    if (edit->form == SET_VALUE) {
        edit->value_is_new = false;
        load->value->encoding = ENC_OBJECT;
        load->value->object = edit->value;
        return 0;
    }
    struct blob *b = blob_try(edit->buf.len);
    if (!b) return ERR_NO_MEMORY;
    memcpy(b->data, edit->buf.p, edit->buf.len);
    b->len = edit->buf.len;
    load->value->encoding = edit->form == SET_INTSET ? ENC_INTSET : ENC_LISTPACK;
    load->value->bytes = b;
    return 0;
}

static void fini_set(struct dump_load *load) {
    struct set_load *s = load->state;
    if (!s) return; /* nothing has begun */
    set_edit_drop(&s->edit);
    mem_free(s);
}

static const struct rdb_visitor visitor = {
    .begin = begin_set,
    .string = add_member,
    .packed = take_packed,
    .end = end_set,
};

const struct dump_type dump_set = {set_type, put_set, &visitor, fini_set};
