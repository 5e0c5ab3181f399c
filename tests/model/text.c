/* text.c - byte strings of the model test. See text.h. */
#include "text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void model_die(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fputs("model: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(2);
}

void *model_alloc(size_t n) { return model_grow(NULL, n); }

void *model_grow(void *p, size_t n) {
    void *q = realloc(p, n ? n : 1);
    if (!q) model_die("out of memory (%zu bytes)", n);
    return q;
}

void text_free(struct text *t) {
    free(t->p);
    *t = (struct text){0};
}

void text_clear(struct text *t) { t->n = 0; }

static void text_room(struct text *t, size_t more) {
    if (t->n + more + 1 <= t->cap) return;
    t->cap = (t->n + more + 1) * 2;
    if (t->cap < 64) t->cap = 64;
    t->p = model_grow(t->p, t->cap);
}

void text_add(struct text *t, const void *p, size_t n) {
    text_room(t, n);
    if (n) memcpy(t->p + t->n, p, n);
    t->n += n;
}

void text_cstr(struct text *t, const char *s) { text_add(t, s, strlen(s)); }

void text_fmt(struct text *t, const char *fmt, ...) {
    char line[1024];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof line) model_die("a formatted text is too long: %s", fmt);
    text_add(t, line, (size_t)n);
}

const char *text_z(struct text *t) {
    text_room(t, 0);
    t->p[t->n] = 0;
    return t->p;
}

bool span_eq(struct span a, struct span b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

int span_cmp(struct span a, struct span b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    if (c) return c;
    return a.n < b.n ? -1 : a.n > b.n;
}

bool span_is(struct span a, const char *word) {
    return a.n == strlen(word) && strncasecmp(a.p, word, a.n) == 0;
}

bool span_int(struct span a, int64_t *out) {
    char digits[24];
    char back[24];
    if (a.n == 0 || a.n >= sizeof digits) return false;
    memcpy(digits, a.p, a.n);
    digits[a.n] = 0;
    long long v = strtoll(digits, NULL, 10);
    snprintf(back, sizeof back, "%lld", v);
    if (strcmp(back, digits) != 0) return false;
    *out = v;
    return true;
}

static bool bare(struct span w) {
    if (w.n == 0) return false;
    for (size_t i = 0; i < w.n; i++) {
        unsigned char c = (unsigned char)w.p[i];
        if (c <= ' ' || c >= 127 || c == '"' || c == '\\' || c == '\'') return false;
    }
    return true;
}

static void escape_byte(struct text *t, unsigned char c) {
    switch (c) {
    case '\n': text_cstr(t, "\\n"); return;
    case '\r': text_cstr(t, "\\r"); return;
    case '\t': text_cstr(t, "\\t"); return;
    case '"': text_cstr(t, "\\\""); return;
    case '\\': text_cstr(t, "\\\\"); return;
    default: break;
    }
    if (c >= ' ' && c < 127)
        text_add(t, &c, 1);
    else
        text_fmt(t, "\\x%02x", c);
}

void text_escape(struct text *t, struct span word, size_t bytes_max) {
    if (bare(word) && word.n <= bytes_max) {
        text_add(t, word.p, word.n);
        return;
    }
    text_cstr(t, "\"");
    for (size_t i = 0; i < word.n; i++) {
        if (word.n > bytes_max && i == bytes_max / 2) {
            text_fmt(t, "\"..%zu bytes..\"", word.n - bytes_max);
            i += word.n - bytes_max - 1;
            continue;
        }
        escape_byte(t, (unsigned char)word.p[i]);
    }
    text_cstr(t, "\"");
}

void text_reply(struct text *t, struct span reply, size_t bytes_max) {
    for (size_t i = 0; i < reply.n; i++) {
        if (reply.n > bytes_max && i == bytes_max / 2) {
            text_fmt(t, "..%zu bytes..", reply.n - bytes_max);
            i += reply.n - bytes_max - 1;
            continue;
        }
        unsigned char c = (unsigned char)reply.p[i];
        if (c == '\r' && i + 1 < reply.n && reply.p[i + 1] == '\n') {
            text_cstr(t, " ");
            i++;
        } else if (c >= ' ' && c < 127) {
            text_add(t, &c, 1);
        } else {
            text_fmt(t, "\\x%02x", c);
        }
    }
}

/* One byte of a quoted word, behind its backslash. */
static void unescape(struct text *out, const char **at) {
    const char *p = *at;
    char c = *p;
    unsigned hex;
    if (c == 'x' && sscanf(p + 1, "%2x", &hex) == 1) {
        c = (char)hex;
        p += 2;
    } else if (c == 'n') {
        c = '\n';
    } else if (c == 'r') {
        c = '\r';
    } else if (c == 't') {
        c = '\t';
    }
    text_add(out, &c, 1);
    *at = *p ? p + 1 : p;
}

bool text_word(struct text *out, const char **at) {
    const char *p = *at;
    while (*p == ' ' || *p == '\t') p++;
    if (*p == 0 || *p == '\n') {
        *at = p;
        return false;
    }
    if (*p != '"') {
        const char *end = p;
        while (*end && !isspace((unsigned char)*end)) end++;
        text_add(out, p, (size_t)(end - p));
        *at = end;
        return true;
    }
    p++;
    while (*p && *p != '"') {
        if (*p == '\\') {
            p++;
            unescape(out, &p);
        } else {
            text_add(out, p, 1);
            p++;
        }
    }
    *at = *p ? p + 1 : p;
    return true;
}

bool text_load(struct text *out, const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) return false;
    char part[65536];
    size_t n;
    while ((n = fread(part, 1, sizeof part, f)) > 0) text_add(out, part, n);
    fclose(f);
    return true;
}

void words_end(struct words *w) {
    if (w->n == w->room) {
        w->room = w->room ? w->room * 2 : 32;
        w->ends = model_grow(w->ends, w->room * sizeof *w->ends);
    }
    w->ends[w->n++] = w->bytes.n;
}

void words_add(struct words *w, struct span word) {
    text_add(&w->bytes, word.p, word.n);
    words_end(w);
}

struct span words_at(const struct words *w, size_t i) {
    size_t from = i ? w->ends[i - 1] : 0;
    return (struct span){w->bytes.p + from, w->ends[i] - from};
}

void words_clear(struct words *w) {
    w->n = 0;
    text_clear(&w->bytes);
}

void words_free(struct words *w) {
    text_free(&w->bytes);
    free(w->ends);
    *w = (struct words){0};
}

static int span_order(const void *a, const void *b) {
    return span_cmp(*(const struct span *)a, *(const struct span *)b);
}

struct span *words_sorted(const struct words *w, bool unique, size_t *n) {
    struct span *v = model_alloc((w->n + 1) * sizeof *v);
    size_t kept = 0;
    for (size_t i = 0; i < w->n; i++) v[i] = words_at(w, i);
    qsort(v, w->n, sizeof *v, span_order);
    for (size_t i = 0; i < w->n; i++)
        if (!unique || i == 0 || !span_eq(v[i], v[kept - 1])) v[kept++] = v[i];
    *n = kept;
    return v;
}
