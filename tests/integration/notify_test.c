/* notify_test.c - keyspace notifications: the events of every command beside redis-server, and what
 * that cannot show. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "integration/replies.h"
#include "support/client.h"
#include "support/suite.h"

#define WORDS_MAX 32
#define EVENTS_BYTES_MAX (64 * 1024)

/* A server, a connection that changes keys, and one that hears of it. */
static struct side {
    struct server *server;
    redisContext *c, *heard;
    int asked;
} ours, theirs;

static void side_open(struct side *s, struct server *server) {
    s->server = server;
    s->c = client_open(server);
    s->heard = client_open(server);
    freeReplyObject(cmd(s->heard, "PSUBSCRIBE __key*@*__:*"));
}

static void side_close(struct side *s) {
    redisFree(s->c);
    redisFree(s->heard);
    server_stop(s->server);
}

/* What was heard since the last call, as "channel event" lines. The caller frees. */
static char *events_of(struct side *s) {
    char marker[32], *text = calloc(1, EVENTS_BYTES_MAX);
    size_t n = 0;
    snprintf(marker, sizeof marker, "m%d", ++s->asked);
    redisAppendCommand(s->heard, "PING %s", marker);
    for (bool over = false; !over;) {
        redisReply *r;
        CU_ASSERT_FATAL(redisGetReply(s->heard, (void **)&r) == REDIS_OK);
        over = r->elements == 2 && strcmp(r->element[1]->str, marker) == 0;
        if (!over && r->elements == 4)
            n += (size_t)snprintf(text + n, EVENTS_BYTES_MAX - n, "%s %s\n", r->element[2]->str,
                                  r->element[3]->str);
        freeReplyObject(r);
        CU_ASSERT_FATAL(n < EVENTS_BYTES_MAX);
    }
    return text;
}

static bool hears(struct side *s, const char *want, int line) {
    char *text = events_of(s);
    bool same = strcmp(text, want) == 0;
    if (!same) printf("line %d: heard:\n%swanted:\n%s", line, text, want);
    free(text);
    return same;
}

#define expect_events(want) CU_ASSERT(hears(&ours, want, __LINE__))

/* Words by blanks; "..." is one word. */
static redisReply *run_line(redisContext *c, const char *line) {
    char copy[1024], *word[WORDS_MAX];
    size_t length[WORDS_MAX];
    int n = 0;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *p = copy; *p;) {
        char end = *p == '"' ? '"' : ' ';
        if (end == '"') p++;
        word[n] = p;
        while (*p && *p != end) p++;
        length[n] = (size_t)(p - word[n]);
        n++;
        if (*p) *p++ = 0;
        while (*p == ' ') p++;
    }
    redisReply *r = redisCommandArgv(c, n, (const char **)word, length);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r);
    return r;
}

/* ---- beside redis-server ------------------------------------------------------------- */

static const char *const lines[] = {
    /* clang-format off */
    "SET a 1",
    "SET a 2",
    "SET a 3 EX 100",
    "SET a 3 KEEPTTL",
    "SET a 3 NX",
    "SET nn 3 XX",
    "SET a 4 GET",
    "SET nn 4 GET",
    "GETSET a 5",
    "GETSET gs 5",
    "GET a",
    "GET nope",
    "GETDEL gs",
    "GETDEL gs",
    "GETEX a EX 100",
    "GETEX a PERSIST",
    "GETEX a",
    "GETEX nope",
    "GETEX a EXAT 1",
    "SETNX sx 1",
    "SETNX sx 1",
    "SETEX sx 100 1",
    "PSETEX sx 100000 1",
    "MSET m1 1 m2 2 m1 3",
    "MSETNX m1 1 m3 3",
    "MSETNX m4 1 m3 3",
    "MGET m1 nope m2 nope2",
    "APPEND ap x",
    "APPEND ap y",
    "APPEND ap \"\"",
    "SETRANGE sr 3 abc",
    "SETRANGE sr 0 \"\"",
    "SETRANGE srn 0 \"\"",
    "GETRANGE nope 0 1",
    "SUBSTR nope 0 1",
    "STRLEN nope",
    "INCR i",
    "INCR i",
    "DECR i",
    "INCRBY i 3",
    "DECRBY i 3",
    "INCRBYFLOAT i 1.5",
    "INCRBYFLOAT fi 1.5",
    "INCR ap",
    "LCS m1 m2",
    "LCS nope nope2",
    "SETBIT sb 3 1",
    "SETBIT sb 3 1",
    "SETBIT sb 3 0",
    "GETBIT nope 1",
    "BITCOUNT nope",
    "BITPOS nope 1",
    "BITOP AND bo sb m1",
    "BITOP AND bo nope nope2",
    "BITOP AND bo nope nope2",
    "BITFIELD bf SET u8 0 1",
    "BITFIELD bf SET u8 0 1",
    "BITFIELD bf GET u8 0",
    "BITFIELD bfn GET u8 0",
    "BITFIELD bf INCRBY u8 0 1 INCRBY u8 8 1",
    "BITFIELD_RO bfn GET u8 0",
    "PFADD hl a b",
    "PFADD hl a b",
    "PFADD hl2",
    "PFADD hl2",
    "PFCOUNT hl",
    "PFCOUNT hl hl2 nope",
    "PFCOUNT nope",
    "PFMERGE hl3 hl hl2",
    "PFMERGE hl3",
    "PFMERGE hl4",
    "LPUSH l a b c",
    "RPUSH l d",
    "LPUSHX nope a",
    "RPUSHX l e",
    "LPUSHX l z",
    "LPOP l",
    "RPOP l",
    "LPOP nope",
    "LPOP l 2",
    "LPOP l 0",
    "LINSERT l BEFORE d x",
    "LINSERT l BEFORE nope x",
    "LINSERT nope BEFORE d x",
    "LSET l 0 y",
    "LRANGE nope 0 -1",
    "LLEN nope",
    "LINDEX nope 0",
    "LPOS nope a",
    "LREM l 0 y",
    "LREM l 0 nope",
    "RPUSH l 1 2 3 4 5",
    "LTRIM l 1 3",
    "LTRIM l 0 -1",
    "LMOVE l l2 LEFT RIGHT",
    "LMOVE l l LEFT RIGHT",
    "RPOPLPUSH l l2",
    "RPOPLPUSH nope l2",
    "LMPOP 1 l2 LEFT",
    "LMPOP 2 nope l LEFT COUNT 10",
    "LMPOP 2 nope nope2 LEFT",
    "RPUSH l a b",
    "LPOP l 5",
    "RPUSH l a",
    "LTRIM l 5 10",
    "RPUSH bl a b c d",
    "BLPOP bl 1",
    "BRPOP bl 1",
    "BLMOVE bl bl2 LEFT LEFT 1",
    "BRPOPLPUSH bl bl2 1",
    "BLMPOP 1 2 nope bl2 LEFT",
    "BLMPOP 1 2 nope bl2 LEFT COUNT 4",
    "BLPOP nope 0.01",
    "SADD s a b c",
    "SADD s a",
    "SREM s nope",
    "SREM s a nope",
    "SMOVE s s2 b",
    "SMOVE s s2 nope",
    "SMOVE nope s2 nope",
    "SMOVE s s c",
    "SMOVE s s2 c",
    "SADD s a b c d",
    "SPOP s",
    "SPOP s 2",
    "SPOP s 0",
    "SPOP s 10",
    "SPOP s",
    "SPOP s 3",
    "SADD s a b c",
    "SRANDMEMBER s",
    "SRANDMEMBER nope",
    "SISMEMBER nope a",
    "SMISMEMBER nope a",
    "SCARD nope",
    "SMEMBERS nope",
    "SINTER s nope",
    "SINTERCARD 2 s nope",
    "SUNION nope s",
    "SDIFF s nope",
    "SINTERSTORE sd s nope",
    "SUNIONSTORE sd s nope",
    "SDIFFSTORE sd s nope",
    "SINTERSTORE sd s nope",
    "SINTERSTORE sd s nope",
    "SUNIONSTORE m1 s s2",
    "SREM s a b c",
    "SSCAN nope 0",
    "HSET h f v",
    "HSET h f v g w",
    "HSETNX h f x",
    "HSETNX h hh x",
    "HMSET h a b c d",
    "HINCRBY h n 2",
    "HINCRBYFLOAT h n 2.5",
    "HGET h f",
    "HGET nope f",
    "HMGET nope f",
    "HGETALL nope",
    "HKEYS nope",
    "HVALS nope",
    "HLEN nope",
    "HSTRLEN nope f",
    "HEXISTS nope f",
    "HRANDFIELD nope",
    "HSCAN nope 0",
    "HDEL h f nope",
    "HDEL h nope",
    "HDEL h a c g n hh",
    "HINCRBY hn n 2",
    "HINCRBYFLOAT hn2 n 2.5",
    "HDEL hn n",
    "ZADD z 1 a 2 b 3 c",
    "ZADD z 1 a",
    "ZADD z XX 2 a",
    "ZADD z XX 2 nope",
    "ZADD zn XX 2 nope",
    "ZADD z INCR 2 a",
    "ZADD z NX INCR 2 a",
    "ZINCRBY z 2 a",
    "ZINCRBY zi 2 a",
    "ZREM z a nope",
    "ZREM z nope",
    "ZADD z 1 a 2 b 3 c 4 d 5 e",
    "ZREMRANGEBYRANK z 0 0",
    "ZREMRANGEBYSCORE z 2 2",
    "ZREMRANGEBYSCORE z 20 20",
    "ZADD zl 0 a 0 b 0 c",
    "ZREMRANGEBYLEX zl [a [a",
    "ZREMRANGEBYLEX zl - +",
    "ZPOPMIN z",
    "ZPOPMAX z",
    "ZPOPMIN z 0",
    "ZPOPMIN nope",
    "ZADD z 1 a 2 b 3 c 4 d 5 e",
    "ZMPOP 1 z MIN",
    "ZMPOP 2 nope z MAX COUNT 2",
    "ZMPOP 1 nope MIN",
    "BZPOPMIN z 1",
    "BZPOPMAX z 1",
    "ZADD z 1 a 2 b",
    "BZMPOP 1 1 z MIN COUNT 10",
    "BZPOPMIN nope 0.01",
    "ZADD z 1 a 2 b 3 c 4 d 5 e",
    "ZSCORE nope a",
    "ZMSCORE nope a",
    "ZRANK nope a",
    "ZREVRANK nope a",
    "ZCARD nope",
    "ZCOUNT nope 0 1",
    "ZLEXCOUNT nope - +",
    "ZRANGE nope 0 -1",
    "ZREVRANGE nope 0 -1",
    "ZRANGEBYSCORE nope 0 1",
    "ZREVRANGEBYSCORE nope 1 0",
    "ZRANGEBYLEX nope - +",
    "ZREVRANGEBYLEX nope + -",
    "ZRANDMEMBER nope",
    "ZSCAN nope 0",
    "ZRANGESTORE zd z 0 1",
    "ZRANGESTORE zd nope 0 1",
    "ZRANGESTORE zd nope 0 1",
    "ZUNIONSTORE zd 2 z nope",
    "ZINTERSTORE zd 2 z nope",
    "ZINTERSTORE zd 2 z nope",
    "ZDIFFSTORE zd 2 z nope",
    "ZUNION 2 z nope",
    "ZINTER 2 z nope",
    "ZINTERCARD 2 z nope",
    "ZDIFF 2 z nope",
    "ZREM z a b c d e",
    "GEOADD g 13.361389 38.115556 P 15.087269 37.502669 C",
    "GEOADD g 13.361389 38.115556 P",
    "GEOADD g CH 13.3 38.1 P",
    "GEOPOS nope a",
    "GEODIST nope a b",
    "GEOHASH nope a",
    "GEOSEARCH nope FROMLONLAT 15 37 BYRADIUS 200 km",
    "GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km",
    "GEOSEARCHSTORE gd g FROMLONLAT 15 37 BYRADIUS 200 km",
    "GEOSEARCHSTORE gd g FROMLONLAT 1 3 BYRADIUS 2 km",
    "GEOSEARCHSTORE gd nope FROMLONLAT 1 3 BYRADIUS 2 km",
    "GEORADIUS g 15 37 200 km STORE gd",
    "GEORADIUS g 15 37 200 km STOREDIST gd2",
    "GEORADIUS g 1 3 2 km STORE gd",
    "GEORADIUSBYMEMBER g P 200 km STORE gd",
    "GEORADIUSBYMEMBER nope P 200 km",
    "XADD x 1-1 f v",
    "XADD x 1-2 f v",
    "XADD x MAXLEN 1 1-3 f v",
    "XADD xn NOMKSTREAM 1-3 f v",
    "XADD x 1-4 f v",
    "XADD x 1-5 f v",
    "XDEL x 1-4 1-9",
    "XDEL x 1-9",
    "XTRIM x MAXLEN 1",
    "XTRIM x MAXLEN 1",
    "XSETID x 2-1",
    "XLEN nope",
    "XRANGE nope - +",
    "XREVRANGE nope + -",
    "XREAD STREAMS x 0",
    "XINFO STREAM x",
    "XINFO GROUPS x",
    "XGROUP CREATE x gr 0",
    "XGROUP CREATE xg gr 0 MKSTREAM",
    "XGROUP CREATE x gr 0",
    "XGROUP SETID x gr 0",
    "XGROUP CREATECONSUMER x gr c",
    "XGROUP CREATECONSUMER x gr c",
    "XREADGROUP GROUP gr c STREAMS x >",
    "XPENDING x gr",
    "XPENDING nope gr",
    "XCLAIM x gr e 0 1-5",
    "XCLAIM x gr c2 0 1-5",
    "XAUTOCLAIM x gr c3 0 0",
    "XACK x gr 1-5",
    "XACK nope gr 1-5",
    "XGROUP DELCONSUMER x gr c",
    "XGROUP DELCONSUMER x gr nope",
    "XGROUP DESTROY x gr",
    "XGROUP DESTROY x gr",
    "XDEL x 1-5",
    "XADD x MINID 5 5-1 f v",
    "DEL x",
    "SET k1 v",
    "DEL k1 nope",
    "SET k1 v",
    "UNLINK k1 nope",
    "SET k1 v",
    "EXPIRE k1 100",
    "EXPIRE k1 100 NX",
    "EXPIRE nope 100",
    "PEXPIRE k1 100000",
    "EXPIREAT k1 99999999999",
    "PEXPIREAT k1 99999999999999",
    "PERSIST k1",
    "PERSIST k1",
    "EXPIRE k1 -1",
    "SET k1 v",
    "PEXPIREAT k1 1",
    "SET k1 v",
    "EXISTS k1 nope",
    "TOUCH k1 nope",
    "TYPE nope",
    "TTL nope",
    "PTTL nope",
    "EXPIRETIME nope",
    "PEXPIRETIME nope",
    "OBJECT ENCODING nope",
    "OBJECT IDLETIME nope",
    "OBJECT HELP",
    "RENAME k1 k2",
    "RENAME k2 k2",
    "SET k1 v",
    "RENAME k1 k2",
    "RENAMENX k2 k3",
    "SET k2 v",
    "RENAMENX k2 k3",
    "RENAME nope k",
    "COPY k2 c1",
    "COPY k2 c1",
    "COPY k2 c1 REPLACE",
    "COPY nope c1",
    "COPY k2 c1 DB 1",
    "COPY k2 c1 DB 1 REPLACE",
    "MOVE k2 2",
    "MOVE nope 2",
    "SET k2 v",
    "MOVE k2 2",
    "DUMP nope",
    "RPUSH so 3 1 2",
    "SORT so STORE sod",
    "SORT so STORE sod",
    "SORT nope STORE sod",
    "SORT nope STORE sod",
    "SORT nope",
    "SORT so BY w_* GET #",
    "SORT so GET o_*",
    "SORT_RO nope",
    "SORT_RO so BY w_*",
    "SCAN 0",
    "KEYS *",
    "RANDOMKEY",
    "DBSIZE",
    "SET e1 v PX 20",
    "SLEEP 0.3",
    "GET e1",
    "SET e2 v PX 20",
    "SLEEP 0.3",
    "PING",
    "EVAL \"redis.call('set','k9','v') redis.call('expire','k9',100) redis.call('get','nope') return redis.call('del','k9')\" 0",
    "SET k1 v",
    "SELECT 3",
    "SET k1 v",
    "SWAPDB 0 3",
    "SELECT 0",
    "FLUSHDB",
    "SET k1 v",
    "FLUSHALL",
    "SET big 1",
    "SETRANGE big 100 x",
    "MULTI",
    "SET q 1",
    "INCR q",
    "DEL q",
    "EXEC",
    "DEBUG SET-ACTIVE-EXPIRE 0",
    "SET lz v PX 10",
    "SLEEP 0.1",
    "GET lz",
    "SET lz v PX 10",
    "SLEEP 0.1",
    "SET lz w",
    "SET lz v PX 10",
    "SLEEP 0.1",
    "DEL lz",
    "SET lz v PX 10",
    "SLEEP 0.1",
    "LPUSH lz a",
    "DEL lz",
    "SET lz v PX 10",
    "SLEEP 0.1",
    "RENAME lz lz2",
    "SET lz v PX 10",
    "SLEEP 0.1",
    "EXISTS lz",
    "SET lz v PX 10",
    "SLEEP 0.1",
    "TTL lz",
    "SET lz v PX 10",
    "SET lz3 v",
    "SLEEP 0.1",
    "RENAME lz3 lz",
    "DEBUG SET-ACTIVE-EXPIRE 1",
    "SET kp v",
    "LPUSH wt a",
    "INCR wt",
    "GET wt",
    "FLUSHALL",
    "SET b1 abc EX 100",
    "SET b2 abd",
    "SET bo x EX 100",
    "BITOP AND bo b1 b2",
    "TTL bo",
    "BITOP OR bo b1 b2",
    "OBJECT ENCODING bo",
    "SET zz x EX 100",
    "SADD s1 a b c",
    "SUNIONSTORE zz s1",
    "TTL zz",
    "SUNIONSTORE zz s1",
    "SET zz x EX 100",
    "ZADD z1 1 a",
    "ZUNIONSTORE zz 1 z1",
    "TTL zz",
    "GEOADD g1 13.361389 38.115556 P",
    "GEOSEARCHSTORE zz g1 FROMLONLAT 13 38 BYRADIUS 200 km",
    "ZRANGESTORE zz z1 0 -1",
    "RPUSH ll 3 2 1",
    "SORT ll STORE zz",
    "COPY ll zz REPLACE",
    "COPY ll yy",
    "PFMERGE pf",
    "PFMERGE pf",
    "SADD s1 d",
    "SPOP s1 10",
    "SADD s1 a b c d e f g",
    "SPOP s1 6",
    "OBJECT FREQ nope",
    "MEMORY USAGE nope",
    "DEBUG OBJECT nope",
    "LMPOP 1 ll RIGHT COUNT 2",
    "HSET hh a 1 b 2",
    "HRANDFIELD hh 2",
    "HEXISTS hh zz",
    "SINTERCARD 1 nope",
    "MSET e1 1 e2 2",
    "DEL e1 e2 nope e1",
    "XADD st 1-1 a b",
    "XGROUP CREATE st g1 $",
    "XGROUP CREATE st g2 0",
    "XREADGROUP GROUP g2 c1 COUNT 1 STREAMS st >",
    "XACK st g2 1-1",
    "XTRIM st MAXLEN 0",
    "XINFO CONSUMERS st g2",
    "XINFO STREAM nope",
    "APPEND st x",
    "SETEX sx 0 v",
    "GETSET nn1 v",
    "GETEX nn1 PX 100000",
    "GETEX nn1 PXAT 1",
    "INCRBYFLOAT nn2 3.0",
    "BITFIELD nn3 GET u8 0 SET u8 0 0",
    "BITFIELD nn4 INCRBY u8 0 300",
    "BITFIELD nn4 OVERFLOW FAIL SET u8 0 1000",
    "SETBIT nn5 0 0",
    "SETBIT nn5 0 0",
    "SETRANGE nn6 0 x",
    "LINSERT ll AFTER 2 x",
    "RPOPLPUSH ll ll",
    "LSET nope 0 x",
    "LTRIM nope 0 1",
    "EXPIRE ll 100 GT",
    "EXPIRE ll 100 XX",
    "EXPIRE ll 1000 LT",
    "EXPIRE ll 1000 NX",
    "EXPIRE ll 2000 GT",
    "EVAL \"return redis.call('get','nope')\" 0",
    "EVAL \"redis.call('lpush','el','a') redis.call('rpoplpush','el','el2') return 1\" 0",
    /* clang-format on */
};

static void events_are_those_of_redis(void) {
    struct side *sides[] = {&ours, &theirs};
    for (int i = 0; i < 2; i++) {
        expect_ok(sides[i]->c, "FLUSHALL");
        expect_ok(sides[i]->c, "CONFIG SET notify-keyspace-events KEAmn");
        free(events_of(sides[i]));
    }
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char *text[2];
        if (strncmp(lines[i], "SLEEP ", 6) == 0) {
            server_sleep_ms((int)(atof(lines[i] + 6) * 1000));
            continue;
        }
        for (int k = 0; k < 2; k++) {
            freeReplyObject(run_line(sides[k]->c, lines[i]));
            text[k] = events_of(sides[k]);
        }
        CU_ASSERT_STRING_EQUAL(text[0], text[1]);
        if (strcmp(text[0], text[1]) != 0)
            printf("%s\nours:\n%stheirs:\n%s", lines[i], text[0], text[1]);
        free(text[0]);
        free(text[1]);
    }
}

static void the_directive_is_as_in_redis(void) {
    static const char *const values[] = {
        "KEA", "AKE",  "KE",  "K",   "E", "",     "g",  "KEg$lshzxet", "KEg$lshzxetd", "mKE", "nK",
        "AA",  "KEAx", "KEy", "K E", "A", "KEAm", "dK", "a",           "Kg$x",
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const char *set = "CONFIG SET notify-keyspace-events %s";
        char *a = reply_text(cmd(ours.c, set, values[i]));
        char *b = reply_text(cmd(theirs.c, set, values[i]));
        CU_ASSERT_STRING_EQUAL(a, b);
        free(a);
        free(b);
        a = reply_text(cmd(ours.c, "CONFIG GET notify-keyspace-events"));
        b = reply_text(cmd(theirs.c, "CONFIG GET notify-keyspace-events"));
        CU_ASSERT_STRING_EQUAL(a, b);
        free(a);
        free(b);
    }
    /* Beside all others Redis forgets n. */
    expect_ok(ours.c, "CONFIG SET notify-keyspace-events mAnEK");
    expect_text(ours.c, "[\"notify-keyspace-events\", \"AnKEm\"]",
                "CONFIG GET notify-keyspace-events");
}

/* ---- ours alone ----------------------------------------------------------------------- */

static void begin(const char *events) {
    expect_ok(ours.c, "CONFIG SET notify-keyspace-events %s", events);
    freeReplyObject(cmd(ours.c, "FLUSHALL"));
    free(events_of(&ours));
}

static void only_what_is_asked_for(void) {
    begin("Ks");
    freeReplyObject(cmd(ours.c, "SADD s a"));
    freeReplyObject(cmd(ours.c, "SET k v"));
    expect_events("__keyspace@0__:s sadd\n");
    begin("E$");
    freeReplyObject(cmd(ours.c, "SADD s a"));
    freeReplyObject(cmd(ours.c, "SET k v EX 100"));
    expect_events("__keyevent@0__:set k\n");
    begin("A"); /* no form: nothing */
    freeReplyObject(cmd(ours.c, "SET k v"));
    expect_events("");
    begin("");
    freeReplyObject(cmd(ours.c, "SET k v"));
    expect_events("");
}

/* Without a command, when the time has come. */
static void keys_expire_in_time(void) {
    begin("Ex");
    expect_ok(ours.c, "SET k v PX 100");
    expect_events("");
    server_sleep_ms(300);
    expect_events("__keyevent@0__:expired k\n");
    begin("KEh");
    freeReplyObject(cmd(ours.c, "HSET h f v"));
    freeReplyObject(cmd(ours.c, "HPEXPIRE h 100 FIELDS 1 f"));
    server_sleep_ms(300);
    expect_events("__keyspace@0__:h hset\n__keyevent@0__:hset h\n__keyspace@0__:h hexpire\n"
                  "__keyevent@0__:hexpire h\n__keyspace@0__:h hexpired\n__keyevent@0__:hexpired "
                  "h\n");
}

static void evicted_keys_are_told(void) {
    begin("Ee");
    expect_ok(ours.c, "SET k v");
    expect_ok(ours.c, "CONFIG SET maxmemory-policy allkeys-lru maxmemory 1");
    freeReplyObject(cmd(ours.c, "SET other v"));
    expect_ok(ours.c, "CONFIG SET maxmemory 0 maxmemory-policy noeviction");
    expect_events("__keyevent@0__:evicted k\n");
}

/* Names and keys of any bytes and size. */
static void long_names_do(void) {
    char key[2001];
    memset(key, 'k', 2000);
    key[2000] = 0;
    char want[2100];
    snprintf(want, sizeof want, "__keyspace@0__:%s set\n", key);
    begin("K$");
    expect_ok(ours.c, "SET %s v", key);
    expect_events(want);
}

/* A script that is taken back has changed nothing, so it tells nothing; else all, at its end. */
static void a_script_that_fails_tells_nothing(void) {
    begin("EA");
    expect_ok(ours.c, "CONFIG SET script-rollback yes");
    freeReplyObject(cmd(ours.c, "EVAL %s 1 k", "redis.call('set', KEYS[1], 1) return nonsense.x"));
    expect_events("");
    freeReplyObject(cmd(ours.c, "EVAL %s 1 k",
                        "redis.call('set', KEYS[1], 1) redis.call('incr', "
                        "KEYS[1]) return redis.call('del', KEYS[1])"));
    expect_events("__keyevent@0__:set k\n__keyevent@0__:incrby k\n__keyevent@0__:del k\n");
    expect_ok(ours.c, "CONFIG SET script-rollback no");
}

/* What a worker computed is told when it is committed. */
static void offloaded_commands_tell(void) {
    begin("");
    freeReplyObject(cmd(ours.c, "EVAL %s 0",
                        "for i = 1, 30000 do redis.call('sadd', 'a', i) "
                        "redis.call('sadd', 'b', -i) end"));
    expect_ok(ours.c, "CONFIG SET notify-keyspace-events EA");
    expect_int(ours.c, 60000, "SUNIONSTORE c a b");
    expect_events("__keyevent@0__:sunionstore c\n");
    expect_int(ours.c, 0, "SINTERSTORE c a b");
    expect_events("__keyevent@0__:del c\n");
}

int main(void) {
    static const struct suite_test tests[] = {
        {"events_are_those_of_redis", events_are_those_of_redis},
        {"the_directive_is_as_in_redis", the_directive_is_as_in_redis},
        {"only_what_is_asked_for", only_what_is_asked_for},
        {"keys_expire_in_time", keys_expire_in_time},
        {"evicted_keys_are_told", evicted_keys_are_told},
        {"long_names_do", long_names_do},
        {"a_script_that_fails_tells_nothing", a_script_that_fails_tells_nothing},
        {"offloaded_commands_tell", offloaded_commands_tell},
        {NULL, NULL},
    };
    side_open(&ours, server_start((const char *const[]){"--enable-debug-command", "yes", NULL}));
    side_open(&theirs, server_start_oracle(NULL));
    int failed = suite_main("notify", tests);
    side_close(&theirs);
    side_close(&ours);
    return failed;
}
