/* undo.h - what a script changes, to be taken back if it fails (script-rollback).
 *
 * From undo_begin on, undo_note is told of each command that writes, before it runs, and keeps what
 * its keys hold: blobs are shared, packed values and objects are copied. undo_roll_back puts that
 * back, expiry included; undo_end forgets it.
 *
 * U1  What was noted is restored wholly or, once something could not be kept (undo_is_lost), not at
 *     all: a value over UNDO_KEY_BYTES_MAX, more than UNDO_BYTES_MAX together, keys that are not
 *     told (FLUSHALL), a key of another database (MOVE).
 * U2  Of the noted keys the feed's observers and those who wait hear at the end, or never: the feed
 *     is held while the fiber runs. So neither WATCH nor BLPOP sees what is taken back.
 * U3  What the script has told since (core/effects.h) goes with it, but for keys and fields that
 *     left by themselves and are not restored.
 *
 * Cost: a copy and a look-up for the first write to a key, a look-up for the others.
 * Threads: the loop.
 */
#ifndef CORE_UNDO_H
#define CORE_UNDO_H

#include "core/exec.h"

struct undo;

struct undo *undo_new(struct core *core);
void undo_free(struct undo *u); /* NULL: harmless */

/* A script begins. Harmless otherwise: undo_note and the rest do nothing before. */
void undo_begin(struct undo *u);

/* A command that writes is about to run with db as its database. */
void undo_note(struct undo *u, struct db *db, const struct request *req);

/* Something has been changed that cannot be taken back. */
bool undo_is_lost(const struct undo *u);

/* Takes everything back, unless it is lost; then as undo_end. */
void undo_roll_back(struct undo *u);

/* What was changed stays: tells those who are to hear of it. */
void undo_end(struct undo *u);

#endif
