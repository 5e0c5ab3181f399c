/* config_internal.h - what the files of the configuration share.
 *
 * A directive is a row; its kind says how its field is parsed and printed. Directives that no
 * kind fits have a struct config_special. Each row prints one canonical text, which is what
 * CONFIG GET shows and what it takes back.
 */
#ifndef CORE_CONFIG_INTERNAL_H
#define CORE_CONFIG_INTERNAL_H

#include "core/config.h"

/* A growing text; p ends with a zero, or is NULL while n is 0. Zeroed: empty. */
struct config_text {
    char *p;
    size_t n, cap;
};
void config_text_add(struct config_text *t, const void *p, size_t n);
void config_text_addf(struct config_text *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* In double quotes, with the escapes that config_split undoes. */
void config_text_quote(struct config_text *t, struct slice s);
/* Detaches the text, "" included; the caller frees. */
char *config_text_take(struct config_text *t);
void config_text_fini(struct config_text *t);

/* Words of a line; `bytes` backs those that config_split decoded. */
struct config_words {
    struct slice *word;
    size_t n;
    char *bytes;
};
/* By wire/words.h. False if a quote stays open or is followed by no blank. */
bool config_split(struct slice line, struct config_words *words);
/* By single spaces, nothing decoded; no word in an empty text. */
void config_split_plain(struct slice text, struct config_words *words);
void config_words_fini(struct config_words *words);

enum config_kind {
    CONFIG_BOOL,
    CONFIG_CHOICE,  /* int: one of row->choices */
    CONFIG_CHOICES, /* int: any of them or'ed; the one of value 0 stands alone */
    CONFIG_INT,
    CONFIG_UINT,
    CONFIG_I64,
    CONFIG_U64,
    CONFIG_STRING,
    CONFIG_SPECIAL,
};

enum config_flag {
    CONFIG_IMMUTABLE = 1 << 0, /* set at start only */
    CONFIG_PROTECTED = 1 << 1, /* CONFIG SET under enable-protected-configs */
    CONFIG_SECRET = 1 << 2,
    CONFIG_WORDS = 1 << 3,   /* takes several words */
    CONFIG_MEMORY = 1 << 4,  /* units */
    CONFIG_PERCENT = 1 << 5, /* N% as well, held as -N */
    CONFIG_OCTAL = 1 << 6,
    CONFIG_LATER = 1 << 7,       /* its feature is not there: only the default is taken */
    CONFIG_NOT_LOADING = 1 << 9, /* CONFIG SET refuses it while data is loaded */
    CONFIG_HIDDEN = 1 << 8,      /* for tests: CONFIG GET shows it when it is named */
};

struct config_choice {
    const char *name;
    int value;
};
extern const struct config_choice config_subscriber_policies[];

struct config_rewriter;

struct config_special {
    /* `adding`: lines of a file add up where the directive says so. Writes `why` and changes
     * nothing when it returns false. */
    bool (*set)(struct config *conf, const struct slice *word, size_t n, bool adding, char *why);
    void (*format)(const struct config *conf, struct config_text *out);
    /* NULL: one line of format's text. */
    void (*rewrite)(const struct config *conf, const struct config *initial,
                    struct config_rewriter *rw);
};

struct config_row {
    const char *name;
    const char *alias; /* or NULL */
    enum config_kind kind;
    size_t offset;       /* of the field; unused by a special */
    const char *initial; /* as in a file */
    int64_t min;
    uint64_t max;
    unsigned flags;
    const struct config_choice *choices; /* ends with a NULL name */
    /* The reason why a text or choice will not do, or NULL. */
    const char *(*check)(const void *field);
    const struct config_special *special;
    int64_t clamp_min, clamp_max; /* if clamp_max: an accepted value is moved into these */
};

extern const struct config_row config_directives[];
extern const size_t config_directive_count;

/* By name or alias, any case; NULL if there is none. */
const struct config_row *config_row_find(struct slice name);

/* Sets a field from words, or leaves it and writes why not. */
bool config_row_set(struct config *conf, const struct config_row *row, const struct slice *word,
                    size_t n, bool adding, char *why);
/* Sets a field to a text that config_row_format printed. */
void config_row_restore(struct config *conf, const struct config_row *row, const char *text);
void config_row_format(const struct config *conf, const struct config_row *row,
                       struct config_text *out);
char *config_row_text(const struct config *conf, const struct config_row *row);
bool config_row_same(const struct config *a, const struct config *b, const struct config_row *row);

/* Writes a reason; always false, so that it can be returned. */
bool config_refuse(char *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* One line of a directive for the file: takes the place of its next old line, or, if there is
 * none left and `force`, goes to the end. */
void config_rewrite_line(struct config_rewriter *rw, const char *name, struct config_text *value,
                         bool force);
/* "64mb" where that is exact. */
void config_format_memory(struct config_text *out, uint64_t bytes);

extern const struct config_special config_special_bind;
extern const struct config_special config_special_save;
extern const struct config_special config_special_output_limit;
extern const struct config_special config_special_dir;
extern const struct config_special config_special_percentiles;
extern const struct config_special config_special_notify;
extern const struct config_special config_special_oom_scores;
extern const struct config_special config_special_replicaof;

const char *config_check_title(const void *field);
const char *config_check_locale(const void *field);
const char *config_check_cpus(const void *field);
const char *config_check_facility(const void *field);
const char *config_check_dbfilename(const void *field);
const char *config_check_appendfilename(const void *field);
const char *config_check_appenddirname(const void *field);
const char *config_check_shutdown(const void *field);

#endif
