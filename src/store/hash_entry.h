/* hash_entry.h - the hash of an entry, whatever its form, as types/hash.h reads it.
 *
 * Threads: any that may read the entry.
 */
#ifndef STORE_HASH_ENTRY_H
#define STORE_HASH_ENTRY_H

#include "store/entry.h"
#include "types/hash.h"

/* As it is at now_ms. Good until the key is written. */
static inline struct hash_view hash_view_of(const struct entry *e, int64_t now_ms) {
    if (entry_encoding(e) == ENC_OBJECT)
        return (struct hash_view){.large = entry_object(e), .now_ms = now_ms};
    return (struct hash_view){
        .packed = (const uint8_t *)entry_packed(e).p,
        .triples = entry_encoding(e) == ENC_LISTPACK_EX,
        .now_ms = now_ms,
    };
}

#endif
