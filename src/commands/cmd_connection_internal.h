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

/* Client-side caching: cmd_tracking.c. */
void client_tracking(struct ctx *c);
void client_caching(struct ctx *c);
void client_getredir(struct ctx *c);
void client_trackinginfo(struct ctx *c);
extern const struct row_arg client_tracking_args[], client_caching_args[];

/* The id of the client that gets the invalidations of s: 0 is itself, -1 that it does not track. */
int64_t client_redirect(const struct session *s);

#endif
