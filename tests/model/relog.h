/* relog.h - whether the append log holds what the server holds.
 *
 * The files of a server's log are copied to a fresh Clearlane and, if asked for, to redis-server;
 * what these load is compared with what the server has. From the first time on it is rewritten all
 * the time between, so that snapshots are made beside all commands. Commands that only later
 * servers know keep redis-server from loading: a run that asks for it leaves them out.
 *
 * Threads: one.
 */
#ifndef MODEL_RELOG_H
#define MODEL_RELOG_H

#include "link.h"
#include "support/server.h"

/* What our server is started with so that it can be asked. */
extern const char *const relog_args[];

/* `admin` is a link to ours. False, with what differs appended to *why. */
bool relog_check(struct server *ours, struct link *admin, bool with_oracle, struct text *why);

#endif
