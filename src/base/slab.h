/* slab.h - many small blocks without a header: the memory of entries.
 *
 * A slab gives blocks of up to SLAB_BYTES_MAX bytes, in steps of 2 (to 64) and 8 bytes;
 * larger ones come from mem.h, so that the caller needs one call for any size. Blocks of one class
 * lie in runs of 64 KiB, cut from chunks (base/chunk).
 *
 * B1  A run belongs to one slab and one class; its header says which, so that slab_free
 *     finds it by masking the address.
 * B2  slab->live is the sum of the class sizes of the blocks in use, of this slab.
 * B3  Giving back a whole slab costs per run, not per block.
 * Threads: a slab belongs to one thread at a time; the chunks behind it are shared, under
 * a lock that is taken per run.
 */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLAB_BYTES_MAX 256
#define SLAB_CLASSES 54 /* 1.. ; 0 stands for a block of the allocator */

struct slab_run;

struct slab {
    struct slab_run *partial[SLAB_CLASSES]; /* runs with a free block, per class */
    struct slab_run *full;                  /* the others */
    size_t live;
    size_t runs;
    bool accounted; /* its runs count in mem_used */
};

/* The class of a size, 0 when it is above SLAB_BYTES_MAX. Cost: a table look-up. */
uint8_t slab_class(size_t n);
/* Bytes in a block of a class that is not 0. */
size_t slab_class_bytes(uint8_t cls);

void slab_init(struct slab *s);

/* Counts the slab's memory in mem_used, by runs: for slabs that nobody else adds up. */
void slab_account(struct slab *s);

/* Gives back all runs, whatever is still in use there (blocks of class 0 are not: their owner frees
 * them first). Callable on a worker when no other thread uses the slab. */
void slab_fini(struct slab *s);

/* A block of n bytes, its class in *cls. Never NULL, at an even address. */
void *slab_alloc(struct slab *s, size_t n, uint8_t *cls);

/* A block of `cls` (its class) of this slab. */
void slab_free(struct slab *s, void *p, uint8_t cls);

/* ---- spans: runs for what is no block ---- */

/* SLAB_SPAN_BYTES bytes at a multiple of 64, counted in mem_used. Never NULL. Whoever has an
 * address within one finds it by slab_span_of. Any thread. */
#define SLAB_SPAN_BYTES (64 * 1024 - 64)
void *slab_span_take(void);
void slab_span_give(void *span);
void *slab_span_of(const void *p);

/* Bytes of the chunks that all slabs have taken, in use or not. Any thread. */
size_t slab_mapped(void);

#endif
