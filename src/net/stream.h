/* stream.h - one connected stream of bytes, TCP or Unix.
 *
 * All bytes of a connection move through net_stream_read and net_stream_writev, so that
 * a layer between them and the descriptor (TLS) stays invisible: such a layer may hold
 * bytes that the descriptor no longer announces, and calls net_stream_again for them.
 *
 * S1  No callback runs after net_stream_close, or on_readable while reading is paused.
 * S2  Callbacks may close the stream and free the memory that holds it.
 * S3  The descriptor is nonblocking; a write never raises SIGPIPE.
 * The write event is registered only while wanted: try to write first, and want the event
 * after NET_AGAIN or a partial write. A paused stream does not notice that its peer left.
 * The struct is in the header to lie inside its owner; its fields are private.
 * Threads: the loop's.
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "net/addr.h"
#include "net/error.h"
#include "net/loop.h"
#include "net/watch.h"

struct net_stream;
typedef void net_stream_fn(struct net_stream *stream);

struct net_stream {
    struct net_watch in;
    struct net_watch out;
    struct net_again again;
    net_stream_fn *on_readable;
    net_stream_fn *on_writable;
    int fd; /* -1 when closed */
    int error;
    bool paused;
    bool asked; /* net_stream_again is outstanding, perhaps held back by a pause */
};

/* Takes a connected, nonblocking descriptor and starts reading. On false the descriptor
 * is still the caller's (the system refused to poll it). */
bool net_stream_init(struct net_stream *stream, struct net_loop *loop, int fd,
                     net_stream_fn *on_readable, net_stream_fn *on_writable);

/* Ends all events and closes the descriptor. Closing twice is allowed. */
void net_stream_close(struct net_stream *stream);
bool net_stream_is_open(const struct net_stream *stream);

/* Bytes read into `to` (1 to n), 0 at the end of the stream, NET_AGAIN, or NET_ERROR.
 * n is not 0. Level-triggered: what was not read is announced again in the next turn. */
ssize_t net_stream_read(struct net_stream *stream, void *to, size_t n);

/* Bytes taken (fewer than given when the peer is slow), NET_AGAIN or NET_ERROR. The
 * pieces are only read, and may go away afterwards; n is at least 1, any number. */
ssize_t net_stream_writev(struct net_stream *stream, const struct iovec *pieces, int n);
ssize_t net_stream_write(struct net_stream *stream, const void *from, size_t n);

/* on_writable comes once a turn while this is on and the peer takes bytes. */
void net_stream_want_write(struct net_stream *stream, bool on);
void net_stream_pause_read(struct net_stream *stream, bool on);

/* on_readable comes in the next turn, whether or not the descriptor is ready. During a
 * pause the request is kept until its end. */
void net_stream_again(struct net_stream *stream);

/* The reason of the last NET_ERROR, such as "Connection reset by peer". */
const char *net_stream_error(const struct net_stream *stream);

/* Sends through small packets at once (TCP_NODELAY). False if refused; on a Unix socket
 * true without effect. */
bool net_stream_nodelay(struct net_stream *stream, bool on);

/* Probes a silent peer after interval_s seconds, then thrice within as long; 0 turns it
 * off. As above for the result. */
bool net_stream_keepalive(struct net_stream *stream, int interval_s);

/* "ip:port", "[ip6]:port" or "path:0", as CLIENT LIST shows; `text` back. Cost: one or
 * two system calls: keep the result. */
char *net_stream_peer(const struct net_stream *stream, char text[NET_ADDR_TEXT_BYTES]);
char *net_stream_local(const struct net_stream *stream, char text[NET_ADDR_TEXT_BYTES]);

bool net_stream_is_unix(const struct net_stream *stream);

/* A Unix socket, or a peer with a loopback address: what protected-mode lets in. */
bool net_stream_is_local(const struct net_stream *stream);

/* The descriptor's number, for CLIENT LIST; -1 when closed. */
static inline int net_stream_fd(const struct net_stream *stream) { return stream->fd; }

#endif
