/* dump_fuzz.c - any bytes as a value that RESTORE is given: each is refused, or becomes a value
 * that can be used, and that is written in a form that loads to the same.
 *
 * The input is a type byte and a body. A value goes into a database, is written in the lowest RDB
 * version and in the highest, loaded, and written again. A stream then lives through what its
 * commands do; for other types their own targets do that.
 */
#include <stdint.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"
#include "core/config.h"
#include "core/dump.h"
#include "types/stream_group.h"
#include "types/topic_ring.h"

int fuzz_one(const uint8_t *data, size_t size);

static const struct config config = {
    .list_listpack_size = -2,
    .hash_listpack_entries = 128,
    .hash_listpack_bytes = 64,
    .set_intset_entries = 512,
    .set_listpack_entries = 128,
    .set_listpack_bytes = 64,
    .zset_listpack_entries = 128,
    .zset_listpack_bytes = 64,
};

static struct keyspace *ks;
static struct db *db;

static int load(struct slice body, unsigned type, const char *key) {
    struct rdb_reader r;
    struct dump_value value;
    rdb_reader_init(&r, body);
    int err = dump_get_value(&r, type, &config, &value);
    if (!err) dump_put_value(db, key_of(slice_cstr(key)), &value, -1);
    rdb_reader_fini(&r);
    return err;
}

static const struct entry *entry_of(const char *key) {
    const struct entry *e = db_peek(db, key_of(slice_cstr(key)));
    ASSERT(e);
    return e;
}

static enum rdb_type write(const char *key, int version, struct rdb_writer *w) {
    const struct entry *e = entry_of(key);
    enum rdb_type type = dump_rdb_type(e, version);
    rdb_writer_init(w, NULL, NULL);
    dump_put_body(w, e, type);
    ASSERT(!w->err);
    return type;
}

/* Tables have no order that would outlive them, so only what has one is the same to the byte. */
static void check_written(int version) {
    struct rdb_writer first, second;
    enum rdb_type type = write("a", version, &first);
    ASSERT(load(rdb_writer_bytes(&first), type, "b") == 0);
    ASSERT(entry_type(entry_of("b")) == entry_type(entry_of("a")));
    ASSERT(write("b", version, &second) == type);
    struct slice one = rdb_writer_bytes(&first), two = rdb_writer_bytes(&second);
    ASSERT(one.n == two.n);
    enum entry_type value = entry_type(entry_of("a"));
    if (value == TYPE_STREAM || value == TYPE_TOPIC) ASSERT(slice_eq(one, two));
    rdb_writer_fini(&first);
    rdb_writer_fini(&second);
}

/* ---- streams ---- */

static void check_pel(const struct stream_group *g, const struct stream_pel *pel,
                      const struct stream_consumer *c) {
    struct stream_pel_iter it = stream_pel_start(pel);
    uint64_t n = 0;
    const struct stream_nack *last = NULL;
    for (const struct stream_nack *nack; (nack = stream_pel_next(&it)); last = nack, n++) {
        ASSERT(!c || nack->consumer == c);
        ASSERT(stream_nack_find(g, nack->id) == nack);
        if (last && !pel->by_time) ASSERT(stream_id_cmp(last->id, nack->id) < 0);
        if (last && pel->by_time) ASSERT(last->delivered_ms <= nack->delivered_ms);
    }
    ASSERT(n == stream_pel_count(pel) && last == stream_pel_last(pel));
}

static void check_group(const struct stream *s, const struct stream_group *g) {
    uint64_t owned = 0;
    int64_t lag;
    ASSERT(stream_group_find(s, g->name) == g);
    check_pel(g, &g->pel, NULL);
    check_pel(g, &g->times, NULL);
    ASSERT(stream_pel_count(&g->pel) == stream_pel_count(&g->times));
    for (uint64_t i = 0; i < stream_consumer_count(g); i++) {
        const struct stream_consumer *c = stream_consumer_at(g, i);
        ASSERT(stream_consumer_find(g, c->name) == c);
        check_pel(g, &c->pel, c);
        owned += stream_pel_count(&c->pel);
    }
    ASSERT(owned + g->nacked == stream_pel_count(&g->pel));
    stream_group_lag(s, g, &lag);
}

/* Every other nack moves, or goes; then the consumers do, one by one. */
static void use_group(struct stream *s, struct stream_group *g) {
    struct stream_consumer *c = stream_consumer_add(g, slice_cstr("another one"), 1);
    struct stream_nack *nack = stream_pel_first(&g->times), *next,
                       *last = stream_pel_last(&g->times);
    struct stream_iter it;
    struct stream_entry e;
    for (unsigned i = 0; nack && i < 50; i++, nack = next) {
        next = nack == last ? NULL : stream_pel_after(&g->times, nack);
        if (i % 3 == 0) stream_nack_assign(g, nack, i % 2 ? c : NULL, i % 2 ? 7 : 0);
        if (i % 3 == 1) stream_nack_remove(g, nack);
    }
    stream_iter_start(&it, s, g->last, STREAM_ID_MAX, false);
    for (unsigned i = 0; i < 50 && stream_iter_next(&it, &e); i++) {
        stream_group_advance(s, g, e.id);
        if (c && !stream_nack_find(g, e.id)) stream_nack_add(g, c, e.id, 5, 1);
    }
    check_group(s, g);
    while (stream_consumer_count(g) > 1) stream_consumer_remove(g, stream_consumer_at(g, 0));
    check_group(s, g);
}

static void use_stream(struct stream *s) {
    struct stream *copy = stream_copy(s);
    struct stream_trim trim = {.length_max = 1, .refs = STREAM_REFS_ACKED};
    struct stream_iter it;
    struct stream_entry e;
    uint64_t n = 0;
    ASSERT(stream_radix_nodes(s) >= stream_node_count(s));
    ASSERT(stream_memory(copy) && stream_free_cost(copy) < SIZE_MAX / 2);
    for (uint64_t i = 0; i < stream_group_count(s); i++) {
        check_group(s, stream_group_at(s, i));
        check_group(copy, stream_group_at(copy, i));
    }
    stream_iter_start(&it, s, STREAM_ID_MIN, STREAM_ID_MAX, true);
    for (; stream_iter_next(&it, &e); n++) {
        if (n < 50 && stream_referenced(copy, e.id)) stream_unreference(copy, e.id);
    }
    ASSERT(n == stream_state(s)->length);
    stream_trim(copy, &trim);
    trim.refs = STREAM_REFS_DROP;
    stream_trim(copy, &trim);
    ASSERT(stream_state(copy)->length <= 1);
    for (uint64_t i = 0; i < stream_group_count(s); i++) use_group(s, stream_group_at(s, i));
    if (stream_group_count(s)) stream_free(stream_group_take(s, stream_group_at(s, 0)));
    stream_free(copy);
}

/* ---- retained topics ---- */

static uint64_t walk(const struct topic_ring *t, uint64_t from) {
    struct topic_cursor c = topic_cursor_at(t, from);
    struct topic_message m;
    uint64_t n = 0;
    int64_t ms = 0;
    for (; topic_cursor_next(&c, &m); n++) {
        ASSERT(m.ms >= ms && c.offset == m.offset + 1);
        ms = m.ms;
    }
    return n;
}

static void use_topic(struct topic_ring *t) {
    const struct topic_state *s = topic_ring_state(t);
    struct topic_ring *copy = topic_ring_copy(t), *gone;
    struct blob *b;
    uint64_t n = s->next - s->first, half = s->first + n / 2;
    ASSERT(walk(t, 0) == n && walk(copy, half) == s->next - half);
    ASSERT(topic_ring_first(t, s->last_ms) <= topic_ring_keeps(t, s->last_ms));
    ASSERT(topic_ring_due_ms(t) > 0);
    ASSERT(topic_ring_append(t, s->last_ms, slice_cstr("one more"), &b));
    gone = topic_ring_cut(t, half, 3);
    ASSERT(walk(t, 0) == s->next - half && walk(copy, 0) == n);
    ASSERT(topic_ring_memory(copy) && topic_ring_free_cost(copy));
    if (gone) topic_ring_free(gone);
    topic_ring_free(copy);
    gone = topic_ring_cut(t, s->next, 3);
    ASSERT(s->bytes == 0 && walk(t, 0) == 0);
    if (gone) topic_ring_free(gone);
}

int fuzz_one(const uint8_t *data, size_t size) {
    if (!ks) {
        hash_init(1);
        ks = keyspace_new(1);
        db = &ks->dbs[0];
    }
    if (size < 1) return 0;
    char *body = mem_dup(data + 1, size - 1);
    int err = load(slice_of(body, size - 1), data[0], "a");
    mem_free(body);
    if (err) return 0;
    check_written(10);
    check_written(12);
    if (entry_type(entry_of("a")) == TYPE_STREAM) use_stream(entry_object(entry_of("a")));
    if (entry_type(entry_of("a")) == TYPE_TOPIC) use_topic(entry_object(entry_of("a")));
    db_delete(db, key_of(slice_cstr("a")));
    db_delete(db, key_of(slice_cstr("b")));
    struct garbage *g = keyspace_take_garbage(ks);
    if (g) garbage_free(g);
    return 0;
}
