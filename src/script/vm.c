/* vm.c - see vm.h. */
#include "script/vm.h"

#include "base/assert.h"
#include "base/mem.h"
#include "script/api.h"
#include "script/sandbox.h"

#define SMALL_BYTES (1024 * 1024) /* there is memory for this, or the server ends */

static void *allocate(void *ud, void *p, size_t old, size_t size) {
    struct vm *vm = ud;
    if (size == 0) {
        vm->bytes -= old;
        mem_free(p);
        return NULL;
    }
    void *q = size < SMALL_BYTES || size < old ? mem_realloc(p, size) : mem_try_realloc(p, size);
    if (q) vm->bytes += size - old;
    return q;
}

/* ---- errors ------------------------------------------------------------------------- */

void vm_push_error(lua_State *L, const char *text) {
    lua_createtable(L, 0, 2);
    if (*text == '-') {
        lua_pushstring(L, text + 1);
    } else {
        lua_pushfstring(L, "ERR %s", text);
    }
    lua_setfield(L, -2, "err");
}

/* Pushes what tostring would say of the value at idx. */
static void push_text(lua_State *L, int idx) {
    switch (lua_type(L, idx)) {
    case LUA_TNIL: lua_pushliteral(L, "nil"); break;
    case LUA_TBOOLEAN: lua_pushstring(L, lua_toboolean(L, idx) ? "true" : "false"); break;
    case LUA_TSTRING:
    case LUA_TNUMBER: lua_pushstring(L, lua_tostring(L, idx)); break;
    default: lua_pushfstring(L, "%s: %p", luaL_typename(L, idx), lua_topointer(L, idx));
    }
}

/* Makes an error a table, and notes in it the place of the Lua code that raised it. */
static int on_error(lua_State *L) {
    lua_Debug at;
    bool known = lua_getstack(L, 1, &at) && lua_getinfo(L, "Sl", &at);
    if (known && *at.what == 'C') known = lua_getstack(L, 2, &at) && lua_getinfo(L, "Sl", &at);
    if (!lua_istable(L, 1)) {
        lua_createtable(L, 0, 3);
        lua_pushliteral(L, "ERR ");
        push_text(L, 1);
        lua_concat(L, 2);
        lua_setfield(L, -2, "err");
        lua_replace(L, 1);
    }
    lua_settop(L, 1);
    if (known && !sandbox_real(L, 1)) {
        lua_pushliteral(L, "source");
        lua_pushstring(L, at.source);
        lua_rawset(L, 1);
        lua_pushliteral(L, "line");
        lua_pushinteger(L, at.currentline);
        lua_rawset(L, 1);
    }
    lua_settop(L, 1);
    return 1;
}

/* ---- up and down -------------------------------------------------------------------- */

/* The two sets of globals that the one guard of them can show; see vm_set_library_api. */
static const char *const globals_field = "globals", *const library_field = "library";

static int open_all(lua_State *L) {
    struct vm *vm = lua_touserdata(L, 1);
    bool functions = strcmp(vm->chunk_name, "@user_script") != 0;
    sandbox_open(vm);
    api_open(L, functions);
    if (!functions) {
        lua_pushcfunction(L, on_error);
        lua_setfield(L, -2, "__redis__err__handler");
    }
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, globals_field);
    sandbox_guard(L, true);
    lua_pushvalue(L, -1);
    lua_replace(L, LUA_GLOBALSINDEX);
    lua_getfield(L, LUA_REGISTRYINDEX, globals_field);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "_G");
    if (functions) {
        lua_newtable(L);
        api_open_library(L);
        lua_getmetatable(L, -2); /* of the real globals: closed */
        lua_setmetatable(L, -2);
        lua_setfield(L, LUA_REGISTRYINDEX, library_field);
    }
    return 1;
}

struct vm *vm_new(struct core *core, const char *chunk_name) {
    struct vm *vm = mem_calloc(sizeof *vm);
    vm->core = core;
    vm->chunk_name = chunk_name;
    vm->L = lua_newstate(allocate, vm);
    lua_State *L = vm->L;
    lua_pushcfunction(L, open_all);
    lua_pushlightuserdata(L, vm);
    lua_call(L, 1, 1);
    lua_pushliteral(L, "KEYS");
    lua_pushliteral(L, "ARGV");
    lua_pushcfunction(L, on_error);
    ASSERT(lua_gettop(L) == VM_SLOTS);
    return vm;
}

void vm_free(struct vm *vm) {
    lua_close(vm->L);
    mem_free(vm);
}

int vm_compile(struct vm *vm, struct slice text) {
    return sandbox_load(vm->L, text, vm->chunk_name);
}

void vm_set_library_api(struct vm *vm, bool on) {
    lua_State *L = vm->L;
    lua_pushvalue(L, LUA_GLOBALSINDEX);
    lua_getmetatable(L, -1);
    lua_getfield(L, LUA_REGISTRYINDEX, on ? library_field : globals_field);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 2);
}
