/* log.c - see log.h.
 *
 * One lock orders the lines and guards the target. It is held over a write to a file or
 * to a descriptor that poll() has found ready, so nobody waits long for it.
 */
#define _GNU_SOURCE
#include "base/log.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define STALL_MS_MAX 5      /* how long one line waits for a full pipe */
#define LOOK_PERIOD_MS 1000 /* how often the path of the file is looked at */
#define LIMIT_PERIOD_MS 1000

static const struct {
    const char *name;
    char mark;
    int syslog_priority;
} levels[] = {
    [LOG_LEVEL_DEBUG] = {"debug", '.', LOG_DEBUG},
    [LOG_LEVEL_VERBOSE] = {"verbose", '-', LOG_INFO},
    [LOG_LEVEL_NOTICE] = {"notice", '*', LOG_NOTICE},
    [LOG_LEVEL_WARNING] = {"warning", '#', LOG_WARNING},
    [LOG_LEVEL_NOTHING] = {"nothing", ' ', LOG_DEBUG},
};

static const struct {
    const char *name;
    int id;
} facilities[] = {
    {"user", LOG_USER},     {"local0", LOG_LOCAL0}, {"local1", LOG_LOCAL1},
    {"local2", LOG_LOCAL2}, {"local3", LOG_LOCAL3}, {"local4", LOG_LOCAL4},
    {"local5", LOG_LOCAL5}, {"local6", LOG_LOCAL6}, {"local7", LOG_LOCAL7},
};

static atomic_int level_threshold = LOG_LEVEL_NOTICE;
static atomic_char role_letter = 'M';
static atomic_int log_fd = STDOUT_FILENO;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* All of these under the lock. */
static char *file_path; /* NULL: stdout */
static dev_t file_device;
static ino_t file_inode;
static uint64_t look_next_ms;
static uint64_t dropped_lines; /* since a line last went out */
static char *syslog_ident;     /* NULL: no syslog */

void log_set_level(enum log_level threshold) { atomic_store(&level_threshold, threshold); }

enum log_level log_get_level(void) { return (enum log_level)atomic_load(&level_threshold); }

bool log_enabled(enum log_level level) {
    return (int)level >= atomic_load_explicit(&level_threshold, memory_order_relaxed);
}

const char *log_level_name(enum log_level level) { return levels[level].name; }

bool log_parse_level(struct slice name, enum log_level *out) {
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (slice_is(name, levels[i].name)) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

void log_set_role(char role) { atomic_store(&role_letter, role); }

int log_crash_fd(void) { return atomic_load(&log_fd); }

/* Under the lock. The old descriptor's number is kept when it was a file's, so that
 * nobody who is about to write finds it closed. */
static int switch_to_file(const char *path) {
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return -errno;
    struct stat st;
    if (fstat(fd, &st) == 0) {
        file_device = st.st_dev;
        file_inode = st.st_ino;
    }
    if (file_path) {
        dup3(fd, log_fd, O_CLOEXEC);
        close(fd);
    } else {
        atomic_store(&log_fd, fd);
    }
    look_next_ms = clock_mono_ms() + LOOK_PERIOD_MS;
    return 0;
}

int log_open(const char *path) {
    int rc = 0;
    char *copy = path && *path ? mem_dup(path, strlen(path)) : NULL;
    pthread_mutex_lock(&lock);
    if (copy) {
        rc = switch_to_file(copy);
    } else if (file_path) {
        close(atomic_exchange(&log_fd, STDOUT_FILENO));
    }
    char *unused = rc == 0 ? file_path : copy;
    if (rc == 0) file_path = copy;
    pthread_mutex_unlock(&lock);
    mem_free(unused);
    return rc;
}

int log_reopen(void) {
    pthread_mutex_lock(&lock);
    int rc = file_path ? switch_to_file(file_path) : 0;
    pthread_mutex_unlock(&lock);
    return rc;
}

static const int *find_facility(const char *name) {
    for (size_t i = 0; i < sizeof facilities / sizeof *facilities; i++) {
        if (strcasecmp(name, facilities[i].name) == 0) return &facilities[i].id;
    }
    return NULL;
}

bool log_is_facility(const char *facility) { return find_facility(facility) != NULL; }

bool log_set_syslog(const char *ident, const char *facility) {
    const int *id = ident ? find_facility(facility) : NULL;
    if (ident && !id) return false;
    char *copy = ident ? mem_dup(ident, strlen(ident)) : NULL;
    pthread_mutex_lock(&lock);
    char *unused = syslog_ident;
    if (unused) closelog();
    syslog_ident = copy;
    if (copy) openlog(copy, LOG_PID | LOG_NDELAY | LOG_NOWAIT, *id);
    pthread_mutex_unlock(&lock);
    mem_free(unused);
    return true;
}

/* "pid:role date mark " at the start of a line; returns its length. */
static size_t write_head(char *line, enum log_level level) {
    int64_t now_ms = clock_unix_ms();
    time_t now_s = (time_t)(now_ms / 1000);
    struct tm tm;
    char date[64];
    localtime_r(&now_s, &tm);
    strftime(date, sizeof date, "%d %b %Y %H:%M:%S", &tm);
    return (size_t)snprintf(line, LOG_LINE_BYTES_MAX, "%d:%c %s.%03d %c ", (int)getpid(),
                            atomic_load(&role_letter), date, (int)(now_ms % 1000),
                            levels[level].mark);
}

/* Under the lock. */
static void follow_rotation(void) {
    uint64_t now_ms = clock_mono_ms();
    if (now_ms < look_next_ms) return;
    look_next_ms = now_ms + LOOK_PERIOD_MS;
    struct stat st;
    bool same = stat(file_path, &st) == 0 && st.st_dev == file_device && st.st_ino == file_inode;
    if (!same) switch_to_file(file_path); /* on failure the old file goes on */
}

/* Under the lock. */
static bool write_line(const char *line, size_t n) {
    ssize_t written;
    do {
        written = write(log_fd, line, n);
    } while (written < 0 && errno == EINTR);
    return written >= 0;
}

/* Under the lock. */
static void put_line(const char *line, size_t n) {
    if (file_path) follow_rotation();
    struct pollfd ready = {.fd = log_fd, .events = POLLOUT};
    if (poll(&ready, 1, dropped_lines ? 0 : STALL_MS_MAX) != 1) {
        dropped_lines++;
        return;
    }
    if (dropped_lines) {
        char note[LOG_LINE_BYTES_MAX];
        size_t head = write_head(note, LOG_LEVEL_WARNING);
        int length = snprintf(note + head, sizeof note - head,
                              "%llu log lines were dropped: nobody took them\n",
                              (unsigned long long)dropped_lines);
        if (write_line(note, head + (size_t)length)) dropped_lines = 0;
    }
    if (!write_line(line, n)) dropped_lines++;
}

__attribute__((format(printf, 3, 0))) static void
log_line(enum log_level level, uint32_t suppressed, const char *fmt, va_list args) {
    char line[LOG_LINE_BYTES_MAX];
    size_t head = write_head(line, level), room = sizeof line - 1; /* the last is the '\n' */
    vsnprintf(line + head, room - head, fmt, args);
    size_t n = head + strlen(line + head);
    if (suppressed) {
        snprintf(line + n, room - n, " (%u such lines left out)", suppressed);
        n += strlen(line + n);
    }
    for (size_t i = head; i < n; i++) {
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f) line[i] = '?';
    }
    pthread_mutex_lock(&lock);
    if (syslog_ident) syslog(levels[level].syslog_priority, "%s", line + head);
    line[n++] = '\n';
    put_line(line, n);
    pthread_mutex_unlock(&lock);
}

void log_at(enum log_level level, const char *fmt, ...) {
    if (!log_enabled(level)) return;
    va_list args;
    va_start(args, fmt);
    log_line(level, 0, fmt, args);
    va_end(args);
}

void log_ratelimited(struct log_limit *limit, enum log_level level, const char *fmt, ...) {
    if (!log_enabled(level)) return;
    uint64_t now_ms = clock_mono_ms() + 1; /* 0 means never */
    uint32_t period_ms = limit->period_ms ? limit->period_ms : LIMIT_PERIOD_MS;
    pthread_mutex_lock(&lock);
    bool pass = limit->last_ms == 0 || now_ms - limit->last_ms >= period_ms;
    uint32_t suppressed = limit->suppressed;
    limit->suppressed = pass ? 0 : suppressed + 1;
    if (pass) limit->last_ms = now_ms;
    pthread_mutex_unlock(&lock);
    if (!pass) return;
    va_list args;
    va_start(args, fmt);
    log_line(level, suppressed, fmt, args);
    va_end(args);
}
