/* cmd_connection_internal.h - what the files of the connection family share. */
#ifndef COMMANDS_CMD_CONNECTION_INTERNAL_H
#define COMMANDS_CMD_CONNECTION_INTERNAL_H

#include "core/exec.h"

/* The only user there is. */
#define CONNECTION_USER "default"

#define CONNECTION_BAD_NAME                                                                        \
    "ERR Client names cannot contain spaces, newlines or special characters."

/* True for visible ASCII, or nothing: what a name in CLIENT LIST may consist of. */
bool connection_name_ok(struct slice name);

#endif
