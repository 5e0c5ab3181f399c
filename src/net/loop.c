/* loop.c - turns of the loop, over one event_base of libevent 2.1.
 *
 * P1  The base holds only descriptors: timers, wakes and signals come to it as such, so
 *     libevent neither reads a clock nor keeps a timeout in a turn.
 * P2  A turn that may block first raises `asleep`, then looks for pending wakes; a sender
 *     first marks its wake, then looks at `asleep`. One of the two sees the other.
 * Threads: the loop's, except `asleep`, which senders read.
 */
#include "net/loop.h"

#include <event2/event.h>

#include "base/assert.h"
#include "base/mem.h"
#include "net/loop_internal.h"

/* Warnings repeat what a return value says already; an error would end the process
 * without a word. */
static void on_library_log(int severity, const char *text) {
    if (severity == EVENT_LOG_ERR) {
        panic(__FILE__, __LINE__, "libevent: %s", text);
    }
}

static struct event_base *base_new(void) {
    event_set_log_callback(on_library_log);
    struct event_config *config = event_config_new();
    if (!config) {
        return NULL;
    }
    int flags = EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV | EVENT_BASE_FLAG_NO_CACHE_TIME;
    struct event_base *base = NULL;
    if (event_config_set_flag(config, flags) == 0) {
        base = event_base_new_with_config(config);
    }
    event_config_free(config);
    return base;
}

struct net_loop *net_loop_new(struct net_error *error) {
    ASSERT(event_get_struct_event_size() <= NET_WATCH_EVENT_BYTES);
    struct event_base *base = base_new();
    if (!base) {
        net_error_set(error, 0, "the system offers no way to wait for events");
        return NULL;
    }
    struct net_loop *loop = mem_calloc(sizeof *loop);
    loop->base = base;
    loop->again_end = &loop->again;
    if (net_timers_init(loop, error) != 0) {
        goto no_timers;
    }
    if (net_wakes_init(loop, error) != 0) {
        goto no_wakes;
    }
    return loop;

no_wakes:
    net_timers_fini(loop);
no_timers:
    event_base_free(base);
    mem_free(loop);
    return NULL;
}

void net_loop_free(struct net_loop *loop) {
    ASSERT(!loop->again);
    net_wakes_fini(loop);
    net_timers_fini(loop);
    event_base_free(loop->base);
    mem_free(loop);
}

const char *net_loop_method(const struct net_loop *loop) {
    return event_base_get_method(loop->base);
}

/* Only what was asked for before this turn: a request made while these run, or by an
 * event of this turn, must let the descriptors have their say first. */
static void run_again(struct net_loop *loop) {
    while (loop->again_now) {
        struct net_again *again = loop->again_now;
        net_again_drop(loop, again);
        loop->handled++;
        again->run(again);
    }
}

static void begin_again(struct net_loop *loop) {
    ASSERT(!loop->again_now);
    if (loop->again) {
        loop->again_now = loop->again;
        loop->again_now->link = &loop->again_now;
        loop->again = NULL;
        loop->again_end = &loop->again;
    }
}

int net_loop_turn(struct net_loop *loop, bool may_block) {
    loop->handled = 0;
    bool block = may_block && !loop->again;
    if (block) {
        atomic_store(&loop->asleep, true);
        block = !net_wakes_pending(loop);
    }
    begin_again(loop);
    int rc = event_base_loop(loop->base, block ? EVLOOP_ONCE : EVLOOP_ONCE | EVLOOP_NONBLOCK);
    ASSERT(rc == 0);
    atomic_store_explicit(&loop->asleep, false, memory_order_relaxed);
    run_again(loop);
    net_wakes_run(loop);
    return loop->handled;
}

void net_again_init(struct net_again *again, void (*run)(struct net_again *again)) {
    again->next = NULL;
    again->link = NULL;
    again->run = run;
}

void net_again_ask(struct net_loop *loop, struct net_again *again) {
    if (again->link) {
        return;
    }
    again->next = NULL;
    again->link = loop->again_end;
    *loop->again_end = again;
    loop->again_end = &again->next;
}

void net_again_drop(struct net_loop *loop, struct net_again *again) {
    if (!again->link) {
        return;
    }
    *again->link = again->next;
    if (again->next) {
        again->next->link = again->link;
    } else if (loop->again_end == &again->next) {
        loop->again_end = again->link;
    }
    again->link = NULL;
}
