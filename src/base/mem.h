/* mem.h - memory from the process' allocator (jemalloc), and how much of it is held.
 *
 * mem_alloc and its kin never return NULL: a server that cannot get a small block has
 * nothing better to do than to stop. Memory whose size a peer chooses comes from
 * mem_try under a limit of its own, and a NULL from it becomes an error reply.
 * The figure of mem_used is what the allocator handed out and has not got back, of all
 * threads, plus what mem_account was told of (mapped slab chunks).
 * Threads: any. Every thread that allocates for long calls mem_thread_init once.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *mem_alloc(size_t n);
void *mem_alloc_lines(size_t n); /* at a cache line (64 bytes); n is a multiple of one */
void *mem_calloc(size_t n);
void *mem_realloc(void *p, size_t n);
void mem_free(void *p);

/* NULL when there is no memory; otherwise as mem_alloc. The caller owns the block. */
void *mem_try(size_t n);
/* The same, all zeros: of a large block without touching it. */
void *mem_try_zeroed(size_t n);
void *mem_try_realloc(void *p, size_t n);

/* A copy of n bytes, with a zero behind them. The caller frees it. */
char *mem_dup(const void *p, size_t n);

/* The bytes that the allocator keeps for p (at least what was asked for). */
size_t mem_usable(void *p);

/* Registers this thread's allocation counters, and folds them in when it ends. */
void mem_thread_init(void);
void mem_thread_fini(void);

/* Memory held outside the allocator: positive when taken, negative when given back. */
void mem_account(int64_t bytes);
size_t mem_accounted(void);

/* Bytes in use, over all threads. Cost: a few loads per thread; exact up to what other
 * threads are doing at the moment. */
size_t mem_used(void);

/* Resident bytes of the process, by the kernel; 0 if it will not say. Cost: some
 * microseconds. */
size_t mem_rss(void);

/* The allocator's name and version, for INFO. */
const char *mem_allocator(void);

/* The allocator's own figures, in bytes, as of the last mem_allocator_refresh. */
struct mem_stats {
    size_t allocated; /* handed out */
    size_t active;    /* in pages that hold something handed out */
    size_t resident;  /* in pages that may be in memory, its own records included */
    size_t retained;  /* unmapped lazily: address space only */
    size_t metadata;  /* its own records */
};

/* Reads the figures; cheap. */
void mem_allocator_stats(struct mem_stats *out);

/* Brings the figures up to date. With many arenas this takes long (seconds have been seen
 * elsewhere): for workers, never for the loop. */
void mem_allocator_refresh(void);

/* Lets the allocator give pages back from threads of its own, of the caller's priority, instead of
 * from whoever frees, or no more. Not before the process has become a daemon. */
void mem_background(bool on);

/* Whether pages that come free are kept for FREE_PAGES_KEPT_MS, or, as at the start, for
 * FREE_PAGES_MS; those of blocks of 8 MiB and more go at once. For a worker: a call of the
 * allocator for each arena. */
void mem_keep_free_pages(bool keep);

/* Gives free pages back to the kernel now. Slow; for MEMORY PURGE, on a worker. */
void mem_purge(void);

#endif
