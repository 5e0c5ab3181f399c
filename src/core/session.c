/* session.c - clients: their list, their ids, their state.
 *
 * Sessions are found by id through a table of chains shared by all sessions of a core: ids
 * are handed out in order, so that the lower bits of an id spread evenly.
 *
 * I1  The table is made with the first session of a core and freed with the last one.
 * I2  There are at least as many chains as sessions.
 * Threads: the loop.
 */
#include "core/session.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/blocked.h"
#include "core/config.h"
#include "core/core.h"
#include "core/multi.h"
#include "core/offload.h"
#include "core/push.h"

/* As in Redis: what its fixed buffer has, and a KiB. */
#define UNAUTH_OUTPUT_BYTES_MAX (17 * 1024)

#define CHAINS_MIN 64 /* power of two */

struct session_ids {
    struct session **chains;
    size_t mask;
    size_t count;
};

static struct session **chain_of(struct session_ids *ids, uint64_t id) {
    return &ids->chains[id & ids->mask];
}

static void set_chain_count(struct session_ids *ids, size_t chain_count) {
    struct session **old = ids->chains;
    size_t old_count = old ? ids->mask + 1 : 0;
    ids->chains = mem_calloc(chain_count * sizeof *ids->chains);
    ids->mask = chain_count - 1;
    for (size_t i = 0; i < old_count; i++) {
        for (struct session *s = old[i], *next; s; s = next) {
            struct session **chain = chain_of(ids, s->id);
            next = s->next_in_chain;
            s->next_in_chain = *chain;
            *chain = s;
        }
    }
    mem_free(old);
}

static struct session *first_session(struct core *core) {
    struct list_link *link = list_first(&core->sessions);
    return link ? LIST_MEMBER(link, struct session, in_all) : NULL;
}

static void join_ids(struct session *s, struct session *other) {
    if (other) {
        s->ids = other->ids;
    } else {
        s->ids = mem_calloc(sizeof *s->ids);
        set_chain_count(s->ids, CHAINS_MIN);
    }
    if (s->ids->count++ > s->ids->mask) set_chain_count(s->ids, 2 * (s->ids->mask + 1));
    struct session **chain = chain_of(s->ids, s->id);
    s->next_in_chain = *chain;
    *chain = s;
}

static void leave_ids(struct session *s) {
    struct session **at = chain_of(s->ids, s->id);
    while (*at != s) at = &(*at)->next_in_chain;
    *at = s->next_in_chain;
    if (--s->ids->count == 0) {
        mem_free(s->ids->chains);
        mem_free(s->ids);
    }
    s->ids = NULL;
}

struct session *session_by_id(struct core *core, uint64_t id) {
    struct session *s = first_session(core);
    if (!s) return NULL;
    for (s = *chain_of(s->ids, id); s && s->id != id;) s = s->next_in_chain;
    return s;
}

/* What a new connection may do without AUTH. */
static uint32_t first_gates(const struct core *core) {
    return core->config->requirepass[0] ? GATE_UNAUTHENTICATED : 0;
}

void session_init(struct session *s, struct core *core) {
    memset(s, 0, sizeof *s);
    s->core = core;
    s->db = &core->ks->dbs[0];
    s->id = ++core->next_session_id;
    s->fd = -1;
    s->gates = first_gates(core);
    s->created_ms = s->active_ms = core->now_ms;
    reply_init(&s->reply);
    session_set_proto(s, 2);
    list_link_init(&s->in_class);
    list_link_init(&s->in_held);
    list_init(&s->watching);
    session_set_policy(s, -1);
    join_ids(s, first_session(core));
    list_push_back(&core->sessions, &s->in_all);
    core->session_count++;
}

void session_init_inner(struct session *s, struct core *core, const char *addr) {
    memset(s, 0, sizeof *s);
    s->core = core;
    s->db = &core->ks->dbs[0];
    s->fd = -1;
    s->state = SESSION_NO_WAIT;
    snprintf(s->addr, sizeof s->addr, "%s", addr);
    reply_init(&s->reply);
    session_set_proto(s, 2);
    list_link_init(&s->in_all);
    list_link_init(&s->in_class);
    list_link_init(&s->in_held);
}

void session_fini_inner(struct session *s) { reply_fini(&s->reply); }

/* Out of MONITOR, or of a pause; commands of others may be faster then. */
static void leave_class(struct session *s) {
    if (!list_linked(&s->in_class)) return;
    list_unlink(&s->in_class);
    core_update_gates(s->core);
}

void session_set_durable(struct session *s, bool on) {
    struct core *core = s->core;
    if (on == ((s->state & SESSION_DURABLE) != 0)) return;
    s->state ^= SESSION_DURABLE;
    core->log.askers += on ? 1 : -1u;
    core_log_update(core);
    if (on && core->log.on) core->log.hurry(core->log.hurry_ctx); /* replies may wait already */
}

void session_leave(struct session *s) {
    session_leave_topics(s);
    if (s->tracker) s->core->tracking_hooks.stop(s, true);
    leave_class(s);
    list_unlink(&s->in_held);
    blocked_leave(s);
    if (!list_linked(&s->in_all)) return;
    list_unlink(&s->in_all);
    leave_ids(s);
    s->core->session_count--;
}

void session_fini(struct session *s) {
    ASSERT(!(s->state & SESSION_BUSY));
    session_leave(s); /* again, as a command that went on may have joined something */
    session_set_durable(s, false);
    push_drop(s);
    offload_leave(s);
    multi_end(s);
    fieldsets_discard_all(&s->fieldsets);
    mem_free(s->name);
    mem_free(s->lib_name);
    mem_free(s->lib_ver);
    reply_fini(&s->reply);
}

void session_kill(struct session *s, struct session *by) {
    if (s == by) {
        s->state |= SESSION_CLOSE_AFTER;
        return;
    }
    s->drop(s);
}

int session_policy(const struct session *s) {
    return s->own_policy < 0 ? s->core->config->subscriber_policy : s->own_policy;
}

void session_follow_policy(struct session *s) {
    bool drops = session_policy(s) != CONFIG_POLICY_CLOSE;
    s->state = drops ? s->state | SESSION_DROPS : s->state & ~(uint32_t)SESSION_DROPS;
    if (!drops && s->state & SESSION_HOLDS) s->core->topic_hooks.send_held(s);
}

void session_set_policy(struct session *s, int policy) {
    s->own_policy = (int8_t)policy;
    session_follow_policy(s);
}

void session_set_text(char **field, struct slice text) {
    mem_free(*field);
    *field = text.n ? mem_dup(text.p, text.n) : NULL;
}

void session_leave_topics(struct session *s) {
    if (s->topics) s->core->topic_hooks.leave(s);
}

void session_update_gates(struct session *s) {
    bool shut = s->state & SESSION_SUBSCRIBED && s->reply.proto == 2;
    s->gates = shut ? s->gates | GATE_SUBSCRIBED : s->gates & ~(uint32_t)GATE_SUBSCRIBED;
}

void session_reset(struct session *s) {
    multi_end(s);
    leave_class(s);
    session_leave_topics(s);
    if (s->tracker) s->core->tracking_hooks.stop(s, false);
    s->gates = first_gates(s->core);
    s->state &= ~(uint32_t)SESSION_NO_EVICT;
    session_set_durable(s, false);
    s->lane_timeout_ms = 0;
    session_set_policy(s, -1);
    s->db = &s->core->ks->dbs[0];
    session_set_proto(s, 2);
    session_set_text(&s->name, slice_of(NULL, 0));
    fieldsets_discard_all(&s->fieldsets);
}

size_t session_memory(const struct session *s) {
    const char *const texts[] = {s->name, s->lib_name, s->lib_ver};
    size_t n = sizeof *s + s->query_bytes + s->query_free + reply_memory(&s->reply);
    n += s->fieldsets.bytes + multi_memory(s) + push_memory(s) + s->watch_bytes;
    if (s->topics) n += s->core->topic_hooks.memory(s);
    if (s->tracker) n += s->core->tracking_hooks.memory(s);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i]) n += strlen(texts[i]) + 1;
    }
    return n;
}

bool session_permitted(const struct session *s, int permit) {
    return permit == CONFIG_PERMIT_YES ||
           (permit == CONFIG_PERMIT_LOCAL && s->state & SESSION_LOCAL);
}

void session_set_proto(struct session *s, int proto) {
    ASSERT(proto == 2 || proto == 3);
    s->reply.proto = (uint8_t)proto;
    session_update_gates(s);
}

static void close_over(struct session *s, uint64_t used) {
    log_warning(
        "client %s is closed: its output buffer of %llu bytes is over client-output-buffer-limit",
        s->addr, (unsigned long long)used);
    s->core->stats.output_limit_kills++;
    s->state |= SESSION_CLOSE_NOW;
}

bool session_over_reply(struct session *s) {
    uint64_t hard = s->core->config->output_limit[CONFIG_CLIENT_NORMAL].hard_bytes;
    uint64_t used = s->state & SESSION_STREAMS ? s->streamed : reply_pending(&s->reply);
    if (!hard || used < hard || s->state & SESSION_SUBSCRIBED) return false;
    close_over(s, used);
    return true;
}

bool session_over_output(struct session *s) {
    struct core *core = s->core;
    bool hears = s->state & SESSION_SUBSCRIBED;
    const struct config_output_limit *limit =
        &core->config->output_limit[hears ? CONFIG_CLIENT_PUBSUB : CONFIG_CLIENT_NORMAL];
    size_t used = reply_memory(&s->reply) + push_memory(s);
    if (s->state & SESSION_DROPS) {
        size_t spared = core->topic_hooks.spared(s);
        used -= spared < used ? spared : used;
    }
    bool over = limit->hard_bytes && used >= limit->hard_bytes;
    if (s->gates & GATE_UNAUTHENTICATED && reply_pending(&s->reply) > UNAUTH_OUTPUT_BYTES_MAX)
        over = true;
    if (limit->soft_bytes && used >= limit->soft_bytes) {
        if (!s->soft_limit_since_ms) s->soft_limit_since_ms = core->now_ms;
        if ((core->now_ms - s->soft_limit_since_ms) / 1000 > limit->soft_s) over = true;
    } else {
        s->soft_limit_since_ms = 0;
    }
    if (over) close_over(s, used);
    return over;
}
