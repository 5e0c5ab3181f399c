/* msgpack.c - see msgpack.h: Lua's values to MessagePack and back.
 *
 * pack(...) writes each argument, unpack(s) gives all items of s, unpack_one(s [, offset]) and
 * unpack_limit(s, n [, offset]) the next ones, and first where to go on (-1: at the end).
 * A table whose keys are 1 to n is an array, any other a map. Tables nested deeper than
 * NESTING_MAX, and what has no form (functions ...), become nil.
 * Specification: Redis' cmsgpack 0.4, its replies and errors.
 */
#include "script/msgpack.h"

#include <limits.h>
#include <lua5.1/lauxlib.h>
#include <string.h>

#include "wire/msgpack.h"

#define NESTING_MAX 16

/* ---- packing ------------------------------------------------------------------------ */

/* Bytes in a userdata, so that an error frees them; it lies in the slot below all others. */
struct out {
    lua_State *L;
    int slot;
    char *p;
    size_t n, size;
};

#define OUT_BYTES_FIRST 256

static void out_put(struct out *o, const void *p, size_t n) {
    if (n > o->size - o->n) {
        size_t size = 2 * o->size + n;
        char *grown = lua_newuserdata(o->L, size);
        memcpy(grown, o->p, o->n);
        lua_replace(o->L, o->slot);
        o->p = grown;
        o->size = size;
    }
    if (n) memcpy(o->p + o->n, p, n);
    o->n += n;
}

static void put_item(struct out *o, struct msgpack_item item) {
    uint8_t head[MSGPACK_HEAD_BYTES_MAX];
    out_put(o, head, msgpack_put(head, &item));
    if (item.type == MSGPACK_STRING) out_put(o, item.s.p, item.s.n);
}

static bool is_whole(double v) { return v >= -0x1p63 && v < 0x1p63 && (double)(int64_t)v == v; }

/* How many elements the table at the top has, and whether they are those of an array. */
static bool measure(lua_State *L, uint64_t *count) {
    bool array = true;
    double most = 0;
    *count = 0;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1), ++*count) {
        double key = lua_type(L, -2) == LUA_TNUMBER ? lua_tonumber(L, -2) : 0;
        array = array && key > 0 && is_whole(key);
        if (key > most) most = key;
    }
    return array && most == (double)*count;
}

static void pack_value(struct out *o, int level);

static void pack_table(struct out *o, int level) {
    lua_State *L = o->L;
    uint64_t count;
    bool array = measure(L, &count);
    put_item(o, (struct msgpack_item){array ? MSGPACK_ARRAY : MSGPACK_MAP, {.u = count}});
    for (uint64_t i = 1; array && i <= count; i++) {
        lua_rawgeti(L, -1, (int)i);
        pack_value(o, level + 1);
    }
    if (array) return;
    for (lua_pushnil(L); lua_next(L, -2);) {
        lua_pushvalue(L, -2);
        pack_value(o, level + 1);
        pack_value(o, level + 1);
    }
}

/* Writes the value at the top, and pops it. */
static void pack_value(struct out *o, int level) {
    lua_State *L = o->L;
    struct msgpack_item item = {.type = MSGPACK_NIL};
    luaL_checkstack(L, 5, "in function mp_encode_lua_type");
    switch (lua_type(L, -1)) {
    case LUA_TSTRING:
        item.type = MSGPACK_STRING;
        item.s.p = lua_tolstring(L, -1, &item.s.n);
        break;
    case LUA_TBOOLEAN:
        item.type = MSGPACK_BOOL;
        item.b = lua_toboolean(L, -1);
        break;
    case LUA_TNUMBER:
        item.d = lua_tonumber(L, -1);
        item.type = is_whole(item.d) ? MSGPACK_INT : MSGPACK_DOUBLE;
        if (item.type == MSGPACK_INT) item.i = (int64_t)item.d;
        break;
    case LUA_TTABLE:
        if (level == NESTING_MAX) break;
        pack_table(o, level);
        lua_pop(L, 1);
        return;
    default: break;
    }
    put_item(o, item);
    lua_pop(L, 1);
}

static int pack(lua_State *L) {
    int argc = lua_gettop(L);
    if (argc == 0) return luaL_argerror(L, 0, "MessagePack pack needs input.");
    luaL_checkstack(L, 6, "Too many arguments for MessagePack pack.");
    struct out o = {L, argc + 1, lua_newuserdata(L, OUT_BYTES_FIRST), 0, OUT_BYTES_FIRST};
    for (int i = 1; i <= argc; i++) {
        lua_pushvalue(L, i);
        pack_value(&o, 0);
    }
    lua_pushlstring(L, o.p, o.n);
    return 1;
}

/* ---- unpacking ---------------------------------------------------------------------- */

static void unpack_value(lua_State *L, struct slice *in);

static void unpack_array(lua_State *L, struct slice *in, uint64_t count) {
    lua_newtable(L);
    luaL_checkstack(L, 1, "in function mp_decode_to_lua_array");
    for (uint64_t i = 1; i <= count; i++) {
        lua_pushnumber(L, (double)i);
        unpack_value(L, in);
        lua_settable(L, -3);
    }
}

static void unpack_map(lua_State *L, struct slice *in, uint64_t count) {
    lua_newtable(L);
    for (uint64_t i = 0; i < count; i++) {
        unpack_value(L, in);
        unpack_value(L, in);
        lua_settable(L, -3);
    }
}

/* Takes an item off the input and pushes it. */
static void unpack_value(lua_State *L, struct slice *in) {
    struct msgpack_item item = {.s = {NULL, 0}};
    luaL_checkstack(L, 3,
                    "too many return values at once; use unpack_one or unpack_limit instead.");
    switch (msgpack_get(in, &item)) {
    case MSGPACK_OK: break;
    case MSGPACK_SHORT: luaL_error(L, "Missing bytes in input."); return;
    case MSGPACK_BAD: luaL_error(L, "Bad data format in input."); return;
    }
    switch (item.type) {
    case MSGPACK_NIL: lua_pushnil(L); break;
    case MSGPACK_BOOL: lua_pushboolean(L, item.b); break;
    case MSGPACK_INT: lua_pushnumber(L, (double)item.i); break;
    case MSGPACK_UINT: lua_pushnumber(L, (double)(int64_t)item.u); break; /* signed, as in Redis */
    case MSGPACK_DOUBLE: lua_pushnumber(L, item.d); break;
    case MSGPACK_STRING: lua_pushlstring(L, item.s.p, item.s.n); break;
    case MSGPACK_ARRAY: unpack_array(L, in, item.u); break;
    case MSGPACK_MAP: unpack_map(L, in, item.u); break;
    }
}

/* Pushes up to `limit` items (0: all of them) and returns how many values there are to return. */
static int unpack_from(lua_State *L, long limit, long offset) {
    struct slice all, in;
    all.p = luaL_checklstring(L, 1, &all.n);
    if (offset < 0 || limit < 0) {
        return luaL_error(L, "Invalid request to unpack with offset of %d and limit of %d.",
                          (int)offset, (int)all.n);
    }
    if ((size_t)offset > all.n) {
        return luaL_error(L, "Start offset %d greater than input length %d.", (int)offset,
                          (int)all.n);
    }
    bool everything = limit == 0 && offset == 0;
    if (everything) limit = INT_MAX;
    in = slice_of(all.p + offset, all.n - (size_t)offset);
    int count = 0;
    for (; in.n && count < limit; count++) unpack_value(L, &in);
    if (everything) return count;
    lua_pushnumber(L, in.n ? (double)(all.n - in.n) : -1);
    lua_insert(L, -count - 1);
    return count + 1;
}

static int unpack(lua_State *L) { return unpack_from(L, 0, 0); }

static int unpack_one(lua_State *L) {
    long offset = luaL_optinteger(L, 2, 0);
    lua_settop(L, 1);
    return unpack_from(L, 1, offset);
}

static int unpack_limit(lua_State *L) {
    long limit = luaL_checkinteger(L, 2), offset = luaL_optinteger(L, 3, 0);
    lua_settop(L, 1);
    return unpack_from(L, limit, offset);
}

void msgpack_open(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"pack", pack},
        {"unpack", unpack},
        {"unpack_one", unpack_one},
        {"unpack_limit", unpack_limit},
        {NULL, NULL},
    };
    static const char *const texts[][2] = {
        {"_NAME", "cmsgpack"},
        {"_VERSION", "lua-cmsgpack 0.4.0"},
        {"_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo"},
        {"_DESCRIPTION", "MessagePack C implementation for Lua"},
    };
    lua_newtable(L);
    luaL_register(L, NULL, functions);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        lua_pushstring(L, texts[i][1]);
        lua_setfield(L, -2, texts[i][0]);
    }
}
