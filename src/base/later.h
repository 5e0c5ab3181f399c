/* later.h - blocks of memory that the loop gives up, freed by another thread where they are many.
 *
 * To free a block of some KiB takes the allocator some microseconds, one of many MiB the kernel
 * milliseconds. A few are freed at once, as that is cheapest for all; what a command gives up
 * beyond LATER_HERE_BYTES, and what is large by itself, is set aside, for later_take at the end of
 * the turn and later_free_all on whatever thread. Threads: each for itself. Only one that called
 * later_enable sets anything aside; elsewhere blocks are freed at once.
 * A bag holds blocks that are given up together at a time to come, however many they are.
 */
#ifndef BASE_LATER_H
#define BASE_LATER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blob;
struct later;

/* From now on this thread sets blocks aside; *mark changes from command to command. NULL: no more,
 * after the last later_take. */
void later_enable(const uint64_t *mark);

/* Gives up a block of the allocator of about so many bytes. Cost: some ns, if it is set aside. */
void later_free(void *p, size_t bytes);

/* All zero: empty. */
struct later_bag {
    struct later *first, *last;
    size_t bytes; /* of the blocks */
};

/* Puts a block in, at which somebody may still look; or a reference to a blob. */
void later_bag_add(struct later_bag *bag, void *p, size_t bytes);
void later_bag_add_blob(struct later_bag *bag, struct blob *b);

/* Gives up all that is in a bag, which then is empty. Cost: O(1), unless it is little or this
 * thread sets nothing aside. */
void later_bag_free(struct later_bag *bag);

/* What was given up and is not freed yet, of all threads: as good as free. */
size_t later_pending_bytes(void);

/* What was set aside so far; NULL: nothing. */
bool later_waits(void);
struct later *later_take(void);

/* Frees it all; returns how many blocks that were. Any thread. */
size_t later_free_all(struct later *l);

#endif
