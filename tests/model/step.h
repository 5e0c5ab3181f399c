/* step.h - what the model test did, in order, and the replay file that holds it.
 *
 * S1  A step is self-contained: sent again in the same order to fresh servers it does the
 *     same, so that histories can be replayed and cut down.
 * S2  Steps of one batch are neighbours, go over one connection and in one write. Modes
 *     for which step_is_alone() holds have a batch of their own.
 * To add a mode: the enum, its name and rank in step.c, its rule in compare.c (replies) or
 * run.c (doing).
 * Replay file: a step a line: connection, batch, mode[:parameter], words (text.h escapes).
 * Threads: one.
 */
#ifndef MODEL_STEP_H
#define MODEL_STEP_H

#include "text.h"

enum step_mode {
    STEP_EXACT,     /* same bytes */
    STEP_UNORDERED, /* same elements; at all depths with parameter 1 */
    STEP_PAIRS,     /* same pairs of neighbours, at the top */
    STEP_NEAR,      /* integers up to the parameter, or the time of the exchanges, apart (ms) */
    STEP_TIMED,   /* streams: the same but for times, and what 7.2 changed: see resp_timed_equal */
    STEP_NUMBER,  /* any two integers that are not negative */
    STEP_SCAN,    /* word [parameter] is a cursor: whole iterations, same elements */
    STEP_MEMBER,  /* nil on both, or our reply is a key that both have */
    STEP_RAW,     /* one word, sent as it is on a new connection; all that comes back */
    STEP_CLOSE,   /* both servers answer and close */
    STEP_SIZE,    /* sees keys whose time is over: equal at the latest when they are collected */
    STEP_SETTLE,  /* sets something to expire: the parameter is how long to wait, in ms */
    STEP_CROSSED, /* DUMP key: each server restores over the key what the other one dumped */
    STEP_CHECK,   /* the whole keyspaces are compared */
    STEP_MODES
};

struct step {
    uint32_t conn;
    uint32_t batch;
    enum step_mode mode;
    uint32_t param;
    size_t argc;
    struct span argv[]; /* the bytes lie behind the array */
};

struct history {
    struct step **v;
    size_t n;
    size_t cap;
};

/* A copy of everything it is given; step_free gives it back. */
struct step *step_new(const struct step *head, const struct span *argv);
void step_free(struct step *s);

bool step_is_alone(enum step_mode mode);

/* The mode and parameter of "near:50"; false if there is no such mode. */
bool step_mode_parse(struct span word, enum step_mode *mode, uint32_t *param);

/* Appends the command's words, long ones shortened to bytes_max. */
void step_words(struct text *t, const struct step *s, size_t bytes_max);

/* Takes the step over. */
void history_add(struct history *h, struct step *s);

/* Frees the steps as well. */
void history_clear(struct history *h);
void history_free(struct history *h);

/* `note` is written as comment lines at the top. False when the file cannot be written. */
bool history_save(const struct history *h, const char *path, const char *note);

/* Ends the test on a malformed file. */
void history_load(struct history *h, const char *path);

#endif
