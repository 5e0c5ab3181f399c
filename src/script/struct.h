/* struct.h - the library struct. */
#ifndef SCRIPT_STRUCT_H
#define SCRIPT_STRUCT_H

#include <lua5.1/lua.h>

/* Leaves the library's table on the stack. */
void struct_open(lua_State *L);

#endif
