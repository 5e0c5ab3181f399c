/* mem.c - the allocator behind mem.h, and the sum of what it handed out.
 *
 * M1  mem_used = folded + sum over registered threads of (allocated - freed) + accounted.
 *     jemalloc keeps the two counters per thread; here are only pointers to them. A block
 *     freed by another thread than its maker's makes one term negative, not the sum.
 * M2  A thread's counters are read under the lock, because they vanish with the thread.
 * M3  Pages that come free are given back in pieces, with rests between: the allocator's own
 *     threads, which do it, are as polite to the loop as workers are (base/nap).
 * M4  With NO_JEMALLOC (sanitizers), one atomic figure replaces the counters.
 * Threads: any.
 */
#include "base/mem.h"

#include "base/affinity.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/nap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static _Atomic int64_t accounted_bytes;

#ifdef NO_JEMALLOC

#include <malloc.h>

static _Atomic int64_t used_bytes;

static void *count_taken(void *p) {
    if (p) {
        atomic_fetch_add_explicit(&used_bytes, (int64_t)malloc_usable_size(p),
                                  memory_order_relaxed);
    }
    return p;
}

static void count_freed(size_t n) {
    atomic_fetch_sub_explicit(&used_bytes, (int64_t)n, memory_order_relaxed);
}

void mem_free(void *p) {
    if (p) count_freed(malloc_usable_size(p));
    free(p);
}

void *mem_try_realloc(void *p, size_t n) {
    size_t old = p ? malloc_usable_size(p) : 0;
    void *q = realloc(p, n);
    if (q) {
        count_freed(old);
        count_taken(q);
    }
    return q;
}

size_t mem_usable(void *p) { return malloc_usable_size(p); }

void mem_thread_init(void) {}

void mem_thread_fini(void) {}

static int64_t allocated_bytes(void) {
    return atomic_load_explicit(&used_bytes, memory_order_relaxed);
}

const char *mem_allocator(void) { return "libc"; }

void mem_allocator_stats(struct mem_stats *out) {
    size_t rss = mem_rss();
    *out =
        (struct mem_stats){.allocated = (size_t)allocated_bytes(), .active = rss, .resident = rss};
}

void mem_allocator_refresh(void) {}

void mem_background(bool on) { (void)on; }

void mem_keep_free_pages(bool keep) { (void)keep; }

void mem_purge(void) { malloc_trim(0); }

#else

#include <jemalloc/jemalloc.h>

#include <pthread.h>

#define TEXT(x) #x
#define TEXT_OF(x) TEXT(x)

#define ARENAS_MAX 4096 /* MALLOCX_ARENA_LIMIT is 4095 */

/* Read by jemalloc at start. */
const char *malloc_conf =
    "dirty_decay_ms:" TEXT_OF(FREE_PAGES_MS) ",muzzy_decay_ms:0,metadata_thp:auto";

struct counters {
    const uint64_t *allocated, *freed;
    struct counters *prev, *next;
    bool registered;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct counters *first;
static int64_t folded_bytes;             /* under the lock */
static uint64_t hooked[ARENAS_MAX / 64]; /* likewise: threads' arenas, a bit each */
static _Thread_local struct counters mine;

static void *count_taken(void *p) { return p; }

void mem_free(void *p) { free(p); }

void *mem_try_realloc(void *p, size_t n) { return realloc(p, n); }

size_t mem_usable(void *p) { return malloc_usable_size(p); }

/* Another thread may be counting meanwhile; the value is only a figure. */
static int64_t counter_balance(const struct counters *c) {
    return (int64_t)(__atomic_load_n(c->allocated, __ATOMIC_RELAXED) -
                     __atomic_load_n(c->freed, __ATOMIC_RELAXED));
}

/* Gives pages back, for all arenas (M3): jemalloc's purge_forced. */
static bool give_back(extent_hooks_t *hooks, void *extent, size_t size, size_t offset,
                      size_t length, unsigned arena) {
    (void)hooks, (void)size, (void)arena;
    if (!mine.registered && !nap_is_enabled()) nap_enable();
    char *end = (char *)extent + offset + length;
    for (size_t n; length; length -= n) {
        n = length < GIVE_BACK_BYTES ? length : GIVE_BACK_BYTES;
        affinity_look();
        if (madvise(end - length, n, MADV_DONTNEED)) return true;
        nap_point();
    }
    return false;
}

/* The arena of this thread gives its pages back so. Under the lock. */
static void hook_arena(void) {
    static extent_hooks_t hooks;
    extent_hooks_t *old, *new = &hooks;
    char name[64];
    unsigned arena;
    size_t n = sizeof arena;
    if (mallctl("thread.arena", &arena, &n, NULL, 0)) return;
    snprintf(name, sizeof name, "arena.%u.extent_hooks", arena);
    n = sizeof old;
    if (mallctl(name, (void *)&old, &n, NULL, 0) || old == new) return;
    if (!hooks.alloc) hooks = *old;
    hooks.purge_forced = give_back;
    mallctl(name, NULL, NULL, (void *)&new, sizeof new);
    if (arena < ARENAS_MAX) hooked[arena / 64] |= (uint64_t)1 << arena % 64;
}

void mem_thread_init(void) {
    if (mine.registered) return;
    size_t n = sizeof mine.allocated;
    int rc = mallctl("thread.allocatedp", (void *)&mine.allocated, &n, NULL, 0);
    if (rc == 0) rc = mallctl("thread.deallocatedp", (void *)&mine.freed, &n, NULL, 0);
    if (rc) panic(__FILE__, __LINE__, "jemalloc without per-thread statistics (%d)", rc);
    pthread_mutex_lock(&lock);
    hook_arena();
    mine.registered = true;
    mine.prev = NULL;
    mine.next = first;
    if (first) first->prev = &mine;
    first = &mine;
    pthread_mutex_unlock(&lock);
}

void mem_thread_fini(void) {
    if (!mine.registered) return;
    pthread_mutex_lock(&lock);
    folded_bytes += counter_balance(&mine);
    if (mine.prev) {
        mine.prev->next = mine.next;
    } else {
        first = mine.next;
    }
    if (mine.next) mine.next->prev = mine.prev;
    mine.registered = false;
    pthread_mutex_unlock(&lock);
}

static int64_t allocated_bytes(void) {
    pthread_mutex_lock(&lock);
    int64_t sum = folded_bytes;
    for (const struct counters *c = first; c; c = c->next) sum += counter_balance(c);
    pthread_mutex_unlock(&lock);
    return sum;
}

const char *mem_allocator(void) {
    return "jemalloc-" TEXT_OF(JEMALLOC_VERSION_MAJOR) "." TEXT_OF(
        JEMALLOC_VERSION_MINOR) "." TEXT_OF(JEMALLOC_VERSION_BUGFIX);
}

static size_t stat_of(const char *name) {
    size_t v = 0, n = sizeof v;
    return mallctl(name, &v, &n, NULL, 0) == 0 ? v : 0;
}

void mem_allocator_stats(struct mem_stats *out) {
    out->allocated = stat_of("stats.allocated");
    out->active = stat_of("stats.active");
    out->resident = stat_of("stats.resident");
    out->retained = stat_of("stats.retained");
    out->metadata = stat_of("stats.metadata");
}

void mem_allocator_refresh(void) {
    uint64_t epoch = 1;
    mallctl("epoch", NULL, NULL, &epoch, sizeof epoch);
}

void mem_background(bool on) { mallctl("background_thread", NULL, NULL, &on, sizeof on); }

void mem_keep_free_pages(bool keep) {
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

void mem_purge(void) {
    mallctl("arena." TEXT_OF(MALLCTL_ARENAS_ALL) ".purge", NULL, NULL, NULL, 0);
}

#endif

__attribute__((noreturn, cold)) static void no_memory(size_t n) {
    panic(__FILE__, __LINE__, "out of memory allocating %zu bytes", n);
}

void *mem_try(size_t n) { return count_taken(malloc(n)); }

void *mem_alloc(size_t n) {
    void *p = mem_try(n);
    if (unlikely(!p)) no_memory(n);
    return p;
}

void *mem_alloc_lines(size_t n) {
    void *p = count_taken(aligned_alloc(64, n));
    if (unlikely(!p)) no_memory(n);
    return p;
}

void *mem_try_zeroed(size_t n) { return count_taken(calloc(1, n)); }

void *mem_calloc(size_t n) {
    void *p = count_taken(calloc(1, n));
    if (unlikely(!p)) no_memory(n);
    return p;
}

void *mem_realloc(void *p, size_t n) {
    void *q = mem_try_realloc(p, n ? n : 1);
    if (unlikely(!q)) no_memory(n);
    return q;
}

char *mem_dup(const void *p, size_t n) {
    char *copy = mem_alloc(n + 1);
    if (n) memcpy(copy, p, n);
    copy[n] = 0;
    return copy;
}

size_t mem_accounted(void) {
    int64_t n = atomic_load_explicit(&accounted_bytes, memory_order_relaxed);
    return n > 0 ? (size_t)n : 0;
}

void mem_account(int64_t bytes) {
    atomic_fetch_add_explicit(&accounted_bytes, bytes, memory_order_relaxed);
}

size_t mem_used(void) {
    int64_t sum = allocated_bytes() + atomic_load_explicit(&accounted_bytes, memory_order_relaxed);
    return sum > 0 ? (size_t)sum : 0;
}

size_t mem_rss(void) {
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    char text[128];
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0) return 0;
    text[n] = 0;
    unsigned long size, resident;
    if (sscanf(text, "%lu %lu", &size, &resident) != 2) return 0;
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}
