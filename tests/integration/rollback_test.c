/* rollback_test.c - script-rollback: scripts that fail or are killed leave no trace. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replies.h"
#include "support/client.h"
#include "support/suite.h"

static struct server *server;
static redisContext *a, *b, *c;

static bool has(redisReply *r, const char *part) {
    char *text = reply_text(r);
    bool yes = strstr(text, part) != NULL;
    free(text);
    return yes;
}

/* What all keys hold, as DEBUG DIGEST sums it up, expiry included. */
static char *digest(void) { return reply_text(cmd(c, "DEBUG DIGEST")); }

/* A value of each type, small and large. */
static void fill(void) {
    expect_ok(c, "FLUSHALL");
    expect_ok(c, "CONFIG SET busy-reply-threshold 20 script-rollback yes");
    expect_ok(c, "MSET text hello number 17");
    expect_ok(c, "SETEX ends 1000 soon");
    expect_text(
        c, "nil", "EVAL %s 0",
        "local b=string.rep('x',100000) redis.call('set','long',b) "
        "for i=1,300 do redis.call('rpush','list',i..string.rep('y',40)) "
        "redis.call('sadd','set','m'..i) redis.call('zadd','zset',i,'m'..i) "
        "redis.call('hset','hash','f'..i,i) redis.call('xadd','stream',i..'-1','f',i) end "
        "redis.call('rpush','short',1,2,3) redis.call('hset','small','f','v') "
        "redis.call('sadd','ints',1,2,3) redis.call('zadd','few',1,'a',2,'b') "
        "redis.call('xgroup','create','stream','g','0') redis.call('expire','small',500) "
        "redis.call('pfadd','hll','a','b') redis.call('hexpire','hash',900,'fields',1,'f1')");
    expect_ok(c, "SELECT 3");
    expect_ok(c, "SET elsewhere 1");
    expect_ok(c, "SELECT 0");
}

static const char *const changes[] = {
    "redis.call('set','text','bye')",
    "redis.call('append','text',' there')",
    "redis.call('incr','number') redis.call('incr','number')",
    "redis.call('setrange','long',5,'!')",
    "redis.call('append','long','!')",
    "redis.call('persist','ends')",
    "redis.call('expire','text',10)",
    "redis.call('set','ends','now')",
    "redis.call('getdel','ends')",
    "redis.call('rpush','list','more') redis.call('lpop','list') redis.call('ltrim','list',5,9)",
    "redis.call('lset','list',7,'other')",
    "redis.call('linsert','short','before','2','x')",
    "redis.call('del','list','set','zset','hash','short','ints')",
    "redis.call('unlink','stream','hll')",
    "redis.call('sadd','set','new') redis.call('srem','set','m1') redis.call('spop','set',20)",
    "redis.call('sadd','ints','word')",
    "redis.call('zincrby','zset',5,'m1') redis.call('zpopmax','zset',3) redis.call('zadd','few',9,'z')",
    "redis.call('hset','hash','f1','x','new','y') redis.call('hdel','hash','f2')",
    "redis.call('hpersist','hash','fields',1,'f1')",
    "redis.call('hset','small','f','w','g','x')",
    "redis.call('xadd','stream','9999-1','a','b') redis.call('xtrim','stream','maxlen',5)",
    "redis.call('xreadgroup','group','g','me','count',5,'streams','stream','>')",
    "redis.call('xgroup','destroy','stream','g')",
    "redis.call('pfadd','hll','c','d','e')",
    "redis.call('rename','text','set')",
    "redis.call('rename','list','fresh')",
    "redis.call('copy','zset','fresh') redis.call('zadd','fresh',1,'one')",
    "redis.call('sunionstore','set','set','ints')",
    "redis.call('sort','ints','desc','store','fresh')",
    "redis.call('lmove','short','list','left','right') redis.call('smove','set','ints','m7')",
    "redis.call('mset','n1',1,'n2',2,'n3',3,'text',4) redis.call('del','n2') redis.call('set','n2',5)",
    "redis.call('select',3) redis.call('set','elsewhere',2) redis.call('set','there','x')",
    "redis.call('setbit','text',7,1) redis.call('bitop','not','fresh','text')",
    "for i=1,500 do redis.call('set','k'..i,i) end",
};

static void failing_leaves_no_trace(void) {
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        for (int in_exec = 0; in_exec < 2; in_exec++) {
            fill();
            char *before = digest(), script[1024];
            snprintf(script, sizeof script, "%s error('no')", changes[i]);
            if (in_exec) {
                expect_ok(c, "MULTI");
                expect_status(c, "QUEUED", "PING");
                expect_status(c, "QUEUED", "EVAL %s 0", script);
                redisReply *r = cmd(c, "EXEC");
                CU_ASSERT_EQUAL_FATAL(r->elements, 2);
                CU_ASSERT_EQUAL(r->element[1]->type, REDIS_REPLY_ERROR);
                freeReplyObject(r);
            } else {
                expect_err_prefix(c, "ERR user_script:1: no script: ", "EVAL %s 0", script);
            }
            char *after = digest();
            CU_ASSERT_STRING_EQUAL(before, after);
            if (strcmp(before, after) != 0) printf("not undone: %s\n", changes[i]);
            free(before);
            free(after);
            CU_ASSERT_TRUE(reply_int(cmd(c, "TTL ends")) > 900);
            CU_ASSERT_TRUE(reply_int(cmd(c, "TTL small")) > 400);
            expect_int(c, -1, "TTL text");
            expect_text(c,
                        "[[\"name\", \"g\", \"consumers\", 0, \"pending\", 0, "
                        "\"last-delivered-id\", \"0-0\", \"entries-read\", nil, \"lag\", 300]]",
                        "XINFO GROUPS stream");
            redisReply *left = cmd(c, "HTTL hash FIELDS 1 f1");
            CU_ASSERT_TRUE(left->elements == 1 && left->element[0]->integer > 800);
            freeReplyObject(left);
        }
    }
}

static void ending_well_keeps_all(void) {
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        fill();
        expect_text(c, "1", "EVAL %s 0", "redis.call('select',9) return redis.call('dbsize')+1");
        freeReplyObject(cmd(c, "EVAL %s 0", changes[i]));
        expect_str(c, "kept", "EVAL %s 1 k",
                   "redis.call('set',KEYS[1],'kept') redis.pcall('incr',KEYS[1]) "
                   "return redis.call('get',KEYS[1])");
        expect_str(c, "kept", "GET k");
    }
    expect_ok(c, "CONFIG SET script-rollback no");
    expect_err_prefix(c, "ERR user_script:1: no", "EVAL %s 1 k",
                      "redis.call('set',KEYS[1],'changed') error('no')");
    expect_str(c, "changed", "GET k");
}

#define WORK "local t=os.clock() while os.clock()-t<0.1 do redis.call('exists',KEYS[1]) end "
#define FOREVER "while true do redis.call('exists',KEYS[1]) end"

static void start(const char *script) {
    redisAppendCommand(a, "EVAL %s 1 text", script);
    send_all(a);
    while (!has(cmd(c, "LANE.LIST"), "exclusive")) usleep(1000);
}

static void killing_is_never_refused(void) {
    fill();
    start("redis.call('set',KEYS[1],'changed') " FOREVER);
    redisAppendCommand(b, "GET text");
    send_all(b);
    while (!has(cmd(c, "GET text"), "BUSY")) usleep(1000);
    redisReply *r = wait_for(b);
    CU_ASSERT_TRUE(r->type == REDIS_REPLY_ERROR);
    freeReplyObject(r);
    expect_ok(c, "SCRIPT KILL");
    r = wait_for(a);
    CU_ASSERT_EQUAL(r->type, REDIS_REPLY_ERROR);
    freeReplyObject(r);
    expect_str(c, "hello", "GET text");
    expect_str(c, "l", "FUNCTION LOAD REPLACE %s",
               "#!lua name=l\nredis.register_function('loop',function(KEYS) "
               "redis.call('del',KEYS[1]) " FOREVER " end)");
    redisAppendCommand(a, "FCALL loop 1 text");
    send_all(a);
    while (!has(cmd(c, "GET text"), "BUSY")) usleep(1000);
    expect_ok(c, "FUNCTION KILL");
    freeReplyObject(wait_for(a));
    expect_str(c, "hello", "GET text");
    /* Its reply is being made, and has no end. */
    int fd = client_open_raw(server);
    expect_raw(fd,
               "EVAL \"redis.call('set',KEYS[1],1) local t={} for i=1,3 do t[i]=t end return t\" 1 "
               "text\r\n",
               "");
    while (!has(cmd(c, "GET text"), "BUSY")) usleep(1000);
    expect_ok(c, "SCRIPT KILL");
    expect_str(c, "hello", "GET text");
    close(fd);
}

/* Long enough for a client that the machine lets wait. */
#define WORK_LONG "local t=os.clock() while os.clock()-t<0.5 do redis.call('exists',KEYS[1]) end "

/* What is too much is kept, and the script cannot be killed, as in Redis. */
static void what_is_lost_stays(void) {
    static const char *const lost[] = {
        "redis.call('flushall')",
        "redis.call('move','number',5)",
        "redis.call('copy','number','n2','db',5)",
        "redis.call('sadd','big','one')",
    };
    for (size_t i = 0; i < sizeof lost / sizeof *lost; i++) {
        fill();
        for (int k = 0; k < 100; k++)
            redisAppendCommand(c, "EVAL %s 1 big %d",
                               "local t={} for i=1,500 do "
                               "t[i]=string.rep('x',100)..ARGV[1]..'-'..i end "
                               "return redis.call('sadd',KEYS[1],unpack(t))",
                               k);
        for (int k = 0; k < 100; k++) freeReplyObject(wait_for(c));
        char script[512];
        snprintf(script, sizeof script, "redis.call('set',KEYS[1],'x') %s %s error('no')", lost[i],
                 WORK_LONG);
        redisAppendCommand(a, "EVAL %s 1 text", script);
        send_all(a);
        while (!has(cmd(c, "GET text"), "BUSY")) usleep(1000);
        expect_err_prefix(c, "UNKILLABLE ", "SCRIPT KILL");
        freeReplyObject(wait_for(a));
        expect_text(c, i == 0 ? "nil" : "\"x\"", "GET text");
    }
}

static void nobody_hears_of_it(void) {
    fill();
    redisAppendCommand(b, "BLPOP queue 0");
    send_all(b);
    while (!has(cmd(c, "INFO clients"), "blocked_clients:1\\r")) usleep(1000);
    redisContext *w = client_open(server);
    for (int long_one = 0; long_one < 2; long_one++) {
        expect_ok(w, "WATCH text fresh queue");
        freeReplyObject(cmd(a, "EVAL %s 3 text fresh queue %d",
                            "redis.call('set',KEYS[1],1) redis.call('set',KEYS[2],1) "
                            "redis.call('rpush',KEYS[3],1) if ARGV[1]=='1' then " WORK
                            " end error('no')",
                            long_one));
        expect_ok(w, "MULTI");
        expect_status(w, "QUEUED", "GET text");
        expect_text(w, "[\"hello\"]", "EXEC");
        CU_ASSERT(has(cmd(c, "INFO clients"), "blocked_clients:1\\r"));
        expect_int(c, 0, "EXISTS queue fresh");
    }
    /* One that ends well is heard of. */
    expect_ok(w, "WATCH text");
    expect_int(a, 1, "EVAL %s 2 text queue",
               "redis.call('set',KEYS[1],1) " WORK " return redis.call('rpush',KEYS[2],'x')");
    redisReply *r = wait_for(b);
    CU_ASSERT_EQUAL(r->elements, 2);
    freeReplyObject(r);
    expect_ok(w, "MULTI");
    expect_status(w, "QUEUED", "GET text");
    expect_nil(w, "EXEC");
    redisFree(w);
}

/* What a failing script has only looked at, and which was over, is gone for the log too. */
static void what_leaves_stays_away(void) {
    fill();
    expect_ok(c, "DEBUG SET-ACTIVE-EXPIRE 0");
    expect_int(c, 1, "RPUSH over a");
    expect_int(c, 2, "HSET fields f 1 g 2");
    expect_int(c, 1, "PEXPIRE over 1");
    expect_text(c, "[1]", "HPEXPIRE fields 1 FIELDS 1 f");
    usleep(5000);
    expect_err_prefix(c, "ERR user_script:1: no", "EVAL %s 3 over fields other",
                      "redis.call('llen',KEYS[1]) redis.call('hget',KEYS[2],'f') "
                      "redis.call('set',KEYS[3],1) error('no')");
    expect_int(c, 1, "RPUSH over b");
    expect_int(c, 5, "HINCRBY fields f 5");
    char *before = digest();
    expect_ok(c, "DEBUG LOADAOF");
    char *after = digest();
    CU_ASSERT_STRING_EQUAL(before, after);
    expect_text(c, "[\"b\"]", "LRANGE over 0 -1");
    expect_ok(c, "DEBUG SET-ACTIVE-EXPIRE 1");
    free(before);
    free(after);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"failing_leaves_no_trace", failing_leaves_no_trace},
        {"ending_well_keeps_all", ending_well_keeps_all},
        {"killing_is_never_refused", killing_is_never_refused},
        {"what_is_lost_stays", what_is_lost_stays},
        {"nobody_hears_of_it", nobody_hears_of_it},
        {"what_leaves_stays_away", what_leaves_stays_away},
        {NULL, NULL},
    };
    static const char *const options[] = {"--enable-debug-command", "yes", "--appendonly", "yes",
                                          NULL};
    server = server_start(options);
    a = client_open(server);
    b = client_open(server);
    c = client_open(server);
    int status = suite_main("rollback", tests);
    redisFree(a);
    redisFree(b);
    redisFree(c);
    return server_stop(server) ? 1 : status;
}
