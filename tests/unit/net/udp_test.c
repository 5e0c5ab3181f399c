/* udp_test.c - datagrams one by one and in batches, broadcast, multicast, errors. */
#include "net/udp.h"

#include <sys/socket.h>

#include "unit/net/pairs.h"

struct box {
    int n, calls, cut;
    size_t most; /* in one batch */
    char last[64];
    size_t last_n;
    struct net_addr from;
    struct net_udp *frees;
};

static void on_datagrams(void *ctx, const struct net_datagram *batch, size_t n) {
    struct box *box = ctx;
    box->calls++;
    box->most = n > box->most ? n : box->most;
    for (size_t i = 0; i < n; i++) {
        box->n++;
        box->cut += batch[i].cut;
        box->from = *batch[i].from;
        box->last_n = batch[i].n;
        snprintf(box->last, sizeof box->last, "%.*s", (int)batch[i].n,
                 (const char *)batch[i].bytes);
    }
    if (box->frees) {
        net_udp_free(box->frees);
    }
}

static struct net_udp *open_udp(struct net_loop *loop, const char *host, struct box *box) {
    struct net_addr addr;
    struct net_error error = {.text = ""};
    CU_ASSERT_EQUAL(net_addr_parse(&addr, host, 0), 0);
    struct net_udp_opts opts = {.bind = &addr,
                                .datagram_bytes_max = 32,
                                .reuse_addr = true,
                                .broadcast = true,
                                .on_datagrams = on_datagrams,
                                .ctx = box};
    struct net_udp *udp = net_udp_open(loop, &opts, &error);
    CU_ASSERT_STRING_EQUAL(error.text, "");
    CU_ASSERT_PTR_NOT_NULL_FATAL(udp);
    return udp;
}

static void send_over(const char *host) {
    struct net_loop *loop = new_loop();
    struct box a = {0}, b = {0};
    struct net_udp *ua = open_udp(loop, host, &a), *ub = open_udp(loop, host, &b);
    CU_ASSERT_EQUAL(net_udp_send(ua, net_udp_addr(ub), "hello", 5, NULL), 0);
    CU_ASSERT(turn_until(loop, &b.n, 1));
    CU_ASSERT_STRING_EQUAL(b.last, "hello");
    CU_ASSERT(net_addr_equal(&b.from, net_udp_addr(ua)));
    CU_ASSERT_EQUAL(net_udp_send(ub, &b.from, "", 0, NULL), 0);
    CU_ASSERT(turn_until(loop, &a.n, 1));
    CU_ASSERT_EQUAL(a.last_n, 0);
    net_udp_free(ua);
    net_udp_free(ub);
    net_loop_free(loop);
}

static void sends_and_receives(void) {
    send_over("127.0.0.1");
    if (have_ipv6()) {
        send_over("::1");
    }
}

static void receives_in_batches(void) {
    enum { MANY = NET_UDP_BATCH_MAX * 3 + 5 };
    struct net_loop *loop = new_loop();
    struct box a = {0}, b = {0};
    struct net_udp *ua = open_udp(loop, "127.0.0.1", &a), *ub = open_udp(loop, "127.0.0.1", &b);
    for (int i = 0; i < MANY; i++) {
        char text[16];
        int n = snprintf(text, sizeof text, "%d", i);
        CU_ASSERT_EQUAL(net_udp_send(ua, net_udp_addr(ub), text, (size_t)n, NULL), 0);
    }
    CU_ASSERT(turn_until(loop, &b.n, MANY));
    CU_ASSERT_EQUAL(b.calls, 4);
    CU_ASSERT_EQUAL(b.most, NET_UDP_BATCH_MAX);
    CU_ASSERT_STRING_EQUAL(b.last, "52");
    net_udp_free(ua);
    net_udp_free(ub);
    net_loop_free(loop);
}

static void says_what_was_cut(void) {
    struct net_loop *loop = new_loop();
    struct box a = {0};
    struct net_udp *udp = open_udp(loop, "127.0.0.1", &a);
    char text[33];
    memset(text, 'x', sizeof text);
    CU_ASSERT_EQUAL(net_udp_send(udp, net_udp_addr(udp), text, 32, NULL), 0);
    CU_ASSERT(turn_until(loop, &a.n, 1));
    CU_ASSERT_EQUAL(a.cut, 0);
    CU_ASSERT_EQUAL(net_udp_send(udp, net_udp_addr(udp), text, 33, NULL), 0);
    CU_ASSERT(turn_until(loop, &a.n, 2));
    CU_ASSERT_EQUAL(a.cut, 1);
    CU_ASSERT_EQUAL(a.last_n, 32);
    net_udp_free(udp);
    net_loop_free(loop);
}

static void a_callback_frees_the_socket(void) {
    struct net_loop *loop = new_loop();
    struct box a = {0};
    struct net_udp *udp = open_udp(loop, "127.0.0.1", &a);
    a.frees = udp;
    for (int i = 0; i < NET_UDP_BATCH_MAX * 2; i++) {
        CU_ASSERT_EQUAL(net_udp_send(udp, net_udp_addr(udp), "x", 1, NULL), 0);
    }
    CU_ASSERT(turn_until(loop, &a.calls, 1));
    CU_ASSERT_EQUAL(net_loop_turn(loop, false), 0);
    net_loop_free(loop);
}

static void errors_are_told(void) {
    struct net_loop *loop = new_loop();
    struct box a = {0};
    struct net_udp *udp = open_udp(loop, "127.0.0.1", &a);
    struct net_error error;
    struct net_addr addr;
    static char huge[70000];
    char want[NET_ERROR_BYTES], text[NET_ADDR_TEXT_BYTES];
    net_addr_format(net_udp_addr(udp), text);
    CU_ASSERT_EQUAL(net_udp_send(udp, net_udp_addr(udp), huge, sizeof huge, &error), NET_ERROR);
    snprintf(want, sizeof want, "send to %s: Message too long", text);
    CU_ASSERT_STRING_EQUAL(error.text, want);
    struct net_udp_opts opts = {
        .bind = net_udp_addr(udp), .datagram_bytes_max = 1, .on_datagrams = on_datagrams};
    CU_ASSERT_PTR_NULL(net_udp_open(loop, &opts, &error));
    snprintf(want, sizeof want, "bind %s: Address already in use", text);
    CU_ASSERT_STRING_EQUAL(error.text, want);
    net_addr_parse(&addr, "239.1.2.3", 0);
    CU_ASSERT_EQUAL(net_udp_join(udp, &addr, "no-such-if", &error), NET_ERROR);
    CU_ASSERT_STRING_EQUAL(error.text, "interface no-such-if: No such device");
    net_addr_parse(&addr, "1.2.3.4", 0);
    CU_ASSERT_EQUAL(net_udp_join(udp, &addr, NULL, &error), NET_ERROR);
    CU_ASSERT_STRING_EQUAL(error.text, "join 1.2.3.4: Invalid argument");
    net_udp_free(udp);
    net_loop_free(loop);
}

/* Over the loopback interface, where the system lets multicast pass if it is told to. */
static void multicast_over(const char *any, const char *group) {
    struct net_loop *loop = new_loop();
    struct box a = {0}, b = {0};
    struct net_udp *sender = open_udp(loop, any, &a), *member = open_udp(loop, any, &b);
    struct net_error error = {.text = ""};
    struct net_addr to;
    net_addr_parse(&to, group, net_addr_port(net_udp_addr(member)));
    CU_ASSERT(net_addr_is_multicast(&to));
    CU_ASSERT_EQUAL(net_udp_join(member, &to, "lo", &error), 0);
    CU_ASSERT_EQUAL(net_udp_multicast(sender, "lo", 1, true, &error), 0);
    /* Few machines have a route for IPv6 groups over loopback. */
    if (net_udp_send(sender, &to, "all", 3, &error) == 0 || !net_addr_is_ipv6(&to)) {
        CU_ASSERT_STRING_EQUAL(error.text, "");
        CU_ASSERT(turn_until(loop, &b.n, 1));
        CU_ASSERT_STRING_EQUAL(b.last, "all");
    }
    CU_ASSERT_EQUAL(net_udp_multicast(sender, NULL, 1, false, &error), 0);
    net_udp_free(sender);
    net_udp_free(member);
    net_loop_free(loop);
}

static void multicast_reaches_members(void) {
    multicast_over("*", "239.77.1.2");
    if (have_ipv6()) {
        multicast_over("::*", "ff01::7701");
    }
}

static void broadcast_needs_permission(void) {
    struct net_loop *loop = new_loop();
    struct box a = {0};
    struct net_error error = {.text = ""};
    struct net_addr any, to;
    net_addr_parse(&any, "*", 0);
    struct net_udp_opts opts = {
        .bind = &any, .datagram_bytes_max = 32, .on_datagrams = on_datagrams, .ctx = &a};
    struct net_udp *strict = net_udp_open(loop, &opts, &error);
    struct net_udp *udp = open_udp(loop, "*", &a);
    CU_ASSERT_PTR_NOT_NULL_FATAL(strict);
    net_addr_parse(&to, "127.255.255.255", net_addr_port(net_udp_addr(udp)));
    CU_ASSERT_EQUAL(net_udp_send(strict, &to, "x", 1, &error), NET_ERROR);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, ": Permission denied"));
    CU_ASSERT_EQUAL(net_udp_send(udp, &to, "to all", 6, &error), 0);
    CU_ASSERT(turn_until(loop, &a.n, 1));
    CU_ASSERT_STRING_EQUAL(a.last, "to all");
    net_udp_free(strict);
    net_udp_free(udp);
    net_loop_free(loop);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"sends_and_receives", sends_and_receives},
        {"receives_in_batches", receives_in_batches},
        {"says_what_was_cut", says_what_was_cut},
        {"a_callback_frees_the_socket", a_callback_frees_the_socket},
        {"errors_are_told", errors_are_told},
        {"multicast_reaches_members", multicast_reaches_members},
        {"broadcast_needs_permission", broadcast_needs_permission},
        {NULL, NULL},
    };
    return suite_main("net/udp", tests);
}
