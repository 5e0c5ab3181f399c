/* bounds.c - see bounds.h.
 *
 * unpack counts its results, and bit.tohex its digits, in an int that overflows; cjson counts bytes
 * in one, and writes behind its buffer or ends the process when they are too many.
 * B1  No argument of a script brings those counts beyond an int.
 * To check another function: a wrapper that calls the own one in its own frame, so that errors
 * name the same place, and a line in bounds_apply.
 */
#include "script/bounds.h"

#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/limits.h"

static int base_unpack(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    int first = luaL_optint(L, 2, 1);
    int last = lua_isnoneornil(L, 3) ? (int)lua_objlen(L, 1) : luaL_checkint(L, 3);
    if (first > last) return 0;
    int64_t n = (int64_t)last - first + 1;
    if (n > INT_MAX || !lua_checkstack(L, (int)n))
        return luaL_error(L, "too many results to unpack");
    for (int64_t i = first; i <= last; i++) lua_rawgeti(L, 1, (int)i);
    return (int)n;
}

static lua_CFunction own_tohex, own_tobit;

#define HEX_DIGITS 8

/* More digits than there are: as many as there are, in capitals for a negative number. */
static int bit_tohex(lua_State *L) {
    if (lua_isnumber(L, 2)) {
        lua_pushcfunction(L, own_tobit); /* what its number is taken for */
        lua_pushvalue(L, 2);
        lua_call(L, 1, 1);
        if (lua_tonumber(L, -1) < -HEX_DIGITS) {
            lua_pushinteger(L, -HEX_DIGITS);
            lua_replace(L, 2);
        }
        lua_pop(L, 1);
    }
    return own_tohex(L);
}

/* ---- cjson -------------------------------------------------------------------------- */

#define ESCAPED_BYTES 6 /* \u0000: so much is reserved for every byte of a string */
#define NUMBER_BYTES 64
#define NULL_BYTES 5 /* and a comma */

static lua_CFunction own_encode, own_decode, own_new;

struct json_bounds {
    int64_t left;
    bool too_deep;
    int depth_max;                    /* as encode_max_depth tells it */
    double sparse_ratio, sparse_safe; /* as encode_sparse_array does */
};

static void take(struct json_bounds *b, double bytes) {
    b->left = bytes < (double)b->left ? b->left - (int64_t)bytes : -1;
}

/* Whether an array of so many items, the last at max, is written with all that lies between. */
static bool is_filled(const struct json_bounds *b, double items, double max) {
    return b->sparse_ratio == 0 || max <= items * b->sparse_ratio || max <= b->sparse_safe;
}

static bool is_over(const struct json_bounds *b) { return b->left < 0 || b->too_deep; }

/* Takes what encode may reserve for the value at the top, which is in so many tables. One that is
 * in too many ends it, as a table may be in itself. */
static void measure(lua_State *L, struct json_bounds *b, int depth) {
    int type = lua_type(L, -1);
    take(b, type == LUA_TSTRING ? (double)lua_objlen(L, -1) * ESCAPED_BYTES + NULL_BYTES
                                : NUMBER_BYTES);
    if (type != LUA_TTABLE) return;
    b->too_deep = depth == b->depth_max || !lua_checkstack(L, 3);
    if (b->too_deep) return;
    double items = 0, max = 0;
    bool is_array = true;
    lua_pushnil(L);
    while (!is_over(b) && lua_next(L, -2)) {
        measure(L, b, depth + 1);
        lua_pop(L, 1);
        double key = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
        is_array = is_array && key >= 1 && key <= INT_MAX && floor(key) == key;
        if (lua_type(L, -1) == LUA_TSTRING) {
            take(b, (double)lua_objlen(L, -1) * ESCAPED_BYTES + NULL_BYTES);
        } else {
            take(b, NUMBER_BYTES);
        }
        max = key > max ? key : max;
        items++;
    }
    if (is_over(b)) return;
    if (is_array && is_filled(b, items, max)) take(b, max * NULL_BYTES);
}

/* Its other upvalues are encode_sparse_array and encode_max_depth. */
static int json_encode(lua_State *L) {
    if (lua_gettop(L) != 1) return own_encode(L);
    struct json_bounds b = {.left = SCRIPT_JSON_BYTES_MAX};
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_call(L, 0, 3);
    lua_pushvalue(L, lua_upvalueindex(3));
    lua_call(L, 0, 1);
    b.sparse_ratio = lua_tonumber(L, -3);
    b.sparse_safe = lua_tonumber(L, -2);
    b.depth_max = (int)lua_tointeger(L, -1);
    lua_settop(L, 1);
    measure(L, &b, 0);
    lua_settop(L, 1);
    if (b.too_deep)
        return luaL_error(L, "Cannot serialise, excessive nesting (%d)", b.depth_max + 1);
    if (b.left < 0) return luaL_error(L, "Cannot serialise, too large");
    return own_encode(L);
}

static int json_decode(lua_State *L) {
    if (lua_isstring(L, 1) && lua_objlen(L, 1) > SCRIPT_JSON_BYTES_MAX)
        return luaL_error(L, "JSON text is too large");
    return own_decode(L);
}

/* Puts f in the place of the table's function at the top, with the own one's first upvalue (its
 * settings). Returns the own one. */
static lua_CFunction replace_json(lua_State *L, const char *name, lua_CFunction f, bool is_encode) {
    lua_getfield(L, -1, name);
    lua_CFunction own = lua_tocfunction(L, -1);
    ASSERT(lua_getupvalue(L, -1, 1));
    if (is_encode) {
        lua_getfield(L, -3, "encode_sparse_array");
        lua_getfield(L, -4, "encode_max_depth");
    }
    lua_pushcclosure(L, f, is_encode ? 3 : 1);
    lua_setfield(L, -3, name);
    lua_pop(L, 1);
    return own;
}

static int json_new(lua_State *L);

static void bound_json(lua_State *L) {
    own_encode = replace_json(L, "encode", json_encode, true);
    own_decode = replace_json(L, "decode", json_decode, false);
    own_new = replace_json(L, "new", json_new, false);
}

static int json_new(lua_State *L) {
    own_new(L);
    bound_json(L);
    return 1;
}

/* ---- all ------------------------------------------------------------------------------ */

void bounds_apply(lua_State *L) {
    lua_pushcfunction(L, base_unpack);
    lua_setglobal(L, "unpack");
    lua_getglobal(L, "bit");
    lua_getfield(L, -1, "tobit");
    lua_getfield(L, -2, "tohex");
    own_tohex = lua_tocfunction(L, -1);
    own_tobit = lua_tocfunction(L, -2);
    lua_pop(L, 2);
    lua_pushcfunction(L, bit_tohex);
    lua_setfield(L, -2, "tohex");
    lua_pop(L, 1);
    lua_getglobal(L, "cjson");
    bound_json(L);
    lua_pop(L, 1);
}
