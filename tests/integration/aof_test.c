/* aof_test.c - the append log: found again, torn, damaged, rewritten, switched, refused.
 *
 * Each test has a server of its own, in a directory that it may look into and spoil.
 */
#define _GNU_SOURCE 1 /* prlimit */
#include <sys/resource.h>
#include <sys/stat.h>

#include "integration/files.h"
#include "integration/replies.h"

#define INCR "appendonlydir/appendonly.aof.1.incr.aof"
#define MANIFEST "appendonlydir/appendonly.aof.manifest"

static const char *const always[] = {
    "--appendonly", "yes", "--appendfsync", "always", "--enable-debug-command", "yes", NULL};
static const char *const strict[] = {"--appendonly", "yes", "--aof-load-truncated", "no", NULL};

/* ---- files and servers -------------------------------------------------------------- */

static void shell(const char *format, const char *a, const char *b) {
    char line[2 * PATH_BYTES + 64];
    snprintf(line, sizeof line, format, a, b);
    CU_ASSERT_EQUAL(system(line), 0);
}

/* Something of each type, with times, groups and functions. */
static void fill(redisContext *c) {
    for (int i = 0; i < 300; i++) {
        freeReplyObject(cmd(c, "SET k%d %d", i, i * i));
        freeReplyObject(cmd(c, "RPUSH l%d a b c %d", i % 7, i));
        freeReplyObject(cmd(c, "SADD s%d %d x%d", i % 5, i, i));
        freeReplyObject(cmd(c, "ZADD z %d m%d", i, i));
        freeReplyObject(cmd(c, "HSET h f%d %d", i, i));
        freeReplyObject(cmd(c, "XADD st * f %d", i));
    }
    freeReplyObject(cmd(c, "SET big %0100000d", 7));
    freeReplyObject(cmd(c, "PEXPIRE k1 100000000"));
    freeReplyObject(cmd(c, "XGROUP CREATE st g 0"));
    freeReplyObject(cmd(c, "XREADGROUP GROUP g alice COUNT 5 STREAMS st >"));
    freeReplyObject(cmd(c, "SPOP s1 3"));
    freeReplyObject(cmd(c, "FUNCTION LOAD REPLACE %s",
                        "#!lua name=lib\nredis.register_function('f', function() return 1 end)"));
}

/* ---- found again -------------------------------------------------------------------- */

static void what_was_acknowledged_is_found_again(void) {
    struct server *s = server_start(always);
    redisContext *c = client_open(s);
    fill(c);
    expect_ok(c, "SELECT 3");
    expect_ok(c, "SET other 1");
    char *want = digest(c);
    stop_hard(s, c);
    c = again(s, always);
    expect_digest(c, want);
    expect_int(c, 1, "FCALL f 0");
    CU_ASSERT_TRUE(info_has(c, "aof_enabled:1"));
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

static void redis_reads_it_and_it_reads_redis(void) {
    static const char *const oracle_args[] = {"--appendonly", "yes", NULL};
    struct server *s = server_start(always), *oracle = server_start_oracle(NULL);
    redisContext *c = client_open(s);
    fill(c);
    freeReplyObject(cmd(c, "BGREWRITEAOF"));
    CU_ASSERT_TRUE(info_becomes(c, "aof_rewrites:2"));
    fill(c);
    freeReplyObject(cmd(c, "FUNCTION DELETE lib"));
    char *want = digest(c);
    redisFree(c);
    shell("cp -r %s/appendonlydir %s/", server_dir(s), server_dir(oracle));
    redisContext *o = again(oracle, oracle_args);
    expect_digest(o, want);
    fill(o);
    freeReplyObject(cmd(o, "BGREWRITEAOF"));
    CU_ASSERT_TRUE(info_becomes(o, "aof_rewrite_in_progress:0"));
    freeReplyObject(cmd(o, "INCR after"));
    want = digest(o);
    redisFree(o);
    server_signal(oracle, SIGTERM);
    server_wait(oracle, 5000);
    struct server *back = server_start(NULL);
    shell("cp -r %s/appendonlydir %s/", server_dir(oracle), server_dir(back));
    c = again(back, always);
    expect_digest(c, want);
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(back), 0);
    server_stop(oracle);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* Redis 6 has one file beside the directory, with or without an RDB at its front. */
static void an_old_log_moves_into_the_directory(void) {
    static const char commands[] = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n"
                                   "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n"
                                   "*2\r\n$4\r\nINCR\r\n$1\r\na\r\n";
    struct server *s = server_start(NULL);
    write_file(s, "appendonly.aof", commands, sizeof commands - 1);
    redisContext *c = again(s, always);
    expect_str(c, "2", "GET a");
    CU_ASSERT_FALSE(has_file(s, "appendonly.aof"));
    CU_ASSERT_TRUE(has_file(s, "appendonlydir/appendonly.aof"));
    expect_int(c, 3, "INCR a");
    stop_hard(s, c);
    c = again(s, always);
    expect_str(c, "3", "GET a");
    freeReplyObject(cmd(c, "BGREWRITEAOF"));
    CU_ASSERT_TRUE(info_becomes(c, "aof_rewrites:1"));
    CU_ASSERT_FALSE(has_file(s, "appendonlydir/appendonly.aof"));
    stop_hard(s, c);
    /* The base as an old log: an RDB, then commands. */
    shell("cd %s && cat appendonlydir/*.base.rdb appendonlydir/*.incr.aof > old && "
          "printf '*2\\r\\n$4\\r\\nINCR\\r\\n$1\\r\\na\\r\\n' >> old && rm -rf appendonlydir && "
          "mv old appendonly.aof%s",
          server_dir(s), "");
    c = again(s, always);
    expect_str(c, "4", "GET a");
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* ---- torn and damaged --------------------------------------------------------------- */

/* Writes three groups, and tells where the last one begins. */
static size_t three_groups(struct server *s, char *bytes, size_t *n) {
    redisContext *c = client_open(s);
    expect_ok(c, "SET a 1");
    expect_ok(c, "SET b 2");
    freeReplyObject(cmd(c, "MULTI"));
    freeReplyObject(cmd(c, "SET d 4"));
    freeReplyObject(cmd(c, "SET e 5"));
    freeReplyObject(cmd(c, "EXEC"));
    stop_hard(s, c);
    *n = read_file(s, INCR, bytes);
    size_t last = 0;
    for (size_t i = 0; i + 5 <= *n; i++) {
        if (memcmp(bytes + i, "#CRC:", 5) == 0) last = i;
    }
    return last;
}

/* Cut at each byte of the last group, the log is what it was before that, and can go on. */
static void a_torn_end_is_cut_off(void) {
    struct server *s = server_start(always);
    char *bytes = malloc(FILE_BYTES_MAX);
    size_t n, last = three_groups(s, bytes, &n);
    for (size_t cut = last + 1; cut < n; cut += cut < last + 20 ? 1 : 7) {
        write_file(s, INCR, bytes, cut);
        redisContext *c = again(s, always);
        expect_text(c, "[\"1\", \"2\", nil, nil]", "MGET a b d e");
        expect_ok(c, "SET f 6");
        stop_hard(s, c);
        c = again(s, always);
        expect_text(c, "[\"1\", \"2\", nil, nil, \"6\"]", "MGET a b d e f");
        stop_hard(s, c);
    }
    /* The last group is all there, but not as it was written. */
    bytes[n - 3] ^= 1;
    write_file(s, INCR, bytes, n);
    redisContext *c = again(s, always);
    expect_text(c, "[\"1\", \"2\", nil, nil]", "MGET a b d e");
    CU_ASSERT_TRUE(server_log_has(s, "Truncating the AOF", 1000));
    free(bytes);
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* A crash between two files: the second one is named, and the first has a torn end. */
static void the_end_may_lie_in_an_earlier_file(void) {
    struct server *s = server_start(always);
    char *bytes = malloc(FILE_BYTES_MAX), *manifest = malloc(FILE_BYTES_MAX);
    size_t n;
    three_groups(s, bytes, &n);
    size_t m = read_file(s, MANIFEST, manifest);
    m += (size_t)sprintf(manifest + m, "file appendonly.aof.2.incr.aof seq 2 type i\n");
    write_file(s, MANIFEST, manifest, m);
    write_file(s, INCR, bytes, n - 3);
    write_file(s, "appendonlydir/appendonly.aof.2.incr.aof", "", 0);
    redisContext *c = again(s, always);
    expect_text(c, "[\"1\", \"2\", nil, nil]", "MGET a b d e");
    expect_ok(c, "SET f 6");
    stop_hard(s, c);
    c = again(s, always);
    expect_text(c, "[\"1\", \"2\", nil, nil, \"6\"]", "MGET a b d e f");
    stop_hard(s, c);
    write_file(s, INCR, bytes, n - 3); /* now there is something behind it */
    expect_refusal(s, always, "is not the last file");
    free(bytes);
    free(manifest);
    server_stop(s);
}

static void damage_in_the_middle_is_refused(void) {
    struct server *s = server_start(always);
    char *bytes = malloc(FILE_BYTES_MAX), text[64];
    size_t n, last = three_groups(s, bytes, &n);
    size_t second = 0;
    for (size_t i = 1; i < last; i++) {
        if (memcmp(bytes + i, "#CRC:", 5) == 0) second = i;
    }
    bytes[last - 3] ^= 1;
    write_file(s, INCR, bytes, n);
    snprintf(text, sizeof text, "appendonly.aof.1.incr.aof at offset %zu: a checksum", second);
    expect_refusal(s, always, text);
    bytes[last - 3] ^= 1;
    write_file(s, INCR, bytes, n - 1);
    expect_refusal(s, strict, "Unexpected end of file");
    bytes[second + 6] = 'x';
    write_file(s, INCR, bytes, n);
    expect_refusal(s, always, "at offset");
    free(bytes);
    server_stop(s);
}

/* A log of Redis, whose transaction has no end: what follows must not be swallowed by it. */
static void a_transaction_without_end_is_cut_off(void) {
    static const char commands[] = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n"
                                   "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n"
                                   "*1\r\n$5\r\nMULTI\r\n"
                                   "*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$1\r\n2\r\n";
    struct server *s = server_start(NULL);
    write_file(s, "appendonly.aof", commands, sizeof commands - 1);
    redisContext *c = again(s, always);
    expect_text(c, "[\"1\", nil]", "MGET a b");
    expect_ok(c, "SET d 3");
    stop_hard(s, c);
    c = again(s, always);
    expect_text(c, "[\"1\", nil, \"3\"]", "MGET a b d");
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* Runs check-aof on the manifest. */
static int check_aof(const struct server *s, const char *option, const char *answer, char **said) {
    char options[2 * PATH_BYTES];
    snprintf(options, sizeof options, "%s %s/appendonlydir/appendonly.aof.manifest", option,
             server_dir(s));
    return run_beside("check-aof", options, answer, said);
}

static void check_aof_tells_and_cuts(void) {
    struct server *s = server_start(always);
    char *bytes = malloc(FILE_BYTES_MAX), *said, want[128];
    size_t n, last = three_groups(s, bytes, &n);
    CU_ASSERT_EQUAL(check_aof(s, "", "", &said), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "All AOF files and manifest are valid"));
    free(said);
    write_file(s, INCR, bytes, n - 1);
    CU_ASSERT_NOT_EQUAL(check_aof(s, "", "", &said), 0);
    snprintf(want, sizeof want, "is not valid at offset %zu: a group of commands is cut short",
             last);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, want));
    free(said);
    CU_ASSERT_NOT_EQUAL(check_aof(s, "--fix", "n", &said), 0);
    free(said);
    CU_ASSERT_EQUAL(check_aof(s, "--fix", "y", &said), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "Successfully truncated AOF"));
    free(said);
    CU_ASSERT_EQUAL(read_file(s, INCR, bytes), last);
    bytes[30] ^= 1;
    write_file(s, INCR, bytes, last);
    CU_ASSERT_NOT_EQUAL(check_aof(s, "", "", &said), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "the checksum of a group is wrong; what is behind it is "
                                        "right, so that this is damage, not a torn end"));
    free(said);
    free(bytes);
    server_stop(s);
}

/* It ends before what was written later. */
static void check_aof_cuts_to_a_time(void) {
    static const char *const timed[] = {
        "--appendonly", "yes", "--appendfsync", "always", "--aof-timestamp-enabled", "yes", NULL};
    struct server *s = server_start(timed);
    redisContext *c = client_open(s);
    char bytes[1024], option[64], *said;
    expect_ok(c, "SET a 1");
    server_sleep_ms(1100);
    expect_ok(c, "SET b 1");
    stop_hard(s, c);
    bytes[read_file(s, INCR, bytes)] = 0;
    const char *stamp = strstr(bytes, "#TS:");
    CU_ASSERT_PTR_NOT_NULL_FATAL(stamp);
    long first = strtol(stamp + 4, NULL, 10);
    int lines = 1;
    for (const char *at = bytes; (at = strchr(at, '\n')) != NULL; at++) lines++;
    CU_ASSERT_EQUAL(check_aof(s, "", "", &said), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "Start to check BASE AOF (RDB format)."));
    snprintf(option, sizeof option, "ok_up_to_line=%d, diff=0", lines);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, option));
    free(said);
    snprintf(option, sizeof option, "--truncate-to-timestamp %ld", first + 1000);
    CU_ASSERT_EQUAL(check_aof(s, option, "", &said), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "Truncate nothing in AOF"));
    free(said);
    snprintf(option, sizeof option, "--truncate-to-timestamp %ld", first - 1);
    CU_ASSERT_NOT_EQUAL(check_aof(s, option, "", &said), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "has nothing before timestamp"));
    free(said);
    snprintf(option, sizeof option, "--truncate-to-timestamp %ld", first);
    CU_ASSERT_EQUAL(check_aof(s, option, "", &said), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "Successfully truncated AOF"));
    free(said);
    c = again(s, always);
    expect_text(c, "[\"1\", nil]", "MGET a b");
    expect_ok(c, "SET c 1");
    stop_hard(s, c);
    c = again(s, always);
    expect_text(c, "[\"1\", \"1\"]", "MGET a c");
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* ---- on, off, anew ------------------------------------------------------------------ */

static void it_is_switched_on_and_off(void) {
    static const char *const off[] = {"--enable-debug-command", "yes", NULL};
    struct server *s = server_start(off);
    redisContext *c = client_open(s);
    expect_err(c, "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
               "WAITAOF 1 0 0");
    fill(c);
    expect_ok(c, "CONFIG SET appendonly yes");
    for (int i = 0; i < 100; i++) freeReplyObject(cmd(c, "INCR n"));
    CU_ASSERT_TRUE(info_becomes(c, "aof_rewrite_in_progress:0"));
    expect_text(c, "[1, 0]", "WAITAOF 1 0 0");
    char *want = digest(c);
    stop_hard(s, c);
    c = again(s, always);
    expect_digest(c, want);
    expect_ok(c, "CONFIG SET appendonly no");
    expect_ok(c, "SET lost 1");
    CU_ASSERT_TRUE(info_has(c, "aof_enabled:0"));
    stop_hard(s, c);
    c = again(s, always);
    expect_nil(c, "GET lost");
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

static void a_rewrite_takes_the_place_of_what_was(void) {
    struct server *s = server_start(always);
    redisContext *c = client_open(s);
    char *bytes = malloc(FILE_BYTES_MAX);
    fill(c);
    expect_status(c, "Background append only file rewriting started", "BGREWRITEAOF");
    for (int i = 0; i < 200; i++) freeReplyObject(cmd(c, "INCR n"));
    CU_ASSERT_TRUE(info_becomes(c, "aof_rewrites:2"));
    size_t n = read_file(s, MANIFEST, bytes);
    bytes[n] = 0;
    CU_ASSERT_STRING_EQUAL(bytes, "file appendonly.aof.2.base.rdb seq 2 type b\n"
                                  "file appendonly.aof.2.incr.aof seq 2 type i\n");
    CU_ASSERT_FALSE(has_file(s, INCR));
    freeReplyObject(cmd(c, "MULTI"));
    freeReplyObject(cmd(c, "SET t 1"));
    freeReplyObject(cmd(c, "BGREWRITEAOF"));
    freeReplyObject(cmd(c, "INCR t"));
    expect_text(c, "[OK, Background append only file rewriting scheduled, 2]", "EXEC");
    CU_ASSERT_TRUE(info_becomes(c, "aof_rewrites:3"));
    char *want = digest(c);
    stop_hard(s, c);
    c = again(s, always);
    expect_digest(c, want);
    expect_ok(c, "DEBUG LOADAOF");
    expect_str(c, "2", "GET t");
    free(bytes);
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* What is acknowledged has waited for a writer however slow. */
static void replies_wait_for_a_slow_writer(void) {
    struct server *s = server_start(always);
    redisContext *c = client_open(s);
    expect_ok(c, "DEBUG AOF-FLUSH-SLEEP 100000");
    long long began_ms = server_now_ms();
    expect_int(c, 1, "INCR n");
    CU_ASSERT(server_now_ms() - began_ms >= 100);
    expect_ok(c, "DEBUG AOF-FLUSH-SLEEP 0");
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

static bool exists(redisContext *c, const char *key) {
    redisReply *r = cmd(c, "EXISTS %s", key);
    bool there = r->integer;
    freeReplyObject(r);
    return there;
}

/* Without a sync for each they wait until it has written, but those to reads of others do not: a
 * killed server has lost nothing that it acknowledged. */
static void replies_to_writes_wait_until_they_are_written(void) {
    static const char *const policies[] = {"everysec", "no"};
    for (int i = 0; i < 2; i++) {
        const char *args[] = {
            "--appendonly", "yes", "--appendfsync", policies[i], "--enable-debug-command",
            "yes",          NULL};
        struct server *s = server_start(args);
        redisContext *c = client_open(s), *reader = client_open(s);
        expect_ok(c, "DEBUG AOF-FLUSH-SLEEP 300000");
        long long began_ms = server_now_ms();
        redisAppendCommand(c, "INCR n");
        redisAppendCommand(c, "GET n");
        send_all(c);
        while (!exists(reader, "n")) server_sleep_ms(1);
        expect_str(reader, "1", "GET n");
        CU_ASSERT(server_now_ms() - began_ms < 300);
        for (int k = 0; k < 2; k++) {
            redisReply *r = wait_for(c);
            if (k == 0) CU_ASSERT(server_now_ms() - began_ms >= 300);
            freeReplyObject(r);
        }
        redisFree(reader);
        stop_hard(s, c);
        c = again(s, args);
        expect_str(c, "1", "GET n");
        redisFree(c);
        CU_ASSERT_EQUAL(server_stop(s), 0);
    }
}

static void nothing_to_reload(void) {
    static const char *const plain[] = {"--enable-debug-command", "yes", NULL};
    struct server *s = server_start(plain);
    redisContext *c = client_open(s);
    expect_ok(c, "SET k v");
    expect_err(c, "ERR Error trying to load the AOF files, check server logs.", "DEBUG LOADAOF");
    expect_text(c, "\"v\"", "GET k");
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* BGREWRITEAOF writes a base although no log is kept, and has no older files to put away. */
static void a_rewrite_without_a_log(void) {
    static const char *const plain[] = {"--enable-debug-command", "yes", NULL};
    struct server *s = server_start(plain);
    redisContext *c = client_open(s);
    fill(c);
    char *want = digest(c);
    for (int i = 1; i <= 2; i++) {
        expect_status(c, "Background append only file rewriting started", "BGREWRITEAOF");
        CU_ASSERT_TRUE(info_becomes(c, "aof_rewrite_in_progress:0"));
        CU_ASSERT_TRUE(info_has(c, "aof_last_bgrewrite_status:ok"));
    }
    expect_ok(c, "DEBUG LOADAOF");
    expect_digest(c, strdup(want));
    stop_hard(s, c);
    c = again(s, always);
    expect_digest(c, want);
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* It does not count as a failure, so that the log is begun at once when it is wanted again. */
static void switching_off_is_no_failure(void) {
    struct server *s = server_start(NULL);
    redisContext *c = client_open(s);
    for (int i = 0; i < 100; i++) expect_ok(c, "SET k%d v", i);
    expect_ok(c, "CONFIG SET rdb-key-save-delay 100000");
    for (int i = 0; i < 5; i++) {
        expect_ok(c, "CONFIG SET appendonly yes");
        expect_ok(c, "CONFIG SET appendonly no");
        CU_ASSERT_TRUE(info_becomes(c, "aof_rewrite_in_progress:0"));
    }
    CU_ASSERT_TRUE(info_has(c, "aof_last_bgrewrite_status:ok"));
    expect_ok(c, "CONFIG SET rdb-key-save-delay 0");
    expect_ok(c, "CONFIG SET appendonly yes");
    expect_ok(c, "CONFIG SET appendonly no");
    expect_ok(c, "CONFIG SET appendonly yes");
    CU_ASSERT_TRUE(info_becomes(c, "aof_rewrites:1"));
    CU_ASSERT_TRUE(info_becomes(c, "aof_rewrite_in_progress:0"));
    CU_ASSERT_TRUE(info_has(c, "aof_enabled:1"));
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* A log that was switched on is not there before its base is: nobody ends the server meanwhile, but
 * who insists. */
static void a_beginning_is_waited_for(void) {
    static const char *const args[] = {"--save", "", NULL};
    static const char *const logged[] = {"--save", "", "--appendonly", "yes", NULL};
    struct server *s = server_start(args);
    redisContext *c = client_open(s);
    for (int i = 0; i < 50; i++) expect_ok(c, "SET k%d v", i);
    expect_ok(c, "CONFIG SET rdb-key-save-delay 100000");
    expect_ok(c, "CONFIG SET appendonly yes");
    server_signal(s, SIGTERM);
    CU_ASSERT(server_log_has(s, "Writing initial AOF, can't exit", 5000));
    CU_ASSERT(server_log_has(s, "SIGTERM received but errors trying to shut down", 5000));
    expect_err(c, "ERR Errors trying to SHUTDOWN. Check logs.", "SHUTDOWN NOSAVE");
    expect_ok(c, "CONFIG SET rdb-key-save-delay 0");
    CU_ASSERT_TRUE(info_becomes(c, "aof_rewrites:1"));
    CU_ASSERT_TRUE(info_becomes(c, "aof_rewrite_in_progress:0"));
    redisFree(c);
    server_restart(s, logged);
    c = client_open(s);
    expect_int(c, 50, "DBSIZE");
    expect_ok(c, "CONFIG SET appendonly no");
    expect_ok(c, "CONFIG SET rdb-key-save-delay 100000");
    expect_ok(c, "CONFIG SET appendonly yes");
    CU_ASSERT_PTR_NULL(redisCommand(c, "SHUTDOWN NOSAVE FORCE"));
    redisFree(c);
    CU_ASSERT_EQUAL(server_wait(s, 5000), 0);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* The file of a log that is to begin cannot be opened: the command says so; where the log has to
 * wait for a save, it is tried until it can be. */
static void a_log_begins_when_it_can(void) {
    struct server *s = server_start(NULL);
    redisContext *c = client_open(s);
    char path[PATH_BYTES];
    path_of(s, "appendonlydir", path);
    write_file(s, "appendonlydir", "", 0);
    expect_ok(c, "SET k v");
    redisReply *r = cmd(c, "CONFIG SET appendonly yes");
    CU_ASSERT_EQUAL(r->type, REDIS_REPLY_ERROR);
    freeReplyObject(r);
    CU_ASSERT_TRUE(info_becomes(c, "aof_rewrite_in_progress:0"));
    CU_ASSERT_TRUE(info_has(c, "aof_rewrite_scheduled:0"));
    CU_ASSERT_TRUE(info_has(c, "aof_enabled:0"));
    expect_ok(c, "CONFIG SET rdb-key-save-delay 200000");
    expect_status(c, "Background saving started", "BGSAVE");
    expect_ok(c, "CONFIG SET appendonly yes");
    CU_ASSERT_TRUE(info_becomes(c, "rdb_bgsave_in_progress:0"));
    CU_ASSERT_TRUE(info_becomes(c, "aof_last_bgrewrite_status:err"));
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_TRUE(info_becomes(c, "aof_rewrites:1"));
    CU_ASSERT_TRUE(info_has(c, "aof_last_bgrewrite_status:ok"));
    stop_hard(s, c);
    c = again(s, always);
    expect_str(c, "v", "GET k");
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

#define EDITORS 40

/* Lists that are too small for their writers to wait for the base, and long enough for a worker to
 * edit them, are edited while the base of that instant is written. */
static void a_rewrite_meets_what_workers_do(void) {
    struct server *s = server_start(always);
    redisContext *c = client_open(s), *editors[EDITORS];
    redisReply *r;
    char line[40000];
    int n = snprintf(line, sizeof line, "RPUSH l");
    for (int k = 0; k < 6000; k++) n += snprintf(line + n, sizeof line - (size_t)n, " %d", k);
    freeReplyObject(cmd(c, line));
    for (int i = 0; i < EDITORS; i++) {
        editors[i] = client_open(s);
        freeReplyObject(cmd(c, "COPY l l%d", i));
        for (int k = 0; k < 8; k++) freeReplyObject(cmd(c, "COPY l l%d-%d", i, k));
    }
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < EDITORS; i++) {
            redisAppendCommand(editors[i], "LINSERT l%d AFTER 5999 x%d", i, round);
            redisAppendCommand(editors[i], "LPOP l%d 300", i);
            redisAppendCommand(editors[i], "LREM l%d 1 %d", i, 5000 + round);
            send_all(editors[i]);
        }
        freeReplyObject(cmd(c, "BGREWRITEAOF"));
        for (int i = 0; i < 3 * EDITORS; i++) {
            CU_ASSERT_EQUAL_FATAL(redisGetReply(editors[i / 3], (void **)&r), REDIS_OK);
            freeReplyObject(r);
        }
        CU_ASSERT_TRUE(info_becomes(c, "aof_rewrite_in_progress:0"));
        char *want = digest(c);
        expect_ok(c, "DEBUG LOADAOF");
        expect_digest(c, want);
    }
    for (int i = 0; i < EDITORS; i++) redisFree(editors[i]);
    redisFree(c);
    server_stop(s);
}

static void growth_is_reason_for_a_rewrite(void) {
    static const char *const args[] = {"--appendonly", "yes", "--auto-aof-rewrite-min-size", "10kb",
                                       NULL};
    struct server *s = server_start(args);
    redisContext *c = client_open(s);
    for (int i = 0; i < 1000; i++) freeReplyObject(cmd(c, "SET same %d", i));
    /* The first is that of the start. A slow client's log may have grown once more by now. */
    long long end = server_now_ms() + 20000;
    while (info_number(c, "persistence", "aof_rewrites") < 2 && server_now_ms() < end)
        server_sleep_ms(20);
    CU_ASSERT(info_number(c, "persistence", "aof_rewrites") >= 2);
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

static void each_second_has_its_mark(void) {
    static const char *const args[] = {"--appendonly", "yes", "--aof-timestamp-enabled", "yes",
                                       NULL};
    struct server *s = server_start(args);
    redisContext *c = client_open(s);
    expect_ok(c, "SET a 1");
    expect_text(c, "[1, 0]", "WAITAOF 1 0 0");
    char *bytes = calloc(1, FILE_BYTES_MAX);
    read_file(s, INCR, bytes);
    CU_ASSERT_EQUAL(strncmp(bytes, "#TS:1", 5), 0);
    free(bytes);
    redisFree(c);
    c = again(s, args);
    expect_str(c, "1", "GET a");
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* ---- promises ----------------------------------------------------------------------- */

static void one_connection_asks_for_more(void) {
    static const char *const args[] = {"--appendonly", "yes", "--appendfsync", "no", NULL};
    struct server *s = server_start(args);
    redisContext *c = client_open(s), *d = client_open(s);
    expect_err(c, "ERR syntax error", "CLIENT DURABILITY maybe");
    expect_ok(c, "CLIENT DURABILITY fsync");
    for (int i = 0; i < 50; i++) expect_int(c, i + 1, "INCR n");
    expect_ok(d, "SET other 1");
    expect_ok(c, "CLIENT DURABILITY none");
    expect_text(d, "[1, 0]", "WAITAOF 1 0 0");
    expect_text(d, "[1, 0]", "WAITAOF 0 1 10");
    expect_err(d, "ERR value is out of range, value must between 0 and 1", "WAITAOF 2 0 0");
    expect_err(d, "ERR timeout is negative", "WAITAOF 1 0 -1");
    redisFree(d);
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* Replies wait already when the connection asks for a sync, or when nobody else does any more. */
static void who_waits_already_is_synced_too(void) {
    static const char *const args[] = {
        "--appendonly", "yes", "--appendfsync", "no", "--enable-debug-command", "yes", NULL};
    struct server *s = server_start(args);
    redisContext *c = client_open(s), *d = client_open(s);
    expect_ok(d, "DEBUG AOF-FLUSH-SLEEP 200000");
    redisAppendCommand(c, "INCR n");
    send_all(c);
    while (!exists(d, "n")) server_sleep_ms(1);
    redisAppendCommand(c, "CLIENT DURABILITY fsync");
    CU_ASSERT_EQUAL(reply_int(wait_for(c)), 1);
    freeReplyObject(wait_for(c));
    expect_ok(d, "CONFIG SET appendfsync always");
    redisAppendCommand(c, "INCR m");
    send_all(c);
    while (!exists(d, "m")) server_sleep_ms(1);
    expect_ok(d, "CONFIG SET appendfsync no");
    CU_ASSERT_EQUAL(reply_int(wait_for(c)), 1);
    redisFree(d);
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* A write is in the log also when that is switched off in the same turn. */
static void what_comes_before_the_end_is_kept(void) {
    struct server *s = server_start(always);
    redisContext *c = client_open(s);
    for (int i = 0; i < 5; i++) {
        redisAppendCommand(c, "SET last%d 1", i);
        redisAppendCommand(c, "CONFIG SET appendonly no");
        for (int k = 0; k < 2; k++) freeReplyObject(wait_for(c));
        stop_hard(s, c);
        c = again(s, always);
        expect_str(c, "1", "GET last%d", i);
    }
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* A pipeline gets all its replies, in order, also when most of them wait for the disk. */
static void pipelines_wait_and_go_on(void) {
    struct server *s = server_start(always);
    redisContext *c = client_open(s);
    for (int i = 0; i < 5000; i++) redisAppendCommand(c, i % 3 ? "INCR n" : "ECHO x");
    for (int i = 0, n = 0; i < 5000; i++) {
        redisReply *r = NULL;
        CU_ASSERT_EQUAL_FATAL(redisGetReply(c, (void **)&r), REDIS_OK);
        if (i % 3) {
            CU_ASSERT_EQUAL(r->integer, ++n);
        } else {
            CU_ASSERT_STRING_EQUAL(r->str, "x");
        }
        freeReplyObject(r);
    }
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* A limit of the file's size is a disk that is full, and can be lifted again. */
static void a_full_disk_refuses_writes_until_there_is_room(void) {
    static const char *const args[] = {"--appendonly",
                                       "yes",
                                       "--appendfsync",
                                       "everysec",
                                       "--auto-aof-rewrite-percentage",
                                       "0",
                                       NULL};
    struct server *s = server_start(args);
    redisContext *c = client_open(s);
    struct rlimit tight = {20000, RLIM_INFINITY}, wide = {RLIM_INFINITY, RLIM_INFINITY};
    expect_ok(c, "SET before 1");
    CU_ASSERT_EQUAL_FATAL(prlimit(server_pid(s), RLIMIT_FSIZE, &tight, NULL), 0);
    bool refused = false;
    for (int i = 0; i < 2000 && !refused; i++) {
        redisReply *r = cmd(c, "SET k%d %0500d", i, 7);
        refused = r->type == REDIS_REPLY_ERROR;
        freeReplyObject(r);
        if (i % 20 == 19) server_sleep_ms(10);
    }
    CU_ASSERT_TRUE(refused);
    expect_err(c, "MISCONF Errors writing to the AOF file: File too large", "SET k 1");
    expect_err(c, "MISCONF Errors writing to the AOF file: File too large", "PING");
    freeReplyObject(cmd(c, "MULTI"));
    freeReplyObject(cmd(c, "GET before"));
    expect_text(c, "[\"1\"]", "EXEC");
    expect_err_prefix(c, "MISCONF", "EVAL %s 0", "return redis.call('set', 'a', 1)");
    expect_str(c, "1", "GET before");
    CU_ASSERT_TRUE(info_has(c, "aof_last_write_status:err"));
    CU_ASSERT_EQUAL(prlimit(server_pid(s), RLIMIT_FSIZE, &wide, NULL), 0);
    CU_ASSERT_TRUE(info_becomes(c, "aof_last_write_status:ok"));
    expect_ok(c, "SET k 1");
    expect_text(c, "[1, 0]", "WAITAOF 1 0 0");
    redisReply *r = cmd(c, "DBSIZE");
    long long keys = r->integer;
    freeReplyObject(r);
    stop_hard(s, c);
    c = again(s, args);
    expect_int(c, keys, "DBSIZE");
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* ... and with appendfsync always nothing is acknowledged that is not there: the server ends. */
static void a_full_disk_ends_a_server_that_promises(void) {
    struct server *s = server_start(always);
    redisContext *c = client_open(s);
    struct rlimit tight = {20000, RLIM_INFINITY};
    CU_ASSERT_EQUAL_FATAL(prlimit(server_pid(s), RLIMIT_FSIZE, &tight, NULL), 0);
    int acknowledged = 0;
    for (;;) {
        redisReply *r = redisCommand(c, "SET k%d %0500d", acknowledged, 7);
        if (!r) break;
        CU_ASSERT_EQUAL(r->type, REDIS_REPLY_STATUS);
        freeReplyObject(r);
        acknowledged++;
    }
    redisFree(c);
    CU_ASSERT_EQUAL(server_wait(s, 5000), 1);
    c = again(s, always);
    redisReply *r = cmd(c, "DBSIZE");
    CU_ASSERT_TRUE(r->integer == acknowledged || r->integer == acknowledged + 1);
    freeReplyObject(r);
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"what_was_acknowledged_is_found_again", what_was_acknowledged_is_found_again},
        {"redis_reads_it_and_it_reads_redis", redis_reads_it_and_it_reads_redis},
        {"an_old_log_moves_into_the_directory", an_old_log_moves_into_the_directory},
        {"a_torn_end_is_cut_off", a_torn_end_is_cut_off},
        {"the_end_may_lie_in_an_earlier_file", the_end_may_lie_in_an_earlier_file},
        {"damage_in_the_middle_is_refused", damage_in_the_middle_is_refused},
        {"a_transaction_without_end_is_cut_off", a_transaction_without_end_is_cut_off},
        {"check_aof_tells_and_cuts", check_aof_tells_and_cuts},
        {"check_aof_cuts_to_a_time", check_aof_cuts_to_a_time},
        {"it_is_switched_on_and_off", it_is_switched_on_and_off},
        {"a_rewrite_takes_the_place_of_what_was", a_rewrite_takes_the_place_of_what_was},
        {"replies_wait_for_a_slow_writer", replies_wait_for_a_slow_writer},
        {"replies_to_writes_wait_until_they_are_written",
         replies_to_writes_wait_until_they_are_written},
        {"nothing_to_reload", nothing_to_reload},
        {"a_rewrite_without_a_log", a_rewrite_without_a_log},
        {"switching_off_is_no_failure", switching_off_is_no_failure},
        {"a_beginning_is_waited_for", a_beginning_is_waited_for},
        {"a_log_begins_when_it_can", a_log_begins_when_it_can},
        {"a_rewrite_meets_what_workers_do", a_rewrite_meets_what_workers_do},
        {"growth_is_reason_for_a_rewrite", growth_is_reason_for_a_rewrite},
        {"each_second_has_its_mark", each_second_has_its_mark},
        {"one_connection_asks_for_more", one_connection_asks_for_more},
        {"who_waits_already_is_synced_too", who_waits_already_is_synced_too},
        {"what_comes_before_the_end_is_kept", what_comes_before_the_end_is_kept},
        {"pipelines_wait_and_go_on", pipelines_wait_and_go_on},
        {"a_full_disk_refuses_writes_until_there_is_room",
         a_full_disk_refuses_writes_until_there_is_room},
        {"a_full_disk_ends_a_server_that_promises", a_full_disk_ends_a_server_that_promises},
        {NULL, NULL},
    };
    return suite_main("aof", tests);
}
