/* load_internal.h - what load.c (the loop's side) and load_read.c (the thread's) share. */
#ifndef PERSIST_LOAD_INTERNAL_H
#define PERSIST_LOAD_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/config.h"
#include "core/dump.h"
#include "persist/file_in.h"
#include "persist/load.h"

#define LOAD_BATCH_ITEMS 512
#define LOAD_BATCH_BYTES (128 * 1024)
#define LOAD_BATCHES 8 /* there are at once */

enum load_kind {
    LOAD_SMALL, /* a key whose value is bytes of the batch */
    LOAD_VALUE, /* a key with a value of its own */
    LOAD_CODE,  /* a library of functions: `key` is its code, which the item owns */
    LOAD_COUNT, /* the keys that the database is said to have */
};

struct load_item {
    uint8_t kind; /* enum load_kind */
    int16_t freq; /* as in struct rdb_key */
    int db;
    struct key key; /* in the batch's bytes, or, if it is too long, `own` */
    char *own;
    int64_t expire_ms, idle_s;
    enum entry_type type; /* of LOAD_SMALL, */
    enum entry_encoding encoding;
    struct slice bytes;      /* likewise */
    uint64_t count;          /* of LOAD_COUNT */
    struct dump_value value; /* of LOAD_VALUE */
};

/* What the thread has read, in order. */
struct load_batch {
    struct load_batch *next;
    uint64_t offset; /* of the file, behind it */
    size_t count, used;
    struct load_item items[LOAD_BATCH_ITEMS];
    char data[LOAD_BATCH_BYTES];
};

struct load {
    struct config config; /* the thread's copy: numbers, not texts */
    int db_count;
    int64_t now_ms;
    struct file_in in;
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t full, empty;             /* there is a batch of the kind */
    struct load_batch *ready, **ready_last; /* under the lock */
    struct load_batch *spare;               /* likewise */
    bool stop, finished;                    /* likewise */

    /* The thread's until it has finished. */
    struct load_batch *open;
    struct load_result result;
    enum load_status status;
    bool keep_expired;
    uint64_t keys_read;        /* counted while there is a delay */
    _Atomic uint64_t used_mem; /* that the file tells of */
};

/* The thread: argument struct load. */
void load_read(void *arg);

#endif
