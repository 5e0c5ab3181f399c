/* serial_test.c - what several clients do at once is as if they had come one after the other.
 *
 * Accounts are moved by scripts, short and long ones, and by transactions; members change places
 * between sets. Whoever looks at all of them in one command finds every unit exactly once. Long
 * scripts stop in their midst, with a unit on its way.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "replies.h"
#include "support/client.h"
#include "support/suite.h"

#define ACCOUNTS 16
#define START 100
#define SUM ((long long)ACCOUNTS * START)
#define MEMBERS 2000
#define SECONDS 3

static struct server *server;
static redisContext *main_client;
static atomic_bool over;

#define SPIN "local t=os.clock() while os.clock()-t<0.002 do redis.call('exists',KEYS[1]) end "

static const char move_short[] = "local n=tonumber(ARGV[1]) redis.call('decrby',KEYS[1],n) "
                                 "return redis.call('incrby',KEYS[2],n)";
static const char move_long[] = "local n=tonumber(ARGV[1]) redis.call('decrby',KEYS[1],n) " SPIN
                                "return redis.call('incrby',KEYS[2],n)";
/* Goes to an account that it has not declared. */
static const char move_beyond[] = "local n=tonumber(ARGV[1]) redis.call('decrby',KEYS[1],n) " SPIN
                                  "return redis.call('incrby',ARGV[2],n)";

/* A thread's own numbers. */
static unsigned below(unsigned *seed, unsigned n) { return (unsigned)rand_r(seed) % n; }

struct mover {
    pthread_t thread;
    unsigned seed;
    int moved;
    const char *failure; /* CUnit's assertions are the main thread's */
};

static void check(struct mover *m, redisContext *c, redisReply *r, int type, const char *what) {
    if (!r || r->type != type) {
        m->failure = what;
        fprintf(stderr, "%s: %s\n", what, r && r->str ? r->str : r ? "another type" : c->errstr);
        atomic_store(&over, true);
    }
    if (r) freeReplyObject(r);
}

static void move_by_script(struct mover *m, redisContext *c) {
    static const char *const scripts[] = {move_short, move_short, move_long};
    unsigned from = below(&m->seed, ACCOUNTS), to = below(&m->seed, ACCOUNTS);
    check(m, c,
          redisCommand(c, "EVAL %s 2 a%u a%u %u", scripts[below(&m->seed, 3)], from, to,
                       below(&m->seed, 10)),
          REDIS_REPLY_INTEGER, "a script");
}

static void move_beyond_keys(struct mover *m, redisContext *c) {
    check(m, c,
          redisCommand(c, "EVAL %s 1 a%u %u a%u", move_beyond, below(&m->seed, ACCOUNTS),
                       below(&m->seed, 10), below(&m->seed, ACCOUNTS)),
          REDIS_REPLY_INTEGER, "a script that goes beyond its keys");
}

static void move_by_exec(struct mover *m, redisContext *c) {
    unsigned n = below(&m->seed, 10), commands = below(&m->seed, 8) ? 1 : 200;
    redisAppendCommand(c, "MULTI");
    for (unsigned i = 0; i < commands; i++) {
        redisAppendCommand(c, "DECRBY a%u %u", below(&m->seed, ACCOUNTS), n);
        redisAppendCommand(c, "INCRBY a%u %u", below(&m->seed, ACCOUNTS), n);
    }
    redisAppendCommand(c, "EXEC");
    for (unsigned i = 0; i < 2 + 2 * commands; i++) {
        redisReply *r = NULL;
        redisGetReply(c, (void **)&r);
        bool last = i == 1 + 2 * commands;
        check(m, c, r, last ? REDIS_REPLY_ARRAY : REDIS_REPLY_STATUS, "a transaction");
    }
}

static void *move_accounts(void *arg) {
    struct mover *m = arg;
    redisContext *c = client_open(server);
    while (!atomic_load(&over)) {
        unsigned how = below(&m->seed, 16);
        if (how == 0) {
            move_beyond_keys(m, c);
        } else if (how < 8) {
            move_by_script(m, c);
        } else {
            move_by_exec(m, c);
        }
        m->moved++;
    }
    redisFree(c);
    return NULL;
}

/* ---- snapshots ---- */

static const char all_accounts[] = "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 a10 a11 a12 a13 a14 a15";

static long long sum_of(const redisReply *r) {
    long long sum = 0;
    for (size_t i = 0; i < r->elements; i++) {
        CU_ASSERT_EQUAL_FATAL(r->element[i]->type, REDIS_REPLY_STRING);
        sum += atoll(r->element[i]->str);
    }
    return r->elements == ACCOUNTS ? sum : -1;
}

static void snapshot_by_mget(redisContext *c) {
    char line[sizeof all_accounts + 8];
    snprintf(line, sizeof line, "MGET %s", all_accounts);
    redisReply *r = cmd(c, line);
    CU_ASSERT_EQUAL(sum_of(r), SUM);
    freeReplyObject(r);
}

static void snapshot_by_exec(redisContext *c) {
    expect_ok(c, "MULTI");
    for (int i = 0; i < ACCOUNTS; i++) expect_status(c, "QUEUED", "GET a%d", i);
    redisReply *r = cmd(c, "EXEC");
    CU_ASSERT_EQUAL(sum_of(r), SUM);
    freeReplyObject(r);
}

static void snapshot_by_script(redisContext *c) {
    static const char script[] = "local n=0 for _,k in ipairs(KEYS) do n=n+redis.call('get',k) end "
                                 "return n";
    const char *argv[3 + ACCOUNTS] = {"EVAL_RO", script, "16"};
    char names[ACCOUNTS][8];
    for (int i = 0; i < ACCOUNTS; i++) {
        snprintf(names[i], sizeof names[i], "a%d", i);
        argv[3 + i] = names[i];
    }
    redisReply *r = redisCommandArgv(c, 3 + ACCOUNTS, argv, NULL);
    CU_ASSERT_EQUAL(r->type, REDIS_REPLY_INTEGER);
    CU_ASSERT_EQUAL(r->integer, SUM);
    freeReplyObject(r);
}

#define MOVERS 4

static void run_for_a_while(void *(*moves)(void *arg), void (*look)(redisContext *c, int i)) {
    struct mover movers[MOVERS] = {0};
    time_t until = time(NULL) + SECONDS;
    atomic_store(&over, false);
    for (int i = 0; i < MOVERS; i++) {
        movers[i].seed = (unsigned)(i + 1);
        pthread_create(&movers[i].thread, NULL, moves, &movers[i]);
    }
    int looks = 0;
    while (time(NULL) < until && !atomic_load(&over)) look(main_client, looks++);
    atomic_store(&over, true);
    int moved = 0;
    for (int i = 0; i < MOVERS; i++) {
        pthread_join(movers[i].thread, NULL);
        CU_ASSERT_PTR_NULL(movers[i].failure);
        moved += movers[i].moved;
    }
    CU_ASSERT_TRUE(looks > 10 && moved > 10);
}

static void look_at_accounts(redisContext *c, int i) {
    if (i % 3 == 0) {
        snapshot_by_mget(c);
    } else if (i % 3 == 1) {
        snapshot_by_exec(c);
    } else {
        snapshot_by_script(c);
    }
}

static void the_bank_keeps_its_sum(void) {
    expect_ok(main_client, "FLUSHALL");
    for (int i = 0; i < ACCOUNTS; i++) expect_ok(main_client, "SET a%d %d", i, START);
    run_for_a_while(move_accounts, look_at_accounts);
    snapshot_by_mget(main_client);
}

/* ---- members ---- */

static const char exchange_long[] =
    "for i=1,3 do local m=redis.call('srandmember',KEYS[1]) "
    "if m then redis.call('srem',KEYS[1],m) " SPIN "redis.call('sadd',KEYS[2],m) end end return 1";

static void *exchange_members(void *arg) {
    struct mover *m = arg;
    redisContext *c = client_open(server);
    while (!atomic_load(&over)) {
        unsigned from = below(&m->seed, 3), to = (from + 1) % 3, member = below(&m->seed, MEMBERS);
        switch (below(&m->seed, 4)) {
        case 0:
            check(m, c, redisCommand(c, "EVAL %s 2 s%u s%u", exchange_long, from, to),
                  REDIS_REPLY_INTEGER, "a script");
            break;
        case 1:
            redisAppendCommand(c, "MULTI");
            redisAppendCommand(c, "SMOVE s%u s%u m%u", from, to, member);
            redisAppendCommand(c, "SUNIONSTORE copy%u s0 s1 s2", m->seed % 4);
            redisAppendCommand(c, "SCARD copy%u", m->seed % 4);
            redisAppendCommand(c, "EXEC");
            for (int i = 0; i < 5; i++) {
                redisReply *r = NULL;
                redisGetReply(c, (void **)&r);
                if (i == 4 && r && r->elements == 3 && r->element[2]->integer != MEMBERS) {
                    m->failure = "a transaction saw a member twice or never";
                    atomic_store(&over, true);
                }
                check(m, c, r, i < 4 ? REDIS_REPLY_STATUS : REDIS_REPLY_ARRAY, "a transaction");
            }
            break;
        default:
            check(m, c, redisCommand(c, "SMOVE s%u s%u m%u", from, to, member), REDIS_REPLY_INTEGER,
                  "SMOVE");
        }
        m->moved++;
    }
    redisFree(c);
    return NULL;
}

static void look_at_sets(redisContext *c, int i) {
    if (i % 3 == 0) {
        expect_int(c, MEMBERS, "SUNIONSTORE all s0 s1 s2");
    } else if (i % 3 == 1) {
        redisReply *r = cmd(c, "SUNION s0 s1 s2");
        CU_ASSERT_EQUAL(r->elements, MEMBERS);
        freeReplyObject(r);
    } else {
        redisReply *r = cmd(c, "EVAL_RO %s 3 s0 s1 s2",
                            "return redis.call('scard',KEYS[1])+redis.call('scard',KEYS[2])"
                            "+redis.call('scard',KEYS[3])");
        CU_ASSERT_EQUAL(r->integer, MEMBERS);
        freeReplyObject(r);
    }
}

static void members_are_seen_once(void) {
    expect_ok(main_client, "FLUSHALL");
    for (int i = 0; i < MEMBERS; i++) redisAppendCommand(main_client, "SADD s%d m%d", i % 3, i);
    for (int i = 0; i < MEMBERS; i++) {
        redisReply *r = NULL;
        redisGetReply(main_client, (void **)&r);
        freeReplyObject(r);
    }
    run_for_a_while(exchange_members, look_at_sets);
    look_at_sets(main_client, 0);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"the_bank_keeps_its_sum", the_bank_keeps_its_sum},
        {"members_are_seen_once", members_are_seen_once},
        {NULL, NULL},
    };
    server = server_start(NULL);
    main_client = client_open(server);
    int status = suite_main("serial", tests);
    redisFree(main_client);
    return server_stop(server) ? 1 : status;
}
