/* offload.c - see offload.h.
 *
 * A job is a command on its way: waiting (in lanes), planned (its handler has handed its work
 * over), computed, committed. A parked session holds a ticket for a command that it has not begun.
 */
#include "core/offload.h"

#include <pthread.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "core/blocked.h"
#include "core/config.h"
#include "core/stats.h"

#define UNIT_NS_FIRST 60 /* of a unit of work, until a command has been timed */
#define UNITS_TIMED_MIN 256
#define WANTS_INLINE 16 /* keys of a command whose places need no memory of their own */

struct offload_job {
    struct work_job job; /* first: the job is the struct */
    struct lane_ticket ticket;
    struct list_link in_list; /* offloads->ready, jobs */
    struct offload_job *next_done;
    struct core *core;
    struct session *s; /* NULL: it has left */
    struct request req;
    struct offload work;
    struct reply reply;
    uint64_t ticks;
    int db;
    bool silent, planned;
};

struct park {
    struct lane_ticket ticket;
    struct session *s;
    struct list_link in_list; /* offloads->parked */
    bool expired;
};

struct offloads {
    struct lanes *lanes;
    struct list ready;   /* jobs whose ticket is granted */
    struct list waiting; /* jobs whose ticket is not */
    struct list parked;
    struct offload_counts counts;
    bool serving;
    void (*wake)(void *ctx);
    void *wake_ctx;
    pthread_mutex_t lock;
    struct offload_job *done, **done_last; /* under the lock */
};

static struct offload_job *job_of_ticket(struct lane_ticket *t) {
    return LIST_MEMBER(t, struct offload_job, ticket);
}

struct offloads *offloads_new(void) {
    struct offloads *o = mem_calloc(sizeof *o);
    o->lanes = lanes_new();
    list_init(&o->ready);
    list_init(&o->waiting);
    list_init(&o->parked);
    pthread_mutex_init(&o->lock, NULL);
    o->done_last = &o->done;
    return o;
}

void offloads_set_wake(struct offloads *o, void (*wake)(void *ctx), void *ctx) {
    o->wake = wake;
    o->wake_ctx = ctx;
}

struct offload_counts offload_counts(const struct core *core) {
    return core->offloads->counts;
}

const struct lanes *offload_lanes(const struct core *core) { return core->offloads->lanes; }

/* ---- lanes -------------------------------------------------------------------------- */

/* The store asks before a key leaves by itself. */
static bool is_pinned(void *ctx, uint64_t hash) {
    return lane_is_held(((struct offloads *)ctx)->lanes, hash);
}

/* Tickets have come or gone. */
static void follow_lanes(struct core *core) {
    bool busy = lanes_busy(core->offloads->lanes);
    if (busy == core->lanes_busy) return;
    core->lanes_busy = busy;
    core->ks->pinned = busy ? is_pinned : NULL;
    core->ks->pinned_ctx = core->offloads;
    core_update_gates(core);
}

static bool join(struct core *core, struct lane_ticket *t, struct lane_want *wants, int n,
                 bool all_keys) {
    bool granted = lane_join(core->offloads->lanes, t, wants, n, all_keys, core->now_ms);
    follow_lanes(core);
    return granted;
}

static void leave(struct core *core, struct lane_ticket *t) {
    if (!lane_has_joined(t)) return;
    lane_leave(core->offloads->lanes, t, core->now_ms);
    follow_lanes(core);
    blocked_retry(core);
}

/* The keys of a command as it wants them: to be freed by wants_free. */
struct wants {
    struct lane_want *at;
    int n;
    struct lane_want room[WANTS_INLINE];
};

static void wants_of(struct wants *w, const struct request *req, enum lane_mode reads,
                     enum lane_mode writes) {
    int index_room[WANTS_INLINE], *index = index_room;
    uint16_t flag_room[WANTS_INLINE], *flags = flag_room;
    bool many = req->argc > WANTS_INLINE;
    w->at = w->room;
    if (many) {
        size_t n = (size_t)req->argc;
        w->at = mem_alloc(n * sizeof *w->at);
        index = mem_alloc(n * sizeof *index);
        flags = mem_calloc(n * sizeof *flags);
    }
    w->n = row_keys(req->row, req->argv, req->argc, index, flags, req->argc);
    if (w->n < 0) w->n = 0; /* the command will say what is wrong with it */
    for (int i = 0; i < w->n; i++) {
        struct slice name = req->argv[index[i]];
        bool only_reads = flags[i] ? flags[i] & KEY_RO : !(req->row->flags & ROW_WRITE);
        w->at[i] =
            (struct lane_want){hash_bytes(name.p, name.n), name, only_reads ? reads : writes};
    }
    if (many) {
        mem_free(index);
        mem_free(flags);
    }
}

static void wants_free(struct wants *w) {
    if (w->at != w->room) mem_free(w->at);
}

/* False, with an error reply, if so many wait for one of the keys that one more may not. */
static bool has_room(struct core *core, struct session *s, const struct wants *w) {
    struct lanes *lanes = core->offloads->lanes;
    size_t most = (size_t)core->config->lane_max_waiting;
    if (!most || lane_depth(lanes, w->at, w->n) < most) return true;
    lane_note_refused(lanes);
    reply_errorf(&s->reply,
                 "LANEFULL %zu commands wait for a key of this one already: lane-max-waiting",
                 most);
    return false;
}

/* ---- parked sessions ---------------------------------------------------------------- */

static void park_end(struct session *s) {
    struct park *p = s->park;
    if (!p) return;
    s->park = NULL;
    list_unlink(&p->in_list);
    leave(s->core, &p->ticket);
    mem_free(p);
}

static void park_granted(struct lane_ticket *t) {
    struct session *s = LIST_MEMBER(t, struct park, ticket)->s;
    s->state &= ~(uint32_t)SESSION_HELD;
    s->kick(s);
}

static void park(struct core *core, struct session *s, const struct request *req, struct wants *w,
                 bool all_keys) {
    struct park *p = mem_calloc(sizeof *p);
    p->s = s;
    p->ticket.what = req->row->name;
    p->ticket.on_granted = park_granted;
    list_link_init(&p->in_list);
    list_push_back(&core->offloads->parked, &p->in_list);
    s->park = p;
    s->state |= SESSION_HELD;
    bool granted = join(core, &p->ticket, w->at, w->n, all_keys);
    ASSERT(!granted);
}

static bool must_wait(const struct core *core, const struct wants *w, bool all_keys) {
    const struct lanes *lanes = core->offloads->lanes;
    if (all_keys) return true;
    for (int i = 0; i < w->n; i++) {
        if (lane_stops(lanes, w->at[i].hash, w->at[i].mode)) return true;
    }
    return false;
}

bool offload_stops(const struct core *core, const struct request *req) {
    if (!core->lanes_busy) return false;
    struct wants w;
    wants_of(&w, req, LANE_READS, LANE_ALONE);
    bool stops = must_wait(core, &w, false);
    wants_free(&w);
    return stops;
}

enum lane_verdict offload_gate(struct core *core, struct session *s, const struct request *req) {
    if (s->park) {
        if (s->park->expired) {
            park_end(s);
            reply_error(&s->reply, "LANETIMEOUT the keys were not free within CLIENT LANE-TIMEOUT");
            return LANE_REFUSED;
        }
        if (lane_is_granted(&s->park->ticket)) return LANE_GO;
        s->state |= SESSION_HELD;
        return LANE_WAIT;
    }
    struct wants w;
    enum lane_verdict verdict = LANE_GO;
    bool all_keys = !row_has_keys(req->row) || req->row->flags & ROW_RUNS_OTHERS;
    wants_of(&w, req, LANE_READS, LANE_ALONE);
    if (must_wait(core, &w, all_keys)) {
        verdict = LANE_REFUSED;
        if (has_room(core, s, &w)) {
            park(core, s, req, &w, all_keys);
            verdict = LANE_WAIT;
        }
    }
    wants_free(&w);
    return verdict;
}

void offload_passed(struct session *s) { park_end(s); }

/* ---- jobs --------------------------------------------------------------------------- */

static void drop(const struct offload *work) {
    if (work->drop) work->drop(work->state);
}

static void job_free(struct offload_job *job) {
    if (job->planned) {
        drop(&job->work);
        mem_free(job->work.state);
    }
    list_unlink(&job->in_list);
    leave(job->core, &job->ticket);
    reply_fini(&job->reply);
    request_free(&job->req);
    mem_free(job);
}

/* The command is over; its session goes on. */
static void job_end(struct offload_job *job) {
    struct session *s = job->s;
    if (s) {
        s->job = NULL;
        s->state &= ~(uint32_t)SESSION_BLOCKED;
        s->kick(s);
    }
    job_free(job);
}

static void job_granted(struct lane_ticket *t) {
    struct offload_job *job = job_of_ticket(t);
    struct core *core = job->core;
    list_unlink(&job->in_list);
    list_push_back(&core->offloads->ready, &job->in_list);
    core->after_due = true;
}

static void job_new(struct ctx *c) {
    struct core *core = c->core;
    struct wants w;
    wants_of(&w, c->req, LANE_SHARES, LANE_UPDATES);
    if (has_room(core, c->s, &w)) {
        struct offload_job *job = mem_calloc(sizeof *job);
        job->core = core;
        job->s = c->s;
        job->db = c->db->id;
        job->silent = c->s->gates & (GATE_REPLY_OFF | GATE_REPLY_SKIPPING);
        request_copy(&job->req, c->req, c->argv);
        job->req.job = job;
        reply_init(&job->reply);
        job->ticket = (struct lane_ticket){.what = c->row->name, .on_granted = job_granted};
        list_link_init(&job->in_list);
        list_push_back(&core->offloads->waiting, &job->in_list);
        c->s->job = job;
        c->s->state |= SESSION_BLOCKED;
        core->after_due = true;
        if (join(core, &job->ticket, w.at, w.n, false)) job_granted(&job->ticket);
    }
    wants_free(&w);
}

/* On a worker. */
static void job_run(struct work_job *work) {
    struct offload_job *job = (struct offload_job *)work;
    struct offloads *o = job->core->offloads;
    uint64_t start = clock_ticks();
    job->work.compute(job->work.state, &job->reply);
    job->ticks = clock_ticks() - start;
    job->next_done = NULL;
    pthread_mutex_lock(&o->lock);
    *o->done_last = job;
    o->done_last = &job->next_done;
    pthread_mutex_unlock(&o->lock);
    o->wake(o->wake_ctx);
}

static void job_submit(struct ctx *c, struct offload_job *job, const struct offload *work) {
    struct offloads *o = c->core->offloads;
    job->work = *work;
    job->work.state = mem_dup(work->state, work->state_bytes);
    job->planned = true;
    job->reply.proto = c->r->proto;
    job->job.run = job_run;
    o->counts.running++;
    if (work_queue_submit(c->core->queues.commands, &job->job)) {
        c->s->state |= SESSION_BLOCKED;
        c->core->after_due = true;
        return;
    }
    o->counts.running--;
    job->planned = false;
    drop(&job->work);
    mem_free(job->work.state);
    reply_errorf(c->r, "LANEFULL %zu commands wait for a worker already",
                 work_queue_counts(c->core->queues.commands).capacity);
}

void offload_serve(struct core *core) {
    struct offloads *o = core->offloads;
    if (o->serving) return;
    o->serving = true;
    for (struct list_link *l; (l = list_pop_front(&o->ready));) {
        struct offload_job *job = LIST_MEMBER(l, struct offload_job, in_list);
        struct session *s = job->s;
        struct reply_place before = reply_here(&s->reply);
        s->state &= ~(uint32_t)SESSION_BLOCKED;
        exec_again(core, s, &job->req);
        if (job->planned) continue;
        if (job->silent) reply_rewind(&s->reply, before);
        job_end(job);
    }
    o->serving = false;
}

/* ---- the end of a job --------------------------------------------------------------- */

static void commit(struct offload_job *job) {
    struct core *core = job->core;
    struct session *s = job->s;
    struct reply nowhere;
    reply_init(&nowhere);
    struct ctx c = {
        .core = core,
        .s = s,
        .db = &core->ks->dbs[job->db],
        .r = s ? &s->reply : &nowhere,
        .row = job->req.row,
        .argv = job->req.argv,
        .argc = job->req.argc,
        .req = &job->req,
    };
    struct reply_place before = reply_here(c.r);
    core->running = &job->req;
    reply_take(c.r, &job->reply);
    if (job->work.commit) job->work.commit(&c, job->work.state);
    core->running = NULL;
    if (s && job->silent) reply_rewind(&s->reply, before);
    if (s) exec_account(core, s, &job->req, job->ticks);
    reply_fini(&nowhere);
}

static double *unit_ns_of(const struct row *row) { return &row_stats(row)->unit_ns; }

/* Learns what a unit of the command's work takes. */
static void learn(const struct row *row, uint64_t units, uint64_t ticks) {
    if (units < UNITS_TIMED_MIN) return;
    double ns = (double)clock_ticks_to_ns(ticks) / (double)units, *known = unit_ns_of(row);
    *known = *known ? *known + (ns - *known) / 8 : ns;
}

static bool changes_nothing(const struct offload_job *job) {
    return !(job->req.row->flags & ROW_WRITE);
}

void offload_collect(struct core *core) {
    struct offloads *o = core->offloads;
    pthread_mutex_lock(&o->lock);
    struct offload_job *job = o->done;
    o->done = NULL;
    o->done_last = &o->done;
    pthread_mutex_unlock(&o->lock);
    for (struct offload_job *next; job; job = next) {
        next = job->next_done;
        o->counts.running--;
        o->counts.done++;
        learn(job->req.row, job->work.units, job->ticks);
        if (job->s || !changes_nothing(job)) commit(job);
        job_end(job);
    }
    if (core->after_due) exec_after(core);
}

void offload_leave(struct session *s) {
    park_end(s);
    struct core *core = s->core;
    struct offload_job *job = s->job;
    if (!job) return;
    s->job = NULL;
    s->state &= ~(uint32_t)SESSION_BLOCKED;
    job->s = NULL;
    if (job->planned) {
        if (!changes_nothing(job) || !work_job_cancel(&job->job)) return;
        core->offloads->counts.running--;
    }
    job_free(job);
}

void offload_expire(struct core *core) {
    struct offloads *o = core->offloads;
    struct list_link *next;
    for (struct list_link *l = list_first(&o->parked); l; l = next) {
        struct park *p = LIST_MEMBER(l, struct park, in_list);
        next = list_next(&o->parked, l);
        int64_t most = p->s->lane_timeout_ms;
        if (!most || lane_is_granted(&p->ticket) || core->now_ms - p->ticket.joined_ms < most)
            continue;
        p->expired = true;
        park_granted(&p->ticket);
    }
    for (struct list_link *l = list_first(&o->waiting); l; l = next) {
        struct offload_job *job = LIST_MEMBER(l, struct offload_job, in_list);
        next = list_next(&o->waiting, l);
        int64_t most = job->s->lane_timeout_ms;
        if (!most || core->now_ms - job->ticket.joined_ms < most) continue;
        if (!job->silent)
            reply_error(&job->s->reply,
                        "LANETIMEOUT the keys were not free within CLIENT LANE-TIMEOUT");
        stats_error(core, "LANETIMEOUT");
        job_end(job);
    }
}

void offloads_free(struct offloads *o) {
    for (struct offload_job *job = o->done, *next; job; job = next) {
        next = job->next_done;
        job_free(job);
    }
    lanes_free(o->lanes);
    pthread_mutex_destroy(&o->lock);
    mem_free(o);
}

/* ---- for handlers ------------------------------------------------------------------- */

static bool is_long(const struct ctx *c, uint64_t units) {
    double unit_ns = *unit_ns_of(c->req->row);
    return (double)units * (unit_ns ? unit_ns : UNIT_NS_FIRST) > OFFLOAD_US_MIN * 1000.0;
}

static void do_at_once(struct ctx *c, const struct offload *o) {
    bool timed = o->units >= UNITS_TIMED_MIN;
    uint64_t start = timed ? clock_ticks() : 0;
    o->compute(o->state, c->r);
    if (timed) learn(c->req->row, o->units, clock_ticks() - start);
    if (o->commit) o->commit(c, o->state);
    drop(o);
}

bool offload_would(const struct ctx *c, uint64_t units) {
    if (c->req->job) return true;
    return c->core->offloads->wake && exec_may_wait(c) && is_long(c, units);
}

void offload(struct ctx *c, const struct offload *o) {
    struct offload_job *job = c->req->job;
    if (job) {
        job_submit(c, job, o);
    } else if (!offload_would(c, o->units)) {
        do_at_once(c, o);
    } else {
        drop(o);
        job_new(c);
    }
}
