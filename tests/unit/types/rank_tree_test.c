/* rank_tree_test.c - against a sorted array. Blobs are freed as soon as the tree lets go of them,
 * so that the address sanitizer sees a key that outlived its row. */
#include "types/rank_tree.h"

#include "base/random.h"
#include "support/suite.h"
#include "tree_check.h"

#include <math.h>
#include <stdlib.h>

enum { MODEL_MAX = 6000, MEMBER_BYTES_MAX = 12 };

struct blob {
    double score;
    size_t n;
    char bytes[];
};

static struct slice member_of(const void *blob) {
    const struct blob *b = blob;
    return slice_of(b->bytes, b->n);
}
static const struct rank_ops ops = {member_of};

static struct random rng;
static struct blob *model[MODEL_MAX];
static unsigned count, told;
static unsigned scores; /* how many different ones there are */
static unsigned compared;

static struct slice counting_member_of(const void *blob) {
    compared++;
    return member_of(blob);
}
static const struct rank_ops counting_ops = {counting_member_of};

static struct blob *blob_make(double score, const void *bytes, size_t n) {
    struct blob *b = malloc(sizeof *b + n);
    b->score = score;
    b->n = n;
    if (n) memcpy(b->bytes, bytes, n);
    return b;
}

static double any_score(void) {
    static const double odd[] = {0.0, -0.0, INFINITY, -INFINITY, 5e-324, -1.5, 1e300};
    uint64_t pick = random_next_below(&rng, scores == 1 ? 2 : scores); /* the zeros are one */
    return pick < 7 ? odd[pick] : (double)(int64_t)(pick * 2654435761u);
}

/* Few letters, so that members often share a beginning or are one another's. */
static struct blob *any_blob(void) {
    static const char letters[] = {'a', 'b', 0, (char)0xff};
    char bytes[MEMBER_BYTES_MAX];
    size_t n = random_next_below(&rng, MEMBER_BYTES_MAX + 1);
    for (size_t i = 0; i < n; i++) bytes[i] = letters[random_next_below(&rng, 4)];
    return blob_make(any_score(), bytes, n);
}

static int order(double score, struct slice member, const struct blob *b) {
    if (score != b->score) return score < b->score ? -1 : 1;
    return slice_cmp(member, member_of(b));
}

static unsigned lower_bound(double score, struct slice member) {
    unsigned lo = 0, hi = count;
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        if (order(score, member, model[mid]) > 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

static bool is_at(unsigned i, double score, struct slice member) {
    return i < count && order(score, member, model[i]) == 0;
}

static void model_insert(struct blob *b) {
    unsigned at = lower_bound(b->score, member_of(b));
    memmove(model + at + 1, model + at, (count - at) * sizeof *model);
    model[at] = b;
    count++;
}

static struct blob *model_take(unsigned at) {
    struct blob *b = model[at];
    memmove(model + at, model + at + 1, (--count - at) * sizeof *model);
    return b;
}

static void gone(void *ctx, void *blob) {
    CU_ASSERT_PTR_EQUAL_FATAL(blob, model[told]);
    told += *(int *)ctx;
    free(blob);
}

static void cut(struct rank_tree *t, unsigned from, unsigned to) {
    int step = 1;
    told = from;
    rank_tree_cut(t, from, to, (struct rank_gone){gone, &step});
    CU_ASSERT_EQUAL_FATAL(told, to);
    memmove(model + from, model + to, (count - to) * sizeof *model);
    count -= to - from;
}

static void compare(const struct rank_tree *t) {
    unsigned i = 0;
    tree_check(&t->tree, NULL);
    CU_ASSERT_EQUAL_FATAL(rank_tree_count(t), count);
    struct rank_cursor c = rank_tree_at(t, 0), last = c;
    for (; rank_cursor_valid(c); rank_cursor_next(&c), i++) {
        CU_ASSERT_PTR_EQUAL_FATAL(rank_cursor_blob(c), model[i]);
        CU_ASSERT_FATAL(rank_cursor_score(c) == model[i]->score);
        last = c;
    }
    CU_ASSERT_EQUAL_FATAL(i, count);
    for (; rank_cursor_valid(last); rank_cursor_prev(&last)) {
        CU_ASSERT_PTR_EQUAL_FATAL(rank_cursor_blob(last), model[--i]);
    }
    CU_ASSERT_EQUAL_FATAL(i, 0);
}

/* Every question about a (score, member) that may be in the tree or not. */
static void ask(const struct rank_tree *t, double score, struct slice member) {
    uint64_t rank = 0;
    unsigned at = lower_bound(score, member), below = 0, not_above = 0;
    bool there = is_at(at, score, member);
    CU_ASSERT_EQUAL_FATAL(rank_tree_rank(t, &ops, score, member, &rank), there);
    if (there) CU_ASSERT_EQUAL_FATAL(rank, at);
    for (int after = 0; after < 2; after++) {
        unsigned i = at + (after && there);
        struct rank_cursor c = rank_tree_seek(t, &ops, score, member, after);
        CU_ASSERT_EQUAL_FATAL(rank_cursor_valid(c), i < count);
        if (i < count) CU_ASSERT_PTR_EQUAL_FATAL(rank_cursor_blob(c), model[i]);
    }
    while (below < count && model[below]->score < score) below++;
    for (not_above = below; not_above < count && model[not_above]->score <= score;) not_above++;
    CU_ASSERT_EQUAL_FATAL(rank_tree_below(t, score, false), below);
    CU_ASSERT_EQUAL_FATAL(rank_tree_below(t, score, true), not_above);
    if (scores == 1) {
        CU_ASSERT_EQUAL_FATAL(rank_tree_below_member(t, &ops, member, false), at);
        CU_ASSERT_EQUAL_FATAL(rank_tree_below_member(t, &ops, member, true), at + there);
    } else {
        CU_ASSERT_FATAL(rank_tree_below_member(t, &ops, member, true) <= count);
    }
}

static void add(struct rank_tree *t, struct blob *b) {
    if (count == MODEL_MAX || is_at(lower_bound(b->score, member_of(b)), b->score, member_of(b))) {
        free(b);
        return;
    }
    rank_tree_insert(t, &ops, b->score, b);
    model_insert(b);
}

static void move(struct rank_tree *t, unsigned at) {
    struct blob *b = model[at];
    bool near = scores > 1 && random_next_below(&rng, 3) == 0;
    double score = near ? nextafter(b->score, INFINITY) : any_score();
    unsigned to = lower_bound(score, member_of(b));
    if (is_at(to, score, member_of(b)) && model[to] != b) return;
    rank_tree_move(t, &ops, b->score, member_of(b), score);
    model_take(at);
    b->score = score;
    model_insert(b);
}

static void replace(struct rank_tree *t, unsigned at) {
    struct blob *b = blob_make(model[at]->score, model[at]->bytes, model[at]->n);
    rank_tree_replace(t, &ops, b->score, b);
    free(model[at]);
    model[at] = b;
}

static void one_step(struct rank_tree *t, unsigned size) {
    unsigned kind = (unsigned)random_next_below(&rng, 100), grow = count < size ? 50 : 20;
    unsigned at = count ? (unsigned)random_next_below(&rng, count) : 0;
    struct blob *b;
    if (!count || kind < grow) {
        add(t, any_blob());
    } else if (kind < 65) {
        b = model_take(at);
        CU_ASSERT_PTR_EQUAL_FATAL(rank_tree_remove(t, &ops, b->score, member_of(b)), b);
        CU_ASSERT_PTR_NULL_FATAL(rank_tree_remove(t, &ops, b->score, member_of(b)));
        free(b);
    } else if (kind < 70) {
        b = model_take(at);
        CU_ASSERT_PTR_EQUAL_FATAL(rank_tree_take(t, at), b);
        free(b);
    } else if (kind < 82) {
        move(t, at);
    } else if (kind < 88) {
        replace(t, at);
    } else if (kind < 98) {
        b = any_blob();
        ask(t, b->score, member_of(b));
        ask(t, model[at]->score, member_of(model[at]));
        free(b);
    } else {
        unsigned n = (unsigned)random_next_below(&rng, kind < 99 ? 40 : size / 2 + 1);
        cut(t, at, at + n < count ? at + n : count);
    }
}

static void release(struct rank_tree *t) {
    int step = -1;
    told = count - 1;
    while (!rank_tree_free_some(t, 50, (struct rank_gone){gone, &step})) continue;
    CU_ASSERT_EQUAL(rank_tree_count(t), 0);
    CU_ASSERT_EQUAL(rank_tree_bytes(t), 0);
    count = 0;
}

static void agrees_with_an_array(void) {
    static const unsigned kinds[] = {1, 7, 40, 1000000};
    for (unsigned round = 0; round < 12; round++) {
        struct rank_tree t;
        rank_tree_init(&t);
        scores = kinds[round % 4];
        unsigned size = 80u << (round / 4 * 3);
        while (count < size) add(&t, any_blob());
        for (unsigned i = 0; i < 5000; i++) {
            one_step(&t, size);
            if (i % 64 == 0) compare(&t);
        }
        compare(&t);
        release(&t);
    }
}

static void loads_sorted_runs(void) {
    for (int end = RANK_FIRST; end <= RANK_LAST; end++) {
        struct rank_tree t;
        rank_tree_init(&t);
        for (int i = 0; i < 5000; i++) {
            struct blob *b = blob_make(end == RANK_LAST ? i : -i, "m", 1);
            rank_tree_push(&t, end, b->score, b);
            model_insert(b);
        }
        compare(&t);
        CU_ASSERT(tree_fill_permille(&t.tree) > 990);
        release(&t);
    }
}

static void compares_members_on_ties_only(void) {
    struct rank_tree t;
    rank_tree_init(&t);
    compared = 0;
    for (unsigned i = 0; i < MODEL_MAX; i++) {
        struct blob *b = blob_make((double)(i * 2654435761u), &i, sizeof i);
        rank_tree_insert(&t, &counting_ops, b->score, b);
        model_insert(b);
    }
    CU_ASSERT_EQUAL(compared, MODEL_MAX - 1); /* each one's own, if there are others */
#ifndef STRESS
    CU_ASSERT(rank_tree_bytes(&t) < 21 * MODEL_MAX);
#endif
    compare(&t);
    release(&t);
}

static void orders_as_redis_does(void) {
    static const struct {
        double score;
        const char *member;
    } rows[] = {{-INFINITY, "z"}, {-1, "a"},   {0.0, "a"},  {-0.0, "aa"},
                {0.0, "b"},       {1, "\x7f"}, {1, "\xff"}, {INFINITY, ""}};
    struct rank_tree t;
    struct rank_tree *p = &t;
    rank_tree_init(p);
    for (unsigned i = 0; i < 8; i++) {
        unsigned j = i * 3 % 8;
        add(p, blob_make(rows[j].score, rows[j].member, strlen(rows[j].member)));
    }
    for (unsigned i = 0; i < 8; i++) {
        struct slice member = slice_cstr(rows[i].member);
        uint64_t rank = 99;
        CU_ASSERT(rank_tree_rank(p, &ops, rows[i].score, member, &rank));
        CU_ASSERT_EQUAL(rank, i);
    }
    CU_ASSERT_EQUAL(rank_tree_below(p, -0.0, false), 2);
    CU_ASSERT_EQUAL(rank_tree_below(p, -0.0, true), 5);
    CU_ASSERT_EQUAL(rank_tree_below(p, -INFINITY, false), 0);
    CU_ASSERT_EQUAL(rank_tree_below(p, INFINITY, true), 8);
    release(p);
}

static void empty_answers(void) {
    struct rank_tree t;
    uint64_t rank;
    rank_tree_init(&t);
    CU_ASSERT_FALSE(rank_cursor_valid(rank_tree_at(&t, 0)));
    CU_ASSERT_FALSE(rank_cursor_valid(rank_tree_seek(&t, &ops, 0, slice_of("", 0), false)));
    CU_ASSERT_FALSE(rank_tree_rank(&t, &ops, 0, slice_of("", 0), &rank));
    CU_ASSERT_PTR_NULL(rank_tree_remove(&t, &ops, 0, slice_of("", 0)));
    CU_ASSERT_EQUAL(rank_tree_below(&t, INFINITY, true), 0);
    CU_ASSERT_EQUAL(rank_tree_below_member(&t, &ops, slice_of("", 0), true), 0);
    rank_tree_cut(&t, 0, 0, (struct rank_gone){gone, NULL});
    CU_ASSERT(rank_tree_free_some(&t, 0, (struct rank_gone){gone, NULL}));
}

int main(void) {
    static const struct suite_test tests[] = {
        {"agrees_with_an_array", agrees_with_an_array},
        {"loads_sorted_runs", loads_sorted_runs},
        {"compares_members_on_ties_only", compares_members_on_ties_only},
        {"orders_as_redis_does", orders_as_redis_does},
        {"empty_answers", empty_answers},
        {NULL, NULL},
    };
    random_seed(&rng, 2);
    return suite_main("rank_tree", tests);
}
