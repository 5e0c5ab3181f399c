/* offload.c - see offload.h.
 *
 * A job is a command on its way: waiting (in lanes), planned (its handler has handed its work
 * over), gathered (rarely), computed, committed. One that streams is computed in parts, and rests
 * between them until its client has taken what is there (go_on), unless it is wanted.
 */
#include "core/offload.h"

#include <pthread.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/nap.h"
#include "core/blocked.h"
#include "core/config.h"
#include "core/ongoing.h"
#include "core/places.h"
#include "core/push.h"
#include "core/snapshot.h"
#include "core/stats.h"

#define UNIT_NS_FIRST 60 /* of a unit of work, until a command has been timed */
#define UNITS_TIMED_MIN 256

struct offload_job {
    struct work_job job; /* first: the job is the struct */
    struct lane_ticket ticket;
    struct list_link in_list;    /* of offloads' lists, but streams */
    struct list_link in_streams; /* offloads->streams */
    struct offload_job *next_done;
    struct core *core;
    struct session *s;  /* NULL: it has left */
    struct request req; /* its blobs, if any, are the job's */
    struct offload work;
    struct reply reply;
    uint64_t ticks;
    int64_t now_ms; /* the keyspace's, when it was planned */
    int db;
    int anew; /* times it was begun anew for the sake of one that goes on */
    bool silent, planned;
    bool computing; /* a worker has it, or is done and has not been heard */
    bool begun;     /* compute was called */
    bool more;      /* of its reply is to be written */
    bool streams;   /* it was or is so */
    bool wanted;    /* somebody waits for its keys */
    bool inner;     /* on the fiber's stack: a part of the command that goes on */
};

struct offloads {
    struct list ready;   /* jobs whose ticket is granted */
    struct list waiting; /* jobs whose ticket is not */
    struct list gathering;
    struct list anew;    /* jobs that begin anew when nothing goes on */
    struct list late;    /* jobs that a snapshot keeps from their commit */
    struct list streams; /* in_streams */
    struct offload_counts counts;
    size_t job_count;
    size_t planned; /* of them: they have, or had, a worker, and are not over */
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
    list_init(&o->ready);
    list_init(&o->waiting);
    list_init(&o->gathering);
    list_init(&o->anew);
    list_init(&o->late);
    list_init(&o->streams);
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

bool offload_is_computing(const struct core *core) { return core->offloads->planned; }

/* ---- jobs --------------------------------------------------------------------------- */

static void drop(const struct offload *work) {
    if (work->drop) work->drop(work->state);
}

/* What was found and computed is given up. */
static void unplan(struct offload_job *job) {
    if (!job->planned) return;
    job->core->offloads->planned--;
    job->planned = false;
    drop(&job->work);
    mem_free(job->work.state);
}

static void job_free(struct offload_job *job) {
    job->core->offloads->job_count--;
    unplan(job);
    list_unlink(&job->in_list);
    list_unlink(&job->in_streams);
    places_leave(job->core, &job->ticket);
    job->core->offloads->counts.streams -= job->streams;
    reply_fini(&job->reply);
    for (int i = 0; job->req.blobs && i < job->req.argc; i++) {
        if (job->req.blobs[i]) blob_unref(job->req.blobs[i]);
    }
    mem_free(job->req.blobs);
    request_free(&job->req);
    mem_free(job);
}

/* The command is over; its session goes on. */
static void job_end(struct offload_job *job) {
    struct session *s = job->s;
    if (s) {
        s->job = NULL;
        /* With a waiter it waits for a key now. */
        s->state &= ~(uint32_t)(s->waiter ? SESSION_STREAMS : SESSION_BLOCKED | SESSION_STREAMS);
        push_release(s);
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

/* The arguments in memory of the job's own; large ones, which are blobs, are shared. */
static void keep_arguments(struct offload_job *job, const struct ctx *c) {
    size_t n = (size_t)c->argc;
    if (!c->req->blobs) {
        request_copy(&job->req, c->req, c->argv);
        return;
    }
    struct slice *argv = (void *)mem_dup(c->argv, n * sizeof *argv);
    struct blob **blobs = mem_calloc(n * sizeof *blobs);
    for (size_t i = 0; i < n; i++) {
        if (!c->req->blobs[i]) continue;
        blobs[i] = blob_ref(c->req->blobs[i]);
        argv[i].n = 0;
    }
    request_copy(&job->req, c->req, argv);
    mem_free(argv);
    argv = (struct slice *)job->req.argv;
    for (size_t i = 0; i < n; i++) {
        if (blobs[i]) argv[i] = c->argv[i];
    }
    job->req.blobs = blobs;
}

/* A computation, or the next part of one; true: there is more to be written. */
static bool compute_part(const struct offload *work, bool *begun, struct reply *r) {
    if (!*begun && work->compute) work->compute(work->state, r);
    *begun = true;
    return work->more && work->more(work->state, r);
}

/* On a worker. */
static void job_run(struct work_job *work) {
    struct offload_job *job = (struct offload_job *)work;
    struct offloads *o = job->core->offloads;
    uint64_t start = clock_ticks();
    job->more = compute_part(&job->work, &job->begun, &job->reply);
    job->ticks += clock_ticks() - start;
    job->next_done = NULL;
    pthread_mutex_lock(&o->lock);
    *o->done_last = job;
    o->done_last = &job->next_done;
    pthread_mutex_unlock(&o->lock);
    o->wake(o->wake_ctx);
}

/* Gives a planned job to a worker, for all of it or its next part. */
static void submit(struct offload_job *job) {
    job->computing = true;
    job->core->offloads->counts.running++;
    if (job->work.more)
        reply_set_share(&job->reply, job->wanted ? STREAM_WANTED_BYTES : STREAM_PART_BYTES);
    bool taken = work_queue_submit(job->core->queues.commands, &job->job);
    ASSERT(taken); /* is_full */
}

static void go_on(struct offload_job *job) {
    if (job->computing || !job->more) return;
    if (job->wanted || reply_pending(&job->s->reply) <= STREAM_AHEAD_BYTES) submit(job);
}

static void job_wanted(struct lane_ticket *t) {
    struct offload_job *job = job_of_ticket(t);
    job->wanted = true;
    go_on(job);
}

void offload_hurry(struct core *core) {
    const struct list *streams = &core->offloads->streams;
    for (struct list_link *l = list_first(streams), *next; l; l = next) {
        next = list_next(streams, l);
        job_wanted(&LIST_MEMBER(l, struct offload_job, in_streams)->ticket);
    }
}

static bool all_share(const struct wants *w) {
    for (int i = 0; i < w->n; i++) {
        if (w->at[i].mode > LANE_SHARES) return false;
    }
    return true;
}

/* What the command of c becomes, in the lanes that it wants; its session waits. */
static struct offload_job *job_join(struct ctx *c, struct wants *w) {
    struct core *core = c->core;
    struct offload_job *job = mem_calloc(sizeof *job);
    core->offloads->job_count++;
    job->job.run = job_run;
    job->core = core;
    job->s = c->s;
    job->db = c->db->id;
    job->silent = c->s->gates & (GATE_REPLY_OFF | GATE_REPLY_SKIPPING);
    keep_arguments(job, c);
    job->req.job = job;
    reply_init(&job->reply);
    job->reply.proto = c->r->proto;
    job->ticket = (struct lane_ticket){
        .what = c->row->name,
        .on_granted = job_granted,
        .on_wanted = all_share(w) ? job_wanted : NULL,
    };
    list_link_init(&job->in_list);
    list_link_init(&job->in_streams);
    list_push_back(&core->offloads->waiting, &job->in_list);
    c->s->job = job;
    c->s->state |= SESSION_BLOCKED;
    core->after_due = true;
    if (places_join(core, &job->ticket, w)) job_granted(&job->ticket);
    return job;
}

/* So many commands are on their way that the workers' queue might not take one more. */
static bool is_full(const struct core *core) {
    return core->offloads->job_count >= work_queue_capacity(core->queues.commands);
}

static void job_new(struct ctx *c) {
    struct wants w;
    if (is_full(c->core)) {
        places_note_refused(c->core);
        reply_errorf(c->r, "LANEFULL %zu commands are on their way to a worker already",
                     c->core->offloads->job_count);
        return;
    }
    wants_of(&w, c->db, c->req, LANE_SHARES, LANE_UPDATES);
    const char *no = places_refusal(c->core, &w);
    if (no) {
        reply_error(c->r, no);
    } else {
        job_join(c, &w);
    }
    wants_free(&w);
}

static void plan(struct offload_job *job, const struct offload *work) {
    job->work = *work;
    job->work.state = mem_dup(work->state, work->state_bytes);
    job->now_ms = job->core->ks->now_ms;
    job->planned = true;
    job->core->offloads->planned++;
}

static void gather(struct offload_job *job) {
    job->core->offloads->counts.running++;
    list_push_back(&job->core->offloads->gathering, &job->in_list);
}

static void job_submit(struct ctx *c, struct offload_job *job, const struct offload *work) {
    plan(job, work);
    c->s->state |= SESSION_BLOCKED;
    c->core->after_due = true;
    if (work->gather) {
        gather(job);
    } else {
        submit(job);
    }
}

static void begin_stream(struct offload_job *job) {
    if (!job->streams) {
        job->s->streamed = reply_pending(&job->s->reply);
        job->core->offloads->counts.streams++;
        list_push_back(&job->core->offloads->streams, &job->in_streams);
    }
    job->streams = true;
    job->wanted |= job->core->ongoing.draining; /* offload_hurry came before it was one */
    job->s->state |= SESSION_STREAMS;
}

/* The handler finds anew what it has found before; the keys that it misses were told then. */
static void run_anew(struct core *core, struct offload_job *job) {
    struct session *outer = core->retaking;
    void (*on_miss)(void *ctx, struct db *db, struct key k) = core->ks->on_miss;
    core->in_own_lanes = true;
    core->retaking = job->s;
    core->ks->on_miss = NULL;
    exec_again(core, job->s, &job->req);
    core->ks->on_miss = on_miss;
    core->retaking = outer;
    core->in_own_lanes = false;
}

void offload_serve(struct core *core) {
    struct offloads *o = core->offloads;
    if (o->serving || core->ongoing.draining) return;
    o->serving = true;
    for (struct list_link *l; (l = list_pop_front(&o->ready));) {
        struct offload_job *job = LIST_MEMBER(l, struct offload_job, in_list);
        struct session *s = job->s;
        push_before_reply(s);
        struct reply_place before = reply_here(&s->reply);
        s->state &= ~(uint32_t)SESSION_BLOCKED;
        if (job->silent) s->gates |= GATE_REPLY_SKIPPING; /* for one that waits then */
        run_anew(core, job);
        s->gates &= ~(uint32_t)GATE_REPLY_SKIPPING;
        if (job->planned) {
            push_release(s);
            continue;
        }
        if (job->silent) reply_rewind(&s->reply, before);
        job_end(job);
    }
    o->serving = false;
}

/* ---- the end of a job --------------------------------------------------------------- */

static struct ctx ctx_of(struct offload_job *job, struct reply *r) {
    return (struct ctx){
        .core = job->core,
        .s = job->s,
        .db = &job->core->ks->dbs[job->db],
        .r = r,
        .row = job->req.row,
        .argv = job->req.argv,
        .argc = job->req.argc,
        .req = &job->req,
    };
}

static void commit(struct offload_job *job) {
    struct core *core = job->core;
    struct session *s = job->s;
    struct reply nowhere;
    reply_init(&nowhere);
    struct ctx c = ctx_of(job, s ? &s->reply : &nowhere);
    if (s) push_before_reply(s);
    struct reply_place before = reply_here(c.r);
    core->running = &job->req;
    core->replying = s;
    reply_take(c.r, &job->reply);
    struct effects_frame told = effects_enter(core);
    if (job->work.commit) job->work.commit(&c, job->work.state);
    effects_leave(core, told, &job->req, job->db);
    if (s && s->gates & GATE_TRACKS) core->tracking_hooks.has_run(s, &job->req);
    if (s) s->told_to = core->effects.offset;
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

/* A part of a reply goes to its session. */
static void hand_over(struct offload_job *job) {
    struct session *s = job->s;
    push_before_reply(s);
    struct reply_place before = reply_here(&s->reply);
    begin_stream(job);
    if (!job->silent) s->streamed += reply_pending(&job->reply);
    reply_take(&s->reply, &job->reply);
    if (job->silent) reply_rewind(&s->reply, before);
    s->kick(s);
    go_on(job);
}

/* In the time that the command was planned in: what it found then has not ended for it. False: a
 * snapshot is in its way. */
static bool try_commit(struct offload_job *job) {
    struct keyspace *ks = job->core->ks;
    int64_t now_ms = ks->now_ms;
    ks->now_ms = job->now_ms;
    bool may = changes_nothing(job) || snapshot_may_commit(job->core, &ks->dbs[job->db], &job->req);
    if (may && (job->s || !changes_nothing(job))) commit(job);
    ks->now_ms = now_ms;
    return may;
}

/* The job keeps its places, and its handler runs once more when nothing goes on. If its client has
 * left it has never been. */
static void begin_anew(struct offload_job *job) {
    if (!job->s) {
        job_free(job);
        return;
    }
    unplan(job);
    reply_fini(&job->reply);
    reply_init(&job->reply);
    job->begun = false;
    job->anew++;
    list_push_back(&job->core->offloads->anew, &job->in_list);
}

/* Those that were to begin anew do. */
static void serve_anew(struct core *core) {
    struct offloads *o = core->offloads;
    if (likely(list_empty(&o->anew)) || core->ongoing.on) return;
    list_splice_back(&o->ready, &o->anew);
    core->after_due = true;
}

/* Whether the job has more to do before its commit: it is on its way. */
static bool goes_again(struct offload_job *job) {
    if (!job->work.next || (!job->s && changes_nothing(job))) return false;
    struct ctx c = ctx_of(job, &job->reply);
    switch (job->work.next(&c, job->work.state)) {
    case OFFLOAD_COMMITS: return false;
    case OFFLOAD_BEGINS_ANEW: begin_anew(job); break;
    case OFFLOAD_GATHERS:
        job->begun = false;
        gather(job);
        break;
    }
    return true;
}

static void finish(struct offload_job *job) {
    struct offloads *o = job->core->offloads;
    if (goes_again(job)) return;
    if (!try_commit(job)) {
        list_push_back(&o->late, &job->in_list);
        return;
    }
    o->counts.done++;
    if (!job->more) learn(job->req.row, job->work.units, job->ticks);
    job_end(job);
}

void offload_finish_late(struct core *core) {
    struct list late;
    if (likely(list_empty(&core->offloads->late))) return;
    list_init(&late);
    list_splice_back(&late, &core->offloads->late);
    for (struct list_link *l; (l = list_pop_front(&late));)
        finish(LIST_MEMBER(l, struct offload_job, in_list));
}

void offload_drained(struct session *s) {
    if (s->job) go_on(s->job);
}

static void inner_drop(struct offload_job *job) {
    drop(&job->work);
    reply_fini(&job->reply);
}

/* If the command was dropped meanwhile, its fiber does not come to the end of do_inner. */
static void inner_over(struct offload_job *job) {
    job->core->offloads->counts.done++;
    ongoing_computed(job->core);
    if (!job->core->ongoing.on) inner_drop(job);
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
        job->computing = false;
        if (job->inner) {
            inner_over(job);
        } else if (job->more && job->s) {
            hand_over(job);
        } else {
            finish(job);
        }
    }
    if (core->after_due) exec_after(core);
}

bool offload_gather(struct core *core) {
    struct list *gathering = &core->offloads->gathering;
    serve_anew(core);
    if (likely(list_empty(gathering))) return false;
    struct list_link *l = list_pop_front(gathering);
    struct offload_job *job = LIST_MEMBER(l, struct offload_job, in_list);
    if (job->work.next && core->ongoing.on) {
        core->offloads->counts.running--;
        begin_anew(job);
        return true;
    }
    struct ctx c = ctx_of(job, &job->reply);
    uint64_t start = clock_ticks();
    core->running = &job->req;
    core->replying = NULL; /* it goes to the job's reply */
    bool over = job->work.gather(&c, job->work.state, start + clock_us_to_ticks(GATHER_US));
    core->running = NULL;
    job->ticks += clock_ticks() - start;
    if (!over) {
        list_push_back(&core->offloads->gathering, &job->in_list);
        return true;
    }
    core->offloads->counts.running--;
    if (job->work.compute) {
        submit(job);
    } else {
        finish(job);
    }
    return true;
}

void offload_leave(struct session *s) {
    places_passed(s);
    struct core *core = s->core;
    struct offload_job *job = s->job;
    if (!job) return;
    s->job = NULL;
    s->state &= ~(uint32_t)SESSION_BLOCKED;
    job->s = NULL;
    if (job->planned && !changes_nothing(job)) return;
    if (job->computing && !work_job_cancel(&job->job)) return; /* it is told, and soon collected */
    if (job->computing || (job->planned && list_linked(&job->in_list)))
        core->offloads->counts.running--;
    job_free(job);
}

void offload_expire(struct core *core) {
    struct list *waiting = &core->offloads->waiting;
    for (struct list_link *l = list_first(waiting), *next; l; l = next) {
        struct offload_job *job = LIST_MEMBER(l, struct offload_job, in_list);
        next = list_next(waiting, l);
        if (!place_is_late(core, &job->ticket, job->s)) continue;
        push_before_reply(job->s);
        if (!job->silent) reply_error(&job->s->reply, PLACE_TIMEOUT_TEXT);
        stats_error(core, "LANETIMEOUT");
        job_end(job);
    }
}

void offloads_free(struct offloads *o) {
    for (struct offload_job *job = o->done, *next; job; job = next) {
        next = job->next_done;
        if (job->inner) {
            inner_drop(job);
        } else {
            job_free(job);
        }
    }
    for (struct list_link *l; (l = list_first(&o->gathering));)
        job_free(LIST_MEMBER(l, struct offload_job, in_list));
    for (struct list_link *l; (l = list_first(&o->late));)
        job_free(LIST_MEMBER(l, struct offload_job, in_list));
    pthread_mutex_destroy(&o->lock);
    mem_free(o);
}

/* ---- for handlers ------------------------------------------------------------------- */

static bool is_long(const struct ctx *c, uint64_t units) {
    double unit_ns = *unit_ns_of(c->req->row);
    return (double)units * (unit_ns ? unit_ns : UNIT_NS_FIRST) > OFFLOAD_US_MIN * 1000.0;
}

/* A job could be made of it. What waited for a key is served in the turn that its key has. */
static bool may_wait(const struct ctx *c) {
    return c->core->offloads->wake && exec_may_wait(c) && !c->s->waiter;
}

/* What was to be done at once has a longer reply than that: the rest streams. Where others have to
 * go first, it begins anew. */
static void stream_rest(struct ctx *c, const struct offload *o, struct reply_place before) {
    struct wants w;
    wants_of(&w, c->db, c->req, LANE_SHARES, LANE_UPDATES);
    bool may = !c->core->ongoing.draining && places_would_grant(c->core, &w);
    if (may) {
        struct offload_job *job = job_join(c, &w);
        list_unlink(&job->in_list);
        plan(job, o);
        job->begun = job->more = true;
        job->ticks = clock_ticks() - c->core->tick_mark;
        begin_stream(job);
        c->s->kick(c->s);
        go_on(job);
    } else {
        drop(o);
        reply_rewind(c->r, before);
        job_new(c);
    }
    wants_free(&w);
}

static void do_at_once(struct ctx *c, const struct offload *o) {
    bool timed = o->units >= UNITS_TIMED_MIN, begun = false;
    uint64_t start = timed ? clock_ticks() : 0;
    struct reply_place before = reply_here(c->r);
    if (o->more && may_wait(c) && !is_full(c->core)) reply_set_share(c->r, STREAM_PART_BYTES);
    bool more;
    do {
        if (o->gather) {
            bool over = o->gather(c, o->state, UINT64_MAX);
            ASSERT(over);
        }
        begun = false;
        more = compute_part(o, &begun, c->r);
    } while (o->next && o->next(c, o->state) == OFFLOAD_GATHERS);
    reply_set_share(c->r, 0);
    if (unlikely(more)) {
        stream_rest(c, o, before);
        return;
    }
    if (timed) learn(c->req->row, o->units, clock_ticks() - start);
    if (o->commit) o->commit(c, o->state);
    drop(o);
}

/* Whether a command that is a part of one that may go on, and keeps to the lanes of that, may be
 * given to a worker. */
static bool may_be_inner(const struct core *core) {
    const struct ongoing *o = &core->ongoing;
    return core->offloads->wake && ongoing_may_pause(core) && !o->strayed && !o->exclusive &&
           !is_full(core);
}

/* The same in the midst of a command: its fiber stops until a worker has computed. */
static void do_inner(struct ctx *c, const struct offload *o) {
    struct core *core = c->core;
    struct offload_job job = {.job.run = job_run, .core = core, .work = *o, .inner = true};
    reply_init(&job.reply);
    job.reply.proto = c->r->proto;
    core->offloads->job_count++;
    core->offloads->counts.running++;
    bool of_transaction = core->running == c->req;
    ongoing_compute(core, &job.job);
    if (of_transaction) core->running = c->req;
    core->offloads->job_count--;
    reply_take(c->r, &job.reply);
    reply_fini(&job.reply);
    learn(c->req->row, o->units, job.ticks);
    if (o->commit) {
        snapshot_wait(core, c->db, c->req);
        o->commit(c, o->state);
    }
    drop(o);
}

bool offload_would(const struct ctx *c, uint64_t units) {
    if (c->req->job) return true;
    return (may_wait(c) || may_be_inner(c->core)) && is_long(c, units);
}

#define ANEW_MAX 3

void offload(struct ctx *c, const struct offload *o) {
    struct offload_job *job = c->req->job;
    if (job && job->anew >= ANEW_MAX && !c->core->ongoing.on) {
        do_at_once(c, o); /* it has been held up often enough */
    } else if (job) {
        job_submit(c, job, o);
    } else if (!offload_would(c, o->units)) {
        do_at_once(c, o);
    } else if (may_wait(c)) {
        drop(o);
        job_new(c);
    } else if (o->gather) {
        do_at_once(c, o);
    } else {
        do_inner(c, o);
    }
}
