/* config_parse.c - directives from files, standard input and the command line.
 *
 * P1  Whatever fails is told in one line that starts with where: "config: redis.conf:12: ..." or
 *     "config: argument '--port': ...". Values are not shown, they may be secrets.
 * P2  A file is read whole before its first line is applied.
 * To add a directive that is no row (like include): directive_find below, and config_rewrite.c
 * if the line has to survive there.
 * Specification: Redis 7.0, redis.conf and its command line. Threads: the loop, before it runs.
 */
#include "core/config_internal.h"

#include "base/file.h"
#include "base/mem.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_BYTES_MAX (64 * 1024 * 1024)
#define INCLUDE_DEPTH_MAX 16

/* What is being read. */
struct source {
    struct config *conf;
    const char *where; /* of the current line: "redis.conf:12" */
    int depth;         /* of includes */
    char *why;
};

static bool load_file(struct config *conf, const char *path, int depth, char *why);

static bool fail_at(const struct source *src, const char *reason) {
    return config_refuse(src->why, "config: %s: %s", src->where, reason);
}

/* Directives that are no rows. Each gets the words of the line, its name first. */

static bool has_glob(const char *path) { return strpbrk(path, "*?[") != NULL; }

static bool include_set(const struct source *src, const struct slice *word, size_t n) {
    if (n != 2) return fail_at(src, "include: wrong number of arguments");
    if (src->depth == INCLUDE_DEPTH_MAX) return fail_at(src, "include: nested too deeply");
    char *pattern = mem_dup(word[1].p, word[1].n);
    glob_t found = {0};
    bool done = true;
    if (has_glob(pattern) && glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc && done; i++) {
            done = load_file(src->conf, found.gl_pathv[i], src->depth + 1, src->why);
        }
        globfree(&found);
    } else if (!has_glob(pattern)) {
        done = load_file(src->conf, pattern, src->depth + 1, src->why);
    }
    mem_free(pattern);
    return done;
}

static bool rename_set(const struct source *src, const struct slice *word, size_t n) {
    struct config *conf = src->conf;
    if (n != 3) return fail_at(src, "rename-command: wrong number of arguments");
    conf->renames = mem_realloc(conf->renames, (conf->rename_count + 1) * sizeof *conf->renames);
    conf->renames[conf->rename_count++] = (struct config_rename){
        mem_dup(word[1].p, word[1].n),
        mem_dup(word[2].p, word[2].n),
        mem_dup(src->where, strlen(src->where)),
    };
    return true;
}

static bool unavailable_set(const struct source *src, const struct slice *word, size_t n) {
    (void)n;
    return config_refuse(src->why, "config: %s: %.*s: not available in this version", src->where,
                         (int)word[0].n, word[0].p);
}

/* Names of old that Redis reads over. */
static bool outdated_set(const struct source *src, const struct slice *word, size_t n) {
    (void)src, (void)word, (void)n;
    return true;
}

static const struct directive {
    const char *name;
    bool (*set)(const struct source *src, const struct slice *word, size_t n);
} directives[] = {
    {"include", include_set},
    {"rename-command", rename_set},
    {"user", unavailable_set},
    {"loadmodule", unavailable_set},
    {"sentinel", unavailable_set},
    {"list-max-ziplist-entries", outdated_set},
    {"list-max-ziplist-value", outdated_set},
    {"lua-replicate-commands", outdated_set},
    {0},
};

static const struct directive *directive_find(struct slice name) {
    const struct directive *d = directives;
    while (d->name && !slice_is(name, d->name)) d++;
    return d->name ? d : NULL;
}

/* Sets a row; a first value with blanks in it is several ("--bind 'a b'"). */
static bool row_load(const struct source *src, const struct config_row *row,
                     const struct slice *word, size_t n) {
    char reason[CONFIG_WHY_BYTES];
    struct config_words inner = {0};
    bool done;
    if (n == 1 && word[0].n && (row->flags & CONFIG_WORDS)) {
        done = config_split(word[0], &inner)
                   ? config_row_set(src->conf, row, inner.word, inner.n, true, reason)
                   : config_refuse(reason, "unbalanced quotes");
    } else if (n == 0 && !(row->flags & CONFIG_WORDS)) { /* "save" alone: none */
        done = config_refuse(reason, "wrong number of arguments");
    } else {
        done = config_row_set(src->conf, row, word, n, true, reason);
    }
    config_words_fini(&inner);
    return done || config_refuse(src->why, "config: %s: %s: %.400s", src->where, row->name, reason);
}

static bool words_load(const struct source *src, const struct slice *word, size_t n) {
    if (n == 0) return true;
    const struct config_row *row = config_row_find(word[0]);
    if (row) return row_load(src, row, word + 1, n - 1);
    const struct directive *d = directive_find(word[0]);
    if (d) return d->set(src, word, n);
    return config_refuse(src->why, "config: %s: unknown directive '%.*s'", src->where,
                         (int)(word[0].n > 128 ? 128 : word[0].n), word[0].p);
}

/* Files. */

static bool line_load(const struct source *src, struct slice line) {
    struct config_words words;
    while (line.n && strchr(" \t\r", line.p[0])) line = slice_of(line.p + 1, line.n - 1);
    if (!line.n || line.p[0] == '#') return true;
    if (!config_split(line, &words)) return fail_at(src, "unbalanced quotes");
    bool done = words_load(src, words.word, words.n);
    config_words_fini(&words);
    return done;
}

static bool text_load(struct config *conf, struct slice text, const char *name, int depth,
                      char *why) {
    const char *p = text.p, *end = text.p + text.n;
    for (size_t number = 1; p < end; number++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        const char *stop = newline ? newline : end;
        char where[CONFIG_WHY_BYTES];
        snprintf(where, sizeof where, "%.300s:%zu", name, number);
        struct source src = {conf, where, depth, why};
        if (!line_load(&src, slice_of(p, (size_t)(stop - p)))) return false;
        p = newline ? newline + 1 : end;
    }
    return true;
}

bool config_load_text(struct config *conf, struct slice text, const char *name,
                      char why[CONFIG_WHY_BYTES]) {
    return text_load(conf, text, name, 0, why);
}

static bool load_file(struct config *conf, const char *path, int depth, char *why) {
    char *text;
    ssize_t n = file_read(path, FILE_BYTES_MAX, &text);
    if (n < 0) {
        return config_refuse(why, "config: cannot read '%.300s': %s", path, strerror((int)-n));
    }
    bool done = text_load(conf, slice_of(text, (size_t)n), path, depth, why);
    mem_free(text);
    return done;
}

static bool load_stdin(struct config *conf, char *why) {
    struct config_text text = {0};
    char part[4096];
    for (size_t n; (n = fread(part, 1, sizeof part, stdin)) > 0;) {
        config_text_add(&text, part, n);
        if (text.n > FILE_BYTES_MAX) break;
    }
    bool done = text.n <= FILE_BYTES_MAX
                    ? text_load(conf, slice_of(text.p, text.n), "standard input", 0, why)
                    : config_refuse(why, "config: standard input: too long");
    config_text_fini(&text);
    return done;
}

/* The command line: options and the words that belong to them. */

struct option {
    const char *arg; /* as given, for errors */
    struct config_words words;
    size_t cap;
    bool wants_value; /* the next argument belongs to it, even if it starts with -- */
};

static bool option_load(struct config *conf, struct option *o, char *why) {
    char where[CONFIG_WHY_BYTES];
    snprintf(where, sizeof where, "argument '%.100s'", o->arg ? o->arg : "");
    /* A value inside of the argument may be a secret: its name is enough. */
    char *blank = strpbrk(where + sizeof "argument '--", " \t");
    if (blank) memcpy(blank, "'", 2);
    struct source src = {conf, where, 0, why};
    bool done = words_load(&src, o->words.word, o->words.n);
    config_words_fini(&o->words);
    *o = (struct option){0};
    return done;
}

static void option_add(struct option *o, const char *arg) {
    if (!o->arg) o->arg = arg;
    if (o->words.n >= o->cap) {
        o->cap = o->words.n * 2 + 4;
        o->words.word = mem_realloc(o->words.word, o->cap * sizeof *o->words.word);
    }
    o->words.word[o->words.n++] = slice_cstr(arg);
    o->wants_value = false;
}

static bool is_option(const char *arg) { return arg && strncmp(arg, "--", 2) == 0; }

/* Starts an option; `next` is the argument behind it, or NULL. */
static bool option_start(struct option *o, const char *arg, const char *next, char *why) {
    o->arg = arg;
    if (!config_split(slice_cstr(arg + 2), &o->words)) {
        return config_refuse(why, "config: argument '%.100s': unbalanced quotes", arg);
    }
    o->cap = o->words.n;
    o->wants_value = o->words.n <= 1;
    /* A save without a value is an empty list of save points. */
    if (strcasecmp(arg, "--save") == 0 && (!next || is_option(next))) option_add(o, "");
    return true;
}

static bool load_options(struct config *conf, int argc, char *const argv[], char *why) {
    struct option o = {0};
    bool done = true;
    for (int i = 0; i < argc && done; i++) {
        if (is_option(argv[i]) && !o.wants_value) {
            done = option_load(conf, &o, why) && option_start(&o, argv[i], argv[i + 1], why);
        } else {
            option_add(&o, argv[i]);
        }
    }
    done = done && option_load(conf, &o, why);
    config_words_fini(&o.words);
    return done;
}

bool config_load(struct config *conf, int argc, char *const argv[], char why[CONFIG_WHY_BYTES]) {
    int first = 0, last = argc;
    bool from_stdin = false;
    if (argc > 0 && argv[0][0] != '-') {
        mem_free(conf->config_file);
        conf->config_file = file_absolute(argv[0]);
        if (!conf->config_file) {
            conf->config_file = mem_dup("", 0);
            return config_refuse(why, "config: the working directory is unknown");
        }
        if (!load_file(conf, argv[0], 0, why)) return false;
        first = 1;
    } else if (argc > 0 && strcmp(argv[0], "-") == 0) {
        from_stdin = true;
        first = 1;
    }
    if (last > first && strcmp(argv[last - 1], "-") == 0) {
        from_stdin = true;
        last--;
    }
    if (from_stdin && !load_stdin(conf, why)) return false;
    return load_options(conf, last - first, argv + first, why);
}
