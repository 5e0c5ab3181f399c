/* link.c - raw connections and exchanges. See link.h. */
#include "link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "resp.h"

#define READ_BYTES (1 << 16)
#define WORDS_MAX 64
#define COMMAND_DEADLINE_MS 10000
/* Of a deadline more than this is not used up at once: when a virtual machine stands still, that is
 * no fault of a server. */
#define SLICE_MS 200

int64_t model_now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool link_open(struct link *l, int port) {
    int one = 1;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    link_close(l);
    l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (l->fd < 0) model_die("socket: %s", strerror(errno));
    if (connect(l->fd, (struct sockaddr *)&to, sizeof to) < 0) {
        link_close(l);
        return false;
    }
    setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(l->fd, F_SETFL, fcntl(l->fd, F_GETFL) | O_NONBLOCK);
    return true;
}

void link_close(struct link *l) {
    if (l->fd > 0) close(l->fd);
    l->fd = -1;
    l->closed = l->bad = false;
    l->n_replies = 0;
    text_clear(&l->in);
}

void link_fini(struct link *l) {
    link_close(l);
    text_free(&l->in);
    free(l->ends);
    l->ends = NULL;
    l->room = 0;
}

static void note_reply(struct link *l, size_t end) {
    if (l->n_replies == l->room) {
        l->room = l->room ? l->room * 2 : 64;
        l->ends = model_grow(l->ends, l->room * sizeof *l->ends);
    }
    l->ends[l->n_replies++] = end;
}

static void cut_replies(struct link *l, size_t want) {
    while (l->n_replies < want && !l->bad) {
        size_t at = l->n_replies ? l->ends[l->n_replies - 1] : 0;
        long n = resp_length(l->in.p + at, l->in.n - at);
        if (n == 0) return;
        if (n < 0)
            l->bad = true;
        else
            note_reply(l, at + (size_t)n);
    }
}

static void receive(struct link *l) {
    char part[READ_BYTES];
    for (;;) {
        ssize_t n = recv(l->fd, part, sizeof part, 0);
        if (n > 0) {
            text_add(&l->in, part, (size_t)n);
            if ((size_t)n < sizeof part) return;
            continue;
        }
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        l->closed = true;
        return;
    }
}

/* Sends what fits; a server that closed is found out when reading. */
static size_t transmit(struct link *l, const struct exchange *x, int side, size_t sent) {
    struct span out = x->out[side];
    size_t n = out.n - sent;
    if (n > x->piece_bytes) n = x->piece_bytes;
    ssize_t done = send(l->fd, out.p + sent, n, MSG_NOSIGNAL);
    if (done < 0) {
        if (errno != EAGAIN && errno != EINTR) return out.n;
        return sent;
    }
    sent += (size_t)done;
    if (sent == out.n && x->until_close) shutdown(l->fd, SHUT_WR);
    return sent;
}

static bool finished(const struct link *l, const struct exchange *x) {
    if (l->closed || l->fd < 0) return true;
    return !x->until_close && (l->bad || l->n_replies >= x->replies);
}

static bool exchange(struct link *const *links, int n, const struct exchange *x) {
    size_t sent[SIDES] = {0};
    int64_t left_ms = x->deadline_ms, then_ms = model_now_ms();
    for (int i = 0; i < n; i++) {
        text_clear(&links[i]->in);
        links[i]->n_replies = 0;
        links[i]->closed = links[i]->fd < 0;
        if (links[i]->fd >= 0) sent[i] = transmit(links[i], x, i, 0);
    }
    for (;;) {
        struct pollfd fds[SIDES];
        bool all = true;
        for (int i = 0; i < n; i++) {
            bool done = finished(links[i], x);
            all = all && done;
            fds[i].fd = done ? -1 : links[i]->fd;
            fds[i].events = (short)(POLLIN | (sent[i] < x->out[i].n ? POLLOUT : 0));
            fds[i].revents = 0;
        }
        if (all) return true;
        if (left_ms <= 0) return false;
        int64_t most_ms = left_ms < SLICE_MS ? left_ms : SLICE_MS;
        if (poll(fds, (nfds_t)n, (int)most_ms) < 0 && errno != EINTR) return false;
        int64_t now_ms = model_now_ms(), took_ms = now_ms - then_ms;
        left_ms -= took_ms < SLICE_MS ? took_ms : SLICE_MS;
        then_ms = now_ms;
        for (int i = 0; i < n; i++) {
            if (fds[i].revents & POLLOUT) sent[i] = transmit(links[i], x, i, sent[i]);
            if (fds[i].revents & ~POLLOUT) {
                receive(links[i]);
                if (!x->until_close) cut_replies(links[i], x->replies);
            }
        }
    }
}

bool link_exchange(struct link *links[SIDES], const struct exchange *x) {
    return exchange(links, SIDES, x);
}

bool link_ask(struct link *l, const struct exchange *x) { return exchange(&l, 1, x); }

struct span link_reply(const struct link *l, size_t i) {
    if (i >= l->n_replies) return (struct span){"", 0};
    size_t from = i ? l->ends[i - 1] : 0;
    return (struct span){l->in.p + from, l->ends[i] - from};
}

void link_encode(struct text *out, size_t argc, const struct span *argv) {
    text_fmt(out, "*%zu\r\n", argc);
    for (size_t i = 0; i < argc; i++) {
        text_fmt(out, "$%zu\r\n", argv[i].n);
        text_add(out, argv[i].p, argv[i].n);
        text_cstr(out, "\r\n");
    }
}

struct span link_command(struct link *l, const char *const words[]) {
    struct span argv[WORDS_MAX];
    size_t n = 0;
    for (; words[n] && n < WORDS_MAX; n++) argv[n] = (struct span){words[n], strlen(words[n])};
    struct text out = {0};
    link_encode(&out, n, argv);
    struct exchange x = {{text_span(&out)}, SIZE_MAX, 1, false, COMMAND_DEADLINE_MS};
    link_ask(l, &x);
    text_free(&out);
    return link_reply(l, 0);
}
