/* cmd_string_float.c - arithmetic beyond INCRBY: floats, bounds, saturation.
 *
 * F1  INCREX is decided in full (new value, increment applied, time) before it writes.
 * F2  Floats are long doubles, and are kept and shown as num_format_ld_human prints them.
 * Threads: the loop.
 * Specification: Redis 7.2's INCRBYFLOAT; Redis 8.8's INCREX.
 */
#include <float.h>
#include <math.h>

#include "base/num.h"
#include "commands/cmd_string_internal.h"

/* -- floats -------------------------------------------------------------------------- */

/* The float in a string; 0 for an absent key. Replies and returns false if it is not one. */
static bool float_of(struct ctx *c, const struct entry *e, long double *v) {
    char digits[ENTRY_DIGITS_MAX];
    *v = 0;
    if (!e || num_parse_ld(entry_bytes(e, digits), v)) return true;
    reply_err(c->r, ERR_NOT_FLOAT);
    return false;
}

void string_incrbyfloat(struct ctx *c) {
    char text[NUM_FLOAT_BYTES_MAX];
    long double v, incr;
    struct key k = ctx_key(c, 1);
    const struct entry *e = db_find(c->db, k);
    if (!ctx_is_type(c, e, TYPE_STRING) || !float_of(c, e, &v)) return;
    if (!num_parse_ld(c->argv[2], &incr)) {
        reply_err(c->r, ERR_NOT_FLOAT);
        return;
    }
    v += incr;
    if (!isfinite(v)) {
        reply_err(c->r, ERR_NAN_OR_INF);
        return;
    }
    struct slice s = slice_of(text, num_format_ld_human(text, v));
    db_set_text(c->db, k, s, DB_KEEP_TTL);
    ctx_changed(c, k, FEED_STRING, "incrbyfloat");
    if (effects_wanted(c)) string_tell_set(c, k, s, DB_KEEP_TTL);
    reply_bulk(c->r, s);
}

/* -- INCREX -------------------------------------------------------------------------- */

/* A number of the kind that the increment is of. */
union number {
    int64_t i;
    long double f;
};

struct increx {
    bool by_float, saturate;
    bool has_lower, has_upper;
    union number by, lower, upper;
};

/* What comes of it. */
enum increx_result {
    INCREX_APPLIED,
    INCREX_REFUSED, /* out of bounds: the reply says so, nothing changes */
    INCREX_ERROR,   /* replied */
};

/* The number behind an option, *v as it was if the option is not given. Replies and returns
 * false for one that is not of the increment's kind. */
static bool number_arg(struct ctx *c, const struct string_options *o, enum string_option which,
                       const char *what, union number *v) {
    if (!option_given(o, which)) return true;
    struct slice text = c->argv[o->value[which]];
    if (option_given(o, OPTION_BYFLOAT)) {
        if (num_parse_ld(text, &v->f)) return true;
        reply_errorf(c->r, "ERR %s is not a valid float", what);
    } else {
        if (num_parse_i64(text, &v->i)) return true;
        reply_errorf(c->r, "ERR %s is not an integer or out of range", what);
    }
    return false;
}

static bool increx_parse(struct ctx *c, const struct string_options *o, struct increx *x) {
    *x = (struct increx){
        .by_float = option_given(o, OPTION_BYFLOAT),
        .saturate = option_given(o, OPTION_SATURATE),
        .has_lower = option_given(o, OPTION_LBOUND),
        .has_upper = option_given(o, OPTION_UBOUND),
        .by.i = 1,
    };
    if (option_given(o, OPTION_ENX) && !(o->given & OPTIONS_EXPIRE)) {
        reply_error(c->r, "ERR ENX flag requires an expiration");
        return false;
    }
    if (!number_arg(c, o, OPTION_BYINT, "Increment", &x->by) ||
        !number_arg(c, o, OPTION_BYFLOAT, "Increment", &x->by)) {
        return false;
    }
    if (x->by_float && isinf(x->by.f)) {
        reply_error(c->r, "ERR BYFLOAT increment cannot be Infinity");
        return false;
    }
    if (!number_arg(c, o, OPTION_LBOUND, "LBOUND", &x->lower) ||
        !number_arg(c, o, OPTION_UBOUND, "UBOUND", &x->upper)) {
        return false;
    }
    if (x->has_lower && x->has_upper &&
        (x->by_float ? x->lower.f > x->upper.f : x->lower.i > x->upper.i)) {
        reply_error(c->r, "ERR LBOUND can't be greater than UBOUND");
        return false;
    }
    return true;
}

/* Bounds that are not given are those of the type. */
static enum increx_result increx_int(struct ctx *c, const struct increx *x, int64_t *v,
                                     int64_t *applied) {
    int64_t old = *v, sum;
    int64_t lower = x->has_lower ? x->lower.i : INT64_MIN;
    int64_t upper = x->has_upper ? x->upper.i : INT64_MAX;
    bool over = __builtin_add_overflow(old, x->by.i, &sum);
    if (over) sum = x->by.i > 0 ? INT64_MAX : INT64_MIN;
    if (over || sum < lower || sum > upper) {
        if (!x->saturate) return INCREX_REFUSED;
        sum = sum > upper ? upper : sum < lower ? lower : sum;
    }
    if (__builtin_sub_overflow(sum, old, applied)) {
        reply_error(c->r, "ERR applied increment would overflow");
        return INCREX_ERROR;
    }
    *v = sum;
    return INCREX_APPLIED;
}

static enum increx_result increx_float(struct ctx *c, const struct increx *x, long double *v,
                                       long double *applied) {
    long double old = *v, sum = old + x->by.f;
    long double lower = x->has_lower ? x->lower.f : -LDBL_MAX;
    long double upper = x->has_upper ? x->upper.f : LDBL_MAX;
    if (isinf(old)) {
        reply_error(c->r, "ERR value cannot be Infinity");
        return INCREX_ERROR;
    }
    bool over = isinf(sum);
    if (over) sum = sum > 0 ? LDBL_MAX : -LDBL_MAX;
    if (over || sum < lower || sum > upper) {
        if (!x->saturate) return INCREX_REFUSED;
        sum = sum > upper ? upper : sum < lower ? lower : sum;
    }
    *applied = sum - old;
    if (isinf(*applied)) {
        reply_error(c->r, "ERR applied increment would be Infinity");
        return INCREX_ERROR;
    }
    *v = sum;
    return INCREX_APPLIED;
}

/* The key's new time: that of the options, or what PERSIST, ENX and none of them make of the
 * one that it has. */
static int64_t increx_expire(const struct string_options *o, const struct entry *e,
                             int64_t asked_ms) {
    if (option_given(o, OPTION_PERSIST)) return DB_NO_TTL;
    if (!(o->given & OPTIONS_EXPIRE)) return DB_KEEP_TTL;
    if (option_given(o, OPTION_ENX) && e && entry_has_ttl(e)) return DB_KEEP_TTL;
    return asked_ms;
}

static void increx_write(struct ctx *c, struct key k, const struct increx *x, const union number *v,
                         int64_t expire_ms, bool had_ttl) {
    if (expire_ms >= 0 && expire_ms <= c->db->ks->now_ms) {
        string_end(c, k);
        return;
    }
    char text[NUM_FLOAT_BYTES_MAX];
    size_t n = x->by_float ? num_format_ld_human(text, v->f) : num_format_i64(text, v->i);
    if (x->by_float) {
        db_set_text(c->db, k, slice_of(text, n), expire_ms);
    } else {
        db_set_int(c->db, k, v->i, expire_ms);
    }
    if (effects_wanted(c)) string_tell_set(c, k, slice_of(text, n), expire_ms);
    ctx_changed(c, k, FEED_STRING, x->by_float ? "incrbyfloat" : "incrby");
    if (expire_ms >= 0) ctx_changed(c, k, FEED_GENERIC, "expire");
    if (expire_ms == DB_NO_TTL && had_ttl) ctx_changed(c, k, FEED_GENERIC, "persist");
}

void string_increx(struct ctx *c) {
    struct string_options o;
    struct increx x;
    int64_t expire_ms;
    union number v = {0}, applied = {0};
    if (!string_options_parse(c, 2, COMMAND_INCREX, &o) || !increx_parse(c, &o, &x)) return;
    if (!string_options_expire(c, &o, &expire_ms)) return;

    struct key k = ctx_key(c, 1);
    const struct entry *e = db_find(c->db, k);
    if (!ctx_is_type(c, e, TYPE_STRING)) return;
    enum increx_result result;
    if (x.by_float) {
        if (!float_of(c, e, &v.f)) return;
        applied.f = 0;
        result = increx_float(c, &x, &v.f, &applied.f);
    } else {
        char digits[ENTRY_DIGITS_MAX];
        if (e && !num_parse_i64(entry_bytes(e, digits), &v.i)) {
            reply_err(c->r, ERR_NOT_INT);
            return;
        }
        result = increx_int(c, &x, &v.i, &applied.i);
    }
    if (result == INCREX_ERROR) return;
    if (result == INCREX_APPLIED) {
        bool had_ttl = e && entry_has_ttl(e);
        increx_write(c, k, &x, &v, increx_expire(&o, e, expire_ms), had_ttl);
    }
    reply_array(c->r, 2);
    if (x.by_float) {
        reply_long_double(c->r, v.f);
        reply_long_double(c->r, applied.f);
    } else {
        reply_int(c->r, v.i);
        reply_int(c->r, applied.i);
    }
}
