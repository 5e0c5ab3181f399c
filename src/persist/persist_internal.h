/* persist_internal.h - what the files of persist/ share. */
#ifndef PERSIST_PERSIST_INTERNAL_H
#define PERSIST_PERSIST_INTERNAL_H

#include "core/exec.h"
#include "persist/key_file.h"
#include "persist/persist.h"

struct net_wake;
struct save;

struct persist {
    struct net_wake *wake;
    struct key_slot key; /* of dbfilename */
    struct save *save;   /* under way, or NULL */
    bool foreground;     /* SAVE and its like */
    bool scheduled;      /* BGSAVE SCHEDULE, or BGSAVE in a transaction */
    int64_t last_try_ms; /* of a save into dbfilename */
    uint64_t changes_at_cut;
    void (*told)(void *ctx, bool ok);
    void *told_ctx;
};

/* Takes what the thread of a save is done with, and ends the save when it is over: on the loop. */
void save_collect(struct core *core);

/* Runs the subcommand argv[1] of the command argv[0] for nobody, uncounted. The whole reply, with a
 * zero behind it, is the caller's to free. */
void persist_run(struct core *core, const struct slice *argv, int argc, struct slice *reply);

#endif
