/* feed.c - see feed.h. */
#include "core/feed.h"

#include "base/crash.h"

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
