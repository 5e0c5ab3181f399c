/* zset_edit.h - changing a sorted set in either form, or making one.
 *
 * An edit begins with a set or with nothing, takes changes, and leaves a set in the form that it
 * has to have: a listpack that outgrows the limits becomes a struct zset_value, which never goes
 * back. The owner of the set then keeps what the edit made.
 *
 * A1  Exactly one of `value` and `buf` is the set. Bytes of an existing listpack are copied at the
 *     first change only, so an edit that changes nothing costs the search.
 * A2  An existing value is changed in place, and `changed` tells that it was.
 * Threads: as the set's owner says. Specification: Redis 7.2 (when a form is left).
 */
#ifndef TYPES_ZSET_EDIT_H
#define TYPES_ZSET_EDIT_H

#include "types/zset.h"

/* Up to when a set stays a listpack. */
struct zset_limits {
    int64_t entries, bytes;
};

struct zset_edit {
    struct zset_limits limits;
    struct zset_value *value; /* NULL: packed */
    bool value_is_new;        /* made by this edit: zset_edit_drop frees it */
    bool changed;
    struct lp_buf buf; /* of no room while it is the bytes of the existing set */
    void *room;        /* memory of the caller, which serves while it suffices */
    size_t room_bytes;
};

/* Where a member is, or that it is not. */
struct zset_place {
    bool found;
    double score; /* if found */
    size_t at;    /* packed */
    void *blob;   /* large */
    uint64_t hash;
};

/* Begins with an empty set. */
void zset_edit_new(struct zset_edit *e, struct zset_limits limits, void *room, size_t room_bytes);

/* Begins with an existing set, which the caller may write. */
void zset_edit_open(struct zset_edit *e, struct zset_limits limits, struct zset_view v, void *room,
                    size_t room_bytes);

/* The set as it is; good until the next change. */
static inline struct zset_view zset_edit_view(const struct zset_edit *e) {
    return (struct zset_view){e->value ? NULL : e->buf.p, e->value};
}

/* Makes the set large at once if `count` members, or one of `bytes`, would not stay packed. */
void zset_edit_expect(struct zset_edit *e, size_t count, size_t bytes);

void zset_edit_find(const struct zset_edit *e, struct slice member, struct zset_place *place);

/* Adds the member that was just looked for and is not there, or gives it the score. The bytes of
 * the member are none of the set's. */
void zset_edit_put(struct zset_edit *e, const struct zset_place *place, struct slice member,
                   double score);

/* Adds a member that is below all others, or above them. */
void zset_edit_push(struct zset_edit *e, enum rank_end end, struct slice member, double score);

/* Removes the member at a place where it was just found. */
void zset_edit_remove(struct zset_edit *e, const struct zset_place *place, struct slice member);

/* Removes the ranks [from, to), to <= the count. */
void zset_edit_cut(struct zset_edit *e, uint64_t from, uint64_t to);

/* Makes the edit, which is new, the set that was gathered in z; takes z. `bytes_max` is the length
 * of its longest member. */
void zset_edit_take(struct zset_edit *e, struct zset_value *z, size_t bytes_max);

/* Ends an edit: frees its copy of a listpack, and a new value, unless it was taken (`value` set to
 * NULL). */
void zset_edit_drop(struct zset_edit *e);

#endif
