/* convert.c - see convert.h. */
#include "script/convert.h"

#include <stdlib.h>

#include "base/limits.h"
#include "script/run.h"

#define VALUES_A_STEP 1024 /* between two looks at the clock */

/* ---- replies to values -------------------------------------------------------------- */

static void set_string(lua_State *L, const char *name, struct slice s) {
    lua_pushlstring(L, s.p, s.n);
    lua_setfield(L, -2, name);
}

/* The number of a header at p, which moves behind its line. */
static int64_t take_int(const char **p) {
    const char *at = *p;
    bool negative = *at == '-';
    uint64_t v = 0;
    for (at += negative; *at != '\r'; at++) v = v * 10 + (uint64_t)(*at - '0');
    *p = at + 2;
    return negative ? -(int64_t)v : (int64_t)v;
}

static struct slice take_line(const char **p) {
    const char *start = *p, *at = start;
    while (*at != '\r') at++;
    *p = at + 2;
    return slice_of(start, (size_t)(at - start));
}

static const char *push_bulk(lua_State *L, const char *p) {
    int64_t n = take_int(&p);
    if (n < 0) {
        lua_pushboolean(L, 0);
        return p;
    }
    lua_pushlstring(L, p, (size_t)n);
    return p + n + 2;
}

static const char *push_array(lua_State *L, const char *p) {
    int64_t n = take_int(&p);
    if (n < 0) {
        lua_pushboolean(L, 0);
        return p;
    }
    lua_createtable(L, (int)n, 0);
    for (int i = 1; i <= n; i++) {
        p = convert_push(L, p);
        lua_rawseti(L, -2, i);
    }
    return p;
}

/* {name = {...}}: a map of pairs, or a set whose members are keys. */
static const char *push_pairs(lua_State *L, const char *p, const char *name, bool is_map) {
    int64_t n = take_int(&p);
    lua_createtable(L, 0, 1);
    lua_createtable(L, 0, (int)n);
    for (int64_t i = 0; i < n; i++) {
        p = convert_push(L, p);
        if (is_map) {
            p = convert_push(L, p);
        } else {
            lua_pushboolean(L, 1);
        }
        lua_rawset(L, -3);
    }
    lua_setfield(L, -2, name);
    return p;
}

/* A reply behind attributes, which scripts do not see. */
static const char *push_behind(lua_State *L, const char *p) {
    for (int64_t n = 2 * take_int(&p); n; n--) {
        p = convert_push(L, p);
        lua_pop(L, 1);
    }
    return convert_push(L, p);
}

static const char *push_verbatim(lua_State *L, const char *p) {
    size_t n = (size_t)take_int(&p);
    lua_createtable(L, 0, 1);
    lua_createtable(L, 0, 2);
    set_string(L, "format", slice_of(p, 3));
    set_string(L, "string", slice_of(p + 4, n - 4));
    lua_setfield(L, -2, "verbatim_string");
    return p + n + 2;
}

static const char *push_line(lua_State *L, const char *p, char type) {
    struct slice line = take_line(&p);
    switch (type) {
    case '#': lua_pushboolean(L, *line.p == 't'); return p;
    case '_': lua_pushnil(L); return p;
    case ',':
        lua_createtable(L, 0, 1);
        lua_pushnumber(L, strtod(line.p, NULL));
        lua_setfield(L, -2, "double");
        return p;
    case '(':
        lua_createtable(L, 0, 1);
        set_string(L, "big_number", line);
        return p;
    case '-':
        lua_createtable(L, 0, 4);
        set_string(L, "err", line);
        lua_pushboolean(L, 1); /* it was counted with the command that gave it */
        lua_setfield(L, -2, "ignore_error_stats_update");
        return p;
    default:
        lua_createtable(L, 0, 1);
        set_string(L, "ok", line);
        return p;
    }
}

const char *convert_push(lua_State *L, const char *p) {
    luaL_checkstack(L, 5, "reply nested too deep");
    char type = *p++;
    switch (type) {
    case ':': lua_pushnumber(L, (double)take_int(&p)); return p;
    case '$': return push_bulk(L, p);
    case '*':
    case '>': return push_array(L, p);
    case '%': return push_pairs(L, p, "map", true);
    case '~': return push_pairs(L, p, "set", false);
    case '=': return push_verbatim(L, p);
    case '|': return push_behind(L, p);
    default: return push_line(L, p, type);
    }
}

/* ---- values to replies -------------------------------------------------------------- */

/* Of one conversion: the protocol that the script has set, and how many values may follow. A table
 * may hold itself, several times. */
struct how {
    struct run *run;
    int proto;
    int64_t left;
};

static void convert(lua_State *L, struct reply *r, struct how *how);

/* Now and then: a reply takes long that has many values, and is cut short when the script is
 * killed. */
static void rest(struct how *how) {
    if (how->left % VALUES_A_STEP || !how->run) return;
    run_rest(how->run);
    if (how->run->killed) how->left = 0;
}

/* Pushes a field of the table at the top if it is of the type. */
static bool get_field(lua_State *L, const char *name, int type) {
    lua_pushstring(L, name);
    lua_rawget(L, -2);
    if (lua_type(L, -1) == type) return true;
    lua_pop(L, 1);
    return false;
}

static size_t count_pairs(lua_State *L) {
    size_t n = 0;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) n++;
    return n;
}

/* The members of the table at the top, their values too if it is a map. */
static void write_pairs(lua_State *L, struct reply *r, bool is_map, struct how *how) {
    if (is_map) {
        reply_map(r, count_pairs(L));
    } else {
        reply_set(r, count_pairs(L));
    }
    for (lua_pushnil(L); lua_next(L, -2);) {
        lua_pushvalue(L, -2);
        convert(L, r, how);
        if (is_map) {
            convert(L, r, how);
        } else {
            lua_pop(L, 1);
        }
    }
}

static bool write_verbatim(lua_State *L, struct reply *r) {
    char ext[3] = "   ";
    if (!get_field(L, "format", LUA_TSTRING)) return false;
    size_t n = lua_objlen(L, -1);
    memcpy(ext, lua_tostring(L, -1), n < 3 ? n : 3);
    lua_pop(L, 1);
    if (!get_field(L, "string", LUA_TSTRING)) return false;
    struct slice s;
    s.p = lua_tolstring(L, -1, &s.n);
    reply_verbatim(r, s, ext);
    lua_pop(L, 1);
    return true;
}

/* A table with a field that says what it is; pops the field. False if it is none. */
static bool write_special(lua_State *L, struct reply *r, struct how *how) {
    struct slice s;
    if (get_field(L, "err", LUA_TSTRING)) {
        reply_error_slice(r, slice_cstr(lua_tostring(L, -1)));
    } else if (get_field(L, "ok", LUA_TSTRING)) {
        reply_simple_slice(r, slice_cstr(lua_tostring(L, -1)));
    } else if (get_field(L, "double", LUA_TNUMBER)) {
        reply_double(r, lua_tonumber(L, -1));
    } else if (get_field(L, "map", LUA_TTABLE)) {
        write_pairs(L, r, true, how);
    } else if (get_field(L, "set", LUA_TTABLE)) {
        write_pairs(L, r, false, how);
    } else if (get_field(L, "big_number", LUA_TSTRING)) {
        s.p = lua_tolstring(L, -1, &s.n);
        reply_big_number(r, s);
    } else if (get_field(L, "verbatim_string", LUA_TTABLE)) {
        bool whole = write_verbatim(L, r);
        lua_pop(L, 1);
        return whole;
    } else {
        return false;
    }
    lua_pop(L, 1);
    return true;
}

static void write_array(lua_State *L, struct reply *r, struct how *how) {
    int n = 0;
    for (bool more = true; more; n += more) {
        lua_rawgeti(L, -1, n + 1);
        more = !lua_isnil(L, -1);
        lua_pop(L, 1);
    }
    reply_array(r, (size_t)n);
    for (int i = 1; i <= n; i++) {
        lua_rawgeti(L, -1, i);
        convert(L, r, how);
    }
}

static void write_bool(lua_State *L, struct reply *r, struct how *how) {
    bool v = lua_toboolean(L, -1);
    if (how->proto == 3) {
        reply_bool(r, v);
    } else if (v) {
        reply_int(r, 1);
    } else {
        reply_null(r);
    }
}

static void write_number(lua_State *L, struct reply *r) {
    double v = lua_tonumber(L, -1);
    reply_int(r, v >= -0x1p63 && v < 0x1p63 ? (int64_t)v : INT64_MIN);
}

static void convert(lua_State *L, struct reply *r, struct how *how) {
    struct slice s;
    bool deep = !lua_checkstack(L, 6);
    rest(how);
    if (deep || how->left-- <= 0) {
        reply_error(r, deep ? "ERR reached lua stack limit" : "ERR too many values in the reply");
        lua_pop(L, 1);
        return;
    }
    switch (lua_type(L, -1)) {
    case LUA_TSTRING:
        s.p = lua_tolstring(L, -1, &s.n);
        reply_bulk(r, s);
        break;
    case LUA_TBOOLEAN: write_bool(L, r, how); break;
    case LUA_TNUMBER: write_number(L, r); break;
    case LUA_TTABLE:
        if (!write_special(L, r, how)) write_array(L, r, how);
        break;
    default: reply_null(r); break;
    }
    lua_pop(L, 1);
}

void convert_reply(lua_State *L, struct reply *r, int script_proto, struct run *run) {
    convert(L, r, &(struct how){run, script_proto, SCRIPT_REPLY_VALUES_MAX});
}
