/* stream_internal.h - what a stream is made of. Private to types/.
 *
 * I1  The last node lies in `tail`, which has room to grow; all others in `heap`.
 * I2  A still has `state`, `nodes` and groups; the bytes of all its nodes are its stream's. What of
 *     them the stream is about to change is copied before: see stream_heap.h, and for the tail
 *     tail_own.
 */
#ifndef TYPES_STREAM_INTERNAL_H
#define TYPES_STREAM_INTERNAL_H

#include "types/rank_tree.h"
#include "types/stream.h"
#include "types/stream_heap.h"

struct stream {
    struct stream_state state;
    struct count_tree nodes; /* stream_tree.h */
    struct stream_heap heap;
    struct lp_buf tail;
    bool tail_shared;         /* a still sees the tail's bytes */
    struct rank_tree groups;  /* stream_group.h */
    struct stream_idmp *idmp; /* stream_idmp.h; NULL: never used */
};

/* ---- of stream_group.c ---- */

void stream_groups_init(struct stream *s);
void stream_groups_free(struct stream *s);
void stream_groups_copy(struct stream *to, const struct stream *from);
size_t stream_groups_memory(const struct stream *s);
size_t stream_groups_free_cost(const struct stream *s);

/* Whether groups, consumers and nacks are together at most so many. O(groups), but no more than
 * `max`. */
bool stream_groups_are_few(const struct stream *s, uint64_t max);

#endif
