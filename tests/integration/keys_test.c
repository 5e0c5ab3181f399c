/* keys_test.c - what happens to keys over time: expiry, eviction, iteration while the table
 * changes, and large keyspaces. Replies of single commands are the model test's business.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replies.h"
#include "support/client.h"
#include "support/suite.h"

static struct server *server;
static redisContext *c;
static unsigned state = 99;

static unsigned dice(unsigned n) {
    state = state * 1103515245u + 12345u;
    return (state >> 8) % n;
}

static void fresh(void) {
    expect_ok(c, "CONFIG SET maxmemory 0");
    expect_ok(c, "FLUSHALL");
    expect_ok(c, "SELECT 0");
}

/* Sends n commands made by `make` in pipelines; how many replies were errors. */
static int pipeline(int n, void (*make)(int i)) {
    int errors = 0;
    for (int from = 0; from < n; from += 500) {
        int to = from + 500 < n ? from + 500 : n;
        for (int i = from; i < to; i++) make(i);
        for (int i = from; i < to; i++) {
            redisReply *r = NULL;
            CU_ASSERT_EQUAL_FATAL(redisGetReply(c, (void **)&r), REDIS_OK);
            errors += r->type == REDIS_REPLY_ERROR;
            freeReplyObject(r);
        }
    }
    return errors;
}

/* Expiry */

static void expired_keys_read_as_absent(void) {
    fresh();
    expect_ok(c, "SET k v PX 60");
    expect_str(c, "v", "GET k");
    server_sleep_ms(80);
    expect_nil(c, "GET k");
    expect_int(c, -2, "PTTL k");
    expect_int(c, 0, "EXISTS k");
    expect_status(c, "none", "TYPE k");
    expect_int(c, 1, "INCR k");
    expect_int(c, -1, "TTL k");
    expect_ok(c, "SET s v PX 30");
    expect_ok(c, "SET t v PX 30");
    server_sleep_ms(50);
    expect_int(c, 0, "DEL s");
    expect_err(c, "ERR no such key", "RENAME t u");
    expect_int(c, 0, "COPY t u");
}

static void make_expiring(int i) {
    redisAppendCommand(c, "SET k%d v PX %d", i, 200 + (int)dice(1000));
}

/* Nobody touches the keys: they have to go by themselves, soon after their time. */
static void expired_keys_are_collected(void) {
    fresh();
    long long before = info_number(c, "stats", "expired_keys");
    long long start = server_now_ms();
    CU_ASSERT_EQUAL(pipeline(20000, make_expiring), 0);
    while (server_now_ms() < start + 1200) server_sleep_ms(20);
    long long filled = server_now_ms();
    long long left = 1;
    while (left && server_now_ms() < filled + 5000) {
        left = reply_int(cmd(c, "DBSIZE"));
        if (left) server_sleep_ms(10);
    }
    CU_ASSERT_EQUAL(left, 0);
    CU_ASSERT_EQUAL(info_number(c, "stats", "expired_keys") - before, 20000);
}

static void make_short_and_long(int i) {
    if (i % 2)
        redisAppendCommand(c, "SET short:%d v PX 100", i);
    else
        redisAppendCommand(c, "SET long:%d v EX 1000", i);
}

static void only_due_keys_go(void) {
    fresh();
    CU_ASSERT_EQUAL(pipeline(4000, make_short_and_long), 0);
    server_sleep_ms(1500);
    expect_int(c, 2000, "DBSIZE");
    expect_str(c, "v", "GET long:0");
    redisReply *r = cmd(c, "INFO keyspace");
    CU_ASSERT_PTR_NOT_NULL(strstr(r->str, "db0:keys=2000,expires=2000,avg_ttl="));
    freeReplyObject(r);
}

static void times_move_with_the_key(void) {
    fresh();
    expect_ok(c, "SET k v PX 150");
    expect_ok(c, "RENAME k moved");
    expect_int(c, 1, "COPY moved copy");
    expect_int(c, 1, "MOVE moved 3");
    expect_int(c, 1, "PERSIST copy");
    server_sleep_ms(200);
    expect_str(c, "v", "GET copy");
    expect_ok(c, "SELECT 3");
    expect_nil(c, "GET moved");
    expect_ok(c, "SELECT 0");
}

static void active_expiry_can_be_switched_off(void) {
    fresh();
    expect_ok(c, "DEBUG SET-ACTIVE-EXPIRE 0");
    expect_ok(c, "SET k v PX 10");
    server_sleep_ms(300);
    expect_int(c, 1, "DBSIZE");
    expect_nil(c, "GET k");
    expect_int(c, 0, "DBSIZE");
    expect_ok(c, "DEBUG SET-ACTIVE-EXPIRE 1");
}

/* Iteration */

static void make_staying(int i) { redisAppendCommand(c, "SET stay:%d v", i); }

/* Keys present all the time must be returned, whatever else comes and goes. */
static void scan_with(void (*disturb)(int round)) {
    enum { STAY = 3000 };
    static unsigned char seen[STAY];
    char cursor[32] = "0";
    fresh();
    memset(seen, 0, sizeof seen);
    CU_ASSERT_EQUAL(pipeline(STAY, make_staying), 0);
    for (int round = 0; round < 100000; round++) {
        redisReply *r = cmd(c, "SCAN %s COUNT 25", cursor);
        CU_ASSERT_EQUAL_FATAL(r->elements, 2);
        for (size_t i = 0; i < r->element[1]->elements; i++) {
            int n;
            if (sscanf(r->element[1]->element[i]->str, "stay:%d", &n) == 1) seen[n] = 1;
        }
        snprintf(cursor, sizeof cursor, "%s", r->element[0]->str);
        freeReplyObject(r);
        if (!strcmp(cursor, "0")) break;
        disturb(round);
    }
    CU_ASSERT_STRING_EQUAL(cursor, "0");
    int missed = 0;
    for (int i = 0; i < STAY; i++) missed += !seen[i];
    CU_ASSERT_EQUAL(missed, 0);
}

static int grown;

static void make_growth(int i) { redisAppendCommand(c, "SET g:%d v", grown + i); }

static void grow(int round) {
    if (round >= 60) return;
    pipeline(1000, make_growth);
    grown += 1000;
}

static void scan_while_growing(void) {
    grown = 0;
    scan_with(grow);
}

static void make_shrinkage(int i) { redisAppendCommand(c, "DEL g:%d", grown - i); }

static void shrink(int round) {
    if (round == 0) {
        grown = 0;
        for (int i = 0; i < 60; i++) {
            pipeline(1000, make_growth);
            grown += 1000;
        }
    }
    if (grown > 0) {
        pipeline(1000, make_shrinkage);
        grown -= 1000;
    }
}

static void scan_while_shrinking(void) { scan_with(shrink); }

static void make_churn(int i) {
    redisAppendCommand(c, i % 2 ? "SET churn:%d v PX 5" : "DEL churn:%d", (int)dice(5000));
}

static void churn(int round) {
    (void)round;
    pipeline(200, make_churn);
}

static void scan_while_keys_come_and_go(void) { scan_with(churn); }

/* Without changes every key comes exactly once; COUNT bounds the work of a call. */
static void scan_is_exact_at_rest(void) {
    char cursor[32] = "0";
    long long n = 0;
    fresh();
    expect_ok(c, "DEBUG POPULATE 20000");
    do {
        redisReply *r = cmd(c, "SCAN %s COUNT 100", cursor);
        n += (long long)r->element[1]->elements;
        CU_ASSERT(r->element[1]->elements <= 1000);
        snprintf(cursor, sizeof cursor, "%s", r->element[0]->str);
        freeReplyObject(r);
    } while (strcmp(cursor, "0"));
    CU_ASSERT(n >= 20000 && n < 20400);
}

static void randomkey_reaches_all(void) {
    unsigned char seen[50] = {0};
    fresh();
    expect_ok(c, "DEBUG POPULATE 50");
    for (int i = 0; i < 3000; i++) {
        redisReply *r = cmd(c, "RANDOMKEY");
        int n = -1;
        CU_ASSERT(sscanf(r->str, "key:%d", &n) == 1 && n >= 0 && n < 50);
        if (n >= 0 && n < 50) seen[n] = 1;
        freeReplyObject(r);
    }
    int missed = 0;
    for (int i = 0; i < 50; i++) missed += !seen[i];
    CU_ASSERT_EQUAL(missed, 0);
}

/* Eviction */

#define ROOM_BYTES (6 << 20)
#define VALUE_BYTES 1000
#define OOM "OOM command not allowed when used memory > 'maxmemory'."

static char value[VALUE_BYTES];

static void make_plain(int i) { redisAppendCommand(c, "SET p:%d %b", i, value, sizeof value); }

static void make_volatile(int i) {
    redisAppendCommand(c, "SET v:%d %b EX %d", i, value, sizeof value, 10000 + i);
}

/* Memory in use, once what is being evicted (some every 100 ms) and given back in the background
 * is gone: nothing waits to be freed, and the figure has stood still for 300 ms. */
static long long settled_memory(void) {
    long long used = info_number(c, "memory", "used_memory");
    for (int still = 0, tries = 0; still < 6 && tries < 200; tries++) {
        server_sleep_ms(50);
        long long now = info_number(c, "memory", "used_memory");
        bool waits = info_number(c, "memory", "lazyfree_pending_objects") != 0;
        still = waits || llabs(now - used) >= (64 << 10) ? 0 : still + 1;
        used = now;
    }
    return used;
}

/* Room for ROOM_BYTES more than what is there now. */
static long long limit_memory(const char *policy) {
    expect_ok(c, "CONFIG SET maxmemory-policy %s", policy);
    long long limit = settled_memory() + ROOM_BYTES;
    expect_ok(c, "CONFIG SET maxmemory %d", (int)limit);
    return limit;
}

/* What is on its way out to the worker is not held against the limit, but must go. */
static void check_used(long long limit) {
    long long used = settled_memory();
    if (used > limit + (512 << 10)) fprintf(stderr, "used %lld, limit %lld\n", used, limit);
    CU_ASSERT(used <= limit + (512 << 10));
}

static void noeviction_refuses(void) {
    fresh();
    long long limit = limit_memory("noeviction");
    int errors = pipeline(10000, make_plain);
    CU_ASSERT(errors > 1000 && errors < 9500);
    check_used(limit);
    CU_ASSERT_EQUAL(reply_int(cmd(c, "DBSIZE")), 10000 - errors);
    expect_ok(c, "CONFIG SET maxmemory 1000");
    expect_err(c, OOM, "SET more v");
    expect_err(c, OOM, "APPEND p:0 v");
    expect_err(c, OOM, "SETBIT p:0 1 1");
    expect_int(c, VALUE_BYTES, "STRLEN p:0");
    expect_int(c, 0, "EXISTS more");
    expect_int(c, 1, "EXPIRE p:0 1000");
    expect_int(c, 1, "DEL p:0");
    expect_ok(c, "CONFIG SET maxmemory 0");
    expect_ok(c, "SET more v");
}

/* A flush of little is over when it is answered, so that the limit holds behind it. */
static void a_small_flush_leaves_nothing(void) {
    expect_ok(c, "CONFIG SET save %s", ""); /* or a snapshot might keep what is flushed */
    fresh();
    settled_memory();
    for (int i = 0; i < 50; i++) {
        expect_ok(c, "MSET a 1 b 2 c 3");
        expect_int(c, 2, "RPUSH l 1 2");
        expect_int(c, 1, "EXPIRE a 100");
        expect_ok(c, i % 2 ? "FLUSHALL" : "FLUSHDB ASYNC");
        expect_int(c, 0, "DBSIZE");
        expect_ok(c, "CONFIG SET maxmemory 1");
        expect_err(c, OOM, "SET more v");
        expect_ok(c, "CONFIG SET maxmemory 0");
    }
    expect_text(c, "[]", "KEYS *");
}

static void allkeys(const char *policy) {
    fresh();
    long long before = info_number(c, "stats", "evicted_keys");
    long long limit = limit_memory(policy);
    CU_ASSERT_EQUAL(pipeline(15000, make_plain), 0);
    check_used(limit);
    long long left = reply_int(cmd(c, "DBSIZE"));
    CU_ASSERT(left > 2000 && left < 8000);
    CU_ASSERT_EQUAL(info_number(c, "stats", "evicted_keys") - before, 15000 - left);
}

static void allkeys_policies_make_room(void) {
    allkeys("allkeys-random");
    allkeys("allkeys-lru");
    allkeys("allkeys-lfu");
}

static void volatile_only(const char *policy) {
    fresh();
    long long limit = limit_memory(policy);
    CU_ASSERT_EQUAL(pipeline(2000, make_plain), 0);
    CU_ASSERT_EQUAL(pipeline(10000, make_volatile), 0);
    check_used(limit);
    redisReply *r = cmd(c, "INFO keyspace");
    long long keys = 0;
    long long expires = 0;
    CU_ASSERT_EQUAL(sscanf(strstr(r->str, "db0:"), "db0:keys=%lld,expires=%lld", &keys, &expires),
                    2);
    freeReplyObject(r);
    CU_ASSERT_EQUAL(keys - expires, 2000);
    CU_ASSERT(expires > 500 && expires < 6000);
}

static void volatile_policies_spare_the_rest(void) {
    volatile_only("volatile-random");
    volatile_only("volatile-lru");
    volatile_only("volatile-lfu");
    volatile_only("volatile-ttl");
}

static void volatile_policies_refuse_without_victims(void) {
    fresh();
    long long limit = limit_memory("volatile-lru");
    CU_ASSERT(pipeline(10000, make_plain) > 1000);
    check_used(limit);
    expect_ok(c, "CONFIG SET maxmemory 1000");
    expect_err(c, OOM, "SET more v");
}

/* How many of the keys prefix:0 .. n-1 are left. */
static int alive(const char *prefix, int n) {
    int left = 0;
    for (int i = 0; i < n; i++) redisAppendCommand(c, "EXISTS %s:%d", prefix, i);
    for (int i = 0; i < n; i++) {
        redisReply *r = NULL;
        CU_ASSERT_EQUAL_FATAL(redisGetReply(c, (void **)&r), REDIS_OK);
        left += r->integer == 1;
        freeReplyObject(r);
    }
    return left;
}

static void make_hot(int i) { redisAppendCommand(c, "SET hot:%d %b", i, value, sizeof value); }

static void touch_hot(int i) { redisAppendCommand(c, "GET hot:%d", i % 500); }

static int cold_from;

static void make_cold(int i) {
    redisAppendCommand(c, "SET cold:%d %b", cold_from + i, value, sizeof value);
}

/* 500 keys are read again and again while 12,000 others pass by. */
static void used_keys_stay(const char *policy) {
    fresh();
    limit_memory(policy);
    expect_ok(c, "CONFIG SET maxmemory-samples 10");
    pipeline(500, make_hot);
    for (int round = 0; round < 24; round++) {
        for (int again = 0; again < 4; again++) pipeline(500, touch_hot);
        cold_from = round * 500;
        pipeline(500, make_cold);
        server_sleep_ms(strstr(policy, "lru") ? 120 : 5);
    }
    int left = alive("hot", 500);
    if (left < 400) fprintf(stderr, "%s: only %d of 500 used keys are left\n", policy, left);
    CU_ASSERT(left >= 400);
    expect_ok(c, "CONFIG SET maxmemory-samples 5");
}

static void lru_keeps_used_keys(void) { used_keys_stay("allkeys-lru"); }

static void lfu_keeps_used_keys(void) { used_keys_stay("allkeys-lfu"); }

static void ttl_policy_takes_the_nearest(void) {
    fresh();
    limit_memory("volatile-ttl");
    expect_ok(c, "CONFIG SET maxmemory-samples 10");
    pipeline(9000, make_volatile);
    int early = 0;
    int late = 0;
    for (int i = 0; i < 9000; i += 5) {
        int there = reply_int(cmd(c, "EXISTS v:%d", i)) == 1;
        if (i < 2000) early += there;
        if (i >= 7000) late += there;
    }
    CU_ASSERT(early < 100);
    CU_ASSERT(late > 300);
    expect_ok(c, "CONFIG SET maxmemory-samples 5");
}

static void lowering_the_limit_evicts(void) {
    fresh();
    expect_ok(c, "CONFIG SET maxmemory-policy allkeys-random");
    CU_ASSERT_EQUAL(pipeline(20000, make_plain), 0);
    long long used = info_number(c, "memory", "used_memory");
    long long evicted = info_number(c, "stats", "evicted_keys");
    expect_ok(c, "DEBUG PAUSE-CRON 1"); /* it begins at once */
    expect_ok(c, "CONFIG SET maxmemory %d", (int)(used - (10 << 20)));
    CU_ASSERT(info_number(c, "stats", "evicted_keys") > evicted);
    expect_ok(c, "DEBUG PAUSE-CRON 0");
    long long end = server_now_ms() + 20000; /* a worker frees it, beside what else there is */
    while (info_number(c, "memory", "used_memory") > used - (10 << 20) && server_now_ms() < end)
        server_sleep_ms(20);
    check_used(used - (10 << 20));
    fresh();
}

static void object_tells_use(void) {
    fresh();
    expect_ok(c, "CONFIG SET maxmemory-policy allkeys-lfu");
    expect_ok(c, "SET k v");
    for (int i = 0; i < 200; i++) freeReplyObject(cmd(c, "GET k"));
    CU_ASSERT(reply_int(cmd(c, "OBJECT FREQ k")) > 5);
    expect_err_prefix(c, "ERR An LFU maxmemory policy is selected, idle time not tracked.",
                      "OBJECT IDLETIME k");
    expect_nil(c, "OBJECT FREQ none");
    expect_ok(c, "CONFIG SET maxmemory-policy noeviction");
    expect_ok(c, "SET k v");
    server_sleep_ms(2200);
    long long idle = reply_int(cmd(c, "OBJECT IDLETIME k"));
    CU_ASSERT(idle >= 1 && idle <= 4);
    expect_int(c, 1, "TOUCH k");
    CU_ASSERT(reply_int(cmd(c, "OBJECT IDLETIME k")) <= 1);
}

/* A scan lets keys go that are past their time, those that its filters let through. */
static void scan_lets_keys_go(void) {
    fresh();
    expect_ok(c, "DEBUG SET-ACTIVE-EXPIRE 0");
    expect_ok(c, "DEBUG POPULATE 500");
    expect_ok(c, "PSETEX gone 1 v");
    expect_int(c, 1, "HSET hash f v");
    expect_int(c, 1, "PEXPIRE hash 1");
    expect_ok(c, "PSETEX other 1 v");
    server_sleep_ms(5);
    expect_int(c, 503, "DBSIZE");
    expect_text(c, "[\"0\", []]", "SCAN 0 COUNT 10000 MATCH g*");
    expect_int(c, 502, "DBSIZE");
    expect_text(c, "[\"0\", []]", "SCAN 0 COUNT 10000 TYPE hash");
    expect_int(c, 501, "DBSIZE");
    freeReplyObject(cmd(c, "SCAN 0 COUNT 10000"));
    expect_int(c, 500, "DBSIZE");
    expect_ok(c, "FLUSHALL");
    expect_ok(c, "PSETEX only 1 v");
    server_sleep_ms(5);
    expect_nil(c, "RANDOMKEY");
    expect_ok(c, "CLIENT PAUSE 100000 WRITE");
    expect_str(c, "only", "RANDOMKEY");
    expect_ok(c, "CLIENT UNPAUSE");
    expect_ok(c, "DEBUG SET-ACTIVE-EXPIRE 1");
}

/* Large keyspaces */

static void flushing_is_quick_and_gives_back(void) {
    fresh();
    long long before = info_number(c, "memory", "used_memory");
    expect_ok(c, "DEBUG POPULATE 300000 key 100");
    expect_int(c, 300000, "DBSIZE");
    CU_ASSERT(info_number(c, "memory", "used_memory") > before + (30 << 20));
    long long start = server_now_ms();
    expect_ok(c, "FLUSHALL ASYNC");
    expect_status(c, "PONG", "PING");
    CU_ASSERT(server_now_ms() - start < 200);
    expect_int(c, 0, "DBSIZE");
    long long end = server_now_ms() + 5000;
    while (info_number(c, "memory", "used_memory") > before + (4 << 20) && server_now_ms() < end)
        server_sleep_ms(20);
    CU_ASSERT(info_number(c, "memory", "used_memory") <= before + (4 << 20));
}

static void databases_swap(void) {
    fresh();
    redisContext *other = client_open(server);
    expect_ok(c, "SET k zero");
    expect_ok(other, "SELECT 1");
    expect_ok(other, "SET k one");
    expect_ok(c, "SWAPDB 0 1");
    expect_str(c, "one", "GET k");
    expect_str(other, "zero", "GET k");
    expect_ok(other, "FLUSHDB");
    expect_str(c, "one", "GET k");
    redisFree(other);
}

/* DEBUG SET-SKIP-CHECKSUM-VALIDATION: the bytes themselves are checked all the same. */
static void checksums_can_be_passed_over(void) {
    static const char text[] = "\0\1v\12\0xxxxxxxx", torn[] = "\0\2v\12\0xxxxxxxx";
    static const char refused[] = "ERR DUMP payload version or checksum are wrong";
    fresh();
    expect_err(c, refused, "RESTORE k 0 %b", text, sizeof text - 1);
    expect_ok(c, "DEBUG SET-SKIP-CHECKSUM-VALIDATION 1");
    expect_ok(c, "RESTORE k 0 %b", text, sizeof text - 1);
    expect_str(c, "v", "GET k");
    expect_err(c, "ERR Bad data format", "RESTORE j 0 %b", torn, sizeof torn - 1);
    expect_ok(c, "DEBUG SET-SKIP-CHECKSUM-VALIDATION 0");
    expect_err(c, refused, "RESTORE j 0 %b", text, sizeof text - 1);
}

/* INFO's own text does not count: what it tells stays at the limit while keys come and go. */
static void memory_is_told_without_the_telling(void) {
    char name[64];
    fresh();
    long long limit = settled_memory() + 100 * 1024;
    expect_ok(c, "CONFIG SET maxmemory-policy allkeys-random maxmemory %d", (int)limit);
    for (int i = 0; i < 4000; i++) {
        snprintf(name, sizeof name, "%0*d", 10 + i % 40, i);
        expect_ok(c, "SETEX %s 10000 x", name);
    }
    redisReply *r = cmd(c, "INFO");
    const char *used = strstr(r->str, "\r\nused_memory:");
    CU_ASSERT(used && atoll(used + strlen("\r\nused_memory:")) < limit + 4096);
    freeReplyObject(r);
    expect_ok(c, "CONFIG SET maxmemory 0");
}

/* Only DEBUG OBJECT sees what is over and still there. */
static void what_is_over_can_be_looked_at(void) {
    expect_ok(c, "DEBUG SET-ACTIVE-EXPIRE 0");
    expect_ok(c, "SET k v PX 1");
    server_sleep_ms(5);
    CU_ASSERT(reply_has(cmd(c, "DEBUG OBJECT k"), "Value at:"));
    expect_int(c, 0, "EXISTS k");
    expect_err(c, "ERR no such key", "DEBUG OBJECT k");
    expect_ok(c, "DEBUG SET-ACTIVE-EXPIRE 1");
}

/* DEBUG PAUSE-CRON: what is looked at now and then is not. */
static void periodic_tasks_can_be_paused(void) {
    redisContext *idle = client_open(server);
    expect_ok(c, "DEBUG PAUSE-CRON 1");
    expect_ok(c, "CONFIG SET timeout 1");
    server_sleep_ms(2300);
    expect_status(idle, "PONG", "PING");
    expect_ok(c, "CONFIG SET timeout 0");
    expect_ok(c, "DEBUG PAUSE-CRON 0");
    redisFree(idle);
}

int main(void) {
    static const char *const args[] = {"--enable-debug-command", "yes", "--save", "", NULL};
    static const struct suite_test tests[] = {
        {"expired_keys_read_as_absent", expired_keys_read_as_absent},
        {"expired_keys_are_collected", expired_keys_are_collected},
        {"only_due_keys_go", only_due_keys_go},
        {"times_move_with_the_key", times_move_with_the_key},
        {"active_expiry_can_be_switched_off", active_expiry_can_be_switched_off},
        {"scan_while_growing", scan_while_growing},
        {"scan_while_shrinking", scan_while_shrinking},
        {"scan_while_keys_come_and_go", scan_while_keys_come_and_go},
        {"scan_is_exact_at_rest", scan_is_exact_at_rest},
        {"randomkey_reaches_all", randomkey_reaches_all},
        {"noeviction_refuses", noeviction_refuses},
        {"a_small_flush_leaves_nothing", a_small_flush_leaves_nothing},
        {"allkeys_policies_make_room", allkeys_policies_make_room},
        {"volatile_policies_spare_the_rest", volatile_policies_spare_the_rest},
        {"volatile_policies_refuse_without_victims", volatile_policies_refuse_without_victims},
        {"lru_keeps_used_keys", lru_keeps_used_keys},
        {"lfu_keeps_used_keys", lfu_keeps_used_keys},
        {"ttl_policy_takes_the_nearest", ttl_policy_takes_the_nearest},
        {"lowering_the_limit_evicts", lowering_the_limit_evicts},
        {"object_tells_use", object_tells_use},
        {"scan_lets_keys_go", scan_lets_keys_go},
        {"flushing_is_quick_and_gives_back", flushing_is_quick_and_gives_back},
        {"databases_swap", databases_swap},
        {"checksums_can_be_passed_over", checksums_can_be_passed_over},
        {"memory_is_told_without_the_telling", memory_is_told_without_the_telling},
        {"what_is_over_can_be_looked_at", what_is_over_can_be_looked_at},
        {"periodic_tasks_can_be_paused", periodic_tasks_can_be_paused},
        {NULL, NULL},
    };
    memset(value, 'x', sizeof value);
    server = server_start(args);
    c = client_open(server);
    int status = suite_main("keys", tests);
    redisFree(c);
    return server_stop(server) ? 1 : status;
}
