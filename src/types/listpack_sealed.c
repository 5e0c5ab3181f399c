/* listpack_sealed.c - see listpack_sealed.h.
 *
 * Sealing is a part of what a push onto a long list costs, so most bodies are copied by 16 bytes,
 * beyond their ends, which the next one then overwrites. What is left of the bodies bounds that:
 * the listpack has more.
 */
#include "types/listpack_sealed.h"

#include "base/mem.h"

enum { STEP_BYTES = 16, ROOM_BYTES = 64 };

/* Copies a body; `roomy`: ROOM_BYTES may be read and written. */
static inline void copy_body(uint8_t *to, const uint8_t *from, size_t n, bool roomy) {
    if (unlikely(!roomy)) {
        memcpy(to, from, n);
        return;
    }
    memcpy(to, from, STEP_BYTES);
    if (n > STEP_BYTES) memcpy(to + STEP_BYTES, from + STEP_BYTES, ROOM_BYTES - STEP_BYTES);
}

/* Backward: the size that is read that way is one load away, that of a tag two. A size beyond a
 * byte, of which the highest bit is set, is no short entry's. */
bool lp_is_sealable(const uint8_t *lp) {
    const uint8_t *first = lp + LP_HEAD_BYTES, *p = lp + lp_end(lp);
    while (p != first) {
        size_t n = p[-1] + (size_t)1;
        if (lp_entry_bytes[*(p - n)] != n) return false;
        p -= n;
    }
    return true;
}

/* The end of a listpack has no size either. Until an entry that cannot be sealed, no more is
 * written than such entries leave room for, as each that follows takes two bytes at least. */
bool lp_seal(uint8_t *restrict to, const uint8_t *restrict lp) {
    size_t count = lp_count(lp), bytes = lp_sealed_bytes(lp_bytes(lp), count);
    const uint8_t *from = lp + LP_HEAD_BYTES;
    uint8_t *tag = to, *body = to + count, *end = to + bytes;
    for (size_t n; (n = lp_entry_bytes[*from]); from += n) {
        *tag++ = *from;
        copy_body(body, from + 1, n - 2, end - body >= ROOM_BYTES);
        body += n - 2;
    }
    return from == lp + lp_end(lp);
}

void lp_unseal(uint8_t *restrict lp, struct lp_sealed s) {
    const uint8_t *tag = s.p, *body = s.p + s.count, *end = s.p + s.bytes;
    uint8_t *to = lp + LP_HEAD_BYTES;
    for (; tag != s.p + s.count; tag++) {
        size_t n = lp_entry_bytes[*tag] - 2u;
        *to = *tag;
        copy_body(to + 1, body, n, end - body >= ROOM_BYTES);
        body += n;
        to += n + 2;
        to[-1] = (uint8_t)(n + 1); /* the size that is read backwards */
    }
    lp_frame(lp, lp_unsealed_bytes(s.bytes, s.count), s.count);
}

struct lp_sealed_place lp_sealed_seek(struct lp_sealed s, size_t index) {
    const uint8_t *tags = s.p, *end = s.p + s.bytes;
    size_t bytes = 0;
    if (index <= s.count / 2) {
        for (size_t i = 0; i < index; i++) bytes += lp_entry_bytes[tags[i]] - 2u;
        return (struct lp_sealed_place){tags + index, tags + s.count + bytes, end};
    }
    for (size_t i = index; i < s.count; i++) bytes += lp_entry_bytes[tags[i]] - 2u;
    return (struct lp_sealed_place){tags + index, end - bytes, end};
}

static uint8_t *put(uint8_t *to, const void *from, size_t n) {
    if (n) memcpy(to, from, n);
    return to + n;
}

struct lp_sealed lp_sealed_splice(struct lp_sealed s, size_t index, size_t cut,
                                  const struct lp_item *item) {
    struct lp_sealed_place at = lp_sealed_seek(s, index), behind = at;
    while (behind.tag != at.tag + cut) lp_sealed_next(&behind);
    size_t add = item ? lp_entry_bytes[item->head[0]] : 0;
    if (item && !add) return (struct lp_sealed){NULL, 0, 0};
    size_t bytes = s.bytes - cut - (size_t)(behind.body - at.body) + (add ? add - 1 : 0);
    uint8_t *p = mem_alloc(lp_buf_heap_bytes(bytes)), *to = put(p, s.p, index);
    if (item) to = put(to, item->head, 1);
    const uint8_t *bodies = s.p + s.count, *end = s.p + s.bytes;
    to = put(to, behind.tag, (size_t)(bodies - behind.tag));
    to = put(to, bodies, (size_t)(at.body - bodies));
    if (item) to = put(to, item->head + 1, item->head_bytes - 1u);
    if (item) to = put(to, item->text.p, item->text.n);
    put(to, behind.body, (size_t)(end - behind.body));
    return (struct lp_sealed){p, bytes, s.count - cut + !!item};
}
