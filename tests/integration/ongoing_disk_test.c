/* ongoing_disk_test.c - a command that goes on over several turns, the append log and snapshots:
 * what is on the disk is all of it or nothing, whoever wrote meanwhile.
 *
 * Each test has a server of its own.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replies.h"
#include "support/client.h"
#include "support/suite.h"

#define WORK "local t=os.clock() while os.clock()-t<0.3 do redis.call('exists',KEYS[1]) end "
#define ITEMS 100000

static const char *const always[] = {
    "--appendonly", "yes", "--appendfsync", "always", "--enable-debug-command", "yes", NULL};
static const char *const rdb[] = {"--save", "3600 1", "--enable-debug-command", "yes", NULL};

static struct server *server;
static redisContext *a, *b;

static void begin(const char *const args[]) {
    server = server_start(args);
    a = client_open(server);
    b = client_open(server);
}

static void end(void) {
    redisFree(a);
    redisFree(b);
    server_stop(server);
}

static char *wait_text(redisContext *x) { return reply_text(wait_for(x)); }

static void expect_next(redisContext *x, const char *want) {
    char *text = wait_text(x);
    CU_ASSERT_STRING_EQUAL(text, want);
    free(text);
}

static bool hears_within(const redisContext *x, int ms) {
    struct pollfd p = {.fd = x->fd, .events = POLLIN};
    return poll(&p, 1, ms) > 0;
}

/* What a has sent goes on. */
static void await_ongoing(void) {
    for (int i = 0; i < 5000; i++) {
        char *lanes = reply_text(cmd(b, "LANE.LIST"));
        bool on = strstr(lanes, "exclusive");
        free(lanes);
        if (on) return;
        usleep(1000);
    }
    CU_FAIL("nothing goes on");
}

static void expect_same_after(const char *reload) {
    char *before = reply_text(cmd(b, "DEBUG DIGEST"));
    expect_ok(b, reload);
    char *after = reply_text(cmd(b, "DEBUG DIGEST"));
    CU_ASSERT_STRING_EQUAL(before, after);
    free(before);
    free(after);
}

/* ---- the log ------------------------------------------------------------------------- */

/* Both begin in the same database; others write in that one, and in another one. */
static void others_write_meanwhile(void) {
    begin(always);
    for (int db = 0; db < 2; db++) {
        char text[8];
        snprintf(text, sizeof text, "%d", db);
        expect_ok(b, "SELECT 0");
        expect_int(b, 1, "INCR before");
        expect_ok(a, "SELECT %d", db);
        redisAppendCommand(a, "EVAL %s 1 k",
                           "redis.call('set',KEYS[1],'begun') " WORK
                           "for i=1,2000 do redis.call('append',KEYS[1],i) end return 1");
        send_all(a);
        await_ongoing();
        for (int i = 0; !hears_within(a, 0); i++) {
            expect_ok(b, "SELECT %d", i % 3);
            freeReplyObject(cmd(b, "INCR other"));
        }
        expect_ok(b, "SELECT 0");
        expect_next(a, "1");
        expect_int(a, 6893 + 5, "STRLEN k");
        expect_same_after("DEBUG LOADAOF");
        expect_int(b, 1, "DEL before");
    }
    end();
}

/* A command's part that a worker computes, between parts that are told. */
static void workers_have_a_part(void) {
    begin(always);
    for (int i = 0; i < ITEMS; i += 100) {
        redisAppendCommand(a, "EVAL %s 1 s %d",
                           "for i=1,100 do redis.call('sadd',KEYS[1],ARGV[1]+i) end", i);
    }
    for (int i = 0; i < ITEMS; i += 100) expect_next(a, "nil");
    expect_ok(a, "MULTI");
    expect_status(a, "QUEUED", "SET first 1");
    expect_status(a, "QUEUED", "SUNIONSTORE d s");
    expect_status(a, "QUEUED", "SADD d last");
    redisAppendCommand(a, "EXEC");
    send_all(a);
    for (int i = 0; i < 100; i++) freeReplyObject(cmd(b, "INCR other"));
    expect_next(a, "[OK, 100000, 1]");
    expect_same_after("DEBUG LOADAOF");
    end();
}

/* Of a transaction that has written something nothing is heard before all of it is synced. */
static void replies_wait_for_the_end(void) {
    begin(always);
    expect_ok(a, "MULTI");
    expect_status(a, "QUEUED", "SET k 1");
    expect_status(a, "QUEUED", "EVAL %s 1 k", "while true do redis.call('exists',KEYS[1]) end");
    redisAppendCommand(a, "EXEC");
    send_all(a);
    await_ongoing();
    for (int i = 0; i < 20; i++) freeReplyObject(cmd(b, "INCR other"));
    CU_ASSERT_FALSE(hears_within(a, 20));
    server_signal(server, SIGKILL);
    server_wait(server, 5000);
    server_restart(server, always);
    redisFree(b);
    b = client_open(server);
    expect_nil(b, "GET k");
    expect_str(b, "20", "GET other");
    end();
}

/* The server ends in the midst of a script: as if that had not been. */
static void what_is_not_over_is_not_told(void) {
    begin(always);
    redisAppendCommand(a, "EVAL %s 1 k",
                       "redis.call('set',KEYS[1],1) while true do redis.call('get',KEYS[1]) end");
    send_all(a);
    await_ongoing();
    expect_int(b, 1, "INCR other");
    redisAppendCommand(b, "SHUTDOWN NOSAVE");
    send_all(b);
    CU_ASSERT_EQUAL(server_wait(server, 10000), 0);
    server_restart(server, always);
    redisFree(b);
    b = client_open(server);
    expect_text(b, "[\"other\"]", "KEYS *");
    end();
}

static void rolled_back_is_not_told(void) {
    begin(always);
    expect_ok(b, "CONFIG SET script-rollback yes");
    expect_ok(b, "SELECT 1");
    expect_err_prefix(a, "ERR", "EVAL %s 2 k l",
                      "redis.call('set',KEYS[1],1) redis.call('rpush',KEYS[2],1) error('x')");
    expect_same_after("DEBUG LOADAOF");
    /* one effect before it, then several, then none */
    for (int n = 0; n < 3; n++) {
        expect_ok(a, "SELECT %d", n);
        expect_ok(a, "MULTI");
        for (int i = 0; i < n; i++) expect_status(a, "QUEUED", "INCR n%d", i);
        expect_status(a, "QUEUED", "EVAL %s 1 k",
                      "redis.call('set',KEYS[1],1) " WORK "redis.call('incr',KEYS[1]) error('x')");
        expect_status(a, "QUEUED", "APPEND m%d x", n);
        redisAppendCommand(a, "EXEC");
        send_all(a);
        expect_int(b, n + 1, "INCR other");
        free(wait_text(a));
        expect_int(a, 0, "EXISTS k");
        expect_same_after("DEBUG LOADAOF");
        expect_int(a, 0, "EXISTS k");
        expect_str(a, "x", "GET m%d", n);
    }
    end();
}

/* ---- snapshots ----------------------------------------------------------------------- */

static void a_snapshot_waits_for_the_end(void) {
    begin(rdb);
    redisAppendCommand(a, "EVAL %s 2 k l",
                       "redis.call('set',KEYS[1],1) " WORK "redis.call('set',KEYS[2],1)");
    send_all(a);
    await_ongoing();
    expect_int(b, 1, "INCR other");
    expect_ok(b, "SAVE");
    CU_ASSERT_TRUE(hears_within(a, 1000));
    server_signal(server, SIGKILL);
    server_wait(server, 5000);
    server_restart(server, rdb);
    redisFree(b);
    b = client_open(server);
    expect_text(b, "[\"1\", \"1\", \"1\"]", "MGET k l other");
    end();
}

/* Nor does the end of the server leave half of a transaction in the file. */
static void the_last_one_too(void) {
    begin(rdb);
    expect_ok(a, "MULTI");
    expect_status(a, "QUEUED", "SET k 1");
    for (int i = 0; i < 4; i++) expect_status(a, "QUEUED", "BITCOUNT big");
    expect_status(a, "QUEUED", "SUNIONSTORE d s");
    expect_status(a, "QUEUED", "SET l 1");
    expect_int(b, 0, "SETBIT big 1000000000 1");
    freeReplyObject(cmd(b, "EVAL %s 1 s", "for i=1,100000 do redis.call('sadd',KEYS[1],i) end"));
    redisAppendCommand(a, "EXEC");
    send_all(a);
    usleep(5000);
    server_signal(server, SIGTERM);
    CU_ASSERT_EQUAL(server_wait(server, 30000), 0);
    server_restart(server, rdb);
    redisFree(b);
    b = client_open(server);
    char *both = reply_text(cmd(b, "MGET k l"));
    CU_ASSERT_TRUE(strcmp(both, "[\"1\", \"1\"]") == 0 || strcmp(both, "[nil, nil]") == 0);
    free(both);
    end();
}

/* A script that begins while a large value of its keys is written, or comes to be. */
static void scripts_meet_a_snapshot(void) {
    begin(always);
    freeReplyObject(cmd(b, "EVAL %s 1 s", "for i=1,100000 do redis.call('sadd',KEYS[1],i) end"));
    for (int i = 0; i < 10; i++) expect_int(b, 1, "COPY s s%d", i);
    for (int i = 0; i < 10; i++) {
        redisAppendCommand(a, "EVAL %s 2 s%d n",
                           "redis.call('incr',KEYS[2]) "
                           "for i=1,20000 do redis.call('srem',KEYS[1],i) end "
                           "redis.call('sinterstore',KEYS[1],KEYS[1],KEYS[1]) return 1",
                           i);
    }
    send_all(a);
    freeReplyObject(cmd(b, "BGREWRITEAOF"));
    for (int i = 0; i < 50; i++) freeReplyObject(cmd(b, "INCR other"));
    for (int i = 0; i < 10; i++) expect_next(a, "1");
    for (int i = 0; i < 10000; i++) {
        char *info = reply_text(cmd(b, "INFO persistence"));
        bool done = strstr(info, "aof_rewrite_in_progress:0") != NULL;
        free(info);
        if (done) break;
        usleep(2000);
    }
    expect_same_after("DEBUG LOADAOF");
    end();
}

/* ---- long replies -------------------------------------------------------------------- */

/* A script that does not tell its keys changes a list whose reader does not read. */
static void a_reader_that_rests_is_not_in_the_way(void) {
    begin(rdb);
    freeReplyObject(cmd(b, "EVAL %s 1 l",
                        "for i=1,20000 do redis.call('rpush',KEYS[1],string.rep('x',1000)) end"));
    int fd = client_open_raw(server);
    CU_ASSERT_EQUAL(write(fd, "LRANGE l 0 -1\r\n", 15), 15);
    usleep(100000);
    expect_int(a, 20001, "EVAL %s 0", "return redis.call('lpush','l','y')");
    expect_int(
        a, 20002, "EVAL %s 0",
        "local t=os.clock() while os.clock()-t<0.1 do end return redis.call('lpush','l','y')");
    char got[16] = "";
    CU_ASSERT_EQUAL(read(fd, got, 8), 8);
    CU_ASSERT_STRING_EQUAL(got, "*20000\r\n");
    size_t left = (size_t)20000 * (7 + 1000 + 2);
    static char buf[1 << 16];
    while (left) {
        ssize_t n = read(fd, buf, left < sizeof buf ? left : sizeof buf);
        if (n <= 0) break;
        CU_ASSERT_PTR_NULL(memchr(buf, 'y', (size_t)n));
        left -= (size_t)n;
    }
    CU_ASSERT_EQUAL(left, 0);
    close(fd);
    end();
}

/* ... and one whose reader has yet to get the first part of the reply when the script begins to
 * wait for the workers. */
static void a_reader_that_begins_is_not_in_the_way(void) {
    begin((const char *const[]){"--worker-threads", "1", NULL});
    freeReplyObject(cmd(b, "EVAL %s 2 l big",
                        "for i=1,200000 do redis.call('rpush',KEYS[1],string.rep('x',100)) end "
                        "redis.call('setbit',KEYS[2],800000000,1)"));
    redisContext *busy[2]; /* as many as there are workers */
    for (int i = 0; i < 2; i++) {
        busy[i] = client_open(server);
        redisAppendCommand(busy[i], "BITOP NOT other%d big", i);
        send_all(busy[i]);
    }
    int fd = client_open_raw(server);
    CU_ASSERT_EQUAL(write(fd, "LRANGE l 0 -1\r\n", 15), 15);
    usleep(20000);
    expect_int(a, 200001, "EVAL %s 0", "return redis.call('lpush','l','y')");
    for (int i = 0; i < 2; i++) {
        expect_next(busy[i], "100000001");
        redisFree(busy[i]);
    }
    close(fd);
    end();
}

int main(void) {
    static const struct suite_test tests[] = {
        {"others_write_meanwhile", others_write_meanwhile},
        {"workers_have_a_part", workers_have_a_part},
        {"replies_wait_for_the_end", replies_wait_for_the_end},
        {"what_is_not_over_is_not_told", what_is_not_over_is_not_told},
        {"rolled_back_is_not_told", rolled_back_is_not_told},
        {"a_snapshot_waits_for_the_end", a_snapshot_waits_for_the_end},
        {"the_last_one_too", the_last_one_too},
        {"scripts_meet_a_snapshot", scripts_meet_a_snapshot},
        {"a_reader_that_rests_is_not_in_the_way", a_reader_that_rests_is_not_in_the_way},
        {"a_reader_that_begins_is_not_in_the_way", a_reader_that_begins_is_not_in_the_way},
        {NULL, NULL},
    };
    return suite_main("ongoing_disk", tests);
}
