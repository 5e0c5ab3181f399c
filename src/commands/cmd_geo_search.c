/* cmd_geo_search.c - the members of a sorted set that are points in an area.
 *
 * Every command here makes a struct search out of its arguments, whose area is then looked through
 * range by range (types/geo_area.h), and what is found is ordered and replied or stored.
 *
 * S1  Members found are borrowed from the set, and are copied before a destination is written: it
 *     may be the set itself.
 * S2  Without an order members come as Redis finds them. Equal distances keep that order, but when
 *     COUNT leaves members out: then they come as its partial sort has them (base/part_sort.h, P2).
 * Threads: the loop, but for compute_search and what it calls. Cost: the members of up to nine
 * cells, and an order's comparisons. To add an option: a line in the functions under "options".
 * Specification: Redis 7.2's replies, errors and events; Valkey 9's BYPOLYGON.
 */
#include "base/err.h"
#include "base/mem.h"
#include "base/nap.h"
#include "base/part_sort.h"
#include "commands/cmd_geo_internal.h"
#include "core/offload.h"
#include "types/geo_area.h"

/* What a command takes beside the options of all. */
enum search_kind {
    SEARCH_RADIUS,    /* the area by position, in front of the options */
    SEARCH_RADIUS_TO, /* and STORE or STOREDIST with a key */
    SEARCH_AREA,      /* the area by options */
    SEARCH_AREA_TO,   /* and STOREDIST alone; the destination is argument 1 */
};

enum search_order { ORDER_NONE, ORDER_NEAR, ORDER_FAR };

struct search {
    enum search_kind kind;
    bool exists; /* there is a set to search */
    struct zset_view set;
    bool from_member, from_point, by_radius, by_box, by_polygon;
    struct geo_point from;
    double unit_m, width, height; /* a radius is a width */
    struct geo_point *vertices;   /* NULL, or to be freed */
    size_t vertex_count;
    bool with_distance, with_hash, with_point;
    enum search_order order;
    int64_t count; /* 0: all */
    bool any;
    int store_at; /* the argument that is the destination, 0: none */
    bool store_distance;
    struct zset_limits limits; /* of what is stored */
    bool made;                 /* that, in write */
    struct zset_write write;
};

static bool takes_area(const struct search *s) {
    return s->kind == SEARCH_AREA || s->kind == SEARCH_AREA_TO;
}

/* -- options ------------------------------------------------------------------------- */

/* A function of an option returns how many arguments it takes from argument i on, 0 if it is not
 * this option, -1 if an error is replied. */

static bool parse_length(struct ctx *c, int i, double *length, const char *error) {
    if (num_parse_double(c->argv[i], length)) return true;
    reply_error(c->r, error);
    return false;
}

static bool parse_radius(struct ctx *c, struct search *s, int i) {
    if (!parse_length(c, i, &s->width, "ERR need numeric radius")) return false;
    if (s->width < 0) {
        reply_error(c->r, "ERR radius cannot be negative");
        return false;
    }
    s->unit_m = geo_parse_unit(c, i + 1);
    return s->unit_m != 0;
}

static bool parse_box(struct ctx *c, struct search *s, int i) {
    if (!parse_length(c, i, &s->width, "ERR need numeric width")) return false;
    if (!parse_length(c, i + 1, &s->height, "ERR need numeric height")) return false;
    if (s->width < 0 || s->height < 0) {
        reply_error(c->r, "ERR height or width cannot be negative");
        return false;
    }
    s->unit_m = geo_parse_unit(c, i + 2);
    return s->unit_m != 0;
}

static bool parse_member(struct ctx *c, struct search *s, int i) {
    double score;
    if (!s->exists) return true;
    if (!zset_score(s->set, c->argv[i], &score)) {
        reply_error(c->r, "ERR could not decode requested zset member");
        return false;
    }
    s->from = geo_point_of(score);
    return true;
}

/* BYPOLYGON's number at argument i, and so many points behind it. */
static int parse_polygon(struct ctx *c, struct search *s, int i) {
    int64_t n;
    if (!ctx_int_range(c, i, INT32_MIN, INT32_MAX, &n, "ERR invalid number of vertices")) return -1;
    if (n < GEO_VERTICES_MIN || n > (c->argc - i - 1) / 2) {
        reply_error(c->r, "ERR GEOSEARCH BYPOLYGON must have at least 3 vertices");
        return -1;
    }
    mem_free(s->vertices);
    s->vertices = mem_alloc((size_t)n * sizeof *s->vertices);
    s->vertex_count = (size_t)n;
    for (int k = 0; k < n; k++) {
        if (!geo_parse_point(c, i + 1 + 2 * k, &s->vertices[k])) return -1;
    }
    s->by_polygon = true;
    s->unit_m = 1;
    return 2 + 2 * (int)n;
}

static int area_option(struct ctx *c, struct search *s, int i) {
    struct slice word = c->argv[i];
    int more = c->argc - i - 1;
    if (more >= 1 && !s->from_point && !s->by_polygon && slice_is(word, "frommember")) {
        s->from_member = true;
        return parse_member(c, s, i + 1) ? 2 : -1;
    }
    if (more >= 2 && !s->from_member && !s->by_polygon && slice_is(word, "fromlonlat")) {
        s->from_point = true;
        return geo_parse_point(c, i + 1, &s->from) ? 3 : -1;
    }
    if (more >= 2 && !s->by_box && !s->by_polygon && slice_is(word, "byradius")) {
        s->by_radius = true;
        return parse_radius(c, s, i + 1) ? 3 : -1;
    }
    if (more >= 3 && !s->by_radius && !s->by_polygon && slice_is(word, "bybox")) {
        s->by_box = true;
        return parse_box(c, s, i + 1) ? 4 : -1;
    }
    bool other = s->from_member || s->from_point || s->by_radius || s->by_box;
    if (more >= 2 && !other && slice_is(word, "bypolygon")) return parse_polygon(c, s, i + 1);
    return 0;
}

static int store_option(struct ctx *c, struct search *s, int i) {
    struct slice word = c->argv[i];
    bool distance = slice_is(word, "storedist");
    if (s->kind == SEARCH_AREA_TO && distance) {
        s->store_distance = true;
        return 1;
    }
    if (s->kind != SEARCH_RADIUS_TO || i + 1 >= c->argc) return 0;
    if (!distance && !slice_is(word, "store")) return 0;
    s->store_distance = distance;
    s->store_at = i + 1;
    return 2;
}

static int plain_option(struct ctx *c, struct search *s, int i) {
    struct slice word = c->argv[i];
    if (slice_is(word, "withdist")) {
        s->with_distance = true;
    } else if (slice_is(word, "withhash")) {
        s->with_hash = true;
    } else if (slice_is(word, "withcoord")) {
        s->with_point = true;
    } else if (slice_is(word, "any")) {
        s->any = true;
    } else if (slice_is(word, "asc")) {
        s->order = ORDER_NEAR;
    } else if (slice_is(word, "desc")) {
        s->order = ORDER_FAR;
    } else if (i + 1 < c->argc && slice_is(word, "count")) {
        if (!ctx_int(c, i + 1, &s->count)) return -1;
        if (s->count > 0) return 2;
        reply_error(c->r, "ERR COUNT must be > 0");
        return -1;
    } else {
        return 0;
    }
    return 1;
}

static bool check_options(struct ctx *c, const struct search *s) {
    struct slice name = c->argv[0];
    if (s->store_at && (s->with_distance || s->with_hash || s->with_point)) {
        reply_errorf(c->r, "ERR %s is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
                     takes_area(s) ? "GEOSEARCHSTORE" : "STORE option in GEORADIUS");
    } else if (takes_area(s) && !s->from_member && !s->from_point && !s->by_polygon) {
        reply_errorf(c->r, "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for %.*s",
                     (int)name.n, name.p);
    } else if (takes_area(s) && !s->by_radius && !s->by_box && !s->by_polygon) {
        reply_errorf(c->r, "ERR exactly one of BYRADIUS and BYBOX can be specified for %.*s",
                     (int)name.n, name.p);
    } else if (s->any && !s->count) {
        reply_error(c->r, "ERR the ANY argument requires COUNT argument");
    } else {
        return true;
    }
    return false;
}

/* From argument i on. */
static bool parse_options(struct ctx *c, struct search *s, int i) {
    for (int n; i < c->argc; i += n) {
        n = plain_option(c, s, i);
        if (n == 0) n = store_option(c, s, i);
        if (n == 0 && takes_area(s)) n = area_option(c, s, i);
        if (n == 0) reply_err(c->r, ERR_SYNTAX);
        if (n <= 0) return false;
    }
    return check_options(c, s);
}

/* -- finding ------------------------------------------------------------------------- */

struct found {
    double distance_m, score;
    struct geo_point at;
    struct lp_value member; /* as in a listpack: a text, or a number */
    size_t place;           /* in the order of finding */
};

struct findings {
    struct found *v;
    size_t n, room;
};

static void add_found(struct findings *all, const struct found *f, const struct zset_item *item) {
    if (all->n == all->room) {
        all->room = all->room ? 2 * all->room : 16;
        all->v = mem_realloc(all->v, all->room * sizeof *all->v);
    }
    struct found *to = &all->v[all->n];
    *to = *f;
    to->place = all->n++;
    to->member = (struct lp_value){.text = item->member};
    /* Digits that only the iterator holds. */
    if (item->member.p == item->digits && num_parse_i64(item->member, &to->member.i))
        to->member.text.p = NULL;
}

static void make_area(const struct search *s, struct geo_area *a) {
    if (s->by_polygon) {
        geo_area_polygon(a, s->vertices, s->vertex_count);
    } else if (s->by_box) {
        geo_area_box(a, s->from, s->width, s->height, s->unit_m);
    } else {
        geo_area_circle(a, s->from, s->width, s->unit_m);
    }
}

static void find(const struct search *s, struct findings *all) {
    struct geo_area area;
    struct geo_range ranges[GEO_RANGES_MAX];
    struct zset_iter it;
    struct zset_item item;
    size_t limit = s->any ? (size_t)s->count : SIZE_MAX;
    uint64_t steps = 0;
    make_area(s, &area);
    size_t n = geo_area_ranges(&area, ranges);
    for (size_t i = 0; i < n && all->n < limit; i++) {
        zset_iter_start(&it, s->set, zset_below(s->set, ranges[i].min, false), false);
        while (all->n < limit && zset_iter_next(&it, &item) && item.score < ranges[i].max) {
            if (nap_step(++steps)) return;
            struct found f = {.score = item.score};
            if (geo_area_holds(&area, item.score, &f.at, &f.distance_m)) add_found(all, &f, &item);
        }
    }
}

static int nearer_first(const void *a, const void *b, void *ctx) {
    const struct found *x = a, *y = b;
    const bool *keep = ctx; /* the order of finding, for equals */
    if (x->distance_m != y->distance_m) return x->distance_m < y->distance_m ? -1 : 1;
    return *keep ? (x->place > y->place) - (x->place < y->place) : 0;
}

static int farther_first(const void *a, const void *b, void *ctx) {
    const struct found *x = a, *y = b;
    if (x->distance_m != y->distance_m) return x->distance_m > y->distance_m ? -1 : 1;
    return nearer_first(a, b, ctx);
}

/* Brings those that are asked for to the front; returns how many. */
static size_t put_in_order(const struct search *s, struct findings *all) {
    size_t n = s->count && (uint64_t)s->count < all->n ? (size_t)s->count : all->n;
    enum search_order order = s->order;
    bool keep = n == all->n;
    /* A part without an order would be any part. */
    if (order == ORDER_NONE && s->count && !s->any) order = ORDER_NEAR;
    if (order == ORDER_NONE) return n;
    part_sort(&(struct part_sort){all->v, all->n, sizeof *all->v, 0, n},
              order == ORDER_NEAR ? nearer_first : farther_first, &keep);
    return n;
}

/* -- what becomes of it -------------------------------------------------------------- */

static void reply_found(struct reply *r, const struct search *s, const struct found *f) {
    char digits[LP_INT_TEXT_BYTES];
    size_t parts = 1u + s->with_distance + s->with_hash + s->with_point;
    if (parts > 1) reply_array(r, parts);
    reply_bulk(r, lp_text(&f->member, digits));
    if (s->with_distance) geo_reply_distance(r, f->distance_m / s->unit_m);
    if (s->with_hash) reply_int(r, (int64_t)geo_score_bits(f->score));
    if (s->with_point) geo_reply_point(r, f->at);
}

static void keep_found(struct search *s, const struct found *v, size_t n) {
    struct zset_value *z = zset_value_new();
    size_t longest = 0;
    bool added;
    for (size_t i = 0; i < n; i++) {
        char digits[LP_INT_TEXT_BYTES];
        struct slice member = lp_text(&v[i].member, digits);
        double score = s->store_distance ? v[i].distance_m / s->unit_m : v[i].score;
        zset_value_gather(z, member, score, &added);
        if (member.n > longest) longest = member.n;
        nap_step(i);
    }
    zset_write_new(&s->write, s->limits);
    zset_edit_take(&s->write.edit, z, longest);
    s->made = true;
}

static void compute_search(void *state, struct reply *r) {
    struct search *s = state;
    struct findings all = {0};
    if (s->exists) find(s, &all);
    size_t n = put_in_order(s, &all);
    if (s->store_at) {
        keep_found(s, all.v, n);
    } else {
        reply_array(r, n);
        for (size_t i = 0; i < n && !nap_step(i); i++) reply_found(r, s, &all.v[i]);
    }
    mem_free(all.v);
}

static void commit_search(struct ctx *c, void *state) {
    struct search *s = state;
    s->made = false;
    s->write.key = ctx_key(c, s->store_at);
    zset_write_store(c, &s->write, takes_area(s) ? "geosearchstore" : "georadiusstore");
}

static void search_drop(void *state) {
    struct search *s = state;
    mem_free(s->vertices);
    if (s->made) zset_edit_drop(&s->write.edit);
}

/* In a smaller set the members of some cells are not counted. */
#define COUNTED_MIN 1000

/* Members of the cells that the area touches. */
static uint64_t units_of(const struct search *s) {
    struct geo_area area;
    struct geo_range ranges[GEO_RANGES_MAX];
    uint64_t units = 0;
    if (!s->exists) return 0;
    if (zset_count(s->set) < COUNTED_MIN) return zset_count(s->set);
    make_area(s, &area);
    size_t n = geo_area_ranges(&area, ranges);
    for (size_t i = 0; i < n; i++)
        units +=
            zset_below(s->set, ranges[i].max, false) - zset_below(s->set, ranges[i].min, false);
    return units;
}

static void run_search(struct ctx *c, struct search *s) {
    s->limits = zset_limits(c);
    offload(c, &(struct offload){
                   .units = units_of(s),
                   .state = s,
                   .state_bytes = sizeof *s,
                   .compute = compute_search,
                   .commit = s->store_at ? commit_search : NULL,
                   .drop = search_drop,
               });
}

/* -- commands ------------------------------------------------------------------------ */

/* Looks the set of argument i up; false if it is none. */
static bool open_search(struct ctx *c, struct search *s, int i) {
    if (!zset_read(c, i, &s->set)) return false;
    s->exists = zset_count(s->set) > 0;
    return true;
}

static void radius(struct ctx *c, enum search_kind kind) {
    struct search s = {.kind = kind, .by_radius = true};
    if (open_search(c, &s, 1) && geo_parse_point(c, 2, &s.from) && parse_radius(c, &s, 4) &&
        parse_options(c, &s, 6))
        run_search(c, &s);
}

void geo_radius(struct ctx *c) { radius(c, SEARCH_RADIUS_TO); }
void geo_radius_ro(struct ctx *c) { radius(c, SEARCH_RADIUS); }

/* Without a set the radius is not looked at, as in Redis. */
static void radius_by_member(struct ctx *c, enum search_kind kind) {
    struct search s = {.kind = kind, .by_radius = true};
    if (!open_search(c, &s, 1)) return;
    if (s.exists && (!parse_member(c, &s, 2) || !parse_radius(c, &s, 3))) return;
    if (parse_options(c, &s, 5)) run_search(c, &s);
}

void geo_radius_by_member(struct ctx *c) { radius_by_member(c, SEARCH_RADIUS_TO); }
void geo_radius_by_member_ro(struct ctx *c) { radius_by_member(c, SEARCH_RADIUS); }

static void search_area(struct ctx *c, struct search *s, int key) {
    if (open_search(c, s, key) && parse_options(c, s, key + 1)) {
        run_search(c, s);
    } else {
        search_drop(s);
    }
}

void geo_search(struct ctx *c) { search_area(c, &(struct search){.kind = SEARCH_AREA}, 1); }

void geo_search_store(struct ctx *c) {
    search_area(c, &(struct search){.kind = SEARCH_AREA_TO, .store_at = 1}, 2);
}
