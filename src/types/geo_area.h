/* geo_area.h - areas of geo searches: which scores to look at, and what lies inside.
 *
 * An area is a circle or a box around a point, or a polygon. A search walks the ranges of
 * geo_area_ranges in their order, lets geo_area_holds decide on each score, and stops early
 * where COUNT ANY says so.
 *
 * A1  Circles and boxes find exactly what Redis finds: at most nine cells around the centre,
 *     even where those do not reach across a pole or the date line.
 * A2  A box holds a point when its latitude is at most half the height away, and its longitude
 *     at most half the width, measured along the point's own latitude.
 * A3  A polygon (Valkey 9) has 3 vertices or more and is closed by itself. It lies in the plane
 *     of longitude and latitude, so no edge crosses the date line. Inside is where a ray
 *     eastwards crosses an odd number of edges; of the points on an edge, those of the western
 *     and southern edges are inside. Distances are from its centre: the direction of the sum
 *     of its vertices, taken as unit vectors.
 * A4  A polygon's ranges cover it. They are Valkey's where those do, too.
 * Threads: any; nothing is shared.
 * To add a shape: the kind, its constructor, geo_area_holds, the model in geo_area_test.c.
 * Spec: Redis 7.2's GEOSEARCH and GEORADIUS, Valkey 9's GEOSEARCH BYPOLYGON.
 */
#ifndef TYPES_GEO_AREA_H
#define TYPES_GEO_AREA_H

#include "types/geohash.h"

#define GEO_VERTICES_MIN 3

enum geo_shape {
    GEO_CIRCLE,
    GEO_BOX,
    GEO_POLYGON,
};

struct geo_area {
    enum geo_shape shape;
    struct geo_point centre;
    struct geo_rect bounds; /* holds the whole area; may exceed the world */
    double reach_m;         /* how far the cells must reach around the centre */
    double width_m;         /* of a box; a circle's radius is its width and its height */
    double height_m;
    const struct geo_point *vertices; /* borrowed */
    size_t vertex_count;
};

/* Lengths are numbers of unit_m metres, not negative (geo_unit_m). The centre is valid. */
void geo_area_circle(struct geo_area *a, struct geo_point centre, double radius, double unit_m);
void geo_area_box(struct geo_area *a, struct geo_point centre, double width, double height,
                  double unit_m);

/* The vertices, all valid, GEO_VERTICES_MIN of them or more, must stay while a is used. */
void geo_area_polygon(struct geo_area *a, const struct geo_point *vertices, size_t count);

/* Writes the ranges of scores to look at, in the order in which Redis does, and returns how
 * many: 1 to GEO_RANGES_MAX, none of which overlap. */
#define GEO_RANGES_MAX 9
size_t geo_area_ranges(const struct geo_area *a, struct geo_range out[GEO_RANGES_MAX]);

/* Whether the point of a score is inside; if so, *p is the point and *distance_m how far it is
 * from the centre. Cost: constant, but for a polygon its vertices. */
bool geo_area_holds(const struct geo_area *a, double score, struct geo_point *p,
                    double *distance_m);

#endif
