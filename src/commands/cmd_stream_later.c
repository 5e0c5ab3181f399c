/* cmd_stream_later.c - the stream commands that came after Redis 7.2.
 *
 * XDELEX and XACKDEL (8.2) delete entries with regard to the groups that have them pending, XNACK
 * (8.8) gives back what a consumer cannot handle, XCFGSET (8.6) and XIDMPRECORD (8.6.2) are about
 * idempotent production.
 * Threads: the loop.
 * To add a command: a handler, a row at the end of this file.
 * Specification: the documentation of those versions.
 */
#include <limits.h>

#include "commands/cmd_generic_internal.h"
#include "commands/cmd_stream_internal.h"
#include "commands/families.h"
#include "core/ongoing.h"

/* -- XDELEX, XACKDEL ------------------------------------------------------------------- */

/* What is replied for an ID. */
enum outcome {
    OUTCOME_NONE = -1,      /* there is no such entry, or it is not pending */
    OUTCOME_DELETED = 1,    /* it is there no more */
    OUTCOME_REFERENCED = 2, /* ACKED: a group has it pending, or has not read it */
};

struct deletion {
    enum stream_refs refs;
    int ids_at;
    int64_t id_count;
};

/* IDs follow their number, which is argument i. */
static bool parse_id_count(struct ctx *c, int i, struct deletion *o) {
    if (!ctx_int_range(c, i, 1, INT64_MAX, &o->id_count,
                       "ERR Number of IDs must be a positive integer")) {
        return false;
    }
    o->ids_at = i + 1;
    if (o->id_count <= c->argc - o->ids_at) return true;
    return stream_fail(c, "ERR The `numids` parameter must match the number of arguments");
}

static bool parse_deletion(struct ctx *c, int i, struct deletion *o) {
    bool refs_given = false;
    *o = (struct deletion){.refs = STREAM_REFS_KEEP};
    while (i < c->argc) {
        if (!refs_given && stream_parse_refs(c->argv[i], &o->refs)) {
            refs_given = true;
            i++;
        } else if (i + 1 < c->argc && slice_is(c->argv[i], "ids")) {
            if (!parse_id_count(c, i + 1, o)) return false;
            i = o->ids_at + (int)o->id_count;
        } else {
            reply_err(c->r, ERR_SYNTAX);
            return false;
        }
    }
    return o->ids_at || stream_fail(c, "ERR IDS option is required");
}

static void reply_outcomes_none(struct ctx *c, const struct deletion *o) {
    reply_array(c->r, (size_t)o->id_count);
    for (int64_t i = 0; i < o->id_count; i++) reply_int(c->r, OUTCOME_NONE);
}

/* Deletes an entry if its references let it. With STREAM_REFS_DROP they go, whether it exists or
 * not. *existed tells whether it did. */
static enum outcome delete_entry(struct stream *s, struct stream_id id, enum stream_refs refs,
                                 bool *existed) {
    *existed = false;
    if (refs == STREAM_REFS_ACKED && stream_referenced(s, id)) return OUTCOME_REFERENCED;
    if (refs == STREAM_REFS_DROP) stream_unreference(s, id);
    *existed = stream_delete(s, id);
    return OUTCOME_DELETED;
}

struct deleting {
    struct stream_at at;
    enum stream_refs refs;
    struct stream_ids ids;
};

static void deleting_drop(void *state) { stream_ids_free(&((struct deleting *)state)->ids); }

static void xdelex_each(struct ctx *c, void *state) {
    struct deleting *x = state;
    uint64_t deleted = 0;
    reply_array(c->r, x->ids.count);
    for (size_t i = 0; i < x->ids.count; i++) {
        bool existed;
        stream_rest(c, &x->at, 1);
        enum outcome outcome = delete_entry(x->at.s, stream_ids_at(&x->ids, i), x->refs, &existed);
        deleted += existed;
        reply_int(c->r, outcome == OUTCOME_DELETED && !existed ? OUTCOME_NONE : outcome);
    }
    if (deleted) {
        ctx_changed_calmly(c, x->at.key, FEED_STREAM, "xdel");
    } else if (x->refs == STREAM_REFS_DROP) {
        ctx_changed_aside(c, x->at.key, FEED_UNTOLD, "xdelex");
    }
}

/* Runs the body for the IDs that `o` tells of; s or at.g is there. */
static void delete_all(struct ctx *c, struct stream_at at, const struct deletion *o,
                       void (*body)(struct ctx *c, void *state)) {
    struct deleting x = {.at = at, .refs = o->refs};
    if (!stream_arg_ids(c, o->ids_at, (size_t)o->id_count, &x.ids)) return;
    ongoing_command(c, &(struct ongoing_steps){
                           .units = x.ids.count,
                           .state = &x,
                           .state_bytes = sizeof x,
                           .body = body,
                           .drop = deleting_drop,
                       });
}

static void stream_xdelex(struct ctx *c) {
    struct stream_at at = {.key = ctx_key(c, 1)};
    struct deletion o;
    if (!stream_key_find(c, 1, &at.s) || !parse_deletion(c, 2, &o)) return;
    if (at.s) {
        delete_all(c, at, &o, xdelex_each);
    } else {
        reply_outcomes_none(c, &o);
    }
}

static void xackdel_each(struct ctx *c, void *state) {
    struct deleting *x = state;
    uint64_t acked = 0, deleted = 0;
    reply_array(c->r, x->ids.count);
    for (size_t i = 0; i < x->ids.count; i++) {
        stream_rest(c, &x->at, 1);
        struct stream_id id = stream_ids_at(&x->ids, i);
        struct stream_nack *nack = stream_nack_find(x->at.g, id);
        enum outcome outcome = OUTCOME_NONE;
        if (nack) {
            bool existed;
            stream_nack_remove(x->at.g, nack);
            outcome = delete_entry(x->at.s, id, x->refs, &existed);
            acked++;
            deleted += existed;
        }
        reply_int(c->r, outcome);
    }
    if (deleted) {
        ctx_changed_calmly(c, x->at.key, FEED_STREAM, "xdel");
    } else if (acked) {
        ctx_changed_aside(c, x->at.key, FEED_UNTOLD, "xackdel");
    }
}

static void stream_xackdel(struct ctx *c) {
    struct stream_at at;
    struct deletion o;
    if (!stream_at_look(c, 1, &at) || !parse_deletion(c, 3, &o)) return;
    if (at.g) {
        delete_all(c, at, &o, xackdel_each);
    } else {
        reply_outcomes_none(c, &o);
    }
}

/* -- XNACK ----------------------------------------------------------------------------- */

enum nack_mode {
    NACK_SILENT, /* the delivery does not count */
    NACK_FAIL,   /* it does */
    NACK_FATAL,  /* as many as can be: nobody is to try again */
};

struct giving_back {
    enum nack_mode mode;
    int64_t deliveries; /* -1: by mode */
    bool force;
    int ids_at;
    int64_t id_count;
};

static bool parse_mode(struct ctx *c, struct slice word, enum nack_mode *mode) {
    if (slice_is(word, "silent")) {
        *mode = NACK_SILENT;
    } else if (slice_is(word, "fail")) {
        *mode = NACK_FAIL;
    } else if (slice_is(word, "fatal")) {
        *mode = NACK_FATAL;
    } else {
        return stream_fail(c, "ERR mode must be SILENT, FAIL, or FATAL");
    }
    return true;
}

static bool parse_nack_ids(struct ctx *c, int i, struct giving_back *o) {
    if (!ctx_int_range(c, i, 1, INT_MAX, &o->id_count, "ERR numids must be a positive integer")) {
        return false;
    }
    o->ids_at = i + 1;
    if (o->id_count <= c->argc - o->ids_at) return true;
    return stream_fail(c, "ERR number of IDs doesn't match numids");
}

static bool parse_retry_count(struct ctx *c, int i, struct giving_back *o) {
    if (!ctx_int(c, i, &o->deliveries)) return false;
    return o->deliveries >= 0 || stream_fail(c, "ERR Invalid RETRYCOUNT value, must be >= 0");
}

static bool parse_nack(struct ctx *c, struct giving_back *o) {
    *o = (struct giving_back){.deliveries = -1};
    if (!parse_mode(c, c->argv[3], &o->mode)) return false;
    for (int i = 4; i < c->argc; i++) {
        bool more = i + 1 < c->argc;
        if (more && slice_is(c->argv[i], "ids")) {
            if (!parse_nack_ids(c, i + 1, o)) return false;
            i = o->ids_at + (int)o->id_count - 1;
        } else if (slice_is(c->argv[i], "force")) {
            o->force = true;
        } else if (more && slice_is(c->argv[i], "retrycount")) {
            if (!parse_retry_count(c, ++i, o)) return false;
        } else {
            reply_errorf(c->r, "ERR Unrecognized XNACK option '%.*s'", (int)c->argv[i].n,
                         c->argv[i].p);
            return false;
        }
    }
    return o->ids_at || stream_fail(c, "ERR syntax error, expected IDS keyword");
}

static uint64_t deliveries_after(const struct giving_back *o, uint64_t deliveries) {
    if (o->deliveries >= 0) return (uint64_t)o->deliveries;
    switch (o->mode) {
    case NACK_SILENT: return deliveries ? deliveries - 1 : 0;
    case NACK_FAIL: return deliveries;
    case NACK_FATAL: break;
    }
    return INT64_MAX;
}

/* False if the entry is not pending, and may not or cannot be made so. */
static bool give_back(struct stream_at at, const struct giving_back *o, struct stream_id id) {
    struct stream_nack *nack = stream_nack_find(at.g, id);
    struct stream_entry e;
    if (nack) {
        stream_nack_assign(at.g, nack, NULL, 0);
    } else if (o->force && stream_find(at.s, id, &e)) {
        nack = stream_nack_add(at.g, NULL, id, 0, 0);
    } else {
        return false;
    }
    stream_nack_set_deliveries(nack, deliveries_after(o, nack->deliveries));
    return true;
}

struct nacking {
    struct stream_at at;
    struct giving_back how;
    struct stream_ids ids;
};

static void nacking_drop(void *state) { stream_ids_free(&((struct nacking *)state)->ids); }

/* What was given back can be claimed by those who wait. */
static void xnack_each(struct ctx *c, void *state) {
    struct nacking *x = state;
    int64_t count = 0;
    for (size_t i = 0; i < x->ids.count; i++) {
        stream_rest(c, &x->at, 1);
        count += give_back(x->at, &x->how, stream_ids_at(&x->ids, i));
    }
    if (count) {
        ctx_changed_aside(c, x->at.key, FEED_UNTOLD, "xnack");
        ctx_wake(c, x->at.key);
    }
    reply_int(c->r, count);
}

static void stream_xnack(struct ctx *c) {
    struct nacking x;
    if (!stream_at_find(c, 1, &x.at) || !parse_nack(c, &x.how)) return;
    if (!stream_arg_ids(c, x.how.ids_at, (size_t)x.how.id_count, &x.ids)) return;
    ongoing_command(c, &(struct ongoing_steps){
                           .units = x.ids.count,
                           .state = &x,
                           .state_bytes = sizeof x,
                           .body = xnack_each,
                           .drop = nacking_drop,
                       });
}

/* -- XCFGSET, XIDMPRECORD -------------------------------------------------------------- */

#define IDMP_DURATION_S_MAX 86400
#define IDMP_ENTRIES_MAX 10000

/* The number in argument i, once; 0 is no number yet. */
static bool parse_limit(struct ctx *c, int i, int64_t max, const char *twice, const char *range,
                        uint64_t *limit) {
    int64_t v;
    if (*limit) return stream_fail(c, twice);
    if (!ctx_int(c, i, &v)) return false;
    if (v < 1 || v > max) return stream_fail(c, range);
    *limit = (uint64_t)v;
    return true;
}

static bool parse_limits(struct ctx *c, struct stream_idmp_limits *o) {
    *o = (struct stream_idmp_limits){0, 0};
    for (int i = 2; i < c->argc; i++) {
        bool more = i + 1 < c->argc, ok;
        if (more && slice_is(c->argv[i], "idmp-duration")) {
            ok = parse_limit(
                c, ++i, IDMP_DURATION_S_MAX, "ERR IDMP-DURATION specified multiple times",
                "ERR IDMP-DURATION must be between 1 and 86400 seconds", &o->duration_s);
        } else if (more && slice_is(c->argv[i], "idmp-maxsize")) {
            ok = parse_limit(c, ++i, IDMP_ENTRIES_MAX, "ERR IDMP-MAXSIZE specified multiple times",
                             "ERR IDMP-MAXSIZE must be between 1 and 10000 entries",
                             &o->entries_max);
        } else {
            reply_err(c->r, ERR_SYNTAX);
            return false;
        }
        if (!ok) return false;
    }
    if (o->duration_s || o->entries_max) return true;
    return stream_fail(c, "ERR At least one parameter must be specified");
}

static void stream_xcfgset(struct ctx *c) {
    struct stream_idmp_limits limits;
    struct stream *s;
    if (!stream_key_need(c, 1, &s) || !parse_limits(c, &limits)) return;
    struct stream_idmp *m = stream_idmp_of(c, s);
    struct stream_idmp_limits before = stream_idmp_limits(m);
    if (!limits.duration_s) limits.duration_s = before.duration_s;
    if (!limits.entries_max) limits.entries_max = before.entries_max;
    if (limits.duration_s != before.duration_s || limits.entries_max != before.entries_max) {
        stream_idmp_set_limits(m, limits);
        ctx_changed_aside(c, ctx_key(c, 1), FEED_UNTOLD, "xcfgset");
    }
    reply_ok(c->r);
}

static void stream_xidmprecord(struct ctx *c) {
    struct slice producer = c->argv[2], iid = c->argv[3];
    struct stream_id id, known;
    struct stream_entry e;
    if (!stream_arg_id(c, 4, &id)) return;
    if (!producer.n || !iid.n) {
        reply_errorf(c->r, "ERR %s ID must be non-empty", producer.n ? "idempotent" : "producer");
        return;
    }
    struct stream *s;
    if (!stream_key_need(c, 1, &s)) return;
    if (!stream_find(s, id, &e)) {
        reply_error(c->r, "ERR No such message in stream");
        return;
    }
    struct stream_idmp *m = stream_idmp_of(c, s);
    if (!stream_idmp_find(m, producer, iid, c->core->now_ms, &known)) {
        stream_idmp_add(m, producer, iid, id, c->core->now_ms);
        ctx_changed_aside(c, ctx_key(c, 1), FEED_UNTOLD, "xidmprecord");
    } else if (!stream_id_eq(id, known)) {
        reply_error(c->r, "ERR IID already exists for this producer with a different stream ID");
        return;
    }
    reply_ok(c->r);
}

/* -- rows ------------------------------------------------------------------------------ */

static const struct row_arg ids_args[] = {
    {.name = "numids", .type = ARG_INTEGER},
    {.name = "id", .type = ARG_STRING, .flags = ARG_MULTIPLE},
    {0},
};

static const struct row_arg delex_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "condition", .type = ARG_ONEOF, .flags = ARG_OPTIONAL, .sub = stream_refs_args},
    {.name = "ids", .type = ARG_BLOCK, .token = "IDS", .sub = ids_args},
    {0},
};

static const struct row_arg ackdel_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "group", .type = ARG_STRING},
    {.name = "condition", .type = ARG_ONEOF, .flags = ARG_OPTIONAL, .sub = stream_refs_args},
    {.name = "ids", .type = ARG_BLOCK, .token = "IDS", .sub = ids_args},
    {0},
};

static const struct row_arg mode_args[] = {
    {.name = "silent", .type = ARG_PURE_TOKEN, .token = "SILENT"},
    {.name = "fail", .type = ARG_PURE_TOKEN, .token = "FAIL"},
    {.name = "fatal", .type = ARG_PURE_TOKEN, .token = "FATAL"},
    {0},
};

static const struct row_arg nack_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "group", .type = ARG_STRING},
    {.name = "mode", .type = ARG_ONEOF, .sub = mode_args},
    {.name = "ids", .type = ARG_BLOCK, .token = "IDS", .sub = ids_args},
    {.name = "count", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "RETRYCOUNT"},
    {.name = "force", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "FORCE"},
    {0},
};

static const struct row_arg cfgset_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "duration",
     .type = ARG_INTEGER,
     .flags = ARG_OPTIONAL,
     .token = "IDMP-DURATION",
     .display = "idmp-duration"},
    {.name = "maxsize",
     .type = ARG_INTEGER,
     .flags = ARG_OPTIONAL,
     .token = "IDMP-MAXSIZE",
     .display = "idmp-maxsize"},
    {0},
};

static const struct row_arg idmprecord_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "pid", .type = ARG_STRING},
    {.name = "iid", .type = ARG_STRING},
    {.name = "stream-id", .type = ARG_STRING},
    {0},
};

const struct row stream_later_rows[] = {
    {
        .name = "xackdel",
        .run = stream_xackdel,
        .takes_long = ongoing_has_many_arguments,
        .arity = -6,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_STREAM,
        .keys = {KEY_IN(1, KEY_RW | KEY_UPDATE | KEY_DELETE)},
        .since = "8.2.0",
        .summary = "Acknowledges entries and deletes them.",
        .complexity = "O(1) an ID",
        .group = GROUP_STREAM,
        .args = ackdel_args,
    },
    {
        .name = "xcfgset",
        .run = stream_xcfgset,
        .arity = -2,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_STREAM,
        .keys = {KEY_IN(1, KEY_RW | KEY_UPDATE)},
        .since = "8.6.0",
        .summary = "Sets how long, and of how many entries, a stream knows what was sent.",
        .complexity = "O(1), and the entries that are forgotten",
        .group = GROUP_STREAM,
        .args = cfgset_args,
    },
    {
        .name = "xdelex",
        .run = stream_xdelex,
        .takes_long = ongoing_has_many_arguments,
        .arity = -5,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_STREAM,
        .keys = {KEY_IN(1, KEY_RW | KEY_DELETE)},
        .since = "8.2.0",
        .summary = "Deletes entries with regard to the groups that have them pending.",
        .complexity = "O(1) an ID",
        .group = GROUP_STREAM,
        .args = delex_args,
    },
    {
        .name = "xidmprecord",
        .run = stream_xidmprecord,
        .arity = 5,
        .flags = ROW_WRITE | ROW_DENYOOM | ROW_FAST,
        .acl = ACL_STREAM,
        .keys = {KEY_IN(1, KEY_RW | KEY_UPDATE)},
        .since = "8.6.2",
        .summary = "Lets a stream know what a producer sent, for a copy of it elsewhere.",
        .complexity = "O(1)",
        .group = GROUP_STREAM,
        .args = idmprecord_args,
    },
    {
        .name = "xnack",
        .run = stream_xnack,
        .takes_long = ongoing_has_many_arguments,
        .arity = -7,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_STREAM,
        .keys = {KEY_IN(1, KEY_RW | KEY_UPDATE)},
        .since = "8.8.0",
        .summary = "Gives pending entries back, so that another consumer gets them.",
        .complexity = "O(1) an ID",
        .group = GROUP_STREAM,
        .args = nack_args,
    },
    {0},
};
