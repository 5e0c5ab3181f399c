/* diffs.h - the differences that are meant, from a table in text (differences.txt).
 *
 * Each entry is a block of lines `word = POSIX extended regular expression`:
 *     [name]
 *     command = the command's words (text.h escapes), letters in either case
 *     reason  = one line of prose
 *     mask    = any number: parts of both replies that are cut out before they are compared
 *     oracle  = with ours: both replies have to match
 *     ours    =
 * Replies are written as text_reply() does. An entry without mask, oracle and ours is an
 * error: a difference has to be described.
 * Threads: one.
 */
#ifndef MODEL_DIFFS_H
#define MODEL_DIFFS_H

#include <stdio.h>

#include "text.h"

struct diffs;

/* Ends the test when the file cannot be read or has a mistake. */
struct diffs *diffs_load(const char *path);
void diffs_free(struct diffs *d);

/* Whether some entry explains these two replies to the command. Counts its use. */
bool diffs_explain(struct diffs *d, const char *command, struct span oracle, struct span ours);

/* A line for each entry that was used. Returns the number of uses. */
unsigned long diffs_report(const struct diffs *d, FILE *to);

#endif
