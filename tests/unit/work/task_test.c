/* task_test.c - periodic tasks by a clock that the test moves. */
#include "work/task.h"

#include <string.h>

#include "support/suite.h"

static struct work_tasks *tasks;
static char order[64]; /* the first letters of what ran */

static void note(void *ctx) {
    const struct work_task *task = ctx;
    size_t n = strlen(order);
    order[n] = task->name[0];
    order[n + 1] = 0;
}

static void leave(void *ctx) {
    note(ctx);
    work_task_drop(ctx);
}

static const char *ran_until(int64_t now_ms, int64_t *next_ms) {
    order[0] = 0;
    *next_ms = work_tasks_run(tasks, now_ms);
    return order;
}

static void run_at_multiples_of_their_periods(void) {
    struct work_task a = work_task_of("a", 100, note, &a), b = work_task_of("b", 250, note, &b);
    int64_t next;
    tasks = work_tasks_new();
    work_task_add(tasks, &a);
    work_task_add(tasks, &b);
    CU_ASSERT_STRING_EQUAL(ran_until(1030, &next), "ab"); /* the first is at once */
    CU_ASSERT_EQUAL(next, 1100);
    CU_ASSERT_STRING_EQUAL(ran_until(1099, &next), "");
    CU_ASSERT_STRING_EQUAL(ran_until(1101, &next), "a");
    CU_ASSERT_EQUAL(next, 1200);
    CU_ASSERT_STRING_EQUAL(ran_until(1200, &next), "a");
    CU_ASSERT_EQUAL(next, 1250);
    CU_ASSERT_STRING_EQUAL(ran_until(1250, &next), "b");
    CU_ASSERT_STRING_EQUAL(ran_until(5555, &next), "ab"); /* once for all that was missed */
    CU_ASSERT_EQUAL(next, 5600);
    CU_ASSERT(a.runs == 4 && b.runs == 3);
    work_tasks_free(tasks);
}

static void one_may_leave(void) {
    struct work_task a = work_task_of("a", 10, note, &a), b = work_task_of("b", 10, note, &b),
                     c = work_task_of("c", 10, note, &c);
    int64_t next;
    b.run = leave;
    tasks = work_tasks_new();
    work_task_add(tasks, &a);
    work_task_add(tasks, &b);
    work_task_add(tasks, &c);
    CU_ASSERT_STRING_EQUAL(ran_until(0, &next), "abc");
    CU_ASSERT_STRING_EQUAL(ran_until(10, &next), "ac");
    work_task_drop(&a);
    work_task_drop(&c);
    CU_ASSERT_STRING_EQUAL(ran_until(20, &next), "");
    CU_ASSERT_EQUAL(next, INT64_MAX);
    work_tasks_free(tasks);
}

static void those_without_a_period_are_noted(void) {
    struct work_task a = {.name = "a"}, b = work_task_of("b", 10, note, &b);
    int64_t next;
    tasks = work_tasks_new();
    work_task_add(tasks, &a);
    CU_ASSERT_STRING_EQUAL(ran_until(1000, &next), "");
    CU_ASSERT_EQUAL(next, INT64_MAX);
    work_task_note(&a, 5000); /* a tick is a nanosecond before clock_init */
    work_task_note(&a, 3000);
    CU_ASSERT(a.runs == 2 && a.us_last == 3 && a.us_max == 5);
    work_task_add(tasks, &b);
    CU_ASSERT_PTR_EQUAL(work_task_next(tasks, NULL), &a);
    CU_ASSERT_PTR_EQUAL(work_task_next(tasks, &a), &b);
    CU_ASSERT_PTR_NULL(work_task_next(tasks, &b));
    work_tasks_free(tasks);
}

int main(void) {
    static const struct suite_test tests[] = {
        {"run_at_multiples_of_their_periods", run_at_multiples_of_their_periods},
        {"one_may_leave", one_may_leave},
        {"those_without_a_period_are_noted", those_without_a_period_are_noted},
        {NULL, NULL},
    };
    return suite_main("task", tests);
}
