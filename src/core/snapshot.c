/* snapshot.c - see snapshot.h. */
#include "core/snapshot.h"

#include "base/mem.h"
#include "core/multi.h"
#include "core/ongoing.h"
#include "core/places.h"

#define STEP_US 300 /* of a turn */
#define KEYS_INLINE 16

/* A lane that is held because a writer has come. */
struct waited {
    struct lane_ticket ticket;
    struct core *core;
};

/* ---- the walk ----------------------------------------------------------------------- */

static void give(void *ctx, struct capture *c) {
    const struct snapshot_writer *w = ((struct core *)ctx)->snapshot;
    w->give(w->ctx, c);
}

static size_t held_max(const struct core *core) {
    size_t part = keyspace_memory(core->ks) / 25;
    return part > CAPTURE_HELD_BYTES ? part : CAPTURE_HELD_BYTES;
}

void snapshot_begin(struct core *core, const struct snapshot_writer *writer) {
    core->snapshot = writer;
    cut_set_still_max(cut_begin(core->ks, give, core), held_max(core));
    core_update_gates(core);
}

static void follow_held(struct core *core) {
    size_t held = cut_figures(core->ks->cut).held_bytes, max = held_max(core);
    if (!core->snapshot_full) {
        core->snapshot_full = held > max;
    } else if (held < max / 2) {
        core->snapshot_full = false;
        core_release_held(core);
    }
}

bool snapshot_step(struct core *core) {
    struct cut *cut = core->ks->cut;
    if (likely(!cut)) return false;
    bool more = cut_step(cut, CAPTURE_AHEAD_BYTES, STEP_US);
    follow_held(core);
    return more && cut_figures(cut).work_bytes < CAPTURE_AHEAD_BYTES;
}

void snapshot_take_back(struct core *core, struct capture *c) {
    cut_take_back(core->ks->cut, c);
    follow_held(core);
}

void snapshot_end(struct core *core) {
    cut_end(core->ks->cut);
    core->snapshot = NULL;
    core->snapshot_full = false;
    core_update_gates(core);
    core_release_held(core);
}

/* ---- waiting ------------------------------------------------------------------------ */

static void no_news(struct lane_ticket *t) { (void)t; }

static void returned(void *ctx) {
    struct waited *w = ctx;
    places_leave(w->core, &w->ticket);
    mem_free(w);
}

static bool wait_if_lent(struct core *core, struct db *db, struct key k) {
    const struct snapshot_writer *writer = core->snapshot;
    struct lent *l = cut_find_lent(core->ks->cut, db, k);
    if (!l || lent_is_waited_for(l)) return l;
    struct waited *w = mem_calloc(sizeof *w);
    w->core = core;
    w->ticket.what = "snapshot";
    w->ticket.on_granted = no_news;
    places_join_key(core, &w->ticket, k);
    lent_on_return(l, returned, w);
    writer->hurry(writer->ctx, lent_capture(l));
    return true;
}

static bool hurry_if_lent(struct core *core, struct db *db, struct key k) {
    struct lent *l = cut_find_lent(core->ks->cut, db, k);
    if (l) core->snapshot->hurry(core->snapshot->ctx, lent_capture(l));
    return l;
}

static bool own(struct core *core, struct db *db, struct key k) {
    (void)core;
    db_own(db, k);
    return false;
}

/* Only who changes a value where it lies waits: what replaces it, or deletes it, need not. */
static bool edits(const struct row *row, uint16_t flags) {
    if (row->flags & ROW_EDITS_ASIDE) return true;
    return flags & KEY_RW || !(flags & (KEY_RO | KEY_OW | KEY_RM));
}

/* Visits each key whose value the command edits; whether a visit said true. */
static bool each_edited(struct core *core, struct db *db, const struct request *req,
                        bool (*visit)(struct core *core, struct db *db, struct key k)) {
    int index_room[KEYS_INLINE], *index = index_room;
    uint16_t flag_room[KEYS_INLINE], *flags = flag_room;
    bool many = req->argc > KEYS_INLINE, some = false;
    if (many) {
        index = mem_alloc((size_t)req->argc * sizeof *index);
        flags = mem_calloc((size_t)req->argc * sizeof *flags);
    }
    int n = row_keys(req->row, req->argv, req->argc, index, flags, req->argc);
    for (int i = 0; i < n; i++) {
        struct slice name = req->argv[index[i]];
        if (!edits(req->row, flags[i])) continue;
        struct key k = {name.p, name.n, index[i] == 1 ? req->key_hash : hash_bytes(name.p, name.n)};
        if (visit(core, db, k)) some = true;
    }
    if (many) {
        mem_free(index);
        mem_free(flags);
    }
    return some;
}

bool snapshot_may_commit(struct core *core, struct db *db, const struct request *req) {
    if (likely(!core->ks->cut)) return true;
    if (each_edited(core, db, req, hurry_if_lent)) return false;
    each_edited(core, db, req, own);
    return true;
}

void snapshot_wait(struct core *core, struct db *db, const struct request *req) {
    while (!snapshot_may_commit(core, db, req) && ongoing_may_pause(core)) ongoing_pause(core);
}

void snapshot_gate(struct core *core, const struct session *s, const struct request *req) {
    each_edited(core, s->db, req, wait_if_lent);
    if (!s->multi || !(req->row->flags & ROW_RUNS_OTHERS)) return;
    for (size_t i = 0; i < s->multi->count; i++) {
        if (s->multi->requests[i].row->flags & (ROW_WRITE | ROW_RUNS_OTHERS))
            each_edited(core, s->db, &s->multi->requests[i], wait_if_lent);
    }
}
