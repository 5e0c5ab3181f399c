/* replies.h - what several integration suites send, and ask of a reply, which each takes and frees.
 * Threads: the test's.
 */
#ifndef INTEGRATION_REPLIES_H
#define INTEGRATION_REPLIES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/client.h"
#include "support/server.h"
#include "support/suite.h"

/* Sends what was appended, without waiting for a reply. */
static inline void send_all(redisContext *c) {
    for (int done = 0; !done;) CU_ASSERT_EQUAL_FATAL(redisBufferWrite(c, &done), REDIS_OK);
}

/* The next reply, to what was appended; the caller frees it. */
static inline redisReply *wait_for(redisContext *c) {
    redisReply *r = NULL;
    CU_ASSERT_EQUAL_FATAL(redisGetReply(c, (void **)&r), REDIS_OK);
    return r;
}

/* The number of an integer reply. */
static inline long long reply_int(redisReply *r) {
    CU_ASSERT_EQUAL(r->type, REDIS_REPLY_INTEGER);
    long long v = r->integer;
    freeReplyObject(r);
    return v;
}

/* Whether the reply's text has `part`; tells what it has if not. */
static inline bool reply_has(redisReply *r, const char *part) {
    bool yes = r->str && strstr(r->str, part) != NULL;
    if (!yes) fprintf(stderr, "no '%s' in: %.400s\n", part, r->str ? r->str : "(no text)");
    freeReplyObject(r);
    return yes;
}

/* client_text of the reply; the caller frees it. */
static inline char *reply_text(redisReply *r) {
    char *text = client_text(r);
    freeReplyObject(r);
    return text;
}

/* Whether the connection is dead, as its next command tells. */
static inline bool client_is_dead(redisContext *of) {
    redisReply *r = redisCommand(of, "PING");
    if (r) freeReplyObject(r);
    return r == NULL;
}

/* A number of INFO's section. */
static inline long long info_number(redisContext *c, const char *section, const char *field) {
    redisReply *r = cmd(c, "INFO %s", section);
    char name[64];
    snprintf(name, sizeof name, "\n%s:", field);
    const char *at = strstr(r->str, name);
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    long long n = atoll(at + strlen(name));
    freeReplyObject(r);
    return n;
}

/* Waits, ten seconds at most, for one that another connection or a worker changes. */
static inline bool info_number_becomes(redisContext *c, const char *section, const char *field,
                                       long long want) {
    for (int i = 0; i < 1000; i++) {
        if (info_number(c, section, field) == want) return true;
        server_sleep_ms(10);
    }
    return false;
}

#endif
