/* hash.h - the value of a hash key: fields with their values, packed or large; fields may end at
 * times of their own.
 *
 * A small hash is a listpack (types/hash_packed.h). A large one is a struct hash_value: a table
 * (base/table) of members, one block each:
 *
 *     head | [time, 6] | [field bytes, 4] | field | value bytes | [value bytes, 4] | value
 *     head: bit 0 in the slab, bit 1 a time, bits 2-7 the field's bytes, 63: the 4 bytes before it
 *           say; the value's bytes: 255 likewise
 *
 * H1  A large hash's fields are unique; so are those of a listpack that is a hash.
 * H2  Reads change nothing, so that a worker may read a pinned value.
 * H3  What a read gives out is good until the value changes.
 * H4  While stills are out no member is changed where it lies.
 * H5  A field whose time is before now stays until somebody deletes it or calls
 *     hash_value_expire; a view does not show it.
 * Threads: the owner's; hash_value_free any, for a value that nobody else knows.
 * To add a part to a member: member_room, member_write, and the readers below.
 */
#ifndef TYPES_HASH_H
#define TYPES_HASH_H

#include <endian.h>

#include "base/table.h"
#include "types/hash_packed.h"
#include "types/listpack.h"
#include "types/member_heap.h"

#define HASH_TEXT_BYTES_MAX UINT32_MAX      /* of a field, of a value */
#define HASH_TIME_MS_END ((int64_t)1 << 48) /* times are less */
#define HASH_PREFETCH_MAX 16

struct hash_value {
    struct table table;
    struct member_heap heap;
    size_t timed; /* members with a time */
};

/* ---- members ---- */

enum { HASH_IN_SLAB = 1, HASH_TIMED = 2, HASH_FIELD_FAR = 63, HASH_VALUE_FAR = 255 };

#define HASH_TIME_BYTES 6

struct hash_member {
    uint8_t head;
    uint8_t rest[];
};

static inline struct slice hash_member_field(const struct hash_member *m) {
    size_t n = m->head >> 2;
    const uint8_t *p = m->rest + (m->head & HASH_TIMED ? HASH_TIME_BYTES : 0);
    if (likely(n != HASH_FIELD_FAR)) return slice_of(p, n);
    uint32_t far;
    memcpy(&far, p, sizeof far);
    return slice_of(p + sizeof far, far);
}

static inline struct slice hash_member_value(const struct hash_member *m) {
    struct slice field = hash_member_field(m);
    const uint8_t *p = (const uint8_t *)field.p + field.n;
    if (likely(*p != HASH_VALUE_FAR)) return slice_of(p + 1, *p);
    uint32_t far;
    memcpy(&far, p + 1, sizeof far);
    return slice_of(p + 1 + sizeof far, far);
}

/* Unix ms at which the field ends, or HASH_NO_TIME. */
static inline int64_t hash_member_time(const struct hash_member *m) {
    uint64_t ms = 0;
    if (likely(!(m->head & HASH_TIMED))) return HASH_NO_TIME;
    memcpy(&ms, m->rest, HASH_TIME_BYTES);
    return (int64_t)le64toh(ms);
}

/* ---- large hashes ---- */

struct hash_value *hash_value_new(void);

/* A large hash with what a listpack has. Linear. */
struct hash_value *hash_value_unpack(const uint8_t *lp, bool triples);

struct hash_value *hash_value_copy(const struct hash_value *h);
void hash_value_free(struct hash_value *h);

/* Allocations that freeing gives back, about; bytes in memory. O(1). */
size_t hash_value_free_cost(const struct hash_value *h);
size_t hash_value_memory(const struct hash_value *h);

/* A still of h (base/table_still.h): reads as h does now, by any thread, with hash_value_count,
 * _find, _each and a view's _each and _is_timed; h outlives it. Several may be out at once. */
struct hash_value *hash_value_still(struct hash_value *h);
void hash_value_still_end(struct hash_value *h, struct hash_value *still);

/* Bytes that are kept for stills alone; hash_value_memory has them too. */
size_t hash_value_still_bytes(const struct hash_value *h);

static inline size_t hash_value_count(const struct hash_value *h) { return h->table.count; }

/* NULL if there is no such field. */
const struct hash_member *hash_value_find(const struct hash_value *h, struct slice field);

/* Brings what will be looked for into the cache: n fields, HASH_PREFETCH_MAX at most, each `step`
 * texts behind the last. Pays for several fields of a hash that is larger than the cache. */
void hash_value_prefetch(const struct hash_value *h, const struct slice *fields, size_t n,
                         size_t step);

/* Sets a field, both texts at most HASH_TEXT_BYTES_MAX long and not the value's own; true if it is
 * new. Its time will be time_ms (below HASH_TIME_MS_END), HASH_NO_TIME or HASH_KEEP_TIME. */
bool hash_value_set(struct hash_value *h, struct slice field, struct slice value, int64_t time_ms);

/* Gives a field another time, or HASH_NO_TIME. False if there is no such field. */
bool hash_value_set_time(struct hash_value *h, struct slice field, int64_t time_ms);

/* False if there is no such field. */
bool hash_value_delete(struct hash_value *h, struct slice field);

/* From when on hash_value_expire may have something to do; see table_next_ms. INT64_MAX: no field
 * has a time. */
static inline int64_t hash_value_next_ms(const struct hash_value *h) {
    return h->timed ? table_next_ms(&h->table) : INT64_MAX;
}

/* Fields that leave: each is told before it is gone, unless tell is NULL, and counted. */
struct hash_leavers {
    size_t count;
    void (*tell)(void *ctx, struct slice field);
    void *ctx;
};

/* Deletes some hundred fields at most whose time is before now_ms. False if there was none left. */
bool hash_value_expire(struct hash_value *h, int64_t now_ms, struct hash_leavers *leavers);

/* A member by chance (see table_random), NULL of an empty hash. */
const struct hash_member *hash_value_random(const struct hash_value *h);

void hash_value_each(const struct hash_value *h,
                     void (*visit)(void *ctx, const struct hash_member *m), void *ctx);

/* Visits members from `cursor` (0 begins) until `count` or more were seen; returns the cursor to go
 * on with, 0 at the end. A member that is there all the time is visited exactly once. */
uint64_t hash_value_scan(const struct hash_value *h, uint64_t cursor, size_t count,
                         void (*visit)(void *ctx, const struct hash_member *m), void *ctx);

/* ---- either form ---- */

#define HASH_ALL_TIMES INT64_MIN

/* A borrowed look at a hash as it is at a time; both NULL: an empty one. */
struct hash_view {
    const uint8_t *packed;
    const struct hash_value *large;
    bool triples;   /* the form of packed */
    int64_t now_ms; /* fields whose time is before are not shown; HASH_ALL_TIMES: all are */
};

struct hash_pair {
    struct lp_value field, value;
    int64_t time_ms; /* HASH_NO_TIME: none */
};

/* Fields that are shown, and all that are kept. O(1), the first one linear when the time of some
 * has come. */
size_t hash_view_count(struct hash_view v);
size_t hash_view_kept(struct hash_view v);

/* Whether some field may be kept that is not shown. O(1). */
bool hash_view_may_hide(struct hash_view v);

/* The value of a field, its time or HASH_NO_TIME; false if it is not shown. */
bool hash_view_get(struct hash_view v, struct slice field, struct lp_value *value);
bool hash_view_time(struct hash_view v, struct slice field, int64_t *time_ms);

/* Visits what is shown: of a listpack in its order. */
void hash_view_each(struct hash_view v, void (*visit)(void *ctx, const struct hash_pair *p),
                    void *ctx);

/* The same in steps, a zeroed walk being at the beginning: some pairs, a listpack all at once.
 * False behind the last ones. */
bool hash_view_step(struct hash_view v, struct table_walk *w,
                    void (*visit)(void *ctx, const struct hash_pair *p), void *ctx);

/* Whether a member is shown. */
static inline bool hash_view_shows(struct hash_view v, const struct hash_member *m) {
    return likely(!(m->head & HASH_TIMED)) || hash_member_time(m) >= v.now_ms;
}

/* As hash_value_next_ms, of either form. */
int64_t hash_view_next_ms(struct hash_view v);

/* Whether some field that is kept has a time. */
bool hash_view_is_timed(struct hash_view v);

#endif
