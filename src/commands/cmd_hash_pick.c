/* cmd_hash_pick.c - parts of a hash: HSCAN and HRANDFIELD.
 *
 * K1  A cursor of HSCAN is a position in the table's order (base/table), so a field that is
 *     there during a whole scan is returned exactly once; a packed hash is returned at once.
 * K2  Of a packed hash each field is as likely as any other; of a large one nearly so.
 * Threads: the loop.
 * Specification: Redis 7.2's replies and errors; NOVALUES: Redis 7.4.
 */
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/nap.h"
#include "base/num.h"
#include "base/random.h"
#include "commands/cmd_hash_internal.h"
#include "commands/scan_options.h"
#include "core/offload.h"

/* -- HSCAN --------------------------------------------------------------------------- */

struct scan {
    struct hash_view v;
    uint64_t cursor;
    struct scan_options options;
    struct hash_pair *found; /* the cursor goes out first, so they are kept until then */
    size_t n, room;
};

static void keep_pair(void *ctx, const struct hash_pair *p) {
    char digits[LP_INT_TEXT_BYTES];
    struct scan *s = ctx;
    if (!scan_matches(&s->options, lp_text(&p->field, digits))) return;
    if (s->n == s->room) {
        s->room = s->room ? 2 * s->room : 32;
        s->found = mem_realloc(s->found, s->room * sizeof *s->found);
    }
    s->found[s->n++] = *p;
}

static struct hash_pair pair_of(const struct hash_member *m) {
    return (struct hash_pair){{hash_member_field(m), 0}, {hash_member_value(m), 0}, HASH_NO_TIME};
}

static void keep_member(void *ctx, const struct hash_member *m) {
    const struct scan *s = ctx;
    struct hash_pair p = pair_of(m);
    if (hash_view_shows(s->v, m)) keep_pair(ctx, &p);
}

void hash_scan(struct ctx *c) {
    const struct entry *e;
    struct scan s = {0};
    if (!scan_cursor_parse(c, 2, &s.cursor)) return;
    if (!hash_read(c, &e, &s.v)) return;
    if (e && !scan_options_parse(c, 3, SCAN_TAKES_NOVALUES, &s.options)) return;
    if (s.v.large) {
        s.cursor = hash_value_scan(s.v.large, s.cursor, (size_t)s.options.count, keep_member, &s);
    } else {
        hash_view_each(s.v, keep_pair, &s);
        s.cursor = 0;
    }
    scan_reply_cursor(c, s.cursor);
    reply_array(c->r, s.options.no_values ? s.n : 2 * s.n);
    for (size_t i = 0; i < s.n; i++) {
        hash_reply_text(c->r, &s.found[i].field);
        if (!s.options.no_values) hash_reply_text(c->r, &s.found[i].value);
    }
    mem_free(s.found);
}

/* -- HRANDFIELD ----------------------------------------------------------------------
 *
 * Fields whose time has come leave first. Of a hash with so many of them that this takes too long,
 * those that stay are picked from a list of what is shown.
 */

struct pick {
    struct reply *r;
    struct hash_view v;
    size_t have;  /* pairs that are shown */
    size_t count; /* pairs to give; with repetitions, still to be given */
    bool values, repeated;
};

static void pick_begin(const struct pick *p) {
    reply_array(p->r, p->values && p->r->proto == 2 ? 2 * p->count : p->count);
}

static void pick_pair(void *ctx, const struct hash_pair *pair) {
    const struct pick *p = ctx;
    if (p->values && p->r->proto > 2) reply_array(p->r, 2);
    hash_reply_text(p->r, &pair->field);
    if (p->values) hash_reply_text(p->r, &pair->value);
}

static void pick_member(struct pick *p, const struct hash_member *m) {
    struct hash_pair pair = pair_of(m);
    pick_pair(p, &pair);
}

static void pick_packed(struct pick *p, size_t at) {
    struct hash_pair pair;
    lp_read(p->v.packed, lp_read(p->v.packed, at, &pair.field), &pair.value);
    pick_pair(p, &pair);
}

/* The next pair of a listpack. */
static size_t packed_next(struct hash_view v, size_t at) {
    for (unsigned i = hash_packed_step(v.triples); i; i--) at = lp_after(v.packed, at);
    return at;
}

/* The first pair of a listpack that is shown: those that are not lie before it. */
static size_t packed_first(const struct pick *p) {
    size_t at = LP_HEAD_BYTES;
    for (size_t past = hash_view_kept(p->v) - p->have; past; past--) at = packed_next(p->v, at);
    return at;
}

/* Where each pair of a listpack begins. The caller frees. */
static uint32_t *pair_places(const struct pick *p) {
    uint32_t *places = mem_alloc(p->have * sizeof *places);
    size_t at = packed_first(p);
    for (size_t i = 0; i < p->have; i++, at = packed_next(p->v, at)) places[i] = (uint32_t)at;
    return places;
}

struct members {
    struct hash_view v;
    const struct hash_member **list;
    size_t n;
};

static void members_add(void *ctx, const struct hash_member *m) {
    struct members *all = ctx;
    if (hash_view_shows(all->v, m)) all->list[all->n++] = m;
}

/* All of a large hash that are shown. The caller frees the list. */
static struct members list_members(const struct pick *p) {
    struct members all = {p->v, mem_alloc(p->have * sizeof *all.list), 0};
    hash_value_each(p->v.large, members_add, &all);
    return all;
}

/* Whether a large hash has some that are not shown. */
static bool hides(const struct pick *p) { return p->have < hash_view_kept(p->v); }

/* Whether one more is to be picked, of those with repetitions. */
static bool goes_on(struct pick *p) {
    if (!p->count || reply_is_full(p->r) || nap_step(p->count)) return false;
    p->count--;
    return true;
}

/* As many as the reply takes for now. If some of a large hash are not shown the others are listed
 * anew for each part. */
static void pick_repeated(struct pick *p) {
    if (p->v.large && !hides(p)) {
        while (goes_on(p)) pick_member(p, hash_value_random(p->v.large));
    } else if (p->v.large) {
        struct members all = list_members(p);
        while (all.n && goes_on(p)) pick_member(p, all.list[random_below(all.n)]);
        mem_free(all.list);
    } else {
        uint32_t *places = pair_places(p);
        while (goes_on(p)) pick_packed(p, places[random_below(p->have)]);
        mem_free(places);
    }
}

/* Some pairs of a listpack, in its order: each is taken with the chance that is left for it. */
static void pick_some_packed(struct pick *p) {
    size_t left = p->have, want = p->count, at = packed_first(p);
    for (; want; left--, at = packed_next(p->v, at)) {
        if (random_below(left) >= want) continue;
        pick_packed(p, at);
        want--;
    }
}

/* Many of a large hash: all are listed, and shuffled as far as they are wanted. */
static void pick_many(struct pick *p) {
    struct members all = list_members(p);
    for (size_t i = 0; i < p->count && all.n == p->have; i++) {
        size_t at = i + random_below(p->have - i);
        pick_member(p, all.list[at]);
        all.list[at] = all.list[i];
    }
    mem_free(all.list);
}

/* Adds m to an open table of mask + 1 places; false if it is there. */
static bool chosen_add(const struct hash_member **slots, size_t mask, const struct hash_member *m) {
    size_t at = ((uintptr_t)m >> 2) * 0x9e3779b97f4a7c15u >> 20 & mask;
    for (; slots[at]; at = (at + 1) & mask) {
        if (slots[at] == m) return false;
    }
    slots[at] = m;
    return true;
}

/* Few of a large hash, by chance until they are enough. Most of the members stay, so a draw hits a
 * new one more often than not. */
static void pick_few(struct pick *p) {
    size_t mask = 15;
    while (mask < 2 * p->count) mask = 2 * mask + 1;
    const struct hash_member **slots = mem_calloc((mask + 1) * sizeof *slots);
    for (size_t n = 0; n < p->count && !nap_step(n);) {
        const struct hash_member *m = hash_value_random(p->v.large);
        if (!chosen_add(slots, mask, m)) continue;
        pick_member(p, m);
        n++;
    }
    mem_free(slots);
}

static void pick_distinct(struct pick *p) {
    if (p->count > p->have) p->count = p->have;
    pick_begin(p);
    if (p->count == p->have) {
        hash_view_each(p->v, pick_pair, p);
    } else if (!p->v.large) {
        pick_some_packed(p);
    } else if (p->count > p->have / 4 || hides(p)) {
        pick_many(p);
    } else {
        pick_few(p);
    }
}

/* Picks on their way (core/offload). */
static void compute_picks(void *state, struct reply *r) {
    struct pick *p = state;
    p->r = r;
    if (p->repeated) {
        pick_begin(p);
    } else {
        pick_distinct(p);
    }
}

static bool more_picks(void *state, struct reply *r) {
    struct pick *p = state;
    p->r = r;
    if (p->repeated) pick_repeated(p);
    return p->repeated && p->count && reply_is_full(r);
}

/* The arguments with a count; false: an error was replied. */
static bool parse_pick(struct ctx *c, int64_t *count) {
    if (!ctx_int(c, 2, count)) return false;
    if (*count < -INT64_MAX) {
        reply_errorf(c->r, "ERR value is out of range, value must between %lld and %lld",
                     -(long long)INT64_MAX, (long long)INT64_MAX);
        return false;
    }
    if (c->argc > 4 || (c->argc == 4 && !slice_is(c->argv[3], "withvalues"))) {
        reply_err(c->r, ERR_SYNTAX);
        return false;
    }
    if (c->argc == 3 || (*count >= -INT64_MAX / 2 && *count <= INT64_MAX / 2)) return true;
    reply_err(c->r, ERR_OUT_OF_RANGE);
    return false;
}

/* The hash to pick from, without the fields whose time has come; false: another type, as replied.
 */
static bool pick_read(struct ctx *c, struct pick *p) {
    const struct entry *e;
    if (!hash_read(c, &e, &p->v)) return false;
    if (unlikely(e && e->flags & ENTRY_FIELDS)) {
        struct key k = ctx_key(c, 1);
        db_fields_expire(c->db, k, EXPIRE_BUDGET_US);
        p->v = hash_look(c, db_peek(c->db, k));
    }
    p->have = hash_view_count(p->v);
    return true;
}

static void pick_one(struct ctx *c, struct pick *p) {
    p->count = 1;
    if (p->have == 0) {
        reply_null(c->r);
    } else if (!p->v.large) {
        pick_some_packed(p);
    } else if (hides(p)) {
        pick_many(p);
    } else {
        pick_member(p, hash_value_random(p->v.large));
    }
}

void hash_randfield(struct ctx *c) {
    int64_t count;
    struct pick p = {.r = c->r, .values = c->argc == 4};
    if (c->argc == 2) {
        if (pick_read(c, &p)) pick_one(c, &p);
        return;
    }
    if (!parse_pick(c, &count) || !pick_read(c, &p)) return;
    if (p.have == 0 || count == 0) {
        reply_array(c->r, 0);
        return;
    }
    p.repeated = count < 0;
    p.count = (size_t)(count < 0 ? -count : count);
    if (count < -RANDOM_PICKS_MAX) p.count = RANDOM_PICKS_MAX;
    bool walks = (!p.repeated && p.count > p.have / 4) || hides(&p);
    offload(c, &(struct offload){
                   .units = walks ? p.have : p.count,
                   .state = &p,
                   .state_bytes = sizeof p,
                   .compute = compute_picks,
                   .more = more_picks,
               });
}
