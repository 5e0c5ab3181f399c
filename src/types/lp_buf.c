/* lp_buf.c - see lp_buf.h. */
#include "types/lp_buf.h"

#include "base/mem.h"

#include <string.h>

enum { QUANTUM_BYTES = 16 };

/* jemalloc's sizes: multiples of the quantum up to 128, then four between powers of two. The
 * factor between two of them bounds the number of moves of a buffer that grows byte by byte. */
size_t lp_buf_heap_bytes(size_t n) {
    size_t step = QUANTUM_BYTES;
    if (n > 8 * QUANTUM_BYTES) step = (size_t)1 << (61 - __builtin_clzll(n - 1));
    return n <= step ? step : (n + step - 1) & ~(step - 1);
}

bool lp_buf_grow(struct lp_buf *b, size_t cap) {
    if (cap <= b->cap) return true;
    if (b->kind == LP_BUF_FIXED || cap > SIZE_MAX / 2) return false;
    cap = lp_buf_heap_bytes(cap);
    uint8_t *p = b->kind == LP_BUF_HEAP ? mem_try_realloc(b->p, cap) : mem_try(cap);
    if (!p) return false;
    if (b->kind == LP_BUF_SPILL && b->len) memcpy(p, b->p, b->len);
    *b = lp_buf_take(p, b->len, cap);
    return true;
}

void lp_buf_trim(struct lp_buf *b) {
    size_t cap = lp_buf_heap_bytes(b->len);
    if (b->kind != LP_BUF_HEAP || cap >= b->cap) return;
    b->p = mem_realloc(b->p, cap);
    b->cap = cap;
}

void lp_buf_free(struct lp_buf *b) {
    if (b->kind == LP_BUF_HEAP) mem_free(b->p);
    *b = (struct lp_buf){NULL, 0, 0, b->kind};
}
