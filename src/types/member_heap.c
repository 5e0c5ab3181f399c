/* member_heap.c - see member_heap.h. */
#include "types/member_heap.h"

#include "base/later.h"
#include "base/mem.h"

void member_heap_init(struct member_heap *h) {
    *h = (struct member_heap){0};
    slab_init(&h->slab);
    slab_account(&h->slab);
}

void member_heap_fini(struct member_heap *h) { slab_fini(&h->slab); }

void *member_alloc(struct member_heap *h, size_t n, bool *in_slab) {
    uint8_t cls;
    *in_slab = ++h->count > MEMBER_HEAP_SLAB_MIN && slab_class(n);
    if (*in_slab) return slab_alloc(&h->slab, n, &cls);
    void *p = mem_alloc(n);
    h->loose_bytes += mem_usable(p);
    return p;
}

void member_free(struct member_heap *h, void *p, size_t n, bool in_slab) {
    h->count--;
    if (in_slab) {
        slab_free(&h->slab, p, slab_class(n));
        return;
    }
    size_t bytes = mem_usable(p);
    h->loose_bytes -= bytes;
    later_free(p, bytes);
}

size_t member_heap_bytes(const struct member_heap *h) { return h->slab.live + h->loose_bytes; }
