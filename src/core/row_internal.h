/* row_internal.h - what row.c asks of row_check.c. */
#ifndef CORE_ROW_INTERNAL_H
#define CORE_ROW_INTERNAL_H

#include "core/row.h"

/* Panics with the name of the row and the rule that it breaks. `parent` is the container of
 * a subcommand, else NULL. */
void row_check(const struct row *row, const struct row *parent);

#endif
