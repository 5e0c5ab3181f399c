/* signal.c - signals through a signalfd. */
#include "net/signal.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/watch.h"

struct net_signal {
    struct net_watch watch;
    int fd;
    sigset_t blocked; /* those that were not blocked before */
    net_signal_fn *on_signal;
    void *ctx;
};

/* One signal an event, so that the callback may free the set. */
static void on_pending(struct net_watch *watch) {
    struct net_signal *set =
        (struct net_signal *)((char *)watch - offsetof(struct net_signal, watch));
    struct signalfd_siginfo info;
    if (read(set->fd, &info, sizeof info) == (ssize_t)sizeof info) {
        set->on_signal(set->ctx, (int)info.ssi_signo, (pid_t)info.ssi_pid);
    }
}

static void block(struct net_signal *set, const sigset_t *wanted, const int *signos, size_t n) {
    sigset_t before;
    pthread_sigmask(SIG_BLOCK, wanted, &before);
    sigemptyset(&set->blocked);
    for (size_t i = 0; i < n; i++) {
        if (!sigismember(&before, signos[i])) {
            sigaddset(&set->blocked, signos[i]);
        }
    }
}

struct net_signal *net_signal_new(struct net_loop *loop, const int *signos, size_t n,
                                  net_signal_fn *on_signal, void *ctx, struct net_error *error) {
    sigset_t wanted;
    sigemptyset(&wanted);
    for (size_t i = 0; i < n; i++) {
        sigaddset(&wanted, signos[i]);
    }
    struct net_signal *set = mem_calloc(sizeof *set);
    set->on_signal = on_signal;
    set->ctx = ctx;
    block(set, &wanted, signos, n);
    set->fd = signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC);
    net_watch_init(&set->watch, loop, set->fd, NET_WATCH_READ, on_pending);
    if (set->fd < 0 || !net_watch_start(&set->watch)) {
        net_error_set(error, errno, "signalfd");
        net_signal_free(set);
        return NULL;
    }
    return set;
}

void net_signal_free(struct net_signal *set) {
    net_watch_stop(&set->watch);
    if (set->fd >= 0) {
        close(set->fd);
    }
    pthread_sigmask(SIG_UNBLOCK, &set->blocked, NULL);
    mem_free(set);
}
