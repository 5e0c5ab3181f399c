/* aof_internal.h - what the files of the append log share.
 *
 * aof.c is the log while the server runs, aof_rewrite.c makes new bases, of which aof_steps.c and
 * aof_base.c are what a worker does, aof_load.c reads a log at start, aof_replay.c runs the
 * commands of one file. Threads: the loop, but for steps.
 */
#ifndef PERSIST_AOF_INTERNAL_H
#define PERSIST_AOF_INTERNAL_H

#include <pthread.h>

#include "core/core.h"
#include "persist/aof.h"
#include "persist/key_file.h"
#include "persist/manifest.h"
#include "persist/writer.h"
#include "work/pool.h"

/* A rewrite under way. What it does with files are steps that a worker takes, one at a time; while
 * it takes one, the loop leaves alone what they use. */
struct rewrite {
    struct work_job job;                  /* first: the job is the struct */
    int (*step)(struct rewrite *rw);      /* a worker; 0 or a negative errno */
    void (*then)(struct aof *a, int err); /* the loop, behind it */
    pthread_mutex_t lock;
    pthread_cond_t stepped;
    enum { REWRITE_RESTS, REWRITE_IN_STEP, REWRITE_STEPPED } state; /* under the lock */
    int step_err;
    void (*wake)(void *ctx);
    void *wake_ctx;

    bool running;
    bool first;       /* appendonly was switched on: nothing is logged until it is there */
    bool of_commands; /* the base is to be, not an RDB */
    bool given_up;
    bool cut_due, saving; /* the cut is to be made; the snapshot is being written */
    uint64_t cut;         /* offset of the stream */
    int64_t retry_ms;     /* not before, after failures; Unix ms */

    /* The steps': */
    bool logs; /* commands go to another file from the cut on */
    bool keeps_history;
    bool in_doubt;        /* a manifest is in place that a crash may take back */
    struct manifest now;  /* with that file: what there is from the cut on */
    struct manifest next; /* what there will be */
    struct key_slot key;
    char *dir, *manifest_path, *base_path;
    char *rdb_path;            /* of the snapshot that becomes a base of commands; or NULL */
    char *incr_path;           /* where that file begins */
    char *incr_named;          /* where it is in the end */
    struct outfile *file;      /* opened, until the cut */
    struct log_writer *writer; /* of a first rewrite that has failed */
    uint64_t older_bytes;      /* of all files of `next` but the last */
};

struct aof {
    struct core *core;
    void (*wake)(void *ctx);
    void *wake_ctx;
    struct key_slot key;
    struct manifest manifest;
    struct log_writer *writer; /* NULL: off */
    struct rewrite rewrite;
    bool again;           /* it is read while the server runs: DEBUG LOADAOF */
    uint64_t older_bytes; /* of the base and the incr files before the present one */
    int64_t stamp_s;      /* the last #TS */
    int delay_us;         /* DEBUG AOF-FLUSH-SLEEP */
    int reported_error;   /* core->log.error as it was told to the log file */
};

/* The path of a file of the log, or of one in such a directory; the caller frees it. */
char *aof_path(const struct aof *a, const char *name);
char *aof_join(const char *dir, const char *name);
char *aof_manifest_path(const struct aof *a);
/* Of a file of commands that has no place in the log yet. */
char *aof_temporary_incr(const struct aof *a);
/* Gives that file the name `name`; 0 or a negative errno. */
int aof_name_temporary_incr(const struct aof *a, const char *name);

/* At start: the manifest to disk; 0 or a negative errno, which is logged. */
int aof_save_manifest(struct aof *a, const struct manifest *m);

/* At start: removes the files that the manifest calls history. */
void aof_remove_history(struct aof *a);

/* The sizes of all files; of all but the last incr. */
uint64_t aof_bytes(const struct aof *a);
uint64_t aof_older_bytes(const struct aof *a);

/* Opens the writer on the file and listens to the effects. */
void aof_open_writer(struct aof *a, struct outfile *file);
/* What was appended is on disk afterwards, if that is possible. */
void aof_close_writer(struct aof *a);
/* The same without the disk; NULL, or the writer, whose owner the caller is. */
struct log_writer *aof_release_writer(struct aof *a);

/* How the writer is to sync, by configuration and what goes on. */
void aof_follow_sync(struct aof *a);

/* ---- aof_rewrite.c ---- */

/* None is under way. The cut follows when the next file is there, and nothing else is being saved.
 * With `here` the loop opens that file itself: false if it cannot, the reason is in the log. */
bool aof_rewrite_begin(struct aof *a, bool first, bool here);
/* Automatic and scheduled rewrites. */
void aof_rewrite_cron(struct aof *a);
/* The one that is under way ends soon, without a base if there is none yet. */
void aof_rewrite_give_up(struct aof *a);

/* Goes on when a step is over. */
void aof_rewrite_collect(struct aof *a);
/* The loop stands still until it is over; until no step is being taken. */
void aof_rewrite_finish(struct aof *a);
void aof_rewrite_wait(struct aof *a);

/* ---- aof_steps.c, aof_base.c: what a worker does ---- */

/* The next file is there, and in the manifest, if it is not the first one's. */
int aof_step_open(struct rewrite *rw);
/* The snapshot, which goes, becomes a base of commands. */
int aof_step_convert(struct rewrite *rw);
/* `next` is the manifest, and what it calls history is gone. */
int aof_step_adopt(struct rewrite *rw);
/* What the rewrite has made is gone. */
int aof_step_discard(struct rewrite *rw);

/* Removes the files that are history. */
void aof_unlink_history(struct manifest *m, const char *dir);
/* The sizes of the files but for so many of the last incr. */
uint64_t aof_count_bytes(const struct manifest *m, const char *dir, size_t but_last);

/* ---- aof_load.c ---- */

/* The number of incr files up to the last one that something was written to. Those behind it were
 * begun when the server died: it may be torn, as nothing has followed it. */
size_t aof_count_written(const struct aof *a);

/* ---- aof_replay.c ---- */

enum replay_status {
    REPLAY_OK,
    REPLAY_EMPTY,
    REPLAY_TORN,   /* ends within a command, a transaction or a group; what is whole was run */
    REPLAY_FAILED, /* damaged, or not understood: `why` */
};

struct replay {
    uint64_t bytes_before; /* in: of files before this one */
    bool ends;             /* in: if it is sealed, its end must be there */
    uint64_t whole;        /* bytes up to here are good; REPLAY_FAILED: where it is not */
    uint64_t bytes;        /* of the file */
    uint64_t commands;
    char why[256];
};

/* Runs the commands of the file from `offset` (of the log's bytes) on. */
enum replay_status aof_replay(struct core *core, const char *path, const struct sealed_key *key,
                              uint64_t offset, struct replay *r);

#endif
