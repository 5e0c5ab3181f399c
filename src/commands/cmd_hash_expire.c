/* cmd_hash_expire.c - the times of fields: set, asked for, taken away; and values with them.
 *
 * All times are handled as Unix milliseconds, as in cmd_expire.c. What may stand before FIELDS and
 * its arguments may stand behind them too, as in Redis 8.4; errors are those of the versions that
 * brought the commands.
 * Threads: the loop.
 * Specification: Redis 7.4, HEXPIRE to HPERSIST; Redis 8.0, HGETEX and HSETEX; Valkey 9.1, NX and
 * XX of HSETEX.
 */
#include "base/err.h"
#include "base/mem.h"
#include "commands/cmd_hash_edit.h"
#include "commands/families.h"

/* Times that are given end here. */
#define TIME_MS_MAX (((int64_t)1 << 46) - 1)

/* What is replied for a field. */
enum {
    NO_FIELD = -2,
    NO_TIME = -1,
    NOT_MET = 0,
    DONE = 1,
    DELETED = 2, /* the time is not in the future */
};

/* -- arguments ----------------------------------------------------------------------- */

/* The Unix ms that argument i means in units of unit_ms, counted from base_ms. */
static bool parse_time(struct ctx *c, int i, int64_t base_ms, int64_t unit_ms, int64_t *when_ms) {
    int64_t v;
    if (!ctx_int(c, i, &v)) return false;
    if (v < 0) {
        reply_error(c->r, "ERR invalid expire time, must be >= 0");
        return false;
    }
    if (v > TIME_MS_MAX / unit_ms || v * unit_ms > TIME_MS_MAX - base_ms) {
        reply_errorf(c->r, "ERR invalid expire time in '%s' command", c->row->name);
        return false;
    }
    *when_ms = v * unit_ms + base_ms;
    return true;
}

/* FIELDS, a number and as many fields from argument `at` on; *behind: the argument that follows. */
static bool parse_fields(struct ctx *c, int at, const char *not_positive, struct hash_texts *fields,
                         int *behind) {
    int64_t n;
    if (!slice_is(c->argv[at], "fields")) {
        reply_error(c->r, "ERR Mandatory argument FIELDS is missing or not at the right position");
        return false;
    }
    if (at + 1 == c->argc) {
        ctx_arity_error(c);
        return false;
    }
    if (!ctx_int_range(c, at + 1, 1, INT64_MAX, &n, not_positive)) return false;
    if (n > c->argc - at - 2) {
        reply_error(c->r, "ERR The `numfields` parameter must match the number of arguments");
        return false;
    }
    *fields = (struct hash_texts){c->argv + at + 2, (size_t)n, 1};
    *behind = at + 2 + (int)n;
    return true;
}

static bool nothing_behind(struct ctx *c, int behind) {
    if (behind == c->argc) return true;
    reply_error(c->r, "ERR The `numfields` parameter must match the number of arguments");
    return false;
}

bool hash_parse_fields(struct ctx *c, int at, const char *not_positive, struct hash_texts *fields) {
    int behind;
    return parse_fields(c, at, not_positive, fields, &behind) && nothing_behind(c, behind);
}

/* -- effects ------------------------------------------------------------------------- */

/* Fields that a command has changed, to be told; v is NULL while nobody listens. */
struct touched {
    struct slice *v;
    size_t n;
};

static struct touched touched_begin(const struct ctx *c, struct hash_texts fields) {
    struct touched t = {NULL, 0};
    if (effects_wanted(c)) t.v = mem_alloc(fields.n * sizeof *t.v);
    return t;
}

static void touched_add(struct touched *t, struct slice field) {
    if (unlikely(t->v != NULL)) t->v[t->n++] = field;
}

void hash_tell_time(struct ctx *c, struct key k, const struct slice *fields, size_t n,
                    int64_t time_ms) {
    bool timed = time_ms != HASH_NO_TIME;
    effect_begin(c, n + (timed ? 5 : 4));
    effect_word(c, timed ? "HPEXPIREAT" : "HPERSIST");
    effect_bytes(c, key_slice(k));
    if (timed) effect_int(c, time_ms);
    effect_word(c, "FIELDS");
    effect_int(c, (int64_t)n);
    for (size_t i = 0; i < n; i++) effect_bytes(c, fields[i]);
}

void hash_tell_deleted(struct ctx *c, struct key k, struct hash_texts fields) {
    effect_begin(c, 2 + fields.n / fields.step);
    effect_word(c, "HDEL");
    effect_bytes(c, key_slice(k));
    for (size_t i = 0; i < fields.n; i += fields.step) effect_bytes(c, fields.v[i]);
}

/* What became of the fields that were touched: gone, or with the time. */
static void touched_end(struct ctx *c, struct key k, struct touched *t, bool gone,
                        int64_t time_ms) {
    if (likely(!t->v)) return;
    effect_none(c);
    if (t->n && gone) hash_tell_deleted(c, k, (struct hash_texts){t->v, t->n, 1});
    if (t->n && !gone) hash_tell_time(c, k, t->v, t->n, time_ms);
    mem_free(t->v);
}

/* -- HEXPIRE and the like ------------------------------------------------------------ */

enum condition { IF_ANY, IF_NX, IF_XX, IF_GT, IF_LT };

static enum condition condition_of(struct slice word) {
    return slice_is(word, "nx")   ? IF_NX
           : slice_is(word, "xx") ? IF_XX
           : slice_is(word, "gt") ? IF_GT
           : slice_is(word, "lt") ? IF_LT
                                  : IF_ANY;
}

/* Whether a field with the time (or HASH_NO_TIME) may get the new one. */
static bool condition_holds(enum condition condition, int64_t time_ms, int64_t new_ms) {
    bool timed = time_ms != HASH_NO_TIME;
    switch (condition) {
    case IF_NX: return !timed;
    case IF_XX: return timed;
    case IF_GT: return timed && new_ms > time_ms;
    case IF_LT: return !timed || new_ms < time_ms;
    default: return true;
    }
}

struct expire {
    int64_t when_ms;
    enum condition condition;
    struct hash_texts fields;
};

static bool parse_expire(struct ctx *c, int64_t base_ms, int64_t unit_ms, struct expire *x) {
    int behind;
    if (!parse_time(c, 2, base_ms, unit_ms, &x->when_ms)) return false;
    x->condition = condition_of(c->argv[3]);
    if (!parse_fields(c, x->condition == IF_ANY ? 3 : 4,
                      "ERR Parameter `numFields` should be greater than 0", &x->fields, &behind)) {
        return false;
    }
    if (x->condition == IF_ANY && behind + 1 == c->argc) {
        x->condition = condition_of(c->argv[behind]);
        if (x->condition != IF_ANY) behind++;
    }
    return nothing_behind(c, behind);
}

/* Gives a field the time, or deletes it if that has come. */
static int set_time(struct hash_edit *ed, const struct expire *x, struct slice field) {
    int64_t time_ms;
    if (!hash_view_time(hash_edit_view(ed), field, &time_ms)) {
        hash_edit_drop_past(ed, field);
        return NO_FIELD;
    }
    if (!condition_holds(x->condition, time_ms, x->when_ms)) return NOT_MET;
    if (x->when_ms <= ed->c->db->ks->now_ms) {
        hash_edit_delete(ed, field);
        ed->c->core->ks->expired_fields++;
        return DELETED;
    }
    hash_edit_set_time(ed, field, x->when_ms);
    return DONE;
}

static void reply_all(struct ctx *c, struct hash_texts fields, int v) {
    reply_array(c->r, fields.n);
    for (size_t i = 0; i < fields.n; i++) reply_int(c->r, v);
}

static void expire(struct ctx *c, int64_t base_ms, int64_t unit_ms) {
    struct hash_edit ed;
    struct entry *e;
    struct expire x;
    bool deleted = false, set = false;
    struct key k = ctx_key(c, 1);
    if (!hash_find(c, k, &e) || !parse_expire(c, base_ms, unit_ms, &x)) return;
    if (!e) {
        reply_all(c, x.fields, NO_FIELD);
        return;
    }
    if (!hash_edit_begin(&ed, c, k, e, (struct hash_plan){.times = x.fields.n})) return;
    struct touched touched = touched_begin(c, x.fields);
    reply_array(c->r, x.fields.n);
    for (size_t i = 0; i < x.fields.n; i++) {
        hash_prefetch(ed.large, x.fields, i);
        int v = set_time(&ed, &x, x.fields.v[i]);
        if (v == DELETED || v == DONE) touched_add(&touched, x.fields.v[i]);
        deleted |= v == DELETED;
        set |= v == DONE;
        reply_int(c->r, v);
    }
    hash_edit_finish(&ed, deleted ? "hdel" : NULL, set ? "hexpire" : NULL);
    touched_end(c, k, &touched, deleted, x.when_ms);
}

static void expire_seconds(struct ctx *c) { expire(c, c->core->now_ms, 1000); }
static void expire_ms(struct ctx *c) { expire(c, c->core->now_ms, 1); }
static void expire_at_seconds(struct ctx *c) { expire(c, 0, 1000); }
static void expire_at_ms(struct ctx *c) { expire(c, 0, 1); }

/* -- HPERSIST, HTTL and the like ----------------------------------------------------- */

/* Takes the time from a field. */
static int take_time(struct hash_edit *ed, struct slice field) {
    int64_t time_ms;
    if (!hash_view_time(hash_edit_view(ed), field, &time_ms)) return NO_FIELD;
    if (time_ms == HASH_NO_TIME) return NO_TIME;
    hash_edit_set_time(ed, field, HASH_NO_TIME);
    return DONE;
}

static void persist(struct ctx *c) {
    struct hash_edit ed;
    struct entry *e;
    struct hash_texts fields;
    struct key k = ctx_key(c, 1);
    if (!hash_find(c, k, &e) || !hash_parse_fields(c, 2, HASH_NUMFIELDS_ERROR, &fields)) return;
    if (!e) {
        reply_all(c, fields, NO_FIELD);
        return;
    }
    if (!hash_edit_begin(&ed, c, k, e, (struct hash_plan){.times = 0})) return;
    struct touched touched = touched_begin(c, fields);
    reply_array(c->r, fields.n);
    for (size_t i = 0; i < fields.n; i++) {
        hash_prefetch(ed.large, fields, i);
        int v = take_time(&ed, fields.v[i]);
        if (v == DONE) touched_add(&touched, fields.v[i]);
        reply_int(c->r, v);
    }
    hash_edit_finish(&ed, "hpersist", NULL);
    touched_end(c, k, &touched, false, HASH_NO_TIME);
}

/* The times of fields counted from base_ms, in units of unit_ms, rounded up. */
static void reply_times(struct ctx *c, int64_t base_ms, int64_t unit_ms) {
    const struct entry *e;
    struct hash_view v;
    struct hash_texts fields;
    if (!hash_read(c, &e, &v) || !hash_parse_fields(c, 2, HASH_NUMFIELDS_ERROR, &fields)) return;
    reply_array(c->r, fields.n);
    for (size_t i = 0; i < fields.n; i++) {
        int64_t time_ms;
        hash_prefetch(v.large, fields, i);
        if (!hash_view_time(v, fields.v[i], &time_ms)) {
            reply_int(c->r, NO_FIELD);
        } else if (time_ms == HASH_NO_TIME) {
            reply_int(c->r, NO_TIME);
        } else {
            reply_int(c->r, (time_ms - base_ms + unit_ms - 1) / unit_ms);
        }
    }
}

static void ttl_seconds(struct ctx *c) { reply_times(c, c->core->now_ms, 1000); }
static void ttl_ms(struct ctx *c) { reply_times(c, c->core->now_ms, 1); }
static void expire_time_seconds(struct ctx *c) { reply_times(c, 0, 1000); }
static void expire_time_ms(struct ctx *c) { reply_times(c, 0, 1); }

/* -- the options of HGETEX and HSETEX ------------------------------------------------ */

enum term { TERM_NONE, TERM_TIME, TERM_PERSIST, TERM_KEEP };

struct options {
    enum term term;
    int64_t when_ms;               /* of TERM_TIME */
    bool if_new, if_there;         /* the key: NX, XX */
    bool if_fields_new, if_fields; /* all of the fields: FNX, FXX */
    struct hash_texts fields;
};

static const struct {
    const char *name;
    bool absolute;
    int64_t unit_ms;
} time_options[] = {
    {"ex", false, 1000},
    {"px", false, 1},
    {"exat", true, 1000},
    {"pxat", true, 1},
};

/* Reads an option about time at argument i, of which there may be one; `other` is what else it may
 * be. Returns how many arguments it takes, 0 if it is none, -1 if an error was replied. */
static int parse_term(struct ctx *c, int i, const char *other, enum term other_term,
                      const char *twice, struct options *o) {
    enum term term = slice_is(c->argv[i], other) ? other_term : TERM_NONE;
    size_t at = 0, count = sizeof time_options / sizeof *time_options;
    while (at < count && !slice_is(c->argv[i], time_options[at].name)) at++;
    if (at < count) term = TERM_TIME;
    if (term == TERM_NONE) return 0;
    if (o->term != TERM_NONE) {
        reply_error(c->r, twice);
        return -1;
    }
    o->term = term;
    if (term != TERM_TIME) return 1;
    if (i + 1 == c->argc) {
        reply_error(c->r, "ERR missing expire time");
        return -1;
    }
    int64_t base_ms = time_options[at].absolute ? 0 : c->core->now_ms;
    return parse_time(c, i + 1, base_ms, time_options[at].unit_ms, &o->when_ms) ? 2 : -1;
}

static bool in_past(const struct ctx *c, const struct options *o) {
    return o->term == TERM_TIME && o->when_ms <= c->db->ks->now_ms;
}

/* -- HGETEX -------------------------------------------------------------------------- */

static int parse_get_term(struct ctx *c, int i, struct options *o) {
    return parse_term(c, i, "persist", TERM_PERSIST,
                      "ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified",
                      o);
}

static bool parse_get(struct ctx *c, struct options *o) {
    int behind;
    *o = (struct options){.term = TERM_NONE};
    int taken = parse_get_term(c, 2, o);
    if (taken < 0) return false;
    if (!parse_fields(c, 2 + taken, HASH_NUMFIELDS_ERROR, &o->fields, &behind)) return false;
    while (behind < c->argc && (taken = parse_get_term(c, behind, o)) > 0) behind += taken;
    return taken >= 0 && nothing_behind(c, behind);
}

/* Without an option: as HMGET. */
static void get_values(struct ctx *c, const struct entry *e, struct hash_texts fields) {
    bool all = true;
    struct hash_view v = hash_look(c, e);
    reply_array(c->r, fields.n);
    for (size_t i = 0; i < fields.n; i++) {
        hash_prefetch(v.large, fields, i);
        all &= hash_reply_field(c->r, v, fields.v[i]);
    }
    if (!all) hash_let_leave(c, v, fields);
}

/* What HGETEX does to a field that is there. */
static int change_term(struct hash_edit *ed, const struct options *o, struct slice field) {
    if (o->term == TERM_PERSIST) return take_time(ed, field);
    struct expire x = {.when_ms = o->when_ms, .condition = IF_ANY};
    return set_time(ed, &x, field);
}

static void get_ex(struct ctx *c) {
    struct hash_edit ed;
    struct entry *e;
    struct options o;
    bool there = false, changed = false;
    struct key k = ctx_key(c, 1);
    if (!hash_find(c, k, &e) || !parse_get(c, &o)) return;
    if (!e || o.term == TERM_NONE) {
        get_values(c, e, o.fields);
        return;
    }
    size_t times = o.term == TERM_TIME ? o.fields.n : 0;
    if (!hash_edit_begin(&ed, c, k, e, (struct hash_plan){.times = times})) return;
    struct touched touched = touched_begin(c, o.fields);
    reply_array(c->r, o.fields.n);
    for (size_t i = 0; i < o.fields.n; i++) {
        hash_prefetch(ed.large, o.fields, i);
        if (hash_reply_field(c->r, hash_edit_view(&ed), o.fields.v[i])) {
            int v = change_term(&ed, &o, o.fields.v[i]);
            there = true;
            changed |= v == DONE;
            if (v == DONE || v == DELETED) touched_add(&touched, o.fields.v[i]);
        } else {
            hash_edit_drop_past(&ed, o.fields.v[i]);
        }
    }
    const char *event = in_past(c, &o) ? "hdel" : o.term == TERM_TIME ? "hexpire" : "hpersist";
    hash_edit_finish(&ed, changed || (there && in_past(c, &o)) ? event : NULL, NULL);
    touched_end(c, k, &touched, in_past(c, &o), o.term == TERM_TIME ? o.when_ms : HASH_NO_TIME);
}

/* -- HSETEX -------------------------------------------------------------------------- */

/* Sets one of two flags that exclude each other. */
static int exclusive(struct ctx *c, bool *flag, bool other, const char *error) {
    if (*flag || other) {
        reply_error(c->r, error);
        return -1;
    }
    *flag = true;
    return 1;
}

/* As parse_term. */
static int parse_set_option(struct ctx *c, int i, struct options *o) {
    static const char fields_error[] = "ERR Only one of FXX or FNX arguments can be specified";
    const char *syntax = err_text(ERR_SYNTAX);
    struct slice word = c->argv[i];
    if (slice_is(word, "fnx")) return exclusive(c, &o->if_fields_new, o->if_fields, fields_error);
    if (slice_is(word, "fxx")) return exclusive(c, &o->if_fields, o->if_fields_new, fields_error);
    if (slice_is(word, "nx")) return exclusive(c, &o->if_new, o->if_there, syntax);
    if (slice_is(word, "xx")) return exclusive(c, &o->if_there, o->if_new, syntax);
    return parse_term(c, i, "keepttl", TERM_KEEP,
                      "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified",
                      o);
}

/* FIELDS at argument i, its number and the pairs; *behind: the argument that follows. */
static bool parse_pairs(struct ctx *c, int i, struct options *o, int *behind) {
    int64_t n;
    if (i >= c->argc - 3) {
        ctx_arity_error(c);
        return false;
    }
    if (!ctx_int_range(c, i + 1, 1, INT32_MAX, &n, "ERR invalid number of fields")) return false;
    if (n > (c->argc - i - 2) / 2) {
        ctx_arity_error(c);
        return false;
    }
    o->fields = (struct hash_texts){c->argv + i + 2, 2 * (size_t)n, 2};
    *behind = i + 2 + 2 * (int)n;
    return true;
}

static bool parse_set(struct ctx *c, struct options *o) {
    int i = 2, taken = 1;
    *o = (struct options){.term = TERM_NONE};
    while (i < c->argc && !slice_is(c->argv[i], "fields") &&
           (taken = parse_set_option(c, i, o)) > 0)
        i += taken;
    if (taken < 0) return false;
    if (taken == 0) {
        reply_errorf(c->r, "ERR unknown argument: %.*s", (int)c->argv[i].n, c->argv[i].p);
        return false;
    }
    if (i >= c->argc) {
        reply_error(c->r, "ERR missing FIELDS argument");
        return false;
    }
    if (!parse_pairs(c, i, o, &i)) return false;
    while (i < c->argc && (taken = parse_set_option(c, i, o)) > 0) i += taken;
    if (taken == 0) ctx_arity_error(c);
    return taken > 0;
}

/* Whether the hash of e is as the options ask. Fields that were looked at leave if their time has
 * come and nothing is to be set. */
static bool options_hold(struct ctx *c, const struct entry *e, const struct options *o) {
    struct hash_view v = hash_look(c, e);
    struct lp_value value;
    if ((o->if_new && e) || (o->if_there && !e)) return false;
    if (!o->if_fields && !o->if_fields_new) return true;
    for (size_t i = 0; i < o->fields.n; i += 2) {
        if (hash_view_get(v, o->fields.v[i], &value) == o->if_fields) continue;
        hash_let_leave(c, v, (struct hash_texts){o->fields.v, i + 2, 2});
        return false;
    }
    return true;
}

/* Sets fields that end at once. */
static void set_past(struct hash_edit *ed, struct hash_texts pairs) {
    for (size_t i = 0; i < pairs.n; i += 2) hash_edit_delete(ed, pairs.v[i]);
    ed->c->core->ks->expired_fields += pairs.n / 2;
    ed->changed = true;
}

/* As HSET and the times, which an older server knows, but for KEEPTTL. */
static void tell_set_ex(struct ctx *c, struct key k, const struct options *o) {
    bool keep = o->term == TERM_KEEP;
    const struct hash_texts *pairs = &o->fields;
    if (in_past(c, o)) {
        hash_tell_deleted(c, k, *pairs);
        return;
    }
    effect_begin(c, pairs->n + (keep ? 5 : 2));
    effect_word(c, keep ? "HSETEX" : "HSET");
    effect_bytes(c, key_slice(k));
    if (keep) {
        effect_word(c, "KEEPTTL");
        effect_word(c, "FIELDS");
        effect_int(c, (int64_t)pairs->n / 2);
    }
    for (size_t i = 0; i < pairs->n; i++) effect_bytes(c, pairs->v[i]);
    if (o->term != TERM_TIME) return;
    struct touched touched = touched_begin(c, *pairs);
    for (size_t i = 0; i < pairs->n; i += 2) touched_add(&touched, pairs->v[i]);
    touched_end(c, k, &touched, false, o->when_ms);
}

static void set_ex(struct ctx *c) {
    struct hash_edit ed;
    struct entry *e;
    struct options o;
    struct key k = ctx_key(c, 1);
    if (!parse_set(c, &o) || !hash_find(c, k, &e)) return;
    if (!options_hold(c, e, &o)) {
        reply_int(c->r, 0);
        return;
    }
    bool past = in_past(c, &o), timed = o.term == TERM_TIME && !past;
    struct hash_plan plan = {.times = timed ? o.fields.n / 2 : 0};
    if (!past) plan.set = o.fields;
    if (!hash_edit_begin(&ed, c, k, e, plan)) return;
    int64_t time_ms = timed ? o.when_ms : o.term == TERM_KEEP ? HASH_KEEP_TIME : HASH_NO_TIME;
    for (size_t i = 0; i < plan.set.n; i += 2) {
        hash_prefetch(ed.large, plan.set, i);
        hash_edit_set(&ed, plan.set.v[i], plan.set.v[i + 1], time_ms);
    }
    if (past) set_past(&ed, o.fields);
    hash_edit_finish(&ed, "hset", past ? "hdel" : timed ? "hexpire" : NULL);
    if (effects_due(c)) tell_set_ex(c, k, &o);
    reply_int(c->r, 1);
}

/* -- rows ---------------------------------------------------------------------------- */

static const struct row_arg field_args[] = {
    {.name = "numfields", .type = ARG_INTEGER},
    {.name = "field", .type = ARG_STRING, .flags = ARG_MULTIPLE},
    {0},
};
#define FIELDS_ARG                                                                                 \
    { .name = "fields", .type = ARG_BLOCK, .token = "FIELDS", .sub = field_args }
static const struct row_arg condition_args[] = {
    {.name = "nx", .type = ARG_PURE_TOKEN, .token = "NX"},
    {.name = "xx", .type = ARG_PURE_TOKEN, .token = "XX"},
    {.name = "gt", .type = ARG_PURE_TOKEN, .token = "GT"},
    {.name = "lt", .type = ARG_PURE_TOKEN, .token = "LT"},
    {0},
};
#define CONDITION_ARG                                                                              \
    { .name = "condition", .type = ARG_ONEOF, .flags = ARG_OPTIONAL, .sub = condition_args }
static const struct row_arg hexpire_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "seconds", .type = ARG_INTEGER},
    CONDITION_ARG,
    FIELDS_ARG,
    {0},
};
static const struct row_arg hpexpire_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "milliseconds", .type = ARG_INTEGER},
    CONDITION_ARG,
    FIELDS_ARG,
    {0},
};
static const struct row_arg hexpireat_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "unix-time-seconds", .type = ARG_UNIX_TIME},
    CONDITION_ARG,
    FIELDS_ARG,
    {0},
};
static const struct row_arg hpexpireat_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "unix-time-milliseconds", .type = ARG_UNIX_TIME},
    CONDITION_ARG,
    FIELDS_ARG,
    {0},
};
static const struct row_arg key_fields_args[] = {
    {.name = "key", .type = ARG_KEY},
    FIELDS_ARG,
    {0},
};
#define TIME_ARGS                                                                                  \
    {.name = "seconds", .type = ARG_INTEGER, .token = "EX"},                                       \
        {.name = "milliseconds", .type = ARG_INTEGER, .token = "PX"},                              \
        {.name = "unix-time-seconds", .type = ARG_UNIX_TIME, .token = "EXAT"}, {                   \
        .name = "unix-time-milliseconds", .type = ARG_UNIX_TIME, .token = "PXAT"                   \
    }
static const struct row_arg get_terms[] = {
    TIME_ARGS,
    {.name = "persist", .type = ARG_PURE_TOKEN, .token = "PERSIST"},
    {0},
};
static const struct row_arg hgetex_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "expiration", .type = ARG_ONEOF, .flags = ARG_OPTIONAL, .sub = get_terms},
    FIELDS_ARG,
    {0},
};
static const struct row_arg set_terms[] = {
    TIME_ARGS,
    {.name = "keepttl", .type = ARG_PURE_TOKEN, .token = "KEEPTTL"},
    {0},
};
static const struct row_arg key_conditions[] = {
    {.name = "nx", .type = ARG_PURE_TOKEN, .token = "NX"},
    {.name = "xx", .type = ARG_PURE_TOKEN, .token = "XX"},
    {0},
};
static const struct row_arg fields_conditions[] = {
    {.name = "fnx", .type = ARG_PURE_TOKEN, .token = "FNX"},
    {.name = "fxx", .type = ARG_PURE_TOKEN, .token = "FXX"},
    {0},
};
static const struct row_arg pair_args[] = {
    {.name = "field", .type = ARG_STRING},
    {.name = "value", .type = ARG_STRING},
    {0},
};
static const struct row_arg pairs_args[] = {
    {.name = "numfields", .type = ARG_INTEGER},
    {.name = "data", .type = ARG_BLOCK, .flags = ARG_MULTIPLE, .sub = pair_args},
    {0},
};
static const struct row_arg hsetex_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "key-condition", .type = ARG_ONEOF, .flags = ARG_OPTIONAL, .sub = key_conditions},
    {.name = "condition", .type = ARG_ONEOF, .flags = ARG_OPTIONAL, .sub = fields_conditions},
    {.name = "expiration", .type = ARG_ONEOF, .flags = ARG_OPTIONAL, .sub = set_terms},
    {.name = "fields", .type = ARG_BLOCK, .token = "FIELDS", .sub = pairs_args},
    {0},
};
static const char *const changing_tips[] = {"nondeterministic_output", NULL};

#define COMPLEXITY "O(N) in the number of fields given"

const struct row hash_expire_rows[] = {
    {
        .name = "hexpire",
        .run = expire_seconds,
        .arity = -6,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_HASH,
        .keys = HASH_KEY(KEY_RW | KEY_UPDATE),
        .since = "7.4.0",
        .summary = "Lets fields of a hash end after some seconds.",
        .complexity = COMPLEXITY,
        .group = GROUP_HASH,
        .args = hexpire_args,
    },
    {
        .name = "hexpireat",
        .run = expire_at_seconds,
        .arity = -6,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_HASH,
        .keys = HASH_KEY(KEY_RW | KEY_UPDATE),
        .since = "7.4.0",
        .summary = "Lets fields of a hash end at a Unix time in seconds.",
        .complexity = COMPLEXITY,
        .group = GROUP_HASH,
        .args = hexpireat_args,
    },
    {
        .name = "hexpiretime",
        .run = expire_time_seconds,
        .arity = -5,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_HASH,
        .keys = HASH_KEY(KEY_RO | KEY_ACCESS),
        .since = "7.4.0",
        .summary = "Tells the Unix times in seconds at which fields of a hash end.",
        .complexity = COMPLEXITY,
        .group = GROUP_HASH,
        .args = key_fields_args,
    },
    {
        .name = "hgetex",
        .run = get_ex,
        .arity = -5,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_HASH,
        .keys = {{.notes = "RW and UPDATE because it changes the TTL",
                  .flags = KEY_RW | KEY_ACCESS | KEY_UPDATE,
                  .begin = BEGIN_INDEX,
                  .index = 1,
                  .find = FIND_RANGE,
                  .step = 1}},
        .since = "8.0.0",
        .summary = "Returns the values of fields, and sets or takes away their times.",
        .complexity = COMPLEXITY,
        .group = GROUP_HASH,
        .args = hgetex_args,
    },
    {
        .name = "hpersist",
        .run = persist,
        .arity = -5,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_HASH,
        .keys = HASH_KEY(KEY_RW | KEY_UPDATE),
        .since = "7.4.0",
        .summary = "Takes their times from fields of a hash.",
        .complexity = COMPLEXITY,
        .group = GROUP_HASH,
        .args = key_fields_args,
    },
    {
        .name = "hpexpire",
        .run = expire_ms,
        .arity = -6,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_HASH,
        .keys = HASH_KEY(KEY_RW | KEY_UPDATE),
        .since = "7.4.0",
        .summary = "Lets fields of a hash end after some milliseconds.",
        .complexity = COMPLEXITY,
        .group = GROUP_HASH,
        .args = hpexpire_args,
    },
    {
        .name = "hpexpireat",
        .run = expire_at_ms,
        .arity = -6,
        .flags = ROW_WRITE | ROW_FAST,
        .acl = ACL_HASH,
        .keys = HASH_KEY(KEY_RW | KEY_UPDATE),
        .since = "7.4.0",
        .summary = "Lets fields of a hash end at a Unix time in milliseconds.",
        .complexity = COMPLEXITY,
        .group = GROUP_HASH,
        .args = hpexpireat_args,
    },
    {
        .name = "hpexpiretime",
        .run = expire_time_ms,
        .arity = -5,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_HASH,
        .keys = HASH_KEY(KEY_RO | KEY_ACCESS),
        .since = "7.4.0",
        .summary = "Tells the Unix times in milliseconds at which fields of a hash end.",
        .complexity = COMPLEXITY,
        .group = GROUP_HASH,
        .args = key_fields_args,
    },
    {
        .name = "hpttl",
        .run = ttl_ms,
        .arity = -5,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_HASH,
        .keys = HASH_KEY(KEY_RO | KEY_ACCESS),
        .since = "7.4.0",
        .summary = "Tells the milliseconds that fields of a hash have left.",
        .complexity = COMPLEXITY,
        .group = GROUP_HASH,
        .args = key_fields_args,
        .tips = changing_tips,
    },
    {
        .name = "hsetex",
        .run = set_ex,
        .arity = -6,
        .flags = ROW_WRITE | ROW_DENYOOM | ROW_FAST,
        .acl = ACL_HASH,
        .keys = HASH_KEY(KEY_RW | KEY_UPDATE),
        .since = "8.0.0",
        .summary = "Sets fields of a hash, with the time at which they end.",
        .complexity = COMPLEXITY,
        .group = GROUP_HASH,
        .args = hsetex_args,
    },
    {
        .name = "httl",
        .run = ttl_seconds,
        .arity = -5,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = ACL_HASH,
        .keys = HASH_KEY(KEY_RO | KEY_ACCESS),
        .since = "7.4.0",
        .summary = "Tells the seconds that fields of a hash have left.",
        .complexity = COMPLEXITY,
        .group = GROUP_HASH,
        .args = key_fields_args,
        .tips = changing_tips,
    },
    {0},
};
