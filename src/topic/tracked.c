/* tracked.c - see tracked.h. */
#include "topic/tracked.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"

struct tracked_key {
    uint32_t name_bytes;
    uint32_t count, room; /* ids */
    char name[];          /* then the ids, where they are aligned */
};

static size_t ids_at(size_t name_bytes) {
    return (sizeof(struct tracked_key) + name_bytes + sizeof(uint64_t) - 1) &
           ~(sizeof(uint64_t) - 1);
}

static uint64_t *ids_of(struct tracked_key *k) {
    return (uint64_t *)(void *)((char *)k + ids_at(k->name_bytes));
}

static struct slice key_of_item(const void *item) { return tracked_name(item); }
static const struct table_ops ops = {.key = key_of_item};

struct slice tracked_name(const struct tracked_key *k) {
    return slice_of(k->name, k->name_bytes);
}

const uint64_t *tracked_ids(const struct tracked_key *k, size_t *n) {
    *n = k->count;
    return ids_of((struct tracked_key *)k);
}

void tracked_init(struct tracked *t, bool (*lives)(void *ctx, uint64_t id), void *ctx) {
    *t = (struct tracked){.lives = lives, .ctx = ctx};
    table_init(&t->keys, &ops, NULL);
}

static void free_item(void *ctx, void *item) {
    (void)ctx;
    mem_free(item);
}

void tracked_fini(struct tracked *t) {
    table_each(&t->keys, free_item, NULL);
    table_fini(&t->keys);
    t->items = 0;
}

void tracked_key_free(struct tracked_key *k) { mem_free(k); }

/* ---- ids ----------------------------------------------------------------------------- */

/* The number of ids below this one. */
static size_t rank_of(const uint64_t *ids, size_t n, uint64_t id) {
    size_t from = 0;
    while (from < n) {
        size_t middle = from + (n - from) / 2;
        if (ids[middle] < id) {
            from = middle + 1;
        } else {
            n = middle;
        }
    }
    return from;
}

static void drop_dead(struct tracked *t, struct tracked_key *k) {
    uint64_t *ids = ids_of(k);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < k->count; i++) {
        if (t->lives(t->ctx, ids[i])) ids[kept++] = ids[i];
    }
    t->items -= k->count - kept;
    k->count = kept;
}

/* With room for one more; it may have moved. */
static struct tracked_key *grow(struct tracked_key *k) {
    uint32_t room = 2 * k->room;
    k = mem_realloc(k, ids_at(k->name_bytes) + room * sizeof(uint64_t));
    k->room = room;
    return k;
}

static struct tracked_key *key_new(struct slice name) {
    struct tracked_key *k =
        name.n <= UINT32_MAX ? mem_try(ids_at(name.n) + sizeof(uint64_t)) : NULL;
    if (!k) return NULL;
    *k = (struct tracked_key){.name_bytes = (uint32_t)name.n, .room = 1};
    if (name.n) memcpy(k->name, name.p, name.n);
    return k;
}

bool tracked_add(struct tracked *t, struct slice name, uint64_t hash, uint64_t id) {
    struct table_place place;
    struct tracked_key *k = table_find(&t->keys, &ops, name, hash, &place);
    if (!k) {
        k = key_new(name);
        if (!k) return false;
        table_insert(&t->keys, hash, k);
    }
    uint64_t *ids = ids_of(k);
    size_t at = rank_of(ids, k->count, id);
    if (at < k->count && ids[at] == id) return true;
    if (k->count == k->room) {
        drop_dead(t, k);
        if (2 * k->count > k->room) {
            k = grow(k);
            table_replace(&t->keys, hash, place, k);
        }
        ids = ids_of(k);
        at = rank_of(ids, k->count, id);
    }
    memmove(ids + at + 1, ids + at, (k->count - at) * sizeof *ids);
    ids[at] = id;
    k->count++;
    t->items++;
    return true;
}

/* ---- keys ---------------------------------------------------------------------------- */

struct tracked_key *tracked_take(struct tracked *t, struct slice name, uint64_t hash) {
    struct table_place place;
    struct tracked_key *k = table_find(&t->keys, &ops, name, hash, &place);
    if (!k) return NULL;
    table_remove(&t->keys, hash, place);
    t->items -= k->count;
    return k;
}

struct tracked_key *tracked_take_any(struct tracked *t) {
    const struct tracked_key *k = table_random(&t->keys, false, random_u64);
    if (!k) return NULL;
    struct slice name = tracked_name(k);
    return tracked_take(t, name, hash_bytes(name.p, name.n));
}
