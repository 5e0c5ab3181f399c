/* zsets_test.c - what redis-server 7.0 does not have: AGGREGATE COUNT of Redis 8.8 (redis/redis
 * pull request 14892), and large sets made at once, as 7.2 does.
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

/* A listpack has no -0. Since 7.2 a set that will be large is so from its first member on, so that
 * its -0 stay; 7.0 loses those of the members that a listpack takes. */
static void minus_zero(void) {
    expect_ok(c, "FLUSHALL");
    expect_ok(c, "CONFIG SET zset-max-listpack-entries 3");
    expect_int(c, 1, "ZADD z -0 a");
    expect_str(c, "0", "ZSCORE z a");
    expect_int(c, 3, "ZADD z 1 b 2 c 3 d");
    expect_str(c, "skiplist", "OBJECT ENCODING z");
    expect_int(c, 1, "ZADD z -0 e");
    expect_text(c, "[\"0\", \"-0\"]", "ZMSCORE z a e");
    expect_int(c, 0, "ZADD z -0 a"); /* equal: not changed */
    expect_str(c, "0", "ZSCORE z a");
    expect_int(c, 4, "ZADD large -0 a 1 b 2 c 3 d");
    expect_str(c, "-0", "ZSCORE large a");
    expect_int(c, 5, "ZRANGESTORE d z 0 -1");
    expect_str(c, "-0", "ZSCORE d e");
    expect_int(c, 2, "ZRANGESTORE d z 0 1");
    expect_text(c, "[\"a\", \"0\", \"e\", \"0\"]", "ZRANGE d 0 -1 WITHSCORES");
    expect_ok(c, "CONFIG SET zset-max-listpack-entries 128");
}

int main(void) {
    static const struct suite_test tests[] = {
        {"members_are_counted", members_are_counted},
        {"infinite_weights", infinite_weights},
        {"not_everywhere", not_everywhere},
        {"minus_zero", minus_zero},
        {NULL, NULL},
    };
    server = server_start(NULL);
    c = client_open(server);
    int status = suite_main("zsets", tests);
    redisFree(c);
    return server_stop(server) ? 1 : status;
}
