/* server.c - starts and ends the servers of a test. See server.h.
 *
 * V1  A child gets SIGKILL when its parent ends, so no server outlives a test.
 * V2  A child inherits no descriptor but 0, 1 and 2.
 * V3  `status` is valid when `ended` is true; a process is reaped once.
 * V4  A start counts as done when the process of ours lives and its port answered: another
 *     process may have taken the port in between, then another port is tried.
 * Threads: see server.h.
 */
#define _GNU_SOURCE
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "suite.h"

#define START_MS_MAX 30000
#define STOP_MS_MAX 30000
#define START_ATTEMPTS_MAX 5
#define POLL_MS 5
#define ARGS_MAX 128
#define LOG_TAIL_BYTES 6000
#define LOG_BYTES_MAX ((size_t)64 << 20)

struct server {
    pid_t pid;
    int status;
    int port; /* 0: reached by socket_path */
    bool ended;
    bool end_seen; /* by server_wait, so that server_stop does not judge the status */
    bool oracle;
    unsigned failures_before;
    char *socket_path;
    char *dir;
    char *log_path;
};

static __attribute__((noreturn, format(printf, 2, 3))) void give_up(const struct server *s,
                                                                    const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("tests/support/server: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    if (s) {
        server_print_log(s);
    }
    exit(1);
}

static char *join(const char *dir, const char *name) {
    char *path;
    if (asprintf(&path, "%s/%s", dir, name) < 0) {
        give_up(NULL, "out of memory");
    }
    return path;
}

long long server_now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void server_sleep_ms(int wait_ms) {
    struct timespec t = {.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000L};
    while (nanosleep(&t, &t) != 0 && errno == EINTR) {
    }
}

int server_free_port(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &n) != 0) {
        give_up(NULL, "no free port: %s", strerror(errno));
    }
    close(fd);
    return ntohs(a.sin_port);
}

/* ---- directories and logs ---- */

static char *make_dir(void) {
    const char *parent = getenv("TMPDIR");
    char *dir = join(parent && *parent ? parent : "/tmp", "server-XXXXXX");
    if (!mkdtemp(dir)) {
        give_up(NULL, "%s: %s", dir, strerror(errno));
    }
    return dir;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk) {
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

static void remove_dir(const char *dir) { nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

/* The file from `from` on (from its end if negative), ended by a zero; the caller frees. */
static char *read_log(const char *path, off_t from) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    off_t start = from >= 0 ? from : size + from > 0 ? size + from : 0;
    size_t want = size > start ? (size_t)(size - start) : 0;
    want = want > LOG_BYTES_MAX ? LOG_BYTES_MAX : want;
    char *text = malloc(want + 1);
    ssize_t got = fd < 0 ? 0 : pread(fd, text, want, start);
    text[got > 0 ? got : 0] = 0;
    if (fd >= 0) {
        close(fd);
    }
    return text;
}

void server_print_log(const struct server *s) {
    char *text = read_log(s->log_path, -LOG_TAIL_BYTES);
    fprintf(stderr, "---- log of the server on port %d\n%s---- end of log\n", s->port, text);
    free(text);
}

static bool log_has_now(const struct server *s, const char *needle) {
    char *text = read_log(s->log_path, 0);
    bool found = strstr(text, needle);
    free(text);
    return found;
}

bool server_log_has(const struct server *s, const char *text, int wait_ms) {
    long long end_ms = server_now_ms() + wait_ms;
    while (!log_has_now(s, text)) {
        if (server_now_ms() >= end_ms) {
            return false;
        }
        server_sleep_ms(POLL_MS);
    }
    return true;
}

/* ---- processes ---- */

static pid_t spawn(const char *const argv[], const char *log_path) {
    pid_t parent = getpid();
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) {
        give_up(NULL, "fork: %s", strerror(errno));
    }
    if (pid > 0) {
        return pid;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(126);
    }
    int in = open("/dev/null", O_RDONLY);
    int out = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0) {
        _exit(126);
    }
    closefrom(3);
    execvp(argv[0], (char *const *)argv);
    dprintf(2, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

static int exit_status(int raw) {
    return WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw);
}

/* Whether the process ended within wait_ms; then its status is stored. */
static bool reap(pid_t pid, int *status, int wait_ms) {
    long long end_ms = server_now_ms() + wait_ms;
    for (;;) {
        int raw;
        pid_t got = waitpid(pid, &raw, WNOHANG);
        if (got == pid) {
            *status = exit_status(raw);
            return true;
        }
        if (got < 0 && errno != EINTR) {
            give_up(NULL, "waitpid %d: %s", (int)pid, strerror(errno));
        }
        if (server_now_ms() >= end_ms) {
            return false;
        }
        server_sleep_ms(POLL_MS);
    }
}

static bool has_ended(struct server *s, int wait_ms) {
    if (!s->ended) {
        s->ended = reap(s->pid, &s->status, wait_ms);
    }
    return s->ended;
}

int server_wait(struct server *s, int wait_ms) {
    if (!has_ended(s, wait_ms)) {
        return -1;
    }
    s->end_seen = true;
    return s->status;
}

void server_signal(struct server *s, int signal_number) {
    if (!s->ended) {
        kill(s->pid, signal_number);
    }
}

/* Ends the process; false if it had to be killed or did not exit with status 0. */
static bool end_process(struct server *s) {
    server_signal(s, SIGTERM);
    if (!has_ended(s, STOP_MS_MAX)) {
        fprintf(stderr, "server on port %d: still there %d ms after SIGTERM\n", s->port,
                STOP_MS_MAX);
        server_signal(s, SIGKILL);
        has_ended(s, STOP_MS_MAX);
        return false;
    }
    if (s->status != 0 && !s->end_seen) {
        fprintf(stderr, "server on port %d: exit status %d\n", s->port, s->status);
        return false;
    }
    return true;
}

/* ---- readiness ---- */

static int connect_to(const struct server *s) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((in_port_t)s->port)};
    bool by_path = s->port == 0;
    if (by_path) {
        snprintf(un.sun_path, sizeof(un.sun_path), "%s", s->socket_path);
    }
    int fd = socket(by_path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = by_path ? connect(fd, (struct sockaddr *)&un, sizeof(un))
                     : connect(fd, (struct sockaddr *)&in, sizeof(in));
    if (rc != 0) {
        close(fd);
        return -1;
    }
    struct timeval limit = {.tv_sec = 2};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    return fd;
}

/* Reads to the end of the connection, so that the server has no client left when the test
 * begins. An error such as NOAUTH answers as well as a PONG does. */
static bool answers(const struct server *s) {
    static const char question[] = "PING\r\nQUIT\r\n";
    char reply[256];
    size_t n = 0;
    int fd = connect_to(s);
    if (fd < 0) {
        return false;
    }
    if (send(fd, question, sizeof(question) - 1, MSG_NOSIGNAL) > 0) {
        ssize_t got;
        while (n < sizeof(reply) - 1 && (got = recv(fd, reply + n, sizeof(reply) - 1 - n, 0)) > 0) {
            n += (size_t)got;
        }
    }
    close(fd);
    reply[n] = 0;
    return strchr(reply, '\n') && strncmp(reply, "-LOADING", 8) != 0;
}

static bool wait_ready(struct server *s) {
    long long end_ms = server_now_ms() + START_MS_MAX;
    while (!has_ended(s, 0)) {
        if (answers(s) && !has_ended(s, 0)) {
            return true;
        }
        if (server_now_ms() >= end_ms) {
            server_signal(s, SIGKILL);
            give_up(s, "no answer to PING within %d ms", START_MS_MAX);
        }
        server_sleep_ms(POLL_MS);
    }
    return false;
}

/* ---- start and stop ---- */

struct arg_list {
    const char *v[ARGS_MAX];
    int n;
};

static void add_arg(struct arg_list *list, const char *arg) {
    if (list->n == ARGS_MAX - 1) {
        give_up(NULL, "more than %d arguments", ARGS_MAX - 1);
    }
    list->v[list->n++] = arg;
}

static void add_args(struct arg_list *list, const char *const args[]) {
    for (; args && *args; args++) {
        add_arg(list, *args);
    }
}

static const char *value_of(const char *const args[], const char *name) {
    for (; args && args[0] && args[1]; args++) {
        if (strcmp(args[0], name) == 0) {
            return args[1];
        }
    }
    return NULL;
}

static const char *program(bool oracle) {
    const char *named = getenv(oracle ? "REDIS_SERVER" : "CLEARLANE_SERVER");
    if (named && *named) {
        return named;
    }
    return oracle ? "redis-server" : "build/clearlane-server";
}

static void launch(struct server *s, const char *const args[]) {
    static const char *const oracle_args[] = {
        "--appendonly", "no", "--enable-debug-command", "yes", NULL,
    };
    char port[16];
    struct arg_list argv = {.n = 0};
    add_arg(&argv, program(s->oracle));
    if (args && args[0] && args[0][0] != '-') {
        add_arg(&argv, *args++);
    }
    snprintf(port, sizeof(port), "%d", s->port);
    const char *const place[] = {"--bind", "127.0.0.1", "--port", port, "--dir",
                                 s->dir,   "--save",    "",       NULL};
    add_args(&argv, place);
    add_args(&argv, s->oracle ? oracle_args : NULL);
    add_args(&argv, args);
    s->ended = false;
    s->end_seen = false;
    s->pid = spawn(argv.v, s->log_path);
}

/* Starts on s->port, or on a port of the test's or the kernel's choice if that is -1. False: it was
 * killed before it answered, which may be. */
static bool start(struct server *s, const char *const args[], bool may_be_killed) {
    const char *fixed = value_of(args, "--port");
    const char *path = value_of(args, "--unixsocket");
    bool choose = !fixed && s->port < 0;
    free(s->socket_path);
    s->socket_path = path ? strdup(path) : NULL;
    if (fixed) {
        s->port = atoi(fixed);
    }
    if (s->port == 0 && !path) {
        give_up(NULL, "--port 0 without --unixsocket: the server could not be reached");
    }
    for (int attempt = 1;; attempt++) {
        s->port = choose ? server_free_port() : s->port;
        launch(s, args);
        if (wait_ready(s)) {
            return true;
        }
        if (may_be_killed && s->status == 128 + SIGKILL) {
            return false;
        }
        if (attempt == START_ATTEMPTS_MAX || !log_has_now(s, "in use")) {
            give_up(s, "%s ended with status %d before it answered", program(s->oracle), s->status);
        }
    }
}

static struct server *start_new(bool oracle, const char *const args[]) {
    struct server *s = calloc(1, sizeof(*s));
    s->port = -1;
    s->oracle = oracle;
    s->failures_before = suite_failures();
    s->dir = make_dir();
    s->log_path = join(s->dir, "test-output.log");
    start(s, args, false);
    return s;
}

struct server *server_start(const char *const args[]) {
    return start_new(false, args);
}

struct server *server_start_oracle(const char *const args[]) {
    return start_new(true, args);
}

bool server_restart_mortal(struct server *s, const char *const args[]) {
    return start(s, args, true);
}

void server_restart(struct server *s, const char *const args[]) {
    if (!s->ended && !end_process(s)) {
        give_up(s, "the server did not end well");
    }
    start(s, args, false);
}

int server_stop(struct server *s) {
    static const char *const sanitizer_marks[] = {"Sanitizer:", "runtime error:"};
    bool good = end_process(s);
    for (size_t i = 0; i < sizeof(sanitizer_marks) / sizeof(*sanitizer_marks); i++) {
        good &= !log_has_now(s, sanitizer_marks[i]);
    }
    if (!good || suite_failures() > s->failures_before) {
        server_print_log(s);
    }
    remove_dir(s->dir);
    free(s->socket_path);
    free(s->log_path);
    free(s->dir);
    free(s);
    return good ? 0 : -1;
}

int server_port(const struct server *s) { return s->port; }

pid_t server_pid(const struct server *s) { return s->pid; }

const char *server_dir(const struct server *s) { return s->dir; }

const char *server_socket_path(const struct server *s) { return s->socket_path; }

int server_run(const char *const args[], char *output, size_t size, int wait_ms) {
    char *dir = make_dir();
    char *log_path = join(dir, "output.log");
    struct arg_list argv = {.n = 0};
    add_arg(&argv, program(false));
    add_args(&argv, args);
    pid_t pid = spawn(argv.v, log_path);
    int status;
    if (!reap(pid, &status, wait_ms)) {
        kill(pid, SIGKILL);
        reap(pid, &status, STOP_MS_MAX);
        status = -1;
    }
    char *text = read_log(log_path, 0);
    snprintf(output, size, "%s", text);
    free(text);
    remove_dir(dir);
    free(log_path);
    free(dir);
    return status;
}
