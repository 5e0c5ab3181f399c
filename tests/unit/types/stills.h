/* stills.h - stills of an object that is changed at random: made, compared and ended at random.
 *
 * What a still reads is told as bytes, and compared with those that were right when it was made.
 * Threads: still_case_agrees may run beside the thread that changes the object; the rest is that
 * thread's.
 */
#ifndef UNIT_TYPES_STILLS_H
#define UNIT_TYPES_STILLS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/random.h"

/* Bytes that are gathered, or compared with others. */
struct still_bytes {
    char *p; /* NULL: compared with `right` */
    size_t n, cap;
    const struct still_bytes *right;
    bool differ;
};

void still_bytes_add(struct still_bytes *b, const void *p, size_t n);

struct still_kind {
    void *(*make)(void *object); /* NULL: not now */
    void (*end)(void *object, void *still);
    /* What the object is now, by a model of it or a copy; and what a still is, read as a save
     * reads it. */
    void (*tell_now)(struct still_bytes *to, void *object);
    void (*tell)(struct still_bytes *to, const void *still);
};

struct still_case {
    const struct still_kind *kind;
    void *still; /* NULL: none */
    struct still_bytes right;
};

/* False: no still can be made now. */
bool still_case_make(struct still_case *c, const struct still_kind *kind, void *object);
bool still_case_agrees(const void *still_case); /* as still_reader.h wants it */
void still_case_end(struct still_case *c, void *object);

#define STILLS_MAX 3

struct stills {
    struct still_case cases[STILLS_MAX];
    unsigned made;
};

/* Makes one, compares one or ends one, with a chance of 1 in `rarely` each. */
void stills_step(struct stills *s, const struct still_kind *kind, void *object, struct random *rng,
                 unsigned rarely);
/* Compares and ends all, in any order. */
void stills_end(struct stills *s, void *object, struct random *rng);

#endif
