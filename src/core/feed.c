/* feed.c - see feed.h. */
#include "core/feed.h"

#include <string.h>

#include "base/crash.h"

uint32_t feed_class_bit(char letter) {
    static const char letters[] = "g$lshzxetdKEmn";
    const uint32_t all = (1 << 10) - 1; /* what A stands for comes first */
    const char *at = letter ? strchr(letters, letter) : NULL;
    if (letter == 'A') return all;
    return at ? (uint32_t)1 << (at - letters) : 0;
}

void feed_tell(struct feed *f, const struct feed_note *note) {
    unsigned uses = note->uses & f->heard;
    const struct feed_observer *o = uses & FEED_WRITES ? f->observers : NULL;
    for (; o; o = o->next) o->on_write(o->ctx, note->db, note->key);
    if (uses & FEED_TELLS) f->on_event(f->on_event_ctx, note);
    if (uses & FEED_WAKES) f->on_key(f->on_key_ctx, note->db, note->key.hash);
}

void feed_observe(struct feed *f, struct feed_observer *o) {
    o->next = f->observers;
    f->observers = o;
    feed_hear(f, FEED_WRITES, true);
}

void feed_unobserve(struct feed *f, struct feed_observer *o) {
    struct feed_observer **at = &f->observers;
    while (*at != o) at = &(*at)->next;
    *at = o->next;
    feed_hear(f, FEED_WRITES, f->observers);
}

void feed_left(const struct feed *f, int db, struct key k) {
    for (const struct feed_observer *o = f->observers; o; o = o->next) {
        if (o->on_left) o->on_left(o->ctx, db, k);
    }
}

void feed_note(struct feed *f, int db, enum feed_class class, const char *event, struct key k,
               unsigned uses) {
    struct feed_note note = {
        .key = k, .event = event, .db = db, .class = (char)class, .uses = (uint8_t)uses};
    if (!f->hold || !f->hold(f->hold_ctx, &note)) feed_tell(f, &note);
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
