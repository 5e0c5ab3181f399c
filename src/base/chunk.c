/* chunk.c - see chunk.h. Ready and leaving chunks are chained through their first bytes. */
#include "base/chunk.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>

#include "base/affinity.h"
#include "base/assert.h"
#include "base/nap.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define REGION_CHUNKS 512
#define REGIONS_MAX 16384 /* 16 TiB */
#define PAGE_BYTES 4096
#define READY_MAX 8

struct idle {
    struct idle *next;
};

struct region {
    char *base;
    uint32_t cold_count;
    uint64_t cold[REGION_CHUNKS / 64]; /* a bit a chunk */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct region regions[REGIONS_MAX];
static size_t region_count;
static struct idle *ready, *leaving;
static _Atomic bool expected = true;                           /* the first is */
static _Atomic size_t ready_count, leaving_count, taken_count; /* written under the lock */

/* ---- regions: all under the lock ---------------------------------------------------- */

static void region_map(void) {
    const size_t bytes = REGION_CHUNKS * CHUNK_BYTES;
    if (region_count == REGIONS_MAX)
        panic(__FILE__, __LINE__, "more than %d regions of memory", REGIONS_MAX);
    char *p = mmap(NULL, bytes + CHUNK_BYTES, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) panic(__FILE__, __LINE__, "out of memory mapping %zu bytes", bytes);
    p += -(uintptr_t)p & (CHUNK_BYTES - 1);
    madvise(p, bytes, MADV_HUGEPAGE);
    struct region *r = &regions[region_count++];
    r->base = p;
    r->cold_count = REGION_CHUNKS;
    for (size_t i = 0; i < REGION_CHUNKS / 64; i++) r->cold[i] = UINT64_MAX;
}

static void *cold_take(void) {
    struct region *r = regions;
    while (r < regions + region_count && !r->cold_count) r++;
    if (r == regions + region_count) region_map();
    size_t word = 0;
    while (!r->cold[word]) word++;
    size_t bit = (size_t)__builtin_ctzll(r->cold[word]);
    r->cold[word] &= r->cold[word] - 1;
    r->cold_count--;
    return r->base + (word * 64 + bit) * CHUNK_BYTES;
}

static void cold_give(char *chunk) {
    struct region *r = regions;
    while ((size_t)(chunk - r->base) >= REGION_CHUNKS * CHUNK_BYTES) r++;
    size_t i = (size_t)(chunk - r->base) / CHUNK_BYTES;
    r->cold[i / 64] |= (uint64_t)1 << i % 64;
    r->cold_count++;
}

/* ---- the reserve -------------------------------------------------------------------- */

static size_t count_of(const _Atomic size_t *n) {
    return atomic_load_explicit(n, memory_order_relaxed);
}

/* Chunks to be kept ready: the more are in use, the faster they may go. */
static size_t ready_wanted(void) {
    size_t n = count_of(&taken_count) / 32;
    if (n == 0) return atomic_load_explicit(&expected, memory_order_relaxed);
    return n < READY_MAX ? n : READY_MAX;
}

static bool ready_is_low(void) { return count_of(&ready_count) < ready_wanted(); }

static void idle_push(struct idle **list, _Atomic size_t *count, void *chunk) {
    struct idle *i = chunk;
    i->next = *list;
    *list = i;
    (*count)++;
}

static void *idle_pop(struct idle **list, _Atomic size_t *count) {
    struct idle *i = *list;
    if (!i) return NULL;
    *list = i->next;
    (*count)--;
    return i;
}

void chunk_expect(void) { atomic_store_explicit(&expected, true, memory_order_relaxed); }

void *chunk_take(void) {
    atomic_store_explicit(&expected, false, memory_order_relaxed);
    pthread_mutex_lock(&lock);
    void *chunk = idle_pop(&ready, &ready_count);
    if (!chunk) chunk = idle_pop(&leaving, &leaving_count);
    if (!chunk) chunk = cold_take();
    taken_count++;
    pthread_mutex_unlock(&lock);
    return chunk;
}

void chunk_give(void *chunk) {
    ASAN_UNPOISON_MEMORY_REGION(chunk, CHUNK_BYTES);
    pthread_mutex_lock(&lock);
    taken_count--;
    if (ready_is_low()) {
        idle_push(&ready, &ready_count, chunk);
    } else {
        idle_push(&leaving, &leaving_count, chunk);
    }
    pthread_mutex_unlock(&lock);
}

bool chunk_reserve_due(void) { return ready_is_low() || count_of(&leaving_count) > 0; }

size_t chunk_idle_bytes(void) {
    return (count_of(&ready_count) + count_of(&leaving_count)) * CHUNK_BYTES;
}

static void fill(void) {
    while (ready_is_low()) {
        pthread_mutex_lock(&lock);
        volatile char *chunk = idle_pop(&leaving, &leaving_count);
        bool touched = chunk != NULL;
        if (!chunk) chunk = cold_take();
        pthread_mutex_unlock(&lock);
        if (!touched) affinity_look(); /* one touch may be that of all pages: milliseconds */
        for (size_t i = 0; !touched && i < CHUNK_BYTES; i += PAGE_BYTES) {
            chunk[i] = 0;
            nap_point();
        }
        pthread_mutex_lock(&lock);
        idle_push(&ready, &ready_count, (void *)chunk);
        pthread_mutex_unlock(&lock);
    }
}

static void *pop_leaving(void) {
    pthread_mutex_lock(&lock);
    void *chunk = idle_pop(&leaving, &leaving_count);
    pthread_mutex_unlock(&lock);
    return chunk;
}

void chunk_reserve_keep(void) {
    fill();
    for (void *chunk; (chunk = pop_leaving());) {
        affinity_look();
        madvise(chunk, CHUNK_BYTES, MADV_DONTNEED);
        pthread_mutex_lock(&lock);
        cold_give(chunk);
        pthread_mutex_unlock(&lock);
        nap_point();
    }
}
