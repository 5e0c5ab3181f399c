/* crash_test.c - children that die in every way, and the reports that they leave. */
#include "base/crash.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "support/suite.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[PATH_MAX];

static void first_section(int fd) {
    crash_write(fd, "section one ");
    crash_write_i64(fd, -12);
    crash_write(fd, " ");
    crash_write_hex(fd, 0xbeef);
    crash_write(fd, "\n");
}

static void second_section(int fd) { crash_write(fd, "section two\n"); }

/* Runs `die` in a child with handlers; returns its status and, in *report, its log. */
static int child_dies(void (*die)(void), char **report) {
    unlink(path);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        if (!freopen("/dev/null", "w", stderr)) _exit(1);
        log_open(path);
        crash_init("version line 1.2.3");
        crash_add_section(first_section);
        crash_add_section(second_section);
        die();
        _exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    if (file_read(path, 1 << 20, report) < 0) *report = mem_dup("", 0);
    return status;
}

static bool in_order(const char *text, const char *const *parts) {
    const char *at = text;
    for (; *parts; parts++) {
        at = strstr(at, *parts);
        if (!at) {
            printf("no \"%s\" in:\n%s\n", *parts, text);
            return false;
        }
    }
    return true;
}

static int reports_in(const char *text) {
    int n = 0;
    while ((text = strstr(text, "=== CRASH REPORT"))) n++, text++;
    return n;
}

static void die_by_segv(void) {
    volatile uintptr_t where = 0x1238;
    *(volatile int *)where = 1;
}

static void die_by_abort(void) { abort(); }

static void die_by_fpe(void) { raise(SIGFPE); }

static void die_by_bus(void) { kill(getpid(), SIGBUS); }

static void die_by_ill(void) { raise(SIGILL); }

static void die_by_panic(void) { panic("file.c", 17, "found %d, expected %s", 3, "none"); }

static void die_by_assert(void) { ASSERT(1 + 1 == 3); }

static void broken_section(int fd) {
    (void)fd;
    die_by_segv();
}

static void die_in_section(void) {
    crash_add_section(broken_section);
    abort();
}

static void *segv_thread(void *unused) {
    die_by_segv();
    return unused;
}

static void die_in_threads(void) {
    pthread_t t[3];
    for (int i = 0; i < 3; i++) pthread_create(&t[i], NULL, segv_thread, NULL);
    for (int i = 0; i < 3; i++) pthread_join(t[i], NULL);
}

static void check(void (*die)(void), int signal_number, const char *reason) {
    char *report;
    int status = child_dies(die, &report);
    CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == signal_number);
    const char *const parts[] = {"CRASH REPORT",
                                 "version line 1.2.3\n",
                                 reason,
                                 "STACK TRACE:\n",
                                 "section one -12 0xbeef\n",
                                 "section two\n",
                                 "END",
                                 NULL};
    CU_ASSERT(in_order(report, parts));
    CU_ASSERT_EQUAL(reports_in(report), 1);
    mem_free(report);
}

static void signals_are_reported(void) {
    check(die_by_segv, SIGSEGV, "(SIGSEGV) at address 0x1238, program counter 0x");
    check(die_by_abort, SIGABRT, "(SIGABRT)");
    check(die_by_fpe, SIGFPE, "(SIGFPE)");
    check(die_by_bus, SIGBUS, "(SIGBUS) sent by process");
    check(die_by_ill, SIGILL, "(SIGILL)");
}

static void panics_are_reported(void) {
    check(die_by_panic, SIGABRT, "panic at file.c:17: found 3, expected none\n");
    check(die_by_assert, SIGABRT, "assertion failed: 1 + 1 == 3\n");
}

static void one_report_from_many_threads(void) { check(die_in_threads, SIGSEGV, "(SIGSEGV)"); }

static void a_crash_inside_the_report_ends_it(void) {
    char *report;
    int status = child_dies(die_in_section, &report);
    CU_ASSERT(WIFSIGNALED(status));
    const char *const parts[] = {"CRASH REPORT", "section two\n", NULL};
    CU_ASSERT(in_order(report, parts));
    CU_ASSERT_EQUAL(reports_in(report), 1);
    CU_ASSERT_PTR_NULL(strstr(report, "END"));
    mem_free(report);
}

static void die_without_handlers(void) {
    crash_fini();
    abort();
}

static void handlers_can_be_taken_away(void) {
    char *report;
    int status = child_dies(die_without_handlers, &report);
    CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CU_ASSERT_STRING_EQUAL(report, "");
    mem_free(report);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"signals_are_reported", signals_are_reported},
        {"panics_are_reported", panics_are_reported},
        {"one_report_from_many_threads", one_report_from_many_threads},
        {"a_crash_inside_the_report_ends_it", a_crash_inside_the_report_ends_it},
        {"handlers_can_be_taken_away", handlers_can_be_taken_away},
        {NULL, NULL},
    };
    const char *tmp = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/crash-%d", tmp ? tmp : "/tmp", (int)getpid());
    int rc = suite_main("crash", tests);
    unlink(path);
    return rc;
}
