/* words.h - the words of a line, as redis.conf and inline commands quote them.
 *
 * Words are parted by blanks (space, \t to \r, zero). "..." knows the escapes \n \r \t \b \a
 * \xHH and \c for any other byte c, '...' only \'. A quoted part may stand anywhere in a word, but
 * ends it.
 * Threads: any. Specification: Redis 7.2.
 */
#ifndef WIRE_WORDS_H
#define WIRE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

/* Moves *at behind the blanks; false at the end of the line. */
bool words_more(const char **at, const char *end);

/* Takes the word at *at, which is not blank: *at moves behind it, its bytes without quotes go to
 * *to, which moves behind them. They are never more than were read, so *to may be the line itself.
 * False if a quote stays open or is followed by no blank. */
bool words_take(const char **at, const char *end, char **to);

/* Writes s in double quotes, with the escapes that words_take undoes, to `to`, which has room for
 * 4 * s.n + 2 bytes; their number. */
size_t words_quote(char *to, struct slice s);

#endif
