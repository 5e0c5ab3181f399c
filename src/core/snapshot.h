/* snapshot.h - the walk of a snapshot between commands, and who has to wait for it.
 *
 * store/capture says how the keyspace of one instant is handed out. Here is when: at the end of
 * each turn the walk goes on until enough is on its way to the writer. And what becomes of those
 * who would make it costly:
 *   - A command that changes a large object which is being written changes it: the writer has a
 *     still. If there is none (a large string), or stills keep more than CAPTURE_HELD_BYTES, or a
 *     25th of the memory, it waits, in the value's lane, until the value is written
 *     (snapshot_gate). One that cannot wait, or changes a key that it does not declare, has a value
 *     without a still copied.
 *   - When as much was captured because of changes, commands that write wait until half of it is
 *     written.
 * Threads: the loop.
 */
#ifndef CORE_SNAPSHOT_H
#define CORE_SNAPSHOT_H

#include "core/exec.h"
#include "store/capture.h"

/* Whoever writes captures down. */
struct snapshot_writer {
    void (*give)(void *ctx, struct capture *c);
    void (*hurry)(void *ctx, struct capture *c); /* one that was given is waited for */
    void *ctx;
};

/* Makes the cut: one snapshot at a time. `writer` stays until snapshot_end. */
void snapshot_begin(struct core *core, const struct snapshot_writer *writer);

/* Goes on with the walk; true if it could go on at once. */
bool snapshot_step(struct core *core);

/* The writer is done with a capture, which it has unreferenced. */
void snapshot_take_back(struct core *core, struct capture *c);

/* After the last capture is back, or to give up. */
void snapshot_end(struct core *core);

/* Before a command that writes: lets it find the lanes busy (places_gate) that it has to wait for.
 */
void snapshot_gate(struct core *core, const struct session *s, const struct request *req);

/* Before the commit of a command that a worker has computed: false if a large value that it edits
 * is being written, which is hurried then. If not, the values that it edits are captured and its
 * own; a pointer to an entry stays good. */
bool snapshot_may_commit(struct core *core, struct db *db, const struct request *req);

/* Stops the command that goes on (core/ongoing.h), if one does, until it may commit so. */
void snapshot_wait(struct core *core, struct db *db, const struct request *req);

/* Whether commands that write are to be held. */
static inline bool snapshot_is_full(const struct core *core) { return core->snapshot_full; }

#endif
