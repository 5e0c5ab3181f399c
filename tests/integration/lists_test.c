/* lists_test.c - what the model test cannot compare with redis-server 7.0: the encodings of 7.2,
 * LMOVEM of Redis 8.10, and long elements.
 * Specification: Redis 7.2's rules of conversion; the commands' pages at redis.io.
 */
#include <stdlib.h>
#include <string.h>

#include "replies.h"
#include "support/client.h"
#include "support/suite.h"

static struct server *server;
static redisContext *c;

static void fresh(void) {
    expect_ok(c, "FLUSHALL");
    expect_ok(c, "CONFIG SET list-max-listpack-size -2");
}

static char *text_of(size_t n, char with) {
    char *s = malloc(n);
    memset(s, with, n);
    return s;
}

static void grows_and_shrinks_by_bytes(void) {
    fresh();
    char *s = text_of(8300, 'x');
    expect_int(c, 1, "RPUSH k %b", s, (size_t)4000);
    expect_int(c, 2, "RPUSH k %b", s, (size_t)4000);
    expect_str(c, "listpack", "OBJECT ENCODING k");
    expect_int(c, 3, "LPUSH k %b", s, (size_t)300);
    expect_str(c, "quicklist", "OBJECT ENCODING k");
    expect_ok(c, "LSET k 0 x");
    expect_str(c, "quicklist", "OBJECT ENCODING k");
    expect_ok(c, "LTRIM k 1 1");
    expect_str(c, "listpack", "OBJECT ENCODING k");
    expect_int(c, 2, "LPUSH k y");
    expect_ok(c, "LSET k 0 %b", s, (size_t)8300);
    expect_str(c, "quicklist", "OBJECT ENCODING k");
    expect_int(c, 1, "LREM k 1 %b", s, (size_t)8300);
    expect_str(c, "listpack", "OBJECT ENCODING k");
    expect_int(c, 2, "LINSERT k BEFORE %b %b", s, (size_t)4000, s, (size_t)5000);
    expect_str(c, "quicklist", "OBJECT ENCODING k");
    free(s);
}

static void grows_and_shrinks_by_count(void) {
    fresh();
    expect_ok(c, "CONFIG SET list-max-listpack-size 4");
    expect_int(c, 4, "RPUSH k a b c d");
    expect_str(c, "listpack", "OBJECT ENCODING k");
    expect_int(c, 5, "RPUSH k e");
    expect_str(c, "quicklist", "OBJECT ENCODING k");
    CU_ASSERT(reply_has(cmd(c, "DEBUG OBJECT k"),
                        " ql_nodes:2 ql_avg_node:2.50 ql_listpack_max:4 ql_compressed:0 "));
    expect_ok(c, "LTRIM k 0 2");
    expect_str(c, "quicklist", "OBJECT ENCODING k");
    expect_str(c, "c", "RPOP k");
    expect_str(c, "listpack", "OBJECT ENCODING k");
    expect_int(c, 4, "RPUSH other v w x y");
    expect_str(c, "y", "LMOVE other k RIGHT LEFT");
    expect_str(c, "listpack", "OBJECT ENCODING k");
}

static void lmovem_orders(void) {
    static const struct {
        const char *ends, *order, *moved;
    } rows[] = {
        {"LEFT LEFT", "OBO", "[\"3\", \"2\", \"1\"]"},
        {"LEFT LEFT", "BULK", "[\"1\", \"2\", \"3\"]"},
        {"LEFT RIGHT", "OBO", "[\"1\", \"2\", \"3\"]"},
        {"LEFT RIGHT", "BULK", "[\"1\", \"2\", \"3\"]"},
        {"RIGHT LEFT", "OBO", "[\"3\", \"4\", \"5\"]"},
        {"RIGHT LEFT", "BULK", "[\"3\", \"4\", \"5\"]"},
        {"RIGHT RIGHT", "OBO", "[\"5\", \"4\", \"3\"]"},
        {"RIGHT RIGHT", "BULK", "[\"3\", \"4\", \"5\"]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char line[80];
        fresh();
        expect_int(c, 5, "RPUSH s 1 2 3 4 5");
        snprintf(line, sizeof line, "LMOVEM s d %s COUNT 3 %s", rows[i].ends, rows[i].order);
        expect_text(c, rows[i].moved, line);
        expect_text(c, rows[i].moved, "LRANGE d 0 -1");
        expect_int(c, 2, "LLEN s");
    }
}

static void lmovem_counts(void) {
    fresh();
    expect_int(c, 3, "RPUSH s 1 2 3");
    expect_text(c, "[\"1\"]", "LMOVEM s d LEFT RIGHT");
    expect_nil(c, "LMOVEM s d LEFT RIGHT EXACTLY 3 BULK");
    expect_text(c, "[\"2\", \"3\"]", "LMOVEM s d LEFT RIGHT EXACTLY 2 BULK");
    expect_int(c, 0, "EXISTS s");
    /* Null, as Redis 8.10.2 replies, though its documentation says an empty array. */
    expect_nil(c, "LMOVEM s d LEFT RIGHT");
    expect_nil(c, "LMOVEM s d LEFT RIGHT COUNT 2 OBO");
    expect_nil(c, "LMOVEM s d LEFT RIGHT EXACTLY 1 OBO");
    expect_text(c, "[\"3\", \"2\", \"1\"]", "LMOVEM d e RIGHT RIGHT COUNT 100 OBO");
    expect_text(c, "[\"2\", \"3\"]", "LMOVEM e e LEFT LEFT COUNT 2 OBO");
    expect_text(c, "[\"2\", \"3\", \"1\"]", "LRANGE e 0 -1");
    expect_text(c, "[\"2\", \"3\"]", "LMOVEM e e LEFT RIGHT COUNT 2 BULK");
    expect_text(c, "[\"1\", \"2\", \"3\"]", "LRANGE e 0 -1");
}

static void lmovem_refuses(void) {
    fresh();
    expect_int(c, 2, "RPUSH s a b");
    expect_ok(c, "SET text t");
    expect_err(c, "ERR wrong number of arguments for 'lmovem' command", "LMOVEM s d LEFT");
    expect_err(c, "ERR syntax error", "LMOVEM s d LEFT UP");
    expect_err(c, "ERR syntax error", "LMOVEM s d LEFT RIGHT COUNT 2");
    expect_err(c, "ERR syntax error", "LMOVEM s d LEFT RIGHT COUNT 2 OBO more");
    expect_err(c, "ERR syntax error", "LMOVEM s d LEFT RIGHT COUNT 2 ORDERLY");
    expect_err(c, "ERR count should be greater than 0", "LMOVEM s d LEFT RIGHT COUNT 0 OBO");
    expect_err(c, "ERR count should be greater than 0", "LMOVEM s d LEFT RIGHT EXACTLY x OBO");
    expect_err(c, "WRONGTYPE Operation against a key holding the wrong kind of value",
               "LMOVEM s text LEFT RIGHT");
    /* Too few are told before the destination is looked at. */
    expect_nil(c, "LMOVEM s text LEFT RIGHT EXACTLY 3 OBO");
    expect_err(c, "WRONGTYPE Operation against a key holding the wrong kind of value",
               "LMOVEM text s LEFT RIGHT");
    expect_int(c, 2, "LLEN s");
}

/* Elements that are received into memory of their own, and sent from there. */
static void long_elements(void) {
    fresh();
    size_t n = 3 << 20;
    char *s = text_of(n, 'y');
    expect_int(c, 1, "RPUSH k %b", s, n);
    expect_int(c, 2, "LPUSH k small");
    expect_int(c, 3, "LINSERT k AFTER small %b", s, n - 1);
    expect_int(c, 2, "LPOS k %b", s, n);
    expect_int(c, 1, "COPY k copy");
    redisReply *r = cmd(c, "LMOVE k k RIGHT LEFT");
    CU_ASSERT(r->len == n && memcmp(r->str, s, n) == 0);
    freeReplyObject(r);
    expect_str(c, "small", "LINDEX k 1");
    expect_int(c, 1, "LREM k 0 %b", s, n);
    expect_text(c, "[\"small\"]", "LPOP k 1");
    r = cmd(c, "LRANGE copy 0 -1");
    CU_ASSERT_FATAL(r->elements == 3);
    CU_ASSERT(r->element[1]->len == n - 1 && r->element[2]->len == n);
    freeReplyObject(r);
    expect_int(c, 2, "DEL k copy");
    free(s);
}

/* A node of one element that has no bytes: nobody writes it. */
static void empty_plain_nodes_are_refused(void) {
    static const char dump[] = "\x12\x01\x01\x00\x0a\x00\x8f\xc6\xc0\x57\x1c\x0a\xb3\x3c";
    expect_err(c, "ERR Bad data format", "RESTORE plain 0 %b", dump, sizeof dump - 1);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"grows_and_shrinks_by_bytes", grows_and_shrinks_by_bytes},
        {"grows_and_shrinks_by_count", grows_and_shrinks_by_count},
        {"lmovem_orders", lmovem_orders},
        {"lmovem_counts", lmovem_counts},
        {"lmovem_refuses", lmovem_refuses},
        {"long_elements", long_elements},
        {"empty_plain_nodes_are_refused", empty_plain_nodes_are_refused},
        {NULL, NULL},
    };
    static const char *const args[] = {"--enable-debug-command", "yes", NULL};
    server = server_start(args);
    c = client_open(server);
    int status = suite_main("lists", tests);
    redisFree(c);
    return server_stop(server) ? 1 : status;
}
