/* stream_node.h - a node of a stream: a listpack of entries that are close to each other.
 *
 * The bytes are Redis' own. A head, and behind it the entries:
 *
 *     live | dead | names | name ... | 0
 *     flags | ms | seq | [fields] | text ... | pieces
 *
 * `live` entries are there, `dead` ones deleted. An entry's ID is written relative to the node's
 * base, which stands outside. An entry whose fields are those of the head (STREAM_NODE_SAME) has
 * values for texts, any other has their number, and fields and values in turn. `pieces` counts the
 * elements of the entry before it, so that entries can be walked backwards.
 *
 * D1  IDs rise within a node, and none is below the base.
 * D2  Flags are one byte: an entry is deleted in place.
 * D3  A node has an entry, though none need be live.
 * Threads: as listpack.h. Cost: linear in what is read or written; heads in their names.
 * Specification: Redis 7.2's t_stream.
 */
#ifndef TYPES_STREAM_NODE_H
#define TYPES_STREAM_NODE_H

#include "types/stream.h"

enum { STREAM_NODE_DEAD = 1, STREAM_NODE_SAME = 2 }; /* flags */

struct stream_head {
    uint64_t live, dead;
    uint64_t names;
    size_t names_at; /* the first name */
    size_t first_at; /* the first entry */
};

struct stream_head stream_node_head(const uint8_t *lp);

/* The live entries alone. O(1). */
uint64_t stream_node_live(const uint8_t *lp);

/* ---- entries ---- */

struct stream_item {
    struct stream_entry entry;
    size_t at; /* its flags */
    unsigned flags;
};

/* Reads the entry at a place, which is not the end. */
void stream_item_read(const uint8_t *lp, const struct stream_head *head, struct stream_id base,
                      size_t at, struct stream_item *item);

/* The place behind an entry, of which no field was read yet: of the next, or the listpack's end;
 * and the elements from the first field on until there. */
size_t stream_item_end(const struct stream_item *item);
uint64_t stream_item_pieces(const struct stream_item *item);

/* The place of the entry before this one, or before the end; LP_NONE if there is none. */
size_t stream_item_before(const uint8_t *lp, size_t at);

/* ---- changing ---- */

/* Whether an entry of so many bytes of text belongs in a node of its own. */
bool stream_node_full(const uint8_t *lp, size_t text_bytes, const struct stream_limits *limits);

/* Appends an entry, to a new node if the buffer is empty, of which its ID is then the base. False,
 * and nothing changed: there is no room. */
bool stream_node_append(struct lp_buf *b, struct stream_id base, struct stream_id id,
                        const struct slice *texts, size_t pairs, size_t text_bytes);

/* Deletes an entry; stream_node_recount is to follow. */
static inline void stream_item_kill(uint8_t *lp, size_t at) { lp[at] |= STREAM_NODE_DEAD; }

/* Notes how many entries are left, and how many are not. False, and nothing changed: no room.
 * Places are void. */
bool stream_node_recount(struct lp_buf *b, uint64_t live, uint64_t dead);

/* ---- bytes from outside ---- */

/* Whether n bytes are a node on which everything above is safe, D1 to D3 included. *last is then
 * the ID of the last entry, dead or alive. Linear. */
bool stream_node_check(const void *p, size_t n, struct stream_id base, struct stream_id *last);

#endif
