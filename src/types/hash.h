/* hash.h - the value of a hash key: fields with their values, packed or large.
 *
 * A small hash is a listpack of fields and values in turn, the bytes that Redis has. A large
 * one is a struct hash_value: a table (base/table) of members, one block each:
 *
 *     head | [field bytes, 4] | field | value bytes | [value bytes, 4] | value
 *     head: bit 0 in the slab, bit 1 spare (for an expiry), bits 2-7 the field's bytes,
 *           63: the 4 bytes behind say; the value's bytes: 255 likewise
 *
 * H1  A large hash's fields are unique; so are those of a listpack that is a hash.
 * H2  Reads change nothing, so that a worker may read a pinned value.
 * H3  What a read gives out is good until the value changes.
 * Threads: the owner's; hash_value_free any, for a value that nobody else knows.
 * To add a part to a member: member_room, member_write, and the readers below.
 */
#ifndef TYPES_HASH_H
#define TYPES_HASH_H

#include "base/table.h"
#include "types/listpack.h"
#include "types/member_heap.h"

#define HASH_TEXT_BYTES_MAX UINT32_MAX /* of a field, of a value */
#define HASH_PREFETCH_MAX 16

struct hash_value {
    struct table table;
    struct member_heap heap;
};

/* ---- members ---- */

enum { HASH_IN_SLAB = 1, HASH_FIELD_FAR = 63, HASH_VALUE_FAR = 255 };

struct hash_member {
    uint8_t head;
    uint8_t rest[];
};

static inline struct slice hash_member_field(const struct hash_member *m) {
    size_t n = m->head >> 2;
    if (likely(n != HASH_FIELD_FAR)) return slice_of(m->rest, n);
    uint32_t far;
    memcpy(&far, m->rest, sizeof far);
    return slice_of(m->rest + sizeof far, far);
}

static inline struct slice hash_member_value(const struct hash_member *m) {
    struct slice field = hash_member_field(m);
    const uint8_t *p = (const uint8_t *)field.p + field.n;
    if (likely(*p != HASH_VALUE_FAR)) return slice_of(p + 1, *p);
    uint32_t far;
    memcpy(&far, p + 1, sizeof far);
    return slice_of(p + 1 + sizeof far, far);
}

/* ---- large hashes ---- */

struct hash_value *hash_value_new(void);

/* A large hash with what a listpack of pairs (H1) has. Linear. */
struct hash_value *hash_value_unpack(const uint8_t *lp);

struct hash_value *hash_value_copy(const struct hash_value *h);
void hash_value_free(struct hash_value *h);

/* Allocations that freeing gives back, about; bytes in memory. O(1). */
size_t hash_value_free_cost(const struct hash_value *h);
size_t hash_value_memory(const struct hash_value *h);

static inline size_t hash_value_count(const struct hash_value *h) { return h->table.count; }

/* NULL if there is no such field. */
const struct hash_member *hash_value_find(const struct hash_value *h, struct slice field);

/* Brings what will be looked for into the cache: n fields, HASH_PREFETCH_MAX at most, each `step`
 * texts behind the last. Pays for several fields of a hash that is larger than the cache. */
void hash_value_prefetch(const struct hash_value *h, const struct slice *fields, size_t n,
                         size_t step);

/* Sets a field, both texts at most HASH_TEXT_BYTES_MAX long and not the value's own; true if it is
 * new. */
bool hash_value_set(struct hash_value *h, struct slice field, struct slice value);

/* False if there is no such field. */
bool hash_value_delete(struct hash_value *h, struct slice field);

/* A member by chance (see table_random), NULL of an empty hash. */
const struct hash_member *hash_value_random(const struct hash_value *h);

void hash_value_each(const struct hash_value *h,
                     void (*visit)(void *ctx, const struct hash_member *m), void *ctx);

/* Visits members from `cursor` (0 begins) until `count` or more were seen; returns the cursor to go
 * on with, 0 at the end. A member that is there all the time is visited exactly once. */
uint64_t hash_value_scan(const struct hash_value *h, uint64_t cursor, size_t count,
                         void (*visit)(void *ctx, const struct hash_member *m), void *ctx);

/* ---- either form ---- */

/* A borrowed look at a hash; both NULL: an empty one. */
struct hash_view {
    const uint8_t *packed;
    const struct hash_value *large;
};

size_t hash_view_count(struct hash_view v);

/* The value of a field; false if there is no such field. */
bool hash_view_get(struct hash_view v, struct slice field, struct lp_value *value);

/* Visits all pairs: of a listpack in its order. */
void hash_view_each(struct hash_view v,
                    void (*visit)(void *ctx, const struct lp_value *field,
                                  const struct lp_value *value),
                    void *ctx);

#endif
