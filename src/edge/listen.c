/* listen.c - see resp.h: where connections come in, and who is let in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
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

static void close_tcp(struct edge *edge) {
    while (edge->tcp_count) net_listener_free(edge->tcp[--edge->tcp_count]);
    mem_free(edge->tcp_text);
    edge->tcp_text = NULL;
}

static struct net_listen_opts opts_of(struct edge *edge) {
    const struct config *conf = edge->core->config;
    return (struct net_listen_opts){
        .backlog = conf->tcp_backlog,
        .perm = (mode_t)conf->unixsocket_mode,
        .on_accept = on_accept,
        .on_trouble = on_trouble,
        .ctx = edge,
    };
}

/* "6379 127.0.0.1 -::1"; the caller frees. */
static char *tcp_text(const struct config *conf) {
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    ASSERT(out);
    fprintf(out, "%d", conf->port);
    for (size_t i = 0; i < conf->bind_count; i++) fprintf(out, " %s", conf->bind[i]);
    fclose(out);
    char *copy = mem_dup(text, bytes);
    free(text);
    return copy;
}

bool edge_relisten(struct edge *edge, char *why, size_t why_bytes) {
    const struct config *conf = edge->core->config;
    const struct net_listen_opts opts = opts_of(edge);
    struct net_listener *opened[CONFIG_BIND_MAX];
    struct net_error error;
    int n = 0;
    char *text = tcp_text(conf);
    if (edge->tcp_text && strcmp(text, edge->tcp_text) == 0) {
        mem_free(text);
        return true;
    }
    if (conf->port == edge->tcp_port) close_tcp(edge);
    if (conf->port && conf->bind_count) {
        n = net_listen_all(edge->loop, (const char *const *)conf->bind, conf->bind_count,
                           (uint16_t)conf->port, &opts, opened, &error);
    }
    if (n < 0) {
        snprintf(why, why_bytes, "%s", error.text);
        mem_free(text);
        return false;
    }
    close_tcp(edge);
    memcpy(edge->tcp, opened, (size_t)n * sizeof *opened);
    edge->tcp_count = n;
    edge->tcp_text = text;
    edge->tcp_port = edge->core->port = conf->port;
    return true;
}

bool edge_listen(struct edge *edge, char *why, size_t why_bytes) {
    const struct config *conf = edge->core->config;
    const struct net_listen_opts opts = opts_of(edge);
    struct net_error error;
    if (!edge_relisten(edge, why, why_bytes)) return false;
    if (conf->unixsocket[0]) {
        edge->unix_socket = net_listen_unix(edge->loop, conf->unixsocket, &opts, &error);
        if (!edge->unix_socket) {
            snprintf(why, why_bytes, "%s", error.text);
            return false;
        }
    } else if (!edge->tcp_count) {
        snprintf(why, why_bytes, "there is neither a port with an address nor a unixsocket");
        return false;
    }
    return true;
}

void edge_stop_listening(struct edge *edge) {
    close_tcp(edge);
    if (edge->unix_socket) net_listener_free(edge->unix_socket);
    edge->unix_socket = NULL;
}
