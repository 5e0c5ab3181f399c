/* aof_fuzz.c - any bytes as a log: what is taken lies within them, and reads back as it was.
 *
 * Checked: nothing is read behind the end; what is taken moves forward; a command that is good is
 * short when its last byte is missing; a group made of any bytes is right, and is not when one of
 * its bytes is another.
 */
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "wire/aof.h"

int fuzz_one(const uint8_t *data, size_t size);

static void check_group(const char *p, size_t n) {
    char *file = mem_alloc(AOF_GROUP_LINE_BYTES_MAX + n);
    struct aof_group g;
    size_t line = aof_put_group(file, slice_of(p, n));
    if (n) memcpy(file + line, p, n);
    const char *at = file, *end = file + line + n;
    ASSERT(aof_take_group(&at, end, &g) && at == file + line && g.bytes == n);
    ASSERT(aof_group_is_right(&g, at, end));
    ASSERT(!n || aof_right_group_behind(file, end));
    if (n) {
        file[line + n / 2] ^= 0x10;
        ASSERT(!aof_group_is_right(&g, at, end));
    }
    mem_free(file);
}

/* Takes one thing; false at the end of what can be taken. */
static bool take(const char **at, const char *end, struct slice **argv, size_t *room) {
    const char *from = *at;
    struct aof_group g;
    int argc;
    if (aof_take_group(at, end, &g)) {
        aof_group_is_right(&g, *at, end);
        return true;
    }
    if (**at == '#') return aof_take_comment(at, end) == AOF_GOOD;
    if (aof_take_command(at, end, argv, room, &argc) != AOF_GOOD) {
        ASSERT(*at == from);
        return false;
    }
    for (int i = 0; i < argc; i++) {
        ASSERT((*argv)[i].p > from && (*argv)[i].p + (*argv)[i].n <= *at);
    }
    const char *again = from;
    ASSERT(aof_take_command(&again, *at - 1, argv, room, &argc) == AOF_SHORT && again == from);
    return true;
}

int fuzz_one(const uint8_t *data, size_t size) {
    char *copy = mem_alloc(size ? size : 1); /* exact: a read behind the end is seen */
    struct slice *argv = NULL;
    size_t room = 0;
    if (size) memcpy(copy, data, size);
    const char *at = copy, *end = copy + size;
    while (at < end) {
        const char *from = at;
        if (!take(&at, end, &argv, &room)) break;
        ASSERT(at > from);
    }
    aof_right_group_behind(copy, end);
    check_group(copy, size);
    mem_free(argv);
    mem_free(copy);
    return 0;
}
