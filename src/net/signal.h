/* signal.h - signals delivered as events of the loop.
 *
 * The signals are blocked in the calling thread, and so in every thread that it starts
 * afterwards: make this before any thread, or the signal takes its usual action there.
 * No handler runs, so no system call is interrupted.
 * Threads: the loop's.
 */
#ifndef NET_SIGNAL_H
#define NET_SIGNAL_H

#include <stddef.h>
#include <sys/types.h>

#include "net/error.h"

struct net_loop;
struct net_signal;

/* `sender` is the process that sent it, 0 when the kernel did (a key, a limit). */
typedef void net_signal_fn(void *ctx, int signo, pid_t sender);

/* Delivers the n signals. The callback may free it. NULL with a reason on failure. */
struct net_signal *net_signal_new(struct net_loop *loop, const int *signos, size_t n,
                                  net_signal_fn *on_signal, void *ctx, struct net_error *error);

/* Unblocks those of the signals that this blocked, in the calling thread. */
void net_signal_free(struct net_signal *set);

#endif
