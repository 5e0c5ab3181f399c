/* arena.h - memory for the length of one task: given out piece by piece, freed at once.
 *
 * A1  A piece stays where it is until arena_free.
 * Cost: an addition for most pieces; a block of memory for each 64 KiB, or for a larger piece.
 * Threads: the owner's.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/bytes.h"

struct arena_block;

/* An empty one is all zeros. */
struct arena {
    struct arena_block *blocks;
    char *at;
    size_t left;
};

void arena_free(struct arena *a);

/* n bytes, at any address. */
void *arena_alloc(struct arena *a, size_t n);

/* A copy of s with a zero behind it, which the slice does not count. */
struct slice arena_text(struct arena *a, struct slice s);

#endif
