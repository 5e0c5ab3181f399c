/* patterns_test.c - the index of patterns against a model that tests each of them. */
#include "topic/patterns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/glob.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"
#include "support/suite.h"

#define PATTERNS_MAX 3000

/* A pattern of the test, as whoever uses the index has it. */
struct held {
    struct pattern pattern;
    char text[64];
    size_t n;
    bool seen;
};

static struct random dice;
static struct patterns ix;
static struct held *held[PATTERNS_MAX];
static size_t held_count;

static uint64_t below(uint64_t n) { return random_next_below(&dice, n); }

static void add(const char *text, size_t n) {
    struct held *h = mem_calloc(sizeof *h);
    memcpy(h->text, text, n);
    h->n = n;
    patterns_add(&ix, &h->pattern, slice_of(h->text, n));
    held[held_count++] = h;
}

static void drop(size_t i) {
    patterns_remove(&ix, &held[i]->pattern);
    mem_free(held[i]);
    held[i] = held[--held_count];
}

static void drop_all(void) {
    while (held_count) drop(held_count - 1);
    patterns_fini(&ix);
}

/* Whether the index finds what glob_match finds, each once. */
static bool agrees(struct slice name) {
    size_t hits = patterns_match(&ix, name), expected = 0;
    bool ok = true;
    for (size_t i = 0; i < held_count; i++) held[i]->seen = false;
    for (size_t i = 0; i < hits; i++) {
        struct held *h = (struct held *)ix.hits[i];
        ok = ok && !h->seen;
        h->seen = true;
    }
    for (size_t i = 0; i < held_count; i++) {
        struct held *h = held[i];
        bool matches = glob_match(slice_of(h->text, h->n), name, false);
        expected += matches;
        if (matches == h->seen) continue;
        fprintf(stderr, "pattern '%.*s' name '%.*s': %d\n", (int)h->n, h->text, (int)name.n, name.p,
                matches);
        ok = false;
    }
    return ok && hits == expected;
}

static size_t random_text(char *out, size_t most, const char *letters) {
    size_t n = below(most + 1), kinds = strlen(letters);
    for (size_t i = 0; i < n; i++) out[i] = letters[below(kinds)];
    return n;
}

/* Few letters, so that much matches; all that is special, so that every shape comes. */
static void random_pattern(void) {
    static const char *const letters[] = {
        "ab", "ab*", "ab?", "ab*?", "ab*?[]\\-^", "aabb*", "*", "a\\*", "[ab]*", "[^a-b]?\\",
    };
    char text[40];
    size_t n = random_text(text, 12, letters[below(sizeof letters / sizeof *letters)]);
    add(text, n);
}

static void random_patterns_match_as_the_model_says(void) {
    for (int round = 0; round < 60; round++) {
        patterns_init(&ix);
        size_t most = 1 + below(round % 10 ? 60 : PATTERNS_MAX - 400);
        while (held_count < most) random_pattern();
        for (int i = 0; i < 300; i++) {
            char name[24];
            size_t n = random_text(name, 14, below(2) ? "ab" : "ab*[\\-^?]");
            CU_ASSERT_FATAL(agrees(slice_of(name, n)));
            if (below(3) == 0) drop(below(held_count));
            if (below(3) == 0 || !held_count) random_pattern();
        }
        drop_all();
    }
}

static void every_shape_is_found(void) {
    static const char *const texts[] = {
        "",     "*",     "**",    "a",     "\\a",    "a*",     "*a",   "a*b",
        "a**b", "a*b*c", "*b*",   "[a-f]", "[a-f]*", "a?c",    "?",    "??",
        "a[",   "a\\",   "\\*",   "a\\*",  "*\\*",   "[^a]bc", "abc",  "ab*",
        "*bc",  "a*abc", "abc*c", "a*?c",  "a[b]c",  "*[b]*",  "[]a]", "a]",
    };
    static const char *const names[] = {
        "",  "a",  "b",   "ab", "abc", "aabc", "abcc", "ac",
        "*", "a*", "a\\", "]",  "a]",  "xbc",  "a[",   "\\a",
    };
    patterns_init(&ix);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) add(texts[i], strlen(texts[i]));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        CU_ASSERT(agrees(slice_cstr(names[i])));
    drop_all();
}

static void bytes_of_any_value_do(void) {
    patterns_init(&ix);
    add("\0\xff*", 3);
    add("*\xff\0", 3);
    add("\0", 1);
    CU_ASSERT_EQUAL(patterns_match(&ix, slice_of("\0\xff", 2)), 1);
    CU_ASSERT_EQUAL(patterns_match(&ix, slice_of("\0\xff\0", 3)), 2);
    CU_ASSERT_EQUAL(patterns_match(&ix, slice_of("\0", 1)), 1);
    CU_ASSERT_EQUAL(patterns_match(&ix, slice_of("\0\0", 2)), 0);
    drop_all();
}

/* Two texts may mean the same. */
static void the_same_meaning_twice(void) {
    patterns_init(&ix);
    add("ab", 2);
    add("\\ab", 3);
    add("a\\b", 3);
    CU_ASSERT_EQUAL(patterns_match(&ix, slice_of("ab", 2)), 3);
    drop(1);
    CU_ASSERT_EQUAL(patterns_match(&ix, slice_of("ab", 2)), 2);
    drop_all();
}

/* What only few of very many can match does not ask the others: far fewer steps than patterns. */
static void many_patterns_are_not_tested(void) {
    enum { MANY = 20000 };
    struct held *all = mem_calloc(MANY * sizeof *all);
    patterns_init(&ix);
    for (int i = 0; i < MANY; i++) {
        static const char *const shapes[] = {"room:%d:*", "*:%d:room", "r*:%d", "room:%d:*:x"};
        all[i].n = (size_t)snprintf(all[i].text, sizeof all[i].text, shapes[i % 4], i);
        patterns_add(&ix, &all[i].pattern, slice_of(all[i].text, all[i].n));
    }
    CU_ASSERT_EQUAL(patterns_match(&ix, slice_cstr("room:776:x")), 1);
    CU_ASSERT_EQUAL(patterns_match(&ix, slice_cstr("x:777:room")), 1);
    CU_ASSERT_EQUAL(patterns_match(&ix, slice_cstr("rx:778")), 1);
    CU_ASSERT_EQUAL(patterns_match(&ix, slice_cstr("room:779:y:x")), 1);
    CU_ASSERT_EQUAL(patterns_match(&ix, slice_cstr("none")), 0);
    for (int i = 0; i < MANY; i++) patterns_remove(&ix, &all[i].pattern);
    CU_ASSERT_EQUAL(ix.count, 0);
    CU_ASSERT_EQUAL(ix.nodes.count, 0);
    CU_ASSERT_EQUAL(ix.lengths.n, 0);
    patterns_fini(&ix);
    mem_free(all);
}

/* Patterns that would take a billion steps are given up. */
static void hostile_patterns_are_bounded(void) {
    enum { LONG = 60000 };
    char *text = mem_alloc(LONG), *name = mem_alloc(LONG);
    memset(text, 'a', LONG);
    memset(name, 'a', LONG);
    text[0] = '*';
    memcpy(text + LONG / 2, "[b]", 3);
    struct pattern p, q;
    patterns_init(&ix);
    patterns_add(&ix, &p, slice_of(text, LONG / 2 + 3));
    text[1] = '[';
    text[LONG - 2] = ']';
    text[LONG - 1] = 'b';
    patterns_add(&ix, &q, slice_of(text, LONG));
    for (int i = 0; i < 10; i++) CU_ASSERT_EQUAL(patterns_match(&ix, slice_of(name, LONG)), 0);
    patterns_remove(&ix, &p);
    patterns_remove(&ix, &q);
    patterns_fini(&ix);
    mem_free(text);
    mem_free(name);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"every_shape_is_found", every_shape_is_found},
        {"bytes_of_any_value_do", bytes_of_any_value_do},
        {"the_same_meaning_twice", the_same_meaning_twice},
        {"random_patterns_match_as_the_model_says", random_patterns_match_as_the_model_says},
        {"many_patterns_are_not_tested", many_patterns_are_not_tested},
        {"hostile_patterns_are_bounded", hostile_patterns_are_bounded},
        {NULL, NULL},
    };
    hash_init(1);
    random_seed(&dice, 7);
    return suite_main("patterns", tests);
}
