/* object.h - large values: what the store must be able to do with one, whatever its type.
 *
 * A value that outgrew its packed form is an object of its type's module (types/), which the entry
 * points to. Commands use that module's functions; the store frees, copies and measures.
 *
 * A still of an object is another one of its type that reads as it was when the still was made, by
 * any thread, while the loop goes on changing the object; the two share what has not changed.
 * To add a type: its row in object.c.
 * Threads: object_free any, of an object that no table points to; the rest the loop's.
 */
#ifndef STORE_OBJECT_H
#define STORE_OBJECT_H

#include "store/entry.h"

/* Allocations from which on an object is freed by a worker. */
#define OBJECT_FREE_COST_MAX 64

struct object_ops {
    const char *encoding; /* as OBJECT ENCODING says it */
    void (*free)(void *object);
    size_t (*free_cost)(const void *object); /* allocations, about */
    size_t (*memory)(const void *object);
    void *(*copy)(const void *object);
    /* A still, to be ended before the object is freed; NULL: it would cost too much. The function
     * is NULL for a type that has none. */
    void *(*still)(void *object);
    void (*still_end)(void *object, void *still);
    size_t (*still_bytes)(const void *object); /* that are kept for the sake of stills */
};

const struct object_ops *object_ops(enum entry_type type);

#endif
