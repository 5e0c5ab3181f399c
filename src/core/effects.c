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

void effects_init(struct effects *f) { *f = (struct effects){.unit.db = -1}; }

static void let_left_go(struct effects *f) {
    f->keeps_left = false;
    for (size_t i = 0; i < f->left_count; i++) mem_free(f->left[i].bytes);
    mem_free(f->left);
    f->left = NULL;
    f->left_count = f->left_room = 0;
}

void effects_fini(struct effects *f) {
    let_left_go(f);
    mem_free(f->unit.bytes);
    mem_free(f->aside.bytes);
}

/* ---- bytes -------------------------------------------------------------------------- */

static char *room(struct effects_unit *u, size_t n) {
    if (unlikely(u->n + n > u->size)) {
        size_t size = u->size ? u->size : BYTES_MIN;
        while (size < u->n + n) size *= 2;
        u->bytes = mem_realloc(u->bytes, size);
        u->size = size;
    }
    return u->bytes + u->n;
}

static void put(struct effects_unit *u, const void *p, size_t n) {
    if (n) memcpy(room(u, n), p, n);
    u->n += n;
}

static void put_header(struct effects_unit *u, char kind, size_t v) {
    char *at = room(u, HEADER_BYTES_MAX), *to = at;
    *to++ = kind;
    to += num_format_u64(to, v);
    *to++ = '\r';
    *to++ = '\n';
    u->n += (size_t)(to - at);
}

static void put_bulk(struct effects_unit *u, struct slice s) {
    put_header(u, '$', s.n);
    put(u, s.p, s.n);
    put(u, "\r\n", 2);
}

static void put_int(struct effects_unit *u, int64_t v) {
    char text[NUM_INT_BYTES_MAX];
    put_bulk(u, slice_of(text, num_format_i64(text, v)));
}

static void put_select(struct effects_unit *u, int db) {
    if (likely(u->db == db)) return;
    put_header(u, '*', 2);
    put_bulk(u, slice_cstr("SELECT"));
    put_int(u, db);
    u->db = db;
}

/* ---- units -------------------------------------------------------------------------- */

/* The second effect of a unit makes it a transaction. */
static void wrap(struct effects_unit *u) {
    room(u, MULTI_BYTES);
    char *begin = u->bytes + u->at;
    memmove(begin + MULTI_BYTES, begin, u->n - u->at);
    memcpy(begin, multi_text, MULTI_BYTES);
    u->n += MULTI_BYTES;
    u->wrapped = true;
}

static void begin(struct effects_unit *u, int db, size_t words) {
    if (++u->count == 1) u->first_db = u->db;
    if (u->count == 2 && !u->wrapped) wrap(u);
    put_select(u, db);
    put_header(u, '*', words);
}

static void clear(struct effects_unit *u) {
    u->at = u->n;
    u->count = 0;
    u->wrapped = false;
}

static void end_unit(struct core *core) {
    struct effects *f = &core->effects;
    if (f->unit.wrapped) put(&f->unit, exec_text, EXEC_BYTES);
    f->offset += f->unit.n - f->unit.at;
    clear(&f->unit);
    core_log_update(core);
}

struct effects_frame effects_enter(struct core *core) {
    struct effects *f = &core->effects;
    struct effects_unit *u = &f->unit;
    struct effects_frame before = {u->told, f->wanted, u->changes};
    u->told = false;
    u->changes = core->feed.changes;
    if (before.active) u->depth++;
    return before;
}

/* The command as it came. */
static void tell(struct effects_unit *u, int db, const struct request *req) {
    begin(u, db, (size_t)req->argc);
    for (int i = 0; i < req->argc; i++) put_bulk(u, req->argv[i]);
}

/* The end of a command. */
void effects_leave(struct core *core, struct effects_frame before, const struct request *req,
                   int db) {
    struct effects *f = &core->effects;
    struct effects_unit *u = &f->unit;
    bool changed = core->feed.changes != u->changes && !(req->row->flags & ROW_RUNS_OTHERS);
    if (unlikely(before.active && !u->depth)) return; /* its unit is aside */
    if (f->wanted && changed && !u->told) tell(u, db, req);
    u->told = before.told;
    u->changes = before.changes;
    if (before.active && --u->depth == 0 && f->wanted) end_unit(core);
}

static void hand_over(struct effects *f, struct effects_unit *u) {
    size_t whole = u->at;
    if (!whole) return;
    for (int i = 0; i < f->listener_count; i++) {
        f->listeners[i].take(f->listeners[i].ctx, u->bytes, whole);
    }
    u->n -= whole;
    u->at = 0;
    if (unlikely(u->n)) {
        memmove(u->bytes, u->bytes + whole, u->n);
    } else if (u->size > BYTES_KEPT_MAX) {
        mem_free(u->bytes);
        u->bytes = NULL;
        u->size = 0;
    }
}

/* ---- the command that goes on -------------------------------------------------------- */

/* What it has told when it stops first gets a buffer of its own. */
static void move_aside(struct effects *f) {
    struct effects_unit *u = &f->unit, *to = &f->aside;
    *to = *u;
    to->bytes = NULL;
    to->n = to->size = to->at = 0;
    put(to, u->bytes + u->at, u->n - u->at);
    u->n = u->at;
    if (u->count) u->db = u->first_db;
    u->depth = 0;
    clear(u);
}

static void exchange(struct effects *f) {
    struct effects_unit u = f->unit;
    f->unit = f->aside;
    f->aside = u;
}

void effects_put_aside(struct core *core) {
    struct effects *f = &core->effects;
    if (f->has_aside) {
        exchange(f);
    } else {
        move_aside(f);
        f->has_aside = true;
    }
    f->aside_changes = core->feed.changes;
    core_log_update(core);
}

void effects_take_up(struct core *core) {
    struct effects *f = &core->effects;
    exchange(f);
    effects_not_own(core, f->aside_changes);
}

/* What it told goes behind what the others told, and its buffer is everybody's now. */
static void join_aside(struct core *core) {
    struct effects *f = &core->effects;
    struct effects_unit *u = &f->unit, *others = &f->aside;
    if (u->first_db >= 0 && others->db != u->first_db) {
        put_select(others, u->first_db);
        f->offset += others->n - others->at;
        clear(others);
    }
    hand_over(f, others);
    end_unit(core);
}

void effects_end_ongoing(struct core *core, const struct request *req, int db) {
    struct effects *f = &core->effects;
    struct effects_unit *u = &f->unit;
    bool changed = core->feed.changes != u->changes && !(req->row->flags & ROW_RUNS_OTHERS);
    if (f->wanted && changed && !u->told) tell(u, db, req);
    u->depth = 0;
    u->told = false;
    if (f->wanted && u->count) {
        join_aside(core);
    } else {
        exchange(f);
    }
    mem_free(f->aside.bytes);
    f->aside = (struct effects_unit){0};
    f->has_aside = false;
    core_log_update(core);
}

/* ---- places ------------------------------------------------------------------------- */

struct effects_place effects_here(const struct core *core) {
    const struct effects_unit *u = &core->effects.unit;
    return (struct effects_place){u->n - u->at, u->count, u->db, u->wrapped};
}

void effects_back_to(struct core *core, struct effects_place place) {
    struct effects_unit *u = &core->effects.unit;
    bool wrapped = u->wrapped && !place.wrapped && place.count;
    if (!core->effects.wanted) return;
    u->n = u->at + place.bytes + (wrapped ? MULTI_BYTES : 0);
    u->count = place.count;
    u->db = place.db;
    u->wrapped = place.wrapped || wrapped;
}

/* ---- listeners ---------------------------------------------------------------------- */

void effects_listen(struct core *core, struct effects_listener l) {
    struct effects *f = &core->effects;
    ASSERT(f->listener_count < EFFECTS_LISTENERS_MAX);
    effects_flush(core);
    f->listeners[f->listener_count++] = l;
    f->wanted = true;
    f->unit.db = -1;
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
        f->unit.n = 0;
        clear(&f->unit);
    }
    core_update_gates(core);
}

void effects_select_anew(struct core *core) { core->effects.unit.db = -1; }

void effects_flush(struct core *core) { hand_over(&core->effects, &core->effects.unit); }

/* ---- what leaves by itself ---------------------------------------------------------- */

static void left(struct core *core, int db, const struct slice *words, size_t n) {
    struct effects *f = &core->effects;
    if (!f->wanted) return;
    begin(&f->unit, db, n);
    for (size_t i = 0; i < n; i++) put_bulk(&f->unit, words[i]);
    if (f->unit.depth == 0) end_unit(core);
}

static void tell_key_left(struct core *core, int db, struct slice key, bool unlink) {
    struct slice words[] = {slice_cstr(unlink ? "UNLINK" : "DEL"), key};
    left(core, db, words, 2);
}

static void tell_field_left(struct core *core, int db, struct slice key, struct slice field) {
    struct slice words[] = {slice_cstr("HDEL"), key, field};
    left(core, db, words, 3);
}

/* What leaves while the command that goes on rests is in a unit of its own. */
static void keep_left(struct core *core, struct effects_left x, struct slice key,
                      struct slice field) {
    struct effects *f = &core->effects;
    if (likely(!f->keeps_left) || !f->wanted || !core->ongoing.inside) return;
    if (f->left_count == f->left_room) {
        f->left_room = f->left_room ? 2 * f->left_room : 16;
        f->left = mem_realloc(f->left, f->left_room * sizeof *f->left);
    }
    x.key_bytes = key.n;
    x.field_bytes = field.n;
    x.bytes = mem_alloc(key.n + field.n + 1);
    if (key.n) memcpy(x.bytes, key.p, key.n);
    if (field.n) memcpy(x.bytes + key.n, field.p, field.n);
    f->left[f->left_count++] = x;
}

void effects_key_left(struct core *core, int db, struct slice key, bool unlink) {
    tell_key_left(core, db, key, unlink);
    keep_left(core, (struct effects_left){.db = db, .unlink = unlink}, key, slice_of(NULL, 0));
}

void effects_field_left(struct core *core, int db, struct slice key, struct slice field) {
    tell_field_left(core, db, key, field);
    keep_left(core, (struct effects_left){.db = db, .is_field = true}, key, field);
}

void effects_keep_left(struct core *core) { core->effects.keeps_left = true; }

void effects_tell_left(struct core *core, bool (*is_back)(void *ctx, int db, struct slice key),
                       void *ctx) {
    for (size_t i = 0; i < core->effects.left_count; i++) {
        const struct effects_left *x = &core->effects.left[i];
        struct slice key = slice_of(x->bytes, x->key_bytes);
        if (x->is_field) {
            tell_field_left(core, x->db, key, slice_of(x->bytes + x->key_bytes, x->field_bytes));
        } else if (!is_back(ctx, x->db, key)) {
            tell_key_left(core, x->db, key, x->unlink);
        }
    }
}

void effects_let_left_go(struct core *core) { let_left_go(&core->effects); }

void effects_not_own(struct core *core, uint64_t changes_before) {
    core->effects.unit.changes += core->feed.changes - changes_before;
}

/* ---- for handlers ------------------------------------------------------------------- */

bool effects_due(const struct ctx *c) {
    return effects_wanted(c) && c->core->feed.changes != c->core->effects.unit.changes;
}

void effect_begin(struct ctx *c, size_t words) {
    struct effects_unit *u = &c->core->effects.unit;
    u->told = true;
    begin(u, c->db->id, words);
}

void effect_word(struct ctx *c, const char *word) {
    put_bulk(&c->core->effects.unit, slice_cstr(word));
}

void effect_bytes(struct ctx *c, struct slice s) { put_bulk(&c->core->effects.unit, s); }

void effect_int(struct ctx *c, int64_t v) { put_int(&c->core->effects.unit, v); }

void effect_none(struct ctx *c) { c->core->effects.unit.told = true; }

void effect_always(struct ctx *c) { c->core->effects.unit.changes--; }

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
