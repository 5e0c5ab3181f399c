/* fieldsets.h - names of fields that a session has prepared, for hashes of which it then sends the
 * values only (HIMPORT).
 *
 * F1  The fields of a set differ, and lie in order: shorter ones first, then by their bytes.
 * F2  What a session prepared is its own, and goes with it, or at RESET.
 * Cost: a walk over the session's sets, the last one prepared first.
 * Threads: the loop.
 * Specification: Redis 8.10's HIMPORT.
 */
#ifndef CORE_FIELDSETS_H
#define CORE_FIELDSETS_H

#include "base/bytes.h"

/* A field, and which of the values is for it. */
struct fieldset_field {
    struct slice text;
    size_t value;
};

struct fieldset {
    struct fieldset *next;
    size_t bytes; /* of memory, all in all */
    struct slice name;
    size_t count;
    struct fieldset_field fields[]; /* the texts lie behind them */
};

/* Of one session; all zeros at first. */
struct fieldsets {
    struct fieldset *first;
    size_t bytes;
};

/* Prepares a copy of n fields under a name, instead of what it named before. False, all being as it
 * was: a field comes twice. */
bool fieldsets_prepare(struct fieldsets *all, struct slice name, const struct slice *fields,
                       size_t n);

/* NULL if there is none. */
const struct fieldset *fieldsets_find(const struct fieldsets *all, struct slice name);

/* False if there was none. */
bool fieldsets_discard(struct fieldsets *all, struct slice name);

/* How many there were. */
size_t fieldsets_discard_all(struct fieldsets *all);

#endif
