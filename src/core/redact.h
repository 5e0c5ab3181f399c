/* redact.h - which arguments of a command must not be shown.
 *
 * Slow log, MONITOR and the crash report print REDACT_TEXT in place of passwords.
 * To add a command that takes a secret: a rule in redact.c.
 * Threads: any.
 */
#ifndef CORE_REDACT_H
#define CORE_REDACT_H

#include "core/row.h"

#define REDACT_TEXT "(redacted)"

enum redact_rule {
    REDACT_NOTHING,
    REDACT_ALL,          /* every argument */
    REDACT_AFTER_AUTH,   /* the two behind an AUTH option */
    REDACT_SECRET_VALUE, /* the values of secret directives */
};

/* The rule for the calls of a row. */
enum redact_rule redact_rule(const struct row_table *rows, const struct row *row);

/* Argument i as it may be shown. */
struct slice redact_argument(enum redact_rule rule, const struct slice *argv, int i);

#endif
