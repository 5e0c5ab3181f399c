/* sync_test.c - a sync of the append log fails, and the disk has lost what it was to write; or the
 * disk is slow.
 *
 * The library beside this program (shim.c) lets one sync fail, and turns what it was for into
 * zeros. The next sync succeeds, as it does on a real disk; who takes that for good has lost data.
 *
 *     always      the server ends; what it acknowledged is there at the next start
 *     everysec    writes are refused (MISCONF) until a rewrite has made a new base; then the server
 * is killed, and everything is there, what the failed sync was for included
 *
 * Each is done for the first syncs one after the other, plain and encrypted. On a slow disk nobody
 * waits for files while a rewrite opens, names and removes them.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crash/key.h"
#include "integration/replies.h"
#include "support/client.h"
#include "support/suite.h"

#define PATH_BYTES 512
#define WRITES_MAX 3000
#define SLOW_MS 200
#define HANG_MS 3000 /* more than the two seconds of everysec */
#define SYNCS 6      /* the first, the second ... of a file of commands is the one that fails */

static char key_file[] = "/tmp/sync-key-XXXXXX";
static const char *const always[] = {"--appendonly", "yes", "--appendfsync", "always", NULL};
static const char *const always_encrypted[] = {
    "--appendonly", "yes", "--appendfsync", "always", "--aof-key-file", key_file, NULL};
static const char *const everysec[] = {
    "--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0", NULL};
static const char *const everysec_encrypted[] = {"--appendonly",
                                                 "yes",
                                                 "--appendfsync",
                                                 "everysec",
                                                 "--auto-aof-rewrite-percentage",
                                                 "0",
                                                 "--aof-key-file",
                                                 key_file,
                                                 NULL};

static void set_number(const char *name, int v) {
    char text[32];
    snprintf(text, sizeof text, "%d", v);
    setenv(name, text, 1);
}

static void restart_on_shim(struct server *s, const char *const args[]) {
    char library[PATH_BYTES];
    ssize_t bytes = readlink("/proc/self/exe", library, sizeof library - 16);
    CU_ASSERT_TRUE_FATAL(bytes > 0);
    library[bytes] = 0;
    strcpy(strrchr(library, '/'), "/shim.so");
    setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
    setenv("LD_PRELOAD", library, 1);
    server_restart(s, args);
    unsetenv("LD_PRELOAD");
}

/* A new server on the shim, which does that much of one thing. */
static struct server *start_on_shim(const char *const args[], const char *what, int v) {
    struct server *s = server_start(args);
    set_number(what, v);
    restart_on_shim(s, args);
    unsetenv(what);
    return s;
}

/* Kills the server; the next one has so many keys. */
static void end_and_count(struct server *s, const char *const args[], int keys) {
    server_signal(s, SIGKILL);
    server_wait(s, 20000);
    server_restart(s, args);
    redisContext *c = client_open(s);
    expect_int(c, keys, "DBSIZE");
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* Starts the server so that its n-th sync fails, and the others after it, `failures` in all. */
static void restart_failing(struct server *s, const char *const args[], int n, int error,
                            int failures) {
    set_number("SHIM_SYNC_FAIL_AT", n);
    set_number("SHIM_SYNC_ERRNO", error);
    set_number("SHIM_SYNC_FAILURES", failures);
    restart_on_shim(s, args);
    unsetenv("SHIM_SYNC_FAIL_AT");
}

/* Writes 1, 2, ... until the server is gone or refuses; the last number that was acknowledged. */
static int write_on(redisContext *c, int from, redisReply **refusal) {
    int acknowledged = from;
    *refusal = NULL;
    while (acknowledged < from + WRITES_MAX) {
        redisReply *r = redisCommand(c, "RPUSH list %d", acknowledged + 1);
        if (!r) break;
        if (r->type == REDIS_REPLY_ERROR) {
            *refusal = r;
            break;
        }
        freeReplyObject(r);
        acknowledged++;
    }
    return acknowledged;
}

/* The list is 1, 2, ... up to what was acknowledged, or one that was under way. */
static void expect_list(redisContext *c, int acknowledged) {
    redisReply *r = cmd(c, "LRANGE list 0 -1");
    bool right = (int)r->elements == acknowledged || (int)r->elements == acknowledged + 1;
    for (size_t i = 0; i < r->elements; i++)
        right = right && atoi(r->element[i]->str) == (int)i + 1;
    if (!right) printf("acknowledged %d, found %zu\n", acknowledged, r->elements);
    CU_ASSERT_TRUE(right);
    freeReplyObject(r);
}

static void ends_and_keeps_its_word(const char *const args[]) {
    struct server *s = server_start(args);
    for (int n = 1; n <= SYNCS; n++) {
        redisContext *c = client_open(s);
        redisReply *r = cmd(c, "FLUSHALL");
        freeReplyObject(r);
        redisFree(c);
        server_signal(s, SIGTERM);
        server_wait(s, 20000);
        restart_failing(s, args, n + 1, n % 2 ? EIO : ENOSPC, 1);
        c = client_open(s);
        int acknowledged = write_on(c, 0, &r);
        CU_ASSERT_PTR_NULL(r);
        CU_ASSERT_TRUE(acknowledged < WRITES_MAX);
        redisFree(c);
        CU_ASSERT_EQUAL(server_wait(s, 20000), 1);
        CU_ASSERT_TRUE(server_log_has(s, "cannot sync the append log: ", 1000));
        server_restart(s, args);
        c = client_open(s);
        expect_list(c, acknowledged);
        redisFree(c);
    }
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

/* Writes until it is refused; then until it is not. */
static void refuses_until_there_is_a_base(const char *const args[], int n, int failures) {
    struct server *s = server_start(args);
    server_signal(s, SIGTERM);
    server_wait(s, 20000);
    restart_failing(s, args, n, n % 2 ? EIO : ENOSPC, failures);
    redisContext *c = client_open(s);
    redisReply *r = NULL;
    int acknowledged = 0, refusals = 0;
    for (int i = 0; i < 2000 && !r; i++) {
        redisReply *added = redisCommand(c, "RPUSH list %d", acknowledged + 1);
        if (added && added->type == REDIS_REPLY_ERROR) {
            r = added;
            break;
        }
        freeReplyObject(added);
        acknowledged++;
        server_sleep_ms(5);
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(r);
    CU_ASSERT_STRING_EQUAL(r->str,
                           n % 2 ? "MISCONF Errors writing to the AOF file: Input/output error"
                                 : "MISCONF Errors writing to the AOF file: No space left on "
                                   "device");
    freeReplyObject(r);
    for (bool again = true; again && refusals < 2000; refusals++) {
        r = cmd(c, "RPUSH list %d", acknowledged + 1);
        again = r->type == REDIS_REPLY_ERROR;
        freeReplyObject(r);
        if (again) server_sleep_ms(5);
    }
    acknowledged++;
    CU_ASSERT_TRUE(server_log_has(s, "the append log was rewritten", 1000));
    CU_ASSERT_TRUE(server_log_has(s, "the append log can be written again", 1000));
    acknowledged++;
    expect_int(c, acknowledged, "RPUSH list %d", acknowledged);
    r = cmd(c, "WAITAOF 1 0 5000"); /* on disk */
    CU_ASSERT_EQUAL(r->element[0]->integer, 1);
    freeReplyObject(r);
    redisFree(c);
    server_signal(s, SIGKILL);
    server_wait(s, 20000);
    server_restart(s, args);
    c = client_open(s);
    expect_list(c, acknowledged);
    redisFree(c);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

static void always_ends(void) { ends_and_keeps_its_word(always); }

static void always_encrypted_ends(void) { ends_and_keeps_its_word(always_encrypted); }

/* The first sync of commands; a later one; the first, and the one of that file when a rewrite
 * leaves it. (An encrypted file is synced when it is begun, too.) */
static void everysec_refuses(void) {
    refuses_until_there_is_a_base(everysec, 1, 1);
    refuses_until_there_is_a_base(everysec, 2, 1);
    refuses_until_there_is_a_base(everysec, 1, 2);
}

static void everysec_encrypted_refuses(void) {
    refuses_until_there_is_a_base(everysec_encrypted, 2, 1);
    refuses_until_there_is_a_base(everysec_encrypted, 2, 2); /* nor can a rewrite begin at first */
}

/* How long the server took at worst to answer, from `command` on until it has made the number
 * `field` of INFO persistence rise; ms. */
static int64_t worst_answer_ms(redisContext *c, const char *command, const char *field) {
    int64_t before = info_number(c, "persistence", field);
    int64_t begun_ms = server_now_ms(), asked_ms = begun_ms, worst_ms = 0;
    freeReplyObject(cmd(c, command));
    for (bool done = false; !done && asked_ms < begun_ms + 60000;) {
        int64_t now_ms = server_now_ms();
        if (now_ms - asked_ms > worst_ms) worst_ms = now_ms - asked_ms;
        asked_ms = now_ms;
        done = info_number(c, "persistence", field) > before;
    }
    CU_ASSERT_TRUE(asked_ms < begun_ms + 60000);
    return worst_ms;
}

static void a_slow_disk_stalls_nobody(void) {
    struct server *s = start_on_shim(everysec, "SHIM_SLOW_MS", SLOW_MS);
    redisContext *c = client_open(s);
    for (int i = 0; i < 100; i++) expect_ok(c, "SET k%d v", i);
    CU_ASSERT_TRUE(worst_answer_ms(c, "BGREWRITEAOF", "aof_rewrites") < SLOW_MS);
    CU_ASSERT_TRUE(worst_answer_ms(c, "BGSAVE", "rdb_saves") < SLOW_MS);
    redisFree(c);
    end_and_count(s, everysec, 100);
}

/* The second's sync does not come back: who writes waits for it, so that what a power failure takes
 * has a bound. */
static void a_hanging_disk_stalls_who_writes(void) {
    struct server *s = start_on_shim(everysec, "SHIM_DATASYNC_MS", HANG_MS);
    redisContext *c = client_open(s);
    int64_t begun_ms = server_now_ms(), worst_ms = 0;
    bool behind = false;
    for (bool last = false; !last && server_now_ms() < begun_ms + 20000;) {
        last = behind; /* this one waits, or the one before has waited */
        int64_t asked_ms = server_now_ms();
        freeReplyObject(cmd(c, "INCR n"));
        if (server_now_ms() - asked_ms > worst_ms) worst_ms = server_now_ms() - asked_ms;
        behind = info_number(c, "persistence", "aof_delayed_fsync") != 0;
    }
    CU_ASSERT(worst_ms >= HANG_MS / 10);
    CU_ASSERT_EQUAL(info_number(c, "persistence", "aof_delayed_fsync"), 1);
    redisFree(c);
    end_and_count(s, everysec, 1);
}

/* A manifest is in place and may be lost: whatever it and the one before it name stays. If it is
 * the one that ends a rewrite, another rewrite is to follow. */
static void leave_in_doubt(int manifest, bool ends) {
    struct server *s = start_on_shim(always, "SHIM_MANIFEST_FAIL_AT", manifest);
    redisContext *c = client_open(s);
    for (int i = 0; i < 100; i++) expect_ok(c, "SET k%d v", i);
    freeReplyObject(cmd(c, "BGREWRITEAOF"));
    int64_t begun_ms = server_now_ms();
    while (info_number(c, "persistence", "aof_rewrite_in_progress") &&
           server_now_ms() < begun_ms + 20000) {
        usleep(1000);
    }
    CU_ASSERT_EQUAL(info_number(c, "persistence", "aof_rewrite_scheduled"), ends);
    expect_ok(c, "SET later v");
    redisFree(c);
    end_and_count(s, always, 101);
}

static void a_manifest_in_doubt_keeps_both(void) {
    leave_in_doubt(2, false); /* behind the start's: that names the next file of commands */
    leave_in_doubt(3, true);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"always_ends", always_ends},
        {"always_encrypted_ends", always_encrypted_ends},
        {"everysec_refuses", everysec_refuses},
        {"everysec_encrypted_refuses", everysec_encrypted_refuses},
        {"a_slow_disk_stalls_nobody", a_slow_disk_stalls_nobody},
        {"a_hanging_disk_stalls_who_writes", a_hanging_disk_stalls_who_writes},
        {"a_manifest_in_doubt_keeps_both", a_manifest_in_doubt_keeps_both},
        {NULL, NULL},
    };
    if (!key_make(key_file)) return 1;
    int status = suite_main("sync", tests);
    unlink(key_file);
    return status;
}
