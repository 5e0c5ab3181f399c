/* pushes.c - see pushes.h. */
#include "support/pushes.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MS 20000
#define ROOM_MIN 65536

struct pushes pushes_open(const struct server *s, int proto, int buffer_bytes) {
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)server_port(s)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct pushes c = {.fd = socket(AF_INET, SOCK_STREAM, 0), .buf = malloc(ROOM_MIN)};
    c.room = ROOM_MIN;
    if (buffer_bytes) { /* what the system buffers at the other end hangs on the segments' size */
        int segment_bytes = 536;
        setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
        setsockopt(c.fd, IPPROTO_TCP, TCP_MAXSEG, &segment_bytes, sizeof segment_bytes);
    }
    if (connect(c.fd, (struct sockaddr *)&to, sizeof to) < 0) {
        perror("connect");
        exit(1);
    }
    struct push hello;
    if (proto == 3) {
        pushes_say(&c, "HELLO 3");
        pushes_wait(&c, &hello);
    }
    return c;
}

void pushes_close(struct pushes *c) {
    close(c->fd);
    free(c->buf);
    c->buf = NULL;
}

void pushes_say(struct pushes *c, const char *format, ...) {
    char line[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line - 2, format, args);
    va_end(args);
    memcpy(line + n, "\r\n", 2);
    for (ssize_t at = 0, sent; at < n + 2; at += sent) {
        sent = send(c->fd, line + at, (size_t)(n + 2 - at), MSG_NOSIGNAL);
        if (sent < 0) return;
    }
}

bool pushes_read(struct pushes *c, size_t bytes_max, int wait_ms) {
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    if (c->over || poll(&p, 1, wait_ms) <= 0) return false;
    memmove(c->buf, c->buf + c->begin, c->end - c->begin);
    c->end -= c->begin;
    c->begin = 0;
    if (c->end == c->room) c->buf = realloc(c->buf, c->room *= 2);
    size_t n = c->room - c->end < bytes_max ? c->room - c->end : bytes_max;
    ssize_t got = read(c->fd, c->buf + c->end, n);
    if (got <= 0) {
        c->over = true;
        return false;
    }
    c->end += (size_t)got;
    return true;
}

/* The line at `at`, without its end; NULL: it is not all there. */
static const char *line_end(const struct pushes *c, const char *at) {
    const char *end = memchr(at, '\n', (size_t)(c->buf + c->end - at));
    return end ? end - 1 : NULL;
}

static void add_part(struct push *out, const char *p, size_t n) {
    if (out->n < PUSH_PARTS_MAX) out->part[out->n++] = (struct push_part){p, n};
}

bool pushes_next(struct pushes *c, struct push *out) {
    const char *at = c->buf + c->begin, *all_end = c->buf + c->end;
    *out = (struct push){0};
    for (long left = 1; left > 0; left--) {
        const char *end = at < all_end ? line_end(c, at) : NULL;
        if (!end) return false;
        char type = *at;
        long n = strchr("$*>%~=", type) ? atol(at + 1) : 0;
        if (!out->type) out->type = type;
        if (type == '$' || type == '=') {
            const char *text = end + 2;
            if (n >= 0 && all_end - text < n + 2) return false;
            add_part(out, text, n < 0 ? 0 : (size_t)n);
            at = n < 0 ? text : text + n + 2;
            continue;
        }
        if (strchr("*>%~", type)) {
            left += type == '%' ? 2 * n : n < 0 ? 0 : n;
        } else {
            add_part(out, at + 1, (size_t)(end - at - 1));
        }
        at = end + 2;
    }
    c->begin = (size_t)(at - c->buf);
    return true;
}

bool pushes_wait(struct pushes *c, struct push *out) {
    while (!pushes_next(c, out)) {
        if (!pushes_read(c, ROOM_MIN, WAIT_MS)) return false;
    }
    return true;
}

bool push_is(const struct push *p, size_t part, const char *text) {
    return part < p->n && p->part[part].n == strlen(text) &&
           memcmp(p->part[part].p, text, p->part[part].n) == 0;
}

long long push_number(const struct push *p, size_t part) {
    return part < p->n ? atoll(p->part[part].p) : -1;
}
