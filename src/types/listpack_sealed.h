/* listpack_sealed.h - a listpack that is only read, a byte less for each entry.
 *
 * Layout: the first byte of every entry, its tag (listpack.h), in order; then what follows it in
 * the entry but for the size that is read backwards, in the same order. Neither a head nor an end:
 * the owner keeps bytes and count.
 *
 *     tags    81 05 c1 82          "a", 5, 300, "bc"
 *     bodies  61 -  2c 62 63
 *
 * S1  Every tag tells the size of its entry (lp_entry_bytes), so that one can walk both ways and
 *     seeks by adding up tags. Entries beyond 63 bytes of text have no such tag, and there a byte
 *     is little: listpacks with one are not sealed.
 * S2  Sealing loses nothing: unsealed, it is the same bytes as before.
 * Reads change nothing, and trust the bytes. Threads: as the bytes' owner says. Cost: a step O(1),
 * the rest linear.
 * To change one: lp_sealed_splice; or unseal, edit, seal.
 */
#ifndef TYPES_LISTPACK_SEALED_H
#define TYPES_LISTPACK_SEALED_H

#include "base/assert.h"
#include "types/listpack.h"

struct lp_sealed {
    const uint8_t *p;
    size_t bytes, count;
};

/* The size of a listpack that can be sealed, sealed and as it was. */
static inline size_t lp_sealed_bytes(size_t lp_bytes, size_t count) {
    return lp_bytes - LP_EMPTY_BYTES - count;
}
static inline size_t lp_unsealed_bytes(size_t sealed_bytes, size_t count) {
    return sealed_bytes + LP_EMPTY_BYTES + count;
}

/* Whether a text of n bytes may be in a sealed one. */
static inline bool lp_may_seal(size_t n) { return n <= LP_SHORT_TEXT_BYTES; }

/* Whether a listpack can be sealed. */
bool lp_is_sealable(const uint8_t *lp);

/* Seals a listpack into lp_sealed_bytes; false if it cannot be, the bytes then being void. */
bool lp_seal(uint8_t *to, const uint8_t *lp);

/* Makes the listpack, in lp_unsealed_bytes. */
void lp_unseal(uint8_t *lp, struct lp_sealed from);

/* One with the item, or nothing if it is NULL, in the place of `cut` entries from an index on: a
 * new block with the size of lp_buf_heap_bytes, the caller's. Its p is NULL if the item cannot be
 * sealed.
 */
struct lp_sealed lp_sealed_splice(struct lp_sealed s, size_t index, size_t cut,
                                  const struct lp_item *item);

/* ---- reading ---- */

/* Between two entries: where the tag and the body of the next one are, and where the last one
 * ends. */
struct lp_sealed_place {
    const uint8_t *tag, *body, *end;
};

/* The place before the entry of an index; behind the last one for the count. From the nearer end.
 */
struct lp_sealed_place lp_sealed_seek(struct lp_sealed s, size_t index);

static inline bool lp_sealed_is_text(uint8_t tag) { return (tag & 0xc0) == 0x80; }

static inline struct lp_value lp_sealed_value(uint8_t tag, const uint8_t *body, size_t n) {
    if (lp_sealed_is_text(tag)) return (struct lp_value){slice_of(body, n), 0};
    uint8_t entry[LP_SHORT_TEXT_BYTES + 1] = {tag};
    memcpy(entry + 1, body, n);
    return lp_get(entry, 0);
}

/* Reads the entry behind the place, or before it, and steps over it. */
static inline struct lp_value lp_sealed_next(struct lp_sealed_place *place) {
    const uint8_t *body = place->body;
    uint8_t tag = *place->tag++;
    size_t n =
        likely(lp_sealed_is_text(tag)) ? tag & LP_SHORT_TEXT_BYTES : lp_entry_bytes[tag] - 2u;
    place->body += n;
    return lp_sealed_value(tag, body, n);
}
static inline struct lp_value lp_sealed_prev(struct lp_sealed_place *place) {
    uint8_t tag = *--place->tag;
    size_t n = lp_entry_bytes[tag] - 2u;
    place->body -= n;
    return lp_sealed_value(tag, place->body, n);
}

#endif
