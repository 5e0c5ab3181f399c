/* mem_pages.h - the pages behind the allocator: from where it gets them, and how they go back.
 *
 * G1  An arena grows by pieces of CHUNK_BYTES. Each is a chunk that a worker has touched
 *     (base/chunk) if there is one to spare, for the first touch of a page may cost more than what
 *     is stored there; else new address space, to be touched page by page: never a chunk that is
 *     cold, of which the first touch may be that of a huge page.
 * G2  A chunk that an arena has got stays with it: its pages go back, its address space does not.
 * G3  Pages that come free are given back in pieces, with rests between: the allocator's own
 *     threads, which do it, are as polite to the loop as workers are (base/nap).
 * With NO_JEMALLOC (sanitizers) the C library does as it likes. Threads: any.
 */
#ifndef BASE_MEM_PAGES_H
#define BASE_MEM_PAGES_H

#include <stdbool.h>

/* Holds the arena of this thread to the above. For mem_thread_init. */
void mem_pages_hook(void);

/* Whether pages that come free are kept for FREE_PAGES_KEPT_MS, or, as at the start, for
 * FREE_PAGES_MS; those of blocks of 8 MiB and more go at once. For a worker: a call of the
 * allocator for each arena. */
void mem_pages_keep(bool keep);

/* Gives free pages back to the kernel now. Slow; for MEMORY PURGE, on a worker. */
void mem_pages_purge(void);

#endif
