/* cmd_stream_pending.c - what consumers have pending: shown, acknowledged, claimed by others.
 *
 * Threads: the loop.
 * To add a command: a handler, a row at the end of this file.
 * Specification: Redis 7.2's replies, errors and events. An entry that XNACK gave back has no
 * consumer, and is shown as Redis 8.8 shows it.
 */
#include "base/mem.h"
#include "base/nap.h"
#include "commands/cmd_generic_internal.h"
#include "commands/cmd_stream_internal.h"
#include "commands/families.h"
#include "core/offload.h"
#include "core/ongoing.h"

/* -- XACK ------------------------------------------------------------------------------ */

struct acking {
    struct stream_at at;
    struct stream_ids ids;
};

static void ack_each(struct ctx *c, void *state) {
    struct acking *x = state;
    int64_t acked = 0;
    for (size_t i = 0; i < x->ids.count; i++) {
        stream_rest(c, &x->at, 1);
        struct stream_nack *nack = stream_nack_find(x->at.g, stream_ids_at(&x->ids, i));
        if (!nack) continue;
        stream_nack_remove(x->at.g, nack);
        acked++;
    }
    if (acked) ctx_changed_aside(c, x->at.key, FEED_UNTOLD, "xack");
    reply_int(c->r, acked);
}

static void acking_drop(void *state) { stream_ids_free(&((struct acking *)state)->ids); }

static void stream_xack(struct ctx *c) {
    struct acking x;
    if (!stream_at_look(c, 1, &x.at)) return;
    if (!x.at.g) {
        reply_int(c->r, 0);
        return;
    }
    if (!stream_arg_ids(c, 3, (size_t)c->argc - 3, &x.ids)) return;
    ongoing_command(c, &(struct ongoing_steps){
                           .units = x.ids.count,
                           .state = &x,
                           .state_bytes = sizeof x,
                           .body = ack_each,
                           .drop = acking_drop,
                       });
}

/* -- XPENDING -------------------------------------------------------------------------- */

struct pending {
    int64_t idle_ms_min, max;
    struct stream_id from, to;
    int consumer_at; /* 0: of all */
    const struct stream_pel *pel;
    int64_t now_ms;
};

static bool parse_pending(struct ctx *c, struct pending *o) {
    *o = (struct pending){.max = 0};
    int i = 3;
    bool ok = c->argc >= 6 && c->argc <= 9;
    if (ok && slice_is(c->argv[3], "idle")) {
        if (!ctx_int(c, 4, &o->idle_ms_min)) return false;
        ok = c->argc >= 8;
        i = 5;
    }
    if (!ok) {
        reply_err(c->r, ERR_SYNTAX);
        return false;
    }
    if (i + 3 < c->argc) o->consumer_at = i + 3;
    return ctx_int(c, i + 2, &o->max) && stream_arg_from(c, i, &o->from) &&
           stream_arg_to(c, i + 1, &o->to);
}

/* How many there are, the first and the last, and how many each consumer has. */
static void show_summary(struct ctx *c, const struct stream_group *g) {
    uint64_t count = stream_pel_count(&g->pel), consumers = 0;
    reply_array(c->r, 4);
    reply_int(c->r, (int64_t)count);
    if (!count) {
        reply_null(c->r);
        reply_null(c->r);
        reply_null_array(c->r);
        return;
    }
    struct stream_pel_iter it = stream_pel_start(&g->pel);
    stream_reply_id(c->r, stream_pel_next(&it)->id);
    stream_reply_id(c->r, stream_pel_last(&g->pel)->id);
    struct reply_mark mark = reply_begin(c->r);
    for (uint64_t i = 0; i < stream_consumer_count(g); i++) {
        const struct stream_consumer *consumer = stream_consumer_at(g, i);
        uint64_t its = stream_pel_count(&consumer->pel);
        if (!its) continue;
        reply_array(c->r, 2);
        reply_bulk(c->r, consumer->name);
        reply_bulk_int(c->r, (int64_t)its);
        consumers++;
    }
    reply_end_array(c->r, mark, consumers);
}

/* Whether an entry is too young to be shown or claimed; one of nobody never is. */
static bool is_young(int64_t now_ms, const struct stream_nack *nack, int64_t idle_ms_min) {
    return nack->consumer && idle_ms_min &&
           stream_ms_since(nack->delivered_ms, now_ms) < idle_ms_min;
}

static void show_pending(void *state, struct reply *r) {
    const struct pending *o = state;
    struct stream_pel_iter it = stream_pel_from(o->pel, o->from);
    const struct stream_nack *nack;
    uint64_t steps = 0;
    int64_t count = 0;
    struct reply_mark mark = reply_begin(r);
    while (count < o->max && !nap_step(steps++) && (nack = stream_pel_next(&it)) &&
           stream_id_cmp(nack->id, o->to) <= 0) {
        if (is_young(o->now_ms, nack, o->idle_ms_min)) continue;
        int64_t idle_ms = stream_ms_since(nack->delivered_ms, o->now_ms);
        if (idle_ms < 0) idle_ms = 0;
        reply_array(r, 4);
        stream_reply_id(r, nack->id);
        reply_bulk(r, nack->consumer ? nack->consumer->name : slice_cstr(""));
        reply_int(r, nack->consumer ? idle_ms : -1);
        reply_int(r, (int64_t)nack->deliveries);
        count++;
    }
    reply_end_array(r, mark, (size_t)count);
}

static void stream_xpending(struct ctx *c) {
    struct pending o;
    struct stream_at at;
    bool summary = c->argc == 3;
    if (!summary && !parse_pending(c, &o)) return;
    if (!stream_at_find(c, 1, &at)) return;
    if (summary) {
        show_summary(c, at.g);
        return;
    }
    o.now_ms = c->core->now_ms;
    o.pel = &at.g->pel;
    if (o.consumer_at) {
        const struct stream_consumer *consumer = stream_consumer_find(at.g, c->argv[o.consumer_at]);
        if (!consumer) {
            reply_array(c->r, 0);
            return;
        }
        o.pel = &consumer->pel;
    }
    uint64_t count = stream_pel_count(o.pel); /* young ones are looked at as well */
    bool some = !o.idle_ms_min && o.max >= 0 && (uint64_t)o.max < count;
    offload(c, &(struct offload){
                   .units = some ? (uint64_t)o.max : count,
                   .state = &o,
                   .state_bytes = sizeof o,
                   .compute = show_pending,
               });
}

/* -- claiming -------------------------------------------------------------------------- */

struct claiming {
    int64_t idle_ms_min;
    int64_t delivered_ms; /* of what is claimed from now on; XCLAIM: -1 until it is known */
    int64_t deliveries;   /* -1: one more */
    bool force, just_id;
    struct stream_id last; /* XCLAIM: the group has read up to this one at least */
    int id_count;
};

/* Gives a pending entry, which exists, to a consumer, and replies it. */
static void claim(struct ctx *c, const struct claiming *o, struct stream_at at,
                  struct stream_consumer *consumer, struct stream_nack *nack,
                  const struct stream_entry *e) {
    stream_nack_assign(at.g, nack, consumer, o->delivered_ms);
    if (o->deliveries >= 0) {
        stream_nack_set_deliveries(nack, (uint64_t)o->deliveries);
    } else if (!o->just_id) {
        stream_nack_count(nack);
    }
    stream_consumer_active(consumer, c->core->now_ms);
    if (effects_wanted(c)) stream_tell_nack(c, at, nack);
    if (o->just_id) {
        stream_reply_id(c->r, e->id);
    } else {
        stream_reply_entry(c->r, e);
    }
}

static bool parse_idle_min(struct ctx *c, const char *error, struct claiming *o) {
    if (!ctx_int_range(c, 4, INT64_MIN, INT64_MAX, &o->idle_ms_min, error)) return false;
    if (o->idle_ms_min < 0) o->idle_ms_min = 0;
    return true;
}

/* -- XCLAIM ---------------------------------------------------------------------------- */

#define XCLAIM_IDS_AT 5

static bool claim_int(struct ctx *c, int i, int64_t *v, const char *error) {
    return ctx_int_range(c, i, INT64_MIN, INT64_MAX, v, error);
}

/* An option of argument *i, moved to its last word. */
static bool parse_claim_option(struct ctx *c, int *i, struct claiming *o) {
    struct slice word = c->argv[*i];
    bool more = *i + 1 < c->argc;
    if (slice_is(word, "force")) {
        o->force = true;
    } else if (slice_is(word, "justid")) {
        o->just_id = true;
    } else if (more && slice_is(word, "idle")) {
        int64_t idle_ms;
        if (!claim_int(c, ++*i, &idle_ms, "ERR Invalid IDLE option argument for XCLAIM"))
            return false;
        o->delivered_ms = (int64_t)((uint64_t)c->core->now_ms - (uint64_t)idle_ms);
    } else if (more && slice_is(word, "time")) {
        return claim_int(c, ++*i, &o->delivered_ms, "ERR Invalid TIME option argument for XCLAIM");
    } else if (more && slice_is(word, "retrycount")) {
        return claim_int(c, ++*i, &o->deliveries,
                         "ERR Invalid RETRYCOUNT option argument for XCLAIM");
    } else if (more && slice_is(word, "lastid")) {
        return stream_arg_id(c, ++*i, &o->last);
    } else {
        reply_errorf(c->r, "ERR Unrecognized XCLAIM option '%.*s'", (int)word.n, word.p);
        return false;
    }
    return true;
}

/* IDs, and what is none: options. */
static bool parse_claim(struct ctx *c, struct claiming *o) {
    *o = (struct claiming){.delivered_ms = -1, .deliveries = -1};
    if (!parse_idle_min(c, "ERR Invalid min-idle-time argument for XCLAIM", o)) return false;
    int i = XCLAIM_IDS_AT;
    struct stream_id id;
    while (i < c->argc && stream_id_parse(c->argv[i], 0, &id) == STREAM_ID_FULL) i++;
    o->id_count = i - XCLAIM_IDS_AT;
    for (; i < c->argc; i++) {
        if (!parse_claim_option(c, &i, o)) return false;
    }
    int64_t now_ms = c->core->now_ms;
    if (o->delivered_ms < 0 || o->delivered_ms > now_ms) o->delivered_ms = now_ms;
    return true;
}

/* The nack to be claimed, or NULL. One whose entry is gone is removed: *changed. */
static struct stream_nack *claimable(struct ctx *c, const struct claiming *o, struct stream_at at,
                                     struct stream_id id, struct stream_entry *e, bool *changed) {
    struct stream_nack *nack = stream_nack_find(at.g, id);
    if (!stream_find(at.s, id, e)) {
        if (!nack) return NULL;
        stream_nack_remove(at.g, nack);
        if (effects_wanted(c)) stream_tell_acked(c, at, &id, 1);
        *changed = true;
        return NULL;
    }
    if (nack) return is_young(c->core->now_ms, nack, o->idle_ms_min) ? NULL : nack;
    return o->force ? stream_nack_add(at.g, NULL, id, c->core->now_ms, 1) : NULL;
}

struct xclaim {
    struct stream_at at;
    struct claiming how;
};

static void xclaim_each(struct ctx *c, void *state) {
    const struct claiming *o = &((struct xclaim *)state)->how;
    struct stream_at at = ((struct xclaim *)state)->at;
    uint64_t count = 0;
    bool changed = false;
    effect_none(c);
    if (stream_id_cmp(o->last, at.g->last) > 0) {
        stream_group_set(at.g, o->last, at.g->entries_read);
        if (effects_wanted(c)) stream_tell_group(c, at);
        changed = true;
    }
    struct stream_consumer *consumer = stream_consumer_get(c, at, c->argv[3]);
    struct reply_mark mark = reply_begin(c->r);
    for (int i = 0; i < o->id_count; i++) {
        stream_rest(c, &at, 1);
        struct stream_id id = STREAM_ID_MIN;
        struct stream_entry e;
        stream_id_parse(c->argv[XCLAIM_IDS_AT + i], 0, &id);
        struct stream_nack *nack = claimable(c, o, at, id, &e, &changed);
        if (!nack) continue;
        claim(c, o, at, consumer, nack, &e);
        count++;
    }
    reply_end_array(c->r, mark, count);
    if (count || changed) ctx_changed_aside(c, at.key, FEED_UNTOLD, "xclaim");
}

static void stream_xclaim(struct ctx *c) {
    struct xclaim x;
    if (!stream_at_find(c, 1, &x.at) || !parse_claim(c, &x.how)) return;
    ongoing_command(c, &(struct ongoing_steps){
                           .units = (uint64_t)x.how.id_count,
                           .state = &x,
                           .state_bytes = sizeof x,
                           .body = xclaim_each,
                       });
}

/* -- XAUTOCLAIM ------------------------------------------------------------------------ */

#define AUTOCLAIM_COUNT_USUAL 100
#define AUTOCLAIM_LOOKS 10 /* entries looked at, at most, for each that is wanted */
#define AUTOCLAIM_COUNT_MAX (INT64_MAX / (int64_t)sizeof(struct stream_id))

struct autoclaim {
    struct stream_at at;
    struct claiming how;
    struct stream_id from;
    int64_t max;
    struct stream_id *deleted; /* those that were pending and do not exist */
    size_t deleted_count, deleted_room;
    uint64_t claimed;
};

static bool parse_autoclaim(struct ctx *c, struct autoclaim *o) {
    *o = (struct autoclaim){.max = AUTOCLAIM_COUNT_USUAL,
                            .how = {.deliveries = -1, .delivered_ms = c->core->now_ms}};
    if (!parse_idle_min(c, "ERR Invalid min-idle-time argument for XAUTOCLAIM", &o->how) ||
        !stream_arg_from(c, 5, &o->from)) {
        return false;
    }
    for (int i = 6; i < c->argc; i++) {
        if (i + 1 < c->argc && slice_is(c->argv[i], "count")) {
            if (!ctx_int_range(c, ++i, 1, AUTOCLAIM_COUNT_MAX, &o->max, "ERR COUNT must be > 0"))
                return false;
        } else if (slice_is(c->argv[i], "justid")) {
            o->how.just_id = true;
        } else {
            reply_err(c->r, ERR_SYNTAX);
            return false;
        }
    }
    return true;
}

static void note_deleted(struct autoclaim *o, struct stream_id id) {
    if (o->deleted_count == o->deleted_room) {
        o->deleted_room = o->deleted_room ? 2 * o->deleted_room : 16;
        o->deleted = mem_realloc(o->deleted, o->deleted_room * sizeof *o->deleted);
    }
    o->deleted[o->deleted_count++] = id;
}

/* The next pending entry from an ID on. */
static struct stream_nack *nack_from(const struct stream_group *g, struct stream_id id) {
    struct stream_pel_iter it = stream_pel_from(&g->pel, id);
    return stream_pel_next(&it);
}

/* Claims what can be claimed; returns where to go on, 0-0 at the end. */
static struct stream_id claim_from(struct ctx *c, struct autoclaim *o,
                                   struct stream_consumer *consumer) {
    struct stream_at at = o->at;
    int64_t looks = o->max > INT64_MAX / AUTOCLAIM_LOOKS ? INT64_MAX : o->max * AUTOCLAIM_LOOKS;
    int64_t left = o->max;
    struct stream_nack *nack = nack_from(at.g, o->from);
    for (; nack && left && looks; looks--) {
        struct stream_id id = nack->id;
        struct stream_entry e;
        stream_rest(c, &at, 1);
        if (!stream_find(at.s, id, &e)) {
            stream_nack_remove(at.g, nack);
            note_deleted(o, id);
            left--;
        } else if (!is_young(c->core->now_ms, nack, o->how.idle_ms_min)) {
            claim(c, &o->how, at, consumer, nack, &e);
            o->claimed++;
            left--;
        }
        nack = stream_id_next(&id) ? nack_from(at.g, id) : NULL;
    }
    return nack ? nack->id : STREAM_ID_MIN;
}

static void autoclaim_each(struct ctx *c, void *state) {
    struct autoclaim *o = state;
    effect_none(c);
    struct stream_consumer *consumer = stream_consumer_get(c, o->at, c->argv[3]);
    char text[STREAM_ID_TEXT_BYTES];
    reply_array(c->r, 3);
    struct reply_mark next = reply_begin(c->r), entries = reply_begin(c->r);
    struct slice next_id = stream_id_text(claim_from(c, o, consumer), text);
    reply_end_array(c->r, entries, o->claimed);
    reply_end_bulk(c->r, next, next_id);
    stream_rest(c, &o->at, 1);
    reply_array(c->r, o->deleted_count);
    for (size_t i = 0; i < o->deleted_count; i++) stream_reply_id(c->r, o->deleted[i]);
    if (o->deleted_count && effects_wanted(c))
        stream_tell_acked(c, o->at, o->deleted, o->deleted_count);
    if (o->claimed || o->deleted_count) ctx_changed_aside(c, o->at.key, FEED_UNTOLD, "xautoclaim");
}

static void autoclaim_drop(void *state) { mem_free(((struct autoclaim *)state)->deleted); }

static void stream_xautoclaim(struct ctx *c) {
    struct autoclaim o;
    if (!parse_autoclaim(c, &o) || !stream_at_find(c, 1, &o.at)) return;
    uint64_t pending = stream_pel_count(&o.at.g->pel);
    ongoing_command(c, &(struct ongoing_steps){
                           .units = (uint64_t)o.max < pending ? (uint64_t)o.max : pending,
                           .state = &o,
                           .state_bytes = sizeof o,
                           .body = autoclaim_each,
                           .drop = autoclaim_drop,
                       });
}

/* -- rows ------------------------------------------------------------------------------ */

static const struct row_arg ack_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "group", .type = ARG_STRING},
    {.name = "id", .type = ARG_STRING, .flags = ARG_MULTIPLE},
    {0},
};

static const struct row_arg autoclaim_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "group", .type = ARG_STRING},
    {.name = "consumer", .type = ARG_STRING},
    {.name = "min-idle-time", .type = ARG_STRING},
    {.name = "start", .type = ARG_STRING},
    {.name = "count", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "COUNT"},
    {.name = "justid", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "JUSTID"},
    {0},
};

static const struct row_arg claim_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "group", .type = ARG_STRING},
    {.name = "consumer", .type = ARG_STRING},
    {.name = "min-idle-time", .type = ARG_STRING},
    {.name = "id", .type = ARG_STRING, .flags = ARG_MULTIPLE},
    {.name = "ms", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "IDLE"},
    {.name = "unix-time-milliseconds",
     .type = ARG_UNIX_TIME,
     .flags = ARG_OPTIONAL,
     .token = "TIME"},
    {.name = "count", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "RETRYCOUNT"},
    {.name = "force", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "FORCE"},
    {.name = "justid", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "JUSTID"},
    {.name = "lastid", .type = ARG_STRING, .flags = ARG_OPTIONAL, .token = "LASTID"},
    {0},
};

static const struct row_arg filter_args[] = {
    {.name = "min-idle-time",
     .type = ARG_INTEGER,
     .flags = ARG_OPTIONAL,
     .token = "IDLE",
     .since = "6.2.0"},
    {.name = "start", .type = ARG_STRING},
    {.name = "end", .type = ARG_STRING},
    {.name = "count", .type = ARG_INTEGER},
    {.name = "consumer", .type = ARG_STRING, .flags = ARG_OPTIONAL},
    {0},
};

static const struct row_arg pending_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "group", .type = ARG_STRING},
    {.name = "filters", .type = ARG_BLOCK, .flags = ARG_OPTIONAL, .sub = filter_args},
    {0},
};

static const struct row_change autoclaim_history[] = {
    {"7.0.0", "A third element lists the entries that were pending and had been deleted."},
    {0},
};

static const struct row_change pending_history[] = {
    {"6.2.0", "`IDLE` and open intervals were added."},
    {0},
};

static const char *const varying_tips[] = {"nondeterministic_output", NULL};

const struct row stream_pending_rows[] = {
    {
        .name = "xack",
        .run = stream_xack,
        .takes_long = ongoing_has_many_arguments,
        .arity = -4,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_STREAM,
        .keys = {KEY_IN(1, KEY_RW | KEY_UPDATE)},
        .since = "5.0.0",
        .summary = "Acknowledges entries, which are pending in the group no more.",
        .complexity = "O(1) an ID",
        .group = GROUP_STREAM,
        .args = ack_args,
    },
    {
        .name = "xautoclaim",
        .run = stream_xautoclaim,
        .takes_long = stream_asks_for_much,
        .arity = -6,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_STREAM,
        .keys = {KEY_IN(1, KEY_RW | KEY_DELETE)},
        .since = "6.2.0",
        .summary = "Gives a consumer what is pending for long, from an ID on.",
        .complexity = "O(1) if COUNT is small",
        .group = GROUP_STREAM,
        .args = autoclaim_args,
        .history = autoclaim_history,
        .tips = varying_tips,
    },
    {
        .name = "xclaim",
        .run = stream_xclaim,
        .takes_long = ongoing_has_many_arguments,
        .arity = -6,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_STREAM,
        .keys = {KEY_IN(1, KEY_RW | KEY_UPDATE)},
        .since = "5.0.0",
        .summary = "Gives a consumer entries that are pending for long.",
        .complexity = "O(log N) an ID in the entries that are pending",
        .group = GROUP_STREAM,
        .args = claim_args,
        .tips = varying_tips,
    },
    {
        .name = "xpending",
        .run = stream_xpending,
        .arity = -3,
        .flags = ROW_READONLY,
        .acl = ACL_STREAM,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "5.0.0",
        .summary = "Shows what was delivered and not acknowledged.",
        .complexity =
            "O(N) in the entries returned, or looked at with IDLE; without a range O(N) in "
            "the consumers",
        .group = GROUP_STREAM,
        .args = pending_args,
        .history = pending_history,
        .tips = varying_tips,
    },
    {0},
};
