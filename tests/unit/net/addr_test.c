/* addr_test.c - addresses as text, both ways. */
#include "net/addr.h"

#include <netdb.h>
#include <string.h>

#include "support/suite.h"

static const char *formatted(const char *host, uint16_t port) {
    static char text[NET_ADDR_TEXT_BYTES];
    struct net_addr addr;
    return net_addr_parse(&addr, host, port) == 0 ? net_addr_format(&addr, text) : "refused";
}

static void formats_what_it_parses(void) {
    CU_ASSERT_STRING_EQUAL(formatted("127.0.0.1", 6379), "127.0.0.1:6379");
    CU_ASSERT_STRING_EQUAL(formatted("::1", 6379), "[::1]:6379");
    CU_ASSERT_STRING_EQUAL(formatted("2001:DB8:0::7", 1), "[2001:db8::7]:1");
    CU_ASSERT_STRING_EQUAL(formatted("*", 65535), "0.0.0.0:65535");
    CU_ASSERT_STRING_EQUAL(formatted("::*", 0), "[::]:0");
}

static void refuses_what_is_not_numeric(void) {
    CU_ASSERT_STRING_EQUAL(formatted("localhost", 1), "refused");
    CU_ASSERT_STRING_EQUAL(formatted("127.0.0.999", 1), "refused");
    CU_ASSERT_STRING_EQUAL(formatted("", 1), "refused");
    CU_ASSERT_STRING_EQUAL(formatted("1::2::3", 1), "refused");
}

static void parses_host_and_port(void) {
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"1.2.3.4:5", "1.2.3.4:5"}, {"[::1]:7000", "[::1]:7000"}, {"::1:7000", "[::1]:7000"},
        {"1.2.3.4", "refused"},     {"1.2.3.4:", "refused"},      {"1.2.3.4:65536", "refused"},
        {"1.2.3.4:-1", "refused"},  {"1.2.3.4:5x", "refused"},    {":5", "refused"},
        {"[::1:5", "refused"},      {"[]:5", "refused"},          {"", "refused"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct net_addr addr;
        char text[NET_ADDR_TEXT_BYTES] = "refused";
        if (net_addr_parse_text(&addr, cases[i].text) == 0) {
            net_addr_format(&addr, text);
        }
        CU_ASSERT_STRING_EQUAL(text, cases[i].want);
    }
}

static void holds_unix_paths(void) {
    struct net_addr addr;
    char text[NET_ADDR_TEXT_BYTES];
    char path[120];
    CU_ASSERT_EQUAL(net_addr_unix(&addr, "/run/x.sock"), 0);
    CU_ASSERT_STRING_EQUAL(net_addr_format(&addr, text), "/run/x.sock:0");
    CU_ASSERT_STRING_EQUAL(net_addr_host(&addr, text), "/run/x.sock");
    CU_ASSERT(net_addr_is_unix(&addr));
    CU_ASSERT_EQUAL(net_addr_port(&addr), 0);
    memset(path, 'p', sizeof path);
    path[107] = '\0';
    CU_ASSERT_EQUAL(net_addr_unix(&addr, path), 0);
    CU_ASSERT_EQUAL(strlen(net_addr_format(&addr, text)), 109);
    path[107] = 'p';
    path[108] = '\0';
    CU_ASSERT_EQUAL(net_addr_unix(&addr, path), NET_ERROR);
    CU_ASSERT_EQUAL(net_addr_unix(&addr, ""), NET_ERROR);
}

static void answers_questions(void) {
    static const struct {
        const char *host;
        bool loopback, multicast, ipv6;
    } cases[] = {
        {"127.0.0.1", true, false, false},  {"127.9.8.7", true, false, false},
        {"128.0.0.1", false, false, false}, {"::1", true, false, true},
        {"::2", false, false, true},        {"::ffff:127.0.0.1", true, false, true},
        {"239.1.2.3", false, true, false},  {"ff02::1", false, true, true},
        {"0.0.0.0", false, false, false},   {"::ffff:1.2.3.4", false, false, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct net_addr addr;
        CU_ASSERT_EQUAL(net_addr_parse(&addr, cases[i].host, 9), 0);
        CU_ASSERT_EQUAL(net_addr_is_loopback(&addr), cases[i].loopback);
        CU_ASSERT_EQUAL(net_addr_is_multicast(&addr), cases[i].multicast);
        CU_ASSERT_EQUAL(net_addr_is_ipv6(&addr), cases[i].ipv6);
        CU_ASSERT_EQUAL(net_addr_port(&addr), 9);
    }
}

static void compares(void) {
    struct net_addr a, b;
    net_addr_parse(&a, "1.2.3.4", 5);
    net_addr_parse(&b, "1.2.3.4", 5);
    CU_ASSERT(net_addr_equal(&a, &b));
    net_addr_set_port(&b, 6);
    CU_ASSERT_FALSE(net_addr_equal(&a, &b));
    net_addr_parse(&b, "1.2.3.5", 5);
    CU_ASSERT_FALSE(net_addr_equal(&a, &b));
    net_addr_parse(&a, "::1", 5);
    CU_ASSERT_FALSE(net_addr_equal(&a, &b));
    net_addr_parse(&b, "0:0::1", 5);
    CU_ASSERT(net_addr_equal(&a, &b));
    net_addr_unix(&a, "/a");
    CU_ASSERT(net_addr_equal(&a, &a));
    net_addr_unix(&b, "/b");
    CU_ASSERT_FALSE(net_addr_equal(&a, &b));
}

static void resolves(void) {
    struct net_addr addr;
    struct net_error error;
    char text[NET_ADDR_TEXT_BYTES];
    struct addrinfo *found = NULL; /* a system without a file of hosts does not know it */
    bool known = getaddrinfo("localhost", NULL, NULL, &found) == 0;
    if (known) freeaddrinfo(found);
    CU_ASSERT_EQUAL(net_addr_resolve(&addr, "localhost", 7, &error), known ? 0 : NET_ERROR);
    CU_ASSERT(!known || net_addr_is_loopback(&addr));
    CU_ASSERT_EQUAL(net_addr_resolve(&addr, "10.1.2.3", 7, &error), 0);
    CU_ASSERT_STRING_EQUAL(net_addr_format(&addr, text), "10.1.2.3:7");
    CU_ASSERT_EQUAL(net_addr_resolve(&addr, "bad host", 7, &error), NET_ERROR);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "look up bad host: "));
}

static void says_when_there_is_no_address(void) {
    struct net_addr addr = {.len = 0};
    char text[NET_ADDR_TEXT_BYTES];
    CU_ASSERT_STRING_EQUAL(net_addr_format(&addr, text), "?:0");
    CU_ASSERT_EQUAL(net_addr_of_peer(&addr, -1), NET_ERROR);
    CU_ASSERT_STRING_EQUAL(net_addr_format(&addr, text), "?:0");
    CU_ASSERT_EQUAL(net_addr_of_socket(&addr, -1), NET_ERROR);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"formats_what_it_parses", formats_what_it_parses},
        {"refuses_what_is_not_numeric", refuses_what_is_not_numeric},
        {"parses_host_and_port", parses_host_and_port},
        {"holds_unix_paths", holds_unix_paths},
        {"answers_questions", answers_questions},
        {"compares", compares},
        {"resolves", resolves},
        {"says_when_there_is_no_address", says_when_there_is_no_address},
        {NULL, NULL},
    };
    return suite_main("net/addr", tests);
}
