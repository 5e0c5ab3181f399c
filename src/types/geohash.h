/* geohash.h - points on Earth as sorted set scores, as Redis' geo commands keep them.
 *
 * A score is a whole number of 52 bits: 26 of the longitude and 26 of the latitude, taken in
 * turn, the longitude's first. Every prefix of it names a cell of a grid: cutting `step` bits
 * of each coordinate out of 26 leaves the cells of that step, and the points of a cell are one
 * range of scores.
 *
 * G1  Coordinates are degrees, WGS84. The arithmetic, its order included, is Redis', so that
 *     scores, coordinates and distances are the same to the last bit.
 * G2  The highest latitude and longitude fall into a cell one behind the last, as in Redis:
 *     a score may need bit 52 or 53.
 * G3  Any score decodes to something: sorted sets hold what clients put there.
 * Threads: any; nothing is shared.
 * Spec: Redis 7.2's GEOADD, GEOPOS, GEODIST, GEOHASH; G. Niemeyer's geohash (base 32).
 */
#ifndef TYPES_GEOHASH_H
#define TYPES_GEOHASH_H

#include "base/bytes.h"

#define GEO_LON_MAX 180.0
#define GEO_LAT_MAX 85.05112878 /* of EPSG:900913; the lowest are the same below 0 */
#define GEO_STEP_MAX 26

struct geo_point {
    double lon;
    double lat;
};

/* Whether the point can be stored. */
bool geo_is_valid(struct geo_point p);

/* The score of a valid point, and the centre of a score's cell, within the valid range. */
double geo_score(struct geo_point p);
struct geo_point geo_point_of(double score);

/* The number whose digits GEOSEARCH WITHHASH prints: the score without its fraction. */
uint64_t geo_score_bits(double score);

/* The 11 characters of GEOHASH, of which the last is always '0'; no zero is written. */
#define GEO_TEXT_BYTES 11
void geo_text(double score, char out[GEO_TEXT_BYTES]);

/* Along the great circle, on a sphere, in metres; geo_lat_distance_m is for points of the
 * same longitude. */
double geo_distance_m(struct geo_point a, struct geo_point b);
double geo_lat_distance_m(double lat_a, double lat_b);

/* The metres of a unit: m, km, ft, mi in either case; 0 for another word. */
double geo_unit_m(struct slice word);

/* A distance with four decimals and a zero; returns the length. At most 1e14. */
#define GEO_DISTANCE_BYTES_MAX 32
size_t geo_format_distance(char *buf, double distance);

/* -- cells --------------------------------------------------------------------------- */

/* The cells of a step, 1 to GEO_STEP_MAX, number 2^step in each direction. */
struct geo_cell {
    uint64_t bits;
    unsigned step;
};

struct geo_rect {
    struct geo_point min;
    struct geo_point max;
};

/* The cell of a valid point. */
struct geo_cell geo_cell_of(struct geo_point p, unsigned step);

/* The neighbour `east` columns and `north` rows away, each -1, 0 or 1, around the end of the
 * grid in both directions. */
struct geo_cell geo_cell_move(struct geo_cell cell, int east, int north);

struct geo_rect geo_cell_rect(struct geo_cell cell);

/* The scores of a cell: min is the first, max the first behind. */
struct geo_range {
    double min;
    double max;
};

struct geo_range geo_cell_range(struct geo_cell cell);

#endif
