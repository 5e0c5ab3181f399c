/* hash_test.c - random edits of a large hash beside an array of all fields, times included. */
#include "types/hash.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"
#include "still_reader.h"
#include "stills.h"
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>

enum { FIELDS = 6000, EDITS = 60000, VALUE_BYTES_MAX = 700 };

static struct random rng;

struct pair {
    bool there;
    unsigned seen;
    int64_t time_ms;
    size_t n;
    char v[VALUE_BYTES_MAX];
};
static struct pair *model;
static size_t model_count;
static int64_t now_ms;

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
    CU_ASSERT_EQUAL(hash_member_time(m), p->time_ms);
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
    size_t timed = 0, shown = 0;
    for (size_t i = 0; i < FIELDS; i++) {
        const struct pair *p = &model[i];
        CU_ASSERT_EQUAL(p->seen, p->there ? 2 : 0);
        timed += p->there && p->time_ms >= 0;
        shown += p->there && (p->time_ms < 0 || p->time_ms >= now_ms);
    }
    CU_ASSERT_EQUAL(h->timed, timed);
    CU_ASSERT_EQUAL(hash_view_count((struct hash_view){.large = h, .now_ms = now_ms}), shown);
}

/* Mostly none, or what the field has; some soon, some in days. */
static int64_t random_time(unsigned timed_percent) {
    static const uint64_t reach[] = {20, 3000, 100000, 400000000};
    if (random_next_below(&rng, 100) >= timed_percent)
        return random_next_below(&rng, 2) ? HASH_NO_TIME : HASH_KEEP_TIME;
    return now_ms + (int64_t)random_next_below(&rng, reach[random_next_below(&rng, 4)]);
}

static int64_t time_after(const struct pair *p, int64_t time_ms) {
    if (time_ms != HASH_KEEP_TIME) return time_ms;
    return p->there ? p->time_ms : HASH_NO_TIME;
}

static void edit(struct hash_value *h, unsigned delete_percent, unsigned timed_percent) {
    char name[128], value[VALUE_BYTES_MAX];
    size_t i = random_next_below(&rng, FIELDS);
    struct slice field = field_name(i, name);
    struct pair *p = &model[i];
    if (random_next_below(&rng, 100) < delete_percent) {
        CU_ASSERT_EQUAL(hash_value_delete(h, field), p->there);
        model_count -= p->there;
        p->there = false;
    } else if (random_next_below(&rng, 100) < timed_percent) {
        int64_t time_ms = random_time(60);
        if (time_ms == HASH_KEEP_TIME) time_ms = HASH_NO_TIME;
        CU_ASSERT_EQUAL(hash_value_set_time(h, field, time_ms), p->there);
        p->time_ms = time_ms;
    } else {
        struct slice v = random_value(value);
        int64_t time_ms = random_time(timed_percent);
        CU_ASSERT_EQUAL(hash_value_set(h, field, v, time_ms), !p->there);
        p->time_ms = time_after(p, time_ms);
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
        edit(h, i / (EDITS / 3) == 1 ? 20 : 60, 0);
        if (i % (EDITS / 12) == 0) compare(h);
    }
    for (int i = 0; i < EDITS / 6; i++) edit(h, 5, 0);
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

/* Lets all fields leave whose time has come, of the hash and of the model. */
static void let_leave(struct hash_value *h) {
    struct hash_leavers leavers = {0};
    size_t before = model_count;
    int64_t first_ms = INT64_MAX;
    while (hash_value_expire(h, now_ms, &leavers)) continue;
    for (size_t i = 0; i < FIELDS; i++) {
        struct pair *p = &model[i];
        if (!p->there || p->time_ms < 0) continue;
        if (p->time_ms < now_ms - TABLE_LATE_MS) {
            p->there = false;
            model_count--;
        } else if (p->time_ms < now_ms) { /* may be late */
            char name[128];
            p->there = hash_value_find(h, field_name(i, name)) != NULL;
            model_count -= !p->there;
        } else if (p->time_ms < first_ms) {
            first_ms = p->time_ms;
        }
    }
    CU_ASSERT_EQUAL(leavers.count, before - model_count);
    CU_ASSERT(hash_value_next_ms(h) > now_ms);
    if (first_ms != INT64_MAX) CU_ASSERT(hash_value_next_ms(h) <= first_ms + TABLE_LATE_MS);
}

static void fields_end_at_their_times(void) {
    struct hash_value *h = hash_value_new();
    random_seed(&rng, 18);
    model = calloc(FIELDS, sizeof *model);
    model_count = 0;
    now_ms = 1000000;
    for (int i = 0; i < EDITS; i++) {
        edit(h, i / (EDITS / 3) == 1 ? 40 : 10, 30);
        if (i % 50 == 0) now_ms += (int64_t)random_next_below(&rng, 300);
        if (i % (EDITS / 40) == 0) compare(h);
        if (i % 400 == 0) let_leave(h);
    }
    struct hash_value *copy = hash_value_copy(h);
    compare(copy);
    hash_value_free(copy);
    now_ms += 500000000;
    let_leave(h);
    compare(h);
    CU_ASSERT_EQUAL(h->timed, 0);
    CU_ASSERT_EQUAL(hash_value_next_ms(h), INT64_MAX);
    hash_value_free(h);
    free(model);
    now_ms = 0;
}

/* ---- stills ---- */

static void add_member(void *ctx, const struct hash_member *m) {
    struct slice field = hash_member_field(m), value = hash_member_value(m);
    uint64_t time_ms = (uint64_t)hash_member_time(m), *sum = ctx;
    *sum += hash_bytes(field.p, field.n) * 3 + hash_bytes(value.p, value.n) * 5 + time_ms * 7;
}

/* Of all that is there, in whatever order. */
static uint64_t sum_of(const struct hash_value *h) {
    uint64_t sum = hash_value_count(h);
    hash_value_each(h, add_member, &sum);
    return sum;
}

static void *make_still(void *h) { return hash_value_still(h); }
static void end_still(void *h, void *still) { hash_value_still_end(h, still); }

static void tell(struct still_bytes *to, const void *h) {
    uint64_t sum = sum_of(h);
    still_bytes_add(to, &sum, sizeof sum);
}
static void tell_now(struct still_bytes *to, void *h) { tell(to, h); }

static const struct still_kind kind = {make_still, end_still, tell_now, tell};

static void stills_stay(void) {
    struct stills stills = {.made = 0};
    size_t before = mem_used(), kept = 0;
    struct hash_value *h = hash_value_new();
    random_seed(&rng, 19);
    model = calloc(FIELDS, sizeof *model);
    model_count = 0;
    now_ms = 1000000;
    for (int i = 0; i < EDITS; i++) {
        edit(h, i / (EDITS / 3) == 1 ? 60 : 10, i / (EDITS / 3) == 2 ? 30 : 0);
        if (i % 50 == 0) now_ms += (int64_t)random_next_below(&rng, 300);
        if (i % 400 == 0) let_leave(h);
        stills_step(&stills, &kind, h, &rng, 150);
        if (hash_value_still_bytes(h) > kept) kept = hash_value_still_bytes(h);
        CU_ASSERT(hash_value_memory(h) >= hash_value_still_bytes(h));
        if (i % (EDITS / 12) == 0) compare(h);
    }
    CU_ASSERT(kept > 10000 && stills.made > 50);
    stills_end(&stills, h, &rng);
    compare(h);
    for (int i = 0; i < EDITS; i++) edit(h, 50, 0);
    CU_ASSERT_EQUAL(hash_value_still_bytes(h), 0);
    hash_value_free(h);
    CU_ASSERT_EQUAL(mem_used(), before);
    free(model);
    now_ms = 0;
}

static void stills_are_read_meanwhile(void) {
    struct hash_value *h = hash_value_new();
    random_seed(&rng, 20);
    model = calloc(FIELDS, sizeof *model);
    model_count = 0;
    now_ms = 1000000;
    for (int round = 0; round < 8; round++) {
        struct still_case c;
        struct still_reader reader;
        CU_ASSERT_FATAL(still_case_make(&c, &kind, h));
        still_reader_start(&reader, still_case_agrees, &c);
        for (int i = 0; i < EDITS / 6; i++) edit(h, round % 3 == 2 ? 60 : 20, 20);
        now_ms += 2000;
        let_leave(h);
        CU_ASSERT(still_reader_stop(&reader));
        still_case_end(&c, h);
    }
    hash_value_free(h); /* with what is left in limbo */
    free(model);
    now_ms = 0;
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
            struct slice field = slice_of(text, lengths[i]);
            int64_t time_ms = (i + round) % 3 ? HASH_NO_TIME : (int64_t)(1 + i);
            CU_ASSERT_EQUAL(hash_value_set(h, field, value, time_ms), round == 0);
        }
        for (size_t i = 0; i < N; i++) {
            const struct hash_member *m = hash_value_find(h, slice_of(text, lengths[i]));
            CU_ASSERT_FATAL(m != NULL);
            CU_ASSERT_EQUAL(hash_member_field(m).n, lengths[i]);
            CU_ASSERT_EQUAL(hash_member_value(m).n, lengths[(i + round) % N]);
            CU_ASSERT_EQUAL(hash_member_time(m), (i + round) % 3 ? HASH_NO_TIME : (int64_t)(1 + i));
        }
    }
    CU_ASSERT_EQUAL(hash_value_count(h), N);
    hash_value_free(h);
    free(text);
}

/* A value is 7 and the field; the time of a field with an odd number, if there are times, is its
 * number. */
struct looked {
    bool timed;
    size_t seen;
};

static void look_at_pair(void *ctx, const struct hash_pair *p) {
    struct looked *l = ctx;
    char a[LP_INT_TEXT_BYTES], b[LP_INT_TEXT_BYTES];
    struct slice name = lp_text(&p->field, a), text = lp_text(&p->value, b);
    CU_ASSERT(text.n == name.n + 1 && memcmp(text.p + 1, name.p, name.n) == 0);
    bool has = l->timed && name.p[0] != 'n';
    CU_ASSERT_EQUAL(p->time_ms, has ? strtol(name.p, NULL, 10) : HASH_NO_TIME);
    l->seen++;
}

/* The same hash three times: 50 fields 1, 3 .. 99 and 50 fields name:0, name:2 .. */
static struct hash_view make_view(int form, struct lp_buf *b) {
    char name[32], value[33];
    bool added, triples = form == 1;
    lp_init(b);
    for (int i = 0; i < 100; i++) {
        struct slice field =
            slice_of(name, (size_t)snprintf(name, sizeof name, i % 2 ? "%d" : "name:%d", i));
        value[0] = '7';
        memcpy(value + 1, name, field.n);
        int64_t time_ms = form && i % 2 ? i : HASH_NO_TIME;
        CU_ASSERT(
            hash_packed_set(b, form != 0, field, slice_of(value, field.n + 1), time_ms, &added));
    }
    if (form < 2) return (struct hash_view){.packed = b->p, .triples = triples};
    return (struct hash_view){.large = hash_value_unpack(b->p, true)};
}

static void look_for(struct hash_view v, const char *field, bool want, int64_t time_ms) {
    struct lp_value value;
    char digits[LP_INT_TEXT_BYTES];
    int64_t found_ms = 12345;
    CU_ASSERT_EQUAL(hash_view_get(v, slice_cstr(field), &value), want);
    CU_ASSERT_EQUAL(hash_view_time(v, slice_cstr(field), &found_ms), want);
    if (!want) return;
    CU_ASSERT_EQUAL(found_ms, time_ms);
    struct slice text = lp_text(&value, digits);
    CU_ASSERT(text.p[0] == '7' && slice_eq(slice_of(text.p + 1, text.n - 1), slice_cstr(field)));
}

static void all_forms_look_the_same(void) {
    for (int form = 0; form < 3; form++) {
        static const int64_t times[] = {HASH_ALL_TIMES, 0, 1, 2, 51, 52, 98, 99, 100, 5000};
        struct lp_buf b = lp_buf_heap();
        struct hash_view v = make_view(form, &b);
        CU_ASSERT_EQUAL(hash_view_next_ms(v), form ? 2 : INT64_MAX);
        for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
            struct looked l = {form != 0, 0};
            v.now_ms = times[i];
            int64_t past = v.now_ms <= 1 ? 0 : v.now_ms > 99 ? 50 : v.now_ms / 2;
            size_t shown = 100 - (form ? (size_t)past : 0);
            hash_view_each(v, look_at_pair, &l);
            CU_ASSERT_EQUAL(l.seen, shown);
            CU_ASSERT_EQUAL(hash_view_count(v), shown);
            CU_ASSERT_EQUAL(hash_view_kept(v), 100);
            if (shown < 100) CU_ASSERT(hash_view_may_hide(v));
            look_for(v, "51", !form || v.now_ms <= 51, form ? 51 : HASH_NO_TIME);
            look_for(v, "name:98", true, HASH_NO_TIME);
            look_for(v, "751", false, 0);
        }
        if (v.large) hash_value_free((struct hash_value *)v.large);
        lp_buf_free(&b);
    }
    struct hash_view none = {.now_ms = 7};
    CU_ASSERT_EQUAL(hash_view_count(none), 0);
    CU_ASSERT_EQUAL(hash_view_kept(none), 0);
    CU_ASSERT_EQUAL(hash_view_next_ms(none), INT64_MAX);
    CU_ASSERT(!hash_view_may_hide(none));
    look_for(none, "a", false, 0);
}

static void memory_comes_back(void) {
    size_t before = mem_used();
    struct hash_value *h = hash_value_new();
    char name[32];
    for (int i = 0; i < 20000; i++) {
        size_t n = (size_t)snprintf(name, sizeof name, "field:%010d", i);
        hash_value_set(h, slice_of(name, n), slice_of(name, n), i % 2 ? HASH_NO_TIME : i);
    }
    CU_ASSERT(hash_value_memory(h) < (size_t)20000 * 64);
    CU_ASSERT(hash_value_free_cost(h) >= 2048);
    hash_value_free(h);
    CU_ASSERT(mem_used() <= before + 4096);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"random_edits", random_edits_agree_with_the_model},
        {"fields_end", fields_end_at_their_times},
        {"stills_stay", stills_stay},
        {"stills_are_read_meanwhile", stills_are_read_meanwhile},
        {"lengths_at_their_limits", lengths_at_their_limits},
        {"all_forms", all_forms_look_the_same},
        {"memory_comes_back", memory_comes_back},
        {NULL, NULL},
    };
    hash_init(5);
    return suite_main("hash", tests);
}
