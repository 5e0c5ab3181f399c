/* ziplist.h - loads the ziplists of Redis up to 6.2, which became listpacks.
 *
 * Layout: u32 total bytes, u32 offset of the last entry, u16 count (65535: unknown), entries,
 * 0xff; little-endian. An entry is the size of the one before it (a byte, or 0xfe and a u32),
 * a head and a text:
 *
 *     00nnnnnn    text of 6 bits' size          c0 f0 d0 e0   integer of 16 24 32 64 bits
 *     01nnnnnn n  of 14 bits, highest first     fe            of 8 bits
 *     10...... nnnn  of 32, highest first       f1 to fd      0 to 12, in the head itself
 *
 * Threads: any; nothing is shared. Specification: Redis 6.2.
 */
#ifndef TYPES_ZIPLIST_H
#define TYPES_ZIPLIST_H

#include "types/lp_buf.h"

/* Makes `out` a listpack with the elements of the n bytes at p, which come from anywhere. False
 * if they are no ziplist (any size, offset or count in it is wrong), or there is no room; `out`
 * then holds something to be freed. What is in pairs or unique is the caller's to check on the
 * result. Linear. */
bool ziplist_to_listpack(const void *p, size_t n, struct lp_buf *out);

#endif
