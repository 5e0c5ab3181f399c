/* conn.c - see conn.h: bytes in, bytes out, and the end of a connection. */
#include "edge/conn.h"

#include <string.h>
#include <sys/uio.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/offload.h"
#include "core/row.h"
#include "edge/edge_internal.h"

#define DISCARDS_MAX 64

void conn_ready(struct conn *c) {
    if (!list_linked(&c->in_ready))
        list_push_back(c->heavy ? &c->edge->heavy : &c->edge->light, &c->in_ready);
}

static void on_readable(struct net_stream *stream) {
    conn_ready(LIST_MEMBER(stream, struct conn, stream));
}

static void on_writable(struct net_stream *stream) {
    conn_send(LIST_MEMBER(stream, struct conn, stream));
}

static void kick(struct session *s) {
    struct conn *c = (struct conn *)s;
    if (!c->dead && !list_linked(&c->in_kicked)) list_push_back(&c->edge->kicked, &c->in_kicked);
}

static void drop(struct session *s) { conn_close((struct conn *)s); }

struct conn *conn_new(struct edge *edge, int fd) {
    struct conn *c = mem_calloc(sizeof *c);
    if (!net_stream_init(&c->stream, edge->loop, fd, on_readable, on_writable)) {
        mem_free(c);
        return NULL;
    }
    c->edge = edge;
    session_init(&c->s, edge->core);
    c->s.kick = kick;
    c->s.drop = drop;
    c->s.fd = fd;
    net_stream_peer(&c->stream, c->s.addr);
    net_stream_local(&c->stream, c->s.laddr);
    if (net_stream_is_unix(&c->stream)) c->s.state |= SESSION_UNIX;
    if (net_stream_is_local(&c->stream)) c->s.state |= SESSION_LOCAL;
    list_link_init(&c->in_ready);
    list_link_init(&c->in_kicked);
    list_link_init(&c->in_withheld);
    list_push_back(&edge->conns, &c->in_all);
    return c;
}

void conn_close(struct conn *c) {
    if (c->dead) return;
    c->dead = true;
    c->s.state |= SESSION_CLOSE_NOW;
    session_leave(&c->s);
    net_stream_close(&c->stream);
    list_unlink(&c->in_ready);
    list_unlink(&c->in_kicked);
    list_unlink(&c->in_withheld);
    list_unlink(&c->in_all);
    list_push_back(&c->edge->dead, &c->in_all);
}

void conn_free(struct conn *c) {
    list_unlink(&c->in_all);
    session_fini(&c->s);
    resp_reader_free(c->reader);
    mem_free(c->backlog);
    mem_free(c);
}

/* ---- receiving ---------------------------------------------------------------------- */

/* Whether who has just ended its direction may still want what is being worked out: one that has
 * sent its last command a moment ago, as `printf ... | nc -N` does. One that ends later has lost
 * its patience; what it waits for is given up. */
static bool may_want(const struct conn *c) {
    return (c->s.job || c->s.state & SESSION_BUSY) &&
           c->s.core->now_ms - c->s.active_ms <= EDGE_HALF_CLOSE_MS;
}

/* Reads, and closes at the end of the stream or on an error. */
static size_t receive_into(struct conn *c, char *buf, size_t size) {
    struct core_stats *stats = &c->s.core->stats;
    ssize_t n = net_stream_read(&c->stream, buf, size);
    stats->reads++;
    if (n > 0) {
        stats->net_in += (size_t)n;
        c->s.bytes_in += (size_t)n;
        c->s.active_ms = c->s.core->now_ms;
        return (size_t)n;
    }
    if (n == NET_AGAIN) return 0;
    if (n == 0 && may_want(c)) { /* the end is met again when that is done */
        net_stream_pause_read(&c->stream, true);
        return 0;
    }
    bool owed = reply_pending(&c->s.reply) || c->s.state & SESSION_STREAMS;
    if (n == 0 && owed) { /* it may have ended its own direction only */
        c->s.state |= SESSION_CLOSE_AFTER;
        net_stream_pause_read(&c->stream, true);
        return 0;
    }
    if (n == NET_ERROR) log_verbose("reading from %s: %s", c->s.addr, net_stream_error(&c->stream));
    conn_close(c);
    return 0;
}

static void backlog_to_front(struct conn *c) {
    if (c->backlog_at) memmove(c->backlog, c->backlog + c->backlog_at, c->backlog_bytes);
    c->backlog_at = 0;
}

/* While a command waits for a key, what comes after it is kept unread: only so is a peer that
 * leaves noticed. */
static void hoard(struct conn *c, const char *bytes, size_t n) {
    size_t all = c->backlog_bytes + n;
    if (all > (uint64_t)c->s.core->config->query_buffer_limit_bytes) {
        log_warning("client %s is closed: it sent %zu bytes behind a command that waits, which is "
                    "over client-query-buffer-limit",
                    c->s.addr, all);
        c->s.core->stats.query_limit_kills++;
        conn_close(c);
        return;
    }
    if (c->backlog_at + all > c->backlog_size) backlog_to_front(c);
    if (all > c->backlog_size) {
        c->backlog_size = 2 * all;
        c->backlog = mem_realloc(c->backlog, c->backlog_size);
    }
    memcpy(c->backlog + c->backlog_at + c->backlog_bytes, bytes, n);
    c->backlog_bytes = all;
    c->s.query_bytes = (uint32_t)all;
}

bool conn_receive(struct conn *c, char *buf) {
    size_t n;
    if (conn_only_blocked(c)) {
        n = receive_into(c, buf, EDGE_READ_BYTES);
        if (n) hoard(c, buf, n);
        return false;
    }
    if (conn_stopped(c)) return false;
    if (conn_is_glutted(c)) {
        c->glutted = true;
        net_stream_pause_read(&c->stream, true);
        return false;
    }
    if (c->backlog_bytes) {
        buf = c->backlog + c->backlog_at;
        n = c->backlog_bytes;
    } else {
        struct resp_room room = {NULL, 0};
        if (c->reader && !c->reader_ready) room = resp_reader_room(c->reader);
        if (room.n >= EDGE_READ_BYTES) {
            resp_reader_filled(c->reader, receive_into(c, room.p, room.n));
            conn_weigh_input(c);
            return false;
        }
        n = c->reader_ready ? 0 : receive_into(c, buf, EDGE_READ_BYTES);
    }
    c->at = c->cut = buf;
    c->end = buf + n;
    return n || c->reader_ready;
}

void conn_weigh_input(struct conn *c) {
    size_t reader = c->reader ? resp_reader_memory(c->reader) : 0;
    size_t ahead = c->reader ? resp_reader_room(c->reader).n : 0; /* of a large argument */
    c->s.query_bytes = (uint32_t)(c->backlog_bytes + reader - ahead);
    c->s.query_free = (uint32_t)ahead;
}

void conn_keep(struct conn *c) {
    size_t left = (size_t)(c->end - c->at);
    if (likely(!left && !c->backlog && !c->reader && !conn_stopped(c))) {
        c->s.query_bytes = c->s.query_free = 0;
        return;
    }
    if (!left) {
        mem_free(c->backlog);
        c->backlog = NULL;
        c->backlog_at = c->backlog_bytes = c->backlog_size = 0;
    } else if (c->backlog_bytes) { /* it came from there */
        c->backlog_at = (size_t)(c->at - c->backlog);
        c->backlog_bytes = left;
        if (c->backlog_at > left) backlog_to_front(c); /* so that each byte is moved about once */
    } else {
        c->backlog = mem_dup(c->at, left);
        c->backlog_bytes = c->backlog_size = left;
    }
    c->at = c->cut = c->end = NULL;
    conn_weigh_input(c);
    bool stopped = conn_stopped(c);
    net_stream_pause_read(&c->stream, stopped && !conn_only_blocked(c));
    if (!stopped && (c->backlog_bytes || c->reader_ready)) conn_ready(c);
}

/* ---- sending ------------------------------------------------------------------------ */

/* Cuts the pieces off behind bytes_max; returns their sum. */
static size_t cut_pieces(struct iovec *pieces, int *n, size_t bytes_max) {
    size_t all = 0;
    for (int i = 0; i < *n; i++) {
        all += pieces[i].iov_len;
        if (likely(all <= bytes_max)) continue;
        pieces[i].iov_len -= all - bytes_max;
        *n = i + 1;
        return bytes_max;
    }
    return all;
}

static inline void want_write(struct conn *c, bool on) {
    if (on) c->edge->swollen = true;
    if (likely(c->write_wanted == on)) return;
    net_stream_want_write(&c->stream, on);
    c->write_wanted = on;
}

/* All that is queued was sent. */
static void sent_all(struct conn *c) {
    c->s.soft_limit_since_ms = 0;
    if (likely(!(c->s.state & (SESSION_CLOSE_AFTER | SESSION_REPLAYS | SESSION_HOLDS)))) return;
    if (c->s.state & SESSION_HOLDS) {
        c->s.core->topic_hooks.refill(&c->s);
        want_write(c, reply_pending(&c->s.reply) != 0);
        if (c->write_wanted || c->s.state & SESSION_HOLDS) return;
    }
    if (c->s.state & SESSION_CLOSE_AFTER) {
        if (!(c->s.state & SESSION_STREAMS)) conn_close(c);
    } else if (c->s.state & SESSION_REPLAYS) {
        c->s.core->topic_hooks.drained(&c->s);
    }
}

/* How much of what is queued may go now. What was made while the log was not safe waits until it is
 * so up to where the connection's last write was then, or with `durable` the last one of all;
 * replies that come meanwhile wait for the next time. With that, those of a command that goes on,
 * and has told something, wait for its end. */
static __attribute__((noinline)) size_t sendable(struct conn *c) {
    const struct core_log *log = &c->s.core->log;
    uint64_t sent = c->s.bytes_out, end = sent + reply_pending(&c->s.reply);
    bool durable = log->always || c->s.state & SESSION_DURABLE;
    uint64_t safe = durable ? log->synced : log->written;
    if (!durable && likely(c->s.told_to <= safe)) return SIZE_MAX;
    if (c->held_end > c->free_end && safe >= c->held_to) c->free_end = c->held_end;
    bool holds = c->held_end > c->free_end && c->held_end > sent;
    if (durable && c->s.state & SESSION_BUSY && effects_are_aside(&c->s.core->effects))
        holds = true;
    if (!holds && end > c->free_end && end > sent) {
        c->held_end = end;
        c->held_to = durable ? c->s.core->effects.offset : c->s.told_to;
        if (safe >= c->held_to) c->free_end = end;
        if (durable && !log->always) log->hurry(log->hurry_ctx);
    }
    if (c->free_end < end && !list_linked(&c->in_withheld))
        list_push_back(&c->edge->withheld, &c->in_withheld);
    return c->free_end > sent ? c->free_end - sent : 0;
}

static void send_queued(struct conn *c) {
    struct iovec pieces[EDGE_SEND_PIECES];
    struct core_stats *stats = &c->s.core->stats;
    size_t share = EDGE_SEND_BYTES;
    bool limited = false; /* what is behind the share waits for the log */
    int n;
    if (unlikely(c->s.core->log.holds)) {
        size_t most = sendable(c);
        if (!most && reply_pending(&c->s.reply)) {
            want_write(c, false);
            return;
        }
        limited = most <= share;
        if (limited) share = most;
    }
    do {
        n = reply_pieces(&c->s.reply, pieces, EDGE_SEND_PIECES);
        if (!n) break;
        size_t all = cut_pieces(pieces, &n, share);
        ssize_t sent = n == 1 ? net_stream_write(&c->stream, pieces[0].iov_base, pieces[0].iov_len)
                              : net_stream_writev(&c->stream, pieces, n);
        stats->writes++;
        if (sent == NET_ERROR) {
            conn_close(c);
            return;
        }
        if (sent > 0) {
            reply_sent(&c->s.reply, (size_t)sent);
            stats->net_out += (size_t)sent;
            c->s.bytes_out += (size_t)sent;
            c->s.active_ms = c->s.core->now_ms;
        }
        if (limited && (size_t)sent == share) break;
        if (sent == NET_AGAIN || (size_t)sent < all || all == share) {
            want_write(c, true);
            return;
        }
        share -= all;
    } while (n == EDGE_SEND_PIECES); /* else that was all */
    want_write(c, false);
    if (limited && reply_pending(&c->s.reply)) return;
    sent_all(c);
}

void conn_send(struct conn *c) {
    if (c->dead) return;
    if (session_over_reply(&c->s)) {
        conn_close(c);
        return;
    }
    send_queued(c);
    if (unlikely(c->s.job) && !c->dead) offload_drained(&c->s);
}

void conn_finish(struct conn *c, char *buf) {
    net_stream_pause_read(&c->stream, true);
    for (int i = 0; i < DISCARDS_MAX; i++) {
        if (net_stream_read(&c->stream, buf, EDGE_READ_BYTES) <= 0) break;
    }
    c->s.state |= SESSION_CLOSE_AFTER;
    conn_send(c);
}

void conn_check_output(struct conn *c) {
    if (c->dead || !c->write_wanted) return;
    if (session_over_output(&c->s)) conn_close(c);
}
