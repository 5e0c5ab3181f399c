/* cmd_server.c - the server as a whole: INFO, time, flushing, role, shutdown.
 *
 * Threads: the loop. What a flush leaves is freed by a worker, with SYNC as well.
 * To add a command: a handler, a row at the end of this file.
 * Specification: Redis 7.2.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/num.h"
#include "commands/cmd_server_internal.h"
#include "commands/families.h"
#include "core/blocked.h"
#include "core/config.h"
#include "core/info.h"
#include "core/watch.h"
#include "persist/persist.h"
#include "topic/tracking.h"

static void server_info(struct ctx *c) {
    size_t bytes;
    char *text = info_text(c->core, c->argv + 1, c->argc - 1, &bytes);
    server_reply_text(c, text, bytes);
}

/* -- databases ----------------------------------------------------------------------- */

static void server_dbsize(struct ctx *c) { reply_int(c->r, (int64_t)db_size(c->db)); }

/* The optional SYNC or ASYNC, which make no difference here. */
static bool flush_mode_ok(struct ctx *c) {
    bool ok = c->argc == 1 ||
              (c->argc == 2 && (slice_is(c->argv[1], "sync") || slice_is(c->argv[1], "async")));
    if (!ok) reply_err(c->r, ERR_SYNTAX);
    return ok;
}

static void flush(struct ctx *c, struct db *db, const char *event) {
    watch_touch_db(c->core, db, NULL);
    uint64_t size = db_size(db);
    if (!db_flush(db)) return;
    feed_key_aside(&c->core->feed, db->id, FEED_UNTOLD, event, (struct key){0});
    ctx_counts(c, size);
    blocked_touch_db(c->core->blocked, db->id);
}

static void server_flushdb(struct ctx *c) {
    if (!flush_mode_ok(c)) return;
    effect_always(c);
    tracking_flushed(c->core);
    flush(c, c->db, "flushdb");
    reply_ok(c->r);
}

static void server_flushall(struct ctx *c) {
    if (!flush_mode_ok(c)) return;
    effect_always(c);
    tracking_flushed(c->core);
    for (int i = 0; i < c->core->ks->db_count; i++) flush(c, &c->core->ks->dbs[i], "flushall");
    if (persist_flushed(c->core)) {
        if (exec_may_wait(c) && !server_reply_when_saved(c, true)) return;
        persist_schedule(c->core);
    }
    reply_ok(c->r);
}

/* The number in argument i; whether there is such a database is another question. */
static bool db_index(struct ctx *c, int i, const char *error, int64_t *id) {
    if (num_parse_i64(c->argv[i], id) && *id == (int32_t)*id) return true;
    reply_error(c->r, error);
    return false;
}

static void server_swapdb(struct ctx *c) {
    struct keyspace *ks = c->core->ks;
    int64_t a, b;
    if (!db_index(c, 1, "ERR invalid first DB index", &a) ||
        !db_index(c, 2, "ERR invalid second DB index", &b))
        return;
    if (a < 0 || b < 0 || a >= ks->db_count || b >= ks->db_count) {
        reply_err(c->r, ERR_BAD_DB);
        return;
    }
    if (a != b) {
        watch_touch_db(c->core, &ks->dbs[a], &ks->dbs[b]);
        watch_touch_db(c->core, &ks->dbs[b], &ks->dbs[a]);
        db_swap(&ks->dbs[a], &ks->dbs[b]);
        tracking_flushed(c->core);
        blocked_touch_db(c->core->blocked, (int)a);
        blocked_touch_db(c->core->blocked, (int)b);
    }
    feed_key_aside(&c->core->feed, (int)a, FEED_UNTOLD, "swapdb", (struct key){0});
    reply_ok(c->r);
}

/* -- facts --------------------------------------------------------------------------- */

/* Within scripts and transactions it is the time that all their commands see. */
static void server_time(struct ctx *c) {
    int64_t us = exec_may_wait(c) ? clock_unix_us() : c->core->now_us;
    reply_array(c->r, 2);
    reply_bulk_int(c->r, us / 1000000);
    reply_bulk_int(c->r, us % 1000000);
}

static void server_role(struct ctx *c) {
    reply_array(c->r, 3);
    reply_bulk_cstr(c->r, "master");
    reply_int(c->r, 0);
    reply_array(c->r, 0);
}

/* -- shutdown ------------------------------------------------------------------------ */

#define SHUTDOWN_ABORT 16 /* beside those of enum config_shutdown */

static bool shutdown_options(struct ctx *c, int *options) {
    static const struct {
        const char *name;
        int option;
    } known[] = {
        {"save", CONFIG_SHUTDOWN_SAVE}, {"nosave", CONFIG_SHUTDOWN_NOSAVE},
        {"now", CONFIG_SHUTDOWN_NOW},   {"force", CONFIG_SHUTDOWN_FORCE},
        {"abort", SHUTDOWN_ABORT},
    };
    const size_t count = sizeof known / sizeof *known;
    *options = 0;
    for (int i = 1; i < c->argc; i++) {
        size_t k = 0;
        while (k < count && !slice_is(c->argv[i], known[k].name)) k++;
        if (k == count) return false;
        *options |= known[k].option;
    }
    int both = CONFIG_SHUTDOWN_SAVE | CONFIG_SHUTDOWN_NOSAVE;
    return (*options & both) != both &&
           (!(*options & SHUTDOWN_ABORT) || *options == SHUTDOWN_ABORT);
}

static void abort_shutdown(struct ctx *c) {
    if (c->core->shutdown_asked || c->core->shutdown_waits) {
        c->core->shutdown_asked = c->core->shutdown_now = c->core->shutdown_waits = false;
        reply_ok(c->r);
    } else {
        reply_error(c->r, "ERR No shutdown in progress.");
    }
}

/* The only answer to a shutdown is the end of the connection. */
static void server_shutdown(struct ctx *c) {
    int options;
    if (!shutdown_options(c, &options)) {
        reply_err(c->r, ERR_SYNTAX);
    } else if (options & SHUTDOWN_ABORT) {
        abort_shutdown(c);
    } else if (c->core->ongoing.on && c->core->ongoing.busy &&
               !(options & CONFIG_SHUTDOWN_NOSAVE)) {
        reply_error(c->r, c->core->ongoing.busy);
    } else if (core_shutdown(c->core, options)) {
        log_warning("User requested shutdown...");
        c->s->state |= SESSION_CLOSE_AFTER;
    } else {
        reply_error(c->r, "ERR Errors trying to SHUTDOWN. Check logs.");
    }
}

/* -- modules ------------------------------------------------------------------------- */

static void module_list(struct ctx *c) { reply_array(c->r, 0); }

static bool module_permitted(struct ctx *c) {
    if (c->core->config->enable_module_command != CONFIG_PERMIT_NO) return true;
    reply_error(c->r, "ERR MODULE command not allowed. If the enable-module-command option is set "
                      "to \"local\", you can run it from a local connection, otherwise you need "
                      "to set this option in the configuration file, and then restart the "
                      "server.");
    return false;
}

static void module_load(struct ctx *c) {
    if (!module_permitted(c)) return;
    log_warning("MODULE LOAD refused: this server loads no modules.");
    reply_error(c->r, "ERR Error loading the extension. Please check the server logs.");
}

static void module_unload(struct ctx *c) {
    if (!module_permitted(c)) return;
    reply_error(c->r, "ERR Error unloading module: no such module with that name");
}

static void module_help(struct ctx *c) {
    static const char *const lines[] = {
        "LIST",
        "    Return the modules that are loaded: none.",
        "LOAD <path> [<arg> ...]",
        "    Refused: this server loads no modules.",
        "LOADEX <path> [[CONFIG NAME VALUE] [CONFIG NAME VALUE]] [ARGS ...]",
        "    Refused as well.",
        "UNLOAD <name>",
        "    Unload a module.",
        NULL,
    };
    ctx_help(c, lines);
}

/* -- rows: arguments, tips, history -------------------------------------------------- */

static const struct row_arg args_info[] = {
    {.name = "section", .type = ARG_STRING, .flags = ARG_OPTIONAL | ARG_MULTIPLE},
    {0},
};
static const struct row_arg sub_flush[] = {
    {.name = "async", .type = ARG_PURE_TOKEN, .token = "ASYNC", .since = "4.0.0"},
    {.name = "sync", .type = ARG_PURE_TOKEN, .token = "SYNC", .since = "6.2.0"},
    {0},
};
static const struct row_arg args_flush[] = {
    {.name = "flush-type", .type = ARG_ONEOF, .flags = ARG_OPTIONAL, .sub = sub_flush},
    {0},
};
static const struct row_arg args_swapdb[] = {
    {.name = "index1", .type = ARG_INTEGER},
    {.name = "index2", .type = ARG_INTEGER},
    {0},
};
static const struct row_arg args_lolwut[] = {
    {.name = "version", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "VERSION"},
    {0},
};
static const struct row_arg sub_save[] = {
    {.name = "nosave", .type = ARG_PURE_TOKEN, .token = "NOSAVE"},
    {.name = "save", .type = ARG_PURE_TOKEN, .token = "SAVE"},
    {0},
};
static const struct row_arg args_shutdown[] = {
    {.name = "save-selector", .type = ARG_ONEOF, .flags = ARG_OPTIONAL, .sub = sub_save},
    {.name = "now",
     .type = ARG_PURE_TOKEN,
     .flags = ARG_OPTIONAL,
     .token = "NOW",
     .since = "7.0.0"},
    {.name = "force",
     .type = ARG_PURE_TOKEN,
     .flags = ARG_OPTIONAL,
     .token = "FORCE",
     .since = "7.0.0"},
    {.name = "abort",
     .type = ARG_PURE_TOKEN,
     .flags = ARG_OPTIONAL,
     .token = "ABORT",
     .since = "7.0.0"},
    {0},
};
static const struct row_arg args_module_load[] = {
    {.name = "path", .type = ARG_STRING},
    {.name = "arg", .type = ARG_STRING, .flags = ARG_OPTIONAL | ARG_MULTIPLE},
    {0},
};
static const struct row_arg sub_module_config[] = {
    {.name = "name", .type = ARG_STRING},
    {.name = "value", .type = ARG_STRING},
    {0},
};
static const struct row_arg sub_module_arg[] = {
    {.name = "arg", .type = ARG_STRING},
    {0},
};
static const struct row_arg args_module_loadex[] = {
    {.name = "path", .type = ARG_STRING},
    {.name = "configs",
     .type = ARG_BLOCK,
     .flags = ARG_OPTIONAL | ARG_MULTIPLE | ARG_MULTIPLE_TOKEN,
     .token = "CONFIG",
     .sub = sub_module_config},
    {.name = "args",
     .type = ARG_BLOCK,
     .flags = ARG_OPTIONAL | ARG_MULTIPLE,
     .token = "ARGS",
     .sub = sub_module_arg},
    {0},
};
static const struct row_arg args_module_unload[] = {
    {.name = "name", .type = ARG_STRING},
    {0},
};

static const char *const tips_info[] = {
    "nondeterministic_output",
    "request_policy:all_shards",
    "response_policy:special",
    NULL,
};
static const char *const tips_dbsize[] = {
    "request_policy:all_shards",
    "response_policy:agg_sum",
    NULL,
};
static const char *const tips_flush[] = {
    "request_policy:all_shards",
    "response_policy:all_succeeded",
    NULL,
};
static const char *const tips_varying[] = {"nondeterministic_output", NULL};
static const char *const tips_module_list[] = {"nondeterministic_output_order", NULL};

static const struct row_change history_info[] = {
    {"7.0.0", "Takes several sections."},
    {0},
};
static const struct row_change history_flush[] = {
    {"4.0.0", "The `ASYNC` mode."},
    {"6.2.0", "The `SYNC` mode."},
    {0},
};
static const struct row_change history_shutdown[] = {
    {"7.0.0", "The `NOW`, `FORCE` and `ABORT` options."},
    {0},
};

/* -- rows ---------------------------------------------------------------------------- */

#define FLAGS_MODULE (ROW_ADMIN | ROW_NOSCRIPT)

static const struct row module_subs[] = {
    {
        .name = "help",
        .run = module_help,
        .arity = 2,
        .flags = ROW_LOADING | ROW_STALE,
        .since = "5.0.0",
        .summary = "Explains the subcommands.",
        .complexity = "O(1)",
        .group = GROUP_SERVER,
    },
    {
        .name = "list",
        .run = module_list,
        .arity = 2,
        .flags = FLAGS_MODULE,
        .since = "4.0.0",
        .summary = "Lists the modules, of which there are none.",
        .complexity = "O(1)",
        .group = GROUP_SERVER,
        .tips = tips_module_list,
    },
    {
        .name = "load",
        .run = module_load,
        .arity = -3,
        .flags = FLAGS_MODULE | ROW_NO_ASYNC_LOADING,
        .since = "4.0.0",
        .summary = "Is refused: there are no modules.",
        .complexity = "O(1)",
        .group = GROUP_SERVER,
        .args = args_module_load,
    },
    {
        .name = "loadex",
        .run = module_load,
        .arity = -3,
        .flags = FLAGS_MODULE | ROW_NO_ASYNC_LOADING,
        .since = "7.0.0",
        .summary = "Is refused: there are no modules.",
        .complexity = "O(1)",
        .group = GROUP_SERVER,
        .args = args_module_loadex,
    },
    {
        .name = "unload",
        .run = module_unload,
        .arity = 3,
        .flags = FLAGS_MODULE | ROW_NO_ASYNC_LOADING,
        .since = "4.0.0",
        .summary = "Unloads a module.",
        .complexity = "O(1)",
        .group = GROUP_SERVER,
        .args = args_module_unload,
    },
    {0},
};

const struct row server_rows[] = {
    {
        .name = "commandlog",
        .arity = -2,
        .subs = commandlog_subs,
        .since = "8.1.0",
        .summary = "Logs of commands that were slow, came large or answered large.",
        .complexity = "Depends on subcommand.",
        .group = GROUP_SERVER,
    },
    {
        .name = "dbsize",
        .run = server_dbsize,
        .arity = 1,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_KEYSPACE,
        .since = "1.0.0",
        .summary = "Counts the keys of the database.",
        .complexity = "O(1)",
        .group = GROUP_SERVER,
        .tips = tips_dbsize,
    },
    {
        .name = "debug",
        .run = server_debug,
        .hides = server_debug_hides,
        .arity = -2,
        .flags = ROW_ADMIN | ROW_NOSCRIPT | ROW_LOADING | ROW_STALE | ROW_PROTECTED |
                 ROW_RUNS_OTHERS | ROW_NOT_BESIDE,
        .since = "1.0.0",
        .summary = "Looks inside the server and forces rare states, for tests.",
        .complexity = "Depends on subcommand.",
        .group = GROUP_SERVER,
        .for_servers = true,
    },
    {
        .name = "flushall",
        .run = server_flushall,
        .arity = -1,
        .flags = ROW_WRITE,
        .acl = ACL_KEYSPACE | ACL_DANGEROUS,
        .since = "1.0.0",
        .summary = "Removes the keys of all databases.",
        .complexity = "O(1) for the clients; the memory is freed beside them",
        .group = GROUP_SERVER,
        .args = args_flush,
        .history = history_flush,
        .tips = tips_flush,
    },
    {
        .name = "flushdb",
        .run = server_flushdb,
        .arity = -1,
        .flags = ROW_WRITE,
        .acl = ACL_KEYSPACE | ACL_DANGEROUS,
        .since = "1.0.0",
        .summary = "Removes the keys of the database.",
        .complexity = "O(1) for the clients; the memory is freed beside them",
        .group = GROUP_SERVER,
        .args = args_flush,
        .history = history_flush,
        .tips = tips_flush,
    },
    {
        .name = "info",
        .run = server_info,
        .arity = -1,
        .flags = ROW_LOADING | ROW_STALE,
        .acl = ACL_DANGEROUS,
        .since = "1.0.0",
        .summary = "Returns figures and facts about the server.",
        .complexity = "O(N) in the connections",
        .group = GROUP_SERVER,
        .args = args_info,
        .history = history_info,
        .tips = tips_info,
    },
    {
        .name = "latency",
        .arity = -2,
        .subs = latency_subs,
        .since = "2.8.13",
        .summary = "Shows where latency comes from.",
        .complexity = "Depends on subcommand.",
        .group = GROUP_SERVER,
    },
    {
        .name = "lolwut",
        .run = server_lolwut,
        .arity = -1,
        .flags = ROW_READONLY | ROW_FAST,
        .since = "5.0.0",
        .summary = "Draws something, and tells the version.",
        .complexity = "O(N) in the size of the drawing",
        .group = GROUP_SERVER,
        .args = args_lolwut,
    },
    {
        .name = "memory",
        .arity = -2,
        .subs = memory_subs,
        .since = "4.0.0",
        .summary = "Shows where memory goes.",
        .complexity = "Depends on subcommand.",
        .group = GROUP_SERVER,
    },
    {
        .name = "module",
        .arity = -2,
        .subs = module_subs,
        .since = "4.0.0",
        .summary = "Modules, which this server does not load.",
        .complexity = "Depends on subcommand.",
        .group = GROUP_SERVER,
    },
    {
        .name = "monitor",
        .run = server_monitor,
        .arity = 1,
        .flags = ROW_ADMIN | ROW_NOSCRIPT | ROW_LOADING | ROW_STALE,
        .since = "1.0.0",
        .summary = "Shows the commands of all clients as they come.",
        .complexity = "O(1)",
        .group = GROUP_SERVER,
    },
    {
        .name = "role",
        .run = server_role,
        .arity = 1,
        .flags = ROW_NOSCRIPT | ROW_LOADING | ROW_STALE | ROW_FAST,
        .acl = ACL_ADMIN | ACL_DANGEROUS,
        .since = "2.8.12",
        .summary = "Tells the part that the server plays in replication.",
        .complexity = "O(1)",
        .group = GROUP_SERVER,
    },
    {
        .name = "shutdown",
        .run = server_shutdown,
        .arity = -1,
        .flags = ROW_ADMIN | ROW_NOSCRIPT | ROW_LOADING | ROW_STALE | ROW_NO_MULTI | ROW_ALLOW_BUSY,
        .since = "1.0.0",
        .summary = "Ends the server.",
        .complexity = "O(N) in the connections",
        .group = GROUP_SERVER,
        .args = args_shutdown,
        .history = history_shutdown,
    },
    {
        .name = "slowlog",
        .arity = -2,
        .subs = slowlog_subs,
        .since = "2.2.12",
        .summary = "The log of commands that took long.",
        .complexity = "Depends on subcommand.",
        .group = GROUP_SERVER,
    },
    {
        .name = "swapdb",
        .run = server_swapdb,
        .arity = 3,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_KEYSPACE | ACL_DANGEROUS,
        .since = "4.0.0",
        .summary = "Lets two databases change places.",
        .complexity = "O(1)",
        .group = GROUP_SERVER,
        .args = args_swapdb,
    },
    {
        .name = "time",
        .run = server_time,
        .arity = 1,
        .flags = ROW_LOADING | ROW_STALE | ROW_FAST,
        .since = "2.6.0",
        .summary = "Returns the time of the server's clock.",
        .complexity = "O(1)",
        .group = GROUP_SERVER,
        .tips = tips_varying,
    },
    {0},
};
