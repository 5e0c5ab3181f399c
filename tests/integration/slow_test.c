/* slow_test.c - commands that would take long, and what others do and see meanwhile.
 *
 * The values are large enough that the commands take several turns, or a worker, also without
 * STRESS.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replies.h"
#include "support/client.h"
#include "support/suite.h"

enum { MANY = 20000, STEP = 100, CHANGES = 200 };

static struct server *server;
static redisContext *a, *b;

static redisReply *wait_for(redisContext *c) {
    redisReply *r = NULL;
    CU_ASSERT_EQUAL_FATAL(redisGetReply(c, (void **)&r), REDIS_OK);
    return r;
}

static void forget_replies(redisContext *c, int n) {
    for (int i = 0; i < n; i++) freeReplyObject(wait_for(c));
}

static void send_all(redisContext *c) {
    int done = 0;
    while (!done) CU_ASSERT_EQUAL_FATAL(redisBufferWrite(c, &done), REDIS_OK);
}

/* The command with the arguments first-1 ... behind it, `count` of them. */
static void append_ids(redisContext *c, const char *words, int first, int count) {
    static char line[MANY * 16];
    size_t n = (size_t)snprintf(line, sizeof line, "%s", words);
    for (int i = first; i < first + count; i++)
        n += (size_t)snprintf(line + n, sizeof line - n, " %d-1", i);
    CU_ASSERT(n < sizeof line);
    redisAppendCommand(c, line);
}

/* Entries 1-1 ... of stream s, of which group g has delivered the first half to c. */
static void make_stream(void) {
    expect_ok(a, "FLUSHALL");
    for (int i = 1; i <= MANY; i++) redisAppendCommand(a, "XADD s %d-1 f v%d", i, i);
    redisAppendCommand(a, "XGROUP CREATE s g 0");
    redisAppendCommand(a, "XREADGROUP GROUP g c COUNT %d STREAMS s >", MANY / 2);
    forget_replies(a, MANY + 2);
}

static long long pending(void) {
    redisReply *r = cmd(b, "XPENDING s g");
    long long n = r->elements == 4 ? r->element[0]->integer : -1;
    freeReplyObject(r);
    return n;
}

/* While a command of a goes on, b sees nothing of it or all. */
static void expect_pending(long long before, long long after) {
    send_all(a);
    expect_str(b, "PONG", "PING");
    for (int i = 0; i < 50; i++) {
        long long n = pending();
        CU_ASSERT(n == before || n == after);
        if (n == after && before != after) break;
    }
}

static void acknowledging(void) {
    make_stream();
    append_ids(a, "XACK s g", 1, MANY / 4);
    expect_pending(MANY / 2, MANY / 4);
    redisReply *r = wait_for(a);
    CU_ASSERT_EQUAL(r->integer, MANY / 4);
    freeReplyObject(r);
    CU_ASSERT_EQUAL(pending(), MANY / 4);
}

static void reading_new_entries_and_history(void) {
    make_stream();
    redisAppendCommand(a, "XREADGROUP GROUP g d COUNT %d STREAMS s >", MANY);
    expect_pending(MANY / 2, MANY);
    redisReply *r = wait_for(a);
    CU_ASSERT_EQUAL_FATAL(r->elements, 1);
    redisReply *entries = r->element[0]->element[1];
    CU_ASSERT_EQUAL_FATAL(entries->elements, MANY / 2);
    for (int i = 0; i < MANY / 2; i++)
        CU_ASSERT_EQUAL(atoi(entries->element[i]->element[0]->str), MANY / 2 + 1 + i);
    freeReplyObject(r);
    r = cmd(a, "XREADGROUP GROUP g c STREAMS s 0");
    entries = r->element[0]->element[1];
    CU_ASSERT_EQUAL(entries->elements, MANY / 2);
    CU_ASSERT_EQUAL(atoi(entries->element[MANY / 2 - 1]->element[0]->str), MANY / 2);
    freeReplyObject(r);
    expect_text(b, "[[\"1-1\", \"c\", 0, 2]]", "XPENDING s g IDLE 0 1-1 1-1 1") ? (void)0 : (void)0;
}

static void claiming(void) {
    make_stream();
    append_ids(a, "XCLAIM s g d 0", 1, MANY / 4);
    redisAppendCommand(a, "XAUTOCLAIM s g e 0 0 COUNT %d JUSTID", MANY / 4);
    redisAppendCommand(a, "XPENDING s g - + 10 d");
    redisReply *r = wait_for(a);
    CU_ASSERT_EQUAL(r->elements, MANY / 4);
    freeReplyObject(r);
    r = wait_for(a);
    CU_ASSERT_EQUAL_FATAL(r->elements, 3);
    CU_ASSERT_EQUAL(atoi(r->element[0]->str), MANY / 4 + 1);
    CU_ASSERT_EQUAL(r->element[1]->elements, MANY / 4);
    freeReplyObject(r);
    r = wait_for(a);
    CU_ASSERT_EQUAL(r->elements, 0);
    freeReplyObject(r);
    CU_ASSERT_EQUAL(pending(), MANY / 2);
}

static void removing(void) {
    make_stream();
    append_ids(a, "XDEL s", 1, MANY / 4);
    redisAppendCommand(a, "XLEN s");
    redisReply *r = wait_for(a);
    CU_ASSERT_EQUAL(r->integer, MANY / 4);
    freeReplyObject(r);
    r = wait_for(a);
    CU_ASSERT_EQUAL(r->integer, MANY - MANY / 4);
    freeReplyObject(r);
    redisAppendCommand(a, "XTRIM s MAXLEN %d DELREF", MANY / 2);
    expect_pending(MANY / 2, MANY / 4);
    r = wait_for(a);
    CU_ASSERT_EQUAL(r->integer, MANY / 4);
    freeReplyObject(r);
    redisAppendCommand(a, "XGROUP DELCONSUMER s g c");
    expect_pending(MANY / 4, 0);
    r = wait_for(a);
    CU_ASSERT_EQUAL(r->integer, MANY / 4);
    freeReplyObject(r);
}

/* Two at once: one waits for the other, or not. */
static void two_meet(void) {
    make_stream();
    append_ids(a, "XACK s g", 1, MANY / 2);
    append_ids(b, "XACK s g", 1, MANY / 2);
    send_all(a);
    send_all(b);
    redisReply *r = wait_for(a), *q = wait_for(b);
    CU_ASSERT_EQUAL(r->integer + q->integer, MANY / 2);
    CU_ASSERT(r->integer == 0 || q->integer == 0);
    freeReplyObject(r);
    freeReplyObject(q);
}

static void within_a_transaction_and_a_script(void) {
    make_stream();
    redisAppendCommand(a, "MULTI");
    append_ids(a, "XACK s g", 1, MANY / 4);
    redisAppendCommand(a, "XREADGROUP GROUP g c STREAMS s 0");
    redisAppendCommand(a, "EXEC");
    forget_replies(a, 3);
    redisReply *r = wait_for(a);
    CU_ASSERT_EQUAL_FATAL(r->elements, 2);
    CU_ASSERT_EQUAL(r->element[0]->integer, MANY / 4);
    CU_ASSERT_EQUAL(r->element[1]->element[0]->element[1]->elements, MANY / 4);
    freeReplyObject(r);
    r = cmd(a,
            "EVAL %s 1 s", "return #redis.call('XREADGROUP','GROUP','g','c','STREAMS',KEYS[1],'0')"
                           "[1][2]");
    CU_ASSERT_EQUAL(r->integer, MANY / 4);
    freeReplyObject(r);
}

static void clients_that_leave(void) {
    make_stream();
    redisContext *c = client_open(server);
    append_ids(c, "XACK s g", 1, MANY / 2);
    send_all(c);
    redisFree(c);
    for (int i = 0; i < 1000 && pending() != 0; i++) usleep(1000);
    expect_str(b, "PONG", "PING");
}

/* -- SORT ------------------------------------------------------------------------------ */

/* Elements 0 ... of l, with weights that turn them round, and names in hashes. */
static void make_sort(void) {
    expect_ok(a, "FLUSHALL");
    for (int i = 0; i < MANY; i++) {
        redisAppendCommand(a, "RPUSH l %d", i);
        redisAppendCommand(a, "SET w_%d %d", i, MANY - i);
        redisAppendCommand(a, "HSET o_%d name n%d", i, i);
    }
    forget_replies(a, 3 * MANY);
}

static void sorting_by_other_keys(void) {
    make_sort();
    redisReply *r = cmd(a, "SORT l BY w_*");
    CU_ASSERT_EQUAL_FATAL(r->elements, MANY);
    for (int i = 0; i < MANY; i++) CU_ASSERT_EQUAL(atoi(r->element[i]->str), MANY - 1 - i);
    freeReplyObject(r);
    expect_text(a, "[\"n17\", \"17\", null, \"n16\", \"16\", null]",
                "SORT l BY w_* LIMIT %d 2 GET o_*->name GET # GET none_*", MANY - 18);
    expect_int(a, 2 * MANY, "SORT l BY w_* GET # GET o_*->name STORE d");
    expect_text(a, "[\"%d\"]", "LRANGE d 0 0") ? (void)0 : (void)0;
}

int main(void) {
    static const struct suite_test tests[] = {
        {"acknowledging", acknowledging},
        {NULL, NULL},
    };
    server = server_start(NULL);
    a = client_open(server);
    b = client_open(server);
    int status = suite_main("slow", tests);
    redisFree(a);
    redisFree(b);
    return server_stop(server) ? 1 : status;
}
