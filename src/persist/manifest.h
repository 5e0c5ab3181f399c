/* manifest.h - which files make up the append log, in Redis 7's form.
 *
 *     file appendonly.aof.2.base.rdb seq 2 type b
 *     file appendonly.aof.4.incr.aof seq 4 type i
 *
 * One base at most (RDB or commands), then files of commands that follow it, in the order of their
 * numbers; and files of history, which are only still to be removed.
 * M1  A name has no directory part: all lie in appenddirname.
 * M2  manifest_write leaves the old manifest or the new one, whole.
 * Threads: the loop. Specification: Redis 7.0's manifest, its names and its errors.
 */
#ifndef PERSIST_MANIFEST_H
#define PERSIST_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct manifest_file {
    char *name;
    int64_t seq;
    char type; /* 'b', 'i' or 'h' */
};

struct manifest {
    struct manifest_file base; /* name NULL: none */
    struct manifest_file *incr, *history;
    size_t incr_count, history_count;
    int64_t base_seq, incr_seq; /* the highest so far */
};

#define MANIFEST_WHY_BYTES 256

void manifest_init(struct manifest *m);
void manifest_fini(struct manifest *m);
void manifest_copy(struct manifest *to, const struct manifest *from);

/* Reads a file. 0; -ENOENT if there is none; another negative number, with the reason in `why`. */
int manifest_read(struct manifest *m, const char *path, char why[MANIFEST_WHY_BYTES]);

/* Replaces the file. 0 or a negative errno; *in_place as of file_replace. */
int manifest_write(const struct manifest *m, const char *path, bool *in_place);

/* The next base or incr file of a log called `name` (appendfilename); the base before becomes
 * history, as do the incr files if so asked. The name of the new file, borrowed. */
const char *manifest_next_base(struct manifest *m, const char *name, bool rdb);
const char *manifest_next_incr(struct manifest *m, const char *name);

/* Makes the incr files but the last `keep` history. */
void manifest_retire_incr(struct manifest *m, size_t keep);
void manifest_forget_history(struct manifest *m);

/* A base that exists already, of an old log (number 1). */
void manifest_adopt_base(struct manifest *m, const char *file);

#endif
