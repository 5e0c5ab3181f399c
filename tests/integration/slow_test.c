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

static void forget_replies(redisContext *c, int n) {
    for (int i = 0; i < n; i++) freeReplyObject(wait_for(c));
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
    expect_status(b, "PONG", "PING");
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
    r = cmd(a, "EVAL %s 1 s",
            "return #redis.call('XREADGROUP','GROUP','g','c','STREAMS',KEYS[1],'0')"
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
    expect_status(b, "PONG", "PING");
}

/* -- adding ---------------------------------------------------------------------------- */

/* A command that adds items 0 ... MANY-1, each in several arguments; the last of some may be bad.
 */
struct adder {
    const char *command, *few, *count, *kind;
    const char *item[3];  /* formats with the item's number */
    const char *one, *is; /* a read of item 7, and its reply */
    const char *bad, *error;
};

static const struct adder adders[] = {
    {"SADD", "SADD k few", "SCARD k", "set", {"m%d"}, "SISMEMBER k m7", "1", NULL, NULL},
    {"HSET", "HSET k few 1", "HLEN k", "hash", {"f%d", "v%d"}, "HGET k f7", "\"v7\"", NULL, NULL},
    {"HMSET", "HSET k few 1", "HLEN k", "hash", {"f%d", "v%d"}, "HGET k f7", "\"v7\"", NULL, NULL},
    {"ZADD",
     "ZADD k 1 few",
     "ZCARD k",
     "zset",
     {"%d", "m%d"},
     "ZSCORE k m7",
     "\"7\"",
     "x",
     "ERR value is not a valid float"},
    {"GEOADD",
     "GEOADD k 1 1 few",
     "ZCARD k",
     "zset",
     {"1.%d", "2", "m%d"},
     "ZRANK k m7",
     NULL,
     "x",
     "ERR value is not a valid float"},
    {"RPUSH", "RPUSH k few", "LLEN k", "list", {"m%d"}, NULL, NULL, NULL, NULL},
    {"LPUSH", "LPUSH k few", "LLEN k", "list", {"m%d"}, NULL, NULL, NULL, NULL},
};

/* It has what is added twice two times. */
static bool is_list(const struct adder *x) { return strcmp(x->kind, "list") == 0; }

/* Queues the command; `bad`: in place of the last item's first argument. */
static void append_items(redisContext *c, const struct adder *x, const char *bad) {
    enum { TEXT = 16 };
    static char texts[3 * MANY][TEXT];
    static const char *argv[3 * MANY + 2];
    int n = 0;
    argv[n++] = x->command;
    argv[n++] = "k";
    for (int i = 0; i < MANY; i++) {
        for (int k = 0; k < 3 && x->item[k]; k++, n++) {
            snprintf(texts[n - 2], TEXT, x->item[k], i);
            argv[n] = texts[n - 2];
            if (bad && k == 0 && i == MANY - 1) argv[n] = bad;
        }
    }
    CU_ASSERT_EQUAL(redisAppendCommandArgv(c, n, argv, NULL), REDIS_OK);
}

/* Who reads the key sees what was there before, or all. */
static void expect_all_at_once(const struct adder *x, int before) {
    send_all(a);
    for (bool over = false; !over;) {
        redisReply *r = cmd(b, x->count);
        CU_ASSERT(r->integer == before || r->integer == before + MANY);
        over = r->integer != before;
        freeReplyObject(r);
    }
    char *got = reply_text(wait_for(a)), want[16];
    snprintf(want, sizeof want, "%d", is_list(x) ? before + MANY : MANY);
    CU_ASSERT_STRING_EQUAL(got, strcmp(x->command, "HMSET") == 0 ? "OK" : want);
    free(got);
    if (!x->is) return;
    got = reply_text(cmd(b, x->one));
    CU_ASSERT_STRING_EQUAL(got, x->is);
    free(got);
}

static void adding(void) {
    for (size_t i = 0; i < sizeof adders / sizeof *adders; i++) {
        const struct adder *x = &adders[i];
        expect_ok(a, "FLUSHALL");
        append_items(a, x, NULL); /* to none */
        expect_all_at_once(x, 0);
        append_items(a, x, NULL); /* what is there */
        freeReplyObject(wait_for(a));
        expect_int(a, is_list(x) ? 2 * MANY : MANY, x->count);
        expect_ok(a, "FLUSHALL");
        freeReplyObject(cmd(a, x->few));
        append_items(a, x, NULL); /* to a packed one */
        expect_all_at_once(x, 1);
        expect_status(a, x->kind, "TYPE k");
        if (!x->bad) continue;
        append_items(a, x, x->bad);
        redisReply *r = wait_for(a);
        CU_ASSERT(r->type == REDIS_REPLY_ERROR && strcmp(r->str, x->error) == 0);
        freeReplyObject(r);
        expect_int(a, MANY + 1, x->count);
        expect_ok(a, "FLUSHALL");
        append_items(a, x, x->bad);
        freeReplyObject(wait_for(a));
        expect_int(a, 0, "EXISTS k");
    }
}

/* Their clients leave; they are added to a large one, and from a transaction. */
static void adding_without_a_client(void) {
    for (size_t i = 0; i < sizeof adders / sizeof *adders; i++) {
        const struct adder *x = &adders[i];
        expect_ok(a, "FLUSHALL");
        redisContext *c = client_open(server);
        append_items(c, x, NULL);
        send_all(c);
        redisFree(c);
        for (int k = 0; k < 5000 && reply_int(cmd(b, x->count)) != MANY; k++) usleep(1000);
        expect_int(b, MANY, x->count);
        freeReplyObject(cmd(b, x->few));
        expect_ok(a, "MULTI");
        append_items(a, x, NULL);
        freeReplyObject(wait_for(a));
        redisAppendCommand(a, x->count);
        freeReplyObject(wait_for(a));
        redisReply *r = cmd(a, "EXEC");
        CU_ASSERT_EQUAL_FATAL(r->elements, 2);
        CU_ASSERT_EQUAL(r->element[1]->integer, is_list(x) ? 2 * MANY + 1 : MANY + 1);
        freeReplyObject(r);
    }
}

/* Elements come in the order of the arguments; LPUSH turns them round. */
static void pushed_in_order(void) {
    for (size_t i = 0; i < sizeof adders / sizeof *adders; i++) {
        if (!is_list(&adders[i])) continue;
        bool first = adders[i].command[0] == 'L';
        expect_ok(a, "FLUSHALL");
        append_items(a, &adders[i], NULL);
        append_items(a, &adders[i], NULL);
        forget_replies(a, 2);
        redisReply *r = cmd(a, "LRANGE k 0 -1");
        CU_ASSERT_EQUAL_FATAL(r->elements, 2 * MANY);
        for (int k = 0; k < 2 * MANY; k++) {
            int at = first ? 2 * MANY - 1 - k : k;
            if (atoi(r->element[at]->str + 1) != k % MANY) CU_FAIL_FATAL("out of order");
        }
        freeReplyObject(r);
    }
}

/* Reads of many items beside commands that change all of them. */
static void asking_is_of_one_instant(void) {
    enum { ROUNDS = 6 };
    static char names[MANY][12], scores[2][4] = {"1", "2"};
    static const char *hset[2 * MANY + 2] = {"HSET", "h"}, *hmget[MANY + 2] = {"HMGET", "h"};
    static const char *zadd[2 * MANY + 2] = {"ZADD", "z"}, *zmscore[MANY + 2] = {"ZMSCORE", "z"};
    static const char *sadd[MANY + 2] = {"SADD", "s"}, *ask[MANY + 2] = {"SMISMEMBER", "s"};
    const char **reads[] = {hmget, zmscore, ask};
    expect_ok(a, "FLUSHALL");
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "m%d", i);
        hset[2 * i + 2] = zadd[2 * i + 3] = names[i];
        hmget[i + 2] = zmscore[i + 2] = sadd[i + 2] = ask[i + 2] = names[i];
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < MANY; i++) hset[2 * i + 3] = zadd[2 * i + 2] = scores[round % 2];
        redisAppendCommandArgv(a, 2 * MANY + 2, hset, NULL);
        redisAppendCommandArgv(a, 2 * MANY + 2, zadd, NULL);
        sadd[0] = round % 2 ? "SREM" : "SADD";
        redisAppendCommandArgv(a, MANY + 2, sadd, NULL);
        send_all(a);
        for (int k = 0; k < 3; k++) redisAppendCommandArgv(b, MANY + 2, reads[k], NULL);
        for (int k = 0; k < 3; k++) {
            redisReply *r = wait_for(b);
            CU_ASSERT_EQUAL_FATAL(r->elements, MANY);
            char *first = client_text(r->element[0]);
            for (int i = 1; i < MANY; i++) {
                char *text = client_text(r->element[i]);
                if (strcmp(first, text) != 0) CU_FAIL_FATAL("some were changed, some not");
                free(text);
            }
            free(first);
            freeReplyObject(r);
        }
        forget_replies(a, 3);
    }
}

/* Long values are kept as they came, and memory is let go when all is done. */
static void adding_long_values(void) {
    enum { PAIRS = 400, BYTES = 20000 };
    static char fields[PAIRS][16], value[BYTES];
    static const char *argv[2 * PAIRS + 2] = {"HSET", "long"};
    static size_t sizes[2 * PAIRS + 2] = {4, 4};
    memset(value, 'v', BYTES);
    for (int i = 0; i < PAIRS; i++) {
        argv[2 * i + 2] = fields[i];
        sizes[2 * i + 2] = (size_t)snprintf(fields[i], sizeof fields[i], "f%d", i);
        argv[2 * i + 3] = value;
        sizes[2 * i + 3] = i % 3 ? BYTES : 20;
    }
    CU_ASSERT_EQUAL(redisAppendCommandArgv(a, 2 * PAIRS + 2, argv, sizes), REDIS_OK);
    CU_ASSERT_EQUAL(reply_int(wait_for(a)), PAIRS);
    expect_int(a, BYTES, "HSTRLEN long f1");
    expect_int(a, 20, "HSTRLEN long f399");
    redisReply *r = cmd(b, "CLIENT LIST");
    for (const char *at = r->str; (at = strstr(at, " qbuf=")); at++) CU_ASSERT(atoi(at + 6) < 1000);
    freeReplyObject(r);
    expect_int(a, 1, "DEL long");
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
    expect_text(a, "[\"n17\", \"17\", nil, \"n16\", \"16\", nil]",
                "SORT l BY w_* LIMIT %d 2 GET o_*->name GET # GET none_*", MANY - 18);
    expect_text(a, "[\"n9999\", \"n9998\"]",
                "SORT l BY o_*->name ALPHA DESC GET o_*->name LIMIT 0 2");
    expect_text(a, "[\"n3\", \"n4\"]", "SORT l BY nosort LIMIT 3 2 GET o_*->name");
    expect_int(a, 2 * MANY, "SORT l BY w_* GET # GET o_*->name STORE d");
    expect_int(a, 2 * MANY, "LLEN d");
    expect_text(a, "[\"1\", \"n1\", \"0\", \"n0\"]", "LRANGE d -4 -1");
    expect_int(a, 3, "SORT l BY w_* LIMIT 0 3 GET o_*->name STORE d");
    expect_str(a, "listpack", "OBJECT ENCODING d");
    expect_ok(a, "SET w_77 x");
    expect_err(a, "ERR One or more scores can't be converted into double", "SORT l BY w_*");
    expect_err(a, "ERR One or more scores can't be converted into double",
               "SORT l BY w_* GET o_*->name STORE d");
    expect_int(a, 3, "LLEN d");
}

/* The first and the last element change their weights in one transaction, over and over: they are
 * never seen halfway. Their names change likewise. */
static void sorted_in_one_instant(void) {
    make_sort();
    redisAppendCommand(a, "SET x_0 0");
    redisAppendCommand(a, "SET x_%d 0", MANY - 1);
    forget_replies(a, 2);
    for (int round = 0; round < 8; round++) {
        redisAppendCommand(a, "SORT l BY w_* GET x_* GET w_*");
        send_all(a);
        for (int i = 0; i < CHANGES; i++) {
            redisAppendCommand(b, "MULTI");
            redisAppendCommand(b, "SET x_0 %d", round * CHANGES + i);
            redisAppendCommand(b, "SET w_0 %d", i % 2 ? MANY : -1);
            redisAppendCommand(b, "SET x_%d %d", MANY - 1, round * CHANGES + i);
            redisAppendCommand(b, "SET w_%d %d", MANY - 1, i % 2 ? -1 : MANY);
            redisAppendCommand(b, "EXEC");
            forget_replies(b, 6);
        }
        redisReply *r = wait_for(a);
        CU_ASSERT_EQUAL_FATAL(r->elements, 2 * MANY);
        const char *first = r->element[0]->str, *last = r->element[2 * MANY - 2]->str;
        CU_ASSERT_FATAL(first != NULL && last != NULL);
        CU_ASSERT_STRING_EQUAL(first, last);
        for (int i = 1; i < MANY; i++)
            CU_ASSERT(atoi(r->element[2 * i - 1]->str) <= atoi(r->element[2 * i + 1]->str));
        freeReplyObject(r);
    }
}

/* Keys that end while it is under way, all in one instant. */
static void keys_that_end_meanwhile(void) {
    make_sort();
    for (int i = 0; i < MANY; i++) redisAppendCommand(a, "PEXPIREAT w_%d 99999999999999", i);
    forget_replies(a, MANY);
    for (int round = 0; round < 5; round++) {
        redisReply *now = cmd(a, "TIME");
        long long at = atoll(now->element[0]->str) * 1000 + atoll(now->element[1]->str) / 1000 + 30;
        freeReplyObject(now);
        redisAppendCommand(a, "SET first 1 PXAT %lld", at);
        redisAppendCommand(a, "SET w_0 1 PXAT %lld", at);
        redisAppendCommand(a, "SET w_%d 1 PXAT %lld", MANY - 1, at);
        redisAppendCommand(a, "SORT l BY nosort GET w_*");
        redisAppendCommand(a, "SORT l BY nosort GET w_*");
        forget_replies(a, 3);
        for (int i = 0; i < 2; i++) {
            redisReply *r = wait_for(a);
            CU_ASSERT_EQUAL_FATAL(r->elements, MANY);
            CU_ASSERT_EQUAL(r->element[0]->type, r->element[MANY - 1]->type);
            freeReplyObject(r);
        }
    }
}

/* A transaction that goes on is not seen halfway. */
static void sorting_beside_one_that_goes_on(void) {
    static const char script[] =
        "for i=1,20 do for k=1,#KEYS do redis.call('set',KEYS[k],ARGV[1]) end "
        "local t=os.clock() while os.clock()-t<0.0005 do redis.call('exists',KEYS[1]) end end";
    make_sort();
    for (int round = 0; round < 12; round++) {
        redisAppendCommand(a, "SORT l BY nosort GET w_*");
        redisAppendCommand(b, "EVAL %s 2 w_0 w_%d %d", script, MANY - 1, round);
        send_all(a);
        send_all(b);
        forget_replies(b, 1);
        redisReply *r = wait_for(a);
        CU_ASSERT_EQUAL_FATAL(r->elements, MANY);
        int first = atoi(r->element[0]->str), last = atoi(r->element[MANY - 1]->str);
        CU_ASSERT(first == last || round == 0);
        freeReplyObject(r);
    }
}

/* The time of the list comes, which one of its elements names, while it is held for the sake of
 * SORT: the loop sleeps over it. */
static void sorting_by_itself(void) {
    expect_ok(a, "FLUSHALL");
    append_ids(a, "RPUSH base", 1, MANY);
    forget_replies(a, 1);
    for (int round = 0; round < 3; round++) {
        expect_int(a, 1, "COPY base l5-1 REPLACE");
        redisAppendCommand(a, "PEXPIRE l5-1 2");
        redisAppendCommand(a, "SORT l5-1 BY l* LIMIT 0 3");
        redisAppendCommand(b, "DEBUG SLEEP 0.005");
        send_all(a);
        send_all(b);
        forget_replies(b, 1);
        forget_replies(a, 1);
        redisReply *r = wait_for(a);
        CU_ASSERT_EQUAL(r->type, REDIS_REPLY_ARRAY);
        CU_ASSERT(r->elements == 3 || r->elements == 0);
        freeReplyObject(r);
        usleep(3000);
        expect_int(b, 0, "EXISTS l5-1");
    }
}

/* -- what is copied, or given up --------------------------------------------------------- */

enum { BIG = 8 * 1024 * 1024 };

static void make_shared(void) {
    expect_ok(a, "FLUSHALL");
    expect_int(a, BIG, "SETRANGE k %d x", BIG - 1);
    expect_int(a, 1, "COPY k kept");
}

static void edits_of_shared_values(void) {
    make_shared();
    redisAppendCommand(a, "APPEND k yz");
    redisAppendCommand(b, "GET other");
    redisAppendCommand(b, "APPEND k !");
    redisAppendCommand(b, "STRLEN k");
    send_all(a);
    CU_ASSERT_EQUAL(reply_int(wait_for(a)), BIG + 2);
    forget_replies(b, 1);
    CU_ASSERT_EQUAL(reply_int(wait_for(b)), BIG + 3);
    CU_ASSERT_EQUAL(reply_int(wait_for(b)), BIG + 3);
    expect_str(a, "xyz!", "GETRANGE k -4 -1");
    expect_int(a, BIG, "STRLEN kept");
    make_shared();
    expect_int(a, 0, "SETBIT k 7 1");
    expect_int(a, 1, "GETBIT k 7");
    expect_int(a, 0, "GETBIT kept 7");
    make_shared();
    expect_int(a, BIG, "SETRANGE k 10 abc");
    expect_str(a, "abc", "GETRANGE k 10 12");
    expect_int(a, 4, "BITCOUNT kept");
    make_shared();
    expect_text(a, "[0, 200, 200]", "BITFIELD k SET u8 0 200 GET u8 0 INCRBY u8 0 0");
    expect_int(a, 0, "GETBIT kept 0");
    make_shared();
    expect_int(a, 3 * BIG, "SETRANGE k %d x", 3 * BIG - 1);
    expect_text(a, "[120, 0, 120]", "BITFIELD k GET u8 #%d GET u8 #%d GET u8 #%d", BIG - 1, BIG,
                3 * BIG - 1);
}

static void edits_within_others(void) {
    make_shared();
    expect_int(a, BIG + 1, "EVAL %s 1 k", "return redis.call('append',KEYS[1],'z')");
    make_shared();
    redisAppendCommand(a, "MULTI");
    redisAppendCommand(a, "APPEND k z");
    redisAppendCommand(a, "COPY k kept REPLACE");
    redisAppendCommand(a, "SETBIT k 0 1");
    redisAppendCommand(a, "EXEC");
    forget_replies(a, 4);
    char *text = reply_text(wait_for(a));
    CU_ASSERT_STRING_EQUAL(text, "[8388609, 1, 0]");
    free(text);
    expect_int(a, 0, "GETBIT kept 0");
    expect_int(a, BIG + 1, "STRLEN kept");
}

/* What is cut off large values goes, and nothing else. */
static void much_that_is_given_up(void) {
    enum { ELEMENTS = 2000, BYTES = 9000 };
    static char element[BYTES + 1];
    memset(element, 'x', BYTES);
    expect_ok(a, "FLUSHALL");
    for (int i = 0; i < ELEMENTS; i++) {
        redisAppendCommand(a, "RPUSH l %d%s", i, element);
        redisAppendCommand(a, "HSET h f%d %s", i, element);
        redisAppendCommand(a, "ZADD z %d %d%s", i, i, element);
    }
    forget_replies(a, 3 * ELEMENTS);
    expect_ok(a, "LTRIM l 1000 1001");
    expect_int(a, 2, "LLEN l");
    expect_int(a, 500, "ZREMRANGEBYSCORE z 0 499");
    expect_int(a, ELEMENTS - 500, "ZCARD z");
    append_ids(a, "HDEL h", 0, 1);
    forget_replies(a, 1);
    for (int i = 0; i < ELEMENTS - 1; i++) redisAppendCommand(a, "HDEL h f%d", i);
    forget_replies(a, ELEMENTS - 1);
    expect_int(a, 1, "HLEN h");
    redisReply *r = cmd(a, "LPOP l 2");
    CU_ASSERT_EQUAL_FATAL(r->elements, 2);
    CU_ASSERT_EQUAL(atoi(r->element[1]->str), 1001);
    freeReplyObject(r);
}

/* The log tells what these commands did, and SORT's result although its keys change meanwhile. */
static void the_log_repeats_them(void) {
    static const char *const args[] = {"--appendonly", "yes", "--enable-debug-command", "yes",
                                       NULL};
    struct server *s = server_start(args);
    redisContext *was_a = a, *was_b = b;
    a = client_open(s);
    b = client_open(s);
    make_sort();
    for (int round = 0; round < 4; round++) {
        redisAppendCommand(a, "SORT l BY w_* GET w_* GET o_*->name STORE d%d", round);
        send_all(a);
        for (int i = 0; i < CHANGES; i++) {
            redisAppendCommand(b, "SET w_%d %d", i * 97 % MANY, round + i);
            redisAppendCommand(b, "HSET o_%d name %d", i * 89 % MANY, round + i);
        }
        forget_replies(b, 2 * CHANGES);
        CU_ASSERT_EQUAL(reply_int(wait_for(a)), 2 * MANY);
    }
    for (int i = 1; i <= MANY; i++) redisAppendCommand(a, "XADD s %d-1 f v%d", i, i);
    redisAppendCommand(a, "XGROUP CREATE s g 0");
    redisAppendCommand(a, "XREADGROUP GROUP g c COUNT %d STREAMS s >", MANY / 2);
    append_ids(a, "XACK s g", 1, 1000);
    append_ids(a, "XCLAIM s g d 0", 1001, 1000);
    redisAppendCommand(a, "XAUTOCLAIM s g e 0 3000-1 COUNT 1000");
    append_ids(a, "XDEL s", 2500, 1000);
    redisAppendCommand(a, "XTRIM s MAXLEN %d DELREF", MANY / 2);
    for (size_t i = 0; i < sizeof adders / sizeof *adders; i++) {
        append_items(a, &adders[i], NULL);
        redisAppendCommand(a, "RENAME k %s", adders[i].command);
        forget_replies(a, 2);
    }
    redisAppendCommand(a, "SETRANGE big 2000000 x");
    redisAppendCommand(a, "COPY big kept");
    redisAppendCommand(a, "APPEND big y");
    forget_replies(a, MANY + 10);
    char *before = reply_text(cmd(a, "DEBUG DIGEST"));
    char *pending_before = reply_text(cmd(a, "XPENDING s g"));
    redisFree(a);
    redisFree(b);
    server_restart(s, args);
    a = client_open(s);
    char *after = reply_text(cmd(a, "DEBUG DIGEST"));
    CU_ASSERT_STRING_EQUAL(before, after);
    char *pending_after = reply_text(cmd(a, "XPENDING s g"));
    CU_ASSERT_STRING_EQUAL(pending_before, pending_after);
    free(before);
    free(after);
    free(pending_before);
    free(pending_after);
    redisFree(a);
    CU_ASSERT_EQUAL(server_stop(s), 0);
    a = was_a;
    b = was_b;
}

int main(void) {
    static const struct suite_test tests[] = {
        {"acknowledging", acknowledging},
        {"reading_new_entries_and_history", reading_new_entries_and_history},
        {"claiming", claiming},
        {"removing", removing},
        {"two_meet", two_meet},
        {"within_a_transaction_and_a_script", within_a_transaction_and_a_script},
        {"clients_that_leave", clients_that_leave},
        {"adding", adding},
        {"adding_without_a_client", adding_without_a_client},
        {"pushed_in_order", pushed_in_order},
        {"asking_is_of_one_instant", asking_is_of_one_instant},
        {"adding_long_values", adding_long_values},
        {"sorting_by_other_keys", sorting_by_other_keys},
        {"sorted_in_one_instant", sorted_in_one_instant},
        {"keys_that_end_meanwhile", keys_that_end_meanwhile},
        {"sorting_beside_one_that_goes_on", sorting_beside_one_that_goes_on},
        {"sorting_by_itself", sorting_by_itself},
        {"edits_of_shared_values", edits_of_shared_values},
        {"edits_within_others", edits_within_others},
        {"much_that_is_given_up", much_that_is_given_up},
        {"the_log_repeats_them", the_log_repeats_them},
        {NULL, NULL},
    };
    server = server_start((const char *const[]){"--enable-debug-command", "yes", NULL});
    a = client_open(server);
    b = client_open(server);
    int status = suite_main("slow", tests);
    redisFree(a);
    redisFree(b);
    return server_stop(server) ? 1 : status;
}
