/* file_in.h - a file that is read from front to end, plain or sealed.
 *
 * All snapshots are read through this module, and sealed logs. A file that begins as one of
 * wire/sealed is opened with the key, and gives the bytes that were sealed; another one gives its
 * bytes as they are, whether there is a key or not.
 * Threads: any one; never the loop while clients are served.
 */
#ifndef PERSIST_FILE_IN_H
#define PERSIST_FILE_IN_H

#include "wire/sealed.h"

#define FILE_IN_WHY_BYTES 224

/* Why a sealed file gives no more bytes. */
enum file_in_fault {
    FILE_IN_FINE,
    FILE_IN_LEFT,  /* all chunks are right, but the last one is missing */
    FILE_IN_WRONG, /* a chunk is altered, cut or missing */
};

struct file_in {
    int fd;
    uint64_t total; /* bytes of the file when it was opened */
    uint64_t given; /* bytes so far, those before the offset included */
    char *buf;

    struct unsealer *unsealer; /* NULL: a plain file */
    char *sealed;              /* what was read of it: [at, end) is not opened yet */
    size_t at, end;
    uint64_t at_offset; /* of `at` in the file */
    uint64_t skip;      /* bytes that are not to be given */
    enum file_in_fault fault;
    char why[FILE_IN_WHY_BYTES]; /* after -EBADMSG, -ENOKEY, -EKEYREJECTED: offset and reason */
};

/* Opens the file for reading from the offset on (of the bytes that it gives). 0, or a negative
 * errno: -ENOENT, there is none; -ENOKEY, it is sealed and `key` is NULL; -EKEYREJECTED, the key is
 * not the one. Either way file_in_close. */
int file_in_open(struct file_in *f, const char *path, uint64_t offset,
                 const struct sealed_key *key);

/* The next bytes, good until the next call: 1; 0 at the end; or a negative errno: -EBADMSG, what
 * comes is not what was sealed (f->fault, f->at_offset). */
int file_in_next(struct file_in *f, struct slice *next);

/* What a negative errno of the above means, in one line. */
const char *file_in_why(const struct file_in *f, int err);

void file_in_close(struct file_in *f);

/* Whether the file begins as a sealed one. */
bool file_in_is_sealed(const char *path);

#endif
