/* still_reader.h - a thread that reads a still again and again while the test changes the object.
 */
#ifndef UNIT_TYPES_STILL_READER_H
#define UNIT_TYPES_STILL_READER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Reads a still once, without CUnit, which is not for threads; false: it is not as it should be. */
typedef bool still_agrees(const void *ctx);

struct still_reader {
    pthread_t thread;
    still_agrees *agrees;
    const void *ctx;
    atomic_bool stop;
    atomic_uint passes;
    bool all_agreed;
};

/* Returns when the thread reads. */
void still_reader_start(struct still_reader *r, still_agrees *agrees, const void *ctx);

/* Ends the thread after a whole pass; returns whether all agreed. */
bool still_reader_stop(struct still_reader *r);

#endif
