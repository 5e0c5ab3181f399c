/* watch.c - see watch.h. Threads: the loop. */
#include "core/watch.h"

#include "base/mem.h"

#define CHAINS 1024 /* power of two */

/* A key that somebody watches. */
struct watched {
    struct watched *next_in_chain;
    struct list watchers; /* struct watcher, in_key */
    uint64_t hash;
    int db;
    size_t n;
    char name[];
};

struct watcher {
    struct list_link in_key, in_session;
    struct watched *key;
    struct session *s;
    bool was_there;
};

struct watches {
    struct watched *chains[CHAINS];
    size_t count;
    struct feed_observer observer;
};

static struct watched **chain_of(struct watches *w, int db, uint64_t hash) {
    return &w->chains[(hash ^ (uint64_t)db) & (CHAINS - 1)];
}

void watches_free(struct watches *w) { mem_free(w); }

static struct watched *find(struct watches *w, int db, uint64_t hash) {
    struct watched *k = *chain_of(w, db, hash);
    while (k && (k->hash != hash || k->db != db)) k = k->next_in_chain;
    return k;
}

static void touch(struct watched *k) {
    for (struct list_link *l = list_first(&k->watchers); l; l = list_next(&k->watchers, l)) {
        LIST_MEMBER(l, struct watcher, in_key)->s->state |= SESSION_CAS_FAILED;
    }
}

static void on_change(void *ctx, int db, struct key name) {
    struct watched *k = find(ctx, db, name.hash);
    if (k) touch(k);
}

struct watches *watches_new(void) {
    struct watches *w = mem_calloc(sizeof *w);
    w->observer = (struct feed_observer){.on_write = on_change, .ctx = w};
    return w;
}

void watch_left(struct core *core, struct db *db, uint64_t hash) {
    struct watched *k = core->watches->count ? find(core->watches, db->id, hash) : NULL;
    for (struct list_link *l = k ? list_first(&k->watchers) : NULL; l;
         l = list_next(&k->watchers, l)) {
        struct watcher *w = LIST_MEMBER(l, struct watcher, in_key);
        if (w->was_there) w->s->state |= SESSION_CAS_FAILED;
    }
}

static struct watched *watched_get(struct core *core, int db, struct key name) {
    struct watches *w = core->watches;
    struct watched *k = find(w, db, name.hash);
    if (k) return k;
    struct watched **chain = chain_of(w, db, name.hash);
    k = mem_calloc(sizeof *k + name.n);
    k->hash = name.hash;
    k->db = db;
    k->n = name.n;
    if (name.n) memcpy(k->name, name.p, name.n);
    list_init(&k->watchers);
    k->next_in_chain = *chain;
    *chain = k;
    if (w->count++ == 0) feed_observe(&core->feed, &w->observer);
    return k;
}

static void watched_put(struct core *core, struct watched *k) {
    if (!list_empty(&k->watchers)) return;
    struct watched **at = chain_of(core->watches, k->db, k->hash);
    while (*at != k) at = &(*at)->next_in_chain;
    *at = k->next_in_chain;
    mem_free(k);
    if (--core->watches->count == 0) feed_unobserve(&core->feed, &core->watches->observer);
}

static struct db *db_of(const struct session *s, const struct watched *k) {
    return &s->core->ks->dbs[k->db];
}

static bool is_there(struct db *db, const struct watched *k) {
    return db_exists(db, (struct key){k->name, k->n, k->hash});
}

void watch_key(struct session *s, struct key name) {
    struct watched *k = watched_get(s->core, s->db->id, name);
    for (struct list_link *l = list_first(&s->watching); l; l = list_next(&s->watching, l)) {
        if (LIST_MEMBER(l, struct watcher, in_session)->key == k) return;
    }
    struct watcher *w = mem_calloc(sizeof *w);
    w->key = k;
    w->s = s;
    w->was_there = is_there(s->db, k);
    list_push_back(&k->watchers, &w->in_key);
    list_push_back(&s->watching, &w->in_session);
}

void unwatch_all(struct session *s) {
    for (struct list_link *l; (l = list_pop_front(&s->watching));) {
        struct watcher *w = LIST_MEMBER(l, struct watcher, in_session);
        list_unlink(&w->in_key);
        watched_put(s->core, w->key);
        mem_free(w);
    }
    s->state &= ~(uint32_t)SESSION_CAS_FAILED;
}

bool watch_failed(struct session *s) {
    for (struct list_link *l = list_first(&s->watching); l; l = list_next(&s->watching, l)) {
        const struct watcher *w = LIST_MEMBER(l, struct watcher, in_session);
        if (w->was_there && !is_there(db_of(s, w->key), w->key)) s->state |= SESSION_CAS_FAILED;
    }
    return s->state & SESSION_CAS_FAILED;
}

void watch_touch_db(struct core *core, struct db *db, struct db *other) {
    struct watches *w = core->watches;
    for (size_t i = 0; w->count && i < CHAINS; i++) {
        for (struct watched *k = w->chains[i]; k; k = k->next_in_chain) {
            if (k->db == db->id && (is_there(db, k) || (other && is_there(other, k)))) touch(k);
        }
    }
}
