/* listpack.h - Redis 7's listpack: a sequence of texts and integers in one run of bytes.
 *
 * Layout: u32 total bytes, u16 count (65535: unknown, count by walking), entries, 0xff; all
 * little-endian. An entry is a head, the text if it is one, and the size of both written so
 * that it can be read backwards:
 *
 *     0vvvvvvv                    0 to 127           110vvvvv v           13 bits, signed
 *     10nnnnnn text               up to 63 bytes     f1 f2 f3 f4 + value  16 24 32 64 bits
 *     1110nnnn n text             up to 4095 bytes   f0 + u32 text        longer
 *
 * P1  A text that is a canonical decimal of 64 bits is stored as an integer of the shortest
 *     form; so the same operations in the same order give the bytes that Redis has.
 * P2  Offsets count from the first byte; 0 (LP_NONE) is no entry. An edit invalidates the
 *     offsets behind it, and all pointers.
 * P3  Reads trust the bytes: what comes from outside goes through lp_check first. Reads change
 *     nothing and need no more than the bytes, so any thread can work on a pinned value.
 * P4  An edit that finds no room (lp_buf.h), or would exceed 4 GiB, returns false and has done
 *     nothing. Edits keep b->len equal to the total of the head.
 * Threads: as the bytes' owner says. Cost: lp_count, ends and neighbours are O(1); insertion
 * and deletion move the bytes behind; the rest is linear.
 * Specification: Redis 7.2, antirez/listpack's listpack.md.
 */
#ifndef TYPES_LISTPACK_H
#define TYPES_LISTPACK_H

#include "base/assert.h"
#include "base/bytes.h"
#include "types/lp_buf.h"

#define LP_NONE ((size_t)0)
#define LP_HEAD_BYTES 6  /* the offset of the first entry */
#define LP_EMPTY_BYTES 7 /* a listpack without entries */
#define LP_COUNT_UNKNOWN 65535
#define LP_BYTES_MAX ((size_t)1 << 30) /* what a value may become: see lp_safe_to_add */
#define LP_INT_TEXT_BYTES 21           /* room for lp_text's digits */
#define LP_SHORT_TEXT_BYTES 63         /* of a text whose first byte tells its size */

static inline uint32_t lp_bytes(const uint8_t *lp) {
    uint32_t n;
    memcpy(&n, lp, sizeof n);
    return n;
}

/* The offset just behind the last entry; an insertion there appends. */
static inline size_t lp_end(const uint8_t *lp) { return lp_bytes(lp) - 1; }

static inline bool lp_is_empty(const uint8_t *lp) { return lp_end(lp) == LP_HEAD_BYTES; }

/* Bytes of a whole entry by its first byte; 0 where that does not tell. */
extern const uint8_t lp_entry_bytes[256];

/* How many entries. Linear in them when the head does not know (65535 or more). */
size_t lp_count(const uint8_t *lp);

/* ---- places ---- */

size_t lp_first(const uint8_t *lp);
size_t lp_last(const uint8_t *lp);
/* The neighbours of the entry at `at`, LP_NONE at either end. lp_prev takes lp_end too. */
size_t lp_next(const uint8_t *lp, size_t at);
size_t lp_prev(const uint8_t *lp, size_t at);
/* Just behind the entry: the next one, or lp_end. */
size_t lp_after(const uint8_t *lp, size_t at);

/* The entry of an index, negative ones from the end (-1 is the last); LP_NONE outside. Walks
 * from the nearer end. */
size_t lp_seek(const uint8_t *lp, int64_t index);

/* ---- reading ---- */

/* text.p is NULL for an integer; otherwise it points into the listpack. */
struct lp_value {
    struct slice text;
    int64_t i;
};

struct lp_value lp_get(const uint8_t *lp, size_t at);

/* lp_read for all but short texts. */
size_t lp_read_other(const uint8_t *lp, size_t at, struct lp_value *v);

/* lp_get and lp_after in one:  for (at = LP_HEAD_BYTES; at != end; at = lp_read(lp, at, &v)) */
static inline size_t lp_read(const uint8_t *lp, size_t at, struct lp_value *v) {
    uint8_t tag = lp[at];
    if (likely((tag & 0xc0) == 0x80)) {
        size_t n = tag & LP_SHORT_TEXT_BYTES;
        *v = (struct lp_value){slice_of(lp + at + 1, n), 0};
        return at + n + 2;
    }
    struct lp_value other; /* so that v itself can be in registers */
    at = lp_read_other(lp, at, &other);
    *v = other;
    return at;
}

/* The value as text; the digits of an integer go to buf. */
struct slice lp_text(const struct lp_value *v, char buf[LP_INT_TEXT_BYTES]);

/* Whether the entry's text is s; an integer equals its canonical decimal. */
bool lp_equals(const uint8_t *lp, size_t at, struct slice s);

/* The first entry that equals s among `at`, and then each one after `skip` others (1 for the
 * fields of a hash); LP_NONE if there is none. `at` may be LP_NONE or lp_end. */
size_t lp_find(const uint8_t *lp, size_t at, struct slice s, unsigned skip);

/* ---- elements to be ---- */

/* An element in its encoded form; `bytes` is what it adds to a listpack. The text is borrowed:
 * it has to live until the insertion, outside of the buffer that is edited. */
struct lp_item {
    struct slice text; /* empty for an integer */
    size_t bytes;
    uint8_t head_bytes;
    uint8_t head[9];
};

struct lp_item lp_item_text(struct slice s);
struct lp_item lp_item_i64(int64_t v);

/* Redis' limit: whether `add` more bytes of text keep a listpack (NULL: a new one) below it;
 * if not, the value has to change its encoding, whatever the thresholds say. */
static inline bool lp_safe_to_add(const uint8_t *lp, size_t add) {
    return add <= LP_BYTES_MAX && (lp ? lp_bytes(lp) : 0) + add <= LP_BYTES_MAX;
}

/* ---- editing ---- */

/* Makes b an empty listpack, whatever it held. */
bool lp_init(struct lp_buf *b);

/* Inserts n elements before `at`, which is an entry or lp_end; `at` is then the first of them.
 * To insert behind an entry: lp_after. One move of the bytes behind, whatever n is. */
bool lp_insert(struct lp_buf *b, size_t at, const struct lp_item *items, size_t n);

static inline bool lp_append(struct lp_buf *b, const struct lp_item *items, size_t n) {
    return lp_insert(b, lp_end(b->p), items, n);
}
static inline bool lp_prepend(struct lp_buf *b, const struct lp_item *items, size_t n) {
    return lp_insert(b, LP_HEAD_BYTES, items, n);
}

bool lp_append_text(struct lp_buf *b, struct slice s);
bool lp_append_i64(struct lp_buf *b, int64_t v);

/* Puts the element in the place of the entry at `at`. */
bool lp_replace(struct lp_buf *b, size_t at, const struct lp_item *item);

/* Deletes n entries from `at`, or as many as there are, and returns how many. `at` is then the
 * entry that followed, or lp_end. Deletes in a fixed buffer too; memory stays: lp_buf_trim. */
size_t lp_delete(struct lp_buf *b, size_t at, size_t n);

/* Inserts before `at` the `count` entries that `from` (another listpack) has between the
 * offsets first and last (an entry, or lp_end), as they are. */
struct lp_run {
    const uint8_t *from;
    size_t first, last;
    size_t count;
};
bool lp_insert_run(struct lp_buf *b, size_t at, const struct lp_run *run);

/* Edits at the front that move nothing but the head: the listpack begins elsewhere afterwards, at
 * the address that is returned. An element more, for which there must be item->bytes of room
 * before lp; or without the `count` entries before the offset `at`. */
uint8_t *lp_grow_front(uint8_t *lp, const struct lp_item *item);
uint8_t *lp_cut_front(uint8_t *lp, size_t at, size_t count);

/* Writes what is around the entries that so many bytes hold: head and end. */
void lp_frame(uint8_t *lp, size_t bytes, size_t count);

/* Appends all entries of another listpack. */
bool lp_merge(struct lp_buf *b, const uint8_t *other);

/* ---- bytes from outside ---- */

/* Whether n bytes are a listpack on which everything above is safe: sizes, heads, sizes read
 * backwards, end and count, and a number of entries that `group` divides (1: any; 2: pairs).
 * Linear. */
bool lp_check(const void *p, size_t n, unsigned group);

/* Whether the entries 0, step, 2 * step .. of a checked listpack all differ. False as well when
 * there is no memory to find out: 32 bytes an entry, or half, if they are many. Linear; hash.h has
 * to be initialised. */
bool lp_unique(const uint8_t *lp, unsigned step);

#endif
