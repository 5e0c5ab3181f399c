/* relog.c - see relog.h. */
#include "relog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keyspace.h"
#include "resp.h"

/* Streams have times of when consumers were seen, which are those of loading. */
#define SLACK_MS 3600000
#define REWRITE_MS_MAX 20000

const char *const relog_args[] = {"--save",
                                  "",
                                  "--enable-debug-command",
                                  "yes",
                                  "--slowlog-log-slower-than",
                                  "-1",
                                  "--appendonly",
                                  "yes",
                                  "--appendfsync",
                                  "no",
                                  "--auto-aof-rewrite-percentage",
                                  "0",
                                  NULL};

static bool copy_log(struct server *from, struct server *to) {
    struct text command = {0};
    text_fmt(&command, "rm -rf %s/appendonlydir && cp -r %s/appendonlydir %s/", server_dir(to),
             server_dir(from), server_dir(to));
    bool ok = system(text_z(&command)) == 0;
    text_free(&command);
    return ok;
}

/* Rewrites follow each other while commands run, slowly, so that they run beside many. */
static void set_rewriting(struct link *admin, bool on) {
    const char *const words[] = {"CONFIG",
                                 "SET",
                                 "auto-aof-rewrite-min-size",
                                 "1",
                                 "rdb-key-save-delay",
                                 on ? "1000" : "0",
                                 "auto-aof-rewrite-percentage",
                                 on ? "1" : "0",
                                 NULL};
    link_command(admin, words);
}

static bool is_rewriting(struct link *admin) {
    static const char *const words[] = {"INFO", "persistence", NULL};
    struct text info = {0};
    struct span reply = link_command(admin, words);
    text_add(&info, reply.p, reply.n);
    bool yes = strstr(text_z(&info), "aof_rewrite_in_progress:1");
    text_free(&info);
    return yes;
}

/* Lets the files rest. */
static bool end_rewriting(struct link *admin) {
    set_rewriting(admin, false);
    for (int i = 0; i < REWRITE_MS_MAX && is_rewriting(admin); i++) server_sleep_ms(1);
    return !is_rewriting(admin);
}

/* All that was told is in the files. */
static bool settle(struct link *admin) {
    static const char *const words[] = {"WAITAOF", "1", "0", "10000", NULL};
    return link_command(admin, words).n > 0;
}

static bool compare(struct link *admin, struct server *loaded, struct text *why) {
    struct link other = {.fd = -1};
    struct link *both[SIDES] = {[ORACLE] = &other, [OURS] = admin};
    if (!link_open(&other, server_port(loaded))) model_die("no connection to what was loaded");
    bool ok = keyspace_equal(both, (struct leeway){0, SLACK_MS, true}, why);
    link_fini(&other);
    return ok;
}

/* The value of a directive that changes what commands make of their arguments. */
static void ask_config(struct link *admin, const char *name, struct text *value) {
    const char *const words[] = {"CONFIG", "GET", name, NULL};
    struct span *v = NULL, text = {"", 0};
    size_t n = 0;
    struct span reply = link_command(admin, words);
    if (resp_elements(reply, &v, &n) && n == 2) resp_string(v[2], &text);
    text_add(value, text.p, text.n);
    free(v);
}

static bool check_one(struct server *ours, struct link *admin, bool oracle, struct text *why) {
    struct text sparse = {0};
    ask_config(admin, "hll-sparse-max-bytes", &sparse);
    const char *const args[] = {"--appendonly",           "yes",    "--hll-sparse-max-bytes",
                                text_z(&sparse),          "--save", "",
                                "--enable-debug-command", "yes",    NULL};
    struct server *s = oracle ? server_start_oracle(NULL) : server_start(NULL);
    if (!copy_log(ours, s)) model_die("the log cannot be copied");
    server_restart(s, args);
    text_free(&sparse);
    bool ok = compare(admin, s, why);
    if (server_stop(s) != 0) {
        text_cstr(why, "; the server that loaded it did not end well");
        ok = false;
    }
    if (!ok)
        text_fmt(why, " (\"oracle\" is %s that has loaded the log)", oracle ? "redis" : "ours");
    return ok;
}

bool relog_check(struct server *ours, struct link *admin, bool with_oracle, struct text *why) {
    if (!end_rewriting(admin) || !settle(admin)) {
        text_cstr(why, "the log does not come to rest");
        return false;
    }
    bool ok =
        check_one(ours, admin, false, why) && (!with_oracle || check_one(ours, admin, true, why));
    set_rewriting(admin, true);
    return ok;
}
