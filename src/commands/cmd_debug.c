/* cmd_debug.c - DEBUG: looking inside and forcing rare states, for tests.
 *
 * The gate is ROW_PROTECTED: enable-debug-command decides who may.
 * Threads: the loop, which SLEEP, POPULATE and DIGEST keep busy, as in Redis.
 * To add a subcommand: a handler, a row in subcommands[], its lines in HELP.
 * Specification: Redis 7.2.
 */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "commands/cmd_server_internal.h"
#include "commands/cmd_string_internal.h"
#include "core/config.h"
#include "core/dump.h"
#include "persist/aof.h"
#include "persist/load.h"
#include "persist/persist.h"
#include "script/scripts.h"
#include "topic/tracking.h"
#include "types/list.h"
#include "wire/rdb_read.h"
#include "work/task.h"

#define POPULATE_NAME_BYTES 32 /* of ":" and a number */

/* -- crashes ------------------------------------------------------------------------- */

static void debug_assert(struct ctx *c) { ASSERT(c->argc < 0 && "asked for by DEBUG ASSERT"); }

static void debug_panic(struct ctx *c) {
    panic(__FILE__, __LINE__, "asked for by DEBUG PANIC, client %s", c->s->addr);
}

static void debug_segfault(struct ctx *c) {
    char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT(page != MAP_FAILED);
    *(volatile char *)page = (char)c->argc;
}

/* -- replies ------------------------------------------------------------------------- */

static void debug_error(struct ctx *c) {
    reply_errorf(c->r, "%.*s", (int)c->argv[2].n, c->argv[2].p);
}

static void debug_log(struct ctx *c) {
    log_warning("DEBUG LOG: %.*s", (int)c->argv[2].n, c->argv[2].p);
    reply_ok(c->r);
}

static void raw(struct reply *r, const char *text) { reply_raw(r, text, strlen(text)); }

static void numbers_0_to_2(struct reply *r) {
    for (int i = 0; i < 3; i++) reply_int(r, i);
}

static void reply_sample_map(struct reply *r) {
    reply_map(r, 3);
    for (int i = 0; i < 3; i++) {
        reply_int(r, i);
        reply_bool(r, i == 1);
    }
}

static void reply_sample_attribute(struct reply *r) {
    if (r->proto > 2) raw(r, "|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n");
    reply_bulk_cstr(r, "Some real reply following the attribute");
}

static void reply_sample_push(struct reply *r) {
    if (r->proto == 2) {
        reply_error(r, "ERR RESP2 is not supported by this command");
        return;
    }
    reply_push(r, 2);
    reply_bulk_cstr(r, "server-cpu-usage");
    reply_int(r, 42);
    reply_bulk_cstr(r, "Some real reply following the push reply");
}

static void debug_protocol(struct ctx *c) {
    struct slice type = c->argv[2];
    struct reply *r = c->r;
    if (slice_is(type, "string")) {
        reply_bulk_cstr(r, "Hello World");
    } else if (slice_is(type, "integer")) {
        reply_int(r, 12345);
    } else if (slice_is(type, "double")) {
        reply_double(r, 3.141);
    } else if (slice_is(type, "bignum")) {
        raw(r, r->proto == 2 ? "$37\r\n1234567999999999999999999999999999999\r\n"
                             : "(1234567999999999999999999999999999999\r\n");
    } else if (slice_is(type, "null")) {
        reply_null(r);
    } else if (slice_is(type, "array")) {
        reply_array(r, 3);
        numbers_0_to_2(r);
    } else if (slice_is(type, "set")) {
        reply_set(r, 3);
        numbers_0_to_2(r);
    } else if (slice_is(type, "map")) {
        reply_sample_map(r);
    } else if (slice_is(type, "attrib")) {
        reply_sample_attribute(r);
    } else if (slice_is(type, "push")) {
        reply_sample_push(r);
    } else if (slice_is(type, "verbatim")) {
        reply_verbatim(r, slice_cstr("This is a verbatim\nstring"), "txt");
    } else if (slice_is(type, "true") || slice_is(type, "false")) {
        reply_bool(r, slice_is(type, "true"));
    } else {
        reply_error(r, "ERR Wrong protocol type name. Please use one of the following: "
                       "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|"
                       "true|false");
    }
}

/* -- keys ---------------------------------------------------------------------------- */

static void reply_digest(struct ctx *c, const char *hex) { reply_simple(c->r, hex); }

static void debug_digest(struct ctx *c) {
    char hex[DIGEST_HEX_BYTES];
    digest_of_keyspace(c->core->ks, hex);
    reply_digest(c, hex);
}

static void debug_digest_value(struct ctx *c) {
    reply_array(c->r, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) {
        char hex[DIGEST_HEX_BYTES];
        digest_of_value(db_peek(c->db, ctx_key(c, i)), hex);
        reply_digest(c, hex);
    }
}

static int forget_bytes(void *ctx, struct slice bytes) {
    (void)ctx, (void)bytes;
    return 0;
}

/* Bytes of the value in an RDB file. Linear in its size. */
static size_t serialized_bytes(const struct entry *e, const struct config *conf) {
    struct rdb_writer w;
    rdb_writer_init(&w, forget_bytes, NULL);
    w.compress = conf->rdbcompression;
    dump_put_body(&w, e, dump_rdb_type(e, conf->rdb_write_version));
    size_t n = (size_t)w.flushed + w.len;
    rdb_writer_fini(&w);
    return n;
}

struct list_bytes {
    struct lp_buf scratch;
    size_t n;
};

static void add_chunk(void *ctx, struct chunk chunk) {
    struct list_bytes *sum = ctx;
    const struct blob *blob = list_chunk_blob(chunk);
    sum->n += blob ? blob->len : lp_bytes(list_chunk_packed(chunk, &sum->scratch));
}

/* A large list's chunks, as redis-server tells of the nodes of its own. */
static void tell_of_list(const struct list_value *l, const struct config *conf, char *out,
                         size_t size) {
    struct list_bytes sum = {lp_buf_heap(), 0};
    uint64_t nodes = chunk_tree_chunks(&l->chunks);
    chunk_tree_each(&l->chunks, add_chunk, &sum);
    lp_buf_free(&sum.scratch);
    snprintf(out, size,
             " ql_nodes:%llu ql_avg_node:%.2f ql_listpack_max:%lld ql_compressed:%d "
             "ql_uncompressed_size:%zu",
             (unsigned long long)nodes, (double)chunk_tree_count(&l->chunks) / (double)nodes,
             (long long)conf->list_listpack_size, conf->list_compress_depth != 0, sum.n);
}

static void debug_object(struct ctx *c) {
    const struct entry *e = db_past(c->db, ctx_key(c, 2));
    char text[512], list[256] = "";
    if (!e) e = db_peek(c->db, ctx_key(c, 2));
    if (!e) {
        reply_err(c->r, ERR_NO_KEY);
        return;
    }
    if (entry_type(e) == TYPE_LIST && entry_encoding(e) == ENC_OBJECT)
        tell_of_list(entry_object(e), c->core->config, list, sizeof list);
    snprintf(text, sizeof text,
             "Value at:%p refcount:1 encoding:%s serializedlength:%zu lru:%u lru_seconds_idle:%lld"
             "%s",
             (const void *)e, entry_encoding_name(e), serialized_bytes(e, c->core->config),
             e->lru[0] | (unsigned)e->lru[1] << 8 | (unsigned)e->lru[2] << 16,
             (long long)db_idle_seconds(c->db, e), list);
    reply_simple(c->r, text);
}

struct population {
    struct slice prefix;
    int64_t count, value_bytes; /* 0: as the text of the value needs */
};

/* Makes key number i, unless it exists. `key` holds the prefix already and has room for more;
 * `value` has room for value_bytes. */
static void populate_one(struct ctx *c, const struct population *p, int64_t i, char *key,
                         char *value) {
    char text[POPULATE_NAME_BYTES];
    int n = snprintf(key + p->prefix.n, POPULATE_NAME_BYTES, ":%lld", (long long)i);
    struct key k = key_of(slice_of(key, p->prefix.n + (size_t)n));
    if (db_exists(c->db, k)) return;
    n = snprintf(text, sizeof text, "value:%lld", (long long)i);
    struct slice v = slice_of(text, (size_t)n);
    if (p->value_bytes) {
        size_t copied = n < p->value_bytes ? (size_t)n : (size_t)p->value_bytes;
        memcpy(value, text, copied);
        v = slice_of(value, (size_t)p->value_bytes);
    }
    db_set_text(c->db, k, v, DB_NO_TTL);
    if (effects_wanted(c)) string_tell_set(c, k, v, DB_NO_TTL);
}

static void debug_populate(struct ctx *c) {
    struct population p = {.prefix = slice_cstr("key")};
    const char *range = err_text(ERR_RANGE_POSITIVE);
    if (!ctx_int_range(c, 2, 0, INT64_MAX, &p.count, range)) return;
    if (c->argc > 3) p.prefix = c->argv[3];
    if (c->argc > 4 && !ctx_int_range(c, 4, 0, UINT32_MAX, &p.value_bytes, range)) return;
    char *value = mem_try((size_t)p.value_bytes + 1);
    char *key = mem_try(p.prefix.n + POPULATE_NAME_BYTES);
    if (value && key) {
        memset(value, 0, (size_t)p.value_bytes);
        memcpy(key, p.prefix.p, p.prefix.n);
        struct effects_frame told = effects_enter(c->core);
        for (int64_t i = 0; i < p.count; i++) populate_one(c, &p, i, key, value);
        effects_leave(c->core, told, c->req, c->db->id);
        reply_ok(c->r);
    } else {
        reply_err(c->r, ERR_NO_MEMORY);
    }
    mem_free(value);
    mem_free(key);
}

static void debug_loadaof(struct ctx *c) {
    tracking_flushed(c->core);
    if (!aof_reload(c->core->aof)) {
        reply_error(c->r, "ERR Error trying to load the AOF files, check server logs.");
        return;
    }
    reply_ok(c->r);
}

/* -- the server ---------------------------------------------------------------------- */

static void debug_sleep(struct ctx *c) {
    double seconds = 0;
    num_parse_double(c->argv[2], &seconds);
    if (seconds > 0) {
        struct timespec t = {.tv_sec = (time_t)seconds};
        t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
        nanosleep(&t, NULL);
    }
    reply_ok(c->r);
}

/* The argument; 0 if it is no number, as in Redis. */
static int64_t number(struct ctx *c) {
    int64_t n = 0;
    num_parse_i64(c->argv[2], &n);
    return n;
}

static void debug_set_active_expire(struct ctx *c) {
    c->core->active_expire = number(c) != 0;
    reply_ok(c->r);
}

static void debug_skip_checksums(struct ctx *c) {
    rdb_set_checksums(number(c) == 0);
    reply_ok(c->r);
}

static void debug_pause_cron(struct ctx *c) {
    work_tasks_pause(c->core->tasks, number(c) != 0);
    reply_ok(c->r);
}

static void debug_aof_flush_sleep(struct ctx *c) {
    int64_t us = number(c);
    aof_set_flush_delay(c->core->aof, us < 0 ? 0 : us > INT_MAX ? INT_MAX : (int)us);
    reply_ok(c->r);
}

static void debug_rewrite_all(struct ctx *c) {
    char why[CONFIG_WHY_BYTES];
    if (config_rewrite(c->core->config, true, why)) {
        reply_ok(c->r);
    } else {
        reply_errorf(c->r, "ERR %s", why);
    }
}

static void debug_htstats(struct ctx *c) {
    int64_t id;
    if (!ctx_int(c, 2, &id)) return;
    if (id < 0 || id >= c->core->ks->db_count) {
        reply_error(c->r, "ERR Out of range database");
        return;
    }
    const struct shelf *shelf = c->core->ks->dbs[id].shelf;
    const struct table *t = &shelf->table;
    unsigned load = table_load_permille(t);
    char text[512];
    int n = snprintf(text, sizeof text,
                     "[Keys]\n"
                     "Table:\n"
                     " number of elements: %zu\n"
                     " segments: %zu\n"
                     " directory bits: %u\n"
                     " load: %u.%u%%\n"
                     " bytes: %zu\n"
                     "[Entries]\n"
                     " slab bytes in use: %zu\n"
                     " slab runs: %zu\n"
                     "[Expires]\n"
                     " number of elements: %zu\n",
                     t->count, t->segs, t->top ? 63 - t->top_shift : 0, load / 10, load % 10,
                     t->bytes, shelf->slab.live, shelf->slab.runs, shelf->ttl_count);
    reply_verbatim(c->r, slice_of(text, (size_t)n), "txt");
}

/* Lists and tables here have no modes to switch: these check their arguments, for the sake of who
 * drives a test through them. */
static void debug_packed_threshold(struct ctx *c) {
    uint64_t bytes;
    if (!num_parse_bytes(c->argv[2], &bytes) || bytes > UINT32_MAX) {
        reply_error(c->r, "ERR argument must be a memory value bigger than 1 and smaller than 4gb");
        return;
    }
    reply_ok(c->r);
}

static void debug_dict_resizing(struct ctx *c) {
    int64_t on;
    if (ctx_int(c, 2, &on)) reply_ok(c->r);
}

/* Buffers of replies do not shrink and grow by time here: Redis' tests may tell them not to. */
static void debug_replybuffer(struct ctx *c) { reply_ok(c->r); }

static void debug_disable_deny_scripts(struct ctx *c) {
    int64_t on;
    if (!ctx_int(c, 2, &on)) return;
    c->core->scripts_may_all = on != 0;
    reply_ok(c->r);
}

struct reload {
    bool save, flush, merge;
};

static bool reload_options(struct ctx *c, struct reload *o) {
    *o = (struct reload){true, true, false};
    for (int i = 2; i < c->argc; i++) {
        if (slice_is(c->argv[i], "nosave")) {
            o->save = false;
        } else if (slice_is(c->argv[i], "noflush")) {
            o->flush = false;
        } else if (slice_is(c->argv[i], "merge")) {
            o->merge = true;
        } else {
            reply_error(c->r,
                        "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.");
            return false;
        }
    }
    return true;
}

static void flush_everything(struct core *core) {
    tracking_flushed(core);
    for (int i = 0; i < core->ks->db_count; i++) db_flush(&core->ks->dbs[i]);
    if (core->scripts) functions_flush(core->scripts);
}

static void debug_reload(struct ctx *c) {
    struct reload o;
    char why[LOAD_WHY_BYTES];
    if (!reload_options(c, &o)) return;
    if (o.save && !persist_save_now(c->core)) {
        reply_error(c->r, "ERR");
        return;
    }
    if (o.flush) flush_everything(c->core);
    if (persist_load(c->core, o.merge, why)) {
        log_warning("DB reloaded by DEBUG RELOAD");
        reply_ok(c->r);
    } else {
        log_warning("DEBUG RELOAD: the RDB file is not loaded: %s", why);
        reply_error(c->r, "ERR Error trying to load the RDB dump");
    }
}

static void debug_help(struct ctx *c) {
    static const char *const lines[] = {
        "AOF-FLUSH-SLEEP <microseconds>",
        "    Wait so long before each write to the append log.",
        "ASSERT",
        "    Crash by a failed assertion.",
        "CONFIG-REWRITE-FORCE-ALL",
        "    Like CONFIG REWRITE, with the directives that are at their defaults.",
        "DICT-RESIZING <0|1>",
        "    Accepted; tables here always grow and shrink a piece at a time.",
        "DIGEST",
        "    Output a hex signature of all data.",
        "DIGEST-VALUE <key> [<key> ...]",
        "    Output a hex signature of the values of the keys.",
        "ERROR <string>",
        "    Reply an error with <string> as message.",
        "HTSTATS <dbid>",
        "    Return statistics of the table and the slab of a database.",
        "LOADAOF",
        "    Empty the databases and read the append log.",
        "LOG <message>",
        "    Write <message> to the server log.",
        "OBJECT <key>",
        "    Show how the value of <key> is kept.",
        "PANIC",
        "    Crash by a panic.",
        "PAUSE-CRON <0|1>",
        "    With 1, no periodic task runs.",
        "POPULATE <count> [<prefix>] [<size>]",
        "    Create <count> string keys <prefix>:<num> (default prefix: key), with values",
        "    of <size> bytes. Keys that exist stay as they are.",
        "PROTOCOL <type>",
        "    Reply with a test value of the type: string, integer, double, bignum, null,",
        "    array, set, map, attrib, push, verbatim, true, false.",
        "QUICKLIST-PACKED-THRESHOLD <size>",
        "    Accepted; lists here keep elements of any size in one kind of node.",
        "RELOAD [option ...]",
        "    Save the RDB file and load it again. Options: MERGE (keys that are there",
        "    already are replaced), NOFLUSH (keep the keys), NOSAVE (do not save first).",
        "SEGFAULT",
        "    Crash by writing to memory that is read-only.",
        "SET-ACTIVE-EXPIRE <0|1>",
        "    With 0, keys past their time leave only when they are looked up.",
        "SET-DISABLE-DENY-SCRIPTS <0|1>",
        "    With 1, scripts may call the commands that scripts may not call.",
        "SET-SKIP-CHECKSUM-VALIDATION <0|1>",
        "    With 1, the checksums of RDB files and of DUMP's payloads are not looked at.",
        "SLEEP <seconds>",
        "    Stop the server for <seconds>. Decimals allowed.",
        NULL,
    };
    ctx_help(c, lines);
}

/* -- dispatch ------------------------------------------------------------------------ */

static const struct {
    const char *name;
    int argc_min, argc_max; /* with DEBUG and the name; 0: any number */
    void (*run)(struct ctx *c);
} subcommands[] = {
    {"aof-flush-sleep", 3, 3, debug_aof_flush_sleep},
    {"assert", 2, 2, debug_assert},
    {"config-rewrite-force-all", 2, 2, debug_rewrite_all},
    {"dict-resizing", 3, 3, debug_dict_resizing},
    {"digest", 2, 2, debug_digest},
    {"digest-value", 2, 0, debug_digest_value},
    {"error", 3, 3, debug_error},
    {"help", 2, 2, debug_help},
    {"htstats", 3, 4, debug_htstats},
    {"loadaof", 2, 2, debug_loadaof},
    {"log", 3, 3, debug_log},
    {"object", 3, 4, debug_object},
    {"panic", 2, 2, debug_panic},
    {"pause-cron", 3, 3, debug_pause_cron},
    {"populate", 3, 5, debug_populate},
    {"protocol", 3, 3, debug_protocol},
    {"quicklist-packed-threshold", 3, 3, debug_packed_threshold},
    {"reload", 2, 0, debug_reload},
    {"replybuffer", 4, 4, debug_replybuffer},
    {"segfault", 2, 2, debug_segfault},
    {"set-active-expire", 3, 3, debug_set_active_expire},
    {"set-disable-deny-scripts", 3, 3, debug_disable_deny_scripts},
    {"set-skip-checksum-validation", 3, 3, debug_skip_checksums},
    {"sleep", 3, 3, debug_sleep},
};

enum row_hides server_debug_hides(const struct slice *argv, int argc) {
    bool anew = argc > 1 && (slice_is(argv[1], "reload") || slice_is(argv[1], "loadaof"));
    return anew ? HIDES_KEYSPACE : HIDES_NOTHING;
}

void server_debug(struct ctx *c) {
    for (size_t i = 0; i < sizeof subcommands / sizeof *subcommands; i++) {
        if (!slice_is(c->argv[1], subcommands[i].name)) continue;
        int max = subcommands[i].argc_max;
        if (c->argc < subcommands[i].argc_min || (max && c->argc > max)) break;
        subcommands[i].run(c);
        return;
    }
    ctx_subcommand_error(c);
}
