/* file_out.h - a file that is written whole, and then takes the place of another.
 *
 * F1  Under its own name there is never a part of it: it is written under a temporary one beside,
 *     synced, renamed, and the directory is synced.
 * F2  The first failure stays; what is written after it is dropped.
 * F3  With a key the file is a stream of wire/sealed, sealed by the thread that writes.
 * All snapshots are written through this module.
 * Threads: any one; never the loop while clients are served.
 */
#ifndef PERSIST_FILE_OUT_H
#define PERSIST_FILE_OUT_H

#include "wire/sealed.h"

struct file_out {
    int fd;
    int err;    /* negative errno of the first failure */
    char *path; /* absolute, or against the working directory of now */
    char *temp;
    uint64_t bytes;        /* written */
    uint64_t flushed;      /* handed to the disk, with `steady` */
    struct sealer *sealer; /* NULL: plain */
    char *chunk;           /* the one that is filled, */
    size_t held;           /* and the bytes of its payload so far */
    bool steady;           /* hands bytes to the disk as they come, not all at the end */
};

/* Makes the temporary file `temp_name` (a name alone) in the directory of `path`; an old one goes.
 * key: NULL, a plain file. 0 or a negative errno, and then there is nothing to end. */
int file_out_open(struct file_out *f, const char *path, const char *temp_name,
                  const struct sealed_key *key);

/* 0, or err. */
int file_out_write(struct file_out *f, struct slice bytes);

/* All is on disk, and is the file of the name now. 0 or a negative errno: then the old file is
 * there still. Either way f is done with. */
int file_out_commit(struct file_out *f);

/* The temporary file goes. */
void file_out_discard(struct file_out *f);

#endif
