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

__attribute__((noinline)) bool bytes_eq_few(const char *a, const char *b, size_t n) {
    if (n >= 4) {
        uint32_t head_a, head_b, tail_a, tail_b;
        memcpy(&head_a, a, 4);
        memcpy(&head_b, b, 4);
        memcpy(&tail_a, a + n - 4, 4);
        memcpy(&tail_b, b + n - 4, 4);
        return head_a == head_b && tail_a == tail_b;
    }
    for (size_t i = 0; i < n; i++) {
        if (a[i] != b[i]) return false;
    }
    return true;
}
