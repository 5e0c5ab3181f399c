/* tracking_broadcast.c - BCAST: sessions that are told of all keys with a prefix.
 *
 * A change is found by its key's beginnings and noted with each prefix, once a turn. At the end of
 * the turn each prefix has one message, which its sessions share; a session with NOLOOP that has
 * changed some of the keys itself, last of all, gets one of its own.
 *
 * A command that goes on over several turns (core/ongoing.h) is one change to the others, done at
 * its end: what it changes is held until then, as long as that is few keys.
 *
 * B1  A prefix exists while it has members. It is dirty exactly if something is noted with it.
 * B2  The prefixes of a session do not overlap, but for the empty one, which may come later.
 * B3  A key is held while the command that goes on has changed it last, and goes on.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "core/ongoing.h"
#include "topic/tracking_internal.h"
#include "wire/resp.h"

struct prefix {
    struct membership **members;
    size_t count, room;
    struct table changed;      /* struct changed, while it is dirty */
    struct list_link in_dirty; /* tracking.dirty */
    size_t n;
    char text[];
};

struct membership {
    struct prefix *prefix;
    struct session *s;
    size_t at; /* in the prefix's members */
};

/* A key that has changed in this turn. */
struct changed {
    uint64_t by; /* see tracking_gather */
    size_t n;
    char name[];
};

static struct slice text_of(const struct prefix *p) { return slice_of(p->text, p->n); }

static struct slice changed_name(const void *item) {
    const struct changed *c = item;
    return slice_of(c->name, c->n);
}
static const struct table_ops changed_ops = {.key = changed_name};

/* ---- members ------------------------------------------------------------------------- */

struct slice tracking_prefix(const struct session *s, size_t i) {
    return text_of(s->tracker->joined[i]->prefix);
}

static struct prefix *prefix_of(struct tracking *t, struct slice text) {
    void **at = prefixes_at(&t->prefixes, text);
    if (*at) return *at;
    struct prefix *p = mem_calloc(sizeof *p + text.n);
    p->n = text.n;
    if (text.n) memcpy(p->text, text.p, text.n);
    list_link_init(&p->in_dirty);
    *at = p;
    return p;
}

static int by_text(const void *a, const void *b) {
    return slice_cmp(text_of((*(struct membership *const *)a)->prefix),
                     text_of((*(struct membership *const *)b)->prefix));
}

/* Whether it has everything already. */
static bool has_empty(const struct tracker *tr) {
    return tr->state.prefix_count && tr->joined[0]->prefix->n == 0;
}

void tracking_join(struct tracking *t, struct tracker *tr, const struct slice *prefixes, size_t n) {
    size_t *have = &tr->state.prefix_count;
    if (n == 1 && prefixes->n == 0 && has_empty(tr)) return;
    if (*have + n > tr->room) {
        tr->room = *have + n;
        tr->joined = mem_realloc(tr->joined, tr->room * sizeof *tr->joined);
    }
    for (size_t i = 0; i < n; i++) {
        struct prefix *p = prefix_of(t, prefixes[i]);
        struct membership *m = mem_alloc(sizeof *m);
        *m = (struct membership){p, tr->s, p->count};
        if (p->count == p->room) {
            p->room = p->room ? 2 * p->room : 1;
            p->members = mem_realloc(p->members, p->room * sizeof *p->members);
        }
        p->members[p->count++] = m;
        tr->joined[(*have)++] = m;
        tr->prefix_bytes += sizeof *m + sizeof *p + p->n;
    }
    qsort(tr->joined, *have, sizeof *tr->joined, by_text);
}

static void free_item(void *ctx, void *item) {
    (void)ctx;
    mem_free(item);
}

/* What has been noted is told, or nobody is there to tell. */
static void clean(struct prefix *p) {
    if (!list_linked(&p->in_dirty)) return;
    list_unlink(&p->in_dirty);
    table_each(&p->changed, free_item, NULL);
    table_fini(&p->changed);
}

static void prefix_drop(struct tracking *t, struct prefix *p) {
    clean(p);
    prefixes_remove(&t->prefixes, text_of(p));
    mem_free(p->members);
    mem_free(p);
}

void tracking_leave(struct tracking *t, struct tracker *tr) {
    for (size_t i = 0; i < tr->state.prefix_count; i++) {
        struct membership *m = tr->joined[i];
        struct prefix *p = m->prefix;
        struct membership *last = p->members[--p->count];
        p->members[m->at] = last;
        last->at = m->at;
        mem_free(m);
        if (!p->count) prefix_drop(t, p);
    }
    mem_free(tr->joined);
    tr->joined = NULL;
    tr->state.prefix_count = tr->room = tr->prefix_bytes = 0;
}

/* ---- overlaps ------------------------------------------------------------------------ */

static bool overlap(struct slice a, struct slice b) {
    return slice_begins(a, b) || slice_begins(b, a);
}

/* The first prefix of the session, in their order, that meets this one. As they do not overlap,
 * that is the empty one, or one at the place where this one would be. */
static bool meets_own(const struct session *s, struct slice prefix, struct slice *own) {
    const struct tracker *tr = s->tracker;
    size_t from = 0, to = tr ? tr->state.prefix_count : 0, n = to;
    if (!n) return false;
    *own = tracking_prefix(s, 0);
    if (!own->n) return true;
    while (from < to) {
        size_t middle = (from + to) / 2;
        if (slice_cmp(tracking_prefix(s, middle), prefix) < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    for (size_t i = from ? from - 1 : 0; i <= from && i < n; i++) {
        *own = tracking_prefix(s, i);
        if (overlap(*own, prefix)) return true;
    }
    return false;
}

static int by_bytes(const void *a, const void *b) {
    const struct slice *x = *(const struct slice *const *)a, *y = *(const struct slice *const *)b;
    int order = slice_cmp(*x, *y);
    return order ? order : (x > y) - (x < y);
}

/* The first one that meets another of them, or n. In the order of bytes those that begin with one
 * follow it. */
static size_t first_that_meets(const struct slice *prefixes, size_t n) {
    size_t first = n, root = 0;
    if (n < 2) return n;
    const struct slice **sorted = mem_alloc(n * sizeof *sorted);
    for (size_t i = 0; i < n; i++) sorted[i] = &prefixes[i];
    qsort(sorted, n, sizeof *sorted, by_bytes);
    for (size_t i = 1; i < n; i++) {
        if (!slice_begins(*sorted[i], *sorted[root])) {
            root = i;
            continue;
        }
        size_t a = (size_t)(sorted[i] - prefixes), b = (size_t)(sorted[root] - prefixes);
        if (a < first) first = a;
        if (b < first) first = b;
    }
    mem_free(sorted);
    return first;
}

bool tracking_overlaps(const struct session *s, const struct slice *prefixes, size_t n,
                       struct tracking_overlap *o) {
    size_t first = first_that_meets(prefixes, n);
    for (size_t i = 0; i < n; i++) {
        o->prefix = prefixes[i];
        o->is_own = meets_own(s, prefixes[i], &o->other);
        if (o->is_own) return true;
        if (i != first) continue;
        size_t j = i + 1;
        while (!overlap(prefixes[i], prefixes[j])) j++;
        o->other = prefixes[j];
        return true;
    }
    return false;
}

/* ---- changes ------------------------------------------------------------------------- */

struct change {
    struct tracking *t;
    struct key key;
    uint64_t by;
};

static void put(struct table *changes, const struct change *ch) {
    struct table_place place;
    struct slice name = key_slice(ch->key);
    struct changed *c = table_find(changes, &changed_ops, name, ch->key.hash, &place);
    if (!c) {
        c = mem_alloc(sizeof *c + name.n);
        c->n = name.n;
        if (name.n) memcpy(c->name, name.p, name.n);
        table_insert(changes, ch->key.hash, c);
    }
    c->by = ch->by;
    ch->t->core->tracking_due = true;
}

static void note(void *ctx, void *item) {
    const struct change *ch = ctx;
    struct prefix *p = item;
    if (!list_linked(&p->in_dirty)) {
        table_init(&p->changed, &changed_ops, NULL);
        list_push_back(&ch->t->dirty, &p->in_dirty);
    }
    put(&p->changed, ch);
}

static void gather(struct change *ch) {
    prefixes_match(&ch->t->prefixes, key_slice(ch->key), note, ch);
}

static void gather_held(void *ctx, void *item) {
    struct changed *c = item;
    gather(&(struct change){ctx, key_of(changed_name(c)), c->by});
    mem_free(c);
}

static void release(struct tracking *t) {
    struct table held = t->held;
    table_init(&t->held, &changed_ops, NULL);
    table_each(&held, gather_held, t);
    table_fini(&held);
}

/* Somebody else has changed it since. */
static void release_one(struct tracking *t, struct key k) {
    struct table_place place;
    struct changed *c = table_find(&t->held, &changed_ops, key_slice(k), k.hash, &place);
    if (!c) return;
    table_remove(&t->held, k.hash, place);
    mem_free(c);
}

void tracking_gather(struct tracking *t, struct key k, uint64_t by) {
    struct change ch = {t, k, by};
    bool holds = t->core->ongoing.inside;
    if (holds && t->held.count < TRACKING_HELD_MAX) {
        put(&t->held, &ch);
        return;
    }
    if (t->held.count && ongoing_has_stopped(t->core)) {
        release_one(t, k);
    } else if (t->held.count && !holds) {
        release(t);
    }
    gather(&ch);
}

void tracking_broadcast_init(struct tracking *t) {
    list_init(&t->dirty);
    table_init(&t->held, &changed_ops, NULL);
}

void tracking_broadcast_fini(struct tracking *t) {
    table_each(&t->held, free_item, NULL);
    table_fini(&t->held);
}

/* ---- the end of the turn ------------------------------------------------------------- */

/* What one prefix has to tell: its keys in the order of their bytes, and the ids of those who have
 * changed some, in order. */
struct news {
    struct changed **keys;
    uint64_t *by;
    size_t n;
};

static void collect(void *ctx, void *item) {
    struct news *news = ctx;
    struct changed *c = item;
    news->by[news->n] = c->by;
    news->keys[news->n++] = c;
}

static int by_name(const void *a, const void *b) {
    return slice_cmp(changed_name(*(struct changed *const *)a),
                     changed_name(*(struct changed *const *)b));
}

static int by_id(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The keys as an array, but for those that `except` has changed; NULL: there is no memory. */
static struct blob *encode(const struct news *news, uint64_t except, size_t *count) {
    size_t bytes = RESP_HEADER_BYTES_MAX;
    *count = 0;
    for (size_t i = 0; i < news->n; i++) {
        if (except && news->keys[i]->by == except) continue;
        bytes += RESP_HEADER_BYTES_MAX + news->keys[i]->n + 2;
        ++*count;
    }
    struct blob *b = blob_try(bytes);
    if (!b) return NULL;
    char *p = resp_put_header(b->data, '*', *count);
    for (size_t i = 0; i < news->n; i++) {
        const struct changed *c = news->keys[i];
        if (except && c->by == except) continue;
        p = resp_put_header(p, '$', c->n);
        if (c->n) memcpy(p, c->name, c->n);
        memcpy(p + c->n, "\r\n", 2);
        p += c->n + 2;
    }
    b->len = (size_t)(p - b->data);
    return b;
}

/* To one who has changed some of the keys and does not want to hear of these. */
static void tell_rest(const struct tracking *t, struct session *s, const struct news *news) {
    size_t n;
    struct blob *message = encode(news, s->id, &n);
    struct session *to = n ? tracking_recipient(s) : NULL;
    if (to) tracking_send(t, to, message);
    if (message) blob_unref(message);
}

static void tell_members(const struct tracking *t, const struct prefix *p,
                         const struct news *news) {
    size_t n;
    struct blob *message = encode(news, 0, &n);
    for (size_t i = 0; i < p->count; i++) {
        struct session *s = p->members[i]->s;
        bool own = s->tracker->state.options & TRACKING_NOLOOP &&
                   bsearch(&s->id, news->by, news->n, sizeof *news->by, by_id);
        if (own) {
            tell_rest(t, s, news);
            continue;
        }
        struct session *to = tracking_recipient(s);
        if (to) tracking_send(t, to, message);
    }
    if (message) blob_unref(message);
}

static void broadcast(const struct tracking *t, struct prefix *p) {
    size_t n = p->changed.count;
    struct news news = {mem_alloc(n * sizeof *news.keys), mem_alloc(n * sizeof *news.by), 0};
    table_each(&p->changed, collect, &news);
    qsort(news.keys, n, sizeof *news.keys, by_name);
    qsort(news.by, n, sizeof *news.by, by_id);
    tell_members(t, p, &news);
    mem_free(news.keys);
    mem_free(news.by);
    clean(p);
}

static int by_prefix(const void *a, const void *b) {
    return slice_cmp(text_of(*(struct prefix *const *)a), text_of(*(struct prefix *const *)b));
}

bool tracking_broadcast(struct tracking *t) {
    size_t n = 0;
    if (t->held.count && !ongoing_has_stopped(t->core)) release(t);
    if (list_empty(&t->dirty)) return false;
    for (struct list_link *l = list_first(&t->dirty); l; l = list_next(&t->dirty, l)) n++;
    struct prefix **dirty = mem_alloc(n * sizeof *dirty);
    n = 0;
    for (struct list_link *l = list_first(&t->dirty); l; l = list_next(&t->dirty, l))
        dirty[n++] = LIST_MEMBER(l, struct prefix, in_dirty);
    qsort(dirty, n, sizeof *dirty, by_prefix);
    for (size_t i = 0; i < n; i++) broadcast(t, dirty[i]);
    mem_free(dirty);
    return true;
}
