/* cmd_hash.c - hashes: the commands that read, and the rows of the family.
 *
 * Specification: Redis 7.2's replies and errors.
 * Threads: the loop.
 * To add a command: its handler, here or in the file that it belongs to
 * (cmd_hash_internal.h), and its row at the bottom.
 */
#include "commands/cmd_hash_internal.h"
#include "commands/families.h"
#include "core/offload.h"
#include "core/ongoing.h"

static void get(struct ctx *c) {
    const struct entry *e;
    struct hash_view v;
    if (!hash_read(c, &e, &v)) return;
    if (!hash_reply_field(c->r, v, c->argv[2]))
        hash_let_leave(c, v, (struct hash_texts){c->argv + 2, 1, 1});
}

static void get_each(struct ctx *c, void *state) {
    const struct hash_view *v = state;
    struct hash_texts fields = {c->argv + 2, (size_t)c->argc - 2, 1};
    bool all = true;
    reply_array(c->r, fields.n);
    for (size_t i = 0; i < fields.n; i++) {
        hash_prefetch(v->large, fields, i);
        all &= hash_reply_field(c->r, *v, fields.v[i]);
        ongoing_rest(c);
        fields.v = c->argv + 2;
    }
    if (!all) hash_let_leave(c, *v, fields);
}

static void get_many(struct ctx *c) {
    const struct entry *e;
    struct hash_view v;
    if (!hash_read(c, &e, &v)) return;
    ongoing_command(c, &(struct ongoing_steps){.units = v.large ? (uint64_t)c->argc : 0,
                                               .state = &v,
                                               .state_bytes = sizeof v,
                                               .body = get_each});
}

static void reply_pair(void *ctx, const struct hash_pair *p) {
    hash_reply_text(ctx, &p->field);
    hash_reply_text(ctx, &p->value);
}

static void reply_name(void *ctx, const struct hash_pair *p) { hash_reply_text(ctx, &p->field); }
static void reply_value(void *ctx, const struct hash_pair *p) { hash_reply_text(ctx, &p->value); }

/* A listing on its way (core/offload). */
struct listing {
    struct hash_view v;
    struct table_walk walk;
    void (*visit)(void *ctx, const struct hash_pair *p);
};

static void begin_map(void *state, struct reply *r) {
    reply_map(r, hash_view_count(((const struct listing *)state)->v));
}

static void begin_list(void *state, struct reply *r) {
    reply_array(r, hash_view_count(((const struct listing *)state)->v));
}

static bool list_more(void *state, struct reply *r) {
    struct listing *l = state;
    while (hash_view_step(l->v, &l->walk, l->visit, r)) {
        if (reply_is_full(r)) return true;
    }
    return false;
}

static void list(struct ctx *c, void (*visit)(void *ctx, const struct hash_pair *p),
                 void (*begin)(void *state, struct reply *r)) {
    const struct entry *e;
    struct listing l = {.visit = visit};
    if (!hash_read(c, &e, &l.v)) return;
    offload(c, &(struct offload){
                   .units = hash_view_count(l.v),
                   .state = &l,
                   .state_bytes = sizeof l,
                   .compute = begin,
                   .more = list_more,
               });
}

static void get_all(struct ctx *c) { list(c, reply_pair, begin_map); }
static void list_fields(struct ctx *c) { list(c, reply_name, begin_list); }
static void list_values(struct ctx *c) { list(c, reply_value, begin_list); }

static void length(struct ctx *c) {
    const struct entry *e;
    struct hash_view v;
    if (hash_read(c, &e, &v)) reply_int(c->r, (int64_t)hash_view_kept(v));
}

/* The value of the field in argument 2, if it is there; it leaves if its time has come. False:
 * another type, as replied. Call before the reply, for which the value is good still. */
static bool look_up(struct ctx *c, struct lp_value *value, bool *there) {
    const struct entry *e;
    struct hash_view v;
    if (!hash_read(c, &e, &v)) return false;
    *there = hash_view_get(v, c->argv[2], value);
    if (!*there) hash_let_leave(c, v, (struct hash_texts){c->argv + 2, 1, 1});
    return true;
}

static void value_length(struct ctx *c) {
    struct lp_value value;
    char digits[LP_INT_TEXT_BYTES];
    bool there;
    if (look_up(c, &value, &there)) reply_int(c->r, there ? (int64_t)lp_text(&value, digits).n : 0);
}

static void field_exists(struct ctx *c) {
    struct lp_value value;
    bool there;
    if (look_up(c, &value, &there)) reply_int(c->r, there);
}

/* -- rows ---------------------------------------------------------------------------- */

static const struct row_arg key_args[] = {{.name = "key", .type = ARG_KEY}, {0}};
static const struct row_arg field_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "field", .type = ARG_STRING},
    {0},
};
static const struct row_arg fields_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "field", .type = ARG_STRING, .flags = ARG_MULTIPLE},
    {0},
};
static const struct row_arg pair_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "field", .type = ARG_STRING},
    {.name = "value", .type = ARG_STRING},
    {0},
};
static const struct row_arg pair_parts[] = {
    {.name = "field", .type = ARG_STRING},
    {.name = "value", .type = ARG_STRING},
    {0},
};
static const struct row_arg pairs_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "data", .type = ARG_BLOCK, .flags = ARG_MULTIPLE, .sub = pair_parts},
    {0},
};
static const struct row_arg incrby_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "field", .type = ARG_STRING},
    {.name = "increment", .type = ARG_INTEGER},
    {0},
};
static const struct row_arg incrbyfloat_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "field", .type = ARG_STRING},
    {.name = "increment", .type = ARG_DOUBLE},
    {0},
};
static const struct row_arg getdel_fields[] = {
    {.name = "numfields", .type = ARG_INTEGER},
    {.name = "field", .type = ARG_STRING, .flags = ARG_MULTIPLE},
    {0},
};
static const struct row_arg getdel_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "fields", .type = ARG_BLOCK, .token = "FIELDS", .sub = getdel_fields},
    {0},
};
static const struct row_arg randfield_options[] = {
    {.name = "count", .type = ARG_INTEGER},
    {.name = "withvalues", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "WITHVALUES"},
    {0},
};
static const struct row_arg randfield_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "options", .type = ARG_BLOCK, .flags = ARG_OPTIONAL, .sub = randfield_options},
    {0},
};
static const struct row_arg scan_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "cursor", .type = ARG_INTEGER},
    {.name = "pattern", .type = ARG_PATTERN, .flags = ARG_OPTIONAL, .token = "MATCH"},
    {.name = "count", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "COUNT"},
    {.name = "novalues",
     .type = ARG_PURE_TOKEN,
     .flags = ARG_OPTIONAL,
     .token = "NOVALUES",
     .since = "7.4.0"},
    {0},
};
static const struct row_change hdel_history[] = {{"2.4.0", "Takes several fields."}, {0}};
static const struct row_change hset_history[] = {{"4.0.0", "Takes several pairs."}, {0}};
static const char *const order_tips[] = {"nondeterministic_output_order", NULL};
static const char *const output_tips[] = {"nondeterministic_output", NULL};

const struct row hash_rows[] = {
    {
        .name = "hdel",
        .run = hash_del,
        .member = 2,
        .takes_long = ongoing_has_many_arguments,
        .arity = -3,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_HASH,
        .keys = HASH_KEY(KEY_RW | KEY_DELETE),
        .since = "2.0.0",
        .summary = "Removes fields of a hash.",
        .complexity = "O(N) in the number of fields given",
        .group = GROUP_HASH,
        .args = fields_args,
        .history = hdel_history,
    },
    {
        .name = "hexists",
        .run = field_exists,
        .member = 2,
        .arity = 3,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_HASH,
        .keys = HASH_KEY(KEY_RO),
        .since = "2.0.0",
        .summary = "Tells whether a hash has a field.",
        .complexity = "O(1)",
        .group = GROUP_HASH,
        .args = field_args,
    },
    {
        .name = "hget",
        .run = get,
        .member = 2,
        .arity = 3,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_HASH,
        .keys = HASH_KEY(KEY_RO | KEY_ACCESS),
        .since = "2.0.0",
        .summary = "Returns the value of a field.",
        .complexity = "O(1)",
        .group = GROUP_HASH,
        .args = field_args,
    },
    {
        .name = "hgetall",
        .run = get_all,
        .arity = 2,
        .flags = ROW_READONLY,
        .acl = ACL_HASH,
        .keys = HASH_KEY(KEY_RO | KEY_ACCESS),
        .since = "2.0.0",
        .summary = "Returns all fields with their values.",
        .complexity = "O(N) in the number of fields",
        .group = GROUP_HASH,
        .args = key_args,
        .tips = order_tips,
    },
    {
        .name = "hgetdel",
        .run = hash_getdel,
        .arity = -5,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_HASH,
        .keys = HASH_KEY(KEY_RW | KEY_ACCESS | KEY_DELETE),
        .since = "8.0.0",
        .summary = "Returns the values of fields and removes them.",
        .complexity = "O(N) in the number of fields given",
        .group = GROUP_HASH,
        .args = getdel_args,
    },
    {
        .name = "hincrby",
        .run = hash_incrby,
        .member = 2,
        .arity = 4,
        .flags = ROW_WRITE | ROW_DENYOOM | ROW_FAST,
        .acl = ACL_HASH,
        .keys = HASH_KEY(KEY_RW | KEY_ACCESS | KEY_UPDATE),
        .since = "2.0.0",
        .summary = "Adds an integer to the number in a field, which is 0 if it is new.",
        .complexity = "O(1)",
        .group = GROUP_HASH,
        .args = incrby_args,
    },
    {
        .name = "hincrbyfloat",
        .run = hash_incrbyfloat,
        .member = 2,
        .arity = 4,
        .flags = ROW_WRITE | ROW_DENYOOM | ROW_FAST,
        .acl = ACL_HASH,
        .keys = HASH_KEY(KEY_RW | KEY_ACCESS | KEY_UPDATE),
        .since = "2.6.0",
        .summary = "Adds a float to the number in a field, which is 0 if it is new.",
        .complexity = "O(1)",
        .group = GROUP_HASH,
        .args = incrbyfloat_args,
    },
    {
        .name = "hkeys",
        .run = list_fields,
        .arity = 2,
        .flags = ROW_READONLY,
        .acl = ACL_HASH,
        .keys = HASH_KEY(KEY_RO | KEY_ACCESS),
        .since = "2.0.0",
        .summary = "Lists the fields of a hash.",
        .complexity = "O(N) in the number of fields",
        .group = GROUP_HASH,
        .args = key_args,
        .tips = order_tips,
    },
    {
        .name = "hlen",
        .run = length,
        .arity = 2,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_HASH,
        .keys = HASH_KEY(KEY_RO),
        .since = "2.0.0",
        .summary = "Counts the fields of a hash.",
        .complexity = "O(1)",
        .group = GROUP_HASH,
        .args = key_args,
    },
    {
        .name = "hmget",
        .run = get_many,
        .member = 2,
        .takes_long = ongoing_has_many_arguments,
        .arity = -3,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_HASH,
        .keys = HASH_KEY(KEY_RO | KEY_ACCESS),
        .since = "2.0.0",
        .summary = "Returns the values of several fields.",
        .complexity = "O(N) in the number of fields given",
        .group = GROUP_HASH,
        .args = fields_args,
    },
    {
        .name = "hmset",
        .run = hash_mset,
        .member = 2,
        .takes_long = ongoing_has_many_arguments,
        .arity = -4,
        .flags = ROW_WRITE | ROW_DENYOOM | ROW_FAST,
        .acl = ACL_HASH,
        .keys = HASH_KEY(KEY_RW | KEY_UPDATE),
        .since = "2.0.0",
        .summary = "Sets fields of a hash.",
        .complexity = "O(N) in the number of fields given",
        .group = GROUP_HASH,
        .args = pairs_args,
        .deprecated_since = "4.0.0",
        .replaced_by = "`HSET` with multiple field-value pairs",
    },
    {
        .name = "hrandfield",
        .run = hash_randfield,
        .arity = -2,
        .flags = ROW_READONLY,
        .acl = ACL_HASH,
        .keys = HASH_KEY(KEY_RO | KEY_ACCESS),
        .since = "6.2.0",
        .summary = "Returns fields picked by chance.",
        .complexity = "O(N) in the number of fields returned",
        .group = GROUP_HASH,
        .args = randfield_args,
        .tips = output_tips,
    },
    {
        .name = "hscan",
        .run = hash_scan,
        .arity = -3,
        .flags = ROW_READONLY,
        .acl = ACL_HASH,
        .keys = HASH_KEY(KEY_RO | KEY_ACCESS),
        .since = "2.8.0",
        .summary = "Lists the fields and values of a hash, some at each call.",
        .complexity = "O(1) for a call; O(N) in the number of fields for all calls until the "
                      "cursor is 0 again",
        .group = GROUP_HASH,
        .args = scan_args,
        .tips = output_tips,
    },
    {
        .name = "hset",
        .run = hash_set,
        .member = 2,
        .takes_long = ongoing_has_many_arguments,
        .arity = -4,
        .flags = ROW_WRITE | ROW_DENYOOM | ROW_FAST,
        .acl = ACL_HASH,
        .keys = HASH_KEY(KEY_RW | KEY_UPDATE),
        .since = "2.0.0",
        .summary = "Sets fields of a hash, and counts those that are new.",
        .complexity = "O(N) in the number of fields given",
        .group = GROUP_HASH,
        .args = pairs_args,
        .history = hset_history,
    },
    {
        .name = "hsetnx",
        .run = hash_setnx,
        .member = 2,
        .arity = 4,
        .flags = ROW_WRITE | ROW_DENYOOM | ROW_FAST,
        .acl = ACL_HASH,
        .keys = HASH_KEY(KEY_RW | KEY_INSERT),
        .since = "2.0.0",
        .summary = "Sets a field that is not there yet.",
        .complexity = "O(1)",
        .group = GROUP_HASH,
        .args = pair_args,
    },
    {
        .name = "hstrlen",
        .run = value_length,
        .member = 2,
        .arity = 3,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_HASH,
        .keys = HASH_KEY(KEY_RO),
        .since = "3.2.0",
        .summary = "Returns the length of the value of a field.",
        .complexity = "O(1)",
        .group = GROUP_HASH,
        .args = field_args,
    },
    {
        .name = "hvals",
        .run = list_values,
        .arity = 2,
        .flags = ROW_READONLY,
        .acl = ACL_HASH,
        .keys = HASH_KEY(KEY_RO | KEY_ACCESS),
        .since = "2.0.0",
        .summary = "Lists the values of a hash.",
        .complexity = "O(N) in the number of fields",
        .group = GROUP_HASH,
        .args = key_args,
        .tips = order_tips,
    },
    {0},
};
