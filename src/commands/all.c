/* all.c - every family of commands that the server knows. */
#include "commands/families.h"

const struct row *const all_families[] = {
    string_rows,       bitmap_rows,      hll_rows,          list_rows,           list_block_rows,
    set_rows,          set_algebra_rows, hash_rows,         hash_expire_rows,    hash_import_rows,
    zset_rows,         zset_range_rows,  zset_algebra_rows, zset_block_rows,     geo_rows,
    stream_rows,       stream_read_rows, stream_group_rows, stream_pending_rows, stream_info_rows,
    stream_later_rows, generic_rows,     sort_rows,         expire_rows,         scan_rows,
    object_rows,       dump_rows,        client_rows,       connection_rows,     server_rows,
    persist_rows,      config_rows,      command_rows,      lane_rows,           log_rows,
    tx_rows,           script_rows,      function_rows,     pubsub_rows,         NULL,
};
