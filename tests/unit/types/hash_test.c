/* hash_test.c - random edits of a large hash beside an array of all fields. */
#include "types/hash.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>

enum { FIELDS = 6000, EDITS = 60000, VALUE_BYTES_MAX = 700 };

static struct random rng;

struct pair {
    bool there;
    unsigned seen;
    size_t n;
    char v[VALUE_BYTES_MAX];
};
static struct pair *model;
static size_t model_count;

/* Fields of all lengths: some beyond what fits into a member's head. */
static struct slice field_name(size_t i, char buf[128]) {
    int pad = i % 7 == 0 ? 70 : (int)(i % 13);
    return slice_of(buf, (size_t)snprintf(buf, 128, "%zu%.*s", i, pad + (i == 0),
                                          "::::::::::::::::::::::::::::::::::::::::::::::::::::"
                                          "::::::::::::::::::::::::::::::::::"));
}

static size_t field_index(struct slice s) {
    size_t i = 0;
    for (size_t at = 0; at < s.n && s.p[at] != ':'; at++) i = 10 * i + (size_t)(s.p[at] - '0');
    return i;
}

static struct slice random_value(char buf[VALUE_BYTES_MAX]) {
    static const size_t most[] = {4, 20, 60, 300, VALUE_BYTES_MAX};
    size_t n = random_next_below(&rng, most[random_next_below(&rng, 5)]);
    memset(buf, (int)('a' + n % 26), n);
    return slice_of(buf, n);
}

static void see(void *ctx, const struct hash_member *m) {
    (void)ctx;
    struct pair *p = &model[field_index(hash_member_field(m))];
    CU_ASSERT(p->there && slice_eq(hash_member_value(m), slice_of(p->v, p->n)));
    p->seen++;
}

/* Every member exactly once, by a walk and by a scan. */
static void compare(const struct hash_value *h) {
    CU_ASSERT_EQUAL(hash_value_count(h), model_count);
    for (size_t i = 0; i < FIELDS; i++) model[i].seen = 0;
    hash_value_each(h, see, NULL);
    uint64_t cursor = 0;
    do {
        cursor = hash_value_scan(h, cursor, 10, see, NULL);
    } while (cursor);
    for (size_t i = 0; i < FIELDS; i++) CU_ASSERT_EQUAL(model[i].seen, model[i].there ? 2 : 0);
}

static void edit(struct hash_value *h, unsigned delete_percent) {
    char name[128], value[VALUE_BYTES_MAX];
    size_t i = random_next_below(&rng, FIELDS);
    struct slice field = field_name(i, name);
    struct pair *p = &model[i];
    if (random_next_below(&rng, 100) < delete_percent) {
        CU_ASSERT_EQUAL(hash_value_delete(h, field), p->there);
        model_count -= p->there;
        p->there = false;
    } else {
        struct slice v = random_value(value);
        CU_ASSERT_EQUAL(hash_value_set(h, field, v), !p->there);
        model_count += !p->there;
        p->there = true;
        p->n = v.n;
        memcpy(p->v, v.p, v.n);
    }
    const struct hash_member *m = hash_value_find(h, field);
    CU_ASSERT_EQUAL(m != NULL, p->there);
    if (m) CU_ASSERT(slice_eq(hash_member_field(m), field));
}

static void random_edits_agree_with_the_model(void) {
    struct hash_value *h = hash_value_new();
    random_seed(&rng, 17);
    model = calloc(FIELDS, sizeof *model);
    model_count = 0;
    for (int i = 0; i < EDITS; i++) {
        edit(h, i / (EDITS / 3) == 1 ? 20 : 60);
        if (i % (EDITS / 12) == 0) compare(h);
    }
    for (int i = 0; i < EDITS / 6; i++) edit(h, 5);
    compare(h);
    struct hash_value *copy = hash_value_copy(h);
    compare(copy);
    CU_ASSERT(hash_value_memory(copy) > model_count);
    while (hash_value_count(h)) {
        char name[128];
        struct slice field = hash_member_field(hash_value_random(h));
        memcpy(name, field.p, field.n);
        CU_ASSERT(hash_value_delete(h, slice_of(name, field.n)));
    }
    CU_ASSERT(hash_value_random(h) == NULL);
    compare(copy);
    hash_value_free(copy);
    hash_value_free(h);
    free(model);
}

static void lengths_at_their_limits(void) {
    static const size_t lengths[] = {0, 1, 62, 63, 64, 254, 255, 256, 257, 70000};
    enum { N = sizeof lengths / sizeof *lengths };
    char *text = malloc(70000);
    struct hash_value *h = hash_value_new();
    memset(text, 'x', 70000);
    for (size_t round = 0; round < N; round++) {
        for (size_t i = 0; i < N; i++) {
            struct slice value = slice_of(text, lengths[(i + round) % N]);
            CU_ASSERT_EQUAL(hash_value_set(h, slice_of(text, lengths[i]), value), round == 0);
        }
        for (size_t i = 0; i < N; i++) {
            const struct hash_member *m = hash_value_find(h, slice_of(text, lengths[i]));
            CU_ASSERT_FATAL(m != NULL);
            CU_ASSERT_EQUAL(hash_member_field(m).n, lengths[i]);
            CU_ASSERT_EQUAL(hash_member_value(m).n, lengths[(i + round) % N]);
        }
    }
    CU_ASSERT_EQUAL(hash_value_count(h), N);
    hash_value_free(h);
    free(text);
}

static void count_pair(void *ctx, const struct lp_value *field, const struct lp_value *value) {
    char a[LP_INT_TEXT_BYTES], b[LP_INT_TEXT_BYTES];
    struct slice name = lp_text(field, a), text = lp_text(value, b);
    CU_ASSERT(text.n == name.n + 1 && memcmp(text.p + 1, name.p, name.n) == 0);
    ++*(size_t *)ctx;
}

static void both_forms_look_the_same(void) {
    struct lp_buf b = lp_buf_heap();
    char name[32], value[33];
    size_t seen = 0;
    lp_init(&b);
    for (int i = 0; i < 100; i++) {
        struct slice field =
            slice_of(name, (size_t)snprintf(name, sizeof name, i % 2 ? "%d" : "name:%d", i));
        lp_append_text(&b, field);
        value[0] = '7';
        memcpy(value + 1, name, field.n);
        lp_append_text(&b, slice_of(value, field.n + 1));
    }
    struct hash_value *h = hash_value_unpack(b.p);
    const struct hash_view views[] = {{.packed = b.p}, {.large = h}};
    for (int i = 0; i < 2; i++) {
        struct lp_value v;
        char digits[LP_INT_TEXT_BYTES];
        seen = 0;
        hash_view_each(views[i], count_pair, &seen);
        CU_ASSERT_EQUAL(seen, 100);
        CU_ASSERT_EQUAL(hash_view_count(views[i]), 100);
        CU_ASSERT(hash_view_get(views[i], slice_cstr("51"), &v));
        CU_ASSERT(slice_eq(lp_text(&v, digits), slice_cstr("751")));
        CU_ASSERT(hash_view_get(views[i], slice_cstr("name:98"), &v));
        CU_ASSERT(!hash_view_get(views[i], slice_cstr("751"), &v));
    }
    struct lp_value v;
    CU_ASSERT_EQUAL(hash_view_count((struct hash_view){NULL, NULL}), 0);
    CU_ASSERT(!hash_view_get((struct hash_view){NULL, NULL}, slice_cstr("a"), &v));
    hash_value_free(h);
    lp_buf_free(&b);
}

static void memory_comes_back(void) {
    size_t before = mem_used();
    struct hash_value *h = hash_value_new();
    char name[32];
    for (int i = 0; i < 20000; i++) {
        size_t n = (size_t)snprintf(name, sizeof name, "field:%010d", i);
        hash_value_set(h, slice_of(name, n), slice_of(name, n));
    }
    CU_ASSERT(hash_value_memory(h) < (size_t)20000 * 64);
    CU_ASSERT(hash_value_free_cost(h) >= 2048);
    hash_value_free(h);
    CU_ASSERT(mem_used() <= before + 4096);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"random_edits", random_edits_agree_with_the_model},
        {"lengths_at_their_limits", lengths_at_their_limits},
        {"both_forms", both_forms_look_the_same},
        {"memory_comes_back", memory_comes_back},
        {NULL, NULL},
    };
    hash_init(5);
    return suite_main("hash", tests);
}
