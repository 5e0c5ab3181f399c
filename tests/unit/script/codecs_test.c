/* codecs_test.c - replies to Lua values and back, cmsgpack and struct, in a bare interpreter. */
#include <lua5.1/lauxlib.h>
#include <lua5.1/lualib.h>
#include <stdio.h>
#include <sys/uio.h>

#include "base/random.h"
#include "script/convert.h"
#include "script/msgpack.h"
#include "script/struct.h"
#include "support/suite.h"

static lua_State *L;

/* What the reply `in` becomes when it has been a Lua value. */
static void through_lua(const char *in, int proto, int script_proto, const char *want) {
    struct reply r;
    struct iovec piece;
    reply_init(&r);
    r.proto = (uint8_t)proto;
    CU_ASSERT_PTR_EQUAL(convert_push(L, in), in + strlen(in));
    convert_reply(L, &r, script_proto, NULL);
    CU_ASSERT_EQUAL(lua_gettop(L), 0);
    CU_ASSERT_EQUAL(reply_pieces(&r, &piece, 1), 1);
    struct slice got = slice_of(piece.iov_base, piece.iov_len);
    CU_ASSERT(slice_eq(got, slice_cstr(want)));
    if (!slice_eq(got, slice_cstr(want))) fprintf(stderr, "got %.*s\n", (int)got.n, got.p);
    reply_fini(&r);
}

static void replies_there_and_back(void) {
    static const char *const same[] = {
        ":12\r\n",
        ":-9007199254740992\r\n",
        "$3\r\na\r\n\r\n",
        "$0\r\n\r\n",
        "+OK\r\n",
        "-ERR x\r\n",
        "*2\r\n:1\r\n*1\r\n$1\r\na\r\n",
        "*0\r\n",
        "#t\r\n",
        "#f\r\n",
        ",1.5\r\n",
        ",inf\r\n",
        "(123456789012345678901234567890\r\n",
        "=5\r\ntxt:x\r\n",
        "%1\r\n$1\r\na\r\n:1\r\n",
        "~1\r\n$1\r\na\r\n",
        "_\r\n",
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) through_lua(same[i], 3, 3, same[i]);
    through_lua("$-1\r\n", 2, 2, "$-1\r\n");
    through_lua("*-1\r\n", 2, 2, "$-1\r\n");
    through_lua("_\r\n", 2, 3, "$-1\r\n");
    through_lua("#t\r\n", 2, 3, ":1\r\n");
    through_lua("#f\r\n", 3, 2, "_\r\n");
    through_lua(",2.5\r\n", 2, 3, "$3\r\n2.5\r\n");
    through_lua("%1\r\n$1\r\na\r\n:1\r\n", 2, 3, "*2\r\n$1\r\na\r\n:1\r\n");
}

/* Whether a text runs to a true value; tells the error if not. */
static bool holds(const char *text) {
    bool ok = luaL_dostring(L, text) == 0 && lua_toboolean(L, -1);
    if (!ok) fprintf(stderr, "%s: %s\n", text, lua_tostring(L, -1) ? lua_tostring(L, -1) : "nil");
    lua_settop(L, 0);
    return ok;
}

static void libraries(void) {
    CU_ASSERT(holds("return cmsgpack.pack({1,'a',true}) == '\\147\\1\\161a\\195'"));
    CU_ASSERT(holds("return cmsgpack.pack({}) == '\\144' and cmsgpack.pack({a=1}) == "
                    "'\\129\\161a\\1'"));
    CU_ASSERT(holds("local p=cmsgpack.pack(1,2,3) local at,v=cmsgpack.unpack_one(p,1) "
                    "return at==2 and v==2 and cmsgpack.unpack_one(p,2)==-1"));
    CU_ASSERT(holds("local t={} for i=1,20 do t={t} end local d=0 t=cmsgpack.unpack("
                    "cmsgpack.pack(t)) while type(t)=='table' do t=t[1] d=d+1 end return d==16"));
    CU_ASSERT(
        holds("return cmsgpack.unpack('\\207\\255\\255\\255\\255\\255\\255\\255\\254') == -2"));
    CU_ASSERT(holds("return not pcall(cmsgpack.unpack,'\\193') and not "
                    "pcall(cmsgpack.unpack,'\\146\\1')"));
    CU_ASSERT(holds("return struct.pack('>I2i4',1,-2) == '\\0\\1\\255\\255\\255\\254'"));
    CU_ASSERT(holds("local a,b,at=struct.unpack('<!4 bi',struct.pack('<!4 bi',-3,70000)) "
                    "return a==-3 and b==70000 and at==9"));
    CU_ASSERT(holds("return not pcall(struct.unpack,'i4','abc') and not pcall(struct.size,'i33')"));
}

/* No bytes and no format may do harm. */
static void random_input(void) {
    struct random rng;
    random_seed(&rng, 9);
    static const char options[] = "bBhHiIlLTfdscx <>!01234";
    for (int i = 0; i < 20000; i++) {
        char bytes[40], format[8];
        size_t n = random_next_below(&rng, sizeof bytes);
        for (size_t k = 0; k < n; k++) bytes[k] = (char)random_next(&rng);
        for (size_t k = 0; k < sizeof format; k++)
            format[k] = options[random_next_below(&rng, sizeof options)];
        format[sizeof format - 1] = 0;
        lua_getglobal(L, i & 1 ? "unpack_bytes" : "unpack_struct");
        lua_pushstring(L, format);
        lua_pushlstring(L, bytes, n);
        lua_pcall(L, 2, 0, 0);
        lua_settop(L, 0);
    }
}

int main(void) {
    static const struct suite_test tests[] = {
        {"replies_there_and_back", replies_there_and_back},
        {"libraries", libraries},
        {"random_input", random_input},
        {NULL, NULL},
    };
    L = luaL_newstate();
    luaL_openlibs(L);
    msgpack_open(L);
    lua_setglobal(L, "cmsgpack");
    struct_open(L);
    lua_setglobal(L, "struct");
    luaL_dostring(L, "function unpack_bytes(f,s) cmsgpack.unpack(s) end "
                     "function unpack_struct(f,s) struct.unpack(f,s) end");
    int status = suite_main("codecs", tests);
    lua_close(L);
    return status;
}
