/* geo_area_test.c - searches against what redis-server 7.0.15 found among the same points,
 * and polygons against a model that looks at every point. */
#include "types/geo_area.h"

#include "base/random.h"
#include "support/suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { POINTS_MAX = 1000 };

struct member {
    double score;
    char name[4];
};

static struct random rng;

static double unit(void) { return (double)(random_next(&rng) >> 11) * 0x1p-53; }

static int by_score(const void *a, const void *b) {
    const struct member *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* Points all over the world, a quarter each at the poles, the date line and 0,0. */
static struct geo_point scattered_point(unsigned i) {
    double lon = (double)(i * 2654435761u) / 4294967296.0;
    double lat = (double)(i * 2246822519u + 12345u) / 4294967296.0;
    struct geo_point p = {lon * 360 - 180, (lat * 2 - 1) * GEO_LAT_MAX};
    if (i % 4 == 1) p.lat = (p.lat < 0 ? -GEO_LAT_MAX : GEO_LAT_MAX) - p.lat / 50;
    if (i % 4 == 2) p.lon = (p.lon < 0 ? -180 : 180) - p.lon / 100;
    if (i % 4 == 3) p.lon /= 200, p.lat /= 200;
    return p;
}

static uint64_t fnv(uint64_t h, const char *s) {
    for (; *s; s++) h = (h ^ (uint8_t)*s) * 0x100000001b3;
    return h;
}

struct result {
    size_t hits;
    uint64_t sum; /* of names and distances in their order */
};

static struct result search(const struct geo_area *a, const struct member *members, size_t n,
                            double unit_m) {
    struct geo_range ranges[GEO_RANGES_MAX];
    struct result r = {0, 0xcbf29ce484222325};
    size_t count = geo_area_ranges(a, ranges);
    CU_ASSERT(count >= 1 && count <= GEO_RANGES_MAX);
    for (size_t k = 0; k < count; k++) {
        for (size_t i = 0; i < n; i++) {
            struct geo_point p;
            double distance_m;
            char text[GEO_DISTANCE_BYTES_MAX];
            if (members[i].score < ranges[k].min || members[i].score >= ranges[k].max) continue;
            if (!geo_area_holds(a, members[i].score, &p, &distance_m)) continue;
            geo_format_distance(text, distance_m / unit_m);
            r.sum = fnv(fnv(r.sum, members[i].name), text);
            r.hits++;
        }
    }
    return r;
}

/* GEOSEARCH ... WITHDIST: names and distances in Redis' order. */
static void searches_as_redis(void) {
    static const struct {
        enum geo_shape shape;
        struct geo_point centre;
        double width, height;
        const char *unit;
        size_t hits;
        uint64_t sum;
    } cases[] = {
        {GEO_CIRCLE, {0, 0}, 50, 0, "km", 105, 0x8fb5cd8d02eb7647},
        {GEO_CIRCLE, {0, 0}, 3000, 0, "km", 260, 0xb9b0cb8f4cd6b87c},
        {GEO_CIRCLE, {0, 0}, 30000, 0, "km", 1000, 0x9f7cb2e95836bbf7},
        {GEO_CIRCLE, {179.9, 10}, 2000, 0, "km", 57, 0x34c6416706c8dae0},
        {GEO_CIRCLE, {-180, -85}, 500, 0, "mi", 70, 0x2aa30277c3e797b9},
        {GEO_CIRCLE, {180, 85.05112878}, 900000, 0, "m", 43, 0xa798ffc99dea3627},
        {GEO_CIRCLE, {-30, -84}, 7e+06, 0, "ft", 157, 0x184fa5199c957ae5},
        {GEO_CIRCLE, {100, 70}, 1200, 0, "km", 7, 0x4ff42559cb201b82},
        {GEO_CIRCLE, {0.1, -0.1}, 0, 0, "m", 0, 0xcbf29ce484222325},
        {GEO_BOX, {0, 0}, 100, 100, "km", 125, 0x3a45a72115b0f7a4},
        {GEO_BOX, {0, 0}, 9000, 1000, "km", 253, 0x443ff8c2afc705f8},
        {GEO_BOX, {0, 0}, 41000, 41000, "km", 1000, 0x9f7cb2e95836bbf7},
        {GEO_BOX, {-179, -40}, 6000, 3000, "km", 47, 0x22d495729daa98c3},
        {GEO_BOX, {20, 84.5}, 3000, 100, "mi", 97, 0x9d547790a2d469bf},
        {GEO_BOX, {-60, -80}, 100, 5000, "km", 5, 0x4e62b1a6ccf0308d},
        {GEO_BOX, {0.2, 0.3}, 20000, 300000, "ft", 4, 0x03a55fd462fda745},
        {GEO_BOX, {5, 5}, 0, 8e+06, "m", 0, 0xcbf29ce484222325},
        {GEO_BOX, {120, 60}, 4e+06, 4e+06, "m", 19, 0x195ba4b34341d954},
    };
    static struct member members[POINTS_MAX];
    for (unsigned i = 0; i < POINTS_MAX; i++) {
        members[i].score = geo_score(scattered_point(i));
        snprintf(members[i].name, sizeof members[i].name, "%03u", i % 1000);
    }
    qsort(members, POINTS_MAX, sizeof *members, by_score);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct geo_area a;
        double unit_m = geo_unit_m(slice_cstr(cases[i].unit));
        if (cases[i].shape == GEO_CIRCLE) {
            geo_area_circle(&a, cases[i].centre, cases[i].width, unit_m);
        } else {
            geo_area_box(&a, cases[i].centre, cases[i].width, cases[i].height, unit_m);
        }
        struct result r = search(&a, members, POINTS_MAX, unit_m);
        CU_ASSERT_EQUAL(r.hits, cases[i].hits);
        CU_ASSERT_EQUAL(r.sum, cases[i].sum);
    }
}

static void extreme_lengths(void) {
    struct geo_area a;
    struct geo_point p, centre = {10, 20};
    struct geo_range ranges[GEO_RANGES_MAX];
    double distance_m, far = geo_score((struct geo_point){-170, -20});
    geo_area_circle(&a, centre, INFINITY, 1000);
    CU_ASSERT_EQUAL(geo_area_ranges(&a, ranges), 4);
    CU_ASSERT(geo_area_holds(&a, far, &p, &distance_m));
    geo_area_box(&a, centre, 1e300, 1e300, 1000);
    CU_ASSERT_EQUAL(geo_area_ranges(&a, ranges), 4);
    CU_ASSERT(geo_area_holds(&a, far, &p, &distance_m));
    geo_area_circle(&a, geo_point_of(far), 0, 1);
    CU_ASSERT_EQUAL(geo_area_ranges(&a, ranges), 1);
    CU_ASSERT(geo_area_holds(&a, far, &p, &distance_m) && distance_m == 0);
    geo_area_circle(&a, centre, 1e-300, 1);
    CU_ASSERT(geo_area_ranges(&a, ranges) >= 1);
}

static bool inside(const struct geo_area *a, double lon, double lat) {
    struct geo_point p;
    double distance_m;
    return geo_area_holds(a, geo_score((struct geo_point){lon, lat}), &p, &distance_m);
}

static void polygon_rules(void) {
    struct geo_area a;
    /* An L, whose inner corner is outside. */
    static const struct geo_point l[] = {{0, 0}, {4, 0}, {4, 1}, {1, 1}, {1, 4}, {0, 4}};
    geo_area_polygon(&a, l, 6);
    CU_ASSERT(inside(&a, 0.5, 0.5) && inside(&a, 3.5, 0.5) && inside(&a, 0.5, 3.5));
    CU_ASSERT_FALSE(inside(&a, 2, 2) || inside(&a, -0.5, 0.5) || inside(&a, 4.5, 0.5));
    /* A star's heart is crossed twice, and so outside. */
    static const struct geo_point star[] = {{0, 3}, {-2, -3}, {3, 1}, {-3, 1}, {2, -3}};
    geo_area_polygon(&a, star, 5);
    CU_ASSERT_FALSE(inside(&a, 0, 0));
    CU_ASSERT(inside(&a, 0, 2) && inside(&a, -2.2, 0.8) && inside(&a, 2.2, 0.8));
    /* All on a line: nothing. */
    static const struct geo_point line[] = {{0, 0}, {1, 1}, {2, 2}};
    geo_area_polygon(&a, line, 3);
    CU_ASSERT_FALSE(inside(&a, 1, 2) || inside(&a, 2, 1));
}

static void polygon_centre(void) {
    struct geo_area a;
    static const struct geo_point square[] = {{-10, -10}, {10, -10}, {10, 10}, {-10, 10}};
    geo_area_polygon(&a, square, 4);
    CU_ASSERT(fabs(a.centre.lon) < 1e-9 && fabs(a.centre.lat) < 1e-9);
    CU_ASSERT(a.bounds.min.lon == -10 && a.bounds.max.lat == 10);
    struct geo_point p;
    double distance_m;
    CU_ASSERT(geo_area_holds(&a, geo_score((struct geo_point){0, 5}), &p, &distance_m));
    CU_ASSERT(fabs(distance_m - geo_lat_distance_m(0, 5)) < 1);
    /* Around a pole the centre is where no point can be. */
    static const struct geo_point polar[] = {{0, 80}, {90, 80}, {180, 80}, {-90, 80}};
    geo_area_polygon(&a, polar, 4);
    CU_ASSERT(fabs(a.centre.lat - 90) < 1e-9);
    struct geo_range ranges[GEO_RANGES_MAX];
    CU_ASSERT(geo_area_ranges(&a, ranges) >= 1);
}

/* Whether the point is left of every edge of a triangle, or right of every one. */
static bool in_triangle(const struct geo_point *v, struct geo_point p) {
    int left = 0, right = 0;
    for (int i = 0; i < 3; i++) {
        struct geo_point a = v[i], b = v[(i + 1) % 3];
        double side = (b.lon - a.lon) * (p.lat - a.lat) - (b.lat - a.lat) * (p.lon - a.lon);
        left += side > 0;
        right += side < 0;
    }
    return left == 3 || right == 3;
}

/* The ranges must reach every point, however large the polygon and wherever its centre. */
static void polygons_are_covered(void) {
    static struct member members[POINTS_MAX];
    for (unsigned i = 0; i < POINTS_MAX; i++) {
        members[i] = (struct member){geo_score(scattered_point(i)), "p"};
    }
    size_t hits = 0;
    for (int round = 0; round < 2000; round++) {
        struct geo_point v[3];
        double size = pow(10, -unit() * 3);
        struct geo_point at = scattered_point((unsigned)random_next(&rng));
        for (int i = 0; i < 3; i++) {
            v[i].lon = fmax(-180, fmin(180, at.lon + (unit() - 0.5) * 720 * size));
            v[i].lat = fmax(-GEO_LAT_MAX, fmin(GEO_LAT_MAX, at.lat + (unit() - 0.5) * 340 * size));
        }
        size_t expected = 0;
        for (unsigned i = 0; i < POINTS_MAX; i++) {
            expected += in_triangle(v, geo_point_of(members[i].score));
        }
        struct geo_area a;
        geo_area_polygon(&a, v, 3);
        CU_ASSERT_EQUAL(search(&a, members, POINTS_MAX, 1).hits, expected);
        hits += expected;
    }
    CU_ASSERT(hits > 40000);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"searches_as_redis", searches_as_redis},
        {"extreme_lengths", extreme_lengths},
        {"polygon_rules", polygon_rules},
        {"polygon_centre", polygon_centre},
        {"polygons_are_covered", polygons_are_covered},
        {NULL, NULL},
    };
    random_seed(&rng, 12);
    return suite_main("geo_area", tests);
}
