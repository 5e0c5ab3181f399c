/* run.c - see run.h: scripts and their slices, killing, the keys they declare, the gates that
 * flags open. */
#include "script/run.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "core/config.h"
#include "core/monitor.h"
#include "core/ongoing.h"
#include "core/undo.h"
#include "script/convert.h"

#define BUSY_TEXT(who)                                                                             \
    "BUSY Redis is busy running a script. You can only call " who " KILL or SHUTDOWN NOSAVE."

const char *run_busy_text(const struct run *r) {
    return r->vm == r->sc->functions ? BUSY_TEXT("FUNCTION") : BUSY_TEXT("SCRIPT");
}

/* ---- interpreters ------------------------------------------------------------------- */

static void on_count(lua_State *L, lua_Debug *at);

static struct vm *open_vm(struct scripts *sc, const char *chunk_name) {
    struct vm *vm = vm_new(sc->core, chunk_name);
    lua_sethook(vm->L, on_count, LUA_MASKCOUNT, SCRIPT_HOOK_COUNT);
    return vm;
}

struct vm *scripts_eval_vm(struct scripts *sc) {
    if (unlikely(!sc->eval)) sc->eval = open_vm(sc, "@user_script");
    return sc->eval;
}

struct vm *scripts_function_vm(struct scripts *sc) {
    if (unlikely(!sc->functions)) sc->functions = open_vm(sc, "@user_function");
    return sc->functions;
}

struct discard {
    struct work_job job; /* first: the job is the struct */
    struct vm *vm;
};

static void discard(struct work_job *job) {
    struct discard *d = (struct discard *)job;
    vm_free(d->vm);
    mem_free(d);
}

void scripts_discard_vm(struct scripts *sc, struct vm *vm) {
    if (!vm) return;
    struct discard *d = mem_alloc(sizeof *d);
    *d = (struct discard){.job.run = discard, .vm = vm};
    if (!work_queue_submit(sc->core->queues.garbage, &d->job)) discard(&d->job);
}

struct scripts *scripts_new(struct core *core) {
    struct scripts *sc = mem_calloc(sizeof *sc);
    sc->core = core;
    session_init_inner(&sc->inner, core, "lua");
    table_init(&sc->by_text, &eval_text_ops, NULL);
    table_init(&sc->by_sha, &eval_sha_ops, NULL);
    table_init(&sc->by_function, &function_ops, NULL);
    list_init(&sc->recent);
    return sc;
}

void scripts_free(struct scripts *sc) {
    eval_drop_all(sc);
    library_drop_all(sc);
    if (sc->eval) vm_free(sc->eval);
    if (sc->functions) vm_free(sc->functions);
    table_fini(&sc->by_text);
    table_fini(&sc->by_sha);
    table_fini(&sc->by_function);
    session_fini_inner(&sc->inner);
    undo_free(sc->undo);
    mem_free(sc->run.declared);
    mem_free(sc);
}

/* ---- slices ------------------------------------------------------------------------- */

static void raise_killed(lua_State *L, const char *text) {
    /* From now on every line fails, so that no pcall goes on for long. */
    lua_sethook(L, on_count, LUA_MASKLINE, 0);
    lua_pushstring(L, text);
    lua_error(L);
}

static bool load_is_over(const struct run *r, uint64_t now) {
    return r->load_deadline && now > r->load_deadline;
}

bool run_is_ending(const struct vm *vm) {
    return vm->run && (vm->run->killed || load_is_over(vm->run, clock_ticks()));
}

void run_rest(struct run *r) {
    struct core *core = r->sc->core;
    if (r->killed || !ongoing_is_due(core)) return;
    int64_t limit_ms = core->config->busy_reply_ms;
    if (limit_ms > 0 && clock_ticks_to_us(clock_ticks() - r->begun) >= (uint64_t)limit_ms * 1000)
        ongoing_refuse(core);
    ongoing_pause(core);
}

/* Every SCRIPT_HOOK_COUNT instructions. */
static void on_count(lua_State *L, lua_Debug *at) {
    (void)at;
    struct vm *vm = vm_of(L);
    struct run *r = vm->run;
    if (!r) return;
    uint64_t now = clock_ticks();
    if (load_is_over(r, now)) raise_killed(L, "FUNCTION LOAD timeout");
    run_rest(r);
    if (r->killed) raise_killed(L, "Script killed by user with SCRIPT KILL...");
}

static void finish(struct run *r) {
    struct vm *vm = r->vm;
    struct script_counts *n = &r->sc->core->script_counts;
    vm->run = NULL;
    ongoing_set_busy(vm->core, NULL);
    lua_settop(vm->L, VM_SLOTS);
    *(vm == r->sc->functions ? &n->function_vm_bytes : &n->eval_vm_bytes) = vm->bytes;
    if (unlikely(lua_gethookmask(vm->L) != LUA_MASKCOUNT)) {
        lua_sethook(vm->L, on_count, LUA_MASKCOUNT, SCRIPT_HOOK_COUNT);
    }
}

static void run_whole(void *arg) {
    struct run *r = arg;
    ongoing_set_busy(r->sc->core, run_busy_text(r));
    r->body(r);
    finish(r);
}

void run_body(struct scripts *sc, struct ctx *c, struct vm *vm, void (*body)(struct run *r),
              void *arg) {
    struct run *r = &sc->run;
    ASSERT(!vm->run);
    r->sc = sc;
    r->vm = vm;
    r->body = body;
    r->arg = arg;
    r->r = c->r;
    r->within = exec_may_wait(c) ? NULL : c->req;
    r->begun = clock_ticks();
    r->written = r->killed = false;
    vm->run = r;
    sc->inner.db = c->s->db;
    sc->inner.gates = 0;
    session_set_proto(&sc->inner, 2);
    ongoing_run(c, &(struct ongoing_work){.body = run_whole,
                                          .arg = r,
                                          .requests = c->req,
                                          .request_count = 1,
                                          .only_reads = r->read_only});
}

int run_protected(struct run *r, int argc) { return lua_pcall(r->vm->L, argc, 1, VM_ON_ERROR); }

/* ---- declared keys ------------------------------------------------------------------- */

#define ARGS_HERE 16 /* of a command, without memory of their own for positions */

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void know_declared(struct run *r) {
    size_t n = (size_t)r->call->keys;
    if (n > r->declared_room) {
        mem_free(r->declared);
        r->declared = mem_alloc(n * sizeof *r->declared);
        r->declared_room = n;
    }
    for (size_t i = 0; i < n; i++) r->declared[i] = key_of(r->call->argv[i]).hash;
    if (n > 1) qsort(r->declared, n, sizeof *r->declared, by_value);
    r->declared_count = n;
}

static bool is_declared(const struct run *r, uint64_t hash) {
    size_t from = 0, to = r->declared_count;
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        if (r->declared[mid] == hash) return true;
        if (r->declared[mid] < hash) {
            from = mid + 1;
        } else {
            to = mid;
        }
    }
    return false;
}

/* Any number of keys, anywhere. */
static bool declares_all(const struct run *r, const struct request *req) {
    int room[ARGS_HERE], *index = room;
    if (req->argc > ARGS_HERE) index = mem_alloc((size_t)req->argc * sizeof *index);
    int n = row_keys(req->row, req->argv, req->argc, index, NULL, req->argc);
    bool all = !row_hides_keys(req->row, req->argv, req->argc, n);
    for (int i = 0; all && i < n; i++) all = is_declared(r, key_of(req->argv[index[i]]).hash);
    if (index != room) mem_free(index);
    return all;
}

bool run_declares(struct run *r, const struct request *req) {
    const struct row *row = req->row;
    if (likely(row_has_first_key(row) && row->keys[0].last == 0 &&
               row->keys[1].begin == BEGIN_NONE && !row->find_keys)) {
        return is_declared(r, req->key_hash);
    }
    return declares_all(r, req);
}

/* ---- calls -------------------------------------------------------------------------- */

static void push_slices(lua_State *L, const struct slice *v, int n) {
    lua_createtable(L, n, 0);
    for (int i = 0; i < n; i++) {
        lua_pushlstring(L, v[i].p, v[i].n);
        lua_rawseti(L, -2, i + 1);
    }
}

static void push_arguments(struct run *r) {
    lua_State *L = r->vm->L;
    const struct script_call *call = r->call;
    bool globals = r->vm == r->sc->eval;
    if (globals) lua_pushvalue(L, VM_KEYS);
    push_slices(L, call->argv, call->keys);
    if (globals) {
        lua_rawset(L, VM_GLOBALS);
        lua_pushvalue(L, VM_ARGV);
    }
    push_slices(L, call->argv + call->keys, call->args);
    if (globals) lua_rawset(L, VM_GLOBALS);
}

/* An error that a script hands on from a command was counted with that. */
static bool result_is_counted(lua_State *L) {
    if (!lua_istable(L, -1)) return false;
    vm_push_field(L, -1, "ignore_error_stats_update");
    bool counted = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return counted;
}

/* Replies the error at the top, with the place it comes from. */
static void reply_failure(struct run *r) {
    lua_State *L = r->vm->L;
    struct reply *out = r->r;
    bool counted = false;
    if (lua_istable(L, -1)) {
        counted = result_is_counted(L);
        vm_push_field(L, -1, "source");
        vm_push_field(L, -2, "line");
        vm_push_field(L, -3, "err");
        const char *text = lua_isstring(L, -1) ? lua_tostring(L, -1) : "ERR unknown error";
        if (lua_isstring(L, -2) && lua_isstring(L, -3)) {
            text = lua_pushfstring(L, "%s script: %s, on %s:%s.", text, r->name,
                                   lua_tostring(L, -3), lua_tostring(L, -2));
        }
        reply_error_slice(out, slice_cstr(text));
    } else {
        reply_errorf(out, "ERR %s", lua_isstring(L, -1) ? lua_tostring(L, -1) : "unknown error");
    }
    if (counted) out->noted |= REPLY_ERROR_IS_COUNTED;
}

static void begin_undo(struct scripts *sc) {
    if (!sc->undo) sc->undo = undo_new(sc->core);
    undo_begin(sc->undo);
}

static void call_body(struct run *r) {
    lua_State *L = r->vm->L;
    if (unlikely(r->sc->core->config->script_rollback) && !r->read_only) begin_undo(r->sc);
    know_declared(r);
    lua_rawgeti(L, LUA_REGISTRYINDEX, r->ref);
    push_arguments(r);
    if (unlikely(run_protected(r, r->vm == r->sc->eval ? 0 : 2))) {
        reply_failure(r);
        if (r->sc->undo) undo_roll_back(r->sc->undo);
        return;
    }
    bool counted = unlikely(lua_istable(L, -1)) && result_is_counted(L);
    struct reply *out = r->r;
    convert_reply(L, out, r->sc->inner.reply.proto, r);
    if (unlikely(counted)) out->noted |= REPLY_ERROR_IS_COUNTED;
    if (likely(!r->sc->undo)) return;
    if (r->killed) { /* while its reply was made */
        undo_roll_back(r->sc->undo);
    } else {
        undo_end(r->sc->undo);
    }
}

/* Why the flags forbid the call now, or NULL. */
static const char *call_refusal(const struct run *r, bool read_only) {
    if (r->flags & SCRIPT_COMPAT) return NULL;
    if (read_only && !(r->flags & SCRIPT_NO_WRITES)) {
        return "ERR Can not execute a script with write flag using *_ro command.";
    }
    if (r->out_of_memory && !(r->flags & (SCRIPT_ALLOW_OOM | SCRIPT_NO_WRITES))) {
        return "OOM allow-oom flag is not set on the script, can not run it when used memory > "
               "'maxmemory'";
    }
    if (r->no_disk && !(r->flags & SCRIPT_NO_WRITES)) return r->no_disk;
    return NULL;
}

void run_call(struct scripts *sc, struct ctx *c, struct vm *vm, const struct run_call *f,
              const struct script_call *call) {
    struct run *r = &sc->run;
    struct core *core = sc->core;
    size_t n = f->name.n < sizeof r->name - 1 ? f->name.n : sizeof r->name - 1;
    r->call = call;
    r->ref = f->ref;
    r->flags = f->flags;
    r->read_only = call->read_only || f->flags & SCRIPT_NO_WRITES;
    r->out_of_memory = core->config->maxmemory_bytes && !core_evict(core);
    r->no_disk = core_write_refusal(core);
    r->load_deadline = 0;
    memcpy(r->name, f->name.p, n);
    r->name[n] = 0;
    const char *no = call_refusal(r, call->read_only);
    if (unlikely(no)) {
        reply_error(c->r, no);
        return;
    }
    run_body(sc, c, vm, call_body, NULL);
}

void scripts_kill(struct ctx *c, bool function) {
    struct scripts *sc = c->core->scripts;
    struct run *r = &sc->run;
    if (!c->core->ongoing.on || !r->vm || !r->vm->run) {
        reply_error(c->r, "NOTBUSY No scripts in execution right now.");
    } else if ((r->vm == sc->functions) != function) {
        reply_error(c->r, run_busy_text(r));
    } else if (r->written && (!sc->undo || undo_is_lost(sc->undo))) {
        reply_error(c->r, "UNKILLABLE Sorry the script already executed write commands against "
                          "the dataset. You can either wait the script termination or kill the "
                          "server in a hard way using the SHUTDOWN NOSAVE command.");
    } else {
        r->killed = true;
        reply_ok(c->r);
    }
}

/* ---- what scripts say of themselves ------------------------------------------------- */

static const char *const flag_names[] = {
    "no-writes", "allow-oom", "allow-stale", "no-cluster", "allow-cross-slot-keys", NULL,
};

const char *script_flag_name(unsigned i) { return flag_names[i]; }

uint32_t script_flag_of(struct slice name) {
    for (unsigned i = 0; flag_names[i]; i++) {
        if (slice_eq(name, slice_cstr(flag_names[i]))) return 1u << i;
    }
    return 0;
}
