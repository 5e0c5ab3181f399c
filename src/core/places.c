/* places.c - see places.h. */
#include "core/places.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/mem.h"
#include "core/blocked.h"
#include "core/config.h"
#include "core/multi.h"
#include "core/session.h"

struct park {
    struct lane_ticket ticket;
    struct session *s;
    struct list_link in_list; /* places->parked */
    bool expired;
};

struct places {
    struct lanes *lanes;
    struct list parked;
};

struct places *places_new(void) {
    struct places *p = mem_calloc(sizeof *p);
    p->lanes = lanes_new();
    list_init(&p->parked);
    return p;
}

void places_free(struct places *p) {
    lanes_free(p->lanes);
    mem_free(p);
}

const struct lanes *places_lanes(const struct core *core) { return core->places->lanes; }

/* ---- lanes -------------------------------------------------------------------------- */

/* The store asks before a key leaves by itself. */
static bool is_pinned(void *ctx, uint64_t hash) {
    return lane_is_held(((struct places *)ctx)->lanes, hash);
}

/* Tickets have come or gone. */
static void follow_lanes(struct core *core) {
    bool busy = lanes_busy(core->places->lanes);
    if (busy == core->lanes_busy) return;
    core->lanes_busy = busy;
    core->ks->pinned = busy ? is_pinned : NULL;
    core->ks->pinned_ctx = core->places;
    core_update_gates(core);
}

static bool join(struct core *core, struct lane_ticket *t, const struct lane_want *wants, int n,
                 bool all_keys) {
    bool granted = lane_join(core->places->lanes, t, wants, n, all_keys, core->now_ms);
    follow_lanes(core);
    return granted;
}

bool places_join(struct core *core, struct lane_ticket *t, struct wants *w) {
    return join(core, t, w->at, w->n, false);
}

void places_leave(struct core *core, struct lane_ticket *t) {
    if (!lane_has_joined(t)) return;
    lane_leave(core->places->lanes, t, core->now_ms);
    follow_lanes(core);
    blocked_retry(core);
}

void places_join_key(struct core *core, struct lane_ticket *t, struct key k) {
    struct lane_want want = {k.hash, key_slice(k), LANE_SHARES};
    join(core, t, &want, 1, false);
}

/* ---- what commands want ------------------------------------------------------------- */

static void wants_init(struct wants *w, struct db *db) {
    w->db = db;
    w->at = w->room;
    w->n = 0;
    w->room_n = WANTS_INLINE;
    w->all_told = true;
}

void wants_free(struct wants *w) {
    if (w->at != w->room) mem_free(w->at);
}

static void wants_grow(struct wants *w, int more) {
    if (w->n + more <= w->room_n) return;
    bool was_here = w->at == w->room;
    w->room_n = 2 * w->room_n + more;
    w->at = mem_realloc(was_here ? NULL : w->at, (size_t)w->room_n * sizeof *w->at);
    if (was_here) memcpy(w->at, w->room, (size_t)w->n * sizeof *w->at);
}

/* A key that is over, and stays for the sake of who has it in a lane, is not there for this
 * command, but is for that one: they cannot share it. */
static void wants_add(struct wants *w, const struct request *req, enum lane_mode reads,
                      enum lane_mode writes) {
    int index_room[WANTS_INLINE], *index = index_room;
    uint16_t flag_room[WANTS_INLINE], *flags = flag_room;
    bool many = req->argc > WANTS_INLINE;
    if (many) {
        index = mem_alloc((size_t)req->argc * sizeof *index);
        flags = mem_alloc((size_t)req->argc * sizeof *flags);
    }
    memset(flags, 0, (size_t)req->argc * sizeof *flags);
    int n = row_keys(req->row, req->argv, req->argc, index, flags, req->argc);
    if (row_hides_keys(req->row, req->argv, req->argc, n)) w->all_told = false;
    if (n > 0) wants_grow(w, n);
    for (int i = 0; i < n; i++) { /* of nonsense the command will tell */
        struct slice name = req->argv[index[i]];
        bool only_reads = flags[i] ? flags[i] & KEY_RO : !(req->row->flags & ROW_WRITE);
        if (req->row->flags & ROW_EDITS_ASIDE) only_reads = false;
        if (only_reads && db_past(w->db, key_of(name))) only_reads = false;
        w->at[w->n++] =
            (struct lane_want){hash_bytes(name.p, name.n), name, only_reads ? reads : writes};
    }
    if (many) {
        mem_free(index);
        mem_free(flags);
    }
}

void wants_of(struct wants *w, struct db *db, const struct request *req, enum lane_mode reads,
              enum lane_mode writes) {
    wants_init(w, db);
    wants_add(w, req, reads, writes);
}

/* What a command that may go on wants to hold meanwhile. */
static void wants_of_all(struct wants *w, struct db *db, const struct request *requests,
                         size_t count, bool only_reads) {
    wants_init(w, db);
    for (size_t i = 0; i < count; i++) {
        wants_add(w, &requests[i], LANE_SHARES, only_reads ? LANE_SHARES : LANE_ALONE);
    }
}

/* Of what stands before exec: of EXEC, what its commands want. */
static void wants_of_next(struct wants *w, const struct session *s, const struct request *req) {
    if (req->row->flags & ROW_RUNS_OTHERS) {
        size_t count;
        const struct request *requests = multi_commands(s, req, &count);
        wants_of_all(w, s->db, requests, count, false);
    } else {
        wants_of(w, s->db, req, LANE_READS, LANE_ALONE);
    }
}

bool places_would_grant(const struct core *core, const struct wants *w) {
    return lane_would_grant(core->places->lanes, w->at, w->n);
}

void places_note_refused(struct core *core) { lane_note_refused(core->places->lanes); }

const char *places_refusal(struct core *core, const struct wants *w) {
    static char text[96];
    struct lanes *lanes = core->places->lanes;
    size_t most = (size_t)core->config->lane_max_waiting;
    if (!most || lane_depth(lanes, w->at, w->n) < most) return NULL;
    places_note_refused(core);
    snprintf(text, sizeof text,
             "LANEFULL %zu commands wait for a key of this one already: lane-max-waiting", most);
    return text;
}

/* ---- parked sessions ---------------------------------------------------------------- */

void places_passed(struct session *s) {
    struct park *p = s->park;
    if (!p) return;
    s->park = NULL;
    s->gates &= ~(uint32_t)GATE_PARKED;
    list_unlink(&p->in_list);
    places_leave(s->core, &p->ticket);
    mem_free(p);
}

static void park_granted(struct lane_ticket *t) {
    struct session *s = LIST_MEMBER(t, struct park, ticket)->s;
    s->state &= ~(uint32_t)SESSION_HELD;
    s->kick(s);
}

/* Gives s a ticket of its own; whether that is granted at once. */
static bool park(struct core *core, struct session *s, const struct row *row, struct wants *w,
                 bool all_keys) {
    struct park *p = mem_calloc(sizeof *p);
    p->s = s;
    p->ticket.what = row->name;
    p->ticket.on_granted = park_granted;
    list_link_init(&p->in_list);
    list_push_back(&core->places->parked, &p->in_list);
    s->park = p;
    s->gates |= GATE_PARKED;
    return join(core, &p->ticket, w->at, w->n, all_keys);
}

static bool must_wait(const struct core *core, const struct wants *w, bool all_keys) {
    const struct lanes *lanes = core->places->lanes;
    if (all_keys) return true;
    for (int i = 0; i < w->n; i++) {
        if (lane_stops(lanes, w->at[i].hash, w->at[i].mode)) return true;
    }
    return false;
}

/* Whether the command that goes on has one of the keys. */
static bool is_stopped_by_ongoing(const struct core *core, const struct wants *w) {
    const struct session *s = core->ongoing.s;
    for (int i = 0; s && s->park && i < w->n; i++) {
        if (lane_ticket_stops(core->places->lanes, &s->park->ticket, w->at[i].hash, w->at[i].mode))
            return true;
    }
    return false;
}

bool places_stop(const struct core *core, struct db *db, const struct request *req) {
    if (!core->lanes_busy) return false;
    struct wants w;
    wants_of(&w, db, req, LANE_READS, LANE_ALONE);
    bool stops = must_wait(core, &w, false);
    for (int i = 0; stops && i < w.n; i++) {
        lane_ask(core->places->lanes, w.at[i].hash, w.at[i].mode);
    }
    wants_free(&w);
    return stops;
}

enum lane_verdict places_gate(struct core *core, struct session *s, const struct request *req,
                              const char **why) {
    struct park *p = s->park;
    struct wants w;
    uint32_t flags = req->row->flags;
    bool all_keys = (flags & ROW_WRITE && !row_has_keys(req->row)) ||
                    row_hides(req->row, req->argv, req->argc) == HIDES_KEYSPACE;
    if (p && lane_is_granted(&p->ticket)) return LANE_GO;
    wants_of_next(&w, s, req);
    bool meets = all_keys || is_stopped_by_ongoing(core, &w);
    bool waits = p || meets;
    if (flags & (ROW_WRITE | ROW_RUNS_OTHERS)) waits = waits || must_wait(core, &w, all_keys);
    bool may_go_on = flags & ROW_RUNS_OTHERS ||
                     (req->row->takes_long && req->row->takes_long(s->db, req->argv, req->argc));
    if (may_go_on) waits = waits || lane_stops_all(core->places->lanes);
    *why = NULL;
    if (meets && core->ongoing.refusing) {
        *why = core->ongoing.busy;
    } else if (p && p->expired) {
        *why = PLACE_TIMEOUT_TEXT;
    } else if (waits && !p) {
        *why = places_refusal(core, &w);
    }
    if (!*why && waits) {
        bool granted = !p && park(core, s, req->row, &w, all_keys);
        ASSERT(!granted);
        s->state |= SESSION_HELD;
    }
    wants_free(&w);
    return *why ? LANE_REFUSED : waits ? LANE_WAIT : LANE_GO;
}

void places_ask_again(struct core *core) {
    const struct list *parked = &core->places->parked;
    for (struct list_link *l = list_first(parked); l; l = list_next(parked, l)) {
        struct park *p = LIST_MEMBER(l, struct park, in_list);
        if (!lane_is_granted(&p->ticket)) park_granted(&p->ticket);
    }
}

bool place_is_late(const struct core *core, const struct lane_ticket *t, const struct session *s) {
    int64_t most = s->lane_timeout_ms;
    return most && !lane_is_granted(t) && core->now_ms - t->joined_ms >= most;
}

void places_expire(struct core *core) {
    const struct list *parked = &core->places->parked;
    for (struct list_link *l = list_first(parked), *next; l; l = next) {
        struct park *p = LIST_MEMBER(l, struct park, in_list);
        next = list_next(parked, l);
        if (!place_is_late(core, &p->ticket, p->s)) continue;
        p->expired = true;
        park_granted(&p->ticket);
    }
}

/* ---- what a command that goes on holds ----------------------------------------------- */

bool places_are_told(struct db *db, const struct request *requests, size_t count) {
    struct wants w;
    wants_of_all(&w, db, requests, count, false);
    wants_free(&w);
    return w.all_told;
}

bool places_hold(struct core *core, struct session *s, const struct request *requests, size_t count,
                 bool only_reads) {
    struct wants w;
    wants_of_all(&w, s->db, requests, count, only_reads);
    bool some = w.n > 0;
    if (some && !s->park) { /* else it waited, and holds them already */
        bool granted = park(core, s, s->last_row, &w, false);
        ASSERT(granted);
    }
    wants_free(&w);
    return w.all_told;
}

bool places_are_read(const struct core *core, uint64_t hash) {
    return core->lanes_busy && lane_is_held(core->places->lanes, hash);
}
