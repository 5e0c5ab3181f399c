/* resp_test.c - wire/resp: the short and the long way agree, however bytes are cut up. */
#include "wire/resp.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "support/suite.h"

static const struct resp_limits limits = {512 * 1024 * 1024, 1024 * 1024 * 1024, false};

/* Feeds text in pieces of `step` bytes and writes what comes out as "[a|b]" and "!error". */
static void feed_all(const char *text, size_t n, size_t step, const struct resp_limits *lim,
                     char *out) {
    struct resp_reader *r = resp_reader_new();
    *out = 0;
    for (size_t at = 0; at < n;) {
        size_t part = n - at < step ? n - at : step, used;
        enum resp_state state = resp_reader_feed(r, text + at, part, lim, &used);
        at += used;
        if (state == RESP_COMMAND) {
            out += sprintf(out, "[");
            for (int i = 0; i < r->argc; i++) {
                out += sprintf(out, "%s%.*s", i ? "|" : "", (int)r->argv[i].n, r->argv[i].p);
            }
            out += sprintf(out, "]");
        } else if (state == RESP_FAILED) {
            sprintf(out, "!%s", r->error);
            break;
        } else if (state == RESP_MORE) {
            CU_ASSERT_EQUAL(used, part);
        }
    }
    resp_reader_free(r);
}

static void expect(const char *text, const char *want) {
    char got[4096];
    size_t n = strlen(text);
    for (size_t step = 1; step <= n; step++) {
        feed_all(text, n, step, &limits, got);
        if (strcmp(got, want)) {
            printf("step %zu: got %s, want %s\n", step, got, want);
            CU_FAIL("differs");
            return;
        }
    }
}

static void commands(void) {
    expect("*1\r\n$4\r\nPING\r\n", "[PING]");
    expect("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n$4\r\nPING\r\n", "[GET|k][PING]");
    expect("*2\r\n$0\r\n\r\n$3\r\na\r\n\r\n", "[|a\r\n]");
    expect("*0\r\n*-1\r\n*1\r\n$1\r\nx\r\n", "[x]");
    expect("\r\n\n  \r\nPING\r\n", "[PING]");
    expect(
        "*12\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n"
        "$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n",
        "[a|a|a|a|a|a|a|a|a|a|a|a]");
}

static void inline_commands(void) {
    expect("set a b\n", "[set|a|b]");
    expect("set \"a b\" 'c d'\r\n", "[set|a b|c d]");
    expect("set \"\\x41\\n\\\"\" '\\'x\\n'\r\n", "[set|A\n\"|'x\\n]");
    expect("a\"b\"\r\n", "[ab]");
    expect("set \"a\r\n", "!unbalanced quotes in request");
    expect("set \"a\"b\r\n", "!unbalanced quotes in request");
    expect("set 'a\r\n", "!unbalanced quotes in request");
    expect("set \"\"\r\nx\r\n", "[set|][x]");
}

static void errors(void) {
    expect("*x\r\n", "!invalid multibulk length");
    expect("*3000000000\r\n", "!invalid multibulk length");
    expect("*1\r\n:4\r\n", "!expected '$', got ':'");
    expect("*1\r\n$x\r\n", "!invalid bulk length");
    expect("*1\r\n$-1\r\n", "!invalid bulk length");
    expect("*1\r\n$536870913\r\n", "!invalid bulk length");
    expect("*1\r\n$4\r\nPING\r\n*1\r\n$5x\r\n", "[PING]!invalid bulk length");
}

static void limits_without_auth(void) {
    const struct resp_limits unauth = {512 << 20, 1 << 30, true};
    char got[256];
    const char *many = "*11\r\n$1\r\n", *big = "*1\r\n$16385\r\n";
    feed_all(many, strlen(many), 99, &unauth, got);
    CU_ASSERT_STRING_EQUAL(got, "!unauthenticated multibulk length");
    feed_all(big, strlen(big), 99, &unauth, got);
    CU_ASSERT_STRING_EQUAL(got, "!unauthenticated bulk length");
}

static void long_lines(void) {
    char *text = mem_alloc(200000), got[4096];
    memset(text, 'a', 200000);
    feed_all(text, 200000, 1000, &limits, got);
    CU_ASSERT_STRING_EQUAL(got, "!too big inline request");
    text[0] = '*';
    feed_all(text, 200000, 1000, &limits, got);
    CU_ASSERT_STRING_EQUAL(got, "!too big mbulk count string");
    memcpy(text, "*1\r\n$", 5);
    feed_all(text, 200000, 1000, &limits, got);
    CU_ASSERT_STRING_EQUAL(got, "!too big bulk count string");
    mem_free(text);
}

static void big_arguments_are_blobs(void) {
    struct resp_reader *r = resp_reader_new();
    size_t n = 100000, used;
    char *text = mem_alloc(n + 100);
    int head = sprintf(text, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%zu\r\n", n);
    CU_ASSERT_EQUAL(resp_reader_feed(r, text, (size_t)head, &limits, &used), RESP_MORE);
    struct resp_room room = resp_reader_room(r);
    CU_ASSERT_EQUAL(room.n, n);
    memset(room.p, 'v', 60000);
    resp_reader_filled(r, 60000);
    room = resp_reader_room(r);
    CU_ASSERT_EQUAL(room.n, 40000);
    memset(room.p, 'w', 40000);
    resp_reader_filled(r, 40000);
    CU_ASSERT_EQUAL(resp_reader_room(r).n, 0);
    CU_ASSERT_EQUAL(resp_reader_feed(r, "\r\nPING\r\n", 8, &limits, &used), RESP_COMMAND);
    CU_ASSERT_EQUAL(used, 2);
    CU_ASSERT_TRUE(resp_reader_idle(r));
    CU_ASSERT_EQUAL(r->argc, 3);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r->blobs);
    CU_ASSERT_PTR_NULL(r->blobs[0]);
    CU_ASSERT_EQUAL(r->blobs[2]->len, n);
    CU_ASSERT_EQUAL(r->argv[2].p[59999], 'v');
    CU_ASSERT_EQUAL(r->argv[2].p[60000], 'w');
    struct blob *kept = blob_ref(r->blobs[2]);
    CU_ASSERT_EQUAL(resp_reader_feed(r, "PING\r\n", 6, &limits, &used), RESP_COMMAND);
    CU_ASSERT_EQUAL(kept->refs, 1);
    blob_unref(kept);
    resp_reader_free(r);
    mem_free(text);
}

static struct resp_cutter cutter;

/* One command by a new cutter: how many bytes it took. */
static size_t cut(const char *p, const char *end, struct resp_command *cmd) {
    const char *at = p;
    resp_cutter_init(&cutter);
    int n = resp_cut(&cutter, &at, end, cmd, 1);
    if (n) CU_ASSERT_PTR_EQUAL(cmd->end, at);
    CU_ASSERT_EQUAL(n, at > p);
    return (size_t)(at - p);
}

static void heads_are_recognised(void) {
    static const char text[] =
        "*2\r\n$3\r\nGET\r\n$2\r\nk1\r\n*2\r\n$3\r\nGET\r\n$5\r\nkey22\r\n"
        "*2\r\n$3\r\nget\r\n$1\r\na\r\n*3\r\n$3\r\nGET\r\n$1\r\nb\r\n$1\r\nc\r\n"
        "*1\r\n$26\r\nabcdefghijklmnopqrstuvwxyz\r\n*2\r\n$3\r\nGET\r\n$1\r\nc\r\n"
        "*1\r\n$4\r\nPING\r\n";
    static const struct {
        int argc;
        const char *name;
        bool same;
    } want[] = {{2, "GET", false},
                {2, "GET", true},
                {2, "get", false},
                {3, "GET", false},
                {1, "abcdefghijklmnopqrstuvwxyz", false},
                {2, "GET", false},
                {1, "PING", false}};
    const int count = sizeof want / sizeof *want;
    for (int step = 1; step <= count; step++) {
        const char *p = text, *end = text + strlen(text);
        struct resp_command cmds[8];
        resp_cutter_init(&cutter);
        for (int i = 0; i < count;) {
            int n = resp_cut(&cutter, &p, end, cmds, step);
            CU_ASSERT_TRUE_FATAL(n > 0);
            for (int k = 0; k < n; k++, i++) {
                CU_ASSERT_EQUAL(cmds[k].argc, want[i].argc);
                CU_ASSERT_TRUE(slice_eq(cmds[k].argv[0], slice_cstr(want[i].name)));
                CU_ASSERT_EQUAL(cmds[k].same_name, want[i].same);
            }
        }
        CU_ASSERT_PTR_EQUAL(p, end);
    }
}

/* A command too short to have its head kept must not leave an older one behind. */
static void a_short_command_ends_a_run(void) {
    const char *first = "*2\r\n$4\r\nDECR\r\n$8\r\nlong-key\r\n", *brief = "*1\r\n$4\r\nPING\r\n";
    struct resp_command cmd;
    resp_cutter_init(&cutter);
    const char *at = first;
    CU_ASSERT_EQUAL(resp_cut(&cutter, &at, first + strlen(first), &cmd, 1), 1);
    at = brief;
    CU_ASSERT_EQUAL(resp_cut(&cutter, &at, brief + strlen(brief), &cmd, 1), 1);
    at = first;
    CU_ASSERT_EQUAL(resp_cut(&cutter, &at, first + strlen(first), &cmd, 1), 1);
    CU_ASSERT_FALSE(cmd.same_name);
}

static void cut_takes_whole_commands_only(void) {
    const char *text = "*2\r\n$3\r\nGET\r\n$12\r\nabcdefghijkl\r\nrest";
    size_t whole = strlen(text) - 4;
    struct resp_command cmd;
    for (size_t n = 0; n <= strlen(text); n++) {
        char *copy = mem_dup(text, n); /* so that reading too far is seen */
        CU_ASSERT_EQUAL(cut(copy, copy + n, &cmd), n >= whole ? whole : 0);
        mem_free(copy);
    }
    CU_ASSERT_EQUAL(cut(text, text + whole, &cmd), whole);
    CU_ASSERT_EQUAL(cmd.argc, 2);
    CU_ASSERT_TRUE(slice_is(cmd.argv[1], "abcdefghijkl"));
    static const char *const bad[] = {"*02\r\n$1\r\na\r\n$1\r\nb\r\n",
                                      "*1\r\n$01\r\na\r\n",
                                      "*0\r\n",
                                      "*-1\r\n",
                                      "*1\r\n$-1\r\n",
                                      "*1\n$1\na\n",
                                      "PING\r\n",
                                      "*1\r\n+a\r\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CU_ASSERT_EQUAL(cut(bad[i], bad[i] + strlen(bad[i]), &cmd), 0);
    }
}

static void arguments_run_out(void) {
    char text[8192], *to = text;
    for (int i = 0; i < 100; i++) to += sprintf(to, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n");
    struct resp_command cmds[100];
    const char *at = text;
    resp_cutter_init(&cutter);
    CU_ASSERT_EQUAL(resp_cut(&cutter, &at, to, cmds, 100), RESP_CUT_ARGS_MAX / 3);
    CU_ASSERT_EQUAL(resp_cut(&cutter, &at, to, cmds, 100), 0);
    cutter.args = 0;
    CU_ASSERT_EQUAL(resp_cut(&cutter, &at, to, cmds, 100), 100 - RESP_CUT_ARGS_MAX / 3);
    CU_ASSERT_PTR_EQUAL(at, to);
}

static void headers(void) {
    char buf[64];
    *resp_put_header(buf, '$', 5) = 0;
    CU_ASSERT_STRING_EQUAL(buf, "$5\r\n");
    *resp_put_header(buf, '*', UINT64_MAX) = 0;
    CU_ASSERT_STRING_EQUAL(buf, "*18446744073709551615\r\n");
    *resp_put_int(buf, INT64_MIN) = 0;
    CU_ASSERT_STRING_EQUAL(buf, ":-9223372036854775808\r\n");
}

int main(void) {
    static const struct suite_test tests[] = {
        {"commands", commands},
        {"inline_commands", inline_commands},
        {"errors", errors},
        {"limits_without_auth", limits_without_auth},
        {"long_lines", long_lines},
        {"big_arguments_are_blobs", big_arguments_are_blobs},
        {"cut_takes_whole_commands_only", cut_takes_whole_commands_only},
        {"heads_are_recognised", heads_are_recognised},
        {"a_short_command_ends_a_run", a_short_command_ends_a_run},
        {"arguments_run_out", arguments_run_out},
        {"headers", headers},
        {NULL, NULL},
    };
    return suite_main("resp", tests);
}
