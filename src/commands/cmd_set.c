/* cmd_set.c - one set: members added, removed, asked for, moved, picked by chance.
 *
 * Packed sets are copied, edited and put back, so a change costs their size (some KiB); large ones
 * are changed in place (types/set.h).
 * Threads: the loop. Specification: Redis 7.2's replies, errors and events.
 * To add a command: its handler and its row at the bottom.
 */
#include "base/err.h"
#include "base/mem.h"
#include "base/nap.h"
#include "base/random.h"
#include "commands/cmd_generic_internal.h"
#include "commands/cmd_set_internal.h"
#include "commands/families.h"
#include "commands/scan_options.h"
#include "core/config.h"
#include "core/offload.h"
#include "core/ongoing.h"

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
static void put_less(struct ctx *c, struct key k, struct set_edit *edit, uint64_t count,
                     const char *event) {
    bool empty = set_count(set_edit_view(edit)) == 0;
    if (empty) {
        set_edit_drop(edit);
        db_delete(c->db, k);
    } else {
        set_put(c, k, edit);
    }
    ctx_changed(c, k, FEED_SET, event);
    ctx_counts(c, count);
    if (empty) ctx_deleted(c, k);
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

/* A set that gets members. */
struct adding {
    const struct entry *e;
    bool open;
    struct set_edit edit;
    char room[SET_ROOM_BYTES];
};

/* Adds n arguments from `first` on to the set in argument `key`. Returns how many were new. */
static int64_t add_arguments(struct ctx *c, int key, struct adding *a, int first, int n) {
    int64_t added = 0;
    set_open(c, a->e, &a->edit, a->room);
    a->open = true;
    set_edit_expect(&a->edit, c->argv[first], (size_t)n);
    for (int i = first; i < first + n; i++) {
        added += set_edit_add(&a->edit, c->argv[i]);
        ongoing_rest(c);
    }
    struct key k = ctx_key(c, key);
    a->open = false;
    if (added || a->edit.value_is_new) { /* as in Redis, many change the form even if known */
        set_put(c, k, &a->edit);
    } else {
        set_edit_drop(&a->edit);
    }
    if (!added) return 0;
    ctx_changed(c, k, FEED_SET, "sadd");
    ctx_counts(c, (uint64_t)added);
    return added;
}

static void add_each(struct ctx *c, void *state) {
    reply_int(c->r, add_arguments(c, 1, state, 2, c->argc - 2));
}

static void drop_adding(void *state) {
    struct adding *a = state;
    if (a->open) set_edit_drop(&a->edit);
}

/* Removes them from the set in argument 1. */
static int64_t remove_arguments(struct ctx *c, const struct entry *e, int first, int n) {
    char room[SET_ROOM_BYTES];
    struct set_edit edit;
    int64_t removed = 0;
    set_open(c, e, &edit, room);
    for (int i = first; i < first + n; i++) {
        removed += set_edit_remove(&edit, c->argv[i]);
        ongoing_rest(c);
    }
    if (removed) {
        put_less(c, ctx_key(c, 1), &edit, (uint64_t)removed, "srem");
    } else {
        set_edit_drop(&edit);
    }
    return removed;
}

static void add_members(struct ctx *c) {
    struct adding a;
    a.e = db_find(c->db, ctx_key(c, 1));
    a.open = false;
    if (!ctx_is_type(c, a.e, TYPE_SET)) return;
    ongoing_command(c, &(struct ongoing_steps){.units = (uint64_t)c->argc,
                                               .state = &a,
                                               .state_bytes = sizeof a,
                                               .body = add_each,
                                               .drop = drop_adding});
}

static void remove_each(struct ctx *c, void *state) {
    reply_int(c->r, remove_arguments(c, *(const struct entry **)state, 2, c->argc - 2));
}

static void remove_members(struct ctx *c) {
    const struct entry *e = db_find(c->db, ctx_key(c, 1));
    if (!ctx_is_type(c, e, TYPE_SET)) return;
    if (e) {
        ongoing_edits(c, e, remove_each);
    } else {
        reply_int(c->r, 0);
    }
}

static void move_member(struct ctx *c) {
    struct key to = ctx_key(c, 2);
    const struct entry *src = db_find(c->db, ctx_key(c, 1)), *dst = db_find(c->db, to);
    if (!src) {
        reply_int(c->r, 0);
        return;
    }
    if (!ctx_is_type(c, src, TYPE_SET) || !ctx_is_type(c, dst, TYPE_SET)) return;
    if (slice_eq(c->argv[1], c->argv[2])) {
        reply_int(c->r, set_has(set_view_of(src), c->argv[3]));
        return;
    }
    bool moved = remove_arguments(c, src, 3, 1);
    if (moved) {
        struct adding a;
        a.e = db_peek(c->db, to);
        add_arguments(c, 2, &a, 3, 1);
    }
    reply_int(c->r, moved);
}

static void ask_member(struct ctx *c) {
    struct set_view s;
    if (look(c, &s)) reply_int(c->r, set_has(s, c->argv[2]));
}

static void ask_each(struct ctx *c, void *state) {
    const struct set_view *s = state;
    reply_array(c->r, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) {
        reply_int(c->r, set_has(*s, c->argv[i]));
        ongoing_rest(c);
    }
}

static void ask_members(struct ctx *c) {
    struct set_view s;
    if (!look(c, &s)) return;
    ongoing_command(c, &(struct ongoing_steps){.units = s.form == SET_VALUE ? (uint64_t)c->argc : 0,
                                               .state = &s,
                                               .state_bytes = sizeof s,
                                               .body = ask_each});
}

static void count_members(struct ctx *c) {
    struct set_view s;
    if (look(c, &s)) reply_int(c->r, (int64_t)set_count(s));
}

/* A listing on its way (core/offload). */
struct listing {
    struct set_view set;
    struct table_walk walk;
};

static void begin_members(void *state, struct reply *r) {
    reply_set(r, set_count(((const struct listing *)state)->set));
}

static bool more_members(void *state, struct reply *r) {
    struct listing *l = state;
    while (set_step(l->set, &l->walk, set_reply_member, r)) {
        if (reply_is_full(r)) return true;
    }
    return false;
}

static void list_members(struct ctx *c) {
    struct listing l = {.walk = {0, 0}};
    if (!look(c, &l.set)) return;
    offload(c, &(struct offload){
                   .units = set_count(l.set),
                   .state = &l,
                   .state_bytes = sizeof l,
                   .compute = begin_members,
                   .more = more_members,
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
    put_less(c, k, &edit, 1, "spop");
}

/* Members that were popped, to be told: before each its length in 4 bytes. */
struct popped {
    char *p;
    size_t bytes, room, count;
};

static void popped_add(struct popped *t, struct slice member) {
    uint32_t n = (uint32_t)member.n;
    if (t->bytes + sizeof n + n > t->room) {
        t->room = 2 * (t->bytes + sizeof n + n);
        t->p = mem_realloc(t->p, t->room);
    }
    memcpy(t->p + t->bytes, &n, sizeof n);
    memcpy(t->p + t->bytes + sizeof n, member.p, n);
    t->bytes += sizeof n + n;
    t->count++;
}

static void popped_tell(struct ctx *c, const struct popped *t) {
    const char *p = t->p;
    for (size_t i = 0; i < t->count; i++) {
        uint32_t n;
        size_t left = t->count - i;
        if (i % TOLD_TOGETHER_MAX == 0)
            tell_popped(c, left < TOLD_TOGETHER_MAX ? left : TOLD_TOGETHER_MAX);
        memcpy(&n, p, sizeof n);
        effect_bytes(c, slice_of(p + sizeof n, n));
        p += sizeof n + n;
    }
}

/* SPOP of some or all members on its way (core/offload). A large set is copied if a worker takes
 * them, and the copy keeps what is left. */
struct popping {
    struct set_view s;
    struct set_limits limits;
    size_t count;           /* to pop */
    bool all;               /* or all of them */
    bool tells;             /* which were popped */
    struct set_value *left; /* of a copy */
    struct popped popped;
};

static void pop_from(struct set_edit *edit, size_t count, struct reply *r, struct popped *popped) {
    char digits[SET_DIGITS_MAX];
    reply_set(r, count);
    while (count--) {
        struct slice member = set_random(set_edit_view(edit), digits);
        reply_bulk(r, member);
        if (popped) popped_add(popped, member);
        set_edit_remove(edit, member);
        nap_step(count);
    }
}

static void compute_popping(void *state, struct reply *r) {
    struct popping *x = state;
    struct set_edit edit;
    if (x->all) {
        reply_set(r, set_count(x->s));
        set_each(x->s, set_reply_member, r);
        return;
    }
    x->left = set_value_copy(x->s.value);
    set_edit_open(&edit, &x->limits, (struct set_view){.form = SET_VALUE, .value = x->left}, NULL,
                  0);
    pop_from(&edit, x->count, r, x->tells ? &x->popped : NULL);
    set_edit_drop(&edit);
}

static void commit_popping(struct ctx *c, void *state) {
    struct popping *x = state;
    struct key k = ctx_key(c, 1);
    if (x->all) {
        db_delete(c->db, k);
    } else {
        db_put_object(c->db, k, TYPE_SET, x->left);
        x->left = NULL;
    }
    ctx_changed(c, k, FEED_SET, "spop");
    ctx_counts(c, x->count);
    if (x->all) ctx_deleted(c, k);
    if (x->all && effects_wanted(c)) effect_delete(c, key_slice(k));
    if (!x->all && effects_wanted(c)) popped_tell(c, &x->popped);
}

static void popping_drop(void *state) {
    struct popping *x = state;
    if (x->left) set_value_free(x->left);
    mem_free(x->popped.p);
}

/* Members that may be copied for one that goes, and how many times the least that is offloaded has
 * to go in any case: the copy takes longer than the rest. */
#define LEFT_FOR_ONE_MAX 16
#define GONE_ALWAYS 20

static bool is_long(const struct ctx *c, const struct popping *x) {
    size_t left = set_count(x->s) - x->count;
    if (x->s.form != SET_VALUE || !offload_would(c, x->count)) return false;
    return x->all || x->count >= left / LEFT_FOR_ONE_MAX ||
           offload_would(c, x->count / GONE_ALWAYS);
}

static void pop_some(struct ctx *c, const struct entry *e, size_t count) {
    char room[SET_ROOM_BYTES];
    struct set_edit edit;
    struct popping x = {.s = set_view_of(e), .limits = set_limits_of(c), .count = count};
    x.all = count >= set_count(x.s);
    if (x.all) x.count = set_count(x.s);
    bool goes = x.all || is_long(c, &x);
    x.tells = goes || effects_wanted(c); /* when it is over, somebody may listen */
    if (goes) {
        offload(c, &(struct offload){
                       .units = set_count(x.s),
                       .state = &x,
                       .state_bytes = sizeof x,
                       .compute = compute_popping,
                       .commit = commit_popping,
                       .drop = popping_drop,
                   });
        return;
    }
    set_open(c, e, &edit, room);
    pop_from(&edit, count, c->r, x.tells ? &x.popped : NULL);
    put_less(c, ctx_key(c, 1), &edit, count, "spop");
    if (x.tells) popped_tell(c, &x.popped);
    mem_free(x.popped.p);
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
    if (e && count) {
        pop_some(c, e, (size_t)count);
    } else {
        reply_set(c->r, 0);
    }
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

/* Picks on their way (core/offload). */
struct picking {
    struct set_view s;
    struct set_limits limits;
    size_t count; /* with repetitions, still to be given */
    bool repeated;
};

/* Different members of a set that has many more. */
static void sample_few(struct reply *r, const struct picking *x) {
    char room[SET_ROOM_BYTES], digits[SET_DIGITS_MAX];
    struct set_edit taken;
    set_edit_new(&taken, &x->limits, room, sizeof room);
    for (size_t n = 0; n < x->count && !nap_step(n);) {
        struct slice member = set_random(x->s, digits);
        if (!set_edit_add(&taken, member)) continue;
        reply_bulk(r, member);
        n++;
    }
    set_edit_drop(&taken);
}

static void compute_picking(void *state, struct reply *r) {
    const struct picking *x = state;
    size_t members = set_count(x->s);
    reply_array(r, x->count);
    if (x->repeated) return;
    if (x->s.form == SET_VALUE && x->count < members / 8) {
        sample_few(r, x);
    } else {
        set_each(x->s, sample_member, &(struct sample){r, x->count, members});
    }
}

static bool more_picks(void *state, struct reply *r) {
    struct picking *x = state;
    char digits[SET_DIGITS_MAX];
    if (!x->repeated) return false;
    for (; x->count && !nap_step(x->count); x->count--) {
        if (reply_is_full(r)) return true;
        reply_bulk(r, set_random(x->s, digits));
    }
    return false;
}

/* Below zero: so many, repetitions allowed. */
static void sample(struct ctx *c, struct set_view s, int64_t count) {
    size_t members = set_count(s);
    struct picking x = {.s = s, .limits = set_limits_of(c), .repeated = members && count < 0};
    if (x.repeated && count < -RANDOM_PICKS_MAX) count = -RANDOM_PICKS_MAX;
    if (members) x.count = (size_t)(count < 0 ? -count : count);
    if (!x.repeated && x.count > members) x.count = members;
    bool walks = !x.repeated && x.count >= members / 8;
    offload(c, &(struct offload){
                   .units = walks ? members : x.count,
                   .state = &x,
                   .state_bytes = sizeof x,
                   .compute = compute_picking,
                   .more = more_picks,
               });
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
    } else {
        sample(c, s, count);
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
        .member = 2,
        .takes_long = ongoing_has_many_arguments,
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
        .member = 2,
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
        .member = 2,
        .takes_long = ongoing_has_many_arguments,
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
        .member = 2,
        .takes_long = ongoing_has_many_arguments,
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
