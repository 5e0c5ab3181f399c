/* cmd_topic.c - retained topics: TOPIC.CONFIG and what reads, lists and follows them.
 *
 * A retained topic is a key that holds a ring of messages (types/topic_ring). Channels belong to no
 * database, so it is the key of database 0 whose name is the channel's that PUBLISH adds to, and
 * that subscribers follow; elsewhere such a value (moved, copied, restored there) can be looked at.
 *
 * The log is told what came of a command, not what was to be done: TOPIC.APPEND with offset and
 * time for PUBLISH; for TOPIC.CONFIG all limits, the epoch, and the first offset that was left. So
 * a replay makes the same ring, whenever it runs. What grows too old leaves untold, since a replay
 * hides it as well.
 *
 * Threads: the loop, but for the parts of TOPIC.READ's reply.
 */
#include "base/err.h"
#include "base/mem.h"
#include "base/random.h"
#include "commands/cmd_topic_internal.h"
#include "commands/families.h"
#include "commands/scan_options.h"
#include "core/effects.h"
#include "core/offload.h"
#include "core/ongoing.h"
#include "core/push.h"
#include "store/garbage.h"
#include "store/object.h"
#include "topic/retained.h"
#include "topic/topics.h"

/* What a topic keeps when its limits are not said. */
#define DEFAULT_COUNT 10000
#define DEFAULT_BYTES (16 * 1024 * 1024)

#define EPOCH_DIGITS RETAINED_EPOCH_BYTES

/* ---- arguments ------------------------------------------------------------------------ */

/* Up to the greatest offset or limit. */
static bool parse_number(struct ctx *c, int i, uint64_t *v) {
    int64_t n;
    if (!ctx_int_range(c, i, 0, (int64_t)TOPIC_NUMBER_END - 1, &n, NULL)) return false;
    *v = (uint64_t)n;
    return true;
}

static int digit_of(char ch) {
    if (ch >= '0' && ch <= '9') return ch - '0';
    ch |= 32;
    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

static bool parse_epoch(struct ctx *c, int i, uint64_t *epoch) {
    struct slice text = c->argv[i];
    bool ok = text.n == EPOCH_DIGITS;
    *epoch = 0;
    for (size_t k = 0; ok && k < text.n; k++) {
        ok = digit_of(text.p[k]) >= 0;
        *epoch = *epoch << 4 | (uint64_t)digit_of(text.p[k]);
    }
    if (ok && *epoch) return true;
    reply_error(c->r, "ERR the epoch is not one: 16 hexadecimal digits");
    return false;
}

static bool parse_from(struct ctx *c, int i, struct retained_from *from) {
    from->at = RETAINED_OFFSET;
    if (slice_is(c->argv[i], "earliest")) {
        from->at = RETAINED_EARLIEST;
    } else if (slice_is(c->argv[i], "last")) {
        from->at = RETAINED_LAST;
    } else {
        int64_t n;
        if (!ctx_int_range(c, i, 0, INT64_MAX, &n, "ERR FROM takes an offset, EARLIEST or LAST")) {
            return false;
        }
        from->offset = (uint64_t)n;
    }
    return true;
}

static bool syntax_error(struct ctx *c) {
    reply_err(c->r, ERR_SYNTAX);
    return false;
}

/* ---- values --------------------------------------------------------------------------- */

/* The ring of argument 1 for a command that reads; NULL with *ok: there is none. */
static const struct topic_ring *read_ring(struct ctx *c, bool *ok) {
    const struct entry *e = db_read(c->db, ctx_key(c, 1));
    *ok = ctx_is_type(c, e, TYPE_TOPIC);
    return e && *ok ? entry_object(e) : NULL;
}

/* The same where it has to be there: NULL, the error replied. */
static const struct topic_ring *need_ring(struct ctx *c) {
    bool ok;
    const struct topic_ring *t = read_ring(c, &ok);
    if (!t && ok) reply_err(c->r, ERR_NO_KEY);
    return t;
}

/* Lets the messages before `first` go. */
static void cut(struct ctx *c, struct topic_ring *t, uint64_t first) {
    struct topic_ring *gone = topic_ring_cut(t, first, OBJECT_FREE_COST_MAX);
    if (gone) garbage_add_object(c->db->ks, TYPE_TOPIC, gone);
}

/* The message of argument `text` into the ring of e, which is k's. */
static bool append(struct ctx *c, struct key k, struct entry *e, int64_t ms, struct slice text,
                   struct blob **shared) {
    struct topic_ring *t = entry_object(e);
    const struct topic_state *state = topic_ring_state(t);
    if (state->next == TOPIC_NUMBER_END - 1 || !topic_ring_append(t, ms, text, shared))
        return false;
    if (*shared) blob_ref(*shared);
    cut(c, t, topic_ring_keeps(t, state->last_ms));
    if (!(e->flags & ENTRY_FIELDS) && state->limits.ms) db_fields_changed(c->db, k, e);
    ctx_changed_calmly(c, k, FEED_TOPIC, "topic.publish");
    return true;
}

/* ---- PUBLISH -------------------------------------------------------------------------- */

bool topic_find_ring(struct ctx *c) {
    struct key k = ctx_key(c, 1);
    if (!retained_ring(c->core, k)) return false;
    if (likely(!c->core->ongoing.inside || c->row == c->row->retained)) return true;
    ongoing_stray(c->core); /* it was none when the command that runs this one began */
    return retained_ring(c->core, k);
}

static void tell_append(struct ctx *c, const struct topic_state *state) {
    if (!effects_wanted(c)) return;
    effect_begin(c, 5);
    effect_word(c, "TOPIC.APPEND");
    effect_bytes(c, c->argv[1]);
    effect_int(c, (int64_t)state->next - 1);
    effect_int(c, state->last_ms);
    effect_bytes(c, c->argv[2]);
}

bool topic_publish(struct ctx *c, int64_t *receivers) {
    struct key k = ctx_key(c, 1);
    struct blob *shared = NULL;
    c->db = &c->core->ks->dbs[0];
    struct entry *e = db_find(c->db, k);
    const struct topic_state *state = topic_ring_state(entry_object(e));
    if (!append(c, k, e, c->core->now_ms, c->argv[2], &shared)) return false;
    tell_append(c, state);
    int64_t count = topics_publish(c->core, TOPIC_CHANNEL, c->argv[1], c->argv[2]);
    *receivers = count < 0 ? 0 : count; /* there was no memory, but it is kept */
    *receivers += (int64_t)retained_deliver(c->core, k, state, c->argv[2], shared);
    if (shared) blob_unref(shared);
    return true;
}

/* ---- TOPIC.APPEND --------------------------------------------------------------------- */

static void topic_append(struct ctx *c) {
    struct key k = ctx_key(c, 1);
    struct blob *shared = NULL;
    uint64_t offset, ms;
    if (!parse_number(c, 2, &offset) || !parse_number(c, 3, &ms)) return;
    struct entry *e = db_find(c->db, k);
    if (!ctx_is_type(c, e, TYPE_TOPIC)) return;
    if (!e) {
        reply_err(c->r, ERR_NO_KEY);
        return;
    }
    if (offset != topic_ring_state(entry_object(e))->next) {
        reply_error(c->r, "ERR the offset is not the topic's next one");
        return;
    }
    if (!append(c, k, e, (int64_t)ms, c->argv[4], &shared)) {
        reply_err(c->r, ERR_OOM);
        return;
    }
    if (shared) blob_unref(shared);
    retained_changed(c->core);
    reply_ok(c->r);
}

/* ---- TOPIC.CONFIG ---------------------------------------------------------------------- */

struct settings {
    bool count_given, bytes_given, ms_given, first_given, epoch_given;
    struct topic_limits limits;
    uint64_t first, epoch;
};

static bool parse_setting(struct ctx *c, int i, struct settings *set) {
    struct slice word = c->argv[i++];
    if (slice_is(word, "count")) {
        set->count_given = true;
        return parse_number(c, i, &set->limits.count);
    }
    if (slice_is(word, "bytes")) {
        set->bytes_given = true;
        return parse_number(c, i, &set->limits.bytes);
    }
    if (slice_is(word, "ms")) {
        set->ms_given = true;
        return parse_number(c, i, &set->limits.ms);
    }
    if (slice_is(word, "first")) {
        set->first_given = true;
        return parse_number(c, i, &set->first);
    }
    if (slice_is(word, "epoch")) {
        set->epoch_given = true;
        return parse_epoch(c, i, &set->epoch);
    }
    return syntax_error(c);
}

static bool parse_settings(struct ctx *c, struct settings *set) {
    *set = (struct settings){.limits = {DEFAULT_COUNT, DEFAULT_BYTES, 0}};
    if (!slice_is(c->argv[2], "retain") || c->argc % 2 == 0) return syntax_error(c);
    for (int i = 3; i < c->argc; i += 2) {
        if (!parse_setting(c, i, set)) return false;
    }
    return true;
}

static struct topic_limits changed_limits(struct topic_limits l, const struct settings *set) {
    if (set->count_given) l.count = set->limits.count;
    if (set->bytes_given) l.bytes = set->limits.bytes;
    if (set->ms_given) l.ms = set->limits.ms;
    return l;
}

static uint64_t new_epoch(void) {
    uint64_t epoch;
    do {
        random_bytes(&epoch, sizeof epoch);
    } while (!epoch);
    return epoch;
}

static void tell_config(struct ctx *c, const struct topic_state *state) {
    char epoch[EPOCH_DIGITS + 1];
    if (!effects_wanted(c)) return;
    retained_epoch_text(state->epoch, epoch);
    effect_begin(c, 13);
    effect_word(c, "TOPIC.CONFIG");
    effect_bytes(c, c->argv[1]);
    effect_word(c, "RETAIN");
    effect_word(c, "COUNT");
    effect_int(c, (int64_t)state->limits.count);
    effect_word(c, "BYTES");
    effect_int(c, (int64_t)state->limits.bytes);
    effect_word(c, "MS");
    effect_int(c, (int64_t)state->limits.ms);
    effect_word(c, "FIRST");
    effect_int(c, (int64_t)state->first);
    effect_word(c, "EPOCH");
    effect_word(c, epoch);
}

/* What is too old by the limits so far does not come back by others. While a log is replayed the
 * time is 0, and FIRST says all of it. */
static uint64_t first_after(struct ctx *c, struct topic_ring *t, struct topic_limits limits,
                            const struct settings *set) {
    int64_t now_ms = c->core->replaying ? 0 : c->core->now_ms;
    uint64_t first = topic_ring_first(t, now_ms);
    topic_ring_limit(t, limits);
    uint64_t kept = topic_ring_keeps(t, now_ms);
    if (kept > first) first = kept;
    return set->first_given && set->first > first ? set->first : first;
}

static void change(struct ctx *c, struct key k, struct entry *e, const struct settings *set) {
    struct topic_ring *t = entry_object(e);
    const struct topic_state *state = topic_ring_state(t);
    struct topic_limits before = state->limits, limits = changed_limits(before, set);
    uint64_t first_before = state->first;
    cut(c, t, first_after(c, t, limits, set));
    if (memcmp(&before, &limits, sizeof limits) == 0 && state->first == first_before) return;
    db_fields_changed(c->db, k, e);
    ctx_changed_calmly(c, k, FEED_TOPIC, "topic.config");
    tell_config(c, state);
}

static void create(struct ctx *c, struct key k, const struct settings *set) {
    struct topic_ring *t = topic_ring_new(set->epoch_given ? set->epoch : new_epoch(), set->first);
    topic_ring_limit(t, set->limits);
    db_put_object(c->db, k, TYPE_TOPIC, t);
    ctx_changed(c, k, FEED_TOPIC, "topic.config");
    tell_config(c, topic_ring_state(t));
}

static bool is_database_0(struct ctx *c) {
    if (c->db->id == 0) return true;
    reply_error(c->r, "ERR retained topics are keys of database 0");
    return false;
}

static void topic_config(struct ctx *c) {
    struct key k = ctx_key(c, 1);
    struct settings set;
    if (!is_database_0(c) || !parse_settings(c, &set)) return;
    struct entry *e = db_find(c->db, k);
    if (!ctx_is_type(c, e, TYPE_TOPIC)) return;
    const struct topic_state *state = e ? topic_ring_state(entry_object(e)) : NULL;
    if (state && set.epoch_given && set.epoch != state->epoch) {
        reply_error(c->r, "ERR the topic has another epoch");
        return;
    }
    if (state && set.first > state->next) {
        reply_err(c->r, ERR_OUT_OF_RANGE);
        return;
    }
    if (e) {
        change(c, k, e, &set);
    } else {
        create(c, k, &set);
    }
    reply_ok(c->r);
}

/* ---- TOPIC.READ ------------------------------------------------------------------------ */

/* A run of messages on its way (core/offload). */
struct run {
    const struct topic_ring *t;
    uint64_t offset, count;
    struct topic_cursor cursor; /* of the next one, `count` being left */
};

static void begin_run(void *state, struct reply *r) {
    struct run *x = state;
    char epoch[EPOCH_DIGITS + 1];
    retained_epoch_text(topic_ring_state(x->t)->epoch, epoch);
    reply_array(r, 2);
    reply_bulk(r, slice_of(epoch, EPOCH_DIGITS));
    reply_array(r, x->count);
    x->cursor = topic_cursor_at(x->t, x->offset);
}

static bool more_of_run(void *state, struct reply *r) {
    struct run *x = state;
    struct topic_message m;
    while (x->count && !reply_is_full(r) && topic_cursor_next(&x->cursor, &m)) {
        reply_array(r, 3);
        reply_int(r, (int64_t)m.offset);
        reply_int(r, m.ms);
        if (m.blob) {
            reply_bulk_blob(r, m.blob, m.payload.n);
        } else {
            reply_bulk(r, m.payload);
        }
        x->count--;
    }
    return x->count;
}

static bool parse_run(struct ctx *c, struct retained_from *from, int64_t *count) {
    *count = INT64_MAX;
    if (!slice_is(c->argv[2], "from") || c->argc == 5 || c->argc > 6) return syntax_error(c);
    if (!parse_from(c, 3, from)) return false;
    if (c->argc == 4) return true;
    if (!slice_is(c->argv[4], "count")) return syntax_error(c);
    return ctx_int_range(c, 5, 0, INT64_MAX, count, NULL);
}

static void topic_read(struct ctx *c) {
    struct retained_from from = {0};
    struct run x = {0};
    int64_t count;
    bool ok;
    if (!parse_run(c, &from, &count)) return;
    x.t = read_ring(c, &ok);
    if (!ok) return;
    if (!x.t) {
        reply_null_array(c->r);
        return;
    }
    const struct topic_state *state = topic_ring_state(x.t);
    uint64_t first = topic_ring_first(x.t, c->core->now_ms);
    x.offset = retained_offset(x.t, &from, c->core->now_ms);
    if (x.offset < first) x.offset = first;
    if (x.offset > state->next) x.offset = state->next;
    x.count = state->next - x.offset;
    if (x.count > (uint64_t)count) x.count = (uint64_t)count;
    offload(c, &(struct offload){
                   .units = x.count,
                   .state = &x,
                   .state_bytes = sizeof x,
                   .compute = begin_run,
                   .more = more_of_run,
               });
}

/* ---- TOPIC.INFO, TOPIC.LIST ------------------------------------------------------------- */

static void reply_number(struct reply *r, const char *name, uint64_t v) {
    reply_bulk_cstr(r, name);
    reply_int(r, (int64_t)v);
}

static void topic_info(struct ctx *c) {
    char epoch[EPOCH_DIGITS + 1];
    const struct topic_ring *t = need_ring(c);
    if (!t) return;
    const struct topic_state *state = topic_ring_state(t);
    uint64_t first = topic_ring_first(t, c->core->now_ms);
    size_t subscribers = c->db->id ? 0 : topics_subscribers(c->core, TOPIC_RETAINED, c->argv[1]);
    retained_epoch_text(state->epoch, epoch);
    reply_map(c->r, 9);
    reply_bulk_cstr(c->r, "epoch");
    reply_bulk(c->r, slice_of(epoch, EPOCH_DIGITS));
    reply_number(c->r, "first-offset", first);
    reply_number(c->r, "next-offset", state->next);
    reply_number(c->r, "length", state->next - first);
    reply_number(c->r, "bytes", state->bytes);
    reply_number(c->r, "limit-count", state->limits.count);
    reply_number(c->r, "limit-bytes", state->limits.bytes);
    reply_number(c->r, "limit-ms", state->limits.ms);
    reply_number(c->r, "subscribers", subscribers);
}

/* What one step of the walk has found: the cursor goes out before. */
struct listing {
    const struct scan_options *options;
    const struct entry **found;
    size_t count, room;
};

static void list_entry(void *ctx, const struct entry *e) {
    struct listing *l = ctx;
    if (entry_type(e) != TYPE_TOPIC || !scan_matches(l->options, entry_key(e))) return;
    if (l->count == l->room) {
        l->room = l->room ? 2 * l->room : 8;
        l->found = mem_realloc(l->found, l->room * sizeof *l->found);
    }
    l->found[l->count++] = e;
}

static void topic_list(struct ctx *c) {
    struct scan_options o;
    struct listing l = {.options = &o};
    uint64_t cursor;
    if (!scan_cursor_parse(c, 1, &cursor) || !scan_options_parse(c, 2, 0, &o)) return;
    cursor = db_scan(c->db, cursor, (size_t)o.count, list_entry, NULL, &l);
    scan_reply_cursor(c, cursor);
    reply_array(c->r, l.count);
    for (size_t i = 0; i < l.count; i++) reply_bulk(c->r, entry_key(l.found[i]));
    mem_free(l.found);
}

/* ---- TOPIC.SUBSCRIBE, TOPIC.UNSUBSCRIBE -------------------------------------------------- */

static bool parse_subscription(struct ctx *c, struct retained_from *from) {
    if (!slice_is(c->argv[2], "from") || (c->argc != 4 && c->argc != 6)) return syntax_error(c);
    if (!parse_from(c, 3, from)) return false;
    if (c->argc == 4) return true;
    if (!slice_is(c->argv[4], "epoch")) return syntax_error(c);
    from->epoch_given = true;
    return parse_epoch(c, 5, &from->epoch);
}

static void topic_subscribe(struct ctx *c) {
    struct retained_from from = {0};
    if (!is_database_0(c) || !parse_subscription(c, &from)) return;
    const struct topic_ring *t = need_ring(c);
    if (t) retained_subscribe(c->s, push_as_reply(c->s), ctx_key(c, 1), t, &from);
}

/* `name` is NULL when nothing was left to end. */
static void tell_end(struct ctx *c, const struct slice *name) {
    struct reply *r = push_as_reply(c->s);
    reply_push(r, 3);
    reply_bulk_cstr(r, "tunsubscribe");
    if (name) {
        reply_bulk(r, *name);
    } else {
        reply_null(r);
    }
    reply_int(r, (int64_t)topics_of(c->s, TOPIC_RETAINED));
}

/* The subscription's name ends with it. */
static void end_first(struct ctx *c, struct slice name) {
    char *copy = mem_dup(name.p, name.n);
    name.p = copy;
    topics_unsubscribe(c->s, TOPIC_RETAINED, name);
    tell_end(c, &name);
    mem_free(copy);
}

static void topic_unsubscribe(struct ctx *c) {
    struct slice name;
    for (int i = 1; i < c->argc; i++) {
        topics_unsubscribe(c->s, TOPIC_RETAINED, c->argv[i]);
        tell_end(c, &c->argv[i]);
    }
    if (c->argc > 1) return;
    if (!topics_of(c->s, TOPIC_RETAINED)) tell_end(c, NULL);
    while (topics_first(c->s, TOPIC_RETAINED, &name)) end_first(c, name);
}

/* ---- rows ------------------------------------------------------------------------------ */

#define ONE_KEY(key_flags)                                                                         \
    {                                                                                              \
        { .flags = (key_flags), .begin = BEGIN_INDEX, .index = 1, .find = FIND_RANGE, .step = 1 }  \
    }

#define SINCE "7.2.4"

static const struct row_arg from_args[] = {
    {.name = "offset", .type = ARG_INTEGER},
    {.name = "earliest", .type = ARG_PURE_TOKEN, .token = "EARLIEST"},
    {.name = "last", .type = ARG_PURE_TOKEN, .token = "LAST"},
    {0},
};
static const struct row_arg append_args[] = {
    {.name = "topic", .type = ARG_KEY},
    {.name = "offset", .type = ARG_INTEGER},
    {.name = "unix-time-milliseconds", .type = ARG_UNIX_TIME},
    {.name = "message", .type = ARG_STRING},
    {0},
};
static const struct row_arg config_args[] = {
    {.name = "topic", .type = ARG_KEY},
    {.name = "retain", .type = ARG_PURE_TOKEN, .token = "RETAIN"},
    {.name = "count", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "COUNT"},
    {.name = "bytes", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "BYTES"},
    {.name = "milliseconds", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "MS"},
    {.name = "first-offset", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "FIRST"},
    {.name = "epoch", .type = ARG_STRING, .flags = ARG_OPTIONAL, .token = "EPOCH"},
    {0},
};
static const struct row_arg info_args[] = {{.name = "topic", .type = ARG_KEY}, {0}};
static const struct row_arg list_args[] = {
    {.name = "cursor", .type = ARG_INTEGER},
    {.name = "pattern", .type = ARG_PATTERN, .flags = ARG_OPTIONAL, .token = "MATCH"},
    {.name = "count", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "COUNT"},
    {0},
};
static const struct row_arg read_args[] = {
    {.name = "topic", .type = ARG_KEY},
    {.name = "from", .type = ARG_ONEOF, .token = "FROM", .sub = from_args},
    {.name = "count", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "COUNT"},
    {0},
};
static const struct row_arg subscribe_args[] = {
    {.name = "topic", .type = ARG_KEY},
    {.name = "from", .type = ARG_ONEOF, .token = "FROM", .sub = from_args},
    {.name = "epoch", .type = ARG_STRING, .flags = ARG_OPTIONAL, .token = "EPOCH"},
    {0},
};
static const struct row_arg unsubscribe_args[] = {
    {.name = "topic", .type = ARG_STRING, .flags = ARG_OPTIONAL | ARG_MULTIPLE},
    {0},
};
static const char *const list_tips[] = {
    "nondeterministic_output",
    "request_policy:special",
    "response_policy:special",
    NULL,
};

const struct row topic_rows[] = {
    {
        .name = "topic.append",
        .run = topic_append,
        .arity = 5,
        .flags = ROW_WRITE | ROW_DENYOOM | ROW_FAST,
        .acl = ACL_PUBSUB,
        .keys = ONE_KEY(KEY_RW | KEY_UPDATE | KEY_INSERT),
        .since = SINCE,
        .summary = "Adds a message to a retained topic, as the log tells it of PUBLISH.",
        .complexity = "O(1)",
        .group = GROUP_PUBSUB,
        .args = append_args,
    },
    {
        .name = "topic.config",
        .run = topic_config,
        .arity = -3,
        .flags = ROW_WRITE | ROW_DENYOOM,
        .acl = ACL_PUBSUB,
        .keys = ONE_KEY(KEY_RW | KEY_UPDATE),
        .since = SINCE,
        .summary = "Lets a topic keep its messages, or changes how many.",
        .complexity = "O(1), and O(N) for messages that go, in nodes of 4 KiB or messages of more "
                      "than 1 KiB",

        .group = GROUP_PUBSUB,
        .args = config_args,
    },
    {
        .name = "topic.info",
        .run = topic_info,
        .arity = 2,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_PUBSUB,
        .keys = ONE_KEY(KEY_RO | KEY_ACCESS),
        .since = SINCE,
        .summary = "Tells epoch, offsets, limits and subscribers of a retained topic.",
        .complexity = "O(log N) in the messages kept",
        .group = GROUP_PUBSUB,
        .args = info_args,
    },
    {
        .name = "topic.list",
        .run = topic_list,
        .arity = -2,
        .flags = ROW_READONLY | ROW_NOT_BESIDE,
        .acl = ACL_PUBSUB | ACL_KEYSPACE,
        .since = SINCE,
        .summary = "Lists retained topics, some of the keys being looked at in each call.",
        .complexity = "O(1) for every call; O(N) for all, N being the keys of the database",
        .group = GROUP_PUBSUB,
        .args = list_args,
        .tips = list_tips,
    },
    {
        .name = "topic.read",
        .run = topic_read,
        .arity = -4,
        .flags = ROW_READONLY,
        .acl = ACL_PUBSUB,
        .keys = ONE_KEY(KEY_RO | KEY_ACCESS),
        .since = SINCE,
        .summary = "Replies messages that a retained topic has kept.",
        .complexity = "O(log N + M), N being the messages kept and M those replied",
        .group = GROUP_PUBSUB,
        .args = read_args,
    },
    {
        .name = "topic.subscribe",
        .run = topic_subscribe,
        .arity = -4,
        .flags = ROW_READONLY | ROW_PUBSUB | ROW_NOSCRIPT | ROW_NO_MULTI | ROW_SUBSCRIBED_MAY,
        .keys = ONE_KEY(KEY_RO | KEY_ACCESS),
        .since = SINCE,
        .summary = "Subscribes to a retained topic from one of its messages on.",
        .complexity = "O(log N), then O(1) for each message",
        .group = GROUP_PUBSUB,
        .args = subscribe_args,
    },
    {
        .name = "topic.unsubscribe",
        .run = topic_unsubscribe,
        .arity = -1,
        .flags = ROW_PUBSUB | ROW_NOSCRIPT | ROW_LOADING | ROW_STALE | ROW_SUBSCRIBED_MAY,
        .since = SINCE,
        .summary = "Ends subscriptions to retained topics, to all without an argument.",
        .complexity = "O(N) in the number of topics",
        .group = GROUP_PUBSUB,
        .args = unsubscribe_args,
    },
    {0},
};
