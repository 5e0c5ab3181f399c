/* cmd_generic.c - keys of any type: copied, removed, renamed, moved, asked for.
 *
 * Specification: Redis 7.2's replies, errors and events. MIGRATE and WAIT are not here yet.
 * To add a command: its handler and its row at the bottom.
 */
#include "base/err.h"
#include "commands/cmd_generic_internal.h"
#include "commands/families.h"
#include "core/offload.h"
#include "store/object.h"

#define COPY_UNIT_BYTES 64 /* copied in a unit of work */

static void reply_found(struct ctx *c, bool found) { reply_int(c->r, found); }

static void delete_keys(struct ctx *c) {
    int64_t count = 0;
    for (int i = 1; i < c->argc; i++) count += generic_delete(c, i);
    reply_int(c->r, count);
}

static void count_existing(struct ctx *c) {
    int64_t count = 0;
    for (int i = 1; i < c->argc; i++) count += generic_look(c, i) != NULL;
    reply_int(c->r, count);
}

static void touch_keys(struct ctx *c) {
    int64_t count = 0;
    for (int i = 1; i < c->argc; i++) count += db_read(c->db, ctx_key(c, i)) != NULL;
    reply_int(c->r, count);
}

static void reply_type(struct ctx *c) {
    const struct entry *e = generic_look(c, 1);
    reply_simple(c->r, e ? entry_type_name(entry_type(e)) : "none");
}

/* RENAME and RENAMENX, which differ in what they do when the new name is taken, and reply. */
static void rename_key(struct ctx *c, bool only_new) {
    struct key from = ctx_key(c, 1), to = ctx_key(c, 2);
    bool same = slice_eq(c->argv[1], c->argv[2]);
    if (!db_find(c->db, from)) {
        reply_err(c->r, ERR_NO_KEY);
        return;
    }
    bool taken = db_exists(c->db, to); /* asked in any case: its time may be over */
    if (only_new && (same || taken)) {
        reply_int(c->r, 0);
        return;
    }
    if (!same) {
        db_rename(c->db, from, c->db, to);
        ctx_changed(c, from, FEED_GENERIC, "rename_from");
        ctx_changed(c, to, FEED_GENERIC, "rename_to");
        ctx_counts(c, 0);
    }
    if (only_new) {
        reply_int(c->r, 1);
    } else {
        reply_ok(c->r);
    }
}

static void rename_any(struct ctx *c) { rename_key(c, false); }
static void rename_to_new(struct ctx *c) { rename_key(c, true); }

static void changed_in(struct ctx *c, const struct db *db, struct key k, const char *event) {
    feed_key(&c->core->feed, db->id, FEED_GENERIC, event, k);
}

static enum row_hides move_hides(const struct slice *argv, int argc) {
    (void)argv, (void)argc;
    return HIDES_DATABASE;
}

static void move_key(struct ctx *c) {
    struct key k = ctx_key(c, 1);
    struct db *to;
    if (!ctx_db(c, 2, &to)) return;
    if (to == c->db) {
        reply_err(c->r, ERR_SAME_OBJECT);
        return;
    }
    if (!db_find(c->db, k) || db_exists(to, k)) {
        reply_found(c, false);
        return;
    }
    db_rename(c->db, k, to, k);
    ctx_changed(c, k, FEED_GENERIC, "move_from");
    changed_in(c, to, k, "move_to");
    ctx_counts(c, 0);
    reply_found(c, true);
}

/* A copy of a large value on its way (core/offload). */
struct copy {
    enum entry_type type;
    const void *from;
    void *made;
    int64_t expire_ms;
    int dst; /* database */
};

static void compute_copy(void *state, struct reply *r) {
    struct copy *x = state;
    (void)r;
    x->made = object_ops(x->type)->copy(x->from);
}

static void commit_copy(struct ctx *c, void *state) {
    struct copy *x = state;
    struct key to = ctx_key(c, 2);
    struct db *dst = &c->core->ks->dbs[x->dst];
    db_delete(dst, to);
    db_put_object(dst, to, x->type, x->made);
    x->made = NULL;
    if (x->expire_ms >= 0) db_set_expire(dst, to, x->expire_ms);
    changed_in(c, dst, to, "copy_to");
    reply_found(c, true);
}

static void copy_drop(void *state) {
    struct copy *x = state;
    if (x->made) object_ops(x->type)->free(x->made);
}

static enum row_hides copy_hides(const struct slice *argv, int argc) {
    for (int i = 3; i < argc; i++) {
        if (slice_is(argv[i], "db")) return HIDES_DATABASE;
    }
    return HIDES_NOTHING;
}

static void copy_key(struct ctx *c) {
    struct key from = ctx_key(c, 1), to = ctx_key(c, 2);
    struct db *dst = c->db;
    bool replace = false;
    for (int i = 3; i < c->argc; i++) {
        if (slice_is(c->argv[i], "replace")) {
            replace = true;
        } else if (slice_is(c->argv[i], "db") && i + 1 < c->argc) {
            if (!ctx_db(c, ++i, &dst)) return;
        } else {
            reply_err(c->r, ERR_SYNTAX);
            return;
        }
    }
    if (dst == c->db && slice_eq(c->argv[1], c->argv[2])) {
        reply_err(c->r, ERR_SAME_OBJECT);
        return;
    }
    const struct entry *e = db_read(c->db, from);
    if (!e || (!replace && db_exists(dst, to))) {
        reply_found(c, false);
        return;
    }
    uint64_t units = entry_encoding(e) == ENC_OBJECT ? entry_memory(e) / COPY_UNIT_BYTES : 0;
    if (units && offload_would(c, units)) {
        struct copy x = {entry_type(e), entry_object(e), NULL, entry_expire_ms(e), dst->id};
        offload(c, &(struct offload){
                       .units = units,
                       .state = &x,
                       .state_bytes = sizeof x,
                       .compute = compute_copy,
                       .commit = commit_copy,
                       .drop = copy_drop,
                   });
        return;
    }
    db_copy(c->db, from, dst, to);
    changed_in(c, dst, to, "copy_to");
    reply_found(c, true);
}

/* -- rows ---------------------------------------------------------------------------- */

static const struct row_arg key_args[] = {{.name = "key", .type = ARG_KEY}, {0}};
static const struct row_arg keys_args[] = {
    {.name = "key", .type = ARG_KEY, .flags = ARG_MULTIPLE},
    {0},
};
static const struct row_arg copy_args[] = {
    {.name = "source", .type = ARG_KEY},
    {.name = "destination", .type = ARG_KEY, .key_spec = 1},
    {.name = "destination-db", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "DB"},
    {.name = "replace", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "REPLACE"},
    {0},
};
static const struct row_arg move_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "db", .type = ARG_INTEGER},
    {0},
};
static const struct row_arg rename_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "newkey", .type = ARG_KEY, .key_spec = 1},
    {0},
};
static const struct row_change exists_history[] = {{"3.0.3", "Takes several keys."}, {0}};
static const struct row_change renamenx_history[] = {
    {"3.2.0", "Equal names are no error any more."},
    {0},
};
static const char *const sum_tips[] = {
    "request_policy:multi_shard",
    "response_policy:agg_sum",
    NULL,
};

const struct row generic_rows[] = {
    {
        .name = "copy",
        .run = copy_key,
        .arity = -3,
        .flags = ROW_WRITE | ROW_DENYOOM,
        .acl = ACL_KEYSPACE,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS), KEY_IN(2, KEY_OW | KEY_UPDATE)},
        .hides = copy_hides,
        .since = "6.2.0",
        .summary = "Copies the value and the expiry of a key to another key.",
        .complexity = "O(1) for strings, O(N) in the number of elements otherwise",
        .group = GROUP_GENERIC,
        .args = copy_args,
    },
    {
        .name = "del",
        .run = delete_keys,
        .arity = -2,
        .flags = ROW_WRITE,
        .acl = ACL_KEYSPACE,
        .keys = {KEYS_TO_END(1, KEY_RM | KEY_DELETE)},
        .since = "1.0.0",
        .summary = "Removes keys.",
        .complexity = "O(N) in the number of keys; values are freed in the background",
        .group = GROUP_GENERIC,
        .args = keys_args,
        .tips = sum_tips,
    },
    {
        .name = "exists",
        .run = count_existing,
        .arity = -2,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_KEYSPACE,
        .keys = {KEYS_TO_END(1, KEY_RO)},
        .since = "1.0.0",
        .summary = "Counts those of the given keys that exist.",
        .complexity = "O(N) in the number of keys",
        .group = GROUP_GENERIC,
        .args = keys_args,
        .history = exists_history,
        .tips = sum_tips,
    },
    {
        .name = "move",
        .run = move_key,
        .hides = move_hides,
        .arity = 3,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_KEYSPACE,
        .keys = {KEY_IN(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
        .since = "1.0.0",
        .summary = "Moves a key to another database, if it is not taken there.",
        .complexity = "O(1)",
        .group = GROUP_GENERIC,
        .args = move_args,
    },
    {
        .name = "rename",
        .run = rename_any,
        .arity = 3,
        .flags = ROW_WRITE,
        .acl = ACL_KEYSPACE,
        .keys = {KEY_IN(1, KEY_RW | KEY_ACCESS | KEY_DELETE), KEY_IN(2, KEY_OW | KEY_UPDATE)},
        .since = "1.0.0",
        .summary = "Gives a key another name, replacing what has that name.",
        .complexity = "O(1)",
        .group = GROUP_GENERIC,
        .args = rename_args,
    },
    {
        .name = "renamenx",
        .run = rename_to_new,
        .arity = 3,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_KEYSPACE,
        .keys = {KEY_IN(1, KEY_RW | KEY_ACCESS | KEY_DELETE), KEY_IN(2, KEY_OW | KEY_INSERT)},
        .since = "1.0.0",
        .summary = "Gives a key another name that is not taken.",
        .complexity = "O(1)",
        .group = GROUP_GENERIC,
        .args = rename_args,
        .history = renamenx_history,
    },
    {
        .name = "touch",
        .run = touch_keys,
        .arity = -2,
        .flags = ROW_READONLY | ROW_FAST | ROW_TOUCHES,
        .acl = ACL_KEYSPACE,
        .keys = {KEYS_TO_END(1, KEY_RO)},
        .since = "3.2.1",
        .summary = "Marks keys as used now, and counts those that exist.",
        .complexity = "O(N) in the number of keys",
        .group = GROUP_GENERIC,
        .args = keys_args,
        .tips = sum_tips,
    },
    {
        .name = "type",
        .run = reply_type,
        .arity = 2,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_KEYSPACE,
        .keys = {KEY_IN(1, KEY_RO)},
        .since = "1.0.0",
        .summary = "Tells the type of the value in a key.",
        .complexity = "O(1)",
        .group = GROUP_GENERIC,
        .args = key_args,
    },
    {
        .name = "unlink",
        .run = delete_keys,
        .arity = -2,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_KEYSPACE,
        .keys = {KEYS_TO_END(1, KEY_RM | KEY_DELETE)},
        .since = "4.0.0",
        .summary = "Removes keys; the same as DEL here, which never frees big values itself.",
        .complexity = "O(N) in the number of keys; values are freed in the background",
        .group = GROUP_GENERIC,
        .args = keys_args,
        .tips = sum_tips,
    },
    {0},
};
