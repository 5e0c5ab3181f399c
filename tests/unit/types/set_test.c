/* set_test.c - random edits beside a list of what must be in the set; forms, scans, chance. */
#include "types/set.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/random.h"
#include "still_reader.h"
#include "stills.h"
#include "support/suite.h"
#include "types/intset.h"
#include "types/listpack.h"

enum { UNIVERSE = 6000, NAME_BYTES = 80, ROOM = 256 };

static struct random rng;
static char names[UNIVERSE][NAME_BYTES];
static size_t lengths[UNIVERSE];
static bool there[UNIVERSE]; /* the model */
static size_t there_count;
static unsigned seen[UNIVERSE];

static struct slice name(size_t i) { return slice_of(names[i], lengths[i]); }

static size_t below(size_t n) { return (size_t)random_next_below(&rng, n); }

/* Every kind of member: numbers at the edges of 47 and 64 bits, digits that are no numbers, short
 * and long texts, the empty one. */
static void make_universe(void) {
    static const char *const odd[] = {
        "",
        "0",
        "-0",
        "00",
        "70368744177663",
        "70368744177664",
        "-70368744177664",
        "-70368744177665",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "+1",
        "1 ",
    };
    for (size_t i = 0; i < UNIVERSE; i++) {
        int n;
        if (i < sizeof odd / sizeof *odd) {
            n = snprintf(names[i], NAME_BYTES, "%s", odd[i]);
        } else if (i % 3 == 0) {
            n = snprintf(names[i], NAME_BYTES, "%d", (int)i * (i % 2 ? 1 : -70001));
        } else {
            n = snprintf(
                names[i], NAME_BYTES, "m%zu%.*s", i, i % 7 == 1 ? 60 + (int)(i % 9) : 0,
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
        }
        lengths[i] = (size_t)n;
    }
}

static size_t index_of(struct slice member) {
    for (size_t i = 0; i < UNIVERSE; i++)
        if (slice_eq(name(i), member)) return i;
    CU_FAIL_FATAL("a member that nobody added");
    return 0;
}

/* Numbers of the universe by text are looked up linearly: only for small sets. */
static void see(void *ctx, struct slice member) {
    size_t *count = ctx;
    seen[index_of(member)]++;
    ++*count;
}

static void check(struct set_view s, size_t universe) {
    CU_ASSERT_EQUAL(set_count(s), there_count);
    for (size_t i = 0; i < universe; i++) CU_ASSERT_EQUAL(set_has(s, name(i)), there[i]);
}

static void check_walks(struct set_view s, size_t universe) {
    size_t count = 0;
    memset(seen, 0, sizeof seen);
    set_each(s, see, &count);
    CU_ASSERT_EQUAL(count, there_count);
    for (size_t i = 0; i < universe; i++) CU_ASSERT_EQUAL(seen[i], there[i]);
    uint64_t cursor = 0;
    do {
        cursor = set_scan(s, cursor, 5, see, &count);
    } while (cursor);
    CU_ASSERT_EQUAL(count, 2 * there_count);
    for (size_t i = 0; i < universe; i++) CU_ASSERT_EQUAL(seen[i], 2 * there[i]);
}

static void forget(void) {
    memset(there, 0, sizeof there);
    there_count = 0;
}

static void turn(struct set_edit *e, size_t i, bool add) {
    if (add) {
        CU_ASSERT_EQUAL(set_edit_add(e, name(i)), !there[i]);
    } else {
        CU_ASSERT_EQUAL(set_edit_remove(e, name(i)), there[i]);
    }
    there_count += (size_t)add - there[i];
    there[i] = add;
}

/* Small sets of all forms: opened, changed and closed again as commands do it. */
static void random_edits(void) {
    for (int round = 0; round < 60; round++) {
        char room[ROOM], digits[SET_DIGITS_MAX];
        struct set_limits limits = {below(40), below(40), 1 + below(70)};
        struct set_edit e;
        size_t universe = 10 + below(90);
        forget();
        set_edit_new(&e, &limits, room, sizeof room);
        enum set_form form = e.form;
        for (int n = 0; n < 200; n++) {
            turn(&e, below(universe), below(5) < 3);
            CU_ASSERT(e.form >= form);
            form = e.form;
            if (form == SET_INTSET) CU_ASSERT(!there_count || intset_check(e.buf.p, e.buf.len));
            if (form == SET_LISTPACK) CU_ASSERT(lp_check(e.buf.p, e.buf.len, 1));
            if (form != SET_VALUE)
                CU_ASSERT(there_count <= limits.intset_entries + limits.listpack_entries);
            if (there_count && n % 10 == 0)
                CU_ASSERT(there[index_of(set_random(set_edit_view(&e), digits))]);
            if (form == SET_VALUE || n % 20) continue;
            char other_room[ROOM];
            struct set_edit again;
            set_edit_open(&again, &limits, set_edit_view(&e), other_room, sizeof other_room);
            check(set_edit_view(&again), universe);
            set_edit_drop(&again);
        }
        check(set_edit_view(&e), universe);
        check_walks(set_edit_view(&e), universe);
        set_edit_drop(&e);
    }
}

static const struct set_limits usual = {512, 128, 64}, roomy = {512, 128, 100};

static enum set_form form_of(const char *const *members, size_t expected) {
    char room[ROOM];
    struct set_edit e;
    set_edit_new(&e, &usual, room, sizeof room);
    if (expected) set_edit_expect(&e, slice_cstr(*members), expected);
    for (; *members; members++) set_edit_add(&e, slice_cstr(*members));
    enum set_form form = e.form;
    set_edit_drop(&e);
    return form;
}

#define FORM(expected, ...) form_of((const char *const[]){__VA_ARGS__, NULL}, expected)
#define X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void forms(void) {
    CU_ASSERT_EQUAL(FORM(1, "1"), SET_INTSET);
    CU_ASSERT_EQUAL(FORM(512, "1"), SET_INTSET);
    CU_ASSERT_EQUAL(FORM(513, "1"), SET_VALUE);
    CU_ASSERT_EQUAL(FORM(1, "01"), SET_LISTPACK);
    CU_ASSERT_EQUAL(FORM(128, "a"), SET_LISTPACK);
    CU_ASSERT_EQUAL(FORM(129, "a"), SET_VALUE);
    CU_ASSERT_EQUAL(FORM(2, "1", "a"), SET_LISTPACK);
    CU_ASSERT_EQUAL(FORM(0, "1", "9223372036854775808"), SET_LISTPACK);
    CU_ASSERT_EQUAL(FORM(2, "1", X64), SET_LISTPACK);
    CU_ASSERT_EQUAL(FORM(2, "1", X64 "x"), SET_VALUE);
    CU_ASSERT_EQUAL(FORM(1, X64 "x"), SET_VALUE);
}

/* 129 numbers are an intset that cannot become a listpack; the 513th makes it a table. */
static void thresholds(void) {
    char room[ROOM], text[NUM_INT_BYTES_MAX];
    struct set_edit e;
    set_edit_new(&e, &usual, room, sizeof room);
    for (int i = 0; i < 128; i++) set_edit_add(&e, slice_of(text, num_format_i64(text, i)));
    CU_ASSERT_EQUAL(e.form, SET_INTSET);
    set_edit_add(&e, slice_cstr("a"));
    CU_ASSERT_EQUAL(e.form, SET_VALUE);
    set_edit_drop(&e);
    set_edit_new(&e, &usual, room, sizeof room);
    for (int i = 0; i < 512; i++) set_edit_add(&e, slice_of(text, num_format_i64(text, i)));
    CU_ASSERT_EQUAL(e.form, SET_INTSET);
    CU_ASSERT(!set_edit_add(&e, slice_cstr("511")));
    CU_ASSERT_EQUAL(e.form, SET_INTSET);
    CU_ASSERT(set_edit_add(&e, slice_cstr("512")));
    CU_ASSERT_EQUAL(e.form, SET_VALUE);
    set_edit_drop(&e);
}

static void tick(void *ctx, struct slice member) {
    (void)member;
    ++*(size_t *)ctx;
}

/* Past the number of members from which on a slab has them, and back; all memory comes back. */
static void large(void) {
    size_t before = mem_used();
    char room[ROOM];
    struct set_edit e;
    forget();
    set_edit_new(&e, &(struct set_limits){0, 0, 0}, room, sizeof room);
    for (size_t i = 0; i < UNIVERSE; i++) turn(&e, i, true);
    CU_ASSERT_EQUAL(e.form, SET_VALUE);
    check(set_edit_view(&e), UNIVERSE);
    struct set_value *copy = set_value_copy(e.value);
    struct set_view copied = {.form = SET_VALUE, .value = copy};
    for (size_t n = 0; n < 4 * UNIVERSE; n++) turn(&e, below(UNIVERSE), below(3) == 0);
    check(set_edit_view(&e), UNIVERSE);
    size_t scanned = 0;
    uint64_t cursor = 0;
    do {
        cursor = set_scan(set_edit_view(&e), cursor, 100, tick, &scanned);
    } while (cursor);
    CU_ASSERT_EQUAL(scanned, there_count);
    for (size_t i = 0; i < UNIVERSE; i++) CU_ASSERT(set_has(copied, name(i)));
    CU_ASSERT(set_value_memory(copy) > UNIVERSE * 10 && set_value_free_cost(copy) > 64);
    for (size_t i = 0; i < UNIVERSE; i++) turn(&e, i, false);
    CU_ASSERT_EQUAL(set_count(set_edit_view(&e)), 0);
    set_edit_drop(&e);
    set_value_free(copy);
    CU_ASSERT_EQUAL(mem_used(), before);
}

/* A set of numbers alone has no members outside of its table. */
static void numbers_in_slots(void) {
    char text[NUM_INT_BYTES_MAX];
    struct set_edit e;
    char room[ROOM];
    set_edit_new(&e, &(struct set_limits){0, 0, 0}, room, sizeof room);
    for (int64_t i = 0; i < 20000; i++)
        set_edit_add(&e, slice_of(text, num_format_i64(text, i * 3518437209 - 35184372088832)));
    CU_ASSERT_EQUAL(set_count(set_edit_view(&e)), 20000);
    CU_ASSERT(set_value_memory(e.value) < (size_t)20000 * 15);
    set_edit_drop(&e);
}

/* Every member's turn comes about as often. */
static void even_chances(void) {
    char room[ROOM], digits[SET_DIGITS_MAX];
    for (size_t table = 0; table < 2; table++) {
        struct set_edit e;
        set_edit_new(&e, table ? &(struct set_limits){0, 0, 0} : &roomy, room, sizeof room);
        for (size_t i = 0; i < 50; i++) set_edit_add(&e, name(i));
        CU_ASSERT_EQUAL(e.form, table ? SET_VALUE : SET_LISTPACK);
        memset(seen, 0, sizeof seen);
        for (int n = 0; n < 50000; n++) seen[index_of(set_random(set_edit_view(&e), digits))]++;
        for (size_t i = 0; i < 50; i++) CU_ASSERT(seen[i] > 800 && seen[i] < 1200);
        set_edit_drop(&e);
    }
}

/* ---- stills ---- */

static void add_text(void *ctx, struct slice member) {
    *(uint64_t *)ctx += hash_bytes(member.p, member.n);
}

static uint64_t sum_of(const struct set_value *s) {
    struct set_view v = {.form = SET_VALUE, .value = s};
    uint64_t sum = set_count(v);
    set_each(v, add_text, &sum);
    return sum;
}

static void *make_still(void *s) { return set_value_still(s); }
static void end_still(void *s, void *still) { set_value_still_end(s, still); }

static void tell(struct still_bytes *to, const void *s) {
    uint64_t sum = sum_of(s);
    still_bytes_add(to, &sum, sizeof sum);
}
static void tell_now(struct still_bytes *to, void *s) { tell(to, s); }

static const struct still_kind kind = {make_still, end_still, tell_now, tell};

static void stills_stay(void) {
    struct stills stills = {.made = 0};
    size_t before = mem_used(), kept = 0;
    char room[ROOM];
    struct set_edit e;
    forget();
    set_edit_new(&e, &(struct set_limits){0, 0, 0}, room, sizeof room);
    turn(&e, 0, true);
    for (size_t n = 0; n < 20 * UNIVERSE; n++) {
        turn(&e, below(UNIVERSE), below(10) < (n / UNIVERSE % 2 ? 2 : 8));
        stills_step(&stills, &kind, e.value, &rng, 400);
        if (set_value_still_bytes(e.value) > kept) kept = set_value_still_bytes(e.value);
    }
    CU_ASSERT(kept > 5000 && stills.made > 30);
    stills_end(&stills, e.value, &rng);
    check(set_edit_view(&e), UNIVERSE);
    set_edit_drop(&e);
    CU_ASSERT_EQUAL(mem_used(), before);
}

static void stills_are_read_meanwhile(void) {
    char room[ROOM];
    struct set_edit e;
    forget();
    set_edit_new(&e, &(struct set_limits){0, 0, 0}, room, sizeof room);
    for (size_t round = 0; round < 8; round++) {
        struct still_case c;
        struct still_reader reader;
        turn(&e, round, true);
        CU_ASSERT_FATAL(still_case_make(&c, &kind, e.value));
        still_reader_start(&reader, still_case_agrees, &c);
        for (size_t n = 0; n < 3 * UNIVERSE; n++)
            turn(&e, below(UNIVERSE), below(10) < (round % 2 ? 3 : 7));
        CU_ASSERT(still_reader_stop(&reader));
        still_case_end(&c, e.value);
    }
    set_edit_drop(&e);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"random_edits", random_edits},
        {"forms", forms},
        {"thresholds", thresholds},
        {"large", large},
        {"numbers_in_slots", numbers_in_slots},
        {"even_chances", even_chances},
        {"stills_stay", stills_stay},
        {"stills_are_read_meanwhile", stills_are_read_meanwhile},
        {NULL, NULL},
    };
    hash_init(1);
    random_seed(&rng, 1);
    make_universe();
    return suite_main("set", tests);
}
