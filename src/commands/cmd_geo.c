/* cmd_geo.c - points on Earth: members of sorted sets whose scores are their places.
 *
 * Threads: the loop.
 * To add a command: a handler here, or in cmd_geo_search.c if it looks for members in an area; a
 * row at the end of this file.
 * Specification: Redis 7.2's replies, errors and events.
 */
#include "base/err.h"
#include "commands/cmd_generic_internal.h"
#include "commands/cmd_geo_internal.h"
#include "commands/families.h"
#include "core/ongoing.h"

/* -- what the family shares ---------------------------------------------------------- */

bool geo_parse_point(struct ctx *c, int i, struct geo_point *p) {
    if (!num_parse_double(c->argv[i], &p->lon) || !num_parse_double(c->argv[i + 1], &p->lat)) {
        reply_err(c->r, ERR_NOT_FLOAT);
        return false;
    }
    if (geo_is_valid(*p)) return true;
    reply_errorf(c->r, "ERR invalid longitude,latitude pair %f,%f", p->lon, p->lat);
    return false;
}

double geo_parse_unit(struct ctx *c, int i) {
    double unit_m = geo_unit_m(c->argv[i]);
    if (unit_m == 0) reply_error(c->r, "ERR unsupported unit provided. please use M, KM, FT, MI");
    return unit_m;
}

void geo_reply_point(struct reply *r, struct geo_point p) {
    reply_array(r, 2);
    reply_long_double(r, p.lon);
    reply_long_double(r, p.lat);
}

void geo_reply_distance(struct reply *r, double distance) {
    char text[GEO_DISTANCE_BYTES_MAX];
    reply_bulk(r, slice_of(text, geo_format_distance(text, distance)));
}

/* -- members ------------------------------------------------------------------------- */

static unsigned add_flag(struct slice word) {
    if (slice_is(word, "nx")) return ZSET_ADD_NX;
    if (slice_is(word, "xx")) return ZSET_ADD_XX;
    return slice_is(word, "ch") ? ZSET_ADD_CH : 0;
}

static bool score_in(struct ctx *c, int i, double *score) {
    struct geo_point p;
    if (!geo_parse_point(c, i, &p)) return false;
    *score = geo_score(p);
    return true;
}

static void geo_add(struct ctx *c) {
    struct zset_add a = {.first = 2, .step = 3, .score = score_in};
    for (unsigned flag; a.first < c->argc && (flag = add_flag(c->argv[a.first])); a.first++)
        a.flags |= flag;
    int words = c->argc - a.first;
    a.count = words / 3;
    if (!words || words % 3 || (a.flags & ZSET_ADD_NX && a.flags & ZSET_ADD_XX)) {
        reply_err(c->r, ERR_SYNTAX);
    } else {
        zset_add_members(c, &a);
    }
}

static void geo_dist(struct ctx *c) {
    double unit_m = 1, from, to;
    if (c->argc > 5) {
        reply_err(c->r, ERR_SYNTAX);
        return;
    }
    if (c->argc == 5 && (unit_m = geo_parse_unit(c, 4)) == 0) return;
    struct zset_view v;
    if (!zset_read(c, 1, &v)) return;
    if (!zset_score(v, c->argv[2], &from) || !zset_score(v, c->argv[3], &to)) {
        reply_null(c->r);
        return;
    }
    geo_reply_distance(c->r, geo_distance_m(geo_point_of(from), geo_point_of(to)) / unit_m);
}

static void geo_hash(struct ctx *c) {
    struct zset_view v;
    double score;
    if (!zset_read(c, 1, &v)) return;
    reply_array(c->r, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) {
        if (zset_score(v, c->argv[i], &score)) {
            char text[GEO_TEXT_BYTES];
            geo_text(score, text);
            reply_bulk(c->r, slice_of(text, sizeof text));
        } else {
            reply_null(c->r);
        }
    }
}

static void geo_pos(struct ctx *c) {
    struct zset_view v;
    double score;
    if (!zset_read(c, 1, &v)) return;
    reply_array(c->r, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) {
        if (zset_score(v, c->argv[i], &score)) {
            geo_reply_point(c->r, geo_point_of(score));
        } else {
            reply_null_array(c->r);
        }
    }
}

/* -- rows ---------------------------------------------------------------------------- */

static const struct row_arg condition_words[] = {
    {.name = "nx", .type = ARG_PURE_TOKEN, .token = "NX"},
    {.name = "xx", .type = ARG_PURE_TOKEN, .token = "XX"},
    {0},
};
static const struct row_arg point_parts[] = {
    {.name = "longitude", .type = ARG_DOUBLE},
    {.name = "latitude", .type = ARG_DOUBLE},
    {0},
};
static const struct row_arg point_member_parts[] = {
    {.name = "longitude", .type = ARG_DOUBLE},
    {.name = "latitude", .type = ARG_DOUBLE},
    {.name = "member", .type = ARG_STRING},
    {0},
};
static const struct row_arg unit_words[] = {
    {.name = "m", .type = ARG_PURE_TOKEN, .token = "M"},
    {.name = "km", .type = ARG_PURE_TOKEN, .token = "KM"},
    {.name = "ft", .type = ARG_PURE_TOKEN, .token = "FT"},
    {.name = "mi", .type = ARG_PURE_TOKEN, .token = "MI"},
    {0},
};
static const struct row_arg order_words[] = {
    {.name = "asc", .type = ARG_PURE_TOKEN, .token = "ASC"},
    {.name = "desc", .type = ARG_PURE_TOKEN, .token = "DESC"},
    {0},
};
static const struct row_arg count_parts[] = {
    {.name = "count", .type = ARG_INTEGER, .token = "COUNT"},
    {.name = "any", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "ANY"},
    {0},
};
static const struct row_arg count_parts_later[] = {
    {.name = "count", .type = ARG_INTEGER, .token = "COUNT"},
    {.name = "any",
     .type = ARG_PURE_TOKEN,
     .flags = ARG_OPTIONAL,
     .token = "ANY",
     .since = "6.2.0"},
    {0},
};

static const struct row_arg geoadd_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "condition",
     .type = ARG_ONEOF,
     .flags = ARG_OPTIONAL,
     .since = "6.2.0",
     .sub = condition_words},
    {.name = "change",
     .type = ARG_PURE_TOKEN,
     .flags = ARG_OPTIONAL,
     .token = "CH",
     .since = "6.2.0"},
    {.name = "longitude_latitude_member",
     .type = ARG_BLOCK,
     .flags = ARG_MULTIPLE,
     .sub = point_member_parts},
    {0},
};
static const struct row_arg geodist_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "member1", .type = ARG_STRING},
    {.name = "member2", .type = ARG_STRING},
    {.name = "unit", .type = ARG_ONEOF, .flags = ARG_OPTIONAL, .sub = unit_words},
    {0},
};
static const struct row_arg members_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "member", .type = ARG_STRING, .flags = ARG_MULTIPLE},
    {0},
};

/* What may follow an area, in the older commands and in the newer. */
#define WITH_ARGS                                                                                  \
    {.name = "withcoord", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "WITHCOORD"},    \
        {.name = "withdist", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "WITHDIST"},  \
    {                                                                                              \
        .name = "withhash", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "WITHHASH"     \
    }
#define COUNT_ARG(parts)                                                                           \
    { .name = "count", .type = ARG_BLOCK, .flags = ARG_OPTIONAL, .sub = (parts) }
#define ORDER_ARG                                                                                  \
    { .name = "order", .type = ARG_ONEOF, .flags = ARG_OPTIONAL, .sub = order_words }
#define STORE_ARG(word, spec)                                                                      \
    { .name = "key", .type = ARG_KEY, .flags = ARG_OPTIONAL, .key_spec = (spec), .token = (word) }

static const struct row_arg georadius_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "longitude", .type = ARG_DOUBLE},
    {.name = "latitude", .type = ARG_DOUBLE},
    {.name = "radius", .type = ARG_DOUBLE},
    {.name = "unit", .type = ARG_ONEOF, .sub = unit_words},
    WITH_ARGS,
    COUNT_ARG(count_parts_later),
    ORDER_ARG,
    STORE_ARG("STORE", 1),
    STORE_ARG("STOREDIST", 2),
    {0},
};
static const struct row_arg georadius_ro_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "longitude", .type = ARG_DOUBLE},
    {.name = "latitude", .type = ARG_DOUBLE},
    {.name = "radius", .type = ARG_DOUBLE},
    {.name = "unit", .type = ARG_ONEOF, .sub = unit_words},
    WITH_ARGS,
    COUNT_ARG(count_parts_later),
    ORDER_ARG,
    {0},
};
static const struct row_arg georadiusbymember_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "member", .type = ARG_STRING},
    {.name = "radius", .type = ARG_DOUBLE},
    {.name = "unit", .type = ARG_ONEOF, .sub = unit_words},
    WITH_ARGS,
    COUNT_ARG(count_parts),
    ORDER_ARG,
    STORE_ARG("STORE", 1),
    STORE_ARG("STOREDIST", 2),
    {0},
};
static const struct row_arg georadiusbymember_ro_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "member", .type = ARG_STRING},
    {.name = "radius", .type = ARG_DOUBLE},
    {.name = "unit", .type = ARG_ONEOF, .sub = unit_words},
    WITH_ARGS,
    COUNT_ARG(count_parts),
    ORDER_ARG,
    {0},
};

static const struct row_arg from_choices[] = {
    {.name = "member", .type = ARG_STRING, .token = "FROMMEMBER"},
    {.name = "longitude_latitude", .type = ARG_BLOCK, .token = "FROMLONLAT", .sub = point_parts},
    {0},
};
static const struct row_arg circle_parts[] = {
    {.name = "radius", .type = ARG_DOUBLE, .token = "BYRADIUS"},
    {.name = "unit", .type = ARG_ONEOF, .sub = unit_words},
    {0},
};
static const struct row_arg box_parts[] = {
    {.name = "width", .type = ARG_DOUBLE, .token = "BYBOX"},
    {.name = "height", .type = ARG_DOUBLE},
    {.name = "unit", .type = ARG_ONEOF, .sub = unit_words},
    {0},
};
static const struct row_arg by_choices[] = {
    {.name = "circle", .type = ARG_BLOCK, .sub = circle_parts},
    {.name = "box", .type = ARG_BLOCK, .sub = box_parts},
    {0},
};
static const struct row_arg around_parts[] = {
    {.name = "from", .type = ARG_ONEOF, .sub = from_choices},
    {.name = "by", .type = ARG_ONEOF, .sub = by_choices},
    {0},
};
static const struct row_arg polygon_parts[] = {
    {.name = "num-vertices", .type = ARG_INTEGER, .token = "BYPOLYGON"},
    {.name = "vertices", .type = ARG_BLOCK, .flags = ARG_MULTIPLE, .sub = point_parts},
    {0},
};
static const struct row_arg area_choices[] = {
    {.name = "radius-or-box", .type = ARG_BLOCK, .sub = around_parts},
    {.name = "polygon", .type = ARG_BLOCK, .since = "9.0.0", .sub = polygon_parts},
    {0},
};
static const struct row_arg geosearch_args[] = {
    {.name = "key", .type = ARG_KEY},
    {.name = "search-type", .type = ARG_ONEOF, .sub = area_choices},
    ORDER_ARG,
    COUNT_ARG(count_parts),
    WITH_ARGS,
    {0},
};
static const struct row_arg geosearchstore_args[] = {
    {.name = "destination", .type = ARG_KEY},
    {.name = "source", .type = ARG_KEY, .key_spec = 1},
    {.name = "search-type", .type = ARG_ONEOF, .sub = area_choices},
    ORDER_ARG,
    COUNT_ARG(count_parts),
    {.name = "storedist", .type = ARG_PURE_TOKEN, .flags = ARG_OPTIONAL, .token = "STOREDIST"},
    {0},
};

static const struct row_change geoadd_history[] = {
    {"6.2.0", "Takes `CH`, `NX` and `XX`."},
    {0},
};
static const struct row_change georadius_history[] = {
    {"6.2.0", "Takes `ANY` with `COUNT`."},
    {"7.0.0", "Takes units in capitals."},
    {0},
};
static const struct row_change any_history[] = {
    {"6.2.0", "Takes `ANY` with `COUNT`."},
    {0},
};
static const struct row_change units_history[] = {
    {"7.0.0", "Takes units in capitals."},
    {0},
};
static const struct row_change geosearch_history[] = {
    {"7.0.0", "Takes units in capitals."},
    {"9.0.0", "Takes `BYPOLYGON`."},
    {0},
};

#define SEARCH_COMPLEXITY                                                                          \
    "O(N + log M), N being the members in the cells around the area, M the size of the set"
/* The key behind a word, which is looked for from argument `from` on. */
#define KEY_BEHIND(word, from)                                                                     \
    {                                                                                              \
        .flags = KEY_OW | KEY_UPDATE, .begin = BEGIN_KEYWORD, .keyword = (word), .index = (from),  \
        .find = FIND_RANGE, .step = 1                                                              \
    }

const struct row geo_rows[] = {
    {
        .name = "geoadd",
        .run = geo_add,
        .takes_long = ongoing_has_many_arguments,
        .arity = -5,
        .flags = ROW_WRITE | ROW_DENYOOM,
        .acl = ACL_GEO,
        .keys = {KEY_IN(1, KEY_RW | KEY_UPDATE)},
        .since = "3.2.0",
        .summary = "Adds points to a sorted set, or moves those there.",
        .complexity = "O(log N) for each point, N being the size of the set",
        .group = GROUP_GEO,
        .args = geoadd_args,
        .history = geoadd_history,
    },
    {
        .name = "geodist",
        .run = geo_dist,
        .arity = -4,
        .flags = ROW_READONLY,
        .acl = ACL_GEO,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "3.2.0",
        .summary = "Tells how far two members are apart.",
        .complexity = "O(1)",
        .group = GROUP_GEO,
        .args = geodist_args,
    },
    {
        .name = "geohash",
        .run = geo_hash,
        .arity = -2,
        .flags = ROW_READONLY,
        .acl = ACL_GEO,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "3.2.0",
        .summary = "Tells where members are, as geohash texts.",
        .complexity = "O(1) for each member",
        .group = GROUP_GEO,
        .args = members_args,
    },
    {
        .name = "geopos",
        .run = geo_pos,
        .arity = -2,
        .flags = ROW_READONLY,
        .acl = ACL_GEO,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "3.2.0",
        .summary = "Tells where members are, as longitude and latitude.",
        .complexity = "O(1) for each member",
        .group = GROUP_GEO,
        .args = members_args,
    },
    {
        .name = "georadius",
        .run = geo_radius,
        .arity = -6,
        .flags = ROW_WRITE | ROW_DENYOOM | ROW_MOVABLEKEYS,
        .acl = ACL_GEO,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS), KEY_BEHIND("STORE", 6),
                 KEY_BEHIND("STOREDIST", 6)},
        .since = "3.2.0",
        .summary = "Finds the members around a point, and may store them.",
        .complexity = SEARCH_COMPLEXITY,
        .group = GROUP_GEO,
        .deprecated_since = "6.2.0",
        .replaced_by = "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument",
        .args = georadius_args,
        .history = georadius_history,
    },
    {
        .name = "georadius_ro",
        .run = geo_radius_ro,
        .arity = -6,
        .flags = ROW_READONLY,
        .acl = ACL_GEO,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "3.2.10",
        .summary = "Finds the members around a point.",
        .complexity = SEARCH_COMPLEXITY,
        .group = GROUP_GEO,
        .deprecated_since = "6.2.0",
        .replaced_by = "`GEOSEARCH` with the `BYRADIUS` argument",
        .args = georadius_ro_args,
        .history = any_history,
    },
    {
        .name = "georadiusbymember",
        .run = geo_radius_by_member,
        .arity = -5,
        .flags = ROW_WRITE | ROW_DENYOOM | ROW_MOVABLEKEYS,
        .acl = ACL_GEO,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS), KEY_BEHIND("STORE", 5),
                 KEY_BEHIND("STOREDIST", 5)},
        .since = "3.2.0",
        .summary = "Finds the members around another, and may store them.",
        .complexity = SEARCH_COMPLEXITY,
        .group = GROUP_GEO,
        .deprecated_since = "6.2.0",
        .replaced_by =
            "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments",
        .args = georadiusbymember_args,
        .history = units_history,
    },
    {
        .name = "georadiusbymember_ro",
        .run = geo_radius_by_member_ro,
        .arity = -5,
        .flags = ROW_READONLY,
        .acl = ACL_GEO,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "3.2.10",
        .summary = "Finds the members around another.",
        .complexity = SEARCH_COMPLEXITY,
        .group = GROUP_GEO,
        .deprecated_since = "6.2.0",
        .replaced_by = "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments",
        .args = georadiusbymember_ro_args,
    },
    {
        .name = "geosearch",
        .run = geo_search,
        .arity = -7,
        .flags = ROW_READONLY,
        .acl = ACL_GEO,
        .keys = {KEY_IN(1, KEY_RO | KEY_ACCESS)},
        .since = "6.2.0",
        .summary = "Finds the members in a circle, a box or a polygon.",
        .complexity = SEARCH_COMPLEXITY,
        .group = GROUP_GEO,
        .args = geosearch_args,
        .history = geosearch_history,
    },
    {
        .name = "geosearchstore",
        .run = geo_search_store,
        .arity = -8,
        .flags = ROW_WRITE | ROW_DENYOOM,
        .acl = ACL_GEO,
        .keys = {KEY_IN(1, KEY_OW | KEY_UPDATE), KEY_IN(2, KEY_RO | KEY_ACCESS)},
        .since = "6.2.0",
        .summary = "Stores the members in a circle, a box or a polygon.",
        .complexity = SEARCH_COMPLEXITY,
        .group = GROUP_GEO,
        .args = geosearchstore_args,
        .history = geosearch_history,
    },
    {0},
};
