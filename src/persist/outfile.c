/* outfile.c - see outfile.h. */
#include "persist/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"

int outfile_open(const char *path, struct outfile **out) {
    struct stat st;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return -errno;
    if (fstat(fd, &st) < 0) {
        int err = -errno;
        close(fd);
        return err;
    }
    *out = mem_alloc(sizeof **out);
    **out = (struct outfile){fd, (uint64_t)st.st_size, false, mem_dup(path, strlen(path))};
    return 0;
}

/* Removes what a failed write has left. */
static int trim(struct outfile *f) {
    f->ragged = ftruncate(f->fd, (off_t)f->bytes) < 0;
    return f->ragged ? -errno : 0;
}

static int write_parts(struct outfile *f, struct iovec *at, int n) {
    off_t offset = (off_t)f->bytes;
    while (n) {
        ssize_t done = pwritev(f->fd, at, n, offset);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return -errno;
        offset += done;
        for (; n && (size_t)done >= at->iov_len; at++, n--) done -= (ssize_t)at->iov_len;
        if (!n) break;
        at->iov_base = (char *)at->iov_base + done;
        at->iov_len -= (size_t)done;
    }
    return 0;
}

int outfile_write(struct outfile *f, const struct slice *parts, int n) {
    struct iovec pieces[OUTFILE_PARTS_MAX];
    size_t bytes = 0;
    ASSERT(n <= OUTFILE_PARTS_MAX);
    for (int i = 0; i < n; i++) {
        pieces[i] = (struct iovec){(char *)parts[i].p, parts[i].n};
        bytes += parts[i].n;
    }
    int err = f->ragged ? trim(f) : 0;
    if (!err) err = write_parts(f, pieces, n);
    if (err) {
        trim(f);
        return err;
    }
    f->bytes += bytes;
    return 0;
}

int outfile_sync(struct outfile *f) { return fdatasync(f->fd) < 0 ? -errno : 0; }

void outfile_close(struct outfile *f) {
    if (!f) return;
    close(f->fd);
    mem_free(f->path);
    mem_free(f);
}
