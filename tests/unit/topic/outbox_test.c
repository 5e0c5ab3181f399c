/* outbox_test.c - what subscribers that do not read are sent, to the byte, beside a naive model:
 * random publishing, subscribing, leaving, policies, limits, commands that go on, and readers that
 * take some bytes now and then.
 *
 * OUTBOX_STEPS=n is the length of the random run, OUTBOX_SEED its seed.
 */
#include "topic/outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/limits.h"
#include "base/log.h"
#include "core/config.h"
#include "core/core.h"
#include "core/push.h"
#include "core/row.h"
#include "support/suite.h"
#include "topic/topics.h"

#define SESSIONS 5
#define NAMES 4
#define STEPS 60000
#define PIECES 16

static struct config *conf;
static struct work_pool *pool;
static struct core *core;

static uint64_t seed = 1, dice;
static uint64_t below(uint64_t n) {
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    return (dice >> 33) % n;
}

/* ---- the model ---------------------------------------------------------------------------- */

/* A growing text. */
struct text {
    char *p;
    size_t n, room;
};

static void add(struct text *t, const char *p, size_t n) {
    if (t->n + n > t->room) t->p = realloc(t->p, t->room = 2 * (t->n + n));
    if (n) memcpy(t->p + t->n, p, n);
    t->n += n;
}

static void take(struct text *t, size_t n) {
    if (n) memmove(t->p, t->p + n, t->n - n);
    t->n -= n;
}

/* A topic is numbered by kind and name. */
#define TOPICS (3 * NAMES)

struct waiting {
    int topic;
    struct text wire;
    long missing;
};

struct model {
    struct text out, aside;
    struct waiting *held;
    size_t count, bytes;
    long missing[TOPICS]; /* behind what is held */
    int lagging[TOPICS], lags;
    bool subscribed[TOPICS], over;
    bool may_close; /* it has or had the policy close, or the limit has changed, since it was empty
                     */
    int policy;     /* own, or -1 */
    long dropped;
};

static struct session sessions[SESSIONS];
static struct model models[SESSIONS];
static bool kicked[SESSIONS];

static const char *const names[NAMES] = {"a", "ab", "abc", "b"};
static const char *const globs[NAMES] = {"a", "a*", "*b*", "[b]"};

static const char *name_of(int topic) {
    return topic / NAMES == TOPIC_PATTERN ? globs[topic % NAMES] : names[topic % NAMES];
}

static bool globbed(int pattern, const char *name) {
    switch (pattern) {
    case 0: return strcmp(name, "a") == 0;
    case 1: return name[0] == 'a';
    case 2: return strchr(name, 'b');
    default: return strcmp(name, "b") == 0;
    }
}

static size_t limit(void) {
    uint64_t hard = conf->output_limit[CONFIG_CLIENT_PUBSUB].hard_bytes;
    return hard ? hard : OUTBOX_BYTES;
}

static int policy(const struct model *m) {
    return m->policy < 0 ? conf->subscriber_policy : m->policy;
}

static void drop_waiting(struct model *m, size_t at, bool told) {
    struct waiting gone = m->held[at];
    m->bytes -= gone.wire.n + OUTBOX_RECORD_BYTES;
    memmove(m->held + at, m->held + at + 1, (m->count - at - 1) * sizeof *m->held);
    m->count--;
    free(gone.wire.p);
    if (!told) return;
    m->dropped++;
    for (size_t i = at; i < m->count; i++) {
        if (m->held[i].topic != gone.topic) continue;
        m->held[i].missing += gone.missing + 1;
        return;
    }
    if (!m->missing[gone.topic]) m->lagging[m->lags++] = gone.topic;
    m->missing[gone.topic] += gone.missing + 1;
}

static void add_lag(struct text *out, const struct session *s, int topic, long count) {
    static const char *const forms[] = {"message", "pmessage", "smessage"};
    char text[128];
    const char *form = forms[topic / NAMES], *name = name_of(topic);
    int n =
        snprintf(text, sizeof text, "%c4\r\n$3\r\nlag\r\n$%zu\r\n%s\r\n:%ld\r\n$%zu\r\n%s\r\n",
                 s->reply.proto == 3 ? '>' : '*', strlen(name), name, count, strlen(form), form);
    add(out, text, (size_t)n);
}

static bool waits(const struct session *s) { return s->state & (SESSION_BUSY | SESSION_STREAMS); }

static struct text *output(struct session *s, struct model *m) {
    return waits(s) ? &m->aside : &m->out;
}

static void give(struct session *s, struct model *m) {
    struct waiting *first = &m->held[0];
    if (first->missing) add_lag(output(s, m), s, first->topic, first->missing);
    first->wire.p[0] = s->reply.proto == 3 ? '>' : '*';
    add(output(s, m), first->wire.p, first->wire.n);
    drop_waiting(m, 0, false);
}

static void tell_lags(struct session *s, struct model *m) {
    for (int i = 0; i < m->lags; i++) {
        add_lag(output(s, m), s, m->lagging[i], m->missing[m->lagging[i]]);
        m->missing[m->lagging[i]] = 0;
    }
    m->lags = 0;
}

static bool holds(const struct model *m) { return m->count || m->lags; }

static void give_all(struct session *s, struct model *m) {
    while (m->count) give(s, m);
    tell_lags(s, m);
    m->over = false;
}

static size_t ahead(void) { return limit() < OUTBOX_AHEAD_BYTES ? limit() : OUTBOX_AHEAD_BYTES; }

static void refill(struct session *s, struct model *m) {
    if (!holds(m) || waits(s)) return;
    while (m->count && m->out.n < ahead()) give(s, m);
    if (!m->count) {
        tell_lags(s, m);
        m->over = false;
    }
}

static void drop_outdated(struct model *m) {
    for (size_t i = 0; i < m->count;) {
        bool newer = false;
        for (size_t j = i + 1; j < m->count; j++) newer |= m->held[j].topic == m->held[i].topic;
        if (newer) {
            drop_waiting(m, i, true);
        } else {
            i++;
        }
    }
}

static void put(struct session *s, struct model *m, int topic, const char *wire, size_t n) {
    struct waiting w = {.topic = topic};
    add(&w.wire, wire, n);
    w.wire.p[0] = s->reply.proto == 3 ? '>' : '*';
    size_t unsent = m->out.n + m->aside.n;
    bool close = policy(m) == CONFIG_POLICY_CLOSE;
    if (close || (!holds(m) && unsent < ahead() && !waits(s))) {
        add(output(s, m), w.wire.p, w.wire.n);
        free(w.wire.p);
        return;
    }
    bool too_much = unsent + m->bytes + n + OUTBOX_RECORD_BYTES > limit();
    if (too_much) m->over = true;
    m->held = realloc(m->held, (m->count + 1) * sizeof *m->held);
    m->held[m->count++] = w;
    m->bytes += n + OUTBOX_RECORD_BYTES;
    if (policy(m) == CONFIG_POLICY_DROP_NEWEST) {
        if (too_much) drop_waiting(m, m->count - 1, true);
    }
    m->held = realloc(m->held, (m->count + 1) * sizeof *m->held);
    if (!(too_much && policy(m) == CONFIG_POLICY_DROP_NEWEST) && m->missing[topic]) {
        m->held[m->count - 1].missing = m->missing[topic];
        m->missing[topic] = 0;
        int at = 0;
        while (m->lagging[at] != topic) at++;
        memmove(m->lagging + at, m->lagging + at + 1, (size_t)(m->lags-- - at - 1) * sizeof(int));
    }
    if (!m->over || policy(m) == CONFIG_POLICY_DROP_NEWEST) return;
    if (policy(m) == CONFIG_POLICY_CONFLATE) drop_outdated(m);
    while (m->count && unsent + m->bytes > limit()) drop_waiting(m, 0, true);
}

static void forget(struct model *m) {
    while (m->count) drop_waiting(m, 0, false);
    free(m->held);
    free(m->out.p);
    free(m->aside.p);
    *m = (struct model){.policy = -1};
}

/* ---- the server --------------------------------------------------------------------------- */

static void kick(struct session *s) { kicked[s - sessions] = true; }

static void join(int i) {
    session_init(&sessions[i], core);
    sessions[i].kick = kick;
    forget(&models[i]);
}

static void begin(void) {
    static const struct row none[] = {{0}};
    static const struct row *const families[] = {none, NULL};
    log_set_level(LOG_LEVEL_NOTHING);
    conf = config_new();
    pool = work_pool_new(1);
    core = core_new(conf, families, pool);
    topics_new(core);
    for (int i = 0; i < SESSIONS; i++) join(i);
}

static void leave(int i) {
    sessions[i].state &= ~(uint32_t)(SESSION_BUSY | SESSION_STREAMS);
    session_fini(&sessions[i]);
    forget(&models[i]);
}

static void end(void) {
    for (int i = 0; i < SESSIONS; i++) leave(i);
    topics_free(core);
    core_free(core);
    work_pool_free(pool);
    config_free(conf);
}

/* As the door does it: takes so many bytes, each as the model says, and gives more when all is out.
 */
static bool read_some(int i, size_t bytes) {
    struct session *s = &sessions[i];
    struct model *m = &models[i];
    while (bytes) {
        struct iovec pieces[PIECES];
        int n = reply_pieces(&s->reply, pieces, PIECES);
        size_t taken = 0;
        for (int k = 0; k < n && bytes; k++) {
            size_t part = pieces[k].iov_len < bytes ? pieces[k].iov_len : bytes;
            if (m->out.n < taken + part) return false;
            if (memcmp(m->out.p + taken, pieces[k].iov_base, part) != 0) return false;
            taken += part;
            bytes -= part;
        }
        take(&m->out, taken);
        reply_sent(&s->reply, taken);
        if (reply_pending(&s->reply)) continue;
        m->may_close = m->aside.n;
        if (!(s->state & SESSION_HOLDS)) break;
        core->topic_hooks.refill(s);
        refill(s, m);
        if (!reply_pending(&s->reply)) break;
    }
    return true;
}

/* A reply of a command: what is held goes before it. */
static void run_command(int i) {
    struct session *s = &sessions[i];
    if (waits(s)) return;
    push_before_reply(s);
    give_all(s, &models[i]);
    reply_ok(&s->reply);
    add(&models[i].out, "+OK\r\n", 5);
}

static void subscribe(int i, int topic, bool on) {
    struct session *s = &sessions[i];
    struct model *m = &models[i];
    struct slice name = slice_cstr(name_of(topic));
    if (m->subscribed[topic] == on) return;
    run_command(i);
    if (on) {
        CU_ASSERT(topics_subscribe(s, (enum topic_kind)(topic / NAMES), name));
    } else {
        give_all(s, m);
        CU_ASSERT(topics_unsubscribe(s, (enum topic_kind)(topic / NAMES), name));
    }
    m->subscribed[topic] = on;
    bool any = false;
    for (int t = 0; t < TOPICS; t++) any |= m->subscribed[t];
    if (!any) m->dropped = 0; /* its outbox is gone */
}

static int older[NAMES]; /* patterns, the one that somebody is subscribed to longest first */
static int older_count;

/* Patterns are told in the order in which they came to be. */
static void order_patterns(void) {
    bool there[NAMES] = {0};
    for (int i = 0; i < SESSIONS; i++) {
        for (int p = 0; p < NAMES; p++) there[p] |= models[i].subscribed[TOPIC_PATTERN * NAMES + p];
    }
    int n = 0;
    bool kept[NAMES] = {0};
    for (int k = 0; k < older_count; k++) {
        if (!there[older[k]]) continue;
        kept[older[k]] = true;
        older[n++] = older[k];
    }
    for (int p = 0; p < NAMES; p++) {
        if (there[p] && !kept[p]) older[n++] = p;
    }
    older_count = n;
}

static void put_to_all(int topic, const char *head, const char *tail, size_t tail_n) {
    struct text wire = {0};
    add(&wire, head, strlen(head));
    add(&wire, tail, tail_n);
    for (int i = 0; i < SESSIONS; i++) {
        if (models[i].subscribed[topic] && !(sessions[i].state & SESSION_CLOSE_NOW))
            put(&sessions[i], &models[i], topic, wire.p, wire.n);
    }
    free(wire.p);
}

static void publish(int name, bool shard, size_t n) {
    static char payload[8192], tail[9000];
    static int number;
    memset(payload, 'x', n);
    char digits[16];
    int digits_n = snprintf(digits, sizeof digits, "%d", ++number);
    if ((size_t)digits_n <= n) memcpy(payload, digits, (size_t)digits_n);
    int tail_n = snprintf(tail, sizeof tail, "$%zu\r\n%s\r\n$%zu\r\n%.*s\r\n", strlen(names[name]),
                          names[name], n, (int)n, payload);
    /* The closed ones were marked in the order of delivery: the model's are those before it. */
    int topic = (shard ? TOPIC_SHARD : TOPIC_CHANNEL) * NAMES + name;
    put_to_all(topic, shard ? "*3\r\n$8\r\nsmessage\r\n" : "*3\r\n$7\r\nmessage\r\n", tail,
               (size_t)tail_n);
    for (int k = 0; !shard && k < older_count; k++) {
        char head[64];
        const char *glob = globs[older[k]];
        snprintf(head, sizeof head, "*4\r\n$8\r\npmessage\r\n$%zu\r\n%s\r\n", strlen(glob), glob);
        if (globbed(older[k], names[name]))
            put_to_all(TOPIC_PATTERN * NAMES + older[k], head, tail, (size_t)tail_n);
    }
    topics_publish(core, shard ? TOPIC_SHARD : TOPIC_CHANNEL, slice_cstr(names[name]),
                   slice_of(payload, n));
}

/* A command that goes on: nothing of what is pushed stands in its reply. */
static void turn_busy(int i) {
    struct session *s = &sessions[i];
    struct model *m = &models[i];
    if (!waits(s)) {
        run_command(i);
        s->state |= SESSION_BUSY;
        return;
    }
    s->state &= ~(uint32_t)SESSION_BUSY;
    push_release(s);
    if (m->aside.n) m->may_close = true; /* what gathers aside takes a chunk of its own */
    add(&m->out, m->aside.p, m->aside.n);
    m->aside.n = 0;
    s->kick(s);
}

static void follow(int i) {
    struct model *m = &models[i];
    if (policy(m) == CONFIG_POLICY_CLOSE) give_all(&sessions[i], m);
}

static void set_policy(int i, int own) {
    run_command(i);
    session_set_policy(&sessions[i], own);
    models[i].policy = own;
    follow(i);
}

static void set_directive(int to) {
    conf->subscriber_policy = to;
    for (int i = 0; i < SESSIONS; i++) {
        session_follow_policy(&sessions[i]);
        follow(i);
    }
}

static void set_limit(uint64_t bytes) {
    conf->output_limit[CONFIG_CLIENT_PUBSUB].hard_bytes = bytes;
    for (int i = 0; i < SESSIONS; i++) models[i].may_close = true;
}

static bool check(int i) {
    struct session *s = &sessions[i];
    struct model *m = &models[i];
    if (policy(m) == CONFIG_POLICY_CLOSE) m->may_close = true;
    if (s->state & SESSION_CLOSE_NOW) {
        if (!m->may_close) return false;
        leave(i);
        join(i);
        return true;
    }
    const struct outbox *o = topics_outbox(s);
    size_t aside = s->aside ? reply_pending(s->aside) : 0;
    return reply_pending(&s->reply) == m->out.n && aside == m->aside.n &&
           (o ? outbox_held(o) : 0) == m->count && (!o || (long)outbox_dropped(o) == m->dropped) &&
           ((s->state & SESSION_HOLDS) != 0) == holds(m) &&
           ((s->gates & GATE_HOLDS) != 0) == holds(m);
}

static void random_step(void) {
    int i = (int)below(SESSIONS);
    switch (below(20)) {
    case 0: subscribe(i, (int)below(TOPICS), true); break;
    case 1:
        if (below(3) == 0) subscribe(i, (int)below(TOPICS), false);
        break;
    case 2:
        if (below(3) == 0) set_policy(i, (int)below(5) - 1);
        break;
    case 3:
        if (below(20) == 0) set_directive((int)below(4));
        break;
    case 4:
        if (below(20) == 0) set_limit(below(4) ? 3000 + below(30000) : 0);
        break;
    case 5:
        if (below(10) == 0) {
            leave(i);
            join(i);
        }
        break;
    case 6:
        if (below(4) == 0) run_command(i);
        break;
    case 7:
        if (below(4) == 0) turn_busy(i);
        break;
    case 8:
        if (!waits(&sessions[i])) {
            run_command(i);
            session_set_proto(&sessions[i], 2 + (int)below(2));
        }
        break;
    case 9:
    case 10:
    case 11:
    case 12: CU_ASSERT_FATAL(read_some(i, 1 + below(below(4) ? 500 : 20000))); break;
    default:
        order_patterns();
        publish((int)below(NAMES), below(4) == 0, below(3) ? below(300) : below(3000));
    }
}

static void random_conversations_are_the_models(void) {
    const char *steps = getenv("OUTBOX_STEPS"), *own_seed = getenv("OUTBOX_SEED");
    if (own_seed) seed = strtoull(own_seed, NULL, 10);
    dice = seed;
    begin();
    conf->output_limit[CONFIG_CLIENT_PUBSUB] = (struct config_output_limit){.hard_bytes = 20000};
    unsigned before = suite_failures();
    for (long n = steps ? atol(steps) : STEPS; n > 0 && suite_failures() == before; n--) {
        order_patterns();
        random_step();
        for (int i = 0; i < SESSIONS; i++) {
            bool good = check(i);
            CU_ASSERT(good);
            if (!good) printf("session %d, %ld steps before the end, seed %lu\n", i, n, seed);
        }
    }
    for (int i = 0; i < SESSIONS && suite_failures() == before; i++) {
        if (waits(&sessions[i])) turn_busy(i);
        CU_ASSERT(read_some(i, SIZE_MAX / 2));
        CU_ASSERT(models[i].out.n == 0 && !holds(&models[i]));
    }
    end();
}

/* ---- what a message costs ------------------------------------------------------------------ */

/* However much is held, another one costs the same: this would take minutes otherwise. */
static void much_is_held(void) {
    begin();
    conf->output_limit[CONFIG_CLIENT_PUBSUB] = (struct config_output_limit){.hard_bytes = 32 << 20};
    for (int p = CONFIG_POLICY_DROP_OLDEST; p <= CONFIG_POLICY_CONFLATE; p++) {
        session_set_policy(&sessions[0], p);
        topics_subscribe(&sessions[0], TOPIC_CHANNEL, slice_cstr("a"));
        topics_subscribe(&sessions[0], TOPIC_CHANNEL, slice_cstr("b"));
        for (int n = 0; n < 600000; n++) {
            topics_publish(core, TOPIC_CHANNEL, slice_cstr(n % 3 ? "a" : "b"), slice_cstr("x"));
        }
        size_t held = outbox_held(topics_outbox(&sessions[0]));
        CU_ASSERT(held > 0);
        CU_ASSERT(session_memory(&sessions[0]) < (33 << 20));
        CU_ASSERT(!(sessions[0].state & SESSION_CLOSE_NOW));
        leave(0);
        join(0);
    }
    end();
}

int main(void) {
    static const struct suite_test tests[] = {
        {"random_conversations_are_the_models", random_conversations_are_the_models},
        {"much_is_held", much_is_held},
        {NULL, NULL},
    };
    return suite_main("outbox", tests);
}
