/* zipmap.h - loads the zipmaps of Redis up to 2.4, once the encoding of small hashes.
 *
 * Layout: a byte with the count of pairs (254: unknown), pairs, 0xff. A pair is the size
 * of the field, the field, the size of the value, a byte with how many unused bytes follow the
 * value, the value and these. A size is a byte, or from 254 on 0xfe and a little-endian u32.
 * Threads: any; nothing is shared. Specification: Redis 2.4's zipmap, as 7.2 loads it.
 */
#ifndef TYPES_ZIPMAP_H
#define TYPES_ZIPMAP_H

#include "types/lp_buf.h"

/* Makes `out` a listpack of fields and values from the n bytes at p, which come from anywhere.
 * False if they are no zipmap, or there is no room; `out` then holds something to be freed. That
 * the fields are unique is the caller's to check on the result. Linear. */
bool zipmap_to_listpack(const void *p, size_t n, struct lp_buf *out);

#endif
