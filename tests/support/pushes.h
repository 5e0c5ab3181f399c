/* pushes.h - a connection of a test that hears what it is pushed, in RESP2 or RESP3, as slowly as
 * the test wants.
 *
 * Bytes are read when the test says so, as many as it says; replies and pushes are then taken one
 * by one, as flat lists of texts: what an aggregate holds, aggregates within it included, integers
 * as digits, a missing value as an empty text. Threads: the test's.
 */
#ifndef SUPPORT_PUSHES_H
#define SUPPORT_PUSHES_H

#include <stdbool.h>
#include <stddef.h>

#include "support/server.h"

#define PUSH_PARTS_MAX 32

struct push {
    char type; /* the first byte of it on the wire */
    size_t n;
    struct push_part {
        const char *p;
        size_t n;
    } part[PUSH_PARTS_MAX]; /* good until the connection is read again */
};

struct pushes {
    int fd;
    bool over; /* the server has ended the connection */
    size_t begin, end, room;
    char *buf;
};

/* With a receive buffer of so many bytes, and as little as can be on the way; 0: the usual. With 3
 * for proto HELLO was said, and its reply taken. */
struct pushes pushes_open(const struct server *s, int proto, int buffer_bytes);
void pushes_close(struct pushes *c);

/* A command in words that spaces part; nothing is read. Fails silently when the server has ended
 * the connection. */
void pushes_say(struct pushes *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Reads at most so many bytes, waiting for the first one so long. False: there were none. */
bool pushes_read(struct pushes *c, size_t bytes_max, int wait_ms);

/* The next one of what was read; false: it is not all there. */
bool pushes_next(struct pushes *c, struct push *out);

/* The next one, reading until it is there; false: the connection has ended, or 20 s went by. */
bool pushes_wait(struct pushes *c, struct push *out);

bool push_is(const struct push *p, size_t part, const char *text);
long long push_number(const struct push *p, size_t part);

#endif
