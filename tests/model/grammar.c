/* grammar.c - the families: loading their files, choosing a line, spoiling a command.
 * See grammar.h. */
#include "grammar.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "template.h"

/* Integers from 1 to this are kept away from @ttl lines by mutation: as seconds or as
 * milliseconds they could run out within the test. */
#define TTL_UNSAFE_MAX 20000000
#define WORDS_MAX 200

struct family {
    char *name;
    bool off;
};

struct line {
    size_t family;
    unsigned weight;
    struct template *body;
    enum step_mode mode;
    uint32_t param;
    bool clean;
    bool ttl;
    char *where;
};

struct need {
    size_t family;
    char *command;
};

struct grammar {
    struct family *families;
    size_t n_families;
    struct line *lines;
    size_t n_lines;
    struct need *needs;
    size_t n_needs;
    struct scope scope;
    struct words words;
    struct words spoilt;
};

static bool word_is(const char **at, const char *word) {
    size_t n = strlen(word);
    if (strncmp(*at, word, n) != 0 || (*at)[n] != ' ') return false;
    *at += n + 1;
    return true;
}

/* "name = body" of a pool or a rule. */
static void load_rule(struct grammar *g, const char *at, bool pool, const char *where) {
    size_t n = strcspn(at, " =");
    struct rule rule = {strndup(at, n), NULL};
    at = strchr(at, '=');
    if (!at) model_die("%s: a pool or rule is 'name = words'", where);
    at++;
    rule.body = pool ? template_parse_pool(&at, where) : template_parse(&at, where);
    bool taken = gen_find((struct span){rule.name, n}) != NULL;
    for (size_t i = 0; i < g->scope.n; i++) taken = taken || !strcmp(g->scope.v[i].name, rule.name);
    if (taken) model_die("%s: {%s} has a meaning already", where, rule.name);
    g->scope.v = model_grow(g->scope.v, (g->scope.n + 1) * sizeof rule);
    g->scope.v[g->scope.n++] = rule;
}

static void load_attribute(struct line *line, struct span word, const char *where) {
    if (span_is(word, "clean"))
        line->clean = true;
    else if (span_is(word, "ttl"))
        line->ttl = true;
    else if (!step_mode_parse(word, &line->mode, &line->param))
        model_die("%s: unknown attribute @%.*s", where, (int)word.n, word.p);
}

static void load_command(struct grammar *g, const char *at, const char *where) {
    char *rest;
    struct line line = {.family = g->n_families - 1, .mode = STEP_EXACT, .where = strdup(where)};
    line.weight = (unsigned)strtoul(at, &rest, 10);
    at = rest;
    if (line.weight == 0) model_die("%s: a line starts with a weight, or pool, rule, needs", where);
    line.body = template_parse(&at, where);
    while (*at == '@') {
        size_t n = strcspn(++at, " \n");
        load_attribute(&line, (struct span){at, n}, where);
        at += n;
        while (*at == ' ') at++;
    }
    g->lines = model_grow(g->lines, (g->n_lines + 1) * sizeof line);
    g->lines[g->n_lines++] = line;
}

static void load_line(struct grammar *g, const char *at, const char *where) {
    while (*at == ' ') at++;
    if (*at == 0 || *at == '#') return;
    if (word_is(&at, "pool")) {
        load_rule(g, at, true, where);
    } else if (word_is(&at, "rule")) {
        load_rule(g, at, false, where);
    } else if (word_is(&at, "needs")) {
        g->needs = model_grow(g->needs, (g->n_needs + 1) * sizeof *g->needs);
        g->needs[g->n_needs++] = (struct need){g->n_families - 1, strdup(at)};
    } else {
        load_command(g, at, where);
    }
}

static void load_file(struct grammar *g, const char *dir, const char *name) {
    struct text path = {0};
    struct text file = {0};
    text_fmt(&path, "%s/%s.txt", dir, name);
    if (!text_load(&file, text_z(&path))) model_die("cannot read %s", path.p);
    g->families = model_grow(g->families, (g->n_families + 1) * sizeof *g->families);
    g->families[g->n_families++] = (struct family){strdup(name), false};
    text_z(&file);
    char *at = file.p;
    for (unsigned n = 1; *at; n++) {
        char where[300];
        char *end = strchr(at, '\n');
        if (end) *end = 0;
        snprintf(where, sizeof where, "%s:%u", path.p, n);
        load_line(g, at, where);
        if (!end) break;
        at = end + 1;
    }
    text_free(&path);
    text_free(&file);
}

static int name_order(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Every *.txt but common.txt, sorted so that a seed means the same everywhere. */
static void load_all(struct grammar *g, const char *dir) {
    DIR *d = opendir(dir);
    if (!d) model_die("cannot read the directory %s", dir);
    char *names[256];
    size_t n = 0;
    struct dirent *e;
    while ((e = readdir(d)) && n < 256) {
        size_t len = strlen(e->d_name);
        if (len < 5 || strcmp(e->d_name + len - 4, ".txt") || !strcmp(e->d_name, "common.txt"))
            continue;
        names[n++] = strndup(e->d_name, len - 4);
    }
    closedir(d);
    qsort(names, n, sizeof *names, name_order);
    for (size_t i = 0; i < n; i++) {
        load_file(g, dir, names[i]);
        free(names[i]);
    }
}

struct grammar *grammar_load(const char *dir, const char *families) {
    struct grammar *g = model_alloc(sizeof *g);
    *g = (struct grammar){0};
    load_file(g, dir, "common");
    if (!families) load_all(g, dir);
    while (families && *families) {
        size_t n = strcspn(families, ",");
        char *name = strndup(families, n);
        load_file(g, dir, name);
        free(name);
        families += n + (families[n] == ',');
    }
    for (size_t i = 0; i < g->scope.n; i++)
        template_bind(g->scope.v[i].body, &g->scope, g->scope.v[i].name);
    for (size_t i = 0; i < g->n_lines; i++)
        template_bind(g->lines[i].body, &g->scope, g->lines[i].where);
    if (g->n_lines == 0) model_die("%s: no commands at all", dir);
    return g;
}

void grammar_free(struct grammar *g) {
    for (size_t i = 0; i < g->n_lines; i++) {
        template_free(g->lines[i].body);
        free(g->lines[i].where);
    }
    for (size_t i = 0; i < g->scope.n; i++) {
        template_free(g->scope.v[i].body);
        free(g->scope.v[i].name);
    }
    for (size_t i = 0; i < g->n_needs; i++) free(g->needs[i].command);
    for (size_t i = 0; i < g->n_families; i++) free(g->families[i].name);
    words_free(&g->words);
    words_free(&g->spoilt);
    free(g->lines);
    free(g->scope.v);
    free(g->needs);
    free(g->families);
    free(g);
}

void grammar_probe(struct grammar *g, bool (*has)(void *ctx, const char *command), void *ctx,
                   struct text *off) {
    for (size_t i = 0; i < g->n_needs; i++) {
        struct family *f = &g->families[g->needs[i].family];
        if (f->off || has(ctx, g->needs[i].command)) continue;
        f->off = true;
        text_fmt(off, "%s%s (no %s)", off->n ? ", " : "", f->name, g->needs[i].command);
    }
}

static const struct line *choose_line(const struct grammar *g, struct rng *r) {
    uint64_t all = 0;
    for (size_t i = 0; i < g->n_lines; i++)
        if (!g->families[g->lines[i].family].off) all += g->lines[i].weight;
    if (all == 0) model_die("every family is switched off");
    uint64_t at = rng_below(r, all);
    for (size_t i = 0;; i++) {
        const struct line *line = &g->lines[i];
        if (g->families[line->family].off) continue;
        if (at < line->weight) return line;
        at -= line->weight;
    }
}

/* One word dropped, doubled, swapped with its right neighbour, replaced or added. The
 * first word stays. */
static void spoil(const struct words *w, struct rng *r, struct words *out) {
    static const char *const junk_name = "junk";
    const struct gen *junk = gen_find((struct span){junk_name, 4});
    size_t at = 1 + rng_below(r, w->n > 1 ? w->n - 1 : 1);
    uint64_t how = w->n > 1 ? rng_below(r, 5) : 4;
    words_clear(out);
    for (size_t i = 0; i < w->n; i++) {
        struct span word = words_at(w, i);
        if (i != at || how == 4) {
            words_add(out, word);
        } else if (how == 1) {
            words_add(out, word);
            words_add(out, word);
        } else if (how == 2 && i + 1 < w->n) {
            words_add(out, words_at(w, ++i));
            words_add(out, word);
        } else if (how == 3) {
            gen_make(junk, r, 0, 0, &out->bytes);
            words_end(out);
        }
    }
    if (how == 4) {
        gen_make(junk, r, 0, 0, &out->bytes);
        words_end(out);
    }
}

static bool may_run_out(const struct words *w) {
    for (size_t i = 2; i < w->n; i++) {
        int64_t v;
        if (span_int(words_at(w, i), &v) && v > 0 && v <= TTL_UNSAFE_MAX) return true;
    }
    return false;
}

struct step *grammar_step(struct grammar *g, struct rng *r, unsigned spoil_percent) {
    const struct line *line = choose_line(g, r);
    const struct words *w = &g->words;
    words_clear(&g->words);
    template_expand(line->body, r, &g->words);
    if (g->words.n == 0 || g->words.n > WORDS_MAX) model_die("%s: bad length", line->where);
    if (!line->clean && rng_percent(r, spoil_percent)) {
        spoil(&g->words, r, &g->spoilt);
        if (!line->ttl || !may_run_out(&g->spoilt)) w = &g->spoilt;
    }
    struct span argv[WORDS_MAX + 1];
    for (size_t i = 0; i < w->n; i++) argv[i] = words_at(w, i);
    struct step head = {.mode = line->mode, .param = line->param, .argc = w->n};
    return step_new(&head, argv);
}
