/* garbage.h - what is detached from the databases and waits to be freed off the loop.
 *
 * Threads: the list is made on the loop and handed over whole.
 */
#ifndef STORE_GARBAGE_H
#define STORE_GARBAGE_H

#include "base/limits.h"
#include "store/db.h"

/* Of blobs of GARBAGE_BLOB_BYTES_MIN and more: smaller ones are freed on the loop. */
void garbage_add_blob(struct keyspace *ks, struct blob *b);
void garbage_add_object(struct keyspace *ks, enum entry_type type, void *object);
void garbage_add_shelf(struct keyspace *ks, struct shelf *s);

#endif
