/* eval.c - the scripts of EVAL: compiled once, found by their text or by their SHA1.
 *
 * A text that comes again is found by the hash of its bytes; its SHA1 is computed when it is
 * compiled. What only EVAL brought is kept for the SCRIPT_CACHED_MAX that were used last, as
 * Redis does since 7.4; what SCRIPT LOAD brought stays.
 * C1  A script is in by_text and by_sha; in `recent` exactly if it may be dropped.
 * Specification: Redis 7.2, EVAL and SCRIPT.
 */
#include <ctype.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "script/api.h"
#include "script/run.h"

struct eval_script {
    struct list_link in_recent;
    char sha[SHA1_HEX_BYTES];
    uint32_t flags;
    int ref;
    struct slice text; /* behind the struct */
};

static struct slice key_text(const void *item) { return ((const struct eval_script *)item)->text; }
static struct slice key_sha(const void *item) {
    return slice_of(((const struct eval_script *)item)->sha, SHA1_HEX_BYTES);
}

const struct table_ops eval_text_ops = {.key = key_text};
const struct table_ops eval_sha_ops = {.key = key_sha};

/* ---- finding ------------------------------------------------------------------------ */

static void note_use(struct scripts *sc, struct eval_script *e) {
    if (!list_linked(&e->in_recent)) return;
    list_unlink(&e->in_recent);
    list_push_back(&sc->recent, &e->in_recent);
}

static struct eval_script *find_text(struct scripts *sc, struct slice text) {
    struct table_place place;
    return table_find(&sc->by_text, &eval_text_ops, text, hash_bytes(text.p, text.n), &place);
}

/* Digits in either case. */
static struct eval_script *find_sha(struct scripts *sc, struct slice sha) {
    char lower[SHA1_HEX_BYTES];
    struct table_place place;
    if (sha.n != SHA1_HEX_BYTES) return NULL;
    for (int i = 0; i < SHA1_HEX_BYTES; i++) {
        char ch = sha.p[i];
        lower[i] = (char)(ch >= 'A' && ch <= 'Z' ? ch + 32 : ch);
    }
    return table_find(&sc->by_sha, &eval_sha_ops, slice_of(lower, SHA1_HEX_BYTES),
                      hash_bytes(lower, SHA1_HEX_BYTES), &place);
}

/* ---- keeping ------------------------------------------------------------------------ */

static size_t bytes_of(const struct eval_script *e) { return sizeof *e + e->text.n; }

static void drop(struct scripts *sc, struct eval_script *e) {
    struct table_place place;
    uint64_t hash = hash_bytes(e->text.p, e->text.n);
    table_find(&sc->by_text, &eval_text_ops, e->text, hash, &place);
    table_remove(&sc->by_text, hash, place);
    hash = hash_bytes(e->sha, SHA1_HEX_BYTES);
    table_find(&sc->by_sha, &eval_sha_ops, key_sha(e), hash, &place);
    table_remove(&sc->by_sha, hash, place);
    luaL_unref(sc->eval->L, LUA_REGISTRYINDEX, e->ref);
    list_unlink(&e->in_recent);
    sc->core->script_counts.cached--;
    sc->core->script_counts.eval_bytes -= bytes_of(e);
    mem_free(e);
}

/* Makes room for one more that may be dropped. */
static void bound_recent(struct scripts *sc) {
    size_t n = 0;
    for (struct list_link *l = list_first(&sc->recent); l; l = list_next(&sc->recent, l)) n++;
    if (n < SCRIPT_CACHED_MAX) return;
    drop(sc, LIST_MEMBER(list_first(&sc->recent), struct eval_script, in_recent));
    sc->core->script_counts.evicted++;
}

static void free_item(void *ctx, void *item) {
    (void)ctx;
    mem_free(item);
}

void eval_drop_all(struct scripts *sc) {
    table_each(&sc->by_text, free_item, NULL);
    table_fini(&sc->by_text);
    table_fini(&sc->by_sha);
    table_init(&sc->by_text, &eval_text_ops, NULL);
    table_init(&sc->by_sha, &eval_sha_ops, NULL);
    list_init(&sc->recent);
}

void scripts_flush(struct scripts *sc) {
    struct script_counts *n = &sc->core->script_counts;
    eval_drop_all(sc);
    scripts_discard_vm(sc, sc->eval);
    sc->eval = NULL;
    n->cached = n->eval_bytes = n->eval_vm_bytes = 0;
}

/* ---- compiling ---------------------------------------------------------------------- */

/* The words behind "flags=". */
static bool parse_flags(struct reply *r, struct slice list, uint32_t *flags) {
    for (const char *p = list.p, *end = p + list.n; list.n && p <= end;) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        if (!comma) comma = end;
        struct slice word = slice_of(p, (size_t)(comma - p));
        uint32_t flag = script_flag_of(word);
        if (!flag) {
            reply_errorf(r, "ERR Unexpected flag in script shebang: %.*s", (int)word.n, word.p);
            return false;
        }
        *flags |= flag;
        p = comma + 1;
    }
    return true;
}

/* Flags, and the text behind the shebang; false after an error reply. */
static bool parse_shebang(struct reply *r, struct slice *text, uint32_t *flags) {
    struct shebang line;
    *flags = SCRIPT_COMPAT;
    switch (shebang_parse(*text, &line)) {
    case SHEBANG_NONE: return true;
    case SHEBANG_NO_LINE_END: reply_error(r, "ERR Invalid script shebang"); return false;
    case SHEBANG_BAD: reply_error(r, "ERR Invalid engine in script shebang"); return false;
    case SHEBANG_OK: break;
    }
    *flags = 0;
    if (!slice_is(line.engine, "lua")) {
        reply_errorf(r, "ERR Unexpected engine in script shebang: #!%.*s", (int)line.engine.n,
                     line.engine.p);
        return false;
    }
    for (int i = 0; i < line.count; i++) {
        struct slice w = line.words[i];
        if (w.n < 6 || !slice_is(slice_of(w.p, 6), "flags=")) {
            reply_errorf(r, "ERR Unknown lua shebang option: %.*s", (int)w.n, w.p);
            return false;
        }
        if (!parse_flags(r, slice_of(w.p + 6, w.n - 6), flags)) return false;
    }
    *text = slice_of(text->p + line.bytes, text->n - line.bytes);
    return true;
}

struct compiling {
    struct slice text; /* behind the shebang */
    int ref;
};

static void compile_body(struct run *r) {
    struct compiling *k = r->arg;
    lua_State *L = r->vm->L;
    if (vm_compile(r->vm, k->text)) {
        const char *why = lua_isstring(L, -1) ? lua_tostring(L, -1) : "unknown error";
        lua_pushfstring(L, "ERR Error compiling script (new function): %s", why);
        reply_error_slice(r->r, slice_cstr(lua_tostring(L, -1)));
    } else {
        k->ref = luaL_ref(L, LUA_REGISTRYINDEX);
    }
}

static struct eval_script *add(struct scripts *sc, struct slice text, int ref, uint32_t flags) {
    struct eval_script *e = mem_alloc(sizeof *e + text.n);
    list_link_init(&e->in_recent);
    char *copy = (char *)(e + 1);
    if (text.n) memcpy(copy, text.p, text.n);
    e->text = slice_of(copy, text.n);
    e->flags = flags;
    e->ref = ref;
    sha1_hex(text, e->sha);
    table_insert(&sc->by_text, hash_bytes(copy, text.n), e);
    table_insert(&sc->by_sha, hash_bytes(e->sha, SHA1_HEX_BYTES), e);
    sc->core->script_counts.cached++;
    sc->core->script_counts.eval_bytes += bytes_of(e);
    return e;
}

/* The script of a text that is not there yet; NULL after an error reply. */
static struct eval_script *compile(struct ctx *c, struct slice text) {
    struct scripts *sc = c->core->scripts;
    uint32_t flags;
    struct compiling k = {text, LUA_NOREF};
    if (!parse_shebang(c->r, &k.text, &flags)) return NULL;
    sc->run.load_deadline = 0;
    run_body(sc, c, scripts_eval_vm(sc), compile_body, &k);
    return k.ref == LUA_NOREF ? NULL : add(sc, text, k.ref, flags);
}

bool scripts_text_only_reads(struct scripts *sc, struct slice text) {
    const struct eval_script *e = find_text(sc, text);
    if (e) return e->flags & SCRIPT_NO_WRITES;
    struct reply nowhere;
    uint32_t flags;
    reply_init(&nowhere);
    bool good = parse_shebang(&nowhere, &text, &flags);
    reply_fini(&nowhere);
    return good && flags & SCRIPT_NO_WRITES;
}

bool scripts_sha_only_reads(struct scripts *sc, struct slice sha) {
    const struct eval_script *e = find_sha(sc, sha);
    return e && e->flags & SCRIPT_NO_WRITES;
}

/* ---- commands ----------------------------------------------------------------------- */

static void run_script(struct ctx *c, struct eval_script *e, const struct script_call *call) {
    struct scripts *sc = c->core->scripts;
    struct run_call f = {key_sha(e), e->ref, e->flags};
    note_use(sc, e);
    run_call(sc, c, sc->eval, &f, call);
}

void scripts_eval(struct ctx *c, struct slice text, const struct script_call *call) {
    struct scripts *sc = c->core->scripts;
    struct eval_script *e = find_text(sc, text);
    if (unlikely(!e)) {
        bound_recent(sc);
        e = compile(c, text);
        if (!e) return;
        list_push_back(&sc->recent, &e->in_recent);
    }
    run_script(c, e, call);
}

void scripts_evalsha(struct ctx *c, struct slice sha, const struct script_call *call) {
    struct eval_script *e = find_sha(c->core->scripts, sha);
    if (unlikely(!e)) {
        reply_error(c->r, "NOSCRIPT No matching script. Please use EVAL.");
    } else {
        run_script(c, e, call);
    }
}

void scripts_load(struct ctx *c, struct slice text) {
    struct eval_script *e = find_text(c->core->scripts, text);
    if (!e) e = compile(c, text);
    if (!e) return;
    list_unlink(&e->in_recent);
    reply_bulk(c->r, key_sha(e));
}

bool scripts_exists(struct scripts *sc, struct slice sha) { return find_sha(sc, sha) != NULL; }

struct slice scripts_text(struct scripts *sc, struct slice sha) {
    const struct eval_script *e = find_sha(sc, sha);
    return e ? e->text : slice_of(NULL, 0);
}
