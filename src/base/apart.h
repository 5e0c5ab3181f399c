/* apart.h - threads of low priority keep off the processor that the loop fills.
 *
 * Two threads on one processor take turns at ticks of the scheduler, and a tick is up to 4 ms: a
 * loop that never sleeps waits so long each time that a worker's turn comes, and longer where the
 * worker is inside the kernel, at the first touch of a huge page, say. Yielding (base/nap) helps
 * only between such calls. So a worker that finds the loop busy, and itself where the loop is,
 * excludes that processor from its own; when the loop has become calm, it may be anywhere again.
 *
 * A1  Only masks of the threads that call apart_look are changed, within what the loop was allowed
 *     at apart_loop_here; with one processor, or where the C library does not say where a thread
 *     runs (no rseq), nothing is.
 * Threads: apart_loop_here the loop, once, before the others look; apart_look any but the loop.
 */
#ifndef BASE_APART_H
#define BASE_APART_H

void apart_loop_here(void);

/* Decides where this thread may run. Cost: a clock, and once in APART_LOOK_MS some microseconds. */
void apart_look(void);

#endif
