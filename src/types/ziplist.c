/* ziplist.c - see ziplist.h. */
#include "types/ziplist.h"

#include "types/listpack.h"

#include <assert.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values are copied as they lie");

enum {
    HEAD_BYTES = 10,
    TAG_INT16 = 0xc0,
    TAG_INT32 = 0xd0,
    TAG_INT64 = 0xe0,
    TAG_INT24 = 0xf0,
    TAG_SMALL_FIRST = 0xf1,
    TAG_SMALL_LAST = 0xfd,
    TAG_INT8 = 0xfe,
    TAG_END = 0xff,
    BEFORE_LONG = 0xfe,
};

struct entry {
    size_t before; /* bytes of the entry before, as this one has it */
    struct lp_value value;
};

static inline uint32_t load32(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* The bytes of an integer by its tag; none for a tag of no meaning. */
static size_t int_bytes(uint8_t tag) {
    switch (tag) {
    case TAG_INT8: return 1;
    case TAG_INT16: return 2;
    case TAG_INT24: return 3;
    case TAG_INT32: return 4;
    case TAG_INT64: return 8;
    default: return 0;
    }
}

/* The bytes left before the end are `left` in what follows; each of these returns how many it
 * has read, 0 if something is wrong. */

static size_t read_before(const uint8_t *p, size_t left, size_t *before) {
    if (left < 1) return 0;
    if (*p < BEFORE_LONG) {
        *before = *p;
        return 1;
    }
    if (left < 5) return 0;
    *before = load32(p + 1);
    return 5;
}

static size_t read_text(const uint8_t *p, size_t left, struct slice *text) {
    static const uint8_t head_bytes[3] = {1, 2, 5};
    size_t head = head_bytes[*p >> 6], n;
    if (left < head) return 0;
    if (head == 1) {
        n = *p & 0x3f;
    } else if (head == 2) {
        n = (*p & 0x3fu) << 8 | p[1];
    } else {
        n = __builtin_bswap32(load32(p + 1));
    }
    if (left - head < n) return 0;
    *text = slice_of(p + head, n);
    return head + n;
}

static size_t read_int(const uint8_t *p, size_t left, int64_t *i) {
    if (*p >= TAG_SMALL_FIRST && *p <= TAG_SMALL_LAST) {
        *i = *p - TAG_SMALL_FIRST;
        return 1;
    }
    size_t n = int_bytes(*p);
    if (n == 0 || left - 1 < n) return 0;
    uint64_t bits = 0;
    memcpy(&bits, p + 1, n);
    unsigned unused = 64 - 8 * (unsigned)n;
    *i = (int64_t)(bits << unused) >> unused;
    return 1 + n;
}

static size_t read_entry(const uint8_t *p, size_t left, struct entry *e) {
    size_t head = read_before(p, left, &e->before);
    if (head == 0 || head == left) return 0;
    e->value = (struct lp_value){{NULL, 0}, 0};
    size_t body = p[head] < TAG_INT16 ? read_text(p + head, left - head, &e->value.text)
                                      : read_int(p + head, left - head, &e->value.i);
    return body ? head + body : 0;
}

bool ziplist_to_listpack(const void *bytes, size_t n, struct lp_buf *out) {
    const uint8_t *zl = bytes;
    if (n < HEAD_BYTES + 1 || load32(zl) != n || zl[n - 1] != TAG_END) return false;
    size_t end = n - 1, last = load32(zl + 4), at = HEAD_BYTES, before = 0, count = 0;
    size_t said = zl[8] | (size_t)zl[9] << 8;
    if (last > end || !lp_init(out)) return false;
    for (; at != end; count++) {
        struct entry e;
        size_t taken = read_entry(zl + at, end - at, &e);
        if (taken == 0 || zl[at] == TAG_END || e.before != before) return false;
        bool added =
            e.value.text.p ? lp_append_text(out, e.value.text) : lp_append_i64(out, e.value.i);
        if (!added) return false;
        before = taken;
        at += taken;
    }
    /* An empty one may say anything of its last entry. */
    return (count == 0 || last == end - before) && (said == UINT16_MAX || said == count);
}
