/* outfile.c - see outfile.h. */
#include "persist/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"

#define ROOM_KEPT_MAX (1024 * 1024)

/* ---- bytes --------------------------------------------------------------------------- */

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

/* All of the pieces, which have so many bytes, or nothing. */
static int put(struct outfile *f, struct iovec *pieces, int n, size_t bytes) {
    int err = f->ragged ? trim(f) : 0;
    if (!err) err = write_parts(f, pieces, n);
    if (err) {
        trim(f);
        return err;
    }
    f->bytes += bytes;
    return 0;
}

/* ---- sealed files -------------------------------------------------------------------- */

/* Takes n bytes from the parts, which move on. */
static void gather(struct slice *parts, char *to, size_t n) {
    while (n) {
        size_t some = parts->n < n ? parts->n : n;
        if (some) memcpy(to, parts->p, some);
        parts->p += some;
        parts->n -= some;
        to += some;
        n -= some;
        if (n) parts++;
    }
}

/* Makes chunks of the parts. */
static void seal(struct outfile *f, const struct slice *from, int n, size_t bytes, bool last) {
    struct slice parts[OUTFILE_PARTS_MAX];
    size_t count = bytes / SEALED_PAYLOAD_USUAL + 1,
           need = bytes + count * SEALED_CHUNK_EXTRA_BYTES;
    for (int i = 0; i < n; i++) parts[i] = from[i];
    if (need > f->room) {
        mem_free(f->chunks);
        f->chunks = mem_alloc(need);
        f->room = need;
    }
    f->pending_of = bytes;
    do {
        size_t some = bytes < SEALED_PAYLOAD_USUAL ? bytes : SEALED_PAYLOAD_USUAL;
        char *chunk = f->chunks + f->pending;
        gather(parts, chunk + SEALED_CHUNK_HEAD_BYTES, some);
        f->pending += sealer_seal(f->sealer, chunk, some, last);
        bytes -= some;
    } while (bytes);
}

static int put_pending(struct outfile *f) {
    struct iovec piece = {f->chunks, f->pending};
    int err = put(f, &piece, 1, f->pending);
    if (err) return err;
    f->pending = 0;
    if (f->room > ROOM_KEPT_MAX) {
        mem_free(f->chunks);
        f->chunks = NULL;
        f->room = 0;
    }
    return 0;
}

static int begin(struct outfile *f, const struct sealed_key *key) {
    char head[SEALED_HEAD_BYTES];
    struct iovec piece = {head, sizeof head};
    if (f->bytes) return -EEXIST;
    f->sealer = sealer_new(key, head);
    int err = put(f, &piece, 1, sizeof head);
    return err ? err : outfile_sync(f);
}

/* ---- public -------------------------------------------------------------------------- */

int outfile_open(const char *path, const struct sealed_key *key, struct outfile **out) {
    struct stat st;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return -errno;
    if (fstat(fd, &st) < 0) {
        int err = -errno;
        close(fd);
        return err;
    }
    struct outfile *f = mem_calloc(sizeof *f);
    f->fd = fd;
    f->bytes = (uint64_t)st.st_size;
    int err = key ? begin(f, key) : 0;
    if (err) {
        outfile_close(f);
        return err;
    }
    *out = f;
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
    if (!f->sealer) return put(f, pieces, n, bytes);
    ASSERT(!f->ended);
    if (!f->pending) seal(f, parts, n, bytes, false);
    ASSERT(f->pending_of == bytes);
    return put_pending(f);
}

int outfile_end(struct outfile *f) {
    if (!f->sealer || (f->ended && !f->pending)) return 0;
    ASSERT(f->ended || !f->pending);
    if (!f->ended) seal(f, NULL, 0, 0, true);
    f->ended = true;
    return put_pending(f);
}

int outfile_sync(struct outfile *f) { return fdatasync(f->fd) < 0 ? -errno : 0; }

void outfile_close(struct outfile *f) {
    if (!f) return;
    close(f->fd);
    sealer_free(f->sealer);
    mem_free(f->chunks);
    mem_free(f);
}

/* ---- files that were left ------------------------------------------------------------- */

/* What the chunks of a sealed file say of themselves. False: they are not whole. */
static bool survey(struct slice file, uint64_t *chunks, bool *empty, bool *ended) {
    struct sealed_chunk c;
    *chunks = 0;
    *empty = true;
    *ended = false;
    for (size_t at = SEALED_HEAD_BYTES; at < file.n; at += c.bytes) {
        if (*ended || !sealed_peek(slice_of(file.p + at, file.n - at), &c)) return false;
        if (c.bytes > file.n - at) return false;
        ++*chunks;
        if (c.payload_bytes) *empty = false;
        *ended = c.last;
    }
    return true;
}

static int end_left(int fd, const struct sealed_key *key, struct slice file, bool *empty) {
    uint64_t chunks;
    struct outfile f = {.fd = fd, .bytes = file.n};
    bool ended;
    if (file.n < SEALED_HEAD_BYTES || !survey(file, &chunks, empty, &ended)) return -EBADMSG;
    if (ended) return 0;
    f.sealer = sealer_resume(key, file.p, chunks);
    if (!f.sealer) return -EKEYREJECTED;
    int err = outfile_end(&f);
    if (!err) err = outfile_sync(&f);
    sealer_free(f.sealer);
    mem_free(f.chunks);
    return err;
}

int outfile_end_left(const char *path, const struct sealed_key *key, bool *empty) {
    struct stat st;
    int fd = open(path, O_RDWR | O_CLOEXEC), err = 0;
    if (fd < 0) return -errno;
    char *map = fstat(fd, &st) < 0 ? MAP_FAILED
                                   : mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) {
        err = -errno;
    } else {
        err = end_left(fd, key, slice_of(map, (size_t)st.st_size), empty);
        munmap(map, (size_t)st.st_size);
    }
    close(fd);
    return err;
}
