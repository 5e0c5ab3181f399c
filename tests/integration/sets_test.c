/* sets_test.c - what the model test cannot compare: members by chance, listpacks, the counts
 * of Redis 8.10. Sets hold the members 0 to n-1, as numbers or as texts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replies.h"
#include "support/client.h"
#include "support/suite.h"

#define MEMBERS_MAX 1000
#define NAME_BYTES 16

static struct server *server;
static redisContext *c;

/* A set of each form. */
static const struct shape {
    const char *key, *prefix, *encoding;
    int members;
} shapes[] = {
    {"few", "", "intset", 40},
    {"texts", "m", "listpack", 40},
    {"numbers", "", "hashtable", MEMBERS_MAX},
    {"many", "m", "hashtable", MEMBERS_MAX},
};
#define SHAPES (sizeof shapes / sizeof *shapes)

static void fill(const struct shape *s) {
    expect_ok(c, "FLUSHALL");
    for (int i = 0; i < s->members; i++)
        redisAppendCommand(c, "SADD %s %s%d", s->key, s->prefix, i);
    for (int i = 0; i < s->members; i++) {
        redisReply *r = NULL;
        CU_ASSERT_EQUAL_FATAL(redisGetReply(c, (void **)&r), REDIS_OK);
        CU_ASSERT_EQUAL(reply_int(r), 1);
    }
    expect_str(c, s->encoding, "OBJECT ENCODING %s", s->key);
}

/* Counts the members of an array reply in seen[]; returns how many there are, and takes it. */
static int take(const struct shape *s, redisReply *r, int *seen) {
    CU_ASSERT_EQUAL_FATAL(r->type, REDIS_REPLY_ARRAY);
    int n = (int)r->elements;
    for (int i = 0; i < n; i++) {
        char name[NAME_BYTES];
        size_t skip = strlen(s->prefix);
        CU_ASSERT_FATAL(r->element[i]->len > skip);
        int member = atoi(r->element[i]->str + skip);
        snprintf(name, sizeof name, "%s%d", s->prefix, member);
        CU_ASSERT_STRING_EQUAL(r->element[i]->str, name);
        CU_ASSERT_FATAL(member >= 0 && member < s->members);
        seen[member]++;
    }
    freeReplyObject(r);
    return n;
}

static void samples_are_members(void) {
    static const int counts[] = {0, 1, 2, 10, 39, 40, 41, 124, 125, 500, 999, 1000, 1001};
    for (size_t i = 0; i < SHAPES; i++) {
        const struct shape *s = &shapes[i];
        fill(s);
        for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
            int seen[MEMBERS_MAX] = {0}, want = counts[k] < s->members ? counts[k] : s->members;
            redisReply *r = cmd(c, "SRANDMEMBER %s %d", s->key, counts[k]);
            CU_ASSERT_EQUAL(take(s, r, seen), want);
            for (int m = 0; m < s->members; m++) CU_ASSERT(seen[m] <= 1);
        }
        int seen[MEMBERS_MAX] = {0}, unseen = 0;
        redisReply *r = cmd(c, "SRANDMEMBER %s -%d", s->key, 20 * s->members);
        CU_ASSERT_EQUAL(take(s, r, seen), 20 * s->members);
        for (int m = 0; m < s->members; m++) unseen += !seen[m];
        CU_ASSERT(unseen <= 2);
        expect_int(c, s->members, "SCARD %s", s->key);
    }
}

/* Whatever pops return is gone, each once, until the key goes. */
static void pops_take_each_member_once(void) {
    for (size_t i = 0; i < SHAPES; i++) {
        const struct shape *s = &shapes[i];
        int seen[MEMBERS_MAX] = {0}, left = s->members;
        fill(s);
        while (left > 0) {
            int n = left % 2 ? 1 + left / 3 : 1 + left / 50;
            CU_ASSERT_EQUAL(take(s, cmd(c, "SPOP %s %d", s->key, n), seen), n);
            left -= n;
            expect_int(c, left, "SCARD %s", s->key);
            if (!left) break;
            redisReply *r = cmd(c, "SPOP %s", s->key);
            CU_ASSERT_FATAL(r->type == REDIS_REPLY_STRING);
            seen[atoi(r->str + strlen(s->prefix))]++;
            freeReplyObject(r);
            expect_int(c, --left, "SCARD %s", s->key);
        }
        for (int m = 0; m < s->members; m++) CU_ASSERT_EQUAL(seen[m], 1);
        expect_int(c, 0, "EXISTS %s", s->key);
        expect_nil(c, "SPOP %s", s->key);
    }
}

/* A scan with writers between its steps returns what stays exactly once. */
static void scans_survive_writers(void) {
    const struct shape *s = &shapes[3];
    int seen[MEMBERS_MAX] = {0}, extra = 0;
    char cursor[32] = "0";
    fill(s);
    do {
        redisReply *r = cmd(c, "SSCAN many %s COUNT 20 MATCH m*", cursor);
        CU_ASSERT_FATAL(r->type == REDIS_REPLY_ARRAY && r->elements == 2);
        snprintf(cursor, sizeof cursor, "%s", r->element[0]->str);
        redisReply *members = r->element[1];
        r->element[1] = NULL;
        freeReplyObject(r);
        take(s, members, seen);
        for (int i = 0; i < 100; i++, extra++) expect_int(c, 1, "SADD many x%d", extra);
    } while (strcmp(cursor, "0") != 0);
    for (int m = 0; m < s->members; m++) CU_ASSERT_EQUAL(seen[m], 1);
}

static void small_texts_are_listpacks(void) {
    expect_ok(c, "FLUSHALL");
    expect_int(c, 3, "SADD s 1 2 a");
    expect_str(c, "listpack", "OBJECT ENCODING s");
    expect_text(c, "[\"1\", \"2\", \"a\"]", "SMEMBERS s");
    expect_ok(c, "CONFIG SET set-max-listpack-value 3 set-max-listpack-entries 4");
    expect_int(c, 1, "SADD s abc");
    expect_str(c, "listpack", "OBJECT ENCODING s");
    expect_int(c, 1, "SADD s 5");
    expect_str(c, "hashtable", "OBJECT ENCODING s");
    expect_int(c, 1, "SADD t abcd");
    expect_str(c, "hashtable", "OBJECT ENCODING t");
    expect_int(c, 2, "SADD u 1 2");
    expect_int(c, 3, "SUNIONSTORE v u t");
    expect_str(c, "hashtable", "OBJECT ENCODING v");
    expect_int(c, 2, "SINTERSTORE v u u");
    expect_str(c, "intset", "OBJECT ENCODING v");
    expect_ok(c, "CONFIG SET set-max-listpack-value 64 set-max-listpack-entries 128");
}

static void counts_of_8_10(void) {
    expect_ok(c, "FLUSHALL");
    expect_int(c, 4, "SADD x 1 2 3 a");
    expect_int(c, 2, "SADD y 3 4");
    expect_int(c, 5, "SUNIONCARD 2 x y");
    expect_int(c, 3, "SUNIONCARD 2 x y LIMIT 3");
    expect_int(c, 5, "SUNIONCARD 3 x y none LIMIT 0 APPROX");
    expect_int(c, 2, "SUNIONCARD 2 x y APPROX LIMIT 2");
    expect_int(c, 4, "SUNIONCARD 1 x LIMIT 9");
    expect_int(c, 0, "SUNIONCARD 1 none APPROX");
    expect_int(c, 3, "SDIFFCARD 2 x y");
    expect_int(c, 1, "SDIFFCARD 2 x y LIMIT 1");
    expect_int(c, 0, "SDIFFCARD 2 none y");
    expect_err(c, "ERR syntax error", "SDIFFCARD 2 x y APPROX");
    expect_err(c, "ERR numkeys should be greater than 0", "SUNIONCARD 0 x");
    expect_err(c, "ERR Number of keys can't be greater than number of args", "SDIFFCARD 3 x y");
    expect_err(c, "ERR LIMIT can't be negative", "SUNIONCARD 1 x LIMIT -1");
    for (int i = 0; i < MEMBERS_MAX; i++) redisAppendCommand(c, "SADD z n%d", i);
    for (int i = 0; i < MEMBERS_MAX; i++) {
        redisReply *r = NULL;
        CU_ASSERT_EQUAL_FATAL(redisGetReply(c, (void **)&r), REDIS_OK);
        freeReplyObject(r);
    }
    long long estimate = reply_int(cmd(c, "SUNIONCARD 3 z x y APPROX"));
    CU_ASSERT(estimate > 970 && estimate < 1040);
    expect_text(c, "[\"x\", \"y\"]", "COMMAND GETKEYS SUNIONCARD 2 x y LIMIT 1");
}

/* Subtracting many sets takes another way than subtracting one. */
static void many_are_subtracted(void) {
    fill(&shapes[3]);
    for (int i = 0; i < 30; i++) expect_int(c, 2, "SADD d%d m%d absent%d", i, i, i);
    expect_int(c, MEMBERS_MAX - 12,
               "SDIFFSTORE out many d0 d1 d2 d3 d4 d5 d6 d7 d8 d9 d10 d29 none many2");
    expect_int(c, 0, "SISMEMBER out m29");
    expect_int(c, 1, "SISMEMBER out m11");
    expect_int(c, MEMBERS_MAX - 4, "SDIFFCARD 5 many d20 d21 d22 d23");
    expect_int(c, 0, "SDIFFSTORE out out out");
    expect_int(c, 0, "EXISTS out");
}

int main(void) {
    static const struct suite_test tests[] = {
        {"samples_are_members", samples_are_members},
        {"pops_take_each_member_once", pops_take_each_member_once},
        {"scans_survive_writers", scans_survive_writers},
        {"small_texts_are_listpacks", small_texts_are_listpacks},
        {"counts_of_8_10", counts_of_8_10},
        {"many_are_subtracted", many_are_subtracted},
        {NULL, NULL},
    };
    server = server_start(NULL);
    c = client_open(server);
    int status = suite_main("sets", tests);
    redisFree(c);
    return server_stop(server) ? 1 : status;
}
