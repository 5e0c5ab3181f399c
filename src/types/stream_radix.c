/* stream_radix.c - how many nodes Redis' radix tree would have for the nodes of a stream.
 *
 * Its keys are the base IDs as 16 bytes, the highest first. Its nodes: a leaf a key; one wherever
 * keys part; and one for each run of bytes between these that holds any, the byte by which keys
 * part not counted. Keys being sorted, what they share with their neighbours tells all of it.
 */
#include <endian.h>

#include "types/stream_internal.h"
#include "types/stream_tree.h"

#define KEY_BYTES 16

/* The bytes that both IDs begin with; they differ. */
static unsigned shared_bytes(struct stream_id a, struct stream_id b) {
    if (a.ms != b.ms) return (unsigned)__builtin_clzll(a.ms ^ b.ms) / 8;
    return 8 + (unsigned)__builtin_clzll(a.seq ^ b.seq) / 8;
}

/* Whether a node lies between keys' parting at `from` (-1: the root) and what is at `to`. */
static unsigned has_run(int from, int to) { return to > from + 1; }

uint64_t stream_radix_nodes(const struct stream *s) {
    int forks[KEY_BYTES], depth = 0; /* where the keys on the way to the last one part */
    uint64_t nodes = s->nodes.weight;
    struct stream_place p = stream_tree_end(&s->nodes, false);
    if (!p.leaf) return 1;
    for (int before = -1, behind; p.leaf; before = behind) {
        struct stream_place next = stream_place_next(p);
        behind = next.leaf ? (int)shared_bytes(stream_place_base(p), stream_place_base(next)) : -1;
        nodes += has_run(before > behind ? before : behind, KEY_BYTES);
        while (depth && forks[depth - 1] > behind) {
            int fork = forks[--depth], above = depth ? forks[depth - 1] : -1;
            nodes += 1 + has_run(above > behind ? above : behind, fork);
        }
        if (behind >= 0 && (!depth || forks[depth - 1] < behind)) forks[depth++] = behind;
        p = next;
    }
    return nodes;
}
