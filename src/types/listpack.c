/* listpack.c - see listpack.h.
 *
 * Searching for a field and appending a pair are on the way of every HSET, ZADD and SADD. Almost
 * all entries met are texts below 64 bytes and small integers: these take the short paths, which
 * are written without calls; everything else goes through body_bytes and decode.
 */
#include "types/listpack.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/num.h"

#include <assert.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values are copied as they lie");
static_assert(LP_INT_TEXT_BYTES >= NUM_INT_BYTES_MAX, "lp_text prints here");

enum {
    TAG_STR32 = 0xf0,
    TAG_INT16 = 0xf1,
    TAG_INT24 = 0xf2,
    TAG_INT32 = 0xf3,
    TAG_INT64 = 0xf4,
    TAG_END = 0xff,
    STR6_MAX = LP_SHORT_TEXT_BYTES,
    STR12_MAX = 4095,
    UNIQUE_BY_SEARCH_MAX = 16, /* keys that are compared each with each */
};

static inline uint64_t load64(const void *p) {
    uint64_t w;
    memcpy(&w, p, sizeof w);
    return w;
}

static inline uint32_t load32(const void *p) {
    uint32_t w;
    memcpy(&w, p, sizeof w);
    return w;
}

/* ---- one entry ---- */

/* Bytes of the head by its first byte; 0 if no entry begins so. */
static inline size_t head_bytes(uint8_t tag) {
    if (tag < 0xc0) return 1;
    if (tag < TAG_STR32) return 2;
    static const uint8_t by_tag[16] = {5, 3, 4, 5, 9};
    return by_tag[tag - TAG_STR32];
}

/* Head and text. */
static inline size_t body_bytes(const uint8_t *p) {
    uint8_t tag = *p;
    if (tag < 0x80) return 1;
    if (tag < 0xc0) return 1 + (tag & 0x3fu);
    if (tag < 0xe0) return 2;
    if (tag < TAG_STR32) return 2 + ((tag & 0xfu) << 8 | p[1]);
    if (tag == TAG_STR32) return 5 + (size_t)load32(p + 1);
    return head_bytes(tag);
}

/* Bytes that the size of a body takes behind it. Redis' bounds, where a size of 14 or more bits
 * that are all set goes to the next length. */
static inline size_t back_bytes(size_t body) {
    if (body <= 127) return 1;
    if (body < (1u << 14) - 1) return 2;
    if (body < (1u << 21) - 1) return 3;
    if (body < (1u << 28) - 1) return 4;
    return 5;
}

/* Writes that size: seven bits a byte, the highest first, all but the first marked. */
static inline uint8_t *put_back(uint8_t *p, size_t body) {
    if (likely(body <= 127)) {
        *p = (uint8_t)body;
        return p + 1;
    }
    size_t n = back_bytes(body);
    for (size_t i = n; i-- > 0; body >>= 7) p[i] = (uint8_t)((body & 127) | (i ? 128 : 0));
    return p + n;
}

/* A table, because the mix of forms in a hash or a zset is what a branch predictor cannot learn. */
const uint8_t lp_entry_bytes[256] = {
    2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
    2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
    2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
    2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
    2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
    2,  2,  2,  2,  2,  2,  2,  2,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17,
    18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41,
    42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65,
    3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,
    3,  3,  3,  3,  3,  3,  3,  3,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
    0,  4,  5,  6,  10, 0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0};

/* The entry behind, which may be the end. */
static inline const uint8_t *step(const uint8_t *p) {
    size_t n = lp_entry_bytes[*p];
    if (likely(n)) return p + n;
    size_t body = body_bytes(p);
    return p + body + back_bytes(body);
}

static inline int64_t decode_int(const uint8_t *p) {
    uint8_t tag = *p;
    if (tag < 0x80) return tag;
    if (tag < 0xe0) return (int16_t)((uint16_t)(tag << 8 | p[1]) << 3) >> 3;
    switch (tag) {
    case TAG_INT16: return (int16_t)(p[1] | p[2] << 8);
    case TAG_INT24: return (int32_t)((uint32_t)(p[1] | p[2] << 8 | p[3] << 16) << 8) >> 8;
    case TAG_INT32: return (int32_t)load32(p + 1);
    default: return (int64_t)load64(p + 1);
    }
}

static inline bool is_text(uint8_t tag) {
    return (tag & 0xc0) == 0x80 || (tag >= 0xe0 && tag <= TAG_STR32);
}

static inline struct slice decode_text(const uint8_t *p) {
    size_t head = head_bytes(*p);
    return slice_of(p + head, body_bytes(p) - head);
}

static inline struct lp_value decode(const uint8_t *p) {
    if (is_text(*p)) return (struct lp_value){decode_text(p), 0};
    return (struct lp_value){{NULL, 0}, decode_int(p)};
}

/* ---- the head ---- */

static inline unsigned head_count(const uint8_t *lp) { return lp[4] | (unsigned)lp[5] << 8; }

static inline void put_count(uint8_t *lp, size_t count) {
    uint16_t n = count < LP_COUNT_UNKNOWN ? (uint16_t)count : LP_COUNT_UNKNOWN;
    memcpy(lp + 4, &n, sizeof n);
}

static inline void put_bytes(uint8_t *lp, size_t bytes) {
    uint32_t n = (uint32_t)bytes;
    memcpy(lp, &n, sizeof n);
}

static size_t walk_count(const uint8_t *lp) {
    size_t n = 0;
    for (const uint8_t *p = lp + LP_HEAD_BYTES; *p != TAG_END; p = step(p)) n++;
    return n;
}

size_t lp_count(const uint8_t *lp) {
    unsigned n = head_count(lp);
    return likely(n != LP_COUNT_UNKNOWN) ? n : walk_count(lp);
}

/* ---- places ---- */

static inline size_t entry_or_none(const uint8_t *lp, size_t at) {
    return lp[at] == TAG_END ? LP_NONE : at;
}

size_t lp_first(const uint8_t *lp) { return entry_or_none(lp, LP_HEAD_BYTES); }

size_t lp_last(const uint8_t *lp) { return lp_prev(lp, lp_end(lp)); }

size_t lp_after(const uint8_t *lp, size_t at) { return (size_t)(step(lp + at) - lp); }

size_t lp_next(const uint8_t *lp, size_t at) { return entry_or_none(lp, lp_after(lp, at)); }

size_t lp_prev(const uint8_t *lp, size_t at) {
    if (at == LP_HEAD_BYTES) return LP_NONE;
    const uint8_t *p = lp + at - 1;
    size_t body = *p & 127;
    for (unsigned shift = 7; *p & 128; shift += 7) body |= (size_t)(*--p & 127) << shift;
    return (size_t)(p - lp) - body;
}

size_t lp_seek(const uint8_t *lp, int64_t index) {
    unsigned count = head_count(lp);
    if (count != LP_COUNT_UNKNOWN) {
        if (index < 0) index += count;
        if (index < 0 || index >= count) return LP_NONE;
        if (index > count / 2) index -= count;
    }
    size_t at;
    if (index >= 0) {
        for (at = lp_first(lp); at && index > 0; index--) at = lp_next(lp, at);
    } else {
        for (at = lp_last(lp); at && index < -1; index++) at = lp_prev(lp, at);
    }
    return at;
}

/* ---- reading ---- */

struct lp_value lp_get(const uint8_t *lp, size_t at) {
    return decode(lp + at);
}

size_t lp_read_other(const uint8_t *lp, size_t at, struct lp_value *v) {
    *v = decode(lp + at);
    return lp_after(lp, at);
}

struct slice lp_text(const struct lp_value *v, char buf[LP_INT_TEXT_BYTES]) {
    if (v->text.p) return v->text;
    return slice_of(buf, num_format_i64(buf, v->i));
}

/* num_parse_i64, after a look at both ends that spares most texts the call. */
static inline bool parse_int(struct slice s, int64_t *v) {
    if (s.n == 0 || s.n > 20) return false;
    uint8_t first = (uint8_t)s.p[0], last = (uint8_t)s.p[s.n - 1];
    if ((uint8_t)(last - '0') > 9) return false;
    if ((uint8_t)(first - '0') > 9 && first != '-') return false;
    return num_parse_i64(s, v);
}

bool lp_equals(const uint8_t *lp, size_t at, struct slice s) {
    const uint8_t *p = lp + at;
    int64_t v;
    if (is_text(*p)) return slice_eq(decode_text(p), s);
    return parse_int(s, &v) && decode_int(p) == v;
}

/* What is searched for. The bytes are compared by words that end with the text, because names
 * rather differ at their ends, and because eight bytes before the end of an entry's text always
 * lie in the listpack. */
struct wanted {
    struct slice s;
    uint64_t tail; /* the last eight bytes, or all of fewer */
    uint64_t head; /* the first eight, if there are more */
    unsigned shift;
    uint8_t tag; /* the first byte of an entry with this text; TAG_END if it is too long */
    bool is_int;
    int64_t i;
};

static inline void wanted_init(struct wanted *w, struct slice s) {
    w->s = s;
    w->tag = s.n <= STR6_MAX ? (uint8_t)(0x80 | s.n) : TAG_END;
    w->is_int = parse_int(s, &w->i);
    w->tail = w->head = 0;
    w->shift = 0;
    if (s.n > 8) {
        w->tail = load64(s.p + s.n - 8);
        w->head = load64(s.p);
    } else if (s.n) {
        memcpy(&w->tail, s.p, s.n);
        w->shift = 8 * (8 - (unsigned)s.n);
    }
}

/* p is an entry whose first byte is w->tag. */
static inline bool short_text_is(const uint8_t *p, const struct wanted *w) {
    size_t n = w->s.n;
    if (unlikely(n == 0)) return true;
    if (load64(p + 1 + n - 8) >> w->shift != w->tail) return false;
    if (n <= 8) return true;
    return load64(p + 1) == w->head && (n <= 16 || memcmp(p + 9, w->s.p + 8, n - 16) == 0);
}

/* Any other entry: integers, long texts, and texts in a longer form than they need. */
static inline bool other_is(const uint8_t *p, const struct wanted *w) {
    if (is_text(*p)) return slice_eq(decode_text(p), w->s);
    return w->is_int && decode_int(p) == w->i;
}

size_t lp_find(const uint8_t *lp, size_t at, struct slice s, unsigned skip) {
    if (at == LP_NONE) return LP_NONE;
    struct wanted w;
    wanted_init(&w, s);
    for (const uint8_t *p = lp + at;;) {
        uint8_t tag = *p;
        if (tag == w.tag && tag != TAG_END) {
            if (short_text_is(p, &w)) return (size_t)(p - lp);
        } else if ((tag & 0xc0) != 0x80) {
            if (tag == TAG_END) return LP_NONE;
            if (other_is(p, &w)) return (size_t)(p - lp);
        }
        p = step(p);
        for (unsigned left = skip; left; left--) {
            if (unlikely(*p == TAG_END)) return LP_NONE;
            p = step(p);
        }
    }
}

/* ---- elements to be ---- */

struct lp_item lp_item_i64(int64_t v) {
    struct lp_item item = {.text = {NULL, 0}};
    uint64_t bits = (uint64_t)v;
    if (bits <= 127) {
        item.head[0] = (uint8_t)bits;
        item.head_bytes = 1;
    } else if (v >= -4096 && v <= 4095) {
        item.head[0] = (uint8_t)(0xc0 | (bits >> 8 & 0x1f));
        item.head[1] = (uint8_t)bits;
        item.head_bytes = 2;
    } else {
        uint8_t tag = v == (int16_t)v                    ? TAG_INT16
                      : v >= -(1 << 23) && v < (1 << 23) ? TAG_INT24
                      : v == (int32_t)v                  ? TAG_INT32
                                                         : TAG_INT64;
        item.head[0] = tag;
        memcpy(item.head + 1, &bits, sizeof bits);
        item.head_bytes = (uint8_t)head_bytes(tag);
    }
    item.bytes = item.head_bytes + 1u;
    return item;
}

static __attribute__((noinline)) struct lp_item long_text(struct slice s) {
    struct lp_item item = {.text = s};
    if (s.n <= STR12_MAX) {
        item.head[0] = (uint8_t)(0xe0 | s.n >> 8);
        item.head[1] = (uint8_t)s.n;
        item.head_bytes = 2;
    } else {
        /* A text beyond 32 bits is refused by its size when it is to be inserted. */
        uint32_t n = (uint32_t)s.n;
        item.head[0] = TAG_STR32;
        memcpy(item.head + 1, &n, sizeof n);
        item.head_bytes = 5;
    }
    size_t body = item.head_bytes + s.n;
    item.bytes = body + back_bytes(body);
    return item;
}

/* Each form is made where the caller will have it, and not copied. */
struct lp_item lp_item_text(struct slice s) {
    int64_t v;
    if (parse_int(s, &v)) return lp_item_i64(v);
    if (unlikely(s.n > STR6_MAX)) return long_text(s);
    return (struct lp_item){s, s.n + 2, 1, {(uint8_t)(0x80 | s.n)}};
}

static inline uint8_t *put_item(uint8_t *p, const struct lp_item *item) {
    *p++ = item->head[0];
    for (unsigned i = 1; i < item->head_bytes; i++) *p++ = item->head[i];
    if (item->text.n) memcpy(p, item->text.p, item->text.n);
    return put_back(p + item->text.n, item->head_bytes + item->text.n);
}

/* ---- editing ---- */

bool lp_init(struct lp_buf *b) {
    if (!lp_buf_room(b, LP_EMPTY_BYTES)) return false;
    b->len = LP_EMPTY_BYTES;
    put_bytes(b->p, LP_EMPTY_BYTES);
    put_count(b->p, 0);
    b->p[LP_HEAD_BYTES] = TAG_END;
    return true;
}

struct cut {
    size_t bytes, count;
};

/* Makes `add` out of the `cut` at `at`: moves what is behind and corrects the head. The new
 * bytes are the caller's to write. */
static inline bool splice(struct lp_buf *b, size_t at, struct cut cut, struct cut add) {
    size_t len = b->len - cut.bytes + add.bytes;
    if (unlikely(len > UINT32_MAX) || !lp_buf_room(b, len)) return false;
    size_t behind = b->len - at - cut.bytes;
    uint8_t *p = b->p + at;
    if (behind == 1) {
        p[add.bytes] = TAG_END;
    } else {
        memmove(p + add.bytes, p + cut.bytes, behind);
    }
    b->len = len;
    put_bytes(b->p, len);
    unsigned count = head_count(b->p);
    if (count != LP_COUNT_UNKNOWN) put_count(b->p, count - cut.count + add.count);
    return true;
}

bool lp_insert(struct lp_buf *b, size_t at, const struct lp_item *items, size_t n) {
    struct cut add = {0, n};
    for (size_t i = 0; i < n; i++) add.bytes += items[i].bytes;
    if (!splice(b, at, (struct cut){0, 0}, add)) return false;
    uint8_t *p = b->p + at;
    for (size_t i = 0; i < n; i++) p = put_item(p, &items[i]);
    return true;
}

bool lp_append_text(struct lp_buf *b, struct slice s) {
    struct lp_item item = lp_item_text(s);
    return lp_append(b, &item, 1);
}

bool lp_append_i64(struct lp_buf *b, int64_t v) {
    struct lp_item item = lp_item_i64(v);
    return lp_append(b, &item, 1);
}

bool lp_replace(struct lp_buf *b, size_t at, const struct lp_item *item) {
    struct cut old = {lp_after(b->p, at) - at, 1};
    if (!splice(b, at, old, (struct cut){item->bytes, 1})) return false;
    put_item(b->p + at, item);
    return true;
}

size_t lp_delete(struct lp_buf *b, size_t at, size_t n) {
    const uint8_t *from = b->p + at, *p = from;
    struct cut old = {0, 0};
    for (; old.count < n && *p != TAG_END; old.count++) p = step(p);
    if (old.count == 0) return 0;
    old.bytes = (size_t)(p - from);
    bool done = splice(b, at, old, (struct cut){0, 0});
    ASSERT(done);
    /* Redis knows the count again as soon as it asks for one that fits; reads of ours do not
     * write, so it is found out here. */
    if (unlikely(head_count(b->p) == LP_COUNT_UNKNOWN)) put_count(b->p, walk_count(b->p));
    return old.count;
}

bool lp_insert_run(struct lp_buf *b, size_t at, const struct lp_run *run) {
    struct cut add = {run->last - run->first, run->count};
    if (!splice(b, at, (struct cut){0, 0}, add)) return false;
    memcpy(b->p + at, run->from + run->first, add.bytes);
    return true;
}

void lp_frame(uint8_t *lp, size_t bytes, size_t count) {
    put_bytes(lp, bytes);
    put_count(lp, count);
    lp[bytes - 1] = TAG_END;
}

/* Writes the head of a listpack whose first entry is at `first`. */
static uint8_t *put_head(uint8_t *first, size_t bytes, size_t count) {
    uint8_t *lp = first - LP_HEAD_BYTES;
    put_bytes(lp, bytes);
    put_count(lp, count);
    return lp;
}

uint8_t *lp_grow_front(uint8_t *lp, const struct lp_item *item) {
    size_t bytes = lp_bytes(lp) + item->bytes;
    unsigned count = head_count(lp);
    DASSERT(bytes <= UINT32_MAX);
    uint8_t *first = lp + LP_HEAD_BYTES - item->bytes;
    put_item(first, item);
    return put_head(first, bytes, count + (count != LP_COUNT_UNKNOWN));
}

uint8_t *lp_cut_front(uint8_t *lp, size_t at, size_t count) {
    size_t bytes = lp_bytes(lp) - (at - LP_HEAD_BYTES);
    unsigned old = head_count(lp);
    if (old == LP_COUNT_UNKNOWN) {
        lp = put_head(lp + at, bytes, old);
        put_count(lp, walk_count(lp));
        return lp;
    }
    return put_head(lp + at, bytes, old - count);
}

bool lp_merge(struct lp_buf *b, const uint8_t *other) {
    struct lp_run all = {other, LP_HEAD_BYTES, lp_end(other), lp_count(other)};
    return lp_insert_run(b, lp_end(b->p), &all);
}

/* ---- bytes from outside ---- */

/* The entry behind the one at p, or NULL if this one is broken or reaches to `end` (the place
 * of the last byte) or beyond. */
static const uint8_t *check_entry(const uint8_t *p, const uint8_t *end) {
    size_t left = (size_t)(end - p), head = head_bytes(*p);
    if (head == 0 || head > left) return NULL;
    size_t body = body_bytes(p), back = back_bytes(body);
    if (body + back > left) return NULL;
    uint8_t expected[5];
    put_back(expected, body);
    return memcmp(p + body, expected, back) == 0 ? p + body + back : NULL;
}

bool lp_check(const void *bytes, size_t n, unsigned group) {
    const uint8_t *lp = bytes;
    if (n < LP_EMPTY_BYTES || n > UINT32_MAX || lp_bytes(lp) != n) return false;
    const uint8_t *p = lp + LP_HEAD_BYTES, *end = lp + n - 1;
    size_t count = 0;
    if (*end != TAG_END) return false;
    for (; p != end; count++) {
        p = check_entry(p, end);
        if (!p) return false;
    }
    unsigned said = head_count(lp);
    return (said == LP_COUNT_UNKNOWN || said == count) && count % group == 0;
}

/* Keys seen so far: an open table of offsets with the upper half of their hash. */
struct seen {
    uint64_t *slots; /* offset | hash, high half; 0 is free */
    size_t mask, used;
};

static bool seen_grow(struct seen *t) {
    size_t size = 2 * (t->mask + 1);
    uint64_t *slots = mem_try(size * sizeof *slots);
    if (!slots) return false;
    memset(slots, 0, size * sizeof *slots);
    for (size_t i = 0; t->slots && i <= t->mask; i++) {
        if (t->slots[i] == 0) continue;
        size_t at = t->slots[i] >> 32 & (size - 1);
        while (slots[at]) at = (at + 1) & (size - 1);
        slots[at] = t->slots[i];
    }
    mem_free(t->slots);
    t->slots = slots;
    t->mask = size - 1;
    return true;
}

/* False if the entry's text was there already, or there is no memory. */
static bool seen_add(struct seen *t, const uint8_t *lp, size_t at) {
    if (2 * t->used >= t->mask && !seen_grow(t)) return false;
    char digits[LP_INT_TEXT_BYTES];
    struct lp_value v = lp_get(lp, at);
    struct slice s = lp_text(&v, digits);
    uint64_t hash = hash_bytes(s.p, s.n) >> 32;
    for (size_t i = hash & t->mask;; i = (i + 1) & t->mask) {
        uint64_t slot = t->slots[i];
        if (slot == 0) {
            t->slots[i] = hash << 32 | at;
            t->used++;
            return true;
        }
        if (slot >> 32 == hash && lp_equals(lp, (uint32_t)slot, s)) return false;
    }
}

/* The entry `steps` behind, or LP_NONE. */
static size_t leap(const uint8_t *lp, size_t at, unsigned steps) {
    for (; at && steps; steps--) at = lp_next(lp, at);
    return at;
}

bool lp_unique(const uint8_t *lp, unsigned step_entries) {
    bool few = lp_count(lp) / step_entries <= UNIQUE_BY_SEARCH_MAX, unique = true;
    struct seen t = {NULL, 31, 0};
    if (!few && !seen_grow(&t)) return false;
    for (size_t at = lp_first(lp); at && unique;) {
        size_t next = leap(lp, at, step_entries);
        if (few) {
            char digits[LP_INT_TEXT_BYTES];
            struct lp_value v = lp_get(lp, at);
            unique = lp_find(lp, next, lp_text(&v, digits), step_entries - 1) == LP_NONE;
        } else {
            unique = seen_add(&t, lp, at);
        }
        at = next;
    }
    mem_free(t.slots);
    return unique;
}
