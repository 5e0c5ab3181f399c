/* edge_internal.h - the state behind resp.h, for the files of edge/. */
#ifndef EDGE_EDGE_INTERNAL_H
#define EDGE_EDGE_INTERNAL_H

#include "base/list.h"
#include "core/config.h"
#include "core/core.h"
#include "edge/conn.h"
#include "edge/resp.h"
#include "net/listener.h"

#define EDGE_LISTENERS_MAX (CONFIG_BIND_MAX + 1)

struct batch;

struct edge {
    struct net_loop *loop;
    struct core *core;
    struct list conns, ready, kicked, dead;
    struct net_listener *listeners[EDGE_LISTENERS_MAX];
    int listener_count;
    struct batch *batch;
    char *buf; /* EDGE_ROUND times EDGE_READ_BYTES */
};

#endif
