/* ongoing_test.c - scripts and transactions that go on over several turns: who waits for them, who
 * goes on, and what is seen meanwhile.
 *
 * Scripts that only read run until they are killed; the others for a time of the processor.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "replies.h"
#include "support/client.h"
#include "support/suite.h"

static struct server *server;
static redisContext *a, *b, *c;

#define BUSY                                                                                       \
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
#define KILLED "ERR Script killed by user with SCRIPT KILL..."

/* Reads until it is killed; works for a tenth of a second. */
#define FOREVER "while true do redis.call('get',KEYS[1]) end"
#define WORK "local t=os.clock() while os.clock()-t<0.1 do redis.call('exists',KEYS[1]) end "

static void expect_next(redisContext *x, const char *want) {
    redisReply *r = wait_for(x);
    char *text = client_text(r);
    CU_ASSERT_STRING_EQUAL(text, want);
    if (strcmp(text, want) != 0) printf("got %s, expected %s\n", text, want);
    free(text);
    freeReplyObject(r);
}

/* Whether any reply has the text in it. */
static bool has(redisReply *r, const char *part) {
    char *text = reply_text(r);
    bool yes = strstr(text, part) != NULL;
    free(text);
    return yes;
}

/* The first of what x has sent goes on, with lanes of its own or, as FUNCTION STATS tells, not. */
static void await_lanes(const char *mode) {
    for (int i = 0; i < 5000; i++) {
        if (has(cmd(c, "LANE.LIST"), mode)) return;
        usleep(1000);
    }
    CU_FAIL("nothing holds lanes");
}

static void await_script(void) {
    for (int i = 0; i < 5000; i++) {
        redisReply *r = cmd(c, "FUNCTION STATS");
        bool runs = r->type == REDIS_REPLY_ERROR;
        freeReplyObject(r);
        if (runs) return;
        usleep(1000);
    }
    CU_FAIL("no script runs");
}

static void fresh(void) {
    expect_ok(c, "FLUSHALL");
    expect_ok(c, "CONFIG SET busy-reply-threshold 0");
}

static void kill_it(void) {
    expect_ok(c, "SCRIPT KILL");
    redisReply *r = wait_for(a);
    CU_ASSERT_EQUAL(r->type, REDIS_REPLY_ERROR);
    CU_ASSERT_EQUAL(strncmp(r->str, KILLED, strlen(KILLED)), 0);
    freeReplyObject(r);
}

/* ---- scripts that keep to their keys ---- */

static void other_keys_go_on(void) {
    fresh();
    expect_ok(c, "MSET k 1 other 2");
    redisAppendCommand(a, "EVAL %s 1 k", FOREVER);
    send_all(a);
    await_lanes("exclusive");
    expect_str(c, "2", "GET other");
    expect_int(c, 3, "INCR other");
    expect_int(c, 2, "DBSIZE");
    expect_status(c, "PONG", "PING");
    expect_ok(c, "MULTI");
    expect_status(c, "QUEUED", "GET k");
    expect_ok(c, "DISCARD");
    expect_ok(c, "MULTI");
    expect_status(c, "QUEUED", "INCR other");
    expect_status(c, "QUEUED", "TTL other");
    expect_text(c, "[4, -1]", "EXEC");
    expect_int(c, 1, "SADD s1 a");
    expect_int(c, 1, "SUNIONSTORE s2 s1");
    expect_ok(c, "WATCH k");
    expect_ok(c, "UNWATCH");
    redisAppendCommand(b, "GET k");
    send_all(b);
    kill_it();
    expect_next(b, "\"1\"");
}

static void its_keys_wait_in_order(void) {
    fresh();
    redisAppendCommand(a, "EVAL %s 2 k l",
                       "redis.call('mset',KEYS[1],'mid',KEYS[2],'mid') " WORK
                       "return redis.call('mset',KEYS[1],'end',KEYS[2],'end')");
    send_all(a);
    await_lanes("exclusive");
    redisAppendCommand(b, "SET other 1");
    redisAppendCommand(b, "GET k");
    redisAppendCommand(b, "INCR other");
    redisAppendCommand(b, "APPEND l !");
    redisAppendCommand(b, "MGET k l other");
    send_all(b);
    expect_str(c, "end", "GET l");
    expect_next(a, "OK");
    expect_next(b, "OK");
    expect_next(b, "\"end\"");
    expect_next(b, "2");
    expect_next(b, "4");
    expect_next(b, "[\"end\", \"end!\", \"2\"]");
}

/* Two databases have the same lanes, a key of another one by the same name waits. */
static void all_keys_wait(void) {
    static const char *const commands[][2] = {
        {"KEYS *", "[\"k\"]"},  {"SCAN 0 COUNT 1000", "[\"0\", [\"k\"]]"},
        {"RANDOMKEY", "\"k\""}, {"FLUSHALL", "OK"},
        {"SWAPDB 0 1", "OK"},   {"FLUSHDB ASYNC", "OK"},
    };
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        fresh();
        expect_ok(c, "SET x 1");
        redisAppendCommand(a, "EVAL %s 2 k x",
                           "redis.call('del',KEYS[2]) " WORK "redis.call('set',KEYS[1],'end')");
        redisAppendCommand(a, "PING");
        send_all(a);
        await_lanes("exclusive");
        redisReply *r = cmd(b, commands[i][0]);
        char *text = client_text(r);
        CU_ASSERT_STRING_EQUAL(text, commands[i][1]);
        free(text);
        freeReplyObject(r);
        expect_next(a, "nil");
        expect_next(a, "PONG");
        expect_int(c, i < 3, "EXISTS k");
    }
}

static void readers_share_with_one_that_reads(void) {
    static const char *const commands[] = {"EVAL", "EVAL_RO"};
    static const char *const scripts[] = {"#!lua flags=no-writes\n" FOREVER, FOREVER};
    for (int i = 0; i < 2; i++) {
        fresh();
        expect_ok(c, "SET k 1");
        redisAppendCommand(a, "%s %s 1 k", commands[i], scripts[i]);
        send_all(a);
        await_lanes("shared");
        expect_str(c, "1", "GET k");
        expect_int(c, 1, "SADD s m");
        redisAppendCommand(b, "INCR k");
        send_all(b);
        usleep(20 * 1000);
        expect_str(c, "1", "GET k");
        kill_it();
        expect_next(b, "2");
    }
}

static void scripts_wait_for_each_other(void) {
    fresh();
    redisAppendCommand(a, "EVAL %s 1 k", WORK "return redis.call('incr',KEYS[1])");
    send_all(a);
    await_lanes("exclusive");
    redisAppendCommand(b, "EVAL %s 1 other", "return redis.call('get','k')");
    redisAppendCommand(b, "SCRIPT FLUSH");
    expect_next(b, "\"1\"");
    expect_next(b, "OK");
    expect_next(a, "1");
}

static void waiting_clients_are_served_at_the_end(void) {
    fresh();
    redisAppendCommand(b, "BLPOP l free 0");
    send_all(b);
    while (!has(cmd(c, "INFO clients"), "blocked_clients:1\\r")) usleep(1000);
    redisAppendCommand(a, "EVAL %s 1 l",
                       "redis.call('rpush',KEYS[1],'x','y') " WORK "redis.call('lpop',KEYS[1])");
    send_all(a);
    await_lanes("exclusive");
    expect_next(b, "[\"l\", \"y\"]");
    expect_next(a, "nil");
    redisAppendCommand(b, "BLPOP free 0");
    redisAppendCommand(a, "EVAL %s 1 l", FOREVER);
    send_all(a);
    send_all(b);
    await_lanes("exclusive");
    while (!has(cmd(c, "INFO clients"), "blocked_clients:1\\r")) usleep(1000);
    expect_int(c, 1, "RPUSH free z");
    expect_next(b, "[\"free\", \"z\"]");
    kill_it();
}

/* Its time stands still, and its keys with it; others' does not. */
static void time_stands_still_for_it_only(void) {
    fresh();
    expect_ok(c, "SET k v PX 20");
    expect_ok(c, "SET other v PX 20");
    redisAppendCommand(a, "EVAL %s 1 k", WORK "return redis.call('get',KEYS[1])");
    send_all(a);
    await_lanes("exclusive");
    while (!has(cmd(c, "EXISTS other"), "0")) usleep(1000);
    expect_next(a, "\"v\"");
    expect_nil(c, "GET k");
    expect_int(c, 0, "DBSIZE");
}

static void watchers_fail_by_it(void) {
    fresh();
    expect_ok(b, "WATCH k");
    redisAppendCommand(a, "EVAL %s 1 k", "redis.call('set',KEYS[1],1) " WORK);
    send_all(a);
    await_lanes("exclusive");
    expect_ok(b, "MULTI");
    expect_status(b, "QUEUED", "GET other");
    expect_nil(b, "EXEC");
    expect_next(a, "nil");
}

/* ---- being refused ---- */

static void only_who_must_wait_is_refused(void) {
    fresh();
    expect_ok(c, "MSET k 1 other 2");
    expect_ok(c, "CONFIG SET busy-reply-threshold 20");
    redisAppendCommand(a, "EVAL %s 1 k", FOREVER);
    send_all(a);
    await_lanes("exclusive");
    redisAppendCommand(b, "GET k");
    redisAppendCommand(b, "GET other");
    expect_next(b, BUSY); /* it waited until then */
    expect_next(b, "\"2\"");
    expect_err(c, BUSY, "GET k");
    expect_err(c, BUSY, "SET k 1");
    expect_err(c, BUSY, "MGET other k");
    expect_err(c, BUSY, "KEYS *");
    expect_err(c, BUSY, "FLUSHALL");
    expect_err(c, BUSY, "EVAL %s 0", "return 1");
    expect_err(c, BUSY, "SCRIPT EXISTS x");
    expect_err(c, BUSY, "SHUTDOWN");
    expect_status(c, "PONG", "PING");
    expect_ok(c, "SET other 3");
    expect_ok(c, "MULTI");
    expect_status(c, "QUEUED", "GET other");
    expect_status(c, "QUEUED", "INCR k");
    expect_err(c, "EXECABORT Transaction discarded because of: " BUSY, "EXEC");
    expect_err(c, "ERR EXEC without MULTI", "EXEC");
    expect_ok(c, "MULTI");
    expect_err(c, BUSY, "EVAL %s 0", "return 1");
    expect_err(c, "EXECABORT Transaction discarded because of previous errors.", "EXEC");
    kill_it();
    expect_str(c, "1", "GET k");
}

static void one_without_keys_refuses_everybody(void) {
    fresh();
    expect_ok(c, "CONFIG SET busy-reply-threshold 20");
    redisAppendCommand(a, "EVAL %s 0", "while true do end");
    send_all(a);
    await_script();
    while (!has(cmd(c, "PING"), "BUSY")) usleep(1000);
    expect_err(c, BUSY, "GET other");
    kill_it();
}

/* Who waited for its key before it went beyond: refused like everybody, it waits for nothing. */
static void who_waited_is_refused_too(void) {
    fresh();
    expect_ok(c, "CONFIG SET busy-reply-threshold 1000");
    redisAppendCommand(a, "EVAL %s 1 k", WORK "redis.call('exists','beyond') while true do end");
    send_all(a);
    await_lanes("exclusive");
    expect_err(b, BUSY, "GET k");
    expect_err(b, BUSY, "PING");
    expect_ok(b, "SCRIPT KILL");
    freeReplyObject(wait_for(a));
    expect_nil(b, "GET k");
}

/* ---- going beyond the keys ---- */

static void others_wait_when_it_goes_beyond(void) {
    fresh();
    redisAppendCommand(a, "EVAL %s 1 k",
                       WORK "redis.call('set','beyond','mid') " WORK
                            "return redis.call('set','beyond','end')");
    send_all(a);
    await_lanes("exclusive");
    for (;;) {
        redisReply *r = cmd(b, "GET beyond");
        bool there = r->type == REDIS_REPLY_STRING;
        if (there) CU_ASSERT_STRING_EQUAL(r->str, "end");
        freeReplyObject(r);
        if (there) break;
    }
    expect_next(a, "OK");
}

/* Until there is such a place in a lane, or x, for whose sake it would be, has its reply. */
static void await_place_or_reply(const redisContext *x, const char *text) {
    struct pollfd p = {.fd = x->fd, .events = POLLIN};
    while (!has(cmd(c, "LANE.LIST"), text) && poll(&p, 1, 0) == 0) {
    }
}

#define MEMBERS 40000
#define STEP 100

static void fill(const char *key) {
    for (int i = 0; i < MEMBERS; i += STEP) {
        char line[STEP * 16];
        size_t n = (size_t)snprintf(line, sizeof line, "SADD %s", key);
        for (int k = 0; k < STEP; k++)
            n += (size_t)snprintf(line + n, sizeof line - n, " m%d", i + k);
        redisAppendCommand(c, line);
    }
    for (int i = 0; i < MEMBERS; i += STEP) freeReplyObject(wait_for(c));
}

/* What workers compute is in place before a script looks at keys that it has not declared; one that
 * keeps to its own does not wait for that. */
static void workers_come_first(void) {
    fresh();
    fill("s1");
    for (int i = 0; i < 10; i++) {
        redisAppendCommand(b, "SUNIONSTORE d s1 s2");
        redisAppendCommand(b, "SREM d m%d", i);
        send_all(b);
        expect_int(c, i + 1, "EVAL %s 1 k", "return redis.call('incr',KEYS[1])");
        expect_ok(c, "MULTI");
        expect_status(c, "QUEUED", "GET k");
        expect_status(c, "QUEUED", "SET other 1");
        redisReply *r = cmd(c, "EXEC");
        CU_ASSERT_EQUAL(r->elements, 2);
        freeReplyObject(r);
        r = cmd(c, "EVAL %s 1 k",
                "local n=redis.call('scard','d') for i=1,20000 do redis.call('get',KEYS[1]) end "
                "return {n,redis.call('scard','d')}");
        CU_ASSERT_EQUAL_FATAL(r->elements, 2);
        CU_ASSERT_EQUAL(r->element[0]->integer, r->element[1]->integer);
        freeReplyObject(r);
        expect_ok(c, "MULTI");
        expect_status(c, "QUEUED", "KEYS none*");
        expect_status(c, "QUEUED", "SORT l BY w_*");
        expect_text(c, "[[], []]", "EXEC");
        freeReplyObject(wait_for(b));
        expect_next(b, "1");
    }
}

/* One that goes beyond its keys in its midst lets what workers have end, and meets no more of it.
 */
static void workers_end_before_it_goes_beyond(void) {
    fresh();
    fill("s1");
    for (int i = 0; i < 3; i++) {
        redisAppendCommand(a, "EVAL %s 1 k",
                           WORK "local n=redis.call('scard','d') " WORK
                                "return {n,redis.call('scard','d')}");
        send_all(a);
        await_lanes("exclusive");
        for (int k = 0; k < 50; k++) {
            redisAppendCommand(b, "SUNIONSTORE d s1 s2");
            redisAppendCommand(b, "SREM d m%d", k);
        }
        send_all(b);
        redisReply *r = wait_for(a);
        CU_ASSERT_EQUAL_FATAL(r->elements, 2);
        CU_ASSERT_EQUAL(r->element[0]->integer, r->element[1]->integer);
        freeReplyObject(r);
        for (int k = 0; k < 50; k++) {
            r = wait_for(b);
            CU_ASSERT_EQUAL(r->integer, MEMBERS);
            freeReplyObject(r);
            expect_next(b, "1");
        }
    }
}

/* Commands of a long script that take long are computed by workers, and are as atomic. */
static void workers_help_scripts(void) {
    fresh();
    fill("s1");
    redisAppendCommand(a, "EVAL %s 3 s1 s2 d",
                       "local n=0 for i=1,20 do redis.call('sunionstore',KEYS[3],KEYS[1],KEYS[2]) "
                       "n=n+redis.call('scard',KEYS[3]) redis.call('srem',KEYS[1],'m'..i) end "
                       "return n");
    send_all(a);
    await_lanes("exclusive");
    for (int i = 0; i < 100; i++) expect_int(b, i + 1, "INCR other");
    expect_int(b, MEMBERS - 20, "SCARD s1");
    char want[32];
    snprintf(want, sizeof want, "%d", 20 * MEMBERS - 19 * 20 / 2);
    expect_next(a, want);
}

/* A command with ASKED arguments behind its key k: all of it but the last byte, then that. */
#define ASKED 20000

static void send_asking(redisContext *x, const char *name, bool last) {
    static char line[ASKED * 16];
    size_t n = (size_t)snprintf(line, sizeof line, "*%d\r\n$%zu\r\n%s\r\n$1\r\nk\r\n", ASKED + 2,
                                strlen(name), name);
    for (int i = 0; i < ASKED; i++)
        n += (size_t)snprintf(line + n, sizeof line - n, "$4\r\nf%03d\r\n", i % 1000);
    size_t from = last ? n - 1 : 0, to = last ? n : n - 1;
    while (from < to) {
        ssize_t sent = write(x->fd, line + from, to - from);
        CU_ASSERT_FATAL(sent > 0);
        from += (size_t)sent;
    }
}

/* A key is asked for very much while a worker computes what will replace it: all of the old value
 * is told, or the new one. */
static void many_arguments_meet_a_result(void) {
    static const char *const ways[][2] = {
        {"HMGET", "for i=0,999 do redis.call('hset',KEYS[1],string.format('f%03d',i),1) end"},
        {"SMISMEMBER", "for i=0,999 do redis.call('sadd',KEYS[1],string.format('f%03d',i)) end"},
        {"ZMSCORE", "for i=0,999 do redis.call('zadd',KEYS[1],1,string.format('f%03d',i)) end"},
    };
    fresh();
    fill("s1");
    for (int i = 0; i < 3; i++) {
        const char *const *way = ways[i];
        expect_int(c, i != 0, "DEL k");
        expect_nil(c, "EVAL %s 1 k", way[1]);
        send_asking(b, way[0], false);
        redisAppendCommand(a, "SUNIONSTORE k s1 s2");
        send_all(a);
        await_place_or_reply(a, "update");
        send_asking(b, way[0], true);
        redisReply *r = wait_for(b);
        if (r->type == REDIS_REPLY_ERROR) {
            CU_ASSERT(strncmp(r->str, "WRONGTYPE", 9) == 0);
        } else {
            CU_ASSERT_EQUAL_FATAL(r->elements, ASKED);
            for (int k = 1; k < ASKED; k++)
                CU_ASSERT(r->element[k]->type == r->element[0]->type &&
                          r->element[k]->integer == r->element[0]->integer);
        }
        freeReplyObject(r);
        char want[16];
        snprintf(want, sizeof want, "%d", MEMBERS);
        expect_next(a, want);
    }
}

/* ---- transactions ---- */

#define COMMANDS 20000

static void queue(redisContext *x, const char *command, int times) {
    redisAppendCommand(x, "MULTI");
    for (int i = 0; i < times; i++) redisAppendCommand(x, command);
    send_all(x);
    expect_next(x, "OK");
    for (int i = 0; i < times; i++) expect_next(x, "QUEUED");
}

static void a_long_transaction_is_one(void) {
    fresh();
    for (int round = 0; round < 5; round++) {
        queue(a, "INCR k", COMMANDS);
        redisAppendCommand(a, "EXEC");
        redisAppendCommand(a, "PING");
        send_all(a);
        for (int i = 0; i < 200; i++) {
            redisReply *r = cmd(b, i % 2 ? "GET other" : "GET k");
            int seen = r->str ? atoi(r->str) : 0;
            CU_ASSERT_EQUAL(seen % COMMANDS, 0);
            freeReplyObject(r);
        }
        redisReply *r = wait_for(a);
        CU_ASSERT_EQUAL_FATAL(r->elements, COMMANDS);
        for (int i = 0; i < COMMANDS; i++)
            CU_ASSERT_EQUAL(r->element[i]->integer, round * COMMANDS + i + 1);
        freeReplyObject(r);
        expect_next(a, "PONG");
    }
}

/* While a transaction waits for the workers, as it does not tell all of its keys, what it watches
 * may change: then it does nothing. */
static void watched_keys_change_before_it_begins(void) {
    fresh();
    fill("s1");
    for (int i = 0; i < 3; i++) {
        expect_ok(c, "SET w old");
        expect_ok(a, "WATCH w");
        expect_ok(a, "MULTI");
        expect_status(a, "QUEUED", "EVAL %s 0", "return redis.call('get','w')");
        expect_status(a, "QUEUED", "SET told %d", i);
        redisAppendCommand(b, "SUNIONSTORE d s1 s2");
        send_all(b);
        await_place_or_reply(b, "update");
        redisAppendCommand(a, "EXEC");
        send_all(a);
        await_place_or_reply(a, "told");
        expect_ok(c, "SET w new");
        char *text = reply_text(wait_for(a));
        CU_ASSERT(strcmp(text, "nil") == 0 || strcmp(text, "[\"old\", OK]") == 0);
        free(text);
        freeReplyObject(wait_for(b));
    }
}

static void workers_help_transactions(void) {
    fresh();
    fill("s1");
    for (int i = 0; i < 5; i++) {
        expect_ok(a, "MULTI");
        expect_status(a, "QUEUED", "SUNIONSTORE d s1 s2");
        expect_status(a, "QUEUED", "SCARD d");
        expect_status(a, "QUEUED", "SADD s2 new%d", i);
        expect_status(a, "QUEUED", "SMEMBERS s1");
        redisAppendCommand(a, "EXEC");
        send_all(a);
        for (int k = 0; k < 50; k++) {
            freeReplyObject(cmd(b, "INCR other"));
            redisReply *r = cmd(b, "SCARD d");
            CU_ASSERT_TRUE(r->integer == 0 || r->integer >= MEMBERS);
            freeReplyObject(r);
        }
        redisReply *r = wait_for(a);
        CU_ASSERT_EQUAL_FATAL(r->elements, 4);
        CU_ASSERT_EQUAL(r->element[0]->integer, MEMBERS + i);
        CU_ASSERT_EQUAL(r->element[1]->integer, MEMBERS + i);
        CU_ASSERT_EQUAL(r->element[3]->elements, MEMBERS);
        freeReplyObject(r);
    }
}

static void scripts_go_on_within_one(void) {
    fresh();
    expect_ok(a, "MULTI");
    expect_status(a, "QUEUED", "SET k 1");
    expect_status(a, "QUEUED", "EVAL %s 1 k", FOREVER);
    expect_status(a, "QUEUED", "INCR k");
    redisAppendCommand(a, "EXEC");
    send_all(a);
    await_lanes("exclusive");
    await_script();
    expect_ok(b, "SET other 1");
    redisAppendCommand(b, "GET k");
    send_all(b);
    expect_ok(c, "SCRIPT KILL");
    redisReply *r = wait_for(a);
    CU_ASSERT_EQUAL_FATAL(r->elements, 3);
    CU_ASSERT_EQUAL(r->element[1]->type, REDIS_REPLY_ERROR);
    CU_ASSERT_EQUAL(r->element[2]->integer, 2);
    freeReplyObject(r);
    expect_next(b, "\"2\"");
    expect_err(c, "NOTBUSY No scripts in execution right now.", "SCRIPT KILL");
}

/* It comes to its end, whole, when its client leaves, and nobody else is harmed. */
static void clients_may_leave(void) {
    fresh();
    redisContext *gone = client_open(server);
    redisAppendCommand(gone, "MULTI");
    redisAppendCommand(gone, "SET k mid");
    redisAppendCommand(gone, "EVAL %s 1 k", WORK);
    redisAppendCommand(gone, "SET k end");
    redisAppendCommand(gone, "EXEC");
    send_all(gone);
    await_lanes("exclusive");
    redisFree(gone);
    expect_str(c, "end", "GET k");
    CU_ASSERT(has(cmd(c, "LANE.LIST"), "[]"));
}

/* One that says that it sends nothing more gets all replies, and what came behind runs too. */
static void half_closed_clients_get_all(void) {
    fresh();
    int fd = client_open_raw(server);
    expect_raw(fd,
               "MULTI\r\nSET k 1\r\nEVAL \"" WORK "\" 1 k\r\nINCR k\r\nEXEC\r\nINCR k\r\nGET k\r\n",
               "+OK\r\n");
    shutdown(fd, SHUT_WR);
    expect_raw(fd, "",
               "+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n+OK\r\n$-1\r\n:2\r\n:3\r\n$1\r\n3\r\n");
    expect_raw_closed(fd);
    close(fd);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"other_keys_go_on", other_keys_go_on},
        {"its_keys_wait_in_order", its_keys_wait_in_order},
        {"all_keys_wait", all_keys_wait},
        {"readers_share_with_one_that_reads", readers_share_with_one_that_reads},
        {"scripts_wait_for_each_other", scripts_wait_for_each_other},
        {"waiting_clients_are_served_at_the_end", waiting_clients_are_served_at_the_end},
        {"time_stands_still_for_it_only", time_stands_still_for_it_only},
        {"watchers_fail_by_it", watchers_fail_by_it},
        {"only_who_must_wait_is_refused", only_who_must_wait_is_refused},
        {"one_without_keys_refuses_everybody", one_without_keys_refuses_everybody},
        {"who_waited_is_refused_too", who_waited_is_refused_too},
        {"others_wait_when_it_goes_beyond", others_wait_when_it_goes_beyond},
        {"workers_come_first", workers_come_first},
        {"workers_end_before_it_goes_beyond", workers_end_before_it_goes_beyond},
        {"workers_help_scripts", workers_help_scripts},
        {"many_arguments_meet_a_result", many_arguments_meet_a_result},
        {"a_long_transaction_is_one", a_long_transaction_is_one},
        {"watched_keys_change_before_it_begins", watched_keys_change_before_it_begins},
        {"workers_help_transactions", workers_help_transactions},
        {"scripts_go_on_within_one", scripts_go_on_within_one},
        {"clients_may_leave", clients_may_leave},
        {"half_closed_clients_get_all", half_closed_clients_get_all},
        {NULL, NULL},
    };
    server = server_start(NULL);
    a = client_open(server);
    b = client_open(server);
    c = client_open(server);
    int status = suite_main("ongoing", tests);
    redisFree(a);
    redisFree(b);
    redisFree(c);
    return server_stop(server) ? 1 : status;
}
