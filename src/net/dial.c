/* dial.c - connecting without blocking.
 *
 * One timer serves both ends: with `settled` it delivers a result that was there at once,
 * without it the time is up.
 */
#include "net/dial.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/timer.h"
#include "net/watch.h"

struct net_dial {
    struct net_watch watch;
    struct net_timer timer;
    struct net_addr to;
    net_dial_fn *on_done;
    void *ctx;
    int fd;
    bool settled;
    int code; /* of the failure, 0 for success; when settled */
};

static void finish(struct net_dial *dial, int code) {
    net_dial_fn *on_done = dial->on_done;
    void *ctx = dial->ctx;
    if (code == 0) {
        int fd = dial->fd;
        net_watch_stop(&dial->watch); /* before the callee watches it anew */
        dial->fd = -1;
        net_dial_cancel(dial);
        on_done(ctx, fd, NULL);
        return;
    }
    struct net_error error;
    char text[NET_ADDR_TEXT_BYTES];
    bool has_port = !net_addr_is_unix(&dial->to);
    net_error_set(&error, code, "connect %s",
                  has_port ? net_addr_format(&dial->to, text) : net_addr_host(&dial->to, text));
    net_dial_cancel(dial);
    on_done(ctx, -1, error.text);
}

/* With no one listening, a port of the ephemeral range may be given to the very socket
 * that dials it, which then talks to itself. */
static bool reached_itself(int fd) {
    struct net_addr here, there;
    return net_addr_of_socket(&here, fd) == 0 && !net_addr_is_unix(&here) &&
           net_addr_of_peer(&there, fd) == 0 && net_addr_equal(&here, &there);
}

static void on_connected(struct net_watch *watch) {
    struct net_dial *dial = (struct net_dial *)((char *)watch - offsetof(struct net_dial, watch));
    int code = 0;
    socklen_t len = sizeof code;
    if (getsockopt(dial->fd, SOL_SOCKET, SO_ERROR, &code, &len) != 0) {
        code = errno;
    }
    if (code == 0 && reached_itself(dial->fd)) {
        code = ECONNREFUSED;
    }
    finish(dial, code);
}

static void on_timer(void *ctx) {
    struct net_dial *dial = ctx;
    finish(dial, dial->settled ? dial->code : ETIMEDOUT);
}

/* 0 when connected, EINPROGRESS, or the reason. */
static int begin(struct net_dial *dial, const struct net_addr *from) {
    int family = dial->to.storage.ss_family;
    dial->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (dial->fd < 0) {
        return errno;
    }
    int on = 1;
    if (from && (setsockopt(dial->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
                 bind(dial->fd, (const struct sockaddr *)&from->storage, from->len) != 0)) {
        return errno;
    }
    int rc = connect(dial->fd, (struct sockaddr *)&dial->to.storage, dial->to.len);
    return rc == 0 ? 0 : errno;
}

struct net_dial *net_dial_start(struct net_loop *loop, const struct net_dial_opts *opts) {
    struct net_dial *dial = mem_calloc(sizeof *dial);
    dial->to = *opts->to;
    dial->on_done = opts->on_done;
    dial->ctx = opts->ctx;
    net_timer_init(&dial->timer, loop, on_timer, dial);
    dial->code = begin(dial, opts->from);
    net_watch_init(&dial->watch, loop, dial->fd, NET_WATCH_WRITE, on_connected);
    dial->settled = dial->code != EINPROGRESS;
    if (!dial->settled && !net_watch_start(&dial->watch)) {
        dial->settled = true;
        dial->code = errno;
    }
    if (dial->settled) {
        net_timer_start(&dial->timer, 0, 0);
    } else if (opts->timeout_ms != 0) {
        net_timer_start(&dial->timer, (uint64_t)opts->timeout_ms * 1000, 0);
    }
    return dial;
}

void net_dial_cancel(struct net_dial *dial) {
    net_watch_stop(&dial->watch);
    net_timer_stop(&dial->timer);
    if (dial->fd >= 0) {
        close(dial->fd);
    }
    mem_free(dial);
}
