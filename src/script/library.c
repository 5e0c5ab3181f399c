/* library.c - libraries of functions: FUNCTION LOAD, FCALL.
 *
 * The code of a library is run once, with a set of globals that can do nothing but register
 * functions. It is kept, and is all that FUNCTION DUMP gives.
 * L1  The name of a function is one in all libraries, in either case.
 * L2  A library that cannot be loaded leaves nothing behind, and the old one in its place.
 * Specification: Redis 7.2, FUNCTION, its replies and errors.
 */
#include <ctype.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/glob.h"
#include "base/hash.h"
#include "base/mem.h"
#include "core/config.h"
#include "core/ongoing.h"
#include "script/api.h"
#include "script/run.h"
#include "wire/rdb_read.h"
#include "wire/rdb_write.h"

#define LOAD_MS_MAX 500
#define ERROR_BYTES 512
#define BAD_NAME                                                                                   \
    "Library names can only contain letters, numbers, or underscores(_) and must be at least one " \
    "character long"

struct function {
    struct function *next;
    struct library *library;
    char *name, *description; /* description NULL: none */
    char *lower;              /* the name in lower case: the key of by_function */
    uint32_t flags;
    int ref;
};

struct library {
    struct library *next;
    char *name;
    struct slice code; /* owned */
    struct function *functions;
    size_t function_count;
    bool leaving; /* about to be replaced */
};

static bool name_ok(struct slice name) {
    for (size_t i = 0; i < name.n; i++) {
        if (!isalnum((unsigned char)name.p[i]) && name.p[i] != '_') return false;
    }
    return name.n > 0;
}

/* ---- finding, linking, freeing ------------------------------------------------------ */

static bool same_name(struct slice a, const char *b) { return slice_is(a, b); }

static struct function *find_in(const struct library *lib, struct slice name) {
    for (struct function *f = lib->functions; f; f = f->next) {
        if (same_name(name, f->name)) return f;
    }
    return NULL;
}

static struct slice key_of_function(const void *item) {
    return slice_cstr(((const struct function *)item)->lower);
}

const struct table_ops function_ops = {.key = key_of_function};

static void to_lower(char *to, struct slice name) {
    for (size_t i = 0; i < name.n; i++) to[i] = (char)tolower((unsigned char)name.p[i]);
}

/* Names are looked up in lower case. */
static struct function *find_function(const struct scripts *sc, struct slice name) {
    char lower[SCRIPT_NAME_BYTES_MAX];
    struct table_place place;
    char *key = name.n <= sizeof lower ? lower : mem_alloc(name.n);
    to_lower(key, name);
    struct function *f = table_find(&sc->by_function, &function_ops, slice_of(key, name.n),
                                    hash_bytes(key, name.n), &place);
    if (key != lower) mem_free(key);
    return f;
}

static struct library *find_library(const struct scripts *sc, struct slice name) {
    struct library *lib = sc->libraries;
    while (lib && !slice_eq(name, slice_cstr(lib->name))) lib = lib->next;
    return lib;
}

static size_t bytes_of(const struct library *lib) {
    size_t n = sizeof *lib + lib->code.n + strlen(lib->name);
    for (const struct function *f = lib->functions; f; f = f->next) {
        n += sizeof *f + strlen(f->name) + (f->description ? strlen(f->description) : 0);
    }
    return n;
}

static void count(struct scripts *sc, const struct library *lib, int sign) {
    struct script_counts *n = &sc->core->script_counts;
    n->libraries += (size_t)sign;
    n->functions += (size_t)sign * lib->function_count;
    n->function_bytes += (size_t)sign * bytes_of(lib);
}

static void library_free(struct scripts *sc, struct library *lib) {
    for (struct function *f = lib->functions, *next; f; f = next) {
        next = f->next;
        luaL_unref(sc->functions->L, LUA_REGISTRYINDEX, f->ref);
        mem_free(f->name);
        mem_free(f->description);
        mem_free(f->lower);
        mem_free(f);
    }
    mem_free(lib->name);
    mem_free((char *)lib->code.p);
    mem_free(lib);
}

static void link_library(struct scripts *sc, struct library *lib) {
    struct library **at = &sc->libraries;
    while (*at) at = &(*at)->next;
    lib->next = NULL;
    *at = lib;
    for (struct function *f = lib->functions; f; f = f->next) {
        table_insert(&sc->by_function, hash_bytes(f->lower, strlen(f->lower)), f);
    }
    count(sc, lib, 1);
}

static void remove_library(struct scripts *sc, struct library *lib) {
    struct library **at = &sc->libraries;
    while (*at != lib) at = &(*at)->next;
    *at = lib->next;
    for (struct function *f = lib->functions; f; f = f->next) {
        struct table_place place;
        uint64_t hash = hash_bytes(f->lower, strlen(f->lower));
        table_find(&sc->by_function, &function_ops, key_of_function(f), hash, &place);
        table_remove(&sc->by_function, hash, place);
    }
    count(sc, lib, -1);
    library_free(sc, lib);
}

void library_drop_all(struct scripts *sc) {
    while (sc->libraries) remove_library(sc, sc->libraries);
}

void functions_flush(struct scripts *sc) {
    library_drop_all(sc);
    scripts_discard_vm(sc, sc->functions);
    sc->functions = NULL;
    sc->core->script_counts.function_vm_bytes = 0;
}

bool functions_delete(struct scripts *sc, struct slice name) {
    struct library *lib = find_library(sc, name);
    if (!lib) return false;
    remove_library(sc, lib);
    return true;
}

/* ---- registering -------------------------------------------------------------------- */

static int refuse(lua_State *L, const char *text) {
    vm_push_error(L, text);
    return lua_error(L);
}

/* Flags of the list at the top of the stack. */
static uint32_t take_flags(lua_State *L) {
    uint32_t flags = 0;
    for (int i = 1;; i++) {
        lua_rawgeti(L, -1, i);
        if (lua_isnil(L, -1)) break;
        uint32_t flag = lua_isstring(L, -1) ? script_flag_of(slice_cstr(lua_tostring(L, -1))) : 0;
        if (!flag) refuse(L, "unknown flag given");
        flags |= flag;
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return flags;
}

/* What was given of a function; the strings are the stack's, the callback is at `callback`. */
struct given {
    const char *name, *description;
    uint32_t flags;
    int callback;
};

static const char *string_value(lua_State *L, const char *error) {
    if (!lua_isstring(L, -1)) refuse(L, error);
    return lua_tostring(L, -1);
}

/* The name at an index: one with a zero in it is no C string. */
static const char *name_value(lua_State *L, int at) {
    size_t n;
    const char *name = lua_tolstring(L, at, &n);
    if (strlen(name) != n) refuse(L, BAD_NAME);
    return name;
}

/* One of the named arguments; its value is at the top. */
static void take_named(lua_State *L, const char *key, struct given *g) {
    if (slice_is(slice_cstr(key), "function_name")) {
        string_value(L, "function_name argument given to redis.register_function must be a string");
        g->name = name_value(L, -1);
    } else if (slice_is(slice_cstr(key), "description")) {
        g->description = string_value(
            L, "description argument given to redis.register_function must be a string");
    } else if (slice_is(slice_cstr(key), "callback")) {
        if (!lua_isfunction(L, -1)) {
            refuse(L, "callback argument given to redis.register_function must be a function");
        }
        lua_pushvalue(L, -1);
        lua_replace(L, g->callback);
    } else if (slice_is(slice_cstr(key), "flags")) {
        if (!lua_istable(L, -1)) {
            refuse(L, "flags argument to redis.register_function must be a table representing "
                      "function flags");
        }
        g->flags = take_flags(L);
    } else {
        refuse(L, "unknown argument given to redis.register_function");
    }
}

/* Numbers among the values become strings in the table, which keeps them. */
static void take_table(lua_State *L, struct given *g) {
    lua_settop(L, 1);
    lua_pushnil(L);
    g->callback = 2;
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        if (!lua_isstring(L, -2)) {
            refuse(L, "named argument key given to redis.register_function is not a string");
        }
        if (lua_type(L, -1) == LUA_TNUMBER) {
            lua_pushvalue(L, -2);
            lua_pushvalue(L, -2);
            lua_tostring(L, -1);
            lua_rawset(L, 1);
        }
        lua_pushvalue(L, -2); /* a key that is a number must stay one */
        lua_insert(L, -2);
        take_named(L, lua_tostring(L, -2), g);
        lua_pop(L, 2);
    }
    if (!g->name) refuse(L, "redis.register_function must get a function name argument");
    if (lua_isnil(L, 2)) refuse(L, "redis.register_function must get a callback argument");
}

static void take_given(lua_State *L, struct given *g) {
    int argc = lua_gettop(L);
    if (argc < 1 || argc > 2) {
        refuse(L, "wrong number of arguments to redis.register_function");
    }
    if (argc == 1) {
        if (!lua_istable(L, 1)) {
            refuse(L, "calling redis.register_function with a single argument is only applicable "
                      "to Lua table (representing named arguments).");
        }
        take_table(L, g);
        return;
    }
    if (!lua_isstring(L, 1)) {
        refuse(L, "first argument to redis.register_function must be a string");
    }
    if (!lua_isfunction(L, 2)) {
        refuse(L, "second argument to redis.register_function must be a function");
    }
    g->name = name_value(L, 1);
    g->callback = 2;
}

int library_register(lua_State *L) {
    struct run *r = vm_of(L)->run;
    struct given g = {0};
    if (!r || !r->load_deadline) {
        return refuse(L, "redis.register_function can only be called on FUNCTION LOAD command");
    }
    take_given(L, &g);
    struct library *lib = r->sc->loading;
    if (!name_ok(slice_cstr(g.name))) return refuse(L, BAD_NAME);
    if (find_in(lib, slice_cstr(g.name))) {
        return refuse(L, "Function already exists in the library");
    }
    lua_pushvalue(L, g.callback);
    int ref = luaL_ref(L, LUA_REGISTRYINDEX);
    struct function *f = mem_calloc(sizeof *f);
    f->library = lib;
    f->name = mem_dup(g.name, strlen(g.name));
    f->lower = mem_dup(g.name, strlen(g.name));
    to_lower(f->lower, slice_cstr(g.name));
    f->description = g.description ? mem_dup(g.description, strlen(g.description)) : NULL;
    f->flags = g.flags;
    f->ref = ref;
    f->next = lib->functions;
    lib->functions = f;
    lib->function_count++;
    return 0;
}

/* ---- loading ------------------------------------------------------------------------ */

/* The library that a code describes, without functions. NULL, and why not, if it does not. */
static struct library *parse_library(struct slice code, char why[ERROR_BYTES]) {
    struct shebang line;
    struct slice name = {0};
    enum shebang_result result = shebang_parse(code, &line);
    if (result != SHEBANG_OK) {
        snprintf(why, ERROR_BYTES, "%s",
                 result == SHEBANG_NONE ? "Missing library metadata" : "Invalid library metadata");
        return NULL;
    }
    for (int i = 0; i < line.count; i++) {
        struct slice w = line.words[i];
        if (w.n < 5 || !slice_is(slice_of(w.p, 5), "name=")) {
            snprintf(why, ERROR_BYTES, "Invalid metadata value given: %.*s", (int)w.n, w.p);
            return NULL;
        }
        if (name.p) {
            snprintf(why, ERROR_BYTES,
                     "Invalid metadata value, name argument was given multiple times");
            return NULL;
        }
        name = slice_of(w.p + 5, w.n - 5);
    }
    if (!name.p) {
        snprintf(why, ERROR_BYTES, "Library name was not given");
    } else if (!name_ok(name)) {
        snprintf(why, ERROR_BYTES, "%s", BAD_NAME);
    } else if (!slice_is(line.engine, "lua")) {
        snprintf(why, ERROR_BYTES, "Engine '%.*s' not found", (int)line.engine.n, line.engine.p);
    } else {
        struct library *lib = mem_calloc(sizeof *lib);
        lib->name = mem_dup(name.p, name.n);
        lib->code = slice_of(mem_dup(code.p, code.n), code.n);
        return lib;
    }
    return NULL;
}

/* Runs the code of a library, which registers its functions. For bodies. */
static bool fill_library(struct run *r, struct library *lib, char why[ERROR_BYTES]) {
    lua_State *L = r->vm->L;
    struct shebang line;
    shebang_parse(lib->code, &line);
    r->load_deadline = clock_ticks() + clock_us_to_ticks(LOAD_MS_MAX * 1000);
    r->sc->loading = lib;
    vm_set_library_api(r->vm, true);
    const char *stage = "Error compiling function";
    int status = vm_compile(r->vm, slice_of(lib->code.p + line.bytes, lib->code.n - line.bytes));
    if (status == 0) {
        stage = "Error registering functions";
        status = run_protected(r, 0);
    }
    vm_set_library_api(r->vm, false);
    r->sc->loading = NULL;
    if (status) {
        if (lua_istable(L, -1)) vm_push_field(L, -1, "err");
        snprintf(why, ERROR_BYTES, "%s: %s", stage,
                 lua_isstring(L, -1) ? lua_tostring(L, -1) : "unknown error");
    } else if (!lib->functions) {
        snprintf(why, ERROR_BYTES, "No functions registered");
    }
    lua_settop(L, VM_SLOTS);
    return status == 0 && lib->functions;
}

/* A function of lib that stays in another library, or NULL. */
static const struct function *clash(const struct scripts *sc, const struct library *lib) {
    for (const struct function *f = lib->functions; f; f = f->next) {
        const struct function *other = find_function(sc, slice_cstr(f->name));
        if (other && !other->library->leaving) return f;
    }
    return NULL;
}

struct loading {
    struct library *fresh; /* chained */
    enum functions_policy policy;
    bool restoring;
};

static void drop_fresh(struct scripts *sc, struct loading *l) {
    while (l->fresh) {
        struct library *lib = l->fresh;
        l->fresh = lib->next;
        library_free(sc, lib);
    }
}

static void mark_leaving(struct scripts *sc, bool leaving) {
    for (struct library *lib = sc->libraries; lib; lib = lib->next) lib->leaving = leaving;
}

/* Whether the fresh libraries fit beside those that stay; marks those that go. */
static bool fits(struct scripts *sc, const struct loading *l, char why[ERROR_BYTES]) {
    if (l->policy == FUNCTIONS_FLUSH) mark_leaving(sc, true);
    for (struct library *lib = l->fresh; lib; lib = lib->next) {
        struct library *old = find_library(sc, slice_cstr(lib->name));
        if (old && l->policy == FUNCTIONS_APPEND) {
            snprintf(why, ERROR_BYTES, "Library %s already exists", lib->name);
            return false;
        }
        if (old) old->leaving = true;
    }
    for (struct library *lib = l->fresh; lib; lib = lib->next) {
        const struct function *f = clash(sc, lib);
        if (!f) continue;
        snprintf(why, ERROR_BYTES, "Function %s already exists", f->name);
        return false;
    }
    return true;
}

/* Two fresh libraries with a name in common. */
static bool fresh_clash(const struct loading *l, char why[ERROR_BYTES]) {
    for (const struct library *a = l->fresh; a; a = a->next) {
        for (const struct library *b = a->next; b; b = b->next) {
            if (strcmp(a->name, b->name) == 0) {
                snprintf(why, ERROR_BYTES, "Library '%s' already exists", a->name);
                return true;
            }
            for (const struct function *f = a->functions; f; f = f->next) {
                if (!find_in(b, slice_cstr(f->name))) continue;
                snprintf(why, ERROR_BYTES, "Function %s already exists", f->name);
                return true;
            }
        }
    }
    return false;
}

static void load_body(struct run *r) {
    struct loading *l = r->arg;
    struct scripts *sc = r->sc;
    char why[ERROR_BYTES] = "";
    bool ok = true;
    for (struct library *lib = l->fresh; lib && ok; lib = lib->next) ok = fill_library(r, lib, why);
    ok = ok && !fresh_clash(l, why) && fits(sc, l, why);
    if (!ok) {
        mark_leaving(sc, false);
        drop_fresh(sc, l);
        reply_errorf(r->r, "ERR %s", why);
        mem_free(l);
        return;
    }
    for (struct library *lib = sc->libraries, *next; lib; lib = next) {
        next = lib->next;
        if (lib->leaving) remove_library(sc, lib);
    }
    const char *name = l->fresh ? l->fresh->name : "";
    while (l->fresh) {
        struct library *lib = l->fresh;
        l->fresh = lib->next;
        link_library(sc, lib);
    }
    feed_key_aside(&sc->core->feed, 0, FEED_UNTOLD, "function-load", (struct key){0});
    if (l->restoring) {
        reply_ok(r->r);
    } else {
        reply_bulk_cstr(r->r, name);
    }
    mem_free(l);
}

/* Takes the libraries. */
static void start_loading(struct ctx *c, struct library *fresh, enum functions_policy policy,
                          bool restoring) {
    struct scripts *sc = c->core->scripts;
    struct loading *l = mem_alloc(sizeof *l);
    *l = (struct loading){fresh, policy, restoring};
    sc->run.load_deadline = UINT64_MAX;
    sc->run.name[0] = 0;
    run_body(sc, c, scripts_function_vm(sc), load_body, l);
}

void functions_load(struct ctx *c, struct slice code, bool replace) {
    char why[ERROR_BYTES];
    struct library *lib = parse_library(code, why);
    if (!lib) {
        reply_errorf(c->r, "ERR %s", why);
    } else if (!replace && find_library(c->core->scripts, slice_cstr(lib->name))) {
        reply_errorf(c->r, "ERR Library '%s' already exists", lib->name);
        library_free(c->core->scripts, lib);
    } else {
        start_loading(c, lib, replace ? FUNCTIONS_REPLACE : FUNCTIONS_APPEND, false);
    }
}

/* ---- calling and telling ------------------------------------------------------------ */

bool scripts_has_function(struct ctx *c, struct slice name) {
    if (find_function(c->core->scripts, name)) return true;
    reply_error(c->r, "ERR Function not found");
    return false;
}

bool scripts_function_only_reads(struct scripts *sc, struct slice name) {
    const struct function *f = find_function(sc, name);
    return f && f->flags & SCRIPT_NO_WRITES;
}

void scripts_fcall(struct ctx *c, struct slice name, const struct script_call *call) {
    struct scripts *sc = c->core->scripts;
    const struct function *f = find_function(sc, name);
    struct run_call how = {slice_cstr(f->name), f->ref, f->flags};
    run_call(sc, c, sc->functions, &how, call);
}

static void list_function(struct reply *r, const struct function *f) {
    size_t n = (size_t)__builtin_popcount(f->flags);
    reply_map(r, 3);
    reply_bulk_cstr(r, "name");
    reply_bulk_cstr(r, f->name);
    reply_bulk_cstr(r, "description");
    if (f->description) {
        reply_bulk_cstr(r, f->description);
    } else {
        reply_null(r);
    }
    reply_bulk_cstr(r, "flags");
    reply_set(r, n);
    for (unsigned i = 0; script_flag_name(i); i++) {
        if (f->flags & 1u << i) reply_simple(r, script_flag_name(i));
    }
}

static void list_library(struct reply *r, const struct library *lib, bool with_code) {
    reply_map(r, with_code ? 4 : 3);
    reply_bulk_cstr(r, "library_name");
    reply_bulk_cstr(r, lib->name);
    reply_bulk_cstr(r, "engine");
    reply_bulk_cstr(r, "LUA");
    reply_bulk_cstr(r, "functions");
    reply_array(r, lib->function_count);
    for (const struct function *f = lib->functions; f; f = f->next) list_function(r, f);
    if (!with_code) return;
    reply_bulk_cstr(r, "library_code");
    reply_bulk(r, lib->code);
}

void functions_list(struct ctx *c, struct slice pattern, bool with_code) {
    struct reply_mark mark = reply_begin(c->r);
    size_t n = 0;
    for (const struct library *lib = c->core->scripts->libraries; lib; lib = lib->next) {
        if (pattern.p && !glob_match(pattern, slice_cstr(lib->name), true)) continue;
        list_library(c->r, lib, with_code);
        n++;
    }
    reply_end_array(c->r, mark, n);
}

static void stats_running(struct ctx *c, const struct run *r) {
    const struct request *req = r->within ? r->within : ongoing_request(c->core);
    reply_map(c->r, 3);
    reply_bulk_cstr(c->r, "name");
    reply_bulk_cstr(c->r, r->name);
    reply_bulk_cstr(c->r, "command");
    reply_array(c->r, (size_t)req->argc);
    for (int i = 0; i < req->argc; i++) reply_bulk(c->r, req->argv[i]);
    reply_bulk_cstr(c->r, "duration_ms");
    reply_int(c->r, (int64_t)clock_ticks_to_us(clock_ticks() - r->begun) / 1000);
}

void functions_stats(struct ctx *c) {
    struct scripts *sc = c->core->scripts;
    const struct run *r = &sc->run;
    bool running = c->core->ongoing.on && r->vm && r->vm->run;
    if (running && r->vm != sc->functions) {
        reply_error(c->r, run_busy_text(r));
        return;
    }
    reply_map(c->r, 2);
    reply_bulk_cstr(c->r, "running_script");
    if (running) {
        stats_running(c, r);
    } else {
        reply_null(c->r);
    }
    reply_bulk_cstr(c->r, "engines");
    reply_map(c->r, 1);
    reply_bulk_cstr(c->r, "LUA");
    reply_map(c->r, 2);
    reply_bulk_cstr(c->r, "libraries_count");
    reply_int(c->r, (int64_t)c->core->script_counts.libraries);
    reply_bulk_cstr(c->r, "functions_count");
    reply_int(c->r, (int64_t)c->core->script_counts.functions);
}

/* ---- DUMP and RESTORE ----------------------------------------------------------------- */

void functions_dump(struct ctx *c) {
    const struct config *config = c->core->config;
    struct rdb_writer w;
    rdb_writer_init(&w, NULL, NULL);
    w.compress = config->rdbcompression;
    for (const struct library *lib = c->core->scripts->libraries; lib; lib = lib->next) {
        rdb_put_function(&w, lib->code);
    }
    rdb_put_dump_end(&w, config->rdb_write_version);
    if (w.err) {
        reply_err(c->r, w.err);
    } else {
        reply_bulk(c->r, rdb_writer_bytes(&w));
    }
    rdb_writer_fini(&w);
}

/* Reads one library of a payload; NULL, and why, if it is none. */
static struct library *read_library(struct rdb_reader *in, char why[ERROR_BYTES]) {
    unsigned type;
    struct slice code;
    const char *text = NULL;
    if (!rdb_get_byte(in, &type)) {
        text = "can not read data type";
    } else if (type == RDB_OP_FUNCTION_RC) {
        text = "Pre-GA function format not supported";
    } else if (type != RDB_OP_FUNCTION) {
        text = "given type is not a function";
    } else if (!rdb_get_string(in, &code)) {
        text = "Failed loading library code";
    }
    if (!text) return parse_library(code, why);
    snprintf(why, ERROR_BYTES, "%s", text);
    return NULL;
}

void functions_restore(struct ctx *c, struct slice payload, enum functions_policy policy) {
    struct slice body;
    struct rdb_reader in;
    char why[ERROR_BYTES];
    struct loading l = {0};
    struct library **end = &l.fresh;
    if (rdb_dump_open(payload, &body)) {
        reply_error(c->r, "ERR DUMP payload version or checksum are wrong");
        return;
    }
    rdb_reader_init(&in, body);
    bool ok = true;
    while (ok && rdb_reader_offset(&in) < body.n) {
        *end = read_library(&in, why);
        ok = *end != NULL;
        if (ok) end = &(*end)->next;
    }
    rdb_reader_fini(&in);
    if (ok) {
        start_loading(c, l.fresh, policy, true);
    } else {
        drop_fresh(c->core->scripts, &l);
        reply_errorf(c->r, "ERR %s", why);
    }
}
