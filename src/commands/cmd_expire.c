/* cmd_expire.c - the time of keys: set, asked for, taken away.
 *
 * All times are handled as Unix milliseconds; the commands differ in unit and in whether
 * the time counts from now.
 * Specification: Redis 7.2's replies, errors and events.
 */
#include "base/err.h"
#include "commands/cmd_generic_internal.h"
#include "commands/families.h"

enum condition { IF_NX = 1, IF_XX = 2, IF_GT = 4, IF_LT = 8 };

static bool parse_conditions(struct ctx *c, unsigned *conditions) {
    *conditions = 0;
    for (int i = 3; i < c->argc; i++) {
        struct slice word = c->argv[i];
        if (slice_is(word, "nx")) {
            *conditions |= IF_NX;
        } else if (slice_is(word, "xx")) {
            *conditions |= IF_XX;
        } else if (slice_is(word, "gt")) {
            *conditions |= IF_GT;
        } else if (slice_is(word, "lt")) {
            *conditions |= IF_LT;
        } else {
            reply_errorf(c->r, "ERR Unsupported option %.*s", (int)word.n, word.p);
            return false;
        }
    }
    if (*conditions & IF_NX && *conditions != IF_NX) {
        reply_error(c->r, "ERR NX and XX, GT or LT options at the same time are not compatible");
        return false;
    }
    if (*conditions & IF_GT && *conditions & IF_LT) {
        reply_error(c->r, "ERR GT and LT options at the same time are not compatible");
        return false;
    }
    return true;
}

/* The Unix ms that argument 2 means in units of unit_ms, counted from base_ms. */
static bool parse_time(struct ctx *c, int64_t base_ms, int64_t unit_ms, int64_t *when_ms) {
    int64_t v;
    if (!ctx_int(c, 2, &v)) return false;
    if (__builtin_mul_overflow(v, unit_ms, when_ms) ||
        __builtin_add_overflow(*when_ms, base_ms, when_ms)) {
        reply_errorf(c->r, "ERR invalid expire time in '%s' command", c->row->name);
        return false;
    }
    return true;
}

/* Whether a key that ends at now_ms (-1: never) may get the new end. */
static bool conditions_hold(unsigned conditions, int64_t end_ms, int64_t new_ms) {
    bool ends = end_ms >= 0;
    if (conditions & IF_NX && ends) return false;
    if (conditions & IF_XX && !ends) return false;
    if (conditions & IF_GT && (!ends || new_ms <= end_ms)) return false;
    return !(conditions & IF_LT && ends && new_ms >= end_ms);
}

static void set_expire(struct ctx *c, int64_t base_ms, int64_t unit_ms) {
    unsigned conditions;
    int64_t when_ms;
    struct key k = ctx_key(c, 1);
    if (!parse_conditions(c, &conditions) || !parse_time(c, base_ms, unit_ms, &when_ms)) return;
    const struct entry *e = db_find(c->db, k);
    if (!e || !conditions_hold(conditions, entry_expire_ms(e), when_ms)) {
        reply_int(c->r, 0);
        return;
    }
    if (when_ms <= c->db->ks->now_ms) {
        generic_delete(c, 1);
        if (effects_wanted(c)) effect_delete(c, key_slice(k));
    } else {
        db_set_expire(c->db, k, when_ms);
        ctx_changed(c, k, FEED_GENERIC, "expire");
        if (effects_wanted(c)) effect_pexpireat(c, key_slice(k), when_ms);
    }
    reply_int(c->r, 1);
}

static void expire_seconds(struct ctx *c) { set_expire(c, c->core->now_ms, 1000); }
static void expire_ms(struct ctx *c) { set_expire(c, c->core->now_ms, 1); }
static void expire_at_seconds(struct ctx *c) { set_expire(c, 0, 1000); }
static void expire_at_ms(struct ctx *c) { set_expire(c, 0, 1); }

static void persist(struct ctx *c) {
    struct key k = ctx_key(c, 1);
    const struct entry *e = db_find(c->db, k);
    bool had_ttl = e && entry_has_ttl(e);
    if (had_ttl) {
        db_set_expire(c->db, k, DB_NO_TTL);
        ctx_changed(c, k, FEED_GENERIC, "persist");
    }
    reply_int(c->r, had_ttl);
}

/* The end of the key counted from base_ms, in units of unit_ms, rounded to the nearest. */
static void reply_expire(struct ctx *c, int64_t base_ms, int64_t unit_ms) {
    const struct entry *e = generic_look(c, 1);
    if (!e || !entry_has_ttl(e)) {
        reply_int(c->r, e ? -1 : -2);
        return;
    }
    int64_t ms = entry_expire_ms(e) - base_ms;
    if (ms < 0) ms = 0;
    reply_int(c->r, ms / unit_ms + (ms % unit_ms * 2 >= unit_ms));
}

static void ttl_seconds(struct ctx *c) { reply_expire(c, c->core->now_ms, 1000); }
static void ttl_ms(struct ctx *c) { reply_expire(c, c->core->now_ms, 1); }
static void expire_time_seconds(struct ctx *c) { reply_expire(c, 0, 1000); }
static void expire_time_ms(struct ctx *c) { reply_expire(c, 0, 1); }

/* -- rows ---------------------------------------------------------------------------- */

static const struct row_arg condition_args[] = {
    {.name = "nx", .type = ARG_PURE_TOKEN, .token = "NX"},
    {.name = "xx", .type = ARG_PURE_TOKEN, .token = "XX"},
    {.name = "gt", .type = ARG_PURE_TOKEN, .token = "GT"},
    {.name = "lt", .type = ARG_PURE_TOKEN, .token = "LT"},
    {0},
};
#define CONDITION_ARG                                                                              \
    {                                                                                              \
        .name = "condition", .type = ARG_ONEOF, .flags = ARG_OPTIONAL, .since = "7.0.0",           \
        .sub = condition_args                                                                      \
    }
static const struct row_arg expire_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "seconds", .type = ARG_INTEGER},
    CONDITION_ARG,
    {0},
};
static const struct row_arg pexpire_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "milliseconds", .type = ARG_INTEGER},
    CONDITION_ARG,
    {0},
};
static const struct row_arg expireat_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "unix-time-seconds", .type = ARG_UNIX_TIME},
    CONDITION_ARG,
    {0},
};
static const struct row_arg pexpireat_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "unix-time-milliseconds", .type = ARG_UNIX_TIME},
    CONDITION_ARG,
    {0},
};
static const struct row_arg key_args[] = {{.name = "key", .type = ARG_KEY}, {0}};
static const struct row_change condition_history[] = {
    {"7.0.0", "Takes the conditions `NX`, `XX`, `GT` and `LT`."},
    {0},
};
static const struct row_change ttl_history[] = {{"2.8.0", "Tells a missing key by -2."}, {0}};
static const char *const changing_tips[] = {"nondeterministic_output", NULL};

const struct row expire_rows[] = {
    {
        .name = "expire",
        .run = expire_seconds,
        .arity = -3,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_KEYSPACE,
        .keys = {KEY_IN(1, KEY_RW | KEY_UPDATE)},
        .since = "1.0.0",
        .summary = "Lets a key end after some seconds.",
        .complexity = "O(1)",
        .group = GROUP_GENERIC,
        .args = expire_args,
        .history = condition_history,
    },
    {
        .name = "expireat",
        .run = expire_at_seconds,
        .arity = -3,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_KEYSPACE,
        .keys = {KEY_IN(1, KEY_RW | KEY_UPDATE)},
        .since = "1.2.0",
        .summary = "Lets a key end at a Unix time in seconds.",
        .complexity = "O(1)",
        .group = GROUP_GENERIC,
        .args = expireat_args,
        .history = condition_history,
    },
    {
        .name = "expiretime",
        .run = expire_time_seconds,
        .arity = 2,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_KEYSPACE,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "7.0.0",
        .summary = "Tells the Unix time in seconds at which a key ends.",
        .complexity = "O(1)",
        .group = GROUP_GENERIC,
        .args = key_args,
    },
    {
        .name = "persist",
        .run = persist,
        .arity = 2,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_KEYSPACE,
        .keys = {KEY_IN(1, KEY_RW | KEY_UPDATE)},
        .since = "2.2.0",
        .summary = "Takes the expiry from a key.",
        .complexity = "O(1)",
        .group = GROUP_GENERIC,
        .args = key_args,
    },
    {
        .name = "pexpire",
        .run = expire_ms,
        .arity = -3,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_KEYSPACE,
        .keys = {KEY_IN(1, KEY_RW | KEY_UPDATE)},
        .since = "2.6.0",
        .summary = "Lets a key end after some milliseconds.",
        .complexity = "O(1)",
        .group = GROUP_GENERIC,
        .args = pexpire_args,
        .history = condition_history,
    },
    {
        .name = "pexpireat",
        .run = expire_at_ms,
        .arity = -3,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_KEYSPACE,
        .keys = {KEY_IN(1, KEY_RW | KEY_UPDATE)},
        .since = "2.6.0",
        .summary = "Lets a key end at a Unix time in milliseconds.",
        .complexity = "O(1)",
        .group = GROUP_GENERIC,
        .args = pexpireat_args,
        .history = condition_history,
    },
    {
        .name = "pexpiretime",
        .run = expire_time_ms,
        .arity = 2,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_KEYSPACE,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "7.0.0",
        .summary = "Tells the Unix time in milliseconds at which a key ends.",
        .complexity = "O(1)",
        .group = GROUP_GENERIC,
        .args = key_args,
    },
    {
        .name = "pttl",
        .run = ttl_ms,
        .arity = 2,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_KEYSPACE,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "2.6.0",
        .summary = "Tells the milliseconds that a key has left.",
        .complexity = "O(1)",
        .group = GROUP_GENERIC,
        .args = key_args,
        .history = ttl_history,
        .tips = changing_tips,
    },
    {
        .name = "ttl",
        .run = ttl_seconds,
        .arity = 2,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_KEYSPACE,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "1.0.0",
        .summary = "Tells the seconds that a key has left.",
        .complexity = "O(1)",
        .group = GROUP_GENERIC,
        .args = key_args,
        .history = ttl_history,
        .tips = changing_tips,
    },
    {0},
};
