/* outfile.h - a file that grows at its end: the only way in which persist/ writes its log.
 *
 * O1  A write is whole or did not happen: what of a failed one has reached the file is cut off
 *     again, at once or before the next write.
 * O2  errno stops here: functions return 0 or a negative errno.
 * O3  With a key the file is a stream of wire/sealed, begun by outfile_open: each write is chunks
 * of its own, so that a write begins where a chunk does. A write that failed is tried again with
 * the same bytes, or the file is left: the chunks that it has become are kept for that. O4  A
 * sealed file that was ended (outfile_end) is all that was ever written to it; one that was left is
 * ended later (outfile_end_left), and nothing else is added to it. Threads: one at a time.
 */
#ifndef PERSIST_OUTFILE_H
#define PERSIST_OUTFILE_H

#include "wire/sealed.h"

struct outfile {
    int fd;
    uint64_t bytes;        /* whole writes */
    bool ragged;           /* behind them lies what of a failed one could not be cut off */
    struct sealer *sealer; /* NULL: plain */
    char *chunks;          /* what the write has become */
    size_t room, pending;  /* of `chunks`; bytes there that a failed write has left */
    size_t pending_of;     /* bytes of that write */
    bool ended;
};

/* Opens the file for appending, creating it if missing. With a key it must be empty or missing
 * (-EEXIST); its head is on disk then. *out is the caller's: outfile_close. */
int outfile_open(const char *path, const struct sealed_key *key, struct outfile **out);

#define OUTFILE_PARTS_MAX 4
int outfile_write(struct outfile *f, const struct slice *parts, int n);

/* Nothing will follow; of a plain file nothing is said. After a failure it is to be tried again. */
int outfile_end(struct outfile *f);

/* What was written is on disk afterwards (the data; the file's name: file_sync_dir_of). */
int outfile_sync(struct outfile *f);

/* NULL is allowed. */
void outfile_close(struct outfile *f);

/* Ends a sealed file that another process may have left, its chunks being whole, and syncs it.
 * *empty: nothing was ever written to it. */
int outfile_end_left(const char *path, const struct sealed_key *key, bool *empty);

#endif
