/* geohash.c - see geohash.h. */
#include "types/geohash.h"

#include "base/num.h"

#include <math.h>

static const double earth_radius_m = 6372797.560856;

static const struct geo_rect world = {{-GEO_LON_MAX, -GEO_LAT_MAX}, {GEO_LON_MAX, GEO_LAT_MAX}};
/* What the text form covers. */
static const struct geo_rect sphere = {{-180, -90}, {180, 90}};

#define LON_BITS 0xaaaaaaaaaaaaaaaau
#define LAT_BITS 0x5555555555555555u

/* -- bits ---------------------------------------------------------------------------- */

/* Moves 32 bits apart, to the even places, and back. */
static uint64_t stretch(uint32_t v) {
    uint64_t x = v;
    x = (x | x << 16) & 0x0000ffff0000ffff;
    x = (x | x << 8) & 0x00ff00ff00ff00ff;
    x = (x | x << 4) & 0x0f0f0f0f0f0f0f0f;
    x = (x | x << 2) & 0x3333333333333333;
    return (x | x << 1) & LAT_BITS;
}

static uint32_t squeeze(uint64_t x) {
    x &= LAT_BITS;
    x = (x | x >> 1) & 0x3333333333333333;
    x = (x | x >> 2) & 0x0f0f0f0f0f0f0f0f;
    x = (x | x >> 4) & 0x00ff00ff00ff00ff;
    x = (x | x >> 8) & 0x0000ffff0000ffff;
    return (uint32_t)(x | x >> 16);
}

/* The number of the column or row of a coordinate. */
static uint32_t column_of(double at, double min, double max, unsigned step) {
    double part = (at - min) / (max - min);
    return (uint32_t)(part * (double)(1ull << step));
}

static uint64_t encode(struct geo_point p, const struct geo_rect *in, unsigned step) {
    return stretch(column_of(p.lat, in->min.lat, in->max.lat, step)) |
           stretch(column_of(p.lon, in->min.lon, in->max.lon, step)) << 1;
}

/* The beginning of a column. Those of scores that no point has may run over 32 bits. */
static double column_start(uint32_t column, double min, double max, unsigned step) {
    return min + (column * 1.0 / (double)(1ull << step)) * (max - min);
}

/* -- points -------------------------------------------------------------------------- */

bool geo_is_valid(struct geo_point p) {
    return p.lon >= -GEO_LON_MAX && p.lon <= GEO_LON_MAX && p.lat >= -GEO_LAT_MAX &&
           p.lat <= GEO_LAT_MAX;
}

double geo_score(struct geo_point p) { return (double)encode(p, &world, GEO_STEP_MAX); }

/* As x86-64 converts: C leaves it open for numbers outside of the range. */
uint64_t geo_score_bits(double score) {
    const double half = 0x1p63;
    if (score < half) return score >= -half ? (uint64_t)(int64_t)score : (uint64_t)1 << 63;
    return score < 2 * half ? (uint64_t)(int64_t)(score - half) | (uint64_t)1 << 63 : 0;
}

static double between(double v, double min, double max) {
    return v > max ? max : v < min ? min : v;
}

struct geo_point geo_point_of(double score) {
    struct geo_cell cell = {geo_score_bits(score), GEO_STEP_MAX};
    struct geo_rect r = geo_cell_rect(cell);
    return (struct geo_point){
        between((r.min.lon + r.max.lon) / 2, -GEO_LON_MAX, GEO_LON_MAX),
        between((r.min.lat + r.max.lat) / 2, -GEO_LAT_MAX, GEO_LAT_MAX),
    };
}

void geo_text(double score, char out[GEO_TEXT_BYTES]) {
    static const char digits[] = "0123456789bcdefghjkmnpqrstuvwxyz";
    uint64_t bits = encode(geo_point_of(score), &sphere, GEO_STEP_MAX);
    /* Ten characters are 50 of the 52 bits; the eleventh would need 55. */
    for (int i = 0; i < GEO_TEXT_BYTES - 1; i++) out[i] = digits[bits >> (47 - 5 * i) & 31];
    out[GEO_TEXT_BYTES - 1] = digits[0];
}

/* -- distances ----------------------------------------------------------------------- */

static double radians(double degrees) { return degrees * (M_PI / 180.0); }

double geo_lat_distance_m(double lat_a, double lat_b) {
    return earth_radius_m * fabs(radians(lat_b) - radians(lat_a));
}

double geo_distance_m(struct geo_point a, struct geo_point b) {
    double v = sin((radians(b.lon) - radians(a.lon)) / 2);
    if (v == 0) return geo_lat_distance_m(a.lat, b.lat);
    double lat_a = radians(a.lat), lat_b = radians(b.lat);
    double u = sin((lat_b - lat_a) / 2);
    double haversine = u * u + cos(lat_a) * cos(lat_b) * v * v;
    return 2.0 * earth_radius_m * asin(sqrt(haversine));
}

double geo_unit_m(struct slice word) {
    static const struct {
        const char *name;
        double m;
    } units[] = {{"m", 1}, {"km", 1000}, {"ft", 0.3048}, {"mi", 1609.34}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (slice_is(word, units[i].name)) return units[i].m;
    }
    return 0;
}

size_t geo_format_distance(char *buf, double distance) {
    int64_t scaled = llrint(distance * 10000);
    size_t n = num_format_i64(buf, scaled / 10000);
    buf[n++] = '.';
    memcpy(buf + n, num_two_digits + scaled % 10000 / 100 * 2, 2);
    memcpy(buf + n + 2, num_two_digits + scaled % 100 * 2, 2);
    buf[n + 4] = 0;
    return n + 4;
}

/* -- cells --------------------------------------------------------------------------- */

struct geo_cell geo_cell_of(struct geo_point p, unsigned step) {
    return (struct geo_cell){encode(p, &world, step), step};
}

/* Adds to the bits under `mask`, carrying over those between. */
static uint64_t move(uint64_t bits, uint64_t mask, int by, unsigned step) {
    uint64_t own = bits & mask, others = ~mask >> (64 - 2 * step);
    if (by > 0) own += others + 1;
    if (by < 0) own = (own | others) - (others + 1);
    if (by) own &= mask >> (64 - 2 * step);
    return own;
}

struct geo_cell geo_cell_move(struct geo_cell cell, int east, int north) {
    uint64_t lon = move(cell.bits, LON_BITS, east, cell.step);
    uint64_t lat = move(cell.bits, LAT_BITS, north, cell.step);
    return (struct geo_cell){lon | lat, cell.step};
}

struct geo_rect geo_cell_rect(struct geo_cell cell) {
    uint32_t lat = squeeze(cell.bits), lon = squeeze(cell.bits >> 1);
    return (struct geo_rect){
        {column_start(lon, world.min.lon, world.max.lon, cell.step),
         column_start(lat, world.min.lat, world.max.lat, cell.step)},
        {column_start(lon + 1, world.min.lon, world.max.lon, cell.step),
         column_start(lat + 1, world.min.lat, world.max.lat, cell.step)},
    };
}

struct geo_range geo_cell_range(struct geo_cell cell) {
    unsigned unused = 2 * (GEO_STEP_MAX - cell.step);
    return (struct geo_range){(double)(cell.bits << unused), (double)((cell.bits + 1) << unused)};
}
