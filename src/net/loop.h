/* loop.h - the event loop: one turn at a time.
 *
 * The caller owns the outer loop (`while (run) { net_loop_turn(l, true); after(); }`), so
 * that a whole batch of events is handled before its effects go out. One turn waits for
 * descriptors, runs their callbacks (timers, streams, listeners, signals among them),
 * then the again requests that were pending when it began, then wake-ups.
 *
 * A loop has no locks: everything of net/ that names a loop belongs to the thread that
 * turns it, net_wake_send alone excepted.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>

#include "net/error.h"

struct net_loop;

/* NULL with a reason when the system gives no epoll, eventfd or timerfd. */
struct net_loop *net_loop_new(struct net_error *error);

/* Everything that was started on the loop must be stopped and freed before. */
void net_loop_free(struct net_loop *loop);

/* Waits for events if `may_block` and nothing is pending, else only looks. Returns how
 * many events were handled, the loop's own among them; 0 says that there were none. Not to
 * be called from a callback. */
int net_loop_turn(struct net_loop *loop, bool may_block);

/* The system's polling method, "epoll" on Linux; INFO shows it as multiplexing_api. */
const char *net_loop_method(const struct net_loop *loop);

/* A request to be called once in the next turn without any event, and that this turn
 * does not wait. It lies in its owner; asking costs a few stores. Requests run in the order
 * they were made. Used when work was left over for fairness' sake, or when bytes are held
 * above a descriptor. */
struct net_again {
    struct net_again *next;
    struct net_again **link; /* what points here; NULL when not asked for */
    void (*run)(struct net_again *again);
};

void net_again_init(struct net_again *again, void (*run)(struct net_again *again));
void net_again_ask(struct net_loop *loop, struct net_again *again); /* again: no effect */
void net_again_drop(struct net_loop *loop, struct net_again *again);

#endif
