/* fields.c - hashes whose fields end at times of their own, and retained topics whose messages do:
 * when that is, and how they leave.
 *
 * There is no index of such values beside the table of keys: an entry with ENTRY_FIELDS has a
 * time in it as one with an expiry has, and what is asked for when that time comes is here.
 *
 * F1  An entry in a table has ENTRY_FIELDS if a field of its value has a time (and is counted in
 *     timed_hashes or timed_topics); the table knows of it at that time or before. So whoever has
 * written a value, or changed one where it lies, calls db_fields_changed. F2  Hashes take turns: a
 * packed one is done with at once, a large one by a step of some hundred fields, after which it is
 * due again, behind the others; large ones that the time does not reach to stay due. Threads: the
 * loop.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "store/db_internal.h"
#include "store/garbage.h"
#include "store/hash_entry.h"
#include "store/object.h"
#include "types/topic_ring.h"

static int64_t next_ms(const struct entry *e) {
    if (entry_type(e) == TYPE_TOPIC) return topic_ring_due_ms(entry_object(e));
    return hash_view_next_ms(hash_view_of(e, HASH_ALL_TIMES));
}

int64_t fields_due_ms(const struct entry *e) {
    int64_t end_ms = entry_expire_ms(e), next = next_ms(e);
    if (next == INT64_MAX) return end_ms;
    /* An entry is due when its time is before now, a hash when now has reached its time. */
    int64_t due_ms = next > 0 ? next - 1 : 0;
    return end_ms >= 0 && end_ms < due_ms ? end_ms : due_ms;
}

/* ---- the mark ----------------------------------------------------------------------- */

static void set_mark(struct db *db, struct entry *e, bool on) {
    if (!on) fields_forget(db, e);
    if (!on || e->flags & ENTRY_FIELDS) return;
    e->flags |= ENTRY_FIELDS;
    ++*timed_count(db, e);
}

void db_fields_changed(struct db *db, struct key k, struct entry *e) {
    struct table *t = &db->shelf->table;
    struct table_place place;
    set_mark(db, e, next_ms(e) != INT64_MAX);
    if (!(e->flags & ENTRY_FIELDS)) return;
    void *there = table_find(t, &entry_ops, key_slice(k), k.hash, &place);
    ASSERT(there == e);
    table_replace(t, k.hash, place, e);
}

/* ---- leaving ------------------------------------------------------------------------ */

/* A hash whose fields are told when they leave. */
struct teller {
    struct db *db;
    const struct entry *e;
};

static void tell_field(void *ctx, struct slice field) {
    const struct teller *t = ctx;
    t->db->ks->on_field(t->db->ks->on_fields_ctx, t->db, t->e, field);
}

static size_t packed_expire(struct lp_buf *b, int64_t now_ms, const struct hash_leavers *leavers) {
    char digits[LP_INT_TEXT_BYTES];
    size_t past = hash_packed_past(b->p, now_ms), at = LP_HEAD_BYTES;
    for (size_t i = 0; leavers->tell && i < past; i++) {
        struct lp_value field = lp_get(b->p, at);
        leavers->tell(leavers->ctx, lp_text(&field, digits));
        for (int skip = 0; skip < 3 && i + 1 < past; skip++) at = lp_next(b->p, at);
    }
    return lp_delete(b, LP_HEAD_BYTES, 3 * past) / 3;
}

/* The packed hash without the fields whose time has come. */
static struct entry *expire_packed(struct db *db, struct entry *e, struct hash_leavers *leavers) {
    struct blob *own = db_own_packed(e, 0);
    if (entry_blob(e) && !own) return e; /* shared, and no memory for one of its own: later */
    struct lp_buf b = own ? lp_buf_fixed(own->data, own->len, own->cap)
                          : lp_buf_fixed((char *)entry_value(e), e->vlen, e->vlen);
    leavers->count = packed_expire(&b, db->ks->now_ms, leavers);
    if (own) own->len = b.len;
    bool fits = own && own->len > ENTRY_INLINE_BYTES_MAX && own->len >= own->cap / 2;
    return fits || !leavers->count ? e : db_repack(db, e, slice_of(b.p, b.len));
}

static void expire_large(struct hash_value *h, int64_t now_ms, uint64_t deadline,
                         struct hash_leavers *leavers) {
    while (hash_value_expire(h, now_ms, leavers) && clock_ticks() <= deadline) continue;
}

/* Nobody is told: readers do not see them any more. */
static void expire_messages(struct db *db, struct entry *e) {
    struct topic_ring *t = entry_object(e);
    struct topic_ring *gone =
        topic_ring_cut(t, topic_ring_first(t, db->ks->now_ms), OBJECT_FREE_COST_MAX);
    if (gone) garbage_add_object(db->ks, TYPE_TOPIC, gone);
    set_mark(db, e, next_ms(e) != INT64_MAX);
}

struct entry *fields_expire(struct db *db, struct entry *e, uint64_t deadline) {
    if (entry_type(e) == TYPE_TOPIC) {
        expire_messages(db, e);
        return e;
    }
    struct keyspace *ks = db->ks;
    struct teller teller = {db, e};
    struct hash_leavers leavers = {0, ks->on_field ? tell_field : NULL, &teller};
    if (entry_encoding(e) == ENC_OBJECT) {
        expire_large(entry_object(e), ks->now_ms, deadline, &leavers);
    } else {
        e = expire_packed(db, e, &leavers);
    }
    set_mark(db, e, next_ms(e) != INT64_MAX);
    if (!leavers.count) return e;
    bool all = hash_view_kept(hash_view_of(e, HASH_ALL_TIMES)) == 0;
    ks->expired_fields += leavers.count;
    if (ks->on_fields) ks->on_fields(ks->on_fields_ctx, db, e, all);
    if (!all) return e;
    db_release(db, e);
    return NULL;
}

bool db_fields_expire(struct db *db, struct key k, int64_t budget_us) {
    struct table *t = &db->shelf->table;
    struct table_place place;
    struct entry *e = table_find(t, &entry_ops, key_slice(k), k.hash, &place);
    if (!e || !(e->flags & ENTRY_FIELDS) || db->ks->expire_paused || entry_is_pinned(db->ks, e))
        return false;
    if (unlikely(db->ks->cut != NULL) && !cut_may_edit(db, k.hash, place, e)) return false;
    struct entry *after =
        fields_expire(db, e, clock_ticks() + clock_us_to_ticks((uint64_t)budget_us));
    if (after) {
        table_replace(t, k.hash, place, after);
    } else {
        table_remove(t, k.hash, place);
    }
    return after && after->flags & ENTRY_FIELDS && next_ms(after) <= db->ks->now_ms;
}
