/* cmd_function.c - FCALL, FUNCTION: arguments; what runs them is in script/.
 *
 * Specification: Redis 7.2's replies and errors.
 */
#include "commands/cmd_script_internal.h"
#include "commands/families.h"
#include "core/monitor.h"

static void call_function(struct ctx *c, bool read_only) {
    struct script_call call;
    if (unlikely(!list_empty(&c->core->monitors))) monitor_feed(c->core, c->s, c->req);
    if (!scripts_has_function(c, c->argv[1])) return;
    if (!script_parse_call(c, "ERR Bad number of keys provided", read_only, &call)) return;
    scripts_fcall(c, c->argv[1], &call);
}

static void fcall(struct ctx *c) { call_function(c, false); }
static void fcall_ro(struct ctx *c) { call_function(c, true); }

/* ---- FUNCTION ----------------------------------------------------------------------- */

static void function_delete(struct ctx *c) {
    if (functions_delete(c->core->scripts, c->argv[2])) {
        ctx_changed_aside(c, (struct key){0}, FEED_UNTOLD, "function-delete");
        reply_ok(c->r);
    } else {
        reply_error(c->r, "ERR Library not found");
    }
}

static void function_dump(struct ctx *c) { functions_dump(c); }

/* The error for arguments that are too many. */
static void refuse_arguments(struct ctx *c) {
    reply_errorf(c->r,
                 "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try FUNCTION "
                 "HELP.",
                 (int)c->argv[1].n, c->argv[1].p);
}

static void function_flush(struct ctx *c) {
    if (c->argc > 3) {
        refuse_arguments(c);
    } else if (c->argc == 3 && !slice_is(c->argv[2], "sync") && !slice_is(c->argv[2], "async")) {
        reply_error(c->r, "ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
    } else {
        functions_flush(c->core->scripts);
        ctx_changed_aside(c, (struct key){0}, FEED_UNTOLD, "function-flush");
        reply_ok(c->r);
    }
}

static void function_help(struct ctx *c) {
    static const char *const lines[] = {
        "DELETE <library>",
        "    Removes a library.",
        "DUMP",
        "    Returns all libraries in a form for FUNCTION RESTORE.",
        "FLUSH [ASYNC|SYNC]",
        "    Removes all libraries. The memory is freed beside the clients either way.",
        "KILL",
        "    Ends the running function, if it has written nothing.",
        "LIST [LIBRARYNAME <pattern>] [WITHCODE]",
        "    Lists the libraries and their functions.",
        "LOAD [REPLACE] <code>",
        "    Makes a library of what the code registers.",
        "RESTORE <payload> [FLUSH|APPEND|REPLACE]",
        "    Loads what FUNCTION DUMP gave. FLUSH removes all libraries first, REPLACE those of",
        "    the same names; with APPEND (as without) a name that is there is an error.",
        "STATS",
        "    Tells which function runs, and how many there are.",
        NULL,
    };
    ctx_help(c, lines);
}

static void function_kill(struct ctx *c) { scripts_kill(c, true); }

static void function_list(struct ctx *c) {
    struct slice pattern = {0};
    bool with_code = false;
    for (int i = 2; i < c->argc; i++) {
        if (!with_code && slice_is(c->argv[i], "withcode")) {
            with_code = true;
        } else if (!pattern.p && slice_is(c->argv[i], "libraryname")) {
            if (++i == c->argc) {
                reply_error(c->r, "ERR library name argument was not given");
                return;
            }
            pattern = c->argv[i];
        } else {
            reply_errorf(c->r, "ERR Unknown argument %.*s", (int)c->argv[i].n, c->argv[i].p);
            return;
        }
    }
    functions_list(c, pattern, with_code);
}

static void function_load(struct ctx *c) {
    bool replace = false;
    for (int i = 2; i < c->argc - 1; i++) {
        if (!slice_is(c->argv[i], "replace")) {
            reply_errorf(c->r, "ERR Unknown option given: %.*s", (int)c->argv[i].n, c->argv[i].p);
            return;
        }
        replace = true;
    }
    functions_load(c, c->argv[c->argc - 1], replace);
}

static void function_restore(struct ctx *c) {
    enum functions_policy policy = FUNCTIONS_APPEND;
    if (c->argc > 4) {
        refuse_arguments(c);
        return;
    }
    if (c->argc == 4) {
        if (slice_is(c->argv[3], "flush")) {
            policy = FUNCTIONS_FLUSH;
        } else if (slice_is(c->argv[3], "replace")) {
            policy = FUNCTIONS_REPLACE;
        } else if (!slice_is(c->argv[3], "append")) {
            reply_error(c->r, "ERR Wrong restore policy given, value should be either FLUSH, "
                              "APPEND or REPLACE.");
            return;
        }
    }
    functions_restore(c, c->argv[2], policy);
}

static void function_stats(struct ctx *c) { functions_stats(c); }

/* ---- rows --------------------------------------------------------------------------- */

static const struct row_arg fcall_args[] = {
    {.name = "function", .type = ARG_STRING},
    {.name = "numkeys", .type = ARG_INTEGER},
    {.name = "key", .type = ARG_KEY, .flags = ARG_OPTIONAL | ARG_MULTIPLE},
    {.name = "arg", .type = ARG_STRING, .flags = ARG_OPTIONAL | ARG_MULTIPLE},
    {0},
};
static const struct row_arg delete_args[] = {{.name = "library-name", .type = ARG_STRING}, {0}};
static const struct row_arg flush_types[] = {
    {.name = "async", .type = ARG_PURE_TOKEN, .token = "ASYNC"},
    {.name = "sync", .type = ARG_PURE_TOKEN, .token = "SYNC"},
    {0},
};
static const struct row_arg flush_args[] = {
    {.name = "flush-type", .type = ARG_ONEOF, .flags = ARG_OPTIONAL, .sub = flush_types},
    {0},
};
static const struct row_arg list_args[] = {
    {.name = "library-name-pattern",
     .type = ARG_STRING,
     .flags = ARG_OPTIONAL,
     .token = "LIBRARYNAME"},
    {.name = "withcode", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "WITHCODE"},
    {0},
};
static const struct row_arg load_args[] = {
    {.name = "replace", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "REPLACE"},
    {.name = "function-code", .type = ARG_STRING},
    {0},
};
static const struct row_arg policies[] = {
    {.name = "flush", .type = ARG_PURE_TOKEN, .token = "FLUSH"},
    {.name = "append", .type = ARG_PURE_TOKEN, .token = "APPEND"},
    {.name = "replace", .type = ARG_PURE_TOKEN, .token = "REPLACE"},
    {0},
};
static const struct row_arg restore_args[] = {
    {.name = "serialized-value", .type = ARG_STRING},
    {.name = "policy", .type = ARG_ONEOF, .flags = ARG_OPTIONAL, .sub = policies},
    {0},
};
static const char *const change_tips[] = {"request_policy:all_shards",
                                          "response_policy:all_succeeded", NULL};
static const char *const kill_tips[] = {"request_policy:all_shards",
                                        "response_policy:one_succeeded", NULL};
static const char *const list_tips[] = {"nondeterministic_output_order", NULL};
static const char *const stats_tips[] = {"nondeterministic_output", "request_policy:all_shards",
                                         "response_policy:special", NULL};

static const struct row function_subs[] = {
    {
        .name = "delete",
        .run = function_delete,
        .arity = 3,
        .flags = ROW_WRITE | ROW_NOSCRIPT | ROW_NOT_BESIDE,
        .acl = ACL_SCRIPTING,
        .since = "7.0.0",
        .summary = "Removes a library and its functions.",
        .complexity = "O(N) in the number of its functions",
        .group = GROUP_SCRIPTING,
        .args = delete_args,
        .tips = change_tips,
    },
    {
        .name = "dump",
        .run = function_dump,
        .arity = 2,
        .flags = ROW_NOSCRIPT | ROW_NOT_BESIDE,
        .acl = ACL_SCRIPTING,
        .since = "7.0.0",
        .summary = "Returns all libraries as bytes that can be restored.",
        .complexity = "O(N) in the length of the code of all libraries",
        .group = GROUP_SCRIPTING,
    },
    {
        .name = "flush",
        .run = function_flush,
        .arity = -2,
        .flags = ROW_WRITE | ROW_NOSCRIPT | ROW_NOT_BESIDE,
        .acl = ACL_SCRIPTING,
        .since = "7.0.0",
        .summary = "Removes all libraries and functions.",
        .complexity =
            "O(N) in the number of functions; the interpreter is freed beside the clients",
        .group = GROUP_SCRIPTING,
        .args = flush_args,
        .tips = change_tips,
    },
    {
        .name = "help",
        .run = function_help,
        .arity = 2,
        .flags = ROW_LOADING | ROW_STALE,
        .acl = ACL_SCRIPTING,
        .since = "7.0.0",
        .summary = "Explains the subcommands.",
        .complexity = "O(1)",
        .group = GROUP_SCRIPTING,
    },
    {
        .name = "kill",
        .run = function_kill,
        .arity = 2,
        .flags = ROW_NOSCRIPT | ROW_ALLOW_BUSY,
        .acl = ACL_SCRIPTING,
        .since = "7.0.0",
        .summary = "Ends the function that runs.",
        .complexity = "O(1)",
        .group = GROUP_SCRIPTING,
        .tips = kill_tips,
    },
    {
        .name = "list",
        .run = function_list,
        .arity = -2,
        .flags = ROW_NOSCRIPT | ROW_NOT_BESIDE,
        .acl = ACL_SCRIPTING,
        .since = "7.0.0",
        .summary = "Lists the libraries and their functions.",
        .complexity = "O(N) in the number of functions",
        .group = GROUP_SCRIPTING,
        .args = list_args,
        .tips = list_tips,
    },
    {
        .name = "load",
        .run = function_load,
        .arity = -3,
        .flags = ROW_WRITE | ROW_DENYOOM | ROW_NOSCRIPT | ROW_NOT_BESIDE,
        .acl = ACL_SCRIPTING,
        .since = "7.0.0",
        .summary = "Makes a library.",
        .complexity = "O(1), and what its code does",
        .group = GROUP_SCRIPTING,
        .args = load_args,
        .tips = change_tips,
    },
    {
        .name = "restore",
        .run = function_restore,
        .arity = -3,
        .flags = ROW_WRITE | ROW_DENYOOM | ROW_NOSCRIPT | ROW_NOT_BESIDE,
        .acl = ACL_SCRIPTING,
        .since = "7.0.0",
        .summary = "Makes the libraries that were dumped.",
        .complexity = "O(N) in the number of functions",
        .group = GROUP_SCRIPTING,
        .args = restore_args,
        .tips = change_tips,
    },
    {
        .name = "stats",
        .run = function_stats,
        .arity = 2,
        .flags = ROW_NOSCRIPT | ROW_ALLOW_BUSY,
        .acl = ACL_SCRIPTING,
        .since = "7.0.0",
        .summary = "Tells which function runs, and how many there are.",
        .complexity = "O(1)",
        .group = GROUP_SCRIPTING,
        .tips = stats_tips,
    },
    {0},
};

static bool only_reads(struct core *core, const struct slice *argv, int argc) {
    return argc > 1 && scripts_function_only_reads(core->scripts, argv[1]);
}

const struct row function_rows[] = {
    {
        .name = "fcall",
        .run = fcall,
        .arity = -3,
        .flags = SCRIPT_FLAGS | ROW_MAY_REPLICATE | ROW_RUNS_OTHERS,
        .acl = ACL_SCRIPTING,
        .keys = {SCRIPT_KEYS(SCRIPT_KEYS_NOTE("a change"), KEY_RW | KEY_ACCESS | KEY_UPDATE)},
        .only_reads = only_reads,
        .since = "7.0.0",
        .summary = "Runs a function.",
        .complexity = "Depends on the function.",
        .group = GROUP_SCRIPTING,
        .args = fcall_args,
    },
    {
        .name = "fcall_ro",
        .run = fcall_ro,
        .arity = -3,
        .flags = SCRIPT_FLAGS | ROW_READONLY | ROW_RUNS_OTHERS,
        .acl = ACL_SCRIPTING,
        .keys = {SCRIPT_KEYS(SCRIPT_KEYS_NOTE("a read"), KEY_RO | KEY_ACCESS)},
        .since = "7.0.0",
        .summary = "Runs a function that only reads.",
        .complexity = "Depends on the function.",
        .group = GROUP_SCRIPTING,
        .args = fcall_args,
    },
    {
        .name = "function",
        .arity = -2,
        .subs = function_subs,
        .since = "7.0.0",
        .summary = "Manages libraries of functions.",
        .complexity = "Depends on subcommand.",
        .group = GROUP_SCRIPTING,
    },
    {0},
};
