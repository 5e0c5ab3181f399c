/* stream_group.c - see stream_group.h. */
#include "types/stream_group.h"

#include "base/assert.h"
#include "base/mem.h"
#include "types/stream_internal.h"

/* A consumer that has more than this part of what is pending is removed by rebuilding the rest. */
#define REBUILD_SHARE 16

/* ---- names ---- */

/* Groups and consumers are in trees by name alone: all scores are 0. */
static struct slice name_of(const void *named) { return *(const struct slice *)named; }
static const struct rank_ops by_name = {name_of};
_Static_assert(offsetof(struct stream_group, name) == 0, "name_of");
_Static_assert(offsetof(struct stream_consumer, name) == 0, "name_of");

static struct rank_cursor named_first(const struct rank_tree *t) { return rank_tree_at(t, 0); }

static void *named_next(struct rank_cursor *c) {
    if (!rank_cursor_valid(*c)) return NULL;
    void *named = rank_cursor_blob(*c);
    rank_cursor_next(c);
    return named;
}

static void *named_find(const struct rank_tree *t, struct slice name) {
    struct rank_cursor c = rank_tree_seek(t, &by_name, 0, name, false);
    void *named = named_next(&c);
    return named && slice_eq(name_of(named), name) ? named : NULL;
}

static void named_add(struct rank_tree *t, void *named) { rank_tree_insert(t, &by_name, 0, named); }

static void named_remove(struct rank_tree *t, const void *named) {
    void *removed = rank_tree_remove(t, &by_name, 0, name_of(named));
    ASSERT(removed == named);
}

static struct slice name_new(struct slice name) {
    return slice_of(mem_dup(name.p, name.n), name.n);
}

/* Frees the tree, which must not be asked for names any more, and gives out what was there. */
static void named_free(struct rank_tree *t, void (*gone)(void *ctx, void *named)) {
    rank_tree_free_some(t, SIZE_MAX, (struct rank_gone){gone, NULL});
}

/* ---- a group's life ---- */

static struct stream_group *group_new(struct slice name) {
    struct stream_group *g = mem_calloc(sizeof *g);
    g->name = name_new(name);
    stream_pel_init(&g->pel, false);
    stream_pel_init(&g->times, true);
    rank_tree_init(&g->consumers);
    member_heap_init(&g->nacks);
    return g;
}

static void consumer_free(void *ctx, void *named) {
    struct stream_consumer *c = named;
    (void)ctx;
    stream_pel_fini(&c->pel);
    mem_free((char *)c->name.p);
    mem_free(c);
}

static void group_free(void *ctx, void *named) {
    struct stream_group *g = named;
    struct stream_nack *nack;
    struct stream_pel_iter it = stream_pel_start(&g->pel);
    (void)ctx;
    while ((nack = stream_pel_next(&it))) {
        if (!nack->in_slab) member_free(&g->nacks, nack, sizeof *nack, false);
    }
    member_heap_fini(&g->nacks);
    stream_pel_fini(&g->pel);
    stream_pel_fini(&g->times);
    named_free(&g->consumers, consumer_free);
    mem_free((char *)g->name.p);
    mem_free(g);
}

/* ---- groups ---- */

void stream_groups_init(struct stream *s) { rank_tree_init(&s->groups); }

void stream_groups_free(struct stream *s) { named_free(&s->groups, group_free); }

size_t stream_groups_memory(const struct stream *s) {
    struct rank_cursor at = named_first(&s->groups);
    size_t bytes = rank_tree_bytes(&s->groups);
    for (struct stream_group *g; (g = named_next(&at));) {
        bytes += mem_usable(g) + mem_usable((char *)g->name.p) + stream_pel_bytes(&g->pel) +
                 stream_pel_bytes(&g->times) + member_heap_bytes(&g->nacks) +
                 rank_tree_bytes(&g->consumers);
        struct rank_cursor of = named_first(&g->consumers);
        for (struct stream_consumer *c; (c = named_next(&of));) {
            bytes += mem_usable(c) + mem_usable((char *)c->name.p) + stream_pel_bytes(&c->pel);
        }
    }
    return bytes;
}

bool stream_groups_are_few(const struct stream *s, uint64_t max) {
    struct rank_cursor at = named_first(&s->groups);
    uint64_t sum = 0;
    for (struct stream_group *g; sum <= max && (g = named_next(&at));) {
        sum += 1 + stream_pel_count(&g->pel) + rank_tree_count(&g->consumers);
    }
    return sum <= max;
}

size_t stream_groups_free_cost(const struct stream *s) {
    struct rank_cursor at = named_first(&s->groups);
    size_t cost = 0;
    for (struct stream_group *g; (g = named_next(&at));) {
        /* Every nack is looked at, and is in three trees of some 80 rows a node. */
        cost += 2 + stream_pel_count(&g->pel) / 16 + 2 * rank_tree_count(&g->consumers);
    }
    return cost;
}

uint64_t stream_group_count(const struct stream *s) { return rank_tree_count(&s->groups); }

struct stream_group *stream_group_find(const struct stream *s, struct slice name) {
    return named_find(&s->groups, name);
}

struct stream_group *stream_group_at(const struct stream *s, uint64_t index) {
    return rank_cursor_blob(rank_tree_at(&s->groups, index));
}

struct stream_group *stream_group_add(struct stream *s, struct slice name, struct stream_id last,
                                      int64_t entries_read) {
    if (stream_group_find(s, name)) return NULL;
    struct stream_group *g = group_new(name);
    stream_group_set(g, last, entries_read);
    named_add(&s->groups, g);
    return g;
}

struct stream *stream_group_take(struct stream *s, struct stream_group *g) {
    struct stream *alone = stream_new();
    named_remove(&s->groups, g);
    named_add(&alone->groups, g);
    return alone;
}

void stream_group_set(struct stream_group *g, struct stream_id last, int64_t entries_read) {
    g->last = last;
    g->entries_read = entries_read;
}

static void group_copy(struct stream *to, const struct stream_group *from) {
    struct stream_group *g = stream_group_add(to, from->name, from->last, from->entries_read);
    struct rank_cursor of = named_first(&from->consumers);
    for (const struct stream_consumer *c; (c = named_next(&of));) {
        struct stream_consumer *copy = stream_consumer_add(g, c->name, c->seen_ms);
        copy->active_ms = c->active_ms;
    }
    struct stream_pel_iter it = stream_pel_start(&from->pel);
    for (const struct stream_nack *n; (n = stream_pel_next(&it));) {
        struct stream_consumer *c =
            n->consumer ? named_find(&g->consumers, n->consumer->name) : NULL;
        g->turns = n->turn;
        stream_nack_add(g, c, n->id, n->delivered_ms, n->deliveries);
    }
    g->turns = from->turns;
}

void stream_groups_copy(struct stream *to, const struct stream *from) {
    struct rank_cursor at = named_first(&from->groups);
    for (const struct stream_group *g; (g = named_next(&at));) group_copy(to, g);
}

/* ---- what a group has read ---- */

/* Whether there is a hole among the entries that are left, as far as is known: one before them is
 * none. */
static bool has_hole(const struct stream_state *st) {
    return st->length && !stream_id_is_zero(st->deleted_max) &&
           stream_id_cmp(st->deleted_max, st->first) >= 0;
}

/* The same, from an ID on. */
static bool has_hole_from(const struct stream_state *st, struct stream_id id) {
    return has_hole(st) && stream_id_cmp(id, st->deleted_max) <= 0;
}

int64_t stream_added_until(const struct stream *s, struct stream_id id) {
    const struct stream_state *st = &s->state;
    int to_last = stream_id_cmp(id, st->last), to_first = stream_id_cmp(id, st->first);
    if (!st->added) return 0;
    if (to_last == 0 || (!st->length && to_last < 0)) return (int64_t)st->added;
    if (to_last > 0 || to_first > 0 || has_hole(st)) return STREAM_READ_UNKNOWN;
    return (int64_t)(st->added - st->length + (to_first == 0));
}

void stream_group_advance(const struct stream *s, struct stream_group *g, struct stream_id id) {
    if (g->entries_read != STREAM_READ_UNKNOWN && !has_hole_from(&s->state, id)) {
        g->entries_read = (int64_t)((uint64_t)g->entries_read + 1); /* XGROUP may set any */
    } else if (s->state.added) {
        g->entries_read = stream_added_until(s, id);
    }
    g->last = id;
}

bool stream_group_lag(const struct stream *s, const struct stream_group *g, int64_t *lag) {
    int64_t read = g->entries_read;
    *lag = 0;
    if (!s->state.added) return true;
    if (read == STREAM_READ_UNKNOWN || has_hole_from(&s->state, g->last)) {
        read = stream_added_until(s, g->last);
        if (read == STREAM_READ_UNKNOWN) return false;
    }
    *lag = (int64_t)(s->state.added - (uint64_t)read);
    return true;
}

/* ---- consumers ---- */

uint64_t stream_consumer_count(const struct stream_group *g) {
    return rank_tree_count(&g->consumers);
}

struct stream_consumer *stream_consumer_find(const struct stream_group *g, struct slice name) {
    return named_find(&g->consumers, name);
}

struct stream_consumer *stream_consumer_at(const struct stream_group *g, uint64_t index) {
    return rank_cursor_blob(rank_tree_at(&g->consumers, index));
}

struct stream_consumer *stream_consumer_add(struct stream_group *g, struct slice name,
                                            int64_t now_ms) {
    if (stream_consumer_find(g, name)) return NULL;
    struct stream_consumer *c = mem_alloc(sizeof *c);
    *c = (struct stream_consumer){
        .name = name_new(name), .seen_ms = now_ms, .active_ms = STREAM_NEVER_ACTIVE};
    stream_pel_init(&c->pel, false);
    named_add(&g->consumers, c);
    return c;
}

void stream_consumer_seen(struct stream_consumer *c, int64_t now_ms) { c->seen_ms = now_ms; }
void stream_consumer_active(struct stream_consumer *c, int64_t now_ms) { c->active_ms = now_ms; }

static void nack_free(struct stream_group *g, struct stream_nack *nack) {
    member_free(&g->nacks, nack, sizeof *nack, nack->in_slab);
}

uint64_t stream_consumer_remove(struct stream_group *g, struct stream_consumer *c) {
    uint64_t pending = stream_pel_count(&c->pel);
    bool rebuild = pending > stream_pel_count(&g->pel) / REBUILD_SHARE;
    struct stream_pel_iter it = stream_pel_start(&c->pel);
    if (rebuild) {
        stream_pel_drop(&g->pel, c);
        stream_pel_drop(&g->times, c);
    }
    for (struct stream_nack *nack; (nack = stream_pel_next(&it));) {
        if (!rebuild) {
            stream_pel_remove(&g->pel, nack);
            stream_pel_remove(&g->times, nack);
        }
        nack_free(g, nack);
    }
    named_remove(&g->consumers, c);
    consumer_free(NULL, c);
    return pending;
}

/* ---- pending entries ---- */

struct stream_nack *stream_nack_find(const struct stream_group *g, struct stream_id id) {
    return stream_pel_find(&g->pel, id);
}

/* Makes the nack one of a consumer, or of none. */
static void give(struct stream_group *g, struct stream_nack *nack, struct stream_consumer *c) {
    nack->consumer = c;
    if (c) {
        stream_pel_insert(&c->pel, nack);
    } else {
        g->nacked++;
    }
}

static void take(struct stream_group *g, struct stream_nack *nack) {
    if (nack->consumer) {
        stream_pel_remove(&nack->consumer->pel, nack);
    } else {
        g->nacked--;
    }
}

static void put_at_time(struct stream_group *g, struct stream_nack *nack, int64_t delivered_ms) {
    nack->delivered_ms = delivered_ms;
    nack->turn = g->turns++ & (UINT64_MAX >> 1);
    stream_pel_insert(&g->times, nack);
}

struct stream_nack *stream_nack_add(struct stream_group *g, struct stream_consumer *c,
                                    struct stream_id id, int64_t delivered_ms,
                                    uint64_t deliveries) {
    bool in_slab;
    struct stream_nack *nack = member_alloc(&g->nacks, sizeof *nack, &in_slab);
    *nack = (struct stream_nack){.id = id, .deliveries = deliveries, .in_slab = in_slab};
    stream_pel_insert(&g->pel, nack);
    put_at_time(g, nack, delivered_ms);
    give(g, nack, c);
    return nack;
}

void stream_nack_assign(struct stream_group *g, struct stream_nack *nack, struct stream_consumer *c,
                        int64_t delivered_ms) {
    stream_pel_remove(&g->times, nack);
    put_at_time(g, nack, delivered_ms);
    if (c && c == nack->consumer) return;
    take(g, nack);
    give(g, nack, c);
}

void stream_nack_own(struct stream_group *g, struct stream_nack *nack, struct stream_consumer *c) {
    take(g, nack);
    give(g, nack, c);
}

void stream_nack_set_deliveries(struct stream_nack *nack, uint64_t deliveries) {
    nack->deliveries = deliveries;
}

void stream_nack_remove(struct stream_group *g, struct stream_nack *nack) {
    stream_pel_remove(&g->pel, nack);
    stream_pel_remove(&g->times, nack);
    take(g, nack);
    nack_free(g, nack);
}

/* ---- references ---- */

bool stream_referenced(const struct stream *s, struct stream_id id) {
    struct rank_cursor at = named_first(&s->groups);
    for (const struct stream_group *g; (g = named_next(&at));) {
        if (stream_id_cmp(g->last, id) < 0 || stream_nack_find(g, id)) return true;
    }
    return false;
}

uint64_t stream_unreference(struct stream *s, struct stream_id id) {
    struct rank_cursor at = named_first(&s->groups);
    uint64_t groups = 0;
    for (struct stream_group *g; (g = named_next(&at));) {
        struct stream_nack *nack = stream_nack_find(g, id);
        if (!nack) continue;
        stream_nack_remove(g, nack);
        groups++;
    }
    return groups;
}
