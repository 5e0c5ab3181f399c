/* log_test.c - lines in a file, rotation, repeats, and a reader that does not read. */
#define _GNU_SOURCE
#include "base/log.h"

#include "base/file.h"
#include "base/mem.h"
#include "support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static char path[PATH_MAX], moved[PATH_MAX];

static char *content_of(const char *name) {
    char *content;
    return file_read(name, 1 << 20, &content) < 0 ? mem_dup("", 0) : content;
}

static bool file_matches(const char *name, const char *pattern) {
    regex_t re;
    char *content = content_of(name);
    if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB)) return false;
    bool matches = regexec(&re, content, 0, NULL, 0) == 0;
    if (!matches) printf("no match for %s in:\n%s\n", pattern, content);
    regfree(&re);
    mem_free(content);
    return matches;
}

static int lines_in(const char *name) {
    char *content = content_of(name);
    int n = 0;
    for (char *p = content; *p; p++) n += *p == '\n';
    mem_free(content);
    return n;
}

static void start_file(void) {
    unlink(path);
    CU_ASSERT_EQUAL_FATAL(log_open(path), 0);
}

static void lines_have_redis_form(void) {
    start_file();
    log_set_role('S');
    log_warning("answer %d", 42);
    log_set_role('M');
    log_notice("two\nlines\x1b[31m");
    char pattern[200];
    snprintf(pattern, sizeof pattern,
             "^%d:S [0-3][0-9] [A-Z][a-z]{2} 20[0-9]{2} [0-9:]{8}\\.[0-9]{3} # answer 42\n"
             "%d:M .* \\* two\\?lines\\?\\[31m\n$",
             (int)getpid(), (int)getpid());
    CU_ASSERT(file_matches(path, pattern));
}

static void levels_are_thresholds(void) {
    start_file();
    for (int t = LOG_LEVEL_DEBUG; t <= LOG_LEVEL_NOTHING; t++) {
        log_set_level((enum log_level)t);
        CU_ASSERT_EQUAL(log_get_level(), t);
        log_debug("%s", "d");
        log_verbose("%s", "v");
        log_notice("%s", "n");
        log_warning("%s", "w");
        enum log_level back;
        CU_ASSERT(log_parse_level(slice_cstr(log_level_name((enum log_level)t)), &back));
        CU_ASSERT_EQUAL((int)back, t);
    }
    log_set_level(LOG_LEVEL_NOTICE);
    CU_ASSERT_EQUAL(lines_in(path), 4 + 3 + 2 + 1);
    CU_ASSERT(file_matches(path, "^.* \\. d\n.* - v\n.* \\* n\n.* # w\n"));
    enum log_level unused;
    CU_ASSERT_FALSE(log_parse_level(slice_cstr("loud"), &unused));
}

static void long_lines_are_cut(void) {
    static char text[5000];
    memset(text, 'x', sizeof text - 1);
    start_file();
    log_warning("%s", text);
    log_warning("short");
    char *content = content_of(path);
    CU_ASSERT_EQUAL(lines_in(path), 2);
    CU_ASSERT(strchr(content, '\n') - content < LOG_LINE_BYTES_MAX);
    mem_free(content);
    CU_ASSERT(file_matches(path, "short\n$"));
}

static void wait_ms(int ms) {
    struct timespec t = {ms / 1000, ms % 1000 * 1000000l};
    nanosleep(&t, NULL);
}

static void rotation_is_followed(void) {
    start_file();
    log_warning("before");
    rename(path, moved);
    log_reopen();
    log_warning("behind a signal");
    CU_ASSERT(file_matches(moved, "before\n$"));
    CU_ASSERT(file_matches(path, "^[^\n]*behind a signal\n$"));
    rename(path, moved);
    wait_ms(1010); /* the path is looked at once a second */
    log_warning("without one");
    CU_ASSERT(file_matches(path, "^[^\n]*without one\n$"));
    unlink(moved);
}

static void a_bad_path_changes_nothing(void) {
    start_file();
    CU_ASSERT_EQUAL(log_open("/nonexistent/dir/log"), -ENOENT);
    log_warning("still here");
    CU_ASSERT(file_matches(path, "still here\n$"));
    CU_ASSERT_FALSE(log_set_syslog("x", "lunch"));
    CU_ASSERT(log_is_facility("LOCAL0"));
}

static void repeats_are_left_out(void) {
    start_file();
    struct log_limit limit = {.period_ms = 50};
    for (int i = 0; i < 100; i++) log_ratelimited(&limit, LOG_LEVEL_WARNING, "again %d", i);
    CU_ASSERT_EQUAL(lines_in(path), 1);
    wait_ms(60);
    log_ratelimited(&limit, LOG_LEVEL_WARNING, "last");
    CU_ASSERT(file_matches(path, "again 0\n.* last \\([0-9]+ such lines left out\\)\n$"));
    CU_ASSERT_EQUAL(lines_in(path), 2);
}

/* Standard output becomes a pipe that nobody reads; logging goes on without it. */
static void a_full_pipe_does_not_block(void) {
    int ends[2], saved = dup(STDOUT_FILENO);
    fflush(stdout);
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    dup2(ends[1], STDOUT_FILENO);
    log_open("");
    for (int i = 0; i < 5000; i++) log_warning("line %d of many, to fill the pipe", i);
    static char buf[1 << 20];
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    ssize_t n = read(ends[0], buf, sizeof buf - 1);
    log_warning("free again");
    ssize_t more = read(ends[0], buf + n, sizeof buf - 1 - (size_t)n);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(ends[0]);
    close(ends[1]);
    CU_ASSERT_FATAL(n > 0 && more > 0);
    buf[n + more] = 0;
    CU_ASSERT_PTR_NOT_NULL(strstr(buf + n, "log lines were dropped"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf + n, "free again\n"));
}

static void *write_lines(void *unused) {
    for (int i = 0; i < 500; i++) log_warning("0123456789 line of a thread 0123456789");
    return unused;
}

static void threads_do_not_mix(void) {
    pthread_t t[4];
    start_file();
    for (int i = 0; i < 4; i++) pthread_create(&t[i], NULL, write_lines, NULL);
    for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
    CU_ASSERT_EQUAL(lines_in(path), 2000);
    CU_ASSERT(
        file_matches(path, "^([0-9]+:M [^\n]* # 0123456789 line of a thread 0123456789\n)+$"));
}

int main(void) {
    static const struct suite_test tests[] = {
        {"lines_have_redis_form", lines_have_redis_form},
        {"levels_are_thresholds", levels_are_thresholds},
        {"long_lines_are_cut", long_lines_are_cut},
        {"rotation_is_followed", rotation_is_followed},
        {"a_bad_path_changes_nothing", a_bad_path_changes_nothing},
        {"repeats_are_left_out", repeats_are_left_out},
        {"a_full_pipe_does_not_block", a_full_pipe_does_not_block},
        {"threads_do_not_mix", threads_do_not_mix},
        {NULL, NULL},
    };
    const char *tmp = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/log-%d", tmp ? tmp : "/tmp", (int)getpid());
    snprintf(moved, sizeof moved, "%s/log-%d.1", tmp ? tmp : "/tmp", (int)getpid());
    int rc = suite_main("log", tests);
    log_open("");
    unlink(path);
    return rc;
}
