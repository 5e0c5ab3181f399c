/* wake.h - how other threads get the loop's attention.
 *
 * K1  Every send is followed by at least one run of the callback that begins after it;
 *     sends that come before that run are one run.
 * K2  A send makes a system call only when the loop is waiting, or about to.
 * All wakes of a loop share one eventfd. What the callback is to do (take results from a
 * queue) must be published before the send: the callback sees it.
 * Threads: net_wake_send any thread; the rest the loop's.
 */
#ifndef NET_WAKE_H
#define NET_WAKE_H

struct net_loop;
struct net_wake;

/* The callback runs on the loop, at the end of a turn. */
struct net_wake *net_wake_new(struct net_loop *loop, void (*run)(void *ctx), void *ctx);

/* No send may be under way or follow: stop the threads first. Allowed in the callback. */
void net_wake_free(struct net_wake *wake);

void net_wake_send(struct net_wake *wake);

#endif
