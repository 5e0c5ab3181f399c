/* udp.c - datagram sockets; a batch is received into buffers made at the start. */
#define _GNU_SOURCE 1
#include "net/udp.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"
#include "net/watch.h"

struct net_udp {
    struct net_watch watch;
    struct net_udp_opts opts;
    struct net_addr addr;
    int fd;
    char *bytes; /* NET_UDP_BATCH_MAX x datagram_bytes_max */
    struct net_addr from[NET_UDP_BATCH_MAX];
    struct iovec pieces[NET_UDP_BATCH_MAX];
    struct mmsghdr messages[NET_UDP_BATCH_MAX];
    struct net_datagram batch[NET_UDP_BATCH_MAX];
};

static void make_room(struct net_udp *udp) {
    size_t each = udp->opts.datagram_bytes_max;
    udp->bytes = mem_alloc(NET_UDP_BATCH_MAX * each);
    for (size_t i = 0; i < NET_UDP_BATCH_MAX; i++) {
        udp->pieces[i] = (struct iovec){udp->bytes + i * each, each};
        udp->messages[i].msg_hdr = (struct msghdr){
            .msg_name = &udp->from[i].storage, .msg_iov = &udp->pieces[i], .msg_iovlen = 1};
    }
}

/* One batch an event: what is left announces itself again in the next turn. */
static void on_arrival(struct net_watch *watch) {
    struct net_udp *udp = (struct net_udp *)((char *)watch - offsetof(struct net_udp, watch));
    for (size_t i = 0; i < NET_UDP_BATCH_MAX; i++) {
        udp->messages[i].msg_hdr.msg_namelen = sizeof udp->from[i].storage;
    }
    int n = recvmmsg(udp->fd, udp->messages, NET_UDP_BATCH_MAX, MSG_DONTWAIT, NULL);
    if (n <= 0) {
        return; /* nothing after all, or an error of an earlier send, now consumed */
    }
    for (int i = 0; i < n; i++) {
        const struct mmsghdr *message = &udp->messages[i];
        udp->from[i].len = message->msg_hdr.msg_namelen;
        udp->batch[i] = (struct net_datagram){
            .from = &udp->from[i],
            .bytes = udp->pieces[i].iov_base,
            .n = message->msg_len,
            .cut = (message->msg_hdr.msg_flags & MSG_TRUNC) != 0,
        };
    }
    udp->opts.on_datagrams(udp->opts.ctx, udp->batch, (size_t)n);
}

static bool set_option(int fd, int level, int option, int value) {
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

static const char *open_steps(struct net_udp *udp) {
    struct net_addr *addr = &udp->addr;
    udp->fd = socket(addr->storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (udp->fd < 0) {
        return "socket for";
    }
    if ((net_addr_is_ipv6(addr) && !set_option(udp->fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) ||
        (udp->opts.reuse_addr && !set_option(udp->fd, SOL_SOCKET, SO_REUSEADDR, 1)) ||
        (udp->opts.broadcast && !set_option(udp->fd, SOL_SOCKET, SO_BROADCAST, 1))) {
        return "set options of";
    }
    if (bind(udp->fd, (struct sockaddr *)&addr->storage, addr->len) != 0) {
        return "bind";
    }
    return net_addr_of_socket(addr, udp->fd) == 0 ? NULL : "ask the address of";
}

struct net_udp *net_udp_open(struct net_loop *loop, const struct net_udp_opts *opts,
                             struct net_error *error) {
    ASSERT(opts->datagram_bytes_max > 0);
    ASSERT(opts->datagram_bytes_max <= NET_UDP_DATAGRAM_BYTES_MAX);
    struct net_udp *udp = mem_calloc(sizeof *udp);
    udp->opts = *opts;
    udp->addr = *opts->bind;
    const char *step = open_steps(udp);
    int code = errno;
    net_watch_init(&udp->watch, loop, udp->fd, NET_WATCH_READ, on_arrival);
    if (!step) {
        if (net_watch_start(&udp->watch)) {
            make_room(udp);
            return udp;
        }
        step = "watch";
        code = errno;
    }
    char text[NET_ADDR_TEXT_BYTES];
    net_error_set(error, code, "%s %s", step, net_addr_format(opts->bind, text));
    net_udp_free(udp);
    return NULL;
}

void net_udp_free(struct net_udp *udp) {
    net_watch_stop(&udp->watch);
    if (udp->fd >= 0) {
        close(udp->fd);
    }
    mem_free(udp->bytes);
    mem_free(udp);
}

int net_udp_send(struct net_udp *udp, const struct net_addr *to, const void *bytes, size_t n,
                 struct net_error *error) {
    ssize_t sent =
        sendto(udp->fd, bytes, n, MSG_NOSIGNAL, (const struct sockaddr *)&to->storage, to->len);
    if (sent >= 0) {
        return 0;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
        return NET_AGAIN;
    }
    int code = errno;
    char text[NET_ADDR_TEXT_BYTES];
    return net_error_set(error, code, "send to %s", net_addr_format(to, text));
}

/* The interface's number, 0 for the system's choice; -1 with a reason if there is none. */
static int interface_index(const char *interface, struct net_error *error) {
    if (!interface) {
        return 0;
    }
    unsigned index = if_nametoindex(interface);
    if (index == 0) {
        net_error_set(error, errno, "interface %s", interface);
        return -1;
    }
    return (int)index;
}

int net_udp_join(struct net_udp *udp, const struct net_addr *group, const char *interface,
                 struct net_error *error) {
    int index = interface_index(interface, error);
    if (index < 0) {
        return NET_ERROR;
    }
    /* One call for both families: the request carries the address as it is. */
    struct group_req request = {.gr_interface = (uint32_t)index, .gr_group = group->storage};
    int level = net_addr_is_ipv6(group) ? IPPROTO_IPV6 : IPPROTO_IP;
    if (setsockopt(udp->fd, level, MCAST_JOIN_GROUP, &request, sizeof request) == 0) {
        return 0;
    }
    int code = errno;
    char text[NET_ADDR_TEXT_BYTES];
    return net_error_set(error, code, "join %s", net_addr_host(group, text));
}

int net_udp_multicast(struct net_udp *udp, const char *interface, int hops, bool hear_self,
                      struct net_error *error) {
    int index = interface_index(interface, error);
    if (index < 0) {
        return NET_ERROR;
    }
    int fd = udp->fd;
    bool done;
    if (net_addr_is_ipv6(&udp->addr)) {
        done = set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, index) &&
               set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, hops) &&
               set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, hear_self);
    } else {
        struct ip_mreqn by = {.imr_ifindex = index};
        done = setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof by) == 0 &&
               set_option(fd, IPPROTO_IP, IP_MULTICAST_TTL, hops) &&
               set_option(fd, IPPROTO_IP, IP_MULTICAST_LOOP, hear_self);
    }
    return done ? 0 : net_error_set(error, errno, "set multicast options");
}

const struct net_addr *net_udp_addr(const struct net_udp *udp) { return &udp->addr; }
