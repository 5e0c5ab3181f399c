/* lanes_test.c - commands computed beside the loop, and those that meet them on a key.
 *
 * The values are large enough that the commands go to a worker also without STRESS.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replies.h"
#include "support/client.h"
#include "support/suite.h"

#define MEMBERS 40000
#define STEP 100
#define ROUNDS 8

static struct server *server;
static redisContext *a, *b;

static void expect_integer(redisContext *c, long long want) {
    redisReply *r = wait_for(c);
    CU_ASSERT_EQUAL(r->type, REDIS_REPLY_INTEGER);
    CU_ASSERT_EQUAL(r->integer, want);
    freeReplyObject(r);
}

/* MEMBERS members m<from> ... by commands of STEP members each. */
static void fill(const char *key, int from) {
    for (int i = 0; i < MEMBERS; i += STEP) {
        char words[STEP * 16] = "";
        size_t n = 0;
        for (int k = 0; k < STEP; k++)
            n += (size_t)snprintf(words + n, sizeof words - n, " m%d", from + i + k);
        char line[sizeof words + 64];
        snprintf(line, sizeof line, "SADD %s%s", key, words);
        redisAppendCommand(a, line);
    }
    for (int i = 0; i < MEMBERS; i += STEP) expect_integer(a, STEP);
}

static void begin(void) {
    expect_ok(a, "FLUSHALL");
    fill("s1", 0);
    fill("s2", MEMBERS / 2);
}

/* A writer of a source comes behind the union that is under way, one of the result too. */
static void writers_wait_readers_do_not(void) {
    begin();
    for (int i = 0; i < ROUNDS; i++) {
        redisAppendCommand(a, "SUNIONSTORE d s1 s2");
        redisAppendCommand(b, "SADD s1 extra%d", i);
        redisAppendCommand(b, "SCARD s1");
        redisAppendCommand(b, "GET other");
        expect_integer(b, 1);
        expect_integer(b, MEMBERS + i + 1);
        freeReplyObject(wait_for(b));
        redisReply *r = wait_for(a);
        long long most = MEMBERS + MEMBERS / 2 + i + 1;
        CU_ASSERT_TRUE(r->type == REDIS_REPLY_INTEGER &&
                       (r->integer == most || r->integer == most - 1));
        expect_int(a, r->integer, "SCARD d");
        freeReplyObject(r);
    }
}

/* Members that change places between two sets are always in one of them. */
static void unions_see_each_member_once(void) {
    begin();
    for (int i = 0; i < ROUNDS; i++) {
        redisAppendCommand(a, "SUNIONSTORE d s1 s2");
        for (int k = 0; k < 6; k++) {
            redisAppendCommand(b, "SMOVE s1 s3 m%d", k);
            redisAppendCommand(b, "SUNIONSTORE all s1 s2 s3");
            redisAppendCommand(b, "SMOVE s3 s1 m%d", k);
        }
        for (int k = 0; k < 6; k++) {
            expect_integer(b, 1);
            expect_integer(b, MEMBERS + MEMBERS / 2);
            expect_integer(b, 1);
        }
        redisReply *r = wait_for(a);
        CU_ASSERT_TRUE(r->integer >= MEMBERS + MEMBERS / 2 - 1);
        freeReplyObject(r);
    }
}

/* What a client sent behind a slow command runs behind it. */
static void pipelines_keep_their_order(void) {
    begin();
    for (int i = 0; i < ROUNDS; i++) {
        redisAppendCommand(a, "SUNIONSTORE d s1 s2");
        redisAppendCommand(a, "SADD d new");
        redisAppendCommand(a, "SCARD d");
        redisAppendCommand(a, "SINTERCARD 2 s1 s2");
        redisAppendCommand(a, "DEL d");
        redisAppendCommand(a, "EXISTS d");
    }
    for (int i = 0; i < ROUNDS; i++) {
        expect_integer(a, MEMBERS + MEMBERS / 2);
        expect_integer(a, 1);
        expect_integer(a, MEMBERS + MEMBERS / 2 + 1);
        expect_integer(a, MEMBERS / 2);
        expect_integer(a, 1);
        expect_integer(a, 0);
    }
}

/* Commands for all keys, transactions and scripts wait for what is under way, and see it whole. */
static void what_touches_all_waits(void) {
    for (int i = 0; i < 3; i++) {
        begin();
        redisAppendCommand(a, "SUNIONSTORE d s1 s2");
        expect_ok(b, "MULTI");
        expect_status(b, "QUEUED", "SREM s1 m0");
        expect_status(b, "QUEUED", "SCARD s1");
        redisReply *r = cmd(b, "EXEC");
        CU_ASSERT_EQUAL_FATAL(r->elements, 2);
        CU_ASSERT_EQUAL(r->element[1]->integer, MEMBERS - 1);
        freeReplyObject(r);
        redisAppendCommand(a, "SUNIONSTORE e s1 s2");
        expect_int(b, 1, "EVAL %s 0", "return redis.call('srem', 's2', 'm30000')");
        expect_ok(b, "FLUSHALL");
        freeReplyObject(wait_for(a));
        freeReplyObject(wait_for(a));
        expect_int(b, 0, "DBSIZE");
    }
}

/* ---- writers that are parked when writes are paused ---- */

/* Until INFO lanes tells of some; false: more than `done` commands were computed before that. */
static bool there_are(const char *field, long long done) {
    for (;;) {
        if (info_number(b, "lanes", field)) return true;
        if (info_number(b, "lanes", "offloaded_commands") > done) return false;
    }
}

/* A union of as many sets, all the same, which takes that much longer. */
static void begin_union(int sets) {
    char *line = malloc(32 + (size_t)sets * 3), *at = line + sprintf(line, "SUNIONSTORE d");
    for (int i = 0; i < sets; i++) at += sprintf(at, " s1");
    redisAppendCommand(a, line);
    send_all(a);
    free(line);
}

struct paused {
    const char *writer, *written, *reader;
    long long read;
};

/* Whether the writer was parked when the pause began; the reader is answered during it then. */
static bool is_answered_in_a_pause(redisContext *w, const struct paused *p, int sets) {
    if (reply_int(cmd(b, "EXISTS s1 s2")) < 2) begin();
    long long done = info_number(b, "lanes", "offloaded_commands");
    begin_union(sets);
    bool parked = there_are("offloaded_commands_running", done);
    redisAppendCommand(w, p->writer);
    send_all(w);
    parked = parked && there_are("lane_tickets_waiting", done);
    expect_ok(b, "CLIENT PAUSE 1000000 WRITE");
    parked = parked && info_number(b, "lanes", "lane_tickets_waiting");
    freeReplyObject(wait_for(a));
    if (parked) expect_int(b, p->read, p->reader);
    expect_ok(b, "CLIENT UNPAUSE");
    char *written = reply_text(wait_for(w));
    CU_ASSERT_STRING_EQUAL(written, p->written);
    free(written);
    return parked;
}

/* Its turn in the lane comes during the pause, and it may not take it: others do. */
static void who_is_paused_stops_nobody(void) {
    static const struct paused cases[] = {
        {"SADD s1 m0", "0", "SINTERCARD 2 s1 s2", MEMBERS / 2},
        {"FLUSHALL", "OK", "SINTERCARD 2 s2 s2", MEMBERS},
    };
    redisContext *w = client_open(server);
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int sets = 8;
        while (!is_answered_in_a_pause(w, &cases[i], sets) && sets < 4096) sets *= 2;
        CU_ASSERT(sets < 4096);
    }
    redisFree(w);
}

/* ---- what takes out, or in, while others look ---- */

/* MEMBERS elements by commands of STEP of them each, made by `words` from their numbers. */
static void fill_with(const char *what, int (*words)(char *to, size_t room, int i)) {
    for (int i = 0; i < MEMBERS; i += STEP) {
        char line[STEP * 48];
        size_t n = (size_t)snprintf(line, sizeof line, "%s", what);
        for (int k = 0; k < STEP; k++) n += (size_t)words(line + n, sizeof line - n, i + k);
        redisAppendCommand(a, line);
    }
    for (int i = 0; i < MEMBERS; i += STEP) {
        redisReply *r = wait_for(a);
        CU_ASSERT_EQUAL(r->type, REDIS_REPLY_INTEGER);
        freeReplyObject(r);
    }
}

static int as_number(char *to, size_t room, int i) { return snprintf(to, room, " %d", i); }
static int as_scored(char *to, size_t room, int i) { return snprintf(to, room, " %d m%d", i, i); }
static int as_place(char *to, size_t room, int i) {
    return snprintf(to, room, " %d.%d %d.5 m%d", i % 90, i % 7, i % 60, i);
}

static redisReply *expect_elements(size_t want) {
    redisReply *r = wait_for(a);
    CU_ASSERT_EQUAL_FATAL(r->type, REDIS_REPLY_ARRAY);
    CU_ASSERT_EQUAL_FATAL(r->elements, want);
    return r;
}

/* While a command of the first client that leaves `after` of the MEMBERS is under way, the second
 * one sees all or what is left. */
static void expect_all_or(const char *count, int after) {
    long long seen = MEMBERS;
    for (int i = 0; i < 50; i++) {
        redisReply *r = cmd(b, count);
        CU_ASSERT_TRUE(r->integer == seen || r->integer == after);
        seen = r->integer;
        freeReplyObject(r);
    }
}

static void lists_give_their_ends(void) {
    for (int last = 0; last < 2; last++) {
        expect_ok(a, "FLUSHALL");
        fill_with("RPUSH l", as_number);
        redisAppendCommand(a, last ? "RPOP l %d" : "LPOP l %d", MEMBERS / 2);
        redisAppendCommand(a, "LLEN l");
        send_all(a);
        expect_all_or("LLEN l", MEMBERS / 2);
        redisReply *r = expect_elements(MEMBERS / 2);
        for (int i = 0; i < MEMBERS / 2; i++)
            CU_ASSERT_EQUAL(atoi(r->element[i]->str), last ? MEMBERS - 1 - i : i);
        freeReplyObject(r);
        expect_integer(a, MEMBERS / 2);
        redisAppendCommand(a, "LMPOP 2 none l LEFT COUNT %d", MEMBERS);
        redisAppendCommand(b, "RPUSH l new");
        r = expect_elements(2);
        CU_ASSERT_STRING_EQUAL(r->element[0]->str, "l");
        CU_ASSERT_TRUE(r->element[1]->elements == MEMBERS / 2 ||
                       r->element[1]->elements == MEMBERS / 2 + 1);
        freeReplyObject(r);
        freeReplyObject(wait_for(b));
    }
}

static void lists_are_searched(void) {
    expect_ok(a, "FLUSHALL");
    fill_with("RPUSH l", as_number);
    for (int i = 0; i < ROUNDS; i++) {
        int pivot = MEMBERS - 1 - i;
        redisAppendCommand(a, "LINSERT l BEFORE %d new%d", pivot, i);
        redisAppendCommand(b, "RPUSH l last%d", i);
        redisAppendCommand(b, "LPUSH l first%d", i);
        expect_integer(a, MEMBERS + 3 * i + 1);
        expect_integer(b, MEMBERS + 3 * i + 2);
        expect_integer(b, MEMBERS + 3 * i + 3);
        expect_int(a, pivot + i + 1, "LPOS l new%d", i);
        expect_int(a, pivot + i + 2, "LPOS l %d RANK -1", pivot);
    }
    expect_int(a, -1, "LINSERT l AFTER absent x");
    expect_text(a, "[]", "LPOS l absent COUNT 0");
}

static void sorted_sets_are_cut(void) {
    static const struct {
        const char *command;
        int first_left, elements; /* 0: replies the number */
    } cuts[] = {
        {"ZREMRANGEBYRANK z 0 19999", 20000, 0}, {"ZREMRANGEBYSCORE z -inf (20000", 20000, 0},
        {"ZREMRANGEBYRANK z 20000 -1", 0, 0},    {"ZPOPMIN z 20000", 20000, 40000},
        {"ZPOPMAX z 20000", 0, 40000},
    };
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        expect_ok(a, "FLUSHALL");
        fill_with("ZADD z", as_scored);
        expect_int(a, 1, "EXPIRE z 1000");
        redisAppendCommand(a, cuts[i].command);
        redisAppendCommand(a, "ZADD z 1 m0 2 m39999");
        send_all(a);
        redisAppendCommand(b, "TTL z");
        if (cuts[i].elements) {
            freeReplyObject(expect_elements((size_t)cuts[i].elements));
        } else {
            expect_integer(a, MEMBERS / 2);
        }
        expect_integer(a, 1); /* one of both had gone */
        expect_int(a, MEMBERS / 2 + 1, "ZCARD z");
        expect_int(a, 10, "ZCOUNT z %d %d", cuts[i].first_left + 10, cuts[i].first_left + 19);
        freeReplyObject(wait_for(b));
        redisReply *r = cmd(a, "TTL z");
        CU_ASSERT_TRUE(r->integer > 900);
        freeReplyObject(r);
    }
    redisReply *r = cmd(a, "ZMPOP 1 z MIN COUNT %d", MEMBERS);
    CU_ASSERT_EQUAL_FATAL(r->elements, 2);
    CU_ASSERT_EQUAL(r->element[1]->elements, MEMBERS / 2 + 1);
    freeReplyObject(r);
    expect_int(a, 0, "EXISTS z");
}

static void sets_lose_members_by_chance(void) {
    begin();
    redisAppendCommand(a, "SPOP s1 %d", MEMBERS / 2);
    redisAppendCommand(a, "SINTERCARD 2 s1 all");
    expect_int(b, 0, "EXISTS all");
    redisReply *r = expect_elements(MEMBERS / 2);
    expect_integer(a, 0);
    expect_int(a, MEMBERS / 2, "SCARD s1");
    for (size_t i = 0; i < r->elements; i += 97)
        expect_int(a, 0, "SISMEMBER s1 %s", r->element[i]->str);
    freeReplyObject(r);
    redisAppendCommand(a, "SPOP s1 %d", MEMBERS);
    freeReplyObject(expect_elements(MEMBERS / 2));
    expect_int(b, 0, "EXISTS s1");
    redisAppendCommand(a, "SRANDMEMBER s2 %d", MEMBERS / 20);
    freeReplyObject(expect_elements(MEMBERS / 20));
    redisAppendCommand(a, "SRANDMEMBER s2 -%d", MEMBERS);
    freeReplyObject(expect_elements(MEMBERS));
}

/* ---- other families ---- */

static void payloads_are_read(void) {
    begin();
    redisReply *dumped = cmd(a, "DUMP s1");
    CU_ASSERT_EQUAL_FATAL(dumped->type, REDIS_REPLY_STRING);
    for (int i = 0; i < ROUNDS; i++) {
        redisAppendCommand(a, "RESTORE r 100000 %b REPLACE", dumped->str, dumped->len);
        redisAppendCommand(a, "SDIFFSTORE d s1 r");
        redisAppendCommand(b, "SADD r one");
        redisAppendCommand(b, "EXISTS r");
        redisReply *r = wait_for(a);
        CU_ASSERT_EQUAL(r->type, REDIS_REPLY_STATUS);
        freeReplyObject(r);
        expect_integer(a, 0);
        expect_integer(b, 1);
        expect_integer(b, 1);
        expect_ok(a, "CONFIG SET set-max-listpack-entries %d", 128 + i);
    }
    expect_err(a, "BUSYKEY Target key name already exists.", "RESTORE r 0 %b", dumped->str,
               dumped->len);
    dumped->str[dumped->len / 2] ^= 1;
    expect_err(a, "ERR DUMP payload version or checksum are wrong", "RESTORE bad 0 %b", dumped->str,
               dumped->len);
    freeReplyObject(dumped);
}

static void places_are_searched(void) {
    expect_ok(a, "FLUSHALL");
    fill_with("GEOADD g", as_place);
    redisAppendCommand(a, "GEOSEARCHSTORE near g FROMLONLAT 45 30 BYRADIUS 20000 km");
    redisAppendCommand(b, "GEOADD g 1 1 m0");
    redisAppendCommand(a, "GEOSEARCH g FROMLONLAT 45 30 BYRADIUS 20000 km ASC WITHDIST");
    redisAppendCommand(a, "GEORADIUS g 45 30 20000 km STORE g");
    expect_integer(a, MEMBERS);
    expect_integer(b, 0);
    freeReplyObject(expect_elements(MEMBERS));
    expect_integer(a, MEMBERS);
    expect_int(a, MEMBERS, "ZCARD near");
}

static void streams_are_read(void) {
    expect_ok(a, "FLUSHALL");
    for (int i = 1; i <= MEMBERS; i++) redisAppendCommand(a, "XADD x %d-1 f v", i);
    for (int i = 1; i <= MEMBERS; i++) freeReplyObject(wait_for(a));
    expect_ok(a, "XGROUP CREATE x g 0");
    redisAppendCommand(a, "XRANGE x - +");
    redisAppendCommand(b, "XDEL x 1-1");
    freeReplyObject(expect_elements(MEMBERS));
    expect_integer(b, 1);
    redisAppendCommand(a, "XREAD BLOCK 0 STREAMS none x 0 %d-1", MEMBERS / 2);
    redisReply *r = expect_elements(1);
    CU_ASSERT_EQUAL(r->element[0]->element[1]->elements, MEMBERS / 2);
    freeReplyObject(r);
    redisAppendCommand(a, "XREADGROUP GROUP g c COUNT %d STREAMS x >", MEMBERS / 2);
    freeReplyObject(expect_elements(1));
    redisAppendCommand(a, "XPENDING x g - + %d", MEMBERS);
    redisAppendCommand(a, "XINFO STREAM x FULL COUNT 0");
    freeReplyObject(expect_elements(MEMBERS / 2));
    freeReplyObject(expect_elements(18));
}

#define COUNTERS 200

static void counts_are_merged(void) {
    char keys[COUNTERS * 8 + 1] = "";
    size_t n = 0;
    expect_ok(a, "FLUSHALL");
    for (int i = 0; i < COUNTERS; i++) {
        for (int k = 0; k < 30; k++) redisAppendCommand(a, "PFADD h%d i%d-%d", i, i, k);
        for (int k = 0; k < 30; k++) freeReplyObject(wait_for(a));
        n += (size_t)snprintf(keys + n, sizeof keys - n, " h%d", i);
    }
    char merge[sizeof keys + 16], count[sizeof keys + 16];
    snprintf(merge, sizeof merge, "PFMERGE all%s", keys);
    snprintf(count, sizeof count, "PFCOUNT%s", keys);
    for (int i = 0; i < ROUNDS; i++) {
        redisAppendCommand(a, merge);
        redisAppendCommand(a, "PFCOUNT all");
        redisAppendCommand(a, count);
        for (int k = 0; k < 20; k++) redisAppendCommand(b, "PFCOUNT h%d", (i * 20 + k) % COUNTERS);
        for (int k = 0; k < 20; k++) {
            redisReply *r = wait_for(b);
            CU_ASSERT_TRUE(r->integer >= 29 && r->integer <= 31);
            freeReplyObject(r);
        }
        redisReply *r = wait_for(a);
        CU_ASSERT_EQUAL(r->type, REDIS_REPLY_STATUS);
        freeReplyObject(r);
        redisReply *merged = wait_for(a), *counted = wait_for(a);
        CU_ASSERT_EQUAL(merged->integer, counted->integer);
        freeReplyObject(merged);
        freeReplyObject(counted);
    }
}

/* ---- all keys ---- */

#define KEYS_STAYING 60000

/* Each key that is there throughout is listed once, whatever comes, goes and moves meanwhile. */
static void keys_list_each_once(void) {
    static unsigned char seen[KEYS_STAYING];
    expect_ok(a, "FLUSHALL");
    for (int i = 0; i < KEYS_STAYING; i++) redisAppendCommand(a, "SET stay%d v", i);
    for (int i = 0; i < KEYS_STAYING; i++) freeReplyObject(wait_for(a));
    for (int round = 0; round < 3; round++) {
        memset(seen, 0, sizeof seen);
        redisAppendCommand(a, "KEYS stay*");
        redisAppendCommand(a, "PING");
        send_all(a);
        for (int i = 0; i < 4000; i++) {
            redisAppendCommand(b, i % 2 ? "SET come%d v" : "DEL come%d", (i + 1) / 2);
            redisAppendCommand(b, "APPEND stay%d more", (i * 31) % KEYS_STAYING);
        }
        for (int i = 0; i < 8000; i++) freeReplyObject(wait_for(b));
        redisReply *r = expect_elements(KEYS_STAYING);
        for (size_t i = 0; i < r->elements; i++) seen[atoi(r->element[i]->str + 4)]++;
        for (int i = 0; i < KEYS_STAYING; i++) CU_ASSERT_EQUAL(seen[i], 1);
        freeReplyObject(r);
        r = wait_for(a);
        CU_ASSERT_STRING_EQUAL(r->str, "PONG");
        freeReplyObject(r);
    }
    redisAppendCommand(a, "KEYS *");
    redisAppendCommand(b, "FLUSHALL");
    redisReply *r = wait_for(a);
    CU_ASSERT_TRUE(r->elements == 0 || r->elements >= KEYS_STAYING);
    freeReplyObject(r);
    freeReplyObject(wait_for(b));
}

/* A client that leaves takes its command along, unless that changes something. */
/* A key whose time comes while a worker has its command ends, whatever the command did to it. */
static void time_comes_meanwhile(void) {
    static const char *const commands[] = {"LREM l 1 39999", "LINSERT l AFTER 39998 x",
                                           "LPOP l 20000"};
    begin();
    fill_with("RPUSH base", as_number);
    for (int i = 0; i < 60; i++) {
        expect_int(a, 1, "COPY base l REPLACE");
        redisAppendCommand(a, "PEXPIRE l %d", 1 + i / 3 % 8);
        redisAppendCommand(a, commands[i % 3]);
        freeReplyObject(wait_for(a));
        freeReplyObject(wait_for(a));
        usleep(10000);
        expect_int(b, 0, "EXISTS l");
    }
}

static void clients_may_leave(void) {
    static const char *const commands[] = {
        "SUNIONSTORE d%d s1 s2",   "SUNION s1 s2 d%d", "KEYS *%d",
        "SRANDMEMBER s1 -%d00000", "SPOP s2 1%d",      "SINTERCARD 2 s1 s2 LIMIT %d",
    };
    begin();
    for (int i = 0; i < 20; i++) {
        redisContext *gone = client_open(server);
        redisAppendCommand(gone, commands[i % (sizeof commands / sizeof *commands)], i);
        redisAppendCommand(gone, "SADD s1 m0");
        send_all(gone);
        redisFree(gone);
    }
    expect_int(a, 0, "SADD s1 m0 m1");
    size_t places = 1;
    for (int tries = 0; places && tries < 2000; tries++) {
        redisReply *r = cmd(a, "LANE.LIST");
        places = r->elements;
        freeReplyObject(r);
        if (places) usleep(10000);
    }
    CU_ASSERT_EQUAL(places, 0);
}

static void lanes_tell_of_themselves(void) {
    redisReply *r = cmd(a, "LANE.STATS");
    CU_ASSERT_EQUAL(r->type, REDIS_REPLY_ARRAY);
    CU_ASSERT_EQUAL(r->elements, 22);
    freeReplyObject(r);
    r = cmd(a, "INFO lanes");
    CU_ASSERT_PTR_NOT_NULL(strstr(r->str, "\r\noffloaded_commands:"));
    freeReplyObject(r);
    expect_ok(a, "CLIENT LANE-TIMEOUT 100");
    expect_err(a, "ERR timeout is not an integer or out of range", "CLIENT LANE-TIMEOUT x");
    expect_ok(a, "CLIENT LANE-TIMEOUT 0");
}

int main(void) {
    static const struct suite_test tests[] = {
        {"writers_wait_readers_do_not", writers_wait_readers_do_not},
        {"unions_see_each_member_once", unions_see_each_member_once},
        {"pipelines_keep_their_order", pipelines_keep_their_order},
        {"what_touches_all_waits", what_touches_all_waits},
        {"who_is_paused_stops_nobody", who_is_paused_stops_nobody},
        {"lists_give_their_ends", lists_give_their_ends},
        {"lists_are_searched", lists_are_searched},
        {"sorted_sets_are_cut", sorted_sets_are_cut},
        {"sets_lose_members_by_chance", sets_lose_members_by_chance},
        {"payloads_are_read", payloads_are_read},
        {"places_are_searched", places_are_searched},
        {"streams_are_read", streams_are_read},
        {"counts_are_merged", counts_are_merged},
        {"keys_list_each_once", keys_list_each_once},
        {"time_comes_meanwhile", time_comes_meanwhile},
        {"clients_may_leave", clients_may_leave},
        {"lanes_tell_of_themselves", lanes_tell_of_themselves},
        {NULL, NULL},
    };
    server = server_start(NULL);
    a = client_open(server);
    b = client_open(server);
    int status = suite_main("lanes", tests);
    redisFree(a);
    redisFree(b);
    return server_stop(server) ? 1 : status;
}
