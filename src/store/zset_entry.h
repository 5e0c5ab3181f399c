/* zset_entry.h - the sorted set of an entry, whatever its form, as types/zset.h reads it.
 *
 * Threads: any that may read the entry.
 */
#ifndef STORE_ZSET_ENTRY_H
#define STORE_ZSET_ENTRY_H

#include "store/entry.h"
#include "types/zset.h"

/* Good until the key is written. */
static inline struct zset_view zset_view_of(const struct entry *e) {
    if (entry_encoding(e) == ENC_OBJECT) return (struct zset_view){NULL, entry_object(e)};
    return (struct zset_view){(const uint8_t *)entry_packed(e).p, NULL};
}

#endif
