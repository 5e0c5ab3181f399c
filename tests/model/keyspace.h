/* keyspace.h - compares everything that two servers hold.
 *
 * To add a type: a row of the table in keyspace.c.
 * Threads: one.
 */
#ifndef MODEL_KEYSPACE_H
#define MODEL_KEYSPACE_H

#include "link.h"

/* Keys of all 16 databases, with their types, encodings, times of expiry (up to slack_ms
 * apart) and values. False, with what differs first appended to *why, when they are not
 * the same. Leaves the links in database 0. */
bool keyspace_equal(struct link *links[SIDES], int64_t slack_ms, struct text *why);

/* Runs a SCAN-like command (its cursor is word `cursor`) to its end and adds all elements.
 * False with the odd reply in *odd when the reply is not a cursor and a list, or the cursor
 * does not come back to 0. */
bool keyspace_scan(struct link *l, size_t argc, const struct span *argv, size_t cursor,
                   struct words *out, struct text *odd);

#endif
