/* template.c - the template language. See template.h and grammar.h. */
#include "template.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 40

enum kind { WORD, SEQ, ALT, OPT, REPEAT };

/* A piece of a word: fixed bytes (no name) or something to make. */
struct part {
    struct text fixed;
    char *name;
    int64_t low;
    int64_t high;
    const struct gen *gen;
    const struct template *rule;
};

struct template {
    enum kind kind;
    unsigned value; /* weight of an alternative, percent of an option, most repeats */
    struct template **kids;
    size_t n_kids;
    struct part *parts;
    size_t n_parts;
};

static struct template *node_new(enum kind kind, unsigned value) {
    struct template *t = model_alloc(sizeof *t);
    *t = (struct template){.kind = kind, .value = value};
    return t;
}

static void node_add(struct template *t, struct template *kid) {
    t->kids = model_grow(t->kids, (t->n_kids + 1) * sizeof(struct template *));
    t->kids[t->n_kids++] = kid;
}

static struct part *part_add(struct template *word) {
    word->parts = model_grow(word->parts, (word->n_parts + 1) * sizeof *word->parts);
    struct part *p = &word->parts[word->n_parts++];
    *p = (struct part){0};
    return p;
}

void template_free(struct template *t) {
    for (size_t i = 0; i < t->n_kids; i++) template_free(t->kids[i]);
    for (size_t i = 0; i < t->n_parts; i++) {
        text_free(&t->parts[i].fixed);
        free(t->parts[i].name);
    }
    free(t->kids);
    free(t->parts);
    free(t);
}

static void skip_blanks(const char **at) {
    while (**at == ' ' || **at == '\t') (*at)++;
}

/* "{name low high}", *at on the brace. */
static void parse_made(struct template *word, const char **at, const char *where) {
    const char *end = strchr(*at, '}');
    if (!end) model_die("%s: '{' without '}'", where);
    struct part *p = part_add(word);
    const char *name = *at + 1;
    size_t n = strcspn(name, " }");
    p->name = strndup(name, n);
    if (name[n] == ' ') {
        char *rest;
        p->low = strtoll(name + n, &rest, 10);
        p->high = strtoll(rest, NULL, 10);
    }
    *at = end + 1;
}

/* One byte of a quoted word behind its backslash, or of a bare one. */
static void parse_byte(struct template *word, const char **at, bool quoted) {
    char c = **at;
    if (quoted && c == '\\') {
        c = *++*at;
        if (c == 'x') {
            char hex[3] = {(*at)[1], (*at)[1] ? (*at)[2] : 0, 0};
            c = (char)strtol(hex, NULL, 16);
            *at += 2;
        } else {
            c = c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
        }
    }
    if (word->n_parts == 0 || word->parts[word->n_parts - 1].name) part_add(word);
    text_add(&word->parts[word->n_parts - 1].fixed, &c, 1);
    (*at)++;
}

static struct template *parse_word(const char **at, const char *where) {
    struct template *word = node_new(WORD, 0);
    bool quoted = **at == '"';
    if (quoted) (*at)++;
    while (**at && **at != '\n') {
        if (quoted ? **at == '"' : isspace((unsigned char)**at) || strchr("[]()|", **at)) break;
        if (**at == '{')
            parse_made(word, at, where);
        else
            parse_byte(word, at, quoted);
    }
    if (quoted) {
        if (**at != '"') model_die("%s: a quoted word does not end", where);
        (*at)++;
    }
    return word;
}

static struct template *parse_alternatives(const char **at, const char *where, char close);

static struct template *parse_group(const char **at, const char *where) {
    bool option = **at == '[';
    (*at)++;
    unsigned percent = 50;
    if (option && **at == '?') percent = (unsigned)strtoul(*at + 1, (char **)at, 10);
    struct template *t = node_new(option ? OPT : REPEAT, option ? percent : 1);
    node_add(t, parse_alternatives(at, where, option ? ']' : ')'));
    if (!option && **at == '+') {
        char *end;
        unsigned long most = strtoul(*at + 1, &end, 10);
        t->value = most ? (unsigned)most : 4;
        *at = end == *at + 1 ? *at + 1 : end;
    }
    return t;
}

static struct template *parse_sequence(const char **at, const char *where) {
    struct template *t = node_new(SEQ, 1);
    skip_blanks(at);
    if (**at == '%') t->value = (unsigned)strtoul(*at + 1, (char **)at, 10);
    for (;;) {
        skip_blanks(at);
        if (!**at || strchr("\n|])@", **at)) return t;
        if (**at == '[' || **at == '(')
            node_add(t, parse_group(at, where));
        else
            node_add(t, parse_word(at, where));
    }
}

/* close: the bracket that ends it, or 0 for the end of the line or an attribute. */
static struct template *parse_alternatives(const char **at, const char *where, char close) {
    struct template *t = node_new(ALT, 0);
    for (;;) {
        node_add(t, parse_sequence(at, where));
        if (**at != '|') break;
        (*at)++;
    }
    bool end = **at == 0 || **at == '\n' || **at == '@';
    if (close ? **at != close : !end) model_die("%s: brackets do not match at '%s'", where, *at);
    if (close) (*at)++;
    return t;
}

struct template *template_parse(const char **at, const char *where) {
    return parse_alternatives(at, where, 0);
}

struct template *template_parse_pool(const char **at, const char *where) {
    struct template *pool = node_new(ALT, 0);
    for (;;) {
        skip_blanks(at);
        if (!**at || **at == '\n') break;
        struct text bytes = {0};
        text_word(&bytes, at);
        struct template *word = node_new(WORD, 0);
        part_add(word)->fixed = bytes;
        struct template *seq = node_new(SEQ, 1);
        node_add(seq, word);
        node_add(pool, seq);
    }
    if (pool->n_kids == 0) model_die("%s: an empty pool", where);
    return pool;
}

void template_bind(struct template *t, const struct scope *scope, const char *where) {
    for (size_t i = 0; i < t->n_kids; i++) template_bind(t->kids[i], scope, where);
    for (size_t i = 0; i < t->n_parts; i++) {
        struct part *p = &t->parts[i];
        if (!p->name) continue;
        for (size_t k = 0; k < scope->n; k++)
            if (!strcmp(scope->v[k].name, p->name)) p->rule = scope->v[k].body;
        p->gen = gen_find((struct span){p->name, strlen(p->name)});
        if (!p->rule && !p->gen) model_die("%s: nothing is called {%s}", where, p->name);
    }
}

static bool is_keyword(const struct part *p) {
    for (size_t i = 0; i < p->fixed.n; i++)
        if (!isupper((unsigned char)p->fixed.p[i])) return false;
    return p->fixed.n > 0;
}

/* Clients write option words in either case; sometimes in both. */
static void add_keyword(const struct part *p, struct rng *r, struct text *out) {
    uint64_t style = rng_below(r, 100);
    for (size_t i = 0; i < p->fixed.n; i++) {
        char c = p->fixed.p[i];
        if (style < 5 || (style < 10 && rng_percent(r, 50))) c = (char)tolower(c);
        text_add(out, &c, 1);
    }
}

static void expand(const struct template *t, struct rng *r, struct words *out, int depth);

/* A rule inside of a word: its words run together. */
static void expand_inside(const struct template *rule, struct rng *r, struct words *out,
                          int depth) {
    size_t n = out->n;
    expand(rule, r, out, depth + 1);
    out->n = n;
}

static void expand_word(const struct template *t, struct rng *r, struct words *out, int depth) {
    if (t->n_parts == 1 && t->parts[0].rule) {
        expand(t->parts[0].rule, r, out, depth + 1);
        return;
    }
    if (t->n_parts == 1 && is_keyword(&t->parts[0])) {
        add_keyword(&t->parts[0], r, &out->bytes);
        words_end(out);
        return;
    }
    for (size_t i = 0; i < t->n_parts; i++) {
        const struct part *p = &t->parts[i];
        if (p->rule)
            expand_inside(p->rule, r, out, depth);
        else if (p->gen)
            gen_make(p->gen, r, p->low, p->high, &out->bytes);
        else
            text_add(&out->bytes, p->fixed.p, p->fixed.n);
    }
    words_end(out);
}

static const struct template *choose(const struct template *alt, struct rng *r) {
    uint64_t all = 0;
    for (size_t i = 0; i < alt->n_kids; i++) all += alt->kids[i]->value;
    uint64_t at = rng_below(r, all);
    size_t i = 0;
    while (at >= alt->kids[i]->value) at -= alt->kids[i++]->value;
    return alt->kids[i];
}

static void expand(const struct template *t, struct rng *r, struct words *out, int depth) {
    uint64_t times = 1;
    if (depth > DEPTH_MAX) model_die("rules that contain themselves");
    switch (t->kind) {
    case WORD: expand_word(t, r, out, depth); return;
    case ALT: expand(choose(t, r), r, out, depth + 1); return;
    case OPT: times = rng_percent(r, t->value); break;
    case REPEAT: times = 1 + rng_below(r, t->value); break;
    case SEQ: break;
    }
    while (times--)
        for (size_t i = 0; i < t->n_kids; i++) expand(t->kids[i], r, out, depth + 1);
}

void template_expand(const struct template *t, struct rng *r, struct words *out) {
    expand(t, r, out, 0);
}

struct span template_head(const struct template *t) {
    while (t->kind != WORD) {
        if (t->n_kids == 0 || t->kind == OPT || (t->kind == ALT && t->n_kids > 1))
            return (struct span){"", 0};
        t = t->kids[0];
    }
    if (t->n_parts != 1 || t->parts[0].name) return (struct span){"", 0};
    return text_span(&t->parts[0].fixed);
}
