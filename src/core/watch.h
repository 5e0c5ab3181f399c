/* watch.h - keys that sessions watch for a transaction.
 *
 * V1  A session is marked (SESSION_CAS_FAILED) by the first change of a key that it watches, be it
 *     by a command, by its time or by eviction; until unwatch_all it stays so.
 * V2  A key is meant by database and hash: another one of the same hash would fail a transaction
 *     for nothing, which a keyed hash of 64 bits rules out in practice.
 * Cost: nothing for changes while nobody watches; else a look-up a change.
 * Threads: the loop. Specification: Redis 7.2's WATCH.
 */
#ifndef CORE_WATCH_H
#define CORE_WATCH_H

#include "core/exec.h"

struct watches;

struct watches *watches_new(void);
void watches_free(struct watches *w);

/* Keys that any session watches. */
size_t watch_keys(const struct core *core);

/* Lets s watch k of its database; once is enough. */
void watch_key(struct session *s, struct key k);
void unwatch_all(struct session *s);

/* Whether EXEC must fail: something was changed, or has come to its end unseen. */
bool watch_failed(struct session *s);

/* A key has left by its time or by eviction. Who began to watch it when its time was over already
 * has not seen it. */
void watch_left(struct core *core, struct db *db, uint64_t hash);

/* All keys of db are about to be emptied, or to change places with those of `other` (or NULL): the
 * ones that there are, or will be, change. */
void watch_touch_db(struct core *core, struct db *db, struct db *other);

#endif
