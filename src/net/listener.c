/* listener.c - opening listening sockets, and accepting in batches.
 *
 * A callback may free its listener in the middle of a batch: `gone` tells the batch.
 */
#define _GNU_SOURCE 1
#include "net/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"
#include "net/timer.h"
#include "net/watch.h"

struct net_listener {
    struct net_watch watch;
    struct net_timer rest;
    struct net_listen_opts opts;
    struct net_addr addr;
    int fd;
    bool *gone;
    dev_t dev; /* of a Unix path made here: is it still ours? */
    ino_t ino;
};

static void tell(const struct net_listen_opts *opts, const char *text) {
    if (opts->on_trouble) {
        opts->on_trouble(opts->ctx, text);
    }
}

static void on_rested(void *ctx) {
    struct net_listener *listener = ctx;
    ASSERT(net_watch_start(&listener->watch));
}

static bool lacks_resources(int code) {
    return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM;
}

static void take_rest(struct net_listener *listener, int code) {
    net_watch_stop(&listener->watch);
    net_timer_start(&listener->rest, NET_ACCEPT_REST_MS * 1000, 0);
    struct net_error error;
    char text[NET_ADDR_TEXT_BYTES];
    net_error_set(&error, code, "accept on %s", net_addr_format(&listener->addr, text));
    tell(&listener->opts, error.text);
}

static void on_connections(struct net_watch *watch) {
    struct net_listener *listener =
        (struct net_listener *)((char *)watch - offsetof(struct net_listener, watch));
    bool gone = false;
    listener->gone = &gone;
    for (int i = 0; i < NET_ACCEPTS_MAX; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            listener->opts.on_accept(listener->opts.ctx, listener, fd);
            if (gone) {
                return;
            }
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            break;
        } else if (lacks_resources(errno)) {
            take_rest(listener, errno);
            if (gone) {
                return;
            }
            break;
        }
        /* Else this one connection failed before it was accepted: on to the next. */
    }
    listener->gone = NULL;
}

static bool set_options(int fd, const struct net_addr *addr, const struct net_listen_opts *opts) {
    int on = 1;
    if (net_addr_is_unix(addr)) {
        return true;
    }
    if (net_addr_is_ipv6(addr) && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) {
        return false;
    }
    if (opts->reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) {
        return false;
    }
    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0;
}

/* Gives the path its permissions and remembers which file it is. */
static bool own_path(struct net_listener *listener, const char *path) {
    struct stat st;
    if (lstat(path, &st) != 0) {
        return false;
    }
    listener->dev = st.st_dev;
    listener->ino = st.st_ino;
    return listener->opts.perm == 0 || chmod(path, listener->opts.perm) == 0;
}

/* The step that failed, or NULL; errno says why. */
static const char *open_steps(struct net_listener *listener) {
    struct net_addr *addr = &listener->addr;
    listener->fd = socket(addr->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener->fd < 0) {
        return "socket for";
    }
    if (!set_options(listener->fd, addr, &listener->opts)) {
        return "set options of";
    }
    if (bind(listener->fd, (struct sockaddr *)&addr->storage, addr->len) != 0) {
        return "bind";
    }
    char path[NET_ADDR_TEXT_BYTES];
    if (net_addr_is_unix(addr) && !own_path(listener, net_addr_host(addr, path))) {
        return "set permissions of";
    }
    if (listen(listener->fd, listener->opts.backlog) != 0) {
        return "listen on";
    }
    return net_addr_of_socket(addr, listener->fd) == 0 ? NULL : "ask the address of";
}

static struct net_listener *open_listener(struct net_loop *loop, const struct net_addr *addr,
                                          const struct net_listen_opts *opts,
                                          struct net_error *error) {
    struct net_listener *listener = mem_calloc(sizeof *listener);
    listener->opts = *opts;
    listener->addr = *addr;
    const char *step = open_steps(listener);
    int code = errno;
    net_timer_init(&listener->rest, loop, on_rested, listener);
    net_watch_init(&listener->watch, loop, listener->fd, NET_WATCH_READ, on_connections);
    if (!step) {
        if (net_watch_start(&listener->watch)) {
            return listener;
        }
        step = "watch";
        code = errno;
    }
    char text[NET_ADDR_TEXT_BYTES];
    bool has_port = !net_addr_is_unix(addr);
    net_error_set(error, code, "%s %s", step,
                  has_port ? net_addr_format(addr, text) : net_addr_host(addr, text));
    net_listener_free(listener);
    return NULL;
}

struct net_listener *net_listen_tcp(struct net_loop *loop, const char *host, uint16_t port,
                                    const struct net_listen_opts *opts, struct net_error *error) {
    struct net_addr addr;
    if (net_addr_resolve(&addr, host, port, error) != 0) {
        return NULL;
    }
    return open_listener(loop, &addr, opts, error);
}

struct net_listener *net_listen_unix(struct net_loop *loop, const char *path,
                                     const struct net_listen_opts *opts, struct net_error *error) {
    struct net_addr addr;
    if (net_addr_unix(&addr, path) != 0) {
        net_error_set(error, ENAMETOOLONG, "bind %s", path);
        return NULL;
    }
    struct stat st;
    if (lstat(path, &st) == 0 &&
        (S_ISSOCK(st.st_mode) || (S_ISREG(st.st_mode) && st.st_size == 0))) {
        unlink(path);
    }
    return open_listener(loop, &addr, opts, error);
}

void net_listener_free(struct net_listener *listener) {
    if (listener->gone) {
        *listener->gone = true;
    }
    net_watch_stop(&listener->watch);
    net_timer_stop(&listener->rest);
    if (listener->ino != 0) {
        char path[NET_ADDR_TEXT_BYTES];
        struct stat st;
        net_addr_host(&listener->addr, path);
        if (lstat(path, &st) == 0 && st.st_dev == listener->dev && st.st_ino == listener->ino) {
            unlink(path);
        }
    }
    if (listener->fd >= 0) {
        close(listener->fd);
    }
    mem_free(listener);
}

static bool lacks_family(int code) {
    return code == EAFNOSUPPORT || code == EPFNOSUPPORT || code == EPROTONOSUPPORT ||
           code == ESOCKTNOSUPPORT || code == ENOPROTOOPT;
}

int net_listen_all(struct net_loop *loop, const char *const *hosts, size_t n, uint16_t port,
                   const struct net_listen_opts *opts, struct net_listener **out,
                   struct net_error *error) {
    int opened = 0;
    for (size_t i = 0; i < n; i++) {
        bool optional = hosts[i][0] == '-';
        struct net_error why;
        struct net_listener *listener = net_listen_tcp(loop, hosts[i] + optional, port, opts, &why);
        if (listener) {
            out[opened++] = listener;
        } else if (lacks_family(why.code) || (optional && why.code == EADDRNOTAVAIL)) {
            tell(opts, why.text);
        } else {
            while (opened > 0) {
                net_listener_free(out[--opened]);
            }
            if (error) {
                *error = why;
            }
            return NET_ERROR;
        }
    }
    return opened;
}

const struct net_addr *net_listener_addr(const struct net_listener *listener) {
    return &listener->addr;
}
