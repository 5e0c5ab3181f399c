/* families.h - the tables of rows that the cmd_*.c files export.
 *
 * Each ends with a row without a name. To add a family: its table here and in all.c.
 */
#ifndef COMMANDS_FAMILIES_H
#define COMMANDS_FAMILIES_H

#include "core/row.h"

extern const struct row bitmap_rows[];
extern const struct row client_rows[];
extern const struct row command_rows[];
extern const struct row config_rows[];
extern const struct row connection_rows[];
extern const struct row dump_rows[];
extern const struct row expire_rows[];
extern const struct row function_rows[];
extern const struct row generic_rows[];
extern const struct row geo_rows[];
extern const struct row hll_rows[];
extern const struct row lane_rows[];
extern const struct row list_rows[];
extern const struct row list_block_rows[];
extern const struct row hash_expire_rows[];
extern const struct row hash_import_rows[];
extern const struct row hash_rows[];
extern const struct row log_rows[];
extern const struct row object_rows[];
extern const struct row persist_rows[];
extern const struct row pubsub_rows[];
extern const struct row scan_rows[];
extern const struct row script_rows[];
extern const struct row server_rows[];
extern const struct row set_algebra_rows[];
extern const struct row set_rows[];
extern const struct row sort_rows[];
extern const struct row stream_group_rows[];
extern const struct row stream_info_rows[];
extern const struct row stream_later_rows[];
extern const struct row stream_pending_rows[];
extern const struct row stream_read_rows[];
extern const struct row stream_rows[];
extern const struct row string_rows[];
extern const struct row topic_rows[];
extern const struct row tx_rows[];
extern const struct row zset_algebra_rows[];
extern const struct row zset_block_rows[];
extern const struct row zset_range_rows[];
extern const struct row zset_rows[];

/* All of the tables, ending with NULL: what row_table_new takes. */
extern const struct row *const all_families[];

#endif
