/* persist.h - the RDB file of the server: when it is written, and what comes of that.
 *
 * BGSAVE, SAVE, save points, SHUTDOWN and DEBUG RELOAD all end in save_begin (save.h); this is
 * who asks, and where the outcome goes (core->persistence, the log, the client).
 * Threads: the loop.
 * Specification: Redis 7.2.
 */
#ifndef PERSIST_PERSIST_H
#define PERSIST_PERSIST_H

#include "core/config.h"
#include "core/core.h"

struct net_loop;

void persist_new(struct core *core, struct net_loop *loop);

/* At start: reads the key that rdb-key-file names. False: it cannot, the reason is in `why`. */
bool persist_read_key(struct core *core, char why[CONFIG_WHY_BYTES]);

/* Gives up what is under way. */
void persist_free(struct core *core);

/* Ten times a second: save points, saves that were put off. */
void persist_cron(struct core *core);

/* Begins a save into dbfilename. `done` is told in the end whether it succeeded; NULL: nobody is.
 * 0, or ERR_SAVING. */
int persist_begin(struct core *core, void (*done)(void *ctx, bool ok), void *ctx);

/* The same for SAVE, whose failure is no reason to refuse writes. */
int persist_begin_foreground(struct core *core, void (*done)(void *ctx, bool ok), void *ctx);

/* Saves and returns when that is done, the loop standing still. */
bool persist_save_now(struct core *core);

/* Saves as soon as that can be. */
void persist_schedule(struct core *core);

/* All data has been flushed: a background save of it is given up. True: with save points the file
 * is to follow. */
bool persist_flushed(struct core *core);

/* Loads dbfilename, if there is one. False: it cannot be loaded; the reason is in *why, which is of
 * LOAD_WHY_BYTES bytes. */
bool persist_load(struct core *core, bool replace, char *why);

#endif
