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
    struct list conns, kicked, dead;
    struct list light, heavy; /* in_ready */
    struct list withheld;     /* in_withheld: replies wait for the log */
    struct net_listener *tcp[CONFIG_BIND_MAX], *unix_socket;
    int tcp_count;
    int tcp_port;   /* of those in tcp */
    char *tcp_text; /* port and addresses that they were opened for */
    struct work_task clients;
    int64_t relieved_ms; /* edge_relieve has looked last */
    bool swollen;      /* some connection holds more since then: a large request, unsent replies */
    uint64_t turn_end; /* clock_ticks: when it has lasted long enough */
    bool heavy_served; /* somebody heavy had a part in it */
    bool heavy_first;  /* the last one was cut off before */
    struct batch *batch;
    char *buf; /* what a round receives: EDGE_ROUND_BYTES, and EDGE_READ_BYTES */
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
