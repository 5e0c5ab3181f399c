/* addr.h - socket addresses: IPv4, IPv6 and Unix paths, as values and as text.
 *
 * Text is what Redis prints: "127.0.0.1:6379", "[::1]:6379", "/run/x.sock:0", and "?:0"
 * for what has no address. Only net_addr_resolve may ask a name server.
 * Threads: any.
 */
#ifndef NET_ADDR_H
#define NET_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "net/error.h"

/* Room for any address as text: a Unix path (108), brackets, port, zero. */
enum { NET_ADDR_TEXT_BYTES = 128 };

struct net_addr {
    struct sockaddr_storage storage;
    socklen_t len; /* 0: no address */
};

/* A numeric IPv4 or IPv6 host ("fe80::1%eth0" too). "*" and "::*" are all interfaces.
 * 0, or NET_ERROR if the host is not numeric. */
int net_addr_parse(struct net_addr *addr, const char *host, uint16_t port);

/* Host and port in one text: "1.2.3.4:5", "[::1]:5" or "::1:5" (the last colon
 * separates). 0 or NET_ERROR. */
int net_addr_parse_text(struct net_addr *addr, const char *text);

/* A Unix socket's path. NET_ERROR if it is empty or longer than the system can hold. */
int net_addr_unix(struct net_addr *addr, const char *path);

/* As net_addr_parse, and host names. May block for seconds on a name server: at start,
 * or on a worker, never on a running loop. */
int net_addr_resolve(struct net_addr *addr, const char *host, uint16_t port,
                     struct net_error *error);

/* The address of a socket's own end, or of its peer: 0 or NET_ERROR. */
int net_addr_of_socket(struct net_addr *addr, int fd);
int net_addr_of_peer(struct net_addr *addr, int fd);

/* "host:port" into `text`, and `text` back. */
char *net_addr_format(const struct net_addr *addr, char text[NET_ADDR_TEXT_BYTES]);

/* The host alone, without brackets (a path for a Unix socket, "?" for none). */
char *net_addr_host(const struct net_addr *addr, char text[NET_ADDR_TEXT_BYTES]);

uint16_t net_addr_port(const struct net_addr *addr); /* 0 if it has none */
void net_addr_set_port(struct net_addr *addr, uint16_t port);
bool net_addr_is_unix(const struct net_addr *addr);
bool net_addr_is_ipv6(const struct net_addr *addr);
bool net_addr_is_loopback(const struct net_addr *addr); /* 127/8 (mapped too) and ::1 */
bool net_addr_is_multicast(const struct net_addr *addr);
bool net_addr_equal(const struct net_addr *a, const struct net_addr *b);

#endif
