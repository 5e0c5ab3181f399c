/* api.c - see api.h: what a script calls of the server.
 *
 * redis.call and redis.pcall run a command for the session sc->inner, whose reply is turned into a
 * Lua value right where it lies. A command's error is raised by call and returned by pcall.
 * Specification: Redis 7.2, "Lua API reference", its replies and error texts.
 */
#include "script/api.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <sys/uio.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/num.h"
#include "core/config.h"
#include "core/ongoing.h"
#include "core/stats.h"
#include "core/undo.h"
#include "core/version.h"
#include "script/convert.h"
#include "script/run.h"
#include "script/sandbox.h"

#define ARGS_ON_STACK 32

/* ---- SHA1 --------------------------------------------------------------------------- */

void sha1_hex(struct slice s, char out[SHA1_HEX_BYTES]) {
    static EVP_MD *sha1; /* fetched once: that is dearer than a short digest */
    static EVP_MD_CTX *ctx;
    static const char hex[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (!ctx) {
        sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
        ctx = EVP_MD_CTX_new();
        ASSERT(sha1 && ctx);
    }
    bool done = EVP_DigestInit_ex2(ctx, sha1, NULL) && EVP_DigestUpdate(ctx, s.p, s.n) &&
                EVP_DigestFinal_ex(ctx, digest, NULL);
    ASSERT(done);
    for (int i = 0; i < SHA1_HEX_BYTES / 2; i++) {
        out[2 * i] = hex[digest[i] >> 4];
        out[2 * i + 1] = hex[digest[i] & 15];
    }
}

/* ---- commands ----------------------------------------------------------------------- */

static int raise(lua_State *L, const char *text) {
    vm_push_error(L, text);
    return lua_error(L);
}

static int fail(lua_State *L, const char *text, bool raises) {
    vm_push_error(L, text);
    return raises ? lua_error(L) : 1;
}

/* The digits of the number at i, in its place. */
static void number_to_string(lua_State *L, int i) {
    char digits[NUM_DOUBLE_BYTES_MAX];
    lua_pushlstring(L, digits, num_format_double(digits, lua_tonumber(L, i)));
    lua_replace(L, i);
}

/* Fills argv from the stack, which keeps what it points to. An error's text, or NULL. */
static const char *take_arguments(lua_State *L, struct slice *argv, int argc) {
    if (argc == 0) return "Please specify at least one argument for this redis lib call";
    for (int i = 1; i <= argc; i++) {
        int type = lua_type(L, i);
        if (unlikely(type != LUA_TSTRING)) {
            if (type != LUA_TNUMBER)
                return "Lua redis lib command arguments must be strings or integers";
            number_to_string(L, i);
        }
        argv[i - 1].p = lua_tolstring(L, i, &argv[i - 1].n);
    }
    return NULL;
}

/* In the form of an error's whole text. */
static const char *disk_refusal(const struct run *r) {
    static char text[512];
    snprintf(text, sizeof text, "-%s", r->no_disk);
    return text;
}

/* Why the command must not run, counted with it; NULL if it may. */
static const char *command_refusal(struct run *r, const struct row *row, int argc) {
    if (unlikely(!row || (row->subs && !row->run && argc > 1 && row_arity_ok(row, argc)))) {
        return "Unknown Redis command called from script";
    }
    if (unlikely(!row_arity_ok(row, argc) || !row->run)) {
        return "Wrong number of args calling Redis command from script";
    }
    if (unlikely(row->flags & ROW_NOSCRIPT) && !r->sc->core->scripts_may_all)
        return "This Redis command is not allowed from script";
    if (unlikely(r->read_only) && row->flags & (ROW_WRITE | ROW_MAY_REPLICATE))
        return "Write commands are not allowed from read-only scripts.";
    if (row->flags & ROW_WRITE) {
        if (unlikely(r->out_of_memory && !r->written && row->flags & ROW_DENYOOM &&
                     !(r->flags & SCRIPT_ALLOW_OOM))) {
            return "-OOM command not allowed when used memory > 'maxmemory'.";
        }
        if (unlikely(r->no_disk && !r->written)) return disk_refusal(r);
        r->written = true;
    }
    return NULL;
}

/* Counts it as the error of a command, so that the script's own is not counted too. */
static int refuse_command(lua_State *L, const struct request *req, const char *text, bool raises) {
    char prefix[16] = "ERR";
    if (*text == '-')
        snprintf(prefix, sizeof prefix, "%.*s", (int)strcspn(text + 1, " "), text + 1);
    stats_error(vm_of(L)->core, prefix);
    if (req->row) row_stats(req->row)->rejected++;
    vm_push_error(L, text);
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "ignore_error_stats_update");
    return raises ? lua_error(L) : 1;
}

/* Pushes what the command replied, and drops it. */
static void take_reply(lua_State *L, struct scripts *sc) {
    struct reply *out = &sc->inner.reply;
    struct iovec piece[2];
    size_t n = reply_pending(out);
    if (likely(reply_pieces(out, piece, 2) == 1)) {
        convert_push(L, piece[0].iov_base);
    } else {
        char *all = lua_newuserdata(L, n + 1), *at = all;
        while (reply_pending(out) && reply_pieces(out, piece, 1) == 1) {
            memcpy(at, piece[0].iov_base, piece[0].iov_len);
            at += piece[0].iov_len;
            reply_sent(out, piece[0].iov_len);
        }
        sc->inner_start = (struct reply_place){0};
        convert_push(L, all);
        lua_remove(L, -2);
    }
}

/* An emptied reply keeps its first chunk. */
static void empty_reply(struct scripts *sc) {
    struct reply *out = &sc->inner.reply;
    if (unlikely(!sc->inner_start.chunk)) {
        if (out->first) reply_rewind(out, (struct reply_place){0});
        reply_raw(out, " ", 1);
        sc->inner_start = reply_here(out);
        sc->inner_start.used = 0;
    }
    reply_rewind(out, sc->inner_start);
}

static int run_command(lua_State *L, struct run *r, const struct slice *argv, int argc,
                       bool raises) {
    struct scripts *sc = r->sc;
    struct request req = {.argv = argv, .argc = argc};
    exec_prepare(sc->core, &req, NULL);
    if (req.row && unlikely(req.row->retained) && argc > 1) req.row = exec_row(sc->core, &req);
    const char *no = command_refusal(r, req.row, argc);
    if (unlikely(no)) return refuse_command(L, &req, no, raises);
    if (!sc->core->ongoing.strayed && unlikely(!run_declares(r, &req))) ongoing_stray(sc->core);
    if (unlikely(sc->undo != NULL) && req.row->flags & ROW_WRITE)
        undo_note(sc->undo, sc->inner.db, &req);
    empty_reply(sc);
    exec_inner(sc->core, &sc->inner, &req);
    bool failed = sc->inner.reply.noted & REPLY_HAS_ERROR;
    lua_settop(L, 0); /* there is room for the result now */
    take_reply(L, sc);
    return unlikely(failed && raises && lua_istable(L, -1)) ? lua_error(L) : 1;
}

static int call_command(lua_State *L, bool raises) {
    struct run *r = vm_of(L)->run;
    struct slice few[ARGS_ON_STACK], *argv = few;
    int argc = lua_gettop(L);
    if (unlikely(!r || r->load_deadline)) {
        return fail(L, "redis.call/pcall can only be called inside a script invocation", raises);
    }
    if (unlikely(argc > ARGS_ON_STACK)) { /* Lua leaves room for 20 values to every C function */
        argv = lua_newuserdata(L, (size_t)argc * sizeof *argv);
    }
    const char *no = take_arguments(L, argv, argc);
    if (unlikely(no)) return fail(L, no, raises);
    return run_command(L, r, argv, argc, raises);
}

static int api_call(lua_State *L) { return call_command(L, true); }
static int api_pcall(lua_State *L) { return call_command(L, false); }

static int api_acl_check_cmd(lua_State *L) {
    struct vm *vm = vm_of(L);
    int argc = lua_gettop(L);
    struct slice *argv = lua_newuserdata(L, ((size_t)argc + 1) * sizeof *argv);
    const char *no = take_arguments(L, argv, argc);
    if (no) return raise(L, no);
    struct request req = {.argv = argv, .argc = argc};
    exec_prepare(vm->core, &req, NULL);
    bool known = req.row && (req.row->run || argc == 1 || !req.row->subs);
    if (!known) return raise(L, "Invalid command passed to redis.acl_check_cmd()");
    lua_pushboolean(L, 1); /* there is one user, who may do anything */
    return 1;
}

/* ---- the rest ----------------------------------------------------------------------- */

static int api_log(lua_State *L) {
    static const enum log_level levels[] = {LOG_LEVEL_DEBUG, LOG_LEVEL_VERBOSE, LOG_LEVEL_NOTICE,
                                            LOG_LEVEL_WARNING};
    int argc = lua_gettop(L);
    if (argc < 2) return raise(L, "redis.log() requires two arguments or more.");
    if (!lua_isnumber(L, 1)) return raise(L, "First argument must be a number (log level).");
    double level = lua_tonumber(L, 1);
    if (!(level >= 0 && level < 4)) return raise(L, "Invalid debug level.");
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (int i = 2; i <= argc; i++) {
        size_t n;
        const char *s = lua_tolstring(L, i, &n);
        if (i > 2 && s) luaL_addchar(&b, ' ');
        if (s) luaL_addlstring(&b, s, n);
    }
    luaL_pushresult(&b);
    log_at(levels[(int)level], "%s", lua_tostring(L, -1));
    return 0;
}

static int api_sha1hex(lua_State *L) {
    char hex[SHA1_HEX_BYTES];
    struct slice s = {0};
    if (lua_gettop(L) != 1) return raise(L, "wrong number of arguments");
    s.p = lua_tolstring(L, 1, &s.n);
    if (!s.p) s = slice_of("", 0);
    sha1_hex(s, hex);
    lua_pushlstring(L, hex, sizeof hex);
    return 1;
}

static int single_field(lua_State *L, const char *name) {
    if (lua_gettop(L) != 1 || lua_type(L, 1) != LUA_TSTRING) {
        vm_push_error(L, "wrong number or type of arguments");
        return 1;
    }
    lua_createtable(L, 0, 1);
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, name);
    return 1;
}

/* Pushes `code message`, the message without line ends before and behind it. */
static void push_error_text(lua_State *L, struct slice code, struct slice message) {
    while (message.n && strchr("\r\n", message.p[message.n - 1])) message.n--;
    for (; message.n && strchr("\r\n", *message.p); message.n--) message.p++;
    lua_pushlstring(L, code.p, code.n);
    lua_pushliteral(L, " ");
    lua_pushlstring(L, message.p, message.n);
    lua_concat(L, 3);
}

/* The prefix ERR comes to a text that has no space, and so no prefix of its own. */
static int api_error_reply(lua_State *L) {
    if (lua_gettop(L) == 1 && lua_type(L, 1) == LUA_TSTRING) {
        const char *text = lua_tostring(L, 1);
        if (*text == '-') text++;
        const char *space = strchr(text, ' ');
        struct slice code = space ? slice_of(text, (size_t)(space - text)) : slice_of("ERR", 3);
        const char *message = space ? space + 1 : text;
        push_error_text(L, code, slice_of(message, strlen(message)));
        lua_replace(L, 1);
    }
    return single_field(L, "err");
}

static int api_status_reply(lua_State *L) { return single_field(L, "ok"); }

static int api_setresp(lua_State *L) {
    struct run *r = vm_of(L)->run;
    if (lua_gettop(L) != 1) return raise(L, "redis.setresp() requires one argument.");
    double proto = lua_tonumber(L, 1);
    if (proto != 2 && proto != 3) return raise(L, "RESP version must be 2 or 3.");
    if (r) session_set_proto(&r->sc->inner, (int)proto);
    return 0;
}

#define REPL_AOF 1
#define REPL_REPLICA 2

static int api_set_repl(lua_State *L) {
    if (lua_gettop(L) != 1) return raise(L, "redis.set_repl() requires two arguments.");
    lua_Number flags = lua_tonumber(L, 1);
    if (!(flags >= 0 && flags <= (REPL_AOF | REPL_REPLICA))) {
        return raise(L, "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or "
                        "REPL_NONE.");
    }
    return 0;
}

static int api_replicate_commands(lua_State *L) {
    lua_pushboolean(L, 1);
    return 1;
}

/* There is no debugger. */
static int api_breakpoint(lua_State *L) {
    lua_pushboolean(L, 0);
    return 1;
}

static int api_debug(lua_State *L) {
    (void)L;
    return 0;
}

struct constant {
    const char *name;
    int value;
};

static void set_constants(lua_State *L, const struct constant *c) {
    for (; c->name; c++) {
        lua_pushinteger(L, c->value);
        lua_setfield(L, -2, c->name);
    }
}

/* What scripts, functions and the code of libraries have alike. */
static void set_common(lua_State *L) {
    static const struct constant levels[] = {
        {"LOG_DEBUG", 0}, {"LOG_VERBOSE", 1}, {"LOG_NOTICE", 2}, {"LOG_WARNING", 3}, {NULL, 0},
    };
    int major = 0, minor = 0, patch = 0;
    sscanf(REDIS_VERSION, "%d.%d.%d", &major, &minor, &patch);
    set_constants(L, levels);
    lua_pushcfunction(L, api_log);
    lua_setfield(L, -2, "log");
    lua_pushstring(L, REDIS_VERSION);
    lua_setfield(L, -2, "REDIS_VERSION");
    lua_pushinteger(L, major << 16 | minor << 8 | patch);
    lua_setfield(L, -2, "REDIS_VERSION_NUM");
}

/* The guard at the top is `redis` and `server` in the table below it. */
static void set_names(lua_State *L) {
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "server");
    lua_setfield(L, -2, "redis");
}

void api_open(lua_State *L, bool functions) {
    static const luaL_Reg both[] = {
        {"call", api_call},
        {"pcall", api_pcall},
        {"acl_check_cmd", api_acl_check_cmd},
        {"sha1hex", api_sha1hex},
        {"error_reply", api_error_reply},
        {"status_reply", api_status_reply},
        {"setresp", api_setresp},
        {"set_repl", api_set_repl},
        {NULL, NULL},
    };
    static const luaL_Reg scripts_only[] = {
        {"replicate_commands", api_replicate_commands},
        {"breakpoint", api_breakpoint},
        {"debug", api_debug},
        {NULL, NULL},
    };
    static const struct constant repl[] = {
        {"REPL_AOF", REPL_AOF},
        {"REPL_SLAVE", REPL_REPLICA},
        {"REPL_REPLICA", REPL_REPLICA},
        {"REPL_ALL", REPL_AOF | REPL_REPLICA},
        {"REPL_NONE", 0},
        {NULL, 0},
    };
    lua_newtable(L);
    luaL_register(L, NULL, both);
    if (!functions) luaL_register(L, NULL, scripts_only);
    set_constants(L, repl);
    set_common(L);
    sandbox_guard(L, false);
    set_names(L);
}

void api_open_library(lua_State *L) {
    lua_newtable(L);
    set_common(L);
    lua_pushcfunction(L, library_register);
    lua_setfield(L, -2, "register_function");
    sandbox_guard(L, true);
    set_names(L);
}
