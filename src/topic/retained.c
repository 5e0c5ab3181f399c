/* retained.c - see retained.h. */
#include "topic/retained.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "core/push.h"
#include "net/timer.h"
#include "topic/topics.h"
#include "topic/topics_internal.h"
#include "wire/resp.h"

struct retained {
    struct core *core;
    struct net_timer timer; /* runs while there is anything to do */
    struct list ready;      /* replayers, in_ready */
    struct work_task task;
    const struct shelf *shelf; /* database 0's */
    bool looking, look_due;    /* for who is not up any more without knowing */
    uint64_t cursor;           /* how far that has come */
};

static void arm(struct retained *r) {
    if (!net_timer_active(&r->timer)) net_timer_start(&r->timer, 0, 0);
}

const struct topic_ring *retained_ring(struct core *core, struct key k) {
    struct db *db = &core->ks->dbs[0];
    if (db_past(db, k)) return NULL;
    const struct entry *e = db_peek(db, k);
    return e && entry_type(e) == TYPE_TOPIC ? entry_object(e) : NULL;
}

static bool is_retained(struct core *core, const char *name, size_t n, uint64_t hash) {
    return retained_ring(core, (struct key){name, n, hash});
}

void retained_epoch_text(uint64_t epoch, char text[RETAINED_EPOCH_BYTES + 1]) {
    snprintf(text, RETAINED_EPOCH_BYTES + 1, "%016" PRIx64, epoch);
}

/* ---- what a subscriber is told ------------------------------------------------------- */

static void begin_push(struct reply *out, size_t parts, const char *what, struct slice name) {
    reply_push(out, parts);
    reply_bulk_cstr(out, what);
    reply_bulk(out, name);
}

static void reply_epoch(struct reply *out, uint64_t epoch) {
    char text[RETAINED_EPOCH_BYTES + 1];
    retained_epoch_text(epoch, text);
    reply_bulk(out, slice_of(text, RETAINED_EPOCH_BYTES));
}

static void put_message(struct reply *out, const struct replay *p, const struct topic_message *m) {
    begin_push(out, 5, "tmessage", key_slice(p->key));
    reply_epoch(out, p->epoch);
    reply_int(out, (int64_t)m->offset);
    if (m->blob) {
        reply_bulk_blob(out, m->blob, m->payload.n);
    } else {
        reply_bulk(out, m->payload);
    }
}

static void put_reset(struct reply *out, const struct replay *p) {
    begin_push(out, 4, "reset", key_slice(p->key));
    reply_epoch(out, p->epoch);
    reply_int(out, (int64_t)p->offset);
}

static void put_lag(struct reply *out, const struct replay *p, uint64_t count) {
    begin_push(out, 3, "lag", key_slice(p->key));
    reply_int(out, (int64_t)count);
}

/* ---- who is behind ------------------------------------------------------------------- */

static struct replayer *replayer_of(struct session *s) {
    struct replayer **place = topics_replayer(s);
    if (*place) return *place;
    *place = mem_alloc(sizeof **place);
    (*place)->s = s;
    list_init(&(*place)->behind);
    list_link_init(&(*place)->in_ready);
    return *place;
}

static bool is_behind(const struct replay *p) { return list_linked(&p->in_behind); }

/* The door tells when what the session has to be sent was sent, be it nothing. */
static void fall_behind(struct replay *p) {
    list_push_back(&replayer_of(p->s)->behind, &p->in_behind);
    p->s->state |= SESSION_REPLAYS;
    p->s->kick(p->s);
}

static void drained(struct session *s) {
    struct replayer *own = *topics_replayer(s);
    struct retained *r = s->core->retained;
    if (s->state & SESSION_REPLY_GOES_ON || list_linked(&own->in_ready))
        return; /* the door tells it again */
    list_push_back(&r->ready, &own->in_ready);
    arm(r);
}

void retained_end(struct replay *replay) {
    if (!replay) return;
    list_unlink(&replay->in_behind);
    mem_free(replay);
}

void retained_end_all(struct replayer *replayer) {
    if (!replayer) return;
    replayer->s->state &= ~(uint32_t)SESSION_REPLAYS;
    list_unlink(&replayer->in_ready);
    mem_free(replayer);
}

/* ---- parts --------------------------------------------------------------------------- */

/* What he is told before the next message, if that is not the one that he knows of. */
static void find_place(struct reply *out, struct replay *p, const struct topic_ring *t) {
    const struct topic_state *state = topic_ring_state(t);
    uint64_t first = topic_ring_first(t, p->s->core->now_ms);
    if (p->epoch != state->epoch || p->offset > state->next) {
        p->epoch = state->epoch;
        p->offset = first;
        put_reset(out, p);
    } else if (p->offset < first) {
        put_lag(out, p, first - p->offset);
        p->offset = first;
    }
}

/* Writes what he has not seen until so many bytes are in the reply, or he is up with the topic. */
static void put_part(struct reply *out, struct replay *p, size_t bytes_end) {
    const struct topic_ring *t = retained_ring(p->s->core, p->key);
    struct topic_message m;
    struct list *behind = &replayer_of(p->s)->behind;
    list_unlink(&p->in_behind);
    if (!t) return;
    find_place(out, p, t);
    struct topic_cursor c = topic_cursor_at(t, p->offset);
    while (reply_pending(out) < bytes_end && topic_cursor_next(&c, &m)) {
        put_message(out, p, &m);
        p->offset++;
    }
    if (p->offset < topic_ring_state(t)->next) list_push_back(behind, &p->in_behind);
}

static void serve(struct replayer *own) {
    struct session *s = own->s;
    if (s->state & (SESSION_GOES | SESSION_REPLY_GOES_ON)) return;
    struct reply *out = push_begin(s);
    size_t end = reply_pending(out) + TOPIC_PART_BYTES;
    for (struct list_link *l; (l = list_first(&own->behind)) && reply_pending(out) < end;)
        put_part(out, LIST_MEMBER(l, struct replay, in_behind), end);
    if (list_empty(&own->behind)) s->state &= ~(uint32_t)SESSION_REPLAYS;
    push_end(s);
}

static void serve_ready(struct retained *r, uint64_t deadline) {
    struct list ready;
    list_init(&ready);
    list_splice_back(&ready, &r->ready);
    for (struct list_link *l; clock_ticks() < deadline && (l = list_pop_front(&ready));)
        serve(LIST_MEMBER(l, struct replayer, in_ready));
    list_splice_back(&ready, &r->ready); /* those that were not served go first */
    list_splice_back(&r->ready, &ready);
}

/* ---- who is not up any more ------------------------------------------------------------ */

static void look_at_replay(void *ctx, struct replay *p) {
    const struct topic_state *state = ctx;
    if (is_behind(p) || (p->epoch == state->epoch && p->offset == state->next)) return;
    fall_behind(p);
}

static void look_at_topic(void *ctx, struct slice name) {
    const struct topic_ring *t = retained_ring(ctx, key_of(name));
    if (t) topics_each_replay(ctx, name, look_at_replay, (struct topic_state *)topic_ring_state(t));
}

static void look(struct retained *r, uint64_t deadline) {
    if (r->look_due && !r->looking) {
        r->looking = true;
        r->look_due = false;
    }
    while (r->looking && clock_ticks() < deadline) {
        r->cursor = topics_scan_retained(r->core, r->cursor, look_at_topic, r->core);
        r->looking = r->cursor;
    }
}

void retained_changed(struct core *core) {
    struct retained *r = core->retained;
    if (!core->topic_counts.retained) return;
    r->look_due = true;
    arm(r);
}

static void run(void *ctx) {
    struct retained *r = ctx;
    uint64_t deadline = clock_ticks() + clock_us_to_ticks(TOPIC_SLICE_US);
    look(r, deadline);
    serve_ready(r, deadline);
    if (r->looking || r->look_due || !list_empty(&r->ready)) arm(r);
}

/* ---- messages as they come ------------------------------------------------------------ */

struct live {
    uint64_t epoch, offset;
    struct slice head;
    struct blob *tail;
};

static void tell_live(void *ctx, struct replay *p) {
    const struct live *m = ctx;
    struct session *s = p->s;
    if (is_behind(p)) return;
    bool up = p->epoch == m->epoch && p->offset == m->offset;
    if (!up || reply_pending(&s->reply) + push_memory(s) >= TOPIC_AHEAD_BYTES) {
        fall_behind(p);
        return;
    }
    p->offset++;
    *(char *)m->head.p = s->reply.proto == 3 ? '>' : '*';
    push_write(s, m->head, m->tail);
}

static void fall_all(void *ctx, struct replay *p) {
    (void)ctx;
    if (!is_behind(p)) fall_behind(p);
}

static char *put_bulk_head(char *p, size_t n) { return resp_put_header(p, '$', n); }

static char *put_bytes(char *p, const char *from, size_t n) {
    if (n) memcpy(p, from, n);
    return p + n;
}

/* All that stands before the bytes of the message: to be freed; NULL: there is no memory. */
static char *head_of(struct slice name, const struct live *m, size_t payload_bytes, size_t *n) {
    static const char kind[] = "*5\r\n$8\r\ntmessage\r\n";
    char epoch[RETAINED_EPOCH_BYTES + 1];
    char *head = mem_try(sizeof kind + name.n + 4 * RESP_HEADER_BYTES_MAX + sizeof epoch + 8), *p;
    if (!head) return NULL;
    p = put_bytes(head, kind, sizeof kind - 1);
    p = put_bytes(put_bulk_head(p, name.n), name.p, name.n);
    p = put_bytes(p, "\r\n", 2);
    retained_epoch_text(m->epoch, epoch);
    p = put_bytes(put_bulk_head(p, RETAINED_EPOCH_BYTES), epoch, RETAINED_EPOCH_BYTES);
    p = put_bytes(p, "\r\n", 2);
    p = resp_put_int(p, (int64_t)m->offset);
    p = put_bulk_head(p, payload_bytes);
    *n = (size_t)(p - head);
    return head;
}

static struct blob *tail_of(struct slice payload, struct blob *shared) {
    if (shared) return blob_ref(shared);
    struct blob *tail = blob_try(payload.n + TOPIC_BLOB_END_BYTES);
    if (!tail) return NULL;
    put_bytes(put_bytes(tail->data, payload.p, payload.n), "\r\n", 2);
    tail->len = payload.n + TOPIC_BLOB_END_BYTES;
    return tail;
}

size_t retained_deliver(struct core *core, struct key k, const struct topic_state *state,
                        struct slice payload, struct blob *shared) {
    struct live m = {.epoch = state->epoch, .offset = state->next - 1};
    struct slice name = key_slice(k);
    size_t count = core->topic_counts.retained ? topics_subscribers(core, TOPIC_RETAINED, name) : 0;
    if (!count) return 0;
    char *head = head_of(name, &m, payload.n, &m.head.n);
    m.head.p = head;
    m.tail = head ? tail_of(payload, shared) : NULL;
    /* Without memory for a copy that all of them share, each reads it from the ring. */
    topics_each_replay(core, name, m.tail ? tell_live : fall_all, &m);
    if (m.tail) blob_unref(m.tail);
    mem_free(head);
    return count;
}

/* ---- subscribing --------------------------------------------------------------------- */

uint64_t retained_offset(const struct topic_ring *t, const struct retained_from *from,
                         int64_t now_ms) {
    const struct topic_state *state = topic_ring_state(t);
    uint64_t first = topic_ring_first(t, now_ms);
    if (from->at == RETAINED_OFFSET) return from->offset;
    return from->at == RETAINED_LAST && first < state->next ? state->next - 1 : first;
}

void retained_subscribe(struct session *s, struct reply *r, struct key k,
                        const struct topic_ring *t, const struct retained_from *from) {
    const struct topic_state *state = topic_ring_state(t);
    struct retained_from at = *from;
    struct slice own_name;
    topics_subscribe(s, TOPIC_RETAINED, key_slice(k));
    struct replay **place = topics_replay(s, key_slice(k), &own_name), *p = *place;
    if (!p) {
        p = *place = mem_alloc(sizeof *p);
        *p = (struct replay){.s = s, .key = {own_name.p, own_name.n, k.hash}};
        list_link_init(&p->in_behind);
    }
    bool strange = from->epoch_given && from->epoch != state->epoch;
    if (from->at == RETAINED_OFFSET && from->offset > state->next) strange = true;
    if (strange && from->at == RETAINED_OFFSET) at.at = RETAINED_EARLIEST;
    p->epoch = state->epoch;
    p->offset = retained_offset(t, &at, s->core->now_ms);
    begin_push(r, 3, "tsubscribe", own_name);
    reply_int(r, (int64_t)topics_of(s, TOPIC_RETAINED));
    if (strange) put_reset(r, p);
    if (p->offset != state->next && !is_behind(p)) fall_behind(p);
}

/* ---- up and down --------------------------------------------------------------------- */

static void follow_rings(struct core *core) {
    size_t rings = topic_ring_count();
    bool turned = !rings != !core->topic_counts.rings;
    core->topic_counts.rings = rings;
    if (turned) core_update_gates(core);
}

static void on_topic(void *ctx) {
    struct core *core = ctx;
    follow_rings(core);
    retained_changed(core);
}

/* Rings go where nobody tells of it; databases change places. */
static void run_task(void *ctx) {
    struct retained *r = ctx;
    follow_rings(r->core);
    if (r->shelf == r->core->ks->dbs[0].shelf) return;
    r->shelf = r->core->ks->dbs[0].shelf;
    retained_changed(r->core);
}

void retained_new(struct core *core, struct net_loop *loop) {
    struct retained *r = mem_calloc(sizeof *r);
    r->core = core;
    r->shelf = core->ks->dbs[0].shelf;
    list_init(&r->ready);
    net_timer_init(&r->timer, loop, run, r);
    r->task = work_task_of("topics", CORE_TASK_MS, run_task, r);
    work_task_add(core->tasks, &r->task);
    core->retained = r;
    core->topic_hooks.drained = drained;
    core->topic_hooks.is_retained = is_retained;
    core->ks->on_topic = on_topic; /* with the core, as all of the store's hooks */
}

void retained_free(struct core *core) {
    struct retained *r = core->retained;
    core->ks->on_topic = NULL;
    core->retained = NULL;
    net_timer_stop(&r->timer);
    work_task_drop(&r->task);
    mem_free(r);
}
