/* strings_test.c - string commands that the model test cannot compare with redis-server
 * 7.0: those of later versions (Redis 8.4 and 8.8, Valkey 9), and values of many megabytes.
 * Specification: the commands' pages at redis.io and valkey.io; for XXH3, xxhash.com.
 */
#include <stdlib.h>
#include <string.h>

#include "replies.h"
#include "support/client.h"
#include "support/suite.h"

#define BIG_BYTES (8 << 20)

static struct server *server;
static redisContext *c;

static void fresh(void) { expect_ok(c, "FLUSHALL"); }

/* XXH3-64 of known texts. */
static void digest_is_xxh3(void) {
    fresh();
    expect_ok(c, "SET k %s", "Hello world");
    expect_str(c, "b6acb9d84a38ff74", "DIGEST k");
    expect_ok(c, "SET k test");
    expect_str(c, "9ec9f7918d7dfc40", "DIGEST k");
    expect_ok(c, "SET k %b", "", (size_t)0);
    expect_str(c, "2d06800538d394c2", "DIGEST k");
    expect_ok(c, "SET k 12345");
    expect_str(c, "int", "OBJECT ENCODING k");
    char *as_int = reply_text(cmd(c, "DIGEST k"));
    expect_int(c, 6, "APPEND k 6");
    expect_int(c, 6, "SETRANGE k 0 12345");
    expect_ok(c, "SET j 12346");
    expect_int(c, 5, "SETRANGE j 4 5");
    expect_str(c, "raw", "OBJECT ENCODING j");
    expect_text(c, as_int, "DIGEST j");
    free(as_int);
    expect_nil(c, "DIGEST missing");
    expect_err(c, "ERR wrong number of arguments for 'digest' command", "DIGEST");
}

static void set_if_equal(void) {
    fresh();
    expect_nil(c, "SET k new IFEQ old");
    expect_int(c, 0, "EXISTS k");
    expect_ok(c, "SET k old");
    expect_nil(c, "SET k new IFEQ other");
    expect_str(c, "old", "GET k");
    expect_ok(c, "SET k new IFEQ old");
    expect_str(c, "new", "GET k");
    expect_str(c, "new", "SET k newer IFEQ nope GET");
    expect_str(c, "new", "SET k newer IFEQ new GET");
    expect_str(c, "newer", "GET k");
    expect_ok(c, "SET n 100");
    expect_ok(c, "SET n 101 IFEQ 100");
    expect_nil(c, "SET n 102 IFEQ 0101");
    expect_str(c, "101", "GET n");
}

static void set_if_not_equal(void) {
    fresh();
    expect_ok(c, "SET k a IFNE whatever");
    expect_str(c, "a", "GET k");
    expect_nil(c, "SET k b IFNE a");
    expect_ok(c, "SET k b IFNE x");
    expect_str(c, "b", "GET k");
    expect_nil(c, "SET fresh b IFNE x GET");
    expect_str(c, "b", "GET fresh");
}

static void set_if_digest(void) {
    fresh();
    expect_nil(c, "SET k v IFDEQ b6acb9d84a38ff74");
    expect_ok(c, "SET k v IFDNE b6acb9d84a38ff74");
    expect_ok(c, "SET k %s", "Hello world");
    expect_nil(c, "SET k v IFDNE b6acb9d84a38ff74");
    expect_nil(c, "SET k v IFDEQ 9ec9f7918d7dfc40");
    expect_ok(c, "SET k v IFDEQ b6acb9d84a38ff74");
    expect_str(c, "v", "GET k");
    expect_ok(c, "SET k %s", "Hello world");
    expect_ok(c, "SET k v IFDEQ B6ACB9D84A38FF74");
    expect_err_prefix(c, "ERR", "SET k v IFDEQ nothex");
    expect_err_prefix(c, "ERR", "SET k v IFDEQ b6acb9d84a38ff7");
}

static void set_conditions_exclude_each_other(void) {
    fresh();
    expect_ok(c, "SET k v");
    static const char *const words[] = {
        "IFEQ v", "IFNE x", "IFDEQ b6acb9d84a38ff74", "IFDNE b6acb9d84a38ff74", "NX", "XX"};
    for (size_t i = 0; i < 6; i++)
        for (size_t k = 0; k < 6; k++) {
            char line[200];
            if (i == k) continue;
            snprintf(line, sizeof line, "SET k w %s %s", words[i], words[k]);
            expect_err(c, "ERR syntax error", line);
        }
    expect_err(c, "ERR syntax error", "SET k w IFEQ");
    expect_str(c, "v", "GET k");
}

/* A condition that fails leaves the expiry alone, one that holds treats it as SET does. */
static void set_conditions_and_expiry(void) {
    fresh();
    expect_ok(c, "SET k v EX 1000");
    expect_nil(c, "SET k w IFEQ x EX 5");
    expect_int(c, 1000, "TTL k");
    expect_ok(c, "SET k w IFEQ v KEEPTTL");
    expect_int(c, 1000, "TTL k");
    expect_ok(c, "SET k x IFEQ w PX 500000");
    expect_int(c, 500, "TTL k");
    expect_ok(c, "SET k y IFEQ x");
    expect_int(c, -1, "TTL k");
}

static void delex(void) {
    fresh();
    expect_int(c, 0, "DELEX k");
    expect_ok(c, "SET k v");
    expect_int(c, 1, "DELEX k");
    expect_int(c, 0, "DELEX k IFEQ v");
    expect_ok(c, "SET k v");
    expect_int(c, 0, "DELEX k IFEQ w");
    expect_int(c, 0, "DELEX k IFNE v");
    expect_int(c, 1, "DELEX k IFNE w");
    expect_int(c, 0, "EXISTS k");
    expect_ok(c, "SET k v");
    expect_int(c, 1, "DELEX k IFEQ v");
    expect_ok(c, "SET k test");
    expect_int(c, 0, "DELEX k IFDEQ b6acb9d84a38ff74");
    expect_int(c, 0, "DELEX k IFDNE 9ec9f7918d7dfc40");
    expect_int(c, 1, "DELEX k IFDEQ 9ec9f7918d7dfc40");
    expect_ok(c, "SET k test");
    expect_int(c, 1, "DELEX k IFDNE b6acb9d84a38ff74");
    expect_ok(c, "SET k 7");
    expect_int(c, 1, "DELEX k IFEQ 7");
    expect_err_prefix(c, "ERR", "DELEX k IFEQ");
    expect_err_prefix(c, "ERR", "DELEX k NX");
    expect_err_prefix(c, "ERR", "DELEX k IFEQ a IFNE b");
}

static void delifeq(void) {
    fresh();
    expect_int(c, 0, "DELIFEQ k v");
    expect_ok(c, "SET k v");
    expect_int(c, 0, "DELIFEQ k w");
    expect_int(c, 1, "DELIFEQ k v");
    expect_int(c, 0, "EXISTS k");
    expect_ok(c, "SET k 10");
    expect_int(c, 0, "DELIFEQ k 010");
    expect_int(c, 1, "DELIFEQ k 10");
    expect_err(c, "ERR wrong number of arguments for 'delifeq' command", "DELIFEQ k");
}

static void msetex_sets_all_or_none(void) {
    fresh();
    expect_int(c, 1, "MSETEX 2 a 1 b 2");
    expect_text(c, "[\"1\", \"2\"]", "MGET a b");
    expect_int(c, -1, "TTL a");
    expect_int(c, 0, "MSETEX 2 b 3 d 4 NX");
    expect_text(c, "[\"1\", \"2\", nil]", "MGET a b d");
    expect_int(c, 0, "MSETEX 2 b 3 d 4 XX");
    expect_int(c, 1, "MSETEX 2 d 3 e 4 NX");
    expect_int(c, 1, "MSETEX 2 d 5 e 6 XX");
    expect_text(c, "[\"5\", \"6\"]", "MGET d e");
    expect_int(c, 1, "MSETEX 2 a first a second");
    expect_str(c, "second", "GET a");
}

static void msetex_expiry(void) {
    fresh();
    expect_int(c, 1, "MSETEX 2 a 1 b 2 EX 1000");
    expect_int(c, 1000, "TTL a");
    expect_int(c, 1000, "TTL b");
    expect_int(c, 1, "MSETEX 1 a 3 KEEPTTL");
    expect_int(c, 1000, "TTL a");
    expect_int(c, 1, "MSETEX 1 a 4 PX 500000 XX");
    expect_int(c, 500, "TTL a");
    expect_int(c, 1, "MSETEX 1 a 4 EXAT 4102444800");
    expect_int(c, 4102444800, "EXPIRETIME a");
    expect_int(c, 1, "MSETEX 1 a 4 PXAT 4102444800001");
    expect_int(c, 4102444800001, "PEXPIRETIME a");
    expect_int(c, 1, "MSETEX 1 a 5");
    expect_int(c, -1, "TTL a");
}

static void msetex_refuses(void) {
    fresh();
    static const char *const wrong[] = {
        "MSETEX 0 a 1",      "MSETEX -1 a 1",          "MSETEX x a 1",
        "MSETEX 2 a 1 b",    "MSETEX 3 a 1 b 2",       "MSETEX 1 a 1 NX XX",
        "MSETEX 1 a 1 EX",   "MSETEX 1 a 1 EX 0",      "MSETEX 1 a 1 EX -5",
        "MSETEX 1 a 1 EX x", "MSETEX 1 a 1 EX 9 PX 9", "MSETEX 1 a 1 EX 9 KEEPTTL",
        "MSETEX 1 a 1 junk", "MSETEX 1 a 1 b 2",       "MSETEX 9223372036854775807 a 1",
        "MSETEX 1 a 1 GET",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) expect_err_prefix(c, "ERR", wrong[i]);
    expect_int(c, 0, "DBSIZE");
}

static void increx_counts(void) {
    fresh();
    expect_text(c, "[1, 1]", "INCREX k");
    expect_text(c, "[2, 1]", "INCREX k");
    expect_text(c, "[12, 10]", "INCREX k BYINT 10");
    expect_text(c, "[7, -5]", "INCREX k BYINT -5");
    expect_str(c, "7", "GET k");
    expect_str(c, "int", "OBJECT ENCODING k");
    expect_text(c, "[\"7.5\", \"0.5\"]", "INCREX k BYFLOAT 0.5");
    expect_str(c, "7.5", "GET k");
    expect_err(c, "ERR value is not an integer or out of range", "INCREX k");
    expect_ok(c, "SET t text");
    expect_err(c, "ERR value is not an integer or out of range", "INCREX t");
    expect_err(c, "ERR value is not a valid float", "INCREX t BYFLOAT 1");
}

static void increx_bounds(void) {
    fresh();
    expect_text(c, "[3, 3]", "INCREX k BYINT 3 UBOUND 5");
    expect_text(c, "[3, 0]", "INCREX k BYINT 3 UBOUND 5");
    expect_text(c, "[5, 2]", "INCREX k BYINT 3 UBOUND 5 SATURATE");
    expect_text(c, "[5, 0]", "INCREX k BYINT 3 UBOUND 5 SATURATE");
    expect_text(c, "[5, 0]", "INCREX k BYINT -9 LBOUND 0");
    expect_text(c, "[0, -5]", "INCREX k BYINT -9 LBOUND 0 SATURATE");
    expect_text(c, "[0, 0]", "INCREX none UBOUND 0");
    expect_int(c, 0, "EXISTS none");
    expect_ok(c, "SET k 9223372036854775806");
    expect_text(c, "[9223372036854775806, 0]", "INCREX k BYINT 2");
    expect_text(c, "[9223372036854775807, 1]", "INCREX k BYINT 2 SATURATE");
    expect_text(c, "[\"1.5\", \"1.5\"]", "INCREX f BYFLOAT 1.5 UBOUND 2.5");
    expect_text(c, "[\"1.5\", \"0\"]", "INCREX f BYFLOAT 1.5 UBOUND 2.5");
    expect_text(c, "[\"2.5\", \"1\"]", "INCREX f BYFLOAT 1.5 UBOUND 2.5 SATURATE");
}

static void increx_expiry(void) {
    fresh();
    expect_text(c, "[1, 1]", "INCREX k EX 1000");
    expect_int(c, 1000, "TTL k");
    expect_text(c, "[2, 1]", "INCREX k");
    expect_int(c, 1000, "TTL k");
    expect_text(c, "[3, 1]", "INCREX k EX 5000 ENX");
    expect_int(c, 1000, "TTL k");
    expect_text(c, "[4, 1]", "INCREX k EX 5000");
    expect_int(c, 5000, "TTL k");
    expect_text(c, "[4, 0]", "INCREX k UBOUND 4 EX 100");
    expect_int(c, 5000, "TTL k");
    expect_text(c, "[5, 1]", "INCREX k PERSIST");
    expect_int(c, -1, "TTL k");
    expect_text(c, "[6, 1]", "INCREX k EX 70 ENX");
    expect_int(c, 70, "TTL k");
    expect_text(c, "[7, 1]", "INCREX k PXAT 4102444800001");
    expect_int(c, 4102444800001, "PEXPIRETIME k");
}

static void increx_refuses(void) {
    fresh();
    static const char *const wrong[] = {
        "INCREX k BYINT",
        "INCREX k BYINT x",
        "INCREX k BYFLOAT x",
        "INCREX k BYINT 1 BYINT 2",
        "INCREX k BYINT 1 BYFLOAT 1",
        "INCREX k UBOUND",
        "INCREX k UBOUND 1.5",
        "INCREX k LBOUND 5 UBOUND 4",
        "INCREX k EX 0",
        "INCREX k EX 5 PX 5",
        "INCREX k EX 5 PERSIST",
        "INCREX k junk",
        "INCREX k ENX",
        "INCREX k BYFLOAT nan",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) expect_err_prefix(c, "ERR", wrong[i]);
    expect_int(c, 0, "DBSIZE");
}

/* Values far beyond a read buffer, in both directions, and changed in place. */
static void big_values(void) {
    fresh();
    char *big = malloc(BIG_BYTES);
    for (size_t i = 0; i < BIG_BYTES; i++) big[i] = (char)(i * 31 + (i >> 12));
    expect_ok(c, "SET big %b", big, (size_t)BIG_BYTES);
    expect_int(c, BIG_BYTES, "STRLEN big");
    expect_bytes(c, big, BIG_BYTES, "GET big");
    expect_bytes(c, big + 5000000, 1000, "GETRANGE big 5000000 5000999");
    memcpy(big + 7000000, "changed", 7);
    expect_int(c, BIG_BYTES, "SETRANGE big 7000000 changed");
    expect_bytes(c, big, BIG_BYTES, "GET big");
    expect_int(c, BIG_BYTES + 3, "APPEND big end");
    expect_str(c, "end", "GETRANGE big -3 -1");
    expect_int(c, 1, "COPY big twin");
    expect_ok(c, "RENAME big moved");
    expect_int(c, 0, "SETBIT moved 0 1");
    expect_int(c, BIG_BYTES + 3, "STRLEN twin");
    expect_bytes(c, big, 1000, "GETRANGE twin 0 999");
    expect_int(c, 2, "UNLINK moved twin");
    free(big);
}

/* Many big replies in one pipeline, read slowly: nothing is lost or mixed up. */
static void big_pipeline(void) {
    fresh();
    size_t n = 300000;
    char *value = malloc(n);
    memset(value, 'x', n);
    for (int i = 0; i < 20; i++) {
        value[0] = (char)('a' + i);
        expect_ok(c, "SET k%d %b", i, value, n);
    }
    for (int i = 0; i < 20; i++) redisAppendCommand(c, "GET k%d", i);
    for (int i = 0; i < 20; i++) {
        redisReply *r = NULL;
        CU_ASSERT_EQUAL_FATAL(redisGetReply(c, (void **)&r), REDIS_OK);
        CU_ASSERT_EQUAL(r->len, n);
        CU_ASSERT_EQUAL(r->str[0], 'a' + i);
        freeReplyObject(r);
        if (i % 5 == 0) server_sleep_ms(20);
    }
    free(value);
}

static void string_limits(void) {
    static const char *const too_long =
        "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    fresh();
    expect_err(c, too_long, "SETRANGE k 536870912 x");
    expect_err(c, too_long, "SETRANGE k 9223372036854775807 x");
    expect_err(c, "ERR offset is out of range", "SETRANGE k -1 x");
    expect_err(c, "ERR bit offset is not an integer or out of range", "SETBIT k 4294967296 1");
    expect_int(c, 0, "DBSIZE");
    expect_ok(c, "CONFIG SET proto-max-bulk-len 2mb");
    expect_int(c, 2097152, "SETRANGE k 2097151 x");
    expect_err(c, too_long, "APPEND k y");
    expect_err(c, too_long, "SETRANGE k 2097152 x");
    expect_int(c, 2097152, "STRLEN k");
    expect_ok(c, "CONFIG SET proto-max-bulk-len 512mb");
    expect_int(c, 2097153, "APPEND k y");
}

/* The 512 MB end of the range, once, with sparse contents. */
static void largest_string(void) {
    fresh();
    expect_int(c, 536870912, "SETRANGE k 536870911 x");
    expect_int(c, 536870912, "STRLEN k");
    expect_str(c, "x", "GETRANGE k -1 -1");
    expect_int(c, 0, "GETBIT k 4294967294");
    expect_int(c, 4, "BITCOUNT k -1 -1");
    expect_int(c, 1, "UNLINK k");
}

int main(void) {
    static const struct suite_test tests[] = {
        {"digest_is_xxh3", digest_is_xxh3},
        {"set_if_equal", set_if_equal},
        {"set_if_not_equal", set_if_not_equal},
        {"set_if_digest", set_if_digest},
        {"set_conditions_exclude_each_other", set_conditions_exclude_each_other},
        {"set_conditions_and_expiry", set_conditions_and_expiry},
        {"delex", delex},
        {"delifeq", delifeq},
        {"msetex_sets_all_or_none", msetex_sets_all_or_none},
        {"msetex_expiry", msetex_expiry},
        {"msetex_refuses", msetex_refuses},
        {"increx_counts", increx_counts},
        {"increx_bounds", increx_bounds},
        {"increx_expiry", increx_expiry},
        {"increx_refuses", increx_refuses},
        {"big_values", big_values},
        {"big_pipeline", big_pipeline},
        {"string_limits", string_limits},
        {"largest_string", largest_string},
        {NULL, NULL},
    };
    server = server_start(NULL);
    c = client_open(server);
    int status = suite_main("strings", tests);
    redisFree(c);
    return server_stop(server) ? 1 : status;
}
