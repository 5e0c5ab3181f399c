/* aof.h - the append log: what commands change, on disk, so that a start finds it again.
 *
 * The log is Redis 7's: a directory with a manifest, a base (a snapshot) and files of commands that
 * follow it. The loop hands the stream of effects (core/effects) to a writer (writer.h); what is
 * on disk is told back through core->log, which the door asks before it sends replies.
 *
 * A1  The manifest names files that together are the data at any instant, whatever happens: a new
 *     file is in the manifest before anything acknowledged is in it alone.
 * A2  A rewrite makes a base of an instant, the cut, at which commands go to a new file; both take
 *     the place of all that was before in one manifest. If it fails, nothing has changed.
 * A3  With appendfsync always no reply leaves before what it tells of is on disk; with the other
 *     policies the same holds for sessions that ask for it (CLIENT DURABILITY fsync).
 * A4  With aof-key-file every file that is begun is sealed (wire/sealed). A sealed file is written
 * by one process: a start ends the one that it finds and begins another, so that no nonce can come
 *     twice, and a file with another behind it is known to be whole.
 * Threads: the loop; the writer's own.
 * Specification: Redis 7.2's directives, replies and texts.
 */
#ifndef PERSIST_AOF_H
#define PERSIST_AOF_H

#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"

struct aof;
struct core;

/* `wake` lets the loop call aof_collect; it may be called on any thread. */
struct aof *aof_new(struct core *core, void (*wake)(void *ctx), void *wake_ctx);
void aof_free(struct aof *a);

/* At start: reads the key that aof-key-file names. False: it cannot, the reason is in `why`. */
bool aof_read_key(struct aof *a, char why[CONFIG_WHY_BYTES]);

/* At start, with appendonly: reads the log, if there is one. An older log of one file is moved into
 * the directory. False, with the reason in the log: the data cannot be read, and the server must
 * not go on. */
bool aof_load(struct aof *a);

/* At start, behind loading: opens the log for what is to come. False likewise. */
bool aof_start(struct aof *a);

/* What the writer has done; and ten times a second. */
void aof_collect(struct aof *a);
void aof_cron(struct aof *a);

/* At the end: everything is written and synced, as far as it can be. */
void aof_finish(struct aof *a);

enum aof_rewrite_reply {
    AOF_REWRITE_STARTED,
    AOF_REWRITE_SCHEDULED,
    AOF_REWRITE_UNDER_WAY,
};
/* BGREWRITEAOF. `not_now`: a transaction or a script is under way, so that the cut must wait. That
 * a file cannot be opened is found out later, and told in the log and by INFO. */
enum aof_rewrite_reply aof_rewrite(struct aof *a, bool not_now);

/* DEBUG AOF-FLUSH-SLEEP: see log_writer_set_delay. */
void aof_set_flush_delay(struct aof *a, int us);

/* DEBUG LOADAOF: writes everything, empties the databases, and reads the log: with appendonly off
 * what the last rewrite has made. False if there is none, or it cannot be read. */
bool aof_reload(struct aof *a);

#endif
