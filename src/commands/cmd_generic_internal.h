/* cmd_generic_internal.h - what the files of the generic family share.
 *
 * cmd_generic.c moves and removes keys, cmd_expire.c is about their time, cmd_scan.c lists
 * them, cmd_object.c looks inside.
 * Threads: the loop.
 */
#ifndef COMMANDS_CMD_GENERIC_INTERNAL_H
#define COMMANDS_CMD_GENERIC_INTERNAL_H

#include "core/exec.h"

/* The entry of argument i for a command that tells about a key without using its value:
 * a hit or a miss, but no access. NULL if absent. */
static inline const struct entry *generic_look(struct ctx *c, int i) {
    return db_look(c->db, ctx_key(c, i));
}

/* Removes the key of argument i and says so; false if there is none. */
static inline bool generic_delete(struct ctx *c, int i) {
    struct key k = ctx_key(c, i);
    if (!db_delete(c->db, k)) return false;
    ctx_changed(c, k, FEED_GENERIC, "del");
    return true;
}

/* A key specification: one key in argument `at`, or all from there to the last. */
#define KEY_IN(at, how)                                                                            \
    { .flags = (how), .begin = BEGIN_INDEX, .index = (at), .find = FIND_RANGE, .step = 1 }
#define KEYS_TO_END(at, how)                                                                       \
    {                                                                                              \
        .flags = (how), .begin = BEGIN_INDEX, .index = (at), .find = FIND_RANGE, .last = -1,       \
        .step = 1                                                                                  \
    }

#endif
