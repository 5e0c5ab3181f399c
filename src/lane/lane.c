/* lane.c - see lane.h.
 *
 * Lanes lie in a table of chains by hash; one is made by the first place in it and freed by the
 * last. Threads: the loop.
 */
#include "lane/lane.h"

#include "base/assert.h"
#include "base/mem.h"

#define CHAINS_MIN 64      /* power of two */
#define NAME_BYTES_MAX 128 /* of a key's name, for people */

struct lane {
    struct lane *next_in_chain;
    struct list places;
    uint32_t count[LANE_MODES], granted[LANE_MODES], waiting; /* places, by mode; not granted */
    uint32_t untold; /* places of tickets with on_wanted which were not told */
    uint64_t hash;
    size_t name_bytes;
    char name[];
};

struct lane_place {
    struct list_link in_lane;
    struct lane *lane;
    struct lane_ticket *ticket;
    enum lane_mode mode;
    bool granted, untold;
};

struct lanes {
    struct lane **chains;
    size_t mask;
    struct lane *all; /* the lane of all keys */
    struct lane_counts counts;
};

static bool together(enum lane_mode a, enum lane_mode b) {
    static const uint8_t with[] = {
        [LANE_READS] = 1 << LANE_READS | 1 << LANE_SHARES | 1 << LANE_UPDATES,
        [LANE_SHARES] = 1 << LANE_READS | 1 << LANE_SHARES,
        [LANE_UPDATES] = 1 << LANE_READS,
        [LANE_ALONE] = 0,
    };
    return with[a] >> b & 1;
}

const char *lane_mode_name(enum lane_mode mode) {
    static const char *const names[] = {"read", "shared", "update", "exclusive"};
    return names[mode];
}

/* ---- lanes -------------------------------------------------------------------------- */

static struct lane **chain_of(const struct lanes *l, uint64_t hash) {
    return &l->chains[hash & l->mask];
}

static struct lane *lane_find(const struct lanes *l, uint64_t hash) {
    struct lane *lane = *chain_of(l, hash);
    while (lane && lane->hash != hash) lane = lane->next_in_chain;
    return lane;
}

static void set_chain_count(struct lanes *l, size_t count) {
    struct lane **old = l->chains;
    size_t old_count = old ? l->mask + 1 : 0;
    l->chains = mem_calloc(count * sizeof *l->chains);
    l->mask = count - 1;
    for (size_t i = 0; i < old_count; i++) {
        for (struct lane *lane = old[i], *next; lane; lane = next) {
            struct lane **chain = chain_of(l, lane->hash);
            next = lane->next_in_chain;
            lane->next_in_chain = *chain;
            *chain = lane;
        }
    }
    mem_free(old);
}

static struct lane *lane_new(uint64_t hash, struct slice name) {
    size_t n = name.n < NAME_BYTES_MAX ? name.n : NAME_BYTES_MAX;
    struct lane *lane = mem_calloc(sizeof *lane + n);
    list_init(&lane->places);
    lane->hash = hash;
    lane->name_bytes = n;
    if (n) memcpy(lane->name, name.p, n);
    return lane;
}

static struct lane *lane_get(struct lanes *l, const struct lane_want *want) {
    struct lane *lane = lane_find(l, want->hash);
    if (lane) return lane;
    if (l->counts.lanes > l->mask) set_chain_count(l, 2 * (l->mask + 1));
    lane = lane_new(want->hash, want->name);
    struct lane **chain = chain_of(l, want->hash);
    lane->next_in_chain = *chain;
    *chain = lane;
    l->counts.lanes++;
    return lane;
}

static void lane_put(struct lanes *l, struct lane *lane) {
    if (lane == l->all || !list_empty(&lane->places)) return;
    struct lane **at = chain_of(l, lane->hash);
    while (*at != lane) at = &(*at)->next_in_chain;
    *at = lane->next_in_chain;
    mem_free(lane);
    l->counts.lanes--;
}

struct lanes *lanes_new(void) {
    struct lanes *l = mem_calloc(sizeof *l);
    set_chain_count(l, CHAINS_MIN);
    l->all = lane_new(0, slice_of(NULL, 0));
    return l;
}

void lanes_free(struct lanes *l) {
    ASSERT(!lanes_busy(l) && !l->counts.lanes);
    mem_free(l->all);
    mem_free(l->chains);
    mem_free(l);
}

bool lanes_busy(const struct lanes *l) { return l->counts.tickets != 0; }

/* ---- places ------------------------------------------------------------------------- */

static struct lane_place *place_at(struct list_link *link) {
    return LIST_MEMBER(link, struct lane_place, in_lane);
}

static bool goes_with(const uint32_t count[LANE_MODES], enum lane_mode mode) {
    for (int other = 0; other < LANE_MODES; other++) {
        if (count[other] && !together((enum lane_mode)other, mode)) return false;
    }
    return true;
}

static void place_grant(struct lane_place *p) {
    p->granted = true;
    p->lane->granted[p->mode]++;
}

static void ticket_is_whole(struct lanes *l, struct lane_ticket *t, int64_t now_ms) {
    int64_t waited_ms = now_ms - t->joined_ms;
    l->counts.waiting--;
    l->counts.wait_ms += waited_ms;
    if (waited_ms > l->counts.wait_ms_max) l->counts.wait_ms_max = waited_ms;
    t->on_granted(t);
}

/* By L3, after places have gone. */
static void grant_more(struct lanes *l, struct lane *lane, int64_t now_ms) {
    uint32_t before[LANE_MODES] = {0};
    for (struct list_link *link = list_first(&lane->places);
         link && lane->waiting && !before[LANE_ALONE]; link = list_next(&lane->places, link)) {
        struct lane_place *p = place_at(link);
        bool go = !p->granted && goes_with(before, p->mode);
        before[p->mode]++;
        if (!go) continue;
        place_grant(p);
        lane->waiting--;
        if (--p->ticket->missing == 0) ticket_is_whole(l, p->ticket, now_ms);
    }
}

/* Those that share, and want to know that somebody waits who cannot. */
static void tell_wanted(struct lane *lane, enum lane_mode mode) {
    if (together(mode, LANE_SHARES)) return;
    for (struct list_link *link = list_first(&lane->places); link && lane->untold;
         link = list_next(&lane->places, link)) {
        struct lane_place *p = place_at(link);
        if (!p->untold) continue;
        p->untold = false;
        lane->untold--;
        p->ticket->on_wanted(p->ticket);
    }
}

static void place_take(struct lane_place *p, struct lane *lane, struct lane_ticket *t,
                       enum lane_mode mode) {
    *p = (struct lane_place){.lane = lane, .ticket = t, .mode = mode, .untold = t->on_wanted};
    list_link_init(&p->in_lane);
    if (goes_with(lane->count, mode)) {
        place_grant(p);
    } else {
        tell_wanted(lane, mode);
        lane->waiting++;
        t->missing++;
    }
    list_push_back(&lane->places, &p->in_lane);
    lane->untold += p->untold;
    lane->count[mode]++;
    ASSERT(!p->untold || mode == LANE_SHARES);
}

static void place_leave(struct lane_place *p) {
    list_unlink(&p->in_lane);
    p->lane->count[p->mode]--;
    p->lane->untold -= p->untold;
    if (p->granted) {
        p->lane->granted[p->mode]--;
    } else {
        p->lane->waiting--;
    }
}

/* The place that t has in the lane while it joins: the last one there, if any. */
static struct lane_place *own_place(const struct lane *lane, const struct lane_ticket *t) {
    if (list_empty(&lane->places)) return NULL;
    struct lane_place *p = place_at(list_last(&lane->places));
    return p->ticket == t ? p : NULL;
}

static void join_lane(struct lane *lane, struct lane_ticket *t, enum lane_mode mode) {
    struct lane_place *p = own_place(lane, t);
    if (!p) {
        place_take(&t->places[t->place_count++], lane, t, mode);
    } else if (p->mode < mode) {
        place_leave(p);
        t->missing -= !p->granted;
        place_take(p, lane, t, mode);
    }
}

bool lane_join(struct lanes *l, struct lane_ticket *t, const struct lane_want *wants, int n,
               bool all_keys, int64_t now_ms) {
    ASSERT(!t->places);
    t->places = mem_alloc(((size_t)n + 1) * sizeof *t->places);
    t->place_count = t->missing = 0;
    t->joined_ms = now_ms;
    join_lane(l->all, t, all_keys ? LANE_ALONE : LANE_SHARES);
    for (int i = 0; i < n; i++) join_lane(lane_get(l, &wants[i]), t, wants[i].mode);
    l->counts.tickets++;
    l->counts.joined++;
    if (!t->missing) return true;
    l->counts.waiting++;
    l->counts.waited++;
    return false;
}

void lane_leave(struct lanes *l, struct lane_ticket *t, int64_t now_ms) {
    if (!t->places) return;
    struct lane_place *places = t->places;
    l->counts.tickets--;
    if (t->missing) l->counts.waiting--;
    t->places = NULL;
    t->missing = 0;
    for (int i = 0; i < t->place_count; i++) place_leave(&places[i]);
    for (int i = 0; i < t->place_count; i++) {
        grant_more(l, places[i].lane, now_ms);
        lane_put(l, places[i].lane);
    }
    mem_free(places);
}

/* ---- questions ---------------------------------------------------------------------- */

bool lane_stops(const struct lanes *l, uint64_t hash, enum lane_mode mode) {
    const struct lane *lane = lane_find(l, hash);
    return lane && !goes_with(mode == LANE_READS ? lane->granted : lane->count, mode);
}

void lane_ask(const struct lanes *l, uint64_t hash, enum lane_mode mode) {
    struct lane *lane = lane_find(l, hash);
    if (lane) tell_wanted(lane, mode);
}

bool lane_would_grant(const struct lanes *l, const struct lane_want *wants, int n) {
    if (!goes_with(l->all->count, LANE_SHARES)) return false;
    for (int i = 0; i < n; i++) {
        const struct lane *lane = lane_find(l, wants[i].hash);
        if (lane && !goes_with(lane->count, wants[i].mode)) return false;
    }
    return true;
}

bool lane_stops_all(const struct lanes *l) { return l->all->count[LANE_ALONE] != 0; }

bool lane_ticket_stops(const struct lanes *l, const struct lane_ticket *t, uint64_t hash,
                       enum lane_mode mode) {
    const struct lane *lane = lane_find(l, hash);
    struct list_link *link = lane ? list_first(&lane->places) : NULL;
    while (link && place_at(link)->ticket != t) link = list_next(&lane->places, link);
    return link && !together(place_at(link)->mode, mode);
}

bool lane_is_held(const struct lanes *l, uint64_t hash) { return lane_find(l, hash) != NULL; }

size_t lane_depth(const struct lanes *l, const struct lane_want *wants, int n) {
    size_t most = 0;
    for (int i = 0; i < n; i++) {
        const struct lane *lane = lane_find(l, wants[i].hash);
        if (lane && lane->waiting > most) most = lane->waiting;
    }
    return most;
}

void lane_note_refused(struct lanes *l) { l->counts.refused++; }

struct lane_counts lane_counts(const struct lanes *l) {
    return l->counts;
}

static void each_place(const struct lane *lane,
                       void (*visit)(void *ctx, struct slice key, const struct lane_ticket *t,
                                     enum lane_mode mode, bool granted),
                       void *ctx) {
    for (struct list_link *link = list_first(&lane->places); link;
         link = list_next(&lane->places, link)) {
        const struct lane_place *p = place_at(link);
        visit(ctx, slice_of(lane->name, lane->name_bytes), p->ticket, p->mode, p->granted);
    }
}

void lane_each(const struct lanes *l,
               void (*visit)(void *ctx, struct slice key, const struct lane_ticket *t,
                             enum lane_mode mode, bool granted),
               void *ctx) {
    each_place(l->all, visit, ctx);
    for (size_t i = 0; i <= l->mask; i++) {
        for (const struct lane *lane = l->chains[i]; lane; lane = lane->next_in_chain) {
            each_place(lane, visit, ctx);
        }
    }
}
