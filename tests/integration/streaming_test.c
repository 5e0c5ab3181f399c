/* streaming_test.c - long replies to clients that do not read them: what they cost, who waits.
 *
 * The clients that do not read come by the Unix socket, where the system keeps little for them.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "support/client.h"
#include "support/suite.h"

#define ITEMS 8000
#define STEP 50
#define TEXT_BYTES 600
#define HUGE 40 /* values of HUGE_BYTES, too few for a worker */
#define HUGE_BYTES 100000
#define REPLY_BYTES_MAX ((size_t)64 << 20)
#define OUTPUT_BYTES_MAX (2 << 20) /* what a client that does not read may cost */
#define WAIT_MS 20000
#define END "+PONG\r\n"

static const char *const listings[] = {
    "LRANGE list 0 -1",
    "SMEMBERS set",
    "HGETALL hash",
    "HKEYS hash",
    "HVALS huge",
    "HGETALL huge",
    "ZRANGE zset 0 -1 WITHSCORES",
    "ZRANDMEMBER zset 1000000 WITHSCORES",
    "ZREVRANGEBYSCORE zset +inf -inf",
    "XRANGE stream - +",
    "XREVRANGE stream + 20-0 COUNT 7900",
    NULL,
};

static struct server *server;
static char socket_path[108];
static redisContext *a;

static long long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- values ------------------------------------------------------------------------- */

static void append(const char *text, int i) {
    static char filling[TEXT_BYTES + 1];
    memset(filling, 'x', TEXT_BYTES);
    char format[128];
    snprintf(format, sizeof format, text, i, i);
    redisAppendCommand(a, format, filling);
}

/* Each of the texts, which may take the number twice, for each item. */
static void values_are_written(void) {
    static const char *const texts[] = {"RPUSH list %d%%s", "SADD set %d%%s", "HSET hash %d%%s %d",
                                        "ZADD zset %d %d%%s", "XADD stream %d-0 f %d%%s"};
    static char huge[HUGE_BYTES + 1];
    const int kinds = sizeof texts / sizeof *texts;
    for (int i = 1; i <= ITEMS; i += STEP) {
        for (int k = 0; k < STEP * kinds; k++) append(texts[k % kinds], i + k / kinds);
        for (int k = 0; k < STEP * kinds; k++) {
            redisReply *r = NULL;
            CU_ASSERT_EQUAL_FATAL(redisGetReply(a, (void **)&r), REDIS_OK);
            CU_ASSERT_NOT_EQUAL(r->type, REDIS_REPLY_ERROR);
            freeReplyObject(r);
        }
    }
    memset(huge, 'h', HUGE_BYTES);
    for (int i = 0; i < HUGE; i++) expect_int(a, 1, "HSET huge f%d %s", i, huge);
    for (int i = 3; i < ITEMS; i += 7) expect_int(a, 1, "XDEL stream %d-0", i);
}

/* ---- clients that read when they want to --------------------------------------------- */

static int slow_open(void) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(to.sun_path, sizeof to.sun_path, "%s", socket_path);
    CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* Sends commands with a PING behind, whose answer is the end of what will be read. */
static void slow_send(int fd, const char *commands) {
    char text[1024];
    size_t n = (size_t)snprintf(text, sizeof text, "%s\r\nPING\r\n", commands);
    CU_ASSERT_EQUAL_FATAL(send(fd, text, n, MSG_NOSIGNAL), (ssize_t)n);
}

struct bytes {
    char *p;
    size_t n;
};

/* Reads up to PING's answer, or, that being gone, to the end. */
static struct bytes slow_read(int fd) {
    struct bytes b = {malloc(REPLY_BYTES_MAX), 0};
    size_t end = strlen(END);
    while (b.n < end || memcmp(b.p + b.n - end, END, end) != 0) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        CU_ASSERT_EQUAL_FATAL(poll(&p, 1, WAIT_MS), 1);
        ssize_t n = read(fd, b.p + b.n, REPLY_BYTES_MAX - b.n);
        if (n <= 0) break;
        b.n += (size_t)n;
    }
    return b;
}

static struct bytes read_at_once(const char *commands) {
    int fd = slow_open();
    slow_send(fd, commands);
    struct bytes b = slow_read(fd);
    close(fd);
    return b;
}

/* Reads the rest, which must be those bytes; frees them. */
static void expect_rest(int fd, struct bytes want) {
    struct bytes got = slow_read(fd);
    CU_ASSERT_EQUAL(got.n, want.n);
    CU_ASSERT(got.n == want.n && memcmp(got.p, want.p, got.n) == 0);
    free(got.p);
    free(want.p);
}

/* ---- what the server says ------------------------------------------------------------ */

static long long info(const char *section, const char *field) {
    redisReply *r = cmd(a, "INFO %s", section);
    const char *at = strstr(r->str, field);
    long long v = at ? atoll(at + strlen(field) + 1) : -1;
    CU_ASSERT_PTR_NOT_NULL(at);
    freeReplyObject(r);
    return v;
}

static void wait_for(const char *section, const char *field, long long want) {
    long long until = now_ms() + WAIT_MS, have;
    while ((have = info(section, field)) != want && now_ms() < until) usleep(2000);
    CU_ASSERT_EQUAL(have, want);
}

/* Of all clients' outputs: their sum, and the largest. */
static void outputs(size_t *sum, size_t *most) {
    redisReply *r = cmd(a, "CLIENT LIST");
    *sum = *most = 0;
    for (const char *p = r->str; (p = strstr(p, " omem=")); p++) {
        size_t n = (size_t)atoll(p + 6);
        *sum += n;
        if (n > *most) *most = n;
    }
    freeReplyObject(r);
}

static int begin_stream(const char *command) {
    int fd = slow_open();
    slow_send(fd, command);
    wait_for("lanes", "\nstreamed_replies", 1);
    return fd;
}

/* ---- tests -------------------------------------------------------------------------- */

static void memory_is_bounded(void) {
    for (int i = 0; listings[i]; i++) {
        struct bytes want = read_at_once(listings[i]);
        size_t before = (size_t)info("memory", "\nused_memory"), sum, most;
        int fd = begin_stream(listings[i]);
        expect_ok(a, "SET other %d", i); /* and nobody waits */
        expect_int(a, ITEMS, "LLEN list");
        do { /* the client's socket takes some parts before it is full */
            outputs(&sum, &most);
        } while (!most && info("lanes", "\nstreamed_replies") == 1);
        CU_ASSERT(most > 0 && most < OUTPUT_BYTES_MAX);
        CU_ASSERT((size_t)info("memory", "\nused_memory") < before + 2 * OUTPUT_BYTES_MAX);
        expect_rest(fd, want);
        wait_for("lanes", "\nstreamed_replies", 0);
        close(fd);
    }
}

/* Random members with repetitions come in parts, too: all of them, at the cost of some. */
static void random_members(void) {
    static const char *const asks[] = {"HRANDFIELD hash -", "SRANDMEMBER set -",
                                       "ZRANDMEMBER zset -"};
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        char line[64];
        snprintf(line, sizeof line, "%s20000", asks[i]);
        redisReply *r = redisCommand(a, line);
        CU_ASSERT_FATAL(r && r->type == REDIS_REPLY_ARRAY);
        CU_ASSERT_EQUAL(r->elements, 20000);
        for (size_t k = 0; k < r->elements; k++) CU_ASSERT(r->element[k]->len > TEXT_BYTES);
        freeReplyObject(r);
        snprintf(line, sizeof line, "%s1000000000", asks[i]);
        size_t sum, most;
        int fd = begin_stream(line);
        outputs(&sum, &most);
        CU_ASSERT(most < OUTPUT_BYTES_MAX);
        close(fd);
        wait_for("lanes", "\nstreamed_replies", 0);
    }
}

/* As many as there are, more, and fewer: every one of them comes, once. */
static void all_members_at_random(void) {
    static const struct {
        const char *ask;
        int elements; /* a member */
    } asks[] = {{"HRANDFIELD hash %d", 1},
                {"HRANDFIELD hash %d WITHVALUES", 2},
                {"SRANDMEMBER set %d", 1},
                {"ZRANDMEMBER zset %d", 1},
                {"ZRANDMEMBER zset %d WITHSCORES", 2}};
    static const int counts[] = {2 * ITEMS, ITEMS - 1};
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
            int want = counts[k] < ITEMS ? counts[k] : ITEMS;
            redisReply *r = cmd(a, asks[i].ask, counts[k]);
            CU_ASSERT_EQUAL(r->elements, (size_t)(want * asks[i].elements));
            freeReplyObject(r);
        }
    }
}

static void many_do_not_read(void) {
    enum { CLIENTS = 20 };
    int fds[CLIENTS], kinds = 0;
    size_t sum, most;
    while (listings[kinds]) kinds++;
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = slow_open();
        slow_send(fds[i], listings[i % kinds]);
    }
    wait_for("lanes", "\nstreamed_replies", CLIENTS);
    outputs(&sum, &most);
    CU_ASSERT(sum < (size_t)CLIENTS * OUTPUT_BYTES_MAX);
    for (int i = 0; i < CLIENTS; i++) {
        expect_rest(fds[i], read_at_once(listings[i % kinds]));
        close(fds[i]);
    }
    wait_for("lanes", "\nlanes_held", 0);
}

/* They do not wait for the client, and it sees the value as it was. */
static void writers_do_not_wait(void) {
    static const char *const writers[] = {"RPUSH list more", "EVAL %s 0", "SWAPDB 0 1", "MULTI",
                                          "LREM list 1 none"};
    for (size_t i = 0; i < sizeof writers / sizeof *writers; i++) {
        struct bytes want = read_at_once(listings[0]);
        int fd = begin_stream(listings[0]);
        long long start = now_ms();
        freeReplyObject(cmd(a, writers[i], "return redis.call('lset', 'list', 0, 'new')"));
        if (strcmp(writers[i], "MULTI") == 0) {
            expect_status(a, "QUEUED", "RPOP list");
            freeReplyObject(cmd(a, "EXEC"));
        }
        CU_ASSERT(now_ms() - start < 3000); /* it is some ms; a machine may be slow */
        wait_for("lanes", "\nstreamed_replies", 0);
        expect_rest(fd, want);
        close(fd);
        if (strcmp(writers[i], "SWAPDB 0 1") == 0) expect_ok(a, "SWAPDB 0 1");
    }
    CU_ASSERT(info("lanes", "lane_wait_ms_max") < 3000);
}

/* Who is to be computed behind a writer begins anew, behind it. */
static void readers_come_behind_writers(void) {
    int fd = begin_stream(listings[0]);
    struct bytes old = read_at_once(listings[0]);
    expect_int(a, ITEMS + 1, "RPUSH list more");
    struct bytes new = read_at_once(listings[0]);
    CU_ASSERT_NOT_EQUAL(old.n, new.n);
    free(new.p);
    expect_rest(fd, old);
    close(fd);
    freeReplyObject(cmd(a, "RPOP list"));
}

static void clients_may_leave(void) {
    size_t sum, most;
    for (int i = 0; listings[i]; i++) {
        close(begin_stream(listings[i]));
        wait_for("lanes", "\nlanes_held", 0);
    }
    outputs(&sum, &most);
    CU_ASSERT_EQUAL(sum, 0);
    int fd = begin_stream(listings[0]);
    expect_int(a, 1, "CLIENT KILL TYPE normal SKIPME yes");
    wait_for("lanes", "\nstreamed_replies", 0);
    close(fd);
}

/* One that sends no more still gets all that it asked for, in order. */
static void what_was_asked_for_comes(void) {
    struct bytes want = read_at_once(listings[0]);
    int fd = begin_stream(listings[0]);
    CU_ASSERT_EQUAL(shutdown(fd, SHUT_WR), 0);
    usleep(50000);
    expect_rest(fd, want);
    close(fd);
    want = read_at_once("LRANGE list 0 -1\r\nECHO a\r\nHVALS huge\r\nSMEMBERS set\r\nECHO b");
    fd = begin_stream("LRANGE list 0 -1\r\nECHO a\r\nHVALS huge\r\nSMEMBERS set\r\nECHO b");
    expect_rest(fd, want);
    close(fd);
}

static void both_protocols(void) {
    static const char *const some[] = {"HGETALL hash", "SMEMBERS set",
                                       "ZRANGE zset 0 -1 WITHSCORES", "XRANGE stream - +", NULL};
    char commands[128];
    for (int i = 0; some[i]; i++) {
        snprintf(commands, sizeof commands, "MULTI\r\n%s\r\nEXEC", some[i]); /* whole */
        int fd = slow_open();
        expect_raw(fd, "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n", "%7\r\n");
        usleep(20000);
        char rest[1024];
        CU_ASSERT(read(fd, rest, sizeof rest) > 0);
        slow_send(fd, commands);
        struct bytes whole = slow_read(fd);
        slow_send(fd, some[i]);
        wait_for("lanes", "\nstreamed_replies", 1);
        struct bytes parts = slow_read(fd);
        size_t head = strlen("+OK\r\n+QUEUED\r\n*1\r\n");
        CU_ASSERT_EQUAL(whole.n, parts.n + head);
        CU_ASSERT(whole.n > head && memcmp(whole.p + head, parts.p, parts.n) == 0);
        free(whole.p);
        free(parts.p);
        close(fd);
    }
}

/* The key's time comes, or its fields': what is being read stays. */
static void time_does_not_end_a_reply(void) {
    expect_int(a, 1, "COPY hash ends");
    redisReply *r = cmd(a, "HPEXPIRE ends 300 FIELDS 1 none");
    freeReplyObject(r);
    struct bytes want = read_at_once("HGETALL ends");
    expect_int(a, 1, "PEXPIRE ends 100");
    int fd = begin_stream("HGETALL ends");
    usleep(300000);
    expect_int(a, 0, "EXISTS ends");
    expect_rest(fd, want);
    close(fd);
    wait_for("lanes", "\nlanes_held", 0);
}

static void nothing_is_sent_to_who_is_silent(void) {
    int fd = slow_open();
    slow_send(fd, "CLIENT REPLY OFF\r\nLRANGE list 0 -1\r\nHGETALL huge\r\nCLIENT REPLY ON\r\n"
                  "CLIENT REPLY SKIP\r\nHGETALL hash");
    struct bytes got = slow_read(fd);
    CU_ASSERT_EQUAL(got.n, strlen("+OK\r\n" END));
    free(got.p);
    close(fd);
}

#define UNREAD_ITEMS 700
#define UNREAD_ITEM_BYTES 6000
#define UNREAD_BYTES (UNREAD_ITEMS * UNREAD_ITEM_BYTES)

/* A list that is more than a socket and the output of a client that does not read take together;
 * it needs nothing that other tests have left. */
static void unread_list_is_written(const char *key) {
    static char filling[UNREAD_ITEM_BYTES + 1];
    memset(filling, 'x', UNREAD_ITEM_BYTES);
    freeReplyObject(cmd(a, "DEL %s", key));
    expect_int(a, UNREAD_ITEMS, "EVAL %s 1 %s %s %d",
               "for i = 1, ARGV[2] do redis.call('rpush', KEYS[1], ARGV[1]) end "
               "return redis.call('llen', KEYS[1])",
               key, filling, UNREAD_ITEMS);
}

/* ... nor does it count for the limit of what is sent. */
static void silence_is_not_limited(void) {
    unread_list_is_written("unsent");
    expect_ok(a, "CONFIG SET client-output-buffer-limit %s", "normal 1mb 0 0");
    int fd = slow_open();
    slow_send(fd, "CLIENT REPLY OFF\r\nLRANGE unsent 0 -1\r\nSET behind 1\r\nCLIENT REPLY ON");
    struct bytes got = slow_read(fd);
    CU_ASSERT_EQUAL(got.n, strlen("+OK\r\n" END));
    free(got.p);
    close(fd);
    expect_str(a, "1", "GET behind");
    got = read_at_once("LRANGE unsent 0 -1"); /* is over it where it is sent */
    CU_ASSERT(got.n < UNREAD_BYTES);
    free(got.p);
    expect_ok(a, "CONFIG SET client-output-buffer-limit %s", "normal 0 0 0");
    expect_int(a, 2, "DEL unsent behind");
}

/* A command that waits for two keys needs the one that is being read too: who reads it is hurried,
 * and those who wait behind that command come to their turn. */
static void waiters_do_not_wait_for_clients(void) {
    unread_list_is_written("to");
    struct bytes want = read_at_once("LRANGE to 0 -1");
    int first = client_open_raw(server), second = client_open_raw(server);
    expect_raw(first, "BLMOVE from to LEFT LEFT 0\r\n", "");
    wait_for("clients", "\nblocked_clients", 1);
    expect_raw(second, "BLPOP from 0\r\n", "");
    wait_for("clients", "\nblocked_clients", 2);
    int fd = begin_stream("LRANGE to 0 -1");
    expect_int(a, 2, "RPUSH from e1 e2");
    expect_raw(first, "", "$2\r\ne1\r\n");
    expect_raw(second, "", "*2\r\n$4\r\nfrom\r\n$2\r\ne2\r\n");
    expect_rest(fd, want);
    close(fd);
    close(first);
    close(second);
    wait_for("lanes", "\nlanes_held", 0);
    expect_int(a, 1, "DEL to from");
}

static void who_stalls_may_be_closed(void) {
    expect_ok(a, "CONFIG SET timeout 1");
    int fd = begin_stream(listings[0]);
    wait_for("lanes", "\nstreamed_replies", 0);
    close(fd);
    expect_ok(a, "CONFIG SET timeout 0");
}

enum { NUMBERS = 20000 };

static void numbers_are_written(void) {
    char line[100 * 8 + 16];
    for (int i = 0; i < NUMBERS; i += 100) {
        size_t n = (size_t)snprintf(line, sizeof line, "SADD numbers");
        for (int k = 0; k < 100; k++)
            n += (size_t)snprintf(line + n, sizeof line - n, " %d", i + k);
        redisAppendCommand(a, line);
    }
    for (int i = 0; i < NUMBERS; i += 100) {
        redisReply *r = NULL;
        CU_ASSERT_EQUAL_FATAL(redisGetReply(a, (void **)&r), REDIS_OK);
        freeReplyObject(r);
    }
}

/* Sends it and waits until a worker, or the loop for it, has begun to sort, or is over. */
static void begin_sort(redisContext *b) {
    struct pollfd p = {.fd = b->fd, .events = POLLIN};
    redisAppendCommand(b, "SORT numbers BY none* GET l*");
    for (int done = 0; !done;) CU_ASSERT_EQUAL_FATAL(redisBufferWrite(b, &done), REDIS_OK);
    for (bool sorts = false; !sorts && poll(&p, 1, 0) == 0;) {
        redisReply *r = cmd(a, "LANE.LIST");
        for (size_t i = 0; i < r->elements; i++)
            sorts |= strcmp(r->element[i]->element[3]->str, "sort") == 0;
        freeReplyObject(r);
    }
}

/* What makes all values anew lets those who read them come to their end. */
static void values_are_read_to_the_end(void) {
    static const char *const loads[] = {"DEBUG RELOAD", "DEBUG LOADAOF", "MULTI"};
    static char text[9001];
    redisContext *b = client_open(server);
    memset(text, 'x', sizeof text - 1);
    expect_ok(a, "FLUSHALL");
    expect_ok(a, "CONFIG SET appendonly yes");
    wait_for("persistence", "\naof_rewrite_in_progress", 0);
    for (int i = 1; i <= 300; i++) expect_int(a, i, "RPUSH list %s", text);
    numbers_are_written();
    for (size_t i = 0; i < sizeof loads / sizeof *loads; i++) {
        struct bytes want = read_at_once("LRANGE list 0 -1");
        int fd = begin_stream("LRANGE list 0 -1");
        begin_sort(b);
        freeReplyObject(cmd(a, loads[i]));
        if (strcmp(loads[i], "MULTI") == 0) {
            expect_status(a, "QUEUED", "DEBUG RELOAD NOSAVE");
            expect_text(a, "[OK]", "EXEC");
        }
        CU_ASSERT_EQUAL(info("lanes", "\nstreamed_replies"), 0);
        expect_rest(fd, want);
        close(fd);
        redisReply *r = NULL;
        CU_ASSERT_EQUAL_FATAL(redisGetReply(b, (void **)&r), REDIS_OK);
        CU_ASSERT_EQUAL(r->elements, NUMBERS);
        freeReplyObject(r);
    }
    redisFree(b);
    expect_ok(a, "CONFIG SET appendonly no");
}

int main(void) {
    static const struct suite_test tests[] = {
        {"values_are_written", values_are_written}, /* which the others read */
        {"memory_is_bounded", memory_is_bounded},
        {"random_members", random_members},
        {"all_members_at_random", all_members_at_random},
        {"many_do_not_read", many_do_not_read},
        {"writers_do_not_wait", writers_do_not_wait},
        {"readers_come_behind_writers", readers_come_behind_writers},
        {"clients_may_leave", clients_may_leave},
        {"what_was_asked_for_comes", what_was_asked_for_comes},
        {"both_protocols", both_protocols},
        {"time_does_not_end_a_reply", time_does_not_end_a_reply},
        {"nothing_is_sent_to_who_is_silent", nothing_is_sent_to_who_is_silent},
        {"silence_is_not_limited", silence_is_not_limited},
        {"waiters_do_not_wait_for_clients", waiters_do_not_wait_for_clients},
        {"who_stalls_may_be_closed", who_stalls_may_be_closed},
        {"values_are_read_to_the_end", values_are_read_to_the_end},
        {NULL, NULL},
    };
    snprintf(socket_path, sizeof socket_path, "/tmp/clearlane-streaming-%d", (int)getpid());
    server = server_start(
        (const char *const[]){"--unixsocket", socket_path, "--enable-debug-command", "yes", NULL});
    a = client_open(server);
    int status = suite_main("streaming", tests);
    redisFree(a);
    return server_stop(server) ? 1 : status;
}
