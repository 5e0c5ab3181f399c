/* shrink.h - cuts a history that ends in a failure down to the steps that matter.
 *
 * Delta debugging: pieces are left out, from halves down to single steps, and what still
 * fails on fresh servers is kept (S1 of step.h makes that fair).
 * Threads: one.
 */
#ifndef MODEL_SHRINK_H
#define MODEL_SHRINK_H

#include "run.h"

/* Runs the steps on fresh servers. Returns how many it took to fail, the failing one
 * included, with *f filled; 0 when all agree. Servers that end badly are a failure of the
 * last step. */
size_t replay(struct run *r, struct step *const *steps, size_t n, struct failure *f);

/* Cuts *n steps down in place for at most `seconds`; *f describes the failure of what
 * remains. Returns false when the whole does not fail again (then nothing is cut). The
 * caller frees *f in either case. */
bool shrink(struct run *r, struct step **steps, size_t *n, int seconds, struct failure *f);

#endif
