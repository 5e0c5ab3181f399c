/* persist.c - see persist.h. */
#include "persist/persist.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/config.h"
#include "net/wake.h"
#include "persist/load.h"
#include "persist/persist_internal.h"
#include "persist/save.h"

#define RETRY_MS 5000 /* after a save that failed */

static void on_wake(void *ctx) {
    struct core *core = ctx;
    core_turn_begin(core);
    save_collect(core);
    if (core->after_due) exec_after(core);
}

/* ---- running commands ---------------------------------------------------------------- */

/* By its own name, whatever rename-command made of it. */
static const struct row *find_row(const struct core *core, struct slice name, struct slice sub) {
    for (size_t i = 0; i < row_count(core->rows); i++) {
        const struct row *row = row_at(core->rows, i);
        if (slice_is(name, row->name)) return row_find_sub(row, sub);
    }
    return NULL;
}

void persist_run(struct core *core, const struct slice *argv, int argc, struct slice *reply) {
    const struct row *row = find_row(core, argv[0], argv[1]);
    struct session s;
    struct request req = {.argv = argv, .argc = argc, .row = row};
    struct iovec piece;
    ASSERT(row);
    session_init_inner(&s, core, "");
    struct ctx c = {core, &s, s.db, &s.reply, row, argv, argc, &req};
    row->run(&c);
    size_t n = reply_pending(&s.reply);
    char *text = mem_alloc(n + 1), *at = text;
    while (reply_pending(&s.reply) && reply_pieces(&s.reply, &piece, 1) == 1) {
        memcpy(at, piece.iov_base, piece.iov_len);
        at += piece.iov_len;
        reply_sent(&s.reply, piece.iov_len);
    }
    *at = 0;
    *reply = slice_of(text, n);
    session_fini_inner(&s);
}

/* ---- saving -------------------------------------------------------------------------- */

static void made_cut(void *ctx) {
    struct core *core = ctx;
    core->persist->changes_at_cut = feed_counted(&core->feed);
}

static void saved(void *ctx, int err, const char *why) {
    struct core *core = ctx;
    struct persist *p = core->persist;
    struct core_persistence *shown = &core->persistence;
    void (*told)(void *ctx, bool ok) = p->told;
    shown->saving = false;
    bool given_up = err == ERR_SAVING;
    if (!given_up && (!p->foreground || !err)) shown->save_failed = err != 0;
    if (!p->foreground) shown->save_took_s = (core->now_ms - shown->save_begun_ms) / 1000;
    if (given_up) {
        log_notice("the snapshot is given up: %s", why);
    } else if (err) {
        log_warning("the snapshot failed: %s", why);
    } else {
        shown->saves++;
        shown->changes_saved = p->changes_at_cut;
        shown->last_save_s = core->now_ms / 1000;
        log_notice("DB saved on disk, %llu bytes copied because of changes",
                   (unsigned long long)shown->save_cow_bytes);
    }
    core_update_gates(core);
    p->told = NULL;
    if (told) told(p->told_ctx, !err);
}

static int begin(struct core *core, bool foreground, void (*done)(void *ctx, bool ok), void *ctx) {
    struct persist *p = core->persist;
    struct save_job job = {
        .path = core->config->dbfilename,
        .key = key_slot_get(&p->key),
        .cpus = core->config->bgsave_cpulist,
        .cut = made_cut,
        .done = saved,
        .ctx = core,
    };
    int err = save_begin(core, &job);
    if (err) return err;
    p->scheduled = false;
    p->foreground = foreground;
    p->last_try_ms = core->now_ms;
    p->told = done;
    p->told_ctx = ctx;
    core->persistence.saving = true;
    core->persistence.save_begun_ms = core->now_ms;
    return 0;
}

int persist_begin(struct core *core, void (*done)(void *ctx, bool ok), void *ctx) {
    return begin(core, false, done, ctx);
}

int persist_begin_foreground(struct core *core, void (*done)(void *ctx, bool ok), void *ctx) {
    return begin(core, true, done, ctx);
}

static void note_outcome(void *ctx, bool ok) { *(bool *)ctx = ok; }

static bool save_now_unless(struct core *core, bool (*breaks)(void)) {
    bool ok = false;
    save_finish(core); /* another one first, if there is one */
    if (begin(core, true, note_outcome, &ok)) return false;
    save_finish_unless(core, breaks, "SIGINT");
    return ok;
}

bool persist_save_now(struct core *core) { return save_now_unless(core, NULL); }

void persist_schedule(struct core *core) { core->persist->scheduled = true; }

bool persist_flushed(struct core *core) {
    const struct persist *p = core->persist;
    if (!p) return false;
    if (core->persistence.saving && !p->foreground)
        save_give_up(core, "FLUSHALL removed what it was of");
    return core->config->save_count;
}

/* ---- ten times a second -------------------------------------------------------------- */

static bool point_reached(struct core *core) {
    const struct config *conf = core->config;
    uint64_t changes = feed_counted(&core->feed) - core->persistence.changes_saved;
    int64_t seconds = core->now_ms / 1000 - core->persistence.last_save_s;
    for (size_t i = 0; i < conf->save_count; i++) {
        const struct config_save_point *point = &conf->save[i];
        if (changes < (uint64_t)point->changes || seconds <= point->seconds) continue;
        log_notice("%d changes in %lld seconds. Saving...", point->changes,
                   (long long)point->seconds);
        return true;
    }
    return false;
}

void persist_cron(struct core *core) {
    const struct persist *p = core->persist;
    if (save_is_running(core) || core->ongoing.on || core->loading.on) return;
    if (core->persistence.save_failed && core->now_ms - p->last_try_ms <= RETRY_MS) return;
    if (p->scheduled || point_reached(core)) persist_begin(core, NULL, NULL);
}

/* ---- the end ------------------------------------------------------------------------- */

/* The loop, whose signals are blocked, stands still: the one that it was told of is over. */
static bool is_interrupted(void) {
    sigset_t pending;
    return sigpending(&pending) == 0 && sigismember(&pending, SIGINT) == 1;
}

static bool before_exit(struct core *core, int how) {
    bool save = how & CONFIG_SHUTDOWN_SAVE || core->config->save_count;
    if (how & CONFIG_SHUTDOWN_NOSAVE || core->loading.on) save = false;
    if (core->log.starting && !(how & CONFIG_SHUTDOWN_FORCE)) {
        log_warning("Writing initial AOF, can't exit: wait until it is there, or SHUTDOWN FORCE");
        return false;
    }
    if (save_is_running(core)) {
        log_warning("the snapshot under way is given up: the server ends");
        save_abort(core, "the server ends");
    }
    if (!save) return true;
    log_notice("Saving the final RDB snapshot before exiting.");
    bool (*breaks)(void) = how & CONFIG_SHUTDOWN_ON_SIGNAL ? is_interrupted : NULL;
    if (save_now_unless(core, breaks)) return true;
    if (breaks && breaks()) {
        log_warning("a second SIGINT: leaving at once, without the snapshot");
        exit(1);
    }
    log_warning("Error trying to save the DB, can't exit.");
    return false;
}

/* ---- loading ------------------------------------------------------------------------- */

bool persist_load(struct core *core, bool replace, char *why) {
    struct load_result result = {.replace = replace};
    int64_t begun_ms = core->now_ms;
    enum load_status status =
        load_rdb(core, core->config->dbfilename, key_slot_get(&core->persist->key), &result);
    core_set_now(core, clock_unix_us());
    core->persistence.load_keys = result.keys;
    core->persistence.load_expired = result.expired;
    if (status == LOAD_FAILED) memcpy(why, result.why, LOAD_WHY_BYTES);
    if (status == LOAD_OK && !result.sealed && core->persist->key.there) {
        log_warning("the RDB file %s is not encrypted; the next save will encrypt it",
                    core->config->dbfilename);
    }
    if (status == LOAD_OK) {
        char empty[48] = "";
        if (result.empty) {
            snprintf(empty, sizeof empty, " empty keys skipped: %llu,",
                     (unsigned long long)result.empty);
        }
        log_notice("Done loading RDB, keys loaded: %llu, keys expired: %llu,%s %.3f seconds",
                   (unsigned long long)result.keys, (unsigned long long)result.expired, empty,
                   (double)(core->now_ms - begun_ms) / 1000);
    }
    return status != LOAD_FAILED;
}

/* ---- up and down --------------------------------------------------------------------- */

bool persist_read_key(struct core *core, char why[CONFIG_WHY_BYTES]) {
    return key_slot_set(&core->persist->key, core->config->rdb_key_file, why);
}

/* CONFIG SET: what is saved from now on has the new key. */
static bool follow_key_file(void *ctx, char why[CONFIG_WHY_BYTES]) {
    return persist_read_key(ctx, why);
}

void persist_new(struct core *core, struct net_loop *loop) {
    core->persist = mem_calloc(sizeof *core->persist);
    core->persist->wake = net_wake_new(loop, on_wake, core);
    core->before_exit = before_exit;
    config_on_change(core->config, "rdb-key-file", follow_key_file, core);
}

void persist_free(struct core *core) {
    struct persist *p = core->persist;
    save_abort(core, "the server ends");
    net_wake_free(p->wake);
    key_slot_wipe(&p->key);
    mem_free(p);
    core->persist = NULL;
    core->before_exit = NULL;
}
