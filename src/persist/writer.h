/* writer.h - the threads that bring the log to disk.
 *
 * The loop appends; a thread takes everything that has gathered, writes it as one group and, if
 * the policy says so, waits for the disk. So groups are as large as the disk is slow, and there
 * is no timer. Another thread syncs by the second, and for who asks, while what other replies wait
 * for is written. With a sync for each group the thread waits a fraction of a sync for those who
 * were answered by the last one to write again: else clients fall into two parties, each of which
 * waits for the other's sync. A group stands behind a line "#CRC:<bytes>:<crc32c>", which other
 * readers of such files skip as a comment; a comment that it would begin with (#TS) stands before
 * that line.
 *
 * R1  Bytes reach the files in the order in which they were appended, each group whole or not at
 *     all; those appended after log_writer_switch go to the next file, and the one before is on
 *     disk when that is written.
 * R2  What failed is tried again once a second. A failed fsync is not: what was written before it
 *     may be lost although a later one succeeds, so that nothing counts as synced any more, until
 *     log_writer_forgive.
 * Threads: the loop; one that writes; one that syncs.
 */
#ifndef PERSIST_WRITER_H
#define PERSIST_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "persist/outfile.h"

struct log_writer;

enum log_sync { LOG_SYNC_NEVER, LOG_SYNC_EVERY_SECOND, LOG_SYNC_ALWAYS };

/* `woken` runs on one of the threads when what the loop may wait for has changed: errors, what is
 * synced, and, unless each group is, what is written. The file is taken; `end` is the offset in the
 * stream of effects that it ends at. */
struct log_writer *log_writer_new(struct outfile *file, uint64_t end, void (*woken)(void *ctx),
                                  void *ctx);

/* Ends the threads; what could not be written is lost. */
void log_writer_free(struct log_writer *w);

void log_writer_set_sync(struct log_writer *w, enum log_sync sync);

/* For tests: so many us go by before each group is written. */
void log_writer_set_delay(struct log_writer *w, int us);

/* Bytes up to the offset `end` of the stream. */
void log_writer_append(struct log_writer *w, const char *p, size_t n, uint64_t end);

/* Takes the file that is next. */
void log_writer_switch(struct log_writer *w, struct outfile *next);

/* All that was appended is to be synced soon, whatever the policy. */
void log_writer_hurry(struct log_writer *w);

/* Waits until all is synced, or an error is there: false. */
bool log_writer_finish(struct log_writer *w);

/* A new base has all up to here. If that is all that a failed fsync may have lost, its error is
 * over; one that failed behind the base's instant stays, for another base. */
void log_writer_forgive(struct log_writer *w, uint64_t up_to);

struct log_writer_state {
    uint64_t appended, written, synced; /* offsets of the stream */
    int write_error, sync_error;        /* negative errno, or 0 */
    size_t waiting_bytes;
    uint64_t waiting_since_ms; /* monotonic, of what was appended and is not written; 0: nothing */
    uint64_t syncing_since_ms; /* monotonic; 0: no sync is under way */
    uint64_t bytes;            /* in the present file */
};
struct log_writer_state log_writer_state(struct log_writer *w);

#endif
