/* config_test.c - the configuration: parsing, GET, SET, REWRITE, the documented file, and the
 * same questions put to redis-server.
 */
#include "support/server.h"
#include "support/suite.h"

#include "base/mem.h"
#include "core/config.h"
#include "store/db.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char why[CONFIG_WHY_BYTES];

/* ---- helpers ---- */

static struct config *with_text(const char *text) {
    struct config *conf = config_new();
    if (!config_load_text(conf, slice_cstr(text), "t.conf", why)) {
        CU_FAIL("text refused");
        printf("%s\n", why);
    }
    return conf;
}

/* Whether the text is refused with this line. */
static void refused(const char *text, const char *want) {
    struct config *conf = config_new();
    bool done = config_load_text(conf, slice_cstr(text), "t.conf", why);
    CU_ASSERT_FALSE(done);
    CU_ASSERT_STRING_EQUAL(why, want);
    if (!done && strcmp(why, want) != 0) printf("got:  %s\nwant: %s\n", why, want);
    config_free(conf);
}

static struct config *with_args(const char *const *args, bool want) {
    struct config *conf = config_new();
    int argc = 0;
    while (args[argc]) argc++;
    CU_ASSERT_EQUAL(config_load(conf, argc, (char *const *)args, why), want);
    return conf;
}

/* The value of one directive as GET shows it, or NULL; the caller frees. */
static char *get(const struct config *conf, const char *name) {
    struct slice pattern = slice_cstr(name);
    size_t n;
    struct config_hit *hits = config_match(&pattern, 1, &n);
    char *value = n == 1 ? config_value(conf, hits[0].row) : NULL;
    mem_free(hits);
    return value;
}

static void expect(const struct config *conf, const char *name, const char *want) {
    char *value = get(conf, name);
    bool same = value && strcmp(value, want) == 0;
    CU_ASSERT(same);
    if (!same) printf("%s: got '%s', want '%s'\n", name, value ? value : "(none)", want);
    mem_free(value);
}

/* Sets one directive; "" or "name: reason". */
static const char *set(struct config *conf, const char *name, const char *value) {
    static char text[CONFIG_WHY_BYTES + 128];
    struct slice pair[2] = {slice_cstr(name), slice_cstr(value)};
    struct config_set_error error;
    enum config_set_result result = config_set(conf, pair, 1, false, &error);
    text[0] = 0;
    if (result != CONFIG_SET_OK) {
        snprintf(text, sizeof text, "%.*s: %s", (int)error.name.n, error.name.p,
                 result == CONFIG_SET_UNKNOWN ? "unknown" : error.why);
    }
    return text;
}

/* A directory of this test's own, which becomes the working directory. */
static char home[64];
static void enter_home(void) {
    strcpy(home, "/tmp/config_test.XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(home));
    CU_ASSERT_EQUAL_FATAL(chdir(home), 0);
}
static void leave_home(void) {
    char command[96];
    CU_ASSERT_EQUAL(chdir("/"), 0);
    snprintf(command, sizeof command, "rm -r %s", home);
    CU_ASSERT_EQUAL(system(command), 0);
}

static void write_file(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs(text, f);
    fclose(f);
}

static char *read_file(const char *path) {
    static char text[64 * 1024];
    FILE *f = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    return text;
}

/* ---- files and arguments ---- */

static void reads_a_file(void) {
    struct config *conf = with_text("# remark\n"
                                    "\n"
                                    "  PORT\t7000  \r\n"
                                    "bind a 'b' \"c\"\n"
                                    "requirepass \"a b\\x41\\n\\\"\"\n"
                                    "maxmemory 100MB\n"
                                    "maxmemory-policy ALLKEYS-LFU\n"
                                    "unixsocketperm 700\n"
                                    "maxmemory-clients 5%\n"
                                    "slave-priority 7\n"
                                    "hash-max-ziplist-entries 9\n"
                                    "client-output-buffer-limit normal 1k 2kb 3\n"
                                    "client-output-buffer-limit slave 1 2 3\n"
                                    "save 900 1\n"
                                    "save 300 10 60 10000\n"
                                    "rename-command GET \"\"\n"
                                    "shutdown-on-sigterm nosave now\n"
                                    "list-max-ziplist-value 3\n"
                                    "slaveof no one\n"
                                    "hz 9999");
    CU_ASSERT_EQUAL(conf->port, 7000);
    CU_ASSERT_EQUAL(conf->bind_count, 3);
    CU_ASSERT_STRING_EQUAL(conf->bind[1], "b");
    CU_ASSERT_STRING_EQUAL(conf->requirepass, "a bA\n\"");
    CU_ASSERT_EQUAL(conf->maxmemory_bytes, 100 << 20);
    CU_ASSERT_EQUAL(conf->maxmemory_policy, EVICT_ALLKEYS_LFU);
    CU_ASSERT_EQUAL(conf->unixsocket_mode, 0700);
    CU_ASSERT_EQUAL(conf->maxmemory_clients, -5);
    CU_ASSERT_EQUAL(conf->replica_priority, 7);
    CU_ASSERT_EQUAL(conf->hash_listpack_entries, 9);
    CU_ASSERT_EQUAL(conf->output_limit[CONFIG_CLIENT_NORMAL].hard_bytes, 1000);
    CU_ASSERT_EQUAL(conf->output_limit[CONFIG_CLIENT_NORMAL].soft_bytes, 2048);
    CU_ASSERT_EQUAL(conf->output_limit[CONFIG_CLIENT_REPLICA].soft_s, 3);
    CU_ASSERT_EQUAL(conf->save_count, 3);
    CU_ASSERT_EQUAL(conf->save[2].changes, 10000);
    CU_ASSERT_EQUAL(conf->rename_count, 1);
    CU_ASSERT_STRING_EQUAL(conf->renames[0].from, "GET");
    CU_ASSERT_STRING_EQUAL(conf->renames[0].to, "");
    CU_ASSERT_STRING_EQUAL(conf->renames[0].where, "t.conf:16");
    CU_ASSERT_EQUAL(conf->shutdown_on_sigterm, CONFIG_SHUTDOWN_NOSAVE | CONFIG_SHUTDOWN_NOW);
    CU_ASSERT_EQUAL(conf->hz, 500);
    expect(conf, "unixsocketperm", "700");
    expect(conf, "maxmemory-clients", "5%");
    expect(conf, "save", "900 1 300 10 60 10000");
    expect(conf, "client-output-buffer-limit",
           "normal 1000 2048 3 slave 1 2 3 pubsub 33554432 "
           "8388608 60");
    config_free(conf);
    conf = with_text("save 1 1\nsave \"\"\nbind \"\"\nclient-output-buffer-limit 'pubsub 1 1 1'");
    CU_ASSERT_EQUAL(conf->save_count, 0);
    CU_ASSERT_EQUAL(conf->bind_count, 0);
    CU_ASSERT_EQUAL(conf->output_limit[CONFIG_CLIENT_PUBSUB].hard_bytes, 1);
    config_free(conf);
    conf = with_text("save 1 1\nsave\nbind\nclient-output-buffer-limit");
    CU_ASSERT_EQUAL(conf->save_count, 0);
    CU_ASSERT_EQUAL(conf->bind_count, 0);
    config_free(conf);
}

static void says_what_is_wrong(void) {
    refused("\n\nfoo 'bar'", "config: t.conf:3: unknown directive 'foo'");
    refused("port", "config: t.conf:1: port: wrong number of arguments");
    refused("port 1 2", "config: t.conf:1: port: wrong number of arguments");
    refused("port x", "config: t.conf:1: port: argument couldn't be parsed into an integer");
    refused("port 70000", "config: t.conf:1: port: argument must be between 0 and 65535 inclusive");
    refused("timeout 1 # c", "config: t.conf:1: timeout: wrong number of arguments");
    refused("bind \"a", "config: t.conf:1: unbalanced quotes");
    refused("bind \"a\"b", "config: t.conf:1: unbalanced quotes");
    refused("save 1", "config: t.conf:1: save: Invalid save parameters");
    refused("save \"\" 1", "config: t.conf:1: save: Invalid save parameters");
    refused("unixsocketperm 888",
            "config: t.conf:1: unixsocketperm: argument couldn't be parsed as an octal number");
    refused("maxmemory 1x", "config: t.conf:1: maxmemory: argument must be a memory value");
    refused("dir /no/such", "config: t.conf:1: dir: No such file or directory");
    refused("supervised x", "config: t.conf:1: supervised: argument(s) must be one of the "
                            "following: upstart, systemd, auto, no");
    refused("syslog-facility x",
            "config: t.conf:1: syslog-facility: argument(s) must be one of the following: user, "
            "local0, local1, local2, local3, local4, local5, local6, local7");
    refused("proc-title-template {x}", "config: t.conf:1: proc-title-template: template format is "
                                       "invalid or contains unknown variables");
    refused("appendfilename a/b",
            "config: t.conf:1: appendfilename: appendfilename can't be a path, just a filename");
    refused("locale-collate xx_YY", "config: t.conf:1: locale-collate: Invalid locale name");
    refused("rename-command a", "config: t.conf:1: rename-command: wrong number of arguments");
    refused("include a b", "config: t.conf:1: include: wrong number of arguments");
    refused("include /no/such", "config: cannot read '/no/such': No such file or directory");
    refused("pidfile \"a\\x00b\"", "config: t.conf:1: pidfile: argument contains a zero byte");
}

static void refuses_what_is_not_there(void) {
    refused("activedefrag yes", "config: t.conf:1: activedefrag: not available in this version: "
                                "only 'no' is accepted");
    refused("cluster-enabled yes", "config: t.conf:1: cluster-enabled: not available in this "
                                   "version: only 'no' is accepted");
    refused("tls-port 1",
            "config: t.conf:1: tls-port: not available in this version: only '0' is accepted");
    refused("slaveof a 1",
            "config: t.conf:1: replicaof: not available in this version: only 'no one' is "
            "accepted");
    refused("user a on", "config: t.conf:1: user: not available in this version");
    refused("loadmodule x", "config: t.conf:1: loadmodule: not available in this version");
    struct config *conf = config_new();
    CU_ASSERT_STRING_EQUAL(set(conf, "activedefrag", "yes"),
                           "activedefrag: not available in this version: only 'no' is accepted");
    expect(conf, "activedefrag", "no");
    CU_ASSERT_STRING_EQUAL(set(conf, "activedefrag", "no"), "");
    config_free(conf);
}

static void includes_files(void) {
    enter_home();
    write_file("a.conf", "port 1\ninclude b*.conf\ninclude none*.conf\ninclude c.conf\n");
    write_file("b1.conf", "port 2\n");
    write_file("b2.conf", "timeout 3\n");
    write_file("c.conf", "port 4\nfoo\n");
    struct config *conf = with_args((const char *const[]){"a.conf", NULL}, false);
    CU_ASSERT_STRING_EQUAL(why, "config: c.conf:2: unknown directive 'foo'");
    CU_ASSERT_EQUAL(conf->port, 4);
    CU_ASSERT_EQUAL(conf->timeout_s, 3);
    config_free(conf);
    write_file("a.conf", "include a.conf\n");
    conf = with_args((const char *const[]){"a.conf", NULL}, false);
    CU_ASSERT_STRING_EQUAL(why, "config: a.conf:1: include: nested too deeply");
    config_free(conf);
    leave_home();
}

static void takes_arguments(void) {
    enter_home();
    write_file("a.conf", "port 1\ntimeout 2\nsave 9 9\n");
    const char *const args[] = {
        "a.conf",
        "--port",
        "7000",
        "--bind",
        "a",
        "b",
        "--save",
        "--dbfilename 'x y'",
        "--pidfile",
        "--odd",
        "--unixsocket",
        "-",
        "--syslog-ident",
        "-x",
        "--requirepass",
        "\"p q\"",
        NULL,
    };
    struct config *conf = with_args(args, true);
    CU_ASSERT_EQUAL(conf->port, 7000);
    CU_ASSERT_EQUAL(conf->timeout_s, 2);
    CU_ASSERT_EQUAL(conf->bind_count, 2);
    CU_ASSERT_EQUAL(conf->save_count, 0);
    CU_ASSERT_STRING_EQUAL(conf->dbfilename, "x y");
    CU_ASSERT_STRING_EQUAL(conf->pidfile, "--odd");
    CU_ASSERT_STRING_EQUAL(conf->unixsocket, "-");
    CU_ASSERT_STRING_EQUAL(conf->syslog_ident, "-x");
    CU_ASSERT_STRING_EQUAL(conf->requirepass, "\"p q\"");
    CU_ASSERT(strstr(conf->config_file, "/a.conf") && conf->config_file[0] == '/');
    config_free(conf);
    leave_home();
    config_free(with_args((const char *const[]){NULL}, true));
    config_free(with_args((const char *const[]){"--save", NULL}, true));
    config_free(with_args((const char *const[]){"--bind", "a b", "--port", "1", NULL}, true));
    static const struct {
        const char *args[4], *want;
    } bad[] = {
        {{"--foo", "1"}, "config: argument '--foo': unknown directive 'foo'"},
        {{"--port"}, "config: argument '--port': port: wrong number of arguments"},
        {{"--port", "1", "2"}, "config: argument '--port': port: wrong number of arguments"},
        {{"--port x"},
         "config: argument '--port': port: argument couldn't be parsed into an integer"},
        {{"-x"}, "config: argument '-x': unknown directive '-x'"},
        {{"--port \"1"}, "config: argument '--port \"1': unbalanced quotes"},
        {{"/no/such"}, "config: cannot read '/no/such': No such file or directory"},
        {{"--client-output-buffer-limit", "normal 1 2 y"},
         "config: argument '--client-output-buffer-limit': client-output-buffer-limit: Error in "
         "hard, soft or soft_seconds setting in buffer limit configuration."},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        config_free(with_args(bad[i].args, false));
        CU_ASSERT_STRING_EQUAL(why, bad[i].want);
        if (strcmp(why, bad[i].want) != 0) printf("%s\n", why);
    }
}

static void reads_standard_input(void) {
    enter_home();
    write_file("in", "port 5\ntimeout 6\n");
    int old = dup(0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(freopen("in", "r", stdin));
    struct config *conf = with_args((const char *const[]){"-", "--timeout", "7", NULL}, true);
    CU_ASSERT_EQUAL(conf->port, 5);
    CU_ASSERT_EQUAL(conf->timeout_s, 7);
    config_free(conf);
    CU_ASSERT_NOT_EQUAL(dup2(old, 0), -1);
    close(old);
    leave_home();
}

/* ---- GET ---- */

static void matches_names(void) {
    static const struct {
        const char *pattern[4], *want;
    } cases[] = {
        {{"port"}, "port "},
        {{"PORT", "por*", "port"}, "PORT "},
        {{"nosuch"}, ""},
        {{"por\\t"}, ""},
        {{"PO[R]T"}, "port "},
        {{"slave-p*"}, "slave-priority "},
        {{"slaveof", "save"}, "save slaveof "},
        {{"*-ziplist-value"}, "hash-max-ziplist-value zset-max-ziplist-value "},
        {{""}, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct slice pattern[4];
        size_t n = 0, hit_count;
        char got[256] = "";
        for (; cases[i].pattern[n]; n++) pattern[n] = slice_cstr(cases[i].pattern[n]);
        struct config_hit *hits = config_match(pattern, n, &hit_count);
        for (size_t k = 0; k < hit_count; k++) {
            size_t used = strlen(got);
            snprintf(got + used, sizeof got - used, "%.*s ", (int)hits[k].name.n, hits[k].name.p);
        }
        CU_ASSERT_STRING_EQUAL(got, cases[i].want);
        mem_free(hits);
    }
    CU_ASSERT(config_is_secret(slice_cstr("RequirePass")));
    CU_ASSERT_FALSE(config_is_secret(slice_cstr("port")));
    CU_ASSERT_FALSE(config_is_secret(slice_cstr("nosuch")));
}

/* ---- SET ---- */

static void refuses_a_set(void) {
    struct config *conf = config_new();
    CU_ASSERT_STRING_EQUAL(set(conf, "nosuch", "1"), "nosuch: unknown");
    CU_ASSERT_STRING_EQUAL(set(conf, "DAEMONIZE", "yes"), "DAEMONIZE: can't set immutable config");
    CU_ASSERT_STRING_EQUAL(set(conf, "dir", "/"), "dir: can't set protected config");
    CU_ASSERT_STRING_EQUAL(set(conf, "Port", "x"),
                           "port: argument couldn't be parsed into an integer");
    CU_ASSERT_STRING_EQUAL(set(conf, "shutdown-on-sigint", "save nosave"),
                           "shutdown-on-sigint: shutdown options SAVE and NOSAVE can't be used "
                           "simultaneously");
    expect(conf, "shutdown-on-sigint", "default");
    struct slice twice[] = {slice_cstr("Timeout"), slice_cstr("1"), slice_cstr("timeout"),
                            slice_cstr("2")};
    struct config_set_error error;
    CU_ASSERT_EQUAL(config_set(conf, twice, 2, true, &error), CONFIG_SET_FAILED);
    CU_ASSERT_STRING_EQUAL(error.why, "duplicate parameter");
    CU_ASSERT(slice_eq(error.name, twice[2]));
    CU_ASSERT_STRING_EQUAL(set(conf, "Lua-Time-Limit", "x"),
                           "lua-time-limit: argument couldn't be parsed into an integer");
    struct slice by_alias[] = {slice_cstr("busy-reply-threshold"), slice_cstr("6000"),
                               slice_cstr("lua-time-limit"), slice_cstr("7000")};
    CU_ASSERT_EQUAL(config_set(conf, by_alias, 2, true, &error), CONFIG_SET_OK);
    expect(conf, "busy-reply-threshold", "7000");
    config_free(conf);
}

struct seen {
    const struct config *conf;
    int calls, refuse_port;
};

static bool watch(void *ctx, char text[CONFIG_WHY_BYTES]) {
    struct seen *seen = ctx;
    seen->calls++;
    if (seen->conf->port != seen->refuse_port) return true;
    snprintf(text, CONFIG_WHY_BYTES, "port taken");
    return false;
}

static void runs_hooks_once_and_rolls_back(void) {
    struct config *conf = config_new();
    struct seen both = {conf, 0, -1}, other = {conf, 0, 7002};
    struct config_set_error error;
    config_on_change(conf, "port", watch, &both);
    config_on_change(conf, "bind", watch, &both);
    config_on_change(conf, "timeout", watch, &other);
    struct slice pairs[] = {slice_cstr("port"), slice_cstr("7001"), slice_cstr("bind"),
                            slice_cstr("a b"),  slice_cstr("hz"),   slice_cstr("20")};
    CU_ASSERT_EQUAL(config_set(conf, pairs, 3, false, &error), CONFIG_SET_OK);
    CU_ASSERT_EQUAL(both.calls, 1);
    CU_ASSERT_EQUAL(other.calls, 0);
    CU_ASSERT_EQUAL(config_set(conf, pairs, 3, false, &error), CONFIG_SET_OK);
    CU_ASSERT_EQUAL(both.calls, 1); /* nothing changed */

    /* A hook refuses: all goes back, and the hooks are told again. */
    struct slice refused_pairs[] = {slice_cstr("port"),    slice_cstr("7002"), slice_cstr("bind"),
                                    slice_cstr("c"),       slice_cstr("hz"),   slice_cstr("30"),
                                    slice_cstr("timeout"), slice_cstr("9"),    slice_cstr("save"),
                                    slice_cstr("1 1")};
    CU_ASSERT_EQUAL(config_set(conf, refused_pairs, 5, false, &error), CONFIG_SET_FAILED);
    CU_ASSERT_STRING_EQUAL(error.why, "port taken");
    CU_ASSERT(slice_is(error.name, "timeout"));
    CU_ASSERT_EQUAL(both.calls, 3);
    CU_ASSERT_EQUAL(other.calls, 2);
    expect(conf, "port", "7001");
    expect(conf, "bind", "a b");
    expect(conf, "hz", "20");
    expect(conf, "timeout", "0");
    expect(conf, "save", "3600 1 300 100 60 10000");

    /* A value refuses: nothing happened at all. */
    pairs[1] = slice_cstr("7003");
    pairs[5] = slice_cstr("x");
    CU_ASSERT_EQUAL(config_set(conf, pairs, 3, false, &error), CONFIG_SET_FAILED);
    CU_ASSERT(slice_is(error.name, "hz"));
    CU_ASSERT_EQUAL(both.calls, 3);
    expect(conf, "port", "7001");
    config_free(conf);
}

static void changes_the_directory(void) {
    enter_home();
    struct config *conf = config_new();
    struct config_set_error error;
    struct slice pairs[] = {slice_cstr("dir"), slice_cstr("/"), slice_cstr("hz"), slice_cstr("x")};
    CU_ASSERT_EQUAL(config_set(conf, pairs, 2, true, &error), CONFIG_SET_FAILED);
    expect(conf, "dir", home);
    CU_ASSERT_EQUAL(config_set(conf, pairs, 1, true, &error), CONFIG_SET_OK);
    expect(conf, "dir", "/");
    config_free(conf);
    leave_home();
}

/* ---- REWRITE ---- */

static const char file_before[] = "# head\n"
                                  "\n"
                                  "port 17811\n"
                                  "timeout 5\n"
                                  "# two saves\n"
                                  "save 900 1\n"
                                  "save 300 10\n"
                                  "include inc*.conf\n"
                                  "hash-max-ziplist-entries 99\n"
                                  "timeout 0\n"
                                  "Tcp-Backlog 511\n"
                                  "client-output-buffer-limit normal 1mb 2 3\n"
                                  "client-output-buffer-limit pubsub 32mb 8mb 60\n"
                                  "rename-command debug \"\"\n"
                                  "  # indented\n"
                                  "list-max-ziplist-entries 3\n"
                                  "maxmemory 100kb\n"
                                  "unixsocketperm 700\n"
                                  "requirepass \"a b\"\n"
                                  "maxmemory-clients 5%\n"
                                  "bind 127.0.0.1\n"
                                  "shutdown-on-sigterm nosave now\n"
                                  "slave-priority 90\n"
                                  "\n"
                                  "# end\n";

/* With the directory in it. */
static const char file_after[] = "# head\n"
                                 "\n"
                                 "port 17811\n"
                                 "timeout 0\n"
                                 "# two saves\n"
                                 "save 1 1\n"
                                 "include inc*.conf\n"
                                 "hash-max-listpack-entries 99\n"
                                 "tcp-backlog 511\n"
                                 "client-output-buffer-limit normal 1mb 2 3\n"
                                 "client-output-buffer-limit replica 256mb 64mb 60\n"
                                 "rename-command debug \"\"\n"
                                 "  # indented\n"
                                 "# ??? list-max-ziplist-entries 3\n"
                                 "maxmemory 12345\n"
                                 "unixsocketperm 700\n"
                                 "requirepass \"a b\"\n"
                                 "maxmemory-clients 5%%\n"
                                 "bind \"\"\n"
                                 "shutdown-on-sigterm nosave now\n"
                                 "replica-priority 90\n"
                                 "\n"
                                 "# end\n"
                                 "\n"
                                 "# Generated by CONFIG REWRITE\n"
                                 "dir \"%s\"\n"
                                 "hz 33\n"
                                 "proc-title-template \"{title} \\\"x\\\"\"\n"
                                 "lfu-decay-time 3\n"
                                 "repl-backlog-size 16kb\n";

/* The file that was written says what is held. */
static void reads_as(const struct config *conf) {
    struct config *again = with_args((const char *const[]){"a.conf", NULL}, true);
    for (size_t i = 0; config_row_name(i); i++) {
        char *a = config_value(conf, i), *b = config_value(again, i);
        CU_ASSERT_STRING_EQUAL(a, b);
        mem_free(a);
        mem_free(b);
    }
    config_free(again);
}

static void rewrites_the_file(void) {
    enter_home();
    write_file("inc.conf", "lfu-decay-time 3\n");
    write_file("a.conf", file_before);
    const char *const args[] = {"a.conf", "--hz", "33", NULL};
    struct config *conf = with_args(args, true);
    CU_ASSERT_STRING_EQUAL(set(conf, "maxmemory", "12345"), "");
    CU_ASSERT_STRING_EQUAL(set(conf, "proc-title-template", "{title} \"x\""), "");
    CU_ASSERT_STRING_EQUAL(set(conf, "save", "1 1"), "");
    CU_ASSERT_STRING_EQUAL(set(conf, "bind", ""), "");
    CU_ASSERT_STRING_EQUAL(set(conf, "repl-backlog-size", "1"), "");
    CU_ASSERT(config_rewrite(conf, false, why));
    char want[4096];
    snprintf(want, sizeof want, file_after, home);
    CU_ASSERT_STRING_EQUAL(read_file("a.conf"), want);
    CU_ASSERT(config_rewrite(conf, false, why));
    CU_ASSERT_STRING_EQUAL(read_file("a.conf"), want); /* stable */

    reads_as(conf);
    CU_ASSERT(config_rewrite(conf, true, why)); /* with all that is at its default */
    CU_ASSERT(strlen(read_file("a.conf")) > 2 * strlen(want));
    reads_as(conf);
    config_free(conf);
    leave_home();
}

static void rewrites_without_a_file(void) {
    struct config *conf = config_new();
    CU_ASSERT_FALSE(config_rewrite(conf, false, why));
    CU_ASSERT_STRING_EQUAL(why, "The server is running without a config file");
    config_free(conf);
    enter_home();
    write_file("a.conf", "port 7\nsave 1 1\n");
    conf = with_args((const char *const[]){"a.conf", NULL}, true);
    unlink("a.conf");
    CU_ASSERT_STRING_EQUAL(set(conf, "save", ""), "");
    CU_ASSERT(config_rewrite(conf, false, why));
    char want[256];
    snprintf(want, sizeof want, "# Generated by CONFIG REWRITE\nport 7\ndir \"%s\"\nsave \"\"\n",
             home);
    CU_ASSERT_STRING_EQUAL(read_file("a.conf"), want);
    CU_ASSERT_EQUAL(unlink("a.conf"), 0);
    CU_ASSERT_EQUAL(mkdir("a.conf", 0700), 0);
    CU_ASSERT_FALSE(config_rewrite(conf, false, why));
    CU_ASSERT_STRING_EQUAL(why, "Rewriting config file: Is a directory");
    config_free(conf);
    leave_home();
}

/* ---- the documented file ---- */

/* The value on the line that shows a directive (behind "# " for one that has no default), or
 * NULL; in a static buffer. */
static const char *documented(const char *text, const char *name, bool *active) {
    static char line[512];
    size_t n = strlen(name);
    for (const char *p = text; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
        *active = *p != '#';
        const char *at = strncmp(p, "# ", 2) == 0 ? p + 2 : p;
        if (strncmp(at, name, n) != 0 || at[n] != ' ') continue;
        snprintf(line, sizeof line, "%.*s", (int)strcspn(at + n + 1, "\n"), at + n + 1);
        return line;
    }
    return NULL;
}

static void documents_every_directive(void) {
    char *text = read_file(TESTS_DIR "/../redis-compat.conf");
    struct config *initial = config_new(), *conf = config_new();
    if (!config_load_text(conf, slice_cstr(text), "redis-compat.conf", why)) printf("%s\n", why);
    for (size_t i = 0; config_row_name(i); i++) {
        const char *name = config_row_name(i), *first = config_row_default(i);
        bool active = false;
        const char *shown = documented(text, name, &active);
        bool needs_line = first && *first;
        bool good = shown && (active || !needs_line);
        char *a = config_value(initial, i), *b = config_value(conf, i);
        if (strcmp(name, "bind") == 0) {
            good = good && strcmp(b, "127.0.0.1 -::1") == 0;
        } else {
            good = good && strcmp(a, b) == 0;
        }
        CU_ASSERT(good);
        if (!good) printf("%s: shown '%s', is '%s', file gives '%s'\n", name, shown, a, b);
        mem_free(a);
        mem_free(b);
    }
    config_free(initial);
    config_free(conf);
}

/* ---- beside redis-server ---- */

static FILE *oracle_in, *oracle_out;

/* Reads one reply: the value of a bulk string, "OK", or an error's text. */
static void oracle_read(char *out, size_t size) {
    char head[1024];
    CU_ASSERT_PTR_NOT_NULL_FATAL(fgets(head, sizeof head, oracle_in));
    head[strcspn(head, "\r\n")] = 0;
    if (head[0] != '$') {
        snprintf(out, size, "%s", head + 1);
        return;
    }
    size_t n = strtoul(head + 1, NULL, 10);
    CU_ASSERT_FATAL(n < size);
    CU_ASSERT_EQUAL_FATAL(fread(out, 1, n, oracle_in), n);
    out[n] = 0;
    CU_ASSERT_PTR_NOT_NULL_FATAL(fgets(head, sizeof head, oracle_in));
}

static void oracle_send(const char *sub, const char *name, const char *value) {
    fprintf(oracle_out, "*%d\r\n$6\r\nCONFIG\r\n$3\r\n%s\r\n$%zu\r\n%s\r\n", value ? 4 : 3, sub,
            strlen(name), name);
    if (value) fprintf(oracle_out, "$%zu\r\n%s\r\n", strlen(value), value);
    fflush(oracle_out);
}

/* How many elements the reply to CONFIG GET has. */
static size_t oracle_count(void) {
    char head[64];
    CU_ASSERT_PTR_NOT_NULL_FATAL(fgets(head, sizeof head, oracle_in));
    return strtoul(head + 1, NULL, 10);
}

static bool oracle_get(const char *name, char *out, size_t size) {
    oracle_send("GET", name, NULL);
    if (!oracle_count()) return false;
    oracle_read(out, size);
    oracle_read(out, size);
    return true;
}

static bool is_in(const char *name, const char *const *list) {
    while (*list && strcmp(*list, name) != 0) list++;
    return *list;
}

/* Directives that the harness sets, or that hold a fact of the machine. */
static const char *const set_by_harness[] = {
    "bind", "port", "dir", "enable-debug-command", NULL,
};
/* Where setting at random would lose the connection, asks the operating system, is refused here
 * (not available) or differs from 7.0: loglevel's list grew, host names are not looked at yet. */
static const char *const not_tried[] = {
    "requirepass",
    "maxclients",
    "loglevel",
    "activedefrag",
    "bind-source-addr",
    "oom-score-adj",
    "min-replicas-to-write",
    "appendonly",
    "cluster-announce-hostname",
    NULL,
};

static void compare_default(const struct config *conf, const char *name) {
    char theirs[1024];
    if (is_in(name, set_by_harness) || !oracle_get(name, theirs, sizeof theirs)) return;
    expect(conf, name, theirs);
}

/* Sizes beyond 64 bits are refused here; Redis cuts them down, and takes some for negative. */
static bool is_size_too_big(const char *name, const char *value, const char *ours) {
    if (strncmp(value, "99999", 5) == 0 && strstr(ours, "argument must be a memory")) return true;
    return strcmp(name, "maxmemory-clients") == 0 && strcmp(value, "9223372036854775808") == 0;
}

static void compare_sets(struct config *conf, const char *name) {
    static const char *const values[] = {
        "",
        "x!",
        "0",
        "1",
        "-1",
        "7",
        "yes",
        "no",
        "YES",
        "local",
        "5%",
        "101%",
        "-1%",
        "x%",
        "1kb",
        "1k",
        "1GB",
        "3gbb",
        "1.5",
        "01",
        "+1",
        " 1",
        "1 2",
        "1 2 3",
        "1 2  3",
        "1 2 3 4",
        "99999999999999999999999",
        "-99999999999999999999999",
        "9223372036854775807",
        "9223372036854775808",
        "4294967296",
        "2147483648",
        "-2147483649",
        "save",
        "save now",
        "default",
        "default now",
        "always",
        "a/b",
        "normal 1 2 3",
        "normal 1mb 2 -3",
        "pubsub 1 2 3 slave 4 5 6",
        "normal 1 2 3 normal",
        "50 99.999",
        "50 101",
        "0 0 0",
        "-1000 0 1000",
        "{title}",
        "{title",
        "title}",
        "{title}{port}",
        "{{a",
        "{a}}",
        " ",
        "60 1 30 2",
        "60 1 30",
        "swapdb",
        "panic",
        "hostname",
        "resetchannels",
        "clients",
        NULL,
    };
    char theirs[1024];
    for (const char *const *v = values; *v; v++) {
        char ours[CONFIG_WHY_BYTES + 256] = "OK";
        const char *problem = set(conf, name, *v);
        const char *reason = strstr(problem, ": ");
        if (*problem) {
            snprintf(ours, sizeof ours,
                     "ERR CONFIG SET failed (possibly related to argument '%.*s') - %s",
                     (int)(reason - problem), problem, reason + 2);
        }
        if (is_size_too_big(name, *v, ours)) continue;
        oracle_send("SET", name, *v);
        oracle_read(theirs, sizeof theirs);
        bool same = strcmp(ours, theirs) == 0;
        CU_ASSERT(same);
        if (!same) printf("%s '%s':\n  ours:   %s\n  theirs: %s\n", name, *v, ours, theirs);
        oracle_get(name, theirs, sizeof theirs);
        expect(conf, name, theirs);
    }
}

static void answers_as_redis(void) {
    struct server *s = server_start_oracle(NULL);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)server_port(s)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    oracle_in = fdopen(fd, "r");
    oracle_out = fdopen(dup(fd), "w");

    struct config *conf = config_new();
    char name[1024], value[1024];
    oracle_send("GET", "*", NULL);
    for (size_t n = oracle_count(); n; n -= 2) {
        oracle_read(name, sizeof name);
        oracle_read(value, sizeof value);
        char *mine = get(conf, name);
        CU_ASSERT_PTR_NOT_NULL(mine);
        if (!mine) printf("%s: not served\n", name);
        mem_free(mine);
    }
    expect(conf, "save", "3600 1 300 100 60 10000");
    CU_ASSERT_STRING_EQUAL(set(conf, "save", ""), ""); /* as the oracle is started */
    for (size_t i = 0; config_row_name(i); i++) {
        compare_default(conf, config_row_name(i));
        if (config_row_alias(i)) compare_default(conf, config_row_alias(i));
    }
    for (size_t i = 0; config_row_name(i); i++) {
        const char *row = config_row_name(i);
        if (is_in(row, set_by_harness) || is_in(row, not_tried)) continue;
        if (strncmp(row, "tls-", 4) == 0 || !oracle_get(row, value, sizeof value)) continue;
        compare_sets(conf, row);
    }
    config_free(conf);
    fclose(oracle_in);
    fclose(oracle_out);
    server_stop(s);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"reads_a_file", reads_a_file},
        {"says_what_is_wrong", says_what_is_wrong},
        {"refuses_what_is_not_there", refuses_what_is_not_there},
        {"includes_files", includes_files},
        {"takes_arguments", takes_arguments},
        {"reads_standard_input", reads_standard_input},
        {"matches_names", matches_names},
        {"refuses_a_set", refuses_a_set},
        {"runs_hooks_once_and_rolls_back", runs_hooks_once_and_rolls_back},
        {"changes_the_directory", changes_the_directory},
        {"rewrites_the_file", rewrites_the_file},
        {"rewrites_without_a_file", rewrites_without_a_file},
        {"documents_every_directive", documents_every_directive},
        {"answers_as_redis", answers_as_redis},
        {NULL, NULL},
    };
    return suite_main("config", tests);
}
