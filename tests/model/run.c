/* run.c - sends steps to both servers and judges the replies. See run.h. */
#include "run.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "keyspace.h"
#include "link.h"
#include "relog.h"
#include "resp.h"
#include "rng.h"
#include "support/server.h"

#define DEADLINE_MS 15000
#define CLOSE_WAIT_MS 1000
#define SETTLE_WAIT_MS 2000
#define SLACK_MS 50
#define SHOWN_BYTES_MAX 600

struct run {
    struct diffs *diffs;
    enum run_fault fault;
    bool tiny_pieces;
    enum run_log log;
    struct server *servers[SIDES];
    struct link links[RUN_CONNECTIONS][SIDES];
    struct link admin[SIDES];
    struct text out[SIDES];
    int64_t worst_ms; /* the longest exchange so far: relative times may be this far apart */
};

void failure_free(struct failure *f) {
    text_free(&f->what);
    text_free(&f->oracle);
    text_free(&f->ours);
}

static void fail(struct failure *f, size_t at, const char *what, struct span oracle,
                 struct span ours) {
    *f = (struct failure){.at = at};
    text_cstr(&f->what, what);
    text_reply(&f->oracle, oracle, SHOWN_BYTES_MAX);
    text_reply(&f->ours, ours, SHOWN_BYTES_MAX);
}

struct run *run_new(struct diffs *diffs, enum run_fault fault, bool tiny_pieces) {
    struct run *r = model_alloc(sizeof *r);
    memset(r, 0, sizeof *r);
    r->diffs = diffs;
    r->fault = fault;
    r->tiny_pieces = tiny_pieces;
    for (int s = 0; s < SIDES; s++) {
        r->admin[s].fd = -1;
        for (int c = 0; c < RUN_CONNECTIONS; c++) r->links[c][s].fd = -1;
    }
    return r;
}

void run_keep_log(struct run *r, enum run_log log) { r->log = log; }

static void open_link(struct run *r, int c, int s) {
    struct link *l = &r->links[c][s];
    static const char *const hello[] = {"HELLO", "3", NULL};
    if (!link_open(l, server_port(r->servers[s]))) return;
    if (c % 2) link_command(l, hello);
}

static bool stop_servers(struct run *r) {
    bool ok = true;
    for (int s = 0; s < SIDES; s++) {
        link_close(&r->admin[s]);
        for (int c = 0; c < RUN_CONNECTIONS; c++) link_close(&r->links[c][s]);
        if (!r->servers[s]) continue;
        if (server_stop(r->servers[s]) != 0) ok = false;
        r->servers[s] = NULL;
    }
    return ok;
}

bool run_free(struct run *r) {
    bool ok = stop_servers(r);
    for (int s = 0; s < SIDES; s++) {
        link_fini(&r->admin[s]);
        text_free(&r->out[s]);
        for (int c = 0; c < RUN_CONNECTIONS; c++) link_fini(&r->links[c][s]);
    }
    free(r);
    return ok;
}

bool run_fresh(struct run *r) {
    /* How long a command takes is the machine's matter: neither logs slow ones. */
    static const char *const args[] = {
        "--save", "", "--enable-debug-command", "yes", "--slowlog-log-slower-than", "-1", NULL};
    static const char *const oracle_args[] = {"--slowlog-log-slower-than", "-1", NULL};
    bool ok = stop_servers(r);
    r->servers[ORACLE] = server_start_oracle(r->log == LOG_OFF ? oracle_args : relog_args);
    r->servers[OURS] = server_start(r->log == LOG_OFF ? args : relog_args);
    r->worst_ms = 0;
    for (int s = 0; s < SIDES; s++) {
        link_open(&r->admin[s], server_port(r->servers[s]));
        for (int c = 0; c < RUN_CONNECTIONS; c++) open_link(r, c, s);
    }
    return ok;
}

bool run_has_command(void *ctx, const char *command) {
    struct run *r = ctx;
    const char *const words[] = {"COMMAND", "INFO", command, NULL};
    struct span *v = NULL;
    size_t n = 0;
    struct span reply = link_command(&r->admin[OURS], words);
    bool has = resp_elements(reply, &v, &n) && n == 1 && !resp_is_nil(v[1]);
    free(v);
    return has;
}

/* Judging */

static int64_t slack_ms(const struct run *r) { return SLACK_MS + 2 * r->worst_ms; }

static bool near_enough(const struct run *r, const struct step *s, struct span a, struct span b) {
    int64_t x;
    int64_t y;
    int64_t unit_ms = s->param ? s->param : 1;
    if (!resp_integer(a, &x) || !resp_integer(b, &y) || x < 0 || y < 0) return false;
    return llabs(x - y) <= slack_ms(r) / unit_ms + (unit_ms > 1 ? 2 : 0);
}

/* How the replies of a mode are sorted before they are compared. */
static bool sort_by_mode(const struct step *s, struct span reply, struct text *out) {
    if (s->mode != STEP_UNORDERED && s->mode != STEP_PAIRS) return false;
    resp_sorted(out, reply, s->mode == STEP_PAIRS ? 2 : 1, s->param == 1);
    return true;
}

static bool same_by_mode(const struct run *r, const struct step *s, struct span a, struct span b) {
    int64_t x;
    int64_t y;
    if (s->mode == STEP_NEAR) return near_enough(r, s, a, b);
    if (s->mode == STEP_TIMED) return resp_timed_equal(a, b, slack_ms(r));
    return s->mode == STEP_NUMBER && resp_integer(a, &x) && resp_integer(b, &y) && x >= 0 && y >= 0;
}

/* Scores have the shortest digits since 7.2, and 17 of them before. */
static bool has_scores(const struct step *s) {
    struct span name = s->argv[0];
    bool waits = name.n && (*name.p | 32) == 'b';
    return name.n > waits && (name.p[waits] | 32) == 'z';
}

static bool judge(struct run *r, const struct step *s, size_t at, struct span a, struct span b,
                  struct failure *f) {
    if (span_eq(a, b) || same_by_mode(r, s, a, b)) return true;
    struct text sorted[SIDES] = {{0}, {0}};
    struct text plain[SIDES] = {{0}, {0}};
    if (has_scores(s)) {
        resp_plain_floats(&plain[ORACLE], a);
        resp_plain_floats(&plain[OURS], b);
        a = text_span(&plain[ORACLE]);
        b = text_span(&plain[OURS]);
    }
    if (sort_by_mode(s, a, &sorted[ORACLE]) && sort_by_mode(s, b, &sorted[OURS])) {
        a = text_span(&sorted[ORACLE]);
        b = text_span(&sorted[OURS]);
    }
    bool same = span_eq(a, b);
    if (!same) {
        struct text command = {0};
        step_words(&command, s, 2000);
        same = diffs_explain(r->diffs, text_z(&command), a, b);
        text_free(&command);
    }
    if (!same) fail(f, at, "replies differ", a, b);
    for (int i = 0; i < SIDES; i++) {
        text_free(&sorted[i]);
        text_free(&plain[i]);
    }
    return same;
}

/* Doing */

static struct link **pair(struct run *r, const struct step *s, struct link *both[SIDES]) {
    uint32_t c = s->conn % RUN_CONNECTIONS;
    for (int i = 0; i < SIDES; i++) both[i] = &r->links[c][i];
    return both;
}

/* What our server gets in place of the step, when the self-test plays a faulty server. */
static void encode_faulty(struct run *r, const struct step *s) {
    struct text *out = &r->out[OURS];
    if (r->fault == FAULT_STATE && s->argc == 3 && span_is(s->argv[0], "append")) {
        struct text more = {0};
        struct span argv[3] = {s->argv[0], s->argv[1], {0}};
        text_add(&more, s->argv[2].p, s->argv[2].n);
        if (more.n) more.p[0] ^= 1;
        argv[2] = text_span(&more);
        link_encode(out, 3, argv);
        text_free(&more);
    } else if (r->fault == FAULT_REPLY && s->argc == 2 && span_is(s->argv[0], "strlen")) {
        struct span argv[2] = {{"EXISTS", 6}, s->argv[1]};
        link_encode(out, 2, argv);
    } else if (r->fault == FAULT_HANG && s->argc == 2 && span_is(s->argv[0], "getdel")) {
        struct span argv[1] = {{"QUIT", 4}};
        link_encode(out, 1, argv);
    } else {
        link_encode(out, s->argc, s->argv);
    }
}

static size_t piece_bytes(const struct run *r, const struct step *s) {
    struct rng rng = {s->batch};
    if (r->tiny_pieces && rng_percent(&rng, 20)) return 1 + rng_below(&rng, 7);
    return rng_percent(&rng, 20) ? 1 + rng_below(&rng, 100000) : SIZE_MAX;
}

/* The batch to both servers; false with *f filled when replies are missing. */
static bool exchange(struct run *r, struct link *both[SIDES], struct step *const *steps, size_t n,
                     struct failure *f) {
    for (int s = 0; s < SIDES; s++) text_clear(&r->out[s]);
    for (size_t i = 0; i < n; i++) {
        if (steps[i]->mode == STEP_RAW) {
            for (int s = 0; s < SIDES; s++)
                text_add(&r->out[s], steps[i]->argv[0].p, steps[i]->argv[0].n);
            continue;
        }
        link_encode(&r->out[ORACLE], steps[i]->argc, steps[i]->argv);
        encode_faulty(r, steps[i]);
    }
    bool raw = steps[0]->mode == STEP_RAW;
    struct exchange x = {{text_span(&r->out[ORACLE]), text_span(&r->out[OURS])},
                         raw ? SIZE_MAX : piece_bytes(r, steps[0]),
                         n,
                         raw,
                         DEADLINE_MS};
    int64_t start = model_now_ms();
    bool in_time = link_exchange(both, &x);
    int64_t took = model_now_ms() - start;
    if (in_time && took > r->worst_ms) r->worst_ms = took;
    if (raw && in_time) return true;
    size_t got = both[ORACLE]->n_replies < both[OURS]->n_replies ? both[ORACLE]->n_replies
                                                                 : both[OURS]->n_replies;
    if (in_time && got == n) return true;
    size_t at = got < n ? got : n - 1;
    const char *what = !in_time          ? "no reply in time"
                       : both[OURS]->bad ? "our reply is not RESP"
                                         : "a connection was closed";
    fail(f, at, what, link_reply(both[ORACLE], at), link_reply(both[OURS], at));
    if (both[OURS]->bad) {
        text_clear(&f->ours);
        text_reply(&f->ours, text_span(&both[OURS]->in), SHOWN_BYTES_MAX);
    }
    return false;
}

static bool do_plain(struct run *r, struct step *const *steps, size_t n, struct failure *f) {
    struct link *both[SIDES];
    pair(r, steps[0], both);
    bool complete = exchange(r, both, steps, n, f);
    size_t have = complete ? n : f->at;
    for (size_t i = 0; i < have; i++) {
        struct failure earlier;
        if (judge(r, steps[i], i, link_reply(both[ORACLE], i), link_reply(both[OURS], i), &earlier))
            continue;
        if (!complete) failure_free(f);
        *f = earlier;
        return false;
    }
    return complete;
}

static bool do_raw(struct run *r, struct step *const *step, struct failure *f) {
    struct link fresh[SIDES];
    struct link *both[SIDES] = {&fresh[ORACLE], &fresh[OURS]};
    memset(fresh, 0, sizeof fresh);
    for (int s = 0; s < SIDES; s++) {
        fresh[s].fd = -1;
        link_open(&fresh[s], server_port(r->servers[s]));
    }
    bool ok = exchange(r, both, step, 1, f) &&
              judge(r, step[0], 0, text_span(&fresh[ORACLE].in), text_span(&fresh[OURS].in), f);
    for (int s = 0; s < SIDES; s++) link_fini(&fresh[s]);
    return ok;
}

static bool do_close(struct run *r, struct step *const *step, struct failure *f) {
    struct link *both[SIDES];
    pair(r, step[0], both);
    if (!do_plain(r, step, 1, f)) return false;
    struct exchange x = {{{"", 0}, {"", 0}}, SIZE_MAX, 1, false, CLOSE_WAIT_MS};
    bool ended = link_exchange(both, &x);
    if (!ended || both[ORACLE]->closed != both[OURS]->closed) {
        fail(f, 0,
             both[OURS]->closed ? "our server closes, the oracle does not"
                                : "our server does not close the connection",
             text_span(&both[ORACLE]->in), text_span(&both[OURS]->in));
        return false;
    }
    for (int s = 0; s < SIDES; s++) open_link(r, (int)(step[0]->conn % RUN_CONNECTIONS), s);
    return true;
}

/* From the middle each server goes its own way: only errors can be compared. */
static bool do_scan_middle(struct run *r, struct step *const *step, struct failure *f) {
    struct link *both[SIDES];
    if (!exchange(r, pair(r, step[0], both), step, 1, f)) return false;
    struct span a = link_reply(both[ORACLE], 0);
    struct span b = link_reply(both[OURS], 0);
    return (*a.p == '*' && *b.p == '*') || judge(r, step[0], 0, a, b, f);
}

static bool do_scan(struct run *r, struct step *const *step, struct failure *f) {
    struct link *both[SIDES];
    uint32_t cursor = step[0]->param;
    if (cursor >= step[0]->argc || !span_is(step[0]->argv[cursor], "0"))
        return do_scan_middle(r, step, f);
    pair(r, step[0], both);
    struct words found[SIDES] = {{{0}, 0, 0, 0}, {{0}, 0, 0, 0}};
    struct text odd[SIDES] = {{0}, {0}};
    struct span *sorted[SIDES];
    size_t n[SIDES];
    for (int s = 0; s < SIDES; s++) {
        struct words raw = {{0}, 0, 0, 0};
        keyspace_scan(both[s], step[0]->argc, step[0]->argv, cursor, &raw, &odd[s]);
        for (size_t i = 0; i < raw.n; i++) {
            resp_plain_floats(&found[s].bytes, words_at(&raw, i));
            words_end(&found[s]);
        }
        words_free(&raw);
        sorted[s] = words_sorted(&found[s], true, &n[s]);
    }
    bool ok = judge(r, step[0], 0, text_span(&odd[ORACLE]), text_span(&odd[OURS]), f);
    for (size_t i = 0; ok && (i < n[0] || i < n[1]); i++) {
        struct span none = {"(none)", 6};
        struct span a = i < n[0] ? sorted[0][i] : none;
        struct span b = i < n[1] ? sorted[1][i] : none;
        ok = span_eq(a, b);
        if (!ok) fail(f, 0, "iterations find different elements; the first is", a, b);
    }
    for (int s = 0; s < SIDES; s++) {
        free(sorted[s]);
        words_free(&found[s]);
        text_free(&odd[s]);
    }
    return ok;
}

/* Whether the key is there, asked over the step's connection. */
static bool both_have(struct link *both[SIDES], struct span key) {
    struct text name = {0};
    text_add(&name, key.p, key.n);
    struct text query = {0};
    struct span argv[] = {{"EXISTS", 6}, text_span(&name)};
    link_encode(&query, 2, argv);
    struct exchange x = {{text_span(&query), text_span(&query)}, SIZE_MAX, 1, false, DEADLINE_MS};
    bool yes = link_exchange(both, &x);
    for (int s = 0; s < SIDES; s++) {
        int64_t n = 0;
        yes = yes && resp_integer(link_reply(both[s], 0), &n) && n == 1;
    }
    text_free(&name);
    text_free(&query);
    return yes;
}

static bool do_member(struct run *r, struct step *const *step, struct failure *f) {
    struct link *both[SIDES];
    pair(r, step[0], both);
    if (!exchange(r, both, step, 1, f)) return false;
    struct span a = link_reply(both[ORACLE], 0);
    struct span b = link_reply(both[OURS], 0);
    struct span key;
    if (span_eq(a, b)) return true;
    if (resp_string(a, &key) && resp_string(b, &key)) {
        struct text ours = {0};
        text_add(&ours, b.p, b.n);
        bool there = both_have(both, key);
        if (!there) fail(f, 0, "not a key of both", (struct span){"", 0}, text_span(&ours));
        text_free(&ours);
        return there;
    }
    return judge(r, step[0], 0, a, b, f);
}

static void sleep_ms(int64_t ms) {
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

/* Waits until the times set by the step are over, and both servers count the same. */
static bool do_settle(struct run *r, struct step *const *step, struct failure *f) {
    struct link *both[SIDES];
    pair(r, step[0], both);
    if (!do_plain(r, step, 1, f)) return false;
    int64_t end = model_now_ms() + step[0]->param + SETTLE_WAIT_MS;
    sleep_ms(step[0]->param);
    for (;;) {
        struct text query = {0};
        struct span argv[] = {{"EXISTS", 6},
                              step[0]->argc > 1 ? step[0]->argv[1] : step[0]->argv[0]};
        struct span size[] = {{"DBSIZE", 6}};
        link_encode(&query, 2, argv);
        link_encode(&query, 1, size);
        struct exchange x = {
            {text_span(&query), text_span(&query)}, SIZE_MAX, 2, false, DEADLINE_MS};
        bool answered = link_exchange(both, &x);
        text_free(&query);
        struct span a = link_reply(both[ORACLE], 1);
        struct span b = link_reply(both[OURS], 1);
        if (answered && span_eq(a, b)) break;
        if (!answered || model_now_ms() > end) {
            fail(f, 0, "after the key's time the sizes of the databases stay different", a, b);
            return false;
        }
        sleep_ms(10);
    }
    struct span a = link_reply(both[ORACLE], 0);
    struct span b = link_reply(both[OURS], 0);
    if (!span_eq(a, b)) fail(f, 0, "after its time, EXISTS of the key differs", a, b);
    return span_eq(a, b);
}

/* Keys whose time is over count until somebody meets them: that may take a moment. */
static bool do_size(struct run *r, struct step *const *step, struct failure *f) {
    int64_t end = model_now_ms() + SETTLE_WAIT_MS;
    while (!do_plain(r, step, 1, f)) {
        if (model_now_ms() > end) return false;
        failure_free(f);
        sleep_ms(20);
    }
    return true;
}

/* The value of the key goes over to the other server, both ways; what became of it shows in the
 * next comparison of the keyspaces. */
static bool do_crossed(struct run *r, struct step *const *step, struct failure *f) {
    struct link *both[SIDES];
    pair(r, step[0], both);
    if (!exchange(r, both, step, 1, f)) return false;
    struct span dump[SIDES];
    bool there = true;
    for (int s = 0; s < SIDES; s++) {
        if (!resp_string(link_reply(both[s], 0), &dump[s])) there = false;
    }
    if (!there) {
        return judge(r, step[0], 0, link_reply(both[ORACLE], 0), link_reply(both[OURS], 0), f);
    }
    struct text query[SIDES] = {{0}, {0}};
    for (int s = 0; s < SIDES; s++) {
        struct span argv[] = {
            {"RESTORE", 7}, step[0]->argv[1], {"0", 1}, dump[1 - s], {"REPLACE", 7}};
        link_encode(&query[s], 5, argv);
    }
    struct exchange x = {
        {text_span(&query[ORACLE]), text_span(&query[OURS])}, SIZE_MAX, 1, false, DEADLINE_MS};
    bool answered = link_exchange(both, &x);
    struct span a = link_reply(both[ORACLE], 0);
    struct span b = link_reply(both[OURS], 0);
    bool ok = answered && span_is(a, "+OK\r\n") && span_eq(a, b);
    if (!ok) fail(f, 0, "one does not restore what the other one dumped", a, b);
    for (int s = 0; s < SIDES; s++) text_free(&query[s]);
    return ok;
}

static bool do_check(struct run *r, struct failure *f) {
    struct link *both[SIDES] = {&r->admin[ORACLE], &r->admin[OURS]};
    struct text why = {0};
    bool ok = keyspace_equal(both, (struct leeway){slack_ms(r), slack_ms(r), false}, &why);
    if (ok && r->log != LOG_OFF)
        ok = relog_check(r->servers[OURS], &r->admin[OURS], r->log == LOG_BOTH, &why);
    if (!ok) {
        struct span none = {"", 0};
        fail(f, 0, text_z(&why), none, none);
    }
    text_free(&why);
    return ok;
}

bool run_batch(struct run *r, struct step *const *steps, size_t n, struct failure *f) {
    switch (steps[0]->mode) {
    case STEP_RAW: return do_raw(r, steps, f);
    case STEP_CLOSE: return do_close(r, steps, f);
    case STEP_SCAN: return do_scan(r, steps, f);
    case STEP_MEMBER: return do_member(r, steps, f);
    case STEP_SIZE: return do_size(r, steps, f);
    case STEP_SETTLE: return do_settle(r, steps, f);
    case STEP_CROSSED: return do_crossed(r, steps, f);
    case STEP_CHECK: return do_check(r, f);
    default: return do_plain(r, steps, n, f);
    }
}
