/* zset.c - see zset.h. */
#include "types/zset.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"

#define LONG_MEMBER 63
#define HEAD_IN_SLAB 1

/* ---- blobs ---- */

static struct slice key_of_item(const void *item) { return zset_blob_member(item); }
static const struct table_ops member_ops = {.key = key_of_item};
static const struct rank_ops order_ops = {key_of_item};

static size_t blob_bytes(size_t member_bytes) {
    return 1 + (member_bytes >= LONG_MEMBER ? 4 : 0) + sizeof(double) + member_bytes;
}

static void *blob_new(struct zset_value *z, struct slice member, double score) {
    bool in_slab;
    uint8_t *blob = member_alloc(&z->heap, blob_bytes(member.n), &in_slab);
    uint8_t *p = blob + 1;
    bool is_long = member.n >= LONG_MEMBER;
    blob[0] = (uint8_t)((is_long ? LONG_MEMBER : member.n) << 2) | (in_slab ? HEAD_IN_SLAB : 0);
    if (is_long) {
        uint32_t n = (uint32_t)member.n;
        memcpy(p, &n, sizeof n);
        p += sizeof n;
    }
    memcpy(p, &score, sizeof score);
    if (member.n) memcpy(p + sizeof score, member.p, member.n);
    return blob;
}

static void blob_free(struct zset_value *z, void *blob) {
    size_t n = blob_bytes(zset_blob_member(blob).n);
    member_free(&z->heap, blob, n, *(uint8_t *)blob & HEAD_IN_SLAB);
}

/* ---- the large form ---- */

struct zset_value *zset_value_new(void) {
    struct zset_value *z = mem_alloc(sizeof *z);
    table_init(&z->members, &member_ops, NULL);
    rank_tree_init(&z->order);
    member_heap_init(&z->heap);
    return z;
}

static void free_loose(void *ctx, void *item) {
    if (!(*(uint8_t *)item & HEAD_IN_SLAB)) blob_free(ctx, item);
}

static void leave_blob(void *ctx, void *blob) {
    (void)ctx;
    (void)blob;
}

void zset_value_free(struct zset_value *z) {
    if (z->heap.loose_bytes) table_each(&z->members, free_loose, z);
    rank_tree_free_some(&z->order, SIZE_MAX, (struct rank_gone){leave_blob, NULL});
    table_fini(&z->members);
    member_heap_fini(&z->heap);
    mem_free(z);
}

size_t zset_value_free_cost(const struct zset_value *z) {
    return z->order.tree.nodes + 2 * z->members.segs + (z->heap.loose_bytes ? z->heap.count : 0);
}

size_t zset_value_memory(const struct zset_value *z) {
    return sizeof *z + z->members.bytes + rank_tree_bytes(&z->order) + member_heap_bytes(&z->heap) +
           count_tree_still_bytes(&z->order.tree);
}

/* ---- stills ---- */

struct zset_value *zset_value_still(struct zset_value *z) {
    struct zset_value *still = mem_calloc(sizeof *still);
    ASSERT(zset_value_count(z) == z->members.count);
    count_tree_still(&z->order.tree, &still->order.tree);
    member_heap_hold(&z->heap);
    return still;
}

void zset_value_still_end(struct zset_value *z, struct zset_value *still) {
    count_tree_still_end(&z->order.tree);
    member_heap_release(&z->heap);
    mem_free(still);
}

size_t zset_value_still_bytes(const struct zset_value *z) {
    return count_tree_still_bytes(&z->order.tree) + member_heap_held_bytes(&z->heap);
}

struct member_visit {
    void (*visit)(void *ctx, struct slice member, double score);
    void *ctx;
};

static bool visit_leaf(void *ctx, const struct count_node *leaf) {
    const struct member_visit *v = ctx;
    struct rank_cursor c = {leaf, 0};
    for (; c.slot < leaf->n; c.slot++) __builtin_prefetch(rank_cursor_blob(c));
    while (c.slot--) v->visit(v->ctx, zset_blob_member(rank_cursor_blob(c)), rank_cursor_score(c));
    return true;
}

void zset_value_each_down(const struct zset_value *z,
                          void (*visit)(void *ctx, struct slice member, double score), void *ctx) {
    struct member_visit v = {visit, ctx};
    count_tree_each_leaf(&z->order.tree, true, visit_leaf, &v);
}

/* ---- changing ---- */

struct zset_value *zset_value_copy(const struct zset_value *z) {
    struct zset_value *copy = zset_value_new();
    for (struct rank_cursor c = rank_tree_at(&z->order, 0); rank_cursor_valid(c);
         rank_cursor_next(&c)) {
        struct slice member = zset_blob_member(rank_cursor_blob(c));
        zset_value_push(copy, RANK_LAST, member, rank_cursor_score(c));
    }
    return copy;
}

void *zset_value_find(const struct zset_value *z, struct slice member, uint64_t hash) {
    struct table_place place;
    return table_find(&z->members, &member_ops, member, hash, &place);
}

void zset_value_add(struct zset_value *z, struct slice member, uint64_t hash, double score) {
    void *blob = blob_new(z, member, score);
    table_insert(&z->members, hash, blob);
    rank_tree_insert(&z->order, &order_ops, score, blob);
}

void zset_value_push(struct zset_value *z, enum rank_end end, struct slice member, double score) {
    void *blob = blob_new(z, member, score);
    table_insert(&z->members, hash_bytes(member.p, member.n), blob);
    rank_tree_push(&z->order, end, score, blob);
}

void zset_value_move(struct zset_value *z, void *blob, double score) {
    rank_tree_move(&z->order, &order_ops, zset_blob_score(blob), zset_blob_member(blob), score);
    zset_value_rescore(blob, score);
}

bool zset_value_remove(struct zset_value *z, struct slice member, uint64_t hash) {
    struct table_place place;
    void *blob = table_find(&z->members, &member_ops, member, hash, &place);
    if (!blob) return false;
    void *row = rank_tree_remove(&z->order, &order_ops, zset_blob_score(blob), member);
    ASSERT(row == blob);
    table_remove(&z->members, hash, place);
    blob_free(z, blob);
    return true;
}

static void drop_blob(void *ctx, void *blob) {
    struct zset_value *z = ctx;
    struct slice member = zset_blob_member(blob);
    uint64_t hash = hash_bytes(member.p, member.n);
    struct table_place place;
    void *found = table_find(&z->members, &member_ops, member, hash, &place);
    ASSERT(found == blob);
    table_remove(&z->members, hash, place);
    blob_free(z, blob);
}

void zset_value_cut(struct zset_value *z, uint64_t from, uint64_t to) {
    rank_tree_cut(&z->order, from, to, (struct rank_gone){drop_blob, z});
}

void *zset_value_gather(struct zset_value *z, struct slice member, double score, bool *added) {
    uint64_t hash = hash_bytes(member.p, member.n);
    void *blob = zset_value_find(z, member, hash);
    *added = !blob;
    if (blob) return blob;
    blob = blob_new(z, member, score);
    table_insert(&z->members, hash, blob);
    return blob;
}

struct sort_row {
    double score;
    void *blob;
};

struct sort_rows {
    struct sort_row *row;
    size_t n;
};

static void list_row(void *ctx, void *item) {
    struct sort_rows *rows = ctx;
    rows->row[rows->n++] = (struct sort_row){zset_blob_score(item), item};
}

static int compare_rows(const void *a, const void *b) {
    const struct sort_row *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? -1 : 1;
    return slice_cmp(zset_blob_member(x->blob), zset_blob_member(y->blob));
}

void zset_value_sort(struct zset_value *z) {
    struct sort_rows rows = {mem_alloc((z->members.count + 1) * sizeof *rows.row), 0};
    table_each_wanted(&z->members, list_row, &rows);
    qsort(rows.row, rows.n, sizeof *rows.row, compare_rows);
    for (size_t i = 0; i < rows.n; i++) {
        rank_tree_push(&z->order, RANK_LAST, rows.row[i].score, rows.row[i].blob);
    }
    mem_free(rows.row);
}

/* ---- both forms ---- */

static const uint8_t empty_packed[LP_EMPTY_BYTES] = {LP_EMPTY_BYTES, 0, 0, 0, 0, 0, 0xff};
const struct zset_view zset_view_none = {empty_packed, NULL};

double zset_packed_score(const struct lp_value *v) {
    double score = 0;
    if (!v->text.p) return (double)v->i;
    num_parse_double(v->text, &score);
    return score;
}

size_t zset_count(struct zset_view v) {
    return v.packed ? lp_count(v.packed) / 2 : zset_value_count(v.value);
}

bool zset_score(struct zset_view v, struct slice member, double *score) {
    struct lp_value value;
    if (!v.packed) {
        void *blob = zset_value_find(v.value, member, hash_bytes(member.p, member.n));
        if (blob) *score = zset_blob_score(blob);
        return blob;
    }
    size_t at = lp_find(v.packed, lp_first(v.packed), member, 1);
    if (at == LP_NONE) return false;
    lp_read(v.packed, lp_after(v.packed, at), &value);
    *score = zset_packed_score(&value);
    return true;
}

bool zset_rank(struct zset_view v, struct slice member, uint64_t *rank, double *score) {
    if (!v.packed) {
        return zset_score(v, member, score) &&
               rank_tree_rank(&v.value->order, &order_ops, *score, member, rank);
    }
    size_t end = lp_end(v.packed), next;
    struct lp_value value;
    *rank = 0;
    for (size_t at = LP_HEAD_BYTES; at != end; at = lp_after(v.packed, next), ++*rank) {
        next = lp_after(v.packed, at);
        if (!lp_equals(v.packed, at, member)) continue;
        lp_read(v.packed, next, &value);
        *score = zset_packed_score(&value);
        return true;
    }
    return false;
}

uint64_t zset_below(struct zset_view v, double score, bool equal_too) {
    if (!v.packed) return rank_tree_below(&v.value->order, score, equal_too);
    struct lp_value value;
    uint64_t rank = 0;
    for (size_t at = LP_HEAD_BYTES; at != lp_end(v.packed); rank++) {
        at = lp_read(v.packed, lp_after(v.packed, at), &value);
        double s = zset_packed_score(&value);
        if (s > score || (s == score && !equal_too)) break;
    }
    return rank;
}

uint64_t zset_below_member(struct zset_view v, struct slice member, bool equal_too) {
    if (!v.packed) return rank_tree_below_member(&v.value->order, &order_ops, member, equal_too);
    struct lp_value value;
    char digits[LP_INT_TEXT_BYTES];
    uint64_t rank = 0;
    for (size_t at = LP_HEAD_BYTES; at != lp_end(v.packed); rank++) {
        at = lp_after(v.packed, lp_read(v.packed, at, &value));
        int order = slice_cmp(lp_text(&value, digits), member);
        if (order > 0 || (order == 0 && !equal_too)) break;
    }
    return rank;
}

void zset_iter_start(struct zset_iter *it, struct zset_view v, uint64_t rank, bool down) {
    *it = (struct zset_iter){.view = v, .down = down};
    if (!v.packed) {
        it->cursor = rank_tree_at(&v.value->order, rank);
    } else if (rank < zset_count(v)) {
        it->at = lp_seek(v.packed, (int64_t)rank * 2);
    }
}

static bool next_packed(struct zset_iter *it, struct zset_item *item) {
    const uint8_t *lp = it->view.packed;
    struct lp_value value;
    if (it->at == LP_NONE) return false;
    size_t at = lp_read(lp, it->at, &value);
    item->member = lp_text(&value, item->digits);
    at = lp_read(lp, at, &value);
    item->score = zset_packed_score(&value);
    if (it->down) {
        size_t before = lp_prev(lp, it->at);
        it->at = before == LP_NONE ? LP_NONE : lp_prev(lp, before);
    } else {
        it->at = at == lp_end(lp) ? LP_NONE : at;
    }
    return true;
}

bool zset_iter_next(struct zset_iter *it, struct zset_item *item) {
    if (it->view.packed) return next_packed(it, item);
    if (!rank_cursor_valid(it->cursor)) return false;
    item->member = zset_blob_member(rank_cursor_blob(it->cursor));
    item->score = rank_cursor_score(it->cursor);
    if (it->down) {
        rank_cursor_prev(&it->cursor);
    } else {
        rank_cursor_next(&it->cursor);
    }
    return true;
}

struct scan_step {
    void (*visit)(void *ctx, struct slice member, double score);
    void *ctx;
    size_t seen;
};

static void scan_item(void *ctx, void *item) {
    struct scan_step *step = ctx;
    step->visit(step->ctx, zset_blob_member(item), zset_blob_score(item));
    step->seen++;
}

uint64_t zset_scan(struct zset_view v, uint64_t cursor, size_t count,
                   void (*visit)(void *ctx, struct slice member, double score), void *ctx) {
    if (v.packed) {
        struct zset_iter it;
        struct zset_item item;
        zset_iter_start(&it, v, 0, false);
        while (zset_iter_next(&it, &item)) visit(ctx, item.member, item.score);
        return 0;
    }
    struct scan_step step = {visit, ctx, 0};
    size_t buckets_max = count > SIZE_MAX / 10 ? count : count * 10;
    do {
        cursor = table_scan(&v.value->members, cursor, scan_item, &step);
    } while (cursor && step.seen < count && --buckets_max);
    return cursor;
}
