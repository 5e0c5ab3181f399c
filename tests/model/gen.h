/* gen.h - the built-in generators of the grammar: {name} or {name low high}.
 *
 * To add one: a function and a row of the table in gen.c, and what it makes as a comment
 * there. Everything that can be said as a pool or a rule belongs into grammar/common.txt.
 * Threads: one.
 */
#ifndef MODEL_GEN_H
#define MODEL_GEN_H

#include "rng.h"
#include "text.h"

struct gen;

/* NULL if there is none of that name. */
const struct gen *gen_find(struct span name);

/* Appends one value; the bounds are those written in the grammar, 0 0 if none were. */
void gen_make(const struct gen *g, struct rng *r, int64_t low, int64_t high, struct text *out);

#endif
