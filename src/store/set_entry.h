/* set_entry.h - the set of an entry, whatever its form, as types/set.h reads it.
 *
 * Threads: any that may read the entry.
 */
#ifndef STORE_SET_ENTRY_H
#define STORE_SET_ENTRY_H

#include "store/entry.h"
#include "types/set.h"

/* Good until the key is written. */
static inline struct set_view set_view_of(const struct entry *e) {
    if (entry_encoding(e) == ENC_OBJECT)
        return (struct set_view){.form = SET_VALUE, .value = entry_object(e)};
    return (struct set_view){
        .form = entry_encoding(e) == ENC_INTSET ? SET_INTSET : SET_LISTPACK,
        .packed = (const uint8_t *)entry_packed(e).p,
    };
}

#endif
