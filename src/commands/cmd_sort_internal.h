/* cmd_sort_internal.h - what the files of SORT share.
 *
 * cmd_sort.c reads the elements and the options, puts in order, replies and stores;
 * cmd_sort_sought.c keeps what patterns lead to while that takes several turns.
 */
#ifndef COMMANDS_CMD_SORT_INTERNAL_H
#define COMMANDS_CMD_SORT_INTERNAL_H

#include "core/exec.h"
#include "types/list.h"

/* -- patterns ------------------------------------------------------------------------ */

/* BY or GET: the name of a key with the element in the place of the '*', and a field of it. */
struct sort_pattern {
    bool is_element; /* "#": the element itself */
    bool is_fixed;   /* no '*': names nothing */
    bool has_field;
    struct slice before, after, field;
};

/* Room for the names that patterns make: begins as {NULL, 0}, and is freed by mem_free(p). */
struct sort_name {
    char *p;
    size_t bytes;
};

struct slice sort_pattern_name(const struct sort_pattern *p, struct slice element,
                               struct sort_name *room);

/* What the pattern leads to in the key e (NULL: no such key), borrowed from it; false if that is no
 * string, or has no such field. */
bool sort_value_in(const struct ctx *c, const struct sort_pattern *p, const struct entry *e,
                   struct list_element *found);

/* -- what was sought ------------------------------------------------------------------ */

/* The values that patterns lead to for many elements, found on the loop over several turns, and
 * kept as they are at the end of the last one:
 *
 * F1  Each name is looked up once. Values are copies, or references of blobs.
 * F2  The feed tells of each key that is written, or leaves; sort_sought_renew looks those up again
 *     that have been sought. After it, with no other command between, every value is that of this
 *     moment.
 * F3  Elements are borrowed, and stay.
 * Threads: the loop; values are read by any thread while the loop does not seek or renew.
 */
struct sort_sought;

#define SORT_NOT_SOUGHT UINT32_MAX

/* Room for about `room` values; begins to listen to the feed. */
struct sort_sought *sort_sought_new(const struct ctx *c, size_t room);

/* Hears no more of changes. On the loop, once, before it is freed on any thread. */
void sort_sought_stop(struct sort_sought *f);
void sort_sought_free(struct sort_sought *f);

/* The number of what pattern p, which is the which-th one, leads to from the element. */
uint32_t sort_seek(struct sort_sought *f, const struct ctx *c, const struct sort_pattern *p,
                   uint32_t which, const struct lp_value *element);

/* Looks up again what has changed, by patterns[which]; true if a value of a pattern before
 * `which_end` is another one. Cost: as much as the commands took that changed it. */
bool sort_sought_renew(struct sort_sought *f, const struct ctx *c,
                       const struct sort_pattern *const *patterns, uint32_t which_end);

/* The value of a number, borrowed; false if there is none. */
bool sort_sought_value(const struct sort_sought *f, uint32_t number, struct list_element *found);

#endif
