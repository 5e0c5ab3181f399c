/* hash_packed.c - see hash_packed.h. */
#include "types/hash_packed.h"

/* What an entry of an integer takes at most. */
#define TIME_BYTES_MAX 10

/* The entry of the time, from that of the field. */
static size_t time_at(const uint8_t *lp, size_t at) { return lp_after(lp, lp_after(lp, at)); }

static size_t triple_end(const uint8_t *lp, size_t at) { return lp_after(lp, time_at(lp, at)); }

int64_t hash_packed_time(const uint8_t *lp, bool triples, size_t at) {
    int64_t ms = triples ? lp_get(lp, time_at(lp, at)).i : 0;
    return ms ? ms : HASH_NO_TIME;
}

int64_t hash_packed_next_ms(const uint8_t *lp) {
    if (lp_is_empty(lp)) return INT64_MAX;
    int64_t ms = hash_packed_time(lp, true, LP_HEAD_BYTES);
    return ms == HASH_NO_TIME ? INT64_MAX : ms + 1;
}

size_t hash_packed_past(const uint8_t *lp, int64_t now_ms) {
    size_t n = 0, end = lp_end(lp);
    for (size_t at = LP_HEAD_BYTES; at != end; at = triple_end(lp, at), n++) {
        int64_t ms = hash_packed_time(lp, true, at);
        if (ms == HASH_NO_TIME || ms >= now_ms) break;
    }
    return n;
}

/* ---- order --------------------------------------------------------------------------- */

/* Where a triple with the time belongs among the others than the one at `but`. */
static size_t place_of(const uint8_t *lp, int64_t time_ms, size_t but) {
    size_t end = lp_end(lp), at = LP_HEAD_BYTES;
    if (time_ms == HASH_NO_TIME) return end;
    for (; at != end; at = triple_end(lp, at)) {
        if (at == but) continue;
        int64_t ms = hash_packed_time(lp, true, at);
        if (ms == HASH_NO_TIME || ms >= time_ms) break;
    }
    return at;
}

size_t hash_packed_place(const uint8_t *lp, int64_t time_ms) {
    return place_of(lp, time_ms, LP_NONE);
}

static void reverse(uint8_t *from, uint8_t *to) {
    while (from < --to) {
        uint8_t byte = *from;
        *from++ = *to;
        *to = byte;
    }
}

/* Makes the bytes from `middle` to `end` precede those from `from` to `middle`. */
static void rotate(uint8_t *from, uint8_t *middle, uint8_t *end) {
    reverse(from, middle);
    reverse(middle, end);
    reverse(from, end);
}

bool hash_packed_set_time(struct lp_buf *b, size_t at, int64_t time_ms) {
    struct lp_item item = lp_item_i64(time_ms == HASH_NO_TIME ? 0 : time_ms);
    if (!lp_replace(b, time_at(b->p, at), &item)) return false;
    size_t end = triple_end(b->p, at), to = place_of(b->p, time_ms, at);
    if (to < at) {
        rotate(b->p + to, b->p + at, b->p + end);
    } else if (to > end) {
        rotate(b->p + at, b->p + end, b->p + to);
    }
    return true;
}

/* ---- edits --------------------------------------------------------------------------- */

static bool add(struct lp_buf *b, bool triples, struct slice field, const struct lp_item *value,
                int64_t time_ms) {
    struct lp_item items[3] = {lp_item_text(field), *value};
    if (!triples) return lp_append(b, items, 2);
    items[2] = lp_item_i64(time_ms == HASH_NO_TIME ? 0 : time_ms);
    return lp_insert(b, hash_packed_place(b->p, time_ms), items, 3);
}

bool hash_packed_set(struct lp_buf *b, bool triples, struct slice field, struct slice value,
                     int64_t time_ms, bool *added) {
    struct lp_item item = lp_item_text(value);
    size_t at = hash_packed_find(b->p, triples, field);
    *added = at == LP_NONE;
    if (*added) return add(b, triples, field, &item, time_ms < 0 ? HASH_NO_TIME : time_ms);
    if (!triples) return lp_replace(b, lp_after(b->p, at), &item);
    /* Room first, since the second of the two must not fail. */
    if (!lp_buf_room(b, b->len + item.bytes + TIME_BYTES_MAX)) return false;
    if (!lp_replace(b, lp_after(b->p, at), &item)) return false;
    bool keeps = time_ms == HASH_KEEP_TIME ||
                 (time_ms == HASH_NO_TIME && hash_packed_time(b->p, true, at) == HASH_NO_TIME);
    return keeps || hash_packed_set_time(b, at, time_ms);
}

void hash_packed_delete(struct lp_buf *b, bool triples, size_t at) {
    lp_delete(b, at, hash_packed_step(triples));
}

bool hash_packed_convert(const uint8_t *lp, bool to_triples, struct lp_buf *to) {
    size_t count = hash_packed_count(lp, !to_triples), end = lp_end(lp), next;
    struct lp_item none = lp_item_i64(0);
    if (!lp_buf_room(to, lp_bytes(lp) + (to_triples ? count * none.bytes : 0)) || !lp_init(to))
        return false;
    for (size_t at = LP_HEAD_BYTES; at != end; at = next) {
        size_t pair_end = time_at(lp, at);
        if (!lp_insert_run(to, lp_end(to->p), &(struct lp_run){lp, at, pair_end, 2})) return false;
        if (to_triples && !lp_append(to, &none, 1)) return false;
        next = to_triples ? pair_end : lp_after(lp, pair_end);
    }
    return true;
}

bool hash_packed_times_check(const uint8_t *lp, int64_t end_ms) {
    int64_t last_ms = 1;
    size_t end = lp_end(lp);
    for (size_t at = LP_HEAD_BYTES; at != end; at = triple_end(lp, at)) {
        struct lp_value time = lp_get(lp, time_at(lp, at));
        if (time.text.p || time.i < 0 || time.i >= end_ms) return false;
        if (time.i ? !last_ms || time.i < last_ms : 0) return false;
        last_ms = time.i;
    }
    return true;
}
