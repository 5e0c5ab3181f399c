/* streams_test.c - streams where the model test does not reach: clients that wait, RESP3, what came
 * after redis-server 7.0, small nodes. The replies of 7.2 are those of its documentation; all else
 * was compared with redis-server's.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
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

/* Whether the reply to a command, as a line of text, has `part`; tells what it has if not. */
static bool reply_has_text(const char *part, const char *command) {
    char *text = reply_text(cmd(c, command));
    bool has = strstr(text, part) != NULL;
    if (!has) fprintf(stderr, "no '%s' in: %.600s\n", part, text);
    free(text);
    return has;
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

#define ENTRY(id, field, value) "*2\r\n$3\r\n" id "\r\n*2\r\n$1\r\n" field "\r\n$1\r\n" value "\r\n"
#define ONE_OF(key, entry) "*1\r\n*2\r\n$1\r\n" key "\r\n*1\r\n" entry
#define NO_GROUP(key, group)                                                                       \
    "-NOGROUP No such key '" key "' or consumer group '" group                                     \
    "' in XREADGROUP with GROUP option\r\n"

/* -- XREAD ----------------------------------------------------------------------------- */

static void readers_get_what_is_new(void) {
    fresh();
    expect_str(c, "1-1", "XADD k 1-1 a 1");
    int a = waiter("XREAD BLOCK 0 STREAMS j k $ $\r\n", 1);
    int b = waiter("XREAD COUNT 1 BLOCK 0 STREAMS k k 1-1 $\r\nPING\r\n", 2);
    expect_str(c, "1-2", "XADD k 1-2 a 2");
    expect_raw(a, "", ONE_OF("k", ENTRY("1-2", "a", "2")));
    expect_raw(b, "",
               "*2\r\n*2\r\n$1\r\nk\r\n*1\r\n" ENTRY(
                   "1-2", "a", "2") "*2\r\n$1\r\nk\r\n*1\r\n" ENTRY("1-2", "a", "2") "+PONG\r\n");
    /* What is no stream, and what has nothing behind the ID, serves nobody. */
    expect_raw(a, "XREAD BLOCK 0 STREAMS k j 5 $\r\n", "");
    await(1);
    expect_int(c, 1, "DEL k");
    expect_ok(c, "SET k v");
    expect_int(c, 1, "DEL k");
    expect_str(c, "4-1", "XADD k 4-1 a 1");
    expect_int(c, 1, "XDEL k 4-1");
    await(1);
    expect_str(c, "6-1", "XADD k 6-1 a 1");
    expect_raw(a, "", ONE_OF("k", ENTRY("6-1", "a", "1")));
    close(a);
    close(b);
}

static void readers_may_ask_for_the_last(void) {
    fresh();
    expect_nil(c, "XREAD STREAMS k +");
    expect_str(c, "1-1", "XADD k 1-1 a 1");
    expect_str(c, "1-2", "XADD k 1-2 a 2");
    expect_str(c, "1-3", "XADD k 1-3 a 3");
    expect_int(c, 1, "XDEL k 1-3");
    expect_text(c, "[[\"k\", [[\"1-2\", [\"a\", \"2\"]]]]]", "XREAD STREAMS k +");
    expect_text(c, "[[\"k\", [[\"1-2\", [\"a\", \"2\"]]]]]", "XREAD COUNT 9 STREAMS j k + +");
    int a = waiter("XREAD BLOCK 0 STREAMS j +\r\n", 1);
    expect_str(c, "7-1", "XADD j 7-1 a 1");
    expect_raw(a, "", ONE_OF("j", ENTRY("7-1", "a", "1")));
    close(a);
    expect_ok(c, "XGROUP CREATE k g 0");
    expect_err(c,
               "ERR The + ID is meaningless in the context of XREADGROUP: you want to read the "
               "history of this consumer by specifying a proper ID, or use the > ID to get new "
               "messages. The + ID would just return an empty result set.",
               "XREADGROUP GROUP g c STREAMS k +");
}

static void waiting_ends_in_time(void) {
    fresh();
    int a = client_open_raw(server);
    expect_raw(a, "XREAD BLOCK 5 STREAMS k $\r\nPING\r\n", "*-1\r\n+PONG\r\n");
    expect_ok(c, "XGROUP CREATE k g 0 MKSTREAM");
    expect_raw(a, "XREADGROUP GROUP g c BLOCK 5 STREAMS k >\r\nPING\r\n", "*-1\r\n+PONG\r\n");
    expect_int(c, 0, "XGROUP CREATECONSUMER k g c");
    close(a);
}

/* In a transaction the time is over at once, and in a script it is not to be asked for. */
static void some_may_not_wait(void) {
    fresh();
    expect_ok(c, "XGROUP CREATE k g $ MKSTREAM");
    expect_ok(c, "MULTI");
    expect_status(c, "QUEUED", "XREAD BLOCK 0 STREAMS k $");
    expect_status(c, "QUEUED", "XREADGROUP GROUP g a BLOCK 0 STREAMS k >");
    expect_status(c, "QUEUED", "XADD k 1-1 a 1");
    expect_text(c, "[nil, nil, \"1-1\"]", "EXEC");
    expect_err(c, "ERR XRead command is not allowed with BLOCK option from scripts", "EVAL %s 0",
               "return redis.pcall('XRead', 'BLOCK', '1', 'STREAMS', 'k', '0')");
    expect_text(c, "[[\"k\", [[\"1-1\", [\"a\", \"1\"]]]]]", "EVAL %s 0",
                "return redis.call('XREADGROUP', 'GROUP', 'g', 'a', 'STREAMS', 'k', '>')");
}

/* -- XREADGROUP ------------------------------------------------------------------------ */

static void groups_deliver_once(void) {
    fresh();
    expect_ok(c, "XGROUP CREATE k g $ MKSTREAM");
    int a = waiter("XREADGROUP GROUP g a BLOCK 0 STREAMS k >\r\n", 1);
    int b = waiter("XREADGROUP GROUP g b BLOCK 0 STREAMS k >\r\n", 2);
    expect_str(c, "1-1", "XADD k 1-1 a 1");
    expect_raw(a, "", ONE_OF("k", ENTRY("1-1", "a", "1")));
    await(1);
    expect_text(c, "[1, \"1-1\", \"1-1\", [[\"a\", \"1\"]]]", "XPENDING k g");
    /* What moves the group gives nothing to who waits, as in Redis. */
    expect_ok(c, "XGROUP SETID k g 0");
    expect_int(c, 1, "XACK k g 1-1");
    expect_int(c, 1, "XGROUP CREATECONSUMER k g d");
    await(1);
    expect_str(c, "1-2", "XADD k 1-2 a 2");
    expect_raw(b, "",
               "*1\r\n*2\r\n$1\r\nk\r\n*2\r\n" ENTRY("1-1", "a", "1") ENTRY("1-2", "a", "2"));
    /* A history is served at once, even an empty one. */
    expect_raw(a, "XREADGROUP GROUP g a BLOCK 0 STREAMS k 0\r\n", "*1\r\n*2\r\n$1\r\nk\r\n*0\r\n");
    close(a);
    close(b);
}

static void groups_may_go_while_waited_for(void) {
    static const char read[] = "XREADGROUP GROUP g a BLOCK 0 STREAMS k >\r\n";
    fresh();
    expect_ok(c, "XGROUP CREATE k g $ MKSTREAM");
    int a = waiter(read, 1);
    expect_int(c, 1, "DEL k");
    expect_raw(a, "", NO_GROUP("k", "g"));
    expect_ok(c, "XGROUP CREATE k g $ MKSTREAM");
    expect_raw(a, read, "");
    await(1);
    expect_int(c, 1, "XGROUP DESTROY k g");
    expect_raw(a, "", NO_GROUP("k", "g"));
    expect_ok(c, "XGROUP CREATE k g $");
    expect_raw(a, read, "");
    await(1);
    expect_ok(c, "SET k v");
    expect_raw(a, "", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    expect_int(c, 1, "DEL k");
    expect_ok(c, "XGROUP CREATE k g $ MKSTREAM");
    expect_raw(a, read, "");
    await(1);
    expect_ok(c, "FLUSHALL");
    expect_raw(a, "", NO_GROUP("k", "g"));
    expect_ok(c, "XGROUP CREATE k g $ MKSTREAM");
    expect_raw(a, read, "");
    await(1);
    expect_ok(c, "SWAPDB 0 3");
    expect_raw(a, "", NO_GROUP("k", "g"));
    expect_ok(c, "SWAPDB 0 3");
    /* A key that leaves by itself, while no command comes. */
    expect_raw(a, read, "");
    await(1);
    expect_int(c, 1, "PEXPIRE k 30");
    expect_raw(a, "", NO_GROUP("k", "g"));
    /* Another stream in its place is read. */
    expect_ok(c, "XGROUP CREATE k g $ MKSTREAM");
    expect_raw(a, read, "");
    await(1);
    expect_ok(c, "XGROUP CREATE j g 0 MKSTREAM");
    expect_str(c, "3-1", "XADD j 3-1 a 1");
    expect_ok(c, "RENAME j k");
    expect_raw(a, "", ONE_OF("k", ENTRY("3-1", "a", "1")));
    close(a);
}

/* Since 7.2 who asks is made a consumer, and seen, whatever there is. */
static void consumers_come_by_asking(void) {
    fresh();
    expect_ok(c, "XGROUP CREATE k g $ MKSTREAM");
    expect_nil(c, "XREADGROUP GROUP g a STREAMS k >");
    expect_text(c, "[]", "XCLAIM k g b 0 1-1");
    expect_text(c, "[\"0-0\", [], []]", "XAUTOCLAIM k g d 0 0");
    expect_int(c, 0, "XGROUP CREATECONSUMER k g a");
    char *text = reply_text(cmd(c, "XINFO CONSUMERS k g"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "[\"name\", \"a\", \"pending\", 0, \"idle\", "));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"inactive\", -1], [\"name\", \"b\", \"pending\", 0, "));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"inactive\", -1], [\"name\", \"d\", "));
    free(text);
    expect_str(c, "1-1", "XADD k 1-1 a 1");
    expect_text(c, "[[\"k\", [[\"1-1\", [\"a\", \"1\"]]]]]", "XREADGROUP GROUP g a STREAMS k >");
    text = reply_text(cmd(c, "XINFO CONSUMERS k g"));
    CU_ASSERT_PTR_NULL(strstr(text, "\"inactive\", -1], [\"name\", \"b\""));
    free(text);
    CU_ASSERT(reply_has(cmd(c, "XGROUP CREATE k g 0"), "BUSYGROUP"));
}

/* WATCH minds entries, not what groups do with them. */
static void watching_minds_entries(void) {
    static const struct {
        const char *command;
        bool minds;
    } cases[] = {
        {"XADD k 5-1 a 1", true},
        {"XDEL k 1-1", true},
        {"XTRIM k MAXLEN 1", true},
        {"XTRIM k MAXLEN 100", false},
        {"XDELEX k IDS 1 1-1", true},
        {"XGROUP CREATE n h 0 MKSTREAM", true},
        {"XGROUP CREATE k h 0", false},
        {"XGROUP SETID k g 0", false},
        {"XGROUP DESTROY k g", false},
        {"XGROUP CREATECONSUMER k g z", false},
        {"XGROUP DELCONSUMER k g c", false},
        {"XSETID k 9-9", false},
        {"XACK k g 1-1", false},
        {"XNACK k g FAIL IDS 1 1-1", false},
        {"XCLAIM k g d 0 1-1", false},
        {"XAUTOCLAIM k g d 0 0", false},
        {"XREADGROUP GROUP g new STREAMS k >", false},
        {"XREADGROUP GROUP g c STREAMS k 0", false},
        {"XCFGSET k IDMP-MAXSIZE 7", false},
    };
    redisContext *other = client_open(server);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fresh();
        for (int n = 1; n <= 3; n++) freeReplyObject(cmd(c, "XADD k 1-%d a 1", n));
        expect_ok(c, "XGROUP CREATE k g 0");
        freeReplyObject(cmd(c, "XREADGROUP GROUP g c COUNT 2 STREAMS k >"));
        expect_ok(c, "WATCH k n");
        freeReplyObject(cmd(other, cases[i].command));
        expect_ok(c, "MULTI");
        expect_status(c, "QUEUED", "PING");
        if (!expect_text(c, cases[i].minds ? "nil" : "[PONG]", "EXEC")) puts(cases[i].command);
    }
    redisFree(other);
}

/* -- RESP3 ----------------------------------------------------------------------------- */

static void replies_are_maps(void) {
    fresh();
    int a = client_open_raw(server);
    expect_str(c, "1-1", "XADD k 1-1 a 1");
    expect_raw(a, "CLIENT REPLY OFF\r\nHELLO 3\r\nCLIENT REPLY ON\r\n", "+OK\r\n");
    expect_raw(a, "XREAD STREAMS k j 0 0\r\n", "%1\r\n$1\r\nk\r\n*1\r\n" ENTRY("1-1", "a", "1"));
    expect_raw(a, "XREAD STREAMS k $\r\n", "_\r\n");
    expect_raw(a, "XADD j NOMKSTREAM * a 1\r\n", "_\r\n");
    expect_raw(a, "XRANGE k - + COUNT 0\r\n", "_\r\n");
    expect_raw(a, "XGROUP CREATE k g 0\r\n", "+OK\r\n");
    expect_raw(a, "XPENDING k g\r\n", "*4\r\n:0\r\n_\r\n_\r\n_\r\n");
    expect_raw(
        a, "XINFO GROUPS k\r\n",
        "*1\r\n%6\r\n$4\r\nname\r\n$1\r\ng\r\n$9\r\nconsumers\r\n:0\r\n$7\r\npending\r\n:0\r\n"
        "$17\r\nlast-delivered-id\r\n$3\r\n0-0\r\n$12\r\nentries-read\r\n_\r\n$3\r\nlag\r\n:1"
        "\r\n");
    expect_raw(a, "XINFO STREAM k\r\n", "%10\r\n$6\r\nlength\r\n:1\r\n");
    close(a);
}

/* -- 8.2: references -------------------------------------------------------------------- */

static void deletion_minds_references(void) {
    fresh();
    for (int i = 1; i <= 5; i++) freeReplyObject(cmd(c, "XADD k 1-%d a %d", i, i));
    expect_ok(c, "XGROUP CREATE k g 0");
    expect_ok(c, "XGROUP CREATE k h 0");
    freeReplyObject(cmd(c, "XREADGROUP GROUP g a COUNT 3 STREAMS k >"));
    freeReplyObject(cmd(c, "XREADGROUP GROUP h b COUNT 2 STREAMS k >"));
    expect_int(c, 1, "XACK k g 1-1");
    /* Pending in h; not read by h; no such entry. */
    expect_text(c, "[2, 2, -1]", "XDELEX k ACKED IDS 3 1-1 1-4 0-7");
    expect_int(c, 1, "XACK k h 1-1");
    expect_text(c, "[1, -1]", "XDELEX k ACKED IDS 2 1-1 1-1");
    expect_text(c, "[1]", "XDELEX k IDS 1 1-2");
    expect_text(c, "[2, \"1-2\", \"1-3\", [[\"a\", \"2\"]]]", "XPENDING k g");
    expect_text(c, "[1]", "XDELEX k DELREF IDS 1 1-3");
    expect_text(c, "[1, \"1-2\", \"1-2\", [[\"a\", \"1\"]]]", "XPENDING k g");
    /* The references of what is gone go too. */
    expect_text(c, "[-1]", "XDELEX k DELREF IDS 1 1-2");
    expect_text(c, "[0, nil, nil, nil]", "XPENDING k g");
    expect_text(c, "[0, nil, nil, nil]", "XPENDING k h");
    expect_text(c, "[[\"1-4\", [\"a\", \"4\"]], [\"1-5\", [\"a\", \"5\"]]]", "XRANGE k - +");
    expect_text(c, "[-1, -1]", "XDELEX nokey IDS 2 1-1 1-2");
    expect_err(c, "ERR Number of IDs must be a positive integer", "XDELEX k IDS 0 1-1");
    expect_err(c, "ERR The `numids` parameter must match the number of arguments",
               "XDELEX k IDS 2 1-1");
    expect_err(c, "ERR syntax error", "XDELEX k IDS 1 1-1 1-2");
    expect_err(c, "ERR syntax error", "XDELEX k KEEPREF ACKED IDS 1 1-1");
    expect_err(c,
               "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> "
               "<consumer> option.",
               "XREAD STREAMS s %b", ">\0x", (size_t)3);
    expect_err(c, "ERR Invalid stream ID specified as stream command argument",
               "XDELEX k IDS 2 1-4 x");
    expect_int(c, 2, "XLEN k");
    expect_ok(c, "SET s v");
    expect_err_prefix(c, "WRONGTYPE", "XDELEX s IDS 1 1-1");
}

static void acknowledging_deletes(void) {
    fresh();
    for (int i = 1; i <= 4; i++) freeReplyObject(cmd(c, "XADD k 1-%d a %d", i, i));
    expect_ok(c, "XGROUP CREATE k g 0");
    expect_ok(c, "XGROUP CREATE k h 0");
    freeReplyObject(cmd(c, "XREADGROUP GROUP g a STREAMS k >"));
    freeReplyObject(cmd(c, "XREADGROUP GROUP h b COUNT 2 STREAMS k >"));
    expect_text(c, "[1, -1, -1]", "XACKDEL k g IDS 3 1-1 1-1 9-9");
    expect_text(c, "[2, \"1-1\", \"1-2\", [[\"b\", \"2\"]]]", "XPENDING k h");
    expect_text(c, "[2]", "XACKDEL k g ACKED IDS 1 1-2");
    expect_text(c, "[1]", "XACKDEL k h ACKED IDS 1 1-2");
    expect_text(c, "[2]", "XACKDEL k g ACKED IDS 1 1-3");
    expect_text(c, "[1]", "XACKDEL k g DELREF IDS 1 1-4");
    expect_text(c, "[[\"1-3\", [\"a\", \"3\"]]]", "XRANGE k - +");
    /* What is pending and gone counts as deleted. */
    expect_text(c, "[1]", "XACKDEL k h KEEPREF IDS 1 1-1");
    expect_text(c, "[-1]", "XACKDEL k nog IDS 1 1-1");
    expect_text(c, "[-1]", "XACKDEL nokey g IDS 1 1-1");
    expect_err(c, "ERR syntax error", "XACKDEL k g BAD IDS 1 1-1");
    char *text = reply_text(cmd(c, "XINFO STREAM k"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"max-deleted-entry-id\", \"1-4\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"recorded-first-entry-id\", \"1-3\""));
    free(text);
}

static void trimming_minds_references(void) {
    fresh();
    for (int i = 1; i <= 6; i++) freeReplyObject(cmd(c, "XADD k 1-%d a %d", i, i));
    expect_ok(c, "XGROUP CREATE k g 0");
    freeReplyObject(cmd(c, "XREADGROUP GROUP g a COUNT 4 STREAMS k >"));
    expect_int(c, 2, "XACK k g 1-1 1-3");
    /* What is pending stays, and what nobody has read. */
    expect_int(c, 2, "XTRIM k MAXLEN 0 ACKED");
    expect_int(c, 0, "XTRIM k ACKED MINID 9");
    expect_text(c, "[2, \"1-2\", \"1-4\", [[\"a\", \"2\"]]]", "XPENDING k g");
    expect_int(c, 1, "XTRIM k MINID 1-3 DELREF");
    expect_text(c, "[1, \"1-4\", \"1-4\", [[\"a\", \"1\"]]]", "XPENDING k g");
    expect_str(c, "2-1", "XADD k KEEPREF MAXLEN 1 2-1 a 1");
    expect_text(c, "[1, \"1-4\", \"1-4\", [[\"a\", \"1\"]]]", "XPENDING k g");
    expect_text(c, "[[\"2-1\", [\"a\", \"1\"]]]", "XRANGE k - +");
    expect_err(c, "ERR syntax error", "XTRIM k MAXLEN 1 ACKED DELREF");
    expect_err(c, "ERR Invalid stream ID specified as stream command argument",
               "XADD k ACKED ACKED MAXLEN 1 5-1 a 1");
}

/* -- 8.4: claiming while reading -------------------------------------------------------- */

/* Whether a claimed or new entry is this one, idle for at least and at most so many ms. */
static void expect_claimed(const redisReply *entry, const char *id, long long idle_ms_min,
                           long long idle_ms_max, long long deliveries) {
    CU_ASSERT_EQUAL_FATAL(entry->elements, 4);
    CU_ASSERT_STRING_EQUAL(entry->element[0]->str, id);
    CU_ASSERT_EQUAL(entry->element[1]->elements, 2);
    CU_ASSERT(entry->element[2]->integer >= idle_ms_min);
    CU_ASSERT(entry->element[2]->integer <= idle_ms_max);
    CU_ASSERT_EQUAL(entry->element[3]->integer, deliveries);
}

#define LONG_MS 20000

static void reading_claims(void) {
    fresh();
    for (int i = 1; i <= 4; i++) freeReplyObject(cmd(c, "XADD k 1-%d a %d", i, i));
    expect_ok(c, "XGROUP CREATE k g 0");
    freeReplyObject(cmd(c, "XREADGROUP GROUP g a COUNT 3 STREAMS k >"));
    expect_int(c, 1, "XDEL k 1-2");
    redisReply *r = cmd(c, "XREADGROUP GROUP g b CLAIM 0 STREAMS k >");
    CU_ASSERT_EQUAL_FATAL(r->elements, 1);
    const redisReply *entries = r->element[0]->element[1];
    CU_ASSERT_EQUAL_FATAL(entries->elements, 3);
    expect_claimed(entries->element[0], "1-1", 0, LONG_MS, 1);
    expect_claimed(entries->element[1], "1-3", 0, LONG_MS, 1);
    expect_claimed(entries->element[2], "1-4", 0, 0, 0);
    freeReplyObject(r);
    expect_text(c, "[4, \"1-1\", \"1-4\", [[\"a\", \"1\"], [\"b\", \"3\"]]]", "XPENDING k g");
    /* COUNT is for both together; what was just claimed comes last. */
    expect_str(c, "1-5", "XADD k 1-5 a 5");
    freeReplyObject(cmd(c, "XCLAIM k g a 0 1-3 IDLE 5000 JUSTID"));
    r = cmd(c, "XREADGROUP GROUP g b COUNT 2 CLAIM 1000 STREAMS k >");
    entries = r->element[0]->element[1];
    CU_ASSERT_EQUAL_FATAL(entries->elements, 2);
    expect_claimed(entries->element[0], "1-3", 5000, 5000 + LONG_MS, 2);
    expect_claimed(entries->element[1], "1-5", 0, 0, 0);
    freeReplyObject(r);
    expect_nil(c, "XREADGROUP GROUP g b CLAIM 100000 STREAMS k >");
    /* A history is as ever. */
    expect_text(c, "[[\"k\", [[\"1-3\", [\"a\", \"3\"]]]]]",
                "XREADGROUP GROUP g b CLAIM 0 COUNT 1 STREAMS k 1-2");
    expect_err(c, "ERR The CLAIM option is only supported by XREADGROUP. You called XREAD instead.",
               "XREAD CLAIM 0 STREAMS k 0");
    expect_err(c, "ERR min-idle-time must be a positive integer",
               "XREADGROUP GROUP g b CLAIM -1 STREAMS k >");
    expect_err(c, "ERR min-idle-time is not an integer or out of range",
               "XREADGROUP GROUP g b CLAIM x STREAMS k >");
}

/* Sends a command that waits, as the n-th. */
static redisContext *waiting_client(const char *command, int n) {
    redisContext *w = client_open(server);
    int done = 0;
    redisAppendCommand(w, command);
    CU_ASSERT_EQUAL_FATAL(redisBufferWrite(w, &done), REDIS_OK);
    await(n);
    return w;
}

static redisReply *its_reply(redisContext *w) {
    redisReply *r = NULL;
    CU_ASSERT_EQUAL_FATAL(redisGetReply(w, (void **)&r), REDIS_OK);
    return r;
}

static void waiting_claims_when_it_may(void) {
    fresh();
    expect_str(c, "1-1", "XADD k 1-1 a 1");
    expect_ok(c, "XGROUP CREATE k g 0");
    freeReplyObject(cmd(c, "XREADGROUP GROUP g a STREAMS k >"));
    long long start = server_now_ms();
    redisContext *w = waiting_client("XREADGROUP GROUP g b CLAIM 120 BLOCK 0 STREAMS k j >  >", 0);
    redisReply *r = its_reply(w);
    CU_ASSERT_EQUAL(r->type, REDIS_REPLY_ERROR); /* there is no j */
    freeReplyObject(r);
    redisFree(w);
    w = waiting_client("XREADGROUP GROUP g b CLAIM 120 BLOCK 0 STREAMS k >", 1);
    redisContext *later = waiting_client("XREADGROUP GROUP g d CLAIM 180 BLOCK 0 STREAMS k >", 2);
    r = its_reply(w);
    CU_ASSERT(server_now_ms() - start >= 100);
    expect_claimed(r->element[0]->element[1]->element[0], "1-1", 120, 120 + LONG_MS, 1);
    freeReplyObject(r);
    /* It belongs to b now, and has to be idle anew. */
    start = server_now_ms();
    r = its_reply(later);
    CU_ASSERT(server_now_ms() - start >= 160);
    expect_claimed(r->element[0]->element[1]->element[0], "1-1", 180, 180 + LONG_MS, 2);
    freeReplyObject(r);
    redisFree(later);
    redisFree(w);
    /* A new entry comes first, and a timeout ends it all the same. */
    w = waiting_client("XREADGROUP GROUP g b CLAIM 100000 BLOCK 0 STREAMS k >", 1);
    expect_str(c, "1-2", "XADD k 1-2 a 2");
    r = its_reply(w);
    expect_claimed(r->element[0]->element[1]->element[0], "1-2", 0, 0, 0);
    freeReplyObject(r);
    redisFree(w);
    expect_nil(c, "XREADGROUP GROUP g b CLAIM 100000 BLOCK 20 STREAMS k >");
}

/* -- 8.8: giving back ------------------------------------------------------------------- */

static void consumers_give_back(void) {
    fresh();
    for (int i = 1; i <= 5; i++) freeReplyObject(cmd(c, "XADD k 1-%d a %d", i, i));
    expect_ok(c, "XGROUP CREATE k g 0");
    freeReplyObject(cmd(c, "XREADGROUP GROUP g a COUNT 4 STREAMS k >"));
    expect_int(c, 1, "XNACK k g FAIL IDS 2 1-3 9-9");
    expect_int(c, 1, "XNACK k g SILENT IDS 1 1-1");
    expect_int(c, 1, "XNACK k g FATAL IDS 1 1-2");
    expect_int(c, 1, "XNACK k g FAIL IDS 1 1-4 RETRYCOUNT 7");
    expect_int(c, 0, "XNACK k g FAIL IDS 1 1-5");
    expect_int(c, 1, "XNACK k g FAIL FORCE IDS 2 1-5 9-9");
    expect_text(c,
                "[[\"1-1\", \"\", -1, 0], [\"1-2\", \"\", -1, 9223372036854775807], "
                "[\"1-3\", \"\", -1, 1], [\"1-4\", \"\", -1, 7], [\"1-5\", \"\", -1, 0]]",
                "XPENDING k g IDLE 100 - + 10");
    expect_text(c, "[5, \"1-1\", \"1-5\", []]", "XPENDING k g");
    expect_text(c, "[]", "XPENDING k g - + 10 a");
    char *text = reply_text(cmd(c, "XINFO STREAM k FULL"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"pel-count\", 5, \"nacked-count\", 5, \"pending\", "
                                        "[[\"1-1\", \"\", 0, 0], "));
    free(text);
    /* First given back, first claimed; deliveries that cannot be counted stay. */
    redisReply *r = cmd(c, "XREADGROUP GROUP g b COUNT 2 CLAIM 1000 STREAMS k >");
    const redisReply *entries = r->element[0]->element[1];
    expect_claimed(entries->element[0], "1-3", 1000, INT64_MAX, 1);
    expect_claimed(entries->element[1], "1-1", 1000, INT64_MAX, 0);
    freeReplyObject(r);
    expect_text(c, "[[\"1-2\", [\"a\", \"2\"]]]", "XCLAIM k g b 100000 1-2");
    CU_ASSERT(reply_has_text("9223372036854775807]]", "XPENDING k g 1-2 1-2 9 b"));
    expect_text(c, "[\"0-0\", [\"1-4\", \"1-5\"], []]", "XAUTOCLAIM k g b 100000 1-4 JUSTID");
    expect_int(c, 1, "XNACK k g SILENT IDS 1 1-2");
    expect_int(c, 1, "XACK k g 1-2");
    expect_int(c, 4, "XGROUP DELCONSUMER k g b");
    expect_text(c, "[0, nil, nil, nil]", "XPENDING k g");
    static const char *const errors[][2] = {
        {"ERR mode must be SILENT, FAIL, or FATAL", "XNACK k g BAD IDS 1 1-1"},
        {"ERR numids must be a positive integer", "XNACK k g FAIL IDS 0 1-1"},
        {"ERR number of IDs doesn't match numids", "XNACK k g FAIL IDS 2 1-1"},
        {"ERR Unrecognized XNACK option '1-2'", "XNACK k g FAIL IDS 1 1-1 1-2"},
        {"ERR Invalid RETRYCOUNT value, must be >= 0", "XNACK k g FAIL IDS 1 1-1 RETRYCOUNT -1"},
        {"ERR syntax error, expected IDS keyword", "XNACK k g FAIL RETRYCOUNT 1 FORCE"},
        {"NOGROUP No such key 'k' or consumer group 'nog'", "XNACK k nog FAIL IDS 1 1-1"},
        {"ERR Invalid stream ID specified as stream command argument", "XNACK k g FAIL IDS 1 x"},
    };
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        expect_err(c, errors[i][0], errors[i][1]);
    }
}

static void giving_back_wakes_who_claims(void) {
    fresh();
    expect_str(c, "1-1", "XADD k 1-1 a 1");
    expect_ok(c, "XGROUP CREATE k g 0");
    freeReplyObject(cmd(c, "XREADGROUP GROUP g a STREAMS k >"));
    redisContext *w = waiting_client("XREADGROUP GROUP g b CLAIM 100000 BLOCK 0 STREAMS k >", 1);
    expect_int(c, 1, "XNACK k g FAIL IDS 1 1-1");
    redisReply *r = its_reply(w);
    expect_claimed(r->element[0]->element[1]->element[0], "1-1", 100000, INT64_MAX, 1);
    freeReplyObject(r);
    redisFree(w);
}

/* In the form of 7.0, where nothing is pending of nobody, and back. */
static void what_was_given_back_is_kept(void) {
    fresh();
    for (int i = 1; i <= 3; i++) freeReplyObject(cmd(c, "XADD k 1-%d a %d", i, i));
    expect_ok(c, "XGROUP CREATE k g 0");
    freeReplyObject(cmd(c, "XREADGROUP GROUP g a STREAMS k >"));
    expect_int(c, 1, "XNACK k g FAIL IDS 1 1-2");
    char *before = reply_text(cmd(c, "XINFO STREAM k FULL"));
    redisReply *dump = cmd(c, "DUMP k");
    expect_ok(c, "RESTORE j 0 %b", dump->str, dump->len);
    freeReplyObject(dump);
    expect_int(c, 1, "COPY k i");
    expect_text(c, "[3, \"1-1\", \"1-3\", [[\"a\", \"2\"]]]", "XPENDING j g");
    char *copy = reply_text(cmd(c, "XINFO STREAM i FULL"));
    CU_ASSERT_STRING_EQUAL(copy, before);
    CU_ASSERT(reply_has_text("\"nacked-count\", 1", "XINFO STREAM j FULL"));
    free(copy);
    free(before);
}

/* A payload may say that something was delivered or seen long before the beginning of time. */
static void times_may_be_any(void) {
    fresh();
    freeReplyObject(cmd(c, "XADD k 1-1 a 1"));
    expect_ok(c, "XGROUP CREATE k g 0");
    freeReplyObject(cmd(c, "XREADGROUP GROUP g a STREAMS k >"));
    redisReply *dump = cmd(c, "DUMP k");
    int64_t now_ms = (int64_t)time(NULL) * 1000 + 1000, ms;
    int changed = 0;
    for (size_t i = 0; i + sizeof ms <= dump->len; i++) {
        memcpy(&ms, dump->str + i, sizeof ms);
        if (ms < now_ms - 60000 || ms > now_ms) continue;
        ms = INT64_MIN + 5;
        memcpy(dump->str + i, &ms, sizeof ms);
        changed++;
    }
    CU_ASSERT(changed >= 2);
    expect_ok(c, "DEBUG SET-SKIP-CHECKSUM-VALIDATION 1");
    expect_ok(c, "RESTORE j 0 %b", dump->str, dump->len);
    expect_ok(c, "DEBUG SET-SKIP-CHECKSUM-VALIDATION 0");
    freeReplyObject(dump);
    CU_ASSERT(reply_has_text("\"idle\", 0, ", "XINFO CONSUMERS j g"));
    freeReplyObject(cmd(c, "XPENDING j g IDLE 1 - + 10"));
    freeReplyObject(cmd(c, "XPENDING j g - + 10"));
    freeReplyObject(cmd(c, "XREADGROUP GROUP g b CLAIM 1 STREAMS j >"));
    freeReplyObject(cmd(c, "XAUTOCLAIM j g b 1 0"));
    expect_int(c, 1, "XACK j g 1-1");
}

/* -- 8.6: idempotent production --------------------------------------------------------- */

static void entries_are_added_once(void) {
    fresh();
    char *first = reply_text(cmd(c, "XADD k IDMP p i * a 1"));
    expect_text(c, first, "XADD k IDMP p i * b 2");
    char *other = reply_text(cmd(c, "XADD k IDMP q i * a 1"));
    CU_ASSERT_STRING_NOT_EQUAL(first, other);
    char *automatic = reply_text(cmd(c, "XADD k IDMPAUTO p * a 1 b 2"));
    expect_text(c, automatic, "XADD k IDMPAUTO p MAXLEN 1 * b 2 a 1");
    expect_text(c, first, "XADD k NOMKSTREAM IDMP p i * a 1");
    expect_nil(c, "XADD j NOMKSTREAM IDMP p i * a 1");
    expect_int(c, 3, "XLEN k");
    CU_ASSERT(reply_has_text("\"idmp-duration\", 100, \"idmp-maxsize\", 100, \"pids-tracked\", 2, "
                             "\"iids-tracked\", 3, \"iids-added\", 3, \"iids-duplicates\", 3, ",
                             "XINFO STREAM k"));
    expect_int(c, 1, "COPY k j");
    expect_text(c, first, "XADD j IDMP p i * a 1");
    free(first);
    free(other);
    free(automatic);
    static const char *const errors[][2] = {
        {"ERR syntax error, IDMP/IDMPAUTO specified multiple times",
         "XADD k IDMPAUTO p IDMP p i * a 1"},
        {"ERR syntax error, IDMP/IDMPAUTO can be used only with auto-generated IDs",
         "XADD k IDMP p i 5-* a 1"},
        {"ERR Invalid stream ID specified as stream command argument", "XADD k IDMP p i x a 1"},
    };
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        expect_err(c, errors[i][0], errors[i][1]);
    }
    expect_err(c, "ERR syntax error, IDMPAUTO requires a non-empty producer ID",
               "XADD k IDMPAUTO %s * a 1", "");
    expect_err(c, "ERR syntax error, IDMP requires a non-empty producer ID",
               "XADD k IDMP %s i * a 1", "");
    expect_err(c, "ERR syntax error, IDMP requires a non-empty idempotent ID",
               "XADD k IDMP p %s * a 1", "");
}

static void what_producers_sent_is_forgotten(void) {
    fresh();
    expect_str(c, "1-1", "XADD k 1-1 a 1");
    expect_ok(c, "XCFGSET k IDMP-MAXSIZE 2 IDMP-DURATION 1");
    char *i1 = reply_text(cmd(c, "XADD k IDMP p i1 * a 1"));
    char *i2 = reply_text(cmd(c, "XADD k IDMP p i2 * a 1"));
    expect_text(c, i1, "XADD k IDMP p i1 * a 1");
    freeReplyObject(cmd(c, "XADD k IDMP p i3 * a 1"));
    expect_int(c, 4, "XLEN k");
    expect_text(c, i2, "XADD k IDMP p i2 * a 1");
    freeReplyObject(cmd(c, "XADD k IDMP p i1 * a 1"));
    expect_int(c, 5, "XLEN k");
    CU_ASSERT(reply_has_text("\"pids-tracked\", 1, \"iids-tracked\", 2,", "XINFO STREAM k"));
    server_sleep_ms(1100);
    CU_ASSERT(reply_has_text("\"pids-tracked\", 0, \"iids-tracked\", 0,", "XINFO STREAM k"));
    freeReplyObject(cmd(c, "XADD k IDMP p i1 * a 1"));
    expect_int(c, 6, "XLEN k");
    /* The same again changes nothing, other limits forget. */
    expect_ok(c, "XCFGSET k IDMP-DURATION 1");
    freeReplyObject(cmd(c, "XADD k IDMP p i1 * a 1"));
    expect_int(c, 6, "XLEN k");
    expect_ok(c, "XCFGSET k IDMP-DURATION 50");
    freeReplyObject(cmd(c, "XADD k IDMP p i1 * a 1"));
    expect_int(c, 7, "XLEN k");
    free(i1);
    free(i2);
    static const char *const errors[][2] = {
        {"ERR no such key", "XCFGSET nokey IDMP-DURATION 1"},
        {"ERR At least one parameter must be specified", "XCFGSET k"},
        {"ERR IDMP-DURATION must be between 1 and 86400 seconds", "XCFGSET k IDMP-DURATION 86401"},
        {"ERR IDMP-MAXSIZE must be between 1 and 10000 entries", "XCFGSET k IDMP-MAXSIZE 0"},
        {"ERR IDMP-MAXSIZE specified multiple times", "XCFGSET k IDMP-MAXSIZE 1 IDMP-MAXSIZE 1"},
        {"ERR value is not an integer or out of range", "XCFGSET k IDMP-MAXSIZE x"},
        {"ERR syntax error", "XCFGSET k IDMP-MAXSIZE"},
        {"ERR No such message in stream", "XIDMPRECORD k p i 9-9"},
        {"ERR no such key", "XIDMPRECORD nokey p i 9-9"},
    };
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        expect_err(c, errors[i][0], errors[i][1]);
    }
    expect_err(c, "ERR producer ID must be non-empty", "XIDMPRECORD k %s i 1-1", "");
    expect_err(c, "ERR idempotent ID must be non-empty", "XIDMPRECORD k p %s 1-1", "");
}

static void what_producers_sent_can_be_told(void) {
    fresh();
    char *id = reply_text(cmd(c, "XADD k * a 1"));
    char *bare = id + 1;
    bare[strlen(bare) - 1] = 0;
    expect_ok(c, "XIDMPRECORD k p i %s", bare);
    expect_ok(c, "XIDMPRECORD k p i %s", bare);
    expect_str(c, bare, "XADD k IDMP p i * a 1");
    redisReply *r = cmd(c, "XADD k * a 2");
    expect_err(c, "ERR IID already exists for this producer with a different stream ID",
               "XIDMPRECORD k p i %s", r->str);
    freeReplyObject(r);
    free(id);
    expect_text(c, "[\"stream-idmp-duration\", \"100\"]", "CONFIG GET stream-idmp-duration");
    expect_ok(c, "CONFIG SET stream-idmp-duration 7 stream-idmp-maxsize 8");
    freeReplyObject(cmd(c, "XADD j IDMP p i * a 1"));
    CU_ASSERT(reply_has_text("\"idmp-duration\", 7, \"idmp-maxsize\", 8,", "XINFO STREAM j"));
    expect_ok(c, "CONFIG SET stream-idmp-duration 100 stream-idmp-maxsize 100");
    CU_ASSERT(reply_has(cmd(c, "CONFIG SET stream-idmp-maxsize 10001"), "ERR"));
}

/* -- sizes ------------------------------------------------------------------------------ */

/* Nodes of any size hold the same. */
static void nodes_may_be_small(void) {
    static const char *const bytes[] = {"1", "60", "300", "0"};
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        fresh();
        expect_ok(c, "CONFIG SET stream-node-max-bytes %s stream-node-max-entries 3", bytes[i]);
        for (int n = 1; n <= 40; n++) {
            char value[400];
            memset(value, 'v', sizeof value);
            freeReplyObject(cmd(c, "XADD k %d-1 a %b", n, value, (size_t)(n * 97 % 400)));
        }
        expect_int(c, 1, "XDEL k 20-1");
        expect_int(c, 39, "XLEN k");
        redisReply *r = cmd(c, "XRANGE k - +");
        CU_ASSERT_EQUAL_FATAL(r->elements, 39);
        for (size_t n = 0; n < r->elements; n++) {
            size_t ms = n + 1 + (n >= 19);
            CU_ASSERT_EQUAL(atol(r->element[n]->element[0]->str), (long)ms);
            CU_ASSERT_EQUAL(r->element[n]->element[1]->element[1]->len, ms * 97 % 400);
        }
        freeReplyObject(r);
        expect_int(c, 29, "XTRIM k MAXLEN 10");
    }
    expect_ok(c, "CONFIG SET stream-node-max-bytes 4096 stream-node-max-entries 100");
}

/* Names of any length are told whole. */
static void errors_are_told_whole(void) {
    fresh();
    char name[5001], want[5200];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    snprintf(want, sizeof want, "NOGROUP No such key '%s' or consumer group 'g'", name);
    expect_err(c, want, "XPENDING %s g", name);
}

/* A group with much pending is freed elsewhere. */
static void large_groups_go(void) {
    fresh();
    expect_ok(c, "XGROUP CREATE k g 0 MKSTREAM");
    for (int i = 1; i <= 3000; i++) redisAppendCommand(c, "XADD k %d-1 a 1", i);
    for (int i = 1; i <= 3000; i++) {
        redisReply *r = its_reply(c);
        freeReplyObject(r);
    }
    freeReplyObject(cmd(c, "XREADGROUP GROUP g a STREAMS k >"));
    CU_ASSERT(reply_has_text("[3000, ", "XPENDING k g"));
    expect_int(c, 1, "XGROUP DESTROY k g");
    expect_int(c, 0, "XGROUP DESTROY k g");
    expect_int(c, 3000, "XLEN k");
    expect_int(c, 1, "DEL k");
}

int main(void) {
    static const struct suite_test tests[] = {
        {"readers_get_what_is_new", readers_get_what_is_new},
        {"readers_may_ask_for_the_last", readers_may_ask_for_the_last},
        {"waiting_ends_in_time", waiting_ends_in_time},
        {"some_may_not_wait", some_may_not_wait},
        {"groups_deliver_once", groups_deliver_once},
        {"groups_may_go_while_waited_for", groups_may_go_while_waited_for},
        {"consumers_come_by_asking", consumers_come_by_asking},
        {"watching_minds_entries", watching_minds_entries},
        {"replies_are_maps", replies_are_maps},
        {"deletion_minds_references", deletion_minds_references},
        {"acknowledging_deletes", acknowledging_deletes},
        {"trimming_minds_references", trimming_minds_references},
        {"reading_claims", reading_claims},
        {"waiting_claims_when_it_may", waiting_claims_when_it_may},
        {"consumers_give_back", consumers_give_back},
        {"giving_back_wakes_who_claims", giving_back_wakes_who_claims},
        {"what_was_given_back_is_kept", what_was_given_back_is_kept},
        {"times_may_be_any", times_may_be_any},
        {"entries_are_added_once", entries_are_added_once},
        {"what_producers_sent_is_forgotten", what_producers_sent_is_forgotten},
        {"what_producers_sent_can_be_told", what_producers_sent_can_be_told},
        {"nodes_may_be_small", nodes_may_be_small},
        {"errors_are_told_whole", errors_are_told_whole},
        {"large_groups_go", large_groups_go},
        {NULL, NULL},
    };
    static const char *const args[] = {"--enable-debug-command", "yes", NULL};
    server = server_start(args);
    c = client_open(server);
    int status = suite_main("streams", tests);
    redisFree(c);
    return server_stop(server) ? 1 : status;
}
