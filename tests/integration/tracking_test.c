/* tracking_test.c - client-side caching: bytes beside redis-server, and that no cache is ever
 * stale. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "integration/replies.h"
#include "model/rng.h"
#include "support/client.h"
#include "support/command_lines.h"
#include "support/suite.h"

#define PEERS 4 /* A, B, C and W, who mostly writes */
#define HEARD_BYTES_MAX (32 * 1024)

/* A server, and connections to it in the bytes of the protocol. */
static struct side {
    struct server *server;
    int fd[PEERS];
    long id[PEERS];
    bool mute[PEERS]; /* a command of it waits: nothing is asked of it */
} ours, theirs;

static int marker;

static int peer_of(char letter) { return letter == 'W' ? 3 : letter - 'A'; }

/* ---- talking ------------------------------------------------------------------------- */

static void send_bytes(int fd, const char *p, size_t n) {
    while (n) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        CU_ASSERT_FATAL(sent > 0);
        p += sent;
        n -= (size_t)sent;
    }
}

static size_t put_command(char *to, const char *line) {
    struct line_words w;
    line_split(&w, line);
    size_t n = (size_t)sprintf(to, "*%d\r\n", w.n);
    for (int i = 0; i < w.n; i++) {
        n += (size_t)sprintf(to + n, "$%zu\r\n", w.length[i]);
        memcpy(to + n, w.word[i], w.length[i]);
        n += w.length[i];
        memcpy(to + n, "\r\n", 2);
        n += 2;
    }
    return n;
}

/* Sends the commands of a line, which ';' separates, at once. %A, %B ... are ids. */
static void say(struct side *s, int peer, const char *line) {
    char bytes[8 * LINE_BYTES_MAX], one[LINE_BYTES_MAX];
    size_t total = 0;
    for (const char *p = line; *p;) {
        size_t n = 0;
        while (*p == ' ') p++;
        for (; *p && *p != ';'; p++) {
            if (*p == '%' && strchr("ABCW", p[1]) && p[1]) {
                n += (size_t)sprintf(one + n, "%ld", s->id[peer_of(*++p)]);
            } else {
                one[n++] = *p;
            }
        }
        one[n] = 0;
        if (*p) p++;
        total += put_command(bytes + total, one);
    }
    send_bytes(s->fd[peer], bytes, total);
}

static void cut(char *from, size_t n) { memmove(from, from + n, strlen(from + n) + 1); }

/* Takes the reply to a PING out of the text: false: it is not there. */
static bool cut_pong(char *text, const char *word) {
    char pong[64];
    const char *around = "*2\r\n$4\r\npong\r\n"; /* of a subscriber in RESP2 */
    snprintf(pong, sizeof pong, "$%zu\r\n%s\r\n", strlen(word), word);
    char *at = strstr(text, pong);
    if (!at) return false;
    cut(at, strlen(pong));
    size_t n = strlen(around);
    if (at - text >= (ptrdiff_t)n && memcmp(at - n, around, n) == 0) cut(at - n, n);
    return true;
}

/* All that comes until the reply to a PING of ours, or the end of the connection, behind n bytes
 * that are there. What is told at the end of the turn may be behind it. */
static void hear_until(struct side *s, int peer, char *text, size_t n) {
    char ping[32];
    snprintf(ping, sizeof ping, "PING m%d", ++marker);
    say(s, peer, ping);
    do {
        struct pollfd p = {.fd = s->fd[peer], .events = POLLIN};
        CU_ASSERT_FATAL(poll(&p, 1, 20000) == 1);
        ssize_t got = recv(s->fd[peer], text + n, HEARD_BYTES_MAX - n - 1, 0);
        if (got <= 0) break;
        n += (size_t)got;
        text[n] = 0;
    } while (!cut_pong(text, ping + 5));
}

/* All that there is to hear: after the second PING the turn of what was before the first is over.
 */
static char *hear_raw(struct side *s, int peer) {
    char *text = malloc(HEARD_BYTES_MAX);
    *text = 0;
    hear_until(s, peer, text, 0);
    hear_until(s, peer, text, strlen(text));
    return text;
}

static void replace(char *text, const char *from, const char *to) {
    size_t m = strlen(from), k = strlen(to);
    for (char *p = text; (p = strstr(p, from)); p += k) {
        memmove(p + k, p + m, strlen(p + m) + 1);
        memcpy(p, to, k);
    }
}

/* What HELLO tells of the server is its own. */
static void hide_hello(char *text) {
    static const char begins[] = "$6\r\nserver\r\n", ends[] = "$7\r\nmodules\r\n*0\r\n";
    for (char *from; (from = strstr(text, begins));) {
        char *to = strstr(from, ends);
        CU_ASSERT_PTR_NOT_NULL_FATAL(to);
        to += strlen(ends);
        memmove(from, to, strlen(to) + 1);
    }
}

/* The same with names for ids, and one form of "everything": redis-server writes it in the protocol
 * of who tracks, not of who hears it. */
static char *hear(struct side *s, int peer) {
    char *text = hear_raw(s, peer);
    hide_hello(text);
    for (int i = 0; i < PEERS; i++) {
        char id[32], name[] = ":<?>\r\n";
        snprintf(id, sizeof id, ":%ld\r\n", s->id[i]);
        name[2] = "ABCW"[i];
        if (strlen(id) >= strlen(name)) replace(text, id, name);
    }
    replace(text, "invalidate\r\n$-1\r\n", "invalidate\r\n_\r\n");
    return text;
}

static void let_go(struct side *s) {
    for (int i = 0; i < PEERS; i++) close(s->fd[i]);
}

static void open_all(struct side *s) {
    s->id[0] = 0;
    do { /* ids of three digits and more, in an order that their last byte shows */
        if (s->id[0]) let_go(s);
        for (int i = 0; i < PEERS; i++) {
            s->fd[i] = client_open_raw(s->server);
            s->mute[i] = false;
            say(s, i, "CLIENT ID");
            char *text = hear_raw(s, i);
            s->id[i] = atol(text + 1);
            free(text);
        }
    } while (s->id[0] < 300 || (s->id[0] & 255) > 200);
}

/* All are as new, and there are no keys. */
static void begin(struct side *s) {
    open_all(s);
    say(s, 3, "FLUSHALL");
    free(hear(s, 3));
}

/* ---- beside redis-server ------------------------------------------------------------- */

/* What all have heard, told apart. */
static char *hear_all(struct side *s, int first) {
    char *all = calloc(1, HEARD_BYTES_MAX);
    size_t n = 0;
    for (int i = -1; i < PEERS; i++) {
        int peer = i < 0 ? first : i;
        if ((i >= 0 && i == first) || s->mute[peer]) continue;
        char *text = hear(s, peer);
        if (*text)
            n += (size_t)snprintf(all + n, HEARD_BYTES_MAX - n, "%c: %s", "ABCW"[peer], text);
        free(text);
    }
    return all;
}

/* Runs "A commands" on both sides, and compares. "A! ..." waits: A is heard no more until "A?". */
static void step(const char *line) {
    struct side *sides[] = {&ours, &theirs};
    char *heard[2];
    if (strncmp(line, "SLEEP ", 6) == 0) {
        server_sleep_ms((int)(atof(line + 6) * 1000));
        return;
    }
    int peer = peer_of(*line);
    for (int i = 0; i < 2; i++) {
        sides[i]->mute[peer] = line[1] == '!';
        if (line[1] != '?') say(sides[i], peer, line + 2);
        heard[i] = hear_all(sides[i], peer);
    }
    CU_ASSERT_STRING_EQUAL(heard[0], heard[1]);
    if (strcmp(heard[0], heard[1]) != 0)
        printf("%s\nours:\n%stheirs:\n%s\n", line, heard[0], heard[1]);
    free(heard[0]);
    free(heard[1]);
}

static void steps(const char *const *lines) {
    begin(&ours);
    begin(&theirs);
    for (; *lines; lines++) step(*lines);
    let_go(&ours);
    let_go(&theirs);
}

#define STEPS(...) steps((const char *const[]){__VA_ARGS__, NULL})

static void what_was_read_is_told_once(void) {
    STEPS("A HELLO 3", "A CLIENT TRACKING ON", "W SET k 1", "A GET k", "W SET k 2", "W SET k 3",
          "A GET k", "A SET k 4", "A GET k;SET k 5;GET k;GET k", "W DEL k", "A GET k", "W DEL k",
          "W SET k 1", "A MULTI;GET k;SET k 1;EXEC", "A GET k", "W SET k 1",
          "A MULTI;INCR k;GET k;FLUSHDB;EXEC", "A GET k", "W FLUSHALL", "A FLUSHALL",
          "A MGET a b c a", "W MSET c 1 b 2 a 3", "A GET k", "A SELECT 3", "A SET k x", "A GET k",
          "A MOVE k 4", "A LLEN l", "W RPUSH l a", "A GET l", "W SET l s", "A SUBSCRIBE x",
          "A GET k", "W SET k 1");
}

static void old_clients_hear_nothing(void) {
    STEPS("A CLIENT TRACKING ON", "A GET k", "W SET k 1", "A GET k", "A HELLO 3", "W SET k 2",
          "A GET k", "A HELLO 2", "W SET k 3", "A HELLO 3", "A GET k", "A RESET", "W SET k 1",
          "A HELLO 3", "A CLIENT TRACKINGINFO", "A CLIENT TRACKING ON", "A GET k",
          "A CLIENT TRACKING OFF", "A CLIENT TRACKING ON", "W SET k 1", "A GET k",
          "A CLIENT TRACKING OFF", "A CLIENT TRACKING ON BCAST", "W SET k 2");
}

static void noloop(void) {
    STEPS("A HELLO 3", "A CLIENT TRACKING ON NOLOOP", "A GET k;SET k 1;GET k", "W SET k 2",
          "A GET k;FLUSHALL", "A GET k", "A EVAL return{redis.call('set',KEYS[1],1)} 1 k",
          "W SET k 1", "A GET k", "A MULTI;SET k 1;EXEC", "W SET k 1", "A CLIENT TRACKING OFF",
          "A CLIENT TRACKING ON NOLOOP BCAST", "A SET k 1", "A MULTI;SET k 1;SET j 2;EXEC",
          "W SET k 1", "A EVAL return{redis.call('set',KEYS[1],1)} 1 k",
          "W MULTI;SET a 1;SET b 2;EXEC", "C HELLO 3", "C CLIENT TRACKING ON BCAST PREFIX k",
          "A MULTI;SET k 1;SET j 2;EXEC", "C SET k 1");
}

static void redirected(void) {
    STEPS("B SUBSCRIBE foo", "A CLIENT TRACKING ON REDIRECT %B", "A GET k", "W SET k 1",
          "A CLIENT GETREDIR", "A CLIENT TRACKINGINFO", "W FLUSHALL", "A HELLO 3", "A GET k",
          "W SET k 1", "W FLUSHALL", "A CLIENT TRACKING ON REDIRECT %B NOLOOP",
          "A CLIENT TRACKINGINFO", "B UNSUBSCRIBE", "A GET k;SET k 2", "W SET k 1", "B HELLO 3",
          "A GET k", "W SET k 1", "B CLIENT REPLY OFF;SET k 3;CLIENT REPLY ON", "A GET k",
          "W SET k 1", "A CLIENT TRACKING ON REDIRECT %A", "A GET k", "W SET k 1",
          "A CLIENT TRACKING ON", "A CLIENT GETREDIR", "C CLIENT TRACKING ON REDIRECT %A",
          "C GET k", "W SET k 1", "A GET k", "C GET k", "W SET k 1");
    STEPS("A HELLO 3", "A CLIENT TRACKING ON REDIRECT %B", "A GET k;GET j", "B! QUIT", "W SET k 1",
          "A CLIENT TRACKINGINFO", "A SET j 1", "W FLUSHALL", "A HELLO 2", "A GET k", "W SET k 1",
          "A CLIENT TRACKING ON REDIRECT %B", "A CLIENT TRACKING ON", "A CLIENT TRACKINGINFO",
          "A HELLO 3;GET k", "W SET k 1", "C HELLO 3;CLIENT TRACKING ON BCAST REDIRECT %W",
          "W SET a 1", "W HELLO 3", "W SET a 1", "W MULTI;SET b 1;SET a 2;EXEC");
}

static void broadcast(void) {
    STEPS("A HELLO 3", "A CLIENT TRACKING ON BCAST PREFIX a: PREFIX b", "A CLIENT TRACKINGINFO",
          "W MSET a:1 1 b 2 c 3 a 4 bb 1 a:0 1", "W MULTI;DEL a:1 bb;SET b 1;SET a: 1;EXEC",
          "A CLIENT TRACKING ON BCAST", "A CLIENT TRACKINGINFO", "W SET a:1 1", "W SET \"\" 1",
          "A CLIENT TRACKING ON BCAST PREFIX q", "A CLIENT TRACKING ON BCAST", "A GET a:1",
          "A SET a:1 x", "A MULTI;SET x 1;GET x;EXEC", "W DEL nosuch", "W SADD s a", "W SADD s a",
          "W RENAME s b", "W FLUSHALL", "A FLUSHDB", "A CLIENT TRACKING OFF", "W SET a:1 1",
          "A CLIENT TRACKING ON BCAST PREFIX b PREFIX c", "A CLIENT TRACKING ON BCAST PREFIX bc",
          "A CLIENT TRACKING ON BCAST PREFIX d PREFIX \"\"",
          "A CLIENT TRACKING ON BCAST PREFIX x PREFIX xy",
          "A CLIENT TRACKING ON BCAST PREFIX xy PREFIX x",
          "A CLIENT TRACKING ON BCAST PREFIX x PREFIX x", "A CLIENT TRACKING ON BCAST PREFIX \"\"",
          "A CLIENT TRACKING ON BCAST PREFIX z PREFIX b", "A CLIENT TRACKINGINFO", "B SUBSCRIBE x",
          "A CLIENT TRACKING ON BCAST PREFIX z REDIRECT %B", "W MSET z 1 b 2 zz 3", "W FLUSHALL");
}

/* With save points FLUSHALL is answered when the file is there, and what it tells comes behind. */
static void flushes_that_save(void) {
    STEPS("W CONFIG SET save \"3600 1\"", "A HELLO 3;CLIENT TRACKING ON", "A GET k", "A FLUSHALL",
          "A SET k 1;GET k;FLUSHALL ASYNC;GET k", "W FLUSHALL", "A MULTI;GET k;FLUSHALL;EXEC",
          "C HELLO 3;CLIENT TRACKING ON BCAST", "A GET k;FLUSHALL", "W CONFIG SET save \"\"");
}

/* To the others a script that takes many turns is one change, at its end. */
static void long_scripts_are_one_change(void) {
    STEPS(
        "A HELLO 3", "A CLIENT TRACKING ON BCAST NOLOOP", "C HELLO 3;CLIENT TRACKING ON", "C GET a",
        "B HELLO 3;CLIENT TRACKING ON BCAST PREFIX b PREFIX a",
        "W EVAL \"local s=0 for i,k in ipairs(KEYS) do redis.call('set',k,i) for j=1,1e6 do s=s+j "
        "end end redis.call('del',KEYS[1])\" 3 a b c",
        "A MULTI;SET a 1;EVAL \"local s=0 for i=1,3e6 do s=s+i end\" 0;SET b 2;EXEC");
}

static void errors(void) {
    STEPS("A CLIENT TRACKING", "A CLIENT TRACKING ON REDIRECT", "A CLIENT TRACKING x",
          "A CLIENT TRACKING ON x", "A CLIENT TRACKING ON REDIRECT x",
          "A CLIENT TRACKING ON REDIRECT 0", "A CLIENT TRACKING OFF REDIRECT 99999",
          "A CLIENT TRACKING ON REDIRECT -1", "A CLIENT TRACKING ON REDIRECT %B REDIRECT %B",
          "A CLIENT TRACKING ON REDIRECT %B REDIRECT x", "A CLIENT TRACKING ON PREFIX a",
          "A CLIENT TRACKING ON PREFIX", "A CLIENT TRACKING OFF PREFIX a BCAST OPTIN OPTOUT",
          "A CLIENT TRACKING ON OPTIN OPTOUT", "A CLIENT TRACKING ON OPTIN BCAST",
          "A CLIENT TRACKING ON OPTOUT BCAST", "A CLIENT CACHING YES", "A CLIENT CACHING x",
          "A CLIENT CACHING", "A CLIENT CACHING YES x", "A CLIENT GETREDIR", "A CLIENT GETREDIR x",
          "A CLIENT TRACKINGINFO x", "A CLIENT TRACKING ON", "A CLIENT CACHING YES",
          "A CLIENT CACHING NO", "A CLIENT CACHING x", "A CLIENT TRACKING ON BCAST",
          "A CLIENT TRACKING ON OPTIN", "A CLIENT TRACKING ON OPTOUT", "A CLIENT CACHING NO",
          "A CLIENT TRACKING ON OPTIN BCAST", "A CLIENT TRACKING ON OPTIN OPTOUT",
          "A CLIENT CACHING YES;CLIENT TRACKINGINFO;PING;CLIENT TRACKINGINFO",
          "A CLIENT TRACKING ON", "A CLIENT TRACKING ON OPTOUT",
          "A CLIENT CACHING NO;CLIENT TRACKINGINFO", "A CLIENT CACHING YES",
          "A CLIENT TRACKING OFF", "A CLIENT TRACKING ON BCAST", "A CLIENT TRACKING ON",
          "A CLIENT TRACKING ON OPTIN", "A CLIENT CACHING YES", "A CLIENT CACHING NO",
          "A CLIENT TRACKING ON BCAST NOLOOP", "A CLIENT TRACKINGINFO", "A RESET",
          "A CLIENT TRACKINGINFO", "A HELLO 3", "A CLIENT TRACKINGINFO",
          "A EVAL return{redis.pcall('client','tracking','on')} 0");
}

static void caching(void) {
    STEPS(
        "A HELLO 3", "A CLIENT TRACKING ON OPTIN", "A GET a", "A CLIENT CACHING YES;GET b;GET c",
        "W MSET a 1 b 2 c 3", "A CLIENT CACHING YES;CLIENT ID;GET a;GET b", "W MSET a 1 b 2",
        "A CLIENT CACHING YES;nosuch;GET a", "W SET a 1",
        "A CLIENT CACHING YES;MULTI;GET a;GET b;EXEC;GET c", "W MSET a 1 b 2 c 3",
        "A MULTI;GET a;CLIENT CACHING YES;GET b;GET c;EXEC;GET d", "W MSET a 1 b 2 c 3 d 4",
        "A CLIENT CACHING YES;MULTI;GET a;DISCARD;GET b", "W MSET a 1 b 2 c 3 d 4",
        "A CLIENT CACHING YES;MULTI;nosuch;EXEC;GET b", "W MSET a 1 b 2 c 3 d 4",
        "A CLIENT CACHING YES;CLIENT foo;GET a", "W MSET a 1 b 2 c 3 d 4",
        "A CLIENT CACHING YES;GET;GET a", "W SET a 1", "A CLIENT CACHING YES;CLIENT CACHING;GET a",
        "W SET a 2", "A CLIENT CACHING YES;CLIENT TRACKING ON OPTIN;GET a;GET b", "W MSET a 1 b 2",
        "A CLIENT CACHING YES;EVAL return{redis.call('get',KEYS[1])} 1 a;GET b", "W MSET a 1 b 2");
    STEPS("A HELLO 3", "A CLIENT TRACKING ON OPTOUT", "A GET a", "A CLIENT CACHING NO;GET b",
          "A GET c", "W MSET a 1 b 2 c 3", "A CLIENT CACHING NO;MULTI;GET a;GET b;EXEC;GET c",
          "W MSET a 1 b 2 c 3", "A MULTI;GET a;CLIENT CACHING NO;GET b;EXEC;GET c",
          "W MSET a 1 b 2 c 3");
}

static void keys_that_leave(void) {
    STEPS("A HELLO 3", "A CLIENT TRACKING ON", "W SET k 1 PX 100", "A GET k", "SLEEP 0.3",
          "A GET k", "W DEBUG SET-ACTIVE-EXPIRE 0", "W MSET x 1 y 2", "W PEXPIRE y 100",
          "A MGET x y", "SLEEP 0.2", "A MGET x y", "A MGET x y", "W SET y 1 PX 50", "A GET y",
          "SLEEP 0.1", "W GET y", "C HELLO 3;CLIENT TRACKING ON BCAST NOLOOP", "C SET y 1 PX 50",
          "SLEEP 0.1", "C GET y", "W DEBUG SET-ACTIVE-EXPIRE 1", "W SET z 1 PX 50", "SLEEP 0.2",
          "A GET k", "W GETEX k EXAT 1", "W SET k 1", "A GET k", "W EXPIRE k -1", "W SET k 1",
          "A TTL k", "W EXPIRE k 100", "A TTL k", "W PERSIST k", "W PERSIST k");
}

static void who_waits(void) {
    STEPS("A HELLO 3", "A CLIENT TRACKING ON", "W RPUSH l2 a", "A LRANGE l2 0 -1",
          "A! BLMOVE l1 l2 LEFT LEFT 0", "W RPUSH l1 foo", "A?", "W LPUSH l2 b",
          "A EXISTS l1;LLEN l2", "A! BLPOP l1 0", "W RPUSH l2 x", "W RPUSH l1 x", "A?",
          "W RPUSH l1 y");
}

/* Each command of every family after all its words were read as keys. */
static void every_change_is_told(void) {
    struct side *sides[] = {&ours, &theirs};
    redisContext *c[2];
    for (int k = 0; k < 2; k++) {
        begin(sides[k]);
        c[k] = client_open(sides[k]->server);
    }
    step("A HELLO 3;CLIENT TRACKING ON");
    step("B SUBSCRIBE x");
    step("C CLIENT TRACKING ON BCAST REDIRECT %B");
    for (size_t i = 0; command_lines[i]; i++) {
        const char *line = command_lines[i], *words = strchr(line, ' ');
        char read[LINE_BYTES_MAX], *heard[2];
        if (strncmp(line, "SLEEP ", 6) == 0) {
            step(line);
            continue;
        }
        snprintf(read, sizeof read, "A EXISTS%s", words ? words : " x");
        for (int k = 0; k < 2; k++) {
            say(sides[k], 0, read + 2);
            free(hear(sides[k], 0));
            freeReplyObject(line_run(c[k], line));
            heard[k] = hear_all(sides[k], 0);
        }
        bool same = strcmp(heard[0], heard[1]) == 0;
        if (strncmp(line, "SWAPDB", 6) == 0) same = !same; /* ours tells, see tracking.h */
        /* A PFCOUNT that has to count writes the count into the value, there. */
        if (strncmp(line, "PFCOUNT", 7) == 0) same = !*heard[0];
        CU_ASSERT(same);
        if (!same) printf("%s\nours:\n%stheirs:\n%s\n", line, heard[0], heard[1]);
        free(heard[0]);
        free(heard[1]);
    }
    for (int k = 0; k < 2; k++) {
        redisFree(c[k]);
        let_go(sides[k]);
    }
}

/* ---- random steps beside redis-server ------------------------------------------------- */

static struct rng dice;

static unsigned below(unsigned n) { return (unsigned)rng_below(&dice, n); }

#define ANY(...)                                                                                   \
    (((const char *const[]){                                                                       \
        __VA_ARGS__})[below(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))])

static const char *any_key(void) { return ANY("a", "ab", "abc", "b", "bc", "ca"); }

static size_t put_any_command(char *to) {
    switch (below(16)) {
    case 0:
    case 1:
    case 2: return (size_t)sprintf(to, "GET %s", any_key());
    case 3: return (size_t)sprintf(to, "MGET %s %s %s", any_key(), any_key(), any_key());
    case 4:
    case 5: return (size_t)sprintf(to, "SET %s %u", any_key(), below(100));
    case 6: return (size_t)sprintf(to, "MSET %s 1 %s 2", any_key(), any_key());
    case 7: return (size_t)sprintf(to, "DEL %s %s", any_key(), any_key());
    case 8: return (size_t)sprintf(to, "RENAME %s %s", any_key(), any_key());
    case 9: return (size_t)sprintf(to, "COPY %s %s REPLACE", any_key(), any_key());
    case 10: return (size_t)sprintf(to, "APPEND %s x", any_key());
    case 11: return (size_t)sprintf(to, "SORT nosuch STORE %s", any_key());
    case 12:
        return (size_t)sprintf(
            to, "EVAL return{redis.call('get',KEYS[1]),redis.call('%s',KEYS[1])} 1 %s",
            ANY("get", "del", "incr", "persist"), any_key());
    case 13: return (size_t)sprintf(to, "EXISTS %s %s", any_key(), any_key());
    case 14: return (size_t)sprintf(to, "%s", ANY("FLUSHDB", "SELECT 0", "SELECT 1", "DBSIZE"));
    default: return (size_t)sprintf(to, "INCR %s", any_key());
    }
}

static size_t put_any_tracking(char *to, char who) {
    switch (below(8)) {
    case 0:
        return (size_t)sprintf(to, "CLIENT TRACKING ON BCAST PREFIX %s%s%s",
                               ANY("a", "ab", "b", "\"\""), ANY("", " PREFIX bc", " PREFIX c"),
                               ANY("", " NOLOOP"));
    case 1: return (size_t)sprintf(to, "CLIENT TRACKING ON BCAST");
    case 2:
    case 3:
        return (size_t)sprintf(to, "CLIENT TRACKING ON%s%s%s", ANY("", "", " OPTIN", " OPTOUT"),
                               ANY("", " NOLOOP"), who == 'A' ? ANY("", " REDIRECT %B") : "");
    case 4: return (size_t)sprintf(to, "CLIENT TRACKING OFF");
    case 5: return (size_t)sprintf(to, "CLIENT TRACKINGINFO");
    case 6: return (size_t)sprintf(to, "%s", ANY("HELLO 3", "HELLO 3", "HELLO 2", "RESET"));
    default: return (size_t)sprintf(to, "CLIENT CACHING %s", ANY("YES", "NO"));
    }
}

/* The reply to HELLO tells of the server. */
static void any_step(char *line) {
    char who = "AACWW"[below(5)];
    size_t n = (size_t)sprintf(line, "%c ", who);
    bool many = below(4) == 0;
    if (who != 'W' && below(4) == 0) {
        n += put_any_tracking(line + n, who);
        if (strstr(line, "CACHING")) {
            n += (size_t)sprintf(line + n, ";");
            put_any_command(line + n);
        }
    } else if (who == 'A' && below(20) == 0) {
        sprintf(line, "B %s", ANY("SUBSCRIBE x", "UNSUBSCRIBE", "PSUBSCRIBE y", "PUNSUBSCRIBE"));
    } else if (many) {
        n += (size_t)sprintf(line + n, "MULTI;");
        for (unsigned i = 1 + below(4); i; i--) {
            n += put_any_command(line + n);
            n += (size_t)sprintf(line + n, ";");
        }
        sprintf(line + n, "EXEC");
    } else {
        put_any_command(line + n);
    }
}

static void random_steps_are_as_in_redis(void) {
    const char *seed = getenv("SEED");
    unsigned failures = suite_failures();
    for (uint64_t round = 0; round < 5; round++) {
        dice.state = (seed ? strtoull(seed, NULL, 10) : 1) * 100 + round;
        begin(&ours);
        begin(&theirs);
        step("B SUBSCRIBE x");
        step("A CLIENT TRACKING ON REDIRECT %B");
        step("C HELLO 3");
        step("C CLIENT TRACKING ON");
        for (int i = 0; i < 200 && suite_failures() == failures; i++) {
            char line[LINE_BYTES_MAX];
            any_step(line);
            step(line);
        }
        let_go(&ours);
        let_go(&theirs);
    }
}

/* ---- ours alone: no cache is ever stale ----------------------------------------------- */

#define CACHED 8 /* strings k0 ..., of which the last is a set */
#define VALUE_BYTES_MAX 256

/* A client that caches what it reads, in RESP3. */
static struct cache {
    int fd;
    char bytes[64 * 1024];
    size_t at, n;
    bool has[CACHED];
    char value[CACHED][VALUE_BYTES_MAX];
    int asked[4096]; /* keys of the reads under way; -1: the marker */
    int asked_from, asked_to;
    uint64_t told, everything;
} cache;

static char next_byte(void) {
    if (cache.at == cache.n) {
        struct pollfd p = {.fd = cache.fd, .events = POLLIN};
        CU_ASSERT_FATAL(poll(&p, 1, 20000) == 1);
        ssize_t got = recv(cache.fd, cache.bytes, sizeof cache.bytes, 0);
        CU_ASSERT_FATAL(got > 0);
        cache.at = 0;
        cache.n = (size_t)got;
    }
    return cache.bytes[cache.at++];
}

/* A line without its end. */
static void next_line(char *to, size_t room) {
    size_t n = 0;
    for (char c; (c = next_byte()) != '\r';) {
        if (n + 1 < room) to[n++] = c;
    }
    to[n] = 0;
    next_byte();
}

/* A simple value as text; of an aggregate its head. */
static void next_value(char *to, size_t room) {
    next_line(to, room);
    if (*to != '$') return;
    long bytes = atol(to + 1);
    for (long i = 0; i < bytes; i++) {
        char c = next_byte();
        if ((size_t)i + 1 < room) to[i] = c;
    }
    to[(size_t)bytes < room ? (size_t)bytes : room - 1] = 0;
    next_byte();
    next_byte();
}

static void forget_all(void) {
    memset(cache.has, 0, sizeof cache.has);
    cache.everything++;
}

/* The rest of a push: a word, and keys or null. */
static void take_push(void) {
    char text[VALUE_BYTES_MAX];
    next_value(text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "invalidate");
    next_value(text, sizeof text);
    cache.told++;
    if (*text == '_') {
        forget_all();
        return;
    }
    CU_ASSERT_EQUAL_FATAL(*text, '*');
    for (long keys = atol(text + 1); keys; keys--) {
        next_value(text, sizeof text);
        int key = atoi(text + 1);
        if (*text == 'k' && key >= 0 && key < CACHED) cache.has[key] = false;
    }
}

/* Everything up to the reply to the marker. */
static void take_all(void) {
    while (cache.asked_from < cache.asked_to) {
        char text[VALUE_BYTES_MAX];
        next_value(text, sizeof text);
        if (*text == '>') {
            take_push();
            continue;
        }
        int key = cache.asked[cache.asked_from++];
        if (key < 0) continue;
        cache.has[key] = true;
        snprintf(cache.value[key], VALUE_BYTES_MAX, "%s", text);
    }
    cache.asked_from = cache.asked_to = 0;
}

static const char *read_of(int key) {
    static char line[64];
    if (key == CACHED - 1) return "SINTERCARD 2 k7 big1";
    snprintf(line, sizeof line, "GET k%d", key);
    return line;
}

static void ask(const char *line, int key) {
    char bytes[LINE_BYTES_MAX];
    send_bytes(cache.fd, bytes, put_command(bytes, line));
    cache.asked[cache.asked_to++] = key;
}

/* Some reads, and a write of its own now and then. */
static void read_some(void) {
    char line[64];
    for (unsigned i = below(12); i; i--) {
        int key = (int)below(CACHED);
        if (below(8) || key == CACHED - 1) {
            ask(read_of(key), key);
        } else {
            snprintf(line, sizeof line, "INCR k%d", key);
            ask(line, -1);
        }
    }
}

static void put_any_write(char *to) {
    unsigned a = below(CACHED - 1), b = below(CACHED - 1);
    switch (below(12)) {
    case 0:
    case 1: sprintf(to, "SET k%u %u", a, below(1000)); break;
    case 2: sprintf(to, "SET k%u %u PX %u", a, below(1000), 1 + below(4)); break;
    case 3: sprintf(to, "DEL k%u k%u", a, b); break;
    case 4: sprintf(to, "RENAME k%u k%u", a, b); break;
    case 5: sprintf(to, "COPY k%u k%u REPLACE", a, b); break;
    case 6: sprintf(to, "MSET k%u 1 k%u 2", a, b); break;
    case 7: sprintf(to, "SUNIONSTORE k7 big1 big%u", 2 + below(2)); break;
    case 8: sprintf(to, "SPOP k7 %u", 1 + below(20)); break;
    case 9:
        sprintf(to, "EVAL \"redis.call('incr',KEYS[1]) redis.call('del',KEYS[2])\" 2 k%u k%u", a,
                b);
        break;
    case 10: sprintf(to, "PEXPIRE k%u %u", a, 1 + below(4)); break;
    default: sprintf(to, "%s", below(40) ? "INCR k0" : ANY("FLUSHDB ASYNC", "SWAPDB 0 1")); break;
    }
}

static void fill_sets(redisContext *c) {
    freeReplyObject(line_run(c, "EVAL \"for i = 1, 4000 do redis.call('sadd', 'big1', i) "
                                "redis.call('sadd', 'big2', -i) redis.call('sadd', 'big3', 'x' .. "
                                "i) end\" 0"));
}

/* What the server has, beside what is cached. */
static void compare_cache(redisContext *w, bool by_prefix) {
    char want[VALUE_BYTES_MAX], now[CACHED][VALUE_BYTES_MAX];
    ask("PING", -1); /* its own writes are over */
    take_all();
    for (int key = 0; key < CACHED; key++) {
        redisReply *r = line_run(w, read_of(key));
        if (r->type == REDIS_REPLY_INTEGER) {
            snprintf(want, sizeof want, ":%lld", r->integer);
        } else {
            snprintf(want, sizeof want, "%s", r->type == REDIS_REPLY_NIL ? "_" : r->str);
        }
        freeReplyObject(r);
        memcpy(now[key], want, sizeof want);
    }
    ask("PING", -1);
    take_all();
    if (by_prefix) { /* what the end of that turn tells */
        ask("PING", -1);
        take_all();
    }
    for (int key = 0; key < CACHED; key++) {
        if (!cache.has[key] || strcmp(cache.value[key], now[key]) == 0) continue;
        CU_FAIL("a cache is stale");
        printf("k%d: cached %s, is %s\n", key, cache.value[key], now[key]);
    }
}

static void keeps_fresh(const char *how, int rounds) {
    redisContext *w = client_open(ours.server);
    unsigned failures = suite_failures();
    memset(&cache, 0, sizeof cache);
    cache.fd = client_open_raw(ours.server);
    freeReplyObject(cmd(w, "FLUSHALL"));
    fill_sets(w);
    send_bytes(cache.fd, "HELLO 3\r\n", 9);
    for (char line[VALUE_BYTES_MAX] = ""; strncmp(line, "modules", 7) != 0;)
        next_value(line, sizeof line);
    char none[8];
    next_value(none, sizeof none);
    ask(how, -1);
    take_all();
    for (int round = 0; round < rounds && suite_failures() == failures; round++) {
        for (unsigned i = 1 + below(10); i; i--) {
            char line[LINE_BYTES_MAX], bytes[2 * LINE_BYTES_MAX];
            put_any_write(line);
            size_t n = put_command(bytes, line);
            if (below(2)) read_some();
            send_bytes(w->fd, bytes, n);
            if (below(2)) read_some();
            redisReply *r;
            CU_ASSERT_FATAL(redisGetReply(w, (void **)&r) == REDIS_OK);
            freeReplyObject(r);
        }
        compare_cache(w, strstr(how, "BCAST"));
        if (round % 16 == 0) fill_sets(w);
    }
    printf("%s: told %llu times, %llu of them everything\n", how, (unsigned long long)cache.told,
           (unsigned long long)cache.everything);
    CU_ASSERT(cache.told > 0);
    close(cache.fd);
    redisFree(w);
}

static void no_cache_is_stale(void) {
    redisContext *c = client_open(ours.server);
    dice.state = 5;
    keeps_fresh("CLIENT TRACKING ON", 150);
    keeps_fresh("CLIENT TRACKING ON OPTOUT", 30);
    keeps_fresh("CLIENT TRACKING ON BCAST PREFIX k", 150);
    keeps_fresh("CLIENT TRACKING ON BCAST PREFIX k1 PREFIX k2 PREFIX k3 PREFIX k4 PREFIX k5 PREFIX "
                "k6 PREFIX k7 PREFIX k0",
                30);
    expect_ok(c, "CONFIG SET tracking-table-max-keys 3");
    keeps_fresh("CLIENT TRACKING ON", 100);
    expect_ok(c, "CONFIG SET tracking-table-max-keys 1000000");
    redisFree(c);
}

/* ---- ours alone: the rest ------------------------------------------------------------- */

/* A raw connection in RESP3 that tracks so, beside two large sets. */
static int open_beside_sets(redisContext *w, const char *tracking) {
    char hello[2048];
    int fd = client_open_raw(ours.server);
    freeReplyObject(cmd(w, "FLUSHALL"));
    fill_sets(w);
    send_bytes(fd, "HELLO 3\r\n", 9);
    CU_ASSERT(recv(fd, hello, sizeof hello, 0) > 0);
    expect_raw(fd, tracking, "+OK\r\n");
    return fd;
}

/* What a worker computes: the read is remembered when it is planned, the write told when it is
 * committed, each behind its reply. */
static void workers(void) {
    redisContext *w = client_open(ours.server);
    int fd = open_beside_sets(w, "CLIENT TRACKING ON\r\n");
    for (int i = 0; i < 20; i++) {
        send_bytes(fd, "SINTERCARD 2 big1 big2\r\n", 24);
        expect_int(w, 1, "SADD big1 n%d", i);
        expect_int(w, 1, "SREM big1 n%d", i);
        expect_raw(fd, "PING\r\n",
                   ":0\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$4\r\nbig1\r\n+PONG\r\n");
        expect_raw(fd, "EXISTS c\r\n", i ? ":1\r\n" : ":0\r\n");
        expect_raw(fd, "SUNIONSTORE c big1 big2\r\n",
                   ":8000\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nc\r\n");
    }
    close(fd);
    redisFree(w);
}

/* A change is one's own also where a worker has computed it for a transaction. */
static void workers_in_transactions(void) {
    redisContext *w = client_open(ours.server);
    int fd = open_beside_sets(w, "CLIENT TRACKING ON BCAST NOLOOP\r\n");
    for (int i = 0; i < 2; i++) {
        expect_raw(fd, "MULTI\r\nSUNIONSTORE c big1 big2\r\nSET d 1\r\nEXEC\r\n",
                   "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:8000\r\n+OK\r\n");
        expect_raw(fd, "PING\r\n", "+PONG\r\n");
        expect_raw(fd, "PING\r\n", "+PONG\r\n"); /* what that turn's end tells comes before */
        expect_int(w, 0, "SADD c 1");
        expect_int(w, 1, "SADD c n");
        expect_raw(fd, "", ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nc\r\n");
    }
    close(fd);
    redisFree(w);
}

static bool info_has(redisContext *c, const char *text) { return reply_has(cmd(c, "INFO"), text); }

static void figures_and_the_list(void) {
    redisContext *w = client_open(ours.server), *a = client_open(ours.server),
                 *b = client_open(ours.server);
    freeReplyObject(cmd(w, "FLUSHALL"));
    CU_ASSERT(info_has(w, "tracking_clients:0\r\n"));
    expect_ok(a, "CLIENT TRACKING ON");
    freeReplyObject(cmd(a, "MGET x y z x"));
    expect_ok(b, "CLIENT TRACKING ON BCAST PREFIX x PREFIX y");
    CU_ASSERT(info_has(w, "tracking_clients:2\r\n"));
    CU_ASSERT(info_has(w, "tracking_total_keys:3\r\ntracking_total_items:3\r\n"
                          "tracking_total_prefixes:2\r\n"));
    CU_ASSERT(reply_has(cmd(a, "CLIENT INFO"), " flags=t "));
    CU_ASSERT(reply_has(cmd(a, "CLIENT INFO"), " redir=0 "));
    CU_ASSERT(reply_has(cmd(b, "CLIENT INFO"), " flags=tB "));
    CU_ASSERT(reply_has(cmd(w, "CLIENT INFO"), " redir=-1 "));
    long long id = reply_int(cmd(w, "CLIENT ID"));
    char redir[64];
    snprintf(redir, sizeof redir, " redir=%lld ", id);
    expect_ok(a, "CLIENT TRACKING ON REDIRECT %lld", id);
    CU_ASSERT(reply_has(cmd(a, "CLIENT INFO"), redir));
    expect_ok(w, "SET x 1");
    redisFree(w);
    w = client_open(ours.server);
    expect_ok(w, "SET y 1");
    CU_ASSERT(reply_has(cmd(a, "CLIENT INFO"), " flags=tR "));
    expect_ok(a, "CLIENT TRACKING OFF");
    CU_ASSERT(info_has(w, "tracking_total_keys:1\r\n"));
    redisFree(a);
    redisFree(b);
    server_sleep_ms(100); /* until they have left */
    CU_ASSERT(info_has(w, "tracking_clients:0\r\n"));
    CU_ASSERT(info_has(w, "tracking_total_keys:0\r\ntracking_total_items:0\r\n"
                          "tracking_total_prefixes:0\r\n"));
    redisFree(w);
}

static void read_many(redisContext *c, int keys) {
    for (int i = 0; i < keys; i += 100) {
        for (int k = 0; k < 100; k++) redisAppendCommand(c, "GET k%d", i + k);
        for (int k = 0; k < 100; k++) {
            redisReply *r;
            CU_ASSERT_FATAL(redisGetReply(c, (void **)&r) == REDIS_OK);
            freeReplyObject(r);
        }
    }
}

/* Keys beyond the limit are forgotten, and their readers told, over several turns. */
static void the_table_is_bounded(void) {
    redisContext *a = client_open(ours.server), *b = client_open(ours.server);
    freeReplyObject(cmd(a, "FLUSHALL"));
    freeReplyObject(cmd(b, "SUBSCRIBE x"));
    expect_ok(a, "CONFIG SET tracking-table-max-keys 100");
    redisContext *c = client_open(ours.server);
    freeReplyObject(cmd(c, "PING"));
    redisReply *list = cmd(c, "CLIENT LIST TYPE pubsub");
    long long id = atoll(strstr(list->str, "id=") + 3);
    freeReplyObject(list);
    expect_ok(a, "CLIENT TRACKING ON REDIRECT %lld", id);
    read_many(a, 5000);
    for (int i = 0; i < 4900; i++) {
        redisReply *r;
        CU_ASSERT_FATAL(redisGetReply(b, (void **)&r) == REDIS_OK);
        CU_ASSERT_FATAL(r->elements == 3 && r->element[2]->elements == 1);
        CU_ASSERT_STRING_EQUAL(r->element[1]->str, "__redis__:invalidate");
        freeReplyObject(r);
    }
    CU_ASSERT(info_has(c, "tracking_total_keys:100\r\n"));
    expect_ok(a, "CONFIG SET tracking-table-max-keys 0");
    freeReplyObject(cmd(a, "MGET a b c d e f"));
    CU_ASSERT(info_has(c, "tracking_total_keys:106\r\n"));
    read_many(a, 3000);
    expect_ok(c, "FLUSHALL");
    CU_ASSERT(info_has(c, "tracking_total_keys:0\r\n"));
    read_many(a, 2000);
    CU_ASSERT(info_has(c, "tracking_total_keys:2000\r\n"));
    expect_ok(a, "CONFIG SET tracking-table-max-keys 1000000");
    redisFree(a);
    redisFree(b);
    redisFree(c);
}

/* Evicted keys are told before the reply to the command that evicts. */
static void evicted_keys_are_told(void) {
    redisContext *w = client_open(ours.server);
    int fd = client_open_raw(ours.server);
    char hello[2048];
    freeReplyObject(cmd(w, "FLUSHALL"));
    send_bytes(fd, "HELLO 3\r\n", 9);
    CU_ASSERT(recv(fd, hello, sizeof hello, 0) > 0);
    expect_raw(fd, "CLIENT TRACKING ON\r\n", "+OK\r\n");
    expect_raw(fd, "SET k v\r\nGET k\r\n", "+OK\r\n$1\r\nv\r\n");
    expect_ok(w, "CONFIG SET maxmemory-policy allkeys-lru maxmemory 1");
    expect_raw(fd, "GET k\r\n", ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n_\r\n");
    expect_ok(w, "CONFIG SET maxmemory 0 maxmemory-policy noeviction");
    close(fd);
    redisFree(w);
}

/* Where redis-server replies twice. */
static void later_overlaps_are_errors(void) {
    redisContext *a = client_open(ours.server);
    expect_err(a,
               "ERR Prefix 'bb' overlaps with another provided prefix 'b'. Prefixes for a single "
               "client must not overlap.",
               "CLIENT TRACKING ON BCAST PREFIX a PREFIX bb PREFIX b PREFIX bbb");
    expect_err(a,
               "ERR Prefix 'b' overlaps with another provided prefix 'b'. Prefixes for a single "
               "client must not overlap.",
               "CLIENT TRACKING ON BCAST PREFIX a PREFIX b PREFIX c PREFIX cc PREFIX b");
    expect_text(a, "[\"flags\", [\"off\"], \"redirect\", -1, \"prefixes\", []]",
                "CLIENT TRACKINGINFO");
    expect_str(a, "x", "ECHO x");
    redisFree(a);
}

/* Many prefixes, taken in one command, found and dropped. */
static void many_prefixes_do(void) {
    enum { N = 20000 };
    redisContext *a = client_open(ours.server);
    char **argv = calloc(2 * N + 4, sizeof *argv), name[32];
    const char *head[] = {"CLIENT", "TRACKING", "ON", "BCAST"};
    for (int i = 0; i < 4; i++) argv[i] = strdup(head[i]);
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof name, "p%d:", i);
        argv[4 + 2 * i] = strdup("PREFIX");
        argv[5 + 2 * i] = strdup(name);
    }
    redisReply *r = redisCommandArgv(a, 2 * N + 4, (const char **)argv, NULL);
    CU_ASSERT_STRING_EQUAL(r->str, "OK");
    freeReplyObject(r);
    r = redisCommandArgv(a, 2 * N + 4, (const char **)argv, NULL);
    CU_ASSERT_STRING_EQUAL(r->str, "ERR Prefix 'p0:' overlaps with an existing prefix 'p0:'. "
                                   "Prefixes for a single client must not overlap.");
    freeReplyObject(r);
    CU_ASSERT(info_has(a, "tracking_total_prefixes:20000\r\n"));
    expect_ok(a, "SET p77:x 1");
    expect_ok(a, "CLIENT TRACKING OFF");
    CU_ASSERT(info_has(a, "tracking_total_prefixes:0\r\n"));
    for (int i = 0; i < 2 * N + 4; i++) free(argv[i]);
    free(argv);
    redisFree(a);
}

/* A key that leaves by itself is not one's own change. */
static void noloop_hears_of_expiry(void) {
    redisContext *w = client_open(ours.server);
    int fd = client_open_raw(ours.server);
    char hello[2048];
    freeReplyObject(cmd(w, "FLUSHALL"));
    freeReplyObject(cmd(w, "DEBUG SET-ACTIVE-EXPIRE 0"));
    send_bytes(fd, "HELLO 3\r\n", 9);
    CU_ASSERT(recv(fd, hello, sizeof hello, 0) > 0);
    expect_raw(fd, "CLIENT TRACKING ON NOLOOP\r\nSET k v PX 100\r\nSTRLEN k\r\n",
               "+OK\r\n+OK\r\n:1\r\n");
    server_sleep_ms(150);
    expect_raw(fd, "EXISTS k\r\n", ":0\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n");
    freeReplyObject(cmd(w, "DEBUG SET-ACTIVE-EXPIRE 1"));
    close(fd);
    redisFree(w);
}

/* A script that is taken back has changed nothing. */
static void a_script_that_fails_tells_nothing(void) {
    redisContext *w = client_open(ours.server);
    int fd = client_open_raw(ours.server);
    char hello[2048];
    freeReplyObject(cmd(w, "FLUSHALL"));
    expect_ok(w, "CONFIG SET script-rollback yes");
    send_bytes(fd, "HELLO 3\r\n", 9);
    CU_ASSERT(recv(fd, hello, sizeof hello, 0) > 0);
    expect_raw(fd, "CLIENT TRACKING ON\r\nGET k\r\n", "+OK\r\n_\r\n");
    freeReplyObject(cmd(w, "EVAL %s 1 k", "redis.call('set', KEYS[1], 1) return nonsense.x"));
    expect_raw(fd, "PING\r\n", "+PONG\r\n");
    freeReplyObject(cmd(w, "EVAL %s 1 k", "return redis.call('set', KEYS[1], 1)"));
    expect_raw(fd, "PING\r\n", ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n+PONG\r\n");
    expect_ok(w, "CONFIG SET script-rollback no");
    close(fd);
    redisFree(w);
}

/* What a script changes is nobody's own, also when a command in it has let others have their turn.
 */
static void scripts_that_rest_are_nobodys(void) {
    redisContext *w = client_open(ours.server);
    int fd = client_open_raw(ours.server);
    static char got[1 << 20];
    size_t n = 0;
    freeReplyObject(cmd(w, "FLUSHALL"));
    static const char commands[] =
        "HELLO 3\r\nCLIENT TRACKING ON BCAST NOLOOP\r\n"
        "EVAL \"local t={} for i=1,6000 do t[i]=i end for k=1,30 do "
        "redis.call('SADD',KEYS[1],unpack(t)) redis.call('SREM',KEYS[1],unpack(t)) end "
        "redis.call('SET',KEYS[2],1) return 4711\" 2 some last\r\nPING\r\nPING\r\n";
    send_bytes(fd, commands, sizeof commands - 1);
    for (char *end = NULL; !end && n < sizeof got - 1;) {
        ssize_t more = recv(fd, got + n, sizeof got - 1 - n, 0);
        CU_ASSERT_FATAL(more > 0);
        n += (size_t)more;
        got[n] = 0;
        end = strstr(got, "+PONG\r\n");
        if (end) end = strstr(end + 1, "+PONG\r\n");
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(got, ":4711\r\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(got, "$4\r\nlast\r\n"));
    close(fd);
    redisFree(w);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"what_was_read_is_told_once", what_was_read_is_told_once},
        {"old_clients_hear_nothing", old_clients_hear_nothing},
        {"noloop", noloop},
        {"redirected", redirected},
        {"broadcast", broadcast},
        {"flushes_that_save", flushes_that_save},
        {"long_scripts_are_one_change", long_scripts_are_one_change},
        {"errors", errors},
        {"caching", caching},
        {"keys_that_leave", keys_that_leave},
        {"who_waits", who_waits},
        {"every_change_is_told", every_change_is_told},
        {"random_steps_are_as_in_redis", random_steps_are_as_in_redis},
        {"no_cache_is_stale", no_cache_is_stale},
        {"workers", workers},
        {"workers_in_transactions", workers_in_transactions},
        {"figures_and_the_list", figures_and_the_list},
        {"the_table_is_bounded", the_table_is_bounded},
        {"evicted_keys_are_told", evicted_keys_are_told},
        {"later_overlaps_are_errors", later_overlaps_are_errors},
        {"many_prefixes_do", many_prefixes_do},
        {"noloop_hears_of_expiry", noloop_hears_of_expiry},
        {"a_script_that_fails_tells_nothing", a_script_that_fails_tells_nothing},
        {"scripts_that_rest_are_nobodys", scripts_that_rest_are_nobodys},
        {NULL, NULL},
    };
    ours.server = server_start((const char *const[]){"--enable-debug-command", "yes", NULL});
    theirs.server = server_start_oracle(NULL);
    int failed = suite_main("tracking", tests);
    server_stop(theirs.server);
    return server_stop(ours.server) || failed;
}
