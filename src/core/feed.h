/* feed.h - the one ordered stream of changes.
 *
 * Every change of a key is told here once, in order. The feed counts them (INFO's
 * rdb_changes_since_last_save) and keeps the last few for the crash report. Three may listen: who
 * waits for keys (core/blocked), who observes values (core/watch, topic/tracking), and who wants
 * the events by name (topic/notify). A change is told with what it is to whom (enum feed_use);
 * while nobody who is concerned listens, that is one test. Threads: the loop.
 */
#ifndef CORE_FEED_H
#define CORE_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "store/db.h"

/* Classes of keyspace events, Redis' letters. */
enum feed_class {
    FEED_GENERIC = 'g',
    FEED_STRING = '$',
    FEED_LIST = 'l',
    FEED_SET = 's',
    FEED_HASH = 'h',
    FEED_ZSET = 'z',
    FEED_STREAM = 't',
    FEED_TOPIC = 'd', /* Redis' class of types that modules bring */
    FEED_EXPIRED = 'x',
    FEED_EVICTED = 'e',
    FEED_NEW = 'n',
    FEED_MISS = 'm',
    FEED_UNTOLD = '-', /* a change that Redis has no keyspace event for */
};

/* What notify-keyspace-events calls a class, and K and E for the forms of the messages, as a bit of
 * a set; A is many bits. 0 for anything else. */
uint32_t feed_class_bit(char letter);

#define FEED_RECENT 32 /* power of two */

struct feed_event {
    const char *event; /* "set", "del" ... */
    uint64_t key_hash;
    int32_t db;
    char class;
};

/* Whom something concerns. */
enum feed_use {
    FEED_WAKES = 1 << 0,  /* who waits for the key: it may be given something */
    FEED_WRITES = 1 << 1, /* who observes the value */
    FEED_TELLS = 1 << 2,  /* who wants the event */
};

struct feed_note {
    struct key key;
    const char *event;
    int32_t db;
    char class;
    uint8_t uses; /* enum feed_use */
};

/* Somebody who is told of every change of a value, also one that on_key is not told of. */
struct feed_observer {
    void (*on_write)(void *ctx, int db, struct key k);
    void (*on_left)(void *ctx, int db, struct key k); /* keys that leave by themselves; or NULL */
    void *ctx;
    struct feed_observer *next;
};

struct feed {
    uint64_t changes;
    uint64_t more;  /* what Redis counts more than them; wraps around */
    uint32_t heard; /* enum feed_use: what anybody listens for */
    void (*on_key)(void *ctx, int db, uint64_t key_hash);
    void *on_key_ctx;
    struct feed_observer *observers; /* NULL: nobody observes */
    void (*on_event)(void *ctx, const struct feed_note *note);
    void *on_event_ctx;
    /* Keeps what would be told, for feed_tell later, if it returns true; NULL: nobody does. */
    bool (*hold)(void *ctx, const struct feed_note *note);
    void *hold_ctx;
    struct feed_event recent[FEED_RECENT]; /* ring, by changes */
};

/* The changes as Redis counts them, for rdb_changes_since_last_save and `save`. */
static inline uint64_t feed_counted(const struct feed *f) { return f->changes + f->more; }

/* Of the change that was told last Redis counts n: so many elements, say; none if it goes with one
 * that was told before. */
static inline void feed_counts(struct feed *f, uint64_t n) { f->more += n - 1; }

static inline void feed_hear(struct feed *f, enum feed_use use, bool on) {
    f->heard = on ? f->heard | use : f->heard & ~(uint32_t)use;
}

/* Lets on_key be called for every change that may give something to who waits for the key, before
 * it is over; NULL: no more. */
static inline void feed_watch(struct feed *f, void (*on_key)(void *ctx, int db, uint64_t key_hash),
                              void *ctx) {
    f->on_key = on_key;
    f->on_key_ctx = ctx;
    feed_hear(f, FEED_WAKES, on_key);
}

/* Lets the observer, which is the caller's, hear of every change of a value, and no more. */
void feed_observe(struct feed *f, struct feed_observer *o);
void feed_unobserve(struct feed *f, struct feed_observer *o);

/* A key leaves by itself, or is hidden from now on. */
void feed_left(const struct feed *f, int db, struct key k);

/* Lets on_event be called for every event, those that are no change among them, likewise. */
static inline void
feed_listen(struct feed *f, void (*on_event)(void *ctx, const struct feed_note *note), void *ctx) {
    f->on_event = on_event;
    f->on_event_ctx = ctx;
    feed_hear(f, FEED_TELLS, on_event);
}

static inline void feed_hold(struct feed *f, bool (*hold)(void *ctx, const struct feed_note *note),
                             void *ctx) {
    f->hold = hold;
    f->hold_ctx = ctx;
}

/* Calls whoever listens for one of the note's uses. */
void feed_tell(struct feed *f, const struct feed_note *note);
/* The same, unless it is held. */
void feed_note(struct feed *f, int db, enum feed_class class, const char *event, struct key k,
               unsigned uses);

static inline void feed_change(struct feed *f, int db, enum feed_class class, const char *event,
                               struct key k, unsigned uses) {
    f->recent[f->changes++ & (FEED_RECENT - 1)] =
        (struct feed_event){event, k.hash, db, (char)class};
    if (unlikely(f->heard & uses)) feed_note(f, db, class, event, k, uses);
}

/* Tells those who wait for a key. */
static inline void feed_wake(struct feed *f, int db, struct key k) {
    if (unlikely(f->heard & FEED_WAKES)) feed_note(f, db, FEED_UNTOLD, "", k, FEED_WAKES);
}

/* An event that is no command's change: a key left by itself, was missed, is new. */
static inline void feed_event(struct feed *f, int db, enum feed_class class, const char *event,
                              struct key k) {
    if (unlikely(f->heard & FEED_TELLS)) feed_note(f, db, class, event, k, FEED_TELLS);
}

/* A change beside the value: nobody who observes it or waits for it is told. */
static inline void feed_key_aside(struct feed *f, int db, enum feed_class class, const char *event,
                                  struct key k) {
    feed_change(f, db, class, event, k, FEED_TELLS);
}

/* A change that gives nothing to anyone who waits for the key, and is not told to them. */
static inline void feed_key_calmly(struct feed *f, int db, enum feed_class class, const char *event,
                                   struct key k) {
    feed_change(f, db, class, event, k, FEED_WRITES | FEED_TELLS);
}

static inline void feed_key(struct feed *f, int db, enum feed_class class, const char *event,
                            struct key k) {
    feed_change(f, db, class, event, k, FEED_WAKES | FEED_WRITES | FEED_TELLS);
}

/* Writes the recent events to fd, oldest first, for the crash report: async-signal-safe. */
void feed_write_recent(const struct feed *f, int fd);

#endif
