/* hash_packed_test.c - packed hashes in triples beside an array in the same order. */
#include "types/hash_packed.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/random.h"
#include "support/suite.h"

enum { FIELDS = 40, EDITS = 20000, TEXT_MAX = 300 };

static struct random rng;

struct triple {
    int id;
    int64_t time_ms; /* HASH_NO_TIME: none */
    char value[TEXT_MAX];
};
static struct triple model[FIELDS];
static size_t count;

static struct slice name_of(int id, char buf[32]) {
    return slice_of(buf, (size_t)snprintf(buf, 32, id % 2 ? "%d" : "field:%d", id));
}

static size_t model_find(int id) {
    size_t i = 0;
    while (i < count && model[i].id != id) i++;
    return i;
}

static struct triple model_take(size_t at) {
    struct triple t = model[at];
    memmove(model + at, model + at + 1, (--count - at) * sizeof *model);
    return t;
}

/* Before the first that ends no earlier; those without a time are last, in the order of coming. */
static void model_insert(struct triple t) {
    size_t at = 0;
    while (at < count &&
           (t.time_ms < 0 || (model[at].time_ms >= 0 && model[at].time_ms < t.time_ms)))
        at++;
    memmove(model + at + 1, model + at, (count++ - at) * sizeof *model);
    model[at] = t;
}

static void compare(const uint8_t *lp) {
    char name[32], digits[LP_INT_TEXT_BYTES];
    struct lp_value v;
    CU_ASSERT_FATAL(lp_check(lp, lp_bytes(lp), 3));
    CU_ASSERT_EQUAL_FATAL(hash_packed_count(lp, true), count);
    CU_ASSERT(hash_packed_times_check(lp, (int64_t)1 << 48));
    size_t at = LP_HEAD_BYTES;
    for (size_t i = 0; i < count; i++) {
        CU_ASSERT_EQUAL(hash_packed_time(lp, true, at), model[i].time_ms);
        CU_ASSERT(lp_equals(lp, at, name_of(model[i].id, name)));
        CU_ASSERT_EQUAL(hash_packed_find(lp, true, name_of(model[i].id, name)), at);
        at = lp_read(lp, lp_after(lp, at), &v);
        CU_ASSERT(slice_eq(lp_text(&v, digits), slice_cstr(model[i].value)));
        at = lp_after(lp, at);
    }
    int64_t first_ms = count ? model[0].time_ms : HASH_NO_TIME;
    CU_ASSERT_EQUAL(hash_packed_next_ms(lp), first_ms < 0 ? INT64_MAX : first_ms + 1);
}

static int64_t random_time(void) {
    static const uint64_t reach[] = {3, 60, 4000, 100000, 70000000, (uint64_t)1 << 46};
    return 1 + (int64_t)random_next_below(&rng, reach[random_next_below(&rng, 6)]);
}

static void random_text(char text[TEXT_MAX]) {
    size_t n = random_next_below(&rng, random_next_below(&rng, 10) ? 30 : TEXT_MAX);
    memset(text, 'a' + (int)(n % 26), n);
    text[n] = 0;
    if (n % 3 == 0) snprintf(text, TEXT_MAX, "%d", (int)random_next_below(&rng, 1 << 20));
}

static void set(struct lp_buf *b, int id) {
    char name[32], text[TEXT_MAX];
    bool added;
    static const int64_t kinds[] = {HASH_NO_TIME, HASH_KEEP_TIME, 0};
    int64_t time_ms = kinds[random_next_below(&rng, 3)];
    if (time_ms == 0) time_ms = random_time();
    random_text(text);
    CU_ASSERT(hash_packed_set(b, true, name_of(id, name), slice_cstr(text), time_ms, &added));
    size_t i = model_find(id);
    CU_ASSERT_EQUAL(added, i == count);
    struct triple t = {.id = id, .time_ms = time_ms < 0 ? HASH_NO_TIME : time_ms};
    if (!added) {
        strcpy(model[i].value, text);
        if (time_ms == HASH_KEEP_TIME) return;
        if (time_ms == HASH_NO_TIME && model[i].time_ms < 0) return;
        model_take(i);
    }
    strcpy(t.value, text);
    model_insert(t);
}

static void set_time(struct lp_buf *b, int id) {
    char name[32];
    size_t i = model_find(id), at = hash_packed_find(b->p, true, name_of(id, name));
    CU_ASSERT_EQUAL(at == LP_NONE, i == count);
    if (i == count) return;
    struct triple t = model_take(i);
    t.time_ms = random_next_below(&rng, 4) ? random_time() : HASH_NO_TIME;
    CU_ASSERT(hash_packed_set_time(b, at, t.time_ms));
    model_insert(t);
}

static void delete (struct lp_buf *b, int id) {
    char name[32];
    size_t i = model_find(id), at = hash_packed_find(b->p, true, name_of(id, name));
    CU_ASSERT_EQUAL(at == LP_NONE, i == count);
    if (i == count) return;
    hash_packed_delete(b, true, at);
    model_take(i);
}

static void past_is_in_front(const uint8_t *lp) {
    int64_t now_ms = random_time();
    size_t past = 0;
    for (size_t i = 0; i < count; i++) past += model[i].time_ms >= 0 && model[i].time_ms < now_ms;
    CU_ASSERT_EQUAL(hash_packed_past(lp, now_ms), past);
    CU_ASSERT_EQUAL(hash_packed_past(lp, INT64_MIN), 0);
}

static void random_edits_keep_the_order(void) {
    struct lp_buf b = lp_buf_heap();
    random_seed(&rng, 3);
    count = 0;
    CU_ASSERT(lp_init(&b));
    for (int i = 0; i < EDITS; i++) {
        int id = (int)random_next_below(&rng, FIELDS);
        switch (random_next_below(&rng, 5)) {
        case 0: delete (&b, id); break;
        case 1:
        case 2: set_time(&b, id); break;
        default: set(&b, id); break;
        }
        if (i % 10 == 0) compare(b.p);
        past_is_in_front(b.p);
    }
    compare(b.p);
    lp_buf_free(&b);
}

static void forms_turn_into_each_other(void) {
    struct lp_buf pairs = lp_buf_heap(), triples = lp_buf_heap(), back = lp_buf_heap();
    char name[32];
    bool added;
    CU_ASSERT(lp_init(&pairs));
    for (int i = 0; i < 300; i++) {
        struct slice field = name_of(i, name);
        CU_ASSERT(hash_packed_convert(pairs.p, true, &triples));
        CU_ASSERT(lp_check(triples.p, triples.len, 3));
        CU_ASSERT_EQUAL(hash_packed_count(triples.p, true), (size_t)i);
        CU_ASSERT_EQUAL(hash_packed_next_ms(triples.p), INT64_MAX);
        if (i > 7)
            CU_ASSERT(hash_packed_set_time(
                &triples, hash_packed_find(triples.p, true, slice_cstr("7")), 123456789));
        if (i < 8) {
            CU_ASSERT(hash_packed_convert(triples.p, false, &back));
            CU_ASSERT(back.len == pairs.len && memcmp(back.p, pairs.p, back.len) == 0);
        }
        CU_ASSERT(hash_packed_set(&pairs, false, field, field, HASH_NO_TIME, &added) && added);
        lp_buf_free(&triples);
        lp_buf_free(&back);
    }
    CU_ASSERT(
        hash_packed_set(&pairs, false, slice_cstr("7"), slice_cstr("x"), HASH_KEEP_TIME, &added));
    CU_ASSERT(!added);
    CU_ASSERT_EQUAL(
        hash_packed_time(pairs.p, false, hash_packed_find(pairs.p, false, slice_cstr("7"))),
        HASH_NO_TIME);
    lp_buf_free(&pairs);
}

/* An edit without room has done nothing. */
static void edits_are_whole(void) {
    uint8_t room[400], before[400];
    bool added;
    for (size_t cap = 60; cap < 120; cap++) {
        struct lp_buf b = lp_buf_fixed(room, 0, cap);
        CU_ASSERT(lp_init(&b));
        for (int i = 0; i < 3; i++) {
            char name[32];
            CU_ASSERT(
                hash_packed_set(&b, true, name_of(i, name), slice_cstr("v"), HASH_NO_TIME, &added));
        }
        size_t len = b.len;
        memcpy(before, room, len);
        if (!hash_packed_set(&b, true, slice_cstr("1"), slice_cstr("a value that is longer"), 99999,
                             &added))
            CU_ASSERT(b.len == len && memcmp(before, room, len) == 0);
        len = b.len;
        memcpy(before, room, len);
        if (!hash_packed_set_time(&b, LP_HEAD_BYTES, (int64_t)1 << 40))
            CU_ASSERT(b.len == len && memcmp(before, room, len) == 0);
        CU_ASSERT(lp_check(b.p, b.len, 3));
    }
}

static void times_from_outside_are_checked(void) {
    static const struct {
        const char *times[4];
        bool ok;
    } cases[] = {
        {{"0"}, true},
        {{"5", "5", "6", "0"}, true},
        {{"0", "0"}, true},
        {{"0", "5"}, false},
        {{"6", "5"}, false},
        {{"-1"}, false},
        {{"1000", "0", "0", "1000"}, false},
        {{"281474976710655"}, true},
        {{"281474976710656"}, false},
        {{"soon"}, false},
        {{""}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lp_buf b = lp_buf_heap();
        CU_ASSERT(lp_init(&b));
        for (int k = 0; k < 4 && cases[i].times[k]; k++) {
            char name[32];
            CU_ASSERT(lp_append_text(&b, name_of(k, name)) && lp_append_text(&b, slice_cstr("v")) &&
                      lp_append_text(&b, slice_cstr(cases[i].times[k])));
        }
        CU_ASSERT_EQUAL(hash_packed_times_check(b.p, (int64_t)1 << 48), cases[i].ok);
        lp_buf_free(&b);
    }
}

int main(void) {
    static const struct suite_test tests[] = {
        {"random_edits_keep_the_order", random_edits_keep_the_order},
        {"forms_turn_into_each_other", forms_turn_into_each_other},
        {"edits_are_whole", edits_are_whole},
        {"times_from_outside_are_checked", times_from_outside_are_checked},
        {NULL, NULL},
    };
    hash_init(5);
    return suite_main("hash_packed", tests);
}
