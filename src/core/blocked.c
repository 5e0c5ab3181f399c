/* blocked.c - see blocked.h.
 *
 * Keys that are waited for are in a table of chains by the hash of the name and the database.
 * K1  A key is in the table while it has a place, and while it is being served.
 * K2  The feed calls on_change exactly while the table is not empty.
 */
#include "core/blocked.h"

#include <math.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "core/places.h"
#include "core/push.h"
#include "core/snapshot.h"

#define CHAINS_MIN 64 /* power of two */

struct blocked_key {
    struct blocked_key *next_in_chain;
    struct list_link in_ready;
    struct list places;
    size_t place_count, any_count; /* any_count: of those who mind any change */
    struct blocked *owner;
    uint64_t hash;
    int db;
    bool serving;
    size_t n;
    char name[];
};

/* One of the keys of a waiter. */
struct place {
    struct list_link in_key;
    struct blocked_key *key; /* NULL: the same key as an earlier one */
    struct waiter *waiter;
};

struct waiter {
    struct session *s;
    struct wheel_node node;  /* its timeout's */
    struct wheel_node again; /* when it is to be run again */
    enum entry_type type;
    bool any_change;
    bool silent;                       /* CLIENT REPLY swallows the reply */
    void (*at_end)(struct session *s); /* or NULL */
    bool timed;                        /* counted as such; out of the wheel when its time is over */
    struct request req;
    int place_count;
    struct place places[];
};

struct blocked {
    struct blocked_key **chains;
    size_t mask, key_count, any_key_count, waiter_count, timed_count;
    struct list ready; /* in_ready */
    struct wheel wheel;
    struct wheel again;
    size_t again_count;
    struct feed *feed;
    struct core *core; /* known from the first who waits */
    bool serving;
    bool deferred; /* a key was ready, but its lane was not */
};

/* ---- keys --------------------------------------------------------------------------- */

static struct blocked_key **chain_of(struct blocked *b, int db, uint64_t hash) {
    return &b->chains[(hash ^ (uint64_t)db) & b->mask];
}

static void set_chain_count(struct blocked *b, size_t chain_count) {
    struct blocked_key **old = b->chains;
    size_t old_count = old ? b->mask + 1 : 0;
    b->chains = mem_calloc(chain_count * sizeof *b->chains);
    b->mask = chain_count - 1;
    for (size_t i = 0; i < old_count; i++) {
        for (struct blocked_key *k = old[i], *next; k; k = next) {
            struct blocked_key **chain = chain_of(b, k->db, k->hash);
            next = k->next_in_chain;
            k->next_in_chain = *chain;
            *chain = k;
        }
    }
    mem_free(old);
}

static void mark_ready(struct blocked *b, struct blocked_key *k) {
    if (list_linked(&k->in_ready)) return;
    list_push_back(&b->ready, &k->in_ready);
    b->core->after_due = true;
}

/* Another key of the same hash is looked at for nothing. */
static void on_change(void *ctx, int db, uint64_t hash) {
    struct blocked *b = ctx;
    for (struct blocked_key *k = *chain_of(b, db, hash); k; k = k->next_in_chain) {
        if (k->hash == hash && k->db == db) mark_ready(b, k);
    }
}

static struct blocked_key *key_get(struct blocked *b, int db, struct key name) {
    struct blocked_key *k = *chain_of(b, db, name.hash);
    while (k && (k->hash != name.hash || k->db != db ||
                 !slice_eq(slice_of(k->name, k->n), key_slice(name))))
        k = k->next_in_chain;
    if (k) return k;
    if (b->key_count > b->mask) set_chain_count(b, 2 * (b->mask + 1));
    struct blocked_key **chain = chain_of(b, db, name.hash);
    k = mem_calloc(sizeof *k + name.n);
    k->owner = b;
    k->hash = name.hash;
    k->db = db;
    k->n = name.n;
    memcpy(k->name, name.p, name.n);
    list_init(&k->places);
    list_link_init(&k->in_ready);
    k->next_in_chain = *chain;
    *chain = k;
    if (b->key_count++ == 0) feed_watch(b->feed, on_change, b);
    return k;
}

/* Frees the key if nobody is there any more. */
static void key_put(struct blocked_key *k) {
    struct blocked *b = k->owner;
    if (k->place_count || k->serving) return;
    struct blocked_key **at = chain_of(b, k->db, k->hash);
    while (*at != k) at = &(*at)->next_in_chain;
    *at = k->next_in_chain;
    list_unlink(&k->in_ready);
    mem_free(k);
    if (--b->key_count == 0) feed_watch(b->feed, NULL, NULL);
}

/* Puts the waiter behind the others of the key. */
static void place_join(struct place *p, struct waiter *w, struct blocked_key *k) {
    struct list_link *last = list_last(&k->places);
    p->waiter = w;
    if (last && LIST_MEMBER(last, struct place, in_key)->waiter == w) return;
    p->key = k;
    list_push_back(&k->places, &p->in_key);
    k->place_count++;
    if (w->any_change && k->any_count++ == 0) k->owner->any_key_count++;
}

static void place_leave(struct place *p) {
    struct blocked_key *k = p->key;
    if (!k) return;
    list_unlink(&p->in_key);
    k->place_count--;
    if (p->waiter->any_change && --k->any_count == 0) k->owner->any_key_count--;
    key_put(k);
}

/* ---- waiters ------------------------------------------------------------------------- */

struct blocked *blocked_new(struct feed *feed, int64_t now_ms) {
    struct blocked *b = mem_calloc(sizeof *b);
    b->feed = feed;
    list_init(&b->ready);
    wheel_init(&b->wheel, now_ms);
    wheel_init(&b->again, now_ms);
    set_chain_count(b, CHAINS_MIN);
    return b;
}

void blocked_free(struct blocked *b) {
    ASSERT(b->waiter_count == 0 && b->key_count == 0);
    mem_free(b->chains);
    mem_free(b);
}

struct blocked_counts blocked_counts(const struct blocked *b) {
    return (struct blocked_counts){b->waiter_count, b->timed_count, b->key_count, b->any_key_count};
}

/* A waiter with a copy of the arguments behind its places. */
static struct waiter *waiter_new(struct ctx *c, const struct blocked_on *on) {
    struct waiter *w = mem_calloc(sizeof *w + (size_t)on->key_count * sizeof *w->places);
    w->s = c->s;
    w->type = on->type;
    w->any_change = on->any_change;
    w->at_end = on->at_end;
    w->silent = c->s->gates & (GATE_REPLY_OFF | GATE_REPLY_SKIPPING);
    request_copy(&w->req, c->req, on->argv ? on->argv : c->argv);
    w->place_count = on->key_count;
    return w;
}

/* Changes when the waiter is to be run again. */
static void set_again(struct blocked *b, struct waiter *w, int64_t again_ms) {
    if (wheel_has(&w->again)) {
        wheel_drop(&b->again, &w->again);
        b->again_count--;
    }
    if (again_ms == BLOCKED_FOREVER) return;
    wheel_set(&b->again, &w->again, again_ms);
    b->again_count++;
}

void blocked_wait(struct ctx *c, const struct blocked_on *on) {
    struct blocked *b = c->core->blocked;
    if (c->s->state & SESSION_NO_WAIT) {
        reply_null_array(c->r); /* as if the time were over */
        return;
    }
    c->s->state |= SESSION_BLOCKED;
    c->core->after_due = true;
    if (c->s->waiter) { /* it was run again, and stays where it is */
        set_again(b, c->s->waiter, on->again_ms);
        return;
    }
    struct waiter *w = waiter_new(c, on);
    b->core = c->core;
    for (int i = 0; i < on->key_count; i++) {
        place_join(&w->places[i], w, key_get(b, c->db->id, ctx_key(c, on->first_key + i)));
    }
    b->waiter_count++;
    if (on->until_ms != BLOCKED_FOREVER) {
        wheel_set(&b->wheel, &w->node, on->until_ms);
        w->timed = true;
        b->timed_count++;
    }
    set_again(b, w, on->again_ms);
    c->s->waiter = w;
}

void blocked_leave(struct session *s) {
    struct waiter *w = s->waiter;
    if (!w) return;
    struct blocked *b = s->core->blocked;
    for (int i = 0; i < w->place_count; i++) place_leave(&w->places[i]);
    if (w->timed) {
        if (wheel_has(&w->node)) wheel_drop(&b->wheel, &w->node);
        b->timed_count--;
    }
    set_again(b, w, BLOCKED_FOREVER);
    b->waiter_count--;
    s->waiter = NULL;
    s->state &= ~(uint32_t)SESSION_BLOCKED;
    request_free(&w->req);
    mem_free(w);
}

bool blocked_end(struct session *s, bool with_error) {
    struct waiter *w = s->waiter;
    if (!w || s->state & SESSION_CLOSE_NOW) return false;
    push_before_reply(s);
    s->reply.noted = 0;
    struct reply_place before = reply_here(&s->reply);
    if (w->at_end) w->at_end(s);
    if (with_error) {
        reply_rewind(&s->reply, before);
        reply_error(&s->reply, "UNBLOCKED client unblocked via CLIENT UNBLOCK");
    } else if (!w->at_end) {
        reply_null_array(&s->reply);
    }
    exec_account(s->core, s, &w->req, 0);
    if (w->silent) reply_rewind(&s->reply, before);
    blocked_leave(s);
    s->kick(s);
    return true;
}

/* ---- serving ------------------------------------------------------------------------- */

static void run_again(struct core *core, struct waiter *w) {
    struct session *s = w->s;
    push_before_reply(s);
    struct reply_place before = reply_here(&s->reply);
    bool silent = w->silent;
    struct session *outer = core->retaking;
    s->state &= ~(uint32_t)SESSION_BLOCKED;
    core->retaking = s;
    exec_again(core, s, &w->req);
    core->retaking = outer;
    if (!(s->state & SESSION_BLOCKED) && silent) reply_rewind(&s->reply, before);
    push_release(s);
    if (s->state & SESSION_BLOCKED) return;
    blocked_leave(s);
    s->kick(s);
}

/* Whoever joins while this goes on is not among those counted at the start. */
static void serve_key(struct core *core, struct blocked_key *k) {
    struct db *db = &core->ks->dbs[k->db];
    struct key name = {k->name, k->n, k->hash};
    struct list_link *l = list_first(&k->places), *next;
    k->serving = true;
    for (size_t left = k->place_count; l && left; left--, l = next) {
        struct waiter *w = LIST_MEMBER(l, struct place, in_key)->waiter;
        next = list_next(&k->places, l);
        const struct entry *e = db_peek(db, name);
        if (!e && !k->any_count) break;
        if (w->s->state & SESSION_CLOSE_NOW) continue;
        if (core->ks->cut) snapshot_gate(core, w->s, &w->req);
        if (places_stop(core, w->s->db, &w->req)) {
            core->blocked->deferred = true;
            break;
        }
        if (w->any_change || (e && entry_type(e) == w->type)) run_again(core, w);
    }
    k->serving = false;
    key_put(k);
}

void blocked_serve(struct core *core) {
    struct blocked *b = core->blocked;
    if (b->serving || list_empty(&b->ready)) return;
    b->serving = true;
    /* What took long may have outlived the key. */
    core_refresh_now(core);
    for (struct list_link *l; (l = list_pop_front(&b->ready));) {
        serve_key(core, LIST_MEMBER(l, struct blocked_key, in_ready));
    }
    b->serving = false;
}

void blocked_retry(struct core *core) {
    struct blocked *b = core->blocked;
    if (!b->deferred) return;
    b->deferred = false;
    for (int db = 0; db < core->ks->db_count; db++) blocked_touch_db(b, db);
}

void blocked_touch_db(struct blocked *b, int db) {
    for (size_t i = 0; b->key_count && i <= b->mask; i++) {
        for (struct blocked_key *k = b->chains[i]; k; k = k->next_in_chain) {
            if (k->db == db) mark_ready(b, k);
        }
    }
}

/* ---- time ---------------------------------------------------------------------------- */

/* Who is to be run again takes its turn among the others of its keys. */
static void mark_due_again(struct blocked *b, int64_t now_ms) {
    while (b->again_count) {
        struct wheel_node *node = wheel_due(&b->again, now_ms);
        if (!node) return;
        struct waiter *w = LIST_MEMBER(node, struct waiter, again);
        b->again_count--;
        for (int i = 0; i < w->place_count; i++) {
            if (w->places[i].key) mark_ready(b, w->places[i].key);
        }
    }
}

bool blocked_expire(struct core *core) {
    struct blocked *b = core->blocked;
    bool any = false;
    mark_due_again(b, core->now_ms);
    if (!b->timed_count) return false;
    for (struct wheel_node *node; (node = wheel_due(&b->wheel, core->now_ms)); any = true) {
        struct session *s = LIST_MEMBER(node, struct waiter, node)->s;
        if (!blocked_end(s, false)) blocked_leave(s); /* it is closed already */
    }
    return any;
}

int64_t blocked_next_ms(const struct blocked *b) {
    int64_t end_ms = b->timed_count ? wheel_next(&b->wheel) : INT64_MAX;
    int64_t again_ms = b->again_count ? wheel_next(&b->again) : INT64_MAX;
    return again_ms < end_ms ? again_ms : end_ms;
}

/* Adds the moment to a length of time. */
static bool timeout_of(struct ctx *c, int64_t wait_ms, int64_t *until_ms) {
    *until_ms = BLOCKED_FOREVER;
    if (wait_ms < 0) {
        reply_error(c->r, "ERR timeout is negative");
    } else if (wait_ms && __builtin_add_overflow(wait_ms, c->core->now_ms, until_ms)) {
        reply_error(c->r, "ERR timeout is out of range");
    } else {
        return true;
    }
    return false;
}

bool blocked_parse_seconds(struct ctx *c, int i, int64_t *until_ms) {
    long double s;
    if (!num_parse_ld(c->argv[i], &s)) {
        reply_error(c->r, "ERR timeout is not a float or out of range");
        return false;
    }
    long double ms = ceill(s * 1000);
    if (ms >= 0x1p63L) {
        reply_error(c->r, "ERR timeout is out of range");
        return false;
    }
    return timeout_of(c, ms < 0 ? -1 : (int64_t)ms, until_ms);
}

bool blocked_parse_ms(struct ctx *c, int i, int64_t *until_ms) {
    int64_t ms;
    return ctx_int_range(c, i, INT64_MIN, INT64_MAX, &ms,
                         "ERR timeout is not an integer or out of range") &&
           timeout_of(c, ms, until_ms);
}
