/* geo_area.c - see geo_area.h. */
#include "types/geo_area.h"

#include "base/assert.h"

#include <math.h>

static const double earth_radius_m = 6372797.560856;

/* Half the equator in Mercator's projection: what a step of one bit halves. */
static const double mercator_max_m = 20037726.37;

static double radians(double degrees) { return degrees * (M_PI / 180.0); }
static double degrees(double radians) { return radians / (M_PI / 180.0); }

/* -- areas --------------------------------------------------------------------------- */

/* The rectangle of all that is at most so far away in each direction. Meridians converge, so
 * the longitudes are those of the side nearer to the pole. */
static struct geo_rect bounds_around(struct geo_point centre, double half_width_m,
                                     double half_height_m) {
    double lat = degrees(half_height_m / earth_radius_m);
    double side = centre.lat < 0 ? centre.lat - lat : centre.lat + lat;
    double lon = degrees(half_width_m / earth_radius_m / cos(radians(side)));
    return (struct geo_rect){{centre.lon - lon, centre.lat - lat},
                             {centre.lon + lon, centre.lat + lat}};
}

void geo_area_circle(struct geo_area *a, struct geo_point centre, double radius, double unit_m) {
    double radius_m = radius * unit_m;
    *a = (struct geo_area){
        .shape = GEO_CIRCLE,
        .centre = centre,
        .bounds = bounds_around(centre, radius_m, radius_m),
        .reach_m = radius_m,
        .width_m = radius_m,
        .height_m = radius_m,
    };
}

void geo_area_box(struct geo_area *a, struct geo_point centre, double width, double height,
                  double unit_m) {
    double width_m = width * unit_m, height_m = height * unit_m;
    *a = (struct geo_area){
        .shape = GEO_BOX,
        .centre = centre,
        .bounds = bounds_around(centre, width_m / 2, height_m / 2),
        .reach_m = sqrt((width / 2) * (width / 2) + (height / 2) * (height / 2)) * unit_m,
        .width_m = width_m,
        .height_m = height_m,
    };
}

static struct geo_point centre_of(const struct geo_point *vertices, size_t count) {
    double x = 0, y = 0, z = 0;
    for (size_t i = 0; i < count; i++) {
        double lon = radians(vertices[i].lon), lat = radians(vertices[i].lat);
        x += cos(lat) * cos(lon);
        y += cos(lat) * sin(lon);
        z += sin(lat);
    }
    return (struct geo_point){degrees(atan2(y, x)), degrees(atan2(z, sqrt(x * x + y * y)))};
}

static struct geo_rect bounds_of(const struct geo_point *vertices, size_t count) {
    struct geo_rect r = {vertices[0], vertices[0]};
    for (size_t i = 1; i < count; i++) {
        r.min.lon = fmin(r.min.lon, vertices[i].lon);
        r.min.lat = fmin(r.min.lat, vertices[i].lat);
        r.max.lon = fmax(r.max.lon, vertices[i].lon);
        r.max.lat = fmax(r.max.lat, vertices[i].lat);
    }
    return r;
}

void geo_area_polygon(struct geo_area *a, const struct geo_point *vertices, size_t count) {
    ASSERT(count >= GEO_VERTICES_MIN);
    struct geo_point centre = centre_of(vertices, count);
    struct geo_rect r = bounds_of(vertices, count);
    double top = fmax(geo_distance_m(centre, (struct geo_point){r.min.lon, r.max.lat}),
                      geo_distance_m(centre, (struct geo_point){r.max.lon, r.max.lat}));
    double bottom = fmax(geo_distance_m(centre, r.min),
                         geo_distance_m(centre, (struct geo_point){r.max.lon, r.min.lat}));
    *a = (struct geo_area){
        .shape = GEO_POLYGON,
        .centre = centre,
        .bounds = r,
        .reach_m = fmax(top, bottom),
        .vertices = vertices,
        .vertex_count = count,
    };
}

/* -- ranges -------------------------------------------------------------------------- */

/* The finest step at which a cell and its neighbours should reach so far. */
static unsigned step_for(double reach_m, double lat) {
    int step = -1;
    if (reach_m == 0) return GEO_STEP_MAX;
    for (; reach_m < mercator_max_m; reach_m *= 2) step++;
    /* Cells are narrower near the poles. */
    if (fabs(lat) > 66) step--;
    if (fabs(lat) > 80) step--;
    return step < 1 ? 1 : step > GEO_STEP_MAX ? GEO_STEP_MAX : (unsigned)step;
}

/* Redis' test: whether the neighbours reach the bounds on every side. Around the end of the
 * grid they are on the other side of it, and seem not to. */
static bool neighbours_reach(struct geo_cell cell, const struct geo_rect *bounds) {
    return !(geo_cell_rect(geo_cell_move(cell, 0, 1)).max.lat < bounds->max.lat) &&
           !(geo_cell_rect(geo_cell_move(cell, 0, -1)).min.lat > bounds->min.lat) &&
           !(geo_cell_rect(geo_cell_move(cell, 1, 0)).max.lon < bounds->max.lon) &&
           !(geo_cell_rect(geo_cell_move(cell, -1, 0)).min.lon > bounds->min.lon);
}

/* Whether a cell and the neighbours that there are hold everything of the bounds. */
static bool cells_cover(struct geo_cell cell, const struct geo_rect *bounds) {
    struct geo_rect own = geo_cell_rect(cell);
    double lon = own.max.lon - own.min.lon, lat = own.max.lat - own.min.lat;
    return own.min.lon - lon <= bounds->min.lon && own.max.lon + lon >= bounds->max.lon &&
           own.min.lat - lat <= bounds->min.lat && own.max.lat + lat >= bounds->max.lat;
}

static struct geo_cell centre_cell(const struct geo_area *a) {
    /* The centre of a polygon around a pole may lie beyond what has cells. */
    struct geo_point at = {a->centre.lon, fmin(fmax(a->centre.lat, -GEO_LAT_MAX), GEO_LAT_MAX)};
    unsigned step = step_for(a->reach_m, at.lat);
    struct geo_cell cell = geo_cell_of(at, step);
    if (step > 1 && !neighbours_reach(cell, &a->bounds)) cell = geo_cell_of(at, --step);
    if (a->shape != GEO_POLYGON) return cell;
    /* At step 1 the four cells are the whole world. */
    while (step > 1 && !cells_cover(cell, &a->bounds)) cell = geo_cell_of(at, --step);
    return cell;
}

size_t geo_area_ranges(const struct geo_area *a, struct geo_range out[GEO_RANGES_MAX]) {
    static const struct {
        int8_t east, north;
    } moves[] = {{0, 0}, {0, 1}, {0, -1}, {1, 0}, {-1, 0}, {1, 1}, {-1, 1}, {1, -1}, {-1, -1}};
    struct geo_cell cell = centre_cell(a);
    struct geo_rect own = geo_cell_rect(cell);
    /* A side of the cell that is outside of the bounds needs no neighbour. */
    bool choose = cell.step >= 2;
    bool south = choose && own.min.lat < a->bounds.min.lat;
    bool north = choose && own.max.lat > a->bounds.max.lat;
    bool west = choose && own.min.lon < a->bounds.min.lon;
    bool east = choose && own.max.lon > a->bounds.max.lon;
    size_t n = 0;
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) {
        int8_t x = moves[i].east, y = moves[i].north;
        if ((y < 0 && south) || (y > 0 && north) || (x < 0 && west) || (x > 0 && east)) continue;
        struct geo_range range = geo_cell_range(geo_cell_move(cell, x, y));
        /* With two columns and rows, both neighbours of a side are the same cell. */
        if (n && out[n - 1].min == range.min) continue;
        out[n++] = range;
    }
    return n;
}

/* -- membership ---------------------------------------------------------------------- */

static bool in_box(const struct geo_area *a, struct geo_point p) {
    if (geo_lat_distance_m(p.lat, a->centre.lat) > a->height_m / 2) return false;
    struct geo_point beside = {a->centre.lon, p.lat};
    return geo_distance_m(p, beside) <= a->width_m / 2;
}

static bool in_polygon(const struct geo_area *a, struct geo_point p) {
    bool inside = false;
    struct geo_point from = a->vertices[a->vertex_count - 1];
    for (size_t i = 0; i < a->vertex_count; i++) {
        struct geo_point to = a->vertices[i];
        if ((to.lat > p.lat) != (from.lat > p.lat)) {
            double slope_lon = (from.lon - to.lon) * (p.lat - to.lat) / (from.lat - to.lat);
            if (p.lon < slope_lon + to.lon) inside = !inside;
        }
        from = to;
    }
    return inside;
}

bool geo_area_holds(const struct geo_area *a, double score, struct geo_point *p,
                    double *distance_m) {
    *p = geo_point_of(score);
    if (a->shape == GEO_BOX && !in_box(a, *p)) return false;
    if (a->shape == GEO_POLYGON && !in_polygon(a, *p)) return false;
    *distance_m = geo_distance_m(a->centre, *p);
    return a->shape != GEO_CIRCLE || *distance_m <= a->width_m;
}
