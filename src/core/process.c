/* process.c - see process.h. */
#define _GNU_SOURCE /* pipe2 */
#include "core/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/proctitle.h"

#define DEFAULT_PIDFILE "/var/run/redis.pid"

/* ---- the log ------------------------------------------------------------------------ */

/* Whether what is logged reaches stderr as well. */
static bool log_is_stderr(void) {
    struct stat log, err;
    return log_enabled(LOG_LEVEL_WARNING) && fstat(log_crash_fd(), &log) == 0 &&
           fstat(STDERR_FILENO, &err) == 0 && log.st_dev == err.st_dev && log.st_ino == err.st_ino;
}

void process_tell(const char *fmt, ...) {
    char line[LOG_LINE_BYTES_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    if (!log_is_stderr()) fprintf(stderr, "%s\n", line);
    log_warning("%s", line);
}

bool process_open_log(const struct config *conf) {
    log_set_level((enum log_level)conf->loglevel);
    char *path = conf->logfile[0] ? file_absolute(conf->logfile) : NULL;
    int err = log_open(path);
    mem_free(path);
    if (conf->syslog_enabled) log_set_syslog(conf->syslog_ident, conf->syslog_facility);
    if (err) process_tell("cannot open the logfile '%s': %s", conf->logfile, strerror(-err));
    return !err;
}

/* ---- who is killed when memory is short ---------------------------------------------- */

#define OOM_FILE "/proc/self/oom_score_adj"
#define OOM_SCORE_MAX 1000
#define OOM_TEXT_BYTES 32

static int oom_read(int64_t *score) {
    char *text;
    ssize_t n = file_read(OOM_FILE, OOM_TEXT_BYTES, &text);
    if (n < 0) return (int)n;
    bool read = n && num_parse_i64(slice_of(text, (size_t)n - 1), score); /* without its line end */
    mem_free(text);
    return read ? 0 : -EINVAL;
}

static int oom_write(int64_t score) {
    if (score > OOM_SCORE_MAX) score = OOM_SCORE_MAX;
    if (score < -OOM_SCORE_MAX) score = -OOM_SCORE_MAX;
    int fd = open(OOM_FILE, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    int err = dprintf(fd, "%lld", (long long)score) < 0 ? -errno : 0;
    close(fd);
    return err;
}

bool process_oom_score(struct process *p) {
    const struct config *conf = p->config;
    int err = 0;
    int64_t score = conf->oom_score_adj_values[0];
    bool on = conf->oom_score_adj != CONFIG_OOM_NO;
    if (!on && !p->oom_is_set) return true;
    if (!p->oom_is_set) err = oom_read(&p->oom_before);
    if (conf->oom_score_adj == CONFIG_OOM_RELATIVE) score += p->oom_before;
    if (!err) err = oom_write(on ? score : p->oom_before);
    if (err) {
        log_warning("cannot set oom-score-adj %lld in " OOM_FILE ": %s", (long long)score,
                    strerror(-err));
        return false;
    }
    p->oom_is_set = on;
    return true;
}

/* ---- the background ----------------------------------------------------------------- */

static void to_null(int first, int last) {
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) return;
    for (int fd = first; fd <= last; fd++) dup2(null, fd);
    if (null > last) close(null);
}

/* Stderr stays until the server serves: it may have to tell why it cannot. */
static bool go_background(struct process *p) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        process_tell("cannot go into the background: pipe: %s", strerror(errno));
        return false;
    }
    pid_t pid = fork();
    if (pid < 0) {
        process_tell("cannot go into the background: fork: %s", strerror(errno));
        return false;
    }
    if (pid) {
        char served;
        close(ends[1]);
        _exit(read(ends[0], &served, 1) == 1 ? 0 : 1);
    }
    close(ends[0]);
    p->parent_fd = ends[1];
    setsid();
    to_null(STDIN_FILENO, STDOUT_FILENO);
    return true;
}

static void free_parent(struct process *p) {
    if (p->parent_fd < 0) return;
    to_null(STDERR_FILENO, STDERR_FILENO);
    if (write(p->parent_fd, "", 1) < 0) log_warning("nobody waited for the start of the server");
    close(p->parent_fd);
    p->parent_fd = -1;
}

/* ---- the supervisor ----------------------------------------------------------------- */

enum config_supervised process_supervisor(const struct config *conf) {
    int asked = conf->supervised;
    bool any = asked == CONFIG_SUPERVISED_AUTO;
    if ((any || asked == CONFIG_SUPERVISED_UPSTART) && getenv("UPSTART_JOB"))
        return CONFIG_SUPERVISED_UPSTART;
    if ((any || asked == CONFIG_SUPERVISED_SYSTEMD) && getenv("NOTIFY_SOCKET"))
        return CONFIG_SUPERVISED_SYSTEMD;
    return CONFIG_SUPERVISED_NO;
}

static void check_supervisor(const struct config *conf) {
    if (process_supervisor(conf) != CONFIG_SUPERVISED_NO) return;
    if (conf->supervised == CONFIG_SUPERVISED_SYSTEMD)
        log_warning("supervised systemd: there is no NOTIFY_SOCKET in the environment");
    if (conf->supervised == CONFIG_SUPERVISED_UPSTART)
        log_warning("supervised upstart: there is no UPSTART_JOB in the environment");
}

uint32_t process_serving(const struct config *conf) {
    uint64_t period_us;
    switch (process_supervisor(conf)) {
    case CONFIG_SUPERVISED_SYSTEMD:
        sd_notify(0, "READY=1\nSTATUS=Ready to accept connections\n");
        if (sd_watchdog_enabled(0, &period_us) <= 0) return 0;
        return period_us < 2000 ? 1 : (uint32_t)(period_us / 2000);
    case CONFIG_SUPERVISED_UPSTART: raise(SIGSTOP); return 0;
    default: return 0;
    }
}

void process_alive(void) { sd_notify(0, "WATCHDOG=1"); }

void process_stopping(const struct config *conf) {
    if (process_supervisor(conf) != CONFIG_SUPERVISED_SYSTEMD) return;
    sd_notify(0, "STOPPING=1\nSTATUS=Shutting down\n");
}

/* ---- up and down -------------------------------------------------------------------- */

bool process_start(struct process *p, const struct config *conf, int argc, char **argv) {
    *p = (struct process){.config = conf, .parent_fd = -1};
    p->name = mem_dup(argv[0], strlen(argv[0]));
    check_supervisor(conf);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file over its limit is an error of the write */
    signal(SIGHUP, SIG_IGN);  /* until somebody listens */
    bool supervised = process_supervisor(conf) != CONFIG_SUPERVISED_NO;
    if (conf->daemonize && !supervised && !go_background(p)) return false;
    if (conf->set_proc_title) proctitle_init(argc, argv);
    return true;
}

/* A server without its pid file serves all the same. */
static void write_pidfile(struct process *p) {
    const struct config *conf = p->config;
    bool background = p->parent_fd >= 0;
    if (!conf->pidfile[0] && !background) return;
    const char *path = conf->pidfile[0] ? conf->pidfile : DEFAULT_PIDFILE;
    char text[32];
    int n = snprintf(text, sizeof text, "%d\n", (int)getpid());
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int err = fd < 0 ? -errno : file_write_all(fd, text, (size_t)n);
    if (fd >= 0) close(fd);
    if (err) {
        process_tell("cannot write the pidfile %s: %s", path, strerror(-err));
    } else {
        p->pidfile = file_absolute(path);
    }
}

void process_title(const struct process *p) {
    char *title = config_title(p->config, p->name);
    proctitle_set(title);
    mem_free(title);
}

void process_ready(struct process *p) {
    write_pidfile(p);
    process_title(p);
    free_parent(p);
}

void process_fini(struct process *p) {
    if (p->pidfile) unlink(p->pidfile);
    mem_free(p->pidfile);
    mem_free(p->name);
}
