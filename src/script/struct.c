/* struct.c - see struct.h: values to the bytes of C structures and back, by a format.
 *
 * pack(format, ...), unpack(format, s [, place]) and size(format). In the format:
 *   < > little and big endian (at first: the machine's); !n alignment up to n (8); a space
 *   b h i l T  integers of 1, 2, 4, 8, 8 bytes, iN of N; in capitals unsigned
 *   f d        float, double
 *   s          a string and a zero byte
 *   cN         N bytes; c0 all of the string, or as many as the number just unpacked
 *   x          a zero byte
 * Specification: Lua's struct library 0.2 as Redis carries it, its replies and errors.
 */
#include "script/struct.h"

#include <ctype.h>
#include <limits.h>
#include <lua5.1/lauxlib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define INTEGER_BYTES_MAX 32
#define ALIGNMENT_MAX 8

struct layout {
    bool big;
    size_t align;
};

static const struct layout native = {__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__, 1};

/* ---- the format --------------------------------------------------------------------- */

/* The number at *f, which moves behind it, or `absent`. */
static int get_number(lua_State *L, const char **f, int absent) {
    if (!isdigit((unsigned char)**f)) return absent;
    int n = 0;
    do {
        int digit = *(*f)++ - '0';
        if (n > INT_MAX / 10 || n * 10 > INT_MAX - digit) luaL_error(L, "integral size overflow");
        n = n * 10 + digit;
    } while (isdigit((unsigned char)**f));
    return n;
}

/* The bytes of an option, 0 if they hang on the value or there are none. */
static size_t option_bytes(lua_State *L, char option, const char **f) {
    switch (option) {
    case 'B':
    case 'b':
    case 'x': return 1;
    case 'H':
    case 'h': return sizeof(short);
    case 'L':
    case 'l': return sizeof(long);
    case 'T': return sizeof(size_t);
    case 'f': return sizeof(float);
    case 'd': return sizeof(double);
    case 'c': return (size_t)get_number(L, f, 1);
    case 'i':
    case 'I': break;
    default: return 0;
    }
    int n = get_number(L, f, sizeof(int));
    if (n > INTEGER_BYTES_MAX) {
        luaL_error(L, "integral size %d is larger than limit of %d", n, INTEGER_BYTES_MAX);
    }
    return (size_t)n;
}

static size_t padding(size_t at, const struct layout *h, char option, size_t bytes) {
    if (bytes == 0 || option == 'c') return 0;
    if (bytes > h->align) bytes = h->align;
    return (bytes - (at & (bytes - 1))) & (bytes - 1);
}

/* An option that is no value. */
static void control(lua_State *L, char option, const char **f, struct layout *h) {
    switch (option) {
    case ' ': break;
    case '>': h->big = true; break;
    case '<': h->big = false; break;
    case '!': {
        int n = get_number(L, f, ALIGNMENT_MAX);
        if (n <= 0 || (n & (n - 1))) luaL_error(L, "alignment %d is not a power of 2", n);
        h->align = (size_t)n;
        break;
    }
    default: luaL_argerror(L, 1, lua_pushfstring(L, "invalid format option '%c'", option));
    }
}

/* ---- numbers ------------------------------------------------------------------------ */

/* As x86-64 converts: what does not fit is the least integer, modulo 2^64 for positive ones. */
static uint64_t integer_of(double n) {
    if (n >= 0x1p63 && n < 0x1p64) return (uint64_t)n;
    if (n >= -0x1p63 && n < 0x1p63) return (uint64_t)(int64_t)n;
    return n >= 0x1p64 ? 0 : UINT64_C(1) << 63;
}

static void reverse(char *p, size_t n) {
    for (size_t i = 0; i < n / 2; i++) {
        char c = p[i];
        p[i] = p[n - 1 - i];
        p[n - 1 - i] = c;
    }
}

static void put_integer(lua_State *L, luaL_Buffer *b, int arg, bool big, size_t bytes) {
    uint64_t v = integer_of(luaL_checknumber(L, arg));
    char out[INTEGER_BYTES_MAX];
    for (size_t i = 0; i < bytes; i++, v >>= 8) out[i] = (char)v;
    if (big) reverse(out, bytes);
    luaL_addlstring(b, out, bytes);
}

static double get_integer(const char *p, bool big, bool is_signed, size_t bytes) {
    uint64_t v = 0;
    for (size_t i = 0; i < bytes; i++) v = v << 8 | (uint8_t)p[big ? i : bytes - 1 - i];
    if (!is_signed) return (double)v;
    uint64_t sign = UINT64_MAX << ((bytes * 8 - 1) & 63);
    return (double)(int64_t)(v & sign ? v | sign : v);
}

static void put_real(luaL_Buffer *b, const void *v, size_t bytes, bool swap) {
    char out[sizeof(double)];
    memcpy(out, v, bytes);
    if (swap) reverse(out, bytes);
    luaL_addlstring(b, out, bytes);
}

static double get_real(const char *p, size_t bytes, bool swap) {
    char in[sizeof(double)];
    float f;
    double d;
    memcpy(in, p, bytes);
    if (swap) reverse(in, bytes);
    if (bytes == sizeof d) {
        memcpy(&d, in, sizeof d);
        return d;
    }
    memcpy(&f, in, sizeof f);
    return f;
}

/* ---- pack --------------------------------------------------------------------------- */

/* Bytes of the string in argument arg; returns how many were written. */
static size_t put_string(lua_State *L, luaL_Buffer *b, int arg, char option, size_t bytes) {
    size_t n;
    const char *s = luaL_checklstring(L, arg, &n);
    if (bytes == 0) bytes = n;
    luaL_argcheck(L, n >= bytes, arg + 1, "string too short");
    luaL_addlstring(b, s, bytes);
    if (option != 's') return bytes;
    luaL_addchar(b, 0);
    return bytes + 1;
}

static int pack(lua_State *L) {
    luaL_Buffer b;
    const char *f = luaL_checkstring(L, 1);
    struct layout h = native;
    int arg = 2;
    size_t total = 0;
    lua_pushnil(L); /* so that a missing argument is not a piece of the buffer */
    luaL_buffinit(L, &b);
    while (*f) {
        char option = *f++;
        size_t bytes = option_bytes(L, option, &f), pad = padding(total, &h, option, bytes);
        total += pad;
        while (pad-- > 0) luaL_addchar(&b, 0);
        switch (option) {
        case 'b':
        case 'B':
        case 'h':
        case 'H':
        case 'l':
        case 'L':
        case 'T':
        case 'i':
        case 'I': put_integer(L, &b, arg++, h.big, bytes); break;
        case 'x': luaL_addchar(&b, 0); break;
        case 'f': {
            float v = (float)luaL_checknumber(L, arg++);
            put_real(&b, &v, bytes, h.big != native.big);
            break;
        }
        case 'd': {
            double v = luaL_checknumber(L, arg++);
            put_real(&b, &v, bytes, h.big != native.big);
            break;
        }
        case 'c':
        case 's': bytes = put_string(L, &b, arg++, option, bytes); break;
        default: control(L, option, &f, &h);
        }
        total += bytes;
    }
    luaL_pushresult(&b);
    return 1;
}

/* ---- unpack ------------------------------------------------------------------------- */

struct input {
    const char *p;
    size_t n, at;
    int results;
};

static void need(lua_State *L, const struct input *in, size_t bytes) {
    luaL_argcheck(L, bytes <= in->n && in->at <= in->n - bytes, 2, "data string too short");
}

/* The length of c0 is the value unpacked before, which it replaces. */
static size_t length_before(lua_State *L, struct input *in) {
    if (in->results == 0 || !lua_isnumber(L, -1))
        luaL_error(L, "format 'c0' needs a previous size");
    double n = lua_tonumber(L, -1);
    size_t bytes = n >= 0 && n < 0x1p63 ? (size_t)n : SIZE_MAX;
    lua_pop(L, 1);
    in->results--;
    need(L, in, bytes);
    return bytes;
}

/* Takes one value of the input; returns its bytes. */
static size_t unpack_option(lua_State *L, struct input *in, char option, size_t bytes,
                            const struct layout *h) {
    switch (option) {
    case 'x': return bytes;
    case 'f':
    case 'd': lua_pushnumber(L, get_real(in->p + in->at, bytes, h->big != native.big)); break;
    case 'c':
        if (bytes == 0) bytes = length_before(L, in);
        lua_pushlstring(L, in->p + in->at, bytes);
        break;
    case 's': {
        const char *s = in->p + in->at, *end = memchr(s, 0, in->n - in->at);
        if (!end) luaL_error(L, "unfinished string in data");
        bytes = (size_t)(end - s) + 1;
        lua_pushlstring(L, s, bytes - 1);
        break;
    }
    default: {
        bool is_signed = islower((unsigned char)option);
        lua_pushnumber(L, get_integer(in->p + in->at, h->big, is_signed, bytes));
    }
    }
    in->results++;
    return bytes;
}

static int unpack(lua_State *L) {
    const char *f = luaL_checkstring(L, 1);
    struct layout h = native;
    struct input in = {0};
    in.p = luaL_checklstring(L, 2, &in.n);
    in.at = (size_t)luaL_optinteger(L, 3, 1);
    luaL_argcheck(L, in.at > 0, 3, "offset must be 1 or greater");
    in.at--;
    while (*f) {
        char option = *f++;
        size_t bytes = option_bytes(L, option, &f);
        in.at += padding(in.at, &h, option, bytes);
        need(L, &in, bytes);
        luaL_checkstack(L, 2, "too many results");
        if (strchr("bBhHlLTiIxfdcs", option)) {
            bytes = unpack_option(L, &in, option, bytes, &h);
        } else {
            control(L, option, &f, &h);
        }
        in.at += bytes;
    }
    lua_pushinteger(L, (lua_Integer)in.at + 1);
    return in.results + 1;
}

/* ---- size --------------------------------------------------------------------------- */

static int size_of(lua_State *L) {
    const char *f = luaL_checkstring(L, 1);
    struct layout h = native;
    size_t at = 0;
    while (*f) {
        char option = *f++;
        size_t bytes = option_bytes(L, option, &f);
        at += padding(at, &h, option, bytes);
        if (option == 's') luaL_argerror(L, 1, "option 's' has no fixed size");
        if (option == 'c' && bytes == 0) luaL_argerror(L, 1, "option 'c0' has no fixed size");
        if (!isalnum((unsigned char)option)) control(L, option, &f, &h);
        at += bytes;
    }
    lua_pushinteger(L, (lua_Integer)at);
    return 1;
}

void struct_open(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"pack", pack},
        {"unpack", unpack},
        {"size", size_of},
        {NULL, NULL},
    };
    lua_newtable(L);
    luaL_register(L, NULL, functions);
}
