/* part_sort.h - sorting a part of an array: what SORT and GEOSEARCH show of many is little.
 *
 * P1  Afterwards the items of the range are those that stand there when all are sorted; the others
 *     are on the right side of it, in any order.
 * P2  Which of two equal items comes first is open; a caller that minds compares by more.
 * Quicksort around pivots taken by chance, which enters only parts that meet the range; what a
 * client sends cannot make it slow. Cost: O(n + k log k) comparisons for k items in the range.
 * Threads: any; nothing is shared.
 * Specification: C. A. R. Hoare, "Algorithm 65: Find", 1961.
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
