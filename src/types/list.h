/* list.h - a large list: a counted tree of listpacks.
 *
 * L1  A chunk is a listpack of elements within the list's limit, or a blob that is one element
 *     beyond it. A blob is shared with replies and never edited. A listpack that can be sealed
 *     (listpack_sealed.h) is within the limit if it is so when sealed.
 * L2  The blocks of listpacks have no more room than their size class, but for both ends: the
 *     first listpack may begin `head_room` bytes into its block, so that a push or a pop at the
 *     head moves nothing; behind the last one there are `tail_room` bytes.
 * L3  Reads change nothing: any thread can read a list that nobody writes to.
 * L4  A change makes all cursors void.
 * L5  A chunk between the ends may be sealed, where that takes less memory; the ends never are. It
 *     becomes so when it is edited, or when a second chunk comes between it and an end: who
 *     pushes and pops by turns where a chunk begins seals nothing.
 * L6  A chunk that a still may see (list_value_still) is not written. own_chunk, in list.c, is the
 *     gate before a listpack is changed where it lies, and copies it; what is replaced or freed
 *     goes through give_up or give_back, which keep it. Blobs and sealed listpacks are only ever
 * replaced. Cost: at the ends O(1); reaching an index O(log n) and half a chunk; an edit a chunk.
 * Threads: the owner's; list_value_free any, and what reads a still.
 * Specification: Redis 7.2's limits of a node (list-max-listpack-size), and its rule of when a
 * list is small again.
 */
#ifndef TYPES_LIST_H
#define TYPES_LIST_H

#include "base/blob.h"
#include "types/chunk_tree.h"
#include "types/listpack_sealed.h"

/* How large a listpack of elements may become. */
struct list_limit {
    size_t bytes;
    uint32_t count; /* UINT32_MAX: the bytes decide alone */
};

/* By the directive's value: elements, or -1 to -5 for 4 KiB, 8, 16, 32, 64. */
struct list_limit list_limit_of(int directive);

static inline bool list_limit_allows(struct list_limit limit, size_t bytes, uint64_t count) {
    return bytes <= limit.bytes && count <= limit.count;
}

/* Whether a list that shrank becomes small again: half of what made it large, so that it does not
 * go back and forth. */
static inline bool list_limit_halved(struct list_limit limit, size_t bytes, uint64_t count) {
    return limit.count != UINT32_MAX ? count <= limit.count / 2 : bytes <= limit.bytes / 2;
}

struct list_value {
    struct chunk_tree chunks;
    struct list_limit limit;
    size_t head_room, tail_room;
};

/* An element to be. `blob`, which may be NULL, holds the text, and its reference moves. */
struct list_item {
    struct slice text;
    struct blob *blob;
};

struct list_value *list_value_new(struct list_limit limit);
/* A list of the elements of a listpack, which is copied. */
struct list_value *list_value_from(struct list_limit limit, const uint8_t *lp);
struct list_value *list_value_copy(const struct list_value *l);
void list_value_free(struct list_value *l);

static inline uint64_t list_value_count(const struct list_value *l) {
    return chunk_tree_count(&l->chunks);
}

/* Bytes in memory, and allocations, roughly. */
size_t list_value_memory(const struct list_value *l);
size_t list_value_free_cost(const struct list_value *l);

/* The listpack with all the elements, if there is one and the limit says that the list is small;
 * otherwise NULL. */
const uint8_t *list_value_small(const struct list_value *l);

/* A still of l: reads as l does now, whatever becomes of l; by any thread, with list_value_count
 * and what chunk_tree.h has for stills of l->chunks. l is to outlive it, and is not freed before it
 * is ended. Cost: O(1). */
struct list_value *list_value_still(struct list_value *l);
/* Nobody reads the still any more. */
void list_value_still_end(struct list_value *l, struct list_value *still);
/* Bytes that are kept for stills alone. O(1). */
size_t list_value_still_bytes(const struct list_value *l);

/* Adds an element at an end; list_value_push_text: the item in registers. */
void list_value_push_text(struct list_value *l, bool last, struct slice text, struct blob *blob);
static inline void list_value_push(struct list_value *l, bool last, struct list_item item) {
    list_value_push_text(l, last, item.text, item.blob);
}

/* Makes the item the element of an index, which is at most the count; those from there on move. */
void list_value_insert(struct list_value *l, uint64_t index, struct list_item item);

/* Puts the item in the place of an element. */
void list_value_replace(struct list_value *l, uint64_t index, struct list_item item);

/* Takes `count` elements out, which must be there. */
void list_value_drop(struct list_value *l, uint64_t from, uint64_t count);

/* Takes up to `max` elements out that equal s, from the end if backward; returns how many. */
uint64_t list_value_remove(struct list_value *l, struct slice s, uint64_t max, bool backward);

/* The same for a listpack alone. */
uint64_t list_packed_remove(struct lp_buf *b, struct slice s, uint64_t max, bool backward);

/* ---- reading ---- */

/* An element; `blob` is where its text lies if it can be shared. */
struct list_element {
    struct lp_value value;
    struct blob *blob;
};

/* What stands before the next element to be read. */
struct list_cursor {
    struct chunk_place place;
    const uint8_t *lp; /* NULL: another chunk, or the end */
    size_t at;         /* LP_NONE: the chunk is over */
    struct lp_sealed_place sealed;
    size_t sealed_left; /* elements to be read there; 0: no sealed chunk, or it is over */
    struct blob *blob;
    bool backward;
};

/* A cursor at an index, to read from there on, or back; at the end of the list if there is no such
 * element. */
struct list_cursor list_cursor_at(const struct list_value *l, uint64_t index, bool backward);
struct list_cursor list_cursor_packed(const uint8_t *lp, uint64_t index, bool backward);

/* Reads an element and steps over it; false at the end. What it holds is borrowed from the list. */
bool list_cursor_next(struct list_cursor *c, struct list_element *e);

/* A chunk of the tree as it goes into a dump: its blob, or NULL; and its listpack, which if it was
 * sealed is made in *scratch, a heap buffer. */
struct blob *list_chunk_blob(struct chunk chunk);
const uint8_t *list_chunk_packed(struct chunk chunk, struct lp_buf *scratch);

/* Whether the element's text is s. */
bool list_element_is(const struct list_element *e, struct slice s);

#endif
