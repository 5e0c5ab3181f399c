/* slab.c - see slab.h.
 *
 * A run: a header of RUN_HEADER_BYTES, then blocks. Free blocks are chained by their
 * distance from the run's start, in units of 2 bytes, kept in their first two bytes;
 * blocks never used yet lie behind `fresh`, so that untouched pages stay untouched.
 *
 * C1  A run is in its slab's partial list of its class if it has a free block, else in
 *     the full list; an empty run goes back to the chunks, unless it is the only partial one.
 * C2  A chunk's first run header keeps how many of its runs are in use, also while that run
 *     itself is free. A chunk with none in use is given back.
 */
#include "base/slab.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/assert.h"
#include "base/chunk.h"
#include "base/mem.h"
#include "base/nap.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define RUN_BYTES ((size_t)64 * 1024)
#define RUN_HEADER_BYTES 64
#define UNIT 2 /* blocks start at multiples of it */
#define CHUNK_RUNS (CHUNK_BYTES / RUN_BYTES)
#define RUNS_LOW (CHUNK_RUNS / 2) /* with so few left, another chunk will be wanted soon */

struct slab_run {
    struct slab_run *next, *prev;
    uint16_t free;  /* first free block, in units of UNIT bytes from the run; 0: none */
    uint16_t fresh; /* first block never used, likewise; 0: none left */
    uint16_t used;  /* blocks in use */
    uint16_t bytes; /* of a block */
    uint8_t cls;
    uint8_t chunk_used; /* of a chunk's first run: runs of the chunk in use */
};
_Static_assert(sizeof(struct slab_run) <= RUN_HEADER_BYTES,
               "a run's header fits before its blocks");
_Static_assert(RUN_BYTES / UNIT <= UINT16_MAX + 1, "a block's place fits into 16 bits");

static pthread_mutex_t run_lock = PTHREAD_MUTEX_INITIALIZER;
static struct slab_run *free_runs; /* of all chunks, linked both ways */
static size_t free_run_count;
static _Atomic size_t mapped_bytes;

/* ---- lists of runs ------------------------------------------------------------------ */

static void run_link(struct slab_run **list, struct slab_run *r) {
    r->prev = NULL;
    r->next = *list;
    if (*list) (*list)->prev = r;
    *list = r;
}

static void run_unlink(struct slab_run **list, struct slab_run *r) {
    if (r->prev) {
        r->prev->next = r->next;
    } else {
        *list = r->next;
    }
    if (r->next) r->next->prev = r->prev;
}

/* ---- chunks ------------------------------------------------------------------------- */

static struct slab_run *chunk_first(struct slab_run *r) {
    return (struct slab_run *)((uintptr_t)r & ~(CHUNK_BYTES - 1));
}

static struct slab_run *run_of(const void *p) {
    return (struct slab_run *)((uintptr_t)p & ~(RUN_BYTES - 1));
}

static struct slab_run *run_at(struct slab_run *first, size_t i) {
    return (struct slab_run *)((char *)first + i * RUN_BYTES);
}

static void chunk_add(struct slab_run *first) {
    first->chunk_used = 0;
    for (size_t i = CHUNK_RUNS; i-- > 0;) run_link(&free_runs, run_at(first, i));
    free_run_count += CHUNK_RUNS;
    atomic_fetch_add_explicit(&mapped_bytes, CHUNK_BYTES, memory_order_relaxed);
}

static struct slab_run *run_take(void) {
    pthread_mutex_lock(&run_lock);
    if (!free_runs) chunk_add(chunk_take());
    struct slab_run *r = free_runs;
    run_unlink(&free_runs, r);
    chunk_first(r)->chunk_used++;
    if (--free_run_count == RUNS_LOW) chunk_expect();
    pthread_mutex_unlock(&run_lock);
    return r;
}

static void run_give(struct slab_run *r) {
    struct slab_run *first = chunk_first(r);
    pthread_mutex_lock(&run_lock);
    run_link(&free_runs, r);
    free_run_count++;
    if (--first->chunk_used == 0) {
        for (size_t i = 0; i < CHUNK_RUNS; i++) run_unlink(&free_runs, run_at(first, i));
        free_run_count -= CHUNK_RUNS;
        atomic_fetch_sub_explicit(&mapped_bytes, CHUNK_BYTES, memory_order_relaxed);
        chunk_give(first);
    }
    pthread_mutex_unlock(&run_lock);
}

size_t slab_mapped(void) { return atomic_load_explicit(&mapped_bytes, memory_order_relaxed); }

/* ---- classes ------------------------------------------------------------------------ */

/* Classes 1 .. FINE_CLASS_MAX are 8, 10 ... 64 bytes; behind them 72, 80 ... 256. */
#define FINE_BYTES_MAX 64
#define FINE_CLASS_MAX 29
_Static_assert(FINE_CLASS_MAX + (SLAB_BYTES_MAX - FINE_BYTES_MAX) / 8 + 1 == SLAB_CLASSES,
               "the largest block has the last class");

uint8_t slab_class(size_t n) {
    if (n > SLAB_BYTES_MAX) return 0;
    if (n <= 8) return 1;
    if (n <= FINE_BYTES_MAX) return (uint8_t)((n + 1) / 2 - 3);
    return (uint8_t)(FINE_CLASS_MAX + (n + 7) / 8 - FINE_BYTES_MAX / 8);
}

size_t slab_class_bytes(uint8_t cls) {
    if (cls <= FINE_CLASS_MAX) return ((size_t)cls + 3) * 2;
    return ((size_t)cls - FINE_CLASS_MAX) * 8 + FINE_BYTES_MAX;
}

/* ---- slabs -------------------------------------------------------------------------- */

void slab_init(struct slab *s) { *s = (struct slab){0}; }

void slab_account(struct slab *s) { s->accounted = true; }

static void account(const struct slab *s, int64_t runs) {
    if (s->accounted) mem_account(runs * (int64_t)RUN_BYTES);
}

static void runs_give(struct slab_run *r) {
    while (r) {
        struct slab_run *next = r->next;
        run_give(r);
        r = next;
        nap_point();
    }
}

void slab_fini(struct slab *s) {
    for (int i = 0; i < SLAB_CLASSES; i++) runs_give(s->partial[i]);
    runs_give(s->full);
    account(s, -(int64_t)s->runs);
    slab_init(s);
}

static struct slab_run *run_new(struct slab *s, uint8_t cls) {
    struct slab_run *r = run_take();
    r->free = 0;
    r->fresh = RUN_HEADER_BYTES / UNIT;
    r->used = 0;
    r->bytes = (uint16_t)slab_class_bytes(cls);
    r->cls = cls;
    ASAN_POISON_MEMORY_REGION((char *)r + RUN_HEADER_BYTES, RUN_BYTES - RUN_HEADER_BYTES);
    run_link(&s->partial[cls], r);
    s->runs++;
    account(s, 1);
    return r;
}

/* The last block that fits starts at or before this place. */
static uint16_t last_place(const struct slab_run *r) {
    return (uint16_t)((RUN_BYTES - r->bytes) / UNIT);
}

void *slab_alloc(struct slab *s, size_t n, uint8_t *cls_out) {
    uint8_t cls = slab_class(n);
    *cls_out = cls;
    if (unlikely(cls == 0)) return mem_alloc(n);
    struct slab_run *r = s->partial[cls];
    if (unlikely(!r)) r = run_new(s, cls);
    char *p;
    if (r->free) {
        p = (char *)r + (size_t)r->free * UNIT;
        ASAN_UNPOISON_MEMORY_REGION(p, r->bytes);
        r->free = *(uint16_t *)p;
    } else {
        p = (char *)r + (size_t)r->fresh * UNIT;
        ASAN_UNPOISON_MEMORY_REGION(p, r->bytes);
        uint32_t next = r->fresh + (uint32_t)r->bytes / UNIT;
        r->fresh = next <= last_place(r) ? (uint16_t)next : 0;
    }
    r->used++;
    s->live += r->bytes;
    if (unlikely(!r->free && !r->fresh)) {
        run_unlink(&s->partial[cls], r);
        run_link(&s->full, r);
    }
    return p;
}

void slab_free(struct slab *s, void *p, uint8_t cls) {
    if (unlikely(cls == 0)) {
        mem_free(p);
        return;
    }
    struct slab_run *r = run_of(p);
    DASSERT(r->cls == cls && r->used > 0);
    if (unlikely(!r->free && !r->fresh)) {
        run_unlink(&s->full, r);
        run_link(&s->partial[cls], r);
    }
    *(uint16_t *)p = r->free;
    r->free = (uint16_t)(((char *)p - (char *)r) / UNIT);
    ASAN_POISON_MEMORY_REGION(p, r->bytes);
    s->live -= r->bytes;
    if (unlikely(--r->used == 0) && (r->next || r->prev)) {
        run_unlink(&s->partial[cls], r);
        s->runs--;
        account(s, -1);
        run_give(r);
    }
}

/* ---- spans -------------------------------------------------------------------------- */

_Static_assert(SLAB_SPAN_BYTES == RUN_BYTES - RUN_HEADER_BYTES, "a run's header stays the slabs'");

void *slab_span_take(void) {
    char *r = (char *)run_take();
    ASAN_UNPOISON_MEMORY_REGION(r + RUN_HEADER_BYTES, SLAB_SPAN_BYTES);
    mem_account((int64_t)RUN_BYTES);
    return r + RUN_HEADER_BYTES;
}

void slab_span_give(void *span) {
    run_give(run_of(span));
    mem_account(-(int64_t)RUN_BYTES);
}

void *slab_span_of(const void *p) { return (char *)run_of(p) + RUN_HEADER_BYTES; }
