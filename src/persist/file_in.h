/* file_in.h - a file that is read from front to end.
 *
 * All snapshots are read through this module.
 * Threads: any one; never the loop while clients are served.
 */
#ifndef PERSIST_FILE_IN_H
#define PERSIST_FILE_IN_H

#include "base/bytes.h"

struct file_in {
    int fd;
    uint64_t total; /* bytes of the file when it was opened */
    char *buf;
};

/* Opens the file for reading from the offset on. 0, or a negative errno: -ENOENT, there is none. */
int file_in_open(struct file_in *f, const char *path, uint64_t offset);

/* The next bytes, good until the next call: 1; 0 at the end; or a negative errno. */
int file_in_next(struct file_in *f, struct slice *next);

void file_in_close(struct file_in *f);

#endif
