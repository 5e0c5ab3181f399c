/* effects.c - see effects.h. */
#include "core/effects.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/num.h"
#include "core/config.h"
#include "core/exec.h"

#define BYTES_MIN 4096
#define BYTES_KEPT_MAX (1024 * 1024) /* of an empty buffer */
#define HEADER_BYTES_MAX 32          /* "*" or "$", a number, a line end */

static const char multi_text[] = "*1\r\n$5\r\nMULTI\r\n";
static const char exec_text[] = "*1\r\n$4\r\nEXEC\r\n";
#define MULTI_BYTES (sizeof multi_text - 1)
#define EXEC_BYTES (sizeof exec_text - 1)

void effects_init(struct effects *f) { *f = (struct effects){.db = -1}; }

void effects_fini(struct effects *f) { mem_free(f->bytes); }

/* ---- bytes -------------------------------------------------------------------------- */

static char *room(struct effects *f, size_t n) {
    if (unlikely(f->n + n > f->size)) {
        size_t size = f->size ? f->size : BYTES_MIN;
        while (size < f->n + n) size *= 2;
        f->bytes = mem_realloc(f->bytes, size);
        f->size = size;
    }
    return f->bytes + f->n;
}

static void put(struct effects *f, const void *p, size_t n) {
    if (n) memcpy(room(f, n), p, n);
    f->n += n;
}

static void put_header(struct effects *f, char kind, size_t v) {
    char *at = room(f, HEADER_BYTES_MAX), *to = at;
    *to++ = kind;
    to += num_format_u64(to, v);
    *to++ = '\r';
    *to++ = '\n';
    f->n += (size_t)(to - at);
}

static void put_bulk(struct effects *f, struct slice s) {
    put_header(f, '$', s.n);
    put(f, s.p, s.n);
    put(f, "\r\n", 2);
}

static void put_int(struct effects *f, int64_t v) {
    char text[NUM_INT_BYTES_MAX];
    put_bulk(f, slice_of(text, num_format_i64(text, v)));
}

/* ---- units -------------------------------------------------------------------------- */

/* The second effect of a unit makes it a transaction. */
static void wrap(struct effects *f) {
    room(f, MULTI_BYTES);
    char *unit = f->bytes + f->unit_at;
    memmove(unit + MULTI_BYTES, unit, f->n - f->unit_at);
    memcpy(unit, multi_text, MULTI_BYTES);
    f->n += MULTI_BYTES;
}

static void begin(struct effects *f, int db, size_t words) {
    if (++f->unit_count == 2) wrap(f);
    if (unlikely(f->db != db)) {
        put_header(f, '*', 2);
        put_bulk(f, slice_cstr("SELECT"));
        put_int(f, db);
        f->db = db;
    }
    put_header(f, '*', words);
}

static void end_unit(struct core *core) {
    struct effects *f = &core->effects;
    if (f->unit_count > 1) put(f, exec_text, EXEC_BYTES);
    f->offset += f->n - f->unit_at;
    f->unit_at = f->n;
    f->unit_count = 0;
    core_log_update(core);
}

struct effects_frame effects_enter(struct core *core) {
    struct effects *f = &core->effects;
    struct effects_frame before = {f->told, f->wanted, f->changes};
    f->told = false;
    f->changes = core->feed.changes;
    if (before.active) f->depth++;
    return before;
}

/* The command as it came. */
static void tell(struct effects *f, int db, const struct request *req) {
    begin(f, db, (size_t)req->argc);
    for (int i = 0; i < req->argc; i++) put_bulk(f, req->argv[i]);
}

/* The end of a command. */
static void finish(struct core *core, struct effects_frame before, const struct request *req,
                   int db) {
    struct effects *f = &core->effects;
    bool changed = core->feed.changes != f->changes && !(req->row->flags & ROW_RUNS_OTHERS);
    if (f->wanted && changed && !f->told) tell(f, db, req);
    f->told = before.told;
    f->changes = before.changes;
    if (before.active && --f->depth == 0 && f->wanted) end_unit(core);
}

void effects_leave(struct core *core, struct effects_frame before, const struct request *req,
                   int db) {
    struct effects *f = &core->effects;
    if (before.active && f->depth == 1 && core->ongoing.step) return;
    finish(core, before, req, db);
}

void effects_end_ongoing(struct core *core, const struct request *req) {
    struct effects *f = &core->effects;
    if (f->depth) finish(core, (struct effects_frame){.active = true}, req, f->db < 0 ? 0 : f->db);
}

/* ---- listeners ---------------------------------------------------------------------- */

void effects_listen(struct core *core, struct effects_listener l) {
    struct effects *f = &core->effects;
    ASSERT(f->listener_count < EFFECTS_LISTENERS_MAX);
    effects_flush(core);
    f->listeners[f->listener_count++] = l;
    f->wanted = true;
    f->db = -1;
    core_update_gates(core);
}

void effects_unlisten(struct core *core, void *ctx) {
    struct effects *f = &core->effects;
    effects_flush(core);
    for (int i = 0; i < f->listener_count; i++) {
        if (f->listeners[i].ctx != ctx) continue;
        f->listeners[i] = f->listeners[--f->listener_count];
        break;
    }
    f->wanted = f->listener_count;
    if (!f->wanted) {
        f->n = f->unit_at = 0;
        f->unit_count = 0;
    }
    core_update_gates(core);
}

void effects_select_anew(struct core *core) { core->effects.db = -1; }

void effects_flush(struct core *core) {
    struct effects *f = &core->effects;
    size_t whole = f->unit_at;
    if (!whole) return;
    for (int i = 0; i < f->listener_count; i++) {
        f->listeners[i].take(f->listeners[i].ctx, f->bytes, whole);
    }
    f->n -= whole;
    f->unit_at = 0;
    if (unlikely(f->n)) {
        memmove(f->bytes, f->bytes + whole, f->n);
    } else if (f->size > BYTES_KEPT_MAX) {
        mem_free(f->bytes);
        f->bytes = NULL;
        f->size = 0;
    }
}

/* ---- what leaves by itself ---------------------------------------------------------- */

static void left(struct core *core, int db, const struct slice *words, size_t n) {
    struct effects *f = &core->effects;
    if (!f->wanted) return;
    begin(f, db, n);
    for (size_t i = 0; i < n; i++) put_bulk(f, words[i]);
    if (f->depth == 0) end_unit(core);
}

void effects_key_left(struct core *core, int db, struct slice key, bool unlink) {
    struct slice words[] = {slice_cstr(unlink ? "UNLINK" : "DEL"), key};
    left(core, db, words, 2);
}

void effects_field_left(struct core *core, int db, struct slice key, struct slice field) {
    struct slice words[] = {slice_cstr("HDEL"), key, field};
    left(core, db, words, 3);
}

void effects_not_own(struct core *core, uint64_t changes_before) {
    core->effects.changes += core->feed.changes - changes_before;
}

/* ---- for handlers ------------------------------------------------------------------- */

bool effects_due(const struct ctx *c) {
    return effects_wanted(c) && c->core->feed.changes != c->core->effects.changes;
}

void effect_begin(struct ctx *c, size_t words) {
    struct effects *f = &c->core->effects;
    f->told = true;
    begin(f, c->db->id, words);
}

void effect_word(struct ctx *c, const char *word) { put_bulk(&c->core->effects, slice_cstr(word)); }

void effect_bytes(struct ctx *c, struct slice s) { put_bulk(&c->core->effects, s); }

void effect_int(struct ctx *c, int64_t v) { put_int(&c->core->effects, v); }

void effect_none(struct ctx *c) { c->core->effects.told = true; }

void effect_always(struct ctx *c) { c->core->effects.changes--; }

void effect_renamed(struct ctx *c, const char *name) { effect_replaced(c, 0, slice_cstr(name)); }

void effect_replaced(struct ctx *c, int at, struct slice by) {
    effect_begin(c, (size_t)c->argc);
    for (int i = 0; i < c->argc; i++) effect_bytes(c, i == at ? by : c->argv[i]);
}

void effect_delete(struct ctx *c, struct slice key) {
    effect_begin(c, 2);
    effect_word(c, c->core->config->lazyfree_expire ? "UNLINK" : "DEL");
    effect_bytes(c, key);
}

void effect_persist(struct ctx *c, struct slice key) {
    effect_begin(c, 2);
    effect_word(c, "PERSIST");
    effect_bytes(c, key);
}

void effect_pexpireat(struct ctx *c, struct slice key, int64_t when_ms) {
    effect_begin(c, 3);
    effect_word(c, "PEXPIREAT");
    effect_bytes(c, key);
    effect_int(c, when_ms);
}
