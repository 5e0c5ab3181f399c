/* msgpack.h - the library cmsgpack. */
#ifndef SCRIPT_MSGPACK_H
#define SCRIPT_MSGPACK_H

#include <lua5.1/lua.h>

/* Leaves the library's table on the stack. */
void msgpack_open(lua_State *L);

#endif
