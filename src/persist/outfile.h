/* outfile.h - a file that grows at its end: the only way in which persist/ writes data.
 *
 * O1  A write is whole or did not happen: what of a failed one has reached the file is cut off
 *     again, at once or before the next write.
 * O2  errno stops here: functions return 0 or a negative errno.
 * What stands between the bytes of the log and those of the disk (encryption) belongs here.
 * Threads: one at a time.
 */
#ifndef PERSIST_OUTFILE_H
#define PERSIST_OUTFILE_H

#include "base/bytes.h"

struct outfile {
    int fd;
    uint64_t bytes; /* whole writes */
    bool ragged;    /* behind them lies what of a failed one could not be cut off */
    char *path;
};

/* Opens the file for appending, creating it if missing. *out is the caller's: outfile_close. */
int outfile_open(const char *path, struct outfile **out);

#define OUTFILE_PARTS_MAX 4
int outfile_write(struct outfile *f, const struct slice *parts, int n);

/* What was written is on disk afterwards (the data; the file's name: file_sync_dir_of). */
int outfile_sync(struct outfile *f);

/* NULL is allowed. */
void outfile_close(struct outfile *f);

#endif
