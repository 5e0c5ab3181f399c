/* collate.h - the locale by which texts are compared (SORT ... ALPHA): directive locale-collate.
 *
 * L1  A locale that has been in use is kept until the end, as a worker may be comparing by it: what
 *     there can be are the names that the system knows.
 * Threads: collate_set the loop; the others any.
 */
#ifndef CORE_COLLATE_H
#define CORE_COLLATE_H

#include <locale.h>
#include <stdbool.h>

/* Whether the system has a locale of this name; "" is the environment's. */
bool collate_is_known(const char *name);

/* From now on it is this one; if the system has none of that name it stays, or is "C" at first. */
void collate_set(const char *name);

/* The one to be used now, for strcoll_l; after the first collate_set. */
locale_t collate_now(void);

#endif
