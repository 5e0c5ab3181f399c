/* connection_test.c - clients as the server sees them: the CLIENT command, limits on
 * connections and their buffers, authentication, Unix sockets, broken input.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replies.h"
#include "support/client.h"
#include "support/suite.h"

static struct server *server;
static redisContext *c;

static long long client_id(redisContext *of) { return reply_int(cmd(of, "CLIENT ID")); }

/* A reply that is not there yet, waiting wait_ms for it. */
static bool is_silent(redisContext *of, int wait_ms) {
    char byte;
    struct timeval t = {wait_ms / 1000, wait_ms % 1000 * 1000};
    setsockopt(of->fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    bool silent = recv(of->fd, &byte, 1, MSG_PEEK) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    t = (struct timeval){20, 0};
    setsockopt(of->fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    return silent;
}

static void send_now(redisContext *of, const char *command) {
    int done = 0;
    redisAppendCommand(of, command);
    while (!done) CU_ASSERT_EQUAL_FATAL(redisBufferWrite(of, &done), REDIS_OK);
}

static void expect_late_status(redisContext *of, const char *want) {
    redisReply *r = NULL;
    CU_ASSERT_EQUAL_FATAL(redisGetReply(of, (void **)&r), REDIS_OK);
    CU_ASSERT_STRING_EQUAL(r->str, want);
    freeReplyObject(r);
}

static long long connected_clients(void) {
    redisReply *r = cmd(c, "INFO clients");
    long long n = -1;
    char *at = strstr(r->str, "connected_clients:");
    if (at) n = atoll(at + strlen("connected_clients:"));
    freeReplyObject(r);
    return n;
}

static bool clients_become(long long n, int wait_ms) {
    long long end = server_now_ms() + wait_ms;
    while (connected_clients() != n) {
        if (server_now_ms() > end) return false;
        server_sleep_ms(10);
    }
    return true;
}

/* Connections that earlier tests closed may be noticed a little later. */
static void alone(void) { CU_ASSERT_FATAL(clients_become(1, 2000)); }

/* CLIENT */

static void list_has_all_fields(void) {
    static const char *const fields[] = {
        "id=",
        "addr=127.0.0.1:",
        "laddr=127.0.0.1:",
        "fd=",
        "name=tester",
        "age=",
        "idle=",
        "flags=N",
        "db=2",
        "sub=0",
        "psub=0",
        "ssub=0",
        "multi=-1",
        "qbuf=",
        "qbuf-free=",
        "argv-mem=",
        "multi-mem=0",
        "rbs=",
        "rbp=",
        "obl=0",
        "oll=0",
        "omem=0",
        "tot-mem=",
        "events=r",
        "cmd=client|list",
        "user=default",
        "redir=-1",
        "resp=2",
    };
    redisContext *me = client_open(server);
    expect_ok(me, "CLIENT SETNAME tester");
    expect_ok(me, "SELECT 2");
    redisReply *r = cmd(me, "CLIENT LIST ID %d", (int)client_id(me));
    CU_ASSERT_PTR_NOT_NULL_FATAL(r->str);
    const char *at = r->str;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const char *found = strstr(at, fields[i]);
        if (!found) fprintf(stderr, "'%s' is not where it should be in %s", fields[i], r->str);
        CU_ASSERT_PTR_NOT_NULL_FATAL(found);
        CU_ASSERT(found == r->str || found[-1] == ' ');
        at = found;
    }
    CU_ASSERT_EQUAL(r->str[r->len - 1], '\n');
    freeReplyObject(r);
    CU_ASSERT(reply_has(cmd(me, "CLIENT INFO"), "cmd=client|info"));
    redisFree(me);
}

/* What has come of a large argument is qbuf, its room qbuf-free. */
static void a_large_argument_is_weighed(void) {
    enum { SENT = 20000 };
    static const char head[] = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10000000\r\n";
    static char part[SENT];
    int fd = client_open_raw(server);
    CU_ASSERT_EQUAL(send(fd, head, sizeof head - 1, 0), sizeof head - 1);
    CU_ASSERT_EQUAL(send(fd, part, SENT, 0), SENT);
    bool seen = false;
    for (int tries = 0; tries < 5000 && !seen; tries++) {
        seen = reply_has(cmd(c, "CLIENT LIST"), " qbuf-free=9980000 ");
        usleep(1000);
    }
    CU_ASSERT(seen);
    close(fd);
}

static void list_selects(void) {
    redisContext *a = client_open(server);
    redisContext *b = client_open(server);
    expect_ok(a, "CLIENT SETNAME first");
    expect_ok(b, "CLIENT SETNAME second");
    redisReply *r = cmd(c, "CLIENT LIST ID %d %d 999999", (int)client_id(a), (int)client_id(b));
    CU_ASSERT(strstr(r->str, "name=first") && strstr(r->str, "name=second"));
    freeReplyObject(r);
    CU_ASSERT(reply_has(cmd(c, "CLIENT LIST TYPE normal"), "name=second"));
    expect_str(c, "", "CLIENT LIST TYPE pubsub");
    expect_str(c, "", "CLIENT LIST TYPE replica");
    expect_err(c, "ERR Unknown client type 'nosuch'", "CLIENT LIST TYPE nosuch");
    expect_err(c, "ERR Invalid client ID", "CLIENT LIST ID x");
    redisFree(a);
    redisFree(b);
}

/* 7.2: what client libraries say of themselves. */
static void setinfo(void) {
    redisContext *me = client_open(server);
    expect_ok(me, "CLIENT SETINFO LIB-NAME mylib");
    expect_ok(me, "CLIENT SETINFO lib-ver 1.2.3");
    CU_ASSERT(reply_has(cmd(me, "CLIENT INFO"), "lib-name=mylib lib-ver=1.2.3"));
    expect_err(me, "ERR lib-name cannot contain spaces, newlines or special characters.",
               "CLIENT SETINFO lib-name %s", "with space");
    expect_err(me, "ERR Unrecognized option 'nosuch'", "CLIENT SETINFO nosuch x");
    expect_ok(me, "CLIENT SETINFO LIB-NAME %s", "");
    CU_ASSERT(reply_has(cmd(me, "CLIENT INFO"), "lib-name= lib-ver=1.2.3"));
    expect_status(me, "RESET", "RESET");
    redisFree(me);
}

static void kill_by_each_filter(void) {
    redisContext *v = client_open(server);
    expect_int(c, 1, "CLIENT KILL ID %d", (int)client_id(v));
    CU_ASSERT(client_is_dead(v));
    redisFree(v);
    v = client_open(server);
    expect_ok(v, "CLIENT SETNAME victim");
    redisReply *r = cmd(v, "CLIENT INFO");
    char addr[64] = "";
    char laddr[64] = "";
    sscanf(strstr(r->str, " addr="), " addr=%63s laddr=%63s", addr, laddr);
    freeReplyObject(r);
    expect_int(c, 0, "CLIENT KILL ADDR %s TYPE pubsub", addr);
    expect_err(c, "ERR No such user 'nobody'", "CLIENT KILL USER nobody");
    expect_int(c, 1, "CLIENT KILL ADDR %s LADDR %s TYPE normal USER default SKIPME yes", addr,
               laddr);
    CU_ASSERT(client_is_dead(v));
    redisFree(v);
    v = client_open(server);
    r = cmd(v, "CLIENT INFO");
    sscanf(strstr(r->str, " addr="), " addr=%63s", addr);
    freeReplyObject(r);
    expect_ok(c, "CLIENT KILL %s", addr);
    expect_err(c, "ERR No such client", "CLIENT KILL %s", addr);
    CU_ASSERT(client_is_dead(v));
    redisFree(v);
    redisContext *w = client_open(server);
    v = client_open(server);
    expect_status(w, "PONG", "PING");
    expect_status(v, "PONG", "PING");
    CU_ASSERT(reply_int(cmd(c, "CLIENT KILL TYPE normal SKIPME yes")) >= 2);
    CU_ASSERT(client_is_dead(v) && client_is_dead(w));
    expect_status(c, "PONG", "PING");
    redisFree(v);
    redisFree(w);
}

/* Sends commands at once and compares their replies as texts. */
static void expect_texts(redisContext *k, const char *const *texts, int n) {
    for (int i = 0; i < n; i++) {
        redisReply *r = NULL;
        CU_ASSERT_EQUAL_FATAL(redisGetReply(k, (void **)&r), REDIS_OK);
        char *text = client_text(r);
        CU_ASSERT_STRING_EQUAL(text, texts[i]);
        free(text);
        freeReplyObject(r);
    }
}

/* Who is killed is gone for the next command of the same packet, and has been told so when the
 * killer has its reply. */
static void the_killed_are_gone_at_once(void) {
    redisContext *waits = client_open(server), *hears = client_open(server);
    redisContext *idle = client_open(server), *k = client_open(server);
    int waits_id = (int)client_id(waits), hears_id = (int)client_id(hears);
    int idle_id = (int)client_id(idle);
    send_now(waits, "BLPOP gone 0");
    freeReplyObject(cmd(hears, "SUBSCRIBE gone"));
    server_sleep_ms(50);
    redisAppendCommand(k, "CLIENT KILL ID %d", waits_id);
    redisAppendCommand(k, "LPUSH gone v");
    redisAppendCommand(k, "LPOP gone");
    redisAppendCommand(k, "CLIENT UNBLOCK %d", waits_id);
    redisAppendCommand(k, "CLIENT KILL ID %d", hears_id);
    redisAppendCommand(k, "PUBLISH gone x");
    redisAppendCommand(k, "PUBSUB NUMSUB gone");
    redisAppendCommand(k, "CLIENT KILL ID %d", idle_id);
    redisAppendCommand(k, "CLIENT KILL ID %d", idle_id);
    redisAppendCommand(k, "CLIENT LIST ID %d %d %d", waits_id, hears_id, idle_id);
    static const char *const want[] = {"1", "1", "\"v\"", "0", "1", "0", "[\"gone\", 0]",
                                       "1", "0", "\"\""};
    expect_texts(k, want, sizeof want / sizeof *want);
    redisContext *const victims[] = {waits, hears, idle};
    for (int i = 0; i < 3; i++) {
        char byte;
        CU_ASSERT_EQUAL(recv(victims[i]->fd, &byte, 1, MSG_DONTWAIT), 0);
        redisFree(victims[i]);
    }
    redisFree(k);
}

/* The reply comes before the connection ends. */
static void kill_oneself(void) {
    redisContext *me = client_open(server);
    expect_int(me, 1, "CLIENT KILL ID %d SKIPME no", (int)client_id(me));
    CU_ASSERT(client_is_dead(me));
    redisFree(me);
}

static void pause_writes(void) {
    redisContext *w = client_open(server);
    expect_ok(c, "SET k v");
    expect_ok(c, "CLIENT PAUSE 10000 WRITE");
    expect_str(c, "v", "GET k");
    send_now(w, "SET k paused");
    CU_ASSERT(is_silent(w, 150));
    expect_str(c, "v", "GET k");
    expect_ok(c, "CLIENT UNPAUSE");
    expect_late_status(w, "OK");
    expect_str(c, "paused", "GET k");
    redisFree(w);
}

static void pause_all_ends_by_itself(void) {
    redisContext *w = client_open(server);
    expect_ok(c, "CLIENT PAUSE 300");
    long long start = server_now_ms();
    send_now(w, "PING");
    CU_ASSERT(is_silent(w, 100));
    expect_late_status(w, "PONG");
    long long took = server_now_ms() - start;
    CU_ASSERT(took >= 200 && took < 2000);
    redisFree(w);
}

/* Order within a pipeline survives a pause. */
static void pause_keeps_order(void) {
    redisContext *w = client_open(server);
    expect_ok(c, "SET n 1");
    expect_ok(c, "CLIENT PAUSE 10000 WRITE");
    redisAppendCommand(w, "GET n");
    redisAppendCommand(w, "INCR n");
    redisAppendCommand(w, "GET n");
    send_now(w, "ECHO done");
    server_sleep_ms(50);
    expect_ok(c, "CLIENT UNPAUSE");
    static const char *const want[] = {"\"1\"", "2", "\"2\"", "\"done\""};
    for (int i = 0; i < 4; i++) {
        redisReply *r = NULL;
        CU_ASSERT_EQUAL_FATAL(redisGetReply(w, (void **)&r), REDIS_OK);
        char *text = reply_text(r);
        CU_ASSERT_STRING_EQUAL(text, want[i]);
        free(text);
    }
    redisFree(w);
}

static void reply_off_skip_on(void) {
    int fd = client_open_raw(server);
    expect_raw(fd, "CLIENT REPLY OFF\r\nSET r 1\r\nGET r\r\nCLIENT REPLY ON\r\nGET r\r\n",
               "+OK\r\n$1\r\n1\r\n");
    expect_raw(fd, "CLIENT REPLY SKIP\r\nSET r 2\r\nGET r\r\n", "$1\r\n2\r\n");
    expect_raw(fd, "CLIENT REPLY SKIP\r\nNOSUCH\r\nPING\r\n", "+PONG\r\n");
    expect_raw(fd, "CLIENT REPLY OFF\r\nRESET\r\nPING\r\n", "");
    close(fd);
}

static void no_touch_leaves_idle_time(void) {
    redisContext *quiet = client_open(server);
    expect_ok(quiet, "CLIENT NO-TOUCH ON");
    expect_ok(c, "SET idle v");
    server_sleep_ms(2100);
    expect_str(quiet, "v", "GET idle");
    CU_ASSERT(reply_int(cmd(quiet, "OBJECT IDLETIME idle")) >= 1);
    expect_int(quiet, 1, "EVAL %s 1 idle", "redis.call('GET', KEYS[1]) return 1");
    CU_ASSERT(reply_int(cmd(quiet, "OBJECT IDLETIME idle")) >= 1);
    expect_int(quiet, 1, "EVAL %s 1 idle", "return redis.call('TOUCH', KEYS[1])");
    CU_ASSERT(reply_int(cmd(quiet, "OBJECT IDLETIME idle")) <= 1);
    server_sleep_ms(2100);
    CU_ASSERT(reply_int(cmd(quiet, "OBJECT IDLETIME idle")) >= 1);
    expect_ok(quiet, "CLIENT NO-TOUCH OFF");
    expect_str(quiet, "v", "GET idle");
    CU_ASSERT(reply_int(cmd(quiet, "OBJECT IDLETIME idle")) <= 1);
    expect_err(quiet, "ERR syntax error", "CLIENT NO-TOUCH maybe");
    redisFree(quiet);
}

static void reset_forgets(void) {
    redisContext *me = client_open(server);
    expect_ok(me, "SELECT 4");
    expect_ok(me, "CLIENT SETNAME someone");
    expect_status(me, "RESET", "RESET");
    expect_nil(me, "CLIENT GETNAME");
    CU_ASSERT(reply_has(cmd(me, "CLIENT INFO"), " db=0 "));
    redisFree(me);
}

static void hello_with_everything(void) {
    int fd = client_open_raw(server);
    expect_raw(fd, "HELLO 3 AUTH default whatever SETNAME h\r\n",
               "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n");
    close(fd);
    fd = client_open_raw(server);
    expect_raw(fd, "HELLO 4\r\n", "-NOPROTO unsupported protocol version\r\n");
    expect_raw(fd, "GET none\r\n", "$-1\r\n");
    close(fd);
}

/* Limits */

static void maxclients_refuses(void) {
    redisContext *open[3];
    alone();
    expect_ok(c, "CONFIG SET maxclients 4");
    for (int i = 0; i < 3; i++) {
        open[i] = client_open(server);
        expect_status(open[i], "PONG", "PING");
    }
    int fd = client_open_raw(server);
    expect_raw(fd, "", "-ERR max number of clients reached\r\n");
    expect_raw_closed(fd);
    close(fd);
    redisFree(open[0]);
    CU_ASSERT(clients_become(3, 2000));
    open[0] = client_open(server);
    expect_status(open[0], "PONG", "PING");
    for (int i = 0; i < 3; i++) redisFree(open[i]);
    expect_ok(c, "CONFIG SET maxclients 10000");
    redisReply *r = cmd(c, "INFO stats");
    CU_ASSERT_PTR_NOT_NULL(strstr(r->str, "rejected_connections:1\r\n"));
    freeReplyObject(r);
}

static void idle_clients_are_closed(void) {
    redisContext *idle = client_open(server);
    expect_status(idle, "PONG", "PING");
    expect_ok(c, "CONFIG SET timeout 1");
    for (int i = 0; i < 30; i++) {
        expect_status(c, "PONG", "PING");
        server_sleep_ms(100);
    }
    expect_ok(c, "CONFIG SET timeout 0");
    CU_ASSERT(client_is_dead(idle));
    redisFree(idle);
}

/* Asks for far more than it reads. */
static int open_greedy(int replies) {
    int fd = client_open_raw(server);
    expect_raw(fd, "PING\r\n", "+PONG\r\n");
    for (int i = 0; i < replies; i++)
        if (send(fd, "GET big\r\n", 9, MSG_NOSIGNAL) != 9) break;
    return fd;
}

static void make_big(void) { expect_int(c, 1000000, "SETRANGE big 999999 x"); }

static void hard_output_limit(void) {
    alone();
    make_big();
    expect_ok(c, "CONFIG SET client-output-buffer-limit %s", "normal 20mb 0 0");
    int fd = open_greedy(100);
    CU_ASSERT(clients_become(1, 5000));
    expect_raw_closed(fd);
    close(fd);
    expect_ok(c, "CONFIG SET client-output-buffer-limit %s", "normal 0 0 0");
    expect_status(c, "PONG", "PING");
}

#define DEAD_CLIENTS 30
#define DEAD_ARGUMENTS 249

/* Under maxmemory what clients hold beyond maxmemory-clients goes before any key does. */
static void clients_go_before_keys(void) {
    static char argument[1024], bytes[DEAD_ARGUMENTS * sizeof argument];
    int fds[DEAD_CLIENTS];
    size_t n = (size_t)sprintf(bytes, "*%d\r\n", DEAD_ARGUMENTS + 1);
    memset(argument, 'x', 1000);
    for (int i = 0; i < DEAD_ARGUMENTS; i++)
        n += (size_t)sprintf(bytes + n, "$1000\r\n%s\r\n", argument);
    alone();
    expect_ok(c, "FLUSHALL");
    for (int i = 0; i < 50; i++) expect_int(c, 100001, "SETRANGE %d 100000 x", i);
    expect_ok(c, "CLIENT NO-EVICT ON");
    long long used = info_number(c, "memory", "used_memory");
    expect_ok(c, "CONFIG SET maxmemory-policy allkeys-lru maxmemory-clients 3mb maxmemory %lld",
              used + 5000000);
    expect_ok(c, "CONFIG RESETSTAT");
    for (int i = 0; i < DEAD_CLIENTS; i++) {
        fds[i] = client_open_raw(server);
        for (size_t sent = 0; sent < n;) {
            ssize_t now = send(fds[i], bytes + sent, n - sent, MSG_NOSIGNAL);
            if (now <= 0) break; /* it was closed */
            sent += (size_t)now;
        }
        expect_status(c, "PONG", "PING");
    }
    server_sleep_ms(300);
    CU_ASSERT(info_number(c, "stats", "evicted_clients") > 0);
    CU_ASSERT_EQUAL(info_number(c, "stats", "evicted_keys"), 0);
    expect_int(c, 50, "DBSIZE");
    for (int i = 0; i < DEAD_CLIENTS; i++) close(fds[i]);
    expect_ok(c, "CONFIG SET maxmemory 0 maxmemory-clients 0 maxmemory-policy noeviction");
    expect_ok(c, "CLIENT NO-EVICT OFF");
    expect_ok(c, "FLUSHALL");
}

/* The hard limit is for what is replied, whether the peer would take it or not: of one command, of
 * several that came at once, of a transaction, which is run to its end, of what comes in parts. */
static void replies_beyond_the_limit(void) {
    static const char *const asks[] = {
        "MGET big big big\r\n",
        "GET big\r\nSET a 1\r\nGET big\r\nGET big\r\n",
        "MULTI\r\nSET b 1\r\nMGET big big big\r\nSET d 1\r\nEXEC\r\n",
        "HRANDFIELD h -1000000000\r\n",
        "SRANDMEMBER s -9000000000000000000\r\n",
        "ZRANDMEMBER z -1000000000 WITHSCORES\r\n",
    };
    alone();
    make_big();
    expect_int(c, 1, "HSET h f v");
    expect_int(c, 1, "SADD s a");
    expect_int(c, 1, "ZADD z 1 a");
    expect_ok(c, "CONFIG SET client-output-buffer-limit %s", "normal 2500000 0 0");
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        char bytes[64 * 1024];
        size_t got = 0;
        int fd = client_open_raw(server);
        expect_raw(fd, asks[i], "");
        for (ssize_t n; (n = recv(fd, bytes, sizeof bytes, 0)) > 0;) got += (size_t)n;
        CU_ASSERT(got < 4000000);
        close(fd);
    }
    expect_text(c, "[\"1\", \"1\", \"1\"]", "MGET a b d");
    CU_ASSERT(reply_has(cmd(c, "INFO stats"), "client_output_buffer_limit_disconnections:"));
    expect_ok(c, "CONFIG SET client-output-buffer-limit %s", "normal 0 0 0");
    expect_int(c, 6, "DEL a b d h s z");
}

static void soft_output_limit(void) {
    alone();
    make_big();
    expect_ok(c, "CONFIG SET client-output-buffer-limit %s", "normal 0 5mb 1");
    int fd = open_greedy(100);
    server_sleep_ms(300);
    CU_ASSERT_EQUAL(connected_clients(), 2);
    CU_ASSERT(clients_become(1, 6000));
    close(fd);
    expect_ok(c, "CONFIG SET client-output-buffer-limit %s", "normal 0 0 0");
}

/* Without a limit a slow reader gets everything, late, and nobody else waits. */
static void slow_reader_stalls_nobody(void) {
    make_big();
    int fd = open_greedy(60);
    long long worst = 0;
    for (int i = 0; i < 200; i++) {
        long long start = server_now_ms();
        expect_status(c, "PONG", "PING");
        long long took = server_now_ms() - start;
        if (took > worst) worst = took;
    }
    CU_ASSERT(worst < 300);
    static char part[1 << 16];
    long long got = 0;
    long long want = 60LL * (1000000 + 10 + 2);
    while (got < want) {
        ssize_t n = recv(fd, part, sizeof part, 0);
        if (n <= 0) break;
        got += n;
    }
    CU_ASSERT_EQUAL(got, want);
    close(fd);
}

static void query_buffer_limit(void) {
    alone();
    expect_ok(c, "CONFIG SET client-query-buffer-limit 1mb");
    int fd = client_open_raw(server);
    expect_raw(fd, "PING\r\n", "+PONG\r\n");
    char *much = calloc(1, 3 << 20);
    const char *head = "*2\r\n$4\r\nECHO\r\n$4000000\r\n";
    CU_ASSERT(send(fd, head, strlen(head), MSG_NOSIGNAL) > 0);
    for (size_t sent = 0; sent < (3 << 20);) {
        ssize_t n = send(fd, much + sent, (3 << 20) - sent, MSG_NOSIGNAL);
        if (n <= 0) break;
        sent += (size_t)n;
    }
    CU_ASSERT(clients_become(1, 3000));
    CU_ASSERT_EQUAL(info_number(c, "stats", "client_query_buffer_limit_disconnections"), 1);
    close(fd);
    free(much);
    expect_ok(c, "CONFIG SET client-query-buffer-limit 1gb");
}

/* Authentication */

static void requirepass(void) {
    expect_err(c,
               "ERR AUTH <password> called without any password configured for the default "
               "user. Are you sure your configuration is correct?",
               "AUTH x");
    expect_ok(c, "CONFIG SET requirepass secret");
    expect_status(c, "PONG", "PING");
    redisContext *stranger = client_open(server);
    expect_err(stranger, "NOAUTH Authentication required.", "PING");
    expect_err(stranger, "NOAUTH Authentication required.", "GET k");
    expect_err_prefix(stranger, "ERR unknown command", "NOSUCH");
    expect_err(stranger, "WRONGPASS invalid username-password pair or user is disabled.",
               "AUTH wrong");
    expect_err(stranger, "WRONGPASS invalid username-password pair or user is disabled.",
               "AUTH nobody secret");
    expect_err(stranger, "NOAUTH Authentication required.", "GET k");
    expect_err(stranger,
               "NOAUTH HELLO must be called with the client already authenticated, "
               "otherwise the HELLO <proto> AUTH <user> <pass> option can be used to "
               "authenticate the client and select the RESP protocol version at the "
               "same time",
               "HELLO 2");
    expect_ok(stranger, "AUTH secret");
    expect_status(stranger, "PONG", "PING");
    expect_status(stranger, "RESET", "RESET");
    expect_err(stranger, "NOAUTH Authentication required.", "PING");
    expect_ok(stranger, "AUTH default secret");
    redisFree(stranger);
    expect_ok(c, "CONFIG SET requirepass %s", "");
}

/* Strangers cannot make the server hold much. */
static void unauthenticated_limits(void) {
    expect_ok(c, "CONFIG SET requirepass secret");
    int fd = client_open_raw(server);
    expect_raw(fd, "*11\r\n", "-ERR Protocol error: unauthenticated multibulk length\r\n");
    expect_raw_closed(fd);
    close(fd);
    fd = client_open_raw(server);
    expect_raw(fd, "*2\r\n$4\r\nAUTH\r\n$16385\r\n",
               "-ERR Protocol error: unauthenticated bulk length\r\n");
    expect_raw_closed(fd);
    close(fd);
    fd = client_open_raw(server);
    expect_raw(fd, "HELLO 2 AUTH default secret\r\n", "*14\r\n$6\r\nserver\r\n");
    close(fd);
    expect_ok(c, "CONFIG SET requirepass %s", "");
}

/* Who has no password and reads nothing gets the server to keep nothing. */
static void unauthenticated_output(void) {
    enum { WAIT_MS = 30000, MANY = 1000 }; /* the kernel keeps some MB for him first */
    static const char set[] = "*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$1\r\ny\r\n";
    expect_ok(c, "CONFIG SET requirepass secret");
    long long kills = info_number(c, "stats", "client_output_buffer_limit_disconnections");
    int fd = client_open_raw(server);
    /* Many at a time: replies of a few bytes each would fill the receiver's kernel with packets,
     * until it drops what acknowledges ours as well. */
    char *many = malloc(MANY * (sizeof set - 1));
    for (int i = 0; i < MANY; i++) memcpy(many + i * (sizeof set - 1), set, sizeof set - 1);
    bool closed = false;
    size_t size = MANY * (sizeof set - 1), at = 0;
    for (long long end = server_now_ms() + WAIT_MS; !closed && server_now_ms() < end;) {
        ssize_t n = send(fd, many + at, size - at, MSG_NOSIGNAL);
        closed = n < 0;
        if (!closed) at = (at + (size_t)n) % size;
    }
    free(many);
    CU_ASSERT(closed);
    CU_ASSERT_EQUAL(info_number(c, "stats", "client_output_buffer_limit_disconnections"),
                    kills + 1);
    close(fd);
    fd = client_open_raw(server); /* with one that reads it has patience */
    for (int i = 0; i < 3000; i++) {
        CU_ASSERT_EQUAL(send(fd, set, sizeof set - 1, MSG_NOSIGNAL), (ssize_t)sizeof set - 1);
        expect_raw(fd, "", "-NOAUTH Authentication required.\r\n");
    }
    close(fd);
    expect_ok(c, "CONFIG SET requirepass %s", "");
}

/* Input */

static void inline_commands(void) {
    int fd = client_open_raw(server);
    expect_raw(fd, "SET inl \"a b\\x41\\n\"\r\n", "+OK\r\n");
    expect_raw(fd, "get inl\n", "$5\r\na bA\n\r\n");
    expect_raw(fd, "\r\n\r\nPING\r\n", "+PONG\r\n");
    expect_raw(fd, "GET \"unbalanced\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n");
    expect_raw_closed(fd);
    close(fd);
}

/* A browser that is tricked into talking to us gets nowhere. */
static void http_is_cut_off(void) {
    static const char *const lines[] = {"POST / HTTP/1.1\r\n", "Host: localhost\r\nSET evil 1\r\n"};
    for (size_t i = 0; i < 2; i++) {
        int fd = client_open_raw(server);
        CU_ASSERT(send(fd, lines[i], strlen(lines[i]), MSG_NOSIGNAL) > 0);
        expect_raw_closed(fd);
        close(fd);
    }
    expect_int(c, 0, "EXISTS evil");
    CU_ASSERT(server_log_has(server, "cross-protocol attack", 2000));
}

/* Commands in single bytes, and many in one write. */
static void any_fragmentation(void) {
    static const char text[] =
        "*3\r\n$3\r\nSET\r\n$4\r\nfrag\r\n$6\r\nab\r\ncd\r\n*2\r\n$3\r\nGET\r\n$4\r\nfrag\r\n";
    int fd = client_open_raw(server);
    for (size_t i = 0; i + 1 < sizeof text; i++) {
        CU_ASSERT_EQUAL(send(fd, text + i, 1, MSG_NOSIGNAL), 1);
        if (i % 7 == 0) server_sleep_ms(1);
    }
    expect_raw(fd, "", "+OK\r\n$6\r\nab\r\ncd\r\n");
    close(fd);
}

static void unix_socket(void) {
    char path[100];
    snprintf(path, sizeof path, "/tmp/connection-test-%d.sock", (int)getpid());
    const char *const args[] = {"--port", "0", "--unixsocket", path, "--unixsocketperm",
                                "700",    NULL};
    struct server *s = server_start(args);
    struct stat st;
    CU_ASSERT_EQUAL(stat(server_socket_path(s), &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0700);
    redisContext *u = client_open_unix(server_socket_path(s));
    expect_ok(u, "SET k v");
    CU_ASSERT(reply_has(cmd(u, "CLIENT INFO"), ".sock:0"));
    expect_str(u, "v", "GET k");
    redisFree(u);
    CU_ASSERT_EQUAL(server_stop(s), 0);
    CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"list_has_all_fields", list_has_all_fields},
        {"a_large_argument_is_weighed", a_large_argument_is_weighed},
        {"list_selects", list_selects},
        {"setinfo", setinfo},
        {"kill_by_each_filter", kill_by_each_filter},
        {"the_killed_are_gone_at_once", the_killed_are_gone_at_once},
        {"kill_oneself", kill_oneself},
        {"pause_writes", pause_writes},
        {"pause_all_ends_by_itself", pause_all_ends_by_itself},
        {"pause_keeps_order", pause_keeps_order},
        {"reply_off_skip_on", reply_off_skip_on},
        {"no_touch_leaves_idle_time", no_touch_leaves_idle_time},
        {"reset_forgets", reset_forgets},
        {"hello_with_everything", hello_with_everything},
        {"maxclients_refuses", maxclients_refuses},
        {"idle_clients_are_closed", idle_clients_are_closed},
        {"hard_output_limit", hard_output_limit},
        {"clients_go_before_keys", clients_go_before_keys},
        {"replies_beyond_the_limit", replies_beyond_the_limit},
        {"soft_output_limit", soft_output_limit},
        {"slow_reader_stalls_nobody", slow_reader_stalls_nobody},
        {"query_buffer_limit", query_buffer_limit},
        {"requirepass", requirepass},
        {"unauthenticated_limits", unauthenticated_limits},
        {"unauthenticated_output", unauthenticated_output},
        {"inline_commands", inline_commands},
        {"http_is_cut_off", http_is_cut_off},
        {"any_fragmentation", any_fragmentation},
        {"unix_socket", unix_socket},
        {NULL, NULL},
    };
    server = server_start(NULL);
    c = client_open(server);
    int status = suite_main("connection", tests);
    redisFree(c);
    return server_stop(server) ? 1 : status;
}
