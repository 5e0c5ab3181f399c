/* client.h - what an integration test says to a server, and what it expects to hear.
 *
 *     redisContext *c = client_open(s);
 *     expect_ok(c, "SET k %s", "v");
 *     expect_str(c, "v", "GET k");
 *     expect_int(c, 1, "DEL k");
 *     expect_text(c, "[\"a\", nil, 3]", "MGET a b c");
 *     expect_err(c, "ERR syntax error", "SET k v NX XX");
 *     redisFree(c);
 *
 * Each expect_ form sends one command (hiredis' format: %s a string, %b bytes and size_t)
 * and compares its reply. A mismatch is a failed CUnit assertion with the file and line of
 * the test, the command's format and both replies; the form then returns false.
 * hiredis 0.14 knows RESP2 only: for RESP3, inline commands and broken input use
 * client_open_raw and expect_raw.
 * Threads: the test's.
 */
#ifndef SUPPORT_CLIENT_H
#define SUPPORT_CLIENT_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>

#include "server.h"

/* A connection with a deadline of 20 s on each reply. Ends the program if it cannot be
 * made. The caller calls redisFree. */
redisContext *client_open(const struct server *s);
redisContext *client_open_unix(const char *path);

/* The reply to one command; the caller calls freeReplyObject. Ends the test (a fatal
 * failure) when the connection breaks. */
#define cmd(c, ...) client_cmd(__FILE__, __LINE__, c, __VA_ARGS__)

/* The reply as one line of text, as expect_text compares it: integers as they are, bulk
 * strings in double quotes with \n \r \t \" \\ \xHH escapes, statuses and errors bare,
 * "nil", arrays as [a, b]. Allocated; the caller frees. */
char *client_text(const redisReply *r);

enum client_kind {
    CLIENT_STATUS,
    CLIENT_STRING,
    CLIENT_ERROR,
    CLIENT_ERROR_PREFIX,
    CLIENT_TEXT,
};

#define expect_ok(c, ...) expect_status(c, "OK", __VA_ARGS__)
#define expect_status(c, want, ...)                                                                \
    client_expect(__FILE__, __LINE__, c, CLIENT_STATUS, want, __VA_ARGS__)
#define expect_str(c, want, ...)                                                                   \
    client_expect(__FILE__, __LINE__, c, CLIENT_STRING, want, __VA_ARGS__)
/* The whole text of an error, without '-'. */
#define expect_err(c, want, ...)                                                                   \
    client_expect(__FILE__, __LINE__, c, CLIENT_ERROR, want, __VA_ARGS__)
#define expect_err_prefix(c, want, ...)                                                            \
    client_expect(__FILE__, __LINE__, c, CLIENT_ERROR_PREFIX, want, __VA_ARGS__)
/* Any reply, in the form of client_text. */
#define expect_text(c, want, ...)                                                                  \
    client_expect(__FILE__, __LINE__, c, CLIENT_TEXT, want, __VA_ARGS__)
#define expect_nil(c, ...) expect_text(c, "nil", __VA_ARGS__)
#define expect_int(c, want, ...) client_expect_int(__FILE__, __LINE__, c, want, __VA_ARGS__)
/* A bulk string of n bytes, zeros among them. */
#define expect_bytes(c, want, n, ...)                                                              \
    client_expect_bytes(__FILE__, __LINE__, c, want, n, __VA_ARGS__)

/* A plain socket to the server, with the same deadline. The caller closes it. */
int client_open_raw(const struct server *s);

/* Writes `send` (a C string) and compares the bytes that come back, as many as `want`
 * has. Bytes that come later are left for the next call. */
#define expect_raw(fd, send, want) client_expect_raw(__FILE__, __LINE__, fd, send, want)
/* Whether the server ends the connection, any bytes before the end being skipped. */
#define expect_raw_closed(fd) client_expect_raw_closed(__FILE__, __LINE__, fd)

/* What the macros call. */
redisReply *client_cmd(const char *file, int line, redisContext *c, const char *format, ...);
bool client_expect(const char *file, int line, redisContext *c, enum client_kind kind,
                   const char *want, const char *format, ...);
bool client_expect_int(const char *file, int line, redisContext *c, long long want,
                       const char *format, ...);
bool client_expect_bytes(const char *file, int line, redisContext *c, const void *want, size_t n,
                         const char *format, ...);
bool client_expect_raw(const char *file, int line, int fd, const char *send, const char *want);
bool client_expect_raw_closed(const char *file, int line, int fd);

#endif
