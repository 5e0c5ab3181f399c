/* resp.c - a small RESP reader. See resp.h. */
#include "resp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 32

/* The bytes of the first line with its line end; 0 when it is not complete. */
static size_t line_length(const char *p, size_t n) {
    const char *end = memchr(p, '\n', n);
    return end ? (size_t)(end - p) + 1 : 0;
}

static long value_length(const char *p, size_t n, int depth);

static long aggregate_length(const char *p, size_t n, size_t line, int depth) {
    long count = strtol(p + 1, NULL, 10);
    if (*p == '%') count *= 2;
    size_t at = line;
    for (long i = 0; i < count; i++) {
        long one = value_length(p + at, n - at, depth + 1);
        if (one <= 0) return one;
        at += (size_t)one;
    }
    return (long)at;
}

static long value_length(const char *p, size_t n, int depth) {
    if (n == 0) return 0;
    if (depth > DEPTH_MAX || !strchr("+-:_,#($=!*~%>", *p) || !*p) return -1;
    size_t line = line_length(p, n);
    if (line == 0) return 0;
    if (line < 3 || p[line - 2] != '\r') return -1;
    if (strchr("+-:_,#(", *p)) return (long)line;
    if (strchr("$=!", *p)) {
        long bytes = strtol(p + 1, NULL, 10);
        if (bytes < 0) return (long)line;
        if (n < line + (size_t)bytes + 2) return 0;
        if (memcmp(p + line + bytes, "\r\n", 2) != 0) return -1;
        return (long)line + bytes + 2;
    }
    return aggregate_length(p, n, line, depth);
}

long resp_length(const char *p, size_t n) {
    size_t at = 0;
    while (at < n && p[at] == '>') {
        long one = value_length(p + at, n - at, 0);
        if (one <= 0) return one;
        at += (size_t)one;
    }
    long one = value_length(p + at, n - at, 0);
    return one <= 0 ? one : (long)at + one;
}

bool resp_elements(struct span reply, struct span **out, size_t *n) {
    if (reply.n == 0 || !strchr("*~%>", *reply.p)) return false;
    long count = strtol(reply.p + 1, NULL, 10);
    if (count < 0) return false;
    if (*reply.p == '%') count *= 2;
    size_t at = line_length(reply.p, reply.n);
    struct span *v = model_alloc(((size_t)count + 1) * sizeof *v);
    v[0] = (struct span){reply.p, at};
    for (long i = 1; i <= count; i++) {
        long one = value_length(reply.p + at, reply.n - at, 0);
        if (one <= 0) {
            free(v);
            return false;
        }
        v[i] = (struct span){reply.p + at, (size_t)one};
        at += (size_t)one;
    }
    *out = v;
    *n = (size_t)count;
    return true;
}

bool resp_integer(struct span reply, int64_t *out) {
    if (reply.n < 4 || *reply.p != ':') return false;
    return span_int((struct span){reply.p + 1, reply.n - 3}, out);
}

bool resp_string(struct span reply, struct span *out) {
    if (reply.n < 3) return false;
    if (*reply.p == '+') {
        *out = (struct span){reply.p + 1, reply.n - 3};
        return true;
    }
    if (*reply.p != '$' || reply.p[1] == '-') return false;
    size_t line = line_length(reply.p, reply.n);
    *out = (struct span){reply.p + line, reply.n - line - 2};
    return true;
}

bool resp_is_error(struct span reply) {
    return reply.n > 0 && (*reply.p == '-' || *reply.p == '!');
}

bool resp_is_nil(struct span reply) {
    return reply.n > 1 && (*reply.p == '_' || reply.p[1] == '-') && strchr("_$*", *reply.p);
}

static bool is_list_of_records(const struct span *v, size_t n) {
    for (size_t i = 1; i <= n; i++)
        if (!strchr("*~%", *v[i].p)) return false;
    return true;
}

void resp_sorted(struct text *out, struct span reply, size_t unit, bool deep) {
    struct span *v;
    size_t n;
    if (!resp_elements(reply, &v, &n)) {
        text_add(out, reply.p, reply.n);
        return;
    }
    bool keep = deep && !is_list_of_records(v, n);
    if (n % unit) unit = 1;
    struct words units = {0};
    for (size_t i = 1; i <= n; i++) {
        if (deep)
            resp_sorted(&units.bytes, v[i], 1, true);
        else
            text_add(&units.bytes, v[i].p, v[i].n);
        if (i % unit == 0) words_end(&units);
    }
    size_t kept;
    struct span *sorted = words_sorted(&units, false, &kept);
    text_add(out, v[0].p, v[0].n);
    for (size_t i = 0; i < kept; i++) {
        struct span one = keep ? words_at(&units, i) : sorted[i];
        text_add(out, one.p, one.n);
    }
    words_free(&units);
    free(sorted);
    free(v);
}

/* Whether all of s is a float; digits get its form of 17 digits. */
static bool float_form(struct span s, char digits[32]) {
    char copy[64];
    char *end;
    if (s.n == 0 || s.n >= sizeof copy || memchr("0123456789-i", *s.p, 12) == NULL) return false;
    memcpy(copy, s.p, s.n);
    copy[s.n] = 0;
    double v = strtod(copy, &end);
    snprintf(digits, 32, "%.17g", v);
    return end == copy + s.n;
}

void resp_plain_floats(struct text *out, struct span reply) {
    struct span *v;
    struct span s = {reply.p + 1, reply.n > 3 ? reply.n - 3 : 0};
    size_t n;
    char digits[32];
    if (!reply.n) return; /* on a raw connection nothing may come */
    if (resp_elements(reply, &v, &n)) {
        text_add(out, v[0].p, v[0].n);
        for (size_t i = 1; i <= n; i++) resp_plain_floats(out, v[i]);
        free(v);
    } else if ((*reply.p == ',' || (*reply.p == '$' && resp_string(reply, &s))) &&
               float_form(s, digits)) {
        if (*reply.p == '$') text_fmt(out, "$%zu\r\n", strlen(digits));
        text_fmt(out, "%s%s\r\n", *reply.p == '$' ? "" : ",", digits);
    } else {
        text_add(out, reply.p, reply.n);
    }
}

/* Replies about streams */

struct timed {
    struct text form; /* the reply without times, and without counts of elements */
    int64_t *times;
    size_t n;
};

static bool is_word(struct span reply, const char *word) {
    struct span s;
    return resp_string(reply, &s) && span_is(s, word);
}

static bool is_int(struct span reply) { return reply.n > 0 && *reply.p == ':'; }

static bool is_id(struct span reply) {
    struct span s;
    if (!resp_string(reply, &s) || !memchr(s.p, '-', s.n)) return false;
    for (size_t i = 0; i < s.n; i++)
        if (!strchr("0123456789-", s.p[i])) return false;
    return true;
}

static void add_time(struct timed *t, struct span reply) {
    int64_t v = 0;
    resp_integer(reply, &v);
    t->times = model_grow(t->times, (t->n + 1) * sizeof *t->times);
    t->times[t->n++] = v;
    text_cstr(&t->form, "(time)");
}

/* Of a pending entry: ID, consumer if it is a group's, time, deliveries. 0: it is none. */
static size_t time_of_pending(const struct span *v, size_t n) {
    bool of_group = n == 4 && *v[2].p == '$';
    if (!(n == 3 || of_group) || !is_id(v[1])) return 0;
    return is_int(v[n - 1]) && is_int(v[n]) ? n - 1 : 0;
}

static bool has_nothing_pending(struct span consumer) {
    struct span *v;
    size_t n;
    bool nothing = false, is_consumer = false;
    if (!resp_elements(consumer, &v, &n)) return false;
    for (size_t i = 1; i < n; i++) {
        if (is_word(v[i], "seen-time") || is_word(v[i], "idle")) is_consumer = true;
        if ((is_word(v[i], "pel-count") || is_word(v[i], "pending")) && *v[i + 1].p == ':')
            nothing = span_is(v[i + 1], ":0\r\n");
    }
    free(v);
    return is_consumer && nothing;
}

/* A field, and its value, that is not compared. */
static bool is_passed_over(struct span name, struct span value) {
    static const char *const names[] = {"inactive", "active-time", "idle", "seen-time",
                                        "consumers"};
    for (size_t i = 0; is_int(value) && i < sizeof names / sizeof *names; i++)
        if (is_word(name, names[i])) return true;
    return false;
}

static void timed_form(struct timed *t, struct span reply) {
    struct span *v;
    size_t n;
    if (!resp_elements(reply, &v, &n)) {
        text_add(&t->form, reply.p, reply.n);
        return;
    }
    size_t time_at = time_of_pending(v, n);
    text_add(&t->form, reply.p, 1);
    text_cstr(&t->form, "[");
    for (size_t i = 1; i <= n; i++) {
        if (i < n && is_passed_over(v[i], v[i + 1])) {
            i++;
        } else if (i == time_at) {
            add_time(t, v[i]);
        } else if (!has_nothing_pending(v[i])) {
            timed_form(t, v[i]);
        }
    }
    text_cstr(&t->form, "]");
    free(v);
}

bool resp_timed_equal(struct span a, struct span b, int64_t slack_ms) {
    struct timed x = {{0}, NULL, 0}, y = {{0}, NULL, 0};
    timed_form(&x, a);
    timed_form(&y, b);
    bool same = x.n == y.n && span_eq(text_span(&x.form), text_span(&y.form));
    for (size_t i = 0; same && i < x.n; i++) same = llabs(x.times[i] - y.times[i]) <= slack_ms;
    text_free(&x.form);
    text_free(&y.form);
    free(x.times);
    free(y.times);
    return same;
}
