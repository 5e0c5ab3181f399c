/* file_out.c - see file_out.h. */
#define _GNU_SOURCE /* sync_file_range */
#include "persist/file_out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define STEADY_BYTES (4 * 1024 * 1024)

static char *beside(const char *path, const char *name) {
    const char *slash = strrchr(path, '/');
    size_t dir = slash ? (size_t)(slash - path) + 1 : 0, n = dir + strlen(name) + 1;
    char *out = mem_alloc(n);
    snprintf(out, n, "%.*s%s", (int)dir, path, name);
    return out;
}

static int write_raw(struct file_out *f, const char *p, size_t n) {
    f->err = file_write_all(f->fd, p, n);
    if (!f->err) f->bytes += n;
    return f->err;
}

static void begin_sealed(struct file_out *f, const struct sealed_key *key) {
    char head[SEALED_HEAD_BYTES];
    f->sealer = sealer_new(key, head);
    f->chunk = mem_alloc(SEALED_PAYLOAD_USUAL + SEALED_CHUNK_EXTRA_BYTES);
    write_raw(f, head, sizeof head);
}

static int put_chunk(struct file_out *f, bool last) {
    size_t n = sealer_seal(f->sealer, f->chunk, f->held, last);
    f->held = 0;
    return write_raw(f, f->chunk, n);
}

static int write_sealed(struct file_out *f, struct slice bytes) {
    while (bytes.n && !f->err) {
        size_t room = SEALED_PAYLOAD_USUAL - f->held, some = bytes.n < room ? bytes.n : room;
        memcpy(f->chunk + SEALED_CHUNK_HEAD_BYTES + f->held, bytes.p, some);
        f->held += some;
        bytes = slice_of(bytes.p + some, bytes.n - some);
        if (f->held == SEALED_PAYLOAD_USUAL) put_chunk(f, false);
    }
    return f->err;
}

int file_out_open(struct file_out *f, const char *path, const char *temp_name,
                  const struct sealed_key *key) {
    *f = (struct file_out){.fd = -1};
    f->temp = beside(path, temp_name);
    f->fd = open(f->temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (f->fd < 0) {
        int err = -errno;
        mem_free(f->temp);
        return err;
    }
    f->path = mem_dup(path, strlen(path));
    if (key) begin_sealed(f, key);
    return 0;
}

/* Lets the kernel begin to write what it has, so that the sync at the end is no burst. */
static void go_steady(struct file_out *f) {
    if (!f->steady || f->bytes - f->flushed < STEADY_BYTES) return;
    sync_file_range(f->fd, (off_t)f->flushed, (off_t)(f->bytes - f->flushed),
                    SYNC_FILE_RANGE_WRITE);
    f->flushed = f->bytes;
}

int file_out_write(struct file_out *f, struct slice bytes) {
    if (f->err) return f->err;
    if (f->sealer ? write_sealed(f, bytes) : write_raw(f, bytes.p, bytes.n)) return f->err;
    go_steady(f);
    return 0;
}

static void end(struct file_out *f) {
    if (f->fd >= 0) close(f->fd);
    mem_free(f->path);
    mem_free(f->temp);
    mem_free(f->chunk);
    sealer_free(f->sealer);
    f->fd = -1;
    f->path = f->temp = f->chunk = NULL;
    f->sealer = NULL;
}

int file_out_commit(struct file_out *f) {
    if (f->sealer && !f->err) put_chunk(f, true);
    if (!f->err && fsync(f->fd) < 0) f->err = -errno;
    if (close(f->fd) < 0 && !f->err) f->err = -errno;
    f->fd = -1;
    if (!f->err && rename(f->temp, f->path) < 0) f->err = -errno;
    if (f->err) {
        unlink(f->temp);
    } else {
        f->err = file_sync_dir_of(f->path);
    }
    end(f);
    return f->err;
}

void file_out_discard(struct file_out *f) {
    unlink(f->temp);
    end(f);
}
