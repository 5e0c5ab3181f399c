/* log.h - the server's log: lines to stdout, a file, or syslog.
 *
 *   pid:role dd Mon yyyy hh:mm:ss.mmm level-mark text
 * with the local time, Redis' role letters (M master, S replica, C child, X sentinel) and
 * its marks: '.' debug, '-' verbose, '*' notice, '#' warning.
 * L1  A line is one write(2) of at most LOG_LINE_BYTES_MAX bytes, so lines of different
 *     threads and processes do not mix. Control bytes in the text become '?'.
 * L2  A log that cannot take a line at once (a stopped reader of stdout) waits a few
 *     milliseconds, then drops lines; the number dropped is told when it takes them again.
 * L3  A log file is kept open. At most once a second its path is looked at, and opened
 *     anew when the file there is another: rotation needs no signal.
 * Threads: any. Not for signal handlers: those use crash.h on log_crash_fd().
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/bytes.h"

#define LOG_LINE_BYTES_MAX 1024

enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_VERBOSE,
    LOG_LEVEL_NOTICE, /* the default */
    LOG_LEVEL_WARNING,
    LOG_LEVEL_NOTHING, /* as a threshold only */
};

/* Lines below the threshold are not formatted. */
void log_set_level(enum log_level threshold);
enum log_level log_get_level(void);
const char *log_level_name(enum log_level level);
bool log_parse_level(struct slice name, enum log_level *out);

void log_set_role(char role);

/* Where lines go from now on: a path, or "" or NULL for stdout. 0, or a negative errno of
 * opening the file, and then the old target stays. The path is copied. */
int log_open(const char *path);

/* Opens the file anew at once (SIGHUP); 0 or a negative errno. */
int log_reopen(void);

/* Also sends lines to syslog under `ident`, with Redis' facility names (user, local0 to
 * local7); ident NULL stops that. False for an unknown facility, and nothing changes. */
bool log_set_syslog(const char *ident, const char *facility);
bool log_is_facility(const char *facility);

bool log_enabled(enum log_level level);
__attribute__((format(printf, 2, 3))) void log_at(enum log_level level, const char *fmt, ...);

#define log_debug(...) log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_verbose(...) log_at(LOG_LEVEL_VERBOSE, __VA_ARGS__)
#define log_notice(...) log_at(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, __VA_ARGS__)

/* A line that may repeat without end: at most one per `period_ms` passes, and says how
 * many were left out since. One zeroed struct per place in the code, static or owned by
 * whatever the line is about; only period_ms is set by the caller (0 means 1000). */
struct log_limit {
    uint32_t period_ms;
    uint32_t suppressed; /* under the log's own lock, as below */
    uint64_t last_ms;    /* monotonic; 0 before the first line */
};
__attribute__((format(printf, 3, 4))) void
log_ratelimited(struct log_limit *limit, enum log_level level, const char *fmt, ...);

/* The descriptor behind the log, for a crash report; never closed by its reader. */
int log_crash_fd(void);

#endif
