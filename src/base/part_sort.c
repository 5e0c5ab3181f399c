/* part_sort.c - see part_sort.h. */
#include "base/part_sort.h"

#include "base/assert.h"
#include "base/random.h"

#include <stdbool.h>
#include <string.h>

/* Few items are inserted one by one. */
#define FEW 12

struct sorter {
    part_sort_order *order;
    void *ctx;
    size_t bytes;
};

static void swap(char *a, char *b, size_t n) {
    char t[PART_SORT_ITEM_BYTES_MAX];
    memcpy(t, a, n);
    memcpy(a, b, n);
    memcpy(b, t, n);
}

static void insert_each(const struct sorter *s, char *first, char *end) {
    char item[PART_SORT_ITEM_BYTES_MAX];
    for (char *p = first + s->bytes; p < end; p += s->bytes) {
        char *at = p;
        while (at > first && s->order(at - s->bytes, p, s->ctx) > 0) at -= s->bytes;
        if (at == p) continue;
        memcpy(item, p, s->bytes);
        memmove(at + s->bytes, at, (size_t)(p - at));
        memcpy(at, item, s->bytes);
    }
}

static char *by_chance(const struct sorter *s, char *first, size_t n) {
    return first + random_below(n) * s->bytes;
}

/* The middle one of three by chance. */
static char *pivot_of(const struct sorter *s, char *first, size_t n) {
    char *a = by_chance(s, first, n), *b = by_chance(s, first, n), *c = by_chance(s, first, n);
    bool up = s->order(a, b, s->ctx) < 0;
    if ((s->order(b, c, s->ctx) < 0) == up) return b;
    return (s->order(a, c, s->ctx) < 0) == up ? c : a;
}

/* Parts n > 1 items: what stands before the returned item is not above it, the rest not below. */
static char *divide(const struct sorter *s, char *first, size_t n) {
    char *low = first, *high = first + n * s->bytes;
    swap(first, pivot_of(s, first, n), s->bytes);
    for (;;) {
        do low += s->bytes;
        while (low < high && s->order(low, first, s->ctx) < 0);
        do high -= s->bytes;
        while (s->order(high, first, s->ctx) > 0);
        if (low >= high) break;
        swap(low, high, s->bytes);
    }
    swap(first, high, s->bytes);
    return high;
}

/* The smaller side by recursion, so that this is at most as deep as the logarithm of n. */
static void sort_range(const struct sorter *s, char *first, size_t n, size_t from, size_t to) {
    while (from < to && n > FEW) {
        char *middle = divide(s, first, n);
        size_t left = (size_t)(middle - first) / s->bytes, skip = left + 1;
        size_t left_to = to < left ? to : left;
        size_t right_from = from > skip ? from - skip : 0, right_to = to > skip ? to - skip : 0;
        if (left < n / 2) {
            sort_range(s, first, left, from, left_to);
            first = middle + s->bytes;
            n -= skip;
            from = right_from;
            to = right_to;
        } else {
            sort_range(s, middle + s->bytes, n - skip, right_from, right_to);
            n = left;
            to = left_to;
        }
    }
    if (from < to) insert_each(s, first, first + n * s->bytes);
}

void part_sort(const struct part_sort *what, part_sort_order *order, void *ctx) {
    ASSERT(what->item_bytes && what->item_bytes <= PART_SORT_ITEM_BYTES_MAX);
    ASSERT(what->to <= what->count);
    struct sorter s = {order, ctx, what->item_bytes};
    sort_range(&s, what->items, what->count, what->from, what->to);
}
