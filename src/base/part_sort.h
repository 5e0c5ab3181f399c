/* part_sort.h - sorting a part of an array: what SORT and GEOSEARCH show of many is little.
 *
 * P1  Afterwards the items of the range are those that stand there when all are sorted; the others
 *     are on the right side of it, in any order.
 * P2  Of equal items those come first, and are in the range, that the specified algorithm puts
 *     there: clients see it when they ask Redis for a part. A caller that wants another order
 *     of them compares by more.
 * P3  What a client sends cannot make it slow: a part of too many divisions goes on around pivots
 *     taken by chance, and leaves P2.
 * Quicksort that enters only parts that meet the range. Cost: O(n + k log k) comparisons for k
 * items in the range; at worst O(n log n) with a factor of a few.
 * Threads: any; nothing is shared.
 * Specification: J. L. Bentley, M. D. McIlroy, "Engineering a Sort Function", 1993, entering only
 * such parts.
 */
#ifndef BASE_PART_SORT_H
#define BASE_PART_SORT_H

#include <stddef.h>

#define PART_SORT_ITEM_BYTES_MAX 64

/* <0, 0, >0, as for qsort. */
typedef int part_sort_order(const void *a, const void *b, void *ctx);

/* An array, and the range [from, to) of it, to <= count. */
struct part_sort {
    void *items;
    size_t count, item_bytes; /* at most PART_SORT_ITEM_BYTES_MAX */
    size_t from, to;
};

void part_sort(const struct part_sort *what, part_sort_order *order, void *ctx);

#endif
