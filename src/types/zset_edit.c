/* zset_edit.c - see zset_edit.h. */
#include "types/zset_edit.h"

#include "base/hash.h"
#include "base/mem.h"

/* A whole number of so many bits is an integer in a listpack. */
#define WHOLE_SCORE_MAX 4503599627370496.0

void zset_edit_new(struct zset_edit *e, struct zset_limits limits, void *room, size_t room_bytes) {
    *e = (struct zset_edit){.limits = limits, .room = room, .room_bytes = room_bytes};
    e->buf = lp_buf_spill(room, 0, room_bytes);
    bool made = lp_init(&e->buf);
    ASSERT(made);
}

void zset_edit_open(struct zset_edit *e, struct zset_limits limits, struct zset_view v, void *room,
                    size_t room_bytes) {
    *e = (struct zset_edit){.limits = limits, .room = room, .room_bytes = room_bytes};
    if (v.packed) {
        size_t n = lp_bytes(v.packed);
        e->buf = lp_buf_fixed((void *)v.packed, n, n);
    } else {
        e->value = (struct zset_value *)v.value;
    }
}

/* Before the first change of a listpack: the bytes become the edit's own. */
static void own(struct zset_edit *e) {
    e->changed = true;
    if (e->value || e->buf.kind != LP_BUF_FIXED) return;
    const uint8_t *bytes = e->buf.p;
    size_t n = e->buf.len;
    e->buf = lp_buf_spill(e->room, 0, e->room_bytes);
    bool room = lp_buf_room(&e->buf, n);
    ASSERT(room);
    memcpy(e->buf.p, bytes, n);
    e->buf.len = n;
}

/* ---- passing from form to form ---- */

static void become_large(struct zset_edit *e) {
    struct zset_value *z = zset_value_new();
    struct zset_iter it;
    struct zset_item item;
    zset_iter_start(&it, zset_edit_view(e), 0, false);
    while (zset_iter_next(&it, &item)) {
        zset_value_push(z, RANK_LAST, item.member, item.score);
    }
    lp_buf_free(&e->buf);
    e->value = z;
    e->value_is_new = true;
    e->changed = true;
}

void zset_edit_expect(struct zset_edit *e, size_t count, size_t bytes) {
    bool fits = (int64_t)count <= e->limits.entries && (int64_t)bytes <= e->limits.bytes;
    if (!e->value && !fits) become_large(e);
}

static bool stays_packed(const struct zset_edit *e, struct slice member) {
    return (int64_t)lp_count(e->buf.p) / 2 < e->limits.entries &&
           (int64_t)member.n <= e->limits.bytes && lp_safe_to_add(e->buf.p, member.n);
}

/* ---- listpacks ---- */

static struct lp_item score_item(double score, char text[NUM_DOUBLE_BYTES_MAX]) {
    if (score >= -WHOLE_SCORE_MAX && score <= WHOLE_SCORE_MAX && score == (double)(int64_t)score)
        return lp_item_i64((int64_t)score);
    return lp_item_text(slice_of(text, num_format_double(text, score)));
}

/* The offset at which (score, member) has to stand. */
static size_t packed_place(const uint8_t *lp, double score, struct slice member) {
    size_t end = lp_end(lp), at = LP_HEAD_BYTES;
    struct lp_value value;
    char digits[LP_INT_TEXT_BYTES];
    while (at != end) {
        size_t next = lp_read(lp, lp_after(lp, at), &value);
        double s = zset_packed_score(&value);
        if (s > score) break;
        if (s == score) {
            lp_read(lp, at, &value);
            if (slice_cmp(lp_text(&value, digits), member) > 0) break;
        }
        at = next;
    }
    return at;
}

static void packed_insert(struct zset_edit *e, size_t at, struct slice member, double score) {
    char text[NUM_DOUBLE_BYTES_MAX];
    struct lp_item items[2] = {lp_item_text(member), score_item(score, text)};
    bool done = lp_insert(&e->buf, at, items, 2);
    ASSERT(done);
}

static void packed_put(struct zset_edit *e, const struct zset_place *place, struct slice member,
                       double score) {
    own(e);
    if (place->found) lp_delete(&e->buf, place->at, 2);
    packed_insert(e, packed_place(e->buf.p, score, member), member, score);
}

/* ---- both ---- */

void zset_edit_find(const struct zset_edit *e, struct slice member, struct zset_place *place) {
    *place = (struct zset_place){0};
    if (e->value) {
        place->hash = hash_bytes(member.p, member.n);
        place->blob = zset_value_find(e->value, member, place->hash);
        place->found = place->blob;
        if (place->found) place->score = zset_blob_score(place->blob);
        return;
    }
    const uint8_t *lp = e->buf.p;
    struct lp_value value;
    place->at = lp_find(lp, lp_first(lp), member, 1);
    place->found = place->at != LP_NONE;
    if (!place->found) return;
    lp_read(lp, lp_after(lp, place->at), &value);
    place->score = zset_packed_score(&value);
}

void zset_edit_put(struct zset_edit *e, const struct zset_place *place, struct slice member,
                   double score) {
    if (!e->value && (place->found || stays_packed(e, member))) {
        packed_put(e, place, member, score);
        return;
    }
    e->changed = true;
    if (!e->value) {
        become_large(e);
        zset_value_add(e->value, member, hash_bytes(member.p, member.n), score);
    } else if (place->found) {
        zset_value_move(e->value, place->blob, score);
    } else {
        zset_value_add(e->value, member, place->hash, score);
    }
}

void zset_edit_push(struct zset_edit *e, enum rank_end end, struct slice member, double score) {
    if (!e->value && stays_packed(e, member)) {
        own(e);
        packed_insert(e, end == RANK_FIRST ? LP_HEAD_BYTES : lp_end(e->buf.p), member, score);
        return;
    }
    e->changed = true;
    if (!e->value) become_large(e);
    zset_value_push(e->value, end, member, score);
}

void zset_edit_remove(struct zset_edit *e, const struct zset_place *place, struct slice member) {
    own(e);
    if (e->value) {
        zset_value_remove(e->value, member, place->hash);
    } else {
        lp_delete(&e->buf, place->at, 2);
    }
}

void zset_edit_cut(struct zset_edit *e, uint64_t from, uint64_t to) {
    if (from >= to) return;
    own(e);
    if (e->value) {
        zset_value_cut(e->value, from, to);
    } else {
        lp_delete(&e->buf, lp_seek(e->buf.p, (int64_t)from * 2), (size_t)(to - from) * 2);
    }
}

void zset_edit_take(struct zset_edit *e, struct zset_value *z, size_t bytes_max) {
    zset_value_sort(z);
    e->value = z;
    e->value_is_new = true;
    e->changed = true;
    if ((int64_t)zset_value_count(z) > e->limits.entries || (int64_t)bytes_max > e->limits.bytes)
        return;
    struct zset_iter it;
    struct zset_item item;
    zset_iter_start(&it, zset_edit_view(e), 0, false);
    while (zset_iter_next(&it, &item)) {
        packed_insert(e, lp_end(e->buf.p), item.member, item.score);
    }
    zset_value_free(z);
    e->value = NULL;
    e->value_is_new = false;
}

void zset_edit_drop(struct zset_edit *e) {
    if (e->value && e->value_is_new) zset_value_free(e->value);
    lp_buf_free(&e->buf);
}
