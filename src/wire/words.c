/* words.c - see words.h. */
#include "wire/words.h"

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static char escaped(char c) {
    switch (c) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'b': return '\b';
    case 'a': return '\a';
    default: return c;
    }
}

/* Between words. */
static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r') || c == 0; }

/* Ends a word that is not quoted: vertical tab and form feed do not. */
static bool ends_word(char c) { return is_blank(c) && c != '\v' && c != '\f'; }

bool words_more(const char **at, const char *end) {
    while (*at < end && is_blank(**at)) ++*at;
    return *at < end;
}

bool words_take(const char **at, const char *end, char **to) {
    const char *p = *at;
    char *out = *to, quote = 0;
    for (; p < end && (quote || !ends_word(*p)); p++) {
        if (quote == '"' && *p == '\\' && end - p > 3 && p[1] == 'x' && hex_digit(p[2]) >= 0 &&
            hex_digit(p[3]) >= 0) {
            *out++ = (char)(hex_digit(p[2]) * 16 + hex_digit(p[3]));
            p += 3;
        } else if (quote == '"' && *p == '\\' && end - p > 1) {
            *out++ = escaped(*++p);
        } else if (quote == '\'' && *p == '\\' && end - p > 1 && p[1] == '\'') {
            *out++ = *++p;
        } else if (quote && *p == quote) {
            p++;
            quote = 0;
            if (p < end && !is_blank(*p)) return false;
            break;
        } else if (!quote && (*p == '"' || *p == '\'')) {
            quote = *p;
        } else {
            *out++ = *p;
        }
    }
    *at = p;
    *to = out;
    return !quote;
}

static char letter_of(unsigned char c) {
    switch (c) {
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    case '\b': return 'b';
    case '\a': return 'a';
    case '"':
    case '\\': return (char)c;
    default: return 0;
    }
}

size_t words_quote(char *to, struct slice s) {
    static const char digits[] = "0123456789abcdef";
    char *out = to;
    *out++ = '"';
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        char letter = letter_of(c);
        if (letter) {
            *out++ = '\\';
            *out++ = letter;
        } else if (c >= ' ' && c <= '~') {
            *out++ = (char)c;
        } else {
            *out++ = '\\';
            *out++ = 'x';
            *out++ = digits[c >> 4];
            *out++ = digits[c & 15];
        }
    }
    *out++ = '"';
    return (size_t)(out - to);
}
