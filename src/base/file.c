/* file.c - see file.h. */
#include "base/file.h"

#include "base/mem.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES_MIN 4096
#define SUFFIX_DIGITS 12

int file_write_all(int fd, const void *p, size_t n) {
    const char *at = p;
    while (n) {
        ssize_t written = write(fd, at, n);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return -errno;
        at += written;
        n -= (size_t)written;
    }
    return 0;
}

int file_sync_dir_of(const char *path) {
    const char *slash = strrchr(path, '/');
    char *dir = !slash ? mem_dup(".", 1) : mem_dup(path, slash == path ? 1 : slash - path);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
    if (fd < 0) rc = -errno;
    mem_free(dir);
    if (fd < 0) return rc;
    /* Some file systems cannot sync a directory, and say so with EINVAL. */
    if (fsync(fd) < 0 && errno != EINVAL) rc = -errno;
    close(fd);
    return rc;
}

/* Writes `content` to a new file at `path`, whole and on disk, with the permission bits of
 * `like` if that exists. */
static int write_new(const char *path, struct slice content, mode_t mode, const char *like) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) return -errno;
    struct stat st;
    int rc = file_write_all(fd, content.p, content.n);
    if (rc == 0 && stat(like, &st) == 0 && fchmod(fd, st.st_mode & 07777) < 0) rc = -errno;
    if (rc == 0 && fsync(fd) < 0) rc = -errno;
    if (close(fd) < 0 && rc == 0) rc = -errno;
    if (rc < 0) unlink(path);
    return rc;
}

int file_write_atomic(const char *path, struct slice content, mode_t mode) {
    bool in_place;
    return file_replace(path, content, mode, &in_place);
}

int file_replace(const char *path, struct slice content, mode_t mode, bool *in_place) {
    char *real = realpath(path, NULL); /* NULL for a new file */
    const char *target = real ? real : path;
    size_t temporary_bytes = strlen(target) + sizeof ".tmp-" + SUFFIX_DIGITS;
    char *temporary = mem_alloc(temporary_bytes);
    char suffix[SUFFIX_DIGITS];
    random_hex(suffix, SUFFIX_DIGITS);
    snprintf(temporary, temporary_bytes, "%s.tmp-%.*s", target, SUFFIX_DIGITS, suffix);
    int rc = write_new(temporary, content, mode, target);
    if (rc == 0 && rename(temporary, target) < 0) {
        rc = -errno;
        unlink(temporary);
    }
    *in_place = rc == 0;
    if (rc == 0) rc = file_sync_dir_of(target);
    mem_free(temporary);
    free(real);
    return rc;
}

/* Reads to the end of fd. One byte more than allowed is asked for, to see whether there is
 * one. */
static ssize_t read_to_end(int fd, size_t capacity, size_t bytes_max, char **out) {
    char *buf = NULL;
    size_t n = 0;
    for (;;) {
        if (capacity > bytes_max) capacity = bytes_max + 1;
        char *larger = mem_try_realloc(buf, capacity + 1);
        ssize_t got = larger ? 0 : -ENOMEM;
        if (larger) buf = larger;
        while (larger && n < capacity) {
            got = read(fd, buf + n, capacity - n);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) got = -errno;
            if (got <= 0) break;
            n += (size_t)got;
        }
        if (got > 0 && n > bytes_max) got = -EFBIG;
        if (got < 0) {
            mem_free(buf);
            return got;
        }
        if (got == 0) break;
        capacity *= 2;
    }
    buf[n] = 0;
    *out = buf;
    return (ssize_t)n;
}

ssize_t file_read(const char *path, size_t bytes_max, char **out) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    struct stat st;
    ssize_t rc = fstat(fd, &st) < 0 ? -errno : 0;
    if (rc == 0) {
        /* The size is a hint only: files of /proc have none. */
        size_t hint = st.st_size > 0 ? (size_t)st.st_size + 1 : 0;
        rc = read_to_end(fd, hint > READ_BYTES_MIN ? hint : READ_BYTES_MIN, bytes_max, out);
    }
    close(fd);
    return rc;
}

bool file_is_dir(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int file_make_dir(const char *path, mode_t mode) {
    if (mkdir(path, mode) == 0) return 0;
    if (errno != EEXIST) return -errno;
    return file_is_dir(path) ? 0 : -ENOTDIR;
}

bool file_is_basename(const char *name) {
    if (!*name || strchr(name, '/')) return false;
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* Appends the parts of `path` to the `n` bytes at `out`, which are "" or "/a/b". */
static size_t append_parts(char *out, size_t n, const char *path) {
    while (*path) {
        path += strspn(path, "/");
        size_t part = strcspn(path, "/");
        if (part == 2 && memcmp(path, "..", 2) == 0) {
            while (n && out[--n] != '/') {
            }
        } else if (part && !(part == 1 && *path == '.')) {
            out[n++] = '/';
            memcpy(out + n, path, part);
            n += part;
        }
        path += part;
    }
    return n;
}

char *file_absolute(const char *path) {
    char *cwd = *path == '/' ? NULL : getcwd(NULL, 0);
    if (*path != '/' && !cwd) return NULL;
    const char *base = cwd ? cwd : "";
    char *out = mem_alloc(strlen(base) + strlen(path) + 3);
    size_t n = append_parts(out, append_parts(out, 0, base), path);
    if (n == 0) out[n++] = '/';
    out[n] = 0;
    free(cwd);
    return out;
}
