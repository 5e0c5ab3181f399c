/* stream_heap.c - see stream_heap.h. */
#include "types/stream_heap.h"

#include <string.h>

#include "base/assert.h"
#include "base/later.h"
#include "base/mem.h"

_Static_assert(STREAM_PACK_BYTES / 8 < UINT16_MAX, "a pack's nodes can be counted");

/* What a node takes of a pack. */
static size_t place_bytes(size_t n) { return (n + 3) & ~(size_t)3; }
_Static_assert(sizeof(struct stream_pack) % 4 == 0, "places lie at multiples of 4");

/* ---- limbo ---- */

/* A pack in limbo: its head is of no more use, which no still reads. */
struct limbo_pack {
    struct limbo_pack *next;
};
_Static_assert(sizeof(struct limbo_pack) <= sizeof(struct stream_pack),
               "a still reads what follows");

struct stream_limbo {
    unsigned stills;
    size_t bytes;
    struct later_bag blocks;
    struct limbo_pack *packs;
};

/* Give up a block, or a pack, that is in the heap no more. */
static void block_go(struct stream_heap *h, void *block, size_t bytes) {
    if (likely(!h->limbo)) {
        mem_free(block);
        return;
    }
    later_bag_add(&h->limbo->blocks, block, bytes);
    h->limbo->bytes += bytes;
}

static void pack_go(struct stream_heap *h, struct stream_pack *pack) {
    if (likely(!h->limbo)) {
        slab_span_give(pack);
        return;
    }
    struct limbo_pack *waits = (void *)pack;
    waits->next = h->limbo->packs;
    h->limbo->packs = waits;
    h->limbo->bytes += SLAB_SPAN_BYTES;
}

void stream_heap_drop(struct stream_heap *h, struct lp_buf *b) {
    if (b->p) block_go(h, b->p, b->cap);
    *b = lp_buf_heap();
}

void stream_heap_hold(struct stream_heap *h, size_t bytes) {
    if (!h->limbo) h->limbo = mem_calloc(sizeof *h->limbo);
    h->limbo->stills++;
    h->limbo->bytes += bytes;
}

void stream_heap_release(struct stream_heap *h, size_t bytes) {
    struct stream_limbo *l = h->limbo;
    ASSERT(l && l->stills);
    l->bytes -= bytes;
    if (--l->stills) return;
    later_bag_free(&l->blocks);
    for (struct limbo_pack *pack = l->packs, *next; pack; pack = next) {
        next = pack->next;
        slab_span_give(pack);
    }
    mem_free(l);
    h->limbo = NULL;
}

size_t stream_heap_limbo_bytes(const struct stream_heap *h) {
    return h->limbo ? h->limbo->bytes : 0;
}

/* ---- nodes ---- */

static struct stream_pack *pack_of(uint64_t ref) { return slab_span_of(stream_ref_lp(ref)); }

bool stream_pack_has(const struct stream_pack *pack, uint64_t ref) {
    return (ref & STREAM_REF_PACKED) && pack_of(ref) == pack;
}

static uint64_t block_keep(struct stream_heap *h, const uint8_t *lp, size_t n) {
    size_t bytes = lp_buf_heap_bytes(n);
    uint8_t *block = mem_alloc(bytes);
    memcpy(block, lp, n);
    h->bytes += bytes;
    h->blocks++;
    return (uintptr_t)block;
}

/* A pack with room for a node; NULL if it is to be a block. */
static struct stream_pack *pack_for(struct stream_heap *h, size_t n) {
    if (!h->in_packs || n > STREAM_PACK_NODE_BYTES_MAX) return NULL;
    if (h->open && STREAM_PACK_BYTES - h->open->used >= place_bytes(n)) return h->open;
    if (h->bytes < STREAM_PACKS_UNTIL_BYTES) {
        h->in_packs = false;
        return NULL;
    }
    h->open = slab_span_take();
    *h->open = (struct stream_pack){.used = sizeof *h->open};
    h->bytes += SLAB_SPAN_BYTES;
    h->blocks++;
    return h->open;
}

static uint64_t pack_keep(struct stream_pack *pack, const uint8_t *lp, size_t n) {
    uint8_t *to = (uint8_t *)pack + pack->used;
    memcpy(to, lp, n);
    pack->used += (uint32_t)place_bytes(n);
    pack->nodes++;
    pack->nodes_ever++;
    return (uintptr_t)to | STREAM_REF_PACKED;
}

uint64_t stream_heap_copy(struct stream_heap *h, const uint8_t *lp, size_t n) {
    struct stream_pack *pack = pack_for(h, n);
    return pack ? pack_keep(pack, lp, n) : block_keep(h, lp, n);
}

uint64_t stream_heap_keep(struct stream_heap *h, struct lp_buf *b) {
    struct stream_pack *pack = pack_for(h, b->len);
    if (pack) {
        uint64_t ref = pack_keep(pack, b->p, b->len);
        b->len = 0;
        return ref;
    }
    lp_buf_trim(b);
    h->bytes += b->cap;
    h->blocks++;
    uint64_t ref = (uintptr_t)b->p;
    *b = lp_buf_heap();
    return ref;
}

uint64_t stream_heap_pack(struct stream_heap *h, uint64_t ref, size_t n) {
    h->in_packs = true;
    struct stream_pack *pack = ref & STREAM_REF_PACKED ? NULL : pack_for(h, n);
    if (!pack) return ref;
    uint64_t packed = pack_keep(pack, stream_ref_lp(ref), n);
    stream_heap_free(h, ref, n);
    return packed;
}

struct stream_pack *stream_heap_free(struct stream_heap *h, uint64_t ref, size_t n) {
    if (!(ref & STREAM_REF_PACKED)) {
        h->bytes -= lp_buf_heap_bytes(n);
        h->blocks--;
        block_go(h, stream_ref_lp(ref), lp_buf_heap_bytes(n));
        return NULL;
    }
    struct stream_pack *pack = pack_of(ref);
    if (!--pack->nodes) {
        if (pack == h->open) h->open = NULL;
        h->bytes -= SLAB_SPAN_BYTES;
        h->blocks--;
        pack_go(h, pack);
        return NULL;
    }
    return pack != h->open && pack->nodes < pack->nodes_ever / 2 ? pack : NULL;
}

struct stream_pack *stream_heap_own(struct stream_heap *h, uint64_t *ref, size_t n) {
    uint64_t old = *ref;
    *ref = old & ~STREAM_REF_SHARED;
    if (!h->limbo || *ref == old) return NULL;
    *ref = block_keep(h, stream_ref_lp(old), n);
    return stream_heap_free(h, old, n);
}

uint64_t stream_heap_move(struct stream_heap *h, uint64_t ref, size_t n) {
    ASSERT(ref & STREAM_REF_PACKED);
    uint64_t moved = block_keep(h, stream_ref_lp(ref), n);
    stream_heap_free(h, ref, n);
    return moved;
}

struct lp_buf stream_heap_open(uint64_t ref, size_t n) {
    if (ref & STREAM_REF_PACKED) return lp_buf_fixed(stream_ref_lp(ref), n, n);
    return lp_buf_take(stream_ref_lp(ref), n, lp_buf_heap_bytes(n));
}

uint64_t stream_heap_close(struct stream_heap *h, uint64_t ref, size_t n_old, struct lp_buf b) {
    if (ref & STREAM_REF_PACKED) return ref;
    lp_buf_trim(&b);
    h->bytes += lp_buf_heap_bytes(b.len) - lp_buf_heap_bytes(n_old);
    return (uintptr_t)b.p;
}
