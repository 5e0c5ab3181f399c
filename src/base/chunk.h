/* chunk.h - memory in pieces of 2 MiB that somebody else has touched already.
 *
 * The first touch of a page takes the kernel microseconds, of a huge page up to a millisecond, and
 * on a virtual machine several: those were the longest pauses of a growing server. So the memory
 * that a loop grows by (the slabs, base/slab) comes from here: a worker touches chunks ahead, and
 * gives those that came free back to the kernel.
 *
 * K1  Address space is mapped by regions of 512 chunks and never unmapped: a chunk that goes back
 *     to the kernel keeps its place. So nothing here changes the process' maps while others fault.
 * K2  A chunk is taken, ready (touched, for the next taker), leaving (touched, to be given
 *     back) or cold.
 * Threads: any, under a lock that is held for some tens of instructions; chunk_reserve_keep is a
 * worker's.
 */
#ifndef BASE_CHUNK_H
#define BASE_CHUNK_H

#include <stdbool.h>
#include <stddef.h>

#define CHUNK_BYTES ((size_t)2 * 1024 * 1024)

/* A chunk, at a multiple of its size, of any content. A cold one if none is ready. The process
 * stops if there is no address space. */
void *chunk_take(void);
void chunk_give(void *chunk);

/* Somebody will soon take one: a small server keeps none ready without that. */
void chunk_expect(void);

/* True when few chunks are ready, or many are leaving; then chunk_reserve_keep puts it right, which
 * takes milliseconds. The first costs a few loads. */
bool chunk_reserve_due(void);
void chunk_reserve_keep(void);

/* Bytes of chunks that are not taken and hold memory: ready or leaving. */
size_t chunk_idle_bytes(void);

#endif
