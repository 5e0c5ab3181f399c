/* api.h - the table `redis` of scripts. */
#ifndef SCRIPT_API_H
#define SCRIPT_API_H

#include <stdbool.h>

#include "script/vm.h"

/* Adds redis (and its other name, server) to the table at the top: what a script can call, or what
 * a function can. */
void api_open(lua_State *L, bool functions);

/* The same for the code of a library while it is loaded. */
void api_open_library(lua_State *L);

/* redis.register_function; see library.c. */
int library_register(lua_State *L);

/* Writes the SHA1 of the bytes as 40 hexadecimal digits. Cost: some 150 ns and up. */
#define SHA1_HEX_BYTES 40
void sha1_hex(struct slice s, char out[SHA1_HEX_BYTES]);

#endif
