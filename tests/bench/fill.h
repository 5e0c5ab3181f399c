/* fill.h - writes every key of a key space once, in sequence, as fast as the server takes it.
 *
 * Commands are made as they are sent, so a fill may be far larger than memory for a ring.
 * Threads: the caller's one.
 */
#ifndef BENCH_FILL_H
#define BENCH_FILL_H

#include "drive.h"
#include "ring.h"

struct fill {
    struct drive drive;
    struct maker *maker;
    uint64_t pipeline;
    uint64_t left;
    int busy; /* connections that wait for replies; the fill is over when there is none */
};

/* Connects and sends the first batches. Drive it with drive_step. */
void fill_init(struct fill *f, const struct endpoint *e, int conns, uint64_t pipeline,
               const char *words, const struct make_from *from, const struct reply_rules *rules);
void fill_fini(struct fill *f);

#endif
