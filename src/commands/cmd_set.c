/* cmd_set.c - one set: members added, removed, asked for, moved, picked by chance.
 *
 * Packed sets are copied, edited and put back, so a change costs their size (some KiB); large ones
 * are changed in place (types/set.h).
 * Threads: the loop. Specification: Redis 7.2's replies, errors and events.
 * To add a command: its handler and its row at the bottom.
 */
#include "base/err.h"
#include "base/random.h"
#include "commands/cmd_generic_internal.h"
#include "commands/cmd_set_internal.h"
#include "commands/families.h"
#include "commands/scan_options.h"
#include "core/config.h"
#include "core/offload.h"

/* Redis would try to send 2^63 members; nobody can receive them. */
#define SAMPLE_REPEATED_MAX ((int64_t)1 << 28)

/* ---- shared ------------------------------------------------------------------------- */

struct set_view set_view_or_empty(const struct entry *e) {
    static const uint8_t empty_intset[] = {2, 0, 0, 0, 0, 0, 0, 0};
    return e ? set_view_of(e) : (struct set_view){.form = SET_INTSET, .packed = empty_intset};
}

struct set_limits set_limits_of(const struct ctx *c) {
    const struct config *conf = c->core->config;
    return (struct set_limits){
        .intset_entries = (size_t)conf->set_intset_entries,
        .listpack_entries = (size_t)conf->set_listpack_entries,
        .listpack_bytes = (size_t)conf->set_listpack_bytes,
    };
}

void set_open(struct ctx *c, const struct entry *e, struct set_edit *edit,
              char room[SET_ROOM_BYTES]) {
    struct set_limits limits = set_limits_of(c);
    if (e) {
        set_edit_open(edit, &limits, set_view_of(e), room, SET_ROOM_BYTES);
    } else {
        set_edit_new(edit, &limits, room, SET_ROOM_BYTES);
    }
}

void set_put(struct ctx *c, struct key k, struct set_edit *edit) {
    if (edit->form != SET_VALUE) {
        enum entry_encoding enc = edit->form == SET_INTSET ? ENC_INTSET : ENC_LISTPACK;
        db_put_packed(c->db, k, TYPE_SET, enc, slice_of(edit->buf.p, edit->buf.len));
    } else if (edit->value_is_new) {
        db_put_object(c->db, k, TYPE_SET, edit->value);
        edit->value_is_new = false;
    }
    set_edit_drop(edit);
}

/* Puts back a set that has lost members; the key goes with the last of them. */
static void put_less(struct ctx *c, struct key k, struct set_edit *edit, const char *event) {
    bool empty = set_count(set_edit_view(edit)) == 0;
    if (empty) {
        set_edit_drop(edit);
        db_delete(c->db, k);
    } else {
        set_put(c, k, edit);
    }
    ctx_changed(c, k, FEED_SET, event);
    if (empty) ctx_changed(c, k, FEED_GENERIC, "del");
}

void set_reply_member(void *ctx, struct slice member) { reply_bulk(ctx, member); }

/* The set in argument 1 for a command that reads; false with an error reply if it is none. */
static bool look(struct ctx *c, struct set_view *s) {
    const struct entry *e = db_read(c->db, ctx_key(c, 1));
    if (!ctx_is_type(c, e, TYPE_SET)) return false;
    *s = set_view_or_empty(e);
    return true;
}

/* ---- members ------------------------------------------------------------------------ */

/* Adds n arguments from `first` to the set in k, of which e is the entry. Returns how many were
 * new. */
static int64_t add_arguments(struct ctx *c, struct key k, const struct entry *e, int first, int n) {
    char room[SET_ROOM_BYTES];
    struct set_edit edit;
    int64_t added = 0;
    set_open(c, e, &edit, room);
    set_edit_expect(&edit, c->argv[first], (size_t)n);
    for (int i = first; i < first + n; i++) added += set_edit_add(&edit, c->argv[i]);
    if (added || edit.value_is_new) { /* as in Redis, many members change the form even if known */
        set_put(c, k, &edit);
    } else {
        set_edit_drop(&edit);
    }
    if (added) ctx_changed(c, k, FEED_SET, "sadd");
    return added;
}

static int64_t remove_arguments(struct ctx *c, struct key k, const struct entry *e, int first,
                                int n) {
    char room[SET_ROOM_BYTES];
    struct set_edit edit;
    int64_t removed = 0;
    set_open(c, e, &edit, room);
    for (int i = first; i < first + n; i++) removed += set_edit_remove(&edit, c->argv[i]);
    if (removed) {
        put_less(c, k, &edit, "srem");
    } else {
        set_edit_drop(&edit);
    }
    return removed;
}

static void add_members(struct ctx *c) {
    struct key k = ctx_key(c, 1);
    const struct entry *e = db_find(c->db, k);
    if (ctx_is_type(c, e, TYPE_SET)) reply_int(c->r, add_arguments(c, k, e, 2, c->argc - 2));
}

static void remove_members(struct ctx *c) {
    struct key k = ctx_key(c, 1);
    const struct entry *e = db_find(c->db, k);
    if (!ctx_is_type(c, e, TYPE_SET)) return;
    reply_int(c->r, e ? remove_arguments(c, k, e, 2, c->argc - 2) : 0);
}

static void move_member(struct ctx *c) {
    struct key from = ctx_key(c, 1), to = ctx_key(c, 2);
    const struct entry *src = db_find(c->db, from), *dst = db_find(c->db, to);
    if (!src) {
        reply_int(c->r, 0);
        return;
    }
    if (!ctx_is_type(c, src, TYPE_SET) || !ctx_is_type(c, dst, TYPE_SET)) return;
    if (slice_eq(c->argv[1], c->argv[2])) {
        reply_int(c->r, set_has(set_view_of(src), c->argv[3]));
        return;
    }
    bool moved = remove_arguments(c, from, src, 3, 1);
    if (moved) add_arguments(c, to, db_peek(c->db, to), 3, 1);
    reply_int(c->r, moved);
}

static void ask_member(struct ctx *c) {
    struct set_view s;
    if (look(c, &s)) reply_int(c->r, set_has(s, c->argv[2]));
}

static void ask_members(struct ctx *c) {
    struct set_view s;
    if (!look(c, &s)) return;
    reply_array(c->r, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) reply_int(c->r, set_has(s, c->argv[i]));
}

static void count_members(struct ctx *c) {
    struct set_view s;
    if (look(c, &s)) reply_int(c->r, (int64_t)set_count(s));
}

static void compute_members(void *state, struct reply *r) {
    const struct set_view *s = state;
    reply_set(r, set_count(*s));
    set_each(*s, set_reply_member, r);
}

static void list_members(struct ctx *c) {
    struct set_view s;
    if (!look(c, &s)) return;
    offload(c, &(struct offload){
                   .units = set_count(s),
                   .state = &s,
                   .state_bytes = sizeof s,
                   .compute = compute_members,
               });
}

/* ---- by chance ---------------------------------------------------------------------- */

/* Members told at once to have been popped. */
#define TOLD_TOGETHER_MAX 1024

/* So many members follow. */
static void tell_popped(struct ctx *c, size_t n) {
    effect_begin(c, 2 + n);
    effect_word(c, "SREM");
    effect_bytes(c, c->argv[1]);
}

static void pop_one(struct ctx *c) {
    char room[SET_ROOM_BYTES], digits[SET_DIGITS_MAX];
    struct set_edit edit;
    struct key k = ctx_key(c, 1);
    const struct entry *e = db_find(c->db, k);
    if (!ctx_is_type(c, e, TYPE_SET)) return;
    if (!e) {
        reply_null(c->r);
        return;
    }
    set_open(c, e, &edit, room);
    struct slice member = set_random(set_edit_view(&edit), digits);
    reply_bulk(c->r, member);
    if (effects_wanted(c)) tell_popped(c, 1);
    if (effects_wanted(c)) effect_bytes(c, member);
    set_edit_remove(&edit, member);
    put_less(c, k, &edit, "spop");
}

static void pop_some(struct ctx *c, const struct entry *e, size_t count) {
    char room[SET_ROOM_BYTES], digits[SET_DIGITS_MAX];
    struct set_edit edit;
    set_open(c, e, &edit, room);
    reply_set(c->r, count);
    for (size_t told = 0; count--; told++) {
        struct slice member = set_random(set_edit_view(&edit), digits);
        reply_bulk(c->r, member);
        if (effects_wanted(c)) {
            size_t more = count + 1 < TOLD_TOGETHER_MAX ? count + 1 : TOLD_TOGETHER_MAX;
            if (told % TOLD_TOGETHER_MAX == 0) tell_popped(c, more);
            effect_bytes(c, member);
        }
        set_edit_remove(&edit, member);
    }
    put_less(c, ctx_key(c, 1), &edit, "spop");
}

static void pop_members(struct ctx *c) {
    int64_t count;
    if (c->argc == 2) {
        pop_one(c);
        return;
    }
    if (c->argc > 3) {
        reply_err(c->r, ERR_SYNTAX);
        return;
    }
    if (!ctx_int_range(c, 2, 0, INT64_MAX, &count, err_text(ERR_RANGE_POSITIVE))) return;
    struct key k = ctx_key(c, 1);
    const struct entry *e = db_find(c->db, k);
    if (!ctx_is_type(c, e, TYPE_SET)) return;
    struct set_view s = set_view_or_empty(e);
    size_t members = set_count(s);
    if (count && (size_t)count < members) {
        pop_some(c, e, (size_t)count);
        return;
    }
    reply_set(c->r, count ? members : 0);
    if (!count || !e) return;
    set_each(s, set_reply_member, c->r);
    db_delete(c->db, k);
    ctx_changed(c, k, FEED_SET, "spop");
    ctx_changed(c, k, FEED_GENERIC, "del");
    if (effects_wanted(c)) effect_delete(c, key_slice(k));
}

/* Each member of a walk is taken with the chance wanted / left, which makes all samples of that
 * size equally likely. */
struct sample {
    struct reply *r;
    size_t wanted, left;
};

static void sample_member(void *ctx, struct slice member) {
    struct sample *x = ctx;
    if (random_below(x->left--) >= x->wanted) return;
    x->wanted--;
    reply_bulk(x->r, member);
}

/* `count` different members of a set that has many more. */
static void sample_few(struct ctx *c, struct set_view s, size_t count) {
    char room[SET_ROOM_BYTES], digits[SET_DIGITS_MAX];
    struct set_edit taken;
    set_open(c, NULL, &taken, room);
    for (size_t n = 0; n < count;) {
        struct slice member = set_random(s, digits);
        if (!set_edit_add(&taken, member)) continue;
        reply_bulk(c->r, member);
        n++;
    }
    set_edit_drop(&taken);
}

static void sample_distinct(struct ctx *c, struct set_view s, size_t count) {
    size_t members = set_count(s);
    if (count > members) count = members;
    reply_array(c->r, count);
    if (s.form == SET_VALUE && count < members / 8) {
        sample_few(c, s, count);
    } else {
        set_each(s, sample_member, &(struct sample){c->r, count, members});
    }
}

static void sample_repeated(struct ctx *c, struct set_view s, int64_t count) {
    char digits[SET_DIGITS_MAX];
    if (count > SAMPLE_REPEATED_MAX) {
        reply_err(c->r, ERR_OUT_OF_RANGE);
        return;
    }
    reply_array(c->r, (size_t)count);
    while (count--) reply_bulk(c->r, set_random(s, digits));
}

static void pick_members(struct ctx *c) {
    char digits[SET_DIGITS_MAX];
    struct set_view s;
    int64_t count = 1;
    if (c->argc > 3) {
        reply_err(c->r, ERR_SYNTAX);
        return;
    }
    if (c->argc == 3 && !ctx_int(c, 2, &count)) return;
    if (count == INT64_MIN) {
        reply_error(c->r, "ERR value is out of range, value must between -9223372036854775807 and "
                          "9223372036854775807");
        return;
    }
    if (!look(c, &s)) return;
    bool empty = set_count(s) == 0;
    if (c->argc == 2) {
        if (empty) {
            reply_null(c->r);
        } else {
            reply_bulk(c->r, set_random(s, digits));
        }
    } else if (empty || count >= 0) {
        sample_distinct(c, s, empty ? 0 : (size_t)count);
    } else {
        sample_repeated(c, s, -count);
    }
}

/* ---- SSCAN -------------------------------------------------------------------------- */

struct scan_step {
    const struct scan_options *options;
    struct reply *r; /* NULL: matches are counted only */
    size_t count;
};

static void scan_member(void *ctx, struct slice member) {
    struct scan_step *step = ctx;
    if (!scan_matches(step->options, member)) return;
    step->count++;
    if (step->r) reply_bulk(step->r, member);
}

static void scan_members(struct ctx *c) {
    struct scan_options o;
    struct set_view s;
    uint64_t cursor;
    if (!scan_cursor_parse(c, 2, &cursor) || !look(c, &s)) return;
    if (!set_count(s)) { /* options of a scan of nothing are not looked at */
        scan_reply_cursor(c, 0);
        reply_array(c->r, 0);
        return;
    }
    if (!scan_options_parse(c, 3, 0, &o)) return;
    /* The new cursor and the number of members go out first, so the step is done twice. */
    struct scan_step counted = {.options = &o}, sent = {.options = &o, .r = c->r};
    scan_reply_cursor(c, set_scan(s, cursor, (size_t)o.count, scan_member, &counted));
    reply_array(c->r, counted.count);
    set_scan(s, cursor, (size_t)o.count, scan_member, &sent);
}

/* ---- rows --------------------------------------------------------------------------- */

static const struct row_arg key_args[] = {{.name = "key", .type = ARG_KEY}, {0}};
static const struct row_arg member_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "member", .type = ARG_STRING},
    {0},
};
static const struct row_arg members_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "member", .type = ARG_STRING, .flags = ARG_MULTIPLE},
    {0},
};
static const struct row_arg move_args[] = {
    {.name = "source", .type = ARG_KEY},
    {.name = "destination", .type = ARG_KEY, .key_spec = 1},
    {.name = "member", .type = ARG_STRING},
    {0},
};
static const struct row_arg pop_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "count", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .since = "3.2.0"},
    {0},
};
static const struct row_arg pick_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "count", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .since = "2.6.0"},
    {0},
};
static const struct row_arg scan_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "cursor", .type = ARG_INTEGER},
    {.name = "pattern", .type = ARG_PATTERN, .flags = ARG_OPTIONAL, .token = "MATCH"},
    {.name = "count", .type = ARG_INTEGER, .flags = ARG_OPTIONAL, .token = "COUNT"},
    {0},
};
static const struct row_change members_history[] = {{"2.4.0", "Takes several members."}, {0}};
static const struct row_change pop_history[] = {{"3.2.0", "Takes a count."}, {0}};
static const struct row_change pick_history[] = {{"2.6.0", "Takes a count."}, {0}};
static const char *const order_tips[] = {"nondeterministic_output_order", NULL};
static const char *const chance_tips[] = {"nondeterministic_output", NULL};

const struct row set_rows[] = {
    {
        .name = "sadd",
        .run = add_members,
        .arity = -3,
        .flags = ROW_WRITE | ROW_DENYOOM | ROW_FAST,
        .acl = ACL_SET,
        .keys = {KEY_IN(1, KEY_RW | KEY_INSERT)},
        .since = "1.0.0",
        .summary = "Adds members to a set, which is created if it is not there.",
        .complexity = "O(1) for each member added",
        .group = GROUP_SET,
        .args = members_args,
        .history = members_history,
    },
    {
        .name = "scard",
        .run = count_members,
        .arity = 2,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_SET,
        .keys = {KEY_IN(1, KEY_RO)},
        .since = "1.0.0",
        .summary = "Tells how many members a set has.",
        .complexity = "O(1)",
        .group = GROUP_SET,
        .args = key_args,
    },
    {
        .name = "sismember",
        .run = ask_member,
        .arity = 3,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_SET,
        .keys = {KEY_IN(1, KEY_RO)},
        .since = "1.0.0",
        .summary = "Tells whether a set has a member.",
        .complexity = "O(1)",
        .group = GROUP_SET,
        .args = member_args,
    },
    {
        .name = "smembers",
        .run = list_members,
        .arity = 2,
        .flags = ROW_READONLY,
        .acl = ACL_SET,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "1.0.0",
        .summary = "Lists all members of a set.",
        .complexity = "O(N) in the number of members",
        .group = GROUP_SET,
        .args = key_args,
        .tips = order_tips,
    },
    {
        .name = "smismember",
        .run = ask_members,
        .arity = -3,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_SET,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "6.2.0",
        .summary = "Tells of each of some texts whether it is a member of a set.",
        .complexity = "O(N) in the number of texts",
        .group = GROUP_SET,
        .args = members_args,
    },
    {
        .name = "smove",
        .run = move_member,
        .arity = 4,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_SET,
        .keys = {KEY_IN(1, KEY_RW | KEY_ACCESS | KEY_DELETE), KEY_IN(2, KEY_RW | KEY_INSERT)},
        .since = "1.0.0",
        .summary = "Moves a member from one set to another.",
        .complexity = "O(1)",
        .group = GROUP_SET,
        .args = move_args,
    },
    {
        .name = "spop",
        .run = pop_members,
        .arity = -2,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_SET,
        .keys = {KEY_IN(1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
        .since = "1.0.0",
        .summary = "Removes members by chance, and returns them.",
        .complexity = "O(1) for one member, O(N) for N members",
        .group = GROUP_SET,
        .args = pop_args,
        .history = pop_history,
        .tips = chance_tips,
    },
    {
        .name = "srandmember",
        .run = pick_members,
        .arity = -2,
        .flags = ROW_READONLY,
        .acl = ACL_SET,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "1.0.0",
        .summary = "Returns members by chance: different ones, or any if the count is negative.",
        .complexity = "O(1) for one member, O(N) in the absolute value of the count otherwise",
        .group = GROUP_SET,
        .args = pick_args,
        .history = pick_history,
        .tips = chance_tips,
    },
    {
        .name = "srem",
        .run = remove_members,
        .arity = -3,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_SET,
        .keys = {KEY_IN(1, KEY_RW | KEY_DELETE)},
        .since = "1.0.0",
        .summary = "Removes members from a set, and the set with its last member.",
        .complexity = "O(N) in the number of members to remove",
        .group = GROUP_SET,
        .args = members_args,
        .history = members_history,
    },
    {
        .name = "sscan",
        .run = scan_members,
        .arity = -3,
        .flags = ROW_READONLY,
        .acl = ACL_SET,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "2.8.0",
        .summary = "Lists the members of a set, some at each call.",
        .complexity = "O(1) for a call; O(N) in the number of members for all calls until the "
                      "cursor is 0 again",
        .group = GROUP_SET,
        .args = scan_args,
        .tips = chance_tips,
    },
    {0},
};
