/* stream_test.c - bytes through TCP and Unix streams, and streams that end midway. */
#include "net/stream.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>

#include "unit/net/pairs.h"

enum { FLOOD_BYTES = 8 * 1024 * 1024, CHUNK_BYTES = 64 * 1024 };

/* One end, which counts, reads up to `read_max` bytes a call, echoes if asked, and sends
 * what is left of a pattern. */
struct end {
    struct net_stream stream;
    size_t read_max;
    int readable, writable, ended;
    size_t got, to_send, sent;
    int bytes; /* got, as the int that turn_until watches */
    bool echo, wrong;
    ssize_t error;
};

static char pattern_at(size_t i) { return (char)(i * 31 + i / 251); }

static void send_rest(struct end *end) {
    static char chunk[CHUNK_BYTES];
    while (end->sent < end->to_send) {
        size_t n = end->to_send - end->sent;
        n = n < sizeof chunk ? n : sizeof chunk;
        for (size_t i = 0; i < n; i++) {
            chunk[i] = pattern_at(end->sent + i);
        }
        struct iovec pieces[3] = {{chunk, n / 3}, {chunk + n / 3, 0}, {chunk + n / 3, n - n / 3}};
        ssize_t put = net_stream_writev(&end->stream, pieces, 3);
        if (put == NET_AGAIN) {
            net_stream_want_write(&end->stream, true);
            return;
        }
        if (put < 0) {
            end->error = put;
            return;
        }
        end->sent += (size_t)put;
    }
    net_stream_want_write(&end->stream, false);
}

static void on_writable(struct net_stream *stream) {
    struct end *end = (struct end *)stream;
    end->writable++;
    send_rest(end);
}

static void on_readable(struct net_stream *stream) {
    struct end *end = (struct end *)stream;
    static char bytes[CHUNK_BYTES];
    end->readable++;
    ssize_t n = net_stream_read(stream, bytes, end->read_max);
    if (n == 0) {
        end->ended++;
        net_stream_close(stream);
    } else if (n == NET_ERROR) {
        end->error = n;
        end->ended++;
        net_stream_pause_read(stream, true);
    } else if (n > 0) {
        for (ssize_t i = 0; i < n; i++) {
            end->wrong |= bytes[i] != pattern_at(end->got + (size_t)i);
        }
        end->got += (size_t)n;
        end->bytes = (int)end->got;
        if (end->echo) {
            CU_ASSERT_EQUAL(net_stream_write(stream, bytes, (size_t)n), n);
        }
    }
}

struct fixture {
    struct net_loop *loop;
    struct net_listener *listener;
    struct catch caught;
    char path[64];
    struct end a, b; /* accepted, dialled */
};

static void end_init(struct end *end, struct net_loop *loop, int fd) {
    memset(end, 0, sizeof *end);
    end->read_max = CHUNK_BYTES;
    CU_ASSERT_FATAL(net_stream_init(&end->stream, loop, fd, on_readable, on_writable));
}

/* `host` NULL: a Unix socket. */
static void set_up(struct fixture *f, const char *host) {
    memset(f, 0, sizeof *f);
    f->loop = new_loop();
    struct net_listen_opts opts = listen_opts(&f->caught);
    struct net_error error = {.text = ""};
    if (host) {
        f->listener = net_listen_tcp(f->loop, host, 0, &opts, &error);
    } else {
        make_socket_path(f->path);
        f->listener = net_listen_unix(f->loop, f->path, &opts, &error);
    }
    CU_ASSERT_STRING_EQUAL(error.text, "");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f->listener);
    int fds[2];
    connect_pair(f->loop, f->listener, &f->caught, fds);
    end_init(&f->a, f->loop, fds[0]);
    end_init(&f->b, f->loop, fds[1]);
}

static void tear_down(struct fixture *f) {
    net_stream_close(&f->a.stream);
    net_stream_close(&f->b.stream);
    net_stream_close(&f->b.stream);
    CU_ASSERT_FALSE(net_stream_is_open(&f->b.stream));
    net_listener_free(f->listener);
    if (f->path[0]) {
        remove_socket_dir(f->path);
    }
    net_loop_free(f->loop);
}

static void echo_over(const char *host) {
    struct fixture f;
    set_up(&f, host);
    f.a.echo = true;
    f.b.to_send = 1000;
    send_rest(&f.b);
    CU_ASSERT(turn_until(f.loop, &f.b.bytes, 1000));
    CU_ASSERT_EQUAL(f.a.got, 1000);
    CU_ASSERT_FALSE(f.a.wrong || f.b.wrong);
    CU_ASSERT_EQUAL(f.b.writable, 0);
    net_stream_close(&f.b.stream);
    CU_ASSERT(turn_until(f.loop, &f.a.ended, 1));
    CU_ASSERT_EQUAL(f.a.error, 0);
    tear_down(&f);
}

static void echo_tcp(void) { echo_over("127.0.0.1"); }
static void echo_unix(void) { echo_over(NULL); }

static void echo_ipv6(void) {
    if (have_ipv6()) {
        echo_over("::1");
    }
}

static void flood_over(const char *host) {
    struct fixture f;
    set_up(&f, host);
    net_stream_pause_read(&f.a.stream, true);
    f.b.to_send = FLOOD_BYTES;
    send_rest(&f.b);
    CU_ASSERT(f.b.sent > 0);
    CU_ASSERT(f.b.sent < FLOOD_BYTES);
    turn_for(f.loop, 20000);
    CU_ASSERT(f.b.sent < FLOOD_BYTES);
    CU_ASSERT_EQUAL(f.a.readable, 0);
    net_stream_pause_read(&f.a.stream, false);
    CU_ASSERT(turn_until(f.loop, &f.a.bytes, FLOOD_BYTES));
    CU_ASSERT_EQUAL(f.a.got, FLOOD_BYTES);
    CU_ASSERT_EQUAL(f.b.sent, FLOOD_BYTES);
    CU_ASSERT_FALSE(f.a.wrong);
    int writable = f.b.writable;
    CU_ASSERT(writable > 0);
    turn_for(f.loop, 2000); /* the event is not wanted any more, though writable */
    CU_ASSERT_EQUAL(f.b.writable, writable);
    tear_down(&f);
}

static void a_slow_reader_makes_partial_writes(void) { flood_over("127.0.0.1"); }
static void a_slow_unix_reader_too(void) { flood_over(NULL); }

static void many_pieces_are_one_write(void) {
    enum { PIECES = 3000, PIECE_BYTES = 3 };
    struct fixture f;
    set_up(&f, "127.0.0.1");
    static char bytes[PIECES * PIECE_BYTES];
    static struct iovec pieces[PIECES];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = pattern_at(i);
    }
    for (size_t i = 0; i < PIECES; i++) {
        pieces[i] = (struct iovec){bytes + i * PIECE_BYTES, PIECE_BYTES};
    }
    ssize_t put = net_stream_writev(&f.b.stream, pieces, PIECES);
    CU_ASSERT(put >= 1000 * PIECE_BYTES);
    CU_ASSERT(turn_until(f.loop, &f.a.bytes, (int)put));
    CU_ASSERT_FALSE(f.a.wrong);
    tear_down(&f);
}

static void what_was_not_read_comes_again(void) {
    struct fixture f;
    set_up(&f, "127.0.0.1");
    f.a.read_max = 10;
    f.b.to_send = 95;
    send_rest(&f.b);
    CU_ASSERT(turn_until(f.loop, &f.a.bytes, 95));
    CU_ASSERT_EQUAL(f.a.readable, 10);
    tear_down(&f);
}

static void reads_say_again_and_errors(void) {
    struct fixture f;
    set_up(&f, "127.0.0.1");
    char byte;
    CU_ASSERT_EQUAL(net_stream_read(&f.a.stream, &byte, 1), NET_AGAIN);
    struct linger at_once = {.l_onoff = 1};
    setsockopt(net_stream_fd(&f.b.stream), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    net_stream_close(&f.b.stream);
    CU_ASSERT(turn_until(f.loop, &f.a.ended, 1));
    CU_ASSERT_EQUAL(f.a.error, NET_ERROR);
    CU_ASSERT_STRING_EQUAL(net_stream_error(&f.a.stream), "Connection reset by peer");
    CU_ASSERT_EQUAL(net_stream_write(&f.a.stream, "x", 1), NET_ERROR);
    CU_ASSERT_STRING_EQUAL(net_stream_error(&f.a.stream), "Broken pipe");
    tear_down(&f);
}

static void again_calls_without_bytes(void) {
    struct fixture f;
    set_up(&f, "127.0.0.1");
    net_stream_again(&f.a.stream);
    net_stream_again(&f.a.stream);
    CU_ASSERT_EQUAL(net_loop_turn(f.loop, true), 1);
    CU_ASSERT_EQUAL(f.a.readable, 1);
    CU_ASSERT_EQUAL(net_loop_turn(f.loop, false), 0);
    net_stream_again(&f.a.stream);
    net_stream_pause_read(&f.a.stream, true);
    net_stream_again(&f.a.stream);
    CU_ASSERT_EQUAL(net_loop_turn(f.loop, false), 0);
    net_stream_pause_read(&f.a.stream, false);
    CU_ASSERT_EQUAL(net_loop_turn(f.loop, true), 1);
    CU_ASSERT_EQUAL(f.a.readable, 2);
    net_stream_again(&f.a.stream);
    net_stream_close(&f.a.stream);
    CU_ASSERT_EQUAL(f.a.readable, 2);
    tear_down(&f);
}

static void again_and_bytes_are_one_call(void) {
    struct fixture f;
    set_up(&f, NULL);
    f.b.to_send = 10;
    send_rest(&f.b);
    net_stream_again(&f.a.stream);
    CU_ASSERT_EQUAL(net_loop_turn(f.loop, true), 1);
    CU_ASSERT_EQUAL(f.a.readable, 1);
    CU_ASSERT_EQUAL(f.a.got, 10);
    tear_down(&f);
}

/* Owners that free themselves in their callback, with other events of theirs ready. */

struct owner {
    struct net_stream stream;
    int *calls;
    struct owner *other;
};

static void free_both(struct net_stream *stream) {
    struct owner *owner = (struct owner *)stream;
    ++*owner->calls;
    net_stream_close(&owner->other->stream);
    net_stream_close(stream);
    free(owner->other);
    free(owner);
}

static void a_callback_frees_ready_streams(void) {
    for (int round = 0; round < 3; round++) {
        struct net_loop *loop = new_loop();
        struct owner *owners[2];
        int fds[2], calls = 0;
        CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
        for (int i = 0; i < 2; i++) {
            owners[i] = calloc(1, sizeof **owners);
            owners[i]->calls = &calls;
            CU_ASSERT(net_stream_init(&owners[i]->stream, loop, fds[i], free_both, free_both));
        }
        for (int i = 0; i < 2; i++) {
            owners[i]->other = owners[!i];
            if (round != 1) {
                net_stream_want_write(&owners[i]->stream, true);
            }
            if (round != 0) {
                net_stream_again(&owners[i]->stream);
                CU_ASSERT_EQUAL(net_stream_write(&owners[i]->stream, "x", 1), 1);
            }
        }
        net_loop_turn(loop, true);
        CU_ASSERT_EQUAL(calls, 1);
        CU_ASSERT_EQUAL(net_loop_turn(loop, false), 0);
        net_loop_free(loop);
    }
}

static int option_of(struct net_stream *stream, int level, int option) {
    int value = -1;
    socklen_t len = sizeof value;
    CU_ASSERT_EQUAL(getsockopt(net_stream_fd(stream), level, option, &value, &len), 0);
    return value;
}

static void sets_tcp_options(void) {
    struct fixture f;
    set_up(&f, "127.0.0.1");
    struct net_stream *s = &f.a.stream;
    CU_ASSERT(net_stream_nodelay(s, true));
    CU_ASSERT(option_of(s, IPPROTO_TCP, TCP_NODELAY) != 0);
    CU_ASSERT(net_stream_nodelay(s, false));
    CU_ASSERT_EQUAL(option_of(s, IPPROTO_TCP, TCP_NODELAY), 0);
    CU_ASSERT(net_stream_keepalive(s, 300));
    CU_ASSERT(option_of(s, SOL_SOCKET, SO_KEEPALIVE) != 0);
    CU_ASSERT_EQUAL(option_of(s, IPPROTO_TCP, TCP_KEEPIDLE), 300);
    CU_ASSERT_EQUAL(option_of(s, IPPROTO_TCP, TCP_KEEPINTVL), 100);
    CU_ASSERT(net_stream_keepalive(s, 1));
    CU_ASSERT_EQUAL(option_of(s, IPPROTO_TCP, TCP_KEEPINTVL), 1);
    CU_ASSERT_FALSE(net_stream_keepalive(s, 1000000));
    CU_ASSERT_STRING_EQUAL(net_stream_error(s), "Invalid argument");
    CU_ASSERT(net_stream_keepalive(s, 0));
    CU_ASSERT_EQUAL(option_of(s, SOL_SOCKET, SO_KEEPALIVE), 0);
    tear_down(&f);
    set_up(&f, NULL);
    CU_ASSERT(net_stream_nodelay(&f.a.stream, true));
    CU_ASSERT(net_stream_keepalive(&f.a.stream, 300));
    tear_down(&f);
}

static void names_of(const char *host) {
    struct fixture f;
    char text[NET_ADDR_TEXT_BYTES], other[NET_ADDR_TEXT_BYTES];
    set_up(&f, host);
    net_addr_format(net_listener_addr(f.listener), other);
    CU_ASSERT_STRING_EQUAL(net_stream_local(&f.a.stream, text), other);
    CU_ASSERT_STRING_EQUAL(net_stream_peer(&f.b.stream, text), other);
    net_stream_local(&f.b.stream, other);
    CU_ASSERT_STRING_EQUAL(net_stream_peer(&f.a.stream, text), other);
    CU_ASSERT_EQUAL(net_stream_is_unix(&f.a.stream), host == NULL);
    CU_ASSERT(net_stream_is_local(&f.a.stream));
    CU_ASSERT(net_stream_is_local(&f.b.stream));
    if (!host) {
        snprintf(other, sizeof other, "%s:0", f.path);
        CU_ASSERT_STRING_EQUAL(net_stream_peer(&f.a.stream, text), other);
        CU_ASSERT_STRING_EQUAL(net_stream_local(&f.a.stream, text), other);
    }
    int flags = fcntl(net_stream_fd(&f.a.stream), F_GETFL);
    CU_ASSERT(flags & O_NONBLOCK);
    CU_ASSERT(fcntl(net_stream_fd(&f.a.stream), F_GETFD) & FD_CLOEXEC);
    tear_down(&f);
    CU_ASSERT_EQUAL(net_stream_fd(&f.a.stream), -1);
    CU_ASSERT_STRING_EQUAL(net_stream_peer(&f.a.stream, text), "?:0");
}

static void names_both_ends(void) {
    names_of("127.0.0.1");
    names_of(NULL);
    if (have_ipv6()) {
        names_of("::1");
    }
}

int main(void) {
    static const struct suite_test tests[] = {
        {"echo_tcp", echo_tcp},
        {"echo_unix", echo_unix},
        {"echo_ipv6", echo_ipv6},
        {"a_slow_reader_makes_partial_writes", a_slow_reader_makes_partial_writes},
        {"a_slow_unix_reader_too", a_slow_unix_reader_too},
        {"many_pieces_are_one_write", many_pieces_are_one_write},
        {"what_was_not_read_comes_again", what_was_not_read_comes_again},
        {"reads_say_again_and_errors", reads_say_again_and_errors},
        {"again_calls_without_bytes", again_calls_without_bytes},
        {"again_and_bytes_are_one_call", again_and_bytes_are_one_call},
        {"a_callback_frees_ready_streams", a_callback_frees_ready_streams},
        {"sets_tcp_options", sets_tcp_options},
        {"names_both_ends", names_both_ends},
        {NULL, NULL},
    };
    return suite_main("net/stream", tests);
}
