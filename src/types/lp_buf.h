/* lp_buf.h - the bytes of a listpack or an intset while they are being edited.
 *
 * B1  p[0..len) is the value; p[len..cap) is room that costs nothing to grow into.
 * B2  An edit that finds no room leaves everything as it was.
 * Kinds: a heap buffer grows by the allocator; a fixed one (the value part of an entry) never
 * does; a spilling one begins in the caller's memory and moves to the heap when that is full,
 * whereupon it is a heap buffer: `kind` tells who has to free.
 * Threads: the owner's.
 */
#ifndef TYPES_LP_BUF_H
#define TYPES_LP_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum lp_buf_kind {
    LP_BUF_HEAP,
    LP_BUF_FIXED,
    LP_BUF_SPILL,
};

struct lp_buf {
    uint8_t *p;
    size_t len, cap;
    enum lp_buf_kind kind;
};

/* An empty heap buffer, without memory yet. */
static inline struct lp_buf lp_buf_heap(void) { return (struct lp_buf){NULL, 0, 0, LP_BUF_HEAP}; }

/* len bytes in use of cap bytes that stay the caller's. */
static inline struct lp_buf lp_buf_fixed(void *p, size_t len, size_t cap) {
    return (struct lp_buf){p, len, cap, LP_BUF_FIXED};
}
static inline struct lp_buf lp_buf_spill(void *p, size_t len, size_t cap) {
    return (struct lp_buf){p, len, cap, LP_BUF_SPILL};
}

/* Takes len bytes at p, from mem_alloc and its kin, with cap bytes of room. */
static inline struct lp_buf lp_buf_take(void *p, size_t len, size_t cap) {
    return (struct lp_buf){p, len, cap, LP_BUF_HEAP};
}

/* Room for cap bytes in all; false if a fixed buffer has less, or there is no memory. A heap
 * buffer becomes as large as the allocator's next size, so that no byte of it is lost. */
bool lp_buf_grow(struct lp_buf *b, size_t cap);
static inline bool lp_buf_room(struct lp_buf *b, size_t cap) {
    return cap <= b->cap || lp_buf_grow(b, cap);
}

/* The size of memory that a heap buffer of n bytes takes. */
size_t lp_buf_heap_bytes(size_t n);

/* Gives back what a heap buffer has beyond its length; other kinds stay as they are. */
void lp_buf_trim(struct lp_buf *b);

/* Frees a heap buffer's memory; the buffer is empty afterwards, and the kind stays. */
void lp_buf_free(struct lp_buf *b);

#endif
