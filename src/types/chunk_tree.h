/* chunk_tree.h - a list as chunks of bytes: reached at both ends, or by an element's index.
 *
 * A counted B+tree (count_tree.h) whose rows are chunks: an address, how many bytes and how many
 * elements. What the bytes are is the caller's business, as is the memory they lie in; the bytes
 * and the address are only kept and added up.
 *
 * H1  A chunk in the tree has at least one element; one that loses its last is removed.
 * H2  The sums above the first and the last leaf may lag behind what was set there, by `late`:
 *     so setting an end costs nothing above it. Readers make up for it, writers settle first.
 * H3  A place is void after any change of the tree, but for the one that the change was given,
 *     which then is where the function says. What is to outlive a writer keeps an index.
 * H4  While stills are out, a chunk that one may see is shared: the caller leaves it as it is, and
 *     keeps it (count_tree_kept). All chunks of a leaf that is not own are, and those of an own one
 *     whose rows are marked; without a still, a mark means nothing.
 * Cost: at the ends O(1), and O(log n) each time a chunk comes or goes there; elsewhere
 * O(log n). Threads: as count_tree.h. Limits: 2^48 elements, and 2^47 bytes of a chunk.
 */
#ifndef TYPES_CHUNK_TREE_H
#define TYPES_CHUNK_TREE_H

#include "types/count_tree.h"

#ifdef STRESS
#define CHUNK_LEAF_ROWS 4
#define CHUNK_INNER_ROWS 4
#else
#define CHUNK_LEAF_ROWS 27
#define CHUNK_INNER_ROWS 41
#endif

struct chunk {
    void *p; /* up to 48 bits, as addresses are */
    uint64_t bytes;
    uint64_t count; /* elements */
};

struct chunk_tree {
    struct count_tree tree;
    uint64_t bytes;  /* of all chunks */
    int64_t late[2]; /* elements at the first chunk and at the last; 0 while the root is a leaf */
};

struct chunk_place {
    struct count_node *leaf; /* NULL: none */
    unsigned slot;
    uint64_t first; /* the index of the chunk's first element */
};

/* Is told of a chunk that the tree lets go of, and whether it is shared; must not touch the tree.
 */
struct chunk_gone {
    void (*chunk)(void *ctx, struct chunk chunk, bool shared);
    void *ctx;
};

void chunk_tree_init(struct chunk_tree *t);

/* Elements; their chunks' bytes; the bytes of the tree's own nodes. */
static inline uint64_t chunk_tree_count(const struct chunk_tree *t) { return t->tree.weight; }
static inline uint64_t chunk_tree_data_bytes(const struct chunk_tree *t) { return t->bytes; }
static inline size_t chunk_tree_bytes(const struct chunk_tree *t) {
    return count_tree_bytes(&t->tree);
}

/* The chunk with the element of an index, and the index within it in *inside; none when the index
 * is not below the count. */
struct chunk_place chunk_tree_find(const struct chunk_tree *t, uint64_t index, uint64_t *inside);

/* The chunk at either end, none when the tree is empty. */
struct chunk_place chunk_tree_end(const struct chunk_tree *t, bool last);

/* The chunk behind, or before; none at the end. Cost: O(1). */
struct chunk_place chunk_place_next(struct chunk_place place);
struct chunk_place chunk_place_prev(struct chunk_place place);
static inline bool chunk_place_valid(struct chunk_place place) { return place.leaf; }

struct chunk chunk_at(struct chunk_place place);

/* Whether a still may see the chunk at a place. */
bool chunk_tree_is_shared(const struct chunk_tree *t, struct chunk_place place);
static inline bool chunk_tree_has_stills(const struct chunk_tree *t) { return t->tree.stills; }

/* Puts a chunk, one that is not shared, where another is: it has moved, grown or shrunk. The place
 * follows. */
void chunk_tree_set(struct chunk_tree *t, struct chunk_place *place, struct chunk chunk);

/* The chunk at an end, which is not shared, has moved to `p` and has one element of so many bytes
 * more. Cost: a fraction of chunk_tree_set's. */
void chunk_tree_grow_end(struct chunk_tree *t, bool last, void *p, uint64_t bytes);

/* Adds a chunk before the one at a place, or behind it; the place becomes the new chunk's. */
void chunk_tree_insert_before(struct chunk_tree *t, struct chunk_place *place, struct chunk chunk);
void chunk_tree_insert_after(struct chunk_tree *t, struct chunk_place *place, struct chunk chunk);

/* Adds a chunk at an end. */
void chunk_tree_push(struct chunk_tree *t, bool last, struct chunk chunk);

/* Puts two chunks where one is; the place stays that of the first. */
void chunk_tree_split(struct chunk_tree *t, struct chunk_place *place, struct chunk first,
                      struct chunk second);

/* Takes a chunk out and returns it; the place becomes that of the next, none at the end. */
struct chunk chunk_tree_remove(struct chunk_tree *t, struct chunk_place *place);

/* Takes the chunks out that make up the elements [from, to), each told to `gone` in order. Cost:
 * O(log n) and the chunks. */
void chunk_tree_cut(struct chunk_tree *t, uint64_t from, uint64_t to, struct chunk_gone gone);

/* Frees the tree from its end, at most chunks_max chunks; true when all is gone. From the first
 * call until then nothing else may be done with it. */
bool chunk_tree_free_some(struct chunk_tree *t, size_t chunks_max, struct chunk_gone gone);

/* ---- stills ---- */

/* Makes *still one, and ends one: as for a counted tree. It can be counted and visited. */
void chunk_tree_still(struct chunk_tree *t, struct chunk_tree *still);
static inline void chunk_tree_still_end(struct chunk_tree *t) { count_tree_still_end(&t->tree); }

/* How many chunks there are. Cost: the leaves. */
uint64_t chunk_tree_chunks(const struct chunk_tree *t);

/* Visits the chunks in order; of a still as well. */
typedef void chunk_visit(void *ctx, struct chunk chunk);
void chunk_tree_each(const struct chunk_tree *t, chunk_visit *visit, void *ctx);

#endif
