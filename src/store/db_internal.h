/* db_internal.h - what the files of store/ share. */
#ifndef STORE_DB_INTERNAL_H
#define STORE_DB_INTERNAL_H

#include "store/db.h"

#define LFU_INIT 5

static inline struct slice entry_key_of(const void *item) { return entry_key(item); }
static inline int64_t entry_expire_of(const void *item) { return entry_expire_ms(item); }

/* The table's view of an entry; a constant, so that lookups are compiled through it. */
static const struct table_ops entry_ops = {entry_key_of, entry_expire_of};

/* Takes the entry at a place out of db, releasing everything that it holds. */
void db_drop(struct db *db, uint64_t hash, struct table_place place, struct entry *e);

/* Releases an entry that is in no table any more. */
void db_release(struct db *db, struct entry *e);

/* Both times of a counter that decays: minutes, 16 bits, and what is left of it by now. */
uint16_t lfu_minutes(const struct keyspace *ks);
int lfu_decayed(const struct keyspace *ks, const struct entry *e);

#endif
