/* stream_idmp.c - see stream_idmp.h.
 *
 * The iids of all producers are in one list as well, in the order in which they came, which is that
 * of their IDs' times but for what XIDMPRECORD adds.
 */
#include "types/stream_idmp.h"

#include "base/hash.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/table.h"
#include "types/stream_internal.h"

struct producer {
    struct table iids;
    struct list in_turn; /* struct iid, in_producer: the oldest first */
    size_t n;
    char name[];
};

struct iid {
    struct list_link in_producer, in_all;
    struct producer *producer;
    struct stream_id id;
    size_t n;
    char bytes[];
};

struct stream_idmp {
    struct stream_idmp_limits limits;
    struct table producers;
    struct list in_turn; /* struct iid, in_all */
    uint64_t iid_count, added, duplicates;
    size_t bytes; /* of producers and iids, but not of tables */
};

static struct slice producer_key(const void *item) {
    const struct producer *p = item;
    return slice_of(p->name, p->n);
}

static struct slice iid_key(const void *item) {
    const struct iid *i = item;
    return slice_of(i->bytes, i->n);
}

static const struct table_ops producer_ops = {.key = producer_key};
static const struct table_ops iid_ops = {.key = iid_key};

/* ---- one by one ---------------------------------------------------------------------- */

static struct producer *producer_find(const struct stream_idmp *m, struct slice name,
                                      struct table_place *place) {
    return table_find(&m->producers, &producer_ops, name, hash_bytes(name.p, name.n), place);
}

static struct producer *producer_new(struct stream_idmp *m, struct slice name) {
    struct producer *p = mem_alloc(sizeof *p + name.n);
    table_init(&p->iids, &iid_ops, NULL);
    list_init(&p->in_turn);
    p->n = name.n;
    memcpy(p->name, name.p, name.n);
    table_insert(&m->producers, hash_bytes(name.p, name.n), p);
    m->bytes += sizeof *p + name.n;
    return p;
}

static void producer_free(struct stream_idmp *m, struct producer *p) {
    struct table_place place;
    producer_find(m, slice_of(p->name, p->n), &place);
    table_remove(&m->producers, hash_bytes(p->name, p->n), place);
    table_fini(&p->iids);
    m->bytes -= sizeof *p + p->n;
    mem_free(p);
}

static void iid_free(struct stream_idmp *m, struct iid *i) {
    struct producer *p = i->producer;
    struct table_place place;
    uint64_t hash = hash_bytes(i->bytes, i->n);
    table_find(&p->iids, &iid_ops, slice_of(i->bytes, i->n), hash, &place);
    table_remove(&p->iids, hash, place);
    list_unlink(&i->in_producer);
    list_unlink(&i->in_all);
    m->bytes -= sizeof *i + i->n;
    m->iid_count--;
    mem_free(i);
    if (list_empty(&p->in_turn)) producer_free(m, p);
}

static void iid_new(struct stream_idmp *m, struct slice producer, struct slice bytes,
                    struct stream_id id) {
    struct table_place place;
    struct producer *p = producer_find(m, producer, &place);
    if (!p) p = producer_new(m, producer);
    struct iid *i = mem_alloc(sizeof *i + bytes.n);
    i->producer = p;
    i->id = id;
    i->n = bytes.n;
    memcpy(i->bytes, bytes.p, bytes.n);
    list_link_init(&i->in_producer);
    list_link_init(&i->in_all);
    list_push_back(&p->in_turn, &i->in_producer);
    list_push_back(&m->in_turn, &i->in_all);
    table_insert(&p->iids, hash_bytes(bytes.p, bytes.n), i);
    m->bytes += sizeof *i + bytes.n;
    m->iid_count++;
}

static struct iid *oldest(const struct list *in_all) {
    struct list_link *first = list_first(in_all);
    return first ? LIST_MEMBER(first, struct iid, in_all) : NULL;
}

static bool is_over(const struct stream_idmp *m, const struct iid *i, int64_t now_ms) {
    uint64_t span_ms = m->limits.duration_s * 1000, now = now_ms < 0 ? 0 : (uint64_t)now_ms;
    return now >= span_ms && i->id.ms <= now - span_ms;
}

static void forget_all(struct stream_idmp *m) {
    for (struct iid *i; (i = oldest(&m->in_turn));) iid_free(m, i);
}

/* ---- as a whole ---------------------------------------------------------------------- */

static struct stream_idmp *idmp_new(struct stream_idmp_limits limits) {
    struct stream_idmp *m = mem_calloc(sizeof *m);
    m->limits = limits;
    table_init(&m->producers, &producer_ops, NULL);
    list_init(&m->in_turn);
    return m;
}

void stream_idmp_free(struct stream_idmp *m) {
    if (!m) return;
    forget_all(m);
    table_fini(&m->producers);
    mem_free(m);
}

struct stream_idmp *stream_idmp_copy(const struct stream_idmp *m) {
    if (!m) return NULL;
    struct stream_idmp *copy = idmp_new(m->limits);
    copy->added = m->added;
    copy->duplicates = m->duplicates;
    for (struct list_link *l = list_first(&m->in_turn); l; l = list_next(&m->in_turn, l)) {
        const struct iid *i = LIST_MEMBER(l, struct iid, in_all);
        iid_new(copy, producer_key(i->producer), iid_key(i), i->id);
    }
    return copy;
}

static void add_table_bytes(void *ctx, void *item) {
    const struct producer *p = item;
    *(size_t *)ctx += p->iids.bytes;
}

size_t stream_idmp_memory(const struct stream_idmp *m) {
    if (!m) return 0;
    size_t bytes = sizeof *m + m->bytes + m->producers.bytes;
    table_each(&m->producers, add_table_bytes, &bytes);
    return bytes;
}

size_t stream_idmp_free_cost(const struct stream_idmp *m) {
    return m ? 1 + m->iid_count + 3 * m->producers.count : 0;
}

/* ---- what streams ask ---------------------------------------------------------------- */

struct stream_idmp *stream_idmp(const struct stream *s) {
    return s->idmp;
}

struct stream_idmp *stream_idmp_make(struct stream *s, struct stream_idmp_limits limits) {
    if (!s->idmp) s->idmp = idmp_new(limits);
    return s->idmp;
}

struct stream_idmp_limits stream_idmp_limits(const struct stream_idmp *m) {
    return m->limits;
}

void stream_idmp_set_limits(struct stream_idmp *m, struct stream_idmp_limits limits) {
    if (limits.duration_s == m->limits.duration_s && limits.entries_max == m->limits.entries_max)
        return;
    m->limits = limits;
    forget_all(m);
}

/* What is over lies at the beginning; a producer is known no more if its last iid does. */
struct stream_idmp_counts stream_idmp_counts(const struct stream_idmp *m, int64_t now_ms) {
    struct stream_idmp_counts counts = {m->producers.count, m->iid_count, m->added, m->duplicates};
    for (struct list_link *l = list_first(&m->in_turn); l; l = list_next(&m->in_turn, l)) {
        const struct iid *i = LIST_MEMBER(l, struct iid, in_all);
        if (!is_over(m, i, now_ms)) break;
        counts.iids--;
        if (list_last(&i->producer->in_turn) == &i->in_producer) counts.producers--;
    }
    return counts;
}

bool stream_idmp_find(const struct stream_idmp *m, struct slice producer, struct slice iid,
                      int64_t now_ms, struct stream_id *id) {
    struct table_place place;
    const struct producer *p = producer_find(m, producer, &place);
    if (!p) return false;
    const struct iid *i = table_find(&p->iids, &iid_ops, iid, hash_bytes(iid.p, iid.n), &place);
    if (!i || is_over(m, i, now_ms)) return false;
    *id = i->id;
    return true;
}

void stream_idmp_add(struct stream_idmp *m, struct slice producer, struct slice iid,
                     struct stream_id id, int64_t now_ms) {
    struct table_place place;
    for (struct iid *i; (i = oldest(&m->in_turn)) && is_over(m, i, now_ms);) iid_free(m, i);
    struct producer *p = producer_find(m, producer, &place);
    struct iid *known =
        p ? table_find(&p->iids, &iid_ops, iid, hash_bytes(iid.p, iid.n), &place) : NULL;
    if (known) iid_free(m, known); /* over, behind one that is not */
    iid_new(m, producer, iid, id);
    m->added++;
    p = producer_find(m, producer, &place);
    if (p->iids.count <= m->limits.entries_max) return;
    iid_free(m, LIST_MEMBER(list_first(&p->in_turn), struct iid, in_producer));
}

void stream_idmp_note_duplicate(struct stream_idmp *m) { m->duplicates++; }

static uint64_t rotate_left(uint64_t v) { return v << 1 | v >> 63; }

/* Redis' function, since iids go over in its log: XXH3 with 128 bits of each field, its length and
 * the value; their sums and their exclusive ors, combined. */
void stream_idmp_auto(const struct slice *texts, size_t pairs, char iid[STREAM_IID_AUTO_BYTES]) {
    XXH128_hash_t sum = {0, 0}, odd = {0, 0};
    for (size_t i = 0; i < pairs; i++) {
        XXH3_state_t state;
        uint64_t length = texts[2 * i].n;
        XXH3_128bits_reset(&state);
        XXH3_128bits_update(&state, texts[2 * i].p, texts[2 * i].n);
        XXH3_128bits_update(&state, &length, sizeof length);
        XXH3_128bits_update(&state, texts[2 * i + 1].p, texts[2 * i + 1].n);
        XXH128_hash_t pair = XXH3_128bits_digest(&state);
        sum.low64 += pair.low64;
        sum.high64 += pair.high64;
        odd.low64 ^= pair.low64;
        odd.high64 ^= pair.high64;
    }
    uint64_t words[2] = {sum.low64 ^ rotate_left(odd.high64), sum.high64 ^ rotate_left(odd.low64)};
    memcpy(iid, words, STREAM_IID_AUTO_BYTES);
}
