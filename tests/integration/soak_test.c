/* soak_test.c - 5,000 connections that behave badly, each reply checked to the byte.
 *
 * Every connection works on keys of its own, so that a small model of them tells each reply
 * in advance. It sends pipelines of 1 to 16 random string commands, now and then leaves a
 * command half sent for a while, reads late when large replies wait for it, or drops the
 * connection in the middle of anything and comes back under a new name with new keys.
 * At the end all replies must have come, no client may be left, and the memory must be back.
 *
 * K1  Expected bytes are written when a command is made; what arrives is only compared.
 * K2  Keys of a dropped connection are not used again, as nobody knows what was executed.
 * Environment: SOAK_SECONDS (10), SOAK_SEED (from the clock; printed when a check fails).
 * Threads: one.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "support/client.h"
#include "support/server.h"
#include "support/suite.h"

enum {
    CONNS = 5000,
    FILES_NEEDED = CONNS + 500, /* the server's too, as it inherits the limit */
    KEYS = 4,                   /* of one connection */
    VALUE_BYTES_MAX = 2000,
    BIG_KEYS = 4,
    BIG_BYTES = 64 * 1024,
    PIPELINE_MAX = 16,
    DRAIN_MS_MAX = 30000,
    MEMORY_LEFT_BYTES_MAX = 4 << 20,
};

struct bytes {
    char *p;
    size_t n;
    size_t at; /* how far it was sent, or seen */
    size_t room;
};

struct value {
    char *p; /* NULL: there is no such key */
    size_t n;
};

struct conn {
    int fd;
    int slot;
    uint32_t events; /* that epoll watches */
    uint64_t life;
    struct bytes out;
    struct bytes want;
    size_t half_at; /* sending stops here until half_until_ms */
    int64_t half_until_ms;
    int64_t deaf_until_ms; /* no reading before */
    int64_t next_ms;       /* the next pipeline's time */
    bool counting;         /* the counter exists */
    int64_t counter;
    struct value values[KEYS];
};

struct soak {
    struct server *server;
    int epoll_fd;
    struct conn *conns;
    char *big;
    uint64_t random;
    uint64_t seed;
    int64_t now_ms;
    uint64_t commands;
    uint64_t drops;
    uint64_t halves;
    uint64_t deaf;
    bool failed;
    char why[600];
};

static uint64_t draw(struct soak *s, uint64_t bound) {
    uint64_t z = (s->random += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % bound;
}

__attribute__((format(printf, 2, 3))) static void fail(struct soak *s, const char *fmt, ...) {
    va_list ap;
    if (s->failed) {
        return;
    }
    s->failed = true;
    va_start(ap, fmt);
    vsnprintf(s->why, sizeof s->why, fmt, ap);
    va_end(ap);
}

static void bytes_add(struct bytes *b, const void *p, size_t n) {
    if (b->n + n > b->room) {
        b->room = (b->n + n) * 2;
        b->p = realloc(b->p, b->room);
        if (b->p == NULL) {
            abort();
        }
    }
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

__attribute__((format(printf, 2, 3))) static void bytes_print(struct bytes *b, const char *fmt,
                                                              ...) {
    char text[128];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    bytes_add(b, text, (size_t)n);
}

static void bytes_clear(struct bytes *b) { b->n = b->at = 0; }

/* Appends one bulk, which is how an argument and a reply of a string look alike. */
static void add_bulk(struct bytes *b, const char *p, size_t n) {
    bytes_print(b, "$%zu\r\n", n);
    bytes_add(b, p, n);
    bytes_add(b, "\r\n", 2);
}

static void want_value(struct conn *c, const struct value *v) {
    if (v->p == NULL) {
        bytes_print(&c->want, "$-1\r\n");
    } else {
        add_bulk(&c->want, v->p, v->n);
    }
}

/* The head of a command of so many words, with its name. */
static void add_name(struct conn *c, int words, const char *name) {
    bytes_print(&c->out, "*%d\r\n", words);
    add_bulk(&c->out, name, strlen(name));
}

static void add_key(struct conn *c, int key) {
    char name[64];
    int n = snprintf(name, sizeof name, "soak:%d:%" PRIu64 ":%d", c->slot, c->life, key);
    add_bulk(&c->out, name, (size_t)n);
}

static void value_clear(struct value *v) {
    free(v->p);
    *v = (struct value){0};
}

static void value_append(struct value *v, const char *p, size_t n) {
    v->p = realloc(v->p, v->n + n + 1);
    if (v->p == NULL) {
        abort();
    }
    memcpy(v->p + v->n, p, n);
    v->n += n;
}

/* ---- the commands, each with the reply that the model gives ---- */

static size_t random_text(struct soak *s, char *to, size_t most) {
    size_t n = draw(s, draw(s, 8) == 0 ? most : 48);
    size_t from = draw(s, BIG_BYTES - most);
    memcpy(to, s->big + from, n);
    return n;
}

static void do_set(struct soak *s, struct conn *c, int key) {
    char text[VALUE_BYTES_MAX];
    size_t n = random_text(s, text, sizeof text);
    add_name(c, 3, "SET");
    add_key(c, key);
    add_bulk(&c->out, text, n);
    value_clear(&c->values[key]);
    value_append(&c->values[key], text, n);
    bytes_print(&c->want, "+OK\r\n");
}

static void do_get(struct soak *s, struct conn *c, int key) {
    (void)s;
    add_name(c, 2, "GET");
    add_key(c, key);
    want_value(c, &c->values[key]);
}

static void do_getdel(struct soak *s, struct conn *c, int key) {
    (void)s;
    add_name(c, 2, "GETDEL");
    add_key(c, key);
    want_value(c, &c->values[key]);
    value_clear(&c->values[key]);
}

static void do_append(struct soak *s, struct conn *c, int key) {
    char text[64];
    size_t n = random_text(s, text, sizeof text);
    struct value *v = &c->values[key];
    if (v->n + n > VALUE_BYTES_MAX) {
        do_set(s, c, key);
        return;
    }
    add_name(c, 3, "APPEND");
    add_key(c, key);
    add_bulk(&c->out, text, n);
    value_append(v, text, n);
    bytes_print(&c->want, ":%zu\r\n", v->n);
}

static void do_strlen(struct soak *s, struct conn *c, int key) {
    (void)s;
    add_name(c, 2, "STRLEN");
    add_key(c, key);
    bytes_print(&c->want, ":%zu\r\n", c->values[key].n);
}

static void do_exists(struct soak *s, struct conn *c, int key) {
    (void)s;
    add_name(c, 2, "EXISTS");
    add_key(c, key);
    bytes_print(&c->want, ":%d\r\n", c->values[key].p != NULL);
}

static void do_del(struct soak *s, struct conn *c, int key) {
    (void)s;
    add_name(c, 2, "DEL");
    add_key(c, key);
    bytes_print(&c->want, ":%d\r\n", c->values[key].p != NULL);
    value_clear(&c->values[key]);
}

static void do_mget(struct soak *s, struct conn *c, int key) {
    (void)s;
    (void)key;
    add_name(c, 1 + KEYS, "MGET");
    bytes_print(&c->want, "*%d\r\n", KEYS);
    for (int i = 0; i < KEYS; i++) {
        add_key(c, i);
        want_value(c, &c->values[i]);
    }
}

static void do_incrby(struct soak *s, struct conn *c, int key) {
    (void)key;
    char text[24];
    int by = (int)draw(s, 2000) - 1000;
    add_name(c, 3, "INCRBY");
    add_key(c, KEYS);
    add_bulk(&c->out, text, (size_t)snprintf(text, sizeof text, "%d", by));
    c->counter += by;
    c->counting = true;
    bytes_print(&c->want, ":%" PRId64 "\r\n", c->counter);
}

static void do_wrong_type(struct soak *s, struct conn *c, int key) {
    (void)key;
    if (!c->counting) {
        do_incrby(s, c, key);
    }
    add_name(c, 3, "INCRBY");
    add_key(c, KEYS);
    add_bulk(&c->out, "many", 4);
    bytes_print(&c->want, "-ERR value is not an integer or out of range\r\n");
}

static void do_echo(struct soak *s, struct conn *c, int key) {
    (void)key;
    char text[VALUE_BYTES_MAX];
    size_t n = random_text(s, text, sizeof text);
    add_name(c, 2, "ECHO");
    add_bulk(&c->out, text, n);
    add_bulk(&c->want, text, n);
}

static void do_inline_ping(struct soak *s, struct conn *c, int key) {
    (void)s;
    (void)key;
    bytes_print(&c->out, "ping\r\n");
    bytes_print(&c->want, "+PONG\r\n");
}

static void get_big(struct soak *s, struct conn *c) {
    char name[32];
    int n = snprintf(name, sizeof name, "big:%d", (int)draw(s, BIG_KEYS));
    add_name(c, 2, "GET");
    add_bulk(&c->out, name, (size_t)n);
    add_bulk(&c->want, s->big, BIG_BYTES);
}

static void (*const commands[])(struct soak *s, struct conn *c, int key) = {
    do_set, do_set,  do_get,    do_get,    do_getdel,     do_append, do_strlen,      do_exists,
    do_del, do_mget, do_incrby, do_incrby, do_wrong_type, do_echo,   do_inline_ping,
};

/* ---- connections ---- */

static void watch(struct soak *s, struct conn *c) {
    uint32_t events = s->now_ms >= c->deaf_until_ms ? EPOLLIN : 0;
    bool half = s->now_ms < c->half_until_ms && c->out.at >= c->half_at;
    if (c->out.at < c->out.n && !half) {
        events |= EPOLLOUT;
    }
    if (events != c->events) {
        struct epoll_event ev = {.events = events, .data.ptr = c};
        epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, c->fd, &ev);
        c->events = events;
    }
}

static bool conn_open(struct soak *s, struct conn *c) {
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)server_port(s->server)),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof a) != 0) {
        fail(s, "connection %d: %s", c->slot, strerror(errno));
        return false;
    }
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, c->fd, &ev);
    c->events = EPOLLIN;
    c->life++;
    c->next_ms = s->now_ms + (int64_t)draw(s, 500);
    return true;
}

/* Forgets the connection and all that it had under way. */
static void conn_close(struct conn *c, bool reset) {
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    if (reset) {
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    close(c->fd);
    c->fd = -1;
    bytes_clear(&c->out);
    bytes_clear(&c->want);
    c->half_until_ms = c->deaf_until_ms = 0;
    c->counter = 0;
    c->counting = false;
    for (int i = 0; i < KEYS; i++) {
        value_clear(&c->values[i]);
    }
}

static void conn_send(struct soak *s, struct conn *c) {
    size_t end = s->now_ms < c->half_until_ms ? c->half_at : c->out.n;
    while (c->out.at < end) {
        ssize_t n = send(c->fd, c->out.p + c->out.at, end - c->out.at, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            break;
        }
        if (n < 0) {
            fail(s, "connection %d: send: %s", c->slot, strerror(errno));
            return;
        }
        c->out.at += (size_t)n;
    }
    watch(s, c);
}

/* The bytes around the first difference, printable. */
static void fail_difference(struct soak *s, const struct conn *c, const char *got, size_t n) {
    char text[2][100];
    const struct {
        const char *p;
        size_t n;
    } sides[2] = {{c->want.p + c->want.at, c->want.n - c->want.at}, {got, n}};
    size_t same = 0;
    while (same < sides[0].n && same < n && sides[0].p[same] == got[same]) {
        same++;
    }
    size_t from = same < 20 ? 0 : same - 20;
    for (int i = 0; i < 2; i++) {
        size_t k = 0;
        for (size_t at = from; at < sides[i].n && k + 6 < sizeof text[i]; at++) {
            unsigned char b = (unsigned char)sides[i].p[at];
            k += (size_t)sprintf(text[i] + k, b >= 32 && b < 127 ? "%c" : "\\x%02x", b);
        }
        text[i][k] = '\0';
    }
    fail(s, "connection %d, life %" PRIu64 ": expected \"%s\", got \"%s\"", c->slot, c->life,
         text[0], text[1]);
}

static void conn_receive(struct soak *s, struct conn *c) {
    static char in[256 * 1024];
    ssize_t n = recv(c->fd, in, sizeof in, 0);
    if (n < 0 && errno == EAGAIN) {
        return;
    }
    if (n <= 0) {
        fail(s, "connection %d was closed: %s", c->slot, n < 0 ? strerror(errno) : "end of file");
        return;
    }
    if ((size_t)n > c->want.n - c->want.at || memcmp(in, c->want.p + c->want.at, (size_t)n) != 0) {
        fail_difference(s, c, in, (size_t)n);
        return;
    }
    c->want.at += (size_t)n;
    if (c->want.at == c->want.n) {
        c->next_ms = s->now_ms + (int64_t)draw(s, draw(s, 4) == 0 ? 1000 : 150);
    }
}

/* Makes a pipeline and chooses how it is going to be mistreated. */
static void conn_next(struct soak *s, struct conn *c) {
    uint64_t count = 1 + draw(s, draw(s, 3) == 0 ? PIPELINE_MAX : 3);
    uint64_t fate = draw(s, 100);
    bytes_clear(&c->out);
    bytes_clear(&c->want);
    for (uint64_t i = 0; i < count; i++) {
        commands[draw(s, sizeof commands / sizeof *commands)](s, c, (int)draw(s, KEYS));
    }
    s->commands += count;
    if (fate < 5) {
        c->half_at = draw(s, c->out.n);
        c->half_until_ms = s->now_ms + 20 + (int64_t)draw(s, 600);
        s->halves++;
    } else if (fate < 6) {
        for (uint64_t i = 4 + draw(s, 20); i > 0; i--) {
            get_big(s, c);
            s->commands++;
        }
        c->deaf_until_ms = s->now_ms + 100 + (int64_t)draw(s, 900);
        s->deaf++;
    }
    conn_send(s, c);
}

static bool conn_idle(const struct conn *c) {
    return c->want.at == c->want.n && c->out.at == c->out.n;
}

/* Once in a tick: what time brings to a connection. */
static void conn_tick(struct soak *s, struct conn *c, bool ending) {
    if (!ending && draw(s, 4000) == 0) {
        conn_close(c, draw(s, 2) != 0);
        s->drops++;
        conn_open(s, c);
        return;
    }
    if (conn_idle(c)) {
        if (!ending && s->now_ms >= c->next_ms) {
            conn_next(s, c);
        }
        return;
    }
    if (c->out.at < c->out.n && s->now_ms >= c->half_until_ms) {
        conn_send(s, c);
    } else {
        watch(s, c);
    }
}

/* ---- the test ---- */

static long environment(const char *name, long otherwise) {
    const char *text = getenv(name);
    return text != NULL && atol(text) > 0 ? atol(text) : otherwise;
}

/* Runs until end_ms; when `ending`, only until nothing is under way. */
static void run_until(struct soak *s, int64_t end_ms, bool ending) {
    struct epoll_event events[512];
    int64_t tick_ms = 0;
    int busy = CONNS;
    while (!s->failed && s->now_ms < end_ms && busy > 0) {
        int n = epoll_wait(s->epoll_fd, events, 512, 5);
        s->now_ms = server_now_ms();
        for (int i = 0; i < n && !s->failed; i++) {
            struct conn *c = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) {
                conn_send(s, c);
            }
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
                conn_receive(s, c);
            }
        }
        if (s->now_ms - tick_ms < 10) {
            continue;
        }
        tick_ms = s->now_ms;
        busy = ending ? 0 : 1;
        for (int i = 0; i < CONNS && !s->failed; i++) {
            conn_tick(s, &s->conns[i], ending);
            busy += ending && !conn_idle(&s->conns[i]);
        }
    }
    if (ending && busy > 0) {
        fail(s, "%d connections still wait for replies after %d ms", busy, DRAIN_MS_MAX);
    }
}

/* Large values that the slow readers ask for, all alike. */
static void make_big(struct soak *s, redisContext *control) {
    s->big = malloc(BIG_BYTES);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->big);
    for (int i = 0; i < BIG_BYTES; i++) {
        s->big[i] = (char)draw(s, 256);
    }
    for (int i = 0; i < BIG_KEYS; i++) {
        expect_ok(control, "SET big:%d %b", i, s->big, (size_t)BIG_BYTES);
    }
}

/* A field of INFO, or -1. */
static long long info_field(redisContext *control, const char *section, const char *field) {
    redisReply *r = cmd(control, "INFO %s", section);
    long long n = -1;
    const char *at = r->type == REDIS_REPLY_STRING ? strstr(r->str, field) : NULL;
    if (at != NULL && at[strlen(field)] == ':') {
        n = atoll(at + strlen(field) + 1);
    }
    freeReplyObject(r);
    return n;
}

/* Waits until a field is at most `most`. Returns its last value. */
static long long info_settles(redisContext *control, const char *section, const char *field,
                              long long most) {
    long long end = server_now_ms() + 10000;
    long long n = info_field(control, section, field);
    while ((n < 0 || n > most) && server_now_ms() < end) {
        server_sleep_ms(50);
        n = info_field(control, section, field);
    }
    return n;
}

/* The limit is inherited by the server. False, with a reason, if it cannot be had. */
static bool raise_file_limit(void) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_max != RLIM_INFINITY && files.rlim_max < FILES_NEEDED) {
        printf("soak: %d open files are needed, the hard limit is %llu: raise it (ulimit -Hn)\n",
               FILES_NEEDED, (unsigned long long)files.rlim_max);
        return false;
    }
    if (files.rlim_cur < FILES_NEEDED) {
        files.rlim_cur = FILES_NEEDED;
    }
    return setrlimit(RLIMIT_NOFILE, &files) == 0;
}

static void soak_fini(struct soak *s) {
    for (int i = 0; i < CONNS; i++) {
        if (s->conns[i].fd >= 0) {
            conn_close(&s->conns[i], i % 3 == 0);
        }
        free(s->conns[i].out.p);
        free(s->conns[i].want.p);
    }
    close(s->epoll_fd);
    free(s->conns);
    free(s->big);
}

/* Connects all, runs, and waits for the last replies. */
static void soak_run(struct soak *s, long seconds) {
    for (int i = 0; i < CONNS; i++) {
        s->conns[i].slot = i;
        s->conns[i].fd = -1;
    }
    for (int i = 0; i < CONNS && !s->failed; i++) {
        s->now_ms = server_now_ms();
        conn_open(s, &s->conns[i]);
    }
    run_until(s, s->now_ms + seconds * 1000, false);
    run_until(s, s->now_ms + DRAIN_MS_MAX, true);
}

static void five_thousand_connections(void) {
    static const char *const args[] = {"--maxclients", "5200", "--save", "", NULL};
    long seconds = environment("SOAK_SECONDS", 10);
    struct soak s = {.epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
    suite_deadline((unsigned)seconds + 90);
    CU_ASSERT_FATAL(raise_file_limit());
    s.seed = s.random = (uint64_t)environment("SOAK_SEED", (long)time(NULL));
    s.conns = calloc(CONNS, sizeof *s.conns);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s.conns);
    s.server = server_start(args);
    redisContext *control = client_open(s.server);
    long long memory_before = info_field(control, "memory", "used_memory");
    make_big(&s, control);
    soak_run(&s, seconds);
    long long clients = info_field(control, "clients", "connected_clients");
    CU_ASSERT(s.failed || clients == CONNS + 1);
    soak_fini(&s);
    CU_ASSERT_EQUAL(info_settles(control, "clients", "connected_clients", 1), 1);
    expect_ok(control, "FLUSHALL");
    long long most = memory_before + MEMORY_LEFT_BYTES_MAX;
    long long memory_after = info_settles(control, "memory", "used_memory", most);
    CU_ASSERT(memory_before > 0 && memory_after > 0 && memory_after <= most);
    printf("soak: %" PRIu64 " commands, %" PRIu64 " drops, %" PRIu64 " halves, %" PRIu64
           " slow readers, used_memory %lld then %lld\n",
           s.commands, s.drops, s.halves, s.deaf, memory_before, memory_after);
    if (s.failed) {
        printf("soak: SOAK_SEED=%" PRIu64 ": %s\n", s.seed, s.why);
    }
    CU_ASSERT_FALSE(s.failed);
    redisFree(control);
    CU_ASSERT_EQUAL(server_stop(s.server), 0);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"five_thousand_connections", five_thousand_connections},
        {NULL, NULL},
    };
    return suite_main("soak", tests);
}
