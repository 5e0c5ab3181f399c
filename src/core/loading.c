/* loading.c - see loading.h. */
#include "core/loading.h"

#include "base/clock.h"
#include "base/log.h"
#include "core/config.h"

#define TURN_EVERY_US 2000u
#define QUIET_US 500000u
#define LOG_EVERY_MS 5000

void loading_set_turn(struct core *core, void (*turn)(void *ctx), void *ctx) {
    core->loading.turn = turn;
    core->loading.turn_ctx = ctx;
}

void loading_begin(struct core *core, uint64_t total_bytes) {
    struct core_loading *l = &core->loading;
    l->on = true;
    l->turned = false;
    l->begun_ms = l->told_ms = clock_unix_ms();
    l->total_bytes = total_bytes;
    l->loaded_bytes = 0;
    l->rdb_used_mem = 0;
    l->turned_ticks = clock_ticks();
    core_update_gates(core);
}

static void tell(struct core_loading *l, int64_t now_ms) {
    if (now_ms - l->told_ms < LOG_EVERY_MS) return;
    l->told_ms = now_ms;
    log_notice("loading: %.1f of %.1f MB (%.0f%%)", (double)l->loaded_bytes / 1e6,
               (double)l->total_bytes / 1e6,
               l->total_bytes ? (double)l->loaded_bytes * 100 / (double)l->total_bytes : 100.0);
}

/* Until the first turn a small load has time to end. */
static uint64_t turn_every_us(const struct core *core) {
    const struct core_loading *l = &core->loading;
    bool begins = l->loaded_bytes < (uint64_t)core->config->loading_interval_bytes;
    return begins && !l->turned ? QUIET_US : TURN_EVERY_US;
}

void loading_progress(struct core *core, uint64_t loaded_bytes) {
    struct core_loading *l = &core->loading;
    l->loaded_bytes = loaded_bytes;
    if (clock_ticks() - l->turned_ticks < clock_us_to_ticks(turn_every_us(core))) return;
    tell(l, clock_unix_ms());
    if (l->turn) l->turn(l->turn_ctx);
    l->turned = true;
    l->turned_ticks = clock_ticks();
}

void loading_end(struct core *core) {
    core->loading.on = false;
    core_update_gates(core);
}
