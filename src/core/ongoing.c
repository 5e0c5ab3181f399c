/* ongoing.c - see ongoing.h. Threads: the loop. */
#include "core/ongoing.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "core/fiber.h"
#include "core/monitor.h"
#include "core/offload.h"
#include "core/places.h"
#include "core/push.h"

#define STACK_BYTES (16 * 1024 * 1024) /* of address space */

static uint64_t slice_ticks;

static void begin_slice(struct ongoing *o) {
    o->slice_end = clock_ticks() + slice_ticks;
    o->inside = true;
}

/* The fiber has stopped, and what is to happen before it goes on is set. */
static void after_stop(struct core *core) {
    struct work_job *job = core->ongoing.job;
    if (!job) return;
    core->ongoing.job = NULL;
    bool taken = work_queue_submit(core->queues.commands, job);
    ASSERT(taken); /* by its room: core/offload.c */
}

static void keep_request(struct ongoing *o, const struct ctx *c) {
    o->req = mem_alloc(sizeof *o->req);
    if (c->req->lasts) {
        *o->req = *c->req;
    } else {
        request_copy(o->req, c->req, c->argv);
    }
}

static void let_request_go(struct ongoing *o) {
    if (!o->req->lasts) request_free(o->req);
    mem_free(o->req);
    o->req = NULL;
}

/* The body has stopped for the first time. */
static void begin(struct ctx *c, const struct ongoing_work *w) {
    struct core *core = c->core;
    struct ongoing *o = &core->ongoing;
    o->on = true;
    o->s = c->s;
    o->drop = w->drop;
    o->arg = w->arg;
    o->begun_us = core->now_us;
    o->ticks = clock_ticks() - core->tick_mark;
    o->silent = c->s->gates & (GATE_REPLY_OFF | GATE_REPLY_SKIPPING);
    o->no_touch = core->ks->no_touch;
    keep_request(o, c);
    c->s->state |= SESSION_BUSY;
    effects_put_aside(core);
    core->after_due = true;
    bool holds = places_hold(core, c->s, w->requests, w->request_count, w->only_reads);
    o->exclusive = o->strayed || (!holds && !o->draining);
    core_update_gates(core);
    after_stop(core);
}

void ongoing_run(struct ctx *c, const struct ongoing_work *w) {
    struct ongoing *o = &c->core->ongoing;
    if (unlikely(o->inside || o->on)) {
        w->body(w->arg);
        return;
    }
    core_refresh_now(c->core); /* what came before in this turn may have taken long */
    if (unlikely(!o->fiber)) {
        o->fiber = fiber_new(STACK_BYTES);
        ASSERT(o->fiber);
        slice_ticks = clock_us_to_ticks(SCRIPT_SLICE_US);
    }
    o->may_pause = !(c->s->state & SESSION_NO_WAIT);
    o->strayed = false;
    begin_slice(o);
    bool over = fiber_start(o->fiber, w->body, w->arg);
    o->inside = false;
    if (unlikely(!over)) begin(c, w);
}

/* ---- commands of many steps --------------------------------------------------------- */

struct steps {
    struct ctx c; /* first: the body's */
    struct ongoing_steps what;
    struct reply reply, *out;
    bool inner; /* its arguments stay: they are of a script, or a transaction */
};

static void steps_drop(void *arg) {
    struct steps *x = arg;
    if (x->what.drop) x->what.drop(x->what.state);
    mem_free(x->what.state);
    reply_fini(&x->reply);
    mem_free(x);
}

static void steps_run(void *arg) {
    struct steps *x = arg;
    struct ongoing *o = &x->c.core->ongoing;
    const struct ctx *other = o->resting; /* of one that has stopped */
    o->resting = &x->c;
    x->what.body(&x->c, x->what.state);
    o->resting = other;
    reply_take(x->out, &x->reply);
    steps_drop(x);
}

/* What waited for a key is served in the turn that its key has; who waits for all keys goes first;
 * and a reader passed no gate, so that others may have its key. */
static bool may_go_on(const struct ctx *c) {
    if (c->s->waiter || lane_stops_all(places_lanes(c->core))) return false;
    if (!c->core->lanes_busy || c->s->park) return true;
    struct wants w;
    wants_of(&w, c->db, c->req, LANE_SHARES, LANE_ALONE);
    bool free = places_would_grant(c->core, &w);
    wants_free(&w);
    return free;
}

void ongoing_many_steps(struct ctx *c, const struct ongoing_steps *o) {
    if (!may_go_on(c)) {
        o->body(c, o->state);
        if (o->drop) o->drop(o->state);
        return;
    }
    struct steps *x = mem_calloc(sizeof *x);
    x->c = *c;
    x->what = *o;
    x->what.state = mem_dup(o->state, o->state_bytes);
    x->out = c->r;
    x->inner = !exec_may_wait(c);
    reply_init(&x->reply);
    x->reply.proto = c->r->proto;
    x->c.r = &x->reply;
    ongoing_run(c, &(struct ongoing_work){.body = steps_run,
                                          .drop = steps_drop,
                                          .arg = x,
                                          .requests = c->req,
                                          .request_count = 1});
}

void ongoing_edits(struct ctx *c, const struct entry *e, void (*body)(struct ctx *c, void *state)) {
    bool steps = e && entry_encoding(e) == ENC_OBJECT;
    ongoing_command(c, &(struct ongoing_steps){.units = steps ? (uint64_t)c->argc : 0,
                                               .state = &e,
                                               .state_bytes = sizeof e,
                                               .body = body});
}

void ongoing_rest_now(struct ctx *c) {
    struct core *core = c->core;
    if (likely(!ongoing_is_due(core)) || core->ongoing.resting != c) return;
    bool of_transaction = core->running == c->req;
    ongoing_pause(core);
    const struct steps *x = (const struct steps *)c;
    if (x->inner) { /* it is what runs in a transaction; in a script, that is */
        if (of_transaction) core->running = c->req;
        return;
    }
    c->req = core->ongoing.req;
    c->argv = c->req->argv;
}

bool ongoing_has_many_arguments(struct db *db, const struct slice *argv, int argc) {
    (void)db;
    (void)argv;
    return argc >= ONGOING_WAITS_MIN;
}

/* ---- within a body ------------------------------------------------------------------ */

bool ongoing_is_due(const struct core *core) {
    return ongoing_may_pause(core) && clock_ticks() > core->ongoing.slice_end;
}

void ongoing_pause(struct core *core) {
    ASSERT(ongoing_may_pause(core));
    core->ongoing.left_at = clock_ticks();
    fiber_stop(core->ongoing.fiber);
    core->ongoing.away += clock_ticks() - core->ongoing.left_at;
}

void ongoing_stray(struct core *core) {
    struct ongoing *o = &core->ongoing;
    if (o->strayed || !ongoing_may_pause(core)) return;
    while (offload_is_computing(core)) {
        o->draining = true;
        offload_hurry(core);
        ongoing_pause(core);
    }
    o->draining = false;
    o->strayed = true;
    if (!o->on) return;
    o->exclusive = true;
    core_update_gates(core);
}

void ongoing_compute(struct core *core, struct work_job *job) {
    core->ongoing.job = job;
    core->ongoing.computing = true;
    while (core->ongoing.computing) ongoing_pause(core);
}

void ongoing_computed(struct core *core) { core->ongoing.computing = false; }

void ongoing_set_busy(struct core *core, const char *text) {
    core->ongoing.busy = text;
    core->ongoing.refusing = false;
}

void ongoing_refuse(struct core *core) {
    if (!core->ongoing.on || core->ongoing.refusing) return;
    core->ongoing.refusing = true;
    core_release_held(core);
    places_ask_again(core);
}

/* ---- turns -------------------------------------------------------------------------- */

static void forget(struct core *core) {
    struct ongoing *o = &core->ongoing;
    let_request_go(o);
    o->s->state &= ~(uint32_t)SESSION_BUSY;
    o->on = o->exclusive = o->draining = o->refusing = false;
    o->s = NULL;
}

/* The session, if its client is there, goes on with what was sent after the command. */
static void end(struct core *core) {
    struct ongoing *o = &core->ongoing;
    struct session *s = o->s;
    exec_account(core, s, o->req, o->ticks);
    if (!list_empty(&core->monitors) && !(o->req->row->flags & (ROW_SKIP_MONITOR | ROW_ADMIN)))
        monitor_feed(core, s, o->req);
    effects_end_ongoing(core, o->req, s->db->id);
    s->told_to = core->effects.offset;
    forget(core);
    push_release(s);
    places_passed(s);
    s->kick(s);
    core->after_due = true;
    core_update_gates(core);
    exec_after(core);
    core_release_held(core);
    if (core->shutdown_waits) core_shutdown(core, core->shutdown_how);
}

/* To the fiber: the command's own time, and what else is its own. */
static void enter(struct core *core) {
    struct ongoing *o = &core->ongoing;
    core_set_now(core, o->begun_us);
    core->ks->no_touch = o->no_touch;
    core->in_own_lanes = o->s->park;
    core->running = o->req;
    core->replying = o->s;
    effects_take_up(core);
}

static void leave(struct core *core, int64_t now_us) {
    core->running = NULL;
    core->in_own_lanes = false;
    core->ks->no_touch = false;
    core_set_now(core, now_us);
}

bool ongoing_step(struct core *core) {
    struct ongoing *o = &core->ongoing;
    if (likely(!o->on)) return false;
    if (o->computing || (o->draining && offload_is_computing(core))) return false;
    uint64_t start = clock_ticks();
    int64_t now_us = core->now_us;
    struct reply *r = &o->s->reply;
    struct reply_place before = reply_here(r);
    r->noted = 0;
    r->grown = 0;
    enter(core);
    begin_slice(o);
    bool over = fiber_resume(o->fiber);
    o->inside = false;
    leave(core, now_us);
    if (o->silent) reply_rewind(r, before);
    o->ticks += clock_ticks() - start;
    if (over) {
        end(core);
    } else {
        effects_put_aside(core);
        after_stop(core);
        if (reply_pending(r)) o->s->kick(o->s);
    }
    return true;
}

void ongoing_drop(struct core *core) {
    struct ongoing *o = &core->ongoing;
    if (!o->on) return;
    if (o->drop) o->drop(o->arg);
    forget(core);
}

void ongoing_fini(struct core *core) {
    if (core->ongoing.fiber) fiber_free(core->ongoing.fiber);
}
