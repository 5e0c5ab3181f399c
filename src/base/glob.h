/* glob.h - glob-style patterns, as Redis matches key names, channels and directives.
 *
 *   ?        one byte                  *        any run of bytes
 *   [a-cx]   one byte of the set       [^...]   one byte not of the set
 *   \x       x itself (inside a set too, where it is compared in its exact case)
 * Redis' corners are kept: an unclosed set ends with the pattern; the ends of a range may
 * stand in either order and are compared as signed bytes; a '-' that is the last but one
 * byte of the pattern is itself; a trailing '\' is itself; the empty string matches the
 * empty pattern only, not even "*".
 * Unlike Redis, more than a thousand stars are no reason to fail.
 * Threads: any. Cost: at most pattern bytes x string bytes, no recursion, no memory, so a
 * hostile pattern is bounded by the lengths that the caller admits.
 */
#ifndef BASE_GLOB_H
#define BASE_GLOB_H

#include "base/bytes.h"

/* `nocase` folds ASCII letters. */
bool glob_match(struct slice pattern, struct slice s, bool nocase);

/* The same in exact case, but false when it takes GLOB_STEPS_MAX steps and GLOB_BYTE_STEPS_MAX for
 * each byte of s, a byte of the pattern looked at being one at least: for who must not be held up
 * by a hostile pattern, which with s has to be of more than a thousand bytes for that. */
bool glob_match_bounded(struct slice pattern, struct slice s);

/* What stands at *at in a pattern, which is moved behind it: for who wants to know what a pattern
 * begins or ends with. */
enum glob_element {
    GLOB_LITERAL, /* one byte, *literal */
    GLOB_ONE,     /* some byte: ? or a set */
    GLOB_RUN,     /* any run of bytes */
};
enum glob_element glob_element(struct slice pattern, size_t *at, char *literal);

#endif
