/* config_text.c - the text side of the configuration: growing texts, words and quotes.
 *
 * The words of a line follow the rules of wire/words.h.
 * Threads: any.
 */
#include "core/config_internal.h"

#include "base/assert.h"
#include "base/mem.h"
#include "wire/words.h"

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

void config_text_quote(struct config_text *t, struct slice s) {
    char *quoted = mem_alloc(4 * s.n + 2);
    config_text_add(t, quoted, words_quote(quoted, s));
    mem_free(quoted);
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

bool config_split(struct slice line, struct config_words *words) {
    size_t slots = line.n / 2 + 1;
    *words =
        (struct config_words){mem_alloc(slots * sizeof *words->word), 0, mem_alloc(line.n + 1)};
    const char *at = line.p, *end = line.p + line.n;
    char *to = words->bytes;
    while (words_more(&at, end)) {
        char *start = to;
        if (!words_take(&at, end, &to)) {
            config_words_fini(words);
            return false;
        }
        words->word[words->n++] = slice_of(start, (size_t)(to - start));
    }
    return true;
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
