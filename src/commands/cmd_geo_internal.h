/* cmd_geo_internal.h - what the files of the geo family share.
 *
 * cmd_geo.c is about single members and has the rows, cmd_geo_search.c looks for all members in an
 * area. Points are the scores of a sorted set (types/geohash.h), whose functions both use.
 * Threads: the loop.
 */
#ifndef COMMANDS_CMD_GEO_INTERNAL_H
#define COMMANDS_CMD_GEO_INTERNAL_H

#include "commands/cmd_zset_internal.h"
#include "types/geohash.h"

/* The point of arguments i and i + 1, longitude and latitude; replies an error and returns false if
 * they are none. */
bool geo_parse_point(struct ctx *c, int i, struct geo_point *p);

/* The metres of the unit in argument i; 0 with an error reply if there is no such unit. */
double geo_parse_unit(struct ctx *c, int i);

/* Longitude and latitude, and a distance, in their forms. */
void geo_reply_point(struct reply *r, struct geo_point p);
void geo_reply_distance(struct reply *r, double distance);

/* -- handlers (cmd_geo_search.c) ------------------------------------------------------- */

void geo_radius(struct ctx *c);
void geo_radius_ro(struct ctx *c);
void geo_radius_by_member(struct ctx *c);
void geo_radius_by_member_ro(struct ctx *c);
void geo_search(struct ctx *c);
void geo_search_store(struct ctx *c);

#endif
