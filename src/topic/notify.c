/* notify.c - see notify.h. */
#include "topic/notify.h"

#include <stdio.h>

#include "base/mem.h"
#include "core/config.h"
#include "topic/topics.h"

#define PREFIX_BYTES_MAX 40

struct notify {
    struct core *core;
    uint32_t events, keyspace, keyevent; /* bits, see feed_class_bit */
};

/* Publishes to "__<what>@<db>__:<name>". */
static void publish(struct core *core, const char *what, int db, struct slice name,
                    struct slice payload) {
    char here[256], *channel = here;
    int n = snprintf(here, PREFIX_BYTES_MAX, "__%s@%d__:", what, db);
    size_t prefix = (size_t)n;
    if (prefix + name.n > sizeof here) {
        channel = mem_try(prefix + name.n);
        if (!channel) return;
        memcpy(channel, here, prefix);
    }
    if (name.n) memcpy(channel + prefix, name.p, name.n);
    topics_publish(core, TOPIC_CHANNEL, slice_of(channel, prefix + name.n), payload);
    if (channel != here) mem_free(channel);
}

static void on_event(void *ctx, const struct feed_note *note) {
    const struct notify *n = ctx;
    struct core *core = n->core;
    if (!(n->events & feed_class_bit(note->class))) return;
    if (!topics_are_heard(core) || core->replaying) return;
    struct slice key = key_slice(note->key), event = slice_cstr(note->event);
    if (n->events & n->keyspace) publish(core, "keyspace", note->db, key, event);
    if (n->events & n->keyevent) publish(core, "keyevent", note->db, event, key);
}

static void on_new(void *ctx, struct db *db, struct key k) {
    struct core *core = ((struct notify *)ctx)->core;
    feed_event(&core->feed, db->id, FEED_NEW, "new", k);
}

static void on_miss(void *ctx, struct db *db, struct key k) {
    struct core *core = ((struct notify *)ctx)->core;
    feed_event(&core->feed, db->id, FEED_MISS, "keymiss", k);
}

static bool follow(void *ctx, char why[CONFIG_WHY_BYTES]) {
    (void)why;
    struct notify *n = ctx;
    struct keyspace *ks = n->core->ks;
    uint32_t events = n->core->config->notify_events;
    bool any = events & (n->keyspace | n->keyevent);
    n->events = events;
    feed_listen(&n->core->feed, any ? on_event : NULL, n);
    ks->on_new = any && events & feed_class_bit(FEED_NEW) ? on_new : NULL;
    ks->on_miss = any && events & feed_class_bit(FEED_MISS) ? on_miss : NULL;
    ks->on_new_ctx = n;
    return true;
}

void notify_new(struct core *core) {
    char why[CONFIG_WHY_BYTES];
    struct notify *n = mem_calloc(sizeof *n);
    *n = (struct notify){
        .core = core, .keyspace = feed_class_bit('K'), .keyevent = feed_class_bit('E')};
    core->notify = n;
    config_on_change(core->config, "notify-keyspace-events", follow, n);
    follow(n, why);
}

void notify_free(struct core *core) {
    feed_listen(&core->feed, NULL, NULL);
    core->ks->on_new = core->ks->on_miss = NULL;
    mem_free(core->notify);
    core->notify = NULL;
}
