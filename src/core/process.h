/* process.h - the process around the server: log, background, pid file, title, supervisor.
 *
 * T1  What keeps the server from starting is told in one line, to the log and to whoever started
 *     it by hand.
 * T2  A server that goes into the background lets its parent go when it serves, or with
 *     status 1 when it could not start.
 * Threads: the loop's; process_start before there are others.
 * Specification: Redis 7.2, the directives named above; sd_notify(3).
 */
#ifndef CORE_PROCESS_H
#define CORE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"

struct process {
    const struct config *config;
    char *name;    /* as it was started */
    char *pidfile; /* absolute; written, to be removed; NULL if none */
    int parent_fd; /* the parent in the foreground waits here; -1 if there is none */
    bool oom_is_set;
    int64_t oom_before; /* the process' own score, while another one is set */
};

/* One line for the log, and for stderr unless the log goes there anyway. */
__attribute__((format(printf, 1, 2))) void process_tell(const char *fmt, ...);

/* Lets the log go where the configuration says. False: told why. */
bool process_open_log(const struct config *conf);

/* Locale, signals to be ignored, the background. `conf` is borrowed for the process' life.
 * False: told why. */
bool process_start(struct process *p, const struct config *conf, int argc, char **argv);

/* The server serves: pid file, title, and a word to the parent. */
void process_ready(struct process *p);

/* Renews the title after a change of what it shows. */
void process_title(const struct process *p);

/* Gives the kernel the first of oom-score-adj-values, as oom-score-adj says, or what was there
 * before. False: it does not take it, told why. */
bool process_oom_score(struct process *p);

/* When all is closed: takes the pid file away. */
void process_fini(struct process *p);

/* Who watches this process: "systemd" or "upstart" only if the environment agrees, never
 * "auto". */
enum config_supervised process_supervisor(const struct config *conf);

/* Tells who watches that the server serves; returns how often process_alive is to be called then,
 * in ms, 0 for never. Later, that it ends. */
uint32_t process_serving(const struct config *conf);
void process_alive(void);
void process_stopping(const struct config *conf);

#endif
