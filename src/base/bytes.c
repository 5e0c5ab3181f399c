/* bytes.c - comparisons of slices; see bytes.h. */
#include "base/bytes.h"

#include <strings.h>

int slice_cmp(struct slice a, struct slice b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    if (c) return c;
    return a.n < b.n ? -1 : a.n > b.n;
}

bool slice_is(struct slice a, const char *word) {
    return strlen(word) == a.n && strncasecmp(a.p, word, a.n) == 0;
}
