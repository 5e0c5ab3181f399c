/* cmd_dump.c - DUMP and RESTORE: single values, for other servers to load.
 *
 * Specification: Redis 7.2's replies, errors and events. RESTORE answers a time to live that
 * passes the end of time with an error, where Redis' arithmetic overflows.
 * Threads: the loop.
 */
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "commands/cmd_generic_internal.h"
#include "commands/families.h"
#include "core/config.h"
#include "core/dump.h"
#include "core/offload.h"

/* A payload on its way (core/offload). */
struct payload {
    const struct entry *e;
    int write_version;
    bool compress;
};

#define UNIT_BYTES 32 /* of a value, written in a unit of work */

static void compute_payload(void *state, struct reply *r) {
    const struct payload *x = state;
    struct rdb_writer w;
    enum rdb_type as = dump_rdb_type(x->e, x->write_version);
    int version = rdb_version_of(as);
    rdb_writer_init(&w, NULL, NULL);
    w.compress = x->compress;
    rdb_put_byte(&w, as);
    dump_put_body(&w, x->e, as);
    rdb_put_dump_end(&w, version > x->write_version ? version : x->write_version);
    if (w.err) {
        reply_err(r, w.err);
    } else {
        reply_bulk(r, rdb_writer_bytes(&w));
    }
    rdb_writer_fini(&w);
}

static void dump_key(struct ctx *c) {
    const struct config *config = c->core->config;
    struct payload x = {db_read(c->db, ctx_key(c, 1)), config->rdb_write_version,
                        config->rdbcompression};
    if (!x.e) {
        reply_null(c->r);
        return;
    }
    offload(c, &(struct offload){
                   .units = entry_memory(x.e) / UNIT_BYTES,
                   .state = &x,
                   .state_bytes = sizeof x,
                   .compute = compute_payload,
               });
}

struct restore {
    bool replace, absolute;
    int64_t idle_s, frequency; /* -1: not given */
};

/* Reads the number behind option i; replies `error` if it is below 0 or above max. */
static bool option_number(struct ctx *c, int i, int64_t max, const char *error, int64_t *v) {
    if (!ctx_int(c, i + 1, v)) return false;
    if (*v >= 0 && *v <= max) return true;
    reply_error(c->r, error);
    return false;
}

static bool parse_options(struct ctx *c, struct restore *o) {
    *o = (struct restore){.idle_s = -1, .frequency = -1};
    for (int i = 4; i < c->argc; i++) {
        bool more = i + 1 < c->argc;
        if (slice_is(c->argv[i], "replace")) {
            o->replace = true;
        } else if (slice_is(c->argv[i], "absttl")) {
            o->absolute = true;
        } else if (slice_is(c->argv[i], "idletime") && more && o->frequency < 0) {
            if (!option_number(c, i++, INT64_MAX, "ERR Invalid IDLETIME value, must be >= 0",
                               &o->idle_s))
                return false;
        } else if (slice_is(c->argv[i], "freq") && more && o->idle_s < 0) {
            if (!option_number(c, i++, 255, "ERR Invalid FREQ value, must be >= 0 and <= 255",
                               &o->frequency))
                return false;
        } else {
            reply_err(c->r, ERR_SYNTAX);
            return false;
        }
    }
    return true;
}

/* The time in argument 2 as Unix ms, or DB_NO_TTL. */
static bool parse_expire(struct ctx *c, bool absolute, int64_t *expire_ms) {
    int64_t ttl_ms;
    if (!ctx_int(c, 2, &ttl_ms)) return false;
    *expire_ms = ttl_ms ? ttl_ms : DB_NO_TTL;
    if (ttl_ms < 0) {
        reply_error(c->r, "ERR Invalid TTL value, must be >= 0");
    } else if (ttl_ms && !absolute && __builtin_add_overflow(ttl_ms, c->core->now_ms, expire_ms)) {
        reply_error(c->r, "ERR invalid expire time in 'restore' command");
    } else {
        return true;
    }
    return false;
}

/* With the time at which the key ends. */
static void tell_restore(struct ctx *c, int64_t expire_ms) {
    effect_begin(c, (size_t)c->argc + 1);
    for (int i = 0; i < c->argc; i++) {
        if (i == 2) {
            effect_int(c, expire_ms);
        } else {
            effect_bytes(c, c->argv[i]);
        }
    }
    effect_word(c, "ABSTTL");
}

static void restore_value(struct ctx *c, struct key k, const struct restore *o, int64_t expire_ms,
                          struct dump_value *value) {
    bool removed = o->replace && db_delete(c->db, k);
    if (expire_ms != DB_NO_TTL && expire_ms <= c->db->ks->now_ms) { /* its time is over */
        dump_value_free(value);
        if (!removed) return;
        ctx_changed(c, k, FEED_GENERIC, "del");
        if (effects_wanted(c)) effect_delete(c, key_slice(k));
        return;
    }
    dump_put_value(c->db, k, value, expire_ms);
    struct entry *e = db_peek(c->db, k);
    if (o->idle_s >= 0) db_set_idle(c->db, e, o->idle_s);
    if (o->frequency >= 0) db_set_lfu(c->db, e, (int)o->frequency);
    ctx_changed(c, k, FEED_GENERIC, "restore");
    if (effects_wanted(c) && expire_ms != DB_NO_TTL && !o->absolute) tell_restore(c, expire_ms);
}

/* A payload that is read (core/offload). */
struct restoring {
    struct restore options;
    int64_t expire_ms;
    struct slice payload;        /* an argument */
    const struct config *config; /* for a worker a copy: the loop changes the other */
    bool config_is_copy;
    struct dump_value value;
    int err;
};

static void compute_restore(void *state, struct reply *r) {
    struct restoring *x = state;
    x->err = dump_read_payload(x->payload, x->config, &x->value);
    if (x->err) reply_error(r, rdb_restore_text(x->err));
}

static void commit_restore(struct ctx *c, void *state) {
    struct restoring *x = state;
    if (x->err) return;
    restore_value(c, ctx_key(c, 1), &x->options, x->expire_ms, &x->value);
    reply_ok(c->r);
}

static void restoring_drop(void *state) {
    struct restoring *x = state;
    dump_value_free(&x->value);
    if (x->config_is_copy) mem_free((void *)x->config);
}

static void restore_key(struct ctx *c) {
    struct key k = ctx_key(c, 1);
    struct restoring x = {.payload = c->argv[3], .config = c->core->config};
    if (!parse_options(c, &x.options)) return;
    if (!x.options.replace && db_find(c->db, k)) {
        reply_err(c->r, ERR_BUSY_KEY);
        return;
    }
    if (!parse_expire(c, x.options.absolute, &x.expire_ms)) return;
    uint64_t units = x.payload.n / UNIT_BYTES;
    x.config_is_copy = offload_would(c, units);
    if (x.config_is_copy) x.config = (void *)mem_dup(x.config, sizeof *x.config);
    offload(c, &(struct offload){
                   .units = units,
                   .state = &x,
                   .state_bytes = sizeof x,
                   .compute = compute_restore,
                   .commit = commit_restore,
                   .drop = restoring_drop,
               });
}

/* -- rows ------------------------------------------------------------------------------ */

static const struct row_arg key_args[] = {{.name = "key", .type = ARG_KEY}, {0}};
static const struct row_arg restore_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "ttl", .type = ARG_INTEGER},
    {.name = "serialized-value", .type = ARG_STRING},
    {.name = "replace",
     .type = ARG_PURE_TOKEN,
     .flags = ARG_OPTIONAL,
     .token = "REPLACE",
     .since = "3.0.0"},
    {.name = "absttl",
     .type = ARG_PURE_TOKEN,
     .flags = ARG_OPTIONAL,
     .token = "ABSTTL",
     .since = "5.0.0"},
    {.name = "seconds",
     .type = ARG_INTEGER,
     .flags = ARG_OPTIONAL,
     .token = "IDLETIME",
     .since = "5.0.0"},
    {.name = "frequency",
     .type = ARG_INTEGER,
     .flags = ARG_OPTIONAL,
     .token = "FREQ",
     .since = "5.0.0"},
    {0},
};
static const struct row_change restore_history[] = {
    {"3.0.0", "Takes REPLACE."},
    {"5.0.0", "Takes ABSTTL."},
    {"5.0.0", "Takes IDLETIME and FREQ."},
    {0},
};
static const char *const dump_tips[] = {"nondeterministic_output", NULL};

#define RESTORE_COMPLEXITY "O(N) in the bytes, O(N*log(N)) in the members of a sorted set"

const struct row dump_rows[] = {
    {
        .name = "dump",
        .run = dump_key,
        .arity = 2,
        .flags = ROW_READONLY,
        .acl = ACL_KEYSPACE,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "2.6.0",
        .summary = "Returns the value of a key in the form that RESTORE takes.",
        .complexity = "O(N) in the bytes of the value",
        .group = GROUP_GENERIC,
        .args = key_args,
        .tips = dump_tips,
    },
    {
        .name = "restore",
        .run = restore_key,
        .arity = -4,
        .flags = ROW_WRITE | ROW_DENYOOM,
        .acl = ACL_KEYSPACE | ACL_DANGEROUS,
        .keys = {KEY_IN(1, KEY_OW | KEY_UPDATE)},
        .since = "2.6.0",
        .summary = "Creates a key from what DUMP returned.",
        .complexity = RESTORE_COMPLEXITY,
        .group = GROUP_GENERIC,
        .args = restore_args,
        .history = restore_history,
    },
    {
        .name = "restore-asking",
        .run = restore_key,
        .arity = -4,
        .flags = ROW_WRITE | ROW_DENYOOM | ROW_ASKING,
        .acl = ACL_KEYSPACE | ACL_DANGEROUS,
        .keys = {KEY_IN(1, KEY_OW | KEY_UPDATE)},
        .since = "3.0.0",
        .summary = "RESTORE as the nodes of a cluster send it when they move a key.",
        .complexity = RESTORE_COMPLEXITY,
        .group = GROUP_SERVER,
        .for_servers = true,
        .args = restore_args,
        .history = restore_history,
    },
    {0},
};
