/* set.h - sets of texts: the large form, and one way to read and to change all three forms.
 *
 * A set is an intset while it holds few integers, a listpack while it holds few short texts, and
 * a struct set_value otherwise: a hash table (base/table.h) of members. There an integer of 47
 * bits lies in the table's slot itself; any other member is a blob:
 *
 *     0     | [1..4]               |
 *     head  | [length, if >= 63]   | text         head: bit 0 in the slab, bits 2-7 length or 63
 *
 * S1  A member is its text; one that is the canonical decimal of 47 bits is always in a slot, so
 *     every text has one form, and equal texts equal forms.
 * S2  Reads change nothing: any thread may work on a view of a set that nobody writes.
 * S3  An edit moves a set from form to form as Redis 7.2 does: intset to listpack or table,
 *     listpack to table, never back.
 * Threads: as the set's owner says. To add a form: the enum, and the functions that switch on it.
 * Specification: Redis 7.2 (encodings and their thresholds).
 */
#ifndef TYPES_SET_H
#define TYPES_SET_H

#include "base/table.h"
#include "types/lp_buf.h"

#define SET_DIGITS_MAX 24 /* room for the digits of a member that is kept as a number */

/* ---- the large form ---- */

struct set_value;
struct table;

struct set_value *set_value_new(void);

/* Cost: a few calls per 64 KiB, unless members are blocks of the allocator (the first some 2,000
 * are). Callable on a worker. */
void set_value_free(struct set_value *s);
size_t set_value_free_cost(const struct set_value *s); /* allocations, about */
size_t set_value_memory(const struct set_value *s);
struct set_value *set_value_copy(const struct set_value *s);

/* A still of s (base/table_still.h): reads as s does now, by any thread, with set_count, _has,
 * _each and _step; s outlives it. Several may be out at once. */
struct set_value *set_value_still(struct set_value *s);
void set_value_still_end(struct set_value *s, struct set_value *still);

/* Bytes that are kept for stills alone; set_value_memory has them too. */
size_t set_value_still_bytes(const struct set_value *s);

/* The table of members, for hints (table_prefetch). */
const struct table *set_value_table(const struct set_value *s);

/* ---- reading ---- */

enum set_form { SET_INTSET, SET_LISTPACK, SET_VALUE };

/* A set, borrowed. */
struct set_view {
    enum set_form form;
    union {
        const uint8_t *packed;
        const struct set_value *value;
    };
};

size_t set_count(struct set_view s);
bool set_has(struct set_view s, struct slice member);

/* A member by chance; `digits` may back it. The set is not empty. Nearly even (table_random). */
struct slice set_random(struct set_view s, char digits[SET_DIGITS_MAX]);

/* A member is good until the visit returns. */
typedef void set_visit(void *ctx, struct slice member);

/* Every member once, in no order. */
void set_each(struct set_view s, set_visit *visit, void *ctx);

/* The same in steps, a zeroed walk being at the beginning: some members, packed forms all at once.
 * False behind the last ones. */
bool set_step(struct set_view s, struct table_walk *w, set_visit *visit, void *ctx);

/* Visits members from `cursor` (0 begins) until `count` or more were visited; returns where to go
 * on, 0 at the end. A member that is there all the time is visited once. Packed forms are visited
 * whole. */
uint64_t set_scan(struct set_view s, uint64_t cursor, size_t count, set_visit *visit, void *ctx);

/* ---- editing ---- */

/* Up to when a set keeps its form. */
struct set_limits {
    size_t intset_entries, listpack_entries, listpack_bytes;
};

/* A set that is being built or changed: packed bytes in `buf`, or a value. */
struct set_edit {
    enum set_form form;
    bool value_is_new; /* made by this edit: set_edit_drop frees it */
    struct set_limits limits;
    struct lp_buf buf;
    struct set_value *value;
};

/* An empty set. Memory of the caller, `room`, serves while it suffices. */
void set_edit_new(struct set_edit *e, const struct set_limits *limits, void *room,
                  size_t room_bytes);

/* An existing set: packed bytes are copied, a value is changed in place. */
void set_edit_open(struct set_edit *e, const struct set_limits *limits, struct set_view s,
                   void *room, size_t room_bytes);

/* Before additions, when `count` members will come and `first` is one of them: a set that may
 * outgrow its form becomes a table at once. */
void set_edit_expect(struct set_edit *e, struct slice first, size_t count);

/* False if the member is there already, or is not there. It may lie in the edit's own bytes when it
 * is removed. */
bool set_edit_add(struct set_edit *e, struct slice member);
bool set_edit_remove(struct set_edit *e, struct slice member);

/* What is in the edit; good until the next change. */
static inline struct set_view set_edit_view(const struct set_edit *e) {
    if (e->form == SET_VALUE) return (struct set_view){.form = SET_VALUE, .value = e->value};
    return (struct set_view){.form = e->form, .packed = e->buf.p};
}

/* Ends an edit; a new value that was not taken from it goes. */
void set_edit_drop(struct set_edit *e);

#endif
