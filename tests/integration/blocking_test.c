/* blocking_test.c - clients that wait for lists, sorted sets and replicas: who is served when, and
 * how waiting ends. The cases were compared with redis-server's replies.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "replies.h"
#include "support/client.h"
#include "support/suite.h"

static struct server *server;
static redisContext *c;

static int waiting(void) {
    redisReply *r = cmd(c, "INFO clients");
    const char *at = strstr(r->str, "blocked_clients:");
    int n = -1;
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    sscanf(at, "blocked_clients:%d", &n);
    freeReplyObject(r);
    return n;
}

/* Until so many clients wait. */
static void await(int n) {
    for (int i = 0; i < 2000 && waiting() != n; i++) usleep(1000);
    CU_ASSERT_EQUAL(waiting(), n);
}

static void fresh(void) {
    await(0);
    expect_ok(c, "FLUSHALL");
}

/* A connection that has sent a command, and waits as the n-th. */
static int waiter(const char *command, int n) {
    int fd = client_open_raw(server);
    expect_raw(fd, command, "");
    await(n);
    return fd;
}

static void first_come_first_served(void) {
    fresh();
    int a = waiter("BLPOP k 0\r\n", 1), b = waiter("BLPOP k 0\r\n", 2);
    int d = waiter("BRPOP j k 0\r\nPING\r\n", 3);
    expect_int(c, 4, "RPUSH k 1 2 3 4");
    expect_raw(a, "", "*2\r\n$1\r\nk\r\n$1\r\n1\r\n");
    expect_raw(b, "", "*2\r\n$1\r\nk\r\n$1\r\n2\r\n");
    expect_raw(d, "", "*2\r\n$1\r\nk\r\n$1\r\n4\r\n+PONG\r\n");
    expect_text(c, "[\"3\"]", "LRANGE k 0 -1");
    close(a);
    close(b);
    close(d);
}

static void elements_are_passed_on(void) {
    fresh();
    int a = waiter("BLMOVE a b LEFT RIGHT 0\r\n", 1), b = waiter("BRPOPLPUSH b c 0\r\n", 2);
    int d = waiter("BLMPOP 0 2 x c RIGHT COUNT 3\r\n", 3);
    expect_int(c, 1, "RPUSH a v");
    expect_raw(a, "", "$1\r\nv\r\n");
    expect_raw(b, "", "$1\r\nv\r\n");
    expect_raw(d, "", "*2\r\n$1\r\nc\r\n*1\r\n$1\r\nv\r\n");
    expect_int(c, 0, "EXISTS a b c");
    expect_raw(a, "BRPOPLPUSH a s 0\r\n", "");
    await(1);
    expect_ok(c, "SET s 1");
    expect_int(c, 1, "RPUSH a 1");
    expect_raw(a, "", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    expect_int(c, 1, "LLEN a");
    close(a);
    close(b);
    close(d);
}

static void keys_may_come_by_any_way(void) {
    fresh();
    static const char got[] = "*2\r\n$1\r\nk\r\n$1\r\n1\r\n";
    int a = waiter("BLPOP k 0\r\n", 1);
    expect_ok(c, "SET k v");
    expect_int(c, 1, "DEL k");
    expect_int(c, 1, "RPUSH o 1");
    expect_ok(c, "RENAME o k");
    expect_raw(a, "", got);
    expect_raw(a, "BLPOP k 0\r\n", "");
    await(1);
    expect_int(c, 1, "RPUSH o 1");
    expect_int(c, 1, "COPY o k");
    expect_raw(a, "", got);
    expect_raw(a, "BLPOP k 0\r\n", "");
    await(1);
    expect_int(c, 1, "SORT o STORE k");
    expect_raw(a, "", got);
    expect_raw(a, "SELECT 2\r\nBLPOP k 0\r\n", "+OK\r\n");
    await(1);
    expect_int(c, 1, "RPUSH k 1");
    expect_int(c, 1, "MOVE k 2");
    expect_raw(a, "", got);
    expect_raw(a, "BLPOP k 0\r\n", "");
    await(1);
    expect_int(c, 1, "RPUSH k 1");
    expect_ok(c, "SWAPDB 0 2");
    expect_raw(a, "", got);
    expect_int(c, 0, "EXISTS k");
    close(a);
}

/* Redis 8.10's BLMOVEM: growth of a list wakes who waits for so many elements. */
static void several_elements_at_once(void) {
    static const struct {
        const char *grow, *got;
    } ways[] = {
        {"RPUSH s 3", "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n"},
        {"LINSERT s BEFORE 1 0", "*3\r\n$1\r\n0\r\n$1\r\n1\r\n$1\r\n2\r\n"},
        {"LMOVE f s LEFT RIGHT", "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n9\r\n"},
        {"SORT f STORE s", "*3\r\n$1\r\n7\r\n$1\r\n8\r\n$1\r\n9\r\n"},
        {"RENAME f s", "*3\r\n$1\r\n9\r\n$1\r\n8\r\n$1\r\n7\r\n"},
    };
    fresh();
    int a = client_open_raw(server), b = client_open_raw(server);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        expect_int(c, 3, "RPUSH f 9 8 7");
        expect_raw(a, "BLMOVEM s d LEFT RIGHT 0 EXACTLY 3 BULK\r\n", "");
        await(1);
        expect_int(c, 2, "RPUSH s 1 2");
        await(1);
        expect_int(c, 0, "EXISTS d");
        freeReplyObject(cmd(c, ways[i].grow));
        expect_raw(a, "", ways[i].got);
        expect_int(c, 0, "EXISTS s");
        expect_int(c, 3, "LLEN d");
        freeReplyObject(cmd(c, "DEL d f"));
    }
    /* Who needs less does not wait for who needs more, and takes what there is. */
    expect_raw(a, "BLMOVEM s d LEFT LEFT 0 EXACTLY 4 OBO\r\n", "");
    await(1);
    expect_raw(b, "BLMOVEM s d RIGHT RIGHT 0 COUNT 5 OBO\r\n", "");
    await(2);
    expect_int(c, 2, "RPUSH s 1 2");
    expect_raw(b, "", "*2\r\n$1\r\n2\r\n$1\r\n1\r\n");
    expect_raw(b, "BLMOVEM s d LEFT LEFT 0.001 EXACTLY 2 BULK\r\nBLMOVEM s d LEFT LEFT 0.001\r\n",
               "*-1\r\n*-1\r\n");
    expect_raw(b, "BLMOVEM d e LEFT LEFT 0\r\n", "*1\r\n$1\r\n2\r\n");
    expect_raw(b, "BLMOVEM d e LEFT LEFT x\r\n", "-ERR timeout is not a float or out of range\r\n");
    expect_raw(b, "BLMOVEM d e LEFT LEFT 0 COUNT 1\r\n", "-ERR syntax error\r\n");
    expect_raw(b, "BLMOVEM d e LEFT LEFT 0 COUNT 0 OBO\r\n",
               "-ERR count should be greater than 0\r\n");
    expect_int(c, 4, "RPUSH s 1 2 3 4");
    expect_raw(a, "", "*4\r\n$1\r\n4\r\n$1\r\n3\r\n$1\r\n2\r\n$1\r\n1\r\n");
    close(a);
    close(b);
}

static void sorted_sets_in_turn(void) {
    fresh();
    int a = waiter("BZPOPMIN k 0\r\n", 1), b = waiter("BZPOPMAX j k 0\r\nPING\r\n", 2);
    int d = waiter("BZMPOP 0 2 j k MIN COUNT 2\r\n", 3);
    expect_int(c, 5, "ZADD k 1 a 2 b 3 c 4 d 5.5 e");
    expect_raw(a, "", "*3\r\n$1\r\nk\r\n$1\r\na\r\n$1\r\n1\r\n");
    expect_raw(b, "", "*3\r\n$1\r\nk\r\n$1\r\ne\r\n$3\r\n5.5\r\n+PONG\r\n");
    expect_raw(d, "",
               "*2\r\n$1\r\nk\r\n*2\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n*2\r\n$1\r\nc\r\n$1\r\n3\r\n");
    expect_text(c, "[\"d\"]", "ZRANGE k 0 -1");
    /* There is something already: the first of the keys that has any. */
    expect_int(c, 1, "ZADD j inf x");
    expect_raw(a, "BZPOPMAX n k j 0\r\n", "*3\r\n$1\r\nk\r\n$1\r\nd\r\n$1\r\n4\r\n");
    expect_raw(a, "BZMPOP 0 1 j MAX COUNT 9\r\n",
               "*2\r\n$1\r\nj\r\n*1\r\n*2\r\n$1\r\nx\r\n$3\r\ninf\r\n");
    expect_int(c, 0, "EXISTS j k");
    close(a);
    close(b);
    close(d);
}

/* A connection that speaks RESP3. */
static int open_resp3(void) {
    int fd = client_open_raw(server);
    expect_raw(fd, "CLIENT REPLY SKIP\r\nHELLO 3\r\n", "");
    return fd;
}

static void sorted_sets_in_resp3(void) {
    fresh();
    int a = open_resp3(), b = open_resp3();
    expect_raw(a, "BZPOPMIN k 0\r\n", "");
    await(1);
    expect_raw(b, "BZMPOP 0 1 k MAX COUNT 2\r\n", "");
    await(2);
    expect_int(c, 3, "ZADD k 1.5 a -inf b 3 c");
    expect_raw(a, "", "*3\r\n$1\r\nk\r\n$1\r\nb\r\n,-inf\r\n");
    expect_raw(b, "", "*2\r\n$1\r\nk\r\n*2\r\n*2\r\n$1\r\nc\r\n,3\r\n*2\r\n$1\r\na\r\n,1.5\r\n");
    expect_raw(a, "BZPOPMAX k 0.001\r\nBZMPOP 0.001 1 k MIN\r\n", "_\r\n_\r\n");
    close(a);
    close(b);
}

/* Every command that can make a sorted set of a key wakes those who wait for one there. */
static void sorted_sets_may_come_by_any_way(void) {
    static const char *const ways[] = {
        "ZADD k 1 m",
        "ZINCRBY k 1 m",
        "ZADD k INCR 1 m",
        "RENAME z k",
        "COPY z k",
        "ZUNIONSTORE k 1 z",
        "ZINTERSTORE k 2 z z WEIGHTS 1 0",
        "ZDIFFSTORE k 2 z nosuch",
        "ZRANGESTORE k z 0 -1",
        "GEOADD k -180 -85.05112878 m",
        "GEOSEARCHSTORE k z FROMMEMBER m BYRADIUS 1 km",
        "GEORADIUSBYMEMBER z m 1 km STORE k",
        "GEORADIUS z -180 -85 9 km STORE k",
    };
    fresh();
    int a = client_open_raw(server);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        freeReplyObject(cmd(c, "ZADD z 1 m"));
        expect_raw(a, "BZPOPMIN x k 0\r\n", "");
        await(1);
        freeReplyObject(cmd(c, ways[i]));
        expect_raw(a, "", "*3\r\n$1\r\nk\r\n$1\r\nm\r\n$1\r\n");
        expect_raw(a, "", strncmp(ways[i], "GEOADD", 6) ? "1\r\n" : "0\r\n");
        await(0);
        expect_int(c, 0, "EXISTS k");
    }
    redisReply *dump = cmd(c, "DUMP z");
    expect_raw(a, "BZMPOP 0 1 k MIN\r\n", "");
    await(1);
    expect_ok(c, "RESTORE k 0 %b", dump->str, (size_t)dump->len);
    freeReplyObject(dump);
    static const char got[] = "*2\r\n$1\r\nk\r\n*1\r\n*2\r\n$1\r\nm\r\n$1\r\n1\r\n";
    expect_raw(a, "", got);
    expect_raw(a, "SELECT 2\r\nBZMPOP 0 1 k MIN\r\n", "+OK\r\n");
    await(1);
    expect_ok(c, "RENAME z k");
    expect_int(c, 1, "MOVE k 2");
    expect_raw(a, "", got);
    expect_raw(a, "BZMPOP 0 1 k MIN\r\n", "");
    await(1);
    expect_int(c, 1, "ZADD k 1 m");
    expect_ok(c, "SWAPDB 0 2");
    expect_raw(a, "", got);
    close(a);
}

/* A key of another type wakes nobody, and is an error for who comes later. */
static void types_do_not_mix(void) {
    fresh();
    int a = waiter("BZPOPMIN k 0\r\n", 1), b = waiter("BLPOP k 0\r\n", 2);
    expect_int(c, 1, "SADD k 1");
    expect_int(c, 1, "DEL k");
    expect_int(c, 1, "RPUSH k 1");
    expect_raw(b, "", "*2\r\n$1\r\nk\r\n$1\r\n1\r\n");
    expect_int(c, 1, "RPUSH k 1");
    await(1);
    int d = client_open_raw(server);
    expect_raw(d, "BZPOPMAX n k 0\r\n",
               "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    expect_raw(d, "BZMPOP 0 2 n k MIN\r\n",
               "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    expect_int(c, 1, "DEL k");
    expect_int(c, 1, "ZADD k 7 m");
    expect_raw(a, "", "*3\r\n$1\r\nk\r\n$1\r\nm\r\n$1\r\n7\r\n");
    close(a);
    close(b);
    close(d);
}

static void waiting_ends(void) {
    fresh();
    int a = client_open_raw(server);
    expect_raw(a, "BLPOP k 0.02\r\nBLPOP k 0.001\r\nPING\r\n", "*-1\r\n*-1\r\n+PONG\r\n");
    expect_raw(a, "HELLO 3\r\n", "%7\r\n");
    close(a);
    redisContext *w = client_open(server);
    long long id = reply_int(cmd(w, "CLIENT ID"));
    expect_ok(c, "CONFIG RESETSTAT");
    redisAppendCommand(w, "BLPOP k 0");
    redisAppendCommand(w, "BLPOP k 0");
    redisReply *r = NULL;
    int done = 0;
    CU_ASSERT_EQUAL_FATAL(redisBufferWrite(w, &done), REDIS_OK);
    await(1);
    expect_int(c, 1, "CLIENT UNBLOCK %lld", id);
    CU_ASSERT_FATAL(redisGetReply(w, (void **)&r) == REDIS_OK && r->type == REDIS_REPLY_NIL);
    freeReplyObject(r);
    await(1);
    CU_ASSERT(reply_has(cmd(c, "CLIENT LIST ID %lld", id), "flags=b "));
    expect_int(c, 1, "CLIENT UNBLOCK %lld ERROR", id);
    CU_ASSERT_FATAL(redisGetReply(w, (void **)&r) == REDIS_OK);
    CU_ASSERT(reply_has(r, "UNBLOCKED client unblocked via CLIENT UNBLOCK"));
    expect_int(c, 0, "CLIENT UNBLOCK %lld", id);
    redisAppendCommand(w, "BLPOP k 0.01");
    CU_ASSERT_FATAL(redisGetReply(w, (void **)&r) == REDIS_OK && r->type == REDIS_REPLY_NIL);
    freeReplyObject(r);
    redisReply *stats = cmd(c, "INFO commandstats");
    const char *blpop = strstr(stats->str, "cmdstat_blpop:calls=3,");
    CU_ASSERT(blpop && strstr(blpop, "rejected_calls=0,failed_calls=1\r\n"));
    freeReplyObject(stats);
    redisFree(w);
}

/* Nothing goes to who is not there any more. */
static void peers_may_leave(void) {
    fresh();
    int a = waiter("BLPOP k 0\r\n", 1), b = waiter("BLPOP k 0\r\nPING\r\n", 2);
    int d = waiter("BLPOP k 0\r\n", 3);
    close(a);
    shutdown(b, SHUT_WR);
    await(1);
    expect_int(c, 1, "CLIENT KILL TYPE normal");
    expect_int(c, 1, "RPUSH k 1");
    expect_int(c, 1, "LLEN k");
    close(b);
    close(d);
}

/* None replicates this server: WAIT answers 0, at once if that is enough. */
static void replicas_are_waited_for(void) {
    fresh();
    expect_ok(c, "SET k v");
    expect_int(c, 0, "WAIT 0 0");
    expect_int(c, 0, "WAIT -1 0");
    expect_int(c, 0, "WAIT 1 10");
    expect_err(c, "ERR value is not an integer or out of range", "WAIT x y");
    expect_err(c, "ERR timeout is not an integer or out of range", "WAIT 0 y");
    expect_err(c, "ERR timeout is negative", "WAIT 0 -1");

    int a = waiter("WAIT 1 0\r\nPING\r\n", 1);
    expect_int(c, 1, "CLIENT KILL TYPE normal");
    close(a);
    await(0);
    redisContext *w = client_open(server);
    long long id = reply_int(cmd(w, "CLIENT ID"));
    redisReply *r = NULL;
    int done = 0;
    redisAppendCommand(w, "WAIT 1 0");
    redisAppendCommand(w, "WAIT 1 0");
    CU_ASSERT_EQUAL_FATAL(redisBufferWrite(w, &done), REDIS_OK);
    await(1);
    expect_int(c, 1, "CLIENT UNBLOCK %lld", id);
    CU_ASSERT_FATAL(redisGetReply(w, (void **)&r) == REDIS_OK);
    CU_ASSERT(r->type == REDIS_REPLY_INTEGER && r->integer == 0);
    freeReplyObject(r);
    await(1);
    expect_int(c, 1, "CLIENT UNBLOCK %lld ERROR", id);
    CU_ASSERT_FATAL(redisGetReply(w, (void **)&r) == REDIS_OK);
    CU_ASSERT(reply_has(r, "UNBLOCKED client unblocked via CLIENT UNBLOCK"));
    redisFree(w);
}

/* Transactions and scripts get the answer of now. */
static void who_may_not_wait_does_not(void) {
    fresh();
    expect_ok(c, "MULTI");
    expect_status(c, "QUEUED", "WAIT 1 0");
    expect_status(c, "QUEUED", "WAITAOF 0 1 0");
    expect_text(c, "[0, [0, 0]]", "EXEC");
    expect_int(c, 0, "EVAL %s 0", "return redis.call('WAIT', '1', '0')");
    expect_text(c, "[0, 0]", "EVAL %s 0", "return redis.call('WAITAOF', '0', '1', '0')");
}

/* A transaction that outlasts the time to live of what it pushed serves nobody with it. */
static void what_has_expired_is_not_given(void) {
    fresh();
    int a = waiter("BLPOP k 0\r\n", 1);
    expect_ok(c, "MULTI");
    expect_status(c, "QUEUED", "RPUSH k old");
    expect_status(c, "QUEUED", "PEXPIRE k 50");
    expect_status(c, "QUEUED", "DEBUG SLEEP 0.1");
    expect_text(c, "[1, 1, OK]", "EXEC");
    CU_ASSERT_EQUAL(waiting(), 1);
    expect_int(c, 0, "EXISTS k");
    expect_int(c, 1, "RPUSH k new");
    expect_raw(a, "", "*2\r\n$1\r\nk\r\n$3\r\nnew\r\n");
    a = waiter("BLPOP k 0\r\n", 1); /* nor does a script that goes on over many turns */
    expect_nil(c, "EVAL %s 1 k",
               "redis.call('rpush', KEYS[1], 'old') redis.call('pexpire', KEYS[1], 10) "
               "local x = 0 for i = 1, 3e7 do x = x + i end");
    CU_ASSERT_EQUAL(waiting(), 1);
    expect_int(c, 1, "RPUSH k new");
    expect_raw(a, "", "*2\r\n$1\r\nk\r\n$3\r\nnew\r\n");
    close(a);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"first_come_first_served", first_come_first_served},
        {"elements_are_passed_on", elements_are_passed_on},
        {"keys_may_come_by_any_way", keys_may_come_by_any_way},
        {"several_elements_at_once", several_elements_at_once},
        {"sorted_sets_in_turn", sorted_sets_in_turn},
        {"sorted_sets_in_resp3", sorted_sets_in_resp3},
        {"sorted_sets_may_come_by_any_way", sorted_sets_may_come_by_any_way},
        {"types_do_not_mix", types_do_not_mix},
        {"waiting_ends", waiting_ends},
        {"peers_may_leave", peers_may_leave},
        {"replicas_are_waited_for", replicas_are_waited_for},
        {"who_may_not_wait_does_not", who_may_not_wait_does_not},
        {"what_has_expired_is_not_given", what_has_expired_is_not_given},
        {NULL, NULL},
    };
    static const char *const args[] = {"--enable-debug-command", "yes", NULL};
    server = server_start(args);
    c = client_open(server);
    int status = suite_main("blocking", tests);
    redisFree(c);
    return server_stop(server) ? 1 : status;
}
