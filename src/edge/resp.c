/* resp.c - see resp.h: from readable connections to commands that have run. */
#include "edge/resp.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "core/exec.h"
#include "core/push.h"
#include "core/slowlog.h"
#include "edge/edge_internal.h"
#include "store/db.h"
#include "store/members.h"

struct batch {
    int n;
    struct resp_cutter cutter;
    const struct row *row; /* of the name of the command looked up last */
    struct conn *conns[EDGE_BATCH];
    struct resp_command commands[EDGE_BATCH];
    struct request requests[EDGE_BATCH];
};

/* The log was written or synced further. */
static void send_withheld(void *ctx) {
    struct edge *edge = ctx;
    struct list waiting;
    list_init(&waiting);
    for (struct list_link *l; (l = list_pop_front(&edge->withheld));) list_push_back(&waiting, l);
    for (struct list_link *l; (l = list_pop_front(&waiting));) {
        struct conn *c = LIST_MEMBER(l, struct conn, in_withheld);
        conn_send(c);
        if (!c->glutted || conn_is_glutted(c)) continue;
        c->glutted = false;
        c->s.kick(&c->s); /* it is read again */
    }
}

struct edge *edge_new(struct net_loop *loop, struct core *core) {
    struct edge *edge = mem_calloc(sizeof *edge);
    edge->loop = loop;
    edge->core = core;
    edge->buf = mem_alloc(EDGE_ROUND_BYTES + EDGE_READ_BYTES);
    edge->batch = mem_calloc(sizeof *edge->batch);
    resp_cutter_init(&edge->batch->cutter);
    list_init(&edge->conns);
    list_init(&edge->light);
    list_init(&edge->heavy);
    list_init(&edge->kicked);
    list_init(&edge->dead);
    list_init(&edge->withheld);
    core->log.on_moved = send_withheld;
    core->log.on_moved_ctx = edge;
    edge_add_tasks(edge);
    return edge;
}

void edge_free_dead(struct edge *edge) {
    for (struct list_link *l = list_first(&edge->dead), *next; l; l = next) {
        struct conn *c = LIST_MEMBER(l, struct conn, in_all);
        next = list_next(&edge->dead, l);
        if (!(c->s.state & SESSION_BUSY)) conn_free(c); /* else at the end of its command */
    }
}

bool edge_drain(struct edge *edge) {
    edge_stop_listening(edge);
    for (struct list_link *l = list_first(&edge->conns), *next; l; l = next) {
        struct conn *c = LIST_MEMBER(l, struct conn, in_all);
        next = list_next(&edge->conns, l);
        conn_finish(c, edge->buf);
    }
    edge_free_dead(edge);
    return !list_empty(&edge->conns);
}

void edge_free(struct edge *edge) {
    edge_stop_listening(edge);
    edge->core->log.on_moved = NULL;
    for (struct list_link *l; (l = list_first(&edge->conns));) {
        struct conn *c = LIST_MEMBER(l, struct conn, in_all);
        conn_send(c);
        conn_close(c);
    }
    edge_free_dead(edge);
    work_task_drop(&edge->clients);
    mem_free(edge->batch);
    mem_free(edge->buf);
    mem_free(edge);
}

/* ---- the long way: what resp_cut does not take -------------------------------------- */

static struct resp_limits limits_of(const struct conn *c) {
    const struct config *conf = c->s.core->config;
    return (struct resp_limits){
        .bulk_bytes_max = (size_t)conf->proto_max_bulk_bytes,
        .request_bytes_max = (size_t)conf->query_buffer_limit_bytes,
        .unauthenticated = c->s.gates & GATE_UNAUTHENTICATED,
    };
}

/* Runs the reader's command; false if it has to wait. */
static bool run_reader(struct conn *c) {
    struct resp_reader *r = c->reader;
    struct request req = {.argv = r->argv, .argc = r->argc, .lasts = true, .blobs = r->blobs};
    exec_prepare(c->s.core, &req, NULL);
    c->s.core->stats.commands++;
    c->reader_ready = !exec_run(c->s.core, &c->s, &req);
    if (r->request_bytes >= SLOWLOG_LARGE_BYTES_MIN && !c->reader_ready && req.row) {
        slowlog_note_bytes(c->s.core->slowlog, SLOWLOG_REQUEST, &c->s, &req, r->request_bytes);
    }
    return !c->reader_ready;
}

/* Once its command is over, and nothing of another one has come. */
static void let_reader_go(struct conn *c) {
    if (!c->reader || c->reader_ready || c->s.state & SESSION_BUSY) return;
    if (!resp_reader_idle(c->reader)) return;
    resp_reader_free(c->reader);
    c->reader = NULL;
    conn_weigh_input(c);
}

/* Feeds the reader until the bytes end, the connection stops, its share of time is over, or the
 * short way can go on. */
static void run_slow(struct conn *c, uint64_t since, uint64_t share) {
    if (!c->reader) c->reader = resp_reader_new();
    c->edge->swollen = true;
    if (c->reader_ready && !run_reader(c)) return;
    while (!conn_stopped(c) && c->at < c->end) {
        struct resp_limits limits = limits_of(c);
        size_t used;
        enum resp_state state =
            resp_reader_feed(c->reader, c->at, (size_t)(c->end - c->at), &limits, &used);
        c->at += used;
        if (state == RESP_COMMAND && (!run_reader(c) || clock_ticks() - since > share)) break;
        if (state == RESP_FAILED) {
            push_before_reply(&c->s);
            reply_errorf(&c->s.reply, "ERR Protocol error: %s", c->reader->error);
            c->s.core->stats.query_limit_kills += c->reader->too_large;
            c->s.state |= SESSION_CLOSE_AFTER;
        }
        if (resp_reader_idle(c->reader) && c->at < c->end && *c->at == '*' &&
            !limits.unauthenticated) {
            break;
        }
    }
    c->cut = c->at;
    let_reader_go(c);
}

/* ---- the short way: batches --------------------------------------------------------- */

/* Cuts commands into the batch until it is full; true if the connection has to go the long
 * way next, which is seen when the batch is empty. */
static __attribute__((noinline)) bool cut_commands(struct batch *b, struct conn *c) {
    if (unlikely(c->reader || c->s.gates & GATE_UNAUTHENTICATED)) return true;
    bool fresh = b->n == 0;
    int n = resp_cut(&b->cutter, &c->cut, c->end, b->commands + b->n, EDGE_BATCH - b->n);
    for (int i = 0; i < n; i++) b->conns[b->n++] = c;
    return fresh && n == 0 && c->cut < c->end;
}

static void look_up(struct core *core, struct batch *b) {
    for (int i = 0; i < b->n; i++) {
        const struct resp_command *cmd = &b->commands[i];
        struct request *req = &b->requests[i];
        req->argv = cmd->argv;
        req->argc = cmd->argc;
        b->row = exec_prepare(core, req, cmd->same_name ? b->row : NULL);
    }
}

static bool has_key(const struct request *req) {
    return req->argc > 1 && req->row && req->row->keys[0].begin == BEGIN_INDEX;
}

static void fetch_keys(const struct batch *b) {
    for (int i = 0; i < b->n; i++) {
        const struct db *db = b->conns[i]->s.db;
        if (db_size(db) < FETCH_ITEMS_MIN) return;
        if (has_key(&b->requests[i])) db_prefetch(db, b->requests[i].key_hash);
    }
    for (int i = 0; i < b->n; i++) {
        if (has_key(&b->requests[i])) db_prefetch_entry(b->conns[i]->s.db, b->requests[i].key_hash);
    }
}

static bool has_member(const struct request *req) {
    return req->row && req->row->member && req->argc > req->row->member;
}

/* How many commands from i on, of which each names a member, are the same one on the same key. */
static int run_length(const struct batch *b, int i) {
    const struct request *first = &b->requests[i], *req = first + 1;
    const struct db *db = b->conns[i]->s.db;
    while (req < b->requests + b->n && req->row == first->row && req->key_hash == first->key_hash &&
           has_member(req) && b->conns[req - b->requests]->s.db == db) {
        req++;
    }
    return (int)(req - first);
}

/* Only hints: the first of the commands may take the value away. */
static void fetch_run(struct db *db, const struct request *reqs, int n) {
    struct slice key = reqs->argv[1];
    const struct entry *e = db_glance(db, (struct key){key.p, key.n, reqs->key_hash});
    const struct table *t = e ? members_of(e) : NULL;
    if (!t || t->count < FETCH_ITEMS_MIN) return;
    uint64_t hashes[EDGE_BATCH];
    for (int i = 0; i < n; i++) {
        const struct slice *member = &reqs[i].argv[reqs->row->member];
        hashes[i] = hash_bytes(member->p, member->n);
    }
    table_prefetch_all(t, hashes, (size_t)n);
}

/* Many commands on one large value are to it what a batch is to the keys. A batch whose first
 * command names no member is not looked at further. */
static void fetch_members(const struct batch *b) {
    for (int i = 0, n; i < b->n; i += n) {
        n = 1;
        if (!has_member(&b->requests[i])) {
            if (i == 0) return;
            continue;
        }
        n = run_length(b, i);
        if (n >= FETCH_RUN_MIN) fetch_run(b->conns[i]->s.db, &b->requests[i], n);
    }
}

/* Flat: exec_run, too large for the compiler to inline by itself, is called here for every command.
 */
static __attribute__((flatten)) void run_batch(struct core *core, struct batch *b) {
    look_up(core, b);
    fetch_keys(b);
    fetch_members(b);
    core->tick_mark = clock_ticks();
    core->stats.commands += (uint64_t)b->n;
    for (int i = 0; i < b->n; i++) {
        struct conn *c = b->conns[i];
        if (unlikely(conn_stopped(c))) continue;
        if (likely(exec_run(core, &c->s, &b->requests[i]))) c->at = b->commands[i].end;
    }
    b->n = 0;
    b->cutter.args = 0;
}

/* ---- rounds ------------------------------------------------------------------------- */

/* Runs what the connections of a round have received, one batch of it in any case. One that uses
 * more than its share of time leaves the rest to its backlog, and so do all when the turn has
 * lasted long enough: returns how many were served before. */
static int run_round(struct core *core, struct batch *b, struct conn **conns, int n,
                     uint64_t turn_end) {
    uint64_t since = clock_ticks(), now = 0, share = clock_us_to_ticks(EDGE_RUN_US);
    int i = 0, timed = 0;
    while (i < n && now <= turn_end) {
        struct conn *c = conns[i];
        bool slow = !conn_stopped(c) && cut_commands(b, c);
        if (!slow && b->n < EDGE_BATCH && (conn_stopped(c) || c->cut == c->end)) {
            i++; /* all of it is in the batch, or it waits: fill up with the next one's */
            if (i < n) continue;
        }
        run_batch(core, b);
        if (slow && !conn_stopped(c)) {
            run_slow(c, since, share);
            if (c->at == c->end) i++;
        }
        now = clock_ticks();
        if (i != timed) {
            timed = i;
            since = now;
        } else if (now - since > share) {
            i++;
        }
    }
    return i;
}

/* The connection's part of the round is over. */
static void end_round(struct conn *c) {
    if (c->s.state & SESSION_CLOSE_NOW) conn_close(c);
    if (c->dead) return;
    conn_keep(c);
    conn_send(c);
    conn_check_output(c);
}

/* Those who send little go before those who send much, unless none of these had a part when the
 * last turn was cut off. */
static struct conn *next_ready(struct edge *edge) {
    struct list *first = edge->heavy_first ? &edge->heavy : &edge->light;
    struct list *second = edge->heavy_first ? &edge->light : &edge->heavy;
    struct list_link *l = list_pop_front(list_empty(first) ? second : first);
    return l ? LIST_MEMBER(l, struct conn, in_ready) : NULL;
}

/* Serves up to `max` connections; returns how many. */
static size_t round_of(struct edge *edge, size_t max) {
    struct conn *conns[EDGE_ROUND], *c;
    size_t taken = 0, bytes = 0;
    int n = 0;
    while (n < EDGE_ROUND && bytes < EDGE_ROUND_BYTES && taken < max && (c = next_ready(edge))) {
        taken++;
        if (!conn_receive(c, edge->buf + bytes)) continue;
        conns[n++] = c;
        c->heavy = c->end - c->at > EDGE_LIGHT_BYTES;
        bytes += (size_t)(c->end - c->at);
    }
    int served = run_round(edge->core, edge->batch, conns, n, edge->turn_end);
    for (int i = served; i < n; i++) end_round(conns[i]); /* their turn comes before the others' */
    for (int i = 0; i < served; i++) {
        if (conns[i]->heavy) edge->heavy_served = true;
        end_round(conns[i]);
    }
    return taken;
}

/* Sessions that something else than their own commands has changed or written to: all of them, or
 * until it has lasted long enough. */
static void serve_kicked(struct edge *edge) {
    uint64_t end = clock_ticks() + clock_us_to_ticks(EDGE_TURN_US);
    for (struct list_link *l; clock_ticks() <= end && (l = list_pop_front(&edge->kicked));) {
        struct conn *c = LIST_MEMBER(l, struct conn, in_kicked);
        if (c->s.state & SESSION_CLOSE_NOW) {
            conn_close(c);
            continue;
        }
        if (c->write_wanted) {
            edge->swollen = true;
        } else {
            conn_send(c);
        }
        conn_check_output(c);
        if (conn_stopped(c)) continue;
        let_reader_go(c);
        net_stream_pause_read(&c->stream, false);
        if (c->backlog_bytes || c->reader_ready) conn_ready(c);
    }
}

static size_t length(struct list *list) {
    size_t n = 0;
    for (struct list_link *l = list_first(list); l; l = list_next(list, l)) n++;
    return n;
}

/* The rounds of a turn: over all who are ready now, or until it has lasted long enough. */
static void run_rounds(struct edge *edge) {
    size_t left = length(&edge->light) + length(&edge->heavy);
    edge->turn_end = clock_ticks() + clock_us_to_ticks(EDGE_TURN_US + left * EDGE_TURN_CONN_US);
    bool cut_off = edge->heavy_served = false;
    while (left && !cut_off) {
        size_t taken = round_of(edge, left);
        if (!taken) break; /* the others were closed meanwhile */
        left -= taken;
        cut_off = clock_ticks() > edge->turn_end;
    }
    edge->heavy_first = cut_off && !edge->heavy_served;
}

bool edge_turn(struct edge *edge) {
    serve_kicked(edge);
    edge_relieve(edge); /* of what the end of the last turn told others, before they can ask */
    run_rounds(edge);
    serve_kicked(edge);
    edge_relieve(edge);
    edge_free_dead(edge);
    return !list_empty(&edge->light) || !list_empty(&edge->heavy) || !list_empty(&edge->kicked);
}
