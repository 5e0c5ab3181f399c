/* file_in.c - see file_in.h. */
#include "persist/file_in.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define BUF_BYTES (256 * 1024)

int file_in_open(struct file_in *f, const char *path, uint64_t offset) {
    struct stat st;
    *f = (struct file_in){.fd = open(path, O_RDONLY | O_CLOEXEC)};
    if (f->fd < 0) return -errno;
    int err = 0;
    if (fstat(f->fd, &st) < 0 || lseek(f->fd, (off_t)offset, SEEK_SET) < 0) err = -errno;
    if (!err && S_ISDIR(st.st_mode)) err = -EISDIR;
    if (err) {
        close(f->fd);
        return err;
    }
    f->total = (uint64_t)st.st_size;
    f->buf = mem_alloc(BUF_BYTES);
    posix_fadvise(f->fd, (off_t)offset, 0, POSIX_FADV_SEQUENTIAL);
    return 0;
}

int file_in_next(struct file_in *f, struct slice *next) {
    ssize_t n;
    do {
        n = read(f->fd, f->buf, BUF_BYTES);
    } while (n < 0 && errno == EINTR);
    if (n < 0) return -errno;
    *next = slice_of(f->buf, (size_t)n);
    return n > 0;
}

void file_in_close(struct file_in *f) {
    if (f->fd >= 0) close(f->fd);
    mem_free(f->buf);
}
