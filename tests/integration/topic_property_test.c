/* topic_property_test.c - topics under random conversations, beside a model of what each subscriber
 * must hear: publishers, channels, patterns, shard channels and retained topics; subscribers who
 * subscribe, leave, change their policies, are killed, and read some bytes now and then.
 *
 * A message carries the number of its topic's messages and one that rises with each message. Of
 * every subscription the next message has the next number, or a lag directly before it counts what
 * is missing; what a connection hears rises; a retained topic's offsets follow likewise, from
 * wherever the replay begins. When all is over, everybody has heard everything, or was told how
 * much he did not.
 *
 * TOPIC_STEPS=n is the length of the run, TOPIC_SEED its seed, which a failure prints.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "integration/replies.h"
#include "support/client.h"
#include "support/pushes.h"
#include "support/suite.h"

#define STEPS 2500
#define LISTENERS 8
#define NAMES 3
#define BURST_MAX 500

static struct server *server;
static redisContext *c;

static unsigned long seed = 1, dice;
static unsigned below(unsigned n) {
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((dice >> 33) % n);
}

/* ---- the model ---------------------------------------------------------------------------- */

/* Channels c0..., all of which the pattern c* hears as well; shard channels and retained topics of
 * the same names, so that only the form of a message tells them apart. */
enum kind { CHANNEL, PATTERN, SHARD, RETAINED, KINDS };

static const char *const words[KINDS] = {"message", "pmessage", "smessage", "tmessage"};
static const char *const joins[KINDS] = {"subscribe", "psubscribe", "ssubscribe", "tsubscribe"};
static const char *const leaves[KINDS] = {"unsubscribe", "punsubscribe", "sunsubscribe",
                                          "tunsubscribe"};
static const char *const names[NAMES] = {"c0", "c1", "c2"};
static const char *const globs[NAMES] = {"c*", "*0", "c[12]"};

static long published[KINDS][NAMES]; /* messages of each topic so far */
static long all;                     /* PUBLISH and SPUBLISH */

static bool matches(int glob, int name) { return glob == 0 || (glob == 1 ? name == 0 : name != 0); }

/* What a listener knows of one of its subscriptions. */
struct sub {
    bool on;     /* confirmed, and not ended */
    int asked;   /* confirmations of SUBSCRIBE to come */
    long next;   /* number of the next message; -1: whatever comes first, from `least` on */
    long least;  /* published when it was asked for */
    bool lagged; /* a lag was the last that it heard */
};

struct listener {
    struct pushes c;
    struct sub subs[KINDS][NAMES];
    long newest;
    int pings, pongs;
    int lag_kind, lag_name; /* told just before, for the next message; -1 */
    bool closes;            /* had the policy close: it may be closed */
};

static struct listener listeners[LISTENERS];

static void fail(const struct listener *l, const struct push *p, const char *what) {
    fprintf(stderr, "listener %d: %s, seed %lu:", (int)(l - listeners), what, seed);
    for (size_t i = 0; p && i < p->n; i++)
        fprintf(stderr, " %.*s", (int)(p->part[i].n < 40 ? p->part[i].n : 40), p->part[i].p);
    fprintf(stderr, "\n");
    CU_FAIL_FATAL("the model has heard something else");
}

static int index_of(const struct push *p, size_t part, const char *const all_of[], int n) {
    for (int i = 0; i < n; i++) {
        if (push_is(p, part, all_of[i])) return i;
    }
    return -1;
}

static int topic_of(const struct push *p, enum kind kind) {
    return index_of(p, 1, kind == PATTERN ? globs : names, NAMES);
}

/* "number rising xxx": of a pattern its own number is that of the channel's messages that it hears,
 * which the text does not have; so the rising one alone is looked at there. */
static void hear_message(struct listener *l, const struct push *p, enum kind kind) {
    int name = topic_of(p, kind);
    if (name < 0 || !l->subs[kind][name].on) fail(l, p, "not subscribed");
    struct sub *s = &l->subs[kind][name];
    const char *text = p->part[p->n - 1].p;
    char *rest;
    long number = strtol(text, &rest, 10), rising = strtol(rest, &rest, 10);
    if (kind == PATTERN) { /* numbers of the pattern's own messages, by glob */
        for (int i = 0; i <= name; i++) number = strtol(rest, &rest, 10);
    }
    if (kind == RETAINED) {
        number = push_number(p, 3);
        if (number != strtol(text, NULL, 10)) fail(l, p, "another message of the ring");
    }
    if (l->lag_kind >= 0 && kind != RETAINED && (l->lag_kind != (int)kind || l->lag_name != name))
        fail(l, p, "a lag does not stand before its message");
    if (s->next < 0 && number < s->least) fail(l, p, "from before it subscribed");
    if (s->next >= 0 && number != s->next) fail(l, p, "not the next one");
    s->next = number + 1;
    if (kind != RETAINED) {
        if (rising < l->newest) fail(l, p, "out of order");
        l->newest = rising;
        l->lag_kind = -1;
    }
}

static void hear_lag(struct listener *l, const struct push *p) {
    int kind = p->n == 4 ? index_of(p, 3, words, KINDS) : RETAINED;
    int name = kind < 0 ? -1 : topic_of(p, (enum kind)kind);
    long count = (long)push_number(p, 2);
    if (name < 0 || !l->subs[kind][name].on || count <= 0) fail(l, p, "a strange lag");
    struct sub *s = &l->subs[kind][name];
    /* Of one that has heard nothing yet: as many are missing from its beginning, wherever it was.
     */
    if (s->next < 0) {
        s->least += count;
    } else {
        s->next += count;
        if (s->next > published[kind][name]) fail(l, p, "more than there were");
    }
    if (kind == RETAINED) return;
    l->lag_kind = kind;
    l->lag_name = name;
}

static void hear_joined(struct listener *l, const struct push *p, enum kind kind) {
    int name = topic_of(p, kind);
    struct sub *s = &l->subs[kind][name];
    if (name < 0 || !s->asked) fail(l, p, "not asked for");
    s->asked--;
    s->on = true;
    l->lag_kind = -1;
}

static void hear_left(struct listener *l, const struct push *p, enum kind kind) {
    int name = topic_of(p, kind);
    if (name < 0) fail(l, p, "a strange end");
    l->subs[kind][name].on = false;
    l->lag_kind = -1;
}

static void hear(struct listener *l, const struct push *p) {
    int kind;
    if ((kind = index_of(p, 0, words, KINDS)) >= 0) {
        hear_message(l, p, (enum kind)kind);
    } else if (push_is(p, 0, "lag")) {
        /* Where everything held was sent several may follow each other. */
        hear_lag(l, p);
    } else if ((kind = index_of(p, 0, joins, KINDS)) >= 0) {
        hear_joined(l, p, (enum kind)kind);
    } else if ((kind = index_of(p, 0, leaves, KINDS)) >= 0) {
        hear_left(l, p, (enum kind)kind);
    } else if (push_is(p, 0, "PONG") || push_is(p, 0, "pong")) {
        l->pongs++;
        l->lag_kind = -1;
    } else if (push_is(p, 0, "OK")) {
        l->lag_kind = -1;
    } else {
        fail(l, p, "something else");
    }
}

/* ---- listeners ---------------------------------------------------------------------------- */

static const char *const policies[] = {"drop-oldest", "drop-newest", "conflate", "close"};

static void set_policy(struct listener *l) {
    int which = (int)below(below(3) ? 3 : 4);
    pushes_say(&l->c, "CLIENT SUBSCRIBER-POLICY %s", policies[which]);
    if (which == 3) l->closes = true;
}

/* In RESP3, so that commands may be said at any time, or in RESP2 with what may be said there. */
static void arrive(struct listener *l) {
    *l = (struct listener){.newest = -1, .lag_kind = -1};
    l->c = pushes_open(server, 3, 4096);
    set_policy(l);
}

static void leave(struct listener *l) {
    pushes_close(&l->c);
    arrive(l);
}

/* Reads some, or all until the answer to a PING. */
static void take(struct listener *l, size_t bytes) {
    struct push p;
    pushes_read(&l->c, bytes, 0);
    while (pushes_next(&l->c, &p)) hear(l, &p);
    if (!l->c.over) return;
    if (!l->closes) fail(l, NULL, "was closed");
    leave(l);
}

static void take_all(struct listener *l) {
    struct push p;
    pushes_say(&l->c, "PING");
    for (l->pings++; l->pongs < l->pings;) {
        if (!pushes_wait(&l->c, &p)) {
            if (!l->closes || !l->c.over) fail(l, NULL, "says nothing more");
            leave(l);
            return;
        }
        hear(l, &p);
    }
}

static void join(struct listener *l, enum kind kind, int name) {
    struct sub *s = &l->subs[kind][name];
    if (s->on || s->asked) return;
    s->asked++;
    s->next = -1;
    s->least = published[kind][name];
    const char *topic = kind == PATTERN ? globs[name] : names[name];
    if (kind != RETAINED) {
        pushes_say(&l->c, "%s %s", joins[kind], topic);
    } else if (below(3) == 0) {
        s->least = 0;
        pushes_say(&l->c, "TOPIC.SUBSCRIBE %s FROM EARLIEST", topic);
    } else if (below(2)) {
        s->least = s->least ? s->least - 1 : 0;
        pushes_say(&l->c, "TOPIC.SUBSCRIBE %s FROM LAST", topic);
    } else {
        s->next = (long)below((unsigned)published[kind][name] + 1);
        pushes_say(&l->c, "TOPIC.SUBSCRIBE %s FROM %ld", topic, s->next);
    }
}

static void end(struct listener *l, enum kind kind, int name) {
    struct sub *s = &l->subs[kind][name];
    if (!s->on) return;
    const char *topic = kind == PATTERN ? globs[name] : names[name];
    if (kind == RETAINED) {
        pushes_say(&l->c, "TOPIC.UNSUBSCRIBE %s", topic);
    } else {
        pushes_say(&l->c, "%s %s", leaves[kind], topic);
    }
    take_all(l); /* behind that nothing of it may come */
}

/* ---- publishing --------------------------------------------------------------------------- */

/* c0 and c1 are retained: what is published there is in their rings too. */
static void append(int name, bool shard) {
    static char text[4096];
    size_t n = 100 + below(below(8) ? 500 : 3900);
    memset(text, 'x', n);
    enum kind kind = shard ? SHARD : CHANNEL;
    int at = snprintf(text, 100, "%ld %ld", published[kind][name], all);
    for (int g = 0; g < NAMES; g++) at += snprintf(text + at, 30, " %ld", published[PATTERN][g]);
    text[at] = ' ';
    redisAppendCommand(c, "%s %s %b", shard ? "SPUBLISH" : "PUBLISH", names[name], text, n);
    all++;
    published[kind][name]++;
    if (shard) return;
    for (int g = 0; g < NAMES; g++) published[PATTERN][g] += matches(g, name);
    published[RETAINED][name]++;
}

static void publish(unsigned count) {
    for (unsigned i = 0; i < count; i++) append((int)below(NAMES), below(4) == 0);
    for (unsigned i = 0; i < count; i++) {
        void *r = NULL;
        CU_ASSERT_EQUAL_FATAL(redisGetReply(c, &r), REDIS_OK);
        freeReplyObject(r);
    }
}

/* ---- conversations ------------------------------------------------------------------------ */

static void step(void) {
    struct listener *l = &listeners[below(LISTENERS)];
    enum kind kind = (enum kind)below(KINDS);
    int name = (int)below(NAMES);
    switch (below(24)) {
    case 0:
    case 1: join(l, kind, name); break;
    case 2: end(l, kind, name); break;
    case 3:
        if (below(3) == 0) set_policy(l);
        break;
    case 4:
        if (below(10) == 0) leave(l);
        break;
    case 5: take_all(l); break;
    case 6:
        pushes_say(&l->c, "PING");
        l->pings++;
        break;
    case 7:
        if (below(20) == 0) {
            expect_ok(c, "CONFIG SET client-output-buffer-limit %s",
                      below(3) ? "pubsub 600kb 0 0" : "pubsub 900kb 0 0");
            for (int i = 0; i < LISTENERS; i++) listeners[i].closes = true;
        }
        break;
    case 8:
    case 9:
    case 10: publish(1 + below(BURST_MAX)); break;
    case 11: publish(1); break;
    default: take(l, 1 + below(below(3) ? 3000 : 60000)); break;
    }
}

/* Everybody reads until nothing is missing. */
static void settle(struct listener *l) {
    take_all(l);
    for (int kind = 0; kind < KINDS; kind++) {
        for (int name = 0; name < NAMES; name++) {
            struct sub *s = &l->subs[kind][name];
            struct push p;
            if (!s->on || s->next < 0) continue;
            while (kind == RETAINED && s->next < published[kind][name]) {
                if (!pushes_wait(&l->c, &p)) fail(l, NULL, "a replay ends too early");
                hear(l, &p);
            }
            if (s->next != published[kind][name]) fail(l, NULL, "not all was heard or counted");
        }
    }
}

static void random_conversations(void) {
    const char *steps = getenv("TOPIC_STEPS"), *own_seed = getenv("TOPIC_SEED");
    if (own_seed) seed = strtoul(own_seed, NULL, 10);
    dice = seed;
    for (int i = 0; i < NAMES; i++) {
        redisReply *r = cmd(c, "TOPIC.CONFIG %s RETAIN COUNT %d", names[i], 50 + 400 * i);
        CU_ASSERT_NOT_EQUAL(r->type, REDIS_REPLY_ERROR);
        freeReplyObject(r);
    }
    for (int i = 0; i < LISTENERS; i++) arrive(&listeners[i]);
    for (long n = steps ? atol(steps) : STEPS; n > 0; n--) step();
    for (int i = 0; i < LISTENERS; i++) settle(&listeners[i]);
    long missed = 0;
    redisReply *r = cmd(c, "INFO stats");
    const char *at = strstr(r->str, "subscriber_dropped_messages:");
    if (at) missed = atol(at + strlen("subscriber_dropped_messages:"));
    freeReplyObject(r);
    CU_ASSERT(missed > 0); /* else the run was too calm to tell anything */
    for (int i = 0; i < LISTENERS; i++) pushes_close(&listeners[i].c);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"random_conversations", random_conversations},
        {NULL, NULL},
    };
    /* More than a retained topic sends ahead (TOPIC_AHEAD_BYTES, TOPIC_PART_BYTES), which is not
     * dropped. */
    server = server_start(
        (const char *const[]){"--client-output-buffer-limit", "pubsub", "600kb", "0", "0", NULL});
    c = client_open(server);
    int failed = suite_main("topic_property", tests);
    redisFree(c);
    return server_stop(server) ? 1 : failed;
}
