/* table_still.h - stills: a table as it was at an instant, to be read while the table changes.
 *
 * A still has a directory of its own and shares the pages: before the table writes into a page that
 * a still may see it takes a copy, once for each still; and a page that it gives up meanwhile stays
 * until the last still has ended. Items are the owner's: those that are taken out have to stay too
 * (types/member_heap.h), and none may be changed where it lies.
 *
 * S1  A still is read by table_find, table_step, table_each and table_each_wanted, and by `count`;
 *     by any threads. The table outlives it.
 * S2  A table with stills has no walk (table_walk_begin).
 * Cost: making one, a copy of the directory (some 30 us for a million items); a write, one test
 * while there is none, and a copy of a page of some KiB where it has not been written to since.
 * Threads: the owner's.
 */
#ifndef BASE_TABLE_STILL_H
#define BASE_TABLE_STILL_H

#include "base/table.h"

/* Fills *still, for table_still_end. Several may be out at once. */
void table_still(struct table *t, struct table *still);
void table_still_end(struct table *t, struct table *still);

/* Bytes of pages that are kept for stills alone. */
size_t table_still_bytes(const struct table *t);

#endif
