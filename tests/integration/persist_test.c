/* persist_test.c - RDB files: saved, loaded, exchanged with redis-server, refused. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/client.h"
#include "support/suite.h"

#define PATH_BYTES 1024
#define DIGEST_BYTES 64

static const char *const plain[] = {"--save", "", "--enable-debug-command", "yes", NULL};

static struct server *server;
static redisContext *c;

/* ---- helpers ------------------------------------------------------------------------ */

static void open_server(const char *const args[]) {
    server = server_start(args);
    c = client_open(server);
}

static void close_server(void) {
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(server), 0);
}

static void restart(const char *const args[]) {
    redisFree(c);
    server_restart(server, args);
    c = client_open(server);
}

static void kill_server(void) {
    server_signal(server, SIGKILL);
    CU_ASSERT_EQUAL(server_wait(server, 10000), 128 + SIGKILL);
}

static const char *path_in(const struct server *s, const char *name) {
    static char path[4][PATH_BYTES];
    static int turn;
    char *p = path[turn++ & 3];
    snprintf(p, PATH_BYTES, "%s/%s", server_dir(s), name);
    return p;
}

static void digest(redisContext *on, char out[DIGEST_BYTES]) {
    redisReply *r = cmd(on, "DEBUG DIGEST");
    snprintf(out, DIGEST_BYTES, "%s", r->str);
    freeReplyObject(r);
}

static bool digest_is(redisContext *on, const char *want) {
    char is[DIGEST_BYTES];
    digest(on, is);
    return strcmp(is, want) == 0;
}

static long long info(const char *field) {
    redisReply *r = cmd(c, "INFO persistence");
    const char *at = strstr(r->str, field);
    long long v = at ? atoll(at + strlen(field)) : -99;
    freeReplyObject(r);
    return v;
}

static bool info_has(const char *text) {
    redisReply *r = cmd(c, "INFO persistence");
    bool has = strstr(r->str, text) != NULL;
    freeReplyObject(r);
    return has;
}

static void wait_saved(void) {
    for (int i = 0; i < 5000 && info("rdb_bgsave_in_progress:"); i++) server_sleep_ms(2);
    CU_ASSERT_EQUAL(info("rdb_bgsave_in_progress:"), 0);
}

static void copy_file(const char *from, const char *to) {
    char buf[65536];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    CU_ASSERT_FATAL(in >= 0 && out >= 0);
    for (ssize_t n; (n = read(in, buf, sizeof buf)) > 0;)
        CU_ASSERT_EQUAL(write(out, buf, (size_t)n), n);
    close(in);
    close(out);
}

static void send(redisContext *on, const char *line) { freeReplyObject(cmd(on, line)); }

/* Members that no packed form holds, one command each hundred. */
static void fill_large(redisContext *on, const char *how, const char *key, int count) {
    char line[8192];
    for (int i = 0; i < count; i += 100) {
        int n = snprintf(line, sizeof line, "%s %s", how, key);
        for (int j = i; j < i + 100; j++) {
            if (*how == 'H')
                n += snprintf(line + n, sizeof line - (size_t)n, " f%d value:%d", j, j);
            if (*how == 'Z')
                n += snprintf(line + n, sizeof line - (size_t)n, " %d.5 m%d", j % 77, j);
            if (*how == 'S') n += snprintf(line + n, sizeof line - (size_t)n, " member:%d", j);
            if (*how == 'R') n += snprintf(line + n, sizeof line - (size_t)n, " element:%d", j);
        }
        send(on, line);
    }
}

/* Every type in every form, in several databases. */
static void fill(redisContext *on) {
    static char big[100000];
    memset(big, 'b', sizeof big);
    for (size_t i = 0; i < sizeof big; i += 7) big[i] = (char)i;
    send(on, "MSET n 12345 neg -1 big 1234567890123456789 text hello empty \"\"");
    freeReplyObject(cmd(on, "SET blob %b", big, sizeof big));
    freeReplyObject(cmd(on, "SET %b %b", big, (size_t)5000, "long name", (size_t)9));
    send(on, "HSET hsmall a 1 b 2");
    send(on, "SADD ints 1 2 3 100000");
    send(on, "SADD words a bb ccc 1");
    send(on, "ZADD zsmall 1 a 2.5 b -inf c");
    send(on, "RPUSH lsmall a 1 b");
    fill_large(on, "HSET", "hlarge", 2000);
    fill_large(on, "SADD", "slarge", 2000);
    fill_large(on, "ZADD", "zlarge", 2000);
    fill_large(on, "RPUSH", "llarge", 5000);
    freeReplyObject(cmd(on, "RPUSH llarge %b", big, (size_t)20000));
    for (int i = 1; i < 300; i++) freeReplyObject(cmd(on, "XADD x %d-1 f v%d g w", i, i));
    send(on, "XDEL x 5-1");
    send(on, "XGROUP CREATE x g 10-0 ENTRIESREAD 9");
    send(on, "XGROUP CREATE x idle 0");
    send(on, "XREADGROUP GROUP g alice COUNT 20 STREAMS x >");
    send(on, "XREADGROUP GROUP g bob COUNT 3 STREAMS x >");
    send(on, "XACK x g 12-1 13-1");
    send(on, "SET volatile v EX 100000");
    send(on, "PEXPIREAT hlarge 4000000000123");
    send(on, "PFADD hll a b c");
    send(on, "SETBIT bits 70000 1");
    for (int db = 1; db < 16; db += 7) {
        freeReplyObject(cmd(on, "SELECT %d", db));
        for (int i = 0; i < 500; i++) freeReplyObject(cmd(on, "SET key:%d v:%d:%d", i, i, db));
    }
    send(on, "SELECT 0");
}

static void load_function(redisContext *on) {
    const char *code = "#!lua name=lib\nredis.register_function('f', function() return 7 end)";
    freeReplyObject(cmd(on, "FUNCTION LOAD REPLACE %s", code));
}

/* What the digest does not tell. */
static void check_rest(redisContext *on) {
    expect_int(on, 4000000000123, "PEXPIRETIME hlarge");
    expect_int(on, 7, "FCALL f 0");
    expect_text(on, "[21, \"10-1\", \"32-1\", [[\"alice\", \"18\"], [\"bob\", \"3\"]]]",
                "XPENDING x g");
    redisReply *r = cmd(on, "XINFO GROUPS x");
    char *text = client_text(r);
    CU_ASSERT(strstr(text,
                     "[\"name\", \"g\", \"consumers\", 2, \"pending\", 21, \"last-delivered-id\", "
                     "\"32-1\", \"entries-read\", 32, \"lag\", 267]") != NULL);
    free(text);
    freeReplyObject(r);
    expect_text(on, "[\"length\", 298]", "EVAL %s 0",
                "local r = redis.call('XINFO', 'STREAM', 'x') return {r[1], r[2]}");
}

/* ---- saving and loading ------------------------------------------------------------- */

static void what_is_saved_is_loaded(void) {
    char want[DIGEST_BYTES];
    open_server(plain);
    fill(c);
    load_function(c);
    digest(c, want);
    CU_ASSERT(info("rdb_changes_since_last_save:") > 1000);
    expect_ok(c, "SAVE");
    CU_ASSERT_EQUAL(info("rdb_changes_since_last_save:"), 0);
    CU_ASSERT_EQUAL(info("rdb_saves:"), 1);
    restart(plain);
    CU_ASSERT(digest_is(c, want));
    check_rest(c);
    CU_ASSERT_EQUAL(info("rdb_last_load_keys_loaded:"), 20 + 3 * 500);
    expect_ok(c, "DEBUG RELOAD");
    CU_ASSERT(digest_is(c, want));
    check_rest(c);
    expect_status(c, "Background saving started", "BGSAVE");
    expect_ok(c, "FLUSHALL"); /* does not touch the cut */
    expect_ok(c, "SET after 1");
    wait_saved();
    CU_ASSERT(info_has("rdb_last_bgsave_status:ok"));
    CU_ASSERT_EQUAL(info("rdb_last_bgsave_time_sec:"), 0);
    expect_ok(c, "DEBUG RELOAD NOSAVE");
    CU_ASSERT(digest_is(c, want));
    close_server();
}

static void reload_has_options(void) {
    open_server(plain);
    expect_ok(c, "MSET a 1 b 1");
    expect_ok(c, "SAVE");
    expect_ok(c, "MSET b 2 c 2");
    expect_err(c, "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.",
               "DEBUG RELOAD NOSAVE WHAT");
    expect_ok(c, "DEBUG RELOAD NOSAVE NOFLUSH MERGE");
    expect_text(c, "[\"1\", \"1\", \"2\"]", "MGET a b c");
    expect_err(c, "ERR Error trying to load the RDB dump", "DEBUG RELOAD NOSAVE NOFLUSH");
    CU_ASSERT(server_log_has(server, "it has a key that is there already: ", 1000));
    expect_ok(c, "DEBUG RELOAD NOSAVE");
    expect_text(c, "[\"1\", \"1\", nil]", "MGET a b c");
    expect_int(c, 2, "DEL a b");
    expect_ok(c, "DEBUG RELOAD");
    expect_int(c, 0, "DBSIZE");
    close_server();
}

static void exchanges_files_with_redis(void) {
    char want[DIGEST_BYTES];
    static const char *const oracle_args[] = {"--save", "", NULL};
    struct server *oracle = server_start_oracle(NULL);
    redisContext *o = client_open(oracle);
    open_server(plain);
    fill(o);
    load_function(o);
    digest(o, want);
    expect_ok(o, "SAVE");
    copy_file(path_in(oracle, "dump.rdb"), path_in(server, "dump.rdb"));
    restart(plain);
    CU_ASSERT(digest_is(c, want));
    check_rest(c);
    expect_ok(o, "FLUSHALL");
    expect_ok(c, "SAVE");
    copy_file(path_in(server, "dump.rdb"), path_in(oracle, "dump.rdb"));
    redisFree(o);
    server_restart(oracle, oracle_args);
    o = client_open(oracle);
    CU_ASSERT(digest_is(o, want));
    check_rest(o);
    redisFree(o);
    server_stop(oracle);
    close_server();
}

/* A number of OBJECT after another save and load by this policy. */
static long long after_reload(const char *policy, const char *asked) {
    expect_ok(c, "CONFIG SET maxmemory-policy %s", policy);
    expect_ok(c, "DEBUG RELOAD");
    redisReply *r = cmd(c, "OBJECT %s k", asked);
    long long v = r->integer;
    freeReplyObject(r);
    return v;
}

static void keeps_access_times_by_the_policy(void) {
    open_server(plain);
    expect_ok(c, "SET k v");
    redisReply *payload = cmd(c, "DUMP k");
    expect_ok(c, "CONFIG SET maxmemory-policy allkeys-lru");
    expect_ok(c, "RESTORE k 0 %b REPLACE IDLETIME 1000", payload->str, payload->len);
    long long idle_s = after_reload("volatile-lru", "IDLETIME");
    CU_ASSERT(idle_s >= 1000 && idle_s < 1100);
    expect_ok(c, "CONFIG SET maxmemory-policy allkeys-lfu lfu-decay-time 0");
    expect_ok(c, "RESTORE k 0 %b REPLACE FREQ 100", payload->str, payload->len);
    CU_ASSERT_EQUAL(after_reload("volatile-lfu", "FREQ"), 100);
    freeReplyObject(payload);
    close_server();
}

static void expired_keys_are_passed_over(void) {
    open_server(plain);
    expect_ok(c, "DEBUG SET-ACTIVE-EXPIRE 0");
    expect_ok(c, "SET gone v PX 1");
    expect_ok(c, "SET stays v");
    server_sleep_ms(5);
    expect_ok(c, "SAVE");
    restart(plain);
    expect_int(c, 1, "DBSIZE");
    CU_ASSERT_EQUAL(info("rdb_last_load_keys_expired:"), 1);
    CU_ASSERT_EQUAL(info("rdb_last_load_keys_loaded:"), 1);
    close_server();
}

/* ---- the cut ------------------------------------------------------------------------ */

#define TOGETHER 100 /* keys that have the same number always */
#define BEFORE 20000 /* items of what counts beside them, before it does */

struct writer {
    pthread_t thread;
    atomic_bool stop;
    long long rounds;
};

#define KINDS_TOGETHER 6 /* what counts beside these keys */

/* Counts in many keys and in a large value of each type at once. */
static void *count_together(void *arg) {
    struct writer *w = arg;
    redisContext *on = client_open(server);
    while (!atomic_load(&w->stop)) {
        redisAppendCommand(on, "MULTI");
        for (int i = 0; i < TOGETHER; i++) redisAppendCommand(on, "INCR together:%d", i);
        redisAppendCommand(on, "HINCRBY hash count 1");
        redisAppendCommand(on, "RPUSH list %lld", w->rounds);
        redisAppendCommand(on, "SETRANGE string 0 %010lld", w->rounds + 1);
        redisAppendCommand(on, "SADD set round:%lld", w->rounds);
        redisAppendCommand(on, "ZINCRBY zset 1 count");
        redisAppendCommand(on, "XADD stream %lld-1 f v", w->rounds + BEFORE + 1);
        redisAppendCommand(on, "EXEC");
        for (int i = 0; i < TOGETHER + KINDS_TOGETHER + 2; i++) {
            redisReply *r = NULL;
            if (redisGetReply(on, (void **)&r) != REDIS_OK || r->type == REDIS_REPLY_ERROR) abort();
            freeReplyObject(r);
        }
        w->rounds++;
    }
    redisFree(on);
    return NULL;
}

static void *churn(void *arg) {
    struct writer *w = arg;
    redisContext *on = client_open(server);
    static const char *const lines[] = {
        "SET churn:%d v",
        "DEL churn:%d",
        "EXPIRE churn:%d 1",
        "RENAME churn:%d churn:x",
        "COPY churn:%d churn:y REPLACE",
        "APPEND churn:%d abcdef",
        "LPUSH lists:%d a",
        "HSET large f%d changed",
        "HDEL large f%d",
        "LPUSH longlist %d",
        "LSET longlist %d changed",
        "RPOP longlist",
        "LREM longlist 1 %d",
        "SADD largeset new:%d",
        "SREM largeset member:%d",
        "ZINCRBY largezset 1.5 m%d",
        "ZREM largezset m%d",
        "ZREMRANGEBYRANK largezset -3 -2",
        "XADD largestream * f %d",
        "XDEL largestream %d-1",
        "XTRIM largestream MAXLEN ~ 1%d",
        "SETRANGE bigstring %d x",
        "PEXPIRE lists:%d 3",
    };
    for (unsigned i = 1; !atomic_load(&w->stop); i = i * 1103515245 + 12345) {
        const char *line = lines[i / 65536 % (sizeof lines / sizeof *lines)];
        for (int j = 0; j < 16; j++)
            redisAppendCommand(on, line, (int)((i >> 8) + 97u * (unsigned)j) % 5000);
        for (int j = 0; j < 16; j++) {
            redisReply *r = NULL;
            if (redisGetReply(on, (void **)&r) != REDIS_OK) abort();
            freeReplyObject(r);
        }
        w->rounds++;
    }
    redisFree(on);
    return NULL;
}

/* In a server that has loaded the file, all that was counted together is the same. */
static void check_cut(struct server *reader) {
    redisContext *on = client_open(reader);
    redisReply *r = cmd(on, "GET together:0");
    long long n = r->str ? atoll(r->str) : 0;
    CU_ASSERT(n > 0);
    freeReplyObject(r);
    for (int i = 1; i < TOGETHER; i++) {
        r = cmd(on, "GET together:%d", i);
        if (!r->str || atoll(r->str) != n) CU_FAIL("the cut is not of one instant");
        freeReplyObject(r);
    }
    char text[32];
    snprintf(text, sizeof text, "%lld", n);
    expect_str(on, text, "HGET hash count");
    expect_int(on, n, "LLEN list");
    expect_str(on, text, "ZSCORE zset count");
    expect_int(on, n + BEFORE, "SCARD set");
    expect_int(on, n + BEFORE, "XLEN stream");
    snprintf(text, sizeof text, "%010lld", n);
    expect_str(on, text, "GETRANGE string 0 9");
    redisFree(on);
}

static void fill_stream(const char *key, int count) {
    for (int i = 1; i <= count; i++) redisAppendCommand(c, "XADD %s %d-1 f value:%d", key, i, i);
    for (int i = 1; i <= count; i++) {
        redisReply *r = NULL;
        CU_ASSERT_EQUAL_FATAL(redisGetReply(c, (void **)&r), REDIS_OK);
        freeReplyObject(r);
    }
}

static void a_snapshot_is_of_one_instant(void) {
    struct writer count = {0}, other = {0};
    struct server *reader = server_start(plain);
    open_server(plain);
    static const char *const larges[][3] = {{"HSET", "hash", "large"},
                                            {"SADD", "set", "largeset"},
                                            {"ZADD", "zset", "largezset"},
                                            {"RPUSH", "longlist", "longlist"}};
    for (size_t i = 0; i < sizeof larges / sizeof *larges; i++) {
        fill_large(c, larges[i][0], larges[i][1], BEFORE);
        fill_large(c, larges[i][0], larges[i][2], BEFORE);
    }
    fill_stream("stream", BEFORE);
    fill_stream("largestream", BEFORE);
    expect_int(c, 3000001, "SETRANGE string 3000000 x");
    expect_int(c, 3000001, "SETRANGE bigstring 3000000 x");
    expect_ok(c, "DEBUG POPULATE 50000 other 100");
    pthread_create(&count.thread, NULL, count_together, &count);
    pthread_create(&other.thread, NULL, churn, &other);
    for (int i = 0; i < 6; i++) {
        server_sleep_ms(100);
        expect_status(c, "Background saving started", "BGSAVE");
        expect_err(c, "ERR Background save already in progress", "BGSAVE");
        expect_err(c, "ERR Background save already in progress", "SAVE");
        wait_saved();
        CU_ASSERT(info_has("rdb_last_bgsave_status:ok"));
        copy_file(path_in(server, "dump.rdb"), path_in(reader, "dump.rdb"));
        server_restart(reader, plain);
        check_cut(reader);
    }
    atomic_store(&count.stop, true);
    atomic_store(&other.stop, true);
    pthread_join(count.thread, NULL);
    pthread_join(other.thread, NULL);
    CU_ASSERT(count.rounds > 10 && other.rounds > 10);
    char want[DIGEST_BYTES];
    server_sleep_ms(1200); /* what is to expire has */
    digest(c, want);       /* and what was written meanwhile is all there */
    expect_ok(c, "DEBUG RELOAD");
    CU_ASSERT(digest_is(c, want));
    CU_ASSERT_EQUAL(server_stop(reader), 0);
    close_server();
}

/* Who changes a value that is being written waits for it alone, by command and in a transaction. */
static void writers_of_large_values(void) {
    char want[DIGEST_BYTES];
    open_server(plain);
    fill_large(c, "HSET", "h", 100000);
    fill_large(c, "ZADD", "z", 50000);
    expect_int(c, 20000001, "SETRANGE s 20000000 x");
    digest(c, want);
    for (int i = 0; i < 3; i++) {
        expect_status(c, "Background saving started", "BGSAVE");
        expect_int(c, 1, "HSET h new 1");
        expect_int(c, 20000002, "APPEND s y");
        expect_ok(c, "MULTI");
        expect_status(c, "QUEUED", "ZADD z 1 new");
        expect_status(c, "QUEUED", "HDEL h new");
        expect_text(c, "[1, 1]", "EXEC");
        expect_int(c, 5, "EVAL %s 1 z", "redis.call('ZREM', 'z', 'new') return 5");
        expect_int(c, 6, "EVAL %s 0", "redis.call('HSET', 'h', 'undeclared', 1) return 6");
        expect_ok(c, "RENAME h h2");
        expect_int(c, 1, "DEL z");
        expect_ok(c, "SET s replaced");
        wait_saved();
        expect_ok(c, "DEBUG RELOAD NOSAVE");
        CU_ASSERT(digest_is(c, want));
    }
    close_server();
}

/* ---- when it is saved --------------------------------------------------------------- */

static void save_points_fire(void) {
    static const char *const args[] = {"--save", "1 3", "--save", "3600 1", NULL};
    open_server(args);
    expect_text(c, "[\"save\", \"1 3 3600 1\"]", "CONFIG GET save");
    long long before = info("rdb_last_save_time:");
    expect_ok(c, "MSET a 1 b 2 c 3");
    CU_ASSERT(server_log_has(server, "3 changes in 1 seconds. Saving...", 6000));
    wait_saved();
    CU_ASSERT_EQUAL(info("rdb_changes_since_last_save:"), 0);
    CU_ASSERT(info("rdb_last_save_time:") > before);
    redisReply *r = cmd(c, "LASTSAVE");
    CU_ASSERT_EQUAL(r->integer, info("rdb_last_save_time:"));
    freeReplyObject(r);
    expect_ok(c, "SET d 4");
    restart(args); /* SIGTERM saves */
    expect_int(c, 4, "DBSIZE");
    expect_ok(c, "FLUSHALL");
    wait_saved();
    kill_server();
    restart(args);
    expect_int(c, 0, "DBSIZE");
    expect_ok(c, "SET x 1");
    CU_ASSERT_PTR_NULL(redisCommand(c, "SHUTDOWN NOSAVE"));
    CU_ASSERT_EQUAL(server_wait(server, 5000), 0);
    restart(args);
    expect_int(c, 0, "DBSIZE");
    expect_ok(c, "CONFIG SET save %s", "");
    expect_ok(c, "SET x 1");
    CU_ASSERT_PTR_NULL(redisCommand(c, "SHUTDOWN SAVE"));
    CU_ASSERT_EQUAL(server_wait(server, 5000), 0);
    restart(args);
    expect_int(c, 1, "DBSIZE");
    close_server();
}

#define MISCONF                                                                                    \
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to "  \
    "disk. Commands that may modify the data set are disabled, because this instance is "          \
    "configured to report errors during writes if RDB snapshotting fails "                         \
    "(stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB " \
    "error."

/* One that alone is more than may be on its way to the file at once. */
static void a_long_name_is_saved(void) {
    static const size_t n = 3 << 20;
    char *name = malloc(n), before[DIGEST_BYTES];
    memset(name, 'n', n);
    open_server((const char *const[]){"--enable-debug-command", "yes", NULL});
    expect_ok(c, "SET %b x", name, n);
    expect_ok(c, "SELECT 1");
    for (int i = 0; i < 100; i++) expect_ok(c, "SET k%d x", i);
    digest(c, before);
    expect_status(c, "Background saving started", "BGSAVE");
    wait_saved();
    CU_ASSERT(info_has("rdb_last_bgsave_status:ok"));
    expect_ok(c, "DEBUG RELOAD");
    CU_ASSERT(digest_is(c, before));
    close_server();
    free(name);
}

static void a_failed_save_stops_writes(void) {
    static const char *const args[] = {
        "--save", "3600 1", "--enable-protected-configs", "yes", "--enable-debug-command",
        "yes",    NULL};
    open_server(args);
    const char *in_the_way = path_in(server, "x.rdb");
    CU_ASSERT_EQUAL(mkdir(in_the_way, 0755), 0);
    expect_ok(c, "SET a 1");
    expect_ok(c, "TOPIC.CONFIG t RETAIN");
    expect_ok(c, "CONFIG SET dbfilename x.rdb");
    expect_err(c, "ERR", "SAVE");
    expect_status(c, "PONG", "PING");
    expect_status(c, "Background saving started", "BGSAVE");
    wait_saved();
    CU_ASSERT(info_has("rdb_last_bgsave_status:err"));
    CU_ASSERT(server_log_has(server, "the snapshot failed: cannot sync or rename to ", 1000));
    expect_err(c, MISCONF, "SET a 2");
    expect_err(c, MISCONF, "PING");
    expect_err(c, MISCONF, "PUBLISH t x"); /* retained: a write */
    expect_int(c, 0, "PUBLISH u x");
    expect_str(c, "1", "GET a");
    expect_err_prefix(c, MISCONF " script: ", "EVAL %s 0", "return redis.call('SET', 'a', 1)");
    expect_str(c, "1", "EVAL %s 0", "return redis.call('GET', 'a')");
    expect_err(c, MISCONF, "EVAL %s 0", "#!lua\nreturn 1");
    expect_int(c, 1, "EVAL %s 0", "#!lua flags=no-writes\nreturn 1");
    expect_err(c, "ERR", "DEBUG RELOAD");
    expect_ok(c, "CONFIG SET stop-writes-on-bgsave-error no");
    expect_ok(c, "SET a 2");
    expect_ok(c, "CONFIG SET stop-writes-on-bgsave-error yes");
    expect_err(c, MISCONF, "SET a 3");
    expect_err(c, "ERR Errors trying to SHUTDOWN. Check logs.", "SHUTDOWN");
    CU_ASSERT_EQUAL(rmdir(in_the_way), 0);
    expect_status(c, "Background saving started", "BGSAVE");
    wait_saved();
    expect_ok(c, "SET a 3");
    expect_status(c, "PONG", "PING");
    close_server();
}

static void bgsave_can_be_put_off(void) {
    open_server(plain);
    expect_err(c, "ERR syntax error", "BGSAVE NOW");
    expect_err(c, "ERR syntax error", "BGSAVE SCHEDULE SCHEDULE");
    expect_ok(c, "MULTI");
    expect_status(c, "QUEUED", "SET a 1");
    expect_status(c, "QUEUED", "BGSAVE");
    expect_status(c, "QUEUED", "SET b 1");
    expect_text(c, "[OK, Background saving scheduled, OK]", "EXEC");
    for (int i = 0; i < 200 && info("rdb_saves:") == 0; i++) server_sleep_ms(10);
    CU_ASSERT_EQUAL(info("rdb_saves:"), 1);
    expect_ok(c, "DEBUG RELOAD NOSAVE");
    expect_int(c, 2, "DBSIZE");
    expect_ok(c, "MULTI");
    expect_err(c, "ERR Command not allowed inside a transaction", "SAVE");
    expect_ok(c, "DISCARD");
    expect_status(c, "Background saving started", "BGSAVE SCHEDULE");
    wait_saved();
    close_server();
}

/* What is saved is of no use any more; with save points another one is there before the reply, or,
 * within a transaction, soon. */
static void flushall_ends_a_bgsave(void) {
    open_server(plain);
    for (int i = 0; i < 50; i++) expect_ok(c, "SET k%d v", i);
    expect_ok(c, "CONFIG SET save %s", "");
    expect_ok(c, "CONFIG SET rdb-key-save-delay 1000000");
    expect_text(c, "[]", "CONFIG GET rdb-key-save*");
    expect_status(c, "Background saving started", "BGSAVE");
    CU_ASSERT_EQUAL(info("rdb_bgsave_in_progress:"), 1);
    expect_ok(c, "FLUSHALL");
    wait_saved();
    CU_ASSERT_EQUAL(info("rdb_saves:"), 0);
    CU_ASSERT_TRUE(info("rdb_changes_since_last_save:") >= 50);
    expect_ok(c, "SET after 1");
    expect_ok(c, "CONFIG SET rdb-key-save-delay 0 save %s", "3600 1");
    expect_ok(c, "FLUSHALL");
    CU_ASSERT_EQUAL(info("rdb_saves:"), 1);
    expect_status(c, "Background append only file rewriting started", "BGREWRITEAOF");
    expect_ok(c, "MULTI");
    expect_status(c, "QUEUED", "FLUSHALL");
    expect_text(c, "[OK]", "EXEC");
    for (int i = 0; i < 200 && info("rdb_saves:") == 1; i++) server_sleep_ms(10);
    CU_ASSERT_EQUAL(info("rdb_saves:"), 2);
    close_server();
}

/* The file of before is there whatever happens in the middle. */
static void a_kill_leaves_the_old_file(void) {
    open_server(plain);
    expect_ok(c, "DEBUG POPULATE 1000 old");
    expect_ok(c, "SAVE");
    expect_ok(c, "DEBUG POPULATE 200000 new 100");
    expect_status(c, "Background saving started", "BGSAVE");
    kill_server();
    restart(plain);
    redisReply *r = cmd(c, "DBSIZE");
    CU_ASSERT(r->integer == 1000 || r->integer == 201000);
    freeReplyObject(r);
    close_server();
}

/* What `save` counts: elements, as Redis does. */
static void changes_are_elements(void) {
    static const struct {
        const char *command;
        int changes;
    } counts[] = {
        {"SET a 1 EX 100", 1},
        {"GET a", 0},
        {"RPUSH l a b c d", 4},
        {"RPUSH l e", 1},
        {"LPOP l 2", 2},
        {"LMOVE l m LEFT LEFT", 1},
        {"LMOVE m l LEFT LEFT", 1},
        {"LMPOP 1 l LEFT COUNT 9", 3},
        {"SADD s a b c d", 4},
        {"SADD s a", 0},
        {"SREM s a b", 2},
        {"SMOVE s t c", 2},
        {"SPOP s 2", 1},
        {"SADD s a b c d", 4},
        {"SPOP s 9", 4},
        {"HSET h a 1 b 2 c 3", 3},
        {"HDEL h a b", 2},
        {"HDEL h c", 1},
        {"ZADD z 1 a 2 b 3 c 4 d", 4},
        {"ZREM z a", 1},
        {"ZPOPMIN z 2", 2},
        {"ZREMRANGEBYRANK z 0 -1", 1},
        {"RENAME a b", 1},
        {"MOVE b 1", 1},
        {"XADD x 1-1 f v", 1},
        {"XADD x MAXLEN 1 2-1 f v", 1},
        {"MSET p 1 q 2", 2},
        {"DEL p q", 2},
    };
    open_server(plain);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        long long before = info("rdb_changes_since_last_save:");
        send(c, counts[i].command);
        long long changes = info("rdb_changes_since_last_save:") - before;
        if (changes != counts[i].changes) printf("%s: %lld changes\n", counts[i].command, changes);
        CU_ASSERT_EQUAL(changes, counts[i].changes);
    }
    close_server();
}

/* ---- loading ------------------------------------------------------------------------ */

/* A second server that loads the first one's file, and a connection that is there as soon as it
 * listens. */
static redisContext *connect_early(const char *load_delay, pid_t *pid) {
    char dir[PATH_BYTES], path[PATH_BYTES];
    snprintf(dir, sizeof dir, "%s", server_dir(server));
    snprintf(path, sizeof path, "%s", path_in(server, "s"));
    *pid = fork();
    if (*pid == 0) {
        dup2(open("/dev/null", O_WRONLY), 1);
        const char *program = getenv("CLEARLANE_SERVER");
        execl(program ? program : "build/clearlane-server", "clearlane-server", "--save", "",
              "--dir", dir, "--port", "0", "--unixsocket", path, "--key-load-delay", load_delay,
              NULL);
        _exit(127);
    }
    redisContext *u = NULL;
    for (int i = 0; i < 2000 && (!u || u->err); i++) {
        if (u) redisFree(u);
        u = redisConnectUnix(path);
        if (u->err) server_sleep_ms(1);
    }
    CU_ASSERT_FATAL(u && !u->err);
    return u;
}

static void end_early(redisContext *u, pid_t pid) {
    CU_ASSERT_PTR_NULL(redisCommand(u, "SHUTDOWN NOSAVE"));
    redisFree(u);
    waitpid(pid, NULL, 0);
}

static void others_are_told_of_loading(void) {
    open_server(plain);
    expect_ok(c, "DEBUG POPULATE 400000 key 200");
    expect_ok(c, "SAVE");
    pid_t pid;
    redisContext *u = connect_early("0", &pid);
    expect_err(u, "LOADING Redis is loading the dataset in memory", "GET key:1");
    expect_err(u, "LOADING Redis is loading the dataset in memory", "EVAL %s 0", "return 1");
    expect_err(u, "LOADING Redis is loading the dataset in memory", "CONFIG SET dir /");
    expect_ok(u, "CONFIG SET loglevel notice");
    redisReply *r = cmd(u, "INFO persistence");
    CU_ASSERT(strstr(r->str, "loading:1\r\n") && strstr(r->str, "loading_total_bytes:"));
    CU_ASSERT(strstr(r->str, "loading_loaded_perc:") && strstr(r->str, "loading_eta_seconds:"));
    freeReplyObject(r);
    for (int i = 0; i < 30000; i++) {
        r = cmd(u, "DBSIZE");
        bool loaded = r->type == REDIS_REPLY_INTEGER;
        if (loaded) CU_ASSERT_EQUAL(r->integer, 400000);
        freeReplyObject(r);
        if (loaded) break;
        server_sleep_ms(1);
    }
    end_early(u, pid);
    close_server();
}

/* Who comes back at once to a server with little data waits for it. */
static void a_small_load_is_waited_for(void) {
    open_server(plain);
    expect_ok(c, "MSET a 1 b 2 c 3 d 4 e 5");
    expect_ok(c, "SAVE");
    pid_t pid;
    redisContext *u = connect_early("20000", &pid);
    expect_int(u, 6, "INCR e");
    end_early(u, pid);
    close_server();
}

struct damage {
    const char *file; /* of the RDB's own bytes */
    size_t n;
    const char *told;
};

#define FILE_OF(bytes, told)                                                                       \
    { bytes, sizeof bytes - 1, told }

static const struct damage damages[] = {
    FILE_OF("", "it is damaged: offset 0: the end comes too early"),
    FILE_OF("REDIX0010\xff", "it is damaged: offset 9: not an RDB file"),
    FILE_OF("REDIS00x0\xff", "offset 9: the version is no number"),
    FILE_OF("REDIS0099\xff", "it cannot be loaded: offset 9: an unknown version of RDB"),
    FILE_OF("REDIS0010\x00\x01k\x01v\xff\x01\x02\x03\x04\x05\x06\x07\x08",
            "RDB CRC error: the checksum is wrong"),
    FILE_OF("REDIS0010\x00\x01k\x05v", "the end comes too early"),
    FILE_OF("REDIS0010\x07\x01k\x81xxxxxxxx\x02\x01\x00",
            "it cannot be loaded: offset 21: a value of a module's own type"),
    FILE_OF("REDIS0010\x06\x01k\x81",
            "it cannot be loaded: offset 12: a value of a module's own type"),
    FILE_OF("REDIS0010\x80\x01k\x01v", "an unknown type or opcode"),
    FILE_OF("REDIS0010\x10\x01h\x05xxxxx", "the value was refused"),
    FILE_OF("REDIS0010\xfe\x40\x63\x00\x01k\x01v",
            "a database that `databases` does not allow for"),
    FILE_OF("REDIS0010\x00\x01k\x01v\x00\x01k\x01v\xff\x00\x00\x00\x00\x00\x00\x00\x00",
            "it has a key that is there already: 'k'"),
};

static void write_file(const char *path, const void *p, size_t n) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, p, n), (ssize_t)n);
    close(fd);
}

static void damaged_files_are_refused(void) {
    char dir[] = "/tmp/persist_test.XXXXXX", path[PATH_BYTES], socket[PATH_BYTES], output[8192];
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    snprintf(socket, sizeof socket, "%s/s", dir);
    snprintf(path, sizeof path, "%s/dump.rdb", dir);
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        const char *args[] = {"--dir", dir, "--port", "0", "--unixsocket", socket, NULL};
        write_file(path, damages[i].file, damages[i].n);
        CU_ASSERT_EQUAL(server_run(args, output, sizeof output, 10000), 1);
        bool told = strstr(output, damages[i].told) && strstr(output, "dump.rdb is not loaded");
        CU_ASSERT(told);
        if (!told) printf("%s\n", output);
    }
    unlink(path);
    unlink(socket);
    rmdir(dir);
}

/* What older servers have written. */
static void old_files_are_loaded(void) {
    static const char zset_of_3[] = "REDIS0003\xfe\x00\x03\x01z\x02\x01"
                                    "a\x03"
                                    "1.5\x01"
                                    "b\xff"
                                    "\x01\x01l\x02\x01x\x01y\xfd\x00\x00\x00\x10\x00\x01k\x01v\xff";
    open_server(plain);
    write_file(path_in(server, "dump.rdb"), zset_of_3, sizeof zset_of_3 - 1);
    restart(plain);
    expect_text(c, "[\"b\", \"-inf\", \"a\", \"1.5\"]", "ZRANGE z 0 -1 WITHSCORES");
    expect_text(c, "[\"x\", \"y\"]", "LRANGE l 0 -1");
    expect_int(c, 2, "DBSIZE"); /* k's time is over */
    close_server();
}

/* Faults of older servers left keys without elements: they are passed over. */
static void empty_keys_are_passed_over(void) {
    static const char file[] = "REDIS0010"
                               "\x0b\x04ints\x08\x02\x00\x00\x00\x00\x00\x00\x00"
                               "\x0c\x04zset\x0b\x0b\x00\x00\x00\x0a\x00\x00\x00\x00\x00\xff"
                               "\x10\x04hash\x07\x07\x00\x00\x00\x00\x00\xff"
                               "\x12\x04list\x01\x02\x07\x07\x00\x00\x00\x00\x00\xff"
                               "\x14\x04pset\x07\x07\x00\x00\x00\x00\x00\xff"
                               "\x02\x03set\x00"
                               "\x00\x01k\x01v\xff\x00\x00\x00\x00\x00\x00\x00\x00";
    open_server(plain);
    write_file(path_in(server, "dump.rdb"), file, sizeof file - 1);
    restart(plain);
    expect_text(c, "[\"k\"]", "KEYS *");
    CU_ASSERT(server_log_has(server, "skipping empty key: ints", 0));
    CU_ASSERT(server_log_has(server, "keys loaded: 1, keys expired: 0, empty keys skipped: 6", 0));
    close_server();
}

/* ---- check-rdb ---------------------------------------------------------------------- */

/* Runs build/.../check-rdb beside the server's program. */
static int run_checker(const char *path, char *output, size_t size) {
    char line[2 * PATH_BYTES];
    const char *program = getenv("CLEARLANE_SERVER");
    if (!program) program = "build/clearlane-server";
    const char *slash = strrchr(program, '/');
    snprintf(line, sizeof line, "%.*scheck-rdb %s 2>&1", (int)(slash - program) + 1, program, path);
    FILE *out = popen(line, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    size_t n = fread(output, 1, size - 1, out);
    output[n] = 0;
    return WEXITSTATUS(pclose(out));
}

static void files_can_be_checked(void) {
    char output[8192];
    open_server(plain);
    fill(c);
    expect_ok(c, "SAVE");
    const char *path = path_in(server, "dump.rdb");
    CU_ASSERT_EQUAL(run_checker(path, output, sizeof output), 0);
    CU_ASSERT(strstr(output, "RDB version: 10\n") && strstr(output, "aux redis-bits: 64\n"));
    CU_ASSERT(strstr(output, "keys: 1520\n") && strstr(output, "stream: 1\n"));
    CU_ASSERT(strstr(output, "keys with an expiry: 2\n") && strstr(output, "right: "));
    struct stat st;
    CU_ASSERT_EQUAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL(truncate(path, st.st_size / 2), 0);
    CU_ASSERT_EQUAL(run_checker(path, output, sizeof output), 1);
    CU_ASSERT(strstr(output, "damaged: offset ") && strstr(output, "the end comes too early"));
    CU_ASSERT_EQUAL(run_checker("/nonexistent/x.rdb", output, sizeof output), 2);
    CU_ASSERT_EQUAL(unlink(path), 0);
    close_server();
}

static void files_have_the_lowest_version(void) {
    char head[10] = "";
    open_server(plain);
    for (int i = 0; i < 3; i++) {
        static const char *const wants[] = {"REDIS0010", "REDIS0012", "REDIS0011"};
        if (i == 0) expect_int(c, 2, "SADD s a b");
        if (i == 1) {
            expect_int(c, 1, "HSET h f v");
            expect_text(c, "[1]", "HPEXPIRE h 100000 FIELDS 1 f");
        }
        if (i == 2) {
            expect_int(c, 1, "DEL h");
            expect_ok(c, "CONFIG SET rdb-write-version 11");
        }
        expect_ok(c, "SAVE");
        int fd = open(path_in(server, "dump.rdb"), O_RDONLY);
        CU_ASSERT_EQUAL(read(fd, head, 9), 9);
        close(fd);
        CU_ASSERT_STRING_EQUAL(head, wants[i]);
        expect_ok(c, "DEBUG RELOAD");
        if (i == 1) {
            redisReply *r = cmd(c, "HPTTL h FIELDS 1 f");
            CU_ASSERT(r->element[0]->integer > 50000);
            freeReplyObject(r);
        }
    }
    close_server();
}

int main(void) {
    static const struct suite_test tests[] = {
        {"what_is_saved_is_loaded", what_is_saved_is_loaded},
        {"reload_has_options", reload_has_options},
        {"exchanges_files_with_redis", exchanges_files_with_redis},
        {"keeps_access_times_by_the_policy", keeps_access_times_by_the_policy},
        {"expired_keys_are_passed_over", expired_keys_are_passed_over},
        {"a_snapshot_is_of_one_instant", a_snapshot_is_of_one_instant},
        {"writers_of_large_values", writers_of_large_values},
        {"save_points_fire", save_points_fire},
        {"a_long_name_is_saved", a_long_name_is_saved},
        {"a_failed_save_stops_writes", a_failed_save_stops_writes},
        {"bgsave_can_be_put_off", bgsave_can_be_put_off},
        {"flushall_ends_a_bgsave", flushall_ends_a_bgsave},
        {"a_kill_leaves_the_old_file", a_kill_leaves_the_old_file},
        {"changes_are_elements", changes_are_elements},
        {"others_are_told_of_loading", others_are_told_of_loading},
        {"a_small_load_is_waited_for", a_small_load_is_waited_for},
        {"damaged_files_are_refused", damaged_files_are_refused},
        {"old_files_are_loaded", old_files_are_loaded},
        {"empty_keys_are_passed_over", empty_keys_are_passed_over},
        {"files_can_be_checked", files_can_be_checked},
        {"files_have_the_lowest_version", files_have_the_lowest_version},
        {NULL, NULL},
    };
    return suite_main("persist", tests);
}
