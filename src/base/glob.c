/* glob.c - see glob.h.
 *
 * Only the last star met can ever have to take more bytes: what stands before it matched
 * with the shortest runs, which leaves the most for the rest. So one saved position per
 * string replaces recursion.
 */
#include "base/glob.h"

#include "base/limits.h"

static inline unsigned char fold(unsigned char c) { return c >= 'A' && c <= 'Z' ? c | 32 : c; }

static inline bool same(char a, char b, bool nocase) {
    return a == b || (nocase && fold((unsigned char)a) == fold((unsigned char)b));
}

static bool in_range(char first, char last, char c, bool nocase) {
    signed char low = (signed char)first, high = (signed char)last, x = (signed char)c;
    if (low > high) {
        signed char swap = low;
        low = high;
        high = swap;
    }
    /* Redis folds after it has put the ends in order, so a folded range may be empty. */
    if (nocase) {
        low = (signed char)fold((unsigned char)low);
        high = (signed char)fold((unsigned char)high);
        x = (signed char)fold((unsigned char)x);
    }
    return x >= low && x <= high;
}

/* Matches c against the set whose '[' is at *at, and moves *at behind the set. */
static bool match_set(struct slice pattern, size_t *at, char c, bool nocase) {
    const char *p = pattern.p + *at + 1, *end = pattern.p + pattern.n;
    bool negated = p < end && *p == '^', found = false;
    if (negated) p++;
    while (p < end && *p != ']') {
        if (*p == '\\' && end - p >= 2) {
            found |= p[1] == c;
            p += 2;
        } else if (end - p >= 3 && p[1] == '-') {
            found |= in_range(p[0], p[2], c, nocase);
            p += 3;
        } else {
            found |= same(*p, c, nocase);
            p++;
        }
    }
    if (p < end) p++;
    *at = (size_t)(p - pattern.p);
    return found != negated;
}

/* Matches one byte against the element at *at, which is no star, and moves behind it. */
static bool match_one(struct slice pattern, size_t *at, char c, bool nocase) {
    char e = pattern.p[*at];
    if (e == '[') return match_set(pattern, at, c, nocase);
    bool any = e == '?';
    if (e == '\\' && pattern.n - *at >= 2) e = pattern.p[++*at];
    ++*at;
    return any || same(e, c, nocase);
}

/* A step is a byte of the pattern looked at. */
static bool match(struct slice pattern, struct slice s, bool nocase, size_t steps) {
    if (s.n == 0) return pattern.n == 0;
    size_t at = 0, i = 0;
    size_t star_at = SIZE_MAX, star_i = 0; /* behind the last star; where its rest began */
    while (i < s.n) {
        if (at < pattern.n && pattern.p[at] == '*') {
            star_at = ++at;
            star_i = i;
            if (at == pattern.n) return true;
            continue;
        }
        size_t before = at;
        bool same = at < pattern.n && match_one(pattern, &at, s.p[i], nocase);
        size_t taken = at - before + 1;
        if (taken > steps) return false;
        steps -= taken;
        if (same) {
            i++;
            continue;
        }
        if (star_at == SIZE_MAX) return false;
        at = star_at;
        i = ++star_i;
    }
    while (at < pattern.n && pattern.p[at] == '*') at++;
    return at == pattern.n;
}

bool glob_match(struct slice pattern, struct slice s, bool nocase) {
    return match(pattern, s, nocase, SIZE_MAX);
}

bool glob_match_bounded(struct slice pattern, struct slice s) {
    return match(pattern, s, false, GLOB_STEPS_MAX + s.n * GLOB_BYTE_STEPS_MAX);
}

enum glob_element glob_element(struct slice pattern, size_t *at, char *literal) {
    char e = pattern.p[*at];
    if (e == '[') {
        match_set(pattern, at, 0, false);
        return GLOB_ONE;
    }
    if (e == '\\' && pattern.n - *at >= 2) {
        *literal = pattern.p[*at + 1];
        *at += 2;
        return GLOB_LITERAL;
    }
    ++*at;
    *literal = e;
    return e == '*' ? GLOB_RUN : e == '?' ? GLOB_ONE : GLOB_LITERAL;
}
