/* main.c - the program: options, the wiring, the outer loop.
 *
 * The sole file that sees all directories. It makes the parts in the order of their
 * ranks, turns the loop, and takes the parts down in reverse.
 * Signals: TERM and INT end the server when its clients have their replies, a second one at
 * once; HUP opens the log file anew.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/affinity.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "commands/families.h"
#include "core/collate.h"
#include "core/config.h"
#include "core/core.h"
#include "core/exec.h"
#include "core/loading.h"
#include "core/offload.h"
#include "core/ongoing.h"
#include "core/process.h"
#include "core/version.h"
#include "edge/resp.h"
#include "net/limits.h"
#include "net/loop.h"
#include "net/signal.h"
#include "net/timer.h"
#include "net/wake.h"
#include "persist/aof.h"
#include "persist/load.h"
#include "persist/persist.h"
#include "script/scripts.h"
#include "store/db.h"
#include "topic/notify.h"
#include "topic/retained.h"
#include "topic/topics.h"
#include "topic/tracking.h"
#include "work/pool.h"

#define WORKERS_MIN 2     /* so that a command need not wait while something big is freed */
#define SPARE_FDS 32      /* listeners, log, epoll ... beside the clients */
#define DRAIN_MS_MAX 1000 /* how long clients have to take their last replies */
#define WORK_MS_MAX 10000 /* how long what workers have begun may take at the end */

struct server {
    struct config *config;
    struct net_loop *loop;
    struct net_signal *signals;
    struct net_timer tasks; /* goes off when the next task is due */
    struct net_timer alarm; /* for what comes earlier than that */
    int64_t alarm_ms;       /* when it goes off, 0: not set */
    struct work_pool *work;
    struct work_services *services;
    /* In the order of their starts. */
    struct work_service log, workers, memory, scripts, persistence, clients, supervisor;
    struct work_task supervision, watchdog, append_log, save_points;
    struct net_wake *computed; /* a worker has finished a command */
    struct net_wake *logged;   /* the log's writer has news */
    struct core *core;
    struct edge *edge;
    struct process process;
};

/* ---- options that print and leave --------------------------------------------------- */

static void print_help(void) {
    puts("Clearlane, a server for the Redis protocol.\n"
         "\n"
         "usage: clearlane-server [FILE] [--directive value ...]\n"
         "       clearlane-server -                 read directives from standard input\n"
         "       clearlane-server --version | --help\n"
         "\n"
         "FILE holds directives in the form of redis.conf; redis-compat.conf explains each.\n"
         "A directive on the command line comes after the file and overrides it:\n"
         "       clearlane-server redis-compat.conf --port 7000 --maxmemory 2gb");
}

static void print_version(void) {
    printf("Clearlane v=%s (Redis v=%s) malloc=%s bits=%zu\n", CLEARLANE_VERSION, REDIS_VERSION,
           mem_allocator(), sizeof(void *) * 8);
}

/* True if the arguments only asked for a text. */
static bool answer_and_leave(int argc, char **argv) {
    struct slice first = argc > 1 ? slice_cstr(argv[1]) : slice_of(NULL, 0);
    bool version = slice_is(first, "--version") || slice_is(first, "-v");
    if (version) print_version();
    bool help = slice_is(first, "--help") || slice_is(first, "-h");
    if (help) print_help();
    return version || help;
}

/* ---- crash report ------------------------------------------------------------------- */

static struct core *crash_core; /* a signal handler has no other way to it */

static void crash_command(int fd) {
    const struct request *req = crash_core ? crash_core->running : NULL;
    if (!req || !req->row) return;
    crash_write(fd, "running command: ");
    crash_write(fd, req->row->name);
    crash_write(fd, ", arguments (lengths only): ");
    for (int i = 1; i < req->argc && i < 16; i++) {
        crash_write_i64(fd, (int64_t)req->argv[i].n);
        crash_write(fd, " ");
    }
    crash_write(fd, "\n");
}

static void crash_events(int fd) {
    if (crash_core) feed_write_recent(&crash_core->feed, fd);
}

static bool follow_panic(void *ctx, char why[CONFIG_WHY_BYTES]) {
    (void)why;
    panic_set_exit(((const struct server *)ctx)->config->exit_on_panic);
    return true;
}

static bool follow_crash_log(void *ctx, char why[CONFIG_WHY_BYTES]) {
    (void)why;
    const struct server *sv = ctx;
    if (sv->config->crash_log) {
        crash_init("Clearlane " CLEARLANE_VERSION);
    } else {
        crash_fini();
    }
    return true;
}

/* ---- limits of the system ----------------------------------------------------------- */

/* As many clients as descriptors allow; false if that is none. */
static bool fit_maxclients(struct config *conf) {
    uint64_t want = (uint64_t)conf->maxclients + SPARE_FDS, have = net_raise_fd_limit(want);
    if (have >= want) return true;
    if (have <= SPARE_FDS) {
        process_tell("the limit of open files is %llu and leaves nothing for clients; raise it "
                     "to %u or more with ulimit -n",
                     (unsigned long long)have, SPARE_FDS + 1);
        return false;
    }
    unsigned fits = (unsigned)(have - SPARE_FDS);
    process_tell("maxclients lowered from %u to %u: the limit of open files is %llu; raise it "
                 "with ulimit -n",
                 conf->maxclients, fits, (unsigned long long)have);
    conf->maxclients = fits;
    return true;
}

/* ---- changes while running ---------------------------------------------------------- */

/* What clients read is Redis' text; the reason is in the log. */
static bool move_listeners(struct server *sv, const char *text, char why[CONFIG_WHY_BYTES]) {
    char reason[CONFIG_WHY_BYTES];
    bool moved = edge_relisten(sv->edge, reason, sizeof reason);
    if (!moved) {
        log_warning("cannot listen: %s", reason);
        work_service_note(&sv->clients, "%s", reason);
        snprintf(why, CONFIG_WHY_BYTES, "%s", text);
    }
    process_title(&sv->process);
    return moved;
}

static bool follow_port(void *ctx, char why[CONFIG_WHY_BYTES]) {
    return move_listeners(ctx, "Unable to listen on this port. Check server logs.", why);
}

static bool follow_bind(void *ctx, char why[CONFIG_WHY_BYTES]) {
    return move_listeners(ctx, "Failed to bind to specified addresses.", why);
}

static bool follow_oom_score(void *ctx, char why[CONFIG_WHY_BYTES]) {
    struct server *sv = ctx;
    if (process_oom_score(&sv->process)) return true;
    snprintf(why, CONFIG_WHY_BYTES,
             "Failed to apply new oom_score_adj configuration, check server logs.");
    return false;
}

static bool follow_locale(void *ctx, char why[CONFIG_WHY_BYTES]) {
    (void)why;
    const struct server *sv = ctx;
    collate_set(sv->config->locale_collate);
    return true;
}

static bool follow_title(void *ctx, char why[CONFIG_WHY_BYTES]) {
    (void)why;
    const struct server *sv = ctx;
    process_title(&sv->process);
    return true;
}

struct allocator_job {
    struct work_job job; /* first: the job is the struct */
    bool background;
};

static void set_allocator(struct work_job *job) {
    mem_background(((struct allocator_job *)job)->background);
    mem_free(job);
}

/* On a worker, whose low priority the allocator's threads inherit. */
static bool follow_allocator(void *ctx, char why[CONFIG_WHY_BYTES]) {
    (void)why;
    struct server *sv = ctx;
    struct allocator_job *job = mem_calloc(sizeof *job);
    job->job.run = set_allocator;
    job->background = sv->config->jemalloc_bg_thread;
    if (!work_queue_submit(sv->core->queues.allocator, &job->job)) set_allocator(&job->job);
    return true;
}

static bool follow_loglevel(void *ctx, char why[CONFIG_WHY_BYTES]) {
    (void)why;
    struct server *sv = ctx;
    log_set_level((enum log_level)sv->config->loglevel);
    return true;
}

static bool follow_maxclients(void *ctx, char why[CONFIG_WHY_BYTES]) {
    struct server *sv = ctx;
    uint64_t want = (uint64_t)sv->config->maxclients + SPARE_FDS, have = net_raise_fd_limit(want);
    if (have >= want) return true;
    snprintf(
        why, CONFIG_WHY_BYTES,
        "The operating system is not able to handle the specified number of clients, try with %llu",
        (unsigned long long)(have - SPARE_FDS));
    return false;
}

/* ---- the loop ----------------------------------------------------------------------- */

static void on_tasks(void *ctx) {
    struct server *sv = ctx;
    core_turn_begin(sv->core);
    uint64_t begun = clock_ticks();
    int64_t now_ms = (int64_t)clock_mono_ms(), next_ms = work_tasks_run(sv->core->tasks, now_ms);
    sv->core->stats.tasks_us += clock_ticks_to_us(clock_ticks() - begun);
    net_timer_start(&sv->tasks, (uint64_t)(next_ms - now_ms) * 1000, 0);
}

static void on_alarm(void *ctx) {
    struct server *sv = ctx;
    sv->alarm_ms = 0;
    if (sv->core->pause_until_ms && clock_unix_ms() >= sv->core->pause_until_ms)
        core_unpause(sv->core);
}

static void on_signal(void *ctx, int signo, pid_t sender) {
    struct server *sv = ctx;
    const struct config *conf = sv->config;
    if (signo == SIGHUP) {
        int err = log_reopen();
        log_notice("SIGHUP: %s", err ? strerror(-err) : "the log file is open anew");
        if (err) work_service_note(&sv->log, "opening the log file: %s", strerror(-err));
        return;
    }
    if (sv->core->shutdown_asked || sv->core->shutdown_waits) {
        log_warning("a second signal %d: leaving at once", signo);
        exit(1);
    }
    log_warning("signal %d from process %d: shutting down", signo, (int)sender);
    int how = signo == SIGINT ? conf->shutdown_on_sigint : conf->shutdown_on_sigterm;
    if (!core_shutdown(sv->core, how | CONFIG_SHUTDOWN_ON_SIGNAL))
        log_warning("SIG%s received but errors trying to shut down the server, see above",
                    signo == SIGINT ? "INT" : "TERM");
}

/* What the core wants to do before the next tasks gets a timer of its own. */
static void set_alarm(struct server *sv) {
    int64_t at = core_next_ms(sv->core), in_ms = at - sv->core->now_ms;
    if (in_ms > CORE_TASK_MS || (sv->alarm_ms && sv->alarm_ms <= at)) return;
    sv->alarm_ms = at;
    net_timer_start(&sv->alarm, in_ms > 0 ? (uint64_t)in_ms * 1000 : 0, 0);
}

/* On a worker: the loop is to commit what was computed. */
static void wake_loop(void *ctx) { net_wake_send(ctx); }

static void on_computed(void *ctx) {
    struct server *sv = ctx;
    core_turn_begin(sv->core);
    offload_collect(sv->core);
}

static void on_logged(void *ctx) {
    struct server *sv = ctx;
    core_turn_begin(sv->core);
    aof_collect(sv->core->aof);
}

static void count_turn(struct core_stats *stats, uint64_t start_ticks, uint64_t commands_before) {
    uint64_t us = clock_ticks_to_us(clock_ticks() - start_ticks);
    if (stats->commands > commands_before + stats->loop_commands_max)
        stats->loop_commands_max = stats->commands - commands_before;
    stats->loop_turns++;
    stats->loop_us += us;
    if (us > stats->loop_us_max) stats->loop_us_max = us;
}

static void run_loop(struct server *sv) {
    bool more = false;
    while (!sv->core->shutdown_asked) {
        net_loop_turn(sv->loop, !more);
        core_turn_begin(sv->core);
        uint64_t start = sv->core->tick_mark, commands = sv->core->stats.commands;
        more = edge_turn(sv->edge);
        if (core_turn_end(sv->core)) more = true;
        if (!more) set_alarm(sv);
        count_turn(&sv->core->stats, start, commands);
    }
}

/* Under the heading that test harnesses look for where a redis-server does not start. */
static void tell_bad_config(const char *why) {
    fprintf(stderr, "\n*** FATAL CONFIG FILE ERROR (Redis %s) ***\n", REDIS_VERSION);
    process_tell("%s", why);
}

/* rename-command. */
static bool rename_commands(struct core *core) {
    const struct config *conf = core->config;
    for (size_t i = 0; i < conf->rename_count; i++) {
        const struct config_rename *r = &conf->renames[i];
        const char *why = row_table_rename(core->rows, slice_cstr(r->from), slice_cstr(r->to));
        if (!why) continue;
        char line[CONFIG_WHY_BYTES];
        snprintf(line, sizeof line, "config: %.200s: rename-command %.100s: %s", r->where, r->from,
                 why);
        tell_bad_config(line);
        return false;
    }
    return true;
}

/* ---- processors --------------------------------------------------------------------- */

static void warn_of_cpus(const char *directive, const char *list) {
    log_warning("config: %s %s: none of these processors is there; all are used", directive, list);
}

static void place_others(const struct config *conf) {
    if (!affinity_others(conf->bio_cpulist)) warn_of_cpus("bio_cpulist", conf->bio_cpulist);
}

/* When the other threads are there. */
static void place_loop(const struct config *conf) {
    if (conf->server_cpulist[0] && !affinity_bind(conf->server_cpulist))
        warn_of_cpus("server_cpulist", conf->server_cpulist);
}

/* ---- up and down -------------------------------------------------------------------- */

static void follow_config(struct server *sv) {
    const struct {
        const char *name;
        bool (*follow)(void *ctx, char why[CONFIG_WHY_BYTES]);
    } hooks[] = {
        {"port", follow_port},
        {"bind", follow_bind},
        {"loglevel", follow_loglevel},
        {"maxclients", follow_maxclients},
        {"proc-title-template", follow_title},
        {"jemalloc-bg-thread", follow_allocator},
        {"locale-collate", follow_locale},
        {"oom-score-adj", follow_oom_score},
        {"oom-score-adj-values", follow_oom_score},
        {"crash-log-enabled", follow_crash_log},
        {"use-exit-on-panic", follow_panic},
    };
    for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++) {
        config_on_change(sv->config, hooks[i].name, hooks[i].follow, sv);
    }
}

static bool start_loop(struct server *sv) {
    static const int signos[] = {SIGTERM, SIGINT, SIGHUP};
    const size_t count = sizeof signos / sizeof *signos;
    struct net_error error;
    sv->loop = net_loop_new(&error);
    if (sv->loop) sv->signals = net_signal_new(sv->loop, signos, count, on_signal, sv, &error);
    if (sv->signals) return true;
    process_tell("cannot start the event loop: %s", error.text);
    return false;
}

static int worker_count(const struct config *conf) {
    long n = conf->worker_threads ? conf->worker_threads : sysconf(_SC_NPROCESSORS_ONLN) - 1;
    if (n > WORK_THREADS_MAX) n = WORK_THREADS_MAX;
    return n < WORKERS_MIN ? WORKERS_MIN : (int)n;
}

/* CONFIG SET worker-threads. */
static bool follow_worker_threads(void *ctx, char why[CONFIG_WHY_BYTES]) {
    struct server *sv = ctx;
    if (work_pool_resize(sv->work, worker_count(sv->config))) return true;
    snprintf(why, CONFIG_WHY_BYTES, "the system does not give so many threads");
    return false;
}

static void start_crash_log(struct server *sv) {
    char why[CONFIG_WHY_BYTES];
    crash_add_section(crash_command);
    crash_add_section(crash_events);
    follow_panic(sv, why);
    if (sv->config->crash_log) follow_crash_log(sv, why);
}

/* ---- services ----------------------------------------------------------------------- */

static bool start_log(void *ctx, char why[WORK_WHY_BYTES]) {
    const struct server *sv = ctx;
    if (process_open_log(sv->config)) return true;
    snprintf(why, WORK_WHY_BYTES, "it cannot be opened");
    return false;
}

static bool start_workers(void *ctx, char why[WORK_WHY_BYTES]) {
    (void)why;
    struct server *sv = ctx;
    sv->work = work_pool_new(worker_count(sv->config));
    config_on_change(sv->config, "worker-threads", follow_worker_threads, sv);
    return true;
}

static bool stop_workers(void *ctx, int ms_max) {
    struct server *sv = ctx;
    if (!work_pool_drain(sv->work, ms_max)) return false;
    work_pool_free(sv->work);
    return true;
}

static bool start_scripts(void *ctx, char why[WORK_WHY_BYTES]) {
    (void)why;
    struct server *sv = ctx;
    sv->core->scripts = scripts_new(sv->core);
    return true;
}

/* What clients that left had begun is to be in place before. */
static bool stop_scripts(void *ctx, int ms_max) {
    struct server *sv = ctx;
    if (!work_pool_drain(sv->work, ms_max)) return false;
    offload_collect(sv->core);
    offload_finish_late(sv->core);
    scripts_free(sv->core->scripts);
    return true;
}

static void run_append_log(void *ctx) { aof_cron(((struct server *)ctx)->core->aof); }

static void run_save_points(void *ctx) { persist_cron(((struct server *)ctx)->core); }

static bool start_persistence(void *ctx, char why[WORK_WHY_BYTES]) {
    (void)why;
    struct server *sv = ctx;
    sv->logged = net_wake_new(sv->loop, on_logged, sv);
    sv->core->aof = aof_new(sv->core, wake_loop, sv->logged);
    persist_new(sv->core, sv->loop);
    sv->append_log = work_task_of("append-log", CORE_TASK_MS, run_append_log, sv);
    sv->save_points = work_task_of("save-points", CORE_TASK_MS, run_save_points, sv);
    work_task_add(sv->core->tasks, &sv->append_log);
    work_task_add(sv->core->tasks, &sv->save_points);
    return true;
}

static bool stop_persistence(void *ctx, int ms_max) {
    (void)ms_max;
    struct server *sv = ctx;
    aof_free(sv->core->aof);
    net_wake_free(sv->logged);
    persist_free(sv->core);
    return true;
}

static bool start_clients(void *ctx, char why[WORK_WHY_BYTES]) {
    struct server *sv = ctx;
    sv->edge = edge_new(sv->loop, sv->core);
    return edge_listen(sv->edge, why, WORK_WHY_BYTES);
}

/* Clients that read get the replies that they wait for; then they are closed in any case. */
static bool stop_clients(void *ctx, int ms_max) {
    struct server *sv = ctx;
    int64_t most_ms = (int64_t)sv->config->shutdown_timeout_s * 1000;
    if (sv->core->shutdown_now) most_ms = 0;
    if (most_ms > ms_max) most_ms = ms_max;
    aof_finish(sv->core->aof);
    int64_t until_ms = (int64_t)clock_mono_ms() + most_ms;
    while (edge_drain(sv->edge) && (int64_t)clock_mono_ms() < until_ms) {
        net_loop_turn(sv->loop, true);
    }
    aof_finish(sv->core->aof);
    ongoing_drop(sv->core);
    edge_free(sv->edge);
    return true;
}

static void run_watchdog(void *ctx) {
    (void)ctx;
    process_alive();
}

static bool start_supervisor(void *ctx, char why[WORK_WHY_BYTES]) {
    (void)why;
    struct server *sv = ctx;
    sv->watchdog = work_task_of("watchdog", process_serving(sv->config), run_watchdog, sv);
    if (sv->watchdog.period_ms) work_task_add(sv->core->tasks, &sv->watchdog);
    return true;
}

static bool stop_supervisor(void *ctx, int ms_max) {
    (void)ms_max;
    const struct server *sv = ctx;
    process_stopping(sv->config);
    return true;
}

static void run_supervision(void *ctx) {
    struct server *sv = ctx;
    work_services_run(sv->services, (int64_t)clock_mono_ms());
}

static void describe_services(struct server *sv) {
    sv->log = (struct work_service){.name = "log", .start = start_log, .ctx = sv};
    sv->workers = (struct work_service){.name = "workers",
                                        .start = start_workers,
                                        .stop = stop_workers,
                                        .ctx = sv,
                                        .stop_ms_max = WORK_MS_MAX};
    sv->memory = (struct work_service){.name = "memory",
                                       .run = core_keep_memory,
                                       .ctx = sv,
                                       .restart = WORK_RESTART_ON_FAILURE,
                                       .retry = {100, 60000, 20, 0},
                                       .stable_ms = 60000,
                                       .stop_ms_max = WORK_MS_MAX};
    sv->scripts = (struct work_service){.name = "scripts",
                                        .start = start_scripts,
                                        .stop = stop_scripts,
                                        .ctx = sv,
                                        .stop_ms_max = WORK_MS_MAX};
    sv->persistence = (struct work_service){
        .name = "persistence", .start = start_persistence, .stop = stop_persistence, .ctx = sv};
    sv->clients = (struct work_service){.name = "clients",
                                        .start = start_clients,
                                        .stop = stop_clients,
                                        .ctx = sv,
                                        .stop_ms_max = DRAIN_MS_MAX};
    sv->supervisor = (struct work_service){
        .name = "supervisor", .start = start_supervisor, .stop = stop_supervisor, .ctx = sv};
    sv->services = work_services_new();
}

static bool start_service(struct server *sv, struct work_service *service) {
    return work_service_start(sv->services, service, (int64_t)clock_mono_ms());
}

static bool start_core(struct server *sv) {
    char why[CONFIG_WHY_BYTES];
    sv->core = core_new(sv->config, all_families, sv->work);
    sv->core->services = sv->services;
    sv->core->memory = &sv->memory;
    crash_core = sv->core;
    topics_new(sv->core);
    retained_new(sv->core, sv->loop);
    notify_new(sv->core);
    tracking_new(sv->core);
    sv->computed = net_wake_new(sv->loop, on_computed, sv);
    offloads_set_wake(sv->core->offloads, wake_loop, sv->computed);
    follow_allocator(sv, why);
    sv->core->config_file = sv->config->config_file[0] ? sv->config->config_file : NULL;
    return rename_commands(sv->core);
}

static bool start(struct server *sv) {
    struct config *conf = sv->config;
    char why[CONFIG_WHY_BYTES];
    start_crash_log(sv);
    if (!fit_maxclients(conf) || !start_loop(sv) || !start_service(sv, &sv->workers)) return false;
    if (!start_core(sv) || !start_service(sv, &sv->memory) || !start_service(sv, &sv->scripts) ||
        !start_service(sv, &sv->persistence))
        return false;
    if (!start_service(sv, &sv->clients)) {
        process_tell("cannot listen: %s", sv->clients.error);
        return false;
    }
    if (net_backlog_warning(conf->tcp_backlog, why, sizeof why)) log_warning("%s", why);
    follow_config(sv);
    sv->supervision = work_task_of("services", CORE_TASK_MS, run_supervision, sv);
    work_task_add(sv->core->tasks, &sv->supervision);
    net_timer_init(&sv->tasks, sv->loop, on_tasks, sv);
    net_timer_init(&sv->alarm, sv->loop, on_alarm, sv);
    on_tasks(sv); /* the first sample is that of an empty server */
    return true;
}

/* While data is loaded. */
static void turn_beside(void *ctx) {
    struct server *sv = ctx;
    net_loop_turn(sv->loop, false);
    core_turn_begin(sv->core);
    edge_turn(sv->edge);
}

static bool load_rdb_file(struct server *sv) {
    char why[LOAD_WHY_BYTES];
    if (persist_load(sv->core, false, why) || sv->core->shutdown_asked) return true;
    process_tell(
        "Fatal error loading the DB: %s is not loaded, without which the server does not start: %s",
        sv->config->dbfilename, why);
    return false;
}

/* The append log is the data, if there is one. False: the data cannot be read, or the log not be
 * written. */
static bool load(struct server *sv) {
    char why[CONFIG_WHY_BYTES];
    if (!persist_read_key(sv->core, why) || !aof_read_key(sv->core->aof, why)) {
        process_tell("%s", why);
        return false;
    }
    loading_set_turn(sv->core, turn_beside, sv);
    bool ok = sv->config->appendonly ? aof_load(sv->core->aof) : load_rdb_file(sv);
    loading_set_turn(sv->core, NULL, NULL);
    if (ok && !sv->core->shutdown_asked) ok = aof_start(sv->core->aof);
    return ok;
}

static void stop(struct server *sv) {
    if (!work_services_stop(sv->services, (int64_t)clock_mono_ms())) {
        process_fini(&sv->process);
        log_warning("leaving without waiting any longer");
        _exit(1); /* a thread still uses what would be freed */
    }
    net_timer_stop(&sv->tasks);
    net_timer_stop(&sv->alarm);
    net_wake_free(sv->computed);
    crash_core = NULL;
    tracking_free(sv->core);
    notify_free(sv->core);
    retained_free(sv->core);
    topics_free(sv->core);
    core_free(sv->core);
    work_services_free(sv->services);
    net_signal_free(sv->signals);
    net_loop_free(sv->loop);
    process_fini(&sv->process);
    log_warning("Clearlane is now ready to exit, bye bye...");
    config_free(sv->config);
}

int main(int argc, char **argv) {
    struct server sv = {0};
    char why[CONFIG_WHY_BYTES];
    if (answer_and_leave(argc, argv)) return 0;
    mem_thread_init();
    hash_init(0);
    sv.config = config_new();
    char *executable = file_absolute(argv[0]);
    if (!config_load(sv.config, argc - 1, argv + 1, why)) {
        process_open_log(sv.config);
        tell_bad_config(why);
        exit(1); /* with what there is still reachable */
    }
    describe_services(&sv);
    if (!start_service(&sv, &sv.log)) exit(1);
    if (!process_start(&sv.process, sv.config, argc, argv)) exit(1);
    clock_init();
    collate_set(sv.config->locale_collate);
    affinity_loop_here();
    place_others(sv.config);
    log_notice("Clearlane %s starts, serving the protocol of Redis %s, port %d, PID: %d",
               CLEARLANE_VERSION, REDIS_VERSION, sv.config->port, (int)getpid());
    if (!start(&sv)) exit(1);
    place_loop(sv.config);
    sv.core->executable = executable;
    /* As in Redis, before the data: who waits for this line may meet LOADING. */
    log_notice("Server initialized");
    if (!load(&sv)) exit(1);
    process_oom_score(&sv.process);
    log_notice("Ready to accept connections");
    process_ready(&sv.process); /* who started it may look into the log now */
    if (process_supervisor(sv.config) != CONFIG_SUPERVISED_NO) start_service(&sv, &sv.supervisor);
    run_loop(&sv);
    stop(&sv);
    mem_free(executable);
    return 0;
}
