/* stream.c - bytes in and out of one connection.
 *
 * A layer over the descriptor (TLS) belongs into net_stream_read and net_stream_writev:
 * nothing else moves bytes.
 */
#define _GNU_SOURCE 1
#include "net/stream.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"

enum { KEEPALIVE_PROBES = 3 };

static void on_in(struct net_watch *watch) {
    struct net_stream *stream =
        (struct net_stream *)((char *)watch - offsetof(struct net_stream, in));
    if (stream->asked) {
        stream->asked = false; /* this call serves it */
        net_again_drop(watch->loop, &stream->again);
    }
    stream->on_readable(stream);
}

static void on_out(struct net_watch *watch) {
    struct net_stream *stream =
        (struct net_stream *)((char *)watch - offsetof(struct net_stream, out));
    stream->on_writable(stream);
}

static void on_again(struct net_again *again) {
    struct net_stream *stream =
        (struct net_stream *)((char *)again - offsetof(struct net_stream, again));
    stream->asked = false;
    stream->on_readable(stream);
}

bool net_stream_init(struct net_stream *stream, struct net_loop *loop, int fd,
                     net_stream_fn *on_readable, net_stream_fn *on_writable) {
    net_watch_init(&stream->in, loop, fd, NET_WATCH_READ, on_in);
    net_watch_init(&stream->out, loop, fd, NET_WATCH_WRITE, on_out);
    net_again_init(&stream->again, on_again);
    stream->on_readable = on_readable;
    stream->on_writable = on_writable;
    stream->error = 0;
    stream->paused = false;
    stream->asked = false;
    stream->fd = net_watch_start(&stream->in) ? fd : -1;
    return stream->fd >= 0;
}

void net_stream_close(struct net_stream *stream) {
    if (stream->fd < 0) {
        return;
    }
    net_watch_stop(&stream->in);
    net_watch_stop(&stream->out);
    net_again_drop(stream->in.loop, &stream->again);
    close(stream->fd);
    stream->fd = -1;
}

bool net_stream_is_open(const struct net_stream *stream) { return stream->fd >= 0; }

static ssize_t failed(struct net_stream *stream) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        return NET_AGAIN;
    }
    stream->error = errno;
    return NET_ERROR;
}

/* recv and send are points of cancellation: in a process with threads the library's functions
 * spend more instructions on that than on the call. Nothing here is ever cancelled. */
static inline ssize_t receive(int fd, void *to, size_t n) {
    return syscall(SYS_recvfrom, fd, to, n, 0, NULL, NULL);
}
static inline ssize_t transmit(int fd, const void *from, size_t n) {
    return syscall(SYS_sendto, fd, from, n, MSG_NOSIGNAL, NULL, 0);
}

ssize_t net_stream_read(struct net_stream *stream, void *to, size_t n) {
    ssize_t got;
    do {
        got = receive(stream->fd, to, n);
    } while (unlikely(got < 0 && errno == EINTR));
    return likely(got >= 0) ? got : failed(stream);
}

ssize_t net_stream_write(struct net_stream *stream, const void *from, size_t n) {
    ssize_t put;
    do {
        put = transmit(stream->fd, from, n);
    } while (unlikely(put < 0 && errno == EINTR));
    return likely(put >= 0) ? put : failed(stream);
}

ssize_t net_stream_writev(struct net_stream *stream, const struct iovec *pieces, int n) {
    if (n == 1) {
        return net_stream_write(stream, pieces->iov_base, pieces->iov_len);
    }
    struct msghdr message = {.msg_iov = (struct iovec *)pieces,
                             .msg_iovlen = (size_t)(n < IOV_MAX ? n : IOV_MAX)};
    ssize_t put;
    do {
        put = sendmsg(stream->fd, &message, MSG_NOSIGNAL);
    } while (unlikely(put < 0 && errno == EINTR));
    return likely(put >= 0) ? put : failed(stream);
}

void net_stream_want_write(struct net_stream *stream, bool on) {
    if (on) {
        ASSERT(net_watch_start(&stream->out));
    } else {
        net_watch_stop(&stream->out);
    }
}

void net_stream_pause_read(struct net_stream *stream, bool on) {
    if (stream->paused == on) {
        return;
    }
    stream->paused = on;
    if (on) {
        net_watch_stop(&stream->in);
        net_again_drop(stream->in.loop, &stream->again);
    } else {
        ASSERT(net_watch_start(&stream->in));
        if (stream->asked) {
            net_again_ask(stream->in.loop, &stream->again);
        }
    }
}

void net_stream_again(struct net_stream *stream) {
    stream->asked = true;
    if (!stream->paused) {
        net_again_ask(stream->in.loop, &stream->again);
    }
}

const char *net_stream_error(const struct net_stream *stream) { return strerror(stream->error); }

static bool set_option(struct net_stream *stream, int level, int option, int value) {
    if (setsockopt(stream->fd, level, option, &value, sizeof value) == 0) {
        return true;
    }
    int code = errno;
    if (code == EOPNOTSUPP && net_stream_is_unix(stream)) {
        return true;
    }
    stream->error = code;
    return false;
}

bool net_stream_nodelay(struct net_stream *stream, bool on) {
    return set_option(stream, IPPROTO_TCP, TCP_NODELAY, on);
}

bool net_stream_keepalive(struct net_stream *stream, int interval_s) {
    if (interval_s == 0) {
        return set_option(stream, SOL_SOCKET, SO_KEEPALIVE, 0);
    }
    int probe_s = interval_s / KEEPALIVE_PROBES;
    return set_option(stream, SOL_SOCKET, SO_KEEPALIVE, 1) &&
           set_option(stream, IPPROTO_TCP, TCP_KEEPIDLE, interval_s) &&
           set_option(stream, IPPROTO_TCP, TCP_KEEPINTVL, probe_s > 0 ? probe_s : 1) &&
           set_option(stream, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
}

/* Of a pair of Unix sockets only the listener's end has a name: it names both. */
static void named_end(struct net_addr *addr, int fd, int (*wanted)(struct net_addr *, int),
                      int (*other)(struct net_addr *, int)) {
    if (wanted(addr, fd) == 0 && net_addr_is_unix(addr) &&
        addr->len <= sizeof addr->storage.ss_family) {
        other(addr, fd);
    }
}

char *net_stream_peer(const struct net_stream *stream, char text[NET_ADDR_TEXT_BYTES]) {
    struct net_addr addr;
    named_end(&addr, stream->fd, net_addr_of_peer, net_addr_of_socket);
    return net_addr_format(&addr, text);
}

char *net_stream_local(const struct net_stream *stream, char text[NET_ADDR_TEXT_BYTES]) {
    struct net_addr addr;
    named_end(&addr, stream->fd, net_addr_of_socket, net_addr_of_peer);
    return net_addr_format(&addr, text);
}

bool net_stream_is_unix(const struct net_stream *stream) {
    struct net_addr addr;
    return net_addr_of_socket(&addr, stream->fd) == 0 && net_addr_is_unix(&addr);
}

bool net_stream_is_local(const struct net_stream *stream) {
    struct net_addr addr;
    return net_addr_of_peer(&addr, stream->fd) == 0 &&
           (net_addr_is_unix(&addr) || net_addr_is_loopback(&addr));
}
