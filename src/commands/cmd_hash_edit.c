/* cmd_hash_edit.c - see cmd_hash_edit.h. */
#include "commands/cmd_hash_edit.h"

#include "base/err.h"
#include "core/config.h"

/* What a text adds to a listpack beside its bytes, and a time, at most. */
#define TEXT_OVERHEAD_BYTES 11
#define TIME_BYTES 10

struct sizes {
    size_t sum, longest; /* of the texts to be set */
};

static struct sizes measure(struct hash_texts set) {
    struct sizes s = {0, 0};
    for (size_t i = 0; i < set.n; i++) {
        s.sum += set.v[i].n;
        if (set.v[i].n > s.longest) s.longest = set.v[i].n;
    }
    return s;
}

/* Whether so many texts of these sizes make a packed hash large (W2). */
static bool outgrow(const struct config *conf, const uint8_t *packed, size_t texts,
                    struct sizes sizes) {
    return (int64_t)(texts / 2) > conf->hash_listpack_entries ||
           sizes.longest > (uint64_t)conf->hash_listpack_bytes ||
           !lp_safe_to_add(packed, sizes.sum);
}

/* Copies the listpack, if any, into the edit's buffer, with room for more. */
static bool copy_packed(struct hash_edit *ed, struct slice old, size_t more) {
    ed->packed = lp_buf_spill(ed->stack, 0, sizeof ed->stack);
    if (!lp_buf_room(&ed->packed, LP_EMPTY_BYTES + old.n + more)) return false;
    if (!old.n) return lp_init(&ed->packed);
    memcpy(ed->packed.p, old.p, old.n);
    ed->packed.len = old.n;
    return true;
}

static bool convert_packed(struct hash_edit *ed, struct slice old, size_t more) {
    ed->packed = lp_buf_spill(ed->stack, 0, sizeof ed->stack);
    return hash_packed_convert((const uint8_t *)old.p, true, &ed->packed) &&
           lp_buf_room(&ed->packed, ed->packed.len + more);
}

/* Makes ed->packed the listpack of the view, if there is one, with room for what is planned. */
static bool open_packed(struct hash_edit *ed, struct hash_view v, const struct hash_plan *plan,
                        size_t text_bytes) {
    struct slice old = slice_of(v.packed, v.packed ? lp_bytes(v.packed) : 0);
    ed->triples = v.triples || plan->times;
    size_t more = text_bytes + plan->set.n * TEXT_OVERHEAD_BYTES;
    if (ed->triples) more += (plan->set.n + plan->times) * TIME_BYTES;
    if (ed->triples && !v.triples && ed->e) return convert_packed(ed, old, more);
    ed->own = ed->e ? db_own_packed(ed->e, more) : NULL;
    if (!ed->own) return copy_packed(ed, old, more);
    ed->packed = lp_buf_fixed(ed->own->data, ed->own->len, ed->own->cap);
    return true;
}

static void make_large(struct hash_edit *ed, const uint8_t *packed, bool triples) {
    ed->large = packed ? hash_value_unpack(packed, triples) : hash_value_new();
    ed->made = true;
}

bool hash_edit_begin(struct hash_edit *ed, struct ctx *c, struct key k, struct entry *e,
                     struct hash_plan plan) {
    struct sizes sizes = measure(plan.set);
    struct hash_view v = hash_look(c, e);
    ed->c = c;
    ed->k = k;
    ed->e = e;
    ed->large = NULL;
    ed->own = NULL;
    ed->packed = lp_buf_heap();
    ed->past = 0;
    ed->made = ed->triples = ed->sets = ed->changed = false;
    ed->may_past = hash_view_may_hide(v);
    if (unlikely(sizes.longest > HASH_TEXT_BYTES_MAX)) {
        reply_err(c->r, ERR_STRING_LIMIT);
        return false;
    }
    if (v.large) {
        ed->large = entry_object(e);
        return true;
    }
    if (outgrow(c->core->config, v.packed, plan.set.n, sizes)) {
        make_large(ed, v.packed, v.triples);
        return true;
    }
    if (likely(open_packed(ed, v, &plan, sizes.sum))) return true;
    lp_buf_free(&ed->packed);
    reply_err(c->r, ERR_NO_MEMORY);
    return false;
}

/* ---- edits --------------------------------------------------------------------------- */

static bool remove_field(struct hash_edit *ed, struct slice field) {
    if (ed->large) return hash_value_delete(ed->large, field);
    size_t at = hash_packed_find(ed->packed.p, ed->triples, field);
    if (at != LP_NONE) hash_packed_delete(&ed->packed, ed->triples, at);
    return at != LP_NONE;
}

bool hash_edit_drop_past(struct hash_edit *ed, struct slice field) {
    struct hash_view v = hash_edit_view(ed);
    int64_t time_ms;
    if (likely(!ed->may_past) || hash_view_time(v, field, &time_ms)) return false;
    if (!remove_field(ed, field)) return false;
    effects_field_left(ed->c->core, ed->c->db->id, key_slice(ed->k), field);
    ed->past++;
    ed->changed = true;
    return true;
}

bool hash_edit_set(struct hash_edit *ed, struct slice field, struct slice value, int64_t time_ms) {
    bool added;
    hash_edit_drop_past(ed, field);
    ed->sets = ed->changed = true;
    if (ed->large) return hash_value_set(ed->large, field, value, time_ms);
    bool done = hash_packed_set(&ed->packed, ed->triples, field, value, time_ms, &added);
    ASSERT(done); /* W1 */
    return added;
}

void hash_edit_set_time(struct hash_edit *ed, struct slice field, int64_t time_ms) {
    ed->changed = true;
    if (ed->large) {
        hash_value_set_time(ed->large, field, time_ms);
        return;
    }
    size_t at = hash_packed_find(ed->packed.p, true, field);
    bool done = hash_packed_set_time(&ed->packed, at, time_ms);
    ASSERT(done);
}

bool hash_edit_delete(struct hash_edit *ed, struct slice field) {
    bool there = remove_field(ed, field);
    ed->changed = ed->changed || there;
    return there;
}

/* ---- the end ------------------------------------------------------------------------- */

/* Tells the store of the times of a hash that was changed where it lies. */
static void note_times(const struct hash_edit *ed) {
    bool marked = ed->e->flags & ENTRY_FIELDS;
    if (unlikely(marked || hash_view_next_ms(hash_edit_view(ed)) != INT64_MAX))
        db_fields_changed(ed->c->db, ed->k, ed->e);
}

/* Puts the listpack into the key, from which it has not gone if it was edited there: then it moves
 * only if it has become much smaller. */
static void put_packed(struct hash_edit *ed) {
    struct blob *own = ed->own;
    if (own) {
        own->len = ed->packed.len;
        bool fits = own->len > ENTRY_INLINE_BYTES_MAX && own->len >= own->cap / 2;
        if (fits || !copy_packed(ed, slice_of(own->data, own->len), 0)) {
            note_times(ed);
            return;
        }
    }
    db_put_packed(ed->c->db, ed->k, TYPE_HASH, ed->triples ? ENC_LISTPACK_EX : ENC_LISTPACK,
                  slice_of(ed->packed.p, ed->packed.len));
}

static void store(struct hash_edit *ed) {
    if (!ed->large && ed->sets) {
        uint64_t fields_max = (uint64_t)ed->c->core->config->hash_listpack_entries;
        if (unlikely(lp_count(ed->packed.p) > fields_max * hash_packed_step(ed->triples)))
            make_large(ed, ed->packed.p, ed->triples);
    }
    if (ed->made) {
        db_put_object(ed->c->db, ed->k, TYPE_HASH, ed->large);
        ed->made = false;
    } else if (ed->large) {
        note_times(ed);
    } else {
        put_packed(ed);
    }
}

static void tell(const struct hash_edit *ed, enum feed_class class, const char *event) {
    if (event) ctx_changed(ed->c, ed->k, class, event);
}

void hash_edit_drop(struct hash_edit *ed) {
    if (ed->made) hash_value_free(ed->large);
    lp_buf_free(&ed->packed);
}

void hash_edit_finish(struct hash_edit *ed, const char *event, const char *event_2) {
    uint64_t changes = ed->c->core->feed.changes;
    bool empty = ed->large ? !hash_value_count(ed->large) : lp_is_empty(ed->packed.p);
    if (ed->changed && !empty) store(ed);
    hash_edit_drop(ed);
    if (!ed->changed) return;
    if (unlikely(empty)) db_delete(ed->c->db, ed->k);
    if (unlikely(ed->past)) {
        ed->c->core->ks->expired_fields += ed->past;
        tell(ed, FEED_HASH, "hexpired");
        if (!event && !event_2) effects_not_own(ed->c->core, changes);
    }
    tell(ed, FEED_HASH, event);
    tell(ed, FEED_HASH, event_2);
    if (empty) ctx_deleted(ed->c, ed->k);
}

void hash_let_leave(struct ctx *c, struct hash_view v, struct hash_texts fields) {
    struct hash_edit ed;
    if (likely(!hash_view_may_hide(v)) || c->core->ks->expire_paused) return;
    struct key k = ctx_key(c, 1);
    struct entry *e = db_own_cheaply(c->db, k);
    if (!e || !hash_edit_begin(&ed, c, k, e, (struct hash_plan){.times = 0})) return;
    for (size_t i = 0; i < fields.n; i += fields.step) hash_edit_drop_past(&ed, fields.v[i]);
    hash_edit_finish(&ed, NULL, NULL);
}
