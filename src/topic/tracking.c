/* tracking.c - see tracking.h: who tracks, what was read, and the messages. */
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "core/config.h"
#include "core/exec.h"
#include "core/push.h"
#include "topic/tracking_internal.h"
#include "wire/resp.h"

#define KEYS_HERE 16 /* of a command, without memory of their own for positions */

/* A table of fewer keys is freed where it is. */
#define FREED_HERE_KEYS_MAX 1000

static void count(struct tracking *t) {
    struct tracking_counts *n = &t->core->tracking_counts;
    n->keys = t->tracked.keys.count;
    n->items = t->tracked.items;
    n->prefixes = t->prefixes.count;
}

static bool is_over(const struct tracking *t) {
    int64_t most = t->core->config->tracking_table_max_keys;
    return most && t->tracked.keys.count > (size_t)most;
}

/* ---- messages ------------------------------------------------------------------------ */

#define INVALIDATE ">2\r\n$10\r\ninvalidate\r\n"
#define INVALIDATE_RESP2 "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n"
#define BROKEN "tracking-redir-broken"

static void tell_broken(struct session *s, struct tracker *tr) {
    tr->state.broken = true;
    if (s->reply.proto != 3 || s->state & SESSION_GOES) return;
    struct reply *r = push_begin(s);
    reply_push(r, 2);
    reply_bulk_cstr(r, BROKEN);
    reply_int(r, (int64_t)tr->state.redirect);
    push_end(s);
}

struct session *tracking_recipient(struct session *s) {
    struct tracker *tr = s->tracker;
    struct session *to = s;
    if (tr->state.redirect) {
        to = session_by_id(s->core, tr->state.redirect);
        if (!to) {
            tell_broken(s, tr);
            return NULL;
        }
    }
    bool hears = tr->state.redirect && to->state & SESSION_SUBSCRIBED;
    return to->reply.proto == 3 || hears ? to : NULL;
}

void tracking_send(const struct tracking *t, struct session *to, struct blob *keys) {
    bool new_form = to->reply.proto == 3;
    struct slice head = slice_cstr(new_form ? INVALIDATE : INVALIDATE_RESP2);
    push_write(to, head, keys ? keys : t->nothing[new_form]);
}

/* An array of one key, or NULL if there is no memory for it. */
static struct blob *message_of(struct slice name) {
    struct blob *b = blob_try(name.n + 2 * (RESP_HEADER_BYTES_MAX + 2));
    if (!b) return NULL;
    char *p = resp_put_header(b->data, '*', 1);
    p = resp_put_header(p, '$', name.n);
    if (name.n) memcpy(p, name.p, name.n);
    memcpy(p + name.n, "\r\n", 2);
    b->len = (size_t)(p + name.n + 2 - b->data);
    return b;
}

/* Tells those who may have the key, but for `by` if that does not want to hear of its own changes.
 */
static void tell(struct tracking *t, const struct tracked_key *k, const struct session *by) {
    struct blob *message = NULL;
    size_t n;
    const uint64_t *ids = tracked_ids(k, &n);
    for (size_t i = 0; i < n; i++) {
        struct session *s = session_by_id(t->core, ids[i]);
        if (!s || !(s->gates & GATE_TRACKS)) continue;
        if (s == by && s->tracker->state.options & TRACKING_NOLOOP) continue;
        struct session *to = tracking_recipient(s);
        if (!to) continue;
        if (!message) message = message_of(tracked_name(k));
        tracking_send(t, to, message);
    }
    if (message) blob_unref(message);
}

/* ---- what changes -------------------------------------------------------------------- */

static void invalidate(struct tracking *t, struct key key, const struct session *by) {
    struct tracked_key *k = tracked_take(&t->tracked, key_slice(key), key.hash);
    if (!k) return;
    tell(t, k, by);
    tracked_key_free(k);
    count(t);
}

/* Whose command runs. */
static struct session *current(const struct core *core) {
    return core->running ? core->replying : NULL;
}

/* What a script changes is nobody's own, for BCAST, as in Redis. */
static void on_write(void *ctx, int db, struct key k) {
    (void)db;
    struct tracking *t = ctx;
    const struct core *core = t->core;
    const struct session *by = current(core);
    if (core->replaying) return;
    bool by_script = by && core->running->row->flags & ROW_RUNS_OTHERS;
    if (t->prefixes.count) tracking_gather(t, k, by && !by_script ? by->id : 0);
    invalidate(t, k, by);
}

/* That is nobody's doing, whoever has noticed it. */
static void on_left(void *ctx, int db, struct key k) {
    (void)db;
    struct tracking *t = ctx;
    if (t->prefixes.count) tracking_gather(t, k, 0);
    invalidate(t, k, NULL);
}

struct drop_job {
    struct work_job job;
    struct tracked old;
};

static void run_drop(struct work_job *job) {
    struct drop_job *d = (struct drop_job *)job;
    tracked_fini(&d->old);
    mem_free(d);
}

static bool lives(void *ctx, uint64_t id) {
    const struct session *s = session_by_id(((struct tracking *)ctx)->core, id);
    return s && s->gates & GATE_TRACKS;
}

/* Forgets all keys; many are freed by a worker. */
static void forget_all(struct tracking *t) {
    struct tracked old = t->tracked;
    tracked_init(&t->tracked, lives, t);
    count(t);
    if (old.keys.count > FREED_HERE_KEYS_MAX && work_queue_has_room(t->core->queues.garbage)) {
        struct drop_job *d = mem_alloc(sizeof *d);
        *d = (struct drop_job){.job.run = run_drop, .old = old};
        bool taken = work_queue_submit(t->core->queues.garbage, &d->job);
        ASSERT(taken);
    } else {
        tracked_fini(&old);
    }
}

void tracking_flushed(struct core *core) {
    struct tracking *t = core->tracking;
    if (!t || !t->tracker_count || core->replaying) return;
    for (struct list_link *l = list_first(&t->trackers); l; l = list_next(&t->trackers, l)) {
        struct session *to = tracking_recipient(LIST_MEMBER(l, struct tracker, in_all)->s);
        if (to) tracking_send(t, to, NULL);
    }
    forget_all(t);
}

/* ---- what is read -------------------------------------------------------------------- */

static void remember(struct tracking *t, struct session *s, struct slice name, uint64_t hash) {
    if (tracked_add(&t->tracked, name, hash, s->id)) return;
    struct session *to = tracking_recipient(s);
    if (to) tracking_send(t, to, NULL);
}

static void remember_keys(struct tracking *t, struct session *s, const struct request *req) {
    int here[KEYS_HERE], *index = here;
    if (req->argc > KEYS_HERE) index = mem_alloc((size_t)req->argc * sizeof *index);
    int n = row_keys(req->row, req->argv, req->argc, index, NULL, req->argc);
    for (int i = 0; i < n; i++) {
        struct slice name = req->argv[index[i]];
        remember(t, s, name, index[i] == 1 ? req->key_hash : hash_bytes(name.p, name.n));
    }
    if (index != here) mem_free(index);
    count(t);
    if (is_over(t)) t->core->tracking_due = true;
}

/* A script has no keys of its own: those count that its commands read. */
static void has_run(struct session *s, const struct request *req) {
    const struct tracking_state *state = &s->tracker->state;
    uint32_t flags = req->row->flags;
    if (!(flags & ROW_READONLY) || flags & (ROW_RUNS_OTHERS | ROW_PUBSUB)) return;
    if (state->options & TRACKING_OPTIN && !state->caching) return;
    if (state->options & TRACKING_OPTOUT && state->caching) return;
    remember_keys(s->core->tracking, s, req);
}

/* CLIENT CACHING is for the next command that is none of CLIENT, or the next transaction. */
static void before(struct session *s) {
    struct tracker *tr = s->tracker;
    if (tr->state.caching && !tr->after_client && !s->multi) tr->state.caching = false;
}

static void after(struct session *s, const struct request *req) {
    struct tracker *tr = s->tracker;
    if (!tr->state.caching) return;
    const struct row *parent = req->row ? row_parent(s->core->rows, req->row) : NULL;
    tr->after_client = parent && strcmp(parent->name, "client") == 0;
}

void tracking_set_caching(struct session *s) { s->tracker->state.caching = true; }

/* ---- the limit ----------------------------------------------------------------------- */

/* Too many keys are remembered: those who have some of them are told to drop these. */
static void keep_limit(struct tracking *t) {
    size_t told = 0;
    while (is_over(t) && told < TRACKING_FORGOTTEN_MAX) {
        struct tracked_key *k = tracked_take_any(&t->tracked);
        size_t n;
        tracked_ids(k, &n);
        tell(t, k, NULL);
        tracked_key_free(k);
        told += n;
    }
    count(t);
}

static bool at_turn_end(struct core *core) {
    struct tracking *t = core->tracking;
    bool over = is_over(t), told = tracking_broadcast(t);
    keep_limit(t);
    core->tracking_due = is_over(t) || t->held.count;
    return over || told; /* messages are to be sent */
}

static bool follow_limit(void *ctx, char why[CONFIG_WHY_BYTES]) {
    (void)why;
    struct tracking *t = ctx;
    if (is_over(t)) t->core->tracking_due = true;
    return true;
}

/* ---- sessions ------------------------------------------------------------------------ */

struct tracking_state tracking_state(const struct session *s) {
    return s->tracker ? s->tracker->state : (struct tracking_state){0};
}

static struct tracker *tracker_of(struct session *s) {
    struct tracking *t = s->core->tracking;
    if (s->tracker) return s->tracker;
    struct tracker *tr = mem_calloc(sizeof *tr);
    tr->s = s;
    list_link_init(&tr->in_all);
    s->tracker = tr;
    if (t->tracker_count++ == 0) feed_observe(&t->core->feed, &t->observer);
    return tr;
}

void tracking_start(struct session *s, unsigned options, uint64_t redirect,
                    const struct slice *prefixes, size_t n) {
    struct tracking *t = s->core->tracking;
    struct tracker *tr = tracker_of(s);
    if (!tr->state.on) {
        t->core->tracking_counts.sessions++;
        list_push_back(&t->trackers, &tr->in_all);
    }
    tr->state.on = true;
    tr->state.broken = false;
    tr->state.options = options;
    tr->state.redirect = redirect;
    if (options & TRACKING_BCAST) {
        static const struct slice all = {"", 0};
        tracking_join(t, tr, n ? prefixes : &all, n ? n : 1);
        count(t);
    } else {
        s->gates |= GATE_TRACKS;
    }
}

void tracking_stop(struct session *s) {
    struct tracking *t = s->core->tracking;
    struct tracker *tr = s->tracker;
    if (!tr || !tr->state.on) return;
    tracking_leave(t, tr);
    list_unlink(&tr->in_all);
    tr->state = (struct tracking_state){0};
    s->gates &= ~(uint32_t)GATE_TRACKS;
    t->core->tracking_counts.sessions--;
    count(t);
}

/* When the last one has left that has ever tracked, nobody will ask for what is remembered. */
static void stop(struct session *s, bool for_good) {
    struct tracking *t = s->core->tracking;
    tracking_stop(s);
    if (!for_good) return;
    mem_free(s->tracker);
    s->tracker = NULL;
    if (--t->tracker_count) return;
    feed_unobserve(&t->core->feed, &t->observer);
    forget_all(t);
}

static size_t memory(const struct session *s) {
    const struct tracker *tr = s->tracker;
    return sizeof *tr + tr->room * sizeof *tr->joined + tr->prefix_bytes;
}

/* ---- up and down --------------------------------------------------------------------- */

static struct blob *blob_of(const char *text) {
    struct blob *b = blob_new(strlen(text));
    b->len = strlen(text);
    memcpy(b->data, text, b->len);
    return b;
}

void tracking_new(struct core *core) {
    struct tracking *t = mem_calloc(sizeof *t);
    t->core = core;
    list_init(&t->trackers);
    tracking_broadcast_init(t);
    tracked_init(&t->tracked, lives, t);
    t->observer = (struct feed_observer){.on_write = on_write, .on_left = on_left, .ctx = t};
    t->nothing[0] = blob_of("$-1\r\n");
    t->nothing[1] = blob_of("_\r\n");
    core->tracking = t;
    core->tracking_hooks = (struct tracking_hooks){
        .before = before,
        .after = after,
        .has_run = has_run,
        .stop = stop,
        .memory = memory,
        .at_turn_end = at_turn_end,
    };
    config_on_change(core->config, "tracking-table-max-keys", follow_limit, t);
}

void tracking_free(struct core *core) {
    struct tracking *t = core->tracking;
    ASSERT(!t->tracker_count);
    core->tracking = NULL;
    tracked_fini(&t->tracked);
    prefixes_fini(&t->prefixes);
    tracking_broadcast_fini(t);
    blob_unref(t->nothing[0]);
    blob_unref(t->nothing[1]);
    mem_free(t);
}
