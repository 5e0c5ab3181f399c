/* template.h - the template language of grammar.h: parsing it, and expanding it at random.
 *
 * T1  A template names pools, rules and generators by text until template_bind resolves
 *     them, so that files may use what a later line defines.
 * Threads: one.
 */
#ifndef MODEL_TEMPLATE_H
#define MODEL_TEMPLATE_H

#include "gen.h"
#include "grammar.h"

struct template;

/* A pool or a rule. A pool is a rule whose alternatives are single words. */
struct rule {
    char *name;
    struct template *body;
};

struct scope {
    struct rule *v;
    size_t n;
};

/* Parses up to the end of the line or an attribute; moves *at there. `where` is for the
 * message that ends the test on a mistake. A pool has no syntax but quoted words. */
struct template *template_parse(const char **at, const char *where);
struct template *template_parse_pool(const char **at, const char *where);
void template_free(struct template *t);

/* Resolves names; ends the test when one is unknown. */
void template_bind(struct template *t, const struct scope *scope, const char *where);

/* Appends the words of one random expansion. */
void template_expand(const struct template *t, struct rng *r, struct words *out);

/* The first word, if it is fixed; an empty span otherwise. */
struct span template_head(const struct template *t);

#endif
