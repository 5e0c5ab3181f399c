/* listener.h - sockets that accept connections, TCP and Unix.
 *
 * N1  At most NET_ACCEPTS_MAX connections are accepted in one event, so that a storm of
 *     them does not starve those that are there.
 * N2  When the process or the system has no descriptor left, accepting rests for
 *     NET_ACCEPT_REST_MS instead of spinning; waiting peers stay in the backlog.
 * Threads: the loop's.
 */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "net/addr.h"
#include "net/error.h"

enum { NET_ACCEPTS_MAX = 1000, NET_ACCEPT_REST_MS = 100 };

struct net_loop;
struct net_listener;

struct net_listen_opts {
    int backlog;
    bool reuse_port; /* TCP: several processes may share the port */
    mode_t perm;     /* Unix: the path's permission bits; 0 leaves them to the umask */

    /* A connected descriptor, nonblocking and close-on-exec; the callee owns it. It may
     * free the listener. */
    void (*on_accept)(void *ctx, struct net_listener *listener, int fd);

    /* One line for the log: no descriptors left, or an address that net_listen_all
     * passed over. May be NULL. */
    void (*on_trouble)(void *ctx, const char *text);
    void *ctx;
};

/* Listens on a host ("*" and "::*" are all interfaces of their family; IPv6 sockets take
 * IPv6 only) and port (0: the system chooses; see net_listener_addr). A host name is
 * looked up, which may block. NULL with a line such as
 * "bind 127.0.0.1:6379: Address already in use". */
struct net_listener *net_listen_tcp(struct net_loop *loop, const char *host, uint16_t port,
                                    const struct net_listen_opts *opts, struct net_error *error);

/* Listens on a path. A socket left there by a process before is replaced, and so is an empty file,
 * which is how mkstemp keeps a name free for a socket; what holds anything is not touched and is
 * an error. */
struct net_listener *net_listen_unix(struct net_loop *loop, const char *path,
                                     const struct net_listen_opts *opts, struct net_error *error);

/* Redis' `bind`: opens every host of the list into `out` (room for n) and returns how many
 * are open, or closes all again and returns NET_ERROR with the reason. A host with '-'
 * before it may be missing on this machine; a family that the kernel lacks is passed over
 * in any case. Both are told to on_trouble. */
int net_listen_all(struct net_loop *loop, const char *const *hosts, size_t n, uint16_t port,
                   const struct net_listen_opts *opts, struct net_listener **out,
                   struct net_error *error);

/* Closes, and removes a Unix path if it is still the one that was made here. */
void net_listener_free(struct net_listener *listener);

/* Where it listens, with the real port. Lives as long as the listener. */
const struct net_addr *net_listener_addr(const struct net_listener *listener);

#endif
