/* watch.c - see watch.h. Threads: the loop. */
#include "core/watch.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/table.h"

/* What a key is meant by. */
struct watched_id {
    uint64_t hash, db;
};

/* A key that somebody watches. */
struct watched {
    struct watched_id id;
    struct list watchers; /* struct watcher, in_key */
    size_t watcher_count;
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
    struct table table; /* struct watched */
    struct feed_observer observer;
};

static struct slice text_of(const struct watched_id *id) {
    return slice_of((const char *)id, sizeof *id);
}

static uint64_t hash_of(const struct watched_id *id) {
    return hash_bytes((const char *)id, sizeof *id);
}

static struct slice id_of(const void *item) { return text_of(&((const struct watched *)item)->id); }
static const struct table_ops watched_ops = {.key = id_of};

static struct watched *find_at(struct watches *w, const struct watched_id *id,
                               struct table_place *place) {
    return table_find(&w->table, &watched_ops, text_of(id), hash_of(id), place);
}

static struct watched *find(struct watches *w, int db, uint64_t hash) {
    struct table_place place;
    struct watched_id id = {hash, (uint64_t)db};
    return find_at(w, &id, &place);
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
    table_init(&w->table, &watched_ops, NULL);
    return w;
}

void watches_free(struct watches *w) {
    table_fini(&w->table);
    mem_free(w);
}

size_t watch_keys(const struct core *core) { return core->watches->table.count; }

void watch_left(struct core *core, struct db *db, uint64_t hash) {
    struct watched *k = core->watches->table.count ? find(core->watches, db->id, hash) : NULL;
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
    if (!w->table.count) feed_observe(&core->feed, &w->observer);
    k = mem_calloc(sizeof *k + name.n);
    k->id = (struct watched_id){name.hash, (uint64_t)db};
    k->n = name.n;
    if (name.n) memcpy(k->name, name.p, name.n);
    list_init(&k->watchers);
    table_insert(&w->table, hash_of(&k->id), k);
    return k;
}

static void watched_put(struct core *core, struct watched *k) {
    struct watches *w = core->watches;
    struct table_place place;
    if (k->watcher_count) return;
    find_at(w, &k->id, &place);
    table_remove(&w->table, hash_of(&k->id), place);
    mem_free(k);
    if (!w->table.count) feed_unobserve(&core->feed, &w->observer);
}

static struct db *db_of(const struct session *s, const struct watched *k) {
    return &s->core->ks->dbs[k->id.db];
}

static bool is_there(struct db *db, const struct watched *k) {
    return db_exists(db, (struct key){k->name, k->n, k->id.hash});
}

/* Looks where there are fewer: at who watches the key, or what the session watches. */
static bool watches(const struct session *s, const struct watched *k) {
    bool by_key = k->watcher_count < s->watch_count;
    const struct list *list = by_key ? &k->watchers : &s->watching;
    for (struct list_link *l = list_first(list); l; l = list_next(list, l)) {
        const struct watcher *w = by_key ? LIST_MEMBER(l, struct watcher, in_key)
                                         : LIST_MEMBER(l, struct watcher, in_session);
        if (w->key == k && w->s == s) return true;
    }
    return false;
}

static size_t bytes_of(const struct watched *k) {
    return sizeof(struct watcher) + sizeof *k + k->n;
}

void watch_key(struct session *s, struct key name) {
    struct watched *k = watched_get(s->core, s->db->id, name);
    if (watches(s, k)) return;
    struct watcher *w = mem_calloc(sizeof *w);
    w->key = k;
    w->s = s;
    w->was_there = is_there(s->db, k);
    list_push_back(&k->watchers, &w->in_key);
    list_push_back(&s->watching, &w->in_session);
    k->watcher_count++;
    s->watch_count++;
    s->watch_bytes += bytes_of(k);
}

void unwatch_all(struct session *s) {
    for (struct list_link *l; (l = list_pop_front(&s->watching));) {
        struct watcher *w = LIST_MEMBER(l, struct watcher, in_session);
        list_unlink(&w->in_key);
        w->key->watcher_count--;
        watched_put(s->core, w->key);
        mem_free(w);
    }
    s->watch_count = s->watch_bytes = 0;
    s->state &= ~(uint32_t)SESSION_CAS_FAILED;
}

bool watch_failed(struct session *s) {
    for (struct list_link *l = list_first(&s->watching); l; l = list_next(&s->watching, l)) {
        const struct watcher *w = LIST_MEMBER(l, struct watcher, in_session);
        if (w->was_there && !is_there(db_of(s, w->key), w->key)) s->state |= SESSION_CAS_FAILED;
    }
    return s->state & SESSION_CAS_FAILED;
}

struct between {
    struct db *db, *other;
};

static void touch_between(void *ctx, void *item) {
    const struct between *b = ctx;
    struct watched *k = item;
    if (k->id.db != (uint64_t)b->db->id) return;
    if (is_there(b->db, k) || (b->other && is_there(b->other, k))) touch(k);
}

void watch_touch_db(struct core *core, struct db *db, struct db *other) {
    struct between between = {db, other};
    table_each(&core->watches->table, touch_between, &between);
}
