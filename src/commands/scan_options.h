/* scan_options.h - the arguments that SCAN and the scans of members share.
 *
 * Threads: the loop. To add an option: enum scan_allowed if not all take it, scan_options_parse.
 * Specification: Redis 7.2's replies and errors.
 */
#ifndef COMMANDS_SCAN_OPTIONS_H
#define COMMANDS_SCAN_OPTIONS_H

#include "core/exec.h"

/* Options beyond MATCH and COUNT. */
enum scan_allowed { SCAN_TAKES_TYPE = 1, SCAN_TAKES_NOVALUES = 2 };

struct scan_options {
    int64_t count;
    struct slice pattern, type; /* p is NULL if not given */
    bool no_values;
};

/* The cursor in argument i; replies the error if it is none. */
bool scan_cursor_parse(struct ctx *c, int i, uint64_t *cursor);

/* The options from argument i to the last; replies the error. */
bool scan_options_parse(struct ctx *c, int i, unsigned allowed, struct scan_options *o);

/* Whether the pattern, if there is one, lets a name pass. */
bool scan_matches(const struct scan_options *o, struct slice name);

/* True if a pattern is a lone star. */
bool scan_pattern_is_all(struct slice pattern);

/* The head of a reply: an array of two, of which the cursor is the first. */
void scan_reply_cursor(struct ctx *c, uint64_t cursor);

#endif
