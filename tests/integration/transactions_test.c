/* transactions_test.c - what the model test cannot do: transactions over several connections. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replies.h"
#include "support/client.h"
#include "support/suite.h"

static struct server *server;
static redisContext *a, *b;

/* a watches w; then b does something; whether a's transaction runs is told. */
#define expect_exec(runs)                                                                          \
    do {                                                                                           \
        expect_ok(a, "MULTI");                                                                     \
        expect_status(a, "QUEUED", "PING");                                                        \
        expect_text(a, (runs) ? "[PONG]" : "nil", "EXEC");                                         \
    } while (0)

static void changes_of_others_fail_it(void) {
    static const char *const writes[] = {
        "SET w 2",      "APPEND w x", "DEL w",          "RENAME w v",
        "EXPIRE w 100", "GETDEL w",   "SETRANGE w 0 a", "COPY x w REPLACE",
        "FLUSHDB",      "FLUSHALL",   "SWAPDB 0 1",     "MSET w 1 q 2",
        "UNLINK w",     "MOVE w 2",   "SETBIT w 0 1",
    };
    for (size_t i = 0; i < sizeof writes / sizeof *writes; i++) {
        expect_ok(b, "FLUSHALL");
        expect_ok(b, "MSET w 1 x 1");
        expect_ok(a, "WATCH w");
        freeReplyObject(cmd(b, writes[i]));
        expect_exec(false);
        expect_exec(true); /* nothing is watched any more */
    }
}

static void what_changes_nothing_does_not(void) {
    static const char *const others[] = {
        "GET w", "SET other 1", "EXISTS w", "DEL absent", "SELECT 0", "SETNX w 1", "TTL w",
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        expect_ok(b, "FLUSHALL");
        expect_ok(b, "SET w 1");
        expect_ok(a, "WATCH w absent");
        freeReplyObject(cmd(b, others[i]));
        expect_exec(true);
    }
    expect_ok(a, "WATCH absent");
    expect_ok(b, "FLUSHALL"); /* a key that was not there stays so */
    expect_exec(true);
}

static void time_fails_it(void) {
    expect_ok(b, "SET w 1 PX 30");
    expect_ok(a, "WATCH w");
    usleep(60 * 1000);
    expect_exec(false);
}

/* A key whose time was over already when it was watched has not been seen by who did that, although
 * it is still there: lanes keep it, or nobody has looked. */
static void what_was_over_does_not(void) {
    static const char *const others[] = {"GET w", "DEL w", "FLUSHALL", "SWAPDB 0 0", "SWAPDB 0 1"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        expect_ok(b, "FLUSHALL");
        expect_ok(b, "DEBUG SET-ACTIVE-EXPIRE 0");
        expect_ok(b, "SET w 1 PX 1");
        usleep(5 * 1000);
        expect_ok(a, "WATCH w");
        freeReplyObject(cmd(b, others[i]));
        expect_exec(true);
        expect_ok(b, "DEBUG SET-ACTIVE-EXPIRE 1");
    }
    expect_ok(b, "SET w 1");
    expect_ok(a, "WATCH w");
    expect_ok(b, "SWAPDB 0 0");
    expect_exec(true);
}

static void some_are_refused_inside(void) {
    expect_ok(a, "MULTI");
    expect_status(a, "QUEUED", "MONITOR");
    expect_status(a, "QUEUED", "SCRIPT DEBUG NO");
    expect_text(a,
                "[ERR MONITOR isn't allowed for DENY BLOCKING client, "
                "ERR SCRIPT DEBUG must be called outside a pipeline]",
                "EXEC");
    expect_ok(a, "SCRIPT DEBUG NO");
}

static void its_own_changes_fail_it(void) {
    expect_ok(a, "SET w 1");
    expect_ok(a, "WATCH w");
    expect_ok(a, "SET w 2");
    expect_exec(false);
    expect_ok(a, "WATCH w");
    expect_ok(a, "SET w 2");
    expect_ok(a, "UNWATCH");
    expect_exec(true);
}

#define WATCHED 100000

/* Two sessions watch very many keys, one by one; the second list is as long as the first. */
static void many_keys_are_watched(void) {
    char list[64];
    redisContext *both[] = {a, b};
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < WATCHED; i++) redisAppendCommand(both[k], "WATCH many:%d", i);
        for (int i = 0; i < WATCHED; i++) {
            redisReply *r = NULL;
            CU_ASSERT_FATAL(redisGetReply(both[k], (void **)&r) == REDIS_OK);
            freeReplyObject(r);
        }
    }
    long long id = reply_int(cmd(a, "CLIENT ID"));
    snprintf(list, sizeof list, "CLIENT LIST ID %lld", id);
    redisReply *r = cmd(b, list);
    const char *memory = strstr(r->str, " tot-mem=");
    CU_ASSERT(memory && atoll(memory + strlen(" tot-mem=")) > 50 * WATCHED);
    freeReplyObject(r);
    expect_ok(b, "UNWATCH");
    expect_ok(b, "SET many:%d 1", WATCHED - 1);
    expect_exec(false);
    expect_exec(true);
    expect_int(b, 1, "DEL many:%d", WATCHED - 1);
}

static void databases_are_told_apart(void) {
    expect_ok(a, "WATCH w");
    expect_ok(b, "SELECT 3");
    expect_ok(b, "SET w 1");
    expect_ok(b, "SELECT 0");
    expect_exec(true);
}

static void reset_and_leaving_forget(void) {
    expect_ok(a, "MULTI");
    expect_status(a, "QUEUED", "SET never 1");
    expect_status(a, "RESET", "RESET");
    expect_err(a, "ERR EXEC without MULTI", "EXEC");
    redisContext *gone = client_open(server);
    expect_ok(gone, "WATCH w");
    expect_ok(gone, "MULTI");
    expect_status(gone, "QUEUED", "SET never 1");
    redisFree(gone);
    expect_ok(b, "SET w 3");
    expect_int(b, 0, "EXISTS never");
}

static void blocking_commands_do_not_block(void) {
    expect_ok(a, "FLUSHALL");
    expect_ok(a, "MULTI");
    expect_status(a, "QUEUED", "BLPOP l 0");
    expect_status(a, "QUEUED", "BZPOPMIN z 0");
    expect_status(a, "QUEUED", "XREAD BLOCK 0 STREAMS s $");
    expect_status(a, "QUEUED", "BLMOVE l m LEFT RIGHT 0");
    expect_text(a, "[nil, nil, nil, nil]", "EXEC");
}

/* A waiting client is served when the transaction is over, by what is left then. */
static void waiting_clients_come_behind(void) {
    redisAppendCommand(b, "BLPOP l 0");
    send_all(b);
    usleep(20 * 1000);
    expect_ok(a, "MULTI");
    expect_status(a, "QUEUED", "RPUSH l 1");
    expect_status(a, "QUEUED", "RPUSH l 2");
    expect_status(a, "QUEUED", "LPOP l");
    expect_text(a, "[1, 2, \"1\"]", "EXEC");
    redisReply *r = NULL;
    CU_ASSERT_EQUAL_FATAL(redisGetReply(b, (void **)&r), REDIS_OK);
    CU_ASSERT_STRING_EQUAL(r->element[1]->str, "2");
    freeReplyObject(r);
}

static void memory_refuses_it(void) {
    expect_ok(a, "CONFIG SET maxmemory 1 maxmemory-policy noeviction");
    expect_ok(a, "MULTI");
    expect_err_prefix(a, "OOM", "SET k v");
    expect_err_prefix(a, "OOM", "GET k"); /* the queue takes memory */
    expect_err(a, "EXECABORT Transaction discarded because of previous errors.", "EXEC");
    expect_ok(a, "CONFIG SET maxmemory 0");
    expect_ok(a, "MULTI");
    expect_status(a, "QUEUED", "SET k v");
    expect_ok(b, "CONFIG SET maxmemory 1");
    expect_err_prefix(a, "EXECABORT Transaction discarded because of: OOM", "EXEC");
    expect_ok(b, "CONFIG SET maxmemory 0");
    expect_err(a, "ERR EXEC without MULTI", "EXEC");
}

static void scripts_run_inside(void) {
    expect_ok(a, "MULTI");
    expect_status(a, "QUEUED", "EVAL %s 1 k", "return redis.call('set', KEYS[1], 5)");
    expect_status(a, "QUEUED", "GET k");
    expect_text(a, "[OK, \"5\"]", "EXEC");
}

static void clients_are_shown(void) {
    expect_ok(a, "WATCH k");
    expect_ok(a, "MULTI");
    expect_status(a, "QUEUED", "PING");
    redisReply *r = cmd(b, "CLIENT LIST");
    CU_ASSERT_PTR_NOT_NULL(strstr(r->str, " flags=x "));
    CU_ASSERT_PTR_NOT_NULL(strstr(r->str, " multi=1 "));
    freeReplyObject(r);
    expect_ok(a, "DISCARD");
}

static void who_watches_is_counted(void) {
    expect_ok(a, "WATCH w absent");
    expect_ok(b, "WATCH w");
    CU_ASSERT_EQUAL(info_number(a, "clients", "watching_clients"), 2);
    CU_ASSERT_EQUAL(info_number(a, "clients", "total_watched_keys"), 2);
    expect_ok(a, "UNWATCH");
    expect_ok(b, "UNWATCH");
    CU_ASSERT_EQUAL(info_number(a, "clients", "watching_clients"), 0);
    CU_ASSERT_EQUAL(info_number(a, "clients", "total_watched_keys"), 0);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"changes_of_others_fail_it", changes_of_others_fail_it},
        {"what_changes_nothing_does_not", what_changes_nothing_does_not},
        {"time_fails_it", time_fails_it},
        {"what_was_over_does_not", what_was_over_does_not},
        {"some_are_refused_inside", some_are_refused_inside},
        {"its_own_changes_fail_it", its_own_changes_fail_it},
        {"many_keys_are_watched", many_keys_are_watched},
        {"databases_are_told_apart", databases_are_told_apart},
        {"reset_and_leaving_forget", reset_and_leaving_forget},
        {"blocking_commands_do_not_block", blocking_commands_do_not_block},
        {"waiting_clients_come_behind", waiting_clients_come_behind},
        {"memory_refuses_it", memory_refuses_it},
        {"scripts_run_inside", scripts_run_inside},
        {"clients_are_shown", clients_are_shown},
        {"who_watches_is_counted", who_watches_is_counted},
        {NULL, NULL},
    };
    static const char *const options[] = {"--enable-debug-command", "yes", NULL};
    server = server_start(options);
    a = client_open(server);
    b = client_open(server);
    int status = suite_main("transactions", tests);
    redisFree(a);
    redisFree(b);
    return server_stop(server) ? 1 : status;
}
