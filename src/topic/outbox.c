/* outbox.c - see outbox.h.
 *
 * All held messages are in one queue; each is in the queue of its line as well, so that the next
 * one of a topic is at hand to carry the count of those dropped before it. One that has a newer one
 * of its line behind it is `outdated`, which is what conflating drops.
 */
#include "topic/outbox.h"

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "core/config.h"
#include "core/core.h"
#include "core/push.h"
#include "wire/resp.h"

struct held {
    struct list_link in_queue, in_line, in_outdated;
    struct outbox_line *line;
    struct blob *tail;
    uint64_t missing; /* of its line, dropped directly before it */
};

static_assert(sizeof(struct held) == OUTBOX_RECORD_BYTES, "each is counted with it");

struct outbox_line {
    struct outbox *o;
    const char *form;
    struct slice name;
    char *head;
    size_t head_bytes;
    struct list queue;           /* in_line */
    uint64_t missing;            /* dropped behind the last of the queue */
    struct list_link in_lagging; /* while that is not 0 */
};

struct outbox {
    struct session *s;
    struct list queue;    /* in_queue, the oldest first */
    struct list outdated; /* in_outdated */
    struct list lagging;  /* lines, in_lagging */
    size_t count, bytes;  /* held */
    size_t given;         /* bytes of messages given to the reply since it was empty */
    size_t given_max;     /* the largest of those */
    uint64_t dropped;
    bool over; /* the limit was passed since nothing was held */
};

struct outbox *outbox_new(struct session *s) {
    struct outbox *o = mem_calloc(sizeof *o);
    o->s = s;
    list_init(&o->queue);
    list_init(&o->outdated);
    list_init(&o->lagging);
    return o;
}

struct outbox_line *outbox_line_new(struct outbox *o, const char *form, struct slice name,
                                    char *head, size_t head_bytes) {
    struct outbox_line *line = mem_alloc(sizeof *line);
    *line = (struct outbox_line){
        .o = o, .form = form, .name = name, .head = head, .head_bytes = head_bytes};
    list_init(&line->queue);
    list_link_init(&line->in_lagging);
    return line;
}

void outbox_line_free(struct outbox_line *line) {
    ASSERT(list_empty(&line->queue) && !list_linked(&line->in_lagging));
    mem_free(line);
}

/* ---- figures ------------------------------------------------------------------------- */

size_t outbox_held(const struct outbox *o) { return o->count; }

uint64_t outbox_dropped(const struct outbox *o) { return o->dropped; }

size_t outbox_memory(const struct outbox *o) { return sizeof *o + o->bytes; }

static size_t message_bytes(const struct outbox_line *line, const struct blob *tail) {
    return OUTBOX_RECORD_BYTES + line->head_bytes + tail->len;
}

static size_t limit_of(const struct session *s) {
    uint64_t hard = s->core->config->output_limit[CONFIG_CLIENT_PUBSUB].hard_bytes;
    return hard ? hard : OUTBOX_BYTES;
}

/* So much of the output is given to the reply before messages are held. */
static size_t ahead_of(const struct session *s) {
    size_t limit = limit_of(s);
    return limit < OUTBOX_AHEAD_BYTES ? limit : OUTBOX_AHEAD_BYTES;
}

static size_t unsent_reply(const struct session *s) {
    return reply_pending(&s->reply) + (s->aside ? reply_pending(s->aside) : 0);
}

size_t outbox_spared(const struct outbox *o) {
    size_t most = limit_of(o->s) + OUTBOX_AHEAD_BYTES + o->given_max;
    return (o->given < most ? o->given : most) + 2 * REPLY_CHUNK_BYTES; /* that small ones lie in */
}

/* ---- giving -------------------------------------------------------------------------- */

static void note_state(struct outbox *o) {
    struct session *s = o->s;
    bool holds = !list_empty(&o->queue) || !list_empty(&o->lagging);
    if (holds == ((s->state & SESSION_HOLDS) != 0)) return;
    if (!holds) o->over = false;
    s->state ^= SESSION_HOLDS;
    s->gates ^= GATE_HOLDS;
    if (holds) s->kick(s); /* the door tells when all is sent, be it nothing */
}

static char *put_bulk(char *p, struct slice s) {
    p = resp_put_header(p, '$', s.n);
    if (s.n) memcpy(p, s.p, s.n);
    memcpy(p + s.n, "\r\n", 2);
    return p + s.n + 2;
}

/* A lag as a session gets it, with room for so many bytes behind: to be freed. */
static char *lag_text(const struct outbox_line *line, uint64_t count, size_t room, size_t *n) {
    struct slice form = slice_cstr(line->form);
    char *text = mem_alloc(5 * (RESP_HEADER_BYTES_MAX + 2) + 3 + line->name.n + form.n + room);
    char *p = resp_put_header(text, line->o->s->reply.proto == 3 ? '>' : '*', 4);
    p = put_bulk(put_bulk(p, slice_cstr("lag")), line->name);
    p = put_bulk(resp_put_int(p, (int64_t)count), form);
    *n = (size_t)(p - text);
    return text;
}

/* A message, and how many are missing before it. All that is not the blob's goes to the reply in
 * one piece, since each by itself would take a chunk there. */
static void give(struct reply *r, struct outbox_line *line, struct blob *tail, uint64_t missing) {
    struct outbox *o = line->o;
    size_t n = message_bytes(line, tail);
    if (!unsent_reply(o->s)) o->given = o->given_max = 0;
    o->given += n;
    if (n > o->given_max) o->given_max = n;
    line->head[0] = o->s->reply.proto == 3 ? '>' : '*';
    struct slice head = slice_of(line->head, line->head_bytes);
    if (likely(!missing)) {
        reply_shared(r, head, tail);
        return;
    }
    size_t lag_n;
    char *both = lag_text(line, missing, head.n, &lag_n);
    memcpy(both + lag_n, head.p, head.n);
    reply_shared(r, slice_of(both, lag_n + head.n), tail);
    mem_free(both);
}

/* Out of all queues, and gone. */
static void let_go(struct outbox *o, struct held *m) {
    list_unlink(&m->in_queue);
    list_unlink(&m->in_line);
    list_unlink(&m->in_outdated);
    o->bytes -= message_bytes(m->line, m->tail);
    o->count--;
    blob_unref(m->tail);
    mem_free(m);
}

static void give_first(struct outbox *o, struct reply *r) {
    struct held *m = LIST_MEMBER(list_first(&o->queue), struct held, in_queue);
    give(r, m->line, m->tail, m->missing);
    let_go(o, m);
}

/* Nothing is held: what was dropped last is told. */
static void tell_lags(struct outbox *o, struct reply *r) {
    for (struct list_link *l; (l = list_pop_front(&o->lagging));) {
        struct outbox_line *line = LIST_MEMBER(l, struct outbox_line, in_lagging);
        size_t n;
        char *text = lag_text(line, line->missing, 0, &n);
        reply_raw(r, text, n);
        mem_free(text);
        line->missing = 0;
    }
}

void outbox_refill(struct outbox *o) {
    struct session *s = o->s;
    if (s->state & (SESSION_CLOSE_NOW | SESSION_REPLY_GOES_ON)) return;
    struct reply *r = push_begin(s);
    size_t ahead = ahead_of(s);
    while (!list_empty(&o->queue) && reply_pending(r) < ahead) give_first(o, r);
    if (list_empty(&o->queue)) tell_lags(o, r);
    note_state(o);
}

void outbox_send_all(struct outbox *o) {
    struct reply *r = push_begin(o->s);
    while (!list_empty(&o->queue)) give_first(o, r);
    tell_lags(o, r);
    note_state(o);
    push_end(o->s);
}

void outbox_clear(struct outbox *o) {
    for (struct list_link *l; (l = list_first(&o->queue));)
        let_go(o, LIST_MEMBER(l, struct held, in_queue));
    for (struct list_link *l; (l = list_pop_front(&o->lagging));)
        LIST_MEMBER(l, struct outbox_line, in_lagging)->missing = 0;
    note_state(o);
}

void outbox_free(struct outbox *o) {
    ASSERT(!o->count && list_empty(&o->lagging));
    mem_free(o);
}

/* ---- holding and dropping ------------------------------------------------------------ */

static void count_dropped(struct outbox *o) {
    o->dropped++;
    o->s->core->stats.dropped_messages++;
}

static void note_missing(struct outbox_line *line, uint64_t n) {
    if (!line->missing) list_push_back(&line->o->lagging, &line->in_lagging);
    line->missing += n;
}

static void hold(struct outbox_line *line, struct blob *tail) {
    struct outbox *o = line->o;
    struct held *m = mem_alloc(sizeof *m);
    struct list_link *before = list_last(&line->queue);
    *m = (struct held){.line = line, .tail = blob_ref(tail), .missing = line->missing};
    line->missing = 0;
    list_unlink(&line->in_lagging);
    list_link_init(&m->in_queue);
    list_link_init(&m->in_line);
    list_link_init(&m->in_outdated);
    list_push_back(&o->queue, &m->in_queue);
    list_push_back(&line->queue, &m->in_line);
    if (before)
        list_push_back(&o->outdated, &LIST_MEMBER(before, struct held, in_line)->in_outdated);
    o->bytes += message_bytes(line, tail);
    o->count++;
}

/* The next one of its line tells of it. */
static void drop(struct outbox *o, struct held *m) {
    struct outbox_line *line = m->line;
    struct list_link *next = list_next(&line->queue, &m->in_line);
    uint64_t missing = m->missing + 1;
    if (next) {
        LIST_MEMBER(next, struct held, in_line)->missing += missing;
    } else {
        note_missing(line, missing);
    }
    let_go(o, m);
    count_dropped(o);
}

static void drop_outdated(struct outbox *o) {
    for (struct list_link *l; (l = list_first(&o->outdated));)
        drop(o, LIST_MEMBER(l, struct held, in_outdated));
}

static void drop_down_to(struct outbox *o, size_t limit) {
    if (session_policy(o->s) == CONFIG_POLICY_CONFLATE) drop_outdated(o);
    while (!list_empty(&o->queue) && unsent_reply(o->s) + o->bytes > limit)
        drop(o, LIST_MEMBER(list_first(&o->queue), struct held, in_queue));
}

void outbox_put(struct outbox_line *line, struct blob *tail) {
    struct outbox *o = line->o;
    struct session *s = o->s;
    size_t limit = limit_of(s), unsent = unsent_reply(s);
    if (s->state & SESSION_GOES) return;
    if (!(s->state & SESSION_HOLDS) && unsent < ahead_of(s) && !push_waits(s)) {
        give(push_begin(s), line, tail, 0);
        push_end(s);
        return;
    }
    bool newest = session_policy(s) == CONFIG_POLICY_DROP_NEWEST;
    bool too_much = unsent + o->bytes + message_bytes(line, tail) > limit;
    if (too_much) o->over = true;
    if (too_much && newest) {
        note_missing(line, 1);
        count_dropped(o);
    } else {
        hold(line, tail);
        if (o->over && !newest) drop_down_to(o, limit);
    }
    note_state(o);
}
