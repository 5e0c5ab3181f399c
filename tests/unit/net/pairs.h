/* pairs.h - an accepted and a dialled end of one connection, for the tests of streams. */
#ifndef UNIT_NET_PAIRS_H
#define UNIT_NET_PAIRS_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/dial.h"
#include "net/listener.h"
#include "unit/net/turns.h"

struct catch {
    int accepted, dialled; /* how many */
    int last_accepted, last_dialled;
    char error[NET_ERROR_BYTES];
    int troubles;
    char trouble[NET_ERROR_BYTES];
};

static inline void catch_accepted(void *ctx, struct net_listener *listener, int fd) {
    (void)listener;
    struct catch *caught = ctx;
    caught->last_accepted = fd;
    caught->accepted++;
}

static inline void catch_dialled(void *ctx, int fd, const char *error) {
    struct catch *caught = ctx;
    caught->last_dialled = fd;
    caught->dialled++;
    snprintf(caught->error, sizeof caught->error, "%s", error ? error : "");
}

static inline void catch_trouble(void *ctx, const char *text) {
    struct catch *caught = ctx;
    caught->troubles++;
    snprintf(caught->trouble, sizeof caught->trouble, "%s", text);
}

static inline struct net_listen_opts listen_opts(struct catch *caught) {
    return (struct net_listen_opts){
        .backlog = 511, .on_accept = catch_accepted, .on_trouble = catch_trouble, .ctx = caught};
}

/* Connects to a listener: fds[0] is the accepted end, fds[1] the dialled one. */
static inline void connect_pair(struct net_loop *loop, struct net_listener *listener,
                                struct catch *caught, int fds[2]) {
    int accepted = caught->accepted, dialled = caught->dialled;
    struct net_dial_opts opts = {.to = net_listener_addr(listener),
                                 .timeout_ms = 5000,
                                 .on_done = catch_dialled,
                                 .ctx = caught};
    net_dial_start(loop, &opts);
    CU_ASSERT_FATAL(turn_until(loop, &caught->dialled, dialled + 1));
    CU_ASSERT_FATAL(turn_until(loop, &caught->accepted, accepted + 1));
    CU_ASSERT_FATAL(caught->last_dialled >= 0);
    fds[0] = caught->last_accepted;
    fds[1] = caught->last_dialled;
}

static inline bool have_ipv6(void) {
    struct net_loop *loop = new_loop();
    struct catch caught = {0};
    struct net_listen_opts opts = listen_opts(&caught);
    struct net_listener *listener = net_listen_tcp(loop, "::1", 0, &opts, NULL);
    if (listener) {
        net_listener_free(listener);
    }
    net_loop_free(loop);
    return listener != NULL;
}

/* A new directory with a path for a socket in it; remove_socket_dir takes it away. */
static inline void make_socket_path(char path[64]) {
    strcpy(path, "/tmp/net_test_XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(path));
    strcat(path, "/s");
}

static inline void remove_socket_dir(char path[64]) {
    *strrchr(path, '/') = '\0';
    CU_ASSERT_EQUAL(rmdir(path), 0);
}

#endif
