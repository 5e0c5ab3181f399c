/* cmd_hash_edit.c - see cmd_hash_edit.h. */
#include "commands/cmd_hash_edit.h"

#include "base/err.h"
#include "core/config.h"

/* What a text adds to a listpack beside its bytes, and a time, at most. */
#define TEXT_OVERHEAD_BYTES 11
#define TIME_BYTES 10

/* Whether texts of these lengths make a packed hash large (W2). */
static bool outgrow(const struct config *conf, const uint8_t *packed, struct hash_texts add) {
    size_t sum = 0;
    if ((int64_t)(add.n / 2) > conf->hash_listpack_entries) return true;
    for (size_t i = 0; i < add.n; i++) {
        if (add.v[i].n > (uint64_t)conf->hash_listpack_bytes) return true;
        sum += add.v[i].n;
    }
    return !lp_safe_to_add(packed, sum);
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

/* Makes ed->packed the listpack of ed->e, if there is one, with room for what is planned. */
static bool open_packed(struct hash_edit *ed, struct hash_plan plan) {
    struct slice old = ed->e ? entry_packed(ed->e) : slice_of(NULL, 0);
    bool had_triples = ed->e && entry_encoding(ed->e) == ENC_LISTPACK_EX;
    ed->triples = had_triples || plan.times;
    size_t more = plan.set.n * TEXT_OVERHEAD_BYTES;
    for (size_t i = 0; i < plan.set.n; i++) more += plan.set.v[i].n;
    if (ed->triples) more += (plan.set.n + plan.times) * TIME_BYTES;
    if (ed->triples && !had_triples && ed->e) return convert_packed(ed, old, more);
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
    ed->c = c;
    ed->k = k;
    ed->e = e;
    ed->large = NULL;
    ed->own = NULL;
    ed->packed = lp_buf_heap();
    ed->past = 0;
    ed->made = ed->triples = ed->sets = ed->changed = false;
    for (size_t i = 0; i < plan.set.n; i++) {
        if (likely(plan.set.v[i].n <= HASH_TEXT_BYTES_MAX)) continue;
        reply_err(c->r, ERR_STRING_LIMIT);
        return false;
    }
    struct hash_view v = hash_look(c, e);
    ed->may_past = unlikely(hash_view_next_ms(v) - TABLE_LATE_MS <= v.now_ms);
    if (v.large) {
        ed->large = entry_object(e);
        return true;
    }
    if (outgrow(c->core->config, v.packed, plan.set)) {
        make_large(ed, v.packed, v.triples);
        return true;
    }
    if (open_packed(ed, plan)) return true;
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
    int64_t time_ms;
    if (likely(!ed->may_past)) return false;
    if (hash_view_time(hash_edit_view(ed), field, &time_ms) != HASH_PAST) return false;
    remove_field(ed, field);
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
        size_t entries_max = (size_t)ed->c->core->config->hash_listpack_entries;
        size_t count = hash_packed_count(ed->packed.p, ed->triples);
        if (unlikely(count > entries_max)) make_large(ed, ed->packed.p, ed->triples);
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

void hash_edit_finish(struct hash_edit *ed, const char *event, const char *event_2) {
    bool empty = hash_view_kept(hash_edit_view(ed)) == 0;
    if (ed->changed && !empty) store(ed);
    if (ed->made) hash_value_free(ed->large);
    lp_buf_free(&ed->packed);
    if (!ed->changed) return;
    if (empty) db_delete(ed->c->db, ed->k);
    ed->c->core->ks->expired_fields += ed->past;
    if (unlikely(ed->past)) tell(ed, FEED_HASH, "hexpired");
    tell(ed, FEED_HASH, event);
    tell(ed, FEED_HASH, event_2);
    if (empty) tell(ed, FEED_GENERIC, "del");
}

void hash_let_leave(struct ctx *c, struct hash_texts fields) {
    struct hash_edit ed;
    struct key k = ctx_key(c, 1);
    struct entry *e = db_peek(c->db, k);
    if (c->core->ks->expire_paused || !e) return;
    if (!hash_edit_begin(&ed, c, k, e, (struct hash_plan){.times = 0})) return;
    for (size_t i = 0; i < fields.n; i += fields.step) hash_edit_drop_past(&ed, fields.v[i]);
    hash_edit_finish(&ed, NULL, NULL);
}
