/* policy_test.c - subscribers that do not take their messages: what each policy drops and tells,
 * what is never dropped, what order stays, and that nobody else notices.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "integration/replies.h"
#include "support/client.h"
#include "support/pushes.h"
#include "support/suite.h"

static struct server *server;
static redisContext *c;

/* What came to be free may be freed by a worker. Tells how much there is. */
static bool memory_is_below(long long most, long long *now) {
    for (int i = 0; i < 500; i++) {
        *now = info_number(c, "memory", "used_memory");
        if (*now < most) return true;
        server_sleep_ms(10);
    }
    return false;
}

/* ---- publishing and hearing -------------------------------------------------------------- */

#define TEXT_BYTES 300
#define TOPICS 3

/* So many, each with its number, to the channels a, b, c in turn. */
static void publish(int first, int count) {
    static const char *const names[TOPICS] = {"a", "b", "c"};
    char text[TEXT_BYTES + 1];
    memset(text, 'x', TEXT_BYTES);
    text[TEXT_BYTES] = 0;
    for (int i = first; i < first + count; i++) {
        int n = snprintf(text, sizeof text, "%d", i);
        text[n] = ' ';
        redisAppendCommand(c, "PUBLISH %s %s", names[i % TOPICS], text);
    }
    for (int i = 0; i < count; i++) {
        void *r = NULL;
        CU_ASSERT_EQUAL_FATAL(redisGetReply(c, &r), REDIS_OK);
        freeReplyObject(r);
    }
}

/* What one subscriber of a, b, c has heard. */
struct ear {
    struct pushes c;
    int last[TOPICS]; /* number of the last message, of which each TOPICS-th belongs to a topic */
    int newest;       /* of all topics */
    long long got[TOPICS], missed[TOPICS];
};

static struct ear listen_to_all(int proto, const char *policy) {
    struct ear e = {.c = pushes_open(server, proto, 4096), .newest = -1};
    struct push p;
    for (int i = 0; i < TOPICS; i++) e.last[i] = i - TOPICS;
    if (policy) {
        pushes_say(&e.c, "CLIENT SUBSCRIBER-POLICY %s", policy);
        CU_ASSERT_FATAL(pushes_wait(&e.c, &p) && push_is(&p, 0, "OK"));
    }
    pushes_say(&e.c, "SUBSCRIBE a b c");
    for (int i = 0; i < TOPICS; i++)
        CU_ASSERT_FATAL(pushes_wait(&e.c, &p) && push_is(&p, 0, "subscribe"));
    return e;
}

/* Takes what is a message or a lag of one; false: it is something else. */
static bool hear(struct ear *e, const struct push *p) {
    bool lag = push_is(p, 0, "lag"), message = push_is(p, 0, "message");
    if (!lag && !message) return false;
    int topic = p->part[1].p[0] - 'a', number = (int)push_number(p, 2);
    if (lag) {
        CU_ASSERT(p->n == 4 && number > 0 && push_is(p, 3, "message"));
        e->missed[topic] += number;
        e->last[topic] += TOPICS * number;
        return true;
    }
    CU_ASSERT_EQUAL_FATAL(number, e->last[topic] + TOPICS);
    CU_ASSERT(number > e->newest);
    CU_ASSERT_EQUAL(p->part[2].n, TEXT_BYTES);
    e->last[topic] = e->newest = number;
    e->got[topic]++;
    return true;
}

/* Hears until something else comes. */
static struct push hear_until_other(struct ear *e) {
    struct push p;
    do {
        CU_ASSERT_FATAL(pushes_wait(&e->c, &p));
    } while (hear(e, &p));
    return p;
}

static void hear_to_the_end(struct ear *e, int published) {
    pushes_say(&e->c, "PING end");
    struct push p = hear_until_other(e);
    CU_ASSERT(push_is(&p, p.n - 1, "end"));
    for (int i = 0; i < TOPICS; i++)
        CU_ASSERT_EQUAL(e->got[i] + e->missed[i], (published + TOPICS - 1 - i) / TOPICS);
}

static long long missed(const struct ear *e) { return e->missed[0] + e->missed[1] + e->missed[2]; }

/* ---- the command and the directive -------------------------------------------------------- */

static void can_be_asked_and_set(void) {
    expect_str(c, "close", "CLIENT SUBSCRIBER-POLICY");
    static const char *const all[] = {"drop-oldest", "drop-newest", "conflate", "close"};
    for (int i = 0; i < 4; i++) {
        expect_ok(c, "CLIENT SUBSCRIBER-POLICY %s", all[i]);
        expect_str(c, all[i], "CLIENT SUBSCRIBER-POLICY");
        bool shown = reply_has(cmd(c, "CLIENT INFO"), i == 3 ? "resp=2" : " policy=");
        CU_ASSERT(shown);
    }
    expect_err(c, "ERR syntax error", "CLIENT SUBSCRIBER-POLICY none");
    expect_err(c,
               "ERR unknown subcommand or wrong number of arguments for 'SUBSCRIBER-POLICY'. Try "
               "CLIENT HELP.",
               "CLIENT SUBSCRIBER-POLICY close now");
    expect_text(c, "[\"subscriber-policy\", \"close\"]", "CONFIG GET subscriber-policy");
    expect_text(c, "[\"subscriber-stall-timeout\", \"0\"]", "CONFIG GET subscriber-stall-timeout");
    /* Who has not chosen follows the directive, at any time; RESET takes the choice back. */
    redisContext *other = client_open(server);
    expect_ok(c, "CONFIG SET subscriber-policy conflate");
    expect_str(c, "close", "CLIENT SUBSCRIBER-POLICY");
    expect_str(other, "conflate", "CLIENT SUBSCRIBER-POLICY");
    expect_status(c, "RESET", "RESET");
    expect_str(c, "conflate", "CLIENT SUBSCRIBER-POLICY");
    expect_err_prefix(c, "ERR CONFIG SET failed", "CONFIG SET subscriber-policy nothing");
    expect_ok(c, "CONFIG SET subscriber-policy close");
    expect_str(other, "close", "CLIENT SUBSCRIBER-POLICY");
    redisFree(other);
}

/* ---- what is dropped --------------------------------------------------------------------- */

#define MANY 12000

static void drops_the_oldest(void) {
    for (int proto = 2; proto <= 3; proto++) {
        long long before = info_number(c, "stats", "subscriber_dropped_messages");
        struct ear e = listen_to_all(proto, "drop-oldest");
        publish(0, MANY);
        hear_to_the_end(&e, MANY);
        CU_ASSERT(missed(&e) > 0);
        CU_ASSERT_EQUAL(e.newest, MANY - 1);
        CU_ASSERT_EQUAL(info_number(c, "stats", "subscriber_dropped_messages") - before,
                        missed(&e));
        publish(MANY, 9); /* and it is as any other again */
        long long so_far = missed(&e);
        hear_to_the_end(&e, MANY + 9);
        CU_ASSERT_EQUAL(missed(&e), so_far);
        pushes_close(&e.c);
    }
}

static void drops_the_newest(void) {
    for (int proto = 2; proto <= 3; proto++) {
        struct ear e = listen_to_all(proto, "drop-newest");
        publish(0, MANY);
        hear_to_the_end(&e, MANY);
        CU_ASSERT(missed(&e) > 0);
        publish(MANY, 9);
        hear_to_the_end(&e, MANY + 9);
        CU_ASSERT_EQUAL(e.newest, MANY + 8);
        pushes_close(&e.c);
    }
}

/* Of what is held the newest of each channel is left. */
static void conflates(void) {
    for (int proto = 2; proto <= 3; proto++) {
        struct ear e = listen_to_all(proto, "conflate");
        publish(0, MANY);
        CU_ASSERT(reply_has(cmd(c, "CLIENT LIST TYPE pubsub"), " policy=conflate held=3 "));
        hear_to_the_end(&e, MANY);
        for (int i = 0; i < TOPICS; i++) CU_ASSERT(e.missed[i] > 0);
        CU_ASSERT_EQUAL(e.newest, MANY - 1);
        pushes_close(&e.c);
    }
}

/* Without a command of the client: a lag is told when all is sent, and not later. */
static void a_lag_waits_for_no_message(void) {
    struct ear e = listen_to_all(3, "drop-newest");
    publish(0, MANY);
    struct push p;
    while (e.got[0] + e.got[1] + e.got[2] + missed(&e) < MANY) {
        CU_ASSERT_FATAL(pushes_wait(&e.c, &p));
        CU_ASSERT_FATAL(hear(&e, &p));
    }
    CU_ASSERT(missed(&e) > 0);
    pushes_close(&e.c);
}

/* Patterns and shard channels are topics of their own, whatever their names. */
static void tells_topics_apart(void) {
    struct pushes s = pushes_open(server, 3, 4096);
    struct push p;
    pushes_say(&s, "CLIENT SUBSCRIBER-POLICY drop-oldest");
    pushes_say(&s, "SUBSCRIBE a");
    pushes_say(&s, "SSUBSCRIBE a");
    pushes_say(&s, "PSUBSCRIBE a");
    for (int i = 0; i < 4; i++) CU_ASSERT_FATAL(pushes_wait(&s, &p));
    publish(0, 3 * MANY);
    for (int i = 0; i < 2000; i++) expect_int(c, 1, "SPUBLISH a x");
    pushes_say(&s, "PING end");
    static const char *const forms[] = {"message", "pmessage", "smessage"};
    long long all[3] = {0}, lags[3] = {0};
    for (;;) {
        CU_ASSERT_FATAL(pushes_wait(&s, &p));
        if (push_is(&p, 0, "end")) break;
        for (int i = 0; i < 3; i++) {
            if (push_is(&p, 0, forms[i])) all[i]++;
            if (!push_is(&p, 0, "lag") || !push_is(&p, 3, forms[i])) continue;
            CU_ASSERT(push_is(&p, 1, "a"));
            lags[i]++;
            all[i] += push_number(&p, 2);
        }
    }
    CU_ASSERT_EQUAL(all[0], MANY);
    CU_ASSERT_EQUAL(all[1], MANY);
    CU_ASSERT_EQUAL(all[2], 2000);
    CU_ASSERT(lags[0] > 0 && lags[1] > 0);
    pushes_close(&s);
}

/* ---- what is not ------------------------------------------------------------------------- */

/* A command's reply comes after what was published before it, and before what came later. */
static void replies_are_kept_in_order(void) {
    struct ear e = listen_to_all(3, "drop-oldest");
    for (int i = 0; i < 40; i++) {
        publish(i * 300, 300);
        pushes_say(&e.c, "ECHO %d", i);
        server_sleep_ms(2);
        expect_status(c, "PONG", "PING");
    }
    int last_published = 0;
    for (int i = 0; i < 40; i++) {
        struct push p = hear_until_other(&e);
        CU_ASSERT_EQUAL_FATAL(push_number(&p, 0), i);
        CU_ASSERT(e.newest >= last_published - 1); /* nothing of it is behind */
        last_published = e.newest;
    }
    hear_to_the_end(&e, 12000);
    CU_ASSERT(missed(&e) > 0);
    pushes_close(&e.c);
}

static void a_blocked_clients_reply_follows(void) {
    struct ear e = listen_to_all(3, "drop-oldest");
    pushes_say(&e.c, "BLPOP list 0");
    CU_ASSERT(info_number_becomes(c, "clients", "blocked_clients", 1));
    publish(0, MANY);
    expect_int(c, 1, "RPUSH list x");
    publish(MANY, 3);
    struct push p = hear_until_other(&e);
    CU_ASSERT(push_is(&p, 0, "list") && push_is(&p, 1, "x"));
    long long all = missed(&e) + e.got[0] + e.got[1] + e.got[2];
    CU_ASSERT_EQUAL(all, MANY);
    CU_ASSERT_EQUAL(e.newest, MANY - 1);
    hear_to_the_end(&e, MANY + 3);
    pushes_close(&e.c);
}

/* What a script publishes to its own client follows its reply, within the limit. */
static void a_script_publishes_to_itself(void) {
    struct ear e = listen_to_all(3, "drop-oldest");
    long long before = info_number(c, "memory", "used_memory_peak");
    pushes_say(&e.c, "EVAL \"local t = string.rep('x', 296) for i = 0, 59999 do "
                     "redis.call('publish', ({'a','b','c'})[i %% 3 + 1], "
                     "(i .. ' ' .. t .. '     '):sub(1, 300)) end return 'done'\" 0");
    struct push p;
    CU_ASSERT_FATAL(pushes_wait(&e.c, &p));
    CU_ASSERT(push_is(&p, 0, "done"));
    hear_to_the_end(&e, 60000);
    CU_ASSERT_EQUAL(e.newest, 59999);
    CU_ASSERT(missed(&e) > 0);
    CU_ASSERT(info_number(c, "memory", "used_memory_peak") < before + 16 * 1024 * 1024);
    pushes_close(&e.c);
}

/* Behind the confirmation comes nothing of what was left. */
static void who_unsubscribes_has_got_all(void) {
    struct ear e = listen_to_all(2, "drop-newest");
    publish(0, MANY);
    pushes_say(&e.c, "UNSUBSCRIBE a b");
    struct push p = hear_until_other(&e);
    CU_ASSERT(push_is(&p, 0, "unsubscribe"));
    CU_ASSERT_EQUAL(missed(&e) + e.got[0] + e.got[1] + e.got[2], MANY);
    publish(MANY, 300);
    CU_ASSERT(pushes_wait(&e.c, &p) && push_is(&p, 0, "unsubscribe"));
    long long got_a = e.got[0], missed_b = e.missed[1];
    pushes_say(&e.c, "PING end");
    p = hear_until_other(&e);
    CU_ASSERT(push_is(&p, 1, "end"));
    CU_ASSERT(e.got[0] == got_a && e.missed[1] == missed_b);
    CU_ASSERT_EQUAL(e.got[2] + e.missed[2], (MANY + 300) / 3);
    pushes_close(&e.c);
}

/* What comes while a subscriber's own save is under way follows its reply. */
static void a_save_of_its_own_comes_first(void) {
    static const char *const policies[] = {"drop-oldest", "drop-newest", "conflate"};
    expect_ok(c, "CONFIG SET save %s", "3600 1");
    for (int i = 0; i < 3; i++) {
        struct ear e = listen_to_all(3, policies[i]);
        expect_ok(c, "SET k v");
        pushes_say(&e.c, "FLUSHALL");
        while (reply_int(cmd(c, "DBSIZE"))) server_sleep_ms(1);
        publish(0, 90);
        struct push p = hear_until_other(&e);
        CU_ASSERT(push_is(&p, 0, "OK"));
        hear_to_the_end(&e, 90);
        pushes_close(&e.c);
    }
    expect_ok(c, "CONFIG SET save %s", "");
}

static void policies_change_while_messages_are_held(void) {
    struct ear e = listen_to_all(3, "drop-oldest");
    publish(0, MANY);
    pushes_say(&e.c, "CLIENT SUBSCRIBER-POLICY drop-newest");
    server_sleep_ms(50);
    expect_status(c, "PONG", "PING");
    publish(MANY, MANY);
    struct push p = hear_until_other(&e);
    CU_ASSERT(push_is(&p, 0, "OK"));
    CU_ASSERT_EQUAL(e.newest, MANY - 1);
    hear_to_the_end(&e, 2 * MANY);
    pushes_close(&e.c);
    /* The directive, for one who follows it: what is held stays, and is conflated from then on. */
    expect_ok(c, "CONFIG SET subscriber-policy drop-newest");
    e = listen_to_all(2, NULL);
    publish(0, MANY);
    expect_ok(c, "CONFIG SET subscriber-policy conflate");
    publish(MANY, 3);
    CU_ASSERT(reply_has(cmd(c, "CLIENT LIST TYPE pubsub"), " policy=conflate held=3 "));
    hear_to_the_end(&e, MANY + 3);
    CU_ASSERT_EQUAL(e.newest, MANY + 2);
    /* And back to closing: what is held goes to the output, and may close it. */
    publish(MANY + 3, MANY);
    expect_ok(c, "CONFIG SET subscriber-policy close");
    publish(2 * MANY + 3, 3 * 8000); /* more than sockets ever take */
    CU_ASSERT(info_number_becomes(c, "clients", "pubsub_clients", 0));
    pushes_close(&e.c);
}

static void reset_sends_what_is_held(void) {
    struct ear e = listen_to_all(2, "drop-oldest");
    publish(0, MANY);
    pushes_say(&e.c, "RESET");
    struct push p = hear_until_other(&e);
    CU_ASSERT(push_is(&p, 0, "RESET"));
    CU_ASSERT_EQUAL(e.newest, MANY - 1);
    CU_ASSERT_EQUAL(info_number(c, "clients", "pubsub_clients"), 0);
    pushes_say(&e.c, "CLIENT SUBSCRIBER-POLICY");
    CU_ASSERT(pushes_wait(&e.c, &p) && push_is(&p, 0, "close"));
    pushes_close(&e.c);
}

/* By whatever way they go, what was held for them is gone. */
static void nothing_is_left_of_who_leaves(void) {
    for (int way = 0; way < 3; way++) {
        long long before = info_number(c, "memory", "used_memory"), now;
        struct ear e = listen_to_all(3, "drop-oldest");
        publish(0, MANY);
        if (way == 0) expect_int(c, 1, "CLIENT KILL TYPE pubsub");
        if (way == 1) pushes_close(&e.c);
        if (way == 2) { /* the rest arrives, then the end */
            pushes_say(&e.c, "QUIT");
            struct push p = hear_until_other(&e);
            CU_ASSERT(push_is(&p, 0, "OK"));
            CU_ASSERT_EQUAL(e.newest, MANY - 1);
            CU_ASSERT(!pushes_wait(&e.c, &p) && e.c.over);
        }
        CU_ASSERT(info_number_becomes(c, "clients", "pubsub_clients", 0));
        CU_ASSERT(memory_is_below(before + 64 * 1024, &now));
        if (way != 1) pushes_close(&e.c);
    }
}

/* Replies are not dropped, and bounded as ever. */
static void replies_close_it_at_the_limit(void) {
    char text[10000];
    memset(text, 'v', sizeof text);
    struct ear e = listen_to_all(3, "drop-oldest");
    publish(0, MANY);
    expect_ok(c, "SET k %b", text, sizeof text);
    for (int i = 0; i < 3000; i++) pushes_say(&e.c, "GET k");
    CU_ASSERT(info_number_becomes(c, "clients", "pubsub_clients", 0));
    expect_int(c, 1, "DEL k");
    pushes_close(&e.c);
}

/* One message may be larger than the limit: it comes, if nothing waits before it. */
static void a_message_over_the_limit_comes(void) {
    enum { LARGE = 4 * 1024 * 1024 };
    char *text = calloc(1, LARGE);
    struct pushes s = pushes_open(server, 3, 4096);
    struct push p;
    pushes_say(&s, "CLIENT SUBSCRIBER-POLICY drop-newest");
    pushes_say(&s, "SUBSCRIBE large");
    CU_ASSERT_FATAL(pushes_wait(&s, &p) && pushes_wait(&s, &p));
    for (int i = 0; i < 3; i++) expect_int(c, 1, "PUBLISH large %b", text, (size_t)LARGE);
    CU_ASSERT_FATAL(pushes_wait(&s, &p));
    CU_ASSERT(push_is(&p, 0, "message") && p.part[2].n == LARGE);
    CU_ASSERT_FATAL(pushes_wait(&s, &p));
    CU_ASSERT(push_is(&p, 0, "lag") && push_number(&p, 2) == 2);
    pushes_close(&s);
    free(text);
}

/* ---- others ------------------------------------------------------------------------------ */

static int by_time(const void *a, const void *b) {
    long long x = *(const long long *)a, y = *(const long long *)b;
    return (x > y) - (x < y);
}

#define TIMED 3000

/* The 99th percentile of a PUBLISH, us, while `reader` hears them all. */
static long long timed_p99(struct ear *reader, int first) {
    static long long took[TIMED];
    for (int i = 0; i < TIMED; i++) {
        struct timespec a, b;
        clock_gettime(CLOCK_MONOTONIC, &a);
        publish(first + i, 1);
        clock_gettime(CLOCK_MONOTONIC, &b);
        took[i] = (b.tv_sec - a.tv_sec) * 1000000LL + (b.tv_nsec - a.tv_nsec) / 1000;
        struct push p;
        CU_ASSERT_FATAL(pushes_wait(&reader->c, &p) && hear(reader, &p));
    }
    qsort(took, TIMED, sizeof *took, by_time);
    return took[TIMED * 99 / 100];
}

static void nobody_else_notices(void) {
    static const char *const policies[] = {"drop-oldest", "drop-newest", "conflate"};
    for (int i = 0; i < 3; i++) {
        struct ear reader = listen_to_all(3, i ? policies[i] : "close");
        long long alone = timed_p99(&reader, 0);
        struct ear stalled = listen_to_all(3, policies[i]);
        for (int n = 0; n < 3 * MANY; n += 100) {
            publish(TIMED + n, 100);
            for (int k = 0; k < 100; k++) {
                struct push p;
                CU_ASSERT_FATAL(pushes_wait(&reader.c, &p) && hear(&reader, &p));
            }
        }
        CU_ASSERT_EQUAL(missed(&reader), 0);
        long long beside = timed_p99(&reader, TIMED + 3 * MANY);
        /* Generous, as the machine has other work; what it excludes is waiting for the reader. */
        CU_ASSERT(beside < 10 * alone + 20000);
        if (beside >= 10 * alone + 20000) printf("p99 %lld us, %lld us alone\n", beside, alone);
        CU_ASSERT(info_number(c, "clients", "pubsub_clients") == 2);
        pushes_close(&stalled.c);
        pushes_close(&reader.c);
        CU_ASSERT(info_number_becomes(c, "clients", "pubsub_clients", 0));
    }
}

#define CROWD_MAX 10000

/* Sanitizers bring an allocator of their own, and need a tenth for the same time. */
static int crowd_size(void) {
    redisReply *r = redisCommand(c, "INFO memory");
    int size = strstr(r->str, "mem_allocator:jemalloc") ? CROWD_MAX : CROWD_MAX / 10;
    freeReplyObject(r);
    return size;
}

/* They share the bytes; each is charged with all of them. */
static void a_crowd_costs_one_message(void) {
    enum { LARGE = 1024 * 1024 };
    const int many = crowd_size();
    struct rlimit files = {.rlim_cur = many + 100, .rlim_max = many + 100}, old;
    getrlimit(RLIMIT_NOFILE, &old);
    files.rlim_max = old.rlim_max;
    if (old.rlim_cur < files.rlim_cur) CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &files), 0);
    static struct pushes crowd[CROWD_MAX];
    struct push p;
    char *text = calloc(1, LARGE);
    expect_ok(c, "CONFIG SET subscriber-policy drop-oldest");
    expect_ok(c, "CONFIG SET maxclients %d", many + 100);
    for (int i = 0; i < many; i++) {
        crowd[i] = pushes_open(server, 2 + i % 2, 2304);
        pushes_say(&crowd[i], "SUBSCRIBE large");
        CU_ASSERT_FATAL(pushes_wait(&crowd[i], &p));
        crowd[i].buf = realloc(crowd[i].buf, crowd[i].room = 16);
    }
    long long before = info_number(c, "memory", "used_memory");
    expect_int(c, many, "PUBLISH large %b", text, (size_t)LARGE);
    long long now;
    CU_ASSERT(memory_is_below(before + LARGE + LARGE / 2 + many * 400LL, &now));
    printf("%d subscribers: %lld bytes more\n", many, now - before);
    redisReply *list = cmd(c, "CLIENT LIST TYPE pubsub");
    const char *mem = strstr(list->str, "tot-mem=");
    CU_ASSERT(mem && atoll(mem + 8) > LARGE);
    freeReplyObject(list);
    for (int i = 0; i < many; i++) pushes_close(&crowd[i]);
    CU_ASSERT(info_number_becomes(c, "clients", "pubsub_clients", 0));
    expect_ok(c, "CONFIG SET subscriber-policy close");
    free(text);
}

/* ---- the timer --------------------------------------------------------------------------- */

static void who_takes_nothing_is_closed(void) {
    struct ear idle = listen_to_all(3, NULL);
    struct pushes other = pushes_open(server, 3, 4096), bystander = pushes_open(server, 3, 4096);
    struct push p;
    pushes_say(&other, "CLIENT SUBSCRIBER-POLICY drop-newest");
    pushes_say(&other, "SUBSCRIBE x");
    CU_ASSERT_FATAL(pushes_wait(&other, &p) && pushes_wait(&other, &p));
    char text[5000];
    memset(text, 'v', sizeof text);
    for (int i = 0; i < 2000; i++) expect_int(c, 1, "PUBLISH x %b", text, sizeof text);
    /* One that is no subscriber may be as slow as it likes, as ever. */
    expect_ok(c, "SET k %b", text, sizeof text);
    for (int i = 0; i < 2000; i++) pushes_say(&bystander, "GET k");
    server_sleep_ms(1500); /* off: nothing happens */
    CU_ASSERT_EQUAL(info_number(c, "clients", "pubsub_clients"), 2);
    expect_ok(c, "CONFIG SET subscriber-stall-timeout 1");
    CU_ASSERT(info_number_becomes(c, "clients", "pubsub_clients", 1));
    CU_ASSERT(server_log_has(server, "(subscriber-stall-timeout)", 1000));
    CU_ASSERT_EQUAL(info_number(c, "stats", "subscriber_stall_disconnections"), 1);
    publish(0, 3);
    hear_to_the_end(&idle, 3);
    for (int i = 0; i < 2000; i++) CU_ASSERT_FATAL(pushes_wait(&bystander, &p));
    expect_ok(c, "CONFIG SET subscriber-stall-timeout 0");
    expect_int(c, 1, "DEL k");
    pushes_close(&other);
    pushes_close(&bystander);
    pushes_close(&idle.c);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"can_be_asked_and_set", can_be_asked_and_set},
        {"drops_the_oldest", drops_the_oldest},
        {"drops_the_newest", drops_the_newest},
        {"conflates", conflates},
        {"a_lag_waits_for_no_message", a_lag_waits_for_no_message},
        {"tells_topics_apart", tells_topics_apart},
        {"replies_are_kept_in_order", replies_are_kept_in_order},
        {"a_blocked_clients_reply_follows", a_blocked_clients_reply_follows},
        {"a_script_publishes_to_itself", a_script_publishes_to_itself},
        {"who_unsubscribes_has_got_all", who_unsubscribes_has_got_all},
        {"a_save_of_its_own_comes_first", a_save_of_its_own_comes_first},
        {"policies_change_while_messages_are_held", policies_change_while_messages_are_held},
        {"reset_sends_what_is_held", reset_sends_what_is_held},
        {"nothing_is_left_of_who_leaves", nothing_is_left_of_who_leaves},
        {"replies_close_it_at_the_limit", replies_close_it_at_the_limit},
        {"a_message_over_the_limit_comes", a_message_over_the_limit_comes},
        {"nobody_else_notices", nobody_else_notices},
        {"who_takes_nothing_is_closed", who_takes_nothing_is_closed},
        {"a_crowd_costs_one_message", a_crowd_costs_one_message},
        {NULL, NULL},
    };
    server = server_start(
        (const char *const[]){"--client-output-buffer-limit", "pubsub", "100kb", "0", "0", NULL});
    c = client_open(server);
    int failed = suite_main("policy", tests);
    redisFree(c);
    return server_stop(server) ? 1 : failed;
}
