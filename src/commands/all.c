/* all.c - every family of commands that the server knows. */
#include "commands/families.h"

const struct row *const all_families[] = {
    string_rows,     bitmap_rows, generic_rows, expire_rows,  scan_rows, object_rows, client_rows,
    connection_rows, server_rows, config_rows,  command_rows, list_rows, NULL,
};
