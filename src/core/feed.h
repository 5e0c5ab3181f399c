/* feed.h - the one ordered stream of effects.
 *
 * Every change of a key is told here once, in order. The feed counts them (INFO's
 * rdb_changes_since_last_save) and keeps the last few for the crash report; what is built
 * later (log, replicas, keyspace events, tracking) reads the same stream.
 * Threads: the loop.
 */
#ifndef CORE_FEED_H
#define CORE_FEED_H

#include <stdint.h>

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
};

#define FEED_RECENT 32 /* power of two */

struct feed_event {
    const char *event; /* "set", "del" ... */
    uint64_t key_hash;
    int32_t db;
    char class;
};

struct feed {
    uint64_t changes;
    struct feed_event recent[FEED_RECENT]; /* ring, by changes */
};

static inline void feed_key(struct feed *f, int db, enum feed_class class, const char *event,
                            uint64_t key_hash) {
    f->recent[f->changes++ & (FEED_RECENT - 1)] =
        (struct feed_event){event, key_hash, db, (char)class};
}

/* Writes the recent events to fd, oldest first, for the crash report: async-signal-safe. */
void feed_write_recent(const struct feed *f, int fd);

#endif
