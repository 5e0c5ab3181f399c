/* cmd_scan.c - listing keys: KEYS, SCAN, RANDOMKEY.
 *
 * Specification: Redis 7.2's replies and errors; a cursor is a position in the table's order,
 * so a key that is there during a whole SCAN is returned exactly once.
 * To add an option of SCAN: scan_options.h, keep_entry.
 * Threads: the loop.
 */
#include "base/clock.h"
#include "base/glob.h"
#include "base/mem.h"
#include "commands/cmd_generic_internal.h"
#include "commands/families.h"
#include "commands/scan_options.h"
#include "core/offload.h"

/* -- KEYS ---------------------------------------------------------------------------- */

/* The walk through a large database is gathered over several turns (core/offload), as SCAN's is:
 * keys that are there during all of them are listed once. */
struct listing {
    struct reply *r;
    struct slice pattern;
    bool all, begun;
    uint64_t from;
    struct reply_mark mark;
    size_t count;
};

static void list_entry(void *ctx, const struct entry *e) {
    struct listing *l = ctx;
    if (!l->all && !glob_match_bounded(l->pattern, entry_key(e))) return;
    reply_bulk(l->r, entry_key(e));
    l->count++;
}

static bool gather_keys(struct ctx *c, void *state, uint64_t until) {
    struct listing *l = state;
    l->r = c->r;
    if (!l->begun) l->mark = reply_begin(c->r);
    l->begun = true;
    do {
        l->from = db_walk(c->db, l->from, list_entry, l);
    } while (l->from && clock_ticks() < until);
    if (l->from) return false;
    reply_end_array(c->r, l->mark, l->count);
    return true;
}

static void keys(struct ctx *c) {
    struct listing l = {.pattern = c->argv[1], .all = scan_pattern_is_all(c->argv[1])};
    offload(c, &(struct offload){
                   .units = db_size(c->db),
                   .state = &l,
                   .state_bytes = sizeof l,
                   .gather = gather_keys,
               });
}

static void random_key(struct ctx *c) {
    const struct entry *e = db_random(c->db);
    if (e) {
        reply_bulk(c->r, entry_key(e));
    } else {
        reply_null(c->r);
    }
}

/* -- SCAN ---------------------------------------------------------------------------- */

struct entry_list {
    const struct entry **entry;
    size_t count, room;
};

/* What one step found: the cursor goes out before the keys, so they are kept until then. */
struct scan_step {
    const struct scan_options *options;
    struct entry_list found, past;
};

static void keep(struct entry_list *list, const struct scan_options *o, const struct entry *e) {
    if (!scan_matches(o, entry_key(e))) return;
    if (o->type.p && !slice_is(o->type, entry_type_name(entry_type(e)))) return;
    if (list->count == list->room) {
        list->room = list->room ? 2 * list->room : 32;
        list->entry = mem_realloc(list->entry, list->room * sizeof *list->entry);
    }
    list->entry[list->count++] = e;
}

static void keep_found(void *ctx, const struct entry *e) {
    struct scan_step *step = ctx;
    keep(&step->found, step->options, e);
}

static void keep_past(void *ctx, const struct entry *e) {
    struct scan_step *step = ctx;
    keep(&step->past, step->options, e);
}

/* Keys past their time leave when a scan comes by, as when they are looked for. An entry may be in
 * the list twice: all names are copied before the first one goes. */
static void let_go(struct db *db, const struct entry_list *past) {
    struct slice *names = mem_alloc(past->count * sizeof *names);
    for (size_t i = 0; i < past->count; i++) {
        struct slice name = entry_key(past->entry[i]);
        names[i] = slice_of(mem_dup(name.p, name.n), name.n);
    }
    for (size_t i = 0; i < past->count; i++) {
        db_peek(db, key_of(names[i]));
        mem_free((char *)names[i].p);
    }
    mem_free(names);
}

static void scan(struct ctx *c) {
    struct scan_options o;
    struct scan_step step = {.options = &o};
    uint64_t cursor;
    if (!scan_cursor_parse(c, 1, &cursor) || !scan_options_parse(c, 2, SCAN_TAKES_TYPE, &o)) return;
    cursor = db_scan(c->db, cursor, (size_t)o.count, keep_found, keep_past, &step);
    scan_reply_cursor(c, cursor);
    reply_array(c->r, step.found.count);
    for (size_t i = 0; i < step.found.count; i++) reply_bulk(c->r, entry_key(step.found.entry[i]));
    if (step.past.count) let_go(c->db, &step.past);
    mem_free(step.found.entry);
    mem_free(step.past.entry);
}

/* -- rows ---------------------------------------------------------------------------- */

static const struct row_arg keys_args[] = {{.name = "pattern", .type = ARG_PATTERN}, {0}};
static const struct row_arg scan_args[] = {
    {.name = "cursor", .type = ARG_INTEGER},
    {.name = "pattern", .type = ARG_PATTERN, .flags = ARG_OPTIONAL, .token = "MATCH"},
    {.name = "count", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "COUNT"},
    {.name = "type", .type = ARG_STRING, .flags = ARG_OPTIONAL, .token = "TYPE", .since = "6.0.0"},
    {0},
};
static const struct row_change scan_history[] = {{"6.0.0", "Takes the `TYPE` filter."}, {0}};
static const char *const keys_tips[] = {
    "request_policy:all_shards",
    "nondeterministic_output_order",
    NULL,
};
static const char *const random_tips[] = {
    "request_policy:all_shards",
    "response_policy:special",
    "nondeterministic_output",
    NULL,
};
static const char *const scan_tips[] = {
    "nondeterministic_output",
    "request_policy:special",
    "response_policy:special",
    NULL,
};

const struct row scan_rows[] = {
    {
        .name = "keys",
        .run = keys,
        .arity = 2,
        .flags = ROW_READONLY | ROW_NOT_BESIDE,
        .acl = ACL_KEYSPACE | ACL_DANGEROUS,
        .since = "1.0.0",
        .summary = "Lists the keys that match a pattern.",
        .complexity = "O(N) in the number of keys in the database, for short names and patterns",
        .group = GROUP_GENERIC,
        .args = keys_args,
        .tips = keys_tips,
    },
    {
        .name = "randomkey",
        .run = random_key,
        .arity = 1,
        .flags = ROW_READONLY | ROW_TOUCHES_ARBITRARY_KEYS | ROW_NOT_BESIDE,
        .acl = ACL_KEYSPACE,
        .since = "1.0.0",
        .summary = "Returns the name of some key.",
        .complexity = "O(1)",
        .group = GROUP_GENERIC,
        .tips = random_tips,
    },
    {
        .name = "scan",
        .run = scan,
        .arity = -2,
        .flags = ROW_READONLY | ROW_TOUCHES_ARBITRARY_KEYS | ROW_NOT_BESIDE,
        .acl = ACL_KEYSPACE,
        .since = "2.8.0",
        .summary = "Lists the keys of the database, some at each call.",
        .complexity = "O(1) for a call; O(N) in the number of keys for all calls until the "
                      "cursor is 0 again",
        .group = GROUP_GENERIC,
        .args = scan_args,
        .history = scan_history,
        .tips = scan_tips,
    },
    {0},
};
