/* cmd_lane.c - who holds which key, and how long others wait: LANE.LIST, LANE.STATS.
 *
 * Threads: the loop.
 */
#include "commands/families.h"
#include "core/offload.h"
#include "core/places.h"

#define PLACES_SHOWN_MAX 1024

struct listing {
    struct ctx *c;
    size_t count;
};

/* One place of a ticket, as a map. */
static void list_place(void *ctx, struct slice key, const struct lane_ticket *t,
                       enum lane_mode mode, bool granted) {
    struct listing *l = ctx;
    struct reply *r = l->c->r;
    if (l->count == PLACES_SHOWN_MAX || (!key.n && mode != LANE_ALONE)) return;
    l->count++;
    reply_map(r, 5);
    reply_bulk_cstr(r, "key");
    reply_bulk(r, key.n ? key : slice_cstr("*"));
    reply_bulk_cstr(r, "command");
    reply_bulk_cstr(r, t->what);
    reply_bulk_cstr(r, "mode");
    reply_bulk_cstr(r, lane_mode_name(mode));
    reply_bulk_cstr(r, "granted");
    reply_bool(r, granted);
    reply_bulk_cstr(r, "ms");
    reply_int(r, l->c->core->now_ms - t->joined_ms);
}

static void lane_list(struct ctx *c) {
    struct listing l = {c, 0};
    struct reply_mark mark = reply_begin(c->r);
    lane_each(places_lanes(c->core), list_place, &l);
    reply_end_array(c->r, mark, l.count);
}

static void lane_stats(struct ctx *c) {
    struct lane_counts lanes = lane_counts(places_lanes(c->core));
    struct offload_counts jobs = offload_counts(c->core);
    const struct {
        const char *name;
        int64_t value;
    } fields[] = {
        {"lanes", (int64_t)lanes.lanes},      {"tickets", (int64_t)lanes.tickets},
        {"waiting", (int64_t)lanes.waiting},  {"computing", (int64_t)jobs.running},
        {"streaming", (int64_t)jobs.streams}, {"computed", (int64_t)jobs.done},
        {"joined", (int64_t)lanes.joined},    {"waited", (int64_t)lanes.waited},
        {"refused", (int64_t)lanes.refused},  {"wait_ms", lanes.wait_ms},
        {"wait_ms_max", lanes.wait_ms_max},
    };
    const size_t n = sizeof fields / sizeof *fields;
    reply_map(c->r, n);
    for (size_t i = 0; i < n; i++) {
        reply_bulk_cstr(c->r, fields[i].name);
        reply_int(c->r, fields[i].value);
    }
}

const struct row lane_rows[] = {
    {
        .name = "lane.list",
        .run = lane_list,
        .arity = 1,
        .flags = ROW_READONLY | ROW_ADMIN,
        .acl = ACL_SLOW,
        .since = "7.2.4",
        .summary = "Lists the commands that hold keys or wait for them, lane by lane.",
        .complexity = "O(N) in the number of places in lanes, 1,024 of them at most.",
        .group = GROUP_SERVER,
    },
    {
        .name = "lane.stats",
        .run = lane_stats,
        .arity = 1,
        .flags = ROW_READONLY | ROW_FAST,
        .acl = 0,
        .since = "7.2.4",
        .summary = "Counts the commands computed beside the loop and the waiting for their keys.",
        .complexity = "O(1)",
        .group = GROUP_SERVER,
    },
    {0},
};
