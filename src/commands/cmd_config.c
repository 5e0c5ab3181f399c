/* cmd_config.c - CONFIG: the configuration as clients see it; core/config.h does the work.
 *
 * Threads: the loop. REWRITE blocks it for the disk, as in Redis.
 * To add a subcommand: a handler, a row at the end of this file, its lines in HELP.
 * Specification: Redis 7.2.
 */
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "commands/families.h"
#include "core/config.h"
#include "core/exec.h"
#include "core/session.h"
#include "core/stats.h"

static void config_get(struct ctx *c) {
    size_t n;
    struct config_hit *hits = config_match(c->argv + 2, (size_t)c->argc - 2, &n);
    reply_map(c->r, n);
    for (size_t i = 0; i < n; i++) {
        char *value = config_value(c->core->config, hits[i].row);
        reply_bulk(c->r, hits[i].name);
        reply_bulk_cstr(c->r, value);
        mem_free(value);
    }
    mem_free(hits);
}

static void config_change(struct ctx *c) {
    struct config_set_error error;
    if (c->argc % 2) {
        reply_err(c->r, ERR_SYNTAX);
        return;
    }
    struct config *conf = c->core->config;
    size_t pairs = ((size_t)c->argc - 2) / 2;
    if (c->core->loading.on && config_set_is_early(c->argv + 2, pairs)) {
        reply_err(c->r, ERR_LOADING);
        return;
    }
    bool allow = session_permitted(c->s, conf->enable_protected_configs);
    switch (config_set(conf, c->argv + 2, pairs, allow, &error)) {
    case CONFIG_SET_OK: reply_ok(c->r); break;
    case CONFIG_SET_UNKNOWN:
        reply_errorf(c->r, "ERR Unknown option or number of arguments for CONFIG SET - '%.*s'",
                     (int)error.name.n, error.name.p);
        break;
    case CONFIG_SET_FAILED:
        reply_errorf(c->r, "ERR CONFIG SET failed (possibly related to argument '%.*s') - %s",
                     (int)error.name.n, error.name.p, error.why);
        break;
    }
}

static void config_write(struct ctx *c) {
    char why[CONFIG_WHY_BYTES];
    if (config_rewrite(c->core->config, false, why)) {
        log_notice("CONFIG REWRITE executed with success.");
        reply_ok(c->r);
    } else {
        log_warning("CONFIG REWRITE failed: %s", why);
        reply_errorf(c->r, "ERR %s", why);
    }
}

static void config_resetstat(struct ctx *c) {
    stats_reset(c->core);
    reply_ok(c->r);
}

static void config_help(struct ctx *c) {
    static const char *const lines[] = {
        "GET <pattern>",
        "    Return parameters matching the glob-like <pattern> and their values.",
        "SET <directive> <value>",
        "    Set the configuration <directive> to <value>.",
        "RESETSTAT",
        "    Reset statistics reported by the INFO command.",
        "REWRITE",
        "    Rewrite the configuration file.",
        NULL,
    };
    ctx_help(c, lines);
}

/* -- rows ---------------------------------------------------------------------------- */

static const char *const tips_all_nodes[] = {
    "request_policy:all_nodes",
    "response_policy:all_succeeded",
    NULL,
};
static const struct row_change history_get[] = {
    {"7.0.0", "Takes several patterns."},
    {0},
};
static const struct row_change history_set[] = {
    {"7.0.0", "Takes several parameters."},
    {0},
};
static const struct row_arg args_get[] = {
    {.name = "parameter", .type = ARG_STRING, .flags = ARG_MULTIPLE},
    {0},
};
static const struct row_arg sub_pair[] = {
    {.name = "parameter", .type = ARG_STRING},
    {.name = "value", .type = ARG_STRING},
    {0},
};
static const struct row_arg args_set[] = {
    {.name = "data", .type = ARG_BLOCK, .flags = ARG_MULTIPLE, .sub = sub_pair},
    {0},
};

#define CONFIG_FLAGS (ROW_ADMIN | ROW_NOSCRIPT | ROW_LOADING | ROW_STALE)

static const struct row config_subs[] = {
    {
        .name = "get",
        .run = config_get,
        .arity = -3,
        .flags = CONFIG_FLAGS,
        .since = "2.0.0",
        .summary = "Returns the directives that match, with their values.",
        .complexity = "O(N) in the patterns",
        .group = GROUP_SERVER,
        .args = args_get,
        .history = history_get,
    },
    {
        .name = "help",
        .run = config_help,
        .arity = 2,
        .flags = ROW_LOADING | ROW_STALE,
        .since = "5.0.0",
        .summary = "Describes the subcommands.",
        .complexity = "O(1)",
        .group = GROUP_SERVER,
    },
    {
        .name = "resetstat",
        .run = config_resetstat,
        .arity = 2,
        .flags = CONFIG_FLAGS,
        .since = "2.0.0",
        .summary = "Sets the counters of INFO back to zero.",
        .complexity = "O(1)",
        .group = GROUP_SERVER,
        .tips = tips_all_nodes,
    },
    {
        .name = "rewrite",
        .run = config_write,
        .arity = 2,
        .flags = CONFIG_FLAGS,
        .since = "2.8.0",
        .summary = "Writes the values now held into the configuration file.",
        .complexity = "O(N) in the size of the file",
        .group = GROUP_SERVER,
        .tips = tips_all_nodes,
    },
    {
        .name = "set",
        .run = config_change,
        .arity = -4,
        .flags = CONFIG_FLAGS,
        .since = "2.0.0",
        .summary = "Changes directives while the server runs, all or none.",
        .complexity = "O(N) in the directives",
        .group = GROUP_SERVER,
        .args = args_set,
        .history = history_set,
        .tips = tips_all_nodes,
    },
    {0},
};

const struct row config_rows[] = {
    {
        .name = "config",
        .arity = -2,
        .subs = config_subs,
        .since = "2.0.0",
        .summary = "A container for the commands that read and change the configuration.",
        .complexity = "Depends on the subcommand",
        .group = GROUP_SERVER,
    },
    {0},
};
