/* cmd_zset_block.c - the sorted set commands that wait until there is something to pop.
 *
 * Each does what its plain form does, and waits (core/blocked.h) where that finds nothing. It runs
 * anew as a whole when one of its keys has become a sorted set.
 * Threads: the loop.
 * Specification: Redis 7.2's replies, errors and events.
 * To add a command: its handler and its row at the bottom.
 */
#include "commands/cmd_generic_internal.h"
#include "commands/cmd_zset_internal.h"
#include "commands/families.h"
#include "core/blocked.h"

static void wait_for(struct ctx *c, int first_key, int key_count, int64_t until_ms) {
    blocked_wait(c, &(struct blocked_on){.first_key = first_key,
                                         .key_count = key_count,
                                         .type = TYPE_ZSET,
                                         .until_ms = until_ms});
}

static void pop_or_wait(struct ctx *c, bool max) {
    int64_t until_ms;
    struct zset_pop pop = {max, ZSET_POP_NAMED_ONE, 1};
    if (!blocked_parse_seconds(c, c->argc - 1, &until_ms)) return;
    for (int i = 1; i < c->argc - 1; i++) {
        if (zset_pop(c, i, &pop)) return;
    }
    wait_for(c, 1, c->argc - 2, until_ms);
}

static void zset_bzpopmin(struct ctx *c) { pop_or_wait(c, false); }
static void zset_bzpopmax(struct ctx *c) { pop_or_wait(c, true); }

static void zset_bzmpop(struct ctx *c) {
    int64_t until_ms;
    struct zset_mpop m;
    if (!zset_mpop_parse(c, 2, &m) || !blocked_parse_seconds(c, 1, &until_ms)) return;
    if (!zset_mpop_take(c, &m)) wait_for(c, m.first_key, m.key_count, until_ms);
}

/* -- rows ------------------------------------------------------------------------------ */

static const struct row_arg pop_args[] = {
    {.name = "key", .type = ARG_KEY, .flags = ARG_MULTIPLE},
    {.name = "timeout", .type = ARG_DOUBLE},
    {0},
};
static const struct row_arg where_words[] = {
    {.name = "min", .type = ARG_PURE_TOKEN, .token = "MIN"},
    {.name = "max", .type = ARG_PURE_TOKEN, .token = "MAX"},
    {0},
};
static const struct row_arg mpop_args[] = {
    {.name = "timeout", .type = ARG_DOUBLE},
    {.name = "numkeys", .type = ARG_INTEGER},
    {.name = "key", .type = ARG_KEY, .flags = ARG_MULTIPLE},
    {.name = "where", .type = ARG_ONEOF, .sub = where_words},
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

const struct row zset_block_rows[] = {
    {
        .name = "bzmpop",
        .run = zset_bzmpop,
        .arity = -5,
        .flags = ROW_WRITE | ROW_BLOCKING | ROW_MOVABLEKEYS,
        .acl = ACL_SORTEDSET,
        .keys = {ZSET_KEYS_COUNTED(2, KEY_RW | KEY_ACCESS | KEY_DELETE)},
        .since = "7.0.0",
        .summary = "Removes members from the first sorted set that has any, waiting for one.",
        .complexity =
            "O(K + M log N), K being the keys, N the size of the set and M the members popped",
        .group = GROUP_SORTED_SET,
        .args = mpop_args,
    },
    {
        .name = "bzpopmax",
        .run = zset_bzpopmax,
        .arity = -3,
        .flags = ROW_WRITE | ROW_FAST | ROW_BLOCKING,
        .acl = ACL_SORTEDSET,
        .keys = {KEYS_BUT_LAST},
        .since = "5.0.0",
        .summary =
            "Removes the member with the highest score of the first sorted set, waiting for one.",
        .complexity = "O(log N), N being the size of the set",
        .group = GROUP_SORTED_SET,
        .args = pop_args,
        .history = timeout_history,
    },
    {
        .name = "bzpopmin",
        .run = zset_bzpopmin,
        .arity = -3,
        .flags = ROW_WRITE | ROW_FAST | ROW_BLOCKING,
        .acl = ACL_SORTEDSET,
        .keys = {KEYS_BUT_LAST},
        .since = "5.0.0",
        .summary =
            "Removes the member with the lowest score of the first sorted set, waiting for one.",
        .complexity = "O(log N), N being the size of the set",
        .group = GROUP_SORTED_SET,
        .args = pop_args,
        .history = timeout_history,
    },
    {0},
};
