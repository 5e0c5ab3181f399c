/* cmd_pubsub.c - SUBSCRIBE and its kin, PUBLISH, SPUBLISH, PUBSUB; topic/ does it.
 *
 * What a subscriber is told of its subscriptions are pushes, one for each name: so CLIENT REPLY
 * does not silence them, and a command with several names has several replies, in a transaction
 * too.
 * Specification: Redis 7.2's replies and errors.
 * Threads: the loop.
 */
#include "base/err.h"
#include "base/glob.h"
#include "base/mem.h"
#include "commands/cmd_topic_internal.h"
#include "commands/families.h"
#include "core/exec.h"
#include "core/push.h"
#include "topic/topics.h"

/* What the three kinds have names of. */
static const struct kind {
    enum topic_kind kind;
    const char *begin, *end;
} channels = {TOPIC_CHANNEL, "subscribe", "unsubscribe"},
  patterns = {TOPIC_PATTERN, "psubscribe", "punsubscribe"},
  shards = {TOPIC_SHARD, "ssubscribe", "sunsubscribe"};

/* Channels and patterns are counted together. */
static int64_t shown_count(const struct session *s, const struct kind *k) {
    if (k->kind == TOPIC_SHARD) return (int64_t)topics_of(s, TOPIC_SHARD);
    return (int64_t)(topics_of(s, TOPIC_CHANNEL) + topics_of(s, TOPIC_PATTERN));
}

/* `name` is NULL when nothing was left to end. */
static void tell(struct ctx *c, const struct kind *k, const char *what, const struct slice *name) {
    struct reply *r = push_as_reply(c->s);
    reply_push(r, 3);
    reply_bulk_cstr(r, what);
    if (name) {
        reply_bulk(r, *name);
    } else {
        reply_null(r);
    }
    reply_int(r, shown_count(c->s, k));
}

static void begin(struct ctx *c, const struct kind *k) {
    for (int i = 1; i < c->argc; i++) {
        topics_subscribe(c->s, k->kind, c->argv[i]);
        tell(c, k, k->begin, &c->argv[i]);
    }
}

/* The topic, and its name, may end with the subscription. */
static void end_first(struct ctx *c, const struct kind *k, struct slice name) {
    char *copy = mem_dup(name.p, name.n);
    name.p = copy;
    topics_unsubscribe(c->s, k->kind, name);
    tell(c, k, k->end, &name);
    mem_free(copy);
}

static void end(struct ctx *c, const struct kind *k) {
    for (int i = 1; i < c->argc; i++) {
        topics_unsubscribe(c->s, k->kind, c->argv[i]);
        tell(c, k, k->end, &c->argv[i]);
    }
    if (c->argc > 1) return;
    struct slice name;
    if (!topics_of(c->s, k->kind)) tell(c, k, k->end, NULL);
    while (topics_first(c->s, k->kind, &name)) end_first(c, k, name);
}

static void subscribe(struct ctx *c) { begin(c, &channels); }
static void psubscribe(struct ctx *c) { begin(c, &patterns); }
static void unsubscribe(struct ctx *c) { end(c, &channels); }
static void punsubscribe(struct ctx *c) { end(c, &patterns); }
static void sunsubscribe(struct ctx *c) { end(c, &shards); }

static void ssubscribe(struct ctx *c) {
    if (exec_may_wait(c)) {
        begin(c, &shards);
    } else { /* in a transaction; the others may, for the sake of old clients */
        reply_error(c->r, "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
    }
}

/* What is published to a retained topic goes into its ring first. */
static void publish_retained(struct ctx *c) {
    int64_t receivers;
    if (topic_publish(c, &receivers)) {
        reply_int(c->r, receivers);
    } else {
        reply_err(c->r, ERR_OOM);
    }
}

static void publish_to(struct ctx *c, enum topic_kind kind) {
    int64_t count = topics_publish(c->core, kind, c->argv[1], c->argv[2]);
    if (count < 0) {
        reply_err(c->r, ERR_OOM);
    } else {
        reply_int(c->r, count);
    }
}

static void publish(struct ctx *c) {
    if (unlikely(c->core->topic_counts.rings) && topic_find_ring(c)) {
        publish_retained(c);
    } else {
        publish_to(c, TOPIC_CHANNEL);
    }
}

static void spublish(struct ctx *c) { publish_to(c, TOPIC_SHARD); }

/* -- PUBSUB ---------------------------------------------------------------------------- */

struct listing {
    struct reply *r;
    struct slice pattern;
    bool all;
    size_t count;
};

static void list_one(void *ctx, struct slice name) {
    struct listing *l = ctx;
    if (!l->all && !glob_match_bounded(l->pattern, name)) return;
    reply_bulk(l->r, name);
    l->count++;
}

static void list(struct ctx *c, enum topic_kind kind) {
    if (c->argc > 3) {
        ctx_subcommand_error(c);
        return;
    }
    struct listing l = {.r = c->r, .all = c->argc == 2};
    if (!l.all) l.pattern = c->argv[2];
    struct reply_mark mark = reply_begin(c->r);
    topics_each(c->core, kind, list_one, &l);
    reply_end_array(c->r, mark, l.count);
}

static void count_each(struct ctx *c, enum topic_kind kind) {
    reply_array(c->r, 2 * ((size_t)c->argc - 2));
    for (int i = 2; i < c->argc; i++) {
        reply_bulk(c->r, c->argv[i]);
        reply_int(c->r, (int64_t)topics_subscribers(c->core, kind, c->argv[i]));
    }
}

static void pubsub_channels(struct ctx *c) { list(c, TOPIC_CHANNEL); }
static void pubsub_shardchannels(struct ctx *c) { list(c, TOPIC_SHARD); }
static void pubsub_numsub(struct ctx *c) { count_each(c, TOPIC_CHANNEL); }
static void pubsub_shardnumsub(struct ctx *c) { count_each(c, TOPIC_SHARD); }

static void pubsub_numpat(struct ctx *c) {
    reply_int(c->r, (int64_t)c->core->topic_counts.patterns);
}

static void pubsub_help(struct ctx *c) {
    static const char *const lines[] = {
        "CHANNELS [<pattern>]",
        "    Return the currently active channels matching a <pattern> (default: '*').",
        "NUMPAT",
        "    Return number of subscriptions to patterns.",
        "NUMSUB [<channel> ...]",
        "    Return the number of subscribers for the specified channels, excluding",
        "    pattern subscriptions(default: no channels).",
        "SHARDCHANNELS [<pattern>]",
        "    Return the currently active shard level channels matching a <pattern> (default: '*').",
        "SHARDNUMSUB [<shardchannel> ...]",
        "    Return the number of subscribers for the specified shard level channel(s)",
        NULL,
    };
    ctx_help(c, lines);
}

/* -- rows ------------------------------------------------------------------------------ */

#define HEARS (ROW_PUBSUB | ROW_NOSCRIPT | ROW_LOADING | ROW_STALE | ROW_SUBSCRIBED_MAY)
#define TELLS (ROW_PUBSUB | ROW_LOADING | ROW_STALE | ROW_FAST | ROW_MAY_REPLICATE)
#define LOOKS (ROW_PUBSUB | ROW_LOADING | ROW_STALE)

/* Shard channels go by slots, as keys do. */
#define SHARD_NAMES(last_name)                                                                     \
    {                                                                                              \
        {                                                                                          \
            .flags = KEY_NOT_KEY, .begin = BEGIN_INDEX, .index = 1, .find = FIND_RANGE,            \
            .last = (last_name), .step = 1                                                         \
        }                                                                                          \
    }

static const struct row_arg channel_args[] = {
    {.name = "channel", .type = ARG_STRING, .flags = ARG_MULTIPLE},
    {0},
};
static const struct row_arg pattern_args[] = {
    {.name = "pattern", .type = ARG_PATTERN, .flags = ARG_MULTIPLE},
    {0},
};
static const struct row_arg shard_args[] = {
    {.name = "shardchannel", .type = ARG_STRING, .flags = ARG_MULTIPLE},
    {0},
};
static const struct row_arg some_channel_args[] = {
    {.name = "channel", .type = ARG_STRING, .flags = ARG_OPTIONAL | ARG_MULTIPLE},
    {0},
};
static const struct row_arg some_pattern_args[] = {
    {.name = "pattern", .type = ARG_PATTERN, .flags = ARG_OPTIONAL | ARG_MULTIPLE},
    {0},
};
static const struct row_arg some_shard_args[] = {
    {.name = "shardchannel", .type = ARG_STRING, .flags = ARG_OPTIONAL | ARG_MULTIPLE},
    {0},
};
static const struct row_arg one_pattern_args[] = {
    {.name = "pattern", .type = ARG_PATTERN, .flags = ARG_OPTIONAL},
    {0},
};
static const struct row_arg publish_args[] = {
    {.name = "channel", .type = ARG_STRING},
    {.name = "message", .type = ARG_STRING},
    {0},
};
static const struct row_arg spublish_args[] = {
    {.name = "shardchannel", .type = ARG_STRING},
    {.name = "message", .type = ARG_STRING},
    {0},
};

static const struct row pubsub_subs[] = {
    {
        .name = "channels",
        .run = pubsub_channels,
        .arity = -2,
        .flags = LOOKS,
        .since = "2.8.0",
        .summary = "Lists the channels that have subscribers.",
        .complexity = "O(N) in the number of channels",
        .group = GROUP_PUBSUB,
        .args = one_pattern_args,
    },
    {
        .name = "help",
        .run = pubsub_help,
        .arity = 2,
        .flags = ROW_LOADING | ROW_STALE,
        .since = "6.2.0",
        .summary = "Tells about the subcommands.",
        .complexity = "O(1)",
        .group = GROUP_PUBSUB,
    },
    {
        .name = "numpat",
        .run = pubsub_numpat,
        .arity = 2,
        .flags = LOOKS,
        .since = "2.8.0",
        .summary = "Counts the different patterns that have subscribers.",
        .complexity = "O(1)",
        .group = GROUP_PUBSUB,
    },
    {
        .name = "numsub",
        .run = pubsub_numsub,
        .arity = -2,
        .flags = LOOKS,
        .since = "2.8.0",
        .summary = "Counts the subscribers of channels.",
        .complexity = "O(N) in the number of channels asked for",
        .group = GROUP_PUBSUB,
        .args = some_channel_args,
    },
    {
        .name = "shardchannels",
        .run = pubsub_shardchannels,
        .arity = -2,
        .flags = LOOKS,
        .since = "7.0.0",
        .summary = "Lists the shard channels that have subscribers.",
        .complexity = "O(N) in the number of shard channels",
        .group = GROUP_PUBSUB,
        .args = one_pattern_args,
    },
    {
        .name = "shardnumsub",
        .run = pubsub_shardnumsub,
        .arity = -2,
        .flags = LOOKS,
        .since = "7.0.0",
        .summary = "Counts the subscribers of shard channels.",
        .complexity = "O(N) in the number of shard channels asked for",
        .group = GROUP_PUBSUB,
        .args = some_shard_args,
    },
    {0},
};

/* To a retained topic, a key of database 0 whatever the session's is. A script that does it is not
 * taken back, since its messages are not (HIDES_DATABASE: core/undo). */
static enum row_hides hides_database(const struct slice *argv, int argc) {
    (void)argv;
    (void)argc;
    return HIDES_DATABASE;
}

static const struct row publish_retained_row = {
    .name = "publish",
    .run = publish,
    .arity = 3,
    .flags = (TELLS & ~ROW_LOADING) | ROW_WRITE | ROW_DENYOOM,
    .keys = {{.flags = KEY_RW | KEY_UPDATE | KEY_INSERT,
              .begin = BEGIN_INDEX,
              .index = 1,
              .find = FIND_RANGE,
              .step = 1}},
    .hides = hides_database,
    .since = "2.0.0",
    .summary = "Sends a message to the subscribers of a channel, and keeps it.",
    .complexity = "That of PUBLISH, and O(1) for what the topic's limits let go",
    .group = GROUP_PUBSUB,
    .args = publish_args,
};

const struct row pubsub_rows[] = {
    {
        .name = "psubscribe",
        .run = psubscribe,
        .arity = -2,
        .flags = HEARS,
        .since = "2.0.0",
        .summary = "Subscribes to all channels that match patterns.",
        .complexity = "O(N) in the bytes of the patterns",
        .group = GROUP_PUBSUB,
        .args = pattern_args,
    },
    {
        .name = "publish",
        .run = publish,
        .arity = 3,
        .flags = TELLS,
        .since = "2.0.0",
        .summary = "Sends a message to the subscribers of a channel.",
        .complexity = "O(N+M) in the subscribers that get it and the patterns that have to be "
                      "tested",
        .group = GROUP_PUBSUB,
        .args = publish_args,
        .retained = &publish_retained_row,
    },
    {
        .name = "pubsub",
        .arity = -2,
        .subs = pubsub_subs,
        .since = "2.8.0",
        .summary = "Looks at channels and patterns that have subscribers.",
        .complexity = "Depends on subcommand.",
        .group = GROUP_PUBSUB,
    },
    {
        .name = "punsubscribe",
        .run = punsubscribe,
        .arity = -1,
        .flags = HEARS,
        .since = "2.0.0",
        .summary = "Ends subscriptions to patterns, to all without an argument.",
        .complexity = "O(N) in the number of patterns",
        .group = GROUP_PUBSUB,
        .args = some_pattern_args,
    },
    {
        .name = "spublish",
        .run = spublish,
        .arity = 3,
        .flags = TELLS,
        .keys = SHARD_NAMES(0),
        .since = "7.0.0",
        .summary = "Sends a message to the subscribers of a shard channel.",
        .complexity = "O(N) in the subscribers that get it",
        .group = GROUP_PUBSUB,
        .args = spublish_args,
    },
    {
        .name = "ssubscribe",
        .run = ssubscribe,
        .arity = -2,
        .flags = HEARS,
        .keys = SHARD_NAMES(-1),
        .since = "7.0.0",
        .summary = "Subscribes to shard channels.",
        .complexity = "O(N) in the number of shard channels",
        .group = GROUP_PUBSUB,
        .args = shard_args,
    },
    {
        .name = "subscribe",
        .run = subscribe,
        .arity = -2,
        .flags = HEARS,
        .since = "2.0.0",
        .summary = "Subscribes to channels.",
        .complexity = "O(N) in the number of channels",
        .group = GROUP_PUBSUB,
        .args = channel_args,
    },
    {
        .name = "sunsubscribe",
        .run = sunsubscribe,
        .arity = -1,
        .flags = HEARS,
        .keys = SHARD_NAMES(-1),
        .since = "7.0.0",
        .summary = "Ends subscriptions to shard channels, to all without an argument.",
        .complexity = "O(N) in the number of shard channels",
        .group = GROUP_PUBSUB,
        .args = some_shard_args,
    },
    {
        .name = "unsubscribe",
        .run = unsubscribe,
        .arity = -1,
        .flags = HEARS,
        .since = "2.0.0",
        .summary = "Ends subscriptions to channels, to all without an argument.",
        .complexity = "O(N) in the number of channels",
        .group = GROUP_PUBSUB,
        .args = some_channel_args,
    },
    {0},
};
