/* affinity.h - which processors a thread runs on: a list, and not where the loop is busy.
 *
 * Two threads on one processor take turns at ticks of the scheduler, and a tick is up to 4 ms: a
 * loop that never sleeps waits so long each time that another's turn comes, and longer where that
 * one is inside the kernel, at the first touch of a huge page, say. Yielding (base/nap) helps only
 * between such calls. So a thread that is about to make one, finds the loop busy, and itself where
 * the loop is, excludes that processor from its own; when the loop has become calm, it may be
 * anywhere again. (Not for what others wait for: on the processors that are left it may get
 * little.)
 *
 * A1  Only masks of the calling thread are changed. What affinity_look excludes is taken from what
 *     the thread was bound to, or had at its first look; if nothing would be left, nothing is.
 * A2  With one processor, or where the C library does not say where a thread runs (no rseq), no
 *     thread is kept off.
 * Threads: affinity_loop_here the loop, once, before others are there; affinity_look any but the
 * loop; affinity_bind any.
 */
#ifndef BASE_AFFINITY_H
#define BASE_AFFINITY_H

#include <stdbool.h>
#include <stdint.h>

/* Whether the text is a list of processors as taskset has them: "0-3,8-14:2", the last number being
 * a stride. "" is one too, and means all. */
bool affinity_is_list(const char *list);

/* This thread runs on those only; for "" on those of affinity_others. Those that it starts inherit
 * that. False, and nothing changes, if none of them is there. */
bool affinity_bind(const char *list);

/* Where threads are that are bound to no list: the loop, before they are there. Else, and for "",
 * it is where the process was at affinity_loop_here. False if none is there. */
bool affinity_others(const char *list);

/* This thread is the loop. */
void affinity_loop_here(void);

/* How long the loop has run, in ns of a processor's time; 0: that is not known. A system call. */
uint64_t affinity_loop_used_ns(void);

/* Decides where this thread may run now. Cost: a clock, and once in AFFINITY_LOOK_MS some
 * microseconds. */
void affinity_look(void);

#endif
