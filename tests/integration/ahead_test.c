/* ahead_test.c - what a batch of commands fetches ahead is a hint: the same commands, sent at once
 * in one database and one after the other in another one, have the same replies, whatever happens
 * in between to the large values that they are about.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replies.h"
#include "support/client.h"
#include "support/suite.h"

#define MEMBERS 20000 /* more than what is thought to be in the cache */
#define ROUNDS 48
#define COMMANDS 64
#define RUN_MAX 12
#define COMMAND_BYTES 80

static struct server *server;
static redisContext *at_once, *singly;

static const struct kind {
    const char *key, *add;       /* to what is kept */
    const char *const *commands; /* of a member */
} kinds[] = {
    {"set", "SADD kept:set m%d",
     (const char *const[]){"SADD set m%d", "SREM set m%d", "SISMEMBER set m%d", NULL}},
    {"numbers", "SADD kept:numbers %d",
     (const char *const[]){"SADD numbers %d", "SREM numbers %d", "SISMEMBER numbers %d", NULL}},
    {"hash", "HSET kept:hash m%d 1",
     (const char *const[]){"HSET hash m%d 2", "HDEL hash m%d", "HGET hash m%d",
                           "HINCRBY hash m%d 3", "HEXISTS hash m%d", NULL}},
    {"zset", "ZADD kept:zset 1 m%d",
     (const char *const[]){"ZADD zset 7 m%d", "ZADD zset XX CH 8 m%d", "ZREM zset m%d",
                           "ZSCORE zset m%d", "ZINCRBY zset 2 m%d", "ZRANK zset m%d", NULL}},
};
#define KINDS (sizeof kinds / sizeof *kinds)

/* What takes the value away, or puts another one in its place. */
static const char *const changes[] = {
    "DEL %s",        "UNLINK %s",       "SET %s text",    "RENAME %s other",    "COPY %s copy",
    "PEXPIRE %s -1", "RENAME other %s", "RENAME copy %s", "OBJECT ENCODING %s",
};
#define CHANGES (sizeof changes / sizeof *changes)

static void fill(redisContext *c) {
    for (size_t k = 0; k < KINDS; k++) {
        for (int i = 0; i < MEMBERS; i++) redisAppendCommand(c, kinds[k].add, i);
        for (int i = 0; i < MEMBERS; i++) CU_ASSERT_EQUAL(reply_int(wait_for(c)), 1);
    }
}

static void restore(redisContext *c) {
    for (size_t k = 0; k < KINDS; k++)
        expect_int(c, 1, "COPY kept:%s %s REPLACE", kinds[k].key, kinds[k].key);
}

/* Runs of one command each, and changes between them and within. */
static void write_commands(char commands[COMMANDS][COMMAND_BYTES]) {
    for (int i = 0; i < COMMANDS;) {
        const struct kind *kind = &kinds[(size_t)rand() % KINDS];
        int n = 0;
        while (kind->commands[n]) n++;
        const char *format = kind->commands[rand() % n];
        for (int run = 1 + rand() % RUN_MAX; run && i < COMMANDS; run--, i++) {
            bool change = rand() % 40 == 0;
            if (change) {
                snprintf(commands[i], COMMAND_BYTES, changes[(size_t)rand() % CHANGES], kind->key);
            } else {
                snprintf(commands[i], COMMAND_BYTES, format, rand() % (MEMBERS + MEMBERS / 4));
            }
        }
    }
}

static void replies_are_the_same(void) {
    static char commands[COMMANDS][COMMAND_BYTES];
    expect_ok(singly, "SELECT 1");
    fill(at_once);
    fill(singly);
    for (int round = 0; round < ROUNDS; round++) {
        if (round % 6 == 0) {
            restore(at_once);
            restore(singly);
        }
        write_commands(commands);
        for (int i = 0; i < COMMANDS; i++) redisAppendCommand(at_once, commands[i]);
        for (int i = 0; i < COMMANDS; i++) {
            char *a = reply_text(wait_for(at_once)), *b = reply_text(cmd(singly, commands[i]));
            CU_ASSERT_STRING_EQUAL(a, b);
            if (strcmp(a, b)) fprintf(stderr, "round %d, %s: %s, %s\n", round, commands[i], a, b);
            free(a);
            free(b);
        }
    }
}

int main(void) {
    static const struct suite_test tests[] = {
        {"replies_are_the_same", replies_are_the_same},
        {NULL, NULL},
    };
    srand(20261130);
    server = server_start(NULL);
    at_once = client_open(server);
    singly = client_open(server);
    int status = suite_main("ahead", tests);
    redisFree(at_once);
    redisFree(singly);
    return server_stop(server) ? 1 : status;
}
