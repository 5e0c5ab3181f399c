/* zset_still_test.c - stills of large sorted sets, against an array as it was when they were made.
 * The rest of sorted sets: zset_test.c. */
#include "types/zset.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "still_reader.h"
#include "stills.h"
#include "support/suite.h"

enum { NAMES_MAX = 6000, NAME_BYTES = 96 };

struct row {
    double score;
    unsigned name; /* its number */
};

static struct random rng;
static char names[NAMES_MAX][NAME_BYTES];
static bool is_there[NAMES_MAX];
static double scores[NAMES_MAX];
static struct row rows[NAMES_MAX]; /* what is there, in order, after model_sort */
static size_t count;

static uint64_t below(uint64_t n) { return random_next_below(&rng, n); }

static struct slice name_of(unsigned i) { return slice_cstr(names[i]); }

static uint64_t hash_of(unsigned i) { return hash_bytes(name_of(i).p, name_of(i).n); }

static double any_score(void) {
    static const double odd[] = {0.0, -0.0, INFINITY, -INFINITY, 5e-324, 1e300};
    uint64_t pick = below(60);
    return pick < 6 ? odd[pick] : below(3) ? (double)below(1000) : (double)below(4);
}

static int compare(const void *a, const void *b) {
    const struct row *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? -1 : 1;
    return slice_cmp(name_of(x->name), name_of(y->name));
}

static void model_sort(void) {
    count = 0;
    for (unsigned i = 0; i < NAMES_MAX; i++) {
        if (is_there[i]) rows[count++] = (struct row){scores[i], i};
    }
    qsort(rows, count, sizeof *rows, compare);
}

/* ---- as bytes ---- */

static void tell_row(void *ctx, struct slice member, double score) {
    still_bytes_add(ctx, &member.n, sizeof member.n);
    still_bytes_add(ctx, member.p, member.n);
    still_bytes_add(ctx, &score, sizeof score);
}

static void tell_model(struct still_bytes *to, void *object) {
    (void)object;
    model_sort();
    still_bytes_add(to, &count, sizeof count);
    for (size_t i = count; i--;) tell_row(to, name_of(rows[i].name), rows[i].score);
}

static void tell(struct still_bytes *to, const void *still) {
    size_t n = zset_value_count(still);
    still_bytes_add(to, &n, sizeof n);
    zset_value_each_down(still, tell_row, to);
}

static void *make(void *object) { return zset_value_still(object); }
static void end(void *object, void *still) { zset_value_still_end(object, still); }

static const struct still_kind kind = {make, end, tell_model, tell};

static bool is_as_the_model(struct zset_value *z) {
    struct still_case now = {.kind = &kind, .still = z};
    tell_model(&now.right, z);
    bool agrees = still_case_agrees(&now);
    mem_free(now.right.p);
    return agrees;
}

/* ---- changes ---- */

static void put(struct zset_value *z, unsigned i) {
    double score = any_score();
    void *blob = zset_value_find(z, name_of(i), hash_of(i));
    CU_ASSERT_EQUAL(blob != NULL, is_there[i]);
    if (blob) {
        zset_value_move(z, blob, score);
    } else {
        zset_value_add(z, name_of(i), hash_of(i), score);
    }
    is_there[i] = true;
    scores[i] = score;
}

static void push(struct zset_value *z, unsigned i) {
    bool first = below(2);
    model_sort();
    if (is_there[i] || !count) return;
    double edge = rows[first ? 0 : count - 1].score, score = first ? edge - 1 : edge + 1;
    if (score == edge || isinf(score) || isnan(score)) return;
    zset_value_push(z, first ? RANK_FIRST : RANK_LAST, name_of(i), score);
    is_there[i] = true;
    scores[i] = score;
}

static void cut(struct zset_value *z) {
    model_sort();
    size_t from = below(count + 1), most = count - from;
    size_t n = below(10) ? below(most < 100 ? most + 1 : 100) : below(most + 1);
    zset_value_cut(z, from, from + n);
    for (size_t i = from; i < from + n; i++) is_there[rows[i].name] = false;
}

static void change(struct zset_value *z, unsigned of) {
    unsigned i = (unsigned)below(of);
    uint64_t what = below(1000);
    if (what < 600) {
        put(z, i);
    } else if (what < 980) {
        CU_ASSERT_EQUAL(zset_value_remove(z, name_of(i), hash_of(i)), is_there[i]);
        is_there[i] = false;
    } else if (what < 992) {
        push(z, i);
    } else {
        cut(z);
    }
}

/* A set of about half of the first names, some lives beginning with one that is made at once. */
static struct zset_value *begin(unsigned of) {
    struct zset_value *z = zset_value_new();
    bool at_once = below(2), added;
    memset(is_there, 0, sizeof is_there);
    for (unsigned i = 0; i < of; i++) {
        if (below(2)) continue;
        if (at_once) {
            scores[i] = any_score();
            zset_value_gather(z, name_of(i), scores[i], &added);
            is_there[i] = true;
        } else {
            put(z, i);
        }
    }
    if (at_once) zset_value_sort(z);
    return z;
}

static void stills_stay(void) {
    for (unsigned life = 0; life < 24; life++) {
        random_seed(&rng, life);
        unsigned of = life % 3 == 0 ? 20 : life % 3 == 1 ? 800 : NAMES_MAX;
        struct zset_value *z = begin(of);
        struct stills stills = {0};
        for (unsigned i = 0; i < 6000; i++) {
            stills_step(&stills, &kind, z, &rng, 1 + of / 60);
            change(z, of);
            if (!below(1000)) CU_ASSERT(is_as_the_model(z));
        }
        CU_ASSERT(stills.made > 10);
        stills_end(&stills, z, &rng);
        CU_ASSERT(is_as_the_model(z));
        zset_value_free(z);
    }
}

static void stills_are_read_meanwhile(void) {
    for (unsigned life = 0; life < 6; life++) {
        random_seed(&rng, life);
        unsigned of = life % 2 ? NAMES_MAX : 300;
        struct zset_value *z = begin(of);
        struct stills others = {0};
        for (unsigned round = 0; round < 4; round++) {
            struct still_case c;
            struct still_reader reader;
            CU_ASSERT(still_case_make(&c, &kind, z));
            still_reader_start(&reader, still_case_agrees, &c);
            for (unsigned i = 0; i < 1500; i++) {
                stills_step(&others, &kind, z, &rng, 300);
                change(z, of);
            }
            CU_ASSERT(still_reader_stop(&reader));
            still_case_end(&c, z);
        }
        stills_end(&others, z, &rng);
        CU_ASSERT(is_as_the_model(z));
        zset_value_free(z);
    }
}

static void what_is_kept_is_counted(void) {
    random_seed(&rng, 1);
    struct zset_value *z = begin(NAMES_MAX), *still;
    CU_ASSERT_EQUAL(zset_value_still_bytes(z), 0);
    size_t bytes = zset_value_memory(z);
    still = zset_value_still(z);
    CU_ASSERT(zset_value_still_bytes(z) <= 512);
    zset_value_cut(z, 0, zset_value_count(z));
    memset(is_there, 0, sizeof is_there);
    CU_ASSERT(zset_value_still_bytes(z) > bytes / 3);
    CU_ASSERT(zset_value_memory(z) > zset_value_still_bytes(z));
    zset_value_still_end(z, still);
    for (unsigned i = 0; i < NAMES_MAX; i++) put(z, i); /* some goes with each */
    CU_ASSERT_EQUAL(zset_value_still_bytes(z), 0);
    zset_value_free(z);
}

int main(void) {
    hash_init(1);
    for (unsigned i = 0; i < NAMES_MAX; i++) {
        snprintf(names[i], NAME_BYTES, i % 5 ? "m%u" : "member:%080u", i);
    }
    static const struct suite_test tests[] = {
        {"stills stay", stills_stay},
        {"stills are read meanwhile", stills_are_read_meanwhile},
        {"what is kept is counted", what_is_kept_is_counted},
        {NULL, NULL},
    };
    return suite_main("zset_still", tests);
}
