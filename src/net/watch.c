/* watch.c - descriptor events of libevent 2.1 (event_core).
 *
 * libevent takes a persistent event off its active queue before it calls back, and does
 * not look at it afterwards; deleting an event takes it off that queue too. W1 and W2
 * rest on this.
 */
#include "net/watch.h"

#include <event2/event.h>
#include <event2/event_struct.h>

#include <assert.h>

#include "base/assert.h"
#include "net/loop_internal.h"

static_assert(sizeof(struct event) <= NET_WATCH_EVENT_BYTES, "the event must fit its room");
static_assert(_Alignof(struct event) <= 8, "the event must fit its alignment");

static struct event *event_of(struct net_watch *watch) { return (struct event *)watch->event; }

static void on_event(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct net_watch *watch = ctx;
    net_loop_handling(watch->loop);
    watch->on_ready(watch);
}

void net_watch_init(struct net_watch *watch, struct net_loop *loop, int fd, enum net_watch_for what,
                    net_watch_fn *on_ready) {
    watch->loop = loop;
    watch->on_ready = on_ready;
    watch->on = false;
    short events = EV_PERSIST | (what == NET_WATCH_READ ? EV_READ : EV_WRITE);
    ASSERT(event_assign(event_of(watch), loop->base, fd, events, on_event, watch) == 0);
}

bool net_watch_start(struct net_watch *watch) {
    if (!watch->on) {
        watch->on = event_add(event_of(watch), NULL) == 0;
    }
    return watch->on;
}

void net_watch_stop(struct net_watch *watch) {
    if (watch->on) {
        watch->on = false;
        event_del(event_of(watch));
    }
}
