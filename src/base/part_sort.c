/* part_sort.c - see part_sort.h. */
#include "base/part_sort.h"

#include "base/assert.h"
#include "base/random.h"

#include <stdbool.h>
#include <string.h>

/* Below FEW items are inserted one by one; above MANY a pivot is looked for among nine. */
#define FEW 7
#define MANY 40

/* Of how many divisions a part may come, as a multiple of the logarithm of all, before chance has
 * to help. */
#define DEPTH_FACTOR 4

struct sorter {
    part_sort_order *order;
    void *ctx;
    size_t bytes;
    const char *from, *to; /* the range */
};

/* What is on either side of the items that are equal to the pivot. */
struct sides {
    char *left, *right;
    size_t left_n, right_n;
};

static void swap(char *a, char *b, size_t n) {
    char t[PART_SORT_ITEM_BYTES_MAX];
    memcpy(t, a, n);
    memcpy(a, b, n);
    memcpy(b, t, n);
}

static void insert_each(const struct sorter *s, char *first, size_t n) {
    char item[PART_SORT_ITEM_BYTES_MAX], *end = first + n * s->bytes;
    for (char *p = first + s->bytes; p < end; p += s->bytes) {
        char *at = p;
        while (at > first && s->order(at - s->bytes, p, s->ctx) > 0) at -= s->bytes;
        if (at == p) continue;
        memcpy(item, p, s->bytes);
        memmove(at + s->bytes, at, (size_t)(p - at));
        memcpy(at, item, s->bytes);
    }
}

static char *middle_of(const struct sorter *s, char *a, char *b, char *c) {
    if (s->order(a, b, s->ctx) < 0) {
        if (s->order(b, c, s->ctx) < 0) return b;
        return s->order(a, c, s->ctx) < 0 ? c : a;
    }
    if (s->order(b, c, s->ctx) > 0) return b;
    return s->order(a, c, s->ctx) < 0 ? a : c;
}

static char *specified_pivot(const struct sorter *s, char *first, size_t n) {
    char *low = first, *middle = first + n / 2 * s->bytes, *high = first + (n - 1) * s->bytes;
    if (n == FEW) return middle;
    if (n > MANY) {
        size_t d = n / 8 * s->bytes;
        low = middle_of(s, low, low + d, low + 2 * d);
        middle = middle_of(s, middle - d, middle, middle + d);
        high = middle_of(s, high - 2 * d, high - d, high);
    }
    return middle_of(s, low, middle, high);
}

static char *by_chance(const struct sorter *s, char *first, size_t n) {
    return first + random_below(n) * s->bytes;
}

static char *chance_pivot(const struct sorter *s, char *first, size_t n) {
    return middle_of(s, by_chance(s, first, n), by_chance(s, first, n), by_chance(s, first, n));
}

/* Swaps as many items at the start of [a, b) with those at its end as the shorter of the two
 * pieces has that meet at `cut`. */
static void exchange(const struct sorter *s, char *a, const char *cut, char *b) {
    size_t n = (size_t)(cut - a), other = (size_t)(b - cut);
    if (n > other) n = other;
    for (char *to = b - n; to < b; a += s->bytes, to += s->bytes) swap(a, to, s->bytes);
}

/* Low and high walk towards each other, and leave items equal to the pivot at both ends, [first,
 * low_equal) and (high_equal, last]; in the end these are brought between the others. */
static struct sides divide(const struct sorter *s, char *first, size_t n, char *pivot) {
    char *end = first + n * s->bytes, *low = first + s->bytes, *high = end - s->bytes;
    char *low_equal = low, *high_equal = high;
    swap(first, pivot, s->bytes);
    for (;;) {
        for (int is; low <= high && (is = s->order(low, first, s->ctx)) <= 0; low += s->bytes) {
            if (is < 0) continue;
            swap(low_equal, low, s->bytes);
            low_equal += s->bytes;
        }
        for (int is; low <= high && (is = s->order(high, first, s->ctx)) >= 0; high -= s->bytes) {
            if (is > 0) continue;
            swap(high, high_equal, s->bytes);
            high_equal -= s->bytes;
        }
        if (low > high) break;
        swap(low, high, s->bytes);
        low += s->bytes;
        high -= s->bytes;
    }
    size_t below = (size_t)(low - low_equal), above = (size_t)(high_equal - high);
    exchange(s, first, low_equal, low);
    exchange(s, low, high_equal + s->bytes, end);
    return (struct sides){first, end - above, below / s->bytes, above / s->bytes};
}

static bool is_asked_for(const struct sorter *s, const char *first, size_t n) {
    return n > 1 && first < s->to && first + n * s->bytes > s->from;
}

/* The smaller side by recursion, so that this is at most as deep as the logarithm of n. */
static void sort_part(const struct sorter *s, char *first, size_t n, unsigned depth) {
    while (is_asked_for(s, first, n)) {
        if (n < FEW) {
            insert_each(s, first, n);
            return;
        }
        char *pivot = depth ? specified_pivot(s, first, n) : chance_pivot(s, first, n);
        struct sides sides = divide(s, first, n, pivot);
        if (depth) depth--;
        if (sides.left_n < sides.right_n) {
            sort_part(s, sides.left, sides.left_n, depth);
            first = sides.right;
            n = sides.right_n;
        } else {
            sort_part(s, sides.right, sides.right_n, depth);
            first = sides.left;
            n = sides.left_n;
        }
    }
}

void part_sort(const struct part_sort *what, part_sort_order *order, void *ctx) {
    ASSERT(what->item_bytes && what->item_bytes <= PART_SORT_ITEM_BYTES_MAX);
    ASSERT(what->to <= what->count);
    const char *items = what->items;
    struct sorter s = {order, ctx, what->item_bytes, items + what->from * what->item_bytes,
                       items + what->to * what->item_bytes};
    unsigned depth = DEPTH_FACTOR;
    for (size_t n = what->count; n > 1; n /= 2) depth += DEPTH_FACTOR;
    if (what->from < what->to) sort_part(&s, what->items, what->count, depth);
}
