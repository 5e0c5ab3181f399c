/* cmd_object.c - OBJECT: how a value is kept, and how it has been used.
 *
 * Specification: Redis 7.2. A small number of Redis is one object that many keys share, with
 * INT_MAX as its count of references; here nothing is shared, but OBJECT REFCOUNT says the
 * same, as clients and tests look at it.
 */
#include <limits.h>

#include "commands/cmd_generic_internal.h"
#include "commands/families.h"
#include "core/config.h"

#define SHARED_NUMBERS 10000 /* 0 to 9999 */

#define NO_LFU                                                                                     \
    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. "                  \
    "Please note that when switching between policies at runtime LRU and LFU data will "           \
    "take some time to adjust."
#define NO_LRU                                                                                     \
    "ERR An LFU maxmemory policy is selected, idle time not tracked. "                             \
    "Please note that when switching between policies at runtime LRU and LFU data will "           \
    "take some time to adjust."

/* The entry of the key, or NULL with the reply for a missing one. */
static const struct entry *look_or_null(struct ctx *c) {
    const struct entry *e = db_peek(c->db, ctx_key(c, 2));
    struct keyspace *ks = c->db->ks;
    if (e) {
        ks->hits++;
    } else { /* which is no keymiss */
        ks->misses++;
        reply_null(c->r);
    }
    return e;
}

static void object_encoding(struct ctx *c) {
    const struct entry *e = look_or_null(c);
    if (e) reply_bulk_cstr(c->r, entry_encoding_name(e));
}

static void object_freq(struct ctx *c) {
    const struct entry *e = look_or_null(c);
    if (!e) return;
    if (c->db->ks->lfu) {
        reply_int(c->r, db_lfu_counter(c->db, e));
    } else {
        reply_error(c->r, NO_LFU);
    }
}

static void object_idletime(struct ctx *c) {
    const struct entry *e = look_or_null(c);
    if (!e) return;
    if (c->db->ks->lfu) {
        reply_error(c->r, NO_LRU);
    } else {
        reply_int(c->r, db_idle_seconds(c->db, e));
    }
}

/* Redis shares numbers unless each key needs access data of its own. */
static bool shares_numbers(const struct config *conf) {
    if (conf->maxmemory_bytes == 0) return true;
    switch ((enum evict_policy)conf->maxmemory_policy) {
    case EVICT_ALLKEYS_LRU:
    case EVICT_ALLKEYS_LFU:
    case EVICT_VOLATILE_LRU:
    case EVICT_VOLATILE_LFU: return false;
    default: return true;
    }
}

static void object_refcount(struct ctx *c) {
    const struct entry *e = look_or_null(c);
    if (!e) return;
    bool shared = entry_type(e) == TYPE_STRING && entry_encoding(e) == ENC_INT &&
                  entry_int(e) >= 0 && entry_int(e) < SHARED_NUMBERS &&
                  shares_numbers(c->core->config);
    reply_int(c->r, shared ? INT_MAX : 1);
}

static void object_help(struct ctx *c) {
    static const char *const lines[] = {
        "ENCODING <key>",
        "    Tell how the value in <key> is kept.",
        "FREQ <key>",
        "    Tell the access counter of <key>; it grows with the logarithm of the accesses.",
        "IDLETIME <key>",
        "    Tell for how many seconds <key> was not used.",
        "REFCOUNT <key>",
        "    Tell how many references the value in <key> has.",
        NULL,
    };
    ctx_help(c, lines);
}

static const struct row_arg key_args[] = {{.name = "key", .type = ARG_KEY}, {0}};
static const char *const varying_tips[] = {"nondeterministic_output", NULL};

static const struct row object_subs[] = {
    {
        .name = "encoding",
        .run = object_encoding,
        .arity = 3,
        .flags = ROW_READONLY,
        .acl = ACL_KEYSPACE,
        .keys = {KEY_IN(2, KEY_RO)},
        .since = "2.2.3",
        .summary = "Tells how a value is kept in memory.",
        .complexity = "O(1)",
        .group = GROUP_GENERIC,
        .args = key_args,
        .tips = varying_tips,
    },
    {
        .name = "freq",
        .run = object_freq,
        .arity = 3,
        .flags = ROW_READONLY,
        .acl = ACL_KEYSPACE,
        .keys = {KEY_IN(2, KEY_RO)},
        .since = "4.0.0",
        .summary = "Tells how often a key was used, on a logarithmic scale.",
        .complexity = "O(1)",
        .group = GROUP_GENERIC,
        .args = key_args,
        .tips = varying_tips,
    },
    {
        .name = "help",
        .run = object_help,
        .arity = 2,
        .flags = ROW_LOADING | ROW_STALE,
        .acl = ACL_KEYSPACE,
        .since = "6.2.0",
        .summary = "Explains the subcommands.",
        .complexity = "O(1)",
        .group = GROUP_GENERIC,
    },
    {
        .name = "idletime",
        .run = object_idletime,
        .arity = 3,
        .flags = ROW_READONLY,
        .acl = ACL_KEYSPACE,
        .keys = {KEY_IN(2, KEY_RO)},
        .since = "2.2.3",
        .summary = "Tells the seconds since a key was last used.",
        .complexity = "O(1)",
        .group = GROUP_GENERIC,
        .args = key_args,
        .tips = varying_tips,
    },
    {
        .name = "refcount",
        .run = object_refcount,
        .arity = 3,
        .flags = ROW_READONLY,
        .acl = ACL_KEYSPACE,
        .keys = {KEY_IN(2, KEY_RO)},
        .since = "2.2.3",
        .summary = "Tells how many references a value has.",
        .complexity = "O(1)",
        .group = GROUP_GENERIC,
        .args = key_args,
        .tips = varying_tips,
    },
    {0},
};

const struct row object_rows[] = {
    {
        .name = "object",
        .arity = -2,
        .subs = object_subs,
        .since = "2.2.3",
        .summary = "Tells how values are kept and used.",
        .complexity = "Depends on subcommand.",
        .group = GROUP_GENERIC,
    },
    {0},
};
