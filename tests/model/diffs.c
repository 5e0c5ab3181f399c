/* diffs.c - the table of meant differences. See diffs.h. */
#include "diffs.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MASKS_MAX 8
#define REPLY_BYTES_MAX (1 << 20)

struct entry {
    char *name;
    char *reason;
    regex_t command;
    regex_t masks[MASKS_MAX];
    size_t n_masks;
    regex_t oracle;
    regex_t ours;
    bool has_command;
    bool has_oracle;
    bool has_ours;
    unsigned long uses;
};

struct diffs {
    struct entry *v;
    size_t n;
};

static void compile(regex_t *re, const char *pattern, const char *path, unsigned line, int flags) {
    char why[200];
    int err = regcomp(re, pattern, REG_EXTENDED | flags);
    if (!err) return;
    regerror(err, re, why, sizeof why);
    model_die("%s:%u: bad expression: %s", path, line, why);
}

static void set_field(struct entry *e, const char *word, const char *value, const char *path,
                      unsigned line) {
    if (!strcmp(word, "command")) {
        compile(&e->command, value, path, line, REG_ICASE | REG_NOSUB);
        e->has_command = true;
    } else if (!strcmp(word, "reason")) {
        e->reason = strdup(value);
    } else if (!strcmp(word, "mask")) {
        if (e->n_masks == MASKS_MAX) model_die("%s:%u: too many masks", path, line);
        compile(&e->masks[e->n_masks++], value, path, line, 0);
    } else if (!strcmp(word, "oracle")) {
        compile(&e->oracle, value, path, line, REG_NOSUB);
        e->has_oracle = true;
    } else if (!strcmp(word, "ours")) {
        compile(&e->ours, value, path, line, REG_NOSUB);
        e->has_ours = true;
    } else {
        model_die("%s:%u: unknown word '%s'", path, line, word);
    }
}

static void check_entry(const struct entry *e, const char *path) {
    bool described = e->n_masks || (e->has_oracle && e->has_ours);
    if (!e->has_command || !e->reason || !described || e->has_oracle != e->has_ours)
        model_die("%s: [%s] needs command, reason, and mask or oracle with ours", path, e->name);
}

static void load_line(struct diffs *d, char *s, const char *path, unsigned line) {
    while (*s == ' ') s++;
    if (*s == 0 || *s == '#') return;
    if (*s == '[') {
        d->v = model_grow(d->v, (d->n + 1) * sizeof *d->v);
        struct entry *e = &d->v[d->n++];
        memset(e, 0, sizeof *e);
        e->name = strndup(s + 1, strcspn(s + 1, "]"));
        return;
    }
    char *eq = strstr(s, "=");
    if (!eq || d->n == 0) model_die("%s:%u: not 'word = expression'", path, line);
    char *end = eq;
    while (end > s && end[-1] == ' ') end--;
    *end = 0;
    eq++;
    while (*eq == ' ') eq++;
    set_field(&d->v[d->n - 1], s, eq, path, line);
}

struct diffs *diffs_load(const char *path) {
    struct text file = {0};
    if (!text_load(&file, path)) model_die("cannot read %s", path);
    text_z(&file);
    struct diffs *d = model_alloc(sizeof *d);
    *d = (struct diffs){0};
    char *at = file.p;
    for (unsigned line = 1; *at; line++) {
        char *end = strchr(at, '\n');
        if (end) *end = 0;
        load_line(d, at, path, line);
        if (!end) break;
        at = end + 1;
    }
    for (size_t i = 0; i < d->n; i++) check_entry(&d->v[i], path);
    text_free(&file);
    return d;
}

void diffs_free(struct diffs *d) {
    for (size_t i = 0; i < d->n; i++) {
        struct entry *e = &d->v[i];
        regfree(&e->command);
        for (size_t k = 0; k < e->n_masks; k++) regfree(&e->masks[k]);
        if (e->has_oracle) regfree(&e->oracle);
        if (e->has_ours) regfree(&e->ours);
        free(e->name);
        free(e->reason);
    }
    free(d->v);
    free(d);
}

/* The text with every match of the expression cut out. */
static void cut(struct text *t, const regex_t *re) {
    struct text kept = {0};
    const char *at = text_z(t);
    regmatch_t m;
    while (*at && regexec(re, at, 1, &m, at == t->p ? 0 : REG_NOTBOL) == 0 && m.rm_eo > 0) {
        text_add(&kept, at, (size_t)m.rm_so);
        at += m.rm_eo;
    }
    text_cstr(&kept, at);
    text_free(t);
    *t = kept;
}

static bool entry_explains(const struct entry *e, const char *command, struct text *oracle,
                           struct text *ours) {
    if (regexec(&e->command, command, 0, NULL, 0) != 0) return false;
    if (e->has_oracle && (regexec(&e->oracle, text_z(oracle), 0, NULL, 0) != 0 ||
                          regexec(&e->ours, text_z(ours), 0, NULL, 0) != 0))
        return false;
    if (e->n_masks == 0) return true;
    for (size_t i = 0; i < e->n_masks; i++) {
        cut(oracle, &e->masks[i]);
        cut(ours, &e->masks[i]);
    }
    return span_eq(text_span(oracle), text_span(ours));
}

bool diffs_explain(struct diffs *d, const char *command, struct span oracle, struct span ours) {
    for (size_t i = 0; i < d->n; i++) {
        struct text a = {0};
        struct text b = {0};
        text_reply(&a, oracle, REPLY_BYTES_MAX);
        text_reply(&b, ours, REPLY_BYTES_MAX);
        bool yes = entry_explains(&d->v[i], command, &a, &b);
        text_free(&a);
        text_free(&b);
        if (yes) {
            d->v[i].uses++;
            return true;
        }
    }
    return false;
}

unsigned long diffs_report(const struct diffs *d, FILE *to) {
    unsigned long all = 0;
    for (size_t i = 0; i < d->n; i++) {
        const struct entry *e = &d->v[i];
        all += e->uses;
        if (e->uses) fprintf(to, "  %lu x %s: %s\n", e->uses, e->name, e->reason);
    }
    return all;
}
