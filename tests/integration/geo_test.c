/* geo_test.c - what the model test cannot compare: polygons, which Valkey 9 has, and equal
 * distances. The figures of Sydney's polygon are those of Valkey's own tests.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "replies.h"
#include "support/client.h"
#include "support/suite.h"

static struct server *server;
static redisContext *c;

static void sydney(void) {
    expect_ok(c, "FLUSHALL");
    expect_int(c, 4,
               "GEOADD p 151.20932132005692 -33.877723137822436 elizabeth "
               "151.2119820713997 -33.87697539508043 connaught "
               "151.2119820713997 -33.87156123068408 james "
               "151.2229523062706 -33.883973760201364 oxford");
    expect_int(c, 3,
               "GEOADD p 151.22852593660355 -33.88116782387797 goodhope "
               "151.2224105000496 -33.87544442350019 kings "
               "151.22953444719315 -33.874838625143106 bartley");
}

#define BLOCKS                                                                                     \
    "BYPOLYGON 11 151.21619137411474 -33.869643764947696 151.20408853981647 -33.87845382042545 "   \
    "151.2123775086366 -33.87864711938855 151.21046943124387 -33.87588862400425 "                  \
    "151.21701035939626 -33.874286511854834 151.2239557405701 -33.8735722632175 "                  \
    "151.22495056246407 -33.87893571656996 151.2274447496748 -33.882307713036354 "                 \
    "151.23212935868654 -33.88136096120022 151.23097291274465 -33.87456240592362 "                 \
    "151.22475424781445 -33.87099633192101"

static void polygons_hold_their_members(void) {
    sydney();
    expect_text(c, "[\"goodhope\", \"bartley\", \"elizabeth\"]", "GEOSEARCH p " BLOCKS);
    expect_text(c,
                "[[\"bartley\", \"858.3013\", [\"151.22953444719314575\", "
                "\"-33.87483862514310573\"]], [\"goodhope\", \"929.4979\", "
                "[\"151.22852593660354614\", \"-33.88116782387797343\"]]]",
                "GEOSEARCH p " BLOCKS " WITHDIST WITHCOORD COUNT 2");
    expect_text(c, "[[\"elizabeth\", \"1035.7735\"]]",
                "GEOSEARCH p DESC COUNT 1 " BLOCKS " WITHDIST");
    expect_text(c, "[\"goodhope\", \"bartley\"]", "GEOSEARCH p " BLOCKS " COUNT 2 ANY");
    /* Edges that cross: inside is what is inside an odd number of times. */
    expect_text(c, "[\"elizabeth\", \"james\", \"kings\"]",
                "GEOSEARCH p BYPOLYGON 5 151.2154285314146 -33.867438205607186 "
                "151.20024487595015 -33.88138572784347 151.2374118848648 -33.87601765283626 "
                "151.19695829592922 -33.87272872054441 151.2278336546125 -33.88345323146266");
}

static void polygons_are_stored(void) {
    sydney();
    expect_int(c, 2, "GEOSEARCHSTORE d p " BLOCKS " ASC STOREDIST COUNT 2");
    expect_text(c, "[\"bartley\", \"goodhope\"]", "ZRANGE d 0 -1");
    redisReply *r = cmd(c, "ZSCORE d bartley");
    CU_ASSERT(fabs(atof(r->str) - 858.3013) < 0.00005);
    freeReplyObject(r);
    expect_int(c, 3, "GEOSEARCHSTORE p p " BLOCKS);
    expect_text(c, "[\"elizabeth\", \"goodhope\", \"bartley\"]", "ZRANGE p 0 -1");
    expect_int(c, 0, "GEOSEARCHSTORE p p BYPOLYGON 3 0 0 1 0 0 1");
    expect_int(c, 0, "EXISTS p");
}

static void polygons_may_be_wrong(void) {
    static const char few[] = "ERR GEOSEARCH BYPOLYGON must have at least 3 vertices";
    static const char syntax[] = "ERR syntax error";
    sydney();
    expect_err(c, few, "GEOSEARCH p BYPOLYGON 2 1 1 2 2");
    expect_err(c, few, "GEOSEARCH p BYPOLYGON 3 1 1 2 2");
    expect_err(c, few, "GEOSEARCH p BYPOLYGON -1 1 1 2 2 3 3");
    expect_err(c, few, "GEOSEARCH p BYPOLYGON 2147483647 1 1 2 2 3 3");
    expect_err(c, "ERR invalid number of vertices", "GEOSEARCH p BYPOLYGON 2147483648 1 1 2 2 3 3");
    expect_err(c, "ERR invalid number of vertices", "GEOSEARCH p BYPOLYGON x 1 1 2 2 3 3");
    expect_err(c, "ERR value is not a valid float", "GEOSEARCH p BYPOLYGON 3 1 1 2 2 3 x");
    expect_err(c, "ERR invalid longitude,latitude pair 3.000000,86.000000",
               "GEOSEARCH p BYPOLYGON 3 1 1 2 2 3 86");
    expect_err(c, syntax, "GEOSEARCH p BYPOLYGON 3 1 1 2 2 3 3 BYRADIUS 1 km");
    expect_err(c, syntax, "GEOSEARCH p BYPOLYGON 3 1 1 2 2 3 3 BYBOX 1 1 km");
    expect_err(c, syntax, "GEOSEARCH p BYPOLYGON 3 1 1 2 2 3 3 FROMMEMBER james");
    expect_err(c, syntax, "GEOSEARCH p BYPOLYGON 3 1 1 2 2 3 3 FROMLONLAT 1 1");
    expect_err(c, syntax, "GEOSEARCH p BYRADIUS 1 km BYPOLYGON 3 1 1 2 2 3 3");
    expect_err(c, syntax, "GEOSEARCH p FROMLONLAT 1 1 BYPOLYGON 3 1 1 2 2 3 3");
    expect_err(c, syntax, "GEORADIUS p 1 1 1 km BYPOLYGON 3 1 1 2 2 3 3");
    expect_err(c,
               "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
               "GEOSEARCHSTORE d p BYPOLYGON 3 1 1 2 2 3 3 WITHDIST");
    expect_err(c, "ERR the ANY argument requires COUNT argument",
               "GEOSEARCH p BYPOLYGON 3 1 1 2 2 3 3 ANY");
    expect_text(c, "[]", "GEOSEARCH nosuch BYPOLYGON 3 1 1 2 2 3 3");
}

/* Members at one place come in the order in which they are found; of those that COUNT leaves, in
 * which redis-server's partial sort has them. */
static void equal_distances_come_as_in_redis(void) {
    expect_ok(c, "FLUSHALL");
    expect_int(c, 5, "GEOADD k 1 1 c 1 1 a 1 1 e 1 1 b 1 1 d");
    for (int n = 1; n <= 5; n++) {
        char want[32] = "[\"a\", \"b\", \"c\", \"d\", \"e\"";
        memcpy(want + 5 * n - 1, "]", 2);
        expect_text(c, want, "GEOSEARCH k FROMLONLAT 2 2 BYRADIUS 900 km COUNT %d", n);
        expect_text(c, want, "GEOSEARCH k FROMLONLAT 2 2 BYRADIUS 900 km COUNT %d DESC", n);
    }
    expect_int(c, 7, "GEOADD k 1 1 l 1 1 h 1 1 i 1 1 k 1 1 j 1 1 g 1 1 f");
    expect_text(c, "[\"l\", \"b\", \"c\", \"d\", \"e\"]",
                "GEOSEARCH k FROMLONLAT 2 2 BYRADIUS 900 km COUNT 5");
    expect_text(c,
                "[\"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\", \"h\", \"i\", \"j\", \"k\", "
                "\"l\"]",
                "GEOSEARCH k FROMLONLAT 2 2 BYRADIUS 900 km COUNT 12 DESC");
}

int main(void) {
    static const struct suite_test tests[] = {
        {"polygons_hold_their_members", polygons_hold_their_members},
        {"polygons_are_stored", polygons_are_stored},
        {"polygons_may_be_wrong", polygons_may_be_wrong},
        {"equal_distances_come_as_in_redis", equal_distances_come_as_in_redis},
        {NULL, NULL},
    };
    server = server_start(NULL);
    c = client_open(server);
    int status = suite_main("geo", tests);
    redisFree(c);
    return server_stop(server) ? 1 : status;
}
