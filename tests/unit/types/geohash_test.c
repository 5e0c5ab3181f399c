/* geohash_test.c - scores, coordinates and distances against what redis-server 7.0.15 gave. */
#include "types/geohash.h"

#include "base/num.h"
#include "base/random.h"
#include "support/suite.h"

#include <math.h>

static struct random rng;

static double unit(void) { return (double)(random_next(&rng) >> 11) * 0x1p-53; }

static struct geo_point random_point(void) {
    return (struct geo_point){(unit() * 2 - 1) * GEO_LON_MAX, (unit() * 2 - 1) * GEO_LAT_MAX};
}

/* As GEOPOS prints a score's coordinates, and GEOHASH its text. */
static void check_shown(double score, const char *text, const char *lon, const char *lat) {
    char buf[NUM_FLOAT_BYTES_MAX], hash[GEO_TEXT_BYTES];
    struct geo_point p = geo_point_of(score);
    num_format_ld_human(buf, p.lon);
    CU_ASSERT_STRING_EQUAL(buf, lon);
    num_format_ld_human(buf, p.lat);
    CU_ASSERT_STRING_EQUAL(buf, lat);
    geo_text(score, hash);
    CU_ASSERT(slice_eq(slice_of(hash, sizeof hash), slice_cstr(text)));
}

static void points_as_redis(void) {
    static const struct {
        struct geo_point p;
        double score;
        const char *text, *lon, *lat, *distance; /* from the first */
    } cases[] = {
        {{13.361389, 38.115556},
         3479099956230698,
         "sqc8b49rny0",
         "13.36138933897018433",
         "38.11555639549629859",
         "0.0000"},
        {{15.087269, 37.502669},
         3479447370796909,
         "sqdtr74hyu0",
         "15.08726745843887329",
         "37.50266842333162032",
         "166274.1516"},
        {{0, 0},
         3377699720527872,
         "s0000000000",
         "0.00000268220901489",
         "0.00000126736058093",
         "4454733.0204"},
        {{-180, -85.05112878},
         0,
         "00bh0hbj200",
         "-179.99999731779098511",
         "-85.05112751263942528",
         "14784257.5187"},
        {{180, 85.05112878},
         13510798882111488,
         "bp05b5048p0",
         "180",
         "85.0511287799999991",
         "6307362.7206"},
        {{179.9999999, 85.0511287},
         4503599627370495,
         "zzpgzgpfxz0",
         "179.99999731779098511",
         "85.05112751263942528",
         "6307362.8526"},
        {{-1e-07, 1e-07},
         1876499844737706,
         "ebpbpbpbpb0",
         "-0.00000268220901489",
         "0.00000126736058093",
         "4454733.1890"},
        {{-122.4194155, 37.7749295},
         1367859919124776,
         "9q8yyk8yuv0",
         "-122.41941779851913452",
         "37.77493042721969374",
         "10441390.7799"},
        {{2.3522219, 48.856614},
         3663832779125286,
         "u09tvw0f6t0",
         "2.35221952199935913",
         "48.85661473867625659",
         "1485554.2795"},
        {{151.2092955, -33.8688197},
         3252046221958827,
         "r3gx2f75zf0",
         "151.20929449796676636",
         "-33.86881866238967831",
         "16230616.6481"},
        {{-180, 0},
         1125899906842624,
         "80000000000",
         "-179.99999731779098511",
         "0.00000126736058093",
         "15566000.7091"},
        {{0, 85.05112878},
         6755399441055744,
         "up05b5048p0",
         "0.00000268220901489",
         "85.0511287799999991",
         "5236476.6178"},
        {{180, 0}, 10133099161583616, "80000000000", "180", "0.00000126736058093", "15566000.6248"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char buf[GEO_DISTANCE_BYTES_MAX];
        CU_ASSERT(geo_is_valid(cases[i].p));
        CU_ASSERT_EQUAL(geo_score(cases[i].p), cases[i].score);
        check_shown(cases[i].score, cases[i].text, cases[i].lon, cases[i].lat);
        size_t n = geo_format_distance(
            buf, geo_distance_m(geo_point_of(cases[0].score), geo_point_of(cases[i].score)));
        CU_ASSERT_STRING_EQUAL(buf, cases[i].distance);
        CU_ASSERT_EQUAL(n, strlen(buf));
    }
}

/* What ZADD put there. */
static void odd_scores_as_redis(void) {
    static const struct {
        double score;
        const char *text, *lon, *lat;
    } cases[] = {
        {-1, "bp05b5048p0", "180", "85.0511287799999991"},
        {-1e300, "00bh0hbj200", "180", "-85.05112751263942528"},
        {INFINITY, "00bh0hbj200", "-179.99999731779098511", "-85.05112751263942528"},
        {-INFINITY, "00bh0hbj200", "180", "-85.05112751263942528"},
        {1e+19, "bp05b5048p0", "180", "85.0511287799999991"},
        {13510798882111488, "bp05b5048p0", "180", "85.0511287799999991"},
        {123456.75, "00bh0j0g410", "-179.99888151884078979", "-85.05013390194494605"},
        {-4096.5, "bp05b5048p0", "180", "85.0511287799999991"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_shown(cases[i].score, cases[i].text, cases[i].lon, cases[i].lat);
    }
    CU_ASSERT_EQUAL(geo_score_bits(-4096.5), (uint64_t)-4096);
    CU_ASSERT_EQUAL(geo_score_bits(0x1p63), (uint64_t)1 << 63);
    CU_ASSERT_EQUAL(geo_score_bits(-INFINITY), (uint64_t)1 << 63);
    CU_ASSERT_EQUAL(geo_score_bits(0x1p64), 0);
    CU_ASSERT_EQUAL(geo_score_bits(INFINITY), 0);
}

static void valid_points(void) {
    CU_ASSERT(geo_is_valid((struct geo_point){-180, 85.05112878}));
    CU_ASSERT_FALSE(geo_is_valid((struct geo_point){180.0000001, 0}));
    CU_ASSERT_FALSE(geo_is_valid((struct geo_point){0, -85.0511288}));
    CU_ASSERT_FALSE(geo_is_valid((struct geo_point){0, NAN}));
}

static void scores_keep_points(void) {
    for (int i = 0; i < 20000; i++) {
        struct geo_point p = random_point(), q = geo_point_of(geo_score(p));
        CU_ASSERT(fabs(p.lon - q.lon) < 3e-6 && fabs(p.lat - q.lat) < 1.5e-6);
        CU_ASSERT_EQUAL(geo_score(q), geo_score(p));
        CU_ASSERT_EQUAL(geo_score_bits(geo_score(p)), (uint64_t)geo_score(p));
        CU_ASSERT_EQUAL(geo_distance_m(p, q), geo_distance_m(q, p));
        struct geo_point north = {p.lon, q.lat};
        CU_ASSERT_EQUAL(geo_distance_m(p, north), geo_lat_distance_m(p.lat, north.lat));
    }
}

/* A neighbour begins where the cell ends, and eight of the cells around come back. */
static void cells_tile_the_world(void) {
    for (int i = 0; i < 5000; i++) {
        struct geo_point p = random_point();
        unsigned step = 1 + (unsigned)random_next_below(&rng, GEO_STEP_MAX);
        struct geo_cell cell = geo_cell_of(p, step);
        struct geo_rect r = geo_cell_rect(cell);
        CU_ASSERT(r.min.lon <= p.lon && p.lon <= r.max.lon);
        CU_ASSERT(r.min.lat <= p.lat && p.lat <= r.max.lat);
        struct geo_range range = geo_cell_range(cell);
        CU_ASSERT(range.min <= geo_score(p) && geo_score(p) < range.max);
        struct geo_cell east = geo_cell_move(cell, 1, 0), north = geo_cell_move(cell, 0, 1);
        double lon = geo_cell_rect(east).min.lon, lat = geo_cell_rect(north).min.lat;
        CU_ASSERT(lon == r.max.lon || (lon == -GEO_LON_MAX && r.max.lon == GEO_LON_MAX));
        CU_ASSERT(lat == r.max.lat ||
                  (lat == -GEO_LAT_MAX && fabs(r.max.lat - GEO_LAT_MAX) < 1e-9));
        CU_ASSERT_EQUAL(geo_cell_move(east, -1, 0).bits, cell.bits);
        CU_ASSERT_EQUAL(geo_cell_move(north, 0, -1).bits, cell.bits);
        CU_ASSERT_EQUAL(geo_cell_move(cell, 1, 1).bits, geo_cell_move(east, 0, 1).bits);
        CU_ASSERT_EQUAL(geo_cell_move(cell, -1, -1).bits,
                        geo_cell_move(geo_cell_move(cell, 0, -1), -1, 0).bits);
        CU_ASSERT_EQUAL(geo_cell_move(cell, 0, 0).bits, cell.bits);
    }
}

static void check_distance(double distance, const char *text) {
    char buf[GEO_DISTANCE_BYTES_MAX];
    geo_format_distance(buf, distance);
    CU_ASSERT_STRING_EQUAL(buf, text);
}

static void units_and_texts(void) {
    CU_ASSERT_EQUAL(geo_unit_m(slice_cstr("M")), 1);
    CU_ASSERT_EQUAL(geo_unit_m(slice_cstr("km")), 1000);
    CU_ASSERT_EQUAL(geo_unit_m(slice_cstr("Ft")), 0.3048);
    CU_ASSERT_EQUAL(geo_unit_m(slice_cstr("mi")), 1609.34);
    CU_ASSERT_EQUAL(geo_unit_m(slice_cstr("mile")), 0);
    CU_ASSERT_EQUAL(geo_unit_m(slice_cstr("")), 0);
    check_distance(0, "0.0000");
    check_distance(0.00004, "0.0000");
    check_distance(0.0001, "0.0001");
    check_distance(9.99996, "10.0000");
    check_distance(166274.1516, "166274.1516");
    check_distance(65645500.5, "65645500.5000");
}

int main(void) {
    static const struct suite_test tests[] = {
        {"points_as_redis", points_as_redis},
        {"odd_scores_as_redis", odd_scores_as_redis},
        {"valid_points", valid_points},
        {"scores_keep_points", scores_keep_points},
        {"cells_tile_the_world", cells_tile_the_world},
        {"units_and_texts", units_and_texts},
        {NULL, NULL},
    };
    random_seed(&rng, 11);
    return suite_main("geohash", tests);
}
