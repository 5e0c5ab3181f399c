/* zset_test.c - sorted sets in either form against a sorted array. */
#include "types/zset_edit.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"
#include "support/suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MODEL_MAX = 4000, MEMBER_MAX = 80 };

struct row {
    double score;
    size_t n;
    char bytes[MEMBER_MAX];
};

static struct random rng;
static struct row model[MODEL_MAX];
static size_t count;
static struct zset_edit edit;
static uint8_t room[256];

static struct slice member_of(const struct row *r) { return slice_of(r->bytes, r->n); }

static int compare(const void *a, const void *b) {
    const struct row *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? -1 : 1;
    return slice_cmp(member_of(x), member_of(y));
}

static double any_score(void) {
    static const double odd[] = {0.0,  INFINITY, -INFINITY, 5e-324,
                                 -1.5, 1e300,    0.1,       4503599627370497};
    uint64_t pick = random_next_below(&rng, 40);
    return pick < 8 ? odd[pick] : (double)pick - 20;
}

static struct row any_row(unsigned names) {
    struct row r = {.score = any_score()};
    unsigned name = (unsigned)random_next_below(&rng, names);
    const char *form = name % 3 == 0 ? "%u" : name % 3 == 1 ? "member:%u" : "%070u";
    r.n = (size_t)snprintf(r.bytes, sizeof r.bytes, form, name);
    return r;
}

static size_t model_find(struct slice member) {
    size_t i = 0;
    while (i < count && !slice_eq(member_of(&model[i]), member)) i++;
    return i;
}

static void model_sort(void) { qsort(model, count, sizeof *model, compare); }

static void put(const struct row *r) {
    struct zset_place place;
    zset_edit_find(&edit, member_of(r), &place);
    size_t i = model_find(member_of(r));
    CU_ASSERT_EQUAL(place.found, i < count);
    if (place.found) {
        CU_ASSERT_EQUAL(place.score, model[i].score);
        model[i].score = r->score;
    } else {
        model[count++] = *r;
    }
    zset_edit_put(&edit, &place, member_of(r), r->score);
    model_sort();
}

static void take(const struct row *r) {
    struct zset_place place;
    zset_edit_find(&edit, member_of(r), &place);
    size_t i = model_find(member_of(r));
    CU_ASSERT_EQUAL(place.found, i < count);
    if (!place.found) return;
    zset_edit_remove(&edit, &place, member_of(r));
    memmove(&model[i], &model[i + 1], (--count - i) * sizeof *model);
}

static void cut(size_t from, size_t to) {
    zset_edit_cut(&edit, from, to);
    memmove(&model[from], &model[to], (count - to) * sizeof *model);
    count -= to - from;
}

static void check_walk(struct zset_view v, size_t from, bool down) {
    struct zset_iter it;
    struct zset_item item;
    size_t seen = 0, left = count ? (down ? from + 1 : count - from) : 0;
    zset_iter_start(&it, v, from, down);
    while (zset_iter_next(&it, &item)) {
        const struct row *r = &model[down ? from - seen : from + seen];
        if (++seen > left) break;
        CU_ASSERT(slice_eq(item.member, member_of(r)) && item.score == r->score);
    }
    CU_ASSERT_EQUAL(seen, left);
}

static void count_visit(void *ctx, struct slice member, double score) {
    size_t i = model_find(member);
    CU_ASSERT(i < count && model[i].score == score);
    ++*(size_t *)ctx;
}

static void check(struct zset_view v) {
    CU_ASSERT_EQUAL(zset_count(v), count);
    check_walk(v, count ? random_next_below(&rng, count) : 0, random_next_below(&rng, 2));
    double bound = any_score(), score;
    uint64_t below = 0, upto = 0, rank;
    for (size_t i = 0; i < count; i++) {
        below += model[i].score < bound;
        upto += model[i].score <= bound;
    }
    CU_ASSERT_EQUAL(zset_below(v, bound, false), below);
    CU_ASSERT_EQUAL(zset_below(v, bound, true), upto);
    struct row r = any_row(500);
    size_t i = model_find(member_of(&r));
    CU_ASSERT_EQUAL(zset_rank(v, member_of(&r), &rank, &score), i < count);
    if (i < count) CU_ASSERT(rank == i && score == model[i].score);
    size_t seen = 0;
    uint64_t cursor = 0;
    do cursor = zset_scan(v, cursor, 10, count_visit, &seen);
    while (cursor);
    CU_ASSERT_EQUAL(seen, count);
}

static void begin(int64_t entries) {
    count = 0;
    zset_edit_new(&edit, (struct zset_limits){entries, 64}, room, sizeof room);
}

static void change_randomly(int64_t entries, unsigned names, unsigned steps) {
    begin(entries);
    for (unsigned i = 0; i < steps; i++) {
        struct row r = any_row(names);
        if (random_next_below(&rng, 3)) {
            put(&r);
        } else {
            take(&r);
        }
        if (count && random_next_below(&rng, 100) == 0) {
            size_t from = random_next_below(&rng, count);
            cut(from, from + random_next_below(&rng, (count - from) / 4 + 1));
        }
        if (i % 16 == 0) check(zset_edit_view(&edit));
    }
    CU_ASSERT_EQUAL(edit.value != NULL, edit.value_is_new);
}

static void test_packed(void) {
    change_randomly(100000, 40, 3000);
    zset_edit_drop(&edit);
    begin(10);
    for (unsigned i = 0; i < 10; i++) {
        struct row r = {.score = i, .n = 1, .bytes = {(char)('a' + i)}};
        put(&r);
    }
    CU_ASSERT_PTR_NULL(edit.value);
    struct row r = {.score = 3, .n = 1, .bytes = {'z'}};
    put(&r);
    CU_ASSERT_PTR_NOT_NULL(edit.value);
    check(zset_edit_view(&edit));
    zset_edit_drop(&edit);
}

static void test_large(void) {
    change_randomly(0, 500, 6000);
    struct zset_value *copy = zset_value_copy(edit.value);
    check((struct zset_view){NULL, copy});
    CU_ASSERT(zset_value_memory(copy) >= zset_value_count(copy) * 40);
    zset_value_free(copy);
    cut(0, count);
    check(zset_edit_view(&edit));
    zset_edit_drop(&edit);
}

static void test_existing(void) {
    begin(100);
    for (unsigned i = 0; i < 20; i++) put(&(struct row){i, 1, {(char)('a' + i)}});
    uint8_t bytes[1000];
    size_t n = edit.buf.len;
    memcpy(bytes, edit.buf.p, n);
    zset_edit_drop(&edit);
    struct zset_limits limits = {100, 64};
    zset_edit_open(&edit, limits, (struct zset_view){bytes, NULL}, room, sizeof room);
    take(&(struct row){0, 1, {'?'}});
    CU_ASSERT_FALSE(edit.changed);
    CU_ASSERT_PTR_EQUAL(edit.buf.p, bytes);
    uint8_t before[1000];
    memcpy(before, bytes, n);
    put(&(struct row){5.5, 1, {'c'}});
    CU_ASSERT_TRUE(edit.changed);
    CU_ASSERT_EQUAL(memcmp(bytes, before, n), 0);
    check(zset_edit_view(&edit));
    zset_edit_drop(&edit);
}

static void test_gathered(void) {
    for (unsigned members = 5; members <= 3000; members *= 5) {
        begin(128);
        struct zset_value *z = zset_value_new();
        for (unsigned i = 0; i < members; i++) {
            struct row r = {.score = any_score()};
            bool added;
            r.n = (size_t)snprintf(r.bytes, sizeof r.bytes, "m%u", i * 7919 % members);
            zset_value_gather(z, member_of(&r), r.score, &added);
            CU_ASSERT_EQUAL(added, model_find(member_of(&r)) == count);
            if (added) model[count++] = r;
        }
        model_sort();
        zset_edit_take(&edit, z, 6);
        CU_ASSERT_EQUAL(edit.value != NULL, count > 128);
        check(zset_edit_view(&edit));
        zset_edit_drop(&edit);
    }
}

/* Members that came before the slab and after it leave in either order. */
static void test_many(void) {
    size_t used = mem_used();
    struct zset_value *z = zset_value_new();
    char name[MEMBER_MAX];
    for (unsigned i = 0; i < 3 * MEMBER_HEAP_SLAB_MIN; i++) {
        int n = snprintf(name, sizeof name, i % 50 ? "m%u" : "m%070u", i);
        zset_value_add(z, slice_of(name, (size_t)n), hash_bytes(name, (size_t)n), i % 977);
    }
    for (unsigned i = 0; i < 3 * MEMBER_HEAP_SLAB_MIN; i += 3) {
        int n = snprintf(name, sizeof name, i % 50 ? "m%u" : "m%070u", i);
        CU_ASSERT(zset_value_remove(z, slice_of(name, (size_t)n), hash_bytes(name, (size_t)n)));
        CU_ASSERT(!zset_value_remove(z, slice_of(name, (size_t)n), hash_bytes(name, (size_t)n)));
    }
    CU_ASSERT_EQUAL(zset_value_count(z), 2 * MEMBER_HEAP_SLAB_MIN);
    CU_ASSERT(zset_value_free_cost(z) > 0);
    zset_value_free(z);
    CU_ASSERT(mem_used() <= used + (1 << 20));
}

int main(void) {
    hash_init(1);
    random_seed(&rng, 5);
    static const struct suite_test tests[] = {
        {"packed", test_packed},     {"large", test_large}, {"existing", test_existing},
        {"gathered", test_gathered}, {"many", test_many},   {NULL, NULL}};
    return suite_main("zset", tests);
}
