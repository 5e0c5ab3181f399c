/* cmd_observe.c - what the server does: SLOWLOG, COMMANDLOG, LATENCY, MONITOR.
 *
 * Threads: the loop.
 * To add a subcommand: a handler, a row at the end of this file, its lines in HELP.
 * Specification: Redis 7.2; COMMANDLOG: Valkey 8.1.
 */
#include <stdio.h>

#include "base/assert.h"
#include "base/num.h"
#include "commands/cmd_server_internal.h"
#include "core/config.h"
#include "core/latency.h"
#include "core/monitor.h"
#include "core/slowlog.h"
#include "core/stats.h"

/* -- slow log ------------------------------------------------------------------------ */

static void reply_slice_array(struct reply *r, const struct slice *s, int n) {
    reply_array(r, (size_t)n);
    for (int i = 0; i < n; i++) reply_bulk(r, s[i]);
}

/* The newest entries of a log, at most `count`; -1: all. */
static void reply_entries(struct ctx *c, enum slowlog_kind kind, int64_t count) {
    const struct slowlog *sl = c->core->slowlog;
    size_t n = slowlog_length(sl, kind);
    if (count >= 0 && (uint64_t)count < n) n = (size_t)count;
    reply_array(c->r, n);
    const struct slowlog_entry *e = slowlog_newest(sl, kind);
    for (size_t i = 0; i < n; i++, e = slowlog_older(sl, kind, e)) {
        reply_array(c->r, 6);
        reply_int(c->r, e->id);
        reply_int(c->r, e->unix_s);
        reply_int(c->r, e->value);
        reply_slice_array(c->r, e->argv, e->argc);
        reply_bulk(c->r, e->addr);
        reply_bulk(c->r, e->name);
    }
}

/* How many entries argument 2 asks for. */
static bool entry_count(struct ctx *c, int64_t *count) {
    return ctx_int_range(c, 2, -1, INT64_MAX, count,
                         "ERR count should be greater than or equal to -1");
}

static void slowlog_get(struct ctx *c) {
    int64_t count = 10;
    if (c->argc > 3) {
        ctx_subcommand_error(c);
        return;
    }
    if (c->argc == 3 && !entry_count(c, &count)) return;
    reply_entries(c, SLOWLOG_SLOW, count);
}

static void slowlog_len(struct ctx *c) {
    reply_int(c->r, (int64_t)slowlog_length(c->core->slowlog, SLOWLOG_SLOW));
}

static void slowlog_clear(struct ctx *c) {
    slowlog_reset(c->core->slowlog, SLOWLOG_SLOW);
    reply_ok(c->r);
}

static void slowlog_help(struct ctx *c) {
    static const char *const lines[] = {
        "GET [<count>]",
        "    Return the newest <count> entries of the slow log (default: 10, -1: all).",
        "    An entry is an array of: id, Unix time, microseconds, arguments, client",
        "    address, client name.",
        "LEN",
        "    Return the number of entries.",
        "RESET",
        "    Remove all entries.",
        NULL,
    };
    ctx_help(c, lines);
}

/* -- command log --------------------------------------------------------------------- */

/* The log that argument i names. */
static bool log_kind(struct ctx *c, int i, enum slowlog_kind *kind) {
    static const char *const names[SLOWLOG_KINDS] = {
        [SLOWLOG_SLOW] = "slow",
        [SLOWLOG_REQUEST] = "large-request",
        [SLOWLOG_REPLY] = "large-reply",
    };
    for (*kind = 0; *kind < SLOWLOG_KINDS; ++*kind) {
        if (slice_is(c->argv[i], names[*kind])) return true;
    }
    reply_error(c->r, "ERR type should be one of the following: slow, large-request, large-reply");
    return false;
}

static void commandlog_get(struct ctx *c) {
    enum slowlog_kind kind;
    int64_t count;
    if (entry_count(c, &count) && log_kind(c, 3, &kind)) reply_entries(c, kind, count);
}

static void commandlog_len(struct ctx *c) {
    enum slowlog_kind kind;
    if (log_kind(c, 2, &kind)) reply_int(c->r, (int64_t)slowlog_length(c->core->slowlog, kind));
}

static void commandlog_clear(struct ctx *c) {
    enum slowlog_kind kind;
    if (!log_kind(c, 2, &kind)) return;
    slowlog_reset(c->core->slowlog, kind);
    reply_ok(c->r);
}

static void commandlog_help(struct ctx *c) {
    static const char *const lines[] = {
        "GET <count> <type>",
        "    Return the newest <count> entries of a log (-1: all). An entry is an array of:",
        "    id, Unix time, microseconds or bytes, arguments, client address, client name.",
        "    <type> is slow, large-request or large-reply.",
        "LEN <type>",
        "    Return the number of entries.",
        "RESET <type>",
        "    Remove all entries.",
        NULL,
    };
    ctx_help(c, lines);
}

/* -- latency events ------------------------------------------------------------------ */

static void latency_latest(struct ctx *c) {
    const struct latency *l = c->core->latency;
    size_t n = latency_event_count(l);
    reply_array(c->r, n);
    for (size_t i = 0; i < n; i++) {
        const struct latency_event *e = latency_event_at(l, i);
        const struct latency_sample *last = latency_sample_at(e, e->count - 1);
        reply_array(c->r, 4);
        reply_bulk_cstr(c->r, e->name);
        reply_int(c->r, last->unix_s);
        reply_int(c->r, last->ms);
        reply_int(c->r, e->ms_max);
    }
}

static void latency_history(struct ctx *c) {
    const struct latency_event *e = latency_find(c->core->latency, c->argv[2]);
    int n = e ? e->count : 0;
    reply_array(c->r, (size_t)n);
    for (int i = 0; i < n; i++) {
        const struct latency_sample *s = latency_sample_at(e, i);
        reply_array(c->r, 2);
        reply_int(c->r, s->unix_s);
        reply_int(c->r, s->ms);
    }
}

static void latency_graph(struct ctx *c) {
    const struct latency_event *e = latency_find(c->core->latency, c->argv[2]);
    if (!e) {
        reply_errorf(c->r, "ERR No samples available for event '%.*s'", (int)c->argv[2].n,
                     c->argv[2].p);
        return;
    }
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    ASSERT(out);
    latency_write_graph(e, c->core->now_ms / 1000, out);
    fclose(out);
    server_reply_text(c, text, bytes);
}

static void latency_doctor(struct ctx *c) {
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    ASSERT(out);
    latency_write_advice(c->core->latency, c->core->config, out);
    fclose(out);
    server_reply_text(c, text, bytes);
}

static void latency_clear(struct ctx *c) {
    size_t n = 0;
    for (int i = 2; i < c->argc; i++) n += latency_reset(c->core->latency, c->argv[i]);
    if (c->argc == 2) n = latency_reset_all(c->core->latency);
    reply_int(c->r, (int64_t)n);
}

/* -- latency histograms -------------------------------------------------------------- */

/* Redis' steps: the first holds all below 1,024 ns, each further one ends at twice that, and
 * its name is the end rounded up by 1/128, in whole microseconds. */
#define FIRST_STEP_BIT 10

static int64_t step_us(int bit) {
    int64_t end_ns = INT64_C(1) << bit;
    return (end_ns + end_ns / 128 - 1) / 1000;
}

static void reply_histogram(struct ctx *c, const struct row *row) {
    char name[ROW_FULL_NAME_BYTES_MAX];
    const struct row_stats *stats = row_stats(row);
    uint64_t sum = 0, told = 0;
    size_t steps = 0;
    reply_bulk_cstr(c->r, row_full_name(c->core->rows, row, name));
    reply_map(c->r, 2);
    reply_bulk_cstr(c->r, "calls");
    reply_int(c->r, (int64_t)stats_histogram_calls(stats));
    reply_bulk_cstr(c->r, "histogram_usec");
    struct reply_mark mark = reply_begin(c->r);
    for (int i = 0; i < ROW_HISTOGRAM_BUCKETS - 1; i++) {
        sum += stats->histogram[i];
        if (sum == told || i + 1 < FIRST_STEP_BIT) continue;
        reply_int(c->r, step_us(i + 1));
        reply_int(c->r, (int64_t)sum);
        told = sum;
        steps++;
    }
    reply_end_map(c->r, mark, steps);
}

/* The histograms of a row and its subcommands, as far as they were called; returns how many. */
static size_t reply_histograms(struct ctx *c, const struct row *row) {
    size_t n = 0;
    if (row_stats(row)->histogram) {
        reply_histogram(c, row);
        n++;
    }
    for (const struct row *sub = row->subs; sub && sub->name; sub++) n += reply_histograms(c, sub);
    return n;
}

static void latency_histogram(struct ctx *c) {
    const struct row_table *rows = c->core->rows;
    struct reply_mark mark = reply_begin(c->r);
    size_t n = 0;
    for (int i = 2; i < c->argc; i++) {
        const struct row *row = row_find_full(rows, c->argv[i]);
        if (row) n += reply_histograms(c, row);
    }
    for (size_t i = 0; c->argc == 2 && i < row_count(rows); i++)
        n += reply_histograms(c, row_at(rows, i));
    reply_end_map(c->r, mark, n);
}

static void latency_help(struct ctx *c) {
    static const char *const lines[] = {
        "DOCTOR",
        "    Return a report about latency spikes, with advice.",
        "GRAPH <event>",
        "    Return an ASCII graph of the samples of <event>.",
        "HISTORY <event>",
        "    Return the samples of <event>: time and milliseconds.",
        "LATEST",
        "    Return the latest sample of each event, and the worst.",
        "RESET [<event> ...]",
        "    Forget the samples of the events (default: of all).",
        "HISTOGRAM [COMMAND ...]",
        "    Return how long calls took, as cumulative histograms, of the commands named",
        "    (default: of all that were called).",
        NULL,
    };
    ctx_help(c, lines);
}

/* -- MONITOR ------------------------------------------------------------------------- */

/* A second MONITOR gets no answer, in Redis neither. */
void server_monitor(struct ctx *c) {
    if (!exec_may_wait(c)) {
        reply_error(c->r, "ERR MONITOR isn't allowed for DENY BLOCKING client");
    } else if (monitor_add(c->core, c->s)) {
        reply_ok(c->r);
    }
}

/* -- rows ---------------------------------------------------------------------------- */

#define FLAGS_LOG (ROW_ADMIN | ROW_LOADING | ROW_STALE)
#define FLAGS_LATENCY (ROW_ADMIN | ROW_NOSCRIPT | ROW_LOADING | ROW_STALE)

static const char *const tips_get[] = {
    "request_policy:all_nodes",
    "nondeterministic_output",
    NULL,
};
static const char *const tips_len[] = {
    "request_policy:all_nodes",
    "response_policy:agg_sum",
    "nondeterministic_output",
    NULL,
};
static const char *const tips_reset[] = {
    "request_policy:all_nodes",
    "response_policy:all_succeeded",
    NULL,
};
static const char *const tips_report[] = {
    "nondeterministic_output",
    "request_policy:all_nodes",
    "response_policy:special",
    NULL,
};

static const struct row_change history_slowlog_get[] = {
    {"4.0.0", "Entries have the address and the name of the client."},
    {0},
};
static const struct row_arg args_slowlog_get[] = {
    {.name = "count", .type = ARG_INTEGER, .flags = ARG_OPTIONAL},
    {0},
};

static const struct row_arg sub_log_type[] = {
    {.name = "slow", .type = ARG_PURE_TOKEN, .token = "slow"},
    {.name = "large-request", .type = ARG_PURE_TOKEN, .token = "large-request"},
    {.name = "large-reply", .type = ARG_PURE_TOKEN, .token = "large-reply"},
    {0},
};
static const struct row_arg args_commandlog_get[] = {
    {.name = "count", .type = ARG_INTEGER},
    {.name = "type", .type = ARG_ONEOF, .sub = sub_log_type},
    {0},
};
static const struct row_arg args_log_type[] = {
    {.name = "type", .type = ARG_ONEOF, .sub = sub_log_type},
    {0},
};

static const struct row_arg args_event[] = {
    {.name = "event", .type = ARG_STRING},
    {0},
};
static const struct row_arg args_events[] = {
    {.name = "event", .type = ARG_STRING, .flags = ARG_OPTIONAL | ARG_MULTIPLE},
    {0},
};
static const struct row_arg args_commands[] = {
    {.name = "command", .type = ARG_STRING, .flags = ARG_OPTIONAL | ARG_MULTIPLE},
    {0},
};

const struct row slowlog_subs[] = {
    {
        .name = "get",
        .run = slowlog_get,
        .arity = -2,
        .flags = FLAGS_LOG,
        .since = "2.2.12",
        .summary = "Returns the newest entries of the slow log.",
        .complexity = "O(N) in the entries returned",
        .group = GROUP_SERVER,
        .args = args_slowlog_get,
        .history = history_slowlog_get,
        .tips = tips_get,
    },
    {
        .name = "help",
        .run = slowlog_help,
        .arity = 2,
        .flags = ROW_LOADING | ROW_STALE,
        .since = "6.2.0",
        .summary = "Explains the subcommands.",
        .complexity = "O(1)",
        .group = GROUP_SERVER,
    },
    {
        .name = "len",
        .run = slowlog_len,
        .arity = 2,
        .flags = FLAGS_LOG,
        .since = "2.2.12",
        .summary = "Counts the entries of the slow log.",
        .complexity = "O(1)",
        .group = GROUP_SERVER,
        .tips = tips_len,
    },
    {
        .name = "reset",
        .run = slowlog_clear,
        .arity = 2,
        .flags = FLAGS_LOG,
        .since = "2.2.12",
        .summary = "Empties the slow log.",
        .complexity = "O(N) in the entries",
        .group = GROUP_SERVER,
        .tips = tips_reset,
    },
    {0},
};

const struct row commandlog_subs[] = {
    {
        .name = "get",
        .run = commandlog_get,
        .arity = 4,
        .flags = FLAGS_LOG,
        .since = "8.1.0",
        .summary = "Returns the newest entries of one of the command logs.",
        .complexity = "O(N) in the entries returned",
        .group = GROUP_SERVER,
        .args = args_commandlog_get,
        .tips = tips_get,
    },
    {
        .name = "help",
        .run = commandlog_help,
        .arity = 2,
        .flags = ROW_LOADING | ROW_STALE,
        .since = "8.1.0",
        .summary = "Explains the subcommands.",
        .complexity = "O(1)",
        .group = GROUP_SERVER,
    },
    {
        .name = "len",
        .run = commandlog_len,
        .arity = 3,
        .flags = FLAGS_LOG,
        .since = "8.1.0",
        .summary = "Counts the entries of one of the command logs.",
        .complexity = "O(1)",
        .group = GROUP_SERVER,
        .args = args_log_type,
        .tips = tips_len,
    },
    {
        .name = "reset",
        .run = commandlog_clear,
        .arity = 3,
        .flags = FLAGS_LOG,
        .since = "8.1.0",
        .summary = "Empties one of the command logs.",
        .complexity = "O(N) in the entries",
        .group = GROUP_SERVER,
        .args = args_log_type,
        .tips = tips_reset,
    },
    {0},
};

const struct row latency_subs[] = {
    {
        .name = "doctor",
        .run = latency_doctor,
        .arity = 2,
        .flags = FLAGS_LATENCY,
        .since = "2.8.13",
        .summary = "Reports about latency spikes, with advice.",
        .complexity = "O(1)",
        .group = GROUP_SERVER,
        .tips = tips_report,
    },
    {
        .name = "graph",
        .run = latency_graph,
        .arity = 3,
        .flags = FLAGS_LATENCY,
        .since = "2.8.13",
        .summary = "Draws the latency samples of an event.",
        .complexity = "O(1)",
        .group = GROUP_SERVER,
        .args = args_event,
        .tips = tips_report,
    },
    {
        .name = "help",
        .run = latency_help,
        .arity = 2,
        .flags = ROW_LOADING | ROW_STALE,
        .since = "2.8.13",
        .summary = "Explains the subcommands.",
        .complexity = "O(1)",
        .group = GROUP_SERVER,
    },
    {
        .name = "histogram",
        .run = latency_histogram,
        .arity = -2,
        .flags = FLAGS_LATENCY,
        .since = "7.0.0",
        .summary = "Returns how long the calls of commands took, as histograms.",
        .complexity = "O(N) in the commands shown",
        .group = GROUP_SERVER,
        .args = args_commands,
        .tips = tips_report,
    },
    {
        .name = "history",
        .run = latency_history,
        .arity = 3,
        .flags = FLAGS_LATENCY,
        .since = "2.8.13",
        .summary = "Returns the latency samples of an event.",
        .complexity = "O(1)",
        .group = GROUP_SERVER,
        .args = args_event,
        .tips = tips_report,
    },
    {
        .name = "latest",
        .run = latency_latest,
        .arity = 2,
        .flags = FLAGS_LATENCY,
        .since = "2.8.13",
        .summary = "Returns the latest latency sample of every event.",
        .complexity = "O(1)",
        .group = GROUP_SERVER,
        .tips = tips_report,
    },
    {
        .name = "reset",
        .run = latency_clear,
        .arity = -2,
        .flags = FLAGS_LATENCY,
        .since = "2.8.13",
        .summary = "Forgets the latency samples of some events, or of all.",
        .complexity = "O(1)",
        .group = GROUP_SERVER,
        .args = args_events,
        .tips = tips_reset,
    },
    {0},
};
