/* suite.c - runs a list of tests through CUnit, with a deadline. See suite.h.
 *
 * S1  The alarm handler makes async-signal-safe calls only.
 * S2  A failure is printed when its test ends, so that a later crash does not hide it.
 * Threads: the main thread only.
 */
#include "suite.h"

#include <CUnit/TestRun.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SUITE_SECONDS_DEFAULT 100

static const char *volatile running_test = "(no test)";

static void deadline_passed(int signal_number) {
    (void)signal_number;
    static const char before[] = "deadline passed in ";
    const char *name = running_test;
    ssize_t ignored = write(STDERR_FILENO, before, sizeof(before) - 1);
    ignored = write(STDERR_FILENO, name, strlen(name));
    ignored = write(STDERR_FILENO, "\n", 1);
    (void)ignored;
    _exit(124);
}

void suite_deadline(unsigned seconds) {
    struct sigaction action = {.sa_handler = deadline_passed};
    sigaction(SIGALRM, &action, NULL);
    alarm(seconds);
}

unsigned suite_failures(void) { return CU_get_number_of_failures(); }

static double test_start; /* seconds, of the running test */

static double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void test_started(const CU_pTest test, const CU_pSuite suite) {
    (void)suite;
    running_test = test->pName;
    test_start = seconds_now();
}

static void test_ended(const CU_pTest test, const CU_pSuite suite, const CU_pFailureRecord first) {
    (void)suite;
    for (const CU_FailureRecord *f = first; f; f = f->pNext) {
        printf("%s:%u: %s: %s\n", f->strFileName, f->uiLineNumber, test->pName, f->strCondition);
    }
    double took = seconds_now() - test_start;
    if (took >= 1) {
        printf("%s: %.2f s\n", test->pName, took);
    }
    fflush(stdout);
}

static unsigned add_tests(CU_pSuite suite, const struct suite_test *tests) {
    const char *only = getenv("SUITE_TEST");
    unsigned added = 0;
    for (const struct suite_test *t = tests; t->name; t++) {
        if (only && !strstr(t->name, only)) {
            continue;
        }
        if (!CU_add_test(suite, t->name, t->run)) {
            fprintf(stderr, "test %s: %s\n", t->name, CU_get_error_msg());
            exit(1);
        }
        added++;
    }
    return added;
}

static unsigned deadline_seconds(void) {
    const char *text = getenv("SUITE_SECONDS");
    return text ? (unsigned)strtoul(text, NULL, 10) : SUITE_SECONDS_DEFAULT;
}

int suite_main(const char *suite, const struct suite_test *tests) {
    double start = seconds_now();
    if (CU_initialize_registry() != CUE_SUCCESS) {
        fprintf(stderr, "suite %s: %s\n", suite, CU_get_error_msg());
        return 1;
    }
    CU_pSuite s = CU_add_suite(suite, NULL, NULL);
    if (!s) {
        fprintf(stderr, "suite %s: %s\n", suite, CU_get_error_msg());
        return 1;
    }
    unsigned added = add_tests(s, tests);
    CU_set_test_start_handler(test_started);
    CU_set_test_complete_handler(test_ended);
    suite_deadline(deadline_seconds());
    CU_run_all_tests();
    suite_deadline(0);
    unsigned failed = CU_get_number_of_tests_failed();
    printf("%s: %u tests, %u failed, %u assertions, %.2f s\n", suite, added, failed,
           CU_get_number_of_asserts(), seconds_now() - start);
    CU_cleanup_registry();
    return added == 0 || failed > 0;
}
