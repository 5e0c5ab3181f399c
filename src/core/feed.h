/* feed.h - the one ordered stream of effects.
 *
 * Every change of a key is told here once, in order. The feed counts them (INFO's
 * rdb_changes_since_last_save) and keeps the last few for the crash report; what is built
 * later (log, replicas, keyspace events, tracking) reads the same stream.
 * Threads: the loop.
 */
#ifndef CORE_FEED_H
#define CORE_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"

/* Classes of keyspace events, Redis' letters. */
enum feed_class {
    FEED_GENERIC = 'g',
    FEED_STRING = '$',
    FEED_LIST = 'l',
    FEED_SET = 's',
    FEED_HASH = 'h',
    FEED_ZSET = 'z',
    FEED_STREAM = 't',
    FEED_EXPIRED = 'x',
    FEED_EVICTED = 'e',
    FEED_NEW = 'n',
    FEED_UNTOLD = '-', /* a change that Redis has no keyspace event for */
};

#define FEED_RECENT 32 /* power of two */

struct feed_event {
    const char *event; /* "set", "del" ... */
    uint64_t key_hash;
    int32_t db;
    char class;
};

/* Somebody who is told of every change of a value, also one that on_key is not told of. */
struct feed_observer {
    void (*on_write)(void *ctx, int db, uint64_t key_hash);
    void (*on_left)(void *ctx, int db,
                    uint64_t key_hash); /* keys that leave by themselves; or NULL */
    void *ctx;
    struct feed_observer *next;
};

struct feed {
    uint64_t changes;
    void (*on_key)(void *ctx, int db, uint64_t key_hash); /* NULL: nobody waits for a key */
    void *on_key_ctx;
    struct feed_observer *observers; /* NULL: nobody observes */
    /* Keeps what would be told of a key (`wake`: to those who wait for it) if it returns true;
     * NULL: nobody does. */
    bool (*hold)(void *ctx, int db, uint64_t key_hash, bool wake);
    void *hold_ctx;
    struct feed_event recent[FEED_RECENT]; /* ring, by changes */
};

/* Lets on_key be called for every change of a key, before it returns; NULL: no more. */
static inline void feed_watch(struct feed *f, void (*on_key)(void *ctx, int db, uint64_t key_hash),
                              void *ctx) {
    f->on_key = on_key;
    f->on_key_ctx = ctx;
}

/* From now on, and no more. The observer is the caller's, and stays in between. */
void feed_observe(struct feed *f, struct feed_observer *o);
void feed_unobserve(struct feed *f, struct feed_observer *o);

static inline void feed_hold(struct feed *f,
                             bool (*hold)(void *ctx, int db, uint64_t key_hash, bool wake),
                             void *ctx) {
    f->hold = hold;
    f->hold_ctx = ctx;
}

/* Calls on_key, or the observers, unless that is held. */
void feed_tell(struct feed *f, int db, uint64_t key_hash, bool wake);

static inline void feed_touch(struct feed *f, int db, uint64_t key_hash) {
    if (unlikely(f->observers != NULL)) feed_tell(f, db, key_hash, false);
}

/* A key leaves by itself, or is hidden from now on. */
void feed_left(const struct feed *f, int db, uint64_t key_hash);

/* Tells those who wait for a key; alone for one that left by itself, which is no command's change.
 */
static inline void feed_wake(struct feed *f, int db, uint64_t key_hash) {
    if (unlikely(f->on_key != NULL)) feed_tell(f, db, key_hash, true);
}

/* A change beside the value: nobody who observes it or waits for it is told. */
static inline void feed_key_aside(struct feed *f, int db, enum feed_class class, const char *event,
                                  uint64_t key_hash) {
    f->recent[f->changes++ & (FEED_RECENT - 1)] =
        (struct feed_event){event, key_hash, db, (char)class};
}

/* A change that gives nothing to anyone who waits for the key, and is not told to them. */
static inline void feed_key_calmly(struct feed *f, int db, enum feed_class class, const char *event,
                                   uint64_t key_hash) {
    feed_key_aside(f, db, class, event, key_hash);
    feed_touch(f, db, key_hash);
}

static inline void feed_key(struct feed *f, int db, enum feed_class class, const char *event,
                            uint64_t key_hash) {
    feed_key_calmly(f, db, class, event, key_hash);
    feed_wake(f, db, key_hash);
}

/* Writes the recent events to fd, oldest first, for the crash report: async-signal-safe. */
void feed_write_recent(const struct feed *f, int fd);

#endif
