/* zipmap.c - see zipmap.h. */
#include "types/zipmap.h"

#include "types/listpack.h"

#include <assert.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values are copied as they lie");

enum {
    SIZE_LONG = 0xfe,
    TAG_END = 0xff,
    COUNT_UNKNOWN = 254,
};

/* What is left to read, without the end. */
struct input {
    const uint8_t *p;
    size_t left;
};

static bool take_bytes(struct input *in, size_t n, struct slice *out) {
    if (in->left < n) return false;
    *out = slice_of(in->p, n);
    in->p += n;
    in->left -= n;
    return true;
}

static bool take_size(struct input *in, size_t *n) {
    struct slice s;
    uint32_t v;
    if (!take_bytes(in, 1, &s)) return false;
    *n = (uint8_t)*s.p;
    if (*n < SIZE_LONG) return true;
    if (*n == TAG_END || !take_bytes(in, sizeof v, &s)) return false;
    memcpy(&v, s.p, sizeof v);
    *n = v;
    return v >= SIZE_LONG; /* Redis refuses the long form of a short size as well */
}

static bool take_pair(struct input *in, struct slice *field, struct slice *value) {
    size_t n;
    struct slice unused;
    if (!take_size(in, &n) || !take_bytes(in, n, field)) return false;
    if (!take_size(in, &n) || !take_bytes(in, 1, &unused)) return false;
    size_t unused_bytes = (uint8_t)*unused.p;
    return take_bytes(in, n, value) && take_bytes(in, unused_bytes, &unused);
}

bool zipmap_to_listpack(const void *bytes, size_t n, struct lp_buf *out) {
    const uint8_t *map = bytes;
    if (n < 2 || map[n - 1] != TAG_END || !lp_init(out)) return false;
    struct input in = {map + 1, n - 2};
    size_t count = 0;
    /* As in Redis, an end that comes too early is one, and what follows is ignored. */
    for (; in.left && *in.p != TAG_END; count++) {
        struct slice field, value;
        if (!take_pair(&in, &field, &value)) return false;
        struct lp_item items[2] = {lp_item_text(field), lp_item_text(value)};
        if (!lp_append(out, items, 2)) return false;
    }
    return map[0] == COUNT_UNKNOWN || map[0] == count;
}
