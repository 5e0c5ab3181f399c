/* cmd_string_set.c - commands that replace or remove a string, and their options.
 *
 * The options of SET, GETEX, MSETEX and INCREX are rows of one table: who takes an option,
 * what it excludes, whether a value follows.
 *
 * W1  SET without options is decided before anything else is looked at.
 * W2  A command that replies an error has changed nothing.
 * W3  A key given a time that has passed is removed at once, not stored to expire.
 * Threads: the loop.
 * To add an option: enum string_option, a row here, the reader of the command.
 * Specification: Redis 7.2, with the comparisons, DELEX, DIGEST and MSETEX of Redis 8.4 and
 * DELIFEQ of Valkey 9.0.
 */
#include "commands/cmd_string_internal.h"

#include <limits.h>

#include "base/num.h"

/* -- options ------------------------------------------------------------------------- */

#define OPTIONS_COMPARE                                                                            \
    (OPTION_BIT(OPTION_IFEQ) | OPTION_BIT(OPTION_IFNE) | OPTION_BIT(OPTION_IFDEQ) |                \
     OPTION_BIT(OPTION_IFDNE))
#define OPTIONS_CONDITION (OPTION_BIT(OPTION_NX) | OPTION_BIT(OPTION_XX) | OPTIONS_COMPARE)
#define OPTIONS_TIME (OPTIONS_EXPIRE | OPTION_BIT(OPTION_KEEPTTL) | OPTION_BIT(OPTION_PERSIST))
#define OPTIONS_NUMBER (OPTION_BIT(OPTION_BYINT) | OPTION_BIT(OPTION_BYFLOAT))

#define OPTION_WORD_BYTES 8

struct option_row {
    char word[OPTION_WORD_BYTES]; /* upper case, padded with zeros */
    uint8_t length;
    bool has_value;
    uint8_t commands;  /* enum string_command */
    uint32_t excludes; /* other options; INCREX takes none twice, either */
};

/* Every option that sets a time excludes every other one. */
static const struct option_row option_rows[OPTION_COUNT] = {
    [OPTION_NX] = {"NX", 2, false, COMMAND_SET | COMMAND_MSETEX,
                   OPTIONS_CONDITION & ~OPTION_BIT(OPTION_NX)},
    [OPTION_XX] = {"XX", 2, false, COMMAND_SET | COMMAND_MSETEX,
                   OPTIONS_CONDITION & ~OPTION_BIT(OPTION_XX)},
    [OPTION_IFEQ] = {"IFEQ", 4, true, COMMAND_SET | COMMAND_DELEX, OPTIONS_CONDITION},
    [OPTION_IFNE] = {"IFNE", 4, true, COMMAND_SET | COMMAND_DELEX, OPTIONS_CONDITION},
    [OPTION_IFDEQ] = {"IFDEQ", 5, true, COMMAND_SET | COMMAND_DELEX, OPTIONS_CONDITION},
    [OPTION_IFDNE] = {"IFDNE", 5, true, COMMAND_SET | COMMAND_DELEX, OPTIONS_CONDITION},
    [OPTION_GET] = {"GET", 3, false, COMMAND_SET, 0},
    [OPTION_EX] = {"EX", 2, true, COMMAND_SET | COMMAND_GETEX | COMMAND_MSETEX | COMMAND_INCREX,
                   OPTIONS_TIME & ~OPTION_BIT(OPTION_EX)},
    [OPTION_PX] = {"PX", 2, true, COMMAND_SET | COMMAND_GETEX | COMMAND_MSETEX | COMMAND_INCREX,
                   OPTIONS_TIME & ~OPTION_BIT(OPTION_PX)},
    [OPTION_EXAT] = {"EXAT", 4, true, COMMAND_SET | COMMAND_GETEX | COMMAND_MSETEX | COMMAND_INCREX,
                     OPTIONS_TIME & ~OPTION_BIT(OPTION_EXAT)},
    [OPTION_PXAT] = {"PXAT", 4, true, COMMAND_SET | COMMAND_GETEX | COMMAND_MSETEX | COMMAND_INCREX,
                     OPTIONS_TIME & ~OPTION_BIT(OPTION_PXAT)},
    [OPTION_KEEPTTL] = {"KEEPTTL", 7, false, COMMAND_SET | COMMAND_MSETEX,
                        OPTIONS_TIME & ~OPTION_BIT(OPTION_KEEPTTL)},
    [OPTION_PERSIST] = {"PERSIST", 7, false, COMMAND_GETEX | COMMAND_INCREX,
                        (OPTIONS_TIME & ~OPTION_BIT(OPTION_PERSIST)) | OPTION_BIT(OPTION_ENX)},
    [OPTION_ENX] = {"ENX", 3, false, COMMAND_INCREX, OPTION_BIT(OPTION_PERSIST)},
    [OPTION_BYINT] = {"BYINT", 5, true, COMMAND_INCREX, OPTIONS_NUMBER},
    [OPTION_BYFLOAT] = {"BYFLOAT", 7, true, COMMAND_INCREX, OPTIONS_NUMBER},
    [OPTION_LBOUND] = {"LBOUND", 6, true, COMMAND_INCREX, 0},
    [OPTION_UBOUND] = {"UBOUND", 6, true, COMMAND_INCREX, 0},
    [OPTION_SATURATE] = {"SATURATE", 8, false, COMMAND_INCREX, 0},
};

/* The option that a word names for the command, or -1. */
static int option_find(struct slice word, enum string_command command) {
    uint64_t upper = 0, name;
    if (word.n > OPTION_WORD_BYTES) return -1;
    memcpy(&upper, word.p, word.n);
    upper &= 0xDFDFDFDFDFDFDFDFu; /* only a letter in either case becomes that letter */
    for (int i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *row = &option_rows[i];
        memcpy(&name, row->word, sizeof name);
        if (name == upper && row->length == word.n && (row->commands & command)) return i;
    }
    return -1;
}

bool string_options_parse(struct ctx *c, int first, enum string_command command,
                          struct string_options *o) {
    o->given = 0;
    for (int i = first; i < c->argc; i++) {
        int which = option_find(c->argv[i], command);
        if (which < 0) goto syntax;
        const struct option_row *row = &option_rows[which];
        if (o->given & row->excludes) goto syntax;
        if (command == COMMAND_INCREX && option_given(o, which)) goto syntax;
        o->given |= OPTION_BIT(which);
        if (!row->has_value) continue;
        if (++i == c->argc) goto syntax;
        o->value[which] = i;
    }
    return true;
syntax:
    reply_err(c->r, ERR_SYNTAX);
    return false;
}

/* A relative or absolute time in `unit_ms` as an absolute one in ms. */
static bool expire_time(struct ctx *c, int i, int64_t unit_ms, bool relative, int64_t *expire_ms) {
    int64_t t;
    if (!ctx_int(c, i, &t)) return false;
    if (t <= 0 || __builtin_mul_overflow(t, unit_ms, &t) ||
        (relative && __builtin_add_overflow(t, c->core->now_ms, &t))) {
        reply_errorf(c->r, "ERR invalid expire time in '%s' command", c->row->name);
        return false;
    }
    *expire_ms = t;
    return true;
}

bool string_options_expire(struct ctx *c, const struct string_options *o, int64_t *expire_ms) {
    *expire_ms = option_given(o, OPTION_KEEPTTL) ? DB_KEEP_TTL : DB_NO_TTL;
    if (option_given(o, OPTION_EX)) {
        return expire_time(c, o->value[OPTION_EX], 1000, true, expire_ms);
    }
    if (option_given(o, OPTION_PX)) {
        return expire_time(c, o->value[OPTION_PX], 1, true, expire_ms);
    }
    if (option_given(o, OPTION_EXAT)) {
        return expire_time(c, o->value[OPTION_EXAT], 1000, false, expire_ms);
    }
    if (option_given(o, OPTION_PXAT)) {
        return expire_time(c, o->value[OPTION_PXAT], 1, false, expire_ms);
    }
    return true;
}

/* -- storing ------------------------------------------------------------------------- */

void string_end(struct ctx *c, struct key k) {
    if (!db_delete(c->db, k)) return;
    ctx_changed(c, k, FEED_GENERIC, "del");
    if (effects_wanted(c)) effect_delete(c, key_slice(k));
}

void string_tell_set(struct ctx *c, struct key k, struct slice value, int64_t expire_ms) {
    effect_begin(c, expire_ms >= 0 ? 5 : expire_ms == DB_KEEP_TTL ? 4 : 3);
    effect_word(c, "SET");
    effect_bytes(c, key_slice(k));
    effect_bytes(c, value);
    if (expire_ms == DB_NO_TTL) return;
    effect_word(c, expire_ms >= 0 ? "PXAT" : "KEEPTTL");
    if (expire_ms >= 0) effect_int(c, expire_ms);
}

/* Makes k hold argument i until expire_ms (or DB_NO_TTL, DB_KEEP_TTL). */
static void set_value(struct ctx *c, struct key k, int i, int64_t expire_ms) {
    if (expire_ms >= 0 && expire_ms <= c->db->ks->now_ms) {
        string_end(c, k);
        return;
    }
    string_store(c, k, i, expire_ms);
    ctx_changed(c, k, FEED_STRING, "set");
    if (expire_ms >= 0) {
        ctx_changed(c, k, FEED_GENERIC, "expire");
        ctx_counts(c, 0);
    }
    if (effects_wanted(c)) string_tell_set(c, k, c->argv[i], expire_ms);
}

/* -- conditions ---------------------------------------------------------------------- */

#define DIGEST_DIGITS 16

/* XXH3 with its standard secret, so that clients can compute it themselves. */
static void digest_of(const struct entry *e, char out[DIGEST_DIGITS]) {
    static const char hex[] = "0123456789abcdef";
    char digits[ENTRY_DIGITS_MAX];
    struct slice v = entry_bytes(e, digits);
    uint64_t h = XXH3_64bits(v.p, v.n);
    for (int i = DIGEST_DIGITS - 1; i >= 0; i--, h >>= 4) out[i] = hex[h & 15];
}

static bool value_is(const struct entry *e, struct slice v) {
    char digits[ENTRY_DIGITS_MAX];
    return slice_eq(entry_bytes(e, digits), v);
}

static bool digest_is(const struct entry *e, struct slice digest) {
    char own[DIGEST_DIGITS + 1];
    digest_of(e, own);
    own[DIGEST_DIGITS] = '\0';
    return slice_is(digest, own);
}

/* Whether a comparison holds for the string e. Replies and returns false, with *replied
 * set, for a digest that is not one. */
static bool compare(struct ctx *c, const struct entry *e, enum string_option which, int i,
                    bool *replied) {
    struct slice operand = c->argv[i];
    if (which == OPTION_IFEQ) return value_is(e, operand);
    if (which == OPTION_IFNE) return !value_is(e, operand);
    if (operand.n != DIGEST_DIGITS) {
        reply_error(c->r, "ERR must be exactly 16 hexadecimal characters");
        *replied = true;
        return false;
    }
    return digest_is(e, operand) == (which == OPTION_IFDEQ);
}

/* Whether the condition among SET's options lets it go on; as compare otherwise. An absent
 * key differs from everything. */
static bool condition_holds(struct ctx *c, struct key k, const struct string_options *o,
                            bool *replied) {
    const struct entry *e = db_find(c->db, k);
    if (option_given(o, OPTION_NX)) return !e;
    if (option_given(o, OPTION_XX)) return e;
    int which = __builtin_ctz(o->given & OPTIONS_COMPARE);
    if (!e) return which == OPTION_IFNE || which == OPTION_IFDNE;
    if (!ctx_is_type(c, e, TYPE_STRING)) {
        *replied = true;
        return false;
    }
    return compare(c, e, which, o->value[which], replied);
}

/* -- SET and its older forms --------------------------------------------------------- */

/* Replies what k holds before it is replaced. */
static void reply_old(struct ctx *c, const struct entry *e) {
    if (e) {
        string_reply(c->r, e);
    } else {
        reply_null(c->r);
    }
}

/* Kept out of line, so that SET without options saves few registers. */
static __attribute__((noinline)) void set_with_options(struct ctx *c) {
    struct string_options o;
    int64_t expire_ms;
    if (!string_options_parse(c, 3, COMMAND_SET, &o)) return;
    if (!string_options_expire(c, &o, &expire_ms)) return;

    struct key k = ctx_key(c, 1);
    bool get = option_given(&o, OPTION_GET);
    if (get && !ctx_is_type(c, db_read(c->db, k), TYPE_STRING)) return;
    bool go = true, replied = false;
    if (o.given & OPTIONS_CONDITION) go = condition_holds(c, k, &o, &replied);
    if (replied) return;
    if (get) {
        reply_old(c, db_peek(c->db, k));
    } else if (go) {
        reply_ok(c->r);
    } else {
        reply_null(c->r);
    }
    if (go) set_value(c, k, 2, expire_ms);
}

void string_set(struct ctx *c) {
    if (unlikely(c->argc > 3)) {
        set_with_options(c);
        return;
    }
    struct key k = ctx_key(c, 1);
    string_store(c, k, 2, DB_NO_TTL);
    ctx_changed(c, k, FEED_STRING, "set");
    reply_ok(c->r);
}

void string_setnx(struct ctx *c) {
    struct key k = ctx_key(c, 1);
    bool absent = !db_find(c->db, k);
    if (absent) set_value(c, k, 2, DB_NO_TTL);
    reply_int(c->r, absent);
}

static void set_for(struct ctx *c, int64_t unit_ms) {
    int64_t expire_ms;
    if (!expire_time(c, 2, unit_ms, true, &expire_ms)) return;
    set_value(c, ctx_key(c, 1), 3, expire_ms);
    reply_ok(c->r);
}

void string_setex(struct ctx *c) { set_for(c, 1000); }
void string_psetex(struct ctx *c) { set_for(c, 1); }

void string_getset(struct ctx *c) {
    struct key k = ctx_key(c, 1);
    const struct entry *e = db_read(c->db, k);
    if (!ctx_is_type(c, e, TYPE_STRING)) return;
    reply_old(c, e);
    set_value(c, k, 2, DB_NO_TTL);
}

/* MSETEX numkeys key value [key value ...] [option ...] */
void string_msetex(struct ctx *c) {
    int64_t count, expire_ms;
    struct string_options o;
    if (!ctx_int_range(c, 1, 1, INT_MAX, &count, "ERR invalid numkeys value")) return;
    if (count > (c->argc - 2) / 2) {
        reply_error(c->r, "ERR wrong number of key-value pairs");
        return;
    }
    int end = 2 + 2 * (int)count;
    if (!string_options_parse(c, end, COMMAND_MSETEX, &o)) return;
    if (!string_options_expire(c, &o, &expire_ms)) return;
    if (o.given & OPTIONS_CONDITION) {
        for (int i = 2; i < end; i += 2) {
            if (db_exists(c->db, ctx_key(c, i)) != option_given(&o, OPTION_XX)) {
                reply_int(c->r, 0);
                return;
            }
        }
    }
    for (int i = 2; i < end; i += 2) set_value(c, ctx_key(c, i), i + 1, expire_ms);
    reply_int(c->r, 1);
}

/* -- reading with a change ----------------------------------------------------------- */

void string_getex(struct ctx *c) {
    struct string_options o;
    int64_t expire_ms;
    if (!string_options_parse(c, 2, COMMAND_GETEX, &o)) return;
    struct key k = ctx_key(c, 1);
    const struct entry *e = db_read(c->db, k);
    if (!e) {
        reply_null(c->r);
        return;
    }
    if (!ctx_is_type(c, e, TYPE_STRING)) return;
    if (!string_options_expire(c, &o, &expire_ms)) return;
    string_reply(c->r, e);
    if (expire_ms >= 0 && expire_ms <= c->db->ks->now_ms) {
        string_end(c, k);
    } else if (expire_ms >= 0) {
        db_set_expire(c->db, k, expire_ms);
        ctx_changed(c, k, FEED_GENERIC, "expire");
        if (effects_wanted(c)) effect_pexpireat(c, key_slice(k), expire_ms);
    } else if (option_given(&o, OPTION_PERSIST) && entry_has_ttl(e)) {
        db_set_expire(c->db, k, DB_NO_TTL);
        ctx_changed(c, k, FEED_GENERIC, "persist");
        if (effects_wanted(c)) effect_persist(c, key_slice(k));
    }
}

void string_getdel(struct ctx *c) {
    struct key k = ctx_key(c, 1);
    const struct entry *e = db_read(c->db, k);
    if (!ctx_is_type(c, e, TYPE_STRING)) return;
    reply_old(c, e);
    string_end(c, k);
}

void string_digest(struct ctx *c) {
    char digest[DIGEST_DIGITS];
    const struct entry *e = db_read(c->db, ctx_key(c, 1));
    if (!e) {
        reply_null(c->r);
    } else if (ctx_is_type(c, e, TYPE_STRING)) {
        digest_of(e, digest);
        reply_bulk(c->r, slice_of(digest, DIGEST_DIGITS));
    }
}

/* -- removing under a condition ------------------------------------------------------ */

static void remove_if(struct ctx *c, struct key k, bool go) {
    if (go) string_end(c, k);
    reply_int(c->r, go);
}

void string_delex(struct ctx *c) {
    if (c->argc != 2 && c->argc != 4) {
        ctx_arity_error(c);
        return;
    }
    struct key k = ctx_key(c, 1);
    const struct entry *e = db_find(c->db, k);
    if (!e || c->argc == 2) {
        remove_if(c, k, e);
        return;
    }
    if (entry_type(e) != TYPE_STRING) {
        reply_error(c->r, "ERR Key should be of string type if conditions are specified");
        return;
    }
    int which = option_find(c->argv[2], COMMAND_DELEX);
    if (which < 0) {
        reply_error(c->r, "ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE");
        return;
    }
    bool replied = false;
    bool go = compare(c, e, which, 3, &replied);
    if (!replied) remove_if(c, k, go);
}

void string_delifeq(struct ctx *c) {
    struct key k = ctx_key(c, 1);
    const struct entry *e = db_find(c->db, k);
    if (!ctx_is_type(c, e, TYPE_STRING)) return;
    remove_if(c, k, e && value_is(e, c->argv[2]));
}
