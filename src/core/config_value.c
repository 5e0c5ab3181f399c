/* config_value.c - the fields of the configuration by kind: parse, check, print.
 *
 * Every change of a field goes through config_row_set or config_row_restore here.
 * To add a kind: enum config_kind, field_set and config_row_format.
 * Threads: the loop.
 */
#include "core/config_internal.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/num.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool config_refuse(char *why, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, CONFIG_WHY_BYTES, fmt, ap);
    va_end(ap);
    return false;
}

static void *field(struct config *conf, const struct config_row *row) {
    return (char *)conf + row->offset;
}
static const void *field_const(const struct config *conf, const struct config_row *row) {
    return (const char *)conf + row->offset;
}

/* Whole numbers. */

static bool is_unsigned(const struct config_row *row) {
    return row->kind == CONFIG_U64 || row->kind == CONFIG_UINT;
}

static int64_t number_get(const struct config *conf, const struct config_row *row) {
    const void *p = field_const(conf, row);
    switch (row->kind) {
    case CONFIG_INT: return *(const int *)p;
    case CONFIG_UINT: return *(const unsigned *)p;
    case CONFIG_I64: return *(const int64_t *)p;
    default: return (int64_t) * (const uint64_t *)p;
    }
}

static void number_put(struct config *conf, const struct config_row *row, int64_t v) {
    void *p = field(conf, row);
    switch (row->kind) {
    case CONFIG_INT: *(int *)p = (int)v; break;
    case CONFIG_UINT: *(unsigned *)p = (unsigned)v; break;
    case CONFIG_I64: *(int64_t *)p = v; break;
    default: *(uint64_t *)p = (uint64_t)v; break;
    }
}

static bool parse_octal(struct slice s, int64_t *v) {
    if (!s.n || s.n > 20) return false;
    *v = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '7') return false;
        *v = *v * 8 + (s.p[i] - '0');
    }
    return true;
}

static bool number_bounds(const struct config_row *row, char *why) {
    return config_refuse(why, "argument must be between %lld and %llu inclusive",
                         (long long)row->min, (unsigned long long)row->max);
}

static bool number_set(struct config *conf, const struct config_row *row, struct slice s,
                       char *why) {
    int64_t v = 0;
    if (row->flags & CONFIG_MEMORY) {
        uint64_t bytes;
        if ((row->flags & CONFIG_PERCENT) && num_parse_percent(s, &v)) {
            if (v > 100) {
                return config_refuse(why, "percentage argument must be less or equal to %d", 100);
            }
            number_put(conf, row, -v);
            return true;
        }
        if (!num_parse_bytes(s, &bytes)) {
            return config_refuse(why, row->flags & CONFIG_PERCENT
                                          ? "argument must be a memory or percent value"
                                          : "argument must be a memory value");
        }
        if (bytes > row->max || (row->min > 0 && bytes < (uint64_t)row->min)) {
            return number_bounds(row, why);
        }
        v = (int64_t)bytes;
    } else if (row->flags & CONFIG_OCTAL) {
        if (!parse_octal(s, &v)) {
            return config_refuse(why, "argument couldn't be parsed as an octal number");
        }
    } else if (!num_parse_i64(s, &v)) {
        return config_refuse(why, "argument couldn't be parsed into an integer");
    }
    if (!(row->flags & CONFIG_MEMORY)) {
        if (v < row->min || (v > 0 && (uint64_t)v > row->max)) return number_bounds(row, why);
    }
    if (row->clamp_max && v < row->clamp_min) v = row->clamp_min;
    if (row->clamp_max && v > row->clamp_max) v = row->clamp_max;
    number_put(conf, row, v);
    return true;
}

static void number_format(const struct config *conf, const struct config_row *row,
                          struct config_text *out) {
    int64_t v = number_get(conf, row);
    if ((row->flags & CONFIG_PERCENT) && v < 0) {
        config_text_addf(out, "%lld%%", (long long)-v);
    } else if (row->flags & CONFIG_OCTAL) {
        config_text_addf(out, "%llo", (unsigned long long)v);
    } else if (is_unsigned(row)) {
        config_text_addf(out, "%llu", (unsigned long long)v);
    } else {
        config_text_addf(out, "%lld", (long long)v);
    }
}

void config_format_memory(struct config_text *out, uint64_t bytes) {
    static const char *const units[] = {"", "kb", "mb", "gb"};
    int unit = 0;
    while (unit < 3 && bytes && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    config_text_addf(out, "%llu%s", (unsigned long long)bytes, units[unit]);
}

/* Words out of a list. */

static const struct config_choice *choice_find(const struct config_choice *c, struct slice s) {
    while (c->name && !slice_is(s, c->name)) c++;
    return c->name ? c : NULL;
}

const char *config_policy_name(int policy) {
    const struct config_choice *c = config_subscriber_policies;
    while (c->value != policy) c++;
    return c->name;
}

int config_policy_of(struct slice name) {
    const struct config_choice *c = choice_find(config_subscriber_policies, name);
    return c ? c->value : -1;
}

static bool choice_refuse(const struct config_row *row, char *why) {
    size_t n = 0;
    for (const struct config_choice *c = row->choices; c->name; c++) {
        n += (size_t)snprintf(why + n, CONFIG_WHY_BYTES - n, "%s%s",
                              n ? ", " : "argument(s) must be one of the following: ", c->name);
        ASSERT(n < CONFIG_WHY_BYTES);
    }
    return false;
}

static bool choices_set(struct config *conf, const struct config_row *row, const struct slice *word,
                        size_t n, char *why) {
    int v = 0;
    if (!n) return choice_refuse(row, why);
    for (size_t i = 0; i < n; i++) {
        const struct config_choice *c = choice_find(row->choices, word[i]);
        if (!c) return choice_refuse(row, why);
        v |= c->value;
    }
    *(int *)field(conf, row) = v;
    return true;
}

static void choices_format(int v, const struct config_row *row, struct config_text *out) {
    size_t start = out->n;
    for (const struct config_choice *c = row->choices; c->name; c++) {
        bool shown =
            row->kind == CONFIG_CHOICE || !c->value ? v == c->value : (v & c->value) == c->value;
        if (shown) config_text_addf(out, "%s%s", out->n > start ? " " : "", c->name);
    }
}

/* The rest. */

static bool bool_set(struct config *conf, const struct config_row *row, struct slice s, char *why) {
    bool yes = slice_is(s, "yes");
    if (!yes && !slice_is(s, "no")) {
        return config_refuse(why, "argument must be 'yes' or 'no'");
    }
    *(bool *)field(conf, row) = yes;
    return true;
}

static bool string_set(struct config *conf, const struct config_row *row, struct slice s) {
    char **p = field(conf, row);
    char *old = *p;
    *p = mem_dup(s.p, s.n);
    mem_free(old);
    return true;
}

static bool field_set(struct config *conf, const struct config_row *row, const struct slice *word,
                      size_t n, bool adding, char *why) {
    if (row->kind == CONFIG_SPECIAL) return row->special->set(conf, word, n, adding, why);
    if (row->kind == CONFIG_CHOICES) return choices_set(conf, row, word, n, why);
    if (n != 1) return config_refuse(why, "wrong number of arguments");
    switch (row->kind) {
    case CONFIG_BOOL: return bool_set(conf, row, word[0], why);
    case CONFIG_CHOICE: return choices_set(conf, row, word, 1, why);
    case CONFIG_STRING: return string_set(conf, row, word[0]);
    default: return number_set(conf, row, word[0], why);
    }
}

void config_row_format(const struct config *conf, const struct config_row *row,
                       struct config_text *out) {
    const void *p = field_const(conf, row);
    switch (row->kind) {
    case CONFIG_SPECIAL: row->special->format(conf, out); break;
    case CONFIG_BOOL: config_text_addf(out, "%s", *(const bool *)p ? "yes" : "no"); break;
    case CONFIG_CHOICE:
    case CONFIG_CHOICES: choices_format(*(const int *)p, row, out); break;
    case CONFIG_STRING: config_text_addf(out, "%s", *(char *const *)p); break;
    default: number_format(conf, row, out); break;
    }
}

char *config_row_text(const struct config *conf, const struct config_row *row) {
    struct config_text t = {0};
    config_row_format(conf, row, &t);
    return config_text_take(&t);
}

bool config_row_same(const struct config *a, const struct config *b, const struct config_row *row) {
    char *ta = config_row_text(a, row), *tb = config_row_text(b, row);
    bool same = strcmp(ta, tb) == 0;
    mem_free(ta);
    mem_free(tb);
    return same;
}

void config_row_restore(struct config *conf, const struct config_row *row, const char *text) {
    char why[CONFIG_WHY_BYTES];
    struct slice whole = slice_cstr(text);
    struct config_words words = {0};
    if (row->flags & CONFIG_WORDS) config_split_plain(whole, &words);
    bool back = row->flags & CONFIG_WORDS ? field_set(conf, row, words.word, words.n, false, why)
                                          : field_set(conf, row, &whole, 1, false, why);
    config_words_fini(&words);
    /* Only the directory can be gone by now, and then there is nothing to go back to. */
    ASSERT(back || row->special);
}

bool config_row_set(struct config *conf, const struct config_row *row, const struct slice *word,
                    size_t n, bool adding, char *why) {
    for (size_t i = 0; i < n; i++) {
        if (word[i].n && memchr(word[i].p, 0, word[i].n)) {
            return config_refuse(why, "argument contains a zero byte");
        }
    }
    char *old = config_row_text(conf, row);
    bool done = field_set(conf, row, word, n, adding, why);
    const char *problem = done && row->check ? row->check(field(conf, row)) : NULL;
    if (problem) {
        done = config_refuse(why, "%s", problem);
        config_row_restore(conf, row, old);
    } else if (done && (row->flags & CONFIG_LATER)) {
        char *now = config_row_text(conf, row);
        if (strcmp(now, row->initial) != 0) {
            done = config_refuse(why, "not available in this version: only '%s' is accepted",
                                 row->initial);
            config_row_restore(conf, row, old);
        }
        mem_free(now);
    }
    mem_free(old);
    return done;
}
