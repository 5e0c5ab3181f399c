/* grow.c - how long others wait while a key space grows, and while it expires.
 *
 * One connection sends a PING about every 200 us. Load and probe share one thread, so that the
 * scheduler never has to choose between them; the price is that a probe may be read some ten
 * microseconds late. When the thread itself was kept off its CPU during a probe, the worst
 * PING is an upper bound: beside it stands the worst with such stalls of our own subtracted.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fill.h"
#include "options.h"

enum {
    PROBE_EVERY_NS = 200 * 1000,
    STALL_NS = 300 * 1000, /* no turn of the loop takes so long unless it is interrupted */
    DBSIZE_EVERY_NS = 10 * 1000 * 1000,
};

static const char ping[] = "*1\r\n$4\r\nPING\r\n";

/* One request at a time over a connection of its own. */
struct probe {
    int fd;
    bool waits;
    uint64_t sent_ns;
    char text[128];
    size_t used;
};

static bool probe_reply(struct probe *p) {
    ssize_t n = recv(p->fd, p->text + p->used, sizeof p->text - 1 - p->used, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) {
        return false;
    }
    if (n <= 0) {
        die("the server closed the probing connection");
    }
    p->used += (size_t)n;
    p->text[p->used] = '\0';
    if (p->text[p->used - 1] != '\n') {
        return false;
    }
    if (p->text[0] == '-') {
        die("a probe was refused: %s", p->text);
    }
    p->waits = false;
    return true;
}

static void probe_send(struct probe *p, const char *text, uint64_t now_ns) {
    p->used = 0;
    p->waits = true;
    p->sent_ns = now_ns;
    if (send(p->fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text)) {
        die("cannot send a probe: %s", strerror(errno));
    }
}

struct watch {
    struct probe ping;
    struct hist waits;      /* as measured */
    uint64_t worst_less_ns; /* the worst, our own stalls subtracted */
    uint64_t last_turn_ns;
    uint64_t stalled_ns;     /* of the probe that is under way */
    uint64_t stall_worst_ns; /* longest time that this thread was held up */
};

static void watch_init(struct watch *w, const struct endpoint *e) {
    memset(w, 0, sizeof *w);
    w->ping.fd = endpoint_connect(e);
    w->last_turn_ns = clock_ns();
}

/* Forgets what was measured so far. */
static void watch_reset(struct watch *w) {
    memset(&w->waits, 0, sizeof w->waits);
    w->worst_less_ns = 0;
    w->stall_worst_ns = 0;
}

/* To be called in each turn of the loop. */
static void watch_turn(struct watch *w) {
    uint64_t now = clock_ns();
    uint64_t turn = now - w->last_turn_ns;
    w->last_turn_ns = now;
    if (turn > STALL_NS) {
        w->stalled_ns += turn;
        w->stall_worst_ns = turn > w->stall_worst_ns ? turn : w->stall_worst_ns;
    }
    if (w->ping.waits) {
        if (!probe_reply(&w->ping)) {
            return;
        }
        uint64_t wait = now - w->ping.sent_ns;
        uint64_t less = wait > w->stalled_ns ? wait - w->stalled_ns : 0;
        hist_add(&w->waits, wait, 1);
        w->worst_less_ns = less > w->worst_less_ns ? less : w->worst_less_ns;
    }
    if (now - w->ping.sent_ns >= PROBE_EVERY_NS) {
        w->stalled_ns = 0;
        probe_send(&w->ping, ping, now);
    }
}

static void watch_report(struct report *r, const struct watch *w) {
    report_hist(r, "ping", &w->waits);
    report_number(r, "ping_max_less_own_stalls_us", (double)w->worst_less_ns / 1000, 1);
    report_number(r, "own_stall_max_us", (double)w->stall_worst_ns / 1000, 1);
}

/* Fills while watching. Returns the seconds that it took. */
static double fill_watched(const struct options *o, struct watch *w, const char *words,
                           const struct make_from *from, struct reply_tally *tally) {
    struct fill f;
    const struct reply_rules rules = reply_rules_of("+:");
    uint64_t start = clock_ns();
    fill_init(&f, &o->at, o->conns, o->pipeline, words, from, &rules);
    while (f.busy > 0) {
        watch_turn(w);
        drive_step(&f.drive, 2, 0);
    }
    double seconds = (double)(clock_ns() - start) / 1e9;
    *tally = f.drive.tally;
    fill_fini(&f);
    return seconds;
}

int mode_grow(const struct options *o) {
    struct watch w;
    struct reply_tally tally;
    struct usage before, after;
    const struct make_from from = {.keys = o->keys, .value_bytes = o->value_bytes};
    free(endpoint_ask(&o->at, "FLUSHALL"));
    watch_init(&w, &o->at);
    options_usage(o, &before);
    double seconds = fill_watched(o, &w, "SET key:%k %v", &from, &tally);
    options_usage(o, &after);
    struct report r = {.to = stdout, .json = o->json};
    report_text(&r, "mode", "grow");
    report_number(&r, "keys", (double)o->keys, 0);
    report_number(&r, "seconds", seconds, 3);
    report_number(&r, "req_per_s", (double)o->keys / seconds, 0);
    watch_report(&r, &w);
    report_usage(&r, &before, &after, o->keys);
    int status = report_tally(&r, &tally);
    report_end(&r);
    close(w.ping.fd);
    return status;
}

/* What is to expire: keys, or what the command line says, which leaves no key behind. */
static const char *expiring_words(const struct options *o) {
    return strcmp(o->workload.name, "command") == 0 ? o->workload.words : "SET key:%k %v PXAT %t";
}

/* Watches until DBSIZE says 0 or the limit has passed, and keeps the time at which it did. */
static uint64_t watch_expiry(struct watch *w, struct probe *size, int64_t limit_ms,
                             int64_t *gone_ms) {
    uint64_t left = UINT64_MAX;
    while (left > 0 && wall_ms() < limit_ms) {
        watch_turn(w);
        uint64_t now = clock_ns();
        if (size->waits) {
            if (probe_reply(size)) {
                left = strtoull(size->text + 1, NULL, 10);
                *gone_ms = wall_ms();
            }
        } else if (now - size->sent_ns >= DBSIZE_EVERY_NS) {
            probe_send(size, "*1\r\n$6\r\nDBSIZE\r\n", now);
        }
    }
    return left;
}

int mode_expire(const struct options *o) {
    struct watch w;
    struct reply_tally tally;
    struct usage before, after;
    /* Without a lead given, leave time for 200,000 keys a second. */
    int64_t lead_ms = o->lead_ms > 0 ? o->lead_ms : 2000 + (int64_t)o->keys / 200;
    struct make_from from = {
        .keys = o->keys, .value_bytes = o->value_bytes, .time_spread_ms = o->spread_ms};
    free(endpoint_ask(&o->at, "FLUSHALL"));
    from.time_ms = wall_ms() + lead_ms;
    int64_t last_ms = from.time_ms + o->spread_ms - 1;
    watch_init(&w, &o->at);
    double seconds = fill_watched(o, &w, expiring_words(o), &from, &tally);
    if (wall_ms() >= from.time_ms) {
        die("the fill took %.1f s: give a longer --lead", seconds);
    }
    while (wall_ms() < from.time_ms) {
        watch_turn(&w);
    }
    watch_reset(&w);
    options_usage(o, &before);
    struct probe size = {.fd = endpoint_connect(&o->at)};
    int64_t gone_ms = 0;
    uint64_t left = watch_expiry(&w, &size, last_ms + (int64_t)(o->limit_seconds * 1000), &gone_ms);
    options_usage(o, &after);
    struct report r = {.to = stdout, .json = o->json};
    report_text(&r, "mode", "expire");
    report_number(&r, "keys", (double)o->keys, 0);
    report_number(&r, "fill_seconds", seconds, 3);
    report_number(&r, "spread_ms", (double)o->spread_ms, 0);
    report_number(&r, "last_gone_after_ms", (double)(gone_ms - last_ms), 0);
    report_number(&r, "left", (double)left, 0);
    watch_report(&r, &w);
    report_usage(&r, &before, &after, o->keys);
    int status = report_tally(&r, &tally);
    report_end(&r);
    close(w.ping.fd);
    close(size.fd);
    return left > 0 ? 1 : status;
}
