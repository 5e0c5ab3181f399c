/* ops_test.c - the server as its operators meet it: starting and failing to start, the background,
 * supervisors, the process list, addresses that move, limits on clients, signals, the crash report.
 */
#define _GNU_SOURCE /* memmem, CPU_* */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "replies.h"
#include "support/client.h"
#include "support/suite.h"

#define RUN_MS_MAX 10000
#define BIG_BYTES 1000000
#define BIG_REPLY_BYTES (BIG_BYTES + 12) /* with "$1000000\r\n" and "\r\n" */

static char dir[100];

static char *path_of(const char *name) {
    static char paths[4][200];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

static bool file_has(const char *path, const char *needle) {
    static char text[100000];
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text);
    if (fd >= 0) close(fd);
    return n > 0 && memmem(text, (size_t)n, needle, strlen(needle));
}

static bool comes_true(bool (*holds)(const void *of), const void *of) {
    for (int i = 0; i < 600; i++) {
        if (holds(of)) return true;
        server_sleep_ms(10);
    }
    return false;
}

static bool fails_to_start(const char *const args[], const char *reason) {
    char out[4000];
    int status = server_run(args, out, sizeof out, RUN_MS_MAX);
    bool told = strstr(out, reason);
    if (status != 1 || !told) fprintf(stderr, "status %d, no '%s' in: %s\n", status, reason, out);
    return status == 1 && told;
}

/* Starting */

static void a_taken_port_is_told_twice(void) {
    struct server *s = server_start(NULL);
    char port[16];
    snprintf(port, sizeof port, "%d", server_port(s));
    const char *log = path_of("taken.log");
    const char *args[] = {"--bind", "127.0.0.1", "--port", port, "--logfile", log, NULL};
    CU_ASSERT(fails_to_start(args, "Address already in use"));
    CU_ASSERT(file_has(log, "Address already in use"));
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

static void what_cannot_start_says_why(void) {
    static const char *const nowhere[] = {"--port", "0", NULL};
    static const char *const no_log[] = {"--port", "0", "--logfile", "/nosuchdir/log", NULL};
    const char *log = path_of("config.log");
    const char *bad_value[] = {"--logfile", log, "--hz", "often", NULL};
    static const char *const unknown[] = {"--nosuchthing", "1", NULL};
    static const char *const renamed[] = {"--port", "0", "--rename-command", "nosuch", "x", NULL};
    CU_ASSERT(fails_to_start(nowhere, "cannot listen: there is neither a port"));
    CU_ASSERT(fails_to_start(no_log, "cannot open the logfile '/nosuchdir/log': No such file"));
    CU_ASSERT(fails_to_start(bad_value, "config: argument '--hz': hz: "));
    CU_ASSERT(file_has(log, "config: argument '--hz': hz: "));
    CU_ASSERT(fails_to_start(unknown, "unknown directive 'nosuchthing'"));
    CU_ASSERT(fails_to_start(renamed, "rename-command nosuch"));
    CU_ASSERT(fails_to_start(unknown, "\n*** FATAL CONFIG FILE ERROR (Redis 7.2.4) ***\n"));
    CU_ASSERT(fails_to_start(renamed, "\n*** FATAL CONFIG FILE ERROR (Redis 7.2.4) ***\n"));
}

static void a_pidfile_is_not_worth_failing(void) {
    static const char *const args[] = {"--pidfile", "/nosuchdir/pid", "--logfile", "log", NULL};
    struct server *s = server_start(args);
    CU_ASSERT(server_log_has(s, "cannot write the pidfile /nosuchdir/pid: No such file", 0));
    char log[300];
    snprintf(log, sizeof log, "%s/log", server_dir(s));
    CU_ASSERT(file_has(log, "cannot write the pidfile"));
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* Starts the server behind a script that lowers the limit for good. */
static void too_few_descriptors(void) {
    const char *script = path_of("limited");
    const char *program = getenv("CLEARLANE_SERVER");
    char *kept = program ? strdup(program) : NULL;
    FILE *f = fopen(script, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fprintf(f,
            "#!/bin/sh\nulimit -n 30\ndrop='setpriv --bounding-set -sys_resource'\n"
            "$drop true 2>/dev/null || drop=\nexec $drop '%s' \"$@\"\n",
            program ? program : "build/clearlane-server");
    fclose(f);
    chmod(script, 0700);
    setenv("CLEARLANE_SERVER", script, 1);
    static const char *const args[] = {"--bind", "127.0.0.1", "--port", "0", NULL};
    CU_ASSERT(fails_to_start(args, "limit of open files is 30 and leaves nothing for clients"));
    if (kept) {
        setenv("CLEARLANE_SERVER", kept, 1);
    } else {
        unsetenv("CLEARLANE_SERVER");
    }
    free(kept);
    static const char *const many[] = {"--maxclients", "4000000000", NULL};
    struct server *s = server_start(many);
    CU_ASSERT(server_log_has(s, "maxclients lowered from 4000000000 to ", 0));
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

static void options_that_print(void) {
    char out[8000];
    static const char *const asks[][3] = {
        {"-v"}, {"--version", "more"}, {"-h"}, {"--help", "--port", NULL}};
    for (size_t i = 0; i < 4; i++) {
        const char *args[] = {asks[i][0], asks[i][1], NULL};
        CU_ASSERT_EQUAL(server_run(args, out, sizeof out, RUN_MS_MAX), 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(out, i < 2 ? "v=" : "usage: "));
    }
}

/* The background */

static bool is_gone(const void *pid) { return kill(*(const pid_t *)pid, 0) != 0; }

static void runs_in_the_background(void) {
    char out[4000], port[16], text[20] = "";
    snprintf(port, sizeof port, "%d", server_free_port());
    const char *args[] = {"--daemonize", "yes",        "--dir", dir,         "--bind",
                          "127.0.0.1",   "--port",     port,    "--pidfile", "daemon.pid",
                          "--logfile",   "daemon.log", NULL};
    CU_ASSERT_EQUAL(server_run(args, out, sizeof out, RUN_MS_MAX), 0);
    CU_ASSERT(file_has(path_of("daemon.log"), "Ready to accept connections"));
    int fd = open(path_of("daemon.pid"), O_RDONLY);
    CU_ASSERT_FATAL(fd >= 0 && read(fd, text, sizeof text - 1) > 0);
    close(fd);
    pid_t pid = (pid_t)atoi(text);
    CU_ASSERT_FATAL(pid > 1 && getsid(pid) == pid);
    redisContext *c = redisConnect("127.0.0.1", atoi(port));
    CU_ASSERT_EQUAL(c->err, 0);
    if (!c->err) {
        char info[40];
        snprintf(info, sizeof info, "process_id:%d\r\n", (int)pid);
        CU_ASSERT(reply_has(cmd(c, "INFO server"), info));
        CU_ASSERT_PTR_NULL(redisCommand(c, "SHUTDOWN NOSAVE"));
    } else {
        kill(pid, SIGKILL);
    }
    redisFree(c);
    CU_ASSERT(comes_true(is_gone, &pid));
    CU_ASSERT(access(path_of("daemon.pid"), F_OK) != 0);
    static const char *const nowhere[] = {"--daemonize", "yes", "--port", "0", NULL};
    CU_ASSERT(fails_to_start(nowhere, "cannot listen"));
}

static bool receives(int fd, const char *want) {
    char text[300];
    for (int i = 0; i < 50; i++) {
        ssize_t n = recv(fd, text, sizeof text - 1, 0);
        if (n <= 0) break;
        text[n] = 0;
        if (strstr(text, want)) return true;
    }
    fprintf(stderr, "the supervisor got no %s\n", want);
    return false;
}

static void tells_systemd(void) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = 5};
    snprintf(at.sun_path, sizeof at.sun_path, "%s/notify", dir);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_FATAL(bind(fd, (struct sockaddr *)&at, sizeof at) == 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setenv("NOTIFY_SOCKET", at.sun_path, 1);
    setenv("WATCHDOG_USEC", "400000", 1);
    static const char *const args[] = {"--supervised", "auto", "--daemonize", "yes", NULL};
    struct server *s = server_start(args); /* supervised, it stays in the foreground */
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    redisContext *c = client_open(s);
    CU_ASSERT(receives(fd, "READY=1"));
    CU_ASSERT(reply_has(cmd(c, "INFO server"), "process_supervised:systemd\r\n"));
    CU_ASSERT(receives(fd, "WATCHDOG=1"));
    CU_ASSERT(receives(fd, "WATCHDOG=1"));
    CU_ASSERT(reply_has(cmd(c, "INFO services"), "service_supervisor:state=running,"));
    CU_ASSERT(reply_has(cmd(c, "INFO services"), "task_watchdog:period_ms=200,"));
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
    CU_ASSERT(receives(fd, "STOPPING=1"));
    close(fd);
    static const char *const alone[] = {"--supervised", "systemd", NULL};
    s = server_start(alone);
    CU_ASSERT(server_log_has(s, "no NOTIFY_SOCKET in the environment", 0));
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

static void expect_title(const struct server *s, const char *format) {
    char path[50], want[300], got[300] = "";
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)server_pid(s));
    snprintf(want, sizeof want, format, server_port(s));
    int fd = open(path, O_RDONLY);
    CU_ASSERT(read(fd, got, sizeof got - 1) > 0);
    close(fd);
    size_t at = strlen(got) > strlen(want) ? strlen(got) - strlen(want) : 0;
    if (strcmp(got + at, want)) fprintf(stderr, "title '%s', expected '%s'\n", got, want);
    CU_ASSERT_STRING_EQUAL(got + at, want);
}

static void shows_a_title(void) {
    struct server *s = server_start(NULL);
    redisContext *c = client_open(s);
    expect_title(s, "clearlane-server 127.0.0.1:%d");
    expect_ok(c, "CONFIG SET proc-title-template %s", " {{p} {port} {tls-port} {server-mode} ");
    expect_title(s, "{p} %d 0");
    expect_err_prefix(c, "ERR CONFIG SET failed", "CONFIG SET proc-title-template {nosuch}");
    expect_title(s, "{p} %d 0");
    redisFree(c);
    static const char *const off[] = {"--set-proc-title", "no", NULL};
    server_restart(s, off);
    expect_title(s, "clearlane-server");
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* Whether there are threads of this name, and all run on that processor alone. */
struct placed {
    const struct server *s;
    const char *name;
    int cpu;
};

static bool is_placed(const void *of) {
    const struct placed *p = of;
    char path[300], comm[32];
    bool found = false, well = true;
    snprintf(path, sizeof path, "/proc/%d/task", (int)server_pid(p->s));
    DIR *tasks = opendir(path);
    for (struct dirent *e; (e = readdir(tasks));) {
        cpu_set_t set;
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/proc/%d/task/%.20s/comm", (int)server_pid(p->s), e->d_name);
        FILE *f = fopen(path, "r");
        if (!f || !fgets(comm, sizeof comm, f)) *comm = 0;
        if (f) fclose(f);
        comm[strcspn(comm, "\n")] = 0;
        if (strcmp(comm, p->name) != 0) continue;
        found = true;
        well = well && sched_getaffinity(atoi(e->d_name), sizeof set, &set) == 0 &&
               CPU_COUNT(&set) == 1 && CPU_ISSET((size_t)p->cpu, &set);
    }
    closedir(tasks);
    return found && well;
}

static bool thread_is_on(const struct server *s, const char *name, int cpu) {
    return comes_true(is_placed, &(struct placed){s, name, cpu});
}

static int last_cpu(void) {
    cpu_set_t set;
    int cpu = CPU_SETSIZE;
    sched_getaffinity(0, sizeof set, &set);
    while (!CPU_ISSET((size_t)--cpu, &set)) continue;
    return cpu;
}

static void threads_run_where_told(void) {
    char last[20];
    int cpu = last_cpu();
    snprintf(last, sizeof last, "%d", cpu);
    static const char *const bad[] = {"--server-cpulist", "0-", NULL};
    CU_ASSERT(fails_to_start(bad, "server_cpulist: argument must be a list like 0-3,8-14:2"));
    const char *args[] = {"--server_cpulist",
                          last,
                          "--bio_cpulist",
                          last,
                          "--bgsave_cpulist",
                          last,
                          "--save",
                          "3600 1",
                          "--appendonly",
                          "yes",
                          "--rdb-key-save-delay",
                          "1000000",
                          NULL};
    struct server *s = server_start(args);
    redisContext *c = client_open(s);
    CU_ASSERT(thread_is_on(s, "clearlane-serve", cpu));
    CU_ASSERT(thread_is_on(s, "worker", cpu));
    CU_ASSERT(thread_is_on(s, "memory", cpu));
    CU_ASSERT(thread_is_on(s, "log", cpu));
    expect_ok(c, "SET k v");
    expect_status(c, "Background saving started", "BGSAVE");
    CU_ASSERT(thread_is_on(s, "save", cpu));
    expect_ok(c, "CONFIG SET rdb-key-save-delay 0");
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
    static const char *const nowhere[] = {"--server_cpulist", "1022", "--bio_cpulist", "1023",
                                          NULL};
    s = server_start(nowhere);
    CU_ASSERT(server_log_has(s, "server_cpulist 1022: none of these processors is there", 0));
    CU_ASSERT(server_log_has(s, "bio_cpulist 1023: none of these processors is there", 0));
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

static void the_locale_changes_at_once(void) {
    struct server *s = server_start(NULL);
    redisContext *c = client_open(s);
    expect_int(c, 3, "SADD s b A a");
    static const char *const names[] = {"C", "POSIX", "C"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        expect_ok(c, "CONFIG SET locale-collate %s", names[i]);
        redisReply *r = redisCommand(c, "SORT s ALPHA");
        CU_ASSERT_FATAL(r && r->type == REDIS_REPLY_ARRAY && r->elements == 3);
        CU_ASSERT_STRING_EQUAL(r->element[0]->str, "A");
        CU_ASSERT_STRING_EQUAL(r->element[2]->str, "b");
        freeReplyObject(r);
    }
    expect_err_prefix(c, "ERR CONFIG SET failed (possibly related to argument 'locale-collate')",
                      "CONFIG SET locale-collate nosuch");
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* Addresses */

static void listens_on_a_unix_socket_only(void) {
    const char *path = path_of("only.sock");
    const char *args[] = {"--port", "0", "--unixsocket", path, "--unixsocketperm", "700", NULL};
    struct server *s = server_start(args);
    redisContext *c = client_open(s);
    struct stat st;
    CU_ASSERT(stat(path, &st) == 0 && (st.st_mode & 0777) == 0700);
    CU_ASSERT(reply_has(cmd(c, "INFO server"), "tcp_port:0\r\n"));
    expect_err(c,
               "ERR CONFIG SET failed (possibly related to argument 'unixsocket') - can't set "
               "immutable config",
               "CONFIG SET unixsocket /tmp/other");
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
    CU_ASSERT(access(path, F_OK) != 0);
}

static bool serves(const char *host, int port) {
    redisContext *c = redisConnect(host, port);
    bool yes = !c->err;
    redisFree(c);
    return yes;
}

static void the_port_moves(void) {
    struct server *s = server_start(NULL), *other = server_start(NULL);
    redisContext *c = client_open(s);
    int first = server_port(s), second = server_free_port();
    char want[60];
    expect_err(c,
               "ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on "
               "this port. Check server logs.",
               "CONFIG SET port %d", server_port(other));
    CU_ASSERT(server_log_has(s, "Address already in use", 1000));
    CU_ASSERT(reply_has(cmd(c, "INFO services"), ": Address already in use\r\n"));
    CU_ASSERT(serves("127.0.0.1", first));
    expect_ok(c, "CONFIG SET port %d", second);
    CU_ASSERT(serves("127.0.0.1", second) && !serves("127.0.0.1", first));
    snprintf(want, sizeof want, "\r\ntcp_port:%d\r\n", second);
    CU_ASSERT(reply_has(cmd(c, "INFO server"), want));
    expect_ok(c, "CONFIG SET port 0");
    CU_ASSERT(!serves("127.0.0.1", second));
    expect_ok(c, "CONFIG SET bind %s port %d", "127.0.0.1 127.0.0.2", first);
    CU_ASSERT(serves("127.0.0.1", first) && serves("127.0.0.2", first));
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(other), 0);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

static void the_addresses_move(void) {
    struct server *s = server_start(NULL);
    redisContext *c = client_open(s);
    int port = server_port(s);
    expect_ok(c, "CONFIG SET bind %s", "127.0.0.1 127.0.0.3");
    CU_ASSERT(serves("127.0.0.1", port) && serves("127.0.0.3", port));
    expect_err(c,
               "ERR CONFIG SET failed (possibly related to argument 'bind') - Failed to bind to "
               "specified addresses.",
               "CONFIG SET bind %s", "127.0.0.1 192.0.2.77");
    CU_ASSERT(server_log_has(s, "bind 192.0.2.77:", 1000));
    expect_text(c, "[\"bind\", \"127.0.0.1 127.0.0.3\"]", "CONFIG GET bind");
    CU_ASSERT(serves("127.0.0.1", port) && serves("127.0.0.3", port));
    expect_ok(c, "CONFIG SET bind %s", "127.0.0.1 -192.0.2.77");
    CU_ASSERT(serves("127.0.0.1", port) && !serves("127.0.0.3", port));
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* Whether the server's end of the connection has a keepalive timer, by the kernel's table. */
static bool is_kept_alive(const struct server *s, const redisContext *c) {
    struct sockaddr_in own;
    socklen_t n = sizeof own;
    char line[300], ends[60];
    getsockname(c->fd, (struct sockaddr *)&own, &n);
    snprintf(ends, sizeof ends, ":%04X 0100007F:%04X 01 ", server_port(s), ntohs(own.sin_port));
    FILE *f = fopen("/proc/net/tcp", "r");
    bool found = false;
    while (f && fgets(line, sizeof line, f)) {
        const char *at = strstr(line, ends);
        if (at) found = strstr(at, " 02:") != NULL;
    }
    if (f) fclose(f);
    return found;
}

static void peers_are_probed(void) {
    struct server *s = server_start(NULL);
    redisContext *c = client_open(s);
    expect_status(c, "PONG", "PING");
    CU_ASSERT(is_kept_alive(s, c));
    expect_ok(c, "CONFIG SET tcp-keepalive 0");
    redisContext *later = client_open(s);
    expect_status(later, "PONG", "PING");
    CU_ASSERT(!is_kept_alive(s, later));
    redisFree(later);
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* Limits */

/* A connection with `n` big replies that it does not read. */
static int lazy_reader(const struct server *s, redisContext *c, int n) {
    int fd = client_open_raw(s);
    expect_int(c, BIG_BYTES, "SETRANGE big %d x", BIG_BYTES - 1);
    expect_raw(fd, "CLIENT SETNAME lazy\r\n", "+OK\r\n");
    for (int i = 0; i < n; i++) CU_ASSERT_EQUAL(send(fd, "GET big\r\n", 9, MSG_NOSIGNAL), 9);
    server_sleep_ms(100);
    return fd;
}

/* None of it waits for the tasks of ten times a second. */
static void the_greediest_client_goes(void) {
    static const char *const args[] = {"--maxmemory", "100mb", "--enable-debug-command", "yes",
                                       NULL};
    struct server *s = server_start(args);
    redisContext *c = client_open(s);
    expect_ok(c, "CLIENT NO-EVICT on");
    int fd = lazy_reader(s, c, 30), spared = client_open_raw(s);
    expect_raw(spared, "PING\r\n", "+PONG\r\n");
    CU_ASSERT(reply_has(cmd(c, "CLIENT LIST"), "name=lazy"));
    expect_ok(c, "DEBUG PAUSE-CRON 1");
    expect_ok(c, "CONFIG SET maxmemory-clients 90%%");
    CU_ASSERT(reply_has(cmd(c, "INFO stats"), "evicted_clients:0\r\n"));
    expect_ok(c, "CONFIG SET maxmemory-clients 5%%");
    expect_raw_closed(fd);
    CU_ASSERT(reply_has(cmd(c, "INFO stats"), "evicted_clients:1\r\n"));
    CU_ASSERT(server_log_has(s, "are over maxmemory-clients", 0));
    expect_raw(spared, "PING\r\n", "+PONG\r\n");
    close(fd);
    close(spared);
    expect_ok(c, "CONFIG SET maxmemory-clients 0");
    fd = client_open_raw(s);
    expect_raw(fd, "CLIENT NO-EVICT on\r\n", "+OK\r\n");
    for (int i = 0; i < 30; i++) CU_ASSERT_EQUAL(send(fd, "GET big\r\n", 9, MSG_NOSIGNAL), 9);
    server_sleep_ms(100);
    expect_ok(c, "CONFIG SET maxmemory-clients 1mb");
    server_sleep_ms(250);
    CU_ASSERT(reply_has(cmd(c, "INFO stats"), "evicted_clients:1\r\n"));
    close(fd);
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* Nobody sees a client that holds more than may be, because of what it is told of keys. */
static void one_who_is_told_too_much_goes(void) {
    static const char *const args[] = {"--maxmemory-clients", "3mb", "--enable-debug-command",
                                       "yes", NULL};
    enum { KEY_BYTES = 200000, MOST = 3 << 20 };
    struct server *s = server_start(args);
    redisContext *c = client_open(s), *other = client_open(s), *told = client_open(s);
    redisReply *id = cmd(told, "CLIENT ID");
    char *key = malloc(KEY_BYTES);
    memset(key, 'k', KEY_BYTES);
    expect_ok(c, "DEBUG PAUSE-CRON 1");
    freeReplyObject(cmd(told, "SUBSCRIBE __redis__:invalidate"));
    expect_ok(c, "CLIENT TRACKING on BCAST REDIRECT %lld", id->integer);
    bool gone = false;
    long long most = 0;
    for (int i = 0; i < 500 && !gone; i++) {
        redisAppendCommand(c, "MULTI");
        redisAppendCommand(c, "INCR %b", key, (size_t)KEY_BYTES);
        redisAppendCommand(c, "DEBUG SLEEP 0.02");
        redisAppendCommand(c, "EXEC");
        for (int done = 0; !done;) CU_ASSERT_EQUAL_FATAL(redisBufferWrite(c, &done), REDIS_OK);
        server_sleep_ms(10); /* the question is there when the turn that tells of the key ends */
        redisReply *r = cmd(other, "CLIENT LIST ID %lld", id->integer);
        for (int k = 0; k < 4; k++) {
            void *reply;
            CU_ASSERT_EQUAL_FATAL(redisGetReply(c, &reply), REDIS_OK);
            freeReplyObject(reply);
        }
        const char *at = strstr(r->str, "tot-mem=");
        gone = !at;
        if (at && atoll(at + 8) > most) most = atoll(at + 8);
        freeReplyObject(r);
    }
    CU_ASSERT(gone);
    CU_ASSERT(most < MOST);
    free(key);
    freeReplyObject(id);
    redisFree(told);
    redisFree(other);
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* A request that is too large is not run first. */
static void a_greedy_request_is_not_run(void) {
    struct server *s = server_start(NULL);
    redisContext *c = client_open(s), *greedy = client_open(s);
    static char value[4000000];
    memset(value, 'v', sizeof value);
    expect_ok(c, "CONFIG SET maxmemory-clients 3mb");
    redisReply *r = redisCommand(greedy, "SET a %b", value, (size_t)1000000);
    CU_ASSERT_FATAL(r && r->type == REDIS_REPLY_STATUS);
    freeReplyObject(r);
    CU_ASSERT_PTR_NULL(redisCommand(greedy, "SET b %b", value, sizeof value));
    expect_int(c, 1, "DBSIZE");
    CU_ASSERT(reply_has(cmd(c, "INFO stats"), "evicted_clients:1\r\n"));
    redisFree(greedy);
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

static void evictions_are_as_tenacious_as_told(void) {
    static const char *const args[] = {"--enable-debug-command", "yes", "--maxmemory-policy",
                                       "allkeys-random", NULL};
    struct server *s = server_start(args);
    redisContext *c = client_open(s);
    expect_ok(c, "DEBUG POPULATE 20000 key 1000");
    expect_ok(c, "CONFIG SET maxmemory 8mb maxmemory-eviction-tenacity 0");
    expect_ok(c, "SET k v");
    CU_ASSERT(reply_int(cmd(c, "DBSIZE")) > 15000);
    expect_ok(c, "CONFIG SET maxmemory-eviction-tenacity 100");
    expect_ok(c, "SET k v");
    CU_ASSERT(reply_int(cmd(c, "DBSIZE")) < 8000);
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

static void settings_change_at_once(void) {
    static const char *const args[] = {"--enable-debug-command", "local", NULL};
    struct server *s = server_start(args);
    redisContext *c = client_open(s);
    expect_ok(c, "CONFIG SET loglevel nothing");
    expect_ok(c, "DEBUG LOG unheard");
    expect_ok(c, "CONFIG SET loglevel warning");
    expect_ok(c, "DEBUG LOG heard");
    CU_ASSERT(server_log_has(s, "DEBUG LOG: heard", 1000));
    CU_ASSERT(!server_log_has(s, "unheard", 0));
    expect_ok(c, "CONFIG SET maxclients 1");
    int fd = client_open_raw(s);
    expect_raw(fd, "", "-ERR max number of clients reached\r\n");
    close(fd);
    expect_err_prefix(c,
                      "ERR CONFIG SET failed (possibly related to argument 'maxclients') - The "
                      "operating system is not able to handle the specified number of clients, "
                      "try with ",
                      "CONFIG SET maxclients 4000000000");
    expect_text(c, "[\"maxclients\", \"1\"]", "CONFIG GET maxclients");
    expect_ok(c, "CONFIG SET maxclients 100 requirepass secret");
    fd = client_open_raw(s);
    expect_raw(fd, "PING\r\n", "-NOAUTH Authentication required.\r\n");
    expect_status(c, "PONG", "PING");
    expect_ok(c, "CONFIG SET requirepass %s", "");
    expect_raw(fd, "PING\r\n", "+PONG\r\n");
    close(fd);
    expect_ok(c, "CONFIG SET jemalloc-bg-thread no");
    expect_ok(c, "CONFIG SET jemalloc-bg-thread yes");
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* The end */

static long long read_all(int fd) {
    static char part[1 << 18];
    long long all = 0;
    for (ssize_t n; (n = recv(fd, part, sizeof part, 0)) > 0;) all += n;
    return all;
}

static void queued_replies_are_sent(int signal_number) {
    struct server *s = server_start(NULL);
    redisContext *c = client_open(s);
    int fd = lazy_reader(s, c, 30);
    if (signal_number) {
        server_signal(s, signal_number);
    } else {
        CU_ASSERT_PTR_NULL(redisCommand(c, "SHUTDOWN"));
    }
    server_sleep_ms(50);
    CU_ASSERT(!serves("127.0.0.1", server_port(s)));
    CU_ASSERT_EQUAL(read_all(fd), 30LL * BIG_REPLY_BYTES);
    CU_ASSERT_EQUAL(server_wait(s, 5000), 0);
    close(fd);
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

static void the_end_is_drained(void) {
    queued_replies_are_sent(SIGTERM);
    queued_replies_are_sent(SIGINT);
    queued_replies_are_sent(0);
}

/* A second ^C does not wait for the last snapshot, which leaves nothing of it behind. */
static void a_second_sigint_breaks_the_save_off(void) {
    struct server *s = server_start((const char *const[]){"--save", "3600 1000000", NULL});
    redisContext *c = client_open(s);
    for (int i = 0; i < 100; i++) expect_ok(c, "SET k%d v", i);
    expect_ok(c, "CONFIG SET rdb-key-save-delay 100000");
    server_signal(s, SIGINT);
    server_sleep_ms(300);
    server_signal(s, SIGINT);
    CU_ASSERT_EQUAL(server_wait(s, 5000), 1);
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/temp-%d.rdb", server_dir(s), (int)server_pid(s));
    CU_ASSERT_EQUAL(access(path, F_OK), -1);
    snprintf(path, sizeof path, "%s/dump.rdb", server_dir(s));
    CU_ASSERT_EQUAL(access(path, F_OK), -1);
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* Milliseconds that the server takes to end while a client takes nothing. */
static long long ends_within(const char *command, int signals, int want_status) {
    struct server *s = server_start(NULL);
    redisContext *c = client_open(s);
    int fd = lazy_reader(s, c, 30);
    long long since_ms = server_now_ms();
    if (command) CU_ASSERT_PTR_NULL(redisCommand(c, command));
    for (int i = 0; i < signals; i++) {
        server_signal(s, SIGTERM);
        server_sleep_ms(50);
    }
    CU_ASSERT_EQUAL(server_wait(s, 5000), want_status);
    long long ms = server_now_ms() - since_ms;
    close(fd);
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
    return ms;
}

static void nobody_keeps_the_server_up(void) {
    long long waited = ends_within(NULL, 1, 0);
    CU_ASSERT(waited >= 900 && waited < 3000);
    CU_ASSERT(ends_within(NULL, 2, 1) < 900);
    CU_ASSERT(ends_within("SHUTDOWN NOW", 0, 0) < 900);
}

static void shutdown_heeds_its_options(void) {
    static const char *const args[] = {"--shutdown-on-sigterm", "save", NULL};
    struct server *s = server_start(args);
    redisContext *c = client_open(s);
    char in_the_way[1024]; /* of the file's name */
    snprintf(in_the_way, sizeof in_the_way, "%s/dump.rdb", server_dir(s));
    CU_ASSERT_EQUAL(mkdir(in_the_way, 0755), 0);
    expect_err(c, "ERR Errors trying to SHUTDOWN. Check logs.", "SHUTDOWN SAVE NOW");
    expect_err(c, "ERR syntax error", "SHUTDOWN ABORT NOW");
    server_signal(s, SIGTERM);
    CU_ASSERT(server_log_has(s, "Error trying to save the DB, can't exit.", 2000));
    expect_status(c, "PONG", "PING");
    expect_ok(c, "CONFIG SET shutdown-on-sigterm %s", "save force");
    server_signal(s, SIGTERM);
    CU_ASSERT_EQUAL(server_wait(s, 5000), 0);
    redisFree(c);
    CU_ASSERT_EQUAL(rmdir(in_the_way), 0);
    server_restart(s, args);
    c = client_open(s);
    CU_ASSERT_EQUAL(mkdir(in_the_way, 0755), 0);
    CU_ASSERT_PTR_NULL(redisCommand(c, "SHUTDOWN SAVE FORCE"));
    CU_ASSERT_EQUAL(server_wait(s, 5000), 0);
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

static bool is_there(const void *path) { return access(path, F_OK) == 0; }

static void a_hangup_opens_the_log_anew(void) {
    const char *log = path_of("hup.log"), *old = path_of("hup.log.1");
    const char *args[] = {"--logfile", log, NULL};
    struct server *s = server_start(args);
    CU_ASSERT_EQUAL(rename(log, old), 0);
    server_signal(s, SIGHUP);
    CU_ASSERT(comes_true(is_there, log));
    server_sleep_ms(20);
    CU_ASSERT(file_has(log, "SIGHUP") && !file_has(old, "SIGHUP"));
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* Reports */

static void a_crash_is_reported(void) {
    static const char *const args[] = {"--enable-debug-command", "yes", NULL};
    struct server *s = server_start(args);
    redisContext *c = client_open(s);
    CU_ASSERT_PTR_NULL(redisCommand(c, "DEBUG SEGFAULT"));
    CU_ASSERT_EQUAL(server_wait(s, 5000), 128 + SIGSEGV);
    CU_ASSERT(server_log_has(s, "=== CRASH REPORT ===", 0));
    CU_ASSERT(server_log_has(s, "(SIGSEGV) at address 0x", 0));
    CU_ASSERT(server_log_has(s, "\nSTACK TRACE:\n", 0));
    CU_ASSERT(server_log_has(s, "running command: debug, arguments (lengths only): 8 \n", 0));
    CU_ASSERT(!server_log_has(s, "SEGFAULT", 0));
    CU_ASSERT(server_log_has(s, "=== END OF CRASH REPORT ===", 0));
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
    s = server_start(args);
    c = client_open(s);
    expect_ok(c, "CONFIG SET crash-log-enabled no");
    CU_ASSERT_PTR_NULL(redisCommand(c, "DEBUG SEGFAULT"));
    CU_ASSERT_EQUAL(server_wait(s, 5000), 128 + SIGSEGV);
    CU_ASSERT(!server_log_has(s, "CRASH REPORT", 0));
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

static void secrets_are_not_shown(void) {
    static const char *const args[] = {"--rename-command", "config", "conf", NULL};
    struct server *s = server_start(args);
    redisContext *c = client_open(s), *m = client_open(s);
    redisReply *r;
    expect_ok(m, "MONITOR");
    expect_ok(c, "conf SET slowlog-log-slower-than 0 masterauth s3cret hz 11");
    expect_err_prefix(c, "WRONGPASS", "HELLO 2 AUTH nobody s3cret SETNAME x");
    expect_status(c, "PONG", "PING");
    for (bool last = false; !last; freeReplyObject(r)) {
        CU_ASSERT_EQUAL_FATAL(redisGetReply(m, (void **)&r), REDIS_OK);
        CU_ASSERT_PTR_NULL(strstr(r->str, "s3cret"));
        last = strstr(r->str, "\"PING\"");
    }
    char *text = reply_text(cmd(c, "SLOWLOG GET"));
    CU_ASSERT_PTR_NULL(strstr(text, "s3cret"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"masterauth\", \"(redacted)\", \"hz\", \"11\""));
    free(text);
    redisFree(m);
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

static void info_tells_of_the_loop(void) {
    static const char *const args[] = {"--enable-debug-command", "yes", NULL};
    struct server *s = server_start(args);
    redisContext *c = client_open(s);
    for (int i = 0; i < 20; i++) {
        expect_ok(c, "DEBUG SLEEP 0.01");
    }
    CU_ASSERT(info_number(c, "everything", "instantaneous_eventloop_cycles_per_sec") > 0);
    CU_ASSERT(info_number(c, "everything", "instantaneous_eventloop_duration_usec") > 100);
    CU_ASSERT(info_number(c, "everything", "eventloop_duration_cmd_sum") >= 200000);
    CU_ASSERT(info_number(c, "debug", "eventloop_duration_cron_sum") > 0);
    CU_ASSERT(info_number(c, "debug", "eventloop_duration_max") > 0);
    CU_ASSERT(info_number(c, "debug", "eventloop_cmd_per_cycle_max") > 0);
    expect_ok(c, "CONFIG RESETSTAT");
    CU_ASSERT(info_number(c, "debug", "eventloop_cmd_per_cycle_max") < 100);
    CU_ASSERT(info_number(c, "everything", "used_memory_startup") > 10000);
    CU_ASSERT_EQUAL(info_number(c, "everything", "expire_cycle_cpu_milliseconds"), 0);
    for (int i = 0; i < 50000; i++) redisAppendCommand(c, "SET key:%d v PX 300", i);
    for (int i = 0; i < 50000; i++) {
        redisReply *r;
        CU_ASSERT_EQUAL_FATAL(redisGetReply(c, (void **)&r), REDIS_OK);
        freeReplyObject(r);
    }
    server_sleep_ms(500);
    expect_int(c, 0, "DBSIZE");
    CU_ASSERT(info_number(c, "everything", "expire_cycle_cpu_milliseconds") > 0);
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"a_taken_port_is_told_twice", a_taken_port_is_told_twice},
        {"what_cannot_start_says_why", what_cannot_start_says_why},
        {"a_pidfile_is_not_worth_failing", a_pidfile_is_not_worth_failing},
        {"too_few_descriptors", too_few_descriptors},
        {"options_that_print", options_that_print},
        {"runs_in_the_background", runs_in_the_background},
        {"tells_systemd", tells_systemd},
        {"shows_a_title", shows_a_title},
        {"threads_run_where_told", threads_run_where_told},
        {"the_locale_changes_at_once", the_locale_changes_at_once},
        {"listens_on_a_unix_socket_only", listens_on_a_unix_socket_only},
        {"the_port_moves", the_port_moves},
        {"the_addresses_move", the_addresses_move},
        {"peers_are_probed", peers_are_probed},
        {"one_who_is_told_too_much_goes", one_who_is_told_too_much_goes},
        {"a_greedy_request_is_not_run", a_greedy_request_is_not_run},
        {"the_greediest_client_goes", the_greediest_client_goes},
        {"evictions_are_as_tenacious_as_told", evictions_are_as_tenacious_as_told},
        {"settings_change_at_once", settings_change_at_once},
        {"the_end_is_drained", the_end_is_drained},
        {"a_second_sigint_breaks_the_save_off", a_second_sigint_breaks_the_save_off},
        {"nobody_keeps_the_server_up", nobody_keeps_the_server_up},
        {"shutdown_heeds_its_options", shutdown_heeds_its_options},
        {"a_hangup_opens_the_log_anew", a_hangup_opens_the_log_anew},
        {"a_crash_is_reported", a_crash_is_reported},
        {"secrets_are_not_shown", secrets_are_not_shown},
        {"info_tells_of_the_loop", info_tells_of_the_loop},
        {NULL, NULL},
    };
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    const char *parent = getenv("TMPDIR");
    snprintf(dir, sizeof dir, "%s/ops-XXXXXX", parent && *parent ? parent : "/tmp");
    if (!mkdtemp(dir)) return 1;
    int status = suite_main("ops", tests);
    char remove[150];
    snprintf(remove, sizeof remove, "rm -rf '%s'", dir);
    return system(remove) ? 1 : status;
}
