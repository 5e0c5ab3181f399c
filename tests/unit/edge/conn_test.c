/* conn_test.c - connections in one process: a core, an edge and a loop over pairs of sockets.
 *
 * A peer is the other end of a connection; it gathers what it is sent. Turns of the loop are
 * made by the test, so that what arrives within one turn is known.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/later.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "commands/families.h"
#include "core/config.h"
#include "edge/conn.h"
#include "edge/edge_internal.h"
#include "model/rng.h"
#include "store/db.h"
#include "support/suite.h"
#include "work/pool.h"

#define TURNS_MAX 200000

static struct config *conf;
static struct work_pool *pool;
static struct net_loop *loop;
static struct core *core;
static struct edge *edge;

struct peer {
    int fd;
    struct conn *c; /* good until the connection is freed */
    char *got;
    size_t n, size;
    bool ended;
};

static void begin(const char *directives) {
    char why[CONFIG_WHY_BYTES];
    struct net_error error;
    conf = config_new();
    CU_ASSERT_FATAL(config_load_text(conf, slice_cstr(directives), "test", why));
    loop = net_loop_new(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(loop);
    pool = work_pool_new(1);
    core = core_new(conf, all_families, pool);
    edge = edge_new(loop, core);
}

static void end(void) {
    edge_free(edge);
    CU_ASSERT_EQUAL(core->session_count, 0);
    work_pool_free(pool);
    core_free(core);
    net_loop_free(loop);
    config_free(conf);
}

static void turn(void) {
    net_loop_turn(loop, false);
    core_turn_begin(core);
    edge_turn(edge);
    core_turn_end(core);
}

static void turns(int n) {
    while (n--) turn();
}

static struct peer join(void) {
    int fds[2];
    CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    struct peer p = {.fd = fds[0], .c = conn_new(edge, fds[1])};
    CU_ASSERT_PTR_NOT_NULL_FATAL(p.c);
    return p;
}

/* Takes what has arrived. */
static void gather(struct peer *p) {
    for (;;) {
        if (p->size - p->n < 65536) p->got = mem_realloc(p->got, p->size = 2 * p->size + 131072);
        ssize_t n = recv(p->fd, p->got + p->n, p->size - p->n - 1, 0);
        if (n == 0 || (n < 0 && errno == ECONNRESET)) p->ended = true;
        if (n <= 0) break;
        p->n += (size_t)n;
    }
    p->got[p->n] = 0;
}

static void leave(struct peer *p) {
    close(p->fd);
    mem_free(p->got);
    turns(2);
}

/* Sends all of it, turning the loop where the socket is full. */
static void send_bytes(struct peer *p, const char *bytes, size_t n) {
    for (int i = 0; n && i < TURNS_MAX; i++) {
        ssize_t sent = send(p->fd, bytes, n, MSG_NOSIGNAL);
        if (sent > 0) {
            bytes += sent;
            n -= (size_t)sent;
        } else if (errno != EAGAIN) {
            break;
        } else {
            turn();
        }
    }
}

static void send_text(struct peer *p, const char *text) { send_bytes(p, text, strlen(text)); }

static bool got_is(const struct peer *p, const char *want) {
    return p->n == strlen(want) && memcmp(p->got, want, p->n) == 0;
}

/* Turns until the peer has been sent this much, and a little on to see that it is all. */
static void wait_bytes(struct peer *p, size_t n) {
    gather(p);
    for (int i = 0; p->n < n && !p->ended && i < TURNS_MAX; i++) {
        turn();
        gather(p);
    }
    turns(3);
    gather(p);
}

/* What the peer is sent from here on is exactly this. */
static void expect(struct peer *p, const char *want) {
    wait_bytes(p, strlen(want));
    CU_ASSERT(got_is(p, want));
    if (!got_is(p, want)) printf("got  %.300s\nwant %.300s\n", p->got, want);
    p->n = 0;
}

static void expect_end(struct peer *p, const char *want) {
    expect(p, want);
    CU_ASSERT(p->ended);
}

static bool has_key(const char *name) {
    char text[300]; /* the hash is compiled for every length */
    size_t n = (size_t)snprintf(text, sizeof text, "%s", name);
    return db_exists(&core->ks->dbs[0], key_of(slice_of(text, n)));
}

/* ---- bytes in ----------------------------------------------------------------------- */

#define BIG_BYTES 40000

/* Commands of every way in: cut, read, inline, empty ones, one with a big argument. */
static size_t write_script(char *to, size_t size, char **replies) {
    static char want[3 * BIG_BYTES];
    char *big = mem_alloc(BIG_BYTES + 1);
    memset(big, 'b', BIG_BYTES);
    big[BIG_BYTES] = 0;
    int n = snprintf(to, size,
                     "*1\r\n$4\r\nPING\r\n"
                     "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nv\r\n$x\r\n"
                     "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*2\r\n$3\r\nget\r\n$1\r\nk\r\n"
                     "\r\n*0\r\n*-1\r\n"
                     "ECHO \"a \\x41\"\r\nECHO b\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n"
                     "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n%s\r\n"
                     "*2\r\n$6\r\nSTRLEN\r\n$1\r\nk\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"
                     "*3\r\n$6\r\nAPPEND\r\n$1\r\nk\r\n$0\r\n\r\n*1\r\n$4\r\nNOPE\r\n"
                     "*3\r\n$3\r\nDEL\r\n$1\r\nk\r\n$1\r\nn\r\n",
                     BIG_BYTES, big);
    snprintf(
        want, sizeof want,
        "+PONG\r\n+OK\r\n$5\r\nv\r\n$x\r\n$5\r\nv\r\n$x\r\n$3\r\na A\r\n$1\r\nb\r\n:1\r\n+OK\r\n"
        ":%d\r\n$%d\r\n%s\r\n:%d\r\n"
        "-ERR unknown command 'NOPE', with args beginning with: \r\n:2\r\n",
        BIG_BYTES, BIG_BYTES, big, BIG_BYTES);
    mem_free(big);
    *replies = want;
    return (size_t)n;
}

static void bytes_may_be_cut_anywhere(void) {
    static char script[2 * BIG_BYTES];
    char *want;
    begin("");
    size_t n = write_script(script, sizeof script, &want);
    struct peer p = join();
    for (size_t cut = 1; cut<n; cut += cut> 250 && cut < BIG_BYTES ? 997 : 1) {
        send_bytes(&p, script, cut);
        turns(2);
        send_bytes(&p, script + cut, n - cut);
        expect(&p, want);
    }
    leave(&p);
    end();
}

static void bytes_may_come_one_by_one(void) {
    static char script[2 * BIG_BYTES];
    char *want;
    begin("");
    size_t n = write_script(script, sizeof script, &want);
    struct peer p = join();
    for (size_t i = 0; i < n; i++) {
        send_bytes(&p, script + i, 1);
        turn();
    }
    expect(&p, want);
    leave(&p);
    end();
}

/* Many commands at once, more than are read or run in a turn. */
static void a_flood_is_answered_in_order(void) {
    enum { COUNT = 20000 };
    char *flood = mem_alloc(COUNT * 64), *want = mem_alloc(COUNT * 16), *at = flood, *w = want;
    for (int i = 0; i < COUNT; i++) {
        at += i % 7 ? sprintf(at, "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n") : sprintf(at, "INCR n\r\n");
        w += sprintf(w, ":%d\r\n", i + 1);
    }
    begin("");
    struct peer p = join();
    send_bytes(&p, flood, (size_t)(at - flood));
    expect(&p, want);
    leave(&p);
    end();
    mem_free(flood);
    mem_free(want);
}

/* Commands with so many arguments that few fit into a batch, and some that do not fit at all. */
static void long_commands_share_a_batch(void) {
    static const int counts[] = {20, 90, 255, 256, 257, 1000, 3};
    enum { COUNT = 70 };
    char *flood = mem_alloc(COUNT * 1000 * 8), *want = mem_alloc(COUNT * 8), *at = flood, *w = want;
    for (int i = 0; i < COUNT; i++) {
        int n = counts[i % 7];
        at += sprintf(at, "*%d\r\n$6\r\nEXISTS\r\n", n);
        for (int k = 1; k < n; k++) at += sprintf(at, "$1\r\nk\r\n");
        w += sprintf(w, ":%d\r\n", n - 1);
    }
    begin("");
    struct peer p = join();
    send_text(&p, "SET k v\r\n");
    expect(&p, "+OK\r\n");
    send_bytes(&p, flood, (size_t)(at - flood));
    expect(&p, want);
    leave(&p);
    end();
    mem_free(flood);
    mem_free(want);
}

static void errors_of_protocol_end_it(void) {
    static const struct {
        const char *bytes, *reply;
    } cases[] = {
        {"PING\r\n*1\r\n!4\r\nPING\r\nPING\r\n",
         "+PONG\r\n-ERR Protocol error: expected '$', got '!'\r\n"},
        {"*x\r\nPING\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
        {"*1\r\n$-1\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
        {"SET k \"v\r\nSET k v\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"},
    };
    begin("");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct peer p = join();
        send_text(&p, cases[i].bytes);
        expect_end(&p, cases[i].reply);
        leave(&p);
    }
    CU_ASSERT(!has_key("k"));
    end();
}

/* Arguments without bytes take memory as well, and are counted. */
static void a_list_of_nothing_has_a_bound(void) {
    begin("client-query-buffer-limit 1mb");
    struct peer p = join();
    send_text(&p, "*1000000\r\n");
    for (int i = 0; i < 100000; i++) send_text(&p, "$0\r\n\r\n");
    expect_end(&p, "-ERR Protocol error: too big request\r\n");
    leave(&p);
    end();
}

static void a_password_opens_the_short_way(void) {
    begin("requirepass secret");
    struct peer p = join();
    send_text(&p, "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n"
                  "*2\r\n$3\r\nGET\r\n$1\r\nk\r\nRESET\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
    expect(&p, "-NOAUTH Authentication required.\r\n+OK\r\n$-1\r\n+RESET\r\n"
               "-NOAUTH Authentication required.\r\n");
    send_text(&p, "*11\r\n");
    expect_end(&p, "-ERR Protocol error: unauthenticated multibulk length\r\n");
    leave(&p);
    end();
}

/* ---- what waits behind a command that waits ------------------------------------------- */

#define WAITS 8 /* commands that wait, in a round */
#define ECHOES_MAX (EDGE_READ_BYTES / 2)
#define LARGE_BYTES_MIN (6 * EDGE_READ_BYTES)
#define LARGE_BYTES_MAX (60 * EDGE_READ_BYTES)

static struct rng dice;

static size_t below(size_t n) { return (size_t)rng_below(&dice, n); }

/* Text that grows. */
struct text {
    char *p;
    size_t n, size;
};

static void put_bytes(struct text *t, const char *p, size_t n) {
    if (t->n + n > t->size) t->p = mem_realloc(t->p, t->size = 2 * (t->n + n));
    memcpy(t->p + t->n, p, n);
    t->n += n;
}

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *format, ...) {
    char line[128];
    va_list args;
    va_start(args, format);
    put_bytes(t, line, (size_t)vsnprintf(line, sizeof line, format, args));
    va_end(args);
}

static void put_echo(struct text *commands, struct text *replies, const char *p, size_t n) {
    put(commands, "*2\r\n$4\r\nECHO\r\n");
    for (int i = 0; i < 2; i++) {
        struct text *t = i ? replies : commands;
        put(t, "$%zu\r\n", n);
        put_bytes(t, p, n);
        put(t, "\r\n");
    }
}

/* One that waits for key k<i>, and what comes behind it: many that are short, maybe a large one
 * among them. */
static void put_wait(struct text *commands, struct text *replies, int i) {
    static char large[LARGE_BYTES_MAX];
    put(commands, "*3\r\n$5\r\nBLPOP\r\n$2\r\nk%d\r\n$1\r\n0\r\n", i);
    put(replies, "*2\r\n$2\r\nk%d\r\n$1\r\nv\r\n", i);
    size_t echoes = below(4) ? below(ECHOES_MAX) : below(5), large_at = below(4 * echoes + 1);
    for (size_t k = 0; k <= echoes; k++) {
        char number[16];
        put_echo(commands, replies, number, (size_t)sprintf(number, "%zu", k));
        if (k != large_at) continue;
        size_t n = LARGE_BYTES_MIN + below(LARGE_BYTES_MAX - LARGE_BYTES_MIN);
        memset(large, 'a' + i, n);
        put_echo(commands, replies, large, n);
    }
}

/* Gives what one of those commands waits for, maybe before it comes. */
static void serve_any(struct peer *by, bool *served) {
    int i = (int)below(WAITS);
    while (served[i]) i = (i + 1) % WAITS;
    served[i] = true;
    char text[32];
    snprintf(text, sizeof text, "RPUSH k%d v\r\n", i);
    send_text(by, text);
}

static void some_turns(struct peer *p) {
    turns((int)(below(3) ? below(4) : below(60)));
    if (below(2)) gather(p);
}

static void a_round_of_waits(void) {
    struct text commands = {0}, replies = {0};
    struct peer p = join(), by = join();
    bool served[WAITS] = {false};
    int left = WAITS;
    for (int i = 0; i < WAITS; i++) put_wait(&commands, &replies, i);
    for (size_t at = 0, n; at < commands.n; at += n) {
        static const size_t pieces[] = {20, EDGE_READ_BYTES / 8, 2 * EDGE_READ_BYTES,
                                        24 * EDGE_READ_BYTES};
        n = 1 + below(pieces[below(4)]);
        if (n > commands.n - at) n = commands.n - at;
        send_bytes(&p, commands.p + at, n);
        some_turns(&p);
        if (left && below(commands.n) < WAITS * n) {
            serve_any(&by, served);
            left--;
        }
    }
    for (; left; left--) {
        some_turns(&p);
        serve_any(&by, served);
    }
    wait_bytes(&p, replies.n);
    CU_ASSERT_EQUAL(p.n, replies.n);
    CU_ASSERT(p.n == replies.n && memcmp(p.got, replies.p, p.n) == 0);
    CU_ASSERT(!p.ended && !p.c->backlog && !p.c->reader);
    leave(&p);
    leave(&by);
    mem_free(commands.p);
    mem_free(replies.p);
}

/* However the bytes are cut, and whenever the waiting ends: nothing is lost or out of order. */
static void what_waits_keeps_its_order(void) {
    begin("");
    dice.state = 7;
    for (int i = 0; i < 8; i++) a_round_of_waits();
    end();
}

/* ---- ends --------------------------------------------------------------------------- */

static void quit_ends_a_pipeline(void) {
    begin("");
    struct peer p = join();
    send_text(&p,
              "*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nQUIT\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n");
    expect_end(&p, "+PONG\r\n+OK\r\n");
    CU_ASSERT(!has_key("k"));
    CU_ASSERT_EQUAL(core->session_count, 0);
    leave(&p);
    end();
}

static void kill(struct peer *by, const struct peer *p, const char *behind) {
    char text[128];
    snprintf(text, sizeof text, "CLIENT KILL ID %d SKIPME no\r\n%s", (int)p->c->s.id, behind);
    send_text(by, text);
}

static void killing_oneself_replies_first(void) {
    begin("");
    struct peer p = join();
    kill(&p, &p, "SET k v\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n");
    expect_end(&p, ":1\r\n");
    CU_ASSERT(!has_key("k"));
    leave(&p);
    end();
}

/* The killer comes before or behind its victim in one round, and in one batch. */
static void killing_another_stops_its_commands(void) {
    for (int first = 0; first < 2; first++) {
        begin("");
        struct peer killer = join(), victim = join();
        for (int i = 0; i < 2; i++) {
            if (i == first) {
                char text[128], id[8];
                int n = snprintf(id, sizeof id, "%d", (int)victim.c->s.id);
                snprintf(text, sizeof text,
                         "*4\r\n$6\r\nCLIENT\r\n$4\r\nKILL\r\n$2\r\nID\r\n$%d\r\n%s\r\n", n, id);
                send_text(&killer, text);
            } else {
                send_text(&victim, "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nv\r\n"
                                   "*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$1\r\nv\r\n");
            }
            net_loop_turn(loop, false); /* so they are ready in this order */
        }
        turn();
        expect(&killer, ":1\r\n");
        gather(&victim);
        CU_ASSERT(victim.ended);
        CU_ASSERT_EQUAL(has_key("a"), first == 1);
        CU_ASSERT_EQUAL(core->session_count, 1);
        leave(&victim);
        leave(&killer);
        end();
    }
}

/* With a reader that holds half a command, a backlog, output that nobody takes. */
static void a_connection_may_end_in_any_state(void) {
    begin("");
    struct peer killer = join();
    for (int state = 0; state < 8; state++) {
        struct peer p = join();
        if (state & 1) {
            send_text(&killer, "SETRANGE big 3000000 x\r\n");
            wait_bytes(&killer, 1);
            send_text(&p, "GET big\r\nGET big\r\n");
            turns(3);
            CU_ASSERT(p.c->write_wanted);
        }
        if (state & 2) send_text(&p, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\nabc");
        turns(3);
        killer.n = 0;
        if (state & 4) {
            kill(&killer, &p, "");
            expect(&killer, ":1\r\n");
        } else {
            shutdown(p.fd, SHUT_RDWR);
            turns(5);
        }
        CU_ASSERT_EQUAL(core->session_count, 1);
        leave(&p);
    }
    CU_ASSERT(!has_key("k"));
    leave(&killer);
    end();
}

/* A peer that sends no more may still want its replies. */
static void half_a_close_lets_the_replies_out(void) {
    enum { BYTES = 8000000 };
    begin("");
    struct peer p = join();
    char *want = mem_alloc(BYTES + 64);
    size_t n = (size_t)sprintf(want, ":%d\r\n$%d\r\n", BYTES, BYTES);
    memset(want + n, 0, BYTES);
    want[n + BYTES - 1] = 'x';
    memcpy(want + n + BYTES, "\r\n+PONG\r\n", 10);
    send_text(&p, "SETRANGE big 7999999 x\r\nGET big\r\nPING\r\n");
    shutdown(p.fd, SHUT_WR);
    turns(10); /* the end is seen while the reply waits */
    CU_ASSERT_EQUAL(core->session_count, 1);
    wait_bytes(&p, n + BYTES + 9);
    CU_ASSERT(p.ended);
    CU_ASSERT_FATAL(p.n == n + BYTES + 9);
    CU_ASSERT(memcmp(p.got, want, p.n) == 0);
    CU_ASSERT_EQUAL(core->session_count, 0);
    mem_free(want);
    leave(&p);
    end();
}

static void silence_ends_by_the_clock(void) {
    begin("timeout 10");
    struct peer p = join(), q = join();
    turn();
    p.c->s.active_ms -= 11000;
    edge_cron(edge);
    expect_end(&p, "");
    CU_ASSERT(!q.ended);
    CU_ASSERT_EQUAL(core->session_count, 1);
    leave(&p);
    leave(&q);
    end();
}

/* ---- pauses ------------------------------------------------------------------------- */

static void a_pause_holds_whole_pipelines(void) {
    static char big[BIG_BYTES + 200];
    begin("");
    struct peer p = join(), q = join(), boss = join();
    send_text(&boss, "CLIENT PAUSE 1000000\r\n");
    expect(&boss, "+OK\r\n");
    send_text(&p, "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\nINCR n\r\n");
    size_t n = (size_t)sprintf(big, "*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$%d\r\n", BIG_BYTES);
    memset(big + n, 'b', BIG_BYTES);
    strcpy(big + n + BIG_BYTES, "\r\n*2\r\n$6\r\nSTRLEN\r\n$3\r\nbig\r\n");
    send_text(&q, big);
    turns(10);
    CU_ASSERT(q.c->reader_ready);
    send_text(&p, "INCR n\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n"); /* stays in the socket */
    turns(5);
    gather(&p);
    CU_ASSERT_EQUAL(p.n, 0);
    CU_ASSERT(!has_key("n") && !has_key("big"));
    send_text(&boss, "CLIENT UNPAUSE\r\n");
    expect(&boss, "+OK\r\n");
    expect(&p, ":1\r\n:2\r\n:3\r\n:4\r\n:5\r\n");
    expect(&q, "+OK\r\n:40000\r\n");
    leave(&p);
    leave(&q);
    leave(&boss);
    end();
}

static void a_pause_of_writes_lets_reads_pass(void) {
    begin("");
    struct peer p = join(), boss = join();
    send_text(&boss, "CLIENT PAUSE 1000000 WRITE\r\n");
    expect(&boss, "+OK\r\n");
    send_text(
        &p,
        "*2\r\n$3\r\nGET\r\n$1\r\nn\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n*2\r\n$3\r\nGET\r\n$1\r\nn\r\n");
    expect(&p, "$-1\r\n");
    send_text(&boss, "CLIENT PAUSE 1000000 WRITE\r\nCLIENT UNPAUSE\r\n");
    expect(&p, ":1\r\n$1\r\n1\r\n");
    leave(&p);
    leave(&boss);
    end();
}

/* Held and let go within one round; and held again. */
static void a_pause_may_end_in_the_round_that_it_holds_in(void) {
    begin("");
    struct peer p = join(), boss = join();
    for (int i = 0; i < 4; i++) {
        send_text(&boss, "CLIENT PAUSE 1000000\r\n");
        expect(&boss, "+OK\r\n");
        send_text(&p, i % 2 ? "INCR n\r\nINCR n\r\n"
                            : "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n");
        net_loop_turn(loop, false);
        send_text(&boss, i & 2 ? "*2\r\n$6\r\nCLIENT\r\n$7\r\nUNPAUSE\r\n" : "CLIENT UNPAUSE\r\n");
        char want[32];
        snprintf(want, sizeof want, ":%d\r\n:%d\r\n", 2 * i + 1, 2 * i + 2);
        expect(&p, want);
        expect(&boss, "+OK\r\n");
    }
    leave(&p);
    leave(&boss);
    end();
}

static void the_held_may_leave(void) {
    begin("");
    struct peer p = join(), boss = join();
    send_text(&boss, "CLIENT PAUSE 1000000 WRITE\r\n");
    expect(&boss, "+OK\r\n");
    send_text(&p, "INCR n\r\n");
    turns(3);
    kill(&boss, &p, "CLIENT UNPAUSE\r\n");
    expect(&boss, ":1\r\n+OK\r\n");
    expect_end(&p, "");
    CU_ASSERT(!has_key("n"));
    leave(&p);
    leave(&boss);
    end();
}

/* CLIENT REPLY SKIP silences the command that was held, and that one only. */
static void a_pause_keeps_what_is_skipped(void) {
    begin("");
    struct peer p = join(), boss = join();
    send_text(&boss, "CLIENT PAUSE 1000000\r\n");
    expect(&boss, "+OK\r\n");
    p.c->s.gates |= GATE_REPLY_SKIP;
    send_text(&p, "INCR n\r\nINCR n\r\n");
    turns(3);
    send_text(&boss, "CLIENT UNPAUSE\r\n");
    expect(&p, ":2\r\n");
    leave(&p);
    leave(&boss);
    end();
}

static void silence_is_only_for_what_it_was_asked_for(void) {
    begin("");
    struct peer p = join();
    send_text(&p, "PING\r\nCLIENT REPLY OFF\r\nPING\r\nNOPE\r\nGET\r\nCLIENT REPLY ON\r\nPING\r\n"
                  "CLIENT REPLY SKIP\r\nECHO a\r\nECHO b\r\n");
    expect(&p, "+PONG\r\n+OK\r\n+PONG\r\n$1\r\nb\r\n");
    leave(&p);
    end();
}

/* ---- slow readers ------------------------------------------------------------------- */

static void the_hard_limit_ends_it(void) {
    begin("client-output-buffer-limit normal 2mb 0 0");
    struct peer p = join();
    send_text(&p, "SETRANGE big 1000000 x\r\n");
    expect(&p, ":1000001\r\n");
    for (int i = 0; i < 10; i++) send_text(&p, "GET big\r\n");
    turns(5);
    CU_ASSERT_EQUAL(core->session_count, 0);
    CU_ASSERT_EQUAL(core->stats.output_limit_kills, 1);
    leave(&p);
    end();
}

static void the_soft_limit_ends_it_later(void) {
    begin("client-output-buffer-limit normal 0 1mb 5");
    struct peer p = join();
    send_text(&p, "SETRANGE big 3000000 x\r\nGET big\r\n");
    turns(5);
    CU_ASSERT_EQUAL(core->session_count, 1);
    p.c->s.soft_limit_since_ms -= 7000;
    wait_bytes(&p, 3000000); /* taken in time */
    edge_cron(edge);
    CU_ASSERT(!p.ended);
    send_text(&p, "GET big\r\n");
    turns(5);
    edge_cron(edge);
    CU_ASSERT(!p.c->dead);
    p.c->s.soft_limit_since_ms -= 7000;
    edge_cron(edge);
    CU_ASSERT_EQUAL(core->session_count, 0);
    leave(&p);
    end();
}

/* A reply in flight keeps the value that it was of. */
static void replies_keep_their_value(void) {
    enum { BYTES = 5000000 };
    begin("");
    struct peer p = join(), q = join();
    send_text(&p, "SETRANGE big 4999999 x\r\nCOPY big copy\r\nGET big\r\n");
    turns(5);
    send_text(&q, "SETRANGE big 0 changed\r\nAPPEND copy more\r\nDEL big\r\nFLUSHALL\r\n");
    expect(&q, ":5000000\r\n:5000004\r\n:1\r\n+OK\r\n");
    wait_bytes(&p, BYTES + 20);
    gather(&p);
    const char *value = strchr(p.got, '$');
    CU_ASSERT_FATAL(value && p.n > BYTES);
    value = strchr(value, '\n') + 1;
    CU_ASSERT(value[0] == 0 && value[6] == 0 && value[BYTES - 1] == 'x');
    leave(&p);
    leave(&q);
    end();
}

/* A connection that is told to go, while its output waits, is not read any more, whatever else
 * is written to it in the same turn. */
static void the_leaving_are_not_read(void) {
    begin("");
    struct peer m = join(), p = join();
    send_text(&m, "MONITOR\r\n");
    expect(&m, "+OK\r\n");
    send_text(&p, "SETRANGE big 3000000 x\r\n");
    expect(&p, ":3000001\r\n");
    char *big = mem_alloc(400000);
    memset(big, 'e', 399999);
    big[399999] = 0;
    for (int i = 0; i < 10 && !m.c->write_wanted; i++) { /* m's socket is full */
        send_text(&p, "*2\r\n$4\r\nECHO\r\n$399999\r\n");
        send_text(&p, big);
        send_text(&p, "\r\n");
        wait_bytes(&p, 1);
    }
    CU_ASSERT_FATAL(m.c->write_wanted);
    send_text(&p, "PING\r\n");
    net_loop_turn(loop, false);
    send_text(&m, "QUIT\r\n");
    turns(2); /* a turn may be cut off between the two */
    CU_ASSERT(m.c->s.state & SESSION_CLOSE_AFTER);
    send_text(&m, "PING\r\n");
    turns(2);
    CU_ASSERT_EQUAL(net_loop_turn(loop, false), 0);
    mem_free(big);
    leave(&m);
    leave(&p);
    end();
}

/* A big block is not freed by the loop that was the last to hold it. */
static void big_blocks_are_left_to_the_worker(void) {
    enum { BYTES = 2 * GARBAGE_BLOB_BYTES_MIN };
    char head[100];
    begin("");
    struct peer p = join();
    snprintf(head, sizeof head, "SETRANGE k %d x\r\nGET k\r\n", BYTES - 1);
    send_text(&p, head);
    turns(3);
    struct blob *b = entry_blob(db_peek(&core->ks->dbs[0], key_of(slice_of("k", 1))));
    blob_ref(b);
    send_text(&p, "DEL k\r\n");
    wait_bytes(&p, BYTES);
    work_pool_drain(pool, -1);
    CU_ASSERT_EQUAL(b->refs, 1);
    blob_unref(b);
    CU_ASSERT_EQUAL(later_free_all(later_take()), 1);
    CU_ASSERT_FALSE(later_waits());
    leave(&p);
    end();
}

/* ---- fairness ----------------------------------------------------------------------- */

/* One with a hundred slow commands, sent each way, and one that asks little. */
static void a_heavy_peer_does_not_keep_others_waiting(void) {
    static const char *const slow[] = {"DEBUG SLEEP 0.002\r\n",
                                       "*3\r\n$5\r\nDEBUG\r\n$5\r\nSLEEP\r\n$5\r\n0.002\r\n"};
    for (int way = 0; way < 2; way++) {
        begin("enable-debug-command yes");
        struct peer heavy = join(), light = join();
        for (int i = 0; i < 100; i++) send_text(&heavy, slow[way]);
        net_loop_turn(loop, false);
        send_text(&light, "PING\r\n");
        turns(2);
        gather(&light);
        gather(&heavy);
        CU_ASSERT(got_is(&light, "+PONG\r\n"));
        CU_ASSERT(heavy.n < 5 * 70);
        wait_bytes(&heavy, 500);
        CU_ASSERT_EQUAL(heavy.n, 500);
        leave(&heavy);
        leave(&light);
        end();
    }
}

/* ... nor do many: at most two batches run before who sends little is answered. */
static void who_sends_little_goes_first(void) {
    enum { HEAVIES = 6, COMMANDS = 100, TURNS = 10 };
    begin("enable-debug-command yes");
    struct peer heavy[HEAVIES], light = join();
    size_t before = 0, after = 0;
    for (int i = 0; i < HEAVIES; i++) {
        heavy[i] = join();
        for (int k = 0; k < COMMANDS; k++)
            send_text(&heavy[i], "*3\r\n$5\r\nDEBUG\r\n$5\r\nSLEEP\r\n$5\r\n0.002\r\n");
    }
    turns(HEAVIES); /* each of them is known */
    for (int i = 0; i < HEAVIES; i++) gather(&heavy[i]);
    for (int i = 0; i < HEAVIES; i++) before += heavy[i].n;
    send_text(&light, "PING\r\n");
    for (int i = 0; i < TURNS && !light.n; i++) {
        turns(1);
        gather(&light);
    }
    CU_ASSERT(got_is(&light, "+PONG\r\n"));
    for (int i = 0; i < HEAVIES; i++) gather(&heavy[i]);
    for (int i = 0; i < HEAVIES; i++) after += heavy[i].n;
    CU_ASSERT(after - before <= (size_t)2 * EDGE_BATCH * 5);
    for (int i = 0; i < HEAVIES; i++) {
        wait_bytes(&heavy[i], (size_t)COMMANDS * 5);
        CU_ASSERT_EQUAL(heavy[i].n, (size_t)COMMANDS * 5);
        leave(&heavy[i]);
    }
    leave(&light);
    end();
}

/* ... and cannot starve who sends much: several of them use up each turn. */
static void who_sends_much_has_its_turn(void) {
    enum { LIGHTS = 3, PINGS = 2000, TURNS = 12 };
    static char much[PINGS * 6 + 64];
    begin("enable-debug-command yes");
    struct peer light[LIGHTS], heavy = join();
    for (int i = 0; i < LIGHTS; i++) light[i] = join();
    size_t n = (size_t)sprintf(much, "DEBUG SLEEP 0.002\r\n");
    for (int i = 0; i < PINGS; i++) n += (size_t)sprintf(much + n, "PING\r\n");
    send_bytes(&heavy, much, n); /* at once: many small parts would fill the socket, and be read */
    turns(1);
    CU_ASSERT(heavy.c->heavy);
    gather(&heavy);
    size_t before = heavy.n;
    for (int i = 0; i < TURNS; i++) {
        for (int k = 0; k < LIGHTS; k++) send_text(&light[k], "DEBUG SLEEP 0.002\r\n");
        turns(1);
    }
    gather(&heavy);
    CU_ASSERT(heavy.n > before);
    wait_bytes(&heavy, 5 + (size_t)PINGS * 7);
    CU_ASSERT_EQUAL(heavy.n, 5 + (size_t)PINGS * 7);
    for (int k = 0; k < LIGHTS; k++) {
        wait_bytes(&light[k], (size_t)TURNS * 5);
        CU_ASSERT_EQUAL(light[k].n, (size_t)TURNS * 5);
        leave(&light[k]);
    }
    leave(&heavy);
    end();
}

/* A turn is cut off before it comes to a command that was held and may run now. */
static void a_turn_cut_off_leaves_a_held_command_ready(void) {
    static char big[BIG_BYTES + 64];
    begin("enable-debug-command yes");
    struct peer slow = join(), held = join(), boss = join();
    send_text(&boss, "CLIENT PAUSE 1000000\r\n");
    expect(&boss, "+OK\r\n");
    send_text(&slow, "DEBUG SLEEP 0.002\r\nPING\r\n");
    turns(2);
    size_t n = (size_t)sprintf(big, "*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$%d\r\n", BIG_BYTES);
    memset(big + n, 'b', BIG_BYTES);
    strcpy(big + n + BIG_BYTES, "\r\n");
    send_text(&held, big);
    for (int i = 0; !held.c->reader_ready && i < TURNS_MAX; i++) turn();
    send_text(&boss, "CLIENT UNPAUSE\r\n");
    expect(&boss, "+OK\r\n");
    expect(&held, "+OK\r\n");
    expect(&slow, "+OK\r\n+PONG\r\n");
    leave(&slow);
    leave(&held);
    leave(&boss);
    end();
}

/* What others are told is sent by turns as well: not to a crowd in one. */
static void a_crowd_is_told_in_turns(void) {
    enum { CROWD = 300, NEWS_BYTES = 100000 };
    static char news[NEWS_BYTES + 1];
    static struct peer crowd[CROWD];
    memset(news, 'n', NEWS_BYTES);
    begin("");
    for (int i = 0; i < CROWD; i++) crowd[i] = join();
    for (int i = 0; i < CROWD; i++) {
        struct session *s = &crowd[i].c->s;
        reply_raw(&s->reply, news, NEWS_BYTES);
        s->kick(s);
    }
    core_turn_begin(core);
    CU_ASSERT(edge_turn(edge));
    core_turn_end(core);
    CU_ASSERT_FALSE(list_linked(&crowd[0].c->in_kicked));
    CU_ASSERT(list_linked(&crowd[CROWD - 1].c->in_kicked));
    for (int i = 0; i < CROWD; i++) expect(&crowd[i], news);
    for (int i = 0; i < CROWD; i++) leave(&crowd[i]);
    end();
}

/* ---- memory ------------------------------------------------------------------------- */

/* A value that is detached and waits for the worker must not drag others along. */
static void eviction_counts_what_is_leaving(void) {
    begin("maxmemory-policy allkeys-random\nmaxmemory-eviction-tenacity 100");
    struct peer p = join();
    char text[100];
    for (int i = 0; i < 40; i++) {
        snprintf(text, sizeof text, "SETRANGE k%d 999999 x\r\n", i);
        send_text(&p, text);
        expect(&p, ":1000000\r\n");
    }
    conf->maxmemory_bytes = keyspace_memory(core->ks) - 2500000;
    core_evict(core);
    size_t left = db_size(&core->ks->dbs[0]);
    CU_ASSERT(left >= 36 && left <= 38);
    leave(&p);
    end();
}

static void a_pause_evicts_nothing(void) {
    begin("maxmemory-policy allkeys-random");
    struct peer p = join();
    send_text(&p, "SETRANGE k 999999 x\r\nCLIENT PAUSE 1000000 WRITE\r\n");
    expect(&p, ":1000000\r\n+OK\r\n");
    conf->maxmemory_bytes = 1;
    CU_ASSERT(core_evict(core));
    CU_ASSERT(has_key("k"));
    leave(&p);
    end();
}

int main(void) {
    static const struct suite_test tests[] = {
        {"bytes_may_be_cut_anywhere", bytes_may_be_cut_anywhere},
        {"bytes_may_come_one_by_one", bytes_may_come_one_by_one},
        {"a_flood_is_answered_in_order", a_flood_is_answered_in_order},
        {"long_commands_share_a_batch", long_commands_share_a_batch},
        {"what_waits_keeps_its_order", what_waits_keeps_its_order},
        {"errors_of_protocol_end_it", errors_of_protocol_end_it},
        {"a_list_of_nothing_has_a_bound", a_list_of_nothing_has_a_bound},
        {"a_password_opens_the_short_way", a_password_opens_the_short_way},
        {"quit_ends_a_pipeline", quit_ends_a_pipeline},
        {"killing_oneself_replies_first", killing_oneself_replies_first},
        {"killing_another_stops_its_commands", killing_another_stops_its_commands},
        {"a_connection_may_end_in_any_state", a_connection_may_end_in_any_state},
        {"half_a_close_lets_the_replies_out", half_a_close_lets_the_replies_out},
        {"silence_ends_by_the_clock", silence_ends_by_the_clock},
        {"a_pause_holds_whole_pipelines", a_pause_holds_whole_pipelines},
        {"a_pause_of_writes_lets_reads_pass", a_pause_of_writes_lets_reads_pass},
        {"a_pause_may_end_in_the_round_that_it_holds_in",
         a_pause_may_end_in_the_round_that_it_holds_in},
        {"the_held_may_leave", the_held_may_leave},
        {"a_pause_keeps_what_is_skipped", a_pause_keeps_what_is_skipped},
        {"silence_is_only_for_what_it_was_asked_for", silence_is_only_for_what_it_was_asked_for},
        {"the_hard_limit_ends_it", the_hard_limit_ends_it},
        {"the_soft_limit_ends_it_later", the_soft_limit_ends_it_later},
        {"replies_keep_their_value", replies_keep_their_value},
        {"big_blocks_are_left_to_the_worker", big_blocks_are_left_to_the_worker},
        {"the_leaving_are_not_read", the_leaving_are_not_read},
        {"a_heavy_peer_does_not_keep_others_waiting", a_heavy_peer_does_not_keep_others_waiting},
        {"who_sends_little_goes_first", who_sends_little_goes_first},
        {"who_sends_much_has_its_turn", who_sends_much_has_its_turn},
        {"a_turn_cut_off_leaves_a_held_command_ready", a_turn_cut_off_leaves_a_held_command_ready},
        {"a_crowd_is_told_in_turns", a_crowd_is_told_in_turns},
        {"eviction_counts_what_is_leaving", eviction_counts_what_is_leaving},
        {"a_pause_evicts_nothing", a_pause_evicts_nothing},
        {NULL, NULL},
    };
    mem_thread_init();
    clock_init();
    hash_init(1);
    log_set_level(LOG_LEVEL_NOTHING);
    return suite_main("conn", tests);
}
