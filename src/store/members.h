/* members.h - the table of members of a large value, whatever its type.
 *
 * Threads: any that may read the entry.
 */
#ifndef STORE_MEMBERS_H
#define STORE_MEMBERS_H

#include "base/table.h"
#include "store/entry.h"
#include "types/hash.h"
#include "types/set.h"
#include "types/zset.h"

/* NULL: it is not one of those. Good until the key is written. */
static inline const struct table *members_of(const struct entry *e) {
    if (entry_encoding(e) != ENC_OBJECT) return NULL;
    const void *value = entry_object(e);
    switch (entry_type(e)) {
    case TYPE_HASH: return &((const struct hash_value *)value)->table;
    case TYPE_SET: return set_value_table(value);
    case TYPE_ZSET: return &((const struct zset_value *)value)->members;
    default: return NULL;
    }
}

#endif
