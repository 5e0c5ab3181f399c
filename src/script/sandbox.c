/* sandbox.c - see sandbox.h.
 *
 * A guard is an empty table whose metatable finds everything in the table behind it. Scripts have
 * no way to the table itself: what would reach past metatables (rawset, next, table.insert ...)
 * is wrapped here, and all else sees an empty table. In the interpreter that Redis carries, tables
 * have a flag for this; the replies are the same.
 * S1  No table that outlives a script is reachable for it but through a guard.
 * To admit another global: a line in the lists at the bottom. What is added must not change shared
 * tables, nor reach files, the process or the interpreter's state.
 */
#include "script/sandbox.h"

#include <lua5.1/lua-bitop.h>
#include <lua5.1/lua-cjson.h>
#include <lua5.1/lualib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/limits.h"
#include "script/bounds.h"
#include "script/msgpack.h"
#include "script/run.h"
#include "script/struct.h"

#define PATTERN_BYTES_MAX (64 * 1024) /* matching recurses once an item of the pattern */

/* ---- guards ------------------------------------------------------------------------- */

/* Keys of a guard's metatable; no script can make one. */
static const char real_key, meta_key;

static void set_key(lua_State *L, const char *key) { /* table[key] = top; pops it */
    lua_pushlightuserdata(L, (void *)key);
    lua_insert(L, -2);
    lua_rawset(L, -3);
}

static void get_key(lua_State *L, const char *key) {
    lua_pushlightuserdata(L, (void *)key);
    lua_rawget(L, -2);
}

static int refuse_write(lua_State *L) { return luaL_error(L, SANDBOX_READONLY); }

/* The same without the place: as from within a library function. */
static int refuse_raw_write(lua_State *L) {
    lua_pushliteral(L, SANDBOX_READONLY);
    return lua_error(L);
}

static int refuse_read(lua_State *L) {
    return luaL_error(L, "Script attempted to access nonexistent global variable '%s'",
                      luaL_checkstring(L, 2));
}

void sandbox_guard(lua_State *L, bool closed) {
    lua_newtable(L); /* the guard */
    lua_createtable(L, 0, 4);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, refuse_write);
    lua_setfield(L, -2, "__newindex");
    lua_pushvalue(L, -3);
    set_key(L, &real_key);
    if (closed) {
        lua_createtable(L, 0, 1);
        lua_pushcfunction(L, refuse_read);
        lua_setfield(L, -2, "__index");
        lua_pushvalue(L, -1);
        lua_setmetatable(L, -5);
        sandbox_guard(L, false);
        set_key(L, &meta_key);
    }
    lua_setmetatable(L, -2);
    lua_replace(L, -2);
}

bool sandbox_real(lua_State *L, int idx) {
    if (lua_type(L, idx) != LUA_TTABLE || !lua_getmetatable(L, idx)) return false;
    get_key(L, &real_key);
    lua_remove(L, -2);
    if (!lua_isnil(L, -1)) return true;
    lua_pop(L, 1);
    return false;
}

/* Puts the table behind a guard in the guard's place. */
static void look_behind(lua_State *L, int idx) {
    if (sandbox_real(L, idx)) lua_replace(L, idx);
}

static bool is_guard(lua_State *L, int idx) {
    if (!sandbox_real(L, idx)) return false;
    lua_pop(L, 1);
    return true;
}

/* ---- base --------------------------------------------------------------------------- */

static int base_next(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    look_behind(L, 1);
    lua_settop(L, 2);
    if (lua_next(L, 1)) return 2;
    lua_pushnil(L);
    return 1;
}

static int base_pairs(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

static int base_rawget(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkany(L, 2);
    look_behind(L, 1);
    lua_settop(L, 2);
    lua_rawget(L, 1);
    return 1;
}

static int base_rawset(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkany(L, 2);
    luaL_checkany(L, 3);
    if (is_guard(L, 1)) return refuse_raw_write(L);
    lua_settop(L, 3);
    lua_rawset(L, 1);
    return 1;
}

static int base_getmetatable(lua_State *L) {
    luaL_checkany(L, 1);
    if (lua_type(L, 1) == LUA_TSTRING) {
        lua_pushvalue(L, lua_upvalueindex(1));
    } else if (!lua_getmetatable(L, 1)) {
        lua_pushnil(L);
    } else if (is_guard(L, 1)) {
        get_key(L, &meta_key);
    } else {
        luaL_getmetafield(L, 1, "__metatable"); /* of itself, if it has that */
    }
    return 1;
}

static int base_setmetatable(lua_State *L) {
    int type = lua_type(L, 2);
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argcheck(L, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table expected");
    if (luaL_getmetafield(L, 1, "__metatable"))
        luaL_error(L, "cannot change a protected metatable");
    if (is_guard(L, 1)) return refuse_raw_write(L);
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

/* As in Redis, an error table becomes its text, as errors were before they were tables. */
static int base_pcall(lua_State *L) {
    luaL_checkany(L, 1);
    lua_pushboolean(L, 1);
    lua_insert(L, 1);
    if (lua_pcall(L, lua_gettop(L) - 2, LUA_MULTRET, 0) == 0) return lua_gettop(L);
    if (lua_istable(L, -1)) {
        lua_getfield(L, -1, "err");
        if (lua_isstring(L, -1)) {
            lua_replace(L, -2);
        } else {
            lua_pop(L, 1);
        }
    }
    lua_pushboolean(L, 0);
    lua_insert(L, -2);
    return 2;
}

static int call_handler(lua_State *L) {
    if (run_is_ending(vm_of(L))) return 1;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

/* Where a hook ends a script no other hook runs before the handler is over, so that nothing could
 * end that: it is not called then. */
static int base_xpcall(lua_State *L) {
    luaL_checkany(L, 2);
    lua_settop(L, 2);
    if (lua_isfunction(L, 2)) lua_pushcclosure(L, call_handler, 1);
    lua_insert(L, 1);
    int status = lua_pcall(L, 0, LUA_MULTRET, 1);
    lua_pushboolean(L, status == 0);
    lua_replace(L, 1);
    return lua_gettop(L);
}

/* "collect", "count" and "step" as they are; what would last beyond the script does nothing. */
static int base_collectgarbage(lua_State *L) {
    static const char *const options[] = {"collect", "count",    "step",       "stop",
                                          "restart", "setpause", "setstepmul", NULL};
    int option = luaL_checkoption(L, 1, "collect", options);
    int data = luaL_optint(L, 2, 0);
    if (option == 1) {
        lua_pushnumber(L, lua_gc(L, LUA_GCCOUNT, 0) + lua_gc(L, LUA_GCCOUNTB, 0) / 1024.0);
    } else if (option == 2) {
        lua_pushboolean(L, lua_gc(L, LUA_GCSTEP, data));
    } else {
        lua_pushnumber(L, option == 0 ? lua_gc(L, LUA_GCCOLLECT, 0) : 0);
    }
    return 1;
}

/* ---- chunks ------------------------------------------------------------------------- */

int sandbox_load(lua_State *L, struct slice text, const char *name) {
    if (text.n > SCRIPT_TEXT_BYTES_MAX) { /* the lexer counts in ints */
        lua_pushliteral(L, "script is too long");
        return LUA_ERRSYNTAX;
    }
    lua_pushstring(L, name); /* the parser does not hold it */
    if (text.n && text.p[0] == LUA_SIGNATURE[0]) {
        lua_pushliteral(L, " ");
        lua_pushlstring(L, text.p, text.n);
        lua_concat(L, 2);
        text.p = lua_tolstring(L, -1, &text.n);
    } else {
        lua_pushnil(L);
    }
    int status = luaL_loadbuffer(L, text.n ? text.p : "", text.n, name);
    lua_replace(L, -3);
    lua_pop(L, 1);
    return status;
}

static int loaded(lua_State *L, int status) {
    if (status == 0) return 1;
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

static int base_loadstring(lua_State *L) {
    struct slice text;
    text.p = luaL_checklstring(L, 1, &text.n);
    return loaded(L, sandbox_load(L, text, luaL_optstring(L, 2, text.p)));
}

/* Collects the pieces that the function at 1 returns, and returns all of them. */
static int read_pieces(lua_State *L) {
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (;;) {
        lua_pushvalue(L, 1);
        lua_call(L, 0, 1);
        if (lua_isnil(L, -1) || (lua_isstring(L, -1) && lua_objlen(L, -1) == 0)) break;
        if (!lua_isstring(L, -1)) return luaL_error(L, "reader function must return a string");
        luaL_addvalue(&b);
    }
    lua_pop(L, 1);
    luaL_pushresult(&b);
    return 1;
}

static int base_load(lua_State *L) {
    const char *name = luaL_optstring(L, 2, "=(load)");
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 2);
    lua_pushcfunction(L, read_pieces);
    lua_pushvalue(L, 1);
    if (lua_pcall(L, 1, 1, 0)) return loaded(L, LUA_ERRRUN);
    struct slice text;
    text.p = lua_tolstring(L, -1, &text.n);
    return loaded(L, sandbox_load(L, text, name));
}

/* ---- table, string, math, os --------------------------------------------------------- */

/* The library's own functions, which are the same for all interpreters. */
static lua_CFunction own_insert, own_foreach, own_find, own_match, own_gmatch, own_gsub;

static int tab_insert(lua_State *L) { return is_guard(L, 1) ? refuse_raw_write(L) : own_insert(L); }

static int table_foreach(lua_State *L) {
    look_behind(L, 1);
    return own_foreach(L);
}

static void check_pattern(lua_State *L) {
    if (lua_isstring(L, 2) && lua_objlen(L, 2) > PATTERN_BYTES_MAX)
        luaL_error(L, "pattern too complex");
}

static int string_find(lua_State *L) {
    check_pattern(L);
    return own_find(L);
}

static int string_match(lua_State *L) {
    check_pattern(L);
    return own_match(L);
}

static int string_gmatch(lua_State *L) {
    check_pattern(L);
    return own_gmatch(L);
}

static int string_gsub(lua_State *L) {
    check_pattern(L);
    return own_gsub(L);
}

/* The linear congruence of POSIX' drand48 family: 48 bits of state, of which a number takes the
 * upper 31. Redis' scripts draw from it with its usual first state. */
#define RANDOM_FACTOR UINT64_C(0x5DEECE66D)
#define RANDOM_ADDEND 0xB
#define RANDOM_MASK ((UINT64_C(1) << 48) - 1)
#define RANDOM_SEED_LOW 0x330E
#define RANDOM_MAX 0x7fffffff

static double next_random(struct vm *vm) {
    vm->random = (vm->random * RANDOM_FACTOR + RANDOM_ADDEND) & RANDOM_MASK;
    return (double)((vm->random >> 17) % RANDOM_MAX) / RANDOM_MAX;
}

static int math_random(lua_State *L) {
    double r = next_random(vm_of(L));
    int argc = lua_gettop(L);
    if (argc == 0) {
        lua_pushnumber(L, r);
        return 1;
    }
    if (argc > 2) return luaL_error(L, "wrong number of arguments");
    int low = argc == 2 ? luaL_checkint(L, 1) : 1, high = luaL_checkint(L, argc);
    luaL_argcheck(L, low <= high, argc, "interval is empty");
    double span = argc == 2 ? (double)high - low + 1 : high;
    lua_pushnumber(L, __builtin_floor(r * span) + low);
    return 1;
}

static int math_randomseed(lua_State *L) {
    uint32_t seed = (uint32_t)luaL_checkint(L, 1);
    vm_of(L)->random = (uint64_t)seed << 16 | RANDOM_SEED_LOW;
    return 0;
}

static int os_clock(lua_State *L) {
    lua_pushnumber(L, (double)clock() / CLOCKS_PER_SEC);
    return 1;
}

/* ---- putting it together ------------------------------------------------------------- */

static void open_library(lua_State *L, lua_CFunction open, const char *name) {
    lua_pushcfunction(L, open);
    lua_pushstring(L, name);
    lua_call(L, 1, 0);
}

static lua_CFunction take_own(lua_State *L, const char *library, const char *name) {
    lua_getglobal(L, library);
    lua_getfield(L, -1, name);
    lua_CFunction f = lua_tocfunction(L, -1);
    lua_pop(L, 2);
    return f;
}

static void open_libraries(lua_State *L) {
    open_library(L, luaopen_base, "");
    open_library(L, luaopen_table, LUA_TABLIBNAME);
    open_library(L, luaopen_string, LUA_STRLIBNAME);
    open_library(L, luaopen_math, LUA_MATHLIBNAME);
    open_library(L, luaopen_bit, "bit");
    lua_pushcfunction(L, luaopen_cjson);
    lua_call(L, 0, 1);
    lua_setglobal(L, "cjson");
    msgpack_open(L);
    lua_setglobal(L, "cmsgpack");
    struct_open(L);
    lua_setglobal(L, "struct");
    lua_createtable(L, 0, 1);
    lua_setglobal(L, "os");
}

static void replace(lua_State *L, const char *library, const char *name, lua_CFunction f) {
    lua_getglobal(L, library);
    lua_pushcfunction(L, f);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

static void wrap_libraries(lua_State *L) {
    own_insert = take_own(L, "table", "insert");
    own_foreach = take_own(L, "table", "foreach");
    own_find = take_own(L, "string", "find");
    own_match = take_own(L, "string", "match");
    own_gmatch = take_own(L, "string", "gmatch");
    own_gsub = take_own(L, "string", "gsub");
    replace(L, "table", "insert", tab_insert);
    replace(L, "table", "foreach", table_foreach);
    replace(L, "string", "find", string_find);
    replace(L, "string", "match", string_match);
    replace(L, "string", "gmatch", string_gmatch);
    replace(L, "string", "gfind", string_gmatch);
    replace(L, "string", "gsub", string_gsub);
    replace(L, "math", "random", math_random);
    replace(L, "math", "randomseed", math_randomseed);
    replace(L, "os", "clock", os_clock);
    bounds_apply(L);
}

static const char *const kept[] = {
    "_VERSION", "assert",   "error",    "gcinfo", "ipairs", "rawequal",
    "select",   "tonumber", "tostring", "type",   "unpack", NULL,
};
static const char *const guarded[] = {
    "bit", "cjson", "cmsgpack", "coroutine", "math", "os", "string", "struct", "table", NULL,
};
static const luaL_Reg replaced[] = {
    {"collectgarbage", base_collectgarbage},
    {"load", base_load},
    {"loadstring", base_loadstring},
    {"next", base_next},
    {"pcall", base_pcall},
    {"rawget", base_rawget},
    {"rawset", base_rawset},
    {"setmetatable", base_setmetatable},
    {"xpcall", base_xpcall},
    {NULL, NULL},
};

/* getmetatable("") gives a guard; the strings themselves have the real one. */
static void set_getmetatable(lua_State *L) {
    lua_createtable(L, 0, 1);
    lua_getfield(L, -2, "string");
    lua_setfield(L, -2, "__index");
    sandbox_guard(L, false);
    lua_pushcclosure(L, base_getmetatable, 1);
    lua_setfield(L, -2, "getmetatable");
}

void sandbox_open(struct vm *vm) {
    lua_State *L = vm->L;
    vm->random = UINT64_C(0x1234ABCD0000) | RANDOM_SEED_LOW;
    open_libraries(L);
    wrap_libraries(L);
    lua_createtable(L, 0, 64);
    for (int i = 0; kept[i]; i++) {
        lua_getglobal(L, kept[i]);
        lua_setfield(L, -2, kept[i]);
    }
    for (int i = 0; guarded[i]; i++) {
        lua_getglobal(L, guarded[i]);
        sandbox_guard(L, false);
        lua_setfield(L, -2, guarded[i]);
    }
    luaL_register(L, NULL, replaced);
    lua_getfield(L, -1, "next");
    lua_pushcclosure(L, base_pairs, 1);
    lua_setfield(L, -2, "pairs");
    set_getmetatable(L);
}
