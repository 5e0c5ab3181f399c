/* list.c - see list.h. */
#include "types/list.h"

#include "base/assert.h"
#include "base/later.h"
#include "base/mem.h"
#include "base/num.h"

/* What Redis reckons with for the head and the size of an element before it has encoded it; so
 * chunks end where its nodes do. */
#define ITEM_OVERHEAD_BYTES 8
/* The limit of bytes when there is one of elements. */
#define COUNTED_BYTES_MAX 8192

struct list_limit list_limit_of(int directive) {
    if (directive >= 0) {
        return (struct list_limit){COUNTED_BYTES_MAX, directive ? (uint32_t)directive : 1};
    }
    int level = directive < -5 ? 5 : -directive;
    return (struct list_limit){(size_t)2048 << level, UINT32_MAX};
}

/* ---- chunks ---- */

/* Mark the bytes of a blob, and of a sealed listpack. The tree adds bytes up, of which sum the bits
 * below stay right. */
#define BLOB_BIT ((uint64_t)1 << 46)
#define SEALED_BIT ((uint64_t)1 << 45)
#define BYTES_MASK (SEALED_BIT - 1)

static bool is_blob(struct chunk chunk) { return chunk.bytes & BLOB_BIT; }

static bool is_sealed(struct chunk chunk) { return chunk.bytes & SEALED_BIT; }

static size_t bytes_in(struct chunk chunk) { return chunk.bytes & BYTES_MASK; }

static struct blob *blob_in(struct chunk chunk) { return chunk.p; }

static struct chunk blob_chunk(struct blob *b) { return (struct chunk){b, b->len | BLOB_BIT, 1}; }

static struct chunk packed_chunk(uint8_t *lp) {
    return (struct chunk){lp, lp_bytes(lp), lp_count(lp)};
}

static struct chunk sealed_chunk(struct lp_sealed s) {
    return (struct chunk){(uint8_t *)(uintptr_t)s.p, s.bytes | SEALED_BIT, s.count};
}

static struct lp_sealed sealed_in(struct chunk chunk) {
    return (struct lp_sealed){chunk.p, bytes_in(chunk), chunk.count};
}

/* Keeps a chunk that is the list's no more until no still shares it. */
static void keep(struct list_value *l, struct chunk chunk) {
    struct later_bag *kept = count_tree_kept(&l->chunks.tree);
    if (is_blob(chunk)) {
        later_bag_add_blob(kept, blob_in(chunk));
    } else {
        later_bag_add(kept, chunk.p, mem_usable(chunk.p));
    }
}

static void give_up(void *ctx, struct chunk chunk, bool shared) {
    if (unlikely(shared)) {
        keep(ctx, chunk);
    } else if (is_blob(chunk)) {
        blob_unref(blob_in(chunk));
    } else {
        later_free(chunk.p, bytes_in(chunk));
    }
}

/* The same where what comes in its place will soon have its memory. */
static void give_back(struct list_value *l, struct chunk chunk, bool shared) {
    if (shared || is_blob(chunk)) {
        give_up(l, chunk, shared);
    } else {
        mem_free(chunk.p);
    }
}

static void free_anywhere(void *ctx, struct chunk chunk, bool shared) {
    (void)ctx;
    (void)shared;
    if (is_blob(chunk)) {
        blob_unref_now(blob_in(chunk));
    } else {
        mem_free(chunk.p);
    }
}

static bool is_first(const struct list_value *l, struct chunk_place place) {
    return place.leaf == l->chunks.tree.first && place.slot == 0;
}

static bool is_last(const struct list_value *l, struct chunk_place place) {
    return place.leaf == l->chunks.tree.last && place.slot + 1u == place.leaf->n;
}

/* Puts a chunk in the place of another. */
static void exchange(struct list_value *l, struct chunk_place *place, struct chunk chunk) {
    struct chunk old = chunk_at(*place);
    bool shared = chunk_tree_is_shared(&l->chunks, *place);
    chunk_tree_set(&l->chunks, place, chunk);
    give_back(l, old, shared);
}

/* own_chunk while there are stills: a copy takes the place of a listpack that is shared, and of its
 * block. */
static __attribute__((noinline)) void copy_shared(struct list_value *l, struct chunk_place *place) {
    struct chunk chunk = chunk_at(*place);
    if (!chunk_tree_is_shared(&l->chunks, *place) || is_blob(chunk) || is_sealed(chunk)) return;
    size_t before = is_first(l, *place) ? l->head_room : 0;
    size_t behind = is_last(l, *place) ? l->tail_room : 0;
    uint8_t *old = (uint8_t *)chunk.p - before;
    uint8_t *block = mem_alloc(lp_buf_heap_bytes(before + chunk.bytes + behind));
    chunk.p = memcpy(block + before, chunk.p, chunk.bytes);
    chunk_tree_set(&l->chunks, place, chunk);
    keep(l, (struct chunk){old, before + chunk.bytes, chunk.count});
}

/* The gate (L6): to be passed before a listpack is changed where it lies, its block too. */
static inline void own_chunk(struct list_value *l, struct chunk_place *place) {
    if (unlikely(chunk_tree_has_stills(&l->chunks))) copy_shared(l, place);
}

static bool is_large(const struct list_value *l, struct slice s) { return s.n > l->limit.bytes; }

/* Whether a chunk of short elements alone may be so large that it has to be sealed to be within the
 * limit. As many as the limit has room for when they are not sealed are the most in any case. */
static bool limit_allows_sealed(struct list_limit limit, size_t sealed_bytes, uint64_t count) {
    return list_limit_allows(limit, sealed_bytes, count) && count <= limit.bytes / 2;
}

/* takes() for a chunk that is sealed, or full unless it will be. What is beyond the limit already
 * is known to have short elements alone, so that they are looked at about once. */
static bool takes_sealed(const struct list_value *l, const struct chunk *chunk, struct slice s) {
    if (is_blob(*chunk)) return false;
    size_t bytes = bytes_in(*chunk), count = chunk->count;
    size_t packed = is_sealed(*chunk) ? lp_unsealed_bytes(bytes, count) : bytes;
    if (list_limit_allows(l->limit, packed + s.n + ITEM_OVERHEAD_BYTES, count + 1)) return true;
    return lp_may_seal(s.n) &&
           limit_allows_sealed(l->limit, lp_sealed_bytes(packed, count) + s.n + 1, count + 1) &&
           (packed > l->limit.bytes || is_sealed(*chunk) || lp_is_sealable(chunk->p));
}

/* Whether the chunk may get an element more. */
static inline bool takes(const struct list_value *l, const struct chunk *chunk, struct slice s) {
    size_t bytes = chunk->bytes + s.n + ITEM_OVERHEAD_BYTES; /* a mark makes them too many */
    return likely(list_limit_allows(l->limit, bytes, chunk->count + 1)) ||
           takes_sealed(l, chunk, s);
}

/* A chunk of its own for an element. */
static struct chunk chunk_of(const struct list_value *l, struct list_item item) {
    if (is_large(l, item.text)) {
        if (!item.blob) {
            item.blob = blob_new(item.text.n);
            memcpy(item.blob->data, item.text.p, item.text.n);
            item.blob->len = item.text.n;
        }
        return blob_chunk(item.blob);
    }
    struct lp_buf b = lp_buf_heap();
    bool done = lp_init(&b) && lp_append_text(&b, item.text);
    ASSERT(done);
    if (item.blob) blob_unref(item.blob);
    return packed_chunk(b.p);
}

/* The first listpack, which is own, goes to the beginning of its block. Returns the room behind it
 * then. */
static size_t close_head(struct list_value *l, struct chunk_place *place) {
    struct chunk chunk = chunk_at(*place);
    size_t room = l->head_room;
    if (room) {
        uint8_t *block = (uint8_t *)chunk.p - room;
        memmove(block, chunk.p, chunk.bytes);
        chunk.p = block;
        chunk_tree_set(&l->chunks, place, chunk);
        l->head_room = 0;
    }
    return room;
}

static struct lp_buf unsealed(struct chunk chunk) {
    struct lp_buf b = lp_buf_heap();
    size_t bytes = lp_unsealed_bytes(bytes_in(chunk), chunk.count);
    bool done = lp_buf_room(&b, bytes);
    ASSERT(done);
    lp_unseal(b.p, sealed_in(chunk));
    b.len = bytes;
    return b;
}

/* A listpack for any edit, to be given back by put. */
static struct lp_buf own(struct list_value *l, struct chunk_place *place) {
    if (is_sealed(chunk_at(*place))) {
        struct lp_buf b = unsealed(chunk_at(*place));
        give_back(l, chunk_at(*place), chunk_tree_is_shared(&l->chunks, *place));
        return b;
    }
    size_t room = 0;
    own_chunk(l, place);
    if (is_first(l, *place)) room = close_head(l, place);
    if (is_last(l, *place)) room += l->tail_room;
    struct chunk chunk = chunk_at(*place);
    return lp_buf_take(chunk.p, chunk.bytes, chunk.bytes + room);
}

/* Seals a chunk if it is between the ends and becomes smaller. */
static void seal(struct list_value *l, struct chunk_place *place) {
    struct chunk chunk = chunk_at(*place);
    if (is_blob(chunk) || is_sealed(chunk) || is_first(l, *place) || is_last(l, *place)) return;
    size_t bytes = lp_sealed_bytes(chunk.bytes, chunk.count), block = lp_buf_heap_bytes(bytes);
    if (block >= lp_buf_heap_bytes(chunk.bytes)) return;
    uint8_t *sealed = mem_alloc(block);
    if (!lp_seal(sealed, chunk.p)) {
        mem_free(sealed);
        return;
    }
    exchange(l, place, sealed_chunk((struct lp_sealed){sealed, bytes, chunk.count}));
}

static void put(struct list_value *l, struct chunk_place *place, struct lp_buf b) {
    lp_buf_trim(&b);
    if (is_last(l, *place)) l->tail_room = b.cap > b.len ? b.cap - b.len : 0;
    chunk_tree_set(&l->chunks, place, packed_chunk(b.p));
    seal(l, place);
}

/* Puts the item, if it is not NULL, in the place of `cut` elements of a sealed chunk. False if it
 * is not sealed, or could not be with that item. */
static bool edit_sealed(struct list_value *l, struct chunk_place *place, uint64_t inside,
                        uint64_t cut, const struct lp_item *item) {
    struct chunk chunk = chunk_at(*place);
    if (!is_sealed(chunk)) return false;
    struct lp_sealed made = lp_sealed_splice(sealed_in(chunk), inside, cut, item);
    if (!made.p) return false;
    exchange(l, place, sealed_chunk(made));
    return true;
}

/* To be called when other chunks may have become the ends. */
static void unseal_ends(struct list_value *l) {
    for (int last = 0; last < 2; last++) {
        struct chunk_place place = chunk_tree_end(&l->chunks, last);
        if (chunk_place_valid(place) && is_sealed(chunk_at(place))) put(l, &place, own(l, &place));
    }
}

/* Makes the block of an end no larger than it has to be, before it becomes an inner one. */
static void settle(struct list_value *l, bool last) {
    struct chunk_place place = chunk_tree_end(&l->chunks, last);
    if (!chunk_place_valid(place) || is_blob(chunk_at(place))) return;
    struct lp_buf b = own(l, &place);
    put(l, &place, b);
    if (last) l->tail_room = 0;
}

/* ---- lists ---- */

struct list_value *list_value_new(struct list_limit limit) {
    struct list_value *l = mem_calloc(sizeof *l);
    chunk_tree_init(&l->chunks);
    l->limit = limit;
    return l;
}

static struct chunk copy_chunk(struct chunk chunk) {
    if (is_blob(chunk)) return blob_chunk(blob_ref(blob_in(chunk)));
    struct chunk copy = chunk;
    size_t bytes = bytes_in(chunk);
    copy.p = mem_alloc(lp_buf_heap_bytes(bytes));
    memcpy(copy.p, chunk.p, bytes);
    return copy;
}

struct list_value *list_value_from(struct list_limit limit, const uint8_t *lp) {
    struct list_value *l = list_value_new(limit);
    struct chunk chunk = packed_chunk((uint8_t *)(uintptr_t)lp);
    if (chunk.count) chunk_tree_push(&l->chunks, true, copy_chunk(chunk));
    return l;
}

struct list_value *list_value_copy(const struct list_value *l) {
    struct list_value *copy = list_value_new(l->limit);
    struct chunk_place place = chunk_tree_end(&l->chunks, false);
    for (; chunk_place_valid(place); place = chunk_place_next(place))
        chunk_tree_push(&copy->chunks, true, copy_chunk(chunk_at(place)));
    return copy;
}

/* The address that the first chunk's memory has goes into the tree, for it is about to be freed.
 * Returns the first place. */
static struct chunk_place forget_head(struct list_value *l) {
    struct chunk_place place = chunk_tree_end(&l->chunks, false);
    if (!l->head_room) return place;
    own_chunk(l, &place);
    struct chunk chunk = chunk_at(place);
    chunk.p = (uint8_t *)chunk.p - l->head_room;
    chunk_tree_set(&l->chunks, &place, chunk);
    l->head_room = 0;
    return place;
}

void list_value_free(struct list_value *l) {
    forget_head(l);
    chunk_tree_free_some(&l->chunks, SIZE_MAX, (struct chunk_gone){free_anywhere, NULL});
    mem_free(l);
}

size_t list_value_memory(const struct list_value *l) {
    return sizeof *l + chunk_tree_bytes(&l->chunks) +
           (chunk_tree_data_bytes(&l->chunks) & BYTES_MASK) + l->head_room + l->tail_room +
           list_value_still_bytes(l);
}

size_t list_value_free_cost(const struct list_value *l) {
    return l->chunks.tree.nodes * CHUNK_LEAF_ROWS;
}

struct list_value *list_value_still(struct list_value *l) {
    struct list_value *still = list_value_new(l->limit);
    chunk_tree_still(&l->chunks, &still->chunks);
    return still;
}

void list_value_still_end(struct list_value *l, struct list_value *still) {
    chunk_tree_still_end(&l->chunks);
    mem_free(still);
}

size_t list_value_still_bytes(const struct list_value *l) {
    return count_tree_still_bytes(&l->chunks.tree);
}

const uint8_t *list_value_small(const struct list_value *l) {
    struct chunk_place place = chunk_tree_end(&l->chunks, false);
    if (!chunk_place_valid(place) || !is_last(l, place)) return NULL;
    struct chunk chunk = chunk_at(place);
    if (is_blob(chunk) || !list_limit_halved(l->limit, chunk.bytes, chunk.count)) return NULL;
    return chunk.p;
}

/* ---- the ends ---- */

/* The block of a chunk at an end that is to hold so many bytes: twice as large while it is the only
 * one, of the full size in a longer list, but not beyond it. Short elements go an eighth beyond the
 * limit, and more, before they are sealed. */
static size_t grown(const struct list_value *l, struct chunk chunk, size_t bytes) {
    size_t full = l->limit.bytes;
    if (lp_may_seal(chunk.bytes / chunk.count)) full += full / 8;
    size_t room = chunk.count < list_value_count(l) ? full : 2 * bytes;
    if (room > full) room = full;
    return lp_buf_heap_bytes(bytes > room ? bytes : room);
}

/* Room for `need` bytes before the first listpack. If it is the last one as well, what is free
 * behind it is used, or kept. Cost: the chunk, rarely. */
static void make_head_room(struct list_value *l, struct chunk_place *place, size_t need) {
    struct chunk chunk = chunk_at(*place);
    size_t behind = is_last(l, *place) ? l->tail_room : 0;
    uint8_t *block = (uint8_t *)chunk.p - l->head_room;
    size_t room = l->head_room + behind;
    if (room >= need && room >= chunk.bytes / 2) {
        chunk.p = memmove(block + room, chunk.p, chunk.bytes);
        behind = 0;
    } else {
        room = grown(l, chunk, chunk.bytes + need) - chunk.bytes;
        uint8_t *larger = mem_alloc(room + chunk.bytes + behind);
        chunk.p = memcpy(larger + room, chunk.p, chunk.bytes);
        mem_free(block);
    }
    l->head_room = room;
    if (is_last(l, *place)) l->tail_room = behind;
    chunk_tree_set(&l->chunks, place, chunk);
}

/* The same behind the last one. */
static void make_tail_room(struct list_value *l, struct chunk_place *place, size_t need) {
    struct chunk chunk = chunk_at(*place);
    size_t before = is_first(l, *place) ? l->head_room : 0;
    uint8_t *block = (uint8_t *)chunk.p - before;
    size_t room = l->tail_room + before;
    if (room >= need && room >= chunk.bytes / 2) {
        chunk.p = memmove(block, chunk.p, chunk.bytes);
        before = 0;
    } else {
        room = grown(l, chunk, chunk.bytes + need) - chunk.bytes;
        block = mem_realloc(block, before + chunk.bytes + room);
        chunk.p = block + before;
    }
    l->tail_room = room;
    if (is_first(l, *place)) l->head_room = before;
    chunk_tree_set(&l->chunks, place, chunk);
}

/* Makes the chunk at an end own, and room for `need` bytes more; returns where it is then. */
static __attribute__((noinline)) uint8_t *open_end(struct list_value *l, struct chunk_place *place,
                                                   bool last, size_t need) {
    own_chunk(l, place);
    if (need <= (last ? l->tail_room : l->head_room)) return chunk_at(*place).p;
    if (last) {
        make_tail_room(l, place, need);
    } else {
        make_head_room(l, place, need);
    }
    return chunk_at(*place).p;
}

static void push_packed(struct list_value *l, struct chunk_place *place, uint8_t *lp, bool last,
                        struct slice s) {
    struct lp_item item = lp_item_text(s);
    size_t *room = last ? &l->tail_room : &l->head_room;
    if (unlikely(item.bytes > *room || chunk_tree_has_stills(&l->chunks)))
        lp = open_end(l, place, last, item.bytes);
    if (last) {
        size_t bytes = lp_bytes(lp);
        struct lp_buf b = lp_buf_fixed(lp, bytes, bytes + *room);
        lp_append(&b, &item, 1);
    } else {
        lp = lp_grow_front(lp, &item);
    }
    *room -= item.bytes;
    chunk_tree_grow_end(&l->chunks, last, lp, item.bytes);
}

void list_value_push_text(struct list_value *l, bool last, struct slice text, struct blob *blob) {
    struct chunk_place place = chunk_tree_end(&l->chunks, last);
    if (likely(chunk_place_valid(place))) {
        struct chunk chunk = chunk_at(place);
        if (likely(takes(l, &chunk, text))) {
            push_packed(l, &place, chunk.p, last, text);
            if (unlikely(blob)) blob_unref(blob);
            return;
        }
    }
    settle(l, last);
    chunk_tree_push(&l->chunks, last, chunk_of(l, (struct list_item){text, blob}));
    place = chunk_tree_end(&l->chunks, last);
    for (int i = 0; i < 2 && chunk_place_valid(place); i++)
        place = last ? chunk_place_prev(place) : chunk_place_next(place);
    if (chunk_place_valid(place)) seal(l, &place);
}

/* ---- taking out ---- */

static void remove_chunk(struct list_value *l, struct chunk_place *place) {
    uint64_t first = place->first, inside;
    if (is_first(l, *place)) *place = forget_head(l);
    if (is_last(l, *place)) l->tail_room = 0;
    bool shared = chunk_tree_is_shared(&l->chunks, *place);
    give_up(l, chunk_tree_remove(&l->chunks, place), shared);
    unseal_ends(l);
    *place = chunk_tree_find(&l->chunks, first, &inside);
}

/* Takes out some but not all elements of a chunk. */
static void drop_inside(struct list_value *l, struct chunk_place *place, uint64_t inside,
                        uint64_t count) {
    own_chunk(l, place);
    struct chunk chunk = chunk_at(*place);
    if (inside == 0 && is_first(l, *place)) {
        size_t at = lp_seek(chunk.p, (int64_t)count);
        chunk.p = lp_cut_front(chunk.p, at, count);
        l->head_room += at - LP_HEAD_BYTES;
        chunk.bytes -= at - LP_HEAD_BYTES;
        chunk.count -= count;
        chunk_tree_set(&l->chunks, place, chunk);
        return;
    }
    if (inside + count == chunk.count && is_last(l, *place)) {
        struct lp_buf b = lp_buf_fixed(chunk.p, chunk.bytes, chunk.bytes);
        lp_delete(&b, lp_seek(b.p, (int64_t)inside), count);
        l->tail_room += chunk.bytes - b.len;
        chunk_tree_set(&l->chunks, place, packed_chunk(b.p));
        return;
    }
    if (edit_sealed(l, place, inside, count, NULL)) return;
    struct lp_buf b = own(l, place);
    lp_delete(&b, lp_seek(b.p, (int64_t)inside), count);
    put(l, place, b);
}

/* Takes whole chunks out. */
static void drop_chunks(struct list_value *l, uint64_t from, uint64_t to) {
    if (from == 0) forget_head(l);
    if (to == list_value_count(l)) l->tail_room = 0;
    chunk_tree_cut(&l->chunks, from, to, (struct chunk_gone){give_up, l});
    unseal_ends(l);
}

void list_value_drop(struct list_value *l, uint64_t from, uint64_t count) {
    uint64_t inside;
    if (!count) return;
    struct chunk_place place = chunk_tree_find(&l->chunks, from, &inside);
    uint64_t some = chunk_at(place).count - inside;
    if (inside || count < some) {
        if (some > count) some = count;
        drop_inside(l, &place, inside, some);
        count -= some;
    }
    uint64_t end = from + count, rest = 0;
    if (end < list_value_count(l)) chunk_tree_find(&l->chunks, end, &rest);
    if (rest > count) rest = count;
    if (count > rest) drop_chunks(l, from, end - rest);
    if (rest) {
        place = chunk_tree_find(&l->chunks, from, &inside);
        drop_inside(l, &place, inside, rest);
    }
}

/* How many elements equal s, but no more than max. */
static uint64_t count_equal(const uint8_t *lp, struct slice s, uint64_t max) {
    uint64_t found = 0;
    size_t at = lp_find(lp, lp_first(lp), s, 0);
    for (; at && found < max; at = lp_find(lp, lp_next(lp, at), s, 0)) found++;
    return found;
}

/* Takes out `count` of the elements that equal s, leaving the first `skip` of them. */
static void erase_equal(struct lp_buf *b, struct slice s, uint64_t skip, uint64_t count) {
    size_t at = lp_find(b->p, lp_first(b->p), s, 0);
    for (; skip; skip--) at = lp_find(b->p, lp_next(b->p, at), s, 0);
    while (count) {
        uint64_t run = 1; /* neighbours go together */
        size_t next = lp_next(b->p, at);
        for (; run < count && next && lp_equals(b->p, next, s); next = lp_next(b->p, next)) run++;
        lp_delete(b, at, run);
        count -= run;
        if (count) at = lp_find(b->p, at, s, 0);
    }
}

uint64_t list_packed_remove(struct lp_buf *b, struct slice s, uint64_t max, bool backward) {
    uint64_t found = count_equal(b->p, s, backward ? UINT64_MAX : max);
    uint64_t count = found < max ? found : max;
    erase_equal(b, s, found - count, count);
    return count;
}

/* The same for a sealed one. */
static uint64_t count_equal_sealed(struct lp_sealed sealed, struct slice s, uint64_t max) {
    struct lp_sealed_place place = lp_sealed_seek(sealed, 0);
    uint64_t found = 0;
    for (size_t left = sealed.count; left && found < max; left--) {
        struct list_element e = {lp_sealed_next(&place), NULL};
        found += list_element_is(&e, s);
    }
    return found;
}

/* list_packed_remove for a chunk. The place becomes that of the next one if it is gone. */
static uint64_t remove_inside(struct list_value *l, struct chunk_place *place, struct slice s,
                              uint64_t max, bool backward) {
    struct chunk chunk = chunk_at(*place);
    if (is_blob(chunk)) {
        struct blob *b = blob_in(chunk);
        if (!slice_eq(slice_of(b->data, b->len), s)) return 0;
        remove_chunk(l, place);
        return 1;
    }
    uint64_t most = backward ? UINT64_MAX : max;
    uint64_t found = is_sealed(chunk) ? count_equal_sealed(sealed_in(chunk), s, most)
                                      : count_equal(chunk.p, s, most);
    uint64_t count = found < max ? found : max;
    if (count == chunk.count) {
        remove_chunk(l, place);
    } else if (count) {
        struct lp_buf b = own(l, place);
        erase_equal(&b, s, found - count, count);
        put(l, place, b);
    }
    return count;
}

uint64_t list_value_remove(struct list_value *l, struct slice s, uint64_t max, bool backward) {
    uint64_t removed = 0, inside;
    struct chunk_place place = chunk_tree_end(&l->chunks, backward);
    while (chunk_place_valid(place) && removed < max) {
        uint64_t first = place.first, count = chunk_at(place).count;
        uint64_t some = remove_inside(l, &place, s, max - removed, backward);
        removed += some;
        if (!backward) {
            if (some < count) place = chunk_place_next(place);
        } else if (first) {
            place =
                some ? chunk_tree_find(&l->chunks, first - 1, &inside) : chunk_place_prev(place);
        } else {
            break;
        }
    }
    return removed;
}

/* ---- in the middle ---- */

/* Makes two chunks of one, the second beginning with the element `inside`, and returns the place
 * of the second. */
static struct chunk_place split(struct list_value *l, struct chunk_place place, uint64_t inside) {
    struct lp_buf b = own(l, &place), half = lp_buf_heap();
    size_t at = lp_seek(b.p, (int64_t)inside), end = lp_end(b.p);
    size_t count = chunk_at(place).count - inside;
    struct lp_run run = {b.p, at, end, count};
    bool last = is_last(l, place);
    bool done = lp_buf_room(&half, LP_EMPTY_BYTES + (end - at)) && lp_init(&half) &&
                lp_insert_run(&half, LP_HEAD_BYTES, &run);
    ASSERT(done);
    lp_delete(&b, at, count);
    lp_buf_trim(&b);
    chunk_tree_split(&l->chunks, &place, packed_chunk(b.p), packed_chunk(half.p));
    if (last) l->tail_room = half.cap - half.len;
    seal(l, &place);
    place = chunk_place_next(place);
    seal(l, &place);
    return place;
}

static void insert_packed(struct list_value *l, struct chunk_place *place, uint64_t inside,
                          struct list_item item) {
    struct lp_item add = lp_item_text(item.text);
    if (!edit_sealed(l, place, inside, 0, &add)) {
        struct lp_buf b = own(l, place);
        size_t at = inside < chunk_at(*place).count ? lp_seek(b.p, (int64_t)inside) : lp_end(b.p);
        bool done = lp_insert(&b, at, &add, 1);
        ASSERT(done);
        put(l, place, b);
    }
    if (item.blob) blob_unref(item.blob);
}

/* A full chunk is halved for an element that is small beside it, so that further ones find room;
 * for another one, it is cut where the element belongs. */
void list_value_insert(struct list_value *l, uint64_t index, struct list_item item) {
    if (index == 0 || index == list_value_count(l)) {
        list_value_push(l, index != 0, item);
        return;
    }
    uint64_t inside;
    struct chunk_place place = chunk_tree_find(&l->chunks, index, &inside);
    struct chunk chunk = chunk_at(place);
    if (!is_large(l, item.text)) {
        if (!takes(l, &chunk, item.text) && chunk.count >= 4 && item.text.n < chunk.bytes / 4) {
            split(l, place, chunk.count / 2);
            place = chunk_tree_find(&l->chunks, index, &inside);
            chunk = chunk_at(place);
        }
        if (inside == 0 && !takes(l, &chunk, item.text)) {
            place = chunk_place_prev(place);
            chunk = chunk_at(place);
            inside = chunk.count;
        }
        if (takes(l, &chunk, item.text)) {
            insert_packed(l, &place, inside, item);
            return;
        }
    }
    struct chunk made = chunk_of(l, item);
    if (inside == chunk.count) {
        chunk_tree_insert_after(&l->chunks, &place, made);
        return;
    }
    if (inside) place = split(l, place, inside);
    chunk_tree_insert_before(&l->chunks, &place, made);
}

/* What the tree would say of a chunk without one of its elements. */
static struct chunk without(struct chunk chunk, uint64_t inside) {
    if (is_sealed(chunk)) {
        chunk.bytes -= lp_entry_bytes[*lp_sealed_seek(sealed_in(chunk), inside).tag] - 1u;
    } else {
        size_t at = lp_seek(chunk.p, (int64_t)inside);
        chunk.bytes -= lp_after(chunk.p, at) - at;
    }
    chunk.count--;
    return chunk;
}

void list_value_replace(struct list_value *l, uint64_t index, struct list_item item) {
    uint64_t inside;
    struct chunk_place place = chunk_tree_find(&l->chunks, index, &inside);
    struct chunk chunk = chunk_at(place);
    if (chunk.count == 1) {
        if (is_first(l, place)) place = forget_head(l);
        if (is_last(l, place)) l->tail_room = 0;
        exchange(l, &place, chunk_of(l, item));
        return;
    }
    struct chunk rest = without(chunk, inside);
    if (is_large(l, item.text) || !takes(l, &rest, item.text)) {
        list_value_drop(l, index, 1);
        list_value_insert(l, index, item);
        return;
    }
    struct lp_item add = lp_item_text(item.text);
    if (!edit_sealed(l, &place, inside, 1, &add)) {
        struct lp_buf b = own(l, &place);
        bool done = lp_replace(&b, lp_seek(b.p, (int64_t)inside), &add);
        ASSERT(done);
        put(l, &place, b);
    }
    if (item.blob) blob_unref(item.blob);
}

/* ---- reading ---- */

static void cursor_enter(struct list_cursor *c, struct chunk chunk, int64_t index) {
    c->lp = NULL;
    c->blob = NULL;
    if (is_blob(chunk)) {
        c->blob = blob_in(chunk);
    } else if (is_sealed(chunk)) {
        uint64_t at = index < 0 ? chunk.count - 1 : (uint64_t)index;
        c->sealed_left = c->backward ? at + 1 : chunk.count - at;
        c->sealed = lp_sealed_seek(sealed_in(chunk), at + c->backward);
    } else {
        c->lp = chunk.p;
        c->at = lp_seek(chunk.p, index);
    }
}

struct list_cursor list_cursor_at(const struct list_value *l, uint64_t index, bool backward) {
    struct list_cursor c = {.backward = backward};
    uint64_t inside;
    c.place = chunk_tree_find(&l->chunks, index, &inside);
    if (chunk_place_valid(c.place)) cursor_enter(&c, chunk_at(c.place), (int64_t)inside);
    return c;
}

struct list_cursor list_cursor_packed(const uint8_t *lp, uint64_t index, bool backward) {
    return (struct list_cursor){
        .lp = lp,
        .at = lp_seek(lp, index > INT64_MAX ? INT64_MAX : (int64_t)index),
        .backward = backward,
    };
}

bool list_cursor_next(struct list_cursor *c, struct list_element *e) {
    for (;;) {
        if (likely(c->at != LP_NONE)) {
            if (!c->backward) {
                size_t at = lp_read(c->lp, c->at, &e->value);
                c->at = at == lp_end(c->lp) ? LP_NONE : at;
            } else {
                e->value = lp_get(c->lp, c->at);
                c->at = lp_prev(c->lp, c->at);
            }
            e->blob = NULL;
            return true;
        }
        if (likely(c->sealed_left)) {
            e->value = c->backward ? lp_sealed_prev(&c->sealed) : lp_sealed_next(&c->sealed);
            e->blob = NULL;
            c->sealed_left--;
            return true;
        }
        if (c->blob) {
            e->blob = c->blob;
            e->value = (struct lp_value){slice_of(c->blob->data, c->blob->len), 0};
            c->blob = NULL;
            return true;
        }
        if (!chunk_place_valid(c->place)) return false;
        c->place = c->backward ? chunk_place_prev(c->place) : chunk_place_next(c->place);
        if (!chunk_place_valid(c->place)) return false;
        cursor_enter(c, chunk_at(c->place), c->backward ? -1 : 0);
    }
}

struct blob *list_chunk_blob(struct chunk chunk) {
    return is_blob(chunk) ? blob_in(chunk) : NULL;
}

const uint8_t *list_chunk_packed(struct chunk chunk, struct lp_buf *scratch) {
    if (!is_sealed(chunk)) return chunk.p;
    lp_buf_free(scratch);
    *scratch = unsealed(chunk);
    return scratch->p;
}

bool list_element_is(const struct list_element *e, struct slice s) {
    int64_t v;
    if (e->value.text.p) return slice_eq(e->value.text, s);
    return num_parse_i64(s, &v) && v == e->value.i;
}
