/* retained_test.c - retained topics: what they keep, what outlives a restart, and who follows them,
 * without a gap or a double, however slowly.
 */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "integration/files.h"
#include "integration/replies.h"
#include "support/client.h"
#include "support/suite.h"

static struct server *server;
static redisContext *c;

#define E1 "00000000000000a1"
#define E2 "00000000000000a2"

/* ---- what a subscriber hears ----------------------------------------------------------- */

/* A connection whose pushes are read one by one. What RESP3 has more than RESP2 is read as what
 * RESP2 has in its place, as the library knows no more. */
struct follower {
    int fd;
    redisReader *reader;
    size_t raw; /* bytes of a bulk string that are to come */
    size_t begin, end;
    char *buf;
    uint64_t next;   /* offset of the message that has to come */
    uint64_t got;    /* messages */
    uint64_t missed; /* as lag told */
    int resets;
    char epoch[17];
};

#define BUF_BYTES 65536

static void say(const struct follower *f, const char *text) {
    CU_ASSERT_EQUAL(write(f->fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void feed_line(struct follower *f, const char *line, size_t n) {
    char text[64];
    if (*line == '$' && line[1] != '-') f->raw = strtoul(line + 1, NULL, 10) + 2;
    if (*line == '_') {
        redisReaderFeed(f->reader, "$-1\r\n", 5);
    } else if (*line == '%') {
        n = (size_t)snprintf(text, sizeof text, "*%lu\r\n", 2 * strtoul(line + 1, NULL, 10));
        redisReaderFeed(f->reader, text, n);
    } else {
        redisReaderFeed(f->reader, *line == '>' ? "*" : line, 1);
        redisReaderFeed(f->reader, line + 1, n - 1);
    }
}

/* Hands on what has come, as far as it is whole. */
static void feed(struct follower *f) {
    while (f->begin < f->end) {
        const char *at = f->buf + f->begin;
        size_t n = f->end - f->begin;
        if (f->raw) {
            if (n > f->raw) n = f->raw;
            redisReaderFeed(f->reader, at, n);
            f->raw -= n;
        } else {
            const char *line_end = memchr(at, '\n', n);
            if (!line_end) break;
            n = (size_t)(line_end - at) + 1;
            feed_line(f, at, n);
        }
        f->begin += n;
    }
    memmove(f->buf, f->buf + f->begin, f->end - f->begin);
    f->end -= f->begin;
    f->begin = 0;
}

/* The next reply or push; NULL: the connection has ended, or nothing came in its deadline. */
static redisReply *hear(struct follower *f) {
    void *reply = NULL;
    for (;;) {
        if (redisReaderGetReply(f->reader, &reply) != REDIS_OK) return NULL;
        if (reply) return reply;
        ssize_t n = read(f->fd, f->buf + f->end, BUF_BYTES - f->end);
        if (n <= 0) return NULL;
        f->end += (size_t)n;
        feed(f);
    }
}

static void expect_heard(struct follower *f, const char *want) {
    redisReply *r = hear(f);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r);
    char *text = client_text(r);
    CU_ASSERT_STRING_EQUAL(text, want);
    if (strcmp(text, want) != 0) fprintf(stderr, "heard %s\nnot   %s\n", text, want);
    free(text);
    freeReplyObject(r);
}

static struct follower follow_of(struct server *of, int proto, const char *first) {
    struct follower f = {
        .fd = client_open_raw(of), .reader = redisReaderCreate(), .buf = malloc(BUF_BYTES)};
    if (proto == 3) {
        say(&f, "HELLO 3\r\n");
        freeReplyObject(hear(&f));
    }
    say(&f, first);
    return f;
}
static struct follower follow(int proto, const char *first) {
    return follow_of(server, proto, first);
}

static void unfollow(struct follower *f) {
    close(f->fd);
    redisReaderFree(f->reader);
    free(f->buf);
}

/* One that has said QUIT is there until it has been sent what waited for it. */
static void take_all(const struct follower *f) {
    char buf[65536];
    while (read(f->fd, buf, sizeof buf) > 0) continue;
}

static bool is_kind(const redisReply *r, const char *kind) {
    return r->type == REDIS_REPLY_ARRAY && r->elements >= 3 &&
           strcmp(r->element[0]->str, kind) == 0;
}

/* Takes one push: a message has to be the one that follows, a lag tells how far the next one is.
 * Its payload in `payload`, if that is wanted. False: something else came. */
static bool take(struct follower *f, char *payload, size_t size) {
    redisReply *r = hear(f);
    bool ok = r;
    if (payload) *payload = 0;
    if (r && is_kind(r, "tmessage")) {
        ok = (uint64_t)r->element[3]->integer == f->next &&
             (!f->epoch[0] || strcmp(f->epoch, r->element[2]->str) == 0);
        if (!ok)
            fprintf(stderr, "offset %lld of %s, not %llu\n", r->element[3]->integer,
                    r->element[2]->str, (unsigned long long)f->next);
        f->next++;
        f->got++;
        if (payload) snprintf(payload, size, "%s", r->element[4]->str);
    } else if (r && is_kind(r, "lag")) {
        ok = r->element[2]->integer > 0;
        f->missed += (uint64_t)r->element[2]->integer;
        f->next += (uint64_t)r->element[2]->integer;
    } else if (r && is_kind(r, "reset")) {
        f->resets++;
        snprintf(f->epoch, sizeof f->epoch, "%s", r->element[2]->str);
        f->next = (uint64_t)r->element[3]->integer;
    } else {
        ok = r && is_kind(r, "tsubscribe");
    }
    if (r) freeReplyObject(r);
    return ok;
}

/* Takes pushes until the next message to come is `end`. */
static void take_until(struct follower *f, uint64_t end) {
    while (f->next < end && take(f, NULL, 0)) continue;
    CU_ASSERT_EQUAL(f->next, end);
}

static long long info_of(const char *topic, const char *field) {
    redisReply *r = cmd(c, "TOPIC.INFO %s", topic);
    long long v = -1;
    for (size_t i = 0; i + 1 < r->elements; i += 2) {
        if (strcmp(r->element[i]->str, field) == 0) v = r->element[i + 1]->integer;
    }
    freeReplyObject(r);
    return v;
}

static bool topic_becomes(const char *topic, const char *field, long long want) {
    for (int i = 0; i < 1000; i++) {
        if (info_of(topic, field) == want) return true;
        server_sleep_ms(10);
    }
    return false;
}

/* Pipelined; their payloads are <text><number>. */
static void publish_many(redisContext *by, const char *topic, const char *text, int count) {
    for (int done = 0; done < count;) {
        int n = count - done < 500 ? count - done : 500;
        for (int i = 0; i < n; i++)
            redisAppendCommand(by, "PUBLISH %s %s%d", topic, text, done + i);
        for (int i = 0; i < n; i++) {
            void *r;
            if (redisGetReply(by, &r) != REDIS_OK) return;
            freeReplyObject(r);
        }
        done += n;
    }
}

static void start(void) { expect_ok(c, "FLUSHALL"); }

/* ---- what is kept ----------------------------------------------------------------------- */

static void config_makes_and_changes(void) {
    start();
    expect_err(c, "ERR no such key", "TOPIC.INFO t");
    expect_nil(c, "TOPIC.READ t FROM EARLIEST");
    expect_int(c, 0, "PUBLISH t lost");
    expect_int(c, 0, "EXISTS t");
    expect_ok(c, "TOPIC.CONFIG t RETAIN EPOCH " E1);
    expect_text(c,
                "[\"epoch\", \"" E1 "\", \"first-offset\", 0, \"next-offset\", 0, \"length\", 0, "
                "\"bytes\", 0, \"limit-count\", 10000, \"limit-bytes\", 16777216, \"limit-ms\", 0, "
                "\"subscribers\", 0]",
                "TOPIC.INFO t");
    expect_status(c, "topic", "TYPE t");
    expect_str(c, "ring", "OBJECT ENCODING t");
    expect_int(c, 0, "PUBLISH t a");
    expect_int(c, 0, "PUBLISH t bc");
    expect_ok(c, "TOPIC.CONFIG t retain ms 100000 Bytes 0 epoch " E1);
    expect_text(c,
                "[\"epoch\", \"" E1 "\", \"first-offset\", 0, \"next-offset\", 2, \"length\", 2, "
                "\"bytes\", 35, \"limit-count\", 10000, \"limit-bytes\", 0, \"limit-ms\", 100000, "
                "\"subscribers\", 0]",
                "TOPIC.INFO t");
    expect_ok(c, "TOPIC.CONFIG t RETAIN COUNT 1");
    CU_ASSERT_EQUAL(info_of("t", "first-offset"), 1);
    CU_ASSERT_EQUAL(info_of("t", "limit-ms"), 100000);
    expect_ok(c, "TOPIC.CONFIG t RETAIN FIRST 2");
    CU_ASSERT_EQUAL(info_of("t", "length"), 0);
    expect_ok(c, "TOPIC.CONFIG u RETAIN");
    redisReply *r = cmd(c, "TOPIC.INFO u");
    CU_ASSERT_EQUAL(strlen(r->element[1]->str), 16);
    CU_ASSERT(strcmp(r->element[1]->str, "0000000000000000") != 0);
    freeReplyObject(r);
    CU_ASSERT(reply_int(cmd(c, "MEMORY USAGE t")) > 100);
    expect_int(c, 2, "DEL t u");
    expect_int(c, 0, "PUBLISH t lost");
    expect_nil(c, "TOPIC.READ t FROM 0");
}

static void errors(void) {
    start();
    expect_ok(c, "SET s x");
    expect_ok(c, "TOPIC.CONFIG t RETAIN EPOCH " E1);
    static const char wrong[] = "WRONGTYPE Operation against a key holding the wrong kind of value";
    expect_err(c, wrong, "TOPIC.CONFIG s RETAIN");
    expect_err(c, wrong, "TOPIC.INFO s");
    expect_err(c, wrong, "TOPIC.READ s FROM 0");
    expect_err(c, wrong, "TOPIC.SUBSCRIBE s FROM 0");
    expect_err(c, wrong, "TOPIC.APPEND s 0 0 x");
    expect_err(c, wrong, "GET t");
    expect_err(c, wrong, "XLEN t");
    expect_err(c, "ERR syntax error", "TOPIC.CONFIG t KEEP");
    expect_err(c, "ERR syntax error", "TOPIC.CONFIG t RETAIN COUNT");
    expect_err(c, "ERR syntax error", "TOPIC.CONFIG t RETAIN SIZE 1");
    expect_err(c, "ERR wrong number of arguments for 'topic.config' command", "TOPIC.CONFIG t");
    static const char *const options[] = {"COUNT", "BYTES", "MS", "FIRST"};
    for (int i = 0; i < 4; i++) {
        expect_err(c, "ERR value is out of range", "TOPIC.CONFIG t RETAIN %s -1", options[i]);
        expect_err(c, "ERR value is out of range", "TOPIC.CONFIG t RETAIN %s x", options[i]);
        expect_err(c, "ERR value is out of range", "TOPIC.CONFIG t RETAIN %s 1152921504606846976",
                   options[i]);
    }
    expect_err(c, "ERR value is out of range", "TOPIC.CONFIG t RETAIN FIRST 1");
    static const char *const epochs[] = {"1", "000000000000000g", "0000000000000000",
                                         "00000000000000a1a"};
    for (int i = 0; i < 4; i++) {
        expect_err(c, "ERR the epoch is not one: 16 hexadecimal digits",
                   "TOPIC.CONFIG t RETAIN EPOCH %s", epochs[i]);
        expect_err(c, "ERR the epoch is not one: 16 hexadecimal digits",
                   "TOPIC.SUBSCRIBE t FROM 0 EPOCH %s", epochs[i]);
    }
    expect_err(c, "ERR the topic has another epoch", "TOPIC.CONFIG t RETAIN EPOCH " E2);
    static const char from[] = "ERR FROM takes an offset, EARLIEST or LAST";
    expect_err(c, from, "TOPIC.READ t FROM NOW");
    expect_err(c, from, "TOPIC.READ t FROM -1");
    expect_err(c, from, "TOPIC.SUBSCRIBE t FROM $");
    expect_err(c, "ERR syntax error", "TOPIC.READ t SINCE 0");
    expect_err(c, "ERR syntax error", "TOPIC.READ t FROM 0 COUNT");
    expect_err(c, "ERR syntax error", "TOPIC.READ t FROM 0 LIMIT 1");
    expect_err(c, "ERR syntax error", "TOPIC.READ t FROM 0 COUNT 1 x");
    expect_err(c, "ERR value is out of range", "TOPIC.READ t FROM 0 COUNT -1");
    expect_err(c, "ERR syntax error", "TOPIC.SUBSCRIBE t AT 0");
    expect_err(c, "ERR syntax error", "TOPIC.SUBSCRIBE t FROM 0 EPOCH");
    expect_err(c, "ERR syntax error", "TOPIC.SUBSCRIBE t FROM 0 COUNT 1");
    expect_err(c, "ERR no such key", "TOPIC.SUBSCRIBE none FROM 0");
    expect_err(c, "ERR no such key", "TOPIC.APPEND none 0 0 x");
    expect_err(c, "ERR the offset is not the topic's next one", "TOPIC.APPEND t 1 0 x");
    expect_err(c, "ERR value is out of range", "TOPIC.APPEND t 0 -1 x");
    expect_err(c, "ERR invalid cursor", "TOPIC.LIST x");
    expect_err(c, "ERR syntax error", "TOPIC.LIST 0 TYPE topic");
    expect_ok(c, "MULTI");
    expect_err(c, "ERR Command not allowed inside a transaction", "TOPIC.SUBSCRIBE t FROM 0");
    expect_ok(c, "DISCARD");
    expect_err_prefix(c, "ERR This Redis command is not allowed from script", "EVAL %s 1 t",
                      "return redis.call('topic.subscribe', KEYS[1], 'FROM', 0)");
    expect_ok(c, "SELECT 1");
    expect_err(c, "ERR retained topics are keys of database 0", "TOPIC.CONFIG t RETAIN");
    expect_err(c, "ERR retained topics are keys of database 0", "TOPIC.SUBSCRIBE t FROM 0");
    expect_ok(c, "SELECT 0");
}

/* Offsets first to last, each message its own. */
static void expect_numbers(const char *topic, int first, int last) {
    redisReply *r = cmd(c, "TOPIC.READ %s FROM EARLIEST", topic);
    redisReply *all = r->element[1];
    CU_ASSERT_EQUAL_FATAL(all->elements, (size_t)(last - first + 1));
    for (int i = first; i <= last; i++) {
        const redisReply *m = all->element[i - first];
        CU_ASSERT_EQUAL(m->element[0]->integer, i);
        CU_ASSERT_EQUAL(atoi(m->element[2]->str), i);
    }
    freeReplyObject(r);
}

static void limits_hold(void) {
    start();
    expect_ok(c, "TOPIC.CONFIG n RETAIN COUNT 100");
    publish_many(c, "n", "", 1000);
    expect_numbers("n", 900, 999);
    expect_ok(c, "TOPIC.CONFIG b RETAIN COUNT 0 BYTES 1000");
    publish_many(c, "b", "", 1000);
    CU_ASSERT_EQUAL(info_of("b", "bytes"), 988);
    expect_numbers("b", 948, 999);
    expect_int(c, 0, "PUBLISH b %b", (char[985]){0}, (size_t)985); /* larger than all of it */
    CU_ASSERT_EQUAL(info_of("b", "length"), 0);
    CU_ASSERT_EQUAL(info_of("b", "next-offset"), 1001);
    expect_ok(c, "TOPIC.CONFIG b RETAIN COUNT 3 BYTES 0");
    publish_many(c, "b", "", 10);
    CU_ASSERT_EQUAL(info_of("b", "length"), 3);
    /* Large ones, and many that go at once. */
    expect_ok(c, "TOPIC.CONFIG l RETAIN COUNT 0 BYTES 0");
    char *text = malloc(5000);
    memset(text, 'x', 5000);
    for (int i = 0; i < 300; i++) expect_int(c, 0, "PUBLISH l %b", text, (size_t)5000);
    CU_ASSERT(reply_int(cmd(c, "MEMORY USAGE l")) > 300 * 5000);
    expect_ok(c, "TOPIC.CONFIG l RETAIN COUNT 1");
    CU_ASSERT(reply_int(cmd(c, "MEMORY USAGE l")) < 20000);
    CU_ASSERT_EQUAL(info_of("l", "length"), 1);
    free(text);
}

static void the_old_is_hidden_and_leaves(void) {
    start();
    expect_ok(c, "TOPIC.CONFIG t RETAIN MS 300");
    publish_many(c, "t", "", 5000);
    expect_ok(c, "TOPIC.CONFIG long RETAIN MS 100000");
    publish_many(c, "long", "", 10);
    CU_ASSERT(info_of("t", "bytes") > 0);
    server_sleep_ms(350);
    CU_ASSERT_EQUAL(info_of("t", "length"), 0);
    expect_text(c, "[]", "SORT none");
    redisReply *r = cmd(c, "TOPIC.READ t FROM EARLIEST");
    CU_ASSERT_EQUAL(r->element[1]->elements, 0);
    freeReplyObject(r);
    CU_ASSERT(topic_becomes("t", "bytes", 0)); /* by itself */
    CU_ASSERT_EQUAL(info_of("t", "first-offset"), 5000);
    expect_int(c, 0, "PUBLISH t 5000");
    expect_numbers("t", 5000, 5000);
    CU_ASSERT(topic_becomes("t", "bytes", 0));
    /* What was too old does not come back. */
    expect_ok(c, "TOPIC.CONFIG t RETAIN MS 100000");
    CU_ASSERT_EQUAL(info_of("t", "length"), 0);
    CU_ASSERT_EQUAL(info_of("long", "length"), 10);
    expect_int(c, 0, "PUBLISH t 5001");
    CU_ASSERT_EQUAL(info_of("t", "length"), 1);
    expect_ok(c, "RENAME long t"); /* the times go along */
    expect_ok(c, "TOPIC.CONFIG t RETAIN MS 1");
    CU_ASSERT(topic_becomes("t", "bytes", 0));
}

static void reads(void) {
    start();
    expect_ok(c, "TOPIC.CONFIG t RETAIN COUNT 3 EPOCH " E1);
    expect_text(c, "[\"" E1 "\", []]", "TOPIC.READ t FROM LAST");
    for (int i = 0; i < 5; i++) {
        char text[64];
        snprintf(text, sizeof text, "TOPIC.APPEND t %d %d m%d", i, 100 + i, i);
        expect_ok(c, text);
    }
    static const char all[] =
        "[\"" E1 "\", [[2, 102, \"m2\"], [3, 103, \"m3\"], [4, 104, \"m4\"]]]";
    expect_text(c, all, "TOPIC.READ t FROM EARLIEST");
    expect_text(c, all, "TOPIC.READ t FROM 0");
    expect_text(c, all, "TOPIC.READ t FROM 2 COUNT 3");
    expect_text(c, "[\"" E1 "\", [[3, 103, \"m3\"]]]", "TOPIC.READ t FROM 3 COUNT 1");
    expect_text(c, "[\"" E1 "\", [[4, 104, \"m4\"]]]", "TOPIC.READ t FROM last");
    expect_text(c, "[\"" E1 "\", []]", "TOPIC.READ t FROM 0 COUNT 0");
    expect_text(c, "[\"" E1 "\", []]", "TOPIC.READ t FROM 5");
    expect_text(c, "[\"" E1 "\", []]", "TOPIC.READ t FROM 9223372036854775807");
    /* A time before the last one's is the last one's. */
    expect_ok(c, "TOPIC.APPEND t 5 50 m5");
    expect_text(c, "[\"" E1 "\", [[5, 104, \"m5\"]]]", "TOPIC.READ t FROM LAST");
}

static void lists(void) {
    start();
    for (int i = 0; i < 300; i++) {
        expect_ok(c, "SET k%d x", i);
        if (i % 10 == 0) expect_ok(c, "TOPIC.CONFIG t%d RETAIN", i);
    }
    size_t found = 0, calls = 0;
    char cursor[32] = "0";
    do {
        redisReply *r = cmd(c, "TOPIC.LIST %s MATCH t* COUNT 20", cursor);
        snprintf(cursor, sizeof cursor, "%s", r->element[0]->str);
        found += r->element[1]->elements;
        freeReplyObject(r);
        calls++;
    } while (strcmp(cursor, "0") != 0);
    CU_ASSERT_EQUAL(found, 30);
    CU_ASSERT(calls > 5);
    redisReply *r = cmd(c, "SCAN 0 COUNT 1000 TYPE topic");
    CU_ASSERT_EQUAL(r->element[1]->elements, 30);
    freeReplyObject(r);
    expect_text(c, "[\"0\", [\"t20\"]]", "TOPIC.LIST 0 MATCH t20 COUNT 1000");
}

/* ---- publishing -------------------------------------------------------------------------- */

static void publishing_is_a_write(void) {
    start();
    redisContext *d = client_open(server);
    expect_ok(c, "TOPIC.CONFIG t RETAIN");
    expect_ok(c, "SELECT 3");
    expect_int(c, 0, "PUBLISH t from3");
    expect_int(c, 0, "DBSIZE");
    expect_ok(c, "SELECT 0");
    CU_ASSERT_EQUAL(info_of("t", "next-offset"), 1);
    /* A transaction that watches it fails. */
    expect_ok(d, "WATCH t");
    expect_int(c, 0, "PUBLISH t x");
    expect_ok(d, "MULTI");
    expect_status(d, "QUEUED", "PING");
    expect_nil(d, "EXEC");
    expect_int(c, 0, "SPUBLISH t x"); /* another name space */
    CU_ASSERT_EQUAL(info_of("t", "next-offset"), 2);
    /* It counts as a change. */
    expect_ok(c, "CONFIG RESETSTAT");
    long long before = 0;
    for (int i = 0; i < 2; i++) {
        redisReply *r = cmd(c, "INFO persistence");
        long long now = atoll(strstr(r->str, "rdb_changes_since_last_save:") + 28);
        freeReplyObject(r);
        if (i) CU_ASSERT_EQUAL(now, before + 1);
        before = now;
        if (!i) expect_int(c, 0, "PUBLISH t x");
    }
    CU_ASSERT(reply_has(cmd(c, "INFO commandstats"), "cmdstat_publish:calls=1,"));
    redisFree(d);
}

static void in_transactions_and_scripts(void) {
    start();
    expect_ok(c, "MULTI");
    expect_status(c, "QUEUED", "TOPIC.CONFIG t RETAIN EPOCH " E1);
    expect_status(c, "QUEUED", "PUBLISH t a");
    expect_status(c, "QUEUED", "PUBLISH u b");
    expect_text(c, "[OK, 0, 0]", "EXEC");
    CU_ASSERT_EQUAL(info_of("t", "next-offset"), 1);
    struct follower f = follow(3, "TOPIC.SUBSCRIBE t FROM 1\r\n");
    expect_heard(&f, "[\"tsubscribe\", \"t\", 1]");
    expect_ok(c, "MULTI");
    expect_status(c, "QUEUED", "PUBLISH t b");
    expect_status(c, "QUEUED", "PUBLISH t c");
    expect_text(c, "[1, 1]", "EXEC");
    expect_heard(&f, "[\"tmessage\", \"t\", \"" E1 "\", 1, \"b\"]");
    expect_heard(&f, "[\"tmessage\", \"t\", \"" E1 "\", 2, \"c\"]");
    expect_int(c, 1, "EVAL %s 1 t", "return redis.call('publish', KEYS[1], 'd')");
    expect_heard(&f, "[\"tmessage\", \"t\", \"" E1 "\", 3, \"d\"]");
    expect_int(c, 1, "EVAL %s 0",
               "redis.call('publish', 't', 'e') return redis.call('publish', 't', 'f')");
    expect_heard(&f, "[\"tmessage\", \"t\", \"" E1 "\", 4, \"e\"]");
    expect_heard(&f, "[\"tmessage\", \"t\", \"" E1 "\", 5, \"f\"]");
    expect_err_prefix(c, "ERR Write commands are not allowed from read-only scripts.",
                      "EVAL_RO %s 1 t", "return redis.call('publish', KEYS[1], 'g')");
    expect_err_prefix(c, "ERR Write commands are not allowed from read-only scripts.",
                      "EVAL_RO %s 0", "return redis.call('publish', 'u', 'g')");
    /* A script that takes long; others publish meanwhile, elsewhere and to the same. */
    struct follower slow =
        follow(2, "EVAL \"for i = 1, 3000 do redis.call('publish', KEYS[1], i) for j = 1, 2000 do "
                  "end end return 7\" 1 t\r\n");
    publish_many(c, "u", "", 100);
    publish_many(c, "t", "", 100);
    expect_heard(&slow, "7");
    f.next = 6;
    take_until(&f, 3106);
    CU_ASSERT_EQUAL(f.got, 3100);
    /* One that a transaction finds retained only on its way. */
    expect_int(c, 1, "DEL t");
    expect_ok(c, "MULTI");
    expect_status(c, "QUEUED", "EVAL %s 0", "for i = 1, 3000000 do end return 1");
    for (int i = 0; i < 2000; i++) redisAppendCommand(c, "PUBLISH t %d", i);
    for (int i = 0; i < 2000; i++) {
        void *r;
        CU_ASSERT_EQUAL(redisGetReply(c, &r), REDIS_OK);
        freeReplyObject(r);
    }
    redisAppendCommand(c, "EXEC");
    int done = 0;
    redisBufferWrite(c, &done);
    redisContext *d = client_open(server);
    expect_ok(d, "TOPIC.CONFIG t RETAIN EPOCH " E2);
    void *r;
    CU_ASSERT_EQUAL_FATAL(redisGetReply(c, &r), REDIS_OK);
    CU_ASSERT_EQUAL(((redisReply *)r)->elements, 2001);
    freeReplyObject(r);
    long long kept = info_of("t", "length");
    CU_ASSERT(kept == 0 || kept == 2000);
    redisFree(d);
    unfollow(&f);
    unfollow(&slow);
}

static void without_memory_it_is_refused(void) {
    start();
    expect_ok(c, "TOPIC.CONFIG t RETAIN");
    expect_ok(c, "CONFIG SET maxmemory 1");
    static const char oom[] = "OOM command not allowed when used memory > 'maxmemory'.";
    expect_err(c, oom, "PUBLISH t x");
    expect_int(c, 0, "PUBLISH u x"); /* keeps nothing */
    expect_err(c, oom, "TOPIC.CONFIG u RETAIN");
    expect_err(c, oom, "TOPIC.APPEND t 0 0 x");
    expect_err_prefix(c, "OOM", "EVAL %s 1 t", "return redis.call('publish', KEYS[1], 'x')");
    expect_ok(c, "MULTI");
    expect_err(c, oom, "PUBLISH t x");
    expect_err_prefix(c, "EXECABORT", "EXEC");
    expect_ok(c, "CONFIG SET maxmemory 0");
    CU_ASSERT_EQUAL(info_of("t", "next-offset"), 0);
    /* As any key it may have to go. */
    expect_ok(c, "CONFIG SET maxmemory-policy allkeys-lru maxmemory 1");
    for (int i = 0; i < 10 && reply_int(cmd(c, "EXISTS t")); i++)
        freeReplyObject(cmd(c, "SET x y"));
    expect_int(c, 0, "EXISTS t");
    expect_ok(c, "CONFIG SET maxmemory-policy noeviction maxmemory 0");
}

static void events_are_told(void) {
    start();
    expect_ok(c, "CONFIG SET notify-keyspace-events KEd");
    struct follower f = follow(3, "PSUBSCRIBE __key*\r\n");
    expect_heard(&f, "[\"psubscribe\", \"__key*\", 1]");
    expect_ok(c, "TOPIC.CONFIG t RETAIN");
    expect_heard(&f, "[\"pmessage\", \"__key*\", \"__keyspace@0__:t\", \"topic.config\"]");
    expect_heard(&f, "[\"pmessage\", \"__key*\", \"__keyevent@0__:topic.config\", \"t\"]");
    expect_ok(c, "TOPIC.CONFIG t RETAIN"); /* changes nothing */
    expect_ok(c, "SELECT 2");
    expect_int(c, 0, "PUBLISH t x");
    expect_ok(c, "SELECT 0");
    expect_heard(&f, "[\"pmessage\", \"__key*\", \"__keyspace@0__:t\", \"topic.publish\"]");
    expect_heard(&f, "[\"pmessage\", \"__key*\", \"__keyevent@0__:topic.publish\", \"t\"]");
    /* Events are no PUBLISH: a topic of such a name keeps none. */
    expect_ok(c, "TOPIC.CONFIG __keyevent@0__:topic.publish RETAIN");
    for (int i = 0; i < 2; i++) freeReplyObject(hear(&f));
    expect_int(c, 0, "PUBLISH t x");
    for (int i = 0; i < 2; i++) freeReplyObject(hear(&f));
    CU_ASSERT_EQUAL(info_of("__keyevent@0__:topic.publish", "next-offset"), 0);
    expect_ok(c, "CONFIG SET notify-keyspace-events %s", "");
    unfollow(&f);
}

/* ---- following ----------------------------------------------------------------------------- */

#define MESSAGE(sign, offset, text)                                                                \
    sign "5\r\n$8\r\ntmessage\r\n$1\r\nt\r\n$16\r\n" E1 "\r\n:" offset "\r\n" text "\r\n"

static void the_bytes(void) {
    start();
    expect_ok(c, "TOPIC.CONFIG t RETAIN EPOCH " E1);
    publish_many(c, "t", "m", 2);
    int s = client_open_raw(server);
    expect_raw(s, "TOPIC.SUBSCRIBE t FROM EARLIEST\r\n",
               "*3\r\n$10\r\ntsubscribe\r\n$1\r\nt\r\n:1\r\n" MESSAGE("*", "0", "$2\r\nm0")
                   MESSAGE("*", "1", "$2\r\nm1"));
    expect_int(c, 1, "PUBLISH t live");
    expect_raw(s, "", MESSAGE("*", "2", "$4\r\nlive"));
    expect_raw(s, "GET k\r\n",
               "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / "
               "RESET are allowed in this context\r\n");
    expect_raw(s, "PING\r\n", "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    expect_raw(s, "SUBSCRIBE t\r\n", "*3\r\n$9\r\nsubscribe\r\n$1\r\nt\r\n:1\r\n");
    expect_int(c, 2, "PUBLISH t both");
    expect_raw(s, "",
               "*3\r\n$7\r\nmessage\r\n$1\r\nt\r\n$4\r\nboth\r\n" MESSAGE("*", "3", "$4\r\nboth"));
    CU_ASSERT_EQUAL(info_of("t", "subscribers"), 1);
    CU_ASSERT(reply_has(cmd(c, "CLIENT LIST TYPE pubsub"), " tsub=1"));
    CU_ASSERT(reply_has(cmd(c, "INFO stats"), "topic_subscriptions:1\r\n"));
    /* Anew, from another place. */
    expect_raw(s, "TOPIC.SUBSCRIBE t FROM LAST\r\n",
               "*3\r\n$10\r\ntsubscribe\r\n$1\r\nt\r\n:1\r\n" MESSAGE("*", "3", "$4\r\nboth"));
    expect_raw(s, "TOPIC.UNSUBSCRIBE x\r\n", "*3\r\n$12\r\ntunsubscribe\r\n$1\r\nx\r\n:1\r\n");
    expect_raw(s, "TOPIC.UNSUBSCRIBE\r\nTOPIC.UNSUBSCRIBE\r\nUNSUBSCRIBE\r\nGET k\r\n",
               "*3\r\n$12\r\ntunsubscribe\r\n$1\r\nt\r\n:0\r\n"
               "*3\r\n$12\r\ntunsubscribe\r\n$-1\r\n:0\r\n"
               "*3\r\n$11\r\nunsubscribe\r\n$1\r\nt\r\n:0\r\n$-1\r\n");
    close(s);
    struct follower f = follow(3, "TOPIC.SUBSCRIBE t FROM 3\r\n");
    expect_raw(f.fd, "",
               ">3\r\n$10\r\ntsubscribe\r\n$1\r\nt\r\n:1\r\n" MESSAGE(">", "3", "$4\r\nboth"));
    expect_raw(f.fd, "GET k\r\nPUBLISH t self\r\nPING\r\n",
               "_\r\n:1\r\n" MESSAGE(">", "4", "$4\r\nself") "+PONG\r\n");
    expect_int(c, 1, "PUBLISH t %b", "", (size_t)0);
    expect_raw(f.fd, "", MESSAGE(">", "5", "$0\r\n"));
    expect_raw(f.fd, "CLIENT REPLY OFF\r\nTOPIC.UNSUBSCRIBE t\r\n",
               ">3\r\n$12\r\ntunsubscribe\r\n$1\r\nt\r\n:0\r\n");
    unfollow(&f);
}

static void places(void) {
    start();
    expect_ok(c, "TOPIC.CONFIG t RETAIN COUNT 3 EPOCH " E1);
    publish_many(c, "t", "m", 10);
    struct follower f = follow(3, "TOPIC.SUBSCRIBE t FROM 2 EPOCH " E1 "\r\n");
    expect_heard(&f, "[\"tsubscribe\", \"t\", 1]");
    expect_heard(&f, "[\"lag\", \"t\", 5]");
    expect_heard(&f, "[\"tmessage\", \"t\", \"" E1 "\", 7, \"m7\"]");
    expect_heard(&f, "[\"tmessage\", \"t\", \"" E1 "\", 8, \"m8\"]");
    expect_heard(&f, "[\"tmessage\", \"t\", \"" E1 "\", 9, \"m9\"]");
    say(&f, "TOPIC.SUBSCRIBE t FROM 10\r\n");
    expect_heard(&f, "[\"tsubscribe\", \"t\", 1]");
    say(&f, "TOPIC.SUBSCRIBE t FROM 11\r\n"); /* it has not come so far: another one's place */
    expect_heard(&f, "[\"tsubscribe\", \"t\", 1]");
    expect_heard(&f, "[\"reset\", \"t\", \"" E1 "\", 7]");
    for (int i = 0; i < 3; i++) freeReplyObject(hear(&f));
    say(&f, "TOPIC.SUBSCRIBE t FROM 9 EPOCH " E2 "\r\n");
    expect_heard(&f, "[\"tsubscribe\", \"t\", 1]");
    expect_heard(&f, "[\"reset\", \"t\", \"" E1 "\", 7]");
    for (int i = 0; i < 3; i++) freeReplyObject(hear(&f));
    say(&f, "TOPIC.SUBSCRIBE t FROM LAST EPOCH " E2 "\r\n");
    expect_heard(&f, "[\"tsubscribe\", \"t\", 1]");
    expect_heard(&f, "[\"reset\", \"t\", \"" E1 "\", 9]");
    expect_heard(&f, "[\"tmessage\", \"t\", \"" E1 "\", 9, \"m9\"]");
    /* What is added otherwise is heard as well. */
    expect_ok(c, "TOPIC.APPEND t 10 9999999999999 m10");
    expect_heard(&f, "[\"tmessage\", \"t\", \"" E1 "\", 10, \"m10\"]");
    /* A message that is not kept goes to those who are there. */
    expect_ok(c, "TOPIC.CONFIG t RETAIN BYTES 20");
    expect_int(c, 1, "PUBLISH t %s", "too long to be kept");
    expect_heard(&f, "[\"tmessage\", \"t\", \"" E1 "\", 11, \"too long to be kept\"]");
    say(&f, "TOPIC.SUBSCRIBE t FROM 11\r\n");
    expect_heard(&f, "[\"tsubscribe\", \"t\", 1]");
    expect_heard(&f, "[\"lag\", \"t\", 1]");
    unfollow(&f);
}

/* What becomes of the key, and what its subscribers hear of that. */
static void the_key_goes_and_comes(void) {
    start();
    struct follower plain = follow(3, "SUBSCRIBE t\r\n");
    freeReplyObject(hear(&plain));
    expect_ok(c, "TOPIC.CONFIG t RETAIN EPOCH " E1);
    publish_many(c, "t", "m", 2);
    struct follower f = follow(3, "TOPIC.SUBSCRIBE t FROM 1\r\n");
    expect_heard(&f, "[\"tsubscribe\", \"t\", 1]");
    expect_heard(&f, "[\"tmessage\", \"t\", \"" E1 "\", 1, \"m1\"]");
    /* Deleted: it is a channel. Made again: it is another one. */
    expect_int(c, 1, "DEL t");
    expect_int(c, 1, "PUBLISH t channel");
    expect_ok(c, "TOPIC.CONFIG t RETAIN EPOCH " E2);
    expect_heard(&f, "[\"reset\", \"t\", \"" E2 "\", 0]");
    expect_int(c, 2, "PUBLISH t n0");
    expect_heard(&f, "[\"tmessage\", \"t\", \"" E2 "\", 0, \"n0\"]");
    /* Away and back: what came meanwhile follows. */
    expect_ok(c, "RENAME t u");
    expect_int(c, 0, "PUBLISH u n1");
    expect_ok(c, "RENAME u t");
    expect_heard(&f, "[\"tmessage\", \"t\", \"" E2 "\", 1, \"n1\"]");
    /* As it once was: it has not come so far. */
    redisReply *dump = cmd(c, "DUMP t");
    expect_int(c, 2, "PUBLISH t n2");
    expect_heard(&f, "[\"tmessage\", \"t\", \"" E2 "\", 2, \"n2\"]");
    expect_ok(c, "RESTORE t 0 %b REPLACE", dump->str, dump->len);
    freeReplyObject(dump);
    expect_heard(&f, "[\"reset\", \"t\", \"" E2 "\", 0]");
    expect_heard(&f, "[\"tmessage\", \"t\", \"" E2 "\", 0, \"n0\"]");
    expect_heard(&f, "[\"tmessage\", \"t\", \"" E2 "\", 1, \"n1\"]");
    /* In another database it is none; databases change places. */
    expect_int(c, 1, "MOVE t 1");
    expect_int(c, 1, "PUBLISH t channel");
    expect_ok(c, "SWAPDB 0 1");
    expect_int(c, 2, "PUBLISH t n2");
    expect_heard(&f, "[\"tmessage\", \"t\", \"" E2 "\", 2, \"n2\"]");
    expect_ok(c, "SWAPDB 0 1");
    expect_ok(c, "TOPIC.CONFIG t RETAIN EPOCH " E1);
    expect_heard(&f, "[\"reset\", \"t\", \"" E1 "\", 0]");
    expect_ok(c, "SWAPDB 0 1");
    expect_heard(&f, "[\"reset\", \"t\", \"" E2 "\", 0]");
    for (int i = 0; i < 3; i++) freeReplyObject(hear(&f));
    /* Its time, all keys, another value. */
    expect_int(c, 1, "PEXPIRE t 20");
    for (int i = 0; i < 500 && reply_int(cmd(c, "EXISTS t")); i++) server_sleep_ms(10);
    expect_int(c, 1, "PUBLISH t channel");
    expect_ok(c, "SET t string");
    expect_int(c, 1, "PUBLISH t channel");
    expect_ok(c, "FLUSHALL");
    expect_ok(c, "TOPIC.CONFIG t RETAIN EPOCH " E1);
    expect_heard(&f, "[\"reset\", \"t\", \"" E1 "\", 0]");
    expect_int(c, 2, "PUBLISH t last");
    expect_heard(&f, "[\"tmessage\", \"t\", \"" E1 "\", 0, \"last\"]");
    static const char *const heard[] = {"m0",      "m1", "channel", "n0",      "n2",
                                        "channel", "n2", "channel", "channel", "last"};
    for (int i = 0; i < 10; i++) {
        char want[64];
        snprintf(want, sizeof want, "[\"message\", \"t\", \"%s\"]", heard[i]);
        expect_heard(&plain, want);
    }
    unfollow(&f);
    unfollow(&plain);
}

static void who_leaves_is_gone(void) {
    start();
    enum { QUITS = 1 };
    static const char *const ways[] = {"RESET\r\n", "QUIT\r\n", "TOPIC.UNSUBSCRIBE\r\n", NULL};
    expect_ok(c, "TOPIC.CONFIG t RETAIN COUNT 0 BYTES 0");
    expect_ok(c, "TOPIC.CONFIG u RETAIN");
    publish_many(c, "t", "some text for messages ", 100000);
    for (int slow = 0; slow < 2; slow++) {
        for (int i = 0; i < 4; i++) {
            struct follower f = follow(slow ? 2 : 3, "TOPIC.SUBSCRIBE u FROM 0\r\n"
                                                     "TOPIC.SUBSCRIBE t FROM 0\r\n");
            CU_ASSERT(topic_becomes("t", "subscribers", 1));
            if (!slow) take_until(&f, 100000);
            if (ways[i]) {
                say(&f, ways[i]);
            } else {
                unfollow(&f);
            }
            if (i == QUITS) take_all(&f);
            CU_ASSERT(topic_becomes("t", "subscribers", 0));
            CU_ASSERT_EQUAL(info_of("u", "subscribers"), 0);
            if (ways[i]) unfollow(&f);
        }
    }
    struct follower f = follow(3, "TOPIC.SUBSCRIBE t FROM 0\r\n");
    CU_ASSERT(topic_becomes("t", "subscribers", 1));
    expect_int(c, 1, "CLIENT KILL TYPE pubsub");
    CU_ASSERT(topic_becomes("t", "subscribers", 0));
    expect_int(c, 0, "PUBLISH t x");
    unfollow(&f);
}

/* ---- publishers that run meanwhile ------------------------------------------------------------
 */

#define PUBLISHERS 2
#define FOLLOWERS 6
#define EACH 15000

struct publisher {
    redisContext *by;
    char name[8];
};

static void *run_publisher(void *arg) {
    struct publisher *p = arg;
    publish_many(p->by, "t", p->name, EACH);
    return NULL;
}

/* Every message once, in order, and those of one publisher in his. */
struct listener {
    struct follower f;
    bool ok;
};

static void *run_follower(void *arg) {
    struct listener *l = arg;
    char payload[64];
    int next[PUBLISHERS] = {0};
    l->ok = true;
    uint64_t from = l->f.next;
    while (l->ok && l->f.next < PUBLISHERS * EACH) {
        l->ok = take(&l->f, payload, sizeof payload);
        if (!*payload) continue;
        int who = *payload - 'a', number = atoi(payload + 2);
        if (from == 0 || next[who]) l->ok = l->ok && number == next[who];
        next[who] = number + 1;
    }
    return NULL;
}

static void no_gap_and_no_double(void) {
    start();
    struct publisher publishers[PUBLISHERS];
    struct listener followers[FOLLOWERS];
    pthread_t threads[PUBLISHERS + FOLLOWERS];
    expect_ok(c, "TOPIC.CONFIG t RETAIN COUNT 0 BYTES 0");
    for (int i = 0; i < PUBLISHERS; i++) {
        publishers[i].by = client_open(server);
        snprintf(publishers[i].name, sizeof publishers[i].name, "%c:", 'a' + i);
        pthread_create(&threads[i], NULL, run_publisher, &publishers[i]);
    }
    for (int i = 0; i < FOLLOWERS; i++) {
        char text[64];
        uint64_t from = (uint64_t)info_of("t", "next-offset") / (uint64_t)(1 + i % 3);
        if (i % 2 == 0) from = 0;
        snprintf(text, sizeof text, "TOPIC.SUBSCRIBE t FROM %llu\r\n", (unsigned long long)from);
        followers[i] = (struct listener){.f = follow(i % 2 ? 2 : 3, text)};
        followers[i].f.next = from;
        pthread_create(&threads[PUBLISHERS + i], NULL, run_follower, &followers[i]);
        server_sleep_ms(20);
    }
    for (int i = 0; i < PUBLISHERS + FOLLOWERS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < PUBLISHERS; i++) redisFree(publishers[i].by);
    for (int i = 0; i < FOLLOWERS; i++) {
        CU_ASSERT(followers[i].ok);
        CU_ASSERT_EQUAL(followers[i].f.missed, 0);
        CU_ASSERT_EQUAL(followers[i].f.next, PUBLISHERS * EACH);
        unfollow(&followers[i].f);
    }
    CU_ASSERT_EQUAL(info_of("t", "next-offset"), PUBLISHERS * EACH);
}

/* The same where what is told waits until it is on disk. */
static void the_same_beside_a_log(void) {
    struct server *plain = server;
    redisContext *to_plain = c;
    server =
        server_start((const char *const[]){"--appendonly", "yes", "--appendfsync", "always", NULL});
    c = client_open(server);
    no_gap_and_no_double();
    redisFree(c);
    server_stop(server);
    server = plain;
    c = to_plain;
}

/* One that does not read costs little, and hears exactly how much he has missed. */
static void a_slow_one_is_told_what_he_missed(void) {
    start();
    char *text = malloc(1001);
    memset(text, 'x', 1000);
    text[1000] = 0;
    expect_ok(c, "TOPIC.CONFIG t RETAIN COUNT 500");
    struct follower slow = follow(3, "TOPIC.SUBSCRIBE t FROM 0\r\n");
    struct follower quick = follow(2, "TOPIC.SUBSCRIBE t FROM 0\r\n");
    freeReplyObject(hear(&slow));
    enum { COUNT = 40000 };
    for (int i = 0; i < COUNT / 400; i++) {
        publish_many(c, "t", text, 400);
        take_until(&quick, (uint64_t)(i + 1) * 400);
    }
    CU_ASSERT_EQUAL(quick.missed, 0);
    redisReply *list = cmd(c, "CLIENT LIST TYPE pubsub");
    long long most = 0;
    for (const char *at = list->str; (at = strstr(at, " tot-mem="));) {
        long long v = atoll(at += 9);
        if (v > most) most = v;
    }
    CU_ASSERT(most < 1024 * 1024);
    freeReplyObject(list);
    take_until(&slow, COUNT);
    CU_ASSERT(slow.missed > 0);
    CU_ASSERT_EQUAL(slow.got + slow.missed, COUNT);
    /* And he is up with it again. */
    expect_int(c, 2, "PUBLISH t end");
    take_until(&slow, COUNT + 1);
    take_until(&quick, COUNT + 1);
    unfollow(&slow);
    unfollow(&quick);
    free(text);
}

/* Large messages are shared, by replays and as they come. */
static void large_messages(void) {
    start();
    size_t n = 300000;
    char *text = malloc(n);
    for (size_t i = 0; i < n; i++) text[i] = (char)('a' + i % 26);
    expect_ok(c, "TOPIC.CONFIG t RETAIN");
    for (int i = 0; i < 20; i++) expect_int(c, 0, "PUBLISH t %b", text, n - (size_t)i);
    struct follower f = follow(3, "TOPIC.SUBSCRIBE t FROM 0\r\n");
    freeReplyObject(hear(&f));
    for (int i = 0; i < 40; i++) {
        if (i >= 20) expect_int(c, 1, "PUBLISH t %b", text, n - (size_t)i);
        redisReply *r = hear(&f);
        CU_ASSERT_PTR_NOT_NULL_FATAL(r);
        CU_ASSERT_EQUAL(r->element[3]->integer, i);
        CU_ASSERT_EQUAL_FATAL(r->element[4]->len, n - (size_t)i);
        CU_ASSERT_EQUAL(memcmp(r->element[4]->str, text, n - (size_t)i), 0);
        freeReplyObject(r);
    }
    redisReply *r = cmd(c, "TOPIC.READ t FROM 3 COUNT 10");
    CU_ASSERT_EQUAL_FATAL(r->element[1]->elements, 10);
    CU_ASSERT_EQUAL(r->element[1]->element[9]->element[2]->len, n - 12);
    freeReplyObject(r);
    unfollow(&f);
    free(text);
}

/* One session that is behind in many topics gets all of them. */
static void many_topics_at_once(void) {
    start();
    enum { TOPICS = 30, MESSAGES = 2000 };
    uint64_t next[TOPICS] = {0};
    char first[64 * TOPICS] = "";
    for (int i = 0; i < TOPICS; i++) {
        char topic[16];
        snprintf(topic, sizeof topic, "t%d", i);
        expect_ok(c, "TOPIC.CONFIG %s RETAIN", topic);
        publish_many(c, topic, "a message ", MESSAGES);
        sprintf(first + strlen(first), "TOPIC.SUBSCRIBE t%d FROM EARLIEST\r\n", i);
    }
    struct follower f = follow(3, first);
    for (int left = TOPICS * MESSAGES; left;) {
        redisReply *r = hear(&f);
        CU_ASSERT_PTR_NOT_NULL_FATAL(r);
        if (is_kind(r, "tmessage")) {
            CU_ASSERT_EQUAL_FATAL((uint64_t)r->element[3]->integer,
                                  next[atoi(r->element[1]->str + 1)]++);
            left--;
        }
        freeReplyObject(r);
    }
    unfollow(&f);
}

/* A reply of TOPIC.READ that nobody takes does not stop who publishes. */
static void a_long_reply_stops_nobody(void) {
    start();
    expect_ok(c, "TOPIC.CONFIG t RETAIN COUNT 0 BYTES 0");
    publish_many(c, "t", "the text of a message, some bytes long, and then a number: ", 60000);
    struct follower f = follow(3, "TOPIC.READ t FROM EARLIEST\r\n");
    server_sleep_ms(50);
    for (int i = 0; i < 100; i++) expect_int(c, 0, "PUBLISH t more");
    expect_ok(c, "TOPIC.CONFIG t RETAIN COUNT 10");
    redisReply *r = hear(&f);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r);
    CU_ASSERT_EQUAL(r->element[1]->elements, 60000);
    CU_ASSERT_EQUAL(r->element[1]->element[59999]->element[0]->integer, 59999);
    freeReplyObject(r);
    unfollow(&f);
}

/* ---- anything in any order ----------------------------------------------------------------- */

#define STEPS 6000
#define TOPICS_RANDOM 3
#define REQUESTS_MAX 4096

/* What there must be: the message of an epoch and an offset is made of these. */
static struct {
    bool there;
    unsigned epoch;
    uint64_t next;
} model[TOPICS_RANDOM];

/* What a follower must hear next of a topic. */
struct expected {
    bool on, known; /* the offset is the next message's, else any not before it */
    uint64_t offset;
    unsigned epoch; /* 0: not known yet */
};

struct random_follower {
    struct follower f;
    struct expected of[TOPICS_RANDOM];
    uint64_t asked[REQUESTS_MAX]; /* offsets, UINT64_MAX: EARLIEST or LAST; by request */
    int requests, answered;
    uint64_t lags, resets;
};

static unsigned seed;
static unsigned choose(unsigned n) {
    seed = seed * 1103515245 + 12345;
    return (seed >> 16) % n;
}

static bool heard_message(struct expected *want, const redisReply *r, int topic) {
    char text[64];
    uint64_t offset = (uint64_t)r->element[3]->integer;
    unsigned epoch = (unsigned)strtoul(r->element[2]->str, NULL, 16);
    int n = snprintf(text, sizeof text, "%d:%u:%llu:", topic, epoch, (unsigned long long)offset);
    bool ok = want->on && (want->known ? offset == want->offset : offset >= want->offset) &&
              (!want->epoch || want->epoch == epoch) &&
              strncmp(r->element[4]->str, text, (size_t)n) == 0;
    *want = (struct expected){true, true, offset + 1, epoch};
    return ok;
}

static bool heard(struct random_follower *x, const redisReply *r) {
    if (r->type != REDIS_REPLY_ARRAY || r->elements < 3) return false;
    const char *what = r->element[0]->str;
    int topic = r->element[1]->str[0] - '0';
    struct expected *want = &x->of[topic];
    if (strcmp(what, "tmessage") == 0) return heard_message(want, r, topic);
    if (strcmp(what, "tsubscribe") == 0) {
        uint64_t offset = x->asked[x->answered++];
        bool known = offset != UINT64_MAX;
        *want = (struct expected){true, known, known ? offset : 0, 0};
        return true;
    }
    if (strcmp(what, "tunsubscribe") == 0) {
        want->on = false;
        return true;
    }
    if (!want->on) return false;
    if (strcmp(what, "lag") == 0) {
        x->lags++;
        want->offset += (uint64_t)r->element[2]->integer;
        return want->known;
    }
    x->resets++;
    *want = (struct expected){true, true, (uint64_t)r->element[3]->integer,
                              (unsigned)strtoul(r->element[2]->str, NULL, 16)};
    return strcmp(what, "reset") == 0;
}

static void hear_one(struct random_follower *x) {
    redisReply *r = hear(&x->f);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r);
    if (!heard(x, r)) {
        char *text = client_text(r);
        fprintf(stderr, "not expected: %.200s\n", text);
        CU_FAIL_FATAL("not expected");
    }
    freeReplyObject(r);
}

/* Takes some of what has come. */
static void hear_some(struct random_follower *x) {
    struct pollfd p = {.fd = x->f.fd, .events = POLLIN};
    for (unsigned n = choose(200); n && poll(&p, 1, 0) == 1; n--) hear_one(x);
}

static void publish_random(int topic) {
    char text[4096];
    int n = snprintf(text, sizeof text, "%d:%u:%llu:", topic, model[topic].epoch,
                     (unsigned long long)model[topic].next);
    size_t more = choose(20) ? choose(30) : choose(3000);
    if (!model[topic].there) return;
    memset(text + n, 'x', more);
    freeReplyObject(cmd(c, "PUBLISH %d %b", topic, text, (size_t)n + more));
    model[topic].next++;
}

static void make_random(int topic) {
    if (model[topic].there) return;
    static unsigned last_epoch;
    model[topic].there = true;
    model[topic].epoch = ++last_epoch;
    model[topic].next = 0;
    char text[96];
    snprintf(text, sizeof text, "TOPIC.CONFIG %d RETAIN EPOCH %016x COUNT %u", topic, last_epoch,
             choose(3) ? 10 + choose(300) : 0);
    expect_ok(c, text);
}

static void subscribe_random(struct random_follower *x, int topic) {
    char text[96];
    if (!model[topic].there || x->requests == REQUESTS_MAX) return;
    uint64_t from = choose((unsigned)model[topic].next + 1);
    unsigned how = choose(4);
    if (how < 2) {
        snprintf(text, sizeof text, "TOPIC.SUBSCRIBE %d FROM %s\r\n", topic,
                 how ? "LAST" : "EARLIEST");
    } else {
        snprintf(text, sizeof text, "TOPIC.SUBSCRIBE %d FROM %llu\r\n", topic,
                 (unsigned long long)from);
    }
    x->asked[x->requests++] = how < 2 ? UINT64_MAX : from;
    say(&x->f, text);
    hear_some(x);
    while (x->answered < x->requests) hear_one(x); /* before anything else is changed */
}

static void change_random(struct random_follower *x, int topic) {
    char text[64];
    switch (choose(8)) {
    case 0:
        freeReplyObject(cmd(c, "DEL %d", topic));
        model[topic].there = false;
        break;
    case 1:
    case 2: make_random(topic); break;
    case 3:
        if (!model[topic].there) return;
        expect_ok(c, "RENAME %d away", topic);
        server_sleep_ms((int)choose(3));
        expect_ok(c, "RENAME away %d", topic);
        break;
    case 4:
        if (model[topic].there) expect_ok(c, "TOPIC.CONFIG %d RETAIN COUNT %d", topic, choose(500));
        break;
    case 5:
        snprintf(text, sizeof text, "TOPIC.UNSUBSCRIBE %d\r\n", topic);
        say(&x->f, text);
        break;
    default: subscribe_random(x, topic);
    }
}

static void any_order_keeps_the_promise(void) {
    struct random_follower *all = calloc(FOLLOWERS, sizeof *all);
    uint64_t lags = 0, resets = 0;
    start();
    memset(model, 0, sizeof model);
    seed = 4711;
    for (int i = 0; i < FOLLOWERS; i++) all[i].f = follow(i % 2 ? 2 : 3, "");
    for (int i = 0; i < STEPS; i++) {
        unsigned what = choose(100);
        struct random_follower *x = &all[choose(FOLLOWERS)];
        int topic = (int)choose(TOPICS_RANDOM);
        if (what < 85) {
            publish_random(topic);
        } else if (what < 93) {
            change_random(x, topic);
        } else if (x != &all[0]) { /* who reads only what he must */
            hear_some(x);
        }
    }
    for (int topic = 0; topic < TOPICS_RANDOM; topic++) {
        make_random(topic);
        expect_ok(c, "TOPIC.CONFIG %d RETAIN COUNT 10", topic);
        publish_random(topic);
    }
    for (int i = 0; i < FOLLOWERS; i++) {
        for (int topic = 0; topic < TOPICS_RANDOM; topic++) {
            struct expected *want = &all[i].of[topic];
            say(&all[i].f, "PING\r\n"); /* whoever has unsubscribed has told it before this */
            for (bool pong = false; !pong;) {
                redisReply *r = hear(&all[i].f);
                CU_ASSERT_PTR_NOT_NULL_FATAL(r);
                pong =
                    r->type == REDIS_REPLY_STATUS || (r->elements == 2 && r->element[1]->len == 0);
                if (!pong) CU_ASSERT_FATAL(heard(&all[i], r));
                freeReplyObject(r);
            }
            while (want->on &&
                   (want->offset != model[topic].next || want->epoch != model[topic].epoch))
                hear_one(&all[i]);
        }
        lags += all[i].lags;
        resets += all[i].resets;
        unfollow(&all[i].f);
    }
    CU_ASSERT(lags > 0 && resets > 0);
    free(all);
}

/* ---- files ------------------------------------------------------------------------------------
 */

static char *digest_of(redisContext *of) { return reply_text(cmd(of, "DEBUG DIGEST")); }

static void fill(redisContext *to) {
    char text[3000];
    memset(text, 'y', sizeof text);
    expect_ok(to, "FLUSHALL");
    expect_ok(to, "TOPIC.CONFIG t RETAIN COUNT 50 MS 1000000");
    publish_many(to, "t", "m", 200);
    for (int i = 0; i < 20; i++) expect_int(to, 0, "PUBLISH t %b", text, (size_t)i * 150);
    expect_ok(to, "TOPIC.CONFIG empty RETAIN BYTES 7 COUNT 9");
    expect_ok(to, "TOPIC.CONFIG old RETAIN MS 30");
    publish_many(to, "old", "m", 100);
    expect_ok(to, "MULTI");
    expect_status(to, "QUEUED", "PUBLISH t x");
    expect_status(to, "QUEUED", "SET k v");
    expect_text(to, "[0, OK]", "EXEC");
    expect_int(to, 0, "EVAL %s 0", "return redis.call('publish', 't', 'y')");
    expect_ok(to, "SELECT 2");
    expect_int(to, 0, "PUBLISH t z");
    expect_ok(to, "SELECT 0");
    expect_int(to, 1, "COPY t t2 DB 1");
    server_sleep_ms(40);
    expect_ok(to, "TOPIC.CONFIG old RETAIN MS 100000000"); /* what was hidden is gone */
    publish_many(to, "old", "n", 3);
}

static void outlives_a_restart(void) {
    static const char *const logged[] = {
        "--appendonly", "yes", "--appendfsync", "always", "--enable-debug-command", "yes", NULL};
    static const char *const saved[] = {"--enable-debug-command", "yes", NULL};
    for (int by_log = 0; by_log < 2; by_log++) {
        const char *const *args = by_log ? logged : saved;
        struct server *s = server_start(args);
        redisContext *d = client_open(s);
        fill(d);
        redisReply *info = cmd(d, "TOPIC.INFO t");
        char *before = digest_of(d), *then = client_text(info);
        freeReplyObject(info);
        if (!by_log) expect_ok(d, "SAVE");
        if (by_log) {
            expect_status(d, "Background append only file rewriting started", "BGREWRITEAOF");
            publish_many(d, "empty", "m", 10);
            free(before);
            before = digest_of(d);
        }
        for (int i = 0; i < 2; i++) {
            d = (stop_hard(s, d), again(s, args));
            char *after = digest_of(d), *now = reply_text(cmd(d, "TOPIC.INFO t"));
            CU_ASSERT_STRING_EQUAL(after, before);
            CU_ASSERT_STRING_EQUAL(now, then);
            free(after);
            free(now);
        }
        /* Messages go on where they were. */
        expect_int(d, 0, "PUBLISH t next");
        redisReply *r = cmd(d, "TOPIC.READ t FROM LAST");
        CU_ASSERT_EQUAL(r->element[1]->element[0]->element[0]->integer, 223);
        freeReplyObject(r);
        free(before);
        free(then);
        redisFree(d);
        server_stop(s);
    }
}

/* What is published while a snapshot is written is not in it, and all before is. */
static void snapshots_are_of_one_instant(void) {
    start();
    expect_ok(c, "TOPIC.CONFIG t RETAIN COUNT 0 BYTES 0 EPOCH " E1);
    char text[301];
    memset(text, 'z', 300);
    text[300] = 0;
    for (int round = 0; round < 5; round++) {
        publish_many(c, "t", text, 3000);
        long long next = info_of("t", "next-offset");
        expect_status(c, "Background saving started", "BGSAVE");
        publish_many(c, "t", text, 500);
        for (int i = 0; i < 1000; i++) {
            redisReply *r = cmd(c, "INFO persistence");
            bool over = strstr(r->str, "rdb_bgsave_in_progress:0");
            freeReplyObject(r);
            if (over) break;
            server_sleep_ms(10);
        }
        char path[PATH_BYTES], command[2 * PATH_BYTES];
        path_of(server, "dump.rdb", path);
        struct server *other = server_start(NULL);
        snprintf(command, sizeof command, "cp %s %s/", path, server_dir(other));
        CU_ASSERT_EQUAL(system(command), 0);
        server_signal(other, SIGKILL);
        server_wait(other, 5000);
        redisContext *d = again(other, NULL);
        redisReply *r = cmd(d, "TOPIC.INFO t");
        CU_ASSERT_EQUAL(r->element[5]->integer, next);
        freeReplyObject(r);
        redisFree(d);
        server_stop(other);
        expect_ok(c, "TOPIC.CONFIG t RETAIN COUNT 0 BYTES 0");
    }
}

static void goes_where_keys_go(void) {
    start();
    expect_ok(c, "TOPIC.CONFIG t RETAIN EPOCH " E1);
    publish_many(c, "t", "m", 100);
    char *of_t = reply_text(cmd(c, "DEBUG DIGEST-VALUE t"));
    redisReply *dump = cmd(c, "DUMP t");
    expect_ok(c, "RESTORE r 0 %b", dump->str, dump->len);
    expect_int(c, 1, "COPY t cp");
    char *of_r = reply_text(cmd(c, "DEBUG DIGEST-VALUE r"));
    char *of_cp = reply_text(cmd(c, "DEBUG DIGEST-VALUE cp"));
    CU_ASSERT_STRING_EQUAL(of_r, of_t);
    CU_ASSERT_STRING_EQUAL(of_cp, of_t);
    expect_int(c, 0, "PUBLISH cp x");
    CU_ASSERT_EQUAL(info_of("t", "length"), 100);
    CU_ASSERT_EQUAL(info_of("cp", "length"), 101);
    /* Damaged payloads are refused: all bytes, the checksum made right by DEBUG. */
    expect_err(c, "ERR DUMP payload version or checksum are wrong", "RESTORE x 0 %b", dump->str,
               dump->len - 1);
    freeReplyObject(dump);
    expect_int(c, 1, "PEXPIRE r 1");
    for (int i = 0; i < 500 && reply_int(cmd(c, "EXISTS r")); i++) server_sleep_ms(5);
    redisReply *random = cmd(c, "RANDOMKEY");
    CU_ASSERT(random->type == REDIS_REPLY_STRING);
    freeReplyObject(random);
    expect_ok(c, "DEBUG RELOAD");
    char *after = reply_text(cmd(c, "DEBUG DIGEST-VALUE t"));
    CU_ASSERT_STRING_EQUAL(after, of_t);
    expect_int(c, 0, "PUBLISH t after"); /* the gate is shut again */
    CU_ASSERT_EQUAL(info_of("t", "length"), 101);
    free(after);
    free(of_t);
    free(of_r);
    free(of_cp);
}

/* The file is well formed for a tool that knows nothing of it; redis-server says what it misses. */
static void others_read_the_file(void) {
    start();
    expect_ok(c, "SET before x");
    expect_ok(c, "TOPIC.CONFIG t RETAIN");
    publish_many(c, "t", "some text that can be compressed: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 50);
    expect_ok(c, "SAVE");
    char command[2 * PATH_BYTES];
    snprintf(command, sizeof command, "redis-check-rdb %s/dump.rdb > %s/checked 2>&1",
             server_dir(server), server_dir(server));
    CU_ASSERT_EQUAL(system(command), 0);
    struct server *oracle = server_start_oracle(NULL);
    redisContext *d = client_open(oracle);
    redisReply *dump = cmd(c, "DUMP t");
    expect_err(d, "ERR Bad data format", "RESTORE t 0 %b", dump->str, dump->len);
    freeReplyObject(dump);
    redisFree(d);
    server_stop(oracle);
    snprintf(command, sizeof command,
             "cd %s && timeout 20 redis-server --port %d --save '' --daemonize no > refused; "
             "grep -q \"module type 'clr-topic'\" refused",
             server_dir(server), server_free_port());
    CU_ASSERT_EQUAL(system(command), 0);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"config_makes_and_changes", config_makes_and_changes},
        {"errors", errors},
        {"limits_hold", limits_hold},
        {"the_old_is_hidden_and_leaves", the_old_is_hidden_and_leaves},
        {"reads", reads},
        {"lists", lists},
        {"publishing_is_a_write", publishing_is_a_write},
        {"in_transactions_and_scripts", in_transactions_and_scripts},
        {"without_memory_it_is_refused", without_memory_it_is_refused},
        {"events_are_told", events_are_told},
        {"the_bytes", the_bytes},
        {"places", places},
        {"the_key_goes_and_comes", the_key_goes_and_comes},
        {"who_leaves_is_gone", who_leaves_is_gone},
        {"no_gap_and_no_double", no_gap_and_no_double},
        {"the_same_beside_a_log", the_same_beside_a_log},
        {"a_slow_one_is_told_what_he_missed", a_slow_one_is_told_what_he_missed},
        {"large_messages", large_messages},
        {"many_topics_at_once", many_topics_at_once},
        {"any_order_keeps_the_promise", any_order_keeps_the_promise},
        {"a_long_reply_stops_nobody", a_long_reply_stops_nobody},
        {"outlives_a_restart", outlives_a_restart},
        {"snapshots_are_of_one_instant", snapshots_are_of_one_instant},
        {"goes_where_keys_go", goes_where_keys_go},
        {"others_read_the_file", others_read_the_file},
        {NULL, NULL},
    };
    server = server_start((const char *const[]){"--enable-debug-command", "yes", NULL});
    c = client_open(server);
    int failed = suite_main("retained", tests);
    redisFree(c);
    server_stop(server);
    return failed;
}
