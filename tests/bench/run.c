/* run.c - the closed loop (throughput, CPU per request) and the open loop (latency).
 *
 * The closed loop sends a connection's next batch when its last one is answered. The open
 * loop sends on a schedule whatever the server does, and counts the latency of a request from
 * the time that the schedule had for it, so that a stall is felt by all whom it delays.
 */
#include <stdlib.h>
#include <string.h>

#include "options.h"

enum { RING_MIN = 64 * 1024, RING_MAX = 1024 * 1024, RING_BYTES_MAX = 256 * 1024 * 1024 };

/* Enough commands that a large key space is missed in the server's caches, a multiple of the
 * pipeline so that a batch never wraps. */
static void make_ring(const struct options *o, struct ring *ring) {
    const struct make_from from = {.keys = o->keys, .value_bytes = o->value_bytes, .seed = o->seed};
    struct maker *m = maker_new(o->workload.words, o->workload.repeat, &from);
    uint64_t count = o->ring;
    if (count == 0) {
        count = o->keys * 4 < RING_MIN ? RING_MIN : o->keys * 4;
        count = count > RING_MAX ? RING_MAX : count;
        uint64_t fit = RING_BYTES_MAX / maker_bytes_max(m);
        count = count > fit ? fit : count;
    }
    uint64_t batches = count / o->pipeline;
    ring_init(ring, m, (batches == 0 ? 1 : batches) * o->pipeline);
    maker_free(m);
}

/* Places the connections evenly around the ring, at the start of a batch. */
static void spread_conns(struct drive *d, const struct ring *ring, uint64_t pipeline) {
    size_t batches = ring->count / pipeline;
    for (int i = 0; i < d->conn_count; i++) {
        d->conns[i].place = (size_t)i * batches / (size_t)d->conn_count * pipeline;
    }
}

/* The commands from c's place on, `count` of them or as many as come before the ring's end. */
static uint64_t send_from_ring(struct drive *d, const struct ring *ring, struct conn *c,
                               uint64_t count, uint64_t now_ns) {
    if (count > ring->count - c->place) {
        count = ring->count - c->place;
    }
    size_t from = ring->at[c->place];
    size_t to = ring->at[c->place + count];
    c->place = c->place + count == ring->count ? 0 : c->place + count;
    drive_send(d, c, ring->bytes + from, to - from, count, now_ns);
    return count;
}

struct closed {
    struct drive drive;
    struct ring ring;
    uint64_t pipeline;
    uint64_t left; /* requests that may still be sent */
    uint64_t stop_ns;
    int busy; /* connections that wait for replies */
};

static void closed_next(struct closed *run, struct conn *c, uint64_t now_ns) {
    uint64_t count = run->left < run->pipeline ? run->left : run->pipeline;
    if (count == 0 || now_ns >= run->stop_ns) {
        run->busy--;
        return;
    }
    run->left -= send_from_ring(&run->drive, &run->ring, c, count, now_ns);
}

static void closed_replied(void *ctx, struct conn *c, uint64_t n, uint64_t now_ns) {
    struct closed *run = ctx;
    hist_add(&run->drive.latency, now_ns - c->sent_ns, n);
    if (c->pending == 0) {
        closed_next(run, c, now_ns);
    }
}

/* One phase, from the first request to the last reply. Returns its length in seconds. */
static double closed_phase(struct closed *run, uint64_t requests, double seconds) {
    uint64_t start = clock_ns();
    memset(&run->drive.latency, 0, sizeof run->drive.latency);
    memset(&run->drive.tally, 0, sizeof run->drive.tally);
    run->left = requests > 0 ? requests : UINT64_MAX;
    run->stop_ns = requests > 0 ? UINT64_MAX : start + (uint64_t)(seconds * 1e9);
    run->busy = run->drive.conn_count;
    spread_conns(&run->drive, &run->ring, run->pipeline);
    for (int i = 0; i < run->drive.conn_count; i++) {
        closed_next(run, &run->drive.conns[i], start);
    }
    while (run->busy > 0) {
        drive_step(&run->drive, 256, 1000000000u);
    }
    return (double)(clock_ns() - start) / 1e9;
}

int mode_run(const struct options *o) {
    struct closed run = {.pipeline = o->pipeline};
    const struct reply_rules rules = options_rules(o);
    struct usage before, after;
    make_ring(o, &run.ring);
    drive_init(&run.drive, &o->at, o->conns, &rules);
    run.drive.replied = closed_replied;
    run.drive.ctx = &run;
    if (o->warm_seconds > 0) {
        closed_phase(&run, 0, o->warm_seconds);
    }
    options_usage(o, &before);
    double seconds = closed_phase(&run, o->requests, o->seconds);
    options_usage(o, &after);
    struct report r = {.to = stdout, .json = o->json};
    report_text(&r, "workload", o->workload.name);
    report_number(&r, "conns", o->conns, 0);
    report_number(&r, "pipeline", (double)o->pipeline, 0);
    report_number(&r, "keys", (double)o->keys, 0);
    report_number(&r, "requests", (double)run.drive.tally.replies, 0);
    report_number(&r, "seconds", seconds, 3);
    report_number(&r, "req_per_s", (double)run.drive.tally.replies / seconds, 0);
    report_hist(&r, "latency", &run.drive.latency);
    report_usage(&r, &before, &after, run.drive.tally.replies);
    int status = report_tally(&r, &run.drive.tally);
    report_end(&r);
    drive_fini(&run.drive);
    ring_fini(&run.ring);
    return status;
}

struct open_loop {
    struct drive drive;
    struct ring ring;
    uint64_t start_ns;
    double interval_ns;
};

/* Request i of the schedule goes to connection i modulo their number. */
static uint64_t due_ns(const struct open_loop *run, uint64_t request) {
    return run->start_ns + (uint64_t)((double)request * run->interval_ns);
}

static void open_replied(void *ctx, struct conn *c, uint64_t n, uint64_t now_ns) {
    struct open_loop *run = ctx;
    uint64_t conns = (uint64_t)run->drive.conn_count;
    uint64_t request = (uint64_t)(c - run->drive.conns) + c->replies * conns;
    for (uint64_t i = 0; i < n; i++, request += conns) {
        uint64_t due = due_ns(run, request);
        hist_add(&run->drive.latency, now_ns > due ? now_ns - due : 0, 1);
    }
    if (c->owed > 0 && c->out_bytes == 0) {
        c->owed -= send_from_ring(&run->drive, &run->ring, c, c->owed, now_ns);
    }
}

/* A full socket takes the request when it has replied: see open_replied. */
static void open_send(struct open_loop *run, uint64_t request, uint64_t now_ns) {
    struct conn *c = &run->drive.conns[request % (uint64_t)run->drive.conn_count];
    c->owed++;
    if (c->out_bytes == 0) {
        c->owed -= send_from_ring(&run->drive, &run->ring, c, c->owed, now_ns);
    }
}

/* Runs the schedule. Returns the requests that were not answered within the limit. */
static uint64_t open_phase(struct open_loop *run, uint64_t total, double limit_seconds) {
    const uint64_t spin_ns = 60000; /* a sleep may end so late */
    uint64_t sent = 0;
    uint64_t end = due_ns(run, total) + (uint64_t)(limit_seconds * 1e9);
    while (run->drive.tally.replies < total) {
        uint64_t now = clock_ns();
        while (sent < total && due_ns(run, sent) <= now) {
            open_send(run, sent++, now);
        }
        uint64_t next = sent < total ? due_ns(run, sent) : end;
        drive_step(&run->drive, 64, next > now + spin_ns ? next - now - spin_ns : 0);
        if (now > end) {
            break;
        }
    }
    return total - run->drive.tally.replies;
}

int mode_rate(const struct options *o) {
    struct open_loop run = {.interval_ns = 1e9 / o->rate};
    const struct reply_rules rules = options_rules(o);
    struct usage before, after;
    make_ring(o, &run.ring);
    drive_init(&run.drive, &o->at, o->conns, &rules);
    run.drive.replied = open_replied;
    run.drive.ctx = &run;
    spread_conns(&run.drive, &run.ring, 1);
    uint64_t total = o->requests > 0 ? o->requests : (uint64_t)(o->seconds * o->rate) + 1;
    options_usage(o, &before);
    run.start_ns = clock_ns();
    uint64_t lost = open_phase(&run, total, o->limit_seconds);
    double seconds = (double)(clock_ns() - run.start_ns) / 1e9;
    options_usage(o, &after);
    struct report r = {.to = stdout, .json = o->json};
    report_text(&r, "workload", o->workload.name);
    report_number(&r, "rate", o->rate, 0);
    report_number(&r, "conns", o->conns, 0);
    report_number(&r, "keys", (double)o->keys, 0);
    report_number(&r, "seconds", seconds, 3);
    report_number(&r, "req_per_s", (double)run.drive.tally.replies / seconds, 0);
    report_hist(&r, "latency", &run.drive.latency);
    report_number(&r, "unanswered", (double)lost, 0);
    report_usage(&r, &before, &after, run.drive.tally.replies);
    int status = report_tally(&r, &run.drive.tally);
    report_end(&r);
    drive_fini(&run.drive);
    ring_fini(&run.ring);
    return lost > 0 ? 1 : status;
}
