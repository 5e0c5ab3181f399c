/* slowlog.h - the last commands that took long, came large, or answered large.
 *
 * SLOWLOG shows the first of the three logs, COMMANDLOG all of them.
 * S1  Entries of a log are newest first; ids are given in order and never reused.
 * S2  An entry keeps copies: at most SLOWLOG_ARGS_MAX arguments of SLOWLOG_ARG_BYTES_MAX
 *     bytes, with passwords redacted.
 * Threads: the loop.
 * Specification: Redis 7.2, SLOWLOG; Valkey 8.1, COMMANDLOG.
 */
#ifndef CORE_SLOWLOG_H
#define CORE_SLOWLOG_H

#include "base/bytes.h"
#include "base/list.h"
#include "core/reply.h"

struct config;
struct request;
struct session;
struct slowlog;

#define SLOWLOG_ARGS_MAX 32
#define SLOWLOG_ARG_BYTES_MAX 128
/* Thresholds and lengths of the logs of sizes. */
#define SLOWLOG_LARGE_BYTES_MIN REPLY_LARGE_BYTES
#define SLOWLOG_LARGE_COUNT_MAX 128

enum slowlog_kind { SLOWLOG_SLOW, SLOWLOG_REQUEST, SLOWLOG_REPLY, SLOWLOG_KINDS };

struct slowlog_entry {
    struct list_link link;
    int64_t id, unix_s;
    int64_t value; /* microseconds, or bytes */
    struct slice addr, name;
    int argc;
    struct slice argv[];
};

/* The configuration is borrowed. */
struct slowlog *slowlog_new(const struct config *conf);
void slowlog_free(struct slowlog *sl);

/* Notes a command that ran for so long, or whose request or reply had so many bytes, if that is
 * over the log's threshold. The arguments must still be good. */
void slowlog_note(struct slowlog *sl, const struct session *s, const struct request *req,
                  int64_t us);
void slowlog_note_bytes(struct slowlog *sl, enum slowlog_kind kind, const struct session *s,
                        const struct request *req, size_t bytes);

size_t slowlog_length(const struct slowlog *sl, enum slowlog_kind kind);
void slowlog_reset(struct slowlog *sl, enum slowlog_kind kind);

/* Walking a log: the newest entry, the next older one; NULL at the end. Good until a command
 * is noted. */
const struct slowlog_entry *slowlog_newest(const struct slowlog *sl, enum slowlog_kind kind);
const struct slowlog_entry *slowlog_older(const struct slowlog *sl, enum slowlog_kind kind,
                                          const struct slowlog_entry *e);

#endif
