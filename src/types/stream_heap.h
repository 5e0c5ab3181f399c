/* stream_heap.h - the memory of a stream's finished nodes, which hardly change any more.
 *
 * Nodes of a stream that is small lie in blocks of the allocator each, whose sizes are up to a
 * fifth too large. Of one that is not, new nodes lie one behind the other in packs, which are spans
 * (base/slab): little is lost, a worker has touched their pages, and what is trimmed goes back by
 * the span.
 *
 * M1  A node keeps its place until it is freed. A pack is freed with its last node; the place of
 *     one that went is not used again before.
 * M2  A reference is a node's address, which is even, the lowest bit being set in packs.
 * Threads: the stream's. Cost: O(1) and a copy of the node.
 */
#ifndef TYPES_STREAM_HEAP_H
#define TYPES_STREAM_HEAP_H

#include "base/slab.h"
#include "types/lp_buf.h"

/* What is used of a span, and how much a stream has before it gets the first: some eight times. */
#ifdef STRESS
#define STREAM_PACK_BYTES 1000
#define STREAM_PACKS_FROM_BYTES 2000
#else
#define STREAM_PACK_BYTES SLAB_SPAN_BYTES
#define STREAM_PACKS_FROM_BYTES ((size_t)512 * 1024)
#endif
#define STREAM_PACK_NODE_BYTES_MAX (STREAM_PACK_BYTES / 4) /* larger ones have blocks */

struct stream_pack {
    uint32_t used;       /* bytes, from the pack's beginning */
    uint16_t nodes;      /* that are there */
    uint16_t nodes_ever; /* that were put there */
};

struct stream_heap {
    struct stream_pack *open; /* with room for more; NULL: none */
    size_t bytes;             /* of packs and blocks */
    size_t blocks;            /* how many they are */
};

static inline uint8_t *stream_ref_lp(uint64_t ref) {
    return (uint8_t *)(uintptr_t)(ref & ~(uint64_t)1);
}

/* Keeps the node in a heap buffer; returns the reference. The buffer is empty afterwards; it still
 * has its memory if that was not what is kept. */
uint64_t stream_heap_keep(struct stream_heap *h, struct lp_buf *b);

/* Keeps a copy of n bytes. */
uint64_t stream_heap_copy(struct stream_heap *h, const uint8_t *lp, size_t n);

/* Frees a node. The heap itself needs no more than that. Returns its pack when that is still
 * there, with less than half of its nodes, and will not get more: moving them frees it. Else NULL.
 */
struct stream_pack *stream_heap_free(struct stream_heap *h, uint64_t ref, size_t n);

/* Whether a node lies in a pack. */
bool stream_pack_has(const struct stream_pack *pack, uint64_t ref);

/* Puts a node of n bytes from its pack into a block; returns the reference. */
uint64_t stream_heap_move(struct stream_heap *h, uint64_t ref, size_t n);

/* A node's bytes for an edit, with no room beyond them if it is in a pack; and the reference
 * afterwards. *n_old is the size at first. If an edit found no room: stream_heap_move, and again.
 */
struct lp_buf stream_heap_open(uint64_t ref, size_t n);
uint64_t stream_heap_close(struct stream_heap *h, uint64_t ref, size_t n_old, struct lp_buf b);

#endif
