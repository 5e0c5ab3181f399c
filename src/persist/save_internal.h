/* save_internal.h - what save.c (the loop's side) and save_write.c (the thread's) share. */
#ifndef PERSIST_SAVE_INTERNAL_H
#define PERSIST_SAVE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/snapshot.h"
#include "persist/file_out.h"
#include "persist/key_file.h"
#include "persist/save.h"
#include "wire/rdb_write.h"

struct net_wake;

#define SAVE_WHY_BYTES 256

/* A job under way. */
struct save {
    struct core *core;
    struct save_job job;
    struct snapshot_writer writer;
    char *path;
    struct key_slot key;
    struct net_wake *wake; /* of the loop, sent when something is read or finished */
    pthread_t thread;
    struct capture *outbox, **outbox_last; /* the loop's: given, and not in the queue yet */

    pthread_mutex_t lock;
    pthread_cond_t more;                        /* for the thread */
    pthread_cond_t news;                        /* for a loop that stands still */
    struct capture *queue, **queue_last, *read; /* under the lock; read: by the thread */
    bool stop, finished;                        /* likewise */
    atomic_bool stopped;                        /* the same as stop, to be asked in passing */
    int err;                                    /* under the lock; negative */
    char why[SAVE_WHY_BYTES];

    /* Set before the thread begins. */
    struct keyspace clocks; /* of the cut: only what access times are told by */
    bool idle, freq;        /* which of them is written */
    int version, write_version;
    bool compress, checksum, steady;
    int key_delay; /* rdb-key-save-delay */
    int64_t created_s;
    size_t used_bytes;
    struct cut_db *dbs;
    int db_count;
    char *functions; /* records of the libraries */
    size_t function_bytes;

    /* The thread's. */
    struct file_out out;
    struct rdb_writer w;
    int db;                /* selected */
    uint64_t keys_written; /* counted while there is a delay */
};

/* The thread: argument struct save. */
void save_write(void *arg);

#endif
