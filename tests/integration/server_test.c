/* server_test.c - the process and its instruments: INFO beside redis-server's fields,
 * configuration and its file, slow log, latency, MONITOR, MEMORY, signals and shutdown.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replies.h"
#include "support/client.h"
#include "support/suite.h"

static struct server *server;
static redisContext *c;

/* INFO */

/* Whether a section of `text` has the field; fields of a section end at the next '#'. */
static bool section_has(const char *text, const char *section, const char *field, size_t n) {
    char head[120];
    snprintf(head, sizeof head, "# %s\r\n", section);
    const char *at = strstr(text, head);
    if (!at) return false;
    const char *end = strstr(at + 2, "\r\n#");
    if (!end) end = at + strlen(at);
    for (at += strlen(head); at && at < end; at = strstr(at, "\r\n")) {
        if (*at == '\r') at += 2;
        if (!strncmp(at, field, n) && at[n] == ':') return true;
    }
    return false;
}

/* Fields of 7.0 that 7.2 has no more, or that only appear on some systems. */
static bool is_optional(const char *field, size_t n) {
    static const char *const fields[] = {"gcc_version", "errorstat_ERR", "db0", "process_id"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strlen(fields[i]) == n && !strncmp(field, fields[i], n)) return true;
    return !strncmp(field, "cmdstat_", 8) || !strncmp(field, "latency_percentiles_", 20);
}

static void compare_info(const char *wanted, const char *ours) {
    char section[100] = "";
    for (const char *at = wanted; at && *at; at = strstr(at, "\r\n")) {
        while (*at == '\r' || *at == '\n') at++;
        size_t line = strcspn(at, "\r\n");
        if (*at == '#') {
            snprintf(section, sizeof section, "%.*s", (int)line - 2, at + 2);
            char head[120];
            snprintf(head, sizeof head, "# %s\r\n", section);
            if (!strstr(ours, head)) fprintf(stderr, "INFO lacks the section %s\n", section);
            CU_ASSERT_PTR_NOT_NULL(strstr(ours, head));
            continue;
        }
        size_t n = strcspn(at, ":\r\n");
        if (n == 0 || is_optional(at, n)) continue;
        bool found = section_has(ours, section, at, n);
        if (!found) fprintf(stderr, "INFO %s lacks %.*s\n", section, (int)n, at);
        CU_ASSERT(found);
    }
}

static void info_has_all_fields(void) {
    struct server *oracle = server_start_oracle(NULL);
    redisContext *o = client_open(oracle);
    static const char *const queries[] = {"INFO", "INFO all", "INFO everything", "INFO memory"};
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        redisReply *want = cmd(o, queries[i]);
        redisReply *got = cmd(c, queries[i]);
        compare_info(want->str, got->str);
        freeReplyObject(want);
        freeReplyObject(got);
    }
    redisFree(o);
    CU_ASSERT_EQUAL(server_stop(oracle), 0);
}

static void info_selects_sections(void) {
    redisReply *r = cmd(c, "INFO server keyspace");
    CU_ASSERT(strstr(r->str, "# Server\r\n") && !strstr(r->str, "# Memory\r\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(r->str, "# Keyspace\r\n"));
    freeReplyObject(r);
    expect_str(c, "", "INFO nosuch");
    expect_ok(c, "CONFIG RESETSTAT");
    freeReplyObject(cmd(c, "GET k"));
    freeReplyObject(cmd(c, "GET k"));
    freeReplyObject(cmd(c, "INCRBY k x"));
    CU_ASSERT(reply_has(cmd(c, "INFO commandstats"), "cmdstat_get:calls=2,usec="));
    CU_ASSERT(reply_has(cmd(c, "INFO commandstats"), "cmdstat_incrby:calls=1,usec="));
    CU_ASSERT(reply_has(cmd(c, "INFO errorstats"), "errorstat_ERR:count=1"));
    CU_ASSERT(reply_has(cmd(c, "INFO stats"), "keyspace_misses:2\r\n"));
    CU_ASSERT(reply_has(cmd(c, "INFO stats"), "total_error_replies:1\r\n"));
}

static void info_names_the_server(void) {
    redisReply *r = cmd(c, "INFO server");
    char port[40];
    snprintf(port, sizeof port, "\r\ntcp_port:%d\r\n", server_port(server));
    CU_ASSERT_PTR_NOT_NULL(strstr(r->str, port));
    snprintf(port, sizeof port, "\r\nprocess_id:%d\r\n", (int)server_pid(server));
    CU_ASSERT_PTR_NOT_NULL(strstr(r->str, port));
    CU_ASSERT_PTR_NOT_NULL(strstr(r->str, "redis_version:7.2.4\r\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(r->str, "server_name:clearlane\r\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(r->str, "clearlane_version:"));
    freeReplyObject(r);
}

/* A line of each kind, of what is always there. */
static void info_lists_services(void) {
    static const char *const lines[] = {
        "# Services\r\nservice_log:state=running,since_ms=",
        "\r\nservice_workers:state=running,",
        "\r\nservice_memory:state=running,",
        "\r\nservice_persistence:state=running,",
        "\r\nservice_clients:state=running,",
        ",restart=never,restarts=0,failures=0,next_start_ms=0,last_error=\r\n",
        "\r\nqueue_commands:state=",
        "\r\nqueue_garbage:state=",
        "\r\nqueue_files:state=",
        "\r\nqueue_allocator:state=",
        ",refused=0,cancelled=0,wait_usec_max=",
        "\r\ntask_statistics:period_ms=100,runs=",
        "\r\ntask_eviction:period_ms=100,runs=",
        "\r\ntask_expiry:period_ms=0,runs=",
        "\r\ntask_lanes:period_ms=100,runs=",
        "\r\ntask_allocator:period_ms=1000,runs=",
        "\r\ntask_append-log:period_ms=100,runs=",
        "\r\ntask_save-points:period_ms=100,runs=",
        "\r\ntask_clients:period_ms=100,runs=",
        "\r\ntask_services:period_ms=100,runs=",
    };
    redisReply *r = cmd(c, "INFO services");
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        CU_ASSERT_PTR_NOT_NULL(strstr(r->str, lines[i]));
    }
    freeReplyObject(r);
    CU_ASSERT(reply_has(cmd(c, "INFO everything"), "# Services\r\n"));
    CU_ASSERT_FALSE(reply_has(cmd(c, "INFO all"), "# Services\r\n"));
}

/* CONFIG */

static void config_set_is_all_or_nothing(void) {
    expect_ok(c, "CONFIG SET hz 15 slowlog-max-len 77");
    expect_err_prefix(c, "ERR CONFIG SET failed (possibly related to argument 'maxclients')",
                      "CONFIG SET hz 20 slowlog-max-len 78 maxclients x");
    expect_text(c, "[\"hz\", \"15\"]", "CONFIG GET hz");
    expect_text(c, "[\"slowlog-max-len\", \"77\"]", "CONFIG GET slowlog-max-len");
    expect_err_prefix(c, "ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'",
                      "CONFIG SET hz 20 nosuch 1");
    expect_err(c, "ERR CONFIG SET failed (possibly related to argument 'HZ') - duplicate parameter",
               "CONFIG SET hz 20 HZ 21");
    expect_err(c,
               "ERR CONFIG SET failed (possibly related to argument 'databases') - can't set "
               "immutable config",
               "CONFIG SET hz 20 databases 5");
    expect_text(c, "[\"hz\", \"15\"]", "CONFIG GET hz");
    expect_ok(c, "CONFIG SET hz 10 slowlog-max-len 128");
}

static void write_file(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs(text, f);
    fclose(f);
}

static void read_file(const char *path, char *text, size_t size) {
    FILE *f = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    size_t n = fread(text, 1, size - 1, f);
    text[n] = 0;
    fclose(f);
}

static void rewrite_keeps_the_file(void) {
    static char text[100000];
    char path[100];
    snprintf(path, sizeof path, "/tmp/server-test-%d.conf", (int)getpid());
    write_file(path, "# a comment that stays\nhz 12\n\nmaxmemory 100mb\n# another\ntimeout 7\n"
                     "slowlog-max-len 3\nslowlog-max-len 4\n");
    const char *args[] = {path, "--save", "", NULL};
    struct server *s = server_start(args);
    redisContext *r = client_open(s);
    expect_text(r, "[\"hz\", \"12\"]", "CONFIG GET hz");
    expect_text(r, "[\"slowlog-max-len\", \"4\"]", "CONFIG GET slowlog-max-len");
    expect_ok(r, "CONFIG SET hz 33 maxmemory 200000000 lfu-log-factor 21");
    expect_ok(r, "CONFIG REWRITE");
    read_file(path, text, sizeof text);
    const char *first = strstr(text, "# a comment that stays\nhz 33\n\nmaxmemory ");
    CU_ASSERT_PTR_EQUAL(first, text);
    const char *second = strstr(text, "# another\ntimeout 7\nslowlog-max-len 4\n");
    CU_ASSERT(second && first && second > first);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nlfu-log-factor 21\n"));
    CU_ASSERT_PTR_NULL(strstr(text, "slowlog-max-len 3"));
    CU_ASSERT_PTR_NULL(strstr(text, "lfu-decay-time"));
    redisFree(r);
    server_restart(s, args);
    r = client_open(s);
    expect_text(r, "[\"maxmemory\", \"200000000\"]", "CONFIG GET maxmemory");
    expect_text(r, "[\"hz\", \"33\"]", "CONFIG GET hz");
    redisFree(r);
    CU_ASSERT_EQUAL(server_stop(s), 0);
    unlink(path);
    expect_err(c, "ERR The server is running without a config file", "CONFIG REWRITE");
}

static void config_reads_quotes_and_includes(void) {
    char path[100];
    char inner[110];
    char text[400];
    snprintf(path, sizeof path, "/tmp/server-test-%d.conf", (int)getpid());
    snprintf(inner, sizeof inner, "%s.inc", path);
    snprintf(text, sizeof text, "  REQUIREPASS \"a b\\x41\"   \nsave \"\"\ninclude %s\ntimeout 5\n",
             inner);
    write_file(path, text);
    write_file(inner, "timeout 9\nhz 22\n");
    const char *args[] = {path, "--requirepass", "", "--hz", "23", NULL};
    struct server *s = server_start(args);
    redisContext *r = client_open(s);
    expect_text(r, "[\"timeout\", \"5\"]", "CONFIG GET timeout");
    expect_text(r, "[\"hz\", \"23\"]", "CONFIG GET hz");
    redisFree(r);
    CU_ASSERT_EQUAL(server_stop(s), 0);
    unlink(path);
    unlink(inner);
}

/* A wrong file or argument: no start, and one line that says what and where. */
static void bad_configuration_is_refused(void) {
    char path[100];
    char out[4000];
    snprintf(path, sizeof path, "/tmp/server-test-%d.conf", (int)getpid());
    const char *file[] = {path, "--port", "0", NULL};
    write_file(path, "hz 10\n# fine\nnosuchthing 1\n");
    CU_ASSERT(server_run(file, out, sizeof out, 5000) > 0);
    CU_ASSERT(strstr(out, "nosuchthing") && strstr(out, "3"));
    write_file(path, "hz ten\n");
    CU_ASSERT(server_run(file, out, sizeof out, 5000) > 0);
    CU_ASSERT(strstr(out, "hz") && strstr(out, "1"));
    unlink(path);
    CU_ASSERT(server_run(file, out, sizeof out, 5000) > 0);
    static const char *const unknown[] = {"--port", "0", "--nosuchthing", "1", NULL};
    CU_ASSERT(server_run(unknown, out, sizeof out, 5000) > 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "nosuchthing"));
    char port[16];
    snprintf(port, sizeof port, "%d", server_port(server));
    const char *taken[] = {"--bind", "127.0.0.1", "--port", port, NULL};
    CU_ASSERT(server_run(taken, out, sizeof out, 5000) > 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(out, port));
}

static void version_and_help(void) {
    char out[8000];
    static const char *const version[] = {"--version", NULL};
    static const char *const help[] = {"--help", NULL};
    CU_ASSERT_EQUAL(server_run(version, out, sizeof out, 5000), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "v="));
    CU_ASSERT(server_run(help, out, sizeof out, 5000) >= 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "sage:"));
}

/* Slow log, latency, MONITOR, MEMORY */

static void slowlog_keeps_what_was_slow(void) {
    char big[300];
    memset(big, 'y', sizeof big);
    expect_ok(c, "CLIENT SETNAME slow");
    expect_ok(c, "CONFIG SET slowlog-log-slower-than 0 slowlog-max-len 5");
    expect_ok(c, "SLOWLOG RESET");
    expect_ok(c, "SET k %b", big, sizeof big);
    redisReply *r = cmd(c, "SLOWLOG GET 10");
    CU_ASSERT_FATAL(r->elements == 2);
    const redisReply *e = r->element[0];
    CU_ASSERT_EQUAL_FATAL(e->elements, 6);
    CU_ASSERT_EQUAL(e->element[3]->elements, 3);
    CU_ASSERT_STRING_EQUAL(e->element[3]->element[0]->str, "SET");
    CU_ASSERT_EQUAL(strlen(e->element[3]->element[2]->str), 128 + strlen("... (172 more bytes)"));
    CU_ASSERT_PTR_NOT_NULL(strstr(e->element[3]->element[2]->str, "yyy... (172 more bytes)"));
    CU_ASSERT_EQUAL(strncmp(e->element[4]->str, "127.0.0.1:", 10), 0);
    CU_ASSERT_STRING_EQUAL(e->element[5]->str, "slow");
    CU_ASSERT(e->element[2]->integer >= 0 && e->element[1]->integer > 1700000000);
    freeReplyObject(r);
    freeReplyObject(cmd(c, "MGET 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 "
                           "26 27 28 29 30 31 32 33 34 35"));
    r = cmd(c, "SLOWLOG GET 1");
    e = r->element[0]->element[3];
    CU_ASSERT_EQUAL_FATAL(e->elements, 32);
    CU_ASSERT_STRING_EQUAL(e->element[31]->str, "... (5 more arguments)");
    freeReplyObject(r);
    expect_int(c, 5, "SLOWLOG LEN");
    expect_ok(c, "CONFIG SET slowlog-log-slower-than -1 slowlog-max-len 128");
    expect_ok(c, "SLOWLOG RESET");
    expect_int(c, 0, "SLOWLOG LEN");
    expect_ok(c, "CONFIG SET slowlog-log-slower-than 10000");
    expect_ok(c, "DEBUG SLEEP 0.03");
    r = cmd(c, "SLOWLOG GET -1");
    CU_ASSERT_EQUAL_FATAL(r->elements, 1);
    CU_ASSERT(r->element[0]->element[2]->integer >= 30000);
    freeReplyObject(r);
}

static void slowlog_hides_secrets(void) {
    expect_ok(c, "CONFIG SET slowlog-log-slower-than 0");
    expect_ok(c, "SLOWLOG RESET");
    expect_ok(c, "CONFIG SET requirepass topsecret");
    expect_ok(c, "CONFIG SET requirepass %s", "");
    char *text = reply_text(cmd(c, "SLOWLOG GET"));
    CU_ASSERT_PTR_NULL(strstr(text, "topsecret"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "(redacted)"));
    free(text);
    expect_ok(c, "CONFIG SET slowlog-log-slower-than 10000");
}

static void latency_events(void) {
    expect_ok(c, "CONFIG SET latency-monitor-threshold 10");
    expect_ok(c, "DEBUG SLEEP 0.02");
    expect_ok(c, "DEBUG SLEEP 0.04");
    redisReply *r = cmd(c, "LATENCY LATEST");
    CU_ASSERT_FATAL(r->elements >= 1);
    const redisReply *e = r->element[0];
    CU_ASSERT_STRING_EQUAL(e->element[0]->str, "command");
    CU_ASSERT(e->element[1]->integer > 1700000000);
    CU_ASSERT(e->element[2]->integer >= 39 && e->element[3]->integer >= 39);
    freeReplyObject(r);
    r = cmd(c, "LATENCY HISTORY command");
    CU_ASSERT(r->elements >= 1 && r->element[0]->elements == 2);
    freeReplyObject(r);
    CU_ASSERT(reply_has(cmd(c, "LATENCY GRAPH command"), "command - high "));
    r = cmd(c, "LATENCY DOCTOR");
    CU_ASSERT(r->type == REDIS_REPLY_STRING && r->len > 20);
    freeReplyObject(r);
    expect_int(c, 1, "LATENCY RESET command nosuch");
    expect_text(c, "[]", "LATENCY HISTORY command");
    expect_ok(c, "CONFIG SET latency-monitor-threshold 0");
}

static void latency_histogram(void) {
    expect_ok(c, "CONFIG RESETSTAT");
    for (int i = 0; i < 10; i++) freeReplyObject(cmd(c, "ECHO x"));
    redisReply *r = cmd(c, "LATENCY HISTOGRAM echo nosuch");
    CU_ASSERT_EQUAL_FATAL(r->elements, 2);
    CU_ASSERT_STRING_EQUAL(r->element[0]->str, "echo");
    CU_ASSERT_STRING_EQUAL(r->element[1]->element[0]->str, "calls");
    CU_ASSERT_EQUAL(r->element[1]->element[1]->integer, 10);
    CU_ASSERT_STRING_EQUAL(r->element[1]->element[2]->str, "histogram_usec");
    freeReplyObject(r);
}

/* One line of a monitor, without its time. */
static void expect_monitored(redisContext *m, const char *want) {
    redisReply *r = NULL;
    CU_ASSERT_EQUAL_FATAL(redisGetReply(m, (void **)&r), REDIS_OK);
    const char *at = strstr(r->str, " [");
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    char got[300] = "";
    snprintf(got, sizeof got, "%.3s %s", at + 1, strchr(at, ']') + 2);
    if (strcmp(got, want)) fprintf(stderr, "monitored '%s', expected '%s'\n", got, want);
    CU_ASSERT_STRING_EQUAL(got, want);
    CU_ASSERT(atof(r->str) > 1700000000);
    freeReplyObject(r);
}

static void monitor_shows_commands(void) {
    redisContext *m = client_open(server);
    expect_ok(m, "MONITOR");
    expect_ok(c, "SET k %b", "a\"b\n\x01", (size_t)5);
    expect_ok(c, "SELECT 3");
    freeReplyObject(cmd(c, "get k"));
    expect_err_prefix(c, "WRONGPASS", "AUTH name secret");
    expect_ok(c, "SELECT 0");
    freeReplyObject(cmd(c, "NOSUCH x"));
    freeReplyObject(cmd(c, "ECHO last"));
    expect_monitored(m, "[0  \"SET\" \"k\" \"a\\\"b\\n\\x01\"");
    expect_monitored(m, "[3  \"SELECT\" \"3\"");
    expect_monitored(m, "[3  \"get\" \"k\"");
    expect_monitored(m, "[3  \"AUTH\" \"(redacted)\" \"(redacted)\"");
    expect_monitored(m, "[0  \"SELECT\" \"0\"");
    expect_monitored(m, "[0  \"ECHO\" \"last\"");
    expect_status(m, "RESET", "RESET");
    freeReplyObject(cmd(c, "ECHO unseen"));
    expect_status(m, "PONG", "PING");
    redisFree(m);
}

/* What others send meanwhile is shown before the reply to EXEC or behind it. */
static void monitor_shows_nothing_within_a_reply(void) {
    enum { COMMANDS = 1000, OTHERS = 3000 };
    redisContext *m = client_open(server);
    expect_ok(m, "MONITOR");
    expect_ok(m, "MULTI");
    for (int i = 0; i < COMMANDS; i++) redisAppendCommand(m, "CONFIG GET *");
    redisAppendCommand(m, "EXEC");
    for (int done = 0; !done;) CU_ASSERT_EQUAL_FATAL(redisBufferWrite(m, &done), REDIS_OK);
    for (int i = 0; i < OTHERS; i++) redisAppendCommand(c, "SET k v");
    void *got;
    for (int i = 0; i < OTHERS; i++) {
        CU_ASSERT_EQUAL_FATAL(redisGetReply(c, &got), REDIS_OK);
        freeReplyObject(got);
    }
    redisReply *r = NULL;
    for (; !r || r->type != REDIS_REPLY_ARRAY; r = got) {
        if (r) freeReplyObject(r);
        CU_ASSERT_EQUAL_FATAL(redisGetReply(m, &got), REDIS_OK);
    }
    CU_ASSERT_EQUAL(r->elements, COMMANDS);
    for (size_t i = 0; i < r->elements; i++)
        CU_ASSERT_EQUAL(r->element[i]->type, REDIS_REPLY_ARRAY);
    freeReplyObject(r);
    redisFree(m);
}

static void memory_tells(void) {
    char big[10000];
    memset(big, 'z', sizeof big);
    expect_ok(c, "SET small v");
    expect_ok(c, "SET big %b", big, sizeof big);
    long long small = reply_int(cmd(c, "MEMORY USAGE small"));
    long long large = reply_int(cmd(c, "MEMORY USAGE big SAMPLES 5"));
    CU_ASSERT(small > 8 && small < 200);
    CU_ASSERT(large >= 10000 && large < 25000);
    expect_nil(c, "MEMORY USAGE none");
    redisReply *r = cmd(c, "MEMORY STATS");
    CU_ASSERT(r->elements >= 40 && r->elements % 2 == 0);
    CU_ASSERT_STRING_EQUAL(r->element[0]->str, "peak.allocated");
    freeReplyObject(r);
    r = cmd(c, "MEMORY DOCTOR");
    CU_ASSERT(r->type == REDIS_REPLY_STRING && r->len > 20);
    freeReplyObject(r);
    expect_ok(c, "MEMORY PURGE");
    r = cmd(c, "MEMORY MALLOC-STATS");
    CU_ASSERT(r->type == REDIS_REPLY_STRING);
    freeReplyObject(r);
}

static int oom_score(void) {
    char path[64], text[32];
    snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int)server_pid(server));
    read_file(path, text, sizeof text);
    return atoi(text);
}

static void the_kernel_knows_whom_to_kill(void) {
    int before = oom_score();
    expect_ok(c, "CONFIG SET oom-score-adj-values %s oom-score-adj yes", "10 20 30");
    CU_ASSERT_EQUAL(oom_score(), before + 10);
    expect_ok(c, "CONFIG SET oom-score-adj-values %s", "15 20 30");
    CU_ASSERT_EQUAL(oom_score(), before + 15);
    expect_ok(c, "CONFIG SET oom-score-adj absolute");
    CU_ASSERT_EQUAL(oom_score(), 15);
    expect_ok(c, "CONFIG SET oom-score-adj no");
    CU_ASSERT_EQUAL(oom_score(), before);
    expect_ok(c, "CONFIG SET oom-score-adj-values %s", "0 200 800");
    CU_ASSERT_EQUAL(oom_score(), before);
}

static void small_commands(void) {
    redisReply *r = cmd(c, "TIME");
    CU_ASSERT(r->elements == 2 && atoll(r->element[0]->str) > 1700000000 &&
              atoll(r->element[1]->str) < 1000000);
    freeReplyObject(r);
    CU_ASSERT(reply_int(cmd(c, "LASTSAVE")) > 1700000000);
    expect_text(c, "[\"master\", 0, []]", "ROLE");
    r = cmd(c, "LOLWUT");
    CU_ASSERT(r->str && strstr(r->str, "ver. "));
    freeReplyObject(r);
    r = cmd(c, "COMMAND");
    CU_ASSERT_EQUAL(reply_int(cmd(c, "COMMAND COUNT")), (long long)r->elements);
    freeReplyObject(r);
    r = cmd(c, "COMMAND LIST");
    char *list = reply_text(r);
    CU_ASSERT(strstr(list, "\"get\"") && strstr(list, "\"config|get\""));
    free(list);
    expect_text(c, "[\"set\"]", "COMMAND LIST FILTERBY PATTERN set");
    char *docs = reply_text(cmd(c, "COMMAND DOCS debug"));
    CU_ASSERT_PTR_NOT_NULL(strstr(docs, "\"doc_flags\", [syscmd]"));
    free(docs);
}

static void debug_can_be_locked(void) {
    static const char *const args[] = {"--enable-debug-command", "no", NULL};
    struct server *s = server_start(args);
    redisContext *r = client_open(s);
    expect_err(r,
               "ERR DEBUG command not allowed. If the enable-debug-command option is set to "
               "\"local\", you can run it from a local connection, otherwise you need to set this "
               "option in the configuration file, and then restart the server.",
               "DEBUG SLEEP 0");
    redisFree(r);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* The end of the process */

static void ends_with(int signal_number) {
    char path[100];
    char text[50] = "";
    struct stat st;
    snprintf(path, sizeof path, "/tmp/server-test-%d.pid", (int)getpid());
    const char *args[] = {"--pidfile", path, "--logfile", "log.txt", "--save", "", NULL};
    struct server *s = server_start(args);
    redisContext *r = client_open(s);
    expect_ok(r, "SET k v");
    read_file(path, text, sizeof text);
    CU_ASSERT_EQUAL(atoi(text), server_pid(s));
    char log[300];
    snprintf(log, sizeof log, "%s/log.txt", server_dir(s));
    CU_ASSERT(stat(log, &st) == 0 && st.st_size > 0);
    server_signal(s, signal_number);
    CU_ASSERT_EQUAL(server_wait(s, 5000), 0);
    CU_ASSERT(client_is_dead(r));
    CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
    redisFree(r);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

static void terminates_on_signals(void) {
    ends_with(SIGTERM);
    ends_with(SIGINT);
}

static void shuts_down_on_command(void) {
    static const char *const args[] = {"--save", "", NULL};
    struct server *s = server_start(args);
    redisContext *r = client_open(s);
    redisContext *other = client_open(s);
    expect_err(r, "ERR syntax error", "SHUTDOWN sideways");
    expect_err(r, "ERR syntax error", "SHUTDOWN SAVE NOSAVE");
    expect_err(r, "ERR No shutdown in progress.", "SHUTDOWN ABORT");
    redisReply *none = redisCommand(r, "SHUTDOWN NOSAVE NOW FORCE");
    CU_ASSERT_PTR_NULL(none);
    CU_ASSERT_EQUAL(server_wait(s, 5000), 0);
    CU_ASSERT(client_is_dead(other));
    redisFree(r);
    redisFree(other);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* Replies to what was read before the signal still go out. */
static void pending_replies_are_sent(void) {
    struct server *s = server_start(NULL);
    int fd = client_open_raw(s);
    expect_raw(fd, "SETRANGE k 3999999 x\r\n", ":4000000\r\n");
    redisContext *r = client_open(s);
    CU_ASSERT(send(fd, "GET k\r\n", 7, MSG_NOSIGNAL) == 7);
    server_sleep_ms(50);
    redisFree(r);
    char part[65536];
    long long got = recv(fd, part, sizeof part, 0);
    while (got < 4000000 + 12) {
        ssize_t n = recv(fd, part, sizeof part, 0);
        if (n <= 0) break;
        got += n;
    }
    CU_ASSERT_EQUAL(got, 4000000 + 12);
    close(fd);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

int main(void) {
    static const char *const args[] = {"--enable-debug-command", "yes", "--save", "", NULL};
    static const struct suite_test tests[] = {
        {"info_has_all_fields", info_has_all_fields},
        {"info_selects_sections", info_selects_sections},
        {"info_names_the_server", info_names_the_server},
        {"info_lists_services", info_lists_services},
        {"config_set_is_all_or_nothing", config_set_is_all_or_nothing},
        {"rewrite_keeps_the_file", rewrite_keeps_the_file},
        {"config_reads_quotes_and_includes", config_reads_quotes_and_includes},
        {"bad_configuration_is_refused", bad_configuration_is_refused},
        {"version_and_help", version_and_help},
        {"slowlog_keeps_what_was_slow", slowlog_keeps_what_was_slow},
        {"slowlog_hides_secrets", slowlog_hides_secrets},
        {"latency_events", latency_events},
        {"latency_histogram", latency_histogram},
        {"monitor_shows_commands", monitor_shows_commands},
        {"monitor_shows_nothing_within_a_reply", monitor_shows_nothing_within_a_reply},
        {"memory_tells", memory_tells},
        {"the_kernel_knows_whom_to_kill", the_kernel_knows_whom_to_kill},
        {"small_commands", small_commands},
        {"debug_can_be_locked", debug_can_be_locked},
        {"terminates_on_signals", terminates_on_signals},
        {"shuts_down_on_command", shuts_down_on_command},
        {"pending_replies_are_sent", pending_replies_are_sent},
        {NULL, NULL},
    };
    server = server_start(args);
    c = client_open(server);
    int status = suite_main("server", tests);
    redisFree(c);
    return server_stop(server) ? 1 : status;
}
