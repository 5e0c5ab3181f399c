/* topics.c - see topics.h: topics, subscriptions, and the delivery of a message. */
#include "topic/topics.h"

#include <stdlib.h>

#include "base/mem.h"
#include "core/push.h"
#include "topic/outbox.h"
#include "topic/patterns.h"
#include "topic/topics_internal.h"
#include "wire/resp.h"

#define AHEAD 4 /* subscribers whose sessions are fetched before their turn */

/* That one session hears one topic. */
struct subscription {
    struct subscription_key {
        struct topic *topic;
        struct session *s;
    } key;
    size_t at;             /* in the topic's listeners */
    struct list_link in_s; /* subscriber.subscriptions, in the order in which they were made */
    union {
        struct replay *replay;    /* of a retained topic */
        struct outbox_line *line; /* of others; NULL: the session has not needed one */
    };
};

struct listener {
    struct session *s;
    struct subscription *sub;
};

struct topic {
    struct pattern pattern; /* first: hits of the index are topics */
    enum topic_kind kind;
    uint64_t number; /* an older one has a lower one */
    struct listener *listeners;
    size_t count, room;
    struct slice name; /* in head */
    size_t head_bytes;
    char head[]; /* of a message in RESP2's form, as far as it is the same for all messages */
};

/* s->topics */
struct subscriber {
    struct list subscriptions[TOPIC_KINDS];
    size_t count[TOPIC_KINDS];
    struct replayer *replayer; /* or NULL */
    struct outbox *outbox;     /* likewise */
};

struct topics {
    struct core *core;
    struct table by_name[TOPIC_KINDS];
    struct table subscriptions;
    struct patterns patterns;
    uint64_t last_number;
};

static struct slice topic_key(const void *item) { return ((const struct topic *)item)->name; }
static struct slice subscription_key(const void *item) {
    return slice_of(item, sizeof(struct subscription_key));
}
static const struct table_ops topic_ops = {.key = topic_key};
static const struct table_ops subscription_ops = {.key = subscription_key};

/* ---- topics ------------------------------------------------------------------------- */

static uint64_t hash_of(struct slice s) { return hash_bytes(s.p, s.n); }

static struct topic *find_topic(const struct topics *t, enum topic_kind kind, struct slice name) {
    struct table_place place;
    return table_find(&t->by_name[kind], &topic_ops, name, hash_of(name), &place);
}

static void count_topics(struct topics *t) {
    struct topic_counts *n = &t->core->topic_counts;
    n->channels = t->by_name[TOPIC_CHANNEL].count;
    n->patterns = t->by_name[TOPIC_PATTERN].count;
    n->shard_channels = t->by_name[TOPIC_SHARD].count;
}

/* What a message to this topic's subscribers begins with: of a pattern that has its name in it. */
static const char *const heads[TOPIC_KINDS] = {
    [TOPIC_CHANNEL] = "*3\r\n$7\r\nmessage\r\n",
    [TOPIC_PATTERN] = "*4\r\n$8\r\npmessage\r\n",
    [TOPIC_SHARD] = "*3\r\n$8\r\nsmessage\r\n",
    [TOPIC_RETAINED] = "", /* retained.c makes its own */
};

static struct topic *topic_new(struct topics *t, enum topic_kind kind, struct slice name) {
    size_t fixed = strlen(heads[kind]);
    struct topic *made = mem_alloc(sizeof *made + fixed + RESP_HEADER_BYTES_MAX + name.n + 2);
    *made = (struct topic){.kind = kind, .number = ++t->last_number};
    memcpy(made->head, heads[kind], fixed);
    char *p = resp_put_header(made->head + fixed, '$', name.n);
    if (name.n) memcpy(p, name.p, name.n);
    memcpy(p + name.n, "\r\n", 2);
    made->name = slice_of(p, name.n);
    made->head_bytes = kind == TOPIC_PATTERN ? (size_t)(p + name.n + 2 - made->head) : fixed;
    table_insert(&t->by_name[kind], hash_of(name), made);
    if (kind == TOPIC_PATTERN) patterns_add(&t->patterns, &made->pattern, made->name);
    count_topics(t);
    return made;
}

static void topic_drop(struct topics *t, struct topic *gone) {
    struct table_place place;
    struct table *table = &t->by_name[gone->kind];
    uint64_t hash = hash_of(gone->name);
    table_find(table, &topic_ops, gone->name, hash, &place);
    table_remove(table, hash, place);
    if (gone->kind == TOPIC_PATTERN) patterns_remove(&t->patterns, &gone->pattern);
    mem_free(gone->listeners);
    mem_free(gone);
    count_topics(t);
}

/* ---- subscriptions ------------------------------------------------------------------ */

static uint64_t hash_key(const struct subscription_key *key) {
    return hash_bytes(key, sizeof *key);
}

static struct subscription *find_subscription(const struct topics *t, struct topic *topic,
                                              struct session *s, struct table_place *place) {
    struct subscription_key key = {topic, s};
    return table_find(&t->subscriptions, &subscription_ops, slice_of(&key, sizeof key),
                      hash_key(&key), place);
}

/* Into, or out of, the state of one who hears something. */
static void set_subscribed(struct session *s, bool on) {
    s->core->topic_counts.sessions += on ? 1 : (size_t)-1;
    s->state = on ? s->state | SESSION_SUBSCRIBED : s->state & ~(uint32_t)SESSION_SUBSCRIBED;
    session_update_gates(s);
}

static struct subscriber *subscriber_of(struct session *s) {
    if (s->topics) return s->topics;
    s->topics = mem_calloc(sizeof *s->topics);
    for (int i = 0; i < TOPIC_KINDS; i++) list_init(&s->topics->subscriptions[i]);
    set_subscribed(s, true);
    return s->topics;
}

bool topics_subscribe(struct session *s, enum topic_kind kind, struct slice name) {
    struct topics *t = s->core->topics;
    struct table_place place;
    struct topic *topic = find_topic(t, kind, name);
    if (topic && find_subscription(t, topic, s, &place)) return false;
    if (!topic) topic = topic_new(t, kind, name);
    if (topic->count == topic->room) {
        topic->room = topic->room ? 2 * topic->room : 1;
        topic->listeners = mem_realloc(topic->listeners, topic->room * sizeof *topic->listeners);
    }
    struct subscriber *own = subscriber_of(s);
    struct subscription *sub = mem_alloc(sizeof *sub);
    *sub = (struct subscription){.key = {topic, s}, .at = topic->count};
    topic->listeners[topic->count++] = (struct listener){s, sub};
    list_link_init(&sub->in_s);
    list_push_back(&own->subscriptions[kind], &sub->in_s);
    own->count[kind]++;
    if (kind == TOPIC_RETAINED) t->core->topic_counts.retained++;
    table_insert(&t->subscriptions, hash_key(&sub->key), sub);
    return true;
}

static void end_subscription(struct topics *t, struct subscription *sub) {
    struct topic *topic = sub->key.topic;
    struct session *s = sub->key.s;
    struct table_place place;
    if (s->state & SESSION_HOLDS) outbox_send_all(s->topics->outbox);
    find_subscription(t, topic, s, &place);
    table_remove(&t->subscriptions, hash_key(&sub->key), place);
    struct listener last = topic->listeners[--topic->count];
    topic->listeners[sub->at] = last;
    last.sub->at = sub->at;
    list_unlink(&sub->in_s);
    s->topics->count[topic->kind]--;
    if (topic->kind == TOPIC_RETAINED) {
        t->core->topic_counts.retained--;
        retained_end(sub->replay);
    } else if (sub->line) {
        outbox_line_free(sub->line);
    }
    mem_free(sub);
    if (!topic->count) topic_drop(t, topic);
    for (int kind = 0; kind < TOPIC_KINDS; kind++) {
        if (s->topics->count[kind]) return;
    }
    retained_end_all(s->topics->replayer);
    if (s->topics->outbox) outbox_free(s->topics->outbox);
    mem_free(s->topics);
    s->topics = NULL;
    set_subscribed(s, false);
}

bool topics_unsubscribe(struct session *s, enum topic_kind kind, struct slice name) {
    struct topics *t = s->core->topics;
    struct table_place place;
    struct topic *topic = find_topic(t, kind, name);
    struct subscription *sub = topic ? find_subscription(t, topic, s, &place) : NULL;
    if (sub) end_subscription(t, sub);
    return sub;
}

static struct subscription *first_of(const struct session *s, enum topic_kind kind) {
    struct list_link *l = s->topics ? list_first(&s->topics->subscriptions[kind]) : NULL;
    return l ? LIST_MEMBER(l, struct subscription, in_s) : NULL;
}

bool topics_first(const struct session *s, enum topic_kind kind, struct slice *name) {
    const struct subscription *sub = first_of(s, kind);
    if (sub) *name = sub->key.topic->name;
    return sub;
}

size_t topics_of(const struct session *s, enum topic_kind kind) {
    return s->topics ? s->topics->count[kind] : 0;
}

/* What is held is not sent any more. */
static void leave(struct session *s) {
    if (s->topics->outbox) outbox_clear(s->topics->outbox);
    for (enum topic_kind kind = 0; kind < TOPIC_KINDS; kind++) {
        for (struct subscription *sub; (sub = first_of(s, kind));)
            end_subscription(s->core->topics, sub);
    }
}

/* The names themselves are shared by all subscribers. */
static size_t memory(const struct session *s) {
    size_t n = 0, n_held = 0;
    for (enum topic_kind kind = 0; kind < TOPIC_KINDS; kind++) n += topics_of(s, kind);
    if (s->topics->outbox) n_held = outbox_memory(s->topics->outbox);
    return sizeof *s->topics + n_held +
           n * (sizeof(struct subscription) + sizeof(struct listener)) +
           topics_of(s, TOPIC_RETAINED) * sizeof(struct replay);
}

/* ---- delivery ----------------------------------------------------------------------- */

struct message {
    struct slice channel, payload;
    struct blob *tail; /* how it ends in every form; NULL: nobody has wanted it */
};

static char *put_bulk(char *p, struct slice s) {
    p = resp_put_header(p, '$', s.n);
    if (s.n) memcpy(p, s.p, s.n);
    memcpy(p + s.n, "\r\n", 2);
    return p + s.n + 2;
}

static bool encode(struct message *m) {
    if (m->tail) return true;
    m->tail = blob_try(m->channel.n + m->payload.n + 2 * (RESP_HEADER_BYTES_MAX + 2));
    if (!m->tail) return false;
    char *end = put_bulk(put_bulk(m->tail->data, m->channel), m->payload);
    m->tail->len = (size_t)(end - m->tail->data);
    return true;
}

/* To one who may lose messages. */
static __attribute__((noinline)) void deliver_droppable(struct subscription *sub,
                                                        struct blob *tail) {
    static const char *const forms[] = {
        [TOPIC_CHANNEL] = "message", [TOPIC_PATTERN] = "pmessage", [TOPIC_SHARD] = "smessage"};
    struct topic *topic = sub->key.topic;
    struct subscriber *own = sub->key.s->topics;
    if (!own->outbox) own->outbox = outbox_new(sub->key.s);
    if (!sub->line)
        sub->line = outbox_line_new(own->outbox, forms[topic->kind], topic->name, topic->head,
                                    topic->head_bytes);
    outbox_put(sub->line, tail);
}

static void deliver(struct topic *topic, struct blob *tail) {
    const struct listener *l = topic->listeners;
    char *head = topic->head;
    for (size_t i = 0; i < topic->count; i++) {
        if (i + AHEAD < topic->count) __builtin_prefetch(&l[i + AHEAD].s->reply);
        if (unlikely(l[i].s->state & SESSION_DROPS)) {
            deliver_droppable(l[i].sub, tail);
            continue;
        }
        head[0] = l[i].s->reply.proto == 3 ? '>' : '*';
        push_write(l[i].s, slice_of(head, topic->head_bytes), tail);
    }
}

static int by_number(const void *a, const void *b) {
    const struct topic *x = *(struct topic *const *)a, *y = *(struct topic *const *)b;
    return (x->number > y->number) - (x->number < y->number);
}

int64_t topics_publish(struct core *core, enum topic_kind kind, struct slice channel,
                       struct slice payload) {
    struct topics *t = core->topics;
    struct topic *topic = t->by_name[kind].count ? find_topic(t, kind, channel) : NULL;
    size_t hits = kind == TOPIC_CHANNEL ? patterns_match(&t->patterns, channel) : 0;
    struct message m = {channel, payload, NULL};
    int64_t count = 0;
    if (!topic && !hits) return 0;
    if (!encode(&m)) return -1;
    if (topic) {
        deliver(topic, m.tail);
        count += (int64_t)topic->count;
    }
    struct topic **matched = (struct topic **)t->patterns.hits;
    if (hits > 1) qsort(matched, hits, sizeof *matched, by_number);
    for (size_t i = 0; i < hits; i++) {
        deliver(matched[i], m.tail);
        count += (int64_t)matched[i]->count;
    }
    blob_unref(m.tail);
    return count;
}

/* ---- looking at them ---------------------------------------------------------------- */

size_t topics_subscribers(const struct core *core, enum topic_kind kind, struct slice name) {
    const struct topic *topic = find_topic(core->topics, kind, name);
    return topic ? topic->count : 0;
}

struct each {
    void (*visit)(void *ctx, struct slice name);
    void *ctx;
};

static void visit_topic(void *ctx, void *item) {
    const struct each *each = ctx;
    each->visit(each->ctx, ((const struct topic *)item)->name);
}

void topics_each(const struct core *core, enum topic_kind kind,
                 void (*visit)(void *ctx, struct slice name), void *ctx) {
    struct each each = {visit, ctx};
    table_each(&core->topics->by_name[kind], visit_topic, &each);
}

/* ---- for retained.c ------------------------------------------------------------------ */

struct replay **topics_replay(const struct session *s, struct slice name, struct slice *own_name) {
    struct topics *t = s->core->topics;
    struct table_place place;
    struct topic *topic = find_topic(t, TOPIC_RETAINED, name);
    struct subscription *sub = find_subscription(t, topic, (struct session *)s, &place);
    *own_name = topic->name;
    return &sub->replay;
}

struct replayer **topics_replayer(const struct session *s) {
    return &s->topics->replayer;
}

size_t topics_each_replay(const struct core *core, struct slice name,
                          void (*visit)(void *ctx, struct replay *replay), void *ctx) {
    const struct topic *topic = find_topic(core->topics, TOPIC_RETAINED, name);
    size_t n = topic ? topic->count : 0;
    for (size_t i = 0; i < n; i++) visit(ctx, topic->listeners[i].sub->replay);
    return n;
}

uint64_t topics_scan_retained(const struct core *core, uint64_t cursor,
                              void (*visit)(void *ctx, struct slice name), void *ctx) {
    struct each each = {visit, ctx};
    return table_scan(&core->topics->by_name[TOPIC_RETAINED], cursor, visit_topic, &each);
}

/* ---- what is held for a session ------------------------------------------------------ */

static void refill(struct session *s) { outbox_refill(s->topics->outbox); }

static void send_held(struct session *s) { outbox_send_all(s->topics->outbox); }

static size_t spared(const struct session *s) {
    return s->topics && s->topics->outbox ? outbox_spared(s->topics->outbox) : 0;
}

const struct outbox *topics_outbox(const struct session *s) {
    return s->topics ? s->topics->outbox : NULL;
}

/* ---- up and down -------------------------------------------------------------------- */

void topics_new(struct core *core) {
    struct topics *t = mem_calloc(sizeof *t);
    t->core = core;
    for (int i = 0; i < TOPIC_KINDS; i++) table_init(&t->by_name[i], &topic_ops, NULL);
    table_init(&t->subscriptions, &subscription_ops, NULL);
    patterns_init(&t->patterns);
    core->topics = t;
    core->topic_hooks.leave = leave;
    core->topic_hooks.memory = memory;
    core->topic_hooks.refill = refill;
    core->topic_hooks.send_held = send_held;
    core->topic_hooks.spared = spared;
}

void topics_free(struct core *core) {
    struct topics *t = core->topics;
    ASSERT(!t->subscriptions.count);
    core->topics = NULL;
    for (int i = 0; i < TOPIC_KINDS; i++) table_fini(&t->by_name[i]);
    table_fini(&t->subscriptions);
    patterns_fini(&t->patterns);
    mem_free(t);
}
