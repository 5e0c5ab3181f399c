/* member_heap.c - see member_heap.h. */
#include "types/member_heap.h"

#include "base/later.h"
#include "base/mem.h"

#define LIMBO_PAGE_MEMBERS 510
#define LIMBO_DRAIN 4 /* members a call */

/* Members are kept as address | slab class << 48, the class 0 being that of loose ones. */
#define LIMBO_CLASS_SHIFT 48

struct limbo_page {
    struct limbo_page *next;
    size_t n;
    uint64_t member[LIMBO_PAGE_MEMBERS];
};

struct member_limbo {
    unsigned stills;
    size_t held_bytes;
    struct limbo_page *held, *held_last; /* freed while there are stills */
    struct limbo_page *free;             /* nobody sees any more */
};

void member_heap_init(struct member_heap *h) {
    *h = (struct member_heap){0};
    slab_init(&h->slab);
    slab_account(&h->slab);
}

/* ---- limbo -------------------------------------------------------------------------- */

static void *limbo_address(uint64_t member) {
    return (void *)(uintptr_t)(member & (((uint64_t)1 << LIMBO_CLASS_SHIFT) - 1));
}

static void limbo_add(struct member_limbo *l, void *p, uint8_t cls) {
    struct limbo_page *page = l->held;
    if (!page || page->n == LIMBO_PAGE_MEMBERS) {
        page = mem_alloc(sizeof *page);
        page->next = l->held;
        page->n = 0;
        l->held = page;
        if (!l->held_last) l->held_last = page;
    }
    page->member[page->n++] = (uintptr_t)p | (uint64_t)cls << LIMBO_CLASS_SHIFT;
    l->held_bytes += cls ? slab_class_bytes(cls) : mem_usable(p);
}

static void block_free(struct member_heap *h, void *p, uint8_t cls) {
    if (cls) {
        slab_free(&h->slab, p, cls);
        return;
    }
    size_t bytes = mem_usable(p);
    h->loose_bytes -= bytes;
    later_free(p, bytes);
}

static void limbo_free_one(struct member_heap *h) {
    struct member_limbo *l = h->limbo;
    struct limbo_page *page = l->free;
    uint64_t member = page->member[--page->n];
    block_free(h, limbo_address(member), (uint8_t)(member >> LIMBO_CLASS_SHIFT));
    if (page->n) return;
    l->free = page->next;
    mem_free(page);
}

/* Some of what nobody sees; with the last of it, and no still, limbo goes. */
static __attribute__((noinline)) void limbo_drain(struct member_heap *h, unsigned max) {
    struct member_limbo *l = h->limbo;
    while (l->free && max--) limbo_free_one(h);
    if (l->stills || l->free) return;
    mem_free(l);
    h->limbo = NULL;
}

static void pages_free(struct limbo_page *page) {
    for (struct limbo_page *next; page; page = next) {
        next = page->next;
        for (size_t i = 0; i < page->n; i++) {
            if (!(page->member[i] >> LIMBO_CLASS_SHIFT)) mem_free(limbo_address(page->member[i]));
        }
        mem_free(page);
    }
}

void member_heap_fini(struct member_heap *h) {
    if (h->limbo) {
        pages_free(h->limbo->held);
        pages_free(h->limbo->free);
        mem_free(h->limbo);
    }
    slab_fini(&h->slab);
}

void member_heap_hold(struct member_heap *h) {
    if (!h->limbo) h->limbo = mem_calloc(sizeof *h->limbo);
    h->limbo->stills++;
}

void member_heap_release(struct member_heap *h) {
    struct member_limbo *l = h->limbo;
    ASSERT(l && l->stills);
    if (--l->stills) return;
    if (l->held) {
        l->held_last->next = l->free;
        l->free = l->held;
        l->held = l->held_last = NULL;
        l->held_bytes = 0;
    }
    limbo_drain(h, LIMBO_DRAIN);
}

bool member_limbo_is_held(const struct member_limbo *l) { return l->stills; }

size_t member_heap_held_bytes(const struct member_heap *h) {
    return h->limbo ? h->limbo->held_bytes : 0;
}

/* ---- members ------------------------------------------------------------------------ */

void *member_alloc(struct member_heap *h, size_t n, bool *in_slab) {
    uint8_t cls;
    if (unlikely(h->limbo != NULL)) limbo_drain(h, LIMBO_DRAIN);
    *in_slab = ++h->count > MEMBER_HEAP_SLAB_MIN && slab_class(n);
    if (*in_slab) return slab_alloc(&h->slab, n, &cls);
    void *p = mem_alloc(n);
    h->loose_bytes += mem_usable(p);
    return p;
}

void member_free(struct member_heap *h, void *p, size_t n, bool in_slab) {
    uint8_t cls = in_slab ? slab_class(n) : 0;
    h->count--;
    if (unlikely(h->limbo != NULL)) {
        limbo_drain(h, LIMBO_DRAIN);
        if (member_heap_is_held(h)) {
            limbo_add(h->limbo, p, cls);
            return;
        }
    }
    block_free(h, p, cls);
}

size_t member_heap_bytes(const struct member_heap *h) { return h->slab.live + h->loose_bytes; }
