/* cron.c - see resp.h: what connections are looked at for now and then. */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "edge/edge_internal.h"

#define CRON_CONNS_MIN 50
#define CRON_PARTS 10
#define RELIEVE_CONNS_MAX 1000         /* beyond, not in each turn */
#define CLIENTS_BYTES_MIN (128 * 1024) /* below, nobody could connect to set it right */

/* ---- maxmemory-clients -------------------------------------------------------------- */

/* Bytes; 0: no limit. */
static uint64_t clients_limit(const struct config *conf) {
    int64_t set = conf->maxmemory_clients;
    uint64_t limit =
        set >= 0 ? (uint64_t)set : (uint64_t)((double)conf->maxmemory_bytes * (double)-set / 100);
    return limit && limit < CLIENTS_BYTES_MIN ? CLIENTS_BYTES_MIN : limit;
}

struct greedy {
    struct conn *c;
    size_t bytes;
};

static int by_bytes_down(const void *a, const void *b) {
    size_t x = ((const struct greedy *)a)->bytes, y = ((const struct greedy *)b)->bytes;
    return (x < y) - (x > y);
}

/* The connections that may go, the greediest first; the caller frees. */
static struct greedy *rank_conns(const struct edge *edge, size_t *count) {
    struct greedy *ranks = mem_alloc((edge->core->session_count + 1) * sizeof *ranks);
    *count = 0;
    for (struct list_link *l = list_first(&edge->conns); l; l = list_next(&edge->conns, l)) {
        struct conn *c = LIST_MEMBER(l, struct conn, in_all);
        if (c->s.state & SESSION_NO_EVICT) continue;
        ranks[(*count)++] = (struct greedy){c, session_memory(&c->s)};
    }
    qsort(ranks, *count, sizeof *ranks, by_bytes_down);
    return ranks;
}

static void evict_conns(struct edge *edge, uint64_t all, uint64_t limit) {
    size_t count;
    struct greedy *ranks = rank_conns(edge, &count);
    for (size_t i = 0; i < count && all > limit; i++) {
        log_notice("client %s is closed: it held %zu of the clients' %llu bytes, which are over "
                   "maxmemory-clients",
                   ranks[i].c->s.addr, ranks[i].bytes, (unsigned long long)all);
        all -= ranks[i].bytes;
        edge->core->stats.evicted_clients++;
        conn_close(ranks[i].c);
    }
    mem_free(ranks);
}

static void check_clients_memory(struct edge *edge) {
    uint64_t limit = clients_limit(edge->core->config), all = 0;
    if (!limit) return;
    for (struct list_link *l = list_first(&edge->conns); l; l = list_next(&edge->conns, l)) {
        all += session_memory(&LIST_MEMBER(l, struct conn, in_all)->s);
    }
    if (all > limit) evict_conns(edge, all, limit);
}

void edge_relieve(struct edge *edge) {
    const struct core *core = edge->core;
    const struct config *conf = core->config;
    if (likely(!conf->maxmemory_clients)) return;
    if (core->session_count > RELIEVE_CONNS_MAX && core->now_ms == edge->relieved_ms) return;
    if (!edge->swollen &&
        (!conf->maxmemory_bytes || keyspace_fits(core->ks, conf->maxmemory_bytes)))
        return;
    edge->swollen = false;
    edge->relieved_ms = core->now_ms;
    check_clients_memory(edge);
}

/* ---- idle and slow clients ---------------------------------------------------------- */

static void check_idle(struct conn *c) {
    const struct core *core = c->s.core;
    int timeout_s = core->config->timeout_s;
    uint32_t waits = c->s.state & (SESSION_HELD | SESSION_BLOCKED | SESSION_BUSY);
    if (c->s.state & SESSION_STREAMS) waits = 0; /* it is the client that is waited for */
    if (!timeout_s || c->s.gates & GATE_MONITOR || waits) return;
    if (c->s.state & SESSION_SUBSCRIBED) return;
    if (core->now_ms - c->s.active_ms > (int64_t)timeout_s * 1000) conn_close(c);
}

/* A subscriber whose socket takes nothing of what waits for it. */
static void check_stalled(struct conn *c) {
    const struct core *core = c->s.core;
    int stall_s = core->config->subscriber_stall_s;
    if (c->dead || !c->write_wanted || c->s.bytes_out != c->stalled_at) {
        c->stalled_at = c->write_wanted ? c->s.bytes_out : UINT64_MAX;
        c->stalled_since_ms = core->now_ms;
        return;
    }
    if (!stall_s || !(c->s.state & SESSION_SUBSCRIBED)) return;
    if (core->now_ms - c->stalled_since_ms < (int64_t)stall_s * 1000) return;
    log_warning(
        "client %s is closed: a subscriber, it has taken nothing for %d seconds, and %zu bytes "
        "wait (subscriber-stall-timeout)",
        c->s.addr, stall_s, reply_pending(&c->s.reply));
    c->s.core->stats.stall_kills++;
    conn_close(c);
}

void edge_cron(struct edge *edge) {
    size_t n = edge->core->session_count / CRON_PARTS;
    if (n < CRON_CONNS_MIN) n = CRON_CONNS_MIN;
    for (size_t i = 0; i < n && i < edge->core->session_count; i++) {
        struct list_link *l = list_pop_front(&edge->conns);
        if (!l) break;
        list_push_back(&edge->conns, l);
        struct conn *c = LIST_MEMBER(l, struct conn, in_all);
        check_idle(c);
        check_stalled(c);
        conn_check_output(c);
    }
    check_clients_memory(edge);
    edge_free_dead(edge);
}

static void run_clients(void *ctx) { edge_cron(ctx); }

/* Who is over maxmemory-clients now is closed in this turn. */
static bool follow_clients_limit(void *ctx, char why[CONFIG_WHY_BYTES]) {
    struct edge *edge = ctx;
    (void)why;
    edge->swollen = true;
    return true;
}

void edge_add_tasks(struct edge *edge) {
    config_on_change(edge->core->config, "maxmemory-clients", follow_clients_limit, edge);
    edge->clients = work_task_of("clients", CORE_TASK_MS, run_clients, edge);
    work_task_add(edge->core->tasks, &edge->clients);
}
