/* command_lines.h - commands of every family with all that they may change, for suites that compare
 * what is told of a change with what redis-server tells. In order: later ones find what earlier
 * ones have left. To add a command: its lines in command_lines.c.
 * Threads: the test's.
 */
#ifndef SUPPORT_COMMAND_LINES_H
#define SUPPORT_COMMAND_LINES_H

#include <hiredis/hiredis.h>
#include <stddef.h>

/* Ends with NULL. "SLEEP s" is for the suite. */
extern const char *const command_lines[];

#define LINE_WORDS_MAX 64
#define LINE_BYTES_MAX 1024

/* A line's words. */
struct line_words {
    char copy[LINE_BYTES_MAX];
    const char *word[LINE_WORDS_MAX];
    size_t length[LINE_WORDS_MAX];
    int n;
};

/* Words by blanks; "..." is one word. */
void line_split(struct line_words *w, const char *line);

/* The reply to a line; the caller frees it. */
redisReply *line_run(redisContext *c, const char *line);

#endif
