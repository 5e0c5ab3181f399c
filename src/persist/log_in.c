/* log_in.c - see log_in.h. */
#include "persist/log_in.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/mem.h"

#define ROOM_MIN (512 * 1024)

/* So much is taken at once, so that small chunks are not moved one by one. */
#define MORE_BYTES (256 * 1024)

/* The whole file as it is; NULL: there is nothing, or *err. */
static char *map_file(const struct log_in *in, int *err) {
    *err = 0;
    if (!in->bytes) return NULL;
    char *map = mmap(NULL, in->bytes, PROT_READ, MAP_PRIVATE, in->in.fd, 0);
    if (map != MAP_FAILED) return map;
    *err = -errno;
    return NULL;
}

int log_in_open(struct log_in *in, const char *path, const struct sealed_key *key) {
    *in = (struct log_in){0};
    int err = file_in_open(&in->in, path, 0, key);
    if (err) return err;
    in->bytes = in->in.total;
    in->sealed = in->in.unsealer != NULL;
    if (in->sealed) {
        in->room = ROOM_MIN;
        in->begin = in->end = in->window = mem_alloc(in->room);
        return 0;
    }
    char *map = map_file(in, &err);
    if (!map) return err;
    madvise(map, in->bytes, MADV_SEQUENTIAL);
    in->begin = map;
    in->end = map + in->bytes;
    return 0;
}

/* Whether a right chunk lies where one is wrong, being of another place, or behind it. */
static bool finds_chunk(struct log_in *in) {
    int err;
    uint64_t from = in->in.at_offset;
    char *map = from < in->bytes ? map_file(in, &err) : NULL;
    if (!map) return false;
    bool found = unsealer_finds_chunk(in->in.unsealer, slice_of(map + from, in->bytes - from));
    munmap(map, in->bytes);
    return found;
}

static void append(struct log_in *in, struct slice s) {
    size_t have = (size_t)(in->end - in->begin);
    if (have + s.n > in->room) {
        while (have + s.n > in->room) in->room *= 2;
        in->window = mem_realloc(in->window, in->room);
    }
    memcpy(in->window + have, s.p, s.n);
    in->begin = in->window;
    in->end = in->window + have + s.n;
}

bool log_in_more(struct log_in *in, const char **keep) {
    struct slice next;
    int got = in->sealed && !in->err ? file_in_next(&in->in, &next) : 0;
    if (got <= 0) {
        if (got < 0) in->err = got;
        if (in->in.fault == FILE_IN_WRONG && got < 0) in->damaged = finds_chunk(in);
        return false;
    }
    size_t gone = (size_t)(*keep - in->begin), left = (size_t)(in->end - *keep), taken = 0;
    memmove(in->window, *keep, left);
    in->begin = in->window;
    in->end = in->window + left;
    in->offset += gone;
    for (; got > 0; got = taken < MORE_BYTES ? file_in_next(&in->in, &next) : 0) {
        append(in, next);
        taken += next.n;
    }
    if (got < 0) {
        in->err = got;
        if (in->in.fault == FILE_IN_WRONG) in->damaged = finds_chunk(in);
    }
    *keep = in->begin;
    return true;
}

bool log_in_was_ended(const struct log_in *in) {
    return in->sealed && !in->err && unsealer_ended(in->in.unsealer);
}

bool log_in_was_left(const struct log_in *in) { return in->in.fault == FILE_IN_LEFT; }

const char *log_in_why(const struct log_in *in, int err) { return file_in_why(&in->in, err); }

uint64_t log_in_progress(const struct log_in *in, const char *at) {
    return in->sealed ? in->in.at_offset : (uint64_t)(at - in->begin);
}

uint64_t log_in_place(const struct log_in *in, uint64_t offset) {
    int err;
    uint64_t at = SEALED_HEAD_BYTES, given = 0;
    struct sealed_chunk c;
    if (!in->sealed) return offset;
    char *map = map_file(in, &err);
    if (!map) return at;
    while (at < in->bytes && sealed_peek(slice_of(map + at, in->bytes - at), &c) &&
           given + c.payload_bytes <= offset) {
        given += c.payload_bytes;
        at += c.bytes;
        if (given == offset) break;
    }
    munmap(map, in->bytes);
    return at;
}

bool log_in_is_empty(const char *path) {
    struct stat st;
    if (stat(path, &st) < 0) return false;
    return !st.st_size || (st.st_size == SEALED_HEAD_BYTES && file_in_is_sealed(path));
}

void log_in_close(struct log_in *in) {
    if (!in->sealed && in->begin) munmap((char *)in->begin, in->bytes);
    mem_free(in->window);
    file_in_close(&in->in);
}
