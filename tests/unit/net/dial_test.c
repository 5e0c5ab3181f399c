/* dial_test.c - outgoing connections that succeed, are refused, time out, are cancelled. */
#include "net/dial.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "unit/net/pairs.h"

/* Listens with a queue of one and fills it: further dials hang. */
static int full_listener(struct net_addr *addr, int fillers[4]) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    net_addr_parse(addr, "127.0.0.1", 0);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&addr->storage, addr->len), 0);
    CU_ASSERT_EQUAL_FATAL(listen(fd, 0), 0);
    net_addr_of_socket(addr, fd);
    for (int i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fillers[i], (struct sockaddr *)&addr->storage, addr->len);
    }
    return fd;
}

static void dial_to(struct net_loop *loop, struct catch *caught, const struct net_addr *to,
                    const struct net_addr *from, uint32_t timeout_ms) {
    struct net_dial_opts opts = {
        .to = to, .from = from, .timeout_ms = timeout_ms, .on_done = catch_dialled, .ctx = caught};
    net_dial_start(loop, &opts);
    CU_ASSERT_EQUAL(caught->dialled, 0); /* never from inside */
    CU_ASSERT(turn_until(loop, &caught->dialled, 1));
}

static void is_refused(void) {
    struct net_loop *loop = new_loop();
    struct catch caught = {0};
    struct net_addr addr;
    char want[NET_ERROR_BYTES];
    /* A bound port on which no one listens. */
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    net_addr_parse(&addr, "127.0.0.1", 0);
    CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&addr.storage, addr.len), 0);
    net_addr_of_socket(&addr, fd);
    dial_to(loop, &caught, &addr, NULL, 1000);
    snprintf(want, sizeof want, "connect 127.0.0.1:%u: Connection refused", net_addr_port(&addr));
    CU_ASSERT_EQUAL(caught.last_dialled, -1);
    CU_ASSERT_STRING_EQUAL(caught.error, want);
    close(fd);
    net_loop_free(loop);
}

static void a_missing_unix_path_is_told(void) {
    struct net_loop *loop = new_loop();
    struct catch caught = {0};
    struct net_addr addr;
    net_addr_unix(&addr, "/nonexistent/s");
    dial_to(loop, &caught, &addr, NULL, 0);
    CU_ASSERT_STRING_EQUAL(caught.error, "connect /nonexistent/s: No such file or directory");
    net_loop_free(loop);
}

static void times_out(void) {
    struct net_loop *loop = new_loop();
    struct catch caught = {0};
    struct net_addr addr;
    int fillers[4];
    int fd = full_listener(&addr, fillers);
    uint64_t start_us = clock_mono_us();
    dial_to(loop, &caught, &addr, NULL, 50);
    CU_ASSERT(clock_mono_us() - start_us >= 50000);
    CU_ASSERT_EQUAL(caught.last_dialled, -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(caught.error, ": Connection timed out"));
    for (int i = 0; i < 4; i++) {
        close(fillers[i]);
    }
    close(fd);
    net_loop_free(loop);
}

static void a_cancelled_dial_says_nothing(void) {
    struct net_loop *loop = new_loop();
    struct catch caught = {0};
    struct net_addr addr, nowhere;
    int fillers[4];
    int fd = full_listener(&addr, fillers);
    struct net_dial_opts opts = {
        .to = &addr, .timeout_ms = 5, .on_done = catch_dialled, .ctx = &caught};
    struct net_dial *hanging = net_dial_start(loop, &opts);
    net_addr_unix(&nowhere, "/nonexistent/s");
    opts.to = &nowhere;
    struct net_dial *failed = net_dial_start(loop, &opts);
    net_dial_cancel(hanging);
    net_dial_cancel(failed);
    turn_for(loop, 10000);
    CU_ASSERT_EQUAL(caught.dialled, 0);
    for (int i = 0; i < 4; i++) {
        close(fillers[i]);
    }
    close(fd);
    net_loop_free(loop);
}

static void comes_from_the_wanted_address(void) {
    struct net_loop *loop = new_loop();
    struct catch caught = {0};
    struct net_listen_opts opts = listen_opts(&caught);
    struct net_listener *listener = net_listen_tcp(loop, "127.0.0.1", 0, &opts, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(listener);
    struct net_addr from, peer;
    char host[NET_ADDR_TEXT_BYTES];
    net_addr_parse(&from, "127.0.0.9", 0);
    dial_to(loop, &caught, net_listener_addr(listener), &from, 1000);
    CU_ASSERT(caught.last_dialled >= 0);
    CU_ASSERT(turn_until(loop, &caught.accepted, 1));
    CU_ASSERT_EQUAL(net_addr_of_peer(&peer, caught.last_accepted), 0);
    CU_ASSERT_STRING_EQUAL(net_addr_host(&peer, host), "127.0.0.9");
    close(caught.last_accepted);
    close(caught.last_dialled);
    caught.dialled = 0;
    net_addr_parse(&from, "203.0.113.77", 0);
    dial_to(loop, &caught, net_listener_addr(listener), &from, 1000);
    CU_ASSERT_PTR_NOT_NULL(strstr(caught.error, ": Cannot assign requested address"));
    net_listener_free(listener);
    net_loop_free(loop);
}

/* Source and target are one address: the system connects the socket with itself. */
static void does_not_take_itself_for_a_peer(void) {
    struct net_loop *loop = new_loop();
    struct catch caught = {0};
    struct net_addr addr;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    net_addr_parse(&addr, "127.0.0.1", 0);
    CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&addr.storage, addr.len), 0);
    net_addr_of_socket(&addr, fd);
    close(fd);
    dial_to(loop, &caught, &addr, &addr, 1000);
    CU_ASSERT_EQUAL(caught.last_dialled, -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(caught.error, ": Connection refused"));
    net_loop_free(loop);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"is_refused", is_refused},
        {"a_missing_unix_path_is_told", a_missing_unix_path_is_told},
        {"times_out", times_out},
        {"a_cancelled_dial_says_nothing", a_cancelled_dial_says_nothing},
        {"comes_from_the_wanted_address", comes_from_the_wanted_address},
        {"does_not_take_itself_for_a_peer", does_not_take_itself_for_a_peer},
        {NULL, NULL},
    };
    return suite_main("net/dial", tests);
}
