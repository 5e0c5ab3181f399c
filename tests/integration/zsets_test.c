/* zsets_test.c - what redis-server 7.0 does not have: AGGREGATE COUNT of Redis 8.8.
 * Specification: redis/redis pull request 14892.
 */
#include "support/client.h"
#include "support/suite.h"

static struct server *server;
static redisContext *c;

static void make(void) {
    expect_ok(c, "FLUSHALL");
    expect_int(c, 2, "ZADD a 5 x -7 y");
    expect_int(c, 3, "ZADD b inf x 0 z 2 w");
    expect_int(c, 2, "SADD s x z");
}

/* The scores do not count, the weights of the sets that have a member do. */
static void members_are_counted(void) {
    make();
    expect_text(c, "[\"w\", \"1\", \"y\", \"1\", \"z\", \"2\", \"x\", \"3\"]",
                "ZUNION 3 a b s AGGREGATE COUNT WITHSCORES");
    expect_text(c, "[\"x\", \"3\"]", "ZINTER 3 a b s WITHSCORES AGGREGATE count");
    expect_int(c, 4, "ZUNIONSTORE d 3 a b s WEIGHTS 10 0.5 -1 AGGREGATE COUNT");
    expect_text(c, "[\"z\", \"-0.5\", \"w\", \"0.5\", \"x\", \"9.5\", \"y\", \"10\"]",
                "ZRANGE d 0 -1 WITHSCORES");
    expect_int(c, 2, "ZINTERSTORE d 2 a a WEIGHTS 2 3 AGGREGATE COUNT");
    expect_text(c, "[\"x\", \"5\", \"y\", \"5\"]", "ZRANGE d 0 -1 WITHSCORES");
}

/* Infinite weights that outweigh each other are 0, as they are in a sum. */
static void infinite_weights(void) {
    make();
    expect_text(c, "[\"x\", \"0\"]", "ZINTER 2 a b WEIGHTS inf -inf AGGREGATE COUNT WITHSCORES");
    expect_int(c, 4, "ZUNIONSTORE d 2 a b WEIGHTS inf -inf AGGREGATE COUNT");
    expect_text(c, "[\"w\", \"-inf\", \"z\", \"-inf\", \"x\", \"0\", \"y\", \"inf\"]",
                "ZRANGE d 0 -1 WITHSCORES");
}

static void not_everywhere(void) {
    make();
    expect_err(c, "ERR syntax error", "ZUNION 2 a b AGGREGATE COUNTS");
    expect_err(c, "ERR syntax error", "ZDIFF 2 a b AGGREGATE COUNT");
    expect_err(c, "ERR syntax error", "ZINTERCARD 2 a b AGGREGATE COUNT");
}

int main(void) {
    static const struct suite_test tests[] = {
        {"members_are_counted", members_are_counted},
        {"infinite_weights", infinite_weights},
        {"not_everywhere", not_everywhere},
        {NULL, NULL},
    };
    server = server_start(NULL);
    c = client_open(server);
    int status = suite_main("zsets", tests);
    redisFree(c);
    return server_stop(server) ? 1 : status;
}
