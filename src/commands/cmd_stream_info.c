/* cmd_stream_info.c - XINFO: what there is to know of streams, groups and consumers.
 *
 * The fields are those of Redis 7.2. Fields that came later stand behind them, and only for what
 * they are about: idempotent production (8.6) for a stream that has it, entries that were given
 * back (8.8) for a group that has some. Threads: the loop.
 */
#include "base/nap.h"
#include "commands/cmd_generic_internal.h"
#include "commands/cmd_stream_internal.h"
#include "commands/families.h"
#include "core/offload.h"

static void field_int(struct reply *r, const char *name, int64_t v) {
    reply_bulk_cstr(r, name);
    reply_int(r, v);
}

static void field_id(struct reply *r, const char *name, struct stream_id id) {
    reply_bulk_cstr(r, name);
    stream_reply_id(r, id);
}

static void field_text(struct reply *r, const char *name, struct slice text) {
    reply_bulk_cstr(r, name);
    reply_bulk(r, text);
}

/* The stream of argument 2, which must be there. */
static struct stream *info_stream(struct ctx *c) {
    struct stream *s;
    if (!stream_key_read(c, 2, &s)) return NULL;
    if (!s) reply_err(c->r, ERR_NO_KEY);
    return s;
}

/* -- GROUPS and CONSUMERS -------------------------------------------------------------- */

/* How far a group has read, and how many entries it has not. */
static void reply_progress(struct reply *r, const struct stream *s, const struct stream_group *g) {
    int64_t lag;
    reply_bulk_cstr(r, "entries-read");
    if (g->entries_read == STREAM_READ_UNKNOWN) {
        reply_null(r);
    } else {
        reply_int(r, g->entries_read);
    }
    reply_bulk_cstr(r, "lag");
    if (stream_group_lag(s, g, &lag)) {
        reply_int(r, lag);
    } else {
        reply_null(r);
    }
}

static void info_groups(struct ctx *c) {
    const struct stream *s = info_stream(c);
    if (!s) return;
    reply_array(c->r, stream_group_count(s));
    for (uint64_t i = 0; i < stream_group_count(s); i++) {
        const struct stream_group *g = stream_group_at(s, i);
        reply_map(c->r, 6);
        field_text(c->r, "name", g->name);
        field_int(c->r, "consumers", (int64_t)stream_consumer_count(g));
        field_int(c->r, "pending", (int64_t)stream_pel_count(&g->pel));
        field_id(c->r, "last-delivered-id", g->last);
        reply_progress(c->r, s, g);
    }
}

static void info_consumers(struct ctx *c) {
    const struct stream *s = info_stream(c);
    if (!s) return;
    const struct stream_group *g = stream_group_find(s, c->argv[3]);
    if (!g) {
        reply_errorf(c->r, "NOGROUP No such consumer group '%.*s' for key name '%.*s'",
                     (int)c->argv[3].n, c->argv[3].p, (int)c->argv[2].n, c->argv[2].p);
        return;
    }
    int64_t now_ms = c->core->now_ms;
    reply_array(c->r, stream_consumer_count(g));
    for (uint64_t i = 0; i < stream_consumer_count(g); i++) {
        const struct stream_consumer *consumer = stream_consumer_at(g, i);
        int64_t idle_ms = stream_ms_since(consumer->seen_ms, now_ms);
        int64_t inactive_ms = STREAM_NEVER_ACTIVE;
        if (consumer->active_ms != STREAM_NEVER_ACTIVE)
            inactive_ms = stream_ms_since(consumer->active_ms, now_ms);
        reply_map(c->r, 4);
        field_text(c->r, "name", consumer->name);
        field_int(c->r, "pending", (int64_t)stream_pel_count(&consumer->pel));
        field_int(c->r, "idle", idle_ms < 0 ? 0 : idle_ms);
        field_int(c->r, "inactive", inactive_ms);
    }
}

/* -- STREAM ---------------------------------------------------------------------------- */

#define FULL_COUNT_USUAL 10

/* Whether the arguments are FULL, with a COUNT (0: all). False, the error replied, if they are
 * something else. */
static bool parse_full(struct ctx *c, bool *full, uint64_t *max) {
    int64_t count = FULL_COUNT_USUAL;
    *full = c->argc > 3;
    bool ok = c->argc == 3 || ((c->argc == 4 || c->argc == 6) && slice_is(c->argv[3], "full"));
    if (!ok || (c->argc == 6 && !slice_is(c->argv[4], "count"))) {
        ctx_subcommand_error(c);
        return false;
    }
    if (c->argc == 6 && !ctx_int(c, 5, &count)) return false;
    *max = count < 0 ? FULL_COUNT_USUAL : (uint64_t)count;
    return true;
}

/* At most `max` pending entries; a group's tell whose they are. */
static void reply_pel(struct reply *r, const struct stream_pel *pel, uint64_t max, bool of_group) {
    struct stream_pel_iter it = stream_pel_start(pel);
    uint64_t count = stream_pel_count(pel);
    if (max && max < count) count = max;
    reply_array(r, count);
    for (; count && !nap_step(count); count--) {
        const struct stream_nack *nack = stream_pel_next(&it);
        reply_array(r, of_group ? 4 : 3);
        stream_reply_id(r, nack->id);
        if (of_group) {
            reply_bulk(r, nack->consumer ? nack->consumer->name : slice_cstr(""));
        }
        reply_int(r, nack->delivered_ms);
        reply_int(r, (int64_t)nack->deliveries);
    }
}

static void reply_consumer(struct reply *r, const struct stream_consumer *consumer, uint64_t max) {
    reply_map(r, 5);
    field_text(r, "name", consumer->name);
    field_int(r, "seen-time", consumer->seen_ms);
    field_int(r, "active-time", consumer->active_ms);
    field_int(r, "pel-count", (int64_t)stream_pel_count(&consumer->pel));
    reply_bulk_cstr(r, "pending");
    reply_pel(r, &consumer->pel, max, false);
}

static void reply_group(struct reply *r, const struct stream *s, const struct stream_group *g,
                        uint64_t max) {
    reply_map(r, g->nacked ? 8 : 7);
    field_text(r, "name", g->name);
    field_id(r, "last-delivered-id", g->last);
    reply_progress(r, s, g);
    field_int(r, "pel-count", (int64_t)stream_pel_count(&g->pel));
    if (g->nacked) field_int(r, "nacked-count", (int64_t)g->nacked);
    reply_bulk_cstr(r, "pending");
    reply_pel(r, &g->pel, max, true);
    reply_bulk_cstr(r, "consumers");
    reply_array(r, stream_consumer_count(g));
    for (uint64_t i = 0; i < stream_consumer_count(g); i++) {
        reply_consumer(r, stream_consumer_at(g, i), max);
    }
}

static void reply_full(struct reply *r, const struct stream *s, uint64_t max) {
    reply_bulk_cstr(r, "entries");
    stream_reply_range(r, s, STREAM_ID_MIN, STREAM_ID_MAX, max, false);
    reply_bulk_cstr(r, "groups");
    reply_array(r, stream_group_count(s));
    for (uint64_t i = 0; i < stream_group_count(s); i++) {
        reply_group(r, s, stream_group_at(s, i), max);
    }
}

static void reply_edge(struct reply *r, const char *name, const struct stream *s, bool last) {
    struct stream_entry e;
    reply_bulk_cstr(r, name);
    if (stream_edge(s, last, &e)) {
        stream_reply_entry(r, &e);
    } else {
        reply_null(r);
    }
}

#define IDMP_FIELDS 6

static void reply_idmp(struct reply *r, const struct stream_idmp *m, int64_t now_ms) {
    struct stream_idmp_limits limits = stream_idmp_limits(m);
    struct stream_idmp_counts counts = stream_idmp_counts(m, now_ms);
    field_int(r, "idmp-duration", (int64_t)limits.duration_s);
    field_int(r, "idmp-maxsize", (int64_t)limits.entries_max);
    field_int(r, "pids-tracked", (int64_t)counts.producers);
    field_int(r, "iids-tracked", (int64_t)counts.iids);
    field_int(r, "iids-added", (int64_t)counts.added);
    field_int(r, "iids-duplicates", (int64_t)counts.duplicates);
}

/* What is told of a stream as a whole (core/offload). */
struct telling {
    const struct stream *s;
    bool full;
    uint64_t max; /* full: of entries and of what is pending, 0: all */
    int64_t now_ms;
};

static void compute_telling(void *state, struct reply *r) {
    const struct telling *x = state;
    const struct stream *s = x->s;
    const struct stream_state *about = stream_state(s);
    const struct stream_idmp *idmp = stream_idmp(s);
    reply_map(r, (x->full ? 9 : 10) + (idmp ? IDMP_FIELDS : 0));
    field_int(r, "length", (int64_t)about->length);
    field_int(r, "radix-tree-keys", (int64_t)stream_node_count(s));
    field_int(r, "radix-tree-nodes", (int64_t)stream_radix_nodes(s));
    field_id(r, "last-generated-id", about->last);
    field_id(r, "max-deleted-entry-id", about->deleted_max);
    field_int(r, "entries-added", (int64_t)about->added);
    field_id(r, "recorded-first-entry-id", about->first);
    if (idmp) reply_idmp(r, idmp, x->now_ms);
    if (x->full) {
        reply_full(r, s, x->max);
        return;
    }
    field_int(r, "groups", (int64_t)stream_group_count(s));
    reply_edge(r, "first-entry", s, false);
    reply_edge(r, "last-entry", s, true);
}

/* Nodes are looked at; of entries, groups and consumers, those that FULL shows. */
static uint64_t telling_units(const struct telling *x) {
    const struct stream *s = x->s;
    uint64_t units = stream_node_count(s), most = x->max ? x->max : UINT64_MAX;
    if (!x->full) return units;
    uint64_t length = stream_state(s)->length;
    units += length < most ? length : most;
    for (uint64_t i = 0; i < stream_group_count(s); i++) {
        const struct stream_group *g = stream_group_at(s, i);
        uint64_t pending = stream_pel_count(&g->pel);
        units += 2 * (pending < most ? pending : most) + stream_consumer_count(g);
    }
    return units;
}

static void info_stream_whole(struct ctx *c) {
    struct telling x = {.s = info_stream(c), .now_ms = c->core->now_ms};
    if (!x.s || !parse_full(c, &x.full, &x.max)) return;
    offload(c, &(struct offload){
                   .units = telling_units(&x),
                   .state = &x,
                   .state_bytes = sizeof x,
                   .compute = compute_telling,
               });
}

static void info_help(struct ctx *c) {
    static const char *const lines[] = {
        "CONSUMERS <key> <groupname>",
        "    List the consumers of <groupname>.",
        "GROUPS <key>",
        "    List the consumer groups of a stream.",
        "STREAM <key> [FULL [COUNT <count>]]",
        "    Tell of a stream as a whole; FULL: with entries, groups and consumers.",
        NULL,
    };
    ctx_help(c, lines);
}

/* -- rows ------------------------------------------------------------------------------ */

static const struct row_arg consumers_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "group", .type = ARG_STRING},
    {0},
};

static const struct row_arg groups_args[] = {
    {.name = "key", .type = ARG_KEY},
    {0},
};

static const struct row_arg full_args[] = {
    {.name = "full", .type = ARG_PURE_TOKEN, .token = "FULL"},
    {.name = "count", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "COUNT"},
    {0},
};

static const struct row_arg stream_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "full-block", .type = ARG_BLOCK, .flags = ARG_OPTIONAL, .sub = full_args},
    {0},
};

static const struct row_change consumers_history[] = {
    {"7.2.0", "`inactive` was added."},
    {0},
};

static const struct row_change groups_history[] = {
    {"7.0.0", "`entries-read` and `lag` were added."},
    {0},
};

static const struct row_change stream_history[] = {
    {"6.0.0", "`FULL` was added."},
    {"7.0.0", "The counters of entries added and read, the lag, and the IDs recorded were added."},
    {"7.2.0", "`active-time` was added, and `seen-time` changed to the last attempt."},
    {0},
};

static const char *const varying_tips[] = {"nondeterministic_output", NULL};

static const struct row xinfo_subs[] = {
    {
        .name = "consumers",
        .run = info_consumers,
        .arity = 4,
        .flags = ROW_READONLY,
        .acl = ACL_STREAM,
        .keys = {KEY_IN(2, KEY_RO | KEY_ACCESS)},
        .since = "5.0.0",
        .summary = "Lists the consumers of a group.",
        .complexity = "O(N) in the consumers",
        .group = GROUP_STREAM,
        .args = consumers_args,
        .history = consumers_history,
        .tips = varying_tips,
    },
    {
        .name = "groups",
        .run = info_groups,
        .arity = 3,
        .flags = ROW_READONLY,
        .acl = ACL_STREAM,
        .keys = {KEY_IN(2, KEY_RO | KEY_ACCESS)},
        .since = "5.0.0",
        .summary = "Lists the consumer groups of a stream.",
        .complexity = "O(N) in the groups",
        .group = GROUP_STREAM,
        .args = groups_args,
        .history = groups_history,
    },
    {
        .name = "help",
        .run = info_help,
        .arity = 2,
        .flags = ROW_LOADING | ROW_STALE,
        .acl = ACL_STREAM,
        .since = "5.0.0",
        .summary = "Explains the subcommands.",
        .complexity = "O(1)",
        .group = GROUP_STREAM,
    },
    {
        .name = "stream",
        .run = info_stream_whole,
        .arity = -3,
        .flags = ROW_READONLY,
        .acl = ACL_STREAM,
        .keys = {KEY_IN(2, KEY_RO | KEY_ACCESS)},
        .since = "5.0.0",
        .summary = "Tells of a stream as a whole.",
        .complexity = "O(N) in the nodes of entries, and in what FULL shows",
        .group = GROUP_STREAM,
        .args = stream_args,
        .history = stream_history,
    },
    {0},
};

const struct row stream_info_rows[] = {
    {
        .name = "xinfo",
        .arity = -2,
        .subs = xinfo_subs,
        .since = "5.0.0",
        .summary = "Tells of streams and their consumer groups.",
        .complexity = "Depends on subcommand.",
        .group = GROUP_STREAM,
    },
    {0},
};
