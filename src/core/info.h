/* info.h - the text of INFO.
 *
 * To add a field: a line in its section's function; a section: a row in sections[].
 * Threads: the loop. Specification: Redis 7.2, INFO. A field whose feature is not there has the
 * value that Redis shows while it is not in use.
 */
#ifndef CORE_INFO_H
#define CORE_INFO_H

#include "base/bytes.h"
#include "core/core.h"

/* The sections asked for, each once, in the order of INFO; "default", "all" and "everything"
 * stand for several, unknown names for none. No names at all: "default". The caller frees the
 * text with free(). */
char *info_text(struct core *core, const struct slice *names, int count, size_t *bytes);

#endif
