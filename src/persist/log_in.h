/* log_in.h - a file of the log, plain or sealed, as bytes that are read in place.
 *
 * What is there of the bytes is the window, [begin, end). Of a plain file it is all of them,
 * mapped. A sealed file is opened chunk by chunk, and the window holds what the reader asks to keep
 * and what follows: memory of the largest group, not of the file. Threads: any one.
 */
#ifndef PERSIST_LOG_IN_H
#define PERSIST_LOG_IN_H

#include "persist/file_in.h"

struct log_in {
    const char *begin, *end; /* the window */
    uint64_t offset;         /* of begin in the log's bytes, which of a plain file are the file's */
    uint64_t bytes;          /* of the file */
    bool sealed;
    bool damaged; /* behind what is wrong of a sealed file there is a right chunk */
    int err;      /* log_in_more gave up: negative errno, or 0: the end */
    char *window; /* of a sealed file: room for so many bytes */
    size_t room;
    struct file_in in;
};

/* 0, or a negative errno, for log_in_why. Either way log_in_close. */
int log_in_open(struct log_in *in, const char *path, const struct sealed_key *key);

/* Moves the window on: it begins at `keep` then, which moves, and has more bytes than before.
 * False: there are no more, and the window is as it was; in->err tells why. */
bool log_in_more(struct log_in *in, const char **keep);

/* Of a sealed file, after that: its chunks were right, and the last one was among them; or all
 * there were are right, but the last one is missing. */
bool log_in_was_ended(const struct log_in *in);
bool log_in_was_left(const struct log_in *in);

const char *log_in_why(const struct log_in *in, int err);

/* How far of the file is read, for showing it. */
uint64_t log_in_progress(const struct log_in *in, const char *at);

/* The offset in the file at which it is to be cut so that the log's bytes end at `offset`, or,
 * within a chunk, before that. */
uint64_t log_in_place(const struct log_in *in, uint64_t offset);

void log_in_close(struct log_in *in);

/* Whether nothing was ever written to the file: it has no bytes, or a head alone. */
bool log_in_is_empty(const char *path);

#endif
