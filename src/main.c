/* main.c - the program: options, process matters, the wiring, the outer loop.
 *
 * The sole file that sees all directories. It makes the parts in the order of their
 * ranks, turns the loop, and takes the parts down in reverse.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crash.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "commands/families.h"
#include "core/config.h"
#include "core/core.h"
#include "core/exec.h"
#include "core/version.h"
#include "edge/resp.h"
#include "net/limits.h"
#include "net/loop.h"
#include "net/signal.h"
#include "net/timer.h"
#include "store/db.h"
#include "work/pool.h"

#define SPARE_FDS 32 /* listeners, log, epoll ... beside the clients */
#define DEFAULT_PIDFILE "/var/run/redis.pid"

struct server {
    struct config *config;
    struct net_loop *loop;
    struct net_signal *signals;
    struct net_timer cron;  /* ten times a second */
    struct net_timer alarm; /* for what comes earlier than that */
    int64_t alarm_ms;       /* when it goes off, 0: not set */
    struct work_pool *work;
    struct core *core;
    struct edge *edge;
    const char *pidfile; /* written, to be removed; NULL if none */
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
    struct slice first = argc == 2 ? slice_cstr(argv[1]) : slice_of(NULL, 0);
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

/* ---- the process -------------------------------------------------------------------- */

static void go_background(void) {
    pid_t pid = fork();
    if (pid < 0) {
        log_warning("cannot go into the background: fork: %s", strerror(errno));
        exit(1);
    }
    if (pid) _exit(0);
    setsid();
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) return;
    for (int fd = 0; fd < 3; fd++) dup2(null, fd);
    close(null);
}

static bool supervised(const struct config *conf) {
    return conf->supervised == CONFIG_SUPERVISED_SYSTEMD ||
           (conf->supervised == CONFIG_SUPERVISED_AUTO && getenv("NOTIFY_SOCKET"));
}

static void write_pidfile(struct server *sv) {
    const char *path = sv->config->pidfile;
    if (!path[0] && sv->config->daemonize) path = DEFAULT_PIDFILE;
    if (!path[0]) return;
    char text[32];
    int n = snprintf(text, sizeof text, "%d\n", (int)getpid());
    int err = file_write_atomic(path, slice_of(text, (size_t)n), 0644);
    if (err) {
        log_warning("cannot write the pidfile %s: %s", path, strerror(-err));
    } else {
        sv->pidfile = path;
    }
}

/* Log, locale and crash report, as configured. */
static bool start_process(const struct config *conf) {
    log_set_level((enum log_level)conf->loglevel);
    int err = log_open(conf->logfile[0] ? conf->logfile : NULL);
    if (err) {
        fprintf(stderr, "cannot open the logfile '%s': %s\n", conf->logfile, strerror(-err));
        return false;
    }
    if (conf->syslog_enabled) log_set_syslog(conf->syslog_ident, conf->syslog_facility);
    setlocale(LC_COLLATE, conf->locale_collate);
    umask(0077);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    if (conf->daemonize && !supervised(conf)) go_background();
    clock_init();
    mem_background_start();
    if (conf->crash_log) {
        crash_init("Clearlane " CLEARLANE_VERSION);
        crash_add_section(crash_command);
        crash_add_section(crash_events);
    }
    return true;
}

/* As many clients as descriptors allow. */
static void fit_maxclients(struct config *conf) {
    uint64_t want = (uint64_t)conf->maxclients + SPARE_FDS, have = net_raise_fd_limit(want);
    if (have >= want) return;
    unsigned fits = have > SPARE_FDS + 1 ? (unsigned)(have - SPARE_FDS) : 1;
    log_warning(
        "maxclients lowered from %u to %u: the limit of open files is %llu; raise it with ulimit -n",
        conf->maxclients, fits, (unsigned long long)have);
    conf->maxclients = fits;
}

/* ---- changes while running ---------------------------------------------------------- */

static bool follow_addresses(void *ctx, char why[CONFIG_WHY_BYTES]) {
    struct server *sv = ctx;
    if (!edge_listen(sv->edge, why, CONFIG_WHY_BYTES)) return false;
    sv->core->port = sv->config->port;
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

static void on_cron(void *ctx) {
    struct server *sv = ctx;
    core_turn_begin(sv->core);
    core_cron(sv->core);
    edge_cron(sv->edge);
}

static void on_alarm(void *ctx) {
    struct server *sv = ctx;
    sv->alarm_ms = 0;
    if (sv->core->pause_until_ms && clock_unix_ms() >= sv->core->pause_until_ms)
        core_unpause(sv->core);
}

static void on_signal(void *ctx, int signo, pid_t sender) {
    struct server *sv = ctx;
    if (sv->core->shutdown_asked) {
        log_warning("a second signal %d: leaving at once", signo);
        exit(1);
    }
    log_warning("signal %d from process %d: shutting down", signo, (int)sender);
    sv->core->shutdown_asked = true;
}

/* What the core wants to do before the next cron gets a timer of its own. */
static void set_alarm(struct server *sv) {
    int64_t at = core_next_ms(sv->core), in_ms = at - sv->core->now_ms;
    if (in_ms > CORE_CRON_MS || (sv->alarm_ms && sv->alarm_ms <= at)) return;
    sv->alarm_ms = at;
    net_timer_start(&sv->alarm, in_ms > 0 ? (uint64_t)in_ms * 1000 : 0, 0);
}

static void count_turn(struct core_stats *stats, uint64_t start_ticks) {
    uint64_t us = clock_ticks_to_us(clock_ticks() - start_ticks);
    stats->loop_turns++;
    stats->loop_us += us;
    if (us > stats->loop_us_max) stats->loop_us_max = us;
}

static void run_loop(struct server *sv) {
    bool more = false;
    while (!sv->core->shutdown_asked) {
        net_loop_turn(sv->loop, !more);
        core_turn_begin(sv->core);
        uint64_t start = sv->core->tick_mark;
        more = edge_turn(sv->edge);
        if (core_turn_end(sv->core)) more = true;
        if (!more) set_alarm(sv);
        count_turn(&sv->core->stats, start);
    }
}

/* rename-command. */
static bool rename_commands(struct core *core) {
    const struct config *conf = core->config;
    for (size_t i = 0; i < conf->rename_count; i++) {
        const struct config_rename *r = &conf->renames[i];
        const char *why = row_table_rename(core->rows, slice_cstr(r->from), slice_cstr(r->to));
        if (!why) continue;
        log_warning("%s: rename-command %s: %s", r->where, r->from, why);
        return false;
    }
    return true;
}

/* ---- up and down -------------------------------------------------------------------- */

static bool start(struct server *sv) {
    struct config *conf = sv->config;
    struct net_error error;
    char why[CONFIG_WHY_BYTES];
    fit_maxclients(conf);
    sv->loop = net_loop_new(&error);
    static const int signos[] = {SIGTERM, SIGINT};
    if (sv->loop) sv->signals = net_signal_new(sv->loop, signos, 2, on_signal, sv, &error);
    if (!sv->signals) {
        log_warning("cannot start the event loop: %s", error.text);
        return false;
    }
    sv->work = work_pool_new(1);
    sv->core = core_new(conf, all_families, sv->work);
    crash_core = sv->core;
    if (!rename_commands(sv->core)) return false;
    sv->core->config_file = conf->config_file[0] ? conf->config_file : NULL;
    sv->core->port = conf->port;
    sv->edge = edge_new(sv->loop, sv->core);
    if (!edge_listen(sv->edge, why, sizeof why)) {
        log_warning("cannot listen: %s", why);
        return false;
    }
    if (net_backlog_warning(conf->tcp_backlog, why, sizeof why)) log_warning("%s", why);
    static const char *const addresses[] = {"port", "bind", "unixsocket", "tcp-backlog"};
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        config_on_change(conf, addresses[i], follow_addresses, sv);
    }
    config_on_change(conf, "loglevel", follow_loglevel, sv);
    config_on_change(conf, "maxclients", follow_maxclients, sv);
    net_timer_init(&sv->cron, sv->loop, on_cron, sv);
    net_timer_init(&sv->alarm, sv->loop, on_alarm, sv);
    net_timer_start(&sv->cron, CORE_CRON_MS * 1000, CORE_CRON_MS * 1000);
    return true;
}

static void stop(struct server *sv) {
    if (supervised(sv->config)) sd_notify(0, "STOPPING=1");
    net_timer_stop(&sv->cron);
    net_timer_stop(&sv->alarm);
    edge_free(sv->edge);
    work_pool_free(sv->work);
    crash_core = NULL;
    core_free(sv->core);
    net_signal_free(sv->signals);
    net_loop_free(sv->loop);
    if (sv->pidfile) unlink(sv->pidfile);
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
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    if (!start_process(sv.config)) return 1;
    log_notice("Clearlane %s starts, serving the protocol of Redis %s, port %d, PID: %d",
               CLEARLANE_VERSION, REDIS_VERSION, sv.config->port, (int)getpid());
    if (!start(&sv)) return 1;
    sv.core->executable = executable;
    write_pidfile(&sv);
    log_notice("Server initialized");
    log_notice("Ready to accept connections");
    if (supervised(sv.config)) sd_notify(0, "READY=1\nSTATUS=Ready to accept connections\n");
    run_loop(&sv);
    stop(&sv);
    mem_free(executable);
    return 0;
}
