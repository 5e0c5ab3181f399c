/* watch.h - readiness of one descriptor, on a loop. What the rest of net/ stands on.
 *
 * W1  After net_watch_stop the callback does not run, even if the descriptor was found
 *     ready in the same turn.
 * W2  Nothing is touched after a callback returned, so the callback may stop the watch
 *     and free the memory that holds it.
 * No allocation: the event of the library lies inside. Level-triggered: the callback
 * comes again in the next turn until what made the descriptor ready is consumed.
 * Threads: the loop's.
 */
#ifndef NET_WATCH_H
#define NET_WATCH_H

#include <stdbool.h>

struct net_loop;
struct net_watch;

typedef void net_watch_fn(struct net_watch *watch);

enum net_watch_for { NET_WATCH_READ, NET_WATCH_WRITE };
enum { NET_WATCH_EVENT_BYTES = 128 };

struct net_watch {
    _Alignas(8) unsigned char event[NET_WATCH_EVENT_BYTES];
    struct net_loop *loop;
    net_watch_fn *on_ready;
    bool on;
};

/* Stopped at first. The descriptor stays the caller's, and must outlive the watch's
 * being on: stop, then close. */
void net_watch_init(struct net_watch *watch, struct net_loop *loop, int fd, enum net_watch_for what,
                    net_watch_fn *on_ready);

/* Both may be called in any state; a change costs one epoll_ctl. net_watch_start is
 * false when the system refused (no memory, or a descriptor that cannot be polled). */
bool net_watch_start(struct net_watch *watch);
void net_watch_stop(struct net_watch *watch);

#endif
