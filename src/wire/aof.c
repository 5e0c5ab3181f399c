/* aof.c - see aof.h. */
#define _GNU_SOURCE 1 /* memmem */
#include "wire/aof.h"

#include <stdio.h>

#include "base/crc32c.h"
#include "base/mem.h"
#include "base/num.h"

#define LINE_BYTES_MAX 128
#define GROUP_WORD "#CRC:"
#define GROUP_WORD_BYTES (sizeof GROUP_WORD - 1)

/* A line "<kind><number>\r\n". */
static enum aof_result take_header(const char **at, const char *end, char kind, int64_t *v) {
    size_t left = (size_t)(end - *at);
    if (left && **at != kind) return AOF_BAD;
    const char *stop = memchr(*at, '\n', left < LINE_BYTES_MAX ? left : LINE_BYTES_MAX);
    if (!stop) return left < LINE_BYTES_MAX ? AOF_SHORT : AOF_BAD;
    if (stop - *at < 3 || stop[-1] != '\r') return AOF_BAD;
    if (!num_parse_i64(slice_of(*at + 1, (size_t)(stop - *at) - 2), v)) return AOF_BAD;
    *at = stop + 1;
    return AOF_GOOD;
}

static enum aof_result take_argument(const char **at, const char *end, struct slice *arg) {
    int64_t bytes;
    enum aof_result result = take_header(at, end, '$', &bytes);
    if (result != AOF_GOOD) return result;
    if (bytes < 0) return AOF_BAD;
    if (bytes > end - *at - 2) return AOF_SHORT;
    if ((*at)[bytes] != '\r' || (*at)[bytes + 1] != '\n') return AOF_BAD;
    *arg = slice_of(*at, (size_t)bytes);
    *at += bytes + 2;
    return AOF_GOOD;
}

enum aof_result aof_take_command(const char **at, const char *end, struct slice **argv,
                                 size_t *room, int *argc) {
    int64_t n;
    const char *from = *at;
    enum aof_result result = take_header(&from, end, '*', &n);
    if (result != AOF_GOOD) return result;
    if (n < 1 || n > AOF_ARGS_MAX) return AOF_BAD;
    if ((size_t)n > *room) {
        *argv = mem_realloc(*argv, (size_t)n * sizeof **argv);
        *room = (size_t)n;
    }
    for (int64_t i = 0; i < n; i++) {
        result = take_argument(&from, end, &(*argv)[i]);
        if (result != AOF_GOOD) return result;
    }
    *argc = (int)n;
    *at = from;
    return AOF_GOOD;
}

enum aof_result aof_take_comment(const char **at, const char *end) {
    const char *stop = memchr(*at, '\n', (size_t)(end - *at));
    size_t n = stop ? (size_t)(stop - *at) : 0;
    if (!stop) return AOF_SHORT;
    if (n > GROUP_WORD_BYTES && memcmp(*at, GROUP_WORD, GROUP_WORD_BYTES) == 0) return AOF_BAD;
    *at = stop + 1;
    return AOF_GOOD;
}

/* ---- groups ------------------------------------------------------------------------- */

static bool hex_digit(char c, uint32_t *v) {
    if (c >= '0' && c <= '9') {
        *v = (uint32_t)(c - '0');
    } else if (c >= 'a' && c <= 'f') {
        *v = (uint32_t)(c - 'a' + 10);
    } else {
        return false;
    }
    return true;
}

bool aof_take_group(const char **at, const char *end, struct aof_group *g) {
    enum { CRC_DIGITS = 8 };
    size_t left = (size_t)(end - *at);
    if (left < GROUP_WORD_BYTES || memcmp(*at, GROUP_WORD, GROUP_WORD_BYTES) != 0) return false;
    const char *p = *at + GROUP_WORD_BYTES;
    const char *stop =
        memchr(p, '\n',
               left < LINE_BYTES_MAX ? left - GROUP_WORD_BYTES : LINE_BYTES_MAX - GROUP_WORD_BYTES);
    const char *colon = stop ? memchr(p, ':', (size_t)(stop - p)) : NULL;
    int64_t bytes;
    if (!colon || stop - colon != CRC_DIGITS + 2 || stop[-1] != '\r') return false;
    if (!num_parse_i64(slice_of(p, (size_t)(colon - p)), &bytes) || bytes < 0) return false;
    *g = (struct aof_group){(uint64_t)bytes, 0};
    for (int i = 1; i <= CRC_DIGITS; i++) {
        uint32_t digit;
        if (!hex_digit(colon[i], &digit)) return false;
        g->crc = g->crc << 4 | digit;
    }
    *at = stop + 1;
    return true;
}

bool aof_group_is_right(const struct aof_group *g, const char *at, const char *end) {
    return g->bytes <= (uint64_t)(end - at) && crc32c(0, at, g->bytes) == g->crc;
}

bool aof_right_group_behind(const char *at, const char *end) {
    while (at < end && (at = memmem(at, (size_t)(end - at), GROUP_WORD, GROUP_WORD_BYTES))) {
        const char *body = at;
        struct aof_group g;
        if (aof_take_group(&body, end, &g) && g.bytes && aof_group_is_right(&g, body, end))
            return true;
        at += GROUP_WORD_BYTES;
    }
    return false;
}

size_t aof_put_group(char line[AOF_GROUP_LINE_BYTES_MAX], struct slice group) {
    int n = snprintf(line, AOF_GROUP_LINE_BYTES_MAX, GROUP_WORD "%zu:%08x\r\n", group.n,
                     crc32c(0, group.p, group.n));
    return (size_t)n;
}
