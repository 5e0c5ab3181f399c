/* dial.h - outgoing connections, TCP and Unix, without blocking.
 *
 * D1  The callback runs exactly once, in a later turn, unless the dial is cancelled.
 * Threads: the loop's. Names are not looked up here: see net_addr_resolve.
 */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include <stdint.h>

#include "net/addr.h"

struct net_loop;
struct net_dial;

/* Success: a connected, nonblocking descriptor, now the callee's, and error NULL.
 * Failure: fd -1 and one line such as "connect 10.0.0.1:6379: Connection refused", valid
 * during the call. The dial is over either way and must not be cancelled any more. */
typedef void net_dial_fn(void *ctx, int fd, const char *error);

struct net_dial_opts {
    const struct net_addr *to;
    const struct net_addr *from; /* the source address, or NULL */
    uint32_t timeout_ms;         /* 0: as long as the system takes */
    net_dial_fn *on_done;
    void *ctx;
};

/* Never NULL: a failure at once is reported through the callback too. The addresses are
 * copied. */
struct net_dial *net_dial_start(struct net_loop *loop, const struct net_dial_opts *opts);

/* Gives up: the callback does not run. */
void net_dial_cancel(struct net_dial *dial);

#endif
