/* stream_heap.h - the memory of a stream's finished nodes, which hardly change any more.
 *
 * Nodes of a small stream lie in blocks of the allocator each, whose sizes are up to a fifth too
 * large. When there are many they move, and from then on new ones lie one behind the other in
 * packs, which are spans (base/slab): little is lost, a worker has touched their pages, and what is
 * trimmed goes back by the span.
 *
 * M1  A node keeps its place, but for the functions below that move it. A pack is freed with its
 *     last node; the place of one that went is not used again before.
 * M2  A reference is a node's address, a multiple of 4, with STREAM_REF_PACKED in packs, and with
 *     STREAM_REF_SHARED where a still of the stream may see the node.
 * M3  While there are stills (stream_still), a node that is shared is not edited, but copied before
 *     (stream_heap_own), and blocks and packs that are freed stay as they are until the last still
 *     has ended. Without stills the mark means nothing.
 * Threads: the stream's; a still's reader reads nodes, and nothing else here. Cost: O(1) and a copy
 * of the node.
 */
#ifndef TYPES_STREAM_HEAP_H
#define TYPES_STREAM_HEAP_H

#include "base/slab.h"
#include "types/lp_buf.h"

/* What is used of a span; how much there is when packs begin, and when no more are begun. */
#ifdef STRESS
#define STREAM_PACK_BYTES 1000
#define STREAM_PACKS_FROM_BYTES ((size_t)2000)
#define STREAM_PACKS_UNTIL_BYTES 700
#else
#define STREAM_PACK_BYTES SLAB_SPAN_BYTES
#define STREAM_PACKS_FROM_BYTES ((size_t)256 * 1024)
#define STREAM_PACKS_UNTIL_BYTES ((size_t)128 * 1024)
#endif
#define STREAM_PACK_NODE_BYTES_MAX (STREAM_PACK_BYTES / 4) /* larger ones have blocks */

#define STREAM_REF_PACKED ((uint64_t)1)
#define STREAM_REF_SHARED ((uint64_t)2)

struct stream_pack {
    uint32_t used;       /* bytes, from the pack's beginning */
    uint16_t nodes;      /* that are there */
    uint16_t nodes_ever; /* that were put there */
};

struct stream_limbo;

struct stream_heap {
    struct stream_pack *open;   /* with room for more; NULL: none */
    bool in_packs;              /* where new nodes are put */
    size_t bytes;               /* of packs and blocks, without those in limbo */
    size_t blocks;              /* how many they are */
    struct stream_limbo *limbo; /* NULL: no still */
};

static inline uint8_t *stream_ref_lp(uint64_t ref) {
    return (uint8_t *)(uintptr_t)(ref & ~(STREAM_REF_PACKED | STREAM_REF_SHARED));
}

/* Keeps the node in a heap buffer; returns the reference. The buffer is empty afterwards; it still
 * has its memory if that was not what is kept. */
uint64_t stream_heap_keep(struct stream_heap *h, struct lp_buf *b);

/* Keeps a copy of n bytes. */
uint64_t stream_heap_copy(struct stream_heap *h, const uint8_t *lp, size_t n);

/* Whether it is time for packs. If so, the owner puts every node there is through stream_heap_pack,
 * in order, once: there are few. */
static inline bool stream_heap_is_due(const struct stream_heap *h) {
    return !h->in_packs && h->bytes >= STREAM_PACKS_FROM_BYTES;
}

/* Puts a node of n bytes that is in a block into a pack, unless it is too large for that; returns
 * the reference. */
uint64_t stream_heap_pack(struct stream_heap *h, uint64_t ref, size_t n);

/* Frees a node of n bytes. If its pack is still there, with less than half of its nodes, and will
 * not get more, it is returned: moving these frees it. Else NULL. */
struct stream_pack *stream_heap_free(struct stream_heap *h, uint64_t ref, size_t n);

/* Whether a node lies in a pack. */
bool stream_pack_has(const struct stream_pack *pack, uint64_t ref);

/* Puts a node of n bytes from its pack into a block; returns the reference. */
uint64_t stream_heap_move(struct stream_heap *h, uint64_t ref, size_t n);

/* Sees that a node of n bytes may be edited: one that is shared is copied into a block. The
 * reference follows, without the mark. Returns what stream_heap_free does of the old one. */
struct stream_pack *stream_heap_own(struct stream_heap *h, uint64_t *ref, size_t n);

/* A node's bytes for an edit, with no room beyond them if it is in a pack: if an edit finds none,
 * the node is to be moved, and opened again. Closing it tells the reference, which may be another;
 * n_old is the size before. */
struct lp_buf stream_heap_open(uint64_t ref, size_t n);
uint64_t stream_heap_close(struct stream_heap *h, uint64_t ref, size_t n_old, struct lp_buf b);

/* Frees a heap buffer that is not in the heap but that a still may see; it is empty afterwards. */
void stream_heap_drop(struct stream_heap *h, struct lp_buf *b);

/* A still begins, or ends, which has so many bytes for itself; with the last one limbo goes. */
void stream_heap_hold(struct stream_heap *h, size_t bytes);
void stream_heap_release(struct stream_heap *h, size_t bytes);

/* Bytes in limbo, and those that stills have for themselves. */
size_t stream_heap_limbo_bytes(const struct stream_heap *h);

#endif
