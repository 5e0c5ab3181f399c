/* resp_fuzz.c - any bytes through the request parsers.
 *
 * The first byte chooses how the rest is cut into pieces. Checked: the sequence of commands
 * does not depend on the pieces, and resp_cut agrees with the reader where it takes a command.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"
#include "wire/resp.h"

int fuzz_one(const uint8_t *data, size_t size);

static const struct resp_limits limits = {1 << 20, 4 << 20, false};

static uint64_t mix(uint64_t sum, struct slice s) {
    return (sum ^ XXH3_64bits(s.p, s.n)) * 0x9e3779b97f4a7c15u + s.n;
}

static uint64_t mix_command(uint64_t sum, const struct slice *argv, int argc) {
    for (int i = 0; i < argc; i++) sum = mix(sum, argv[i]);
    return sum * 31 + (uint64_t)argc;
}

/* The reader alone, `step` bytes at a time. */
static uint64_t by_reader(const char *p, size_t n, size_t step) {
    struct resp_reader *r = resp_reader_new();
    uint64_t sum = 0;
    for (size_t at = 0; at < n;) {
        size_t part = n - at < step ? n - at : step, used;
        enum resp_state state = resp_reader_feed(r, p + at, part, &limits, &used);
        ASSERT(used <= part);
        at += used;
        if (state == RESP_FAILED) {
            sum = mix(sum, slice_cstr(r->error));
            break;
        }
        if (state == RESP_MORE) ASSERT(used == part);
        if (state == RESP_COMMAND) sum = mix_command(sum, r->argv, r->argc);
    }
    resp_reader_free(r);
    return sum;
}

/* As the door does it: cut where possible, the reader for the rest. */
static uint64_t by_both(const char *p, size_t n) {
    static struct resp_cutter cutter;
    struct resp_reader *r = resp_reader_new();
    struct resp_command cmds[8];
    uint64_t sum = 0;
    resp_cutter_init(&cutter);
    for (const char *at = p, *end = p + n; at < end;) {
        cutter.args = 0;
        int count = resp_reader_idle(r) ? resp_cut(&cutter, &at, end, cmds, 8) : 0;
        for (int i = 0; i < count; i++) sum = mix_command(sum, cmds[i].argv, cmds[i].argc);
        if (count) continue;
        size_t used;
        enum resp_state state = resp_reader_feed(r, at, (size_t)(end - at), &limits, &used);
        at += used;
        if (state == RESP_COMMAND) sum = mix_command(sum, r->argv, r->argc);
        if (state == RESP_FAILED) {
            sum = mix(sum, slice_cstr(r->error));
            break;
        }
    }
    resp_reader_free(r);
    return sum;
}

int fuzz_one(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    size_t n = size - 1;
    char *p = mem_dup(data + 1, n);
    uint64_t whole = by_reader(p, n, n);
    ASSERT(by_reader(p, n, 1 + data[0] % 23) == whole);
    ASSERT(by_both(p, n) == whole);
    mem_free(p);
    return 0;
}
