/* vm.h - an interpreter of Lua 5.1 in which scripts can do no harm.
 *
 * What scripts see of the globals is a closed set (sandbox.c): reading an unknown one and writing
 * any is an error, shared tables are read-only behind guards, binary chunks are refused.
 * Code runs on the fiber of the command that goes on (core/ongoing.h), so that a long script can
 * stop in any place. There are two interpreters, one for EVAL and one for libraries of functions.
 *
 * V1  Nothing of a script outlives it in the interpreter, but what the cache or a library keeps.
 * V2  At most one script runs, or is stopped, in all interpreters.
 * Threads: the loop; an interpreter that was detached, whoever frees it.
 */
#ifndef SCRIPT_VM_H
#define SCRIPT_VM_H

#include <lua5.1/lauxlib.h>
#include <lua5.1/lua.h>

#include "base/bytes.h"
#include "core/core.h"
#include "core/reply.h"

struct run;

/* What lies at the bottom of the main thread's stack for as long as the interpreter lives. */
enum vm_slot {
    VM_GLOBALS = 1, /* the real table of globals, behind its guard */
    VM_KEYS,        /* the string "KEYS" */
    VM_ARGV,        /* the string "ARGV" */
    VM_ON_ERROR,    /* the handler that notes where an error was raised */
    VM_SLOTS = VM_ON_ERROR,
};

struct vm {
    lua_State *L;
    struct core *core;
    struct run *run; /* the script that runs, or is stopped; NULL: none */
    size_t bytes;    /* of the Lua heap */
    uint64_t random; /* 48 bits of state of math.random */
    const char *chunk_name;
};

/* Of EVAL if chunk_name is "@user_script"; with functions' own globals otherwise. */
struct vm *vm_new(struct core *core, const char *chunk_name);

/* May run on any thread when the loop has given the interpreter up. */
void vm_free(struct vm *vm);

/* The interpreter that L is a thread of. */
static inline struct vm *vm_of(lua_State *L) {
    void *vm;
    lua_getallocf(L, &vm);
    return vm;
}

/* Pushes a field of the table at an index, or nil. No metamethod is asked: that would be the
 * script's code, of which an error outside of a protected call ends the process. */
static inline void vm_push_field(lua_State *L, int table, const char *name) {
    lua_pushvalue(L, table);
    lua_pushstring(L, name);
    lua_rawget(L, -2);
    lua_remove(L, -2);
}

/* Compiles a text; leaves the function, or a message, and returns 0 or Lua's error. */
int vm_compile(struct vm *vm, struct slice text);

/* For FUNCTION LOAD: lets scripts see only what registers functions, or all but that. */
void vm_set_library_api(struct vm *vm, bool on);

/* Pushes an error table with the text, given ERR as its prefix unless it brings its own behind a
 * '-'. */
void vm_push_error(lua_State *L, const char *text);

#endif
