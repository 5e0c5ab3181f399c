/* bounds.h - for sandbox.c: what libraries of Debian do not check.
 *
 * Scripts come from anybody who may send EVAL. Redis carries an interpreter and libraries of its
 * own, in which these checks are; here they stand before the libraries' functions. Threads: the
 * loop.
 */
#ifndef SCRIPT_BOUNDS_H
#define SCRIPT_BOUNDS_H

#include <lua5.1/lauxlib.h>

/* Puts checked functions in the place of those in the globals' tables, which are all open. */
void bounds_apply(lua_State *L);

#endif
