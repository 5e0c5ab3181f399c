/* stream_heap.c - see stream_heap.h. */
#include "types/stream_heap.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"

#define IN_PACK ((uint64_t)1)
#define BACK_BYTES sizeof(uint32_t)

/* What a node takes of a pack: places are even, for the bit of a reference, and more. */
static size_t place_bytes(size_t n) { return (BACK_BYTES + n + 3) & ~(size_t)3; }

static struct stream_pack *pack_of(uint64_t ref) {
    uint8_t *lp = stream_ref_lp(ref);
    uint32_t back;
    memcpy(&back, lp - BACK_BYTES, BACK_BYTES);
    return (struct stream_pack *)(void *)(lp - back);
}

bool stream_pack_has(const struct stream_pack *pack, uint64_t ref) {
    return (ref & IN_PACK) && pack_of(ref) == pack;
}

static uint64_t block_keep(struct stream_heap *h, const uint8_t *lp, size_t n) {
    size_t bytes = lp_buf_heap_bytes(n);
    uint8_t *block = mem_alloc(bytes);
    memcpy(block, lp, n);
    h->bytes += bytes;
    h->blocks++;
    return (uintptr_t)block;
}

static void pack_free(struct stream_heap *h, struct stream_pack *pack) {
    if (pack == h->open) h->open = NULL;
    h->bytes -= pack->bytes;
    h->blocks--;
    mem_free(pack);
}

/* A pack with room for a node; NULL if it is to be a block. */
static struct stream_pack *pack_for(struct stream_heap *h, size_t n) {
    size_t need = place_bytes(n), bytes = STREAM_PACK_BYTES_MAX;
    if (h->open && h->open->bytes - h->open->used >= need) return h->open;
    while (bytes > h->bytes / STREAM_PACK_SHARE) bytes /= 2;
    if (bytes < STREAM_PACK_BYTES_MIN || need > bytes / STREAM_PACK_NODES_MIN) return NULL;
    struct stream_pack *pack = mem_alloc(bytes);
    *pack = (struct stream_pack){.bytes = (uint32_t)bytes, .used = sizeof *pack};
    h->bytes += bytes;
    h->blocks++;
    h->open = pack;
    return pack;
}

static uint64_t pack_keep(struct stream_pack *pack, const uint8_t *lp, size_t n) {
    uint32_t back = pack->used + (uint32_t)BACK_BYTES;
    uint8_t *to = (uint8_t *)pack + back;
    memcpy(to - BACK_BYTES, &back, BACK_BYTES);
    memcpy(to, lp, n);
    pack->used += (uint32_t)place_bytes(n);
    pack->nodes++;
    pack->nodes_ever++;
    return (uintptr_t)to | IN_PACK;
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

struct stream_pack *stream_heap_free(struct stream_heap *h, uint64_t ref, size_t n) {
    if (!(ref & IN_PACK)) {
        h->bytes -= lp_buf_heap_bytes(n);
        h->blocks--;
        mem_free(stream_ref_lp(ref));
        return NULL;
    }
    struct stream_pack *pack = pack_of(ref);
    if (!--pack->nodes) {
        pack_free(h, pack);
        return NULL;
    }
    return pack != h->open && pack->nodes < pack->nodes_ever / 2 ? pack : NULL;
}

uint64_t stream_heap_move(struct stream_heap *h, uint64_t ref, size_t n) {
    ASSERT(ref & IN_PACK);
    uint64_t moved = block_keep(h, stream_ref_lp(ref), n);
    stream_heap_free(h, ref, n);
    return moved;
}

struct lp_buf stream_heap_open(uint64_t ref, size_t n) {
    if (ref & IN_PACK) return lp_buf_fixed(stream_ref_lp(ref), n, n);
    return lp_buf_take(stream_ref_lp(ref), n, lp_buf_heap_bytes(n));
}

uint64_t stream_heap_close(struct stream_heap *h, uint64_t ref, size_t n_old, struct lp_buf b) {
    if (ref & IN_PACK) return ref;
    lp_buf_trim(&b);
    h->bytes += lp_buf_heap_bytes(b.len) - lp_buf_heap_bytes(n_old);
    return (uintptr_t)b.p;
}
