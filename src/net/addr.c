/* addr.c - addresses to and from text.
 *
 * To add a family: net_addr_parse, net_addr_host, and the questions at the end.
 */
#include "net/addr.h"

#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/assert.h"

static_assert(sizeof((struct sockaddr_un *)0)->sun_path + 8 <= NET_ADDR_TEXT_BYTES,
              "a path with its port must fit a text");
static_assert(INET6_ADDRSTRLEN + IF_NAMESIZE + 10 <= NET_ADDR_TEXT_BYTES,
              "so must an IPv6 address with its zone");

static int family_of(const struct net_addr *addr) {
    return addr->len == 0 ? AF_UNSPEC : addr->storage.ss_family;
}

static const struct sockaddr_in *ipv4(const struct net_addr *addr) {
    return (const struct sockaddr_in *)&addr->storage;
}

static const struct sockaddr_in6 *ipv6(const struct net_addr *addr) {
    return (const struct sockaddr_in6 *)&addr->storage;
}

/* The first result, of IPv4 if there is one. 0 or a code of getaddrinfo. */
static int look_up(struct net_addr *addr, const char *host, uint16_t port, int flags) {
    if (strcmp(host, "*") == 0) {
        host = "0.0.0.0";
    } else if (strcmp(host, "::*") == 0) {
        host = "::";
    } else if (host[0] == '\0') {
        return EAI_NONAME;
    }
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags};
    struct addrinfo *results;
    int rc = getaddrinfo(host, NULL, &hints, &results);
    if (rc != 0) {
        return rc;
    }
    const struct addrinfo *best = results;
    while (best && best->ai_family != AF_INET) {
        best = best->ai_next;
    }
    if (!best) {
        best = results;
    }
    memset(addr, 0, sizeof *addr);
    memcpy(&addr->storage, best->ai_addr, best->ai_addrlen);
    addr->len = best->ai_addrlen;
    net_addr_set_port(addr, port);
    freeaddrinfo(results);
    return 0;
}

int net_addr_parse(struct net_addr *addr, const char *host, uint16_t port) {
    return look_up(addr, host, port, AI_NUMERICHOST) == 0 ? 0 : NET_ERROR;
}

int net_addr_resolve(struct net_addr *addr, const char *host, uint16_t port,
                     struct net_error *error) {
    int rc = look_up(addr, host, port, 0);
    if (rc == 0) {
        return 0;
    }
    if (rc == EAI_SYSTEM) {
        return net_error_set(error, errno, "look up %s", host);
    }
    return net_error_set(error, 0, "look up %s: %s", host, gai_strerror(rc));
}

int net_addr_parse_text(struct net_addr *addr, const char *text) {
    const char *colon = strrchr(text, ':');
    if (!colon || colon[1] < '0' || colon[1] > '9') {
        return NET_ERROR;
    }
    char *end;
    unsigned long port = strtoul(colon + 1, &end, 10);
    size_t n = (size_t)(colon - text);
    if (*end != '\0' || port > UINT16_MAX || n >= NET_ADDR_TEXT_BYTES) {
        return NET_ERROR;
    }
    bool brackets = n >= 2 && text[0] == '[' && text[n - 1] == ']';
    char host[NET_ADDR_TEXT_BYTES];
    snprintf(host, sizeof host, "%.*s", (int)(brackets ? n - 2 : n), text + brackets);
    return net_addr_parse(addr, host, (uint16_t)port);
}

int net_addr_unix(struct net_addr *addr, const char *path) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof un.sun_path) {
        return NET_ERROR;
    }
    memcpy(un.sun_path, path, n);
    memset(addr, 0, sizeof *addr);
    memcpy(&addr->storage, &un, sizeof un);
    addr->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
    return 0;
}

int net_addr_of_socket(struct net_addr *addr, int fd) {
    addr->len = sizeof addr->storage;
    if (getsockname(fd, (struct sockaddr *)&addr->storage, &addr->len) == 0) {
        return 0;
    }
    addr->len = 0;
    return NET_ERROR;
}

int net_addr_of_peer(struct net_addr *addr, int fd) {
    addr->len = sizeof addr->storage;
    if (getpeername(fd, (struct sockaddr *)&addr->storage, &addr->len) == 0) {
        return 0;
    }
    addr->len = 0;
    return NET_ERROR;
}

char *net_addr_host(const struct net_addr *addr, char text[NET_ADDR_TEXT_BYTES]) {
    int family = family_of(addr);
    memcpy(text, "?", 2);
    if (family == AF_UNIX) {
        /* An unnamed socket has no path at all, and a full one has no zero behind it. */
        size_t at = offsetof(struct sockaddr_un, sun_path);
        const char *path = ((const struct sockaddr_un *)&addr->storage)->sun_path;
        if (addr->len > at && path[0] != '\0') {
            snprintf(text, NET_ADDR_TEXT_BYTES, "%.*s", (int)(addr->len - at), path);
        }
    } else if (family == AF_INET || family == AF_INET6) {
        int rc = getnameinfo((const struct sockaddr *)&addr->storage, addr->len, text,
                             NET_ADDR_TEXT_BYTES, NULL, 0, NI_NUMERICHOST);
        if (rc != 0) {
            memcpy(text, "?", 2);
        }
    }
    return text;
}

char *net_addr_format(const struct net_addr *addr, char text[NET_ADDR_TEXT_BYTES]) {
    char host[NET_ADDR_TEXT_BYTES];
    net_addr_host(addr, host);
    const char *fmt = net_addr_is_ipv6(addr) ? "[%.110s]:%u" : "%.110s:%u";
    snprintf(text, NET_ADDR_TEXT_BYTES, fmt, host, (unsigned)net_addr_port(addr));
    return text;
}

uint16_t net_addr_port(const struct net_addr *addr) {
    switch (family_of(addr)) {
    case AF_INET: return ntohs(ipv4(addr)->sin_port);
    case AF_INET6: return ntohs(ipv6(addr)->sin6_port);
    default: return 0;
    }
}

void net_addr_set_port(struct net_addr *addr, uint16_t port) {
    switch (family_of(addr)) {
    case AF_INET: ((struct sockaddr_in *)&addr->storage)->sin_port = htons(port); break;
    case AF_INET6: ((struct sockaddr_in6 *)&addr->storage)->sin6_port = htons(port); break;
    default: break;
    }
}

bool net_addr_is_unix(const struct net_addr *addr) { return family_of(addr) == AF_UNIX; }

bool net_addr_is_ipv6(const struct net_addr *addr) { return family_of(addr) == AF_INET6; }

bool net_addr_is_loopback(const struct net_addr *addr) {
    if (family_of(addr) == AF_INET) {
        return ntohl(ipv4(addr)->sin_addr.s_addr) >> 24 == 127;
    }
    if (family_of(addr) == AF_INET6) {
        const struct in6_addr *ip = &ipv6(addr)->sin6_addr;
        return IN6_IS_ADDR_LOOPBACK(ip) || (IN6_IS_ADDR_V4MAPPED(ip) && ip->s6_addr[12] == 127);
    }
    return false;
}

bool net_addr_is_multicast(const struct net_addr *addr) {
    if (family_of(addr) == AF_INET) {
        return IN_MULTICAST(ntohl(ipv4(addr)->sin_addr.s_addr));
    }
    return family_of(addr) == AF_INET6 && IN6_IS_ADDR_MULTICAST(&ipv6(addr)->sin6_addr);
}

bool net_addr_equal(const struct net_addr *a, const struct net_addr *b) {
    if (family_of(a) != family_of(b) || net_addr_port(a) != net_addr_port(b)) {
        return false;
    }
    switch (family_of(a)) {
    case AF_INET: return ipv4(a)->sin_addr.s_addr == ipv4(b)->sin_addr.s_addr;
    case AF_INET6:
        return IN6_ARE_ADDR_EQUAL(&ipv6(a)->sin6_addr, &ipv6(b)->sin6_addr) &&
               ipv6(a)->sin6_scope_id == ipv6(b)->sin6_scope_id;
    case AF_UNIX: return a->len == b->len && memcmp(&a->storage, &b->storage, a->len) == 0;
    default: return true;
    }
}
