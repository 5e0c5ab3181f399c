/* keyspace.h - compares everything that two servers hold.
 *
 * To add a type: a row of the table in keyspace.c.
 * Threads: one.
 */
#ifndef MODEL_KEYSPACE_H
#define MODEL_KEYSPACE_H

#include "link.h"

/* What need not be quite the same. */
struct leeway {
    int64_t expiry_ms, streams_ms; /* times of expiry; those in streams */
    bool any_encoding;
};

/* Keys of all 16 databases, with their types, encodings, times of expiry and values. False, with
 * what differs first appended to *why, when they are not the same. Leaves the links in database 0.
 */
bool keyspace_equal(struct link *links[SIDES], struct leeway leeway, struct text *why);

/* Runs a SCAN-like command (its cursor is word `cursor`) to its end and adds all elements.
 * False with the odd reply in *odd when the reply is not a cursor and a list, or the cursor
 * does not come back to 0. */
bool keyspace_scan(struct link *l, size_t argc, const struct span *argv, size_t cursor,
                   struct words *out, struct text *odd);

#endif
