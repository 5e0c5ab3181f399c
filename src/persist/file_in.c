/* file_in.c - see file_in.h. */
#include "persist/file_in.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define BUF_BYTES (256 * 1024)

/* A whole chunk is always found in what is read. */
static_assert(BUF_BYTES >= 2 * (SEALED_PAYLOAD_MAX + SEALED_CHUNK_EXTRA_BYTES), "file_in");

static ssize_t read_some(int fd, char *to, size_t n) {
    ssize_t got;
    do {
        got = read(fd, to, n);
    } while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

static ssize_t read_up_to(int fd, char *to, size_t n) {
    size_t have = 0;
    while (have < n) {
        ssize_t got = read_some(fd, to + have, n - have);
        if (got < 0) return got;
        if (!got) break;
        have += (size_t)got;
    }
    return (ssize_t)have;
}

static int refuse(struct file_in *f, int err, const char *text) {
    snprintf(f->why, FILE_IN_WHY_BYTES, "%s", text);
    return err;
}

/* Finds out what the file is. */
static int begin(struct file_in *f, uint64_t offset, const struct sealed_key *key) {
    char head[SEALED_HEAD_BYTES];
    const char *why;
    ssize_t n = read_up_to(f->fd, head, sizeof head);
    if (n < 0) return (int)n;
    if (!sealed_begins(slice_of(head, (size_t)n))) {
        f->given = offset;
        return lseek(f->fd, (off_t)offset, SEEK_SET) < 0 ? -errno : 0;
    }
    if (!key)
        return refuse(f, -ENOKEY,
                      "it is encrypted, and there is no key (rdb-key-file, aof-key-file)");
    if (n < (ssize_t)sizeof head) return refuse(f, -EBADMSG, "its head is cut short");
    f->unsealer = unsealer_new(key, head, &why);
    if (!f->unsealer) return refuse(f, -EKEYREJECTED, why);
    f->sealed = mem_alloc(BUF_BYTES);
    f->at_offset = SEALED_HEAD_BYTES;
    f->skip = offset;
    return 0;
}

int file_in_open(struct file_in *f, const char *path, uint64_t offset,
                 const struct sealed_key *key) {
    struct stat st;
    *f = (struct file_in){.fd = open(path, O_RDONLY | O_CLOEXEC)};
    if (f->fd < 0) return -errno;
    if (fstat(f->fd, &st) < 0) return -errno;
    if (S_ISDIR(st.st_mode)) return -EISDIR;
    f->total = (uint64_t)st.st_size;
    f->buf = mem_alloc(BUF_BYTES);
    posix_fadvise(f->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return begin(f, offset, key);
}

static int fail(struct file_in *f, enum file_in_fault fault, const char *text) {
    f->fault = fault;
    snprintf(f->why, FILE_IN_WHY_BYTES, "offset %llu of the encrypted file: %s",
             (unsigned long long)f->at_offset, text);
    return -EBADMSG;
}

/* Reads behind what is there of the sealed file. 1, 0 at its end, or a negative errno. */
static int read_sealed(struct file_in *f) {
    size_t left = f->end - f->at;
    memmove(f->sealed, f->sealed + f->at, left);
    ssize_t n = read_some(f->fd, f->sealed + left, BUF_BYTES - left);
    f->at = 0;
    f->end = left + (n > 0 ? (size_t)n : 0);
    return n > 0 ? 1 : (int)n;
}

/* Nothing more can be read, and no chunk is there. */
static int end_of_sealed(struct file_in *f) {
    char text[64];
    unsigned long long chunk = unsealer_chunks(f->unsealer);
    if (f->at == f->end && unsealer_ended(f->unsealer)) return 0;
    if (f->at == f->end) {
        snprintf(text, sizeof text, "its end is missing, chunk %llu and what follows", chunk);
        return fail(f, FILE_IN_LEFT, text);
    }
    snprintf(text, sizeof text, "chunk %llu is cut short", chunk);
    return fail(f, FILE_IN_WRONG, text);
}

/* Takes the next chunk, of no bytes perhaps, to `out`. 1, 0 at the end, or a negative errno. */
static int take_chunk(struct file_in *f, char *out, size_t *n) {
    for (;;) {
        struct sealed_chunk c;
        struct slice in = slice_of(f->sealed + f->at, f->end - f->at);
        enum sealed_result result = in.n ? unsealer_take(f->unsealer, in, out, &c) : SEALED_SHORT;
        if (result == SEALED_BAD) return fail(f, FILE_IN_WRONG, unsealer_why(f->unsealer));
        if (result == SEALED_GOOD) {
            f->at += c.bytes;
            f->at_offset += c.bytes;
            *n = c.payload_bytes;
            return 1;
        }
        int got = read_sealed(f);
        if (got < 0) return got;
        if (!got) return end_of_sealed(f);
    }
}

static int next_sealed(struct file_in *f, struct slice *next) {
    for (;;) {
        size_t n;
        int got = take_chunk(f, f->buf, &n);
        if (got <= 0) return got;
        f->given += n;
        size_t drop = f->skip < n ? (size_t)f->skip : n;
        f->skip -= drop;
        *next = slice_of(f->buf + drop, n - drop);
        if (next->n) return 1;
    }
}

int file_in_next(struct file_in *f, struct slice *next) {
    if (f->unsealer) return next_sealed(f, next);
    ssize_t n = read_some(f->fd, f->buf, BUF_BYTES);
    if (n < 0) return (int)n;
    f->given += (uint64_t)n;
    *next = slice_of(f->buf, (size_t)n);
    return n > 0;
}

const char *file_in_why(const struct file_in *f, int err) {
    return *f->why ? f->why : strerror(-err);
}

void file_in_close(struct file_in *f) {
    if (f->fd >= 0) close(f->fd);
    unsealer_free(f->unsealer);
    mem_free(f->sealed);
    mem_free(f->buf);
}

bool file_in_is_sealed(const char *path) {
    char head[SEALED_HEAD_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t n = read_up_to(fd, head, sizeof head);
    close(fd);
    return n > 0 && sealed_begins(slice_of(head, (size_t)n));
}
