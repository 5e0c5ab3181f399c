/* grammar.h - random commands from text: what to send is data, in grammar/<family>.txt.
 *
 * A file of a family holds, a line each:
 *     # comment
 *     needs RPUSH              the family is left out while our server lacks the command
 *     pool  name = word word ...           {name} is one of the words
 *     rule  name = {int} | %3 EX {secs}    {name} is one alternative, %3 as often
 *     20 SET {key} {val} [NX|XX] [GET] @exact         weight, template, attributes
 *   Templates: words; [..] half of the time, [?10 ..] in 10 % of the cases; (a | b) one of;
 *   (..)+ one to four times, (..)+9 one to nine times; {name} and {name 1 9} a generator
 *   (gen.c), pool or rule, also inside of a word; "quoted words" with \n \r \t \xNN \{ .
 *   A rule that makes several words stands alone, as its own word.
 *   Attributes: @mode[:parameter] as in step.h; @clean: never spoilt by mutation; @ttl:
 *   mutation must not put a small number anywhere (it could become a time to live).
 *   Pools and rules of common.txt are seen by all families; it has no commands.
 * To add a family: a file. To add a generator: gen.c.
 * Threads: one.
 */
#ifndef MODEL_GRAMMAR_H
#define MODEL_GRAMMAR_H

#include "rng.h"
#include "step.h"
#include "text.h"

struct grammar;

/* Reads common.txt and the families (comma-separated names, NULL for every file) of the
 * directory. Ends the test with file and line on a mistake. */
struct grammar *grammar_load(const char *dir, const char *families);
void grammar_free(struct grammar *g);

/* Asks of every command and `needs` that the grammar names whether the server has it;
 * families that need a missing one are switched off and named in *off. */
void grammar_probe(struct grammar *g, bool (*has)(void *ctx, const char *command), void *ctx,
                   struct text *off);

/* A random command; `spoil_percent` of those that may be are mutated. The step is the
 * caller's; its connection and batch are still to be set. */
struct step *grammar_step(struct grammar *g, struct rng *r, unsigned spoil_percent);

#endif
