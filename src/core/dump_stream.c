/* dump_stream.c - streams in bytes of RDB. See dump.h.
 *
 * Nodes are written as they lie in memory. Type 19 is what Redis 7.0 has; 21, from RDB 11 on, tells
 * in addition when consumers were active.
 *
 * Neither has a place for what is pending of no consumer (XNACK), and servers of that time trust
 * that nothing is. So it is written as pending of the consumer with no name, delivered at 0, which
 * is how XPENDING shows it, and everyone can claim it. If there is no such consumer, one is written
 * that was seen at 0. Loading turns both into what they were.
 */
#include "base/err.h"
#include "base/mem.h"
#include "core/dump.h"
#include "store/entry.h"
#include "types/stream_group.h"

static struct rdb_stream_id to_rdb(struct stream_id id) {
    return (struct rdb_stream_id){id.ms, id.seq};
}
static struct stream_id from_rdb(struct rdb_stream_id id) {
    return (struct stream_id){id.ms, id.seq};
}

/* ---- saving ---- */

static enum rdb_type stream_type(const struct entry *e, int version) {
    (void)e;
    return version >= rdb_version_of(RDB_STREAM_3) ? RDB_STREAM_3 : RDB_STREAM_2;
}

static void put_pending(struct rdb_writer *w, const struct stream_group *g) {
    struct stream_pel_iter it = stream_pel_start(&g->pel);
    rdb_put_len(w, stream_pel_count(&g->pel));
    for (const struct stream_nack *n; (n = stream_pel_next(&it));) {
        rdb_put_pending(w, &(struct rdb_pending){to_rdb(n->id), n->delivered_ms, n->deliveries});
    }
}

static void put_consumer(struct rdb_writer *w, enum rdb_type as, const struct stream_consumer *c) {
    struct stream_pel_iter it = stream_pel_start(&c->pel);
    rdb_put_consumer(w, as, &(struct rdb_consumer){c->name, c->seen_ms, c->active_ms});
    rdb_put_len(w, stream_pel_count(&c->pel));
    for (const struct stream_nack *n; (n = stream_pel_next(&it));) {
        rdb_put_stream_id(w, to_rdb(n->id));
    }
}

/* The consumer with no name, NULL if there is none, and what is pending of nobody. */
static void put_nameless(struct rdb_writer *w, enum rdb_type as, const struct stream_group *g,
                         const struct stream_consumer *c) {
    struct stream_pel_iter it = stream_pel_start(&g->pel);
    struct rdb_consumer nobody = {{"", 0}, 0, STREAM_NEVER_ACTIVE};
    if (c) nobody = (struct rdb_consumer){c->name, c->seen_ms, c->active_ms};
    rdb_put_consumer(w, as, &nobody);
    rdb_put_len(w, g->nacked + (c ? stream_pel_count(&c->pel) : 0));
    for (const struct stream_nack *n; (n = stream_pel_next(&it));) {
        if (!n->consumer || n->consumer == c) rdb_put_stream_id(w, to_rdb(n->id));
    }
}

static void put_group(struct rdb_writer *w, enum rdb_type as, const struct stream_group *g) {
    uint64_t count = stream_consumer_count(g), i = 0;
    const struct stream_consumer *nameless = stream_consumer_find(g, slice_cstr(""));
    rdb_put_group(w, &(struct rdb_group){g->name, to_rdb(g->last), g->entries_read});
    put_pending(w, g);
    rdb_put_len(w, count + (g->nacked && !nameless));
    if (g->nacked) {
        put_nameless(w, as, g, nameless);
        if (nameless) i++; /* the first of all names */
    }
    for (; i < count; i++) put_consumer(w, as, stream_consumer_at(g, i));
}

static bool put_node(void *ctx, struct stream_id base, struct slice lp) {
    rdb_put_stream_node(ctx, to_rdb(base), lp);
    return true;
}

static void put_stream(struct rdb_writer *w, const struct entry *e, enum rdb_type as) {
    const struct stream *s = entry_object(e);
    const struct stream_state *state = stream_state(s);
    rdb_put_len(w, stream_node_count(s));
    stream_each_node(s, put_node, w);
    rdb_put_stream_meta(w, &(struct rdb_stream_meta){
                               state->length, to_rdb(state->last), to_rdb(state->first),
                               to_rdb(state->deleted_max), state->added, stream_group_count(s)});
    for (uint64_t i = 0; i < stream_group_count(s); i++) put_group(w, as, stream_group_at(s, i));
}

/* ---- loading ---- */

struct loading {
    enum rdb_type type;
    struct stream_group *group;       /* NULL: none yet */
    struct stream_consumer *consumer; /* NULL: one that stands for nobody, so far */
    bool nameless;                    /* the consumer is the one with no name, */
    bool had_nameless;                /* of which each group has one at most */
    uint64_t of_nobody;               /* claims for nobody */
};

static int begin_stream(void *ctx, const struct rdb_value *value) {
    struct dump_load *load = ctx;
    struct loading *l = mem_calloc(sizeof *l);
    l->type = value->type;
    load->state = l;
    load->value->type = TYPE_STREAM;
    load->value->encoding = ENC_OBJECT;
    load->value->object = stream_new();
    return 0;
}

static int take_node(void *ctx, struct rdb_stream_id first, struct slice lp) {
    struct dump_load *load = ctx;
    switch (stream_load_node(load->value->object, from_rdb(first), lp)) {
    case STREAM_LOADED: return 0;
    case STREAM_LOAD_NO_MEMORY: return ERR_NO_MEMORY;
    default: return RDB_CORRUPT;
    }
}

static int take_meta(void *ctx, const struct rdb_stream_meta *meta) {
    struct dump_load *load = ctx;
    struct stream_state state = {meta->length, from_rdb(meta->last), from_rdb(meta->first),
                                 from_rdb(meta->deleted_max), meta->added};
    return stream_load_end(load->value->object, &state) ? 0 : RDB_CORRUPT;
}

/* Whether everything that is pending in the group has found its consumer. */
static bool is_whole(const struct loading *l) {
    return !l->group || l->group->nacked == l->of_nobody;
}

static int take_group(void *ctx, const struct rdb_group *group) {
    struct dump_load *load = ctx;
    struct loading *l = load->state;
    struct stream *s = load->value->object;
    struct stream_id last = from_rdb(group->last);
    if (!is_whole(l)) return RDB_CORRUPT;
    int64_t read = l->type == RDB_STREAM_1 ? stream_added_until(s, last) : group->entries_read;
    *l = (struct loading){.type = l->type, .group = stream_group_add(s, group->name, last, read)};
    return l->group ? 0 : RDB_CORRUPT;
}

static int take_pending(void *ctx, const struct rdb_pending *pending) {
    struct loading *l = ((struct dump_load *)ctx)->state;
    stream_nack_add(l->group, NULL, from_rdb(pending->id), pending->delivered_ms,
                    pending->deliveries); /* they rise, so none is there twice */
    return 0;
}

static struct stream_consumer *add_consumer(struct loading *l, struct slice name, int64_t seen_ms,
                                            int64_t active_ms) {
    struct stream_consumer *c = stream_consumer_add(l->group, name, seen_ms);
    if (c) stream_consumer_active(c, active_ms);
    return c;
}

static int take_consumer(void *ctx, const struct rdb_consumer *consumer) {
    struct loading *l = ((struct dump_load *)ctx)->state;
    l->consumer = NULL;
    l->nameless = !consumer->name.n;
    if (l->nameless && l->had_nameless) return RDB_CORRUPT;
    l->had_nameless |= l->nameless;
    if (l->nameless && !consumer->seen_ms) return 0;
    l->consumer = add_consumer(l, consumer->name, consumer->seen_ms, consumer->active_ms);
    return l->consumer ? 0 : RDB_CORRUPT;
}

static int take_claim(void *ctx, struct rdb_stream_id id) {
    struct loading *l = ((struct dump_load *)ctx)->state;
    struct stream_nack *nack = stream_nack_find(l->group, from_rdb(id));
    if (!nack || nack->consumer) return RDB_CORRUPT;
    if (l->nameless && !nack->delivered_ms) {
        l->of_nobody++;
        return 0;
    }
    if (!l->consumer) l->consumer = add_consumer(l, slice_cstr(""), 0, STREAM_NEVER_ACTIVE);
    stream_nack_own(l->group, nack, l->consumer);
    return 0;
}

static int end_stream(void *ctx) {
    struct dump_load *load = ctx;
    return is_whole(load->state) ? 0 : RDB_CORRUPT;
}

static void free_loading(struct dump_load *load) { mem_free(load->state); }

static const struct rdb_visitor visitor = {
    .begin = begin_stream,
    .stream_node = take_node,
    .stream_meta = take_meta,
    .group = take_group,
    .pending = take_pending,
    .consumer = take_consumer,
    .claim = take_claim,
    .end = end_stream,
};

const struct dump_type dump_stream = {stream_type, put_stream, &visitor, free_loading};
