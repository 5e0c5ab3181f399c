/* topic_ring.c - see topic_ring.h.
 *
 * A node holds records: how many ms after the one before, length and kind, then the bytes or the
 * address of a blob. What has left the first node is still in its memory, before `begin`.
 */
#include "types/topic_ring.h"

#include <stdatomic.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"

#define NODE_DATA_MAX ((uint32_t)(TOPIC_NODE_BYTES - sizeof(struct node)))
#define NODE_DATA_MIN 32
#define HEAD_BYTES_MAX 20 /* two numbers */
#define NODES_MIN 2

struct node {
    uint64_t offset; /* of the first record */
    int64_t ms;      /* that the first record counts from; of a whole node its own */
    uint64_t bytes;  /* as the limit counts them */
    uint32_t count, blobs;
    uint32_t begin, end, room; /* in data */
    char data[];
};

struct topic_ring {
    struct topic_state state;
    struct node **nodes; /* from `head` on */
    size_t head, count, room;
    size_t blobs;
    size_t memory; /* of nodes and blobs */
};

static _Atomic size_t ring_count;

size_t topic_ring_count(void) { return atomic_load_explicit(&ring_count, memory_order_relaxed); }

const struct topic_state *topic_ring_state(const struct topic_ring *t) { return &t->state; }

void topic_ring_limit(struct topic_ring *t, struct topic_limits limits) {
    t->state.limits = limits;
}

/* ---- records ------------------------------------------------------------------------ */

static uint32_t put_number(char *to, uint64_t v) {
    uint32_t n = 0;
    for (; v >= 128; v >>= 7) to[n++] = (char)(v | 128);
    to[n++] = (char)v;
    return n;
}

static uint64_t get_number(const char *from, uint32_t *at) {
    uint64_t v = 0;
    for (int shift = 0;; shift += 7) {
        unsigned char byte = (unsigned char)from[(*at)++];
        v |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) return v;
    }
}

/* Reads the record at *at, and goes behind it; *ms, of the record before, becomes this one's. */
static void read_record(const struct node *n, uint32_t *at, int64_t *ms, struct topic_message *m) {
    *ms += (int64_t)get_number(n->data, at);
    uint64_t head = get_number(n->data, at);
    size_t bytes = head >> 1;
    m->ms = *ms;
    m->blob = NULL;
    if (head & 1) {
        memcpy(&m->blob, n->data + *at, sizeof m->blob);
        m->payload = slice_of(m->blob->data, bytes);
        *at += (uint32_t)sizeof m->blob;
    } else {
        m->payload = slice_of(n->data + *at, bytes);
        *at += (uint32_t)bytes;
    }
}

static uint64_t size_of(const struct topic_message *m) {
    return m->payload.n + TOPIC_MESSAGE_BYTES;
}

static size_t blob_memory(const struct blob *b) { return sizeof *b + b->cap; }
static size_t node_memory(const struct node *n) { return sizeof *n + n->room; }

static struct node *node_at(const struct topic_ring *t, size_t i) { return t->nodes[t->head + i]; }

/* ---- up and down -------------------------------------------------------------------- */

static struct topic_ring *new_ring(void) {
    atomic_fetch_add_explicit(&ring_count, 1, memory_order_relaxed);
    return mem_calloc(sizeof(struct topic_ring));
}

struct topic_ring *topic_ring_new(uint64_t epoch, uint64_t next) {
    struct topic_ring *t = new_ring();
    t->state = (struct topic_state){.epoch = epoch, .first = next, .next = next};
    return t;
}

/* Visits each blob of a node. */
static void each_blob(const struct node *n, void (*visit)(struct topic_ring *t, struct blob *b),
                      struct topic_ring *t) {
    struct topic_message m;
    int64_t ms = 0;
    uint32_t left = n->blobs;
    for (uint32_t at = n->begin; left;) {
        read_record(n, &at, &ms, &m);
        if (!m.blob) continue;
        visit(t, m.blob);
        left--;
    }
}

static void drop_blob(struct topic_ring *t, struct blob *b) {
    (void)t;
    blob_unref_now(b);
}

static void leave_blob(struct topic_ring *t, struct blob *b) {
    t->memory -= blob_memory(b);
    t->blobs--;
    blob_unref(b);
}

static void share_blob(struct topic_ring *t, struct blob *b) {
    (void)t;
    blob_ref(b);
}

void topic_ring_free(struct topic_ring *t) {
    for (size_t i = 0; i < t->count; i++) {
        each_blob(node_at(t, i), drop_blob, t);
        mem_free(node_at(t, i));
    }
    mem_free(t->nodes);
    mem_free(t);
    atomic_fetch_sub_explicit(&ring_count, 1, memory_order_relaxed);
}

struct topic_ring *topic_ring_copy(const struct topic_ring *from) {
    struct topic_ring *t = new_ring();
    *t = *from;
    t->head = 0;
    t->room = from->count;
    t->nodes = from->count ? mem_alloc(t->room * sizeof *t->nodes) : NULL;
    for (size_t i = 0; i < t->count; i++) {
        const struct node *n = node_at(from, i);
        t->nodes[i] = mem_alloc(sizeof *n + n->room);
        memcpy(t->nodes[i], n, sizeof *n + n->end);
        each_blob(n, share_blob, t);
    }
    return t;
}

size_t topic_ring_free_cost(const struct topic_ring *t) { return 2 + t->count + t->blobs; }

size_t topic_ring_memory(const struct topic_ring *t) {
    return sizeof *t + t->room * sizeof *t->nodes + t->memory;
}

/* ---- adding ------------------------------------------------------------------------- */

static void add_node(struct topic_ring *t, struct node *n) {
    if (t->head + t->count == t->room) {
        if (t->head > t->room / 2) {
            memmove(t->nodes, t->nodes + t->head, t->count * sizeof *t->nodes);
            t->head = 0;
        } else {
            t->room = t->room ? 2 * t->room : NODES_MIN;
            t->nodes = mem_realloc(t->nodes, t->room * sizeof *t->nodes);
        }
    }
    t->nodes[t->head + t->count++] = n;
}

/* Room for a record of `bytes` in the last node, or in a new one, which begins at `ms`. */
static struct node *room_for(struct topic_ring *t, uint32_t bytes, int64_t ms) {
    struct node *n = t->count ? node_at(t, t->count - 1) : NULL;
    bool is_new = !n || bytes > NODE_DATA_MAX - n->end;
    if (!is_new && bytes <= n->room - n->end) return n;
    uint32_t need = bytes + (is_new ? 0 : n->end), room = is_new ? NODE_DATA_MIN : n->room;
    while (room < need) room *= 2;
    if (room > NODE_DATA_MAX) room = NODE_DATA_MAX;
    if (!is_new) {
        t->memory -= node_memory(n);
        n = mem_realloc(n, sizeof *n + room);
        n->room = room;
        t->nodes[t->head + t->count - 1] = n;
    } else {
        n = mem_alloc(sizeof *n + room);
        *n = (struct node){.offset = t->state.next, .ms = ms, .room = room};
        add_node(t, n);
    }
    t->memory += node_memory(n);
    return n;
}

static struct blob *blob_of(struct slice payload) {
    if (payload.n > SIZE_MAX / 4) return NULL;
    struct blob *b = blob_try(payload.n + TOPIC_BLOB_END_BYTES);
    if (!b) return NULL;
    memcpy(b->data, payload.p, payload.n);
    memcpy(b->data + payload.n, "\r\n", TOPIC_BLOB_END_BYTES);
    b->len = payload.n + TOPIC_BLOB_END_BYTES;
    return b;
}

static void add_record(struct topic_ring *t, int64_t ms, struct slice payload, struct blob *b) {
    size_t body = b ? sizeof b : payload.n;
    struct node *n = room_for(t, (uint32_t)body + HEAD_BYTES_MAX, ms);
    int64_t before = n->count ? t->state.last_ms : n->ms;
    n->end += put_number(n->data + n->end, (uint64_t)(ms - before));
    n->end += put_number(n->data + n->end, (uint64_t)payload.n << 1 | (b != NULL));
    if (b) {
        memcpy(n->data + n->end, &b, sizeof b);
        n->blobs++;
        t->blobs++;
        t->memory += blob_memory(b);
    } else if (payload.n) {
        memcpy(n->data + n->end, payload.p, payload.n);
    }
    n->end += (uint32_t)body;
    n->count++;
    n->bytes += payload.n + TOPIC_MESSAGE_BYTES;
}

bool topic_ring_append(struct topic_ring *t, int64_t ms, struct slice payload,
                       struct blob **shared) {
    struct blob *b = NULL;
    if (payload.n >= TOPIC_BLOB_BYTES_MIN) {
        b = blob_of(payload);
        if (!b) return false;
    }
    *shared = b;
    if (ms < t->state.last_ms) ms = t->state.last_ms;
    add_record(t, ms, payload, b);
    t->state.last_ms = ms;
    t->state.next++;
    t->state.bytes += payload.n + TOPIC_MESSAGE_BYTES;
    return true;
}

/* ---- reading ------------------------------------------------------------------------ */

static struct topic_cursor node_cursor(const struct topic_ring *t, size_t i) {
    struct topic_cursor c = {.ring = t, .node = i, .offset = t->state.next};
    if (i == t->count) return c;
    const struct node *n = node_at(t, i);
    c.at = n->begin;
    c.offset = n->offset;
    c.ms = n->ms;
    return c;
}

bool topic_cursor_next(struct topic_cursor *c, struct topic_message *m) {
    if (c->node == c->ring->count) return false;
    const struct node *n = node_at(c->ring, c->node);
    m->offset = c->offset;
    read_record(n, &c->at, &c->ms, m);
    if (++c->offset == n->offset + n->count) *c = node_cursor(c->ring, c->node + 1);
    return true;
}

/* The last node that begins at or before the offset. There is one. */
static size_t node_of(const struct topic_ring *t, uint64_t offset) {
    size_t from = 0, to = t->count;
    while (to - from > 1) {
        size_t mid = from + (to - from) / 2;
        if (node_at(t, mid)->offset <= offset) {
            from = mid;
        } else {
            to = mid;
        }
    }
    return from;
}

struct topic_cursor topic_cursor_at(const struct topic_ring *t, uint64_t offset) {
    struct topic_message m;
    if (offset >= t->state.next) return node_cursor(t, t->count);
    struct topic_cursor c = node_cursor(t, node_of(t, offset));
    while (c.offset < offset) topic_cursor_next(&c, &m);
    return c;
}

/* The last node whose first message is older than `ms`, or the first one. */
static size_t node_before(const struct topic_ring *t, int64_t ms) {
    size_t from = 0, to = t->count;
    while (to - from > 1) {
        size_t mid = from + (to - from) / 2;
        if (node_at(t, mid)->ms < ms) {
            from = mid;
        } else {
            to = mid;
        }
    }
    return from;
}

uint64_t topic_ring_first(const struct topic_ring *t, int64_t now_ms) {
    struct topic_message m;
    if (!t->state.limits.ms || !t->count) return t->state.first;
    int64_t oldest_ms = now_ms - (int64_t)t->state.limits.ms;
    struct topic_cursor c = node_cursor(t, node_before(t, oldest_ms));
    uint64_t first = c.offset;
    while (topic_cursor_next(&c, &m) && m.ms < oldest_ms) first = c.offset;
    return first;
}

/* ---- leaving ------------------------------------------------------------------------ */

/* The first message of the last ones that have at most bytes_max together. */
static uint64_t first_within(const struct topic_ring *t, uint64_t bytes_max) {
    uint64_t bytes = t->state.bytes;
    struct topic_message m;
    size_t i = 0;
    while (i < t->count && bytes - node_at(t, i)->bytes > bytes_max)
        bytes -= node_at(t, i++)->bytes;
    struct topic_cursor c = node_cursor(t, i);
    uint64_t first = c.offset;
    while (bytes > bytes_max && topic_cursor_next(&c, &m)) {
        bytes -= size_of(&m);
        first = c.offset;
    }
    return first;
}

uint64_t topic_ring_keeps(const struct topic_ring *t, int64_t now_ms) {
    const struct topic_state *s = &t->state;
    uint64_t first = topic_ring_first(t, now_ms);
    if (s->limits.count && s->next - first > s->limits.count) first = s->next - s->limits.count;
    if (s->limits.bytes && s->bytes > s->limits.bytes) {
        uint64_t within = first_within(t, s->limits.bytes);
        if (within > first) first = within;
    }
    return first;
}

/* So many messages of the first node, not all of them. */
static void cut_records(struct topic_ring *t, uint64_t first) {
    struct node *n = node_at(t, 0);
    struct topic_message m;
    while (n->offset < first) {
        read_record(n, &n->begin, &n->ms, &m);
        n->offset++;
        n->count--;
        n->bytes -= size_of(&m);
        t->state.bytes -= size_of(&m);
        if (!m.blob) continue;
        n->blobs--;
        leave_blob(t, m.blob);
    }
}

static void count_blob(struct topic_ring *t, struct blob *b) { t->memory += blob_memory(b); }

/* The first nodes, as a ring of their own. */
static struct topic_ring *split(struct topic_ring *t, size_t nodes) {
    struct topic_ring *gone = new_ring();
    gone->nodes = mem_alloc(nodes * sizeof *gone->nodes);
    gone->count = gone->room = nodes;
    for (size_t i = 0; i < nodes; i++) {
        struct node *n = gone->nodes[i] = node_at(t, i);
        gone->memory += node_memory(n);
        gone->blobs += n->blobs;
        each_blob(n, count_blob, gone);
        t->state.bytes -= n->bytes;
    }
    t->blobs -= gone->blobs;
    t->memory -= gone->memory;
    t->head += nodes;
    t->count -= nodes;
    return gone;
}

/* Gives back what the list of nodes does not need any more. */
static void shrink(struct topic_ring *t) {
    if (t->room <= 4 * NODES_MIN || t->count >= t->room / 4) return;
    memmove(t->nodes, t->nodes + t->head, t->count * sizeof *t->nodes);
    t->head = 0;
    t->room /= 2;
    while (t->count < t->room / 4 && t->room > 4 * NODES_MIN) t->room /= 2;
    t->nodes = mem_realloc(t->nodes, t->room * sizeof *t->nodes);
}

struct topic_ring *topic_ring_cut(struct topic_ring *t, uint64_t first, size_t cost_max) {
    struct topic_ring *gone = NULL;
    ASSERT(first <= t->state.next);
    if (first <= t->state.first) return NULL;
    size_t nodes = first == t->state.next ? t->count : node_of(t, first);
    if (nodes) gone = split(t, nodes);
    if (t->count) cut_records(t, first);
    t->state.first = first;
    if (!nodes) return NULL;
    shrink(t);
    if (topic_ring_free_cost(gone) > cost_max) return gone;
    for (size_t i = 0; i < gone->count; i++) each_blob(gone->nodes[i], leave_blob, gone);
    for (size_t i = 0; i < gone->count; i++) gone->nodes[i]->blobs = 0;
    topic_ring_free(gone);
    return NULL;
}

int64_t topic_ring_due_ms(const struct topic_ring *t) {
    uint64_t age = t->state.limits.ms;
    struct topic_message m;
    if (!age || !t->count) return INT64_MAX;
    struct topic_cursor c = node_cursor(t, 0);
    topic_cursor_next(&c, &m);
    uint64_t slack = age / 8 < TOPIC_SLACK_MS_MAX ? age / 8 : TOPIC_SLACK_MS_MAX;
    return m.ms + (int64_t)age + (int64_t)slack + 1;
}
