/* cmd_stream_group.c - XGROUP: consumer groups and their consumers are made, moved and removed.
 *
 * Threads: the loop.
 * To add a subcommand: a handler, a row in xgroup_subs.
 * Specification: Redis 7.2's replies, errors and events.
 */
#include "commands/cmd_generic_internal.h"
#include "commands/cmd_stream_internal.h"
#include "commands/families.h"
#include "core/ongoing.h"
#include "store/garbage.h"
#include "store/object.h"

/* -- arguments ------------------------------------------------------------------------- */

struct options {
    bool make;            /* MKSTREAM */
    int64_t entries_read; /* or STREAM_READ_UNKNOWN */
};

#define OPTIONS_AT 5

static bool parse_entries_read(struct ctx *c, int i, struct options *o) {
    if (!ctx_int(c, i, &o->entries_read)) return false;
    if (o->entries_read >= 0 || o->entries_read == STREAM_READ_UNKNOWN) return true;
    reply_error(c->r, "ERR value for ENTRIESREAD must be positive or -1");
    return false;
}

static bool parse_options(struct ctx *c, bool creates, struct options *o) {
    *o = (struct options){.entries_read = STREAM_READ_UNKNOWN};
    for (int i = OPTIONS_AT; i < c->argc; i++) {
        if (creates && slice_is(c->argv[i], "mkstream")) {
            o->make = true;
        } else if (i + 1 < c->argc && slice_is(c->argv[i], "entriesread")) {
            if (!parse_entries_read(c, ++i, o)) return false;
        } else {
            ctx_subcommand_error(c);
            return false;
        }
    }
    return true;
}

/* The ID of argument 4, which may be $ for the last one of a stream (NULL: an empty one). */
static bool parse_place(struct ctx *c, const struct stream *s, bool with_signs,
                        struct stream_id *id) {
    if (slice_is(c->argv[4], "$")) {
        *id = s ? stream_state(s)->last : STREAM_ID_MIN;
        return true;
    }
    return with_signs ? stream_arg_bound(c, 4, id) : stream_arg_id(c, 4, id);
}

/* Finds the stream of argument 2 and its group, which may be none. */
static bool look(struct ctx *c, struct stream_at *at, bool may_miss) {
    *at = (struct stream_at){.key = ctx_key(c, 2)};
    if (!stream_key_find(c, 2, &at->s)) return false;
    if (at->s) {
        at->g = stream_group_find(at->s, c->argv[3]);
    } else if (!may_miss) {
        reply_error(c->r,
                    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE "
                    "you may want to use the MKSTREAM option to create an empty stream "
                    "automatically.");
        return false;
    }
    return true;
}

/* Finds stream and group, both of which must be there. */
static bool look_for_group(struct ctx *c, struct stream_at *at) {
    if (!look(c, at, false)) return false;
    if (at->g) return true;
    reply_errorf(c->r, "NOGROUP No such consumer group '%.*s' for key name '%.*s'",
                 (int)c->argv[3].n, c->argv[3].p, (int)c->argv[2].n, c->argv[2].p);
    return false;
}

/* -- groups ---------------------------------------------------------------------------- */

#define CREATE_ARGS_MAX 8 /* as Redis counts, repeated words among them */

static void group_create(struct ctx *c) {
    struct options o;
    struct stream_at at;
    struct stream_id id;
    if (!parse_options(c, true, &o) || !look(c, &at, o.make)) return;
    if (c->argc > CREATE_ARGS_MAX) {
        ctx_subcommand_error(c);
        return;
    }
    if (!parse_place(c, at.s, false, &id)) return;
    if (at.g) {
        reply_error(c->r, "BUSYGROUP Consumer Group name already exists");
        return;
    }
    bool is_new = !at.s;
    if (is_new) at.s = stream_new();
    stream_group_add(at.s, c->argv[3], id, o.entries_read);
    if (is_new) {
        db_put_object(c->db, at.key, TYPE_STREAM, at.s);
        ctx_changed(c, at.key, FEED_STREAM, "xgroup-create");
    } else {
        ctx_changed_aside(c, at.key, FEED_STREAM, "xgroup-create");
    }
    reply_ok(c->r);
}

static void group_setid(struct ctx *c) {
    struct options o;
    struct stream_at at;
    struct stream_id id;
    if (!parse_options(c, false, &o) || !look_for_group(c, &at)) return;
    if (c->argc != OPTIONS_AT && c->argc != OPTIONS_AT + 2) {
        ctx_subcommand_error(c);
        return;
    }
    if (!parse_place(c, at.s, true, &id)) return;
    stream_group_set(at.g, id, o.entries_read);
    ctx_changed_aside(c, at.key, FEED_STREAM, "xgroup-setid");
    reply_ok(c->r);
}

/* Whoever waits for the group is to hear that it is gone. */
static void group_destroy(struct ctx *c) {
    struct stream_at at;
    if (!look(c, &at, false)) return;
    if (at.g) {
        struct stream *gone = stream_group_take(at.s, at.g);
        if (stream_free_cost(gone) < OBJECT_FREE_COST_MAX) {
            stream_free(gone);
        } else {
            garbage_add_object(c->db->ks, TYPE_STREAM, gone);
        }
        ctx_changed_aside(c, at.key, FEED_STREAM, "xgroup-destroy");
        ctx_wake(c, at.key);
    }
    reply_int(c->r, at.g != NULL);
}

/* -- consumers ------------------------------------------------------------------------- */

static void group_createconsumer(struct ctx *c) {
    struct stream_at at;
    if (!look_for_group(c, &at)) return;
    bool added = stream_consumer_add(at.g, c->argv[4], c->core->now_ms);
    if (added) ctx_changed_aside(c, at.key, FEED_STREAM, "xgroup-createconsumer");
    reply_int(c->r, added);
}

struct leaving {
    struct stream_at at;
    struct stream_consumer *consumer;
};

static void leave_each(struct ctx *c, void *state) {
    struct leaving *x = state;
    uint64_t pending = stream_pel_count(&x->consumer->pel);
    while (stream_pel_count(&x->consumer->pel) >= ONGOING_UNITS_MIN) {
        stream_nack_remove(x->at.g, stream_pel_last(&x->consumer->pel));
        ongoing_rest(c);
    }
    stream_consumer_remove(x->at.g, x->consumer);
    ctx_changed_aside(c, ctx_key(c, 2), FEED_STREAM, "xgroup-delconsumer");
    reply_int(c->r, (int64_t)pending);
}

static void group_delconsumer(struct ctx *c) {
    struct leaving x;
    if (!look_for_group(c, &x.at)) return;
    x.consumer = stream_consumer_find(x.at.g, c->argv[4]);
    if (!x.consumer) {
        reply_int(c->r, 0);
        return;
    }
    ongoing_command(c, &(struct ongoing_steps){
                           .units = stream_pel_count(&x.consumer->pel),
                           .state = &x,
                           .state_bytes = sizeof x,
                           .body = leave_each,
                       });
}

static bool delconsumer_takes_long(struct db *db, const struct slice *argv, int argc) {
    const struct entry *e = db_glance(db, key_of(argv[2]));
    const struct stream_group *g = NULL;
    (void)argc;
    if (e && entry_type(e) == TYPE_STREAM) g = stream_group_find(entry_object(e), argv[3]);
    const struct stream_consumer *consumer = g ? stream_consumer_find(g, argv[4]) : NULL;
    return consumer && stream_pel_count(&consumer->pel) >= ONGOING_UNITS_MIN;
}

static void group_help(struct ctx *c) {
    static const char *const lines[] = {
        "CREATE <key> <groupname> <id|$> [option]",
        "    Make a group that has read up to <id>. Options:",
        "    * MKSTREAM",
        "      Make an empty stream if there is no key.",
        "    * ENTRIESREAD entries_read",
        "      Say how many entries the group has read (for copies of it).",
        "CREATECONSUMER <key> <groupname> <consumer>",
        "    Make a consumer of the group.",
        "DELCONSUMER <key> <groupname> <consumer>",
        "    Remove a consumer, and what it has pending.",
        "DESTROY <key> <groupname>",
        "    Remove the group.",
        "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
        "    Let the group have read up to <id>.",
        NULL,
    };
    ctx_help(c, lines);
}

/* -- rows ------------------------------------------------------------------------------ */

static const struct row_arg place_args[] = {
    {.name = "id", .type = ARG_STRING},
    {.name = "new-id", .type = ARG_PURE_TOKEN, .token = "$"},
    {0},
};

static const struct row_arg create_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "group", .type = ARG_STRING},
    {.name = "id-selector", .type = ARG_ONEOF, .sub = place_args},
    {.name = "mkstream", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "MKSTREAM"},
    {.name = "entriesread",
     .type = ARG_INTEGER,
     .flags = ARG_OPTIONAL,
     .token = "ENTRIESREAD",
     .display = "entries-read"},
    {0},
};

static const struct row_arg setid_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "group", .type = ARG_STRING},
    {.name = "id-selector", .type = ARG_ONEOF, .sub = place_args},
    {.name = "entriesread",
     .type = ARG_INTEGER,
     .flags = ARG_OPTIONAL,
     .token = "ENTRIESREAD",
     .display = "entries-read"},
    {0},
};

static const struct row_arg group_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "group", .type = ARG_STRING},
    {0},
};

static const struct row_arg consumer_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "group", .type = ARG_STRING},
    {.name = "consumer", .type = ARG_STRING},
    {0},
};

static const struct row_change entries_read_history[] = {
    {"7.0.0", "`ENTRIESREAD` was added."},
    {0},
};

static const struct row xgroup_subs[] = {
    {
        .name = "create",
        .run = group_create,
        .arity = -5,
        .flags = ROW_WRITE | ROW_DENYOOM,
        .acl = ACL_STREAM,
        .keys = {KEY_IN(2, KEY_RW | KEY_INSERT)},
        .since = "5.0.0",
        .summary = "Makes a consumer group.",
        .complexity = "O(1)",
        .group = GROUP_STREAM,
        .args = create_args,
        .history = entries_read_history,
    },
    {
        .name = "createconsumer",
        .run = group_createconsumer,
        .arity = 5,
        .flags = ROW_WRITE | ROW_DENYOOM,
        .acl = ACL_STREAM,
        .keys = {KEY_IN(2, KEY_RW | KEY_INSERT)},
        .since = "6.2.0",
        .summary = "Makes a consumer of a group.",
        .complexity = "O(1)",
        .group = GROUP_STREAM,
        .args = consumer_args,
    },
    {
        .name = "delconsumer",
        .run = group_delconsumer,
        .takes_long = delconsumer_takes_long,
        .arity = 5,
        .flags = ROW_WRITE,
        .acl = ACL_STREAM,
        .keys = {KEY_IN(2, KEY_RW | KEY_DELETE)},
        .since = "5.0.0",
        .summary = "Removes a consumer, and tells how many entries it had pending.",
        .complexity = "O(N) in those entries",
        .group = GROUP_STREAM,
        .args = consumer_args,
    },
    {
        .name = "destroy",
        .run = group_destroy,
        .arity = 4,
        .flags = ROW_WRITE,
        .acl = ACL_STREAM,
        .keys = {KEY_IN(2, KEY_RW | KEY_DELETE)},
        .since = "5.0.0",
        .summary = "Removes a consumer group.",
        .complexity = "O(N) in the entries that it has pending",
        .group = GROUP_STREAM,
        .args = group_args,
    },
    {
        .name = "help",
        .run = group_help,
        .arity = 2,
        .flags = ROW_LOADING | ROW_STALE,
        .acl = ACL_STREAM,
        .since = "5.0.0",
        .summary = "Explains the subcommands.",
        .complexity = "O(1)",
        .group = GROUP_STREAM,
    },
    {
        .name = "setid",
        .run = group_setid,
        .arity = -5,
        .flags = ROW_WRITE,
        .acl = ACL_STREAM,
        .keys = {KEY_IN(2, KEY_RW | KEY_UPDATE)},
        .since = "5.0.0",
        .summary = "Sets the ID up to which a group has read.",
        .complexity = "O(1)",
        .group = GROUP_STREAM,
        .args = setid_args,
        .history = entries_read_history,
    },
    {0},
};

const struct row stream_group_rows[] = {
    {
        .name = "xgroup",
        .arity = -2,
        .subs = xgroup_subs,
        .since = "5.0.0",
        .summary = "Manages consumer groups.",
        .complexity = "Depends on subcommand.",
        .group = GROUP_STREAM,
    },
    {0},
};
