/* lanes_test.c - commands computed beside the loop, and those that meet them on a key.
 *
 * The sets are large enough that SUNIONSTORE goes to a worker also without STRESS.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/client.h"
#include "support/suite.h"

#define MEMBERS 40000
#define STEP 100
#define ROUNDS 8

static struct server *server;
static redisContext *a, *b;

static redisReply *wait_for(redisContext *c) {
    redisReply *r = NULL;
    CU_ASSERT_EQUAL_FATAL(redisGetReply(c, (void **)&r), REDIS_OK);
    return r;
}

static void expect_integer(redisContext *c, long long want) {
    redisReply *r = wait_for(c);
    CU_ASSERT_EQUAL(r->type, REDIS_REPLY_INTEGER);
    CU_ASSERT_EQUAL(r->integer, want);
    freeReplyObject(r);
}

/* MEMBERS members m<from> ... by commands of STEP members each. */
static void fill(const char *key, int from) {
    for (int i = 0; i < MEMBERS; i += STEP) {
        char words[STEP * 16] = "";
        size_t n = 0;
        for (int k = 0; k < STEP; k++)
            n += (size_t)snprintf(words + n, sizeof words - n, " m%d", from + i + k);
        char line[sizeof words + 64];
        snprintf(line, sizeof line, "SADD %s%s", key, words);
        redisAppendCommand(a, line);
    }
    for (int i = 0; i < MEMBERS; i += STEP) expect_integer(a, STEP);
}

static void begin(void) {
    expect_ok(a, "FLUSHALL");
    fill("s1", 0);
    fill("s2", MEMBERS / 2);
}

/* A writer of a source comes behind the union that is under way, one of the result too. */
static void writers_wait_readers_do_not(void) {
    begin();
    for (int i = 0; i < ROUNDS; i++) {
        redisAppendCommand(a, "SUNIONSTORE d s1 s2");
        redisAppendCommand(b, "SADD s1 extra%d", i);
        redisAppendCommand(b, "SCARD s1");
        redisAppendCommand(b, "GET other");
        expect_integer(b, 1);
        expect_integer(b, MEMBERS + i + 1);
        freeReplyObject(wait_for(b));
        redisReply *r = wait_for(a);
        long long most = MEMBERS + MEMBERS / 2 + i + 1;
        CU_ASSERT_TRUE(r->type == REDIS_REPLY_INTEGER &&
                       (r->integer == most || r->integer == most - 1));
        expect_int(a, r->integer, "SCARD d");
        freeReplyObject(r);
    }
}

/* Members that change places between two sets are always in one of them. */
static void unions_see_each_member_once(void) {
    begin();
    for (int i = 0; i < ROUNDS; i++) {
        redisAppendCommand(a, "SUNIONSTORE d s1 s2");
        for (int k = 0; k < 6; k++) {
            redisAppendCommand(b, "SMOVE s1 s3 m%d", k);
            redisAppendCommand(b, "SUNIONSTORE all s1 s2 s3");
            redisAppendCommand(b, "SMOVE s3 s1 m%d", k);
        }
        for (int k = 0; k < 6; k++) {
            expect_integer(b, 1);
            expect_integer(b, MEMBERS + MEMBERS / 2);
            expect_integer(b, 1);
        }
        redisReply *r = wait_for(a);
        CU_ASSERT_TRUE(r->integer >= MEMBERS + MEMBERS / 2 - 1);
        freeReplyObject(r);
    }
}

/* What a client sent behind a slow command runs behind it. */
static void pipelines_keep_their_order(void) {
    begin();
    for (int i = 0; i < ROUNDS; i++) {
        redisAppendCommand(a, "SUNIONSTORE d s1 s2");
        redisAppendCommand(a, "SADD d new");
        redisAppendCommand(a, "SCARD d");
        redisAppendCommand(a, "SINTERCARD 2 s1 s2");
        redisAppendCommand(a, "DEL d");
        redisAppendCommand(a, "EXISTS d");
    }
    for (int i = 0; i < ROUNDS; i++) {
        expect_integer(a, MEMBERS + MEMBERS / 2);
        expect_integer(a, 1);
        expect_integer(a, MEMBERS + MEMBERS / 2 + 1);
        expect_integer(a, MEMBERS / 2);
        expect_integer(a, 1);
        expect_integer(a, 0);
    }
}

/* Commands for all keys, transactions and scripts wait for what is under way, and see it whole. */
static void what_touches_all_waits(void) {
    for (int i = 0; i < 3; i++) {
        begin();
        redisAppendCommand(a, "SUNIONSTORE d s1 s2");
        expect_ok(b, "MULTI");
        expect_status(b, "QUEUED", "SREM s1 m0");
        expect_status(b, "QUEUED", "SCARD s1");
        redisReply *r = cmd(b, "EXEC");
        CU_ASSERT_EQUAL_FATAL(r->elements, 2);
        CU_ASSERT_EQUAL(r->element[1]->integer, MEMBERS - 1);
        freeReplyObject(r);
        redisAppendCommand(a, "SUNIONSTORE e s1 s2");
        expect_int(b, 1, "EVAL %s 0", "return redis.call('srem', 's2', 'm30000')");
        expect_ok(b, "FLUSHALL");
        freeReplyObject(wait_for(a));
        freeReplyObject(wait_for(a));
        expect_int(b, 0, "DBSIZE");
    }
}

/* A client that leaves takes its command along, unless that changes something. */
static long long info_number(const char *section, const char *field) {
    redisReply *r = cmd(a, "INFO %s", section);
    const char *at = strstr(r->str, field);
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    long long n = strtoll(at + strlen(field), NULL, 10);
    freeReplyObject(r);
    return n;
}

static bool all_have_left(long long connections) {
    return info_number("stats", "total_connections_received:") == connections &&
           info_number("clients", "connected_clients:") == 2 &&
           info_number("lanes", "lane_tickets:") == 0;
}

static void clients_may_leave(void) {
    begin();
    long long connections = info_number("stats", "total_connections_received:");
    for (int i = 0; i < 20; i++) {
        redisContext *gone = client_open(server);
        redisAppendCommand(gone, i % 2 ? "SUNIONSTORE d%d s1 s2" : "SUNION s1 s2 d%d", i);
        redisAppendCommand(gone, "SADD s1 m0");
        int done = 0;
        while (!done) CU_ASSERT_EQUAL_FATAL(redisBufferWrite(gone, &done), REDIS_OK);
        redisFree(gone);
    }
    for (int i = 0; i < 30000 && !all_have_left(connections + 20); i++) server_sleep_ms(1);
    expect_text(a, "[]", "LANE.LIST");
    expect_int(a, 0, "SADD s1 m0 m1");
}

static void lanes_tell_of_themselves(void) {
    redisReply *r = cmd(a, "LANE.STATS");
    CU_ASSERT_EQUAL(r->type, REDIS_REPLY_ARRAY);
    CU_ASSERT_EQUAL(r->elements, 20);
    freeReplyObject(r);
    r = cmd(a, "INFO lanes");
    CU_ASSERT_PTR_NOT_NULL(strstr(r->str, "\r\noffloaded_commands:"));
    freeReplyObject(r);
    expect_ok(a, "CLIENT LANE-TIMEOUT 100");
    expect_err(a, "ERR timeout is not an integer or out of range", "CLIENT LANE-TIMEOUT x");
    expect_ok(a, "CLIENT LANE-TIMEOUT 0");
}

int main(void) {
    static const struct suite_test tests[] = {
        {"writers_wait_readers_do_not", writers_wait_readers_do_not},
        {"unions_see_each_member_once", unions_see_each_member_once},
        {"pipelines_keep_their_order", pipelines_keep_their_order},
        {"what_touches_all_waits", what_touches_all_waits},
        {"clients_may_leave", clients_may_leave},
        {"lanes_tell_of_themselves", lanes_tell_of_themselves},
        {NULL, NULL},
    };
    server = server_start(NULL);
    a = client_open(server);
    b = client_open(server);
    int status = suite_main("lanes", tests);
    redisFree(a);
    redisFree(b);
    return server_stop(server) ? 1 : status;
}
