/* save.h - snapshots of the keyspace into RDB files.
 *
 * A save job writes the keyspace as it is in one instant, the cut, into a file, while the loop goes
 * on: core/snapshot captures what is about to change, a thread of the job's own serialises,
 * compresses and writes. The file is written under a temporary name, synced, and renamed over the
 * target, whose directory is synced then: there is the old file or the new one, whole.
 *
 * S1  One job is under way at a time.
 * S2  cut is called once, on the loop, before save_begin returns; done is called once after it, on
 *     the loop, unless save_begin returned an error, in which case neither is called.
 * Threads: the loop.
 */
#ifndef PERSIST_SAVE_H
#define PERSIST_SAVE_H

#include <stdbool.h>

#include "wire/sealed.h"

struct core;

struct save_job {
    const char *path;             /* copied */
    bool aof_base;                /* the aux field `aof-base` is 1 */
    const struct sealed_key *key; /* copied; NULL: a plain file */
    const char *cpus;             /* static; of its thread */
    void (*cut)(void *ctx);       /* in the instant of the cut; NULL: nothing */
    void (*done)(void *ctx, int err, const char *why); /* err 0, or negative: why, in one line */
    void *ctx;
};

/* Makes the cut and starts the job. 0, or ERR_SAVING when one is under way. */
int save_begin(struct core *core, const struct save_job *job);

/* Brings the job that is under way to its end, the loop standing still meanwhile; its done is
 * called before this returns. Nothing is under way: does nothing. */
void save_finish(struct core *core);
/* The same, but gives it up once `breaks`, which is asked ten times a second, says so. */
void save_finish_unless(struct core *core, bool (*breaks)(void), const char *why);

/* Gives the job up: its temporary file goes, its done is told so, soon. */
void save_give_up(struct core *core, const char *why);
/* The same before this returns. */
void save_abort(struct core *core, const char *why);

bool save_is_running(const struct core *core);

#endif
