/* cmd_command.c - COMMAND: the rows, as clients and tools read them.
 *
 * Everything here is printed from the rows; nothing is known about any command.
 * Specification: the replies of Redis 7.2 to COMMAND, COMMAND DOCS, INFO, LIST, GETKEYS,
 * GETKEYSANDFLAGS, in RESP2 and RESP3.
 * Threads: the loop.
 */
#include "base/err.h"
#include "base/glob.h"
#include "base/mem.h"
#include "commands/families.h"
#include "core/exec.h"

/* -- words --------------------------------------------------------------------------- */

struct word {
    uint32_t bit;
    const char *name;
};

static const struct word row_words[] = {
    {ROW_WRITE, "write"},
    {ROW_READONLY, "readonly"},
    {ROW_DENYOOM, "denyoom"},
    {ROW_ADMIN, "admin"},
    {ROW_PUBSUB, "pubsub"},
    {ROW_NOSCRIPT, "noscript"},
    {ROW_BLOCKING, "blocking"},
    {ROW_LOADING, "loading"},
    {ROW_STALE, "stale"},
    {ROW_SKIP_MONITOR, "skip_monitor"},
    {ROW_SKIP_SLOWLOG, "skip_slowlog"},
    {ROW_ASKING, "asking"},
    {ROW_FAST, "fast"},
    {ROW_NO_AUTH, "no_auth"},
    {ROW_NO_MANDATORY_KEYS, "no_mandatory_keys"},
    {ROW_NO_ASYNC_LOADING, "no_async_loading"},
    {ROW_NO_MULTI, "no_multi"},
    {ROW_MOVABLEKEYS, "movablekeys"},
    {ROW_ALLOW_BUSY, "allow_busy"},
    {0, NULL},
};

static const struct word key_words[] = {
    {KEY_RO, "RO"},
    {KEY_RW, "RW"},
    {KEY_OW, "OW"},
    {KEY_RM, "RM"},
    {KEY_ACCESS, "access"},
    {KEY_UPDATE, "update"},
    {KEY_INSERT, "insert"},
    {KEY_DELETE, "delete"},
    {KEY_NOT_KEY, "not_key"},
    {KEY_INCOMPLETE, "incomplete"},
    {KEY_VARIABLE_FLAGS, "variable_flags"},
    {0, NULL},
};

static const struct word arg_words[] = {
    {ARG_OPTIONAL, "optional"},
    {ARG_MULTIPLE, "multiple"},
    {ARG_MULTIPLE_TOKEN, "multiple_token"},
    {0, NULL},
};

static void reply_words(struct reply *r, const struct word *words, uint32_t bits) {
    size_t n = 0;
    for (const struct word *w = words; w->name; w++) n += (bits & w->bit) != 0;
    reply_set(r, n);
    for (const struct word *w = words; w->name; w++) {
        if (bits & w->bit) reply_simple(r, w->name);
    }
}

static void reply_acl(struct reply *r, uint32_t acl) {
    char name[32] = "@";
    reply_set(r, (size_t)__builtin_popcount(acl));
    for (unsigned bit = 0; row_acl_name(bit); bit++) {
        if (!(acl & 1u << bit)) continue;
        size_t n = strlen(row_acl_name(bit));
        memcpy(name + 1, row_acl_name(bit), n + 1);
        reply_simple(r, name);
    }
}

static void reply_text(struct reply *r, const char *field, const char *text) {
    reply_bulk_cstr(r, field);
    reply_bulk_cstr(r, text);
}

static void reply_number(struct reply *r, const char *field, int64_t v) {
    reply_bulk_cstr(r, field);
    reply_int(r, v);
}

static size_t count_rows(const struct row *rows) {
    size_t n = 0;
    while (rows && rows[n].name) n++;
    return n;
}

static void reply_name(struct ctx *c, const struct row *row) {
    char name[ROW_FULL_NAME_BYTES_MAX];
    reply_bulk_cstr(c->r, row_full_name(c->core->rows, row, name));
}

/* -- COMMAND INFO ---------------------------------------------------------------------- */

static void reply_begin_search(struct reply *r, const struct keyspec *spec) {
    reply_map(r, 2);
    switch ((enum keyspec_begin)spec->begin) {
    case BEGIN_INDEX:
        reply_text(r, "type", "index");
        reply_bulk_cstr(r, "spec");
        reply_map(r, 1);
        reply_number(r, "index", spec->index);
        break;
    case BEGIN_KEYWORD:
        reply_text(r, "type", "keyword");
        reply_bulk_cstr(r, "spec");
        reply_map(r, 2);
        reply_text(r, "keyword", spec->keyword);
        reply_number(r, "startfrom", spec->index);
        break;
    default:
        reply_text(r, "type", "unknown");
        reply_bulk_cstr(r, "spec");
        reply_map(r, 0);
    }
}

static void reply_find_keys(struct reply *r, const struct keyspec *spec) {
    reply_map(r, 2);
    switch ((enum keyspec_find)spec->find) {
    case FIND_RANGE:
        reply_text(r, "type", "range");
        reply_bulk_cstr(r, "spec");
        reply_map(r, 3);
        reply_number(r, "lastkey", spec->last);
        reply_number(r, "keystep", spec->step);
        reply_number(r, "limit", spec->limit);
        break;
    case FIND_KEYNUM:
        reply_text(r, "type", "keynum");
        reply_bulk_cstr(r, "spec");
        reply_map(r, 3);
        reply_number(r, "keynumidx", spec->keynum);
        reply_number(r, "firstkey", spec->first_key);
        reply_number(r, "keystep", spec->key_step);
        break;
    default:
        reply_text(r, "type", "unknown");
        reply_bulk_cstr(r, "spec");
        reply_map(r, 0);
    }
}

static void reply_keyspecs(struct reply *r, const struct row *row) {
    size_t n = 0;
    while (n < ROW_KEYSPECS_MAX && row->keys[n].begin != BEGIN_NONE) n++;
    reply_set(r, n);
    for (size_t i = 0; i < n; i++) {
        const struct keyspec *spec = &row->keys[i];
        reply_map(r, spec->notes ? 4 : 3);
        if (spec->notes) reply_text(r, "notes", spec->notes);
        reply_bulk_cstr(r, "flags");
        reply_words(r, key_words, spec->flags);
        reply_bulk_cstr(r, "begin_search");
        reply_begin_search(r, spec);
        reply_bulk_cstr(r, "find_keys");
        reply_find_keys(r, spec);
    }
}

static void reply_tips(struct reply *r, const char *const *tips) {
    size_t n = 0;
    while (tips && tips[n]) n++;
    reply_set(r, n);
    for (size_t i = 0; i < n; i++) reply_bulk_cstr(r, tips[i]);
}

static void reply_info(struct ctx *c, const struct row *row) {
    struct reply *r = c->r;
    int first, last, step;
    uint32_t movable = row_has_movable_keys(row) ? ROW_MOVABLEKEYS : 0;
    row_key_range(row, &first, &last, &step);
    reply_array(r, 10);
    reply_name(c, row);
    reply_int(r, row->arity);
    reply_words(r, row_words, row->flags | movable);
    reply_int(r, first);
    reply_int(r, last);
    reply_int(r, step);
    reply_acl(r, row_acl(row));
    reply_tips(r, row->tips);
    reply_keyspecs(r, row);
    if (!row->subs) {
        reply_set(r, 0); /* Redis has a set here, but an array when there is something in it */
        return;
    }
    reply_array(r, count_rows(row->subs));
    for (const struct row *sub = row->subs; sub->name; sub++) reply_info(c, sub);
}

static void reply_all_info(struct ctx *c) {
    size_t n = row_count(c->core->rows);
    reply_array(c->r, n);
    for (size_t i = 0; i < n; i++) reply_info(c, row_at(c->core->rows, i));
}

static void command_info(struct ctx *c) {
    if (c->argc == 2) {
        reply_all_info(c);
        return;
    }
    reply_array(c->r, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) {
        const struct row *row = row_find_full(c->core->rows, c->argv[i]);
        if (row) {
            reply_info(c, row);
        } else {
            reply_null(c->r);
        }
    }
}

/* -- COMMAND DOCS ---------------------------------------------------------------------- */

static const char *arg_type_name(enum arg_type type) {
    static const char *const names[] = {
        [ARG_STRING] = "string",         [ARG_INTEGER] = "integer",
        [ARG_DOUBLE] = "double",         [ARG_KEY] = "key",
        [ARG_PATTERN] = "pattern",       [ARG_UNIX_TIME] = "unix-time",
        [ARG_PURE_TOKEN] = "pure-token", [ARG_ONEOF] = "oneof",
        [ARG_BLOCK] = "block",
    };
    return names[type];
}

static const char *group_name(enum row_group group) {
    static const char *const names[GROUP_COUNT] = {
        [GROUP_GENERIC] = "generic",
        [GROUP_STRING] = "string",
        [GROUP_LIST] = "list",
        [GROUP_SET] = "set",
        [GROUP_SORTED_SET] = "sorted-set",
        [GROUP_HASH] = "hash",
        [GROUP_PUBSUB] = "pubsub",
        [GROUP_TRANSACTIONS] = "transactions",
        [GROUP_CONNECTION] = "connection",
        [GROUP_SERVER] = "server",
        [GROUP_SCRIPTING] = "scripting",
        [GROUP_HYPERLOGLOG] = "hyperloglog",
        [GROUP_CLUSTER] = "cluster",
        [GROUP_SENTINEL] = "sentinel",
        [GROUP_GEO] = "geo",
        [GROUP_STREAM] = "stream",
        [GROUP_BITMAP] = "bitmap",
    };
    return names[group];
}

static size_t count_args(const struct row_arg *args) {
    size_t n = 0;
    while (args && args[n].name) n++;
    return n;
}

static void reply_args(struct reply *r, const struct row_arg *args) {
    reply_array(r, count_args(args));
    for (const struct row_arg *a = args; a->name; a++) {
        bool is_key = a->type == ARG_KEY && a->key_spec >= 0;
        reply_map(r, 3 + is_key + !!a->token + !!a->summary + !!a->since + !!a->deprecated_since +
                         !!a->flags);
        reply_text(r, "name", a->name);
        reply_text(r, "type", arg_type_name(a->type));
        /* Every argument has either a text to show or parts. */
        if (!a->sub) reply_text(r, "display_text", a->display ? a->display : a->name);
        if (is_key) reply_number(r, "key_spec_index", a->key_spec);
        if (a->token) reply_text(r, "token", a->token);
        if (a->summary) reply_text(r, "summary", a->summary);
        if (a->since) reply_text(r, "since", a->since);
        if (a->deprecated_since) reply_text(r, "deprecated_since", a->deprecated_since);
        if (a->flags) {
            reply_bulk_cstr(r, "flags");
            reply_words(r, arg_words, a->flags);
        }
        if (a->sub) {
            reply_bulk_cstr(r, "arguments");
            reply_args(r, a->sub);
        }
    }
}

static void reply_history(struct reply *r, const struct row_change *history) {
    size_t n = 0;
    while (history[n].since) n++;
    reply_set(r, n);
    for (size_t i = 0; i < n; i++) {
        reply_array(r, 2);
        reply_bulk_cstr(r, history[i].since);
        reply_bulk_cstr(r, history[i].what);
    }
}

/* The name and the map of one command. */
static void reply_docs(struct ctx *c, const struct row *row) {
    static const struct word doc_words[] = {{1, "deprecated"}, {2, "syscmd"}, {0, NULL}};
    struct reply *r = c->r;
    uint32_t flags = (row->deprecated_since ? 1 : 0) | (row->for_servers ? 2 : 0);
    reply_name(c, row);
    reply_map(r, 4 + !!flags + !!row->deprecated_since + !!row->replaced_by + !!row->history +
                     !!row->args + !!row->subs);
    reply_text(r, "summary", row->summary);
    reply_text(r, "since", row->since);
    reply_text(r, "group", group_name(row->group));
    reply_text(r, "complexity", row->complexity);
    if (flags) {
        reply_bulk_cstr(r, "doc_flags");
        reply_words(r, doc_words, flags);
    }
    if (row->deprecated_since) reply_text(r, "deprecated_since", row->deprecated_since);
    if (row->replaced_by) reply_text(r, "replaced_by", row->replaced_by);
    if (row->history) {
        reply_bulk_cstr(r, "history");
        reply_history(r, row->history);
    }
    if (row->args) {
        reply_bulk_cstr(r, "arguments");
        reply_args(r, row->args);
    }
    if (row->subs) {
        reply_bulk_cstr(r, "subcommands");
        reply_map(r, count_rows(row->subs));
        for (const struct row *sub = row->subs; sub->name; sub++) reply_docs(c, sub);
    }
}

static void command_docs(struct ctx *c) {
    if (c->argc == 2) {
        size_t n = row_count(c->core->rows);
        reply_map(c->r, n);
        for (size_t i = 0; i < n; i++) reply_docs(c, row_at(c->core->rows, i));
        return;
    }
    struct reply_mark mark = reply_begin(c->r);
    size_t found = 0;
    for (int i = 2; i < c->argc; i++) {
        const struct row *row = row_find_full(c->core->rows, c->argv[i]);
        if (!row) continue;
        reply_docs(c, row);
        found++;
    }
    reply_end_map(c->r, mark, found);
}

/* -- COMMAND LIST ---------------------------------------------------------------------- */

struct filter {
    uint32_t acl;
    struct slice pattern; /* p is NULL: by acl */
    bool all;
};

/* Replies the name of the row if it passes the filter; returns how many names that were. */
static size_t list_row(struct ctx *c, const struct filter *f, const struct row *row) {
    char buf[ROW_FULL_NAME_BYTES_MAX];
    const char *name = row_full_name(c->core->rows, row, buf);
    bool hit = f->all || (f->pattern.p ? glob_match(f->pattern, slice_cstr(name), true)
                                       : (row_acl(row) & f->acl) != 0);
    if (hit) reply_bulk_cstr(c->r, name);
    return hit;
}

static void reply_list(struct ctx *c, const struct filter *f) {
    struct reply_mark mark = reply_begin(c->r);
    size_t count = 0;
    for (size_t i = 0; i < row_count(c->core->rows); i++) {
        const struct row *row = row_at(c->core->rows, i);
        count += list_row(c, f, row);
        for (const struct row *sub = row->subs; sub && sub->name; sub++)
            count += list_row(c, f, sub);
    }
    reply_end_array(c->r, mark, count);
}

static uint32_t acl_bit(struct slice name) {
    for (unsigned bit = 0; row_acl_name(bit); bit++) {
        if (slice_is(name, row_acl_name(bit))) return 1u << bit;
    }
    return 0;
}

static void command_list(struct ctx *c) {
    struct filter f = {.all = c->argc == 2};
    if (c->argc == 5 && slice_is(c->argv[2], "filterby")) {
        if (slice_is(c->argv[3], "aclcat")) {
            f.acl = acl_bit(c->argv[4]);
        } else if (slice_is(c->argv[3], "pattern")) {
            f.pattern = c->argv[4];
        } else if (!slice_is(c->argv[3], "module")) { /* there are none: nothing is listed */
            reply_err(c->r, ERR_SYNTAX);
            return;
        }
    } else if (c->argc != 2) {
        reply_err(c->r, ERR_SYNTAX);
        return;
    }
    reply_list(c, &f);
}

static void command_count(struct ctx *c) { reply_int(c->r, (int64_t)row_count(c->core->rows)); }

/* -- COMMAND GETKEYS ------------------------------------------------------------------- */

/* The row of the command line in argv[0 .. argc-1], or NULL. */
static const struct row *row_of_line(struct ctx *c, const struct slice *argv, int argc) {
    const struct row *row = row_find(c->core->rows, argv[0]);
    return row && row->subs && argc > 1 ? row_find_sub(row, argv[1]) : row;
}

static void reply_keys(struct ctx *c, const struct row *row, const struct slice *argv, int argc,
                       bool with_flags) {
    int *at = mem_alloc((size_t)argc * sizeof *at);
    uint16_t *flags = mem_alloc((size_t)argc * sizeof *flags);
    int count = row_keys(row, argv, argc, at, flags, argc);
    if (count > 0 || row->flags & ROW_NO_MANDATORY_KEYS) {
        reply_array(c->r, count > 0 ? (size_t)count : 0);
        for (int i = 0; i < count; i++) {
            if (with_flags) reply_array(c->r, 2);
            reply_bulk(c->r, argv[at[i]]);
            if (with_flags) reply_words(c->r, key_words, flags[i]);
        }
    } else {
        reply_error(c->r, "ERR Invalid arguments specified for command");
    }
    mem_free(flags);
    mem_free(at);
}

static void get_keys(struct ctx *c, bool with_flags) {
    const struct slice *argv = c->argv + 2;
    int argc = c->argc - 2;
    const struct row *row = row_of_line(c, argv, argc);
    if (!row) {
        reply_error(c->r, "ERR Invalid command specified");
    } else if (!row_has_keys(row)) {
        reply_error(c->r, "ERR The command has no key arguments");
    } else if (!row_arity_ok(row, argc)) {
        reply_error(c->r, "ERR Invalid number of arguments specified for command");
    } else {
        reply_keys(c, row, argv, argc, with_flags);
    }
}

static void command_getkeys(struct ctx *c) { get_keys(c, false); }
static void command_getkeysandflags(struct ctx *c) { get_keys(c, true); }

static void command_help(struct ctx *c) {
    static const char *const lines[] = {
        "(no subcommand)",
        "    Describe all commands, as INFO does.",
        "COUNT",
        "    Tell how many commands there are.",
        "DOCS [<command-name> [...]]",
        "    Give the documentation of these commands, or of all.",
        "GETKEYS <full-command>",
        "    Tell which arguments of a command line are keys.",
        "GETKEYSANDFLAGS <full-command>",
        "    Tell also what the command does to them.",
        "INFO [<command-name> [...]]",
        "    Describe these commands, or all.",
        "LIST [FILTERBY (MODULE <module>|ACLCAT <category>|PATTERN <pattern>)]",
        "    Name the commands.",
        NULL,
    };
    ctx_help(c, lines);
}

/* -- rows ---------------------------------------------------------------------------- */

#define ALWAYS (ROW_LOADING | ROW_STALE)

static const struct row_arg names_args[] = {
    {.name = "command-name", .type = ARG_STRING, .flags = ARG_OPTIONAL | ARG_MULTIPLE},
    {0},
};
static const struct row_arg line_args[] = {
    {.name = "command", .type = ARG_STRING},
    {.name = "arg", .type = ARG_STRING, .flags = ARG_OPTIONAL | ARG_MULTIPLE},
    {0},
};
static const struct row_arg filters[] = {
    {.name = "module-name", .type = ARG_STRING, .token = "MODULE"},
    {.name = "category", .type = ARG_STRING, .token = "ACLCAT"},
    {.name = "pattern", .type = ARG_PATTERN, .token = "PATTERN"},
    {0},
};
static const struct row_arg list_args[] = {
    {.name = "filterby",
     .type = ARG_ONEOF,
     .flags = ARG_OPTIONAL,
     .token = "FILTERBY",
     .sub = filters},
    {0},
};
static const struct row_change info_history[] = {
    {"7.0.0", "Describes all commands if none is named."},
    {0},
};
static const char *const order_tips[] = {"nondeterministic_output_order", NULL};

static const struct row command_subs[] = {
    {
        .name = "count",
        .run = command_count,
        .arity = 2,
        .flags = ALWAYS,
        .acl = ACL_CONNECTION,
        .since = "2.8.13",
        .summary = "Counts the commands.",
        .complexity = "O(1)",
        .group = GROUP_SERVER,
    },
    {
        .name = "docs",
        .run = command_docs,
        .arity = -2,
        .flags = ALWAYS,
        .acl = ACL_CONNECTION,
        .since = "7.0.0",
        .summary = "Gives the documentation of commands.",
        .complexity = "O(N) in the number of commands asked for",
        .group = GROUP_SERVER,
        .args = names_args,
        .tips = order_tips,
    },
    {
        .name = "getkeys",
        .run = command_getkeys,
        .arity = -3,
        .flags = ALWAYS,
        .acl = ACL_CONNECTION,
        .since = "2.8.13",
        .summary = "Tells which arguments of a command line are keys.",
        .complexity = "O(N) in the number of arguments",
        .group = GROUP_SERVER,
        .args = line_args,
    },
    {
        .name = "getkeysandflags",
        .run = command_getkeysandflags,
        .arity = -3,
        .flags = ALWAYS,
        .acl = ACL_CONNECTION,
        .since = "7.0.0",
        .summary = "Tells which arguments of a command line are keys, and what becomes of them.",
        .complexity = "O(N) in the number of arguments",
        .group = GROUP_SERVER,
        .args = line_args,
    },
    {
        .name = "help",
        .run = command_help,
        .arity = 2,
        .flags = ALWAYS,
        .acl = ACL_CONNECTION,
        .since = "5.0.0",
        .summary = "Explains the subcommands.",
        .complexity = "O(1)",
        .group = GROUP_SERVER,
    },
    {
        .name = "info",
        .run = command_info,
        .arity = -2,
        .flags = ALWAYS,
        .acl = ACL_CONNECTION,
        .since = "2.8.13",
        .summary = "Describes commands: arity, flags, keys and categories.",
        .complexity = "O(N) in the number of commands asked for",
        .group = GROUP_SERVER,
        .args = names_args,
        .history = info_history,
        .tips = order_tips,
    },
    {
        .name = "list",
        .run = command_list,
        .arity = -2,
        .flags = ALWAYS,
        .acl = ACL_CONNECTION,
        .since = "7.0.0",
        .summary = "Names the commands, or those that pass a filter.",
        .complexity = "O(N) in the number of commands",
        .group = GROUP_SERVER,
        .args = list_args,
        .tips = order_tips,
    },
    {0},
};

const struct row command_rows[] = {
    {
        .name = "command",
        .run = reply_all_info,
        .arity = -1,
        .flags = ALWAYS,
        .acl = ACL_CONNECTION,
        .subs = command_subs,
        .since = "2.8.13",
        .summary = "Describes all commands.",
        .complexity = "O(N) in the number of commands",
        .group = GROUP_SERVER,
        .tips = order_tips,
    },
    {0},
};
