/* udp.h - datagrams over IPv4 and IPv6, with broadcast and multicast.
 *
 * U1  One event receives at most NET_UDP_BATCH_MAX datagrams with one system call.
 * Threads: the loop's.
 */
#ifndef NET_UDP_H
#define NET_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"
#include "net/error.h"

enum { NET_UDP_BATCH_MAX = 16, NET_UDP_DATAGRAM_BYTES_MAX = 65535 };

struct net_loop;
struct net_udp;

struct net_datagram {
    const struct net_addr *from;
    const void *bytes;
    size_t n;
    bool cut; /* longer than datagram_bytes_max: its end is lost */
};

struct net_udp_opts {
    const struct net_addr *bind; /* port 0: the system chooses */
    size_t datagram_bytes_max;   /* of one received; 1 to NET_UDP_DATAGRAM_BYTES_MAX */
    bool reuse_addr;             /* several sockets may share the port (multicast) */
    bool broadcast;              /* allows sending to broadcast addresses */

    /* What arrived, borrowed for the call. It may free the socket, which takes the
     * datagrams with it. */
    void (*on_datagrams)(void *ctx, const struct net_datagram *batch, size_t n);
    void *ctx;
};

/* NULL with a reason, such as "bind 0.0.0.0:7000: Address already in use". Holds
 * NET_UDP_BATCH_MAX x datagram_bytes_max bytes. */
struct net_udp *net_udp_open(struct net_loop *loop, const struct net_udp_opts *opts,
                             struct net_error *error);
void net_udp_free(struct net_udp *udp);

/* Sends one whole datagram: 0, NET_AGAIN (the queue is full: drop it, or try later) or
 * NET_ERROR with the reason. 0 promises nothing about arrival. */
int net_udp_send(struct net_udp *udp, const struct net_addr *to, const void *bytes, size_t n,
                 struct net_error *error);

/* Joins a multicast group on the named interface (NULL: the system's choice). 0 or
 * NET_ERROR with the reason. */
int net_udp_join(struct net_udp *udp, const struct net_addr *group, const char *interface,
                 struct net_error *error);

/* How sent multicast goes out: by which interface (NULL: the system's choice), over how
 * many hops, and whether this machine hears it too. */
int net_udp_multicast(struct net_udp *udp, const char *interface, int hops, bool hear_self,
                      struct net_error *error);

/* The bound address, with the real port. Lives as long as the socket. */
const struct net_addr *net_udp_addr(const struct net_udp *udp);

#endif
