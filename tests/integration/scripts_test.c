/* scripts_test.c - EVAL and SCRIPT beyond what the model test compares: scripts that take long,
 * are killed, or lose their client; what the sandbox keeps from one script to the next.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "replies.h"
#include "support/client.h"
#include "support/suite.h"

static struct server *server;
static redisContext *c;

#define BUSY                                                                                       \
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."

/* A connection whose script runs already, which FUNCTION STATS tells even while others are held. */
static int running(const char *script) {
    char line[512];
    int fd = client_open_raw(server);
    snprintf(line, sizeof line, "EVAL \"%s\" 0\r\nPING\r\n", script);
    expect_raw(fd, line, "");
    for (int i = 0; i < 2000; i++) {
        redisReply *r = cmd(c, "FUNCTION STATS");
        bool busy = r->type == REDIS_REPLY_ERROR;
        freeReplyObject(r);
        if (busy) return fd;
        usleep(1000);
    }
    CU_FAIL("the script does not run");
    return fd;
}

/* Until others are told that a script is busy. */
static void await_busy(void) {
    for (int i = 0; i < 2000; i++) {
        redisReply *r = cmd(c, "GET k");
        bool busy = r->type == REDIS_REPLY_ERROR;
        freeReplyObject(r);
        if (busy) return;
        usleep(1000);
    }
    CU_FAIL("no script is busy");
}

static void kill_ends_a_script(void) {
    static const char *const loops[] = {
        "while true do end",
        "pcall(function() while true do end end) while true do end",
        "table.sort({1,2,3},function() while true do end end)",
        "string.gsub('aa','a',function() while true do end end)",
        "local t=setmetatable({},{__index=function() while true do end end}) return t.x",
        "while true do redis.pcall('get','k') end",
        "xpcall(function() while true do end end,function() while true do end end) while true do end",
    };
    expect_ok(c, "CONFIG SET busy-reply-threshold 20");
    for (size_t i = 0; i < sizeof loops / sizeof *loops; i++) {
        int fd = running(loops[i]);
        await_busy();
        expect_err(c, BUSY, "PING");
        expect_err(c, BUSY, "FUNCTION KILL");
        expect_err(c, BUSY, "SHUTDOWN");
        expect_ok(c, "SCRIPT KILL");
        expect_raw(fd, "", "-ERR Script killed by user with SCRIPT KILL...");
        close(fd);
        expect_status(c, "PONG", "PING");
    }
    expect_err(c, "NOTBUSY No scripts in execution right now.", "SCRIPT KILL");
}

/* What it returns holds itself: others have their turns, and may end it. */
static void a_reply_without_end_is_killed(void) {
    expect_ok(c, "CONFIG SET busy-reply-threshold 20");
    int fd = running("local t={} for i=1,3 do t[i]=t end return t");
    await_busy();
    expect_ok(c, "SCRIPT KILL");
    expect_status(c, "PONG", "PING");
    close(fd);
}

static void one_that_has_written_stays(void) {
    expect_ok(c, "CONFIG SET busy-reply-threshold 20");
    int fd = running("redis.call('set','k','v') for i=1,2e7 do end return 'end'");
    await_busy();
    expect_err_prefix(c, "UNKILLABLE ", "SCRIPT KILL");
    expect_raw(fd, "", "$3\r\nend\r\n+PONG\r\n");
    close(fd);
    expect_str(c, "v", "GET k");
}

static void others_wait_before_the_threshold(void) {
    expect_ok(c, "CONFIG SET busy-reply-threshold 0");
    int fd = running("redis.call('set','k','1') for i=1,2e7 do end return redis.call('incr','k')");
    expect_str(c, "2", "GET k"); /* as if it had come after the script */
    expect_raw(fd, "", ":2\r\n+PONG\r\n");
    close(fd);
    expect_ok(c, "CONFIG SET busy-reply-threshold 5000");
}

static void a_script_outlives_its_client(void) {
    int fd = running("for i=1,2e7 do end redis.call('set','left','yes')");
    close(fd);
    expect_str(c, "yes", "GET left");
}

static void nothing_is_served_in_its_midst(void) {
    int waiter = client_open_raw(server);
    expect_ok(c, "FLUSHALL");
    expect_raw(waiter, "BLPOP list 0\r\n", "");
    while (!reply_has(cmd(c, "INFO clients"), "blocked_clients:1\r\n")) usleep(1000);
    int fd = running("redis.call('rpush','list','a') for i=1,2e7 do end "
                     "return redis.call('lrange','list',0,-1)");
    expect_raw(fd, "", "*1\r\n$1\r\na\r\n+PONG\r\n");
    expect_raw(waiter, "", "*2\r\n$4\r\nlist\r\n$1\r\na\r\n");
    close(fd);
    close(waiter);
}

static void scripts_leave_nothing_behind(void) {
    expect_err_prefix(c, "ERR user_script:1: Attempt to modify a readonly table", "EVAL %s 0",
                      "string.rep=1");
    expect_err_prefix(c, "ERR Attempt to modify a readonly table", "EVAL %s 0",
                      "table.insert(string,'x')");
    expect_err_prefix(c, "ERR Attempt to modify a readonly table", "EVAL %s 0",
                      "rawset(redis,'call',1)");
    expect_err_prefix(c, "ERR user_script:1: Attempt to modify a readonly table", "EVAL %s 0",
                      "local f,t=pairs(string) t.rep=1");
    expect_err_prefix(c, "ERR user_script:1: Attempt to modify a readonly table", "EVAL %s 0",
                      "getmetatable('').__index={}");
    expect_err_prefix(c, "ERR user_script:1: pattern too complex", "EVAL %s 0",
                      "return string.find('a',string.rep('a?',1e5))");
    expect_str(c, "xx", "EVAL %s 0", "collectgarbage('stop') return string.rep('x',2)");
    expect_int(c, 1, "EVAL %s 0", "return os.clock() >= 0");
    expect_int(c, 23, "EVAL %s 0", "local n=0 for _ in pairs(redis) do n=n+1 end return n");
    expect_str(c, "nil", "EVAL %s 0", "return type(loadstring(string.dump(function() end)))");
    expect_err_prefix(c, "ERR unknown error", "EVAL %s 0", "error({})");
    expect_str(c, "table", "EVAL %s 0", "return type(server)");
}

/* What a set has no order for gets one, as scripts must not hang on it. */
static void sets_are_given_in_order(void) {
    expect_int(c, 4, "SADD {set} b aa a c");
    expect_text(c, "[\"a\", \"aa\", \"b\", \"c\"]", "EVAL %s 1 {set}",
                "return redis.call('sort',KEYS[1],'by','nosort')");
    expect_text(c, "[\"b\", \"c\"]", "EVAL %s 1 {set}",
                "return redis.call('sort_ro',KEYS[1],'by','_','limit',2,2)");
    expect_int(c, 1, "DEL {set}");
}

/* CLIENT PAUSE WRITE holds scripts, but not those that say that they write nothing. */
static void readers_go_on_in_a_pause(void) {
    static const char reads[] = "#!lua flags=no-writes\nreturn redis.call('get',KEYS[1])";
    static const char library[] =
        "#!lua name=readers\nredis.register_function{function_name='reads',"
        "callback=function(keys) return redis.call('get',keys[1]) end,"
        "flags={'no-writes'}}";
    redisContext *other = client_open(server);
    redisReply *sha = cmd(c, "SCRIPT LOAD %s", "#!lua flags=no-writes\nreturn 7");
    expect_ok(c, "SET {p} v");
    expect_str(c, "readers", "FUNCTION LOAD %s", library);
    expect_ok(c, "CLIENT PAUSE 60000 WRITE");
    expect_str(c, "v", "EVAL %s 1 {p}", reads);
    expect_str(c, "v", "EVAL %s 1 {p}", reads); /* known by now */
    expect_int(c, 7, "EVALSHA %s 0", sha->str);
    expect_str(c, "v", "FCALL reads 1 {p}");
    expect_ok(c, "MULTI");
    expect_status(c, "QUEUED", "EVAL %s 1 {p}", reads);
    expect_status(c, "QUEUED", "FCALL reads 1 {p}");
    expect_text(c, "[\"v\", \"v\"]", "EXEC");
    redisAppendCommand(other, "EVAL %s 0", "return 1");
    int sent = 0;
    CU_ASSERT(redisBufferWrite(other, &sent) == REDIS_OK && sent);
    struct pollfd heard = {.fd = other->fd, .events = POLLIN};
    CU_ASSERT_EQUAL(poll(&heard, 1, 100), 0);
    expect_ok(c, "CLIENT UNPAUSE");
    redisReply *late = NULL;
    CU_ASSERT(redisGetReply(other, (void **)&late) == REDIS_OK && late->integer == 1);
    freeReplyObject(late);
    freeReplyObject(sha);
    redisFree(other);
    expect_ok(c, "FUNCTION DELETE readers");
    expect_int(c, 1, "DEL {p}");
}

/* What others are told of is no reading. */
static void readers_tell_nobody(void) {
    static const char *const scripts[] = {
        "return redis.call('publish','ch','m')",
        "return redis.call('spublish','ch','m')",
        "return redis.call('pfcount','k')",
    };
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        CU_ASSERT(reply_has(cmd(c, "EVAL_RO %s 0", scripts[i]),
                            "ERR Write commands are not allowed from read-only scripts."));
    }
}

static void attributes_are_passed_over(void) {
    expect_ok(c, "DEBUG SET-DISABLE-DENY-SCRIPTS 1");
    expect_str(c, "Some real reply following the attribute", "EVAL %s 0",
               "redis.setresp(3) return redis.call('debug','protocol','attrib')");
    expect_ok(c, "DEBUG SET-DISABLE-DENY-SCRIPTS 0");
}

/* Their metamethods are the script's code: nothing may run it any more. */
static void errors_may_be_odd_tables(void) {
    static const char *const odd[] = {
        "error(_G)",
        "error(redis)",
        "error({})",
        "error(setmetatable({},{__index=function() error('x') end}))",
        "error(setmetatable({},{__index=function() while true do end end}))",
    };
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        expect_err_prefix(c, "ERR unknown error", "EVAL %s 0", odd[i]);
    expect_text(c, "[0, \"handled\"]", "EVAL %s 0",
                "local ok,v=xpcall(function() error('x') end,function() return 'handled' end) "
                "return {ok and 1 or 0,v}");
}

static void error_texts_lose_line_ends(void) {
    static const char script[] = "return redis.error_reply(ARGV[1])";
    expect_err(c, "ERR X", "EVAL %s 0 %s", script, "\nX");
    expect_err(c, "ERR -A", "EVAL %s 0 %s", script, "\n-A\r\n");
    expect_err(c, "A b", "EVAL %s 0 %s", script, "-A \nb\r\n");
}

static void cache_and_figures(void) {
    expect_ok(c, "SCRIPT FLUSH");
    CU_ASSERT(reply_has(cmd(c, "INFO memory"), "number_of_cached_scripts:0\r\n"));
    expect_str(c, "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "SCRIPT LOAD %s", "return 1");
    expect_str(c, "return 1", "SCRIPT SHOW e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
    for (int i = 0; i < 600; i++) {
        char script[32];
        snprintf(script, sizeof script, "return %d", i + 2);
        expect_int(c, i + 2, "EVAL %s 0", script);
    }
    CU_ASSERT(!reply_has(cmd(c, "INFO memory"), "number_of_cached_scripts:601\r\n"));
    expect_int(c, 1, "EVALSHA E0E1F9FABFC9D4800C877A703B823AC0578FF8DB 0");
    expect_ok(c, "SCRIPT FLUSH ASYNC");
    expect_err(c, "NOSCRIPT No matching script. Please use EVAL.",
               "EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0");
    expect_err_prefix(c, "ERR SCRIPT DEBUG is refused", "SCRIPT DEBUG YES");
}

static void large_replies_and_many_arguments(void) {
    expect_ok(c, "FLUSHALL");
    expect_int(c, 5000, "EVAL %s 0",
               "local t={} for i=1,5000 do t[i]='element'..i end return redis.call('rpush','l',"
               "unpack(t))");
    expect_int(c, 5000, "EVAL %s 0", "return #redis.call('lrange','l',0,-1)");
    expect_int(c, 1000000, "EVAL %s 0",
               "redis.call('set','b',string.rep('x',1e6)) return #redis.call('get','b')");
    expect_int(c, 1000000, "EVAL %s 0", "return #redis.call('get','b')");
}

static void out_of_memory(void) {
    expect_ok(c, "CONFIG SET maxmemory 1");
    expect_err_prefix(c, "OOM command not allowed when used memory > 'maxmemory'. script: ",
                      "EVAL %s 0", "return redis.call('set','a','b')");
    expect_err_prefix(c, "OOM allow-oom flag is not set on the script", "EVAL %s 0",
                      "#!lua\nreturn 1");
    expect_ok(c, "EVAL %s 0", "#!lua flags=allow-oom\nreturn redis.call('set','a','b')");
    expect_int(c, 1, "EVAL %s 0", "#!lua flags=no-writes\nreturn 1");
    expect_ok(c, "CONFIG SET maxmemory 0");
}

/* What INFO commandstats tells of a command behind its times. */
static void expect_calls(const char *command, const char *want) {
    char line[64];
    redisReply *r = cmd(c, "INFO commandstats");
    snprintf(line, sizeof line, "\ncmdstat_%s:calls=", command);
    const char *at = strstr(r->str, line);
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    at = strstr(at, "rejected_calls=");
    CU_ASSERT(at && !strncmp(at, want, strlen(want)) && at[strlen(want)] == '\r');
    freeReplyObject(r);
}

/* An error that a script hands on is one error, and a failure of both commands. */
static void failures_are_counted(void) {
    static const struct {
        const char *script, *inner, *script_calls;
    } cases[] = {
        {"return redis.call('select',99)", "rejected_calls=0,failed_calls=1",
         "rejected_calls=0,failed_calls=1"},
        {"return redis.pcall('select',99)", "rejected_calls=0,failed_calls=1",
         "rejected_calls=0,failed_calls=1"},
        {"redis.pcall('select',99) return 1", "rejected_calls=0,failed_calls=1",
         "rejected_calls=0,failed_calls=0"},
        {"return redis.call('select')", "rejected_calls=1,failed_calls=0",
         "rejected_calls=0,failed_calls=1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_ok(c, "CONFIG RESETSTAT");
        freeReplyObject(cmd(c, "EVAL %s 0", cases[i].script));
        expect_calls("select", cases[i].inner);
        expect_calls("eval", cases[i].script_calls);
        CU_ASSERT(reply_has(cmd(c, "INFO errorstats"), "errorstat_ERR:count=1\r\n"));
        CU_ASSERT(reply_has(cmd(c, "INFO stats"), "total_error_replies:1\r\n"));
    }
    expect_ok(c, "CONFIG RESETSTAT");
    freeReplyObject(cmd(c, "EVAL %s 0", "return redis.error_reply('MY own')"));
    expect_calls("eval", "rejected_calls=0,failed_calls=1");
    CU_ASSERT(reply_has(cmd(c, "INFO errorstats"), "errorstat_MY:count=1\r\n"));
}

/* Arguments with which the libraries' own arithmetic overflows. */
static void libraries_are_bounded(void) {
    static const char *const unpacks[] = {
        "return unpack({1,2,3},-2,2147483647)",
        "return unpack({1,2,3},0,2147483647)",
        "return unpack({1,2,3},-2147483648,2147483647)",
        "return unpack({},-2147483648,0)",
        "return unpack({},1,9000)",
    };
    for (size_t i = 0; i < sizeof unpacks / sizeof *unpacks; i++)
        expect_err_prefix(c, "ERR user_script:1: too many results to unpack script: ", "EVAL %s 0",
                          unpacks[i]);
    expect_text(c, "[2, 3]", "EVAL %s 0", "return {unpack({1,2,3},2)}");
    expect_int(c, 2, "EVAL %s 0", "return select('#',unpack({},2147483646,2147483647))");
    expect_int(c, 0, "EVAL %s 0", "return select('#',unpack({1},2))");
    expect_str(c, "0000FFFF", "EVAL %s 0", "return bit.tohex(65535,-2147483648)");
    expect_str(c, "0000FFFF", "EVAL %s 0", "return bit.tohex(65535,2147483648)");
    expect_str(c, "0000ffff", "EVAL %s 0", "return bit.tohex(65535,2147483647)");
    expect_str(c, "FFFF ff 0000ffff", "EVAL %s 0",
               "return bit.tohex(65535,-4)..' '..bit.tohex(65535,2)..' '..bit.tohex(65535)");
}

#define TOO_LARGE "ERR user_script:1: Cannot serialise, too large script: "

static void json_is_bounded(void) {
    expect_err_prefix(c, TOO_LARGE, "EVAL %s 0",
                      "local s,t=string.rep('a',1e6),{} for i=1,400 do t[i]=s end "
                      "return cjson.encode({x=t})");
    expect_err_prefix(c, TOO_LARGE, "EVAL %s 0",
                      "local s,t=string.rep('a',1e6),{} for i=1,400 do t[i]=s end "
                      "return cjson.new().encode(t)");
    expect_err_prefix(c, TOO_LARGE, "EVAL %s 0",
                      "local j=cjson.new() j.encode_sparse_array(false,0,0) "
                      "return j.encode({[2147483647]=1})");
    expect_err_prefix(c, "ERR user_script:1: Cannot serialise table: excessively sparse array",
                      "EVAL %s 0", "return cjson.encode({[2147483647]=1})");
    expect_err_prefix(c, "ERR user_script:1: Cannot serialise, excessive nesting", "EVAL %s 0",
                      "local t={} t[1]=t t[2]=t return cjson.encode(t)");
    expect_err_prefix(c, "ERR user_script:1: Cannot serialise, excessive nesting (4)", "EVAL %s 0",
                      "local j=cjson.new() j.encode_max_depth(3) return j.encode({{{{}}}})");
    expect_str(c, "{\"a\":[1,null,\"x\"]}", "EVAL %s 0", "return cjson.encode({a={1,nil,'x'}})");
    expect_str(c, "[true,{}]", "EVAL %s 0", "return cjson.new().encode({true,{}})");
    expect_int(c, 7, "EVAL %s 0", "return cjson.new().decode('[7]')[1]");
}

/* As since Redis 7.2, and as in a transaction. */
static void commands_that_block_do_not(void) {
    expect_int(c, 1, "EVAL %s 0",
               "return #redis.call('command','info','blpop')[1][3] == 2 and 1 or 0");
    expect_nil(c, "EVAL %s 1 l", "return redis.call('blpop', KEYS[1], 0)");
    expect_nil(c, "EVAL %s 2 l m", "return redis.call('blmove',KEYS[1],KEYS[2],'LEFT','LEFT',0)");
    expect_nil(c, "EVAL %s 1 z", "return redis.call('bzpopmin', KEYS[1], 0)");
    expect_text(c, "[\"l\", \"b\"]", "EVAL %s 1 l",
                "redis.call('rpush', KEYS[1], 'a', 'b') return redis.call('brpop', KEYS[1], 0)");
    expect_text(c, "[\"z\", \"m\", \"1\"]", "EVAL %s 1 z",
                "redis.call('zadd', KEYS[1], 1, 'm') return redis.call('bzpopmax', KEYS[1], 0)");
    expect_err_prefix(c, "ERR xread command is not allowed with BLOCK option from scripts",
                      "EVAL %s 1 x", "return redis.call('xread','BLOCK',0,'STREAMS',KEYS[1],'$')");
    freeReplyObject(cmd(c, "DEL l"));
}

/* TIME is the script's time, which stands still; and it is not behind what was seen before it. */
static void time_stands_still(void) {
    expect_int(c, 1, "EVAL %s 0",
               "local a=redis.call('time') for i=1,300000 do end local b=redis.call('time') "
               "return a[1]==b[1] and a[2]==b[2] and 1 or 0");
    redisAppendCommand(c, "DEBUG SLEEP 0.01");
    redisAppendCommand(c, "TIME");
    redisAppendCommand(c, "EVAL %s 0", "return redis.call('time')");
    long long us[2];
    for (int i = 0; i < 3; i++) {
        redisReply *r;
        CU_ASSERT_FATAL(redisGetReply(c, (void **)&r) == REDIS_OK);
        if (i) us[i - 1] = atoll(r->element[0]->str) * 1000000 + atoll(r->element[1]->str);
        freeReplyObject(r);
    }
    CU_ASSERT(us[1] >= us[0]);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"commands_that_block_do_not", commands_that_block_do_not},
        {"time_stands_still", time_stands_still},
        {"kill_ends_a_script", kill_ends_a_script},
        {"a_reply_without_end_is_killed", a_reply_without_end_is_killed},
        {"one_that_has_written_stays", one_that_has_written_stays},
        {"others_wait_before_the_threshold", others_wait_before_the_threshold},
        {"a_script_outlives_its_client", a_script_outlives_its_client},
        {"nothing_is_served_in_its_midst", nothing_is_served_in_its_midst},
        {"scripts_leave_nothing_behind", scripts_leave_nothing_behind},
        {"sets_are_given_in_order", sets_are_given_in_order},
        {"readers_go_on_in_a_pause", readers_go_on_in_a_pause},
        {"readers_tell_nobody", readers_tell_nobody},
        {"attributes_are_passed_over", attributes_are_passed_over},
        {"errors_may_be_odd_tables", errors_may_be_odd_tables},
        {"error_texts_lose_line_ends", error_texts_lose_line_ends},
        {"cache_and_figures", cache_and_figures},
        {"large_replies_and_many_arguments", large_replies_and_many_arguments},
        {"out_of_memory", out_of_memory},
        {"failures_are_counted", failures_are_counted},
        {"libraries_are_bounded", libraries_are_bounded},
        {"json_is_bounded", json_is_bounded},
        {NULL, NULL},
    };
    static const char *const args[] = {"--enable-debug-command", "yes", NULL};
    server = server_start(args);
    c = client_open(server);
    int status = suite_main("scripts", tests);
    redisFree(c);
    return server_stop(server) ? 1 : status;
}
