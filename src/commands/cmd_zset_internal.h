/* cmd_zset_internal.h - what the files of the sorted set family share.
 *
 * cmd_zset.c is about members: adding, asking, popping, picking. cmd_zset_range.c is about runs of
 * them, by rank, score or text; cmd_zset_algebra.c joins several sets. Other families that keep
 * their values in sorted sets (geo) use these functions too.
 * Threads: the loop.
 */
#ifndef COMMANDS_CMD_ZSET_INTERNAL_H
#define COMMANDS_CMD_ZSET_INTERNAL_H

#include "core/exec.h"
#include "store/zset_entry.h"
#include "types/zset_edit.h"

/* Listpacks up to this size are edited on the stack. */
#define ZSET_ROOM_BYTES 4096

/* ---- reading ---- */

/* The set in the key of argument i for a command that reads; none, if there is no key. False: it is
 * of another type, and the error is replied. */
bool zset_read(struct ctx *c, int i, struct zset_view *v);

/* ---- writing ---- */

struct zset_limits zset_limits(const struct ctx *c);

/* A set that a command changes. */
struct zset_write {
    struct key key;
    bool exists;
    struct zset_edit edit;
    uint8_t room[ZSET_ROOM_BYTES];
};

/* Begins to change the set in k, which is an empty one without a key. False: another type, and the
 * error is replied. zset_write_close must follow. */
bool zset_write_open(struct ctx *c, struct key k, struct zset_write *w);

/* Begins a set that is to replace whatever k holds. */
void zset_write_new(struct ctx *c, struct key k, struct zset_write *w);

/* Puts what was changed into the database. A set that became empty goes, with event "del". The
 * change itself is told before. */
void zset_write_close(struct ctx *c, struct zset_write *w);

/* Ends a zset_write_new: k becomes the set, without an expiry, with the event, or, if it is empty,
 * goes. Replies how many members it has. */
void zset_write_store(struct ctx *c, struct zset_write *w, const char *event);

/* ---- replies ---- */

/* The members [from, to) of a set, upwards or downwards from the other end, with their scores:
 * in RESP3 as pairs. */
struct zset_span {
    uint64_t from, to;
    bool down, scores;
};
void zset_reply_span(struct ctx *c, struct zset_view v, const struct zset_span *span);

/* ---- rows ---- */

/* A key specification: a number of keys in argument `at`, and the keys behind it. */
#define ZSET_KEYS_COUNTED(at, how)                                                                 \
    {                                                                                              \
        .flags = (how), .begin = BEGIN_INDEX, .index = (at), .find = FIND_KEYNUM, .keynum = 0,     \
        .first_key = 1, .key_step = 1                                                              \
    }

#endif
