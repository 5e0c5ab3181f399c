/* ongoing.c - see ongoing.h. */
#include "core/ongoing.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"

void ongoing_begin(struct ctx *c, bool (*step)(void *arg), void *arg, const char *busy) {
    struct ongoing *o = &c->core->ongoing;
    ASSERT(!o->step && ongoing_may_begin(c->s));
    *o = (struct ongoing){
        .step = step,
        .arg = arg,
        .busy = busy,
        .s = c->s,
        .begun_us = c->core->now_us,
        .ticks = clock_ticks() - c->core->tick_mark,
        .silent = c->s->gates & (GATE_REPLY_OFF | GATE_REPLY_SKIPPING),
    };
    o->req = mem_alloc(sizeof *o->req);
    request_copy(o->req, c->req, c->argv);
    reply_init(&o->sink);
    c->s->state |= SESSION_BUSY;
    c->core->after_due = true;
    core_update_gates(c->core);
}

void ongoing_refuse(struct core *core) {
    core->ongoing.refusing = true;
    core_release_held(core);
}

struct reply *ongoing_reply(struct core *core) {
    struct ongoing *o = &core->ongoing;
    return o->s ? &o->s->reply : &o->sink;
}

const struct request *ongoing_request(const struct core *core) { return core->ongoing.req; }

void ongoing_drop(struct core *core) {
    struct ongoing *o = &core->ongoing;
    if (!o->step) return;
    reply_fini(&o->sink);
    request_free(o->req);
    mem_free(o->req);
    *o = (struct ongoing){0};
}

/* The session, if it is there, goes on with what it sent after the command. */
static void end(struct core *core) {
    struct ongoing *o = &core->ongoing;
    struct session *s = o->s;
    if (s) {
        exec_account(core, s, o->req, o->ticks);
        s->state &= ~(uint32_t)SESSION_BUSY;
        s->kick(s);
    } else {
        row_stats(o->req->row)->calls++;
    }
    effects_end_ongoing(core, o->req);
    if (s) s->told_to = core->effects.offset;
    ongoing_drop(core);
    core_update_gates(core);
    exec_after(core);
    core_release_held(core);
}

bool ongoing_step(struct core *core) {
    struct ongoing *o = &core->ongoing;
    if (likely(!o->step)) return false;
    uint64_t start = clock_ticks();
    int64_t now_us = core->now_us;
    core_set_now(core, o->begun_us);
    struct reply *r = ongoing_reply(core);
    struct reply_place before = reply_here(r);
    r->noted = 0;
    r->grown = 0;
    core->running = o->req;
    bool over = o->step(o->arg);
    core->running = NULL;
    if (o->silent) reply_rewind(r, before);
    o->ticks += clock_ticks() - start;
    core_set_now(core, now_us);
    if (over) end(core);
    return true;
}

void ongoing_leave(struct session *s) {
    if (s->core->ongoing.s == s) s->core->ongoing.s = NULL;
}
