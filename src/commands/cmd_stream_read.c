/* cmd_stream_read.c - XREAD and XREADGROUP: what is new in some streams, now or when it comes.
 *
 * A command first finds all of its streams, groups and IDs, and fails as a whole if one is not
 * there; then it serves each stream that has something. Where none has, it may wait
 * (core/blocked.h), and runs anew as a whole when one of its keys changes.
 *
 * Threads: the loop.
 * Specification: Redis 7.2; the ID + as 7.4 has it, CLAIM as 8.4.
 */
#include "base/assert.h"
#include "base/mem.h"
#include "commands/cmd_stream_internal.h"
#include "commands/families.h"
#include "core/blocked.h"
#include "core/offload.h"
#include "core/ongoing.h"

#define STREAMS_FEW 8

/* The options. Of arguments 0 means none. */
struct reading {
    bool of_group;
    int group_at, consumer_at, first_key, key_count;
    uint64_t max; /* entries of each stream, 0: all */
    bool no_ack, claims, waits;
    int64_t idle_ms_min; /* with claims */
    int64_t until_ms;    /* with waits */
};

/* One of the streams. */
struct source {
    struct stream_at at;
    struct stream_id behind; /* entries behind this one are wanted */
    bool is_last;            /* $: it is the stream's last ID now */
};

/* -- arguments ------------------------------------------------------------------------- */

/* False, the error replied, for an option that XREAD does not have. */
static bool group_only(struct ctx *c, const struct reading *o, const char *option) {
    if (o->of_group) return true;
    reply_errorf(c->r,
                 "ERR The %s option is only supported by XREADGROUP. You called XREAD instead.",
                 option);
    return false;
}

/* Reads what stands behind the word of argument i. */
static bool parse_max(struct ctx *c, int i, struct reading *o) {
    int64_t max;
    if (!ctx_int(c, i, &max)) return false;
    o->max = max < 0 ? 0 : (uint64_t)max;
    return true;
}

static bool parse_claim(struct ctx *c, int i, struct reading *o) {
    if (!group_only(c, o, "CLAIM") ||
        !ctx_int_range(c, i, INT64_MIN, INT64_MAX, &o->idle_ms_min,
                       "ERR min-idle-time is not an integer or out of range")) {
        return false;
    }
    if (o->idle_ms_min < 0) return stream_fail(c, "ERR min-idle-time must be a positive integer");
    o->claims = true;
    return true;
}

static bool parse_block(struct ctx *c, int i, struct reading *o) {
    o->waits = true;
    if (!session_is_inner(c->s)) return blocked_parse_ms(c, i, &o->until_ms);
    reply_errorf(c->r, "ERR %.*s command is not allowed with BLOCK option from scripts",
                 (int)c->argv[0].n, c->argv[0].p);
    return false;
}

static bool parse_streams(struct ctx *c, int i, struct reading *o) {
    if ((c->argc - i) % 2) {
        reply_errorf(c->r,
                     "ERR Unbalanced '%s' list of streams: for each stream key an ID or '%c' must "
                     "be specified.",
                     c->row->name, o->of_group ? '>' : '$');
        return false;
    }
    o->first_key = i;
    o->key_count = (c->argc - i) / 2;
    return true;
}

static bool parse_words(struct ctx *c, struct reading *o) {
    for (int i = 1; i < c->argc && !o->first_key; i++) {
        struct slice word = c->argv[i];
        int more = c->argc - i - 1;
        bool ok = true;
        if (more && slice_is(word, "claim")) {
            ok = parse_claim(c, ++i, o);
        } else if (more && slice_is(word, "block")) {
            ok = parse_block(c, ++i, o);
        } else if (more && slice_is(word, "count")) {
            ok = parse_max(c, ++i, o);
        } else if (more && slice_is(word, "streams")) {
            ok = parse_streams(c, i + 1, o);
        } else if (more >= 2 && slice_is(word, "group")) {
            ok = group_only(c, o, "GROUP");
            o->group_at = ++i;
            o->consumer_at = ++i;
        } else if (slice_is(word, "noack")) {
            ok = group_only(c, o, "NOACK");
            o->no_ack = true;
        } else {
            reply_err(c->r, ERR_SYNTAX);
            return false;
        }
        if (!ok) return false;
    }
    return true;
}

static bool parse(struct ctx *c, bool of_group, struct reading *o) {
    *o = (struct reading){.of_group = of_group};
    if (!parse_words(c, o)) return false;
    if (!o->first_key) {
        reply_err(c->r, ERR_SYNTAX);
        return false;
    }
    if (of_group && !o->group_at) return stream_fail(c, "ERR Missing GROUP option for XREADGROUP");
    return true;
}

/* -- streams and IDs ------------------------------------------------------------------- */

/* > of a group: what it has not read yet. */
static bool wants_new(const struct source *from) {
    return stream_id_eq(from->behind, STREAM_ID_MAX);
}

/* $ and + mean nothing to a group, > nothing without one. */
static bool check_sign(struct ctx *c, const struct reading *o, char sign) {
    if (sign == '>' && !o->of_group) {
        return stream_fail(
            c, "ERR The > ID can be specified only when calling XREADGROUP using the GROUP "
               "<group> <consumer> option.");
    }
    if (sign == '>' || !o->of_group) return true;
    reply_errorf(c->r,
                 "ERR The %c ID is meaningless in the context of XREADGROUP: you want to read the "
                 "history of this consumer by specifying a proper ID, or use the > ID to get new "
                 "messages. The %c ID would just return an empty result set.",
                 sign, sign);
    return false;
}

static bool find_id(struct ctx *c, const struct reading *o, int i, struct source *from) {
    struct slice text = c->argv[i];
    struct stream_entry top;
    bool is_sign = text.n && strnlen(text.p, text.n) == 1; /* as in Redis, a zero byte ends it */
    char sign = is_sign ? text.p[0] : 0;
    if (sign != '$' && sign != '>' && sign != '+') return stream_arg_id(c, i, &from->behind);
    if (!check_sign(c, o, sign)) return false;
    from->behind = sign == '>' ? STREAM_ID_MAX : STREAM_ID_MIN;
    if (sign == '$') {
        from->is_last = true;
        if (from->at.s) from->behind = stream_state(from->at.s)->last;
    } else if (sign == '+' && from->at.s && stream_edge(from->at.s, true, &top)) {
        from->behind = top.id;
        stream_id_prev(&from->behind);
    }
    return true;
}

static bool find_group(struct ctx *c, const struct reading *o, int key, struct source *from) {
    struct slice name = c->argv[o->group_at];
    if (from->at.s) from->at.g = stream_group_find(from->at.s, name);
    if (from->at.g) return true;
    reply_errorf(c->r,
                 "NOGROUP No such key '%.*s' or consumer group '%.*s' in XREADGROUP with GROUP "
                 "option",
                 (int)c->argv[key].n, c->argv[key].p, (int)name.n, name.p);
    return false;
}

/* Finds all streams; false, with the error replied. */
static bool find_sources(struct ctx *c, const struct reading *o, struct source *from) {
    for (int i = 0; i < o->key_count; i++) {
        int key = o->first_key + i;
        from[i] = (struct source){.at = {.key = ctx_key(c, key)}};
        if (!stream_key_read(c, key, &from[i].at.s)) return false;
        if (o->of_group && !find_group(c, o, key, &from[i])) return false;
        if (!find_id(c, o, key + o->key_count, &from[i])) return false;
    }
    return true;
}

/* -- serving --------------------------------------------------------------------------- */

/* The streams that were served so far are an array of pairs, or a map. */
struct served {
    struct reply_mark mark;
    size_t count;
};

static void begin_stream(struct reply *r, struct served *served, struct slice key) {
    if (served->count++ == 0) served->mark = reply_begin(r);
    if (r->proto == 2) reply_array(r, 2);
    reply_bulk(r, key);
}

static void end_streams(struct reply *r, const struct served *served) {
    if (r->proto == 2) {
        reply_end_array(r, served->mark, served->count);
    } else {
        reply_end_map(r, served->mark, served->count);
    }
}

/* Whether there is an entry behind an ID. */
static bool has_behind(const struct stream *s, struct stream_id id) {
    struct stream_entry top;
    return stream_edge(s, true, &top) && stream_id_cmp(top.id, id) > 0;
}

/* With CLAIM an entry is shown with its idle time and the deliveries until then. */
static void reply_entry(struct ctx *c, const struct reading *o, const struct stream_entry *e,
                        int64_t idle_ms, uint64_t deliveries) {
    if (!o->claims) {
        stream_reply_entry(c->r, e);
        return;
    }
    reply_array(c->r, 4);
    stream_reply_id(c->r, e->id);
    stream_reply_fields(c->r, *e);
    reply_int(c->r, idle_ms);
    reply_int(c->r, (int64_t)deliveries);
}

static int64_t idle_ms(const struct ctx *c, const struct stream_nack *nack) {
    int64_t ms = stream_ms_since(nack->delivered_ms, c->core->now_ms);
    return ms < 0 ? 0 : ms;
}

/* The pending entry that was delivered the longest ago and exists; NULL if there is none. */
static const struct stream_nack *oldest_nack(const struct stream_at *at) {
    struct stream_pel_iter it = stream_pel_start(&at->g->times);
    struct stream_entry e;
    const struct stream_nack *nack;
    while ((nack = stream_pel_next(&it)) && !stream_find(at->s, nack->id, &e)) continue;
    return nack;
}

/* Replies the pending entries that were idle long enough, as those of the consumer from now on;
 * returns how many there were. What is claimed goes to the end of the order, behind `last`. */
static uint64_t claim(struct ctx *c, const struct reading *o, struct stream_at at, int key,
                      struct stream_consumer *consumer) {
    struct stream_pel_iter it = stream_pel_start(&at.g->times);
    const struct stream_nack *last = stream_pel_last(&at.g->times);
    struct stream_nack *nack = stream_pel_next(&it), *next;
    uint64_t count = 0;
    for (bool more = nack; more && idle_ms(c, nack) >= o->idle_ms_min; nack = next) {
        struct stream_entry e;
        stream_rest(c, &at, key);
        more = nack != last;
        next = more ? stream_pel_after(&at.g->times, nack) : NULL;
        if (!stream_find(at.s, nack->id, &e)) continue;
        reply_entry(c, o, &e, idle_ms(c, nack), nack->deliveries);
        stream_nack_assign(at.g, nack, consumer, c->core->now_ms);
        stream_nack_count(nack);
        if (effects_wanted(c)) stream_tell_nack(c, at, nack);
        if (++count == o->max) break;
    }
    if (count) stream_consumer_active(consumer, c->core->now_ms);
    return count;
}

/* Makes an entry pending, or, if it is (XGROUP SETID went back), the consumer's. */
static void deliver(struct ctx *c, struct stream_at at, struct stream_consumer *consumer,
                    struct stream_id id) {
    struct stream_nack *nack = stream_nack_find(at.g, id);
    if (nack) {
        stream_nack_assign(at.g, nack, consumer, c->core->now_ms);
        stream_nack_set_deliveries(nack, 1);
    } else {
        nack = stream_nack_add(at.g, consumer, id, c->core->now_ms, 1);
    }
    if (effects_wanted(c)) stream_tell_nack(c, at, nack);
    stream_consumer_active(consumer, c->core->now_ms);
}

/* Replies the entries that the group has not read, `count` of those that were asked for having been
 * replied already; they are delivered. Returns the count. */
static uint64_t reply_new(struct ctx *c, const struct reading *o, struct stream_at at, int key,
                          struct stream_consumer *consumer, uint64_t count) {
    struct stream_id id = at.g->last;
    struct stream_iter it;
    struct stream_entry e;
    bool advanced = false;
    if (!stream_id_next(&id)) return count;
    stream_iter_start(&it, at.s, id, STREAM_ID_MAX, false);
    while ((!o->max || count < o->max) && stream_iter_next(&it, &e)) {
        if (stream_id_cmp(e.id, at.g->last) > 0) {
            stream_group_advance(at.s, at.g, e.id);
            advanced = true;
        }
        reply_entry(c, o, &e, 0, 0);
        if (!o->no_ack) deliver(c, at, consumer, e.id);
        count++;
        stream_rest(c, &at, key);
    }
    if (advanced && effects_wanted(c)) stream_tell_group(c, at);
    return count;
}

/* What the consumer has pending behind an ID, delivered once more. */
static void reply_history(struct ctx *c, const struct reading *o, struct stream_at at, int key,
                          struct stream_consumer *consumer, struct stream_id id) {
    struct reply_mark mark = reply_begin(c->r);
    uint64_t count = 0;
    bool more = stream_id_next(&id);
    while (more && (!o->max || count < o->max)) {
        struct stream_pel_iter it = stream_pel_from(&consumer->pel, id);
        struct stream_nack *nack = stream_pel_next(&it);
        struct stream_entry e;
        if (!nack) break;
        stream_rest(c, &at, key);
        if (stream_find(at.s, nack->id, &e)) {
            stream_reply_entry(c->r, &e);
            stream_nack_assign(at.g, nack, consumer, c->core->now_ms);
            stream_nack_count(nack);
            if (effects_wanted(c)) stream_tell_nack(c, at, nack);
        } else {
            reply_array(c->r, 2);
            stream_reply_id(c->r, nack->id);
            reply_null_array(c->r);
        }
        count++;
        id = nack->id;
        more = stream_id_next(&id);
    }
    reply_end_array(c->r, mark, count);
}

/* Whether there are pending entries that CLAIM takes. */
static bool has_old(const struct ctx *c, const struct reading *o, const struct stream_at *at) {
    const struct stream_nack *oldest = o->claims ? oldest_nack(at) : NULL;
    return oldest && idle_ms(c, oldest) >= o->idle_ms_min;
}

/* Argument `key` is the stream. */
static void serve_group(struct ctx *c, const struct reading *o, const struct source *from, int key,
                        struct served *served) {
    struct stream_at at = from->at;
    stream_rest(c, &at, key);
    effect_none(c);
    struct stream_consumer *consumer = stream_consumer_get(c, at, c->argv[o->consumer_at]);
    if (!wants_new(from)) {
        begin_stream(c->r, served, key_slice(at.key));
        reply_history(c, o, at, key, consumer, from->behind);
        ctx_changed_aside(c, ctx_key(c, key), FEED_UNTOLD, "xreadgroup");
        return;
    }
    bool claims = has_old(c, o, &at), has_new = has_behind(at.s, at.g->last);
    if (!claims && !has_new) return;
    begin_stream(c->r, served, key_slice(at.key));
    struct reply_mark mark = reply_begin(c->r);
    uint64_t count = claims ? claim(c, o, at, key, consumer) : 0;
    if (has_new) count = reply_new(c, o, at, key, consumer, count);
    reply_end_array(c->r, mark, count);
    ctx_changed_aside(c, ctx_key(c, key), FEED_UNTOLD, "xreadgroup");
}

/* -- waiting --------------------------------------------------------------------------- */

/* When a pending entry of some stream can be claimed first; if there is none, when one that is
 * delivered now could be. */
static int64_t claim_ms(const struct ctx *c, const struct reading *o, const struct source *from) {
    int64_t first_ms = INT64_MAX, ms;
    if (!o->claims) return BLOCKED_FOREVER;
    for (int i = 0; i < o->key_count; i++) {
        const struct stream_nack *nack = oldest_nack(&from[i].at);
        if (nack && nack->delivered_ms < first_ms) first_ms = nack->delivered_ms;
    }
    if (first_ms == INT64_MAX) first_ms = c->core->now_ms;
    return __builtin_add_overflow(first_ms, o->idle_ms_min, &ms) ? BLOCKED_FOREVER : ms;
}

/* $ means the last ID of now, also when the command runs again. */
static void wait_for_news(struct ctx *c, const struct reading *o, const struct source *from) {
    size_t texts_at = (size_t)c->argc * sizeof(struct slice);
    char *room = mem_alloc(texts_at + (size_t)o->key_count * STREAM_ID_TEXT_BYTES);
    struct slice *argv = (struct slice *)(void *)room;
    memcpy(argv, c->argv, texts_at);
    for (int i = 0; i < o->key_count; i++) {
        if (!from[i].is_last) continue;
        argv[o->first_key + o->key_count + i] =
            stream_id_text(from[i].behind, room + texts_at + (size_t)i * STREAM_ID_TEXT_BYTES);
    }
    blocked_wait(c, &(struct blocked_on){.first_key = o->first_key,
                                         .key_count = o->key_count,
                                         .type = TYPE_STREAM,
                                         .any_change = o->of_group,
                                         .until_ms = o->until_ms,
                                         .again_ms = claim_ms(c, o, from),
                                         .argv = argv});
    mem_free(room);
}

/* -- handlers -------------------------------------------------------------------------- */

/* XREAD of streams that have something, on its way (core/offload). */
struct run {
    struct slice key; /* an argument */
    const struct stream *s;
    struct stream_id behind;
};

struct runs {
    struct run *run;
    size_t count;
    uint64_t max;
};

static void compute_runs(void *state, struct reply *r) {
    const struct runs *x = state;
    struct served served = {.count = 0};
    for (size_t i = 0; i < x->count; i++) {
        struct stream_id from = x->run[i].behind;
        bool more = stream_id_next(&from);
        ASSERT(more); /* there is an entry behind it */
        begin_stream(r, &served, x->run[i].key);
        stream_reply_range(r, x->run[i].s, from, STREAM_ID_MAX, x->max, false);
    }
    end_streams(r, &served);
}

static void runs_drop(void *state) { mem_free(((struct runs *)state)->run); }

/* False, nothing replied, if no stream has anything. */
static bool read_runs(struct ctx *c, const struct reading *o, const struct source *from) {
    struct runs x = {.max = o->max};
    uint64_t units = 0, max = o->max ? o->max : UINT64_MAX;
    for (int i = 0; i < o->key_count; i++) {
        const struct stream *s = from[i].at.s;
        if (!s || !has_behind(s, from[i].behind)) continue;
        if (!x.run) x.run = mem_alloc((size_t)o->key_count * sizeof *x.run);
        x.run[x.count++] = (struct run){c->argv[o->first_key + i], s, from[i].behind};
        units += stream_entries_about(s, from[i].behind, STREAM_ID_MAX, max);
    }
    if (!x.count) return false;
    offload(c, &(struct offload){
                   .units = units,
                   .state = &x,
                   .state_bytes = sizeof x,
                   .compute = compute_runs,
                   .drop = runs_drop,
               });
    return true;
}

/* XREADGROUP, which may go on (core/ongoing.h). */
struct group_reading {
    struct reading o;
    struct source *from;
};

static void read_group_each(struct ctx *c, void *state) {
    const struct group_reading *x = state;
    struct served served = {.count = 0};
    for (int i = 0; i < x->o.key_count; i++)
        serve_group(c, &x->o, &x->from[i], x->o.first_key + i, &served);
    if (served.count) {
        end_streams(c->r, &served);
    } else if (x->o.waits) {
        wait_for_news(c, &x->o, x->from);
    } else {
        reply_null_array(c->r);
    }
}

static void group_reading_drop(void *state) { mem_free(((struct group_reading *)state)->from); }

/* How many entries a source has for the consumer, about, but `max` at most. */
static uint64_t group_units(struct ctx *c, const struct reading *o, const struct source *from) {
    const struct stream_at *at = &from->at;
    uint64_t max = o->max ? o->max : UINT64_MAX, units = 0;
    if (!wants_new(from)) {
        const struct stream_consumer *consumer =
            stream_consumer_find(at->g, c->argv[o->consumer_at]);
        units = consumer ? stream_pel_count(&consumer->pel) : 0;
    } else if (has_old(c, o, at)) {
        units = stream_pel_count(&at->g->pel);
    } else if (has_behind(at->s, at->g->last)) {
        return stream_entries_about(at->s, at->g->last, STREAM_ID_MAX, max);
    }
    return units < max ? units : max;
}

/* If there are many units some stream is served: such a command does not wait. */
static void read_group(struct ctx *c, const struct reading *o, struct source *from) {
    struct group_reading x = {*o, from};
    uint64_t units = 0;
    for (int i = 0; i < o->key_count; i++) units += group_units(c, o, &from[i]);
    if (units < ONGOING_UNITS_MIN) {
        read_group_each(c, &x);
        return;
    }
    x.from = mem_alloc((size_t)o->key_count * sizeof *from);
    memcpy(x.from, from, (size_t)o->key_count * sizeof *from);
    ongoing_command(c, &(struct ongoing_steps){
                           .units = units,
                           .state = &x,
                           .state_bytes = sizeof x,
                           .body = read_group_each,
                           .drop = group_reading_drop,
                       });
}

static void read_sources(struct ctx *c, const struct reading *o, struct source *from) {
    if (!find_sources(c, o, from)) return;
    if (o->of_group) {
        read_group(c, o, from);
        return;
    }
    if (read_runs(c, o, from)) return;
    if (o->waits) {
        wait_for_news(c, o, from);
    } else {
        reply_null_array(c->r);
    }
}

static void read_streams(struct ctx *c, bool of_group) {
    struct reading o;
    struct source few[STREAMS_FEW], *from = few;
    if (!parse(c, of_group, &o)) return;
    if (o.key_count > STREAMS_FEW) from = mem_alloc((size_t)o.key_count * sizeof *from);
    read_sources(c, &o, from);
    if (from != few) mem_free(from);
}

static void stream_xread(struct ctx *c) { read_streams(c, false); }
static void stream_xreadgroup(struct ctx *c) { read_streams(c, true); }

/* -- rows ------------------------------------------------------------------------------ */

static const struct row_arg group_args[] = {
    {.name = "group", .type = ARG_STRING},
    {.name = "consumer", .type = ARG_STRING},
    {0},
};

static const struct row_arg streams_args[] = {
    {.name = "key", .type = ARG_KEY, .flags = ARG_MULTIPLE},
    {.name = "id", .type = ARG_STRING, .flags = ARG_MULTIPLE},
    {0},
};

static const struct row_arg read_args[] = {
    {.name = "count", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "COUNT"},
    {.name = "milliseconds", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "BLOCK"},
    {.name = "streams", .type = ARG_BLOCK, .token = "STREAMS", .sub = streams_args},
    {0},
};

static const struct row_arg readgroup_args[] = {
    {.name = "group-block", .type = ARG_BLOCK, .token = "GROUP", .sub = group_args},
    {.name = "count", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "COUNT"},
    {.name = "milliseconds", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "BLOCK"},
    {.name = "noack", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "NOACK"},
    {.name = "min-idle-time",
     .type = ARG_INTEGER,
     .flags = ARG_OPTIONAL,
     .token = "CLAIM",
     .since = "8.4.0"},
    {.name = "streams", .type = ARG_BLOCK, .token = "STREAMS", .sub = streams_args},
    {0},
};

static const struct row_change readgroup_history[] = {
    {"8.4.0", "`CLAIM` was added."},
    {0},
};

#define KEYS_BEHIND_STREAMS(from)                                                                  \
    {                                                                                              \
        .flags = KEY_RO | KEY_ACCESS, .begin = BEGIN_KEYWORD, .keyword = "STREAMS",                \
        .index = (from), .find = FIND_RANGE, .last = -1, .step = 1, .limit = 2                     \
    }

const struct row stream_read_rows[] = {
    {
        .name = "xread",
        .run = stream_xread,
        .arity = -4,
        .flags = ROW_READONLY | ROW_BLOCKING | ROW_MOVABLEKEYS,
        .acl = ACL_STREAM,
        .keys = {KEYS_BEHIND_STREAMS(1)},
        .since = "5.0.0",
        .summary = "Returns the entries of streams behind the IDs given, waiting for some if asked "
                   "to.",
        .complexity = "O(N) in the entries returned; with BLOCK, adding pays O(M) for M who wait",
        .group = GROUP_STREAM,
        .args = read_args,
    },
    {
        .name = "xreadgroup",
        .run = stream_xreadgroup,
        .takes_long = stream_asks_for_much,
        .arity = -7,
        .flags = ROW_WRITE | ROW_BLOCKING | ROW_MOVABLEKEYS | ROW_EDITS_ASIDE,
        .acl = ACL_STREAM,
        .keys = {KEYS_BEHIND_STREAMS(4)},
        .since = "5.0.0",
        .summary =
            "Returns entries that no consumer of the group got yet, or what one has pending.",
        .complexity = "O(N) in the entries returned; with BLOCK, adding pays O(M) for M who wait",
        .group = GROUP_STREAM,
        .args = readgroup_args,
        .history = readgroup_history,
    },
    {0},
};
