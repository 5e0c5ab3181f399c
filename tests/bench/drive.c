/* drive.c - many connections to a server, on one thread and one epoll set.
 *
 * Level-triggered, with a write interest only while a socket is full: a closed loop with
 * small batches then needs one recv, one send and a share of an epoll_wait per batch.
 */
#include "drive.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { IN_BYTES = 256 * 1024, EVENTS_MAX = 256, ASK_WAIT_MS = 60 * 1000 };

static int connect_unix(const char *path) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof a.sun_path) {
        die("the socket's path is too long: %s", path);
    }
    memcpy(a.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        die("cannot connect to %s: %s", path, strerror(errno));
    }
    return fd;
}

static int connect_tcp(const char *host, int port) {
    char service[16];
    struct addrinfo *list = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC};
    snprintf(service, sizeof service, "%d", port);
    int err = getaddrinfo(host, service, &hints, &list);
    if (err != 0) {
        die("%s: %s", host, gai_strerror(err));
    }
    int fd = -1;
    for (const struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    if (fd < 0) {
        die("cannot connect to %s:%d: %s", host, port, strerror(errno));
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

int endpoint_connect(const struct endpoint *e) {
    int fd = e->unix_path != NULL ? connect_unix(e->unix_path) : connect_tcp(e->host, e->port);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}

/* The text in a whole reply: without its head, and for a bulk without its length line. */
static void strip_head(char *text) {
    char *from = text + 1;
    if (text[0] == '$') {
        from = strstr(text, "\r\n");
        from = from != NULL ? from + 2 : text + strlen(text);
    }
    memmove(text, from, strlen(from) + 1);
    size_t n = strlen(text);
    if (n >= 2) {
        text[n - 2] = '\0';
    }
}

char *endpoint_ask(const struct endpoint *e, const char *command) {
    struct reply_scan scan = {0};
    struct reply_tally tally = {0};
    const struct reply_rules any = reply_rules_of("+:$");
    size_t used = 0;
    int64_t whole = 0;
    char *text = calloc(1, IN_BYTES + 1);
    int fd = endpoint_connect(e);
    if (text == NULL || dprintf(fd, "%s\r\n", command) < 0) {
        die("cannot send %s", command);
    }
    while (whole == 0) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, ASK_WAIT_MS) <= 0) {
            die("no reply to %s", command);
        }
        ssize_t n = recv(fd, text + used, IN_BYTES - used, 0);
        if (n <= 0 || (whole = reply_scan(&scan, &any, &tally, text + used, (size_t)n)) < 0) {
            die("no sound reply to %s", command);
        }
        used += (size_t)n;
    }
    close(fd);
    if (tally.errors > 0) {
        die("%s was refused: %s", command, tally.first);
    }
    strip_head(text);
    return text;
}

pid_t endpoint_pid(const struct endpoint *e) {
    char *info = endpoint_ask(e, "INFO server");
    const char *at = strstr(info, "\nprocess_id:");
    pid_t pid = at != NULL ? (pid_t)atol(at + strlen("\nprocess_id:")) : 0;
    free(info);
    return pid;
}

void drive_init(struct drive *d, const struct endpoint *e, int conn_count,
                const struct reply_rules *rules) {
    memset(d, 0, sizeof *d);
    d->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    d->conns = calloc((size_t)conn_count, sizeof *d->conns);
    d->in = malloc(IN_BYTES);
    d->rules = *rules;
    d->conn_count = conn_count;
    if (d->epoll_fd < 0 || d->conns == NULL || d->in == NULL) {
        die("cannot set up %d connections", conn_count);
    }
    for (int i = 0; i < conn_count; i++) {
        struct conn *c = &d->conns[i];
        struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
        c->fd = endpoint_connect(e);
        if (epoll_ctl(d->epoll_fd, EPOLL_CTL_ADD, c->fd, &ev) != 0) {
            die("epoll: %s", strerror(errno));
        }
    }
}

void drive_fini(struct drive *d) {
    for (int i = 0; i < d->conn_count; i++) {
        close(d->conns[i].fd);
        free(d->conns[i].own);
    }
    close(d->epoll_fd);
    free(d->conns);
    free(d->in);
}

static void flush(struct drive *d, struct conn *c) {
    while (c->out_bytes > 0) {
        ssize_t n = send(c->fd, c->out, c->out_bytes, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno != EAGAIN) {
            die("send: %s", strerror(errno));
        }
        if (n < 0) {
            break;
        }
        c->out += n;
        c->out_bytes -= (size_t)n;
    }
    bool wants = c->out_bytes > 0;
    if (wants != c->watches_out) {
        struct epoll_event ev = {.events = EPOLLIN | (wants ? EPOLLOUT : 0), .data.ptr = c};
        epoll_ctl(d->epoll_fd, EPOLL_CTL_MOD, c->fd, &ev);
        c->watches_out = wants;
    }
}

void drive_send(struct drive *d, struct conn *c, const char *p, size_t n, uint64_t commands,
                uint64_t now_ns) {
    if (c->out_bytes > 0) {
        die("a batch was given before the last one was sent");
    }
    c->out = p;
    c->out_bytes = n;
    c->pending += commands;
    c->sent_ns = now_ns;
    flush(d, c);
}

static void receive(struct drive *d, struct conn *c) {
    ssize_t n = recv(c->fd, d->in, IN_BYTES, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        die("the server closed a connection%s%s", n < 0 ? ": " : "", n < 0 ? strerror(errno) : "");
    }
    int64_t replies = reply_scan(&c->scan, &d->rules, &d->tally, d->in, (size_t)n);
    if (replies < 0 || (uint64_t)replies > c->pending) {
        die("the server sent %s", replies < 0 ? "what is not RESP" : "more replies than commands");
    }
    if (replies > 0) {
        c->pending -= (uint64_t)replies;
        d->replied(d->ctx, c, (uint64_t)replies, clock_ns());
        c->replies += (uint64_t)replies;
    }
}

void drive_step(struct drive *d, int events_max, uint64_t timeout_ns) {
    struct epoll_event events[EVENTS_MAX];
    const struct timespec wait = {.tv_sec = (time_t)(timeout_ns / 1000000000u),
                                  .tv_nsec = (long)(timeout_ns % 1000000000u)};
    int most = events_max < EVENTS_MAX ? events_max : EVENTS_MAX;
    int n = epoll_pwait2(d->epoll_fd, events, most, &wait, NULL);
    for (int i = 0; i < n; i++) {
        struct conn *c = events[i].data.ptr;
        if (events[i].events & EPOLLOUT) {
            flush(d, c);
        }
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
            receive(d, c);
        }
    }
}
