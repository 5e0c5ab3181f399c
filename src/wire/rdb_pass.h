/* rdb_pass.h - values of an RDB that are passed over: for who only wants to know where they end.
 *
 * Threads: any.
 */
#ifndef WIRE_RDB_PASS_H
#define WIRE_RDB_PASS_H

#include "wire/rdb_read.h"

/* As rdb_get_value, whose errors it returns; a collection without elements is none. */
int rdb_pass_value(struct rdb_reader *r, unsigned type);

#endif
