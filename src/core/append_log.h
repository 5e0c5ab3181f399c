/* append_log.h - what the core knows of the append log: how far it is written and on disk, what
 * replies wait for, what INFO tells of it.
 *
 * Threads: the loop.
 */
#ifndef CORE_APPEND_LOG_H
#define CORE_APPEND_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

/* What is known of the append log, kept up to date by persist/aof, asked by exec, doors and INFO.
 * Offsets are those of the stream of effects. */
struct core_log {
    bool on, starting; /* appendonly; it is, but the first base is not there yet */
    bool always;       /* appendfsync always: all replies wait */
    bool holds;        /* some replies may have to wait: see core_log_update */
    bool behind;       /* the disk is too slow: commands that write wait */
    unsigned askers;   /* sessions that want their replies to wait until it is synced */
    uint64_t written;  /* UINT64_MAX: it cannot be, and replies do not wait for it */
    uint64_t synced;
    int error; /* negative errno: writes are refused; 0: none */
    bool rewriting, rewrite_scheduled, rewrite_failed;
    int64_t rewrite_begun_s, rewrite_took_s; /* Unix time; -1: never */
    uint64_t rewrites, rewrite_failures;     /* failures without a success since */
    uint64_t bytes, base_bytes, waiting_bytes, delayed;
    bool syncing;
    struct list waiting;      /* in_held: sessions in WAITAOF */
    void (*hurry)(void *ctx); /* what was told is to be synced soon */
    void *hurry_ctx;
    void (*on_moved)(void *ctx); /* the door's: `written` or `synced` has moved */
    void *on_moved_ctx;
};

#endif
