/* effects_test.c - what commands become in the append log.
 *
 * Each case sends commands and reads the log's file: the words that must be there, in order. A word
 * that begins with ~ stands for a time or an ID that the test cannot know.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/client.h"
#include "support/suite.h"

#define FILE_BYTES_MAX (64 * 1024 * 1024)

static struct server *server;
static redisContext *c;
static size_t read_so_far;

static const char *const args[] = {
    "--appendonly", "yes", "--appendfsync", "no", "--enable-debug-command", "yes", NULL};

/* ---- the log ------------------------------------------------------------------------ */

/* The file from `from` on; *n bytes, the caller frees. */
static char *read_log(size_t from, size_t *n) {
    char path[512];
    snprintf(path, sizeof path, "%s/appendonlydir/appendonly.aof.1.incr.aof", server_dir(server));
    freeReplyObject(cmd(c, "WAITAOF 1 0 0"));
    FILE *f = fopen(path, "rb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    char *bytes = malloc(FILE_BYTES_MAX);
    fseek(f, (long)from, SEEK_SET);
    *n = fread(bytes, 1, FILE_BYTES_MAX, f);
    fclose(f);
    return bytes;
}

/* The commands that came since the last call, words joined by blanks, a line each. */
static char *told(void) {
    size_t n, at = 0, out = 0;
    char *bytes = read_log(read_so_far, &n), *text = malloc(2 * n + 1);
    read_so_far += n;
    while (at < n) {
        if (bytes[at] == '#') {
            at = (size_t)((char *)memchr(bytes + at, '\n', n - at) - bytes) + 1;
            continue;
        }
        int argc = atoi(bytes + at + 1);
        at = (size_t)((char *)memchr(bytes + at, '\n', n - at) - bytes) + 1;
        for (int i = 0; i < argc; i++) {
            size_t len = (size_t)atol(bytes + at + 1);
            at = (size_t)((char *)memchr(bytes + at, '\n', n - at) - bytes) + 1;
            memcpy(text + out, bytes + at, len);
            out += len;
            text[out++] = i + 1 < argc ? ' ' : '\n';
            at += len + 2;
        }
    }
    text[out] = 0;
    free(bytes);
    return text;
}

/* Whether the text is as wanted, ~ standing for any word. */
static bool matches(const char *text, const char *want) {
    while (*text && *want) {
        if (*want == '~') {
            want++;
            text += strcspn(text, " \n");
        } else if (*text++ != *want++) {
            return false;
        }
    }
    return !*text && !*want;
}

static void expect_told(int line, const char *want) {
    char *text = told();
    bool same = matches(text, want);
    if (!same) printf("line %d: told:\n%swanted:\n%s", line, text, want);
    CU_ASSERT_TRUE(same);
    free(text);
}

/* Sends a command (its words without blanks in them), whatever the reply. */
static void send(const char *line) {
    char copy[512];
    const char *argv[64];
    int argc = 0;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) argv[argc++] = word;
    freeReplyObject(redisCommandArgv(c, argc, argv, NULL));
}

struct form {
    const char *sent, *told;
};

static void check_forms(const struct form *forms) {
    send("FLUSHALL");
    free(told());
    for (; forms->sent; forms++) {
        char lines[1024];
        snprintf(lines, sizeof lines, "%s", forms->sent);
        for (char *at = lines, *next; at; at = next) {
            next = strchr(at, '\n');
            if (next) *next++ = 0;
            send(at);
        }
        char *text = told();
        bool same = matches(text, forms->told);
        if (!same) printf("%s: told:\n%swanted:\n%s", forms->sent, text, forms->told);
        CU_ASSERT_TRUE(same);
        free(text);
    }
}

/* ---- cases -------------------------------------------------------------------------- */

static void strings(void) {
    static const struct form forms[] = {
        {"SET a 1", "SET a 1\n"},
        {"SET a 1 NX", ""},
        {"SET b 2 EX 100", "SET b 2 PXAT ~\n"},
        {"SET b 3 XX GET", "SET b 3\n"},
        {"SET b 4 KEEPTTL", "SET b 4 KEEPTTL\n"},
        {"SET b 5 PXAT 1", "DEL b\n"},
        {"SET b 5 PXAT 1", ""},
        {"SETEX c 100 v", "SET c v PXAT ~\n"},
        {"PSETEX c 100000 v", "SET c v PXAT ~\n"},
        {"GETEX c", ""},
        {"GETEX c PERSIST", "PERSIST c\n"},
        {"GETEX c EX 100", "PEXPIREAT c ~\n"},
        {"GETEX c PXAT 1", "DEL c\n"},
        {"GETSET a 2", "SET a 2\n"},
        {"INCRBYFLOAT f 1.5", "SET f 1.5 KEEPTTL\n"},
        {"APPEND a x", "APPEND a x\n"},
        {"GETDEL a", "DEL a\n"},
        {"GETDEL a", ""},
        {"MSETEX 2 a 1 b 2 EX 100", "MULTI\nSET a 1 PXAT ~\nSET b 2 PXAT ~\nEXEC\n"},
        {"DELEX a IFEQ 2", ""},
        {"DELEX a IFEQ 1", "DEL a\n"},
        {"INCREX n BYINT 5 UBOUND 3 SATURATE EX 100", "SET n 3 PXAT ~\n"},
        {"SET b 7 IFEQ 2", "SET b 7\n"},
        {"INCR b", "INCR b\n"},
        {"SET b text\nINCR b", "SET b text\n"},
        {NULL, NULL},
    };
    check_forms(forms);
}

static void times_of_keys(void) {
    static const struct form forms[] = {
        {"SET a 1\nEXPIRE a 100", "SET a 1\nPEXPIREAT a ~\n"},
        {"EXPIRE a 100 NX", ""},
        {"PEXPIRE a 100000", "PEXPIREAT a ~\n"},
        {"EXPIREAT a 99999999999", "PEXPIREAT a 99999999999000\n"},
        {"PERSIST a", "PERSIST a\n"},
        {"PERSIST a", ""},
        {"EXPIRE a -1", "DEL a\n"},
        {"CONFIG SET lazyfree-lazy-expire yes\nSET a 1\nEXPIRE a 0", "SET a 1\nUNLINK a\n"},
        {"CONFIG SET lazyfree-lazy-expire no\nDEBUG SET-ACTIVE-EXPIRE 0\nSET a 1 PX 1\nDEBUG SLEEP 0.01\nSET a 2",
         "SET a 1 PXAT ~\nMULTI\nDEL a\nSET a 2\nEXEC\n"},
        {"DEBUG SET-ACTIVE-EXPIRE 1\nSET a 1 PX 1\nDEBUG SLEEP 0.01\nGET a",
         "SET a 1 PXAT ~\nDEL a\n"},
        {"SET a 1\nCOPY a b\nRENAME a d\nMOVE d 1", "SET a 1\nCOPY a b\nRENAME a d\nMOVE d 1\n"},
        {NULL, NULL},
    };
    check_forms(forms);
}

/* WAITAOF waits for what left when its session only read it, too. */
static void what_left_is_waited_for(void) {
    static const struct form forms[] = {
        {"DEBUG SET-ACTIVE-EXPIRE 0\nDEBUG AOF-FLUSH-SLEEP 50000\nSET a 1 PX 1\nDEBUG SLEEP 0.01\n"
         "GET a",
         "SET a 1 PXAT ~\nDEL a\n"},
        {"DEBUG AOF-FLUSH-SLEEP 0\nDEBUG SET-ACTIVE-EXPIRE 1", ""},
        {NULL, NULL},
    };
    check_forms(forms);
}

static void lists_sets_sorted_sets(void) {
    static const struct form forms[] = {
        {"RPUSH l 1 2 3 4 5 6 7", "RPUSH l 1 2 3 4 5 6 7\n"},
        {"BLPOP l 0", "LPOP l\n"},
        {"BRPOP l 0", "RPOP l\n"},
        {"BLMOVE l m LEFT RIGHT 0", "lmove l m LEFT RIGHT\n"},
        {"BRPOPLPUSH l m 0", "rpoplpush l m\n"},
        {"BLMPOP 0 1 l LEFT COUNT 2", "LPOP l 2\n"},
        {"LMPOP 2 none m RIGHT", "RPOP m 1\n"},
        {"LREM l 0 nothing", ""},
        {"SADD s 1\nSPOP s", "SADD s 1\nSREM s 1\n"},
        {"SADD s 1 2\nSPOP s 5", "SADD s 1 2\nDEL s\n"},
        {"SADD s 1 2 3\nSPOP s 2", "SADD s 1 2 3\nSREM s ~ ~\n"},
        {"ZADD z 1 a 2 b 3 c 4 d", "ZADD z 1 a 2 b 3 c 4 d\n"},
        {"BZPOPMIN z 0", "ZPOPMIN z\n"},
        {"ZMPOP 1 z MAX COUNT 2", "ZPOPMAX z 2\n"},
        {"ZADD z XX 1 none", ""},
        {NULL, NULL},
    };
    check_forms(forms);
}

static void hashes(void) {
    static const struct form forms[] = {
        {"HSET h a 1 b 2 c 3", "HSET h a 1 b 2 c 3\n"},
        {"HINCRBYFLOAT h f 2.5", "HSET h f 2.5\n"},
        {"HEXPIRE h 100 FIELDS 2 a none", "HPEXPIREAT h ~ FIELDS 1 a\n"},
        {"HINCRBYFLOAT h a 1", "MULTI\nHSET h a 2\nHPEXPIREAT h ~ FIELDS 1 a\nEXEC\n"},
        {"HEXPIRE h 100 NX FIELDS 1 a", ""},
        {"HPERSIST h FIELDS 2 a b", "HPERSIST h FIELDS 1 a\n"},
        {"HGETEX h EX 100 FIELDS 2 a none", "HPEXPIREAT h ~ FIELDS 1 a\n"},
        {"HSETEX h FNX EX 100 FIELDS 1 q 1",
         "MULTI\nHSET h q 1\nHPEXPIREAT h ~ FIELDS 1 q\nEXEC\n"},
        {"HSETEX h KEEPTTL FIELDS 1 q 2", "HSETEX h KEEPTTL FIELDS 1 q 2\n"},
        {"HGETDEL h FIELDS 1 q", "HDEL h q\n"},
        {"HPEXPIRE h 1 FIELDS 1 b\nDEBUG SLEEP 0.02\nHGET h b",
         "HPEXPIREAT h ~ FIELDS 1 b\nHDEL h b\n"},
        {"HEXPIRE h 0 FIELDS 1 c", "HDEL h c\n"},
        {"HIMPORT PREPARE fs f1 f2\nHIMPORT SET i fs 1 2",
         "MULTI\nDEL i\nHSET i f1 1 f2 2\nEXEC\n"},
        {NULL, NULL},
    };
    check_forms(forms);
}

static void streams(void) {
    static const struct form forms[] = {
        {"XADD s * f 1", "XADD s ~ f 1\n"},
        {"XADD s 99999999999999-* f 1", "XADD s 99999999999999-0 f 1\n"},
        {"XADD s MAXLEN 1 99999999999999-* f 1", "XADD s MAXLEN = 1 99999999999999-1 f 1\n"},
        {"XADD s MAXLEN ~ 100 99999999999999-* f 1", "XADD s 99999999999999-2 f 1\n"},
        {"XADD s IDMP p i 99999999999999-* f 1", ""},
        {"XTRIM s MAXLEN 1", "XTRIM s MAXLEN = 1\n"},
        {"XTRIM s MINID ~ 0", ""},
        {"XGROUP CREATE s g 0", "XGROUP CREATE s g 0\n"},
        {"XREADGROUP GROUP g c COUNT 1 STREAMS s >",
         "MULTI\nXGROUP CREATECONSUMER s g c\nXCLAIM s g c 0 99999999999999-2 TIME ~ RETRYCOUNT 1 "
         "FORCE JUSTID LASTID 99999999999999-2\nXGROUP SETID s g 99999999999999-2 ENTRIESREAD "
         "4\nEXEC\n"},
        {"XREADGROUP GROUP g c COUNT 1 STREAMS s >", ""},
        {"XCLAIM s g d 0 99999999999999-2 JUSTID",
         "MULTI\nXGROUP CREATECONSUMER s g d\nXCLAIM s g d 0 99999999999999-2 TIME ~ RETRYCOUNT 1 "
         "FORCE JUSTID LASTID 99999999999999-2\nEXEC\n"},
        {"XDEL s 99999999999999-2\nXAUTOCLAIM s g c 0 0",
         "XDEL s 99999999999999-2\nXACK s g 99999999999999-2\n"},
        {"XADD t IDMP p i * f 1", "MULTI\nXADD t ~ f 1\nXIDMPRECORD t p i ~\nEXEC\n"},
        {"XADD t IDMP p i * f 1", ""},
        {NULL, NULL},
    };
    check_forms(forms);
}

static void transactions_and_scripts(void) {
    static const struct form forms[] = {
        {"MULTI\nSET x 1\nEXEC", "SET x 1\n"},
        {"MULTI\nSET x 1\nGET x\nINCR y\nEXEC", "MULTI\nSET x 1\nINCR y\nEXEC\n"},
        {"MULTI\nGET x\nEXEC", ""},
        {"MULTI\nSET x 2\nDISCARD", ""},
        {"EVAL redis.call('get','x')return(1) 0", ""},
        {"EVAL redis.call('set','x',1) 0", "set x 1\n"},
        {"EVAL redis.call('set','x',1)redis.call('incr','x') 0", "MULTI\nset x 1\nincr x\nEXEC\n"},
        {"MULTI\nEVAL redis.call('set','x',1)redis.call('incr','x') 0\nSET z 1\nEXEC",
         "MULTI\nset x 1\nincr x\nSET z 1\nEXEC\n"},
        {"SELECT 2\nSET a 1\nSELECT 0\nSET a 1", "SELECT 2\nSET a 1\nSELECT 0\nSET a 1\n"},
        {"MULTI\nSELECT 3\nSET a 1\nSELECT 0\nEXEC", "SELECT 3\nSET a 1\n"},
        {"SWAPDB 0 1", "SELECT 0\nSWAPDB 0 1\n"},
        {"FLUSHDB", "FLUSHDB\n"},
        {"FLUSHALL", "FLUSHALL\n"},
        {"FUNCTION FLUSH", "FUNCTION FLUSH\n"},
        {"SCRIPT LOAD return(1)", ""},
        {"PFADD p a", "PFADD p a\n"},
        {"PFCOUNT p", "PFCOUNT p\n"},
        {"PFCOUNT p", ""},
        {NULL, NULL},
    };
    check_forms(forms);
    free(told());
    freeReplyObject(cmd(c, "FUNCTION LOAD %s",
                        "#!lua name=lib\nredis.register_function('f', function() return 1 end)"));
    expect_told(__LINE__, "FUNCTION LOAD #!lua name=lib\n"
                          "redis.register_function('f', function() return 1 end)\n");
    expect_ok(c, "FUNCTION DELETE lib");
    expect_told(__LINE__, "FUNCTION DELETE lib\n");
}

/* Who is served tells its own, behind what served it. */
static void sessions_that_wait(void) {
    redisContext *other = client_open(server);
    send("FLUSHALL");
    free(told());
    redisAppendCommand(other, "BLPOP q 0");
    int done = 0;
    while (!done) redisBufferWrite(other, &done);
    while (true) {
        redisReply *r = cmd(c, "INFO clients");
        bool waits = strstr(r->str, "blocked_clients:1");
        freeReplyObject(r);
        if (waits) break;
        server_sleep_ms(1);
    }
    send("RPUSH q 1");
    redisReply *r = NULL;
    redisGetReply(other, (void **)&r);
    freeReplyObject(r);
    expect_told(__LINE__, "RPUSH q 1\nLPOP q\n");
    redisFree(other);
}

/* What leaves for want of memory. */
static void eviction(void) {
    send("FLUSHALL");
    send("CONFIG SET maxmemory-policy allkeys-random");
    for (int i = 0; i < 200; i++) freeReplyObject(cmd(c, "SETRANGE k%d 20000 x", i));
    free(told());
    send("CONFIG SET maxmemory 1");
    redisReply *r = NULL;
    for (int i = 0; i < 200; i++) {
        r = cmd(c, "SET new v");
        bool refused = r->type == REDIS_REPLY_ERROR;
        freeReplyObject(r);
        if (refused) break;
    }
    send("CONFIG SET maxmemory 0");
    expect_int(c, 0, "DBSIZE");
    char *text = told();
    size_t deleted = 0;
    for (char *at = text; (at = strstr(at, "DEL ")); at++) deleted++;
    CU_ASSERT_TRUE(deleted >= 200);
    CU_ASSERT_PTR_NULL(strstr(text, "MULTI"));
    free(text);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"strings", strings},
        {"times_of_keys", times_of_keys},
        {"what_left_is_waited_for", what_left_is_waited_for},
        {"lists_sets_sorted_sets", lists_sets_sorted_sets},
        {"hashes", hashes},
        {"streams", streams},
        {"transactions_and_scripts", transactions_and_scripts},
        {"sessions_that_wait", sessions_that_wait},
        {"eviction", eviction},
        {NULL, NULL},
    };
    server = server_start(args);
    c = client_open(server);
    int status = suite_main("effects", tests);
    redisFree(c);
    return server_stop(server) ? 1 : status;
}
