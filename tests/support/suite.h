/* suite.h - the main() of every unit and integration test.
 *
 * A test file lists its tests and hands them over:
 *
 *     #include "support/suite.h"
 *
 *     static void parses_zero(void) { CU_ASSERT_EQUAL(parse("0"), 0); }
 *
 *     int main(void) {
 *         static const struct suite_test tests[] = {
 *             {"parses_zero", parses_zero},
 *             {NULL, NULL},
 *         };
 *         return suite_main("num", tests);
 *     }
 *
 * The CU_ASSERT family of <CUnit/CUnit.h>, which this header includes, records failures;
 * the _FATAL forms end the test. They belong to the thread that runs the test.
 * Printed: each failure with its file and line as its test ends, then one line of result.
 *
 * Environment: SUITE_TEST=text runs only the tests whose names contain the text;
 * SUITE_SECONDS=n is the deadline of the whole suite (100 when unset, 0 for none).
 * Threads: the main thread only.
 */
#ifndef SUPPORT_SUITE_H
#define SUPPORT_SUITE_H

#include <CUnit/CUnit.h>

struct suite_test {
    const char *name;
    void (*run)(void);
};

/* Runs the tests in order and returns what main() should: 0 when all passed. `tests` ends
 * with a NULL name. No test run at all (SUITE_TEST matches none) counts as a failure. */
int suite_main(const char *suite, const struct suite_test *tests);

/* The assertions that failed so far; 0 outside of a suite. */
unsigned suite_failures(void);

/* Sets the time left before the process ends with a line that names the running test, as
 * a suite that hangs would tell nothing. Counted from now; replaces the former deadline;
 * 0 takes it away. Programs without a suite may use it too. */
void suite_deadline(unsigned seconds);

#endif
