/* client.c - commands and expectations over hiredis. See client.h.
 *
 * C1  Every reply that an expectation reads is freed by it.
 * To add a kind of expectation: enum client_kind, matches(), a macro in client.h.
 * Threads: the test's.
 */
#define _GNU_SOURCE
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "suite.h"

static const struct timeval reply_deadline = {.tv_sec = 20};

static __attribute__((format(printf, 4, 5))) void fail(const char *file, int line, bool fatal,
                                                       const char *format, ...) {
    char *text;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0) {
        abort();
    }
    char *copy = strndupa(text, 4000);
    free(text); /* a fatal failure does not return */
    CU_assertImplementation(CU_FALSE, (unsigned)line, copy, file, "", fatal);
}

/* ---- connections ---- */

static redisContext *opened(redisContext *c, const char *where) {
    if (!c || c->err) {
        fprintf(stderr, "tests/support/client: %s: %s\n", where, c ? c->errstr : "out of memory");
        exit(1);
    }
    redisSetTimeout(c, reply_deadline);
    return c;
}

redisContext *client_open(const struct server *s) {
    if (server_port(s) == 0) {
        return client_open_unix(server_socket_path(s));
    }
    redisContext *c = redisConnectWithTimeout("127.0.0.1", server_port(s), reply_deadline);
    if (!c || c->err) server_print_log(s); /* it has crashed */
    return opened(c, "connect to the server");
}

redisContext *client_open_unix(const char *path) {
    return opened(redisConnectUnixWithTimeout(path, reply_deadline), path);
}

int client_open_raw(const struct server *s) {
    redisContext *c = client_open(s);
    int fd = dup(c->fd);
    redisFree(c);
    return fd;
}

/* ---- replies as text ---- */

static void put_quoted(FILE *out, const char *p, size_t n) {
    static const char plain[] = "\n\r\t\"\\";
    static const char letters[] = "nrt\"\\";
    fputc('"', out);
    for (size_t i = 0; i < n; i++) {
        unsigned char b = (unsigned char)p[i];
        const char *special = b ? strchr(plain, b) : NULL;
        if (special) {
            fprintf(out, "\\%c", letters[special - plain]);
        } else if (b < 0x20 || b >= 0x7f) {
            fprintf(out, "\\x%02x", b);
        } else {
            fputc(b, out);
        }
    }
    fputc('"', out);
}

static void put_reply(FILE *out, const redisReply *r) {
    switch (r->type) {
    case REDIS_REPLY_NIL: fputs("nil", out); break;
    case REDIS_REPLY_INTEGER: fprintf(out, "%lld", r->integer); break;
    case REDIS_REPLY_STRING: put_quoted(out, r->str, r->len); break;
    case REDIS_REPLY_ARRAY:
        fputc('[', out);
        for (size_t i = 0; i < r->elements; i++) {
            fputs(i ? ", " : "", out);
            put_reply(out, r->element[i]);
        }
        fputc(']', out);
        break;
    default: fwrite(r->str, 1, r->len, out);
    }
}

char *client_text(const redisReply *r) {
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    put_reply(out, r);
    fclose(out);
    return text;
}

/* ---- commands and expectations ---- */

static redisReply *send_command(const char *file, int line, redisContext *c, const char *format,
                                va_list args) {
    redisReply *r = redisvCommand(c, format, args);
    if (!r) {
        fail(file, line, true, "%s: no reply: %s", format, c->errstr);
    }
    return r;
}

redisReply *client_cmd(const char *file, int line, redisContext *c, const char *format, ...) {
    va_list args;
    va_start(args, format);
    redisReply *r = send_command(file, line, c, format, args);
    va_end(args);
    return r;
}

static bool holds(const redisReply *r, int type, const void *want, size_t n) {
    return r->type == type && r->len == n && memcmp(r->str, want, n) == 0;
}

static bool matches(const redisReply *r, enum client_kind kind, const char *want) {
    size_t n = strlen(want);
    switch (kind) {
    case CLIENT_STATUS: return holds(r, REDIS_REPLY_STATUS, want, n);
    case CLIENT_STRING: return holds(r, REDIS_REPLY_STRING, want, n);
    case CLIENT_ERROR: return holds(r, REDIS_REPLY_ERROR, want, n);
    case CLIENT_ERROR_PREFIX: return r->type == REDIS_REPLY_ERROR && strncmp(r->str, want, n) == 0;
    case CLIENT_TEXT: break;
    }
    char *text = client_text(r);
    bool same = strcmp(text, want) == 0;
    free(text);
    return same;
}

static const char *kind_name(enum client_kind kind) {
    static const char *const names[] = {
        [CLIENT_STATUS] = "status ", [CLIENT_STRING] = "string ",
        [CLIENT_ERROR] = "error ",   [CLIENT_ERROR_PREFIX] = "error beginning with ",
        [CLIENT_TEXT] = "",
    };
    return names[kind];
}

/* Counts the assertion, reports a mismatch, and frees the reply. */
static bool conclude(const char *file, int line, redisReply *r, bool same, const char *told) {
    if (same) {
        CU_assertImplementation(CU_TRUE, (unsigned)line, "", file, "", CU_FALSE);
    } else {
        char *got = client_text(r);
        fail(file, line, false, "%s, got %s", told, got);
        free(got);
    }
    freeReplyObject(r);
    return same;
}

bool client_expect(const char *file, int line, redisContext *c, enum client_kind kind,
                   const char *want, const char *format, ...) {
    va_list args;
    va_start(args, format);
    redisReply *r = send_command(file, line, c, format, args);
    va_end(args);
    char told[1000];
    snprintf(told, sizeof(told), "%s: expected %s%s", format, kind_name(kind), want);
    return conclude(file, line, r, matches(r, kind, want), told);
}

bool client_expect_int(const char *file, int line, redisContext *c, long long want,
                       const char *format, ...) {
    va_list args;
    va_start(args, format);
    redisReply *r = send_command(file, line, c, format, args);
    va_end(args);
    char told[1000];
    snprintf(told, sizeof(told), "%s: expected %lld", format, want);
    return conclude(file, line, r, r->type == REDIS_REPLY_INTEGER && r->integer == want, told);
}

bool client_expect_bytes(const char *file, int line, redisContext *c, const void *want, size_t n,
                         const char *format, ...) {
    va_list args;
    va_start(args, format);
    redisReply *r = send_command(file, line, c, format, args);
    va_end(args);
    char told[1000];
    snprintf(told, sizeof(told), "%s: expected other %zu bytes", format, n);
    return conclude(file, line, r, holds(r, REDIS_REPLY_STRING, want, n), told);
}

/* ---- plain sockets ---- */

static size_t receive(int fd, char *to, size_t want) {
    size_t n = 0;
    while (n < want) {
        ssize_t got = recv(fd, to + n, want - n, 0);
        if (got <= 0) {
            break;
        }
        n += (size_t)got;
    }
    return n;
}

static void fail_raw(const char *file, int line, const char *want, struct redisReply *got) {
    redisReply wanted = {.type = REDIS_REPLY_STRING, .str = (char *)want, .len = strlen(want)};
    char *want_text = client_text(&wanted);
    char *got_text = client_text(got);
    fail(file, line, false, "expected %s, got %s", want_text, got_text);
    free(want_text);
    free(got_text);
}

bool client_expect_raw(const char *file, int line, int fd, const char *send_text,
                       const char *want) {
    size_t left = strlen(send_text);
    for (ssize_t sent; left > 0; send_text += sent, left -= (size_t)sent) {
        sent = send(fd, send_text, left, MSG_NOSIGNAL);
        if (sent <= 0) {
            fail(file, line, false, "send: %s", strerror(errno));
            return false;
        }
    }
    size_t n = strlen(want);
    char *got = malloc(n + 1);
    redisReply reply = {.type = REDIS_REPLY_STRING, .str = got, .len = receive(fd, got, n)};
    bool same = holds(&reply, REDIS_REPLY_STRING, want, n);
    if (same) {
        CU_assertImplementation(CU_TRUE, (unsigned)line, "", file, "", CU_FALSE);
    } else {
        fail_raw(file, line, want, &reply);
    }
    free(got);
    return same;
}

bool client_expect_raw_closed(const char *file, int line, int fd) {
    char skipped[4096];
    ssize_t got;
    do {
        got = recv(fd, skipped, sizeof(skipped), 0);
    } while (got > 0);
    bool closed = got == 0 || errno == ECONNRESET;
    CU_assertImplementation(closed, (unsigned)line, "the server ends the connection", file, "",
                            CU_FALSE);
    return closed;
}
