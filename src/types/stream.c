/* stream.c - see stream.h. */
#include "types/stream.h"

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "types/stream_group.h"
#include "types/stream_idmp.h"
#include "types/stream_internal.h"
#include "types/stream_node.h"
#include "types/stream_tree.h"

/* A buffer that is larger is not kept for the next node. */
#define TAIL_KEPT_BYTES_MAX 16384

/* ---- nodes ---- */

static const uint8_t *lp_of(struct stream_place place) {
    return stream_ref_lp(stream_place_ref(place));
}

static bool is_tail(const struct stream *s, struct stream_place place) {
    return lp_of(place) == s->tail.p;
}

/* Writes a node's reference if it is another one. */
static void node_moved(struct stream *s, struct stream_place *place, uint64_t ref) {
    if (stream_place_ref(*place) != ref) stream_place_set(&s->nodes, place, ref);
}

/* The last node's row follows its buffer. */
static void tail_moved(struct stream *s) {
    struct stream_place place = stream_tree_end(&s->nodes, true);
    node_moved(s, &place, (uintptr_t)s->tail.p);
}

static void pack_nodes(struct stream *s) {
    struct stream_place p = stream_tree_end(&s->nodes, false);
    for (; p.leaf && !is_tail(s, p); p = stream_place_next(p)) {
        uint64_t ref = stream_place_ref(p);
        node_moved(s, &p, stream_heap_pack(&s->heap, ref, lp_bytes(stream_ref_lp(ref))));
    }
}

/* Sees that the tail's bytes may change: a still that sees them keeps the buffer. */
static void tail_own(struct stream *s) {
    if (likely(!s->tail_shared)) return;
    struct lp_buf old = s->tail;
    s->tail = lp_buf_take(mem_alloc(old.cap), old.len, old.cap);
    memcpy(s->tail.p, old.p, old.len);
    s->tail_shared = false;
    tail_moved(s);
    stream_heap_drop(&s->heap, &old);
}

/* The last node goes; what of it is in the tail is forgotten. */
static void tail_drop(struct stream *s) {
    if (unlikely(s->tail_shared)) stream_heap_drop(&s->heap, &s->tail);
    s->tail_shared = false;
    s->tail.len = 0;
}

/* Makes the last node one that is kept in the heap, before another comes behind it. */
static void tail_close(struct stream *s) {
    if (!s->tail.len) return;
    tail_own(s);
    if (stream_heap_is_due(&s->heap)) pack_nodes(s);
    struct stream_place place = stream_tree_end(&s->nodes, true);
    node_moved(s, &place, stream_heap_keep(&s->heap, &s->tail));
    if (s->tail.cap > TAIL_KEPT_BYTES_MAX) lp_buf_free(&s->tail);
}

/* Makes the last node of the heap the tail. */
static void tail_open(struct stream *s) {
    struct stream_place place = stream_tree_end(&s->nodes, true);
    s->tail.len = 0;
    if (!place.leaf) {
        lp_buf_free(&s->tail);
        return;
    }
    const uint8_t *lp = lp_of(place);
    size_t n = lp_bytes(lp);
    if (s->tail.cap < n) {
        lp_buf_free(&s->tail);
        s->tail = lp_buf_take(mem_alloc(lp_buf_heap_bytes(n)), 0, lp_buf_heap_bytes(n));
    }
    memcpy(s->tail.p, lp, n);
    s->tail.len = n;
    stream_heap_free(&s->heap, stream_place_ref(place), n);
    tail_moved(s);
}

static void row_gone(void *ctx, const struct count_node *leaf, unsigned slot) {
    struct stream *s = ctx;
    struct stream_place place = {(struct count_node *)leaf, slot};
    if (is_tail(s, place)) {
        tail_drop(s);
    } else {
        stream_heap_free(&s->heap, stream_place_ref(place), lp_bytes(lp_of(place)));
    }
}

/* Moves the nodes of a pack that has become sparse. They are not far from the place, whose own node
 * is none of them. */
static void unpack(struct stream *s, struct stream_place *place, const struct stream_pack *pack) {
    unsigned left = pack->nodes, ever = pack->nodes_ever;
    stream_place_own(&s->nodes, place);
    struct stream_place at = *place;
    for (int back = 0; back < 2; back++) {
        struct stream_place p = at;
        for (unsigned i = 0; i < ever && left; i++) {
            p = back ? stream_place_prev(p) : stream_place_next(p);
            if (!p.leaf) break;
            uint64_t ref = stream_place_ref(p);
            if (!stream_pack_has(pack, ref)) continue;
            left--;
            ref = stream_heap_move(&s->heap, ref, lp_bytes(stream_ref_lp(ref)));
            stream_place_set(&s->nodes, &p, ref);
        }
    }
}

static void node_remove(struct stream *s, struct stream_place place) {
    struct stream_id base = stream_place_base(place);
    if (is_tail(s, place)) {
        tail_drop(s);
        stream_tree_remove(&s->nodes, base);
        tail_open(s);
        return;
    }
    uint64_t ref = stream_place_ref(place);
    bool first = !stream_place_prev(place).leaf; /* more of its pack are likely to follow */
    struct stream_pack *pack = stream_heap_free(&s->heap, ref, lp_bytes(stream_ref_lp(ref)));
    if (pack && !first) unpack(s, &place, pack);
    stream_tree_remove(&s->nodes, base);
}

/* The bytes of a node for an edit where they lie, those that a still may see being copied before.
 * The place follows. */
static uint8_t *node_edit(struct stream *s, struct stream_place *place) {
    if (is_tail(s, *place)) {
        tail_own(s);
        *place = stream_tree_end(&s->nodes, true);
    } else if (unlikely(s->heap.limbo != NULL)) {
        stream_place_own(&s->nodes, place);
        uint64_t ref = stream_place_ref(*place);
        struct stream_pack *pack = stream_heap_own(&s->heap, &ref, lp_bytes(stream_ref_lp(ref)));
        stream_place_set(&s->nodes, place, ref);
        if (pack) unpack(s, place, pack);
    }
    return (uint8_t *)lp_of(*place);
}

/* Writes a node's numbers of entries, after node_edit. */
static void node_recount(struct stream *s, struct stream_place place, uint64_t live,
                         uint64_t dead) {
    bool done;
    if (is_tail(s, place)) {
        done = stream_node_recount(&s->tail, live, dead);
        tail_moved(s);
    } else {
        uint64_t ref = stream_place_ref(place);
        size_t n = lp_bytes(stream_ref_lp(ref));
        struct lp_buf b = stream_heap_open(ref, n);
        done = stream_node_recount(&b, live, dead);
        if (!done && b.kind == LP_BUF_FIXED) {
            ref = stream_heap_move(&s->heap, ref, n);
            b = stream_heap_open(ref, n);
            done = stream_node_recount(&b, live, dead);
        }
        node_moved(s, &place, stream_heap_close(&s->heap, ref, n, b));
    }
    ASSERT(done); /* a byte more */
}

/* ---- the whole ---- */

struct stream *stream_new(void) {
    struct stream *s = mem_calloc(sizeof *s);
    s->tail = lp_buf_heap();
    stream_tree_init(&s->nodes);
    stream_groups_init(s);
    return s;
}

void stream_free(struct stream *s) {
    ASSERT(!s->heap.limbo);
    count_tree_free_some(&s->nodes, SIZE_MAX, (struct count_gone){row_gone, s});
    lp_buf_free(&s->tail);
    stream_groups_free(s);
    stream_idmp_free(s->idmp);
    mem_free(s);
}

struct stream *stream_copy(const struct stream *s) {
    struct stream *copy = stream_new();
    struct stream_place p = stream_tree_end(&s->nodes, false);
    for (; p.leaf; p = stream_place_next(p)) {
        const uint8_t *lp = lp_of(p);
        if (stream_heap_is_due(&copy->heap)) pack_nodes(copy);
        stream_tree_push(&copy->nodes, stream_place_base(p),
                         stream_heap_copy(&copy->heap, lp, lp_bytes(lp)));
    }
    tail_open(copy);
    copy->state = s->state;
    stream_groups_copy(copy, s);
    copy->idmp = stream_idmp_copy(s->idmp);
    return copy;
}

size_t stream_free_cost(const struct stream *s) {
    return s->heap.blocks + s->nodes.nodes + stream_groups_free_cost(s) +
           stream_idmp_free_cost(s->idmp);
}

size_t stream_memory(const struct stream *s) {
    return sizeof *s + count_tree_bytes(&s->nodes) + s->heap.bytes + s->tail.cap +
           stream_groups_memory(s) + stream_idmp_memory(s->idmp) + stream_still_bytes(s);
}

/* ---- stills ---- */

/* What a still has for itself. */
static size_t still_own_bytes(const struct stream *still) {
    return sizeof *still + stream_groups_memory(still);
}

/* A still has the rows of the tree, and groups of its own. What the rows refer to is the stream's:
 * that of the last one is the tail until it changes. */
struct stream *stream_still(struct stream *s) {
    if (s->tail.len > STREAM_STILL_TAIL_BYTES_MAX) return NULL;
    if (!stream_groups_are_few(s, STREAM_STILL_PENDING_MAX)) return NULL;
    struct stream *still = stream_new();
    still->state = s->state;
    stream_groups_copy(still, s);
    count_tree_still(&s->nodes, &still->nodes);
    stream_heap_hold(&s->heap, still_own_bytes(still));
    s->tail_shared = s->tail.len;
    return still;
}

void stream_still_end(struct stream *s, struct stream *still) {
    count_tree_still_end(&s->nodes);
    stream_heap_release(&s->heap, still_own_bytes(still));
    if (!s->heap.limbo) s->tail_shared = false;
    stream_groups_free(still);
    mem_free(still);
}

size_t stream_still_bytes(const struct stream *s) {
    return count_tree_still_bytes(&s->nodes) + stream_heap_limbo_bytes(&s->heap);
}

const struct stream_state *stream_state(const struct stream *s) { return &s->state; }

void stream_set_last(struct stream *s, struct stream_id last) { s->state.last = last; }
void stream_set_added(struct stream *s, uint64_t added) { s->state.added = added; }
void stream_set_deleted_max(struct stream *s, struct stream_id id) { s->state.deleted_max = id; }

uint64_t stream_node_count(const struct stream *s) { return s->nodes.weight; }

/* ---- adding ---- */

bool stream_next_id(const struct stream *s, int64_t now_ms, struct stream_id *id) {
    if (now_ms > 0 && (uint64_t)now_ms > s->state.last.ms) {
        *id = (struct stream_id){(uint64_t)now_ms, 0};
        return true;
    }
    *id = s->state.last;
    return stream_id_next(id);
}

bool stream_next_seq(const struct stream *s, uint64_t ms, struct stream_id *id) {
    *id = (struct stream_id){ms, 0};
    if (ms != s->state.last.ms) return true;
    if (s->state.last.seq == UINT64_MAX) return false;
    id->seq = s->state.last.seq + 1;
    return true;
}

static bool append_to_tail(struct stream *s, struct stream_id id, const struct slice *texts,
                           size_t pairs, size_t text_bytes) {
    tail_own(s);
    struct stream_id base = stream_place_base(stream_tree_end(&s->nodes, true));
    const uint8_t *before = s->tail.p;
    bool done = stream_node_append(&s->tail, base, id, texts, pairs, text_bytes);
    if (s->tail.p != before) tail_moved(s);
    return done;
}

static bool append_node(struct stream *s, struct stream_id id, const struct slice *texts,
                        size_t pairs, size_t text_bytes) {
    tail_close(s);
    if (!stream_node_append(&s->tail, id, id, texts, pairs, text_bytes)) {
        tail_open(s);
        return false;
    }
    stream_tree_push(&s->nodes, id, (uintptr_t)s->tail.p);
    return true;
}

bool stream_append(struct stream *s, struct stream_id id, const struct slice *texts, size_t pairs,
                   const struct stream_limits *limits) {
    ASSERT(stream_id_cmp(id, s->state.last) > 0);
    size_t text_bytes = 0;
    for (size_t i = 0; i < 2 * pairs; i++) text_bytes += texts[i].n;
    if (text_bytes > LP_BYTES_MAX) return false;
    bool more = s->tail.len && !stream_node_full(s->tail.p, text_bytes, limits);
    if (!(more ? append_to_tail : append_node)(s, id, texts, pairs, text_bytes)) return false;
    s->state.last = id;
    s->state.added++;
    if (++s->state.length == 1) s->state.first = id;
    return true;
}

/* ---- reading ---- */

static struct stream_place next_place(const struct stream_iter *it) {
    return (struct stream_place){it->node.leaf, it->node.slot};
}

void stream_iter_start(struct stream_iter *it, const struct stream *s, struct stream_id from,
                       struct stream_id to, bool backward) {
    *it = (struct stream_iter){.from = from, .to = to, .backward = backward};
    if (stream_id_cmp(from, to) > 0) return;
    struct stream_place p = stream_tree_find(&s->nodes, backward ? to : from);
    if (!p.leaf && !backward) p = stream_tree_end(&s->nodes, false);
    it->node = (struct stream_node_iter){p.leaf, p.slot};
}

/* Goes to the next node; false if there is none. */
static bool enter_node(struct stream_iter *it) {
    struct stream_place p = next_place(it);
    it->lp = NULL;
    if (!p.leaf) return false;
    it->lp = lp_of(p);
    it->base = stream_place_base(p);
    struct stream_head head = stream_node_head(it->lp);
    it->names = head.names;
    it->names_at = head.names_at;
    it->at = it->backward ? lp_end(it->lp) : head.first_at;
    it->skip = 0;
    p = it->backward ? stream_place_prev(p) : stream_place_next(p);
    it->node = (struct stream_node_iter){p.leaf, p.slot};
    return true;
}

/* Reads the next item, dead or alive, of this node; false at its end. */
static bool next_in_node(struct stream_iter *it, struct stream_item *item) {
    struct stream_head head = {.names = it->names, .names_at = it->names_at};
    if (it->backward) {
        size_t at = stream_item_before(it->lp, it->at);
        if (at == LP_NONE) return false;
        stream_item_read(it->lp, &head, it->base, at, item);
        it->at = at;
        return true;
    }
    for (; it->skip; it->skip--) it->at = lp_after(it->lp, it->at);
    if (it->at == lp_end(it->lp)) return false;
    stream_item_read(it->lp, &head, it->base, it->at, item);
    it->at = item->entry.at;
    it->skip = stream_item_pieces(item);
    return true;
}

/* Reads the next entry of this node that is asked for; false, and out of the node, if there is
 * none. */
static bool next_wanted(struct stream_iter *it, struct stream_entry *e) {
    struct stream_item item;
    while (next_in_node(it, &item)) {
        bool early = stream_id_cmp(item.entry.id, it->from) < 0;
        bool late = stream_id_cmp(item.entry.id, it->to) > 0;
        if (it->backward ? early : late) {
            it->node.leaf = NULL; /* nor in another one */
            break;
        }
        if (early || late || item.flags & STREAM_NODE_DEAD) continue;
        *e = item.entry;
        return true;
    }
    it->lp = NULL;
    return false;
}

bool stream_iter_next(struct stream_iter *it, struct stream_entry *e) {
    while (it->lp || enter_node(it)) {
        if (next_wanted(it, e)) return true;
    }
    return false;
}

/* Whether all entries of the next node are asked for: the ends lie outside of it. */
static bool is_whole(const struct stream_iter *it, struct stream_place p) {
    struct stream_place next = stream_place_next(p);
    if (stream_id_cmp(stream_place_base(p), it->from) < 0 || !next.leaf) return false;
    return stream_id_cmp(stream_place_base(next), it->to) <= 0;
}

uint64_t stream_iter_count(struct stream_iter it, uint64_t max) {
    struct stream_entry e;
    uint64_t count = 0;
    while (count < max) {
        struct stream_place p = next_place(&it);
        if (!it.lp && p.leaf && is_whole(&it, p)) {
            count += stream_node_live(lp_of(p));
            p = it.backward ? stream_place_prev(p) : stream_place_next(p);
            it.node = (struct stream_node_iter){p.leaf, p.slot};
        } else if (it.lp || enter_node(&it)) {
            count += next_wanted(&it, &e);
        } else {
            break;
        }
    }
    return count < max ? count : max;
}

/* Not worth being counted. */
#define ABOUT_FEW 256

uint64_t stream_entries_about(const struct stream *s, struct stream_id from, struct stream_id to,
                              uint64_t max) {
    if (s->state.length < max) max = s->state.length;
    if (max <= ABOUT_FEW) return max;
    uint64_t first = stream_tree_rank(&s->nodes, from), last = stream_tree_rank(&s->nodes, to);
    if (stream_id_cmp(from, to) > 0 || !last) return 0;
    uint64_t nodes = last - first + (first > 0);
    uint64_t all = nodes * s->state.length / s->nodes.weight + 1;
    return all < max ? all : max;
}

bool stream_find(const struct stream *s, struct stream_id id, struct stream_entry *e) {
    struct stream_iter it;
    stream_iter_start(&it, s, id, id, false);
    return stream_iter_next(&it, e);
}

bool stream_edge(const struct stream *s, bool last, struct stream_entry *e) {
    struct stream_iter it;
    stream_iter_start(&it, s, STREAM_ID_MIN, STREAM_ID_MAX, last);
    return stream_iter_next(&it, e);
}

/* ---- deleting ---- */

/* Sees to `first` after the first entries may have gone. */
static void find_first(struct stream *s) {
    struct stream_entry e;
    s->state.first = STREAM_ID_MIN;
    if (s->state.length && stream_edge(s, false, &e)) s->state.first = e.id;
}

/* Finds a live item of a node; false if it has none of this ID. */
static bool find_item(struct stream_place place, const struct stream_head *head,
                      struct stream_id id, struct stream_item *item) {
    const uint8_t *lp = lp_of(place);
    struct stream_id base = stream_place_base(place);
    for (size_t at = head->first_at, end = lp_end(lp); at != end; at = stream_item_end(item)) {
        stream_item_read(lp, head, base, at, item);
        int order = stream_id_cmp(item->entry.id, id);
        if (order >= 0) return order == 0 && !(item->flags & STREAM_NODE_DEAD);
    }
    return false;
}

/* The ID of the live item behind one, in whose node there is another. */
static struct stream_id next_live(struct stream_place place, const struct stream_head *head,
                                  const struct stream_item *item) {
    struct stream_item next = *item;
    do {
        size_t at = stream_item_end(&next);
        stream_item_read(lp_of(place), head, stream_place_base(place), at, &next);
    } while (next.flags & STREAM_NODE_DEAD);
    return next.entry.id;
}

bool stream_delete(struct stream *s, struct stream_id id) {
    struct stream_item item;
    struct stream_place place = stream_tree_find(&s->nodes, id);
    if (!place.leaf) return false;
    struct stream_head head = stream_node_head(lp_of(place));
    if (!find_item(place, &head, id, &item)) return false;
    bool first = stream_id_eq(id, s->state.first);
    s->state.length--;
    if (stream_id_cmp(id, s->state.deleted_max) > 0) s->state.deleted_max = id;
    if (head.live == 1) {
        node_remove(s, place);
        if (first) find_first(s);
        return true;
    }
    if (first) s->state.first = next_live(place, &head, &item);
    stream_item_kill(node_edit(s, &place), item.at);
    node_recount(s, place, head.live - 1, head.dead + 1);
    return true;
}

/* ---- trimming ---- */

/* Whether all entries of a node are to go. */
static bool goes_whole(const struct stream *s, const struct stream_trim *trim,
                       struct stream_place place) {
    const uint8_t *lp = lp_of(place);
    if (!trim->by_id) return s->state.length - stream_node_live(lp) >= trim->length_max;
    struct stream_place next = stream_place_next(place);
    if (next.leaf && stream_id_cmp(stream_place_base(next), trim->id_min) <= 0) return true;
    struct stream_head head = stream_node_head(lp);
    struct stream_item last;
    stream_item_read(lp, &head, stream_place_base(place), stream_item_before(lp, lp_end(lp)),
                     &last);
    return stream_id_cmp(last.entry.id, trim->id_min) < 0;
}

/* Whether trimming is to go on with a node. */
static bool goes_on(const struct stream *s, const struct stream_trim *trim,
                    struct stream_place place, uint64_t deleted) {
    if (!place.leaf || (!trim->by_id && s->state.length <= trim->length_max)) return false;
    return !trim->limit || deleted + stream_node_live(lp_of(place)) <= trim->limit;
}

static bool may_go(struct stream *s, const struct stream_trim *trim, struct stream_id id) {
    if (trim->refs == STREAM_REFS_ACKED) return !stream_referenced(s, id);
    if (trim->refs == STREAM_REFS_DROP) stream_unreference(s, id);
    return true;
}

/* Trims entries of a node, and the node if it is to go and nothing of it is left. Returns how many
 * entries went; the place is void. */
static uint64_t trim_entries(struct stream *s, const struct stream_trim *trim,
                             struct stream_place place, bool whole) {
    uint8_t *lp = (uint8_t *)lp_of(place);
    struct stream_head head = stream_node_head(lp);
    struct stream_item item;
    uint64_t killed = 0;
    for (size_t at = head.first_at, end = lp_end(lp); at != end; at = stream_item_end(&item)) {
        stream_item_read(lp, &head, stream_place_base(place), at, &item);
        if (trim->by_id ? stream_id_cmp(item.entry.id, trim->id_min) >= 0
                        : s->state.length <= trim->length_max) {
            break;
        }
        if (item.flags & STREAM_NODE_DEAD || !may_go(s, trim, item.entry.id)) continue;
        item.entry.lp = lp = node_edit(s, &place);
        stream_item_kill(lp, at);
        s->state.length--;
        killed++;
    }
    if (whole && killed == head.live) {
        node_remove(s, place);
    } else if (killed) {
        node_recount(s, place, head.live - killed, head.dead + killed);
    }
    return killed;
}

/* Takes whole nodes off the front, then entries of the next. */
static uint64_t trim_nodes(struct stream *s, const struct stream_trim *trim) {
    struct stream_place place = stream_tree_end(&s->nodes, false);
    uint64_t nodes = 0, deleted = 0;
    for (; goes_on(s, trim, place, deleted) && goes_whole(s, trim, place); nodes++) {
        uint64_t live = stream_node_live(lp_of(place));
        s->state.length -= live;
        deleted += live;
        place = stream_place_next(place);
    }
    if (nodes) {
        count_tree_cut(&s->nodes, 0, nodes, (struct count_gone){row_gone, s});
        if (!s->tail.len) tail_open(s);
        place = stream_tree_end(&s->nodes, false);
    }
    if (trim->approx || !goes_on(s, trim, place, deleted)) return deleted;
    return deleted + trim_entries(s, trim, place, false);
}

/* Takes entries, node by node, for each has to be asked for. */
static uint64_t trim_each(struct stream *s, const struct stream_trim *trim) {
    struct stream_place place = stream_tree_end(&s->nodes, false);
    uint64_t deleted = 0;
    while (goes_on(s, trim, place, deleted)) {
        struct stream_place next = stream_place_next(place);
        struct stream_id base = next.leaf ? stream_place_base(next) : STREAM_ID_MAX;
        bool whole = goes_whole(s, trim, place);
        deleted += trim_entries(s, trim, place, whole);
        if (trim->rest) trim->rest(trim->rest_ctx);
        if (!whole || !next.leaf) break;
        place = stream_tree_find(&s->nodes, base);
    }
    return deleted;
}

uint64_t stream_trim(struct stream *s, const struct stream_trim *trim) {
    uint64_t deleted = (trim->refs == STREAM_REFS_KEEP ? trim_nodes : trim_each)(s, trim);
    if (deleted) find_first(s);
    return deleted;
}

/* ---- nodes ---- */

struct node_visit {
    stream_visit *visit;
    void *ctx;
};

static bool visit_leaf(void *ctx, const struct count_node *leaf) {
    const struct node_visit *v = ctx;
    struct stream_place p = {(struct count_node *)leaf, 0};
    for (; p.slot < leaf->n; p.slot++) __builtin_prefetch(lp_of(p));
    for (p.slot = 0; p.slot < leaf->n; p.slot++) {
        const uint8_t *lp = lp_of(p);
        if (!v->visit(v->ctx, stream_place_base(p), slice_of(lp, lp_bytes(lp)))) return false;
    }
    return true;
}

bool stream_each_node(const struct stream *s, stream_visit *visit, void *ctx) {
    return count_tree_each_leaf(&s->nodes, false, visit_leaf, &(struct node_visit){visit, ctx});
}

/* Until stream_load_end the state's `last` and `length` are those of the nodes so far. */
enum stream_loaded stream_load_node(struct stream *s, struct stream_id base, struct slice lp) {
    struct stream_id last;
    if (!stream_node_check(lp.p, lp.n, base, &last)) return STREAM_LOAD_BAD;
    if (stream_id_cmp(base, s->state.last) <= 0) return STREAM_LOAD_BAD;
    tail_close(s);
    if (!lp_buf_room(&s->tail, lp.n)) {
        tail_open(s);
        return STREAM_LOAD_NO_MEMORY;
    }
    memcpy(s->tail.p, lp.p, lp.n);
    s->tail.len = lp.n;
    stream_tree_push(&s->nodes, base, (uintptr_t)s->tail.p);
    s->state.last = last;
    s->state.length += stream_node_live(s->tail.p);
    return STREAM_LOADED;
}

bool stream_load_end(struct stream *s, const struct stream_state *state) {
    bool agree = state->length == s->state.length && state->added >= state->length &&
                 stream_id_cmp(state->last, s->state.last) >= 0;
    s->state = *state;
    find_first(s);
    return agree;
}
