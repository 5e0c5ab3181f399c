/* cmd_set_internal.h - what the files of the set family share.
 *
 * cmd_set.c works on one set (two for SMOVE), cmd_set_algebra.c on several.
 * Threads: the loop.
 */
#ifndef COMMANDS_CMD_SET_INTERNAL_H
#define COMMANDS_CMD_SET_INTERNAL_H

#include "core/exec.h"
#include "store/set_entry.h"

/* Stack memory for editing a packed set: enough for all but a full intset of 64-bit numbers. */
#define SET_ROOM_BYTES 4096

/* The set of an entry; of NULL, one without members. Good until the key is written. */
struct set_view set_view_or_empty(const struct entry *e);

/* Up to when sets keep their forms, as configured. */
struct set_limits set_limits_of(const struct ctx *c);

/* Begins to change the set of an entry, or a new one (NULL). */
void set_open(struct ctx *c, const struct entry *e, struct set_edit *edit,
              char room[SET_ROOM_BYTES]);

/* Makes k the edited set, which is not empty, and ends the edit. The expiry stays. */
void set_put(struct ctx *c, struct key k, struct set_edit *edit);

/* A set_visit that replies the member: ctx is the struct reply. */
void set_reply_member(void *ctx, struct slice member);

#endif
