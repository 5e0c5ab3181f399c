/* db_internal.h - what the files of store/ share. */
#ifndef STORE_DB_INTERNAL_H
#define STORE_DB_INTERNAL_H

#include "store/capture.h"

#define LFU_INIT 5

static inline struct slice entry_key_of(const void *item) { return entry_key(item); }
/* The time of an entry with ENTRY_FIELDS: its own, or, if that is earlier, that of a part. */
int64_t fields_due_ms(const struct entry *e);

static inline int64_t entry_due_of(const void *item, bool *ends) {
    const struct entry *e = item;
    *ends = entry_has_ttl(e);
    return likely(!(e->flags & ENTRY_FIELDS)) ? entry_expire_ms(e) : fields_due_ms(e);
}

/* The table's view of an entry; a constant, so that lookups are compiled through it. */
static const struct table_ops entry_ops = {entry_key_of, entry_due_of};

/* Before the entry at a place is changed, or taken out. */
static inline void note_change(struct db *db, uint64_t hash, struct table_place place,
                               struct entry *e) {
    if (unlikely(db->ks->cut != NULL)) cut_note_change(db, hash, place, e);
}

/* Before its value is changed where it lies. */
static inline void note_edit(struct db *db, uint64_t hash, struct table_place place,
                             struct entry *e) {
    if (unlikely(db->ks->cut != NULL)) cut_note_edit(db, hash, place, e);
}

/* Takes the entry at a place out of db, releasing everything that it holds. */
void db_drop(struct db *db, uint64_t hash, struct table_place place, struct entry *e);

/* Releases an entry that is in no table any more. */
void db_release(struct db *db, struct entry *e);

/* Gives e, an entry with a packed value, these bytes, which may be its own, as its value. Returns
 * e, or, if its block does not suit them, an entry for e's place in the table; then e is freed. */
struct entry *db_repack(struct db *db, struct entry *e, struct slice bytes);

/* The count of entries with ENTRY_FIELDS that e belongs to. */
static inline size_t *timed_count(struct db *db, const struct entry *e) {
    return entry_type(e) == TYPE_HASH ? &db->shelf->timed_hashes : &db->shelf->timed_topics;
}

/* Clears ENTRY_FIELDS of an entry that loses its value, or its place. */
static inline void fields_forget(struct db *db, struct entry *e) {
    if (likely(!(e->flags & ENTRY_FIELDS))) return;
    e->flags &= (uint8_t)~ENTRY_FIELDS;
    --*timed_count(db, e);
}

/* Whether the key may not leave, nor lose fields, by itself now. */
static inline bool entry_is_pinned(const struct keyspace *ks, const struct entry *e) {
    return ks->pinned && ks->pinned(ks->pinned_ctx, key_of(entry_key(e)).hash);
}

/* Lets the fields (of a retained topic the messages) of e whose time has come leave, until
 * clock_ticks passes `deadline`, but at least for a step. Returns what is to be in e's place: e,
 * another entry, or NULL: the hash has ended. */
struct entry *fields_expire(struct db *db, struct entry *e, uint64_t deadline);

/* Both times of a counter that decays: minutes, 16 bits, and what is left of it by now. */
uint16_t lfu_minutes(const struct keyspace *ks);
int lfu_decayed(const struct keyspace *ks, const struct entry *e);

#endif
