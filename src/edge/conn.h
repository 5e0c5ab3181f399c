/* conn.h - one connection: a session, its stream, and the bytes between them. */
#ifndef EDGE_CONN_H
#define EDGE_CONN_H

#include "base/limits.h"
#include "base/list.h"
#include "core/session.h"
#include "net/stream.h"
#include "wire/resp.h"

struct edge;

struct conn {
    struct session s; /* first: a session is its connection */
    struct net_stream stream;
    struct edge *edge;
    struct list_link in_all;    /* edge->conns */
    struct list_link in_ready;  /* edge->light, heavy: may be read, or has a backlog to run */
    struct list_link in_kicked; /* edge->kicked: to be looked at before the turn ends */
    const char *at, *cut, *end; /* run, parsed and received up to here, within a round */
    struct resp_reader *reader; /* of a command that is not all there; mostly NULL */
    bool reader_ready;          /* the reader's command is complete, and was held */
    bool dead;                  /* closed; freed at the end of the turn */
    bool write_wanted;
    bool heavy; /* it had more than EDGE_LIGHT_BYTES for the last round */
    /* cron.c: so much was sent when it was seen to wait for the peer first, and when that was. */
    uint64_t stalled_at;
    int64_t stalled_since_ms;
    /* Replies that wait for the log (core->log): those up to free_end, counted as bytes_out, may
     * go; those up to held_end when it is written, or synced, up to held_to. */
    struct list_link in_withheld; /* edge->withheld */
    uint64_t free_end, held_end, held_to;
    bool glutted; /* so many wait that it is not read */
    char *backlog;
    size_t backlog_at, backlog_bytes, backlog_size; /* what is left in it begins at backlog_at */
};

/* Takes the descriptor; NULL if the system refuses to watch it (it is closed then). */
struct conn *conn_new(struct edge *edge, int fd);

/* Closes at once; the memory goes at the end of the turn. */
void conn_close(struct conn *c);
void conn_free(struct conn *c);

/* Receives: sets c->at and c->end to what is to be run now, using buf (EDGE_READ_BYTES) for
 * what is read. False if there is nothing. */
bool conn_receive(struct conn *c, char *buf);

/* It can have a part in a round. */
void conn_ready(struct conn *c);

/* Keeps what has not run, for a later round. */
void conn_keep(struct conn *c);

/* What its input takes has changed: notes it for who weighs clients. */
void conn_weigh_input(struct conn *c);

/* Sends what is queued, as far as the peer takes it, and closes if that was asked for. */
void conn_send(struct conn *c);

/* Reads no more and closes when all is sent. What the peer has sent meanwhile is thrown away
 * (through buf, EDGE_READ_BYTES), or closing would take the last replies from it. */
void conn_finish(struct conn *c, char *buf);

/* Closes if the output is over its limits. */
void conn_check_output(struct conn *c);

/* So much waits for the log that nothing more of it runs now. */
static inline bool conn_is_glutted(const struct conn *c) {
    return unlikely(list_linked(&c->in_withheld)) &&
           reply_memory(&c->s.reply) > EDGE_WITHHELD_BYTES;
}

/* It has been told to go, or to wait: nothing more of it runs now. */
static inline bool conn_stopped(const struct conn *c) {
    return c->s.state & (SESSION_GOES | SESSION_HELD | SESSION_BLOCKED | SESSION_BUSY);
}

/* Its command waits, for a key or a worker, and nothing else stops it. (One that goes on ends
 * before anybody asks whether its client is there, as in Redis.) */
static inline bool conn_only_blocked(const struct conn *c) {
    return c->s.state & SESSION_BLOCKED &&
           !(c->s.state & (SESSION_GOES | SESSION_HELD | SESSION_BUSY));
}

#endif
