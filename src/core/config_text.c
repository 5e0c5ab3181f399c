/* config_text.c - the text side of the configuration: growing texts, words and quotes.
 *
 * The words of a line follow the rules that redis.conf and Redis' inline commands share.
 * Threads: any.
 */
#include "core/config_internal.h"

#include "base/assert.h"
#include "base/mem.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

void config_text_add(struct config_text *t, const void *p, size_t n) {
    if (t->n + n + 1 > t->cap) {
        t->cap = (t->n + n + 1) * 2;
        t->p = mem_realloc(t->p, t->cap);
    }
    if (n) memcpy(t->p + t->n, p, n);
    t->n += n;
    t->p[t->n] = 0;
}

void config_text_addf(struct config_text *t, const char *fmt, ...) {
    char small[256];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    ASSERT(n >= 0);
    if ((size_t)n < sizeof small) {
        config_text_add(t, small, (size_t)n);
        return;
    }
    char *big = mem_alloc((size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(big, (size_t)n + 1, fmt, ap);
    va_end(ap);
    config_text_add(t, big, (size_t)n);
    mem_free(big);
}

/* The letters behind a backslash, and what they stand for. */
static const char escape_letters[] = "nrtba";
static const char escape_bytes[] = "\n\r\t\b\a";

void config_text_quote(struct config_text *t, struct slice s) {
    config_text_add(t, "\"", 1);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        const char *at = c ? strchr(escape_bytes, c) : NULL;
        if (c == '"' || c == '\\') {
            config_text_addf(t, "\\%c", c);
        } else if (at) {
            config_text_addf(t, "\\%c", escape_letters[at - escape_bytes]);
        } else if (isprint(c)) {
            config_text_add(t, &c, 1);
        } else {
            config_text_addf(t, "\\x%02x", c);
        }
    }
    config_text_add(t, "\"", 1);
}

char *config_text_take(struct config_text *t) {
    config_text_add(t, "", 0);
    char *p = t->p;
    *t = (struct config_text){0};
    return p;
}

void config_text_fini(struct config_text *t) {
    mem_free(t->p);
    *t = (struct config_text){0};
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Decodes the escape at p (a backslash and at least one byte more); returns its length. */
static size_t unescape(const char *p, const char *end, char *out) {
    if (p[1] == 'x' && end - p >= 4 && hex_value(p[2]) >= 0 && hex_value(p[3]) >= 0) {
        *out = (char)(hex_value(p[2]) * 16 + hex_value(p[3]));
        return 4;
    }
    const char *at = p[1] ? strchr(escape_letters, p[1]) : NULL;
    *out = at ? escape_bytes[at - escape_letters] : p[1];
    return 2;
}

static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r') || c == 0; }

/* Reads the quoted part that starts at p and must end its word; returns what follows the
 * closing quote, or NULL. */
static const char *split_quoted(const char *p, const char *end, char **out) {
    char quote = *p++;
    while (p < end && *p != quote) {
        if (quote == '"' && *p == '\\' && end - p >= 2) {
            p += unescape(p, end, (*out)++);
        } else if (quote == '\'' && end - p >= 2 && p[0] == '\\' && p[1] == '\'') {
            *(*out)++ = '\'';
            p += 2;
        } else {
            *(*out)++ = *p++;
        }
    }
    if (p == end) return NULL;
    p++;
    return p == end || is_blank(*p) ? p : NULL;
}

bool config_split(struct slice line, struct config_words *words) {
    size_t slots = line.n / 2 + 1;
    *words =
        (struct config_words){mem_alloc(slots * sizeof *words->word), 0, mem_alloc(line.n + 1)};
    const char *p = line.p, *end = line.p + line.n;
    char *out = words->bytes;
    for (;;) {
        while (p < end && is_blank(*p)) p++;
        if (p == end) return true;
        char *start = out;
        while (p && p < end && !is_blank(*p)) {
            if (*p == '"' || *p == '\'') {
                p = split_quoted(p, end, &out);
            } else {
                *out++ = *p++;
            }
        }
        if (!p) {
            config_words_fini(words);
            return false;
        }
        words->word[words->n++] = slice_of(start, (size_t)(out - start));
    }
}

void config_split_plain(struct slice text, struct config_words *words) {
    size_t spaces = 0;
    for (size_t i = 0; i < text.n; i++) spaces += text.p[i] == ' ';
    *words = (struct config_words){mem_alloc((spaces + 1) * sizeof *words->word), 0, NULL};
    if (!text.n) return;
    const char *p = text.p, *end = text.p + text.n;
    for (;;) {
        const char *space = memchr(p, ' ', (size_t)(end - p));
        const char *stop = space ? space : end;
        words->word[words->n++] = slice_of(p, (size_t)(stop - p));
        if (!space) return;
        p = space + 1;
    }
}

void config_words_fini(struct config_words *words) {
    mem_free(words->word);
    mem_free(words->bytes);
    *words = (struct config_words){0};
}
