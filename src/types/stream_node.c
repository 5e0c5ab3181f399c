/* stream_node.c - see stream_node.h. */
#include "types/stream_node.h"

#include "base/assert.h"

#define FIXED_PIECES 3 /* flags, ms, seq */
#define FLAGS_ALL (STREAM_NODE_DEAD | STREAM_NODE_SAME)
#define PIECE_BYTES_MAX 10 /* of an element, beyond its text */
#define BATCH 64           /* elements appended at once */

/* ---- reading ---- */

static size_t read_int(const uint8_t *lp, size_t at, int64_t *v) {
    struct lp_value value;
    at = lp_read(lp, at, &value);
    *v = value.i;
    return at;
}

static size_t read_count(const uint8_t *lp, size_t at, uint64_t *v) {
    int64_t i;
    at = read_int(lp, at, &i);
    *v = (uint64_t)i;
    return at;
}

static size_t skip(const uint8_t *lp, size_t at, uint64_t n) {
    while (n--) at = lp_after(lp, at);
    return at;
}

uint64_t stream_node_live(const uint8_t *lp) {
    uint64_t live;
    read_count(lp, LP_HEAD_BYTES, &live);
    return live;
}

struct stream_head stream_node_head(const uint8_t *lp) {
    struct stream_head h;
    size_t at = read_count(lp, LP_HEAD_BYTES, &h.live);
    at = read_count(lp, at, &h.dead);
    h.names_at = read_count(lp, at, &h.names);
    h.first_at = skip(lp, h.names_at, h.names + 1);
    return h;
}

void stream_item_read(const uint8_t *lp, const struct stream_head *head, struct stream_id base,
                      size_t at, struct stream_item *item) {
    int64_t ms, seq;
    struct stream_entry *e = &item->entry;
    item->at = at;
    item->flags = lp[at];
    at = read_int(lp, lp_after(lp, at), &ms);
    at = read_int(lp, at, &seq);
    e->id = (struct stream_id){base.ms + (uint64_t)ms, base.seq + (uint64_t)seq};
    e->lp = lp;
    e->fields = head->names;
    e->names_at = head->names_at;
    if (!(item->flags & STREAM_NODE_SAME)) {
        at = read_count(lp, at, &e->fields);
        e->names_at = LP_NONE;
    }
    e->at = at;
}

bool stream_field_next(struct stream_entry *e, struct lp_value *field, struct lp_value *value) {
    if (!e->fields) return false;
    e->fields--;
    if (e->names_at != LP_NONE) {
        e->names_at = lp_read(e->lp, e->names_at, field);
    } else {
        e->at = lp_read(e->lp, e->at, field);
    }
    e->at = lp_read(e->lp, e->at, value);
    return true;
}

uint64_t stream_item_pieces(const struct stream_item *item) {
    uint64_t fields = item->entry.fields;
    return (item->flags & STREAM_NODE_SAME ? fields : 2 * fields) + 1;
}

size_t stream_item_end(const struct stream_item *item) {
    return skip(item->entry.lp, item->entry.at, stream_item_pieces(item));
}

size_t stream_item_before(const uint8_t *lp, size_t at) {
    uint64_t pieces;
    at = lp_prev(lp, at);
    read_count(lp, at, &pieces);
    if (!pieces) return LP_NONE; /* the head's end */
    while (pieces--) at = lp_prev(lp, at);
    return at;
}

/* ---- changing ---- */

bool stream_node_full(const uint8_t *lp, size_t text_bytes, const struct stream_limits *limits) {
    uint64_t bytes_max = limits->node_bytes, live, dead;
    if (!bytes_max || bytes_max > LP_BYTES_MAX) bytes_max = LP_BYTES_MAX;
    if (lp_bytes(lp) + text_bytes >= bytes_max) return true;
    if (!limits->node_entries) return false;
    read_count(lp, read_count(lp, LP_HEAD_BYTES, &live), &dead);
    return live + dead >= limits->node_entries;
}

/* Elements on their way into a listpack that has room for them. */
struct batch {
    struct lp_buf *to;
    size_t n;
    struct lp_item items[BATCH];
};

static void flush(struct batch *batch) {
    bool done = lp_append(batch->to, batch->items, batch->n);
    ASSERT(done);
    batch->n = 0;
}

/* Room for all elements of an entry: what they take, if they are all in the batch, else enough. And
 * for a number in the head to grow. */
static bool reserve(struct batch *batch, size_t bytes_max) {
    size_t bytes = bytes_max, len = batch->to->len;
    if (batch->n) {
        bytes = 0;
        for (size_t i = 0; i < batch->n; i++) bytes += batch->items[i].bytes;
    }
    bytes += len + LP_EMPTY_BYTES + PIECE_BYTES_MAX;
    return bytes <= UINT32_MAX && lp_buf_room(batch->to, bytes);
}

static void put(struct batch *batch, struct lp_item item) {
    if (batch->n == BATCH) flush(batch);
    batch->items[batch->n++] = item;
}

static void put_int(struct batch *batch, uint64_t v) { put(batch, lp_item_i64((int64_t)v)); }

static void put_head(struct batch *batch, const struct slice *texts, size_t pairs) {
    put_int(batch, 1);
    put_int(batch, 0);
    put_int(batch, pairs);
    for (size_t i = 0; i < pairs; i++) put(batch, lp_item_text(texts[2 * i]));
    put_int(batch, 0);
}

static bool has_names(const uint8_t *lp, const struct stream_head *head, const struct slice *texts,
                      size_t pairs) {
    if (head->names != pairs) return false;
    size_t at = head->names_at;
    for (size_t i = 0; i < pairs; i++, at = lp_after(lp, at)) {
        if (!lp_equals(lp, at, texts[2 * i])) return false;
    }
    return true;
}

static void put_entry(struct batch *batch, const uint64_t id[2], const struct slice *texts,
                      size_t pairs, bool same) {
    put_int(batch, same ? STREAM_NODE_SAME : 0);
    put_int(batch, id[0]);
    put_int(batch, id[1]);
    if (!same) put_int(batch, pairs);
    for (size_t i = 0; i < pairs; i++) {
        if (!same) put(batch, lp_item_text(texts[2 * i]));
        put(batch, lp_item_text(texts[2 * i + 1]));
    }
    put_int(batch, FIXED_PIECES + (same ? pairs : 2 * pairs + 1));
}

bool stream_node_append(struct lp_buf *b, struct stream_id base, struct stream_id id,
                        const struct slice *texts, size_t pairs, size_t text_bytes) {
    size_t pieces_max = 2 * pairs + 2 * FIXED_PIECES + 2;
    size_t bytes_max = text_bytes + pieces_max * PIECE_BYTES_MAX;
    uint64_t delta[2] = {id.ms - base.ms, id.seq - base.seq};
    bool is_new = !b->len, small = pieces_max <= BATCH, same = true;
    struct stream_head head;
    struct batch batch;
    batch.to = b;
    batch.n = 0;
    if (!small && !reserve(&batch, bytes_max)) return false;
    if (!is_new) {
        head = stream_node_head(b->p);
        same = has_names(b->p, &head, texts, pairs);
    } else {
        if (!small) lp_init(b);
        put_head(&batch, texts, pairs);
    }
    put_entry(&batch, delta, texts, pairs, same);
    if (small) {
        if (!reserve(&batch, 0)) return false;
        if (is_new) lp_init(b);
    }
    flush(&batch);
    if (!is_new) {
        struct lp_item live = lp_item_i64((int64_t)head.live + 1);
        bool done = lp_replace(b, LP_HEAD_BYTES, &live);
        ASSERT(done);
    }
    return true;
}

bool stream_node_recount(struct lp_buf *b, uint64_t live, uint64_t dead) {
    struct lp_item items[2] = {lp_item_i64((int64_t)live), lp_item_i64((int64_t)dead)};
    size_t dead_at = lp_after(b->p, LP_HEAD_BYTES), end = lp_after(b->p, dead_at);
    size_t len = b->len - (end - LP_HEAD_BYTES) + items[0].bytes + items[1].bytes;
    if (!lp_buf_room(b, len)) return false;
    bool done = lp_replace(b, LP_HEAD_BYTES, &items[0]) && /* the one that shrinks */
                lp_replace(b, lp_after(b->p, LP_HEAD_BYTES), &items[1]);
    ASSERT(done);
    return true;
}

/* ---- bytes from outside ---- */

/* What is left of a listpack whose structure is checked, but not its meaning. */
struct walk {
    const uint8_t *lp;
    size_t at, end;
};

static bool take_int(struct walk *w, int64_t *v) {
    struct lp_value value;
    if (w->at == w->end) return false;
    w->at = lp_read(w->lp, w->at, &value);
    *v = value.i;
    return !value.text.p;
}

/* A number that is not below zero. */
static bool take_count(struct walk *w, int64_t *v) { return take_int(w, v) && *v >= 0; }

static bool take_texts(struct walk *w, int64_t n) {
    for (; n && w->at != w->end; n--) w->at = lp_after(w->lp, w->at);
    return !n;
}

struct checked {
    int64_t live, dead, names;
    struct stream_id base, last;
};

static bool check_entry(struct walk *w, struct checked *c) {
    int64_t flags, ms, seq, fields = c->names, pieces;
    if (w->lp[w->at] & ~FLAGS_ALL) return false;
    if (!take_int(w, &flags) || !take_int(w, &ms) || !take_int(w, &seq)) return false;
    struct stream_id id = {c->base.ms + (uint64_t)ms, c->base.seq + (uint64_t)seq};
    bool first = !(c->live + c->dead), same = flags & STREAM_NODE_SAME;
    if (stream_id_cmp(id, first ? c->base : c->last) < !first) return false;
    if (!same && !take_count(w, &fields)) return false;
    if (fields > INT64_MAX / 4) return false; /* no listpack has as many */
    if (!take_texts(w, same ? fields : 2 * fields) || !take_int(w, &pieces)) return false;
    c->last = id;
    *(flags & STREAM_NODE_DEAD ? &c->dead : &c->live) += 1;
    return pieces == FIXED_PIECES + (same ? fields : 2 * fields + 1);
}

bool stream_node_check(const void *p, size_t n, struct stream_id base, struct stream_id *last) {
    if (!lp_check(p, n, 1)) return false;
    struct walk w = {p, LP_HEAD_BYTES, lp_end(p)};
    struct checked c = {.base = base};
    int64_t live, dead, zero;
    if (!take_count(&w, &live) || !take_count(&w, &dead) || !take_count(&w, &c.names)) return false;
    if (!take_texts(&w, c.names) || !take_int(&w, &zero) || zero) return false;
    if (w.at == w.end || stream_id_is_zero(base)) return false;
    while (w.at != w.end) {
        if (!check_entry(&w, &c)) return false;
    }
    *last = c.last;
    return c.live == live && c.dead == dead;
}
