/* dump_zset.c - sorted sets in bytes of RDB. See dump.h.
 *
 * A large one is written from the highest score down, as Redis does it; read in this order, each
 * member goes to the near end of the tree. Any other order is taken too. One that comes in members
 * is large until it is whole, so that a score of -0 stays one unless the set becomes a listpack.
 */
#include <math.h>

#include "base/err.h"
#include "base/hash.h"
#include "core/config.h"
#include "core/dump.h"
#include "types/zset_edit.h"

#define ROOM_BYTES 4096

/* ---- saving ---- */

static enum rdb_type zset_type(const struct entry *e, int version) {
    (void)version;
    return entry_encoding(e) == ENC_OBJECT ? RDB_ZSET : RDB_ZSET_LISTPACK;
}

static void put_member(void *ctx, struct slice member, double score) {
    rdb_put_member(ctx, member, score);
}

static void put_zset(struct rdb_writer *w, const struct entry *e, enum rdb_type as) {
    if (as == RDB_ZSET_LISTPACK) {
        rdb_put_string(w, entry_packed(e));
        return;
    }
    const struct zset_value *z = entry_object(e);
    rdb_put_len(w, zset_value_count(z));
    zset_value_each_down(z, put_member, w);
}

/* ---- loading ---- */

static struct zset_limits limits_of(const struct dump_load *load) {
    return (struct zset_limits){load->config->zset_listpack_entries,
                                load->config->zset_listpack_bytes};
}

static int begin_zset(void *ctx, const struct rdb_value *value) {
    struct dump_load *load = ctx;
    load->value->type = TYPE_ZSET;
    if (value->type == RDB_ZSET || value->type == RDB_ZSET_TEXT) {
        load->value->encoding = ENC_OBJECT;
        load->value->object = zset_value_new();
    }
    return 0;
}

/* Whether all that is there comes behind this member. */
static bool is_lowest(struct zset_view v, struct slice member, double score) {
    struct zset_iter it;
    struct zset_item first;
    zset_iter_start(&it, v, 0, false);
    if (!zset_iter_next(&it, &first)) return true;
    if (score != first.score) return score < first.score;
    return slice_cmp(member, first.member) < 0;
}

static int take_member(void *ctx, struct slice member, double score) {
    struct dump_load *load = ctx;
    struct zset_value *z = load->value->object;
    uint64_t hash = hash_bytes(member.p, member.n);
    if (member.n > UINT32_MAX) return ERR_STRING_LIMIT;
    if (zset_value_find(z, member, hash)) return RDB_CORRUPT;
    if (is_lowest((struct zset_view){NULL, z}, member, score)) {
        zset_value_push(z, RANK_FIRST, member, score);
    } else {
        zset_value_add(z, member, hash, score);
    }
    return 0;
}

/* The set as it was made becomes the value. */
static int take_set(struct dump_load *load, struct zset_edit *edit) {
    const uint8_t *lp = edit->buf.p;
    if (!edit->value) return dump_take_bytes(load, ENC_LISTPACK, slice_of(lp, lp_bytes(lp)));
    load->value->encoding = ENC_OBJECT;
    load->value->object = edit->value;
    edit->value = NULL;
    return 0;
}

static bool packed_score(const struct lp_value *v, double *score) {
    *score = (double)v->i;
    return !v->text.p || (num_parse_double(v->text, score) && !isnan(*score));
}

/* Whether what should be scores is, and members and scores ascend. */
static bool in_order(const uint8_t *lp) {
    struct lp_value value, member;
    struct slice before = {"", 0};
    char digits[2][LP_INT_TEXT_BYTES];
    double score, last = -INFINITY;
    size_t end = lp_end(lp), i = 0;
    for (size_t at = LP_HEAD_BYTES; at != end; i++) {
        at = lp_read(lp, at, &member);
        at = lp_read(lp, at, &value);
        struct slice text = lp_text(&member, digits[i & 1]);
        if (!packed_score(&value, &score) || score < last) return false;
        if (i && score == last && slice_cmp(before, text) >= 0) return false;
        before = text;
        last = score;
    }
    return true;
}

static int take_pairs(struct dump_load *load, const uint8_t *lp) {
    struct zset_edit edit;
    if (!lp || !in_order(lp)) return RDB_CORRUPT;
    if (lp_is_empty(lp)) return RDB_EMPTY;
    zset_edit_open(&edit, limits_of(load), (struct zset_view){lp, NULL}, NULL, 0);
    zset_edit_expect(&edit, lp_count(lp) / 2, 0);
    int err = take_set(load, &edit);
    zset_edit_drop(&edit);
    return err;
}

static int take_packed(void *ctx, enum rdb_form form, struct slice bytes) {
    struct lp_buf own = lp_buf_heap();
    int err = take_pairs(ctx, dump_pairs(form, bytes, &own));
    lp_buf_free(&own);
    return err;
}

/* Makes the large set that was loaded a listpack, if the limits let it be one. */
static int pack(struct dump_load *load, struct zset_value *z) {
    struct zset_edit edit;
    struct zset_iter it;
    struct zset_item item;
    uint8_t room[ROOM_BYTES];
    int err = 0;
    zset_edit_new(&edit, limits_of(load), room, sizeof room);
    zset_iter_start(&it, (struct zset_view){NULL, z}, 0, false);
    while (!edit.value && zset_iter_next(&it, &item)) {
        zset_edit_push(&edit, RANK_LAST, item.member, item.score);
    }
    if (!edit.value) {
        err = take_set(load, &edit);
        if (!err) {
            load->value->object = NULL;
            zset_value_free(z);
        }
    }
    zset_edit_drop(&edit);
    return err;
}

static int end_zset(void *ctx) {
    struct dump_load *load = ctx;
    struct zset_value *z = load->value->object;
    /* A packed form is what it has to be. */
    if (load->value->bytes) return 0;
    bool few = zset_value_count(z) <= (uint64_t)load->config->zset_listpack_entries;
    return few ? pack(load, z) : 0;
}

static const struct rdb_visitor visitor = {
    .begin = begin_zset,
    .member = take_member,
    .packed = take_packed,
    .end = end_zset,
};

const struct dump_type dump_zset = {zset_type, put_zset, &visitor, NULL};
