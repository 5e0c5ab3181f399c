/* garbage.h - what is detached from the databases and waits to be freed off the loop.
 *
 * Threads: the list is made on the loop and handed over whole.
 */
#ifndef STORE_GARBAGE_H
#define STORE_GARBAGE_H

#include "store/db.h"

/* Blobs of this size and more are not freed on the loop. */
#define GARBAGE_BLOB_BYTES_MIN (256 * 1024)

void garbage_add_blob(struct keyspace *ks, struct blob *b);
void garbage_add_shelf(struct keyspace *ks, struct shelf *s);

#endif
