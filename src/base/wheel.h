/* wheel.h - a timing wheel: many deadlines, each cheap to set, move and drop.
 *
 * Five levels of 256 slots, ticks of WHEEL_TICK_MS; a node lies in the level that its distance
 * asks for and moves down as time comes nearer. Later than the last level reaches, it
 * waits in the last slot there and is looked at again.
 *
 * W1  A node is in the wheel from wheel_set until wheel_drop or until it is due.
 * W2  wheel_due gives a node out never early, and at most one tick late of its being called;
 *     also when the time that it is told goes back, at the cost of moving every node once.
 * W3  A node that is set when its time has passed comes behind all that are due already.
 * Cost: O(1) each; wheel_due amortised one move per level.
 * Nodes lie in their owner. Threads: the owner's.
 */
#ifndef BASE_WHEEL_H
#define BASE_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#define WHEEL_TICK_MS 4
#define WHEEL_BITS 8
#define WHEEL_SLOTS (1 << WHEEL_BITS)
#define WHEEL_LEVELS 5

struct wheel_node {
    struct wheel_node *next, **link; /* link: what points here; NULL outside the wheel */
    int64_t due_ms;
};

struct wheel {
    struct wheel_node *slots[WHEEL_LEVELS][WHEEL_SLOTS];
    uint64_t used[WHEEL_LEVELS][WHEEL_SLOTS / 64]; /* a bit per slot that may hold a node */
    struct wheel_node *due, **due_end; /* given out from the front; where the next is hung on */
    int64_t tick;                      /* all before it has been given out */
};

void wheel_init(struct wheel *w, int64_t now_ms);

/* Puts the node in, or moves it, to become due at due_ms (which may have passed). */
void wheel_set(struct wheel *w, struct wheel_node *node, int64_t due_ms);
void wheel_drop(struct wheel *w, struct wheel_node *node);

static inline bool wheel_has(const struct wheel_node *node) { return node->link; }

/* Takes out one node whose time has come, NULL if there is none (any more). */
struct wheel_node *wheel_due(struct wheel *w, int64_t now_ms);

/* Some node, which stays in; NULL if there is none. Not all are equally likely: one that is due
 * alone is picked more often than one of many. Cost: up to a look at every slot. */
struct wheel_node *wheel_pick(const struct wheel *w, uint64_t random);

/* A time not after the earliest node's, and after now when none is due: when to look again.
 * INT64_MAX when empty. */
int64_t wheel_next(const struct wheel *w);

#endif
