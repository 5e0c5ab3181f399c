/* step.c - the steps of a run and the replay file. See step.h. */
#include "step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    bool alone;
} modes[STEP_MODES] = {
    [STEP_EXACT] = {"exact", false},  [STEP_UNORDERED] = {"unordered", false},
    [STEP_PAIRS] = {"pairs", false},  [STEP_NEAR] = {"near", false},
    [STEP_TIMED] = {"timed", false},  [STEP_NUMBER] = {"number", false},
    [STEP_SCAN] = {"scan", true},     [STEP_MEMBER] = {"member", true},
    [STEP_RAW] = {"raw", true},       [STEP_CLOSE] = {"close", true},
    [STEP_SETTLE] = {"settle", true}, [STEP_CHECK] = {"check", true},
    [STEP_SIZE] = {"size", true},     [STEP_CROSSED] = {"crossed", true},
};

struct step *step_new(const struct step *head, const struct span *argv) {
    size_t bytes = sizeof(struct step) + head->argc * sizeof(struct span);
    size_t at = bytes;
    for (size_t i = 0; i < head->argc; i++) bytes += argv[i].n;
    struct step *s = model_alloc(bytes);
    memcpy(s, head, sizeof *s);
    for (size_t i = 0; i < head->argc; i++) {
        char *p = (char *)s + at;
        if (argv[i].n) memcpy(p, argv[i].p, argv[i].n);
        s->argv[i] = (struct span){p, argv[i].n};
        at += argv[i].n;
    }
    return s;
}

void step_free(struct step *s) { free(s); }

bool step_is_alone(enum step_mode mode) { return modes[mode].alone; }

bool step_mode_parse(struct span word, enum step_mode *mode, uint32_t *param) {
    const char *colon = memchr(word.p, ':', word.n);
    struct span name = {word.p, colon ? (size_t)(colon - word.p) : word.n};
    for (int m = 0; m < STEP_MODES; m++) {
        if (!span_is(name, modes[m].name)) continue;
        *mode = (enum step_mode)m;
        *param = colon ? (uint32_t)strtoul(colon + 1, NULL, 10) : 0;
        return true;
    }
    return false;
}

void step_words(struct text *t, const struct step *s, size_t bytes_max) {
    for (size_t i = 0; i < s->argc; i++) {
        if (i) text_cstr(t, " ");
        text_escape(t, s->argv[i], bytes_max);
    }
}

void history_add(struct history *h, struct step *s) {
    if (h->n == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 1024;
        h->v = model_grow(h->v, h->cap * sizeof *h->v);
    }
    h->v[h->n++] = s;
}

void history_clear(struct history *h) {
    for (size_t i = 0; i < h->n; i++) step_free(h->v[i]);
    h->n = 0;
}

void history_free(struct history *h) {
    history_clear(h);
    free(h->v);
    *h = (struct history){0};
}

bool history_save(const struct history *h, const char *path, const char *note) {
    FILE *f = fopen(path, "wb");
    if (!f) return false;
    for (const char *line = note; *line;) {
        size_t n = strcspn(line, "\n");
        fprintf(f, "# %.*s\n", (int)n, line);
        line += n + (line[n] == '\n');
    }
    struct text t = {0};
    for (size_t i = 0; i < h->n; i++) {
        const struct step *s = h->v[i];
        text_clear(&t);
        text_fmt(&t, "%u %u %s:%u ", s->conn, s->batch, modes[s->mode].name, s->param);
        step_words(&t, s, SIZE_MAX);
        text_cstr(&t, "\n");
        fwrite(t.p, 1, t.n, f);
    }
    text_free(&t);
    return fclose(f) == 0;
}

static void load_line(struct history *h, const char *path, unsigned line, const char *at) {
    struct text words = {0};
    size_t end[4096];
    size_t n = 0;
    while (n < 4096 && text_word(&words, &at)) end[n++] = words.n;
    struct step head = {0};
    struct span argv[4096];
    for (size_t i = 0; i < n; i++) {
        size_t from = i ? end[i - 1] : 0;
        argv[i] = (struct span){words.p + from, end[i] - from};
    }
    int64_t conn;
    int64_t batch;
    if (n < 3 || !span_int(argv[0], &conn) || !span_int(argv[1], &batch) ||
        !step_mode_parse(argv[2], &head.mode, &head.param))
        model_die("%s:%u: not a step; it is 'connection batch mode words'", path, line);
    head.conn = (uint32_t)conn;
    head.batch = (uint32_t)batch;
    head.argc = n - 3;
    history_add(h, step_new(&head, argv + 3));
    text_free(&words);
}

void history_load(struct history *h, const char *path) {
    struct text file = {0};
    if (!text_load(&file, path)) model_die("cannot read the replay file %s", path);
    char *at = file.p ? (text_z(&file), file.p) : NULL;
    for (unsigned line = 1; at && *at; line++) {
        char *end = strchr(at, '\n');
        if (end) *end = 0;
        if (*at && *at != '#') load_line(h, path, line, at);
        if (!end) break;
        at = end + 1;
    }
    text_free(&file);
}
