/* edge_internal.h - the state behind resp.h, for the files of edge/. */
#ifndef EDGE_EDGE_INTERNAL_H
#define EDGE_EDGE_INTERNAL_H

#include "base/list.h"
#include "core/config.h"
#include "core/core.h"
#include "edge/conn.h"
#include "edge/resp.h"
#include "net/listener.h"

struct batch;

struct edge {
    struct net_loop *loop;
    struct core *core;
    struct list conns, ready, kicked, dead;
    struct list withheld; /* in_withheld: replies wait for the log */
    struct net_listener *tcp[CONFIG_BIND_MAX], *unix_socket;
    int tcp_count;
    int tcp_port;   /* of those in tcp */
    char *tcp_text; /* port and addresses that they were opened for */
    struct work_task clients;
    int64_t relieved_ms; /* edge_relieve has looked last */
    bool swollen; /* some connection holds more since then: a large request, unsent replies */
    struct batch *batch;
    char *buf; /* EDGE_ROUND times EDGE_READ_BYTES */
};

/* Registers what is looked at now and then. */
void edge_add_tasks(struct edge *edge);

/* At a turn's end, if it matters: clients over maxmemory-clients are closed, before a large request
 * is whole, and before the next turn evicts keys because of maxmemory. Looks at all of them, if
 * they are many once a millisecond. */
void edge_relieve(struct edge *edge);

/* Frees the connections that were closed. */
void edge_free_dead(struct edge *edge);

#endif
