/* functions_test.c - libraries: loading, calling, dumping to redis-server's form and back. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replies.h"
#include "support/client.h"
#include "support/suite.h"

static struct server *server;
static redisContext *c;

#define LIBRARY                                                                                    \
    "#!lua name=lib\nlocal n=0 redis.register_function('count',function(k,a) n=n+1 return n end) " \
    "redis.register_function{function_name='read',callback=function(k) return "                    \
    "redis.call('get',k[1]) end,flags={'no-writes'},description='reads'}"

static void fresh(void) {
    expect_ok(c, "FUNCTION FLUSH");
    expect_ok(c, "FLUSHALL");
}

static void libraries_are_called(void) {
    fresh();
    expect_str(c, "lib", "FUNCTION LOAD %s", LIBRARY);
    expect_int(c, 1, "FCALL count 0");
    expect_int(c, 2, "FCALL COUNT 0");
    expect_ok(c, "SET k v");
    expect_str(c, "v", "FCALL_RO read 1 k");
    expect_err(c, "ERR Can not execute a script with write flag using *_ro command.",
               "FCALL_RO count 0");
    CU_ASSERT(reply_has(cmd(c, "INFO memory"), "number_of_functions:2\r\nnumber_of_libraries:1"));
    expect_ok(c, "FUNCTION DELETE lib");
    expect_err(c, "ERR Function not found", "FCALL count 0");
}

static void a_failing_load_changes_nothing(void) {
    fresh();
    expect_str(c, "lib", "FUNCTION LOAD %s", LIBRARY);
    expect_err_prefix(c, "ERR Error registering functions: ", "FUNCTION LOAD REPLACE %s",
                      "#!lua name=lib\nredis.register_function('x',function() end) y()");
    expect_err(c, "ERR Function count already exists", "FUNCTION LOAD %s",
               "#!lua name=other\nredis.register_function('count',function() end)");
    expect_err(c, "ERR Error registering functions: ERR FUNCTION LOAD timeout",
               "FUNCTION LOAD REPLACE %s", "#!lua name=lib\nwhile true do end");
    expect_int(c, 1, "FCALL count 0");
}

static void dumps_come_back(void) {
    fresh();
    expect_str(c, "lib", "FUNCTION LOAD %s", LIBRARY);
    redisReply *dump = cmd(c, "FUNCTION DUMP");
    CU_ASSERT_EQUAL(dump->type, REDIS_REPLY_STRING);
    expect_err(c, "ERR Library lib already exists", "FUNCTION RESTORE %b", dump->str, dump->len);
    expect_ok(c, "FUNCTION RESTORE %b REPLACE", dump->str, dump->len);
    expect_ok(c, "FUNCTION RESTORE %b FLUSH", dump->str, dump->len);
    expect_int(c, 1, "FCALL count 0");
    dump->str[3] ^= 1;
    expect_err(c, "ERR DUMP payload version or checksum are wrong", "FUNCTION RESTORE %b FLUSH",
               dump->str, dump->len);
    freeReplyObject(dump);
}

static void a_long_function_is_told_of(void) {
    fresh();
    expect_str(c, "l", "FUNCTION LOAD %s",
               "#!lua name=l\nredis.register_function('loop',function() while true do end end)");
    int fd = client_open_raw(server);
    expect_raw(fd, "FCALL loop 1 key arg\r\nPING\r\n", "");
    for (int i = 0; i < 2000; i++) {
        char *text = reply_text(cmd(c, "FUNCTION STATS"));
        bool seen = strstr(text, "\"fcall\"") || strstr(text, "\"FCALL\"");
        if (seen) CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"key\", \"arg\""));
        free(text);
        if (seen) break;
        usleep(1000);
    }
    expect_err_prefix(c, "BUSY Redis is busy running a script. You can only call FUNCTION KILL",
                      "SCRIPT KILL");
    expect_ok(c, "FUNCTION KILL");
    expect_raw(fd, "",
               "-ERR Script killed by user with SCRIPT KILL... script: loop, on @user_function:2."
               "\r\n+PONG\r\n");
    close(fd);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"libraries_are_called", libraries_are_called},
        {"a_failing_load_changes_nothing", a_failing_load_changes_nothing},
        {"dumps_come_back", dumps_come_back},
        {"a_long_function_is_told_of", a_long_function_is_told_of},
        {NULL, NULL},
    };
    server = server_start(NULL);
    c = client_open(server);
    int status = suite_main("functions", tests);
    redisFree(c);
    return server_stop(server) ? 1 : status;
}
