/* aof_internal.h - what the files of the append log share.
 *
 * aof.c is the log while the server runs, aof_rewrite.c makes new bases, aof_load.c reads a log at
 * start, aof_replay.c runs the commands of one file.
 * Threads: the loop.
 */
#ifndef PERSIST_AOF_INTERNAL_H
#define PERSIST_AOF_INTERNAL_H

#include "core/core.h"
#include "persist/aof.h"
#include "persist/key_file.h"
#include "persist/manifest.h"
#include "persist/writer.h"
#include "work/pool.h"

/* A base of commands that a worker makes of a snapshot (aof_base.c). */
enum base_state { BASE_NONE, BASE_IN_WORK, BASE_MADE };
struct base_job {
    struct work_job job; /* first: the job is the struct */
    char *from, *to;
    struct key_slot key;
    void (*wake)(void *ctx);
    void *wake_ctx;
    int err;
    _Atomic int state;
};

/* A rewrite under way. */
struct rewrite {
    bool running;
    bool first;           /* appendonly was switched on: nothing is logged until it is there */
    struct manifest next; /* what there will be */
    struct base_job base;
    bool of_commands; /* the base is to be, not an RDB */
    char *base_path;  /* of the new base */
    uint64_t cut;     /* offset of the stream */
    bool cut_made;
    int64_t retry_ms; /* not before, after failures; Unix ms */
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

/* The path of a file of the log; the caller frees it. */
char *aof_path(const struct aof *a, const char *name);
char *aof_manifest_path(const struct aof *a);
/* Of a file of commands that has no place in the log yet. */
char *aof_temporary_incr(const struct aof *a);
/* Gives that file the name `name`; 0 or a negative errno. */
int aof_name_temporary_incr(const struct aof *a, const char *name);

/* The manifest to disk; 0 or a negative errno, which is logged. */
int aof_save_manifest(struct aof *a, const struct manifest *m);

/* Removes the files that the manifest calls history. */
void aof_remove_history(struct aof *a);

/* The sizes of all files; of all but the last incr. */
uint64_t aof_bytes(const struct aof *a);
uint64_t aof_older_bytes(const struct aof *a);

/* Opens the writer on the file and listens to the effects. */
void aof_open_writer(struct aof *a, struct outfile *file);
void aof_close_writer(struct aof *a);

/* How the writer is to sync, by configuration and what goes on. */
void aof_follow_sync(struct aof *a);

/* ---- aof_rewrite.c ---- */

/* Makes the cut and begins. False, with the reason in the log. */
bool aof_rewrite_begin(struct aof *a, bool first);
/* Automatic and scheduled rewrites. */
void aof_rewrite_cron(struct aof *a);
void aof_rewrite_give_up(struct aof *a);

/* The snapshot has been made (and, if so asked, converted): the rewrite ends. */
void aof_rewrite_collect(struct aof *a);
/* Waits for a base that is being converted. */
void aof_rewrite_wait(struct aof *a);

/* ---- aof_base.c ---- */

/* Lets a worker make `to` of the RDB `from`, which goes. */
void aof_base_begin(struct aof *a, const char *from, const char *to);
/* Whether it has: *err is 0 or a negative errno. */
bool aof_base_end(struct aof *a, int *err);

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
