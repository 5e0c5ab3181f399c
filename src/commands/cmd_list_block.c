/* cmd_list_block.c - the list commands that wait until there is something to pop.
 *
 * Each does what its plain form does, and waits (core/blocked.h) where that finds nothing. It runs
 * anew as a whole when one of its keys has become a list.
 * Threads: the loop.
 * Specification: Redis 7.2's replies, errors and events; BLMOVEM of Redis 8.10.
 * To add a command: its handler and its row at the bottom.
 */
#include "commands/cmd_generic_internal.h"
#include "commands/cmd_list_internal.h"
#include "commands/families.h"
#include "core/blocked.h"

static void wait_for(struct ctx *c, int first_key, int key_count, int64_t until_ms) {
    blocked_wait(c, &(struct blocked_on){.first_key = first_key,
                                         .key_count = key_count,
                                         .type = TYPE_LIST,
                                         .until_ms = until_ms});
}

static void pop_or_wait(struct ctx *c, bool last) {
    int64_t until_ms;
    if (!blocked_parse_seconds(c, c->argc - 1, &until_ms)) return;
    for (int i = 1; i < c->argc - 1; i++) {
        struct key k = ctx_key(c, i);
        const struct entry *e = db_find(c->db, k);
        if (!ctx_is_type(c, e, TYPE_LIST)) return;
        if (!e) continue;
        struct list_element element;
        uint64_t at = last ? list_length(e) - 1 : 0;
        struct list_cursor cursor = list_cursor(e, at, last);
        list_cursor_next(&cursor, &element);
        reply_array(c->r, 2);
        reply_bulk(c->r, c->argv[i]);
        list_reply(c->r, &element);
        list_take(c, k, e, at, 1, last ? "rpop" : "lpop");
        if (effects_wanted(c)) list_tell_pop(c, k, last, 0);
        return;
    }
    wait_for(c, 1, c->argc - 2, until_ms);
}

static void list_blpop(struct ctx *c) { pop_or_wait(c, false); }
static void list_brpop(struct ctx *c) { pop_or_wait(c, true); }

/* The command without waiting: without its first letter and without its timeout. */
static void tell_move(struct ctx *c, int timeout_at) {
    effect_begin(c, (size_t)c->argc - 1);
    effect_word(c, c->req->row->name + 1);
    for (int i = 1; i < c->argc; i++) {
        if (i != timeout_at) effect_bytes(c, c->argv[i]);
    }
}

static void move_or_wait(struct ctx *c, bool from_last, bool to_last) {
    int64_t until_ms;
    if (!blocked_parse_seconds(c, c->argc - 1, &until_ms)) return;
    if (!list_move_one(c, from_last, to_last)) {
        wait_for(c, 1, 1, until_ms);
    } else if (effects_due(c)) {
        tell_move(c, c->argc - 1);
    }
}

static void list_blmove(struct ctx *c) {
    bool from_last, to_last;
    if (list_end(c, 3, &from_last) && list_end(c, 4, &to_last)) move_or_wait(c, from_last, to_last);
}

static void list_brpoplpush(struct ctx *c) { move_or_wait(c, true, false); }

/* Waits for as many as EXACTLY asks for, for any otherwise; another one that waits for fewer may go
 * first. */
static void list_blmovem(struct ctx *c) {
    int64_t until_ms;
    struct list_move m;
    if (!list_movem_parse(c, 6, &m) || !blocked_parse_seconds(c, 5, &until_ms)) return;
    if (!list_move(c, &m)) {
        wait_for(c, 1, 1, until_ms);
    } else if (effects_due(c)) {
        tell_move(c, 5);
    }
}

static void list_blmpop(struct ctx *c) {
    int64_t until_ms;
    struct list_mpop m;
    if (!list_mpop_parse(c, 2, &m) || !blocked_parse_seconds(c, 1, &until_ms)) return;
    if (!list_mpop_take(c, &m)) wait_for(c, m.first_key, m.key_count, until_ms);
}

/* -- rows ------------------------------------------------------------------------------ */

static const struct row_arg end_args[] = {
    {.name = "left", .type = ARG_PURE_TOKEN, .token = "LEFT"},
    {.name = "right", .type = ARG_PURE_TOKEN, .token = "RIGHT"},
    {0},
};
static const struct row_arg pop_args[] = {
    {.name = "key", .type = ARG_KEY, .flags = ARG_MULTIPLE},
    {.name = "timeout", .type = ARG_DOUBLE},
    {0},
};
static const struct row_arg move_args[] = {
    {.name = "source", .type = ARG_KEY},
    {.name = "destination", .type = ARG_KEY, .key_spec = 1},
    {.name = "wherefrom", .type = ARG_ONEOF, .sub = end_args},
    {.name = "whereto", .type = ARG_ONEOF, .sub = end_args},
    {.name = "timeout", .type = ARG_DOUBLE},
    {0},
};
static const struct row_arg selector_args[] = {
    {.name = "count", .type = ARG_INTEGER, .token = "COUNT"},
    {.name = "exactly", .type = ARG_INTEGER, .token = "EXACTLY"},
    {0},
};
static const struct row_arg ordering_args[] = {
    {.name = "obo", .type = ARG_PURE_TOKEN, .token = "OBO"},
    {.name = "bulk", .type = ARG_PURE_TOKEN, .token = "BULK"},
    {0},
};
static const struct row_arg how_many_args[] = {
    {.name = "selector", .type = ARG_ONEOF, .sub = selector_args},
    {.name = "ordering", .type = ARG_ONEOF, .sub = ordering_args},
    {0},
};
static const struct row_arg movem_args[] = {
    {.name = "source", .type = ARG_KEY},
    {.name = "destination", .type = ARG_KEY, .key_spec = 1},
    {.name = "wherefrom", .type = ARG_ONEOF, .sub = end_args},
    {.name = "whereto", .type = ARG_ONEOF, .sub = end_args},
    {.name = "timeout", .type = ARG_DOUBLE},
    {.name = "how-many", .type = ARG_BLOCK, .flags = ARG_OPTIONAL, .sub = how_many_args},
    {0},
};
static const struct row_arg rpoplpush_args[] = {
    {.name = "source", .type = ARG_KEY},
    {.name = "destination", .type = ARG_KEY, .key_spec = 1},
    {.name = "timeout", .type = ARG_DOUBLE},
    {0},
};
static const struct row_arg mpop_args[] = {
    {.name = "timeout", .type = ARG_DOUBLE},
    {.name = "numkeys", .type = ARG_INTEGER},
    {.name = "key", .type = ARG_KEY, .flags = ARG_MULTIPLE},
    {.name = "where", .type = ARG_ONEOF, .sub = end_args},
    {.name = "count", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "COUNT"},
    {0},
};
static const struct row_change timeout_history[] = {
    {"6.0.0", "The timeout may have decimals."},
    {0},
};

#define KEYS_BUT_LAST                                                                              \
    {                                                                                              \
        .flags = KEY_RW | KEY_ACCESS | KEY_DELETE, .begin = BEGIN_INDEX, .index = 1,               \
        .find = FIND_RANGE, .last = -2, .step = 1                                                  \
    }
#define SOURCE_AND_DESTINATION                                                                     \
    { KEY_IN(1, KEY_RW | KEY_ACCESS | KEY_DELETE), KEY_IN(2, KEY_RW | KEY_INSERT) }

const struct row list_block_rows[] = {
    {
        .name = "blmove",
        .run = list_blmove,
        .arity = 6,
        .flags = ROW_WRITE | ROW_DENYOOM | ROW_BLOCKING,
        .acl = ACL_LIST,
        .keys = SOURCE_AND_DESTINATION,
        .since = "6.2.0",
        .summary = "Takes an element from one list to another, waiting for one.",
        .complexity = "O(1)",
        .group = GROUP_LIST,
        .args = move_args,
    },
    {
        .name = "blmovem",
        .run = list_blmovem,
        .arity = -6,
        .flags = ROW_WRITE | ROW_DENYOOM | ROW_BLOCKING,
        .acl = ACL_LIST,
        .keys = SOURCE_AND_DESTINATION,
        .since = "8.10.0",
        .summary = "Takes elements from one list to another, waiting until there are enough.",
        .complexity = "O(N) in the number of elements moved",
        .group = GROUP_LIST,
        .args = movem_args,
    },
    {
        .name = "blmpop",
        .run = list_blmpop,
        .arity = -5,
        .flags = ROW_WRITE | ROW_BLOCKING | ROW_MOVABLEKEYS,
        .acl = ACL_LIST,
        .keys = {{.flags = KEY_RW | KEY_ACCESS | KEY_DELETE,
                  .begin = BEGIN_INDEX,
                  .index = 2,
                  .find = FIND_KEYNUM,
                  .first_key = 1,
                  .key_step = 1}},
        .since = "7.0.0",
        .summary = "Removes elements from the first list that has any, waiting for one.",
        .complexity = "O(N+M) in the keys and the elements returned",
        .group = GROUP_LIST,
        .args = mpop_args,
    },
    {
        .name = "blpop",
        .run = list_blpop,
        .arity = -3,
        .flags = ROW_WRITE | ROW_BLOCKING,
        .acl = ACL_LIST,
        .keys = {KEYS_BUT_LAST},
        .since = "2.0.0",
        .summary = "Removes the first element of the first list that has any, waiting for one.",
        .complexity = "O(N) in the keys",
        .group = GROUP_LIST,
        .args = pop_args,
        .history = timeout_history,
    },
    {
        .name = "brpop",
        .run = list_brpop,
        .arity = -3,
        .flags = ROW_WRITE | ROW_BLOCKING,
        .acl = ACL_LIST,
        .keys = {KEYS_BUT_LAST},
        .since = "2.0.0",
        .summary = "Removes the last element of the first list that has any, waiting for one.",
        .complexity = "O(N) in the keys",
        .group = GROUP_LIST,
        .args = pop_args,
        .history = timeout_history,
    },
    {
        .name = "brpoplpush",
        .run = list_brpoplpush,
        .arity = 4,
        .flags = ROW_WRITE | ROW_DENYOOM | ROW_BLOCKING,
        .acl = ACL_LIST,
        .keys = SOURCE_AND_DESTINATION,
        .since = "2.2.0",
        .summary = "Takes the last element of a list to the head of another, waiting for one.",
        .complexity = "O(1)",
        .group = GROUP_LIST,
        .deprecated_since = "6.2.0",
        .replaced_by = "`BLMOVE` with the `RIGHT` and `LEFT` arguments",
        .args = rpoplpush_args,
        .history = timeout_history,
    },
    {0},
};
