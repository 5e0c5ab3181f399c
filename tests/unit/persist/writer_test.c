/* writer_test.c - the log's thread: order, groups, syncs, files that follow each other, errors. */
#include "persist/writer.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "support/suite.h"
#include "wire/aof.h"

#define FILE_BYTES_MAX (1024 * 1024)

static char dir[] = "/tmp/writer-XXXXXX";
static char first[64], second[64];

/* In the place of libc's. */
static atomic_int syncs_to_fail, sync_ms;
int fdatasync(int fd) {
    if (atomic_load(&sync_ms)) usleep((useconds_t)atomic_load(&sync_ms) * 1000);
    if (atomic_load(&syncs_to_fail) <= 0) return fsync(fd);
    atomic_fetch_sub(&syncs_to_fail, 1);
    errno = EIO;
    return -1;
}

static void woken(void *ctx) { __atomic_add_fetch((int *)ctx, 1, __ATOMIC_SEQ_CST); }

static struct outfile *open_file(const char *path) {
    struct outfile *f = NULL;
    CU_ASSERT_EQUAL_FATAL(outfile_open(path, NULL, &f), 0);
    return f;
}

/* The bytes of all groups of a file, each of which must be right; the caller frees. */
static char *contents(const char *path) {
    char *bytes = malloc(FILE_BYTES_MAX), *out = calloc(1, FILE_BYTES_MAX);
    FILE *f = fopen(path, "rb");
    size_t n = fread(bytes, 1, FILE_BYTES_MAX, f), len = 0;
    fclose(f);
    const char *at = bytes, *end = bytes + n;
    while (at < end) {
        struct aof_group g;
        bool is_group = aof_take_group(&at, end, &g) && aof_group_is_right(&g, at, end);
        CU_ASSERT_TRUE_FATAL(is_group);
        memcpy(out + len, at, g.bytes);
        len += g.bytes;
        at += g.bytes;
    }
    free(bytes);
    return out;
}

static void everything_is_there_in_order(void) {
    int wakes = 0;
    char want[40000] = "", word[32];
    struct log_writer *w = log_writer_new(open_file(first), 100, woken, &wakes);
    log_writer_set_sync(w, LOG_SYNC_ALWAYS);
    uint64_t end = 100;
    for (int i = 0; i < 5000; i++) {
        int n = snprintf(word, sizeof word, "%d,", i);
        strcat(want + (end - 100), word);
        end += (uint64_t)n;
        log_writer_append(w, word, (size_t)n, end);
        if (i % 1000 == 999) CU_ASSERT_TRUE(log_writer_finish(w));
    }
    struct log_writer_state s = log_writer_state(w);
    CU_ASSERT_EQUAL(s.synced, end);
    CU_ASSERT_EQUAL(s.waiting_bytes, 0);
    log_writer_free(w);
    CU_ASSERT_TRUE(wakes > 0);
    char *have = contents(first);
    CU_ASSERT_STRING_EQUAL(have, want);
    free(have);
}

static uint64_t written(struct log_writer *w) { return log_writer_state(w).written; }
static uint64_t synced(struct log_writer *w) { return log_writer_state(w).synced; }

/* Until it is written, or synced, up to there. */
static void wait_until(uint64_t (*how_far)(struct log_writer *w), struct log_writer *w,
                       uint64_t end) {
    struct timespec moment = {0, 1000000};
    for (int ms = 0; how_far(w) < end && ms < 5000; ms++) nanosleep(&moment, NULL);
    CU_ASSERT_EQUAL(how_far(w), end);
}

/* Whoever waits for what is written hears of it before the second's sync, and who hurries that. */
static void a_second_is_synced_beside(void) {
    int wakes = 0;
    unlink(first);
    struct log_writer *w = log_writer_new(open_file(first), 0, woken, &wakes);
    log_writer_append(w, "never", 5, 5);
    wait_until(written, w, 5);
    CU_ASSERT_EQUAL(log_writer_state(w).synced, 0);
    log_writer_set_sync(w, LOG_SYNC_EVERY_SECOND);
    wait_until(synced, w, 5);
    for (uint64_t end = 6; end < 57; end++) { /* far less than a second each */
        log_writer_append(w, ",", 1, end);
        log_writer_hurry(w);
        wait_until(synced, w, end);
    }
    log_writer_free(w);
    CU_ASSERT_TRUE(wakes >= 50);
    char *have = contents(first);
    CU_ASSERT_EQUAL(strlen(have), 56);
    free(have);
}

/* It may be waiting for more when a group need not be synced any more: it is not for what comes
 * then. */
static void nobody_gathers_for_the_second(void) {
    int wakes = 0;
    uint64_t end = 0;
    static char many[1000];
    unlink(first);
    struct log_writer *w = log_writer_new(open_file(first), 0, woken, &wakes);
    atomic_store(&sync_ms, 4);
    for (int i = 0; i < 20; i++) {
        log_writer_set_sync(w, LOG_SYNC_ALWAYS);
        log_writer_append(w, many, sizeof many, end += sizeof many);
        wait_until(synced, w, end);
        log_writer_append(w, ",", 1, ++end);
        usleep(200);
        log_writer_set_sync(w, LOG_SYNC_EVERY_SECOND);
        wait_until(written, w, end);
        for (int k = 0; k < 3; k++) {
            log_writer_append(w, ",", 1, ++end);
            wait_until(written, w, end);
        }
    }
    atomic_store(&sync_ms, 0);
    log_writer_free(w);
}

/* How long the disk takes is told while it does. */
static void a_long_sync_is_seen(void) {
    int wakes = 0;
    struct timespec moment = {0, 1000000};
    unlink(first);
    struct log_writer *w = log_writer_new(open_file(first), 0, woken, &wakes);
    atomic_store(&sync_ms, 200);
    log_writer_append(w, "one", 3, 3);
    log_writer_hurry(w);
    for (int i = 0; !log_writer_state(w).syncing_since_ms && i < 5000; i++)
        nanosleep(&moment, NULL);
    CU_ASSERT(log_writer_state(w).syncing_since_ms > 0);
    log_writer_append(w, "two", 3, 6);
    wait_until(written, w, 6);
    wait_until(synced, w, 3);
    CU_ASSERT_EQUAL(log_writer_state(w).syncing_since_ms, 0);
    atomic_store(&sync_ms, 0);
    log_writer_free(w);
}

static void what_follows_a_switch_is_in_the_next_file(void) {
    int wakes = 0;
    unlink(first);
    struct log_writer *w = log_writer_new(open_file(first), 0, woken, &wakes);
    log_writer_append(w, "one", 3, 3);
    log_writer_switch(w, open_file(second));
    log_writer_append(w, "two", 3, 6);
    CU_ASSERT_TRUE(log_writer_finish(w));
    CU_ASSERT_EQUAL(log_writer_state(w).synced, 6);
    log_writer_free(w);
    char *a = contents(first), *b = contents(second);
    CU_ASSERT_STRING_EQUAL(a, "one");
    CU_ASSERT_STRING_EQUAL(b, "two");
    free(a);
    free(b);
}

/* What does not fit leaves nothing behind, and is written when there is room. */
static void a_full_disk_is_waited_for(void) {
    int wakes = 0;
    char block[4000];
    struct rlimit tight = {2000, RLIM_INFINITY}, wide = {RLIM_INFINITY, RLIM_INFINITY};
    memset(block, 'x', sizeof block);
    unlink(first);
    signal(SIGXFSZ, SIG_IGN);
    struct log_writer *w = log_writer_new(open_file(first), 0, woken, &wakes);
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &tight), 0);
    log_writer_append(w, block, sizeof block, sizeof block);
    CU_ASSERT_FALSE(log_writer_finish(w));
    CU_ASSERT_TRUE(log_writer_state(w).write_error < 0);
    CU_ASSERT_EQUAL(log_writer_state(w).synced, 0);
    char *none = contents(first);
    CU_ASSERT_EQUAL(*none, 0);
    free(none);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &wide), 0);
    struct timespec moment = {0, 10000000};
    for (int i = 0; i < 500 && log_writer_state(w).synced == 0; i++) {
        log_writer_hurry(w);
        nanosleep(&moment, NULL);
    }
    CU_ASSERT_EQUAL(log_writer_state(w).write_error, 0);
    CU_ASSERT_EQUAL(log_writer_state(w).synced, sizeof block);
    log_writer_free(w);
    char *all = contents(first);
    CU_ASSERT_EQUAL(strlen(all), sizeof block);
    free(all);
}

/* Nothing is synced any more, whatever later syncs say, before a base has all that may be lost. */
static void a_failed_sync_is_not_forgotten(void) {
    int wakes = 0;
    unlink(first);
    unlink(second);
    struct log_writer *w = log_writer_new(open_file(first), 0, woken, &wakes);
    log_writer_append(w, "one", 3, 3);
    CU_ASSERT_TRUE(log_writer_finish(w));
    atomic_store(&syncs_to_fail, 1);
    log_writer_append(w, "two", 3, 6);
    CU_ASSERT_FALSE(log_writer_finish(w));
    log_writer_append(w, "three", 5, 11);
    CU_ASSERT_FALSE(log_writer_finish(w));
    CU_ASSERT_EQUAL(log_writer_state(w).sync_error, -EIO);
    CU_ASSERT_EQUAL(log_writer_state(w).synced, 3);
    log_writer_forgive(w, 5); /* a base that was begun before */
    CU_ASSERT_EQUAL(log_writer_state(w).sync_error, -EIO);
    CU_ASSERT_FALSE(log_writer_finish(w));
    CU_ASSERT_EQUAL(log_writer_state(w).synced, 5);
    log_writer_switch(w, open_file(second));
    log_writer_append(w, "four", 4, 15);
    CU_ASSERT_FALSE(log_writer_finish(w));
    log_writer_forgive(w, 11);
    CU_ASSERT_EQUAL(log_writer_state(w).sync_error, 0);
    CU_ASSERT_TRUE(log_writer_finish(w));
    CU_ASSERT_EQUAL(log_writer_state(w).synced, 15);
    log_writer_free(w);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"everything_is_there_in_order", everything_is_there_in_order},
        {"a_second_is_synced_beside", a_second_is_synced_beside},
        {"nobody_gathers_for_the_second", nobody_gathers_for_the_second},
        {"a_long_sync_is_seen", a_long_sync_is_seen},
        {"what_follows_a_switch_is_in_the_next_file", what_follows_a_switch_is_in_the_next_file},
        {"a_full_disk_is_waited_for", a_full_disk_is_waited_for},
        {"a_failed_sync_is_not_forgotten", a_failed_sync_is_not_forgotten},
        {NULL, NULL},
    };
    mem_thread_init();
    if (!mkdtemp(dir)) return 1;
    snprintf(first, sizeof first, "%s/first", dir);
    snprintf(second, sizeof second, "%s/second", dir);
    int status = suite_main("writer", tests);
    unlink(first);
    unlink(second);
    rmdir(dir);
    return status;
}
