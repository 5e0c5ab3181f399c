/* mem_pages.c - see mem_pages.h: hooks of jemalloc's arenas. They are called under its locks, and
 * must not allocate. */
#include "base/mem_pages.h"

#include "base/affinity.h"
#include "base/chunk.h"
#include "base/limits.h"
#include "base/nap.h"

#ifdef NO_JEMALLOC

#include <malloc.h>

void mem_pages_hook(void) {}

void mem_pages_keep(bool keep) { (void)keep; }

void mem_pages_purge(void) { malloc_trim(0); }

#else

#include <jemalloc/jemalloc.h>

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define TEXT(x) #x
#define TEXT_OF(x) TEXT(x)

#define ARENAS_MAX 4096 /* MALLOCX_ARENA_LIMIT is 4095 */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t hooked[ARENAS_MAX / 64]; /* under the lock: arenas, a bit each */
static extent_hooks_t hooks;             /* written before the first arena has them */
static extent_alloc_t *map_pages;        /* jemalloc's own, likewise */
static _Thread_local bool is_ours;       /* this thread is not one of jemalloc's */

/* G1 */
static void *grow(extent_hooks_t *self, void *at, size_t size, size_t alignment, bool *zero,
                  bool *commit, unsigned arena) {
    void *chunk = NULL;
    if (!at && size == CHUNK_BYTES && alignment <= CHUNK_BYTES) {
        chunk = chunk_take_spare();
    }
    if (!chunk) return map_pages(self, at, size, alignment, zero, commit, arena);
    if (*zero) memset(chunk, 0, CHUNK_BYTES);
    *commit = true;
    return chunk;
}

/* G2: jemalloc then gives the pages back, and keeps the place. */
static bool keep_address_space(extent_hooks_t *self, void *extent, size_t size, bool committed,
                               unsigned arena) {
    (void)self, (void)extent, (void)size, (void)committed, (void)arena;
    return true;
}

/* G3 */
static bool give_back(extent_hooks_t *self, void *extent, size_t size, size_t offset, size_t length,
                      unsigned arena) {
    (void)self, (void)size, (void)arena;
    if (!is_ours && !nap_is_enabled()) nap_enable();
    char *end = (char *)extent + offset + length;
    for (size_t n; length; length -= n) {
        n = length < GIVE_BACK_BYTES ? length : GIVE_BACK_BYTES;
        affinity_look();
        if (madvise(end - length, n, MADV_DONTNEED)) return true;
        nap_point();
    }
    return false;
}

/* Under the lock. */
static void hook_arena(unsigned arena) {
    extent_hooks_t *old, *new = &hooks;
    size_t n = sizeof old, step = CHUNK_BYTES;
    char name[64];
    snprintf(name, sizeof name, "arena.%u.extent_hooks", arena);
    if (mallctl(name, (void *)&old, &n, NULL, 0) || old == new) return;
    if (!map_pages) {
        hooks = *old;
        map_pages = hooks.alloc;
        hooks.alloc = grow;
        hooks.dalloc = keep_address_space;
        hooks.purge_forced = give_back;
    }
    mallctl(name, NULL, NULL, (void *)&new, sizeof new);
    snprintf(name, sizeof name, "arena.%u.retain_grow_limit", arena);
    mallctl(name, NULL, NULL, &step, sizeof step);
    if (arena < ARENAS_MAX) hooked[arena / 64] |= (uint64_t)1 << arena % 64;
}

void mem_pages_hook(void) {
    unsigned arena;
    size_t n = sizeof arena;
    is_ours = true;
    if (mallctl("thread.arena", &arena, &n, NULL, 0)) return;
    pthread_mutex_lock(&lock);
    hook_arena(arena);
    pthread_mutex_unlock(&lock);
}

void mem_pages_keep(bool keep) {
    ssize_t ms = keep ? FREE_PAGES_KEPT_MS : FREE_PAGES_MS;
    uint64_t arenas[ARENAS_MAX / 64];
    char name[64];
    pthread_mutex_lock(&lock);
    memcpy(arenas, hooked, sizeof arenas);
    pthread_mutex_unlock(&lock);
    for (unsigned i = 0; i < ARENAS_MAX; i++) {
        if (!(arenas[i / 64] >> i % 64 & 1)) continue;
        snprintf(name, sizeof name, "arena.%u.dirty_decay_ms", i);
        mallctl(name, NULL, NULL, &ms, sizeof ms);
    }
}

void mem_pages_purge(void) {
    mallctl("arena." TEXT_OF(MALLCTL_ARENAS_ALL) ".purge", NULL, NULL, NULL, 0);
}

#endif
