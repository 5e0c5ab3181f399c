/* listen.c - see resp.h: where connections come in, and who is let in. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "edge/edge_internal.h"
#include "net/error.h"

/* Refuses a peer before it has a session: one line, sent as far as the socket takes it. */
static void refuse(struct conn *c, const char *text) {
    net_stream_write(&c->stream, text, strlen(text));
    c->s.core->stats.rejected_connections++;
    conn_close(c);
}

static bool is_protected(const struct conn *c) {
    const struct config *conf = c->s.core->config;
    return conf->protected_mode && !conf->requirepass[0] && !(c->s.state & SESSION_LOCAL);
}

static void on_accept(void *ctx, struct net_listener *listener, int fd) {
    (void)listener;
    struct edge *edge = ctx;
    struct core *core = edge->core;
    struct conn *c = conn_new(edge, fd);
    if (!c) {
        log_warning("accepting a connection: the system refused to watch it");
        close(fd);
        return;
    }
    if (core->session_count > core->config->maxclients) {
        refuse(c, "-ERR max number of clients reached\r\n");
        return;
    }
    if (is_protected(c)) {
        refuse(c, "-DENIED Protected mode is on and no password is set, so only this machine may "
                  "connect. Set requirepass, or bind addresses that only friends can reach and set "
                  "protected-mode no.\r\n");
        return;
    }
    core->stats.connections++;
    net_stream_nodelay(&c->stream, true);
    if (core->config->tcp_keepalive_s) {
        net_stream_keepalive(&c->stream, core->config->tcp_keepalive_s);
    }
}

static void on_trouble(void *ctx, const char *text) {
    (void)ctx;
    static struct log_limit limit;
    log_ratelimited(&limit, LOG_LEVEL_WARNING, "%s", text);
}

static void close_listeners(struct net_listener **listeners, int n) {
    for (int i = 0; i < n; i++) net_listener_free(listeners[i]);
}

bool edge_listen(struct edge *edge, char *why, size_t why_bytes) {
    const struct config *conf = edge->core->config;
    struct net_listener *opened[EDGE_LISTENERS_MAX];
    struct net_error error;
    int n = 0;
    const struct net_listen_opts opts = {
        .backlog = conf->tcp_backlog,
        .perm = (mode_t)conf->unixsocket_mode,
        .on_accept = on_accept,
        .on_trouble = on_trouble,
        .ctx = edge,
    };
    if (conf->port && conf->bind_count) {
        n = net_listen_all(edge->loop, (const char *const *)conf->bind, conf->bind_count,
                           (uint16_t)conf->port, &opts, opened, &error);
    }
    if (n >= 0 && conf->unixsocket[0]) {
        opened[n] = net_listen_unix(edge->loop, conf->unixsocket, &opts, &error);
        if (opened[n]) {
            n++;
        } else {
            close_listeners(opened, n);
            n = NET_ERROR;
        }
    }
    if (n < 0) {
        snprintf(why, why_bytes, "%s", error.text);
        return false;
    }
    edge_stop_listening(edge);
    memcpy(edge->listeners, opened, (size_t)n * sizeof *opened);
    edge->listener_count = n;
    return true;
}

void edge_stop_listening(struct edge *edge) {
    close_listeners(edge->listeners, edge->listener_count);
    edge->listener_count = 0;
}
