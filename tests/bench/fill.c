/* fill.c - writes every key of a key space once, in sequence, as fast as the server takes it.
 */
#include "fill.h"

#include <inttypes.h>
#include <stdlib.h>

#include "options.h"

static void next_batch(struct fill *f, struct conn *c, uint64_t now_ns) {
    uint64_t count = f->left < f->pipeline ? f->left : f->pipeline;
    if (count == 0) {
        f->busy--;
        return;
    }
    size_t bytes = 0;
    for (uint64_t i = 0; i < count; i++) {
        bytes += maker_next(f->maker, c->own + bytes);
    }
    f->left -= count;
    drive_send(&f->drive, c, c->own, bytes, count, now_ns);
}

static void fill_replied(void *ctx, struct conn *c, uint64_t n, uint64_t now_ns) {
    struct fill *f = ctx;
    hist_add(&f->drive.latency, now_ns - c->sent_ns, n);
    if (c->pending == 0) {
        next_batch(f, c, now_ns);
    }
}

void fill_init(struct fill *f, const struct endpoint *e, int conns, uint64_t pipeline,
               const char *words, const struct make_from *from, const struct reply_rules *rules) {
    drive_init(&f->drive, e, conns, rules);
    f->drive.replied = fill_replied;
    f->drive.ctx = f;
    f->maker = maker_new(words, 0, from);
    f->pipeline = pipeline;
    f->left = from->keys;
    f->busy = conns;
    for (int i = 0; i < conns; i++) {
        struct conn *c = &f->drive.conns[i];
        c->own = malloc(maker_bytes_max(f->maker) * pipeline);
        if (c->own == NULL) {
            die("no memory for batches of %llu", (unsigned long long)pipeline);
        }
        next_batch(f, c, clock_ns());
    }
}

void fill_fini(struct fill *f) {
    maker_free(f->maker);
    drive_fini(&f->drive);
}

int mode_fill(const struct options *o) {
    char words[1024];
    struct fill f;
    struct usage before, after;
    const struct make_from from = {.keys = o->keys, .value_bytes = o->value_bytes};
    const struct reply_rules rules = options_rules(o);
    snprintf(words, sizeof words, o->ttl_ms > 0 ? "%s PX %" PRId64 : "%s", o->workload.words,
             o->ttl_ms);
    options_usage(o, &before);
    uint64_t start = clock_ns();
    fill_init(&f, &o->at, o->conns, o->pipeline, words, &from, &rules);
    while (f.busy > 0) {
        drive_step(&f.drive, 256, 1000000000u);
    }
    double seconds = (double)(clock_ns() - start) / 1e9;
    options_usage(o, &after);
    struct report r = {.to = stdout, .json = o->json};
    report_text(&r, "mode", "fill");
    report_number(&r, "keys", (double)o->keys, 0);
    report_number(&r, "seconds", seconds, 3);
    report_number(&r, "req_per_s", (double)o->keys / seconds, 0);
    report_usage(&r, &before, &after, o->keys);
    int status = report_tally(&r, &f.drive.tally);
    report_end(&r);
    fill_fini(&f);
    return status;
}
