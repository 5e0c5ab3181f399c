/* glob_test.c - patterns against a table that Redis 7.0.15 answered, and against a
 * recursive model on small alphabets, where every corner turns up. */
#include "base/glob.h"

#include "base/clock.h"
#include "base/random.h"
#include "support/suite.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 300000

static struct random rng;

/* The byte set at p[0] == '[': whether c is in it, and how long it is. */
static bool model_set(const char *p, size_t n, char c, bool nocase, size_t *length) {
    size_t i = 1;
    bool negated = n > 1 && p[1] == '^', found = false;
    if (negated) i++;
    while (i < n && p[i] != ']') {
        if (p[i] == '\\' && i + 1 < n) {
            if (p[i + 1] == c) found = true;
            i += 2;
        } else if (i + 2 < n && p[i + 1] == '-') {
            int a = (signed char)p[i], b = (signed char)p[i + 2], x = (signed char)c;
            int low = a < b ? a : b, high = a < b ? b : a;
            if (nocase) {
                if (low > 0) low = tolower(low);
                if (high > 0) high = tolower(high);
                if (x > 0) x = tolower(x);
            }
            if (x >= low && x <= high) found = true;
            i += 3;
        } else {
            if (p[i] == c) found = true;
            if (nocase && tolower((unsigned char)p[i]) == tolower((unsigned char)c)) found = true;
            i++;
        }
    }
    *length = i < n ? i + 1 : n;
    return found != negated;
}

/* Whether p matches a string that was not empty to begin with. */
static bool model_rest(const char *p, size_t n, const char *s, size_t m, bool nocase) {
    if (n == 0) return m == 0;
    if (p[0] == '*') {
        for (size_t skip = 0; skip <= m; skip++) {
            if (model_rest(p + 1, n - 1, s + skip, m - skip, nocase)) return true;
        }
        return false;
    }
    if (m == 0) return false;
    size_t length = 1;
    bool same;
    if (p[0] == '[') {
        same = model_set(p, n, s[0], nocase, &length);
    } else if (p[0] == '?') {
        same = true;
    } else {
        if (p[0] == '\\' && n > 1) length = 2;
        char e = p[length - 1];
        same = e == s[0] || (nocase && tolower((unsigned char)e) == tolower((unsigned char)s[0]));
    }
    return same && model_rest(p + length, n - length, s + 1, m - 1, nocase);
}

static void as_redis_answers(void) {
    static const struct {
        const char *pattern, *s;
        bool matches;
    } cases[] = {
        {"h?llo", "hello", true},
        {"h*llo", "hllo", true},
        {"h*llo", "heeeello", true},
        {"h[ae]llo", "hallo", true},
        {"h[ae]llo", "hillo", false},
        {"h[^e]llo", "hello", false},
        {"h[a-c]llo", "hbllo", true},
        {"h[c-a]llo", "hbllo", true},
        {"*", "x", true},
        {"**", "x", true},
        {"a**", "a", true},
        {"a\\*", "a*", true},
        {"a\\*", "ab", false},
        {"a\\", "a\\", true},
        {"[abc", "b", true},
        {"[", "[", false},
        {"[]", "]", false},
        {"[^", "x", true},
        {"[a-", "-", true},
        {"[a-", "b", false},
        {"[a-]", "]", true},
        {"[\\]]", "]", true},
        {"[\\", "\\", true},
        {"x*y*z", "xaybz", true},
        {"*?", "a", true},
        {"?*", "a", true},
        {"", "a", false},
        {"abc", "ab", false},
        {"ab", "abc", false},
        {"[^a-]b", "^", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool m = glob_match(slice_cstr(cases[i].pattern), slice_cstr(cases[i].s), false);
        CU_ASSERT_EQUAL(m, cases[i].matches);
        if (m != cases[i].matches) printf("%s %s\n", cases[i].pattern, cases[i].s);
    }
    CU_ASSERT(glob_match(slice_cstr(""), slice_cstr(""), false));
    CU_ASSERT_FALSE(glob_match(slice_cstr("*"), slice_cstr(""), false));
}

/* Against a name of the alphabet's first letter, "*aa...ab" takes as many steps as the product of
 * both lengths; "*b*" takes as many as the name is long. */
static void hostile_patterns_are_given_up(void) {
    enum { NAME_BYTES = 4 * 1024 * 1024, PATTERN_BYTES = 30000 };
    char *name = malloc(NAME_BYTES), *pattern = malloc(PATTERN_BYTES);
    CU_ASSERT_FATAL(name && pattern);
    memset(name, 'a', NAME_BYTES);
    memset(pattern, 'a', PATTERN_BYTES);
    pattern[0] = '*';
    pattern[PATTERN_BYTES - 1] = 'b';
    name[NAME_BYTES - 1] = 'b';
    CU_ASSERT_FALSE(
        glob_match_bounded(slice_of(pattern, PATTERN_BYTES), slice_of(name, NAME_BYTES)));
    CU_ASSERT(glob_match_bounded(slice_cstr("*b*"), slice_of(name, NAME_BYTES)));
    CU_ASSERT(glob_match_bounded(slice_cstr("a*a*b"), slice_of(name, NAME_BYTES)));
    CU_ASSERT_FALSE(glob_match_bounded(slice_cstr("*c*"), slice_of(name, NAME_BYTES)));
    free(name);
    free(pattern);
}

static void case_is_folded_on_request(void) {
    CU_ASSERT(glob_match(slice_cstr("MAX*"), slice_cstr("maxmemory"), true));
    CU_ASSERT_FALSE(glob_match(slice_cstr("MAX*"), slice_cstr("maxmemory"), false));
    CU_ASSERT(glob_match(slice_cstr("[A-M]ax"), slice_cstr("max"), true));
    CU_ASSERT(glob_match(slice_cstr("[M]ax"), slice_cstr("max"), true));
    CU_ASSERT_FALSE(glob_match(slice_cstr("[\\M]ax"), slice_cstr("max"), true));
    CU_ASSERT(glob_match(slice_cstr("\\Max"), slice_cstr("max"), true));
}

/* A random text in a block of exactly its length, for the sanitizers. */
static char *random_text(const char *alphabet, size_t n) {
    char *p = malloc(n ? n : 1);
    for (size_t i = 0; i < n; i++) p[i] = alphabet[random_next_below(&rng, strlen(alphabet))];
    return p;
}

static void agrees_with_the_model(void) {
    int matched = 0;
    for (int i = 0; i < ROUNDS; i++) {
        size_t n = random_next_below(&rng, 10), m = random_next_below(&rng, 8);
        char *p = random_text(i % 3 ? "ab*?[]^-\\" : "aAbB*[-]\xe1\xc1", n);
        char *s = random_text(i % 3 ? "ab]-\\" : "aAbB\xe1\xc1_", m);
        bool nocase = i & 1;
        bool expected = m == 0 ? n == 0 : model_rest(p, n, s, m, nocase);
        bool got = glob_match(slice_of(p, n), slice_of(s, m), nocase);
        CU_ASSERT_EQUAL(got, expected);
        if (got != expected) printf("[%.*s] [%.*s]\n", (int)n, p, (int)m, s);
        matched += got;
        free(p);
        free(s);
    }
    CU_ASSERT(matched > ROUNDS / 100);
}

static void hostile_patterns_take_bounded_time(void) {
    enum { STARS = 500, LENGTH = 20000 };
    static char pattern[2 * STARS + 1], s[LENGTH];
    for (int i = 0; i < STARS; i++) memcpy(pattern + 2 * i, "a*", 2);
    pattern[2 * STARS] = 'b';
    memset(s, 'a', sizeof s);
    uint64_t start_ms = clock_mono_ms();
    CU_ASSERT_FALSE(glob_match(slice_of(pattern, sizeof pattern), slice_of(s, sizeof s), false));
    CU_ASSERT(clock_mono_ms() - start_ms < 1000);
    s[LENGTH - 1] = 'b';
    CU_ASSERT(glob_match(slice_of(pattern, sizeof pattern), slice_of(s, sizeof s), false));
}

int main(void) {
    static const struct suite_test tests[] = {
        {"as_redis_answers", as_redis_answers},
        {"hostile_patterns_are_given_up", hostile_patterns_are_given_up},
        {"case_is_folded_on_request", case_is_folded_on_request},
        {"agrees_with_the_model", agrees_with_the_model},
        {"hostile_patterns_take_bounded_time", hostile_patterns_take_bounded_time},
        {NULL, NULL},
    };
    random_seed(&rng, 2);
    return suite_main("glob", tests);
}
