/* cmd_script.c - EVAL and its kin, SCRIPT: arguments; what runs them is in script/.
 *
 * Specification: Redis 7.2's replies and errors; SCRIPT SHOW of Valkey 8. There is no debugger.
 */
#include "base/err.h"
#include "base/num.h"
#include "commands/cmd_script_internal.h"
#include "commands/families.h"
#include "core/monitor.h"

bool script_parse_call(struct ctx *c, const char *not_int, bool read_only,
                       struct script_call *call) {
    int64_t keys;
    if (!num_parse_i64(c->argv[2], &keys)) {
        reply_error(c->r, not_int);
    } else if (keys > c->argc - 3) {
        reply_error(c->r, "ERR Number of keys can't be greater than number of args");
    } else if (keys < 0) {
        reply_error(c->r, "ERR Number of keys can't be negative");
    } else {
        *call = (struct script_call){c->argv + 3, (int)keys, c->argc - 3 - (int)keys, read_only};
        return true;
    }
    return false;
}

/* ---- EVAL --------------------------------------------------------------------------- */

static void run_text(struct ctx *c, bool read_only) {
    struct script_call call;
    /* Before the commands of the script. */
    if (unlikely(!list_empty(&c->core->monitors))) monitor_feed(c->core, c->s, c->req);
    if (!script_parse_call(c, err_text(ERR_NOT_INT), read_only, &call)) return;
    scripts_eval(c, c->argv[1], &call);
}

static void run_sha(struct ctx *c, bool read_only) {
    struct script_call call;
    if (unlikely(!list_empty(&c->core->monitors))) monitor_feed(c->core, c->s, c->req);
    if (c->argv[1].n == SCRIPT_SHA_BYTES &&
        !script_parse_call(c, err_text(ERR_NOT_INT), read_only, &call)) {
        return;
    }
    scripts_evalsha(c, c->argv[1], &call);
}

static void eval(struct ctx *c) { run_text(c, false); }
static void eval_ro(struct ctx *c) { run_text(c, true); }
static void evalsha(struct ctx *c) { run_sha(c, false); }
static void evalsha_ro(struct ctx *c) { run_sha(c, true); }

/* ---- SCRIPT ------------------------------------------------------------------------- */

static void script_debug(struct ctx *c) {
    if (reply_pending(c->r) || !exec_may_wait(c)) {
        reply_error(c->r, "ERR SCRIPT DEBUG must be called outside a pipeline");
    } else if (slice_is(c->argv[2], "no")) {
        reply_ok(c->r);
    } else if (slice_is(c->argv[2], "yes") || slice_is(c->argv[2], "sync")) {
        reply_error(c->r, "ERR SCRIPT DEBUG is refused: this server has no debugger of scripts");
    } else {
        reply_error(c->r, "ERR Use SCRIPT DEBUG YES/SYNC/NO");
    }
}

static void script_exists(struct ctx *c) {
    reply_array(c->r, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) reply_int(c->r, scripts_exists(c->core->scripts, c->argv[i]));
}

static void script_flush(struct ctx *c) {
    if (c->argc > 3 ||
        (c->argc == 3 && !slice_is(c->argv[2], "sync") && !slice_is(c->argv[2], "async"))) {
        reply_error(c->r, "ERR SCRIPT FLUSH only support SYNC|ASYNC option");
        return;
    }
    scripts_flush(c->core->scripts);
    reply_ok(c->r);
}

static void script_help(struct ctx *c) {
    static const char *const lines[] = {
        "DEBUG (YES|SYNC|NO)",
        "    Is refused: there is no debugger.",
        "EXISTS <sha1> [<sha1> ...]",
        "    Tells which scripts are cached.",
        "FLUSH [ASYNC|SYNC]",
        "    Empties the cache. The memory is freed beside the clients either way.",
        "KILL",
        "    Ends the running script, if it has written nothing.",
        "LOAD <script>",
        "    Caches a script without running it, and returns its SHA1.",
        "SHOW <sha1>",
        "    Returns the text of a cached script.",
        NULL,
    };
    ctx_help(c, lines);
}

static void script_kill(struct ctx *c) { scripts_kill(c, false); }

static void script_load(struct ctx *c) { scripts_load(c, c->argv[2]); }

static void script_show(struct ctx *c) {
    struct slice text = scripts_text(c->core->scripts, c->argv[2]);
    if (text.p) {
        reply_bulk(c->r, text);
    } else {
        reply_error(c->r, "NOSCRIPT No matching script.");
    }
}

/* ---- rows --------------------------------------------------------------------------- */

#define CALL_ARGS                                                                                  \
    {.name = "numkeys", .type = ARG_INTEGER},                                                      \
        {.name = "key", .type = ARG_KEY, .flags = ARG_OPTIONAL | ARG_MULTIPLE},                    \
        {.name = "arg", .type = ARG_STRING, .flags = ARG_OPTIONAL | ARG_MULTIPLE}, {               \
        0                                                                                          \
    }

static const struct row_arg text_args[] = {{.name = "script", .type = ARG_STRING}, CALL_ARGS};
static const struct row_arg sha_args[] = {{.name = "sha1", .type = ARG_STRING}, CALL_ARGS};
static const struct row_arg debug_modes[] = {
    {.name = "yes", .type = ARG_PURE_TOKEN, .token = "YES"},
    {.name = "sync", .type = ARG_PURE_TOKEN, .token = "SYNC"},
    {.name = "no", .type = ARG_PURE_TOKEN, .token = "NO"},
    {0},
};
static const struct row_arg debug_args[] = {
    {.name = "mode", .type = ARG_ONEOF, .sub = debug_modes},
    {0},
};
static const struct row_arg exists_args[] = {
    {.name = "sha1", .type = ARG_STRING, .flags = ARG_MULTIPLE},
    {0},
};
static const struct row_arg flush_types[] = {
    {.name = "async", .type = ARG_PURE_TOKEN, .token = "ASYNC", .since = "6.2.0"},
    {.name = "sync", .type = ARG_PURE_TOKEN, .token = "SYNC", .since = "6.2.0"},
    {0},
};
static const struct row_arg flush_args[] = {
    {.name = "flush-type",
     .type = ARG_ONEOF,
     .flags = ARG_OPTIONAL,
     .since = "6.2.0",
     .sub = flush_types},
    {0},
};
static const struct row_change flush_history[] = {
    {"6.2.0", "Added the `ASYNC` and `SYNC` flushing mode modifiers."},
    {0},
};
static const struct row_arg load_args[] = {{.name = "script", .type = ARG_STRING}, {0}};
static const struct row_arg show_args[] = {{.name = "sha1", .type = ARG_STRING}, {0}};
static const char *const exists_tips[] = {"request_policy:all_shards",
                                          "response_policy:agg_logical_and", NULL};
static const char *const flush_tips[] = {"request_policy:all_nodes",
                                         "response_policy:all_succeeded", NULL};
static const char *const kill_tips[] = {"request_policy:all_shards",
                                        "response_policy:one_succeeded", NULL};

static const struct row script_subs[] = {
    {
        .name = "debug",
        .run = script_debug,
        .arity = 3,
        .flags = ROW_NOSCRIPT | ROW_NOT_BESIDE,
        .acl = ACL_SCRIPTING,
        .since = "3.2.0",
        .summary = "Is refused: there is no debugger of scripts.",
        .complexity = "O(1)",
        .group = GROUP_SCRIPTING,
        .args = debug_args,
    },
    {
        .name = "exists",
        .run = script_exists,
        .arity = -3,
        .flags = ROW_NOSCRIPT | ROW_NOT_BESIDE,
        .acl = ACL_SCRIPTING,
        .since = "2.6.0",
        .summary = "Tells which scripts are cached.",
        .complexity = "O(N) in the number of scripts asked for",
        .group = GROUP_SCRIPTING,
        .args = exists_args,
        .tips = exists_tips,
    },
    {
        .name = "flush",
        .run = script_flush,
        .arity = -2,
        .flags = ROW_NOSCRIPT | ROW_NOT_BESIDE,
        .acl = ACL_SCRIPTING,
        .since = "2.6.0",
        .summary = "Removes all scripts from the cache.",
        .complexity = "O(N) in the number of scripts; the interpreter is freed beside the clients",
        .group = GROUP_SCRIPTING,
        .args = flush_args,
        .history = flush_history,
        .tips = flush_tips,
    },
    {
        .name = "help",
        .run = script_help,
        .arity = 2,
        .flags = ROW_LOADING | ROW_STALE,
        .acl = ACL_SCRIPTING,
        .since = "5.0.0",
        .summary = "Explains the subcommands.",
        .complexity = "O(1)",
        .group = GROUP_SCRIPTING,
    },
    {
        .name = "kill",
        .run = script_kill,
        .arity = 2,
        .flags = ROW_NOSCRIPT | ROW_ALLOW_BUSY,
        .acl = ACL_SCRIPTING,
        .since = "2.6.0",
        .summary = "Ends the script that runs.",
        .complexity = "O(1)",
        .group = GROUP_SCRIPTING,
        .tips = kill_tips,
    },
    {
        .name = "load",
        .run = script_load,
        .arity = 3,
        .flags = ROW_NOSCRIPT | ROW_STALE | ROW_NOT_BESIDE,
        .acl = ACL_SCRIPTING,
        .since = "2.6.0",
        .summary = "Caches a script.",
        .complexity = "O(N) in the length of the script",
        .group = GROUP_SCRIPTING,
        .args = load_args,
        .tips = flush_tips,
    },
    {
        .name = "show",
        .run = script_show,
        .arity = 3,
        .flags = ROW_NOSCRIPT | ROW_NOT_BESIDE,
        .acl = ACL_SCRIPTING,
        .since = "8.0.0",
        .summary = "Returns the text of a cached script.",
        .complexity = "O(1)",
        .group = GROUP_SCRIPTING,
        .args = show_args,
    },
    {0},
};

static bool text_only_reads(struct core *core, const struct slice *argv, int argc) {
    return argc > 1 && scripts_text_only_reads(core->scripts, argv[1]);
}

static bool sha_only_reads(struct core *core, const struct slice *argv, int argc) {
    return argc > 1 && scripts_sha_only_reads(core->scripts, argv[1]);
}

const struct row script_rows[] = {
    {
        .name = "eval",
        .run = eval,
        .arity = -3,
        .flags = SCRIPT_FLAGS | ROW_MAY_REPLICATE | ROW_RUNS_OTHERS,
        .acl = ACL_SCRIPTING,
        .keys = {SCRIPT_KEYS(SCRIPT_KEYS_NOTE("a change"), KEY_RW | KEY_ACCESS | KEY_UPDATE)},
        .only_reads = text_only_reads,
        .since = "2.6.0",
        .summary = "Runs a script.",
        .complexity = "Depends on the script.",
        .group = GROUP_SCRIPTING,
        .args = text_args,
    },
    {
        .name = "eval_ro",
        .run = eval_ro,
        .arity = -3,
        .flags = SCRIPT_FLAGS | ROW_READONLY | ROW_RUNS_OTHERS,
        .acl = ACL_SCRIPTING,
        .keys = {SCRIPT_KEYS(SCRIPT_KEYS_NOTE("a read"), KEY_RO | KEY_ACCESS)},
        .since = "7.0.0",
        .summary = "Runs a script that only reads.",
        .complexity = "Depends on the script.",
        .group = GROUP_SCRIPTING,
        .args = text_args,
    },
    {
        .name = "evalsha",
        .run = evalsha,
        .arity = -3,
        .flags = SCRIPT_FLAGS | ROW_MAY_REPLICATE | ROW_RUNS_OTHERS,
        .acl = ACL_SCRIPTING,
        .keys = {SCRIPT_KEYS(NULL, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
        .only_reads = sha_only_reads,
        .since = "2.6.0",
        .summary = "Runs a cached script by its SHA1.",
        .complexity = "Depends on the script.",
        .group = GROUP_SCRIPTING,
        .args = sha_args,
    },
    {
        .name = "evalsha_ro",
        .run = evalsha_ro,
        .arity = -3,
        .flags = SCRIPT_FLAGS | ROW_READONLY | ROW_RUNS_OTHERS,
        .acl = ACL_SCRIPTING,
        .keys = {SCRIPT_KEYS(NULL, KEY_RO | KEY_ACCESS)},
        .since = "7.0.0",
        .summary = "Runs a cached script that only reads by its SHA1.",
        .complexity = "Depends on the script.",
        .group = GROUP_SCRIPTING,
        .args = sha_args,
    },
    {
        .name = "script",
        .arity = -2,
        .subs = script_subs,
        .since = "2.6.0",
        .summary = "Manages the cache of scripts.",
        .complexity = "Depends on subcommand.",
        .group = GROUP_SCRIPTING,
    },
    {0},
};
