/* kill_test.c - the server is killed at any moment, under a mixed load, and started again.
 *
 *     CRASH_ROUNDS=500 make crash
 *     CRASH_ROUNDS=500 SUITE_TEST=encrypted make crash      with encrypted files alone
 *
 * Some connections write, each in keys of its own, one operation at a time; every operation has a
 * number that is its payload. When the server is gone each connection knows the last number that
 * was acknowledged. After the start its keys must show that operation, or at most the next one,
 * which was under way, and no half of one:
 *
 *     single       SET s<c> n
 *     transaction  MULTI; SET a<c> n; RPUSH l<c> n; INCR n<c>; EXEC
 *     script       the same three by EVAL
 *     many keys    SUNIONSTORE d<c> big<c> tag<c>, computed beside the loop, where tag<c> holds n
 *
 * Meanwhile another connection lets the log be rewritten and the data be saved, again and again.
 * Nothing that was acknowledged may be missing: whatever appendfsync says when the server is
 * killed, with always when the power fails. Threads: one per connection.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "crash/key.h"
#include "support/client.h"
#include "support/suite.h"

#define WRITERS 4
#define ROUNDS_USUAL 5
#define ROUNDS_OTHERS 3
#define BIG_MEMBERS 30000
#define RUN_MS_MAX 600
#define WRITES_MAX 400 /* of a round that ends by the shim */
#define PATH_BYTES 512

static char key_file[] = "/tmp/kill-key-XXXXXX";
static const char *const plain[] = {
    "--appendonly", "yes", "--appendfsync", "always", "--enable-debug-command", "yes", NULL};
static const char *const by_second[] = {
    "--appendonly", "yes", "--appendfsync", "everysec", "--enable-debug-command", "yes", NULL};
static const char *const unsynced[] = {
    "--appendonly", "yes", "--appendfsync", "no", "--enable-debug-command", "yes", NULL};
static const char *const encrypted[] = {"--appendonly",
                                        "yes",
                                        "--appendfsync",
                                        "always",
                                        "--enable-debug-command",
                                        "yes",
                                        "--aof-key-file",
                                        key_file,
                                        "--rdb-key-file",
                                        key_file,
                                        NULL};
static const char *const *args = plain; /* of the server under test */

static const char script[] = "redis.call('set', KEYS[1], ARGV[1]) "
                             "redis.call('rpush', KEYS[2], ARGV[1]) "
                             "return redis.call('incr', KEYS[3])";

struct writer {
    pthread_t thread;
    struct server *server;
    int id;
    long long number;       /* of the operation under way */
    long long acknowledged; /* the last one that was */
};

static struct server *server;
static struct writer writers[WRITERS];

/* ---- the load ----------------------------------------------------------------------- */

static bool ok(redisReply *r) {
    bool good = r && r->type != REDIS_REPLY_ERROR;
    if (r && r->type == REDIS_REPLY_ERROR) printf("error: %s\n", r->str);
    if (r) freeReplyObject(r);
    return good;
}

static bool single(redisContext *c, const struct writer *w) {
    return ok(redisCommand(c, "SET s%d %lld", w->id, w->number));
}

static bool transaction(redisContext *c, const struct writer *w) {
    redisAppendCommand(c, "MULTI");
    redisAppendCommand(c, "SET a%d %lld", w->id, w->number);
    redisAppendCommand(c, "RPUSH l%d %lld", w->id, w->number);
    redisAppendCommand(c, "INCR n%d", w->id);
    redisAppendCommand(c, "EXEC");
    for (int i = 0; i < 5; i++) {
        redisReply *r = NULL;
        redisGetReply(c, (void **)&r);
        if (!ok(r)) return false;
    }
    return true;
}

static bool by_script(redisContext *c, const struct writer *w) {
    return ok(
        redisCommand(c, "EVAL %s 3 a%d l%d n%d %lld", script, w->id, w->id, w->id, w->number));
}

/* Three operations, each with a number of its own, as far as they come. */
static bool many_keys(redisContext *c, struct writer *w) {
    if (!ok(redisCommand(c, "DEL tag%d", w->id))) return false;
    if (!ok(redisCommand(c, "SADD tag%d n%lld", w->id, w->number))) return false;
    return ok(redisCommand(c, "SUNIONSTORE d%d big tag%d", w->id, w->id));
}

static bool operate(redisContext *c, struct writer *w) {
    switch (w->number % 8) {
    case 0: return many_keys(c, w);
    case 1:
    case 2: return transaction(c, w);
    case 3: return by_script(c, w);
    default: return single(c, w);
    }
}

static void *write_on(void *arg) {
    struct writer *w = arg;
    redisContext *c = redisConnect("127.0.0.1", server_port(w->server));
    while (c && !c->err) {
        w->number = w->acknowledged + 1;
        if (!operate(c, w)) break;
        w->acknowledged = w->number;
    }
    if (c) redisFree(c);
    return NULL;
}

static void *rewrite_on(void *arg) {
    struct server *s = arg;
    redisContext *c = redisConnect("127.0.0.1", server_port(s));
    for (int i = 0; c && !c->err; i++) {
        redisReply *r = redisCommand(c, i % 2 ? "BGSAVE" : "BGREWRITEAOF");
        if (!r) break;
        freeReplyObject(r);
        server_sleep_ms(20);
    }
    if (c) redisFree(c);
    return NULL;
}

/* ---- afterwards --------------------------------------------------------------------- */

static long long number_in(redisContext *c, const char *format, int id) {
    redisReply *r = cmd(c, format, id);
    long long v = r->type == REDIS_REPLY_INTEGER ? r->integer : r->str ? atoll(r->str) : 0;
    freeReplyObject(r);
    return v;
}

/* The highest number that is at most `at` and of one of the kinds (bits of number % 8). */
static long long last_of(long long at, unsigned kinds) {
    while (at > 0 && !(kinds >> (at % 8) & 1)) at--;
    return at;
}

enum { KIND_MANY = 1, KIND_MULTI = 1 << 1 | 1 << 2 | 1 << 3, KIND_SINGLE = 0xf0 };

/* Whether a key shows what was acknowledged, or the operation that was under way. */
static bool shows(long long have, const struct writer *w, unsigned kinds) {
    long long want = last_of(w->acknowledged, kinds), more = last_of(w->number, kinds);
    return have == want || have == more;
}

static void check(redisContext *c, struct writer *w) {
    long long s = number_in(c, "GET s%d", w->id), a = number_in(c, "GET a%d", w->id);
    long long last = number_in(c, "LINDEX l%d -1", w->id);
    long long count = number_in(c, "GET n%d", w->id), length = number_in(c, "LLEN l%d", w->id);
    bool good = shows(s, w, KIND_SINGLE) && shows(a, w, KIND_MULTI) && last == a && count == length;
    long long tag = last_of(w->acknowledged, KIND_MANY);
    if (tag) {
        /* The set has the tag of its last union: that, or the one under way. */
        redisReply *r = cmd(c, "SISMEMBER d%d n%lld", w->id, tag);
        bool there = r->integer;
        freeReplyObject(r);
        if (!there && w->number != w->acknowledged && w->number % 8 == 0) {
            r = cmd(c, "SISMEMBER d%d n%lld", w->id, w->number);
            there = r->integer;
            freeReplyObject(r);
        }
        good = good && there && number_in(c, "SCARD d%d", w->id) == BIG_MEMBERS + 1;
    }
    if (!good) {
        printf("writer %d: acknowledged %lld, under way %lld; found s %lld a %lld l %lld (%lld of "
               "%lld) tag %lld\n",
               w->id, w->acknowledged, w->number, s, a, last, length, count, tag);
    }
    CU_ASSERT_TRUE(good);
}

static void fill_big(redisContext *c) {
    for (int i = 0; i < BIG_MEMBERS; i++) redisAppendCommand(c, "SADD big member%d", i);
    for (int i = 0; i < BIG_MEMBERS; i++) {
        redisReply *r = NULL;
        redisGetReply(c, (void **)&r);
        freeReplyObject(r);
    }
}

static void start_load(pthread_t *rewriter) {
    for (int i = 0; i < WRITERS; i++)
        pthread_create(&writers[i].thread, NULL, write_on, &writers[i]);
    pthread_create(rewriter, NULL, rewrite_on, server);
}

/* The server is gone: what it left must be what it acknowledged. */
static void check_all(void) {
    server_restart(server, args);
    redisContext *c = client_open(server);
    for (int i = 0; i < WRITERS; i++) check(c, &writers[i]);
    redisFree(c);
    /* What was under way may have happened: the next numbers begin behind it. */
    for (int i = 0; i < WRITERS; i++) writers[i].acknowledged = writers[i].number;
}

static void end_load(pthread_t rewriter) {
    for (int i = 0; i < WRITERS; i++) pthread_join(writers[i].thread, NULL);
    pthread_join(rewriter, NULL);
    server_wait(server, 20000);
    check_all();
}

static void run_and_kill(unsigned *seed) {
    pthread_t rewriter;
    start_load(&rewriter);
    server_sleep_ms((int)(rand_r(seed) % RUN_MS_MAX) + 5);
    server_signal(server, SIGKILL);
    end_load(rewriter);
}

static void run_until_it_dies(void) {
    pthread_t rewriter;
    start_load(&rewriter);
    end_load(rewriter);
}

/* What was under way and did not happen is done now, so that the next round begins even. */
static void even_out(void) {
    redisContext *c = client_open(server);
    for (int i = 0; i < WRITERS; i++) {
        struct writer *w = &writers[i];
        for (int k = 0; k < 8; k++) {
            w->number = w->acknowledged + 1;
            CU_ASSERT_TRUE(operate(c, w));
            w->acknowledged = w->number;
        }
    }
    redisFree(c);
}

static int round_count(void) {
    const char *text = getenv("CRASH_ROUNDS");
    int rounds = text ? atoi(text) : args == plain ? ROUNDS_USUAL : ROUNDS_OTHERS;
    if (text) suite_deadline((unsigned)rounds * 10 + 100);
    return rounds;
}

static unsigned first_seed(void) {
    const char *text = getenv("CRASH_SEED");
    return text ? (unsigned)atoi(text) : (unsigned)time(NULL);
}

static void begin(void) {
    server = server_start(args);
    redisContext *c = client_open(server);
    fill_big(c);
    redisFree(c);
    for (int i = 0; i < WRITERS; i++) writers[i] = (struct writer){.server = server, .id = i};
}

static void killed_at_any_moment(void) {
    unsigned seed = first_seed(), failures = suite_failures();
    int rounds = round_count();
    begin();
    for (int i = 0; i < rounds && suite_failures() == failures; i++) {
        even_out();
        run_and_kill(&seed);
    }
    if (suite_failures() != failures) printf("seed %u\n", seed);
    CU_ASSERT_EQUAL(server_stop(server), 0);
}

/* The same with a power failure, which the library beside this program plays (shim.c): nothing that
 * was not synced is left, or a part of it, or a part that is not what was written. */
static void power_fails_at_any_write(void) {
    char library[PATH_BYTES], number[32];
    ssize_t n = readlink("/proc/self/exe", library, sizeof library - 16);
    CU_ASSERT_TRUE_FATAL(n > 0);
    library[n] = 0;
    strcpy(strrchr(library, '/'), "/shim.so");
    unsigned seed = first_seed();
    int rounds = round_count();
    begin();
    unsigned failures = suite_failures();
    for (int i = 0; i < rounds && suite_failures() == failures; i++) {
        even_out();
        server_signal(server, SIGTERM);
        server_wait(server, 10000);
        snprintf(number, sizeof number, "%d", rand_r(&seed) % WRITES_MAX + 1);
        setenv("SHIM_FAIL_AT", number, 1);
        snprintf(number, sizeof number, "%d", rand_r(&seed));
        setenv("SHIM_SEED", number, 1);
        setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
        setenv("LD_PRELOAD", library, 1);
        bool answers = server_restart_mortal(server, args);
        unsetenv("LD_PRELOAD");
        if (answers) {
            run_until_it_dies();
        } else { /* in the midst of its start */
            check_all();
        }
    }
    if (suite_failures() != failures) printf("seed %u\n", seed);
    CU_ASSERT_EQUAL(server_stop(server), 0);
}

static void with(const char *const *others, void (*test)(void)) {
    args = others;
    test();
    args = plain;
}

static void encrypted_killed_at_any_moment(void) { with(encrypted, killed_at_any_moment); }
static void encrypted_power_fails_at_any_write(void) { with(encrypted, power_fails_at_any_write); }
static void by_second_killed_at_any_moment(void) { with(by_second, killed_at_any_moment); }
static void unsynced_killed_at_any_moment(void) { with(unsynced, killed_at_any_moment); }

int main(void) {
    static const struct suite_test tests[] = {
        {"killed_at_any_moment", killed_at_any_moment},
        {"power_fails_at_any_write", power_fails_at_any_write},
        {"encrypted_killed_at_any_moment", encrypted_killed_at_any_moment},
        {"encrypted_power_fails_at_any_write", encrypted_power_fails_at_any_write},
        {"by_second_killed_at_any_moment", by_second_killed_at_any_moment},
        {"unsynced_killed_at_any_moment", unsynced_killed_at_any_moment},
        {NULL, NULL},
    };
    if (!key_make(key_file)) return 1;
    int status = suite_main("kill", tests);
    unlink(key_file);
    return status;
}
