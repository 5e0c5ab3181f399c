/* notify_test.c - keyspace notifications: the events of every command beside redis-server, and what
 * that cannot show. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "integration/replies.h"
#include "support/client.h"
#include "support/command_lines.h"
#include "support/suite.h"

#define EVENTS_BYTES_MAX (64 * 1024)

/* A server, a connection that changes keys, and one that hears of it. */
static struct side {
    struct server *server;
    redisContext *c, *heard;
    int asked;
} ours, theirs;

static void side_open(struct side *s, struct server *server) {
    s->server = server;
    s->c = client_open(server);
    s->heard = client_open(server);
    freeReplyObject(cmd(s->heard, "PSUBSCRIBE __key*@*__:*"));
}

static void side_close(struct side *s) {
    redisFree(s->c);
    redisFree(s->heard);
    server_stop(s->server);
}

/* What was heard since the last call, as "channel event" lines. The caller frees. */
static char *events_of(struct side *s) {
    char marker[32], *text = calloc(1, EVENTS_BYTES_MAX);
    size_t n = 0;
    snprintf(marker, sizeof marker, "m%d", ++s->asked);
    redisAppendCommand(s->heard, "PING %s", marker);
    for (bool over = false; !over;) {
        redisReply *r;
        CU_ASSERT_FATAL(redisGetReply(s->heard, (void **)&r) == REDIS_OK);
        over = r->elements == 2 && strcmp(r->element[1]->str, marker) == 0;
        if (!over && r->elements == 4)
            n += (size_t)snprintf(text + n, EVENTS_BYTES_MAX - n, "%s %s\n", r->element[2]->str,
                                  r->element[3]->str);
        freeReplyObject(r);
        CU_ASSERT_FATAL(n < EVENTS_BYTES_MAX);
    }
    return text;
}

static bool hears(struct side *s, const char *want, int line) {
    char *text = events_of(s);
    bool same = strcmp(text, want) == 0;
    if (!same) printf("line %d: heard:\n%swanted:\n%s", line, text, want);
    free(text);
    return same;
}

#define expect_events(want) CU_ASSERT(hears(&ours, want, __LINE__))

/* ---- beside redis-server ------------------------------------------------------------- */

static void events_are_those_of_redis(void) {
    struct side *sides[] = {&ours, &theirs};
    for (int i = 0; i < 2; i++) {
        expect_ok(sides[i]->c, "FLUSHALL");
        expect_ok(sides[i]->c, "CONFIG SET notify-keyspace-events KEAmn");
        free(events_of(sides[i]));
    }
    for (size_t i = 0; command_lines[i]; i++) {
        char *text[2];
        if (strncmp(command_lines[i], "SLEEP ", 6) == 0) {
            server_sleep_ms((int)(atof(command_lines[i] + 6) * 1000));
            continue;
        }
        for (int k = 0; k < 2; k++) {
            freeReplyObject(line_run(sides[k]->c, command_lines[i]));
            text[k] = events_of(sides[k]);
        }
        CU_ASSERT_STRING_EQUAL(text[0], text[1]);
        if (strcmp(text[0], text[1]) != 0)
            printf("%s\nours:\n%stheirs:\n%s", command_lines[i], text[0], text[1]);
        free(text[0]);
        free(text[1]);
    }
}

static void the_directive_is_as_in_redis(void) {
    static const char *const values[] = {
        "KEA", "AKE",  "KE",  "K",   "E", "",     "g",  "KEg$lshzxet", "KEg$lshzxetd", "mKE", "nK",
        "AA",  "KEAx", "KEy", "K E", "A", "KEAm", "dK", "a",           "Kg$x",
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const char *set = "CONFIG SET notify-keyspace-events %s";
        char *a = reply_text(cmd(ours.c, set, values[i]));
        char *b = reply_text(cmd(theirs.c, set, values[i]));
        CU_ASSERT_STRING_EQUAL(a, b);
        free(a);
        free(b);
        a = reply_text(cmd(ours.c, "CONFIG GET notify-keyspace-events"));
        b = reply_text(cmd(theirs.c, "CONFIG GET notify-keyspace-events"));
        CU_ASSERT_STRING_EQUAL(a, b);
        free(a);
        free(b);
    }
    /* Beside all others Redis forgets n. */
    expect_ok(ours.c, "CONFIG SET notify-keyspace-events mAnEK");
    expect_text(ours.c, "[\"notify-keyspace-events\", \"AnKEm\"]",
                "CONFIG GET notify-keyspace-events");
}

/* ---- ours alone ----------------------------------------------------------------------- */

static void begin(const char *events) {
    expect_ok(ours.c, "CONFIG SET notify-keyspace-events %s", events);
    freeReplyObject(cmd(ours.c, "FLUSHALL"));
    free(events_of(&ours));
}

static void only_what_is_asked_for(void) {
    begin("Ks");
    freeReplyObject(cmd(ours.c, "SADD s a"));
    freeReplyObject(cmd(ours.c, "SET k v"));
    expect_events("__keyspace@0__:s sadd\n");
    begin("E$");
    freeReplyObject(cmd(ours.c, "SADD s a"));
    freeReplyObject(cmd(ours.c, "SET k v EX 100"));
    expect_events("__keyevent@0__:set k\n");
    begin("A"); /* no form: nothing */
    freeReplyObject(cmd(ours.c, "SET k v"));
    expect_events("");
    begin("");
    freeReplyObject(cmd(ours.c, "SET k v"));
    expect_events("");
}

/* Without a command, when the time has come. */
static void keys_expire_in_time(void) {
    begin("Ex");
    expect_ok(ours.c, "SET k v PX 100");
    expect_events("");
    server_sleep_ms(300);
    expect_events("__keyevent@0__:expired k\n");
    begin("KEh");
    freeReplyObject(cmd(ours.c, "HSET h f v"));
    freeReplyObject(cmd(ours.c, "HPEXPIRE h 100 FIELDS 1 f"));
    server_sleep_ms(300);
    expect_events("__keyspace@0__:h hset\n__keyevent@0__:hset h\n__keyspace@0__:h hexpire\n"
                  "__keyevent@0__:hexpire h\n__keyspace@0__:h hexpired\n__keyevent@0__:hexpired "
                  "h\n");
}

static void evicted_keys_are_told(void) {
    begin("Ee");
    expect_ok(ours.c, "SET k v");
    expect_ok(ours.c, "CONFIG SET maxmemory-policy allkeys-lru maxmemory 1");
    freeReplyObject(cmd(ours.c, "SET other v"));
    expect_ok(ours.c, "CONFIG SET maxmemory 0 maxmemory-policy noeviction");
    expect_events("__keyevent@0__:evicted k\n");
}

/* Names and keys of any bytes and size. */
static void long_names_do(void) {
    char key[2001];
    memset(key, 'k', 2000);
    key[2000] = 0;
    char want[2100];
    snprintf(want, sizeof want, "__keyspace@0__:%s set\n", key);
    begin("K$");
    expect_ok(ours.c, "SET %s v", key);
    expect_events(want);
}

/* A script that is taken back has changed nothing, so it tells nothing; else all, at its end. */
static void a_script_that_fails_tells_nothing(void) {
    begin("EA");
    expect_ok(ours.c, "CONFIG SET script-rollback yes");
    freeReplyObject(cmd(ours.c, "EVAL %s 1 k", "redis.call('set', KEYS[1], 1) return nonsense.x"));
    expect_events("");
    freeReplyObject(cmd(ours.c, "EVAL %s 1 k",
                        "redis.call('set', KEYS[1], 1) redis.call('incr', "
                        "KEYS[1]) return redis.call('del', KEYS[1])"));
    expect_events("__keyevent@0__:set k\n__keyevent@0__:incrby k\n__keyevent@0__:del k\n");
    expect_ok(ours.c, "CONFIG SET script-rollback no");
}

/* What a worker computed is told when it is committed. */
static void offloaded_commands_tell(void) {
    begin("");
    freeReplyObject(cmd(ours.c, "EVAL %s 0",
                        "for i = 1, 30000 do redis.call('sadd', 'a', i) "
                        "redis.call('sadd', 'b', -i) end"));
    expect_ok(ours.c, "CONFIG SET notify-keyspace-events EA");
    expect_int(ours.c, 60000, "SUNIONSTORE c a b");
    expect_events("__keyevent@0__:sunionstore c\n");
    expect_int(ours.c, 0, "SINTERSTORE c a b");
    expect_events("__keyevent@0__:del c\n");
}

int main(void) {
    static const struct suite_test tests[] = {
        {"events_are_those_of_redis", events_are_those_of_redis},
        {"the_directive_is_as_in_redis", the_directive_is_as_in_redis},
        {"only_what_is_asked_for", only_what_is_asked_for},
        {"keys_expire_in_time", keys_expire_in_time},
        {"evicted_keys_are_told", evicted_keys_are_told},
        {"long_names_do", long_names_do},
        {"a_script_that_fails_tells_nothing", a_script_that_fails_tells_nothing},
        {"offloaded_commands_tell", offloaded_commands_tell},
        {NULL, NULL},
    };
    side_open(&ours, server_start((const char *const[]){"--enable-debug-command", "yes", NULL}));
    side_open(&theirs, server_start_oracle(NULL));
    int failed = suite_main("notify", tests);
    side_close(&theirs);
    side_close(&ours);
    return failed;
}
