/* drive.h - many connections to a server, on one thread and one epoll set.
 *
 * D1  The bytes given to drive_send stay untouched until all the replies to them are in.
 * D2  A reply is counted for its connection in the order in which commands went out.
 * A lost connection or bytes that are not RESP end the program with a message.
 * Threads: the caller's one.
 */
#ifndef BENCH_DRIVE_H
#define BENCH_DRIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "reply.h"
#include "stats.h"

struct endpoint {
    const char *host;
    int port;
    const char *unix_path; /* instead of host and port, when not NULL */
};

/* A connected socket that does not block, without Nagle's delay. */
int endpoint_connect(const struct endpoint *e);

/* Sends one inline command over a connection of its own and returns the reply, a line or a
 * bulk, without its head. The caller frees it. Waits at most a minute. */
char *endpoint_ask(const struct endpoint *e, const char *command);

/* The server's process, as its INFO says; 0 when it does not say. */
pid_t endpoint_pid(const struct endpoint *e);

struct conn {
    int fd;
    bool watches_out;
    struct reply_scan scan;
    const char *out; /* what is still to be sent */
    size_t out_bytes;
    uint64_t pending; /* commands sent, or being sent, and not answered */
    uint64_t sent_ns; /* time of the last drive_send */
    uint64_t replies;
    size_t place;  /* where the user's source of commands stands */
    uint64_t owed; /* commands that the user has not been able to send yet */
    char *own;     /* the user's buffer; drive_fini frees it */
};

struct drive {
    int epoll_fd;
    struct conn *conns;
    int conn_count;
    char *in;
    struct reply_rules rules;
    struct reply_tally tally;
    struct hist latency;
    /* Called when n replies have come in on c. */
    void (*replied)(void *ctx, struct conn *c, uint64_t n, uint64_t now_ns);
    void *ctx;
};

/* `replied` and `ctx` are the caller's to set. */
void drive_init(struct drive *d, const struct endpoint *e, int conn_count,
                const struct reply_rules *rules);
void drive_fini(struct drive *d);

/* Sends `commands` commands, of n bytes together. Nothing of c may be unsent. */
void drive_send(struct drive *d, struct conn *c, const char *p, size_t n, uint64_t commands,
                uint64_t now_ns);

/* Waits up to timeout_ns for sockets that are ready and serves up to events_max of them. */
void drive_step(struct drive *d, int events_max, uint64_t timeout_ns);

#endif
