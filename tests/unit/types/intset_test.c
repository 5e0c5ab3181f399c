/* intset_test.c - random sets beside a sorted array of all their elements. */
#include "types/intset.h"

#include "base/random.h"
#include "support/suite.h"

#include <stdlib.h>

enum { ROUNDS = 200, EDITS = 300 };

static struct random rng;

static int64_t random_value(void) {
    static const int bits_of[] = {3, 8, 15, 16, 31, 32, 63, 64};
    int bits = bits_of[random_next_below(&rng, sizeof bits_of / sizeof *bits_of)];
    return (int64_t)random_next(&rng) >> (64 - bits);
}

static int64_t model[EDITS];
static size_t model_count;

static size_t model_place(int64_t v) {
    size_t i = 0;
    while (i < model_count && model[i] < v) i++;
    return i;
}

static void compare(const struct lp_buf *b, uint32_t width) {
    uint8_t *set = malloc(b->len);
    memcpy(set, b->p, b->len);
    CU_ASSERT(intset_count(set) == model_count && intset_width(set) == width);
    CU_ASSERT(intset_bytes(set) == b->len && b->len <= b->cap);
    CU_ASSERT_EQUAL(intset_check(set, b->len), model_count > 0);
    for (size_t i = 0; i < model_count; i++) CU_ASSERT(intset_get(set, i) == model[i]);
    if (model_count) {
        int64_t any = intset_random(set);
        CU_ASSERT_EQUAL(model[model_place(any)], any);
    }
    free(set);
}

static void edit(struct lp_buf *b, uint32_t *width) {
    int64_t v = random_value();
    size_t at = model_place(v), found;
    bool there = at < model_count && model[at] == v;
    CU_ASSERT_EQUAL(intset_find(b->p, v, &found), there);
    CU_ASSERT_EQUAL_FATAL(found, at);
    if (there || (model_count && random_next_below(&rng, 3) == 0)) {
        if (!there) at = random_next_below(&rng, model_count);
        intset_remove(b, at);
        model_count--;
        memmove(model + at, model + at + 1, (model_count - at) * sizeof *model);
        return;
    }
    uint32_t needed = v == (int16_t)v ? 2 : v == (int32_t)v ? 4 : 8;
    if (needed > *width) *width = needed;
    size_t bytes = intset_bytes_with(b->p, v);
    CU_ASSERT_FATAL(intset_insert(b, found, v));
    CU_ASSERT_EQUAL(b->len, bytes);
    memmove(model + at + 1, model + at, (model_count - at) * sizeof *model);
    model[at] = v;
    model_count++;
}

static void random_edits(void) {
    for (int round = 0; round < ROUNDS; round++) {
        uint8_t scratch[100];
        struct lp_buf b = round % 2 ? lp_buf_heap() : lp_buf_spill(scratch, 0, sizeof scratch);
        uint32_t width = 2;
        model_count = 0;
        CU_ASSERT_FATAL(intset_init(&b));
        for (int i = 0; i < EDITS; i++) {
            edit(&b, &width);
            if (i % 10 == 0) compare(&b, width);
        }
        lp_buf_trim(&b);
        compare(&b, width);
        lp_buf_free(&b);
    }
}

static void bytes(void) {
    struct lp_buf b = lp_buf_heap();
    size_t place;
    CU_ASSERT_FATAL(intset_init(&b));
    CU_ASSERT(b.len == 8 && memcmp(b.p, "\2\0\0\0\0\0\0\0", 8) == 0);
    CU_ASSERT(!intset_find(b.p, -2, &place) && intset_insert(&b, place, -2));
    CU_ASSERT(!intset_find(b.p, 70000, &place) && intset_insert(&b, place, 70000));
    CU_ASSERT(b.len == 16 && memcmp(b.p, "\4\0\0\0\2\0\0\0\xfe\xff\xff\xff\x70\x11\1\0", 16) == 0);
    lp_buf_free(&b);
}

static void fixed_buffers(void) {
    uint8_t room[12];
    size_t place;
    struct lp_buf b = lp_buf_fixed(room, 0, sizeof room);
    CU_ASSERT(intset_init(&b) && intset_insert(&b, 0, 5));
    uint8_t before[12];
    memcpy(before, room, sizeof room);
    CU_ASSERT(!intset_find(b.p, 40000, &place) && !intset_insert(&b, place, 40000));
    CU_ASSERT(b.len == 10 && memcmp(room, before, b.len) == 0);
    CU_ASSERT(intset_insert(&b, 0, 4) && !intset_insert(&b, 2, 6) && b.len == 12);
    intset_remove(&b, 0);
    CU_ASSERT(b.len == 10 && intset_get(b.p, 0) == 5);
}

#define BROKEN(bytes) CU_ASSERT(!intset_check(bytes, sizeof(bytes) - 1))

static void broken_ones(void) {
    CU_ASSERT(intset_check("\2\0\0\0\1\0\0\0\1", 10));
    BROKEN("");
    BROKEN("\2\0\0\0\0\0\0");
    BROKEN("\2\0\0\0\0\0\0\0");             /* empty */
    BROKEN("\3\0\0\0\1\0\0\0\1\0\0");       /* width */
    BROKEN("\0\0\0\0\1\0\0\0");             /* width */
    BROKEN("\2\0\0\0\2\0\0\0\1\0");         /* short */
    BROKEN("\2\0\0\0\1\0\0\0\1\0\2\0");     /* long */
    BROKEN("\2\0\0\0\2\0\0\0\1\0\1\0");     /* twice */
    BROKEN("\2\0\0\0\2\0\0\0\1\0\xff\xff"); /* order */
    BROKEN("\4\0\0\0\xff\xff\xff\xff\1\0\0\0");
}

int main(void) {
    static const struct suite_test tests[] = {
        {"bytes", bytes},
        {"random_edits", random_edits},
        {"fixed_buffers", fixed_buffers},
        {"broken_ones", broken_ones},
        {NULL, NULL},
    };
    random_seed(&rng, 1);
    return suite_main("intset", tests);
}
