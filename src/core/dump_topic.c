/* dump_topic.c - retained topics in bytes of RDB. See dump.h.
 *
 * No release of Redis has such values, so they go as those of a module: a name of nine letters, the
 * version of what follows, and data of self-describing kinds. Who does not know the name (an RDB
 * tool) finds the end; redis-server refuses the file, or the payload, and says which module it
 * misses. The data: epoch, next offset, the limits of count, bytes and ms, the number of messages;
 * then each message: its ms after the one before (of the first: of 1970), its bytes.
 *
 * What is too old, and is there yet, is written too, and hidden when it is loaded as it was before.
 */
#include "base/err.h"
#include "base/mem.h"
#include "core/dump.h"
#include "types/topic_ring.h"

#define NAME "clr-topic"
#define DATA_VERSION 1

enum { EPOCH, NEXT, LIMIT_COUNT, LIMIT_BYTES, LIMIT_MS, MESSAGES, HEAD_COUNT };

/* ---- saving ---- */

static enum rdb_type topic_type(const struct entry *e, int version) {
    (void)e;
    (void)version;
    return RDB_MODULE;
}

static void put_topic(struct rdb_writer *w, const struct entry *e, enum rdb_type as) {
    const struct topic_ring *t = entry_object(e);
    const struct topic_state *s = topic_ring_state(t);
    const uint64_t head[HEAD_COUNT] = {s->epoch,        s->next,      s->limits.count,
                                       s->limits.bytes, s->limits.ms, s->next - s->first};
    struct topic_cursor c = topic_cursor_at(t, s->first);
    struct topic_message m;
    int64_t before_ms = 0;
    (void)as;
    rdb_put_module(w, rdb_module_number(NAME, DATA_VERSION));
    for (int i = 0; i < HEAD_COUNT; i++) rdb_put_module_uint(w, head[i]);
    while (topic_cursor_next(&c, &m)) {
        rdb_put_module_uint(w, (uint64_t)(m.ms - before_ms));
        rdb_put_module_string(w, m.payload);
        before_ms = m.ms;
    }
    rdb_put_module_end(w);
}

/* ---- loading ---- */

struct loading {
    uint64_t head[HEAD_COUNT];
    int got;       /* of the head */
    uint64_t left; /* messages to come */
    int64_t ms;    /* of the last one, or of the one whose bytes come next */
    bool in_message;
};

static int begin_topic(void *ctx, const struct rdb_value *value) {
    struct dump_load *load = ctx;
    (void)value;
    load->state = mem_calloc(sizeof(struct loading));
    load->value->type = TYPE_TOPIC;
    load->value->encoding = ENC_OBJECT;
    return 0;
}

static int take_module(void *ctx, uint64_t number) {
    (void)ctx;
    return number == rdb_module_number(NAME, DATA_VERSION) ? 0 : RDB_UNSUPPORTED;
}

static int begin_ring(struct dump_load *load, struct loading *l) {
    const uint64_t *head = l->head;
    for (int i = NEXT; i < HEAD_COUNT; i++) {
        if (head[i] >= TOPIC_NUMBER_END) return RDB_CORRUPT;
    }
    if (head[MESSAGES] > head[NEXT] || !head[EPOCH]) return RDB_CORRUPT;
    struct topic_ring *t = topic_ring_new(head[EPOCH], head[NEXT] - head[MESSAGES]);
    topic_ring_limit(t,
                     (struct topic_limits){head[LIMIT_COUNT], head[LIMIT_BYTES], head[LIMIT_MS]});
    load->value->object = t;
    l->left = head[MESSAGES];
    return 0;
}

static int take_number(struct dump_load *load, struct loading *l, uint64_t v) {
    if (l->got < HEAD_COUNT) {
        l->head[l->got++] = v;
        return l->got == HEAD_COUNT ? begin_ring(load, l) : 0;
    }
    if (!l->left || l->in_message || v >= TOPIC_NUMBER_END - (uint64_t)l->ms) return RDB_CORRUPT;
    l->ms += (int64_t)v;
    l->in_message = true;
    return 0;
}

static int take_datum(void *ctx, const struct rdb_datum *datum) {
    struct dump_load *load = ctx;
    struct loading *l = load->state;
    struct blob *b;
    if (datum->kind == RDB_DATUM_UNSIGNED) return take_number(load, l, datum->number);
    if (datum->kind != RDB_DATUM_STRING || !l->in_message) return RDB_CORRUPT;
    if (!topic_ring_append(load->value->object, l->ms, datum->text, &b)) return ERR_NO_MEMORY;
    l->in_message = false;
    l->left--;
    return 0;
}

/* All that the head told of has come, and is within its limits. */
static int end_topic(void *ctx) {
    struct dump_load *load = ctx;
    const struct loading *l = load->state;
    const struct topic_ring *t = load->value->object;
    if (!t || l->left || l->in_message) return RDB_CORRUPT;
    const struct topic_state *s = topic_ring_state(t);
    bool fits = (!s->limits.count || s->next - s->first <= s->limits.count) &&
                (!s->limits.bytes || s->bytes <= s->limits.bytes);
    return fits ? 0 : RDB_CORRUPT;
}

static void free_loading(struct dump_load *load) { mem_free(load->state); }

static const struct rdb_visitor visitor = {
    .begin = begin_topic,
    .module = take_module,
    .datum = take_datum,
    .end = end_topic,
};

const struct dump_type dump_topic = {topic_type, put_topic, &visitor, free_loading};
