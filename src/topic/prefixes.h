/* prefixes.h - which of many prefixes a name begins with.
 *
 * A radix tree: a node stands for the bytes on the way to it. A name is walked once, byte by byte,
 * however many prefixes there are.
 *
 * N1  A node but the root has an item, or two children at least.
 * N2  Children differ in the first byte of their labels, and are in its order.
 * Cost of a match: O(bytes of the name), and a binary search at each node on the way.
 * Threads: the owner's.
 */
#ifndef TOPIC_PREFIXES_H
#define TOPIC_PREFIXES_H

#include "base/bytes.h"

struct prefix_node;

struct prefixes {
    struct prefix_node *root; /* NULL: there is none */
    size_t count;
};

/* Nothing must be in it. */
void prefixes_fini(struct prefixes *ix);

/* Where the item of this prefix is, made if need be with NULL, which the caller replaces at once.
 */
void **prefixes_at(struct prefixes *ix, struct slice prefix);
/* The item of this prefix, or NULL. */
void *prefixes_find(const struct prefixes *ix, struct slice prefix);
/* Takes out a prefix that is there. */
void prefixes_remove(struct prefixes *ix, struct slice prefix);

/* Gives the items of all prefixes that the name begins with, the shortest first. visit must not
 * change the tree. */
void prefixes_match(const struct prefixes *ix, struct slice name,
                    void (*visit)(void *ctx, void *item), void *ctx);

#endif
