/* later.c - see later.h. Addresses are noted in pages of their own, so that the blocks, which
 * nobody may have touched for long, stay untouched. */
#include "base/later.h"

#include <stdatomic.h>

#include "base/assert.h"
#include "base/blob.h"
#include "base/limits.h"
#include "base/mem.h"

#define PAGE_BLOCKS 510
#define BLOB_BIT ((uintptr_t)1) /* in the address of a blob, of which a reference is given up */

struct later {
    struct later *next;
    size_t n, bytes; /* blocks, and what they hold */
    void *block[PAGE_BLOCKS];
};

static _Thread_local struct {
    const uint64_t *mark; /* NULL: nothing is set aside */
    uint64_t seen;        /* *mark, when the bytes were counted */
    size_t bytes;         /* that were given up since then */
    struct later *first;
} here;

void later_enable(const uint64_t *mark) {
    DASSERT(mark || !here.first);
    here.mark = mark;
}

static _Atomic size_t pending; /* bytes, of all threads */

static void note(struct later **first, void *p, size_t bytes) {
    struct later *page = *first;
    if (!page || page->n == PAGE_BLOCKS) {
        page = mem_alloc(sizeof *page);
        page->next = *first;
        page->n = page->bytes = 0;
        *first = page;
    }
    page->block[page->n++] = p;
    page->bytes += bytes;
}

static void set_aside(void *p, size_t bytes) {
    note(&here.first, p, bytes);
    atomic_fetch_add_explicit(&pending, bytes, memory_order_relaxed);
}

/* Counts what is given up now; false if it is little since the mark changed. */
static bool is_much(size_t bytes) {
    if (*here.mark != here.seen) {
        here.seen = *here.mark;
        here.bytes = 0;
    }
    here.bytes += bytes;
    return bytes >= GARBAGE_BLOB_BYTES_MIN || here.bytes > LATER_HERE_BYTES;
}

void later_free(void *p, size_t bytes) {
    if (!here.mark || bytes < LATER_BLOCK_BYTES_MIN) {
        mem_free(p);
        return;
    }
    if (is_much(bytes)) {
        set_aside(p, bytes);
    } else {
        mem_free(p);
    }
}

void later_bag_add(struct later_bag *bag, void *p, size_t bytes) {
    note(&bag->first, p, bytes);
    if (!bag->last) bag->last = bag->first;
    bag->bytes += bytes;
}

void later_bag_add_blob(struct later_bag *bag, struct blob *b) {
    later_bag_add(bag, (void *)((uintptr_t)b | BLOB_BIT), b->cap);
}

void later_bag_free(struct later_bag *bag) {
    if (!bag->first) return;
    atomic_fetch_add_explicit(&pending, bag->bytes, memory_order_relaxed);
    if (here.mark && is_much(bag->bytes)) {
        bag->last->next = here.first;
        here.first = bag->first;
    } else {
        later_free_all(bag->first);
    }
    *bag = (struct later_bag){NULL, NULL, 0};
}

size_t later_pending_bytes(void) { return atomic_load_explicit(&pending, memory_order_relaxed); }

bool later_waits(void) { return here.first != NULL; }

struct later *later_take(void) {
    struct later *l = here.first;
    here.first = NULL;
    return l;
}

static void free_block(void *p) {
    uintptr_t at = (uintptr_t)p;
    if (at & BLOB_BIT) {
        blob_unref_now((struct blob *)(at & ~BLOB_BIT));
    } else {
        mem_free(p);
    }
}

size_t later_free_all(struct later *l) {
    size_t n = 0;
    for (struct later *next; l; l = next) {
        next = l->next;
        n += l->n;
        for (size_t i = 0; i < l->n; i++) free_block(l->block[i]);
        atomic_fetch_sub_explicit(&pending, l->bytes, memory_order_release);
        mem_free(l);
    }
    return n;
}
