/* hashes_test.c - what the model test cannot compare: fields picked by chance, scans while the hash
 * changes, and what redis-server 7.0 does not have.
 * Specification: https://redis.io/commands/?group=hash
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replies.h"
#include "support/client.h"
#include "support/suite.h"

enum { FIELDS_MAX = 4000 };

static struct server *server;
static redisContext *c;

/* Makes k a hash of n fields fI with the values vI. */
static void make(const char *key, int n) {
    freeReplyObject(cmd(c, "DEL %s", key));
    for (int i = 0; i < n; i++) redisAppendCommand(c, "HSET %s f%d v%d", key, i, i);
    for (int i = 0; i < n; i++) {
        redisReply *r = NULL;
        CU_ASSERT_FATAL(redisGetReply(c, (void **)&r) == REDIS_OK && r->integer == 1);
        freeReplyObject(r);
    }
}

/* The number behind the letter, -1 if the text is none of ours. */
static int number_of(const redisReply *r, char letter) {
    if (r->type != REDIS_REPLY_STRING || r->str[0] != letter) return -1;
    int i = atoi(r->str + 1);
    return i < FIELDS_MAX ? i : -1;
}

/* Counts the fields of a reply; `step` is 2 if their values stand behind them. */
static void tally(const redisReply *r, size_t step, unsigned seen[FIELDS_MAX]) {
    for (size_t i = 0; i + step <= r->elements; i += step) {
        int field = number_of(r->element[i], 'f');
        CU_ASSERT_FATAL(field >= 0);
        seen[field]++;
        if (step == 2) CU_ASSERT_EQUAL(number_of(r->element[i + 1], 'v'), field);
    }
}

static unsigned most(const unsigned seen[FIELDS_MAX]) {
    unsigned n = 0;
    for (int i = 0; i < FIELDS_MAX; i++) n = seen[i] > n ? seen[i] : n;
    return n;
}

static void pick(int have, int count, bool values) {
    unsigned seen[FIELDS_MAX] = {0};
    size_t step = values ? 2 : 1;
    redisReply *r =
        values ? cmd(c, "HRANDFIELD h %d WITHVALUES", count) : cmd(c, "HRANDFIELD h %d", count);
    int want = count < 0 ? -count : count < have ? count : have;
    CU_ASSERT_EQUAL(r->elements, (size_t)want * step);
    tally(r, step, seen);
    if (count > 0) CU_ASSERT(most(seen) == 1);
    freeReplyObject(r);
}

static void picked_fields_are_distinct(void) {
    static const int sizes[] = {1, 2, 20, 512, 513, FIELDS_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int n = sizes[i];
        const int counts[] = {1, 2, 3, n / 9 + 1, n / 3 + 1, n / 2 + 1, n, n + 1, -1, -2, -3 * n};
        make("h", n);
        for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
            pick(n, counts[k], false);
            pick(n, counts[k], true);
        }
    }
}

/* Each of n fields comes up in 200 n draws about 200 times: far from even, if it were less than a
 * third or more than three times that. */
static void check_even(int n, const char *draw, int draws) {
    unsigned seen[FIELDS_MAX] = {0};
    for (int i = 0; i < draws; i++) {
        redisReply *r = cmd(c, draw);
        if (r->type == REDIS_REPLY_STRING) {
            seen[number_of(r, 'f')]++;
        } else {
            tally(r, 1, seen);
        }
        freeReplyObject(r);
    }
    for (int i = 0; i < n; i++) CU_ASSERT(seen[i] > 66 && seen[i] < 600);
}

static void picks_are_even(void) {
    make("h", 10);
    check_even(10, "HRANDFIELD h", 2000);
    check_even(10, "HRANDFIELD h 4", 500);
    check_even(10, "HRANDFIELD h -10", 200);
    make("h", 1000);
    check_even(1000, "HRANDFIELD h -1000", 200);
    check_even(1000, "HRANDFIELD h 100", 2000);
    check_even(1000, "HRANDFIELD h 500", 400);
}

/* Visits h and its neighbour's changes in turn; fields 0 to `stay` - 1 are there all the time. */
static void scan_beside_changes(int stay, const char *change) {
    unsigned seen[FIELDS_MAX] = {0};
    char cursor[32] = "0";
    int other = stay;
    do {
        redisReply *r = cmd(c, "HSCAN h %s COUNT 20", cursor);
        CU_ASSERT_FATAL(r->elements == 2);
        snprintf(cursor, sizeof cursor, "%s", r->element[0]->str);
        tally(r->element[1], 2, seen);
        freeReplyObject(r);
        for (int i = 0; i < 30 && other < FIELDS_MAX; i++, other++) {
            freeReplyObject(cmd(c, change, other, other));
        }
    } while (strcmp(cursor, "0"));
    for (int i = 0; i < stay; i++) CU_ASSERT_EQUAL(seen[i], 1);
    CU_ASSERT_EQUAL(most(seen), 1);
}

static void scans_go_on_beside_changes(void) {
    make("h", 1000);
    scan_beside_changes(1000, "HSET h f%d v%d");
    make("h", FIELDS_MAX);
    scan_beside_changes(1000, "HDEL h f%d no%d");
}

static void scans_take_options(void) {
    make("h", 3);
    expect_text(c, "[\"0\", [\"f0\", \"f1\", \"f2\"]]", "HSCAN h 0 NOVALUES");
    expect_text(c, "[\"0\", [\"f0\", \"f1\", \"f2\"]]", "HSCAN h %050d NOVALUES", 0);
    expect_text(c, "[\"0\", [\"f1\"]]", "HSCAN h 0 novalues MATCH *1 COUNT 5");
    expect_text(c, "[\"0\", [\"f1\", \"v1\"]]", "HSCAN h 5 COUNT 5 MATCH *1");
    expect_err(c, "ERR syntax error", "HSCAN h 0 NOVALUES 1");
}

static void getdel(void) {
    make("h", 4);
    expect_text(c, "[\"v1\", nil, nil]", "HGETDEL h FIELDS 3 f1 f1 nosuch");
    expect_int(c, 3, "HLEN h");
    expect_text(c, "[nil]", "HGETDEL nokey FIELDS 1 f1");
    expect_err(c, "ERR Mandatory argument FIELDS is missing or not at the right position",
               "HGETDEL h 1 f1 f2");
    expect_err(c, "ERR Number of fields must be a positive integer", "HGETDEL h FIELDS 0 f1");
    expect_err(c, "ERR Number of fields must be a positive integer", "HGETDEL h FIELDS x f1");
    expect_err(c, "ERR The `numfields` parameter must match the number of arguments",
               "HGETDEL h FIELDS 2 f1");
    expect_text(c, "[\"v0\", \"v2\", \"v3\"]", "HGETDEL h FIELDS 3 f0 f2 f3");
    expect_int(c, 0, "EXISTS h");
    make("h", 600);
    expect_text(c, "[\"v599\", \"v0\"]", "HGETDEL h FIELDS 2 f599 f0");
    expect_int(c, 598, "HLEN h");
    expect_ok(c, "SET s x");
    expect_err_prefix(c, "WRONGTYPE", "HGETDEL s nofields 0 f1");
}

static void encodings_change_at_the_limits(void) {
    make("h", 512);
    expect_str(c, "listpack", "OBJECT ENCODING h");
    expect_int(c, 0, "HSET h f7 v7");
    expect_int(c, 1, "HSET h f512 v512");
    expect_str(c, "hashtable", "OBJECT ENCODING h");
    expect_int(c, 2, "HDEL h f0 f512 f0");
    expect_str(c, "hashtable", "OBJECT ENCODING h");
    make("h", 3);
    expect_ok(c, "CONFIG SET hash-max-listpack-entries 4 hash-max-listpack-value 5");
    expect_int(c, 0, "HSET h f1 a f1 b f1 c f1 d");
    expect_str(c, "listpack", "OBJECT ENCODING h");
    expect_int(c, 0, "HSET h f1 a f1 b f1 c f1 d f1 e");
    expect_str(c, "hashtable", "OBJECT ENCODING h");
    make("h", 3);
    expect_int(c, 123456, "HINCRBY h n 123456");
    expect_str(c, "hashtable", "OBJECT ENCODING h");
    expect_ok(c, "CONFIG SET hash-max-listpack-entries 512 hash-max-listpack-value 64");
}

static void resp3_has_pairs(void) {
    int fd = client_open_raw(server);
    make("h", 1);
    expect_raw(fd, "CLIENT REPLY SKIP\r\nHELLO 3\r\nHGETALL h\r\n",
               "%1\r\n$2\r\nf0\r\n$2\r\nv0\r\n");
    expect_raw(fd, "HRANDFIELD h 2 WITHVALUES\r\n", "*1\r\n*2\r\n$2\r\nf0\r\n$2\r\nv0\r\n");
    expect_raw(fd, "HRANDFIELD h -2\r\n", "*2\r\n$2\r\nf0\r\n$2\r\nf0\r\n");
    expect_raw(fd, "HGETALL nokey\r\n", "%0\r\n");
    expect_raw(fd, "HGET nokey f\r\n", "_\r\n");
    close(fd);
}

/* HIMPORT of Redis 8.10: names once, values often. */
static void fields_named_before(void) {
    static const char wrong[] = "WRONGTYPE Operation against a key holding the wrong kind of value";
    static const char none[] = "ERR no such fieldset";
    static const char count[] = "ERR value count does not match fieldset field count";
    freeReplyObject(cmd(c, "FLUSHALL"));
    expect_ok(c, "HIMPORT PREPARE u name id email");
    expect_ok(c, "HIMPORT SET h u alice 7 a@b");
    /* Shorter names stand first. */
    expect_text(c, "[\"id\", \"7\", \"name\", \"alice\", \"email\", \"a@b\"]", "HGETALL h");
    expect_str(c, "listpack", "OBJECT ENCODING h");
    expect_int(c, 1, "HSET h more x");
    expect_int(c, 1, "EXPIRE h 1000");
    expect_ok(c, "HIMPORT SET h u bob 8 c@d");
    expect_text(c, "[\"id\", \"8\", \"name\", \"bob\", \"email\", \"c@d\"]", "HGETALL h");
    expect_int(c, -1, "TTL h");
    expect_err(c, count, "HIMPORT SET h u bob 8");
    expect_err(c, count, "HIMPORT SET h u bob 8 c@d e");
    expect_err(c, none, "HIMPORT SET h v bob");
    expect_ok(c, "SET s 1");
    expect_err(c, wrong, "HIMPORT SET s v bob");
    /* What fails leaves the former fields under the name. */
    expect_err(c, "ERR duplicate field name in fieldset", "HIMPORT PREPARE u a b a");
    expect_ok(c, "HIMPORT SET h u eve 9 e@f");
    expect_ok(c, "HIMPORT PREPARE u %b b", "", (size_t)0);
    expect_ok(c, "HIMPORT SET h u 1 2");
    expect_text(c, "[\"\", \"1\", \"b\", \"2\"]", "HGETALL h");
    expect_ok(c, "HIMPORT PREPARE %b x", "", (size_t)0);
    expect_ok(c, "HIMPORT SET h %b y", "", (size_t)0);
    expect_text(c, "[\"x\", \"y\"]", "HGETALL h");
    expect_int(c, 1, "HIMPORT DISCARD u");
    expect_int(c, 0, "HIMPORT DISCARD u");
    expect_err(c, none, "HIMPORT SET h u 1 2");
    expect_ok(c, "HIMPORT PREPARE u a");
    expect_int(c, 2, "HIMPORT DISCARDALL");
    expect_int(c, 0, "HIMPORT DISCARDALL");
    expect_err(c, "ERR wrong number of arguments for 'himport|prepare' command",
               "HIMPORT PREPARE u");
    expect_err(c, "ERR wrong number of arguments for 'himport|set' command", "HIMPORT SET h u");
    expect_err(c, "ERR unknown subcommand 'x'. Try HIMPORT HELP.", "HIMPORT x");
    expect_text(c, "[\"h\"]", "COMMAND GETKEYS HIMPORT SET h u 1");
}

static long long own_memory(redisContext *of) {
    redisReply *r = cmd(of, "CLIENT INFO");
    const char *at = strstr(r->str, " tot-mem=");
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    long long n = atoll(at + 9);
    freeReplyObject(r);
    return n;
}

static void fieldsets_belong_to_a_connection(void) {
    redisContext *other = client_open(server);
    expect_ok(other, "HIMPORT PREPARE u a");
    expect_err(c, "ERR no such fieldset", "HIMPORT SET h u 1");
    expect_ok(other, "SELECT 3");
    expect_ok(other, "HIMPORT SET h u 1");
    expect_status(other, "RESET", "RESET");
    expect_err(other, "ERR no such fieldset", "HIMPORT SET h u 1");
    long long before = own_memory(other);
    for (int i = 0; i < 100; i++) expect_ok(other, "HIMPORT PREPARE u%d %01000d", i, i);
    CU_ASSERT(own_memory(other) > before + 100000);
    expect_int(other, 100, "HIMPORT DISCARDALL");
    CU_ASSERT(own_memory(other) < before + 50000);
    expect_ok(other, "HIMPORT PREPARE left behind");
    redisFree(other);
}

/* More fields than a listpack takes, and values longer than it takes. */
static void large_imports(void) {
    static const char *argv[2 + 2 + FIELDS_MAX];
    static char texts[FIELDS_MAX][16];
    int n = 600;
    argv[0] = "HIMPORT";
    argv[1] = "PREPARE";
    argv[2] = "u";
    for (int i = 0; i < n; i++) {
        snprintf(texts[i], sizeof texts[i], "f%d", i);
        argv[3 + i] = texts[i];
    }
    freeReplyObject(redisCommandArgv(c, 3 + n, argv, NULL));
    argv[1] = "SET";
    argv[2] = "big";
    argv[3] = "u";
    for (int i = 0; i < n; i++) argv[4 + i] = texts[i];
    freeReplyObject(redisCommandArgv(c, 4 + n, argv, NULL));
    expect_str(c, "hashtable", "OBJECT ENCODING big");
    expect_int(c, n, "HLEN big");
    expect_str(c, "f77", "HGET big f77");
    expect_ok(c, "HIMPORT PREPARE u a");
    expect_ok(c, "HIMPORT SET big u %0100d", 5);
    expect_str(c, "hashtable", "OBJECT ENCODING big");
    expect_int(c, 1, "HLEN big");
    expect_ok(c, "HIMPORT SET big u short");
    expect_str(c, "listpack", "OBJECT ENCODING big");
}

int main(void) {
    static const struct suite_test tests[] = {
        {"picked_fields_are_distinct", picked_fields_are_distinct},
        {"picks_are_even", picks_are_even},
        {"scans_go_on_beside_changes", scans_go_on_beside_changes},
        {"scans_take_options", scans_take_options},
        {"getdel", getdel},
        {"encodings_change_at_the_limits", encodings_change_at_the_limits},
        {"resp3_has_pairs", resp3_has_pairs},
        {"fields_named_before", fields_named_before},
        {"fieldsets_belong_to_a_connection", fieldsets_belong_to_a_connection},
        {"large_imports", large_imports},
        {NULL, NULL},
    };
    server = server_start(NULL);
    c = client_open(server);
    int status = suite_main("hashes", tests);
    redisFree(c);
    return server_stop(server) ? 1 : status;
}
