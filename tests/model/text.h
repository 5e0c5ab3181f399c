/* text.h - byte strings of the model test: growing, escaping, reading back.
 *
 * A struct text owns its bytes and grows as needed; all of them are binary. The escaped
 * form is the one that people read in a report and that replay files hold: words without
 * special bytes stand bare, all others between double quotes with \r \n \t \" \\ \xNN.
 * Threads: one. Memory: a failed allocation ends the test.
 */
#ifndef MODEL_TEXT_H
#define MODEL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *p;
    size_t n;
    size_t cap;
};

/* A borrowed run of bytes. */
struct span {
    const char *p;
    size_t n;
};

/* Ends the test with a message: for faults of the set-up (files, options, memory). */
__attribute__((noreturn, format(printf, 1, 2))) void model_die(const char *fmt, ...);

void *model_alloc(size_t n);
void *model_grow(void *p, size_t n);

void text_free(struct text *t);
void text_clear(struct text *t);
void text_add(struct text *t, const void *p, size_t n);
void text_cstr(struct text *t, const char *s);
__attribute__((format(printf, 2, 3))) void text_fmt(struct text *t, const char *fmt, ...);

/* The bytes as a C string; the terminating zero is not counted in n. */
const char *text_z(struct text *t);

static inline struct span text_span(const struct text *t) { return (struct span){t->p, t->n}; }

bool span_eq(struct span a, struct span b);
int span_cmp(struct span a, struct span b);

/* Equality with a C string, letters in either case. */
bool span_is(struct span a, const char *word);

/* Whole span as a decimal 64-bit integer in canonical form. */
bool span_int(struct span a, int64_t *out);

/* Appends the escaped form of one word; longer than `bytes_max`, its middle is left out. */
void text_escape(struct text *t, struct span word, size_t bytes_max);

/* Appends a reply as it came, line ends as one space and other control bytes as \xNN:
 * the form that differences.txt speaks about. */
void text_reply(struct text *t, struct span reply, size_t bytes_max);

/* Reads one escaped word at *at (blanks before it are skipped) and appends its bytes.
 * Returns false at the end of the line; moves *at behind the word. */
bool text_word(struct text *out, const char **at);

/* A list of byte strings; all their bytes in one text. Bytes added to `bytes` become a word
 * by words_end. */
struct words {
    struct text bytes;
    size_t *ends;
    size_t n;
    size_t room;
};

void words_end(struct words *w);
void words_add(struct words *w, struct span word);
struct span words_at(const struct words *w, size_t i);
void words_clear(struct words *w);
void words_free(struct words *w);

/* The words in the order of their bytes, equal ones once if `unique`: *n of them. The
 * caller frees the array. */
struct span *words_sorted(const struct words *w, bool unique, size_t *n);

/* The file's contents, or false. */
bool text_load(struct text *out, const char *path);

#endif
