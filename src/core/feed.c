/* feed.c - see feed.h. */
#include "core/feed.h"

#include "base/crash.h"

void feed_tell(struct feed *f, int db, uint64_t key_hash, bool wake) {
    if (f->hold && f->hold(f->hold_ctx, db, key_hash, wake)) return;
    if (wake) {
        f->on_key(f->on_key_ctx, db, key_hash);
    } else {
        for (struct feed_observer *o = f->observers; o; o = o->next)
            o->on_write(o->ctx, db, key_hash);
    }
}

void feed_observe(struct feed *f, struct feed_observer *o) {
    o->next = f->observers;
    f->observers = o;
}

void feed_unobserve(struct feed *f, struct feed_observer *o) {
    struct feed_observer **at = &f->observers;
    while (*at != o) at = &(*at)->next;
    *at = o->next;
}

void feed_left(const struct feed *f, int db, uint64_t key_hash) {
    for (const struct feed_observer *o = f->observers; o; o = o->next) {
        if (o->on_left) o->on_left(o->ctx, db, key_hash);
    }
}

void feed_write_recent(const struct feed *f, int fd) {
    uint64_t first = f->changes > FEED_RECENT ? f->changes - FEED_RECENT : 0;
    for (uint64_t i = first; i < f->changes; i++) {
        const struct feed_event *e = &f->recent[i & (FEED_RECENT - 1)];
        crash_write(fd, "event ");
        crash_write_i64(fd, (int64_t)i);
        crash_write(fd, " db ");
        crash_write_i64(fd, e->db);
        crash_write(fd, " ");
        crash_write(fd, e->event);
        crash_write(fd, "\n");
    }
}
