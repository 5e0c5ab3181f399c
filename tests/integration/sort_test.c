/* sort_test.c - what the model test cannot compare: each weight that is a number or none, which
 * redis-server's errno blurs, what SORT leaves as it was, and parts of large keys.
 */
#include <stdlib.h>
#include <string.h>

#include "replies.h"
#include "support/client.h"
#include "support/suite.h"

static struct server *server;
static redisContext *c;

static void weights_are_numbers(void) {
    static const struct {
        const char *text;
        size_t n;
    } numbers[] = {{"", 0},     {"-1", 2},  {"1e2", 3},       {" 5", 2},
                   {"0x10", 4}, {"inf", 3}, {"-infinity", 9}, {"12\0abc", 6},
                   {"\0", 1},   {"+7", 2},  {".5", 2},        {"\t\n3", 3}},
      others[] = {{" ", 1},      {"5 ", 2},     {"nan", 3},   {"-nan", 4}, {"1e400", 5},
                  {"1e-400", 6}, {"1e-310", 6}, {"abc", 3},   {"0x", 2},   {"1,5", 3},
                  {"--1", 3},    {"1e", 2},     {"x\0001", 3}};
    static const char error[] = "ERR One or more scores can't be converted into double";
    expect_ok(c, "FLUSHALL");
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        freeReplyObject(cmd(c, "DEL l w_1"));
        expect_int(c, 1, "RPUSH l %b", numbers[i].text, numbers[i].n);
        expect_bytes(c, numbers[i].text, numbers[i].n, "LINDEX l 0");
        redisReply *r = cmd(c, "SORT l");
        CU_ASSERT(r->type == REDIS_REPLY_ARRAY && r->elements == 1);
        freeReplyObject(r);
        expect_ok(c, "SET w_1 %b", numbers[i].text, numbers[i].n);
        expect_int(c, 3, "RPUSH l 1 2");
        expect_int(c, 3, "SORT l BY w_* STORE d");
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        expect_ok(c, "FLUSHALL");
        expect_int(c, 3, "RPUSH l 5 1 %b", others[i].text, others[i].n);
        expect_int(c, 1, "RPUSH d old");
        expect_err(c, error, "SORT l");
        /* Also where it would not be shown. */
        expect_err(c, error, "SORT l LIMIT 0 1 STORE d");
        expect_err(c, error, "SORT l LIMIT 0 0");
        expect_text(c, "[\"old\"]", "LRANGE d 0 -1");
        expect_ok(c, "SET w_1 %b", others[i].text, others[i].n);
        expect_err(c, error, "SORT l BY w_*");
        expect_int(c, 1, "HSET h_1 f %b", others[i].text, others[i].n);
        expect_err(c, error, "SORT l BY h_*->f");
        expect_int(c, 3, "SORT l BY w_* ALPHA STORE d");
        expect_int(c, 3, "SORT l BY nosort STORE d");
    }
}

static void sorting_changes_nothing_else(void) {
    expect_ok(c, "FLUSHALL");
    expect_int(c, 3, "ZADD z 3 1 -0 2 1.5 3");
    expect_text(c, "[\"1\", \"2\", \"3\"]", "SORT z");
    expect_text(c, "[\"1\", \"3\", \"2\"]", "SORT z BY nosort DESC");
    expect_str(c, "listpack", "OBJECT ENCODING z");
    expect_int(c, 3, "SADD s 30 4 5");
    expect_text(c, "[\"4\", \"5\", \"30\"]", "SORT s");
    expect_str(c, "intset", "OBJECT ENCODING s");
    expect_int(c, 3, "SORT z STORE d");
    expect_str(c, "listpack", "OBJECT ENCODING d");
    /* A destination is what it was made of, and loses its type and its time. */
    expect_int(c, 1, "EXPIRE z 1000");
    expect_int(c, 9, "SORT z DESC GET # GET w_* GET # STORE z");
    expect_text(c, "[\"3\", \"\", \"3\", \"2\", \"\", \"2\", \"1\", \"\", \"1\"]", "LRANGE z 0 -1");
    expect_int(c, -1, "TTL z");
    expect_int(c, 0, "SORT z LIMIT 9 1 STORE z");
    expect_int(c, 0, "EXISTS z");
}

enum { MANY = 50000 };

static void parts_of_many(void) {
    expect_ok(c, "FLUSHALL");
    for (int i = 0; i < MANY; i++)
        redisAppendCommand(c, "RPUSH l %d", (int)((long long)i * 7919 % MANY));
    for (int i = 0; i < MANY; i++) {
        redisReply *r = NULL;
        CU_ASSERT_FATAL(redisGetReply(c, (void **)&r) == REDIS_OK);
        freeReplyObject(r);
    }
    static const int offsets[] = {0, 1, 777, MANY / 2, MANY - 3, MANY};
    for (size_t k = 0; k < sizeof offsets / sizeof *offsets; k++) {
        for (int down = 0; down < 2; down++) {
            redisReply *r = cmd(c, "SORT l LIMIT %d 20 %s", offsets[k], down ? "DESC" : "ASC");
            int left = MANY - offsets[k];
            CU_ASSERT_EQUAL_FATAL(r->elements, (size_t)(left < 20 ? left : 20));
            for (size_t i = 0; i < r->elements; i++) {
                int at = offsets[k] + (int)i;
                CU_ASSERT_EQUAL(atoi(r->element[i]->str), down ? MANY - 1 - at : at);
            }
            freeReplyObject(r);
        }
    }
    expect_int(c, MANY, "SORT l STORE l");
    expect_text(c, "[\"0\", \"1\", \"2\"]", "LRANGE l 0 2");
    expect_str(c, "quicklist", "OBJECT ENCODING l");
}

/* Of equal weights, as redis-server's partial sort has them; all of them as the list has them. */
static void parts_of_equals(void) {
    expect_ok(c, "FLUSHALL");
    expect_int(c, 12, "RPUSH l a b c d e f g h i j k l");
    expect_text(c, "[\"l\", \"b\", \"c\", \"d\"]", "SORT l BY none_* ALPHA LIMIT 0 4");
    expect_text(c, "[\"a\", \"b\", \"c\", \"d\"]", "SORT l BY none_* LIMIT 0 4");
    expect_int(c, 12, "SORT l BY none_* ALPHA LIMIT 0 12 STORE d");
    expect_text(c, "[\"a\", \"b\", \"c\"]", "LRANGE d 0 2");
}

/* Long values come as they are, and long names are made of long elements. */
static void long_values(void) {
    static char big[100001];
    memset(big, 'x', sizeof big - 1);
    expect_ok(c, "FLUSHALL");
    expect_int(c, 2, "RPUSH l %s 1", big);
    expect_ok(c, "SET k1 %s", big);
    expect_ok(c, "SET k%s 2", big);
    redisReply *r = cmd(c, "SORT l ALPHA DESC GET # GET k*");
    CU_ASSERT_EQUAL_FATAL(r->elements, 4);
    CU_ASSERT_STRING_EQUAL(r->element[0]->str, big);
    CU_ASSERT_STRING_EQUAL(r->element[1]->str, "2");
    CU_ASSERT_STRING_EQUAL(r->element[2]->str, "1");
    CU_ASSERT_STRING_EQUAL(r->element[3]->str, big);
    freeReplyObject(r);
    expect_int(c, 2, "SORT l BY nosort GET k* STORE l");
    r = cmd(c, "LRANGE l 0 -1");
    CU_ASSERT(r->elements == 2 && strcmp(r->element[1]->str, big) == 0);
    freeReplyObject(r);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"weights_are_numbers", weights_are_numbers},
        {"sorting_changes_nothing_else", sorting_changes_nothing_else},
        {"parts_of_many", parts_of_many},
        {"parts_of_equals", parts_of_equals},
        {"long_values", long_values},
        {NULL, NULL},
    };
    server = server_start(NULL);
    c = client_open(server);
    int status = suite_main("sort", tests);
    redisFree(c);
    return server_stop(server) ? 1 : status;
}
