/* file.h - whole small files, directories and paths.
 *
 * F1  file_write_atomic leaves the old file or the new one, whole, on disk, whatever
 *     happens: a temporary file beside it, fsync, rename, fsync of the directory.
 * F2  errno stops here: functions return 0, or a length, or a negative errno.
 * Threads: any. Cost: disk writes; not for the loop once clients are served.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/bytes.h"

#include <sys/types.h>

/* Replaces the file at `path` by these bytes. A file that exists keeps its permission
 * bits; a new one gets `mode` less the umask. A symbolic link is followed. */
int file_write_atomic(const char *path, struct slice content, mode_t mode);

/* The same. After an error *in_place tells whether the new file is at `path` all the same: then
 * only the directory could not be synced, and which of both is there after a crash is open. */
int file_replace(const char *path, struct slice content, mode_t mode, bool *in_place);

/* Reads a whole file of at most bytes_max bytes into *out, with a zero behind the last
 * byte; the caller frees it with mem_free. Returns the length; -EFBIG if it is longer. */
ssize_t file_read(const char *path, size_t bytes_max, char **out);

/* Writes all of it at the descriptor's position, across short writes and signals. */
int file_write_all(int fd, const void *p, size_t n);

/* Makes what was done to names (create, rename, unlink) in the directory of `path` last. */
int file_sync_dir_of(const char *path);

/* A directory is there afterwards: created if missing, -ENOTDIR if a file is in the way.
 * Parents are not created. */
int file_make_dir(const char *path, mode_t mode);
bool file_is_dir(const char *path);

/* Whether `name` has no directory part, nor is one ("", ".", ".."). */
bool file_is_basename(const char *name);

/* The path from the root, read against the working directory; "." and ".." parts are
 * resolved as text, links are not followed, and nothing need exist. The caller frees it
 * with mem_free. NULL when the working directory is unknown. */
char *file_absolute(const char *path);

#endif
