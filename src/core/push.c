/* push.c - see push.h. */
#include "core/push.h"

#include "base/mem.h"

#define SILENT (GATE_REPLY_OFF | GATE_REPLY_SKIPPING)

/* From so many bytes on it is asked after each push whether that is too much. */
#define CHECKED_BYTES (64 * 1024)

bool push_waits(const struct session *s) {
    const struct core *core = s->core;
    return s->state & SESSION_REPLY_GOES_ON || core->retaking == s ||
           (core->running && core->replying == s);
}

static __attribute__((noinline)) struct reply *aside_of(struct session *s) {
    if (!s->aside) {
        s->aside = mem_alloc(sizeof *s->aside);
        reply_init(s->aside);
        s->core->after_due = true;
    }
    s->aside->proto = s->reply.proto;
    return s->aside;
}

struct reply *push_begin(struct session *s) {
    return unlikely(push_waits(s)) ? aside_of(s) : &s->reply;
}

void push_end(struct session *s) {
    if (unlikely(reply_memory(&s->reply) + push_memory(s) >= CHECKED_BYTES)) session_over_output(s);
    s->kick(s);
}

void push_write(struct session *s, struct slice head, struct blob *tail) {
    if (unlikely(s->state & SESSION_GOES)) return;
    reply_shared(push_begin(s), head, tail);
    push_end(s);
}

void push_release_some(struct session *s) {
    if (push_waits(s)) return;
    struct reply *aside = s->aside;
    s->aside = NULL;
    aside->noted = 0;
    if (!(s->state & SESSION_GOES)) {
        reply_take(&s->reply, aside);
        s->kick(s);
    }
    reply_fini(aside);
    mem_free(aside);
}

struct reply *push_as_reply(struct session *s) {
    const struct ongoing *o = &s->core->ongoing;
    bool silent = s->gates & SILENT || (o->on && o->s == s && o->silent);
    return silent ? aside_of(s) : &s->reply;
}

void push_drop(struct session *s) {
    if (!s->aside) return;
    reply_fini(s->aside);
    mem_free(s->aside);
    s->aside = NULL;
}
