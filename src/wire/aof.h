/* aof.h - the bytes of an append log: commands, comments, and groups of commands.
 *
 *     *3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n     a command, as clients send it
 *     #TS:1717171717\r\n                              a comment: other lines that begin with #
 *     #CRC:33:0a1b2c3d\r\n                            a group: so many bytes follow, whose crc32c
 * it is
 *
 * Servers that know no groups pass over the line as a comment. So a group may be missing behind its
 * line, or be cut: then the server died while it wrote.
 * Threads: any. Specification: Redis 7's log; groups are Clearlane's own.
 */
#ifndef WIRE_AOF_H
#define WIRE_AOF_H

#include "base/bytes.h"

enum aof_result {
    AOF_GOOD,
    AOF_SHORT, /* the bytes end before what begins there does */
    AOF_BAD,   /* these are not the bytes of a log */
};

#define AOF_ARGS_MAX (1024 * 1024)

/* Takes the command at *at, which moves behind it. Its arguments lie in the input, *argv (grown by
 * mem_realloc; of *room slices; the caller frees) says where. */
enum aof_result aof_take_command(const char **at, const char *end, struct slice **argv,
                                 size_t *room, int *argc);

/* Takes a comment. One that would be the line of a group, and is not, is bad. */
enum aof_result aof_take_comment(const char **at, const char *end);

struct aof_group {
    uint64_t bytes;
    uint32_t crc;
};

/* Takes the line of a group; false, *at as it was, if there is none. */
bool aof_take_group(const char **at, const char *end, struct aof_group *g);

/* Whether the group's bytes, which begin at `at`, are all there and what they were. */
bool aof_group_is_right(const struct aof_group *g, const char *at, const char *end);

/* Whether a group that is right begins somewhere behind `at`: then what is wrong at `at` is damage,
 * and not the end of what was written. Linear. */
bool aof_right_group_behind(const char *at, const char *end);

#define AOF_GROUP_LINE_BYTES_MAX 48
/* The line of a group of these bytes; its length. */
size_t aof_put_group(char line[AOF_GROUP_LINE_BYTES_MAX], struct slice group);

#endif
