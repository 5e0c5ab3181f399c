/* convert.h - replies to Lua values, and Lua values to replies.
 *
 * What a command replies becomes: an integer a number, a bulk string a string, an array a table,
 * null false (nil in RESP3), a status {ok=}, an error {err=}; in RESP3 also {map=}, {set=},
 * {double=}, {big_number=}, {verbatim_string={string=,format=}} and booleans. The other way round
 * alike; a number becomes an integer, true 1, what has no form null. Specification: Redis 7.2.
 */
#ifndef SCRIPT_CONVERT_H
#define SCRIPT_CONVERT_H

#include "script/vm.h"

/* Pushes the one reply that the bytes at p begin with, which are well-formed; returns where it
 * ends. May raise an error of Lua. */
const char *convert_push(lua_State *L, const char *p);

/* Writes the value at the top as a reply, and pops it. script_proto is what the script has set. The
 * run, if there is one, rests now and then, and cuts the reply short when it is killed. */
void convert_reply(lua_State *L, struct reply *r, int script_proto, struct run *run);

#endif
