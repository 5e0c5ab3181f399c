/* wake.c - wake-ups over one eventfd; see P2 in loop.c for why none is lost. */
#include "net/wake.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"
#include "net/loop_internal.h"

struct net_wake {
    atomic_bool sent;
    struct net_loop *loop;
    void (*run)(void *ctx);
    void *ctx;
    struct net_wake *next;
};

/* The turn runs the wakes itself, at its end: here only the eventfd is emptied. */
static void on_eventfd(struct net_watch *watch) {
    eventfd_t count;
    (void)eventfd_read(watch->loop->wakes.fd, &count);
}

int net_wakes_init(struct net_loop *loop, struct net_error *error) {
    struct net_wakes *wakes = &loop->wakes;
    wakes->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (wakes->fd < 0) {
        return net_error_set(error, errno, "eventfd");
    }
    net_watch_init(&wakes->watch, loop, wakes->fd, NET_WATCH_READ, on_eventfd);
    if (!net_watch_start(&wakes->watch)) {
        close(wakes->fd);
        return net_error_set(error, errno, "watch eventfd");
    }
    return 0;
}

void net_wakes_fini(struct net_loop *loop) {
    ASSERT(!loop->wakes.first);
    net_watch_stop(&loop->wakes.watch);
    close(loop->wakes.fd);
}

bool net_wakes_pending(const struct net_loop *loop) {
    for (struct net_wake *wake = loop->wakes.first; wake; wake = wake->next) {
        if (atomic_load(&wake->sent)) {
            return true;
        }
    }
    return false;
}

void net_wakes_run(struct net_loop *loop) {
    struct net_wakes *wakes = &loop->wakes;
    for (struct net_wake *wake = wakes->first; wake; wake = wakes->next) {
        wakes->next = wake->next;
        if (atomic_load_explicit(&wake->sent, memory_order_relaxed)) {
            /* Cleared before the callback: a send during it asks for another run. */
            atomic_exchange(&wake->sent, false);
            loop->handled++;
            wake->run(wake->ctx);
        }
    }
}

struct net_wake *net_wake_new(struct net_loop *loop, void (*run)(void *ctx), void *ctx) {
    struct net_wake *wake = mem_calloc(sizeof *wake);
    wake->loop = loop;
    wake->run = run;
    wake->ctx = ctx;
    wake->next = loop->wakes.first;
    loop->wakes.first = wake;
    return wake;
}

void net_wake_free(struct net_wake *wake) {
    struct net_wakes *wakes = &wake->loop->wakes;
    struct net_wake **link = &wakes->first;
    while (*link != wake) {
        link = &(*link)->next;
    }
    *link = wake->next;
    if (wakes->next == wake) {
        wakes->next = wake->next;
    }
    mem_free(wake);
}

void net_wake_send(struct net_wake *wake) {
    if (!atomic_exchange(&wake->sent, true) && atomic_load(&wake->loop->asleep)) {
        ASSERT(eventfd_write(wake->loop->wakes.fd, 1) == 0);
    }
}
