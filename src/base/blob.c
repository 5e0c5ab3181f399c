/* blob.c - see blob.h. Capacities are rounded up to what the allocator gives anyway. */
#include "base/blob.h"

#include <string.h>

#include "base/assert.h"
#include "base/later.h"
#include "base/mem.h"

static struct blob *blob_init(struct blob *b) {
    b->refs = 1;
    b->len = 0;
    b->cap = mem_usable(b) - sizeof *b;
    return b;
}

struct blob *blob_new(size_t cap) {
    return blob_init(mem_alloc(sizeof(struct blob) + cap));
}

struct blob *blob_try(size_t cap) {
    struct blob *b = mem_try(sizeof *b + cap);
    return b ? blob_init(b) : NULL;
}

struct blob *blob_try_zeroed(size_t cap) {
    struct blob *b = mem_try_zeroed(sizeof *b + cap);
    return b ? blob_init(b) : NULL;
}

struct blob *blob_ref(struct blob *b) {
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

static bool lost_last(struct blob *b) {
    return atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1;
}

void blob_unref(struct blob *b) {
    if (lost_last(b)) later_free(b, b->cap);
}

void blob_unref_now(struct blob *b) {
    if (lost_last(b)) mem_free(b);
}

struct blob *blob_try_grow(struct blob *b, size_t cap) {
    DASSERT(b->refs == 1);
    if (cap <= b->cap) return b;
    struct blob *moved = mem_try_realloc(b, sizeof *b + cap);
    if (moved) moved->cap = mem_usable(moved) - sizeof *moved;
    return moved;
}
