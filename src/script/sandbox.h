/* sandbox.h - what Lua's own libraries are to scripts: the closed set of globals, guards. */
#ifndef SCRIPT_SANDBOX_H
#define SCRIPT_SANDBOX_H

#include "script/vm.h"

#define SANDBOX_READONLY "Attempt to modify a readonly table"

/* Opens the libraries and leaves the table of globals on the stack, without a guard. */
void sandbox_open(struct vm *vm);

/* Replaces the table at the top by its guard: a stand-in that can be read, walked and compared
 * like the table, but not changed. With `closed`, reading a name that is not there is an error. */
void sandbox_guard(lua_State *L, bool closed);

/* If the value at idx is a guard, pushes the table behind it and returns true. */
bool sandbox_real(lua_State *L, int idx);

/* A chunk of text; a binary one is read as the text that it is not. As luaL_loadbuffer. */
int sandbox_load(lua_State *L, struct slice text, const char *name);

#endif
