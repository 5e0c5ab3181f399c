/* member_heap.h - the memory of the members of one large set, hash or sorted set.
 *
 * A small object's members are blocks of the allocator; from MEMBER_HEAP_SLAB_MIN members on new
 * ones come from a slab of the object's own, without a header and in finer steps, and are
 * given back with it as a whole. Which of the two a block is, its owner keeps (a bit of the
 * member's own head), and tells when it is freed, together with its size.
 *
 * While somebody reads a still of the object (base/table_still.h), members that are freed stay as
 * they are, in limbo. When nobody does any more they go, a few with each call, so that no call
 * takes long.
 * Threads: the object's.
 */
#ifndef TYPES_MEMBER_HEAP_H
#define TYPES_MEMBER_HEAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/assert.h"
#include "base/slab.h"

#define MEMBER_HEAP_SLAB_MIN 2048

struct member_limbo;

struct member_heap {
    struct slab slab;
    size_t count;               /* members */
    size_t loose_bytes;         /* of those that are blocks of the allocator */
    struct member_limbo *limbo; /* NULL: no still, and nothing left of one */
};

void member_heap_init(struct member_heap *h);

/* Gives back the slab, and what is in limbo. Loose members are freed by their owner first (or were
 * never there). */
void member_heap_fini(struct member_heap *h);

/* A block of n bytes; *in_slab must be told to member_free. */
void *member_alloc(struct member_heap *h, size_t n, bool *in_slab);
void member_free(struct member_heap *h, void *p, size_t n, bool in_slab);

/* From the first to the last: what is freed stays. They nest. */
void member_heap_hold(struct member_heap *h);
void member_heap_release(struct member_heap *h);

/* Whether members must not be changed where they lie. */
bool member_limbo_is_held(const struct member_limbo *l);
static inline bool member_heap_is_held(const struct member_heap *h) {
    return unlikely(h->limbo != NULL) && member_limbo_is_held(h->limbo);
}

/* Bytes that were freed and stay for the stills that are out. */
size_t member_heap_held_bytes(const struct member_heap *h);

/* Bytes that the members take, those in limbo too, for MEMORY USAGE. */
size_t member_heap_bytes(const struct member_heap *h);

#endif
