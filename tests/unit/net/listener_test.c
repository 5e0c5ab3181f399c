/* listener_test.c - addresses and paths, their errors, storms and lack of descriptors. */
#include "net/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "unit/net/pairs.h"

/* No interface has it: it is for documentation. */
static const char *const absent = "203.0.113.77";

static uint16_t port_of(const struct net_listener *listener) {
    return net_addr_port(net_listener_addr(listener));
}

static void says_that_a_port_is_taken(void) {
    struct net_loop *loop = new_loop();
    struct catch caught = {0};
    struct net_listen_opts opts = listen_opts(&caught);
    struct net_error error;
    struct net_listener *first = net_listen_tcp(loop, "127.0.0.1", 0, &opts, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(first);
    char want[NET_ERROR_BYTES];
    snprintf(want, sizeof want, "bind 127.0.0.1:%u: Address already in use", port_of(first));
    CU_ASSERT_PTR_NULL(net_listen_tcp(loop, "127.0.0.1", port_of(first), &opts, &error));
    CU_ASSERT_STRING_EQUAL(error.text, want);
    CU_ASSERT_PTR_NULL(net_listen_tcp(loop, absent, 0, &opts, &error));
    CU_ASSERT_STRING_EQUAL(error.text, "bind 203.0.113.77:0: Cannot assign requested address");
    CU_ASSERT_PTR_NULL(net_listen_tcp(loop, "127.0.0.999", 0, &opts, &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "look up 127.0.0.999: "));
    net_listener_free(first);
    net_loop_free(loop);
}

static void shares_a_port_if_asked(void) {
    struct net_loop *loop = new_loop();
    struct catch caught = {0};
    struct net_listen_opts opts = listen_opts(&caught);
    opts.reuse_port = true;
    struct net_listener *a = net_listen_tcp(loop, "127.0.0.1", 0, &opts, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(a);
    struct net_listener *b = net_listen_tcp(loop, "127.0.0.1", port_of(a), &opts, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    CU_ASSERT_EQUAL(port_of(a), port_of(b));
    net_listener_free(a);
    net_listener_free(b);
    net_loop_free(loop);
}

static void listens_on_many(void) {
    enum { MANY = 40 };
    struct net_loop *loop = new_loop();
    struct catch caught = {0};
    struct net_listen_opts opts = listen_opts(&caught);
    struct net_listener *listeners[MANY];
    for (int i = 0; i < MANY; i++) {
        listeners[i] = net_listen_tcp(loop, "127.0.0.1", 0, &opts, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(listeners[i]);
    }
    for (int i = 0; i < MANY; i++) {
        int fds[2];
        connect_pair(loop, listeners[i], &caught, fds);
        close(fds[0]);
        close(fds[1]);
    }
    CU_ASSERT_EQUAL(caught.accepted, MANY);
    for (int i = 0; i < MANY; i++) {
        net_listener_free(listeners[i]);
    }
    net_loop_free(loop);
}

/* A port that was free a moment ago, on every interface. */
static uint16_t free_port(struct net_loop *loop) {
    struct catch caught = {0};
    struct net_listen_opts opts = listen_opts(&caught);
    struct net_listener *listener = net_listen_tcp(loop, "*", 0, &opts, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(listener);
    uint16_t port = port_of(listener);
    net_listener_free(listener);
    return port;
}

static void opens_all_or_none(void) {
    struct net_loop *loop = new_loop();
    struct catch caught = {0};
    struct net_listen_opts opts = listen_opts(&caught);
    struct net_listener *out[4];
    struct net_error error;
    uint16_t port = free_port(loop);

    const char *missing[] = {"127.0.0.1", "-203.0.113.77", "127.0.0.2"};
    CU_ASSERT_EQUAL_FATAL(net_listen_all(loop, missing, 3, port, &opts, out, &error), 2);
    CU_ASSERT_EQUAL(port_of(out[1]), port);
    CU_ASSERT_EQUAL(caught.troubles, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(caught.trouble, "203.0.113.77"));

    const char *taken[] = {"127.0.0.3", "-127.0.0.1"};
    CU_ASSERT_EQUAL(net_listen_all(loop, taken, 2, port, &opts, out + 2, &error), NET_ERROR);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, ": Address already in use"));
    const char *rolled_back[] = {"127.0.0.3"};
    CU_ASSERT_EQUAL_FATAL(net_listen_all(loop, rolled_back, 1, port, &opts, out + 2, NULL), 1);

    const char *needed[] = {absent};
    CU_ASSERT_EQUAL(net_listen_all(loop, needed, 1, port, &opts, out + 3, &error), NET_ERROR);
    CU_ASSERT_EQUAL(net_listen_all(loop, needed, 0, port, &opts, out + 3, &error), 0);
    for (int i = 0; i < 3; i++) {
        net_listener_free(out[i]);
    }
    net_loop_free(loop);
}

static void both_families_share_a_port(void) {
    struct net_loop *loop = new_loop();
    struct catch caught = {0};
    struct net_listen_opts opts = listen_opts(&caught);
    struct net_listener *out[2];
    const char *all[] = {"*", "-::*"};
    int n = net_listen_all(loop, all, 2, free_port(loop), &opts, out, NULL);
    CU_ASSERT_EQUAL(n, have_ipv6() ? 2 : 1);
    for (int i = 0; i < n; i++) {
        net_listener_free(out[i]);
    }
    net_loop_free(loop);
}

static void unix_paths_have_permissions(void) {
    struct net_loop *loop = new_loop();
    struct catch caught = {0};
    struct net_listen_opts opts = listen_opts(&caught);
    struct net_error error;
    struct stat st;
    char path[64];
    int fds[2];
    make_socket_path(path);
    opts.perm = 0701;
    struct net_listener *listener = net_listen_unix(loop, path, &opts, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(listener);
    CU_ASSERT_EQUAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 07777, 0701);
    connect_pair(loop, listener, &caught, fds);
    close(fds[0]);
    close(fds[1]);

    /* Another takes the path over: it is no longer the first one's to remove. */
    struct net_listener *second = net_listen_unix(loop, path, &opts, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(second);
    net_listener_free(listener);
    CU_ASSERT_EQUAL(stat(path, &st), 0);
    net_listener_free(second);
    CU_ASSERT_EQUAL(stat(path, &st), -1);
    remove_socket_dir(path);
    net_loop_free(loop);
}

/* mkstemp keeps a name with an empty file; who starts a server with it wants a socket there. */
static void a_path_may_be_kept_by_an_empty_file(void) {
    struct net_loop *loop = new_loop();
    struct catch caught = {0};
    struct net_listen_opts opts = listen_opts(&caught);
    struct net_error error;
    struct stat st;
    char path[64];
    make_socket_path(path);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    struct net_listener *listener = net_listen_unix(loop, path, &opts, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(listener);
    CU_ASSERT_EQUAL(lstat(path, &st), 0);
    CU_ASSERT(S_ISSOCK(st.st_mode));
    net_listener_free(listener);
    remove_socket_dir(path);
    net_loop_free(loop);
}

static void unix_paths_may_be_refused(void) {
    struct net_loop *loop = new_loop();
    struct catch caught = {0};
    struct net_listen_opts opts = listen_opts(&caught);
    struct net_error error;
    char path[64], want[NET_ERROR_BYTES], longer[150];
    make_socket_path(path);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    CU_ASSERT_EQUAL(write(fd, "x", 1), 1);
    close(fd);
    CU_ASSERT_PTR_NULL(net_listen_unix(loop, path, &opts, &error));
    snprintf(want, sizeof want, "bind %s: Address already in use", path);
    CU_ASSERT_STRING_EQUAL(error.text, want);
    CU_ASSERT_EQUAL(unlink(path), 0); /* it was left alone */
    remove_socket_dir(path);
    CU_ASSERT_PTR_NULL(net_listen_unix(loop, "/nonexistent/s", &opts, &error));
    CU_ASSERT_STRING_EQUAL(error.text, "bind /nonexistent/s: No such file or directory");
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    CU_ASSERT_PTR_NULL(net_listen_unix(loop, longer, &opts, &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, ": File name too long"));
    net_loop_free(loop);
}

static int blocking_dial(const struct net_addr *to) {
    int fd = socket(to->storage.ss_family, SOCK_STREAM, 0);
    CU_ASSERT_EQUAL(connect(fd, (const struct sockaddr *)&to->storage, to->len), 0);
    return fd;
}

struct freer {
    int calls;
};

static void free_listener(void *ctx, struct net_listener *listener, int fd) {
    struct freer *freer = ctx;
    freer->calls++;
    close(fd);
    net_listener_free(listener);
}

static void a_callback_frees_the_listener(void) {
    struct net_loop *loop = new_loop();
    struct freer freer = {0};
    struct net_listen_opts opts = {.backlog = 10, .on_accept = free_listener, .ctx = &freer};
    struct net_listener *listener = net_listen_tcp(loop, "127.0.0.1", 0, &opts, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(listener);
    int fds[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = blocking_dial(net_listener_addr(listener));
    }
    CU_ASSERT(turn_until(loop, &freer.calls, 1));
    CU_ASSERT_EQUAL(net_loop_turn(loop, false), 0);
    CU_ASSERT_EQUAL(freer.calls, 1);
    for (int i = 0; i < 3; i++) {
        close(fds[i]);
    }
    net_loop_free(loop);
}

static void a_storm_is_accepted_in_one_event(void) {
    enum { STORM = 100 };
    struct net_loop *loop = new_loop();
    struct catch caught = {0};
    struct net_listen_opts opts = listen_opts(&caught);
    struct net_listener *listener = net_listen_tcp(loop, "127.0.0.1", 0, &opts, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(listener);
    int fds[STORM];
    for (int i = 0; i < STORM; i++) {
        fds[i] = blocking_dial(net_listener_addr(listener));
    }
    CU_ASSERT_EQUAL(net_loop_turn(loop, true), 1);
    CU_ASSERT_EQUAL(caught.accepted, STORM);
    for (int i = 0; i < STORM; i++) {
        close(fds[i]);
        close(caught.last_accepted - i); /* they are numbered in a row */
    }
    net_listener_free(listener);
    net_loop_free(loop);
}

static void rests_without_descriptors(void) {
    struct net_loop *loop = new_loop();
    struct catch caught = {0};
    struct net_listen_opts opts = listen_opts(&caught);
    struct net_listener *listener = net_listen_tcp(loop, "127.0.0.1", 0, &opts, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(listener);
    int fd = blocking_dial(net_listener_addr(listener));
    struct rlimit before, low;
    getrlimit(RLIMIT_NOFILE, &before);
    low = (struct rlimit){.rlim_cur = (rlim_t)fd + 1, .rlim_max = before.rlim_max};
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &low), 0);
    CU_ASSERT(turn_until(loop, &caught.troubles, 1));
    CU_ASSERT_PTR_NOT_NULL(strstr(caught.trouble, ": Too many open files"));
    CU_ASSERT_PTR_NOT_NULL(strstr(caught.trouble, "accept on 127.0.0.1:"));
    turn_for(loop, 30000);
    CU_ASSERT_EQUAL(caught.troubles, 1);
    setrlimit(RLIMIT_NOFILE, &before);
    CU_ASSERT(turn_until(loop, &caught.accepted, 1));
    close(caught.last_accepted);
    close(fd);
    net_listener_free(listener);
    net_loop_free(loop);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"says_that_a_port_is_taken", says_that_a_port_is_taken},
        {"shares_a_port_if_asked", shares_a_port_if_asked},
        {"listens_on_many", listens_on_many},
        {"opens_all_or_none", opens_all_or_none},
        {"both_families_share_a_port", both_families_share_a_port},
        {"unix_paths_have_permissions", unix_paths_have_permissions},
        {"a_path_may_be_kept_by_an_empty_file", a_path_may_be_kept_by_an_empty_file},
        {"unix_paths_may_be_refused", unix_paths_may_be_refused},
        {"a_callback_frees_the_listener", a_callback_frees_the_listener},
        {"a_storm_is_accepted_in_one_event", a_storm_is_accepted_in_one_event},
        {"rests_without_descriptors", rests_without_descriptors},
        {NULL, NULL},
    };
    return suite_main("net/listener", tests);
}
