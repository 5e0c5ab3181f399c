/* row_check.c - what every row must fulfil, looked at when the table is built.
 *
 * COMMAND, ACL and the gates believe what a row says, so a row that contradicts itself is
 * found at start-up and by the first test that builds the table, not by a client.
 * To add a rule: a line in one of the functions here, a case in row_test.c.
 * Threads: the one that builds the table.
 */
#include "base/assert.h"
#include "core/row_internal.h"

struct subject {
    const struct row *row, *parent;
};

static void require(struct subject s, bool ok, const char *rule) {
    if (ok) return;
    panic(__FILE__, __LINE__, "command row '%s%s%s': %s", s.parent ? s.parent->name : "",
          s.parent ? "|" : "", s.row->name, rule);
}

static bool is_lower_name(const char *name) {
    for (; *name; name++) {
        bool ok = (*name >= 'a' && *name <= 'z') || (*name >= '0' && *name <= '9') ||
                  *name == '-' || *name == '_' || *name == '.';
        if (!ok) return false;
    }
    return true;
}

static void check_name(struct subject s) {
    size_t n = strlen(s.row->name) + (s.parent ? strlen(s.parent->name) + 1 : 0);
    require(s, s.row->name[0] && is_lower_name(s.row->name), "the name is not in lower case");
    require(s, n < ROW_FULL_NAME_BYTES_MAX, "the name is too long");
    require(s, s.row->since && s.row->summary && s.row->complexity,
            "since, summary and complexity are needed");
    require(s, s.row->group >= 0 && s.row->group < GROUP_COUNT, "no such group");
}

static void check_shape(struct subject s) {
    const struct row *row = s.row;
    int least = row->arity < 0 ? -row->arity : row->arity;
    require(s, row->run || (row->subs && row->subs->name), "neither handler nor subcommands");
    require(s, !s.parent || (row->run && !row->subs), "a subcommand has a handler and no more");
    require(s, least >= (s.parent ? 2 : 1), "the arity counts the name, or both names");
    require(s, !row->subs || row->arity < 0, "a container takes any number of arguments");
    require(s, !row->replaced_by || row->deprecated_since, "replaced, but not deprecated");
}

static void check_flags(struct subject s) {
    uint32_t flags = s.row->flags;
    require(s, !(flags & ROW_WRITE && flags & ROW_READONLY), "writes and is read-only");
    require(s,
            !(flags & ROW_DENYOOM) || flags & ROW_WRITE || flags & ROW_NOSCRIPT ||
                !(flags & ROW_READONLY),
            "denied when out of memory, though read-only");
    require(s, !(flags & ROW_NO_MANDATORY_KEYS) || row_has_keys(s.row),
            "no keys are mandatory, but there are none");
}

static void check_keyspec(struct subject s, const struct keyspec *spec) {
    int least = s.row->arity < 0 ? -s.row->arity : s.row->arity;
    unsigned how = spec->flags & (KEY_RO | KEY_RW | KEY_OW | KEY_RM);
    bool writes = how & (KEY_RW | KEY_OW | KEY_RM);
    require(s, (how & (how - 1)) == 0, "a key is one of RO, RW, OW, RM");
    require(s, how || spec->flags & KEY_NOT_KEY, "a key is one of RO, RW, OW, RM");
    require(s, spec->find != FIND_NONE, "a key specification without its end");
    require(s, !writes || !(s.row->flags & ROW_READONLY) || s.row->flags & ROW_MAY_REPLICATE,
            "a read-only command has a key that it writes");
    if (spec->begin == BEGIN_INDEX) {
        require(s, spec->index > 0, "keys begin behind the name");
        require(s, s.row->arity < 0 || spec->index < least, "a key behind the last argument");
    }
    if (spec->begin == BEGIN_KEYWORD)
        require(s, spec->keyword && spec->index != 0, "a keyword and where to look are needed");
    if (spec->begin == BEGIN_UNKNOWN || spec->find == FIND_UNKNOWN)
        require(s, s.row->find_keys, "unknown positions need find_keys");
    if (spec->find == FIND_RANGE) {
        require(s, spec->step > 0, "keys have a step");
        require(s, spec->limit == 0 || spec->last < 0, "a limit counts from the end");
        require(s,
                s.row->arity < 0 || spec->begin != BEGIN_INDEX || spec->index + spec->last < least,
                "the last key is behind the last argument");
    }
    if (spec->find == FIND_KEYNUM)
        require(s, spec->key_step > 0 && spec->first_key > spec->keynum,
                "keys follow their number");
}

static void check_args(struct subject s, const struct row_arg *args, int spec_count) {
    for (const struct row_arg *a = args; a && a->name; a++) {
        bool nests = a->type == ARG_ONEOF || a->type == ARG_BLOCK;
        require(s, nests == (a->sub != NULL), "choices and blocks, and they only, have parts");
        require(s, a->type != ARG_PURE_TOKEN || a->token, "a token without its word");
        require(s, a->type != ARG_KEY || a->key_spec < spec_count,
                "a key argument without key specification");
        if (a->sub) check_args(s, a->sub, spec_count);
    }
}

void row_check(const struct row *row, const struct row *parent) {
    struct subject s = {row, parent};
    int spec_count = 0;
    check_name(s);
    check_shape(s);
    check_flags(s);
    while (spec_count < ROW_KEYSPECS_MAX && row->keys[spec_count].begin != BEGIN_NONE)
        check_keyspec(s, &row->keys[spec_count++]);
    for (int i = spec_count; i < ROW_KEYSPECS_MAX; i++)
        require(s, row->keys[i].begin == BEGIN_NONE, "a gap among the key specifications");
    check_args(s, row->args, spec_count);
    require(s, row->member == 0 || (row_has_first_key(row) && row->member > 1),
            "a member stands behind the first key");
}
