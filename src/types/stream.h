/* stream.h - the value of a stream key: entries in the order of their IDs.
 *
 * Entries lie in nodes, listpacks of Redis' own bytes (stream_node.h), and the nodes behind a
 * B+tree by ID. Consumer groups, with what they have pending: stream_group.h.
 *
 * X1  IDs rise. No entry has an ID above `last`, none of 0-0.
 * X2  A deleted entry stays in its node, with a flag, and goes with the node when no entry is left
 *     there. (A trim by ID may leave such a node, as in Redis, if the ID is not above the last one
 *     that was deleted there.) `length` counts what is not deleted.
 * X3  `first` is the first entry's ID, 0-0 if there is none.
 * X4  Reads change nothing: any thread may read a stream that nobody writes.
 * X5  A change makes iterators and entries void. What is to outlive a writer keeps the ID, and
 *     starts anew behind it.
 * X6  A still (stream_still) shares the nodes with its stream, which copies those that it changes.
 * Cost: appending O(1) and the entry; finding an ID O(log n) and a node; the rest is said below.
 * Threads: the owner's; stream_free any.
 * Specification: Redis 7.2's t_stream, and 8.2's handling of references.
 */
#ifndef TYPES_STREAM_H
#define TYPES_STREAM_H

#include "types/listpack.h"
#include "types/stream_id.h"

struct stream;
struct count_node;

/* How large nodes become: the directives stream-node-max-bytes and -entries; 0: no such limit. */
struct stream_limits {
    uint64_t node_bytes, node_entries;
};

/* A new stream, empty; a copy with groups and all. Never NULL. */
struct stream *stream_new(void);
struct stream *stream_copy(const struct stream *s);
void stream_free(struct stream *s);

/* Allocations that freeing gives back, about; bytes in memory. O(groups and consumers). */
size_t stream_free_cost(const struct stream *s);
size_t stream_memory(const struct stream *s);

/* A still of s: reads as s does now, whatever becomes of s; by any thread, with stream_state,
 * stream_node_count, stream_each_node, and what reads groups (stream_group.h). s is to outlive it.
 * NULL: it could not be made cheaply, as the last node is large, or more is pending than is copied
 * at once. Several may be out. Making one changes nothing of s that anybody reads, iterators stay
 * good. Cost: what is pending; O(1) without groups. */
struct stream *stream_still(struct stream *s);
/* Nobody reads the still any more. */
void stream_still_end(struct stream *s, struct stream *still);
/* Bytes that are kept for stills alone. O(1). */
size_t stream_still_bytes(const struct stream *s);

/* What there is to know of a stream as a whole. O(1). */
struct stream_state {
    uint64_t length;              /* entries */
    struct stream_id last;        /* the highest ID ever; 0-0: none was added */
    struct stream_id first;       /* of the first entry; 0-0: none */
    struct stream_id deleted_max; /* the highest ID that was deleted, 0-0: none */
    uint64_t added;               /* entries ever added */
};
const struct stream_state *stream_state(const struct stream *s);

/* XSETID: the last ID, which must not be below that of any entry. */
void stream_set_last(struct stream *s, struct stream_id last);
void stream_set_added(struct stream *s, uint64_t added);
void stream_set_deleted_max(struct stream *s, struct stream_id id);

/* Nodes, which Redis calls radix-tree-keys; and the nodes that its radix tree of them would have.
 * The latter is linear in the stream's nodes. */
uint64_t stream_node_count(const struct stream *s);
uint64_t stream_radix_nodes(const struct stream *s);

/* ---- adding ---- */

/* The ID that an entry gets without one being asked for: the time, or behind the last one. False:
 * there is none left. */
bool stream_next_id(const struct stream *s, int64_t now_ms, struct stream_id *id);

/* The same of ms-*, which must not be below the last one's ms for the ID to be addable. */
bool stream_next_seq(const struct stream *s, uint64_t ms, struct stream_id *id);

/* Adds an entry of `pairs` fields and values, which stand in turn in texts[2 * pairs]. The ID must
 * be above the last one. False, and nothing changed: the entry is too large (more than
 * LP_BYTES_MAX of text, or of memory). */
bool stream_append(struct stream *s, struct stream_id id, const struct slice *texts, size_t pairs,
                   const struct stream_limits *limits);

/* ---- reading ---- */

/* An entry, borrowed. `at` is its first field, or value: see stream_field_next. */
struct stream_entry {
    struct stream_id id;
    uint64_t fields;
    const uint8_t *lp;
    size_t at;
    size_t names_at; /* its fields are those of the node's head, from here on; LP_NONE: its own */
};

/* False if there is none, or it was deleted. */
bool stream_find(const struct stream *s, struct stream_id id, struct stream_entry *e);

/* The first entry, or the last; false if there is none. */
bool stream_edge(const struct stream *s, bool last, struct stream_entry *e);

/* About how many entries there are from `from` to `to`: those of all nodes that may hold some, at
 * most `max`; `max`, or all, where that is little. O(log n). */
uint64_t stream_entries_about(const struct stream *s, struct stream_id from, struct stream_id to,
                              uint64_t max);

/* Reads the next field of an entry, and its value; false when all were read. The entry is used up:
 * read a copy to read it twice. */
bool stream_field_next(struct stream_entry *e, struct lp_value *field, struct lp_value *value);

/* A node of the stream, none if leaf is NULL. */
struct stream_node_iter {
    struct count_node *leaf;
    unsigned slot;
};

struct stream_iter {
    struct stream_id from, to; /* both included */
    bool backward;
    struct stream_node_iter node; /* of the next node; the rest is about the one that is read */
    const uint8_t *lp;            /* NULL: none */
    struct stream_id base;
    uint64_t names, skip;
    size_t names_at, at;
};

/* The entries from `from` to `to`, both included, or backward from `to` to `from`. Nothing if from
 * is above to. */
void stream_iter_start(struct stream_iter *it, const struct stream *s, struct stream_id from,
                       struct stream_id to, bool backward);
bool stream_iter_next(struct stream_iter *it, struct stream_entry *e);

/* How many entries there still are, or `max` if there are more. O(1) for each whole node. */
uint64_t stream_iter_count(struct stream_iter it, uint64_t max);

/* ---- deleting ---- */

/* What deletion does about what groups have pending of an entry. */
enum stream_refs {
    STREAM_REFS_KEEP,  /* KEEPREF: nothing */
    STREAM_REFS_DROP,  /* DELREF: it is pending no more */
    STREAM_REFS_ACKED, /* ACKED: an entry is not deleted that is referenced (stream_referenced) */
};

/* Deletes an entry, whoever has it pending; deleted_max follows. False if there is none. */
bool stream_delete(struct stream *s, struct stream_id id);

struct stream_trim {
    bool by_id;              /* MINID; else MAXLEN */
    uint64_t length_max;     /* MAXLEN: entries to keep */
    struct stream_id id_min; /* MINID: what is below goes */
    bool approx;             /* ~: whole nodes only */
    uint64_t limit;          /* approx: entries to delete at most; 0: no limit */
    enum stream_refs refs;
    /* Between two nodes, if references are asked for: the stream stays as it is. NULL: nothing. */
    void (*rest)(void *ctx);
    void *rest_ctx;
};

/* Deletes entries from the first on; returns how many. Cost: what is deleted; and with
 * STREAM_REFS_ACKED, what is passed over. */
uint64_t stream_trim(struct stream *s, const struct stream_trim *trim);

/* ---- nodes, for saving and loading ---- */

/* Visits each node in order, until a visit returns false; then it does so itself. `base` is the ID
 * that its entries' are written relative to, lp its listpack. */
typedef bool stream_visit(void *ctx, struct stream_id base, struct slice lp);
bool stream_each_node(const struct stream *s, stream_visit *visit, void *ctx);

/* Adds a node from outside, which is copied; nothing changed unless it is. Linear. Unlike
 * stream_append this leaves the state to stream_load_end. */
enum stream_loaded {
    STREAM_LOADED,
    STREAM_LOAD_BAD, /* the bytes are no node, or IDs do not rise beyond the nodes before */
    STREAM_LOAD_NO_MEMORY,
};
enum stream_loaded stream_load_node(struct stream *s, struct stream_id base, struct slice lp);

/* Ends loading nodes, to be called once in any case. False if the state and the nodes do not agree:
 * in length, or about the last ID, or fewer were ever added. The first ID is found anew. */
bool stream_load_end(struct stream *s, const struct stream_state *state);

#endif
