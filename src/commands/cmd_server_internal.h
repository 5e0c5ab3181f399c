/* cmd_server_internal.h - what the files of the server family share.
 *
 * cmd_server.c is about the server as a whole and has the family's table, cmd_observe.c shows
 * what the server does (slow log, latency, MONITOR), cmd_memory.c where its memory goes,
 * cmd_debug.c is for tests, cmd_debug_digest.c fingerprints keys, cmd_lolwut.c draws.
 * Threads: the loop.
 */
#ifndef COMMANDS_CMD_SERVER_INTERNAL_H
#define COMMANDS_CMD_SERVER_INTERNAL_H

#include <stdlib.h>

#include "core/exec.h"

/* A text made with open_memstream, as a verbatim string; it is freed. */
static inline void server_reply_text(struct ctx *c, char *text, size_t bytes) {
    reply_verbatim(c->r, slice_of(text, bytes), "txt");
    free(text);
}

/* -- digests ------------------------------------------------------------------------- */

#define DIGEST_HEX_BYTES 41 /* with the zero behind it */

/* Fingerprints of all databases, and of one value (e NULL: zeros), as Redis computes them. */
void digest_of_keyspace(struct keyspace *ks, char hex[DIGEST_HEX_BYTES]);
void digest_of_value(const struct entry *e, char hex[DIGEST_HEX_BYTES]);

/* -- handlers and subcommands of rows ------------------------------------------------ */

void server_debug(struct ctx *c);
enum row_hides server_debug_hides(const struct slice *argv, int argc);
void server_lolwut(struct ctx *c);
void server_monitor(struct ctx *c);

/* Begins SAVE's file: the command is replied to when it is there, `or_not`: well even if it fails.
 * 0, or an error of err.h. */
int server_reply_when_saved(struct ctx *c, bool or_not);

extern const struct row commandlog_subs[];
extern const struct row latency_subs[];
extern const struct row memory_subs[];
extern const struct row slowlog_subs[];

#endif
